#include "tests/unit/direct_case.h"

void open_case(struct direct_case *file, struct file_shape shape)
{
	struct err err;
	file->size = shape.size;
	file->params = (struct chk_params){
		.k = shape.k,
		.n = shape.n,
		.max_segment_size = shape.segment_size ? shape.segment_size : CHK_SEGMENT_SIZE,
	};
	file->data = malloc(shape.size);
	for (size_t i = 0; i < shape.size; i++)
		file->data[i] = (unsigned char)(i ^ i >> 8 ^ i >> 16);
	assert_int_equal(chk_shares_of(&file->params, file->data, shape.size, &file->shares, &err),
			 FAULT_NONE);
	assert_int_equal(chk_layout_of(&file->params, shape.size, &file->layout, &err), FAULT_NONE);
	fake_servers_open(&file->fake, &file->shares->cap,
			  &(struct direct_options){ .happy = shape.happy, .needed = shape.k });
}

void close_case(struct direct_case *file)
{
	fake_servers_close(&file->fake);
	chk_shares_free(file->shares);
	free(file->data);
}

void give(struct direct_case *file, unsigned rank, unsigned number)
{
	const size_t size = (size_t)file->shares->share_size;
	fake_servers_give(&file->fake, rank, number, file->shares->data + number * size, size);
}

bool has_share(const struct direct_case *file, unsigned rank, unsigned number)
{
	const struct fake_share *share = &file->fake.at[rank].share[number];
	const size_t size = (size_t)file->shares->share_size;
	return share->is_there && share->size == size &&
	       memcmp(share->data, file->shares->data + number * size, size) == 0;
}

void assert_stored(const struct direct_case *file)
{
	assert_int_equal(file->fake.end.fault, FAULT_NONE);
	assert_true(file->fake.end.proven);
	assert_true(cap_equal(&file->fake.end.cap, &file->shares->cap));
	assert_int_equal(file->fake.gateway, 0);
	assert_int_equal(file->fake.ends, 1);
}

unsigned halves(const struct direct_case *file)
{
	unsigned count = 0;
	for (unsigned rank = 0; rank < FAKE_SERVERS; rank++)
		for (unsigned i = 0; i < FAKE_SHARES; i++)
			count += file->fake.at[rank].share[i].data &&
				 !file->fake.at[rank].share[i].is_there;
	return count;
}

void no_more_than(struct direct_case *file, unsigned servers)
{
	for (unsigned rank = servers; rank < FAKE_SERVERS; rank++)
		file->fake.at[rank].full = true;
}

/* ---- reading ---- */

void open_spread(struct direct_case *file, uint16_t k, uint16_t n, size_t size)
{
	open_case(file, (struct file_shape){ k, n, size, 0, 0 });
	for (unsigned i = 0; i < n; i++)
		give(file, i, i);
}

struct store_call *begin(struct direct_case *file, uint64_t offset, uint64_t length)
{
	const struct store_get get = {
		.cap = &file->shares->cap,
		.offset = offset,
		.length = length,
		.sink = fake_servers_sink,
		.context = &file->fake,
	};
	struct err err;
	return store_get(file->fake.store, &get, fake_servers_then(&file->fake), &err);
}

void read_part(struct direct_case *file, uint64_t offset, uint64_t length)
{
	assert_non_null(begin(file, offset, length));
	fake_servers_run(&file->fake);
	assert_true(file->fake.ended);
}

void assert_came(const struct direct_case *file, uint64_t offset, uint64_t length, bool proven)
{
	assert_int_equal(file->fake.end.fault, FAULT_NONE);
	assert_int_equal(file->fake.end.proven, proven);
	assert_int_equal(file->fake.end.received, length);
	assert_int_equal(file->fake.got.size, length);
	assert_memory_equal(file->fake.got.data, file->data + offset, length);
	assert_true(file->fake.end.answered);
}

void read_well(struct direct_case *file, uint64_t offset, uint64_t length)
{
	const bool whole = length == UINT64_MAX;
	read_part(file, offset, length);
	assert_came(file, offset, whole ? file->size : length, true);
	assert_int_equal(file->fake.gateway, 0);
}

void spoil(struct direct_case *file, unsigned rank, unsigned number, unsigned segment)
{
	const size_t block = file->layout.segment_size / file->shares->cap.needed;
	file->fake.at[rank].share[number].data[file->layout.data_offset + segment * block] ^= 1;
}

void asked(struct direct_case *file, const char *lines) { fake_servers_asked(&file->fake, lines); }

void forget_asked(struct direct_case *file) { file->fake.log.size = 0; }
