#include "bench/bench.h"
#include "cli/command.h"
#include "options/options_value.h"
#include "place/grid_path.h"
#include "place/session.h"
#include "queue/catalog_file.h"
#include "report/out.h"
#include "report/progress.h"
#include "report/say.h"

enum {
	TROUBLE_WAIT_MS = 10000, /* for a grid or gateway that is away: there is nothing to save */
	SIZE_LARGEST = 1 << 30,
	LINE_SIZE_MAX = 8192,
	RUNS_MAX = 16,
};

static const struct {
	const char *word;
	unsigned ops;
} kind[] = {
	{ "put", 1u << BENCH_PUT },
	{ "get", 1u << BENCH_GET },
	{ "mixed", 1u << BENCH_MIXED },
	{ "dir", 1u << BENCH_MAKE | 1u << BENCH_LIST },
};

static const unsigned usual_ops =
	1u << BENCH_PUT | 1u << BENCH_GET | 1u << BENCH_MAKE | 1u << BENCH_LIST;

/* ---- what is asked for ---- */

static enum fault take_size(struct bench_request *request, const char *text, struct err *err)
{
	uint64_t size;
	if (!option_read_size(text, &size))
		return err_set(err, FAULT_USAGE,
			       "--sizes: '%.40s' is no size; give some, as in 4K,64K,1M", text);
	if (size <= LITERAL_SIZE_MAX)
		return err_set(err, FAULT_USAGE,
			       "--sizes: %llu bytes are not stored but lie in the cap; 56 is the "
			       "least",
			       (unsigned long long)size);
	if (size > SIZE_LARGEST)
		return err_set(err, FAULT_USAGE,
			       "--sizes: '%.40s' is too large to lie in memory; 1G is the most",
			       text);
	if (request->sizes == BENCH_SIZES_MAX)
		return err_set(err, FAULT_USAGE, "--sizes: more than %d", BENCH_SIZES_MAX);
	request->size[request->sizes++] = size;
	return FAULT_NONE;
}

static enum fault read_sizes(struct bench_request *request, const char *list, struct err *err)
{
	char *text = strdup(list ? list : "4K,64K,1M,32M"), *rest = text;
	if (!text)
		return err_set(err, FAULT_NOMEM, "out of memory for the command line");
	enum fault fault = FAULT_NONE;
	for (const char *size; !fault && (size = strsep(&rest, ","));)
		fault = take_size(request, size, err);
	free(text);
	return fault;
}

/* Takes an entry that is to be done. */
static void take_entry(struct shape *shape, const struct manifest_entry *entry)
{
	shape->children++;
	if (entry->kind == MANIFEST_FILE)
		shape_add_file(shape, entry->bytes);
	else if (entry->kind == MANIFEST_DIRECTORY)
		shape->directories++;
}

static enum fault read_pages(struct catalog_reader *reader, const char *path, struct shape *shape,
			     struct err *err)
{
	struct catalog_page page;
	for (;;) {
		if (catalog_next(reader, &page, err))
			return err->fault;
		if (page.is_end && !page.totals)
			return err_set(err, FAULT_USAGE, "the plan '%.150s' is not finished", path);
		if (page.is_end)
			return FAULT_NONE;
		for (size_t i = 0; i < page.count; i++)
			if (!page.entry[i].verdict)
				take_entry(shape, &page.entry[i]);
	}
}

static enum fault read_plan(const char *path, struct shape *shape, struct err *err)
{
	const struct catalog_files files = { .plan = path, .read_only = true };
	struct catalog *catalog = NULL;
	struct catalog_reader *reader = NULL;
	enum fault fault = catalog_file_open(&files, NULL, &catalog, err);
	if (!fault)
		fault = catalog_reader_new(catalog, &reader, err);
	if (!fault)
		fault = read_pages(reader, path, shape, err);
	catalog_reader_free(reader);
	catalog_close(catalog);
	if (fault == FAULT_NOT_FOUND)
		return err_set(err, FAULT_USAGE,
			       "no such plan '%.150s'; make one with barge plan -o", path);
	if (fault)
		return err_wrap(err, "the plan '%.150s'", path);
	if (!shape_has_files(shape))
		return err_set(err, FAULT_USAGE,
			       "the plan '%.150s' has no file that would be sent, so it takes no "
			       "time",
			       path);
	return FAULT_NONE;
}

