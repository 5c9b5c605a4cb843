#include "plan/lister.h"

#include "base/utf8.h"
#include "plan/clashes.h"
#include "plan/entry.h"
#include "queue/kill.h"

#include <dirent.h>
#include <errno.h>

enum {
	READ_BUFFER = 65536, /* some 2,000 names a call of the kernel */
	TICK_ENTRIES = 256,  /* some 0.2 ms */
};

struct lister {
	const struct plan_request *request;
	struct walk *walk;
	struct publisher *publisher;
	uint64_t names_max;
	char *folder;                 /* of the files for sorting */
	struct names *names;          /* of the directory */
	struct names *known;          /* those a listing cut short holds already */
	char last[MANIFEST_NAME_MAX]; /* of these, the one up to which the order is kept */
	size_t last_size;
	struct clashes *clashes;
	struct bytes nfc; /* the form of one name that the target keeps */
	bool exists;      /* the directory is at the target */
	bool parents;     /* an entry is a directory to be walked */
	bool bindable;    /* one of these is at the target */
	uint64_t ticks;
	struct entry_origin origin;
	struct entry_found found;
	_Alignas(struct dirent64) char buffer[READ_BUFFER];
};

struct lister *lister_new(const struct plan_request *request, struct walk *walk,
			  struct publisher *publisher)
{
	struct lister *lister = calloc(1, sizeof *lister);
	if (!lister)
		return NULL;
	uint64_t max = request->options.max_dir_entries;
	lister->request = request;
	lister->walk = walk;
	lister->publisher = publisher;
	lister->names_max = max ? max : PLAN_DIR_ENTRIES_DEFAULT;
	lister->origin.options = &request->options;
	lister->origin.walk = walk;
	bytes_init(&lister->nfc, 4 * MANIFEST_NAME_MAX);
	const char *slash = strrchr(request->manifest, '/');
	lister->folder = slash ? strndup(request->manifest, (size_t)(slash - request->manifest) + 1)
			       : strdup(".");
	if (lister->folder) {
		lister->names = names_new(lister->folder);
		lister->known = names_new(lister->folder);
		lister->clashes = clashes_new(lister->folder);
	}
	if (lister->names && lister->known && lister->clashes)
		return lister;
	lister_free(lister);
	return NULL;
}

void lister_free(struct lister *lister)
{
	if (!lister)
		return;
	names_free(lister->names);
	names_free(lister->known);
	clashes_free(lister->clashes);
	bytes_fini(&lister->nfc);
	free(lister->folder);
	free(lister);
}

static bool is_ascii(const char *text, size_t size)
{
	unsigned char all = 0;
	for (size_t i = 0; i < size; i++)
		all |= (unsigned char)text[i];
	return all < 0x80;
}

/* Stores the form the target keeps, which is `text` itself for almost all names. */
static enum fault normalize(struct lister *lister, const char **text, size_t *size, struct err *err)
{
	if (is_ascii(*text, *size) || name_is_nfc(*text, *size))
		return FAULT_NONE;
	bytes_clear(&lister->nfc);
	enum fault fault = name_to_nfc(&lister->nfc, *text, *size);
	if (fault)
		return bytes_err(fault, err, "a name in NFC");
	*text = bytes_text(&lister->nfc);
	*size = lister->nfc.size;
	return FAULT_NONE;
}

