#include "base/cancel.h"
#include "base/meta.h"
#include "cli/command.h"
#include "files/outfile.h"
#include "files/pipe.h"
#include "files/unchanged.h"
#include "place/link.h"
#include "place/session.h"
#include "queue/core/thread.h"
#include "report/out.h"
#include "report/say.h"
#include "report/tally.h"
#include "tahoe/edge.h"
#include "upload/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { METADATA_MAX = 4096 };

struct put_command {
	const struct options *options;
	struct output *output;
	struct grid_path target; /* all zeros: none */
	bool has_target;
	struct outfile cap_out;
	struct spool spool;
	struct stat status; /* of a source that is a file, when it was opened */
	struct bytes metadata;
	struct link link;
	struct tally tally;
};

/* ---- the source ---- */

/* Whether the file that is read where it lies is the one that was looked at. */
static enum fault put_unchanged(void *context, struct err *err)
{
	const struct put_command *put = context;
	return unchanged_check(put->spool.fd, &put->status, err);
}

/* A file that is not kept in memory is read where it is, as often as need be; all else once. */
static enum fault take_file(struct put_command *put, int fd, struct err *err)
{
	const struct stat *st = &put->status;
	if (S_ISREG(st->st_mode) && st->st_size > PIPE_MEMORY_MAX) {
		spool_fini(&put->spool);
		spool_adopt(&put->spool, fd, (uint64_t)st->st_size);
		return FAULT_NONE;
	}
	enum fault fault = pipe_take(fd, &put->spool, err);
	if (!fault && S_ISREG(st->st_mode) && put->spool.size != (uint64_t)st->st_size)
		fault = err_set(err, FAULT_CHANGED, "it changed while it was read");
	close(fd);
	return fault;
}

static enum fault describe_file(struct put_command *put, struct err *err)
{
	const struct meta meta = meta_from_stat(&put->status);
	const struct edge_metadata metadata = {
		.ctime_ns = meta.ctime_ns,
		.mtime_ns = meta.mtime_ns,
		.mode = meta.mode,
		.uid = meta.uid,
		.gid = meta.gid,
	};
	return bytes_err(edge_metadata_json(&put->metadata, &metadata), err, "metadata");
}

/* What came through a pipe is as old as its end; without this the edge would keep an old time. */
static enum fault describe_now(struct put_command *put, struct err *err)
{
	struct timespec now;
	char text[EDGE_FLOAT_SIZE];
	clock_gettime(CLOCK_REALTIME, &now);
	edge_float(edge_seconds((int64_t)now.tv_sec * 1000000000 + now.tv_nsec), text);
	return bytes_err(bytes_printf(&put->metadata, "{\"mtime\": %s}", text), err, "metadata");
}

/* Never sleeps for somebody who writes to a FIFO: pipe_take does, and hears signals. */
static enum fault open_source(const char *path, struct stat *st, int *fd, struct err *err)
{
	int opened = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (opened < 0 && errno == ENOENT)
		return err_set(err, FAULT_USAGE, "no such file '%.150s'", path);
	if (opened < 0 || fstat(opened, st) != 0) {
		err_os(err, FAULT_IO, errno, "cannot open '%.120s'", path);
	} else if (S_ISDIR(st->st_mode)) {
		err_set(err, FAULT_USAGE, "'%.120s' is a directory; barge cp -r copies those",
			path);
	} else {
		*fd = opened;
		return FAULT_NONE;
	}
	if (opened >= 0)
		close(opened);
	return err->fault;
}

/* Has the bytes at hand: a regular file as it is, anything else read to its end. */
static enum fault take_source(struct put_command *put, struct err *err)
{
	const char *word = put->options->words.text[0];
	int fd = -1;
	enum fault fault;
	spool_init(&put->spool, pipe_directory(), PIPE_MEMORY_MAX);
	if (strcmp(word, "-") == 0) {
		fault = pipe_take(STDIN_FILENO, &put->spool, err);
		return fault ? err_wrap(err, "standard input") : describe_now(put, err);
	}
	if (open_source(word, &put->status, &fd, err))
		return err->fault;
	fault = take_file(put, fd, err);
	if (fault)
		return err_wrap(err, "'%.100s'", word);
	return S_ISREG(put->status.st_mode) ? describe_file(put, err) : describe_now(put, err);
}

/* ---- the cap ---- */

/* Gives the cap to whom it was asked for: a file, standard output. */
static enum fault write_cap(struct put_command *put, const struct cap *cap, struct err *err)
{
	char text[CAP_TEXT_SIZE + 1];
	size_t size = cap_print(cap, text);
	text[size++] = '\n';
	enum fault fault = FAULT_NONE;
	if (put->options->cap_out) {
		fault = dirfd_write(put->cap_out.fd, text, size, err);
		if (!fault)
			fault = outfile_publish(&put->cap_out, err);
	}
	if (!fault && put->options->planning.caps_only) {
		out_put(put->output, text, size);
		out_flush(put->output);
		if (out_failed(put->output))
			fault = err_os(err, FAULT_IO, out_failed(put->output),
				       "cannot write the cap to standard output");
	}
	explicit_bzero(text, sizeof text);
	return fault;
}

