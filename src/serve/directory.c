#include "serve/directory.h"

#include "base/secret.h"
#include "base/utf8.h"
#include "serve/problem.h"

enum { NAME_MAX_SIZE = 64 * 1024 }; /* bytes; Tahoe has no limit but that of its request line */

static void text_free(char *text)
{
	if (text)
		secret_wipe(text, strlen(text));
	free(text);
}

static void child_fini(struct child *child)
{
	free(child->name);
	text_free(child->ro);
	text_free(child->rw);
	free(child->metadata);
	*child = (struct child){ 0 };
}

void directory_fini(struct stored_directory *directory)
{
	for (size_t i = 0; i < directory->count; i++)
		child_fini(&directory->list[i]);
	free(directory->list);
	*directory = (struct stored_directory){ 0 };
}

static int child_compare(const struct child *a, const struct child *b)
{
	return bytes_compare(a->name, a->name_size, b->name, b->name_size);
}

static int compare_wanted(const void *wanted, const void *element)
{
	const struct bytes_view *name = wanted;
	const struct child *child = element;
	return bytes_compare(name->data, name->size, child->name, child->name_size);
}

/* Finds a name that is in NFC already. */
static struct child *find_exact(const struct stored_directory *directory, const char *name,
				size_t size)
{
	const struct bytes_view wanted = { name, size };
	if (directory->count == 0)
		return NULL;
	return bsearch(&wanted, directory->list, directory->count, sizeof *directory->list,
		       compare_wanted);
}

struct child *directory_find(const struct stored_directory *directory, const char *name,
			     size_t size)
{
	if (name_is_nfc(name, size))
		return find_exact(directory, name, size);
	struct bytes nfc;
	bytes_init(&nfc, NAME_MAX_SIZE);
	struct child *found = NULL;
	if (!name_to_nfc(&nfc, name, size))
		found = find_exact(directory, bytes_text(&nfc), nfc.size);
	bytes_fini(&nfc);
	return found;
}

bool directory_remove(struct stored_directory *directory, const char *name, size_t size)
{
	struct child *child = directory_find(directory, name, size);
	if (!child)
		return false;
	child_fini(child);
	const size_t after = (size_t)(directory->list + directory->count - child) - 1;
	memmove(child, child + 1, after * sizeof *child);
	directory->count--;
	return true;
}

static struct child *directory_room(struct stored_directory *directory)
{
	if (directory->count == directory->capacity) {
		const size_t capacity = directory->capacity ? directory->capacity * 2 : 16;
		size_t size;
		if (!mul_size(capacity, sizeof directory->list[0], &size))
			return NULL;
		struct child *list = realloc(directory->list, size);
		if (!list)
			return NULL;
		directory->list = list;
		directory->capacity = capacity;
	}
	return &directory->list[directory->count];
}

static char *copy(const char *text) { return strdup(text ? text : ""); }

enum fault directory_add(struct stored_directory *directory, const char *text, size_t size,
			 const struct child *child, struct err *err)
{
	struct bytes name;
	struct child new = { 0 };
	bytes_init(&name, NAME_MAX_SIZE);
	enum fault fault = name_to_nfc(&name, text, size);
	if (fault) {
		bytes_fini(&name);
		return problem(err, 500, "builtins.UnicodeError: a name is not UTF-8 or too long");
	}
	const bool empty = name.size == 0;
	new.name_size = name.size;
	new.name = empty ? copy("") : (char *)bytes_take(&name, &new.name_size);
	bytes_fini(&name);
	new.ro = copy(child->ro);
	new.rw = copy(child->rw);
	new.metadata = child->metadata ? copy(child->metadata) : NULL;
	struct child *room = directory_room(directory);
	if (!room || !new.name || !new.ro || !new.rw || (child->metadata && !new.metadata)) {
		child_fini(&new);
		return err_set(err, FAULT_NOMEM, "out of memory for a directory");
	}
	*room = new;
	directory->count++;
	return FAULT_NONE;
}

static int sort_compare(const void *a, const void *b)
{
	const struct child *one = a, *other = b;
	const int order = child_compare(one, other);
	return order != 0 ? order : (one->order > other->order) - (one->order < other->order);
}

void directory_sort(struct stored_directory *directory)
{
	struct child *list = directory->list;
	if (directory->count < 2)
		return;
	for (size_t i = 0; i < directory->count; i++)
		list[i].order = i;
	qsort(list, directory->count, sizeof list[0], sort_compare);
	for (size_t i = 1; i < directory->count; i++) {
		if (child_compare(&list[i - 1], &list[i]) == 0)
			child_fini(&list[i - 1]);
	}
	size_t kept = 0;
	for (size_t i = 0; i < directory->count; i++) {
		if (list[i].name)
			list[kept++] = list[i];
	}
	directory->count = kept;
}

static enum fault text_of_cap(const struct cap *cap, char **out, struct err *err)
{
	char text[CAP_TEXT_SIZE];
	cap_print(cap, text);
	*out = copy(text);
	secret_wipe(text, sizeof text);
	return *out ? FAULT_NONE : err_set(err, FAULT_NOMEM, "out of memory for a cap");
}

enum fault child_set_cap(struct child *child, const char *text, size_t size, struct err *err)
{
	struct cap cap;
	struct err detail;
	if (cap_parse(text, size, &cap, &detail))
		return problem(err, 500, "allmydata.uri.BadURIError: not a cap");
	if (cap.kind == CAP_UNKNOWN)
		return problem(err, 400,
			       "MustNotBeUnknownRWError: cannot attach a cap of unknown format");
	enum fault fault = FAULT_NONE;
	if (cap_is_writable(&cap)) {
		fault = text_of_cap(&cap, &child->rw, err);
		if (!fault && !cap_to_readonly(&cap, &cap))
			fault = problem(err, 500, "allmydata.uri.BadURIError: no read cap");
	}
	if (!fault)
		fault = text_of_cap(&cap, &child->ro, err);
	cap_wipe(&cap);
	if (fault) {
		text_free(child->rw);
		child->rw = NULL;
	}
	return fault;
}

enum fault directory_complete(struct stored_directory *directory, struct err *err)
{
	for (size_t i = 0; i < directory->count; i++) {
		struct child *child = &directory->list[i];
		if (!child->metadata)
			child->metadata = copy("{}");
		if (!child->metadata)
			return err_set(err, FAULT_NOMEM, "out of memory for a directory");
	}
	return FAULT_NONE;
}
