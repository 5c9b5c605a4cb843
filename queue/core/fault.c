#include "queue/core/fault.h"

#include <errno.h>
#include <stdarg.h>

static const char *const name[] = {
	[FAULT_NONE] = "none",
	[FAULT_RETRY] = "retry",
	[FAULT_UNAVAILABLE] = "unavailable",
	[FAULT_AUTH] = "not permitted",
	[FAULT_NOT_FOUND] = "not found",
	[FAULT_EXISTS] = "exists",
	[FAULT_CHANGED] = "changed",
	[FAULT_CORRUPT] = "corrupt",
	[FAULT_FULL] = "full",
	[FAULT_TOO_LARGE] = "too large",
	[FAULT_CANCELLED] = "cancelled",
	[FAULT_USAGE] = "usage",
	[FAULT_LOCKED] = "locked",
	[FAULT_INSECURE] = "insecure",
	[FAULT_NOMEM] = "out of memory",
	[FAULT_IO] = "input/output",
};

const char *fault_name(enum fault fault)
{
	return (size_t)fault < ARRAY_COUNT(name) ? name[fault] : "unknown";
}

static void fill(struct err *err, struct err start, const char *format, va_list args)
	PRINTF_LIKE(3, 0);

static void fill(struct err *err, struct err start, const char *format, va_list args)
{
	if (!err)
		return;
	*err = start;
	vsnprintf(err->text, sizeof err->text, format, args);
}

enum fault err_set(struct err *err, enum fault fault, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fill(err, (struct err){ .fault = fault }, format, args);
	va_end(args);
	return fault;
}

enum fault err_wrong(struct err *err, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fill(err, (struct err){ .fault = FAULT_CORRUPT, .remote = true }, format, args);
	va_end(args);
	return FAULT_CORRUPT;
}

/* What the system lacks is the fault, whatever was tried. */
static enum fault os_fault(enum fault fault, int os_error)
{
	switch (os_error) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return FAULT_FULL;
	case ENOMEM:
	case EMFILE:
	case ENFILE:
	case EAGAIN:
		return FAULT_NOMEM;
	default:
		return fault;
	}
}

enum fault err_os(struct err *err, enum fault fault, int os_error, const char *format, ...)
{
	fault = os_fault(fault, os_error);
	if (!err)
		return fault;
	*err = (struct err){ .fault = fault, .os_error = os_error };
	va_list args;
	va_start(args, format);
	int length = vsnprintf(err->text, sizeof err->text, format, args);
	va_end(args);
	if (length >= 0 && (size_t)length < sizeof err->text)
		snprintf(err->text + length, sizeof err->text - (size_t)length, ": %s",
			 strerrordesc_np(os_error) ? strerrordesc_np(os_error) : "unknown error");
	return fault;
}

enum fault err_wrap(struct err *err, const char *format, ...)
{
	if (!err)
		return FAULT_NONE;
	char whole[2 * sizeof err->text];
	va_list args;
	va_start(args, format);
	int length = vsnprintf(whole, sizeof err->text, format, args);
	va_end(args);
	size_t used = length < 0 ? 0 : (size_t)min_u64((uint64_t)length, sizeof err->text - 1);
	snprintf(whole + used, sizeof whole - used, ": %s", err->text);
	whole[sizeof err->text - 1] = '\0';
	memcpy(err->text, whole, sizeof err->text);
	return err->fault;
}
