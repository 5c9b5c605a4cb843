#include "place/arrange.h"

#include "select/select.h"
#include "tests/unit/facts.h"
#include "tests/unit/fake_store.h"
#include "tests/unit/sandbox.h"

#include <sys/stat.h>
#include <unistd.h>

#define SUB                                                                                        \
	"URI:DIR2:sazfiwozvsrqro6evueurubpxq:chn6qsleosjn2spz2rbtrpdobjsugvw5lz22w3247wzfgswe5wva"
#define ROOT                                                                                       \
	"URI:DIR2:aaaaaaaaaaaaaaaaaaaaaaaaaa:chn6qsleosjn2spz2rbtrpdobjsugvw5lz22w3247wzfgswe5wva"
#define READ                                                                                       \
	"URI:DIR2-RO:sazfiwozvsrqro6evueurubpxq:"                                                  \
	"chn6qsleosjn2spz2rbtrpdobjsugvw5lz22w3247wzfgswe5wva"
#define SLOT                                                                                       \
	"URI:SSK:sazfiwozvsrqro6evueurubpxq:chn6qsleosjn2spz2rbtrpdobjsugvw5lz22w3247wzfgswe5wva"
#define SLOT_READ                                                                                  \
	"URI:SSK-RO:sazfiwozvsrqro6evueurubpxq:"                                                   \
	"chn6qsleosjn2spz2rbtrpdobjsugvw5lz22w3247wzfgswe5wva"
#define RAW "URI:LIT:nbswy3dp"

/* What is on the grid below the alias home:. */
static const struct {
	const char *path, *cap; /* NULL: of an unknown kind */
} grid[] = {
	{ "", ROOT },     { "dir", SUB },      { "dir/in", SUB },       { "dir/..", SUB },
	{ "file", RAW },  { "dir/file", RAW }, { "read", READ },        { "read/file", RAW },
	{ "slot", SLOT }, { "odd", NULL },     { "locked", SLOT_READ }, { "e", RAW },
};

static struct cap cap_of(const char *text)
{
	struct cap cap;
	struct err err;
	assert_int_equal(cap_parse(text, strlen(text), &cap, &err), FAULT_NONE);
	return cap;
}

static void describe(const struct cap *cap, struct store_node *node)
{
	node->kind = cap_is_directory(cap) ? STORE_DIRECTORY : STORE_FILE;
	node->is_mutable = cap_is_mutable(cap);
	if (cap_is_writable(cap))
		node->rw = *cap;
}

static enum fault trouble; /* of every list, or NONE */
static unsigned asked;

static bool script(void *context, struct fake_call *call, struct store_reply *reply)
{
	(void)context;
	const struct cap root = cap_of(ROOT);
	asked++;
	if (trouble) {
		fake_fail(reply, trouble, "scripted");
		reply->err.retry_after_ms = 1;
		return true;
	}
	if (!cap_equal(&call->cap, &root) && !call->path[0]) { /* a cap that was typed */
		describe(&call->cap, &reply->node);
		return true;
	}
	for (size_t i = 0; i < ARRAY_COUNT(grid); i++) {
		if (strcmp(grid[i].path, call->path) != 0)
			continue;
		if (grid[i].cap) {
			const struct cap cap = cap_of(grid[i].cap);
			describe(&cap, &reply->node);
		}
		return true;
	}
	fake_fail(reply, FAULT_NOT_FOUND, "no such child");
	return true;
}

static int set_up(void **state)
{
	if (sandbox_setup(state))
		return -1;
	sandbox_directory("node", 0700);
	sandbox_directory("node/private", 0700);
	sandbox_file("node/private/aliases", "home: " ROOT "\n", 0600);
	sandbox_directory("d", 0755);
	sandbox_directory("d/e", 0755);
	sandbox_file("d/f", "1", 0644);
	sandbox_directory("o", 0755);
	sandbox_file("f", "2", 0644);
	sandbox_file("g", "3", 0644);
	if (symlink("d", sandbox_path("link")) || symlink("f", sandbox_path("flink")) ||
	    symlink("nothing", sandbox_path("dangling")) || mkfifo(sandbox_path("fifo"), 0600))
		return -1;
	return chdir(sandbox_path(""));
}

