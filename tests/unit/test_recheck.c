#include "recheck/recheck.h"

#include "base/meta.h"
#include "files/source_tree.h"
#include "queue/catalog_file.h"
#include "report/recount.h"
#include "tahoe/caps.h"
#include "tests/unit/facts.h"
#include "tests/unit/plan_case.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* The plan of what plant() makes, depth first. */
enum { ROOT, TOP, DIR, FILE_F, FILE_G, INNER, FILE_H, FILE_K, IDS };

static const char *const path_of[IDS] = { "", "", "d", "f", "g", "d/e", "d/h", "d/e/k" };

enum { SIZE = 100 };

struct job {
	struct plan_case plan;
	struct catalog *catalog;
	struct source_tree_root source;
	struct recheck_options options;
	struct recheck_counts counts;
	char out[128]; /* a local target, holding "top" */
	struct outcome slot[IDS];
};

static bool is_directory(size_t id) { return id == TOP || id == DIR || id == INNER; }

static const char *in_source(const struct job *job, size_t id)
{
	static char path[256];
	snprintf(path, sizeof path, "%s/%s", job->plan.tree, path_of[id]);
	return path;
}

static const char *in_target(const struct job *job, size_t id)
{
	static char path[256];
	snprintf(path, sizeof path, "%s/top/%s", job->out, path_of[id]);
	return path;
}

static void store(const char *path, char byte)
{
	char text[SIZE];
	memset(text, byte, sizeof text);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0 && write(fd, text, sizeof text) == SIZE);
	close(fd);
}

static void put(struct job *job, const struct outcome *slot)
{
	struct err err;
	assert_int_equal(outcomes_write(job->catalog->outcomes, slot, 1, &err), FAULT_NONE);
}

/* Plans a tree, opens the job with all of it done, at a local target or on a grid. */
static void begin(struct job *job, bool to_local)
{
	const struct plan_case *plan = &job->plan;
	char outcomes[128];
	struct err err;
	*job = (struct job){ .catalog = NULL };
	plan_case_init(&job->plan);
	make_directory(plan, "d");
	make_directory(plan, "d/e");
	make_file(plan, "f", SIZE);
	make_file(plan, "g", SIZE);
	make_file(plan, "d/h", SIZE);
	make_file(plan, "d/e/k", SIZE);
	assert_int_equal(plan_afresh(&job->plan), FAULT_NONE);
	const struct catalog_files files = { .plan = plan->manifest, .outcomes = outcomes };
	snprintf(outcomes, sizeof outcomes, "%s/outcomes", plan->folder);
	assert_int_equal(catalog_file_open(&files, NULL, &job->catalog, &err), FAULT_NONE);
	assert_int_equal(catalog_file_bind(job->catalog, "x", 1, &err), FAULT_NONE);
	snprintf(job->out, sizeof job->out, "%s/out", plan->folder);
	mkdir(job->out, 0700);
	job->source = (struct source_tree_root){ .path = plan->tree, .name = "top" };
	job->options = (struct recheck_options){
		.catalog = job->catalog,
		.sources = { .catalog = job->catalog, .source = &job->source, .source_count = 1 },
		.directory = to_local ? job->out : NULL,
		.threads = 3,
	};
}

/* What a run would have written when it was done with everything. */
static void carry_out(struct job *job)
{
	for (size_t id = ROOT; id < IDS; id++) {
		struct outcome slot = {
			.id = id, .state = OUTCOME_DONE, .attempts = 1, .cap_kind = CAP_DIR2
		};
		struct stat st;
		if (is_directory(id)) {
			mkdir(in_target(job, id), 0700);
		} else if (id != ROOT) {
			assert_int_equal(stat(in_source(job, id), &st), 0);
			const struct meta meta = meta_from_stat(&st);
			store(in_target(job, id), 'a');
			meta_pack_outcome(&meta, slot.meta);
			slot.length = SIZE;
			slot.cap_kind = CAP_CHK;
		}
		if (!job->options.directory) {
			slot.cap_size = 3;
			memcpy(slot.cap, "cap", 3);
			put(job, &slot);
			continue;
		}
		slot.cap_kind = CAP_NONE;
		if (!is_directory(id) && id != ROOT) {
			assert_int_equal(stat(in_target(job, id), &st), 0);
			slot.level = OUTCOME_OWN;
			meta_keep_written(slot.meta, meta_from_stat(&st).ctime_ns);
		}
		put(job, &slot);
	}
}

static void look_again(struct job *job)
{
	struct err err;
	assert_int_equal(recheck_run(&job->options, &job->counts, &err), FAULT_NONE);
	assert_int_equal(outcomes_read(job->catalog->outcomes, 0, IDS, job->slot, &err),
			 FAULT_NONE);
}

