#include "calls/lanes.h"

#include "queue/core/thread.h"
#include "tests/unit/facts.h"
#include "tests/unit/fake_store.h"

#include <assert.h>
#include <unistd.h>

/* ---- what lane tasks do here: one put, whose answer the script gives ---- */

struct club;

struct guest {
	struct lane_task lane_task;
	struct club *club;
	struct store_call *call;
	bool pokes_end; /* ends when poked, not when answered */
	bool answered;
};

/* A lanes, a fake store and what was seen. */
struct club {
	struct fake fake;
	struct lanes *lanes;
	struct away *away;
	struct mutex lock;
	struct cond news;
	unsigned started, ended, refused, poked, gave_up, aways, backs;
	enum fault put_fault, probe_fault; /* what the store answers */
	bool silent;                       /* puts are not answered */
	bool slow;                         /* what fails is slow */
	unsigned faulty;                   /* gateways from here on are well; 0: none is */
};

static void count(struct club *club, unsigned *what)
{
	mutex_lock(&club->lock);
	++*what;
	cond_wake_all(&club->news);
	mutex_unlock(&club->lock);
}

static void wait_for(struct club *club, const unsigned *what, unsigned at_least)
{
	mutex_lock(&club->lock);
	while (*what < at_least)
		cond_wait(&club->news, &club->lock);
	mutex_unlock(&club->lock);
}

static bool script(void *context, struct fake_call *call, struct store_reply *reply)
{
	struct club *club = context;
	mutex_lock(&club->lock);
	bool is_put = call->operation == FAKE_PUT;
	bool silent = is_put && club->silent;
	bool well = club->faulty && call->gateway >= club->faulty;
	enum fault fault = well ? FAULT_NONE : is_put ? club->put_fault : club->probe_fault;
	mutex_unlock(&club->lock);
	if (fault)
		fake_fail(reply, fault, "away");
	return !silent;
}

static void leave(struct guest *guest, enum fault fault)
{
	struct club *club = guest->club;
	const struct err err = { .fault = fault, .slow = fault && club->slow };
	lane_task_end(&guest->lane_task, &err);
	count(club, &club->ended);
}

static void answered(void *context, const struct store_reply *reply)
{
	struct guest *guest = context;
	guest->answered = true;
	if (!guest->pokes_end)
		leave(guest, reply->fault);
}

static void start(struct lane_task *lane_task, struct store *store)
{
	struct guest *guest = (struct guest *)lane_task;
	struct club *club = guest->club;
	static const struct store_body body = { .data = "x", .size = 1 };
	struct err err;
	guest->call = store_put(store, &body, (struct store_then){ answered, guest }, &err);
	count(club, &club->started);
}

static void poke(struct lane_task *lane_task, struct store *store)
{
	struct guest *guest = (struct guest *)lane_task;
	(void)store;
	count(guest->club, &guest->club->poked);
	if (guest->pokes_end && guest->answered)
		leave(guest, FAULT_NONE);
}

static void refuse(struct lane_task *lane_task)
{
	struct club *club = ((struct guest *)lane_task)->club;
	count(club, &club->refused);
}

static void gave_up(void *context, const struct err *err)
{
	struct club *club = ((struct fake *)context)->context;
	assert(err->fault);
	count(club, &club->gave_up);
}

static void tell_away(void *context, const char *gateway, const struct err *why)
{
	(void)gateway;
	struct club *club = context;
	count(club, why ? &club->aways : &club->backs);
}

static struct health *health; /* of the grid; NULL in most tests */

static void open_lanes(struct club *club, unsigned gateways, unsigned threads, unsigned transfers,
		       unsigned directories)
{
	struct err err;
	*club = (struct club){ .fake = {
				       .script = script, .context = club, .gateways = gateways } };
	mutex_init(&club->lock);
	cond_init(&club->news);
	const struct away_options away = { .wait_ms = 1, .tell = tell_away, .context = club };
	club->away = away_new(&away);
	const struct lanes_options options = {
		.open = fake_open_store,
		.gave_up = gave_up,
		.context = &club->fake,
		.threads = threads,
		.slots = { [LANE_TASK_TRANSFER] = transfers, [LANE_TASK_DIRECTORY] = directories },
		.away = club->away,
		.health = health,
	};
	assert_int_equal(lanes_new(&options, &club->lanes, &err), FAULT_NONE);
}

static void open_club(struct club *club, unsigned threads, unsigned transfers, unsigned directories)
{
	open_lanes(club, 1, threads, transfers, directories);
}

