/*
 * barge: moves directory trees into and out of a Tahoe-LAFS grid.
 *
 * The map: one line a room, in the order in which data flows.
 *
 *   options/    argv, environment, config file: one table; the selection of a command line
 *   place/      words -> paths and caps; what goes where, as what; how the grid is reached
 *   job/        where a run is saved, its lock, what its header says
 *   engine/     wires the rooms of one run together, and routes each task
 *   plan/       walks the sources and writes listings     select/   what is chosen
 *   queue/      leases tasks in segments, records outcomes
 *               queue/catalog: what is to be done and what became of it; queue/file: its files
 *   decide/     what becomes of an entry, by what is there and what was asked
 *   read/       opens, checks, reads, hashes: bodies      files/    names below an open directory
 *   upload/     bodies -> caps, proven
 *   download/   caps -> bytes, proven                     land/     bytes -> local files
 *   commit/     directories on the grid, bottom-up, the last link
 *   report/     progress, JSON lines, summary
 *   audit/      the proof repeated later                  compare/  what differs
 *   bench/      how fast a grid is                        measure/  what was measured
 *   archive/    what backups left at their target             snapshot/ its names, what is kept
 *   backup/     where snapshots go                        known/    what earlier ones stored
 *   annex/      git-annex's special remote: its protocol, keys and exported trees
 *   cli/        one command each: its job from options to exit status
 *
 * Below most of them: verify/ (which proof is one), calls/ (who runs calls, and again), store/ and
 * direct/ (what can be asked of a grid), node/ (what a node directory says), net/ (libcurl), tahoe/
 * (caps, CHK), base/ and queue/core/ (bytes, threads).
 * serve/ is the embedded gateway, a program of its own.
 */
#include "base/cancel.h"
#include "base/limits.h"
#include "base/program.h"
#include "cli/command.h"
#include "net/http.h"
#include "options/completion.h"
#include "report/log.h"
#include "report/out.h"
#include "report/report.h"
#include "report/say.h"
#include "report/status.h"

#include <errno.h>

static command_function *const function[COMMAND_COUNT] = {
	[COMMAND_CP] = command_cp,
	[COMMAND_PLAN] = command_plan,
	[COMMAND_BACKUP] = command_backup,
	[COMMAND_RUN] = command_run,
	[COMMAND_RESUME] = command_resume,
	[COMMAND_VERIFY] = command_verify,
	[COMMAND_JOBS] = command_jobs,
	[COMMAND_LS] = command_ls,
	[COMMAND_GET] = command_get,
	[COMMAND_PUT] = command_put,
	[COMMAND_KEY] = command_key,
	[COMMAND_DIFF] = command_diff,
	[COMMAND_SHOW] = command_show,
	[COMMAND_FORGET] = command_forget,
	[COMMAND_SNAPSHOTS] = command_snapshots,
	[COMMAND_REPAIR] = command_verify,
	[COMMAND_BENCH] = command_bench,
};

static enum fault main_run(struct options *options, struct output *output, int *status,
			   struct err *err)
{
	limits_raise();
	enum fault fault = http_global_init(err); /* before there are threads */
	if (!fault)
		fault = cancel_start(STATUS_INTERRUPTED, err);
	if (fault)
		return fault;
	int told = cancel_watch(say_stopping, output);
	if (options->cap_in_argv)
		say(output, SAY_WARNING,
		    "a cap on the command line was readable by other processes for a "
		    "moment; an alias or --cap-file is safer");
	if (options->at)
		fault = command_go_back(options, output, err);
	if (!fault)
		fault = command_keep_symlinks(options, err);
	if (!fault)
		fault = function[options->command](options, output, status, err);
	if (fault)
		out_flush(output);
	else /* the one place where lost results become a status */
		fault = out_end(output, status, err);
	cancel_unwatch(told);
	cancel_stop();
	return fault;
}

static enum fault dispatch(struct options *options, struct output *output, int *status,
			   struct err *err)
{
	*status = STATUS_DONE;
	if (options->command == COMMAND_HELP)
		options_help(options->help, stdout);
	else if (options->command == COMMAND_VERSION)
		fputs("barge " PROGRAM_VERSION "\n", stdout);
	else if (options->command == COMMAND_COMPLETION) {
		if (!completion_write(options->words.text[0], stdout))
			return err_set(err, FAULT_USAGE,
				       "'%.60s' is no shell that can be helped: bash, zsh or fish",
				       options->words.text[0]);
	} else if (options->command == COMMAND_GATEWAY)
		return command_gateway(options, output, status,
				       err); /* threads would end with exec */
	else
		return main_run(options, output, status, err);
	if (fflush(stdout) != 0 || ferror(stdout))
		return err_os(err, FAULT_IO, errno, "cannot write to standard output");
	return FAULT_NONE;
}

/* Whether the program was started by this name. */
static bool is_called(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');
	return strcmp(slash ? slash + 1 : path, name) == 0;
}

int main(int argc, char **argv)
{
	struct output output = { .results = STDOUT_FILENO, .messages = STDERR_FILENO };
	struct options options = { 0 };
	struct err err = { 0 };
	int status = STATUS_DONE;
	if (!program_open_standard_files())
		return STATUS_IO;
	if (program_has_borrowed_rights()) {
		say(&output, SAY_ERROR,
		    "this program does not run with borrowed rights (setuid, setgid)");
		return STATUS_INSECURE;
	}
	const uint32_t mask = program_harden();
	program_bound_memory();
	if (argc > 0 && is_called(argv[0], ANNEX_PROGRAM))
		return command_annex(mask);
	enum fault fault = options_parse(&options, argc, argv, &err);
	options.transfer.umask = mask;
	output.options = options.output;
	if (!fault)
		fault = log_open(&output, &err);
	if (!fault)
		fault = dispatch(&options, &output, &status, &err);
	if (fault) {
		say_err(&output, &err);
		status = status_of_fault(fault);
	}
	log_close(&output);
	options_fini(&options);
	return status;
}
