/* Immutable files put to storage servers in memory: which gets what, and what stays. */
#include "direct/direct_call.h"

#include "queue/core/thread.h"
#include "tests/unit/direct_case.h"
#include "tests/unit/moved_clock.h"

enum {
	SIZE = 1000, /* bytes, of a share 956 where one is of three */
	FULL_MS = 300000,
};

static const struct file_shape three_of_ten = { 3, 10, SIZE, 0, 7 };
static const struct file_shape one_of_two = { 1, 2, SIZE, 0, 2 }; /* shares of 1517 bytes */

static struct store_call *begin_put(struct direct_case *file, const struct store_damage *damage)
{
	const struct store_body body = {
		.data = file->data,
		.size = file->size,
		.shares = file->shares,
		.damage = damage,
	};
	struct err err;
	return store_put(file->fake.store, &body, fake_servers_then(&file->fake), &err);
}

static void put(struct direct_case *file)
{
	assert_non_null(begin_put(file, NULL));
	fake_servers_run(&file->fake);
	assert_true(file->fake.ended);
}

/* ---- which server gets what ---- */

static void each_server_gets_a_share(void **state)
{
	struct direct_case file;
	(void)state;
	open_case(&file, three_of_ten);
	put(&file);
	assert_stored(&file);
	for (unsigned i = 0; i < 10; i++)
		assert_true(has_share(&file, i, i));
	asked(&file, "0 room 0\n1 room 1\n2 room 2\n3 room 3\n4 room 4\n5 room 5\n6 room 6\n"
		     "7 room 7\n8 room 8\n9 room 9\n0/0 put 0+956\n1/1 put 0+956\n2/2 put 0+956\n"
		     "3/3 put 0+956\n4/4 put 0+956\n5/5 put 0+956\n6/6 put 0+956\n7/7 put 0+956\n"
		     "8/8 put 0+956\n9/9 put 0+956\n");
	close_case(&file);
}

static void what_a_server_has_is_not_put_again(void **state)
{
	struct direct_case file;
	(void)state;
	open_case(&file, one_of_two);
	give(&file, 0, 0);
	give(&file, 0, 1);
	put(&file);
	assert_stored(&file);
	asked(&file, "0 room 0\n1 room 1\n1/1 put 0+1517\n");
	close_case(&file);
}

static void a_full_server_is_done_without(void **state)
{
	struct direct_case file;
	(void)state;
	open_case(&file, one_of_two);
	file.fake.at[0].full = true;
	put(&file);
	assert_stored(&file);
	/* It may have half of the share: the first bytes are put to see that. */
	asked(&file, "0 room 0\n1 room 1\n0/0 put 0+55\n2 room 0\n2/0 put 0+1517\n"
		     "1/1 put 0+1517\n");
	close_case(&file);
}

static void a_full_server_is_asked_again_after_five_minutes(void **state)
{
	struct direct_case file;
	(void)state;
	open_case(&file, one_of_two);
	file.fake.at[0].full = true;
	put(&file);
	file.fake.log.size = 0;
	clock_move(FULL_MS - 1);
	file.fake.ends = 0;
	put(&file);
	assert_stored(&file);
	asked(&file, "1 room 0\n2 room 1\n1/0 put 0+1517\n2/1 put 0+1517\n");
	clock_move(1);
	put(&file);
	assert_non_null(strstr(bytes_text(&file.fake.log), "0 room"));
	close_case(&file);
}

/* A smaller one may still find room. */
static void a_server_is_full_for_files_as_large(void **state)
{
	struct direct_case file;
	(void)state;
	open_case(&file, one_of_two);
	struct direct_server *server =
		&((struct direct *)file.fake.store)->server[file.fake.order[0]];
	server->full_until_ms = clock_ms() + FULL_MS;
	server->full_size = file.shares->share_size + 1;
	file.fake.at[0].full = true;
	put(&file);
	assert_stored(&file);
	assert_non_null(strstr(bytes_text(&file.fake.log), "0 room 0\n"));
	assert_int_equal(server->full_size, file.shares->share_size);
	close_case(&file);
}

