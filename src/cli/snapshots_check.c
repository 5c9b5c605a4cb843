#include "cli/snapshots.h"

#include "base/digest.h"
#include "base/escape.h"
#include "base/secret.h"
#include "calls/chunked_file.h"
#include "report/json.h"
#include "report/out.h"
#include "report/say.h"
#include "report/status.h"
#include "report/summary.h"
#include "store/names_seen.h"

#include <errno.h>
#include <time.h>

/*
 *   trees_walk: a name -> its cap, if that was not met before -> a place is free -> store_check
 *                                                                      ^               |
 *   after the walk: what failed is asked again, one by one             +--- its reply <+
 */

enum { IN_FLIGHT = 8, PERCENT = 100 };

struct checking;

/* What an object is of. */
struct inquiry_subject {
	const char *path;
	bool is_directory;
	size_t chunk, chunks; /* it is this one, from 1, of a file in so many; 0: it is none */
};

/* One question on its way, or to be asked again. */
struct inquiry {
	struct checking *checking;
	struct store_call *call; /* NULL: it has ended */
	char *path;              /* NULL: the place is free */
	struct cap cap;
	bool is_directory, reads;
	size_t chunk, chunks; /* as of its subject */
};

struct checking {
	struct snapshots *snapshots;
	uint64_t subset; /* percent of the files that are read */
	uint64_t seed;
	struct names_seen seen; /* caps */
	struct inquiry place[IN_FLIGHT];
	struct inquiry *again; /* failed, and may go well */
	size_t again_count;
	uint64_t files, directories, read, damaged, lost;
	struct err err; /* what ends it all */
};

/* ---- what came ---- */

static enum fault put_line(struct bytes *out, const struct inquiry *inquiry,
			   const struct store_health *health, bool json)
{
	const char *state = health->recoverable ? "damaged" : "lost";
	enum fault fault = json ? bytes_append_text(out, "{\"event\":\"entry\"")
				: bytes_printf(out, "%s: ", state);
	if (!fault && json)
		fault = json_member(out, "path", inquiry->path, strlen(inquiry->path));
	else if (!fault)
		fault = escape_name(out, inquiry->path, strlen(inquiry->path));
	if (!fault && inquiry->chunk)
		fault = json ? json_number(out, "chunk", inquiry->chunk)
			     : bytes_printf(out, ", chunk %zu of %zu", inquiry->chunk,
					    inquiry->chunks);
	if (!fault && json)
		fault = json_member(out, "state", state, strlen(state));
	if (!fault && json)
		fault = json_number(out, "shares", health->good_shares);
	if (!fault && json)
		fault = json_number(out, "needed", health->needed);
	if (!fault && json)
		fault = json_number(out, "expected", health->expected);
	if (!fault)
		fault = json ? bytes_append_text(out, "}\n")
			     : bytes_printf(out, "%s (%u shares of %u are there, %u are needed)\n",
					    inquiry->is_directory ? "/" : "", health->good_shares,
					    health->expected, health->needed);
	return fault;
}

static void judge(struct inquiry *inquiry, const struct store_health *health)
{
	struct checking *checking = inquiry->checking;
	struct snapshots *snapshots = checking->snapshots;
	struct bytes *line = &snapshots->line;
	checking->files += !inquiry->is_directory && !inquiry->chunk;
	checking->directories += inquiry->is_directory;
	checking->read += inquiry->reads;
	if (health->healthy)
		return;
	checking->damaged += health->recoverable;
	checking->lost += !health->recoverable;
	bytes_clear(line);
	if (put_line(line, inquiry, health, snapshots->options->output.json))
		snapshots->failed = true;
	else
		out_put(snapshots->output, line->data, line->size);
}

static void inquiry_fini(struct inquiry *inquiry)
{
	free(inquiry->path);
	cap_wipe(&inquiry->cap);
	*inquiry = (struct inquiry){ 0 };
}

/* Keeps a question that failed, which moves there. */
static void keep_again(struct inquiry *inquiry)
{
	struct checking *checking = inquiry->checking;
	struct inquiry *grown = calloc(checking->again_count + 1, sizeof *grown);
	if (!grown) {
		err_set(&checking->err, FAULT_NOMEM, "no memory to check snapshots");
		inquiry_fini(inquiry);
		return;
	}
	if (checking->again_count > 0) {
		memcpy(grown, checking->again, checking->again_count * sizeof *grown);
		secret_wipe(checking->again, checking->again_count * sizeof *grown);
	}
	free(checking->again);
	checking->again = grown;
	grown[checking->again_count++] = *inquiry;
	secret_wipe(inquiry, sizeof *inquiry);
	*inquiry = (struct inquiry){ 0 };
}

static void check_done(void *context, const struct store_reply *reply)
{
	struct inquiry *inquiry = context;
	inquiry->call = NULL;
	if (reply->fault) {
		keep_again(inquiry);
		return;
	}
	judge(inquiry, &reply->health);
	inquiry_fini(inquiry);
}

/* ---- asking ---- */

