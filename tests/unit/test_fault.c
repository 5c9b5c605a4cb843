#include "queue/core/fault.h"

#include "tests/unit/facts.h"

#include <errno.h>
#include <unistd.h>

enum { FAULTS = FAULT_IO + 1 };

static void fills_the_whole_err(void **state)
{
	(void)state;
	struct err err = { .fault = FAULT_IO,
			   .excuse = EXCUSE_OVER,
			   .remote = true,
			   .os_error = ENOENT,
			   .http_status = 500,
			   .retry_after_ms = 7,
			   .text = "old" };
	assert_int_equal(err_set(&err, FAULT_CORRUPT, "slot %d of %s", 7, "outcomes"),
			 FAULT_CORRUPT);
	assert_int_equal(err.fault, FAULT_CORRUPT);
	assert_string_equal(err.text, "slot 7 of outcomes");
	assert_false(err.remote);
	assert_int_equal(err.excuse, EXCUSE_NONE);
	assert_int_equal(err.os_error, 0);
	assert_int_equal(err.http_status, 0);
	assert_int_equal(err.retry_after_ms, 0);
}

static void returns_the_fault_without_an_err(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, FAULT_AUTH, "no"), FAULT_AUTH);
	assert_int_equal(err_os(NULL, FAULT_IO, EIO, "no"), FAULT_IO);
	assert_int_equal(err_os(NULL, FAULT_IO, ENOSPC, "no"), FAULT_FULL);
	assert_int_equal(err_wrap(NULL, "no"), FAULT_NONE);
}

static void names_the_os_error_after_the_text(void **state)
{
	(void)state;
	struct err err;
	assert_int_equal(err_os(&err, FAULT_NOT_FOUND, ENOENT, "open %s", "a"), FAULT_NOT_FOUND);
	assert_int_equal(err.os_error, ENOENT);
	assert_string_equal(err.text, "open a: No such file or directory");
	err_os(&err, FAULT_IO, 99999, "read");
	assert_string_equal(err.text, "read: unknown error");
}

static void sorts_exhaustion_by_the_os_error(void **state)
{
	(void)state;
	static const int full[] = { ENOSPC, EDQUOT, EFBIG };
	static const int gone[] = { EROFS, ENODEV, ENXIO, ESTALE, ENOTCONN };
	static const int nomem[] = { ENOMEM, EMFILE, ENFILE, EAGAIN };
	struct err err;
	for (size_t i = 0; i < ARRAY_COUNT(full); i++) {
		assert_int_equal(err_os(&err, FAULT_IO, full[i], "write"), FAULT_FULL);
		assert_int_equal(err.fault, FAULT_FULL);
	}
	for (size_t i = 0; i < ARRAY_COUNT(gone); i++)
		assert_int_equal(err_os(&err, FAULT_IO, gone[i], "write"), FAULT_GONE);
	for (size_t i = 0; i < ARRAY_COUNT(nomem); i++) {
		assert_int_equal(err_os(&err, FAULT_IO, nomem[i], "open"), FAULT_NOMEM);
		assert_int_equal(err.fault, FAULT_NOMEM);
	}
	assert_int_equal(err_os(&err, FAULT_IO, EIO, "write"), FAULT_IO);
}

/* The same number of the system means another thing when a source is read than when a target is
 * written. */
