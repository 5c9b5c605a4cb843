#include "direct/direct_own.h"

#include "base/secret.h"
#include "direct/direct_call.h"

struct store_call *direct_own_add(struct direct_own *own)
{
	struct direct *direct = own->direct;
	own->back = &direct->own;
	own->next = direct->own;
	if (own->next)
		own->next->back = &own->next;
	direct->own = own;
	return (struct store_call *)own;
}

void direct_own_due(struct direct_own *own) { own->due = own->direct->resuming = true; }

struct direct_own *direct_own_find(const struct direct *direct, const struct store_call *call)
{
	struct direct_own *own = direct->own;
	while (own && (const struct store_call *)own != call)
		own = own->next;
	return own;
}

/* ---- ends ---- */

void direct_own_free(struct direct_own *own)
{
	if (own->back) {
		*own->back = own->next;
		if (own->next)
			own->next->back = own->back;
	}
	own->kind->fini(own);
	secret_wipe(own, own->kind->size);
	free(own);
}

void direct_own_cancel(struct direct_own *own)
{
	if (own->gateway)
		store_cancel(own->direct->base.behind, own->gateway);
	direct_own_free(own);
}

void direct_own_end(struct direct_own *own, const struct store_reply *reply)
{
	own->then.done(own->then.context, reply);
	direct_own_free(own);
}

static void gateway_done(void *context, const struct store_reply *reply)
{
	struct direct_own *own = context;
	own->gateway = NULL;
	direct_own_end(own, reply);
}

struct store_then direct_own_then(struct direct_own *own)
{
	return (struct store_then){ gateway_done, own };
}

void direct_own_leave(struct direct_own *own, struct store_call *gateway, const struct err *err)
{
	own->gateway = gateway;
	if (gateway)
		return;
	const struct store_reply reply = { .fault = err->fault, .err = *err };
	direct_own_end(own, &reply);
}

/* ---- from outside ---- */

void direct_own_pause(struct direct_own *own)
{
	if (own->gateway)
		store_pause(own->direct->base.behind, own->gateway);
	else if (own->kind->pause)
		own->kind->pause(own);
}

void direct_own_resume(struct direct_own *own)
{
	if (own->gateway)
		store_resume(own->direct->base.behind, own->gateway);
	else if (own->kind->resume)
		own->kind->resume(own);
}

/* A call may end, and its `done` change the list. */
void direct_own_move_all(struct direct *direct)
{
	struct direct_own *own = direct->own;
	while (own) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what ended has left the list */
		if (!own->due) {
			own = own->next;
			continue;
		}
		own->due = false;
		own->kind->move(own);
		own = direct->own;
	}
}

void direct_own_cancel_all(struct direct *direct)
{
	struct direct_own *own = direct->own;
	while (own) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what ended has left the list */
		if (own->inner) {
			own = own->next;
			continue;
		}
		direct_own_cancel(own);
		own = direct->own;
	}
}
