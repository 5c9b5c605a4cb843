#include "place/setup.h"

#include "base/cancel.h"
#include "base/secret.h"
#include "net/url.h"
#include "queue/core/thread.h"
#include "report/say.h"
#include "tahoe/base32.h"

enum {
	SECRET_FILE_MAX = 256,
	SECRET_TEXT_MAX = 52, /* characters of 32 bytes */
	GRID_TRIES = 20,      /* that gateways may disagree about servers, */
	GRID_PAUSE_MS = 500,  /* with these pauses */
	STRANGER_MS = 10000,  /* how long something may answer that may be no gateway at all, */
	GARBAGE_MS = 1000,    /* or a reply be one that no gateway gives */
};

/* ---- what is told ---- */

/* Tells people that a gateway went away, and why, or (NULL) is back (an away_options.tell). */
static void setup_tell_away(void *context, const char *gateway, const struct err *why)
{
	const struct setup *setup = context;
	if (why)
		atomic_fetch_add(&setup->output->waits.gateways, 1);
	else
		atomic_fetch_sub(&setup->output->waits.gateways, 1);
	bool alone = setup->gateways == 1;
	if (alone && !setup->away_ms) /* nobody waits, so its error says all */
		return;
	if (why)
		say(setup->output, SAY_WARNING,
		    "gateway %s does not answer: %s; waiting for it, up to %llu s%s", gateway,
		    why->text, (unsigned long long)setup->away_ms / 1000,
		    alone ? "" : " where no other can do its work");
	else
		say(setup->output, SAY_INFO, "gateway %s answers again", gateway);
}

/* A command stores one thing after another; a job of many says itself when little is left (a
 * health_alone). */
static bool stores_little(void *context)
{
	(void)context;
	return true;
}

/* Tells people that the grid is waited for, and why, or (NULL) no more (a health_options.tell). */
static void setup_tell_grid(void *context, const struct err *why)
{
	const struct setup *setup = context;
	atomic_store(&setup->output->waits.grid, why);
	if (why)
		say(setup->output, SAY_WARNING,
		    "the grid is in trouble: %s; waiting for it, up to %llu s", why->text,
		    (unsigned long long)setup->grid_ms / 1000);
	else
		say(setup->output, SAY_INFO, "the grid is well again");
}

/* Tells people once that the gateway does what storage servers were asked for (a direct_told). */
static void setup_tell_direct(void *context, const struct err *why)
{
	struct setup *setup = context;
	if (!setup->without_gateway && !atomic_exchange(&setup->told_direct, true))
		say(setup->output, SAY_INFO, "not everything is read past the gateway: %s",
		    why->text);
}

/* ---- what is at hand ---- */

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

static enum fault add_url(struct setup *setup, const char *given, struct err *err)
{
	char **url = &setup->url[setup->gateways];
	size_t length = strlen(given);
	bool slash = length > 0 && given[length - 1] == '/';
	if (asprintf(url, "%s%s", given, slash ? "" : "/") < 0) {
		*url = NULL;
		return err_set(err, FAULT_NOMEM, "no memory for a URL");
	}
	for (unsigned i = 0; i < setup->gateways; i++) {
		if (strcmp(setup->url[i], *url) != 0)
			continue;
		free(*url);
		*url = NULL;
		return err_set(err, FAULT_USAGE, "gateway %s is named twice", setup->url[i]);
	}
	setup->gateways++;
	return FAULT_NONE;
}

static enum fault choose_urls(const struct connection_options *connection, struct setup *setup,
			      struct err *err)
{
	const struct text_list *given = &connection->gateway;
	if (given->count > STORE_GATEWAYS_MAX)
		return err_set(err, FAULT_USAGE, "more than %d gateways", STORE_GATEWAYS_MAX);
	if (given->count == 0 && !setup->node.url)
		return err_set(err, FAULT_USAGE,
			       "no gateway: name its node directory with -d, or its URL with -u");
	if (given->count == 0 && url_names_user(setup->node.url))
		return err_set(err, FAULT_USAGE,
			       "node.url: a gateway URL holds no user name or password");
	if (given->count == 0)
		return add_url(setup, setup->node.url, err);
	for (size_t i = 0; i < given->count; i++)
		if (add_url(setup, given->text[i], err))
			return err->fault;
	return FAULT_NONE;
}

