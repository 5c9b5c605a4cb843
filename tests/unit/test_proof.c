#include "verify/proof.h"

#include "base/digest.h"
#include "tests/unit/facts.h"

enum { SIZE = 200 };

static unsigned char content[SIZE];

static const struct cap a_mutable_file = { .kind = CAP_SSK_RO };

static void begin(struct proof *proof)
{
	struct err err;
	assert_int_equal(proof_start(proof, &a_mutable_file, NULL, &err), FAULT_NONE);
}

static void add(struct proof *proof, const void *data, size_t size)
{
	struct err err;
	assert_int_equal(proof_update(proof, data, size, &err), FAULT_NONE);
}

/* In pieces of every size: they are kept in one place. */
static void the_last_bytes_are_kept(void **state)
{
	(void)state;
	struct proof proof = { 0 };
	for (size_t i = 0; i < SIZE; i++)
		content[i] = (unsigned char)(i * 7 + 1);
	for (size_t piece = 1; piece <= 2 * PROOF_TAIL_MAX; piece++) {
		begin(&proof);
		for (size_t done = 0; done + piece <= SIZE; done += piece) {
			add(&proof, content + done, piece);
			const size_t all = done + piece;
			assert_int_equal(proof.size, all);
			assert_int_equal(proof.tail_size, min_u64(all, PROOF_TAIL_MAX));
			assert_memory_equal(proof.tail, content + all - proof.tail_size,
					    proof.tail_size);
		}
	}
	proof_fini(&proof);
}

static void an_end_like_the_words_of_an_error_is_doubtful(void **state)
{
	(void)state;
	static const char words[] = "problem during download\n";
	struct proof proof = { 0 };
	for (size_t size = 0; size <= PROOF_TAIL_MAX; size++) {
		begin(&proof);
		add(&proof, "before", 6);
		for (size_t i = 0; i < size; i++) /* byte by byte */
			add(&proof, words + i, 1);
		assert_int_equal(proof_doubtful_tail(&proof), size);
	}
	add(&proof, "x", 1);
	assert_int_equal(proof_doubtful_tail(&proof), 0);
	proof_fini(&proof);
}

static void a_second_reading_is_the_first_again(void **state)
{
	(void)state;
	unsigned char hash[CONTENT_HASH_SIZE];
	struct proof proof = { 0 };
	content_hash_of("bytes", 5, hash);
	begin(&proof);
	add(&proof, "bytes", 5);
	assert_true(proof_has(&proof, hash));
	proof_keep(&proof);
	begin(&proof);
	assert_false(proof_repeats(&proof));
	add(&proof, "byte", 4);
	assert_false(proof_repeats(&proof) || proof_has(&proof, hash));
	add(&proof, "s", 1);
	assert_true(proof_repeats(&proof) && proof_has(&proof, hash));
	add(&proof, "", 0);
	assert_true(proof_repeats(&proof));
	proof_fini(&proof);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(the_last_bytes_are_kept),
		cmocka_unit_test(an_end_like_the_words_of_an_error_is_doubtful),
		cmocka_unit_test(a_second_reading_is_the_first_again),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
