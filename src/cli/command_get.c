#include "base/cancel.h"
#include "cli/command.h"
#include "files/outfile.h"
#include "files/pipe.h"
#include "files/restore.h"
#include "place/grid_path.h"
#include "place/session.h"
#include "report/say.h"
#include "report/status.h"
#include "report/tally.h"
#include "verify/single.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is to be got. */
struct found_file {
	struct store_node node;
	struct chunked chunked; /* of a file in chunks; else none */
};

/* Where the bytes go, and who is told how many there are. */
struct get_target {
	struct tally tally;
	struct spool spool;      /* of a pipe */
	struct outfile *outfile; /* NULL: it is a pipe */
	uint64_t there;
};

static void tell_there(struct get_target *target, uint64_t bytes)
{
	target->there = bytes;
	tally_there(&target->tally, bytes);
}

/* ---- to a pipe: nothing is given on before all of it is proven ---- */

static enum fault begin_spool(void *context, struct err *err)
{
	struct get_target *target = context;
	(void)err;
	spool_clear(&target->spool);
	tell_there(target, 0);
	return FAULT_NONE;
}

static enum fault cut_spool(void *context, uint64_t kept, struct err *err)
{
	struct get_target *target = context;
	tell_there(target, kept);
	return spool_cut(&target->spool, kept, err);
}

static enum fault write_spool(void *context, const void *data, size_t size, struct err *err)
{
	struct get_target *target = context;
	tell_there(target, target->there + size);
	return spool_append(&target->spool, data, size, err);
}

/* Reads a file, whole or chunk by chunk. */
static enum fault read_found(struct single *single, const struct found_file *file, struct err *err)
{
	return file->chunked.count > 0 ? single_read_chunks(single, &file->chunked, err)
				       : single_read(single, &file->node.ro, err);
}

/* Everything is proven before the first byte goes out: what a pipe has been given stays given. */
static enum fault get_to_pipe(struct single *single, const struct found_file *file,
			      struct get_target *target, int *status, struct err *err)
{
	spool_init(&target->spool, pipe_directory(), PIPE_MEMORY_MAX);
	single->begin = begin_spool;
	single->back = cut_spool;
	single->write = write_spool;
	single->context = target;
	enum fault fault = read_found(single, file, err);
	tally_rest(&target->tally);
	if (!fault)
		fault = pipe_give(&target->spool, STDOUT_FILENO, err);
	spool_fini(&target->spool);
	if (fault == FAULT_IO && err->os_error == EPIPE) {
		*status = STATUS_IO; /* the reader has had enough, and need not be told */
		return FAULT_NONE;
	}
	return fault;
}

/* ---- to a file ---- */

static enum fault begin_file(void *context, struct err *err)
{
	struct get_target *target = context;
	tell_there(target, 0);
	return outfile_rewind(target->outfile, 0, err);
}

static enum fault cut_file(void *context, uint64_t kept, struct err *err)
{
	struct get_target *target = context;
	tell_there(target, kept);
	return outfile_rewind(target->outfile, kept, err);
}

static enum fault write_file(void *context, const void *data, size_t size, struct err *err)
{
	struct get_target *target = context;
	tell_there(target, target->there + size);
	return dirfd_write(target->outfile->fd, data, size, err);
}

/* Gives the file the mode and time that the edge to it says, as far as it says any; else it keeps
 * those of what it replaces. */
static enum fault restore(const struct outfile *outfile, const struct store_node *node,
			  unsigned *lost, struct err *err)
{
	bool has_mode = node->metadata_flags & STORE_HAS_MODE && !S_ISLNK(node->metadata.mode);
	bool has_mtime = node->metadata_flags & STORE_HAS_MTIME;
	const struct looks looks = {
		.mode = has_mode ? &node->metadata.mode : NULL,
		.mtime_ns = has_mtime ? &node->metadata.mtime_ns : NULL,
		.given = outfile->there ? &outfile->seen : NULL,
		.at = outfile->at,
		.name = outfile->name,
	};
	return restore_file(outfile->fd, &looks, lost, err);
}

static enum fault get_to_file(struct single *single, const struct found_file *file,
			      struct get_target *target, unsigned *lost, struct err *err)
{
	struct outfile *outfile = target->outfile;
	single->begin = begin_file;
	single->back = cut_file;
	single->write = write_file;
	single->context = target;
	enum fault fault = read_found(single, file, err);
	tally_rest(&target->tally);
	if (!fault)
		fault = restore(outfile, &file->node, lost, err);
	if (!fault && cancel_asked())
		fault = err_set(err, FAULT_CANCELLED, "asked to stop");
	return fault ? fault : outfile_publish(outfile, err);
}

/* ---- what to get ---- */

