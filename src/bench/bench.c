#include "bench/bench.h"

#include "bench/bench_parts.h"
#include "report/out.h"
#include "report/say.h"

enum {
	SWEEP_MAX = 32,            /* requests in flight, unless -j says more */
	IN_MEMORY_MAX = 256 << 20, /* bytes of bodies, unless -j says more */
	KEPT_OBJECTS = 64,         /* are stored for those who read */
	KEPT_BYTES = 64 << 20,     /* of these, at most, and one at least */
	LINE_SIZE_MAX = 64 << 10,
};

const char *bench_op_name(enum bench_op op)
{
	static const char *const name[BENCH_OPS] = {
		[BENCH_PUT] = "put",   [BENCH_GET] = "get",   [BENCH_MIXED] = "mixed",
		[BENCH_MAKE] = "make", [BENCH_LIST] = "list",
	};
	return name[op];
}

static enum fault keep_step(struct bench *bench, struct results *results, const struct step *step,
			    struct err *err)
{
	struct output *output = bench->request->output;
	struct step *grown = realloc(results->step, (results->count + 1) * sizeof *grown);
	struct bytes line;
	if (!grown)
		return err_set(err, FAULT_NOMEM, "no memory for results");
	results->step = grown;
	results->step[results->count++] = *step;
	if (!output->options.json) {
		table_row(output, step);
		return FAULT_NONE;
	}
	bytes_init(&line, LINE_SIZE_MAX);
	enum fault fault = step_json(step, &line);
	if (!fault)
		out_put(output, line.data, line.size);
	bytes_fini(&line);
	out_flush(output);
	return bytes_err(fault, err, "a result");
}

/* How many may be in flight in a sweep. */
static unsigned most_in_flight(const struct bench *bench)
{
	uint64_t fit = bench_of_directories(bench->op) ? 4 : IN_MEMORY_MAX / bench->size;
	return (unsigned)max_u64(1, min_u64(fit, SWEEP_MAX));
}

/* One kind and size, at each number in flight. */
static enum fault sweep(struct bench *bench, struct results *results, struct err *err)
{
	unsigned pinned = bench->request->in_flight, most = pinned ? pinned : most_in_flight(bench);
	struct sweep sweep = { 0 };
	struct step step;
	for (unsigned in_flight = pinned ? pinned : 1; in_flight <= most; in_flight *= 2) {
		enum fault fault = step_run(bench, in_flight, &step, err);
		struct err later;
		if (step.objects > 0 && keep_step(bench, results, &step, &later))
			*err = fault ? *err : later;
		if (fault)
			return err->fault;
		if (!sweep_goes_on(&sweep, step.objects_per_second))
			break;
	}
	return FAULT_NONE;
}

/* How many are stored before they are read. */
static uint64_t kept_count(const struct bench *bench)
{
	if (bench_of_directories(bench->op))
		return 2;
	return max_u64(1, min_u64(KEPT_OBJECTS, KEPT_BYTES / bench->size));
}

static void forget_stored(struct bench *bench)
{
	mutex_lock(&bench->lock);
	explicit_bzero(bench->stored, sizeof bench->stored);
	bench->stored_count = bench->asked = 0;
	mutex_unlock(&bench->lock);
}

/* One size: what was put, or made, is what is got, or listed. */
static enum fault run_size(struct bench *bench, unsigned ops, uint64_t size,
			   struct results *results, struct err *err)
{
	bench->size = size;
	forget_stored(bench);
	for (int op = 0; op < BENCH_OPS; op++) {
		if (!(ops & 1u << op))
			continue;
		bench->op = (enum bench_op)op;
		bool reads = op == BENCH_GET || op == BENCH_MIXED || op == BENCH_LIST;
		mutex_lock(&bench->lock);
		bool stored = bench->stored_count > 0;
		mutex_unlock(&bench->lock);
		if (reads && !stored &&
		    step_store(bench, op == BENCH_LIST ? BENCH_MAKE : BENCH_PUT, kept_count(bench),
			       err))
			return err->fault;
		if (sweep(bench, results, err))
			return err->fault;
	}
	return FAULT_NONE;
}

/* Tells how long it takes to store the tree, or to fetch it. */
static void tell_shape(const struct bench_request *request, const struct results *results)
{
	const bool puts = request->ops & 1u << BENCH_PUT;
	struct shape_time time;
	if (shape_time(request->shape, results, bench_op_name(puts ? BENCH_PUT : BENCH_GET),
		       bench_op_name(puts ? BENCH_MAKE : BENCH_LIST), &time))
		table_shape(request->output, request->shape, &time);
}

static enum fault run_all(struct bench *bench, struct results *results, struct err *err)
{
	const struct bench_request *request = bench->request;
	const unsigned of_directories = 1u << BENCH_MAKE | 1u << BENCH_LIST;
	enum fault fault = FAULT_NONE;
	if (request->ops & ~of_directories)
		for (size_t i = 0; i < request->sizes && !fault; i++)
			fault = run_size(bench, request->ops & ~of_directories, request->size[i],
					 results, err);
	if (request->ops & of_directories)
		for (size_t i = 0; i < request->directories && !fault; i++)
			fault = run_size(bench, request->ops & of_directories, request->children[i],
					 results, err);
	return fault;
}

enum fault bench_run(const struct bench_request *request, struct bench_totals *totals,
		     struct err *err)
{
	struct results results = { 0 };
	struct bench *bench = calloc(1, sizeof *bench);
	*totals = (struct bench_totals){ 0 };
	if (!bench)
		return err_set(err, FAULT_NOMEM, "no memory to measure");
	bench->request = request;
	bench->totals = totals;
	bench->gateway_pid = machine_listener(request->setup->url[0]);
	mutex_init(&bench->lock);
	if (!request->output->options.json)
		table_head(request->output);
	enum fault fault = run_all(bench, &results, err);
	say_progress(request->output, NULL, 0);
	if (!request->output->options.json)
		table_best(request->output, &results);
	if (!fault && request->shape)
		tell_shape(request, &results);
	workers_close(bench);
	forget_stored(bench);
	mutex_fini(&bench->lock);
	results_fini(&results);
	free(bench);
	return fault;
}
