/* Immutable files from storage servers in memory that fail, lie and dawdle. */
#include "direct/direct_call.h"

#include "queue/core/thread.h"

#include "tests/unit/direct_case.h"
#include "tests/unit/moved_clock.h"

enum {
	SMALL = 1000,
	LARGE = (5 << 20) + 1234, /* bytes: six segments, a stripe of four and one of two */
};

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

/* It belongs to the reading that has begun it. */
static void closing_ends_the_look_for_damage_once(void **state)
{
	struct direct_case file;
	(void)state;
	open_spread(&file, 2, 5, LARGE);
	spoil(&file, 1, 1, 3);
	file.fake.at[4].held = true; /* whom the reading does not ask */
	begin(&file, 0, UINT64_MAX);
	fake_servers_run(&file.fake);
	assert_int_equal(file.fake.gateway, 1);
	assert_int_equal(fake_servers_in_flight(&file.fake), 1);
	close_case(&file);
	assert_int_equal(file.fake.ends, 0);
}

/* It is the share of that server which is no good, not what else either has to do with. */
static void only_the_damaged_share_is_done_without(void **state)
{
	static const size_t size[] = { SMALL, LARGE };
	struct direct_case file;
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(size); i++) {
		open_case(&file, (struct file_shape){ 2, 5, size[i], 0, 0 });
		give(&file, 0, 0);
		give(&file, 1, 1);
		give(&file, 2, 1);
		spoil(&file, 1, 1, 0);
		read_part(&file, 0, UINT64_MAX);
		assert_came(&file, 0, size[i], true);
		close_case(&file);
	}
}

