#include "direct/direct_call.h"

/* Bytes of a segment, and of its block in one share. */
static size_t segment_bytes(const struct chk_layout *layout, uint64_t index)
{
	return index == layout->segment_count - 1 ? layout->tail_size : layout->segment_size;
}

static size_t block_bytes(const struct direct_call *call, uint64_t index)
{
	size_t k = call->cap.needed;
	return (segment_bytes(&call->shares->layout, index) + k - 1) / k;
}

/* Puts the blocks of a segment together.  Returns it; NULL: no memory. */
static unsigned char *join(struct direct_call *call, size_t skip, size_t block)
{
	const struct direct_shares *shares = call->shares;
	const unsigned char *from[ERASURE_BLOCKS_MAX];
	unsigned k = call->cap.needed;
	for (unsigned i = 0; i < k; i++)
		from[i] = call->buffer + i * call->stride + skip;
	if (k == 1)
		return call->buffer + skip;
	if (!call->segment)
		call->segment = malloc(shares->layout.segment_size);
	if (!call->segment)
		return NULL;
	if (shares->erasure)
		erasure_decode(shares->erasure, from, block, call->segment);
	for (unsigned i = 0; i < k && !shares->erasure; i++)
		memcpy(call->segment + shares->number[i] * block, from[i], block);
	return call->segment;
}

enum delivery {
	DELIVERED,
	DELIVERY_DAMAGED, /* or no memory: not to be had this way */
	DELIVERY_REFUSED, /* by the sink */
};

/* Proves and decrypts a segment whose blocks lie `skip` bytes into the room of each share; delivers
 * what is wanted of it. */
static enum delivery deliver(struct direct_call *call, uint64_t index, size_t skip)
{
	const struct chk_layout *layout = &call->shares->layout;
	struct chk_cipher *cipher = &call->own.direct->cipher;
	uint64_t start = index * layout->segment_size;
	size_t size = segment_bytes(layout, index);
	unsigned char *data = join(call, skip, block_bytes(call, index));
	struct err err;
	if (!data || chk_checker_segment(call->shares->checker, index, data, size, &err))
		return DELIVERY_DAMAGED;
	chk_cipher_start(cipher, call->cap.key, start);
	chk_cipher_apply(cipher, data, data, size);
	uint64_t end = min_u64(start + size, call->end);
	if (!call->sink(call->sink_context, data + (call->at - start), (size_t)(end - call->at)))
		return DELIVERY_REFUSED;
	call->at = end;
	return DELIVERED;
}

enum direct_next direct_deliver(struct direct_call *call)
{
	enum delivery delivery = DELIVERED;
	while (call->count > 0 && call->at < call->end && !delivery && !call->paused) {
		delivery = deliver(call, call->first, call->skip);
		call->skip += block_bytes(call, call->first);
		call->first++;
		call->count--;
	}
	if (delivery == DELIVERY_REFUSED)
		return DIRECT_REFUSED;
	if (delivery == DELIVERY_DAMAGED && call->cap.needed == 1) {
		direct_doubt_share(call, 0);
		return DIRECT_AGAIN;
	}
	if (delivery == DELIVERY_DAMAGED) {
		direct_doubt(call);
		return DIRECT_GIVE_UP;
	}
	if (call->paused && call->at < call->end)
		return DIRECT_WAIT;
	direct_trust(call);
	return DIRECT_READ;
}

static enum direct_next stripe_came(struct direct_call *call)
{
	call->skip = 0;
	return DIRECT_DELIVER;
}

/*
 * A file of k = 3, segments of three blocks; what is asked for at once is a stripe of whole
 * segments, one request to each server:
 *
 *   file      | segment 0       | segment 1       | segment 2 ...
 *   share 0   header | block 0.0 | block 1.0 | block 2.0 ...
 *   share 1   header | block 0.1 | block 1.1 | block 2.1 ...
 *   share 2   header | block 0.2 | block 1.2 | block 2.2 ...
 *                    ^ data_offset + first * block, (count - 1) * block + the last one's bytes
 */
enum direct_next direct_read(struct direct_call *call)
{
	const struct chk_layout *layout = &call->shares->layout;
	unsigned k = call->cap.needed;
	if (call->at == call->end)
		return DIRECT_END;
	uint64_t last = (call->end - 1) / layout->segment_size;
	call->first = call->at / layout->segment_size;
	uint64_t stripe = (DIRECT_STRIPE + layout->segment_size / 2) / layout->segment_size;
	call->count = min_u64(last - call->first + 1, stripe);
	size_t block = layout->segment_size / k;
	size_t size = (size_t)(call->count - 1) * block +
		      block_bytes(call, call->first + call->count - 1);
	call->step = stripe_came;
	call->otherwise = DIRECT_AGAIN;
	bool asked = direct_make_room(call, k, size);
	for (unsigned i = 0; i < k && asked; i++)
		asked = direct_ask_bytes(call, i, layout->data_offset + call->first * block);
	return asked ? DIRECT_WAIT : DIRECT_GIVE_UP;
}
