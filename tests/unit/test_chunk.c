/* Chunks stored, looked for and removed: rules C20 to C27, C50 to C54. */
#include "tests/unit/chunk_fake.h"

/* ---- storing ---- */

static void c20_a_single_chunk_is_not_asked_for(void **state)
{
	(void)state;
	struct err err;
	struct chunk_run run = chunks_run("1000", "SHA256-s1000--a", 1);
	assert_int_equal(chunk_store(&run, 1000, &err), FAULT_NONE);
	chunks_diary("+1 L W ");
	run = chunks_run("1000", "SHA256-s0--e", 1);
	assert_int_equal(chunk_store(&run, 0, &err), FAULT_NONE);
	chunks_diary("+1 L W ");
	run = chunks_run("1000", "SHA256-s1001--b", 1);
	assert_int_equal(chunk_store(&run, 1001, &err), FAULT_NONE);
	chunks_diary("?1 +1 +2 L W ");
}

static void c21_begins_with_the_first_that_is_missing(void **state)
{
	(void)state;
	chunks_put_all();
	chunks_lose(3);
	assert_int_equal(chunks_put("1000", 1), FAULT_NONE);
	chunks_diary("?1 ?2 ?3 +3 +4 +5 +6 L W ");
	assert_int_equal(store.progress[0], 1000);
	assert_int_equal(store.progress[1], 2000);
	assert_int_equal(store.progress[store.progress_count - 1], SIZE);
}

static void c22_where_all_are_there_the_log_is_written(void **state)
{
	(void)state;
	chunks_put_all();
	store.log[0] = '\0';
	assert_int_equal(chunks_put("1000", 1), FAULT_NONE);
	chunks_diary("?1 ?2 ?3 ?4 ?5 ?6 L W ");
	assert_string_equal(store.log, chunks_logged);
}

static void c23_who_cannot_be_asked_is_stored_to(void **state)
{
	(void)state;
	chunks_put_all();
	store.unknown = 3;
	assert_int_equal(chunks_put("1000", 1), FAULT_NONE);
	chunks_diary("?1 ?2 +2 +3 +4 +5 +6 L W ");
}

static void c25_the_first_failure_ends_it_and_nothing_is_logged(void **state)
{
	(void)state;
	store.refuses = 4;
	assert_int_equal(chunks_put("1000", 1), FAULT_RETRY);
	chunks_diary("?1 +1 +2 +3 ");
	assert_string_equal(store.log, "");
	store.refuses = 0;
	assert_int_equal(chunks_put("1000", 1), FAULT_NONE);
	chunks_diary("?1 ?2 ?3 +3 +4 +5 +6 L W ");
	assert_string_equal(store.log, chunks_logged); /* C26: the count of all */
}

static void c27_side_by_side_only_what_is_missing_is_sent(void **state)
{
	(void)state;
	chunks_put_all();
	store.log[0] = '\0';
	chunks_lose(2);
	chunks_lose(5);
	assert_int_equal(chunks_put("1000", 4), FAULT_NONE);
	assert_non_null(strstr(store.diary, "+2 "));
	assert_non_null(strstr(store.diary, "+5 "));
	const char *stored = strchr(store.diary, '+');
	assert_non_null(stored);
	assert_null(strchr(strchr(stored + 1, '+') + 1, '+'));
	assert_true(store.most_busy > 1 && store.most_busy <= 4);
	for (size_t i = 1; i < store.progress_count; i++)
		assert_true(store.progress[i] > store.progress[i - 1]);
	assert_int_equal(store.progress[store.progress_count - 1], SIZE);
	assert_string_equal(store.log, chunks_logged);
}

static void a_failure_side_by_side_is_that_of_the_first(void **state)
{
	(void)state;
	store.refuses = 2;
	assert_int_equal(chunks_put("1000", 4), FAULT_RETRY);
	assert_string_equal(store.log, "");
	store.refuses = 0;
	assert_int_equal(chunks_put("1000", 4), FAULT_NONE);
	assert_string_equal(store.log, chunks_logged);
}

static void what_is_not_cut_is_stored_whole(void **state)
{
	(void)state;
	struct err err;
	struct chunk_run run = chunks_run("1000", "URL-s5500--a", 1);
	assert_int_equal(chunk_store(&run, SIZE, &err), FAULT_NONE);
	chunks_diary("+0 ");
	assert_int_equal(chunks_put(NULL, 1), FAULT_NONE);
	chunks_diary("+0 ");
}

static void too_many_chunks_are_refused(void **state)
{
	(void)state;
	struct err err;
	struct chunk_run run = chunks_run("1", "SHA256--a", 1);
	assert_int_equal(chunk_store(&run, (UINT64_C(1) << 24) + 1, &err), FAULT_USAGE);
	chunks_diary("");
}

/* ---- presence ---- */

static enum chunk_presence presence(const char *chunk, unsigned width)
{
	const struct chunk_run run = chunks_run(chunk, "SHA256-s5500--a", width);
	struct err err = { .fault = FAULT_NONE };
	enum chunk_presence found = chunk_present(&run, &err);
	if (found == CHUNK_UNKNOWN)
		assert_string_equal(err.text, "nobody answers");
	return found;
}

