#include "verify/proving.h"

static void prove_next(struct proving *proving);

static void proving_end(struct proving *proving, const struct err *err)
{
	proving->options.ended(proving->options.context, err);
}

/* The proof of these levels has ended. */
static void proved(struct proving *proving, unsigned levels, const struct err *err)
{
	if (err->fault) {
		proving_end(proving, err);
		return;
	}
	proving->owed &= ~levels;
	prove_next(proving);
}

/* ---- the shares ---- */

enum fault proving_health(const struct store_reply *reply, struct err *err)
{
	const struct store_health *health = &reply->health;
	if (health->healthy || health->literal)
		return FAULT_NONE;
	const uint32_t missing =
		health->expected - (uint32_t)min_u64(health->good_shares, health->expected);
	if (health->recoverable)
		err_wrong(err,
			  "checked, it is not healthy: %u of %u shares are good, %u corrupt, on %u "
			  "servers of %u that answer; %u are needed, and %u more make it healthy",
			  health->good_shares, health->expected, health->corrupt_shares,
			  health->good_hosts, health->responding, health->needed, missing);
	else
		err_wrong(err,
			  "checked, it is not healthy: %u of %u shares are good, %u corrupt, on %u "
			  "servers of %u that answer; %u are needed: it cannot be recovered now",
			  health->good_shares, health->expected, health->corrupt_shares,
			  health->good_hosts, health->responding, health->needed);
	err->excuse = reply->err.excuse;
	err->retry_after_ms = reply->err.retry_after_ms;
	return err->fault;
}

static void check_again(void *context, bool well)
{
	struct proving *proving = context;
	proving->asks_repair = !well;
	prove_next(proving);
}

/* Mends what was found, or has it repaired.  False: neither is wanted, or all was tried. */
static bool repairs(struct proving *proving, const struct store_health *health)
{
	const struct proving_options *options = &proving->options;
	if (!options->repair || health->healthy || !health->recoverable || proving->asks_repair)
		return false;
	if (proving->mended || !mending_can(options->cap)) {
		check_again(proving, false);
		return true;
	}
	proving->mended = true;
	proving->mending = (struct mending){
		.store = options->store,
		.cap = options->cap,
		.damage = &proving->health.damage,
		.ended = check_again,
		.context = proving,
	};
	mending_start(&proving->mending);
	return true;
}

static void checked(void *context, const struct store_reply *reply)
{
	struct proving *proving = context;
	struct err err = reply->err;
	proving->call = NULL;
	if (!err.fault) {
		proving->checked = true;
		proving->health = reply->health;
		proving->health.repaired |= proving->mended && reply->health.healthy;
		if (repairs(proving, &reply->health))
			return;
		err.fault = proving_health(reply, &err);
		if (proving->options.believes && !reply->health.unsure)
			err.remote = false;
	}
	proved(proving, VERIFY_CHECK | VERIFY_COUNT, &err);
}

/* ---- the bytes ---- */

static enum fault take_back(void *context, const void *data, size_t size, struct err *err)
{
	struct proving *proving = context;
	if (proof_update(&proving->proof, data, size, err))
		return err->fault;
	if (proving->options.moved)
		proving->options.moved(proving->options.context, size);
	return FAULT_NONE;
}

/* Compares with the hash that was kept, or with the key, for what there is. */
static void compare(struct proving *proving, struct err *err)
{
	const struct proving_options *options = &proving->options;
	unsigned char content[CONTENT_HASH_SIZE];
	bool proven = false;
	if (options->content) {
		content_hash_final(&proving->proof.hash, content);
		if (memcmp(content, options->content, sizeof content) != 0)
			err_wrong(err, "read back, the bytes are not the ones stored");
	} else if (!proof_end(&proving->proof, options->cap, &proven, err) && !proven &&
		   !proving->reading.proven) {
		err_set(err, FAULT_USAGE,
			"read back, but nothing is known to compare the bytes with: the record of "
			"them was lost, and their key does not tell");
	}
}

static void read_back(void *context, const struct err *failed)
{
	struct proving *proving = context;
	const struct proving_options *options = &proving->options;
	struct err err = failed ? *failed : (struct err){ 0 };
	if (failed)
		err_wrap(&err, "read back");
	else if (proving->reading.received != options->size)
		err_wrong(&err, "read back, %llu bytes are there, %llu were stored",
			  (unsigned long long)proving->reading.received,
			  (unsigned long long)options->size);
	else
		compare(proving, &err);
	proved(proving, VERIFY_READ, &err);
}

static void start_reading(struct proving *proving)
{
	const struct proving_options *options = &proving->options;
	struct err err;
	if (proof_start(&proving->proof, options->cap, options->content ? NULL : options->secret,
			&err)) {
		proving_end(proving, &err);
		return;
	}
	proving->reading = (struct reading){
		.options = { .store = proving->options.store,
			     .cap = proving->options.cap,
			     .take = take_back,
			     .ended = read_back,
			     .context = proving,
			     .written = !options->believes },
		.length = UINT64_MAX,
	};
	reading_start(&proving->reading);
}

/* ---- one after the other ---- */

/* Starts the next proof that is owed, or ends well. */
static void prove_next(struct proving *proving)
{
	struct err err;
	if (proving->owed & (VERIFY_CHECK | VERIFY_COUNT)) {
		const struct store_check check = {
			.cap = proving->options.cap,
			.verify = proving->owed & VERIFY_CHECK,
			.add_lease = proving->options.add_lease,
			.repair = proving->asks_repair,
		};
		proving->call = store_check(proving->options.store, &check,
					    (struct store_then){ checked, proving }, &err);
		if (!proving->call)
			proving_end(proving, &err);
	} else if (proving->owed & VERIFY_READ) {
		start_reading(proving);
	} else {
		proving_end(proving, NULL);
	}
}

void proving_start(struct proving *proving, const struct proving_options *options, unsigned owed)
{
	proving->options = *options;
	proving->owed = owed;
	proving->checked = proving->mended = proving->asks_repair = false;
	if ((options->add_lease || options->repair) && !(owed & VERIFY_CHECK))
		proving->owed |= VERIFY_COUNT;
	prove_next(proving);
}

bool proving_stays_bad(const struct proving *proving)
{
	const struct store_health *health = &proving->health;
	return proving->checked && !health->healthy && health->recoverable &&
	       health->corrupt_shares > 0;
}

void proving_cancel(struct proving *proving)
{
	if (proving->call)
		store_cancel(proving->options.store, proving->call);
	proving->call = NULL;
	mending_cancel(&proving->mending);
	reading_cancel(&proving->reading);
}

void proving_fini(struct proving *proving)
{
	mending_fini(&proving->mending);
	proof_fini(&proving->proof);
}
