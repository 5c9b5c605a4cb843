#include "tests/unit/scripted.h"

#include "queue/core/thread.h"

#include <arpa/inet.h>
#include <assert.h>
#include <poll.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUESTS = 4096, CONNECTIONS = 256, HEADERS_SIZE = 65536 };

struct request {
	char *headers, *body;
	size_t size;
};

struct connection {
	struct scripted *server;
	struct thread thread;
	int fd;
};

/* A reply that scripted_answer copied; sends of earlier ones may still be under way. */
struct copy {
	struct copy *next;
	struct script_step step;
	char reply[];
};

struct scripted {
	const struct script_step *step;
	struct copy *copies;
	size_t count;
	int listener, stop;
	char url[64];
	struct thread thread;
	struct mutex lock;
	struct request request[REQUESTS];
	size_t requests;
	struct connection connection[CONNECTIONS];
	size_t connections;
};

/* False once the server stops. */
static bool wait_readable(struct scripted *server, int fd)
{
	struct pollfd fds[] = { { .fd = server->stop, .events = POLLIN },
				{ .fd = fd, .events = POLLIN } };
	while (poll(fds, fd < 0 ? 1 : 2, -1) < 0)
		;
	return !(fds[0].revents & POLLIN);
}

static bool stopped_within(struct scripted *server, unsigned ms)
{
	struct pollfd fd = { .fd = server->stop, .events = POLLIN };
	return poll(&fd, 1, (int)ms) > 0;
}

/* Reads up to the blank line.  Returns how much of `buffer` is used, 0 at the end. */
static size_t read_headers(struct connection *c, char *buffer, size_t *header_size)
{
	size_t used = 0;
	for (;;) {
		if (!wait_readable(c->server, c->fd) || used == HEADERS_SIZE - 1)
			return 0;
		ssize_t got = recv(c->fd, buffer + used, HEADERS_SIZE - 1 - used, 0);
		if (got <= 0)
			return 0;
		used += (size_t)got;
		buffer[used] = '\0';
		char *end = strstr(buffer, "\r\n\r\n");
		if (!end)
			continue;
		*header_size = (size_t)(end - buffer) + 4;
		return used;
	}
}

static size_t body_size(const char *headers)
{
	static const char name[] = "\r\nContent-Length:";
	const char *at = strcasestr(headers, name);
	return at ? strtoul(at + sizeof name - 1, NULL, 10) : 0;
}

static bool read_body(struct connection *c, char *body, size_t used, size_t size)
{
	while (used < size) {
		if (!wait_readable(c->server, c->fd))
			return false;
		ssize_t got = recv(c->fd, body + used, size - used, 0);
		if (got <= 0)
			return false;
		used += (size_t)got;
	}
	return true;
}

static struct script_step note(struct scripted *server, const struct request *request)
{
	mutex_lock(&server->lock);
	size_t index = server->requests++;
	assert(index < REQUESTS);
	server->request[index] = *request;
	struct script_step step = server->step[min_u64(index, server->count - 1)];
	mutex_unlock(&server->lock);
	return step;
}

static struct script_step next(struct scripted *server)
{
	mutex_lock(&server->lock);
	struct script_step step = server->step[min_u64(server->requests, server->count - 1)];
	mutex_unlock(&server->lock);
	return step;
}

static void answer(struct connection *c, const struct script_step *step)
{
	if (!step->reply)
		return;
	size_t size = step->size ? step->size : strlen(step->reply);
	size_t piece = !step->trickle_ms ? size : step->piece ? step->piece : 1;
	for (size_t at = 0; at < size; at += piece) {
		if (step->trickle_ms && stopped_within(c->server, step->trickle_ms))
			return;
		if (send(c->fd, step->reply + at, min_u64(piece, size - at), MSG_NOSIGNAL) < 0)
			return;
	}
}

