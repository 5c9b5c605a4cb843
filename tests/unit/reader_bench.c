#include "tests/unit/reader_bench.h"

#include "read/duplicate.h"
#include "tests/unit/catalog_case.h"
#include "tests/unit/facts.h"

#include <fcntl.h>
#include <unistd.h>

struct bench bench;

static void deliver(void *context, struct body *body)
{
	struct bench *b = context;
	assert_true(b->count < BENCH_BODIES);
	b->body[b->count++] = body;
	if (b->delivered)
		b->delivered(b, body);
}

void bench_init(void)
{
	bench = (struct bench){ .count = 0 };
	plan_case_init(&bench.plan);
}

static void add_tasks(void)
{
	struct catalog_page page;
	struct err err;
	do {
		assert_int_equal(catalog_read(bench.plan_reader, &page, &err), 0);
	} while (page.is_end || page.id != 1);
	for (size_t i = 0; i < page.count; i++) {
		const struct manifest_entry *entry = &page.entry[i];
		struct fake_task *task = fake_add(&bench.queue,
						  &(struct task){ .id = entry->id,
								  .listing = page.listing,
								  .bytes = entry->bytes,
								  .kind = entry->kind,
								  .name = entry->name,
								  .name_size = entry->name_size },
						  SEGMENT_TRANSFERS);
		memcpy(task->meta, entry->meta, entry->meta_size);
		task->task.meta = task->meta;
		task->task.meta_size = entry->meta_size;
	}
}

void bench_open(void)
{
	struct err err;
	assert_int_equal(plan_afresh(&bench.plan), FAULT_NONE);
	bench.catalog = catalog_case_open(bench.plan.manifest, NULL);
	bench.source = (struct source_tree_root){ .path = bench.plan.tree, .name = "top" };
	fake_queue_init(&bench.queue);
	bench.gate = gate_new(100, 100 << 20);
	bench.flight = flight_new(64);
	struct chk_params params = {
		.secret_size = 32, .k = 1, .n = 1, .max_segment_size = CHK_SEGMENT_SIZE
	};
	assert_int_equal(policy_new(0, &params, &bench.policy, &err), 0);
	bench.options = (struct readers_options){
		.tree = { .catalog = bench.catalog, .source = &bench.source, .source_count = 1 },
		.gate = bench.gate,
		.flight = bench.flight,
		.policy = bench.policy,
		.cancel = &bench.cancel,
		.deliver = deliver,
		.context = &bench,
	};
	assert_int_equal(reader_new(&bench.options, &bench.reader, &err), 0);
	assert_int_equal(catalog_reader_new(bench.catalog, &bench.plan_reader, &err), 0);
	add_tasks();
	bench.work = fake_works(&bench.queue, SEGMENT_TRANSFERS, NULL);
}

void bench_let_go(struct body *body, const struct outcome *outcome)
{
	struct work *work = body->work;
	struct outcome done = { 0 };
	duplicate_end(bench.flight, body, outcome);
	if (outcome) {
		done = *outcome;
		work_settle(work, &done, NULL);
	} else {
		work_again(work, 0, work->task->attempts);
	}
	if (body->stream)
		body_abandon(body);
	body_unref(body);
}

void bench_close(void)
{
	reader_free(bench.reader);
	gate_free(bench.gate);
	flight_free(bench.flight);
	policy_free(bench.policy);
	catalog_reader_free(bench.plan_reader);
	catalog_close(bench.catalog);
	fake_queue_fini(&bench.queue);
	free(bench.all);
	plan_case_fini(&bench.plan);
}

const char *bench_path(const char *name)
{
	static char path[300];
	snprintf(path, sizeof path, "%s/%s", bench.plan.tree, name);
	return path;
}

void bench_file(const char *name, size_t size, int byte, int last)
{
	unsigned char *data = malloc(size + 1);
	memset(data, byte, size + 1);
	if (size > 0)
		data[size - 1] = (unsigned char)last;
	int fd = open(bench_path(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), (ssize_t)size);
	close(fd);
	free(data);
}

struct fake_task *bench_task(size_t at) { return &bench.queue.task[at]; }
