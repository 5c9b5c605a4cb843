#include "upload/upload.h"

#include "base/secret.h"
#include "measure/activity.h"
#include "upload/put.h"
#include "upload/serving.h"

enum { ABORT_MS = 20000 /* for servers to forget what was half-made, once asked to stop */ };

struct uploading {
	const struct upload_options *options;
	const struct spool *spool;
	unsigned char key[CAP_KEY_SIZE];
	unsigned char content[CONTENT_HASH_SIZE];
	struct cap whole;           /* predicted, or CAP_NONE */
	struct chk_shares *shares;  /* to be stored past the gateway, or NULL */
	struct piece_hashes hashes; /* of a file whose shares are made while they are sent */
	struct serving serving;
	struct put put;
	/* of one try */
	struct sending sending;
	uint64_t sent;
	struct err local; /* what ended the request from our side */
	bool over;
	enum put_end end;
	struct err err;
};

static enum fault check_unchanged(const struct uploading *uploading, struct err *err)
{
	const struct upload_options *options = uploading->options;
	return options->unchanged ? options->unchanged(options->context, err) : FAULT_NONE;
}

/* ---- what the bytes are ---- */

/* Whether shares are made while they are sent. */
static bool is_served(const struct uploading *uploading)
{
	const struct upload_options *options = uploading->options;
	const struct spool *spool = uploading->spool;
	return options->encodes && spool->fd >= 0 && policy_predicts(options->policy) &&
	       passes_can(policy_params(options->policy), spool->size);
}

static enum fault hash_piece(struct uploading *uploading, struct chk_key *key,
			     struct content_hash *hash, struct body_piece *piece, struct err *err)
{
	if (serving_read(uploading->spool, piece->offset, piece->data, piece->size, err))
		return err->fault;
	activity_begin(ACTIVITY_HASHING);
	if (uploading->hashes.hash)
		piece_hashes_add(&uploading->hashes, piece);
	content_hash_update(hash, piece->data, piece->size);
	enum fault fault = chk_key_update(key, piece->data, piece->size, err);
	activity_end(ACTIVITY_HASHING);
	return fault;
}

static enum fault hash_pieces(struct uploading *uploading, struct chk_key *key,
			      struct content_hash *hash, struct err *err)
{
	const struct spool *spool = uploading->spool;
	struct body_piece piece = { .data = malloc(BODY_PIECE_SIZE) };
	if (!piece.data)
		return err_set(err, FAULT_NOMEM, "no memory for hashing a file");
	enum fault fault =
		chk_key_start(key, policy_params(uploading->options->policy), spool->size, err);
	if (!fault && is_served(uploading))
		fault = piece_hashes_init(&uploading->hashes, spool->size, err);
	content_hash_start(hash);
	for (; !fault && piece.offset < spool->size; piece.offset += piece.size) {
		piece.size = (size_t)min_u64(spool->size - piece.offset, BODY_PIECE_SIZE);
		fault = hash_piece(uploading, key, hash, &piece, err);
	}
	free(piece.data);
	if (!fault)
		content_hash_final(hash, uploading->content);
	return fault ? fault : chk_key_final(key, uploading->key, err);
}

/* A file that has become shorter is one that changed. */
static enum fault hash_all(struct uploading *uploading, struct err *err)
{
	struct chk_key key = { 0 };
	struct content_hash hash = { 0 };
	enum fault fault = chk_key_init(&key, err);
	if (!fault)
		fault = content_hash_init(&hash, err);
	if (!fault)
		fault = hash_pieces(uploading, &key, &hash, err);
	content_hash_fini(&hash);
	chk_key_fini(&key);
	if (!fault || fault == FAULT_CORRUPT) {
		enum fault changed = check_unchanged(uploading, err);
		fault = changed ? changed : fault;
	}
	return fault;
}

/* Has a thread make the shares.  Without, the gateway does. */
static void start_serving(struct uploading *uploading)
{
	const struct upload_options *options = uploading->options;
	struct body_proof proof;
	struct err err;
	memcpy(proof.key, uploading->key, sizeof proof.key);
	memcpy(proof.content, uploading->content, sizeof proof.content);
	const struct serving_options serving = {
		.spool = uploading->spool,
		.store = options->tries.wait->store,
		.params = policy_params(options->policy),
		.proof = &proof,
		.hashes = &uploading->hashes,
		.unchanged = options->unchanged,
		.context = options->context,
	};
	if (uploading->hashes.hash && serving_start(&uploading->serving, &serving, &err))
		serving_end(&uploading->serving);
	secret_wipe(&proof, sizeof proof);
}

/* Encodes bytes in memory as the gateway will. */
static void predict(struct uploading *uploading)
{
	const struct upload_options *options = uploading->options;
	const struct spool *spool = uploading->spool;
	const struct policy_bytes bytes = {
		.key = uploading->key,
		.data = spool->memory.data,
		.size = spool->memory.size,
	};
	if (spool->fd >= 0 || !policy_predict(options->policy, &bytes, &uploading->whole,
					      options->encodes ? &uploading->shares : NULL))
		uploading->whole.kind = CAP_NONE;
}

/* ---- one try ---- */

/* Notes that so many bytes more have gone, or fewer (a sending_watch). */
static void gone(void *context, int64_t bytes)
{
	struct uploading *uploading = context;
	const struct upload_options *options = uploading->options;
	uploading->sent += (uint64_t)bytes;
	if (options->moved)
		options->moved(options->context, uploading->sent);
}

