#include "tests/unit/grid_case.h"

#include "queue/file/outcomes.h"
#include "tests/unit/facts.h"

#include <inttypes.h>
#include <unistd.h>

static const unsigned char job_id[16] = "planned by test";

static void make_sources(struct grid_case *g)
{
	snprintf(g->path, sizeof g->path, "%s/sources", g->c.folder);
	g->c.sources = g->path;
	outcomes_close(g->sources);
	(void)!unlink(g->path);
	assert_int_equal(outcomes_create(g->path, job_id, NULL, 0, &g->sources, &g->c.err), 0);
}

void grid_case_init(struct grid_case *g, struct fake_object *object, size_t count)
{
	*g = (struct grid_case){ .fake = { .object = object, .count = count } };
	plan_case_init(&g->c);
	g->c.request.source = g->source;
	g->c.request.source_count = 0;
	g->c.request.options.to_local = true;
	assert_int_equal(fake_open(&g->fake, &g->store, &g->c.err), 0);
}

void grid_case_fini(struct grid_case *g)
{
	store_close(g->store);
	outcomes_close(g->sources);
	plan_case_fini(&g->c);
}

void grid_source(struct grid_case *g, size_t object, const char *name)
{
	size_t number = g->c.request.source_count++;
	const struct cap *cap = &g->fake.object[object].cap;
	assert_true(number < GRID_SOURCES);
	g->node[number] = (struct store_node){
		.kind = cap_is_directory(cap) ? STORE_DIRECTORY : STORE_FILE,
		.ro = *cap,
	};
	g->source[number] = (struct plan_source){ .name = name, .node = &g->node[number] };
}

struct cap grid_cap(enum cap_kind kind, unsigned number)
{
	struct cap cap = { .kind = kind };
	if (cap_is_literal(&cap)) {
		cap.size = number;
		return cap;
	}
	cap.key[0] = (unsigned char)number;
	cap.key[1] = (unsigned char)(number >> 8);
	if (cap_is_chk(&cap)) {
		cap.needed = 1;
		cap.total = 1;
		cap.size = 1000;
	}
	return cap;
}

static enum fault run(struct grid_case *g, enum fault (*plan)(struct plan_case *c))
{
	const struct ask ask = { .wait = { .store = g->store } };
	g->c.request.remote = remote_new(&ask, REMOTE_SOURCE);
	assert_non_null(g->c.request.remote);
	enum fault fault = plan(&g->c);
	remote_free(g->c.request.remote);
	g->c.request.remote = NULL;
	return fault;
}

enum fault grid_plan_afresh(struct grid_case *g)
{
	make_sources(g);
	return run(g, plan_afresh);
}

enum fault grid_plan_again(struct grid_case *g) { return run(g, plan_again); }

static size_t object_of(const struct grid_case *g, const struct outcome *slot)
{
	struct cap cap;
	assert_true(cap_unpack(slot->cap, slot->cap_size, slot->cap_kind, &cap));
	for (size_t i = 0; i < g->fake.count; i++)
		if (cap_equal(&g->fake.object[i].cap, &cap))
			return i;
	fail_msg("a slot holds a cap that is of no object");
	return 0;
}

char *grid_text(struct grid_case *g)
{
	char *text = NULL, *plan = plan_text(&g->c);
	size_t size;
	uint64_t end;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	fputs(plan, out);
	free(plan);
	assert_int_equal(outcomes_end(g->sources, &end, &g->c.err), 0);
	for (uint64_t id = 0; id < end; id++) {
		struct outcome slot;
		assert_int_equal(outcomes_read(g->sources, id, 1, &slot, &g->c.err), 0);
		if (slot.state != OUTCOME_NONE)
			fprintf(out, "%" PRIu64 " -> %zu\n", id, object_of(g, &slot));
	}
	fclose(out);
	return text;
}

void grid_assert_plan(struct grid_case *g, const char *wanted)
{
	assert_int_equal(grid_plan_afresh(g), 0);
	char *text = grid_text(g);
	assert_string_equal(text, wanted);
	assert_true(g->c.completed);
	free(text);
}

void grid_spoil(struct grid_case *g, uint64_t first, uint64_t count, size_t object)
{
	struct outcome slot = { .state = OUTCOME_PLANNED };
	assert_true(
		cap_pack(&g->fake.object[object].cap, slot.cap, &slot.cap_size, &slot.cap_kind));
	for (slot.id = first; slot.id < first + count; slot.id++)
		assert_int_equal(outcomes_write(g->sources, &slot, 1, &g->c.err), 0);
}
