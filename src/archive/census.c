#include "archive/census.h"

#include "base/bytes.h"
#include "base/digest.h"
#include "base/secret.h"
#include "plan/chunks.h"
#include "queue/core/array.h"
#include "queue/retry.h"
#include "store/names_seen.h"

/*
 *   census_enter   a directory: known by its cap -> its sum goes to the one above
 *                  else it is listed, its files are counted, its sub-directories are pushed
 *        ^   |
 *        |   v
 *   census_next    the next sub-directory of the topmost level; none is left -> census_leave
 *   census_leave   what it came to is remembered, and goes to the one above
 */

enum {
	KNOWN_FIRST = 64,
	AHEAD = 8,           /* sub-directories whose listings are asked for ahead */
	NAMES_MAX = 1 << 30, /* bytes of the names of directories still to be counted */
};

/* What a directory came to. */
struct known {
	unsigned char key[CONTENT_HASH_SIZE]; /* of its cap */
	bool used;
	bool open; /* it is being counted: below itself it is a circle */
	struct census_sum sum;
};

/* A cap as cap_pack has it. */
struct census_cap {
	unsigned char packed[CAP_PACKED_SIZE];
	uint8_t size, kind;
};

/* A sub-directory still to be counted. */
struct census_pending {
	struct census_cap cap;
	size_t name, name_size; /* in `names` */
};

/* A directory on the way down. */
struct census_level {
	unsigned char key[CONTENT_HASH_SIZE];
	struct census_sum sum;
	size_t first, next; /* of its sub-directories in `pending`, which reach to the end */
	size_t names;       /* bytes of `names` before its own */
	size_t path;        /* bytes of its path */
};

struct census {
	struct remote *remote;
	census_unread *unread;
	void *context;
	struct known *known;
	size_t known_count, known_capacity;
	struct names_seen files; /* by their caps */
	struct census_pending *pending;
	size_t pending_count, pending_capacity;
	struct census_level *level;
	size_t depth, level_capacity;
	struct bytes names, path;
};

struct census *census_new(struct remote *remote, census_unread *unread, void *context)
{
	struct census *census = calloc(1, sizeof *census);
	if (!census)
		return NULL;
	census->remote = remote;
	census->unread = unread;
	census->context = context;
	bytes_init(&census->names, NAMES_MAX);
	bytes_init(&census->path, NAMES_MAX);
	return census;
}

void census_free(struct census *census)
{
	if (!census)
		return;
	if (census->pending)
		secret_wipe(census->pending, census->pending_capacity * sizeof *census->pending);
	free(census->pending);
	free(census->level);
	free(census->known);
	names_seen_fini(&census->files);
	bytes_fini(&census->names);
	bytes_fini(&census->path);
	free(census);
}

static enum fault census_nomem(struct err *err)
{
	return err_set(err, FAULT_NOMEM, "no memory to count what is in snapshots");
}

/* ---- what is known ---- */

/* Kind and size go into the hash: a file and a directory may have equal bytes. */
static void key_of(const struct census_cap *cap, unsigned char key[CONTENT_HASH_SIZE])
{
	unsigned char text[CAP_PACKED_SIZE + 2];
	memcpy(text, cap->packed, CAP_PACKED_SIZE);
	text[CAP_PACKED_SIZE] = cap->kind;
	text[CAP_PACKED_SIZE + 1] = cap->size;
	content_hash_of(text, sizeof text, key);
	secret_wipe(text, sizeof text);
}

/* Returns the place of a key: what is known of it, or a free one. */
static struct known *find_place(struct known *known, size_t capacity, const unsigned char *key)
{
	size_t at = load_le64(key) & (capacity - 1);
	while (known[at].used && memcmp(known[at].key, key, CONTENT_HASH_SIZE) != 0)
		at = (at + 1) & (capacity - 1);
	return &known[at];
}

static const struct known *find_known(const struct census *census, const unsigned char *key)
{
	if (census->known_capacity == 0)
		return NULL;
	const struct known *found = find_place(census->known, census->known_capacity, key);
	return found->used ? found : NULL;
}

static bool grow_known(struct census *census)
{
	if (census->known_count < census->known_capacity / 4 * 3)
		return true;
	size_t capacity = census->known_capacity ? 2 * census->known_capacity : KNOWN_FIRST;
	struct known *grown = calloc(capacity, sizeof *grown);
	if (!grown)
		return false;
	for (size_t i = 0; i < census->known_capacity; i++)
		if (census->known[i].used)
			*find_place(grown, capacity, census->known[i].key) = census->known[i];
	free(census->known);
	census->known = grown;
	census->known_capacity = capacity;
	return true;
}

