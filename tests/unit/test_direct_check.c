/* What checks find at storage servers in memory. */
#include "direct/direct_call.h"
#include "direct/direct_check_parts.h"

#include "tests/unit/direct_case.h"
#include "tests/unit/slot_case.h"

enum { SIZE = 1000, LARGE = (2 << 20) + 77 };

static void run_check(struct fake_servers *fake, const struct store_check *check)
{
	struct err err;
	assert_non_null(store_check(fake->store, check, fake_servers_then(fake), &err));
	fake_servers_run(fake);
	assert_true(fake->ended);
	assert_int_equal(fake->end.fault, FAULT_NONE);
}

/* Checks a file of which each server has the share of its rank. */
static const struct store_health *check_file(struct direct_case *file, bool verify)
{
	const struct store_check check = { .cap = &file->shares->cap, .verify = verify };
	run_check(&file->fake, &check);
	return &file->fake.end.health;
}

struct counts {
	bool healthy, recoverable;
	unsigned shares, hosts, happiness, responding, corrupt;
};

static void assert_counts(const struct store_health *health, struct counts counts)
{
	assert_int_equal(health->healthy, counts.healthy);
	assert_int_equal(health->recoverable, counts.recoverable);
	assert_int_equal(health->good_shares, counts.shares);
	assert_int_equal(health->good_hosts, counts.hosts);
	assert_int_equal(health->happiness, counts.happiness);
	assert_int_equal(health->responding, counts.responding);
	assert_int_equal(health->corrupt_shares, counts.corrupt);
	assert_int_equal(health->damage.count, counts.corrupt);
}

static void what_is_all_there_is_healthy(void **state)
{
	struct direct_case file;
	(void)state;
	open_spread(&file, 3, 10, SIZE);
	const struct store_health *health = check_file(&file, false);
	assert_counts(health, (struct counts){ true, true, 10, 10, 10, 10, 0 });
	assert_int_equal(health->needed, 3);
	assert_int_equal(health->expected, 10);
	assert_false(health->literal || health->repaired);
	assert_int_equal(file.fake.gateway, 0);
	assert_null(strstr(bytes_text(&file.fake.log), "/"));
	assert_null(strstr(bytes_text(&file.fake.log), "lease"));
	close_case(&file);
}

static void what_is_checked_ends_trouble_with_reading(void **state)
{
	struct direct_case file;
	(void)state;
	open_spread(&file, 3, 10, SIZE);
	fake_servers_trouble(&file.fake, HEALTH_READING);
	check_file(&file, false);
	assert_false(fake_servers_in_trouble(&file.fake, HEALTH_READING));
	close_case(&file);
}

static void shares_and_servers_are_counted_once(void **state)
{
	struct direct_case file;
	(void)state;
	open_case(&file, (struct file_shape){ 3, 10, SIZE, 0, 7 });
	give(&file, 0, 0);
	give(&file, 0, 1);
	give(&file, 1, 0);
	give(&file, 2, 7);
	assert_counts(check_file(&file, false), (struct counts){ false, true, 3, 3, 3, 10, 0 });
	assert_counts(check_file(&file, true), (struct counts){ false, true, 3, 3, 3, 10, 0 });
	give(&file, 2, 8);
	free(file.fake.at[0].share[0].data);
	file.fake.at[0].share[0] = (struct fake_share){ 0 };
	free(file.fake.at[2].share[7].data);
	file.fake.at[2].share[7] = (struct fake_share){ 0 };
	free(file.fake.at[1].share[0].data);
	file.fake.at[1].share[0] = (struct fake_share){ 0 };
	assert_counts(check_file(&file, false), (struct counts){ false, false, 2, 2, 2, 10, 0 });
	close_case(&file);
}

static void a_damaged_share_is_named(void **state)
{
	struct direct_case file;
	(void)state;
	open_spread(&file, 3, 10, LARGE);
	file.fake.at[4].share[4].data[file.layout.data_offset + (1 << 20) / 3 + 5] ^= 1;
	file.fake.at[7].share[7].data[file.layout.ueb_offset + 8] ^= 1;
	assert_counts(check_file(&file, false), (struct counts){ true, true, 10, 10, 10, 10, 0 });
	const struct store_health *health = check_file(&file, true);
	assert_counts(health, (struct counts){ false, true, 8, 8, 8, 10, 2 });
	for (unsigned i = 0; i < 2; i++) {
		const unsigned rank = health->damage.at[i].share;
		assert_true(rank == 4 || rank == 7);
		assert_int_equal(health->damage.at[i].server, file.fake.order[rank]);
	}
	assert_int_not_equal(health->damage.at[0].share, health->damage.at[1].share);
	close_case(&file);
}

