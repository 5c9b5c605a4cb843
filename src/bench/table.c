#include "bench/bench_parts.h"
#include "report/out.h"
#include "report/progress.h"
#include "report/say.h"

#include <stdarg.h>
#include <unistd.h>

enum { ROW_SIZE = 512, TIME_TEXT = 24, PERCENT_TEXT = 48, TABLE_MAX = 64 << 10 };

static void print(struct output *output, const char *format, ...) PRINTF_LIKE(2, 3);

static void print(struct output *output, const char *format, ...)
{
	char row[ROW_SIZE];
	va_list arguments;
	va_start(arguments, format);
	int size = vsnprintf(row, sizeof row, format, arguments);
	va_end(arguments);
	if (size > 0)
		out_put(output, row, (size_t)min_u64((uint64_t)size, sizeof row - 1));
	out_flush(output);
}

/* Writes "850 us", "12.3 ms" or "4.56 s". */
static const char *show_time(uint64_t us, char text[TIME_TEXT])
{
	if (us < 1000)
		snprintf(text, TIME_TEXT, "%llu us", (unsigned long long)us);
	else if (us < 1000000)
		snprintf(text, TIME_TEXT, "%.1f ms", (double)us / 1000);
	else
		snprintf(text, TIME_TEXT, "%.2f s", (double)us / 1e6);
	return text;
}

const char *table_size(const struct step *step, char text[TABLE_SIZE_TEXT])
{
	char quantity[QUANTITY_SIZE];
	if (strcmp(step->op, bench_op_name(BENCH_MAKE)) == 0 ||
	    strcmp(step->op, bench_op_name(BENCH_LIST)) == 0)
		snprintf(text, TABLE_SIZE_TEXT, "%llu names", (unsigned long long)step->size);
	else
		snprintf(text, TABLE_SIZE_TEXT, "%s", quantity_bytes(step->size, quantity));
	return text;
}

void table_head(struct output *output)
{
	print(output, "%-6s%12s%5s%11s%13s%10s%10s%10s%10s%10s%7s%7s\n", "what", "size", "at",
	      "objects/s", "bytes/s", "p50", "p90", "p99", "p99.9", "max", "errors", "again");
}

void table_row(struct output *output, const struct step *step)
{
	char size[TABLE_SIZE_TEXT], speed[QUANTITY_SIZE], time[STEP_TIMES][TIME_TEXT];
	for (size_t i = 0; i < STEP_TIMES; i++)
		show_time(step->latency.us[i], time[i]);
	say_progress(output, NULL, 0);
	print(output, "%-6s%12s%5llu%11.1f%13s%10s%10s%10s%10s%10s%7llu%7llu\n", step->op,
	      table_size(step, size), (unsigned long long)step->in_flight, step->objects_per_second,
	      quantity_bytes((uint64_t)step->bytes_per_second, speed), time[0], time[1], time[2],
	      time[3], time[4], (unsigned long long)step->errors,
	      (unsigned long long)step->retries);
}

void table_progress(struct output *output, const struct step *step, double objects_per_second,
		    double bytes_per_second)
{
	char text[ROW_SIZE], size[TABLE_SIZE_TEXT], speed[QUANTITY_SIZE];
	const struct output_options *options = &output->options;
	bool wanted = options->progress == REPORT_PROGRESS_ALWAYS ||
		      (options->progress == REPORT_PROGRESS_AUTO && output->messages >= 0 &&
		       isatty(output->messages));
	if (!wanted || options->quiet)
		return;
	int used = snprintf(text, sizeof text, "%s %s, %llu in flight: %.1f objects/s, %s/s",
			    step->op, table_size(step, size), (unsigned long long)step->in_flight,
			    objects_per_second, quantity_bytes((uint64_t)bytes_per_second, speed));
	say_progress(output, text, (size_t)used);
}

static bool is_same_kind(const struct step *a, const struct step *b)
{
	return a->size == b->size && strcmp(a->op, b->op) == 0;
}

/* What CPU an object takes, here and at a gateway that can be seen. */
static void print_cpu(struct output *output, const struct step *step)
{
	double objects = (double)max_u64(1, step->objects);
	print(output, ", CPU %.0f us each", step->cpu * 1e6 / objects);
	if (step->gateway_cpu >= 0)
		print(output, ", of the gateway %.0f us", step->gateway_cpu * 1e6 / objects);
}

