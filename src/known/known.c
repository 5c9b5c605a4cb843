#include "known/known.h"

#include "base/digest.h"
#include "known/database.h"
#include "queue/core/thread.h"
#include "tahoe/edge.h"

#include <limits.h>
#include <unistd.h>

enum {
	BATCH_ROWS = 5000, /* kept between two commits, */
	BATCH_MS = 250,    /* or so long: what a kill loses is read again by the next run */
	SUM_NUMBERS = 9,   /* beside name and cap */
};

struct knowledge {
	struct mutex lock;
	struct database database;
	char *path;            /* of a directory, looked up last */
	int64_t path_id;       /* its number, 0: it has none */
	unsigned rows GUARDED; /* kept since the last commit */
	uint64_t begun_ms;     /* when the first of them was */
	bool broken GUARDED;
	struct err why; /* once broken */
};

/* ---- rows ---- */

/* A file as a row has it. */
struct row {
	int64_t path;
	const void *name;
	size_t name_size;
	int64_t number[6]; /* size, mtime, ctime, inode, device, precision: columns 0.. */
	struct known_cap cap;
};

/* Mixes everything in a row: bits that a disk has turned make it no row at all. */
static int64_t sum_of(const void *key, size_t key_size, const int64_t *number, size_t count,
		      const struct known_cap *cap)
{
	enum { KEY_MAX = 4096 };
	unsigned char mixed[KEY_MAX + 8 * SUM_NUMBERS + OUTCOME_CAP_MAX + 2], hash[16];
	unsigned char *at = mixed;
	key_size = key_size < KEY_MAX ? key_size : KEY_MAX;
	at = mempcpy(at, key, key_size);
	for (size_t i = 0; i < count; i++, at += 8)
		store_le64(at, (uint64_t)number[i]);
	store_le64(at, (uint64_t)cap->uploaded);
	store_le64(at + 8, (uint64_t)cap->checked);
	at += 16;
	*at++ = cap->kind;
	*at++ = cap->size;
	at = mempcpy(at, cap->cap, cap->size);
	content_hash_of(mixed, (size_t)(at - mixed), hash);
	explicit_bzero(mixed, sizeof mixed);
	return (int64_t)load_le64(hash);
}

static int64_t row_sum(const struct row *row)
{
	int64_t number[7];
	memcpy(number, row->number, sizeof row->number);
	number[6] = row->path;
	return sum_of(row->name, row->name_size, number, ARRAY_COUNT(number), &row->cap);
}

/* Takes kind, cap and the two times from four columns.  Returns whether they can be that. */
static bool take_cap(sqlite3_stmt *statement, int column, struct known_cap *cap)
{
	const void *data = sqlite3_column_blob(statement, column + 1);
	const int size = sqlite3_column_bytes(statement, column + 1);
	*cap = (struct known_cap){ .kind = (uint8_t)sqlite3_column_int(statement, column) };
	if (size < 0 || size > OUTCOME_CAP_MAX)
		return false;
	cap->size = (uint8_t)size;
	if (size > 0)
		memcpy(cap->cap, data, (size_t)size);
	cap->uploaded = sqlite3_column_int64(statement, column + 2);
	cap->checked = sqlite3_column_int64(statement, column + 3);
	return true;
}

static bool take_row(sqlite3_stmt *statement, struct row *row)
{
	*row = (struct row){ .path = sqlite3_column_int64(statement, 11) };
	for (int i = 0; i < 6; i++)
		row->number[i] = sqlite3_column_int64(statement, i);
	row->name = sqlite3_column_blob(statement, 12);
	row->name_size = (size_t)sqlite3_column_bytes(statement, 12);
	return take_cap(statement, 6, &row->cap) &&
	       sqlite3_column_int64(statement, 10) == row_sum(row);
}

/* ---- SQLite ---- */

/* Remembers the first refusal; after it nothing is asked any more. */
static void fail(struct knowledge *known, int answer) REQUIRES(&known->lock)
{
	if (known->broken)
		return;
	known->broken = true;
	database_err(&known->database, answer, &known->why);
}

static sqlite3_stmt *statement_of(struct knowledge *known, enum database_statement number)
{
	sqlite3_stmt *statement = known->database.statement[number];
	sqlite3_reset(statement);
	return statement;
}

/* Steps once.  Returns whether there is a row. */
static bool step(struct knowledge *known, sqlite3_stmt *statement) REQUIRES(&known->lock)
{
	const int answer = sqlite3_step(statement);
	if (answer != SQLITE_ROW && answer != SQLITE_DONE)
		fail(known, answer);
	return answer == SQLITE_ROW;
}

static void finish(sqlite3_stmt *statement)
{
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
}

