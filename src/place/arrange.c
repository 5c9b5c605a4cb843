#include "place/arrange.h"

#include "base/secret.h"
#include "place/arrange_look.h"
#include "plan/refusal.h"
#include "select/select.h"

#include <sys/stat.h>

static enum fault arrange_no_memory(struct err *err)
{
	return err_set(err, FAULT_NOMEM, "no memory for sources and target");
}

/* Looks at each source, in the order of the command line: the first that is wrong is told. */
static enum fault look_at_sources(const struct places *places, const struct tries *tries,
				  struct arrangement *out, struct err *err)
{
	enum fault fault = FAULT_NONE;
	out->source = calloc(places->count, sizeof *out->source);
	if (!out->source)
		return arrange_no_memory(err);
	for (size_t i = 0; i < places->count && !fault; i++) {
		const struct place *place = &places->source[i];
		struct arranged_source *source = &out->source[out->count++];
		source->place = place;
		source->name = place->name[0] ? place->name : NULL;
		fault = look_at_source(tries, source, err);
	}
	return fault;
}

/* ---- deciding ---- */

/* E7, E6, E5, in tahoe's order. */
static enum fault check_file_target(const struct look_target *target, const struct arrangement *out,
				    struct err *err)
{
	if (target->place->ends_in_slash)
		return err_set(err, FAULT_USAGE,
			       "target is not a directory, but ends with a slash");
	if (out->count > 1)
		return err_set(err, FAULT_USAGE,
			       "copying multiple things requires target be a directory");
	if (out->source[0].is_directory)
		return err_set(err, FAULT_USAGE, "cannot copy directory into a file");
	return FAULT_NONE;
}

static int by_name(const void *a, const void *b)
{
	const struct arranged_source *const *one = a, *const *two = b;
	return strcmp((*one)->name, (*two)->name);
}

/* E9, which is for all but directories: these are merged. */
static enum fault check_twice(const struct arrangement *out, struct err *err)
{
	enum fault fault = FAULT_NONE;
	size_t count = 0;
	const struct arranged_source **named = calloc(out->count + 1, sizeof(void *));
	if (!named)
		return arrange_no_memory(err);
	for (size_t i = 0; i < out->count; i++)
		if (out->source[i].name)
			named[count++] = &out->source[i];
	qsort(named, count, sizeof(void *), by_name);
	for (size_t i = 1; i < count && !fault; i++) {
		bool directory = named[i]->is_directory, other = named[i - 1]->is_directory;
		if (by_name(&named[i - 1], &named[i]) != 0 || (directory && other))
			continue;
		if (directory || other)
			fault = err_set(err, FAULT_USAGE,
					"cannot copy multiple things with the same name into the "
					"same target directory: '%.100s'",
					named[i]->name);
		else
			fault = err_set(err, FAULT_USAGE,
					"cannot copy multiple files with the same name into the "
					"same target directory");
	}
	free(named);
	return fault;
}

/* Refuses E2 and E9 of docs/cp.md, and names that cannot be.  E2 tells the first source, as tahoe
 * does, whichever it is that has no name. */
static enum fault check_names(const struct arrangement *out, struct err *err)
{
	for (size_t i = 0; i < out->count; i++)
		if (!out->source[i].name && !out->source[i].is_directory)
			return err_set(err, FAULT_USAGE,
				       "when copying into a directory, all source files must have "
				       "names, but '%.100s' is unnamed",
				       out->source[0].place->typed);
	if (check_twice(out, err))
		return err->fault;
	for (size_t i = 0; i < out->count; i++) {
		const struct arranged_source *source = &out->source[i];
		if (!source->name && source->place->local)
			return err_set(err, FAULT_USAGE, "source '%.120s' has no name",
				       source->place->typed);
		const char *refusal = NULL;
		if (out->local && !source->place->local && source->name)
			refusal = refusal_local(source->name, strlen(source->name));
		if (refusal)
			return err_set(err, FAULT_USAGE, "source '%.100s': %s",
				       source->place->typed, refusal);
	}
	return FAULT_NONE;
}

