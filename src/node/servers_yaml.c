#include "node/servers_parts.h"

#include "base/secret.h"
#include "tahoe/base32.h"

#include <yaml.h>

enum {
	FILE_MAX = 16 * 1024 * 1024, /* bytes; an announcement has about 1000 */
	/* Members of an announcement and NURLs that are looked at: the work on one stays small
	 * even where aliases make many of a single large one. */
	LOOKED_AT_MAX = 256,
	/* libyaml's time is as the square of both: 100 KB of brackets would take half a minute. */
	DEPTH_MAX = 100,
	ANCHORS_MAX = 1000,
	KEY_LENGTH = 52,       /* base32 of 32 bytes */
	ID_LENGTH = 32,        /* base32 of 20 bytes */
	SEED_LENGTH_MAX = 205, /* base32_length(SERVER_SEED_MAX) */
};

/* A file that is being read.  Nothing here follows a node deeper than the format goes, so aliases
 * cost nothing and cycles do not matter. */
struct yaml_reading {
	struct server_gathering *gathering;
	yaml_document_t document;
	enum servers_source source;
};

static bool is_kind(const yaml_node_t *node, yaml_node_type_t type)
{
	return node && node->type == type;
}

/* Returns the text of a scalar, nothing for other nodes and NULL. */
static struct word text_of(const yaml_node_t *node)
{
	if (!is_kind(node, YAML_SCALAR_NODE))
		return (struct word){ "", 0 };
	return (struct word){ (const char *)node->data.scalar.value, node->data.scalar.length };
}

static bool equals(struct word word, const char *literal)
{
	return word.size == strlen(literal) && memcmp(word.text, literal, word.size) == 0;
}

/* Returns what `mapping` has under `key`, the last one as in Python; NULL when there is none. */
static const yaml_node_t *member(struct yaml_reading *reading, const yaml_node_t *mapping,
				 const char *key)
{
	const yaml_node_t *found = NULL;
	if (!is_kind(mapping, YAML_MAPPING_NODE))
		return NULL;
	const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
	for (size_t i = 0; i < LOOKED_AT_MAX && pair < mapping->data.mapping.pairs.top; i++, pair++)
		if (equals(text_of(yaml_document_get_node(&reading->document, pair->key)), key))
			found = yaml_document_get_node(&reading->document, pair->value);
	return found;
}

/* Finds the first address on the list that can be used. */
static bool find_nurl(struct yaml_reading *reading, const yaml_node_t *list, struct nurl *nurl)
{
	if (!is_kind(list, YAML_SEQUENCE_NODE))
		return false;
	const yaml_node_item_t *item = list->data.sequence.items.start;
	for (size_t i = 0; i < LOOKED_AT_MAX && item < list->data.sequence.items.top; i++, item++)
		if (nurl_split(text_of(yaml_document_get_node(&reading->document, *item)), nurl))
			return true;
	return false;
}

static bool decode_seed(struct word text, struct server *server)
{
	return text.size > 0 && text.size <= SEED_LENGTH_MAX &&
	       base32_decode(text.text, text.size, server->seed, &server->seed_size);
}

/* The key of a server is its seed where it announces none. */
static bool find_seed(struct word announced, struct word id, struct server *server)
{
	static const char start[] = "v0-";
	const size_t length = strlen(start);
	if (decode_seed(announced, server))
		return true;
	return id.size == length + KEY_LENGTH && memcmp(id.text, start, length) == 0 &&
	       decode_seed((struct word){ id.text + length, KEY_LENGTH }, server);
}

/* Takes the tub id of pb://ID@..., without which nothing is stored at a server. */
static void find_id(struct word furl, struct server *server)
{
	static const char start[] = "pb://";
	const size_t length = strlen(start);
	size_t decoded;
	server->has_id = furl.size > length + ID_LENGTH && memcmp(furl.text, start, length) == 0 &&
			 furl.text[length + ID_LENGTH] == '@' &&
			 base32_decode(furl.text + length, ID_LENGTH, server->id, &decoded) &&
			 decoded == LEASE_SERVER_SIZE;
}

static bool is_storage(struct yaml_reading *reading, const yaml_node_t *announcement)
{
	const yaml_node_t *service = member(reading, announcement, "service-name");
	if (!service)
		return reading->source == SERVERS_CONFIGURED;
	return equals(text_of(service), "storage");
}

