#include "store/listing_form.h"

#include "base/secret.h"
#include "base/utf8.h"
#include "store/listing_parser.h"
#include "tahoe/child_rw.h"
#include "tahoe/edge.h"

enum { CHILD_MAX = 32 << 20 /* bytes of one child as JSON */ };

/* A child as it is stored. */
struct stored_child {
	struct bytes_view name, ro, hidden, metadata;
};

struct form_reading {
	const struct listing_form *form;
	struct listing_parser *parser;
	struct chk_cipher cipher;
	const struct store_list *list;
	struct bytes name; /* NFC */
	struct bytes json; /* of one child */
	uint64_t children;
};

static enum fault form_wrong(struct err *err)
{
	return err_set(err, FAULT_CORRUPT, "the directory is not stored as they are here");
}

/* The parser was told a cap, and what kind of node it is; the rest follows from the cap. */
static bool tell_child(void *context, const struct store_child *told)
{
	struct form_reading *reading = context;
	struct store_child child = *told;
	struct store_node *node = &child.node;
	const struct cap *cap = node->rw.kind ? &node->rw : &node->ro;
	node->is_mutable = cap_is_mutable(cap);
	node->has_size = node->kind == STORE_FILE && !node->is_mutable;
	node->size = node->has_size ? cap->size : 0;
	if (node->rw.kind && !cap_to_readonly(&node->rw, &node->ro))
		return false;
	const bool wanted =
		!reading->list->child || reading->list->child(reading->list->context, &child);
	secret_wipe(&child, sizeof child);
	return wanted;
}

/* Takes the next child apart. */
static bool take_child(struct bytes_view *all, struct stored_child *child)
{
	struct bytes_view entry;
	return netstring_take(all, &entry) && netstring_take(&entry, &child->name) &&
	       netstring_take(&entry, &child->ro) && netstring_take(&entry, &child->hidden) &&
	       netstring_take(&entry, &child->metadata);
}

/* Reads a cap; blanks behind it do not count.  False: it is none, or one that nobody knows here. */
static bool read_cap(const char *text, size_t size, struct cap *cap)
{
	while (size > 0 && text[size - 1] == ' ')
		size--;
	if (cap_parse(text, size, cap, NULL))
		return false;
	return cap->kind != CAP_UNKNOWN && !cap_is_verifier(cap);
}

/* Stores the write cap that is hidden; CAP_NONE where there is none.  False: it is odd. */
static bool read_hidden(struct form_reading *reading, const struct bytes_view *hidden,
			struct cap *cap)
{
	char text[CAP_TEXT_SIZE];
	const struct cap *directory = reading->form->cap;
	*cap = (struct cap){ 0 };
	if (!cap_is_mutable(directory))
		return hidden->size == 0;
	if (hidden->size == 0 || !cap_is_writable(directory))
		return true;
	if (hidden->size > sizeof text + CHILD_RW_OVERHEAD ||
	    !child_rw_show(&reading->cipher, directory->key, hidden, text))
		return false;
	const size_t size = hidden->size - CHILD_RW_OVERHEAD;
	const bool right = size == 0 || (read_cap(text, size, cap) && cap_is_writable(cap));
	secret_wipe(text, sizeof text);
	return right;
}

/* Stores the cap that grants most, as a gateway does.  False: it is no pair as they are written. */
static bool read_caps(struct form_reading *reading, const struct stored_child *child,
		      struct cap *cap)
{
	struct cap ro, rw;
	struct cap derived = { 0 };
	bool right = read_cap(child->ro.data, child->ro.size, &ro) && !cap_is_writable(&ro) &&
		     (cap_is_mutable(reading->form->cap) || !cap_is_mutable(&ro)) &&
		     read_hidden(reading, &child->hidden, &rw);
	if (right) {
		*cap = rw.kind ? rw : ro;
		right = !rw.kind || (cap_to_readonly(&rw, &derived) && cap_equal(&derived, &ro));
	}
	cap_wipe(&derived);
	cap_wipe(&ro);
	cap_wipe(&rw);
	return right;
}