/* Polls until a place is free, or with `all` until all are.  NULL: it ends, checking->err. */
static struct inquiry *wait_for_place(struct checking *checking, bool all)
{
	const struct store_wait *wait = &checking->snapshots->visit.session.wait;
	for (;;) {
		struct inquiry *free_place = NULL;
		size_t busy = 0;
		for (size_t i = 0; i < IN_FLIGHT; i++) {
			busy += checking->place[i].path != NULL;
			if (!checking->place[i].path)
				free_place = &checking->place[i];
		}
		if (checking->err.fault)
			return NULL;
		if (all ? busy == 0 : free_place != NULL)
			return free_place;
		if (store_wait_poll(wait, &checking->err))
			return NULL;
	}
}

/* Whether this cap is met the first time, and whether it is among those that are read. */
static bool is_new(struct checking *checking, const struct cap *cap, bool *reads)
{
	unsigned char packed[CAP_PACKED_SIZE + 8] = { 0 }, key[CONTENT_HASH_SIZE];
	uint8_t size, kind;
	if (!cap_pack(cap, packed, &size, &kind) || cap_is_literal(cap))
		return false;
	packed[CAP_PACKED_SIZE] = kind;
	enum fault fault = names_seen_add(&checking->seen, packed, CAP_PACKED_SIZE + 1);
	if (fault == FAULT_NOMEM)
		err_set(&checking->err, fault, "no memory to check snapshots");
	store_le64(packed + CAP_PACKED_SIZE, checking->seed);
	content_hash_of(packed, sizeof packed, key);
	secret_wipe(packed, sizeof packed);
	*reads = load_le64(key) % PERCENT < checking->subset;
	return fault == FAULT_NONE;
}

/* Asks for the object of a cap.  Returns whether it was not met before. */
static bool ask_cap(struct checking *checking, const struct cap *cap,
		    const struct inquiry_subject *about)
{
	bool reads;
	struct inquiry *place;
	if (checking->err.fault || !is_new(checking, cap, &reads) ||
	    !(place = wait_for_place(checking, false)))
		return false;
	*place = (struct inquiry){
		.checking = checking,
		.path = strdup(about->path),
		.cap = *cap,
		.is_directory = about->is_directory,
		.reads = reads && !cap_is_directory(cap),
		.chunk = about->chunk,
		.chunks = about->chunks,
	};
	if (!place->path) {
		err_set(&checking->err, FAULT_NOMEM, "no memory to check snapshots");
		inquiry_fini(place);
		return false;
	}
	const struct store_then then = { check_done, place };
	const struct store_check check = { .cap = cap, .verify = place->reads };
	place->call = store_check(checking->snapshots->visit.session.wait.store, &check, then,
				  &checking->err);
	if (!place->call)
		inquiry_fini(place);
	return true;
}

/* Asks for the chunks of a file whose directory `cap` is. */
static void ask_chunks(struct checking *checking, const struct cap *cap, uint64_t bytes,
		       const struct inquiry_subject *file)
{
	const struct tries *tries = &checking->snapshots->visit.session.tries;
	struct chunked chunked;
	struct err err;
	if (chunked_file_find(tries, cap, bytes, &chunked, &err)) {
		if (fault_is_general(err.fault))
			checking->err = err;
		else
			snapshots_unread(checking->snapshots, NULL, file->path, &err);
		return;
	}
	for (size_t i = 0; i < chunked.count; i++) {
		struct inquiry_subject chunk = *file;
		chunk.chunk = i + 1;
		chunk.chunks = chunked.count;
		ask_cap(checking, &chunked.cap[i], &chunk);
	}
	chunked_fini(&chunked);
}

/* Hears of a name (a trees_options.found). */
static void check_found(void *context, const struct trees_name *name)
{
	struct checking *checking = context;
	for (size_t i = 0; i < name->count; i++) {
		const struct remote_child *child = name->version[i].child;
		const struct inquiry_subject about = {
			.path = name->path,
			.is_directory = child->kind == STORE_DIRECTORY,
		};
		struct cap cap;
		if (!cap_unpack(child->cap, child->cap_size, child->cap_kind, &cap))
			continue;
		const bool in_chunks = cap.kind == CAP_DIR2_CHK && child->kind == STORE_FILE;
		if (ask_cap(checking, &cap, &about) && in_chunks)
			ask_chunks(checking, &cap, child->bytes, &about);
		cap_wipe(&cap);
	}
}

static void check_unread(void *context, const char *path, const uint64_t *in, const struct err *err)
{
	struct checking *checking = context;
	(void)in;
	snapshots_unread(checking->snapshots, NULL, path, err);
}

/* What a question asked again comes to (a store_done). */
struct answer {
	struct store_call *call;
	struct store_reply reply;
};

static void answer_done(void *context, const struct store_reply *reply)
{
	struct answer *answer = context;
	answer->call = NULL;
	answer->reply = *reply;
}

