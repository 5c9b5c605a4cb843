#include "archive/trees.h"

#include "base/bytes.h"
#include "base/secret.h"
#include "plan/chunks.h"
#include "queue/core/array.h"
#include "queue/retry.h"
#include "store/names_seen.h"

/*
 *   pending, the topmost: a path, and the directories that are there, each in some of the trees
 *      |
 *      v
 *   read_place    each of them is listed once; rows of names that are wanted, and of directories
 *      |
 *      v          sorted by name, then by cap
 *   tell_name     the rows of one name: its versions are told
 *   push_name     its directories become a place to visit
 */

enum {
	AHEAD = 4,           /* places whose listings are asked for ahead */
	NAMES_MAX = 1 << 30, /* bytes of all names at one path */
	PATH_SIZE_MAX = 1 << 30,
};

/* A directory, in some of the trees. */
struct trees_group {
	unsigned char cap[CAP_PACKED_SIZE];
	uint8_t cap_size, cap_kind;
	uint64_t *in;
};

/* A path with all the directories that are there. */
struct trees_place {
	char *path; /* "": the roots */
	size_t path_size;
	struct trees_group *group;
	size_t count;
};

/* What one of these directories has under a name. */
struct trees_row {
	struct remote_child child; /* its `name` is an offset in `names` */
	size_t group;
	bool wanted;
};

struct trees {
	const struct trees_options *options;
	size_t words; /* of a set of trees */
	struct trees_place *pending;
	size_t pending_count, pending_capacity;
	struct trees_row *row;
	size_t row_count, row_capacity;
	struct bytes names, path;
	struct names_seen visited;     /* directories that can change */
	struct trees_version *version; /* of one name */
	uint64_t *in;                  /* of these */
	size_t version_capacity;
};

static enum fault trees_nomem(struct err *err)
{
	return err_set(err, FAULT_NOMEM, "no memory to walk snapshots");
}

/* ---- sets of trees ---- */

static void join(const struct trees *trees, uint64_t *to, const uint64_t *from)
{
	for (size_t i = 0; i < trees->words; i++)
		to[i] |= from[i];
}

static bool is_in_all(const struct trees *trees, const uint64_t *in)
{
	for (size_t i = 0; i < trees->options->count; i++)
		if (!trees_has(in, i))
			return false;
	return true;
}

static size_t first_of(const struct trees *trees, const uint64_t *in)
{
	size_t i = 0;
	while (i < trees->options->count && !trees_has(in, i))
		i++;
	return i;
}

/* ---- places ---- */

static void place_free(struct trees_place *place)
{
	for (size_t i = 0; i < place->count; i++)
		free(place->group[i].in);
	if (place->group)
		secret_wipe(place->group, place->count * sizeof *place->group);
	free(place->group);
	free(place->path);
	*place = (struct trees_place){ 0 };
}

/* Makes a place for up to `groups` directories, which lies on top of the others. */
static struct trees_place *place_push(struct trees *trees, const char *path, size_t size,
				      size_t groups)
{
	if (!array_reserve(&trees->pending, trees->pending_count, &trees->pending_capacity,
			   sizeof *trees->pending))
		return NULL;
	struct trees_place place = { .path = malloc(size + 1), .path_size = size };
	place.group = calloc(groups, sizeof *place.group);
	if (!place.path || !place.group) {
		place_free(&place);
		return NULL;
	}
	memcpy(place.path, path, size);
	place.path[size] = '\0';
	trees->pending[trees->pending_count] = place;
	return &trees->pending[trees->pending_count++];
}

static bool is_cap_of(const struct trees_group *group, const struct remote_child *child)
{
	return group->cap_kind == child->cap_kind && group->cap_size == child->cap_size &&
	       memcmp(group->cap, child->cap, CAP_PACKED_SIZE) == 0;
}

/* Says that the trees of `in` have the directory at that place. */
static enum fault place_add(const struct trees *trees, struct trees_place *place,
			    const struct remote_child *child, const uint64_t *in, struct err *err)
{
	struct trees_group *group = place->group;
	while (group < place->group + place->count && !is_cap_of(group, child))
		group++;
	if (group == place->group + place->count) {
		group->in = calloc(trees->words, sizeof *group->in);
		if (!group->in)
			return trees_nomem(err);
		memcpy(group->cap, child->cap, CAP_PACKED_SIZE);
		group->cap_size = child->cap_size;
		group->cap_kind = child->cap_kind;
		place->count++;
	}
	join(trees, group->in, in);
	return FAULT_NONE;
}

