/* The protocol of git-annex, with the other side played here and operations that do as told. */
#include "annex/annex.h"
#include "annex/line.h"
#include "queue/core/thread.h"
#include "tests/unit/facts.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- cutting lines ---- */

static bool cut(const char *text, bool tags, struct annex_line *line)
{
	static char copy[512];
	snprintf(copy, sizeof copy, "%s", text);
	return annex_line_cut(copy, strlen(copy), tags, line);
}

static void lines_are_cut_at_single_blanks(void **state)
{
	(void)state;
	struct annex_line line;
	char *parameter[3];
	assert_true(cut("TRANSFER STORE K a  b c ", false, &line));
	assert_string_equal(line.word, "TRANSFER");
	assert_true(annex_line_parameters(&line, 3, parameter));
	assert_string_equal(parameter[0], "STORE");
	assert_string_equal(parameter[1], "K");
	assert_string_equal(parameter[2], "a  b c ");

	assert_true(cut("TRANSFER  K f\r", false, &line));
	assert_true(annex_line_parameters(&line, 3, parameter));
	assert_string_equal(parameter[0], "");
	assert_string_equal(parameter[2], "f\r");

	assert_true(cut("CHECKPRESENT ", false, &line));
	assert_true(annex_line_parameters(&line, 1, parameter));
	assert_string_equal(parameter[0], "");
	assert_true(cut("CHECKPRESENT", false, &line));
	assert_false(annex_line_parameters(&line, 1, parameter));
	assert_true(cut("TRANSFER STORE K", false, &line));
	assert_false(annex_line_parameters(&line, 3, parameter));
	assert_true(cut("PREPARE now", false, &line));
	assert_false(annex_line_parameters(&line, 0, parameter));
}

static void tags_are_taken_off_where_they_may_be(void **state)
{
	(void)state;
	struct annex_line line;
	char nul[] = "REMOVE a\0b";
	assert_true(cut("J 17 REMOVE K", true, &line));
	assert_true(line.tagged);
	assert_int_equal(line.job, 17);
	assert_string_equal(line.word, "REMOVE");
	assert_string_equal(line.rest, "K");
	assert_true(cut("J 17 REMOVE K", false, &line));
	assert_string_equal(line.word, "J");
	assert_true(cut("REMOVE K", true, &line));
	assert_false(line.tagged);
	static const char *const bad[] = {
		"",         " ",   " REMOVE K", "J  REMOVE K",   "J x REMOVE K",
		"J -1 R K", "J 1", "J 1 ",      "J 1  REMOVE K", "J 9999999999999999999 R"
	};
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		if (cut(bad[i], true, &line))
			fail_msg("'%s' is taken for a line", bad[i]);
	assert_false(annex_line_cut(nul, sizeof nul - 1, false, &line));
}

/* ---- a dialogue ---- */

struct play {
	int ours, theirs;
	struct thread thread;
	bool joined;
	enum fault ended;
	struct err err;
	char input[1 << 16];
	size_t have;
	struct mutex mutex;
	struct cond changed;
	unsigned running GUARDED, most GUARDED;
	bool held GUARDED; /* stores wait */
	atomic_uint looks; /* whether it is available */
};

static struct play *play_of;

/* Does as the key says: "absent", "broken", "cap". */
static enum fault play_as_told(const char *key, struct err *err)
{
	if (strcmp(key, "absent") == 0)
		return err_set(err, FAULT_NOT_FOUND, "there is nothing");
	if (strcmp(key, "broken") == 0)
		return err_set(err, FAULT_UNAVAILABLE, "the gateway\nis away");
	if (strcmp(key, "cap") == 0)
		return err_set(err, FAULT_RETRY, "no URI:CHK:aaaa:bbbb:1:1:5 to be had");
	return FAULT_NONE;
}

static enum fault play_key(void *context, const struct annex_request *request, struct err *err)
{
	(void)context;
	if (request->name && strcmp(request->name, "dir/a b") != 0)
		return err_set(err, FAULT_USAGE, "another name: %s", request->name);
	return play_as_told(request->key, err);
}

static enum fault play_store(void *context, const struct annex_request *request, struct err *err)
{
	struct play *play = context;
	mutex_lock(&play->mutex);
	play->running++;
	play->most = play->running > play->most ? play->running : play->most;
	cond_wake_all(&play->changed);
	while (play->held && !*request->stop)
		cond_wait_ms(&play->changed, &play->mutex, 20);
	play->running--;
	mutex_unlock(&play->mutex);
	if (strcmp(request->file, "flood") == 0)
		for (uint64_t i = 0; i < 10000; i++)
			annex_progress(request->job, i);
	return play_key(context, request, err);
}

