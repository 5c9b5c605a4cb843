#include "serve/directory.h"

#include "base/secret.h"
#include "serve/problem.h"
#include "tahoe/child_rw.h"

enum { CHILD_MAX = 2 * 1024 * 1024 }; /* bytes of one child's serialized form */

static enum fault child_pack(const struct child *child, struct chk_cipher *cipher,
			     const unsigned char *writekey, struct bytes *out)
{
	const struct bytes_view rw = { child->rw, strlen(child->rw) };
	enum fault fault = netstring_append(out, child->name, child->name_size);
	if (!fault)
		fault = netstring_append(out, child->ro, strlen(child->ro));
	if (!fault && writekey)
		fault = child_rw_hide(cipher, writekey, &rw, out);
	else if (!fault)
		fault = netstring_append(out, "", 0);
	if (!fault)
		fault = netstring_append(out, child->metadata, strlen(child->metadata));
	return fault;
}

enum fault directory_pack(const struct stored_directory *directory, const unsigned char *writekey,
			  struct bytes *out, struct err *err)
{
	struct chk_cipher cipher;
	struct bytes one;
	enum fault fault = chk_cipher_init(&cipher, err);
	if (fault)
		return fault;
	bytes_init(&one, CHILD_MAX);
	for (size_t i = 0; i < directory->count && !fault; i++) {
		bytes_clear(&one);
		fault = child_pack(&directory->list[i], &cipher, writekey, &one);
		if (!fault)
			fault = netstring_append(out, one.data, one.size);
	}
	bytes_fini(&one);
	chk_cipher_fini(&cipher);
	return bytes_err(fault, err, "a directory");
}

static char *text_of(const struct bytes_view *content)
{
	return strndup(content->data, content->size);
}

/* Allocates the write cap that is hidden, if there is one. */
static char *rw_of(const struct bytes_view *hidden, struct chk_cipher *cipher,
		   const unsigned char *writekey)
{
	if (!writekey || hidden->size < CHILD_RW_OVERHEAD)
		return strdup("");
	char *text = calloc(1, hidden->size - CHILD_RW_OVERHEAD + 1);
	if (text && !child_rw_show(cipher, writekey, hidden, text))
		text[0] = '\0';
	return text;
}

/* Adds the child that is the next netstring of `all`. */
static enum fault child_unpack(struct bytes_view *all, struct chk_cipher *cipher,
			       const unsigned char *writekey, struct stored_directory *directory,
			       struct err *err)
{
	struct bytes_view entry, name, ro, hidden, metadata;
	if (!netstring_take(all, &entry) || !netstring_take(&entry, &name) ||
	    !netstring_take(&entry, &ro) || !netstring_take(&entry, &hidden) ||
	    !netstring_take(&entry, &metadata))
		return problem(err, 410,
			       "allmydata.mutable.common.UnrecoverableFileError: not a directory");
	struct child child = {
		.ro = text_of(&ro),
		.rw = rw_of(&hidden, cipher, writekey),
		.metadata = text_of(&metadata),
	};
	enum fault fault = FAULT_NONE;
	if (!child.ro || !child.rw || !child.metadata)
		fault = err_set(err, FAULT_NOMEM, "out of memory for a directory");
	else
		fault = directory_add(directory, name.data, name.size, &child, err);
	if (child.rw)
		secret_wipe(child.rw, strlen(child.rw));
	free(child.ro);
	free(child.rw);
	free(child.metadata);
	return fault;
}

enum fault directory_unpack(const void *data, size_t size, const unsigned char *writekey,
			    struct stored_directory *directory, struct err *err)
{
	struct chk_cipher cipher;
	struct stored_directory read = { 0 };
	struct bytes_view all = { data, size };
	enum fault fault = chk_cipher_init(&cipher, err);
	if (fault)
		return fault;
	while (all.size > 0 && !fault)
		fault = child_unpack(&all, &cipher, writekey, &read, err);
	chk_cipher_fini(&cipher);
	if (fault) {
		directory_fini(&read);
		return fault;
	}
	directory_sort(&read); /* no change, unless somebody else wrote it */
	*directory = read;
	return FAULT_NONE;
}
