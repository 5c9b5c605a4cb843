#include "direct/direct_list.h"

#include "base/secret.h"
#include "base/utf8.h"
#include "direct/direct_slot.h"
#include "store/listing_form.h"

struct direct_list {
	struct direct_own own;
	struct cap root;
	struct store_list wanted; /* of `root` */
	struct store_name *path;  /* its path, copied */
	size_t down;              /* components of it that were gone down */
	struct cap cap;           /* of the directory there */
	struct store_node edge;   /* that leads to it, where it is not the root */
	struct bytes form;
	struct store_call *reading; /* fills it */
	struct direct_slot *slot;   /* or this one does */
};

static bool begin_reading(struct direct_list *list, struct err *why);

/* ---- ends ---- */

static void end_list(struct direct_list *list, struct store_reply *reply)
{
	direct_own_end(&list->own, reply);
	cap_wipe(&reply->node.rw);
	cap_wipe(&reply->node.ro);
}

/* Leaves it all to the gateway; nobody was told anything yet. */
static void ask_gateway(struct direct_list *list, const struct err *why)
{
	struct direct *direct = list->own.direct;
	struct err err;
	direct_tell(direct, why);
	struct store_call *gateway =
		store_list(direct->base.behind, &list->wanted, direct_own_then(&list->own), &err);
	direct_own_leave(&list->own, gateway, &err);
}

/* Ends it with what the storage servers say. */
static void end_well(struct direct_list *list, struct store_reply *reply)
{
	reply->answered = reply->proven = true;
	if (!cap_is_literal(&list->cap)) { /* of which no server knows anything */
		health_well(list->own.direct->health, &list->own.health);
		health_keep_canary(list->own.direct->health,
				   &(struct health_canary){ list->cap, 0 });
	}
	end_list(list, reply);
}

/* ---- a path ---- */

struct list_search {
	struct bytes name;      /* in NFC, as those of listings are */
	struct store_node node; /* of the child, once it is found */
	bool found;
};

static bool search_child(void *context, const struct store_child *child)
{
	struct list_search *search = context;
	if (!search->found && child->name_size == search->name.size &&
	    memcmp(child->name, search->name.data, child->name_size) == 0) {
		search->found = true;
		search->node = child->node;
	}
	return true;
}

/* Whether everybody agrees on which spellings are this name. */
static bool is_plain(const struct store_name *name)
{
	for (size_t i = 0; i < name->size; i++)
		if ((unsigned char)name->name[i] >= 0x80)
			return false;
	return true;
}

/* Goes on to a child of the directory that was read.  What a file in the middle of a path means is
 * the gateway's to say. */
static void step_down(struct direct_list *list, const struct store_node *child)
{
	struct err why = { 0 };
	bool last = ++list->down == list->wanted.path_count;
	list->edge = *child;
	if (!last && child->kind != STORE_DIRECTORY) {
		ask_gateway(list, NULL);
		return;
	}
	if (last && (child->kind != STORE_DIRECTORY || !list->wanted.child)) {
		struct store_reply reply = { .node = list->edge };
		end_well(list, &reply);
		return;
	}
	list->cap = child->rw.kind ? child->rw : child->ro;
	bytes_clear(&list->form);
	if (!begin_reading(list, &why))
		ask_gateway(list, &why);
}

/* Looks for the next component of the path in the directory that was read. */
static void look_for_child(struct direct_list *list, const struct listing_form *form)
{
	const struct store_name *name = &list->wanted.path[list->down];
	struct list_search search = { .found = false };
	const struct store_list look = {
		.cap = &list->cap,
		.child = search_child,
		.context = &search,
	};
	struct store_reply reply = { 0 };
	bytes_init(&search.name, DIRECT_FORM_MAX);
	bytes_err(name_to_nfc(&search.name, name->name, name->size), &reply.err, "a name");
	if (reply.err.fault ||
	    listing_form_read(form, &look, &reply.node, &reply.children, &reply.err)) {
		ask_gateway(list, &reply.err);
	} else if (search.found) {
		step_down(list, &search.node);
	} else if (is_plain(name)) {
		reply.fault = err_set(&reply.err, FAULT_NOT_FOUND, "no such child");
		reply.err.remote = true;
		end_well(list, &reply);
	} else {
		ask_gateway(list, NULL);
	}
	cap_wipe(&search.node.rw);
	cap_wipe(&search.node.ro);
	bytes_fini(&search.name);
}

/* ---- telling ---- */

/* What leads to a directory knows when it was linked, and its metadata. */
static void add_edge(const struct direct_list *list, struct store_node *node)
{
	node->metadata_flags = list->edge.metadata_flags;
	node->metadata = list->edge.metadata;
	node->linked_ns = list->edge.linked_ns;
}

