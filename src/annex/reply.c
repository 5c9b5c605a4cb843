#include "annex/reply.h"

enum { ANSWER_MAX = 1 << 20, REPLY_MAX = 4 << 20 };

static struct annex_request request_of(struct annex_job *job, struct bytes *answer)
{
	const struct annex_parameters *has = &job->kind->has;
	return (struct annex_request){
		.job = job,
		.key = has->key ? job->parameter[has->key - 1] : NULL,
		.file = has->file ? job->parameter[has->file - 1] : NULL,
		.to = has->to ? job->parameter[has->to - 1] : NULL,
		.name = job->kind->exports ? job->name : NULL,
		.answer = answer,
		.stop = &job->jobs->stop,
	};
}

static enum fault run(struct annex_job *job, const struct annex_request *request, struct err *err)
{
	const struct annex_options *options = job->jobs->options;
	if (job->kind->exports && !job->name)
		return err_set(err, FAULT_USAGE, "no EXPORT has named what %s means",
			       job->kind->word);
	/* Who has no word for it is told that it is there, as ever; then nobody need be asked. */
	if (job->kind->operation == ANNEX_AVAILABLE && !job->jobs->tells_unavailable)
		return FAULT_NONE;
	if (options->began)
		options->began(options->context);
	enum fault fault = options->operation[job->kind->operation](options->context, request, err);
	if (options->ended)
		options->ended(options->context, job);
	return fault;
}

/* What was answered, in git-annex's lines. */
static enum fault write_info(struct annex_job *job, struct bytes *answer)
{
	char *at = (char *)answer->data;
	for (char *end; at && (end = strchr(at, '\n')); at = end + 1) {
		*end = 0;
		char *value = strchr(at, '\t');
		if (!value)
			continue;
		*value++ = 0;
		char text[WIRE_TEXT_SIZE];
		wire_send(job->jobs->wire, job->number, "INFOFIELD %s", at);
		wire_send(job->jobs->wire, job->number, "INFOVALUE %s", wire_text(value, text));
	}
	return FAULT_NONE;
}

/* Writes the line that answers, but for its tag. */
static enum fault write_reply(const struct annex_job *job, const struct annex_request *request,
			      enum fault fault, const struct err *err, struct bytes *reply)
{
	const struct annex_kind *kind = job->kind;
	char text[WIRE_TEXT_SIZE];
	bool failed = fault; /* `err` may have words of what went well at last */
	bool absent = kind->operation == ANNEX_PRESENT && fault == FAULT_NOT_FOUND;
	const char *what = !fault                                       ? "SUCCESS"
			   : kind->operation != ANNEX_PRESENT || absent ? "FAILURE"
									: "UNKNOWN";
	if (kind->operation == ANNEX_INFO)
		return bytes_append_text(reply, "INFOEND");
	if (kind->operation == ANNEX_AVAILABLE)
		return bytes_printf(reply, "%s %s", kind->reply, failed ? "UNAVAILABLE" : "GLOBAL");
	fault = bytes_printf(reply, "%s-%s", kind->reply, what);
	if (!fault && kind->has.file)
		fault = bytes_printf(reply, " %s",
				     kind->operation == ANNEX_STORE ? "STORE" : "RETRIEVE");
	if (!fault && kind->has.key && kind->operation != ANNEX_WHEREIS)
		fault = bytes_printf(reply, " %s", request->key);
	if (fault)
		return fault;
	if (failed && !kind->silent && !absent)
		return bytes_printf(reply, " %s", wire_text(err->text, text));
	if (!failed && kind->operation == ANNEX_WHEREIS)
		return bytes_printf(reply, " %s", wire_text(bytes_text(request->answer), text));
	return FAULT_NONE;
}

void reply_run(struct annex_job *job)
{
	struct bytes answer, reply;
	struct wire *wire = job->jobs->wire;
	struct err err = { 0 };
	bytes_init(&answer, ANSWER_MAX);
	bytes_init(&reply, REPLY_MAX);
	const struct annex_request request = request_of(job, &answer);
	enum fault fault = run(job, &request, &err);
	uint64_t number = job->number;
	if (fault && job->kind->silent)
		annex_debug(job, err.text);
	if (!fault && job->kind->operation == ANNEX_INFO)
		fault = write_info(job, &answer);
	fault = write_reply(job, &request, fault, &err, &reply);
	jobs_end(job); /* the next request may come as soon as this one is answered */
	if (fault)
		wire->failed = true;
	else
		wire_send(wire, number, "%s", bytes_text(&reply));
	bytes_fini(&answer);
	bytes_fini(&reply);
}
