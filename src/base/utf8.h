/*
 * Names as Unicode: validity and Normalization Form C.
 *
 * Place      the planner, before a name goes into the plan; listings from a grid.
 * Ownership  plain memory of the caller.
 * Threads    all functions may run concurrently.
 *
 * Tahoe-LAFS normalizes every child name to NFC, so two siblings that are equal in NFC collide.
 * Source: Unicode Standard Annex 15; RFC 3629.
 */
#pragma once

#include "base/bytes.h"

/*
 * True for a code point that is not seen where it stands: what a terminal obeys (C0, DEL, C1), what
 * turns or ends lines (bidirectional marks, U+2028, U+2029), and what has neither ink nor width
 * (format characters, variation selectors, fillers, tags).  So two texts that look alike without
 * such ones are alike.  Source: Unicode Standard 4.5 and 5.21, General_Category Cc, Cf, Zl, Zp and
 * Default_Ignorable_Code_Point.
 */
MUST_USE bool code_is_hidden(uint32_t code);

/* True when `name` is well-formed UTF-8: shortest forms, no surrogates, at most U+10FFFF. */
MUST_USE bool name_is_utf8(const void *name, size_t size);

enum name_spelling {
	SPELLING_CASE,    /* small letters for large ones, and the other way round */
	SPELLING_FORM,    /* NFD, or NFC of what is in NFD */
	SPELLING_TRIMMED, /* without dots and blanks at the end */
	SPELLINGS,
};

/* Writes the name in another spelling, which some file systems take for the same, with a NUL. False
 * when there is none, or no room. */
MUST_USE bool name_respell(const char *name, enum name_spelling spelling, char *out, size_t room);

/* Returns a number that names have in common which only differ in their spelling, and others
 * hardly ever. */
uint64_t name_likeness(const char *name, size_t size);

/*
 * True when `name` is UTF-8 in NFC.  True is certain; out of memory (only names above 256 bytes)
 * answers false, and the name_to_nfc that follows reports it.  Bytes below U+0300 cost one pass.
 */
MUST_USE bool name_is_nfc(const void *name, size_t size);

/*
 * Appends `name` in NFC.  FAULT_USAGE when it is not UTF-8, else results as of bytes_append; on
 * failure `out` is as before.
 */
MUST_USE enum fault name_to_nfc(struct bytes *out, const void *name, size_t size);
