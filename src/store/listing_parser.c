#include "store/listing_parser.h"

#include "base/meta.h"
#include "base/secret.h"
#include "snapshot/tags.h"
#include "store/json_tokens.h"
#include "store/listing_keys.h"
#include "store/listing_kind.h"
#include "store/listing_memory.h"
#include "store/listing_numbers.h"
#include "store/names_seen.h"

#include <yajl/yajl_parse.h>

/*
 * yajl calls on_*() for each token.  The parser keeps one place; `skipped` counts what is open and
 * of no interest, and meanwhile everything but braces and brackets is passed over.
 *
 *   START     [
 *   OUTER       "dirnode",
 *               {
 *   ROOT          "children": {
 *   CHILDREN        "name":
 *   CHILD              [ "filenode",
 *                        {
 *   PROPERTIES               "ro_uri": "...", "size": 5,
 *   METADATA                 "metadata": { "mtime": 1.5,
 *   TAHOE                                  "tahoe": { "linkmotime": 2.5 } }
 *                        } ]            end_child: the child is handed out
 *                 },
 *                 "ro_uri": "..."       of the node itself, before its children or behind them
 *               }
 *   END       ]
 *
 * A handler returns 1, or 0 through listing_parser_fail, which ends the parsing.
 */

struct listing_parser {
	struct json_tokens tokens;    /* in front of the parser */
	struct listing_memory memory; /* of the parser */
	yajl_handle parser;
	uint64_t fed; /* bytes given to it before those at hand */
	uint64_t size_max, size;
	store_child_found *found;
	void *context;
	enum fault fault;
	const char *why; /* of the fault, a literal */
	enum listing_place place;
	unsigned depth;       /* of everything open */
	unsigned skipped;     /* of what is open and of no interest, 0: nothing */
	unsigned element;     /* of the array at PLACE_OUTER or PLACE_CHILD that comes next */
	enum listing_key key; /* whose value comes next */
	unsigned seen;        /* bits of the keys so far, of the child */
	unsigned root_seen;
	struct store_node root;
	struct store_child child;
	struct bytes name;
	struct names_seen names;
	uint64_t children;
	uint64_t
		metadata_begin; /* where the metadata at hand began, in what the parser was given */
	uint64_t unread;        /* children whose metadata was too long */
	unsigned char attributes[META_ATTRIBUTES_MAX + 3]; /* of the child */
	char tags[TAGS_SIZE];                              /* the same */
};

/* ---- values ---- */

static int listing_parser_fail(struct listing_parser *listing, enum fault fault, const char *why)
{
	if (listing->fault == FAULT_NONE) {
		listing->fault = fault;
		listing->why = why;
	}
	return 0;
}

static int corrupt(struct listing_parser *listing, const char *why)
{
	return listing_parser_fail(listing, FAULT_CORRUPT, why);
}

static bool in_child(const struct listing_parser *listing) { return listing->child.name != NULL; }

static struct store_node *node(struct listing_parser *listing)
{
	return in_child(listing) ? &listing->child.node : &listing->root;
}

static void take_id(struct store_node *to, unsigned flag, uint32_t *field, uint64_t value)
{
	*field = (uint32_t)value;
	to->metadata_flags |= flag;
}

/* The extended attributes of a child, if they are no more than are ever written.  Of the node
 * itself only whether there are any, as what it has outlives the parser. */
static void take_attributes(struct listing_parser *listing, const char *text, size_t size)
{
	struct store_node *to = node(listing);
	size_t decoded;
	if (!listing_base64(text, size, listing->attributes, META_ATTRIBUTES_MAX, &decoded))
		return;
	to->metadata_flags |= STORE_HAS_ATTRIBUTES;
	if (!in_child(listing))
		return;
	to->metadata.attributes = listing->attributes;
	to->metadata.attributes_size = (uint16_t)decoded;
}

/* The tags of a child that is a snapshot. */
static void take_tags(struct listing_parser *listing, const char *text, size_t size)
{
	struct edge_metadata *to = &listing->child.node.metadata;
	if (!in_child(listing) || size >= sizeof listing->tags)
		return;
	memcpy(listing->tags, text, size);
	to->tags = listing->tags;
	to->tags_size = (uint16_t)size;
}

