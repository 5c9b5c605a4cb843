#include "bench/bench_parts.h"

#include <errno.h>
#include <spawn.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SCRIPT_MAX = 16 << 20 };

extern char **environ;

/* Appends `text` as gnuplot quotes it: in '', with ' twice, and nothing that is not seen. */
static enum fault quote(struct bytes *out, const char *text)
{
	enum fault fault = bytes_append_text(out, "'");
	for (; *text && !fault; text++) {
		char one = (unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text;
		fault = bytes_append(out, &one, 1);
		if (!fault && one == '\'')
			fault = bytes_append(out, &one, 1);
	}
	return fault ? fault : bytes_append_text(out, "'");
}

static bool begins_kind(const struct results *results, size_t i)
{
	const struct step *step = &results->step[i];
	return i == 0 || step[-1].size != step->size || strcmp(step[-1].op, step->op) != 0;
}

/* The numbers of each kind and size, as a block of its own. */
static enum fault append_data(const struct results *results, struct bytes *out)
{
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < results->count && !fault; i++) {
		const struct step *step = &results->step[i];
		if (i > 0 && begins_kind(results, i))
			fault = bytes_append_text(out, "\n\n");
		if (!fault)
			fault = bytes_printf(
				out, "%llu %.3f %.3f", (unsigned long long)step->in_flight,
				step->bytes_per_second > 0 ? step->bytes_per_second / 1048576
							   : step->objects_per_second,
				step->objects_per_second);
		for (size_t t = 0; t < STEP_TIMES && !fault; t++)
			fault = bytes_printf(out, " %.3f", (double)step->latency.us[t] / 1000);
		if (!fault)
			fault = bytes_append_text(out, "\n");
	}
	return fault;
}

static bool begins_seconds(const struct results *results, size_t i)
{
	const struct second *second = &results->second[i];
	return i == 0 || second[-1].size != second->size || strcmp(second[-1].op, second->op) != 0;
}

/* The speed of each second since its kind and size began, warm-ups left out, a block for each. */
static enum fault append_seconds(const struct results *results, struct bytes *out)
{
	enum fault fault = FAULT_NONE;
	double at = 0;
	for (size_t i = 0; i < results->seconds && !fault; i++) {
		const struct second *second = &results->second[i];
		if (begins_seconds(results, i)) {
			at = 0;
			fault = i > 0 ? bytes_append_text(out, "\n\n") : FAULT_NONE;
		}
		at += second->seconds;
		if (!fault)
			fault = bytes_printf(out, "%.3f %.3f\n", at,
					     (double)second->objects / second->seconds);
	}
	return fault;
}

static enum fault append_title(const struct step *step, const char *name, const char *what,
			       struct bytes *out)
{
	char size[TABLE_SIZE_TEXT], title[256];
	snprintf(title, sizeof title, "%s %s%s %.150s", step->op, table_size(step, size), what,
		 name);
	return quote(out, title);
}

/* Appends a line for each kind and size of each run; `times` tells which columns. */
static enum fault append_lines(const struct results *results, const char *const *name, size_t count,
			       bool times, struct bytes *out)
{
	enum fault fault = bytes_append_text(out, "plot ");
	bool first = true;
	for (size_t run = 0; run < count; run++) {
		size_t block = 0;
		for (size_t i = 0; i < results[run].count && !fault; i++) {
			if (!begins_kind(&results[run], i))
				continue;
			for (int part = 0; part < (times ? 2 : 1) && !fault; part++) {
				fault = bytes_printf(out,
						     "%s$run%zu index %zu using 1:%d with "
						     "linespoints title ",
						     first ? "" : ", ", run, block,
						     times ? (part ? 6 : 4) : 3);
				if (!fault)
					fault = append_title(&results[run].step[i], name[run],
							     !times ? ""
							     : part ? " p99"
								    : " p50",
							     out);
				first = false;
			}
			block++;
		}
	}
	return fault ? fault : bytes_append_text(out, "\n");
}

static enum fault append_second_lines(const struct results *results, const char *const *name,
				      size_t count, struct bytes *out)
{
	enum fault fault = bytes_append_text(out, "plot ");
	bool first = true;
	for (size_t run = 0; run < count; run++) {
		size_t block = 0;
		for (size_t i = 0; i < results[run].seconds && !fault; i++) {
			const struct second *second = &results[run].second[i];
			struct step step = { .size = second->size };
			if (!begins_seconds(&results[run], i))
				continue;
			snprintf(step.op, sizeof step.op, "%s", second->op);
			fault = bytes_printf(out,
					     "%s$seconds%zu index %zu using 1:2 with linespoints "
					     "title ",
					     first ? "" : ", ", run, block++);
			if (!fault)
				fault = append_title(&step, name[run], "", out);
			first = false;
		}
	}
	return fault ? fault : bytes_append_text(out, "\n");
}

