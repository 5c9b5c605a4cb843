#include "serve/http.h"

#include "base/escape.h"
#include "base/secret.h"
#include "queue/core/thread.h"
#include "serve/problem.h"

enum {
	QUERY_SIZE_MAX = 64 * 1024,    /* bytes of one decoded query value */
	BODY_MEMORY_MAX = 1024 * 1024, /* bytes of a body kept in memory, as in Tahoe-LAFS */
};

size_t http_unescape(void *cls, struct MHD_Connection *connection, char *text)
{
	(void)cls;
	(void)connection;
	return strlen(text); /* path.h and request_query decode, after splitting */
}

void *http_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
	struct embedded *gateway = cls;
	struct request *request = calloc(1, sizeof *request);
	if (!request)
		return NULL;
	request->gateway = gateway;
	request->connection = connection;
	request->too_long = strlen(uri) > URI_SIZE_MAX;
	request->url = strndup(uri, strcspn(uri, "?"));
	spool_init(&request->body, gateway->folder.directory, BODY_MEMORY_MAX);
	bytes_init(&request->reply.body, DIRECTORY_BODY_MAX);
	return request;
}

/* From here on equal content may be uploaded again. */
static void request_end(struct request *request)
{
	if (request->marked)
		in_flight_end(&request->gateway->flights, &request->mark);
	request->marked = false;
}

void http_completed(void *cls, struct MHD_Connection *connection, void **context,
		    enum MHD_RequestTerminationCode why)
{
	struct request *request = *context;
	(void)cls;
	(void)connection;
	(void)why;
	if (!request)
		return;
	request_end(request);
	if (request->started)
		request->gateway->under_way--;
	if (request->url)
		secret_wipe(request->url, strlen(request->url));
	free(request->url);
	path_fini(&request->path);
	spool_fini(&request->body);
	bytes_fini(&request->reply.body);
	download_free(request->reply.download);
	free(request);
	*context = NULL;
}

bool request_query(const struct request *request, const char *key, struct bytes *out)
{
	const char *raw =
		MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, key);
	return raw && !escape_percent_decode(out, raw, strlen(raw));
}

/* Copies a short query value; "" when it is absent, "?" when it is long or malformed. */
static void query_short(const struct request *request, const char *key, char out[QUERY_SIZE])
{
	struct bytes value;
	bytes_init(&value, QUERY_SIZE - 1);
	out[0] = '\0';
	if (request_query(request, key, &value))
		snprintf(out, QUERY_SIZE, "%s", bytes_text(&value));
	else if (MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, key))
		snprintf(out, QUERY_SIZE, "?");
	bytes_fini(&value);
}

enum fault request_flag(const struct request *request, const char *key, bool *flag, struct err *err)
{
	static const char *const yes[] = { "true", "t", "1", "on" };
	static const char *const no[] = { "", "false", "f", "0", "off" };
	char value[QUERY_SIZE];
	query_short(request, key, value);
	for (size_t i = 0; i < ARRAY_COUNT(yes); i++) {
		if (strcasecmp(value, yes[i]) == 0) {
			*flag = true;
			return FAULT_NONE;
		}
	}
	*flag = false;
	for (size_t i = 0; i < ARRAY_COUNT(no); i++) {
		if (strcasecmp(value, no[i]) == 0)
			return FAULT_NONE;
	}
	return problem(err, 400, "invalid boolean argument %s", key);
}

enum fault request_uploaded(struct request *request, const struct upload *upload, struct err *err)
{
	struct embedded *gateway = request->gateway;
	if (upload->created) {
		gateway->files++;
		in_flight_created(&gateway->flights, &request->mark, upload->index);
		request->marked = true;
	} else if (upload->stored &&
		   in_flight_lost(&gateway->flights, upload->index, request->arrival)) {
		return problem(err, 500,
			       "allmydata.interfaces.UploadUnhappinessError: server being full, or "
			       "the same file being uploaded at the same time");
	}
	return FAULT_NONE;
}