static bool is_of_node(const struct setup *setup)
{
	for (unsigned i = 0; setup->node.url && i < setup->gateways; i++)
		if (strcmp(setup->node.url, setup->url[i]) == 0)
			return true;
	return false;
}

static enum fault choose_params(const struct connection_options *connection, struct setup *setup,
				struct err *err)
{
	struct node *node = &setup->node;
	if (connection->convergence_file) {
		setup->params = &node->params;
		return read_secret(connection->convergence_file, &node->params, err);
	}
	if (node->has_secret && (connection->node_directory || is_of_node(setup)))
		setup->params = &node->params;
	return FAULT_NONE;
}

static bool any_has_id(const struct servers *servers)
{
	for (size_t i = 0; i < servers->count; i++)
		if (servers->server[i].has_id)
			return true;
	return false;
}

/* Returns why nothing is stored at the servers that are asked, or NULL. */
static const char *why_not_stored(const struct connection_options *connection,
				  const struct setup *setup)
{
	const struct node *node = &setup->node;
	if (connection->convergence_file)
		return "--convergence-file may name another secret than the node's";
	if (!setup->params)
		return "private/convergence of the node directory is missing";
	if (!node->has_lease_secret)
		return "private/secret of the node directory is missing or is no secret of 32 "
		       "bytes";
	if (!any_has_id(&setup->servers))
		return "no storage server is announced with a FURL, which leases are made for";
	if (node->happy > node->params.n)
		return "shares.happy is above shares.total in tahoe.cfg";
	if (node->happy > setup->servers.count)
		return "fewer storage servers are announced with an HTTPS address than "
		       "shares.happy wants";
	return NULL;
}

/* The gateway can do without our knowing them. */
static void choose_servers(const struct connection_options *connection, struct setup *setup)
{
	struct err err;
	if (connection->no_direct || !setup->node.directory ||
	    !(connection->node_directory || is_of_node(setup)))
		return;
	if (!setup->node.is_open) {
		setup->why_not_asked = "the node hides its address or keeps to Foolscap (tcp, "
				       "reveal-IP-address or force_foolscap in its tahoe.cfg)";
		return;
	}
	if (servers_load(&setup->servers, setup->node.directory, &err))
		say(setup->output, SAY_WARNING, "everything is read through the gateway: %s",
		    err.text);
	if (setup->servers.count == 0 && setup->servers.partial)
		setup->why_not_asked = "none of the storage servers that the node knows is "
				       "announced with an HTTPS address";
	if (setup->servers.count == 0)
		return;
	setup->habits = habits_new(setup->servers.count); /* it is quicker with them */
	setup->why_not_stored = why_not_stored(connection, setup);
	setup->encodes = !setup->why_not_stored;
}

void setup_tell_ways(const struct setup *setup, bool stores)
{
	if (setup->why_not_asked)
		say(setup->output, SAY_INFO, "everything goes by the gateway: %s",
		    setup->why_not_asked);
	else if (stores && setup->why_not_stored)
		say(setup->output, SAY_INFO, "what is stored is encoded by the gateway: %s",
		    setup->why_not_stored);
}

/* Returns which of the hosts that plain http is allowed to is the gateway's, or any, or NULL. */
static const char *plain_host_of(const struct connection_options *connection, const char *url)
{
	const struct text_list *hosts = &connection->allow_plaintext;
	struct url parsed;
	struct err err;
	for (size_t i = 0; i < hosts->count; i++)
		if (!url_parse(url, hosts->text[i], &parsed, &err))
			return hosts->text[i];
	return hosts->count ? hosts->text[0] : NULL;
}

/* With -u nothing in the usual node directory is needed: it may be somebody else's. */
static enum fault load_node(const struct connection_options *connection, struct setup *setup,
			    struct err *err)
{
	enum fault fault = node_load(&setup->node, connection->node_directory, err);
	if (!fault || connection->node_directory || connection->gateway.count == 0 ||
	    fault == FAULT_NOMEM)
		return fault;
	say(setup->output, SAY_DEBUG, "the node directory is left alone: %s", err->text);
	return FAULT_NONE;
}

