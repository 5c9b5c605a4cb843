#include "keys/target.h"

#include "measure/activity.h"
#include "queue/core/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FLAGS = O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK };

uint64_t target_size(struct target *target)
{
	struct stat st;
	if (target->fd < 0)
		target->fd = open(target->path, FLAGS);
	bool there = target->fd >= 0 && fstat(target->fd, &st) == 0 && S_ISREG(st.st_mode);
	return there ? (uint64_t)st.st_size : 0;
}

enum fault target_read(void *context, uint64_t offset, unsigned char *data, size_t size,
		       struct err *err)
{
	const struct target *target = context;
	return file_read_at(target->fd, offset, data, size, err);
}

static enum fault need(struct target *target, struct err *err)
{
	if (target->fd < 0)
		target->fd = open(target->path, FLAGS | O_CREAT, 0666);
	return target->fd >= 0
		       ? FAULT_NONE
		       : err_os(err, FAULT_IO, errno, "cannot write '%.120s'", target->path);
}

enum fault target_write(struct target *target, uint64_t offset, const void *data, size_t size,
			struct err *err)
{
	activity_begin(ACTIVITY_WRITING);
	enum fault fault = need(target, err);
	if (!fault)
		fault = file_write_at(target->fd, offset, data, size, err);
	activity_end(ACTIVITY_WRITING);
	return fault;
}

enum fault target_end(struct target *target, uint64_t size, struct err *err)
{
	if (need(target, err))
		return err->fault;
	if (ftruncate(target->fd, (off_t)size) != 0)
		return err_os(err, FAULT_IO, errno, "cannot write '%.120s'", target->path);
	activity_begin(ACTIVITY_FINISHING);
	enum fault fault = file_sync(target->fd, err);
	activity_end(ACTIVITY_FINISHING);
	return fault;
}

void target_close(struct target *target)
{
	if (target->fd >= 0)
		close(target->fd);
	target->fd = -1;
}
