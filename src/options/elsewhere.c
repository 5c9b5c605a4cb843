#include "options/elsewhere.h"

struct elsewhere {
	const char *word;
	const char *here;
};

static const char deletes[] =
	"tahoe unlink does that; barge takes away snapshots only, with forget";
static const char moves[] = "barge copies, tahoe mv moves within a grid";
static const char keeps[] = "nothing is deleted at a target";
static const char at_once[] = "-j N says how many are under way at once";
static const char looks[] = "modes and times are kept anyway, -X and -A keep more";
static const char shows[] =
	"a terminal has a progress line anyway, --progress=always has it elsewhere";
static const char links[] = "--symlinks=preserve keeps symlinks, --symlinks=follow follows them";
static const char lists[] = "-v names each file as it ends, --json all of them, -n only looks";
static const char same[] = "--checksum compares contents, --update sizes and times";
static const char again[] = "what was interrupted goes on anyway";

static const struct elsewhere command[] = {
	{ "sync", "barge cp -rT SRC DST sends what is new or changed, and deletes nothing" },
	{ "mv", moves },
	{ "move", moves },
	{ "rm", deletes },
	{ "delete", deletes },
	{ "purge", deletes },
	{ "unlink", deletes },
	{ "mkdir", "barge cp makes the directories it needs, tahoe mkdir an empty one" },
	{ "copyto", "barge cp SRC ALIAS:PATH names the target, with -r and -T a directory's, too" },
	{ "tree", "barge ls -R lists what is below" },
	{ "rcat", "barge put - ALIAS:PATH stores what a pipe gives" },
	{ "mount", "nothing is mounted; barge get ALIAS:PATH - gives a file to a pipe" },
	{ "config",
	  "aliases are Tahoe's (tahoe add-alias), options may stand in ~/.config/barge/config" },
	{ "cat", "barge get ALIAS:PATH - writes to standard output" },
	{ "check", "barge verify proves what is there, barge diff compares" },
	{ "restore", "barge cp -r ALIAS:BACKUP/Latest DIR brings a snapshot back" },
	{ "prune", "barge forget thins snapshots out, barge jobs prune removes old jobs" },
	{ "init", "the first backup makes its target" },
};

static const struct elsewhere option[] = {
	{ "-a", looks },
	{ "--archive", looks },
	{ "-R", "-r copies directories with all that is in them" },
	{ "-P", shows },
	{ "--stats", shows },
	{ "--info", shows },
	{ "-t", looks },
	{ "-p", looks },
	{ "--times", looks },
	{ "--perms", looks },
	{ "-l", links },
	{ "-L", links },
	{ "--links", links },
	{ "--copy-links", links },
	{ "-c", same },
	{ "--size-only", same },
	{ "-i", lists },
	{ "--itemize-changes", lists },
	{ "--log-level", lists },
	{ "--ignore-existing", "--no-clobber keeps what is there" },
	{ "--remove-source-files", "sources are never changed" },
	{ "--max-age", "--newer=DATE leaves out what was not modified after that" },
	{ "--exclude-dir", "--exclude=NAME/ leaves out directories of that name" },
	{ "-W", "files are sent whole, or not at all" },
	{ "--whole-file", "files are sent whole, or not at all" },
	{ "--partial", again },
	{ "--delete", keeps },
	{ "--delete-after", keeps },
	{ "--delete-excluded", keeps },
	{ "--transfers", at_once },
	{ "--checkers", at_once },
	{ "--parallel", at_once },
	{ "-z", "nothing is compressed" },
	{ "--compress", "nothing is compressed" },
};

static const char *find(const struct elsewhere *table, size_t count, const char *word, size_t size)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(table[i].word) == size && memcmp(table[i].word, word, size) == 0)
			return table[i].here;
	return NULL;
}

const char *elsewhere_command(const char *word)
{
	return find(command, ARRAY_COUNT(command), word, strlen(word));
}

const char *elsewhere_option(const char *word)
{
	return find(option, ARRAY_COUNT(option), word, strcspn(word, "="));
}
