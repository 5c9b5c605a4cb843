#include "known/database.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	VERSION = 1,              /* user_version of the schema below */
	PATH_SIZE = 4096,         /* bytes of a path of ours */
	OTHERS = 077,             /* permission bits that nobody else may have */
	BUSY_MS = 10000,          /* a reader may hold up a checkpoint */
	APPLICATION = 0x62726765, /* application_id: "brge" */
};

static const char schema[] =
	"CREATE TABLE about(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE path(id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE);"
	"CREATE TABLE file(path INTEGER NOT NULL, name BLOB NOT NULL, size INTEGER NOT NULL,"
	" mtime INTEGER NOT NULL, ctime INTEGER NOT NULL, inode INTEGER NOT NULL,"
	" device INTEGER NOT NULL, precise INTEGER NOT NULL, kind INTEGER NOT NULL,"
	" cap BLOB NOT NULL, uploaded INTEGER NOT NULL, checked INTEGER NOT NULL,"
	" sum INTEGER NOT NULL, PRIMARY KEY(path, name)) WITHOUT ROWID;"
	"CREATE INDEX file_inode ON file(inode);"
	"CREATE TABLE directory(hash BLOB PRIMARY KEY, kind INTEGER NOT NULL, cap BLOB NOT NULL,"
	" uploaded INTEGER NOT NULL, checked INTEGER NOT NULL, sum INTEGER NOT NULL)"
	" WITHOUT ROWID;"
	"PRAGMA application_id = 1651664741;"
	"PRAGMA user_version = 1;";

#define FILE_COLUMNS                                                                               \
	"size, mtime, ctime, inode, device, precise, kind, cap, uploaded, checked, sum, path, "    \
	"name"

