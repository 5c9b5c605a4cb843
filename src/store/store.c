#include "store/store.h"

#include "store/backend.h"

struct store_call *store_put(struct store *store, const struct store_body *body,
			     struct store_then then, struct err *err)
{
	return store->backend->put(store, body, then, err);
}

struct store_call *store_overwrite(struct store *store, const struct cap *cap,
				   const struct store_body *body, struct store_then then,
				   struct err *err)
{
	return store->backend->overwrite(store, cap, body, then, err);
}

struct store_call *store_get(struct store *store, const struct store_get *get,
			     struct store_then then, struct err *err)
{
	return store->backend->get(store, get, then, err);
}

struct store_call *store_make_directory(struct store *store,
					const struct store_directory *directory,
					const struct store_body *body, struct store_then then,
					struct err *err)
{
	return store->backend->make_directory(store, directory, body, then, err);
}

struct store_call *store_set_children(struct store *store, const struct store_edit *edit,
				      const struct store_body *body, struct store_then then,
				      struct err *err)
{
	return store->backend->set_children(store, edit, body, then, err);
}

struct store_call *store_link(struct store *store, const struct store_link *link,
			      struct store_then then, struct err *err)
{
	return store->backend->link(store, link, then, err);
}

struct store_call *store_list(struct store *store, const struct store_list *list,
			      struct store_then then, struct err *err)
{
	return store->backend->list(store, list, then, err);
}

struct store_call *store_check(struct store *store, const struct cap *cap, bool verify,
			       struct store_then then, struct err *err)
{
	return store->backend->check(store, cap, verify, then, err);
}

struct store_call *store_probe(struct store *store, struct store_then then, struct err *err)
{
	return store->backend->probe(store, then, err);
}

size_t store_poll(struct store *store, uint32_t timeout_ms)
{
	return store->backend->poll(store, timeout_ms);
}

void store_wake(struct store *store) { store->backend->wake(store); }

void store_resume(struct store *store, struct store_call *call)
{
	store->backend->resume(store, call);
}

void store_cancel(struct store *store, struct store_call *call)
{
	store->backend->cancel(store, call);
}

size_t store_in_flight(const struct store *store) { return store->backend->in_flight(store); }

unsigned store_gateway(const struct store *store) { return store->gateway; }

const char *store_label(const struct store *store) { return store->backend->label(store); }

void store_close(struct store *store)
{
	if (store)
		store->backend->close(store);
}