static void take_content_hash(struct edge_metadata *to, const char *text, size_t size)
{
	to->hashed = content_hash_parse(text, size, to->content_hash);
}

static void take_linked(struct store_node *to, const char *text, size_t size)
{
	if (listing_nanoseconds(text, size, &to->linked_ns))
		to->metadata_flags |= STORE_HAS_LINKED;
}

/* A number in a child's metadata.  What is no time or no number is left out: it is hearsay. */
static void take_metadata(struct listing_parser *listing, const char *text, size_t size)
{
	struct store_node *to = node(listing);
	uint64_t value;
	int64_t ns;
	if (listing->key == KEY_CTIME || listing->key == KEY_MTIME) {
		bool changed = listing->key == KEY_CTIME;
		if (!listing_nanoseconds(text, size, &ns)) {
			to->metadata_flags |= changed ? 0 : STORE_UNTIMED;
			return;
		}
		*(changed ? &to->metadata.ctime_ns : &to->metadata.mtime_ns) = ns;
		to->metadata_flags |= changed ? STORE_HAS_CTIME : STORE_HAS_MTIME;
		return;
	}
	if (!listing_whole_number(text, size, UINT64_MAX, &value))
		return;
	if (listing->key == KEY_INO)
		to->metadata.ino = value;
	else if (listing->key == KEY_DEV)
		to->metadata.dev = value;
	else if (listing->key == KEY_NLINK)
		to->metadata.nlink = value;
	if (value > UINT32_MAX)
		return;
	if (listing->key == KEY_MODE)
		take_id(to, STORE_HAS_MODE, &to->metadata.mode, value);
	else if (listing->key == KEY_UID)
		take_id(to, STORE_HAS_UID, &to->metadata.uid, value);
	else if (listing->key == KEY_GID)
		take_id(to, STORE_HAS_GID, &to->metadata.gid, value);
}

/* A number in the mark of a file in chunks.  A later version of the mark is none of ours. */
static void take_chunked(struct listing_parser *listing, const char *text, size_t size)
{
	struct store_node *to = node(listing);
	uint64_t value;
	if (!listing_whole_number(text, size, INT64_MAX, &value))
		return;
	if (listing->key == KEY_CHUNKED_SIZE)
		to->metadata.chunked = value;
	else if (listing->key == KEY_VERSION && value == 1)
		to->metadata_flags |= STORE_HAS_CHUNKED;
}

/* The first element of a node's array. */
static int take_kind(struct listing_parser *listing, const char *text, size_t size)
{
	if (!listing_kind_of(text, size, &node(listing)->kind))
		return corrupt(listing, "a node is of no known type");
	listing->element = 1;
	return 1;
}

static void take_cap(struct cap *cap, const char *text, size_t size)
{
	if (cap_parse(text, size, cap, NULL) != FAULT_NONE)
		cap_wipe(cap);
}

/* ---- events ---- */

/* True when the value at hand is inside something skipped; false also when it has no place. */
static bool expects_value(struct listing_parser *listing)
{
	return listing->place == PLACE_ROOT || listing->place == PLACE_PROPERTIES ||
	       listing->place == PLACE_METADATA || listing->place == PLACE_TAHOE ||
	       listing->place == PLACE_BARGE || listing->place == PLACE_CHUNKED;
}

static int on_other(struct listing_parser *listing)
{
	if (listing->skipped || (expects_value(listing) && listing->key != KEY_CHILDREN))
		return 1;
	return corrupt(listing, "a value is out of place");
}

static int on_null(void *context) { return on_other(context); }

static int on_boolean(void *context, int value)
{
	struct listing_parser *listing = context;
	if (!listing->skipped && expects_value(listing) && listing->key == KEY_MUTABLE)
		node(listing)->is_mutable = value != 0;
	return on_other(listing);
}

