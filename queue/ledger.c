#include "queue/ledger.h"

#include <assert.h>

enum { PAGE_DIRECTORIES = 1024, FLAGS_SHIFT = 59 };

/* Flags lie above the listing, whose number is below 2^59. */
static const uint64_t listing_bits = ((uint64_t)1 << FLAGS_SHIFT) - 1;
static const uint32_t none = UINT32_MAX;

struct ledger_page {
	uint64_t id[PAGE_DIRECTORIES];
	uint64_t listing[PAGE_DIRECTORIES]; /* with flags */
	uint32_t pending[PAGE_DIRECTORIES]; /* of one that is ready: the next such, or `none` */
};

static uint64_t *id_at(const struct ledger *ledger, uint32_t index)
{
	return &ledger->page[index / PAGE_DIRECTORIES]->id[index % PAGE_DIRECTORIES];
}

static uint64_t *listing_at(const struct ledger *ledger, uint32_t index)
{
	return &ledger->page[index / PAGE_DIRECTORIES]->listing[index % PAGE_DIRECTORIES];
}

static uint32_t *pending_at(const struct ledger *ledger, uint32_t index)
{
	return &ledger->page[index / PAGE_DIRECTORIES]->pending[index % PAGE_DIRECTORIES];
}

static unsigned flags_at(const struct ledger *ledger, uint32_t index)
{
	return (unsigned)(*listing_at(ledger, index) >> FLAGS_SHIFT);
}

static void set_flag(struct ledger *ledger, uint32_t index, unsigned flag)
{
	*listing_at(ledger, index) |= (uint64_t)flag << FLAGS_SHIFT;
}

/* Whether it is to be leased and not settled. */
static bool is_open(const struct ledger *ledger, uint32_t index)
{
	return (flags_at(ledger, index) & ~(unsigned)LEDGER_LISTED) == 0;
}

static uint32_t find(const struct ledger *ledger, uint64_t id)
{
	uint32_t low = 0, high = ledger->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (*id_at(ledger, middle) < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < ledger->count && *id_at(ledger, low) == id ? low : none;
}

static bool room(struct ledger *ledger)
{
	if (ledger->count % PAGE_DIRECTORIES != 0)
		return true;
	uint32_t pages = ledger->count / PAGE_DIRECTORIES;
	if ((pages & (pages - 1)) == 0) {
		size_t size = (pages ? 2 * (size_t)pages : 1) * sizeof(struct ledger_page *);
		struct ledger_page **grown = realloc(ledger->page, size);
		if (!grown)
			return false;
		ledger->page = grown;
	}
	ledger->page[pages] = malloc(sizeof *ledger->page[pages]);
	return ledger->page[pages] != NULL;
}

bool ledger_add(struct ledger *ledger, uint64_t id, unsigned flags)
{
	assert(ledger->count == 0 || *id_at(ledger, ledger->count - 1) < id);
	if (ledger->count == none || !room(ledger))
		return false;
	uint32_t index = ledger->count++;
	*id_at(ledger, index) = id;
	*listing_at(ledger, index) = 0;
	set_flag(ledger, index, flags);
	*pending_at(ledger, index) = 1; /* its listing */
	ledger->open += flags == 0;
	ledger->unlisted += flags == 0;
	return true;
}

bool ledger_listing(struct ledger *ledger, uint64_t id, uint64_t listing, unsigned *flags)
{
	uint32_t index = find(ledger, id);
	assert(listing > 0 && listing <= listing_bits);
	if (index == none || (*listing_at(ledger, index) & listing_bits) != 0)
		return false;
	*listing_at(ledger, index) |= listing;
	*flags = flags_at(ledger, index);
	return true;
}

void ledger_child(struct ledger *ledger, uint64_t id)
{
	uint32_t index = find(ledger, id);
	assert(index != none);
	uint32_t *pending = pending_at(ledger, index);
	assert(*pending > 0 && *pending < none - 1);
	++*pending;
}

/* Ready directories are a list through the records themselves: handing out allocates nothing. */
static void append_ready(struct ledger *ledger, uint32_t index)
{
	*pending_at(ledger, index) = none;
	if (ledger->ready++ == 0)
		ledger->first_ready = index;
	else
		*pending_at(ledger, ledger->last_ready) = index;
	ledger->last_ready = index;
}

/* Returns whether that made it ready. */
static bool count_down(struct ledger *ledger, uint32_t index)
{
	uint32_t *pending = pending_at(ledger, index);
	assert(*pending > 0);
	bool ready = --*pending == 0 && is_open(ledger, index);
	if (ready)
		append_ready(ledger, index);
	return ready;
}

bool ledger_listed(struct ledger *ledger, uint64_t id)
{
	uint32_t index = find(ledger, id);
	assert(index != none && !(flags_at(ledger, index) & LEDGER_LISTED));
	ledger->unlisted -= is_open(ledger, index);
	set_flag(ledger, index, LEDGER_LISTED);
	return count_down(ledger, index);
}

bool ledger_child_settled(struct ledger *ledger, uint64_t id)
{
	uint32_t index = find(ledger, id);
	assert(index != none);
	return count_down(ledger, index);
}

void ledger_settle(struct ledger *ledger, uint64_t id)
{
	uint32_t index = find(ledger, id);
	if (index == none || !is_open(ledger, index))
		return;
	set_flag(ledger, index, LEDGER_SETTLED);
	ledger->open--;
}

bool ledger_is_unlisted(const struct ledger *ledger, uint64_t id)
{
	uint32_t index = find(ledger, id);
	return index != none && is_open(ledger, index) &&
	       !(flags_at(ledger, index) & LEDGER_LISTED);
}

void ledger_condemn(struct ledger *ledger, uint64_t id)
{
	uint32_t index = find(ledger, id);
	assert(ledger_is_unlisted(ledger, id));
	set_flag(ledger, index, LEDGER_FAILED);
	ledger->open--;
	ledger->unlisted--;
}

size_t ledger_take(struct ledger *ledger, struct ledger_directory *directory, size_t max)
{
	size_t count = 0;
	while (count < max && ledger->ready > 0) {
		uint32_t index = ledger->first_ready;
		directory[count].id = *id_at(ledger, index);
		directory[count++].listing = *listing_at(ledger, index) & listing_bits;
		ledger->first_ready = *pending_at(ledger, index);
		*pending_at(ledger, index) = 0;
		ledger->ready--;
	}
	return count;
}

void ledger_fini(struct ledger *ledger)
{
	uint32_t pages =
		(uint32_t)(((uint64_t)ledger->count + PAGE_DIRECTORIES - 1) / PAGE_DIRECTORIES);
	for (uint32_t i = 0; i < pages; i++)
		free(ledger->page[i]);
	free(ledger->page);
	*ledger = (struct ledger){ 0 };
}
