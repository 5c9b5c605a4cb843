#include "read/attempt.h"

#include "base/secret.h"
#include "verify/likeness.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

static void describe_copy(struct attempt *attempt)
{
	const struct task *task = attempt->work->task;
	attempt->size = attempt->copy->size;
	if (!meta_unpack(task->meta, task->meta_size, &attempt->meta))
		attempt->meta = (struct meta){ .flags = META_GRID };
}

static enum fault find_existing(struct attempt *attempt, struct outcomes *existing, struct err *err)
{
	const struct task *task = attempt->work->task;
	if (!existing || !task->existing)
		return FAULT_NONE;
	return outcomes_read(existing, task->id, 1, &attempt->existing, err);
}

enum fault attempt_open(struct attempt *attempt, const struct attempt_tools *tools,
			struct work *work, struct err *err)
{
	attempt->work = work;
	attempt->fd = -1;
	attempt->copy = NULL;
	attempt->existing = (struct outcome){ 0 };
	attempt->is_link = work->task->kind == MANIFEST_SYMLINK;
	if (find_existing(attempt, tools->existing, err) ||
	    (!attempt->is_link && replica_make(tools->replica, work->task, &attempt->copy, err)))
		return err->fault;
	if (attempt->copy) {
		describe_copy(attempt);
		return FAULT_NONE;
	}
	enum fault fault = attempt->is_link
				   ? source_tree_read_link(tools->tree, work->task, attempt->target,
							   &attempt->status, err)
				   : source_tree_open_file(tools->tree, work->task, &attempt->fd,
							   &attempt->status, err);
	if (fault)
		return fault;
	attempt->size = (uint64_t)attempt->status.st_size;
	attempt->meta = meta_from_stat(&attempt->status);
	return FAULT_NONE;
}

void attempt_close(struct attempt *attempt)
{
	if (attempt->fd >= 0)
		close(attempt->fd);
	attempt->fd = -1;
	secret_wipe(&attempt->existing, sizeof attempt->existing);
}

bool attempt_overwrites(const struct attempt *attempt)
{
	uint8_t kind = attempt->existing.cap_kind;
	return attempt->existing.state == OUTCOME_PLANNED && (kind == CAP_SSK || kind == CAP_MDMF);
}

static enum fault read_copy(const struct spool *copy, uint64_t offset, unsigned char *data,
			    size_t size, struct err *err)
{
	struct spool_piece piece = { .size = size };
	if (spool_read(copy, offset, data, &piece, err))
		return err->fault;
	if (piece.size != size)
		return err_set(err, FAULT_IO, "its copy has become shorter");
	if (size > 0 && piece.data != data)
		memcpy(data, piece.data, size);
	return FAULT_NONE;
}

/* Reads exactly `size` bytes.  CHANGED when the file has become shorter. */
static enum fault read_exactly(int fd, uint64_t offset, unsigned char *data, size_t size,
			       struct err *err)
{
	size_t done = 0;
	while (done < size) {
		uint64_t at = offset + done;
		ssize_t got = pread(fd, data + done, size - done, (off_t)at);
		if (got == 0)
			return err_set(err, FAULT_CHANGED, "it became shorter while it was read");
		if (got > 0)
			done += (size_t)got;
		else if (errno != EINTR)
			return err_os(err, FAULT_IO, errno, "cannot read it at offset %" PRIu64,
				      at);
	}
	return FAULT_NONE;
}

enum fault attempt_read(const struct attempt *attempt, uint64_t offset, unsigned char *data,
			size_t size, struct err *err)
{
	if (attempt->is_link) {
		memcpy(data, attempt->target + offset, size);
		return FAULT_NONE;
	}
	return attempt->copy ? read_copy(attempt->copy, offset, data, size, err)
			     : read_exactly(attempt->fd, offset, data, size, err);
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

enum fault attempt_check(const struct attempt *attempt, struct err *err)
{
	if (attempt->copy || attempt->is_link)
		return FAULT_NONE;
	struct stat now;
	unsigned char beyond;
	ssize_t got = pread(attempt->fd, &beyond, 1, (off_t)attempt->size);
	if (got > 0)
		return err_set(err, FAULT_CHANGED, "it became longer while it was read");
	if (fstat(attempt->fd, &now) != 0)
		return err_os(err, FAULT_IO, errno, "cannot look at it");
	const struct stat *before = &attempt->status;
	if (now.st_size != before->st_size || now.st_ino != before->st_ino ||
	    now.st_dev != before->st_dev || !same_time(&now.st_mtim, &before->st_mtim) ||
	    !same_time(&now.st_ctim, &before->st_ctim))
		return err_set(err, FAULT_CHANGED, "it changed while it was read");
	return FAULT_NONE;
}

struct attempt_comparison {
	const struct attempt *attempt;
	const atomic_bool *cancel;
};

static enum fault read_compared(void *context, uint64_t offset, unsigned char *data, size_t size,
				struct err *err)
{
	const struct attempt_comparison *comparison = context;
	if (atomic_load_explicit(comparison->cancel, memory_order_acquire))
		return err_set(err, FAULT_CANCELLED, "asked to stop");
	return attempt_read(comparison->attempt, offset, data, size, err);
}

enum fault attempt_compare(const struct attempt *attempt, const struct chk_params *secret,
			   const atomic_bool *cancel, bool *alike, struct err *err)
{
	const struct outcome *slot = &attempt->existing;
	struct attempt_comparison comparison = { attempt, cancel };
	struct cap cap;
	*alike = false;
	if (slot->state != OUTCOME_PLANNED ||
	    !cap_unpack(slot->cap, slot->cap_size, slot->cap_kind, &cap))
		return FAULT_NONE;
	const struct likeness likeness = {
		.cap = &cap,
		.secret = secret,
		.size = attempt->size,
		.read = read_compared,
		.context = &comparison,
	};
	enum fault fault = likeness_find(&likeness, alike, err);
	if (!fault && *alike)
		fault = attempt_check(attempt, err);
	cap_wipe(&cap);
	return fault;
}
