#include "net/http_peer.h"

#include "base/secret.h"
#include "net/http_call.h"

bool http_headers_add(struct curl_slist **headers, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*headers, line);
	if (longer)
		*headers = longer;
	return longer;
}

void http_headers_free(struct curl_slist *headers)
{
	for (struct curl_slist *line = headers; line; line = line->next)
		secret_wipe(line->data, strlen(line->data));
	curl_slist_free_all(headers);
}

/* Appends "NAME: VALUE".  False: no memory. */
static bool add_header(struct http_peer *peer, const char *name, const char *value)
{
	char *line = NULL;
	if (asprintf(&line, "%s: %s", name, value) < 0)
		return false;
	bool added = http_headers_add(&peer->headers, line);
	secret_wipe(line, strlen(line));
	free(line);
	return added;
}

enum fault http_peer_new(const struct http_peer_options *options, struct http_peer **out,
			 struct err *err)
{
	struct url url;
	enum fault fault = url_parse(options->url, NULL, &url, err);
	if (fault)
		return fault;
	if (!url.encrypted)
		return err_set(err, FAULT_USAGE, "a peer is reached by https alone");
	struct http_peer *peer = calloc(1, sizeof *peer);
	if (!peer)
		return err_set(err, FAULT_NOMEM, "no memory for a server");
	peer->url = url;
	peer->connections = options->connections;
	peer->pin = strdup(options->pin);
	if (!peer->pin || !add_header(peer, "Accept", options->accept) ||
	    (options->authorization &&
	     !add_header(peer, "Authorization", options->authorization))) {
		http_peer_free(peer);
		return err_set(err, FAULT_NOMEM, "no memory for a server");
	}
	*out = peer;
	return FAULT_NONE;
}

void http_peer_free(struct http_peer *peer)
{
	if (!peer)
		return;
	http_headers_free(peer->headers);
	free(peer->pin);
	free(peer);
}