/* A share is put elsewhere where its server turns out to have one that counts. */
static void a_share_moves_to_a_server_more(void **state)
{
	struct direct_case file;
	(void)state;
	open_case(&file, one_of_two);
	file.fake.at[0].full = true;
	give(&file, 1, 0);
	put(&file);
	assert_stored(&file);
	asked(&file, "0 room 0\n1 room 1\n0/0 put 0+55\n2 room 1\n2/1 put 0+1517\n"
		     "1/1 abort\n");
	close_case(&file);
	/* If that one fails it is not at the first any more. */
	open_case(&file, (struct file_shape){ 1, 2, SIZE, 0, 1 });
	for (unsigned rank = 3; rank < FAKE_SERVERS; rank++)
		file.fake.list[file.fake.order[rank]].has_id = false;
	file.fake.at[0].full = true;
	file.fake.at[2].read_only = true;
	give(&file, 1, 0);
	put(&file);
	assert_stored(&file);
	assert_true(has_share(&file, 1, 1));
	close_case(&file);
}

static void what_is_stored_ends_trouble_with_storing(void **state)
{
	struct direct_case file;
	struct err err;
	(void)state;
	open_case(&file, one_of_two);
	fake_servers_trouble(&file.fake, HEALTH_STORING);
	const struct store_body literal = { .data = "abc", .size = 3 };
	assert_non_null(store_put(file.fake.store, &literal, fake_servers_then(&file.fake), &err));
	fake_servers_run(&file.fake);
	assert_true(fake_servers_in_trouble(&file.fake, HEALTH_STORING)); /* nobody was asked */
	put(&file);
	assert_false(fake_servers_in_trouble(&file.fake, HEALTH_STORING));
	close_case(&file);
}

/* ---- what is half-made ---- */

static void a_half_made_share_is_gone_on_with(void **state)
{
	struct direct_case file;
	(void)state;
	open_case(&file, one_of_two);
	give(&file, 1, 1);
	struct fake_share *half = &file.fake.at[1].share[1];
	half->is_there = false;
	half->has = 500;
	memset(half->data + 500, 0, half->size - 500);
	put(&file);
	assert_stored(&file);
	assert_true(has_share(&file, 0, 0) && has_share(&file, 1, 1));
	asked(&file, "0 room 0\n1 room 1\n1/1 put 0+55\n0/0 put 0+1517\n1/1 put 500+1017\n");
	close_case(&file);
}

static void a_half_made_share_of_other_bytes_is_left(void **state)
{
	struct direct_case file;
	(void)state;
	open_case(&file, one_of_two);
	give(&file, 1, 1);
	struct fake_share *half = &file.fake.at[1].share[1];
	half->is_there = false;
	half->has = 500;
	half->data[3] ^= 1;
	put(&file);
	assert_stored(&file);
	assert_true(has_share(&file, 0, 0) && has_share(&file, 2, 1));
	close_case(&file);
}

/* It has not said that the share is complete. */
static void a_server_that_wants_nothing_gets_the_last_byte(void **state)
{
	struct direct_case file;
	(void)state;
	open_case(&file, one_of_two);
	file.fake.at[1].full = true;
	file.fake.at[1].well = 1;
	file.fake.at[1].nonsense = "\xa1\x68required\x80"; /* nothing is */
	file.fake.at[1].once = true;
	put(&file);
	assert_stored(&file);
	asked(&file, "0 room 0\n1 room 1\n1 bad\n0/0 put 0+1517\n1/1 put 1516+1\n2 room 1\n"
		     "2/1 put 0+1517\n");
	close_case(&file);
}

/* ---- servers that fail ---- */

static void another_server_gets_what_one_loses(void **state)
{
	struct direct_case file;
	(void)state;
	open_case(&file, one_of_two);
	file.fake.at[1].fault = FAULT_UNAVAILABLE;
	file.fake.at[1].well = 1;
	put(&file);
	assert_stored(&file);
	assert_true(has_share(&file, 0, 0) && has_share(&file, 2, 1));
	close_case(&file);
}

/* Puts the file where server 0 does what `bad` says, and once more.  Returns whether it was asked
 * the second time. */
static bool asked_twice(const struct fake_server *bad)
{
	struct direct_case file;
	open_case(&file, one_of_two);
	struct server *server = file.fake.at[0].server;
	file.fake.at[0] = *bad;
	file.fake.at[0].server = server;
	put(&file);
	assert_stored(&file);
	asked(&file, "0 bad\n1 room 1\n2 room 0\n2/0 put 0+1517\n1/1 put 0+1517\n");
	file.fake.ends = 0;
	put(&file);
	assert_stored(&file);
	const bool again = strstr(bytes_text(&file.fake.log), "0 bad");
	close_case(&file);
	return again;
}

