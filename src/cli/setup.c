#include "cli/setup.h"

#include "base/secret.h"
#include "cli/cancel.h"
#include "report/say.h"
#include "tahoe/base32.h"

enum { SECRET_FILE_MAX = 256, SECRET_TEXT_MAX = 52 /* characters of 32 bytes */ };

static enum fault read_secret(const char *path, struct chk_params *params, struct err *err)
{
	struct bytes text;
	bytes_init(&text, SECRET_FILE_MAX);
	if (secret_file_read(path, SECRET_FILE_STRICT, &text, err)) {
		bytes_fini(&text);
		return err->fault;
	}
	size_t length = strcspn(bytes_text(&text), "\r\n");
	enum fault fault = FAULT_NONE;
	if (length > SECRET_TEXT_MAX ||
	    !base32_decode(bytes_text(&text), length, params->secret, &params->secret_size))
		fault = err_set(
			err, FAULT_USAGE,
			"%s does not hold a convergence secret: one line of base32, as in a "
			"node's private/convergence",
			path);
	bytes_fini(&text);
	return fault;
}

static enum fault choose_url(const struct options *options, struct setup *setup, struct err *err)
{
	if (options->gateway.count > 1)
		return err_set(err, FAULT_USAGE, "name one gateway: several are not supported yet");
	const char *given = options->gateway.count ? options->gateway.text[0] : setup->node.url;
	if (!given)
		return err_set(err, FAULT_USAGE,
			       "no gateway: name its node directory with -d, or its URL with -u");
	size_t length = strlen(given);
	bool slash = length > 0 && given[length - 1] == '/';
	if (asprintf(&setup->url, "%s%s", given, slash ? "" : "/") < 0) {
		setup->url = NULL;
		return err_set(err, FAULT_NOMEM, "no memory for a URL");
	}
	return FAULT_NONE;
}

static enum fault choose_params(const struct options *options, struct setup *setup, struct err *err)
{
	struct node *node = &setup->node;
	if (options->convergence_file) {
		setup->params = &node->params;
		return read_secret(options->convergence_file, &node->params, err);
	}
	bool named = options->node_directory;
	bool same = node->url && setup->url && strcmp(node->url, setup->url) == 0;
	if (node->has_secret && (named || same))
		setup->params = &node->params;
	return FAULT_NONE;
}

enum fault setup_load(const struct options *options, struct setup *setup, struct err *err)
{
	*setup = (struct setup){ 0 };
	enum fault fault = node_load(&setup->node, options->node_directory, err);
	if (!fault)
		fault = choose_url(options, setup, err);
	if (!fault)
		fault = choose_params(options, setup, err);
	if (fault) {
		setup_fini(setup);
		return fault;
	}
	setup->gateway = (struct gateway_options){
		.url = setup->url,
		.plain_host =
			options->allow_plaintext.count ? options->allow_plaintext.text[0] : NULL,
		.connect_ms = (uint32_t)options->timeout_connect_ms,
		.send_ms = (uint32_t)options->timeout_send_ms,
		.wait_ms = (uint32_t)options->timeout_wait_ms,
		.receive_ms = (uint32_t)options->timeout_receive_ms,
		.pace = options->bwlimit ? &setup->pace : NULL,
	};
	if (options->bwlimit)
		pace_init(&setup->pace, options->bwlimit);
	return FAULT_NONE;
}

enum fault setup_open_store(void *context, struct store **store, struct err *err)
{
	struct setup *setup = context;
	return gateway_open(&setup->gateway, store, err);
}

static bool stop(void *context)
{
	(void)context;
	return cancel_asked();
}

enum fault setup_connect(struct setup *setup, struct store_wait *wait, struct err *err)
{
	uint32_t connected;
	*wait = (struct store_wait){ .stop = stop };
	if (setup_open_store(setup, &wait->store, err))
		return err->fault;
	if (store_wait_probe(wait, &connected, err)) {
		err_wrap(err, "gateway %s", setup->url);
		store_close(wait->store);
		return err->fault;
	}
	return FAULT_NONE;
}

void setup_tell_away(void *context, bool away)
{
	(void)context;
	if (away)
		say(SAY_WARNING, "the gateway does not answer; waiting for it");
	else
		say(SAY_INFO, "the gateway answers again");
}

void setup_fini(struct setup *setup)
{
	node_fini(&setup->node);
	free(setup->url);
	*setup = (struct setup){ 0 };
}
