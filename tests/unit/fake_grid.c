#include "tests/unit/fake_grid.h"

#include "queue/core/thread.h"
#include "store/backend.h"

struct fake_call {
	struct fake_call *next;
	struct fake_object *object; /* NULL: a probe */
	enum { CALL_GET, CALL_LIST, CALL_CHECK, CALL_PROBE } what;
	struct store_get get;
	struct store_list list;
	struct store_then then;
};

struct fake {
	struct store store; /* first */
	struct fake_grid *grid;
	struct fake_call *waiting;
	struct mutex lock;
	struct cond woken;
	bool wake GUARDED;
};

static struct fake *fake_of(struct store *store) { return (struct fake *)(void *)store; }

static struct fake_object *find(struct fake *fake, const struct cap *cap)
{
	for (size_t i = 0; i < fake->grid->count; i++)
		if (cap_equal(&fake->grid->object[i].cap, cap))
			return &fake->grid->object[i];
	return NULL;
}

static struct fake_call *add(struct fake *fake, struct store_then then)
{
	struct fake_call *call = calloc(1, sizeof *call);
	call->then = then;
	call->next = fake->waiting;
	fake->waiting = call;
	return call;
}

static struct store_call *get(struct store *store, const struct store_get *wanted,
			      struct store_then then, struct err *err)
{
	(void)err;
	struct fake_call *call = add(fake_of(store), then);
	call->what = CALL_GET;
	call->get = *wanted;
	call->object = find(fake_of(store), wanted->cap);
	return (struct store_call *)call;
}

static void count_lists(struct fake *fake)
{
	unsigned together = 0;
	for (const struct fake_call *at = fake->waiting; at; at = at->next)
		together += at->what == CALL_LIST;
	if (together > fake->grid->together) /* lanes are not counted together */
		fake->grid->together = together;
}

static struct store_call *list(struct store *store, const struct store_list *wanted,
			       struct store_then then, struct err *err)
{
	(void)err;
	struct fake_call *call = add(fake_of(store), then);
	call->what = CALL_LIST;
	call->list = *wanted;
	count_lists(fake_of(store));
	call->object = find(fake_of(store), wanted->cap);
	return (struct store_call *)call;
}

static struct store_call *check(struct store *store, const struct store_check *wanted,
				struct store_then then, struct err *err)
{
	(void)err;
	struct fake_call *call = add(fake_of(store), then);
	call->what = CALL_CHECK;
	call->object = find(fake_of(store), wanted->cap);
	return (struct store_call *)call;
}

static struct store_call *probe(struct store *store, struct store_then then, struct err *err)
{
	(void)err;
	struct fake_call *call = add(fake_of(store), then);
	call->what = CALL_PROBE;
	return (struct store_call *)call;
}

static void fail(struct store_reply *reply, enum fault fault, const char *text)
{
	reply->fault = err_set(&reply->err, fault, "%s", text);
	reply->err.remote = true;
}

/* Gives bytes to the sink in pieces. */
static void send(const struct fake_call *call, const unsigned char *data, size_t size,
		 struct store_reply *reply)
{
	for (size_t at = 0; at < size && !reply->fault; at += 1000) {
		size_t piece = (size_t)min_u64(1000, size - at);
		if (!call->get.sink(call->get.context, data + at, piece))
			fail(reply, FAULT_CANCELLED, "by the sink");
		reply->received += piece;
	}
}

static void serve_whole(const struct fake_call *call, struct store_reply *reply)
{
	static const char words[] = "problem during download\n";
	const struct fake_object *object = call->object;
	unsigned char *copy = malloc(object->size + 1);
	size_t size = object->size;
	if (size > 0)
		memcpy(copy, object->data, size);
	if (object->lie == FAKE_SPLICE)
		memcpy(copy + size - 5, words, 5);
	if (object->lie == FAKE_SHORT)
		size--;
	if (object->lie == FAKE_FLIP_EVERY)
		copy[object->reads % size] ^= 1;
	if (object->lie == FAKE_FLIP_ONCE && object->reads == 1)
		copy[size / 2] ^= 1;
	bool broken = object->lie == FAKE_RETRY_ONCE && object->reads == 1;
	send(call, copy, broken ? size / 2 : size, reply);
	if (broken)
		fail(reply, FAULT_RETRY, "the reply broke off");
	free(copy);
}

static void serve_get(const struct fake_call *call, struct store_reply *reply)
{
	struct fake_object *object = call->object;
	object->reads++;
	if (object->lie == FAKE_LOST || (object->lie == FAKE_SPLICE && call->get.offset > 0))
		fail(reply, FAULT_RETRY, "410 Gone");
	else if (call->get.offset > 0)
		send(call, (const unsigned char *)object->data + call->get.offset,
		     (size_t)call->get.length, reply);
	else
		serve_whole(call, reply);
}

