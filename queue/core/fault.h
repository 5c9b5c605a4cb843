/*
 * What went wrong, told by what the caller can do about it, with room for one sentence.
 *
 * Place      the last parameter of every function that can fail, in queue/ and in src/.
 * Ownership  a struct err is plain data on the caller's stack; nothing here allocates.
 */
#pragma once

#include "queue/core/base.h"

enum fault {
	FAULT_NONE = 0,
	FAULT_RETRY,       /* may go well if tried again: timeouts, 5xx, lost replies */
	FAULT_UNAVAILABLE, /* the other side is away altogether: connection refused */
	FAULT_AUTH,        /* not permitted, a read-only target */
	FAULT_NOT_FOUND,   /* the thing named is not there */
	FAULT_EXISTS,      /* something else is there already: a conflict */
	FAULT_CHANGED,     /* a source changed while it was read */
	FAULT_CORRUPT,   /* bytes are not what they were: damaged or foreign state, a wrong reply */
	FAULT_FULL,      /* no space left, quota */
	FAULT_GONE,      /* a file system that is gone, or may not be written any more */
	FAULT_TOO_LARGE, /* over a limit of ours, of the other side or of a file system */
	FAULT_CANCELLED, /* somebody asked to stop */
	FAULT_USAGE,     /* the words of the request are wrong */
	FAULT_LOCKED,    /* another process has it */
	FAULT_INSECURE,  /* permissions or a URL that would give secrets away */
	FAULT_NOMEM,     /* memory, descriptors or threads ran out */
	FAULT_IO,        /* the local system refused a read, write or sync */
};

/* What the local system was asked for when it refused. */
enum err_side {
	ERR_OURS,   /* files of a job or of the user's settings, or not told */
	ERR_SOURCE, /* reading what is copied */
	ERR_TARGET, /* writing what is copied */
	ERR_JOB,    /* the job's own files, which no other entry does without */
};

/* Whether the other side was in trouble that says nothing about what was asked of it. */
enum err_excuse {
	EXCUSE_NONE = 0, /* the fault says all */
	EXCUSE_WAITING,  /* nothing else goes well either: waited for, and no try was made */
	EXCUSE_OVER,     /* it was waited for long enough: the job is over for now */
};

struct err {
	enum fault fault;
	enum err_side side;
	enum err_excuse excuse;
	bool remote;             /* of the other side: its reply, or that none came */
	int os_error;            /* errno, or 0 */
	int http_status;         /* of the reply, or 0 */
	uint32_t retry_after_ms; /* as the other side asked, or 0 */
	bool slow; /* it was many times slower than others, whom to ask instead is better */
	/* Where the grid may be to blame (src/store/health.h): the order of this failure, and of
	 * the beginning of the last of its kind that went well; 0: not so. */
	uint64_t trouble, well;
	char text[256]; /* one sentence without a full stop, NUL-terminated; never a cap */
};

/* Fills `err` (NULL is allowed) with `fault` and the formatted text.  Returns `fault`. */
enum fault err_set(struct err *err, enum fault fault, const char *format, ...) PRINTF_LIKE(3, 4);

/*
 * Like err_set, with `os_error` and its name after the text.  What the system lacks is the fault,
 * whatever `fault` says: ENOSPC, EDQUOT and EFBIG become FAULT_FULL, EROFS and what
 * tells of a lost file system FAULT_GONE, and ENOMEM, EMFILE, ENFILE and EAGAIN FAULT_NOMEM.
 */
enum fault err_os(struct err *err, enum fault fault, int os_error, const char *format, ...)
	PRINTF_LIKE(4, 5);

/*
 * Says that `err` came of reading a source, of writing at a local target or of the job's own files,
 * and sorts its os_error for that side: the one place that tells a file's own fault from the side's
 * and the process's.  Only the first side counts; what the other end of a connection said stays as
 * it is.  Returns the fault.
 */
enum fault err_sort(struct err *err, enum err_side side);

/* Whether reading failed in a way that may mean the whole source: it has to be looked at. */
bool err_is_doubtful(const struct err *err);

/* Like err_set with FAULT_CORRUPT, for what the other side sent: it is not what was asked for. */
enum fault err_wrong(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* Puts a phrase and ": " before the text that is there.  Returns the fault that is there. */
enum fault err_wrap(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* Returns the lower-case English word for `fault`, a literal. */
const char *fault_name(enum fault fault);
