#include "cli/listing.h"

#include "base/escape.h"
#include "base/secret.h"
#include "calls/chunked_file.h"
#include "queue/core/array.h"
#include "report/json.h"
#include "report/progress.h"

enum {
	TEXT_MAX = 1 << 30, /* bytes of all names and caps of one directory */
	SIZE_TEXT = 24,     /* bytes of a size as text */
	TIME_TEXT = 48,     /* bytes of a time as text */
	PERMISSIONS = 07777,
};

void listing_init(struct listing *listing, bool with_caps)
{
	*listing = (struct listing){ .with_caps = with_caps };
	bytes_init(&listing->text, TEXT_MAX);
}

void listing_fini(struct listing *listing)
{
	bytes_fini(&listing->text);
	free(listing->row);
	if (listing->mark)
		secret_wipe(listing->mark, listing->mark_capacity * sizeof *listing->mark);
	free(listing->mark);
	*listing = (struct listing){ 0 };
}

void listing_clear(void *context)
{
	struct listing *listing = context;
	bytes_clear(&listing->text);
	listing->count = listing->unread = listing->mark_count = 0;
}

/* ---- rows ---- */

static bool add_cap(struct bytes *text, const struct cap *cap, size_t *at, size_t *size)
{
	char printed[CAP_TEXT_SIZE];
	*at = text->size;
	*size = cap_print(cap, printed);
	enum fault fault = bytes_append(text, printed, *size);
	secret_wipe(printed, sizeof printed);
	return !fault;
}

static void describe_row(struct listing_row *row, const struct store_node *node)
{
	const struct cap *cap = node->rw.kind != CAP_NONE ? &node->rw : &node->ro;
	unsigned flags = node->metadata_flags;
	row->kind = node->kind;
	row->is_mutable = node->is_mutable || cap_is_mutable(cap);
	row->writable = cap_is_writable(&node->rw);
	bool sized = node->kind == STORE_FILE && (cap_is_chk(cap) || cap_is_literal(cap));
	row->has_size = node->kind == STORE_FILE && (node->has_size || sized);
	row->size = sized ? cap->size : node->size;
	row->has_mtime = flags & (STORE_HAS_MTIME | STORE_HAS_LINKED);
	row->mtime_ns = flags & STORE_HAS_MTIME ? node->metadata.mtime_ns : node->linked_ns;
	row->has_mode = flags & STORE_HAS_MODE;
	row->mode = node->metadata.mode & PERMISSIONS;
}

static bool fill(struct listing *listing, struct listing_row *row, const struct store_child *child)
{
	const struct store_node *node = &child->node;
	*row = (struct listing_row){ .name = listing->text.size, .name_size = child->name_size };
	describe_row(row, node);
	if (bytes_append(&listing->text, child->name, child->name_size))
		return false;
	if (!listing->with_caps)
		return true;
	const struct cap *best = node->rw.kind != CAP_NONE ? &node->rw : &node->ro;
	return add_cap(&listing->text, best, &row->cap, &row->cap_size) &&
	       add_cap(&listing->text, &node->ro, &row->ro_cap, &row->ro_cap_size);
}

/* Keeps what a directory says that may be a file in chunks. */
static bool keep_mark(struct listing *listing, const struct store_node *node)
{
	const uint64_t bytes = store_node_chunked(node);
	if (bytes == 0)
		return true;
	if (listing->mark_count == listing->mark_capacity) {
		size_t capacity = listing->mark_capacity ? 2 * listing->mark_capacity : 16;
		struct listing_mark *grown = calloc(capacity, sizeof *grown);
		if (!grown)
			return false;
		if (listing->mark) {
			memcpy(grown, listing->mark, listing->mark_count * sizeof *grown);
			secret_wipe(listing->mark, listing->mark_count * sizeof *grown);
		}
		free(listing->mark);
		listing->mark = grown;
		listing->mark_capacity = capacity;
	}
	listing->mark[listing->mark_count++] = (struct listing_mark){
		.row = listing->count,
		.bytes = bytes,
		.cap = *store_node_cap(node),
	};
	return true;
}

