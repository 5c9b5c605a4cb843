#include "tahoe/chk.h"

#include "tests/unit/facts.h"

/* The caps were made by the encoder of tahoe-lafs 1.20.0 from the bytes of `pattern`. */
struct vector {
	size_t size;
	uint16_t k, n;
	uint32_t segment;
	bool secret; /* 00 01 .. 1f, else none */
	const char *cap;
};

static const struct vector vectors[] = {
	{ 56, 1, 1, 1048576, true,
	  "URI:CHK:zm56h77udlyqjojsd64k7h4kpa:z544ugzpkwzfkmsz7hje4dxpx42hi2ec4a54am2j6ie6tmd3gz2a"
	  ":1:1:56" },
	{ 131073, 1, 1, 131072, true,
	  "URI:CHK:ytl4w5vq3zb4bjx4ze43bg2q7q:hydnlcxerku6rifkdidrv4zjos3bna6nvwsip2vpawy53ojvumrq"
	  ":1:1:131073" },
	{ 131073, 1, 1, 1048576, false,
	  "URI:CHK:ebbyqhkmwokuygc62inkcnqhsi:t6bc55ktsx5ox2qy7kyq4czd7hjzuqrgguimn6rxkmdyn2w55joq"
	  ":1:1:131073" },
	{ 1048577, 1, 1, 1048576, true,
	  "URI:CHK:r2hjf6ktay7pwqk34fmsbbrdqy:zbwzh6bh2bm5dxgqfbt5gqynyaxptambpy5rn26ejiw2lib6vj7q"
	  ":1:1:1048577" },
	{ 300000, 1, 1, 65536, true,
	  "URI:CHK:vbh4eluc43xpwtg5wdoyhdjjqa:udhblzzhorxexi4u6vfm4sqdft2gjr7cy2ta7vbaehzanqt3zu3q"
	  ":1:1:300000" },
	{ 56, 3, 10, 1048576, true,
	  "URI:CHK:lgvqav6a6fewbzjxwxlirgcj4y:3afu64g3kps56f6vkylflbdfvid7mdsfldbofjxciopeeprx2nhq"
	  ":3:10:56" },
	{ 131073, 3, 10, 131072, true,
	  "URI:CHK:wxcf7k742n6nd2yuh2mdrpsxvu:nge6dnbtk2sxyfxpifm7qdsgv2jskg7ymom66plgrkkvf6msdmua"
	  ":3:10:131073" },
	{ 131073, 2, 3, 65536, true,
	  "URI:CHK:y37eq4i3akwp4qa4e6j5qxrsku:e6ioke6y2m2wvbyfh4l56ihfre4sxk32wcqcuudb65vo4szmoizq"
	  ":2:3:131073" },
	{ 131073, 2, 10, 1048576, true,
	  "URI:CHK:44slgxrwqftmwrwcdskpoqoc64:gyqqttuucadbiqwsmgrmorathrxl3kyjpi33lzw6ovht5nqbrh5a"
	  ":2:10:131073" },
};

static unsigned char *pattern(size_t size)
{
	unsigned char *data = malloc(size + 1);
	assert_non_null(data);
	for (size_t i = 0; i < size; i++)
		data[i] = (unsigned char)(i * 7 + (i >> 8) * 13 + (i >> 16));
	return data;
}

static struct chk_params params_of(const struct vector *vector)
{
	struct chk_params params = { .k = vector->k,
				     .n = vector->n,
				     .max_segment_size = vector->segment };
	params.secret_size = vector->secret ? CHK_SECRET_MAX : 0;
	for (size_t i = 0; i < params.secret_size; i++)
		params.secret[i] = (unsigned char)i;
	return params;
}