/* Whether the target has a last name: the top of an alias, a cap and / have none. */
static bool has_name(const struct look_target *target)
{
	if (target->place->local)
		return strcmp(target->place->path, "/") != 0;
	return !target->place->fresh && target->path.count > 0;
}

/* --no-target-directory, with the rules of GNU cp: the one source becomes the target itself. */
static enum fault decide_exact(const struct look_target *target, const struct arrangement *out,
			       bool *want_name, struct err *err)
{
	const struct arranged_source *source = &out->source[0];
	const char *typed = target->place->typed;
	if (out->count > 1)
		return err_set(err, FAULT_USAGE,
			       "--no-target-directory takes one source, and there are %zu",
			       out->count);
	if (source->is_directory && target->kind == LOOK_FILE)
		return err_set(err, FAULT_USAGE,
			       "target '%.100s' is a file: it cannot become a directory", typed);
	if (!source->is_directory && target->kind == LOOK_DIRECTORY)
		return err_set(err, FAULT_USAGE,
			       "target '%.100s' is a directory: it cannot become a file", typed);
	*want_name = has_name(target) || !source->is_directory;
	if (!*want_name && (source->place->local || target->place->local))
		return err_set(err, FAULT_USAGE,
			       "with -T '%.80s' would become '%.80s' itself, which has no name: "
			       "name a directory below it%s",
			       source->place->typed, typed,
			       source->place->local ? ", or copy what is in the source, without -T"
						    : "");
	if (!*want_name)
		out->source[0].name = NULL;
	return source->is_directory ? FAULT_NONE : check_file_target(target, out, err);
}

/* Everything that tahoe refuses; `want_name` tells that the last name of the target's path is what
 * the one source is to be called. */
static enum fault arrange_decide(const struct planning_options *planning,
				 const struct look_target *target, const struct arrangement *out,
				 bool *want_name, struct err *err)
{
	bool any_directory = false;
	for (size_t i = 0; i < out->count; i++)
		any_directory |= out->source[i].is_directory;
	if (any_directory && !planning->recursive)
		return err_set(err, FAULT_USAGE, "cannot copy directories without --recursive");
	if (planning->no_target_directory)
		return decide_exact(target, out, want_name, err);
	*want_name = target->kind == LOOK_FILE ||
		     (target->kind == LOOK_MISSING && out->count == 1 && !any_directory);
	return *want_name ? check_file_target(target, out, err) : check_names(out, err);
}

/* ---- the target on the grid ---- */

enum fault arrange_check_root(const struct place *place, const struct store_node *node,
			      struct err *err)
{
	if (node->kind != STORE_DIRECTORY)
		return err_set(err, FAULT_USAGE, "target '%.120s': a file is in the way",
			       place->typed);
	if (!cap_is_writable(&node->rw))
		return err_set(err, FAULT_USAGE,
			       "target '%.120s' is read-only: a directory with a write cap is "
			       "needed",
			       place->typed);
	return FAULT_NONE;
}

/* Takes the directory that is merged into. */
static enum fault take_root(const struct store_node *node, const struct place *place,
			    struct cap *root, struct err *err)
{
	if (arrange_check_root(place, node, err))
		return err->fault;
	*root = node->rw;
	return FAULT_NONE;
}

/* Refuses what nothing can be stored in. */
static enum fault check_file_there(const struct look_target *target, struct err *err)
{
	const char *typed = target->place->typed;
	bool writable = cap_is_writable(&target->node.rw);
	if (target->node.kind == STORE_UNKNOWN)
		return err_set(err, FAULT_USAGE,
			       "target '%.100s' is of a kind that this program does not know",
			       typed);
	if (target->node.is_mutable && !writable)
		return err_set(err, FAULT_USAGE,
			       "target '%.100s' is a mutable file, and its cap grants no writing",
			       typed);
	if (target->path.count == 0 && !writable)
		return err_set(err, FAULT_USAGE,
			       "target '%.100s' is the cap of an immutable file: it cannot change",
			       typed);
	return FAULT_NONE;
}

