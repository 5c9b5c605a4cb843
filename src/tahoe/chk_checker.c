#include "tahoe/chk.h"

#include "tahoe/chk_share.h"

struct chk_checker {
	struct chk_layout layout;
	struct digest digest;
	unsigned char *tree;         /* over the segments, proved */
	const unsigned char *leaves; /* of it: 32 bytes a segment */
};

void chk_checker_free(struct chk_checker *checker)
{
	if (!checker)
		return;
	digest_fini(&checker->digest);
	free(checker->tree);
	free(checker);
}

/* The cap has the hash of the UEB; the UEB has the roots of the trees. */
static enum fault check_ueb(const struct cap *cap, const struct chk_layout *layout,
			    const unsigned char *ueb, struct chk_roots *roots, struct err *err)
{
	unsigned char hash[DIGEST_SIZE];
	hash_tagged(TAG_UEB, ueb, (size_t)layout->ueb_size, hash);
	if (memcmp(hash, cap->hash, DIGEST_SIZE) != 0 ||
	    !chk_ueb_read(layout, cap->needed, cap->total, ueb, roots))
		return err_set(err, FAULT_CORRUPT, "the share's extension block is not the cap's");
	return FAULT_NONE;
}

/* Proves the leaves by the root: the inner nodes of the share are not even looked at. */
static enum fault take_leaves(struct chk_checker *checker, const unsigned char *stored,
			      const unsigned char root[DIGEST_SIZE], struct err *err)
{
	const struct chk_layout *layout = &checker->layout;
	const size_t size = (size_t)(layout->block_tree_offset - layout->crypttext_tree_offset);
	const size_t leaves_at = (size_t)(chk_tree_leaves(layout->segment_count) - 1) * DIGEST_SIZE;
	unsigned char *tree = malloc(size);
	if (!tree)
		return err_set(err, FAULT_NOMEM, "no memory for the hash tree of a file");
	memcpy(tree + leaves_at, stored + leaves_at, (size_t)layout->segment_count * DIGEST_SIZE);
	chk_tree_complete(tree, layout->segment_count);
	checker->tree = tree;
	checker->leaves = tree + leaves_at;
	return memcmp(tree, root, DIGEST_SIZE) == 0
		       ? FAULT_NONE
		       : err_set(err, FAULT_CORRUPT, "the share's hash tree is not the cap's");
}

enum fault chk_checker_new(const struct cap *cap, const struct chk_layout *layout, const void *tail,
			   struct chk_checker **checker, struct err *err)
{
	if (!cap_is_chk(cap) || cap->size != layout->size)
		return err_set(err, FAULT_USAGE, "not the cap of such a share");
	struct chk_checker *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for a checker");
	made->layout = *layout;
	const uint64_t tail_at = layout->data_offset + layout->data_size;
	const unsigned char *at = tail;
	const uint64_t ueb_at = layout->share_size - layout->ueb_size;
	struct chk_roots roots;
	enum fault fault = digest_init(&made->digest, err);
	if (!fault)
		fault = check_ueb(cap, layout, at + (ueb_at - tail_at), &roots, err);
	if (!fault)
		fault = take_leaves(made, at + (layout->crypttext_tree_offset - tail_at),
				    roots.crypttext_root, err);
	if (fault)
		chk_checker_free(made);
	else
		*checker = made;
	return fault;
}

enum fault chk_checker_segment(struct chk_checker *checker, uint64_t index, const void *data,
			       size_t size, struct err *err)
{
	const struct chk_layout *layout = &checker->layout;
	const bool last = index == layout->segment_count - 1;
	if (index >= layout->segment_count ||
	    size != (last ? layout->tail_size : layout->segment_size))
		return err_set(err, FAULT_USAGE, "not a segment of this file");
	unsigned char hash[DIGEST_SIZE];
	hash_tagged_start(&checker->digest, TAG_SEGMENT);
	digest_update(&checker->digest, data, size);
	digest_final_double(&checker->digest, hash);
	if (memcmp(hash, checker->leaves + index * DIGEST_SIZE, DIGEST_SIZE) != 0)
		return err_set(err, FAULT_CORRUPT, "segment %llu is damaged",
			       (unsigned long long)index);
	return FAULT_NONE;
}
