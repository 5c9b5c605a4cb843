/* Mutable directories made at storage servers in memory. */
#include "direct/direct_call.h"

#include "tests/unit/slot_case.h"

enum { SMALL = 500 };

static void asked(struct slot_case *slot, const char *lines)
{
	fake_servers_asked(&slot->fake, lines);
}

static struct store_call *begin_make(struct slot_case *slot)
{
	const struct store_directory directory = {
		.is_mutable = true,
		.private_key = slot_key_text(),
		.private_key_size = strlen(slot_key_text()),
		.slot = slot->shares,
	};
	const struct store_body body = { .data = "{}", .size = 2 };
	struct err err;
	slot->fake.contents = NULL;
	return store_make_directory(slot->fake.store, &directory, &body,
				    fake_servers_then(&slot->fake), &err);
}

/* Whether the gateway alone is asked to make that. */
static bool is_the_gateways(struct slot_case *slot, const struct store_directory *directory)
{
	const struct store_body body = { .data = "{}", .size = 2 };
	struct err err;
	slot->fake.contents = NULL;
	assert_non_null(store_make_directory(slot->fake.store, directory, &body,
					     fake_servers_then(&slot->fake), &err));
	fake_servers_run(&slot->fake);
	const bool alone = strcmp(bytes_text(&slot->fake.log), "gateway POST\n") == 0;
	slot->fake.log.size = 0;
	return alone;
}

static void make(struct slot_case *slot)
{
	assert_non_null(begin_make(slot));
	fake_servers_run(&slot->fake);
	assert_true(slot->fake.ended);
}

static void assert_made(const struct slot_case *slot)
{
	assert_int_equal(slot->fake.end.fault, FAULT_NONE);
	assert_true(slot->fake.end.proven && slot->fake.end.answered);
	assert_true(cap_equal(&slot->fake.end.cap, &slot->directory));
	assert_int_equal(slot->fake.gateway, 0);
}

static void assert_failed(const struct slot_case *slot, enum store_trouble trouble)
{
	assert_int_equal(slot->fake.end.fault, FAULT_RETRY);
	assert_int_equal(slot->fake.end.trouble, trouble);
	assert_true(slot->fake.end.answered);
	assert_false(slot->fake.end.proven);
	assert_int_equal(slot->fake.gateway, 0);
}

static bool has_share(const struct slot_case *slot, unsigned rank, unsigned number)
{
	const struct fake_share *share = &slot->fake.at[rank].share[number];
	const size_t size = slot->shares->share_size;
	return share->is_there && share->size == size &&
	       memcmp(share->data, slot->shares->data + number * size, size) == 0;
}

static void each_server_gets_its_share(void **state)
{
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 2, 4, SMALL);
	make(&slot);
	assert_made(&slot);
	for (unsigned i = 0; i < 4; i++)
		assert_true(has_share(&slot, i, i));
	asked(&slot, "0 slot 0\n1 slot 1\n2 slot 2\n3 slot 3\n");
	make(&slot); /* once more: it is there */
	assert_made(&slot);
	asked(&slot, "0 slot 0\n1 slot 1\n2 slot 2\n3 slot 3\n");
	close_slot(&slot);
}

static void what_is_made_ends_trouble_with_writing(void **state)
{
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 2, 4, SMALL);
	fake_servers_trouble(&slot.fake, HEALTH_WRITING);
	make(&slot);
	assert_made(&slot);
	assert_false(fake_servers_in_trouble(&slot.fake, HEALTH_WRITING));
	close_slot(&slot);
}

static void another_server_gets_what_one_refuses(void **state)
{
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 1, 2, SMALL);
	slot.fake.at[0].status = 401;
	make(&slot);
	assert_made(&slot);
	asked(&slot, "0 bad\n1 slot 1\n2 slot 0\n");
	close_slot(&slot);
	open_slot(&slot, 1, 2, SMALL);
	slot.fake.at[0].nonsense = "nonsense";
	make(&slot);
	assert_made(&slot);
	close_slot(&slot);
}

/* It answers with what it has, and the rest is sent again. */
static void some_of_a_servers_shares_may_be_there(void **state)
{
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 1, 2, SMALL);
	for (unsigned rank = 2; rank < 10; rank++)
		slot.fake.at[rank].status = 401;
	give_slot(&slot, slot.shares, 1, 0);
	make(&slot);
	assert_made(&slot);
	assert_true(has_share(&slot, 1, 0));
	assert_true(has_share(&slot, 0, 1) || has_share(&slot, 1, 1));
	close_slot(&slot);
}

static void another_version_is_left_as_it_is(void **state)
{
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 1, 2, SMALL);
	give_slot(&slot, slot.other, 1, 0);
	make(&slot);
	assert_failed(&slot, STORE_TROUBLE_UNCOORDINATED);
	assert_memory_equal(slot.fake.at[1].share[0].data, slot.other->data,
			    slot.other->share_size);
	close_slot(&slot);
}

/* The first one that has as few shares as any. */
static void a_server_gets_another_share_where_no_more_take_one(void **state)
{
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 1, 3, SMALL);
	for (unsigned rank = 2; rank < 10; rank++)
		slot.fake.at[rank].status = 401;
	make(&slot);
	assert_made(&slot);
	asked(&slot, "0 slot 0\n1 slot 1\n2 bad\n3 bad\n4 bad\n5 bad\n0 slot 2\n");
	close_slot(&slot);
}

