#include "place/places.h"

#include "base/digest.h"
#include "base/redact.h"
#include "base/secret.h"
#include "base/utf8.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CAP_FILE_MAX = 4096, IDENTITY_MAX = 1 << 20 };

static enum fault nomem(struct err *err) { return err_set(err, FAULT_NOMEM, "out of memory"); }

void place_fini(struct place *place)
{
	if (!place)
		return;
	free(place->typed);
	free(place->path);
	free(place->name);
	cap_wipe(&place->root);
	*place = (struct place){ 0 };
}

bool places_on_grid(const struct places *places)
{
	bool grid = !places->target.local;
	for (size_t i = 0; i < places->count; i++)
		grid |= !places->source[i].local;
	return grid;
}

void places_fini(struct places *places)
{
	if (!places)
		return;
	for (size_t i = 0; i < places->count; i++)
		place_fini(&places->source[i]);
	free(places->source);
	place_fini(&places->target);
	*places = (struct places){ 0 };
}

/* ---- aliases ---- */

/* Has the directory cap in a file answer to the alias cap:, so that no cap need be typed. */
static enum fault add_cap_file(struct aliases *aliases, const char *path, struct err *err)
{
	struct bytes text;
	struct cap cap = { 0 };
	bytes_init(&text, CAP_FILE_MAX);
	enum fault fault = secret_file_read(path, SECRET_FILE_STRICT, &text, err);
	while (!fault && text.size > 0 && strchr(" \t\r\n", text.data[text.size - 1]))
		text.data[--text.size] = '\0';
	if (!fault)
		fault = cap_parse(bytes_text(&text), text.size, &cap, err);
	if (!fault && !cap_is_directory(&cap))
		fault = err_set(err, FAULT_USAGE, "it holds no directory's cap");
	if (!fault)
		fault = aliases_set(aliases, PLACE_CAP_FILE_ALIAS, bytes_text(&text), err);
	cap_wipe(&cap);
	bytes_fini(&text);
	return fault ? err_wrap(err, "--cap-file=%.80s", path) : FAULT_NONE;
}

/* Whether a word wants an alias of the node directory, which local copies and --cap-file do not. */
static bool asks_node(const struct connection_options *connection, const struct place_words *words)
{
	for (size_t i = 0; i < words->count; i++) {
		size_t size = 0;
		const char *alias = argument_alias(words->word[i], words->default_alias, &size);
		bool own = connection->cap_file && size == strlen(PLACE_CAP_FILE_ALIAS) && alias &&
			   memcmp(alias, PLACE_CAP_FILE_ALIAS, size) == 0;
		if (alias && !own)
			return true;
	}
	return false;
}

enum fault places_aliases(const struct connection_options *connection,
			  const struct place_words *words, struct aliases *aliases, struct err *err)
{
	enum fault fault = FAULT_NONE;
	*aliases = (struct aliases){ 0 };
	if (asks_node(connection, words))
		fault = aliases_load(aliases, connection->node_directory, err);
	if (!fault && connection->cap_file)
		fault = add_cap_file(aliases, connection->cap_file, err);
	return fault;
}

/* ---- one place ---- */

/* Keeps what was typed, with a cap redacted. */
static enum fault keep_typed(struct place *place, const char *word, struct err *err)
{
	struct bytes text;
	size_t size = strlen(word);
	bytes_init(&text, IDENTITY_MAX);
	enum fault fault = redact_text(&text, word, size);
	if (!fault)
		place->typed = strdup(bytes_text(&text));
	bytes_fini(&text);
	if (!fault && !place->typed)
		return nomem(err);
	place->ends_in_slash = size > 0 && word[size - 1] == '/';
	return bytes_err(fault, err, "a word of the command line");
}

/* Keeps the last component of `path`, or "" where it has none. */
static enum fault keep_name(struct place *place, const char *path, size_t size, struct err *err)
{
	while (size > 0 && path[size - 1] == '/')
		size--;
	size_t start = size;
	while (start > 0 && path[start - 1] != '/')
		start--;
	place->name = strndup(path + start, size - start);
	return place->name ? FAULT_NONE : nomem(err);
}

