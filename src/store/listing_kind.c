#include "store/listing_kind.h"

bool listing_kind_of(const char *text, size_t size, enum store_kind *kind)
{
	static const struct {
		const char *word;
		enum store_kind kind;
	} known[] = {
		{ "dirnode", STORE_DIRECTORY },
		{ "filenode", STORE_FILE },
		{ "unknown", STORE_UNKNOWN },
	};
	for (size_t i = 0; i < ARRAY_COUNT(known); i++)
		if (strlen(known[i].word) == size && memcmp(known[i].word, text, size) == 0) {
			*kind = known[i].kind;
			return true;
		}
	return false;
}

void listing_settle_kind(struct store_node *found)
{
	const struct cap *cap = found->rw.kind != CAP_NONE ? &found->rw : &found->ro;
	bool fits = found->kind == STORE_DIRECTORY ? cap_is_directory(cap)
		    : found->kind == STORE_FILE    ? cap_is_file(cap)
						   : false;
	if (found->rw.kind != CAP_NONE && found->ro.kind != CAP_NONE && fits)
		fits = cap_is_directory(&found->ro) == cap_is_directory(cap);
	if (!fits || cap_is_verifier(cap))
		found->kind = STORE_UNKNOWN;
}
