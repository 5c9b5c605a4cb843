#include "net/http_call.h"

#include "queue/core/thread.h"

void http_list_add(struct http_list *list, struct http_call *after, struct http_call *call)
{
	struct http_call *before = after ? after->next : list->first;
	call->previous = after;
	call->next = before;
	*(after ? &after->next : &list->first) = call;
	*(before ? &before->previous : &list->last) = call;
	list->count++;
}

void http_list_remove(struct http_list *list, struct http_call *call)
{
	*(call->previous ? &call->previous->next : &list->first) = call->next;
	*(call->next ? &call->next->previous : &list->last) = call->previous;
	list->count--;
}

bool http_turn_is_there(const struct http_call *call)
{
	const struct http *http = call->http;
	const struct http_peer *peer = call->request.peer;
	return !peer || (http->peers_busy < http->options.connections &&
			 (!peer->connections || peer->busy < peer->connections));
}

void http_turn_take(struct http_call *call)
{
	struct http_peer *peer = call->request.peer;
	call->begun_ms = clock_ms();
	if (!peer)
		return;
	peer->busy++;
	call->http->peers_busy++;
}

void http_turn_end(struct http_call *call)
{
	struct http_peer *peer = call->request.peer;
	if (!peer)
		return;
	peer->busy--;
	call->http->peers_busy--;
}

void http_turn_wait(struct http_call *call)
{
	struct http_list *waiting = &call->http->waiting;
	call->waits = true;
	http_list_add(waiting, waiting->last, call);
}

void http_turn_wait_no_more(struct http_call *call)
{
	call->waits = false;
	http_list_remove(&call->http->waiting, call);
}

struct http_call *http_turn_next(const struct http *http)
{
	struct http_call *call = http->waiting.first;
	if (http->peers_busy >= http->options.connections)
		return NULL;
	while (call && (call->in_vain || !http_turn_is_there(call)))
		call = call->next;
	return call;
}

/* A complete reply, whatever it says, tells that the peer is there. */
bool http_turn_doom(const struct http_call *call, const struct http_reply *reply)
{
	bool any = false;
	const bool lost = reply->fault == FAULT_UNAVAILABLE || reply->fault == FAULT_INSECURE ||
			  (reply->fault == FAULT_RETRY && !reply->complete);
	if (!call->request.peer || !lost)
		return false;
	for (struct http_call *other = call->http->waiting.first; other; other = other->next)
		if (other->request.peer == call->request.peer)
			any = other->in_vain = true;
	return any;
}
