#include "archive/archive.h"

#include "base/secret.h"
#include "snapshot/moment.h"
#include "snapshot/tags.h"

enum { NAMES_MAX = 256 << 20 }; /* bytes of all names below Archives */

/* What TO holds of a backup's. */
struct archive_top {
	struct store_node directory, latest; /* kind STORE_UNKNOWN: not there */
};

void archive_fini(struct archive *archive)
{
	free(archive->typed);
	cap_wipe(&archive->directory);
	cap_wipe(&archive->latest);
	if (archive->snapshot)
		secret_wipe(archive->snapshot, archive->capacity * sizeof *archive->snapshot);
	free(archive->snapshot);
	bytes_fini(&archive->names);
	*archive = (struct archive){ 0 };
}

/* ---- TO ---- */

static void wipe_node(struct store_node *node)
{
	cap_wipe(&node->rw);
	cap_wipe(&node->ro);
	*node = (struct store_node){ .kind = STORE_UNKNOWN };
}

static void forget_top(void *context)
{
	struct archive_top *top = context;
	wipe_node(&top->directory);
	wipe_node(&top->latest);
}

static bool is_named(const struct store_child *child, const char *name)
{
	return child->name_size == strlen(name) && memcmp(child->name, name, child->name_size) == 0;
}

static bool top_child(void *context, const struct store_child *child)
{
	struct archive_top *top = context;
	if (is_named(child, ARCHIVE_DIRECTORY))
		top->directory = child->node;
	else if (is_named(child, ARCHIVE_LATEST))
		top->latest = child->node;
	return true;
}

static enum fault look_at_top(const struct grid_path *to, const struct tries *tries,
			      struct archive_top *top, struct err *err)
{
	struct store_node node = { 0 };
	const struct grid_look look = {
		.tries = *tries,
		.count = SIZE_MAX,
		.child = top_child,
		.begin = forget_top,
		.context = top,
	};
	if (grid_path_look(to, &look, &node, err))
		return err->fault;
	bool is_directory = node.kind == STORE_DIRECTORY;
	bool has_archive = top->directory.ro.kind || top->directory.rw.kind;
	wipe_node(&node);
	if (!is_directory)
		return err_set(err, FAULT_USAGE, "'%.120s' is not a directory", to->typed);
	if (!has_archive)
		return err_set(err, FAULT_NOT_FOUND,
			       "there are no backups in '%.120s': it has no directory "
			       "'" ARCHIVE_DIRECTORY "'",
			       to->typed);
	if (top->directory.kind != STORE_DIRECTORY)
		return err_set(err, FAULT_USAGE,
			       "'" ARCHIVE_DIRECTORY "' in '%.120s' is not a directory", to->typed);
	return FAULT_NONE;
}

/* ---- Archives ---- */

static void forget_snapshots(void *context)
{
	struct archive *archive = context;
	archive->count = 0;
	bytes_clear(&archive->names);
}

/* Makes room for one snapshot more.  Caps are moved by hand, as realloc would leave them behind. */
static bool archive_grow(struct archive *archive)
{
	if (archive->count < archive->capacity)
		return true;
	size_t capacity = archive->capacity ? 2 * archive->capacity : 64;
	struct archive_snapshot *grown = calloc(capacity, sizeof *grown);
	if (!grown)
		return false;
	if (archive->count > 0) {
		memcpy(grown, archive->snapshot, archive->count * sizeof *grown);
		secret_wipe(archive->snapshot, archive->count * sizeof *grown);
	}
	free(archive->snapshot);
	archive->snapshot = grown;
	archive->capacity = capacity;
	return true;
}

/* Keeps what is below Archives, behind each name its tags.  Names move while they are gathered:
 * until all are there a stamp holds their place alone. */
static bool archive_child(void *context, const struct store_child *child)
{
	struct archive *archive = context;
	size_t at = archive->names.size;
	const struct edge_metadata *metadata = &child->node.metadata;
	if (!archive_grow(archive) ||
	    bytes_append(&archive->names, child->name, child->name_size) ||
	    bytes_append(&archive->names, "", 1) ||
	    bytes_append(&archive->names, metadata->tags, metadata->tags_size) ||
	    bytes_append(&archive->names, "", 1))
		return false;
	const struct cap *cap = store_node_cap(&child->node);
	archive->snapshot[archive->count++] = (struct archive_snapshot){
		.stamp = { .size = child->name_size, .seconds = (int64_t)at },
		.cap = *cap,
		.is_directory = child->node.kind == STORE_DIRECTORY && cap_is_directory(cap) &&
				!cap_is_verifier(cap),
	};
	return true;
}