/* ---- rows ---- */

bool trees_same_content(const struct remote_child *a, const struct remote_child *b)
{
	return a->kind == b->kind && a->cap_kind == b->cap_kind && a->cap_size == b->cap_size &&
	       memcmp(a->cap, b->cap, CAP_PACKED_SIZE) == 0;
}

bool trees_same_meta(const struct remote_child *a, const struct remote_child *b)
{
	const struct meta *left = &a->meta, *right = &b->meta;
	return left->flags == right->flags && left->mtime_ns == right->mtime_ns &&
	       left->mode == right->mode && left->uid == right->uid && left->gid == right->gid;
}

static bool row_grow(struct trees *trees)
{
	if (trees->row_count < trees->row_capacity)
		return true;
	size_t capacity = trees->row_capacity ? 2 * trees->row_capacity : 64;
	struct trees_row *grown = calloc(capacity, sizeof *grown);
	if (!grown)
		return false;
	if (trees->row_count > 0) {
		memcpy(grown, trees->row, trees->row_count * sizeof *grown);
		secret_wipe(trees->row, trees->row_count * sizeof *grown);
	}
	free(trees->row);
	trees->row = grown;
	trees->row_capacity = capacity;
	return true;
}

/* Sets the path to that of a name at the place. */
static enum fault set_path(struct trees *trees, const struct trees_place *place, const char *name,
			   size_t size, struct err *err)
{
	bytes_clear(&trees->path);
	enum fault fault = bytes_append(&trees->path, place->path, place->path_size);
	if (!fault && place->path_size > 0)
		fault = bytes_append_text(&trees->path, "/");
	if (!fault)
		fault = bytes_append(&trees->path, name, size);
	return bytes_err(fault, err, "a path");
}

/* Keeps a child that is told of, or may have to be entered. */
static enum fault add_row(struct trees *trees, const struct trees_place *place, size_t group,
			  const struct remote_child *child, struct err *err)
{
	const struct trees_options *options = trees->options;
	const char *name = remote_name(options->remote, child);
	bool is_directory = child->kind == STORE_DIRECTORY, wanted = !options->wanted;
	if (!wanted) {
		if (set_path(trees, place, name, child->name_size, err))
			return err->fault;
		wanted = options->wanted(options->context, bytes_text(&trees->path),
					 trees->path.size, is_directory);
	}
	if (!wanted && !is_directory)
		return FAULT_NONE;
	if (!row_grow(trees))
		return trees_nomem(err);
	struct trees_row *row = &trees->row[trees->row_count++];
	*row = (struct trees_row){ .child = *child, .group = group, .wanted = wanted };
	row->child.name = trees->names.size;
	return bytes_err(bytes_append(&trees->names, name, child->name_size), err, "names");
}

static int compare_rows(const void *a, const void *b, void *names)
{
	const struct trees_row *left = a, *right = b;
	const unsigned char *text = names;
	int order = bytes_compare(text + left->child.name, left->child.name_size,
				  text + right->child.name, right->child.name_size);
	if (!order)
		order = (left->group > right->group) - (left->group < right->group);
	return order;
}

/* What can change may be below itself; it is entered once. */
static bool is_first_visit(struct trees *trees, const struct trees_group *group)
{
	return names_seen_add(&trees->visited, group->cap, CAP_PACKED_SIZE) == FAULT_NONE;
}

static enum fault read_group(struct trees *trees, const struct trees_place *place, size_t number,
			     struct err *err)
{
	struct cap cap;
	const struct trees_group *group = &place->group[number];
	struct remote *remote = trees->options->remote;
	enum fault fault = FAULT_NONE;
	if (!cap_unpack(group->cap, group->cap_size, group->cap_kind, &cap))
		fault = err_set(err, FAULT_RETRY, "its cap makes no sense");
	else if (cap_is_mutable(&cap) && !is_first_visit(trees, group))
		fault = err_set(err, FAULT_RETRY, "the directory was visited at another place");
	else
		fault = remote_open(remote, &cap, err);
	cap_wipe(&cap);
	if (fault && fault_is_general(fault))
		return fault;
	if (fault) {
		trees->options->unread(trees->options->context, place->path, group->in, err);
		return FAULT_NONE;
	}
	for (size_t i = 0; i < remote_count(remote) && !fault; i++) {
		const struct remote_child *child = remote_child(remote, i);
		fault = chunks_judge(remote, child, err);
		if (!fault)
			fault = add_row(trees, place, number, child, err);
	}
	return fault;
}

