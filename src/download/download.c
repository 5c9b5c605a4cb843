#include "download/download.h"

#include "base/secret.h"
#include "download/piece.h"
#include "files/symlink.h"
#include "queue/core/kill.h"
#include "verify/likeness.h"
#include "verify/policy.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
	WINDOW = 2,           /* ranges of one file in flight: one is always on its way */
	BLOCK_SIZE = 1 << 18, /* bytes read at once from the temporary file */
	WRITE_OUT = 4 << 20,  /* bytes of a file that are sent to the disk together */
	SLOTS = 256,          /* outcomes of pieces read at once */
	NO_PIECE = -1,
};

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
	struct piece_options options;
	struct piece piece[WINDOW];
	struct proof whole; /* over all bytes in order, as far as `hashed` */
	uint64_t chunk;     /* bytes of a piece, UINT64_MAX: there is one */
	uint64_t count;     /* of pieces */
	uint64_t next;      /* piece to be started, if it is wanted */
	uint64_t hashed;    /* pieces that are in `whole` */
	int64_t live;       /* the piece that goes into `whole` as it comes, or NO_PIECE */
	uint64_t proven;    /* pieces that the store has proven as they came */
	uint64_t repeated;
	uint8_t *state;                              /* enum piece_state of each piece */
	unsigned char (*content)[CONTENT_HASH_SIZE]; /* of each */
	unsigned char *block;
	bool again;    /* this is the second reading */
	bool starting; /* a piece is being started: its end waits in `failed` */
	struct err failed;
};

static void pump(struct download *download);

/* ---- ends ---- */

static void release(struct download *download)
{
	for (size_t i = 0; i < WINDOW; i++)
		piece_fini(&download->piece[i]);
	proof_fini(&download->whole);
	free(download->state);
	free(download->content);
	free(download->block);
	secret_wipe(download, sizeof *download);
	free(download);
}

static void download_fail(struct download *download, const struct err *err)
{
	struct err copy = *err;
	for (size_t i = 0; i < WINDOW; i++)
		piece_cancel(&download->piece[i]);
	/* All pieces were noted as they came, and nobody knows which of them is wrong. */
	if (copy.fault == FAULT_CORRUPT && download->hashed == download->count)
		download->arrival->resumes = false;
	arrival_fail(download->arrival, &copy);
	lane_task_end(&download->lane_task, copy.fault);
	release(download);
}

/* The cap came out of a slot, so it fits one. */
static void keep_cap(const struct cap *cap, struct outcome *outcome)
{
	bool kept = cap_pack(cap, outcome->cap, &outcome->cap_size, &outcome->cap_kind);
	assert(kept);
	(void)kept;
}

static void succeed(struct download *download, unsigned level)
{
	struct outcome *outcome = &download->arrival->outcome;
	struct err err;
	if (download->count > 1 &&
	    ftruncate(download->arrival->fd, (off_t)download->whole.size) != 0) {
		err_os(&err, FAULT_IO, errno, "cannot cut what stands behind the file");
		download_fail(download, &err);
		return;
	}
	keep_cap(&download->cap, outcome);
	outcome->level = (uint8_t)level;
	outcome->length = download->whole.size;
	memcpy(outcome->content, download->whole.first, sizeof outcome->content);
	arrival_complete(download->arrival);
	lane_task_end(&download->lane_task, FAULT_NONE);
	release(download);
}

/* ---- pieces ---- */

static uint64_t size_of_piece(const struct download *download, uint64_t number)
{
	if (download->count == 1)
		return cap_is_chk(&download->cap) ? download->cap.size : UINT64_MAX;
	return min_u64(download->chunk, download->cap.size - number * download->chunk);
}

/* Has the kernel begin to write what has come, so that the sync at the end finds little left. */
static void write_out(const struct download *download, uint64_t offset, size_t size)
{
	uint64_t from = offset / WRITE_OUT, to = (offset + size) / WRITE_OUT;
	if (from < to)
		(void)sync_file_range(download->arrival->fd, (off_t)(from * WRITE_OUT),
				      (off_t)((to - from) * WRITE_OUT), SYNC_FILE_RANGE_WRITE);
}

