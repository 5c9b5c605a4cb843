/* Mutable files at storage servers in memory: the newest version, or none. */
#include "direct/direct_call.h"

#include "tests/unit/moved_clock.h"
#include "tests/unit/slot_case.h"

enum {
	SMALL = 500,
	FIRST = 32 << 10, /* bytes of a share that are asked for at first; the largest has more */
};

static void asked(struct slot_case *slot, const char *lines)
{
	fake_servers_asked(&slot->fake, lines);
}

static struct store_call *begin_read(struct slot_case *slot, store_sink *sink, void *context)
{
	const struct store_get get = {
		.cap = &slot->file,
		.length = UINT64_MAX,
		.sink = sink,
		.context = context,
	};
	struct err err;
	return store_get(slot->fake.store, &get, fake_servers_then(&slot->fake), &err);
}

static void read_slot(struct slot_case *slot)
{
	assert_non_null(begin_read(slot, fake_servers_sink, &slot->fake));
	fake_servers_run(&slot->fake);
	assert_true(slot->fake.ended);
	assert_int_equal(slot->fake.end.fault, FAULT_NONE);
	assert_int_equal(slot->fake.end.received, slot->size);
	assert_int_equal(slot->fake.got.size, slot->size);
}

/* Reads and asserts that the servers brought `data`. */
static void read_well(struct slot_case *slot, const unsigned char *data)
{
	read_slot(slot);
	assert_memory_equal(slot->fake.got.data, data, slot->size);
	assert_true(slot->fake.end.proven);
	assert_int_equal(slot->fake.gateway, 0);
	assert_int_equal(slot->times, 0);
}

/* Reads and asserts that the gateway had to, for this reason. */
static void left_to_the_gateway(struct slot_case *slot, const char *why)
{
	read_slot(slot);
	assert_false(slot->fake.end.proven);
	assert_int_equal(slot->fake.gateway, 1);
	assert_int_equal(slot->times, 1);
	assert_string_equal(slot->told.text, why);
}

#define SILENT  "a storage server that may have its newest version does not answer"
#define TOO_FEW "the storage servers do not have enough good shares of its newest version"

/* ---- reading ---- */

/* What says nothing is an empty directory; other bytes that are none are the gateway's. */
static void a_directory_is_listed_from_its_slot(void **state)
{
	static const size_t size[] = { 0, SMALL };
	static struct slot_case slot;
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(size); i++) {
		open_slot(&slot, 2, 10, size[i]);
		give_slot_all(&slot);
		const struct store_list list = { .cap = &slot.directory };
		struct err err;
		slot.fake.contents = NULL;
		assert_non_null(
			store_list(slot.fake.store, &list, fake_servers_then(&slot.fake), &err));
		fake_servers_run(&slot.fake);
		assert_true(slot.fake.ended);
		assert_int_equal(slot.fake.end.proven, size[i] == 0);
		assert_int_equal(slot.fake.end.children, 0);
		assert_int_equal(slot.fake.gateway, size[i] > 0);
		close_slot(&slot);
	}
}

static void the_first_servers_are_asked_for_what_they_have(void **state)
{
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 2, 10, SMALL);
	give_slot_all(&slot);
	read_well(&slot, slot.data);
	asked(&slot, "0 ?\n1 ?\n2 ?\n3 ?\n0/0 0+32768\n1/1 0+32768\n2/2 0+32768\n"
		     "3/3 0+32768\n");
	close_slot(&slot);
}

static void what_is_read_says_that_the_grid_is_well(void **state)
{
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 2, 10, SMALL);
	give_slot_all(&slot);
	fake_servers_trouble(&slot.fake, HEALTH_READING);
	read_well(&slot, slot.data);
	assert_false(fake_servers_in_trouble(&slot.fake, HEALTH_READING));
	close_slot(&slot);
}

static void what_is_missing_of_large_shares_is_asked_for(void **state)
{
	static struct slot_case slot;
	char line[100];
	(void)state;
	open_slot(&slot, 2, 4, SLOT_MAX);
	give_slot_all(&slot);
	struct slot_share share;
	struct err err;
	assert_int_equal(
		slot_share_read(slot.shares->data, slot.shares->share_size, SLOT_MAX, &share, &err),
		FAULT_NONE);
	read_well(&slot, slot.data);
	snprintf(line, sizeof line, "3/3 0+32768\n0/0 32768+%u\n1/1 32768+%u\n",
		 (unsigned)share.whole - FIRST, (unsigned)share.whole - FIRST);
	assert_non_null(strstr(bytes_text(&slot.fake.log), line));
	close_slot(&slot);
}

