/* Immutable files from storage servers in memory: what is asked, and what is delivered. */
#include "direct/direct_call.h"

#include "tests/unit/direct_case.h"

enum {
	SMALL = 1000,
	LARGE = (5 << 20) + 1234, /* bytes: six segments, a stripe of four and one of two */
	OLD_SEGMENT_SIZE = 128 << 10,
};

/* ---- what is asked ---- */

static void a_small_file_is_read_by_whole_shares(void **state)
{
	struct direct_case file;
	(void)state;
	open_spread(&file, 3, 10, SMALL);
	read_well(&file, 0, UINT64_MAX);
	asked(&file, "0 ?\n1 ?\n2 ?\n0/0 0+956\n1/1 0+956\n2/2 0+956\n");
	close_case(&file);
}

static void stripes_of_segments_are_asked_of_each_server(void **state)
{
	struct direct_case file;
	char lines[1000];
	(void)state;
	open_spread(&file, 3, 10, LARGE);
	const uint64_t start = file.layout.data_offset, block = file.layout.segment_size / 3,
		       tail = (file.layout.tail_size + 2) / 3, tree = start + file.layout.data_size;
	size_t length = (size_t)snprintf(lines, sizeof lines,
					 "0 ?\n1 ?\n2 ?\n0/0 %" PRIu64 "+%" PRIu64 "\n", tree,
					 file.layout.share_size - tree);
	for (unsigned i = 0; i < 3; i++)
		length +=
			(size_t)snprintf(lines + length, sizeof lines - length,
					 "%u/%u %" PRIu64 "+%" PRIu64 "\n", i, i, start, 4 * block);
	for (unsigned i = 0; i < 3; i++)
		length += (size_t)snprintf(lines + length, sizeof lines - length,
					   "%u/%u %" PRIu64 "+%" PRIu64 "\n", i, i,
					   start + 4 * block, block + tail);
	read_well(&file, 0, UINT64_MAX);
	asked(&file, lines);
	close_case(&file);
}

/* Of which only the segments that hold it are asked for, and the shares are found once. */
static void any_part_is_read(void **state)
{
	struct direct_case file;
	char lines[200];
	(void)state;
	open_spread(&file, 2, 4, LARGE);
	const uint64_t segment = file.layout.segment_size, block = segment / 2;
	read_well(&file, segment + 5, 1);
	forget_asked(&file);
	read_well(&file, 2 * segment, segment);
	snprintf(lines, sizeof lines, "0/0 %" PRIu64 "+%" PRIu64 "\n1/1 %" PRIu64 "+%" PRIu64 "\n",
		 file.layout.data_offset + 2 * block, block, file.layout.data_offset + 2 * block,
		 block);
	asked(&file, lines);
	read_well(&file, segment - 1, 2);
	read_well(&file, segment + 1, 3 * segment);
	read_well(&file, LARGE - 1, 1);
	read_well(&file, 0, LARGE);
	close_case(&file);
}

/* Whether a second part is read without a search, where some servers are left alone by then. */
static bool recalls(bool holders, bool others)
{
	struct direct_case file;
	open_spread(&file, 2, 2, LARGE);
	struct direct *direct = (struct direct *)file.fake.store;
	read_well(&file, 1, 1);
	forget_asked(&file);
	file.fake.contents = file.data;
	file.fake.size = LARGE;
	for (unsigned rank = 0; rank < FAKE_SERVERS; rank++)
		if (rank < 2 ? holders && rank == 0 : others)
			direct->server[file.fake.order[rank]].away_until_ms = UINT64_MAX;
	read_part(&file, 2, 1);
	assert_came(&file, 2, 1, !holders);
	const bool searched = strchr(bytes_text(&file.fake.log), '?');
	close_case(&file);
	return !searched && file.fake.gateway == 0;
}

static void shares_are_remembered_while_their_servers_answer(void **state)
{
	(void)state;
	assert_true(recalls(false, false));
	assert_true(recalls(false, true));
	assert_false(recalls(true, false));
}

/* Those of eight files, and no longer where they turn out damaged. */
static void damaged_shares_are_forgotten(void **state)
{
	struct direct_case file;
	(void)state;
	open_spread(&file, 2, 2, LARGE);
	struct direct *direct = (struct direct *)file.fake.store;
	for (unsigned i = 0; i < 3; i++)
		read_well(&file, i, 1);
	assert_non_null(direct->recent[0]);
	assert_null(direct->recent[1]);
	spoil(&file, 0, 0, 1);
	file.fake.contents = file.data;
	file.fake.size = LARGE;
	read_part(&file, file.layout.segment_size, 9);
	assert_came(&file, file.layout.segment_size, 9, false);
	assert_null(direct->recent[0]);
	close_case(&file);
}

static void shares_beyond_the_first_are_decoded(void **state)
{
	static const unsigned number[] = { 3, 9, 1 };
	struct direct_case file;
	(void)state;
	open_case(&file, (struct file_shape){ 3, 10, LARGE, 0, 0 });
	for (unsigned i = 0; i < 3; i++)
		give(&file, i + 4, number[i]);
	read_well(&file, 0, UINT64_MAX);
	close_case(&file);
	open_case(&file, (struct file_shape){ 3, 10, LARGE, 0, 0 });
	for (unsigned i = 0; i < 3; i++) /* the first, but not in order */
		give(&file, i, (i + 1) % 3);
	read_well(&file, 0, UINT64_MAX);
	close_case(&file);
}