static void commit(struct knowledge *known) REQUIRES(&known->lock)
{
	if (known->rows == 0 || known->broken)
		return;
	known->rows = 0;
	sqlite3_stmt *statement = statement_of(known, DATABASE_COMMIT);
	step(known, statement);
	finish(statement);
}

/* Begins a batch, where none is begun.  Returns whether anything can be kept. */
static bool begin(struct knowledge *known) REQUIRES(&known->lock)
{
	if (known->broken)
		return false;
	if (known->rows == 0) {
		sqlite3_stmt *statement = statement_of(known, DATABASE_BEGIN);
		step(known, statement);
		finish(statement);
		known->begun_ms = clock_ms();
	}
	known->rows++;
	return !known->broken;
}

static void end(struct knowledge *known) REQUIRES(&known->lock)
{
	if (known->rows >= BATCH_ROWS || clock_ms() - known->begun_ms >= BATCH_MS)
		commit(known);
}

static void bind_blob(sqlite3_stmt *statement, int number, const void *data, size_t size)
{
	sqlite3_bind_blob64(statement, number, size ? data : "", size, SQLITE_STATIC);
}

static void bind_cap(sqlite3_stmt *statement, int number, const struct known_cap *cap, int64_t sum)
{
	sqlite3_bind_int(statement, number, cap->kind);
	bind_blob(statement, number + 1, cap->cap, cap->size);
	sqlite3_bind_int64(statement, number + 2, cap->uploaded);
	sqlite3_bind_int64(statement, number + 3, cap->checked);
	sqlite3_bind_int64(statement, number + 4, sum);
}

/* ---- paths ---- */

/* Returns the number of a directory's path, which `make` gives it, or 0. */
static int64_t path_of(struct knowledge *known, const char *path, bool make) REQUIRES(&known->lock)
{
	if (known->path && strcmp(known->path, path) == 0 && (known->path_id || !make))
		return known->path_id;
	sqlite3_stmt *statement = statement_of(known, DATABASE_PATH_FIND);
	bind_blob(statement, 1, path, strlen(path));
	int64_t id = step(known, statement) ? sqlite3_column_int64(statement, 0) : 0;
	finish(statement);
	if (id == 0 && make && !known->broken) {
		statement = statement_of(known, DATABASE_PATH_ADD);
		bind_blob(statement, 1, path, strlen(path));
		step(known, statement);
		finish(statement);
		id = known->broken ? 0 : sqlite3_last_insert_rowid(known->database.sqlite);
	}
	free(known->path);
	known->path = strdup(path);
	known->path_id = id;
	return id;
}

/* ---- files ---- */

static int64_t second_of(int64_t ns) { return ns / 1000000000 - (ns % 1000000000 < 0); }

static bool is_same_time(int64_t kept, int64_t found, enum known_precision precision)
{
	switch (precision) {
	case KNOWN_EXACT:
		return kept == found;
	case KNOWN_FLOAT:
		return edge_seconds(kept) == edge_seconds(found);
	default:
		return second_of(kept) == second_of(found);
	}
}

/* Whether the row is of the file, as it is now. */
static bool is_same(const struct row *row, const struct known_file *file)
{
	const struct meta *meta = &file->meta;
	const enum known_precision precision = (enum known_precision)row->number[5];
	const int64_t inode = row->number[3];
	return (uint64_t)row->number[0] == file->bytes && meta_is_time(meta->mtime_ns) &&
	       meta_is_time(meta->ctime_ns) &&
	       is_same_time(row->number[1], meta->mtime_ns, precision) &&
	       is_same_time(row->number[2], meta->ctime_ns, precision) &&
	       (inode == (int64_t)meta->ino || precision != KNOWN_EXACT);
}

static bool find_by_path(struct knowledge *known, const struct known_file *file, struct row *row)
	REQUIRES(&known->lock)
{
	const int64_t path = path_of(known, file->directory, false);
	if (path == 0)
		return false;
	sqlite3_stmt *statement = statement_of(known, DATABASE_FILE_BY_PATH);
	sqlite3_bind_int64(statement, 1, path);
	bind_blob(statement, 2, file->name, file->name_size);
	const bool found = step(known, statement) && take_row(statement, row) && is_same(row, file);
	finish(statement);
	return found;
}

/* One that a directory above it was moved with: its own times are as they were. */
static bool find_by_inode(struct knowledge *known, const struct known_file *file, struct row *row)
	REQUIRES(&known->lock)
{
	if (file->meta.ino == 0)
		return false;
	sqlite3_stmt *statement = statement_of(known, DATABASE_FILE_BY_INODE);
	sqlite3_bind_int64(statement, 1, (int64_t)file->meta.ino);
	bool found = false;
	while (!found && step(known, statement))
		found = take_row(statement, row) && is_same(row, file) &&
			row->number[5] != KNOWN_SECONDS &&
			(uint64_t)row->number[4] == file->meta.dev;
	finish(statement);
	return found;
}

