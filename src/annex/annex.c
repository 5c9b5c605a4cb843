#include "annex/annex.h"

#include "annex/jobs.h"
#include "annex/line.h"

#include <errno.h>
#include <unistd.h>

enum { LINE_MAX_SIZE = 1 << 20, READ_SIZE = 65536 };

struct session_of_annex {
	const struct annex_options *options;
	struct wire wire;
	struct jobs jobs;
	struct bytes input; /* what came and is no whole line yet */
};

/* Agrees on those of the extensions offered that are of use. */
static void agree(struct session_of_annex *annex, const char *offered)
{
	static const char *const wanted[] = { "INFO", "ASYNC", "UNAVAILABLERESPONSE" };
	char reply[64] = "EXTENSIONS";
	bool tags = false;
	for (size_t i = 0; i < ARRAY_COUNT(wanted); i++) {
		size_t size = strlen(wanted[i]);
		const char *at = offered;
		while (at && (strncmp(at, wanted[i], size) != 0 || (at[size] && at[size] != ' '))) {
			at = strchr(at, ' ');
			at = at ? at + 1 : NULL;
		}
		if (!at)
			continue;
		strncat(reply, " ", sizeof reply - strlen(reply) - 1);
		strncat(reply, wanted[i], sizeof reply - strlen(reply) - 1);
		annex->jobs.shows_info |= i == 0;
		tags |= i == 1;
		annex->jobs.tells_unavailable |= i == 2;
	}
	wire_send_plain(&annex->wire, "%s", reply);
	annex->wire.tags = tags;
}

static void list_settings(struct session_of_annex *annex, uint64_t job)
{
	for (const struct annex_setting *one = annex->options->setting; one && one->name; one++)
		wire_send(&annex->wire, job, "CONFIG %s %s", one->name, one->description);
	wire_send(&annex->wire, job, "CONFIGEND");
}

static void answer_at_once(struct session_of_annex *annex, const struct annex_line *line,
			   const struct annex_kind *kind)
{
	if (kind->reply)
		wire_send(&annex->wire, line->job, "%s", kind->reply);
	else if (strcmp(kind->word, "LISTCONFIGS") == 0)
		list_settings(annex, line->job);
	else
		agree(annex, line->rest ? line->rest : "");
}

/* Does what a line says.  `text` is from malloc, and taken. */
static enum fault take_line(struct session_of_annex *annex, char *text, size_t size,
			    struct err *err)
{
	struct annex_line line;
	char *parameter[ANNEX_PARAMETERS_MAX] = { NULL };
	bool tags = annex->wire.tags;
	if (!annex_line_cut(text, size, tags, &line)) {
		free(text);
		return err_set(err, FAULT_CORRUPT, "a malformed line");
	}
	const struct annex_kind *kind = annex_kind_of(line.word, line.rest);
	enum annex_handling handling = kind ? kind->handling : ANNEX_AT_ONCE;
	enum fault fault = FAULT_NONE;
	if (tags && !line.tagged && handling != ANNEX_COMPLAINS)
		fault = err_set(err, FAULT_CORRUPT, "a line without the number of its job");
	else if (handling == ANNEX_COMPLAINS)
		fault = err_set(err, FAULT_CORRUPT, "git-annex says: %.200s",
				line.rest ? line.rest : "nothing");
	else if (!kind)
		wire_send(&annex->wire, line.job, "UNSUPPORTED-REQUEST");
	else if (handling == ANNEX_ANSWERS)
		fault = jobs_answer(&annex->jobs, line.job, line.rest ? line.rest : "", err);
	else if (handling == ANNEX_AT_ONCE)
		answer_at_once(annex, &line, kind);
	else if (!annex_line_parameters(&line, kind->has.count, parameter))
		fault = err_set(err, FAULT_CORRUPT, "a malformed request %s", kind->word);
	else if (handling == ANNEX_NAMES)
		fault = jobs_name(&annex->jobs, line.job, parameter[0], err);
	else
		return jobs_begin(&annex->jobs, line.job, kind, text, parameter, err);
	free(text);
	return fault;
}

/* Takes all whole lines that have come. */
static enum fault take_lines(struct session_of_annex *annex, struct err *err)
{
	struct bytes *input = &annex->input;
	size_t at = 0;
	enum fault fault = FAULT_NONE;
	while (!fault && at < input->size) {
		const unsigned char *begin = input->data + at;
		const unsigned char *end = memchr(begin, '\n', input->size - at);
		if (!end)
			break;
		size_t size = (size_t)(end - begin);
		char *text = malloc(size + 1);
		if (!text)
			return err_set(err, FAULT_NOMEM, "no memory for a line");
		memcpy(text, begin, size);
		text[size] = 0;
		at += size + 1;
		fault = take_line(annex, text, size, err);
	}
	memmove(input->data, input->data + at, input->size - at);
	input->size -= at;
	return fault;
}

/* Reads until the end, or until what came is wrong. */
static enum fault listen(struct session_of_annex *annex, struct err *err)
{
	struct bytes *input = &annex->input;
	for (;;) {
		enum fault fault = bytes_reserve(input, READ_SIZE);
		if (fault == FAULT_TOO_LARGE)
			return err_set(err, FAULT_CORRUPT, "a line of more than %d bytes",
				       LINE_MAX_SIZE);
		if (fault)
			return bytes_err(fault, err, "a line");
		ssize_t got = read(annex->options->in, input->data + input->size, READ_SIZE);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_os(err, FAULT_IO, errno, "cannot read what git-annex says");
		if (got == 0)
			return FAULT_NONE;
		input->size += (size_t)got;
		if (take_lines(annex, err))
			return err->fault;
	}
}

enum fault annex_run(const struct annex_options *options, struct err *err)
{
	struct session_of_annex *annex = calloc(1, sizeof *annex);
	if (!annex)
		return err_set(err, FAULT_NOMEM, "no memory");
	annex->options = options;
	wire_init(&annex->wire, options->out);
	jobs_init(&annex->jobs, options, &annex->wire);
	bytes_init(&annex->input, LINE_MAX_SIZE + READ_SIZE);
	wire_send_plain(&annex->wire, "VERSION 2");
	enum fault fault = listen(annex, err);
	char text[WIRE_TEXT_SIZE];
	if (fault)
		wire_send_plain(&annex->wire, "ERROR %s", wire_text(err->text, text));
	annex->wire.failed = true; /* who closed our input does not read any more either */
	jobs_fini(&annex->jobs);
	bytes_fini(&annex->input);
	wire_fini(&annex->wire);
	free(annex);
	return fault;
}
