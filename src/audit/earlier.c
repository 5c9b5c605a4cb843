#include "audit/earlier.h"

#include "base/digest.h"
#include "queue/core/file_io.h"
#include "queue/core/kill.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	PATH_SIZE = 4096,
	RECORD_SIZE = 32,
	HEADER_SIZE = RECORD_SIZE,
	CHECKED_SIZE = 28, /* bytes of a record that its check covers */
	BATCH = 2048,      /* records read at once */
	SLOTS_MIN = 1024,
};

enum record_flags {
	RECORD_DIRECTORY = 1u << 0,
	RECORD_CHECKED = 1u << 1,
	RECORD_REPAIRED = 1u << 2,
};

static const char magic[8] = "BGVERIF1";

struct earlier {
	int fd;
	char path[PATH_SIZE];
	unsigned char subject[EARLIER_KEY_SIZE];
	uint64_t end; /* of the file: where the next record goes */
	bool broken;  /* it cannot be written to */
	/* Open addressing, at most three quarters full; an empty slot has a key of zeros. */
	struct earlier_object *slot;
	size_t count, capacity; /* a power of two */
};

/* ---- a record as bytes ---- */

/* The check depends on the subject, so that no record of another file counts. */
static uint32_t check_of(const struct earlier *earlier, const unsigned char *record)
{
	unsigned char text[EARLIER_KEY_SIZE + CHECKED_SIZE], hash[CONTENT_HASH_SIZE];
	uint32_t check;
	memcpy(text, earlier->subject, EARLIER_KEY_SIZE);
	memcpy(text + EARLIER_KEY_SIZE, record, CHECKED_SIZE);
	content_hash_of(text, sizeof text, hash);
	memcpy(&check, hash, sizeof check);
	return check;
}

static void put_record(const struct earlier *earlier, const struct earlier_object *object,
		       unsigned char record[RECORD_SIZE])
{
	const uint64_t bytes = htole64(object->bytes);
	const uint16_t corrupt = htole16(object->corrupt_shares);
	memset(record, 0, RECORD_SIZE);
	memcpy(record, object->key, EARLIER_KEY_SIZE);
	memcpy(record + 16, &bytes, sizeof bytes);
	memcpy(record + 24, &corrupt, sizeof corrupt);
	record[26] = (unsigned char)((object->is_directory ? RECORD_DIRECTORY : 0) |
				     (object->checked ? RECORD_CHECKED : 0) |
				     (object->repaired ? RECORD_REPAIRED : 0));
	const uint32_t check = check_of(earlier, record);
	memcpy(record + CHECKED_SIZE, &check, sizeof check);
}

/* False: it is none of ours, or was torn. */
static bool get_record(const struct earlier *earlier, const unsigned char *record,
		       struct earlier_object *object)
{
	const uint32_t check = check_of(earlier, record);
	uint64_t bytes;
	uint16_t corrupt;
	if (memcmp(&check, record + CHECKED_SIZE, sizeof check) != 0)
		return false;
	memcpy(&bytes, record + 16, sizeof bytes);
	memcpy(&corrupt, record + 24, sizeof corrupt);
	*object = (struct earlier_object){
		.is_directory = record[26] & RECORD_DIRECTORY,
		.checked = record[26] & RECORD_CHECKED,
		.repaired = record[26] & RECORD_REPAIRED,
		.corrupt_shares = le16toh(corrupt),
		.bytes = le64toh(bytes),
	};
	memcpy(object->key, record, EARLIER_KEY_SIZE);
	return true;
}

/* ---- the table ---- */

static const unsigned char no_key[EARLIER_KEY_SIZE];

static bool is_empty(const struct earlier_object *slot)
{
	return memcmp(slot->key, no_key, EARLIER_KEY_SIZE) == 0;
}