static struct select *listing_one_path(void)
{
	struct select *select = select_new();
	struct listed *listed = listed_new();
	struct err err;
	assert_int_equal(listed_add(listed, "f", 1, &err), FAULT_NONE);
	listed_sort(listed);
	assert_int_equal(select_list(select, listed, &err), FAULT_NONE);
	return select;
}

/* Resolves and arranges a command line, words separated by blanks; "-r", "-T" and "-l", a list
 * to select from, may come first. */
static enum fault arrange_line(const char *line, struct places *places,
			       struct arrangement *arrangement, struct err *err)
{
	struct fake fake = { .script = script };
	char node[] = "node", text[600];
	char *word[8];
	const struct connection_options connection = { .node_directory = node };
	struct planning_options planning = { 0 };
	struct text_list words = { word, 0 };
	snprintf(text, sizeof text, "%s", line);
	for (char *save, *at = strtok_r(text, " ", &save); at; at = strtok_r(NULL, " ", &save))
		if (strcmp(at, "-r") == 0)
			planning.recursive = true;
		else if (strcmp(at, "-T") == 0)
			planning.no_target_directory = true;
		else if (strcmp(at, "-l") == 0)
			planning.select = listing_one_path();
		else
			word[words.count++] = at;
	assert_int_equal(places_resolve(&connection, &words, NULL, places, err), FAULT_NONE);
	const struct store_wait wait = { .store = fake_open(&fake) };
	const struct tries tries = { .wait = &wait };
	enum fault fault = arrange(&planning, places, &tries, arrangement, err);
	store_close(wait.store);
	select_free(planning.select);
	return fault;
}

/* Writes "DEPTH made,made > name,name/" or "DIRECTORY > name", with "(new)" where it is missing. */
static void tell(const struct arrangement *arrangement, char *out, size_t size)
{
	size_t used = 0;
#define ADD(...) (used += (size_t)snprintf(out + used, size - used, __VA_ARGS__))
	if (arrangement->local) {
		char *here = getcwd(NULL, 0);
		size_t length = strlen(here);
		assert_memory_equal(arrangement->directory, here, length);
		ADD(".%s%s", arrangement->directory + length,
		    arrangement->directory_exists ? "" : " (new)");
		free(here);
	} else {
		ADD("%zu", arrangement->depth);
		for (size_t i = 0; i < arrangement->made_count; i++)
			ADD("%c%s", i ? ',' : ' ', arrangement->made[i]);
	}
	for (size_t i = 0; i < arrangement->count; i++) {
		const struct arranged_source *source = &arrangement->source[i];
		ADD("%s%s%s", i ? "," : " > ", source->name ? source->name : "(all)",
		    source->is_directory ? "/" : "");
	}
	if (arrangement->last_name) {
		assert_string_equal(arrangement->last_name, arrangement->source[0].name);
		ADD(" (named)");
	}
#undef ADD
}

struct row {
	const char *line, *told;
};