/* Whether the text, read as JSON, is one object that ends where it does: then nothing in it can be
 * taken for what stands around it. */
static bool is_object(const struct bytes_view *text)
{
	const char *data = text->data;
	size_t depth = 0;
	bool quoted = false;
	for (size_t i = 0; i < text->size; i++) {
		const char byte = data[i];
		if (quoted && byte == '\\')
			i++;
		else if (byte == '"')
			quoted = !quoted;
		else if (!quoted && (byte == '{' || byte == '['))
			depth++;
		else if (!quoted && (byte == '}' || byte == ']') && depth-- <= 1)
			return depth == 0 && i + 1 == text->size && data[0] == '{';
		if (depth == 0)
			return false;
	}
	return false;
}

/* Has the parser read one child. */
static enum fault read_child(struct form_reading *reading, const struct stored_child *child,
			     struct err *err)
{
	struct cap cap = { 0 };
	struct bytes *json = &reading->json;
	bytes_clear(&reading->name);
	bytes_clear(json);
	if (!is_object(&child->metadata) || !read_caps(reading, child, &cap) ||
	    name_to_nfc(&reading->name, child->name.data, child->name.size)) {
		cap_wipe(&cap);
		return form_wrong(err);
	}
	const struct edge_child edge = {
		.name = bytes_text(&reading->name),
		.name_size = reading->name.size,
		.cap = &cap,
		.metadata = child->metadata.data,
		.metadata_size = child->metadata.size,
	};
	enum fault fault = bytes_err(edge_json_child(json, &edge), err, "a listing");
	cap_wipe(&cap);
	if (!fault && reading->children++ > 0)
		fault = listing_parser_feed(reading->parser, ", ", 2, err);
	return fault ? fault : listing_parser_feed(reading->parser, json->data, json->size, err);
}

static enum fault read_children(struct form_reading *reading, struct err *err)
{
	static const char head[] = "[\"dirnode\", {\"children\": {", foot[] = "}}]";
	struct bytes_view left = reading->form->data;
	struct stored_child child;
	enum fault fault = listing_parser_feed(reading->parser, head, sizeof head - 1, err);
	while (left.size > 0 && !fault)
		fault = take_child(&left, &child) ? read_child(reading, &child, err)
						  : form_wrong(err);
	return fault ? fault : listing_parser_feed(reading->parser, foot, sizeof foot - 1, err);
}

/* Fills the node of the directory itself. */
static void fill_node(const struct cap *cap, struct store_node *node)
{
	*node = (struct store_node){
		.kind = STORE_DIRECTORY,
		.is_mutable = cap_is_mutable(cap),
		.ro = *cap,
	};
	if (cap_is_writable(cap)) {
		node->rw = *cap;
		if (!cap_to_readonly(cap, &node->ro))
			cap_wipe(&node->ro);
	}
}

enum fault listing_form_read(const struct listing_form *form, const struct store_list *list,
			     struct store_node *node, uint64_t *children, struct err *err)
{
	struct form_reading reading = { .form = form, .list = list };
	enum fault fault = chk_cipher_init(&reading.cipher, err);
	if (fault)
		return fault;
	bytes_init(&reading.name, CHILD_MAX);
	bytes_init(&reading.json, CHILD_MAX);
	reading.parser = listing_parser_new(form->listing_max, tell_child, &reading);
	fault = reading.parser ? read_children(&reading, err)
			       : err_set(err, FAULT_NOMEM, "no memory for a listing");
	if (!fault)
		fault = listing_parser_end(reading.parser, node, children, err);
	if (!fault)
		fill_node(form->cap, node);
	listing_parser_free(reading.parser);
	bytes_fini(&reading.json);
	bytes_fini(&reading.name);
	chk_cipher_fini(&reading.cipher);
	return fault;
}
