#include "report/report.h"

#include "queue/file/manifest.h"
#include "queue/file/outcomes.h"
#include "report/progress.h"
#include "tests/unit/catalog_case.h"
#include "tests/unit/facts.h"
#include "tests/unit/sandbox.h"

#include <unistd.h>

static const unsigned char job_id[16] = "0123456789abcde";

/*
 * The plan: root { "a" (dir) { "f1", "sub" (dir) { "f2" } }, "b" (file), "bad\xff" (failed by
 * verdict), "link" (symlink, skipped by verdict) }.  Ids: a 1, b 2, bad 3, link 4, f1 5, sub 6,
 * f2 7.
 */
enum { A = 1, B = 2, BAD = 3, LINK = 4, F1 = 5, SUB = 6, F2 = 7, ENTRIES = 7 };

struct plan {
	struct manifest_writer *writer;
	struct listing_id root, a, sub;
};

static struct manifest_entry add(struct plan *plan, uint8_t kind, const char *name, uint64_t bytes,
				 uint8_t verdict, uint8_t reason)
{
	struct err err;
	struct manifest_entry entry = { .kind = kind,
					.verdict = verdict,
					.reason = reason,
					.bytes = bytes,
					.name = name,
					.name_size = strlen(name) };
	assert_int_equal(manifest_add(plan->writer, &entry, &err), FAULT_NONE);
	return entry;
}

static void write_plan(struct plan *plan, bool finish)
{
	struct err err;
	struct listing_id durable;
	assert_int_equal(
		manifest_create(sandbox_path("manifest"), job_id, NULL, 0, &plan->writer, &err),
		FAULT_NONE);
	struct manifest_writer *w = plan->writer;
	assert_int_equal(manifest_begin(w, 0, 0, LISTING_NONE, "", 0, &plan->root, &err),
			 FAULT_NONE);
	add(plan, MANIFEST_DIRECTORY, "a", 0, 0, 0);
	add(plan, MANIFEST_FILE, "b", 10, 0, 0);
	add(plan, MANIFEST_FILE, "bad\xff", 9, OUTCOME_FAILED, REASON_NAME);
	add(plan, MANIFEST_SYMLINK, "link", 0, OUTCOME_SKIPPED, REASON_SYMLINK);
	assert_int_equal(manifest_end(w, &err), FAULT_NONE);
	assert_int_equal(manifest_begin(w, A, 0, plan->root, "a", 1, &plan->a, &err), FAULT_NONE);
	add(plan, MANIFEST_FILE, "f1", 100, 0, 0);
	add(plan, MANIFEST_DIRECTORY, "sub", 0, 0, 0);
	assert_int_equal(manifest_end(w, &err), FAULT_NONE);
	assert_int_equal(manifest_begin(w, SUB, A, plan->a, "sub", 3, &plan->sub, &err),
			 FAULT_NONE);
	assert_int_equal(add(plan, MANIFEST_FILE, "f2", 1000, 0, 0).id, F2);
	assert_int_equal(manifest_end(w, &err), FAULT_NONE);
	assert_int_equal(manifest_sync(w, &durable, &err), FAULT_NONE);
	if (finish)
		assert_int_equal(manifest_finish(w, &err), FAULT_NONE);
	manifest_writer_close(w);
}

static struct outcomes *open_outcomes(void)
{
	struct err err;
	struct outcomes *outcomes = NULL;
	assert_int_equal(outcomes_create(sandbox_path("outcomes"), job_id, "", 0, &outcomes, &err),
			 FAULT_NONE);
	return outcomes;
}

static void settle(struct outcomes *outcomes, uint64_t id, uint8_t state, uint8_t reason)
{
	struct err err;
	const struct outcome outcome = { .id = id, .state = state, .reason = reason };
	assert_int_equal(outcomes_write(outcomes, &outcome, 1, &err), FAULT_NONE);
}

static void settle_all(struct outcomes *outcomes)
{
	for (uint64_t id = 0; id <= ENTRIES; id++)
		if (id != BAD && id != LINK)
			settle(outcomes, id, OUTCOME_DONE, 0);
}

