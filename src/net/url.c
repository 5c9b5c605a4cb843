#include "net/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <strings.h>

bool url_address_is_loopback(const char *address)
{
	struct in_addr v4;
	if (inet_pton(AF_INET, address, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	struct in6_addr v6;
	if (inet_pton(AF_INET6, address, &v6) != 1)
		return false;
	return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

bool url_names_user(const char *text)
{
	const char *behind = strstr(text, "://");
	const char *authority = behind ? behind + 3 : text;
	return memchr(authority, '@', strcspn(authority, "/?#"));
}

/* Copies one part of the URL; false when it is absent or does not fit. */
static bool part(CURLU *parsed, CURLUPart what, unsigned flags, char *out, size_t size)
{
	char *text = NULL;
	if (curl_url_get(parsed, what, &text, flags) != CURLUE_OK)
		return false;
	int length = snprintf(out, size, "%s", text);
	curl_free(text);
	return length >= 0 && (size_t)length < size;
}

static bool has(CURLU *parsed, CURLUPart what)
{
	char *text = NULL;
	bool found = curl_url_get(parsed, what, &text, 0) == CURLUE_OK;
	curl_free(text);
	return found;
}

static void strip_brackets(char *host)
{
	size_t size = strlen(host);
	if (size < 2 || host[0] != '[')
		return;
	memmove(host, host + 1, size - 2);
	host[size - 2] = '\0';
}

static enum fault url_take(CURLU *parsed, struct url *url, struct err *err)
{
	char scheme[16], port[8];
	if (!part(parsed, CURLUPART_SCHEME, 0, scheme, sizeof scheme) ||
	    (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
		return err_set(err, FAULT_USAGE, "a gateway URL begins with http:// or https://");
	if (has(parsed, CURLUPART_USER) || has(parsed, CURLUPART_PASSWORD))
		return err_set(err, FAULT_USAGE, "a gateway URL holds no user name or password");
	if (has(parsed, CURLUPART_QUERY) || has(parsed, CURLUPART_FRAGMENT))
		return err_set(err, FAULT_USAGE, "a gateway URL holds no query and no fragment");
	if (!part(parsed, CURLUPART_HOST, 0, url->host, sizeof url->host) ||
	    !part(parsed, CURLUPART_PORT, CURLU_DEFAULT_PORT, port, sizeof port) ||
	    !part(parsed, CURLUPART_URL, 0, url->base, sizeof url->base - 1))
		return err_set(err, FAULT_USAGE, "not a usable gateway URL");
	strip_brackets(url->host);
	url->port = (uint16_t)strtoul(port, NULL, 10);
	url->encrypted = strcmp(scheme, "https") == 0;
	size_t length = strlen(url->base);
	if (url->base[length - 1] != '/')
		memcpy(url->base + length, "/", 2);
	return FAULT_NONE;
}

enum fault url_parse(const char *text, const char *plain_host, struct url *url, struct err *err)
{
	struct url found = { .port = 0 };
	CURLU *parsed = curl_url();
	if (!parsed)
		return err_set(err, FAULT_NOMEM, "no memory for a URL");
	CURLUcode code = curl_url_set(parsed, CURLUPART_URL, text, 0);
	enum fault fault = code == CURLUE_OK ? url_take(parsed, &found, err)
			   : code == CURLUE_OUT_OF_MEMORY
				   ? err_set(err, FAULT_NOMEM, "no memory for a URL")
				   : err_set(err, FAULT_USAGE,
					     "not a gateway URL: http://HOST:PORT/ is wanted");
	curl_url_cleanup(parsed);
	if (fault != FAULT_NONE)
		return fault;
	bool local =
		strcasecmp(found.host, "localhost") == 0 || url_address_is_loopback(found.host);
	bool allowed = plain_host && strcasecmp(found.host, plain_host) == 0;
	if (!found.encrypted && !local && !allowed)
		return err_set(err, FAULT_INSECURE,
			       "plain http to %.60s would show capabilities to the network; use "
			       "https, or --allow-plaintext=%.60s",
			       found.host, found.host);
	*url = found;
	return FAULT_NONE;
}