static const struct row accepted[] = {
	/* local to grid: into what is there */
	{ "-r d home:", "0 > d/" },
	{ "-r d home:dir", "1 > d/" },
	{ "f home:dir/", "1 > f" },
	{ "-r d/. ./o home:dir", "1 > d/,o/" },
	{ "-r d f home://dir//in//", "2 > d/,f" },
	{ "-r link flink home:dir", "1 > link/,flink" },
	{ "f " SUB, "0 > f" },
	/* into directories to be made */
	{ "-r d home:new", "0 new > d/" },
	{ "-r d home:dir/a/b", "1 a,b > d/" },
	{ "-r d f home:new/", "0 new > d/,f" },
	{ "f g home:dir/a", "1 a > f,g" },
	/* as a file */
	{ "f " SUB "/x/y", "0 x > y (named)" },
	{ "f home:dir/new", "1 > new (named)" },
	{ "f home:dir/a/new", "1 a > new (named)" },
	{ "f home:dir/file", "1 > file (named)" },
	{ "f home:file", "0 > file (named)" },
	{ "f home:slot", "0 > slot (named)" },
	{ "f " SLOT, "0 > f" },
	/* grid to local */
	{ "home:file o", "./o > file" },
	{ "home:file o/", "./o > file" },
	{ "home:file new", ". > new (named)" },
	{ "home:file new/er", "./new (new) > er (named)" },
	{ "home:file f", ". > f (named)" },
	{ RAW " f", ". > f (named)" },
	{ RAW " new", ". > new (named)" },
	{ RAW "/ new", ". > new (named)" },
	{ "-r home:dir o", "./o > dir/" },
	{ "-r home:dir/ new", "./new (new) > dir/" },
	{ "-r home:dir new/er/", "./new/er (new) > dir/" },
	{ "-r home: new", "./new (new) > (all)/" },
	{ "-r home:/ o", "./o > (all)/" },
	{ "-r " SUB " o", "./o > (all)/" },
	{ "-r " SUB " home: home:file new", "./new (new) > (all)/,(all)/,file" },
	{ "home:file home:slot new/../o", "./o > file,slot" },
	{ "home:file dangling", ". > dangling (named)" },
	/* grid to grid */
	{ "home:file home:dir", "1 > file" },
	{ "home:file home:dir/new", "1 > new (named)" },
	{ RAW " home:dir/file", "1 > file (named)" },
	{ "-r home:dir home:a/b", "0 a,b > dir/" },
	{ RAW " " SLOT, "0 > contents (named)" },
	{ "home:file " SLOT, "0 > file" },
	{ "-r " SUB " home:new", "0 new > (all)/" },
	/* local to local, and both */
	{ "f o", "./o > f" },
	{ "f g", ". > g (named)" },
	{ "f new", ". > new (named)" },
	{ "-r d o", "./o > d/" },
	{ "-r d new", "./new (new) > d/" },
	{ "-r link flink o", "./o > link/,flink" },
	{ "-r d/e .", ". > e/" },
	{ "-r d ./o/../dd", "./dd (new) > d/" },
	{ "-r d home:file home: o", "./o > d/,file,(all)/" },
	{ "f home:slot home:dir", "1 > f,slot" },
	/* directories of one name */
	{ "-r d d/../d home:dir home:dir o", "./o > d/,d/,dir/,dir/" },
	/* a list */
	{ "-r -l d home:", "0 > d/" },
	{ "-r -l home:dir new", "./new (new) > dir/" },
	/* the source becomes the target */
	{ "-r -T d home:new", "0 > new/ (named)" },
	{ "-r -T d home:dir", "0 > dir/ (named)" },
	{ "-r -T d home:dir/in/", "1 > in/ (named)" },
	{ "-r -T d home:a/b", "0 a > b/ (named)" },
	{ "-r -T d o", ". > o/ (named)" },
	{ "-r -T d new/er/", "./new (new) > er/ (named)" },
	{ "-r -T home:dir o", ". > o/ (named)" },
	{ "-r -T " SUB " new", ". > new/ (named)" },
	{ "-r -T home:dir home:new", "0 > new/ (named)" },
	{ "-r -T home:dir home:", "0 > (all)/" },
	{ "-r -T -l d home:new", "0 > new/ (named)" },
	{ "-T f home:dir/file", "1 > file (named)" },
	{ "-T f home:new", "0 > new (named)" },
	{ "-T f g", ". > g (named)" },
	{ "-T " RAW " home:new", "0 > new (named)" },
};

static void what_tahoe_takes_is_arranged_as_tahoe_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(accepted); i++) {
		struct places places;
		struct arrangement arrangement;
		struct err err = { 0 };
		char told[400];
		enum fault fault = arrange_line(accepted[i].line, &places, &arrangement, &err);
		if (fault)
			print_error("%s: %s\n", accepted[i].line, err.text);
		assert_int_equal(fault, FAULT_NONE);
		tell(&arrangement, told, sizeof told);
		assert_string_equal(told, accepted[i].told);
		arrangement_fini(&arrangement);
		arrangement_fini(&arrangement);
		places_fini(&places);
	}
}

#define E2(spec)                                                                                   \
	"when copying into a directory, all source files must have names, but '" spec "' is "      \
	"unnamed"
