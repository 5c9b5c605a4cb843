/*
 * Directories listed from what they are stored as, and paths gone down.
 *
 *   READ <---.  the bytes of the directory from the servers: as a file's, or (direct_slot.h) of
 *     |      |  what can change; a literal has them in its cap
 *     |      |
 *     | path | the child is a directory, whose children are asked for
 *     v      |
 *    SEEK ---'  the next component in it: nothing of that name: the end
 *     |
 *     v
 *   TELL        store/listing_form: once to see that nothing is odd, once to tell the children
 *
 * Whatever goes wrong: GATEWAY, which is asked for all of it, from the root.
 *
 * So a caller hears of children once, from here or from the gateway.
 *
 * Place      inside direct/direct, over its reading of files and slots; store/listing_form.
 * Ownership  a list belongs to its store's list until its `done` was called.
 * Threads    those of the store.
 */
#pragma once

#include "direct/direct_call.h"

/* Returns whether a listing can be had here. */
bool direct_can_list(const struct store_list *list);

/* Starts one.  Returns the call, or NULL: it is the gateway's. */
struct store_call *direct_list(struct direct *direct, const struct store_list *list,
			       struct store_then then);
