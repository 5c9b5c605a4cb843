#include "annex/remote.h"
#include "base/limits.h"
#include "cli/command.h"
#include "net/http.h"
#include "report/say.h"
#include "report/status.h"

#include <sys/stat.h>
#include <unistd.h>

enum { THREADS = 16 /* requests at a time; git-annex has as many as its -J says */ };

/* Signals end this program at once: whatever it keeps is written whole or not at all. */
int command_annex(uint32_t mask)
{
	static struct output output = { .results = -1, .messages = STDERR_FILENO };
	static struct annex_remote remote;
	struct err err = { 0 };
	output.options.quiet = true; /* git-annex shows whatever is said */
	output.options.progress = REPORT_PROGRESS_NEVER;
	limits_raise();
	(void)umask((mode_t)mask);                 /* what it writes besides holds no secret */
	enum fault fault = http_global_init(&err); /* before there are threads */
	remote_init(&remote, &output);
	const struct annex_options options = {
		.in = STDIN_FILENO,
		.out = STDOUT_FILENO,
		.operation = remote_operations,
		.context = &remote,
		.began = remote_began,
		.ended = remote_ended,
		.setting = remote_settings,
		.threads = THREADS,
	};
	if (!fault)
		fault = annex_run(&options, &err);
	remote_fini(&remote);
	if (fault)
		say_err(&output, &err);
	return fault ? status_of_fault(fault) : STATUS_DONE;
}
