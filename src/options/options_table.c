#include "options/options_table.h"

#include "net/pace.h"

#define BIT(command) (1u << COMMAND_##command)
#define AT(member)   offsetof(struct options, member)

#define COPYING  (BIT(CP) | BIT(PLAN))
#define SENDING  (BIT(CP) | BIT(RUN) | BIT(RESUME) | BIT(BACKUP))
#define PLANNING (COPYING | BIT(BACKUP))
#define SHARING  (BIT(BACKUP) | BIT(RESUME))
#define AUDITING (BIT(VERIFY) | BIT(REPAIR))
#define ONLINE   (SENDING | AUDITING)
#define BACKUPS  (BIT(SNAPSHOTS) | BIT(FORGET))
#define SINGLE   (BIT(LS) | BIT(GET) | BIT(PUT) | BIT(DIFF) | BIT(KEY) | BIT(BENCH) | BACKUPS)
#define NODE     (ONLINE | BIT(PLAN) | SINGLE)
#define STATE    (ONLINE | BIT(PLAN) | BIT(JOBS))
#define ALL      (((1u << COMMAND_COUNT) - 1))

enum { MINUTE_MS = 60000, WEEK_MS = 7 * 24 * 60 * MINUTE_MS };

const struct option_row option_table[] = {
	{ "recursive", 'r', OPTION_FLAG, NULL, "copy directories with all that is in them", COPYING,
	  true, AT(planning.recursive), 0, 0 },
	{ "no-target-directory", 'T', OPTION_FLAG, NULL,
	  "the one source becomes DST itself, not something in it", COPYING, true,
	  AT(planning.no_target_directory), 0, 0 },
	{ "node-directory", 'd', OPTION_TEXT, "DIR",
	  "Tahoe-LAFS node directory with node.url and private/aliases (~/.tahoe)",
	  NODE | BIT(JOBS), false, AT(connection.node_directory), 0, 0 },
	{ "gateway", 'u', OPTION_LIST, "URL",
	  "gateway to use instead of node.url; given again, jobs share their work",
	  NODE | BIT(JOBS), false, AT(connection.gateway), 0, 0 },
	{ "cap-file", 0, OPTION_TEXT, "FILE", "the directory cap in FILE answers to the alias cap:",
	  NODE | BIT(JOBS), false, AT(connection.cap_file), 0, 0 },
	{ "convergence-file", 0, OPTION_TEXT, "FILE",
	  "the gateway's private/convergence, to know caps ahead",
	  ONLINE | BIT(GET) | BIT(PUT) | BIT(DIFF) | BIT(KEY) | BIT(BENCH), false,
	  AT(connection.convergence_file), 0, 0 },
	{ "allow-plaintext", 0, OPTION_LIST, "HOST",
	  "allow plain http to HOST: everybody in between can read the caps", NODE | BIT(JOBS),
	  false, AT(connection.allow_plaintext), 0, 0 },
	{ "immutable", 0, OPTION_FLAG, NULL, "make immutable directories", COPYING, true,
	  AT(planning.immutable), 0, 0 },
	{ "symlinks", 0, OPTION_SYMLINKS, "skip|follow|fail|preserve",
	  "what to do with symlinks (skip, counted as a loss; backup, snapshots: preserve)",
	  PLANNING, false, AT(planning.symlinks), 0, 0 },
	{ "specials", 0, OPTION_SPECIALS, "skip|fail",
	  "what to do with FIFOs, sockets and devices (skip, counted as a loss; backup: fail)",
	  PLANNING, false, AT(planning.specials), 0, 0 },
	{ "xattrs", 'X', OPTION_FLAG, NULL, "keep extended attributes of local sources", COPYING,
	  true, AT(planning.xattrs), 0, 0 },
	{ "acls", 'A', OPTION_FLAG, NULL, "keep access lists of local sources", COPYING, true,
	  AT(planning.acls), 0, 0 },
	{ "no-xattrs", 0, OPTION_FLAG, NULL, "keep neither extended attributes nor access lists",
	  BIT(BACKUP), true, AT(planning.no_xattrs), 0, 0 },
	{ "max-dir-entries", 0, OPTION_COUNT, "N",
	  "a directory with more entries fails by name (100000)", PLANNING, false,
	  AT(planning.max_dir_entries), 1, UINT32_MAX },
	{ "exclude", 0, OPTION_RULE, "PATTERN", "leave out what matches; the first rule decides",
	  PLANNING, true, AT(selection.rules), RULE_EXCLUDE, 0 },
	{ "include", 0, OPTION_RULE, "PATTERN", "take what matches, whatever later rules say",
	  PLANNING, true, AT(selection.rules), RULE_INCLUDE, 0 },
	{ "filter", 0, OPTION_RULE, "RULE", "\"+ PATTERN\", \"- PATTERN\", or \"!\" to begin anew",
	  PLANNING, true, AT(selection.rules), RULE_FILTER, 0 },
	{ "exclude-from", 0, OPTION_RULE, "FILE", "patterns to leave out, one a line", PLANNING,
	  true, AT(selection.rules), RULE_EXCLUDE_FROM, 0 },
	{ "include-from", 0, OPTION_RULE, "FILE", "patterns to take, one a line", PLANNING, true,
	  AT(selection.rules), RULE_INCLUDE_FROM, 0 },
	{ "exclude-vcs", 0, OPTION_RULE, NULL, "leave out what version control systems keep",
	  PLANNING, true, AT(selection.rules), RULE_EXCLUDE_VCS, 0 },
	{ "exclude-from-utf-8", 0, OPTION_RULE, "FILE",
	  "globs of names to leave out, one a line, as tahoe backup has them", PLANNING, true,
	  AT(selection.rules), RULE_EXCLUDE_GLOBS_FROM, 0 },
	{ "exclude-caches", 0, OPTION_FLAG, NULL,
	  "of a directory with a CACHEDIR.TAG take that tag alone", PLANNING, true,
	  AT(selection.exclude_caches), 0, 0 },
	{ "exclude-if-present", 0, OPTION_LIST, "NAME",
	  "of a directory that has NAME take that alone", PLANNING, true,
	  AT(selection.exclude_if_present), 0, 0 },
	{ "exclude-larger-than", 0, OPTION_SIZE, "SIZE", "the same as --max-size", PLANNING, true,
	  AT(selection.max_size), 1, UINT64_MAX },
	{ "files-from", 0, OPTION_TEXT, "FILE", "take only the paths in FILE, below the one source",
	  PLANNING, true, AT(selection.files_from), 0, 0 },
	{ "null", '0', OPTION_FLAG, NULL, "NUL ends what these files list, not the end of a line",
	  PLANNING, true, AT(selection.null_separated), 0, 0 },
	{ "min-size", 0, OPTION_SIZE, "SIZE", "leave out smaller files", PLANNING, true,
	  AT(selection.min_size), 1, UINT64_MAX },
	{ "max-size", 0, OPTION_SIZE, "SIZE", "leave out larger files", PLANNING, true,
	  AT(selection.max_size), 1, UINT64_MAX },
	{ "newer", 0, OPTION_TEXT, "FILE|DATE", "leave out what was not modified after that",
	  PLANNING, true, AT(selection.newer), 0, 0 },
	{ "one-file-system", 'x', OPTION_FLAG, NULL, "leave out other file systems mounted inside",
	  PLANNING, true, AT(selection.one_file_system), 0, 0 },
	{ "all-or-nothing", 0, OPTION_FLAG, NULL,
	  "withhold the last link when anything failed or was skipped", SENDING, false,
	  AT(transfer.all_or_nothing), 0, 0 },
	{ "plan-first", 0, OPTION_FLAG, NULL, "finish the plan before the first byte is sent",
	  SENDING, false, AT(transfer.plan_first), 0, 0 },
	{ "new", 0, OPTION_FLAG, NULL, "begin a new job where an unfinished one would go on",
	  PLANNING, true, AT(new_job), 0, 0 },
	{ "dry-run", 'n', OPTION_FLAG, NULL, "only say what would be done, an entry a line",
	  BIT(CP) | BIT(BACKUP) | BIT(FORGET), true, AT(dry_run), 0, 0 },
	{ "ignore-timestamps", 0, OPTION_FLAG, NULL,
	  "read and hash every file, also those whose times are as they were", SHARING, false,
	  AT(backup.ignore_timestamps), 0, 0 },
	{ "renew-leases", 0, OPTION_FLAG, NULL,
	  "ask servers for all that is reused, and renew its leases", SHARING, false,
	  AT(backup.renew_leases), 0, 0 },
	{ "paranoid", 0, OPTION_FLAG, NULL,
	  "with nothing known, do not believe what the newest snapshot says of times", SHARING,
	  false, AT(backup.paranoid), 0, 0 },
	{ "import-backupdb", 0, OPTION_TEXT, "FILE",
	  "take over what tahoe backup knows: private/backupdb.sqlite of the node", BIT(BACKUP),
	  true, AT(backup.import_backupdb), 0, 0 },
	{ "check-after", 0, OPTION_SECONDS, "TIME",
	  "do not ask servers for what was stored or checked less than TIME ago (30d)", SHARING,
	  false, AT(backup.check_after_ms), 0, UINT64_MAX },
	{ "check-always", 0, OPTION_SECONDS, "TIME",
	  "always ask for what was last checked TIME ago; in between, more and more often (60d)",
	  SHARING, false, AT(backup.check_always_ms), 0, UINT64_MAX },
	{ "retry", 0, OPTION_FLAG, NULL,
	  "take up again what failed or was skipped, also of a job that has ended", BIT(RESUME),
	  false, AT(transfer.retry), 0, 0 },
	{ "no-clobber", 0, OPTION_FLAG, NULL, "keep files that are at the target",
	  SENDING & ~BIT(BACKUP), false, AT(transfer.no_clobber), 0, 0 },
	{ "update", 0, OPTION_FLAG, NULL,
	  "keep files at the target whose size and time are those of the source (not newer ones)",
	  SENDING & ~BIT(BACKUP), false, AT(transfer.update), 0, 0 },
	{ "checksum", 0, OPTION_FLAG, NULL,
	  "keep files at the target whose content is that of the source", SENDING & ~BIT(BACKUP),
	  false, AT(transfer.checksum), 0, 0 },
	{ "always", 0, OPTION_FLAG, NULL, "send files although they are at the target as they are",
	  SENDING & ~BIT(BACKUP), false, AT(transfer.always), 0, 0 },
	{ "no-preserve", 0, OPTION_FLAG, NULL, "do not restore modes and times at a local target",
	  SENDING & ~BIT(BACKUP), false, AT(transfer.no_preserve), 0, 0 },
	{ "sparse", 'S', OPTION_FLAG, NULL, "make holes of long runs of zeros at a local target",
	  SENDING & ~BIT(BACKUP), false, AT(transfer.sparse), 0, 0 },
	{ "no-direct", 0, OPTION_FLAG, NULL,
	  "use the gateway alone, not the storage servers it knows",
	  ONLINE | BIT(GET) | BIT(LS) | BIT(BENCH), false, AT(connection.no_direct), 0, 0 },
	{ "range-size", 0, OPTION_SIZE, "SIZE",
	  "fetch larger files in ranges of SIZE, side by side and resumable (32M)", COPYING, false,
	  AT(planning.range_size), 1 << 20, UINT64_C(1) << 40 },
	{ "chunk", 0, OPTION_SIZE, "SIZE",
	  "store larger local files as chunks of SIZE, side by side and resumable", PLANNING, false,
	  AT(planning.chunk_size), 1 << 12, UINT64_C(1) << 40 },
	{ "output", 'o', OPTION_TEXT, "FILE", "write the plan, or the picture, to FILE",
	  BIT(PLAN) | BIT(BENCH), true, AT(plan_file), 0, 0 },
	{ "verify", 0, OPTION_LEVELS, "LEVELS",
	  "auto, or some of cap,check,read: what proves a file (auto)",
	  ONLINE | BIT(PUT) | BIT(DIFF) | BIT(KEY) | BIT(BENCH), false, AT(transfer.verify), 0, 0 },
	{ "add-lease", 0, OPTION_FLAG, NULL, "renew the leases of all shares, or add them",
	  AUDITING, true, AT(add_lease), 0, 0 },
	{ "restart", 0, OPTION_FLAG, NULL,
	  "look again at what a run that was stopped has found well", AUDITING, true, AT(restart),
	  0, 0 },
	{ "jobs", 'j', OPTION_COUNT, "N",
	  "file requests in flight at each gateway (copies find out how many, up to 64)",
	  ONLINE | BIT(BENCH) | BIT(KEY), false, AT(transfer.in_flight), 1, 1024 },
	{ "readers", 0, OPTION_COUNT, "N", "threads that read and hash (8)", SENDING, false,
	  AT(transfer.readers), 1, 64 },
	{ "threads", 0, OPTION_COUNT, "N", "threads that talk to gateways (one each)", ONLINE,
	  false, AT(transfer.threads), 1, 64 },
	{ "memory", 0, OPTION_SIZE, "SIZE", "bytes of bodies in memory at once (64M)", ONLINE,
	  false, AT(transfer.memory), 4 << 20, UINT64_C(1) << 40 },
	{ "bwlimit", 0, OPTION_RATE, "RATE",
	  "bytes a second, all transfers in both directions together (0: no limit)",
	  ONLINE | BIT(GET) | BIT(PUT) | BIT(KEY) | BIT(BENCH), false, AT(connection.bwlimit),
	  PACE_RATE_MIN, PACE_RATE_MAX },
	{ "max-transfer", 0, OPTION_SIZE, "SIZE",
	  "begin no more files after SIZE bytes; the rest is left (status 3)", SENDING, false,
	  AT(transfer.max_transfer), 1, UINT64_MAX },
	{ "max-duration", 0, OPTION_SECONDS, "TIME",
	  "begin no more files after 90 (seconds), 10m, 2h or 1d", SENDING, false,
	  AT(transfer.max_duration_ms), 1, UINT64_MAX },
	{ "gateway-wait", 0, OPTION_SECONDS, "SECONDS",
	  "how long to wait for a gateway that went away (300)", ONLINE | SINGLE, false,
	  AT(connection.gateway_wait_ms), 0, WEEK_MS },
	{ "grid-wait", 0, OPTION_SECONDS, "SECONDS",
	  "how long to wait for a grid with too few servers or shares (300)", ONLINE | SINGLE,
	  false, AT(connection.grid_wait_ms), 0, WEEK_MS },
	{ "timeout-connect", 0, OPTION_SECONDS, "SECONDS", "limit for a connection to stand (10)",
	  ONLINE | SINGLE, false, AT(connection.timeout_connect_ms), 1, WEEK_MS },
	{ "timeout-send", 0, OPTION_SECONDS, "SECONDS", "limit for a body that does not move (60)",
	  ONLINE | SINGLE, false, AT(connection.timeout_send_ms), 1, WEEK_MS },
	{ "timeout-wait", 0, OPTION_SECONDS, "SECONDS",
	  "limit for the reply to begin; grows with body and children (60)", ONLINE | SINGLE, false,
	  AT(connection.timeout_wait_ms), 1, WEEK_MS },
	{ "timeout-receive", 0, OPTION_SECONDS, "SECONDS",
	  "limit for a reply that does not move (60)", ONLINE | SINGLE, false,
	  AT(connection.timeout_receive_ms), 1, WEEK_MS },
	{ "state-dir", 0, OPTION_TEXT, "DIR", "where jobs are kept ($XDG_STATE_HOME/barge)", STATE,
	  false, AT(state_dir), 0, 0 },
	{ "port", 0, OPTION_COUNT, "N", "port on 127.0.0.1 (the one used before, else any)",
	  BIT(GATEWAY), false, AT(port), 1, 65535 },
	{ "fault", 0, OPTION_LIST, "SPEC", "for tests: break some requests on purpose",
	  BIT(GATEWAY), true, AT(fault), 0, 0 },
	{ "at", 0, OPTION_TEXT, "TIME",
	  "what a backup had at TIME: a date, a snapshot's name, or \"2 days ago\"",
	  COPYING | BIT(LS) | BIT(GET) | BIT(DIFF), true, AT(at), 0, 0 },
	{ "read-data-subset", 0, OPTION_TEXT, "P%",
	  "snapshots check: read the shares of so many percent of the files as well",
	  BIT(SNAPSHOTS), true, AT(read_data_subset), 0, 0 },
	{ "keep-last", 0, OPTION_COUNT, "N", "keep the N newest snapshots", BIT(FORGET), true,
	  AT(retention.count[RETENTION_LAST]), 1, UINT64_MAX },
	{ "keep-daily", 0, OPTION_COUNT, "N", "keep the newest snapshot of each of N days",
	  BIT(FORGET), true, AT(retention.count[RETENTION_DAILY]), 1, UINT64_MAX },
	{ "keep-weekly", 0, OPTION_COUNT, "N", "keep the newest snapshot of each of N weeks",
	  BIT(FORGET), true, AT(retention.count[RETENTION_WEEKLY]), 1, UINT64_MAX },
	{ "keep-monthly", 0, OPTION_COUNT, "N", "keep the newest snapshot of each of N months",
	  BIT(FORGET), true, AT(retention.count[RETENTION_MONTHLY]), 1, UINT64_MAX },
	{ "keep-yearly", 0, OPTION_COUNT, "N", "keep the newest snapshot of each of N years",
	  BIT(FORGET), true, AT(retention.count[RETENTION_YEARLY]), 1, UINT64_MAX },
	{ "keep-tag", 0, OPTION_LIST, "TAG[,TAG...]", "keep all snapshots that have these tags",
	  BIT(FORGET), true, AT(keep_tag), 0, 0 },
	{ "tag", 0, OPTION_LIST, "TAG[,TAG...]",
	  "give the snapshot these tags; snapshots, forget: only those that have them",
	  BIT(BACKUP) | BACKUPS, true, AT(backup.tag), 0, 0 },
	{ "sizes", 0, OPTION_TEXT, "SIZE,...", "bytes of the files (4K,64K,1M,32M)", BIT(BENCH),
	  true, AT(bench_sizes), 0, 0 },
	{ "shape", 0, OPTION_TEXT, "PLAN", "the sizes of a plan, and how long all of it would take",
	  BIT(BENCH), true, AT(bench_shape), 0, 0 },
	{ "duration", 0, OPTION_SECONDS, "TIME", "how long each step measures, at most (2)",
	  BIT(BENCH), true, AT(bench_duration_ms), 1, 24 * 60 * MINUTE_MS },
	{ "objects", 0, OPTION_COUNT, "N", "requests of each step, at most", BIT(BENCH), true,
	  AT(bench_objects), 1, UINT64_MAX },
	{ "caps", 0, OPTION_FLAG, NULL, "show caps, which are secrets",
	  BIT(SHOW) | BIT(LS) | BIT(SNAPSHOTS), true, AT(show_caps), 0, 0 },
	{ "chunk", 0, OPTION_TEXT, "SIZE",
	  "store in chunks of SIZE, as git-annex spells it: 8MiB, 10 MB (0: whole)", BIT(KEY), true,
	  AT(key_chunk), 0, 0 },
	{ "serial", 0, OPTION_FLAG, NULL,
	  "one chunk after another, from the first that is missing, as git-annex does", BIT(KEY),
	  true, AT(key_serial), 0, 0 },
	{ "root", 0, OPTION_TEXT, "ALIAS:DIR", "the directory that is the key store", BIT(KEY),
	  true, AT(root), 0, 0 },
	{ "human-readable", 'h', OPTION_FLAG, NULL, "with -l: sizes as 1.5K", BIT(LS), true,
	  AT(human_readable), 0, 0 },
	{ "all", 'a', OPTION_FLAG, NULL, "the same: names that begin with a dot are never hidden",
	  BIT(LS), true, AT(list_all), 0, 0 },
	{ "recursive", 'R', OPTION_FLAG, NULL, "list all directories below, too", BIT(LS), true,
	  AT(list_recursively), 0, 0 },
	{ "long", 'l', OPTION_FLAG, NULL,
	  "kind, rights, size and time of each entry; of each snapshot what is in it",
	  BIT(LS) | BIT(SNAPSHOTS), true, AT(long_listing), 0, 0 },
	{ "older", 0, OPTION_SECONDS, "TIME",
	  "prune: finished jobs that ended that long ago, as 12h or 7d (30d)", BIT(JOBS), true,
	  AT(older_ms), 0, UINT64_MAX },
	{ "force", 'f', OPTION_FLAG, NULL, "replace a file that is there", BIT(GET), true,
	  AT(force), 0, 0 },
	{ "caps-only", 0, OPTION_FLAG, NULL,
	  "put: print the new cap; cp: write read caps instead of data; secrets",
	  BIT(PUT) | COPYING, true, AT(planning.caps_only), 0, 0 },
	{ "cap-out", 0, OPTION_TEXT, "FILE",
	  "store unlinked and write the new cap to FILE, which must not be there; with cp all "
	  "words "
	  "are sources, and a new directory is the target",
	  BIT(PUT) | BIT(CP), true, AT(cap_out), 0, 0 },
	{ "json", 0, OPTION_FLAG, NULL, "JSON lines on stdout",
	  ONLINE | BIT(PLAN) | BIT(JOBS) | BIT(SHOW) | BIT(LS) | BIT(DIFF) | BIT(SNAPSHOTS) |
		  BIT(FORGET) | BIT(BENCH) | BIT(KEY),
	  false, AT(output.json), 0, 0 },
	{ "progress", 0, OPTION_PROGRESS, "auto|always|never",
	  "the progress line (auto); alone: always",
	  ONLINE | BIT(PLAN) | BIT(BENCH) | BIT(GET) | BIT(PUT) | BIT(KEY), false,
	  AT(output.progress), 0, 0 },
	{ "quiet", 'q', OPTION_FLAG, NULL, "only errors and warnings", ALL, false, AT(output.quiet),
	  0, 0 },
	{ "verbose", 'v', OPTION_FLAG, NULL, "say more: each file as it ends, with the time", ALL,
	  false, AT(output.verbose), 0, 0 },
	{ "log-file", 0, OPTION_TEXT, "FILE",
	  "append what is said to FILE as well, each line with its time", ALL & ~BIT(GATEWAY),
	  false, AT(output.log_file), 0, 0 },
	{ "help", 'h', OPTION_HELP, NULL, "this text", ALL, true, 0, 0, 0 },
	{ "version", 0, OPTION_VERSION, NULL, "the version", ALL, true, 0, 0, 0 },
};