static enum fault read_place(struct trees *trees, const struct trees_place *place, struct err *err)
{
	enum fault fault = FAULT_NONE;
	trees->row_count = 0;
	bytes_clear(&trees->names);
	for (size_t i = 0; i < place->count && !fault; i++)
		fault = read_group(trees, place, i, err);
	if (!fault && trees->row_count > 1)
		qsort_r(trees->row, trees->row_count, sizeof *trees->row, compare_rows,
			trees->names.data);
	return fault;
}

/* ---- one name ---- */

static bool version_grow(struct trees *trees, size_t count)
{
	if (count <= trees->version_capacity)
		return true;
	struct trees_version *version = reallocarray(trees->version, count, sizeof *trees->version);
	trees->version = version ? version : trees->version;
	uint64_t *in = version ? reallocarray(trees->in, count * trees->words, sizeof *in) : NULL;
	if (!in)
		return false;
	trees->in = in;
	trees->version_capacity = count;
	return true;
}

/* Finds the version that a row is, or makes it one. */
static uint64_t *version_of(struct trees *trees, size_t *count, const struct remote_child *child)
{
	size_t at = 0;
	while (at < *count && !(trees_same_content(trees->version[at].child, child) &&
				trees_same_meta(trees->version[at].child, child)))
		at++;
	uint64_t *in = trees->in + at * trees->words;
	if (at == *count) {
		memset(in, 0, trees->words * sizeof *in);
		trees->version[(*count)++] = (struct trees_version){ child, in };
	}
	return in;
}

static int compare_versions(const void *a, const void *b, void *context)
{
	const struct trees_version *left = a, *right = b;
	size_t x = first_of(context, left->in), y = first_of(context, right->in);
	return (x > y) - (x < y);
}

/* Tells of the `count` rows of one name, whose path is set. */
static enum fault tell_name(struct trees *trees, const struct trees_place *place,
			    const struct trees_row *row, size_t count, struct err *err)
{
	struct trees_name name = { bytes_text(&trees->path), trees->path.size, NULL, 0 };
	if (!version_grow(trees, count))
		return trees_nomem(err);
	for (size_t i = 0; i < count; i++)
		if (row[i].wanted)
			join(trees, version_of(trees, &name.count, &row[i].child),
			     place->group[row[i].group].in);
	bool same = name.count == 1 && is_in_all(trees, trees->version[0].in);
	if (name.count == 0 || (trees->options->differing && same))
		return FAULT_NONE;
	if (name.count > 1)
		qsort_r(trees->version, name.count, sizeof *trees->version, compare_versions,
			trees);
	name.version = trees->version;
	trees->options->found(trees->options->context, &name);
	return FAULT_NONE;
}

/* Whether a difference may be below the directories that are there. */
static bool is_worth(const struct trees *trees, const struct trees_place *place)
{
	size_t present = 0;
	if (!trees->options->differing)
		return place->count > 0;
	for (size_t i = 0; i < trees->options->count; i++)
		for (size_t j = 0; j < place->count; j++)
			present += trees_has(place->group[j].in, i);
	return place->count > 1 && present == trees->options->count;
}

/* Makes the directories among the rows of a name a place to visit.  The place that is visited may
 * move in memory: `group` is its directories. */
static enum fault push_name(struct trees *trees, const struct trees_group *group,
			    const struct trees_row *row, size_t count, struct err *err)
{
	struct trees_place *below =
		place_push(trees, bytes_text(&trees->path), trees->path.size, count);
	if (!below)
		return trees_nomem(err);
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < count && !fault; i++)
		if (row[i].child.kind == STORE_DIRECTORY)
			fault = place_add(trees, below, &row[i].child, group[row[i].group].in, err);
	if (!is_worth(trees, below))
		place_free(&trees->pending[--trees->pending_count]);
	return fault;
}

