/*
 * A file whose shares storage servers in memory have, or are to get.
 */
#pragma once

#include "tests/unit/fake_servers.h"

struct direct_case {
	struct fake_servers fake;
	unsigned char *data;
	size_t size;
	struct chk_params params;
	struct chk_layout layout;
	struct chk_shares *shares;
};

struct file_shape {
	uint16_t k, n;
	size_t size;
	uint32_t segment_size; /* 0: as usual */
	unsigned happy;
};

/* Makes the file, and opens a store on servers that have nothing of it. */
void open_case(struct direct_case *file, struct file_shape shape);
void close_case(struct direct_case *file);

/* Gives a server a share. */
void give(struct direct_case *file, unsigned rank, unsigned number);

/* Whether a server has that share, as it should be. */
bool has_share(const struct direct_case *file, unsigned rank, unsigned number);

/* Asserts that a put has ended well, without the gateway. */
void assert_stored(const struct direct_case *file);

/* How many shares are half-made. */
unsigned halves(const struct direct_case *file);

/* Leaves no room but at the first servers. */
void no_more_than(struct direct_case *file, unsigned servers);

/* Makes a file, as open_case does, of which each server has the share of its rank. */
void open_spread(struct direct_case *file, uint16_t k, uint16_t n, size_t size);

/* Spoils the share of a server in its block of a segment. */
void spoil(struct direct_case *file, unsigned rank, unsigned number, unsigned segment);

/* Begins to read a part; `length` UINT64_MAX: the whole file. */
struct store_call *begin(struct direct_case *file, uint64_t offset, uint64_t length);

/* The same, till the end. */
void read_part(struct direct_case *file, uint64_t offset, uint64_t length);

/* Asserts that the part came, and whether the servers brought all of it. */
void assert_came(const struct direct_case *file, uint64_t offset, uint64_t length, bool proven);

/* Reads a part and asserts that the servers brought it. */
void read_well(struct direct_case *file, uint64_t offset, uint64_t length);

/* Asserts what the servers were asked since this was asked, or forgotten, last. */
void asked(struct direct_case *file, const char *lines);
void forget_asked(struct direct_case *file);
