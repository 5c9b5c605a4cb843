#include "store/gateway_call.h"

#include "base/escape.h"
#include "base/redact.h"

#include <ctype.h>

enum { EXCERPT_MAX = 120 }; /* bytes of a reply that are shown */

/* ---- the exception that ends a traceback ---- */

/* Finds "package.module.Class" at the start of the line; stores the class. */
static bool exception_at(const char *line, size_t size, const char **class, size_t *class_size)
{
	static const char prefix[] = "Failure: "; /* of a traceback without frames */
	if (size > sizeof prefix && memcmp(line, prefix, sizeof prefix - 1) == 0) {
		line += sizeof prefix - 1;
		size -= sizeof prefix - 1;
	}
	size_t length = 0, after_dot = 0;
	while (length < size &&
	       (isalnum((unsigned char)line[length]) || line[length] == '_' || line[length] == '.'))
		if (line[length++] == '.')
			after_dot = length;
	bool ends = length == size || line[length] == ':' || line[length] == '\r';
	if (after_dot == 0 || after_dot == length || !ends)
		return false;
	*class = line + after_dot;
	*class_size = length - after_dot;
	return true;
}

/* Finds the last line that begins with an exception; messages may have lines of their own. */
static bool last_exception(const char *text, size_t size, const char **class, size_t *class_size)
{
	while (size > 0) {
		const char *newline = memrchr(text, '\n', size);
		size_t start = newline ? (size_t)(newline - text) + 1 : 0;
		if (exception_at(text + start, size - start, class, class_size))
			return true;
		size = newline ? start - 1 : 0;
	}
	return false;
}

struct meaning {
	const char *class;
	enum store_trouble trouble;
	enum fault fault;
};

static const struct meaning meaning[] = {
	{ "UploadUnhappinessError", STORE_TROUBLE_UNHAPPY, FAULT_RETRY },
	{ "NoServersError", STORE_TROUBLE_NO_SERVERS, FAULT_RETRY },
	{ "NotEnoughServersError", STORE_TROUBLE_NO_SERVERS, FAULT_RETRY },
	{ "UncoordinatedWriteError", STORE_TROUBLE_UNCOORDINATED, FAULT_RETRY },
	{ "NotWriteableError", STORE_TROUBLE_READ_ONLY, FAULT_AUTH },
};

static const struct meaning *find_meaning(const char *class, size_t size)
{
	for (size_t i = 0; i < ARRAY_COUNT(meaning); i++)
		if (strlen(meaning[i].class) == size && memcmp(meaning[i].class, class, size) == 0)
			return &meaning[i];
	return NULL;
}

/* ---- words ---- */

/* The first line of a plain error reply, without caps and control bytes; "" for HTML. */
static void excerpt(const struct http_reply *http, char *out, size_t out_size)
{
	struct bytes clean, shown;
	bytes_init(&clean, 16 * EXCERPT_MAX);
	bytes_init(&shown, 64 * EXCERPT_MAX);
	const char *newline = memchr(http->body, '\n', http->body_size);
	size_t size = newline ? (size_t)(newline - http->body) : http->body_size;
	out[0] = '\0';
	/* Redaction comes before the cut, lest half a cap be taken for harmless. */
	if (size > 0 && http->body[0] != '<' && size <= 8 * EXCERPT_MAX &&
	    redact_text(&clean, http->body, size) == FAULT_NONE &&
	    escape_name(&shown, clean.data, clean.size) == FAULT_NONE)
		snprintf(out, out_size, ": %.*s", EXCERPT_MAX, bytes_text(&shown));
	bytes_fini(&clean);
	bytes_fini(&shown);
}

/*
 * What a status is told as, the first that fits:
 *   410                          too few shares just now
 *   5xx with a known exception   what that one means
 *   any with an exception        http_status_fault, with its name
 *   any other                    http_status_fault, with the beginning of the text
 */
static void explain_status(const struct http_reply *http, struct store_reply *reply)
{
	const char *class = NULL;
	size_t size = 0;
	bool named =
		http->status >= 400 && last_exception(http->body, http->body_size, &class, &size);
	const struct meaning *known = named ? find_meaning(class, size) : NULL;
	struct err *err = &reply->err;
	if (http->status == 410) {
		reply->trouble = STORE_TROUBLE_NO_SHARES;
		err_set(err, FAULT_RETRY, "status 410: not enough shares can be had now");
	} else if (known && http->status >= 500) {
		reply->trouble = known->trouble;
		err_set(err, known->fault, "status %d: %s", http->status, known->class);
	} else if (named) {
		reply->trouble = http->status >= 500 ? STORE_TROUBLE_OTHER : STORE_TROUBLE_NONE;
		err_set(err, http->fault, "status %d: %.*s", http->status, (int)min_u64(size, 60),
			class);
	} else {
		char words[EXCERPT_MAX + 8];
		excerpt(http, words, sizeof words);
		reply->trouble = http->status >= 500 ? STORE_TROUBLE_OTHER : STORE_TROUBLE_NONE;
		err_set(err, http->fault, "status %d%s", http->status, words);
	}
	err->http_status = http->status;
	err->retry_after_ms = http->err.retry_after_ms;
}

void gateway_explain(const struct gateway_call *call, const struct http_reply *http,
		     struct store_reply *reply)
{
	*reply = (struct store_reply){ .answered = http->complete, .err = http->err };
	if (call->why.fault != FAULT_NONE && http->fault == FAULT_CANCELLED) {
		reply->err = call->why;
		reply->err.http_status = http->status;
	} else if (http->complete && http_status_fault(http->status) != FAULT_NONE) {
		explain_status(http, reply);
	} else if (http->fault != FAULT_NONE && http->answered && http->status == 0) {
		reply->trouble = STORE_TROUBLE_NO_STATUS;
	}
	reply->fault = reply->err.fault;
}
