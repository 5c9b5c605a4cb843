#include "base/escape.h"
#include "cli/command.h"
#include "cli/listing.h"
#include "node/aliases.h"
#include "place/grid_path.h"
#include "place/session.h"
#include "queue/retry.h"
#include "report/out.h"
#include "report/say.h"
#include "report/status.h"

#include <errno.h>

enum { LINES_MAX = 1 << 30 }; /* bytes of all lines about one directory */

struct ls {
	const struct options *options;
	struct output *output;
	struct session session;
	struct listing listing;
	struct bytes lines;
	bool several; /* places */
	bool printed; /* something is above */
};

static enum listing_form form_of(const struct options *options)
{
	return options->output.json    ? LISTING_JSON
	       : options->long_listing ? LISTING_LONG
				       : LISTING_NAMES;
}

/* A file is listed as a directory with it alone; without a name, under what was typed. */
static bool add_file(struct ls *ls, const struct grid_path *path, const struct store_node *node,
		     const struct chunked *chunked)
{
	const char *name = grid_path_name(path);
	const struct store_child child = {
		.name = *name ? name : path->typed,
		.name_size = strlen(*name ? name : path->typed),
		.node = *node,
	};
	listing_clear(&ls->listing);
	if (!listing_add(&ls->listing, &child))
		return false;
	if (chunked->count > 0)
		listing_be_file(&ls->listing.row[0], chunked->bytes);
	return true;
}

static enum fault print(struct ls *ls, const struct grid_path *path, bool headed, struct err *err)
{
	enum listing_form form = form_of(ls->options);
	enum fault fault = FAULT_NONE;
	headed = headed && ls->several && form != LISTING_JSON;
	bytes_clear(&ls->lines);
	if (headed && ls->printed)
		fault = bytes_append_text(&ls->lines, "\n");
	if (headed && !fault)
		fault = escape_name(&ls->lines, path->typed, strlen(path->typed));
	if (headed && !fault)
		fault = bytes_append_text(&ls->lines, ":\n");
	if (!fault)
		fault = listing_print(&ls->listing, form, ls->several ? path->typed : NULL,
				      &ls->lines);
	if (fault)
		return bytes_err(fault, err, "a listing");
	ls->printed = true;
	if (ls->lines.size > 0)
		out_put(ls->output, ls->lines.data, ls->lines.size);
	return FAULT_NONE;
}

static enum fault command_ls_look(struct ls *ls, const struct grid_path *path, struct err *err)
{
	struct store_node node;
	const struct grid_look look = {
		.tries = ls->session.tries,
		.count = SIZE_MAX,
		.child = listing_add,
		.begin = listing_clear,
		.context = &ls->listing,
	};
	if (grid_path_look(path, &look, &node, err))
		return ls->listing.failed ? err_set(err, FAULT_NOMEM, "no memory for a listing")
					  : err->fault;
	struct chunked chunked;
	enum fault fault = grid_path_chunks(path, &look.tries, &node, &chunked, err);
	bool is_directory = node.kind == STORE_DIRECTORY && chunked.count == 0;
	if (!fault && !is_directory && !add_file(ls, path, &node, &chunked))
		fault = err_set(err, FAULT_NOMEM, "no memory for a listing");
	if (!fault && is_directory)
		fault = listing_judge(&ls->listing, &look.tries, err);
	chunked_fini(&chunked);
	cap_wipe(&node.rw);
	cap_wipe(&node.ro);
	if (fault)
		return fault;
	if (!is_directory && path->ends_in_slash)
		return err_set(err, FAULT_USAGE, "'%.120s' is not a directory", path->typed);
	if (ls->listing.unread > 0)
		say(ls->output, SAY_WARNING,
		    "%zu entries have more than 64 KiB of metadata, which is not read",
		    ls->listing.unread);
	listing_sort(&ls->listing);
	return print(ls, path, is_directory, err);
}

static enum fault list_word(struct ls *ls, const char *word, struct err *err)
{
	struct grid_path path;
	if (grid_path_resolve(&ls->options->connection, word, &path, err))
		return err->fault;
	enum fault fault = command_ls_look(ls, &path, err);
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
		if (fault && fault_is_general(fault))
			return fault;
		if (!fault)
			continue;
		out_flush(ls->output);
		say_err(ls->output, err);
		failed++;
		worst = fault == FAULT_RETRY ? STATUS_PARTLY : status_of_fault(fault);
	}
	*status = failed > 0 && failed < words->count ? STATUS_PARTLY : worst;
	return FAULT_NONE;
}

enum fault command_ls(const struct options *options, struct output *output, int *status,
		      struct err *err)
{
	char default_word[] = ALIAS_DEFAULT ":";
	char *default_text[] = { default_word };
	const struct text_list default_words = { default_text, 1 };
	const struct text_list *words = options->words.count ? &options->words : &default_words;
	struct ls ls = { .options = options, .output = output, .several = words->count > 1 };
	if (options->show_caps && !options->output.json)
		return err_set(err, FAULT_USAGE, "--caps goes with --json");
	if (session_open(&options->connection, output, &ls.session, err))
		return err->fault;
	listing_init(&ls.listing, options->show_caps);
	bytes_init(&ls.lines, LINES_MAX);
	enum fault fault = list_words(&ls, words, status, err);
	bytes_fini(&ls.lines);
	listing_fini(&ls.listing);
	session_fini(&ls.session);
	return fault;
}