/* Fills `server`; its url stays NULL when the announcement is of no use. */
static enum fault read_server(struct yaml_reading *reading, struct word id,
			      const yaml_node_t *announcement, struct server *server,
			      struct err *err)
{
	struct nurl nurl;
	struct word seed = text_of(member(reading, announcement, "permutation-seed-base32"));
	if (!is_storage(reading, announcement) || !find_seed(seed, id, server) ||
	    !find_nurl(reading, member(reading, announcement, "anonymous-storage-NURLs"), &nurl))
		return FAULT_NONE;
	find_id(text_of(member(reading, announcement, "anonymous-storage-FURL")), server);
	return nurl_apply(&nurl, server, err);
}

static bool is_printable(struct word id)
{
	for (size_t i = 0; i < id.size; i++)
		if (id.text[i] < ' ' || id.text[i] > '~')
			return false;
	return id.size > 0;
}

static bool is_wanted(const struct server_gathering *gathering, struct word id)
{
	for (size_t i = 0; i < gathering->count; i++)
		if (equals(id, gathering->id[i]))
			return false;
	return gathering->count < SERVERS_MAX;
}

static enum fault note_id(struct server_gathering *gathering, struct word id, struct err *err)
{
	char *copy = strndup(id.text, id.size);
	if (!copy)
		return err_set(err, FAULT_NOMEM, "no memory for a server");
	gathering->id[gathering->count++] = copy;
	return FAULT_NONE;
}

/* Takes in one server, unless it is known already: what is configured comes first and wins. */
static enum fault hear(struct yaml_reading *reading, struct word id,
		       const yaml_node_t *announcement, struct err *err)
{
	struct server_gathering *gathering = reading->gathering;
	gathering->servers->partial |= gathering->count == SERVERS_MAX;
	if (!is_printable(id) || !is_wanted(gathering, id))
		return FAULT_NONE;
	struct server server = { .url = NULL };
	enum fault fault = read_server(reading, id, announcement, &server, err);
	if (!fault && (server.url || reading->source == SERVERS_CONFIGURED))
		fault = note_id(gathering, id, err);
	if (!fault && server.url)
		gathering->servers->server[gathering->servers->count++] = server;
	else
		free(server.url);
	gathering->servers->partial |= !server.url && is_storage(reading, announcement);
	secret_wipe(&server, sizeof server);
	return fault;
}

static enum fault hear_announced(struct yaml_reading *reading, const yaml_node_t *list,
				 struct err *err)
{
	enum fault fault = FAULT_NONE;
	const yaml_node_item_t *item = list->data.sequence.items.start;
	for (; item < list->data.sequence.items.top && !fault; item++) {
		const yaml_node_t *node = yaml_document_get_node(&reading->document, *item);
		struct word id = text_of(member(reading, node, "key_s"));
		fault = hear(reading, id, member(reading, node, "ann"), err);
	}
	return fault;
}

static enum fault hear_configured(struct yaml_reading *reading, const yaml_node_t *mapping,
				  struct err *err)
{
	enum fault fault = FAULT_NONE;
	const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
	for (; pair < mapping->data.mapping.pairs.top && !fault; pair++) {
		struct word id = text_of(yaml_document_get_node(&reading->document, pair->key));
		const yaml_node_t *node = yaml_document_get_node(&reading->document, pair->value);
		fault = hear(reading, id, member(reading, node, "ann"), err);
	}
	return fault;
}

static enum fault corrupt(const char *path, enum servers_source source, struct err *err)
{
	if (source == SERVERS_CONFIGURED)
		return err_set(err, FAULT_CORRUPT,
			       "%s does not describe storage servers (correct it, or use "
			       "--no-direct)",
			       path);
	return err_set(err, FAULT_CORRUPT,
		       "%s is not a list of announcements (start the node again so that it writes "
		       "it anew, or use --no-direct)",
		       path);
}