static int compare_snapshots(const void *a, const void *b)
{
	const struct archive_snapshot *left = a, *right = b;
	return stamp_compare(&left->stamp, &right->stamp);
}

/* Of several that are equal it is the newest that Latest was made with. */
static void mark_latest(struct archive *archive)
{
	for (size_t i = archive->known; i > 0 && archive->latest.kind; i--) {
		struct archive_snapshot *snapshot = &archive->snapshot[i - 1];
		snapshot->latest = cap_equal(&snapshot->cap, &archive->latest);
		if (snapshot->latest)
			return;
	}
}

static void name_snapshots(struct archive *archive)
{
	archive->known = 0;
	for (size_t i = 0; i < archive->count; i++) {
		struct archive_snapshot *snapshot = &archive->snapshot[i];
		const char *name = bytes_text(&archive->names) + snapshot->stamp.seconds;
		const char *tags = name + snapshot->stamp.size + 1;
		snapshot->tags = tags_are_valid(tags) ? tags : "";
		snapshot->stamp = stamp_of(name, snapshot->stamp.size);
		snapshot->stamp.known = snapshot->stamp.known && snapshot->is_directory;
		archive->known += snapshot->stamp.known;
	}
	if (archive->count > 1)
		qsort(archive->snapshot, archive->count, sizeof *archive->snapshot,
		      compare_snapshots);
	mark_latest(archive);
}

static enum fault list_snapshots(const struct tries *tries, struct archive *archive,
				 struct err *err)
{
	struct store_node node = { 0 };
	const struct grid_path path = { .typed = archive->typed, .root = archive->directory };
	const struct grid_look look = {
		.tries = *tries,
		.count = SIZE_MAX,
		.child = archive_child,
		.begin = forget_snapshots,
		.context = archive,
	};
	enum fault fault = grid_path_look(&path, &look, &node, err);
	wipe_node(&node);
	if (!fault)
		name_snapshots(archive);
	return fault;
}

enum fault archive_open(const struct grid_path *to, const struct tries *tries,
			struct archive *archive, struct err *err)
{
	struct archive_top top = { 0 };
	*archive = (struct archive){ 0 };
	bytes_init(&archive->names, NAMES_MAX);
	enum fault fault = look_at_top(to, tries, &top, err);
	const char *slash = to->ends_in_slash || !to->count ? "" : "/";
	if (!fault && asprintf(&archive->typed, "%s%s" ARCHIVE_DIRECTORY, to->typed, slash) < 0) {
		archive->typed = NULL;
		fault = err_set(err, FAULT_NOMEM, "no memory for a list of snapshots");
	}
	if (!fault) {
		const struct store_node *node = &top.directory;
		archive->directory = node->rw.kind ? node->rw : node->ro;
		archive->latest = *store_node_cap(&top.latest);
		fault = list_snapshots(tries, archive, err);
	}
	forget_top(&top);
	if (fault)
		archive_fini(archive);
	return fault;
}

/* ---- one of them ---- */

static const struct archive_snapshot *find_named(const struct archive *archive, const char *word)
{
	size_t size = strlen(word);
	bool latest = strcmp(word, ARCHIVE_LATEST) == 0;
	for (size_t i = archive->count; i > 0; i--) {
		const struct archive_snapshot *snapshot = &archive->snapshot[i - 1];
		if (!snapshot->is_directory)
			continue;
		if (latest ? snapshot->latest
			   : snapshot->stamp.size == size &&
				     memcmp(snapshot->stamp.name, word, size) == 0)
			return snapshot;
	}
	return NULL;
}

enum fault archive_find(const struct archive *archive, const char *word, int64_t now,
			const struct archive_snapshot **found, struct err *err)
{
	int64_t seconds;
	*found = find_named(archive, word);
	if (*found)
		return FAULT_NONE;
	if (strcmp(word, ARCHIVE_LATEST) == 0)
		return err_set(err, FAULT_NOT_FOUND,
			       "nothing in '%.100s' is what '" ARCHIVE_LATEST "' leads to",
			       archive->typed);
	if (moment_read(word, now, &seconds, err))
		return err->fault;
	for (size_t i = 0; i < archive->known && archive->snapshot[i].stamp.seconds <= seconds; i++)
		*found = &archive->snapshot[i];
	if (*found)
		return FAULT_NONE;
	if (archive->known == 0)
		return err_set(err, FAULT_NOT_FOUND, "there is no snapshot in '%.120s'",
			       archive->typed);
	return err_set(err, FAULT_NOT_FOUND,
		       "there is no snapshot in '%.80s' from before \"%.40s\"; the oldest is %s",
		       archive->typed, word, archive->snapshot[0].stamp.name);
}