void listing_be_file(struct listing_row *row, uint64_t bytes)
{
	row->kind = STORE_FILE;
	row->is_mutable = false;
	row->has_size = true;
	row->size = bytes;
}

enum fault listing_judge(struct listing *listing, const struct tries *tries, struct err *err)
{
	for (size_t i = 0; i < listing->mark_count; i++) {
		const struct listing_mark *mark = &listing->mark[i];
		struct chunked chunked;
		if (chunked_file_find(tries, &mark->cap, mark->bytes, &chunked, err) &&
		    fault_is_general(err->fault))
			return err->fault;
		if (chunked.count > 0)
			listing_be_file(&listing->row[mark->row], mark->bytes);
		chunked_fini(&chunked);
	}
	listing->mark_count = 0;
	return FAULT_NONE;
}

bool listing_add(void *context, const struct store_child *child)
{
	struct listing *listing = context;
	listing->failed = !array_reserve(&listing->row, listing->count, &listing->capacity,
					 sizeof *listing->row) ||
			  !fill(listing, &listing->row[listing->count], child) ||
			  !keep_mark(listing, &child->node);
	if (listing->failed)
		return false;
	listing->unread += (child->node.metadata_flags & STORE_UNREAD) != 0;
	listing->count++;
	return true;
}

static int compare_rows(const void *a, const void *b, void *context)
{
	const struct listing_row *left = a, *right = b;
	const unsigned char *text = context;
	size_t shorter = (size_t)min_u64(left->name_size, right->name_size);
	int order = memcmp(text + left->name, text + right->name, shorter);
	return order ? order
		     : (left->name_size > right->name_size) - (left->name_size < right->name_size);
}

void listing_sort(struct listing *listing)
{
	if (listing->count > 1)
		qsort_r(listing->row, listing->count, sizeof *listing->row, compare_rows,
			listing->text.data);
}

/* ---- lines for people ---- */

static enum fault print_name(const struct listing *listing, const struct listing_row *row,
			     struct bytes *out)
{
	const unsigned char *name = listing->text.data + row->name;
	size_t left = row->name_size;
	enum fault fault = left == 0 ? bytes_append_text(out, "\"\"") : FAULT_NONE;
	if (row->is_path) {
		fault = bytes_append(out, name, left);
		left = 0;
	}
	while (left > 0 && !fault) {
		const unsigned char *slash = memchr(name, '/', left);
		size_t size = slash ? (size_t)(slash - name) : left;
		fault = escape_name(out, name, size);
		if (!fault && slash)
			fault = bytes_append_text(out, "\\x2f");
		size += slash != NULL;
		name += size;
		left -= size;
	}
	if (!fault && row->kind == STORE_DIRECTORY)
		fault = bytes_append_text(out, "/");
	return fault ? fault : bytes_append_text(out, "\n");
}

/* "12", "1.5K": as ls -h has it, but rounded down. */
static int human_text(uint64_t bytes, char text[SIZE_TEXT])
{
	char quantity[QUANTITY_SIZE];
	char *unit = strchr(quantity_bytes(bytes, quantity), ' ');
	if (!unit)
		return 0;
	*unit = '\0';
	return snprintf(text, SIZE_TEXT, "%s%.1s", quantity, unit[1] == 'B' ? "" : unit + 1);
}

static int size_text(const struct listing_row *row, bool human, char text[SIZE_TEXT])
{
	if (row->has_size && human)
		return human_text(row->size, text);
	if (row->has_size)
		return snprintf(text, SIZE_TEXT, "%llu", (unsigned long long)row->size);
	return snprintf(text, SIZE_TEXT, "%s", row->kind == STORE_DIRECTORY ? "-" : "?");
}

