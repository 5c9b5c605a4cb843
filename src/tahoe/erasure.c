#include "tahoe/erasure.h"

#include <assert.h>

#include <isa-l/erasure_code.h>

/*
 * With V the n x k matrix of zfec (point below) and top(V) its first k rows, zfec encodes by
 * V / top(V), so that the first k blocks are the data.  Blocks whose rows of V make up W are turned
 * into others, whose rows make up U, by U / W: encoding has W = top(V), decoding U = top(V), less
 * the rows of data that is among the blocks already.
 */

enum {
	TABLE_SIZE = 32,    /* bytes that ISA-L wants for each coefficient */
	STEP_MAX = 1 << 30, /* ISA-L counts in int */
};

struct erasure {
	unsigned k;
	unsigned char numbers[ERASURE_BLOCKS_MAX]; /* of the k blocks that are there */
	unsigned missing_count;
	unsigned char missing[ERASURE_BLOCKS_MAX]; /* the blocks to be made, in rising order */
	unsigned char *tables; /* of ISA-L, behind the struct: missing x k, by themselves for each
				  group of missing blocks */
};

/* Row `number` of V holds the powers of this, from the 0th on. */
static unsigned char point(unsigned number)
{
	unsigned char power = number > 0;
	for (unsigned i = 1; i < number; i++)
		power = gf_mul(power, 2);
	return power;
}

/* Stores the rows `numbers` of V. */
static void take_rows(const unsigned char *numbers, size_t count, size_t k, unsigned char *matrix)
{
	for (size_t i = 0; i < count; i++) {
		const unsigned char base = point(numbers[i]);
		unsigned char *row = matrix + i * k;
		row[0] = 1;
		for (size_t j = 1; j < k; j++)
			row[j] = gf_mul(row[j - 1], base);
	}
}

/* Replaces `left`, of rows x k, by left x `right`, of k x k.  `tables` is scratch. */
static void multiply(unsigned char *left, size_t rows, unsigned char *right, size_t k,
		     unsigned char *tables)
{
	unsigned char *in[ERASURE_BLOCKS_MAX], *out[ERASURE_BLOCKS_MAX];
	for (size_t i = 0; i < k; i++)
		in[i] = right + i * k;
	for (size_t i = 0; i < rows; i++)
		out[i] = left + i * k;
	ec_init_tables((int)k, (int)rows, left, tables);
	ec_encode_data((int)k, (int)k, (int)rows, tables, in, out);
}

/* The tables of the group that begins with the missing block `at`. */
static unsigned char *tables_of(const struct erasure *erasure, size_t at)
{
	return erasure->tables + at * erasure->k * TABLE_SIZE;
}

static enum fault make_tables(struct erasure *erasure, struct err *err)
{
	const size_t k = erasure->k, rows = erasure->missing_count;
	unsigned char *matrix = malloc((2 * k + rows) * k);
	if (!matrix)
		return err_set(err, FAULT_NOMEM, "no memory for the matrix of an erasure code");
	unsigned char *inverse = matrix + k * k, *wanted = inverse + k * k;
	take_rows(erasure->numbers, k, k, matrix);
	const int singular = gf_invert_matrix(matrix, inverse, (int)k);
	assert(!singular); /* the points of different numbers differ */
	(void)singular;
	take_rows(erasure->missing, rows, k, wanted);
	multiply(wanted, rows, inverse, k, erasure->tables);
	for (size_t at = 0; at < rows; at += ERASURE_GROUP)
		ec_init_tables((int)k, (int)min_u64(rows - at, ERASURE_GROUP), wanted + at * k,
			       tables_of(erasure, at));
	free(matrix);
	return FAULT_NONE;
}

static bool is_code(unsigned k, unsigned n) { return k >= 1 && k <= n && n <= ERASURE_BLOCKS_MAX; }

static enum fault check_numbers(unsigned k, unsigned n, const unsigned char *numbers,
				struct err *err)
{
	if (!is_code(k, n))
		return err_set(err, FAULT_USAGE, "no erasure code has %u of %u blocks", k, n);
	for (unsigned i = 0; i < k; i++) {
		if (numbers[i] >= n)
			return err_set(err, FAULT_USAGE, "block %u of %u does not exist",
				       numbers[i], n);
		if (memchr(numbers, numbers[i], i))
			return err_set(err, FAULT_USAGE, "block %u is given twice", numbers[i]);
	}
	return FAULT_NONE;
}