static void serve_list(const struct fake *fake, const struct fake_call *call,
		       struct store_reply *reply)
{
	struct fake_object *object = call->object;
	object->lists++;
	reply->node.kind = STORE_DIRECTORY;
	if (object->lie == FAKE_LOST)
		fail(reply, FAULT_NOT_FOUND, "no such directory");
	for (size_t i = 0; i < object->children && !reply->fault; i++) {
		const struct fake_child *from = &object->child[i];
		const struct cap *cap = &fake->grid->object[from->object].cap;
		if (object->lie == FAKE_RETRY_ONCE && object->lists == 1 &&
		    i == object->children / 2) {
			fail(reply, FAULT_RETRY, "the reply broke off");
			return;
		}
		struct store_child child = {
			.name = from->name,
			.name_size = from->name_size   ? from->name_size
				     : from->anonymous ? 0
						       : strlen(from->name),
			.node = { .kind = from->unknown           ? STORE_UNKNOWN
					  : cap_is_directory(cap) ? STORE_DIRECTORY
								  : STORE_FILE,
				  .has_size = cap_is_chk(cap) || from->size > 0,
				  .size = from->size ? from->size : cap->size,
				  .ro = *cap,
				  .metadata_flags =
					  from->mode ? STORE_HAS_MODE | STORE_HAS_MTIME : 0,
				  .metadata = { .mode = from->mode, .mtime_ns = from->mtime_ns } },
		};
		if (!call->list.child(call->list.context, &child))
			fail(reply, FAULT_CANCELLED, "by the caller");
	}
}

static void serve(struct fake *fake, struct fake_call *call)
{
	struct store_reply reply = { .answered = true };
	if (fake->grid->away)
		fail(&reply, FAULT_UNAVAILABLE, "connection refused");
	else if (call->what != CALL_PROBE && !call->object)
		fail(&reply, FAULT_NOT_FOUND, "no such object");
	else if (call->what == CALL_GET)
		serve_get(call, &reply);
	else if (call->what == CALL_LIST)
		serve_list(fake, call, &reply);
	else if (call->what == CALL_CHECK)
		reply.health = (struct store_health){
			.healthy = call->object->lie != FAKE_SICK,
			.literal = cap_is_literal(&call->object->cap),
			.good_shares = call->object->lie != FAKE_SICK,
			.expected = 1,
		};
	call->then.done(call->then.context, &reply);
}

/* Takes the next call that is to be answered. */
static struct fake_call *take(struct fake *fake)
{
	for (struct fake_call **at = &fake->waiting; *at; at = &(*at)->next) {
		struct fake_call *call = *at;
		if (call->object && call->object->lie == FAKE_HANG)
			continue;
		*at = call->next;
		return call;
	}
	return NULL;
}

static size_t poll(struct store *store, uint32_t timeout_ms)
{
	struct fake *fake = fake_of(store);
	struct fake_call *call = take(fake);
	if (call) {
		serve(fake, call);
		free(call);
		return 1;
	}
	mutex_lock(&fake->lock);
	while (!fake->wake && cond_wait_ms(&fake->woken, &fake->lock, timeout_ms)) {
	}
	fake->wake = false;
	mutex_unlock(&fake->lock);
	return 0;
}

static void wake(struct store *store)
{
	struct fake *fake = fake_of(store);
	mutex_lock(&fake->lock);
	fake->wake = true;
	cond_wake_one(&fake->woken);
	mutex_unlock(&fake->lock);
}

static void cancel(struct store *store, struct store_call *cancelled)
{
	struct fake *fake = fake_of(store);
	struct fake_call *call = (struct fake_call *)cancelled;
	for (struct fake_call **at = &fake->waiting; *at; at = &(*at)->next) {
		if (*at != call)
			continue;
		*at = call->next;
		free(call);
		return;
	}
}

static void close_fake(struct store *store)
{
	struct fake *fake = fake_of(store);
	for (struct fake_call *next; fake->waiting; fake->waiting = next) {
		next = fake->waiting->next;
		free(fake->waiting);
	}
	cond_fini(&fake->woken);
	mutex_fini(&fake->lock);
	free(fake);
}

static const struct store_backend backend = {
	.get = get,
	.list = list,
	.check = check,
	.probe = probe,
	.poll = poll,
	.wake = wake,
	.cancel = cancel,
	.close = close_fake,
};

enum fault fake_open(void *context, struct store **store, struct err *err)
{
	(void)err;
	struct fake *fake = calloc(1, sizeof *fake);
	fake->store.backend = &backend;
	fake->grid = context;
	mutex_init(&fake->lock);
	cond_init(&fake->woken);
	*store = &fake->store;
	return FAULT_NONE;
}
