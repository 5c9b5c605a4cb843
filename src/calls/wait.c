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

/* Whether all that is asked about stands in the cap: it is that of an immutable file. */
static bool is_known_by_cap(const struct store_list *list)
{
	return list->path_count == 0 && cap_is_chk(list->cap) && cap_is_file(list->cap) &&
	       !cap_is_verifier(list->cap);
}

enum fault store_wait_list(const struct store_wait *wait, const struct store_list *list,
			   struct store_node *node, struct err *err)
{
	struct waiting waiting = { .call = NULL };
	struct store_call *call = store_list(wait->store, list, then(&waiting), err);
	enum fault fault = wait_finish(wait, call, &waiting, err);
	if (fault == FAULT_NONE && node)
		*node = waiting.reply.node;
	cap_wipe(&waiting.reply.node.rw);
	cap_wipe(&waiting.reply.node.ro);
	if (fault != FAULT_UNAVAILABLE || err->http_status || !node || !is_known_by_cap(list))
		return fault;
	/* The gateway, which asks no server either, is away. */
	*node = (struct store_node){
		.kind = STORE_FILE,
		.has_size = true,
		.size = list->cap->size,
		.ro = *list->cap,
	};
	return FAULT_NONE;
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