static void makes_the_keys_of_tahoe(void **state)
{
	(void)state;
	struct chk_key key;
	struct err err;
	assert_int_equal(chk_key_init(&key, &err), FAULT_NONE);
	for (size_t i = 0; i < ARRAY_COUNT(vectors); i++) {
		const struct chk_params params = params_of(&vectors[i]);
		const size_t size = vectors[i].size, half = size / 2;
		unsigned char *data = pattern(size), made[CAP_KEY_SIZE];
		struct cap cap;
		assert_int_equal(chk_key_start(&key, &params, size, &err), FAULT_NONE);
		assert_int_equal(chk_key_update(&key, data, half, &err), FAULT_NONE);
		assert_int_equal(chk_key_update(&key, data + half, size - half, &err), FAULT_NONE);
		assert_int_equal(chk_key_final(&key, made, &err), FAULT_NONE);
		assert_int_equal(cap_parse(vectors[i].cap, strlen(vectors[i].cap), &cap, &err),
				 FAULT_NONE);
		assert_memory_equal(made, cap.key, sizeof made);
		free(data);
	}
	chk_key_fini(&key);
	chk_key_fini(NULL);
}

static void makes_the_caps_of_tahoe(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(vectors); i++) {
		const struct chk_params params = params_of(&vectors[i]);
		unsigned char *data = pattern(vectors[i].size);
		struct cap cap;
		char text[CAP_TEXT_SIZE];
		struct err err;
		enum fault fault = chk_cap_of(&params, data, vectors[i].size, &cap, &err);
		assert_int_equal(fault, FAULT_NONE);
		if (!fault) {
			cap_print(&cap, text);
			assert_string_equal(text, vectors[i].cap);
		}
		free(data);
	}
}

static void make_cap(struct chk_encoder *encoder, const struct vector *vector, struct cap *cap)
{
	const struct chk_params params = params_of(vector);
	unsigned char *data = pattern(vector->size);
	struct cap known;
	struct err err;
	assert_int_equal(cap_parse(vector->cap, strlen(vector->cap), &known, &err), FAULT_NONE);
	assert_int_equal(chk_encoder_start(encoder, &params, vector->size, known.key, &err),
			 FAULT_NONE);
	assert_int_equal(chk_encoder_update(encoder, data, vector->size, &err), FAULT_NONE);
	assert_int_equal(chk_encoder_final(encoder, cap, &err), FAULT_NONE);
	free(data);
}

/* Whatever an encoder was used for before: another size, k or n. */
static void one_encoder_makes_them_all_in_any_order(void **state)
{
	(void)state;
	static const uint16_t others[][2] = { { 2, 10 }, { 3, 10 }, { 3, 9 }, { 3, 10 }, { 1, 1 } };
	struct chk_encoder *encoder = NULL;
	struct cap cap;
	struct err err;
	char text[CAP_TEXT_SIZE];
	assert_int_equal(chk_encoder_new(&encoder, &err), FAULT_NONE);
	for (size_t i = 0; i < 2 * ARRAY_COUNT(vectors); i++) {
		const size_t back = 2 * ARRAY_COUNT(vectors) - 1 - i;
		const struct vector *vector = &vectors[i < back ? i : back];
		make_cap(encoder, vector, &cap);
		cap_print(&cap, text);
		assert_string_equal(text, vector->cap);
	}
	for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
		struct vector vector = vectors[6];
		struct chk_encoder *fresh = NULL;
		struct cap expected;
		vector.k = others[i][0];
		vector.n = others[i][1];
		make_cap(encoder, &vector, &cap);
		assert_int_equal(chk_encoder_new(&fresh, &err), FAULT_NONE);
		make_cap(fresh, &vector, &expected);
		assert_true(cap_equal(&cap, &expected));
		chk_encoder_free(fresh);
	}
	chk_encoder_free(encoder);
}

static void short_files_are_literal(void **state)
{
	(void)state;
	const struct chk_params params = params_of(&vectors[5]);
	unsigned char *data = pattern(LITERAL_SIZE_MAX + 1);
	struct cap cap;
	struct err err;
	char text[CAP_TEXT_SIZE];
	assert_int_equal(chk_cap_of(&params, NULL, 0, &cap, &err), FAULT_NONE);
	cap_print(&cap, text);
	assert_string_equal(text, "URI:LIT:");
	assert_int_equal(chk_cap_of(&params, "hello", 5, &cap, &err), FAULT_NONE);
	cap_print(&cap, text);
	assert_string_equal(text, "URI:LIT:nbswy3dp");
	assert_int_equal(chk_cap_of(&params, data, LITERAL_SIZE_MAX, &cap, &err), FAULT_NONE);
	assert_int_equal(cap.kind, CAP_LIT);
	assert_int_equal(chk_cap_of(&params, data, LITERAL_SIZE_MAX + 1, &cap, &err), FAULT_NONE);
	assert_int_equal(cap.kind, CAP_CHK);
	free(data);
}

