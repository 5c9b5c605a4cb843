/* Chunks retrieved: rules C40 to C48. */
#include "tests/unit/chunk_fake.h"

/* ---- retrieving ---- */

static void file_is_there(void)
{
	assert_int_equal(store.file_size, SIZE);
	assert_memory_equal(store.file, store.source, SIZE);
}

static enum fault get_file(const char *chunk, const char *key, unsigned width)
{
	const struct chunk_run run = chunks_run(chunk, key, width);
	struct err err = { .fault = FAULT_NONE };
	enum fault fault = chunk_retrieve(&run, &err);
	assert_int_equal(fault, err.fault);
	return fault;
}

static void c40_without_chunks_the_log_is_read_only_then(void **state)
{
	(void)state;
	assert_int_equal(chunks_put(NULL, 1), FAULT_NONE);
	store.diary[0] = '\0';
	assert_int_equal(get_file(NULL, "SHA256-s5500--a", 1), FAULT_NONE);
	chunks_diary("<0 ");
	file_is_there();
	chunks_lose(0);
	store.file_size = 0;
	assert_int_equal(chunks_put("1000", 1), FAULT_NONE);
	store.diary[0] = '\0';
	assert_int_equal(get_file(NULL, "SHA256-s5500--a", 1), FAULT_NONE);
	chunks_diary("<0 L <1 <2 <3 <4 <5 <6 ");
	file_is_there();
}

static void c41_what_is_there_is_not_read_again(void **state)
{
	(void)state;
	chunks_put_all();
	store.file_size =
		1500; /* C42: the chunk that is there in part is read from its beginning */
	memcpy(store.file, store.source, 1000);
	assert_int_equal(get_file("1000", "SHA256-s5500--a", 1), FAULT_NONE);
	chunks_diary("L <2 <3 <4 <5 <6 ");
	file_is_there();
	assert_int_equal(store.progress[0], 1100);
	assert_int_equal(get_file("1000", "SHA256-s5500--a", 1), FAULT_NONE);
	chunks_diary("L <6 ");
}

static void c42_what_is_behind_the_end_is_cut_off(void **state)
{
	(void)state;
	chunks_put_all();
	memcpy(store.file, store.source, SIZE);
	store.file_size = SIZE + 700;
	assert_int_equal(get_file("1000", "SHA256-s5500--a", 1), FAULT_NONE);
	chunks_diary("L ");
	file_is_there();
}

static void c43_the_next_list_where_the_first_chunk_is_missing(void **state)
{
	(void)state;
	chunks_put_all();
	assert_int_equal(chunks_put("2000", 1), FAULT_NONE);
	chunks_lose(1);
	store.diary[0] = '\0';
	assert_int_equal(get_file("1000", "SHA256-s5500--a", 1), FAULT_NONE);
	chunks_diary("L <1 <1:2000 <2:2000 <3:2000 ");
	file_is_there();
}

static void c44_what_has_come_counts_for_the_next_list(void **state)
{
	(void)state;
	chunks_put_all();
	assert_int_equal(chunks_put("2000", 1), FAULT_NONE);
	chunks_lose(4);
	store.diary[0] = '\0';
	assert_int_equal(get_file("1000", "SHA256-s5500--a", 1), FAULT_NONE);
	chunks_diary("L <1 <2 <3 <4 <2:2000 <3:2000 ");
	file_is_there();
}

static void what_was_proven_counts_though_nothing_tells_that_it_is_right(void **state)
{
	(void)state;
	chunks_put_all();
	assert_int_equal(chunks_put("2000", 1), FAULT_NONE);
	chunks_lose(4);
	store.blind = true;
	for (unsigned width = 1; width <= 4; width += 3) {
		store.file_size = 0;
		store.diary[0] = '\0';
		assert_int_equal(get_file("1000", "SHA256-s5500--a", width), FAULT_NONE);
		assert_null(strstr(store.diary, "<1:2000"));
		assert_non_null(strstr(store.diary, "<2:2000"));
		file_is_there();
	}
}

static void what_is_begun_anew_is_written_over(void **state)
{
	(void)state;
	chunks_put_all();
	for (unsigned width = 1; width <= 4; width += 3) {
		store.file_size = 0;
		store.stutters = 4;
		assert_int_equal(get_file("1000", "SHA256-s5500--a", width), FAULT_NONE);
		file_is_there();
	}
	assert_int_equal(chunks_put(NULL, 1), FAULT_NONE);
	store.stutters = 1; /* the key itself, of which a wrong beginning is there */
	memset(store.file, 'x', 2000);
	store.file_size = 0;
	assert_int_equal(get_file(NULL, "SHA256-s5500--a", 1), FAULT_NONE);
	file_is_there();
}

static void c45_the_error_of_the_likeliest(void **state)
{
	(void)state;
	struct err err;
	chunks_put_all();
	store.refuses = 3;
	const struct chunk_run run = chunks_run("1000", "SHA256-s5500--a", 1);
	assert_int_equal(chunk_retrieve(&run, &err), FAULT_RETRY);
	assert_string_equal(err.text, "the store is in trouble");
	chunks_diary("L <1 <2 <0 ");
	assert_int_equal(store.file_size, 1000); /* kept, to go on with */
	const struct chunk_run none = chunks_run("1000", "SHA256-s5500--nothing", 1);
	assert_int_equal(chunk_retrieve(&none, &err), FAULT_NOT_FOUND);
}