static struct recount count(struct outcomes *outcomes, unsigned asked)
{
	struct err err;
	struct recount counts = { 0 };
	struct catalog *catalog = catalog_case_open(sandbox_path("manifest"),
						    outcomes ? sandbox_path("outcomes") : NULL);
	assert_int_equal(recount_job(catalog, asked, &counts, &err), FAULT_NONE);
	catalog_close(catalog);
	const struct recount_kind *all = &counts.all;
	assert_int_equal(all->planned, all->done + all->skipped + all->failed + all->left);
	return counts;
}

static void a_finished_job_adds_up(void **state)
{
	(void)state;
	struct plan plan;
	write_plan(&plan, true);
	struct outcomes *outcomes = open_outcomes();
	settle_all(outcomes);
	struct recount counts = count(outcomes, 0);
	assert_int_equal(counts.all.planned, ENTRIES);
	assert_int_equal(counts.all.done, 5);
	assert_int_equal(counts.all.failed, 1);
	assert_int_equal(counts.all.skipped, 1);
	assert_int_equal(counts.kind[MANIFEST_FILE].planned, 4);
	assert_int_equal(counts.kind[MANIFEST_DIRECTORY].done, 2);
	assert_int_equal(counts.reason[REASON_NAME], 1);
	assert_int_equal(counts.reason[REASON_SYMLINK], 1);
	assert_int_equal(counts.bytes_planned, 1110);
	assert_int_equal(counts.bytes_done, 1110);
	assert_true(counts.plan_complete && counts.linked && counts.root_settled);
	assert_int_equal(recount_status(&counts), 1);
	outcomes_close(outcomes);
}

static void settle_linked(struct outcomes *outcomes, uint64_t id)
{
	struct err err;
	const struct outcome outcome = { .id = id, .state = OUTCOME_DONE, .level = OUTCOME_LINKED };
	assert_int_equal(outcomes_write(outcomes, &outcome, 1, &err), FAULT_NONE);
}

static void what_was_linked_is_counted_where_it_is_done(void **state)
{
	(void)state;
	struct plan plan;
	write_plan(&plan, true);
	struct outcomes *outcomes = open_outcomes();
	settle_all(outcomes);
	settle_linked(outcomes, F2);
	struct recount counts = count(outcomes, 0);
	assert_int_equal(counts.linked_files, 1);
	assert_int_equal(counts.linked_directories, 0);
	assert_int_equal(counts.all.done, 5);
	settle(outcomes, SUB, OUTCOME_FAILED, REASON_GATEWAY);
	counts = count(outcomes, 0);
	assert_int_equal(counts.linked_files, 0);
	assert_int_equal(counts.reason[REASON_UNLINKED], 1);
	outcomes_close(outcomes);
}

static void what_lies_below_a_failed_directory_is_unlinked(void **state)
{
	(void)state;
	struct plan plan;
	write_plan(&plan, true);
	struct outcomes *outcomes = open_outcomes();
	settle_all(outcomes);
	settle(outcomes, A, OUTCOME_FAILED, REASON_GATEWAY);
	struct recount counts = count(outcomes, 0);
	assert_int_equal(counts.all.done, 1);
	assert_int_equal(counts.reason[REASON_UNLINKED], 3);
	assert_int_equal(counts.reason[REASON_GATEWAY], 1);
	settle(outcomes, A, OUTCOME_DONE, 0);
	settle(outcomes, SUB, OUTCOME_FAILED, REASON_GATEWAY);
	counts = count(outcomes, 0);
	assert_int_equal(counts.all.done, 3);
	assert_int_equal(counts.reason[REASON_UNLINKED], 1);
	/* Without the last link nothing is there. */
	settle(outcomes, 0, OUTCOME_FAILED, REASON_WITHHELD);
	counts = count(outcomes, 0);
	assert_int_equal(counts.all.done, 0);
	assert_false(counts.linked);
	assert_int_equal(counts.root_reason, REASON_WITHHELD);
	assert_int_equal(recount_status(&counts), 1);
	settle(outcomes, 0, OUTCOME_FAILED, REASON_CONFLICT);
	counts = count(outcomes, 0);
	assert_int_equal(recount_status(&counts), 4);
	outcomes_close(outcomes);
}