/* Takes "", "." and ".." out of an absolute path by its text alone, in place. */
static void normalize(char *path)
{
	char *end = path; /* of what is kept; a kept component begins with its slash */
	for (char *at = path; *at;) {
		at += strspn(at, "/");
		size_t size = strcspn(at, "/");
		bool is_up = size == 2 && at[0] == '.' && at[1] == '.';
		if (is_up)
			while (end > path && *--end != '/')
				;
		else if (size > 0 && !(size == 1 && at[0] == '.')) {
			*end++ = '/';
			memmove(end, at, size);
			end += size;
		}
		at += size;
	}
	if (end == path)
		*end++ = '/';
	*end = '\0';
}

static enum fault make_absolute(const char *path, char **out, struct err *err)
{
	char *here = *path == '/' ? strdup("") : getcwd(NULL, 0);
	if (!here)
		return err_os(err, FAULT_IO, errno, "cannot tell the working directory");
	int length = asprintf(out, "%s%s%s", here, *path == '/' ? "" : "/", path);
	free(here);
	if (length < 0)
		return nomem(err);
	normalize(*out);
	return FAULT_NONE;
}

static enum fault resolve_local(struct place *place, const struct argument *argument,
				bool is_source, struct err *err)
{
	char *path = strndup(argument->path, argument->path_size);
	if (!path)
		return nomem(err);
	place->local = true;
	enum fault fault = FAULT_NONE;
	if (*path == '\0')
		fault = err_set(err, FAULT_USAGE, "an empty word is no path");
	if (!fault)
		fault = make_absolute(path, &place->path, err);
	free(path);
	if (fault)
		return fault;
	char *real = is_source ? realpath(place->path, NULL) : NULL;
	fault = keep_name(place, place->path, strlen(place->path), err);
	if (real) {
		free(place->path);
		place->path = real;
	}
	return fault;
}

enum fault places_check_grid(const struct argument *argument, const char *typed, struct err *err)
{
	if (cap_is_verifier(&argument->root) || argument->root.kind == CAP_UNKNOWN)
		return err_set(err, FAULT_USAGE, "the cap of '%.60s' does not let anybody read",
			       typed);
	if (!name_is_utf8(argument->path, argument->path_size))
		return err_set(err, FAULT_USAGE, "'%.120s' is not UTF-8, as names on a grid are",
			       typed);
	return FAULT_NONE;
}

static enum fault resolve_grid(struct place *place, const struct argument *argument,
			       struct err *err)
{
	place->root = argument->root;
	place->path = strndup(argument->path, argument->path_size);
	if (!place->path)
		return nomem(err);
	if (places_check_grid(argument, place->typed, err))
		return err->fault;
	return keep_name(place, argument->path, argument->path_size, err);
}

void places_ask_alias(const struct connection_options *connection, const char *word,
		      struct err *err)
{
	struct aliases aliases;
	if (aliases_load(&aliases, connection->node_directory, NULL))
		return;
	const char *nearest = aliases_nearest(&aliases, word, strlen(word));
	const struct err before = *err;
	if (nearest)
		err_set(err, before.fault, "%s; is the alias '%.60s:' meant?", before.text,
			nearest);
	aliases_fini(&aliases);
}

enum fault places_check_colon(const struct connection_options *connection, const char *word,
			      struct err *err)
{
	struct aliases aliases;
	struct stat st;
	if (strchr(word, '/') || lstat(word, &st) == 0 || errno != ENOENT ||
	    aliases_load(&aliases, connection->node_directory, NULL))
		return FAULT_NONE;
	bool found = aliases_find(&aliases, word, strlen(word));
	aliases_fini(&aliases);
	return found ? err_set(err, FAULT_USAGE,
			       "there is no '%.60s' here, but an alias of that name: write %.60s: "
			       "for it, or ./%.60s for a local path",
			       word, word, word)
		     : FAULT_NONE;
}

static enum fault resolve(const struct aliases *aliases, const char *word, bool is_source,
			  struct place *place, struct err *err)
{
	struct argument argument = { 0 };
	enum fault fault = keep_typed(place, word, err);
	if (!fault)
		fault = argument_split(aliases, word, NULL, &argument, err);
	if (!fault && argument.kind == ARGUMENT_LOCAL)
		fault = resolve_local(place, &argument, is_source, err);
	else if (!fault)
		fault = resolve_grid(place, &argument, err);
	argument_wipe(&argument);
	return fault;
}

