#include "base/escape.h"
#include "cli/command.h"
#include "cli/listing.h"
#include "cli/subdirectories.h"
#include "node/aliases.h"
#include "place/grid_path.h"
#include "place/session.h"
#include "queue/retry.h"
#include "report/out.h"
#include "report/say.h"
#include "report/status.h"

#include <errno.h>

enum {
	LINES_MAX = 1 << 30, /* bytes of all lines about one directory */
	DEPTH_MAX = 1000,    /* of directories in one another that are entered */
};

/*
 * Words are listed as ls lists them: files first, then each directory under its name.  So what is
 * printed of directories waits until all words were looked at, if there are several.
 */
struct ls {
	const struct options *options;
	struct output *output;
	struct session session;
	struct listing listing;
	struct bytes lines;
	struct bytes directories; /* lines that wait */
	bool several;             /* places */
	bool headed;              /* each directory stands under its name */
	bool printed_file;        /* before any directory */
	bool failed_below;        /* some directory could not be entered */
	bool printed;             /* a directory */
};

/* A directory that is being listed, and those it was entered from. */
struct ls_level {
	unsigned char storage_index[CAP_KEY_SIZE];
	bool has_storage_index; /* else it is literal, and holds nothing that holds it */
	const struct ls_level *above;
	unsigned depth;
	struct ls *ls;
	struct subdirectories below;
};

static enum listing_form form_of(const struct options *options)
{
	return options->output.json      ? LISTING_JSON
	       : !options->long_listing  ? LISTING_NAMES
	       : options->human_readable ? LISTING_HUMAN
					 : LISTING_LONG;
}

/* A file is listed as a directory with it alone; without a name, and of several words, under what
 * was typed. */
static bool add_file(struct ls *ls, const struct grid_path *path, const struct store_node *node,
		     const struct chunked *chunked)
{
	const char *name = grid_path_name(path);
	if (!*name || (ls->several && !ls->options->output.json))
		name = path->typed;
	const struct store_child child = {
		.name = name,
		.name_size = strlen(name),
		.node = *node,
	};
	listing_clear(&ls->listing);
	if (!listing_add(&ls->listing, &child))
		return false;
	ls->listing.row[0].is_path = name == path->typed;
	if (chunked->count > 0)
		listing_be_file(&ls->listing.row[0], chunked->bytes);
	return true;
}

/* Puts the lines out, or keeps those of a directory until all files were. */
static enum fault put_lines(struct ls *ls, bool is_directory, struct err *err)
{
	if (is_directory && ls->several && !ls->options->output.json) {
		enum fault fault = bytes_append(&ls->directories, ls->lines.data, ls->lines.size);
		return bytes_err(fault, err, "a listing");
	}
	if (ls->lines.size > 0)
		out_put(ls->output, ls->lines.data, ls->lines.size);
	return FAULT_NONE;
}

static enum fault print(struct ls *ls, const struct grid_path *path, bool is_directory,
			struct err *err)
{
	const enum listing_form form = form_of(ls->options);
	const bool headed = is_directory && ls->headed && form != LISTING_JSON;
	enum fault fault = FAULT_NONE;
	bytes_clear(&ls->lines);
	if (headed && ls->printed)
		fault = bytes_append_text(&ls->lines, "\n");
	if (headed && !fault)
		fault = bytes_append_text(&ls->lines, path->typed);
	if (headed && !fault)
		fault = bytes_append_text(&ls->lines, ":\n");
	if (!fault)
		fault = listing_print(&ls->listing, form, ls->headed ? path->plain : NULL,
				      &ls->lines);
	if (fault)
		return bytes_err(fault, err, "a listing");
	ls->printed |= is_directory;
	ls->printed_file |= !is_directory;
	return put_lines(ls, is_directory, err);
}

/* ---- one place ---- */

static void forget_children(void *context)
{
	struct ls_level *level = context;
	listing_clear(&level->ls->listing);
	subdirectories_fini(&level->below);
}

static bool add_child(void *context, const struct store_child *child)
{
	struct ls_level *level = context;
	struct listing *listing = &level->ls->listing;
	if (!listing_add(listing, child))
		return false;
	listing->failed = level->ls->options->list_recursively &&
			  !subdirectories_add(&level->below, child, listing->count - 1);
	return !listing->failed;
}