static void an_option_that_asked_for_it_makes_a_skip_no_loss(void **state)
{
	(void)state;
	struct recount counts = { .all = { .planned = 3, .done = 2, .skipped = 1 },
				  .linked = true };
	assert_int_equal(recount_status(&counts), 1);
	counts.all.asked = 1;
	assert_int_equal(recount_status(&counts), 0);
	counts.linked = false;
	assert_int_equal(recount_status(&counts), 1);
	struct plan plan;
	write_plan(&plan, true);
	counts = count(NULL, RECOUNT_ASKED_SYMLINKS);
	assert_int_equal(counts.all.asked, 1);
	assert_int_equal(counts.all.left, 5);
	counts = count(NULL, RECOUNT_ASKED_SPECIALS);
	assert_int_equal(counts.all.asked, 0);
}

static void an_unfinished_plan_is_counted_as_far_as_it_goes(void **state)
{
	(void)state;
	struct plan plan;
	write_plan(&plan, false);
	struct recount counts = count(NULL, 0);
	assert_int_equal(counts.all.planned, ENTRIES);
	assert_false(counts.plan_complete);
	assert_int_equal(truncate(sandbox_path("manifest"), (off_t)plan.sub.value + 10), 0);
	counts = count(NULL, 0);
	assert_int_equal(counts.all.planned, ENTRIES - 1);
}

/* ---- the report ---- */

static void feed(struct report *report, uint64_t id, uint8_t kind, const char *name,
		 struct listing_id listing, uint8_t reason)
{
	const struct task task = { .id = id,
				   .kind = kind,
				   .name = name,
				   .name_size = strlen(name),
				   .listing = listing,
				   .bytes = kind == MANIFEST_FILE ? 10 : 0 };
	const struct outcome outcome = { .id = id,
					 .state = reason ? OUTCOME_FAILED : OUTCOME_DONE,
					 .reason = reason };
	report_settled(report, &task, &outcome);
}

static struct catalog *catalog;

static void end(struct report *report)
{
	report_close(report);
	catalog_close(catalog);
}

static struct output output; /* of the report under test, into files of the sandbox */

static void open_output(void)
{
	output = (struct output){
		.options = { .progress = REPORT_PROGRESS_NEVER, .json = true },
		.results = sandbox_create("stdout"),
		.messages = sandbox_create("stderr"),
	};
}

static void close_output(void)
{
	close(output.results);
	close(output.messages);
}

static struct report *start(void)
{
	struct err err;
	struct report *report = NULL;
	catalog = catalog_case_open(sandbox_path("manifest"), sandbox_path("outcomes"));
	const struct report_options options = { .output = &output,
						.catalog = catalog,
						.errors = sandbox_path("errors.jsonl"),
						.job = "cafe" };
	assert_int_equal(report_open(&options, &report, &err), FAULT_NONE);
	return report;
}