/* The contents of a mutable file that is named by its cap are overwritten: it takes the place of
 * the directory, and the source has any name. */
static enum fault take_cap(const struct look_target *target, struct arrangement *out,
			   struct err *err)
{
	out->root = target->node.rw;
	out->made = calloc(1, sizeof *out->made);
	if (!out->source[0].name)
		out->source[0].name = out->last_name = strdup("contents");
	return out->made && out->source[0].name ? FAULT_NONE : arrange_no_memory(err);
}

/* What is there is replaced, or merged into, in its directory. */
static enum fault take_name(struct look_target *target, struct arrangement *out, struct err *err)
{
	const struct store_name *last = &target->path.component[--target->path.count];
	out->last_name = strndup(last->name, last->size);
	if (!out->last_name)
		return arrange_no_memory(err);
	out->source[0].name = out->last_name;
	if (target->kind == LOOK_MISSING)
		return FAULT_NONE;
	target->found = target->path.count;
	return look_deepest(target->place, &target->path, target->tries, &target->found,
			    &target->node, err);
}

static bool is_grid_directory(const struct arranged_source *source)
{
	return !source->place->local && source->is_directory;
}

/* Whether the source is the directory of the grid that `node` is. */
static bool is_directory_at(const struct arranged_source *source, const struct store_node *node)
{
	unsigned char index[CAP_KEY_SIZE], other[CAP_KEY_SIZE];
	const struct store_node *own = &source->node;
	return is_grid_directory(source) && node->kind == STORE_DIRECTORY &&
	       cap_storage_index(store_node_cap(node), index) &&
	       cap_storage_index(store_node_cap(own), other) &&
	       memcmp(index, other, sizeof index) == 0;
}

/* Refuses a source that is the directory `way`, which the target is in or is. */
static enum fault check_way(const struct arrangement *out, const struct store_node *way,
			    struct err *err)
{
	for (size_t i = 0; i < out->count; i++)
		if (is_directory_at(&out->source[i], way))
			return err_set(err, FAULT_USAGE, "target is inside the source '%.120s'",
				       out->source[i].place->typed);
	return FAULT_NONE;
}

/* Refuses a source that stands at the target already, under the name it would get; but one that can
 * never change is only linked once more. */
static enum fault check_onto(const struct look_target *target, const struct arranged_source *source,
			     struct err *err)
{
	struct look_path *path = malloc(sizeof *path);
	struct store_node node = { 0 };
	if (!path)
		return arrange_no_memory(err);
	*path = target->path;
	enum fault fault = FAULT_NONE;
	if (path->count < LOOK_COMPONENTS_MAX) {
		path->component[path->count++] =
			(struct store_name){ source->name, strlen(source->name) };
		fault = look_whole(target->place, path, target->tries, &node, err);
	}
	if (!fault && node.is_mutable && is_directory_at(source, &node))
		fault = err_set(err, FAULT_USAGE,
				"source '%.120s' and target are the same directory",
				source->place->typed);
	secret_wipe(&node, sizeof node);
	free(path);
	return fault;
}

/* A directory of the grid is not copied into itself.  Asks for what leads to the target only when
 * one is copied. */
