#include <openssl/evp.h>
/* OpenSSL declares what base.h bans. */
#include "annex/key.h"

/* Skips "-", a letter and digits, where they are there. */
static const char *skip_field(const char *at, char letter)
{
	if (at[0] != '-' || at[1] != letter)
		return at;
	size_t digits = strspn(at + 2, "0123456789");
	return digits > 0 ? at + 2 + digits : at;
}

/* Whether it is a key, with its fields in their order. */
static bool is_key(const char *key)
{
	size_t backend = strcspn(key, "-");
	if (backend == 0 || strlen(key) > KEY_TEXT_MAX)
		return false;
	const char *at = skip_field(skip_field(key + backend, 's'), 'm');
	const char *chunk = skip_field(at, 'S');
	if (chunk != at) {
		at = skip_field(chunk, 'C');
		if (at == chunk)
			return false;
	}
	return strncmp(at, "--", 2) == 0 && at[2];
}

static enum fault append_file_name(const char *key, struct bytes *path)
{
	enum fault fault = FAULT_NONE;
	for (const char *at = key; *at && !fault; at++) {
		const char *as = *at == '&'   ? "&a"
				 : *at == '%' ? "&s"
				 : *at == ':' ? "&c"
				 : *at == '/' ? "%"
					      : NULL;
		fault = as ? bytes_append_text(path, as) : bytes_append(path, at, 1);
	}
	return fault;
}

enum fault key_path(const char *key, struct bytes *path, unsigned *leaf, struct err *err)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	if (!is_key(key))
		return err_set(err, FAULT_USAGE, "'%.100s' is not a key of git-annex", key);
	if (EVP_Digest(key, strlen(key), hash, NULL, EVP_md5(), NULL) != 1)
		return err_set(err, FAULT_NOMEM, "the MD5 of a key cannot be computed");
	*leaf = (unsigned)hash[0] << 4 | hash[1] >> 4;
	enum fault fault = bytes_printf(path, "keys/%02x/%x/", hash[0], hash[1] >> 4);
	if (!fault)
		fault = append_file_name(key, path);
	return bytes_err(fault, err, "a key");
}