static void each_entry_has_a_line_with_its_whole_path(void **state)
{
	(void)state;
	struct plan plan;
	struct err err;
	struct recount counts;
	write_plan(&plan, true);
	struct outcomes *outcomes = open_outcomes();
	settle_all(outcomes);
	settle(outcomes, F2, OUTCOME_FAILED, REASON_IO);
	open_output();
	struct report *report = start();
	report_detail(report, F2, &(struct err){ .text = "read failed at URI:CHK:canary:canary" });
	feed(report, B, MANIFEST_FILE, "b", plan.root, 0);
	feed(report, F1, MANIFEST_FILE, "f1", plan.a, 0);
	feed(report, F2, MANIFEST_FILE, "f2", plan.sub, REASON_IO);
	feed(report, SUB, MANIFEST_DIRECTORY, "sub", plan.sub, 0);
	feed(report, A, MANIFEST_DIRECTORY, "a", plan.a, 0);
	feed(report, BAD, MANIFEST_FILE, "bad\xff", plan.root, REASON_NAME);
	feed(report, 0, MANIFEST_DIRECTORY, "", plan.root, 0);
	const struct report_end how = { .level = "cap", .go_on = "never" };
	enum fault fault = report_finish(report, &how, &counts, &err);
	end(report);
	close_output();
	assert_int_equal(fault, FAULT_NONE);
	assert_int_equal(counts.all.done, 4);
	outcomes_close(outcomes);

	char *out = sandbox_read("stdout"), *errors = sandbox_read("errors.jsonl");
	char *said = sandbox_read("stderr");
	static const char lines[] =
		"{\"event\":\"entry\",\"id\":2,\"path\":\"b\",\"kind\":\"file\",\"state\":\"done\","
		"\"bytes\":10}\n"
		"{\"event\":\"entry\",\"id\":5,\"path\":\"a/f1\",\"kind\":\"file\","
		"\"state\":\"done\",\"bytes\":10}\n"
		"{\"event\":\"entry\",\"id\":7,\"path\":\"a/sub/f2\",\"kind\":\"file\","
		"\"state\":\"failed\",\"reason\":\"";
	assert_memory_equal(out, lines, sizeof lines - 1);
	assert_non_null(strstr(out, "\"path\":\"a/sub\",\"kind\":\"directory\""));
	assert_non_null(strstr(out, "\"path\":\"a\",\"kind\":\"directory\""));
	assert_non_null(strstr(out, "\"path\":\"bad\\udcff\""));
	assert_non_null(strstr(out, "{\"event\":\"target\",\"id\":0"));
	assert_non_null(strstr(out, "{\"event\":\"summary\",\"job\":\"cafe\",\"planned\":7,"
				    "\"done\":4,\"skipped\":1,\"skipped_asked\":0,\"failed\":2"));
	assert_non_null(strstr(out, "\"linked\":true"));
	assert_non_null(strstr(errors, "\"path\":\"a/sub/f2\""));
	assert_non_null(strstr(errors, "read failed at URI:CHK:"));
	assert_null(strstr(errors, "canary"));
	assert_null(strstr(out, "canary"));
	assert_null(strstr(errors, "\"path\":\"b\""));
	assert_non_null(strstr(said, "barge: warning: failed: 'bad\\xff': "));
	assert_non_null(strstr(said, "4 of 7 entries done"));
	assert_non_null(strstr(said, "verified: cap"));
	assert_null(strstr(said, "go on with"));
	free(out);
	free(errors);
	free(said);
}

static void a_job_that_ends_with_something_left_is_a_fault(void **state)
{
	(void)state;
	struct plan plan;
	struct err err;
	struct recount counts;
	write_plan(&plan, true);
	struct outcomes *outcomes = open_outcomes();
	settle_all(outcomes);
	settle(outcomes, F1, OUTCOME_NONE, 0);
	for (int cancelled = 0; cancelled < 2; cancelled++) {
		if (cancelled)
			settle(outcomes, 0, OUTCOME_NONE, 0);
		open_output();
		struct report *report = start();
		const struct report_end how = { .cancelled = cancelled != 0,
						.go_on = "barge resume cafe" };
		enum fault fault = report_finish(report, &how, &counts, &err);
		end(report);
		close_output();
		assert_int_equal(fault, cancelled ? FAULT_NONE : FAULT_CORRUPT);
	}
	char *said = sandbox_read("stderr");
	assert_non_null(strstr(said, "1 left to do"));
	assert_non_null(strstr(said, "go on with: barge resume cafe"));
	free(said);
	outcomes_close(outcomes);
}

static void a_reader_that_went_away_stops_nothing(void **state)
{
	(void)state;
	struct plan plan;
	struct err err;
	struct recount counts;
	int ends[2];
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigaction(SIGPIPE, &ignore, NULL);
	write_plan(&plan, true);
	struct outcomes *outcomes = open_outcomes();
	settle_all(outcomes);
	open_output();
	int piped = pipe(ends) == 0 && dup2(ends[1], output.results) == output.results;
	close(ends[0]);
	close(ends[1]);
	struct report *report = start();
	feed(report, B, MANIFEST_FILE, "b", plan.root, 0);
	feed(report, F1, MANIFEST_FILE, "f1", plan.a, REASON_IO);
	enum fault fault = report_finish(report, &(struct report_end){ 0 }, &counts, &err);
	end(report);
	close_output();
	outcomes_close(outcomes);
	assert_true(piped);
	assert_int_equal(fault, FAULT_NONE);
	char *errors = sandbox_read("errors.jsonl");
	assert_non_null(strstr(errors, "\"path\":\"a/f1\""));
	free(errors);
}