/* Although the older one is whole. */
static void the_newest_version_is_read(void **state)
{
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 2, 10, SMALL);
	give_slot_all(&slot);
	give_slot(&slot, slot.other, 3, 3);
	give_slot(&slot, slot.other, 6, 6);
	read_well(&slot, slot.other_data);
	/* One share of it is not enough: five servers more. */
	assert_non_null(strstr(bytes_text(&slot.fake.log), "4 ?\n5 ?\n6 ?\n7 ?\n8 ?\n4/4"));
	assert_null(strstr(bytes_text(&slot.fake.log), "9 ?"));
	close_slot(&slot);
}

static void a_newest_version_in_pieces_is_left_to_the_gateway(void **state)
{
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 2, 10, SMALL);
	give_slot_all(&slot);
	give_slot(&slot, slot.other, 1, 1);
	left_to_the_gateway(&slot, TOO_FEW);
	close_slot(&slot);
}

/* The same share twice is one. */
static void shares_are_counted_once(void **state)
{
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 2, 10, SMALL);
	for (unsigned rank = 0; rank < 6; rank++)
		give_slot(&slot, slot.shares, rank, 5);
	give_slot(&slot, slot.shares, 9, 7);
	read_well(&slot, slot.data);
	close_slot(&slot);
}

static void servers_without_a_share_are_passed_by(void **state)
{
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 2, 10, SMALL);
	give_slot(&slot, slot.shares, 8, 0);
	give_slot(&slot, slot.shares, 9, 1);
	read_well(&slot, slot.data);
	close_slot(&slot);
	open_slot(&slot, 2, 10, SMALL);
	give_slot(&slot, slot.shares, 9, 1);
	left_to_the_gateway(&slot, TOO_FEW);
	assert_non_null(strstr(bytes_text(&slot.fake.log), "9 ?"));
	close_slot(&slot);
}

/* Reads where share 0 is spoilt so far from its start. */
static void read_spoilt(size_t at, bool large)
{
	static struct slot_case slot;
	open_slot(&slot, 2, 4, large ? SLOT_MAX : SMALL);
	give_slot_all(&slot);
	slot.fake.at[0].share[0].data[at] ^= 1;
	read_well(&slot, slot.data);
	close_slot(&slot);
}

static void a_damaged_share_is_done_without(void **state)
{
	struct slot_share share;
	struct err err;
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 2, 4, SMALL);
	assert_int_equal(
		slot_share_read(slot.shares->data, slot.shares->share_size, SLOT_MAX, &share, &err),
		FAULT_NONE);
	close_slot(&slot);
	read_spoilt(8, false); /* of the sequence number */
	read_spoilt(9, false); /* of the root */
	read_spoilt((size_t)share.chain.offset + 2, false);
	read_spoilt((size_t)share.blocks.offset, false);
	read_spoilt(FIRST + 1, true);
}

/* There may be a newer version, which only the gateway can read. */
static void a_share_that_says_it_is_too_large_is_believed(void **state)
{
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 2, 4, SMALL);
	give_slot_all(&slot);
	slot.fake.at[3].share[3].data[0] ^= 1; /* of another kind, with its sizes elsewhere */
	left_to_the_gateway(&slot, "it is too large to be kept in memory");
	close_slot(&slot);
}

static void damage_beyond_repair_is_left_to_the_gateway(void **state)
{
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 2, 3, SLOT_MAX);
	give_slot_all(&slot);
	slot.fake.at[0].share[0].data[FIRST + 1] ^= 1;
	slot.fake.at[1].share[1].data[FIRST + 1] ^= 1;
	left_to_the_gateway(&slot, TOO_FEW);
	close_slot(&slot);
}

/* Reads where server 1 of four that are asked does what `bad` says. */
static void read_past(const struct fake_server *bad)
{
	static struct slot_case slot;
	open_slot(&slot, 2, 10, SMALL);
	struct server *server = slot.fake.at[1].server;
	slot.fake.at[1] = *bad;
	slot.fake.at[1].server = server;
	for (unsigned i = 0; i < 10; i++)
		if (i != 1)
			give_slot(&slot, slot.shares, i, i);
	left_to_the_gateway(&slot, SILENT);
	close_slot(&slot);
}

static void a_server_without_an_answer_may_have_the_newest(void **state)
{
	(void)state;
	read_past(&(struct fake_server){ .fault = FAULT_UNAVAILABLE });
	read_past(&(struct fake_server){ .nonsense = "nonsense" });
	read_past(&(struct fake_server){ .status = 401 });
}

/* What it said that it has is no good, then. */
static void a_server_that_goes_away_is_done_without(void **state)
{
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 2, 10, SMALL);
	give_slot_all(&slot);
	slot.fake.at[0].fault = FAULT_UNAVAILABLE;
	slot.fake.at[0].well = 1;
	read_well(&slot, slot.data);
	/* Left alone from now on, it may have a newer one by then. */
	left_to_the_gateway(&slot, SILENT);
	slot.fake.at[0].fault = FAULT_NONE;
	slot.fake.gateway = slot.times = 0;
	clock_move(DIRECT_AWAY_MS);
	read_well(&slot, slot.data);
	close_slot(&slot);
}