static int on_number(void *context, const char *text, size_t size)
{
	struct listing_parser *listing = context;
	if (listing->skipped)
		return 1;
	struct store_node *to = node(listing);
	if (listing->place == PLACE_METADATA)
		take_metadata(listing, text, size);
	else if (listing->place == PLACE_TAHOE && listing->key == KEY_LINKED)
		take_linked(to, text, size);
	else if (listing->place == PLACE_CHUNKED)
		take_chunked(listing, text, size);
	else if (expects_value(listing) && listing->key == KEY_SIZE)
		to->has_size = listing_whole_number(text, size, INT64_MAX, &to->size);
	return on_other(listing);
}

static int on_string(void *context, const unsigned char *bytes, size_t size)
{
	struct listing_parser *listing = context;
	const char *text = (const char *)bytes;
	if (listing->skipped)
		return 1;
	if ((listing->place == PLACE_OUTER || listing->place == PLACE_CHILD) &&
	    listing->element == 0)
		return take_kind(listing, text, size);
	if (listing->place == PLACE_METADATA && listing->key == KEY_MTIME)
		node(listing)->metadata_flags |= STORE_UNTIMED;
	else if (listing->place == PLACE_BARGE && listing->key == KEY_ATTRIBUTES)
		take_attributes(listing, text, size);
	else if (listing->place == PLACE_BARGE && listing->key == KEY_TAGS)
		take_tags(listing, text, size);
	else if (listing->place == PLACE_BARGE && listing->key == KEY_UNREADABLE)
		node(listing)->metadata_flags |= STORE_UNREADABLE;
	else if (listing->place == PLACE_BARGE && listing->key == KEY_CONTENT_HASH)
		take_content_hash(&node(listing)->metadata, text, size);
	else if (expects_value(listing) && listing->key == KEY_RO_URI)
		take_cap(&node(listing)->ro, text, size);
	else if (expects_value(listing) && listing->key == KEY_RW_URI)
		take_cap(&node(listing)->rw, text, size);
	return on_other(listing);
}

/* A name among the children: what follows is of this child. */
static int begin_child(struct listing_parser *listing, const void *name, size_t size)
{
	bytes_clear(&listing->name);
	enum fault fault = names_seen_add(&listing->names, name, size);
	if (fault == FAULT_EXISTS)
		return corrupt(listing, "a name is there twice");
	if (fault != FAULT_NONE || bytes_append(&listing->name, name, size) != FAULT_NONE)
		return listing_parser_fail(listing, FAULT_NOMEM, "no memory for a name");
	listing->child = (struct store_child){
		.name = bytes_text(&listing->name),
		.name_size = size,
	};
	listing->seen = 0;
	return 1;
}

/* A key of an object: a child's name, or which property the next value is. */
static int on_key(void *context, const unsigned char *text, size_t size)
{
	struct listing_parser *listing = context;
	if (listing->skipped)
		return 1;
	if (listing->place == PLACE_CHILDREN)
		return begin_child(listing, text, size);
	listing->key = listing_key_of(listing->place, (const char *)text, size);
	unsigned *seen = in_child(listing) ? &listing->seen : &listing->root_seen;
	unsigned bit = 1u << listing->key;
	if (listing->key != KEY_OTHER && (*seen & bit))
		return corrupt(listing, "a property is there twice");
	*seen |= bit;
	return 1;
}

static int deeper(struct listing_parser *listing)
{
	if (++listing->depth > LISTING_DEPTH_MAX)
		return corrupt(listing, "it is nested too deeply");
	return 1;
}

/* What an opening brace leads to, or PLACE_END when it is of no interest. */
static enum listing_place map_place(const struct listing_parser *listing)
{
	bool second = listing->element == 1;
	switch (listing->place) {
	case PLACE_OUTER:
		return second ? PLACE_ROOT : PLACE_START;
	case PLACE_CHILD:
		return second ? PLACE_PROPERTIES : PLACE_START;
	case PLACE_ROOT:
		return listing->key == KEY_CHILDREN   ? PLACE_CHILDREN
		       : listing->key == KEY_METADATA ? PLACE_METADATA
						      : PLACE_END;
	case PLACE_PROPERTIES:
		return listing->key == KEY_METADATA ? PLACE_METADATA : PLACE_END;
	case PLACE_METADATA:
		return listing->key == KEY_TAHOE   ? PLACE_TAHOE
		       : listing->key == KEY_BARGE ? PLACE_BARGE
						   : PLACE_END;
	case PLACE_BARGE:
		return listing->key == KEY_CHUNKED ? PLACE_CHUNKED : PLACE_END;
	case PLACE_TAHOE:
	case PLACE_CHUNKED:
		return PLACE_END;
	default:
		return PLACE_START;
	}
}