/* Has the sizes of a plan measured, in the direction of `request->ops`. */
static enum fault take_shape(const struct options *options, struct bench_request *request,
			     struct shape *shape, struct err *err)
{
	const unsigned up = 1u << BENCH_PUT | 1u << BENCH_MAKE,
		       down = 1u << BENCH_GET | 1u << BENCH_LIST;
	if (options->bench_sizes)
		return err_set(err, FAULT_USAGE,
			       "--shape has its sizes from the plan: leave --sizes out");
	if (request->ops != usual_ops && request->ops & ~(1u << BENCH_PUT | 1u << BENCH_GET))
		return err_set(err, FAULT_USAGE, "--shape is measured with put or get");
	if (read_plan(options->bench_shape, shape, err))
		return err->fault;
	request->ops = request->ops == 1u << BENCH_GET ? down : up;
	request->shape = shape;
	request->sizes = request->directories = 0;
	for (size_t i = 0; i < SHAPE_CLASSES; i++)
		if (shape_size(shape, i))
			request->size[request->sizes++] = shape_size(shape, i);
	if (shape_children(shape))
		request->children[request->directories++] = shape_children(shape);
	return FAULT_NONE;
}

/* Takes the words: a kind of request, and where. */
static enum fault read_words(const struct options *options, struct bench_request *request,
			     const char **where, struct err *err)
{
	const struct text_list *words = &options->words;
	size_t used = 0;
	request->ops = usual_ops;
	for (size_t i = 0; i < ARRAY_COUNT(kind) && words->count > 0 && used == 0; i++)
		if (strcmp(words->text[0], kind[i].word) == 0) {
			request->ops = kind[i].ops;
			used = 1;
		}
	*where = words->count > used ? words->text[used] : NULL;
	if (words->count > used + 1)
		return err_set(err, FAULT_USAGE,
			       "one place is measured at a time: barge bench [put | get | dir | "
			       "mixed] ALIAS:PATH");
	if (!*where && options->connection.gateway.count == 0)
		return err_set(err, FAULT_USAGE,
			       "what is to be measured? name ALIAS:PATH or --gateway URL");
	if (options->plan_file)
		return err_set(err, FAULT_USAGE,
			       "-o is for `barge bench plot`; results go to standard output");
	if (options->transfer.in_flight > BENCH_IN_FLIGHT_MAX)
		return err_set(err, FAULT_USAGE, "-j: %d requests in flight are the most here",
			       BENCH_IN_FLIGHT_MAX);
	return read_sizes(request, options->bench_sizes, err);
}

/* Looks whether the place is a directory that may be written to, as cp would need it. */
static enum fault look_at_place(const struct grid_path *path, const struct session *session,
				struct err *err)
{
	struct store_node node;
	const struct grid_look look = { .tries = session->tries, .count = SIZE_MAX };
	if (grid_path_look(path, &look, &node, err))
		return err->fault;
	bool is_directory = node.kind == STORE_DIRECTORY;
	bool writable = cap_is_writable(&node.rw);
	cap_wipe(&node.rw);
	cap_wipe(&node.ro);
	if (!is_directory)
		return err_set(err, FAULT_USAGE, "'%.120s' is not a directory", path->typed);
	return writable ? FAULT_NONE
			: err_set(err, FAULT_USAGE,
				  "'%.120s' is read-only; to measure, files are stored: name a "
				  "directory that may be written to, or --gateway URL",
				  path->typed);
}

/* ---- what is told ---- */

static void tell_totals(struct output *output, const struct bench_totals *totals)
{
	char bytes[QUANTITY_SIZE];
	struct bytes line;
	bytes_init(&line, LINE_SIZE_MAX);
	if (output->options.json) {
		enum fault fault = bytes_printf(
			&line,
			"{\"type\":\"summary\",\"stored_files\":%llu,\"stored_directories\":%llu,"
			"\"stored_bytes\":%llu,\"errors\":%llu,\"retries\":%llu,\"verdict\":",
			(unsigned long long)totals->objects,
			(unsigned long long)totals->directories, (unsigned long long)totals->bytes,
			(unsigned long long)totals->errors, (unsigned long long)totals->retries);
		if (!fault)
			fault = verdict_json(&totals->verdict, &line);
		if (!fault && !bytes_append_text(&line, "}\n"))
			out_put(output, line.data, line.size);
	} else if (!verdict_text(&totals->verdict, &line)) {
		say(output, SAY_INFO, "what holds it back: %s", bytes_text(&line));
	}
	bytes_fini(&line);
	say(output, SAY_INFO,
	    "stored %llu files and %llu directories (%s); none is linked, so the grid drops them "
	    "once their leases run out",
	    (unsigned long long)totals->objects, (unsigned long long)totals->directories,
	    quantity_bytes(totals->bytes, bytes));
}

