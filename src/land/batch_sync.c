#include "land/batch_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
	COUNT_LEAST = 4,          /* files, for which one is worth the other */
	OTHERS_LEAST = 16 << 20,  /* bytes of others that do not matter */
	TRY_AGAIN = 32,           /* batches, one of which goes the way that was slower */
	AVERAGE_OF = 4,           /* batches, about */
	KERNEL_MAJOR = 5,         /* since this one */
	KERNEL_MINOR = 8,         /* syncfs tells of errors in writing */
	EXT_FILE_SYSTEM = 0xef53, /* ext2, 3 and 4 */
	XFS_FILE_SYSTEM = 0x58465342,
	MEMORY_TEXT = 4096,
};

static const uint32_t btrfs_file_system = 0x9123683e;

void batch_sync_init(struct batch_sync *sync)
{
	*sync = (struct batch_sync){ .fd = -1 };
	mutex_init(&sync->lock);
}

void batch_sync_fini(struct batch_sync *sync)
{
	mutex_lock(&sync->lock);
	if (sync->fd >= 0)
		close(sync->fd);
	mutex_unlock(&sync->lock);
	mutex_fini(&sync->lock);
}

/* ---- whether it is trusted ---- */

static bool kernel_tells_errors(void)
{
	struct utsname name;
	unsigned major, minor;
	return uname(&name) == 0 && sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
	       (major > KERNEL_MAJOR || (major == KERNEL_MAJOR && minor >= KERNEL_MINOR));
}

/* Those of a network or of a program say what they like. */
static bool is_known(int fd)
{
	struct statfs fs;
	if (fstatfs(fd, &fs) != 0)
		return false;
	const uint32_t type = (uint32_t)fs.f_type;
	return type == EXT_FILE_SYSTEM || type == XFS_FILE_SYSTEM || type == btrfs_file_system;
}

static void look(struct batch_sync *sync, int directory) REQUIRES(sync->lock)
{
	struct stat st;
	sync->looked = true;
	if (!kernel_tells_errors() || !is_known(directory))
		return;
	sync->fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sync->fd < 0)
		return;
	if (fstat(sync->fd, &st) == 0) {
		sync->device = st.st_dev;
		return;
	}
	close(sync->fd);
	sync->fd = -1;
}

bool batch_sync_covers(struct batch_sync *sync, int directory)
{
	struct stat st;
	if (fstat(directory, &st) != 0)
		return false;
	mutex_lock(&sync->lock);
	if (!sync->looked)
		look(sync, directory);
	bool covers = sync->fd >= 0 && st.st_dev == sync->device;
	mutex_unlock(&sync->lock);
	return covers;
}

/* ---- which way ---- */

/* Returns the bytes behind `name` in /proc/meminfo; UINT64_MAX where it does not say. */
static uint64_t memory_of(const char *text, const char *name)
{
	const char *at = strstr(text, name);
	unsigned long long kib;
	return at && sscanf(at + strlen(name), " %llu kB", &kib) == 1 ? (uint64_t)kib << 10
								      : UINT64_MAX;
}

/* What the whole machine has to write; UINT64_MAX: there is no telling. */
static uint64_t bytes_to_write(void)
{
	char text[MEMORY_TEXT];
	int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return UINT64_MAX;
	ssize_t size = read(fd, text, sizeof text - 1);
	close(fd);
	text[size > 0 ? size : 0] = '\0';
	return add_saturated(memory_of(text, "\nDirty:"), memory_of(text, "\nWriteback:"));
}

bool batch_sync_wants_all(struct batch_sync *sync, size_t count, uint64_t bytes)
{
	if (sync->failed || count < COUNT_LEAST ||
	    bytes_to_write() > add_saturated(2 * bytes, OTHERS_LEAST))
		return false;
	if (!sync->each_us || !sync->all_us)
		return sync->each_us;
	const bool quicker = sync->all_us < sync->each_us;
	return ++sync->batches % TRY_AGAIN == 0 ? !quicker : quicker;
}

bool batch_sync_all(struct batch_sync *sync)
{
	int rc;
	mutex_lock(&sync->lock);
	const int fd = sync->fd;
	mutex_unlock(&sync->lock);
	do
		rc = syncfs(fd);
	while (rc < 0 && errno == EINTR);
	sync->failed = rc < 0;
	return rc == 0;
}

void batch_sync_learn(struct batch_sync *sync, bool all, size_t count, uint64_t took_ms)
{
	uint64_t *average = all ? &sync->all_us : &sync->each_us;
	if (count < COUNT_LEAST)
		return;
	const uint64_t us = took_ms * 1000 / count + 1;
	*average = *average ? (*average * (AVERAGE_OF - 1) + us) / AVERAGE_OF : us;
}
