/* Files at storage servers in memory: proven, and mended. */
#include "verify/proving.h"

#include "tests/unit/direct_case.h"
#include "tests/unit/no_memory.h"

enum {
	SIZE = 1000,
	LARGE = (5 << 20) + 77, /* bytes: shares of them are sent in several rows */
	OLD_SEGMENT_SIZE = 128 << 10,
};

struct proof_case {
	struct direct_case file;
	struct proving proving;
	struct proving_options options;
	unsigned char content[CONTENT_HASH_SIZE];
	struct err err;
	unsigned ends;
	uint64_t moved;
};

static void on_end(void *context, const struct err *err)
{
	struct proof_case *proof = context;
	proof->ends++;
	proof->err = err ? *err : (struct err){ 0 };
}

static void on_moved(void *context, uint64_t bytes)
{
	((struct proof_case *)context)->moved += bytes;
}

/* A file of which each server has the share of its rank. */
static void open_proof(struct proof_case *proof, struct file_shape shape)
{
	memset(proof, 0, sizeof *proof);
	open_case(&proof->file, shape);
	for (unsigned i = 0; i < shape.n; i++)
		give(&proof->file, i, i);
	content_hash_of(proof->file.data, shape.size, proof->content);
	proof->options = (struct proving_options){
		.store = proof->file.fake.store,
		.cap = &proof->file.shares->cap,
		.size = shape.size,
		.moved = on_moved,
		.ended = on_end,
		.context = proof,
	};
}

static void close_proof(struct proof_case *proof)
{
	proving_fini(&proof->proving);
	close_case(&proof->file);
}

static enum fault prove(struct proof_case *proof, unsigned owed)
{
	enum { POLLS = 100 };
	proof->ends = 0;
	proving_start(&proof->proving, &proof->options, owed);
	for (unsigned i = 0; i < POLLS && proof->ends == 0; i++)
		store_poll(proof->options.store, 0);
	assert_int_equal(proof->ends, 1);
	return proof->err.fault;
}

static void lose(struct proof_case *proof, unsigned rank)
{
	struct fake_share *share = &proof->file.fake.at[rank].share[rank];
	free(share->data);
	*share = (struct fake_share){ 0 };
}

static bool was_asked(const struct proof_case *proof, const char *line)
{
	return strstr(bytes_text(&proof->file.fake.log), line);
}

static const struct file_shape three_of_ten = { 3, 10, SIZE, 0, 7 };

/* ---- checks ---- */

static void what_is_there_is_proven(void **state)
{
	static struct proof_case proof;
	(void)state;
	open_proof(&proof, three_of_ten);
	assert_int_equal(prove(&proof, 0), FAULT_NONE);
	fake_servers_asked(&proof.file.fake, "");
	assert_false(proof.proving.checked);
	assert_int_equal(prove(&proof, VERIFY_COUNT), FAULT_NONE);
	assert_true(proof.proving.checked && proof.proving.health.healthy);
	assert_false(was_asked(&proof, "/")); /* not a byte of a share */
	assert_int_equal(prove(&proof, VERIFY_CHECK), FAULT_NONE);
	assert_true(was_asked(&proof, "9/9 0+956"));
	assert_false(was_asked(&proof, "lease"));
	assert_int_equal(proof.moved, 0);
	close_proof(&proof);
}

