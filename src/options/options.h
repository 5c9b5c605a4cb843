/*
 * The command line: one table of options for argv, the environment, the config file and the help.
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
#include "options/connection.h"
#include "plan/plan.h"
#include "report/report.h"
#include "verify/policy.h"

enum command {
	COMMAND_NONE,
	COMMAND_CP,
	COMMAND_PLAN,
	COMMAND_RUN,
	COMMAND_RESUME,
	COMMAND_VERIFY,
	COMMAND_LS,
	COMMAND_GET,
	COMMAND_PUT,
	COMMAND_DIFF,
	COMMAND_JOBS,
	COMMAND_SHOW,
	COMMAND_GATEWAY,
	COMMAND_HELP,
	COMMAND_VERSION,
	COMMAND_COUNT,
};

/* Rules of selection: what they were given as, for they count in one order. */
enum option_rule {
	RULE_EXCLUDE = 'e',
	RULE_INCLUDE = 'i',
	RULE_FILTER = 'f',
	RULE_EXCLUDE_FROM = 'E',
	RULE_INCLUDE_FROM = 'I',
	RULE_EXCLUDE_VCS = 'v',
};

struct options {
	enum command command;   /* for COMMAND_HELP, the one asked about is in `help` */
	enum command help;      /* COMMAND_NONE: all */
	struct text_list words; /* what is no option, behind the command */
	struct connection_options connection;
	struct text_list fault;
	struct text_list rules; /* each begins with its enum option_rule */
	char *state_dir, *output, *newer, *files_from, *cap_out; /* NULL: not given */
	bool recursive, immutable, new_job, all_or_nothing, plan_first;
	bool dry_run;
	bool no_clobber, update, checksum; /* which files at the target stay */
	bool no_preserve;                  /* at a local target */
	bool one_file_system, null_separated;
	bool json, quiet, verbose, show_caps;
	bool long_listing, force, caps_only;
	unsigned verify;             /* enum verify_level; 0: auto */
	enum plan_symlinks symlinks; /* UNSET: not given */
	enum plan_specials specials;
	enum report_progress progress;
	struct select *select;       /* what cp and plan were told to choose; may be NULL */
	uint64_t min_size, max_size; /* of files; max_size 0: no limit */
	uint64_t max_dir_entries;    /* 100,000 */
	uint64_t in_flight;          /* -j; 0: adapt */
	uint64_t readers;            /* 8 */
	uint64_t memory;             /* bytes; 32 MiB */
	uint64_t threads;            /* curl threads; 0: as the pool thinks */
	uint64_t port;               /* gateway; 0: any */
	uint64_t range_size;         /* bytes; 32 MiB */
	uint64_t max_transfer;       /* bytes a run begins with; 0: no limit */
	uint64_t max_duration_ms;    /* after which a run begins no more; 0: no limit */
	uint32_t umask;   /* of the user: what the process had before it took one of its own */
	bool cap_in_argv; /* a cap was among the words; argv has been overwritten */
};

/*
 * Parses `argv` (`argv[0]` is the program), the environment and the config file.  Options stand
 * anywhere; `--` ends them.  Words of argv that hold a cap are overwritten in place.  FAULT_USAGE
 * names the word and the remedy; FAULT_INSECURE (the config file may be written by others); IO;
 * NOMEM.  On failure `options` is empty.
 */
MUST_USE enum fault options_parse(struct options *options, int argc, char **argv, struct err *err);

/* Wipes and frees.  NULL and all zeros are allowed. */
void options_fini(struct options *options);

/* Returns the word of a command ("cp"), a literal. */
const char *options_command_name(enum command command);

/* Writes the help of `command` (COMMAND_NONE: the overview) to `out`. */
void options_help(enum command command, FILE *out);

/*
 * Writes the options that decide what is planned, canonical and NUL-terminated ("recursive=1
 * immutable=0 ..."): two jobs with different text here are different jobs.
 */
enum { OPTIONS_PLAN_TEXT_SIZE = 256 };

/* A request for a range costs a gateway as much as a small file: 2 % of this many bytes. */
enum { OPTIONS_RANGE_SIZE = 32 << 20 };

void options_plan_text(const struct options *options, char text[OPTIONS_PLAN_TEXT_SIZE]);

/*
 * Takes the planning options back from such a text, as a job's manifest has it, so that a resumed
 * job goes on as it began.  FAULT_CORRUPT when it is not one.
 */
MUST_USE enum fault options_plan_read(struct options *options, const char *text, size_t size,
				      struct err *err);