#define E4       "cannot copy directories without --recursive"
#define E5       "cannot copy directory into a file"
#define E6       "copying multiple things requires target be a directory"
#define E7       "target is not a directory, but ends with a slash"
#define E8(spec) "source ''" spec "'' is not a directory, but ends with a slash"
#define E9       "cannot copy multiple files with the same name into the same target directory"
#define LISTED   "--files-from wants one source, the directory its paths are below"
#define TWICE    "cannot copy multiple things with the same name into the same target directory: "

static const struct row refused[] = {
	/* the target comes first */
	{ "missing home:file/x", "Error examining target 'home:file/x': a file is in the way" },
	{ "missing home:file/", "Error examining target 'home:file/': it is a file, but ends" },
	{ "missing fifo", "target 'fifo' is neither a file nor a directory" },
	/* then the sources in their order, before anything else */
	{ "d missing home:file", "No such file or directory 'missing'" },
	{ "d home:missing o/", "No such file or directory 'home:missing'" },
	{ "f/x home:", "No such file or directory 'f/x'" },
	{ "dangling home:", "No such file or directory 'dangling'" },
	{ "f/ missing home:", E8("f/") },
	{ "home:file/ missing o", E8("home:file/") },
	{ "fifo/ o", E8("fifo/") },
	{ "fifo missing o", "'' is neither a file nor a directory, I can't handle it" },
	{ "home:odd missing o", "Cannot copy unknown nodes (ticket #839). You probably need to use "
				"a later version of Tahoe-LAFS to copy this directory." },
	/* then -r, then what the target is */
	{ "d home:file", E4 },
	{ "home:dir f", E4 },
	{ "f home: o", E4 },
	{ "f home:new/", E7 },
	{ "home:file new/", E7 },
	{ "home:file f/", E7 },
	{ "-r home:dir f/", E7 },
	{ "f g " RAW "/", E7 },
	{ "f g home:file", E6 },
	{ "-r home:dir home:file f", E6 },
	{ "-r d home:file", E5 },
	{ "-r home: f", E5 },
	{ "-r d " RAW, E5 },
	/* then names */
	{ "f g " RAW " o", E2("f") },
	{ "f f o", E9 },
	{ "d/f f home:new", E9 },
	{ "home:dir/file home:file new", E9 },
	{ "home:file g d/f f o", E9 },
	{ "-r d f link/../f d o", E9 },
	{ "-r d/e home:e o", TWICE "'e'" },
	{ "-r / home:", "source '/' has no name" },
	{ "-r home:dir/.. o", "source 'home:dir/..': the name leads out of its directory" },
	/* and last what is no matter of kinds */
	{ "-r d home:read", "target 'home:read' is read-only" },
	{ "f home:read/new", "target 'home:read/new' is read-only" },
	{ "f home:read/file", "target 'home:read/file' is read-only" },
	{ "f " READ "/new", "is read-only" },
	{ "f home:locked",
	  "target 'home:locked' is a mutable file, and its cap grants no writing" },
	{ "f " SLOT_READ, "is a mutable file, and its cap grants no writing" },
	{ "f g " SLOT, E6 },
	{ "-r d " SLOT, E5 },
	{ "f " RAW, "is the cap of an immutable file: it cannot change" },
	{ "f home:odd", "target 'home:odd' is of a kind that this program does not know" },
	{ "home:file f/x", "target 'f/x': a file is in the way" },
	{ "-r home:dir f/x/y", "target 'f/x/y': a file is in the way" },
	{ "-r home:dir fifo/x", "target 'fifo/x': a file is in the way" },
	{ "-r d d", "target is inside the source 'd'" },
	{ "-r d .", "target is inside the source 'd'" },
	{ "-r d d/new/er", "target is inside the source 'd'" },
	{ "-r d d/e", "target is inside the source 'd'" },
	{ "-r link link/e", "target is inside the source 'link'" },
	{ "-r link .", "target is inside the source 'link'" },
	{ "-r o d link/e", "target is inside the source 'd'" },
	{ "-r home:dir home:dir", "target is inside the source 'home:dir'" },
	{ "-r home:dir home:dir/in/new", "target is inside the source 'home:dir'" },
	{ "-r home: home:dir", "target is inside the source 'home:'" },
	{ "-r home:dir home:dir/new/er", "target is inside the source 'home:dir'" },
	{ "-r home: home:dir/in", "target is inside the source 'home:'" },
	{ "-l f home:", LISTED },
	{ "-r -l d o home:", LISTED },
	{ "-r -l home: new", LISTED },
	{ "f f", "source 'f' and target are the same file" },
	{ "f .", "source 'f' and target are the same file" },
	{ "f flink", "source 'f' and target are the same file" },
	/* the source becomes the target */
	{ "-T d home:new", E4 },
	{ "-r -T d f home:dir", "--no-target-directory takes one source, and there are 2" },
	{ "-r -T d home:file", "target 'home:file' is a file: it cannot become a directory" },
	{ "-r -T d f", "target 'f' is a file: it cannot become a directory" },
	{ "-T f home:dir", "target 'home:dir' is a directory: it cannot become a file" },
	{ "-T f o", "target 'o' is a directory: it cannot become a file" },
	{ "-T f home:", "target 'home:' is a directory: it cannot become a file" },
	{ "-T f home:new/", E7 },
	{ "-r -T d home:", "with -T 'd' would become 'home:' itself, which has no name: name a "
			   "directory below it, or copy what is in the source, without -T" },
	{ "-r -T d " SUB, "itself, which has no name: name a directory below it, or copy what" },
	{ "-r -T home:dir /", "with -T 'home:dir' would become '/' itself, which has no name: name "
			      "a directory below it" },
	{ "-r -T d d", "target is inside the source 'd'" },
	{ "-r -T d d/e", "target is inside the source 'd'" },
	{ "-r -T home:dir home:dir", "source 'home:dir' and target are the same directory" },
	{ "-r -T home:dir home:dir/in", "target is inside the source 'home:dir'" },
};

