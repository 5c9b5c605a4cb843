#include "serve/directory.h"

#include "base/secret.h"
#include "serve/json_text.h"
#include "serve/problem.h"

enum { METADATA_MAX = 1024 * 1024 }; /* bytes of one child's, as text */

/* Allocates the canonical text of `metadata`. */
static enum fault metadata_text(json_t *metadata, char **out, struct err *err)
{
	struct bytes text;
	bytes_init(&text, METADATA_MAX);
	if (json_text_append(&text, metadata)) {
		bytes_fini(&text);
		return problem(err, 500, "builtins.ValueError: metadata too large");
	}
	size_t size;
	*out = (char *)bytes_take(&text, &size);
	return FAULT_NONE;
}

/* Fills the caps of `child` from the properties of one entry. */
static enum fault caps_from_json(const json_t *properties, struct child *child, struct err *err)
{
	const json_t *rw = json_object_get(properties, "rw_uri");
	const json_t *ro = json_object_get(properties, "ro_uri");
	if (json_is_string(rw) && json_string_length(rw) > 0)
		return child_set_cap(child, json_string_value(rw), json_string_length(rw), err);
	if (!json_is_string(ro) || json_string_length(ro) == 0)
		return FAULT_NONE; /* "unknown", as in Tahoe */
	struct cap cap;
	struct err detail;
	if (cap_parse(json_string_value(ro), json_string_length(ro), &cap, &detail))
		return problem(err, 500, "allmydata.uri.BadURIError: not a cap");
	if (cap.kind != CAP_UNKNOWN)
		return child_set_cap(child, json_string_value(ro), json_string_length(ro), err);
	child->ro = strdup((const char *)json_string_value(ro));
	return child->ro ? FAULT_NONE : err_set(err, FAULT_NOMEM, "out of memory for a cap");
}

static bool child_is_mutable(const struct child *child)
{
	struct cap cap;
	struct err detail;
	const char *text = child->ro ? child->ro : "";
	const bool mutable = cap_parse(text, strlen(text), &cap, &detail) || cap_is_mutable(&cap) ||
			     cap.kind == CAP_UNKNOWN;
	secret_wipe(&cap, sizeof cap);
	return mutable;
}

static void wiped_free(char *text)
{
	if (text)
		secret_wipe(text, strlen(text));
	free(text);
}

static enum fault child_from_json(const char *name, const json_t *entry, bool immutable,
				  struct stored_directory *directory, struct err *err)
{
	struct child child = { 0 };
	const json_t *properties = json_array_get(entry, 1);
	if (!json_is_object(properties))
		return problem(err, 500, "builtins.AssertionError: a child is not [type, {}]");
	enum fault fault = caps_from_json(properties, &child, err);
	if (!fault && immutable && child_is_mutable(&child))
		fault = problem(err, 400, "MustBeDeepImmutableError: a child is not immutable");
	json_t *metadata = json_object_get(properties, "metadata");
	if (!fault && metadata && !json_is_object(metadata))
		fault = problem(err, 500, "builtins.AssertionError: metadata is no object");
	if (!fault && metadata)
		fault = metadata_text(metadata, &child.metadata, err);
	const bool no_write = json_is_true(json_object_get(metadata, "no-write"));
	if (no_write && child.rw) {
		wiped_free(child.rw);
		child.rw = NULL;
	}
	if (!fault)
		fault = directory_add(directory, name, strlen(name), &child, err);
	wiped_free(child.ro);
	wiped_free(child.rw);
	free(child.metadata);
	return fault;
}

enum fault directory_from_json(const char *text, size_t size, bool immutable,
			       struct stored_directory *directory, struct err *err)
{
	json_error_t error;
	json_t *root = json_loadb(text, size, JSON_ALLOW_NUL, &error);
	struct stored_directory read = { 0 };
	enum fault fault = FAULT_NONE;
	if (!json_is_object(root))
		fault = problem(err, 500,
				"json.decoder.JSONDecodeError: not an object of children");
	for (void *at = root ? json_object_iter(root) : NULL; at && !fault;
	     at = json_object_iter_next(root, at)) {
		fault = child_from_json(json_object_iter_key(at), json_object_iter_value(at),
					immutable, &read, err);
	}
	json_decref(root);
	if (fault) {
		directory_fini(&read);
		return fault;
	}
	directory_sort(&read);
	*directory = read;
	return FAULT_NONE;
}

