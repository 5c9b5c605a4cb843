/*
 * The shares of a put, sent row by row: those in memory as one slab, others as they are made.
 *
 *   put_write ----> the next slab ----> send: for each share the first row that is not there yet
 *                    ^   ^   | none yet: wait        | an answer: the share has so much more,
 *                    |   |   v                       |   or it is lost
 *                    |   '-- put_write_on <----------'
 *                    |                  | no row of the slab is left
 *                    '------------------'
 *   nothing more comes: all shares are complete or lost -> put_finish, or put_plan for those lost
 *
 * A share is sent in order, a row at a time, so a server has all of it up to some byte; a slab is
 * given back when all of its rows are there.  Shares that are made while they are sent are made
 * anew, from the first byte on, where too few of them are left: other servers get those that were
 * lost, and the others go on where they are.
 */
#include "direct/direct_put_parts.h"

#include "direct/required.h"
#include "queue/core/thread.h"

enum {
	PASSES_MAX = 3,
	SLOW_TIMES = 8, /* what takes so many times as long as other rows is too slow */
};

/* ---- ends ---- */

/* Whether the file can still be spread well enough. */
static bool has_hope(const struct direct_put *put)
{
	uint16_t to[ERASURE_BLOCKS_MAX];
	return put_is_spread(put, &put->expected) || placement_plan(&put->expected, to) > 0;
}

static void give_up(struct direct_put *put)
{
	put->given_up = true;
	put->writing = false;
	put_drop_all(put);
	put_finish(put);
}

/* Every row was sent or is lost.  What should be complete by now, and is not, never will be. */
static void end_pass(struct direct_put *put)
{
	put->writing = false;
	for (unsigned share = 0; share < put_count(put); share++)
		if (put->at[share] != PLACEMENT_NONE)
			put_lose(put, share);
	const bool spread = put_is_spread(put, &put->complete);
	if (put->body.feed && (spread || ++put->passes == PASSES_MAX)) {
		put->given_up = !spread;
		put_finish(put);
	} else {
		put_plan(put);
	}
}

/* ---- rows ---- */

/* Takes the next slab.  False: there is none now, or the pass is over. */
static bool next_slab(struct direct_put *put)
{
	const struct store_feed *feed = put->body.feed;
	memset(put->sent, 0, sizeof put->sent);
	if (!feed) {
		if (put->whole.used == 0) {
			end_pass(put);
			return false;
		}
		put->slab = &put->whole;
		return true;
	}
	put->slab = feed->peek(feed->context);
	if (put->slab || !feed->over(feed->context, &put->cap, &put->local))
		return put->slab;
	if (put->local.fault)
		give_up(put);
	else
		end_pass(put);
	return false;
}

static void give_slab_back(struct direct_put *put)
{
	if (put->body.feed)
		put->body.feed->pop(put->body.feed->context);
	else
		put->whole.used = 0;
	put->slab = NULL;
}

/* Takes a server's word for what it has: complete, or so far that the row is there. */
static bool row_is_written(struct direct_put *put, const struct put_question *question,
			   const struct http_reply *reply)
{
	const uint64_t end = question->offset + question->size;
	if (reply->fault)
		return false;
	if (reply->status == PUT_CREATED && end == put->share_size) {
		placement_lose(&put->half, question->place, question->share);
		placement_hold(&put->complete, question->place, question->share);
		put->at[question->share] = PLACEMENT_NONE;
		return true;
	}
	put->has[question->share] = end;
	return reply->status != PUT_CREATED && end < put->share_size;
}

static void on_written(void *context, const struct http_reply *reply)
{
	struct put_request *request = context;
	const struct put_question question = request->question;
	struct direct_put *put = put_answered(request, reply);
	struct direct *direct = put->own.direct;
	put->row_ms = max_u64(put->row_ms, reply->took_ms);
	if (!row_is_written(put, &question, reply)) {
		if (reply->status == PUT_NOT_OURS || reply->status == PUT_NOT_THERE)
			placement_lose(&put->half, question.place, question.share);
		put_lose(put, question.share);
	}
	put_write_on(put);
	put_ask_queued(direct);
}

/* Sends what is not there of a row. */
static void send_row(struct direct_put *put, unsigned at)
{
	const struct slab *slab = put->slab;
	const struct slab_row *row = &slab->row[at];
	const uint64_t has = put->has[row->share];
	const size_t skip = has > row->offset ? (size_t)(has - row->offset) : 0;
	const struct put_question question = {
		.method = HTTP_PATCH,
		.place = put->at[row->share],
		.share = row->share,
		.data = slab->data + at * slab->stride + skip,
		.size = row->size - skip,
		.offset = row->offset + skip,
		.done = on_written,
	};
	put_ask(&put->request[row->share], &question);
}

/* Sends what can be sent.  Returns how many rows of the slab are not there yet. */
static unsigned send_rows(struct direct_put *put)
{
	unsigned left = 0;
	for (unsigned i = 0; i < put->slab->used; i++) {
		const struct slab_row *row = &put->slab->row[i];
		put->sent[i] |= put->at[row->share] == PLACEMENT_NONE ||
				row->offset + row->size <= put->has[row->share];
		left += !put->sent[i];
		if (!put->sent[i] && !put->request[row->share].busy)
			send_row(put, i);
	}
	return left;
}

void put_write_on(struct direct_put *put)
{
	if (!put->writing)
		return;
	const bool lost = put->lost;
	put->lost = false;
	if (lost && !has_hope(put)) {
		give_up(put);
		return;
	}
	while (put->slab || next_slab(put)) {
		if (send_rows(put) > 0)
			return;
		give_slab_back(put);
	}
}

void put_watch(struct direct_put *put)
{
	unsigned left = 0;
	const uint64_t wait_ms =
		http_wait_limit(gateway_http(put->own.direct->base.behind), DIRECT_WAIT_MS);
	const uint64_t limit = max_u64(SLOW_TIMES * put->row_ms, wait_ms);
	if (!put->writing || !put->slab || put->row_ms == 0)
		return;
	for (unsigned i = 0; i < put->slab->used; i++)
		left += !put->sent[i];
	/* One that is alone, or like most of them, is as quick as it gets. */
	if (2 * left > put->slab->used)
		return;
	bool found = false;
	for (unsigned share = 0; share < put_count(put); share++) {
		struct put_request *request = &put->request[share];
		if (!request->http || http_running_ms(request->http) <= limit)
			continue;
		direct_judge_server(put->own.direct, put->server[request->question.place],
				    FAULT_RETRY, true);
		put_drop(request);
		put_lose(put, share);
		found = true;
	}
	if (found)
		direct_own_due(&put->own);
}

/* ---- the beginning ---- */

/* Describes the shares in memory as one slab. */
static void take_whole(struct direct_put *put)
{
	const struct chk_shares *shares = put->body.shares;
	put->whole.data = shares->data;
	put->whole.stride = (size_t)shares->share_size;
	put->whole.used = shares->count;
	for (unsigned i = 0; i < shares->count; i++)
		put->whole.row[i] = (struct slab_row){ i, 0, (size_t)shares->share_size };
}

void put_write(struct direct_put *put)
{
	const struct store_feed *feed = put->body.feed;
	bool wanted[ERASURE_BLOCKS_MAX] = { false };
	put->writing = true;
	put->row_ms = 0;
	for (unsigned share = 0; share < put_count(put); share++)
		wanted[share] = put->at[share] != PLACEMENT_NONE;
	if (feed)
		feed->begin(feed->context, wanted);
	else
		take_whole(put);
	put_write_on(put);
}
