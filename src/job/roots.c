#include "job/roots.h"

/* Appends the anchor as text, or that it is the one before. */
static enum fault append_anchor(const struct anchor *anchor, struct bytes *out, char last[],
				struct err *err)
{
	char text[ANCHOR_TEXT_SIZE];
	anchor_print(anchor, text);
	bool again = strcmp(text, last) == 0;
	memcpy(last, text, sizeof text);
	const char *written = again ? "=" : text;
	return bytes_err(bytes_append(out, written, strlen(written) + 1), err,
			 "the job's description");
}

/* Finds the deepest directory on the way to the target that is there. */
static enum fault target_anchor(const char *directory, char **path, struct anchor *anchor,
				struct err *err)
{
	*path = strdup(directory);
	if (!*path)
		return err_set(err, FAULT_NOMEM, "no memory for a path");
	while (anchor_of(*path, anchor, err) || anchor->kind != ANCHOR_SELF) {
		char *slash = strrchr(*path, '/');
		if (!slash || slash[1] == '\0')
			return err->fault;
		*(slash == *path ? slash + 1 : slash) = '\0';
	}
	return FAULT_NONE;
}

static enum fault append_target(const struct arrangement *arrangement, struct bytes *out,
				char last[], struct err *err)
{
	struct anchor anchor = { 0 };
	char *path = NULL;
	enum fault fault = target_anchor(arrangement->directory, &path, &anchor, err);
	if (!fault)
		fault = append_anchor(&anchor, out, last, err);
	if (!fault)
		fault = bytes_err(bytes_append(out, path, strlen(path) + 1), err,
				  "the job's description");
	free(path);
	return fault;
}

enum fault roots_text(const struct arrangement *arrangement, struct bytes *out, struct err *err)
{
	char last[ANCHOR_TEXT_SIZE] = "";
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < arrangement->count && !fault; i++) {
		const struct place *place = arrangement->source[i].place;
		struct anchor anchor = { .kind = ANCHOR_UNKNOWN };
		/* One that went away just now is missed when the job begins. */
		if (place->local && anchor_of(place->path, &anchor, err))
			anchor = (struct anchor){ .kind = ANCHOR_UNKNOWN };
		fault = append_anchor(&anchor, out, last, err);
	}
	if (!fault && arrangement->local)
		fault = append_target(arrangement, out, last, err);
	return fault;
}

/* Takes the next text of a list; NULL behind the last. */
static const char *next_text(const char **at, const char *end)
{
	const char *text = *at;
	if (!text || text >= end)
		return NULL;
	const char *nul = memchr(text, '\0', (size_t)(end - text));
	*at = nul ? nul + 1 : NULL;
	return nul ? text : NULL;
}

static struct anchor next_anchor(const char **at, const char *end, struct anchor last)
{
	const char *text = next_text(at, end);
	if (!text)
		return (struct anchor){ .kind = ANCHOR_UNKNOWN };
	return strcmp(text, "=") == 0 ? last : anchor_read(text);
}

enum fault roots_read(const char *value, size_t size, size_t count, struct roots *roots,
		      struct err *err)
{
	const char *at = value, *end = value ? value + size : NULL;
	struct anchor last = { .kind = ANCHOR_UNKNOWN };
	*roots = (struct roots){ 0 };
	if (!value)
		return FAULT_NONE;
	roots->source = calloc(count + 1, sizeof *roots->source);
	if (!roots->source)
		return err_set(err, FAULT_NOMEM, "no memory for a job");
	for (size_t i = 0; i < count; i++)
		roots->source[i] = last = next_anchor(&at, end, last);
	roots->target = next_anchor(&at, end, last);
	const char *path = next_text(&at, end);
	roots->target_path = path ? strdup(path) : NULL;
	return path && !roots->target_path ? err_set(err, FAULT_NOMEM, "no memory for a job")
					   : FAULT_NONE;
}

void roots_fini(struct roots *roots)
{
	free(roots->source);
	free(roots->target_path);
	*roots = (struct roots){ 0 };
}

enum fault roots_check_target(const struct roots *roots, struct err *err)
{
	if (!roots->target_path)
		return FAULT_NONE;
	enum fault fault = anchor_check(&roots->target, roots->target_path, err);
	return fault ? err_wrap(err, "the target") : FAULT_NONE;
}
