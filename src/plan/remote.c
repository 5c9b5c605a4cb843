#include "plan/remote.h"

#include "base/bytes.h"
#include "base/digest.h"
#include "base/secret.h"
#include "queue/entry.h"

#include <sys/stat.h>

enum {
	KEPT_MAX = 64,             /* listings */
	KEPT_BYTES_MAX = 32 << 20, /* of those that were used; of those that came ahead the same */
	AHEAD_MAX = 4,             /* listings on their way when another one is asked for ahead */
	NAMES_MAX = 512 << 20,     /* bytes of all names of one directory */
	JUDGED = 1024,             /* places, each for one that was judged */
	HASH_SHOWN = 8,            /* bytes of the hash behind a name that is cut */
	CUT_SIZE = MANIFEST_NAME_MAX - 1 - 2 * HASH_SHOWN,
};

struct remote_listing {
	unsigned char index[CAP_KEY_SIZE]; /* storage index */
	bool has_index;                    /* else `literal` names it */
	struct cap literal;
	uint64_t used; /* tick; 0: the place is free */
	struct bytes names;
	struct remote_child *child; /* sorted by name, once it is there */
	size_t count, capacity;
	size_t unread;  /* children whose metadata is too long */
	size_t untimed; /* whose time cannot be told */
	enum remote_use use;
	bool coming; /* started, and not seen to have ended */
	bool opened; /* somebody has turned to it */
	struct asking asking;
};

/* A directory with a mark that was judged. */
struct judged {
	unsigned char index[CAP_KEY_SIZE]; /* storage index */
	uint64_t bytes;                    /* that it said to be a file of; 0: the place is free */
	bool is_file;
};

struct remote {
	struct ask ask;
	enum remote_use use;
	struct remote_listing kept[KEPT_MAX];
	struct remote_listing *open; /* one of them, or NULL */
	uint64_t tick;
	uint64_t unread, untimed; /* of the listings that came */
	uint64_t lies;
	struct judged judged[JUDGED];
};

struct remote *remote_new(const struct ask *ask, enum remote_use use)
{
	struct remote *remote = calloc(1, sizeof *remote);
	if (!remote)
		return NULL;
	remote->ask = *ask;
	remote->use = use;
	return remote;
}

/* Frees a place: its listing is cancelled when it is on its way, and wiped. */
static void forget(const struct remote *remote, struct remote_listing *listing)
{
	ask_cancel(&remote->ask, &listing->asking);
	if (listing->child)
		secret_wipe(listing->child, listing->capacity * sizeof *listing->child);
	cap_wipe(&listing->literal);
	free(listing->child);
	bytes_fini(&listing->names);
	*listing = (struct remote_listing){ 0 };
}

void remote_free(struct remote *remote)
{
	if (!remote)
		return;
	for (size_t i = 0; i < KEPT_MAX; i++)
		forget(remote, &remote->kept[i]);
	free(remote);
}

/* ---- children ---- */

/* What the edge to a child says; what it does not say is left out. */
static struct meta meta_of(const struct store_node *node)
{
	const struct edge_metadata *edge = &node->metadata;
	unsigned has = node->metadata_flags;
	return (struct meta){
		.flags = (uint8_t)(META_GRID | (has & STORE_HAS_MTIME ? META_HAS_MTIME : 0) |
				   (has & STORE_HAS_MODE ? META_HAS_MODE : 0)),
		.mtime_ns = has & STORE_HAS_MTIME ? edge->mtime_ns : META_NO_TIME,
		.ctime_ns = has & STORE_HAS_CTIME ? edge->ctime_ns : META_NO_TIME,
		.mode = has & STORE_HAS_MODE ? edge->mode : 0,
		.uid = has & STORE_HAS_UID ? edge->uid : 0,
		.gid = has & STORE_HAS_GID ? edge->gid : 0,
		.ino = edge->ino,
		.dev = edge->dev,
		.nlink = edge->nlink,
	};
}

/* The cap of an immutable file is bound to its size; what the gateway says beside it is not. */
static uint64_t bytes_of_file(const struct store_node *node, const struct cap *cap)
{
	if (cap_is_chk(cap) || cap_is_literal(cap))
		return cap->size;
	return node->has_size ? node->size : 0;
}

