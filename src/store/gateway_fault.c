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

/* What the text of an error names. */
struct named {
	const struct meaning *known; /* of the last exception that is known, or NULL */
	const char *class;           /* of that, else of the last of all; NULL: none is named */
	size_t size;
};

/* Looks at the lines that begin with an exception, from the last on: messages have lines of their
 * own, which may name what came before. */
static struct named find_named(const char *text, size_t size)
{
	struct named last = { .class = NULL };
	while (size > 0) {
		const char *newline = memrchr(text, '\n', size);
		size_t start = newline ? (size_t)(newline - text) + 1 : 0;
		struct named here = { .class = NULL };
		if (exception_at(text + start, size - start, &here.class, &here.size)) {
			here.known = find_meaning(here.class, here.size);
			if (here.known)
				return here;
			if (!last.class)
				last = here;
		}
		size = newline ? start - 1 : 0;
	}
	return last;
}

/* ---- whose words ---- */

static bool says(const struct http_reply *http, const char *phrase)
{
	return memmem(http->body, http->body_size, phrase, strlen(phrase));
}

static bool begins_as_page(const struct http_reply *http)
{
	const char *body = http->body;
	return http->body_size > 0 && body[strspn(body, " \t\r\n")] == '<';
}

static bool is_page(const struct http_reply *http) { return http->html || begins_as_page(http); }

/* What Tahoe-LAFS says with a status of failure.  Behind a proxy its Server header may be gone. */
static bool says_words(const struct http_reply *http)
{
	static const char *const phrase[] = {
		"Traceback (most recent call last)",
		"No such child",
		"No Such Resource",
		"Access Prohibited: ",
		"There was already a child",
		"a file was in the way",
		"have no children named",
		"NoSharesError",
		"NotEnoughSharesError",
		"UnrecoverableFileError",
	};
	for (size_t i = 0; i < ARRAY_COUNT(phrase); i++)
		if (says(http, phrase[i]))
			return true;
	return find_named(http->body, http->body_size).class;
}

/*
 * Whether a reply of failure is the gateway's own, and not that of something that answers in its
 * place: a proxy whose gateway is being restarted, a page to log in at.
 *
 *   a status that Tahoe-LAFS has no use for     no; but what can pass no proxy is final
 *   its server's name, or its words             yes
 *   403, 404, 500 without                       no: these always have some
 *   any other                                   as plain text yes, as a page no
 */
static bool is_own(const struct http_reply *http)
{
	switch (http->status) {
	case 411:
	case 413:
	case 414:
	case 431:
		return true;
	case 403:
	case 404:
	case 500:
		return http->twisted || says_words(http);
	case 400:
	case 405:
	case 409:
	case 410:
	case 416:
	case 501:
		return http->twisted || !is_page(http) || says_words(http);
	default:
		return false;
	}
}

static void explain_stranger(const struct http_reply *http, struct store_reply *reply)
{
	uint32_t wait_s = http->err.retry_after_ms / 1000;
	char asks[40] = "";
	if (wait_s > 0)
		snprintf(asks, sizeof asks, "; it asks to wait %u s", wait_s);
	reply->trouble = STORE_TROUBLE_STRANGER;
	reply->answered = false; /* what the gateway did meanwhile, nobody knows */
	err_set(&reply->err, FAULT_UNAVAILABLE, "status %d, not a Tahoe-LAFS gateway's own words%s",
		http->status, asks);
}

/* ---- words ---- */

/* Copies text without caps and control bytes, cut to what is shown. */
static void show_text(const char *text, size_t size, char *out, size_t out_size)
{
	struct bytes clean, shown;
	bytes_init(&clean, 16 * EXCERPT_MAX);
	bytes_init(&shown, 64 * EXCERPT_MAX);
	out[0] = '\0';
	/* Redaction comes before the cut, lest half a cap be taken for harmless. */
	if (size > 0 && size <= 8 * EXCERPT_MAX && redact_text(&clean, text, size) == FAULT_NONE &&
	    escape_name(&shown, clean.data, clean.size) == FAULT_NONE)
		snprintf(out, out_size, ": %.*s", EXCERPT_MAX, bytes_text(&shown));
	bytes_fini(&clean);
	bytes_fini(&shown);
}