static void keep_file(struct knowledge *known, const struct known_file *file,
		      const struct known_cap *cap) REQUIRES(&known->lock)
{
	const struct meta *meta = &file->meta;
	if (!begin(known))
		return;
	const struct row row = {
		.path = path_of(known, file->directory, true),
		.name = file->name,
		.name_size = file->name_size,
		.number = { (int64_t)file->bytes, meta->mtime_ns, meta->ctime_ns,
			    (int64_t)meta->ino, (int64_t)meta->dev, file->precision },
		.cap = *cap,
	};
	if (known->broken)
		return;
	sqlite3_stmt *statement = statement_of(
		known, file->precision == KNOWN_EXACT ? DATABASE_FILE_ADD : DATABASE_FILE_ADD_NEW);
	for (int i = 0; i < 6; i++)
		sqlite3_bind_int64(statement, i + 1, row.number[i]);
	bind_cap(statement, 7, cap, row_sum(&row));
	sqlite3_bind_int64(statement, 12, row.path);
	bind_blob(statement, 13, file->name, file->name_size);
	step(known, statement);
	finish(statement);
	end(known);
}

bool known_find_file(struct knowledge *known, const struct known_file *file,
		     struct known_cap *found)
{
	struct row row;
	mutex_lock(&known->lock);
	bool is_there = !known->broken && find_by_path(known, file, &row);
	bool moved = !is_there && !known->broken && find_by_inode(known, file, &row);
	if (is_there || moved)
		*found = row.cap;
	if (moved || (is_there && row.number[5] != KNOWN_EXACT))
		keep_file(known, file, found);
	mutex_unlock(&known->lock);
	explicit_bzero(&row, sizeof row);
	return is_there || moved;
}

void known_add_file(struct knowledge *known, const struct known_file *file,
		    const struct known_cap *cap)
{
	mutex_lock(&known->lock);
	keep_file(known, file, cap);
	mutex_unlock(&known->lock);
}

/* ---- directories ---- */

bool known_find_directory(struct knowledge *known, const unsigned char hash[KNOWN_HASH_SIZE],
			  struct known_cap *found)
{
	bool is_there = false;
	mutex_lock(&known->lock);
	if (!known->broken) {
		sqlite3_stmt *statement = statement_of(known, DATABASE_DIRECTORY_FIND);
		bind_blob(statement, 1, hash, KNOWN_HASH_SIZE);
		is_there = step(known, statement) && take_cap(statement, 0, found) &&
			   sqlite3_column_int64(statement, 4) ==
				   sum_of(hash, KNOWN_HASH_SIZE, NULL, 0, found);
		finish(statement);
	}
	mutex_unlock(&known->lock);
	return is_there;
}

void known_add_directory(struct knowledge *known, const unsigned char hash[KNOWN_HASH_SIZE],
			 const struct known_cap *cap)
{
	mutex_lock(&known->lock);
	if (begin(known)) {
		sqlite3_stmt *statement = statement_of(known, DATABASE_DIRECTORY_ADD);
		bind_cap(statement, 1, cap, sum_of(hash, KNOWN_HASH_SIZE, NULL, 0, cap));
		bind_blob(statement, 6, hash, KNOWN_HASH_SIZE);
		step(known, statement);
		finish(statement);
		end(known);
	}
	mutex_unlock(&known->lock);
}

/* ---- the rest ---- */

void known_note_cap(struct knowledge *known, const char *name, const struct known_cap *cap)
{
	unsigned char value[2 + OUTCOME_CAP_MAX] = { cap->kind, cap->size };
	memcpy(value + 2, cap->cap, cap->size);
	mutex_lock(&known->lock);
	if (begin(known)) {
		sqlite3_stmt *statement = statement_of(known, DATABASE_NOTE_ADD);
		sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
		bind_blob(statement, 2, value, 2u + cap->size);
		step(known, statement);
		finish(statement);
	}
	mutex_unlock(&known->lock);
	explicit_bzero(value, sizeof value);
}

bool known_noted_cap(struct knowledge *known, const char *name, struct known_cap *cap)
{
	bool found = false;
	mutex_lock(&known->lock);
	if (!known->broken) {
		sqlite3_stmt *statement = statement_of(known, DATABASE_NOTE_FIND);
		sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
		const unsigned char *value =
			step(known, statement) ? sqlite3_column_blob(statement, 0) : NULL;
		const int size = value ? sqlite3_column_bytes(statement, 0) : 0;
		found = size >= 2 && size == 2 + value[1] && value[1] <= OUTCOME_CAP_MAX;
		if (found) {
			*cap = (struct known_cap){ .kind = value[0], .size = value[1] };
			memcpy(cap->cap, value + 2, cap->size);
		}
		finish(statement);
	}
	mutex_unlock(&known->lock);
	return found;
}

