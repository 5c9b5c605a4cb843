/*
 * Pieces of JSON lines, appended to growing bytes.
 *
 * Place      report and commands that print results for programs.
 * Threads    may run concurrently on different bytes.
 *
 * Results are those of bytes_append.
 *
 * Source: RFC 8259.
 */
#pragma once

#include "base/bytes.h"

/*
 * Appends `text` as a JSON string, quotes included.  A byte that is not part of well-formed UTF-8
 * becomes the lone surrogate \udcXX, which well-formed text cannot hold, so any name can be turned
 * back (Python: os.fsencode).  What is hidden (base/utf8.h) is written as \uXXXX, never raw.
 * Source: PEP 383.
 */
MUST_USE enum fault json_text(struct bytes *out, const void *text, size_t size);

/* Appends `"key":` and the string, with a comma before it unless an object was just opened. */
MUST_USE enum fault json_member(struct bytes *out, const char *key, const void *text, size_t size);

/* Appends `"key":` and the number, with a comma as above. */
MUST_USE enum fault json_number(struct bytes *out, const char *key, uint64_t value);

/* Appends `"key":` true or false, with a comma as above. */
MUST_USE enum fault json_bool(struct bytes *out, const char *key, bool value);

/* Appends `"key":` and an opening bracket, with a comma as above; the caller appends the closing
 * one. */
MUST_USE enum fault json_open(struct bytes *out, const char *key, char bracket);
