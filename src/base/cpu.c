#include "base/cpu.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

uint64_t cpu_used_us(void)
{
	struct rusage used;
	if (getrusage(RUSAGE_SELF, &used) != 0)
		return 0;
	return (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 +
	       (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

/* What one thread has waited, in nanoseconds. */
static uint64_t waited_ns(int tasks, const char *thread)
{
	char path[64], text[128];
	unsigned long long waited = 0;
	snprintf(path, sizeof path, "%.20s/schedstat", thread);
	int fd = openat(tasks, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t size = read(fd, text, sizeof text - 1);
	close(fd);
	text[size > 0 ? size : 0] = '\0';
	return sscanf(text, "%*u %20llu", &waited) == 1 ? waited : 0;
}

uint64_t cpu_waited_us(void)
{
	uint64_t ns = 0;
	DIR *tasks = opendir("/proc/self/task");
	for (const struct dirent *entry; tasks && (entry = readdir(tasks));)
		if (entry->d_name[0] != '.')
			ns += waited_ns(dirfd(tasks), entry->d_name);
	if (tasks)
		closedir(tasks);
	return ns / 1000;
}

unsigned cpu_count(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof set, &set) != 0)
		return 1;
	int count = CPU_COUNT(&set);
	return count > 0 ? (unsigned)count : 1;
}
