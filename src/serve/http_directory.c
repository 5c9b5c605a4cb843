#include "serve/http.h"

#include "base/escape.h"
#include "base/secret.h"
#include "serve/problem.h"

enum {
	NAME_SHOWN_MAX = 120, /* bytes of a name in an error */
	CAP_BODY_MAX = 4096,  /* bytes of a PUT t=uri's body */
	NAME_SIZE_MAX = 64 * 1024,
};

void resource_fini(struct target *target)
{
	cap_wipe(&target->cap);
	bytes_fini(&target->metadata);
}

static enum fault no_child(const char *name, struct err *err)
{
	struct bytes shown;
	bytes_init(&shown, NAME_SHOWN_MAX);
	if (escape_name(&shown, name, strlen(name)))
		bytes_clear(&shown);
	const enum fault fault = problem(err, 404, "No such child: %s", bytes_text(&shown));
	bytes_fini(&shown);
	return fault;
}

/* The cap of a child: what allows most.  CAP_UNKNOWN or CAP_NONE for what is no cap. */
static void child_cap(const struct child *child, struct cap *cap)
{
	const char *text = child->rw[0] ? child->rw : child->ro;
	struct err err;
	*cap = (struct cap){ 0 };
	if (text[0] && cap_parse(text, strlen(text), cap, &err))
		*cap = (struct cap){ .kind = CAP_UNKNOWN };
}

/* Goes from `target` to its child `name`. */
static enum fault resolve_step(const struct request *request, const char *name,
			       struct target *target, struct err *err)
{
	struct stored_directory directory = { 0 };
	if (!cap_is_directory(&target->cap))
		return problem(err, 400, "Files have no children named '%.100s'", name);
	enum fault fault = grid_list(request->gateway->folder.grid, &target->cap, &directory, err);
	const struct child *child = fault ? NULL : directory_find(&directory, name, strlen(name));
	if (child) {
		child_cap(child, &target->cap);
		bytes_clear(&target->metadata);
		fault = bytes_err(bytes_append_text(&target->metadata, child->metadata), err,
				  "metadata");
	} else if (!fault) {
		fault = no_child(name, err);
	}
	directory_fini(&directory);
	return fault;
}

enum fault request_resolve(const struct request *request, size_t end, struct target *target,
			   struct err *err)
{
	const char *text = path_part(&request->path, 1);
	struct err detail;
	*target = (struct target){ 0 };
	bytes_init(&target->metadata, DIRECTORY_BODY_MAX);
	if (cap_parse(text, strlen(text), &target->cap, &detail))
		target->cap = (struct cap){ .kind = CAP_UNKNOWN };
	enum fault fault = FAULT_NONE;
	for (size_t i = 2; i < end && !fault; i++)
		fault = resolve_step(request, path_part(&request->path, i), target, err);
	if (fault)
		resource_fini(target);
	return fault;
}

static enum fault replace_rule_of(const struct request *request, enum replace_rule *rule,
				  struct err *err)
{
	struct bytes value;
	bool replace;
	bytes_init(&value, QUERY_SIZE);
	const bool given = request_query(request, "replace", &value) && value.size > 0;
	const bool files = given && strcasecmp(bytes_text(&value), "only-files") == 0;
	bytes_fini(&value);
	*rule = files ? REPLACE_FILES : REPLACE_ALWAYS;
	if (!given || files)
		return FAULT_NONE;
	const enum fault fault = request_flag(request, "replace", &replace, err);
	if (!replace)
		*rule = REPLACE_NEVER;
	return fault;
}

static double now_seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Merges `children` into the directory `cap` as the query's replace= says. */
static enum fault merge_into(struct request *request, const struct cap *cap,
			     struct stored_directory *children, struct err *err)
{
	struct grid *grid = request->gateway->folder.grid;
	struct stored_directory directory = { 0 };
	enum replace_rule rule;
	enum fault fault = replace_rule_of(request, &rule, err);
	if (!fault)
		fault = grid_may_write(cap, err);
	if (!fault)
		fault = grid_list(grid, cap, &directory, err);
	if (!fault)
		fault = directory_merge(&directory, children, rule, now_seconds(), err);
	if (!fault)
		fault = grid_update(grid, cap, &directory, err);
	directory_fini(&directory);
	return fault;
}

enum fault directory_set_children(struct request *request, struct err *err)
{
	struct target target = { 0 };
	struct stored_directory children = { 0 };
	const char *text;
	size_t size;
	enum fault fault = request_resolve(request, request->path.count, &target, err);
	if (!fault)
		fault = grid_may_write(&target.cap, err);
	if (!fault)
		fault = spool_view(&request->body, &text, &size, err);
	if (!fault)
		fault = directory_from_json(text, size, false, &children, err);
	if (!fault)
		fault = merge_into(request, &target.cap, &children, err);
	directory_fini(&children);
	resource_fini(&target);
	return fault ? fault : reply_text(request, MHD_HTTP_OK, "Okay so I did it.", err);
}

/* Links the cap `text` as `name` into `parent`. */
static enum fault link_into(struct request *request, const struct cap *parent, const char *name,
			    const char *text, struct err *err)
{
	struct stored_directory children = { 0 };
	struct child child = { 0 };
	enum fault fault = child_set_cap(&child, text, strlen(text), err);
	if (!fault)
		fault = directory_add(&children, name, strlen(name), &child, err);
	if (!fault)
		fault = merge_into(request, parent, &children, err);
	if (child.ro)
		secret_wipe(child.ro, strlen(child.ro));
	if (child.rw)
		secret_wipe(child.rw, strlen(child.rw));
	free(child.ro);
	free(child.rw);
	directory_fini(&children);
	return fault;
}

