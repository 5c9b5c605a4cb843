#include "options/options_table.h"

enum { COLUMN = 30, OVERVIEW_COLUMN = 38, BOUND_SIZE = 24, BOUNDS_SIZE = 64 };

/* What an option means to a command that takes another meaning of it. */
static const struct meaning {
	enum command command;
	const char *name, *help;
} meaning_table[] = {
	{ COMMAND_VERIFY, "verify",
	  "count, check, read or check,read: how each object is looked at (a job's: read; else "
	  "count)" },
	{ COMMAND_REPAIR, "verify", "count or check: how what is damaged is found (count)" },
	{ COMMAND_DIFF, "verify", "read: fetch and compare what the key does not decide" },
};

static const char *help_of(const struct option_row *row, enum command command)
{
	for (size_t i = 0; i < ARRAY_COUNT(meaning_table); i++)
		if (meaning_table[i].command == command &&
		    strcmp(meaning_table[i].name, row->name) == 0)
			return meaning_table[i].help;
	return row->help;
}

/* Writes a bound as it would be typed. */
static void bound_text(const struct option_row *row, uint64_t bound, char text[BOUND_SIZE])
{
	static const struct unit {
		uint64_t size;
		const char *name;
	} sizes[] = { { UINT64_C(1) << 40, "T" },
		      { 1 << 30, "G" },
		      { 1 << 20, "M" },
		      { 1 << 10, "K" },
		      { 1, "" } },
	  times[] = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "" } };
	const bool is_time = row->type == OPTION_SECONDS;
	const struct unit *unit = is_time ? times : sizes;
	size_t last = (is_time ? ARRAY_COUNT(times) : ARRAY_COUNT(sizes)) - 1;
	if (row->type == OPTION_COUNT)
		unit += last;
	else
		for (; last > 0 && bound % unit->size != 0; last--)
			unit++;
	snprintf(text, BOUND_SIZE, "%llu%s", (unsigned long long)(bound / unit->size), unit->name);
}

/* Writes " [1 to 64]" behind the help of a number that has such bounds, or nothing. */
static void bounds_text(const struct option_row *row, char text[BOUNDS_SIZE])
{
	char min[BOUND_SIZE], max[BOUND_SIZE];
	const bool is_number = row->type == OPTION_COUNT || row->type == OPTION_SIZE ||
			       row->type == OPTION_RATE || row->type == OPTION_SECONDS;
	text[0] = '\0';
	if (!is_number || row->max == UINT64_MAX || row->max == UINT32_MAX)
		return;
	bound_text(row, row->min, min);
	bound_text(row, row->max, max);
	if (row->type == OPTION_SECONDS)
		snprintf(text, BOUNDS_SIZE, " [up to %s]", max);
	else
		snprintf(text, BOUNDS_SIZE, " [%s to %s]", min, max);
}

static void print_option(const struct option_row *row, enum command command, FILE *out)
{
	char left[64], bounds[BOUNDS_SIZE];
	snprintf(left, sizeof left, "%c%c%s --%s%s%s", row->letter ? '-' : ' ',
		 row->letter ? row->letter : ' ', row->letter ? "," : " ", row->name,
		 row->argument ? "=" : "", row->argument ? row->argument : "");
	bounds_text(row, bounds);
	fprintf(out, "  %-*s  %s%s\n", COLUMN, left, help_of(row, command), bounds);
}

/* Options of one part of struct options belong together for people too. */
static const struct group {
	const char *title;
	size_t begin, end; /* offsets; both 0: whatever lies in no other */
} group_table[] = {
#define PART(member)                                                                               \
	offsetof(struct options, member),                                                          \
		offsetof(struct options, member) + sizeof(((struct options *)NULL)->member)
	{ "options of this command", 0, 0 },
	{ "what is taken along", PART(planning) },
	{ "what is left out", PART(selection) },
	{ "how it is carried out, and proven", PART(transfer) },
	{ "how the grid is reached", PART(connection) },
	{ "what is told", PART(output) },
#undef PART
};

static const struct group *group_of(const struct option_row *row)
{
	for (size_t i = 1; i < ARRAY_COUNT(group_table); i++)
		if (row->offset >= group_table[i].begin && row->offset < group_table[i].end)
			return &group_table[i];
	bool general = row->type == OPTION_HELP || row->type == OPTION_VERSION;
	return &group_table[general ? ARRAY_COUNT(group_table) - 1 : 0];
}

static void print_group(const struct group *group, enum command command, FILE *out)
{
	bool begun = false;
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_table[i];
		if (!(row->commands & 1u << command) || group_of(row) != group)
			continue;
		if (!begun)
			fprintf(out, "\n%s:\n", group->title);
		begun = true;
		print_option(row, command, out);
	}
}

static void overview(FILE *out)
{
	fputs("usage: barge COMMAND [OPTION...] [WORD...]\n\n"
	      "Moves directory trees into and out of a Tahoe-LAFS grid: parallel, verified, "
	      "resumable.\n\n",
	      out);
	for (int i = COMMAND_NONE + 1; i < COMMAND_COUNT; i++) {
		const struct command_row *row = &command_table[i];
		char left[128];
		int width = snprintf(left, sizeof left, "%s %s", row->name, row->operands);
		bool wide = width > OVERVIEW_COLUMN; /* then its help is below */
		fprintf(out, "  barge %-*s%s%*s%s\n", OVERVIEW_COLUMN, left, wide ? "\n" : "  ",
			wide ? OVERVIEW_COLUMN + 10 : 0, "", row->help);
	}
	fputs("\n`barge COMMAND --help` explains one and lists its options.  Most options can also "
	      "stand in\n$XDG_CONFIG_HOME/barge/config as `name = value`, or in the environment as "
	      "BARGE_NAME.\n\n"
	      "Exit status: 0 all done; 1 some entries failed or were skipped; 2 usage; "
	      "3 interrupted, can go on;\n4 conflict at the target; 5 damaged state; 6 job is "
	      "running; 69 no gateway; 74 local I/O;\n75 out of memory or descriptors; "
	      "77 insecure permissions or URL.\n",
	      out);
}

void options_help(enum command command, FILE *out)
{
	if (command == COMMAND_NONE) {
		overview(out);
		return;
	}
	const struct command_row *row = &command_table[command];
	fprintf(out, "usage: barge %s [OPTION...] %s\n\n%c%s.\n%s", row->name, row->operands,
		row->help[0] & ~0x20, row->help + 1, row->more);
	for (size_t i = 0; i < ARRAY_COUNT(group_table); i++)
		print_group(&group_table[i], command, out);
}