static void c54_a_list_is_there_when_all_of_it_is(void **state)
{
	(void)state;
	chunks_put_all();
	assert_int_equal(presence("1000", 1), CHUNK_PRESENT);
	chunks_diary("L ?1 ?2 ?3 ?4 ?5 ?6 ");
	assert_int_equal(presence("1000", 4), CHUNK_PRESENT);
	store.diary[0] = '\0';
	chunks_lose(3);
	assert_int_equal(presence("1000", 1), CHUNK_ABSENT);
	chunks_diary("L ?1 ?2 ?3 ?0 ");
	assert_int_equal(chunks_put("2000", 1), FAULT_NONE);
	store.diary[0] = '\0';
	assert_int_equal(presence("1000", 1), CHUNK_PRESENT);
	chunks_diary("L ?1 ?2 ?3 ?1:2000 ?2:2000 ?3:2000 ");
}

static void c54_without_chunks_the_key_is_asked_first(void **state)
{
	(void)state;
	assert_int_equal(chunks_put(NULL, 1), FAULT_NONE);
	store.diary[0] = '\0';
	assert_int_equal(presence(NULL, 1), CHUNK_PRESENT);
	chunks_diary("?0 ");
	chunks_lose(0);
	assert_int_equal(presence(NULL, 1), CHUNK_ABSENT);
	chunks_diary("?0 L ");
}

static void c54_unknown_is_never_absent(void **state)
{
	(void)state;
	chunks_put_all();
	chunks_lose(6);
	store.unknown = 1; /* the key itself cannot be asked for, the chunks are not all there */
	assert_int_equal(presence("1000", 1), CHUNK_UNKNOWN);
	assert_int_equal(presence(NULL, 1), CHUNK_UNKNOWN);
	store.unknown = 3; /* a chunk cannot be asked for, the key is not there */
	assert_int_equal(presence("1000", 1), CHUNK_UNKNOWN);
	assert_int_equal(presence(NULL, 1), CHUNK_UNKNOWN);
	assert_int_equal(presence("1000", 4), CHUNK_UNKNOWN);
	assert_int_equal(chunks_put(NULL, 1), FAULT_NONE);
	assert_int_equal(presence("1000", 1), CHUNK_PRESENT);
}

static void c54_chunks_that_nobody_logged_are_logged(void **state)
{
	(void)state;
	chunks_put_all();
	store.log[0] = '\0';
	assert_int_equal(presence("1000", 1), CHUNK_PRESENT);
	assert_string_equal(store.log, chunks_logged);
	store.log[0] = '\0';
	assert_int_equal(presence(NULL, 1), CHUNK_ABSENT);
}

/* ---- removing ---- */

static enum fault remove_file(const char *chunk)
{
	const struct chunk_run run = chunks_run(chunk, "SHA256-s5500--a", 4);
	struct err err;
	return chunk_remove(&run, &err);
}

static void c50_all_of_every_list_goes(void **state)
{
	(void)state;
	chunks_put_all();
	assert_int_equal(chunks_put(NULL, 1), FAULT_NONE);
	store.diary[0] = '\0';
	assert_int_equal(remove_file("2000"), FAULT_NONE);
	chunks_diary("L -1 -2 -3 -4 -5 -6 -0 -1:2000 -2:2000 -3:2000 W ");
	assert_string_equal(store.log,
			    "0.000001001s 7db45dc0-e4a1-4144-b1a2-57861ce835fa:1000 0\n");
	assert_int_equal(presence("1000", 1), CHUNK_ABSENT);
	store.diary[0] = '\0'; /* C51, C52: a second time is well too */
	assert_int_equal(remove_file(NULL), FAULT_NONE);
	chunks_diary("L -0 ");
}

static void c51_a_failure_leaves_the_log(void **state)
{
	(void)state;
	chunks_put_all();
	store.refuses = 3;
	assert_int_equal(remove_file("1000"), FAULT_RETRY);
	chunks_diary("L -1 -2 ");
	assert_string_equal(store.log, chunks_logged);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FACT(c20_a_single_chunk_is_not_asked_for),
		FACT(c21_begins_with_the_first_that_is_missing),
		FACT(c22_where_all_are_there_the_log_is_written),
		FACT(c23_who_cannot_be_asked_is_stored_to),
		FACT(c25_the_first_failure_ends_it_and_nothing_is_logged),
		FACT(c27_side_by_side_only_what_is_missing_is_sent),
		FACT(a_failure_side_by_side_is_that_of_the_first),
		FACT(what_is_not_cut_is_stored_whole),
		FACT(too_many_chunks_are_refused),
		FACT(c54_a_list_is_there_when_all_of_it_is),
		FACT(c54_without_chunks_the_key_is_asked_first),
		FACT(c54_unknown_is_never_absent),
		FACT(c54_chunks_that_nobody_logged_are_logged),
		FACT(c50_all_of_every_list_goes),
		FACT(c51_a_failure_leaves_the_log),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
