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