#define FILE_FIND(where) ("SELECT " FILE_COLUMNS " FROM file WHERE " where)
#define FILE_ADD(how)                                                                              \
	("INSERT OR " how " INTO file(" FILE_COLUMNS                                               \
	 ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")

static const char *const text[DATABASE_STATEMENTS] = {
	[DATABASE_FILE_BY_PATH] = FILE_FIND("path = ? AND name = ?"),
	[DATABASE_FILE_BY_INODE] = FILE_FIND("inode = ?"),
	[DATABASE_FILE_ADD] = FILE_ADD("REPLACE"),
	[DATABASE_FILE_ADD_NEW] = FILE_ADD("IGNORE"),
	[DATABASE_DIRECTORY_FIND] =
		"SELECT kind, cap, uploaded, checked, sum FROM directory WHERE hash = ?",
	[DATABASE_DIRECTORY_ADD] = ("INSERT OR REPLACE INTO directory(kind, cap, uploaded, checked,"
				    " sum, hash) VALUES(?, ?, ?, ?, ?, ?)"),
	[DATABASE_PATH_FIND] = "SELECT id FROM path WHERE path = ?",
	[DATABASE_PATH_ADD] = "INSERT INTO path(path) VALUES(?)",
	[DATABASE_NOTE_FIND] = "SELECT value FROM about WHERE name = ?",
	[DATABASE_NOTE_ADD] = "INSERT OR REPLACE INTO about(name, value) VALUES(?, ?)",
	[DATABASE_BEGIN] = "BEGIN IMMEDIATE",
	[DATABASE_COMMIT] = "COMMIT",
	[DATABASE_COUNT_ROWS] =
		"SELECT (SELECT count(*) FROM file) + (SELECT count(*) FROM directory)",
	[DATABASE_FILE_PRUNE] = "DELETE FROM file WHERE checked < ?",
	[DATABASE_DIRECTORY_PRUNE] = "DELETE FROM directory WHERE checked < ?",
	[DATABASE_PATH_PRUNE] =
		"DELETE FROM path WHERE NOT EXISTS (SELECT 1 FROM file WHERE file.path = path.id)",
};

enum fault database_err(const struct database *database, int answer, struct err *err)
{
	const char *why =
		database->sqlite ? sqlite3_errmsg(database->sqlite) : sqlite3_errstr(answer);
	enum fault fault = FAULT_IO;
	switch (answer & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_MISMATCH:
	case SQLITE_ERROR: /* the schema is not ours */
		fault = FAULT_CORRUPT;
		break;
	case SQLITE_FULL:
		fault = FAULT_FULL;
		break;
	case SQLITE_NOMEM:
		fault = FAULT_NOMEM;
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		fault = FAULT_LOCKED;
		break;
	default:
		break;
	}
	return err_set(err, fault, "'%.120s': %.80s", database->path, why);
}

/* Opens a file, or makes it where it is missing; another process may do so at the same time. */
static int open_or_make(const char *path, bool *made)
{
	const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;
	int fd;
	do {
		fd = open(path, flags);
		*made = fd < 0 && errno == ENOENT;
		if (*made)
			fd = open(path, flags | O_CREAT | O_EXCL, 0600);
	} while (fd < 0 && *made && errno == EEXIST);
	return fd;
}

/* Opens a file of ours that nobody else may read; makes it where it is missing. */
static enum fault open_own(const char *path, bool *made, int *fd, struct err *err)
{
	struct stat st;
	*fd = open_or_make(path, made);
	if (*fd < 0)
		return err_os(err, FAULT_IO, errno, "cannot open '%.120s'", path);
	if (fstat(*fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	    !(st.st_mode & OTHERS) && st.st_nlink == 1)
		return FAULT_NONE;
	close(*fd);
	*fd = -1;
	return err_set(err, FAULT_INSECURE,
		       "'%.120s' holds caps and is not a file of yours alone: take the "
		       "permissions away with chmod go-rwx, or remove it",
		       path);
}

enum fault database_lock(struct database *database, struct err *err)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[PATH_SIZE];
	bool made;
	snprintf(path, sizeof path, "%s.lock", database->path);
	if (open_own(path, &made, &database->lock_fd, err))
		return err->fault;
	if (fcntl(database->lock_fd, F_OFD_SETLK, &lock) == 0)
		return FAULT_NONE;
	const int failed = errno;
	close(database->lock_fd);
	database->lock_fd = -1;
	if (failed != EAGAIN && failed != EACCES)
		return err_os(err, FAULT_IO, failed, "cannot lock '%.120s'", path);
	return err_set(err, FAULT_LOCKED,
		       "another backup to this target is running; wait for it, or stop it");
}

static enum fault run(const struct database *database, const char *sql, struct err *err)
{
	const int answer = sqlite3_exec(database->sqlite, sql, NULL, NULL, NULL);
	return answer == SQLITE_OK ? FAULT_NONE : database_err(database, answer, err);
}

static int take_number(void *context, int columns, char **value, char **name)
{
	long *number = context;
	(void)name;
	*number = columns == 1 && value[0] ? strtol(value[0], NULL, 10) : -1;
	return 0;
}

/* Makes the tables of a new file, or sees that they are of this version. */
static enum fault check_schema(const struct database *database, bool *made, struct err *err)
{
	long version = -1, application = -1;
	if (sqlite3_exec(database->sqlite, "PRAGMA user_version", take_number, &version, NULL) ||
	    sqlite3_exec(database->sqlite, "PRAGMA application_id", take_number, &application,
			 NULL))
		return database_err(database, sqlite3_errcode(database->sqlite), err);
	*made = version == 0 && application == 0;
	if (*made && (run(database, "BEGIN IMMEDIATE", err) || run(database, schema, err) ||
		      run(database, "COMMIT", err)))
		return err->fault;
	if (*made || (version == VERSION && application == APPLICATION))
		return FAULT_NONE;
	if (version > VERSION && application == APPLICATION)
		return err_set(err, FAULT_USAGE,
			       "'%.120s' was written by a later version of this program; move it "
			       "away to begin anew",
			       database->path);
	return err_set(err, FAULT_CORRUPT, "'%.120s' is not what backups know", database->path);
}

enum fault database_open(struct database *database, bool *made, struct err *err)
{
	int fd;
	if (open_own(database->path, made, &fd, err))
		return err->fault;
	close(fd);
	int answer = sqlite3_open_v2(database->path, &database->sqlite,
				     SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (answer != SQLITE_OK)
		return database_err(database, answer, err);
	sqlite3_extended_result_codes(database->sqlite, 1);
	sqlite3_busy_timeout(database->sqlite, BUSY_MS);
	if (run(database, "PRAGMA journal_mode = WAL", err) ||
	    run(database, "PRAGMA synchronous = FULL", err) ||
	    run(database, "PRAGMA trusted_schema = OFF", err) || check_schema(database, made, err))
		return err->fault;
	for (unsigned i = 0; i < DATABASE_STATEMENTS; i++) {
		answer =
			sqlite3_prepare_v3(database->sqlite, text[i], -1, SQLITE_PREPARE_PERSISTENT,
					   &database->statement[i], NULL);
		if (answer != SQLITE_OK)
			return database_err(database, answer, err);
	}
	return FAULT_NONE;
}

enum fault database_move_aside(const struct database *database, struct err *err)
{
	static const char *const part[] = { "-wal", "-shm", "" };
	char from[PATH_SIZE], to[PATH_SIZE];
	for (size_t i = 0; i < ARRAY_COUNT(part); i++) {
		snprintf(from, sizeof from, "%s%s", database->path, part[i]);
		snprintf(to, sizeof to, "%s.damaged%s", database->path, part[i]);
		if (rename(from, to) != 0 && errno != ENOENT)
			return err_os(err, FAULT_IO, errno, "cannot move '%.120s' aside", from);
	}
	return FAULT_NONE;
}

void database_close(struct database *database)
{
	for (unsigned i = 0; i < DATABASE_STATEMENTS; i++)
		sqlite3_finalize(database->statement[i]);
	sqlite3_close(database->sqlite);
	*database = (struct database){ .path = database->path, .lock_fd = database->lock_fd };
}