static enum fault has_child(struct request *request, const struct cap *parent, const char *name,
			    bool *found, struct err *err)
{
	struct stored_directory directory = { 0 };
	const enum fault fault = grid_list(request->gateway->folder.grid, parent, &directory, err);
	if (!fault)
		*found = directory_find(&directory, name, strlen(name)) != NULL;
	directory_fini(&directory);
	return fault;
}

enum fault request_link(struct request *request, const struct cap *cap, bool *replaced,
			struct err *err)
{
	struct target parent = { 0 };
	char text[CAP_TEXT_SIZE];
	const size_t last = request->path.count - 1;
	const char *name = path_part(&request->path, last);
	enum fault fault = FAULT_NONE;
	if (last < 2)
		fault = problem(err, 500, "builtins.AssertionError: no name to link");
	if (!fault)
		fault = request_resolve(request, last, &parent, err);
	if (!fault)
		fault = has_child(request, &parent.cap, name, replaced, err);
	cap_print(cap, text);
	if (!fault)
		fault = link_into(request, &parent.cap, name, text, err);
	secret_wipe(text, sizeof text);
	resource_fini(&parent);
	return fault;
}

/* The cap to link: the body of a PUT, uri= of a POST.  White space around it goes. */
static enum fault cap_argument(struct request *request, struct cap *cap, struct err *err)
{
	struct bytes value;
	bytes_init(&value, CAP_BODY_MAX);
	enum fault fault = FAULT_NONE;
	const char *text;
	size_t size;
	if (request_query(request, "uri", &value)) {
		text = bytes_text(&value);
		size = value.size;
	} else {
		fault = spool_view(&request->body, &text, &size, err);
	}
	while (!fault && size > 0 && strchr(" \t\r\n", text[size - 1]))
		size--;
	while (!fault && size > 0 && strchr(" \t\r\n", text[0])) {
		text++;
		size--;
	}
	if (!fault && (cap_parse(text, size, cap, err) || cap->kind == CAP_UNKNOWN))
		fault = problem(err, 400,
				"MustNotBeUnknownRWError: cannot attach a cap of unknown format");
	bytes_fini(&value);
	return fault;
}

enum fault directory_link_uri(struct request *request, struct err *err)
{
	struct target parent = { 0 };
	struct cap cap = { 0 };
	struct bytes name;
	char text[CAP_TEXT_SIZE];
	bool replaced;
	bytes_init(&name, NAME_SIZE_MAX);
	enum fault fault = cap_argument(request, &cap, err);
	if (!fault && request_query(request, "name", &name)) {
		cap_print(&cap, text);
		fault = request_resolve(request, request->path.count, &parent, err);
		if (!fault)
			fault = link_into(request, &parent.cap, bytes_text(&name), text, err);
		secret_wipe(text, sizeof text);
	} else if (!fault) {
		fault = request_link(request, &cap, &replaced, err);
	}
	if (!fault)
		fault = reply_cap(request, MHD_HTTP_OK, &cap, err);
	bytes_fini(&name);
	cap_wipe(&cap);
	resource_fini(&parent);
	return fault;
}

/* Takes `name` out of the directory `cap` and stores what it was. */
static enum fault unlink_from(struct request *request, const struct cap *cap, const char *name,
			      struct cap *was, struct err *err)
{
	struct grid *grid = request->gateway->folder.grid;
	struct stored_directory directory = { 0 };
	enum fault fault = grid_may_write(cap, err);
	if (!fault)
		fault = grid_list(grid, cap, &directory, err);
	const struct child *child = fault ? NULL : directory_find(&directory, name, strlen(name));
	if (child) {
		child_cap(child, was);
		(void)directory_remove(&directory, name, strlen(name));
		fault = grid_update(grid, cap, &directory, err);
	} else if (!fault) {
		fault = no_child(name, err);
	}
	directory_fini(&directory);
	return fault;
}

enum fault directory_unlink(struct request *request, struct err *err)
{
	struct target parent = { 0 };
	struct cap was = { 0 };
	struct bytes query;
	bytes_init(&query, NAME_SIZE_MAX);
	const bool is_delete = request->method[0] == 'D';
	const size_t end = request->path.count - (is_delete ? 1 : 0);
	enum fault fault = FAULT_NONE;
	if (end < 2)
		fault = problem(err, 500, "builtins.AssertionError: no name to unlink");
	(void)(!is_delete && request_query(request, "name", &query));
	const char *name = is_delete ? path_part(&request->path, end) : bytes_text(&query);
	if (!fault)
		fault = request_resolve(request, end, &parent, err);
	if (!fault)
		fault = unlink_from(request, &parent.cap, name, &was, err);
	if (!fault && is_delete)
		fault = reply_cap(request, MHD_HTTP_OK, &was, err);
	else if (!fault)
		fault = reply_text(request, MHD_HTTP_OK, "thing unlinked", err);
	bytes_fini(&query);
	cap_wipe(&was);
	resource_fini(&parent);
	return fault;
}
