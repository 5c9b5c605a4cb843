#include "known/database.h"
#include "queue/core/fault.h"
#include "tahoe/caps.h"

#include <errno.h>
#include <unistd.h>

/*
 * Source: tahoe-lafs 1.20.0 allmydata/scripts/backupdb.py, schema version 2: times are whole
 * seconds, caps are blobs (or text, of Python 2).
 */
static const char wanted[] =
	"SELECT local_files.path, local_files.size, local_files.mtime, local_files.ctime,"
	" caps.filecap, last_upload.last_uploaded, last_upload.last_checked FROM local_files"
	" JOIN caps ON caps.fileid = local_files.fileid"
	" JOIN last_upload ON last_upload.fileid = local_files.fileid";

/* Whole seconds, or what Python may have left behind the point. */
static int64_t ns_of(sqlite3_stmt *row, int column)
{
	return sqlite3_column_int64(row, column) * 1000000000;
}

/* Keeps the file of a row, if its path and its cap are such. */
static bool take_file(struct knowledge *known, sqlite3_stmt *row)
{
	const char *path = (const char *)sqlite3_column_text(row, 0);
	const char *name = path ? strrchr(path, '/') : NULL;
	const void *text = sqlite3_column_blob(row, 4);
	const int size = sqlite3_column_bytes(row, 4);
	struct known_cap kept = {
		.uploaded = sqlite3_column_int64(row, 5),
		.checked = sqlite3_column_int64(row, 6),
	};
	struct cap cap;
	if (!name || name == path || !name[1] || !text || size <= 0 ||
	    cap_parse(text, (size_t)size, &cap, NULL) ||
	    !cap_pack(&cap, kept.cap, &kept.size, &kept.kind))
		return false;
	char *directory = strndup(path, (size_t)(name - path));
	const struct known_file file = {
		.directory = directory,
		.name = name + 1,
		.name_size = strlen(name + 1),
		.bytes = (uint64_t)sqlite3_column_int64(row, 1),
		.meta = { .mtime_ns = ns_of(row, 2), .ctime_ns = ns_of(row, 3) },
		.precision = KNOWN_SECONDS,
	};
	const bool good = directory && (cap.kind == CAP_CHK || cap.kind == CAP_LIT);
	if (good)
		known_add_file(known, &file, &kept);
	free(directory);
	cap_wipe(&cap);
	explicit_bzero(&kept, sizeof kept);
	return good;
}

static enum fault refuse(sqlite3 *sqlite, const char *path, int answer, struct err *err)
{
	const char *why = sqlite ? sqlite3_errmsg(sqlite) : sqlite3_errstr(answer);
	return err_set(err, FAULT_USAGE, "'%.120s' is not the database of tahoe backup: %.80s",
		       path, why);
}

enum fault known_import(struct knowledge *known, const char *path, uint64_t *count, struct err *err)
{
	sqlite3 *sqlite = NULL;
	sqlite3_stmt *row = NULL;
	*count = 0;
	if (access(path, R_OK) != 0)
		return err_os(err, FAULT_IO, errno, "cannot read '%.120s'", path);
	int answer =
		sqlite3_open_v2(path, &sqlite, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	if (answer == SQLITE_OK)
		answer = sqlite3_prepare_v2(sqlite, wanted, -1, &row, NULL);
	while (answer == SQLITE_OK || answer == SQLITE_ROW) {
		answer = sqlite3_step(row);
		if (answer == SQLITE_ROW)
			*count += take_file(known, row);
	}
	enum fault fault = answer == SQLITE_DONE ? FAULT_NONE : refuse(sqlite, path, answer, err);
	sqlite3_finalize(row);
	sqlite3_close(sqlite);
	known_commit(known);
	return fault;
}
