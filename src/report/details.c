#include "report/details.h"

#include "base/redact.h"

#include <stdatomic.h>

/* More than tasks can fail between a record and its sync: rings and segments hold some thousand. */
enum { PLACES = 8192 };

struct detail {
	uint64_t id;
	char text[DETAIL_SIZE];
};

struct details {
	_Atomic(struct detail *) place[PLACES];
};

struct details *details_new(void) { return calloc(1, sizeof(struct details)); }

void details_free(struct details *details)
{
	for (size_t i = 0; details && i < PLACES; i++)
		free(atomic_load(&details->place[i]));
	free(details);
}

void details_keep(struct details *details, uint64_t id, const char *text)
{
	struct detail *detail = malloc(sizeof *detail);
	struct bytes clean;
	bytes_init(&clean, 4096);
	if (detail && redact_text(&clean, text, strlen(text)) == FAULT_NONE) {
		detail->id = id;
		snprintf(detail->text, sizeof detail->text, "%s", bytes_text(&clean));
		detail = atomic_exchange(&details->place[id % PLACES], detail);
	}
	bytes_fini(&clean);
	free(detail);
}

void details_take(struct details *details, uint64_t id, char text[DETAIL_SIZE])
{
	text[0] = '\0';
	struct detail *detail = atomic_exchange(&details->place[id % PLACES], NULL);
	if (detail && detail->id == id)
		memcpy(text, detail->text, DETAIL_SIZE);
	else if (detail)
		/* Somebody else's: back, unless a later one has come. */
		detail = atomic_exchange(&details->place[id % PLACES], detail);
	free(detail);
}