static void what_tahoe_refuses_is_refused_in_its_order_and_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
		struct places places;
		struct arrangement arrangement;
		struct err err = { 0 };
		enum fault fault = arrange_line(refused[i].line, &places, &arrangement, &err);
		if (fault != FAULT_USAGE || !strstr(err.text, refused[i].told))
			print_error("%s: %d %s\n", refused[i].line, fault, err.text);
		assert_int_equal(fault, FAULT_USAGE);
		assert_non_null(strstr(err.text, refused[i].told));
		assert_null(arrangement.source);
		assert_null(arrangement.made);
		places_fini(&places);
	}
}

static void a_name_too_long_for_a_message_leaves_its_sense(void **state)
{
	(void)state;
	struct places places;
	struct arrangement arrangement;
	struct err err;
	char line[600], name[300];
	memset(name, 'n', sizeof name);
	name[255] = '\0';
	snprintf(line, sizeof line, "%s o", name);
	assert_int_equal(arrange_line(line, &places, &arrangement, &err), FAULT_USAGE);
	assert_memory_equal(err.text, "No such file or directory 'nnn", 30);
	places_fini(&places);
	sandbox_file(name, "1", 0644);
	snprintf(line, sizeof line, "%s/ o", name);
	assert_int_equal(arrange_line(line, &places, &arrangement, &err), FAULT_USAGE);
	assert_non_null(strstr(err.text, "nnn'' is not a directory, but ends with a slash"));
	places_fini(&places);
	snprintf(line, sizeof line, "%s " RAW " o", name);
	assert_int_equal(arrange_line(line, &places, &arrangement, &err), FAULT_USAGE);
	assert_non_null(strstr(err.text, "nnn' is unnamed"));
	places_fini(&places);
}

static void trouble_is_told_with_the_name_of_the_place(void **state)
{
	(void)state;
	static const enum fault faults[] = { FAULT_RETRY, FAULT_AUTH, FAULT_UNAVAILABLE,
					     FAULT_USAGE, FAULT_CORRUPT };
	for (size_t i = 0; i < ARRAY_COUNT(faults); i++) {
		struct places places;
		struct arrangement arrangement;
		struct err err;
		enum fault told = faults[i] == FAULT_CORRUPT ? FAULT_RETRY : faults[i];
		trouble = faults[i];
		assert_int_equal(arrange_line("f home:dir", &places, &arrangement, &err), told);
		assert_int_equal(err.fault, told);
		assert_string_equal(err.text, "Error examining target 'home:dir': scripted");
		places_fini(&places);
		assert_int_equal(arrange_line("home:dir o", &places, &arrangement, &err), told);
		assert_int_equal(err.fault, told);
		assert_string_equal(err.text, "Error examining source 'home:dir': scripted");
		places_fini(&places);
		trouble = FAULT_NONE;
	}
}

