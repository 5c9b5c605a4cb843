/* Immutable files from storage servers in memory: what is asked, and what is delivered. */
#include "direct/direct_call.h"

#include "tests/unit/direct_case.h"
#include "tests/unit/moved_clock.h"

enum {
	SMALL = 1000,
	LARGE = (5 << 20) + 1234, /* bytes: six segments, a stripe of four and one of two */
	OLD_SEGMENT_SIZE = 128 << 10,
};

/* A file of which each server has the share of its rank. */
static void open_spread(struct direct_case *file, uint16_t k, uint16_t n, size_t size)
{
	open_case(file, (struct file_shape){ k, n, size, 0, 0 });
	for (unsigned i = 0; i < n; i++)
		give(file, i, i);
}

static struct store_call *begin(struct direct_case *file, uint64_t offset, uint64_t length)
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

static void read_part(struct direct_case *file, uint64_t offset, uint64_t length)
{
	assert_non_null(begin(file, offset, length));
	fake_servers_run(&file->fake);
	assert_true(file->fake.ended);
}

static void assert_came(const struct direct_case *file, uint64_t offset, uint64_t length,
			bool proven)
{
	assert_int_equal(file->fake.end.fault, FAULT_NONE);
	assert_int_equal(file->fake.end.proven, proven);
	assert_int_equal(file->fake.end.received, length);
	assert_int_equal(file->fake.got.size, length);
	assert_memory_equal(file->fake.got.data, file->data + offset, length);
	assert_true(file->fake.end.answered);
}

/* Reads a part and asserts that the servers brought it. */
static void read_well(struct direct_case *file, uint64_t offset, uint64_t length)
{
	const bool whole = length == UINT64_MAX;
	read_part(file, offset, length);
	assert_came(file, offset, whole ? file->size : length, true);
	assert_int_equal(file->fake.gateway, 0);
}

static void asked(struct direct_case *file, const char *lines)
{
	fake_servers_asked(&file->fake, lines);
}

static void forget_asked(struct direct_case *file) { file->fake.log.size = 0; }

/* Spoils the share of a server in its block of a segment. */
static void spoil(struct direct_case *file, unsigned rank, unsigned number, unsigned segment)
{
	const size_t block = file->layout.segment_size / file->shares->cap.needed;
	file->fake.at[rank].share[number].data[file->layout.data_offset + segment * block] ^= 1;
}

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

/* ---- what goes wrong ---- */

/* What was delivered till then stays. */
static void the_gateway_brings_what_is_damaged(void **state)
{
	struct direct_case file;
	char lines[200];
	(void)state;
	open_spread(&file, 1, 1, LARGE);
	file.fake.contents = file.data;
	file.fake.size = LARGE;
	spoil(&file, 0, 0, 2);
	read_part(&file, 10, LARGE - 20);
	assert_came(&file, 10, LARGE - 20, false);
	snprintf(lines, sizeof lines, "gateway GET %u+%u\n", 2 * file.layout.segment_size,
		 LARGE - 10 - 2 * file.layout.segment_size);
	assert_non_null(strstr(bytes_text(&file.fake.log), lines));
	assert_int_equal(file.fake.gateway, 1);
	close_case(&file);
}

static void without_a_gateway_the_damaged_share_is_found(void **state)
{
	struct direct_case file;
	(void)state;
	open_spread(&file, 2, 5, LARGE);
	spoil(&file, 1, 1, 3);
	read_part(&file, 0, UINT64_MAX);
	assert_came(&file, 0, LARGE, true);
	assert_int_equal(file.fake.gateway, 1);
	assert_null(strstr(bytes_text(&file.fake.log), "gateway GET 0"));
	close_case(&file);
}

/* All of those that are left, not only one. */
static void too_much_damage_ends_as_the_gateway_says(void **state)
{
	struct direct_case file;
	(void)state;
	open_spread(&file, 2, 3, LARGE);
	spoil(&file, 1, 1, 0);
	spoil(&file, 2, 2, 0);
	read_part(&file, 0, UINT64_MAX);
	assert_int_equal(file.fake.end.fault, FAULT_UNAVAILABLE);
	assert_int_equal(file.fake.end.received, 0);
	assert_false(file.fake.end.proven);
	assert_int_equal(file.fake.ends, 1);
	close_case(&file);
}

static void another_server_goes_on_where_one_fails(void **state)
{
	struct direct_case file;
	(void)state;
	open_spread(&file, 2, 4, LARGE);
	file.fake.at[1].fault = FAULT_UNAVAILABLE;
	file.fake.at[1].well = 2; /* its numbers, the first stripe */
	read_well(&file, 0, UINT64_MAX);
	assert_non_null(strstr(bytes_text(&file.fake.log), "1 bad\n0 ?\n2 ?\n"));
	close_case(&file);
}