const size_t option_count = ARRAY_COUNT(option_table);

const struct command_row command_table[COMMAND_COUNT] = {
	[COMMAND_NONE] = { .name = "" },
	[COMMAND_CP] = { "cp", "SRC... DST", "copy files and trees into or out of a grid",
			 "SRC and DST are local paths or ALIAS:PATH.  The same command again goes "
			 "on "
			 "with a job\nthat was interrupted.  Entries that fail are named, the rest "
			 "is copied, the status is 1.\n",
			 1, SIZE_MAX },
	[COMMAND_BACKUP] = { "backup", "SRC... ALIAS:TO",
			     "add a snapshot that shares all that is unchanged",
			     "One SRC is the snapshot; of several each is a directory in it.  It "
			     "becomes TO/Archives/TIME\nand TO/Latest, last, and never changes.  "
			     "The "
			     "same command again goes on with a run that\nwas interrupted.  "
			     "Entries "
			     "that fail are named, the rest is in the snapshot, the status is 1.\n",
			     2, SIZE_MAX },
	[COMMAND_PLAN] = { "plan", "SRC... DST", "only write the plan of a copy",
			   "The plan becomes a job for `barge resume`, or with -o a file for "
			   "`barge run`.\n",
			   2, SIZE_MAX },
	[COMMAND_RUN] = { "run", "PLAN", "carry a plan out, or go on with it",
			  "PLAN is a file written by `barge plan -o`.\n", 1, 1 },
	[COMMAND_RESUME] = { "resume", "[JOB]", "go on with a job that was interrupted",
			     "Without JOB: with the newest that is not finished; with --retry the "
			     "newest "
			     "of all.\nWhat was done earlier is looked at again first: what has "
			     "changed at the source, and what a\nlocal target has lost, is done "
			     "again.\n",
			     0, 1 },
	[COMMAND_VERIFY] = { "verify", "JOB | ALIAS:PATH", "prove again what a grid holds",
			     "Every entry that a job has done, or every object below PATH, is "
			     "proven at the levels of\n--verify: `count` looks whether all shares "
			     "are there (PATH), `check` reads and proves all of\neach share, "
			     "`read` "
			     "reads files back (JOB).  The status is 1 when not all was proven.  "
			     "The same command again goes\non with a run that was stopped.\n",
			     1, 1 },
	[COMMAND_REPAIR] = { "repair", "JOB | ALIAS:PATH", "make shares anew that are missing",
			     "Shares are counted, or with --verify=check proven, and what is "
			     "missing is made anew under\nthe same cap.  The status is 1 when "
			     "something is not healthy in the end.\n",
			     1, 1 },
	[COMMAND_LS] = { "ls", "[ALIAS:PATH]...", "list directories on a grid",
			 "Without a word: tahoe: is listed.  Names are escaped, one a line; a "
			 "slash "
			 "ends a directory's.\n",
			 0, SIZE_MAX },
	[COMMAND_GET] = { "get", "ALIAS:PATH [FILE | -]", "fetch one file, or give it to a pipe",
			  "Without FILE it keeps its name.  Nothing arrives before all of it is "
			  "proven; for a pipe it\nis kept in $TMPDIR until then.\n",
			  1, 2 },
	[COMMAND_PUT] = { "put", "FILE | - [ALIAS:PATH]", "store one file, or what a pipe gives",
			  "It is proven, and then linked at ALIAS:PATH, whose directory must be "
			  "there.  What a pipe\ngives is kept in $TMPDIR until it is stored.\n",
			  1, 2 },
	[COMMAND_DIFF] = { "diff", "LOCAL ALIAS:PATH", "compare a local tree with one on a grid",
			   "In either order.  Names, kinds, sizes and, by their keys, contents; "
			   "nothing is fetched\nunless --verify=read is given.  The status is 1 "
			   "when "
			   "not all was found the same.\n",
			   2, 2 },
	[COMMAND_BENCH] = { "bench",
			    "[put | get | dir | mixed] [ALIAS:PATH] | compare A B | plot A...",
			    "measure a grid: how fast it is, and what holds it back",
			    "Files made up in memory are put and got, and directories made and "
			    "listed, with more and\nmore requests in flight.  Nothing is linked.  "
			    "Instead of ALIAS:PATH: --gateway URL.\n"
			    "compare A B  what differs between two runs, each printed with "
			    "--json.\n"
			    "plot A...    draws runs to -o FILE.svg or FILE.png with gnuplot.\n",
			    0, SIZE_MAX },
	[COMMAND_SNAPSHOTS] = { "snapshots", "[list | find | diff | check] ALIAS:TO [NAME | A B]",
				"list, search and compare the snapshots of a backup",
				"list       names and times; with -l also what is in each, and how "
				"much of it is new.\n"
				"find NAME  which snapshots have what matches the pattern, as "
				"--exclude has patterns.\n"
				"diff A B   what differs between two, named as --at has it.\n"
				"check [A]  whether all of it, or of one, can be had; reads shares "
				"with\n           --read-data-subset.\n",
				1, 4 },
	[COMMAND_FORGET] = { "forget", "ALIAS:TO", "unlink old snapshots of a backup",
			     "What any of the --keep options keeps stays, and what Latest leads "
			     "to.  A name that is no\ntime is never unlinked.\n",
			     1, 1 },
	[COMMAND_KEY] = { "key",
			  "store | retrieve | remove | check | log | list | verify | repair [KEY] "
			  "[FILE] --root ALIAS:DIR",
			  "keep contents on a grid by their git-annex keys",
			  "store KEY FILE     store the file; what the key had is replaced.  With "
			  "--chunk of chunks\n                   that are there already only the "
			  "others are sent.\n"
			  "retrieve KEY FILE  bring it into the file, written from front to back; "
			  "a "
			  "beginning that is\n                   there is gone on with.\n"
			  "remove KEY         take the key away; well when it is not there.\n"
			  "check KEY          say whether its content can be read; 0: present, 1: "
			  "absent, 69: nobody\n                   can tell.\n"
			  "log KEY            print the log of its chunks.\n"
			  "list               print all keys.\n"
			  "verify [KEY]       count the shares of one key or of all: healthy, "
			  "degraded, "
			  "lost or\n                   unknown.  1: some are not healthy, 69: some "
			  "are unknown.\n"
			  "repair [KEY]       make missing shares anew.\n",
			  1, 3 },
	[COMMAND_JOBS] = { "jobs", "[list | show JOB | retry JOB | remove JOB | prune]",
			   "list, describe, take up again or remove saved jobs",
			   "JOB is an id, or its beginning where only one job begins so.  Of jobs "
			   "that ended with\nstatus 0, `prune` removes the older ones; so does "
			   "each "
			   "new job after 30 days.  `retry` "
			   "is "
			   "`barge resume --retry`.\n",
			   0, 2 },
	[COMMAND_SHOW] = { "show", "FILE", "print a manifest or an outcomes file",
			   "As text, or with --json as JSON lines.  Caps are left out unless "
			   "--caps "
			   "is given.\n",
			   1, 1 },
	[COMMAND_GATEWAY] = { "gateway", "DIR", "run a one-node gateway for trying and testing",
			      "DIR becomes a node directory: `barge cp -d DIR ...` uses it.  "
			      "Loopback only.\nThe gateway is a program of its own: `barge-gateway "
			      "--help` explains what a SPEC is.\n",
			      1, 1 },
	[COMMAND_COMPLETION] = { "completion", "bash | zsh | fish",
				 "print what makes a shell complete barge's words",
				 "For bash: source <(barge completion bash).  `ninja install` puts "
				 "all three in place.\n",
				 1, 1 },
	[COMMAND_HELP] = { "help", "[COMMAND]", "explain a command", "", 0, 1 },
	[COMMAND_VERSION] = { "version", "", "print the version", "", 0, 0 },
};

/* Prefers the row that goes with the command to one that does not. */
static const struct option_row *better(const struct option_row *found, const struct option_row *row,
				       enum command command)
{
	const bool goes = row->commands & 1u << command;
	return !found || (goes && !(found->commands & 1u << command)) ? row : found;
}

const struct option_row *option_by_name(const char *name, size_t size, enum command command)
{
	const struct option_row *found = NULL;
	for (size_t i = 0; i < option_count; i++)
		if (strlen(option_table[i].name) == size &&
		    memcmp(option_table[i].name, name, size) == 0)
			found = better(found, &option_table[i], command);
	return found;
}

const struct option_row *option_by_letter(char letter, enum command command)
{
	const struct option_row *found = NULL;
	for (size_t i = 0; letter && i < option_count; i++)
		if (option_table[i].letter == letter)
			found = better(found, &option_table[i], command);
	return found;
}

enum command command_by_name(const char *word)
{
	for (int i = COMMAND_NONE + 1; i < COMMAND_COUNT; i++)
		if (strcmp(command_table[i].name, word) == 0)
			return (enum command)i;
	return COMMAND_NONE;
}
