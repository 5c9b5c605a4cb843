#include "download/download_parts.h"

#include "base/secret.h"
#include "download/piece.h"
#include "queue/core/kill.h"
#include "verify/policy.h"

#include <assert.h>

enum {
	SLOTS = 256, /* outcomes of pieces read at once */
	/* Tries that end where a gateway is many times slower than others; the later ones take the
	 * time they need, so nothing fails because it is slow. */
	HURRIED_ATTEMPTS = 2,
	NO_PIECE = -1,
};

/*
 * A piece:
 *
 *   WANTED --piece_start--> ASKED --all of it is in the file--> THERE
 *     ^                                                         ^ |
 *     | no                                               it is  | | the whole is not proven by its
 *     '------ CLAIMED: an earlier attempt said it is there -----' | key: all are WANTED once more
 *                                                                 v
 *             REPEATED <--the same bytes, its tail no error's-- ASKED
 *
 * The whole: pieces are added in order, the `live` one as it comes, others from the file.  When all
 * are, FINISH judges the key; proven then, or once all are REPEATED, the download succeeds.
 *
 * Nothing waits in the lane.  go_on is called whenever something has changed (the workers have a
 * result: poke; a piece has failed: ended); it takes results and starts what follows.  Where the
 * workers are behind, pieces are paused until there is room.  Only go_on ends a download: with
 * succeed, or give_up once no piece is on its way.
 */
enum piece_state {
	PIECE_WANTED = 0,
	PIECE_ASKED,   /* on its way */
	PIECE_CLAIMED, /* an earlier attempt said that it is in the temporary file */
	PIECE_THERE,
	PIECE_REPEATED, /* read a second time, and the same */
};

struct download {
	struct lane_task lane_task; /* first: the lanes know it by this */
	struct downloads *owner;
	struct arrival *arrival;
	struct cap cap;
	uint64_t size;           /* of the file; UINT64_MAX: not known */
	struct chunked chunked;  /* those of a file in chunks, each of which is a piece; or none */
	struct partial *partial; /* NULL: not made yet; has the arrival then */
	struct piece_options options;
	struct piece piece[PARTIAL_SLOTS];
	uint64_t chunk;  /* bytes of a piece, UINT64_MAX: there is one */
	uint64_t count;  /* of pieces */
	uint64_t next;   /* piece to be started, if it is wanted */
	uint64_t hashed; /* pieces that are in the whole, in order */
	int64_t live;    /* the piece that goes into the whole as it comes, or NO_PIECE */
	uint64_t proven; /* pieces that the store has proven as they came */
	uint64_t repeated;
	uint8_t *state;                              /* enum piece_state of each piece */
	unsigned char (*content)[CONTENT_HASH_SIZE]; /* of each */
	bool adding;    /* a piece of the file is being added to the whole */
	bool finishing; /* the whole is being judged */
	bool again;     /* this is the second reading */
	bool inside;    /* go_on is at work: whoever ends something only notes it */
	uint64_t there; /* bytes that were told as there */
	unsigned level; /* of verification that was met: it is all there */
	struct err failed;
};

/* ---- ends ---- */

static void tell_there(struct download *download, int64_t more)
{
	const struct downloads *owner = download->owner;
	download->there += (uint64_t)more;
	if (owner->underway)
		owner->underway(owner->context, more);
}

static void release(struct download *download)
{
	tell_there(download, -(int64_t)download->there);
	free(download->state);
	free(download->content);
	chunked_fini(&download->chunked);
	secret_wipe(download, sizeof *download);
	free(download);
}

/* Ends it as failed.  The pieces that are there stay for a later attempt. */
static void give_up(struct download *download)
{
	struct err err = download->failed;
	for (size_t i = 0; i < PARTIAL_SLOTS; i++)
		piece_cancel(&download->piece[i]);
	/* All pieces were noted as they came, and nobody knows which of them is wrong. */
	bool drop = err.fault == FAULT_CORRUPT && download->hashed == download->count;
	if (download->partial)
		partial_close(download->partial, &err, drop);
	else
		arrival_fail(download->arrival, &err);
	lane_task_end(&download->lane_task, &err);
	release(download);
}

void download_keep_cap(const struct cap *cap, struct outcome *outcome)
{
	bool kept = cap_pack(cap, outcome->cap, &outcome->cap_size, &outcome->cap_kind);
	assert(kept);
	(void)kept;
}

static void succeed(struct download *download)
{
	struct outcome *outcome = &download->arrival->outcome;
	download_keep_cap(&download->cap, outcome);
	outcome->level = (uint8_t)download->level;
	partial_close(download->partial, NULL, false);
	lane_task_end(&download->lane_task, NULL);
	release(download);
}

