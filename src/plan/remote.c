#include "plan/remote.h"

#include "base/bytes.h"
#include "base/digest.h"
#include "base/secret.h"
#include "plan/names.h"
#include "queue/manifest.h"

#include <sys/stat.h>

enum {
	KEPT_MAX = 64,             /* listings */
	KEPT_BYTES_MAX = 32 << 20, /* of all but the one in use */
	NAMES_MAX = 512 << 20,     /* bytes of all names of one directory */
	HASH_SHOWN = 8,            /* bytes of the hash behind a name that is cut */
	CUT_SIZE = MANIFEST_NAME_MAX - 1 - 2 * HASH_SHOWN,
};

struct listing {
	unsigned char index[CAP_KEY_SIZE]; /* storage index */
	bool has_index;                    /* else `literal` names it */
	struct cap literal;
	uint64_t used; /* tick; 0: the place is free */
	struct bytes names;
	struct remote_child *child; /* sorted by name */
	size_t count, capacity;
};

struct remote {
	struct ask ask;
	struct listing kept[KEPT_MAX];
	struct listing *open; /* one of them, or NULL */
	uint64_t tick;
};

struct remote *remote_new(const struct ask *ask)
{
	struct remote *remote = calloc(1, sizeof *remote);
	if (remote)
		remote->ask = *ask;
	return remote;
}

static void forget(struct listing *listing)
{
	if (listing->child)
		secret_wipe(listing->child, listing->capacity * sizeof *listing->child);
	cap_wipe(&listing->literal);
	free(listing->child);
	bytes_fini(&listing->names);
	*listing = (struct listing){ 0 };
}

void remote_free(struct remote *remote)
{
	if (!remote)
		return;
	for (size_t i = 0; i < KEPT_MAX; i++)
		forget(&remote->kept[i]);
	free(remote);
}

/* ---- children ---- */

static struct meta meta_of(const struct store_node *node)
{
	const struct edge_metadata *edge = &node->metadata;
	unsigned has = node->metadata_flags;
	return (struct meta){
		.flags = (uint8_t)(META_GRID | (has & STORE_HAS_MTIME ? META_HAS_MTIME : 0) |
				   (has & STORE_HAS_MODE ? META_HAS_MODE : 0)),
		.mtime_ns = has & STORE_HAS_MTIME ? edge->mtime_ns : 0,
		.ctime_ns = has & STORE_HAS_CTIME ? edge->ctime_ns : 0,
		.mode = has & STORE_HAS_MODE ? edge->mode : 0,
		.uid = has & STORE_HAS_UID ? edge->uid : 0,
		.gid = has & STORE_HAS_GID ? edge->gid : 0,
	};
}

/* The cap of an immutable file is bound to its size; what the gateway says beside it is not. */
static uint64_t bytes_of_file(const struct store_node *node, const struct cap *cap)
{
	if (cap_is_chk(cap) || cap_is_literal(cap))
		return cap->size;
	return node->has_size ? node->size : 0;
}

void remote_describe(const struct store_node *node, struct remote_child *child)
{
	const struct cap *cap = node->ro.kind ? &node->ro : &node->rw;
	child->kind = (uint8_t)node->kind;
	child->bytes = node->kind == STORE_FILE ? bytes_of_file(node, cap) : 0;
	child->meta = meta_of(node);
	bool right = (node->kind == STORE_FILE && cap_is_file(cap)) ||
		     (node->kind == STORE_DIRECTORY && cap_is_directory(cap));
	if (!right || cap_is_verifier(cap) ||
	    !cap_pack(cap, child->cap, &child->cap_size, &child->cap_kind))
		child->cap_kind = CAP_NONE;
}

bool remote_is_link(const struct remote_child *child)
{
	return (child->cap_kind == CAP_LIT || child->cap_kind == CAP_CHK) &&
	       child->meta.flags & META_HAS_MODE && S_ISLNK(child->meta.mode);
}

/* Keeps as much of a name as a plan can hold. */
static enum fault keep_name(struct listing *listing, const struct store_child *from,
			    struct remote_child *child)
{
	child->name = listing->names.size;
	child->cut = from->name_size > MANIFEST_NAME_MAX;
	enum fault fault =
		bytes_append(&listing->names, from->name, child->cut ? CUT_SIZE : from->name_size);
	if (!fault && child->cut) {
		unsigned char hash[CONTENT_HASH_SIZE];
		content_hash_of(from->name, from->name_size, hash);
		fault = bytes_append_text(&listing->names, "~");
		for (size_t i = 0; i < HASH_SHOWN && !fault; i++)
			fault = bytes_printf(&listing->names, "%02x", hash[i]);
	}
	child->name_size = (uint16_t)(listing->names.size - child->name);
	return fault;
}

