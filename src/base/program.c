#include "base/program.h"

#include <fcntl.h>
#include <malloc.h>
#include <strings.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LARGE_BUFFER = 1 << 20 /* bytes */ };

extern char **environ;

bool program_open_standard_files(void)
{
	int fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO) {
		/* What is written to a closed standard output is lost, and has to fail. */
		if (fd == STDOUT_FILENO && (close(fd) != 0 || open("/dev/null", O_RDONLY) != fd))
			return false;
		fd = open("/dev/null", O_RDWR);
	}
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

bool program_has_borrowed_rights(void)
{
	return getauxval(AT_SECURE) || geteuid() != getuid() || getegid() != getgid();
}

/* Whether libcurl or OpenSSL would follow this variable against our options. */
static bool steers_libraries(const char *variable)
{
	const char *end = strchrnul(variable, '=');
	size_t size = (size_t)(end - variable);
	static const char suffix[] = "_proxy";
	size_t tail = sizeof suffix - 1;
	if (size >= tail && strncasecmp(end - tail, suffix, tail) == 0)
		return true;
	return strncmp(variable, "CURL_", 5) == 0 ||
	       (size == strlen("SSLKEYLOGFILE") && strncmp(variable, "SSLKEYLOGFILE", size) == 0);
}

/* Takes out what would send requests through a proxy or have TLS keys written to a file. */
static void clean_environment(void)
{
	char **kept = environ;
	for (char **variable = environ; variable && *variable; variable++)
		if (!steers_libraries(*variable))
			*kept++ = *variable;
	if (kept)
		*kept = NULL;
}

static void ignore(int number)
{
	struct sigaction action = { .sa_handler = SIG_IGN };
	sigaction(number, &action, NULL);
}

uint32_t program_harden(void)
{
	const struct rlimit none = { 0, 0 };
	mode_t mask = umask(077);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	setrlimit(RLIMIT_CORE, &none);
	clean_environment();
	ignore(SIGPIPE);
	ignore(SIGXFSZ);
	return mask;
}

void program_bound_memory(void) { (void)mallopt(M_MMAP_THRESHOLD, LARGE_BUFFER); }
