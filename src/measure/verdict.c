#include "measure/verdict.h"

#include "report/json.h"

enum {
	LIMIT_PERCENT = 90, /* of --bwlimit: nothing else holds back */
	CPU_PERCENT = 85,   /* of all that may be used */
	FULL_PERCENT = 75,  /* of threads, of slots: nothing more goes in */
	BUSY_PERCENT = 50,  /* of one thread */
	NEXT_MAX = 1024,
	WORTH_US = 3000000,
	SLOWER = 3, /* times slower than the rest is slow */
	TOLD_MAX = 8192,
};

static const struct {
	const char *word, *next;
} form[VERDICT_NAMES] = {
	[VERDICT_SCANNING] = { "scanning",
			       "the sources are listed slower than they are copied: a quicker "
			       "disk under them, or fewer, larger directories" },
	[VERDICT_READING] = { "reading", "the source's disk: more --readers, or a quicker disk" },
	[VERDICT_HASHING] = { "hashing",
			      "more --readers or requests in flight, or more processor cores "
			      "here: files are hashed and encoded" },
	[VERDICT_CPU] = { "own-cpu",
			  "more processor cores, or fewer other programs on this machine" },
	[VERDICT_NETWORK] = { "network",
			      "the way to the grid is full: more bandwidth, or a gateway that is "
			      "nearer" },
	[VERDICT_GATEWAY] = { "gateway",
			      "a second gateway (-u), or direct writing: a node folder (-d) with "
			      "its announcements and secrets" },
	[VERDICT_SERVER] = { "one-server", "look at that storage server, or take it out" },
	[VERDICT_SERVERS] = { "servers",
			      "more requests in flight (-j), or quicker disks at the storage "
			      "servers" },
	[VERDICT_COMMITTING] = { "committing",
				 "directories take longer than files: fewer, larger directories, "
				 "or a second gateway (-u)" },
	[VERDICT_DISK] = { "local-disk", "the target's disk: a quicker one" },
};

const char *verdict_word(enum verdict_name name)
{
	return name == VERDICT_NAMES ? "unknown" : form[name].word;
}

const char *busy_name(enum busy busy)
{
	static const char *const name[BUSY_COUNT] = {
		[BUSY_MAKING] = "making",       [BUSY_CONNECTING] = "connecting",
		[BUSY_SENDING] = "sending",     [BUSY_WAITING] = "waiting",
		[BUSY_RECEIVING] = "receiving", [BUSY_PROVING] = "proving",
	};
	return name[busy];
}

void verdict_wait(struct verdict_moment *moment, const char *host, uint64_t us)
{
	size_t i = 0;
	while (i < moment->servers && strcmp(moment->server[i].host, host) != 0)
		i++;
	if (i == VERDICT_SERVERS_MAX)
		return;
	struct verdict_server *server = &moment->server[i];
	if (i == moment->servers) {
		*server = (struct verdict_server){ 0 };
		snprintf(server->host, sizeof server->host, "%s", host);
		moment->servers++;
	}
	server->wait_us += us;
	server->requests++;
}

static double mean_wait(const struct verdict_server *server)
{
	return server->requests ? (double)server->wait_us / (double)server->requests : 0;
}

/* The server that is so much slower than the mean of the others, or NULL. */
static const struct verdict_server *slow_server(const struct verdict_moment *moment)
{
	const struct verdict_server *slow = NULL;
	uint64_t wait_us = 0, requests = 0;
	for (size_t i = 0; i < moment->servers; i++) {
		wait_us += moment->server[i].wait_us;
		requests += moment->server[i].requests;
		if (!slow || mean_wait(&moment->server[i]) > mean_wait(slow))
			slow = &moment->server[i];
	}
	if (!slow || requests == slow->requests)
		return NULL;
	double rest = (double)(wait_us - slow->wait_us) / (double)(requests - slow->requests);
	return mean_wait(slow) > SLOWER * rest ? slow : NULL;
}