/* The first line of a plain error reply; "" for HTML. */
static void excerpt(const struct http_reply *http, char *out, size_t out_size)
{
	const char *newline = memchr(http->body, '\n', http->body_size);
	size_t size = newline ? (size_t)(newline - http->body) : http->body_size;
	show_text(http->body, http->body[0] == '<' ? 0 : size, out, out_size);
}

/* How many of the servers asked were full, as the message of an upload that failed tells. */
static unsigned count_full(const char *message)
{
	static const char phrase[] = "(of which ";
	const char *at = strstr(message, phrase);
	unsigned full = 0;
	if (!at || sscanf(at + sizeof phrase - 1, "%9u placed none due to the server being full",
			  &full) != 1)
		return 0;
	return full;
}

/* The first sentence of an exception's message, and whether servers are full: what the grid says.
 */
static void grid_words(const struct named *named, char *out, size_t out_size)
{
	static const char prefix[] = "server selection failed for <", end[] = ">: ";
	const char *message = named->class + named->size;
	message += strspn(message, ": ");
	const char *behind =
		strncmp(message, prefix, sizeof prefix - 1) == 0 ? strstr(message, end) : NULL;
	unsigned full = count_full(message);
	if (behind)
		message = behind + sizeof end - 1;
	size_t size = strcspn(message, "\n");
	const char *sentence = memmem(message, size, ". ", 2);
	const char *clause = memmem(message, size, " such that ", 11);
	if (sentence)
		size = (size_t)(sentence - message);
	if (clause && clause < message + size)
		size = (size_t)(clause - message);
	show_text(message, (size_t)min_u64(size, 4 * EXCERPT_MAX), out, out_size);
	size_t used = strlen(out);
	if (full)
		snprintf(out + used, out_size - used, " (%u servers are full)", full);
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
	const struct named none = { .class = NULL };
	struct named named = http->status >= 400 ? find_named(http->body, http->body_size) : none;
	struct err *err = &reply->err;
	char words[EXCERPT_MAX + 40];
	if (http->status == 410) {
		reply->trouble = STORE_TROUBLE_NO_SHARES;
		err_set(err, FAULT_RETRY, "status 410: not enough shares can be had now");
	} else if (named.known && http->status >= 500) {
		reply->trouble = named.known->trouble;
		grid_words(&named, words, sizeof words);
		err_set(err, named.known->fault, "status %d: %s%s", http->status,
			named.known->class, words);
	} else if (named.class) {
		reply->trouble = http->status >= 500 ? STORE_TROUBLE_OTHER : STORE_TROUBLE_NONE;
		err_set(err, http->fault, "status %d: %.*s", http->status,
			(int)min_u64(named.size, 60), named.class);
	} else {
		excerpt(http, words, sizeof words);
		reply->trouble = http->status >= 500 ? STORE_TROUBLE_OTHER : STORE_TROUBLE_NONE;
		err_set(err, http->fault, "status %d%s", http->status, words);
	}
}

/* Whether a page came with a status of success, where the gateway never sends one. */
static bool is_strange_success(const struct gateway_call *call, const struct http_reply *http)
{
	if (http->status < 200 || http->status > 299)
		return false;
	bool streamed = call->operation == GATEWAY_GET || call->operation == GATEWAY_LIST;
	/* Caps come as text/html. */
	return streamed ? http->html : begins_as_page(http);
}

void gateway_explain(const struct gateway_call *call, const struct http_reply *http,
		     struct store_reply *reply)
{
	*reply = (struct store_reply){ .answered = http->complete, .err = http->err };
	bool failed = http->complete && http_status_fault(http->status) != FAULT_NONE;
	if (is_strange_success(call, http) || (failed && !is_own(http))) {
		explain_stranger(http, reply);
	} else if (call->why.fault != FAULT_NONE && http->fault == FAULT_CANCELLED) {
		reply->err = call->why;
	} else if (failed) {
		explain_status(http, reply);
	} else if (http->fault != FAULT_NONE && http->answered && http->status == 0) {
		reply->trouble = STORE_TROUBLE_NO_STATUS;
	}
	reply->err.http_status = http->status;
	reply->err.retry_after_ms = http->err.retry_after_ms;
	reply->fault = reply->err.fault;
}
