/* Shares at storage servers in memory whose places are guessed, and mended where that was wrong. */
#include "direct/direct_call.h"

#include "tests/unit/direct_case.h"

enum { SMALL = 1000, RANKS = 4 };

struct guess_case {
	struct direct_case file;
	struct habits *habits;
};

/* A file of k-of-4 that was read so often that it is guessed where its shares are: at each server
 * the one of that number. */
static void open_guess_of(struct guess_case *guess, uint16_t k, const unsigned number[RANKS])
{
	enum { TIMES = 8 };
	open_case(&guess->file, (struct file_shape){ k, RANKS, SMALL, 0, 0 });
	for (unsigned rank = 0; rank < RANKS; rank++)
		give(&guess->file, rank, number[rank]);
	guess->habits = habits_new(FAKE_SERVERS);
	((struct direct *)guess->file.fake.store)->habits = guess->habits;
	for (unsigned times = 0; times < TIMES; times++) {
		forget_asked(&guess->file);
		read_well(&guess->file, 0, UINT64_MAX);
	}
	assert_null(strchr(bytes_text(&guess->file.fake.log), '?'));
	forget_asked(&guess->file);
}

static void open_guess(struct guess_case *guess, const unsigned number[RANKS])
{
	open_guess_of(guess, 2, number);
}

static void close_guess(struct guess_case *guess)
{
	close_case(&guess->file);
	habits_free(guess->habits);
}

static void lose(struct guess_case *guess, unsigned rank, unsigned number)
{
	struct fake_share *share = &guess->file.fake.at[rank].share[number];
	free(share->data);
	*share = (struct fake_share){ 0 };
}

static const unsigned in_order[RANKS] = { 0, 1, 2, 3 };

static void places_are_guessed_by_habit(void **state)
{
	struct guess_case guess;
	(void)state;
	open_guess(&guess, in_order);
	read_well(&guess.file, 0, UINT64_MAX);
	asked(&guess.file, "0/0 0+1051\n1/1 0+1051\n");
	close_guess(&guess);
}

/* What has come is kept. */
static void a_share_that_is_elsewhere_is_looked_for(void **state)
{
	struct guess_case guess;
	(void)state;
	open_guess(&guess, in_order);
	lose(&guess, 0, 0);
	read_well(&guess.file, 0, UINT64_MAX);
	asked(&guess.file, "0/0 0+1051\n1/1 0+1051\n0 ?\n2 ?\n2/2 0+1051\n");
	close_guess(&guess);
	open_guess(&guess, in_order);
	lose(&guess, 1, 1);
	read_well(&guess.file, 0, UINT64_MAX);
	asked(&guess.file, "0/0 0+1051\n1/1 0+1051\n1 ?\n2 ?\n2/2 0+1051\n");
	close_guess(&guess);
}

static void the_search_has_its_own_time(void **state)
{
	struct guess_case guess;
	(void)state;
	open_guess(&guess, in_order);
	lose(&guess, 0, 0);
	guess.file.fake.at[1].takes_ms = DIRECT_SEARCH_MS + 1000;
	read_well(&guess.file, 0, UINT64_MAX);
	close_guess(&guess);
}

/* The shares that were guessed have to be decoded; those that are found have not. */
static void what_decodes_them_follows_from_what_was_found(void **state)
{
	struct guess_case guess;
	(void)state;
	open_guess(&guess, (const unsigned[]){ 3, 1, 0, 2 });
	lose(&guess, 0, 3);
	read_well(&guess.file, 0, UINT64_MAX);
	close_guess(&guess);
	open_guess(&guess, (const unsigned[]){ 0, 1, 3, 2 });
	lose(&guess, 0, 0);
	read_well(&guess.file, 0, UINT64_MAX);
	close_guess(&guess);
}

/* A server that fails behind a wrong guess: all begins anew, and nothing is guessed. */
static void all_begins_anew_where_a_server_fails(void **state)
{
	struct guess_case guess;
	(void)state;
	open_guess(&guess, in_order);
	lose(&guess, 0, 0);
	guess.file.fake.at[2].fault = FAULT_UNAVAILABLE;
	guess.file.fake.at[2].well = 1;
	read_well(&guess.file, 0, UINT64_MAX);
	asked(&guess.file, "0/0 0+1051\n1/1 0+1051\n0 ?\n2 ?\n2 bad\n0 ?\n1 ?\n3 ?\n"
			   "1/1 0+1051\n3/3 0+1051\n");
	close_guess(&guess);
}

static void a_server_that_is_left_alone_is_not_guessed(void **state)
{
	struct guess_case guess;
	(void)state;
	open_guess(&guess, in_order);
	struct direct *direct = (struct direct *)guess.file.fake.store;
	direct->server[guess.file.fake.order[0]].away_until_ms = UINT64_MAX;
	read_well(&guess.file, 0, UINT64_MAX);
	assert_null(strstr(bytes_text(&guess.file.fake.log), "0/0"));
	close_guess(&guess);
}

static void several_shares_are_kept(void **state)
{
	struct guess_case guess;
	(void)state;
	open_guess_of(&guess, 3, in_order);
	lose(&guess, 0, 0);
	read_well(&guess.file, 0, UINT64_MAX);
	asked(&guess.file, "0/0 0+885\n1/1 0+885\n2/2 0+885\n0 ?\n3 ?\n3/3 0+885\n");
	close_guess(&guess);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_are_guessed_by_habit),
		cmocka_unit_test(a_share_that_is_elsewhere_is_looked_for),
		cmocka_unit_test(several_shares_are_kept),
		cmocka_unit_test(the_search_has_its_own_time),
		cmocka_unit_test(what_decodes_them_follows_from_what_was_found),
		cmocka_unit_test(all_begins_anew_where_a_server_fails),
		cmocka_unit_test(a_server_that_is_left_alone_is_not_guessed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
