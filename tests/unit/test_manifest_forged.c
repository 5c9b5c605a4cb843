#include "queue/file/manifest.h"

#include "queue/file/frame.h"
#include "queue/file/pack.h"
#include "tests/unit/facts.h"
#include "tests/unit/manifest_sample.h"
#include "tests/unit/scratch.h"

#include <xxhash.h>

#include <fcntl.h>
#include <unistd.h>

/* A listing block as a program with a fault, or an enemy, would write it: all hashes right. */
struct forged {
	uint64_t head[7]; /* id, parent id, listing (0: here), parent listing, first id, flags,
			     count */
	const char *name;
	uint64_t entry[5];      /* kind, verdict, reason, bytes, chunk size */
	const char *entry_name; /* NULL: no entry */
	const char *tail;       /* raw bytes behind it */
};

enum { FIRST = 1, LAST = 2, BOTH = 3 };

/* Writes a frame at the end of the file, and returns its hash. */
static uint64_t write_frame(const char *path, uint8_t type, const struct pack_out *payload)
{
	struct frame frame = { .offset = scratch_size(path), .type = type, .size = payload->size };
	int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(frame_write(fd, frame_seed(sample_job), &frame, payload->data, NULL),
			 FAULT_NONE);
	close(fd);
	return frame.hash;
}

static uint64_t forge(const char *path, const struct forged *block)
{
	unsigned char bytes[1024];
	uint64_t here = scratch_size(path);
	struct pack_out out = { .data = bytes, .capacity = sizeof bytes };
	pack_put_array(&out, 8);
	for (size_t i = 0; i < 7; i++)
		pack_put_uint(&out, i == 2 && block->head[2] == 0 ? here : block->head[i]);
	pack_put_bytes(&out, block->name, strlen(block->name));
	if (block->entry_name) {
		pack_put_array(&out, 7);
		for (size_t i = 0; i < 5; i++)
			pack_put_uint(&out, block->entry[i]);
		pack_put_bytes(&out, block->entry_name, strlen(block->entry_name));
		pack_put_bytes(&out, "", 0);
	}
	if (block->tail)
		memcpy(bytes + out.size, block->tail, strlen(block->tail));
	out.size += block->tail ? strlen(block->tail) : 0;
	return write_frame(path, 2, &out);
}

/* Makes an empty plan; returns the hash over its frames, which is the header's. */
static uint64_t make_empty(const char *path)
{
	struct frame frame;
	static unsigned char payload[FRAME_PAYLOAD_MAX];
	manifest_writer_close(sample_create(path));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(frame_read(fd, frame_seed(sample_job), 64, &frame, payload, NULL),
			 FAULT_NONE);
	close(fd);
	unsigned char bytes[8];
	store_le64(bytes, frame.hash);
	return XXH3_64bits_withSeed(bytes, 8, frame_seed(sample_job));
}

/* Recovers a file in which nothing is torn, so that nothing may be cut. */
static enum fault recovers(const char *path)
{
	struct manifest_resume resume;
	struct manifest_writer *writer = NULL;
	size_t size = scratch_size(path);
	enum fault fault = manifest_recover(path, &resume, &writer, NULL);
	if (fault != FAULT_NONE || resume.cut == 0)
		assert_int_equal(scratch_size(path), size);
	manifest_writer_close(writer);
	return fault;
}

