#include "decide/decide.h"

#include "queue/file/outcomes.h"
#include "tahoe/caps.h"
#include "tests/unit/facts.h"

/*
 * Every cell: all that is asked for x what the source is x what is there x what is known.  What is
 * expected stands in a list of rules, of which the first that fits counts.
 */

enum { BYTES = 77, PLANNED_NS = 1000, KNOWN_REASON = REASON_TOO_MANY };

/* ---- what a cell is made of: one bit each, so that a rule can name several ---- */

enum { HERE = 1, GRID = 2 };

enum { NO_CLOBBER = 1, UPDATE = 2, CHECKSUM = 4, POLICIES = 8 };

enum source {
	LOCAL = 1 << 0, /* a file */
	LOCAL_LINK = 1 << 1,
	CHK = 1 << 2, /* a file on a grid */
	LITERAL = 1 << 3,
	CHK_LINK = 1 << 4, /* kept as a symlink */
	RW = 1 << 5,       /* mutable files on a grid */
	RW_MDMF = 1 << 6,
	RO = 1 << 7,
	RO_MDMF = 1 << 8,
	LOST = 1 << 9, /* a file whose slot is damaged */
	DIR = 1 << 10,
	WHOLE = 1 << 11, /* an immutable directory */
	WHOLE_LOST = 1 << 12,
	ODD = 1 << 13,
	CHUNKS = 1 << 14, /* a file in chunks on a grid */
	SOURCES = 1 << 15,
	CHANGING = RW | RW_MDMF | RO | RO_MDMF,
	FIXED = CHK | LITERAL | CHK_LINK | CHUNKS,
	LINKS = LOCAL_LINK | CHK_LINK,
	DIRS = DIR | WHOLE | WHOLE_LOST,
	TOLD = CHK | LITERAL | CHUNKS, /* their caps tell the bytes */
	FILES = LOCAL | TOLD | CHANGING | LOST,
};

enum there {
	T_NOTHING = 1 << 0,
	T_FILE = 1 << 1, /* here, or CHK on a grid */
	T_LITERAL = 1 << 2,
	T_STRANGE = 1 << 3, /* a file on a grid with a cap that is not kept */
	T_RW = 1 << 4,
	T_RW_MDMF = 1 << 5,
	T_RO = 1 << 6,
	T_RO_MDMF = 1 << 7,
	T_LINK = 1 << 8,
	T_DIR = 1 << 9,
	T_ODD = 1 << 10,
	T_SHUT = 1 << 11,   /* a directory on a grid that nobody can write to */
	T_CHUNKS = 1 << 12, /* a file in chunks on a grid */
	THERES = 1 << 13,
	T_WRITABLE = T_RW | T_RW_MDMF,
	T_READONLY = T_RO | T_RO_MDMF,
	T_TOLD = T_FILE | T_LITERAL | T_CHUNKS,
	T_FIXED = T_FILE | T_LITERAL | T_STRANGE | T_CHUNKS,
	T_FILES = T_FIXED | T_WRITABLE | T_READONLY,
};

enum times {
	EQUAL = 1 << 0,
	FLOATS = 1 << 1, /* equal as floats of a grid only */
	OTHER = 1 << 2,
	UNSAID = 1 << 3, /* a source on a grid does not tell, or what is there */
	TIMES = 1 << 4,
};

enum { SIZED = 1, UNSIZED = 2 };                  /* whether the sizes are equal */
enum { UNCOMPARED = 1, SAME = 2, DIFFERENT = 4 }; /* what is known of the bytes */
enum { BEFORE = 1, LATER = 2, OWN = 4 }; /* when what is there changed; OWN: later, by this job */