static void download_fail(struct download *download, const struct err *err)
{
	if (!download->failed.fault)
		download->failed = *err;
}

/* ---- pieces ---- */

static uint64_t size_of_piece(const struct download *download, uint64_t number)
{
	if (download->count == 1)
		return download->size;
	return min_u64(download->chunk, download->size - number * download->chunk);
}

static bool is_cancelled(const struct download *download)
{
	return atomic_load_explicit(download->owner->cancel, memory_order_acquire);
}

/* Hears of bytes of a piece (a piece_options.came). */
static enum fault came(void *context, uint64_t size, struct err *err)
{
	struct download *download = context;
	const struct downloads *owner = download->owner;
	if (is_cancelled(download))
		return err_set(err, FAULT_CANCELLED, "asked to stop");
	if (owner->moved)
		owner->moved(owner->context, size);
	if (!download->again)
		tell_there(download, (int64_t)size);
	return FAULT_NONE;
}

static void go_on(struct download *download);

/* Hears that a piece has failed, or that its tail was checked (a piece_options.ended). */
static void ended(void *context, struct piece *piece, const struct err *err)
{
	struct download *download = context;
	if (err) {
		download_fail(download, err);
	} else {
		download->state[piece->number] = PIECE_REPEATED;
		download->repeated++;
	}
	if (!download->inside)
		go_on(download);
}

static void start_piece(struct download *download, struct piece *piece, uint64_t number)
{
	bool live = !download->again && !download->adding && number == download->hashed;
	piece->options = &download->options;
	piece->number = number;
	piece->slot = (unsigned)(piece - download->piece);
	piece->size = size_of_piece(download, number);
	const bool chunked = download->chunked.count > 0;
	piece->whole = download->count == 1 || chunked;
	piece->cap = chunked ? &download->chunked.cap[number] : &download->cap;
	piece->offset = download->count == 1 ? 0 : number * download->chunk;
	piece->steps = (download->again ? 0 : PARTIAL_WRITE) | (live ? PARTIAL_WHOLE : 0);
	piece->last_steps = live && download->count == 1 ? PARTIAL_FINISH : 0;
	if (live)
		download->live = (int64_t)number;
	download->finishing |= piece->last_steps != 0;
	download->state[number] = PIECE_ASKED;
	piece_start(piece);
}

/* Starts what is wanted while there is room. */
static void start_pieces(struct download *download)
{
	for (size_t i = 0; i < PARTIAL_SLOTS && !download->failed.fault; i++) {
		struct piece *piece = &download->piece[i];
		while (download->next < download->count &&
		       download->state[download->next] != PIECE_WANTED)
			download->next++;
		if (download->next == download->count)
			return;
		if (!piece->busy)
			start_piece(download, piece, download->next++);
	}
}

/* Whether a piece is on its way, or its last bytes are with the workers. */
static bool is_busy(const struct download *download)
{
	for (size_t i = 0; i < PARTIAL_SLOTS; i++)
		if (download->piece[i].busy)
			return true;
	return false;
}

/* Ends what is on its way.  Returns whether a piece that has come waits to be noted, so that no
 * later attempt asks for it. */
static bool stop_pieces(struct download *download)
{
	for (size_t i = 0; i < PARTIAL_SLOTS; i++)
		if (download->piece[i].reading.call)
			piece_cancel(&download->piece[i]);
	return is_busy(download);
}

/* ---- what the workers are asked ---- */

/* Pushes a job for the piece `number`, which lies in the file. */
static bool push(struct download *download, unsigned steps, uint64_t number)
{
	struct err err;
	struct partial_job *job = partial_job_new(steps, 0);
	if (!job) {
		err_set(&err, FAULT_NOMEM, "no memory for a download");
		download_fail(download, &err);
		return false;
	}
	job->number = number;
	if (number < download->count) {
		assert(download->content);
		job->offset = number * download->chunk;
		job->size = size_of_piece(download, number);
		memcpy(job->content, download->content[number], CONTENT_HASH_SIZE);
	}
	partial_push(download->partial, job);
	return true;
}

/* Has the next piece added to the whole if it is in the file.  One that an earlier attempt has left
 * is checked first. */
static void add_next(struct download *download)
{
	uint64_t number = download->hashed;
	if (download->again || download->adding || number == download->count ||
	    download->live != NO_PIECE)
		return;
	if (download->state[number] == PIECE_CLAIMED)
		download->adding = push(download, PARTIAL_CHECK | PARTIAL_ADD, number);
	else if (download->state[number] == PIECE_THERE)
		download->adding = push(download, PARTIAL_ADD, number);
}

/* ---- what they answer ---- */

