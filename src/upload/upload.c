#include "upload/upload.h"

enum { PIECE_SIZE = 64 * 1024 }; /* bytes hashed at once; libcurl sends so much at once */

struct uploading {
	const struct upload_options *options;
	const struct spool *spool;
	unsigned char key[CAP_KEY_SIZE];
	unsigned char content[CONTENT_HASH_SIZE];
	struct cap whole; /* predicted, or CAP_NONE */
	/* of one try */
	uint64_t sent, read_back;
	struct content_hash hash; /* of what is read back */
	struct err local;         /* what ended a request from our side */
	struct store_reply reply; /* to the put */
	struct cap cap;
};

static const struct store_wait *wait_of(const struct uploading *uploading)
{
	return uploading->options->tries.wait;
}

static enum fault check_unchanged(const struct uploading *uploading, struct err *err)
{
	const struct upload_options *options = uploading->options;
	return options->unchanged ? options->unchanged(options->context, err) : FAULT_NONE;
}

/* ---- what the bytes are ---- */

static enum fault hash_pieces(struct uploading *uploading, struct chk_key *key, struct err *err)
{
	unsigned char buffer[PIECE_SIZE];
	const struct spool *spool = uploading->spool;
	enum fault fault =
		chk_key_start(key, policy_params(uploading->options->policy), spool->size, err);
	content_hash_start(&uploading->hash);
	for (uint64_t at = 0; !fault && at < spool->size;) {
		struct spool_piece piece = { .size = sizeof buffer };
		fault = spool_read(spool, at, buffer, &piece, err);
		if (!fault)
			fault = chk_key_update(key, piece.data, piece.size, err);
		if (!fault)
			content_hash_update(&uploading->hash, piece.data, piece.size);
		at += piece.size;
	}
	if (!fault)
		content_hash_final(&uploading->hash, uploading->content);
	return fault ? fault : chk_key_final(key, uploading->key, err);
}

/* A file that has become shorter is one that changed. */
static enum fault hash_all(struct uploading *uploading, struct err *err)
{
	struct chk_key key = { 0 };
	enum fault fault = chk_key_init(&key, err);
	if (!fault)
		fault = content_hash_init(&uploading->hash, err);
	if (!fault)
		fault = hash_pieces(uploading, &key, err);
	chk_key_fini(&key);
	if (!fault || fault == FAULT_CORRUPT) {
		enum fault changed = check_unchanged(uploading, err);
		fault = changed ? changed : fault;
	}
	return fault;
}

/* Encodes bytes in memory as the gateway will.  Without, less is proven. */
static void predict(struct uploading *uploading)
{
	const struct spool *spool = uploading->spool;
	const struct policy *policy = uploading->options->policy;
	const struct chk_params *params = policy_params(policy);
	struct err err;
	if (spool->fd >= 0 || !policy_predicts(policy) || !chk_can_encode(params))
		return;
	if (chk_cap_of(params, spool->memory.data, spool->memory.size, &uploading->whole, &err))
		cap_wipe(&uploading->whole);
}

/* ---- one try ---- */

static size_t feed(void *context, void *buffer, size_t size)
{
	struct uploading *uploading = context;
	struct spool_piece piece = { .size = size };
	if (spool_read(uploading->spool, uploading->sent, buffer, &piece, &uploading->local))
		return STORE_READ_ABORT;
	if (piece.data != buffer)
		memcpy(buffer, piece.data, piece.size);
	uploading->sent += piece.size;
	return piece.size;
}

static bool go_back(void *context)
{
	struct uploading *uploading = context;
	uploading->sent = 0;
	return true;
}

static enum fault send(struct uploading *uploading, struct err *err)
{
	const struct spool *spool = uploading->spool;
	struct store_body body = { .size = spool->size, .data = spool->memory.data };
	if (spool->fd >= 0)
		body = (struct store_body){
			.size = spool->size,
			.read = feed,
			.rewind = go_back,
			.context = uploading,
		};
	uploading->sent = 0;
	uploading->local = (struct err){ 0 };
	cap_wipe(&uploading->cap);
	enum fault fault = store_wait_send(wait_of(uploading), &body, &uploading->reply, err);
	uploading->cap = uploading->reply.cap;
	cap_wipe(&uploading->reply.cap);
	if (uploading->local.fault) {
		*err = uploading->local;
		fault = err->fault;
	}
	if (!fault || fault == FAULT_CORRUPT) {
		enum fault changed = check_unchanged(uploading, err);
		fault = changed ? changed : fault;
	}
	return fault;
}

