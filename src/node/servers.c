#include "node/servers.h"

#include "base/secret.h"
#include "node/servers_parts.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <nettle/sha1.h>

static int is_cache(const struct dirent *entry)
{
	return fnmatch("introducer_*_cache.yaml", entry->d_name, 0) == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static enum fault read_below(struct server_gathering *gathering, const char *folder,
			     const char *name, enum servers_source source, struct err *err)
{
	char *path = NULL;
	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return err_set(err, FAULT_NOMEM, "no memory for a path");
	enum fault fault = servers_read(gathering, path, source, err);
	free(path);
	return fault;
}

/* Reads what the node keeps of each introducer's announcements. */
static enum fault read_caches(struct server_gathering *gathering, const char *folder,
			      struct err *err)
{
	struct dirent **entry = NULL;
	const int count = scandir(folder, &entry, is_cache, by_name);
	if (count < 0 && (errno == ENOENT || errno == ENOTDIR))
		return FAULT_NONE;
	if (count < 0)
		return err_os(err, FAULT_IO, errno, "%s cannot be listed", folder);
	enum fault fault = FAULT_NONE;
	for (int i = 0; i < count; i++) {
		if (!fault)
			fault = read_below(gathering, folder, entry[i]->d_name, SERVERS_ANNOUNCED,
					   err);
		free(entry[i]);
	}
	free(entry);
	return fault;
}

enum fault servers_load(struct servers *servers, const char *directory, struct err *err)
{
	struct server_gathering gathering = { .servers = servers };
	char *folder = NULL;
	/* Once for all: growing would leave copies of secrets behind. */
	*servers = (struct servers){ .server = calloc(SERVERS_MAX, sizeof *servers->server) };
	if (!servers->server || asprintf(&folder, "%s/private", directory) < 0) {
		servers_fini(servers);
		return err_set(err, FAULT_NOMEM, "no memory for servers");
	}
	enum fault fault = read_below(&gathering, folder, "servers.yaml", SERVERS_CONFIGURED, err);
	if (!fault)
		fault = read_caches(&gathering, folder, err);
	for (size_t i = 0; i < gathering.count; i++)
		free(gathering.id[i]);
	free(folder);
	if (fault)
		servers_fini(servers);
	return fault;
}

void servers_fini(struct servers *servers)
{
	if (!servers)
		return;
	for (size_t i = 0; i < servers->count; i++)
		free(servers->server[i].url);
	secret_wipe(servers->server, servers->count * sizeof *servers->server);
	free(servers->server);
	*servers = (struct servers){ .count = 0 };
}

struct server_place {
	unsigned char hash[SHA1_DIGEST_SIZE];
	uint16_t number;
};

static int by_hash(const void *a, const void *b)
{
	const struct server_place *x = a, *y = b;
	const int difference = memcmp(x->hash, y->hash, sizeof x->hash);
	return difference ? difference : x->number - y->number;
}

void servers_order(const struct servers *servers, const unsigned char storage_index[16],
		   uint16_t *order)
{
	struct server_place place[SERVERS_MAX];
	assert(servers->count <= SERVERS_MAX);
	for (size_t i = 0; i < servers->count; i++) {
		struct sha1_ctx context;
		sha1_init(&context);
		sha1_update(&context, 16, storage_index);
		sha1_update(&context, servers->server[i].seed_size, servers->server[i].seed);
		sha1_digest(&context, sizeof place[i].hash, place[i].hash);
		place[i].number = (uint16_t)i;
	}
	qsort(place, servers->count, sizeof place[0], by_hash);
	for (size_t i = 0; i < servers->count; i++)
		order[i] = place[i].number;
}
