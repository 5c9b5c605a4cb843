/*
 * Failures as the gateway tells them: a status and the last line of Tahoe's traceback.
 *
 * Place      every room of src/serve, upwards to the reply.
 * Threads    may run concurrently.
 *
 * Source: tahoe-lafs 1.20.0 allmydata/web/common.py humanize_exception.
 */
#pragma once

#include "queue/core/fault.h"

/*
 * Fills `err` with `status` as http_status and the formatted text, which never shows a cap.
 * Returns a fault that fits: NOT_FOUND 404, EXISTS 409, CORRUPT 410, USAGE other 4xx, RETRY 5xx.
 */
MUST_USE enum fault problem(struct err *err, int status, const char *format, ...) PRINTF_LIKE(3, 4);