/* How many pieces of shares the servers were asked for. */
static unsigned pieces(const struct fake_servers *fake)
{
	unsigned count = 0;
	for (const char *at = bytes_text(&fake->log); (at = strchr(at, '/')); at++)
		count++;
	return count;
}

static void a_share_is_read_to_its_end_and_no_further(void **state)
{
	struct direct_case file;
	(void)state;
	open_spread(&file, 1, 2, SIZE);
	assert_counts(check_file(&file, true), (struct counts){ true, true, 2, 2, 2, 10, 0 });
	assert_int_equal(pieces(&file.fake), 2);
	assert_non_null(strstr(bytes_text(&file.fake.log), "0/0 0+1517\n"));
	assert_non_null(strstr(bytes_text(&file.fake.log), "1/1 0+1517\n"));
	close_case(&file);
	open_spread(&file, 1, 1, LARGE); /* three pieces of a mebibyte */
	assert_counts(check_file(&file, true), (struct counts){ true, true, 1, 1, 1, 10, 0 });
	assert_int_equal(pieces(&file.fake), 3);
	close_case(&file);
}

/* Less than its file takes is damage; bytes behind its end are not looked at. */
static void a_share_cut_short_is_damaged(void **state)
{
	struct direct_case file;
	(void)state;
	open_spread(&file, 3, 10, LARGE);
	file.fake.at[2].share[2].size -= 1;
	assert_counts(check_file(&file, true), (struct counts){ false, true, 9, 9, 9, 10, 1 });
	assert_int_equal(file.fake.end.health.damage.at[0].share, 2);
	close_case(&file);
}

/* The gateway may know better; it is away, so this is what is known. */
static void servers_that_do_not_answer_count_for_nothing(void **state)
{
	struct direct_case file;
	(void)state;
	open_spread(&file, 3, 10, SIZE);
	file.fake.at[0].fault = FAULT_UNAVAILABLE;
	file.fake.at[1].nonsense = "nonsense";
	file.fake.at[2].status = 500;
	assert_counts(check_file(&file, false), (struct counts){ false, true, 7, 7, 7, 7, 0 });
	assert_int_equal(file.fake.gateway, 1);
	close_case(&file);
}

static void nobody_answers(void **state)
{
	struct direct_case file;
	(void)state;
	open_spread(&file, 3, 10, SIZE);
	for (unsigned rank = 0; rank < FAKE_SERVERS; rank++)
		file.fake.at[rank].fault = FAULT_UNAVAILABLE;
	assert_counts(check_file(&file, false), (struct counts){ false, false, 0, 0, 0, 0, 0 });
	assert_int_equal(file.fake.gateway, 1);
	close_case(&file);
}

/* Neither of servers nor, in the end, of the gateway. */
static void a_cancelled_check_leaves_nothing_in_flight(void **state)
{
	struct direct_case file;
	struct err err;
	(void)state;
	open_spread(&file, 3, 10, SIZE);
	const struct store_check check = { .cap = &file.shares->cap };
	for (unsigned rank = 0; rank < FAKE_SERVERS; rank++)
		file.fake.at[rank].held = true;
	struct store_call *call =
		store_check(file.fake.store, &check, fake_servers_then(&file.fake), &err);
	fake_servers_run(&file.fake);
	assert_int_equal(fake_servers_in_flight(&file.fake), CHECK_SLOTS);
	store_cancel(file.fake.store, call);
	assert_int_equal(fake_servers_in_flight(&file.fake), 0);
	for (unsigned rank = 0; rank < FAKE_SERVERS; rank++) {
		file.fake.at[rank].held = false;
		file.fake.at[rank].status = 400;
	}
	file.fake.gateway_held = true;
	call = store_check(file.fake.store, &check, fake_servers_then(&file.fake), &err);
	fake_servers_run(&file.fake);
	assert_int_equal(fake_servers_in_flight(&file.fake), 1);
	store_cancel(file.fake.store, call);
	assert_int_equal(fake_servers_in_flight(&file.fake), 0);
	close_case(&file);
}

/* It says that it has a share, and then does not bring it. */
static void a_share_that_is_not_brought_is_not_counted(void **state)
{
	struct direct_case file;
	(void)state;
	open_spread(&file, 3, 10, SIZE);
	file.fake.at[3].fault = FAULT_RETRY;
	file.fake.at[3].well = 1;
	assert_counts(check_file(&file, true), (struct counts){ false, true, 9, 9, 9, 9, 0 });
	close_case(&file);
}

