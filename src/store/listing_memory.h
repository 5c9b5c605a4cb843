/*
 * Memory of a JSON parser whose text holds caps: it is wiped before it is given back.
 *
 * Place      store/listing_parser.c.
 * Threads    all functions may run concurrently.
 */
#pragma once

#include "queue/core/base.h"

#include <yajl/yajl_parse.h>

/* Returns the functions, for yajl_alloc, which copies them.  Out of memory the process ends. */
yajl_alloc_funcs listing_memory(void);
