#include "keys/whole.h"

#include "measure/activity.h"
#include "queue/core/file_io.h"
#include "verify/likeness.h"
#include "verify/single.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- fetching ---- */

struct whole_target {
	const char *path;
	int fd;          /* -1: not opened yet */
	uint64_t offset; /* of the next byte */
	const struct keys_progress *progress;
};

static enum fault target_begin(void *context, struct err *err)
{
	struct whole_target *target = context;
	(void)err;
	target->offset = 0;
	return FAULT_NONE;
}

static enum fault target_open(struct whole_target *target, struct err *err)
{
	if (target->fd >= 0)
		return FAULT_NONE;
	target->fd = open(target->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
	return target->fd >= 0
		       ? FAULT_NONE
		       : err_os(err, FAULT_IO, errno, "cannot write '%.120s'", target->path);
}

/* Opened with the first byte: a file is left alone until the key is known to be there. */
static enum fault target_write(void *context, const void *data, size_t size, struct err *err)
{
	struct whole_target *target = context;
	activity_begin(ACTIVITY_WRITING);
	enum fault fault = target_open(target, err);
	if (!fault)
		fault = file_write_at(target->fd, target->offset, data, size, err);
	activity_end(ACTIVITY_WRITING);
	if (fault)
		return fault;
	target->offset += size;
	keys_progress_tell(target->progress, target->offset);
	return FAULT_NONE;
}

static enum fault target_read(void *context, uint64_t offset, unsigned char *data, size_t size,
			      struct err *err)
{
	const struct whole_target *target = context;
	return file_read_at(target->fd, offset, data, size, err);
}

/* Whether the file is there already, whole: then nothing is fetched. */
static bool target_is_whole(struct whole_target *target, const struct cap *cap,
			    const struct chk_params *secret)
{
	struct stat st;
	struct err err;
	bool alike = false;
	target->fd = open(target->path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (target->fd < 0 || !secret || fstat(target->fd, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	const struct likeness likeness = {
		.cap = cap,
		.secret = secret,
		.size = (uint64_t)st.st_size,
		.read = target_read,
		.context = target,
	};
	return !likeness_find(&likeness, &alike, &err) && alike;
}

/* What an earlier, longer file had behind the end goes. */
static enum fault target_finish(struct whole_target *target, struct err *err)
{
	if (target_open(target, err))
		return err->fault;
	if (ftruncate(target->fd, (off_t)target->offset) != 0)
		return err_os(err, FAULT_IO, errno, "cannot write '%.120s'", target->path);
	activity_begin(ACTIVITY_FINISHING);
	enum fault fault = file_sync(target->fd, err);
	activity_end(ACTIVITY_FINISHING);
	return fault;
}

enum fault whole_get(struct operation *operation, const struct cap *cap, const char *path,
		     const struct keys_progress *progress, struct err *err)
{
	struct whole_target target = { .path = path, .fd = -1, .progress = progress };
	struct single single = {
		.tries = operation->tries,
		.secret = operation->keys->options.setup->params,
		.begin = target_begin,
		.write = target_write,
		.context = &target,
	};
	enum fault fault = FAULT_NONE;
	if (target_is_whole(&target, cap, single.secret)) {
		keys_progress_tell(progress, cap->size);
	} else {
		fault = single_read(&single, cap, err);
		if (!fault)
			fault = target_finish(&target, err);
	}
	if (target.fd >= 0)
		close(target.fd);
	return fault;
}

/* ---- presence ---- */

struct whole_checking {
	struct store_call *call; /* NULL: it has ended */
	struct store_health health;
	struct err err;
};

static void checked(void *context, const struct store_reply *reply)
{
	struct whole_checking *checking = context;
	checking->call = NULL;
	checking->health = reply->health;
	checking->err = reply->err;
	checking->err.fault = reply->fault;
}

static enum fault check_once(const struct operation *operation, const struct cap *cap,
			     struct whole_checking *checking, struct err *err)
{
	const struct store_check check = { .cap = cap };
	const struct store_then then = { .done = checked, .context = checking };
	*checking = (struct whole_checking){ 0 };
	struct store_call *call = store_check(operation->wait.store, &check, then, err);
	if (!call)
		return err->fault;
	checking->call = call;
	if (store_wait_end(&operation->wait, &checking->call, err))
		return err->fault;
	if (checking->err.fault)
		*err = checking->err;
	return checking->err.fault;
}

enum key_presence whole_check(struct operation *operation, const struct cap *cap, struct err *err)
{
	struct whole_checking checking;
	struct tries tries = operation->tries;
	enum fault fault;
	if (cap_is_literal(cap))
		return KEY_PRESENT;
	while ((fault = check_once(operation, cap, &checking, err)) && tries_again(&tries, err)) {
	}
	if (fault)
		return KEY_UNKNOWN;
	tries_over(&tries);
	if (checking.health.recoverable)
		return KEY_PRESENT;
	if (!checking.health.unsure)
		return KEY_ABSENT;
	err_set(err, FAULT_UNAVAILABLE,
		"too few shares were found, and not all storage servers have answered");
	return KEY_UNKNOWN;
}