static const struct forged forgery[] = {
	{ { 0, 0, 0, 0, 1, 3, 1 }, "", { 1, 0, 0, 5, 0 }, "ok", "" }, /* the good one */
	{ { 0, 0, 0, 0, 1, 3, 1 }, "", { 1, 0, 0, 5, 0 }, "ok", "\x01" },
	{ { 0, 0, 0, 0, 1, 3, 2 }, "", { 1, 0, 0, 5, 0 }, "ok", "" },
	{ { 0, 0, 0, 0, 1, 3, 2 }, "", { 1, 0, 0, 5, 0 }, "ok", "\xdd\x10\x01\x01\x01" },
	{ { 0, 0, 0, 0, 1, 3, 0 }, "", { 1, 0, 0, 5, 0 }, "ok", "" },
	{ { 0, 0, 0, 0, 1, 1, 0 }, "", { 0 }, NULL, "" },
	{ { 0, 0, 0, 0, 1, 3, 8193 }, "", { 1, 0, 0, 5, 0 }, "ok", "" },
	{ { 0, 0, 0, 0, 0, 3, 1 }, "", { 1, 0, 0, 5, 0 }, "ok", "" },
	{ { 0, 0, 0, 0, 1ull << 53, 3, 1 }, "", { 1, 0, 0, 5, 0 }, "ok", "" },
	{ { 0, 0, 0, 0, 1ull << 60, 3, 1 }, "", { 1, 0, 0, 5, 0 }, "ok", "" },
	{ { 0, 0, 0, 0, 1, 4, 1 }, "", { 1, 0, 0, 5, 0 }, "ok", "" },
	{ { 0, 0, 0, 0, 1, 2, 1 }, "", { 1, 0, 0, 5, 0 }, "ok", "" },
	{ { 0, 0, 70, 0, 1, 3, 1 }, "", { 1, 0, 0, 5, 0 }, "ok", "" },
	{ { 0, 1, 0, 0, 1, 3, 1 }, "", { 1, 0, 0, 5, 0 }, "ok", "" },
	{ { 0, 0, 0, 9, 1, 3, 1 }, "", { 1, 0, 0, 5, 0 }, "ok", "" },
	{ { 0, 0, 0, 0, 1, 3, 1 }, "root", { 1, 0, 0, 5, 0 }, "ok", "" },
	{ { 3, 3, 0, 64, 5, 3, 1 }, "sub", { 1, 0, 0, 5, 0 }, "ok", "" },
	{ { 3, 0, 0, 1u << 20, 5, 3, 1 }, "sub", { 1, 0, 0, 5, 0 }, "ok", "" },
	{ { 3, 0, 0, 64, 5, 3, 1 }, "s/b", { 1, 0, 0, 5, 0 }, "ok", "" },
	{ { 3, 0, 0, 64, 5, 3, 1 }, "", { 1, 0, 0, 5, 0 }, "ok", "" },
	{ { 0, 0, 0, 0, 1, 3, 1 }, "", { 0, 0, 0, 5, 0 }, "ok", "" },
	{ { 0, 0, 0, 0, 1, 3, 1 }, "", { 257, 0, 0, 5, 0 }, "ok", "" },
	{ { 0, 0, 0, 0, 1, 3, 1 }, "", { 1, 2, 0, 5, 0 }, "ok", "" },
	{ { 0, 0, 0, 0, 1, 3, 1 }, "", { 1, 0, 1, 5, 0 }, "ok", "" },
	{ { 0, 0, 0, 0, 1, 3, 1 }, "", { 2, 0, 0, 5, 0 }, "ok", "" },
	{ { 0, 0, 0, 0, 1, 3, 1 }, "", { 1, 0, 0, 1ull << 60, 1 }, "ok", "" },
	{ { 0, 0, 0, 0, 1, 3, 1 }, "", { 1, 0, 0, 5, 0 }, "", "" },
	{ { 0, 0, 0, 0, 1, 3, 1 }, "", { 1, 0, 0, 5, 0 }, "../x", "" },
};

static void refuses_blocks_that_mean_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(forgery); i++) {
		const char *path = scratch_path("block");
		struct manifest_reader *reader = NULL;
		struct manifest_block block;
		make_empty(path);
		uint64_t first = scratch_size(path);
		forge(path, &forgery[i]);
		enum fault expected = i == 0 ? FAULT_NONE : FAULT_CORRUPT;
		assert_int_equal(manifest_open(path, &reader, NULL), FAULT_NONE);
		assert_int_equal(manifest_read(reader, first, &block, NULL), expected);
		manifest_close(reader);
		assert_int_equal(recovers(path), expected);
	}
}

static void put_property(struct pack_out *out, const char *key, size_t key_size)
{
	pack_put_text(out, key, key_size);
	pack_put_bytes(out, "value", 5);
}

static void refuses_headers_that_mean_nothing(void **state)
{
	(void)state;
	static unsigned char bytes[8192];
	const char *path = scratch_path("header");
	for (int flaw = 0; flaw <= 7; flaw++) {
		struct manifest_reader *reader = NULL;
		struct pack_out out = { .data = bytes, .capacity = sizeof bytes };
		make_empty(path);
		put_property(&out, "ab", 2);
		put_property(&out, flaw == 1 ? "ab" : "ac", 2);
		put_property(&out, "a\0b", flaw == 2 ? 3 : 1);
		put_property(&out, "e", flaw == 3 ? 0 : 1);
		if (flaw == 4)
			pack_put_text(&out, "key", 3);
		if (flaw == 5)
			pack_put_bytes(&out, "key", 3);
		char key[16];
		for (int i = 4; i < (flaw == 6 ? 257 : 256); i++) {
			snprintf(key, sizeof key, "%03d", i);
			put_property(&out, key, 3);
		}
		assert_false(out.full);
		assert_int_equal(truncate(path, 64), 0);
		write_frame(path, flaw == 7 ? 2 : 1, &out);
		assert_int_equal(manifest_open(path, &reader, NULL),
				 flaw == 0 ? FAULT_NONE : FAULT_CORRUPT);
		manifest_close(reader);
	}
}

