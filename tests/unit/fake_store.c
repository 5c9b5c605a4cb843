#include "tests/unit/fake_store.h"

#include "queue/core/thread.h"
#include "store/backend.h"
#include "tests/unit/facts.h"

struct store_call {
	struct fake_call call;
	struct store_then then;
	struct store_body body;
	bool paused;
	struct store_call *next;
	store_sink *sink; /* the caller's, */
	store_child_found *child;
	void *context;
	bool refused; /* of which one said no */
};

struct fake_store {
	struct store base;
	struct fake *fake;
	struct store_call *first;
	struct mutex lock;
	struct cond woken;
	bool is_woken;
};

static struct fake_store *store_of(struct store *store) { return (struct fake_store *)store; }

static struct store_call *begin(struct store *store, enum fake_operation operation,
				struct store_then then, const struct store_body *body)
{
	struct fake *fake = store_of(store)->fake;
	struct store_call *call = calloc(1, sizeof *call);
	assert_non_null(call);
	call->call.operation = operation;
	call->call.gateway = store->gateway;
	call->call.number = atomic_fetch_add(&fake->started[operation], 1) + 1;
	call->then = then;
	if (body) {
		call->body = *body;
		call->call.data = calloc(1, body->size + 1);
		assert_non_null(call->call.data);
	}
	if (body && body->data) {
		memcpy(call->call.data, body->data, body->size);
		call->call.size = body->size;
	}
	if (operation != FAKE_PROBE) {
		unsigned now = atomic_fetch_add(&fake->in_flight, 1) + 1;
		unsigned most = atomic_load(&fake->in_flight_max);
		while (now > most &&
		       !atomic_compare_exchange_weak(&fake->in_flight_max, &most, now)) {
		}
	}
	call->next = store_of(store)->first;
	store_of(store)->first = call;
	return call;
}

/* What scripts call in place of the caller's own: once that has had enough nothing more reaches it,
 * and the call ends as cancelled, whatever the script says. */
static bool pass_data(void *context, const void *data, size_t size)
{
	struct store_call *call = context;
	call->refused = call->refused || !call->sink(call->context, data, size);
	return !call->refused;
}

static bool pass_child(void *context, const struct store_child *child)
{
	struct store_call *call = context;
	call->refused = call->refused || !call->child(call->context, child);
	return !call->refused;
}

static struct store_call *put(struct store *store, const struct store_body *body,
			      struct store_then then, struct err *err)
{
	(void)err;
	return begin(store, FAKE_PUT, then, body);
}

static struct store_call *overwrite(struct store *store, const struct cap *cap,
				    const struct store_body *body, struct store_then then,
				    struct err *err)
{
	(void)err;
	struct store_call *call = begin(store, FAKE_OVERWRITE, then, body);
	call->call.cap = *cap;
	return call;
}

static struct store_call *get(struct store *store, const struct store_get *get,
			      struct store_then then, struct err *err)
{
	(void)err;
	struct store_call *call = begin(store, FAKE_GET, then, NULL);
	call->call.cap = *get->cap;
	call->call.offset = get->offset;
	call->call.length = get->length;
	call->sink = get->sink;
	call->context = get->context;
	call->call.sink = pass_data;
	call->call.context = call;
	return call;
}

static struct store_call *make_directory(struct store *store,
					 const struct store_directory *directory,
					 const struct store_body *body, struct store_then then,
					 struct err *err)
{
	(void)err;
	struct store_call *call = begin(store, FAKE_MAKE_DIRECTORY, then, body);
	call->call.is_mutable = directory->is_mutable;
	call->call.children = directory->children;
	memcpy(call->call.key, directory->private_key ? directory->private_key : "",
	       directory->private_key_size);
	return call;
}

static struct store_call *set_children(struct store *store, const struct store_edit *edit,
				       const struct store_body *body, struct store_then then,
				       struct err *err)
{
	(void)err;
	struct store_call *call = begin(store, FAKE_SET_CHILDREN, then, body);
	call->call.cap = *edit->directory;
	call->call.replace = edit->replace;
	call->call.children = edit->children;
	return call;
}

static struct store_call *list(struct store *store, const struct store_list *list,
			       struct store_then then, struct err *err)
{
	(void)err;
	struct store_call *call = begin(store, FAKE_LIST, then, NULL);
	call->call.cap = *list->cap;
	call->child = list->child;
	call->context = list->context;
	call->call.child = list->child ? pass_child : NULL;
	call->call.context = call;
	size_t used = 0;
	for (size_t i = 0; i < list->path_count; i++)
		used += (size_t)snprintf(call->call.path + used, sizeof call->call.path - used,
					 "%s%.*s", i ? "/" : "", (int)list->path[i].size,
					 list->path[i].name);
	return call;
}

static struct store_call *check(struct store *store, const struct store_check *wanted,
				struct store_then then, struct err *err)
{
	(void)err;
	struct store_call *call = begin(store, FAKE_CHECK, then, NULL);
	call->call.cap = *wanted->cap;
	return call;
}

