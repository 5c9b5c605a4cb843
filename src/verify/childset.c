#include "verify/childset.h"

#include "base/digest.h"
#include "base/secret.h"
#include "queue/core/array.h"

/* Bytes of a name; a listing with a longer one is not of our making. */
enum { NAME_MAX_SIZE = 4096 };

/* Name and cap each with their length in front, so that no two different children hash the same
 * bytes. */
static void digest_child(const char *name, size_t name_size, const struct cap *cap,
			 unsigned char out[CHILDSET_DIGEST_SIZE])
{
	unsigned char bytes[16 + NAME_MAX_SIZE + CAP_TEXT_SIZE];
	char text[CAP_TEXT_SIZE];
	unsigned char whole[DIGEST_SIZE];
	size_t text_size = cap_print(cap, text);
	store_le64(bytes, name_size);
	store_le64(bytes + 8, text_size);
	memcpy(bytes + 16, name, name_size);
	memcpy(bytes + 16 + name_size, text, text_size);
	digest_of(bytes, 16 + name_size + text_size, whole);
	memcpy(out, whole, CHILDSET_DIGEST_SIZE);
	secret_wipe(text, text_size);
	secret_wipe(bytes, 16 + name_size + text_size);
}

bool childset_add(struct childset *set, const char *name, size_t name_size, const struct cap *cap)
{
	if (name_size > NAME_MAX_SIZE)
		return false;
	if (!array_reserve(&set->member, set->count, &set->capacity, sizeof *set->member))
		return false;
	struct childset_member *member = &set->member[set->count];
	member->number = (uint32_t)set->count++;
	member->found = false;
	digest_child(name, name_size, cap, member->digest);
	return true;
}

static int compare_members(const void *a, const void *b)
{
	const struct childset_member *left = a, *right = b;
	return memcmp(left->digest, right->digest, CHILDSET_DIGEST_SIZE);
}

void childset_seal(struct childset *set)
{
	if (set->count > 1)
		qsort(set->member, set->count, sizeof *set->member, compare_members);
}

void childset_begin(struct childset *set)
{
	for (size_t i = 0; i < set->count; i++)
		set->member[i].found = false;
	set->listed = 0;
	set->found = 0;
}

/* Returns the member that the name and the cap are, or NULL. */
static struct childset_member *find_member(const struct childset *set, const char *name,
					   size_t name_size, const struct cap *cap)
{
	struct childset_member wanted;
	if (set->count == 0 || name_size > NAME_MAX_SIZE)
		return NULL;
	digest_child(name, name_size, cap, wanted.digest);
	return bsearch(&wanted, set->member, set->count, sizeof *set->member, compare_members);
}

bool childset_has(const struct childset *set, const char *name, size_t name_size,
		  const struct cap *cap)
{
	return find_member(set, name, name_size, cap);
}

void childset_see(struct childset *set, const struct store_child *child)
{
	const struct store_node *node = &child->node;
	set->listed++;
	struct childset_member *member = find_member(set, child->name, child->name_size,
						     node->rw.kind ? &node->rw : &node->ro);
	if (member && !member->found) {
		member->found = true;
		set->found++;
	}
}

bool childset_matches(const struct childset *set, bool exact)
{
	return set->found == set->count && (!exact || set->listed == set->count);
}

void childset_fini(struct childset *set)
{
	free(set->member);
	*set = (struct childset){ 0 };
}
