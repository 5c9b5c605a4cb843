#include "queue/outcome.h"

static const char *const reason_text[] = {
	[REASON_NONE] = "no reason given",
	[REASON_SYMLINK] = "symlink, not followed",
	[REASON_SPECIAL] = "special file",
	[REASON_VANISHED] = "vanished since it was planned",
	[REASON_APPEARED] = "appeared while planning was interrupted",
	[REASON_CHANGED] = "changed while being read",
	[REASON_PERMISSION] = "permission denied",
	[REASON_IO] = "cannot be read",
	[REASON_NAME] = "name is not UTF-8 or not allowed at the target",
	[REASON_COLLISION] = "name equals another one after Unicode normalization",
	[REASON_LOOP] = "loop: it leads back to a directory above it",
	[REASON_DANGLING] = "dangling symlink",
	[REASON_TOO_MANY] = "directory has too many entries (--max-dir-entries)",
	[REASON_GATEWAY] = "refused by the gateway",
	[REASON_MISMATCH] = "proof failed",
	[REASON_CONFLICT] = "something else is at the target",
	[REASON_UNLINKED] = "its directory failed",
	[REASON_LOST] = "lost: slot damaged and not in its directory",
	[REASON_WITHHELD] = "withheld by --all-or-nothing",
	[REASON_UNKNOWN] = "of a kind that this program does not know",
	[REASON_UNCHANGED] = "unchanged at the target",
	[REASON_PRESENT] = "kept as it is at the target (--no-clobber)",
	[REASON_MISSING] = "on the list of files and not there",
	[REASON_ASTRAY] = "a symlink with a target that is not allowed here",
	[REASON_SIZE] = "of a size that no file can have",
	[REASON_UNWRITTEN] = "cannot be written",
	[REASON_FIXED] = "an immutable or read-only directory is at the target",
};

bool outcome_is_reopened(const struct outcome *outcome)
{
	return outcome->state == OUTCOME_PLANNED && outcome->level & OUTCOME_OWN;
}

bool outcome_has_existing(const struct outcome *outcome)
{
	return outcome->state == OUTCOME_PLANNED &&
	       (!outcome_is_reopened(outcome) || outcome->level & OUTCOME_EXISTED);
}

const char *outcome_reason_text(uint8_t reason)
{
	return reason < ARRAY_COUNT(reason_text) ? reason_text[reason] : "unknown reason";
}

bool outcome_is_settled(const struct outcome *outcome)
{
	return outcome->state >= OUTCOME_DONE && outcome->state <= OUTCOME_FAILED;
}
