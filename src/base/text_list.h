/*
 * A list of texts that grows: words, URLs, paths.
 *
 * Place      plain data, for every room.
 * Ownership  a list owns its texts until text_list_fini, which wipes them: any may hold a cap.
 * Threads    one owner at a time.
 */
#pragma once

#include "queue/core/fault.h"

struct text_list {
	char **text;
	size_t count;
};

/* Appends a copy of `text`.  FAULT_NOMEM. */
MUST_USE enum fault text_list_add(struct text_list *list, const char *text, struct err *err);

/* Wipes and frees; the list is empty afterwards.  Members that are NULL are allowed. */
void text_list_fini(struct text_list *list);
