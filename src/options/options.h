/*
 * The command line: one table of options for argv, the environment, the config file and the help.
 *
 * Inside: options.c goes through argv, the environment and the file; options_table.c has a row for
 * each option, by which options_value.c reads its value, options_help.c prints it and completion.c
 * has shells complete it.  Rooms take the part that is theirs: connection.h, planning.h,
 * transfer.h, backup.h, report/output.h.  selection.c and selection_input.c make the rules and
 * lists of what is chosen into a struct select.
 *
 * Place      argv -> options -> a command.
 * Ownership  a struct options owns all its strings until options_fini; words may be caps, so they
 *            are wiped.  Defaults are filled in.
 * Threads    read by anyone once parsed.
 *
 * What argv says wins over BARGE_NAME in the environment, that over `name = value` in
 * $XDG_CONFIG_HOME/barge/config, that over the default.
 */
#pragma once

#include "base/text_list.h"
#include "options/backup.h"
#include "options/connection.h"
#include "options/planning.h"
#include "options/selection.h"
#include "options/transfer.h"
#include "report/output.h"
#include "snapshot/retention.h"

#include <stdio.h>

enum command {
	COMMAND_NONE,
	COMMAND_CP,
	COMMAND_BACKUP,
	COMMAND_PLAN,
	COMMAND_RUN,
	COMMAND_RESUME,
	COMMAND_VERIFY,
	COMMAND_REPAIR,
	COMMAND_LS,
	COMMAND_GET,
	COMMAND_PUT,
	COMMAND_DIFF,
	COMMAND_BENCH,
	COMMAND_SNAPSHOTS,
	COMMAND_FORGET,
	COMMAND_KEY,
	COMMAND_JOBS,
	COMMAND_SHOW,
	COMMAND_GATEWAY,
	COMMAND_COMPLETION,
	COMMAND_HELP,
	COMMAND_VERSION,
	COMMAND_COUNT,
};

/* What each room takes is a part of its own; the rest is for one command. */
struct options {
	enum command command;   /* for COMMAND_HELP, the one asked about is in `help` */
	enum command help;      /* COMMAND_NONE: all */
	struct text_list words; /* what is no option, behind the command */
	struct connection_options connection;
	struct planning_options planning;
	struct selection_options
		selection; /* of cp, plan, backup: `planning.select` is made of it */
	struct transfer_options transfer;
	struct backup_options backup;
	struct retention retention; /* forget */
	struct text_list keep_tag;  /* the same: snapshots that stay */
	struct output_options output;
	struct text_list fault;                    /* gateway */
	char *bench_sizes;                         /* bench; NULL: its own */
	char *bench_shape;                         /* bench: a plan whose sizes are measured */
	uint64_t bench_duration_ms, bench_objects; /* of a step; 0 objects: any number */
	char *read_data_subset;                    /* snapshots check; NULL: none is read */
	char *at;        /* cp, plan, ls, get, diff: a time, as snapshot/moment.h has it */
	char *state_dir; /* where jobs are kept; NULL: not given */
	char *plan_file; /* plan -o; bench plot: the picture */
	char *cap_out;   /* put, cp */
	char *root;      /* key: the key store; NULL: not given */
	char *key_chunk; /* key: size of chunks as git-annex spells it; NULL: not given */
	bool key_serial;
	uint64_t older_ms;            /* jobs prune; UINT64_MAX: not given */
	uint64_t port;                /* gateway; 0: any */
	bool new_job, dry_run;        /* cp, plan, backup, forget */
	bool show_caps, long_listing; /* ls, show, snapshots */
	bool human_readable;          /* ls */
	bool list_recursively;        /* ls */
	bool list_all;                /* ls, which hides nothing anyway */
	bool force;                   /* get */
	bool add_lease, restart;      /* verify, repair */
	uint64_t typed[2];            /* bits of rows of option_table: options_typed */
	bool cap_in_argv;             /* a cap was among the words; argv has been overwritten */
};

/*
 * Parses `argv` (`argv[0]` is the program), the environment and the config file.  Options stand
 * anywhere; `--` ends them.  Words of argv that hold a cap are overwritten in place.  FAULT_USAGE
 * names the word and the remedy; FAULT_INSECURE (the config file may be written by others); IO;
 * NOMEM.  On failure `options` is empty.
 */
MUST_USE enum fault options_parse(struct options *options, int argc, char **argv, struct err *err);

/* Returns whether the option, which is one of the command, stood among the words, not in the
 * environment or the file. */
bool options_typed(const struct options *options, const char *name);

/* Wipes and frees.  NULL and all zeros are allowed. */
void options_fini(struct options *options);

/* Returns the word of a command ("cp"), a literal. */
const char *options_command_name(enum command command);

/* Writes the help of `command` (COMMAND_NONE: the overview) to `out`. */
void options_help(enum command command, FILE *out);