/* Fills the listing with what is at the path; `is_directory`: with its children. */
static enum fault command_ls_look(struct ls *ls, const struct grid_path *path,
				  struct ls_level *level, bool *is_directory, struct err *err)
{
	struct store_node node;
	const struct grid_look look = {
		.tries = ls->session.tries,
		.count = SIZE_MAX,
		.child = add_child,
		.begin = forget_children,
		.context = level,
	};
	if (grid_path_look(path, &look, &node, err))
		return ls->listing.failed ? err_set(err, FAULT_NOMEM, "no memory for a listing")
					  : err->fault;
	struct chunked chunked;
	enum fault fault = grid_path_chunks(path, &look.tries, &node, &chunked, err);
	*is_directory = node.kind == STORE_DIRECTORY && chunked.count == 0;
	if (!fault && !*is_directory && !add_file(ls, path, &node, &chunked))
		fault = err_set(err, FAULT_NOMEM, "no memory for a listing");
	if (!fault && *is_directory)
		fault = listing_judge(&ls->listing, &look.tries, err);
	if (*is_directory && !fault) {
		subdirectories_settle(&level->below, &ls->listing);
		level->has_storage_index =
			cap_storage_index(store_node_cap(&node), level->storage_index);
	}
	chunked_fini(&chunked);
	cap_wipe(&node.rw);
	cap_wipe(&node.ro);
	return fault;
}

static enum fault list_below(struct ls *ls, const struct grid_path *path,
			     const struct ls_level *level, struct err *err);

/* Lists what is at the path, and with --recursive all below it. */
static enum fault list_path(struct ls *ls, const struct grid_path *path, struct ls_level *level,
			    struct err *err)
{
	bool is_directory = false;
	enum fault fault = command_ls_look(ls, path, level, &is_directory, err);
	if (!fault && !is_directory && path->ends_in_slash)
		fault = err_set(err, FAULT_USAGE, "'%.120s' is not a directory", path->typed);
	if (!fault && ls->listing.unread > 0)
		say(ls->output, SAY_WARNING,
		    "%zu entries have more than 64 KiB of metadata, which is not read",
		    ls->listing.unread);
	if (!fault) {
		listing_sort(&ls->listing);
		fault = print(ls, path, is_directory, err);
	}
	if (!fault && is_directory)
		fault = list_below(ls, path, level, err);
	subdirectories_fini(&level->below);
	return fault;
}

/* ---- below ---- */

/* Whether a directory was entered from itself: mutable ones may lie in one another in a ring. */
static bool is_above(const struct ls_level *level, const struct cap *cap)
{
	unsigned char storage_index[CAP_KEY_SIZE];
	if (!cap_storage_index(cap, storage_index))
		return false;
	for (; level; level = level->above)
		if (level->has_storage_index &&
		    memcmp(level->storage_index, storage_index, sizeof storage_index) == 0)
			return true;
	return false;
}

/* Begins the path of something in the directory at `path`, as it would be typed. */
static enum fault begin_below(struct bytes *out, const char *path)
{
	const size_t size = strlen(path);
	const char last = size > 0 ? path[size - 1] : ':';
	const enum fault fault = bytes_append(out, path, size);
	return fault || last == ':' || last == '/' ? fault : bytes_append_text(out, "/");
}

static enum fault below_path(const struct grid_path *path, const struct subdirectory *one,
			     struct grid_path *below, struct err *err)
{
	struct bytes typed, plain;
	size_t taken;
	bytes_init(&typed, LINES_MAX);
	bytes_init(&plain, LINES_MAX);
	enum fault fault = begin_below(&typed, path->typed);
	if (!fault)
		fault = escape_name(&typed, one->name, one->name_size);
	if (!fault)
		fault = begin_below(&plain, path->plain);
	if (!fault)
		fault = bytes_append(&plain, one->name, one->name_size);
	if (!fault)
		*below = (struct grid_path){
			.typed = (char *)bytes_take(&typed, &taken),
			.plain = (char *)bytes_take(&plain, &taken),
			.root = one->cap,
		};
	bytes_fini(&typed);
	bytes_fini(&plain);
	return bytes_err(fault, err, "a path");
}