/* Returns the cap of a node that the use wants, one of kind CAP_NONE where there is none. */
static const struct cap *cap_for(enum remote_use use, const struct store_node *node)
{
	return use == REMOTE_TARGET && cap_is_writable(&node->rw) ? &node->rw
								  : store_node_cap(node);
}

/* Keeps of a node what a plan wants.  Without a cap that the use can work with it gets CAP_NONE. */
static void describe_child(enum remote_use use, const struct store_node *node,
			   struct remote_child *child)
{
	const struct cap *cap = cap_for(use, node);
	child->kind = (uint8_t)node->kind;
	child->bytes = node->kind == STORE_FILE ? bytes_of_file(node, cap) : 0;
	child->meta = meta_of(node);
	child->chunked = store_node_chunked(node);
	child->hollow = node->kind == STORE_DIRECTORY && node->metadata_flags & STORE_UNREADABLE;
	bool right = (node->kind == STORE_FILE && cap_is_file(cap)) ||
		     (node->kind == STORE_DIRECTORY && cap_is_directory(cap));
	child->fixed = use == REMOTE_TARGET && right && node->kind == STORE_DIRECTORY &&
		       !cap_is_writable(cap);
	if (!right || cap_is_verifier(cap) ||
	    !cap_pack(cap, child->cap, &child->cap_size, &child->cap_kind))
		child->cap_kind = CAP_NONE;
}

void remote_describe(const struct store_node *node, struct remote_child *child)
{
	describe_child(REMOTE_SOURCE, node, child);
}

void remote_be_file(struct remote_child *child, uint64_t bytes)
{
	child->kind = STORE_FILE;
	child->bytes = bytes;
	child->fixed = false;
	child->chunked = 0;
}

bool remote_is_link(const struct remote_child *child)
{
	return (child->cap_kind == CAP_LIT || child->cap_kind == CAP_CHK) &&
	       child->meta.flags & META_HAS_MODE && S_ISLNK(child->meta.mode);
}

/* Keeps as much of a name as a plan can hold, and behind it the extended attributes. */
static enum fault keep_name(struct remote_listing *listing, const struct store_child *from,
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
	child->attributes = listing->names.size;
	child->attributes_size = from->node.metadata.attributes_size;
	return fault || child->attributes_size == 0
		       ? fault
		       : bytes_append(&listing->names, from->node.metadata.attributes,
				      child->attributes_size);
}

/* Hears of one child.  The children are moved by hand when they outgrow their memory: they hold
 * caps, and realloc would leave them behind. */
static bool keep_child(void *context, const struct store_child *from)
{
	struct remote_listing *listing = context;
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
	describe_child(listing->use, &from->node, child);
	if (keep_name(listing, from, child))
		return false;
	listing->unread += (from->node.metadata_flags & STORE_UNREAD) != 0;
	listing->untimed += (from->node.metadata_flags & STORE_UNTIMED) != 0;
	listing->count++;
	return true;
}

/* Hears that a listing begins, or begins again. */
static void begin_children(void *context)
{
	struct remote_listing *listing = context;
	listing->count = listing->unread = listing->untimed = 0;
	bytes_clear(&listing->names);
}

static int compare_children(const void *a, const void *b, void *names)
{
	const struct remote_child *left = a, *right = b;
	const unsigned char *text = names;
	return bytes_compare(text + left->name, left->name_size, text + right->name,
			     right->name_size);
}

/* ---- listings ---- */

static size_t bytes_of(const struct remote_listing *listing)
{
	return listing->names.size + listing->capacity * sizeof *listing->child;
}

/* Returns the bytes of all listings that somebody has turned to, or of all others. */
static size_t bytes_kept(const struct remote *remote, bool opened)
{
	size_t bytes = 0;
	for (size_t i = 0; i < KEPT_MAX; i++)
		if (remote->kept[i].opened == opened)
			bytes += bytes_of(&remote->kept[i]);
	return bytes;
}

