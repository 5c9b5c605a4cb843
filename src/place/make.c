#include "place/make.h"

enum { JSON_MAX = 1 << 20 };

enum fault make_mutable(const struct tries *tries, const struct edge_child *child, struct cap *cap,
			struct err *err)
{
	const struct store_directory directory = { .is_mutable = true, .children = child ? 1 : 0 };
	struct tries ours = *tries;
	struct bytes json;
	bytes_init(&json, JSON_MAX);
	enum fault fault = edge_json_open(&json);
	if (!fault && child)
		fault = edge_json_child(&json, child);
	if (!fault)
		fault = edge_json_close(&json);
	if (!bytes_err(fault, err, "a directory"))
		do {
			fault = store_wait_make_directory(ours.wait, &directory, &json, cap, err);
		} while (fault && tries_again(&ours, err));
	bytes_fini(&json);
	if (!fault)
		tries_over(&ours);
	return fault ? err->fault : FAULT_NONE;
}
