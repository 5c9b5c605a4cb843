#include "tahoe/dirnode.h"

void dirnode_init(struct dirnode *dir, size_t max)
{
	memset(dir, 0, sizeof *dir);
	bytes_init(&dir->body, max);
	bytes_init(&dir->child, max);
}

void dirnode_fini(struct dirnode *dir)
{
	if (!dir)
		return;
	bytes_fini(&dir->body);
	bytes_fini(&dir->child);
	dirnode_clear(dir);
}

void dirnode_clear(struct dirnode *dir)
{
	bytes_clear(&dir->body);
	bytes_clear(&dir->child);
	dir->last_offset = 0;
	dir->last_size = 0;
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

/* What is below an immutable directory must be immutable itself. */
static bool is_allowed(const struct cap *cap)
{
	return (cap_is_chk(cap) || cap_is_literal(cap)) && !cap_is_verifier(cap);
}

/* N(name) N(ro_uri) N("") N(metadata); stores where in `out` the name begins. */
static enum fault pack(struct bytes *out, const struct dirnode_child *child, size_t *name_offset)
{
	char text[CAP_TEXT_SIZE];
	const size_t length = cap_print(child->cap, text);
	bytes_clear(out);
	enum fault fault = netstring_append(out, child->name, child->name_size);
	if (!fault) {
		*name_offset = out->size - child->name_size - 1;
		fault = netstring_append(out, text, length);
	}
	if (!fault)
		fault = netstring_append(out, NULL, 0);
	if (!fault)
		fault = netstring_append(out, child->metadata, child->metadata_size);
	explicit_bzero(text, sizeof text);
	return fault;
}

enum fault dirnode_add(struct dirnode *dir, const struct dirnode_child *child, struct err *err)
{
	if (!rises(dir, child->name, child->name_size))
		return err_set(err, FAULT_USAGE, "the names of a directory do not rise");
	if (!is_allowed(child->cap))
		return err_set(err, FAULT_USAGE, "an immutable directory cannot hold this cap");
	size_t name_offset = 0;
	const size_t before = dir->body.size;
	enum fault fault = pack(&dir->child, child, &name_offset);
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

enum fault dirnode_cap(const struct dirnode *dir, const struct chk_params *params, struct cap *cap,
		       struct err *err)
{
	struct cap file;
	enum fault fault = chk_cap_of(params, dir->body.data, dir->body.size, &file, err);
	if (fault)
		return fault;
	const bool made = cap_to_directory(&file, cap);
	cap_wipe(&file);
	return made ? FAULT_NONE : err_set(err, FAULT_USAGE, "no directory has such a cap");
}

enum fault dirnode_shares(const struct dirnode *dir, const struct chk_params *params,
			  struct cap *cap, struct chk_shares **shares, struct err *err)
{
	enum fault fault = chk_shares_of(params, dir->body.data, dir->body.size, shares, err);
	if (!fault && !cap_to_directory(&(*shares)->cap, cap))
		fault = err_set(err, FAULT_USAGE, "no directory has such a cap");
	return fault;
}
