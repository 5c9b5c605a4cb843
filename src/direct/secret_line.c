#include "direct/secret_line.h"

#include "base/secret.h"

#include <nettle/base64.h>

void secret_line(char line[SECRET_LINE_SIZE], const char *name,
		 const unsigned char secret[DIGEST_SIZE])
{
	char text[BASE64_ENCODE_RAW_LENGTH(DIGEST_SIZE) + 1] = "";
	base64_encode_raw(text, DIGEST_SIZE, secret);
	snprintf(line, SECRET_LINE_SIZE, "X-Tahoe-Authorization: %s %s", name, text);
	secret_wipe(text, sizeof text);
}