enum {
	UNKNOWN = 1 << 0,
	PLANNED = 1 << 1,
	DONE = 1 << 2,
	SKIPPED = 1 << 3,
	FAILED = 1 << 4,
	GONE = 1 << 5,
	/* looked at again: */
	STILL_DONE = 1 << 6,     /* all is as it was */
	SOURCE_GONE = 1 << 7,    /* done, and the copy is there */
	SOURCE_NEW = 1 << 8,     /* done, the source has changed */
	WRITTEN_GONE = 1 << 9,   /* done, the target has it no more */
	WRITTEN_NEW = 1 << 10,   /* done, somebody changed it there */
	UNCHANGED_NEW = 1 << 11, /* was unchanged, the source has changed */
	UNCHANGED_GONE = 1 << 12,
	PRESENT_NEW = 1 << 13, /* was kept, the source has changed */
	PRESENT_GONE = 1 << 14,
	KNOWNS = 1 << 15,
};

struct cell {
	unsigned where, policy, source, there, times, sized, content, changed, known;
};

/* A dimension that is 0 is any; of the policy all of `with` and none of `without` is set. */
struct rule {
	const char *name;
	unsigned where, source, there, known, with, without, times, sized, content, changed;
	struct decision expected;
};

#define DO(what)                                                                                   \
	{                                                                                          \
		.action = DECIDE_##what                                                            \
	}
#define REPLACE(what)                                                                              \
	{                                                                                          \
		.action = DECIDE_##what, .replaces = true                                          \
	}
#define FAIL(why)                                                                                  \
	{                                                                                          \
		.action = DECIDE_FAIL, .reason = (why)                                             \
	}
#define SKIP(why)                                                                                  \
	{                                                                                          \
		.action = DECIDE_SKIP, .reason = (why)                                             \
	}