/* Takes bytes of a piece (a piece_options.take). */
static enum fault take(void *context, struct piece *piece, const void *data, size_t size,
		       struct err *err)
{
	struct download *download = context;
	const struct downloads *owner = download->owner;
	if (atomic_load_explicit(owner->cancel, memory_order_acquire))
		return err_set(err, FAULT_CANCELLED, "asked to stop");
	if (owner->moved)
		owner->moved(owner->context, size);
	if (download->again)
		return FAULT_NONE;
	if (download->live == (int64_t)piece->number &&
	    proof_update(&download->whole, data, size, err))
		return err->fault;
	uint64_t offset = piece->offset + piece->proof.size;
	if (dirfd_write_at(download->arrival->fd, offset, data, size, err))
		return err->fault;
	write_out(download, offset, size);
	return FAULT_NONE;
}

/* Keeps for later attempts that the piece is in the temporary file. */
static void note(const struct download *download, const struct piece *piece)
{
	struct outcome outcome = {
		.id = download->arrival->work->task->id + 1 + piece->number,
		.state = OUTCOME_DONE,
		.length = piece->proof.size,
	};
	memcpy(outcome.content, piece->proof.first, sizeof outcome.content);
	work_note(download->arrival->work, &outcome);
	KILL_POINT("fetch-piece");
}

static void arrived(struct download *download, const struct piece *piece)
{
	memcpy(download->content[piece->number], piece->proof.first, CONTENT_HASH_SIZE);
	download->state[piece->number] = PIECE_THERE;
	download->proven += piece->proven;
	if (download->live == (int64_t)piece->number) {
		download->live = NO_PIECE;
		download->hashed++;
	}
	if (download->count > 1)
		note(download, piece);
}

/* Compares a piece read again with the first reading.  Stores whether its end is to be looked at.
 */
static enum fault repeat(struct download *download, struct piece *piece, struct err *err)
{
	if (memcmp(download->content[piece->number], piece->proof.first, CONTENT_HASH_SIZE) != 0)
		return err_set(err, FAULT_CORRUPT, "read twice, the bytes are not the same");
	if (piece->tail_checked) {
		download->state[piece->number] = PIECE_REPEATED;
		download->repeated++;
	}
	return FAULT_NONE;
}

/* Hears that a piece has ended (a piece_options.ended). */
static void ended(void *context, struct piece *piece, const struct err *err)
{
	struct download *download = context;
	struct err own;
	if (download->starting && err) {
		download->failed = *err;
		return;
	}
	if (!err && download->again && repeat(download, piece, &own))
		err = &own;
	if (err)
		download_fail(download, err);
	else if (download->again && !piece->tail_checked)
		piece_check_tail(piece);
	else {
		if (!download->again)
			arrived(download, piece);
		pump(download);
	}
}

static void start_piece(struct download *download, struct piece *piece, uint64_t number)
{
	piece->options = &download->options;
	piece->number = number;
	piece->size = size_of_piece(download, number);
	piece->whole = download->count == 1;
	piece->offset = piece->whole ? 0 : number * download->chunk;
	if (!download->again && number == download->hashed)
		download->live = (int64_t)number;
	download->state[number] = PIECE_ASKED;
	download->starting = true;
	piece_start(piece);
	download->starting = false;
}

