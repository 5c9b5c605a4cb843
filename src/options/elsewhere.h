/*
 * What other programs have a word for, and barge does otherwise: rclone, rsync, restic, cp, tahoe.
 *
 * Place      options -> [elsewhere] -> the text of an error.
 * Threads    any.
 */
#pragma once

#include "queue/core/base.h"

/* Returns what there is in place of a command of theirs, a sentence without its end, or NULL. */
const char *elsewhere_command(const char *word);

/* The same of an option, as it was typed: "-a", "--delete", "--transfers=8". */
const char *elsewhere_option(const char *word);