static void end(struct job *job)
{
	catalog_close(job->catalog);
	plan_case_fini(&job->plan);
}

static void assert_done(const struct job *job, size_t id)
{
	assert_int_equal(job->slot[id].state, OUTCOME_DONE);
}

static void assert_planned(const struct job *job, size_t id, unsigned level)
{
	assert_int_equal(job->slot[id].state, OUTCOME_PLANNED);
	assert_int_equal(job->slot[id].level, level);
}

/* ---- facts ---- */

static void what_is_as_it_was_stays_done(void **state)
{
	(void)state;
	struct job job;
	for (int to_local = 0; to_local < 2; to_local++) {
		begin(&job, to_local);
		carry_out(&job);
		look_again(&job);
		for (size_t id = ROOT; id < IDS; id++)
			assert_done(&job, id);
		assert_int_equal(job.counts.looked, 4);
		assert_int_equal(job.counts.source_changed + job.counts.written_gone +
					 job.counts.written_changed + job.counts.unseen,
				 0);
		end(&job);
	}
}

static void a_changed_source_is_taken_up_with_all_above_it(void **state)
{
	(void)state;
	struct job job;
	begin(&job, true);
	carry_out(&job);
	store(in_source(&job, FILE_K), 'b');
	struct stat st;
	assert_int_equal(stat(in_target(&job, FILE_K), &st), 0);
	look_again(&job);
	assert_int_equal(job.counts.source_changed, 1);
	assert_planned(&job, FILE_K, OUTCOME_OWN | OUTCOME_EXISTED);
	assert_int_equal(meta_written(job.slot[FILE_K].meta), meta_from_stat(&st).ctime_ns);
	assert_planned(&job, INNER, OUTCOME_OWN);
	assert_planned(&job, DIR, OUTCOME_OWN);
	assert_planned(&job, TOP, OUTCOME_OWN);
	assert_int_equal(job.slot[ROOT].state, OUTCOME_NONE);
	assert_done(&job, FILE_F);
	assert_done(&job, FILE_H);
	end(&job);
}

static void on_a_grid_what_is_linked_is_known(void **state)
{
	(void)state;
	struct job job;
	begin(&job, false);
	carry_out(&job);
	store(in_source(&job, FILE_H), 'b');
	look_again(&job);
	assert_planned(&job, FILE_H, OUTCOME_OWN | OUTCOME_EXISTED);
	assert_memory_equal(job.slot[FILE_H].cap, "cap", 3);
	assert_planned(&job, DIR, OUTCOME_OWN | OUTCOME_EXISTED);
	assert_int_equal(job.slot[DIR].cap_kind, CAP_DIR2);
	assert_planned(&job, TOP, OUTCOME_OWN | OUTCOME_EXISTED);
	assert_int_equal(job.slot[ROOT].state, OUTCOME_NONE);
	/* In directories that are merged into again. */
	assert_int_equal(job.slot[INNER].level, OUTCOME_OWN);
	assert_int_equal(job.slot[FILE_F].level, OUTCOME_OWN);
	/* In one that is not. */
	assert_done(&job, FILE_K);
	assert_int_equal(job.slot[FILE_K].level, 0);
	end(&job);
}

static void what_is_not_linked_yet_is_new(void **state)
{
	(void)state;
	struct job job;
	begin(&job, false);
	carry_out(&job);
	const struct outcome dir = { .id = DIR, .state = OUTCOME_NONE };
	put(&job, &dir);
	store(in_source(&job, FILE_H), 'b');
	look_again(&job);
	assert_planned(&job, FILE_H, OUTCOME_OWN);
	assert_int_equal(job.slot[FILE_H].cap_kind, CAP_NONE);
	assert_int_equal(job.slot[DIR].state, OUTCOME_NONE);
	end(&job);
}

static void immutable_directories_are_made_anew(void **state)
{
	(void)state;
	struct job job;
	begin(&job, false);
	carry_out(&job);
	for (size_t id = TOP; id < IDS; id++) {
		struct outcome slot = { .id = id, .state = OUTCOME_DONE, .cap_kind = CAP_DIR2_CHK };
		if (is_directory(id))
			put(&job, &slot);
	}
	store(in_source(&job, FILE_K), 'b');
	look_again(&job);
	assert_planned(&job, INNER, OUTCOME_OWN);
	assert_int_equal(job.slot[INNER].cap_kind, CAP_NONE);
	assert_planned(&job, DIR, OUTCOME_OWN);
	/* Linked in the target's directory, which is mutable. */
	assert_planned(&job, TOP, OUTCOME_OWN | OUTCOME_EXISTED);
	assert_int_equal(job.slot[FILE_H].level, 0);
	end(&job);
}