static void close_club(struct club *club)
{
	lanes_free(club->lanes);
	away_free(club->away);
	cond_fini(&club->news);
	mutex_fini(&club->lock);
}

static struct lane *submit_as(struct club *club, struct guest *guest, enum lane_task_kind kind,
			      bool in_place)
{
	guest->club = club;
	guest->lane_task = (struct lane_task){ .kind = kind,
					       .in_place = in_place,
					       .works = HEALTH_STORING,
					       .start = start,
					       .poke = poke,
					       .refuse = refuse };
	return lanes_submit(club->lanes, &guest->lane_task);
}

static struct lane *submit(struct club *club, struct guest *guest, enum lane_task_kind kind)
{
	return submit_as(club, guest, kind, false);
}

static void set(struct club *club, bool silent, enum fault put_fault, enum fault probe_fault)
{
	mutex_lock(&club->lock);
	club->silent = silent;
	club->put_fault = put_fault;
	club->probe_fault = probe_fault;
	mutex_unlock(&club->lock);
}

static void slots_are_never_exceeded(void **state)
{
	(void)state;
	struct club club;
	struct guest guest[40] = { 0 };
	open_club(&club, 1, 3, 2);
	set(&club, true, FAULT_NONE, FAULT_NONE);
	struct lane *lane = NULL;
	for (size_t i = 0; i < ARRAY_COUNT(guest); i++)
		lane = submit(&club, &guest[i], i % 2 ? LANE_TASK_DIRECTORY : LANE_TASK_TRANSFER);
	wait_for(&club, &club.started, 5);
	set(&club, false, FAULT_NONE, FAULT_NONE);
	lane_wake(lane);
	wait_for(&club, &club.ended, 40);
	assert_int_equal(atomic_load(&club.fake.in_flight_max), 5);
	assert_int_equal(club.started, 40);
	assert_int_equal(club.refused, 0);
	close_club(&club);
}

static void lane_tasks_spread_over_the_lanes_with_slots_of_their_kind(void **state)
{
	(void)state;
	struct club club;
	struct guest guest[8] = { 0 };
	struct lane *lane[8];
	open_club(&club, 4, 4, 1);
	set(&club, true, FAULT_NONE, FAULT_NONE);
	for (size_t i = 0; i < 4; i++)
		lane[i] = submit(&club, &guest[i], LANE_TASK_TRANSFER);
	for (size_t i = 4; i < 8; i++)
		lane[i] = submit(&club, &guest[i], LANE_TASK_DIRECTORY);
	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < i; j++)
			assert_ptr_not_equal(lane[i], lane[j]);
	for (size_t i = 5; i < 8; i++)
		assert_ptr_equal(lane[i], lane[4]);
	wait_for(&club, &club.started, 5);
	assert_int_equal(atomic_load(&club.fake.in_flight_max), 5);
	set(&club, false, FAULT_NONE, FAULT_NONE);
	for (size_t i = 0; i < 4; i++)
		lane_wake(lane[i]);
	close_club(&club); /* waits for all of them */
	assert_int_equal(club.ended, 8);
}

static struct health_call call_of_grid(void) { return health_begin(health, 0, HEALTH_STORING); }

static void little_is_started_while_the_grid_is_in_trouble(void **state)
{
	(void)state;
	struct club club;
	struct guest guest[6] = { 0 };
	const struct health_options options = { .grid_ms = 60000, .gateway_ms = 60000 };
	struct err err = { .fault = FAULT_RETRY };
	health = health_new(&options);
	struct health_call call = call_of_grid();
	health_trouble(health, &call, false, &err);
	open_club(&club, 1, 6, 1);
	for (size_t i = 0; i < ARRAY_COUNT(guest); i++)
		submit(&club, &guest[i], LANE_TASK_TRANSFER);
	wait_for(&club, &club.ended, 1); /* one, to see whether it is over */
	usleep(100000);
	mutex_lock(&club.lock);
	assert_int_equal(club.started, 1);
	mutex_unlock(&club.lock);
	call = call_of_grid();
	health_well(health, &call);
	wait_for(&club, &club.ended, 6);
	assert_int_equal(club.refused, 0);
	close_club(&club);
	health_free(health);
	health = NULL;
}