/* Remembers what a directory came to, or that it is being counted. */
static enum fault remember(struct census *census, const unsigned char *key, bool open,
			   const struct census_sum *sum, struct err *err)
{
	if (!grow_known(census))
		return census_nomem(err);
	struct known *place = find_place(census->known, census->known_capacity, key);
	census->known_count += !place->used;
	*place = (struct known){ .used = true, .open = open, .sum = *sum };
	memcpy(place->key, key, CONTENT_HASH_SIZE);
	/* What is met again is new no more. */
	place->sum.new_bytes = 0;
	return FAULT_NONE;
}

static void add_sum(struct census_sum *to, const struct census_sum *sum)
{
	to->files = add_saturated(to->files, sum->files);
	to->directories = add_saturated(to->directories, sum->directories);
	to->bytes = add_saturated(to->bytes, sum->bytes);
	to->new_bytes = add_saturated(to->new_bytes, sum->new_bytes);
	to->unread = add_saturated(to->unread, sum->unread);
}

/* ---- one directory ---- */

static struct census_cap cap_of_child(const struct remote_child *child)
{
	struct census_cap cap = { .size = child->cap_size, .kind = child->cap_kind };
	memcpy(cap.packed, child->cap, CAP_PACKED_SIZE);
	return cap;
}

static enum fault census_push(struct census *census, const struct remote_child *child,
			      struct err *err)
{
	if (census->pending_count == census->pending_capacity) {
		size_t capacity = census->pending_capacity ? 2 * census->pending_capacity : 64;
		struct census_pending *grown = calloc(capacity, sizeof *grown);
		if (!grown)
			return census_nomem(err);
		if (census->pending_count > 0) {
			memcpy(grown, census->pending, census->pending_count * sizeof *grown);
			secret_wipe(census->pending, census->pending_count * sizeof *grown);
		}
		free(census->pending);
		census->pending = grown;
		census->pending_capacity = capacity;
	}
	struct census_pending *pending = &census->pending[census->pending_count++];
	*pending = (struct census_pending){
		.cap = cap_of_child(child),
		.name = census->names.size,
		.name_size = child->name_size,
	};
	return bytes_err(
		bytes_append(&census->names, remote_name(census->remote, child), child->name_size),
		err, "the names of directories");
}

static enum fault count_file(struct census *census, const struct remote_child *child,
			     struct census_sum *sum, struct err *err)
{
	unsigned char key[CONTENT_HASH_SIZE];
	sum->files++;
	sum->bytes = add_saturated(sum->bytes, child->bytes);
	struct census_cap cap = cap_of_child(child);
	key_of(&cap, key);
	secret_wipe(&cap, sizeof cap);
	enum fault fault = names_seen_add(&census->files, key, sizeof key);
	if (fault == FAULT_NOMEM)
		return census_nomem(err);
	if (fault == FAULT_NONE)
		sum->new_bytes = add_saturated(sum->new_bytes, child->bytes);
	return FAULT_NONE;
}

/* Counts the children of the directory that the remote has turned to. */
static enum fault count_children(struct census *census, struct census_sum *sum, struct err *err)
{
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < remote_count(census->remote) && !fault; i++) {
		const struct remote_child *child = remote_child(census->remote, i);
		fault = chunks_judge(census->remote, child, err);
		if (fault)
			break;
		if (child->kind == STORE_FILE) {
			fault = count_file(census, child, sum, err);
		} else if (child->kind == STORE_DIRECTORY) {
			sum->directories++;
			fault = census_push(census, child, err);
		}
	}
	return fault;
}

static struct census_level *push_level(struct census *census, const unsigned char *key,
				       struct err *err)
{
	if (!array_reserve(&census->level, census->depth, &census->level_capacity,
			   sizeof *census->level)) {
		(void)!census_nomem(err);
		return NULL;
	}
	struct census_level *level = &census->level[census->depth++];
	*level = (struct census_level){
		.first = census->pending_count,
		.next = census->pending_count,
		.names = census->names.size,
		.path = census->path.size,
	};
	memcpy(level->key, key, CONTENT_HASH_SIZE);
	return level;
}

/* What could not be listed is told, and counts as such in each snapshot that has it. */
static enum fault give_up(struct census *census, const unsigned char *key, struct census_sum *above,
			  struct err *err)
{
	if (fault_is_general(err->fault))
		return err->fault;
	const struct census_sum sum = { .unread = 1 };
	census->unread(census->context, bytes_text(&census->path), err);
	add_sum(above, &sum);
	return remember(census, key, false, &sum, err);
}

