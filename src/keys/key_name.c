#include "keys/key_name.h"

#include "base/digest.h"

/* The size of what is stored under the key: of a chunk, the chunk's. */
static bool find_size(struct key_name *name)
{
	const struct chunk_key *key = &name->key;
	name->has_size = key->has_size;
	name->size = key->size;
	if (key->chunk_size == 0 || !key->has_size)
		return true;
	if (key->number > 1 &&
	    (key->size == 0 || key->number - 1 > (key->size - 1) / key->chunk_size))
		return false;
	name->size = min_u64(key->size - (key->number - 1) * key->chunk_size, key->chunk_size);
	return true;
}

enum fault key_name_read(const char *key, struct key_name *name, struct err *err)
{
	unsigned char md5[MD5_SIZE];
	struct bytes file;
	*name = (struct key_name){ 0 };
	if (!chunk_key_read(key, &name->key) || !find_size(name))
		return err_set(err, FAULT_USAGE,
			       "'%.120s' is no key; one is BACKEND[-sSIZE][-mMTIME]"
			       "[-SCHUNK-CNUMBER]--NAME, without spaces",
			       key);
	bytes_init(&file, KEY_FILE_SIZE - 1);
	enum fault fault = bytes_err(chunk_key_file_name(&name->key, &file), err, "a key");
	if (!fault) {
		memcpy(name->file, bytes_text(&file), file.size + 1);
		name->file_size = file.size;
		md5_of(key, strlen(key), md5);
		name->leaf = (unsigned)md5[0] << 4 | md5[1] >> 4;
	}
	bytes_fini(&file);
	return fault;
}

enum fault key_name_path(const struct key_name *name, bool in_chunks, struct bytes *path)
{
	const unsigned leaf = name->leaf;
	return bytes_printf(path, "%s/{%x,%02x,%02x/%x}/%s", in_chunks ? "chunks" : "keys",
			    leaf >> 8, leaf >> 4, leaf >> 4, leaf & 15, name->file);
}