/* Has six servers ten or eleven shares each. */
static void give_many(struct slot_case *slot, unsigned last)
{
	open_slot(slot, 3, 11, SMALL);
	for (unsigned rank = 0; rank < 6; rank++)
		for (unsigned i = 0; i < (rank < 5 ? 11u : last); i++)
			give_slot(slot, slot->shares, rank, i);
}

static void no_more_than_64_shares_are_looked_at(void **state)
{
	static struct slot_case slot;
	(void)state;
	give_many(&slot, 9);
	read_well(&slot, slot.data);
	close_slot(&slot);
	give_many(&slot, 10);
	left_to_the_gateway(&slot, "it has more shares than are looked at");
	close_slot(&slot);
}

static void servers_that_are_slow_to_say_are_left_to_the_gateway(void **state)
{
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 2, 10, SMALL);
	give_slot_all(&slot);
	for (unsigned rank = 0; rank < 10; rank++)
		slot.fake.at[rank].takes_ms = DIRECT_SEARCH_MS / 8;
	left_to_the_gateway(&slot,
			    "the storage servers take too long to say which shares they have");
	slot.fake.gateway = slot.times = 0;
	for (unsigned rank = 0; rank < 10; rank++)
		slot.fake.at[rank].takes_ms = DIRECT_SEARCH_MS / 8 - 100;
	read_well(&slot, slot.data);
	close_slot(&slot);
}

static void not_all_servers_known_is_left_to_the_gateway(void **state)
{
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 2, 10, SMALL);
	give_slot_all(&slot);
	slot.fake.servers.partial = true;
	left_to_the_gateway(&slot, "some storage servers are reached by the gateway alone");
	asked(&slot, "gateway GET\n");
	close_slot(&slot);
}

static void without_servers_all_is_the_gateways(void **state)
{
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 2, 10, SMALL);
	slot.fake.servers.count = 0;
	left_to_the_gateway(&slot, "no storage server is asked");
	slot.fake.servers.count = FAKE_SERVERS;
	close_slot(&slot);
}

/* ---- delivery ---- */

struct pausing {
	struct slot_case *slot;
	struct store_call *call;
	unsigned times;
};

static bool pause_each(void *context, const void *data, size_t size)
{
	struct pausing *pausing = context;
	pausing->times++;
	store_pause(pausing->slot->fake.store, pausing->call);
	return fake_servers_sink(&pausing->slot->fake, data, size);
}

static void contents_wait_for_a_paused_call(void **state)
{
	static struct slot_case slot;
	struct pausing pausing = { .slot = &slot };
	(void)state;
	open_slot(&slot, 2, 4, SLOT_MAX);
	give_slot_all(&slot);
	pausing.call = begin_read(&slot, pause_each, &pausing);
	fake_servers_run(&slot.fake);
	assert_false(slot.fake.ended);
	assert_int_equal(slot.fake.got.size, 64 << 10);
	store_resume(slot.fake.store, pausing.call);
	fake_servers_run(&slot.fake);
	assert_true(slot.fake.ended);
	assert_int_equal(pausing.times, 2);
	assert_int_equal(slot.fake.got.size, SLOT_MAX);
	assert_memory_equal(slot.fake.got.data, slot.data, SLOT_MAX);
	close_slot(&slot);
}

static bool refuse(void *context, const void *data, size_t size)
{
	(void)data, (void)size;
	return ++*(unsigned *)context < 2;
}

static void what_a_sink_refuses_ends_the_call(void **state)
{
	static struct slot_case slot;
	unsigned times = 0;
	(void)state;
	open_slot(&slot, 2, 4, SLOT_MAX);
	give_slot_all(&slot);
	begin_read(&slot, refuse, &times);
	fake_servers_run(&slot.fake);
	assert_true(slot.fake.ended);
	assert_int_equal(slot.fake.end.fault, FAULT_CANCELLED);
	assert_int_equal(slot.fake.end.received, 64 << 10);
	assert_false(slot.fake.end.proven);
	assert_int_equal(times, 2);
	assert_int_equal(slot.fake.gateway, 0);
	close_slot(&slot);
}

