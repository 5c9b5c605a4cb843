/* Shares that are made while they are sent to storage servers in memory. */
#include "direct/direct_call.h"
#include "tahoe/slab.h"

#include "tests/unit/direct_case.h"
#include "tests/unit/moved_clock.h"

enum { SIZE = 1000, ROW = 600 };

static const struct file_shape one_of_two = { 1, 2, SIZE, 0, 2 }; /* shares of 1517 bytes */

struct feed {
	struct direct_case *file;
	struct store_feed how; /* lent to the store */
	struct slab slab;
	bool wanted[ERASURE_BLOCKS_MAX];
	uint64_t at;     /* in each share */
	uint64_t stalls; /* nothing comes from there on for now; 0: all does */
	uint64_t fails;  /* the file is gone from there on */
	unsigned passes;
	unsigned row[FAKE_SHARES]; /* that were made of each share */
};

static void feed_begin(void *context, const bool *wanted)
{
	struct feed *feed = context;
	feed->passes++;
	feed->at = 0;
	memcpy(feed->wanted, wanted, sizeof feed->wanted);
}

static const struct slab *feed_peek(void *context)
{
	struct feed *feed = context;
	const struct chk_shares *shares = feed->file->shares;
	if (feed->at >= shares->share_size || (feed->stalls && feed->at >= feed->stalls) ||
	    (feed->fails && feed->at >= feed->fails))
		return NULL;
	if (feed->slab.used > 0)
		return &feed->slab;
	feed->slab.stride = ROW;
	for (unsigned i = 0; i < shares->count; i++) {
		if (!feed->wanted[i])
			continue;
		const size_t size = (size_t)min_u64(ROW, shares->share_size - feed->at);
		memcpy(feed->slab.data + feed->slab.used * ROW,
		       shares->data + i * shares->share_size + feed->at, size);
		feed->slab.row[feed->slab.used++] = (struct slab_row){ i, feed->at, size };
		feed->row[i]++;
	}
	return &feed->slab;
}

static void feed_pop(void *context)
{
	struct feed *feed = context;
	feed->at += ROW;
	feed->slab.used = 0;
}

static bool feed_over(void *context, struct cap *cap, struct err *err)
{
	struct feed *feed = context;
	if (feed->fails && feed->at >= feed->fails)
		return err_set(err, FAULT_CHANGED, "the file has changed");
	if (feed->at < feed->file->shares->share_size)
		return false;
	*cap = feed->file->shares->cap;
	return true;
}

static struct store_call *begin_feed(struct feed *feed)
{
	static unsigned char data[FAKE_SHARES * ROW];
	struct direct_case *file = feed->file;
	feed->how = (struct store_feed){
		.params = &file->params,
		.cap = file->shares->cap,
		.begin = feed_begin,
		.peek = feed_peek,
		.pop = feed_pop,
		.over = feed_over,
		.context = feed,
	};
	const struct store_body body = { .data = file->data,
					 .size = file->size,
					 .feed = &feed->how };
	struct err err;
	memset(feed->how.cap.hash, 0, sizeof feed->how.cap.hash);
	feed->slab.data = data;
	feed->slab.used = 0;
	struct store_call *call =
		store_put(file->fake.store, &body, fake_servers_then(&file->fake), &err);
	fake_servers_run(&file->fake);
	return call;
}

static void rows_are_sent_in_order(void **state)
{
	struct direct_case file;
	struct feed feed = { .file = &file };
	(void)state;
	open_case(&file, one_of_two);
	begin_feed(&feed);
	assert_stored(&file);
	assert_true(has_share(&file, 0, 0) && has_share(&file, 1, 1));
	assert_int_equal(feed.passes, 1);
	asked(&file, "0 room 0\n1 room 1\n0/0 put 0+600\n1/1 put 0+600\n0/0 put 600+600\n"
		     "1/1 put 600+600\n0/0 put 1200+317\n1/1 put 1200+317\n");
	close_case(&file);
}

static void a_share_that_is_lost_is_made_anew_alone(void **state)
{
	struct direct_case file;
	struct feed feed = { .file = &file };
	(void)state;
	open_case(&file, one_of_two);
	file.fake.at[1].fault = FAULT_UNAVAILABLE;
	file.fake.at[1].well = 2;
	begin_feed(&feed);
	assert_stored(&file);
	assert_true(has_share(&file, 0, 0) && has_share(&file, 2, 1));
	assert_int_equal(feed.passes, 2);
	assert_int_equal(feed.row[0], 3);
	assert_int_equal(feed.row[1], 6);
	assert_non_null(strstr(bytes_text(&file.fake.log), "1 bad\n0/0 put 1200+317\n"));
	close_case(&file);
}

static void what_is_there_of_a_share_is_not_sent_again(void **state)
{
	struct direct_case file;
	struct feed feed = { .file = &file };
	(void)state;
	open_case(&file, one_of_two);
	give(&file, 1, 1);
	file.fake.at[1].share[1].is_there = false;
	file.fake.at[1].share[1].has = 700;
	begin_feed(&feed);
	assert_stored(&file);
	assert_true(has_share(&file, 0, 0) && has_share(&file, 1, 1));
	/* Its header is looked at first. */
	asked(&file, "0 room 0\n1 room 1\n1/1 put 0+36\n0/0 put 0+600\n0/0 put 600+600\n"
		     "1/1 put 700+500\n0/0 put 1200+317\n1/1 put 1200+317\n");
	close_case(&file);
}

