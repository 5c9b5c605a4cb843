/*
 * A gateway whose every answer a test writes: a scripted server, and a store on it.
 */
#pragma once

#include "calls/wait.h"
#include "store/gateway.h"
#include "tests/unit/scripted.h"

struct scene {
	struct scripted *server;
	struct store *store;
	struct store_wait wait;
};

struct scene *open_scene(void);
void close_scene(struct scene *scene);

/* Sets what every later request is answered. */
void answers(struct scene *scene, int status, const char *headers, const char *body);

struct told {
	bool done;
	struct store_reply reply;
};

/* Keeps a reply in a struct told (a store_then.done). */
void on_done(void *context, const struct store_reply *reply);

/* Puts a byte, and returns the reply. */
struct store_reply put_reply(struct scene *scene);