/* Makes the directory where server 0 answers with that status, and the others refuse. */
static void make_refused(struct slot_case *slot, int status)
{
	open_slot(slot, 1, 2, SMALL);
	for (unsigned rank = 0; rank < 10; rank++)
		slot->fake.at[rank].status = rank == 0 ? status : 401;
	make(slot);
	close_slot(slot);
}

/* One that fails may have written it. */
static void a_failure_is_no_refusal(void **state)
{
	static struct slot_case slot;
	(void)state;
	make_refused(&slot, 400);
	assert_int_equal(slot.fake.gateway, 1);
	make_refused(&slot, 499);
	assert_int_equal(slot.fake.gateway, 1);
	make_refused(&slot, 500);
	assert_failed(&slot, STORE_TROUBLE_NO_SERVERS);
}

/* The gateway would make it anew, so it is asked only where nothing can have been written. */
static void too_few_servers_are_told_apart(void **state)
{
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 1, 2, SMALL);
	for (unsigned rank = 0; rank < 10; rank++)
		slot.fake.at[rank].status = 400;
	make(&slot);
	assert_int_equal(slot.fake.end.fault, FAULT_UNAVAILABLE);
	assert_int_equal(slot.fake.gateway, 1);
	close_slot(&slot);
	open_slot(&slot, 1, 2, SMALL);
	for (unsigned rank = 0; rank < 10; rank++)
		slot.fake.at[rank].status = 401;
	slot.fake.at[0].status = 0;
	slot.fake.at[0].fault = FAULT_RETRY;
	make(&slot);
	assert_failed(&slot, STORE_TROUBLE_NO_SERVERS);
	close_slot(&slot);
}

static void one_of_several_calls_is_cancelled(void **state)
{
	static struct slot_case slot;
	struct store_call *call[3];
	(void)state;
	open_slot(&slot, 2, 4, SMALL);
	for (size_t i = 0; i < 3; i++)
		call[i] = begin_make(&slot);
	store_cancel(slot.fake.store, call[1]);
	store_poll(slot.fake.store, 0);
	call[1] = begin_make(&slot);
	fake_servers_run_all(&slot.fake);
	assert_int_equal(slot.fake.ends, 3);
	assert_made(&slot);
	close_slot(&slot);
}

static void a_cancelled_call_leaves_nothing_in_flight(void **state)
{
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 2, 4, SMALL);
	for (unsigned rank = 0; rank < 4; rank++)
		slot.fake.at[rank].held = true;
	struct store_call *call = begin_make(&slot);
	store_poll(slot.fake.store, 0);
	assert_int_equal(fake_servers_in_flight(&slot.fake), 4);
	store_cancel(slot.fake.store, call);
	assert_int_equal(fake_servers_in_flight(&slot.fake), 0);
	assert_false(slot.fake.ended);
	/* Nor where the gateway makes it. */
	for (unsigned rank = 0; rank < FAKE_SERVERS; rank++) {
		slot.fake.at[rank].held = false;
		slot.fake.at[rank].status = 400;
	}
	slot.fake.gateway_held = true;
	call = begin_make(&slot);
	fake_servers_run(&slot.fake);
	assert_int_equal(fake_servers_in_flight(&slot.fake), 1);
	store_cancel(slot.fake.store, call);
	assert_int_equal(fake_servers_in_flight(&slot.fake), 0);
	close_slot(&slot);
}

/* Its shares and its key are needed. */
static void what_lacks_something_is_the_gateways(void **state)
{
	static struct slot_case slot;
	struct store_directory directory = { .is_mutable = true, .slot = NULL };
	(void)state;
	open_slot(&slot, 2, 4, SMALL);
	assert_true(is_the_gateways(&slot, &directory));
	directory.private_key = slot_key_text();
	directory.private_key_size = strlen(slot_key_text());
	assert_true(is_the_gateways(&slot, &directory));
	directory.private_key = NULL;
	directory.slot = slot.shares;
	assert_true(is_the_gateways(&slot, &directory));
	close_slot(&slot);
}

static void too_few_servers_that_answer_are_not_asked(void **state)
{
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 2, 4, SMALL);
	for (unsigned rank = 0; rank < 6; rank++)
		slot.fake.list[slot.fake.order[rank]].has_id = false;
	make(&slot);
	assert_made(&slot);
	asked(&slot, "6 slot 0\n7 slot 1\n8 slot 2\n9 slot 3\n");
	slot.fake.list[slot.fake.order[6]].has_id = false;
	make(&slot);
	asked(&slot, "gateway POST\n");
	close_slot(&slot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_server_gets_its_share),
		cmocka_unit_test(what_is_made_ends_trouble_with_writing),
		cmocka_unit_test(another_server_gets_what_one_refuses),
		cmocka_unit_test(some_of_a_servers_shares_may_be_there),
		cmocka_unit_test(another_version_is_left_as_it_is),
		cmocka_unit_test(a_server_gets_another_share_where_no_more_take_one),
		cmocka_unit_test(a_failure_is_no_refusal),
		cmocka_unit_test(too_few_servers_are_told_apart),
		cmocka_unit_test(one_of_several_calls_is_cancelled),
		cmocka_unit_test(a_cancelled_call_leaves_nothing_in_flight),
		cmocka_unit_test(what_lacks_something_is_the_gateways),
		cmocka_unit_test(too_few_servers_that_answer_are_not_asked),
	};
	return cmocka_run_group_tests(tests, slot_key_new, NULL);
}