/* Announcements are a list; what is configured is a mapping with a member `storage`. */
static enum fault read_document(struct yaml_reading *reading, const char *path, struct err *err)
{
	const yaml_node_t *root = yaml_document_get_root_node(&reading->document);
	if (!root)
		return FAULT_NONE;
	if (reading->source == SERVERS_ANNOUNCED)
		return is_kind(root, YAML_SEQUENCE_NODE) ? hear_announced(reading, root, err)
							 : corrupt(path, reading->source, err);
	const yaml_node_t *storage = member(reading, root, "storage");
	if (is_kind(storage, YAML_MAPPING_NODE))
		return hear_configured(reading, storage, err);
	/* Without the member, or nothing behind its colon. */
	if (is_kind(root, YAML_MAPPING_NODE) && (!storage || is_kind(storage, YAML_SCALAR_NODE)))
		return FAULT_NONE;
	return corrupt(path, reading->source, err);
}

/*
 * Half of a surrogate pair, which JSON and so any announcement may hold, is written by the node
 * as \uD800 and refused by libyaml: one such nickname would make the whole file unreadable.
 * Writes U+FFFD instead.
 */
static void mend_surrogates(struct bytes *text)
{
	for (size_t i = 0; i + 6 <= text->size; i++) {
		unsigned char *at = text->data + i;
		if (at[0] == '\\' && at[1] == 'u' && at[2] && strchr("dD", at[2]) && at[3] &&
		    strchr("89abcdefABCDEF", at[3]))
			memcpy(at + 2, "FFFD", 4);
	}
}

/* What one event of the parser adds to the depth. */
static int deeper_by(yaml_event_type_t type)
{
	if (type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT)
		return 1;
	return type == YAML_SEQUENCE_END_EVENT || type == YAML_MAPPING_END_EVENT ? -1 : 0;
}

static bool has_anchor(const yaml_event_t *event)
{
	return (event->type == YAML_SCALAR_EVENT && event->data.scalar.anchor) ||
	       (event->type == YAML_SEQUENCE_START_EVENT && event->data.sequence_start.anchor) ||
	       (event->type == YAML_MAPPING_START_EVENT && event->data.mapping_start.anchor);
}

/* Whether libyaml loads it in good time.  What is no YAML is left to the loader to refuse. */
static bool is_bounded(const struct bytes *text)
{
	yaml_parser_t parser;
	yaml_event_t event;
	int depth = 0, anchors = 0;
	bool ended = false;
	if (!yaml_parser_initialize(&parser))
		return true;
	yaml_parser_set_input_string(&parser, (const unsigned char *)bytes_text(text), text->size);
	while (!ended && depth <= DEPTH_MAX && anchors <= ANCHORS_MAX &&
	       yaml_parser_parse(&parser, &event)) {
		depth += deeper_by(event.type);
		anchors += has_anchor(&event);
		ended = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return depth <= DEPTH_MAX && anchors <= ANCHORS_MAX;
}

static enum fault parse(struct yaml_reading *reading, const char *path, const struct bytes *text,
			struct err *err)
{
	yaml_parser_t parser;
	if (!is_bounded(text))
		return corrupt(path, reading->source, err);
	if (!yaml_parser_initialize(&parser))
		return err_set(err, FAULT_NOMEM, "no memory to read %s", path);
	yaml_parser_set_input_string(&parser, (const unsigned char *)bytes_text(text), text->size);
	enum fault fault;
	if (yaml_parser_load(&parser, &reading->document)) {
		fault = read_document(reading, path, err);
		yaml_document_delete(&reading->document);
	} else if (parser.error == YAML_MEMORY_ERROR) {
		fault = err_set(err, FAULT_NOMEM, "no memory to read %s", path);
	} else {
		fault = corrupt(path, reading->source, err);
	}
	yaml_parser_delete(&parser);
	return fault;
}

enum fault servers_read(struct server_gathering *gathering, const char *path,
			enum servers_source source, struct err *err)
{
	struct yaml_reading reading = { .gathering = gathering, .source = source };
	struct bytes text;
	bytes_init(&text, FILE_MAX);
	enum fault fault = secret_file_read(path, SECRET_FILE_TAHOE, &text, err);
	if (!fault) {
		mend_surrogates(&text);
		fault = parse(&reading, path, &text, err);
	} else if (fault == FAULT_TOO_LARGE) {
		fault = corrupt(path, source, err);
	} else if (fault == FAULT_NOT_FOUND) {
		fault = FAULT_NONE;
	}
	bytes_fini(&text);
	return fault;
}
