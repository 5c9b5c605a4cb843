#include "serve/http.h"

#include "base/secret.h"
#include "serve/json_text.h"
#include "serve/problem.h"

/* Appends `,\n "key": "CAP"`. */
static enum fault field_cap(struct bytes *out, const char *key, const struct cap *cap)
{
	char text[CAP_TEXT_SIZE];
	cap_print(cap, text);
	enum fault fault = bytes_printf(out, ",\n \"%s\": ", key);
	if (!fault)
		fault = json_text_string(out, text, strlen(text));
	secret_wipe(text, sizeof text);
	return fault;
}

static const char *format_of(const struct cap *cap)
{
	if (!cap_is_mutable(cap))
		return "CHK";
	return cap->kind == CAP_SSK || cap->kind == CAP_SSK_RO ? "SDMF" : "MDMF";
}

/* Appends the properties of an object, "{" and "}" included. */
static enum fault properties(struct bytes *out, const struct cap *cap, const char *metadata)
{
	struct cap other;
	const bool is_file = cap_is_file(cap);
	enum fault fault =
		bytes_printf(out, "{\n \"mutable\": %s", cap_is_mutable(cap) ? "true" : "false");
	if (!fault && is_file)
		fault = bytes_printf(out, ",\n \"format\": \"%s\"", format_of(cap));
	if (!fault && is_file && !cap_is_mutable(cap))
		fault = bytes_printf(out, ",\n \"size\": %ju", (uintmax_t)cap->size);
	if (!fault && metadata)
		fault = bytes_printf(out, ",\n \"metadata\": ");
	if (!fault && metadata)
		fault = bytes_append_text(out, metadata);
	if (!fault && cap_to_readonly(cap, &other))
		fault = field_cap(out, "ro_uri", &other);
	if (!fault && cap_is_writable(cap))
		fault = field_cap(out, "rw_uri", cap);
	if (!fault && cap_to_verifier(cap, &other))
		fault = field_cap(out, "verify_uri", &other);
	secret_wipe(&other, sizeof other);
	return fault ? fault : bytes_append_text(out, "}");
}

static enum fault unknown_child(struct bytes *out, const struct child *child)
{
	enum fault fault = bytes_append_text(out, "[\"unknown\", {\"metadata\": ");
	if (!fault)
		fault = bytes_append_text(out, child->metadata);
	if (!fault && child->ro[0]) {
		const bool prefixed =
			strncmp(child->ro, "ro.", 3) == 0 || strncmp(child->ro, "imm.", 4) == 0;
		struct bytes text;
		bytes_init(&text, 2 * CAP_TEXT_SIZE);
		fault = bytes_printf(&text, "%s%s", prefixed ? "" : "ro.", child->ro);
		if (!fault)
			fault = bytes_append_text(out, ", \"ro_uri\": ");
		if (!fault)
			fault = json_text_string(out, bytes_text(&text), text.size);
		bytes_fini(&text);
	}
	return fault ? fault : bytes_append_text(out, "}]");
}

static enum fault child_json(struct bytes *out, const struct child *child)
{
	struct cap cap = { 0 };
	struct err err;
	const char *text = child->rw[0] ? child->rw : child->ro;
	enum fault fault = json_text_string(out, child->name, child->name_size);
	if (!fault)
		fault = bytes_append_text(out, ": ");
	if (!fault && (cap_parse(text, strlen(text), &cap, &err) || cap.kind == CAP_UNKNOWN))
		fault = unknown_child(out, child);
	else if (!fault) {
		fault = bytes_printf(out, "[\"%s\", ",
				     cap_is_directory(&cap) ? "dirnode" : "filenode");
		if (!fault)
			fault = properties(out, &cap, child->metadata);
		if (!fault)
			fault = bytes_append_text(out, "]");
	}
	cap_wipe(&cap);
	return fault;
}

/* Writes ["dirnode", {..., "children": {...}}] as Tahoe does. */
static enum fault directory_json(struct request *request, const struct cap *cap, struct err *err)
{
	struct bytes *out = &request->reply.body;
	struct stored_directory directory = { 0 };
	enum fault fault = grid_list(request->gateway->folder.grid, cap, &directory, err);
	if (fault)
		return fault;
	fault = bytes_append_text(out, "[\n \"dirnode\",\n ");
	if (!fault)
		fault = properties(out, cap, NULL);
	if (!fault) {
		out->size--; /* the children go before the "}" */
		fault = bytes_append_text(out, ",\n \"children\": {");
	}
	for (size_t i = 0; i < directory.count && !fault; i++) {
		fault = bytes_append_text(out, i > 0 ? ",\n  " : "\n  ");
		if (!fault)
			fault = child_json(out, &directory.list[i]);
	}
	if (!fault)
		fault = bytes_append_text(out, "}}\n]\n");
	directory_fini(&directory);
	return bytes_err(fault, err, "a listing");
}

enum fault object_json(struct request *request, struct err *err)
{
	struct bytes *out = &request->reply.body;
	struct target target;
	enum fault fault = request_resolve(request, request->path.count, &target, err);
	if (fault)
		return fault;
	const struct cap *cap = &target.cap;
	const char *metadata = target.metadata.size > 0 ? bytes_text(&target.metadata) : NULL;
	if (cap->kind == CAP_UNKNOWN || cap->kind == CAP_NONE) {
		fault = reply_text(request, MHD_HTTP_OK, "[\n \"unknown\",\n {}\n]\n", err);
	} else if (cap_is_verifier(cap)) {
		fault = problem(err, 500, "builtins.AttributeError: a verify cap has no JSON");
	} else if (cap_is_directory(cap)) {
		fault = directory_json(request, cap, err);
	} else if (request->path.trailing) {
		fault = problem(err, 400, "Files have no children named ''");
	} else if (request->method[0] == 'H') {
		fault = problem(err, 400, "HEAD of a file: bad t=json");
	} else {
		fault = bytes_append_text(out, "[\n \"filenode\",\n ");
		if (!fault)
			fault = properties(out, cap, metadata);
		if (!fault)
			fault = bytes_append_text(out, "\n]\n");
		fault = bytes_err(fault, err, "a description");
	}
	resource_fini(&target);
	return fault;
}

enum fault object_uri(struct request *request, struct err *err)
{
	struct target target;
	enum fault fault = request_resolve(request, request->path.count, &target, err);
	if (fault)
		return fault;
	const bool reads = strcmp(request->t, "readonly-uri") == 0;
	if (target.cap.kind == CAP_UNKNOWN || (reads && !cap_to_readonly(&target.cap, &target.cap)))
		fault = problem(err, 400, "an unknown cap");
	else
		fault = reply_cap(request, MHD_HTTP_OK, &target.cap, err);
	resource_fini(&target);
	return fault;
}

enum fault object_page(struct request *request, struct err *err)
{
	request->reply.type = "text/html;charset=utf-8";
	return reply_text(request, MHD_HTTP_OK,
			  "<!DOCTYPE html><html><head><title>Directory</title></head>"
			  "<body><p>A directory; t=json lists it.</p></body></html>\n",
			  err);
}