/* ---- the upload ---- */

static void put_tell(void *context, const char *text)
{
	struct put_command *put = context;
	say(put->output, SAY_INFO, "%s", text);
}

static void put_off(void *context, uint32_t delay_ms, uint64_t left_ms)
{
	struct put_command *put = context;
	waits_upload(&put->output->waits, clock_ms(), delay_ms, left_ms);
}

static void put_moved(void *context, uint64_t sent)
{
	struct put_command *put = context;
	tally_there(&put->tally, sent);
}

static enum fault put_upload(struct put_command *put, struct session *session, struct cap *cap,
			     struct err *err)
{
	struct policy *policy = NULL;
	struct patience patience = { .tell = put_tell, .put_off = put_off, .context = put };
	if (policy_new((unsigned)put->options->transfer.verify, session->setup.params, &policy,
		       err))
		return err->fault;
	struct upload_options options = {
		.tries = session->tries,
		.policy = policy,
		.encodes = session->setup.encodes,
		.patience = &patience,
		.unchanged =
			put->spool.fd >= 0 && S_ISREG(put->status.st_mode) ? put_unchanged : NULL,
		.moved = put_moved,
		.context = put,
	};
	enum fault fault = tally_open(&put->tally, put->output, err);
	if (!fault) {
		tally_expect(&put->tally, 1, 0, put->spool.size);
		fault = upload_put(&options, &put->spool, cap, err);
	}
	tally_close(&put->tally);
	if (fault && err->fault != FAULT_CANCELLED)
		err_wrap(err, "'%.100s'", put->options->words.text[0]);
	if (!fault)
		say(put->output, SAY_DEBUG, "verified: %s", policy_describe(policy));
	policy_free(policy);
	return fault ? err->fault : FAULT_NONE;
}

/* Stores the file; the link comes after its proof, the cap goes out last. */
static enum fault store(struct put_command *put, struct session *session, struct err *err)
{
	struct cap cap = { 0 };
	enum fault fault = take_source(put, err);
	if (!fault)
		fault = put_upload(put, session, &cap, err);
	if (!fault && cancel_asked())
		fault = err_set(err, FAULT_CANCELLED, "asked to stop");
	if (!fault && put->has_target)
		fault = link_make(&put->link, &session->tries, &cap, &put->metadata, err);
	if (!fault)
		fault = write_cap(put, &cap, err);
	if (!fault)
		tally_say_file(put->output, put->options->words.text[0], put->spool.size);
	cap_wipe(&cap);
	return fault;
}

static enum fault put_online(struct put_command *put, int *status, struct err *err)
{
	struct session session;
	if (session_open(&put->options->connection, put->output, &session, err))
		return err->fault;
	enum fault fault = FAULT_NONE;
	if (put->has_target)
		fault = link_prepare(&put->target, &session.tries, &put->link, err);
	if (!fault)
		fault = store(put, &session, err);
	session_fini(&session);
	return fault ? session_settle(put->output, err, status) : FAULT_NONE;
}

/* Everything about the command line that can be wrong is found before a gateway is asked. */
static enum fault put_prepare(struct put_command *put, struct err *err)
{
	const struct options *options = put->options;
	put->has_target = options->words.count > 1;
	if (!put->has_target && !options->planning.caps_only && !options->cap_out)
		return err_set(err, FAULT_USAGE,
			       "without a name on the grid the file could not be found again: "
			       "name one, or ask for its cap with --caps-only or --cap-out");
	if (put->has_target &&
	    (grid_path_resolve(&options->connection, options->words.text[1], &put->target, err) ||
	     grid_path_check_colon(&put->target, err)))
		return err->fault;
	return options->cap_out ? outfile_open(&put->cap_out, options->cap_out, false, err)
				: FAULT_NONE;
}

enum fault command_put(const struct options *options, struct output *output, int *status,
		       struct err *err)
{
	struct put_command put = {
		.options = options,
		.output = output,
		.cap_out = { .fd = -1, .at = -1 },
		.spool = { .fd = -1 },
	};
	bytes_init(&put.metadata, METADATA_MAX);
	enum fault fault = put_prepare(&put, err);
	if (!fault)
		fault = put_online(&put, status, err);
	spool_fini(&put.spool);
	bytes_fini(&put.metadata);
	link_fini(&put.link);
	outfile_fini(&put.cap_out);
	grid_path_fini(&put.target);
	return fault;
}
