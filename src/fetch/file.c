#include "fetch/file.h"

#include "queue/kill.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static void read_bytes(struct file *file);

/* ---- ends ---- */

static void drop_temporary(struct file *file)
{
	if (file->fd < 0)
		return;
	close(file->fd);
	file->fd = -1;
	(void)unlinkat(file->folder->fd, file->temporary, 0);
}

static void fail(struct file *file, const struct err *err)
{
	drop_temporary(file);
	crew_end(&file->task, err);
}

static void abandon(struct crew_task *task) { drop_temporary((struct file *)task); }

static enum fault restore(const struct file *file, struct err *err)
{
	const struct leaf *leaf = file->leaf;
	if ((leaf->flags & STORE_HAS_MODE) && fchmod(file->fd, leaf->mode & 0777) != 0)
		return err_os(err, FAULT_IO, errno, "cannot set a file's mode");
	if (leaf->flags & STORE_HAS_MTIME) {
		const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
						   timespec_of(leaf->mtime_ns) };
		if (futimens(file->fd, times) != 0)
			return err_os(err, FAULT_IO, errno, "cannot set a file's time");
	}
	return FAULT_NONE;
}

/* The bytes are the file's: gives them its name. */
static void publish(struct file *file)
{
	struct err err;
	enum fault fault = restore(file, &err);
	if (!fault && fsync(file->fd) != 0)
		fault = err_os(&err, FAULT_IO, errno, "cannot make a file durable");
	KILL_POINT("fetch-publish");
	if (!fault)
		fault = beneath_publish(file->folder->fd, file->temporary, file->leaf->text, &err);
	if (fault) {
		fail(file, &err);
		return;
	}
	int closed = close(file->fd);
	file->fd = -1;
	if (closed != 0) {
		err_os(&err, FAULT_IO, errno, "cannot close a file");
		crew_end(&file->task, &err);
		return;
	}
	crew_end(&file->task, NULL);
}

/* ---- the tail alone ---- */

static bool take_tail(void *context, const void *data, size_t size)
{
	struct file *file = context;
	if (size > file->tail_size - file->tail_read)
		return false;
	memcpy(file->tail + file->tail_read, data, size);
	file->tail_read += size;
	return true;
}

static void got_tail(void *context, const struct store_reply *reply)
{
	struct file *file = context;
	const struct proof *proof = &file->proof;
	struct err err = reply->err;
	file->task.call = NULL;
	if (!err.fault && (file->tail_read != file->tail_size ||
			   memcmp(file->tail, proof->tail + proof->tail_size - file->tail_size,
				  file->tail_size) != 0))
		err_set(&err, FAULT_CORRUPT, "its end is not what the gateway said before");
	if (err.fault) {
		err_wrap(&err, "reading its end again");
		fail(file, &err);
		return;
	}
	publish(file);
}

static void read_tail(struct file *file)
{
	struct err err;
	file->tail_size = proof_doubtful_tail(&file->proof);
	file->tail_read = 0;
	if (file->tail_size == 0) {
		publish(file);
		return;
	}
	const struct store_get get = {
		.cap = &file->cap,
		.offset = file->size - file->tail_size,
		.length = file->tail_size,
		.sink = take_tail,
		.context = file,
	};
	file->task.call =
		store_get(file->task.store, &get, (struct store_then){ got_tail, file }, &err);
	if (!file->task.call)
		fail(file, &err);
}

/* ---- the whole ---- */

static bool take(void *context, const void *data, size_t size)
{
	struct file *file = context;
	enum fault fault = proof_update(&file->proof, data, size, &file->local);
	if (!fault && cap_is_chk(&file->cap) && file->proof.size > file->cap.size)
		fault = err_set(&file->local, FAULT_CORRUPT,
				"the gateway sent more bytes than the file has");
	if (!fault && !file->again)
		fault = beneath_write(file->fd, data, size, &file->local);
	if (!fault && file->moved)
		file->moved(file->context, size);
	return !fault;
}

static void judge(struct file *file)
{
	struct err err;
	bool proven;
	if (proof_end(&file->proof, &file->cap, &proven, &err)) {
		fail(file, &err);
		return;
	}
	file->size = file->proof.size;
	file->keyed = proven;
	bool repeats = file->again && proof_repeats(&file->proof);
	if (file->again && !repeats) {
		/* Whichever is right, it may be the first that was written. */
		err_set(&err, FAULT_CORRUPT, "read twice, the bytes are not the same");
		fail(file, &err);
	} else if (proven) {
		publish(file);
	} else if (repeats) {
		read_tail(file);
	} else {
		proof_keep(&file->proof);
		file->again = true;
		read_bytes(file);
	}
}

static void got(void *context, const struct store_reply *reply)
{
	struct file *file = context;
	file->task.call = NULL;
	if (file->local.fault)
		fail(file, &file->local);
	else if (reply->fault)
		fail(file, &reply->err);
	else
		judge(file);
}

static void read_bytes(struct file *file)
{
	struct err err;
	file->local = (struct err){ 0 };
	if (proof_start(&file->proof, &file->cap, file->secret, &err)) {
		fail(file, &err);
		return;
	}
	const struct store_get get = {
		.cap = &file->cap,
		.length = UINT64_MAX,
		.sink = take,
		.context = file,
	};
	file->task.call = store_get(file->task.store, &get, (struct store_then){ got, file }, &err);
	if (!file->task.call)
		fail(file, &err);
}

/* ---- start ---- */

/* The cap holds the bytes. */
static void take_literal(struct file *file)
{
	struct err err;
	file->size = file->cap.size;
	file->keyed = true;
	if (beneath_write(file->fd, file->cap.content, (size_t)file->cap.size, &err))
		fail(file, &err);
	else
		publish(file);
}

static void start(struct crew_task *task)
{
	struct file *file = (struct file *)task;
	struct err err;
	int at = file->folder->fd;
	file->again = false;
	enum fault fault = leaf_cap(file->leaf, &file->cap, &err);
	if (!fault && (!cap_is_file(&file->cap) || cap_is_verifier(&file->cap)))
		fault = err_set(&err, FAULT_USAGE, "its cap is not one of a file to be read");
	if (!fault)
		fault = beneath_may_replace(at, file->leaf->text, &err);
	if (!fault)
		fault = beneath_create(at, file->temporary, &file->fd, &err);
	if (fault)
		crew_end(task, &err);
	else if (cap_is_literal(&file->cap))
		take_literal(file);
	else
		read_bytes(file);
}

struct file *file_new(struct folder *folder, struct leaf *leaf)
{
	struct file *file = calloc(1, sizeof *file);
	if (!file)
		return NULL;
	file->task.start = start;
	file->task.abandon = abandon;
	file->folder = folder;
	file->leaf = leaf;
	file->fd = -1;
	return file;
}

void file_free(struct file *file)
{
	proof_fini(&file->proof);
	cap_wipe(&file->cap);
	leaf_free(file->leaf);
	free(file);
}