/* Counts the directory `cap`, whose path is set; what is known of it goes to `above`. */
static enum fault census_enter(struct census *census, const struct cap *cap,
			       const unsigned char *key, struct census_sum *above, struct err *err)
{
	const struct known *known = find_known(census, key);
	if (known && !known->open) {
		add_sum(above, &known->sum);
		return FAULT_NONE;
	}
	if (known) {
		err_set(err, FAULT_CORRUPT, "the directory is below itself");
		census->unread(census->context, bytes_text(&census->path), err);
		above->unread++;
		return FAULT_NONE;
	}
	if (remote_open(census->remote, cap, err))
		return give_up(census, key, above, err);
	const struct census_sum none = { 0 };
	if (remember(census, key, true, &none, err))
		return err->fault;
	struct census_level *level = push_level(census, key, err);
	return level ? count_children(census, &level->sum, err) : err->fault;
}

/* ---- the way ---- */

/* Has the listings of the next sub-directories asked for that are not known. */
static void census_ahead(const struct census *census, size_t next)
{
	for (size_t i = next; i < census->pending_count && i < next + AHEAD; i++) {
		const struct census_pending *pending = &census->pending[i];
		unsigned char key[CONTENT_HASH_SIZE];
		struct cap cap;
		key_of(&pending->cap, key);
		if (find_known(census, key) ||
		    !cap_unpack(pending->cap.packed, pending->cap.size, pending->cap.kind, &cap))
			continue;
		remote_ahead(census->remote, &cap);
		cap_wipe(&cap);
	}
}

/* Puts the name of a sub-directory behind the path of the topmost level. */
static enum fault extend_path(struct census *census, const struct census_pending *pending,
			      struct err *err)
{
	census->path.size = census->level[census->depth - 1].path;
	enum fault fault = census->path.size ? bytes_append_text(&census->path, "/") : FAULT_NONE;
	if (!fault)
		fault = bytes_append(&census->path, bytes_text(&census->names) + pending->name,
				     pending->name_size);
	return bytes_err(fault, err, "a path");
}

static enum fault census_next(struct census *census, struct err *err)
{
	struct census_level *top = &census->level[census->depth - 1];
	const struct census_pending pending = census->pending[top->next++];
	unsigned char key[CONTENT_HASH_SIZE];
	struct cap cap;
	struct census_sum sum = { 0 };
	if (extend_path(census, &pending, err))
		return err->fault;
	census_ahead(census, top->next);
	key_of(&pending.cap, key);
	size_t depth = census->depth;
	enum fault fault = FAULT_NONE;
	if (cap_unpack(pending.cap.packed, pending.cap.size, pending.cap.kind, &cap)) {
		fault = census_enter(census, &cap, key, &sum, err);
	} else {
		err_set(err, FAULT_RETRY, "its cap makes no sense");
		fault = give_up(census, key, &sum, err);
	}
	cap_wipe(&cap);
	add_sum(&census->level[depth - 1].sum, &sum);
	return fault;
}

/* What the topmost directory came to is remembered, and goes to the one above, or to `sum`. */
static enum fault census_leave(struct census *census, struct census_sum *sum, struct err *err)
{
	const struct census_level left = census->level[--census->depth];
	secret_wipe(&census->pending[left.first],
		    (census->pending_count - left.first) * sizeof *census->pending);
	census->pending_count = left.first;
	census->names.size = left.names;
	add_sum(census->depth > 0 ? &census->level[census->depth - 1].sum : sum, &left.sum);
	return remember(census, left.key, false, &left.sum, err);
}

enum fault census_count(struct census *census, const struct cap *cap, struct census_sum *sum,
			struct err *err)
{
	struct census_cap packed = { .size = 0 };
	unsigned char key[CONTENT_HASH_SIZE];
	*sum = (struct census_sum){ 0 };
	bytes_clear(&census->path);
	if (!cap_pack(cap, packed.packed, &packed.size, &packed.kind))
		return err_set(err, FAULT_RETRY, "its cap makes no sense");
	key_of(&packed, key);
	secret_wipe(&packed, sizeof packed);
	enum fault fault = census_enter(census, cap, key, sum, err);
	while (!fault && census->depth > 0) {
		const struct census_level *top = &census->level[census->depth - 1];
		fault = top->next < census->pending_count ? census_next(census, err)
							  : census_leave(census, sum, err);
	}
	return fault;
}