/* A sink of the encoder, share by share. */
static enum fault compare_piece(void *user, const struct chk_piece *piece, struct err *err)
{
	const struct chk_shares *shares = user;
	(void)err;
	assert_true(piece->share < shares->count);
	assert_memory_equal(shares->data + piece->share * shares->share_size + piece->offset,
			    piece->data, piece->size);
	return FAULT_NONE;
}

static void compare_shares(const struct vector *vector, uint16_t n)
{
	struct chk_params params = params_of(vector);
	const size_t size = vector->size;
	unsigned char *data = pattern(size);
	struct chk_shares *shares = NULL;
	struct chk_encoder *encoder = NULL;
	struct cap cap;
	struct err err;
	params.n = n;
	assert_int_equal(chk_shares_of(&params, data, size, &shares, &err), FAULT_NONE);
	assert_int_equal(shares->count, n);
	assert_int_equal(shares->count * shares->share_size, chk_shares_size(&params, size));
	assert_int_equal(chk_encoder_new(&encoder, &err), FAULT_NONE);
	assert_int_equal(chk_encoder_start(encoder, &params, size, shares->cap.key, &err),
			 FAULT_NONE);
	chk_encoder_set_sink(encoder, compare_piece, shares);
	assert_int_equal(chk_encoder_update(encoder, data, size, &err), FAULT_NONE);
	assert_int_equal(chk_encoder_final(encoder, &cap, &err), FAULT_NONE);
	assert_true(cap_equal(&cap, &shares->cap));
	if (n == vector->n) {
		char text[CAP_TEXT_SIZE];
		cap_print(&cap, text);
		assert_string_equal(text, vector->cap);
	}
	chk_encoder_free(encoder);
	chk_shares_free(shares);
	free(data);
}

static void shares_in_memory_are_those_of_the_encoder(void **state)
{
	(void)state;
	compare_shares(&vectors[6], 10);
	compare_shares(&vectors[4], 1);
	compare_shares(&vectors[4], 4); /* all with the same blocks */
	chk_shares_free(NULL);
}

static void notices_another_length(void **state)
{
	(void)state;
	const struct chk_params params = params_of(&vectors[0]);
	struct chk_encoder *encoder = NULL;
	struct chk_key key;
	struct cap cap;
	struct err err;
	unsigned char *data = pattern(60), made[CAP_KEY_SIZE] = { 0 };
	assert_int_equal(chk_key_init(&key, &err), FAULT_NONE);
	assert_int_equal(chk_key_start(&key, &params, 57, &err), FAULT_NONE);
	assert_int_equal(chk_key_update(&key, data, 58, &err), FAULT_CHANGED);
	assert_int_equal(chk_key_update(&key, data, 56, &err), FAULT_NONE);
	assert_int_equal(chk_key_final(&key, made, &err), FAULT_CHANGED);
	assert_int_equal(chk_encoder_new(&encoder, &err), FAULT_NONE);
	assert_int_equal(chk_encoder_start(encoder, &params, 57, made, &err), FAULT_NONE);
	assert_int_equal(chk_encoder_update(encoder, data, 58, &err), FAULT_CHANGED);
	assert_int_equal(chk_encoder_update(encoder, data, 56, &err), FAULT_NONE);
	assert_int_equal(chk_encoder_final(encoder, &cap, &err), FAULT_CHANGED);
	chk_encoder_free(encoder);
	chk_key_fini(&key);
	free(data);
}

