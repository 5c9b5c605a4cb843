#include "tahoe/erasure.h"

#include <assert.h>

#include <isa-l/erasure_code.h>

/*
 * With V the n x k matrix of zfec (point below) and top(V) its first k rows, zfec encodes by
 * V / top(V), so that the first k blocks are the data.  Blocks whose rows of V make up W are
 * turned back by top(V) / W; of that, only the rows of data that is not among the blocks are made.
 */

enum {
	TABLE_SIZE = 32,    /* bytes that ISA-L wants for each coefficient */
	STEP_MAX = 1 << 30, /* ISA-L counts in int */
};

struct erasure {
	unsigned k;
	unsigned char numbers[ERASURE_BLOCKS_MAX]; /* of the k blocks */
	unsigned missing_count;
	unsigned char missing[ERASURE_BLOCKS_MAX]; /* the primary blocks not among them */
	unsigned char *tables;                     /* of ISA-L, behind the struct: missing x k */
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

static enum fault make_tables(struct erasure *erasure, struct err *err)
{
	const size_t k = erasure->k, rows = erasure->missing_count;
	unsigned char *matrix = malloc(2 * k * k);
	if (!matrix)
		return err_set(err, FAULT_NOMEM, "no memory for the matrix of an erasure code");
	unsigned char *inverse = matrix + k * k;
	take_rows(erasure->numbers, k, k, matrix);
	const int singular = gf_invert_matrix(matrix, inverse, (int)k);
	assert(!singular); /* the points of different numbers differ */
	(void)singular;
	take_rows(erasure->missing, rows, k, matrix);
	multiply(matrix, rows, inverse, k, erasure->tables);
	ec_init_tables((int)k, (int)rows, matrix, erasure->tables);
	free(matrix);
	return FAULT_NONE;
}

/* Stores which blocks are there. */
static enum fault check_numbers(unsigned k, unsigned n, const unsigned char *numbers,
				bool there[ERASURE_BLOCKS_MAX], struct err *err)
{
	if (k < 1 || k > n || n > ERASURE_BLOCKS_MAX)
		return err_set(err, FAULT_USAGE, "no erasure code has %u of %u blocks", k, n);
	for (unsigned i = 0; i < k; i++) {
		if (numbers[i] >= n)
			return err_set(err, FAULT_USAGE, "block %u of %u does not exist",
				       numbers[i], n);
		if (there[numbers[i]])
			return err_set(err, FAULT_USAGE, "block %u is given twice", numbers[i]);
		there[numbers[i]] = true;
	}
	return FAULT_NONE;
}

enum fault erasure_new(unsigned k, unsigned n, const unsigned char *numbers,
		       struct erasure **erasure, struct err *err)
{
	bool there[ERASURE_BLOCKS_MAX] = { false };
	enum fault fault = check_numbers(k, n, numbers, there, err);
	if (fault)
		return fault;
	unsigned missing_count = 0;
	for (unsigned i = 0; i < k; i++)
		missing_count += !there[i];
	struct erasure *made = calloc(1, sizeof *made + (size_t)TABLE_SIZE * k * missing_count);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for an erasure code");
	made->k = k;
	made->tables = (unsigned char *)(made + 1);
	memcpy(made->numbers, numbers, k);
	for (unsigned i = 0; i < k; i++)
		if (!there[i])
			made->missing[made->missing_count++] = (unsigned char)i;
	if (missing_count > 0)
		fault = make_tables(made, err);
	if (fault)
		erasure_free(made);
	else
		*erasure = made;
	return fault;
}

void erasure_free(struct erasure *erasure) { free(erasure); }

/* Stores the blocks that are missing.  ISA-L keeps to the size, whatever it is. */
static void compute(const struct erasure *erasure, const unsigned char *const *blocks, size_t size,
		    unsigned char *out)
{
	const unsigned k = erasure->k, rows = erasure->missing_count;
	unsigned char *from[ERASURE_BLOCKS_MAX], *to[ERASURE_BLOCKS_MAX];
	memcpy(from, blocks, k * sizeof *from); /* ISA-L lacks the const, but only reads them */
	for (unsigned i = 0; i < rows; i++)
		to[i] = out + erasure->missing[i] * size;
	while (size > 0) {
		const size_t step = size > STEP_MAX ? STEP_MAX : size;
		ec_encode_data((int)step, (int)k, (int)rows, erasure->tables, from, to);
		for (unsigned i = 0; i < k; i++)
			from[i] += step;
		for (unsigned i = 0; i < rows; i++)
			to[i] += step;
		size -= step;
	}
}

void erasure_decode(const struct erasure *erasure, const unsigned char *const *blocks, size_t size,
		    unsigned char *out)
{
	for (unsigned i = 0; i < erasure->k; i++)
		if (erasure->numbers[i] < erasure->k)
			memcpy(out + erasure->numbers[i] * size, blocks[i], size);
	if (erasure->missing_count > 0)
		compute(erasure, blocks, size, out);
}