static struct store_call *probe(struct store *store, struct store_then then, struct err *err)
{
	(void)err;
	return begin(store, FAKE_PROBE, then, NULL);
}

/* ---- running ---- */

static void end(struct fake_store *store, struct store_call *call)
{
	struct store_call **at = &store->first;
	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
	if (call->call.operation != FAKE_PROBE)
		atomic_fetch_sub(&store->fake->in_flight, 1);
	free(call->call.data);
	free(call);
}

/* Takes in what there is of the body.  Returns whether that was all, or the call has failed. */
static bool take_body(struct fake_store *store, struct store_call *call, struct store_reply *reply)
{
	enum { AT_ONCE = 100000 };
	while (call->call.size < call->body.size) {
		if (call->paused || atomic_load(&store->fake->hold_bodies))
			return false;
		size_t room = (size_t)min_u64(call->body.size - call->call.size, AT_ONCE);
		size_t got = call->body.read(call->body.context, call->call.data + call->call.size,
					     room);
		if (got == STORE_READ_ABORT) {
			fake_fail(reply, FAULT_CANCELLED, "aborted");
			return true;
		}
		call->paused = got == STORE_READ_PAUSE;
		call->call.size += call->paused ? 0 : got;
	}
	return true;
}

/* Runs one call that can end.  Returns whether there was one. */
static bool run_one(struct fake_store *store)
{
	for (struct store_call *call = store->first; call; call = call->next) {
		struct store_reply reply = { .answered = true, .servers = { 1, 1, 1 } };
		if (!take_body(store, call, &reply))
			continue;
		if (!reply.fault && !store->fake->script(store->fake->context, &call->call, &reply))
			continue;
		if (call->refused && !reply.fault)
			fake_fail(&reply, FAULT_CANCELLED, "the caller has enough");
		call->then.done(call->then.context, &reply);
		atomic_fetch_add(&store->fake->ended[call->call.operation], 1);
		end(store, call);
		return true;
	}
	return false;
}

static size_t poll_fake(struct store *base, uint32_t timeout_ms)
{
	struct fake_store *store = store_of(base);
	size_t ended = 0;
	while (run_one(store))
		ended++;
	mutex_lock(&store->lock);
	while (!store->is_woken && ended == 0 &&
	       cond_wait_ms(&store->woken, &store->lock, timeout_ms)) {
	}
	store->is_woken = false;
	mutex_unlock(&store->lock);
	return ended;
}

static void wake(struct store *base)
{
	struct fake_store *store = store_of(base);
	mutex_lock(&store->lock);
	store->is_woken = true;
	cond_wake_one(&store->woken);
	mutex_unlock(&store->lock);
}

static void pause_call(struct store *base, struct store_call *call)
{
	call->paused = true;
	atomic_fetch_add(&store_of(base)->fake->pauses, 1);
}

static void resume(struct store *base, struct store_call *call)
{
	(void)base;
	call->paused = false;
}

static void cancel(struct store *base, struct store_call *call)
{
	atomic_fetch_add(&store_of(base)->fake->cancelled, 1);
	end(store_of(base), call);
}

static const char *label(const struct store *base)
{
	(void)base;
	return "fake";
}

static void close_fake(struct store *base)
{
	struct fake_store *store = store_of(base);
	while (store->first)
		end(store, store->first);
	cond_fini(&store->woken);
	mutex_fini(&store->lock);
	free(store);
}

static const struct store_backend backend = {
	.put = put,
	.overwrite = overwrite,
	.get = get,
	.make_directory = make_directory,
	.set_children = set_children,
	.list = list,
	.check = check,
	.probe = probe,
	.poll = poll_fake,
	.wake = wake,
	.pause = pause_call,
	.resume = resume,
	.cancel = cancel,
	.label = label,
	.close = close_fake,
};

struct store *fake_open(struct fake *fake)
{
	struct fake_store *store = calloc(1, sizeof *store);
	assert_non_null(store);
	store->base.backend = &backend;
	if (fake->gateways > 0)
		store->base.gateway = atomic_fetch_add(&fake->opened, 1) % fake->gateways;
	store->fake = fake;
	mutex_init(&store->lock);
	cond_init(&store->woken);
	return &store->base;
}

enum fault fake_open_store(void *context, struct store **store, struct err *err)
{
	(void)err;
	*store = fake_open(context);
	return FAULT_NONE;
}

void fake_fail(struct store_reply *reply, enum fault fault, const char *text)
{
	reply->fault = err_set(&reply->err, fault, "%s", text);
	reply->err.remote = true;
}

void fake_child(struct fake_call *call, const char *name, enum store_kind kind,
		const struct cap *cap)
{
	struct store_child child = { .name = name, .name_size = strlen(name) };
	child.node.kind = kind;
	if (cap_is_writable(cap))
		child.node.rw = *cap;
	if (!cap_to_readonly(cap, &child.node.ro))
		abort();
	if (call->child)
		call->child(call->context, &child);
}
