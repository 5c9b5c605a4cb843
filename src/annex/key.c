#include "annex/key.h"

#include "base/digest.h"
#include "chunk/key.h"

/* A chunk has a hash of its own, not its file's, so that no directory grows with a file. */
enum fault key_path(const char *key, struct bytes *path, unsigned *leaf, struct err *err)
{
	unsigned char hash[MD5_SIZE];
	struct chunk_key read;
	if (!chunk_key_read(key, &read))
		return err_set(err, FAULT_USAGE, "'%.100s' is not a key of git-annex", key);
	md5_of(key, strlen(key), hash);
	*leaf = (unsigned)hash[0] << 4 | hash[1] >> 4;
	enum fault fault = bytes_printf(path, "keys/%02x/%x/", hash[0], hash[1] >> 4);
	if (!fault)
		fault = chunk_key_file_name(&read, path);
	return bytes_err(fault, err, "a key");
}
