/*
 * Caps and passwords taken out of text.
 *
 * Place      between any text from outside (gateway errors, URLs, libcurl's talk) and a log, a
 *            message or a struct err.
 * Ownership  appends to the caller's bytes.
 * Threads    may run concurrently.
 */
#pragma once

#include "base/bytes.h"

/*
 * Appends `text` with each cap replaced by "URI:CHK:" and the first 8 hex digits of its SHA-256.
 * A cap begins with URI: or URI%3A (any case), pb:// or lafs:// and ends before white space, a
 * control byte, a quote, a bracket, "<", ">", ",", ";", and for URI also before "/", "?", "#", "&".
 * Percent-encoded and plain form of one cap give the same digits.  Who is named before the host of
 * a URL, with a password or not, becomes "***".  Results as of bytes_append.
 */
MUST_USE enum fault redact_text(struct bytes *out, const void *text, size_t size);