static void leases_are_taken_where_shares_are(void **state)
{
	struct direct_case file;
	(void)state;
	open_case(&file, (struct file_shape){ 1, 2, SIZE, 0, 2 });
	give(&file, 3, 0);
	give(&file, 6, 1);
	const struct store_check check = { .cap = &file.shares->cap, .add_lease = true };
	run_check(&file.fake, &check);
	assert_counts(&file.fake.end.health, (struct counts){ true, true, 2, 2, 2, 10, 0 });
	const char *log = bytes_text(&file.fake.log);
	assert_non_null(strstr(log, "3 lease\n"));
	assert_non_null(strstr(log, "6 lease\n"));
	assert_null(strstr(log, "0 lease\n"));
	file.fake.log.size = 0;
	file.fake.at[6].status = 400; /* a lease that is not taken is no answer */
	file.fake.at[6].well = 1;
	run_check(&file.fake, &check);
	assert_counts(&file.fake.end.health, (struct counts){ true, true, 2, 2, 2, 9, 0 });
	close_case(&file);
}

static void one_of_several_checks_is_cancelled(void **state)
{
	struct direct_case file;
	struct store_call *call[3];
	struct err err;
	(void)state;
	open_spread(&file, 3, 10, SIZE);
	const struct store_check check = { .cap = &file.shares->cap, .verify = true };
	for (size_t i = 0; i < 3; i++)
		call[i] = store_check(file.fake.store, &check, fake_servers_then(&file.fake), &err);
	store_cancel(file.fake.store, call[1]);
	fake_servers_run_all(&file.fake);
	assert_int_equal(file.fake.ends, 2);
	assert_counts(&file.fake.end.health, (struct counts){ true, true, 10, 10, 10, 10, 0 });
	close_case(&file);
}

static void nobody_is_asked_about_a_literal(void **state)
{
	struct direct_case file;
	struct cap literal;
	(void)state;
	open_case(&file, (struct file_shape){ 1, 2, SIZE, 0, 2 });
	chk_literal("abc", 3, &literal);
	run_check(&file.fake, &(struct store_check){ .cap = &literal, .verify = true });
	assert_true(file.fake.end.health.healthy && file.fake.end.health.recoverable);
	assert_true(file.fake.end.health.literal);
	fake_servers_asked(&file.fake, "");
	close_case(&file);
}

static void repairs_are_the_gateways(void **state)
{
	struct direct_case file;
	struct err err;
	(void)state;
	open_spread(&file, 3, 10, SIZE);
	const struct store_check check = { .cap = &file.shares->cap, .repair = true };
	store_check(file.fake.store, &check, fake_servers_then(&file.fake), &err);
	fake_servers_run(&file.fake);
	assert_int_equal(file.fake.end.fault, FAULT_UNAVAILABLE);
	fake_servers_asked(&file.fake, "gateway POST\n");
	close_case(&file);
}

/* ---- what can change ---- */

static const struct store_health *check_slot(struct slot_case *slot, bool verify)
{
	const struct store_check check = { .cap = &slot->directory, .verify = verify };
	slot->fake.contents = NULL;
	run_check(&slot->fake, &check);
	return &slot->fake.end.health;
}

static void a_directory_is_read_for_its_versions(void **state)
{
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 2, 5, SIZE);
	give_slot_all(&slot);
	const struct store_health *health = check_slot(&slot, false);
	assert_counts(health, (struct counts){ true, true, 5, 5, 5, 10, 0 });
	assert_int_equal(health->needed, 2);
	assert_int_equal(health->expected, 5);
	/* Of two versions the newest counts. */
	give_slot(&slot, slot.other, 3, 3);
	give_slot(&slot, slot.other, 4, 4);
	give_slot(&slot, slot.other, 8, 0);
	assert_counts(check_slot(&slot, false), (struct counts){ false, true, 3, 3, 3, 10, 0 });
	assert_int_equal(slot.fake.gateway, 0);
	close_slot(&slot);
}

static void a_directory_that_is_checked_ends_trouble_with_listing(void **state)
{
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 2, 5, SIZE);
	give_slot_all(&slot);
	fake_servers_trouble(&slot.fake, HEALTH_LISTING);
	check_slot(&slot, false);
	assert_false(fake_servers_in_trouble(&slot.fake, HEALTH_LISTING));
	close_slot(&slot);
}