/* It does not show which one is no good: after three times all are left alone. */
static void shares_cut_short_are_doubted(void **state)
{
	struct direct_case file;
	(void)state;
	open_spread(&file, 2, 4, SMALL);
	file.fake.contents = file.data;
	file.fake.size = SMALL;
	file.fake.at[0].cut = 1;
	read_part(&file, 0, UINT64_MAX);
	assert_came(&file, 0, SMALL, false);
	asked(&file, "0 ?\n1 ?\n0/0 0+1051\n0 ?\n1 ?\n0/0 0+1051\n0 ?\n1 ?\n0/0 0+1051\n"
		     "gateway GET\n");
	read_part(&file, 0, UINT64_MAX);
	assert_came(&file, 0, SMALL, true);
	asked(&file, "2 ?\n3 ?\n2/2 0+1051\n3/3 0+1051\n");
	close_case(&file);
}

static bool refuse(void *context, const void *data, size_t size)
{
	(void)data, (void)size;
	return ++*(unsigned *)context < 3;
}

static void what_a_sink_refuses_ends_the_call(void **state)
{
	struct direct_case file;
	struct err err;
	unsigned times = 0;
	(void)state;
	open_spread(&file, 2, 4, LARGE);
	const struct store_get get = {
		&file.shares->cap, 0, UINT64_MAX, refuse, &times, false, NULL, false
	};
	assert_non_null(store_get(file.fake.store, &get, fake_servers_then(&file.fake), &err));
	fake_servers_run(&file.fake);
	assert_int_equal(file.fake.end.fault, FAULT_CANCELLED);
	assert_int_equal(times, 3);
	assert_int_equal(file.fake.end.received, 2 * file.layout.segment_size);
	assert_int_equal(file.fake.gateway, 0);
	close_case(&file);
}

struct pausing {
	struct direct_case *file;
	struct store_call *call;
};

static bool pause_each(void *context, const void *data, size_t size)
{
	struct pausing *pausing = context;
	store_pause(pausing->file->fake.store, pausing->call);
	return fake_servers_sink(&pausing->file->fake, data, size);
}

static void a_paused_call_waits_between_segments(void **state)
{
	struct direct_case file;
	struct pausing pausing = { &file, NULL };
	struct err err;
	(void)state;
	open_spread(&file, 2, 4, LARGE);
	const struct store_get get = { &file.shares->cap, 0,     UINT64_MAX, pause_each,
				       &pausing,          false, NULL,       false };
	pausing.call = store_get(file.fake.store, &get, fake_servers_then(&file.fake), &err);
	for (unsigned segment = 1; segment <= 6; segment++) {
		fake_servers_run(&file.fake);
		assert_int_equal(file.fake.got.size,
				 min_u64(segment * file.layout.segment_size, LARGE));
		assert_int_equal(file.fake.ended, segment == 6);
		if (segment < 6)
			store_resume(file.fake.store, pausing.call);
	}
	assert_came(&file, 0, LARGE, true);
	close_case(&file);
}

/* Reads a damaged file with a pause behind each piece: the gateway's two, at last. */
static void the_gateway_is_paused_as_well(void **state)
{
	struct direct_case file;
	struct pausing pausing = { &file, NULL };
	struct err err;
	unsigned pauses = 0;
	(void)state;
	open_spread(&file, 1, 1, LARGE);
	file.fake.contents = file.data;
	file.fake.size = LARGE;
	spoil(&file, 0, 0, 1);
	const struct store_get get = { &file.shares->cap, 0,     UINT64_MAX, pause_each,
				       &pausing,          false, NULL,       false };
	pausing.call = store_get(file.fake.store, &get, fake_servers_then(&file.fake), &err);
	for (;; pauses++) {
		const size_t before = file.fake.got.size;
		store_poll(file.fake.store, 0);
		store_poll(file.fake.store, 0);
		if (file.fake.ended)
			break;
		assert_true(file.fake.got.size > before);
		store_resume(file.fake.store, pausing.call);
	}
	assert_int_equal(pauses, 3); /* behind the segment, and both pieces */
	assert_came(&file, 0, LARGE, false);
	assert_int_equal(file.fake.gateway, 1);
	close_case(&file);
}

static void a_call_may_be_paused_before_its_bytes_are_there(void **state)
{
	struct direct_case file;
	(void)state;
	open_spread(&file, 2, 4, SMALL);
	struct store_call *call = begin(&file, 0, UINT64_MAX);
	store_pause(file.fake.store, call);
	fake_servers_run(&file.fake);
	assert_false(file.fake.ended);
	store_resume(file.fake.store, call);
	store_pause(file.fake.store, call);
	fake_servers_run(&file.fake);
	assert_int_equal(file.fake.got.size, 0);
	store_resume(file.fake.store, call);
	fake_servers_run(&file.fake);
	assert_came(&file, 0, SMALL, true);
	close_case(&file);
}

