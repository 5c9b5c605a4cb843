#include "place/make.h"

enum { JSON_MAX = 1 << 20 };

enum fault make_directory(const struct tries *tries, const struct make_options *options,
			  const struct bytes *json, struct cap *cap, struct err *err)
{
	const struct store_directory directory = {
		.is_mutable = options->is_mutable,
		.children = options->children,
	};
	struct tries ours = *tries;
	enum fault fault;
	do {
		fault = store_wait_make_directory(ours.wait, &directory, json, cap, err);
	} while (fault && tries_again(&ours, err));
	if (!fault)
		tries_over(&ours);
	return fault ? err->fault : FAULT_NONE;
}

enum fault make_mutable(const struct tries *tries, const struct edge_child *child, struct cap *cap,
			struct err *err)
{
	const struct make_options options = { .is_mutable = true, .children = child ? 1 : 0 };
	struct bytes json;
	bytes_init(&json, JSON_MAX);
	enum fault fault = edge_json_open(&json);
	if (!fault && child)
		fault = edge_json_child(&json, child);
	if (!fault)
		fault = edge_json_close(&json);
	if (!bytes_err(fault, err, "a directory"))
		fault = make_directory(tries, &options, &json, cap, err);
	bytes_fini(&json);
	return fault;
}
