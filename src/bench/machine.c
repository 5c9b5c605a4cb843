#include "bench/bench_parts.h"
#include "net/url.h"

#include <dirent.h>
#include <strings.h>
#include <unistd.h>

enum { LISTENS = 0x0a /* TCP_LISTEN of Linux, in /proc/net/tcp */ };

/* The inode of the socket that listens on the port, 0 when there is none. */
static unsigned long listening_inode(const char *table, uint16_t port)
{
	char line[512];
	unsigned long found = 0;
	FILE *file = fopen(table, "re");
	while (file && !found && fgets(line, sizeof line, file)) {
		unsigned here, state;
		unsigned long inode;
		if (sscanf(line,
			   " %*d: %*32[0-9A-Fa-f]:%4x %*32[0-9A-Fa-f]:%*4x %2x %*s %*s %*s %*u %*u "
			   "%20lu",
			   &here, &state, &inode) == 3 &&
		    here == port && state == LISTENS)
			found = inode;
	}
	if (file)
		(void)fclose(file);
	return found;
}

/* Whether the process has the socket open, as far as this user may see. */
static bool has_socket(const char *pid, unsigned long inode)
{
	char path[300], wanted[64], link[64];
	snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
	snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
	DIR *directory = opendir(path);
	bool found = false;
	for (const struct dirent *entry; directory && !found && (entry = readdir(directory));) {
		ssize_t size = readlinkat(dirfd(directory), entry->d_name, link, sizeof link - 1);
		if (size <= 0)
			continue;
		link[size] = '\0';
		found = strcmp(link, wanted) == 0;
	}
	if (directory)
		closedir(directory);
	return found;
}

int machine_listener(const char *text)
{
	struct url url;
	struct err err;
	if (url_parse(text, NULL, &url, &err) ||
	    (strcasecmp(url.host, "localhost") != 0 && !url_address_is_loopback(url.host)))
		return 0;
	unsigned long inode = listening_inode("/proc/net/tcp", url.port);
	if (!inode)
		inode = listening_inode("/proc/net/tcp6", url.port);
	DIR *processes = inode ? opendir("/proc") : NULL;
	long pid = 0;
	for (const struct dirent *entry; processes && !pid && (entry = readdir(processes));)
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		    has_socket(entry->d_name, inode))
			pid = strtol(entry->d_name, NULL, 10);
	if (processes)
		closedir(processes);
	return (int)pid;
}

bool machine_cpu_us(int pid, uint64_t *us)
{
	char path[64], text[1024];
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	FILE *file = pid > 0 ? fopen(path, "re") : NULL;
	if (!file)
		return false;
	size_t size = fread(text, 1, sizeof text - 1, file);
	(void)fclose(file);
	text[size] = '\0';
	const char *behind = strrchr(text, ')'); /* the name may hold anything */
	unsigned long long user, system;
	long ticks = sysconf(_SC_CLK_TCK);
	if (!behind || ticks <= 0 ||
	    sscanf(behind, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %20llu %20llu", &user,
		   &system) != 2)
		return false;
	*us = (user + system) * 1000000 / (unsigned long long)ticks;
	return true;
}
