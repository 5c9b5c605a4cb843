#include "direct/slot_words.h"

#include "tests/unit/facts.h"

/* What cbor2 makes of a question for the shares 0 and 2 of 3. */
static const char question[] = "\xa2rtest-write-vectors\xa2\x00\xa3"
			       "dtest\x81\xa3"
			       "foffset\x00"
			       "dsize\x01hspecimen@"
			       "ewrite\x81\xa2"
			       "foffset\x00"
			       "ddataCabcjnew-length\xf6\x02\xa3"
			       "dtest\x81\xa3"
			       "foffse"
			       "t\x00"
			       "dsize\x01hspecimen@ewrite\x81\xa2"
			       "foffset\x00"
			       "ddataCghijnew-length\xf6kread"
			       "-vector\x81\xa2"
			       "foffset\x00"
			       "dsize\x18K";

/* Answers: all was written; shares 1 and 2 were there; a share of another version was. */
static const char written[] = "\xa2gsuccess\xf5"
			      "ddata\xa0";
static const char there[] =
	"\xa2gsuccess\xf4"
	"ddata\xa2\x01\x81XK\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b"
	"\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f !"
	"\x22#$%&'()*+,-./0123456789:;<=>\x3f@ABCDEFGHIJK\x02\x81XK\x01\x02\x03\x04\x05\x06"
	"\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b"
	"\x1c\x1d\x1e\x1f !\x22#$%&'()*+,-./0123456789:;<=>\x3f@ABCDEFGHIJK";
static const char other[] =
	"\xa2"
	"ddata\xa1\x00\x81XKxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	"xxxxxxxxxxxxxxxxgsuccess\xf4";

static struct slot_version version(void)
{
	struct slot_version version = { .size = SLOT_SIGNED_MAX };
	for (unsigned char i = 0; i < SLOT_SIGNED_MAX; i++)
		version.bytes[i] = (unsigned char)(i + 1);
	return version;
}

static enum fault read_text(const char *text, size_t size, struct slot_answer *answer)
{
	const struct slot_version ours = version();
	struct err err;
	*answer = (struct slot_answer){ .written = true, .other = true }; /* of one before */
	memset(answer->has, true, sizeof answer->has);
	return slot_answer_read(text, size, &ours, answer, &err);
}

static void a_question_writes_shares_where_nothing_is(void **state)
{
	(void)state;
	unsigned char data[] = "abcdefghi";
	const struct slot_shares shares = {
		.version = version(), .count = 3, .share_size = 3, .data = data
	};
	const bool wanted[SHARE_NUMBERS_MAX] = { [0] = true, [2] = true };
	size_t size = 0;
	unsigned char *made = slot_question_new(&shares, wanted, &size);
	assert_non_null(made);
	assert_int_equal(size, sizeof question - 1);
	assert_memory_equal(made, question, size);
	free(made);
}

static void answers_say_what_is_there(void **state)
{
	(void)state;
	struct slot_answer answer;
	assert_int_equal(read_text(written, sizeof written - 1, &answer), FAULT_NONE);
	assert_true(answer.written);
	assert_false(answer.other);
	assert_int_equal(read_text(there, sizeof there - 1, &answer), FAULT_NONE);
	assert_false(answer.written);
	assert_false(answer.has[0]);
	assert_true(answer.has[1]);
	assert_true(answer.has[2]);
	assert_false(answer.other);
	assert_int_equal(read_text(other, sizeof other - 1, &answer), FAULT_NONE);
	assert_false(answer.has[0]);
	assert_true(answer.other);
}

static void what_is_no_answer_is_refused(void **state)
{
	(void)state;
	static const char *const odd[] = {
		"",
		"\xa2",
		"\xa1gsuccess\xf5",
		"\xa2gsuccess\xf5gsuccess\xf5",
		"\xa2gsuccess\x01"
		"ddata\xa0",
		"\xa2gsuccess\xf5"
		"ddata\xa1\x01\x81\x01",
		"\xa2gsuccess\xf5"
		"ddata\xa1\x01\x82"
		"AxAx",
		"\xa2gsuccess\xf5"
		"ddata\xa1\x19\x01\x01\x81"
		"Ax", /* share 257 */
		"\xa2gsuccess\xf5"
		"ddata\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
		"\xa2gsuccess\xf5"
		"ddata\xa1\x01\x81\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
		"\xa2gsuccess\xf5"
		"ddata\x80", /* no map; or it has no number, no array, no bytes */
		"\xa2gsuccess\xf5"
		"ddata\xa1\x41x\x81"
		"Ax",
		"\xa2gsuccess\xf5"
		"ddata\xa1\x01\x01"
		"Ax",
		"\xa2gsuccess\xf5"
		"ddata\xa1\x01\x81"
		"ax",
		"\x82gsuccess\xf5"
		"ddata\xa0",
		"\xa3gsuccess\xf5"
		"ddata\xa0",
		"\xa2gsuccess\xf5"
		"ddata\xa0x",
		"\xbfgsuccess\xf5"
		"ddata\xa0\xff", /* of no length */
	};
	struct slot_answer answer;
	for (size_t i = 0; i < ARRAY_COUNT(odd); i++)
		assert_int_equal(read_text(odd[i], strlen(odd[i]), &answer), FAULT_CORRUPT);
	for (size_t size = 0; size + 1 < sizeof there; size++) {
		char *cut = malloc(size ? size : 1); /* its end is watched */
		memcpy(cut, there, size);
		assert_int_equal(read_text(cut, size, &answer), FAULT_CORRUPT);
		free(cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_writes_shares_where_nothing_is),
		cmocka_unit_test(answers_say_what_is_there),
		cmocka_unit_test(what_is_no_answer_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
