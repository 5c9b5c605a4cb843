#include "direct/secret_line.h"

#include <nettle/base64.h>

void secret_line(char line[SECRET_LINE_SIZE], const char *name,
		 const unsigned char secret[DIGEST_SIZE])
{
	const int at = snprintf(line, SECRET_LINE_SIZE, "X-Tahoe-Authorization: %s ", name);
	base64_encode_raw(line + at, DIGEST_SIZE, secret);
	line[at + BASE64_ENCODE_RAW_LENGTH(DIGEST_SIZE)] = '\0';
}