static void what_was_not_started_is_refused_after_a_stop(void **state)
{
	(void)state;
	struct club club;
	struct guest guest[10] = { 0 };
	struct lane *lane = NULL;
	open_club(&club, 1, 2, 1);
	set(&club, true, FAULT_NONE, FAULT_NONE);
	for (size_t i = 0; i < 9; i++)
		lane = submit(&club, &guest[i], LANE_TASK_TRANSFER);
	wait_for(&club, &club.started, 2);
	lanes_stop(club.lanes);
	lanes_stop(club.lanes);
	wait_for(&club, &club.refused, 7);
	submit(&club, &guest[9], LANE_TASK_DIRECTORY);
	wait_for(&club, &club.refused, 8);
	assert_int_equal(club.ended, 0); /* in flight: ends by itself */
	set(&club, false, FAULT_NONE, FAULT_NONE);
	lane_wake(lane);
	close_club(&club);
	assert_int_equal(club.ended, 2);
	assert_int_equal(club.started, 2);
}

static void a_gateway_that_is_away_is_probed_and_nothing_is_started_meanwhile(void **state)
{
	(void)state;
	struct club club;
	struct guest guest[3] = { 0 };
	open_club(&club, 1, 1, 1);
	set(&club, false, FAULT_UNAVAILABLE, FAULT_UNAVAILABLE);
	submit(&club, &guest[0], LANE_TASK_TRANSFER);
	wait_for(&club, &club.aways, 1);
	submit(&club, &guest[1], LANE_TASK_TRANSFER);
	submit(&club, &guest[2], LANE_TASK_DIRECTORY);
	wait_for(&club, &club.gave_up, 1);
	assert_int_equal(club.started, 1);
	while (atomic_load(&club.fake.ended[FAKE_PROBE]) < 2)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	assert_int_equal(club.backs, 0);
	set(&club, false, FAULT_NONE, FAULT_NONE);
	wait_for(&club, &club.ended, 3);
	assert_int_equal(club.aways, 1);
	assert_int_equal(club.backs, 1);
	assert_int_equal(club.gave_up, 1); /* once, though it was probed again */
	close_club(&club);
}

static void what_a_gateway_that_is_away_has_not_started_goes_to_others(void **state)
{
	(void)state;
	struct club club;
	struct guest guest[9] = { 0 };
	struct lane *lane[9];
	open_lanes(&club, 2, 2, 2, 2);
	set(&club, true, FAULT_UNAVAILABLE, FAULT_UNAVAILABLE);
	club.faulty = 1;
	for (size_t i = 0; i < 6; i++)
		lane[i] = submit(&club, &guest[i], LANE_TASK_TRANSFER);
	wait_for(&club, &club.started, 2);
	set(&club, false, FAULT_UNAVAILABLE, FAULT_UNAVAILABLE);
	lane_wake(lane[0]);
	lane_wake(lane[1]);
	wait_for(&club, &club.ended, 4);
	wait_for(&club, &club.refused, 2);
	assert_int_equal(club.aways, 1);
	struct lane *well = NULL;
	for (size_t i = 6; i < 9; i++) {
		lane[i] = submit(&club, &guest[i], LANE_TASK_TRANSFER);
		assert_true(!well || lane[i] == well); /* however much it has to do */
		well = lane[i];
	}
	wait_for(&club, &club.ended, 7);
	while (atomic_load(&club.fake.ended[FAKE_PROBE]) < 2)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	assert_int_equal(club.gave_up, 0); /* there is another */
	assert_int_equal(club.refused, 2);
	set(&club, false, FAULT_NONE, FAULT_NONE);
	wait_for(&club, &club.backs, 1);
	close_club(&club);
}

static void what_a_slow_gateway_has_not_started_goes_to_others(void **state)
{
	(void)state;
	struct club club;
	struct guest guest[12] = { 0 };
	struct lane *lane[12];
	open_lanes(&club, 2, 2, 2, 2);
	set(&club, true, FAULT_RETRY, FAULT_NONE);
	club.faulty = 1;
	club.slow = true;
	for (size_t i = 0; i < 6; i++)
		lane[i] = submit(&club, &guest[i], LANE_TASK_TRANSFER);
	wait_for(&club, &club.started, 2);
	set(&club, false, FAULT_RETRY, FAULT_NONE);
	lane_wake(lane[0]);
	lane_wake(lane[1]);
	wait_for(&club, &club.ended, 4);
	wait_for(&club, &club.refused, 2);
	struct lane *quick = NULL;
	for (size_t i = 6; i < 9; i++) {
		lane[i] = submit(&club, &guest[i], LANE_TASK_TRANSFER);
		assert_true(!quick || lane[i] == quick); /* however much it has to do */
		quick = lane[i];
	}
	for (size_t i = 9; i < 12; i++) {
		lane[i] = submit_as(&club, &guest[i], LANE_TASK_DIRECTORY, true);
		assert_ptr_not_equal(lane[i], quick);
	}
	wait_for(&club, &club.ended, 10);
	assert_int_equal(club.refused, 2);
	assert_int_equal(club.aways, 0);
	close_club(&club);
}

