#include "plan/walk.h"

#include "plan/names.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	RECORD_HEAD = 10, /* id in 8 bytes, name size in 2; a NUL follows the name */
	/* A window may take half of what is left of this, and always holds one record. */
	WINDOWS_SIZE = 1 << 20,
};

struct frame {
	struct walk_directory at;
	uint64_t block; /* of the manifest, where the sub-directories behind the window begin */
	uint64_t taken; /* id of the one taken last, 0: none */
	size_t window;  /* the frame's records in `records`: the first, */
	size_t current; /* the one taken last, */
	size_t next;    /* and the one to be taken next; the end is the next frame's `window` */
	bool more;      /* there are sub-directories behind the window */
};

struct walk {
	const struct plan_source *source;
	size_t source_count;
	size_t first_local; /* level of the sources' own directories */
	int open_flags;
	bool follow;
	struct manifest_reader *reader;
	struct frame *frame;
	size_t count, capacity;
	unsigned char *records;
	size_t records_size, records_capacity;
};

enum fault walk_new(const struct plan_request *request, const struct plan_source *source,
		    struct walk **walk, struct err *err)
{
	struct walk *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for planning");
	made->source = source;
	made->source_count = request->source_count;
	made->first_local = request->made_count + 1;
	made->follow = request->options.symlinks == PLAN_SYMLINKS_FOLLOW;
	made->open_flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY |
			   (made->follow ? 0 : O_NOFOLLOW);
	enum fault fault = manifest_open(request->manifest, &made->reader, err);
	if (fault) {
		walk_free(made);
		return fault;
	}
	*walk = made;
	return FAULT_NONE;
}

static void close_frame(struct frame *frame)
{
	if (frame->at.fd >= 0)
		close(frame->at.fd);
	frame->at.fd = -1;
}

void walk_free(struct walk *walk)
{
	if (!walk)
		return;
	for (size_t i = 0; i < walk->count; i++)
		close_frame(&walk->frame[i]);
	manifest_close(walk->reader);
	free(walk->frame);
	free(walk->records);
	free(walk);
}

size_t walk_depth(const struct walk *walk) { return walk->count; }

struct manifest_reader *walk_reader(struct walk *walk) { return walk->reader; }

