#include "base/bytes.h"
#include "base/cancel.h"
#include "cli/command.h"
#include "report/out.h"
#include "report/say.h"
#include "serve/serve.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void gateway_stop(void *context)
{
	const int *fd = context;
	uint64_t one = 1;
	ssize_t written = write(*fd, &one, sizeof one);
	(void)written;
}

static void ready(void *context, const char *url)
{
	const struct options *options = context;
	char line[512];
	int length = snprintf(line, sizeof line, "%s\n", url);
	if (length > 0 && (size_t)length < sizeof line)
		out_put(line, (size_t)length);
	out_flush();
	say(SAY_INFO, "gateway for trying and testing at %s, node directory '%.200s'", url,
	    options->words.text[0]);
}

enum fault command_gateway(const struct options *options, int *status, struct err *err)
{
	struct options copy = *options; /* borrowed: what ready() shows */
	int stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (stop_fd < 0)
		return err_os(err, FAULT_NOMEM, errno, "cannot make an event descriptor");
	const struct serve_options serve = {
		.directory = options->words.text[0],
		.port = (uint16_t)options->port,
		.faults = (const char *const *)options->fault.text,
		.fault_count = options->fault.count,
		.ready = ready,
		.context = &copy,
		.stop_fd = stop_fd,
	};
	int watch = cancel_watch(gateway_stop, &stop_fd);
	enum fault fault = serve_run(&serve, err);
	cancel_unwatch(watch);
	close(stop_fd);
	*status = 0;
	return fault;
}
