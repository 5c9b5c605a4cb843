#include "calls/chunked_file.h"

struct chunks_seen {
	struct chunked *chunked;
	bool nomem;
};

static bool see_chunk(void *context, const struct store_child *child)
{
	struct chunks_seen *seen = context;
	seen->nomem = !chunked_add(seen->chunked, child->name, child->name_size,
				   store_node_cap(&child->node));
	return !seen->nomem;
}

enum fault chunked_file_find(const struct tries *tries, const struct cap *cap, uint64_t bytes,
			     struct chunked *chunked, struct err *err)
{
	struct tries ours = *tries;
	struct chunks_seen seen = { .chunked = chunked };
	const struct store_list list = { .cap = cap, .child = see_chunk, .context = &seen };
	enum fault fault;
	*chunked = (struct chunked){ 0 };
	do {
		chunked_begin(chunked, bytes);
		fault = store_wait_list(ours.wait, &list, NULL, err);
		if (seen.nomem)
			fault = err_set(err, FAULT_NOMEM, "no memory for the chunks of a file");
	} while (fault && !seen.nomem && tries_again(&ours, err));
	if (fault) {
		chunked_fini(chunked);
		return err->fault;
	}
	tries_over(&ours);
	(void)chunked_end(chunked);
	return FAULT_NONE;
}
