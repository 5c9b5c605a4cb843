#include "cli/origin.h"

#include "base/secret.h"

#include <errno.h>
#include <sys/stat.h>

enum { COMPONENTS_MAX = 1000 };

enum target_kind {
	TARGET_MISSING,
	TARGET_FILE,
	TARGET_DIRECTORY,
};

static enum fault no_memory(struct err *err)
{
	return err_set(err, FAULT_NOMEM, "no memory for the sources");
}

static enum fault look_at_target(const struct place *target, enum target_kind *kind,
				 struct err *err)
{
	struct stat st;
	*kind = TARGET_MISSING;
	if (stat(target->path, &st) != 0)
		return errno == ENOENT ? FAULT_NONE
				       : err_os(err, FAULT_USAGE, errno, "cannot look at '%.120s'",
						target->typed);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return err_set(err, FAULT_USAGE,
			       "target '%.120s' is neither a file nor a directory", target->typed);
	*kind = S_ISDIR(st.st_mode) ? TARGET_DIRECTORY : TARGET_FILE;
	return FAULT_NONE;
}

/* ---- sources ---- */

/* Asks what is at the path of a source. */
static enum fault look_at_source(const struct place *place, const struct store_wait *wait,
				 struct store_node *node, struct err *err)
{
	struct store_name component[COMPONENTS_MAX];
	struct store_list list = { .cap = &place->root };
	for (const char *at = place->path; *at;) {
		size_t size = strcspn(at, "/");
		if (size > 0 && list.path_count == COMPONENTS_MAX)
			return err_set(err, FAULT_USAGE, "a source has more than %d components",
				       COMPONENTS_MAX);
		if (size > 0)
			component[list.path_count++] = (struct store_name){ at, size };
		at += size + (at[size] == '/');
	}
	list.path = list.path_count ? component : NULL;
	if (store_wait_list(wait, &list, node, err) == FAULT_NONE)
		return FAULT_NONE;
	if (err->fault == FAULT_NOT_FOUND)
		return err_set(err, FAULT_USAGE, "No such file or directory '%.120s'",
			       place->typed);
	return err_wrap(err, "Error examining source '%.60s'", place->typed);
}

static enum fault add_source(const struct options *options, const struct place *place,
			     const struct store_wait *wait, struct fetch_source *source,
			     struct err *err)
{
	if (place->local)
		return err_set(err, FAULT_USAGE,
			       "sources are local and on the grid; copy them in two commands");
	if (look_at_source(place, wait, &source->node, err))
		return err->fault;
	source->name = place->name;
	if (source->node.kind == STORE_UNKNOWN)
		return err_set(err, FAULT_USAGE,
			       "source '%.120s' is of a kind that this program does not know",
			       place->typed);
	if (source->node.kind == STORE_FILE && place->ends_in_slash)
		return err_set(err, FAULT_USAGE,
			       "source '%.100s' is not a directory, but ends with a slash",
			       place->typed);
	if (source->node.kind == STORE_DIRECTORY && !options->recursive)
		return err_set(err, FAULT_USAGE, "cannot copy directories without --recursive");
	return FAULT_NONE;
}

/* ---- both together ---- */

static enum fault check_file_target(const struct places *places, const struct origin *origin,
				    struct err *err)
{
	if (places->target.ends_in_slash)
		return err_set(err, FAULT_USAGE,
			       "target is not a directory, but ends with a slash");
	if (origin->count > 1)
		return err_set(err, FAULT_USAGE,
			       "copying multiple things requires target be a directory");
	if (origin->source[0].node.kind == STORE_DIRECTORY)
		return err_set(err, FAULT_USAGE, "cannot copy directory into a file");
	return FAULT_NONE;
}

static enum fault check_names(const struct places *places, const struct origin *origin,
			      struct err *err)
{
	const struct fetch_source *source = origin->source;
	for (size_t i = 0; i < origin->count; i++) {
		if (source[i].node.kind != STORE_FILE)
			continue;
		if (source[i].name[0] == '\0')
			return err_set(err, FAULT_USAGE,
				       "when copying into a directory, all source files must have "
				       "names, but '%.60s' is unnamed",
				       places->source[i].typed);
		for (size_t j = 0; j < origin->count; j++)
			if (i != j && strcmp(source[i].name, source[j].name) == 0)
				return err_set(err, FAULT_USAGE,
					       "cannot copy multiple files with the same name into "
					       "the same target directory");
	}
	return FAULT_NONE;
}

/* Splits the target's path into the directory and the name of the file. */
static enum fault name_file(const struct places *places, struct origin *origin, struct err *err)
{
	const char *path = places->target.path;
	const char *slash = strrchr(path, '/');
	origin->directory = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	origin->file_name = strdup(slash + 1);
	if (!origin->directory || !origin->file_name)
		return no_memory(err);
	origin->source[0].name = origin->file_name;
	return FAULT_NONE;
}

static enum fault decide(const struct places *places, enum target_kind kind, struct origin *origin,
			 struct err *err)
{
	bool lone_file = origin->count == 1 && origin->source[0].node.kind == STORE_FILE;
	if (kind == TARGET_FILE || (kind == TARGET_MISSING && lone_file)) {
		if (check_file_target(places, origin, err))
			return err->fault;
		return name_file(places, origin, err);
	}
	if (check_names(places, origin, err))
		return err->fault;
	origin->directory = strdup(places->target.path);
	return origin->directory ? FAULT_NONE : no_memory(err);
}

enum fault origin_resolve(const struct options *options, const struct places *places,
			  const struct store_wait *wait, struct origin *origin, struct err *err)
{
	enum target_kind kind;
	*origin = (struct origin){ .source = calloc(places->count, sizeof *origin->source) };
	if (!origin->source)
		return no_memory(err);
	enum fault fault = look_at_target(&places->target, &kind, err);
	for (size_t i = 0; i < places->count && !fault; i++) {
		origin->count = i + 1;
		fault = add_source(options, &places->source[i], wait, &origin->source[i], err);
	}
	if (!fault)
		fault = decide(places, kind, origin, err);
	if (fault)
		origin_fini(origin);
	return fault;
}

void origin_fini(struct origin *origin)
{
	if (origin->source)
		secret_wipe(origin->source, origin->count * sizeof *origin->source);
	free(origin->source);
	free(origin->directory);
	free(origin->file_name);
	*origin = (struct origin){ 0 };
}
