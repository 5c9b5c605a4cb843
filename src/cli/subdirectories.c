#include "cli/subdirectories.h"

#include "queue/core/array.h"

bool subdirectories_add(struct subdirectories *all, const struct store_child *child, size_t row)
{
	const struct cap *cap = child->node.rw.kind ? &child->node.rw : &child->node.ro;
	if (child->node.kind != STORE_DIRECTORY || !cap_is_directory(cap) || cap_is_verifier(cap))
		return true;
	if (!array_reserve(&all->at, all->count, &all->capacity, sizeof *all->at))
		return false;
	char *name = malloc(child->name_size + 1);
	if (!name)
		return false;
	memcpy(name, child->name, child->name_size);
	name[child->name_size] = '\0';
	all->at[all->count++] = (struct subdirectory){ name, child->name_size, row, *cap };
	return true;
}

static int by_name(const void *a, const void *b)
{
	const struct subdirectory *left = a, *right = b;
	int order =
		memcmp(left->name, right->name, (size_t)min_u64(left->name_size, right->name_size));
	return order ? order
		     : (left->name_size > right->name_size) - (left->name_size < right->name_size);
}

static void drop(struct subdirectory *one)
{
	free(one->name);
	cap_wipe(&one->cap);
}

void subdirectories_settle(struct subdirectories *all, const struct listing *listing)
{
	size_t kept = 0;
	for (size_t i = 0; i < all->count; i++)
		if (listing->row[all->at[i].row].kind == STORE_DIRECTORY)
			all->at[kept++] = all->at[i];
		else
			drop(&all->at[i]);
	all->count = kept;
	if (kept > 1)
		qsort(all->at, kept, sizeof *all->at, by_name);
}

void subdirectories_fini(struct subdirectories *all)
{
	for (size_t i = 0; i < all->count; i++)
		drop(&all->at[i]);
	free(all->at);
	*all = (struct subdirectories){ 0 };
}