static enum fault add_name(struct lister *lister, const char *text, struct err *err)
{
	struct name name = { .bytes = text, .size = strlen(text) };
	if (!is_ascii(text, name.size) && !name_is_nfc(text, name.size))
		name.flags = name_is_utf8(text, name.size) ? NAME_NOT_NFC : NAME_NOT_UTF8;
	enum fault fault = FAULT_NONE;
	if (name.flags & NAME_NOT_NFC) {
		struct name form = name;
		fault = normalize(lister, &form.bytes, &form.size, err);
		if (!fault)
			fault = clashes_add(lister->clashes, &form, err);
	}
	return fault ? fault : names_add(lister->names, &name, err);
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

static enum fault add_local(struct lister *lister, int fd, int *os_error, struct err *err)
{
	for (;;) {
		ssize_t size = getdents64(fd, lister->buffer, sizeof lister->buffer);
		if (size <= 0) {
			*os_error = size < 0 ? errno : 0;
			return FAULT_NONE;
		}
		for (ssize_t at = 0; at < size;) {
			const struct dirent64 *entry = (const void *)(lister->buffer + at);
			at += entry->d_reclen;
			if (is_dots(entry->d_name))
				continue;
			if (names_count(lister->names) == lister->names_max) {
				*os_error = E2BIG;
				return FAULT_NONE;
			}
			enum fault fault = add_name(lister, entry->d_name, err);
			if (fault)
				return fault;
		}
	}
}

static enum fault add_sources(struct lister *lister, struct err *err)
{
	for (size_t i = 0; i < lister->request->source_count; i++) {
		enum fault fault = add_name(lister, lister->request->source[i].name, err);
		if (fault)
			return fault;
	}
	return FAULT_NONE;
}

enum fault lister_read(struct lister *lister, const struct walk_directory *directory, int *os_error,
		       struct err *err)
{
	const struct plan_request *request = lister->request;
	size_t level = walk_depth(lister->walk);
	lister->origin.directory = *directory;
	lister->origin.made = level < request->made_count;
	names_clear(lister->names);
	names_clear(lister->known);
	clashes_clear(lister->clashes);
	lister->last_size = 0;
	*os_error = 0;
	enum fault fault;
	if (lister->origin.made)
		fault = add_name(lister, request->made[level], err);
	else if (directory->fd < 0)
		fault = add_sources(lister, err);
	else
		fault = add_local(lister, directory->fd, os_error, err);
	if (fault || *os_error)
		return fault;
	fault = names_sort(lister->names, err);
	return fault ? fault : clashes_find(lister->clashes, lister->names, err);
}

/* Compares the entry with what the target holds under its name. */
static enum fault judge_target(struct lister *lister, struct manifest_entry *entry, struct err *err)
{
	const struct plan_target *target = lister->request->target;
	const char *name = entry->name;
	size_t size = entry->name_size;
	enum fault fault = normalize(lister, &name, &size, err);
	if (fault)
		return fault;
	enum plan_there there = target->look(target->context, name, size);
	if (there == PLAN_THERE_NOTHING)
		return FAULT_NONE;
	bool is_directory = entry->kind == MANIFEST_DIRECTORY;
	if (is_directory != (there == PLAN_THERE_DIRECTORY))
		entry_judge(entry, OUTCOME_FAILED, REASON_CONFLICT);
	lister->bindable |= is_directory;
	return FAULT_NONE;
}

/* Fails the entry when a sibling has the same name after normalization. */
static enum fault judge_clash(struct lister *lister, const struct name *name, struct err *err)
{
	if (!clashes_any(lister->clashes) || name->flags & NAME_NOT_UTF8)
		return FAULT_NONE;
	const char *form = name->bytes;
	size_t size = name->size;
	enum fault fault = normalize(lister, &form, &size, err);
	if (!fault && clashes_has(lister->clashes, form, size))
		entry_judge(&lister->found.entry, OUTCOME_FAILED, REASON_COLLISION);
	return fault;
}

static enum fault add_entry(struct lister *lister, const struct name *name, bool appeared,
			    struct err *err)
{
	struct manifest_entry *entry = &lister->found.entry;
	enum fault fault = entry_find(&lister->origin, name, &lister->found, err);
	if (fault || !lister->found.present)
		return fault;
	fault = judge_clash(lister, name, err);
	if (appeared)
		entry_judge(entry, OUTCOME_SKIPPED, REASON_APPEARED);
	if (!fault && !entry->verdict && lister->exists)
		fault = judge_target(lister, entry, err);
	if (!fault)
		fault = manifest_add(lister->request->writer, entry, err);
	if (fault)
		return fault;
	lister->parents |= entry->kind == MANIFEST_DIRECTORY && !entry->verdict;
	return ++lister->ticks % TICK_ENTRIES ? FAULT_NONE : publish_tick(lister->publisher, err);
}

/*
 * Adds the names read that are not known: those behind the last known one in order, or else those
 * that `appeared` before it.
 */
static enum fault add_entries(struct lister *lister, bool appeared, struct err *err)
{
	struct name name, known;
	enum fault fault = names_rewind(lister->names, err);
	if (!fault)
		fault = names_rewind(lister->known, err);
	if (!fault)
		fault = names_next(lister->known, &known, err);
	while (!fault) {
		fault = names_next(lister->names, &name, err);
		if (fault || !name.bytes)
			break;
		int order = -1;
		while (!fault && known.bytes &&
		       (order = names_compare(known.bytes, known.size, name.bytes, name.size)) < 0)
			fault = names_next(lister->known, &known, err);
		bool is_known = known.bytes && order == 0;
		bool before =
			names_compare(name.bytes, name.size, lister->last, lister->last_size) <= 0;
		if (!fault && !name.repeated && !is_known && before == appeared)
			fault = add_entry(lister, &name, appeared, err);
	}
	return fault;
}

/* Asks the target whether it has the directory. */
static enum fault open_target(struct lister *lister, uint64_t id, struct err *err)
{
	const struct plan_target *target = lister->request->target;
	lister->exists = lister->bindable = false;
	return target ? target->open(target->context, id, &lister->exists, err) : FAULT_NONE;
}

static enum fault bind_block(struct lister *lister, const struct manifest_block *block, bool *bound,
			     struct err *err)
{
	const struct plan_target *target = lister->request->target;
	for (size_t i = 0; i < block->count; i++) {
		const struct manifest_entry *entry = &block->entry[i];
		if (entry->kind != MANIFEST_DIRECTORY || entry->verdict)
			continue;
		const char *name = entry->name;
		size_t size = entry->name_size;
		enum fault fault = normalize(lister, &name, &size, err);
		if (fault)
			return fault;
		if (target->look(target->context, name, size) != PLAN_THERE_DIRECTORY)
			continue;
		fault = target->bind(target->context, entry->id, name, size, err);
		if (fault)
			return fault;
		*bound = true;
	}
	return FAULT_NONE;
}

/* Binds what the directory the target is turned to has of the ended listing at `offset`. */
static enum fault bind_all(struct lister *lister, uint64_t offset, struct err *err)
{
	const struct plan_target *target = lister->request->target;
	struct manifest_reader *reader = walk_reader(lister->walk);
	struct manifest_block block = { .next = offset };
	bool bound = false;
	/* A slot must not be written before the entry it belongs to is durable. */
	enum fault fault = publish_entries(lister->publisher, offset, err);
	while (!fault && !block.last) {
		fault = manifest_read(reader, block.next, &block, err);
		if (!fault)
			fault = bind_block(lister, &block, &bound, err);
	}
	return fault || !bound || !target->sync ? fault : target->sync(target->context, err);
}

enum fault lister_bind(struct lister *lister, uint64_t id, uint64_t offset, struct err *err)
{
	enum fault fault = open_target(lister, id, err);
	return fault || !lister->exists ? fault : bind_all(lister, offset, err);
}

/* Ends the listing at `offset`. */
static enum fault end(struct lister *lister, uint64_t offset, struct err *err)
{
	enum fault fault = manifest_end(lister->request->writer, err);
	if (fault)
		return fault;
	KILL_POINT("plan-listing");
	if (lister->bindable)
		fault = bind_all(lister, offset, err);
	lister->publisher->held = false;
	return fault;
}

enum fault lister_write(struct lister *lister, const struct walk_child *child,
			struct walk_directory *directory, bool *parents, struct err *err)
{
	uint64_t offset = 0;
	lister->parents = false;
	enum fault fault = open_target(lister, child->id, err);
	if (!fault)
		fault = manifest_begin(lister->request->writer, child->id, child->parent_id,
				       child->parent_listing, child->name, child->name_size,
				       &offset, err);
	if (fault)
		return fault;
	lister->publisher->begun = offset;
	lister->publisher->held = lister->exists;
	fault = add_entries(lister, false, err);
	if (!fault)
		fault = end(lister, offset, err);
	if (fault)
		return fault;
	directory->listing = offset;
	*parents = lister->parents;
	return FAULT_NONE;
}

/* Takes the names a listing cut short holds already. */
static enum fault learn_block(struct lister *lister, const struct manifest_block *block,
			      struct err *err)
{
	for (size_t i = 0; i < block->count; i++) {
		const struct manifest_entry *entry = &block->entry[i];
		struct name name = { .bytes = entry->name, .size = entry->name_size };
		enum fault fault = names_add(lister->known, &name, err);
		if (fault)
			return fault;
		/* What appeared in an earlier gap stands behind the ordered ones. */
		if (entry->verdict == OUTCOME_SKIPPED && entry->reason == REASON_APPEARED)
			continue;
		memcpy(lister->last, entry->name, entry->name_size);
		lister->last_size = entry->name_size;
	}
	return FAULT_NONE;
}

static enum fault learn(struct lister *lister, uint64_t offset, struct err *err)
{
	struct manifest_reader *reader = walk_reader(lister->walk);
	struct manifest_block block = { .next = offset };
	for (;;) {
		/* The writer goes on where the good blocks end. */
		enum fault fault = manifest_read(reader, block.next, &block, err);
		if (fault == FAULT_NOT_FOUND)
			return names_sort(lister->known, err);
		if (!fault)
			fault = learn_block(lister, &block, err);
		if (fault)
			return fault;
	}
}

enum fault lister_go_on(struct lister *lister, struct walk_directory *directory, struct err *err)
{
	lister->publisher->begun = directory->listing;
	enum fault fault = open_target(lister, directory->id, err);
	/* What stands before the cut may be there, and was not bound. */
	lister->bindable = lister->publisher->held = lister->exists;
	if (!fault)
		fault = learn(lister, directory->listing, err);
	if (!fault)
		fault = add_entries(lister, false, err);
	if (!fault)
		fault = add_entries(lister, true, err);
	return fault ? fault : end(lister, directory->listing, err);
}
