#include "report/out.h"

#include "report/outlet.h"
#include "report/status.h"

#include <errno.h>
#include <string.h>

/* Writes to the results.  The first failure ends all output, not the program. */
static void out_write(struct output *output, const char *text, size_t size)
{
	if (size > 0 && output->results >= 0 && !output->failed)
		output->failed = outlet_write(output->results, text, size, OUTLET_GRACE_MS);
}

void out_put(struct output *output, const void *text, size_t size)
{
	if (size > sizeof output->buffer - output->used)
		out_flush(output);
	if (size > sizeof output->buffer) {
		out_write(output, text, size);
		return;
	}
	memcpy(output->buffer + output->used, text, size);
	output->used += size;
}

void out_flush(struct output *output)
{
	out_write(output, output->buffer, output->used);
	output->used = 0;
}

int out_failed(const struct output *output) { return output->failed; }

enum fault out_end(struct output *output, int *status, struct err *err)
{
	out_flush(output);
	int failed = output->failed;
	if (!failed)
		return FAULT_NONE;
	if (*status == STATUS_DONE || *status == STATUS_PARTLY)
		*status = STATUS_IO;
	if (failed == EPIPE || failed == ECANCELED)
		return FAULT_NONE;
	return err_os(err, FAULT_IO, failed, "cannot write to standard output");
}