struct route {
	const char *method; /* NULL: any */
	const char *t;      /* of the query; NULL: any */
	int bare;           /* 1: no cap in the path; 0: one; -1: both */
	enum request_kind kind;
	handler *handle;
};

/* Below /uri, the first that fits. */
static const struct route routes[] = {
	{ "PUT", "", -1, REQUEST_PUT, file_put },
	{ "PUT", "upload", -1, REQUEST_PUT, file_put },
	{ "PUT", "uri", 0, REQUEST_LINK, directory_link_uri },
	{ "PUT", "mkdir", -1, REQUEST_MKDIR, directory_mkdir },
	{ "POST", "mkdir", -1, REQUEST_MKDIR, directory_mkdir },
	{ "POST", "mkdir-with-children", -1, REQUEST_MKDIR, directory_mkdir },
	{ "POST", "mkdir-immutable", -1, REQUEST_MKDIR_IMMUTABLE, directory_mkdir_immutable },
	{ "POST", "set_children", 0, REQUEST_SET_CHILDREN, directory_set_children },
	{ "POST", "set-children", 0, REQUEST_SET_CHILDREN, directory_set_children },
	{ "POST", "uri", 0, REQUEST_LINK, directory_link_uri },
	{ "POST", "unlink", 0, REQUEST_UNLINK, directory_unlink },
	{ "POST", "delete", 0, REQUEST_UNLINK, directory_unlink },
	{ "POST", "check", 0, REQUEST_CHECK, object_check },
	{ "DELETE", NULL, 0, REQUEST_UNLINK, directory_unlink },
	{ "GET", "json", 0, REQUEST_JSON, object_json },
	{ "HEAD", "json", 0, REQUEST_JSON, object_json },
	{ "GET", "uri", 0, REQUEST_OTHER, object_uri },
	{ "GET", "readonly-uri", 0, REQUEST_OTHER, object_uri },
	{ "GET", "", 0, REQUEST_GET, file_get },
	{ "HEAD", "", 0, REQUEST_HEAD, file_get },
};

static enum fault no_route(struct request *request, struct err *err)
{
	static const char *const known[] = { "GET", "HEAD", "PUT", "POST", "DELETE" };
	for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
		if (strcmp(request->method, known[i]) == 0)
			return problem(err, 400, "%s: bad t=%.20s", request->method, request->t);
	}
	return problem(err, 501, "unsupported method");
}

static enum fault no_page(struct request *request, struct err *err)
{
	(void)request;
	return problem(err, 404, "No Such Resource");
}

/* Pages outside /uri. */
static handler *page_of(const struct request *request)
{
	const char *first = path_part(&request->path, 0), *second = path_part(&request->path, 1);
	if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0)
		return no_page;
	if (request->path.count == 0)
		return status_welcome;
	if (strcmp(first, "status") == 0)
		return status_operations;
	if (strcmp(first, "statistics") == 0 && !request->path.trailing)
		return status_counters;
	if (strcmp(first, "barge") == 0 && strcmp(second, "status") == 0)
		return status_own;
	return no_page;
}

/* Finds the kind and handler of a request; Tahoe's /cap, /file and /named mean /uri. */
static handler *request_route(const struct request *request, enum request_kind *kind)
{
	static const char *const roots[] = { "uri", "cap", "file", "named" };
	const char *first = path_part(&request->path, 0);
	bool below = false;
	for (size_t i = 0; i < ARRAY_COUNT(roots); i++)
		below |= strcmp(first, roots[i]) == 0;
	*kind = REQUEST_OTHER;
	if (!below)
		return page_of(request);
	const int bare = request->path.count < 2;
	for (size_t i = 0; i < ARRAY_COUNT(routes); i++) {
		const struct route *route = &routes[i];
		if ((route->bare >= 0 && route->bare != bare) ||
		    strcmp(route->method, request->method) != 0 ||
		    (route->t && strcmp(route->t, request->t) != 0))
			continue;
		*kind = route->kind;
		return route->handle;
	}
	return no_route;
}

static bool has_body(const struct request *request)
{
	return request->method[0] == 'P'; /* PUT, POST */
}

