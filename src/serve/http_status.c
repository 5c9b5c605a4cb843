#include "serve/http.h"

#include "queue/core/thread.h"

static bool wants_json(const struct request *request) { return strcmp(request->t, "json") == 0; }

enum fault status_welcome(struct request *request, struct err *err)
{
	if (wants_json(request)) {
		bytes_clear(&request->reply.body);
		return bytes_err(
			bytes_printf(&request->reply.body,
				     "{\n \"introducers\": {\"statuses\": []},\n \"servers\": [\n"
				     "  {\"nodeid\": \"%s\", \"connection_status\": \"connected\", "
				     "\"available_space\": null, \"nickname\": \"barge gateway\", "
				     "\"version\": \"barge\", \"last_received_data\": null}]\n}\n",
				     request->gateway->server),
			err, "a status");
	}
	request->reply.type = "text/html;charset=utf-8";
	return reply_text(request, MHD_HTTP_OK,
			  "<!DOCTYPE html><html><head><title>barge gateway</title></head><body>"
			  "<h1>barge gateway</h1><p>One node, for trying and testing. "
			  "<a href=\"/barge/status\">What it did</a></p></body></html>\n",
			  err);
}

enum fault status_operations(struct request *request, struct err *err)
{
	return reply_text(request, MHD_HTTP_OK, "{\"active\": [], \"recent\": []}\n", err);
}

enum fault status_counters(struct request *request, struct err *err)
{
	const struct embedded *gateway = request->gateway;
	const uint64_t up_ms = clock_ms() - gateway->started_ms;
	bytes_clear(&request->reply.body);
	const enum fault fault = bytes_printf(
		&request->reply.body,
		"{\"counters\": {\"uploader.files_uploaded\": %ju, "
		"\"downloader.files_downloaded\": %ju, \"mutable.files_published\": %ju}, "
		"\"stats\": {\"node.uptime\": %ju.%03u}}\n",
		(uintmax_t)gateway->files, (uintmax_t)gateway->requests[REQUEST_GET],
		(uintmax_t)gateway->directories, (uintmax_t)(up_ms / 1000),
		(unsigned)(up_ms % 1000));
	return bytes_err(fault, err, "a status");
}

struct figure {
	const char *group, *name;
	uint64_t value;
};

enum { FIGURES_MAX = REQUEST_KIND_COUNT + STATUS_CLASSES + 12 };

/* Everything the status pages show; returns how many. */
static size_t figures_of(const struct embedded *gateway, struct figure out[FIGURES_MAX])
{
	static const char *const classes[STATUS_CLASSES] = { "none", "1xx", "2xx",
							     "3xx",  "4xx", "5xx" };
	const struct shares *shares = grid_shares(gateway->folder.grid);
	size_t count = 0;
	for (unsigned i = 0; i < REQUEST_KIND_COUNT; i++)
		out[count++] =
			(struct figure){ "requests", request_kind_name(i), gateway->requests[i] };
	out[count++] = (struct figure){ "under_way", "now", gateway->under_way };
	out[count++] = (struct figure){ "under_way", "most", gateway->most_under_way };
	for (unsigned i = 0; i < STATUS_CLASSES; i++)
		out[count++] = (struct figure){ "replies", classes[i], gateway->replies[i] };
	const struct figure rest[] = {
		{ "made", "shares", gateway->files },
		{ "made", "directories", gateway->directories },
		{ "stored", "shares", shares_count(shares, SHARE_IMMUTABLE) },
		{ "stored", "directories", shares_count(shares, SHARE_SLOT) },
		{ "stored", "log_bytes", shares_log_size(shares) },
		{ "bytes", "in", gateway->body_in },
		{ "bytes", "out", gateway->body_out },
		{ "faults", "hits", fault_plan_hits(gateway->plan) },
		{ "time", "uptime_ms", clock_ms() - gateway->started_ms },
	};
	memcpy(out + count, rest, sizeof rest);
	return count + ARRAY_COUNT(rest);
}

static enum fault figures_json(struct bytes *out, const struct figure *figures, size_t count)
{
	const char *group = "";
	enum fault fault = bytes_append_text(out, "{");
	for (size_t i = 0; i < count && !fault; i++) {
		const bool same = strcmp(group, figures[i].group) == 0;
		if (!same)
			fault = bytes_printf(out, "%s\n \"%s\": {", i > 0 ? "}," : "",
					     figures[i].group);
		group = figures[i].group;
		if (!fault)
			fault = bytes_printf(out, "%s\"%s\": %ju", same ? ", " : "",
					     figures[i].name, (uintmax_t)figures[i].value);
	}
	return fault ? fault : bytes_append_text(out, "}\n}\n");
}

static enum fault figures_html(struct bytes *out, const struct figure *figures, size_t count)
{
	enum fault fault = bytes_append_text(
		out, "<!DOCTYPE html><html><head><title>barge gateway</title></head><body>"
		     "<h1>What this gateway did</h1><table>\n");
	for (size_t i = 0; i < count && !fault; i++)
		fault = bytes_printf(out,
				     "<tr><td>%s</td><td>%s</td>"
				     "<td align=\"right\">%ju</td></tr>\n",
				     figures[i].group, figures[i].name,
				     (uintmax_t)figures[i].value);
	return fault ? fault : bytes_append_text(out, "</table></body></html>\n");
}

enum fault status_own(struct request *request, struct err *err)
{
	struct figure figures[FIGURES_MAX];
	const size_t count = figures_of(request->gateway, figures);
	struct bytes *out = &request->reply.body;
	if (wants_json(request))
		return bytes_err(figures_json(out, figures, count), err, "a status");
	request->reply.type = "text/html;charset=utf-8";
	return bytes_err(figures_html(out, figures, count), err, "a status");
}
