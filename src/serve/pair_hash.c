#include "serve/pair_hash.h"

enum { PAIR_MAX = 1024 * 1024 }; /* bytes; keys and caps are far shorter */

enum fault pair_hash(const char *tag, struct hash_input a, struct hash_input b,
		     unsigned char out[DIGEST_SIZE])
{
	struct bytes both;
	bytes_init(&both, PAIR_MAX);
	enum fault fault = netstring_append(&both, a.data, a.size);
	if (!fault)
		fault = netstring_append(&both, b.data, b.size);
	if (!fault)
		hash_tagged(tag, both.data, both.size, out);
	bytes_fini(&both);
	return fault;
}
