#include "report/entry_line.h"

#include "queue/file/manifest.h"
#include "queue/file/outcomes.h"
#include "tests/unit/facts.h"
#include "tests/unit/sandbox.h"

#include <unistd.h>

static struct entry_line failed(const char *path)
{
	return (struct entry_line){ .id = 7,
				    .path = path,
				    .path_size = strlen(path),
				    .kind = MANIFEST_FILE,
				    .state = OUTCOME_FAILED,
				    .reason = "io",
				    .detail = "why",
				    .bytes = 3 };
}

static void assert_json(const struct entry_line *entry, const char *expected)
{
	struct bytes out;
	bytes_init(&out, 4096);
	assert_int_equal(bytes_append_text(&out, "{"), FAULT_NONE);
	assert_int_equal(entry_line_json(&out, entry), FAULT_NONE);
	assert_string_equal(bytes_text(&out), expected);
	bytes_fini(&out);
}

static void members_are_those_that_the_state_has(void **state)
{
	(void)state;
	struct entry_line entry = failed("a\n");
	assert_json(&entry, "{\"id\":7,\"path\":\"a\\n\",\"kind\":\"file\",\"state\":\"failed\","
			    "\"reason\":\"io\",\"detail\":\"why\",\"bytes\":3}\n");
	entry.target = "/to";
	assert_json(&entry,
		    "{\"id\":7,\"path\":\"a\\n\",\"kind\":\"file\",\"state\":\"failed\","
		    "\"reason\":\"io\",\"target\":\"/to\",\"detail\":\"why\",\"bytes\":3}\n");
	entry.target = NULL;
	entry.state = OUTCOME_SKIPPED;
	entry.kind = MANIFEST_LINKED;
	entry.detail = "";
	assert_json(&entry, "{\"id\":7,\"path\":\"a\\n\",\"kind\":\"directory\",\"state\":"
			    "\"skipped\",\"reason\":\"io\",\"bytes\":3}\n");
	entry.state = OUTCOME_DONE;
	entry.kind = 200;
	assert_json(&entry, "{\"id\":7,\"path\":\"a\\n\",\"kind\":\"entry\",\"state\":\"done\","
			    "\"bytes\":3}\n");
}

static void fifty_failures_are_said_and_where_the_others_are(void **state)
{
	(void)state;
	uint64_t failures = 0;
	struct entry_line entry = failed("a\n"), skipped = failed("s");
	skipped.state = OUTCOME_SKIPPED;
	struct output output = { .results = -1, .messages = sandbox_create("said") };
	for (int i = 0; i < 60; i++) {
		entry_line_say(&output, &entry, &failures, "look there");
		entry_line_say(&output, &skipped, &failures, "look there");
	}
	output.options.verbose = true;
	skipped.detail = "";
	entry_line_say(&output, &skipped, &failures, "look there");
	close(output.messages);
	assert_int_equal(failures, 60);
	char *said = sandbox_read("said"), *at = said;
	static const char line[] = "barge: warning: failed: 'a\\n': io: why\n";
	for (int i = 0; i < 50; i++, at += sizeof line - 1)
		assert_memory_equal(at, line, sizeof line - 1);
	assert_string_equal(at, "barge: warning: more entries fail; look there\n"
				"barge: skipped: 's': io\n");
	free(said);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define FACT(name) cmocka_unit_test_setup_teardown(name, sandbox_setup, sandbox_teardown)
		FACT(members_are_those_that_the_state_has),
		FACT(fifty_failures_are_said_and_where_the_others_are),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