static const struct rule rules[] = {
	/* clang-format off */
	{ "it was done", .known = DONE, .expected = DO(DONE) },
	{ "it is done still", .known = STILL_DONE | SOURCE_GONE, .expected = DO(DONE) },
	{ "done, and not so any more", .known = SOURCE_NEW | WRITTEN_GONE | WRITTEN_NEW,
	  .expected = DO(REOPEN) },
	{ "kept, and not so any more", .known = UNCHANGED_NEW | UNCHANGED_GONE | PRESENT_GONE,
	  .expected = DO(REOPEN) },
	{ "kept whatever the source is", .known = PRESENT_NEW, .expected = SKIP(REASON_PRESENT) },
	{ "it was skipped", .known = SKIPPED, .expected = SKIP(KNOWN_REASON) },
	{ "it failed", .known = FAILED, .expected = FAIL(KNOWN_REASON) },
	{ "lost, a directory is there", .known = GONE, .source = DIRS, .there = T_DIR,
	  .expected = DO(DONE) },
	{ "lost, no directory is there", .known = GONE, .source = DIRS,
	  .expected = FAIL(REASON_LOST) },
	{ "lost, a file is there", .known = GONE, .where = GRID, .there = T_FILES,
	  .expected = DO(DONE) },
	{ "lost, no file is there", .known = GONE, .where = GRID, .expected = FAIL(REASON_LOST) },

	{ "neither file nor directory", .source = ODD, .expected = FAIL(REASON_SPECIAL) },

	{ "a new directory", .source = DIR, .there = T_NOTHING, .expected = DO(MKDIR) },
	{ "a whole directory", .source = WHOLE, .there = T_NOTHING, .expected = DO(LINK) },
	{ "a directory without cap", .source = WHOLE_LOST, .there = T_NOTHING,
	  .expected = FAIL(REASON_LOST) },
	{ "into a directory", .source = DIRS, .there = T_DIR, .expected = DO(MERGE) },
	{ "a directory that is fixed", .source = DIRS, .there = T_SHUT,
	  .expected = FAIL(REASON_FIXED) },
	{ "a directory against others", .source = DIRS, .expected = FAIL(REASON_CONFLICT) },

	{ "new, without cap", .source = LOST, .there = T_NOTHING, .expected = FAIL(REASON_LOST) },
	{ "new, linked", .where = GRID, .source = FIXED, .there = T_NOTHING, .expected = DO(LINK) },
	{ "new", .there = T_NOTHING, .expected = DO(COPY) },

	{ "a file against others, on a grid", .where = GRID,
	  .there = T_DIR | T_LINK | T_ODD | T_SHUT, .expected = FAIL(REASON_CONFLICT) },
	{ "a file against others, here", .where = HERE, .source = FILES,
	  .there = T_DIR | T_LINK | T_ODD | T_SHUT, .expected = FAIL(REASON_CONFLICT) },
	{ "a symlink against others, here", .where = HERE, .source = LINKS,
	  .there = T_DIR | T_FILES | T_ODD | T_SHUT, .expected = FAIL(REASON_CONFLICT) },

	{ "its own, mutable", .changed = OWN, .where = GRID,
	  .source = LOCAL | LINKS | TOLD | CHANGING,
	  .there = T_WRITABLE, .expected = REPLACE(OVERWRITE) },
	{ "its own, without cap", .changed = OWN, .source = LOST, .expected = FAIL(REASON_LOST) },
	{ "its own, linked", .changed = OWN, .where = GRID, .source = FIXED,
	  .expected = REPLACE(LINK) },
	{ "its own", .changed = OWN, .expected = REPLACE(COPY) },

	{ "kept", .with = NO_CLOBBER, .expected = SKIP(REASON_PRESENT) },

	{ "to be compared with its cap there", .with = CHECKSUM, .where = GRID,
	  .source = LOCAL | LINKS | TOLD | CHANGING, .there = T_TOLD,
	  .content = UNCOMPARED, .expected = DO(COMPARE) },
	{ "alike by its cap there, also in time", .with = CHECKSUM, .where = GRID,
	  .source = LOCAL | LINKS | TOLD | CHANGING, .there = T_TOLD,
	  .content = SAME, .times = EQUAL | FLOATS, .expected = SKIP(REASON_UNCHANGED) },
	{ "alike by its cap there, but not in time", .with = CHECKSUM, .where = GRID,
	  .source = LOCAL | LINKS | TOLD | CHANGING, .there = T_TOLD,
	  .content = SAME, .expected = REPLACE(RELINK) },
	{ "to be compared with the cap it has", .with = CHECKSUM, .where = HERE,
	  .source = TOLD, .content = UNCOMPARED, .expected = DO(COMPARE) },
	{ "alike by the cap it has", .with = CHECKSUM, .where = HERE, .source = TOLD,
	  .content = SAME, .expected = SKIP(REASON_UNCHANGED) },

	{ "unchanged between local places", .with = UPDATE, .without = CHECKSUM, .where = HERE,
	  .source = LOCAL | LOST, .there = T_FIXED, .sized = SIZED, .times = EQUAL,
	  .changed = BEFORE, .expected = SKIP(REASON_UNCHANGED) },
	{ "unchanged symlink between local places", .with = UPDATE, .without = CHECKSUM,
	  .where = HERE, .source = LOCAL_LINK, .times = EQUAL,
	  .changed = BEFORE, .expected = SKIP(REASON_UNCHANGED) },
	{ "unchanged since it came from a grid", .with = UPDATE, .without = CHECKSUM, .where = HERE,
	  .source = TOLD, .there = T_FIXED, .sized = SIZED, .times = EQUAL | FLOATS,
	  .changed = BEFORE, .expected = SKIP(REASON_UNCHANGED) },
	{ "unchanged symlink from a grid", .with = UPDATE, .without = CHECKSUM, .where = HERE,
	  .source = CHK_LINK, .times = EQUAL | FLOATS, .changed = BEFORE,
	  .expected = SKIP(REASON_UNCHANGED) },
	{ "unchanged on a grid", .with = UPDATE, .without = CHECKSUM, .where = GRID,
	  .source = LOCAL | LINKS | TOLD | LOST, .there = T_FIXED, .sized = SIZED,
	  .times = EQUAL | FLOATS, .expected = SKIP(REASON_UNCHANGED) },

	{ "mutable, not to be written", .there = T_READONLY, .expected = FAIL(REASON_CONFLICT) },
	{ "without cap", .source = LOST, .expected = FAIL(REASON_LOST) },
	{ "overwritten", .where = GRID, .there = T_WRITABLE, .expected = REPLACE(OVERWRITE) },
	{ "changed since it was planned", .where = HERE, .changed = LATER, .expected = DO(COPY) },
	{ "replaced here", .where = HERE, .expected = REPLACE(COPY) },
	{ "replaced by a link", .source = FIXED, .expected = REPLACE(LINK) },
	{ "replaced", .expected = REPLACE(COPY) },
	/* clang-format on */
};