const struct plan_source *walk_source(const struct walk *walk, const char *name, size_t size)
{
	size_t low = 0, high = walk->source_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct plan_source *source = &walk->source[middle];
		int order = names_compare(source->name, strlen(source->name), name, size);
		if (order == 0)
			return source;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

bool walk_is_above(const struct walk *walk, uint64_t dev, uint64_t ino)
{
	for (size_t i = walk->first_local; i < walk->count; i++)
		if (walk->frame[i].at.ino == ino && walk->frame[i].at.dev == dev)
			return true;
	return false;
}

/* Makes room for one more frame. */
static bool reserve_frame(struct walk *walk)
{
	if (walk->count < walk->capacity)
		return true;
	size_t capacity = walk->capacity ? 2 * walk->capacity : 64;
	struct frame *frame = realloc(walk->frame, capacity * sizeof *frame);
	if (!frame)
		return false;
	walk->frame = frame;
	walk->capacity = capacity;
	return true;
}

enum fault walk_push(struct walk *walk, const struct walk_directory *directory, struct err *err)
{
	if (!reserve_frame(walk)) {
		if (directory->fd >= 0)
			close(directory->fd);
		return err_set(err, FAULT_NOMEM, "no memory for a directory's place in the walk");
	}
	walk->frame[walk->count++] = (struct frame){
		.at = *directory,
		.block = directory->listing,
		.window = walk->records_size,
		.current = walk->records_size,
		.next = walk->records_size,
		.more = true,
	};
	if (walk->count > WALK_OPEN_MAX)
		close_frame(&walk->frame[walk->count - 1 - WALK_OPEN_MAX]);
	return FAULT_NONE;
}

/* Appends a record behind the topmost frame's. */
static enum fault add_record(struct walk *walk, uint64_t id, const char *name, size_t size,
			     struct err *err)
{
	size_t wanted = walk->records_size + RECORD_HEAD + size + 1;
	if (wanted > walk->records_capacity) {
		size_t capacity = walk->records_capacity ? walk->records_capacity : 4096;
		while (capacity < wanted)
			capacity *= 2;
		unsigned char *records = realloc(walk->records, capacity);
		if (!records)
			return err_set(err, FAULT_NOMEM, "no memory for names in the walk");
		walk->records = records;
		walk->records_capacity = capacity;
	}
	unsigned char *at = walk->records + walk->records_size;
	store_le64(at, id);
	store_le16(at + 8, (uint16_t)size);
	memcpy(at + RECORD_HEAD, name, size);
	at[RECORD_HEAD + size] = '\0';
	walk->records_size = wanted;
	return FAULT_NONE;
}

static const char *record_name(const struct walk *walk, size_t record, size_t *size)
{
	*size = load_le16(walk->records + record + 8);
	return (const char *)walk->records + record + RECORD_HEAD;
}

/* Adds the sub-directories of one block that are still to be taken, until `limit` is reached. */
static enum fault load_block(struct walk *walk, struct frame *frame,
			     const struct manifest_block *block, size_t limit, struct err *err)
{
	for (size_t i = 0; i < block->count; i++) {
		const struct manifest_entry *entry = &block->entry[i];
		if (entry->kind != MANIFEST_DIRECTORY || entry->verdict ||
		    entry->id <= frame->taken)
			continue;
		if (walk->records_size > frame->window &&
		    walk->records_size + RECORD_HEAD + entry->name_size + 1 > limit) {
			frame->more = true;
			return FAULT_NONE;
		}
		enum fault fault = add_record(walk, entry->id, entry->name, entry->name_size, err);
		if (fault)
			return fault;
	}
	return FAULT_NONE;
}

/* Reads the block at `offset`, which must belong to `listing`. */
static enum fault read_listed(struct walk *walk, uint64_t offset, uint64_t listing,
			      struct manifest_block *block, struct err *err)
{
	enum fault fault = manifest_read(walk->reader, offset, block, err);
	if (fault == FAULT_NOT_FOUND)
		return err_set(err, FAULT_CORRUPT, "the manifest ends within a listing");
	if (!fault && (block->is_trailer || block->listing != listing))
		return err_set(err, FAULT_CORRUPT, "the manifest lacks the rest of a listing");
	return fault;
}

/* Fills the window of the topmost frame anew, all of whose records are taken. */
static enum fault load_window(struct walk *walk, struct frame *frame, struct err *err)
{
	walk->records_size = frame->current = frame->next = frame->window;
	size_t left = frame->window < WINDOWS_SIZE ? WINDOWS_SIZE - frame->window : 0;
	frame->more = false;
	for (uint64_t offset = frame->block;;) {
		struct manifest_block block;
		enum fault fault = read_listed(walk, offset, frame->at.listing, &block, err);
		if (!fault)
			fault = load_block(walk, frame, &block, frame->window + left / 2, err);
		if (fault)
			return fault;
		frame->block = offset;
		if (frame->more || block.last)
			return FAULT_NONE;
		offset = block.next;
	}
}

/* Opens `..` of the topmost directory as the one below it in the stack, if that is what it is. */
static void open_parent(const struct frame *top, struct frame *parent)
{
	int fd = openat(top->at.fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && st.st_dev == parent->at.dev && st.st_ino == parent->at.ino)
		parent->at.fd = fd;
	else
		close(fd);
}

static void pop(struct walk *walk)
{
	struct frame *top = &walk->frame[walk->count - 1];
	if (walk->count - 1 > walk->first_local && top->at.fd >= 0 && top[-1].at.fd < 0)
		open_parent(top, top - 1);
	close_frame(top);
	walk->records_size = top->window;
	walk->count--;
}

enum fault walk_next(struct walk *walk, struct walk_child *child, struct err *err)
{
	struct frame *top = &walk->frame[walk->count - 1];
	*child = (struct walk_child){ .id = 0 };
	if (top->next == walk->records_size && top->more) {
		enum fault fault = load_window(walk, top, err);
		if (fault)
			return fault;
	}
	if (top->next == walk->records_size) {
		pop(walk);
		return FAULT_NONE;
	}
	top->current = top->next;
	top->taken = child->id = load_le64(walk->records + top->current);
	child->name = record_name(walk, top->current, &child->name_size);
	child->parent_id = top->at.id;
	child->parent_listing = top->at.listing;
	top->next += RECORD_HEAD + child->name_size + 1;
	return FAULT_NONE;
}

/* Opens a name in frame `level`, which stands open, or a source by its path.  Returns -1 with
 * errno set. */
static int open_in(const struct walk *walk, int fd, size_t level, const char *name, size_t size)
{
	if (level + 1 > walk->first_local)
		return openat(fd, name, walk->open_flags);
	const struct plan_source *source = walk_source(walk, name, size);
	if (source)
		return open(source->path, walk->open_flags & ~O_NOFOLLOW);
	errno = ENOENT;
	return -1;
}

/* Opens the directory of frame `level` going down by names from the nearest one that is open.
 * Returns its errno, or 0. */
static int reopen(struct walk *walk, size_t level)
{
	size_t from = level;
	while (from > walk->first_local && walk->frame[from].at.fd < 0)
		from--;
	int fd = walk->frame[from].at.fd;
	bool ours = false;
	for (size_t at = fd < 0 ? from - 1 : from; at < level; at++) {
		size_t size;
		const char *name = record_name(walk, walk->frame[at].current, &size);
		int next = open_in(walk, fd, at, name, size);
		int os_error = errno;
		if (ours)
			close(fd);
		if (next < 0)
			return os_error;
		fd = next;
		ours = true;
	}
	struct stat st;
	if (fstat(fd, &st) < 0) {
		int os_error = errno;
		if (ours)
			close(fd);
		return os_error;
	}
	struct walk_directory *directory = &walk->frame[level].at;
	directory->fd = fd;
	directory->dev = st.st_dev;
	directory->ino = st.st_ino;
	return 0;
}

static enum fault open_local(struct walk *walk, const struct walk_child *child,
			     struct walk_directory *opened, int *os_error)
{
	size_t parent = walk->count - 1;
	if (parent >= walk->first_local && walk->frame[parent].at.fd < 0) {
		*os_error = reopen(walk, parent);
		if (*os_error)
			return FAULT_NONE;
	}
	int fd = open_in(walk, walk->frame[parent].at.fd, parent, child->name, child->name_size);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0) {
		*os_error = errno;
		if (fd >= 0)
			close(fd);
		return FAULT_NONE;
	}
	if (walk->follow && walk_is_above(walk, st.st_dev, st.st_ino)) {
		close(fd);
		*os_error = ELOOP;
		return FAULT_NONE;
	}
	*opened = (struct walk_directory){
		.id = child->id, .dev = st.st_dev, .ino = st.st_ino, .fd = fd
	};
	return FAULT_NONE;
}

