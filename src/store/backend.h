/*
 * What a backend of the store implements.
 *
 * Place      store/store.c calls through it; store/gateway.c fills it.
 *
 * Each backend's struct begins with a struct store, and its calls are handed out as pointers to the
 * incomplete struct store_call.  The functions do what store/store.h says.  A backend in front of
 * another store may leave out all but get, cancel and close.
 */
#pragma once

#include "store/store.h"

struct store_backend {
	struct store_call *(*put)(struct store *, const struct store_body *, struct store_then,
				  struct err *);
	struct store_call *(*overwrite)(struct store *, const struct cap *,
					const struct store_body *, struct store_then, struct err *);
	struct store_call *(*get)(struct store *, const struct store_get *, struct store_then,
				  struct err *);
	struct store_call *(*make_directory)(struct store *, const struct store_directory *,
					     const struct store_body *, struct store_then,
					     struct err *);
	struct store_call *(*set_children)(struct store *, const struct store_edit *,
					   const struct store_body *, struct store_then,
					   struct err *);
	struct store_call *(*unlink)(struct store *, const struct cap *directory,
				     const struct store_name *, struct store_then, struct err *);
	struct store_call *(*list)(struct store *, const struct store_list *, struct store_then,
				   struct err *);
	struct store_call *(*check)(struct store *, const struct store_check *, struct store_then,
				    struct err *);
	struct store_call *(*probe)(struct store *, struct store_then, struct err *);
	size_t (*poll)(struct store *, uint32_t timeout_ms);
	void (*wake)(struct store *);
	void (*pause)(struct store *, struct store_call *);
	void (*resume)(struct store *, struct store_call *);
	void (*cancel)(struct store *, struct store_call *);
	const char *(*label)(const struct store *);
	void (*close)(struct store *);
};

struct store {
	const struct store_backend *backend;
	struct store *behind; /* does what the backend leaves NULL; may itself be NULL */
	unsigned gateway;     /* store_gateway */
};
