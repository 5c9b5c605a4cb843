#include "serve/http.h"

#include "serve/problem.h"
#include "tahoe/base32.h"

enum { FORMAT_SIZE_MAX = 32 };

/* Only immutable files are made here. */
static enum fault format_check(const struct request *request, struct err *err)
{
	struct bytes format;
	bool is_mutable;
	bytes_init(&format, FORMAT_SIZE_MAX);
	const bool given = request_query(request, "format", &format);
	const bool chk = !given || strcasecmp(bytes_text(&format), "chk") == 0;
	enum fault fault = request_flag(request, "mutable", &is_mutable, err);
	if (!fault && (!chk || is_mutable))
		fault = problem(err, 400, "Unknown format: %.20s, this gateway knows CHK",
				bytes_text(&format));
	bytes_fini(&format);
	return fault;
}

enum fault file_put(struct request *request, struct err *err)
{
	struct upload upload = { 0 };
	bool replaced = true;
	const bool linked = request->path.count >= 2;
	enum fault fault = format_check(request, err);
	if (!fault && linked && request->path.trailing)
		fault = problem(err, 400, "PUT to a directory");
	if (!fault && linked && request->path.count == 2)
		fault = problem(err, 400, "PUT to a cap: mutable files are not served here");
	if (!fault)
		fault = grid_put(request->gateway->folder.grid, &request->body, &upload, err);
	if (!fault)
		fault = request_uploaded(request, &upload, err);
	if (!fault && linked)
		fault = request_link(request, &upload.cap, &replaced, err);
	if (!fault)
		fault = reply_cap(request, replaced ? MHD_HTTP_OK : MHD_HTTP_CREATED, &upload.cap,
				  err);
	cap_wipe(&upload.cap);
	return fault;
}

/* Fills the reply's part of the file from the header Range. */
static enum fault range_set(struct request *request, uint64_t total, struct err *err)
{
	struct reply *reply = &request->reply;
	const char *value = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND,
							MHD_HTTP_HEADER_RANGE);
	struct range range;
	switch (range_parse(value, total, &range)) {
	case RANGE_UNSATISFIABLE:
		return problem(err, 416, "First beyond end of file");
	case RANGE_PART:
		reply->status = MHD_HTTP_PARTIAL_CONTENT;
		snprintf(reply->content_range, sizeof reply->content_range, "bytes %ju-%ju/%ju",
			 (uintmax_t)range.start, (uintmax_t)(range.start + range.size - 1),
			 (uintmax_t)total);
		break;
	case RANGE_WHOLE:
		break;
	}
	reply->start = range.start;
	reply->size = range.size;
	return FAULT_NONE;
}

static void etag_set(struct reply *reply, const struct cap *cap)
{
	unsigned char index[CAP_KEY_SIZE];
	char text[32];
	if (cap_is_mutable(cap) || !cap_storage_index(cap, index))
		return;
	base32_encode(index, sizeof index, text);
	snprintf(reply->etag, sizeof reply->etag, "%s-", text);
}

/* HEAD of a CHK is answered from the cap alone, as in Tahoe: a download nobody reads. */
static enum fault head_only(struct request *request, const struct cap *cap, struct err *err)
{
	request->reply.status = MHD_HTTP_OK;
	const enum fault fault = download_of_memory("", 0, &request->reply.download, err);
	return fault ? fault : range_set(request, cap->size, err);
}

enum fault file_get(struct request *request, struct err *err)
{
	struct reply *reply = &request->reply;
	struct target target = { 0 };
	const bool by_cap = strcmp(path_part(&request->path, 0), "file") == 0 ||
			    strcmp(path_part(&request->path, 0), "named") == 0;
	enum fault fault = request_resolve(request, by_cap ? 2 : request->path.count, &target, err);
	if (!fault && cap_is_directory(&target.cap)) {
		resource_fini(&target);
		return object_page(request, err);
	}
	if (!fault && request->path.trailing)
		fault = problem(err, 400, "Files have no children named ''");
	if (!fault && (target.cap.kind == CAP_UNKNOWN || target.cap.kind == CAP_NONE))
		fault = problem(err, 400, "content of an unknown cap");
	if (!fault && request->method[0] == 'H' && target.cap.kind == CAP_CHK) {
		fault = head_only(request, &target.cap, err);
	} else if (!fault) {
		fault = grid_open_file(request->gateway->folder.grid, &target.cap, &reply->download,
				       err);
		if (!fault)
			fault = range_set(request, download_size(reply->download), err);
		/* A damaged first segment is told while a status can still be sent. */
		char byte;
		size_t one = 1;
		if (!fault)
			fault = download_read(reply->download, reply->start, &byte, &one, err);
		etag_set(reply, &target.cap);
	}
	reply->ranges = true;
	reply->type = request->path.count == 2 ? "text/plain" : "application/octet-stream";
	resource_fini(&target);
	return fault;
}
