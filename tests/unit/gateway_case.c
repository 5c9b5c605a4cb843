#include "tests/unit/gateway_case.h"

#include "tests/unit/facts.h"

struct scene *open_scene(void)
{
	struct scene *scene = calloc(1, sizeof *scene);
	assert_non_null(scene);
	static const struct script_step silent = { .then = THEN_STALL };
	scene->server = scripted_new(&silent, 1);
	struct gateway_options options = { .url = scripted_url(scene->server) };
	struct err err;
	assert_int_equal(gateway_open(&options, &scene->store, &err), FAULT_NONE);
	scene->wait.store = scene->store;
	return scene;
}

void close_scene(struct scene *scene)
{
	store_close(scene->store);
	scripted_free(scene->server);
	free(scene);
}

void answers(struct scene *scene, int status, const char *headers, const char *body)
{
	char reply[4096];
	snprintf(reply, sizeof reply, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n%s", status,
		 strlen(body), headers, body);
	scripted_answer(scene->server, (struct script_step){ .reply = reply });
}

void on_done(void *context, const struct store_reply *reply)
{
	struct told *told = context;
	told->done = true;
	told->reply = *reply;
}

struct store_reply put_reply(struct scene *scene)
{
	struct told told = { .done = false };
	struct store_body body = { .data = "x", .size = 1 };
	struct err err;
	assert_non_null(store_put(scene->store, &body,
				  (struct store_then){ .done = on_done, .context = &told }, &err));
	while (!told.done)
		store_poll(scene->store, 1000);
	return told.reply;
}