/* Whether `a` is the better one to forget: free, else used, else wanted long ago. */
static bool goes_before(const struct remote_listing *a, const struct remote_listing *b)
{
	if (!a->used || !b->used)
		return !a->used && b->used;
	return a->opened != b->opened ? a->opened : a->used < b->used;
}

/* Returns the listing that is needed least, of those that were used or of all, but neither the one
 * in use nor one on its way; or NULL. */
static struct remote_listing *needed_least(struct remote *remote, bool opened)
{
	struct remote_listing *found = NULL;
	for (size_t i = 0; i < KEPT_MAX; i++) {
		struct remote_listing *at = &remote->kept[i];
		if (at == remote->open || ask_is_busy(&at->asking) || (opened && !at->opened))
			continue;
		if (!found || goes_before(at, found))
			found = at;
	}
	return found;
}

/* Finds a place for one more listing, forgetting others as the limits want it. */
static struct remote_listing *take_place(struct remote *remote)
{
	size_t bytes = bytes_kept(remote, true);
	struct remote_listing *place;
	while (bytes > KEPT_BYTES_MAX && (place = needed_least(remote, true))) {
		bytes -= bytes_of(place);
		forget(remote, place);
	}
	place = needed_least(remote, false); /* so many are never on their way */
	forget(remote, place);
	bytes_init(&place->names, NAMES_MAX);
	return place;
}

/* Finds the directory's listing by its storage index, or by the cap where it has none. */
static struct remote_listing *find_kept(struct remote *remote, const struct cap *cap,
					const unsigned char *index)
{
	for (size_t i = 0; i < KEPT_MAX; i++) {
		struct remote_listing *listing = &remote->kept[i];
		if (!listing->used || listing->has_index != (index != NULL))
			continue;
		if (index ? memcmp(listing->index, index, CAP_KEY_SIZE) == 0
			  : cap_equal(&listing->literal, cap))
			return listing;
	}
	return NULL;
}

/* Starts the listing of a directory that is not kept. */
static struct remote_listing *remote_start(struct remote *remote, const struct cap *cap,
					   const unsigned char *index)
{
	struct remote_listing *listing = take_place(remote);
	listing->use = remote->use;
	listing->used = ++remote->tick;
	listing->coming = true;
	listing->has_index = index;
	if (index)
		memcpy(listing->index, index, CAP_KEY_SIZE);
	else
		listing->literal = *cap;
	const struct ask_children children = { .begin = begin_children,
					       .child = keep_child,
					       .context = listing };
	ask_start(&remote->ask, cap, &children, &listing->asking);
	return listing;
}

/* Waits for a listing and sorts it. */
static enum fault remote_finish(struct remote *remote, const struct cap *cap,
				struct remote_listing *listing, struct err *err)
{
	if (ask_finish(&remote->ask, cap, &listing->asking, err)) {
		forget(remote, listing);
		return err_wrap(err, remote->use == REMOTE_SOURCE
					     ? "listing a directory of the source"
					     : "listing a directory at the target");
	}
	listing->coming = false;
	remote->unread += listing->unread;
	remote->untimed += listing->untimed;
	if (listing->count > 1)
		qsort_r(listing->child, listing->count, sizeof *listing->child, compare_children,
			listing->names.data);
	return FAULT_NONE;
}

enum fault remote_open(struct remote *remote, const struct cap *cap, struct err *err)
{
	unsigned char place[CAP_KEY_SIZE];
	const unsigned char *index = cap_storage_index(cap, place) ? place : NULL;
	struct remote_listing *listing = find_kept(remote, cap, index);
	remote->open = NULL;
	/* A target may have been changed by the job since somebody turned to it. */
	if (listing && listing->opened && remote->use == REMOTE_TARGET) {
		forget(remote, listing);
		listing = NULL;
	}
	/* What failed ahead of its time is no try. */
	if (listing && listing->coming && ask_has_failed(&listing->asking)) {
		forget(remote, listing);
		listing = NULL;
	}
	if (!listing)
		listing = remote_start(remote, cap, index);
	if (listing->coming && remote_finish(remote, cap, listing, err))
		return err->fault;
	listing->used = ++remote->tick;
	listing->opened = true;
	remote->open = listing;
	return FAULT_NONE;
}

