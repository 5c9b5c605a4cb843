/*
 * JSON values printed as Python's json.dumps prints them.
 *
 * Place      metadata of children, which Tahoe-LAFS reads, prints again and hashes into caps.
 * Ownership  appends to the caller's bytes.
 * Threads    may run concurrently.
 *
 * ", " and ": " between, ASCII escapes only, keys in the order received, floats by repr.  Integers
 * beyond 64 bits, which Python keeps, are not read by jansson.
 * Source: CPython 3.11 json.encoder.
 */
#pragma once

#include "base/bytes.h"

#include <jansson.h>

enum { JSON_TEXT_DEPTH_MAX = 100 }; /* levels; metadata are one or two */

/* Appends the JSON string for `text`, well-formed UTF-8, quotes included. */
MUST_USE enum fault json_text_string(struct bytes *out, const char *text, size_t size);

/* Appends `value`.  FAULT_USAGE: deeper than JSON_TEXT_DEPTH_MAX; else as of bytes_append. */
MUST_USE enum fault json_text_append(struct bytes *out, json_t *value);