static int time_text(const struct listing_row *row, char text[TIME_TEXT])
{
	struct tm tm;
	time_t seconds = row->mtime_ns / 1000000000 - (row->mtime_ns % 1000000000 < 0);
	size_t size = 0;
	if (row->has_mtime && localtime_r(&seconds, &tm))
		size = strftime(text, TIME_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
	return size ? (int)size : snprintf(text, TIME_TEXT, "-");
}

static const char *rights(const struct listing_row *row)
{
	if (row->kind == STORE_DIRECTORY)
		return row->writable ? "drwx" : "dr-x";
	if (row->kind == STORE_FILE)
		return row->writable ? "-rw-" : "-r--";
	return "?---";
}

static enum fault print_long(const struct listing *listing, bool human, struct bytes *out)
{
	char size[SIZE_TEXT], when[TIME_TEXT];
	int size_width = 0, time_width = 0;
	for (size_t i = 0; i < listing->count; i++) {
		int width = size_text(&listing->row[i], human, size);
		size_width = width > size_width ? width : size_width;
		width = time_text(&listing->row[i], when);
		time_width = width > time_width ? width : time_width;
	}
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < listing->count && !fault; i++) {
		const struct listing_row *row = &listing->row[i];
		size_text(row, human, size);
		time_text(row, when);
		fault = bytes_printf(out, "%s %*s %-*s ", rights(row), size_width, size, time_width,
				     when);
		if (!fault)
			fault = print_name(listing, row, out);
	}
	return fault;
}

/* ---- lines for programs ---- */

static const char *kind_text(enum store_kind kind)
{
	return kind == STORE_FILE ? "file" : kind == STORE_DIRECTORY ? "directory" : "unknown";
}

/* Seconds, exact to the nanosecond. */
static enum fault print_mtime(int64_t ns, struct bytes *out)
{
	uint64_t whole = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
	return bytes_printf(out, ",\"mtime\":%s%llu.%09llu", ns < 0 ? "-" : "",
			    (unsigned long long)(whole / 1000000000),
			    (unsigned long long)(whole % 1000000000));
}

static enum fault print_caps(const struct listing *listing, const struct listing_row *row,
			     struct bytes *out)
{
	const unsigned char *text = listing->text.data;
	enum fault fault = FAULT_NONE;
	if (row->cap_size)
		fault = json_member(out, "cap", text + row->cap, row->cap_size);
	if (!fault && row->ro_cap_size)
		fault = json_member(out, "ro_cap", text + row->ro_cap, row->ro_cap_size);
	return fault;
}

static enum fault print_object(const struct listing *listing, const struct listing_row *row,
			       const char *place, struct bytes *out)
{
	const char *kind = kind_text(row->kind);
	enum fault fault = bytes_append_text(out, "{");
	if (!fault && place)
		fault = json_member(out, "place", place, strlen(place));
	if (!fault)
		fault = json_member(out, "name", listing->text.data + row->name, row->name_size);
	if (!fault)
		fault = json_member(out, "kind", kind, strlen(kind));
	if (!fault && row->has_size)
		fault = json_number(out, "size", row->size);
	if (!fault && row->kind != STORE_UNKNOWN)
		fault = json_bool(out, "mutable", row->is_mutable);
	if (!fault && row->has_mtime)
		fault = print_mtime(row->mtime_ns, out);
	if (!fault && row->has_mode)
		fault = json_number(out, "mode", row->mode);
	if (!fault)
		fault = print_caps(listing, row, out);
	return fault ? fault : bytes_append_text(out, "}\n");
}

enum fault listing_print(const struct listing *listing, enum listing_form form, const char *place,
			 struct bytes *out)
{
	enum fault fault = FAULT_NONE;
	if (form == LISTING_LONG || form == LISTING_HUMAN)
		return print_long(listing, form == LISTING_HUMAN, out);
	for (size_t i = 0; i < listing->count && !fault; i++)
		fault = form == LISTING_JSON ? print_object(listing, &listing->row[i], place, out)
					     : print_name(listing, &listing->row[i], out);
	return fault;
}