static bool is_in(unsigned set, unsigned value) { return set == 0 || set & value; }

static bool fits(const struct rule *rule, const struct cell *cell)
{
	return is_in(rule->where, cell->where) && is_in(rule->source, cell->source) &&
	       is_in(rule->there, cell->there) && is_in(rule->known, cell->known) &&
	       is_in(rule->times, cell->times) && is_in(rule->sized, cell->sized) &&
	       is_in(rule->content, cell->content) && is_in(rule->changed, cell->changed) &&
	       (cell->policy & rule->with) == rule->with && !(cell->policy & rule->without);
}

/* ---- a cell as decide() is asked about it ---- */

static struct decide_policy policy_of(const struct cell *cell)
{
	return (struct decide_policy){
		.to_local = cell->where == HERE,
		.no_clobber = cell->policy & NO_CLOBBER,
		.update = cell->policy & UPDATE,
		.checksum = cell->policy & CHECKSUM,
		.planned_ns = PLANNED_NS,
	};
}

static uint8_t cap_of_source(unsigned source)
{
	return source & (CHK | CHK_LINK) ? CAP_CHK
	       : source == LITERAL       ? CAP_LIT
	       : source == RW            ? CAP_SSK
	       : source == RW_MDMF       ? CAP_MDMF
	       : source == RO            ? CAP_SSK_RO
	       : source == RO_MDMF       ? CAP_MDMF_RO
	       : source == WHOLE         ? CAP_DIR2_CHK
	       : source == CHUNKS        ? CAP_DIR2_CHK
					 : CAP_NONE;
}

static struct decide_source source_of(const struct cell *cell)
{
	struct decide_source source = {
		.kind = cell->source & DIRS    ? DECIDE_DIRECTORY
			: cell->source & LINKS ? DECIDE_SYMLINK
			: cell->source == ODD  ? DECIDE_OTHER
					       : DECIDE_FILE,
		.cap_kind = cap_of_source(cell->source),
		.lost = cell->source & (LOST | WHOLE_LOST),
		.whole = cell->source & (WHOLE | WHOLE_LOST),
		.bytes = BYTES,
		.meta = { .mtime_ns = INT64_C(1700000000123456789) },
	};
	if (source.cap_kind != CAP_NONE)
		source.meta.flags = META_GRID | (cell->times == UNSAID ? 0 : META_HAS_MTIME);
	return source;
}

static uint8_t cap_of_there(const struct cell *cell)
{
	return cell->where == HERE        ? CAP_NONE
	       : cell->there == T_FILE    ? CAP_CHK
	       : cell->there == T_LITERAL ? CAP_LIT
	       : cell->there == T_RW      ? CAP_SSK
	       : cell->there == T_RW_MDMF ? CAP_MDMF
	       : cell->there == T_RO      ? CAP_SSK_RO
	       : cell->there == T_RO_MDMF ? CAP_MDMF_RO
	       : cell->there == T_DIR     ? CAP_DIR2
	       : cell->there == T_CHUNKS  ? CAP_DIR2_CHK
					  : CAP_NONE;
}

