#include "land/twin.h"

#include "queue/file/frame.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct reading {
	int fd;
	const atomic_bool *cancel;
};

static enum fault read_piece(void *context, uint64_t offset, unsigned char *data, size_t size,
			     struct err *err)
{
	const struct reading *reading = context;
	if (atomic_load_explicit(reading->cancel, memory_order_acquire))
		return err_set(err, FAULT_CANCELLED, "asked to stop");
	return file_read_at(reading->fd, offset, data, size, err);
}

bool twin_is(const struct twin *twin, const struct target_dir *target_dir, const struct task *task)
{
	char name[DIRFD_NAME_MAX + 1];
	size_t size = min_u64(task->name_size, DIRFD_NAME_MAX);
	bool alike = false;
	struct stat st;
	struct err err;
	memcpy(name, task->name, size);
	name[size] = '\0';
	struct reading reading = {
		.fd = openat(target_dir->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC),
		.cancel = twin->cancel,
	};
	if (reading.fd < 0)
		return false;
	struct likeness likeness = {
		.cap = twin->cap,
		.secret = twin->secret,
		.read = read_piece,
		.context = &reading,
	};
	if (fstat(reading.fd, &st) == 0 && S_ISREG(st.st_mode)) {
		likeness.size = (uint64_t)st.st_size;
		if (likeness_find(&likeness, &alike, &err))
			alike = false;
	}
	close(reading.fd);
	return alike;
}
