#include "job/index.h"
#include "job/job.h"

#include "queue/file/manifest.h"
#include "queue/file/outcomes.h"
#include "tests/unit/facts.h"
#include "tests/unit/sandbox.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *state_dir(void) { return sandbox_path("state/barge"); }

/* Makes a job whose manifest has one property, with a complete empty plan. */
static void make_job(struct job *job, const char *target)
{
	struct err err;
	struct manifest_writer *writer = NULL;
	struct listing_id listing, durable;
	assert_int_equal(job_create(state_dir(), job, &err), FAULT_NONE);
	const struct manifest_property property[] = {
		{ JOB_TARGET, target, strlen(target) },
		{ JOB_COMMAND, "cp", 2 },
	};
	assert_int_equal(manifest_create(job->manifest, job->id, property, ARRAY_COUNT(property),
					 &writer, &err),
			 FAULT_NONE);
	assert_int_equal(manifest_begin(writer, 0, 0, LISTING_NONE, "", 0, &listing, &err),
			 FAULT_NONE);
	assert_int_equal(manifest_end(writer, &err), FAULT_NONE);
	assert_int_equal(manifest_sync(writer, &durable, &err), FAULT_NONE);
	assert_int_equal(manifest_finish(writer, &err), FAULT_NONE);
	manifest_writer_close(writer);
	usleep(2000); /* ids are ordered by the millisecond they were made in */
}

static void settle_root(const struct job *job, enum outcome_state state)
{
	struct err err;
	struct outcomes *outcomes = NULL;
	const struct outcome root = { .id = 0, .state = (uint8_t)state };
	assert_int_equal(outcomes_create(job->outcomes, job->id, "", 0, &outcomes, &err),
			 FAULT_NONE);
	assert_int_equal(outcomes_write(outcomes, &root, 1, &err), FAULT_NONE);
	outcomes_close(outcomes);
}

