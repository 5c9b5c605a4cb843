#include "base/limits.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { FILES_MAX = 65536 /* more than any run of ours has use for */ };

static unsigned soft_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 0;
	return (unsigned)min_u64(limit.rlim_cur, FILES_MAX);
}

void limits_raise(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= FILES_MAX)
		return;
	rlim_t most = limit.rlim_max < FILES_MAX ? limit.rlim_max : FILES_MAX;
	if (most > limit.rlim_cur)
		limit.rlim_cur = most;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* Counts without /proc, which need not be there: one call a number. */
static unsigned open_files(unsigned limit)
{
	unsigned count = 0;
	for (unsigned fd = 0; fd < limit; fd++)
		count += fcntl((int)fd, F_GETFD) >= 0;
	return count;
}

/* The limit is one of numbers: what was inherited above it takes nobody's place. */
unsigned limits_left(void)
{
	unsigned limit = soft_limit(), used = 0;
	DIR *list = opendir("/proc/self/fd");
	if (!list)
		return limit - open_files(limit);
	for (struct dirent *entry; (entry = readdir(list));)
		used += entry->d_name[0] != '.' && strtoul(entry->d_name, NULL, 10) < limit &&
			strtoul(entry->d_name, NULL, 10) != (unsigned long)dirfd(list);
	closedir(list);
	return limit - used;
}