static void what_the_target_lost_is_taken_up(void **state)
{
	(void)state;
	struct job job;
	begin(&job, true);
	carry_out(&job);
	unlink(in_target(&job, FILE_K));
	rmdir(in_target(&job, INNER));
	look_again(&job);
	assert_int_equal(job.counts.written_gone, 2);
	assert_planned(&job, INNER, OUTCOME_OWN | OUTCOME_EXISTED);
	assert_int_equal(job.slot[FILE_K].state, OUTCOME_PLANNED);
	assert_planned(&job, DIR, OUTCOME_OWN);
	assert_done(&job, FILE_H);
	end(&job);
}

static void what_somebody_changed_is_not_the_jobs_own(void **state)
{
	(void)state;
	struct job job;
	struct stat st;
	begin(&job, true);
	carry_out(&job);
	store(in_target(&job, FILE_G), 'z');
	look_again(&job);
	assert_int_equal(job.counts.written_changed, 1);
	assert_int_equal(job.slot[FILE_G].state, OUTCOME_PLANNED);
	assert_int_equal(stat(in_target(&job, FILE_G), &st), 0);
	assert_true(meta_written(job.slot[FILE_G].meta) != meta_from_stat(&st).ctime_ns);
	end(&job);
}

static void a_copy_outlives_its_source(void **state)
{
	(void)state;
	struct job job;
	begin(&job, true);
	carry_out(&job);
	unlink(in_source(&job, FILE_F));
	look_again(&job);
	assert_done(&job, FILE_F);
	assert_done(&job, ROOT);
	end(&job);
}

/* A kill after the entries and before their directories. */
static void what_was_begun_to_be_taken_up_is_found_again(void **state)
{
	(void)state;
	struct job job;
	begin(&job, false);
	carry_out(&job);
	const struct outcome slot = { .id = FILE_K,
				      .state = OUTCOME_PLANNED,
				      .level = OUTCOME_OWN };
	put(&job, &slot);
	look_again(&job);
	assert_planned(&job, INNER, OUTCOME_OWN | OUTCOME_EXISTED);
	assert_planned(&job, TOP, OUTCOME_OWN | OUTCOME_EXISTED);
	assert_int_equal(job.slot[ROOT].state, OUTCOME_NONE);
	end(&job);
}

static void what_failed_is_taken_up_when_told(void **state)
{
	(void)state;
	struct job job;
	begin(&job, false);
	carry_out(&job);
	const struct outcome failed[] = {
		{ .id = FILE_F, .state = OUTCOME_FAILED, .reason = REASON_PERMISSION },
		{ .id = FILE_G, .state = OUTCOME_SKIPPED, .reason = REASON_PRESENT },
		{ .id = INNER, .state = OUTCOME_FAILED, .reason = REASON_GATEWAY },
		{ .id = FILE_K, .state = OUTCOME_FAILED, .reason = REASON_UNLINKED },
		/* it keeps what was planned for it */
		{ .id = FILE_H,
		  .state = OUTCOME_FAILED,
		  .reason = REASON_IO,
		  .level = OUTCOME_HAS_MTIME,
		  .cap_kind = CAP_CHK },
	};
	for (size_t i = 0; i < ARRAY_COUNT(failed); i++)
		put(&job, &failed[i]);
	look_again(&job);
	assert_int_equal(job.slot[FILE_F].state, OUTCOME_FAILED);
	job.options.retry = true;
	look_again(&job);
	assert_int_equal(job.counts.retried, 4);
	assert_planned(&job, FILE_F, OUTCOME_OWN);
	assert_int_equal(job.slot[FILE_G].state, OUTCOME_SKIPPED);
	assert_planned(&job, INNER, OUTCOME_OWN);
	assert_planned(&job, FILE_K, OUTCOME_OWN);
	assert_planned(&job, FILE_H, OUTCOME_HAS_MTIME);
	assert_int_equal(job.slot[FILE_H].cap_kind, CAP_CHK);
	assert_planned(&job, TOP, OUTCOME_OWN | OUTCOME_EXISTED);
	end(&job);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(what_is_as_it_was_stays_done),
		cmocka_unit_test(a_changed_source_is_taken_up_with_all_above_it),
		cmocka_unit_test(on_a_grid_what_is_linked_is_known),
		cmocka_unit_test(what_is_not_linked_yet_is_new),
		cmocka_unit_test(immutable_directories_are_made_anew),
		cmocka_unit_test(what_the_target_lost_is_taken_up),
		cmocka_unit_test(what_somebody_changed_is_not_the_jobs_own),
		cmocka_unit_test(a_copy_outlives_its_source),
		cmocka_unit_test(what_was_begun_to_be_taken_up_is_found_again),
		cmocka_unit_test(what_failed_is_taken_up_when_told),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