/* What most threads for local files do, and (in `most`) how many of them. */
static enum verdict_name by_files(const struct verdict_inside *inside, double *most)
{
	const double *doing = inside->doing;
	const double disk = doing[ACTIVITY_WRITING] + doing[ACTIVITY_FINISHING];
	enum verdict_name name = VERDICT_READING;
	*most = doing[ACTIVITY_READING];
	if (doing[ACTIVITY_HASHING] > *most) {
		name = VERDICT_HASHING;
		*most = doing[ACTIVITY_HASHING];
	}
	if (disk > *most) {
		name = VERDICT_DISK;
		*most = disk;
	}
	return name;
}

/* Where requests are.  VERDICT_NAMES: none has told. */
static enum verdict_name by_requests(struct verdict *verdict, const struct verdict_moment *moment)
{
	const uint64_t *us = moment->busy_us;
	uint64_t moving = us[BUSY_CONNECTING] + us[BUSY_SENDING] + us[BUSY_RECEIVING];
	uint64_t waiting = us[BUSY_WAITING] + us[BUSY_PROVING], held = moment->held_us;
	double most;
	if (moving + waiting + held + us[BUSY_MAKING] == 0)
		return VERDICT_NAMES;
	if (moment->inside.known && held > moving && held > waiting) {
		const enum verdict_name name = by_files(&moment->inside, &most);
		return most > 0 ? name : VERDICT_HASHING;
	}
	if (us[BUSY_MAKING] > moving && us[BUSY_MAKING] > waiting)
		return VERDICT_HASHING;
	if (moving > waiting)
		return VERDICT_NETWORK;
	if (moment->servers == 0)
		return VERDICT_GATEWAY;
	const struct verdict_server *slow = slow_server(moment);
	if (!slow)
		return VERDICT_SERVERS;
	memcpy(verdict->slow, slow->host, sizeof verdict->slow);
	return VERDICT_SERVER;
}

/* Whether `count` is as many as there may be. */
static bool is_full(double count, unsigned most)
{
	return most > 0 && count * 100 >= (double)most * FULL_PERCENT;
}

/* By what is full, the last in the row first: what it waits for holds back all before it. */
static enum verdict_name by_queues(struct verdict *verdict, const struct verdict_moment *moment)
{
	const struct verdict_inside *inside = &moment->inside;
	const double *doing = inside->doing;
	double files;
	const enum verdict_name of_files = by_files(inside, &files);
	if (inside->gateway_away)
		return VERDICT_GATEWAY;
	if (inside->grid_away)
		return VERDICT_SERVERS;
	if (is_full(doing[ACTIVITY_FINISHING], 1))
		return VERDICT_DISK;
	if (is_full(doing[ACTIVITY_READING] + doing[ACTIVITY_HASHING] + doing[ACTIVITY_WRITING],
		    inside->hands))
		return of_files;
	if (is_full(inside->transfers, inside->slots))
		return by_requests(verdict, moment);
	if (doing[ACTIVITY_SCANNING] * 100 >= BUSY_PERCENT)
		return VERDICT_SCANNING;
	double committing = inside->directories + doing[ACTIVITY_COMMITTING];
	if (committing > files && committing > inside->transfers)
		return VERDICT_COMMITTING;
	if (files > inside->transfers)
		return of_files;
	return inside->transfers > 0 ? by_requests(verdict, moment) : VERDICT_NAMES;
}

enum verdict_name verdict_add(struct verdict *verdict, const struct verdict_moment *moment)
{
	enum verdict_name name;
	double seconds = (double)moment->us / 1e6;
	if (moment->inside.limited ||
	    (moment->limit &&
	     (double)moment->bytes * 100 >= (double)moment->limit * LIMIT_PERCENT * seconds)) {
		verdict->limited = true;
		name = VERDICT_NETWORK;
	} else if (moment->cpu_us * 100 >= moment->us * moment->cpus * CPU_PERCENT) {
		name = VERDICT_CPU;
	} else if (moment->inside.known) {
		name = by_queues(verdict, moment);
	} else {
		name = by_requests(verdict, moment);
	}
	verdict->unnamed_us += moment->us;
	if (name == VERDICT_NAMES)
		return name;
	verdict->us[name] += verdict->unnamed_us;
	verdict->unnamed_us = 0;
	return name;
}

