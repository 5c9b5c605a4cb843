#include "place/edge_look.h"

#include "base/utf8.h"
#include "calls/chunked_file.h"

/* The link to a node, looked for in a listing. */
struct edge {
	struct bytes name; /* NFC */
	unsigned flags;    /* enum store_metadata_flags */
	struct edge_metadata metadata;
	unsigned char *attributes; /* a copy goes here: the listing's are gone after the call */
};

static bool see_edge(void *context, const struct store_child *child)
{
	struct edge *edge = context;
	if (child->name_size == edge->name.size &&
	    memcmp(child->name, edge->name.data, child->name_size) == 0) {
		edge->flags = child->node.metadata_flags;
		edge->metadata = child->node.metadata;
		edge->metadata.attributes = edge->attributes;
		edge->metadata.tags_size = 0;
		if (!edge->attributes)
			edge->metadata.attributes_size = 0;
		else if (edge->metadata.attributes_size > 0)
			memcpy(edge->attributes, child->node.metadata.attributes,
			       edge->metadata.attributes_size);
	}
	return true;
}

/* Lists the directory above. */
static enum fault list_above(const struct edge_path *path, struct edge *edge, struct err *err)
{
	const struct store_list list = {
		.cap = path->root,
		.path = path->count > 1 ? path->component : NULL,
		.path_count = path->count - 1,
		.child = see_edge,
		.context = edge,
	};
	struct tries ours = *path->tries;
	while (store_wait_list(ours.wait, &list, NULL, err))
		if (!tries_again(&ours, err))
			return err->fault;
	tries_over(&ours);
	return FAULT_NONE;
}

enum fault edge_look(const struct edge_path *path, struct store_node *node, struct err *err)
{
	const struct store_name *name = &path->component[path->count - 1];
	struct edge edge = { .attributes = path->attributes };
	bytes_init(&edge.name, 4 * name->size);
	enum fault fault = name_to_nfc(&edge.name, name->name, name->size);
	fault = fault ? bytes_err(fault, err, "a name") : list_above(path, &edge, err);
	if (!fault) {
		node->metadata_flags = edge.flags;
		node->metadata = edge.metadata;
	}
	bytes_fini(&edge.name);
	return fault == FAULT_TOO_LARGE ? FAULT_NONE : fault;
}

enum fault edge_chunks(const struct edge_path *path, struct store_node *node,
		       struct chunked *chunked, struct err *err)
{
	const struct cap *cap = store_node_cap(node);
	*chunked = (struct chunked){ 0 };
	if (path->count == 0 || node->kind != STORE_DIRECTORY || cap->kind != CAP_DIR2_CHK)
		return FAULT_NONE;
	enum fault fault = edge_look(path, node, err);
	const uint64_t bytes = store_node_chunked(node);
	return fault || bytes == 0 ? fault
				   : chunked_file_find(path->tries, cap, bytes, chunked, err);
}
