#include "direct/direct_call.h"

enum { OLD_SEGMENT_SIZE = 128 << 10 }; /* before Tahoe-LAFS 1.19 */

/* With k = 1 every block is the file's; else the first k are. */
static bool needs_decoding(const struct direct_shares *shares)
{
	for (unsigned i = 0; i < shares->found && shares->found > 1; i++)
		if (shares->number[i] >= shares->found)
			return true;
	return false;
}

/* Proves the tree by what stands behind the data of a share. */
static bool prove(struct direct_call *call, const unsigned char *tail)
{
	struct direct_shares *shares = call->shares;
	struct err err;
	if (chk_checker_new(&call->cap, &shares->layout, tail, &shares->checker, &err))
		return false;
	if (!call->whole) /* other parts will be asked for */
		direct_shares_remember(call->own.direct, shares);
	return true;
}

static bool ask(struct direct_call *call, uint32_t segment_size);

/* Whole shares have come: the data with the tree that proves it.  One good tree is enough. */
static enum direct_next opened_small(struct direct_call *call)
{
	const struct chk_layout *layout = &call->shares->layout;
	uint64_t tail = layout->data_offset + layout->data_size;
	for (unsigned i = 0; i < call->cap.needed; i++)
		if (call->request[i].absent)
			return DIRECT_MEND;
	call->mends = false;
	for (unsigned i = 0; i < call->cap.needed && !call->shares->checker; i++)
		(void)prove(call, call->buffer + i * call->stride + tail);
	if (call->shares->checker) {
		call->skip = (size_t)layout->data_offset;
		return DIRECT_DELIVER;
	}
	for (unsigned i = 0; i < call->cap.needed; i++)
		direct_doubt_share(call, i);
	return call->otherwise;
}

/* The tree has come.  The cap does not say how large the segments are, and the tree lies elsewhere
 * for smaller ones. */
static enum direct_next opened_large(struct direct_call *call)
{
	if (prove(call, call->buffer))
		return DIRECT_READ;
	if (call->shares->segment_size != OLD_SEGMENT_SIZE)
		return ask(call, OLD_SEGMENT_SIZE) ? DIRECT_WAIT : DIRECT_GIVE_UP;
	direct_doubt_share(call, 0);
	return call->otherwise;
}

/* Asks for k whole shares, of which there is only one segment size: it is the file's. */
static bool ask_small(struct direct_call *call)
{
	const struct chk_layout *layout = &call->shares->layout;
	call->step = opened_small;
	call->mends = true;
	call->first = 0;
	call->count = layout->segment_count;
	bool asked = direct_make_room(call, call->cap.needed, (size_t)layout->share_size);
	for (unsigned i = call->kept; i < call->cap.needed && asked; i++)
		asked = direct_ask_bytes(call, i, 0);
	return asked;
}

/* Asks one server for what stands behind the data of its share. */
static bool ask_large(struct direct_call *call)
{
	const struct chk_layout *layout = &call->shares->layout;
	uint64_t tail = layout->data_offset + layout->data_size;
	call->step = opened_large;
	return layout->share_size - tail <= DIRECT_TREE_MAX &&
	       direct_make_room(call, 1, (size_t)(layout->share_size - tail)) &&
	       direct_ask_bytes(call, 0, tail);
}

/* Asks for what proves the tree, if the file's segments are of that size. */
static bool ask(struct direct_call *call, uint32_t segment_size)
{
	struct direct_shares *shares = call->shares;
	const struct cap *cap = &call->cap;
	const struct chk_params params = {
		.k = cap->needed,
		.n = cap->total,
		.max_segment_size = segment_size,
	};
	struct err err;
	call->otherwise = cap->total > 1 ? DIRECT_AGAIN : DIRECT_GUESS;
	shares->segment_size = segment_size;
	if (chk_layout_of(&params, cap->size, &shares->layout, &err))
		return false;
	return cap->size <= DIRECT_SMALL ? ask_small(call) : ask_large(call);
}

enum direct_next direct_open_shares(struct direct_call *call)
{
	struct direct_shares *shares = call->shares;
	struct err err;
	if (needs_decoding(shares) &&
	    erasure_new(call->cap.needed, call->cap.total, shares->number, &shares->erasure, &err))
		return DIRECT_GIVE_UP;
	return ask(call, CHK_SEGMENT_SIZE) ? DIRECT_WAIT : DIRECT_GIVE_UP;
}