/* ---- the way ---- */

/* The places were pushed in the order of their names, and are taken from the end. */
static void turn_around(struct trees *trees, size_t from)
{
	for (size_t to = trees->pending_count; from + 1 < to; from++) {
		to--;
		const struct trees_place kept = trees->pending[from];
		trees->pending[from] = trees->pending[to];
		trees->pending[to] = kept;
	}
}

static void trees_ahead(const struct trees *trees)
{
	size_t count = min_u64(trees->pending_count, AHEAD);
	for (size_t i = 1; i <= count; i++) {
		const struct trees_place *place = &trees->pending[trees->pending_count - i];
		for (size_t j = 0; j < place->count && j < AHEAD; j++) {
			struct cap cap;
			const struct trees_group *group = &place->group[j];
			if (cap_unpack(group->cap, group->cap_size, group->cap_kind, &cap))
				remote_ahead(trees->options->remote, &cap);
			cap_wipe(&cap);
		}
	}
}

static bool is_same_name(const struct trees *trees, const struct trees_row *a,
			 const struct trees_row *b)
{
	const unsigned char *text = trees->names.data;
	return a->child.name_size == b->child.name_size &&
	       (a->child.name_size == 0 ||
		memcmp(text + a->child.name, text + b->child.name, a->child.name_size) == 0);
}

static enum fault visit_place(struct trees *trees, const struct trees_place *place, struct err *err)
{
	size_t pushed = trees->pending_count;
	enum fault fault = read_place(trees, place, err);
	for (size_t i = 0, next; i < trees->row_count && !fault; i = next) {
		const struct trees_row *row = &trees->row[i];
		for (next = i + 1; next < trees->row_count; next++)
			if (!is_same_name(trees, row, &trees->row[next]))
				break;
		fault = set_path(trees, place, bytes_text(&trees->names) + row->child.name,
				 row->child.name_size, err);
		if (!fault)
			fault = tell_name(trees, place, row, next - i, err);
		if (!fault)
			fault = push_name(trees, place->group, row, next - i, err);
	}
	turn_around(trees, pushed);
	return fault;
}

static enum fault visit_next(struct trees *trees, struct err *err)
{
	trees_ahead(trees);
	struct trees_place place = trees->pending[--trees->pending_count];
	enum fault fault = visit_place(trees, &place, err);
	place_free(&place);
	return fault;
}

static enum fault push_roots(struct trees *trees, struct err *err)
{
	const struct trees_options *options = trees->options;
	uint64_t *in = calloc(trees->words, sizeof *in);
	struct trees_place *place = in ? place_push(trees, "", 0, options->count) : NULL;
	enum fault fault = place ? FAULT_NONE : trees_nomem(err);
	for (size_t i = 0; i < options->count && in && !fault; i++) {
		struct remote_child child = { .kind = STORE_DIRECTORY };
		memset(in, 0, trees->words * sizeof *in);
		in[i / 64] = UINT64_C(1) << (i % 64);
		if (!cap_pack(options->root[i], child.cap, &child.cap_size, &child.cap_kind))
			child.cap_kind = CAP_NONE;
		fault = place_add(trees, place, &child, in, err);
		secret_wipe(&child, sizeof child);
	}
	if (place && !fault && !is_worth(trees, place))
		place_free(&trees->pending[--trees->pending_count]);
	free(in);
	return fault;
}

enum fault trees_walk(const struct trees_options *options, struct err *err)
{
	struct trees trees = { .options = options, .words = options->count / 64 + 1 };
	bytes_init(&trees.names, NAMES_MAX);
	bytes_init(&trees.path, PATH_SIZE_MAX);
	enum fault fault = options->count ? push_roots(&trees, err) : FAULT_NONE;
	while (!fault && trees.pending_count > 0)
		fault = visit_next(&trees, err);
	while (trees.pending_count > 0)
		place_free(&trees.pending[--trees.pending_count]);
	if (trees.row)
		secret_wipe(trees.row, trees.row_capacity * sizeof *trees.row);
	free(trees.row);
	free(trees.pending);
	free(trees.version);
	free(trees.in);
	names_seen_fini(&trees.visited);
	bytes_fini(&trees.names);
	bytes_fini(&trees.path);
	return fault;
}
