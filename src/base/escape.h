/*
 * Text from outside made safe to show or to put into a URL.
 *
 * Place      names in messages, tables and logs; path components of gateway URLs.  Strings in JSON
 *            are jansson's business.
 * Ownership  everything appends to the caller's bytes.
 * Threads    all functions may run concurrently.
 *
 * Results are those of bytes_append; escape_percent_decode adds FAULT_USAGE.
 */
#pragma once

#include "base/bytes.h"

/*
 * Appends `name` so that it fits on one line of a terminal and can be turned back: newline,
 * carriage return and tab as \n \r \t, backslash and double quote with a backslash, and each byte
 * of what is hidden (code_is_hidden in utf8.h), and of what is not UTF-8, as \xHH.
 */
MUST_USE enum fault escape_name(struct bytes *out, const void *name, size_t size);

/* Appends a sentence that may have dragged along what it should not: each byte of what is hidden or
 * not UTF-8 as \xHH, newlines too unless `keep_newlines`; names in it are escaped already. */
MUST_USE enum fault escape_hidden(struct bytes *out, const void *text, size_t size,
				  bool keep_newlines);

/*
 * Appends `text` with every byte that is not unreserved as %HH (upper case); "/" is encoded too.
 * Source: RFC 3986 2.1, 2.3.
 */
MUST_USE enum fault escape_percent(struct bytes *out, const void *text, size_t size);

/* Appends `text` with %HH decoded; "+" stays.  FAULT_USAGE, `out` as before, for a bad "%". */
MUST_USE enum fault escape_percent_decode(struct bytes *out, const void *text, size_t size);