static void c46_nothing_is_touched_by_an_object_that_is_not_there(void **state)
{
	(void)state;
	chunks_put_all();
	memcpy(store.file, store.source, 2500);
	store.file_size = 2500;
	chunks_lose(3);
	assert_int_equal(get_file("1000", "SHA256-s5500--a", 1), FAULT_NOT_FOUND);
	assert_int_equal(store.file_size, 2500);
}

static void c48_progress_counts_from_the_beginning_of_the_file(void **state)
{
	(void)state;
	chunks_put_all();
	memcpy(store.file, store.source, 3000);
	store.file_size = 3000;
	assert_int_equal(get_file("1000", "SHA256-s5500--a", 1), FAULT_NONE);
	assert_int_equal(store.progress[0], 3100);
	assert_int_equal(store.progress[store.progress_count - 1], SIZE);
}

static void parts_come_side_by_side_and_are_written_in_order(void **state)
{
	(void)state;
	chunks_put_all();
	store.most_busy = 0;
	assert_int_equal(get_file("1000", "SHA256-s5500--a", 4), FAULT_NONE);
	assert_true(store.most_busy > 1);
	file_is_there();
	struct chunk_run run = chunks_run("1000", "SHA256-s5500--a", 4);
	struct err err;
	run.memory = 1500;
	store.file_size = store.most_busy = 0;
	assert_int_equal(chunk_retrieve(&run, &err), FAULT_NONE);
	assert_int_equal(store.most_busy, 1);
	file_is_there();
}

static void a_chunk_that_is_short_is_no_chunk(void **state)
{
	(void)state;
	chunks_put_all();
	for (unsigned width = 1; width <= 4; width += 3) {
		store.file_size = 0;
		store.tears = 4;
		assert_int_equal(get_file("1000", "SHA256-s5500--a", width), FAULT_CORRUPT);
		assert_true(store.file_size >= 2000 && store.file_size < SIZE);
		store.tears = 0;
		assert_int_equal(get_file("1000", "SHA256-s5500--a", width), FAULT_NONE);
		file_is_there();
	}
	store.file_size = 0;
	store.tears = COUNT + 1; /* the last one */
	assert_int_equal(get_file("1000", "SHA256-s5500--a", 1), FAULT_CORRUPT);
	store.file_size = 0; /* nobody knows how long it is */
	chunks_lose(0);
	store.tears = 0;
	assert_int_equal(get_file("1000", "SHA256-s5500--a", 1), FAULT_NONE);
}

static void a_disk_that_is_full_ends_it(void **state)
{
	(void)state;
	chunks_put_all();
	assert_int_equal(chunks_put("2000", 1), FAULT_NONE);
	store.fails_write = 2000;
	store.diary[0] = '\0';
	assert_int_equal(get_file("1000", "SHA256-s5500--a", 1), FAULT_FULL);
	chunks_diary("L <1 <2 <3 ");
	assert_int_equal(get_file("1000", "SHA256-s5500--a", 4), FAULT_FULL);
	assert_null(strstr(store.diary, ":2000"));
}

static void who_waits_for_a_part_that_was_stopped_is_woken(void **state)
{
	(void)state;
	chunks_put_all();
	store.stopped = 2;
	assert_int_equal(get_file("1000", "SHA256-s5500--a", 4), FAULT_CANCELLED);
	assert_true(store.file_size <= CHUNK);
	store.stopped = 0;
	assert_int_equal(get_file("1000", "SHA256-s5500--a", 4), FAULT_NONE);
	file_is_there();
}

static void a_key_that_came_in_part_goes_on(void **state)
{
	(void)state;
	assert_int_equal(chunks_put(NULL, 1), FAULT_NONE);
	memcpy(store.file, store.source, 1234);
	store.file_size = 1234;
	assert_int_equal(get_file(NULL, "SHA256-s5500--a", 1), FAULT_NONE);
	file_is_there();
	assert_int_equal(store.progress[1], 1334);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FACT(c40_without_chunks_the_log_is_read_only_then),
		FACT(c41_what_is_there_is_not_read_again),
		FACT(c42_what_is_behind_the_end_is_cut_off),
		FACT(c43_the_next_list_where_the_first_chunk_is_missing),
		FACT(c44_what_has_come_counts_for_the_next_list),
		FACT(what_was_proven_counts_though_nothing_tells_that_it_is_right),
		FACT(what_is_begun_anew_is_written_over),
		FACT(c45_the_error_of_the_likeliest),
		FACT(c46_nothing_is_touched_by_an_object_that_is_not_there),
		FACT(c48_progress_counts_from_the_beginning_of_the_file),
		FACT(parts_come_side_by_side_and_are_written_in_order),
		FACT(a_chunk_that_is_short_is_no_chunk),
		FACT(a_disk_that_is_full_ends_it),
		FACT(who_waits_for_a_part_that_was_stopped_is_woken),
		FACT(a_key_that_came_in_part_goes_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
