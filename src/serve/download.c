#include "serve/download.h"

#include "base/secret.h"
#include "serve/problem.h"

enum { SEGMENT_NONE = -1 };

struct download_reply {
	uint64_t size;
	unsigned char *segment; /* the whole file, or one segment of it, in plain */
	/* All below: files in shares. */
	const struct shares *shares; /* NULL: `segment` is everything */
	struct share share;
	struct chk_layout layout;
	struct chk_checker *checker;
	struct chk_cipher cipher;
	unsigned char key[CAP_KEY_SIZE];
	int64_t loaded; /* number of the segment in `segment`, or SEGMENT_NONE */
};

enum fault download_of_memory(const void *data, size_t size, struct download_reply **out,
			      struct err *err)
{
	struct download_reply *download = calloc(1, sizeof *download);
	unsigned char *copy = malloc(size + 1);
	if (!download || !copy) {
		free(download);
		free(copy);
		return err_set(err, FAULT_NOMEM, "out of memory for a file");
	}
	if (size > 0)
		memcpy(copy, data, size);
	download->segment = copy;
	download->size = size;
	*out = download;
	return FAULT_NONE;
}

static enum fault damaged(struct err *err)
{
	return problem(err, 410,
		       "allmydata.interfaces.NotEnoughSharesError: ran out of shares: "
		       "corrupt=sh0 overdue= unused= need 1. Last failure: None");
}

static enum fault checker_open(struct download_reply *download, const struct cap *cap,
			       struct err *err)
{
	const struct chk_layout *layout = &download->layout;
	const uint64_t tail_at = layout->data_offset + layout->data_size;
	const uint64_t tail_size = layout->share_size - tail_at;
	unsigned char *tail = malloc((size_t)tail_size);
	if (!tail)
		return err_set(err, FAULT_NOMEM, "out of memory for hashes");
	enum fault fault = shares_read(download->shares, download->share.offset + tail_at, tail,
				       (size_t)tail_size, err);
	if (!fault)
		fault = chk_checker_new(cap, layout, tail, &download->checker, err);
	free(tail);
	return fault == FAULT_CORRUPT ? damaged(err) : fault;
}

enum fault download_of_share(const struct shares *shares, const struct share *share,
			     const struct cap *cap, struct download_reply **out, struct err *err)
{
	const struct chk_params params = { .k = 1, .n = 1, .max_segment_size = CHK_SEGMENT_SIZE };
	struct download_reply *download = calloc(1, sizeof *download);
	if (!download)
		return err_set(err, FAULT_NOMEM, "out of memory for a file");
	download->shares = shares;
	download->share = *share;
	download->size = cap->size;
	download->loaded = SEGMENT_NONE;
	memcpy(download->key, cap->key, CAP_KEY_SIZE);
	enum fault fault = chk_layout_of(&params, cap->size, &download->layout, err);
	if (!fault && download->layout.share_size != share->size)
		fault = damaged(err);
	if (!fault)
		fault = chk_cipher_init(&download->cipher, err);
	if (!fault)
		fault = checker_open(download, cap, err);
	if (!fault) {
		download->segment = malloc(download->layout.segment_size);
		if (!download->segment)
			fault = err_set(err, FAULT_NOMEM, "out of memory for a segment");
	}
	if (fault) {
		download_free(download);
		return fault;
	}
	*out = download;
	return FAULT_NONE;
}

void download_free(struct download_reply *download)
{
	if (!download)
		return;
	const uint64_t held = download->shares ? download->layout.segment_size : download->size;
	if (download->segment)
		secret_wipe(download->segment, (size_t)held);
	free(download->segment);
	chk_checker_free(download->checker);
	chk_cipher_fini(&download->cipher);
	secret_wipe(download->key, sizeof download->key);
	free(download);
}

uint64_t download_size(const struct download_reply *download) { return download->size; }

static size_t segment_bytes(const struct download_reply *download, uint64_t index)
{
	const bool last = index == download->layout.segment_count - 1;
	return last ? download->layout.tail_size : download->layout.segment_size;
}

/* Has segment `index` in memory, proved and in plain. */
static enum fault segment_load(struct download_reply *download, uint64_t index, struct err *err)
{
	if (download->loaded == (int64_t)index)
		return FAULT_NONE;
	const size_t size = segment_bytes(download, index);
	const uint64_t start = index * download->layout.segment_size;
	const uint64_t offset = download->share.offset + download->layout.data_offset + start;
	download->loaded = SEGMENT_NONE;
	enum fault fault = shares_read(download->shares, offset, download->segment, size, err);
	if (!fault)
		fault = chk_checker_segment(download->checker, index, download->segment, size, err);
	if (fault)
		return fault == FAULT_CORRUPT ? damaged(err) : fault;
	chk_cipher_start(&download->cipher, download->key, start);
	chk_cipher_apply(&download->cipher, download->segment, download->segment, size);
	download->loaded = (int64_t)index;
	return FAULT_NONE;
}

enum fault download_read(struct download_reply *download, uint64_t offset, void *out, size_t *max,
			 struct err *err)
{
	uint64_t start = 0, end = download->size;
	if (download->shares && offset < download->size) {
		const uint64_t index = offset / download->layout.segment_size;
		const enum fault fault = segment_load(download, index, err);
		if (fault)
			return fault;
		start = index * download->layout.segment_size;
		end = start + segment_bytes(download, index);
	}
	const uint64_t left = offset < end ? end - offset : 0;
	*max = (size_t)min_u64(*max, left);
	if (*max > 0)
		memcpy(out, download->segment + (offset - start), *max);
	return FAULT_NONE;
}

enum fault download_verify(struct download_reply *download, struct err *err)
{
	enum fault fault = FAULT_NONE;
	const uint64_t count = download->shares ? download->layout.segment_count : 0;
	for (uint64_t i = 0; i < count && !fault; i++)
		fault = segment_load(download, i, err);
	return fault;
}
