#include "job/index.h"

#include "base/bytes.h"
#include "base/digest.h"
#include "queue/core/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* A line: name, keys, values, a letter for the state, and a check over all of that. */
enum {
	NAME_DIGITS = JOB_NAME_SIZE - 1,
	KEYS_DIGITS = 8,
	VALUES_DIGITS = 32,
	CHECK_BYTES = 4,
	CHECKED_SIZE = NAME_DIGITS + 1 + KEYS_DIGITS + 1 + VALUES_DIGITS + 1 + 1,
	LINE_SIZE = CHECKED_SIZE + 1 + 2 * CHECK_BYTES + 1,
	PATH_SIZE = 4096,
	/* A file that has become larger is removed: noting anew what is still there costs less than
	 * reading lines about what is gone. */
	INDEX_SIZE_MAX = 1 << 20,
};

static const char letter[] = {
	[JOB_INDEX_PENDING] = 'p', [JOB_INDEX_FINISHED] = 'f', [JOB_INDEX_KEPT] = 'k'
};
static const char forgotten = '-';

/* ---- identities ---- */

/* Hashes keys and values; `catalog` NULL: the values are those of `property`. */
static struct job_identity identify(const struct catalog *catalog,
				    const struct manifest_property *property, size_t count)
{
	struct job_identity identity = { 0 };
	unsigned char hash[CONTENT_HASH_SIZE];
	struct bytes keys, values;
	enum fault fault = FAULT_NONE;
	bytes_init(&keys, 1 << 20);
	bytes_init(&values, SIZE_MAX / 2);
	for (size_t i = 0; i < count && !fault; i++) {
		size_t size = property[i].value_size;
		const char *value = catalog ? catalog_property(catalog, property[i].key, &size)
					    : property[i].value;
		const uint64_t told = value ? size : UINT64_MAX;
		fault = bytes_append(&keys, property[i].key, strlen(property[i].key) + 1);
		if (!fault)
			fault = bytes_append(&values, &told, sizeof told);
		if (!fault && value && size > 0)
			fault = bytes_append(&values, value, size);
	}
	if (!fault) {
		content_hash_of(keys.data, keys.size, hash);
		memcpy(identity.keys, hash, sizeof identity.keys);
		content_hash_of(values.data, values.size, hash);
		memcpy(identity.values, hash, sizeof identity.values);
	}
	bytes_fini(&keys);
	bytes_fini(&values);
	return identity;
}

struct job_identity job_identity_of(const struct manifest_property *property, size_t count)
{
	return identify(NULL, property, count);
}

struct job_identity job_identity_read(const struct catalog *catalog,
				      const struct manifest_property *property, size_t count)
{
	return identify(catalog, property, count);
}

/* ---- lines ---- */

static void put_hex(char *out, const unsigned char *data, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < size; i++) {
		out[2 * i] = digits[data[i] >> 4];
		out[2 * i + 1] = digits[data[i] & 15];
	}
}

static bool get_hex(const char *text, unsigned char *data, size_t size)
{
	char digits[3] = "";
	for (size_t i = 0; i < size; i++) {
		memcpy(digits, text + 2 * i, 2);
		if (strspn(digits, "0123456789abcdef") != 2)
			return false;
		data[i] = (unsigned char)strtoul(digits, NULL, 16);
	}
	return true;
}

static void put_check(const char *line, char *out)
{
	unsigned char hash[CONTENT_HASH_SIZE];
	content_hash_of(line, CHECKED_SIZE, hash);
	put_hex(out, hash, CHECK_BYTES);
}

static void print_line(const char name[JOB_NAME_SIZE], const struct job_identity *identity,
		       char state, char line[LINE_SIZE])
{
	memset(line, ' ', LINE_SIZE);
	char *at = line;
	memcpy(at, name, NAME_DIGITS);
	at += NAME_DIGITS + 1;
	put_hex(at, identity->keys, sizeof identity->keys);
	at += KEYS_DIGITS + 1;
	put_hex(at, identity->values, sizeof identity->values);
	line[CHECKED_SIZE - 1] = state;
	put_check(line, line + CHECKED_SIZE + 1);
	line[LINE_SIZE - 1] = '\n';
}

