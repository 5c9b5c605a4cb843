#include "annex/jobs.h"

enum { PROGRESS_EVERY_MS = 200 };

/* Sends a question, about `what` unless that is NULL, and takes what is behind the first word of
 * the answer. */
static enum fault ask(struct annex_job *job, const char *question, const char *what, char **answer,
		      struct err *err)
{
	jobs_ask(job);
	wire_send(job->jobs->wire, job->number, "%s%s%s", question, what ? " " : "",
		  what ? what : "");
	*answer = jobs_await(job);
	return *answer ? FAULT_NONE
		       : err_set(err, FAULT_CANCELLED, "git-annex does not answer any more");
}

static enum fault keep_answer(char *answer, const char *text, struct bytes *value, struct err *err)
{
	bytes_clear(value);
	enum fault fault = bytes_append_text(value, text);
	explicit_bzero(answer, strlen(answer));
	free(answer);
	return bytes_err(fault, err, "an answer of git-annex");
}

static enum fault ask_value(struct annex_job *job, const char *question, const char *what,
			    struct bytes *value, struct err *err)
{
	char *answer;
	if (ask(job, question, what, &answer, err))
		return err->fault;
	return keep_answer(answer, answer, value, err);
}

enum fault annex_ask_setting(struct annex_job *job, const char *name, struct bytes *value,
			     struct err *err)
{
	return ask_value(job, "GETCONFIG", name, value, err);
}

enum fault annex_ask_state(struct annex_job *job, const char *key, struct bytes *value,
			   struct err *err)
{
	return ask_value(job, "GETSTATE", key, value, err);
}

enum fault annex_ask_git_directory(struct annex_job *job, struct bytes *value, struct err *err)
{
	return ask_value(job, "GETGITDIR", NULL, value, err);
}

/* The answer is a user's name, which we never give blanks, and a password. */
enum fault annex_ask_secret(struct annex_job *job, const char *name, struct bytes *value,
			    struct err *err)
{
	char *answer;
	if (ask(job, "GETCREDS", name, &answer, err))
		return err->fault;
	const char *blank = strchr(answer, ' ');
	return keep_answer(answer, blank ? blank + 1 : "", value, err);
}

void annex_keep_setting(struct annex_job *job, const char *name, const char *value)
{
	wire_send(job->jobs->wire, job->number, "SETCONFIG %s %s", name, value);
}

void annex_keep_state(struct annex_job *job, const char *key, const char *value)
{
	wire_send(job->jobs->wire, job->number, "SETSTATE %s %s", key, value);
}

void annex_keep_secret(struct annex_job *job, const char *name, const char *value)
{
	wire_send(job->jobs->wire, job->number, "SETCREDS %s %s %s", name, name, value);
}

void annex_progress(struct annex_job *job, uint64_t bytes)
{
	uint64_t now = clock_ms();
	if (job->progress_ms && now - job->progress_ms < PROGRESS_EVERY_MS)
		return;
	job->progress_ms = now;
	wire_send(job->jobs->wire, job->number, "PROGRESS %llu", (unsigned long long)bytes);
}

void annex_debug(struct annex_job *job, const char *text)
{
	char shown[WIRE_TEXT_SIZE];
	wire_send(job->jobs->wire, job->number, "DEBUG %s", wire_text(text, shown));
}

void annex_info(struct annex_job *job, const char *text)
{
	char shown[WIRE_TEXT_SIZE];
	wire_send(job->jobs->wire, job->number, "%s %s", job->jobs->shows_info ? "INFO" : "DEBUG",
		  wire_text(text, shown));
}