static void a_job_is_made_private_and_locked(void **state)
{
	(void)state;
	struct job job, other;
	struct err err;
	struct stat st;
	assert_int_equal(job_create(state_dir(), &job, &err), FAULT_NONE);
	assert_int_equal(strlen(job.name), 32);
	assert_int_equal(stat(job.directory, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(stat(sandbox_path("state"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);

	assert_int_equal(job_open(state_dir(), job.name, &other, &err), FAULT_NONE);
	bool locked = false;
	assert_int_equal(job_look(&other, &locked), JOB_EMPTY);
	assert_true(locked);
	assert_int_equal(job_lock(&other, &err), FAULT_LOCKED);
	assert_non_null(strstr(err.text, job.name));
	assert_int_equal(job_remove(&other, &err), FAULT_LOCKED);
	job_close(&job);
	assert_int_equal(job_lock(&other, &err), FAULT_NONE);
	job_close(&other);
	job_close(&other);
}

static void the_beginning_of_an_id_is_enough_when_it_fits_one(void **state)
{
	(void)state;
	struct job a, b, found;
	struct err err;
	make_job(&a, "x");
	make_job(&b, "x");
	assert_int_equal(job_open(state_dir(), "", &found, &err), FAULT_NOT_FOUND);
	char begin[JOB_NAME_SIZE] = "";
	size_t same = 0;
	while (a.name[same] == b.name[same])
		same++;
	memcpy(begin, a.name, same);
	assert_int_equal(job_open(state_dir(), begin, &found, &err), FAULT_USAGE);
	begin[same] = a.name[same];
	assert_int_equal(job_open(state_dir(), begin, &found, &err), FAULT_NONE);
	assert_memory_equal(found.id, a.id, sizeof a.id);
	assert_string_equal(found.manifest, a.manifest);
	job_close(&found);
	assert_int_equal(job_open(state_dir(), "zz", &found, &err), FAULT_NOT_FOUND);
	job_close(&a);
	job_close(&b);
}

static void what_others_could_read_or_replace_is_refused(void **state)
{
	(void)state;
	struct job job, found;
	struct err err;
	make_job(&job, "x");
	settle_root(&job, OUTCOME_PLANNED);
	char name[JOB_NAME_SIZE], link_name[600];
	memcpy(name, job.name, sizeof name);
	snprintf(link_name, sizeof link_name, "%s/hard", job.directory);

	assert_int_equal(chmod(job.outcomes, 0640), 0);
	assert_int_equal(job_open(state_dir(), name, &found, &err), FAULT_INSECURE);
	assert_non_null(strstr(err.text, "outcomes' is open to group or others"));
	assert_int_equal(chmod(job.outcomes, 0600), 0);

	assert_int_equal(link(job.outcomes, link_name), 0);
	assert_int_equal(job_open(state_dir(), name, &found, &err), FAULT_INSECURE);
	unlink(link_name);
	assert_int_equal(symlink(job.outcomes, link_name), 0);
	assert_int_equal(job_open(state_dir(), name, &found, &err), FAULT_INSECURE);
	unlink(link_name);

	assert_int_equal(chmod(job.directory, 0755), 0);
	assert_int_equal(job_open(state_dir(), name, &found, &err), FAULT_INSECURE);
	assert_int_equal(chmod(job.directory, 0700), 0);
	assert_int_equal(chmod(sandbox_path("state/barge/jobs"), 0750), 0);
	assert_int_equal(job_open(state_dir(), name, &found, &err), FAULT_INSECURE);
	assert_int_equal(job_create(state_dir(), &found, &err), FAULT_INSECURE);
	assert_int_equal(chmod(sandbox_path("state/barge/jobs"), 0700), 0);
	assert_int_equal(chmod(sandbox_path("state/barge"), 0777), 0);
	assert_int_equal(job_open(state_dir(), name, &found, &err), FAULT_INSECURE);
	assert_int_equal(chmod(sandbox_path("state/barge"), 0755), 0);
	assert_int_equal(job_open(state_dir(), name, &found, &err), FAULT_NONE);
	job_close(&found);
	job_close(&job);
}

static void the_newest_unsettled_job_of_the_same_words_goes_on(void **state)
{
	(void)state;
	struct job job[4], found;
	struct err err;
	bool is_found = true;
	const struct manifest_property wanted = { JOB_TARGET, "there", 5 };
	assert_int_equal(job_find(state_dir(), &wanted, 1, &found, &is_found, &err), FAULT_NONE);
	assert_false(is_found);
	make_job(&job[0], "there");
	make_job(&job[1], "there");
	make_job(&job[2], "there");
	make_job(&job[3], "where");
	settle_root(&job[1], OUTCOME_PLANNED);
	settle_root(&job[2], OUTCOME_FAILED);

	assert_int_equal(job_find(state_dir(), &wanted, 1, &found, &is_found, &err), FAULT_NONE);
	assert_true(is_found);
	assert_string_equal(found.name, job[1].name);
	bool locked;
	assert_int_equal(job_look(&found, &locked), JOB_PENDING);
	assert_int_equal(job_look(&job[0], &locked), JOB_PLANNED);
	assert_int_equal(job_look(&job[2], &locked), JOB_FINISHED);
	job_close(&found);

	assert_int_equal(job_newest(state_dir(), &found, &is_found, &err), FAULT_NONE);
	assert_true(is_found);
	assert_string_equal(found.name, job[3].name);
	job_close(&found);

	/* A damaged one is found, not forgotten. */
	assert_int_equal(truncate(job[1].outcomes, 100), 0);
	assert_int_equal(job_find(state_dir(), &wanted, 1, &found, &is_found, &err), FAULT_NONE);
	assert_true(is_found);
	assert_int_equal(job_look(&found, &locked), JOB_DAMAGED);
	job_close(&found);

	struct job_list list;
	assert_int_equal(job_list_read(state_dir(), &list, &err), FAULT_NONE);
	assert_int_equal(list.count, 4);
	assert_string_equal(list.name[0], job[3].name);
	assert_string_equal(list.name[3], job[0].name);
	job_list_fini(&list);
	for (size_t i = 0; i < ARRAY_COUNT(job); i++)
		job_close(&job[i]);
}

static void a_plan_elsewhere_is_remembered(void **state)
{
	(void)state;
	struct job made, job, again, found;
	struct err err;
	make_job(&made, "x");
	char id[JOB_NAME_SIZE];
	memcpy(id, made.name, sizeof id);
	const char *plan = sandbox_path("my.plan");
	assert_int_equal(rename(made.manifest, plan), 0);
	struct job copy = made;
	assert_int_equal(job_remove(&copy, &err), FAULT_NONE);
	assert_int_equal(access(sandbox_path("state/barge/jobs"), F_OK), 0);
	unsigned char bytes[JOB_ID_SIZE];
	memcpy(bytes, made.id, sizeof bytes);

	assert_int_equal(job_adopt(state_dir(), bytes, sandbox_path("none"), &job, &err),
			 FAULT_NOT_FOUND);
	assert_int_equal(job_adopt(state_dir(), bytes, plan, &job, &err), FAULT_NONE);
	assert_string_equal(job.name, id);
	assert_string_equal(job.manifest, plan);
	assert_int_equal(job_adopt(state_dir(), bytes, plan, &again, &err), FAULT_LOCKED);
	job_close(&job);
	assert_int_equal(job_open(state_dir(), id, &found, &err), FAULT_NONE);
	assert_string_equal(found.manifest, plan);
	bool locked;
	assert_int_equal(job_look(&found, &locked), JOB_PLANNED);
	job_close(&found);
	assert_int_equal(chmod(plan, 0666), 0);
	assert_int_equal(job_adopt(state_dir(), bytes, plan, &job, &err), FAULT_INSECURE);
}

static void removing_takes_all_files_away(void **state)
{
	(void)state;
	struct job job;
	struct err err;
	make_job(&job, "x");
	settle_root(&job, OUTCOME_DONE);
	char *directory = strdup(job.directory);
	assert_int_equal(job_remove(&job, &err), FAULT_NONE);
	assert_int_equal(access(directory, F_OK), -1);
	free(directory);
	struct job_list list;
	assert_int_equal(job_list_read(state_dir(), &list, &err), FAULT_NONE);
	assert_int_equal(list.count, 0);
	job_list_fini(&list);
}

/* ---- the index: a job that must not be opened is left open to others, which is refused ---- */

static enum fault find_job(const char *target, struct job *found, bool *is_found)
{
	struct err err;
	const struct manifest_property wanted = { JOB_TARGET, target, strlen(target) };
	return job_find(state_dir(), &wanted, 1, found, is_found, &err);
}

static void what_is_known_of_a_job_saves_opening_it(void **state)
{
	(void)state;
	struct job job[3], found;
	bool is_found;
	make_job(&job[0], "there");
	make_job(&job[1], "where");
	make_job(&job[2], "there");
	for (size_t i = 0; i < ARRAY_COUNT(job); i++) {
		settle_root(&job[i], i == 1 ? OUTCOME_PLANNED : OUTCOME_DONE);
		job_unlock(&job[i]);
	}
	assert_int_equal(find_job("there", &found, &is_found), FAULT_NONE);
	assert_false(is_found);
	for (size_t i = 0; i < ARRAY_COUNT(job); i++)
		assert_int_equal(chmod(job[i].directory, 0755), 0);
	assert_int_equal(find_job("there", &found, &is_found), FAULT_NONE);
	assert_false(is_found);
	assert_int_equal(find_job("elsewhere", &found, &is_found), FAULT_NONE);
	assert_int_equal(find_job("where", &found, &is_found), FAULT_INSECURE);
	assert_int_equal(chmod(job[1].directory, 0700), 0);
	assert_int_equal(find_job("where", &found, &is_found), FAULT_NONE);
	assert_true(is_found);
	assert_string_equal(found.name, job[1].name);
	job_close(&found);
	/* Without the index all are looked at again. */
	assert_int_equal(unlink(job[0].index), 0);
	assert_int_equal(find_job("there", &found, &is_found), FAULT_INSECURE);
	for (size_t i = 0; i < ARRAY_COUNT(job); i++)
		job_close(&job[i]);
}

static void a_job_that_is_taken_up_again_is_looked_at_anew(void **state)
{
	(void)state;
	struct job job, found;
	struct err err;
	bool is_found;
	make_job(&job, "there");
	settle_root(&job, OUTCOME_FAILED);
	/* One that somebody holds is not over, whatever it looks like. */
	assert_int_equal(find_job("there", &found, &is_found), FAULT_NONE);
	assert_false(is_found);
	assert_int_equal(unlink(job.outcomes), 0);
	settle_root(&job, OUTCOME_PLANNED);
	assert_int_equal(find_job("there", &found, &is_found), FAULT_NONE);
	assert_true(is_found);
	job_close(&found);
	assert_int_equal(unlink(job.outcomes), 0);
	settle_root(&job, OUTCOME_FAILED);
	job_unlock(&job);
	assert_int_equal(find_job("there", &found, &is_found), FAULT_NONE);
	assert_false(is_found);
	assert_int_equal(unlink(job.outcomes), 0);
	assert_int_equal(job_index_forget(&job, &err), FAULT_NONE);
	settle_root(&job, OUTCOME_PLANNED);
	assert_int_equal(find_job("there", &found, &is_found), FAULT_NONE);
	assert_true(is_found);
	job_close(&found);
	job_close(&job);
}

static void a_damaged_index_hides_nothing(void **state)
{
	(void)state;
	static const char garbage[] = "0123 garbage\n\n";
	struct job job, found;
	struct stat st;
	bool is_found;
	make_job(&job, "there");
	settle_root(&job, OUTCOME_DONE);
	job_unlock(&job);
	assert_int_equal(find_job("there", &found, &is_found), FAULT_NONE);
	assert_int_equal(stat(job.index, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(unlink(job.outcomes), 0);
	settle_root(&job, OUTCOME_PLANNED);
	/* Each byte of the line that says it is over, and each length. */
	for (off_t at = 0; at < st.st_size; at++) {
		int fd = open(job.index, O_RDWR | O_CLOEXEC);
		char byte;
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 1;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		assert_int_equal(find_job("there", &found, &is_found), FAULT_NONE);
		assert_true(is_found);
		job_close(&found);
		assert_int_equal(ftruncate(fd, st.st_size), 0); /* what was noted of it since */
		byte ^= 1;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		close(fd);
	}
	assert_int_equal(find_job("there", &found, &is_found), FAULT_NONE);
	assert_false(is_found);
	/* What is no line is passed over, and those behind it count. */
	int fd = open(job.index, O_RDWR | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(fd, garbage, sizeof garbage - 1), sizeof garbage - 1);
	close(fd);
	make_job(&found, "there");
	settle_root(&found, OUTCOME_DONE);
	job_close(&found);
	assert_int_equal(find_job("there", &found, &is_found), FAULT_NONE);
	struct job_index index;
	job_index_read(state_dir(), &index);
	assert_int_equal(index.count, 2);
	job_index_fini(&index);
	job_close(&job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define FACT(name) cmocka_unit_test_setup_teardown(name, sandbox_setup, sandbox_teardown)
		FACT(a_job_is_made_private_and_locked),
		FACT(the_beginning_of_an_id_is_enough_when_it_fits_one),
		FACT(what_others_could_read_or_replace_is_refused),
		FACT(the_newest_unsettled_job_of_the_same_words_goes_on),
		FACT(what_is_known_of_a_job_saves_opening_it),
		FACT(a_job_that_is_taken_up_again_is_looked_at_anew),
		FACT(a_damaged_index_hides_nothing),
		FACT(a_plan_elsewhere_is_remembered),
		FACT(removing_takes_all_files_away),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