/* Starts what is wanted while there is room. */
static void start_pieces(struct download *download)
{
	for (size_t i = 0; i < WINDOW && !download->failed.fault; i++) {
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

static bool is_busy(const struct download *download)
{
	for (size_t i = 0; i < WINDOW; i++)
		if (download->piece[i].busy)
			return true;
	return false;
}

/* ---- what is in the temporary file already ---- */

enum reading {
	READ_CHECK, /* compute the hash of the piece alone */
	READ_HASH,  /* the same, and add the piece to the whole */
};

/* Reads the piece `number` from the temporary file.  NOT_FOUND: it is not all there; CORRUPT: it is
 * not what had come. */
static enum fault read_piece(struct download *download, uint64_t number, enum reading reading,
			     struct err *err)
{
	uint64_t offset = number * download->chunk, size = size_of_piece(download, number);
	struct content_hash check = { 0 };
	if (content_hash_init(&check, err))
		return err->fault;
	content_hash_start(&check);
	enum fault fault = FAULT_NONE;
	for (uint64_t done = 0; done < size && !fault;) {
		size_t want = (size_t)min_u64(size - done, BLOCK_SIZE);
		ssize_t got =
			pread(download->arrival->fd, download->block, want, (off_t)(offset + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			fault = err_set(err, FAULT_NOT_FOUND, "a part of the file is not there");
		else if (reading == READ_HASH)
			fault = proof_update(&download->whole, download->block, (size_t)got, err);
		if (!fault)
			content_hash_update(&check, download->block, (size_t)got);
		done += got > 0 ? (uint64_t)got : 0;
	}
	content_hash_final(&check, download->block);
	content_hash_fini(&check);
	if (!fault && memcmp(download->block, download->content[number], CONTENT_HASH_SIZE) != 0)
		fault = err_set(err, FAULT_CORRUPT, "a part of the file is not what was written");
	return fault;
}

/* Whether the piece that an earlier attempt left is what it said. */
static bool is_kept(struct download *download, uint64_t number)
{
	struct err err;
	assert(download->content);
	return !read_piece(download, number, READ_CHECK, &err);
}

/*
 * Adds the next piece to the whole from the temporary file.  Returns false when there is none to
 * add.  A piece that is not what it was said to be is wanted again.
 */
static bool absorb(struct download *download)
{
	uint64_t number = download->hashed;
	struct err err;
	if (download->again || number == download->count || download->live != NO_PIECE)
		return false;
	if (download->state[number] == PIECE_CLAIMED) {
		bool kept = is_kept(download, number);
		download->state[number] = kept ? PIECE_THERE : PIECE_WANTED;
		if (!kept)
			download->next = min_u64(download->next, number);
	}
	if (download->state[number] != PIECE_THERE)
		return false;
	if (read_piece(download, number, READ_HASH, &err))
		download->failed = err;
	download->hashed++;
	return true;
}

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

/* ---- the whole ---- */

/* All pieces are there: are they the file? */
static void judge(struct download *download)
{
	struct err err;
	bool proven;
	if (proof_end(&download->whole, &download->cap, &proven, &err)) {
		download_fail(download, &err);
		return;
	}
	proof_keep(&download->whole);
	if (download->proven == download->count) {
		atomic_fetch_add_explicit(&download->owner->direct, 1, memory_order_relaxed);
		proven = true;
	}
	if (proven) {
		succeed(download, VERIFY_CAP);
		return;
	}
	atomic_fetch_add_explicit(&download->owner->reread, 1, memory_order_relaxed);
	download->again = true;
	download->next = 0;
	memset(download->state, PIECE_WANTED, download->count);
	pump(download);
}

/*
 * Goes on with whatever can go on.  Of what has to be read from the disk, one piece at a time: the
 * lane has other transfers.
 */
static void pump(struct download *download)
{
	bool absorbed = absorb(download);
	if (!download->failed.fault)
		start_pieces(download);
	if (download->failed.fault)
		download_fail(download, &download->failed);
	else if (absorbed && download->hashed < download->count)
		lane_wake(download->lane_task.lane);
	else if (!download->again && download->hashed == download->count && !is_busy(download))
		judge(download);
	else if (download->again && download->repeated == download->count)
		succeed(download, VERIFY_READ);
}

static void poke(struct lane_task *lane_task, struct store *store)
{
	struct download *download = (struct download *)lane_task;
	struct err err;
	(void)store;
	if (atomic_load_explicit(download->owner->cancel, memory_order_acquire)) {
		err_set(&err, FAULT_CANCELLED, "asked to stop");
		download_fail(download, &err);
		return;
	}
	/* While something is in flight and cannot be added yet, its end will go on. */
	if (!download->again && download->live == NO_PIECE)
		pump(download);
}

static enum fault prepare(struct download *download, struct err *err)
{
	const struct task *task = download->arrival->work->task;
	/* The task has ids for chunks of the size that was planned, and no others. */
	bool ranged = task->chunk_size > 0 && cap_is_chk(&download->cap) &&
		      download->cap.size > task->chunk_size && download->cap.size == task->bytes;
	download->arrival->resumes = ranged;
	download->chunk = ranged ? task->chunk_size : UINT64_MAX;
	download->count =
		ranged ? (download->cap.size + task->chunk_size - 1) / task->chunk_size : 1;
	download->live = NO_PIECE;
	download->state = calloc(download->count, sizeof *download->state);
	download->content = calloc(download->count, sizeof *download->content);
	download->block = malloc(BLOCK_SIZE);
	if (!download->state || !download->content || !download->block) {
		err_set(err, FAULT_NOMEM, "no memory for a download");
		return FAULT_NOMEM;
	}
	if (arrival_open(download->arrival, err) ||
	    proof_start(&download->whole, &download->cap, download->owner->secret, err))
		return err->fault;
	return ranged ? claim(download, err) : FAULT_NONE;
}

static void download_start(struct lane_task *lane_task, struct store *store)
{
	struct download *download = (struct download *)lane_task;
	struct err err;
	download->options = (struct piece_options){
		.store = store,
		.cap = &download->cap,
		.take = take,
		.ended = ended,
		.context = download,
	};
	const struct downloads *owner = download->owner;
	uint64_t size = cap_is_chk(&download->cap) ? download->cap.size : 0;
	if (owner->admits && !owner->admits(owner->context, size)) {
		err_set(&err, FAULT_CANCELLED, "nothing more is to be begun");
		download_fail(download, &err);
	} else if (prepare(download, &err)) {
		download_fail(download, &err);
	} else {
		pump(download);
	}
}

static void refuse(struct lane_task *lane_task)
{
	struct download *download = (struct download *)lane_task;
	struct err err;
	err_set(&err, FAULT_CANCELLED, "asked to stop");
	arrival_fail(download->arrival, &err);
	release(download);
}

/* ---- the beginning ---- */

/* The bytes are at hand: nothing is asked of the gateway. */
static void take_bytes(struct arrival *arrival, const struct cap *cap, const void *data,
		       size_t size)
{
	struct err err;
	struct outcome *outcome = &arrival->outcome;
	if (arrival_open(arrival, &err) || dirfd_write(arrival->fd, data, size, &err)) {
		arrival_fail(arrival, &err);
		return;
	}
	keep_cap(cap, outcome);
	outcome->level = VERIFY_ALL;
	outcome->length = size;
	content_hash_of(data, size, outcome->content);
	arrival_complete(arrival);
}

static void take_cap(struct arrival *arrival, const struct cap *cap)
{
	char text[CAP_TEXT_SIZE];
	size_t size = cap_print_readonly(cap, text);
	arrival->secret = true;
	take_bytes(arrival, cap, text, size);
	secret_wipe(text, sizeof text);
}

static void submit(struct downloads *downloads, struct arrival *arrival, const struct cap *cap)
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
		.start = download_start,
		.poke = poke,
		.refuse = refuse,
	};
	download->owner = downloads;
	download->arrival = arrival;
	download->cap = *cap;
	lanes_submit(downloads->lanes, &download->lane_task);
}

/* Compares what is at the target with the cap of what is to come.  NULL: the work has ended. */
static struct arrival *compare(const struct downloads *downloads, struct arrival *arrival,
			       const struct cap *cap)
{
	char name[DIRFD_NAME_MAX + 1];
	const struct likeness likeness = {
		.cap = cap,
		.secret = downloads->secret,
		.cancel = downloads->cancel,
	};
	arrival_name(arrival, name);
	return arrival_compared(arrival, likeness_is_at(&likeness, arrival->target_dir->fd, name));
}

static void begin(struct downloads *downloads, struct work *work, const struct outcome *source,
		  const struct cap *cap)
{
	struct err err;
	struct target_dir *target_dir;
	if (work->task->kind == MANIFEST_SYMLINK && cap->size > SYMLINK_TARGET_MAX) {
		err_set(&err, FAULT_INSECURE, "it is longer than any target of a symlink");
		arrivals_fail(downloads->arrivals, work, &err);
		return;
	}
	if (target_tree_open(downloads->target_tree, work->task->listing, &target_dir, &err)) {
		arrivals_fail(downloads->arrivals, work, &err);
		return;
	}
	struct arrival *arrival = arrival_begin(downloads->arrivals, work, target_dir, source);
	if (arrival && arrival->decision.action == DECIDE_COMPARE)
		arrival = compare(downloads, arrival, cap);
	if (arrival && downloads->caps_only)
		take_cap(arrival, cap);
	else if (arrival && cap_is_literal(cap))
		take_bytes(arrival, cap, cap->content, (size_t)cap->size);
	else if (arrival)
		submit(downloads, arrival, cap);
}

void download_take(struct downloads *downloads, struct work *work, const struct outcome *source)
{
	struct cap cap = { 0 };
	struct outcome slot = *source;
	if (slot.state != OUTCOME_PLANNED ||
	    !cap_unpack(slot.cap, slot.cap_size, slot.cap_kind, &cap) || !cap_is_file(&cap) ||
	    cap_is_verifier(&cap))
		slot.state = OUTCOME_DAMAGED; /* then nothing is begun but the decision */
	begin(downloads, work, &slot, &cap);
	cap_wipe(&cap);
	secret_wipe(&slot, sizeof slot);
}
