/*
 * A store that serves a small grid in memory and can lie.
 *
 * Objects are found by their cap; what is put under a name is hostile at will.
 */
#pragma once

#include "store/store.h"

#include <stdatomic.h>

enum fake_lie {
	FAKE_TRUTH,
	FAKE_SPLICE,     /* the tail is replaced by the words of an error; a range of it is 410 */
	FAKE_SHORT,      /* the last byte is missing, status 200 */
	FAKE_FLIP_EVERY, /* another byte is wrong in each read */
	FAKE_FLIP_ONCE,  /* a byte is wrong in the first read only */
	FAKE_LOST,       /* 410, always */
	FAKE_RETRY_ONCE, /* the first read or listing fails half-way, the next are well */
	FAKE_HANG,       /* no answer, ever */
	FAKE_SICK,       /* a check finds it unhealthy */
};

struct fake_child {
	const char *name;
	size_t name_size; /* 0: strlen(name) */
	size_t object;    /* its number */
	uint32_t mode;    /* 0: no metadata */
	int64_t mtime_ns;
	bool unknown;   /* listed as a node of an unknown kind */
	bool anonymous; /* with an empty name */
	uint64_t size;  /* that the listing gives to a file; 0: its cap's */
};

struct fake_object {
	struct cap cap;
	enum fake_lie lie;
	const void *data; /* of a file */
	size_t size;
	const struct fake_child *child; /* of a directory */
	size_t children;
	atomic_uint reads, lists; /* so far */
};

struct fake_grid {
	struct fake_object *object;
	size_t count;
	atomic_bool away;     /* every call is UNAVAILABLE */
	atomic_uint together; /* listings in flight at once, the most so far */
};

/* Opens a store on the grid (a lanes_options.open). `context` is the struct fake_grid. */
enum fault fake_open(void *context, struct store **store, struct err *err);
