#include "store/store.h"

#include "store/backend.h"

/* Who does a call: the store, or the one behind it. */
#define DOING(store, call) ((store)->backend->call ? (store) : (store)->behind)

struct store_call *store_put(struct store *store, const struct store_body *body,
			     struct store_then then, struct err *err)
{
	struct store *doing = DOING(store, put);
	return doing->backend->put(doing, body, then, err);
}

struct store_call *store_overwrite(struct store *store, const struct cap *cap,
				   const struct store_body *body, struct store_then then,
				   struct err *err)
{
	struct store *doing = DOING(store, overwrite);
	return doing->backend->overwrite(doing, cap, body, then, err);
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
	struct store *doing = DOING(store, make_directory);
	return doing->backend->make_directory(doing, directory, body, then, err);
}

struct store_call *store_set_children(struct store *store, const struct store_edit *edit,
				      const struct store_body *body, struct store_then then,
				      struct err *err)
{
	struct store *doing = DOING(store, set_children);
	return doing->backend->set_children(doing, edit, body, then, err);
}

struct store_call *store_unlink(struct store *store, const struct cap *directory,
				const struct store_name *name, struct store_then then,
				struct err *err)
{
	struct store *doing = DOING(store, unlink);
	return doing->backend->unlink(doing, directory, name, then, err);
}

struct store_call *store_list(struct store *store, const struct store_list *list,
			      struct store_then then, struct err *err)
{
	struct store *doing = DOING(store, list);
	return doing->backend->list(doing, list, then, err);
}

struct store_call *store_check(struct store *store, const struct store_check *check,
			       struct store_then then, struct err *err)
{
	struct store *doing = DOING(store, check);
	return doing->backend->check(doing, check, then, err);
}

struct store_call *store_probe(struct store *store, struct store_then then, struct err *err)
{
	struct store *doing = DOING(store, probe);
	return doing->backend->probe(doing, then, err);
}

size_t store_poll(struct store *store, uint32_t timeout_ms)
{
	struct store *doing = DOING(store, poll);
	return doing->backend->poll(doing, timeout_ms);
}

void store_wake(struct store *store)
{
	struct store *doing = DOING(store, wake);
	doing->backend->wake(doing);
}

void store_pause(struct store *store, struct store_call *call)
{
	struct store *doing = DOING(store, pause);
	doing->backend->pause(doing, call);
}

void store_resume(struct store *store, struct store_call *call)
{
	struct store *doing = DOING(store, resume);
	doing->backend->resume(doing, call);
}

void store_cancel(struct store *store, struct store_call *call)
{
	store->backend->cancel(store, call);
}

unsigned store_gateway(const struct store *store) { return store->gateway; }

const char *store_label(const struct store *store)
{
	const struct store *doing = DOING(store, label);
	return doing->backend->label(doing);
}

void store_close(struct store *store)
{
	if (store)
		store->backend->close(store);
}