static void the_gateway_is_paused_as_well(void **state)
{
	static struct slot_case slot;
	struct pausing pausing = { .slot = &slot };
	(void)state;
	open_slot(&slot, 2, 4, SLOT_MAX);
	pausing.call = begin_read(&slot, pause_each, &pausing);
	fake_servers_run(&slot.fake);
	assert_false(slot.fake.ended);
	assert_int_equal(slot.fake.got.size, SLOT_MAX / 2);
	store_resume(slot.fake.store, pausing.call);
	fake_servers_run(&slot.fake);
	assert_int_equal(pausing.times, 2);
	store_resume(slot.fake.store, pausing.call);
	fake_servers_run(&slot.fake);
	assert_true(slot.fake.ended);
	assert_int_equal(slot.fake.got.size, SLOT_MAX);
	assert_int_equal(slot.fake.gateway, 1);
	close_slot(&slot);
}

static void a_call_may_be_paused_before_its_bytes_are_there(void **state)
{
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 2, 4, SMALL);
	give_slot_all(&slot);
	struct store_call *call = begin_read(&slot, fake_servers_sink, &slot.fake);
	store_pause(slot.fake.store, call);
	store_resume(slot.fake.store, call);
	fake_servers_run(&slot.fake);
	assert_true(slot.fake.ended);
	call = begin_read(&slot, fake_servers_sink, &slot.fake);
	store_pause(slot.fake.store, call);
	fake_servers_run(&slot.fake);
	assert_false(slot.fake.ended);
	store_resume(slot.fake.store, call);
	store_pause(slot.fake.store, call);
	fake_servers_run(&slot.fake);
	assert_false(slot.fake.ended);
	assert_int_equal(slot.fake.got.size, 0);
	store_resume(slot.fake.store, call);
	fake_servers_run(&slot.fake);
	assert_true(slot.fake.ended);
	assert_int_equal(slot.fake.got.size, SMALL);
	close_slot(&slot);
}

static void one_of_several_calls_is_cancelled(void **state)
{
	static struct slot_case slot;
	struct store_call *call[3];
	(void)state;
	open_slot(&slot, 2, 4, SMALL);
	give_slot_all(&slot);
	for (size_t i = 0; i < 3; i++)
		call[i] = begin_read(&slot, fake_servers_sink, &slot.fake);
	store_cancel(slot.fake.store, call[1]);
	fake_servers_run_all(&slot.fake);
	assert_int_equal(slot.fake.ends, 2);
	assert_int_equal(slot.fake.got.size, 2 * SMALL);
	close_slot(&slot);
}

static void closing_ends_all_calls(void **state)
{
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 2, 4, SMALL);
	give_slot_all(&slot);
	slot.fake.at[0].held = true;
	for (unsigned i = 0; i < 2; i++)
		begin_read(&slot, fake_servers_sink, &slot.fake);
	fake_servers_run(&slot.fake);
	close_slot(&slot);
	assert_int_equal(slot.fake.ends, 0);
}

static void a_cancelled_call_says_nothing(void **state)
{
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 2, 4, SMALL);
	give_slot_all(&slot);
	store_cancel(slot.fake.store, begin_read(&slot, fake_servers_sink, &slot.fake));
	fake_servers_run(&slot.fake);
	assert_false(slot.fake.ended);
	asked(&slot, "");
	read_well(&slot, slot.data);
	close_slot(&slot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_directory_is_listed_from_its_slot),
		cmocka_unit_test(the_first_servers_are_asked_for_what_they_have),
		cmocka_unit_test(what_is_read_says_that_the_grid_is_well),
		cmocka_unit_test(what_is_missing_of_large_shares_is_asked_for),
		cmocka_unit_test(the_newest_version_is_read),
		cmocka_unit_test(a_newest_version_in_pieces_is_left_to_the_gateway),
		cmocka_unit_test(shares_are_counted_once),
		cmocka_unit_test(servers_without_a_share_are_passed_by),
		cmocka_unit_test(a_damaged_share_is_done_without),
		cmocka_unit_test(a_share_that_says_it_is_too_large_is_believed),
		cmocka_unit_test(damage_beyond_repair_is_left_to_the_gateway),
		cmocka_unit_test(a_server_without_an_answer_may_have_the_newest),
		cmocka_unit_test(a_server_that_goes_away_is_done_without),
		cmocka_unit_test(no_more_than_64_shares_are_looked_at),
		cmocka_unit_test(servers_that_are_slow_to_say_are_left_to_the_gateway),
		cmocka_unit_test(not_all_servers_known_is_left_to_the_gateway),
		cmocka_unit_test(without_servers_all_is_the_gateways),
		cmocka_unit_test(contents_wait_for_a_paused_call),
		cmocka_unit_test(what_a_sink_refuses_ends_the_call),
		cmocka_unit_test(the_gateway_is_paused_as_well),
		cmocka_unit_test(a_call_may_be_paused_before_its_bytes_are_there),
		cmocka_unit_test(one_of_several_calls_is_cancelled),
		cmocka_unit_test(closing_ends_all_calls),
		cmocka_unit_test(a_cancelled_call_says_nothing),
	};
	return cmocka_run_group_tests(tests, slot_key_new, NULL);
}