/* One that refuses says nothing of the next file. */
static void servers_without_an_answer_are_passed_over(void **state)
{
	(void)state;
	assert_false(asked_twice(&(struct fake_server){ .fault = FAULT_RETRY }));
	assert_false(asked_twice(&(struct fake_server){ .nonsense = "nonsense" }));
	assert_false(asked_twice(&(struct fake_server){ .status = 500 }));
	assert_true(asked_twice(&(struct fake_server){ .status = 400 }));
	assert_true(asked_twice(&(struct fake_server){ .status = 499 }));
}

static void what_lies_on_too_few_servers_is_the_gateways(void **state)
{
	struct direct_case file;
	(void)state;
	open_case(&file, three_of_ten);
	no_more_than(&file, 6);
	put(&file);
	assert_int_equal(file.fake.end.fault, FAULT_UNAVAILABLE);
	assert_false(file.fake.end.proven);
	assert_int_equal(file.fake.gateway, 1);
	assert_int_equal(halves(&file), 0);
	assert_null(strstr(bytes_text(&file.fake.log), "put 0+956"));
	close_case(&file);
	open_case(&file, three_of_ten);
	no_more_than(&file, 7);
	put(&file);
	assert_stored(&file);
	close_case(&file);
}

/* The room that others gave is given back. */
static void what_is_half_made_in_the_end_is_aborted(void **state)
{
	struct direct_case file;
	(void)state;
	open_case(&file, one_of_two);
	no_more_than(&file, 2);
	file.fake.at[1].read_only = true;
	put(&file);
	assert_int_equal(file.fake.end.fault, FAULT_UNAVAILABLE);
	assert_int_equal(file.fake.gateway, 1);
	assert_int_equal(halves(&file), 0);
	assert_non_null(strstr(bytes_text(&file.fake.log), "1/1 abort\n"));
	close_case(&file);
}

/* As many at a time as there are shares. */
static void all_that_is_half_made_is_aborted(void **state)
{
	struct direct_case file;
	(void)state;
	open_case(&file, one_of_two);
	for (unsigned rank = 0; rank < 4; rank++)
		file.fake.at[rank].read_only = true;
	put(&file);
	assert_int_equal(file.fake.end.fault, FAULT_UNAVAILABLE);
	assert_int_equal(halves(&file), 0);
	asked(&file, "0 room 0\n1 room 1\n0/0 put 0+1517\n1/1 put 0+1517\n2 room 0\n3 room 1\n"
		     "2/0 put 0+1517\n3/1 put 0+1517\n0/0 abort\n1/1 abort\n2/0 abort\n3/1 abort\n"
		     "gateway PUT\n");
	close_case(&file);
}

/* What it has of the share. */
static void a_server_that_says_nonsense_is_left_alone(void **state)
{
	struct direct_case file;
	(void)state;
	open_case(&file, one_of_two);
	file.fake.at[1].full = true;
	file.fake.at[1].well = 1;
	file.fake.at[1].nonsense = "nonsense";
	put(&file);
	assert_stored(&file);
	const struct direct *direct = (struct direct *)file.fake.store;
	assert_false(direct_server_answers(direct, file.fake.order[1]));
	assert_true(direct_server_answers(direct, file.fake.order[0]));
	close_case(&file);
}

/* Half-made with another secret, or not at all, it is not ours to abort. */
static void what_is_not_ours_is_not_aborted(void **state)
{
	static const int status[] = { 401, 404 };
	struct direct_case file;
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(status); i++) {
		open_case(&file, one_of_two);
		file.fake.at[1].status = status[i];
		file.fake.at[1].well = 1;
		put(&file);
		assert_stored(&file);
		asked(&file, "0 room 0\n1 room 1\n0/0 put 0+1517\n1 bad\n2 room 1\n"
			     "2/1 put 0+1517\n");
		assert_int_equal(halves(&file), 1);
		close_case(&file);
	}
}

static void damaged_shares_count_as_none(void **state)
{
	struct direct_case file;
	(void)state;
	for (unsigned bad = 0; bad < 2; bad++) {
		open_case(&file, one_of_two);
		give(&file, 0, 0);
		give(&file, 1, 1);
		const struct store_damage damage = { 1,
						     { { file.fake.order[bad], (uint16_t)bad } } };
		assert_non_null(begin_put(&file, &damage));
		fake_servers_run(&file.fake);
		assert_stored(&file);
		/* Server 0 keeps its bad one, gets the other, and server 1 the first. */
		assert_true(has_share(&file, bad ? 2 : 1, bad));
		close_case(&file);
	}
}

