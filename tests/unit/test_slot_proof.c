#include "tahoe/slot_make.h"
#include "tahoe/slot_proof.h"

#include "tests/unit/facts.h"

enum { CONTENTS_SIZE = 10000 };

static struct mutable_key key;
static unsigned char contents[CONTENTS_SIZE];

static int make_key(void **state)
{
	struct err err;
	(void)state;
	for (size_t i = 0; i < sizeof contents; i++)
		contents[i] = (unsigned char)(i * 7 + (i >> 8));
	return mutable_key_generate(&key, &err);
}

static struct slot_shares *make(size_t size)
{
	const struct chk_params params = { .k = 2, .n = 3 };
	struct slot_shares *shares = NULL;
	struct err err;
	assert_int_equal(slot_shares_new(&key, &params, contents, size, &shares, &err), FAULT_NONE);
	return shares;
}

static struct slot_proof *begin(unsigned number, bool whole)
{
	struct slot_proof *proof = NULL;
	struct err err;
	assert_int_equal(slot_proof_new(&key.cap, number, whole, &proof, &err), FAULT_NONE);
	return proof;
}

/* Gives a proof what it asks for, at most `step` bytes at a time, of `size` bytes that there are;
 * stores how many it took. */
static enum fault prove(struct slot_proof *proof, const unsigned char *data, size_t size,
			size_t step, size_t *taken)
{
	struct err err;
	enum fault fault = FAULT_NONE;
	*taken = 0;
	for (uint64_t left; !fault && *taken < size && (left = slot_proof_left(proof)) > 0;) {
		const size_t count = (size_t)min_u64(min_u64(left, step), size - *taken);
		fault = slot_proof_take(proof, data + *taken, count, &err);
		*taken += count;
	}
	return fault ? fault : slot_proof_end(proof, &err);
}

static size_t head_of(const struct slot_shares *shares)
{
	struct slot_share share;
	struct err err;
	assert_int_equal(
		slot_share_read(shares->data, shares->share_size, SLOT_PROOF_MAX, &share, &err),
		FAULT_NONE);
	return (size_t)share.head;
}

/* The private key at the end is not read. */
static void takes_as_much_as_proves(void **state)
{
	(void)state;
	struct slot_shares *shares = make(CONTENTS_SIZE);
	const size_t head = head_of(shares), whole = shares->share_size - key.der_size;
	static const size_t steps[] = { 1, SLOT_HEADER_MAX, 300, SLOT_PROOF_FIRST };
	for (size_t i = 0; i < ARRAY_COUNT(steps); i++)
		for (unsigned number = 0; number < 3; number++) {
			const unsigned char *data = shares->data + number * shares->share_size;
			struct slot_proof *proof = begin(number, true);
			size_t taken;
			assert_int_equal(prove(proof, data, shares->share_size, steps[i], &taken),
					 FAULT_NONE);
			assert_int_equal(taken, whole);
			assert_true(slot_same_version(slot_proof_version(proof), &shares->version));
			slot_proof_free(proof);
			proof = begin(number, false);
			assert_int_equal(prove(proof, data, shares->share_size, steps[i], &taken),
					 FAULT_NONE);
			if (steps[i] <= head) /* else the first bytes are more than that */
				assert_in_range(taken, head, head + steps[i] - 1);
			slot_proof_free(proof);
		}
	slot_shares_free(shares);
	slot_proof_free(NULL);
}

