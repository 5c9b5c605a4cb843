#include "place/session.h"

#include "report/say.h"
#include "report/status.h"

static void tell_again(void *context, const struct err *err)
{
	(void)context;
	say(SAY_DEBUG, "trying again: %s", err->text);
}

enum fault session_open(const struct connection_options *connection, struct session *session,
			struct err *err)
{
	*session = (struct session){ 0 };
	if (setup_load(connection, &session->setup, err))
		return err->fault;
	if (setup_connect(&session->setup, &session->wait, err)) {
		setup_fini(&session->setup);
		*session = (struct session){ 0 };
		return err->fault;
	}
	session->tries = (struct tries){
		.wait = &session->wait,
		.away_ms = connection->gateway_wait_ms,
		.away = setup_tell_away,
		.again = tell_again,
	};
	return FAULT_NONE;
}

void session_fini(struct session *session)
{
	store_close(session->wait.store);
	setup_fini(&session->setup);
	*session = (struct session){ 0 };
}

enum fault session_settle(const struct err *err, int *status)
{
	if (err->fault != FAULT_RETRY)
		return err->fault;
	say_err(err);
	*status = STATUS_PARTLY;
	return FAULT_NONE;
}