/* ---- the commands ---- */

static enum fault measure(const struct options *options, struct session *session,
			  struct bench_request *request, int *status, struct err *err)
{
	struct bench_totals totals;
	struct policy *policy = NULL;
	if (policy_new(options->transfer.verify, session->setup.params, &policy, err))
		return err->fault;
	policy_expect(policy, session->setup.gateways);
	request->setup = &session->setup;
	request->policy = policy;
	enum fault fault = bench_run(request, &totals, err);
	if (request->output->options.json || totals.objects + totals.directories > 0)
		tell_totals(request->output, &totals);
	policy_free(policy);
	return fault == FAULT_RETRY ? session_settle(request->output, err, status) : fault;
}

static enum fault bench_grid(const struct options *options, struct output *output, int *status,
			     struct err *err)
{
	struct bench_request request = {
		.output = output,
		.in_flight = (unsigned)min_u64(options->transfer.in_flight, UINT32_MAX),
		.duration_ms = options->bench_duration_ms,
		.objects = options->bench_objects,
		.limit = options->connection.bwlimit,
		.children = { 10, 1000, 10000 },
		.directories = 3,
	};
	struct connection_options connection = options->connection;
	struct grid_path path = { 0 };
	struct session session = { 0 };
	struct shape shape = { .directories = 1 }; /* its root */
	const char *where;
	connection.gateway_wait_ms = min_u64(connection.gateway_wait_ms, TROUBLE_WAIT_MS);
	connection.grid_wait_ms = min_u64(connection.grid_wait_ms, TROUBLE_WAIT_MS);
	if (read_words(options, &request, &where, err) ||
	    (options->bench_shape && take_shape(options, &request, &shape, err)) ||
	    (where && grid_path_resolve(&connection, where, &path, err)))
		return err->fault;
	enum fault fault = session_open(&connection, output, &session, err);
	if (!fault && where)
		fault = look_at_place(&path, &session, err);
	if (!fault)
		fault = measure(options, &session, &request, status, err);
	session_fini(&session);
	grid_path_fini(&path);
	return fault;
}

static enum fault compare(const struct options *options, struct output *output, struct err *err)
{
	const struct text_list *words = &options->words;
	struct results a = { 0 }, b = { 0 };
	if (words->count != 3)
		return err_set(err, FAULT_USAGE, "two runs are compared: barge bench compare A B");
	enum fault fault = results_read(words->text[1], &a, err);
	if (!fault)
		fault = results_read(words->text[2], &b, err);
	if (!fault)
		fault = bench_compare(&a, &b, output, err);
	results_fini(&a);
	results_fini(&b);
	return fault;
}

static enum fault plot(const struct options *options, struct err *err)
{
	const struct text_list *words = &options->words;
	struct results run[RUNS_MAX] = { 0 };
	const char *name[RUNS_MAX];
	size_t count = words->count - 1;
	if (!options->plan_file)
		return err_set(err, FAULT_USAGE,
			       "where does the picture go? barge bench plot A... -o FILE.svg");
	if (count == 0 || count > RUNS_MAX)
		return err_set(err, FAULT_USAGE,
			       "up to %d runs are drawn: barge bench plot A... -o FILE.svg",
			       RUNS_MAX);
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < count && !fault; i++) {
		name[i] = words->text[i + 1];
		fault = results_read(name[i], &run[i], err);
	}
	if (!fault)
		fault = bench_plot(run, name, count, options->plan_file, err);
	for (size_t i = 0; i < count; i++)
		results_fini(&run[i]);
	return fault;
}

enum fault command_bench(const struct options *options, struct output *output, int *status,
			 struct err *err)
{
	const char *first = options->words.count ? options->words.text[0] : "";
	if (strcmp(first, "compare") == 0)
		return compare(options, output, err);
	if (strcmp(first, "plot") == 0)
		return plot(options, err);
	return bench_grid(options, output, status, err);
}