static void refuses_parameters_out_of_range(void **state)
{
	(void)state;
	const struct chk_params good = params_of(&vectors[0]);
	struct chk_layout layout;
	struct chk_key key;
	struct chk_params bad[] = { good, good, good, good, good };
	bad[0].k = 0;
	bad[1].k = 2;
	bad[2].n = 257;
	bad[3].max_segment_size = 0;
	bad[4].secret_size = CHK_SECRET_MAX + 1;
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(chk_layout_of(&bad[i], 100, &layout, NULL), FAULT_USAGE);
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_int_equal(chk_trees_size(&bad[i], 100), 0);
		assert_int_equal(chk_shares_size(&bad[i], 100), 0);
		assert_int_equal(chk_key_start(&key, &bad[i], 100, NULL), FAULT_USAGE);
	}
	assert_int_equal(chk_layout_of(&good, 0, &layout, NULL), FAULT_USAGE);
	assert_int_equal(chk_layout_of(&good, UINT64_MAX / 2 + 1, &layout, NULL), FAULT_USAGE);
	assert_int_equal(chk_layout_of(&good, 100, &layout, NULL), FAULT_NONE);
	/* A segment is a multiple of k, and has to be one that a number of 32 bits can say. */
	struct chk_params wide = { .k = 2, .n = 256, .max_segment_size = UINT32_MAX };
	assert_int_equal(chk_layout_of(&wide, UINT64_C(1) << 33, &layout, NULL), FAULT_USAGE);
	wide.max_segment_size = UINT32_MAX - 1;
	assert_int_equal(chk_layout_of(&wide, UINT64_C(1) << 33, &layout, NULL), FAULT_NONE);
	const struct chk_params tiny = { .k = 1, .n = 1, .max_segment_size = 1 };
	assert_int_equal(chk_layout_of(&tiny, 3, &layout, NULL), FAULT_NONE);
	assert_int_equal(layout.segment_count, 3);
	assert_int_equal(layout.tail_size, 1);
}

/* Computed by hand: trees of 8 leaves have 15 nodes; over the segments, and of each share one. */
static void trees_are_counted(void **state)
{
	(void)state;
	struct chk_params params = { .k = 1, .n = 10, .max_segment_size = 65536 };
	assert_int_equal(chk_trees_size(&params, 300000), 2 * 15 * DIGEST_SIZE);
	params.k = 3;
	assert_int_equal(chk_trees_size(&params, 300000), 11 * 15 * DIGEST_SIZE);
}

static void turns_wide_beyond_4_gib(void **state)
{
	(void)state;
	const struct chk_params params = params_of(&vectors[0]);
	struct chk_layout layout;
	assert_int_equal(chk_layout_of(&params, 56, &layout, NULL), FAULT_NONE);
	assert_int_equal(layout.share_size, 531);
	assert_int_equal(chk_layout_of(&params, 300000, &layout, NULL), FAULT_NONE);
	assert_int_equal(layout.share_size, 300493);
	assert_int_equal(chk_layout_of(&params, 5000000, &layout, NULL), FAULT_NONE);
	assert_int_equal(layout.share_size, 5001840);
	assert_false(layout.wide);
	assert_int_equal(chk_layout_of(&params, 1ull << 32, &layout, NULL), FAULT_NONE);
	assert_true(layout.wide);
	assert_int_equal(layout.data_offset, 68);
}

static enum fault keep(void *user, const struct chk_piece *piece, struct err *err)
{
	struct bytes *share = user;
	assert_int_equal(piece->share, 0);
	assert_int_equal(piece->offset, share->size);
	return bytes_err(bytes_append(share, piece->data, piece->size), err, "the share");
}

/* Encodes vector 4, five segments, in uneven steps. */
static void make_share(struct bytes *share, struct cap *cap, struct chk_layout *layout)
{
	const struct chk_params params = params_of(&vectors[4]);
	const size_t size = vectors[4].size;
	unsigned char *data = pattern(size);
	struct chk_encoder *encoder = NULL;
	struct err err;
	assert_int_equal(cap_parse(vectors[4].cap, strlen(vectors[4].cap), cap, &err), FAULT_NONE);
	assert_int_equal(chk_layout_of(&params, size, layout, &err), FAULT_NONE);
	assert_int_equal(chk_encoder_new(&encoder, &err), FAULT_NONE);
	assert_int_equal(chk_encoder_start(encoder, &params, 100, cap->key, &err), FAULT_NONE);
	for (int round = 0; round < 2; round++) { /* with an encoder used for less, and as much */
		assert_int_equal(chk_encoder_start(encoder, &params, size, cap->key, &err),
				 FAULT_NONE);
		chk_encoder_set_sink(encoder, keep, share);
		for (size_t at = 0, step = 1; at < size; at += step, step = step * 2 + 1) {
			step = step < size - at ? step : size - at;
			assert_int_equal(chk_encoder_update(encoder, data + at, step, &err),
					 FAULT_NONE);
		}
		struct cap made;
		assert_int_equal(chk_encoder_final(encoder, &made, &err), FAULT_NONE);
		assert_true(cap_equal(&made, cap));
		assert_int_equal(share->size, layout->share_size);
		if (round == 0)
			bytes_fini(share);
	}
	chk_encoder_free(encoder);
	free(data);
}

