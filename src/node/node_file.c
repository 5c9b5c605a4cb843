#include "node/node_file.h"

#include "base/secret.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PASSWD_MAX = 16384 }; /* bytes of one entry of the password database */

/* $HOME, or what the user database says.  NULL: neither. */
static char *home_directory(void)
{
	const char *home = getenv("HOME");
	if (home && home[0])
		return strdup(home);
	char *buffer = malloc(PASSWD_MAX);
	struct passwd entry, *found = NULL;
	char *result = NULL;
	if (buffer && getpwuid_r(getuid(), &entry, buffer, PASSWD_MAX, &found) == 0 && found)
		result = strdup(entry.pw_dir);
	free(buffer);
	return result;
}

enum fault node_directory(const char *directory, char **out, struct err *err)
{
	struct stat st;
	*out = NULL;
	if (directory && (stat(directory, &st) < 0 || !S_ISDIR(st.st_mode)))
		return err_set(err, FAULT_NOT_FOUND, "no node directory %s", directory);
	char *home = directory ? NULL : home_directory();
	if (!directory && !home)
		return err_set(err, FAULT_NOT_FOUND,
			       "there is no home directory: name the node directory with -d");
	if (asprintf(out, "%s%s", directory ? directory : home, directory ? "" : "/.tahoe") < 0)
		*out = NULL;
	free(home);
	return *out ? FAULT_NONE : err_set(err, FAULT_NOMEM, "no memory for a path");
}

enum fault node_file(const char *directory, const char *name, struct bytes *out, struct err *err)
{
	char *path = NULL;
	if (asprintf(&path, "%s/%s", directory, name) < 0)
		return err_set(err, FAULT_NOMEM, "no memory for a path");
	enum fault fault = secret_file_read(path, SECRET_FILE_TAHOE, out, err);
	free(path);
	return fault;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

void node_trim(const char **text, size_t *size)
{
	while (*size > 0 && is_blank(**text)) {
		++*text;
		--*size;
	}
	while (*size > 0 && is_blank((*text)[*size - 1]))
		--*size;
}