void verdict_join(struct verdict *verdict, const struct verdict *other)
{
	for (int i = 0; i < VERDICT_NAMES; i++)
		verdict->us[i] += other->us[i];
	verdict->limited |= other->limited;
	if (other->slow[0])
		memcpy(verdict->slow, other->slow, sizeof verdict->slow);
}

enum verdict_name verdict_most(const struct verdict *verdict)
{
	enum verdict_name most = VERDICT_NAMES;
	for (int i = 0; i < VERDICT_NAMES; i++)
		if (verdict->us[i] > (most == VERDICT_NAMES ? 0 : verdict->us[most]))
			most = (enum verdict_name)i;
	return most;
}

uint64_t verdict_total_us(const struct verdict *verdict)
{
	uint64_t total = 0;
	for (int i = 0; i < VERDICT_NAMES; i++)
		total += verdict->us[i];
	return total;
}

bool verdict_is_worth(const struct verdict *verdict)
{
	return verdict_total_us(verdict) >= WORTH_US;
}

/* What to do about the one with most time. */
static enum fault append_next(const struct verdict *verdict, struct bytes *out)
{
	enum verdict_name most = verdict_most(verdict);
	if (most == VERDICT_NETWORK && verdict->limited)
		return bytes_append_text(out, "--bwlimit is reached: a higher one");
	if (most == VERDICT_SERVER)
		return bytes_printf(out, "%s is slower than the others: %s", verdict->slow,
				    form[most].next);
	return bytes_append_text(out, form[most].next);
}

enum fault verdict_shares(const struct verdict *verdict, struct bytes *out)
{
	enum verdict_name most = verdict_most(verdict);
	double total = (double)verdict_total_us(verdict);
	enum fault fault = bytes_printf(out, "%s %.0f %%", form[most].word,
					100 * (double)verdict->us[most] / total);
	for (int i = 0; i < VERDICT_NAMES && !fault; i++) {
		double share = 100 * (double)verdict->us[i] / total;
		if (i != (int)most && share >= 1)
			fault = bytes_printf(out, ", %s %.0f %%", form[i].word, share);
	}
	return fault;
}

enum fault verdict_text(const struct verdict *verdict, struct bytes *out)
{
	if (verdict_most(verdict) == VERDICT_NAMES)
		return bytes_append_text(out, "nothing was seen for long enough");
	enum fault fault = verdict_shares(verdict, out);
	if (!fault)
		fault = bytes_append_text(out, ": ");
	return fault ? fault : append_next(verdict, out);
}

enum fault verdict_json(const struct verdict *verdict, struct bytes *out)
{
	double total = (double)verdict_total_us(verdict);
	enum fault fault = bytes_append_text(out, "{");
	for (int i = 0; i < VERDICT_NAMES && !fault; i++)
		fault = bytes_printf(out, "%s\"%s\":%.3f", i ? "," : "", form[i].word,
				     total > 0 ? (double)verdict->us[i] / total : 0);
	if (!fault && total > 0) {
		struct bytes next; /* names a host, which is somebody's word */
		bytes_init(&next, NEXT_MAX);
		fault = append_next(verdict, &next);
		if (!fault)
			fault = json_member(out, "next", next.data, next.size);
		bytes_fini(&next);
	}
	return fault ? fault : bytes_append_text(out, "}");
}

/* Returns what `append` appends. */
static char *told(const struct verdict *verdict,
		  enum fault (*append)(const struct verdict *verdict, struct bytes *out))
{
	struct bytes text;
	size_t size;
	bytes_init(&text, TOLD_MAX);
	if (!append(verdict, &text))
		return (char *)bytes_take(&text, &size);
	bytes_fini(&text);
	return NULL;
}

char *verdict_told(const struct verdict *verdict)
{
	return verdict_is_worth(verdict) ? told(verdict, verdict_text) : NULL;
}

char *verdict_told_json(const struct verdict *verdict) { return told(verdict, verdict_json); }