/* ---- time ---- */

/* Starts a put of which the servers from `first` to `last` have still to answer, but for room. */
static void begin_held(struct direct_case *file, struct file_shape shape, unsigned first,
		       unsigned last)
{
	open_case(file, shape);
	for (unsigned rank = 0; rank < FAKE_SERVERS; rank++) {
		file->fake.at[rank].takes_ms = 100;
		file->fake.at[rank].held = rank >= first && rank <= last;
		file->fake.at[rank].well = 1;
	}
	assert_non_null(begin_put(file, NULL));
	store_poll(file->fake.store, 0);
	assert_false(file->fake.ended);
}

/* Where most are done, what takes 15 s more than they did is too slow. */
static void a_slow_server_is_given_up_while_others_are_quick(void **state)
{
	struct direct_case file;
	(void)state;
	begin_held(&file, three_of_ten, 9, 9);
	clock_move(DIRECT_WAIT_MS - 900); /* behind what the others took */
	store_poll(file.fake.store, 0);
	assert_null(strstr(bytes_text(&file.fake.log), "0 room 9"));
	clock_move(DIRECT_WATCH_MS);
	store_poll(file.fake.store, 0);
	file.fake.at[9].held = false; /* it takes the abort */
	fake_servers_run(&file.fake);
	assert_stored(&file);
	assert_int_equal(halves(&file), 0);
	assert_true(has_share(&file, 0, 9));
	assert_non_null(strstr(bytes_text(&file.fake.log), "9/9 abort\n"));
	close_case(&file);
}

/* Half of them are not most. */
static void half_of_the_servers_may_be_slow(void **state)
{
	struct direct_case file;
	(void)state;
	begin_held(&file, (struct file_shape){ 3, 10, SIZE, 0, 5 }, 5, 9);
	clock_move(DIRECT_WAIT_MS + 1000);
	store_poll(file.fake.store, 0);
	for (unsigned rank = 0; rank < FAKE_SERVERS; rank++)
		file.fake.at[rank].held = false;
	fake_servers_run(&file.fake);
	assert_stored(&file);
	for (unsigned rank = 5; rank < FAKE_SERVERS; rank++)
		assert_false(has_share(&file, rank, rank));
	close_case(&file);
}

/* Then that is how quick it gets. */
static void servers_that_are_mostly_slow_are_waited_for(void **state)
{
	struct direct_case file;
	(void)state;
	begin_held(&file, (struct file_shape){ 3, 10, SIZE, 0, 4 }, 0, 5);
	clock_move(20 * DIRECT_WAIT_MS);
	store_poll(file.fake.store, 0);
	assert_false(file.fake.ended);
	for (unsigned rank = 0; rank < FAKE_SERVERS; rank++)
		file.fake.at[rank].held = false;
	fake_servers_run(&file.fake);
	assert_stored(&file);
	for (unsigned rank = 0; rank < FAKE_SERVERS; rank++)
		assert_true(has_share(&file, rank, rank));
	close_case(&file);
}

/* ---- other bodies ---- */

static void what_fits_in_a_cap_is_stored_nowhere(void **state)
{
	struct direct_case file;
	struct err err;
	(void)state;
	open_case(&file, one_of_two);
	const struct store_body body = { .data = file.data, .size = LITERAL_SIZE_MAX };
	assert_non_null(store_put(file.fake.store, &body, fake_servers_then(&file.fake), &err));
	fake_servers_run(&file.fake);
	assert_true(file.fake.ended);
	assert_int_equal(file.fake.end.fault, FAULT_NONE);
	assert_false(file.fake.end.proven);
	assert_true(cap_is_literal(&file.fake.end.cap));
	assert_int_equal(file.fake.end.cap.size, LITERAL_SIZE_MAX);
	asked(&file, "");
	close_case(&file);
}

static void one_of_several_puts_is_cancelled(void **state)
{
	struct direct_case file;
	struct store_call *call[3];
	(void)state;
	open_case(&file, one_of_two);
	for (size_t i = 0; i < 3; i++)
		call[i] = begin_put(&file, NULL);
	store_cancel(file.fake.store, call[1]);
	fake_servers_run_all(&file.fake);
	assert_int_equal(file.fake.ends, 2);
	assert_int_equal(file.fake.end.fault, FAULT_NONE);
	assert_int_equal(file.fake.gateway, 0);
	close_case(&file);
}