/* The "tahoe" part of `metadata`, or NULL. */
static json_t *tahoe_part(const char *metadata, json_t **loaded)
{
	json_error_t error;
	*loaded = metadata ? json_loads(metadata, 0, &error) : NULL;
	return json_object_get(*loaded, "tahoe");
}

/*
 * Gives `new` the metadata it has after being linked over `old`, which may be NULL: its own or,
 * where it has none, the old, and the times of linking.
 */
static enum fault metadata_link(const struct child *old, struct child *new, double now,
				struct err *err)
{
	json_t *before, *loaded;
	const json_t *old_tahoe = tahoe_part(old ? old->metadata : NULL, &before);
	json_t *created = json_object_get(old_tahoe, "linkcrtime");
	created = json_is_number(created) ? json_incref(created) : json_real(now);
	(void)tahoe_part(new->metadata, &loaded);
	if (!loaded)
		loaded = before ? json_incref(before) : json_object();
	json_t *tahoe = json_object();
	char *text = NULL;
	enum fault fault = err_set(err, FAULT_NOMEM, "out of memory for metadata");
	if (json_object_set(tahoe, "linkcrtime", created) == 0 &&
	    json_object_set_new(tahoe, "linkmotime", json_real(now)) == 0 &&
	    json_object_set(loaded, "tahoe", tahoe) == 0)
		fault = metadata_text(loaded, &text, err);
	if (!fault) {
		free(new->metadata);
		new->metadata = text;
	}
	json_decref(tahoe);
	json_decref(created);
	json_decref(loaded);
	json_decref(before);
	return fault;
}

static bool names_directory(const struct child *child)
{
	struct cap cap;
	struct err detail;
	const bool is =
		!cap_parse(child->ro, strlen(child->ro), &cap, &detail) && cap_is_directory(&cap);
	secret_wipe(&cap, sizeof cap);
	return is;
}

/* Whether the rule lets every new child have its name; nothing is changed before. */
static enum fault merge_check(const struct stored_directory *into,
			      const struct stored_directory *from, enum replace_rule rule,
			      struct err *err)
{
	if (rule == REPLACE_ALWAYS)
		return FAULT_NONE;
	for (size_t i = 0; i < from->count; i++) {
		const struct child *new = &from->list[i];
		const struct child *old = directory_find(into, new->name, new->name_size);
		if (!old || (rule == REPLACE_FILES && !names_directory(old)))
			continue;
		return problem(err, 409,
			       "There was already a child by that name, and you asked me to not "
			       "replace it.");
	}
	return FAULT_NONE;
}

/* Puts both sorted lists into one, in which a child of `from` replaces its namesake. */
static enum fault merge_lists(struct stored_directory *into, struct stored_directory *from,
			      struct err *err)
{
	struct stored_directory all = { .capacity = into->count + from->count };
	all.list = calloc(all.capacity, sizeof all.list[0]);
	if (!all.list)
		return err_set(err, FAULT_NOMEM, "out of memory for a directory");
	/* directory_sort keeps the last of equal names. */
	if (into->count > 0)
		memcpy(all.list, into->list, into->count * sizeof all.list[0]);
	memcpy(all.list + into->count, from->list, from->count * sizeof all.list[0]);
	all.count = all.capacity;
	free(into->list);
	free(from->list);
	*from = (struct stored_directory){ 0 };
	directory_sort(&all);
	*into = all;
	return FAULT_NONE;
}

enum fault directory_merge(struct stored_directory *into, struct stored_directory *from,
			   enum replace_rule rule, double now, struct err *err)
{
	enum fault fault = merge_check(into, from, rule, err);
	for (size_t i = 0; i < from->count && !fault; i++) {
		struct child *new = &from->list[i];
		const struct child *old = directory_find(into, new->name, new->name_size);
		fault = metadata_link(old, new, now, err);
	}
	if (!fault && from->count > 0)
		fault = merge_lists(into, from, err);
	return fault;
}
