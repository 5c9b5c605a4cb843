#include "serve/problem.h"

#include <stdarg.h>

static enum fault fault_of(int status)
{
	switch (status) {
	case 404:
		return FAULT_NOT_FOUND;
	case 409:
		return FAULT_EXISTS;
	case 410:
		return FAULT_CORRUPT;
	default:
		return status < 500 ? FAULT_USAGE : FAULT_RETRY;
	}
}

enum fault problem(struct err *err, int status, const char *format, ...)
{
	char text[sizeof err->text];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	const enum fault fault = err_set(err, fault_of(status), "%s", text);
	if (err)
		err->http_status = status;
	return fault;
}
