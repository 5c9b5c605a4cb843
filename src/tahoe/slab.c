#include "tahoe/slab.h"

#include "tahoe/chk_share.h"

enum {
	TAIL_MAX = 64 << 10, /* bytes behind the blocks that a row has room for beside them */
	ROW_NONE = ERASURE_BLOCKS_MAX,
};

/* Returns the room for a row, or 0.  Whole blocks fit, so that no share is ahead of another. */
static uint64_t stride_of(const struct slab_shape *shape)
{
	const struct chk_params *params = shape->params;
	struct chk_layout layout;
	struct err err;
	if (chk_layout_of(params, shape->size, &layout, &err))
		return 0;
	const uint64_t block = layout.segment_size / params->k;
	const uint64_t tail = layout.share_size - layout.data_offset - layout.data_size;
	const uint64_t room = min_u64(SLAB_ROW, shape->most / params->n);
	const uint64_t blocks = max_u64(room / block, 1) * block;
	const uint64_t beside = CHK_HEADER_MAX + (tail <= TAIL_MAX ? tail : 0);
	return min_u64(layout.share_size, blocks + beside);
}

uint64_t slab_memory(const struct slab_shape *shape) { return stride_of(shape) * shape->params->n; }

struct slab *slab_new(const struct slab_shape *shape)
{
	const uint64_t stride = stride_of(shape);
	struct slab *slab = stride > 0 ? calloc(1, sizeof *slab) : NULL;
	if (!slab)
		return NULL;
	slab->stride = (size_t)stride;
	slab->rows = shape->params->n;
	slab->data = malloc(slab->stride * slab->rows);
	if (slab->data)
		return slab;
	free(slab);
	return NULL;
}

void slab_free(struct slab *slab)
{
	if (!slab)
		return;
	free(slab->data);
	free(slab);
}

/* Hands the open slab on, and opens another.  False: nobody wants the rest. */
static bool next_slab(struct slab_writer *writer)
{
	slab_writer_end(writer);
	writer->slab = writer->room(writer->context);
	if (!writer->slab)
		return false;
	writer->slab->used = 0;
	for (unsigned i = 0; i < ERASURE_BLOCKS_MAX; i++)
		writer->row_of[i] = ROW_NONE;
	return true;
}

/* Returns a new row for what comes next of a share, or NULL. */
static struct slab_row *next_row(struct slab_writer *writer, unsigned share, uint64_t offset)
{
	struct slab *slab = writer->slab;
	if ((!slab || slab->used == slab->rows) && !next_slab(writer))
		return NULL;
	slab = writer->slab;
	writer->row_of[share] = (uint16_t)slab->used;
	struct slab_row *row = &slab->row[slab->used++];
	*row = (struct slab_row){ .share = share, .offset = offset };
	return row;
}

static struct slab_row *open_row(const struct slab_writer *writer, unsigned share)
{
	const unsigned row = writer->slab ? writer->row_of[share] : ROW_NONE;
	return row == ROW_NONE ? NULL : &writer->slab->row[row];
}

/* What fits into a row is not cut. */
enum fault slab_writer_take(void *user, const struct chk_piece *piece, struct err *err)
{
	struct slab_writer *writer = user;
	const unsigned char *from = piece->data;
	size_t left = writer->wanted[piece->share] ? piece->size : 0;
	uint64_t offset = piece->offset;
	while (left > 0) {
		struct slab_row *row = open_row(writer, piece->share);
		size_t room = row ? writer->slab->stride - row->size : 0;
		if (room < left && (room == 0 || left <= writer->slab->stride)) {
			row = next_row(writer, piece->share, offset);
			if (!row)
				return err_set(err, FAULT_CANCELLED, "nobody wants the rest of it");
			room = writer->slab->stride;
		}
		const size_t count = room < left ? room : left;
		unsigned char *to = writer->slab->data +
				    (size_t)(row - writer->slab->row) * writer->slab->stride;
		memcpy(to + row->size, from, count);
		row->size += count;
		from += count;
		offset += count;
		left -= count;
	}
	return FAULT_NONE;
}

void slab_writer_end(struct slab_writer *writer)
{
	if (writer->slab)
		writer->filled(writer->context, writer->slab);
	writer->slab = NULL;
}
