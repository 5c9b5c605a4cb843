#include "direct/placement.h"

#include <limits.h>

enum { WORD = 64 };

/* A maximum matching while it is made: who has which partner. */
struct matching {
	const struct placement *placement;
	uint16_t server_of[ERASURE_BLOCKS_MAX];   /* PLACEMENT_NONE: none */
	uint16_t share_of[PLACEMENT_SERVERS_MAX]; /* ERASURE_BLOCKS_MAX: none */
	bool seen[PLACEMENT_SERVERS_MAX];         /* in the search at hand */
};

void placement_init(struct placement *placement, unsigned shares, unsigned servers)
{
	*placement = (struct placement){ .shares = shares, .servers = servers };
}

bool placement_has(const struct placement *placement, unsigned server, unsigned share)
{
	return placement->has[server][share / WORD] >> share % WORD & 1;
}

static bool is_damaged(const struct placement *placement, unsigned server, unsigned share)
{
	return placement->damaged[server][share / WORD] >> share % WORD & 1;
}

void placement_hold(struct placement *placement, unsigned server, unsigned share)
{
	if (!is_damaged(placement, server, share))
		placement->has[server][share / WORD] |= UINT64_C(1) << share % WORD;
}

void placement_spoil(struct placement *placement, unsigned server, unsigned share)
{
	placement->damaged[server][share / WORD] |= UINT64_C(1) << share % WORD;
	placement_lose(placement, server, share);
}

void placement_lose(struct placement *placement, unsigned server, unsigned share)
{
	placement->has[server][share / WORD] &= ~(UINT64_C(1) << share % WORD);
}

void placement_refuse(struct placement *placement, unsigned server)
{
	placement->refuses[server] = true;
}

/*
 * Finds a server for `share`: a free one that has it, or one whose own share finds another.  The
 * path that is tried is kept in `from` instead of on the stack: server -> the share that wants it.
 */
static bool augment(struct matching *matching, unsigned share)
{
	const struct placement *placement = matching->placement;
	uint16_t queue[ERASURE_BLOCKS_MAX], from[PLACEMENT_SERVERS_MAX];
	size_t first = 0, last = 0;
	memset(matching->seen, 0, sizeof matching->seen);
	queue[last++] = (uint16_t)share;
	while (first < last) {
		const unsigned wanting = queue[first++];
		for (unsigned server = 0; server < placement->servers; server++) {
			if (matching->seen[server] || !placement_has(placement, server, wanting))
				continue;
			matching->seen[server] = true;
			from[server] = (uint16_t)wanting;
			if (matching->share_of[server] < ERASURE_BLOCKS_MAX) {
				queue[last++] = matching->share_of[server];
				continue;
			}
			/* Free: all on the way to it move on by one. */
			for (unsigned at = server; at != PLACEMENT_NONE;) {
				const unsigned mover = from[at], left = matching->server_of[mover];
				matching->share_of[at] = (uint16_t)mover;
				matching->server_of[mover] = (uint16_t)at;
				at = left;
			}
			return true;
		}
	}
	return false;
}

/* Returns the size of a maximum matching of the shares that are placed. */
static unsigned match(const struct placement *placement, struct matching *matching)
{
	unsigned size = 0;
	matching->placement = placement;
	for (unsigned share = 0; share < ERASURE_BLOCKS_MAX; share++)
		matching->server_of[share] = PLACEMENT_NONE;
	for (unsigned server = 0; server < PLACEMENT_SERVERS_MAX; server++)
		matching->share_of[server] = ERASURE_BLOCKS_MAX;
	for (unsigned share = 0; share < placement->shares; share++)
		size += augment(matching, share);
	return size;
}

unsigned placement_happiness(const struct placement *placement)
{
	struct matching matching;
	return match(placement, &matching);
}

static bool is_placed(const struct placement *placement, unsigned share)
{
	for (unsigned server = 0; server < placement->servers; server++)
		if (placement_has(placement, server, share))
			return true;
	return false;
}

unsigned placement_placed(const struct placement *placement)
{
	unsigned placed = 0;
	for (unsigned share = 0; share < placement->shares; share++)
		placed += is_placed(placement, share);
	return placed;
}

static unsigned count_shares(const struct placement *placement, unsigned server)
{
	unsigned count = 0;
	for (size_t i = 0; i < ARRAY_COUNT(placement->has[server]); i++)
		count += (unsigned)__builtin_popcountll(placement->has[server][i]);
	return count;
}

static bool takes(const struct placement *placement, unsigned server, unsigned share)
{
	return !placement->refuses[server] && !is_damaged(placement, server, share);
}

/* The server with the least shares, those planned[] for it included, that takes this one. */
static unsigned least_laden(const struct placement *placement, const unsigned *planned,
			    unsigned share)
{
	unsigned best = PLACEMENT_NONE, least = UINT_MAX;
	for (unsigned server = 0; server < placement->servers; server++) {
		const unsigned laden = count_shares(placement, server) + planned[server];
		if (laden < least && takes(placement, server, share)) {
			best = server;
			least = laden;
		}
	}
	return best;
}

/* The first server without a share in the matching that takes this one. */
static unsigned free_server(const struct matching *matching, unsigned share)
{
	const struct placement *placement = matching->placement;
	unsigned server = 0;
	while (server < placement->servers && (matching->share_of[server] < ERASURE_BLOCKS_MAX ||
					       !takes(placement, server, share)))
		server++;
	return server;
}

unsigned placement_plan(const struct placement *placement, uint16_t to[ERASURE_BLOCKS_MAX])
{
	struct matching matching;
	unsigned planned[PLACEMENT_SERVERS_MAX] = { 0 }, count = 0; /* of each server; of all */
	(void)match(placement, &matching);
	/* A share outside the matching makes one more server useful, even if it has a place. */
	for (unsigned share = 0; share < placement->shares; share++) {
		to[share] = PLACEMENT_NONE;
		if (matching.server_of[share] != PLACEMENT_NONE)
			continue;
		unsigned server = free_server(&matching, share);
		if (server == placement->servers)
			continue;
		planned[server]++;
		matching.share_of[server] = (uint16_t)share;
		to[share] = (uint16_t)server;
		count++;
	}
	for (unsigned share = 0; share < placement->shares; share++) {
		const unsigned server = to[share] != PLACEMENT_NONE || is_placed(placement, share)
						? PLACEMENT_NONE
						: least_laden(placement, planned, share);
		if (server == PLACEMENT_NONE)
			continue;
		planned[server]++;
		to[share] = (uint16_t)server;
		count++;
	}
	return count;
}
