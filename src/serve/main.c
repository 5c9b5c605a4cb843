/*
 * barge-gateway: the embedded gateway as a program, so that barge itself links no HTTP server.
 *
 * argv -> arguments -> serve_run, which sleeps until a signal writes to its stop_fd.
 * `barge gateway` starts it, too.
 */
#include "base/cancel.h"
#include "base/program.h"
#include "report/say.h"
#include "report/status.h"
#include "serve/serve.h"

#include <errno.h>
#include <getopt.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct arguments {
	const char *directory;
	const char **faults; /* point into argv */
	size_t fault_count;
	uint16_t port;
	struct output output;
	bool help, version;
	int stop_fd;   /* written to: the gateway ends */
	int unwritten; /* errno of standard output, when the URL could not be given */
};

static void print_help(void)
{
	printf("usage: barge-gateway [OPTION...] DIR\n\n"
	       "Runs a one-node gateway for trying and testing.\n"
	       "DIR becomes a node directory: `barge cp -d DIR ...` uses it.  Loopback only.\n\n"
	       "options:\n"
	       "      --port=N                  port on 127.0.0.1 (the one used before, else any)\n"
	       "      --fault=SPEC              for tests: break some requests on purpose\n"
	       "  -q, --quiet                   only errors and warnings\n"
	       "  -v, --verbose                 say more\n"
	       "  -h, --help                    this text\n"
	       "      --version                 the version\n\n%s",
	       serve_fault_help());
}

static enum fault read_port(const char *text, uint16_t *port, struct err *err)
{
	char *end = NULL;
	errno = 0;
	unsigned long value = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value < 1 || value > UINT16_MAX)
		return err_set(err, FAULT_USAGE, "--port wants a number from 1 to 65535");
	*port = (uint16_t)value;
	return FAULT_NONE;
}

/* Says what getopt_long did not like about the option it stopped at. */
static enum fault bad_option(int reason, char **argv, struct err *err)
{
	if (reason == ':')
		return err_set(err, FAULT_USAGE, "%.90s wants a value behind it", argv[optind - 1]);
	return err_set(err, FAULT_USAGE, "%.90s: no such option; barge-gateway --help lists them",
		       optopt > 0 && optopt < 128 ? (char[]){ '-', (char)optopt, '\0' }
						  : argv[optind - 1]);
}

static enum fault parse_options(struct arguments *arguments, int argc, char **argv, struct err *err)
{
	enum { PORT = 256, FAULT, VERSION };
	static const struct option known[] = {
		{ "port", required_argument, NULL, PORT },
		{ "fault", required_argument, NULL, FAULT },
		{ "quiet", no_argument, NULL, 'q' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, VERSION },
		{ 0 },
	};
	enum fault fault = FAULT_NONE;
	for (int found; !fault && (found = getopt_long(argc, argv, ":qvh", known, NULL)) != -1;)
		switch (found) {
		case PORT:
			fault = read_port(optarg, &arguments->port, err);
			break;
		case FAULT:
			arguments->faults[arguments->fault_count++] = optarg;
			break;
		case 'q':
			arguments->output.options.quiet = true;
			break;
		case 'v':
			arguments->output.options.verbose = true;
			break;
		case 'h':
			arguments->help = true;
			break;
		case VERSION:
			arguments->version = true;
			break;
		default:
			fault = bad_option(found, argv, err);
		}
	return fault;
}

static enum fault parse(struct arguments *arguments, int argc, char **argv, struct err *err)
{
	enum fault fault = parse_options(arguments, argc, argv, err);
	if (fault || arguments->help || arguments->version)
		return fault;
	if (argc - optind != 1)
		return err_set(err, FAULT_USAGE, "%s: usage: barge-gateway [OPTION...] DIR",
			       argc == optind ? "too few words" : "too many words");
	arguments->directory = argv[optind];
	return FAULT_NONE;
}

static void stop(void *context)
{
	const int *fd = context;
	uint64_t one = 1;
	ssize_t written = write(*fd, &one, sizeof one);
	(void)written;
}

/* Whoever waits for the URL would wait for ever if it were lost; a reader that went away has had
 * enough. */
static void ready(void *context, const char *url)
{
	struct arguments *arguments = context;
	puts(url);
	if (fflush(stdout) != 0 && errno != EPIPE) {
		arguments->unwritten = errno;
		stop(&arguments->stop_fd);
		return;
	}
	say(&arguments->output, SAY_INFO,
	    "gateway for trying and testing at %s, node directory '%.200s': barge cp -d DIRECTORY "
	    "-r TREE tahoe:",
	    url, arguments->directory);
}

static enum fault unwritten(int os_error, struct err *err)
{
	return err_os(err, FAULT_IO, os_error, "cannot write to standard output");
}

static enum fault run(struct arguments *arguments, struct err *err)
{
	arguments->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (arguments->stop_fd < 0)
		return err_os(err, FAULT_NOMEM, errno, "cannot make an event descriptor");
	const struct serve_options serve = {
		.directory = arguments->directory,
		.port = arguments->port,
		.faults = arguments->faults,
		.fault_count = arguments->fault_count,
		.ready = ready,
		.context = arguments,
		.stop_fd = arguments->stop_fd,
	};
	enum fault fault = cancel_start(STATUS_INTERRUPTED, err);
	if (!fault) {
		int told = cancel_watch(say_stopping, &arguments->output);
		int watch = cancel_watch(stop, &arguments->stop_fd);
		fault = serve_run(&serve, err);
		cancel_unwatch(watch);
		cancel_unwatch(told);
		cancel_stop();
	}
	close(arguments->stop_fd);
	return fault || !arguments->unwritten ? fault : unwritten(arguments->unwritten, err);
}

static enum fault answer(struct arguments *arguments, struct err *err)
{
	if (arguments->help)
		print_help();
	else if (arguments->version)
		puts("barge-gateway " PROGRAM_VERSION);
	else
		return run(arguments, err);
	return fflush(stdout) != 0 ? unwritten(errno, err) : FAULT_NONE;
}

int main(int argc, char **argv)
{
	struct arguments arguments = {
		.output = { .results = STDOUT_FILENO, .messages = STDERR_FILENO },
	};
	struct err err = { 0 };
	if (!program_open_standard_files())
		return STATUS_IO;
	if (program_has_borrowed_rights()) {
		say(&arguments.output, SAY_ERROR,
		    "this program does not run with borrowed rights (setuid, setgid)");
		return STATUS_INSECURE;
	}
	program_harden();
	arguments.faults = calloc((size_t)argc + 1, sizeof *arguments.faults);
	enum fault fault = FAULT_NOMEM;
	if (!arguments.faults)
		err_set(&err, fault, "out of memory for the command line");
	else
		fault = parse(&arguments, argc, argv, &err);
	if (!fault)
		fault = answer(&arguments, &err);
	if (fault)
		say_err(&arguments.output, &err);
	free(arguments.faults);
	return status_of_fault(fault);
}