/* What was there from before says nothing of how quick servers are. */
static void nobody_is_slow_before_a_row_was_sent(void **state)
{
	struct direct_case file;
	struct feed feed = { .file = &file };
	(void)state;
	open_case(&file, one_of_two);
	give(&file, 0, 0);
	file.fake.at[0].share[0].is_there = false;
	file.fake.at[0].share[0].has = 700;
	file.fake.at[1].held = true;
	file.fake.at[1].well = 1;
	begin_feed(&feed);
	assert_false(file.fake.ended);
	clock_move(20 * DIRECT_WAIT_MS);
	store_poll(file.fake.store, 0);
	file.fake.at[1].held = false;
	fake_servers_run(&file.fake);
	assert_stored(&file);
	assert_true(has_share(&file, 1, 1));
	close_case(&file);
}

/* No server takes the shares that are lost. */
static void a_file_that_nobody_takes_is_given_up_at_once(void **state)
{
	struct direct_case file;
	struct feed feed = { .file = &file };
	(void)state;
	open_case(&file, one_of_two);
	for (unsigned rank = 2; rank < FAKE_SERVERS; rank++)
		file.fake.list[file.fake.order[rank]].has_id = false;
	file.fake.at[0].read_only = file.fake.at[1].read_only = true;
	begin_feed(&feed);
	assert_int_equal(file.fake.end.fault, FAULT_UNAVAILABLE);
	assert_int_equal(file.fake.gateway, 1);
	assert_int_equal(halves(&file), 0);
	assert_int_equal(feed.passes, 1);
	assert_int_equal(feed.row[0], 1);
	close_case(&file);
}

static void a_file_is_made_no_more_than_three_times(void **state)
{
	struct direct_case file;
	struct feed feed = { .file = &file };
	(void)state;
	open_case(&file, (struct file_shape){ 1, 3, SIZE, 0, 3 });
	for (unsigned rank = 2; rank < FAKE_SERVERS; rank++)
		file.fake.at[rank].read_only = true;
	begin_feed(&feed);
	assert_int_equal(file.fake.end.fault, FAULT_UNAVAILABLE);
	assert_int_equal(file.fake.gateway, 1);
	assert_int_equal(feed.passes, 3);
	assert_int_equal(halves(&file), 0);
	close_case(&file);
}

static void a_file_that_is_gone_is_nobodys_to_store(void **state)
{
	struct direct_case file;
	struct feed feed = { .file = &file, .fails = 2 * (uint64_t)ROW };
	(void)state;
	open_case(&file, one_of_two);
	begin_feed(&feed);
	assert_int_equal(file.fake.end.fault, FAULT_CHANGED);
	assert_false(file.fake.end.proven);
	assert_int_equal(file.fake.gateway, 0);
	assert_int_equal(halves(&file), 0);
	close_case(&file);
}

static void a_body_that_is_late_is_waited_for(void **state)
{
	struct direct_case file;
	struct feed feed = { .file = &file, .stalls = ROW };
	(void)state;
	open_case(&file, one_of_two);
	file.fake.at[0].takes_ms = 10;
	struct store_call *call = begin_feed(&feed);
	assert_false(file.fake.ended);
	clock_move(60000); /* no server is slow meanwhile */
	store_poll(file.fake.store, 0);
	feed.stalls = 0;
	store_resume(file.fake.store, call);
	fake_servers_run(&file.fake);
	assert_stored(&file);
	assert_true(has_share(&file, 0, 0) && has_share(&file, 1, 1));
	close_case(&file);
}

/* The body is there again while a place for the share that was lost is looked for. */
static void a_resumed_body_does_not_disturb_the_next_pass(void **state)
{
	struct direct_case file;
	struct feed feed = { .file = &file };
	(void)state;
	open_case(&file, one_of_two);
	file.fake.at[1].read_only = true;
	file.fake.at[2].held = true;
	struct store_call *call = begin_feed(&feed);
	assert_false(file.fake.ended);
	store_resume(file.fake.store, call);
	store_poll(file.fake.store, 0);
	file.fake.at[2].held = false;
	fake_servers_run(&file.fake);
	assert_stored(&file);
	assert_int_equal(feed.passes, 2);
	assert_true(has_share(&file, 0, 0) && has_share(&file, 2, 1));
	close_case(&file);
}

static void what_is_aborted_in_the_end_is_not_begun_again(void **state)
{
	struct direct_case file;
	struct feed feed = { .file = &file };
	(void)state;
	open_case(&file, (struct file_shape){ 1, 3, SIZE, 0, 2 });
	for (unsigned rank = 3; rank < FAKE_SERVERS; rank++)
		file.fake.list[file.fake.order[rank]].has_id = false;
	file.fake.at[2].read_only = true;
	file.fake.at[2].held = true;
	file.fake.at[2].well = 2; /* room, and a row that it refuses; then comes the abort */
	struct store_call *call = begin_feed(&feed);
	assert_false(file.fake.ended);
	store_resume(file.fake.store, call);
	store_poll(file.fake.store, 0);
	file.fake.at[2].held = false;
	fake_servers_run(&file.fake);
	assert_stored(&file);
	assert_int_equal(feed.passes, 1);
	assert_int_equal(halves(&file), 0);
	close_case(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_sent_in_order),
		cmocka_unit_test(a_share_that_is_lost_is_made_anew_alone),
		cmocka_unit_test(what_is_there_of_a_share_is_not_sent_again),
		cmocka_unit_test(nobody_is_slow_before_a_row_was_sent),
		cmocka_unit_test(a_file_that_nobody_takes_is_given_up_at_once),
		cmocka_unit_test(a_file_is_made_no_more_than_three_times),
		cmocka_unit_test(a_file_that_is_gone_is_nobodys_to_store),
		cmocka_unit_test(a_body_that_is_late_is_waited_for),
		cmocka_unit_test(a_resumed_body_does_not_disturb_the_next_pass),
		cmocka_unit_test(what_is_aborted_in_the_end_is_not_begun_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
