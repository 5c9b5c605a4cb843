#include "tahoe/dirnode.h"

#include "tahoe/child_rw.h"

#include <assert.h>

void dirnode_init(struct dirnode *dir, size_t max)
{
	memset(dir, 0, sizeof *dir);
	bytes_init(&dir->body, max);
	bytes_init(&dir->child, max);
}

enum fault dirnode_init_mutable(struct dirnode *dir, size_t max,
				const unsigned char writekey[CAP_KEY_SIZE], struct err *err)
{
	dirnode_init(dir, max);
	memcpy(dir->writekey, writekey, CAP_KEY_SIZE);
	return chk_cipher_init(&dir->cipher, err);
}

void dirnode_fini(struct dirnode *dir)
{
	if (!dir)
		return;
	chk_cipher_fini(&dir->cipher);
	explicit_bzero(dir->writekey, sizeof dir->writekey);
	bytes_fini(&dir->body);
	bytes_fini(&dir->child);
}

void dirnode_clear(struct dirnode *dir)
{
	bytes_clear(&dir->body);
	bytes_clear(&dir->child);
	dir->count = 0;
}

/* Whether the name sorts behind the last one, whose bytes are in the body. */
static bool rises(const struct dirnode *dir, const char *name, size_t size)
{
	if (dir->count == 0)
		return true;
	const size_t common = size < dir->last_size ? size : dir->last_size;
	const int order = common ? memcmp(dir->body.data + dir->last_offset, name, common) : 0;
	return order < 0 || (order == 0 && dir->last_size < size);
}

static bool is_mutable(const struct dirnode *dir) { return dir->cipher.state; }

/* What is below an immutable directory must be immutable itself. */
static bool is_allowed(const struct dirnode *dir, const struct cap *cap)
{
	if (is_mutable(dir))
		return (cap_is_file(cap) || cap_is_directory(cap)) && !cap_is_verifier(cap);
	return (cap_is_chk(cap) || cap_is_literal(cap)) && !cap_is_verifier(cap);
}

/* The write cap, hidden, or "" in its place where there is none. */
static enum fault pack_writable(struct dirnode *dir, const struct cap *cap)
{
	char text[CAP_TEXT_SIZE];
	struct bytes_view rw = { text, 0 };
	if (!is_mutable(dir))
		return netstring_append(&dir->child, NULL, 0);
	if (cap_is_writable(cap))
		rw.size = cap_print(cap, text);
	enum fault fault = child_rw_hide(&dir->cipher, dir->writekey, &rw, &dir->child);
	explicit_bzero(text, sizeof text);
	return fault;
}

/* N(name) N(ro_uri) N(rw) N(metadata); stores where in dir->child the name begins. */
static enum fault pack(struct dirnode *dir, const struct dirnode_child *child, size_t *name_offset)
{
	char text[CAP_TEXT_SIZE];
	struct bytes *out = &dir->child;
	const size_t length = cap_print_readonly(child->cap, text);
	bytes_clear(out);
	enum fault fault = netstring_append(out, child->name, child->name_size);
	if (!fault) {
		*name_offset = out->size - child->name_size - 1;
		fault = netstring_append(out, text, length);
	}
	if (!fault)
		fault = pack_writable(dir, child->cap);
	if (!fault)
		fault = netstring_append(out, child->metadata, child->metadata_size);
	explicit_bzero(text, sizeof text);
	return fault;
}

enum fault dirnode_add(struct dirnode *dir, const struct dirnode_child *child, struct err *err)
{
	if (!rises(dir, child->name, child->name_size))
		return err_set(err, FAULT_USAGE, "the names of a directory do not rise");
	if (!is_allowed(dir, child->cap))
		return err_set(err, FAULT_USAGE, "such a directory cannot hold this cap");
	size_t name_offset = 0;
	const size_t before = dir->body.size;
	enum fault fault = pack(dir, child, &name_offset);
	if (!fault)
		fault = netstring_append(&dir->body, dir->child.data, dir->child.size);
	if (fault)
		return bytes_err(fault, err, "the directory");
	const size_t prefix = dir->body.size - before - dir->child.size - 1;
	dir->last_offset = before + prefix + name_offset;
	dir->last_size = child->name_size;
	dir->count++;
	return FAULT_NONE;
}

/* Of the cap of a directory's form, which is CHK or LIT: each of them is of a directory, too. */
static void to_directory(const struct cap *file, struct cap *cap)
{
	const bool made = cap_to_directory(file, cap);
	assert(made);
	(void)made;
}

enum fault dirnode_cap(const struct dirnode *dir, const struct chk_params *params, struct cap *cap,
		       struct err *err)
{
	enum fault fault = chk_cap_of(params, dir->body.data, dir->body.size, cap, err);
	if (!fault)
		to_directory(cap, cap);
	return fault;
}

enum fault dirnode_shares(const struct dirnode *dir, const struct chk_params *params,
			  struct cap *cap, struct chk_shares **shares, struct err *err)
{
	enum fault fault = chk_shares_of(params, dir->body.data, dir->body.size, shares, err);
	if (!fault)
		to_directory(&(*shares)->cap, cap);
	return fault;
}