/* Serves one request.  False: the connection is over. */
static bool serve_one(struct connection *c, char *buffer)
{
	size_t headers = 0;
	size_t used = read_headers(c, buffer, &headers);
	if (used == 0)
		return false;
	struct request request = { .headers = strndup(buffer, headers) };
	request.size = body_size(request.headers);
	request.body = calloc(1, request.size + 1);
	assert(request.headers && request.body);
	memcpy(request.body, buffer + headers, min_u64(used - headers, request.size));
	if (!next(c->server).unread && !read_body(c, request.body, used - headers, request.size)) {
		free(request.headers);
		free(request.body);
		return false;
	}
	struct script_step step = note(c->server, &request);
	answer(c, &step);
	if (step.then == THEN_STALL)
		(void)wait_readable(c->server, -1);
	if (step.then == THEN_RESET)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
			   sizeof(struct linger));
	return step.then == THEN_KEEP;
}

static void serve(void *context)
{
	struct connection *c = context;
	char *buffer = malloc(HEADERS_SIZE);
	assert(buffer);
	while (serve_one(c, buffer))
		;
	free(buffer);
	close(c->fd);
}

static void accept_all(void *context)
{
	struct scripted *server = context;
	while (wait_readable(server, server->listener)) {
		int fd = accept(server->listener, NULL, NULL);
		if (fd < 0)
			continue;
		mutex_lock(&server->lock);
		assert(server->connections < CONNECTIONS);
		struct connection *c = &server->connection[server->connections++];
		mutex_unlock(&server->lock);
		*c = (struct connection){ .server = server, .fd = fd };
		bool started = thread_start(&c->thread, "scripted", serve, c);
		assert(started);
		(void)started;
	}
}

struct scripted *scripted_new(const struct script_step *step, size_t count)
{
	struct scripted *server = calloc(1, sizeof *server);
	assert(server && count > 0);
	server->step = step;
	server->count = count;
	mutex_init(&server->lock);
	server->stop = eventfd(0, EFD_CLOEXEC);
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;
	bool up = bind(server->listener, (struct sockaddr *)&address, size) == 0 &&
		  listen(server->listener, CONNECTIONS) == 0 &&
		  getsockname(server->listener, (struct sockaddr *)&address, &size) == 0;
	assert(up);
	(void)up;
	snprintf(server->url, sizeof server->url, "http://127.0.0.1:%d/", ntohs(address.sin_port));
	bool started = thread_start(&server->thread, "accept", accept_all, server);
	assert(started);
	(void)started;
	return server;
}

void scripted_answer(struct scripted *server, struct script_step step)
{
	size_t size = step.reply ? step.size ? step.size : strlen(step.reply) : 0;
	struct copy *copy = calloc(1, sizeof *copy + size + 1);
	assert(copy);
	copy->step = step;
	if (step.reply) {
		memcpy(copy->reply, step.reply, size);
		copy->step.reply = copy->reply;
	}
	mutex_lock(&server->lock);
	copy->next = server->copies;
	server->copies = copy;
	server->step = &copy->step;
	server->count = 1;
	mutex_unlock(&server->lock);
}

void scripted_free(struct scripted *server)
{
	uint64_t one = 1;
	if (write(server->stop, &one, sizeof one) < 0)
		abort();
	thread_join(&server->thread);
	for (size_t i = 0; i < server->connections; i++)
		thread_join(&server->connection[i].thread);
	for (size_t i = 0; i < server->requests; i++) {
		free(server->request[i].headers);
		free(server->request[i].body);
	}
	while (server->copies) {
		struct copy *copy = server->copies;
		server->copies = copy->next;
		free(copy);
	}
	close(server->listener);
	close(server->stop);
	mutex_fini(&server->lock);
	free(server);
}

const char *scripted_url(const struct scripted *server) { return server->url; }

size_t scripted_requests(struct scripted *server)
{
	mutex_lock(&server->lock);
	size_t count = server->requests;
	mutex_unlock(&server->lock);
	return count;
}

size_t scripted_connections(struct scripted *server)
{
	mutex_lock(&server->lock);
	size_t count = server->connections;
	mutex_unlock(&server->lock);
	return count;
}

const char *scripted_headers(struct scripted *server, size_t index)
{
	mutex_lock(&server->lock);
	const char *headers = index < server->requests ? server->request[index].headers : "";
	mutex_unlock(&server->lock);
	return headers;
}

const char *scripted_body(struct scripted *server, size_t index, size_t *size)
{
	mutex_lock(&server->lock);
	bool there = index < server->requests;
	const char *body = there ? server->request[index].body : "";
	if (size)
		*size = there ? server->request[index].size : 0;
	mutex_unlock(&server->lock);
	return body;
}