/* Deletes rows.  Returns how many. */
static int64_t prune(struct knowledge *known, enum database_statement number, int64_t before)
	REQUIRES(&known->lock)
{
	if (known->broken)
		return 0;
	sqlite3_stmt *statement = statement_of(known, number);
	if (number != DATABASE_PATH_PRUNE)
		sqlite3_bind_int64(statement, 1, before);
	step(known, statement);
	finish(statement);
	return sqlite3_changes(known->database.sqlite);
}

void known_prune(struct knowledge *known, int64_t before)
{
	mutex_lock(&known->lock);
	if (begin(known)) {
		prune(known, DATABASE_DIRECTORY_PRUNE, before);
		if (prune(known, DATABASE_FILE_PRUNE, before) > 0)
			prune(known, DATABASE_PATH_PRUNE, before);
		free(known->path);
		known->path = NULL;
		end(known);
	}
	mutex_unlock(&known->lock);
}

uint64_t known_count(struct knowledge *known)
{
	uint64_t count = 0;
	mutex_lock(&known->lock);
	if (!known->broken) {
		sqlite3_stmt *statement = statement_of(known, DATABASE_COUNT_ROWS);
		if (step(known, statement))
			count = (uint64_t)sqlite3_column_int64(statement, 0);
		finish(statement);
	}
	mutex_unlock(&known->lock);
	return count;
}

void known_commit(struct knowledge *known)
{
	mutex_lock(&known->lock);
	commit(known);
	mutex_unlock(&known->lock);
}

bool known_is_broken(struct knowledge *known, struct err *err)
{
	mutex_lock(&known->lock);
	const bool broken = known->broken;
	if (broken)
		*err = known->why;
	mutex_unlock(&known->lock);
	return broken;
}

/* Opens the file, at the second try a new one in the place of one that is damaged. */
static enum fault open_file(struct knowledge *known, enum known_state *state, struct err *err)
{
	bool made;
	enum fault fault = database_open(&known->database, &made, err);
	*state = made ? KNOWN_NEW : KNOWN_OPENED;
	if (fault != FAULT_CORRUPT)
		return fault;
	*state = KNOWN_DAMAGED;
	database_close(&known->database);
	if (database_move_aside(&known->database, err))
		return err->fault;
	return database_open(&known->database, &made, err);
}

/* A file that the disk does not give or take is done without: nothing is known, nothing kept. */
static bool can_do_without(enum fault fault)
{
	return fault == FAULT_IO || fault == FAULT_FULL || fault == FAULT_LOCKED;
}

enum fault known_open(const char *path, struct knowledge **known, enum known_state *state,
		      struct err *err)
{
	struct knowledge *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for what is known");
	mutex_init(&made->lock);
	made->database = (struct database){ .path = strdup(path), .lock_fd = -1 };
	enum fault fault = FAULT_NONE;
	if (!made->database.path)
		fault = err_set(err, FAULT_NOMEM, "no memory for what is known");
	if (!fault)
		fault = database_lock(&made->database, err);
	if (!fault) {
		fault = open_file(made, state, err);
		if (can_do_without(fault)) {
			mutex_lock(&made->lock);
			made->broken = true;
			made->why = *err;
			mutex_unlock(&made->lock);
			fault = FAULT_NONE;
		}
	}
	if (fault)
		known_close(made);
	else
		*known = made;
	return fault;
}

enum fault known_begin_anew(struct knowledge *known, struct err *err)
{
	bool made;
	mutex_lock(&known->lock);
	free(known->path);
	known->path = NULL;
	known->rows = 0;
	known->broken = false;
	database_close(&known->database);
	enum fault fault = database_move_aside(&known->database, err);
	if (!fault)
		fault = database_open(&known->database, &made, err);
	mutex_unlock(&known->lock);
	return fault;
}

void known_close(struct knowledge *known)
{
	struct err err;
	if (!known)
		return;
	mutex_lock(&known->lock);
	commit(known);
	const bool damaged = known->broken && known->why.fault == FAULT_CORRUPT;
	mutex_unlock(&known->lock);
	database_close(&known->database);
	if (damaged)
		(void)!database_move_aside(&known->database, &err);
	if (known->database.lock_fd >= 0)
		close(known->database.lock_fd);
	mutex_fini(&known->lock);
	free(known->path);
	free(known->database.path);
	free(known);
}