static void a_gateway_that_fails_again_and_again_is_away_while_there_is_another(void **state)
{
	(void)state;
	struct club club;
	struct guest guest[30] = { 0 };
	struct lane *lane[30];
	open_lanes(&club, 2, 2, 2, 2);
	set(&club, true, FAULT_RETRY, FAULT_UNAVAILABLE);
	club.faulty = 1;
	for (size_t i = 0; i < ARRAY_COUNT(guest); i++)
		lane[i] = submit(&club, &guest[i], LANE_TASK_TRANSFER);
	wait_for(&club, &club.started, 2);
	set(&club, false, FAULT_RETRY, FAULT_UNAVAILABLE);
	lane_wake(lane[0]);
	lane_wake(lane[1]);
	wait_for(&club, &club.ended, 8 + 15);
	wait_for(&club, &club.refused, 7);
	assert_int_equal(club.aways, 1);
	assert_int_equal(club.gave_up, 0);
	close_club(&club);
	open_lanes(&club, 1, 1, 1, 1); /* alone it is asked as long as somebody wants */
	memset(guest, 0, sizeof guest);
	set(&club, false, FAULT_RETRY, FAULT_UNAVAILABLE);
	for (size_t i = 0; i < ARRAY_COUNT(guest); i++)
		submit(&club, &guest[i], LANE_TASK_TRANSFER);
	wait_for(&club, &club.ended, 30);
	assert_int_equal(club.aways, 0);
	close_club(&club);
}

static void what_is_written_in_place_goes_to_the_first_gateway_that_is_there(void **state)
{
	(void)state;
	struct club club;
	struct guest guest[8] = { 0 };
	struct lane *lane[8];
	open_lanes(&club, 2, 2, 2, 2);
	set(&club, true, FAULT_UNAVAILABLE, FAULT_UNAVAILABLE);
	club.faulty = 1;
	for (size_t i = 0; i < 4; i++) {
		lane[i] = submit_as(&club, &guest[i], LANE_TASK_TRANSFER, true);
		assert_ptr_equal(lane[i], lane[0]); /* however much it has to do */
	}
	lane[4] = submit(&club, &guest[4], LANE_TASK_TRANSFER);
	assert_ptr_not_equal(lane[4], lane[0]);
	wait_for(&club, &club.started, 2);
	set(&club, false, FAULT_UNAVAILABLE, FAULT_UNAVAILABLE);
	lane_wake(lane[0]);
	lane_wake(lane[4]);
	wait_for(&club, &club.refused, 3);
	lane[5] = submit_as(&club, &guest[5], LANE_TASK_TRANSFER, true);
	assert_ptr_equal(lane[5], lane[4]);
	wait_for(&club, &club.ended, 3);
	close_club(&club);
}

static void it_gives_up_when_all_gateways_stay_away(void **state)
{
	(void)state;
	struct club club;
	struct guest guest[5] = { 0 };
	open_lanes(&club, 2, 4, 4, 4);
	set(&club, false, FAULT_UNAVAILABLE, FAULT_UNAVAILABLE);
	submit(&club, &guest[0], LANE_TASK_TRANSFER);
	wait_for(&club, &club.aways, 1);
	assert_int_equal(club.gave_up, 0);
	for (size_t i = 1; i < 4; i++)
		submit(&club, &guest[i], LANE_TASK_TRANSFER);
	wait_for(&club, &club.gave_up, 1);
	submit(&club, &guest[4], LANE_TASK_TRANSFER); /* waits: there is no other */
	set(&club, false, FAULT_NONE, FAULT_NONE);
	close_club(&club);
	assert_int_equal(club.started + club.refused, 5);
}

static void a_stop_ends_the_wait_for_a_gateway(void **state)
{
	(void)state;
	struct club club;
	struct guest guest[2] = { 0 };
	open_club(&club, 1, 1, 1);
	set(&club, false, FAULT_UNAVAILABLE, FAULT_UNAVAILABLE);
	submit(&club, &guest[0], LANE_TASK_TRANSFER);
	wait_for(&club, &club.aways, 1);
	submit(&club, &guest[1], LANE_TASK_TRANSFER);
	lanes_stop(club.lanes);
	close_club(&club);
	assert_int_equal(club.refused, 1);
}