static enum fault play_prepare(void *context, const struct annex_request *request, struct err *err)
{
	struct bytes value;
	(void)context;
	bytes_init(&value, 4096);
	enum fault fault = annex_ask_setting(request->job, "gateway", &value, err);
	if (!fault && strcmp(bytes_text(&value), "http://x y") != 0)
		fault = err_set(err, FAULT_USAGE, "not '%s'", bytes_text(&value));
	if (!fault)
		fault = annex_ask_secret(request->job, "root", &value, err);
	if (!fault && strcmp(bytes_text(&value), "pass word") != 0)
		fault = err_set(err, FAULT_USAGE, "not '%s'", bytes_text(&value));
	bytes_fini(&value);
	return fault;
}

static enum fault play_rename(void *context, const struct annex_request *request, struct err *err)
{
	if (strcmp(request->to, "new name") != 0)
		return err_set(err, FAULT_USAGE, "another");
	return play_key(context, request, err);
}

static enum fault play_directory(void *context, const struct annex_request *request,
				 struct err *err)
{
	(void)context;
	return play_as_told(request->to, err);
}

static enum fault play_info(void *context, const struct annex_request *request, struct err *err)
{
	(void)context;
	(void)err;
	return bytes_append_text(request->answer, "root\tURI:DIR2:aaaa:bbbb\nkeys\t3\n");
}

static enum fault play_nothing(void *context, const struct annex_request *request, struct err *err)
{
	(void)context;
	(void)request;
	(void)err;
	return FAULT_NONE;
}

/* Never there; counted, so that it shows when nobody asks. */
static enum fault play_available(void *context, const struct annex_request *request,
				 struct err *err)
{
	struct play *play = context;
	(void)request;
	play->looks++;
	return err_set(err, FAULT_UNAVAILABLE, "nobody is there");
}

static annex_function *const played[ANNEX_OPERATIONS] = {
	play_nothing, play_prepare,   play_store, play_key,     play_key,       play_key,
	play_rename,  play_directory, play_info,  play_nothing, play_available,
};

static const struct annex_setting settings[] = { { "gateway", "where it is" }, { 0 } };

static void play_run(void *context)
{
	struct play *play = context;
	const struct annex_options options = {
		.in = play->theirs,
		.out = play->theirs,
		.operation = played,
		.context = play,
		.setting = settings,
		.threads = 4,
	};
	play->ended = annex_run(&options, &play->err);
	shutdown(play->theirs, SHUT_RDWR);
}

static void say_to(const char *line)
{
	size_t size = strlen(line);
	assert_int_equal(write(play_of->ours, line, size), size);
}

/* Returns the next line without its newline; NULL: the end. */
static const char *hear(void)
{
	static char line[1 << 16];
	struct play *play = play_of;
	for (;;) {
		char *end = memchr(play->input, '\n', play->have);
		if (end) {
			size_t size = (size_t)(end - play->input);
			memcpy(line, play->input, size);
			line[size] = 0;
			play->have -= size + 1;
			memmove(play->input, end + 1, play->have);
			return line;
		}
		struct pollfd poll_it = { .fd = play->ours, .events = POLLIN };
		assert_true(poll(&poll_it, 1, 20000) > 0);
		ssize_t got =
			read(play->ours, play->input + play->have, sizeof play->input - play->have);
		assert_true(got >= 0);
		if (got == 0)
			return NULL;
		play->have += (size_t)got;
	}
}

#define HEARS(text) assert_string_equal(hear(), text)

/* Says something and hears its answer. */
#define DIALOGUE(said, heard)                                                                      \
	do {                                                                                       \
		say_to(said "\n");                                                                 \
		HEARS(heard);                                                                      \
	} while (0)