static void a_share_decrypts_at_any_offset(void **state)
{
	(void)state;
	struct bytes share;
	struct cap cap;
	struct chk_layout layout;
	struct chk_cipher cipher;
	struct err err;
	bytes_init(&share, 1000000);
	make_share(&share, &cap, &layout);
	unsigned char *data = pattern(vectors[4].size), part[1000];
	assert_int_equal(chk_cipher_init(&cipher, &err), FAULT_NONE);
	static const size_t offsets[] = { 0, 1, 15, 16, 17, 65535, 65536, 298999 };
	for (size_t i = 0; i < ARRAY_COUNT(offsets); i++) {
		chk_cipher_start(&cipher, cap.key, offsets[i]);
		chk_cipher_apply(&cipher, share.data + layout.data_offset + offsets[i], part,
				 sizeof part);
		assert_memory_equal(part, data + offsets[i], sizeof part);
	}
	chk_cipher_fini(&cipher);
	chk_cipher_fini(NULL);
	bytes_fini(&share);
	free(data);
}

static void the_checker_finds_every_flipped_bit(void **state)
{
	(void)state;
	struct bytes share;
	struct cap cap, verifier;
	struct chk_layout layout;
	struct chk_checker *checker = NULL;
	struct err err;
	bytes_init(&share, 1000000);
	make_share(&share, &cap, &layout);
	assert_true(cap_to_verifier(&cap, &verifier));
	unsigned char *segment = share.data + layout.data_offset;
	unsigned char *tail = segment + layout.data_size;
	assert_int_equal(chk_checker_new(&verifier, &layout, tail, &checker, &err), FAULT_NONE);
	for (uint64_t i = 0; i < layout.segment_count; i++) {
		unsigned char *at = segment + i * layout.segment_size;
		const bool last = i == layout.segment_count - 1;
		const size_t size = last ? layout.tail_size : layout.segment_size;
		assert_int_equal(chk_checker_segment(checker, i, at, size, &err), FAULT_NONE);
		at[size - 1] ^= 1;
		assert_int_equal(chk_checker_segment(checker, i, at, size, &err), FAULT_CORRUPT);
		assert_int_equal(chk_checker_segment(checker, i, at, size - 1, &err), FAULT_USAGE);
	}
	assert_int_equal(chk_checker_segment(checker, 99, segment, 1, &err), FAULT_USAGE);
	chk_checker_free(checker);
	chk_checker_free(NULL);
	checker = NULL;
	unsigned char *ueb = share.data + (layout.share_size - layout.ueb_size);
	unsigned char *hash = memmem(ueb, layout.ueb_size, "crypttext_hash:32:", 18);
	static const size_t places[] = { 0, 18 + 5 }; /* a name, a hash nothing else depends on */
	for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
		hash[places[i]] ^= 1;
		assert_int_equal(chk_checker_new(&cap, &layout, tail, &checker, &err),
				 FAULT_CORRUPT);
		hash[places[i]] ^= 1;
	}
	share.data[layout.block_tree_offset - 1 - 3 * 32] ^= 1; /* the last leaf: 5 of 8 are used */
	assert_int_equal(chk_checker_new(&cap, &layout, tail, &checker, &err), FAULT_CORRUPT);
	cap.size++;
	assert_int_equal(chk_checker_new(&cap, &layout, tail, &checker, &err), FAULT_USAGE);
	assert_null(checker);
	bytes_fini(&share);
}