static void what_is_missing_is_told(void **state)
{
	static struct proof_case proof;
	(void)state;
	open_proof(&proof, three_of_ten);
	lose(&proof, 4);
	lose(&proof, 5);
	proof.file.fake.at[7].share[7].data[60] ^= 1;
	assert_int_equal(prove(&proof, VERIFY_COUNT), FAULT_CORRUPT);
	assert_string_equal(proof.err.text,
			    "checked, it is not healthy: 8 of 10 shares are good, 0 corrupt, on 8 "
			    "servers of 10 that answer; 3 are needed, and 2 more make it healthy");
	assert_false(proving_stays_bad(&proof.proving));
	assert_int_equal(prove(&proof, VERIFY_CHECK), FAULT_CORRUPT);
	assert_string_equal(proof.err.text,
			    "checked, it is not healthy: 7 of 10 shares are good, 1 corrupt, on 7 "
			    "servers of 10 that answer; 3 are needed, and 3 more make it healthy");
	assert_true(proving_stays_bad(&proof.proving));
	for (unsigned i = 0; i < 10; i++)
		if (i != 7 && i != 8)
			lose(&proof, i);
	assert_int_equal(prove(&proof, VERIFY_CHECK), FAULT_CORRUPT);
	assert_string_equal(proof.err.text,
			    "checked, it is not healthy: 1 of 10 shares are good, 1 corrupt, on 1 "
			    "servers of 10 that answer; 3 are needed: it cannot be recovered now");
	assert_false(proving_stays_bad(&proof.proving));
	close_proof(&proof);
}

/* What was stored long ago is believed to be as it is found; what was just now may be late. */
static void who_believes_a_check_blames_nobody(void **state)
{
	static struct proof_case proof;
	(void)state;
	open_proof(&proof, three_of_ten);
	lose(&proof, 4);
	assert_int_equal(prove(&proof, VERIFY_COUNT), FAULT_CORRUPT);
	assert_true(proof.err.remote);
	proof.options.believes = true;
	assert_int_equal(prove(&proof, VERIFY_COUNT), FAULT_CORRUPT);
	assert_false(proof.err.remote);
	close_proof(&proof);
}

static void trouble_of_the_grid_excuses(void **state)
{
	struct store_reply reply = { .health = { .expected = 10, .good_shares = 9 } };
	struct err err;
	(void)state;
	reply.err.excuse = EXCUSE_OVER;
	reply.err.retry_after_ms = 77;
	assert_int_equal(proving_health(&reply, &err), FAULT_CORRUPT);
	assert_int_equal(err.excuse, EXCUSE_OVER);
	assert_int_equal(err.retry_after_ms, 77);
	reply.health.healthy = true;
	assert_int_equal(proving_health(&reply, &err), FAULT_NONE);
	reply.health = (struct store_health){ .literal = true };
	assert_int_equal(proving_health(&reply, &err), FAULT_NONE);
}

static void leases_are_taken_with_a_count(void **state)
{
	static struct proof_case proof;
	(void)state;
	open_proof(&proof, three_of_ten);
	proof.options.add_lease = true;
	assert_int_equal(prove(&proof, 0), FAULT_NONE);
	assert_true(was_asked(&proof, "3 lease\n"));
	assert_false(was_asked(&proof, "/"));
	assert_true(proof.proving.checked);
	close_proof(&proof);
}

/* ---- repairs ---- */

static void missing_shares_are_made_anew(void **state)
{
	static struct proof_case proof;
	(void)state;
	open_proof(&proof, (struct file_shape){ 3, 10, LARGE, 0, 7 });
	lose(&proof, 2);
	lose(&proof, 8);
	proof.options.repair = true;
	assert_int_equal(prove(&proof, VERIFY_CHECK), FAULT_NONE);
	assert_true(proof.proving.health.repaired && proof.proving.health.healthy);
	assert_true(has_share(&proof.file, 2, 2) || has_share(&proof.file, 8, 2));
	assert_true(has_share(&proof.file, 8, 8) || has_share(&proof.file, 2, 8));
	assert_false(was_asked(&proof, "gateway"));
	/* What is healthy is left as it is. */
	proof.file.fake.log.size = 0;
	assert_int_equal(prove(&proof, VERIFY_CHECK), FAULT_NONE);
	assert_false(proof.proving.health.repaired);
	assert_false(was_asked(&proof, "put"));
	close_proof(&proof);
}