static int play_begin(void **state)
{
	struct play *play = calloc(1, sizeof *play);
	int pair[2];
	if (!play || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return -1;
	play->ours = pair[0];
	play->theirs = pair[1];
	mutex_init(&play->mutex);
	cond_init(&play->changed);
	play_of = play;
	*state = play;
	return thread_start(&play->thread, "play", play_run, play) ? 0 : -1;
}

/* Returns how it ended. */
static enum fault join(struct play *play)
{
	if (!play->joined)
		thread_join(&play->thread);
	play->joined = true;
	return play->ended;
}

static int play_end(void **state)
{
	struct play *play = *state;
	shutdown(play->ours, SHUT_RDWR);
	join(play);
	close(play->ours);
	close(play->theirs);
	cond_fini(&play->changed);
	mutex_fini(&play->mutex);
	free(play);
	return 0;
}

static void held(bool held)
{
	mutex_lock(&play_of->mutex);
	play_of->held = held;
	cond_wake_all(&play_of->changed);
	mutex_unlock(&play_of->mutex);
}

/* Sleeps until so many stores run. */
static void wait_for_stores(unsigned count)
{
	mutex_lock(&play_of->mutex);
	while (play_of->running != count)
		assert_true(cond_wait_ms(&play_of->changed, &play_of->mutex, 20000));
	mutex_unlock(&play_of->mutex);
}

static void requests_are_answered_one_by_one(void **state)
{
	(void)state;
	HEARS("VERSION 2");
	DIALOGUE("LISTCONFIGS", "CONFIG gateway where it is");
	HEARS("CONFIGEND");
	DIALOGUE("EXPORTSUPPORTED", "EXPORTSUPPORTED-SUCCESS");
	DIALOGUE("INITREMOTE", "INITREMOTE-SUCCESS");
	DIALOGUE("GETCOST", "COST 175");
	DIALOGUE("GETAVAILABILITY", "AVAILABILITY GLOBAL");
	DIALOGUE("GETORDERED", "ORDERED");
	DIALOGUE("TRANSFER STORE K some file", "TRANSFER-SUCCESS STORE K");
	DIALOGUE("TRANSFER RETRIEVE broken f",
		 "TRANSFER-FAILURE RETRIEVE broken the gateway\\x0ais away");
	DIALOGUE("TRANSFER STORE cap f",
		 "TRANSFER-FAILURE STORE cap no URI:CHK:d2672e8a to be had");
	DIALOGUE("CHECKPRESENT K", "CHECKPRESENT-SUCCESS K");
	DIALOGUE("CHECKPRESENT absent", "CHECKPRESENT-FAILURE absent");
	DIALOGUE("CHECKPRESENT broken", "CHECKPRESENT-UNKNOWN broken the gateway\\x0ais away");
	DIALOGUE("REMOVE K", "REMOVE-SUCCESS K");
	DIALOGUE("REMOVE broken", "REMOVE-FAILURE broken the gateway\\x0ais away");
	DIALOGUE("WHEREIS K", "WHEREIS-SUCCESS no reason is known");
	DIALOGUE("GETINFO", "INFOFIELD root");
	assert_memory_equal(hear(), "INFOVALUE URI:CHK:", 18);
	HEARS("INFOFIELD keys");
	HEARS("INFOVALUE 3");
	HEARS("INFOEND");
	DIALOGUE("CHECKURL http://x", "UNSUPPORTED-REQUEST");
	DIALOGUE("TRANSFER SIDEWAYS K f", "UNSUPPORTED-REQUEST");
}

static void whether_it_is_there_is_told_to_who_has_a_word_for_it(void **state)
{
	(void)state;
	HEARS("VERSION 2");
	DIALOGUE("GETAVAILABILITY", "AVAILABILITY GLOBAL");
	assert_int_equal(play_of->looks, 0);
	DIALOGUE("EXTENSIONS UNAVAILABLE UNAVAILABLERESPONSE", "EXTENSIONS UNAVAILABLERESPONSE");
	say_to("GETAVAILABILITY\n");
	HEARS("DEBUG nobody is there");
	HEARS("AVAILABILITY UNAVAILABLE");
	assert_int_equal(play_of->looks, 1);
}

static void what_is_asked_in_the_middle_is_answered(void **state)
{
	(void)state;
	HEARS("VERSION 2");
	DIALOGUE("PREPARE", "GETCONFIG gateway");
	DIALOGUE("VALUE http://x y", "GETCREDS root");
	DIALOGUE("CREDS root pass word", "PREPARE-SUCCESS");
	DIALOGUE("PREPARE", "GETCONFIG gateway");
	DIALOGUE("VALUE", "PREPARE-FAILURE not ''");
	DIALOGUE("PREPARE", "GETCONFIG gateway");
	DIALOGUE("VALUE ", "PREPARE-FAILURE not ''");
}

static void an_export_is_named_once(void **state)
{
	(void)state;
	HEARS("VERSION 2");
	say_to("EXPORT dir/a b\n");
	DIALOGUE("TRANSFEREXPORT STORE K f", "TRANSFER-SUCCESS STORE K");
	DIALOGUE("TRANSFEREXPORT STORE K f",
		 "TRANSFER-FAILURE STORE K no EXPORT has named what TRANSFEREXPORT means");
	say_to("EXPORT dir/a b\n");
	DIALOGUE("CHECKPRESENTEXPORT absent", "CHECKPRESENT-FAILURE absent");
	DIALOGUE("CHECKPRESENTEXPORT absent",
		 "CHECKPRESENT-UNKNOWN absent no EXPORT has named what CHECKPRESENTEXPORT means");
	say_to("EXPORT dir/a b\n");
	DIALOGUE("CHECKPRESENT K", "CHECKPRESENT-SUCCESS K");
	DIALOGUE("REMOVEEXPORT K", "REMOVE-FAILURE K no EXPORT has named what REMOVEEXPORT means");
	say_to("EXPORT dir/a b\n");
	DIALOGUE("RENAMEEXPORT K new name", "RENAMEEXPORT-SUCCESS K");
	DIALOGUE("REMOVEEXPORTDIRECTORY some dir", "REMOVEEXPORTDIRECTORY-SUCCESS");
	DIALOGUE("REMOVEEXPORTDIRECTORY broken", "DEBUG the gateway\\x0ais away");
	HEARS("REMOVEEXPORTDIRECTORY-FAILURE");
}

static void jobs_run_at_the_same_time(void **state)
{
	(void)state;
	HEARS("VERSION 2");
	DIALOGUE("EXTENSIONS INFO GETGITREMOTENAME ASYNCHRONY ASYNC", "EXTENSIONS INFO ASYNC");
	DIALOGUE("J 1 GETCOST", "J 1 COST 175");
	held(true);
	say_to("J 1 EXPORT dir/a b\nJ 2 EXPORT other\nJ 1 TRANSFEREXPORT STORE K f\n"
	       "J 2 TRANSFEREXPORT STORE L f\nJ 3 TRANSFER STORE M f\nJ 4 TRANSFER STORE N f\n"
	       "J 5 TRANSFER STORE O f\n");
	wait_for_stores(4);
	DIALOGUE("J 9 LISTCONFIGS", "J 9 CONFIG gateway where it is");
	HEARS("J 9 CONFIGEND");
	held(false);
	unsigned seen = 0;
	for (int i = 0; i < 5; i++) {
		const char *line = hear();
		int job = line[2] - '0';
		assert_in_range(job, 1, 5);
		seen |= 1u << job;
		assert_string_equal(line + 4,
				    job == 1   ? "TRANSFER-SUCCESS STORE K"
				    : job == 2 ? "TRANSFER-FAILURE STORE L another name: other"
				    : job == 3 ? "TRANSFER-SUCCESS STORE M"
				    : job == 4 ? "TRANSFER-SUCCESS STORE N"
					       : "TRANSFER-SUCCESS STORE O");
	}
	assert_int_equal(seen, 0x3e);
	mutex_lock(&play_of->mutex);
	assert_int_equal(play_of->most, 4);
	mutex_unlock(&play_of->mutex);
}

static void answers_find_their_jobs(void **state)
{
	(void)state;
	HEARS("VERSION 2");
	DIALOGUE("EXTENSIONS ASYNC", "EXTENSIONS ASYNC");
	DIALOGUE("J 1 PREPARE", "J 1 GETCONFIG gateway");
	DIALOGUE("J 2 PREPARE", "J 2 GETCONFIG gateway");
	DIALOGUE("J 2 VALUE other", "J 2 PREPARE-FAILURE not 'other'");
	DIALOGUE("J 1 VALUE http://x y", "J 1 GETCREDS root");
	DIALOGUE("J 1 CREDS root pass word", "J 1 PREPARE-SUCCESS");
}

static void progress_comes_seldom(void **state)
{
	(void)state;
	HEARS("VERSION 2");
	DIALOGUE("TRANSFER STORE K flood", "PROGRESS 0");
	unsigned more = 0;
	const char *line;
	while (strncmp(line = hear(), "PROGRESS ", 9) == 0)
		more++;
	assert_string_equal(line, "TRANSFER-SUCCESS STORE K");
	assert_in_range(more, 0, 20);
}

/* Whether the dialogue is over, with such an error. */
static void ends_with(const char *text)
{
	char line[256];
	snprintf(line, sizeof line, "ERROR %s", text);
	HEARS(line);
	assert_null(hear());
	assert_int_equal(join(play_of), FAULT_CORRUPT);
	assert_string_equal(play_of->err.text, text);
}

#define VIOLATION(name, said, text)                                                                \
	static void name(void **state)                                                             \
	{                                                                                          \
		(void)state;                                                                       \
		HEARS("VERSION 2");                                                                \
		say_to(said);                                                                      \
		ends_with(text);                                                                   \
	}

VIOLATION(an_empty_line_is_an_error, "\n", "a malformed line")
VIOLATION(too_few_words_are_an_error, "TRANSFER STORE K\n", "a malformed request TRANSFER")
VIOLATION(an_answer_to_nothing_is_an_error, "VALUE x\n", "an answer to what job 0 did not ask")
VIOLATION(their_error_ends_it, "ERROR no way\n", "git-annex says: no way")

static void a_line_without_a_tag_is_an_error(void **state)
{
	(void)state;
	HEARS("VERSION 2");
	DIALOGUE("EXTENSIONS ASYNC", "EXTENSIONS ASYNC");
	say_to("CHECKPRESENT K\n");
	ends_with("a line without the number of its job");
}

static void a_second_request_of_a_busy_job_is_an_error(void **state)
{
	(void)state;
	HEARS("VERSION 2");
	held(true);
	say_to("TRANSFER STORE K f\n");
	wait_for_stores(1);
	say_to("TRANSFER STORE L f\n");
	ends_with("a request for job 0, which still has one");
}

static void a_line_without_end_is_an_error(void **state)
{
	(void)state;
	static char much[1 << 16];
	memset(much, 'x', sizeof much);
	HEARS("VERSION 2");
	for (int i = 0; i < 40; i++)
		if (send(play_of->ours, much, sizeof much, MSG_NOSIGNAL) < 0)
			break;
	assert_memory_equal(hear(), "ERROR a line of more than", 25);
}

static void more_jobs_than_anybody_has_are_an_error(void **state)
{
	(void)state;
	HEARS("VERSION 2");
	DIALOGUE("EXTENSIONS ASYNC", "EXTENSIONS ASYNC");
	for (int i = 0; i <= 1024; i++) {
		char line[64];
		snprintf(line, sizeof line, "J %d EXPORT a\n", i);
		say_to(line);
	}
	HEARS("ERROR more than 1024 jobs");
}

/* The end of input at every byte of a dialogue ends the program, whatever runs. */
static void the_end_may_come_anywhere(void **state)
{
	(void)state;
	static const char script[] = "EXTENSIONS ASYNC\nJ 1 PREPARE\nJ 2 EXPORT dir/a b\n"
				     "J 2 TRANSFEREXPORT STORE K f\nJ 3 TRANSFER STORE L f\n";
	for (size_t size = 0; size < sizeof script; size++) {
		void *one;
		assert_int_equal(play_begin(&one), 0);
		held(true);
		assert_int_equal(write(play_of->ours, script, size), size);
		shutdown(play_of->ours, SHUT_WR);
		while (hear())
			continue;
		assert_int_equal(join(play_of), FAULT_NONE);
		play_end(&one);
	}
}

#define PLAYED(name) cmocka_unit_test_setup_teardown(name, play_begin, play_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_cut_at_single_blanks),
		cmocka_unit_test(tags_are_taken_off_where_they_may_be),
		PLAYED(requests_are_answered_one_by_one),
		PLAYED(whether_it_is_there_is_told_to_who_has_a_word_for_it),
		PLAYED(what_is_asked_in_the_middle_is_answered),
		PLAYED(an_export_is_named_once),
		PLAYED(jobs_run_at_the_same_time),
		PLAYED(answers_find_their_jobs),
		PLAYED(progress_comes_seldom),
		PLAYED(an_empty_line_is_an_error),
		PLAYED(too_few_words_are_an_error),
		PLAYED(an_answer_to_nothing_is_an_error),
		PLAYED(their_error_ends_it),
		PLAYED(a_line_without_a_tag_is_an_error),
		PLAYED(a_second_request_of_a_busy_job_is_an_error),
		PLAYED(a_line_without_end_is_an_error),
		PLAYED(more_jobs_than_anybody_has_are_an_error),
		cmocka_unit_test(the_end_may_come_anywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
