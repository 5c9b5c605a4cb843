#include "measure/results.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>

enum { LINE_MAX_SIZE = 1 << 20, STEPS_MAX = 10000, SECONDS_MAX = 100000 };

static const double number_max = 1e15; /* more than any machine moves or takes */

static const struct {
	const char *name;
	unsigned per_mille10;
} told[STEP_TIMES] = {
	{ "p50", 5000 }, { "p90", 9000 }, { "p99", 9900 }, { "p99.9", 9990 }, { "max", 10000 },
};

const char *times_name(size_t number) { return told[number].name; }

void times_of(const struct histogram *histogram, struct times *times)
{
	for (size_t i = 0; i < STEP_TIMES; i++)
		times->us[i] = histogram_at(histogram, told[i].per_mille10);
}

/* ---- written ---- */

static enum fault times_json(const struct times *times, struct bytes *out)
{
	enum fault fault = bytes_append_text(out, "{");
	for (size_t i = 0; i < STEP_TIMES && !fault; i++)
		fault = bytes_printf(out, "%s\"%s\":%llu", i ? "," : "", told[i].name,
				     (unsigned long long)times->us[i]);
	return fault ? fault : bytes_append_text(out, "}");
}

static enum fault numbers_json(const struct step *step, struct bytes *out)
{
	enum fault fault = bytes_printf(
		out,
		"{\"type\":\"step\",\"op\":\"%s\",\"size\":%llu,\"in_flight\":%llu,\"objects\":%"
		"llu,"
		"\"bytes\":%llu,\"errors\":%llu,\"retries\":%llu,\"seconds\":%.6f,",
		step->op, (unsigned long long)step->size, (unsigned long long)step->in_flight,
		(unsigned long long)step->objects, (unsigned long long)step->bytes,
		(unsigned long long)step->errors, (unsigned long long)step->retries, step->seconds);
	if (!fault)
		fault = bytes_printf(out,
				     "\"objects_per_second\":%.3f,\"bytes_per_second\":%.3f,"
				     "\"spread\":%.3f,\"first_done\":%.6f,\"last_done\":%.6f,"
				     "\"cpu\":%.6f,",
				     step->objects_per_second, step->bytes_per_second, step->spread,
				     step->first_done, step->last_done, step->cpu);
	if (!fault && step->gateway_cpu >= 0)
		fault = bytes_printf(out, "\"gateway_cpu\":%.6f,", step->gateway_cpu);
	return fault;
}

enum fault step_json(const struct step *step, struct bytes *out)
{
	enum fault fault = numbers_json(step, out);
	if (!fault)
		fault = bytes_append_text(out, "\"latency_us\":");
	if (!fault)
		fault = times_json(&step->latency, out);
	if (!fault)
		fault = bytes_append_text(out, ",\"phases_us\":{");
	for (int i = 0; i < BUSY_COUNT && !fault; i++) {
		fault = bytes_printf(out, "%s\"%s\":", i ? "," : "", busy_name((enum busy)i));
		if (!fault)
			fault = times_json(&step->busy[i], out);
	}
	if (!fault)
		fault = bytes_append_text(out, "},\"verdict\":");
	if (!fault)
		fault = verdict_json(&step->verdict, out);
	return fault ? fault : bytes_append_text(out, "}\n");
}

/* ---- read ---- */

/* Takes a number that has to be there, and be one that can be measured. */
static bool take_number(const json_t *object, const char *name, double *value)
{
	const json_t *member = json_object_get(object, name);
	if (!json_is_number(member))
		return false;
	*value = json_number_value(member);
	return *value >= 0 && *value <= number_max;
}

static bool take_count(const json_t *object, const char *name, uint64_t *value)
{
	const json_t *member = json_object_get(object, name);
	if (!json_is_integer(member) || json_integer_value(member) < 0)
		return false;
	*value = (uint64_t)json_integer_value(member);
	return true;
}

static bool take_times(const json_t *object, struct times *times)
{
	for (size_t i = 0; i < STEP_TIMES; i++)
		if (!take_count(object, told[i].name, &times->us[i]))
			return false;
	return true;
}

static bool take_op(const json_t *object, char word[STEP_WORD_SIZE])
{
	const char *op = json_string_value(json_object_get(object, "op"));
	if (!op || strlen(op) >= STEP_WORD_SIZE ||
	    strspn(op, "abcdefghijklmnopqrstuvwxyz-") != strlen(op))
		return false;
	snprintf(word, STEP_WORD_SIZE, "%s", op);
	return true;
}

static bool take_second(const json_t *object, struct second *second)
{
	return take_op(object, second->op) && take_count(object, "size", &second->size) &&
	       take_count(object, "objects", &second->objects) &&
	       take_number(object, "seconds", &second->seconds) && second->seconds > 0;
}

