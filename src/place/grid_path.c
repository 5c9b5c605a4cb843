#include "place/grid_path.h"

#include "base/escape.h"
#include "base/redact.h"
#include "place/edge_look.h"
#include "place/places.h"

enum { TYPED_MAX = 1 << 20 };

static enum fault nomem(struct err *err) { return err_set(err, FAULT_NOMEM, "out of memory"); }

void grid_path_fini(struct grid_path *path)
{
	free(path->typed);
	free(path->plain);
	free(path->text);
	free(path->component);
	cap_wipe(&path->root);
	*path = (struct grid_path){ 0 };
}

/* Keeps the word, without caps, and for messages without control bytes. */
static enum fault keep_typed(struct grid_path *path, const char *word, struct err *err)
{
	struct bytes plain, text;
	size_t size = strlen(word);
	path->ends_in_slash = size > 0 && word[size - 1] == '/';
	bytes_init(&plain, TYPED_MAX);
	bytes_init(&text, TYPED_MAX);
	enum fault fault = redact_text(&plain, word, size);
	if (!fault)
		fault = escape_name(&text, plain.data, plain.size);
	if (!fault) {
		path->typed = strdup(bytes_text(&text));
		path->plain = strdup(bytes_text(&plain));
	}
	bytes_fini(&plain);
	bytes_fini(&text);
	if (!fault && (!path->typed || !path->plain))
		return nomem(err);
	return bytes_err(fault, err, "a word of the command line");
}

/* Cuts the text at its slashes, in place. */
static enum fault split(struct grid_path *path, struct err *err)
{
	size_t most = 1;
	for (const char *at = path->text; *at; at++)
		most += *at == '/';
	path->component = calloc(most, sizeof *path->component);
	if (!path->component)
		return nomem(err);
	for (char *rest = path->text; rest;) {
		const char *name = strsep(&rest, "/");
		if (*name)
			path->component[path->count++] = (struct store_name){ name, strlen(name) };
	}
	return FAULT_NONE;
}

/* Takes the root and the path below it, if they can name something to read. */
static enum fault grid_path_take(struct grid_path *path, const struct argument *argument,
				 struct err *err)
{
	path->root = argument->root;
	path->text = strndup(argument->path, argument->path_size);
	if (!path->text)
		return nomem(err);
	return places_check_grid(argument, path->typed, err) ? err->fault : split(path, err);
}

enum fault grid_path_resolve(const struct connection_options *connection, const char *word,
			     struct grid_path *path, struct err *err)
{
	struct aliases aliases = { 0 };
	struct argument argument = { 0 };
	const struct place_words words = { &word, 1, ALIAS_DEFAULT };
	*path = (struct grid_path){ 0 };
	enum fault fault = keep_typed(path, word, err);
	if (!fault)
		fault = places_aliases(connection, &words, &aliases, err);
	if (!fault)
		fault = argument_split(&aliases, word, ALIAS_DEFAULT, &argument, err);
	if (!fault)
		fault = grid_path_take(path, &argument, err);
	path->is_alias = !fault && aliases_find(&aliases, word, strlen(word));
	argument_wipe(&argument);
	aliases_fini(&aliases);
	if (fault)
		grid_path_fini(path);
	return fault;
}

enum fault grid_path_check_colon(const struct grid_path *path, struct err *err)
{
	if (!path->is_alias)
		return FAULT_NONE;
	return err_set(err, FAULT_USAGE,
		       "'%.60s' has no colon, but is the name of an alias: write %.60s: for it, or "
		       "%s:%.60s for what has that name there",
		       path->typed, path->typed, ALIAS_DEFAULT, path->typed);
}

const char *grid_path_question(const struct grid_path *path, char text[GRID_PATH_QUESTION_SIZE])
{
	text[0] = '\0';
	if (path->is_alias)
		snprintf(text, GRID_PATH_QUESTION_SIZE, "; is the alias '%.60s:' meant?",
			 path->typed);
	return text;
}

const char *grid_path_name(const struct grid_path *path)
{
	return path->count ? path->component[path->count - 1].name : "";
}

enum fault grid_path_look(const struct grid_path *path, const struct grid_look *look,
			  struct store_node *node, struct err *err)
{
	struct tries tries = look->tries;
	size_t count = (size_t)min_u64(look->count, path->count);
	const struct store_list list = {
		.cap = &path->root,
		.path = count ? path->component : NULL,
		.path_count = count,
		.child = look->child,
		.context = look->context,
	};
	char question[GRID_PATH_QUESTION_SIZE];
	enum fault fault;
	do {
		if (look->begin)
			look->begin(look->context);
		fault = store_wait_list(tries.wait, &list, node, err);
	} while (fault && tries_again(&tries, err));
	if (!fault || err->fault == FAULT_NOT_FOUND)
		tries_over(&tries);
	if (!fault)
		return fault;
	if (err->fault == FAULT_NOT_FOUND)
		return err_set(err, FAULT_NOT_FOUND, "No such file or directory '%.120s'%s",
			       path->typed, grid_path_question(path, question));
	return err->fault == FAULT_CANCELLED ? err->fault : err_wrap(err, "'%.100s'", path->typed);
}

enum fault grid_path_chunks(const struct grid_path *path, const struct tries *tries,
			    struct store_node *node, struct chunked *chunked, struct err *err)
{
	const struct edge_path edge = { &path->root, path->component, path->count, tries, NULL };
	enum fault fault = edge_chunks(&edge, node, chunked, err);
	return !fault || fault == FAULT_CANCELLED ? fault : err_wrap(err, "'%.100s'", path->typed);
}
