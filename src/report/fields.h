/*
 * Results as lines of fields: JSON for programs, "kind key=value" for people.
 *
 * Place      commands that show state -> [fields] -> stdout.
 * Ownership  a struct fields owns one line at a time.
 * Threads    one owner at a time.
 *
 * The first failure stays until fields_end, so that fields can be added without looking.
 */
#pragma once

#include "base/bytes.h"
#include "report/output.h"

struct fields {
	struct output *output;
	bool json; /* as its options say */
	struct bytes line;
	enum fault fault;
};

void fields_init(struct fields *fields, struct output *output);
void fields_fini(struct fields *fields);

/* Begins a line of `kind` ("entry"). */
void fields_begin(struct fields *fields, const char *kind);

/* Add a field.  Text may be any bytes; for people it is escaped and quoted where needed. */
void fields_text(struct fields *fields, const char *key, const void *text, size_t size);
void fields_word(struct fields *fields, const char *key, const char *word);
void fields_number(struct fields *fields, const char *key, uint64_t number);
void fields_signed(struct fields *fields, const char *key, int64_t number);
void fields_bool(struct fields *fields, const char *key, bool value);
void fields_hex(struct fields *fields, const char *key, const unsigned char *data, size_t size);

/* Ends the line and hands it to stdout.  Faults: NOMEM, TOO_LARGE. */
MUST_USE enum fault fields_end(struct fields *fields, struct err *err);
