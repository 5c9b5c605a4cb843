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
	[FAULT_GONE] = "gone",
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

/*
 * Each number of the system's, and what it is about when we look after ourselves, read a source, or
 * write a target.  FAULT_NONE: as whoever was refused has said.
 *
 * A source may be anything, also /proc and /sys, whose single files fail with the words of a lost
 * disk; so reading is doubtful there, and the source itself is looked at.  Writing a file begins
 * with making it: these words then mean the file system.
 */
static const struct {
	int os_error;
	enum fault ours, reading, writing;
	bool doubtful; /* when reading */
} meaning[] = {
	/* this side has no room, or is gone */
	{ ENOSPC, FAULT_FULL, FAULT_FULL, FAULT_FULL, false },
	{ EDQUOT, FAULT_FULL, FAULT_FULL, FAULT_FULL, false },
	{ EROFS, FAULT_GONE, FAULT_GONE, FAULT_GONE, false },
	{ EIO, FAULT_NONE, FAULT_IO, FAULT_GONE, true },
	{ ENODEV, FAULT_GONE, FAULT_IO, FAULT_GONE, true },
	{ ENXIO, FAULT_GONE, FAULT_IO, FAULT_GONE, true },
	{ ENOMEDIUM, FAULT_GONE, FAULT_IO, FAULT_GONE, true },
	{ ESTALE, FAULT_GONE, FAULT_IO, FAULT_GONE, true },
	{ ENOTCONN, FAULT_GONE, FAULT_IO, FAULT_GONE, true },
	{ ECONNABORTED, FAULT_GONE, FAULT_IO, FAULT_GONE, true },
	{ ESHUTDOWN, FAULT_GONE, FAULT_IO, FAULT_GONE, true },
	{ EREMOTEIO, FAULT_GONE, FAULT_IO, FAULT_GONE, true },
	{ EHOSTDOWN, FAULT_GONE, FAULT_IO, FAULT_GONE, true },
	{ ETIMEDOUT, FAULT_NONE, FAULT_IO, FAULT_GONE, true },
	{ EUCLEAN, FAULT_GONE, FAULT_IO, FAULT_GONE, true },
	/* this process */
	{ ENOMEM, FAULT_NOMEM, FAULT_NOMEM, FAULT_NOMEM, false },
	{ EMFILE, FAULT_NOMEM, FAULT_NOMEM, FAULT_NOMEM, false },
	{ ENFILE, FAULT_NOMEM, FAULT_NOMEM, FAULT_NOMEM, false },
	{ EAGAIN, FAULT_NOMEM, FAULT_IO, FAULT_NOMEM, false },
	/* this file, and its name */
	{ EFBIG, FAULT_FULL, FAULT_IO, FAULT_TOO_LARGE, false },
	{ EACCES, FAULT_NONE, FAULT_AUTH, FAULT_AUTH, false },
	{ EPERM, FAULT_NONE, FAULT_AUTH, FAULT_AUTH, false },
	{ ENAMETOOLONG, FAULT_NONE, FAULT_IO, FAULT_USAGE, false },
	{ EILSEQ, FAULT_NONE, FAULT_IO, FAULT_USAGE, false },
	{ EINVAL, FAULT_NONE, FAULT_NONE, FAULT_USAGE, false },
};

static const size_t meaning_count = ARRAY_COUNT(meaning);

static size_t meaning_of(int os_error)
{
	size_t i = 0;
	while (i < meaning_count && meaning[i].os_error != os_error)
		i++;
	return i;
}

static enum fault os_fault(enum fault fault, int os_error)
{
	size_t i = meaning_of(os_error);
	return i < meaning_count && meaning[i].ours ? meaning[i].ours : fault;
}

enum fault err_sort(struct err *err, enum err_side side)
{
	if (err->remote || err->side != ERR_OURS)
		return err->fault;
	err->side = side;
	size_t i = meaning_of(err->os_error);
	if (i == meaning_count || side == ERR_JOB) /* err_os has sorted it */
		return err->fault;
	enum fault fault = side == ERR_SOURCE ? meaning[i].reading : meaning[i].writing;
	if (fault)
		err->fault = fault;
	return err->fault;
}

bool err_is_doubtful(const struct err *err)
{
	size_t i = meaning_of(err->os_error);
	return err->side == ERR_SOURCE && i < meaning_count && meaning[i].doubtful;
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