static void a_whole_newest_version_beside_an_older_is_not_healthy(void **state)
{
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 2, 5, SIZE);
	for (unsigned i = 0; i < 5; i++)
		give_slot(&slot, slot.other, i, i);
	assert_counts(check_slot(&slot, true), (struct counts){ true, true, 5, 5, 5, 10, 0 });
	give_slot(&slot, slot.shares, 7, 1);
	assert_counts(check_slot(&slot, true), (struct counts){ false, true, 5, 5, 5, 10, 0 });
	close_slot(&slot);
}

/* The servers are asked in the order of their list. */
static void versions_beyond_the_eighth_are_no_good(void **state)
{
	enum { VERSIONS = CHECK_VERSIONS + 1 };
	static struct slot_case slot;
	struct slot_shares *version[VERSIONS];
	unsigned newest = 0;
	(void)state;
	open_slot(&slot, 1, VERSIONS, SIZE);
	for (unsigned i = 0; i < VERSIONS; i++) {
		version[i] = slot_version_new(&slot, (unsigned char)(i + 1));
		if (slot_compare(&version[newest]->version, &version[i]->version) < 0)
			newest = i;
	}
	struct slot_shares *first = version[newest];
	version[newest] = version[0];
	version[0] = first;
	for (unsigned rank = 0; rank < FAKE_SERVERS; rank++)
		if (slot.fake.order[rank] < VERSIONS)
			give_slot(&slot, version[slot.fake.order[rank]], rank,
				  slot.fake.order[rank]);
	assert_counts(check_slot(&slot, false), (struct counts){ false, true, 1, 1, 1, 10, 0 });
	for (unsigned i = 0; i < VERSIONS; i++)
		slot_shares_free(version[i]);
	close_slot(&slot);
}

static void a_damaged_share_of_a_directory_is_named(void **state)
{
	static struct slot_case slot;
	struct slot_share share;
	struct err err;
	(void)state;
	open_slot(&slot, 2, 5, SIZE);
	give_slot_all(&slot);
	assert_int_equal(
		slot_share_read(slot.shares->data, slot.shares->share_size, SLOT_MAX, &share, &err),
		FAULT_NONE);
	slot.fake.at[1].share[1].data[share.blocks.offset] ^= 1;
	assert_counts(check_slot(&slot, false), (struct counts){ true, true, 5, 5, 5, 10, 0 });
	const struct store_health *health = check_slot(&slot, true);
	assert_counts(health, (struct counts){ false, true, 4, 4, 4, 10, 1 });
	assert_int_equal(health->damage.at[0].share, 1);
	assert_int_equal(health->damage.at[0].server, slot.fake.order[1]);
	close_slot(&slot);
}

/* Some server, which only the gateway reaches, may have the newest. */
static void a_directory_that_is_not_found_is_the_gateways(void **state)
{
	static struct slot_case slot;
	(void)state;
	open_slot(&slot, 2, 5, SIZE);
	give_slot(&slot, slot.shares, 7, 1);
	assert_counts(check_slot(&slot, false), (struct counts){ false, false, 1, 1, 1, 10, 0 });
	assert_int_equal(slot.fake.gateway, 1);
	close_slot(&slot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_all_there_is_healthy),
		cmocka_unit_test(what_is_checked_ends_trouble_with_reading),
		cmocka_unit_test(shares_and_servers_are_counted_once),
		cmocka_unit_test(a_damaged_share_is_named),
		cmocka_unit_test(a_share_is_read_to_its_end_and_no_further),
		cmocka_unit_test(a_share_cut_short_is_damaged),
		cmocka_unit_test(servers_that_do_not_answer_count_for_nothing),
		cmocka_unit_test(nobody_answers),
		cmocka_unit_test(a_cancelled_check_leaves_nothing_in_flight),
		cmocka_unit_test(a_share_that_is_not_brought_is_not_counted),
		cmocka_unit_test(leases_are_taken_where_shares_are),
		cmocka_unit_test(one_of_several_checks_is_cancelled),
		cmocka_unit_test(nobody_is_asked_about_a_literal),
		cmocka_unit_test(repairs_are_the_gateways),
		cmocka_unit_test(a_directory_is_read_for_its_versions),
		cmocka_unit_test(a_directory_that_is_checked_ends_trouble_with_listing),
		cmocka_unit_test(a_whole_newest_version_beside_an_older_is_not_healthy),
		cmocka_unit_test(versions_beyond_the_eighth_are_no_good),
		cmocka_unit_test(a_damaged_share_of_a_directory_is_named),
		cmocka_unit_test(a_directory_that_is_not_found_is_the_gateways),
	};
	return cmocka_run_group_tests(tests, slot_key_new, NULL);
}
