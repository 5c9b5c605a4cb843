#include "report/fields.h"

#include "base/escape.h"
#include "report/json.h"
#include "report/out.h"

enum { LINE_SIZE_MAX = 1 << 20 };

void fields_init(struct fields *fields, struct output *output)
{
	*fields = (struct fields){ .output = output, .json = output->options.json };
	bytes_init(&fields->line, LINE_SIZE_MAX);
}

void fields_fini(struct fields *fields) { bytes_fini(&fields->line); }

void fields_begin(struct fields *fields, const char *kind)
{
	bytes_clear(&fields->line);
	fields->fault =
		bytes_printf(&fields->line, fields->json ? "{\"record\":\"%s\"" : "%s", kind);
}

static bool is_simple(const void *text, size_t size)
{
	const unsigned char *at = text;
	for (size_t i = 0; i < size; i++)
		if (at[i] <= ' ' || at[i] >= 0x7f || strchr("\"\\='", at[i]))
			return false;
	return size > 0;
}

/* key=value, in quotes unless it is a plain word. */
static enum fault plain_text(struct bytes *line, const char *key, const void *text, size_t size)
{
	const char *quote = is_simple(text, size) ? "" : "\"";
	enum fault fault = bytes_printf(line, " %s=%s", key, quote);
	if (!fault)
		fault = escape_name(line, text, size);
	return fault ? fault : bytes_append_text(line, quote);
}

void fields_text(struct fields *fields, const char *key, const void *text, size_t size)
{
	if (fields->fault)
		return;
	fields->fault = fields->json ? json_member(&fields->line, key, text, size)
				     : plain_text(&fields->line, key, text, size);
}

void fields_word(struct fields *fields, const char *key, const char *word)
{
	fields_text(fields, key, word, strlen(word));
}

void fields_number(struct fields *fields, const char *key, uint64_t number)
{
	if (!fields->fault)
		fields->fault =
			bytes_printf(&fields->line, fields->json ? ",\"%s\":%llu" : " %s=%llu", key,
				     (unsigned long long)number);
}

void fields_signed(struct fields *fields, const char *key, int64_t number)
{
	if (!fields->fault)
		fields->fault =
			bytes_printf(&fields->line, fields->json ? ",\"%s\":%lld" : " %s=%lld", key,
				     (long long)number);
}

void fields_bool(struct fields *fields, const char *key, bool value)
{
	const char *word = fields->json ? (value ? "true" : "false") : (value ? "yes" : "no");
	if (!fields->fault)
		fields->fault = bytes_printf(&fields->line, fields->json ? ",\"%s\":%s" : " %s=%s",
					     key, word);
}

void fields_hex(struct fields *fields, const char *key, const unsigned char *data, size_t size)
{
	char text[129];
	size_t used = 0;
	for (size_t i = 0; i < size && used + 2 < sizeof text; i++)
		used += (size_t)snprintf(text + used, sizeof text - used, "%02x", data[i]);
	fields_text(fields, key, text, used);
}

enum fault fields_end(struct fields *fields, struct err *err)
{
	if (!fields->fault)
		fields->fault = bytes_append_text(&fields->line, fields->json ? "}\n" : "\n");
	if (!fields->fault)
		out_put(fields->output, fields->line.data, fields->line.size);
	return bytes_err(fields->fault, err, "a line of output");
}
