#include "store/listing_keys.h"

enum listing_key listing_key_of(enum listing_place place, const char *text, size_t size)
{
	static const struct {
		const char *word;
		enum listing_key key;
		enum listing_place place; /* PLACE_PROPERTIES stands for PLACE_ROOT too */
	} known[] = {
		{ "children", KEY_CHILDREN, PLACE_PROPERTIES },
		{ "metadata", KEY_METADATA, PLACE_PROPERTIES },
		{ "mutable", KEY_MUTABLE, PLACE_PROPERTIES },
		{ "size", KEY_SIZE, PLACE_PROPERTIES },
		{ "ro_uri", KEY_RO_URI, PLACE_PROPERTIES },
		{ "rw_uri", KEY_RW_URI, PLACE_PROPERTIES },
		{ "ctime", KEY_CTIME, PLACE_METADATA },
		{ "mtime", KEY_MTIME, PLACE_METADATA },
		{ "st_mode", KEY_MODE, PLACE_METADATA },
		{ "st_uid", KEY_UID, PLACE_METADATA },
		{ "st_gid", KEY_GID, PLACE_METADATA },
		{ "st_ino", KEY_INO, PLACE_METADATA },
		{ "st_dev", KEY_DEV, PLACE_METADATA },
		{ "st_nlink", KEY_NLINK, PLACE_METADATA },
		{ "tahoe", KEY_TAHOE, PLACE_METADATA },
		{ "linkmotime", KEY_LINKED, PLACE_TAHOE },
		{ "barge", KEY_BARGE, PLACE_METADATA },
		{ "chunked", KEY_CHUNKED, PLACE_BARGE },
		{ "size", KEY_CHUNKED_SIZE, PLACE_CHUNKED },
		{ "version", KEY_VERSION, PLACE_CHUNKED },
		{ "attributes", KEY_ATTRIBUTES, PLACE_BARGE },
		{ "tags", KEY_TAGS, PLACE_BARGE },
		{ "unreadable", KEY_UNREADABLE, PLACE_BARGE },
		{ "xxh3-128", KEY_CONTENT_HASH, PLACE_BARGE },
	};
	if (place == PLACE_ROOT)
		place = PLACE_PROPERTIES;
	for (size_t i = 0; i < ARRAY_COUNT(known); i++)
		if (known[i].place == place && strlen(known[i].word) == size &&
		    memcmp(known[i].word, text, size) == 0)
			return known[i].key;
	return KEY_OTHER;
}
