#include "chunk/log.h"

#include <ctype.h>

enum { NS_DIGITS = 9, METHOD_SIZE = 24 };

static const int64_t second_ns = 1000000000;

static void line_free(struct chunk_log_line *line)
{
	free(line->owner);
	free(line->method);
}

static enum fault no_memory(struct err *err)
{
	return err_set(err, FAULT_NOMEM, "no memory for a chunk log");
}

void chunk_log_fini(struct chunk_log *log)
{
	for (size_t i = 0; i < log->count; i++)
		line_free(&log->line[i]);
	free(log->line);
	*log = (struct chunk_log){ .count = 0 };
}

/* Reads digits of a text that ends with `end`.  Returns behind them; NULL: none, or too many. */
static const char *read_number(const char *at, const char *end, uint64_t *value)
{
	const char *begin = at;
	*value = 0;
	for (; at < end && isdigit((unsigned char)*at); at++)
		if (__builtin_mul_overflow(*value, 10, value) ||
		    __builtin_add_overflow(*value, (uint64_t)(*at - '0'), value))
			return NULL;
	return at > begin ? at : NULL;
}

/* Reads "1795299353.871168097s " and returns behind it, or NULL. */
static const char *read_time(const char *at, const char *end, int64_t *time_ns)
{
	uint64_t seconds;
	int64_t fraction = 0, unit = second_ns;
	at = read_number(at, end, &seconds);
	if (!at || seconds >= (uint64_t)(INT64_MAX / second_ns))
		return NULL;
	if (at < end && *at == '.') {
		int digits = 0;
		for (at++; at < end && isdigit((unsigned char)*at); at++, digits++) {
			unit /= 10;
			fraction += digits < NS_DIGITS ? (*at - '0') * unit : 0;
		}
	}
	at += at < end && *at == 's';
	*time_ns = (int64_t)seconds * second_ns + fraction;
	return at < end && *at == ' ' ? at + 1 : NULL;
}

/* Returns the line of an owner and method, or NULL. */
static struct chunk_log_line *find(const struct chunk_log *log, const char *owner,
				   const char *method)
{
	for (size_t i = 0; i < log->count; i++)
		if (strcmp(log->line[i].owner, owner) == 0 &&
		    strcmp(log->line[i].method, method) == 0)
			return &log->line[i];
	return NULL;
}

/* Takes a line, which is freed where it is not kept. */
static enum fault add(struct chunk_log *log, struct chunk_log_line *line, struct err *err)
{
	struct chunk_log_line *old = find(log, line->owner, line->method);
	if (old && line->time_ns < old->time_ns) {
		line_free(line);
	} else if (old) {
		line_free(old);
		*old = *line;
	} else {
		struct chunk_log_line *more = reallocarray(log->line, log->count + 1, sizeof *more);
		if (!more) {
			line_free(line);
			return no_memory(err);
		}
		log->line = more;
		log->line[log->count++] = *line;
	}
	return FAULT_NONE;
}

/* Returns where "OWNER:METHOD" of `size` bytes has its colon; NULL: it is no such text. */
static const char *colon_of(const char *text, size_t size)
{
	const char *colon = memrchr(text, ':', size);
	return colon == text || memchr(text, '\0', size) ? NULL : colon;
}

/* Adds a line that is told by `like` but for its texts, of these sizes. */
static enum fault add_named(struct chunk_log *log, const struct chunk_log_line *like,
			    struct bytes_view owner, struct bytes_view method, struct err *err)
{
	struct chunk_log_line line = *like;
	line.owner = strndup(owner.data, owner.size);
	line.method = strndup(method.data, method.size);
	if (!line.owner || !line.method) {
		line_free(&line);
		return no_memory(err);
	}
	uint64_t size;
	const char *end = read_number(line.method, line.method + strlen(line.method), &size);
	line.size = end && !*end ? size : 0;
	return add(log, &line, err);
}

static enum fault add_text(struct chunk_log *log, const char *text, const char *end,
			   struct err *err)
{
	struct chunk_log_line line = { .owner = NULL };
	const char *names = read_time(text, end, &line.time_ns);
	const char *blank = names ? memrchr(names, ' ', (size_t)(end - names)) : NULL;
	if (!blank || read_number(blank + 1, end, &line.count) != end)
		return FAULT_NONE;
	size_t size = (size_t)(blank - names);
	const char *colon = colon_of(names, size);
	if (!colon)
		return FAULT_NONE;
	const struct bytes_view owner = { names, (size_t)(colon - names) };
	const struct bytes_view method = { colon + 1, size - owner.size - 1 };
	return add_named(log, &line, owner, method, err);
}

enum fault chunk_log_read(struct chunk_log *log, const char *text, size_t size, struct err *err)
{
	const char *end = text + size;
	enum fault fault = FAULT_NONE;
	for (const char *at = text; at < end && !fault;) {
		const char *line = at;
		while (at < end && *at != '\n' && *at != '\r')
			at++;
		fault = add_text(log, line, at, err);
		at++;
	}
	return fault;
}

enum fault chunk_log_set(struct chunk_log *log, const char *owner, uint64_t size, uint64_t count,
			 int64_t now_ns, struct err *err)
{
	struct chunk_log_line line = { .time_ns = now_ns, .count = count };
	char method[METHOD_SIZE];
	int length = snprintf(method, sizeof method, "%llu", (unsigned long long)size);
	const struct chunk_log_line *old = find(log, owner, method);
	if (old && old->time_ns >= line.time_ns)
		line.time_ns = old->time_ns + 1;
	return add_named(log, &line, (struct bytes_view){ owner, strlen(owner) },
			 (struct bytes_view){ method, (size_t)length }, err);
}

enum fault chunk_log_write(const struct chunk_log *log, struct bytes *text)
{
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < log->count && !fault; i++) {
		const struct chunk_log_line *line = &log->line[i];
		fault = bytes_printf(text, "%lld.%09llds %s:%s %llu\n",
				     (long long)(line->time_ns / second_ns),
				     (long long)(line->time_ns % second_ns), line->owner,
				     line->method, (unsigned long long)line->count);
	}
	return fault;
}
