#include "plan/walk_stack.h"

#include "queue/core/array.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	RECORD_HEAD = 10, /* id in 8 bytes, name size in 2; a NUL follows the name */
	/* A window may take half of what is left of this, and always holds one record. */
	WINDOWS_SIZE = 1 << 20,
};

enum fault walk_new(const struct plan_request *request, const struct plan_source *source,
		    struct walk **walk, struct err *err)
{
	struct walk *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for planning");
	made->source = source;
	made->sources = request->catalog->sources;
	made->source_count = request->source_count;
	made->first_local = request->made_count + 1;
	made->follow = request->options.symlinks == PLAN_SYMLINKS_FOLLOW;
	made->open_max = request->open_max ? request->open_max : WALK_OPEN_MAX;
	made->open_flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY |
			   (made->follow ? 0 : O_NOFOLLOW);
	enum fault fault = catalog_reader_new(request->catalog, &made->reader, err);
	if (fault) {
		walk_free(made);
		return fault;
	}
	*walk = made;
	return FAULT_NONE;
}

static void close_descriptor(struct walk_directory *directory)
{
	if (directory->fd >= 0)
		close(directory->fd);
	directory->fd = -1;
}

void walk_close_frame(struct walk_frame *frame) { close_descriptor(&frame->at); }

/* Closes the parts of a directory, which are opened anew by their paths. */
static void close_parts(struct walk_directory *directory)
{
	for (size_t i = 0; i < directory->part_count; i++)
		close_descriptor(&directory->part[i]);
}

void walk_directory_close(struct walk_directory *directory)
{
	close_descriptor(directory);
	close_parts(directory);
	if (directory->part)
		explicit_bzero(directory->part, directory->part_count * sizeof *directory->part);
	free(directory->part);
	directory->part = NULL;
	directory->part_count = 0;
}

void walk_free(struct walk *walk)
{
	if (!walk)
		return;
	for (size_t i = 0; i < walk->count; i++)
		walk_directory_close(&walk->frame[i].at);
	catalog_reader_free(walk->reader);
	if (walk->frame)
		explicit_bzero(walk->frame, walk->capacity * sizeof *walk->frame);
	free(walk->frame);
	free(walk->records);
	if (walk->branch)
		explicit_bzero(walk->branch, walk->branch_capacity * sizeof *walk->branch);
	free(walk->branch);
	free(walk);
}

size_t walk_depth(const struct walk *walk) { return walk->count; }

struct catalog_reader *walk_reader(struct walk *walk) { return walk->reader; }

static int compare_wanted_source(const void *wanted, const void *element)
{
	const struct bytes_view *name = wanted;
	const struct plan_source *source = element;
	return bytes_compare(name->data, name->size, source->name, strlen(source->name));
}

const struct plan_source *walk_source(const struct walk *walk, const char *name, size_t size)
{
	const struct bytes_view wanted = { name, size };
	const struct plan_source *source = bsearch(&wanted, walk->source, walk->source_count,
						   sizeof *source, compare_wanted_source);
	while (source && source > walk->source && strcmp(source[-1].name, source->name) == 0)
		source--;
	return source;
}

const struct plan_source *walk_source_next(const struct walk *walk,
					   const struct plan_source *source)
{
	const struct plan_source *next = source + 1;
	bool same =
		next < walk->source + walk->source_count && strcmp(next->name, source->name) == 0;
	return same ? next : NULL;
}

const struct plan_source *walk_unnamed(const struct walk *walk, size_t number)
{
	/* "" sorts before all names. */
	bool there = number < walk->source_count && !walk->source[number].name[0];
	return there ? &walk->source[number] : NULL;
}

static bool is_at(const struct walk_directory *directory, uint64_t dev, uint64_t ino)
{
	for (size_t i = 0; i < directory->part_count; i++)
		if (is_at(&directory->part[i], dev, ino))
			return true;
	return directory->ino == ino && directory->dev == dev;
}

bool walk_is_above(const struct walk *walk, uint64_t dev, uint64_t ino)
{
	for (size_t i = walk->first_local; i < walk->count; i++)
		if (is_at(&walk->frame[i].at, dev, ino))
			return true;
	return false;
}

/* Makes room for one more frame. */
static bool reserve_frame(struct walk *walk)
{
	return array_reserve(&walk->frame, walk->count, &walk->capacity, sizeof *walk->frame);
}

enum fault walk_push(struct walk *walk, const struct walk_directory *directory, struct err *err)
{
	struct walk_directory taken = *directory;
	if (!reserve_frame(walk)) {
		walk_directory_close(&taken);
		return err_set(err, FAULT_NOMEM, "no memory for a directory's place in the walk");
	}
	close_parts(&taken);
	walk->frame[walk->count++] = (struct walk_frame){
		.at = taken,
		.page = directory->listing,
		.window = walk->records_size,
		.current = walk->records_size,
		.next = walk->records_size,
		.more = true,
		.branch_end = walk->branch_count,
	};
	if (walk->count > walk->open_max)
		walk_close_frame(&walk->frame[walk->count - 1 - walk->open_max]);
	return FAULT_NONE;
}

