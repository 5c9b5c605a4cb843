#include "job/begun.h"

#include "base/secret.h"

#include <sys/stat.h>
#include <unistd.h>

enum { BEGUN_MAX = 1 << 20 /* bytes */, PATH_SIZE = 4096 };

static const char file_name[] = "begun";

enum begun_kind {
	BEGUN_FLAG,
	BEGUN_DIRECTORY,
	BEGUN_FILE,
	BEGUN_LIST,
};

/* Options that are kept.  Members of struct options, whose parts are what begun_keep is given. */
static const struct begun_row {
	const char *name;
	enum begun_kind kind;
	size_t offset;
} row[BEGUN_OPTIONS] = {
	{ "sparse", BEGUN_FLAG, offsetof(struct options, transfer.sparse) },
	{ "no-direct", BEGUN_FLAG, offsetof(struct options, connection.no_direct) },
	{ "node-directory", BEGUN_DIRECTORY, offsetof(struct options, connection.node_directory) },
	{ "cap-file", BEGUN_FILE, offsetof(struct options, connection.cap_file) },
	{ "convergence-file", BEGUN_FILE, offsetof(struct options, connection.convergence_file) },
	{ "gateway", BEGUN_LIST, offsetof(struct options, connection.gateway) },
	{ "allow-plaintext", BEGUN_LIST, offsetof(struct options, connection.allow_plaintext) },
};

static enum fault add_word(struct bytes *text, const struct begun_row *kept, const char *value)
{
	enum fault fault = bytes_printf(text, "%s=", kept->name);
	return fault ? fault : bytes_append(text, value, strlen(value) + 1);
}

/* Adds what is there for longer than this run: not the other end of a pipe, say. */
static enum fault add_path(struct bytes *text, const struct begun_row *kept, const char *path)
{
	char here[PATH_SIZE], whole[2 * PATH_SIZE];
	struct stat st;
	if (!path || stat(path, &st) != 0 ||
	    (st.st_mode & S_IFMT) != (kept->kind == BEGUN_FILE ? S_IFREG : S_IFDIR))
		return FAULT_NONE;
	if (*path == '/')
		return add_word(text, kept, path);
	if (!getcwd(here, sizeof here) || strlen(path) >= PATH_SIZE)
		return FAULT_NONE;
	snprintf(whole, sizeof whole, "%s/%s", here, path);
	return add_word(text, kept, whole);
}

static enum fault add_option(struct bytes *text, const struct begun_row *kept,
			     const struct options *options)
{
	const void *member = (const char *)options + kept->offset;
	const struct text_list *list = member;
	enum fault fault = FAULT_NONE;
	switch (kept->kind) {
	case BEGUN_FLAG:
		return *(const bool *)member ? add_word(text, kept, "yes") : FAULT_NONE;
	case BEGUN_DIRECTORY:
	case BEGUN_FILE:
		return add_path(text, kept, *(char *const *)member);
	case BEGUN_LIST:
		for (size_t i = 0; i < list->count && !fault; i++)
			fault = add_word(text, kept, list->text[i]);
	}
	return fault;
}

/* Appends what is kept of the job; nothing where it has no such file. */
static enum fault read_kept(const struct job *job, struct bytes *text, struct err *err)
{
	char path[PATH_SIZE];
	snprintf(path, sizeof path, "%s/%s", job->directory, file_name);
	enum fault fault = secret_file_read(path, SECRET_FILE_STRICT, text, err);
	return fault == FAULT_NOT_FOUND ? FAULT_NONE : fault;
}

enum fault begun_keep(const struct job *job, const struct connection_options *connection,
		      const struct transfer_options *transfer, struct err *err)
{
	const struct options options = { .connection = *connection, .transfer = *transfer };
	struct bytes text, kept;
	enum fault fault = FAULT_NONE;
	bytes_init(&text, BEGUN_MAX);
	bytes_init(&kept, BEGUN_MAX);
	for (size_t i = 0; i < BEGUN_OPTIONS && !fault; i++)
		fault = add_option(&text, &row[i], &options);
	fault = fault ? bytes_err(fault, err, "what a job was begun with")
		      : read_kept(job, &kept, err);
	const bool changed = text.size != kept.size ||
			     (text.size > 0 && memcmp(text.data, kept.data, text.size) != 0);
	if (!fault && changed)
		fault = job_write_file(job, file_name, &text, err);
	bytes_fini(&text);
	bytes_fini(&kept);
	return fault;
}

/* Takes the values that are kept of one option; they stay in `value`, which is freed at the end. */
static enum fault recall(struct begun *begun, const struct begun_row *kept, char ***value,
			 struct err *err)
{
	void *member = (char *)&begun->options + kept->offset;
	const size_t length = strlen(kept->name);
	size_t count = 0;
	*value = calloc(begun->kept.count + 1, sizeof **value);
	if (!*value)
		return err_set(err, FAULT_NOMEM, "out of memory for what a job was begun with");
	for (size_t i = 0; i < begun->kept.count; i++) {
		char *text = begun->kept.text[i];
		if (strncmp(text, kept->name, length) == 0 && text[length] == '=')
			(*value)[count++] = text + length + 1;
	}
	if (count > 0 && kept->kind == BEGUN_FLAG)
		*(bool *)member = true;
	else if (count > 0 && kept->kind == BEGUN_LIST)
		*(struct text_list *)member = (struct text_list){ *value, count };
	else if (count > 0)
		*(char **)member = (*value)[0];
	return FAULT_NONE;
}

/* Whether what is kept counts.  Another node has a way of its own. */
static bool is_recalled(const struct begun_row *kept, const struct options *typed)
{
	return !options_typed(typed, kept->name) &&
	       (kept->offset < offsetof(struct options, connection) ||
		kept->offset >= offsetof(struct options, connection) + sizeof typed->connection ||
		!options_typed(typed, "node-directory"));
}

enum fault begun_recall(const struct job *job, const struct options *typed, struct begun *begun,
			struct err *err)
{
	struct bytes text;
	*begun = (struct begun){ .options = *typed };
	bytes_init(&text, BEGUN_MAX + 1);
	enum fault fault = read_kept(job, &text, err);
	const char *at = bytes_text(&text), *end = at + text.size;
	for (; at < end && !fault; at += strlen(at) + 1)
		fault = text_list_add(&begun->kept, at, err);
	bytes_fini(&text);
	for (size_t i = 0; i < BEGUN_OPTIONS && !fault; i++)
		if (is_recalled(&row[i], typed))
			fault = recall(begun, &row[i], &begun->value[i], err);
	return fault;
}

void begun_fini(struct begun *begun)
{
	for (size_t i = 0; i < BEGUN_OPTIONS; i++)
		free(begun->value[i]);
	text_list_fini(&begun->kept);
	*begun = (struct begun){ 0 };
}