void table_best(struct output *output, const struct results *results)
{
	char size[TABLE_SIZE_TEXT], speed[QUANTITY_SIZE];
	for (size_t i = 0; i < results->count; i++) {
		const struct step *best = &results->step[i];
		if (i > 0 && is_same_kind(best, best - 1))
			continue;
		for (size_t j = i + 1; j < results->count; j++)
			if (is_same_kind(&results->step[j], best) &&
			    results->step[j].objects_per_second > best->objects_per_second)
				best = &results->step[j];
		print(output, "best: %s %s, %llu in flight: %.1f (+- %.1f) objects/s, %s/s",
		      best->op, table_size(best, size), (unsigned long long)best->in_flight,
		      best->objects_per_second, best->spread,
		      quantity_bytes((uint64_t)best->bytes_per_second, speed));
		print_cpu(output, best);
		print(output, ", first done after %.3f s, last after %.3f s\n", best->first_done,
		      best->last_done);
	}
}

/* ---- two runs ---- */

/* Writes "40 s", "12 min", "3.5 h" or "2.1 days". */
static const char *show_long(double seconds, char text[TIME_TEXT])
{
	if (seconds < 120)
		snprintf(text, TIME_TEXT, "%.3g s", seconds);
	else if (seconds < 7200)
		snprintf(text, TIME_TEXT, "%.0f min", seconds / 60);
	else if (seconds < 172800)
		snprintf(text, TIME_TEXT, "%.1f h", seconds / 3600);
	else
		snprintf(text, TIME_TEXT, "%.1f days", seconds / 86400);
	return text;
}

void table_shape(struct output *output, const struct shape *shape, const struct shape_time *time)
{
	uint64_t files = shape->literals, bytes = 0;
	char quantity[QUANTITY_SIZE], least[TIME_TEXT], most[TIME_TEXT];
	for (size_t i = 0; i < SHAPE_CLASSES; i++) {
		files += shape->class[i].files;
		bytes = add_saturated(bytes, shape->class[i].bytes);
	}
	if (output->options.json)
		print(output,
		      "{\"type\":\"shape\",\"files\":%llu,\"directories\":%llu,\"bytes\":%llu,"
		      "\"least_seconds\":%.3f,\"most_seconds\":%.3f}\n",
		      (unsigned long long)files, (unsigned long long)shape->directories,
		      (unsigned long long)bytes, time->least, time->most);
	else
		print(output, "the plan: %llu files, %llu directories, %s: %s to %s\n",
		      (unsigned long long)files, (unsigned long long)shape->directories,
		      quantity_bytes(bytes, quantity), show_long(time->least, least),
		      show_long(time->most, most));
}

static void print_difference(struct output *output, const struct step *a, const struct step *b)
{
	static const char *const words[] = {
		[DIFFERENCE_NOISE] = "no difference beyond the noise",
		[DIFFERENCE_MORE] = "quicker",
		[DIFFERENCE_LESS] = "slower",
	};
	enum difference difference = step_difference(a, b);
	const bool json = output->options.json;
	char size[TABLE_SIZE_TEXT], percent[PERCENT_TEXT] = "";
	/* More than nothing, as which less is shown, is no share of it. */
	if (a->objects_per_second >= 0.001)
		snprintf(percent, sizeof percent, json ? "\"percent\":%.1f," : ", %+.1f %%",
			 100 * (b->objects_per_second / a->objects_per_second - 1));
	if (json)
		print(output,
		      "{\"type\":\"difference\",\"op\":\"%s\",\"size\":%llu,\"in_flight\":%llu,"
		      "\"a\":%.3f,\"a_spread\":%.3f,\"b\":%.3f,\"b_spread\":%.3f,"
		      "%s\"result\":\"%s\"}\n",
		      a->op, (unsigned long long)a->size, (unsigned long long)a->in_flight,
		      a->objects_per_second, a->spread, b->objects_per_second, b->spread, percent,
		      words[difference]);
	else
		print(output, "%-6s%12s%5llu  %.1f (+- %.1f) -> %.1f (+- %.1f) objects/s%s: %s\n",
		      a->op, table_size(a, size), (unsigned long long)a->in_flight,
		      a->objects_per_second, a->spread, b->objects_per_second, b->spread, percent,
		      words[difference]);
}

enum fault bench_compare(const struct results *a, const struct results *b, struct output *output,
			 struct err *err)
{
	size_t common = 0;
	for (size_t i = 0; i < a->count; i++) {
		const struct step *other = results_find(b, &a->step[i]);
		if (!other)
			continue;
		common++;
		print_difference(output, &a->step[i], other);
	}
	if (common == 0)
		return err_set(err, FAULT_USAGE,
			       "the two runs have no step in common: the same sizes and the same "
			       "requests in flight (-j) can be compared");
	return FAULT_NONE;
}
