#include "place/arrange_look.h"

#include "place/edge_look.h"

#include <errno.h>
#include <sys/stat.h>

static enum fault look_no_memory(struct err *err)
{
	return err_set(err, FAULT_NOMEM, "no memory for a path");
}

/* ---- on the grid ---- */

enum fault look_split(const struct place *place, struct look_path *path, struct err *err)
{
	path->count = 0;
	for (const char *at = place->path; *at;) {
		size_t size = strcspn(at, "/");
		if (size > 0 && path->count == LOOK_COMPONENTS_MAX)
			return err_set(err, FAULT_USAGE, "'%.60s' has more than %d components",
				       place->typed, LOOK_COMPONENTS_MAX);
		if (size > 0)
			path->component[path->count++] = (struct store_name){ at, size };
		at += size + (at[size] == '/');
	}
	return FAULT_NONE;
}

/* Asks what is at the first `count` components. */
static enum fault look_list(const struct place *place, const struct look_path *path, size_t count,
			    const struct tries *tries, struct store_node *node, struct err *err)
{
	const struct store_list list = {
		.cap = &place->root,
		.path = count ? path->component : NULL,
		.path_count = count,
	};
	struct tries ours = *tries;
	while (store_wait_list(ours.wait, &list, node, err))
		if (!tries_again(&ours, err))
			return err->fault;
	tries_over(&ours);
	return FAULT_NONE;
}

/* Whether the directory at the end of the path is a file in chunks; the edge that leads to it goes
 * into `node`. */
static enum fault look_for_chunks(const struct edge_path *path, struct store_node *node,
				  bool *is_file, struct err *err)
{
	struct chunked chunked;
	enum fault fault = edge_chunks(path, node, &chunked, err);
	*is_file = chunked.count > 0;
	chunked_fini(&chunked);
	return fault;
}

enum fault look_whole(const struct place *place, const struct look_path *path,
		      const struct tries *tries, struct store_node *node, struct err *err)
{
	enum fault fault = look_list(place, path, path->count, tries, node, err);
	if (fault == FAULT_NOT_FOUND) {
		*node = (struct store_node){ .kind = STORE_UNKNOWN };
		return FAULT_NONE;
	}
	return fault ? err_wrap(err, "Error examining target '%.100s'", place->typed) : FAULT_NONE;
}

enum fault look_deepest(const struct place *place, const struct look_path *path,
			const struct tries *tries, size_t *count, struct store_node *node,
			struct err *err)
{
	for (;; --*count) {
		enum fault fault = look_list(place, path, *count, tries, node, err);
		if (!fault)
			return FAULT_NONE;
		if (fault != FAULT_NOT_FOUND || *count == 0)
			return err_wrap(err, "Error examining target '%.100s'", place->typed);
	}
}

/* ---- local ---- */

/* What os.path.exists of Python takes for missing, but for what is not permitted. */
static bool is_missing(int os_error)
{
	return os_error == ENOENT || os_error == ENOTDIR || os_error == ELOOP ||
	       os_error == ENAMETOOLONG;
}

static enum fault cannot_look(const char *path, struct err *err)
{
	return err_os(err, errno == EACCES ? FAULT_USAGE : FAULT_IO, errno,
		      "cannot look at '%.120s'", path);
}

static enum fault look_at_path(const char *path, enum look_kind *kind, struct err *err)
{
	struct stat st;
	*kind = LOOK_MISSING;
	if (stat(path, &st) != 0)
		return is_missing(errno) ? FAULT_NONE : cannot_look(path, err);
	*kind = S_ISDIR(st.st_mode) ? LOOK_DIRECTORY : S_ISREG(st.st_mode) ? LOOK_FILE : LOOK_OTHER;
	return FAULT_NONE;
}

/* Joins what exists, without symlinks, with the rest of a path. */
static enum fault join(const char *found, const char *rest, char **real, struct err *err)
{
	enum look_kind kind = LOOK_DIRECTORY;
	if (*rest && look_at_path(found, &kind, err))
		return err->fault;
	if (kind != LOOK_DIRECTORY)
		return err_set(err, FAULT_USAGE, "a file is in the way at '%.120s'", found);
	if (strcmp(found, "/") == 0 && *rest == '/')
		rest++;
	return asprintf(real, "%s%s", found, rest) < 0 ? look_no_memory(err) : FAULT_NONE;
}

enum fault look_through(const char *path, char **real, enum look_kind *kind, struct err *err)
{
	char *found, *above = strdup(path);
	if (!above)
		return look_no_memory(err);
	while (!(found = realpath(above, NULL)) && is_missing(errno)) {
		char *slash = strrchr(above, '/');
		slash[slash == above] = '\0'; /* "/" is never missing */
	}
	enum fault fault =
		found ? join(found, path + strlen(above), real, err) : cannot_look(above, err);
	if (!fault)
		fault = look_at_path(path, kind, err);
	free(found);
	free(above);
	return fault;
}

/* ---- targets ---- */

static enum fault target_local(struct look_target *target, struct err *err)
{
	if (look_at_path(target->place->path, &target->kind, err))
		return err_wrap(err, "Error examining target '%.60s'", target->place->typed);
	if (target->kind == LOOK_OTHER)
		return err_set(err, FAULT_USAGE,
			       "target '%.120s' is neither a file nor a directory",
			       target->place->typed);
	return FAULT_NONE;
}