/* Returns where the parser is in what it was given. */
static uint64_t position(const struct listing_parser *listing)
{
	return listing->fed + yajl_get_bytes_consumed(listing->parser);
}

/* Metadata is hearsay, and a few hundred bytes long: of more than can be meant, nothing is kept. */
static void end_metadata(struct listing_parser *listing)
{
	if (position(listing) - listing->metadata_begin > LISTING_METADATA_MAX) {
		node(listing)->metadata_flags = STORE_UNREAD;
		node(listing)->metadata.attributes_size = node(listing)->metadata.tags_size = 0;
		node(listing)->metadata.hashed = false;
	}
	listing->place = in_child(listing) ? PLACE_PROPERTIES : PLACE_ROOT;
}

static int on_map_start(void *context)
{
	struct listing_parser *listing = context;
	if (!deeper(listing))
		return 0;
	enum listing_place next = listing->skipped ? PLACE_END : map_place(listing);
	if (next == PLACE_START)
		return corrupt(listing, "an object is out of place");
	if (next == PLACE_END) {
		listing->skipped++;
		return 1;
	}
	listing->element = 2;
	listing->place = next;
	if (next == PLACE_METADATA)
		listing->metadata_begin = position(listing);
	return 1;
}

static int on_map_end(void *context)
{
	struct listing_parser *listing = context;
	listing->depth--;
	if (listing->skipped) {
		listing->skipped--;
		return 1;
	}
	switch (listing->place) {
	case PLACE_TAHOE:
	case PLACE_BARGE:
		listing->place = PLACE_METADATA;
		break;
	case PLACE_CHUNKED:
		listing->place = PLACE_BARGE;
		break;
	case PLACE_METADATA:
		end_metadata(listing);
		break;
	case PLACE_PROPERTIES:
		listing->place = PLACE_CHILD;
		break;
	case PLACE_CHILDREN:
		listing->place = PLACE_ROOT;
		break;
	default:
		listing->place = PLACE_OUTER;
	}
	listing->key = KEY_OTHER;
	return 1;
}

static int on_array_start(void *context)
{
	struct listing_parser *listing = context;
	if (!deeper(listing))
		return 0;
	if (listing->skipped || (expects_value(listing) && listing->key != KEY_CHILDREN)) {
		listing->skipped++;
		return 1;
	}
	if (listing->place != PLACE_START && listing->place != PLACE_CHILDREN)
		return corrupt(listing, "an array is out of place");
	listing->place = listing->place == PLACE_START ? PLACE_OUTER : PLACE_CHILD;
	listing->element = 0;
	return 1;
}

/* Hands the child out, wiped afterwards. */
static int end_child(struct listing_parser *listing)
{
	listing_settle_kind(&listing->child.node);
	listing->children++;
	bool wanted = !listing->found || listing->found(listing->context, &listing->child);
	cap_wipe(&listing->child.node.rw);
	cap_wipe(&listing->child.node.ro);
	listing->child = (struct store_child){ .name = NULL };
	listing->place = PLACE_CHILDREN;
	return wanted ? 1 : listing_parser_fail(listing, FAULT_CANCELLED, "it was refused");
}

static int on_array_end(void *context)
{
	struct listing_parser *listing = context;
	listing->depth--;
	if (listing->skipped) {
		listing->skipped--;
		return 1;
	}
	if (listing->element != 2)
		return corrupt(listing, "a node has no properties");
	if (listing->place == PLACE_CHILD)
		return end_child(listing);
	listing->place = PLACE_END;
	return 1;
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_map_start,
	.yajl_map_key = on_key,
	.yajl_end_map = on_map_end,
	.yajl_start_array = on_array_start,
	.yajl_end_array = on_array_end,
};