static struct decide_there there_of(const struct cell *cell)
{
	return (struct decide_there){
		.kind = cell->there == T_NOTHING ? DECIDE_NOTHING
			: cell->there == T_LINK  ? DECIDE_SYMLINK
			: cell->there == T_DIR   ? DECIDE_DIRECTORY
			: cell->there == T_ODD   ? DECIDE_OTHER
			: cell->there == T_SHUT  ? DECIDE_FIXED
						 : DECIDE_FILE,
		.cap_kind = cap_of_there(cell),
		.content = cell->content == SAME        ? DECIDE_SAME
			   : cell->content == DIFFERENT ? DECIDE_DIFFERENT
							: DECIDE_UNCOMPARED,
		.timed = cell->times != UNSAID || cap_of_source(cell->source) != CAP_NONE,
		.bytes = cell->sized == SIZED ? BYTES : BYTES + 1,
		.mtime_ns = INT64_C(1700000000123456789) + (cell->times == FLOATS  ? 1
							    : cell->times == OTHER ? 1000
										   : 0),
		.changed_ns = PLANNED_NS + (cell->changed != BEFORE),
		.own = cell->changed == OWN,
	};
}

/* What was looked at again. */
static struct decide_known known_again(unsigned known)
{
	unsigned skipped = UNCHANGED_NEW | UNCHANGED_GONE | PRESENT_NEW | PRESENT_GONE;
	return (struct decide_known){
		.state = known & skipped ? OUTCOME_SKIPPED : OUTCOME_DONE,
		.reason = known & (UNCHANGED_NEW | UNCHANGED_GONE) ? REASON_UNCHANGED
			  : known & (PRESENT_NEW | PRESENT_GONE)   ? REASON_PRESENT
								   : REASON_NONE,
		.source = known & (SOURCE_NEW | UNCHANGED_NEW | PRESENT_NEW) ? DECIDE_CHANGED
			  : known == SOURCE_GONE                             ? DECIDE_GONE
									     : DECIDE_AS_IT_WAS,
		.written = known & (WRITTEN_GONE | UNCHANGED_GONE | PRESENT_GONE) ? DECIDE_GONE
			   : known == WRITTEN_NEW                                 ? DECIDE_CHANGED
						  : DECIDE_AS_IT_WAS,
	};
}

static struct decide_known known_of(const struct cell *cell)
{
	if (cell->known >= STILL_DONE)
		return known_again(cell->known);
	return (struct decide_known){
		.state = cell->known == DONE      ? OUTCOME_DONE
			 : cell->known == SKIPPED ? OUTCOME_SKIPPED
			 : cell->known == FAILED  ? OUTCOME_FAILED
			 : cell->known == PLANNED ? OUTCOME_PLANNED
			 : cell->known == GONE    ? OUTCOME_DAMAGED
						  : OUTCOME_NONE,
		.reason = KNOWN_REASON,
	};
}

static bool used[ARRAY_COUNT(rules)];

static void assert_cell(const struct cell *cell)
{
	const struct decide_policy policy = policy_of(cell);
	const struct decide_source source = source_of(cell);
	const struct decide_there there = there_of(cell);
	const struct decide_known known = known_of(cell);
	const struct decision decision = decide(&policy, &source, &there, &known);
	size_t i = 0;
	while (!fits(&rules[i], cell))
		i++; /* the last one fits all */
	const struct decision *expected = &rules[i].expected;
	used[i] = true;
	if (decision.action == expected->action && decision.reason == expected->reason &&
	    decision.replaces == expected->replaces)
		return;
	fail_msg("rule \"%s\": action %u reason %u replaces %d (where %u policy %u source %x there "
		 "%x times %u sized %u content %u changed %u known %u)",
		 rules[i].name, decision.action, decision.reason, decision.replaces, cell->where,
		 cell->policy, cell->source, cell->there, cell->times, cell->sized, cell->content,
		 cell->changed, cell->known);
}