/* Returns the slot that has the key, or the empty one where it belongs. */
static struct earlier_object *find_slot(const struct earlier *earlier, const unsigned char *key)
{
	unsigned char hash[CONTENT_HASH_SIZE];
	uint64_t start;
	content_hash_of(key, EARLIER_KEY_SIZE, hash);
	memcpy(&start, hash, sizeof start);
	size_t at = (size_t)start & (earlier->capacity - 1);
	while (!is_empty(&earlier->slot[at]) &&
	       memcmp(earlier->slot[at].key, key, EARLIER_KEY_SIZE) != 0)
		at = (at + 1) & (earlier->capacity - 1);
	return &earlier->slot[at];
}

static bool grow(struct earlier *earlier)
{
	struct earlier grown = { .capacity =
					 earlier->capacity ? 2 * earlier->capacity : SLOTS_MIN };
	grown.slot = calloc(grown.capacity, sizeof *grown.slot);
	if (!grown.slot)
		return false;
	for (size_t i = 0; i < earlier->capacity; i++)
		if (!is_empty(&earlier->slot[i]))
			*find_slot(&grown, earlier->slot[i].key) = earlier->slot[i];
	free(earlier->slot);
	earlier->slot = grown.slot;
	earlier->capacity = grown.capacity;
	return true;
}

static bool add(struct earlier *earlier, const struct earlier_object *object)
{
	if (4 * (earlier->count + 1) > 3 * earlier->capacity && !grow(earlier))
		return false;
	struct earlier_object *slot = find_slot(earlier, object->key);
	earlier->count += is_empty(slot);
	*slot = *object;
	return true;
}

/* ---- the file ---- */

static void put_header(const struct earlier *earlier, unsigned char header[HEADER_SIZE])
{
	memset(header, 0, HEADER_SIZE);
	memcpy(header, magic, sizeof magic);
	memcpy(header + sizeof magic, earlier->subject, EARLIER_KEY_SIZE);
}

/* Whether the file is of the same subject, and not too old. */
static bool is_of_use(const struct earlier *earlier, const struct stat *st, struct err *err)
{
	unsigned char header[HEADER_SIZE], wanted[HEADER_SIZE];
	put_header(earlier, wanted);
	return st->st_size >= HEADER_SIZE && time(NULL) - st->st_mtime <= EARLIER_AGE_MAX &&
	       !file_read_at(earlier->fd, 0, header, HEADER_SIZE, err) &&
	       memcmp(header, wanted, HEADER_SIZE) == 0;
}

static enum fault begin_file(struct earlier *earlier, struct err *err)
{
	unsigned char header[HEADER_SIZE];
	put_header(earlier, header);
	earlier->end = HEADER_SIZE;
	if (ftruncate(earlier->fd, 0) != 0)
		return err_os(err, FAULT_IO, errno, "cannot empty '%s'", earlier->path);
	return file_write_at(earlier->fd, 0, header, HEADER_SIZE, err);
}

/* Reads what there is, up to the first record that does not check. */
static enum fault read_records(struct earlier *earlier, struct err *err)
{
	unsigned char record[BATCH * RECORD_SIZE];
	size_t got;
	earlier->end = HEADER_SIZE;
	do {
		if (file_read_up_to(earlier->fd, earlier->end, record, sizeof record, &got, err))
			return err->fault;
		size_t whole = got - got % RECORD_SIZE;
		for (size_t at = 0; at < whole; at += RECORD_SIZE) {
			struct earlier_object object;
			if (!get_record(earlier, record + at, &object))
				return FAULT_NONE;
			if (!add(earlier, &object))
				return err_set(err, FAULT_NOMEM, "no memory for what was seen");
			earlier->end += RECORD_SIZE;
		}
	} while (got == sizeof record);
	return FAULT_NONE;
}