static bool see(void *context, const struct store_child *from)
{
	struct remote *remote = context;
	struct listing *listing = remote->open;
	if (listing->count == listing->capacity) {
		size_t capacity = listing->capacity ? 2 * listing->capacity : 64;
		struct remote_child *grown = calloc(capacity, sizeof *grown);
		if (!grown)
			return false;
		if (listing->count > 0)
			memcpy(grown, listing->child, listing->count * sizeof *grown);
		if (listing->child)
			secret_wipe(listing->child, listing->count * sizeof *grown);
		free(listing->child);
		listing->child = grown;
		listing->capacity = capacity;
	}
	struct remote_child *child = &listing->child[listing->count];
	*child = (struct remote_child){ 0 };
	remote_describe(&from->node, child);
	if (keep_name(listing, from, child))
		return false;
	listing->count++;
	return true;
}

static void begin(void *context)
{
	struct remote *remote = context;
	remote->open->count = 0;
	bytes_clear(&remote->open->names);
}

static int compare(const void *a, const void *b, void *names)
{
	const struct remote_child *left = a, *right = b;
	const unsigned char *text = names;
	return names_compare(text + left->name, left->name_size, text + right->name,
			     right->name_size);
}

/* ---- listings ---- */

static size_t bytes_of(const struct listing *listing)
{
	return listing->names.size + listing->capacity * sizeof *listing->child;
}

static struct listing *oldest(struct remote *remote)
{
	struct listing *found = &remote->kept[0];
	for (size_t i = 1; i < KEPT_MAX; i++)
		if (remote->kept[i].used < found->used)
			found = &remote->kept[i];
	return found;
}

/* Finds a place for one more listing, forgetting others as the limits want it. */
static struct listing *take_place(struct remote *remote)
{
	size_t bytes = 0;
	for (size_t i = 0; i < KEPT_MAX; i++)
		bytes += bytes_of(&remote->kept[i]);
	while (bytes > KEPT_BYTES_MAX) {
		struct listing *last = NULL;
		for (size_t i = 0; i < KEPT_MAX; i++) {
			struct listing *at = &remote->kept[i];
			if (at->used && (!last || at->used < last->used))
				last = at;
		}
		if (!last)
			break;
		bytes -= bytes_of(last);
		forget(last);
	}
	struct listing *place = oldest(remote);
	forget(place);
	bytes_init(&place->names, NAMES_MAX);
	return place;
}

static struct listing *find_kept(struct remote *remote, const struct cap *cap,
				 const unsigned char *index)
{
	for (size_t i = 0; i < KEPT_MAX; i++) {
		struct listing *listing = &remote->kept[i];
		if (!listing->used || listing->has_index != (index != NULL))
			continue;
		if (index ? memcmp(listing->index, index, CAP_KEY_SIZE) == 0
			  : cap_equal(&listing->literal, cap))
			return listing;
	}
	return NULL;
}

enum fault remote_open(struct remote *remote, const struct cap *cap, struct err *err)
{
	unsigned char index[CAP_KEY_SIZE];
	bool has_index = cap_storage_index(cap, index);
	remote->open = find_kept(remote, cap, has_index ? index : NULL);
	if (remote->open) {
		remote->open->used = ++remote->tick;
		return FAULT_NONE;
	}
	struct listing *listing = remote->open = take_place(remote);
	const struct ask_children children = { .begin = begin, .child = see, .context = remote };
	if (ask_directory(&remote->ask, cap, &children, err)) {
		forget(listing);
		remote->open = NULL;
		return err_wrap(err, "listing a directory of the source");
	}
	if (listing->count > 1)
		qsort_r(listing->child, listing->count, sizeof *listing->child, compare,
			listing->names.data);
	listing->used = ++remote->tick;
	listing->has_index = has_index;
	if (has_index)
		memcpy(listing->index, index, CAP_KEY_SIZE);
	else
		listing->literal = *cap;
	return FAULT_NONE;
}

size_t remote_count(const struct remote *remote) { return remote->open ? remote->open->count : 0; }

const struct remote_child *remote_child(const struct remote *remote, size_t number)
{
	return &remote->open->child[number];
}

const char *remote_name(const struct remote *remote, const struct remote_child *child)
{
	return (const char *)remote->open->names.data + child->name;
}

const struct remote_child *remote_find(const struct remote *remote, const char *name, size_t size)
{
	size_t low = 0, high = remote_count(remote);
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct remote_child *child = remote_child(remote, middle);
		int order = names_compare(remote_name(remote, child), child->name_size, name, size);
		if (order == 0)
			return child;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