static enum fault refuse(void *user, const struct chk_piece *piece, struct err *err)
{
	int *left = user;
	(void)piece;
	return --*left < 0 ? err_set(err, FAULT_FULL, "no more") : FAULT_NONE;
}

static void passes_the_faults_of_the_sink_on(void **state)
{
	(void)state;
	const struct chk_params params = params_of(&vectors[0]);
	unsigned char *data = pattern(56), key[CAP_KEY_SIZE] = { 0 };
	for (int allowed = 0; allowed <= 8; allowed++) {
		int left = allowed;
		struct chk_encoder *encoder = NULL;
		struct cap cap;
		struct err err;
		assert_int_equal(chk_encoder_new(&encoder, &err), FAULT_NONE);
		assert_int_equal(chk_encoder_start(encoder, &params, 56, key, &err), FAULT_NONE);
		chk_encoder_set_sink(encoder, refuse, &left);
		enum fault fault = chk_encoder_update(encoder, data, 56, &err);
		if (!fault)
			fault = chk_encoder_final(encoder, &cap, &err);
		/* header, data, zeros, two trees, chain, length, UEB */
		assert_int_equal(fault, allowed < 8 ? FAULT_FULL : FAULT_NONE);
		chk_encoder_free(encoder);
	}
	chk_encoder_free(NULL);
	free(data);
}

/* So a share that ends is always one of the cap. */
static void another_cap_than_expected_ends_no_share(void **state)
{
	(void)state;
	const struct chk_params params = params_of(&vectors[0]);
	unsigned char *data = pattern(56), key[CAP_KEY_SIZE] = { 0 };
	struct chk_encoder *encoder = NULL;
	struct cap cap = { 0 };
	struct err err;
	assert_int_equal(chk_encoder_new(&encoder, &err), FAULT_NONE);
	for (int right = 0; right < 2; right++) {
		const struct cap expected = cap;
		int left = right ? 8 : 2; /* header and data */
		assert_int_equal(chk_encoder_start(encoder, &params, 56, key, &err), FAULT_NONE);
		assert_int_equal(chk_encoder_update(encoder, data, 56, &err), FAULT_NONE);
		assert_int_equal(chk_encoder_final(encoder, &cap, &err), FAULT_NONE);
		assert_int_equal(chk_encoder_start(encoder, &params, 56, key, &err), FAULT_NONE);
		chk_encoder_set_sink(encoder, refuse, &left);
		chk_encoder_expect(encoder, &expected);
		assert_int_equal(chk_encoder_update(encoder, data, 56, &err), FAULT_NONE);
		assert_int_equal(chk_encoder_final(encoder, &cap, &err),
				 right ? FAULT_NONE : FAULT_CORRUPT);
		assert_int_equal(left, 0);
	}
	chk_encoder_free(encoder);
	free(data);
}

/* Whatever was in it before. */
static void a_literal_cap_holds_its_bytes_alone(void **state)
{
	struct cap cap, clean = { .kind = CAP_NONE };
	(void)state;
	memset(&cap, 0xff, sizeof cap);
	chk_literal("abc", 3, &cap);
	clean.kind = CAP_LIT;
	clean.size = 3;
	memcpy(clean.content, "abc", 3);
	assert_memory_equal(&cap, &clean, sizeof cap);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(makes_the_keys_of_tahoe),
		cmocka_unit_test(another_cap_than_expected_ends_no_share),
		cmocka_unit_test(makes_the_caps_of_tahoe),
		cmocka_unit_test(one_encoder_makes_them_all_in_any_order),
		cmocka_unit_test(short_files_are_literal),
		cmocka_unit_test(a_literal_cap_holds_its_bytes_alone),
		cmocka_unit_test(shares_in_memory_are_those_of_the_encoder),
		cmocka_unit_test(notices_another_length),
		cmocka_unit_test(refuses_parameters_out_of_range),
		cmocka_unit_test(trees_are_counted),
		cmocka_unit_test(turns_wide_beyond_4_gib),
		cmocka_unit_test(a_share_decrypts_at_any_offset),
		cmocka_unit_test(the_checker_finds_every_flipped_bit),
		cmocka_unit_test(passes_the_faults_of_the_sink_on),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
