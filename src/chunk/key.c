#include <nettle/md5.h>
/* nettle declares what base.h bans. */
#include "chunk/key.h"

#include <ctype.h>

/* Reads the field "-x123" at `*at`, where it is there.  False: it is there and is none. */
static bool field(const char **at, char letter, bool *there, uint64_t *value)
{
	const char *digit = *at + 2;
	*there = (*at)[0] == '-' && (*at)[1] == letter;
	*value = 0;
	if (!*there)
		return true;
	if (!isdigit((unsigned char)*digit))
		return false;
	for (; isdigit((unsigned char)*digit); digit++)
		if (__builtin_mul_overflow(*value, 10, value) ||
		    __builtin_add_overflow(*value, (uint64_t)(*digit - '0'), value))
			return false;
	*at = digit;
	return true;
}

bool chunk_key_read(const char *text, struct chunk_key *key)
{
	struct chunk_key made = { .backend = text, .backend_size = strcspn(text, "-") };
	const char *at = text + made.backend_size;
	bool cut, numbered;
	if (made.backend_size == 0 || strlen(text) > CHUNK_KEY_MAX)
		return false;
	for (const char *byte = text; *byte; byte++)
		if ((unsigned char)*byte <= ' ' || *byte == '\x7f')
			return false;
	if (!field(&at, 's', &made.has_size, &made.size) ||
	    !field(&at, 'm', &made.has_mtime, &made.mtime) ||
	    !field(&at, 'S', &cut, &made.chunk_size) || !field(&at, 'C', &numbered, &made.number))
		return false;
	if (cut != numbered || (cut && (made.chunk_size == 0 || made.number == 0)))
		return false;
	if (strncmp(at, "--", 2) != 0 || !at[2])
		return false;
	made.name = at + 2;
	made.name_size = strlen(made.name);
	*key = made;
	return true;
}

enum fault chunk_key_write(const struct chunk_key *key, struct bytes *text)
{
	enum fault fault = bytes_append(text, key->backend, key->backend_size);
	if (!fault && key->has_size)
		fault = bytes_printf(text, "-s%llu", (unsigned long long)key->size);
	if (!fault && key->has_mtime)
		fault = bytes_printf(text, "-m%llu", (unsigned long long)key->mtime);
	if (!fault && key->chunk_size)
		fault = bytes_printf(text, "-S%llu-C%llu", (unsigned long long)key->chunk_size,
				     (unsigned long long)key->number);
	if (!fault)
		fault = bytes_append_text(text, "--");
	return fault ? fault : bytes_append(text, key->name, key->name_size);
}

enum fault chunk_key_file_name(const struct chunk_key *key, struct bytes *text)
{
	struct bytes whole;
	bytes_init(&whole, 2 * CHUNK_KEY_MAX);
	enum fault fault = chunk_key_write(key, &whole);
	for (const char *at = bytes_text(&whole); *at && !fault; at++) {
		const char *as = *at == '&'   ? "&a"
				 : *at == '%' ? "&s"
				 : *at == ':' ? "&c"
				 : *at == '/' ? "%"
					      : NULL;
		fault = as ? bytes_append_text(text, as) : bytes_append(text, at, 1);
	}
	bytes_fini(&whole);
	return fault;
}

enum fault chunk_key_of_file_name(const char *name, struct bytes *text)
{
	static const struct {
		const char *name, *key;
	} escape[] = { { "&a", "&" }, { "&s", "%" }, { "&c", ":" }, { "%", "/" } };
	enum fault fault = FAULT_NONE;
	while (*name && !fault) {
		size_t i = 0;
		while (i < ARRAY_COUNT(escape) &&
		       strncmp(name, escape[i].name, strlen(escape[i].name)) != 0)
			i++;
		const bool escaped = i < ARRAY_COUNT(escape);
		fault = escaped ? bytes_append_text(text, escape[i].key)
				: bytes_append(text, name, 1);
		name += escaped ? strlen(escape[i].name) : 1;
	}
	return fault;
}

struct chunk_key chunk_key_of_chunk(const struct chunk_key *key, uint64_t size, uint64_t number)
{
	struct chunk_key chunk = *key;
	chunk.chunk_size = size;
	chunk.number = number;
	return chunk;
}

struct chunk_key chunk_key_of_file(const struct chunk_key *key)
{
	return chunk_key_of_chunk(key, 0, 0);
}

/* Source: git-annex Backend/Hash.hs and Backend/WORM.hs, the names of those whose keys stand for
 * their bytes; each hash has a name with an E, for keys with the file's extension. */
bool chunk_key_is_stable(const struct chunk_key *key)
{
	static const char *const stable[] = {
		"SHA256",      "SHA512",     "SHA224",     "SHA384",     "SHA3_256",
		"SHA3_512",    "SHA3_224",   "SHA3_384",   "SKEIN256",   "SKEIN512",
		"BLAKE2B160",  "BLAKE2B224", "BLAKE2B256", "BLAKE2B384", "BLAKE2B512",
		"BLAKE2BP512", "BLAKE2S160", "BLAKE2S224", "BLAKE2S256", "BLAKE2SP224",
		"BLAKE2SP256", "SHA1",       "MD5",        "WORM",       "GITBUNDLE",
		"GITMANIFEST",
	};
	for (size_t i = 0; i < ARRAY_COUNT(stable); i++) {
		size_t size = strlen(stable[i]);
		size_t more = key->backend_size - size;
		if (key->backend_size >= size && strncmp(key->backend, stable[i], size) == 0 &&
		    (more == 0 || (more == 1 && key->backend[size] == 'E')))
			return true;
	}
	return false;
}

enum fault chunk_key_hash(const struct chunk_key *key, char hash[CHUNK_HASH_DIGITS + 1],
			  struct err *err)
{
	const struct chunk_key file = chunk_key_of_file(key);
	unsigned char digest[MD5_DIGEST_SIZE];
	struct md5_ctx md5;
	struct bytes text;
	bytes_init(&text, 2 * CHUNK_KEY_MAX);
	enum fault fault = bytes_err(chunk_key_write(&file, &text), err, "a key");
	if (!fault) {
		md5_init(&md5);
		md5_update(&md5, text.size, text.data);
		md5_digest(&md5, sizeof digest, digest);
		for (size_t i = 0; i < sizeof digest; i++)
			snprintf(hash + 2 * i, 3, "%02x", digest[i]);
	}
	bytes_fini(&text);
	return fault;
}