static void a_damaged_share_is_made_anew_elsewhere(void **state)
{
	static struct proof_case proof;
	(void)state;
	open_proof(&proof, three_of_ten);
	proof.file.fake.at[1].share[1].data[60] ^= 1;
	proof.options.repair = true;
	assert_int_equal(prove(&proof, VERIFY_CHECK), FAULT_NONE);
	assert_true(proof.proving.health.repaired);
	assert_false(has_share(&proof.file, 1, 1));
	bool found = false;
	for (unsigned rank = 0; rank < FAKE_SERVERS; rank++)
		found |= has_share(&proof.file, rank, 1);
	assert_true(found);
	assert_false(was_asked(&proof, "gateway"));
	close_proof(&proof);
}

/* The cap does not say that its segments are smaller than today's. */
static void old_files_are_mended_in_their_own_segments(void **state)
{
	static struct proof_case proof;
	(void)state;
	open_proof(&proof, (struct file_shape){ 2, 4, LARGE, OLD_SEGMENT_SIZE, 2 });
	lose(&proof, 3);
	proof.options.repair = true;
	assert_int_equal(prove(&proof, VERIFY_CHECK), FAULT_NONE);
	bool found = false;
	for (unsigned rank = 0; rank < FAKE_SERVERS; rank++)
		found |= has_share(&proof.file, rank, 3);
	assert_true(found);
	assert_false(was_asked(&proof, "gateway"));
	close_proof(&proof);
}

/* It is away, so the file stays as it is. */
static void the_gateway_repairs_what_is_not_to_be_mended(void **state)
{
	static struct proof_case proof;
	(void)state;
	open_proof(&proof, three_of_ten);
	lose(&proof, 4);
	for (unsigned rank = 0; rank < FAKE_SERVERS; rank++)
		proof.file.fake.at[rank].full = true;
	proof.options.repair = true;
	assert_int_equal(prove(&proof, VERIFY_CHECK), FAULT_UNAVAILABLE);
	assert_true(was_asked(&proof, "gateway POST\n"));
	assert_int_equal(proof.file.fake.gateway, 1);
	assert_int_equal(halves(&proof.file), 0);
	close_proof(&proof);
}

/* A server is lost meanwhile. */
static void what_is_mended_once_is_not_mended_again(void **state)
{
	static struct proof_case proof;
	(void)state;
	open_proof(&proof, three_of_ten);
	lose(&proof, 4);
	proof.options.repair = true;
	proof.file.fake.at[9].well = 2; /* asked what it has, and to have it; then it is away */
	proof.file.fake.at[9].status = 500;
	assert_int_equal(prove(&proof, VERIFY_COUNT), FAULT_UNAVAILABLE);
	assert_true(has_share(&proof.file, 4, 4));
	assert_true(was_asked(&proof, "gateway POST\n"));
	close_proof(&proof);
}

/* Where a part of a share is lost to that, none may be there as if it were whole. */
static void no_memory_makes_no_bad_share(void **state)
{
	static struct proof_case proof;
	enum fault fault = FAULT_NOMEM;
	unsigned refused = 0;
	(void)state;
	for (; fault; refused++) {
		open_proof(&proof, three_of_ten);
		lose(&proof, 4);
		proof.options.repair = true;
		no_memory_at(refused + 1);
		fault = prove(&proof, VERIFY_CHECK);
		no_memory_at(0);
		bool found = false;
		for (unsigned rank = 0; rank < FAKE_SERVERS; rank++)
			found |= has_share(&proof.file, rank, 4);
		assert_int_equal(found, fault == FAULT_NONE);
		assert_int_equal(halves(&proof.file), 0);
		close_proof(&proof);
	}
	assert_true(refused > 1);
}

static void what_is_not_recoverable_is_not_repaired(void **state)
{
	static struct proof_case proof;
	(void)state;
	open_proof(&proof, three_of_ten);
	for (unsigned i = 2; i < 10; i++)
		lose(&proof, i);
	proof.options.repair = true;
	assert_int_equal(prove(&proof, VERIFY_CHECK), FAULT_CORRUPT);
	assert_false(was_asked(&proof, "room") || was_asked(&proof, "gateway"));
	close_proof(&proof);
}