/* Prepares making those of the blocks from `first` to before `end` that are not there. */
static enum fault prepare(const struct erasure *with, unsigned first, unsigned end,
			  struct erasure **erasure, struct err *err)
{
	const size_t tables = (size_t)TABLE_SIZE * with->k * (end - first);
	struct erasure *made = malloc(sizeof *made + tables);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for an erasure code");
	*made = *with;
	made->tables = (unsigned char *)(made + 1);
	for (unsigned i = first; i < end; i++)
		if (!memchr(made->numbers, (int)i, made->k))
			made->missing[made->missing_count++] = (unsigned char)i;
	enum fault fault = made->missing_count > 0 ? make_tables(made, err) : FAULT_NONE;
	if (fault)
		erasure_free(made);
	else
		*erasure = made;
	return fault;
}

enum fault erasure_new(unsigned k, unsigned n, const unsigned char *numbers,
		       struct erasure **erasure, struct err *err)
{
	struct erasure with = { .k = k };
	enum fault fault = check_numbers(k, n, numbers, err);
	if (fault)
		return fault;
	memcpy(with.numbers, numbers, k);
	return prepare(&with, 0, k, erasure, err);
}

enum fault erasure_new_encoder(unsigned k, unsigned n, struct erasure **erasure, struct err *err)
{
	struct erasure with = { .k = k };
	if (!is_code(k, n))
		return err_set(err, FAULT_USAGE, "no erasure code has %u of %u blocks", k, n);
	for (unsigned i = 0; i < k; i++)
		with.numbers[i] = (unsigned char)i;
	return prepare(&with, k, n, erasure, err);
}

void erasure_free(struct erasure *erasure) { free(erasure); }

/* Stores the group of blocks that begins with the missing block `at`, in `to`, and returns how many
 * they are.  ISA-L keeps to the size, whatever it is. */
static unsigned make_group(const struct erasure *erasure, unsigned at,
			   const unsigned char *const *blocks, size_t size,
			   unsigned char *const *to)
{
	const unsigned k = erasure->k;
	const unsigned rows = (unsigned)min_u64(erasure->missing_count - at, ERASURE_GROUP);
	unsigned char *from[ERASURE_BLOCKS_MAX], *into[ERASURE_GROUP];
	memcpy(from, blocks, k * sizeof *from); /* ISA-L lacks the const, but only reads them */
	memcpy(into, to, rows * sizeof *into);
	while (size > 0) {
		const size_t step = size > STEP_MAX ? STEP_MAX : size;
		ec_encode_data((int)step, (int)k, (int)rows, tables_of(erasure, at), from, into);
		for (unsigned i = 0; i < k; i++)
			from[i] += step;
		for (unsigned i = 0; i < rows; i++)
			into[i] += step;
		size -= step;
	}
	return rows;
}

void erasure_decode(const struct erasure *erasure, const unsigned char *const *blocks, size_t size,
		    unsigned char *out)
{
	unsigned char *to[ERASURE_BLOCKS_MAX];
	for (unsigned i = 0; i < erasure->k; i++)
		if (erasure->numbers[i] < erasure->k)
			memcpy(out + erasure->numbers[i] * size, blocks[i], size);
	for (unsigned i = 0; i < erasure->missing_count; i++)
		to[i] = out + erasure->missing[i] * size;
	for (unsigned at = 0; at < erasure->missing_count;)
		at += make_group(erasure, at, blocks, size, to + at);
}

unsigned erasure_encode(const struct erasure *erasure, unsigned first, const unsigned char *data,
			size_t size, unsigned char *out)
{
	const unsigned char *blocks[ERASURE_BLOCKS_MAX];
	unsigned char *to[ERASURE_GROUP];
	for (unsigned i = 0; i < erasure->k; i++)
		blocks[i] = data + i * size;
	for (unsigned i = 0; i < ERASURE_GROUP; i++)
		to[i] = out + i * size;
	return make_group(erasure, first - erasure->k, blocks, size, to);
}