/* Runs when the headers are there.  False: the connection is to be closed. */
static bool request_start(struct request *request, const char *method)
{
	struct embedded *gateway = request->gateway;
	request->started = true;
	if (++gateway->under_way > gateway->most_under_way)
		gateway->most_under_way = gateway->under_way;
	request->method = method;
	request->arrival = in_flight_arrive(&gateway->flights);
	query_short(request, "t", request->t);
	if (request->too_long || !request->url)
		return false;
	request->fault = path_parse(&request->path, request->url, &request->err);
	if (request->fault == FAULT_CORRUPT)
		return false;
	(void)request_route(request, &request->kind);
	gateway->requests[request->kind]++;
	fault_plan_next(gateway->plan, request->kind, &request->action);
	const char *length = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND,
							 MHD_HTTP_HEADER_CONTENT_LENGTH);
	if (length)
		spool_expect(&request->body, strtoull(length, NULL, 10));
	return true;
}

/* What the faults on the command line have instead of the work. */
static enum fault request_refused(struct request *request, struct err *err)
{
	const struct fault_action *action = &request->action;
	if (action->unhappy)
		return problem(err, 500,
			       "allmydata.interfaces.UploadUnhappinessError: asked for by --fault");
	if (action->status == 410)
		return problem(err, 410,
			       "allmydata.interfaces.NoSharesError: asked for by --fault");
	if (action->status != 0)
		return problem(err, action->status, "%s",
			       action->reason ? action->reason
					      : "builtins.RuntimeError: asked for by --fault");
	return FAULT_NONE;
}

/* Runs the handler of a request; whatever goes wrong becomes the reply. */
static void request_run(struct request *request)
{
	enum request_kind kind;
	request->state = REQUEST_DONE;
	request->reply.status = MHD_HTTP_OK;
	request->reply.type = "text/plain;charset=utf-8";
	request->reply.ends_at = UINT64_MAX;
	request->reply.flip_at = UINT64_MAX;
	if (!request->fault)
		request->fault = request_refused(request, &request->err);
	if (!request->fault)
		request->fault = request_route(request, &kind)(request, &request->err);
	if (request->fault)
		reply_problem(request, &request->err);
	reply_spoil(request);
}

/* Answers, or has the client wait, or closes the connection. */
static enum MHD_Result request_answer(struct request *request)
{
	struct embedded *gateway = request->gateway;
	struct fault_action *action = &request->action;
	uint32_t wait_ms = action->delay_ms;
	const bool closed = action->lost_reply || (action->reset && has_body(request));
	if (action->stall && has_body(request))
		wait_ms = WAIT_FOR_EVER;
	action->delay_ms = 0;
	if (wait_ms == WAIT_FOR_EVER)
		request_end(request); /* its client gives up, and may try again */
	if (wait_ms > 0 && waits_suspend(gateway->waits, request->connection, wait_ms))
		return MHD_YES;
	const bool silent =
		closed || wait_ms == WAIT_FOR_EVER || (action->stall && has_body(request));
	gateway->replies[silent ? 0 : request->reply.status / 100]++;
	return silent ? MHD_NO : reply_send(request);
}

enum MHD_Result http_access(void *cls, struct MHD_Connection *connection, const char *url,
			    const char *method, const char *version, const char *data, size_t *size,
			    void **context)
{
	struct request *request = *context;
	(void)cls;
	(void)connection;
	(void)url;
	(void)version;
	if (!request)
		return MHD_NO; /* out of memory in http_uri */
	if (!request->started)
		return request_start(request, method) ? MHD_YES : MHD_NO;
	if (*size > 0) {
		if (request->action.reset && has_body(request))
			return MHD_NO;
		if (!request->fault)
			request->fault = spool_append(&request->body, data, *size, &request->err);
		request->gateway->body_in += *size;
		*size = 0;
		return MHD_YES;
	}
	if (request->state == REQUEST_RECEIVING) {
		if (request->action.reset && has_body(request))
			return MHD_NO;
		request_run(request);
	}
	return request_answer(request);
}