static void which_files_can_be_mended(void **state)
{
	struct cap cap = { .kind = CAP_CHK, .needed = 3, .total = 10, .size = 1u << 30 };
	(void)state;
	assert_true(mending_can(&cap));
	cap.size = UINT64_C(1) << 36; /* its hash trees would fill memory */
	assert_false(mending_can(&cap));
	cap.size = 1000;
	cap.kind = CAP_DIR2_CHK;
	assert_true(mending_can(&cap));
	cap.kind = CAP_CHK_VERIFIER;
	assert_false(mending_can(&cap));
	cap.kind = CAP_DIR2;
	assert_false(mending_can(&cap));
}

/* ---- the bytes ---- */

static void bytes_are_compared_with_their_hash(void **state)
{
	static struct proof_case proof;
	(void)state;
	open_proof(&proof, three_of_ten);
	proof.options.content = proof.content;
	assert_int_equal(prove(&proof, VERIFY_READ), FAULT_NONE);
	assert_int_equal(proof.moved, SIZE);
	assert_int_equal(proof.file.fake.gateway, 0);
	proof.content[CONTENT_HASH_SIZE - 1] ^= 1;
	assert_int_equal(prove(&proof, VERIFY_READ), FAULT_CORRUPT);
	assert_string_equal(proof.err.text, "read back, the bytes are not the ones stored");
	proof.content[CONTENT_HASH_SIZE - 1] ^= 1;
	proof.options.size++;
	assert_int_equal(prove(&proof, VERIFY_READ), FAULT_CORRUPT);
	assert_string_equal(proof.err.text, "read back, 1000 bytes are there, 1001 were stored");
	close_proof(&proof);
}

/* Where no hash is known: by the store that read them, by their key, or not at all. */
static void bytes_are_proven_without_their_hash(void **state)
{
	static struct proof_case proof;
	struct chk_params secret = { .k = 1, .n = 1 };
	(void)state;
	open_proof(&proof, three_of_ten);
	assert_int_equal(prove(&proof, VERIFY_READ), FAULT_NONE);
	for (unsigned rank = 0; rank < FAKE_SERVERS; rank++)
		proof.file.fake.at[rank].status = 500;
	proof.file.fake.contents = proof.file.data;
	proof.file.fake.size = SIZE;
	assert_int_equal(prove(&proof, VERIFY_READ), FAULT_USAGE);
	proof.options.secret = &secret;
	assert_int_equal(prove(&proof, VERIFY_READ), FAULT_NONE);
	secret.secret_size = 1; /* another one tells nothing */
	assert_int_equal(prove(&proof, VERIFY_READ), FAULT_USAGE);
	close_proof(&proof);
}

/* Feeds a text in two pieces.  Returns how much of its end is doubtful. */
static size_t doubtful(struct proof *proof, const char *text, size_t first)
{
	const struct cap cap = { .kind = CAP_SSK };
	struct err err;
	assert_int_equal(proof_start(proof, &cap, NULL, &err), FAULT_NONE);
	assert_int_equal(proof_update(proof, text, first, &err), FAULT_NONE);
	assert_int_equal(proof_update(proof, text + first, strlen(text) - first, &err), FAULT_NONE);
	assert_int_equal(proof->size, strlen(text));
	return proof_doubtful_tail(proof);
}

/* However the bytes come. */
static void the_words_of_an_error_are_doubted(void **state)
{
	static const struct {
		const char *text;
		size_t doubtful;
	} row[] = {
		{ "problem during download\n", 24 },
		{ "forty bytes and more of what is a file: problem during download\n", 24 },
		{ "forty bytes and more of what is a file: problem dur", 11 },
		{ "problem during download\nx", 0 },
		{ "forty bytes and more of what is a file: problem during download", 23 },
		{ "Problem during download\n", 0 },
		{ "xp", 1 },
		{ "", 0 },
	};
	struct proof proof = { 0 };
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(row); i++)
		for (size_t first = 0; first <= strlen(row[i].text); first++)
			assert_int_equal(doubtful(&proof, row[i].text, first), row[i].doubtful);
	proof_fini(&proof);
}