/* Cells that there is no cap for cannot be: here a file is a file. */
static bool can_be(const struct cell *cell)
{
	return cell->where == GRID || !(cell->there & T_FILES & ~T_FILE);
}

static void assert_evidence(struct cell *cell)
{
	for (cell->times = EQUAL; cell->times < TIMES; cell->times <<= 1)
		for (cell->sized = SIZED; cell->sized <= UNSIZED; cell->sized <<= 1)
			for (cell->content = UNCOMPARED; cell->content <= DIFFERENT;
			     cell->content <<= 1)
				for (cell->changed = BEFORE; cell->changed <= OWN;
				     cell->changed <<= 1)
					assert_cell(cell);
}

static void every_cell_is_decided_as_the_rules_say(void **state)
{
	(void)state;
	struct cell cell;
	for (cell.where = HERE; cell.where <= GRID; cell.where <<= 1)
		for (cell.policy = 0; cell.policy < POLICIES; cell.policy++)
			for (cell.source = LOCAL; cell.source < SOURCES; cell.source <<= 1)
				for (cell.there = T_NOTHING; cell.there < THERES; cell.there <<= 1)
					for (cell.known = UNKNOWN; cell.known < KNOWNS;
					     cell.known <<= 1)
						if (can_be(&cell))
							assert_evidence(&cell);
	for (size_t i = 0; i < ARRAY_COUNT(rules); i++)
		if (!used[i])
			fail_msg("no cell needs the rule \"%s\"", rules[i].name);
}

static void what_a_backup_knows_is_kept_checked_or_copied(void **state)
{
	(void)state;
	static const struct {
		enum decide_stored stored;
		enum decide_action file, directory;
	} cell[] = {
		{ DECIDE_NOT_STORED, DECIDE_COPY, DECIDE_MKDIR },
		{ DECIDE_STORED, DECIDE_KEEP, DECIDE_KEEP },
		{ DECIDE_DUE, DECIDE_CHECK, DECIDE_CHECK },
		{ DECIDE_WHOLE, DECIDE_KEEP, DECIDE_KEEP },
		{ DECIDE_BROKEN, DECIDE_COPY, DECIDE_MKDIR },
	};
	const struct decide_policy policy = { .to_local = false };
	const struct decide_source file = { .kind = DECIDE_FILE };
	const struct decide_source directory = { .kind = DECIDE_DIRECTORY };
	const struct decide_there nothing = { .kind = DECIDE_NOTHING };
	const struct decide_there other = { .kind = DECIDE_FILE, .cap_kind = CAP_CHK };
	for (size_t i = 0; i < ARRAY_COUNT(cell); i++) {
		struct decide_known known = { .stored = cell[i].stored };
		assert_int_equal(decide(&policy, &file, &nothing, &known).action, cell[i].file);
		assert_int_equal(decide(&policy, &directory, &nothing, &known).action,
				 cell[i].directory);
		/* What stands at the target goes first, and what this job did. */
		assert_int_equal(decide(&policy, &file, &other, &known).action, DECIDE_COPY);
		known.state = OUTCOME_DONE;
		assert_int_equal(decide(&policy, &file, &nothing, &known).action, DECIDE_DONE);
	}
}

