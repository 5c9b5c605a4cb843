#include "place/session.h"

#include "report/say.h"
#include "report/status.h"

enum fault session_open(const struct connection_options *connection, struct output *output,
			struct session *session, struct err *err)
{
	*session = (struct session){ 0 };
	if (setup_load(connection, output, &session->setup, err))
		return err->fault;
	if (setup_connect(&session->setup, &session->wait, err)) {
		setup_fini(&session->setup);
		*session = (struct session){ 0 };
		return err->fault;
	}
	session->tries = setup_tries(&session->setup, &session->wait);
	return FAULT_NONE;
}

void session_fini(struct session *session)
{
	store_close(session->wait.store);
	setup_fini(&session->setup);
	*session = (struct session){ 0 };
}

/* Whether the other side has refused one thing, or failed at it, and may do others: what is wrong
 * with the words, or concerns everything, has a status of its own. */
static bool is_refusal(const struct err *err)
{
	if (err->fault == FAULT_RETRY)
		return true;
	return err->remote && err->fault != FAULT_NOT_FOUND && err->fault != FAULT_EXISTS &&
	       !fault_is_general(err->fault);
}

enum fault session_settle(struct output *output, const struct err *err, int *status)
{
	if (!is_refusal(err))
		return err->fault;
	say_err(output, err);
	*status = STATUS_PARTLY;
	return FAULT_NONE;
}