enum fault walk_open(struct walk *walk, const struct walk_child *child,
		     struct walk_directory *directory, int *os_error, struct err *err)
{
	*os_error = 0;
	if (walk->count < walk->first_local) {
		*directory = (struct walk_directory){ .id = child->id, .fd = -1 };
		return FAULT_NONE;
	}
	enum fault fault = open_local(walk, child, directory, os_error);
	if (*os_error == EMFILE || *os_error == ENFILE || *os_error == ENOMEM)
		return err_os(err, FAULT_NOMEM, *os_error, "cannot open a directory");
	return fault;
}

/* The listings on the way up from one, that one first. */
struct chain {
	uint64_t *listing;
	size_t count, capacity;
};

static enum fault read_first(struct walk *walk, uint64_t listing, struct manifest_block *block,
			     struct err *err)
{
	enum fault fault = read_listed(walk, listing, listing, block, err);
	if (!fault && (!block->first || (block->id && block->parent_listing >= listing)))
		return err_set(err, FAULT_CORRUPT, "the manifest has a listing out of place");
	return fault;
}

static enum fault climb(struct walk *walk, uint64_t listing, struct chain *chain, struct err *err)
{
	for (;;) {
		if (chain->count == chain->capacity) {
			size_t capacity = chain->capacity ? 2 * chain->capacity : 64;
			uint64_t *more = realloc(chain->listing, capacity * sizeof *more);
			if (!more)
				return err_set(err, FAULT_NOMEM, "no memory for the way up");
			chain->listing = more;
			chain->capacity = capacity;
		}
		struct manifest_block block;
		enum fault fault = read_first(walk, listing, &block, err);
		if (fault)
			return fault;
		chain->listing[chain->count++] = listing;
		if (!block.id)
			return FAULT_NONE;
		listing = block.parent_listing;
	}
}

/* Pushes the directory of `listing` with the one of `below` taken from it. */
static enum fault push_taken(struct walk *walk, uint64_t listing, uint64_t below, struct err *err)
{
	struct manifest_block block;
	enum fault fault = read_first(walk, listing, &block, err);
	if (fault)
		return fault;
	struct walk_directory directory = { .id = block.id, .listing = listing, .fd = -1 };
	fault = walk_push(walk, &directory, err);
	if (!fault)
		fault = read_first(walk, below, &block, err);
	if (!fault)
		fault = add_record(walk, block.id, block.name, block.name_size, err);
	if (fault)
		return fault;
	struct frame *top = &walk->frame[walk->count - 1];
	top->taken = block.id;
	top->next = walk->records_size;
	return FAULT_NONE;
}

enum fault walk_restore(struct walk *walk, uint64_t listing, struct walk_child *child,
			struct err *err)
{
	struct chain chain = { .count = 0 };
	enum fault fault = climb(walk, listing, &chain, err);
	for (size_t i = chain.count; i-- > 1 && !fault;)
		fault = push_taken(walk, chain.listing[i], chain.listing[i - 1], err);
	free(chain.listing);
	if (fault)
		return fault;
	/* Their numbers are wanted for `..` and for loops; what is gone is told when it is opened
	 * again. */
	for (size_t level = walk->first_local; level < walk->count; level++) {
		if (reopen(walk, level))
			break;
		if (level >= WALK_OPEN_MAX)
			close_frame(&walk->frame[level - WALK_OPEN_MAX]);
	}
	*child = (struct walk_child){ .id = 0, .name = "" };
	if (!walk->count)
		return FAULT_NONE;
	const struct frame *top = &walk->frame[walk->count - 1];
	child->id = top->taken;
	child->parent_id = top->at.id;
	child->parent_listing = top->at.listing;
	child->name = record_name(walk, top->current, &child->name_size);
	return FAULT_NONE;
}
