/*
 * What the parts of a check share: what was found at servers, and the sum of it.
 *
 * Inside: direct_check.c (servers asked one by one, slot by slot) -> direct_check_share.c (the
 * share at hand, proven), direct_check_sum.c (what all findings come to).
 *
 * Place      inside direct/direct only.
 */
#pragma once

#include "direct/direct_check.h"
#include "direct/share_numbers.h"
#include "tahoe/chk_proof.h"
#include "tahoe/slot_proof.h"

enum {
	CHECK_SLOTS = 8,    /* servers asked at once */
	CHECK_VERSIONS = 8, /* of a mutable object that are told apart; more are no good */
	CHECK_PIECE = 1 << 20,
};

enum check_stage {
	STAGE_IDLE, /* there is no server left for it */
	STAGE_NUMBERS,
	STAGE_LEASE,
	STAGE_SHARE,
};

/* What was found at a server. */
struct check_finding {
	bool answered; /* everything that it was asked */
	struct share_set good, corrupt;
	unsigned char version[SHARE_NUMBERS_MAX]; /* of good ones that can change: which */
};

struct check_slot {
	struct direct_check *check;
	struct http_call *http; /* NULL: nothing is in flight */
	enum check_stage stage;
	unsigned server;
	bool found[SHARE_NUMBERS_MAX]; /* the server says that it has these */
	unsigned share;                /* the one being read */
	struct chk_proof *proof;       /* of it; NULL: it is not begun, or */
	struct slot_proof *slot_proof; /* of one that can change */
	uint64_t at;                   /* bytes of it that have come, */
	size_t asked, got;             /* and of the piece */
	struct err wrong;              /* with it */
};

struct direct_check {
	struct direct_own own;
	struct store_check wanted;
	struct cap cap;
	bool is_mutable;
	unsigned char index[CAP_KEY_SIZE]; /* storage index */
	size_t begun;                      /* servers */
	struct store_health result;
	struct slot_version version[CHECK_VERSIONS];
	unsigned versions;
	struct check_slot slot[CHECK_SLOTS];
	struct check_finding finding[]; /* one a server */
};

/* Returns how many shares there may be. */
static inline unsigned check_shares(const struct direct_check *check)
{
	return check->is_mutable ? SHARE_NUMBERS_MAX : check->cap.total;
}

/* ---- direct_check_share.c ---- */

/* Begins to prove the share at hand; slot->wrong says why it did not begin. */
void check_share_begin(struct check_slot *slot);
bool check_share_begun(const struct check_slot *slot);

/* Takes the bytes of it that come next.  False: slot->wrong says why. */
bool check_share_take(struct check_slot *slot, const void *data, size_t size);

/* Returns how many to ask for next, and how many are to come. */
size_t check_share_piece(const struct check_slot *slot);
uint64_t check_share_left(const struct check_slot *slot);

/* Ends it: what it is goes into the finding, once nothing is wrong or slot->wrong says what. */
void check_share_end(struct check_slot *slot);
void check_share_close(struct check_slot *slot);

/* Frees what it holds. */
void check_share_free(struct check_slot *slot);

/* ---- direct_check_sum.c ---- */

/* Sums the findings up in check->result.  Returns whether the gateway may know better. */
bool check_sum(struct direct_check *check);