static enum fault open_file(struct earlier *earlier, const struct earlier_options *options,
			    struct err *err)
{
	int length = snprintf(earlier->path, PATH_SIZE, "%s/", options->directory);
	if (length < 0 || length + 2 * EARLIER_KEY_SIZE >= PATH_SIZE)
		return err_set(err, FAULT_USAGE, "the path of the state directory is too long");
	for (unsigned i = 0; i < EARLIER_KEY_SIZE; i++)
		snprintf(earlier->path + length + 2 * i, 3, "%02x", options->subject[i]);
	earlier->fd = open(earlier->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (earlier->fd < 0)
		return err_os(err, FAULT_IO, errno, "cannot open '%s'", earlier->path);
	if (flock(earlier->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
		return err_set(err, FAULT_LOCKED, "another process is looking at the same");
	return FAULT_NONE;
}

static enum fault load(struct earlier *earlier, bool afresh, struct err *err)
{
	struct stat st;
	if (fstat(earlier->fd, &st) != 0)
		return err_os(err, FAULT_IO, errno, "cannot look at '%s'", earlier->path);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_mode & (S_IRWXG | S_IRWXO))
		return err_set(err, FAULT_INSECURE, "'%s' is not a file of our own alone",
			       earlier->path);
	if (!grow(earlier))
		return err_set(err, FAULT_NOMEM, "no memory for what was seen");
	return afresh || !is_of_use(earlier, &st, err) ? begin_file(earlier, err)
						       : read_records(earlier, err);
}

enum fault earlier_open(const struct earlier_options *options, struct earlier **out,
			struct err *err)
{
	struct earlier *earlier = calloc(1, sizeof *earlier);
	if (!earlier)
		return err_set(err, FAULT_NOMEM, "no memory for what was seen");
	earlier->fd = -1;
	memcpy(earlier->subject, options->subject, EARLIER_KEY_SIZE);
	enum fault fault = open_file(earlier, options, err);
	if (!fault)
		fault = load(earlier, options->afresh, err);
	if (fault)
		earlier_close(earlier);
	else
		*out = earlier;
	return fault;
}

void earlier_close(struct earlier *earlier)
{
	if (!earlier)
		return;
	if (earlier->fd >= 0)
		close(earlier->fd);
	free(earlier->slot);
	free(earlier);
}

void earlier_end(struct earlier *earlier)
{
	if (earlier)
		(void)unlink(earlier->path);
	earlier_close(earlier);
}

/* ---- what is asked ---- */

uint64_t earlier_count(const struct earlier *earlier) { return earlier->count; }

void earlier_key(uint64_t id, unsigned char key[EARLIER_KEY_SIZE])
{
	const uint64_t number = htole64(id);
	memset(key, 0, EARLIER_KEY_SIZE);
	memcpy(key, &number, sizeof number);
	key[EARLIER_KEY_SIZE - 1] = 1; /* no key is all zeros */
}

const struct earlier_object *earlier_find(const struct earlier *earlier,
					  const unsigned char key[EARLIER_KEY_SIZE])
{
	if (!earlier)
		return NULL;
	const struct earlier_object *slot = find_slot(earlier, key);
	return is_empty(slot) ? NULL : slot;
}

void earlier_note(struct earlier *earlier, const unsigned char key[EARLIER_KEY_SIZE],
		  const struct audit_entry *entry)
{
	if (!earlier || earlier->broken)
		return;
	const struct store_health *health = entry->health;
	unsigned char record[RECORD_SIZE];
	struct earlier_object object = {
		.is_directory = entry->is_directory,
		.checked = health && !health->literal,
		.repaired = health && health->repaired,
		.corrupt_shares =
			health ? (uint16_t)min_u64(health->corrupt_shares, UINT16_MAX) : 0,
		.bytes = entry->bytes,
	};
	struct err err;
	memcpy(object.key, key, EARLIER_KEY_SIZE);
	put_record(earlier, &object, record);
	earlier->broken = file_write_at(earlier->fd, earlier->end, record, RECORD_SIZE, &err);
	earlier->end += RECORD_SIZE;
	KILL_POINT("verify-noted");
}

void earlier_recount(const struct earlier_object *object, struct audit_counts *counts)
{
	const struct store_health health = {
		.healthy = true,
		.recoverable = true,
		.repaired = object->repaired,
		.corrupt_shares = object->corrupt_shares,
	};
	const struct audit_entry entry = {
		.is_directory = object->is_directory,
		.proven = true,
		.bytes = object->bytes,
		.health = object->checked ? &health : NULL,
	};
	audit_count(counts, &entry);
	counts->before++;
}
