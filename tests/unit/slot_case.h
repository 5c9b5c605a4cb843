/*
 * A mutable directory, or the file in it, that storage servers in memory have or are to get.
 */
#pragma once

#include "tahoe/slot_make.h"
#include "tests/unit/fake_servers.h"

enum { SLOT_MAX = 100000 /* bytes of contents */ };

struct slot_case {
	struct fake_servers fake;
	struct slot_shares *shares;
	struct slot_shares *other; /* of another version, which is newer */
	unsigned char data[SLOT_MAX], other_data[SLOT_MAX];
	size_t size;
	struct cap directory, file;
	struct err told; /* why the gateway is asked */
	unsigned times;
};

/* Makes the key of all cases, and its form as text (for cmocka_run_group_tests). */
int slot_key_new(void **state);
const char *slot_key_text(void);

/* Makes two versions of contents; of none of them has a server anything. */
void open_slot(struct slot_case *slot, uint16_t k, uint16_t n, size_t size);
void close_slot(struct slot_case *slot);

/* Makes a further version; its number is not 0. */
struct slot_shares *slot_version_new(const struct slot_case *slot, unsigned char number);

/* Gives a server a share of one of the versions. */
void give_slot(struct slot_case *slot, const struct slot_shares *shares, unsigned rank,
	       unsigned number);

/* Gives each server the share of its rank. */
void give_slot_all(struct slot_case *slot);