/* Speed over time, where there are seconds. */
static enum fault append_time(const struct results *results, const char *const *name, size_t count,
			      struct bytes *out)
{
	enum fault fault = FAULT_NONE;
	for (size_t run = 0; run < count && !fault; run++) {
		fault = bytes_printf(out, "$seconds%zu << END\n", run);
		if (!fault)
			fault = append_seconds(&results[run], out);
		if (!fault)
			fault = bytes_append_text(out, "END\n");
	}
	if (!fault)
		fault = bytes_append_text(out, "unset logscale x\nset xlabel 'seconds'\n"
					       "set ylabel 'objects a second'\n");
	return fault ? fault : append_second_lines(results, name, count, out);
}

static bool has_seconds(const struct results *results, size_t count)
{
	size_t seconds = 0;
	for (size_t run = 0; run < count; run++)
		seconds += results[run].seconds;
	return seconds > 0;
}

static enum fault append_script(const struct results *results, const char *const *name,
				size_t count, struct bytes *out)
{
	enum fault fault = FAULT_NONE;
	for (size_t run = 0; run < count && !fault; run++) {
		fault = bytes_printf(out, "$run%zu << END\n", run);
		if (!fault)
			fault = append_data(&results[run], out);
		if (!fault)
			fault = bytes_append_text(out, "END\n");
	}
	if (!fault)
		fault = bytes_printf(out,
				     "set multiplot layout %d,1\nset key outside noenhanced\n"
				     "set lmargin 12\nset rmargin 36\n"
				     "set logscale xy\nset grid\nset xlabel 'requests in flight'\n"
				     "set ylabel 'objects a second'\n",
				     has_seconds(results, count) ? 3 : 2);
	if (!fault)
		fault = append_lines(results, name, count, false, out);
	if (!fault)
		fault = bytes_append_text(out, "set ylabel 'milliseconds'\n");
	if (!fault)
		fault = append_lines(results, name, count, true, out);
	if (!fault && has_seconds(results, count))
		fault = append_time(results, name, count, out);
	return fault ? fault : bytes_append_text(out, "unset multiplot\n");
}

static bool ends_in(const char *text, const char *end)
{
	size_t size = strlen(text), tail = strlen(end);
	return size > tail && strcasecmp(text + size - tail, end) == 0;
}

/* Starts gnuplot with its standard input at `input`. */
static enum fault start_gnuplot(int input, pid_t *pid, struct err *err)
{
	static char program[] = "gnuplot";
	char *const argv[] = { program, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	int error = posix_spawnp(pid, program, &actions, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	if (error == ENOENT)
		return err_set(err, FAULT_USAGE,
			       "pictures are drawn by gnuplot, which is not installed (Debian: "
			       "gnuplot-nox)");
	return error ? err_os(err, FAULT_IO, error, "cannot start gnuplot") : FAULT_NONE;
}

/* Has gnuplot do what the script in the open file says. */
static enum fault run_gnuplot(int input, const char *file, struct err *err)
{
	pid_t pid;
	int status = 0;
	if (start_gnuplot(input, &pid, err))
		return err->fault;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || access(file, F_OK) != 0)
		return err_set(err, FAULT_IO, "gnuplot could not draw '%.150s'", file);
	return FAULT_NONE;
}

static enum fault draw(const struct bytes *script, const char *file, struct err *err)
{
	FILE *input = tmpfile();
	if (!input || fwrite(script->data, 1, script->size, input) != script->size ||
	    fflush(input) != 0 || fseek(input, 0, SEEK_SET) != 0)
		err_os(err, FAULT_IO, errno, "cannot write for gnuplot");
	else
		run_gnuplot(fileno(input), file, err);
	if (input)
		(void)fclose(input);
	return err->fault;
}

enum fault bench_plot(const struct results *results, const char *const *name, size_t count,
		      const char *file, struct err *err)
{
	const char *terminal = ends_in(file, ".svg")   ? "svg size 900,1200 background rgb 'white'"
			       : ends_in(file, ".png") ? "png size 900,1200"
						       : NULL;
	struct bytes script;
	if (!terminal)
		return err_set(err, FAULT_USAGE,
			       "'%.120s' is no picture that can be drawn: end its name in .svg or "
			       ".png",
			       file);
	*err = (struct err){ 0 };
	bytes_init(&script, SCRIPT_MAX);
	enum fault fault = bytes_printf(&script, "set terminal %s\nset output ", terminal);
	if (!fault)
		fault = quote(&script, file);
	if (!fault)
		fault = bytes_append_text(&script, "\n");
	if (!fault)
		fault = append_script(results, name, count, &script);
	fault = fault ? bytes_err(fault, err, "a picture") : draw(&script, file, err);
	bytes_fini(&script);
	return fault;
}
