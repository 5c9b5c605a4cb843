#include "direct/direct_list.h"

#include "base/secret.h"
#include "direct/direct_slot.h"
#include "store/listing_form.h"

struct direct_list {
	struct direct *direct;
	struct direct_list *next;
	struct direct_list **back;
	struct store_then then;
	struct health_call health;
	struct cap cap;
	struct store_list wanted; /* of `cap` */
	struct bytes form;
	struct store_call *reading; /* fills it */
	struct direct_slot *slot;   /* or this one does */
	struct store_call *gateway; /* lists instead */
	bool fresh; /* to be told in the next poll: `done` must not come before it is handed out */
};

struct direct_list *direct_find_list(const struct direct *direct, const struct store_call *call)
{
	struct direct_list *list = direct->lists;
	while (list && (const struct store_call *)list != call)
		list = list->next;
	return list;
}

/* ---- ends ---- */

/* Takes the list off the store's and frees it. */
static void free_list(struct direct_list *list)
{
	if (list->back) {
		*list->back = list->next;
		if (list->next)
			list->next->back = list->back;
	}
	bytes_fini(&list->form);
	secret_wipe(list, sizeof *list);
	free(list);
}

void direct_cancel_list(struct direct_list *list)
{
	if (list->gateway)
		store_cancel(list->direct->base.behind, list->gateway);
	if (list->reading)
		store_cancel(&list->direct->base, list->reading);
	if (list->slot)
		direct_slot_cancel(list->slot);
	free_list(list);
}

static void end_list(struct direct_list *list, struct store_reply *reply)
{
	list->then.done(list->then.context, reply);
	cap_wipe(&reply->node.rw);
	cap_wipe(&reply->node.ro);
	free_list(list);
}

static void gateway_done(void *context, const struct store_reply *reply)
{
	struct direct_list *list = context;
	list->gateway = NULL;
	list->then.done(list->then.context, reply);
	free_list(list);
}

static void ask_gateway(struct direct_list *list)
{
	struct store_reply reply = { 0 };
	list->gateway = store_list(list->direct->base.behind, &list->wanted,
				   (struct store_then){ gateway_done, list }, &reply.err);
	reply.fault = reply.err.fault;
	if (!list->gateway)
		end_list(list, &reply);
}

/* ---- telling ---- */

/* Tells what the bytes say; where they are odd nothing was told, and the gateway is asked. */
static void tell(struct direct_list *list)
{
	const struct listing_form form = {
		.cap = &list->cap,
		.data = { list->form.data, list->form.size },
		.listing_max = STORE_LISTING_MAX,
	};
	const struct store_list silent = { .cap = &list->cap };
	struct store_reply reply = { .answered = true, .proven = true };
	if (listing_form_read(&form, &silent, &reply.node, &reply.children, &reply.err)) {
		ask_gateway(list);
		return;
	}
	if (list->wanted.child)
		reply.fault = listing_form_read(&form, &list->wanted, &reply.node, &reply.children,
						&reply.err);
	if (!cap_is_literal(&list->cap)) { /* of which no server knows anything */
		health_well(list->direct->health, &list->health);
		health_keep_canary(list->direct->health, &(struct health_canary){ list->cap, 0 });
	}
	end_list(list, &reply);
}

static void has_read(void *context, const struct store_reply *reply)
{
	struct direct_list *list = context;
	list->reading = NULL;
	if (reply->fault)
		ask_gateway(list);
	else
		tell(list);
}

static void slot_read(void *context, bool proven)
{
	struct direct_list *list = context;
	list->slot = NULL;
	if (proven)
		tell(list);
	else
		ask_gateway(list);
}

static bool take_bytes(void *context, const void *data, size_t size)
{
	struct direct_list *list = context;
	return bytes_append(&list->form, data, size) == FAULT_NONE;
}

/* ---- the beginning ---- */

bool direct_can_list(const struct direct *direct, const struct store_list *list)
{
	const struct cap *cap = list->cap;
	if (list->path_count > 0 || cap_is_verifier(cap) || !cap_is_directory(cap))
		return false;
	if (cap_is_mutable(cap))
		return !list->written && !direct->servers->partial &&
		       direct->requests + 2 * direct->needed <= DIRECT_REQUESTS_MAX;
	return cap_is_literal(cap) || (cap->size > 0 && cap->size <= DIRECT_FORM_MAX);
}

/* Has the bytes read, or takes them from the cap.  False: that cannot be done here. */
static bool begin_reading(struct direct_list *list)
{
	struct cap file;
	if (cap_is_literal(&list->cap)) {
		list->fresh = list->direct->resuming = true;
		return take_bytes(list, list->cap.content, (size_t)list->cap.size);
	}
	if (cap_is_mutable(&list->cap)) {
		list->slot = direct_slot_start(list->direct, &list->cap, &list->form,
					       (struct direct_slot_then){ slot_read, list });
		return list->slot;
	}
	if (!cap_to_file(&list->cap, &file))
		return false;
	const struct store_get get = {
		.cap = &file,
		.length = UINT64_MAX,
		.sink = take_bytes,
		.context = list,
	};
	list->reading =
		direct_read_alone(list->direct, &get, (struct store_then){ has_read, list });
	cap_wipe(&file);
	return list->reading;
}

struct store_call *direct_list(struct direct *direct, const struct store_list *wanted,
			       struct store_then then)
{
	struct direct_list *list = calloc(1, sizeof *list);
	if (!list)
		return NULL;
	*list = (struct direct_list){
		.direct = direct,
		.then = then,
		.health = health_begin(direct->health, direct->base.gateway, HEALTH_LISTING),
		.cap = *wanted->cap,
		.wanted = *wanted,
	};
	list->wanted.cap = &list->cap;
	bytes_init(&list->form, DIRECT_FORM_MAX);
	if (!begin_reading(list)) {
		free_list(list);
		return NULL;
	}
	list->back = &direct->lists;
	list->next = direct->lists;
	if (list->next)
		list->next->back = &list->next;
	direct->lists = list;
	return (struct store_call *)list;
}

void direct_begin_lists(struct direct *direct)
{
	struct direct_list *list = direct->lists;
	while (list) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what ended has left the list */
		if (!list->fresh) {
			list = list->next;
			continue;
		}
		list->fresh = false;
		tell(list);
		list = direct->lists;
	}
}