static void one_of_several_calls_is_cancelled(void **state)
{
	struct direct_case file;
	struct store_call *call[3];
	(void)state;
	open_spread(&file, 2, 4, SMALL);
	for (size_t i = 0; i < 3; i++)
		call[i] = begin(&file, 0, UINT64_MAX);
	store_cancel(file.fake.store, call[1]);
	fake_servers_run_all(&file.fake);
	assert_int_equal(file.fake.ends, 2);
	assert_int_equal(file.fake.got.size, 2 * SMALL);
	close_case(&file);
}

static void a_cancelled_call_says_nothing(void **state)
{
	struct direct_case file;
	(void)state;
	open_spread(&file, 2, 4, LARGE);
	struct store_call *call = begin(&file, 0, UINT64_MAX);
	store_cancel(file.fake.store, call);
	fake_servers_run(&file.fake);
	assert_false(file.fake.ended);
	asked(&file, "");
	read_well(&file, 0, UINT64_MAX);
	close_case(&file);
}

/* ---- time ---- */

static void a_slow_server_is_asked_again_after_a_minute_then_two(void **state)
{
	struct direct_case file;
	(void)state;
	open_spread(&file, 2, 4, SMALL);
	for (uint64_t away_ms = DIRECT_SLOW_MS; away_ms <= 8 * DIRECT_SLOW_MS; away_ms *= 2) {
		file.fake.at[0].fault = FAULT_RETRY;
		file.fake.at[0].slow = true;
		read_well(&file, 0, UINT64_MAX);
		assert_non_null(strstr(bytes_text(&file.fake.log), "0 bad\n"));
		forget_asked(&file);
		clock_move(away_ms - 2000);
		read_well(&file, 0, UINT64_MAX);
		assert_null(strstr(bytes_text(&file.fake.log), "0 bad\n"));
		forget_asked(&file);
		clock_move(2000);
	}
	file.fake.at[0].fault = FAULT_NONE;
	read_well(&file, 0, UINT64_MAX);
	assert_non_null(strstr(bytes_text(&file.fake.log), "0/0 0+"));
	close_case(&file);
}

static void a_server_that_is_gone_is_asked_again_after_five_minutes(void **state)
{
	struct direct_case file;
	(void)state;
	open_spread(&file, 2, 4, SMALL);
	file.fake.at[0].fault = FAULT_UNAVAILABLE;
	read_well(&file, 0, UINT64_MAX);
	clock_move(DIRECT_AWAY_MS - 2000);
	forget_asked(&file);
	read_well(&file, 0, UINT64_MAX);
	assert_null(strstr(bytes_text(&file.fake.log), "0 bad\n"));
	clock_move(2000);
	read_well(&file, 0, UINT64_MAX);
	assert_non_null(strstr(bytes_text(&file.fake.log), "0 bad\n"));
	close_case(&file);
}

/* The gateway is asked instead of the servers that are left. */
static void a_search_ends_after_twenty_seconds(void **state)
{
	struct direct_case file;
	(void)state;
	open_case(&file, (struct file_shape){ 2, 4, SMALL, 0, 0 });
	file.fake.contents = file.data;
	file.fake.size = SMALL;
	give(&file, 8, 1);
	give(&file, 9, 2);
	for (unsigned i = 0; i < FAKE_SERVERS; i++)
		file.fake.at[i].takes_ms = DIRECT_SEARCH_MS / 4 + 1;
	read_part(&file, 0, UINT64_MAX);
	assert_came(&file, 0, SMALL, false);
	asked(&file, "0 ?\n1 ?\n2 ?\n3 ?\ngateway GET\n");
	for (unsigned i = 0; i < FAKE_SERVERS; i++)
		file.fake.at[i].takes_ms = DIRECT_SEARCH_MS / 10;
	read_part(&file, 0, UINT64_MAX);
	assert_came(&file, 0, SMALL, true);
	close_case(&file);
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
		cmocka_unit_test(the_gateway_brings_what_is_damaged),
		cmocka_unit_test(without_a_gateway_the_damaged_share_is_found),
		cmocka_unit_test(too_much_damage_ends_as_the_gateway_says),
		cmocka_unit_test(another_server_goes_on_where_one_fails),
		cmocka_unit_test(shares_cut_short_are_doubted),
		cmocka_unit_test(what_a_sink_refuses_ends_the_call),
		cmocka_unit_test(a_paused_call_waits_between_segments),
		cmocka_unit_test(the_gateway_is_paused_as_well),
		cmocka_unit_test(a_call_may_be_paused_before_its_bytes_are_there),
		cmocka_unit_test(one_of_several_calls_is_cancelled),
		cmocka_unit_test(a_cancelled_call_says_nothing),
		cmocka_unit_test(a_slow_server_is_asked_again_after_a_minute_then_two),
		cmocka_unit_test(a_server_that_is_gone_is_asked_again_after_five_minutes),
		cmocka_unit_test(a_search_ends_after_twenty_seconds),
		cmocka_unit_test(what_is_no_range_of_a_file_is_left_to_the_gateway),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