static enum fault check_ways(const struct look_target *target, const struct arrangement *out,
			     struct err *err)
{
	bool any = false, whole = target->found == target->path.count;
	for (size_t i = 0; i < out->count; i++)
		any |= is_grid_directory(&out->source[i]);
	enum fault fault = any ? check_way(out, &target->node, err) : FAULT_NONE;
	for (size_t depth = 0; any && depth < out->depth && !fault; depth++) {
		struct store_node node = { 0 };
		size_t count = depth;
		fault = look_deepest(target->place, &target->path, target->tries, &count, &node,
				     err);
		if (!fault)
			fault = check_way(out, &node, err);
		secret_wipe(&node, sizeof node);
	}
	for (size_t i = 0; whole && i < out->count && !fault; i++)
		if (is_grid_directory(&out->source[i]) && out->source[i].name)
			fault = check_onto(target, &out->source[i], err);
	return fault;
}

/* What the target on the grid comes to: what gets its last name, or the deepest directory that is
 * there and the names of those to be made below it. */
static enum fault settle_grid(struct look_target *target, bool want_name, struct arrangement *out,
			      struct err *err)
{
	if (target->place->fresh) /* nothing is there to be in the way */
		return FAULT_NONE;
	if (target->kind == LOOK_FILE && check_file_there(target, err))
		return err->fault;
	if (want_name && target->path.count == 0)
		return take_cap(target, out, err);
	if (want_name && take_name(target, out, err))
		return err->fault;
	if (take_root(&target->node, target->place, &out->root, err))
		return err->fault;
	out->depth = target->found;
	if (check_ways(target, out, err))
		return err->fault;
	out->made = calloc(target->path.count - target->found + 1, sizeof *out->made);
	if (!out->made)
		return arrange_no_memory(err);
	for (size_t i = target->found; i < target->path.count; i++) {
		const struct store_name *component = &target->path.component[i];
		out->made[out->made_count] = strndup(component->name, component->size);
		if (!out->made[out->made_count++])
			return arrange_no_memory(err);
	}
	return FAULT_NONE;
}

/* ---- the local target ---- */

/* A directory is not copied into itself, nor a file onto itself. */
static enum fault check_apart(const struct arranged_source *source, const char *directory,
			      struct err *err)
{
	const char *typed = source->place->typed, *path = source->place->path;
	size_t size = strlen(path);
	enum look_kind kind;
	char *whole, *real = NULL;
	struct stat one, two;
	if (asprintf(&whole, "%s/%s", directory, source->name) < 0)
		return arrange_no_memory(err);
	enum fault fault = look_through(whole, &real, &kind, err);
	bool inside = !fault && strncmp(real, path, size) == 0 &&
		      (real[size] == '\0' || real[size] == '/');
	if (!fault && source->is_directory && inside)
		fault = err_set(err, FAULT_USAGE, "target is inside the source '%.120s'", typed);
	else if (!fault && !source->is_directory && stat(path, &one) == 0 &&
		 stat(real, &two) == 0 && one.st_dev == two.st_dev && one.st_ino == two.st_ino)
		fault = err_set(err, FAULT_USAGE, "source '%.120s' and target are the same file",
				typed);
	free(real);
	free(whole);
	return fault;
}

/* Splits a local target into the directory and, where that is wanted, the name in it. */
static enum fault name_directory(const struct look_target *target, bool want_name,
				 struct arrangement *out, struct err *err)
{
	const char *path = target->place->path;
	const char *slash = want_name ? strrchr(path, '/') : NULL;
	out->directory =
		slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(path);
	out->last_name = slash ? strdup(slash + 1) : NULL;
	if (!out->directory || (slash && !out->last_name))
		return arrange_no_memory(err);
	if (slash)
		out->source[0].name = out->last_name;
	return FAULT_NONE;
}

/* What a local target comes to; no local source may be the target itself or above it. */
static enum fault settle_local(const struct look_target *target, bool want_name,
			       struct arrangement *out, struct err *err)
{
	enum look_kind kind;
	char *real = NULL;
	if (name_directory(target, want_name, out, err))
		return err->fault;
	enum fault fault = look_through(out->directory, &real, &kind, err);
	free(real);
	if (!fault && kind != LOOK_DIRECTORY && kind != LOOK_MISSING)
		fault = err_set(err, FAULT_USAGE, "a file is in the way");
	if (fault)
		return err_wrap(err, "target '%.60s'", target->place->typed);
	out->directory_exists = kind == LOOK_DIRECTORY;
	for (size_t i = 0; i < out->count && !fault; i++)
		if (out->source[i].place->local)
			fault = check_apart(&out->source[i], out->directory, err);
	return fault;
}