enum fault setup_load(const struct connection_options *connection, struct output *output,
		      struct setup *setup, struct err *err)
{
	*setup = (struct setup){
		.output = output,
		.away_ms = connection->gateway_wait_ms,
		.grid_ms = connection->grid_wait_ms,
	};
	const struct health_options health = {
		.grid_ms = setup->grid_ms,
		.gateway_ms = setup->away_ms,
		.tell = setup_tell_grid,
		.context = setup,
	};
	const struct away_options away = {
		.wait_ms = setup->away_ms,
		.tell = setup_tell_away,
		.context = setup,
	};
	setup->health = health_new(&health);
	setup->away = away_new(&away);
	if (!setup->health || !setup->away)
		return err_set(err, FAULT_NOMEM, "no memory for gateways");
	health_watch_rest(setup->health, stores_little, NULL);
	enum fault fault = load_node(connection, setup, err);
	if (!fault)
		fault = choose_urls(connection, setup, err);
	if (!fault)
		fault = choose_params(connection, setup, err);
	if (fault) {
		setup_fini(setup);
		return fault;
	}
	choose_servers(connection, setup);
	if (connection->bwlimit) {
		pace_init(&setup->pace_of_all, connection->bwlimit);
		setup->pace = &setup->pace_of_all;
	}
	for (unsigned i = 0; i < setup->gateways; i++)
		setup->gateway[i] = (struct gateway_options){
			.url = setup->url[i],
			.plain_host = plain_host_of(connection, setup->url[i]),
			.connect_ms = (uint32_t)connection->timeout_connect_ms,
			.send_ms = (uint32_t)connection->timeout_send_ms,
			.wait_ms = (uint32_t)connection->timeout_wait_ms,
			.receive_ms = (uint32_t)connection->timeout_receive_ms,
			.pace = setup->pace,
			.speed = setup->gateways > 1 ? &setup->speed : NULL,
			.health = setup->health,
			.number = i,
		};
	return FAULT_NONE;
}

/* ---- stores ---- */

static enum fault setup_open_store(struct setup *setup, unsigned number, struct store **store,
				   struct err *err)
{
	const struct gateway_options *gateway = &setup->gateway[number];
	const struct direct_options direct = {
		.gateway = gateway,
		.servers = &setup->servers,
		.lease_secret = setup->encodes ? setup->node.lease_secret : NULL,
		.happy = setup->node.happy,
		.needed = setup->node.params.k,
		.habits = setup->habits,
		.told = setup_tell_direct,
		.told_context = setup,
	};
	return setup->servers.count > 0 && !setup->spare ? direct_open(&direct, store, err)
							 : gateway_open(gateway, store, err);
}

void setup_watch(struct setup *setup, const struct http_watch *watch)
{
	for (unsigned i = 0; i < setup->gateways; i++)
		setup->gateway[i].watch = watch;
}

enum fault setup_open_first(struct setup *setup, struct store **store, struct err *err)
{
	return setup_open_store(setup, 0, store, err);
}

enum fault setup_open_next(struct setup *setup, struct store **store, struct err *err)
{
	unsigned number = atomic_fetch_add(&setup->opened, 1) % setup->gateways;
	return setup_open_store(setup, number, store, err);
}

static bool place_stop(void *context)
{
	(void)context;
	return cancel_asked();
}

static void tell_again(void *context, const struct err *err)
{
	const struct setup *setup = context;
	say(setup->output, SAY_DEBUG, "trying again: %s", err->text);
}

struct tries setup_tries(struct setup *setup, const struct store_wait *wait)
{
	return (struct tries){
		.wait = wait,
		.away = setup->without_gateway ? NULL : setup->away,
		.again = tell_again,
		.context = setup,
	};
}

/* Whether it says that a gateway should be there, but is not just now. */
static bool is_of_proxy(int status)
{
	return status == 408 || status == 429 || (status >= 502 && status <= 504);
}