static void sorts_what_was_refused_by_its_side(void **state)
{
	(void)state;
	static const struct {
		int os_error;
		enum fault reading, writing;
		bool doubtful;
	} table[] = {
		{ ENOSPC, FAULT_FULL, FAULT_FULL, false },
		{ EDQUOT, FAULT_FULL, FAULT_FULL, false },
		{ EROFS, FAULT_GONE, FAULT_GONE, false },
		{ EIO, FAULT_IO, FAULT_GONE, true },
		{ ENODEV, FAULT_IO, FAULT_GONE, true },
		{ ESTALE, FAULT_IO, FAULT_GONE, true },
		{ ENOTCONN, FAULT_IO, FAULT_GONE, true },
		{ EFBIG, FAULT_IO, FAULT_TOO_LARGE, false },
		{ EACCES, FAULT_AUTH, FAULT_AUTH, false },
		{ EPERM, FAULT_AUTH, FAULT_AUTH, false },
		{ ENAMETOOLONG, FAULT_IO, FAULT_USAGE, false },
		{ EILSEQ, FAULT_IO, FAULT_USAGE, false },
		{ EINVAL, FAULT_IO, FAULT_USAGE, false },
		{ ETXTBSY, FAULT_IO, FAULT_IO, false },
		{ EMFILE, FAULT_NOMEM, FAULT_NOMEM, false },
		{ ENOMEM, FAULT_NOMEM, FAULT_NOMEM, false },
	};
	for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
		struct err reading, writing;
		err_os(&reading, FAULT_IO, table[i].os_error, "x");
		writing = reading;
		assert_false(err_is_doubtful(&reading));
		assert_int_equal(err_sort(&reading, ERR_SOURCE), table[i].reading);
		assert_int_equal(err_sort(&writing, ERR_TARGET), table[i].writing);
		assert_int_equal(err_is_doubtful(&reading), table[i].doubtful);
		assert_false(err_is_doubtful(&writing));
		/* The first side stays. */
		assert_int_equal(err_sort(&reading, ERR_TARGET), table[i].reading);
		assert_int_equal(reading.side, ERR_SOURCE);
	}
	struct err remote = { .fault = FAULT_IO, .os_error = EROFS, .remote = true };
	assert_int_equal(err_sort(&remote, ERR_TARGET), FAULT_IO);
	assert_int_equal(remote.side, ERR_OURS);
}

static void wraps_from_the_outside_and_keeps_the_rest(void **state)
{
	(void)state;
	struct err err;
	err_os(&err, FAULT_IO, EIO, "write");
	err.http_status = 410;
	err.retry_after_ms = 20;
	assert_int_equal(err_wrap(&err, "chunk %d", 7), FAULT_IO);
	assert_int_equal(err_wrap(&err, "put"), FAULT_IO);
	assert_string_equal(err.text, "put: chunk 7: write: Input/output error");
	assert_int_equal(err.os_error, EIO);
	assert_int_equal(err.http_status, 410);
	assert_int_equal(err.retry_after_ms, 20);
}

/* Every way of making a text too long, each ending at the last byte of the array. */
static void cuts_long_texts_inside_the_array(void **state)
{
	(void)state;
	enum { LAST = sizeof(((struct err *)0)->text) - 1 };
	char longest[2 * LAST];
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	struct {
		struct err err;
		unsigned char fence[16];
	} guarded;
	memset(&guarded, 0xa5, sizeof guarded);
	err_set(&guarded.err, FAULT_IO, "%s", longest);
	assert_int_equal(strlen(guarded.err.text), LAST);
	err_os(&guarded.err, FAULT_IO, EIO, "%s", longest);
	assert_int_equal(strlen(guarded.err.text), LAST);
	err_os(&guarded.err, FAULT_IO, EIO, "%.*s", LAST - 4, longest);
	assert_string_equal(guarded.err.text + LAST - 4, ": In");
	err_set(&guarded.err, FAULT_IO, "inner");
	err_wrap(&guarded.err, "%.*s", LAST - 4, longest);
	assert_string_equal(guarded.err.text + LAST - 4, ": in");
	err_wrap(&guarded.err, "%s", longest);
	assert_int_equal(strlen(guarded.err.text), LAST);
	for (size_t i = 0; i < sizeof guarded.fence; i++)
		assert_int_equal(guarded.fence[i], 0xa5);
}

static void names_every_fault_differently(void **state)
{
	(void)state;
	for (int a = 0; a < FAULTS; a++) {
		assert_non_null(fault_name((enum fault)a));
		assert_true(strlen(fault_name((enum fault)a)) > 0);
		assert_string_not_equal(fault_name((enum fault)a), "unknown");
		for (int b = 0; b < a; b++)
			assert_string_not_equal(fault_name((enum fault)a),
						fault_name((enum fault)b));
	}
	assert_string_equal(fault_name((enum fault)FAULTS), "unknown");
	assert_string_equal(fault_name((enum fault) - 1), "unknown");
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(fills_the_whole_err),
		cmocka_unit_test(returns_the_fault_without_an_err),
		cmocka_unit_test(names_the_os_error_after_the_text),
		cmocka_unit_test(sorts_exhaustion_by_the_os_error),
		cmocka_unit_test(wraps_from_the_outside_and_keeps_the_rest),
		cmocka_unit_test(cuts_long_texts_inside_the_array),
		cmocka_unit_test(sorts_what_was_refused_by_its_side),
		cmocka_unit_test(names_every_fault_differently),
	};
	alarm(60);
	return cmocka_run_group_tests(facts, NULL, NULL);
}