static void refuses_blocks_in_a_wrong_order(void **state)
{
	(void)state;
	const char *path = scratch_path("order");
	make_empty(path);
	uint64_t root = scratch_size(path);
	/* A root that goes on or not, with a directory of id 1, and what follows it. */
	struct forged whole = { { 0, 0, 0, 0, 1, BOTH, 1 }, "", { 2 }, "d", NULL };
	struct forged part = { { 0, 0, 0, 0, 1, FIRST, 1 }, "", { 2 }, "d", NULL };
	const struct {
		bool good;
		const struct forged *root;
		struct forged next;
	} row[] = {
		{ true, &whole, { { 1, 0, 0, root, 2, BOTH, 1 }, "d", { 1 }, "a", NULL } },
		{ false, &whole, { { 1, 0, 0, root, 3, BOTH, 1 }, "d", { 1 }, "a", NULL } },
		{ false, &whole, { { 0, 0, 0, 0, 2, BOTH, 1 }, "", { 1 }, "a", NULL } },
		{ false, &whole, { { 0, 0, root, 0, 2, LAST, 1 }, "", { 1 }, "a", NULL } },
		{ false, &whole, { { 1, 0, root + 1, root, 2, LAST, 1 }, "d", { 1 }, "a", NULL } },
		{ true, &part, { { 0, 0, root, 0, 2, LAST, 1 }, "", { 1 }, "a", NULL } },
		{ false, &part, { { 0, 0, root, 0, 1, LAST, 1 }, "", { 1 }, "a", NULL } },
		{ false, &part, { { 1, 0, 0, root, 2, BOTH, 1 }, "d", { 1 }, "a", NULL } },
		{ false, &part, { { 1, 0, root, 0, 2, LAST, 1 }, "d", { 1 }, "a", NULL } },
		{ false, &part, { { 0, 0, root + 1, 0, 2, LAST, 1 }, "", { 1 }, "a", NULL } },
	};
	for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
		make_empty(path);
		forge(path, row[i].root);
		forge(path, &row[i].next);
		assert_int_equal(recovers(path), row[i].good ? FAULT_NONE : FAULT_CORRUPT);
	}
	make_empty(path);
	forge(path, &row[0].next);
	assert_int_equal(recovers(path), FAULT_CORRUPT);
	for (uint64_t id = 1; id < 3; id++) {
		make_empty(path);
		forge(path, &whole);
		uint64_t here = scratch_size(path);
		struct forged begun = { { 1, 0, 0, root, 2, FIRST, 1 }, "d", { 1 }, "a", NULL };
		struct forged ended = { { id, 0, here, root, 3, LAST, 1 }, "d", { 1 }, "b", NULL };
		forge(path, &begun);
		forge(path, &ended);
		assert_int_equal(recovers(path), id == 1 ? FAULT_NONE : FAULT_CORRUPT);
	}
}

/* Sets the mark of completion, as docs/formats.md has it. */
static void set_mark(const char *path, uint64_t trailer)
{
	unsigned char mark[16];
	int fd = open(path, O_RDWR | O_CLOEXEC);
	store_le64(mark, trailer);
	store_le64(mark + 8, XXH3_64bits_withSeed(mark, 8, frame_seed(sample_job)));
	assert_int_equal(pwrite(fd, mark, sizeof mark, 40), sizeof mark);
	close(fd);
}

static void refuses_a_trailer_that_does_not_agree(void **state)
{
	(void)state;
	const char *path = scratch_path("trailer");
	enum { VALUES = 9, HASH = 8 };
	/* `wrong` is the value that lies; behind them: none, the mark, a listing without an end. */
	for (size_t wrong = 0; wrong <= VALUES + 2; wrong++) {
		struct forged root = { { 0, 0, 0, 0, 1, BOTH, 1 }, "", { 1, 0, 0, 5 }, "a", NULL };
		uint64_t value[VALUES] = { 1, 0, 0, 0, 5, 0, 0, 2, 0 };
		unsigned char bytes[128];
		struct pack_out out = { .data = bytes, .capacity = sizeof bytes };
		uint64_t header = make_empty(path);
		uint64_t listing = scratch_size(path);
		if (wrong == VALUES + 2)
			root.head[5] = FIRST;
		store_le64(bytes, forge(path, &root));
		value[HASH] = XXH3_64bits_withSeed(bytes, 8, header);
		if (wrong < VALUES)
			value[wrong]++;
		pack_put_array(&out, VALUES);
		for (size_t i = 0; i < VALUES; i++)
			pack_put_uint(&out, value[i]);
		uint64_t trailer = scratch_size(path);
		write_frame(path, 3, &out);
		set_mark(path, wrong == VALUES + 1 ? listing : trailer);
		assert_int_equal(recovers(path), wrong == VALUES ? FAULT_NONE : FAULT_CORRUPT);
	}
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(refuses_blocks_that_mean_nothing),
		cmocka_unit_test(refuses_headers_that_mean_nothing),
		cmocka_unit_test(refuses_blocks_in_a_wrong_order),
		cmocka_unit_test(refuses_a_trailer_that_does_not_agree),
	};
	return cmocka_run_group_tests(facts, scratch_setup, scratch_teardown);
}