/* Looks for the target as deep as there is something. */
static enum fault target_grid(struct look_target *target, struct err *err)
{
	const struct place *place = target->place;
	if (look_split(place, &target->path, err))
		return err->fault;
	target->found = target->path.count;
	if (look_deepest(place, &target->path, target->tries, &target->found, &target->node, err))
		return err->fault;
	const struct edge_path path = { &place->root, target->path.component, target->found,
					target->tries, NULL };
	bool is_file;
	if (look_for_chunks(&path, &target->node, &is_file, err))
		return err_wrap(err, "Error examining target '%.100s'", place->typed);
	bool is_directory = target->node.kind == STORE_DIRECTORY && !is_file;
	if (target->found < target->path.count) {
		if (!is_directory)
			return err_set(err, FAULT_USAGE,
				       "Error examining target '%.100s': a file is in the way",
				       place->typed);
		target->kind = LOOK_MISSING;
		return FAULT_NONE;
	}
	/* The gateway has no such child either: "Files have no children named ''". */
	if (!is_directory && place->ends_in_slash && target->path.count > 0)
		return err_set(err, FAULT_USAGE,
			       "Error examining target '%.100s': it is a file, but ends with a "
			       "slash",
			       place->typed);
	target->kind = is_directory ? LOOK_DIRECTORY : LOOK_FILE;
	return FAULT_NONE;
}

enum fault look_at_target(const struct place *place, const struct tries *tries,
			  struct look_target *target, struct err *err)
{
	target->place = place;
	target->tries = tries;
	if (place->fresh) {
		target->kind = LOOK_DIRECTORY;
		return FAULT_NONE;
	}
	return place->local ? target_local(target, err) : target_grid(target, err);
}

/* ---- sources ---- */

/* E8: for whatever is no directory. */
static enum fault check_slash(const struct place *place, bool ends_in_slash, struct err *err)
{
	return ends_in_slash
		       ? err_set(err, FAULT_USAGE,
				 "source ''%.100s'' is not a directory, but ends with a slash",
				 place->typed)
		       : FAULT_NONE;
}

static enum fault source_local(struct arranged_source *source, struct err *err)
{
	const struct place *place = source->place;
	enum look_kind kind;
	if (look_at_path(place->path, &kind, err))
		return err_wrap(err, "Error examining source '%.60s'", place->typed);
	if (kind == LOOK_MISSING)
		return err_set(err, FAULT_USAGE, "No such file or directory '%.160s'",
			       place->typed);
	source->is_directory = kind == LOOK_DIRECTORY;
	if (!source->is_directory && check_slash(place, place->ends_in_slash, err))
		return err->fault;
	if (kind == LOOK_OTHER)
		return err_set(err, FAULT_USAGE,
			       "source ''%.120s'' is neither a file nor a directory, I can't "
			       "handle it",
			       place->path);
	return FAULT_NONE;
}

/* Finds the edge that leads to a source, which has its metadata, and whether that is a file in
 * chunks. */
static enum fault look_for_edge(const struct edge_path *path, struct store_node *node,
				bool *is_file, struct err *err)
{
	return store_node_cap(node)->kind == CAP_DIR2_CHK
		       ? look_for_chunks(path, node, is_file, err)
		       : edge_look(path, node, err);
}

/* Takes in what the edge to a source says: only the listing above has a directory's metadata, and
 * anybody's attributes. */
static enum fault look_above(const struct look_path *path, const struct tries *tries,
			     struct arranged_source *source, bool *is_file, struct err *err)
{
	struct edge_path edge = { &source->place->root, path->component, path->count, tries, NULL };
	source->attributes = malloc(META_ATTRIBUTES_MAX);
	if (!source->attributes)
		return look_no_memory(err);
	edge.attributes = source->attributes;
	return look_for_edge(&edge, &source->node, is_file, err);
}

/* Asks for the node of a source, and for the edge that leads to it. */
static enum fault ask_grid(const struct place *place, const struct tries *tries,
			   struct arranged_source *source, struct err *err)
{
	struct store_node *node = &source->node;
	bool is_file = false;
	struct look_path *path = malloc(sizeof *path);
	if (!path)
		return look_no_memory(err);
	enum fault fault = look_split(place, path, err);
	if (!fault) {
		fault = look_list(place, path, path->count, tries, node, err);
		if (fault == FAULT_NOT_FOUND)
			fault = err_set(err, FAULT_USAGE, "No such file or directory '%.160s'",
					place->typed);
		else if (fault)
			err_wrap(err, "Error examining source '%.100s'", place->typed);
	}
	const bool has_more =
		node->kind == STORE_DIRECTORY || node->metadata_flags & STORE_HAS_ATTRIBUTES;
	if (!fault && has_more && path->count > 0) {
		fault = look_above(path, tries, source, &is_file, err);
		if (fault)
			err_wrap(err, "Error examining source '%.100s'", place->typed);
	}
	source->is_directory = node->kind == STORE_DIRECTORY && !is_file;
	free(path);
	return fault;
}

static enum fault source_grid(struct arranged_source *source, const struct tries *tries,
			      struct err *err)
{
	const struct place *place = source->place;
	size_t size = strlen(place->path);
	if (ask_grid(place, tries, source, err))
		return err->fault;
	/* Only a slash of the path counts: one behind a file's cap is none to tahoe. */
	if (!source->is_directory && check_slash(place, size && place->path[size - 1] == '/', err))
		return err->fault;
	if (source->node.kind == STORE_UNKNOWN)
		return err_set(err, FAULT_USAGE,
			       "Cannot copy unknown nodes (ticket #839). You probably need to use "
			       "a later version of Tahoe-LAFS to copy this directory.");
	return FAULT_NONE;
}

enum fault look_at_source(const struct tries *tries, struct arranged_source *source,
			  struct err *err)
{
	return source->place->local ? source_local(source, err) : source_grid(source, tries, err);
}