/* Reads a line.  False: it is damaged. */
static bool scan_line(const char *line, struct job_index_entry *entry, bool *known)
{
	char check[2 * CHECK_BYTES];
	put_check(line, check);
	const char *keys = line + NAME_DIGITS + 1, *values = keys + KEYS_DIGITS + 1;
	if (line[CHECKED_SIZE] != ' ' || line[LINE_SIZE - 1] != '\n' ||
	    memcmp(check, line + CHECKED_SIZE + 1, sizeof check) != 0 ||
	    !get_hex(keys, entry->identity.keys, sizeof entry->identity.keys) ||
	    !get_hex(values, entry->identity.values, sizeof entry->identity.values))
		return false;
	memcpy(entry->name, line, NAME_DIGITS);
	entry->name[NAME_DIGITS] = '\0';
	const char *found = memchr(letter, line[CHECKED_SIZE - 1], sizeof letter);
	*known = found;
	entry->state = found ? (enum job_index_state)(found - letter) : JOB_INDEX_PENDING;
	return true;
}

/* ---- reading ---- */

struct index_line {
	struct job_index_entry entry;
	bool known;
	size_t number;
};

static int by_name(const void *a, const void *b)
{
	const struct index_line *x = a, *y = b;
	int order = strcmp(x->entry.name, y->entry.name);
	return order ? order : (x->number > y->number) - (x->number < y->number);
}

/* Stores the lines in order; a piece that is no line is passed over up to the end of its row. */
static size_t scan_lines(const char *text, size_t size, struct index_line *line)
{
	size_t count = 0;
	for (const char *end = text + size; end - text >= LINE_SIZE;) {
		struct index_line *next = &line[count];
		if (scan_line(text, &next->entry, &next->known)) {
			next->number = count++;
			text += LINE_SIZE;
			continue;
		}
		const char *row = memchr(text, '\n', (size_t)(end - text));
		text = row ? row + 1 : end;
	}
	return count;
}

/* Keeps the last line about each job. */
static size_t keep_last(const struct index_line *line, size_t count, struct job_index_entry *entry)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		bool last =
			i + 1 == count || strcmp(line[i].entry.name, line[i + 1].entry.name) != 0;
		if (last && line[i].known)
			entry[kept++] = line[i].entry;
	}
	return kept;
}

static void read_text(const char *text, size_t size, struct job_index *index)
{
	struct index_line *line = calloc(size / LINE_SIZE + 1, sizeof *line);
	if (!line)
		return;
	const size_t count = scan_lines(text, size, line);
	qsort(line, count, sizeof *line, by_name);
	index->entry = calloc(count + 1, sizeof *index->entry);
	if (index->entry)
		index->count = keep_last(line, count, index->entry);
	free(line);
}

void job_index_read(const char *state, struct job_index *index)
{
	char path[PATH_SIZE];
	struct stat st;
	struct err err;
	*index = (struct job_index){ 0 };
	snprintf(path, sizeof path, "%s/index", state);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return;
	/* Only what we have written ourselves is believed. */
	bool ours = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
		    (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
	if (ours && st.st_size > INDEX_SIZE_MAX)
		ours = false, (void)unlink(path);
	char *text = ours ? malloc((size_t)st.st_size + 1) : NULL;
	if (text && !file_read_at(fd, 0, text, (size_t)st.st_size, &err))
		read_text(text, (size_t)st.st_size, index);
	free(text);
	close(fd);
}

void job_index_fini(struct job_index *index)
{
	free(index->entry);
	*index = (struct job_index){ 0 };
}

static int name_of(const void *name, const void *entry)
{
	return strcmp(name, ((const struct job_index_entry *)entry)->name);
}

const struct job_index_entry *job_index_find(const struct job_index *index,
					     const char name[JOB_NAME_SIZE])
{
	return index->count == 0
		       ? NULL
		       : bsearch(name, index->entry, index->count, sizeof *index->entry, name_of);
}

/* ---- writing ---- */

/* One write to the end of the file: lines of others come before or after it. */
static bool append_line(const struct job *job, const char line[LINE_SIZE])
{
	int fd = open(job->index, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return false;
	bool written = write(fd, line, LINE_SIZE) == LINE_SIZE;
	return close(fd) == 0 && written;
}

void job_index_note(struct job *job, const struct job_index_entry *entry)
{
	char line[LINE_SIZE];
	struct err err;
	bool locked;
	print_line(entry->name, &entry->identity, letter[entry->state], line);
	if (entry->state == JOB_INDEX_PENDING) {
		(void)append_line(job, line);
		return;
	}
	if (job_lock(job, &err))
		return;
	if (job_look(job, &locked) == JOB_FINISHED)
		(void)append_line(job, line);
	job_unlock(job);
}

enum fault job_index_forget(const struct job *job, struct err *err)
{
	const struct job_identity none = { 0 };
	char line[LINE_SIZE];
	print_line(job->name, &none, forgotten, line);
	if (append_line(job, line) || unlink(job->index) == 0 || errno == ENOENT)
		return FAULT_NONE;
	return err_os(err, FAULT_IO, errno, "cannot write '%s'", job->index);
}
