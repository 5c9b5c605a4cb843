#include "fetch/names.h"

#include "base/digest.h"
#include "base/utf8.h"
#include "fetch/beneath.h"

const char *name_refusal(const char *name, size_t size)
{
	if (size == 0)
		return "the name is empty";
	if (size > BENEATH_NAME_MAX)
		return "the name is longer than 255 bytes";
	if (memchr(name, '\0', size))
		return "the name holds a NUL";
	if (memchr(name, '/', size))
		return "the name holds a slash";
	if ((size == 1 && name[0] == '.') || (size == 2 && memcmp(name, "..", 2) == 0))
		return "the name leads out of its directory";
	if (!name_is_utf8(name, size))
		return "the name is not UTF-8";
	return NULL;
}

/* A name in NFC, by its hash: equal hashes are equal names (128 bits). */
struct normal {
	unsigned char hash[CONTENT_HASH_SIZE];
	struct name_ref *name;
};

static int compare(const void *a, const void *b)
{
	const struct normal *left = a, *right = b;
	return memcmp(left->hash, right->hash, CONTENT_HASH_SIZE);
}

static enum fault normalize(struct name_ref *name, struct bytes *scratch, struct normal *out,
			    struct err *err)
{
	bytes_clear(scratch);
	enum fault fault = name_to_nfc(scratch, name->name, name->size);
	if (fault && fault != FAULT_USAGE)
		return bytes_err(fault, err, "a name");
	if (fault)
		content_hash_of(name->name, name->size, out->hash);
	else
		content_hash_of(scratch->data, scratch->size, out->hash);
	out->name = name;
	return FAULT_NONE;
}

enum fault names_mark(struct name_ref *name, size_t count, struct err *err)
{
	struct bytes scratch;
	struct normal *normal = calloc(count ? count : 1, sizeof *normal);
	if (!normal)
		return err_set(err, FAULT_NOMEM, "no memory for the names of a directory");
	bytes_init(&scratch, SIZE_MAX / 2);
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < count && !fault; i++) {
		name[i].collides = false;
		fault = normalize(&name[i], &scratch, &normal[i], err);
	}
	if (!fault)
		qsort(normal, count, sizeof *normal, compare);
	for (size_t i = 1; i < count && !fault; i++)
		if (compare(&normal[i - 1], &normal[i]) == 0)
			normal[i - 1].name->collides = normal[i].name->collides = true;
	bytes_fini(&scratch);
	free(normal);
	return fault;
}