static void what_is_there_is_linked_again_where_its_metadata_are_others(void **state)
{
	(void)state;
	const struct decide_known nothing = { .state = OUTCOME_NONE };
	const struct decide_source local = {
		.kind = DECIDE_FILE,
		.bytes = 9,
		.meta = { .mode = 0100644, .uid = 3, .gid = 4, .mtime_ns = 5000000000 },
	};
	const struct decide_there alike = {
		.kind = DECIDE_FILE,
		.cap_kind = CAP_CHK,
		.content = DECIDE_SAME,
		.timed = true,
		.bytes = 9,
		.mtime_ns = 5000000000,
		.mode = 0100644,
		.uid = 3,
		.gid = 4,
	};
	struct decide_there there[] = { alike, alike, alike, alike, alike };
	there[1].mode = 0100600;
	there[2].uid = 0;
	there[3].gid = 0;
	there[4].mode = 0; /* not known */
	for (size_t i = 0; i < ARRAY_COUNT(there); i++)
		for (int update = 0; update <= 1; update++) {
			const struct decide_policy policy = { .update = update,
							      .checksum = !update };
			const struct decision decision =
				decide(&policy, &local, &there[i], &nothing);
			assert_int_equal(decision.action, i == 0 ? DECIDE_SKIP : DECIDE_RELINK);
		}
	struct decide_source edge = local;
	edge.meta = (struct meta){ .flags = META_GRID };
	const struct decide_policy policy = { .checksum = true };
	struct decide_there bare = alike;
	bare.timed = false;
	bare.mode = 0;
	assert_int_equal(decide(&policy, &edge, &bare, &nothing).action, DECIDE_SKIP);
	assert_int_equal(decide(&policy, &edge, &alike, &nothing).action, DECIDE_RELINK);
}

static void a_conflict_says_what_is_in_the_way(void **state)
{
	(void)state;
	static const struct {
		struct decide_there there;
		const char *text;
	} cases[] = {
		{ { .kind = DECIDE_FILE }, "a file is in the way" },
		{ { .kind = DECIDE_SYMLINK }, "a symlink is in the way" },
		{ { .kind = DECIDE_DIRECTORY }, "a directory is in the way" },
		{ { .kind = DECIDE_OTHER }, "something that is no regular file is in the way" },
		{ { .kind = DECIDE_FILE, .cap_kind = CAP_MDMF_RO },
		  "a mutable file has the name, and its cap grants no writing" },
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		assert_string_equal(decide_conflict_text(&cases[i].there), cases[i].text);
}

static void compares_times_as_the_target_keeps_them(void **state)
{
	(void)state;
	static const struct {
		int64_t tick_ns, source_ns, there_ns;
		bool grid, same;
	} cell[] = {
		{ 1, 1500000001, 1500000001, false, true },
		{ 1, 1500000001, 1500000000, false, false },
		{ 1000000000, 1999999999, 1000000000, false, true },
		{ 1000000000, 2000000000, 1000000000, false, false },
		{ 2000000000, 3999999999, 2000000000, false, true },
		{ 2000000000, 1000000000, 2000000000, false, true }, /* rounded up */
		{ 2000000000, 4000000000, 2000000000, false, false },
		{ 2000000000, -1000000000, -2000000000, true, true },
		{ 2000000000, INT64_MIN, INT64_MAX, true, false },
		{ 100, 1700000000123456789, 1700000000123456700, true, true },
	};
	const struct decide_known nothing = { .state = OUTCOME_NONE };
	for (size_t i = 0; i < ARRAY_COUNT(cell); i++) {
		const struct decide_policy policy = { .to_local = true,
						      .update = true,
						      .tick_ns = cell[i].tick_ns };
		const struct decide_source source = {
			.kind = DECIDE_FILE,
			.cap_kind = cell[i].grid ? CAP_CHK : CAP_NONE,
			.meta = { .mtime_ns = cell[i].source_ns,
				  .flags = cell[i].grid ? META_GRID | META_HAS_MTIME : 0 },
		};
		const struct decide_there there = { .kind = DECIDE_FILE,
						    .timed = true,
						    .mtime_ns = cell[i].there_ns };
		struct decision decision = decide(&policy, &source, &there, &nothing);
		assert_int_equal(decision.action == DECIDE_SKIP, cell[i].same);
	}
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(every_cell_is_decided_as_the_rules_say),
		cmocka_unit_test(what_a_backup_knows_is_kept_checked_or_copied),
		cmocka_unit_test(what_is_there_is_linked_again_where_its_metadata_are_others),
		cmocka_unit_test(a_conflict_says_what_is_in_the_way),
		cmocka_unit_test(compares_times_as_the_target_keeps_them),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