static void a_cancelled_put_says_nothing(void **state)
{
	struct direct_case file;
	(void)state;
	open_case(&file, one_of_two);
	file.fake.at[1].held = true;
	struct store_call *call = begin_put(&file, NULL);
	store_poll(file.fake.store, 0);
	store_cancel(file.fake.store, call);
	file.fake.at[1].held = false;
	fake_servers_run(&file.fake);
	assert_false(file.fake.ended);
	asked(&file, "0 room 0\n");
	close_case(&file);
}

static void the_gateway_hears_of_a_cancelled_put(void **state)
{
	struct direct_case file;
	(void)state;
	open_case(&file, one_of_two);
	no_more_than(&file, 1);
	file.fake.gateway_held = true;
	struct store_call *call = begin_put(&file, NULL);
	fake_servers_run(&file.fake);
	assert_int_equal(fake_servers_in_flight(&file.fake), 1);
	store_cancel(file.fake.store, call);
	assert_int_equal(fake_servers_in_flight(&file.fake), 0);
	assert_false(file.fake.ended);
	close_case(&file);
}

struct cancelling {
	struct direct_case *file;
	struct store_call *call;
};

static void cancel_other(void *context, const struct store_reply *reply)
{
	struct cancelling *cancelling = context;
	assert_int_equal(reply->fault, FAULT_NONE);
	store_cancel(cancelling->file->fake.store, cancelling->call);
}

/* Its questions stand behind those of another put. */
static void a_put_is_cancelled_before_it_asked_anybody(void **state)
{
	struct direct_case file;
	struct cancelling cancelling = { .file = &file };
	const struct store_body literal = { .data = "abc", .size = 3 };
	struct err err;
	(void)state;
	open_case(&file, one_of_two);
	assert_non_null(store_put(file.fake.store, &literal,
				  (struct store_then){ cancel_other, &cancelling }, &err));
	cancelling.call = begin_put(&file, NULL); /* the newest is begun first */
	assert_non_null(begin_put(&file, NULL));
	fake_servers_run(&file.fake);
	assert_stored(&file);
	asked(&file, "0 room 0\n1 room 1\n0/0 put 0+1517\n1/1 put 0+1517\n");
	close_case(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_that_wants_nothing_gets_the_last_byte),
		cmocka_unit_test(all_that_is_half_made_is_aborted),
		cmocka_unit_test(a_server_that_says_nonsense_is_left_alone),
		cmocka_unit_test(each_server_gets_a_share),
		cmocka_unit_test(what_a_server_has_is_not_put_again),
		cmocka_unit_test(a_full_server_is_done_without),
		cmocka_unit_test(a_full_server_is_asked_again_after_five_minutes),
		cmocka_unit_test(a_server_is_full_for_files_as_large),
		cmocka_unit_test(a_share_moves_to_a_server_more),
		cmocka_unit_test(what_is_stored_ends_trouble_with_storing),
		cmocka_unit_test(a_half_made_share_is_gone_on_with),
		cmocka_unit_test(a_half_made_share_of_other_bytes_is_left),
		cmocka_unit_test(another_server_gets_what_one_loses),
		cmocka_unit_test(servers_without_an_answer_are_passed_over),
		cmocka_unit_test(what_lies_on_too_few_servers_is_the_gateways),
		cmocka_unit_test(what_is_half_made_in_the_end_is_aborted),
		cmocka_unit_test(what_is_not_ours_is_not_aborted),
		cmocka_unit_test(damaged_shares_count_as_none),
		cmocka_unit_test(a_slow_server_is_given_up_while_others_are_quick),
		cmocka_unit_test(half_of_the_servers_may_be_slow),
		cmocka_unit_test(servers_that_are_mostly_slow_are_waited_for),
		cmocka_unit_test(what_fits_in_a_cap_is_stored_nowhere),
		cmocka_unit_test(one_of_several_puts_is_cancelled),
		cmocka_unit_test(a_cancelled_put_says_nothing),
		cmocka_unit_test(the_gateway_hears_of_a_cancelled_put),
		cmocka_unit_test(a_put_is_cancelled_before_it_asked_anybody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
