#include "serve/serve.h"

#include "queue/core/thread.h"
#include "serve/http.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	BACKLOG = 128,
	CONNECTIONS_MAX = 512,
	IDLE_SECONDS = 60,              /* as Twisted; then a connection is dropped */
	CONNECTION_MEMORY = 192 * 1024, /* bytes; request line, headers, a piece of a body */
	CONNECTION_STEP = 64 * 1024,    /* bytes read at once */
	URL_SIZE = 64,
};

const char *serve_fault_help(void)
{
	return "SPEC is REQUEST:KIND[=ARGUMENT][WHEN]\n"
	       "REQUEST  put get head mkdir mkdir-immutable set_children link unlink json check\n"
	       "         other any\n"
	       "KIND     delay=MS      answer so many milliseconds late\n"
	       "         500[=LINE]    refuse; LINE is the last one of the traceback\n"
	       "         410           refuse: not retrievable\n"
	       "         unhappy       refuse: 500 UploadUnhappinessError\n"
	       "         reset         close: an upload at its first bytes, a reply in its middle\n"
	       "         stall         an upload: never answer; a reply: stop in its middle\n"
	       "         truncate      half the body, its length told as if that were all\n"
	       "         wrong-body    one byte differs\n"
	       "         lie[=BYTES]   200, then a sentence instead of the last BYTES (24); with\n"
	       "                       more than 24 the rest never comes\n"
	       "         wrong-cap     answer another cap of the same kind\n"
	       "         lost-reply    do it, then close without an answer\n"
	       "WHEN     @N  @N+  @N-M  %P: the N-th such request, from it on, N to M, P percent\n";
}

/* Opens a listening socket on 127.0.0.1.  `port` 0: any. */
static enum fault listen_on(uint16_t port, int *out, struct err *err)
{
	const int on = 1;
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_os(err, FAULT_IO, errno, "make a socket");
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		const enum fault fault =
			err_os(err, FAULT_UNAVAILABLE, errno, "listen on 127.0.0.1:%u", port);
		close(fd);
		return fault;
	}
	*out = fd;
	return FAULT_NONE;
}

/* Opens the socket where serve.h says, and stores its port. */
static enum fault socket_open(const struct folder *folder, uint16_t *port, int *fd, struct err *err)
{
	enum fault fault = FAULT_UNAVAILABLE;
	*fd = -1;
	const uint16_t old = *port ? 0 : folder_old_port(folder);
	if (old)
		fault = listen_on(old, fd, err);
	if (fault)
		fault = listen_on(*port, fd, err);
	if (fault || *fd < 0)
		return fault;
	struct sockaddr_in address = { 0 };
	socklen_t size = sizeof address;
	if (getsockname(*fd, (struct sockaddr *)&address, &size) < 0) {
		close(*fd);
		return err_os(err, FAULT_IO, errno, "ask for the port");
	}
	*port = ntohs(address.sin_port);
	return FAULT_NONE;
}

static enum fault daemon_start(struct embedded *gateway, int fd, struct MHD_Daemon **daemon,
			       struct err *err)
{
	*daemon = MHD_start_daemon(
		MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
		http_access, gateway, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK,
		http_uri, gateway, MHD_OPTION_NOTIFY_COMPLETED, http_completed, gateway,
		MHD_OPTION_UNESCAPE_CALLBACK, http_unescape, gateway, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)CONNECTION_STEP, MHD_OPTION_END);
	if (*daemon)
		return FAULT_NONE;
	close(fd);
	return err_set(err, FAULT_NOMEM, "cannot start the HTTP server");
}

static enum fault stop_wait(int stop_fd, struct err *err)
{
	struct pollfd stop = { .fd = stop_fd, .events = POLLIN };
	while (poll(&stop, 1, -1) < 0) {
		if (errno != EINTR)
			return err_os(err, FAULT_IO, errno, "wait for the end");
	}
	return FAULT_NONE;
}

/* From the open folder to the end. */
static enum fault gateway_run(struct embedded *gateway, const struct serve_options *options,
			      struct err *err)
{
	char url[URL_SIZE];
	uint16_t port = options->port;
	int fd = -1;
	struct MHD_Daemon *daemon = NULL;
	enum fault fault = waits_new(&gateway->waits, err);
	if (!fault)
		fault = socket_open(&gateway->folder, &port, &fd, err);
	if (!fault)
		fault = daemon_start(gateway, fd, &daemon, err);
	if (!fault)
		fault = folder_publish(&gateway->folder, port, err);
	if (!fault) {
		snprintf(url, sizeof url, "http://127.0.0.1:%u/", port);
		options->ready(options->context, url);
		fault = stop_wait(options->stop_fd, err);
	}
	if (gateway->waits)
		waits_end(gateway->waits);
	if (daemon)
		MHD_stop_daemon(daemon);
	waits_free(gateway->waits);
	return fault;
}

static enum fault name_server(struct embedded *gateway, struct err *err)
{
	struct stat st;
	if (stat(gateway->folder.directory, &st) != 0)
		return err_os(err, FAULT_IO, errno, "cannot look at the node's directory");
	snprintf(gateway->server, sizeof gateway->server, "v0-barge-%jx-%jx", (uintmax_t)st.st_dev,
		 (uintmax_t)st.st_ino);
	return FAULT_NONE;
}

enum fault serve_run(const struct serve_options *options, struct err *err)
{
	struct embedded *gateway = calloc(1, sizeof *gateway);
	if (!gateway)
		return err_set(err, FAULT_NOMEM, "out of memory for a gateway");
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < options->fault_count && !fault; i++)
		fault = fault_plan_add(&gateway->plan, options->faults[i], err);
	gateway->started_ms = clock_ms();
	if (!fault)
		fault = node_folder_open(&gateway->folder, options->directory, err);
	if (!fault)
		fault = name_server(gateway, err);
	if (!fault)
		fault = gateway_run(gateway, options, err);
	node_folder_close(&gateway->folder);
	fault_plan_free(gateway->plan);
	free(gateway);
	return fault;
}