static bool take_back(void *context, const void *data, size_t size)
{
	struct uploading *uploading = context;
	content_hash_update(&uploading->hash, data, size);
	uploading->read_back += size;
	return true;
}

static enum fault read_back(struct uploading *uploading, struct err *err)
{
	unsigned char content[CONTENT_HASH_SIZE];
	const struct store_get get = {
		.cap = &uploading->cap,
		.length = UINT64_MAX,
		.sink = take_back,
		.context = uploading,
	};
	content_hash_start(&uploading->hash);
	uploading->read_back = 0;
	if (store_wait_read(wait_of(uploading), &get, NULL, err))
		return err_wrap(err, "read back");
	content_hash_final(&uploading->hash, content);
	if (uploading->read_back != uploading->spool->size ||
	    memcmp(content, uploading->content, sizeof content) != 0)
		return err_set(err, FAULT_CORRUPT, "read back, the bytes are not the ones sent");
	return FAULT_NONE;
}

static enum fault check(struct uploading *uploading, struct err *err)
{
	struct store_health health;
	if (store_wait_check(wait_of(uploading), &uploading->cap, true, &health, err))
		return err->fault;
	if (health.healthy)
		return FAULT_NONE;
	return err_set(err, FAULT_CORRUPT, "checked, it is not healthy: %u of %u shares are good",
		       health.good_shares, health.expected);
}

static enum fault attempt(struct uploading *uploading, struct err *err)
{
	unsigned met, remaining;
	const struct cap *whole = uploading->whole.kind == CAP_NONE ? NULL : &uploading->whole;
	enum fault fault = send(uploading, err);
	if (!fault)
		fault = policy_judge(uploading->options->policy,
				     store_gateway(wait_of(uploading)->store), uploading->key,
				     uploading->spool->size, whole, &uploading->cap, &met,
				     &remaining, err);
	if (!fault && (remaining & VERIFY_CHECK))
		fault = check(uploading, err);
	if (!fault && (remaining & VERIFY_READ))
		fault = read_back(uploading, err);
	return fault;
}

/* ---- all tries ---- */

static bool try_again(struct uploading *uploading, struct tries *tries, struct err *err)
{
	const struct store_reply *reply = &uploading->reply;
	uint32_t delay_ms;
	if (patience_asks(uploading->options->patience, reply, &delay_ms))
		return !tries_pause(tries, delay_ms, err);
	if (err->fault == FAULT_CHANGED)
		return false; /* what was hashed is gone */
	if (reply->fault && reply->trouble == STORE_TROUBLE_OTHER && tries->attempts > 0)
		return false; /* the gateway fails on this file */
	return tries_again(tries, err);
}

/* An earlier run may have been killed in the middle of this very content; nothing here knows. */
static void explain(const struct uploading *uploading)
{
	const struct patience *patience = uploading->options->patience;
	if (patience && patience->tell && uploading->reply.trouble == STORE_TROUBLE_UNHAPPY)
		patience->tell(
			patience->context,
			"where an upload of the same content was cut off, the grid refuses it "
			"until it drops that one, within 30 minutes");
}

static enum fault put_literal(const struct spool *spool, struct cap *cap, struct err *err)
{
	unsigned char buffer[LITERAL_SIZE_MAX];
	struct spool_piece piece = { .size = sizeof buffer };
	if (spool_read(spool, 0, buffer, &piece, err))
		return err->fault;
	chk_literal(piece.data, piece.size, cap);
	return FAULT_NONE;
}

enum fault upload_put(struct upload_options *options, const struct spool *spool, struct cap *cap,
		      struct err *err)
{
	struct uploading uploading = { .options = options, .spool = spool };
	if (spool->size <= LITERAL_SIZE_MAX)
		return put_literal(spool, cap, err);
	enum fault fault = hash_all(&uploading, err);
	if (!fault)
		predict(&uploading);
	if (!fault)
		while ((fault = attempt(&uploading, err)) &&
		       try_again(&uploading, &options->tries, err)) {
		}
	if (!fault)
		*cap = uploading.cap;
	else
		explain(&uploading);
	content_hash_fini(&uploading.hash);
	cap_wipe(&uploading.whole);
	cap_wipe(&uploading.cap);
	explicit_bzero(uploading.key, sizeof uploading.key);
	return fault ? err->fault : FAULT_NONE;
}