static void the_header_says_what_is_left(void **state)
{
	(void)state;
	struct slot_shares *shares = make(CONTENTS_SIZE);
	const size_t whole = shares->share_size - key.der_size;
	struct slot_proof *proof = begin(0, true);
	struct err err;
	assert_int_equal(slot_proof_left(proof), SLOT_PROOF_FIRST);
	assert_int_equal(slot_proof_take(proof, shares->data, SLOT_HEADER_MAX - 1, &err),
			 FAULT_NONE);
	assert_int_equal(slot_proof_left(proof), SLOT_PROOF_FIRST);
	assert_int_equal(slot_proof_take(proof, shares->data + SLOT_HEADER_MAX - 1, 1, &err),
			 FAULT_NONE);
	assert_int_equal(slot_proof_left(proof), whole - SLOT_HEADER_MAX);
	assert_int_equal(slot_proof_take(proof, shares->data + SLOT_HEADER_MAX,
					 shares->share_size - SLOT_HEADER_MAX, &err),
			 FAULT_NONE);
	assert_int_equal(slot_proof_left(proof), 0);
	assert_int_equal(slot_proof_end(proof, &err), FAULT_NONE);
	slot_proof_free(proof);
	slot_shares_free(shares);
}

/* A share that is another's, damaged, or shorter than it says. */
static void what_is_no_such_share_is_not_proven(void **state)
{
	(void)state;
	struct slot_shares *shares = make(27);
	const size_t head = head_of(shares), whole = shares->share_size - key.der_size;
	struct slot_proof *proof = begin(1, true);
	size_t taken;
	assert_int_equal(prove(proof, shares->data, whole, whole, &taken), FAULT_CORRUPT);
	slot_proof_free(proof);
	proof = begin(1, false); /* all shares have the same version */
	assert_int_equal(prove(proof, shares->data, whole, whole, &taken), FAULT_NONE);
	slot_proof_free(proof);
	for (int all = 0; all < 2; all++) {
		const size_t last = (all ? whole : head) - 1;
		shares->data[last] ^= 1;
		proof = begin(0, all);
		assert_int_equal(prove(proof, shares->data, whole, 200, &taken), FAULT_CORRUPT);
		slot_proof_free(proof);
		shares->data[last] ^= 1;
		proof = begin(0, all);
		assert_int_equal(prove(proof, shares->data, last, 200, &taken), FAULT_CORRUPT);
		slot_proof_free(proof);
	}
	slot_shares_free(shares);
}

/* Bytes that nobody asked for are not even looked at. */
static void more_than_a_share_can_have_is_refused(void **state)
{
	(void)state;
	struct slot_proof *proof = begin(0, true);
	struct err err;
	assert_int_equal(slot_proof_take(proof, contents, (size_t)2 * SLOT_PROOF_MAX + 1, &err),
			 FAULT_TOO_LARGE);
	slot_proof_free(proof);
}

static void nonsense_is_refused_at_once(void **state)
{
	(void)state;
	static const unsigned char nonsense[SLOT_HEADER_MAX] = { 2 };
	struct slot_proof *proof = begin(0, false);
	struct err err;
	assert_int_equal(slot_proof_take(proof, nonsense, sizeof nonsense, &err), FAULT_CORRUPT);
	slot_proof_free(proof);
	proof = begin(0, false);
	assert_int_equal(slot_proof_end(proof, &err), FAULT_CORRUPT);
	slot_proof_free(proof);
}

/* The size of the file stands before the offsets.  One that is as large as may be does not fit to
 * the rest of the header. */
static void large_files_are_not_looked_at(void **state)
{
	(void)state;
	struct slot_shares *shares = make(27);
	for (unsigned char more = 0; more < 2; more++) {
		struct slot_proof *proof = begin(0, true);
		struct err err;
		memcpy(shares->data + 67, (unsigned char[]){ 0, 0, 0, 0, 4, 0, 0, more }, 8);
		assert_int_equal(slot_proof_take(proof, shares->data, SLOT_HEADER_MAX, &err),
				 more ? FAULT_TOO_LARGE : FAULT_CORRUPT);
		slot_proof_free(proof);
	}
	slot_shares_free(shares);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_as_much_as_proves),
		cmocka_unit_test(the_header_says_what_is_left),
		cmocka_unit_test(what_is_no_such_share_is_not_proven),
		cmocka_unit_test(more_than_a_share_can_have_is_refused),
		cmocka_unit_test(nonsense_is_refused_at_once),
		cmocka_unit_test(large_files_are_not_looked_at),
	};
	return cmocka_run_group_tests(tests, make_key, NULL);
}
