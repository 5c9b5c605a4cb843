/*
 * Where a listing's parser is, and what the keys of the objects there mean.
 *
 * Place      inside store/listing_parser.
 * Threads    may run concurrently.
 */
#pragma once

#include "queue/core/base.h"

/* Where in the text the parser is. */
enum listing_place {
	PLACE_START,
	PLACE_OUTER,    /* inside the outermost array */
	PLACE_ROOT,     /* properties of the node itself */
	PLACE_CHILDREN, /* names */
	PLACE_CHILD,    /* a child's array */
	PLACE_PROPERTIES,
	PLACE_METADATA,
	PLACE_TAHOE, /* the part of metadata that is the gateway's */
	PLACE_BARGE, /* and the one that is ours */
	PLACE_CHUNKED,
	PLACE_END,
};

enum listing_key {
	KEY_OTHER,
	KEY_CHILDREN,
	KEY_METADATA,
	KEY_MUTABLE,
	KEY_SIZE,
	KEY_RO_URI,
	KEY_RW_URI,
	KEY_CTIME,
	KEY_MTIME,
	KEY_MODE,
	KEY_UID,
	KEY_GID,
	KEY_INO,
	KEY_DEV,
	KEY_NLINK,
	KEY_TAHOE,
	KEY_LINKED,
	KEY_BARGE,
	KEY_CHUNKED,
	KEY_CHUNKED_SIZE,
	KEY_VERSION,
	KEY_ATTRIBUTES,
	KEY_TAGS,
	KEY_UNREADABLE,
	KEY_CONTENT_HASH,
};

/* Returns which property a key stands for where the parser is; anything else is OTHER. */
enum listing_key listing_key_of(enum listing_place place, const char *text, size_t size);
