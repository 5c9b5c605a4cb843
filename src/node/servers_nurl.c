/* First, because it names parameters rand, which queue/core/base.h bans. */
#include <openssl/evp.h>

#include "node/servers_parts.h"

#include <arpa/inet.h>
#include <assert.h>

enum {
	HASH_LENGTH = 43,    /* of 32 bytes in base64 without padding */
	HOST_MAX = 253,      /* characters of a name in the DNS */
	PORT_LENGTH_MAX = 5, /* 65535 */
	SWISSNUM_MAX = 128,  /* characters; tahoe makes 32 or 43 */
};

static const char pin_start[] = "sha256//";
static const char authorization_start[] = "Tahoe-LAFS ";
static_assert(sizeof pin_start + HASH_LENGTH + 1 <= SERVER_PIN_SIZE, "a pin fits");
static_assert(sizeof authorization_start + (SWISSNUM_MAX + 2) / 3 * 4 <= SERVER_AUTHORIZATION_SIZE,
	      "an authorization fits");

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_alphanumeric(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_base64url(char c) { return is_alphanumeric(c) || c == '-' || c == '_'; }

static bool is_of_name(char c) { return is_base64url(c) || c == '.'; }

static bool is_of_address(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' ||
	       c == '.';
}

static void advance(struct word *rest, size_t size)
{
	rest->text += size;
	rest->size -= size;
}

/* Steps over `literal` where the rest begins with it. */
static bool skip(struct word *rest, const char *literal)
{
	const size_t length = strlen(literal);
	if (rest->size < length || memcmp(rest->text, literal, length) != 0)
		return false;
	advance(rest, length);
	return true;
}

/* Steps over as many accepted characters as there are, and returns them. */
static struct word run_of(struct word *rest, bool (*accepts)(char))
{
	struct word run = { rest->text, 0 };
	while (run.size < rest->size && accepts(rest->text[run.size]))
		run.size++;
	advance(rest, run.size);
	return run;
}

/* An IPv6 address up to its closing bracket. */
static bool skip_address(struct word *rest)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr ignored;
	const struct word address = run_of(rest, is_of_address);
	if (address.size >= sizeof text)
		return false;
	memcpy(text, address.text, address.size);
	text[address.size] = '\0';
	return inet_pton(AF_INET6, text, &ignored) == 1 && skip(rest, "]");
}

static bool take_host(struct word *rest, struct word *host)
{
	host->text = rest->text;
	if (skip(rest, "[")) {
		if (!skip_address(rest))
			return false;
		host->size = (size_t)(rest->text - host->text);
		return true;
	}
	*host = run_of(rest, is_of_name);
	return host->size >= 1 && host->size <= HOST_MAX && is_alphanumeric(host->text[0]);
}

static bool take_port(struct word *rest, struct word *port)
{
	*port = run_of(rest, is_digit);
	if (port->size < 1 || port->size > PORT_LENGTH_MAX || port->text[0] == '0')
		return false;
	uint32_t number = 0;
	for (size_t i = 0; i < port->size; i++)
		number = number * 10 + (uint32_t)(port->text[i] - '0');
	return number <= UINT16_MAX;
}

/* 43 characters are 258 bits, the last two of which are zero. */
static bool take_hash(struct word *rest, struct word *hash)
{
	*hash = run_of(rest, is_base64url);
	return hash->size == HASH_LENGTH && strchr("AEIMQUYcgkosw048", hash->text[HASH_LENGTH - 1]);
}

bool nurl_split(struct word text, struct nurl *nurl)
{
	if (!skip(&text, "pb://") || !take_hash(&text, &nurl->hash) || !skip(&text, "@") ||
	    !take_host(&text, &nurl->host) || !skip(&text, ":") || !take_port(&text, &nurl->port) ||
	    !skip(&text, "/"))
		return false;
	nurl->swissnum = run_of(&text, is_base64url);
	return nurl->swissnum.size >= 1 && nurl->swissnum.size <= SWISSNUM_MAX &&
	       skip(&text, "#v=1") && text.size == 0;
}

static char plain_base64(char c) { return c == '-' ? '+' : c == '_' ? '/' : c; }

enum fault nurl_apply(const struct nurl *nurl, struct server *server, struct err *err)
{
	const size_t start = strlen(pin_start);
	memcpy(server->pin, pin_start, start);
	for (size_t i = 0; i < HASH_LENGTH; i++)
		server->pin[start + i] = plain_base64(nurl->hash.text[i]);
	memcpy(server->pin + start + HASH_LENGTH, "=", sizeof "=");

	memcpy(server->authorization, authorization_start, sizeof authorization_start);
	EVP_EncodeBlock((unsigned char *)server->authorization + strlen(authorization_start),
			(const unsigned char *)nurl->swissnum.text, (int)nurl->swissnum.size);

	if (asprintf(&server->url, "https://%.*s:%.*s/", (int)nurl->host.size, nurl->host.text,
		     (int)nurl->port.size, nurl->port.text) >= 0)
		return FAULT_NONE;
	server->url = NULL;
	return err_set(err, FAULT_NOMEM, "no memory for a URL");
}