/* A piece of the file was added to the whole, or is not what it was said to be and wanted again. */
static void added(struct download *download, const struct partial_job *job)
{
	download->adding = false;
	if (job->steps & PARTIAL_CHECK && job->kept)
		tell_there(download, (int64_t)size_of_piece(download, job->number));
	if (!(job->steps & PARTIAL_CHECK) || job->kept) {
		download->state[job->number] = PIECE_THERE;
		download->hashed++;
	} else {
		download->state[job->number] = PIECE_WANTED;
		download->next = min_u64(download->next, job->number);
	}
}

/* Keeps for later attempts that the piece is in the temporary file. */
static void note(const struct download *download, const struct piece *piece)
{
	struct outcome outcome = {
		.id = download->arrival->work->task->id + 1 + piece->number,
		.state = OUTCOME_DONE,
		.length = piece->received,
	};
	memcpy(outcome.content, download->content[piece->number], sizeof outcome.content);
	work_note(download->arrival->work, &outcome);
	KILL_POINT("fetch-piece");
}

/* All of a piece is in the file. */
static void arrived(struct download *download, struct piece *piece, const struct partial_job *job)
{
	memcpy(download->content[piece->number], job->content, CONTENT_HASH_SIZE);
	download->state[piece->number] = PIECE_THERE;
	download->proven += piece->reading.proven;
	if (download->live == (int64_t)piece->number) {
		download->live = NO_PIECE;
		download->hashed++;
	}
	if (download->count > 1)
		note(download, piece);
}

/* All of a piece was read a second time. */
static void compare_again(struct download *download, struct piece *piece,
			  const struct partial_job *job)
{
	struct err err;
	if (download->failed.fault)
		return;
	if (memcmp(download->content[piece->number], job->content, CONTENT_HASH_SIZE) == 0) {
		piece_check_tail(piece);
		return;
	}
	err_wrong(&err, "read twice, the bytes are not the same");
	download_fail(download, &err);
}

/* All pieces are there: are they the file? */
static void judge(struct download *download, bool proven)
{
	download->finishing = false;
	if (download->proven == download->count) {
		atomic_fetch_add_explicit(&download->owner->direct, 1, memory_order_relaxed);
		proven = true;
	}
	if (proven) {
		download->level = VERIFY_CAP;
		return;
	}
	atomic_fetch_add_explicit(&download->owner->reread, 1, memory_order_relaxed);
	download->again = true;
	download->next = 0;
	memset(download->state, PIECE_WANTED, download->count);
}

/* A job may stand for several steps: each tells the part of the download that waits for it. */
static void take_result(struct download *download, const struct partial_job *job)
{
	struct piece *piece = &download->piece[job->slot];
	if (job->steps & PARTIAL_LAST)
		piece->busy = false;
	if (job->err.fault) {
		download_fail(download, &job->err);
		return;
	}
	if (job->steps & PARTIAL_LAST) {
		if (download->again)
			compare_again(download, piece, job);
		else
			arrived(download, piece, job);
	}
	if (job->steps & PARTIAL_ADD)
		added(download, job);
	if (job->steps & PARTIAL_FINISH)
		judge(download, job->proven);
}

/* ---- the whole ---- */

static void resume(struct download *download)
{
	if (partial_is_full(download->partial))
		return;
	for (size_t i = 0; i < PARTIAL_SLOTS; i++)
		piece_resume(&download->piece[i]);
}

/* Starts whatever can be started. */
static void pump(struct download *download)
{
	resume(download);
	add_next(download);
	start_pieces(download);
	if (!download->again && !download->finishing && !download->level &&
	    download->hashed == download->count && !is_busy(download))
		download->finishing = push(download, PARTIAL_FINISH, download->count);
	if (download->again && download->repeated == download->count)
		download->level = VERIFY_READ;
}

/* Takes what the workers have answered, starts what follows, and ends the download when it is over:
 * it is not to be touched after this. */
static void go_on(struct download *download)
{
	struct err err = { 0 };
	download->inside = true;
	for (struct partial_job *job; (job = partial_done(download->partial));) {
		take_result(download, job);
		partial_job_free(job);
	}
	if (is_cancelled(download))
		err_set(&err, FAULT_CANCELLED, "asked to stop");
	if (err.fault)
		download_fail(download, &err);
	if (!download->failed.fault && !download->level)
		pump(download);
	download->inside = false;
	if (!download->failed.fault && download->level)
		succeed(download);
	else if (download->failed.fault && !stop_pieces(download))
		give_up(download);
}

static void poke(struct lane_task *lane_task, struct store *store)
{
	(void)store;
	go_on((struct download *)lane_task);
}

/* ---- the beginning ---- */