/* ---- together ---- */

/* Caps instead of data make sense where files leave a grid. */
static enum fault check_caps_only(const struct places *places, struct err *err)
{
	if (!places->target.local)
		return err_set(err, FAULT_USAGE,
			       "--caps-only writes caps into local files, and target '%.60s' is on "
			       "a grid",
			       places->target.typed);
	for (size_t i = 0; i < places->count; i++)
		if (places->source[i].local)
			return err_set(err, FAULT_USAGE,
				       "--caps-only writes the caps of files on a grid, and source "
				       "'%.60s' is local",
				       places->source[i].typed);
	return FAULT_NONE;
}

/* The paths of --files-from begin in one directory. */
static enum fault check_list(const struct select *select, const struct arrangement *out,
			     struct err *err)
{
	const struct arranged_source *source = out->source;
	if (!select || !select_listed(select))
		return FAULT_NONE;
	if (out->count == 1 && source[0].is_directory && source[0].name)
		return FAULT_NONE;
	return err_set(err, FAULT_USAGE,
		       "--files-from wants one source, the directory its paths are below");
}

enum fault arrange(const struct planning_options *planning, const struct places *places,
		   const struct tries *tries, struct arrangement *out, struct err *err)
{
	bool want_name = false;
	*out = (struct arrangement){ .local = places->target.local };
	if (planning->caps_only && check_caps_only(places, err))
		return err->fault;
	struct look_target *target = calloc(1, sizeof *target);
	if (!target)
		return arrange_no_memory(err);
	enum fault fault = look_at_target(&places->target, tries, target, err);
	if (!fault)
		fault = look_at_sources(places, tries, out, err);
	if (!fault)
		fault = arrange_decide(planning, target, out, &want_name, err);
	if (!fault)
		fault = out->local ? settle_local(target, want_name, out, err)
				   : settle_grid(target, want_name, out, err);
	if (!fault)
		fault = check_list(planning->select, out, err);
	secret_wipe(&target->node, sizeof target->node);
	free(target);
	if (fault)
		arrangement_fini(out);
	return fault;
}

enum fault arrange_find_root(const struct place *place, size_t depth, const struct tries *tries,
			     struct cap *root, struct err *err)
{
	struct store_node node;
	struct look_path *path = malloc(sizeof *path);
	if (!path)
		return arrange_no_memory(err);
	size_t found = depth;
	enum fault fault = look_split(place, path, err);
	if (!fault && depth > path->count)
		fault = err_set(err, FAULT_CORRUPT, "the plan's target makes no sense");
	if (!fault)
		fault = look_deepest(place, path, tries, &found, &node, err);
	if (!fault && (found < depth || node.kind != STORE_DIRECTORY))
		fault = err_set(err, FAULT_EXISTS,
				"target '%.100s' has changed since it was planned: plan again",
				place->typed);
	if (!fault)
		fault = take_root(&node, place, root, err);
	free(path);
	return fault;
}

void arrangement_fini(struct arrangement *arrangement)
{
	cap_wipe(&arrangement->root);
	for (size_t i = 0; i < arrangement->made_count; i++)
		free(arrangement->made[i]);
	free(arrangement->made);
	free(arrangement->directory);
	free(arrangement->last_name);
	for (size_t i = 0; i < arrangement->count; i++)
		free(arrangement->source[i].attributes);
	if (arrangement->source)
		secret_wipe(arrangement->source, arrangement->count * sizeof *arrangement->source);
	free(arrangement->source);
	*arrangement = (struct arrangement){ 0 };
}