/* Whether the first question is worth repeating. */
static bool ask_once_more(struct tries *tries, uint64_t since_ms, struct err *err)
{
	bool away = err->fault == FAULT_UNAVAILABLE;
	if (away && !err->http_status)
		return false;
	if (err->fault == FAULT_USAGE && clock_ms() - since_ms < GARBAGE_MS)
		return !tries_pause(tries, GARBAGE_MS / 4, err);
	if (away && !is_of_proxy(err->http_status) && clock_ms() - since_ms >= STRANGER_MS) {
		err->fault = FAULT_USAGE;
		return false;
	}
	return tries_again(tries, err);
}

static enum fault probe(struct setup *setup, const struct store_wait *wait,
			struct store_servers *servers, struct err *err)
{
	struct tries tries = setup_tries(setup, wait);
	uint64_t since_ms = clock_ms();
	enum fault fault;
	while ((fault = store_wait_probe(wait, servers, err)) &&
	       ask_once_more(&tries, since_ms, err)) {
	}
	if (!fault)
		tries_over(&tries);
	return fault ? err_wrap(err, "gateway %s", store_label(wait->store)) : FAULT_NONE;
}

/* Whether a gateway has storage, and knows the same servers as another one. */
static bool is_same_grid(const struct store_servers *one, const struct store_servers *other)
{
	return one->names == other->names && one->connected > 0 && other->connected > 0;
}

/* Compares the servers that a gateway knows with those of the first one.  One that has just started
 * hears of them soon. */
static enum fault compare_grid(struct setup *setup, const struct store_wait *first,
			       const struct store_wait *other, struct err *err)
{
	const struct tries tries = { .wait = other };
	for (unsigned times = 0;; times++) {
		struct store_servers here, there;
		if (probe(setup, first, &here, err) || probe(setup, other, &there, err))
			return err->fault;
		if (is_same_grid(&here, &there))
			return FAULT_NONE;
		if (times == GRID_TRIES)
			return err_set(
				err, FAULT_USAGE,
				"gateways %s and %s must be of one grid and have storage: "
				"they know different servers, or none is connected (%u of %u "
				"and %u of %u)",
				setup->url[0], store_label(other->store), here.connected,
				here.known, there.connected, there.known);
		if (tries_pause(&tries, GRID_PAUSE_MS, err))
			return err->fault;
	}
}

/* Whether a gateway that is not there is done without: the storage servers are known.  What cannot
 * be done by them says so when it is asked for. */
static bool goes_without(struct setup *setup, const struct err *err)
{
	if (err->fault != FAULT_UNAVAILABLE || err->http_status || setup->gateways > 1 ||
	    setup->servers.count == 0 || setup->spare)
		return false;
	setup->without_gateway = true;
	say(setup->output, SAY_WARNING, "%s; what the storage servers can do is done without it",
	    err->text);
	return true;
}

enum fault setup_connect(struct setup *setup, struct store_wait *wait, struct err *err)
{
	struct store_servers servers;
	*wait = (struct store_wait){ .stop = place_stop };
	if (setup_open_first(setup, &wait->store, err))
		return err->fault;
	if (!probe(setup, wait, &servers, err) || goes_without(setup, err))
		return FAULT_NONE;
	store_close(wait->store);
	return err->fault;
}

/* Several gateways must be of one grid, or half of a job would lie in another. */
static enum fault look_at_others(struct setup *setup, const struct store_wait *first,
				 struct err *err)
{
	for (unsigned i = 1; i < setup->gateways; i++) {
		struct store_wait other = { .stop = place_stop };
		if (gateway_open(&setup->gateway[i], &other.store, err))
			return err->fault;
		enum fault fault = compare_grid(setup, first, &other, err);
		store_close(other.store);
		if (fault)
			return fault;
	}
	return FAULT_NONE;
}

enum fault setup_connect_all(struct setup *setup, struct store_wait *wait, struct err *err)
{
	if (setup_connect(setup, wait, err))
		return err->fault;
	if (!look_at_others(setup, wait, err))
		return FAULT_NONE;
	store_close(wait->store);
	return err->fault;
}

void setup_fini(struct setup *setup)
{
	node_fini(&setup->node);
	servers_fini(&setup->servers);
	habits_free(setup->habits);
	health_free(setup->health);
	away_free(setup->away);
	for (unsigned i = 0; i < setup->gateways; i++)
		free(setup->url[i]);
	*setup = (struct setup){ 0 };
}
