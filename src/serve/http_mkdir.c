#include "serve/http.h"

#include "serve/problem.h"

enum { KEY_TEXT_MAX = 8 * 1024 }; /* bytes of private-key=; MUTABLE_KEY_TEXT_SIZE is enough */

/* The key of private-key=, or a new one. */
static enum fault key_take(struct request *request, struct mutable_key *key, struct err *err)
{
	struct bytes text;
	bytes_init(&text, KEY_TEXT_MAX);
	enum fault fault;
	if (request_query(request, "private-key", &text)) {
		struct err detail;
		fault = mutable_key_from_text(bytes_text(&text), text.size, key, &detail);
		if (fault)
			fault = problem(err, 500, "builtins.ValueError: not an RSA-2048 key");
	} else {
		fault = mutable_key_generate(key, err);
	}
	bytes_fini(&text);
	return fault;
}

/* Children of a body; none in an empty one. */
static enum fault children_take(struct request *request, bool immutable,
				struct stored_directory *children, struct err *err)
{
	const char *text;
	size_t size;
	enum fault fault = spool_view(&request->body, &text, &size, err);
	if (!fault && size > 0)
		fault = directory_from_json(text, size, immutable, children, err);
	return fault ? fault : directory_complete(children, err);
}

/*
 * A named directory that is there already: its cap is the reply, and the body is ignored (TAHOE
 * fact 9).  Stores whether that was so.
 */
static enum fault reply_existing(struct request *request, bool *existing, struct err *err)
{
	struct target target = { 0 };
	*existing = false;
	enum fault fault = FAULT_NONE;
	if (request->path.count == 2)
		return problem(err, 400, "POST to a cap: bad t=%.20s", request->t);
	if (request->path.count > 2)
		fault = request_resolve(request, request->path.count, &target, err);
	if (request->path.count < 2 || fault == FAULT_NOT_FOUND)
		return FAULT_NONE;
	if (!fault && !cap_is_directory(&target.cap))
		fault = problem(err, 400, "POST to file: bad t=%.20s", request->t);
	if (!fault)
		fault = reply_cap(request, MHD_HTTP_OK, &target.cap, err);
	*existing = !fault;
	resource_fini(&target);
	return fault;
}

static enum fault reply_made(struct request *request, const struct cap *cap, struct err *err)
{
	bool replaced;
	enum fault fault = FAULT_NONE;
	if (request->path.count > 2)
		fault = request_link(request, cap, &replaced, err);
	return fault ? fault : reply_cap(request, MHD_HTTP_OK, cap, err);
}

enum fault directory_mkdir(struct request *request, struct err *err)
{
	struct stored_directory children = { 0 };
	struct mutable_key key = { 0 };
	bool existing;
	enum fault fault = reply_existing(request, &existing, err);
	if (fault || existing)
		return fault;
	if (strcmp(request->t, "mkdir") == 0 && request->body.size > 0)
		fault = problem(err, 400,
				"t=mkdir does not accept children=, try t=mkdir-with-children "
				"instead");
	if (!fault)
		fault = children_take(request, false, &children, err);
	if (!fault)
		fault = key_take(request, &key, err);
	if (!fault)
		fault = grid_mkdir(request->gateway->folder.grid, &key, &children, err);
	if (!fault) {
		request->gateway->directories++;
		fault = reply_made(request, &key.cap, err);
	}
	mutable_key_wipe(&key);
	directory_fini(&children);
	return fault;
}

enum fault directory_mkdir_immutable(struct request *request, struct err *err)
{
	struct stored_directory children = { 0 };
	struct upload upload = { 0 };
	bool existing;
	enum fault fault = reply_existing(request, &existing, err);
	if (fault || existing)
		return fault;
	fault = children_take(request, true, &children, err);
	if (!fault)
		fault = grid_put_directory(request->gateway->folder.grid, &children, &upload, err);
	if (!fault)
		fault = request_uploaded(request, &upload, err);
	if (!fault)
		fault = reply_made(request, &upload.cap, err);
	cap_wipe(&upload.cap);
	directory_fini(&children);
	return fault;
}
