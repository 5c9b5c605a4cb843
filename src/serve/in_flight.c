#include "serve/in_flight.h"

uint64_t in_flight_arrive(struct in_flight *flights) { return ++flights->clock; }

bool in_flight_lost(const struct in_flight *flights, const unsigned char index[CAP_KEY_SIZE],
		    uint64_t arrival)
{
	for (const struct in_flight_mark *m = flights->active; m; m = m->next) {
		if (memcmp(m->index, index, CAP_KEY_SIZE) == 0)
			return true;
	}
	for (size_t i = 0; i < IN_FLIGHT_RECENT; i++) {
		const struct in_flight_mark *m = &flights->recent[i];
		if (m->ended > arrival && memcmp(m->index, index, CAP_KEY_SIZE) == 0)
			return true;
	}
	return false;
}

void in_flight_created(struct in_flight *flights, struct in_flight_mark *mark,
		       const unsigned char index[CAP_KEY_SIZE])
{
	memcpy(mark->index, index, CAP_KEY_SIZE);
	mark->ended = 0;
	mark->next = flights->active;
	flights->active = mark;
}

void in_flight_end(struct in_flight *flights, struct in_flight_mark *mark)
{
	for (struct in_flight_mark **at = &flights->active; *at; at = &(*at)->next) {
		if (*at != mark)
			continue;
		*at = mark->next;
		mark->ended = ++flights->clock;
		flights->recent[flights->recent_next++ % IN_FLIGHT_RECENT] = *mark;
		return;
	}
}
