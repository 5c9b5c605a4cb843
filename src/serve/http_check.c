#include "serve/http.h"

#include "serve/problem.h"
#include "tahoe/base32.h"

enum { INDEX_TEXT_SIZE = 27 }; /* base32 of a storage index with its NUL */

/* The results as JSON; the numbers of one share on one server. */
static enum fault check_json(struct bytes *out, const char *server,
			     const struct check_result *result)
{
	char index[INDEX_TEXT_SIZE];
	if (result->literal)
		return bytes_append_text(
			out, "{\"storage-index\": \"\", \"results\": {\"healthy\": true}}\n");
	base32_encode(result->index, sizeof result->index, index);
	const bool good = result->found && !result->corrupt;
	enum fault fault =
		bytes_printf(out, "{\"storage-index\": \"%s\", \"summary\": \"%s\", \"results\": {",
			     index, good ? "Healthy" : "Not Healthy: 0 shares (enc 1-of-1)");
	if (!fault)
		fault = bytes_printf(out,
				     "\"count-happiness\": %d, \"count-shares-good\": %d, "
				     "\"count-good-share-hosts\": %d, \"count-shares-needed\": 1, "
				     "\"count-shares-expected\": 1, \"count-corrupt-shares\": %d, "
				     "\"count-wrong-shares\": 0, ",
				     good, good, good, result->corrupt);
	if (!fault)
		fault = bytes_printf(out,
				     "\"count-recoverable-versions\": %d, "
				     "\"count-unrecoverable-versions\": %d, \"healthy\": %s, "
				     "\"recoverable\": %s, \"servers-responding\": [\"%s\"], ",
				     good, result->corrupt, good ? "true" : "false",
				     good ? "true" : "false", server);
	if (!fault && result->corrupt)
		fault = bytes_printf(out,
				     "\"list-corrupt-shares\": [[\"%s\", \"%s\", 0]], "
				     "\"sharemap\": {}}}\n",
				     server, index);
	else if (!fault && !good)
		fault = bytes_append_text(out, "\"list-corrupt-shares\": [], \"sharemap\": {}}}\n");
	else if (!fault && result->is_mutable)
		fault = bytes_printf(out,
				     "\"list-corrupt-shares\": [], \"sharemap\": "
				     "{\"seq%ju-%.4s-sh0\": [\"%s\"]}}}\n",
				     (uintmax_t)result->sequence, index, server);
	else if (!fault)
		fault = bytes_printf(out,
				     "\"list-corrupt-shares\": [], \"sharemap\": "
				     "{\"0\": [\"%s\"]}}}\n",
				     server);
	return fault;
}

enum fault object_check(struct request *request, struct err *err)
{
	struct target target;
	struct check_result result;
	bool verify, repair;
	enum fault fault = request_resolve(request, request->path.count, &target, err);
	if (fault)
		return fault;
	fault = request_flag(request, "verify", &verify, err);
	if (!fault)
		fault = request_flag(request, "repair", &repair, err);
	if (!fault && repair)
		fault = problem(err, 400, "repair is not served here");
	if (!fault)
		fault = grid_check(request->gateway->folder.grid, &target.cap, verify, &result,
				   err);
	if (!fault)
		fault = bytes_err(
			check_json(&request->reply.body, request->gateway->server, &result), err,
			"a check");
	resource_fini(&target);
	return fault;
}