/* One server may have several shares, and two may have the same. */
static void shares_are_counted_by_their_numbers(void **state)
{
	struct direct_case file;
	(void)state;
	open_case(&file, (struct file_shape){ 3, 10, SMALL, 0, 0 });
	give(&file, 0, 4);
	give(&file, 1, 4);
	give(&file, 5, 4);
	give(&file, 5, 6);
	give(&file, 5, 8);
	give(&file, 5, 9);
	read_well(&file, 0, UINT64_MAX);
	/* Nobody else is asked once there are enough. */
	asked(&file, "0 ?\n1 ?\n2 ?\n3 ?\n4 ?\n5 ?\n0/4 0+956\n5/6 0+956\n5/8 0+956\n");
	close_case(&file);
}

static void the_only_share_is_looked_for_where_it_is_likeliest(void **state)
{
	struct direct_case file;
	(void)state;
	open_case(&file, (struct file_shape){ 1, 1, SMALL, 0, 0 });
	give(&file, 2, 0);
	read_well(&file, 0, UINT64_MAX);
	asked(&file, "0/0 0+1483\n1/0 0+1483\n2/0 0+1483\n");
	close_case(&file);
	open_case(&file, (struct file_shape){ 1, 1, LARGE, 0, 0 });
	give(&file, 1, 0);
	read_well(&file, 1, LARGE - 1);
	close_case(&file);
	open_case(&file, (struct file_shape){ 1, 4, LARGE, 0, 0 });
	give(&file, 3, 2);
	read_well(&file, 0, UINT64_MAX);
	close_case(&file);
}

static void the_gateway_goes_on_where_the_only_share_fails(void **state)
{
	struct direct_case file;
	(void)state;
	open_case(&file, (struct file_shape){ 1, 1, LARGE, 0, 0 });
	give(&file, 0, 0);
	give(&file, 1, 0);
	file.fake.contents = file.data;
	file.fake.size = LARGE;
	file.fake.at[0].fault = FAULT_UNAVAILABLE;
	file.fake.at[0].well = 2; /* the tree, and a stripe */
	read_part(&file, 0, UINT64_MAX);
	assert_came(&file, 0, LARGE, false);
	assert_int_equal(file.fake.gateway, 1);
	assert_null(strstr(bytes_text(&file.fake.log), "1/0"));
	close_case(&file);
}

static void files_with_smaller_segments_are_read(void **state)
{
	struct direct_case file;
	(void)state;
	open_case(&file, (struct file_shape){ 2, 3, LARGE, OLD_SEGMENT_SIZE, 0 });
	give(&file, 0, 0);
	give(&file, 1, 1);
	read_well(&file, OLD_SEGMENT_SIZE - 1, 2 << 20);
	close_case(&file);
}

/* ---- what is told of it ---- */

static void what_is_read_says_that_the_grid_is_well(void **state)
{
	struct direct_case file;
	struct health_canary canary;
	(void)state;
	open_spread(&file, 2, 4, SMALL);
	fake_servers_trouble(&file.fake, HEALTH_READING);
	read_part(&file, SMALL, 1); /* no range: the gateway's */
	assert_true(fake_servers_in_trouble(&file.fake, HEALTH_READING));
	assert_false(health_canary(file.fake.health, false, &canary));
	file.fake.gateway = 0;
	read_well(&file, 5, 9);
	assert_false(fake_servers_in_trouble(&file.fake, HEALTH_READING));
	assert_true(health_canary(file.fake.health, false, &canary));
	assert_true(cap_equal(&canary.cap, &file.shares->cap));
	assert_int_equal(canary.offset, 5);
	close_case(&file);
}

/* Without a word. */
static void closing_ends_all_calls(void **state)
{
	struct direct_case file;
	(void)state;
	open_spread(&file, 2, 4, LARGE);
	for (unsigned rank = 0; rank < FAKE_SERVERS; rank++)
		file.fake.at[rank].held = true;
	for (unsigned i = 0; i < 2; i++)
		begin(&file, i, 1);
	fake_servers_run(&file.fake);
	begin(&file, 2, 1);
	close_case(&file);
	assert_int_equal(file.fake.ends, 0);
}

/* ---- limits ---- */

static void what_is_no_range_of_a_file_is_left_to_the_gateway(void **state)
{
	struct direct_case file;
	static const uint64_t part[][2] = { { SMALL, 1 }, { SMALL - 1, 2 }, { 0, SMALL + 1 } };
	(void)state;
	open_spread(&file, 2, 4, SMALL);
	for (size_t i = 0; i < ARRAY_COUNT(part); i++) {
		read_part(&file, part[i][0], part[i][1]);
		assert_int_equal(file.fake.end.fault, FAULT_UNAVAILABLE);
		assert_null(strstr(bytes_text(&file.fake.log), "?"));
	}
	file.fake.gateway = 0;
	read_well(&file, SMALL - 1, 1);
	close_case(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_file_is_read_by_whole_shares),
		cmocka_unit_test(stripes_of_segments_are_asked_of_each_server),
		cmocka_unit_test(any_part_is_read),
		cmocka_unit_test(shares_are_remembered_while_their_servers_answer),
		cmocka_unit_test(damaged_shares_are_forgotten),
		cmocka_unit_test(the_gateway_goes_on_where_the_only_share_fails),
		cmocka_unit_test(shares_beyond_the_first_are_decoded),
		cmocka_unit_test(shares_are_counted_by_their_numbers),
		cmocka_unit_test(the_only_share_is_looked_for_where_it_is_likeliest),
		cmocka_unit_test(files_with_smaller_segments_are_read),
		cmocka_unit_test(what_is_read_says_that_the_grid_is_well),
		cmocka_unit_test(closing_ends_all_calls),
		cmocka_unit_test(what_is_no_range_of_a_file_is_left_to_the_gateway),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