/* Tells what the bytes say; where they are odd nothing was told, and the gateway is asked. */
static void tell(struct direct_list *list)
{
	const struct listing_form form = {
		.cap = &list->cap,
		.data = { list->form.data, list->form.size },
		.listing_max = STORE_LISTING_MAX,
	};
	const struct store_list silent = { .cap = &list->cap };
	struct store_reply reply = { 0 };
	if (list->down < list->wanted.path_count) {
		look_for_child(list, &form);
		return;
	}
	if (listing_form_read(&form, &silent, &reply.node, &reply.children, &reply.err)) {
		ask_gateway(list, &reply.err);
		return;
	}
	if (list->wanted.child)
		reply.fault = listing_form_read(&form, &list->wanted, &reply.node, &reply.children,
						&reply.err);
	add_edge(list, &reply.node);
	end_well(list, &reply);
}

static void has_read(void *context, const struct store_reply *reply)
{
	struct direct_list *list = context;
	list->reading = NULL;
	if (reply->fault)
		ask_gateway(list, &reply->err);
	else
		tell(list);
}

static void slot_read(void *context, const struct err *why)
{
	struct direct_list *list = context;
	list->slot = NULL;
	if (why)
		ask_gateway(list, why);
	else
		tell(list);
}

static bool take_bytes(void *context, const void *data, size_t size)
{
	struct direct_list *list = context;
	return bytes_append(&list->form, data, size) == FAULT_NONE;
}

/* ---- the beginning ---- */

bool direct_can_list(const struct store_list *list)
{
	return !list->written && cap_is_directory(list->cap) && !cap_is_verifier(list->cap);
}

/* Whether the bytes of the directory at hand can be read here. */
static bool can_read(const struct direct_list *list, struct err *why)
{
	const struct direct *direct = list->own.direct;
	const struct cap *cap = &list->cap;
	if (cap_is_literal(cap))
		return true;
	if (!cap_is_mutable(cap) && (cap->size == 0 || cap->size > DIRECT_FORM_MAX))
		return !err_set(why, FAULT_TOO_LARGE, "a directory is too large");
	return !cap_is_mutable(cap) || direct_can_read_slots(direct, why);
}

/* Has the bytes read, or takes them from the cap.  False: that cannot be done here. */
static bool begin_reading(struct direct_list *list, struct err *why)
{
	struct cap file;
	if (!can_read(list, why))
		return false;
	if (cap_is_literal(&list->cap)) {
		direct_own_due(&list->own); /* `done` must not come before it is handed out */
		return take_bytes(list, list->cap.content, (size_t)list->cap.size);
	}
	if (cap_is_mutable(&list->cap)) {
		list->slot = direct_slot_start(list->own.direct, &list->cap, &list->form,
					       (struct direct_slot_then){ slot_read, list }, why);
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
		direct_read_alone(list->own.direct, &get, (struct store_then){ has_read, list });
	cap_wipe(&file);
	if (!list->reading)
		err_set(why, FAULT_RETRY, DIRECT_NO_SHARES);
	return list->reading;
}

/* Copies the path, names and all.  False: no memory. */
static bool keep_path(struct direct_list *list, const struct store_list *wanted)
{
	size_t size = wanted->path_count * sizeof *wanted->path;
	for (size_t i = 0; i < wanted->path_count; i++)
		size += wanted->path[i].size;
	struct store_name *path = size > 0 ? malloc(size) : NULL;
	char *at = path ? (char *)(path + wanted->path_count) : NULL;
	list->wanted.path = list->path = path;
	for (size_t i = 0; path && i < wanted->path_count; i++) {
		path[i] = (struct store_name){ at, wanted->path[i].size };
		memcpy(at, wanted->path[i].name, path[i].size);
		at += path[i].size;
	}
	return path || size == 0;
}

static struct direct_list *to_list(struct direct_own *own) { return (struct direct_list *)own; }

static void move_list(struct direct_own *own) { tell(to_list(own)); }

static void fini_list(struct direct_own *own)
{
	struct direct_list *list = to_list(own);
	if (list->reading)
		store_cancel(&own->direct->base, list->reading);
	if (list->slot)
		direct_slot_cancel(list->slot);
	bytes_fini(&list->form);
	free(list->path);
}

static const struct direct_kind list_kind = {
	.size = sizeof(struct direct_list),
	.move = move_list,
	.fini = fini_list,
};

struct store_call *direct_list(struct direct *direct, const struct store_list *wanted,
			       struct store_then then)
{
	struct err why = { 0 };
	struct direct_list *list = calloc(1, sizeof *list);
	if (!list)
		return NULL;
	*list = (struct direct_list){
		.own = {
			.kind = &list_kind,
			.direct = direct,
			.then = then,
			.health = health_begin(direct->health, direct->base.gateway,
					       HEALTH_LISTING),
		},
		.root = *wanted->cap,
		.cap = *wanted->cap,
		.wanted = *wanted,
	};
	list->wanted.cap = &list->root;
	bytes_init(&list->form, DIRECT_FORM_MAX);
	if (!keep_path(list, wanted) || !begin_reading(list, &why)) {
		direct_own_free(&list->own);
		direct_tell(direct, &why);
		return NULL;
	}
	return direct_own_add(&list->own);
}