enum fault walk_add_branch(struct walk *walk, const struct walk_branch *branch, struct err *err)
{
	if (!array_reserve(&walk->branch, walk->branch_count, &walk->branch_capacity,
			   sizeof *walk->branch))
		return err_set(err, FAULT_NOMEM, "no memory for merged directories");
	walk->branch[walk->branch_count++] = *branch;
	return FAULT_NONE;
}

enum fault walk_add_record(struct walk *walk, uint64_t id, const char *name, size_t size,
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

const char *walk_record_name(const struct walk *walk, size_t record, size_t *size)
{
	*size = load_le16(walk->records + record + 8);
	return (const char *)walk->records + record + RECORD_HEAD;
}

/* Adds the sub-directories of one page that are still to be taken, until `limit` is reached. */
static enum fault load_page(struct walk *walk, struct walk_frame *frame,
			    const struct catalog_page *page, size_t limit, struct err *err)
{
	for (size_t i = 0; i < page->count; i++) {
		const struct manifest_entry *entry = &page->entry[i];
		if (entry->kind != MANIFEST_DIRECTORY || entry->verdict ||
		    entry->id <= frame->taken)
			continue;
		if (walk->records_size > frame->window &&
		    walk->records_size + RECORD_HEAD + entry->name_size + 1 > limit) {
			frame->more = true;
			return FAULT_NONE;
		}
		enum fault fault =
			walk_add_record(walk, entry->id, entry->name, entry->name_size, err);
		if (fault)
			return fault;
	}
	return FAULT_NONE;
}

enum fault walk_read_listed(struct walk *walk, struct listing_id at, struct listing_id listing,
			    struct catalog_page *page, struct err *err)
{
	catalog_seek(walk->reader, at);
	enum fault fault = catalog_read(walk->reader, page, err);
	if (fault == FAULT_NOT_FOUND)
		return err_set(err, FAULT_CORRUPT, "the manifest ends within a listing");
	if (!fault && (page->is_end || !listing_is(page->listing, listing)))
		return err_set(err, FAULT_CORRUPT, "the manifest lacks the rest of a listing");
	return fault;
}

/* Fills the window of the topmost frame anew, all of whose records are taken.  Half of what is left
 * is free for the frames above, so that the stack gets by with WINDOWS_SIZE at any depth; `block`
 * stays at the block the window ends in, whose earlier entries `taken` tells apart. */
static enum fault load_window(struct walk *walk, struct walk_frame *frame, struct err *err)
{
	walk->records_size = frame->current = frame->next = frame->window;
	size_t left = frame->window < WINDOWS_SIZE ? WINDOWS_SIZE - frame->window : 0;
	frame->more = false;
	for (struct listing_id at = frame->page;;) {
		struct catalog_page page;
		enum fault fault = walk_read_listed(walk, at, frame->at.listing, &page, err);
		if (!fault)
			fault = load_page(walk, frame, &page, frame->window + left / 2, err);
		if (fault)
			return fault;
		frame->page = at;
		if (frame->more || page.last)
			return FAULT_NONE;
		at = catalog_at(walk->reader);
	}
}

/* Opens `..` of the topmost directory as the one below it in the stack, if that is what it is. */
static void open_parent(const struct walk_frame *top, struct walk_frame *parent)
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

/* Leaves the topmost directory.  Its parent is opened through `..` while that is still possible:
 * later it would take a descent from the nearest open directory. */
static void pop(struct walk *walk)
{
	struct walk_frame *top = &walk->frame[walk->count - 1];
	if (walk->count - 1 > walk->first_local && top->at.fd >= 0 && top[-1].at.fd < 0)
		open_parent(top, top - 1);
	walk_directory_close(&top->at);
	walk->records_size = top->window;
	walk->count--;
	walk->branch_count = walk->count > 0 ? top[-1].branch_end : 0;
}

enum fault walk_next(struct walk *walk, struct walk_child *child, struct err *err)
{
	struct walk_frame *top = &walk->frame[walk->count - 1];
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
	child->name = walk_record_name(walk, top->current, &child->name_size);
	child->parent_id = top->at.id;
	child->parent_listing = top->at.listing;
	top->next += RECORD_HEAD + child->name_size + 1;
	return FAULT_NONE;
}

size_t walk_ahead(const struct walk *walk, uint64_t *id, size_t max)
{
	size_t count = 0, end = walk->records_size;
	for (size_t level = walk->count; level > 0 && count < max; level--) {
		const struct walk_frame *frame = &walk->frame[level - 1];
		for (size_t at = frame->next; at < end && count < max;) {
			size_t size;
			walk_record_name(walk, at, &size);
			id[count++] = load_le64(walk->records + at);
			at += RECORD_HEAD + size + 1;
		}
		end = frame->window;
	}
	return count;
}

enum fault walk_path(const struct walk *walk, size_t first, struct bytes *path, struct err *err)
{
	enum fault fault = FAULT_NONE;
	for (size_t level = first; level < walk->count && !fault; level++) {
		size_t size;
		const char *name = walk_record_name(walk, walk->frame[level].current, &size);
		fault = bytes_append(path, name, size);
		if (!fault)
			fault = bytes_append_text(path, "/");
	}
	return bytes_err(fault, err, "the path of a directory");
}