/* ---- the outside ---- */

/* A call of the parser, which may run out of memory. */
struct parser_call {
	struct listing_parser *listing;
	const void *data;
	size_t size;
	yajl_status status;
};

static void parse_new(void *context)
{
	const struct parser_call *call = context;
	yajl_alloc_funcs memory = listing_memory_functions(&call->listing->memory);
	call->listing->parser = yajl_alloc(&callbacks, &memory, call->listing);
}

static void parse_more(void *context)
{
	struct parser_call *call = context;
	call->status = yajl_parse(call->listing->parser, call->data, call->size);
}

static void parse_end(void *context)
{
	struct parser_call *call = context;
	call->status = yajl_complete_parse(call->listing->parser);
}

static void run_parser(struct listing_parser *listing, struct parser_call *call,
		       void (*work)(void *context))
{
	if (!listing_memory_run(&listing->memory, work, call))
		(void)listing_parser_fail(listing, FAULT_NOMEM, "no memory for its parser");
	else if (call->status != yajl_status_ok)
		(void)corrupt(listing, "it is not JSON");
}

/* Takes whole tokens (a json_tokens_feed). */
static bool parse_tokens(void *context, const void *data, size_t size)
{
	struct listing_parser *listing = context;
	struct parser_call call = { .listing = listing, .data = data, .size = size };
	run_parser(listing, &call, parse_more);
	listing->fed += size;
	return listing->fault == FAULT_NONE;
}

struct listing_parser *listing_parser_new(uint64_t size_max, store_child_found *child,
					  void *context)
{
	struct listing_parser *listing = calloc(1, sizeof *listing);
	if (!listing)
		return NULL;
	listing->size_max = size_max;
	listing->found = child;
	listing->context = context;
	bytes_init(&listing->name, SIZE_MAX / 4);
	json_tokens_init(&listing->tokens, parse_tokens, listing);
	struct parser_call call = { .listing = listing };
	if (listing_memory_run(&listing->memory, parse_new, &call) && listing->parser)
		return listing;
	listing_parser_free(listing);
	return NULL;
}

static enum fault result(struct listing_parser *listing, enum fault fault, struct err *err)
{
	if (fault == FAULT_NOMEM)
		(void)listing_parser_fail(listing, FAULT_NOMEM, "no memory for a string");
	if (listing->fault == FAULT_NONE)
		return FAULT_NONE;
	return err_set(err, listing->fault, "the listing: %s", listing->why);
}

enum fault listing_parser_feed(struct listing_parser *listing, const void *data, size_t size,
			       struct err *err)
{
	if (size > listing->size_max - listing->size)
		(void)listing_parser_fail(listing, FAULT_TOO_LARGE, "it is longer than allowed");
	if (listing->fault != FAULT_NONE)
		return result(listing, FAULT_NONE, err);
	listing->size += size;
	return result(listing, json_tokens_take(&listing->tokens, data, size), err);
}

enum fault listing_parser_end(struct listing_parser *listing, struct store_node *found,
			      uint64_t *children, struct err *err)
{
	enum fault fault = listing->fault;
	if (!fault)
		fault = json_tokens_end(&listing->tokens);
	struct parser_call call = { .listing = listing };
	if (!fault)
		run_parser(listing, &call, parse_end);
	if (!fault && listing->place != PLACE_END)
		(void)corrupt(listing, "it ends too early");
	fault = result(listing, fault, err);
	if (fault != FAULT_NONE)
		return fault;
	listing_settle_kind(&listing->root);
	*found = listing->root;
	*children = listing->children;
	return FAULT_NONE;
}

void listing_parser_free(struct listing_parser *listing)
{
	if (!listing)
		return;
	json_tokens_fini(&listing->tokens);
	listing_memory_fini(&listing->memory);
	bytes_fini(&listing->name);
	names_seen_fini(&listing->names);
	secret_wipe(listing, sizeof *listing);
	free(listing);
}