/* Asks what the path names, and refuses what is no readable file. */
static enum fault get_find(const struct session *session, const struct grid_path *path,
			   struct found_file *file, struct err *err)
{
	const struct grid_look look = { .tries = session->tries, .count = SIZE_MAX };
	struct store_node *node = &file->node;
	if (grid_path_look(path, &look, node, err) ||
	    grid_path_chunks(path, &look.tries, node, &file->chunked, err))
		return err->fault;
	if (node->kind == STORE_DIRECTORY && file->chunked.count == 0)
		return err_set(err, FAULT_USAGE,
			       "'%.100s' is a directory; barge cp -r fetches those", path->typed);
	if (node->kind == STORE_UNKNOWN)
		return err_set(err, FAULT_USAGE,
			       "'%.100s' is of a kind that this program does not know",
			       path->typed);
	if (path->ends_in_slash)
		return err_set(err, FAULT_USAGE,
			       "'%.100s' is not a directory, but ends with a slash", path->typed);
	if (node->ro.kind == CAP_NONE && !cap_to_readonly(&node->rw, &node->ro))
		return err_set(err, FAULT_USAGE, "the cap of '%.100s' does not let anybody read",
			       path->typed);
	return FAULT_NONE;
}

static enum fault get_from(struct session *session, const struct grid_path *path,
			   struct outfile *outfile, int *status, struct err *err)
{
	struct found_file file = { 0 };
	struct single single = { .tries = session->tries, .secret = session->setup.params };
	struct get_target target = { .outfile = outfile };
	enum fault fault = get_find(session, path, &file, err);
	unsigned lost = 0;
	if (!fault)
		fault = tally_open(&target.tally, session->setup.output, err);
	if (!fault && (file.chunked.count > 0 || file.node.has_size))
		tally_expect(&target.tally, 1, 0,
			     file.chunked.count > 0 ? file.chunked.bytes : file.node.size);
	if (!fault && outfile)
		fault = get_to_file(&single, &file, &target, &lost, err);
	else if (!fault)
		fault = get_to_pipe(&single, &file, &target, status, err);
	tally_close(&target.tally);
	if (!fault)
		tally_say_file(session->setup.output, path->typed, target.there);
	if (!fault && lost)
		say(session->setup.output, SAY_WARNING, "'%s' could not keep its%s%s%s",
		    outfile->path, lost & LOST_MODE ? " mode" : "",
		    lost & LOST_OWNER ? " owner" : "", lost & LOST_TIME ? " time" : "");
	cap_wipe(&file.node.rw);
	cap_wipe(&file.node.ro);
	chunked_fini(&file.chunked);
	return fault ? session_settle(session->setup.output, err, status) : FAULT_NONE;
}

static bool is_local_directory(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The file's name is taken before the gateway is asked: a name that cannot be is told at once. */
static enum fault get(const struct options *options, struct output *output,
		      const struct grid_path *path, int *status, struct err *err)
{
	struct session session;
	struct outfile outfile = { .fd = -1, .at = -1 };
	const char *target =
		options->words.count > 1 ? options->words.text[1] : grid_path_name(path);
	bool to_pipe = options->words.count > 1 && strcmp(target, "-") == 0;
	if (!*target)
		return err_set(err, FAULT_USAGE,
			       "'%.100s' has no name; name the file, or - for "
			       "standard output",
			       path->typed);
	if (!to_pipe && options->words.count > 1 && argument_path(target) != target)
		return err_set(
			err, FAULT_USAGE,
			"the second word names a place on a grid, and get writes a file here: "
			"barge cp copies within a grid; put ./ before the name of a file");
	if (!to_pipe && is_local_directory(target))
		return err_set(err, FAULT_EXISTS, "'%.120s' is a directory; name the file in it",
			       target);
	if (!to_pipe && outfile_open(&outfile, target, options->force, err))
		return err->fault == FAULT_EXISTS && !options->force
			       ? err_wrap(err, "nothing is replaced without --force")
			       : err->fault;
	enum fault fault = session_open(&options->connection, output, &session, err);
	if (!fault) {
		fault = get_from(&session, path, to_pipe ? NULL : &outfile, status, err);
		if (fault && !to_pipe && err->os_error && !err->remote)
			err_wrap(err, "'%.120s' cannot be written", target);
		session_fini(&session);
	}
	outfile_fini(&outfile);
	return fault;
}

enum fault command_get(const struct options *options, struct output *output, int *status,
		       struct err *err)
{
	struct grid_path path;
	if (grid_path_resolve(&options->connection, options->words.text[0], &path, err))
		return err->fault;
	enum fault fault = get(options, output, &path, status, err);
	grid_path_fini(&path);
	return fault;
}
