#include "keys/layout.h"

#include "keys/layout_walk.h"
#include "place/link.h"

static struct key_walk walk_of(struct layout *layout, const struct tries *tries,
			       const struct layout_name *name, const struct tree_listing *listing)
{
	return (struct key_walk){
		.layout = layout,
		.tries = tries,
		.name = name,
		.listing = listing,
	};
}

/* Goes down from the root, which is to be writable unless the name is only looked for. */
static enum fault walk_from_root(struct key_walk *walk, enum walk_goal goal, struct err *err)
{
	walk->goal = goal;
	enum fault fault =
		goal == WALK_FIND ? FAULT_NONE : layout_writable(walk->layout, walk->tries, err);
	if (!fault)
		fault = layout_root(walk->layout, walk->tries, &walk->root, err);
	return fault ? fault : walk_run(walk, err);
}

enum fault layout_find(struct layout *layout, const struct tries *tries,
		       const struct layout_name *name, struct store_node *node, struct err *err)
{
	const struct tree_listing listing = { .node = node };
	return layout_list(layout, tries, name, &listing, err);
}

enum fault layout_list(struct layout *layout, const struct tries *tries,
		       const struct layout_name *name, const struct tree_listing *listing,
		       struct err *err)
{
	struct key_walk walk = walk_of(layout, tries, name, listing);
	*listing->node = (struct store_node){ 0 };
	enum fault fault = walk_from_root(&walk, WALK_FIND, err);
	if (!fault && walk_found(&walk) == FANOUT_TOP)
		fault = err_set(err, FAULT_NOT_FOUND, "the key is not in '%.100s'",
				layout->path->typed);
	if (fault)
		store_node_wipe(listing->node);
	walk_fini(&walk);
	return fault;
}

/* ---- links ---- */

/* Links into a directory that is there. */
static enum fault link_at(const struct key_walk *walk, unsigned level, const struct tree_new *new,
			  struct err *err)
{
	const struct cap *directory = &walk->at[level].directory.cap;
	const struct link_new link = {
		.directory = directory,
		.name = { walk->name->file, walk->name->size },
		.replace = new->replace,
	};
	if (!cap_is_writable(directory))
		return err_set(err, FAULT_AUTH,
			       "a directory of the key store is read-only; one with a write cap is "
			       "needed");
	return link_name(&link, walk->tries, new->cap, err);
}

/* Links into a directory that is made for it, unless somebody else is quicker. */
static enum fault link_below(const struct key_walk *walk, unsigned level,
			     const struct tree_new *new, struct err *err)
{
	struct walk_way way;
	struct tree_end end = { 0 };
	const struct layout_name *name = walk->name;
	const uint64_t now_ms = clock_ms();
	walk_way_to_name(walk, level, &way);
	enum fault fault = tree_link(&way.tree, &way.path.tree, new, &end, err);
	const struct fanout_directory made = { end.directory, FANOUT_UNCOUNTED };
	if (!fault)
		layout_keep(walk->layout, name->area, level, name->leaf, now_ms, &made);
	cap_wipe(&end.directory);
	return fault;
}

static enum fault link_walked(struct key_walk *walk, const struct tree_new *new, struct err *err)
{
	const unsigned found = walk_found(walk);
	const unsigned level = found != FANOUT_TOP ? found : walk_room(walk);
	const enum layout_mark mark = layout_mark_of(walk->layout);
	/* Programs that look into the last level alone must not take the key for absent. */
	if (mark != LAYOUT_GROWN && (mark != LAYOUT_DEEP || level < FANOUT_LAST) &&
	    layout_mark_grown(walk->layout, walk->tries, &walk->root, err))
		return err->fault;
	if (walk->at[level].directory.cap.kind == CAP_NONE)
		return link_below(walk, level, new, err);
	enum fault fault = link_at(walk, level, new, err);
	if (!fault && found == FANOUT_TOP)
		layout_count(walk->layout, walk->name, level, 1);
	return fault;
}

enum fault layout_link(struct layout *layout, const struct tries *tries,
		       const struct layout_name *name, const struct tree_new *new, struct err *err)
{
	struct store_node node = { 0 };
	const struct tree_listing ignored = { .node = &node };
	struct key_walk walk = walk_of(layout, tries, name, &ignored);
	enum fault fault = walk_from_root(&walk, WALK_STORE, err);
	if (!fault)
		fault = link_walked(&walk, new, err);
	store_node_wipe(&node);
	walk_fini(&walk);
	return fault;
}

/* ---- taking away ---- */

static enum fault unlink_at(const struct key_walk *walk, unsigned level, struct err *err)
{
	struct walk_way way;
	bool was = false;
	const struct walk_level *at = &walk->at[level];
	const struct store_name name = { walk->name->file, walk->name->size };
	if (at->missing || (at->asked && !at->has))
		return FAULT_NONE;
	if (at->directory.cap.kind == CAP_NONE) {
		walk_way_to_name(walk, level, &way);
		return tree_unlink(&way.tree, &way.path.tree, err);
	}
	enum fault fault = unlink_name(&at->directory.cap, &name, walk->tries, &was, err);
	if (!fault && was)
		layout_count(walk->layout, walk->name, level, -1);
	return fault;
}

enum fault layout_unlink(struct layout *layout, const struct tries *tries,
			 const struct layout_name *name, struct err *err)
{
	struct store_node node = { 0 };
	const struct tree_listing ignored = { .node = &node };
	struct key_walk walk = walk_of(layout, tries, name, &ignored);
	enum fault fault = walk_from_root(&walk, WALK_REMOVE, err);
	for (unsigned level = FANOUT_TOP + 1; !fault && level < FANOUT_LEVELS; level++)
		fault = unlink_at(&walk, level, err);
	store_node_wipe(&node);
	walk_fini(&walk);
	return fault;
}
