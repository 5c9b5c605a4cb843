#include "cli/target.h"

enum { COMPONENTS_MAX = 1000 };

struct path {
	struct store_name component[COMPONENTS_MAX];
	size_t count;
};

static enum fault split(const char *text, struct path *path, struct err *err)
{
	path->count = 0;
	for (const char *at = text; *at;) {
		size_t size = strcspn(at, "/");
		if (size > 0 && path->count == COMPONENTS_MAX)
			return err_set(err, FAULT_USAGE, "the target has more than %d components",
				       COMPONENTS_MAX);
		if (size > 0)
			path->component[path->count++] = (struct store_name){ at, size };
		at += size + (at[size] == '/');
	}
	return FAULT_NONE;
}

struct deepest {
	size_t count; /* components that are there */
	struct store_node node;
};

/* Finds the longest beginning of the first `count` components that exists, and what it is. */
static enum fault find_deepest(const struct place *place, const struct path *path, size_t count,
			       const struct store_wait *wait, struct deepest *deepest,
			       struct err *err)
{
	for (;; count--) {
		const struct store_list list = {
			.cap = &place->root,
			.path = count ? path->component : NULL,
			.path_count = count,
		};
		enum fault fault = store_wait_list(wait, &list, &deepest->node, err);
		if (!fault) {
			deepest->count = count;
			return FAULT_NONE;
		}
		if (fault == FAULT_CORRUPT) /* a reply, not our state */
			err->fault = FAULT_UNAVAILABLE;
		if (fault != FAULT_NOT_FOUND || count == 0)
			return err_wrap(err, "Error examining target '%s'", place->typed);
	}
}

static enum fault no_memory(struct err *err)
{
	return err_set(err, FAULT_NOMEM, "no memory for the target's names");
}

static enum fault copy_made(const struct path *path, size_t from, size_t to, struct target *target,
			    struct err *err)
{
	target->made = calloc(to - from + 1, sizeof *target->made);
	if (!target->made)
		return no_memory(err);
	for (size_t i = from; i < to; i++) {
		char *name = strndup(path->component[i].name, path->component[i].size);
		if (!name)
			return no_memory(err);
		target->made[target->made_count++] = name;
	}
	return FAULT_NONE;
}

/* The name of a source: as typed, or for "." and its like that of its absolute path. */
static const char *source_name(const struct place *source)
{
	if (source->name && source->name[0])
		return source->name;
	const char *slash = strrchr(source->path, '/');
	return slash ? slash + 1 : source->path;
}

static enum fault name_sources(const struct places *places, struct target *target, struct err *err)
{
	target->name = calloc(places->count, sizeof *target->name);
	if (!target->name)
		return no_memory(err);
	for (size_t i = 0; i < places->count; i++) {
		const char *name =
			target->file_name ? target->file_name : source_name(&places->source[i]);
		if (!name[0])
			return err_set(
				err, FAULT_USAGE,
				"when copying into a directory, all sources must have names, "
				"but '%s' is unnamed",
				places->source[i].typed);
		target->name[i] = strdup(name);
		if (!target->name[i])
			return no_memory(err);
		target->name_count++;
		for (size_t j = 0; j < i; j++)
			if (strcmp(target->name[j], name) == 0)
				return err_set(err, FAULT_USAGE,
					       "cannot copy multiple files with the same name into "
					       "the same target directory: '%s'",
					       name);
	}
	return FAULT_NONE;
}

/* E5 to E7, in tahoe's order. */
static enum fault check_file_target(const struct places *places, struct err *err)
{
	if (places->target.ends_in_slash)
		return err_set(err, FAULT_USAGE,
			       "target is not a directory, but ends with a slash");
	if (places->count > 1)
		return err_set(err, FAULT_USAGE,
			       "copying multiple things requires target be a directory");
	if (places->source[0].is_directory)
		return err_set(err, FAULT_USAGE, "cannot copy directory into a file");
	return FAULT_NONE;
}

static enum fault take_root(const struct store_node *node, const struct place *place,
			    struct target *target, struct err *err)
{
	if (node->kind != STORE_DIRECTORY)
		return err_set(err, FAULT_USAGE, "target '%s': a file is in the way", place->typed);
	if (!cap_is_writable(&node->rw))
		return err_set(err, FAULT_USAGE,
			       "target '%s' is read-only: a directory with a write cap is needed",
			       place->typed);
	target->root = node->rw;
	return FAULT_NONE;
}

static enum fault resolve(const struct places *places, const struct store_wait *wait,
			  const struct path *path, struct target *target, struct err *err)
{
	const struct place *place = &places->target;
	struct deepest deepest;
	if (find_deepest(place, path, path->count, wait, &deepest, err))
		return err->fault;
	bool missing = deepest.count < path->count;
	bool file_there = !missing && deepest.node.kind == STORE_FILE;
	bool one_file = places->count == 1 && !places->source[0].is_directory;
	bool want_file = file_there || (missing && one_file);
	size_t directories = path->count;
	if (want_file) {
		if (check_file_target(places, err))
			return err->fault;
		if (path->count == 0)
			return err_set(err, FAULT_USAGE, "target '%s' is a file without a name",
				       place->typed);
		const struct store_name *last = &path->component[path->count - 1];
		target->file_name = strndup(last->name, last->size);
		if (!target->file_name)
			return no_memory(err);
		directories--;
	}
	if (file_there) {
		/* The file is replaced in its directory, so that is what is merged into. */
		if (find_deepest(place, path, directories, wait, &deepest, err))
			return err->fault;
	}
	if (take_root(&deepest.node, place, target, err))
		return err->fault;
	target->depth = deepest.count;
	return copy_made(path, deepest.count, directories, target, err);
}

enum fault target_resolve(const struct places *places, const struct store_wait *wait,
			  struct target *target, struct err *err)
{
	*target = (struct target){ 0 };
	struct path *path = malloc(sizeof *path);
	if (!path)
		return no_memory(err);
	enum fault fault = split(places->target.path ? places->target.path : "", path, err);
	if (!fault)
		fault = resolve(places, wait, path, target, err);
	if (!fault)
		fault = name_sources(places, target, err);
	free(path);
	if (fault)
		target_fini(target);
	return fault;
}

enum fault target_find_root(const struct place *place, size_t depth, const struct store_wait *wait,
			    struct cap *root, struct err *err)
{
	struct target target = { 0 };
	struct deepest deepest;
	struct path *path = malloc(sizeof *path);
	if (!path)
		return no_memory(err);
	enum fault fault = split(place->path ? place->path : "", path, err);
	if (!fault && depth > path->count)
		fault = err_set(err, FAULT_CORRUPT, "the plan's target makes no sense");
	if (!fault)
		fault = find_deepest(place, path, depth, wait, &deepest, err);
	if (!fault && (deepest.count < depth || deepest.node.kind != STORE_DIRECTORY))
		fault = err_set(err, FAULT_EXISTS,
				"target '%s' has changed since it was planned: plan again",
				place->typed);
	if (!fault)
		fault = take_root(&deepest.node, place, &target, err);
	if (!fault)
		*root = target.root;
	target_fini(&target);
	free(path);
	return fault;
}

static void free_texts(char **text, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(text[i]);
	free(text);
}

void target_fini(struct target *target)
{
	cap_wipe(&target->root);
	free_texts(target->made, target->made_count);
	free_texts(target->name, target->name_count);
	free(target->file_name);
	*target = (struct target){ 0 };
}