/* The server was left alone for its bad share; without it there are too few. */
static void without_a_gateway_a_doubted_server_is_asked_again(void **state)
{
	struct direct_case file;
	(void)state;
	open_case(&file, (struct file_shape){ 2, 3, SMALL, 0, 0 });
	give(&file, 0, 0);
	give(&file, 0, 1);
	give(&file, 1, 2);
	struct direct_server *server = ((struct direct *)file.fake.store)->server;
	file.fake.at[0].share[0].size--;
	server[file.fake.order[0]].doubts = DIRECT_DOUBTS_MAX - 1;
	for (unsigned rank = 2; rank < FAKE_SERVERS; rank++)
		server[file.fake.order[rank]].away_until_ms = UINT64_MAX;
	read_part(&file, 0, UINT64_MAX);
	assert_came(&file, 0, SMALL, true);
	for (unsigned rank = 2; rank < FAKE_SERVERS; rank++) /* but no other */
		assert_int_equal(server[file.fake.order[rank]].away_until_ms, UINT64_MAX);
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

/* Whole shares: one that has not come cannot be done without. */
static void a_small_file_is_read_from_others_as_well(void **state)
{
	struct direct_case file;
	(void)state;
	open_spread(&file, 2, 4, SMALL);
	file.fake.at[1].fault = FAULT_RETRY;
	file.fake.at[1].well = 1;
	read_well(&file, 0, UINT64_MAX);
	asked(&file, "0 ?\n1 ?\n0/0 0+1051\n1 bad\n0 ?\n2 ?\n0/0 0+1051\n2/2 0+1051\n");
	close_case(&file);
}

static void a_server_that_sends_more_is_left_alone(void **state)
{
	struct direct_case file;
	(void)state;
	open_spread(&file, 2, 4, LARGE);
	file.fake.at[0].more = 1;
	read_well(&file, 0, 1);
	assert_false(direct_server_answers((struct direct *)file.fake.store, file.fake.order[0]));
	assert_true(direct_server_answers((struct direct *)file.fake.store, file.fake.order[1]));
	close_case(&file);
}

struct bad_trees {
	struct file_shape shape;
	unsigned bad; /* of so many of three servers the hash tree is no good */
	bool proven;
	unsigned doubts[3]; /* of each server afterwards */
};

static void read_bad_trees(const struct bad_trees *row)
{
	struct direct_case file;
	open_case(&file, row->shape);
	const struct direct *direct = (struct direct *)file.fake.store;
	file.fake.contents = file.data;
	file.fake.size = file.size;
	for (unsigned rank = 0; rank < 3; rank++) {
		const unsigned number = rank % row->shape.n;
		give(&file, rank, number);
		file.fake.at[rank].share[number].data[file.layout.ueb_offset + 5] ^=
			rank < row->bad;
	}
	read_part(&file, 0, UINT64_MAX);
	assert_came(&file, 0, file.size, row->proven);
	for (unsigned rank = 0; rank < 3; rank++)
		assert_int_equal(direct->server[file.fake.order[rank]].doubts, row->doubts[rank]);
	close_case(&file);
}

/* Of whole shares one good tree is enough.  Else only those are doubted whose tree it is. */
static void shares_with_bad_trees_are_doubted(void **state)
{
	static const struct bad_trees row[] = {
		{ { 1, 1, SMALL, 0, 0 }, 2, true, { 1, 1, 0 } },
		{ { 1, 1, LARGE, 0, 0 }, 2, true, { 1, 1, 0 } },
		{ { 2, 3, SMALL, 0, 0 }, 1, true, { 0, 0, 0 } },
		{ { 2, 3, SMALL, 0, 0 }, 2, false, { 1, 1, 0 } },
		{ { 2, 3, LARGE, 0, 0 }, 1, true, { 1, 0, 0 } },
		{ { 2, 3, LARGE, 128 << 10, 0 }, 1, true, { 1, 0, 0 } },
		{ { 2, 3, LARGE, 0, 0 }, 2, false, { 1, 1, 0 } },
		{ { 1, 3, SMALL, 0, 0 }, 2, true, { 1, 1, 0 } },
		{ { 1, 3, LARGE, 0, 0 }, 2, true, { 1, 1, 0 } },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(row); i++)
		read_bad_trees(&row[i]);
}

/* Asserts that a file is read without the share of rank 0 or 1 that is no good, and that no other
 * server is doubted. */
static void assert_done_without(struct direct_case *file, unsigned bad, const char *lines)
{
	const struct direct *direct = (struct direct *)file->fake.store;
	read_well(file, 0, UINT64_MAX);
	asked(file, lines);
	for (unsigned rank = 0; rank < 3; rank++) {
		const struct direct_server *server = &direct->server[file->fake.order[rank]];
		assert_int_equal(server->doubts, rank == bad);
		assert_true(server->away_until_ms <= clock_ms());
	}
}

/* It might be of smaller segments: so much is asked of its server, and nothing of others. */
static void another_share_is_read_where_a_tree_is_bad(void **state)
{
	enum { SIZE = 200 << 10 };
	struct direct_case file;
	(void)state;
	open_spread(&file, 2, 3, SIZE);
	file.fake.at[0].share[0].data[file.layout.ueb_offset + 5] ^= 1;
	assert_done_without(&file, 0,
			    "0 ?\n1 ?\n0/0 102436+525\n0/0 102436+715\n"
			    "0 ?\n1 ?\n2 ?\n1/1 102436+525\n"
			    "1/1 36+102400\n2/2 36+102400\n");
	close_case(&file);
}

/* Before its tree, and in its data. */
static void another_share_is_read_where_one_is_cut_short(void **state)
{
	enum { SIZE = 200 << 10 };
	struct direct_case file;
	(void)state;
	open_spread(&file, 2, 3, SIZE);
	file.fake.at[0].share[0].size = 36 + 1000;
	assert_done_without(&file, 0,
			    "0 ?\n1 ?\n0/0 102436+525\n0 ?\n1 ?\n2 ?\n1/1 102436+525\n"
			    "1/1 36+102400\n2/2 36+102400\n");
	close_case(&file);
	open_spread(&file, 2, 3, SIZE);
	file.fake.at[1].share[1].size = 36 + 1000;
	assert_done_without(&file, 1,
			    "0 ?\n1 ?\n0/0 102436+525\n0/0 36+102400\n1/1 36+102400\n"
			    "0 ?\n1 ?\n2 ?\n0/0 102436+525\n"
			    "0/0 36+102400\n2/2 36+102400\n");
	close_case(&file);
}

/* There is no other that it could have been. */
static void another_share_is_read_where_one_is_enough(void **state)
{
	static const size_t size[] = { SMALL, LARGE };
	struct direct_case file;
	(void)state;
	for (unsigned i = 0; i < ARRAY_COUNT(size); i++) {
		open_spread(&file, 1, 3, size[i]);
		const struct direct *direct = (struct direct *)file.fake.store;
		spoil(&file, 0, 0, i);
		read_well(&file, 0, UINT64_MAX);
		assert_int_equal(direct->server[file.fake.order[0]].doubts, 1);
		assert_int_equal(direct->server[file.fake.order[1]].doubts, 0);
		close_case(&file);
	}
}

static void good_shares_end_doubts(void **state)
{
	struct direct_case file;
	(void)state;
	open_spread(&file, 2, 4, SMALL);
	struct direct_server *server =
		&((struct direct *)file.fake.store)->server[file.fake.order[0]];
	server->doubts = DIRECT_DOUBTS_MAX - 1;
	read_well(&file, 0, UINT64_MAX);
	assert_int_equal(server->doubts, 0);
	close_case(&file);
}

static void what_servers_take_is_learnt(void **state)
{
	struct direct_case file;
	(void)state;
	open_spread(&file, 2, 4, SMALL);
	const struct direct *direct = (struct direct *)file.fake.store;
	for (unsigned rank = 0; rank < 4; rank++)
		file.fake.at[rank].takes_ms = 2000;
	read_well(&file, 0, UINT64_MAX);
	/* Two are asked at once: the second answers after both times. */
	assert_in_range(direct->delay_ms, 2000, 4000);
	assert_in_range(direct->floor.wait_ms, 16000, 8 * 4000);
	close_case(&file);
}

/* After three of them in a row their server is left alone, and no other. */
static void shares_cut_short_are_doubted(void **state)
{
	struct direct_case file;
	(void)state;
	open_spread(&file, 2, 4, SMALL);
	file.fake.at[0].cut = 1;
	for (unsigned i = 1; i < DIRECT_DOUBTS_MAX; i++) {
		read_well(&file, 0, UINT64_MAX);
		asked(&file, "0 ?\n1 ?\n0/0 0+1051\n0 ?\n1 ?\n2 ?\n1/1 0+1051\n2/2 0+1051\n");
	}
	read_well(&file, 0, UINT64_MAX);
	asked(&file, "0 ?\n1 ?\n0/0 0+1051\n1 ?\n2 ?\n1/1 0+1051\n2/2 0+1051\n");
	read_well(&file, 0, UINT64_MAX);
	asked(&file, "1 ?\n2 ?\n1/1 0+1051\n2/2 0+1051\n");
	clock_move(DIRECT_AWAY_MS); /* then they are counted anew */
	assert_done_without(&file, 0,
			    "0 ?\n1 ?\n0/0 0+1051\n0 ?\n1 ?\n2 ?\n1/1 0+1051\n2/2 0+1051\n");
	close_case(&file);
}

/* A segment does not show whose block of it is no good. */
static void all_are_doubted_for_a_bad_segment(void **state)
{
	struct direct_case file;
	(void)state;
	open_spread(&file, 2, 3, LARGE);
	const struct direct *direct = (struct direct *)file.fake.store;
	file.fake.contents = file.data;
	file.fake.size = LARGE;
	spoil(&file, 1, 1, 0);
	read_part(&file, 0, UINT64_MAX);
	assert_came(&file, 0, LARGE, false);
	for (unsigned rank = 0; rank < 3; rank++)
		assert_int_equal(direct->server[file.fake.order[rank]].doubts, rank < 2);
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

/* While it is asked for: nothing is there yet to be gone on with. */
static void a_call_may_be_resumed_before_its_bytes_are_there(void **state)
{
	struct direct_case file;
	(void)state;
	for (unsigned steps = 0; steps < 3; steps++) { /* its numbers, the tree, a stripe */
		open_spread(&file, 2, 4, LARGE);
		file.fake.at[0].held = true;
		file.fake.at[0].well = steps;
		struct store_call *call = begin(&file, 0, UINT64_MAX);
		fake_servers_run(&file.fake);
		assert_int_equal(file.fake.got.size, 0);
		store_pause(file.fake.store, call);
		store_resume(file.fake.store, call);
		file.fake.at[0].held = false;
		fake_servers_run(&file.fake);
		assert_came(&file, 0, LARGE, true);
		assert_int_equal(file.fake.gateway, 0);
		close_case(&file);
	}
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
		clock_move(away_ms - 1);
		read_well(&file, 0, UINT64_MAX);
		assert_null(strstr(bytes_text(&file.fake.log), "0 bad\n"));
		forget_asked(&file);
		clock_move(1);
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
	clock_move(DIRECT_AWAY_MS - 1);
	forget_asked(&file);
	read_well(&file, 0, UINT64_MAX);
	assert_null(strstr(bytes_text(&file.fake.log), "0 bad\n"));
	clock_move(1);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_damaged_share_is_done_without),
		cmocka_unit_test(the_gateway_brings_what_is_damaged),
		cmocka_unit_test(without_a_gateway_the_damaged_share_is_found),
		cmocka_unit_test(closing_ends_the_look_for_damage_once),
		cmocka_unit_test(without_a_gateway_a_doubted_server_is_asked_again),
		cmocka_unit_test(too_much_damage_ends_as_the_gateway_says),
		cmocka_unit_test(another_server_goes_on_where_one_fails),
		cmocka_unit_test(a_small_file_is_read_from_others_as_well),
		cmocka_unit_test(a_server_that_sends_more_is_left_alone),
		cmocka_unit_test(shares_with_bad_trees_are_doubted),
		cmocka_unit_test(another_share_is_read_where_a_tree_is_bad),
		cmocka_unit_test(another_share_is_read_where_one_is_cut_short),
		cmocka_unit_test(another_share_is_read_where_one_is_enough),
		cmocka_unit_test(good_shares_end_doubts),
		cmocka_unit_test(what_servers_take_is_learnt),
		cmocka_unit_test(shares_cut_short_are_doubted),
		cmocka_unit_test(all_are_doubted_for_a_bad_segment),
		cmocka_unit_test(what_a_sink_refuses_ends_the_call),
		cmocka_unit_test(a_paused_call_waits_between_segments),
		cmocka_unit_test(the_gateway_is_paused_as_well),
		cmocka_unit_test(a_call_may_be_paused_before_its_bytes_are_there),
		cmocka_unit_test(a_call_may_be_resumed_before_its_bytes_are_there),
		cmocka_unit_test(one_of_several_calls_is_cancelled),
		cmocka_unit_test(a_cancelled_call_says_nothing),
		cmocka_unit_test(a_slow_server_is_asked_again_after_a_minute_then_two),
		cmocka_unit_test(a_server_that_is_gone_is_asked_again_after_five_minutes),
		cmocka_unit_test(a_search_ends_after_twenty_seconds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