static unsigned count_coming(const struct remote *remote)
{
	unsigned count = 0;
	for (size_t i = 0; i < KEPT_MAX; i++)
		count += ask_is_busy(&remote->kept[i].asking);
	return count;
}

void remote_ahead(struct remote *remote, const struct cap *cap)
{
	unsigned char place[CAP_KEY_SIZE];
	const unsigned char *index = cap_storage_index(cap, place) ? place : NULL;
	struct remote_listing *listing = find_kept(remote, cap, index);
	if (listing)
		listing->used = ++remote->tick;
	else if (count_coming(remote) < AHEAD_MAX && bytes_kept(remote, false) <= KEPT_BYTES_MAX)
		remote_start(remote, cap, index);
}

/* Finds the place of a child's directory among those that are judged.  Returns whether it gets one.
 * The index is a hash already. */
static bool find_place(const struct remote_child *child, unsigned char index[CAP_KEY_SIZE],
		       size_t *place)
{
	struct cap cap;
	uint64_t hash;
	const bool found = cap_unpack(child->cap, child->cap_size, child->cap_kind, &cap) &&
			   cap_storage_index(&cap, index);
	cap_wipe(&cap);
	if (found) {
		memcpy(&hash, index, sizeof hash);
		*place = hash % JUDGED;
	}
	return found;
}

bool remote_was_judged(struct remote *remote, const struct remote_child *child, bool *is_file)
{
	unsigned char index[CAP_KEY_SIZE];
	size_t place;
	if (!find_place(child, index, &place))
		return false;
	const struct judged *judged = &remote->judged[place];
	if (judged->bytes != child->chunked || memcmp(judged->index, index, sizeof index) != 0)
		return false;
	*is_file = judged->is_file;
	return true;
}

void remote_judge(struct remote *remote, const struct remote_child *child, bool is_file)
{
	struct judged verdict = { .bytes = child->chunked, .is_file = is_file };
	size_t place;
	if (find_place(child, verdict.index, &place))
		remote->judged[place] = verdict;
	struct remote_child *judged = &remote->open->child[child - remote->open->child];
	if (is_file)
		remote_be_file(judged, judged->chunked);
	judged->chunked = 0;
}

void remote_note_lie(struct remote *remote) { remote->lies++; }

struct tries remote_tries(const struct remote *remote)
{
	struct tries tries = remote->ask.tries;
	tries.wait = &remote->ask.wait;
	return tries;
}

uint64_t remote_lies(const struct remote *remote) { return remote->lies; }

uint64_t remote_unread(const struct remote *remote) { return remote->unread; }

uint64_t remote_untimed(const struct remote *remote) { return remote->untimed; }

void remote_close(struct remote *remote) { remote->open = NULL; }

size_t remote_count(const struct remote *remote) { return remote->open ? remote->open->count : 0; }

const struct remote_child *remote_child(const struct remote *remote, size_t number)
{
	return &remote->open->child[number];
}

const unsigned char *remote_attributes(const struct remote *remote,
				       const struct remote_child *child)
{
	return remote->open->names.data + child->attributes;
}

const char *remote_name(const struct remote *remote, const struct remote_child *child)
{
	return (const char *)remote->open->names.data + child->name;
}

/* A name that is looked for, and where those of the children are. */
struct wanted_child {
	struct bytes_view name;
	const unsigned char *names;
};

static int compare_wanted_child(const void *key, const void *element)
{
	const struct wanted_child *wanted = key;
	const struct remote_child *child = element;
	return bytes_compare(wanted->name.data, wanted->name.size, wanted->names + child->name,
			     child->name_size);
}

const struct remote_child *remote_find(const struct remote *remote, const char *name, size_t size)
{
	const struct remote_listing *listing = remote->open;
	if (!listing || listing->count == 0)
		return NULL;
	const struct wanted_child wanted = { { name, size }, listing->names.data };
	return bsearch(&wanted, listing->child, listing->count, sizeof *listing->child,
		       compare_wanted_child);
}