/* The target of --cap-out=FILE. */
static enum fault resolve_fresh(const char *file, struct place *place, struct err *err)
{
	place->fresh = true;
	place->name = strdup("");
	if (asprintf(&place->typed, "(new) %s", file) < 0)
		place->typed = NULL;
	if (!place->name || !place->typed)
		return nomem(err);
	return make_absolute(file, &place->path, err);
}

/* Refuses what is a local path by its form, and most likely something else is meant. */
static enum fault check_local(const struct connection_options *connection, const char *word,
			      bool is_source, struct err *err)
{
	if (strcmp(word, "-") != 0)
		return places_check_colon(connection, word, err);
	return err_set(err, FAULT_USAGE,
		       is_source ? "barge put - ALIAS:PATH stores standard input; ./- is a file "
				   "of that name"
				 : "barge get ALIAS:PATH - writes to standard output; ./- is a "
				   "file of that name");
}

enum fault places_resolve(const struct connection_options *connection,
			  const struct text_list *words, const char *cap_out, struct places *places,
			  struct err *err)
{
	struct aliases aliases = { 0 };
	*places = (struct places){ 0 };
	bool fresh = cap_out;
	size_t sources = words->count - (words->count > 0 && !fresh);
	if (sources == 0)
		return err_set(err, FAULT_USAGE,
			       fresh ? "a source is wanted" : "a source and a target are wanted");
	places->source = calloc(sources, sizeof *places->source);
	if (!places->source)
		return nomem(err);
	const struct place_words all = { (const char *const *)words->text, words->count, NULL };
	enum fault fault = places_aliases(connection, &all, &aliases, err);
	if (!fault && fresh)
		fault = resolve_fresh(cap_out, &places->target, err);
	else if (!fault)
		fault = resolve(&aliases, words->text[sources], false, &places->target, err);
	for (size_t i = 0; !fault && i < sources; i++) {
		places->count = i + 1;
		fault = resolve(&aliases, words->text[i], true, &places->source[i], err);
	}
	for (size_t i = 0; !fault && i < words->count; i++)
		if (i < sources ? places->source[i].local : places->target.local)
			fault = check_local(connection, words->text[i], i < sources, err);
	aliases_fini(&aliases);
	if (fault)
		places_fini(places);
	return fault;
}

enum fault places_target(const struct connection_options *connection, const char *word,
			 struct place *place, struct err *err)
{
	struct aliases aliases = { 0 };
	const struct place_words words = { &word, 1, NULL };
	*place = (struct place){ 0 };
	enum fault fault = places_aliases(connection, &words, &aliases, err);
	if (!fault)
		fault = resolve(&aliases, word, false, place, err);
	aliases_fini(&aliases);
	if (fault)
		place_fini(place);
	return fault;
}

/* ---- identities ---- */

enum fault place_identity(const struct place *place, struct bytes *out, struct err *err)
{
	enum fault fault;
	if (place->fresh) {
		fault = bytes_append_text(out, PLACE_FRESH);
		if (!fault)
			fault = bytes_append_text(out, place->path);
		return bytes_err(fault, err, "a path");
	}
	if (place->local) {
		fault = bytes_append_text(out, "file:");
		if (!fault)
			fault = bytes_append_text(out, place->path);
		return bytes_err(fault, err, "a path");
	}
	char text[CAP_TEXT_SIZE];
	unsigned char digest[DIGEST_SIZE];
	size_t size = cap_print(&place->root, text);
	digest_of(text, size, digest);
	explicit_bzero(text, sizeof text);
	fault = bytes_append_text(out, "grid:");
	for (size_t i = 0; i < sizeof digest && !fault; i++)
		fault = bytes_printf(out, "%02x", digest[i]);
	if (!fault)
		fault = bytes_printf(out, ":%s", place->path);
	return bytes_err(fault, err, "a path");
}

enum fault places_sources(const struct places *places, struct bytes *out, struct err *err)
{
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < places->count && !fault; i++) {
		fault = place_identity(&places->source[i], out, err);
		if (!fault)
			fault = bytes_err(bytes_append(out, "", 1), err, "the sources");
	}
	return fault;
}