static void local_places_need_no_grid(void **state)
{
	(void)state;
	struct places places;
	struct arrangement arrangement;
	struct err err;
	asked = 0;
	assert_int_equal(arrange_line("f o", &places, &arrangement, &err), FAULT_NONE);
	assert_int_equal(asked, 0);
	arrangement_fini(&arrangement);
	places_fini(&places);
}

static void nodes_of_the_grid_come_with_their_caps(void **state)
{
	(void)state;
	struct places places;
	struct arrangement arrangement;
	struct err err;
	const struct cap sub = cap_of(SUB);
	assert_int_equal(arrange_line("-r f home:dir o", &places, &arrangement, &err), FAULT_NONE);
	assert_true(cap_equal(&arrangement.source[1].node.rw, &sub));
	assert_ptr_equal(arrangement.source[1].place, &places.source[1]);
	assert_int_equal(arrangement.source[0].node.kind, STORE_UNKNOWN);
	arrangement_fini(&arrangement);
	places_fini(&places);
	assert_int_equal(arrange_line("f home:dir/x", &places, &arrangement, &err), FAULT_NONE);
	assert_true(cap_equal(&arrangement.root, &sub));
	arrangement_fini(&arrangement);
	places_fini(&places);
}

static enum fault find_root(const char *path, size_t depth, struct cap *root)
{
	struct fake fake = { .script = script };
	char typed[] = "home:", below[64];
	struct err err;
	snprintf(below, sizeof below, "%s", path);
	const struct place place = { .typed = typed, .path = below, .root = cap_of(ROOT) };
	const struct store_wait wait = { .store = fake_open(&fake) };
	const struct tries tries = { .wait = &wait };
	enum fault fault = arrange_find_root(&place, depth, &tries, root, &err);
	store_close(wait.store);
	return fault;
}

static void a_plans_target_is_found_again_or_has_changed(void **state)
{
	(void)state;
	struct cap root;
	const struct cap sub = cap_of(SUB);
	assert_int_equal(find_root("dir/in/new", 2, &root), FAULT_NONE);
	assert_true(cap_equal(&root, &sub));
	assert_int_equal(find_root("dir/gone/new", 2, &root), FAULT_EXISTS);
	assert_int_equal(find_root("file/new", 1, &root), FAULT_EXISTS);
	assert_int_equal(find_root("read/new", 1, &root), FAULT_USAGE);
	assert_int_equal(find_root("dir", 2, &root), FAULT_CORRUPT);
	assert_int_equal(find_root("whatever", 0, &root), FAULT_NONE);
}

static void too_many_components_are_refused(void **state)
{
	(void)state;
	static char path[3000];
	for (size_t i = 0; i < 2 * 1001; i += 2)
		memcpy(path + i, "a/", 2);
	struct fake fake = { .script = script };
	char typed[] = "home:";
	const struct place place = { .typed = typed, .path = path, .root = cap_of(ROOT) };
	const struct store_wait wait = { .store = fake_open(&fake) };
	const struct tries tries = { .wait = &wait };
	struct cap root;
	struct err err;
	assert_int_equal(arrange_find_root(&place, 0, &tries, &root, &err), FAULT_USAGE);
	store_close(wait.store);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
#define FACT(name) cmocka_unit_test_setup_teardown(name, set_up, sandbox_teardown)
		FACT(what_tahoe_takes_is_arranged_as_tahoe_does),
		FACT(what_tahoe_refuses_is_refused_in_its_order_and_words),
		FACT(a_name_too_long_for_a_message_leaves_its_sense),
		FACT(trouble_is_told_with_the_name_of_the_place),
		FACT(local_places_need_no_grid),
		FACT(nodes_of_the_grid_come_with_their_caps),
		FACT(a_plans_target_is_found_again_or_has_changed),
		FACT(too_many_components_are_refused),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
