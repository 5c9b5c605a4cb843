#include "base/digest.h"
#include "queue/file/outcomes.h"
#include "tests/unit/facts.h"
#include "tests/unit/reader_bench.h"

static struct outcomes *existing;

/* Opens the bench with a reader that looks at what is at the target. */
static void open_with_target(bool compare)
{
	static const unsigned char job[16] = "a job";
	struct err err;
	char path[300];
	snprintf(path, sizeof path, "%s.existing", bench.plan.manifest);
	assert_int_equal(outcomes_create(path, job, "", 0, &existing, &err), 0);
	bench_open();
	reader_free(bench.reader);
	bench.options.existing = existing;
	bench.options.decide.checksum = compare;
	assert_int_equal(reader_new(&bench.options, &bench.reader, &err), 0);
}

static void close_with_target(void)
{
	bench_close();
	outcomes_close(existing);
}

/* Says that something has the name of the n-th file at the target, and reads that. */
static void take_against(size_t at, const struct cap *cap)
{
	struct outcome slot = { .id = bench_task(at)->task.id, .state = OUTCOME_PLANNED };
	struct err err;
	assert_true(cap_pack(cap, slot.cap, &slot.cap_size, &slot.cap_kind));
	assert_int_equal(outcomes_write(existing, &slot, 1, &err), 0);
	bench.work[at].task->segment->task[at].existing = 1;
	reader_take(bench.reader, &bench.work[at]);
}

static void what_goes_into_a_mutable_file_is_always_sent(void **state)
{
	(void)state;
	const struct cap cap = { .kind = CAP_SSK, .key = "key", .hash = "fingerprint" };
	bench_init();
	bench_file("a", 0, 'a', 'a');
	bench_file("b", 10, 'a', 'z');
	bench_file("c", 1000, 'a', 'z');
	bench_file("d", 1000, 'a', 'z');
	open_with_target(true);
	for (size_t i = 0; i < 4; i++)
		take_against(i, &cap);
	assert_int_equal(bench.count, 4); /* neither literals nor equal ones are spared */
	for (size_t i = 0; i < 4; i++) {
		const struct body *body = bench.body[i];
		unsigned char content[CONTENT_HASH_SIZE];
		content_hash_of(body->data, body->size, content);
		assert_memory_equal(content, body->proof.content, sizeof content);
		assert_int_equal(body->existing.cap_kind, CAP_SSK);
		assert_false(body->flying || body->predicted);
		bench_let_go(bench.body[i], NULL);
	}
	close_with_target();
}

static void what_is_there_as_it_is_is_not_sent(void **state)
{
	(void)state;
	unsigned char data[1000];
	struct cap same, literal;
	struct err err;
	memset(data, 'a', sizeof data);
	bench_init();
	bench_file("a", 1000, 'a', 'a');
	bench_file("b", 1000, 'a', 'b');
	bench_file("c", 999, 'a', 'a');
	bench_file("d", 5, 'a', 'a');
	open_with_target(true);
	const struct chk_params *params = policy_params(bench.policy);
	assert_int_equal(chk_cap_of(params, data, sizeof data, &same, &err), FAULT_NONE);
	chk_literal(data, 5, &literal);
	for (size_t i = 0; i < 3; i++)
		take_against(i, &same);
	take_against(3, &literal);
	for (size_t i = 0; i < 4; i += 3) { /* the links there say nothing of times */
		assert_int_equal(bench_task(i)->outcome.state, OUTCOME_DONE);
		assert_true(bench_task(i)->outcome.level & OUTCOME_LINKED);
		assert_int_equal(bench_task(i)->outcome.cap_kind, i == 0 ? CAP_CHK : CAP_LIT);
	}
	assert_int_equal(bench.count, 2);
	for (size_t i = 0; i < 2; i++)
		bench_let_go(bench.body[i], NULL);
	close_with_target();
}

static void without_being_told_nothing_is_compared(void **state)
{
	(void)state;
	struct cap literal;
	bench_init();
	bench_file("a", 5, 'a', 'a');
	open_with_target(false);
	chk_literal((const unsigned char *)"aaaaa", 5, &literal);
	take_against(0, &literal);
	assert_int_equal(bench_task(0)->outcome.state, OUTCOME_DONE);
	assert_int_equal(bench_task(0)->outcome.level & OUTCOME_EXISTED, OUTCOME_EXISTED);
	close_with_target();
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(what_goes_into_a_mutable_file_is_always_sent),
		cmocka_unit_test(what_is_there_as_it_is_is_not_sent),
		cmocka_unit_test(without_being_told_nothing_is_compared),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
