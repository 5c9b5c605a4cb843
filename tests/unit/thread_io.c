#include "tests/unit/thread_io.h"

#include "tests/unit/facts.h"

#include <dirent.h>

/* Reads the file `name` of the thread `id` into `text`.  Returns false when the thread is gone. */
static bool read_file(const char *id, const char *name, char *text, size_t size)
{
	char path[300];
	snprintf(path, sizeof path, "/proc/self/task/%s/%s", id, name);
	FILE *file = fopen(path, "r");
	size_t got = file ? fread(text, 1, size - 1, file) : 0;
	text[got] = '\0';
	if (file)
		fclose(file);
	return got > 0;
}

static uint64_t number_behind(const char *text, const char *word)
{
	const char *at = strstr(text, word);
	assert_non_null(at);
	return strtoull(at + strlen(word), NULL, 10);
}

struct thread_io thread_io_of(const char *name)
{
	struct thread_io sum = { 0 };
	DIR *tasks = opendir("/proc/self/task");
	assert_non_null(tasks);
	for (struct dirent *entry; (entry = readdir(tasks));) {
		char text[500];
		if (entry->d_name[0] == '.' || !read_file(entry->d_name, "comm", text, sizeof text))
			continue;
		text[strcspn(text, "\n")] = '\0';
		if (strcmp(text, name) != 0 || !read_file(entry->d_name, "io", text, sizeof text))
			continue;
		sum.read += number_behind(text, "rchar: ");
		sum.written += number_behind(text, "wchar: ");
	}
	closedir(tasks);
	return sum;
}