static void a_read_is_compared_with_the_one_before(void **state)
{
	const struct cap cap = { .kind = CAP_SSK };
	struct proof proof = { 0 };
	struct err err;
	bool proven = true;
	(void)state;
	(void)doubtful(&proof, "the same", 3);
	proof_keep(&proof);
	(void)doubtful(&proof, "the same", 5);
	assert_true(proof_repeats(&proof));
	(void)doubtful(&proof, "the sane", 5);
	assert_false(proof_repeats(&proof));
	(void)doubtful(&proof, "the same!", 5);
	assert_false(proof_repeats(&proof));
	assert_int_equal(proof_end(&proof, &cap, &proven, &err), FAULT_NONE);
	assert_false(proven); /* no key tells */
	proof_fini(&proof);
}

static void checks_come_before_reads(void **state)
{
	static struct proof_case proof;
	(void)state;
	open_proof(&proof, three_of_ten);
	proof.options.content = proof.content;
	assert_int_equal(prove(&proof, VERIFY_CHECK | VERIFY_READ), FAULT_NONE);
	assert_int_equal(proof.moved, SIZE);
	proof.moved = 0;
	lose(&proof, 4);
	assert_int_equal(prove(&proof, VERIFY_CHECK | VERIFY_READ), FAULT_CORRUPT);
	assert_int_equal(proof.moved, 0);
	close_proof(&proof);
}

static void a_cancelled_proof_says_nothing(void **state)
{
	static struct proof_case proof;
	(void)state;
	open_proof(&proof, (struct file_shape){ 3, 10, LARGE, 0, 7 });
	lose(&proof, 4);
	proof.options.repair = true;
	for (unsigned polls = 0; polls < 4; polls++) {
		proving_start(&proof.proving, &proof.options, VERIFY_CHECK | VERIFY_READ);
		for (unsigned i = 0; i < polls; i++)
			store_poll(proof.options.store, 0);
		proving_cancel(&proof.proving);
		if (polls < 2)
			assert_int_equal(proof.ends, 0);
	}
	proof.ends = 0;
	for (unsigned i = 0; i < 4; i++)
		store_poll(proof.options.store, 0);
	assert_int_equal(proof.ends, 0);
	close_proof(&proof);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_there_is_proven),
		cmocka_unit_test(what_is_missing_is_told),
		cmocka_unit_test(who_believes_a_check_blames_nobody),
		cmocka_unit_test(trouble_of_the_grid_excuses),
		cmocka_unit_test(leases_are_taken_with_a_count),
		cmocka_unit_test(missing_shares_are_made_anew),
		cmocka_unit_test(a_damaged_share_is_made_anew_elsewhere),
		cmocka_unit_test(old_files_are_mended_in_their_own_segments),
		cmocka_unit_test(the_gateway_repairs_what_is_not_to_be_mended),
		cmocka_unit_test(what_is_mended_once_is_not_mended_again),
		cmocka_unit_test(no_memory_makes_no_bad_share),
		cmocka_unit_test(what_is_not_recoverable_is_not_repaired),
		cmocka_unit_test(which_files_can_be_mended),
		cmocka_unit_test(bytes_are_compared_with_their_hash),
		cmocka_unit_test(bytes_are_proven_without_their_hash),
		cmocka_unit_test(the_words_of_an_error_are_doubted),
		cmocka_unit_test(a_read_is_compared_with_the_one_before),
		cmocka_unit_test(checks_come_before_reads),
		cmocka_unit_test(a_cancelled_proof_says_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
