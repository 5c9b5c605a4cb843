#include "audit/guess.h"

/* A question costs about as much as so many bytes. */
static const double object_bytes = 65536;

double guess_file(uint64_t bytes, bool read)
{
	return 1 + (read ? (double)bytes / object_bytes : 0);
}

double guess_directory(const struct guess *guess)
{
	return 1 + (guess->listed > 0 ? guess->met / (double)guess->listed : 0);
}

void guess_listed(struct guess *guess, double weight)
{
	guess->met += weight;
	guess->listed++;
}

unsigned guess_percent(const struct guess *guess)
{
	return (unsigned)min_u64((uint64_t)(guess->done * 100), 99);
}
