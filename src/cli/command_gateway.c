#include "cli/command.h"

#include <errno.h>
#include <unistd.h>

static char program[] = "barge-gateway";

/* Stores the path of `name` beside the running program. */
static bool path_beside(char *path, size_t size, const char *name)
{
	ssize_t length = readlink("/proc/self/exe", path, size - 1);
	if (length <= 0)
		return false;
	path[length] = '\0';
	char *end = strrchr(path, '/');
	if (!end || strlen(name) >= size - (size_t)(end + 1 - path))
		return false;
	memcpy(end + 1, name, strlen(name) + 1);
	return true;
}

/* Becomes barge-gateway; returns only when that failed. */
static enum fault gateway_exec(char **argv, struct err *err)
{
	char path[4096];
	errno = ENOENT;
	if (path_beside(path, sizeof path, program))
		execv(path, argv);
	if (errno == ENOENT)
		execvp(program, argv);
	if (errno == ENOENT)
		return err_set(err, FAULT_NOT_FOUND,
			       "there is no %s beside barge or in a directory of PATH; "
			       "ninja install puts both in place",
			       program);
	return err_os(err, FAULT_IO, errno, "cannot start %s", program);
}

enum fault command_gateway(const struct options *options, struct output *output, int *status,
			   struct err *err)
{
	static char fault_option[] = "--fault", quiet[] = "--quiet", verbose[] = "--verbose",
		    end[] = "--";
	char port[32];
	char **argv = calloc(2 * options->fault.count + 7, sizeof *argv);
	size_t count = 0;
	(void)output;
	(void)status; /* what the other program ends with is ours */
	if (!argv)
		return err_set(err, FAULT_NOMEM, "out of memory for the command line");
	argv[count++] = program;
	snprintf(port, sizeof port, "--port=%llu", (unsigned long long)options->port);
	if (options->port)
		argv[count++] = port;
	for (size_t i = 0; i < options->fault.count; i++) {
		argv[count++] = fault_option;
		argv[count++] = options->fault.text[i];
	}
	if (options->output.quiet)
		argv[count++] = quiet;
	if (options->output.verbose)
		argv[count++] = verbose;
	argv[count++] = end;
	argv[count++] = options->words.text[0];
	enum fault fault = gateway_exec(argv, err);
	free(argv);
	return fault;
}
