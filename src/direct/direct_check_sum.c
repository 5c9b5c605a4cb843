#include "direct/direct_check_parts.h"

#include "direct/placement.h"

static void note_damage(struct store_damage *damage, size_t server, unsigned share)
{
	if (damage->count == STORE_DAMAGE_MAX)
		return;
	damage->at[damage->count].server = (uint16_t)server;
	damage->at[damage->count++].share = (uint16_t)share;
}

/* Returns the number of the newest version that was found, as in findings; 0: none. */
static unsigned newest_of(const struct direct_check *check)
{
	unsigned newest = 0;
	for (unsigned i = 0; i < check->versions; i++)
		if (newest == 0 ||
		    slot_compare(&check->version[newest - 1], &check->version[i]) < 0)
			newest = i + 1;
	return newest;
}

/* How many shares make it, and give it back. */
static void take_shape(const struct direct_check *check, unsigned newest,
		       struct store_health *health)
{
	if (!check->is_mutable) {
		health->needed = check->cap.needed;
		health->expected = check->cap.total;
	} else if (newest) {
		health->needed = check->version[newest - 1].needed;
		health->expected = check->version[newest - 1].total;
	} else {
		health->needed = check->own.direct->needed;
	}
}

/* Counts what a server has; a share of an older version is none. */
static void count_server(struct direct_check *check, size_t server, unsigned newest,
			 struct placement *placement)
{
	const struct check_finding *finding = &check->finding[server];
	struct store_health *health = &check->result;
	bool holds = false;
	for (unsigned share = 0; share < check_shares(check); share++) {
		if (share_set_has(&finding->corrupt, share)) {
			health->corrupt_shares++;
			note_damage(&health->damage, server, share);
		}
		if (!share_set_has(&finding->good, share) || share >= health->expected ||
		    finding->version[share] != newest ||
		    placement->servers == PLACEMENT_SERVERS_MAX)
			continue;
		placement_hold(placement, placement->servers, share);
		holds = true;
	}
	placement->servers += holds;
	health->good_hosts += holds;
	health->responding += finding->answered;
}

bool check_sum(struct direct_check *check)
{
	const size_t count = check->own.direct->servers->count;
	const unsigned newest = newest_of(check);
	struct store_health *health = &check->result;
	take_shape(check, newest, health);
	struct placement placement = { .shares = health->expected }; /* at servers that have any */
	for (size_t i = 0; i < count; i++)
		count_server(check, i, newest, &placement);
	health->good_shares = placement_placed(&placement);
	health->happiness = placement_happiness(&placement);
	health->recoverable =
		(newest || !check->is_mutable) && health->good_shares >= health->needed;
	/* As for Tahoe, what has shares of two versions is not healthy. */
	health->healthy = health->recoverable && health->good_shares == health->expected &&
			  check->versions <= 1;
	return (health->responding < count && !health->healthy) ||
	       (check->is_mutable && !health->recoverable);
}