static void waking_pokes_what_is_active(void **state)
{
	(void)state;
	struct club club;
	struct guest guest[4] = { 0 };
	struct lane *lane = NULL;
	open_club(&club, 1, 4, 1);
	for (size_t i = 0; i < 4; i++) {
		guest[i].pokes_end = true;
		lane = submit(&club, &guest[i], LANE_TASK_TRANSFER);
	}
	while (atomic_load(&club.fake.ended[FAKE_PUT]) < 4)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	lane_wake(lane); /* each ends within its poke */
	close_club(&club);
	assert_int_equal(club.ended, 4);
	assert_in_range(club.poked, 4, 8);
}

struct opener {
	unsigned opened;
	struct fake fake;
};

static enum fault open_two(void *context, struct store **store, struct err *err)
{
	struct opener *opener = context;
	if (opener->opened == 2)
		return err_set(err, FAULT_USAGE, "no third one");
	opener->opened++;
	*store = fake_open(&opener->fake);
	return FAULT_NONE;
}

static void a_store_that_does_not_open_ends_all_lanes(void **state)
{
	(void)state;
	struct opener opener = { 0 };
	struct lanes *lanes;
	struct err err;
	const struct lanes_options options = {
		.open = open_two,
		.context = &opener,
		.threads = 3,
		.slots = { 3, 3 },
	};
	assert_int_equal(lanes_new(&options, &lanes, &err), FAULT_USAGE);
	assert_string_equal(err.text, "no third one");
	lanes_free(NULL);
}

/* ---- ending while others stop ---- */

struct stopper {
	struct guest guest;
	struct lanes **lanes;
};

static void stop_all(struct lane_task *lane_task, struct store *store)
{
	struct stopper *stopper = (struct stopper *)lane_task;
	(void)store;
	for (int i = 0; i < 200; i++)
		lanes_stop(*stopper->lanes);
	leave(&stopper->guest, FAULT_NONE);
}

/* What a broken job does in the middle of going down: every lane must be there still. */
static void a_lane_may_stop_all_while_they_are_freed(void **state)
{
	(void)state;
	for (int round = 0; round < 20; round++) {
		struct club club;
		struct stopper stopper[8] = { 0 };
		open_club(&club, 8, 8, 8);
		for (size_t i = 0; i < 8; i++) {
			stopper[i].guest.club = &club;
			stopper[i].lanes = &club.lanes;
			stopper[i].guest.lane_task = (struct lane_task){ .kind = LANE_TASK_TRANSFER,
									 .start = stop_all,
									 .refuse = refuse };
			lanes_submit(club.lanes, &stopper[i].guest.lane_task);
		}
		close_club(&club);
		assert_int_equal(club.ended + club.refused, 8);
	}
}

static void stop_long(void *context)
{
	for (int i = 0; i < 200; i++)
		lanes_stop(context);
}

/* A room behind the lanes ends later than they do. */
static void others_may_stop_them_until_they_are_freed(void **state)
{
	(void)state;
	for (int round = 0; round < 20; round++) {
		struct club club;
		struct thread other;
		open_club(&club, 2, 2, 2);
		assert_true(thread_start(&other, "other", stop_long, club.lanes));
		lanes_join(club.lanes);
		lanes_join(club.lanes);
		thread_join(&other);
		lanes_stop(club.lanes);
		close_club(&club);
	}
	lanes_join(NULL);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(slots_are_never_exceeded),
		cmocka_unit_test(lane_tasks_spread_over_the_lanes_with_slots_of_their_kind),
		cmocka_unit_test(little_is_started_while_the_grid_is_in_trouble),
		cmocka_unit_test(what_was_not_started_is_refused_after_a_stop),
		cmocka_unit_test(a_gateway_that_is_away_is_probed_and_nothing_is_started_meanwhile),
		cmocka_unit_test(what_a_gateway_that_is_away_has_not_started_goes_to_others),
		cmocka_unit_test(what_a_slow_gateway_has_not_started_goes_to_others),
		cmocka_unit_test(
			a_gateway_that_fails_again_and_again_is_away_while_there_is_another),
		cmocka_unit_test(what_is_written_in_place_goes_to_the_first_gateway_that_is_there),
		cmocka_unit_test(it_gives_up_when_all_gateways_stay_away),
		cmocka_unit_test(a_stop_ends_the_wait_for_a_gateway),
		cmocka_unit_test(waking_pokes_what_is_active),
		cmocka_unit_test(a_store_that_does_not_open_ends_all_lanes),
		cmocka_unit_test(a_lane_may_stop_all_while_they_are_freed),
		cmocka_unit_test(others_may_stop_them_until_they_are_freed),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
