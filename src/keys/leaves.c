#include "keys/leaves.h"

#include "base/secret.h"

enum fault leaves_init(struct leaves *leaves, struct err *err)
{
	leaves->leaf = calloc(KEY_LEAVES, sizeof *leaves->leaf);
	return leaves->leaf ? FAULT_NONE : err_set(err, FAULT_NOMEM, "no memory for a key store");
}

void leaves_fini(struct leaves *leaves)
{
	if (leaves->leaf)
		secret_wipe(leaves->leaf, KEY_LEAVES * sizeof *leaves->leaf);
	free(leaves->leaf);
	leaves->leaf = NULL;
}

bool leaves_find(const struct leaves *leaves, unsigned number, uint64_t now_ms, struct cap *cap)
{
	const struct leaf *leaf = &leaves->leaf[number];
	return leaf->size && now_ms - leaf->seen_ms < LEAVES_KEPT_MS &&
	       cap_unpack(leaf->cap, leaf->size, leaf->kind, cap);
}

void leaves_keep(struct leaves *leaves, unsigned number, uint64_t seen_ms, const struct cap *cap)
{
	struct leaf *leaf = &leaves->leaf[number];
	leaf->seen_ms = seen_ms;
	if (!cap_pack(cap, leaf->cap, &leaf->size, &leaf->kind))
		leaf->size = 0;
}
