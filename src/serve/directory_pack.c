#include "serve/directory.h"

#include "base/secret.h"
#include "serve/pair_hash.h"
#include "serve/problem.h"
#include "tahoe/chk.h"

#define TAG_CHILD_SALT "allmydata_dirnode_child_rwcap_to_salt_v1"
#define TAG_CHILD_KEY  "allmydata_mutable_writekey_and_salt_to_dirnode_child_capkey_v1"
#define TAG_CHILD_MAC  "barge_gateway_child_mac_v1" /* readers since 1.3 do not look at it */

enum {
	SALT_SIZE = 16,
	MAC_SIZE = 32,
	CHILD_MAX = 2 * 1024 * 1024, /* bytes of one child's serialized form */
};

/* Has `cipher` at the start of the write cap that `salt` belongs to; stores the key. */
static enum fault child_cipher(struct chk_cipher *cipher, const void *salt,
			       const unsigned char *writekey, unsigned char key[DIGEST_SIZE])
{
	const struct hash_input first = { salt, SALT_SIZE };
	const struct hash_input second = { writekey, CAP_KEY_SIZE };
	const enum fault fault = pair_hash(TAG_CHILD_KEY, first, second, key);
	if (!fault)
		chk_cipher_start(cipher, key, 0);
	return fault;
}

/* What a child's write cap looks like for those who may only read. */
static enum fault rwdata_append(struct bytes *out, struct chk_cipher *cipher, const char *rw,
				const unsigned char *writekey)
{
	unsigned char data[SALT_SIZE + CAP_TEXT_SIZE + MAC_SIZE], hash[DIGEST_SIZE];
	unsigned char key[DIGEST_SIZE];
	const size_t size = strlen(rw);
	if (size > CAP_TEXT_SIZE)
		return FAULT_TOO_LARGE;
	hash_tagged(TAG_CHILD_SALT, rw, size, hash);
	memcpy(data, hash, SALT_SIZE);
	enum fault fault = child_cipher(cipher, data, writekey, key);
	if (!fault) {
		chk_cipher_apply(cipher, rw, data + SALT_SIZE, size);
		const struct hash_input first = { key, CAP_KEY_SIZE };
		const struct hash_input second = { data, SALT_SIZE + size };
		fault = pair_hash(TAG_CHILD_MAC, first, second, hash);
	}
	memcpy(data + SALT_SIZE + size, hash, MAC_SIZE);
	secret_wipe(key, sizeof key);
	return fault ? fault : netstring_append(out, data, SALT_SIZE + size + MAC_SIZE);
}

static enum fault child_pack(const struct child *child, struct chk_cipher *cipher,
			     const unsigned char *writekey, struct bytes *out)
{
	enum fault fault = netstring_append(out, child->name, child->name_size);
	if (!fault)
		fault = netstring_append(out, child->ro, strlen(child->ro));
	if (!fault && writekey)
		fault = rwdata_append(out, cipher, child->rw, writekey);
	else if (!fault)
		fault = netstring_append(out, "", 0);
	if (!fault)
		fault = netstring_append(out, child->metadata, strlen(child->metadata));
	return fault;
}

enum fault directory_pack(const struct stored_directory *directory, const unsigned char *writekey,
			  struct bytes *out, struct err *err)
{
	struct chk_cipher cipher;
	struct bytes one;
	enum fault fault = chk_cipher_init(&cipher, err);
	if (fault)
		return fault;
	bytes_init(&one, CHILD_MAX);
	for (size_t i = 0; i < directory->count && !fault; i++) {
		bytes_clear(&one);
		fault = child_pack(&directory->list[i], &cipher, writekey, &one);
		if (!fault)
			fault = netstring_append(out, one.data, one.size);
	}
	bytes_fini(&one);
	chk_cipher_fini(&cipher);
	return bytes_err(fault, err, "a directory");
}

struct pack_cursor {
	const char *at, *end;
};

/* Takes one netstring.  False when there is none. */
static bool netstring_take(struct pack_cursor *cursor, struct pack_cursor *content)
{
	size_t size = 0;
	const char *at = cursor->at;
	while (at < cursor->end && *at >= '0' && *at <= '9' && size < DIRECTORY_BODY_MAX)
		size = size * 10 + (size_t)(*at++ - '0');
	if (at == cursor->at || at == cursor->end || *at++ != ':')
		return false;
	if ((size_t)(cursor->end - at) <= size || at[size] != ',')
		return false;
	*content = (struct pack_cursor){ .at = at, .end = at + size };
	cursor->at = at + size + 1;
	return true;
}

static char *text_of(const struct pack_cursor *content)
{
	return strndup(content->at, (size_t)(content->end - content->at));
}

/* Allocates the write cap that `rwdata` hides. */
static char *rwdata_open(const struct pack_cursor *rwdata, struct chk_cipher *cipher,
			 const unsigned char *writekey)
{
	const size_t size = (size_t)(rwdata->end - rwdata->at);
	if (!writekey || size < SALT_SIZE + MAC_SIZE)
		return strdup("");
	const size_t text_size = size - SALT_SIZE - MAC_SIZE;
	unsigned char key[DIGEST_SIZE];
	char *text = calloc(1, text_size + 1);
	if (!text || child_cipher(cipher, rwdata->at, writekey, key)) {
		free(text);
		return NULL;
	}
	chk_cipher_apply(cipher, rwdata->at + SALT_SIZE, text, text_size);
	secret_wipe(key, sizeof key);
	return text;
}

/* Adds the child that is the next netstring of `all`. */
static enum fault child_unpack(struct pack_cursor *all, struct chk_cipher *cipher,
			       const unsigned char *writekey, struct stored_directory *directory,
			       struct err *err)
{
	struct pack_cursor entry, name, ro, rwdata, metadata;
	if (!netstring_take(all, &entry) || !netstring_take(&entry, &name) ||
	    !netstring_take(&entry, &ro) || !netstring_take(&entry, &rwdata) ||
	    !netstring_take(&entry, &metadata))
		return problem(err, 410,
			       "allmydata.mutable.common.UnrecoverableFileError: not a directory");
	struct child child = {
		.ro = text_of(&ro),
		.rw = rwdata_open(&rwdata, cipher, writekey),
		.metadata = text_of(&metadata),
	};
	enum fault fault = FAULT_NONE;
	if (!child.ro || !child.rw || !child.metadata)
		fault = err_set(err, FAULT_NOMEM, "out of memory for a directory");
	else
		fault = directory_add(directory, name.at, (size_t)(name.end - name.at), &child,
				      err);
	if (child.rw)
		secret_wipe(child.rw, strlen(child.rw));
	free(child.ro);
	free(child.rw);
	free(child.metadata);
	return fault;
}

enum fault directory_unpack(const void *data, size_t size, const unsigned char *writekey,
			    struct stored_directory *directory, struct err *err)
{
	struct chk_cipher cipher;
	struct stored_directory read = { 0 };
	struct pack_cursor all = { .at = data, .end = (const char *)data + size };
	enum fault fault = chk_cipher_init(&cipher, err);
	if (fault)
		return fault;
	while (all.at < all.end && !fault)
		fault = child_unpack(&all, &cipher, writekey, &read, err);
	chk_cipher_fini(&cipher);
	if (fault) {
		directory_fini(&read);
		return fault;
	}
	directory_sort(&read); /* no change, unless somebody else wrote it */
	*directory = read;
	return FAULT_NONE;
}