static bool take_step(const json_t *object, struct step *step)
{
	*step = (struct step){ .gateway_cpu = -1 };
	if (!take_op(object, step->op))
		return false;
	const json_t *busy = json_object_get(object, "phases_us");
	for (int i = 0; i < BUSY_COUNT; i++)
		if (!take_times(json_object_get(busy, busy_name((enum busy)i)), &step->busy[i]))
			return false;
	(void)take_number(object, "gateway_cpu", &step->gateway_cpu);
	return take_count(object, "size", &step->size) &&
	       take_count(object, "in_flight", &step->in_flight) &&
	       take_count(object, "objects", &step->objects) &&
	       take_count(object, "bytes", &step->bytes) &&
	       take_count(object, "errors", &step->errors) &&
	       take_count(object, "retries", &step->retries) &&
	       take_number(object, "seconds", &step->seconds) &&
	       take_number(object, "objects_per_second", &step->objects_per_second) &&
	       take_number(object, "bytes_per_second", &step->bytes_per_second) &&
	       take_number(object, "spread", &step->spread) &&
	       take_number(object, "first_done", &step->first_done) &&
	       take_number(object, "last_done", &step->last_done) &&
	       take_number(object, "cpu", &step->cpu) &&
	       take_times(json_object_get(object, "latency_us"), &step->latency);
}

static enum fault results_add(struct results *results, const struct step *step, struct err *err)
{
	struct step *grown = NULL;
	if (results->count < STEPS_MAX)
		grown = realloc(results->step, (results->count + 1) * sizeof *grown);
	if (!grown)
		return err_set(err, FAULT_NOMEM, "no memory for so many results");
	results->step = grown;
	results->step[results->count++] = *step;
	return FAULT_NONE;
}

static enum fault results_add_second(struct results *results, const struct second *second,
				     struct err *err)
{
	struct second *grown = NULL;
	if (results->seconds < SECONDS_MAX)
		grown = realloc(results->second, (results->seconds + 1) * sizeof *grown);
	if (!grown)
		return err_set(err, FAULT_NOMEM, "no memory for so many seconds");
	results->second = grown;
	results->second[results->seconds++] = *second;
	return FAULT_NONE;
}

static enum fault read_line(const char *line, size_t size, struct results *results, struct err *err)
{
	json_t *object = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
	const char *type = json_string_value(json_object_get(object, "type"));
	bool is_step = type && strcmp(type, "step") == 0;
	bool is_second = type && strcmp(type, "second") == 0;
	struct step step;
	struct second second;
	enum fault fault = FAULT_NONE;
	if (!type || (is_step && !take_step(object, &step)) ||
	    (is_second && !take_second(object, &second)))
		fault = err_set(err, FAULT_USAGE,
				"that is no result of barge bench: give it what barge bench --json "
				"has printed");
	else if (is_step)
		fault = results_add(results, &step, err);
	else if (is_second)
		fault = results_add_second(results, &second, err);
	json_decref(object);
	return fault;
}

static enum fault read_lines(FILE *file, struct results *results, struct err *err)
{
	char *line = NULL;
	size_t room = 0, number = 0;
	ssize_t size;
	enum fault fault = FAULT_NONE;
	while (!fault && (size = getline(&line, &room, file)) >= 0) {
		number++;
		fault = size > LINE_MAX_SIZE
				? err_set(err, FAULT_USAGE, "a line is too long for a result")
				: read_line(line, (size_t)size, results, err);
	}
	free(line);
	if (!fault && ferror(file))
		fault = err_os(err, FAULT_IO, errno, "cannot read");
	else if (fault == FAULT_USAGE)
		fault = err_wrap(err, "line %zu", number);
	else if (!fault && results->count == 0)
		fault = err_set(err, FAULT_USAGE, "there is no result of barge bench in it");
	return fault;
}

enum fault results_read(const char *path, struct results *results, struct err *err)
{
	*results = (struct results){ 0 };
	FILE *file = fopen(path, "re");
	if (!file)
		return err_os(err, errno == ENOENT ? FAULT_USAGE : FAULT_IO, errno,
			      "cannot open '%.150s'", path);
	enum fault fault = read_lines(file, results, err);
	(void)fclose(file);
	if (!fault)
		return FAULT_NONE;
	results_fini(results);
	return err_wrap(err, "'%.100s'", path);
}

void results_fini(struct results *results)
{
	free(results->step);
	free(results->second);
	*results = (struct results){ 0 };
}

const struct step *results_find(const struct results *results, const struct step *step)
{
	for (size_t i = 0; i < results->count; i++) {
		const struct step *found = &results->step[i];
		if (found->size == step->size && found->in_flight == step->in_flight &&
		    strcmp(found->op, step->op) == 0)
			return found;
	}
	return NULL;
}

enum difference step_difference(const struct step *a, const struct step *b)
{
	double off = b->objects_per_second - a->objects_per_second;
	double larger = fmax(a->objects_per_second, b->objects_per_second);
	if (fabs(off) <= a->spread + b->spread || fabs(off) * 100 < larger * STEADY_PERCENT)
		return DIFFERENCE_NOISE;
	return off > 0 ? DIFFERENCE_MORE : DIFFERENCE_LESS;
}