/* Asks once more what failed, with the patience that is due. */
static enum fault ask_again(struct checking *checking, struct inquiry *inquiry, struct err *err)
{
	struct snapshots *snapshots = checking->snapshots;
	struct tries tries = snapshots->visit.session.tries;
	struct answer answer = { .call = NULL };
	const struct store_check check = { .cap = &inquiry->cap, .verify = inquiry->reads };
	enum fault fault;
	do {
		answer.call = store_check(tries.wait->store, &check,
					  (struct store_then){ answer_done, &answer }, err);
		if (!answer.call || store_wait_end(tries.wait, &answer.call, err))
			return err->fault;
		fault = answer.reply.fault;
		if (fault)
			*err = answer.reply.err;
	} while (fault && tries_again(&tries, err));
	if (!fault) {
		tries_over(&tries);
		judge(inquiry, &answer.reply.health);
		return FAULT_NONE;
	}
	if (fault_is_general(err->fault))
		return err->fault;
	snapshots_unread(snapshots, NULL, inquiry->path, err);
	return FAULT_NONE;
}

/* ---- all of it ---- */

static enum fault walk(struct checking *checking, const struct archive_snapshot *only,
		       struct err *err)
{
	struct snapshots *snapshots = checking->snapshots;
	const struct archive *archive = &snapshots->visit.archive;
	size_t count = only ? 1 : archive->known;
	const struct cap **root = calloc(count + 1, sizeof *root);
	if (!root)
		return err_set(err, FAULT_NOMEM, "no memory to check snapshots");
	for (size_t i = 0; i < count; i++) {
		const struct archive_snapshot *snapshot = only ? only : &archive->snapshot[i];
		root[i] = &snapshot->cap;
		const struct inquiry_subject about = {
			.path = snapshot->stamp.name,
			.is_directory = true,
		};
		ask_cap(checking, root[i], &about);
	}
	const struct trees_options how = {
		.remote = snapshots->remote,
		.root = root,
		.count = count,
		.found = check_found,
		.unread = check_unread,
		.context = checking,
	};
	enum fault fault = trees_walk(&how, err);
	free(root);
	if (!fault)
		(void)wait_for_place(checking, true);
	if (!fault && checking->err.fault) {
		*err = checking->err;
		fault = err->fault;
	}
	for (size_t i = 0; i < checking->again_count && !fault; i++)
		fault = ask_again(checking, &checking->again[i], err);
	return fault;
}

static enum fault sum_up(struct checking *checking, int *status, struct err *err)
{
	typedef unsigned long long llu;
	struct snapshots *snapshots = checking->snapshots;
	const struct summary_number number[] = {
		{ "files", checking->files }, { "directories", checking->directories },
		{ "read", checking->read },   { "damaged", checking->damaged },
		{ "lost", checking->lost },   { "unread", snapshots->unread },
	};
	if (summary_put(snapshots->output, &snapshots->line, number, ARRAY_COUNT(number), err))
		return err->fault;
	say(snapshots->output, SAY_INFO,
	    "%llu files and %llu directories checked, %llu files read; %llu damaged, %llu lost",
	    (llu)checking->files, (llu)checking->directories, (llu)checking->read,
	    (llu)checking->damaged, (llu)checking->lost);
	bool well = !checking->damaged && !checking->lost && !snapshots->unread;
	*status = well ? STATUS_DONE : STATUS_PARTLY;
	return FAULT_NONE;
}

/* Reads "5%" or "5"; NULL is 0. */
static enum fault read_subset(const char *text, uint64_t *subset, struct err *err)
{
	char *end = NULL;
	*subset = 0;
	if (!text)
		return FAULT_NONE;
	errno = 0;
	*subset = text[0] >= '0' && text[0] <= '9' ? strtoull(text, &end, 10) : 0;
	if (end && *end == '%')
		end++;
	if (!end || *end || errno || *subset > PERCENT)
		return err_set(err, FAULT_USAGE,
			       "--read-data-subset: \"%.40s\" is no part in percent, such as 5%%",
			       text);
	return FAULT_NONE;
}

static void checking_fini(struct checking *checking)
{
	for (size_t i = 0; i < IN_FLIGHT; i++) {
		if (checking->place[i].call)
			store_cancel(checking->snapshots->visit.session.wait.store,
				     checking->place[i].call);
		inquiry_fini(&checking->place[i]);
	}
	for (size_t i = 0; i < checking->again_count; i++)
		inquiry_fini(&checking->again[i]);
	free(checking->again);
	names_seen_fini(&checking->seen);
}

enum fault snapshots_check(struct snapshots *snapshots, int *status, struct err *err)
{
	const struct text_list *words = &snapshots->options->words;
	const struct archive_snapshot *only = NULL;
	struct checking checking = { .snapshots = snapshots, .seed = (uint64_t)time(NULL) };
	if (read_subset(snapshots->options->read_data_subset, &checking.subset, err))
		return err->fault;
	if (words->count > 2 &&
	    archive_find(&snapshots->visit.archive, words->text[2], time(NULL), &only, err))
		return err->fault;
	enum fault fault = snapshots_open_remote(snapshots, err);
	if (!fault)
		fault = walk(&checking, only, err);
	checking_fini(&checking);
	out_flush(snapshots->output);
	return fault ? fault : sum_up(&checking, status, err);
}
