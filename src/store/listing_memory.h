/*
 * Memory of a JSON parser whose text holds caps, and which does not survive being refused any.
 *
 * The parser, yajl, believes every allocation.  So one that fails leaves it for good, by a jump to
 * whoever called it, and what it had is given back here, whatever state that is in.  All of it is
 * wiped.
 *
 * Place      store/listing_parser.c.
 * Ownership  a struct listing_memory owns all that the parser has.
 * Threads    one owner at a time.
 */
#pragma once

#include "queue/core/base.h"

#include <setjmp.h>
#include <yajl/yajl_parse.h>

struct listing_block;

struct listing_memory {
	struct listing_block *first; /* of all that are in use */
	jmp_buf caller;              /* of the work under way */
};

/* Returns the functions, for yajl_alloc, which copies them.  All zeros is a memory without anything
 * in it; yajl may be called inside listing_memory_run only. */
yajl_alloc_funcs listing_memory_functions(struct listing_memory *memory);

/* Calls `work`.  False: there was no memory; it did not come to its end, and the parser that it
 * called must not be called again. */
bool listing_memory_run(struct listing_memory *memory, void (*work)(void *context), void *context);

/* Wipes and frees what the parser has; the parser, too. */
void listing_memory_fini(struct listing_memory *memory);