/* Takes what earlier attempts have said of their pieces. */
static enum fault claim(struct download *download, struct err *err)
{
	struct outcome slot[SLOTS];
	uint64_t first = download->arrival->work->task->id + 1;
	enum fault fault = FAULT_NONE;
	for (uint64_t at = 0; at < download->count && !fault; at += SLOTS) {
		size_t count = (size_t)min_u64(download->count - at, SLOTS);
		fault = outcomes_read(download->owner->outcomes, first + at, count, slot, err);
		for (size_t i = 0; i < count && !fault; i++) {
			if (slot[i].state != OUTCOME_DONE ||
			    slot[i].length != size_of_piece(download, at + i))
				continue;
			download->state[at + i] = PIECE_CLAIMED;
			memcpy(download->content[at + i], slot[i].content, CONTENT_HASH_SIZE);
		}
	}
	return fault;
}

static void wake(void *context) { lane_wake(context); }

static enum fault make_partial(struct download *download, struct err *err)
{
	const struct downloads *owner = download->owner;
	const struct cap none = { .kind = CAP_NONE }; /* what proves the chunks proves the file */
	const struct partial_options options = {
		.workers = owner->workers,
		.arrival = download->arrival,
		.cap = download->chunked.count > 0 ? &none : &download->cap,
		.secret = owner->secret,
		.queue_max = owner->queue_max,
		.wake = wake,
		.context = download->lane_task.lane,
	};
	return partial_new(&options, &download->partial, err);
}

/* What a cap says of the size of its file. */
static uint64_t size_by_cap(const struct cap *cap)
{
	return cap_is_chk(cap) ? cap->size : UINT64_MAX;
}

/* Cuts the file into pieces, if the plan has ids for them, and makes its temporary file. */
static enum fault prepare(struct download *download, struct err *err)
{
	const struct task *task = download->arrival->work->task;
	/* The task has ids for chunks of the size that was planned, and no others. */
	bool chunked = download->cap.kind == CAP_DIR2_CHK;
	download->size = chunked ? task->bytes : size_by_cap(&download->cap);
	bool ranged =
		chunked || (task->chunk_size > 0 && cap_is_chk(&download->cap) &&
			    download->size > task->chunk_size && download->size == task->bytes);
	download->arrival->resumes = ranged;
	download->chunk = ranged ? task->chunk_size : UINT64_MAX;
	download->count = ranged ? (download->size + task->chunk_size - 1) / task->chunk_size : 1;
	download->live = NO_PIECE;
	download->state = calloc(download->count, sizeof *download->state);
	download->content = calloc(download->count, sizeof *download->content);
	if (!download->state || !download->content)
		return err_set(err, FAULT_NOMEM, "no memory for a download");
	if (chunked && entry_chunks(download->owner->sources, task, &download->chunked, err))
		return err->fault;
	if (ranged && claim(download, err))
		return err->fault;
	return make_partial(download, err);
}

static void download_start(struct lane_task *lane_task, struct store *store)
{
	struct download *download = (struct download *)lane_task;
	struct err err;
	const struct downloads *owner = download->owner;
	uint64_t size = download->cap.kind == CAP_DIR2_CHK ? download->arrival->work->task->bytes
			: cap_is_chk(&download->cap)       ? download->cap.size
							   : 0;
	bool admitted = !owner->admits || owner->admits(owner->context, size);
	if (!admitted)
		err_set(&err, FAULT_CANCELLED, "nothing more is to be begun");
	if (!admitted || prepare(download, &err)) {
		download_fail(download, &err);
		give_up(download);
		return;
	}
	download->options = (struct piece_options){
		.store = store,
		.hurried = download->arrival->work->task->attempts < HURRIED_ATTEMPTS,
		.partial = download->partial,
		.came = came,
		.ended = ended,
		.context = download,
	};
	go_on(download);
}

static void refuse(struct lane_task *lane_task)
{
	struct download *download = (struct download *)lane_task;
	struct err err;
	err_set(&err, FAULT_CANCELLED, "asked to stop");
	arrival_fail(download->arrival, &err);
	release(download);
}

void download_submit(struct downloads *downloads, struct arrival *arrival, const struct cap *cap)
{
	struct err err;
	struct download *download = calloc(1, sizeof *download);
	if (!download) {
		err_set(&err, FAULT_NOMEM, "no memory for a download");
		arrival_fail(arrival, &err);
		return;
	}
	download->lane_task = (struct lane_task){
		.kind = LANE_TASK_TRANSFER,
		.works = HEALTH_READING,
		.start = download_start,
		.poke = poke,
		.refuse = refuse,
	};
	download->owner = downloads;
	download->arrival = arrival;
	download->cap = *cap;
	lanes_submit(downloads->lanes, &download->lane_task);
}