static void progress_says_how_far_and_how_long(void **state)
{
	(void)state;
	struct counters counters = { 0 };
	struct plan_progress plan = { 0 };
	const struct progress_sample since = { 0 };
	char text[PROGRESS_TEXT_SIZE];
	counter_add(&counters.files, 20);
	counter_add(&counters.directories, 5);
	counter_add(&counters.bytes, 10 << 20);
	counter_add(&counters.before_files, 100);
	counters.plan = &plan;
	atomic_store(&plan.files, 950);
	atomic_store(&plan.directories, 50);
	atomic_store(&plan.bytes, UINT64_C(3) << 30);
	progress_text(&counters, progress_bytes(&counters), &since, 5000, text);
	assert_string_equal(text, "10.0 MiB/3.0 GiB+, 2.0 MiB/s, 120/950+ files, "
				  "5/50+ directories, 5/s");
	atomic_store(&counters.guessed, 37);
	progress_text(&counters, progress_bytes(&counters), &since, 5000, text);
	assert_string_equal(text, "~37%, 10.0 MiB/3.0 GiB+, 2.0 MiB/s, 120/950+ files, "
				  "5/50+ directories, 5/s");
	counter_add(&counters.planned_files, 150);
	counter_add(&counters.planned_directories, 5);
	counter_add(&counters.planned_bytes, 210 << 20);
	atomic_store(&counters.plan_complete, true);
	counter_add(&counters.failed, 1);
	progress_text(&counters, progress_bytes(&counters), &since, 5000, text);
	assert_string_equal(text, "4%, 10.0 MiB/210.0 MiB, 2.0 MiB/s, ETA 1:40, 120/150 files, "
				  "5/5 directories, 5/s, 1 failed, 0 skipped");
}

/* Bytes inside large files count as they move, and a file that is lost is waited for no more. */
static void what_is_on_its_way_counts(void **state)
{
	(void)state;
	struct counters counters = { 0 };
	const struct progress_sample since = { 0 };
	char text[PROGRESS_TEXT_SIZE];
	counter_add(&counters.planned_files, 3);
	counter_add(&counters.planned_bytes, 1000);
	atomic_store(&counters.plan_complete, true);
	counter_shift(&counters.underway, 500);
	assert_int_equal(progress_bytes(&counters), 500);
	counter_shift(&counters.underway, 600);
	assert_int_equal(progress_bytes(&counters), 1000);
	counter_shift(&counters.underway, -900);
	assert_int_equal(progress_bytes(&counters), 200);
	counter_shift(&counters.underway, -300);
	assert_int_equal(progress_bytes(&counters), 0);
	counter_shift(&counters.underway, 100);
	counter_add(&counters.before_files, 1);
	counter_add(&counters.before_bytes, 250);
	counter_add(&counters.failed, 1);
	counter_add(&counters.lost_bytes, 250);
	counter_add(&counters.moved, 250);
	progress_text(&counters, progress_bytes(&counters), &since, 1000, text);
	assert_string_equal(text, "50%, 250 B/1000 B, 250 B/s, ETA 0:02, 1/3 files, "
				  "0/s, 1 failed, 0 skipped");
}

