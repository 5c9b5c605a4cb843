/*
 * What the parts of src/download share.
 *
 * Inside: download_take.c (what a work comes to: nothing, bytes at hand, or a download) ->
 * download.c (the steps of one, in its lane) -> piece.c (one range).
 *
 * Place      src/download only.
 */
#pragma once

#include "download/download.h"

/* Fetches the file of `cap` into the arrival, in a lane. */
void download_submit(struct downloads *downloads, struct arrival *arrival, const struct cap *cap);

/* Puts the cap, which came out of a slot and so fits one, into an outcome. */
void download_keep_cap(const struct cap *cap, struct outcome *outcome);
