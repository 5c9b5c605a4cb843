#include "base/redact.h"

#include "base/digest.h"

#include <strings.h>

enum { REDACTED_SIZE = 17 }; /* "URI:CHK:" + 8 hex digits + NUL */

struct mark {
	const char *text;
	const char *enders; /* bytes that end what begins with `text`, besides the common ones */
};

static const struct mark marks[] = {
	{ "URI:", "/?#&" },
	{ "URI%3A", "/?#&" },
	{ "pb://", "" },
	{ "lafs://", "" },
};

static const struct mark *mark_at(const char *at, size_t left)
{
	for (size_t i = 0; i < ARRAY_COUNT(marks); i++) {
		const size_t length = strlen(marks[i].text);
		if (left >= length && strncasecmp(at, marks[i].text, length) == 0)
			return &marks[i];
	}
	return NULL;
}

static bool ends_cap(unsigned char byte, const struct mark *mark)
{
	return byte <= ' ' || byte == 0x7F || strchr("\"'`<>()[]{},;", byte) ||
	       strchr(mark->enders, byte);
}

/* How many bytes from a mark on belong to the cap. */
static size_t cap_size(const char *at, size_t left, const struct mark *mark)
{
	size_t size = strlen(mark->text);
	while (size < left && !ends_cap((unsigned char)at[size], mark))
		size++;
	return size;
}

/* Writes the redacted form of one cap, of which only the first 1,024 bytes count.  Hashes the plain
 * form whether or not its colons are percent-encoded. */
static void redact_cap_text(const void *text, size_t size, char out[REDACTED_SIZE])
{
	char plain[1024];
	const char *at = text;
	size_t used = 0;
	for (size_t i = 0; i < size && used < sizeof plain; i++) {
		bool colon = i + 2 < size && strncasecmp(at + i, "%3A", 3) == 0;
		plain[used++] = colon ? ':' : at[i];
		i += colon ? 2 : 0;
	}
	unsigned char hash[DIGEST_SIZE];
	digest_of(plain, used, hash);
	explicit_bzero(plain, used);
	snprintf(out, REDACTED_SIZE, "URI:CHK:%02x%02x%02x%02x", hash[0], hash[1], hash[2],
		 hash[3]);
}

/* Returns how many bytes of user name and password stand behind "://" at the beginning; 0: none do.
 */
static size_t user_size(const char *at, size_t left)
{
	static const char before[] = "://";
	if (left < sizeof before - 1 || memcmp(at, before, sizeof before - 1) != 0)
		return 0;
	size_t found = 0;
	for (size_t i = sizeof before - 1; i < left; i++) {
		unsigned char byte = (unsigned char)at[i];
		if (byte <= ' ' || byte == 0x7F || strchr("/?#\"'`<>", byte))
			break;
		if (byte == '@')
			found = i - (sizeof before - 1);
	}
	return found;
}

enum fault redact_text(struct bytes *out, const void *text, size_t size)
{
	const char *at = text;
	const size_t before = out->size;
	enum fault fault = bytes_reserve(out, 0);
	size_t copied = 0; /* bytes of `text` that are dealt with */
	for (size_t i = 0; i < size && !fault;) {
		const struct mark *mark = mark_at(at + i, size - i);
		const size_t user = mark ? 0 : user_size(at + i, size - i);
		if (user > 0) {
			fault = bytes_append(out, at + copied, i + 3 - copied);
			if (!fault)
				fault = bytes_append_text(out, "***");
			i += 3 + user;
			copied = i;
			continue;
		}
		if (!mark) {
			i++;
			continue;
		}
		char redacted[REDACTED_SIZE];
		const size_t length = cap_size(at + i, size - i, mark);
		redact_cap_text(at + i, length, redacted);
		fault = bytes_append(out, at + copied, i - copied);
		if (!fault)
			fault = bytes_append_text(out, redacted);
		i += length;
		copied = i;
	}
	if (!fault)
		fault = bytes_append(out, at + copied, size - copied);
	if (fault)
		out->size = before;
	return fault;
}
