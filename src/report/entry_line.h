/*
 * One entry that is settled, in words and as members of a JSON line.
 *
 * Place      lines, tally -> [entry_line] -> errors.jsonl, stdout, stderr.
 * Ownership  a struct entry_line borrows all its texts.
 * Threads    may run concurrently on different bytes.
 */
#pragma once

#include "base/bytes.h"
#include "report/output.h"
#include "report/summary.h"

struct entry_line {
	uint64_t id;
	const char *path; /* any bytes */
	size_t path_size;
	uint8_t kind;       /* enum manifest_kind */
	uint8_t state;      /* enum outcome_state: done, skipped or failed */
	const char *reason; /* unless done */
	const char *target; /* the directory in which `path` could not be written, or NULL */
	const char *detail; /* or "" */
	uint64_t bytes;
	const struct summary_number *number; /* more of them, for programs */
	size_t numbers;
};

/* Appends its members to the JSON object that `out` has opened, and ends the line.  Results are
 * those of bytes_append. */
MUST_USE enum fault entry_line_json(struct bytes *out, const struct entry_line *entry);

/* Says, to those who asked for more, that `entry` is done, and when. */
void entry_line_say_done(struct output *output, const struct entry_line *entry);

/*
 * Says why `entry` is not done: skipped ones to those who asked for more.  Of failures, which
 * `failures` counts, the first 50 are said; `rest` tells once where the others are.
 */
void entry_line_say(struct output *output, const struct entry_line *entry, uint64_t *failures,
		    const char *rest);

/* Says `detail` of an entry that is done, the first 50 times; `remarks` counts. */
void entry_line_remark(struct output *output, const struct entry_line *entry, uint64_t *remarks);

/* Returns the word for an enum manifest_kind in lines for people and programs, a literal. */
const char *entry_kind_text(uint8_t kind);
