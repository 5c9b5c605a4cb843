#include "place/link.h"

#include "base/utf8.h"
#include "calls/chunked_file.h"
#include "tahoe/edge.h"

enum { BODY_MAX = 1 << 20 }; /* bytes of a request with one child */

/* What a directory has under one name. */
struct target_name {
	const struct link *link;
	bool found;
	enum store_kind kind;
	bool is_mutable;
	uint64_t chunked; /* as store_node_chunked, */
	struct cap cap;   /* of that */
};

void link_fini(struct link *link)
{
	free(link->name);
	cap_wipe(&link->directory);
	*link = (struct link){ 0 };
}

enum fault link_check_names(const struct store_name *name, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (name[i].size <= 2 && strncmp(name[i].name, "..", name[i].size) == 0)
			return err_set(err, FAULT_USAGE, "\"%.*s\" cannot be a name",
				       (int)name[i].size, name[i].name);
	return FAULT_NONE;
}

static enum fault keep_name(const struct grid_path *path, struct link *link, struct err *err)
{
	const char *name = grid_path_name(path);
	struct bytes nfc;
	if (link_check_names(&path->component[path->count - 1], 1, err))
		return err->fault;
	bytes_init(&nfc, BODY_MAX);
	enum fault fault = name_to_nfc(&nfc, name, strlen(name));
	if (fault == FAULT_USAGE)
		err_set(err, fault, "the name in '%.120s' is not UTF-8", path->typed);
	else
		bytes_err(fault, err, "a name");
	if (!fault)
		link->name = (char *)bytes_take(&nfc, &link->name_size);
	bytes_fini(&nfc);
	return fault;
}

static void forget(void *context)
{
	struct target_name *seen = context;
	seen->found = false;
}

static bool target_child(void *context, const struct store_child *child)
{
	struct target_name *seen = context;
	const struct link *link = seen->link;
	if (child->name_size != link->name_size ||
	    memcmp(child->name, link->name, link->name_size) != 0)
		return true;
	const struct store_node *node = &child->node;
	seen->found = true;
	seen->kind = node->kind;
	seen->chunked = store_node_chunked(node);
	seen->cap = *store_node_cap(node);
	seen->is_mutable =
		node->is_mutable || cap_is_writable(&node->rw) || cap_is_mutable(&node->ro);
	return true;
}

static enum fault judge_directory(const struct store_node *node, struct link *link, struct err *err)
{
	if (node->kind != STORE_DIRECTORY)
		return err_set(err, FAULT_EXISTS, "'%.120s': a file is in the way", link->typed);
	if (!cap_is_writable(&node->rw))
		return err_set(err, FAULT_USAGE,
			       "'%.100s': its directory is read-only; one with a write cap is "
			       "needed",
			       link->typed);
	link->directory = node->rw;
	return FAULT_NONE;
}

/* Whether what has the name may be replaced: only an immutable file may. */
static enum fault judge_name(const struct target_name *seen, struct err *err)
{
	const char *typed = seen->link->typed;
	if (!seen->found)
		return FAULT_NONE;
	if (seen->kind == STORE_DIRECTORY)
		return err_set(err, FAULT_EXISTS, "'%.100s' is a directory; name the file in it",
			       typed);
	if (seen->kind == STORE_UNKNOWN)
		return err_set(err, FAULT_EXISTS,
			       "'%.100s' is of a kind that this program does "
			       "not know, and stays",
			       typed);
	if (seen->is_mutable)
		return err_set(err, FAULT_EXISTS,
			       "'%.80s' is a mutable file, which barge does not write into; "
			       "use 'tahoe put', or unlink it first",
			       typed);
	return FAULT_NONE;
}

/* Finds out whether a directory of that name is a file in chunks.  For a gateway it is a directory,
 * which has to be replaced like one. */
static enum fault judge_chunks(struct target_name *seen, const struct tries *tries,
			       struct link *link, struct err *err)
{
	struct chunked chunked;
	if (!seen->found || seen->chunked == 0)
		return FAULT_NONE;
	enum fault fault = chunked_file_find(tries, &seen->cap, seen->chunked, &chunked, err);
	if (!fault && chunked.count > 0) {
		seen->kind = STORE_FILE;
		link->replace = STORE_REPLACE_ALWAYS;
	}
	chunked_fini(&chunked);
	return fault;
}

/* Lists the directory that the link goes into, and judges it and the name. */
static enum fault link_look(const struct grid_path *path, const struct tries *tries,
			    struct link *link, struct err *err)
{
	struct store_node node = { 0 };
	struct target_name seen = { .link = link };
	const struct grid_look look = {
		.tries = *tries,
		.count = path->count - 1,
		.child = target_child,
		.begin = forget,
		.context = &seen,
	};
	enum fault fault = grid_path_look(path, &look, &node, err);
	if (fault == FAULT_NOT_FOUND)
		return err_set(err, FAULT_USAGE,
			       "there is no directory for '%.100s'; barge put makes none, "
			       "barge cp does",
			       path->typed);
	if (!fault)
		fault = judge_directory(&node, link, err);
	if (!fault)
		fault = judge_chunks(&seen, tries, link, err);
	if (!fault)
		fault = judge_name(&seen, err);
	cap_wipe(&seen.cap);
	cap_wipe(&node.rw);
	cap_wipe(&node.ro);
	return fault;
}