/* Lists the directory `one` in the directory at `path`. */
static enum fault list_one_below(struct ls *ls, const struct grid_path *path,
				 const struct ls_level *level, const struct subdirectory *one,
				 struct err *err)
{
	struct grid_path below = { 0 };
	struct ls_level next = {
		.above = level,
		.depth = level->depth + 1,
		.ls = ls,
	};
	if (below_path(path, one, &below, err))
		return err->fault;
	enum fault fault;
	if (is_above(level, &one->cap))
		fault = err_set(err, FAULT_USAGE, "'%.120s' is a directory above itself",
				below.typed);
	else if (next.depth > DEPTH_MAX)
		fault = err_set(err, FAULT_USAGE, "'%.120s' lies deeper than %d directories",
				below.typed, DEPTH_MAX);
	else
		fault = list_path(ls, &below, &next, err);
	grid_path_fini(&below);
	return fault;
}

/* Tells of one that could not be listed, behind what was printed before.  False: nothing more can
 * be. */
static bool goes_on(const struct ls *ls, const struct err *err)
{
	if (fault_is_general(err->fault))
		return false;
	out_flush(ls->output);
	say_err(ls->output, err);
	return true;
}

/* Lists the directories below.  One that cannot be listed is told of, and the others are. */
static enum fault list_below(struct ls *ls, const struct grid_path *path,
			     const struct ls_level *level, struct err *err)
{
	for (size_t i = 0; i < level->below.count && !out_failed(ls->output); i++) {
		enum fault fault = list_one_below(ls, path, level, &level->below.at[i], err);
		if (fault && !goes_on(ls, err))
			return fault;
		ls->failed_below |= fault != FAULT_NONE;
	}
	return FAULT_NONE;
}

static enum fault list_word(struct ls *ls, const char *word, struct err *err)
{
	struct grid_path path;
	if (grid_path_resolve(&ls->options->connection, word, &path, err))
		return err->fault;
	struct ls_level level = { .ls = ls };
	enum fault fault = list_path(ls, &path, &level, err);
	grid_path_fini(&path);
	return fault;
}

/* Lists all words.  One that cannot be listed is told of, and the others are listed. */
static enum fault list_words(struct ls *ls, const struct text_list *words, int *status,
			     struct err *err)
{
	size_t failed = 0;
	int worst = STATUS_DONE;
	for (size_t i = 0; i < words->count && !out_failed(ls->output); i++) {
		enum fault fault = list_word(ls, words->text[i], err);
		if (fault && !goes_on(ls, err))
			return fault;
		if (!fault)
			continue;
		failed++;
		worst = fault == FAULT_RETRY ? STATUS_PARTLY : status_of_fault(fault);
	}
	*status = (failed > 0 && failed < words->count) || (ls->failed_below && failed == 0)
			  ? STATUS_PARTLY
			  : worst;
	return FAULT_NONE;
}

/* Puts out the directories that have waited, after files. */
static void put_directories(struct ls *ls)
{
	if (ls->directories.size == 0)
		return;
	if (ls->printed_file)
		out_put(ls->output, "\n", 1);
	out_put(ls->output, ls->directories.data, ls->directories.size);
}

enum fault command_ls(const struct options *options, struct output *output, int *status,
		      struct err *err)
{
	char default_word[] = ALIAS_DEFAULT ":";
	char *default_text[] = { default_word };
	const struct text_list default_words = { default_text, 1 };
	const struct text_list *words = options->words.count ? &options->words : &default_words;
	struct ls ls = { .options = options, .output = output, .several = words->count > 1 };
	ls.headed = ls.several || options->list_recursively;
	if (options->show_caps && !options->output.json)
		return err_set(err, FAULT_USAGE, "--caps goes with --json");
	if (session_open(&options->connection, output, &ls.session, err))
		return err->fault;
	listing_init(&ls.listing, options->show_caps);
	bytes_init(&ls.lines, LINES_MAX);
	bytes_init(&ls.directories, LINES_MAX);
	enum fault fault = list_words(&ls, words, status, err);
	put_directories(&ls);
	bytes_fini(&ls.directories);
	bytes_fini(&ls.lines);
	listing_fini(&ls.listing);
	session_fini(&ls.session);
	return fault;
}
