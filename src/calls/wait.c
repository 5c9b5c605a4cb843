#include "calls/wait.h"

#include <assert.h>

enum { LOOK_MS = 200 }; /* between questions whether to stop */

struct waiting {
	struct store_call *call; /* NULL: it has ended */
	struct store_reply reply;
};

static void on_done(void *context, const struct store_reply *reply)
{
	struct waiting *waiting = context;
	waiting->reply = *reply;
	waiting->call = NULL;
}

static struct store_then then(struct waiting *waiting)
{
	return (struct store_then){ .done = on_done, .context = waiting };
}

enum fault store_wait_poll(const struct store_wait *wait, struct err *err)
{
	if (wait->stop && wait->stop(wait->context))
		return err_set(err, FAULT_CANCELLED, "asked to stop");
	store_poll(wait->store, LOOK_MS);
	return FAULT_NONE;
}

enum fault store_wait_end(const struct store_wait *wait, struct store_call **call, struct err *err)
{
	while (*call) {
		if (store_wait_poll(wait, err)) {
			store_cancel(wait->store, *call);
			*call = NULL;
			return err->fault;
		}
	}
	return FAULT_NONE;
}

/* Polls until the call has ended; `call` is NULL, and `err` filled, when it did not start. */
static enum fault wait_finish(const struct store_wait *wait, struct store_call *call,
			      struct waiting *waiting, struct err *err)
{
	assert(err);
	if (!call)
		return err->fault;
	waiting->call = call;
	if (store_wait_end(wait, &waiting->call, err))
		return err->fault;
	if (waiting->reply.fault != FAULT_NONE)
		*err = waiting->reply.err;
	return waiting->reply.fault;
}

static struct store_body whole(const void *data, size_t size)
{
	return (struct store_body){ .data = data, .size = size };
}

/* Stores the cap of the reply if there is one, and wipes the copy. */
static enum fault give_cap(struct waiting *waiting, enum fault fault, struct cap *cap)
{
	if (fault == FAULT_NONE && cap)
		*cap = waiting->reply.cap;
	cap_wipe(&waiting->reply.cap);
	return fault;
}

static enum fault list_once(const struct store_wait *wait, const struct store_list *list,
			    struct store_node *node, struct err *err)
{
	struct waiting waiting = { .call = NULL };
	struct store_call *call = store_list(wait->store, list, then(&waiting), err);
	enum fault fault = wait_finish(wait, call, &waiting, err);
	if (fault == FAULT_NONE && node)
		*node = waiting.reply.node;
	cap_wipe(&waiting.reply.node.rw);
	cap_wipe(&waiting.reply.node.ro);
	return fault;
}

/* ---- a path, directory by directory ---- */

struct wait_search {
	const struct store_name *name;
	struct store_node node; /* of the child, once it is found */
	bool found;
};

static bool search_child(void *context, const struct store_child *child)
{
	struct wait_search *search = context;
	if (child->name_size == search->name->size &&
	    memcmp(child->name, search->name->name, child->name_size) == 0) {
		search->found = true;
		search->node = child->node;
	}
	return true;
}

static const struct cap *best_cap(const struct store_node *node)
{
	return node->rw.kind ? &node->rw : &node->ro;
}

/* Only a gateway knows which spellings of other letters are the same name. */
static bool is_plain(const struct store_name *name)
{
	for (size_t i = 0; i < name->size; i++)
		if ((unsigned char)name->name[i] >= 0x80)
			return false;
	return true;
}

/* Goes from `at` to its child.  Leaves what `err` says where there is no telling. */
static enum fault step_down(const struct store_wait *wait, const struct store_name *name,
			    struct store_node *at, struct err *err)
{
	struct wait_search search = { .name = name };
	const struct store_list list = {
		.cap = best_cap(at),
		.child = search_child,
		.context = &search,
	};
	struct err ours;
	enum fault fault =
		at->kind == STORE_DIRECTORY ? list_once(wait, &list, NULL, &ours) : FAULT_NONE;
	if (fault)
		*err = ours;
	else if (search.found)
		*at = search.node;
	else if (at->kind != STORE_DIRECTORY || is_plain(name))
		fault = err_set(err, FAULT_NOT_FOUND, "no such child");
	else
		fault = err->fault;
	cap_wipe(&search.node.rw);
	cap_wipe(&search.node.ro);
	return fault;
}

/* As the gateway would do it, which `err` says is away. */
static enum fault list_step_by_step(const struct store_wait *wait, const struct store_list *list,
				    struct store_node *node, struct err *err)
{
	struct store_node at = {
		.kind = cap_is_directory(list->cap) ? STORE_DIRECTORY : STORE_FILE,
		.rw = *list->cap,
	};
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < list->path_count && !fault; i++)
		fault = step_down(wait, &list->path[i], &at, err);
	const struct store_list last = {
		.cap = best_cap(&at),
		.child = list->child,
		.context = list->context,
	};
	if (!fault && at.kind == STORE_DIRECTORY && list->child)
		fault = list_once(wait, &last, node, err);
	else if (!fault && node)
		*node = at;
	cap_wipe(&at.rw);
	cap_wipe(&at.ro);
	return fault;
}

enum fault store_wait_list(const struct store_wait *wait, const struct store_list *list,
			   struct store_node *node, struct err *err)
{
	enum fault fault = list_once(wait, list, node, err);
	if (fault == FAULT_UNAVAILABLE && !err->http_status && list->path_count > 0)
		fault = list_step_by_step(wait, list, node, err);
	return fault;
}

/* ---- directories that are made ---- */

enum fault store_wait_make_directory(const struct store_wait *wait,
				     const struct store_directory *directory,
				     const struct bytes *json, struct cap *cap, struct err *err)
{
	struct waiting waiting = { .call = NULL };
	struct store_body body = whole(json->data, json->size);
	struct store_call *call =
		store_make_directory(wait->store, directory, &body, then(&waiting), err);
	return give_cap(&waiting, wait_finish(wait, call, &waiting, err), cap);
}

enum fault store_wait_set_children(const struct store_wait *wait, const struct store_edit *edit,
				   const struct bytes *json, struct err *err)
{
	struct waiting waiting = { .call = NULL };
	struct store_body body = whole(json->data, json->size);
	struct store_call *call = store_set_children(wait->store, edit, &body, then(&waiting), err);
	return wait_finish(wait, call, &waiting, err);
}

enum fault store_wait_unlink(const struct store_wait *wait, const struct cap *directory,
			     const struct store_name *name, struct err *err)
{
	struct waiting waiting = { .call = NULL };
	struct store_call *call = store_unlink(wait->store, directory, name, then(&waiting), err);
	return wait_finish(wait, call, &waiting, err);
}

enum fault store_wait_probe(const struct store_wait *wait, struct store_servers *servers,
			    struct err *err)
{
	struct waiting waiting = { .call = NULL };
	struct store_call *call = store_probe(wait->store, then(&waiting), err);
	enum fault fault = wait_finish(wait, call, &waiting, err);
	if (fault == FAULT_NONE)
		*servers = waiting.reply.servers;
	return fault;
}