enum fault link_prepare(const struct grid_path *path, const struct tries *tries, struct link *link,
			struct err *err)
{
	*link = (struct link){ .typed = path->typed, .replace = STORE_REPLACE_ONLY_FILES };
	if (path->count == 0 && cap_is_directory(&path->root))
		return err_set(err, FAULT_EXISTS, "'%.100s' is a directory; name the file in it",
			       path->typed);
	if (path->count == 0)
		return err_set(err, FAULT_EXISTS,
			       "'%.60s' is a file's cap; name a directory and "
			       "the file in it",
			       path->typed);
	if (path->ends_in_slash)
		return err_set(err, FAULT_USAGE, "'%.100s' ends with a slash; name the file",
			       path->typed);
	enum fault fault = keep_name(path, link, err);
	if (!fault)
		fault = link_look(path, tries, link, err);
	if (fault)
		link_fini(link);
	return fault;
}

/* ---- the link ---- */

/* The body of set_children with the one child. */
static enum fault build_body(const struct link *link, const struct cap *cap,
			     const struct bytes *metadata, struct bytes *body)
{
	const struct edge_child child = {
		.name = link->name,
		.name_size = link->name_size,
		.cap = cap,
		.metadata = bytes_text(metadata),
		.metadata_size = metadata->size,
	};
	enum fault fault = edge_json_open(body);
	if (!fault)
		fault = edge_json_child(body, &child);
	return fault ? fault : edge_json_close(body);
}

/* The gateway's word that it linked is no proof: what is there now is. */
static enum fault check_child(const struct link *link, const struct store_wait *wait,
			      const struct cap *cap, struct err *err)
{
	struct store_node node = { 0 };
	const struct store_name name = { link->name, link->name_size };
	const struct store_list list = {
		.cap = &link->directory, .path = &name, .path_count = 1, .written = true
	};
	enum fault fault = store_wait_list(wait, &list, &node, err);
	const struct cap *there = cap_is_writable(cap) ? &node.rw : &node.ro;
	if (fault == FAULT_NOT_FOUND || (!fault && !cap_equal(there, cap)))
		fault = err_wrong(err, "linked, it is not what is there");
	cap_wipe(&node.rw);
	cap_wipe(&node.ro);
	return fault;
}

enum fault link_make(const struct link *link, const struct tries *tries, const struct cap *cap,
		     const struct bytes *metadata, struct err *err)
{
	struct tries ours = *tries;
	struct bytes body;
	const struct store_edit edit = {
		.directory = &link->directory,
		.replace = link->replace,
		.children = 1,
	};
	bytes_init(&body, BODY_MAX);
	enum fault fault = bytes_err(build_body(link, cap, metadata, &body), err, "a link");
	if (!fault)
		do {
			fault = store_wait_set_children(ours.wait, &edit, &body, err);
			if (!fault)
				fault = check_child(link, ours.wait, cap, err);
		} while (fault && tries_again(&ours, err));
	bytes_fini(&body);
	if (!fault)
		tries_over(&ours);
	if (!fault)
		return fault;
	if (err->fault != FAULT_EXISTS)
		return err_wrap(err, "linking '%.80s'", link->typed);
	return err_set(err, FAULT_EXISTS,
		       link->replace == STORE_REPLACE_NEVER
			       ? "'%.100s': something has come to that name"
			       : "'%.100s' has become a directory",
		       link->typed);
}

enum fault link_name(const struct link_new *new, const struct tries *tries, const struct cap *cap,
		     struct err *err)
{
	struct bytes metadata;
	struct link link = {
		.directory = *new->directory,
		.name = strndup(new->name.name, new->name.size),
		.name_size = new->name.size,
		.replace = new->replace,
	};
	link.typed = new->typed ? new->typed : link.name;
	bytes_init(&metadata, BODY_MAX);
	enum fault fault = bytes_err(bytes_append_text(&metadata, "{}"), err, "a link");
	if (!fault && !link.name)
		fault = err_set(err, FAULT_NOMEM, "no memory for a name");
	if (!fault)
		fault = link_make(&link, tries, cap, &metadata, err);
	bytes_fini(&metadata);
	link_fini(&link);
	return fault;
}

enum fault unlink_name(const struct cap *directory, const struct store_name *name,
		       const struct tries *tries, bool *was, struct err *err)
{
	struct tries ours = *tries;
	enum fault fault;
	do {
		fault = store_wait_unlink(ours.wait, directory, name, err);
	} while (fault && fault != FAULT_NOT_FOUND && tries_again(&ours, err));
	if (!fault)
		tries_over(&ours);
	if (was)
		*was = !fault;
	return fault == FAULT_NOT_FOUND ? FAULT_NONE : fault ? err->fault : FAULT_NONE;
}