static size_t feed(void *context, void *buffer, size_t size)
{
	struct uploading *uploading = context;
	struct spool_piece piece = { .size = size };
	if (spool_read(uploading->spool, uploading->sent, buffer, &piece, &uploading->local))
		return STORE_READ_ABORT;
	if (piece.data != buffer)
		memcpy(buffer, piece.data, piece.size);
	gone(uploading, (int64_t)piece.size);
	return piece.size;
}

static bool go_back(void *context)
{
	struct uploading *uploading = context;
	gone(uploading, -(int64_t)uploading->sent);
	return true;
}

/* Hears that the gateway has taken the bytes (a put_options.stored). */
static void stored(void *context)
{
	struct uploading *uploading = context;
	struct err err;
	const struct put_content known = {
		.key = uploading->key,
		.content = uploading->content,
		.whole = uploading->whole.kind == CAP_NONE ? NULL : &uploading->whole,
	};
	if (check_unchanged(uploading, &err))
		put_refuse(&uploading->put, &err);
	else
		put_go_on(&uploading->put, &known);
}

/* Hears how the put has ended (a put_options.ended). */
static void ended(void *context, enum put_end end, const struct err *err)
{
	struct uploading *uploading = context;
	uploading->over = true;
	uploading->end = end;
	uploading->err = err ? *err : (struct err){ 0 };
	/* When the file was not to be read, that is the reason, not what became of the request. */
	if (uploading->serving.body && end != PUT_PROVEN)
		(void)body_verdict(uploading->serving.body, &uploading->local);
	if (uploading->local.fault)
		uploading->err = uploading->local;
}

/* Asked to stop: what servers have of it so far is aborted, if they are quick. */
static void stop(struct uploading *uploading)
{
	const uint64_t end_ms = clock_ms() + ABORT_MS;
	serving_stop(&uploading->serving);
	while (uploading->serving.body && !uploading->over && clock_ms() < end_ms) {
		serving_look(&uploading->serving, &uploading->sending, uploading->put.call);
		store_poll(uploading->options->tries.wait->store, 100);
	}
	if (!uploading->over)
		put_cancel(&uploading->put);
	uploading->end = PUT_FAILED;
}

static enum fault attempt(struct uploading *uploading, struct err *err)
{
	const struct upload_options *options = uploading->options;
	const struct spool *spool = uploading->spool;
	const struct store_body whole = {
		.size = spool->size,
		.data = spool->memory.data,
		.shares = uploading->shares,
	};
	const struct store_body stream = {
		.size = spool->size,
		.read = feed,
		.rewind = go_back,
		.context = uploading,
	};
	const struct put_options put = {
		.store = options->tries.wait->store,
		.policy = options->policy,
		.patience = options->patience,
		.body = uploading->serving.body
				? sending_start(&uploading->sending, uploading->serving.body,
						policy_params(options->policy))
			: spool->fd >= 0 ? stream
					 : whole,
		.attempts = options->tries.state.attempts,
		.stored = stored,
		.ended = ended,
		.context = uploading,
	};
	gone(uploading, -(int64_t)uploading->sent);
	uploading->local = (struct err){ 0 };
	uploading->over = false;
	put_start(&uploading->put, &put);
	while (!uploading->over) {
		serving_look(&uploading->serving, &uploading->sending, uploading->put.call);
		if (store_wait_poll(options->tries.wait, err)) {
			stop(uploading);
			return err->fault;
		}
	}
	if (uploading->end != PUT_PROVEN)
		*err = uploading->err;
	if (uploading->err.fault == FAULT_CORRUPT && check_unchanged(uploading, err))
		return err->fault;
	return uploading->end == PUT_PROVEN ? FAULT_NONE : err->fault;
}

/* ---- all tries ---- */

static bool try_again(const struct uploading *uploading, struct tries *tries, struct err *err)
{
	if (uploading->end == PUT_POSTPONED)
		return !tries_pause(tries, uploading->put.delay_ms, err);
	if (uploading->end == PUT_HOPELESS || err->fault == FAULT_CHANGED)
		return false; /* the gateway's last word, or what was hashed is gone */
	return tries_again(tries, err);
}

/* An earlier run may have been killed in the middle of this very content; nothing here knows. */
static void explain(const struct uploading *uploading)
{
	const struct patience *patience = uploading->options->patience;
	if (patience && patience->tell && uploading->put.trouble == STORE_TROUBLE_UNHAPPY)
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
	uploading.sending.watch = (struct sending_watch){ gone, &uploading };
	if (spool->size <= LITERAL_SIZE_MAX)
		return put_literal(spool, cap, err);
	enum fault fault = hash_all(&uploading, err);
	if (!fault)
		predict(&uploading);
	if (!fault)
		start_serving(&uploading);
	if (!fault)
		while ((fault = attempt(&uploading, err)) &&
		       try_again(&uploading, &options->tries, err)) {
		}
	if (fault) {
		explain(&uploading);
	} else {
		tries_over(&options->tries);
		*cap = uploading.put.cap;
	}
	cap_wipe(&uploading.whole);
	serving_end(&uploading.serving);
	piece_hashes_fini(&uploading.hashes);
	chk_shares_free(uploading.shares);
	put_fini(&uploading.put);
	explicit_bzero(uploading.key, sizeof uploading.key);
	return fault ? err->fault : FAULT_NONE;
}
