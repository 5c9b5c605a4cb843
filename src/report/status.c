#include "report/status.h"

int status_of_fault(enum fault fault)
{
	switch (fault) {
	case FAULT_NONE:
		return STATUS_DONE;
	case FAULT_USAGE:
	case FAULT_AUTH:
	case FAULT_NOT_FOUND:
		return STATUS_USAGE;
	case FAULT_CANCELLED:
		return STATUS_INTERRUPTED;
	case FAULT_EXISTS:
		return STATUS_CONFLICT;
	case FAULT_CORRUPT:
		return STATUS_CORRUPT;
	case FAULT_LOCKED:
		return STATUS_LOCKED;
	case FAULT_RETRY:
	case FAULT_UNAVAILABLE:
		return STATUS_UNAVAILABLE;
	case FAULT_CHANGED:
	case FAULT_FULL:
	case FAULT_GONE:
	case FAULT_TOO_LARGE:
	case FAULT_IO:
		return STATUS_IO;
	case FAULT_NOMEM:
		return STATUS_TEMPORARY;
	case FAULT_INSECURE:
		return STATUS_INSECURE;
	}
	return STATUS_IO;
}