static void what_is_waited_for_is_said(void **state)
{
	(void)state;
	struct output waiting = { 0 };
	char text[PROGRESS_TEXT_SIZE];
	assert_int_equal(progress_waits(&waiting, 5000, text), 0);
	waits_upload(&waiting.waits, 5000, 1000, 28 * 60000 - 1);
	progress_waits(&waiting, 5000, text);
	assert_string_equal(text, "waiting up to 28 min for 1 upload that was cut off; ");
	waits_upload(&waiting.waits, 5100, 3000, 20 * 60000);
	progress_waits(&waiting, 5100, text);
	assert_string_equal(text, "waiting up to 21 min for 2 uploads that were cut off; ");
	waits_upload(&waiting.waits, 6200, 30000, 19 * 60000 - 1); /* the first one again */
	assert_int_equal(waits_uploads(&waiting.waits, 6200), 2);
	assert_int_equal(waits_uploads(&waiting.waits, 12000), 1);
	assert_int_equal(progress_waits(&waiting, 60000, text), 0);
	assert_string_equal(text, "");
	for (int i = 0; i < 2 * WAITS_UPLOADS_MAX; i++)
		waits_upload(&waiting.waits, 70000, 1000, 60000);
	assert_int_equal(waits_uploads(&waiting.waits, 70000), WAITS_UPLOADS_MAX);
	atomic_store(&waiting.waits.gateways, 1);
	progress_waits(&waiting, 70000, text);
	assert_string_equal(text, "waiting for the gateway; ");
}

/* What a grid says of sizes ends in no nonsense: sums stop, and no end is foretold. */
static void progress_survives_made_up_sizes(void **state)
{
	(void)state;
	struct counters counters = { .start_ms = 0 };
	const struct progress_sample since = { 0 };
	char text[PROGRESS_TEXT_SIZE];
	counter_add(&counters.files, 2);
	counter_add(&counters.before_files, 1);
	counter_add(&counters.before_bytes, UINT64_MAX);
	for (int i = 0; i < 3; i++)
		counter_add(&counters.bytes, UINT64_C(1) << 63);
	counter_add(&counters.planned_files, 4);
	counter_add(&counters.planned_bytes, UINT64_MAX);
	atomic_store(&counters.plan_complete, true);
	progress_text(&counters, progress_bytes(&counters), &since, 1, text);
	assert_string_equal(text, "99%, 15.9 EiB/15.9 EiB, 15.9 EiB/s, ETA 0:00, 3/4 files, "
				  "2000/s");
	atomic_store(&counters.bytes, 5000);
	atomic_store(&counters.before_bytes, 0);
	progress_text(&counters, progress_bytes(&counters), &since, 1000, text);
	assert_string_equal(text, "0%, 4.8 KiB/15.9 EiB, 4.8 KiB/s, 3/4 files, 2/s");
}

static void amounts_have_units(void **state)
{
	(void)state;
	char text[QUANTITY_SIZE];
	assert_string_equal(quantity_bytes(1023, text), "1023 B");
	assert_string_equal(quantity_bytes(1024, text), "1.0 KiB");
	assert_string_equal(quantity_bytes(1536, text), "1.5 KiB");
	assert_string_equal(quantity_bytes((1 << 20) - 1, text), "1023.9 KiB");
	assert_string_equal(quantity_bytes(UINT64_MAX, text), "15.9 EiB");
	assert_int_equal(quantity_rate(UINT64_MAX, 1000), UINT64_MAX);
	assert_int_equal(quantity_rate(UINT64_MAX, 1), UINT64_MAX);
	assert_int_equal(quantity_rate(3, 2000), 1);
	assert_int_equal(quantity_rate(3, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define FACT(name) cmocka_unit_test_setup_teardown(name, sandbox_setup, sandbox_teardown)
		FACT(a_finished_job_adds_up),
		FACT(what_was_linked_is_counted_where_it_is_done),
		FACT(what_lies_below_a_failed_directory_is_unlinked),
		FACT(an_option_that_asked_for_it_makes_a_skip_no_loss),
		FACT(an_unfinished_plan_is_counted_as_far_as_it_goes),
		FACT(each_entry_has_a_line_with_its_whole_path),
		FACT(a_job_that_ends_with_something_left_is_a_fault),
		FACT(progress_says_how_far_and_how_long),
		FACT(what_is_on_its_way_counts),
		FACT(what_is_waited_for_is_said),
		FACT(progress_survives_made_up_sizes),
		FACT(amounts_have_units),
		FACT(a_reader_that_went_away_stops_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
