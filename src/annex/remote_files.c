#include "annex/remote.h"

#include "files/dirfd.h"
#include "files/pipe.h"
#include "files/unchanged.h"
#include "upload/upload.h"
#include "verify/single.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MAX = 65536 };

/* What one request is about, and with whom it talks. */
struct work_on {
	struct annex_remote *remote;
	const struct annex_request *request;
	struct remote_hand *hand;
	bool exports;
	unsigned leaf; /* of a key */
	struct bytes text;
	struct tree_path path;
};

/* ---- beginning and end ---- */

/* Finds out where the key or the export lies, and takes a store. */
static enum fault begin(struct work_on *work, struct annex_remote *remote,
			const struct annex_request *request, const char *name, struct err *err)
{
	*work = (struct work_on){ .remote = remote, .request = request, .exports = name };
	bytes_init(&work->text, TEXT_MAX);
	enum fault fault = FAULT_NONE;
	if (!remote->prepared)
		fault = err_set(err, FAULT_USAGE, "PREPARE has not gone well");
	else if (!name)
		fault = key_path(request->key, &work->text, &work->leaf, err);
	if (!fault)
		fault = tree_path_init(&work->path, name ? name : bytes_text(&work->text), err);
	if (!fault)
		fault = remote_take(remote, request->stop, &work->hand, err);
	return fault;
}

static enum fault end(struct work_on *work, enum fault fault)
{
	if (work->hand)
		remote_give(work->remote, work->hand);
	tree_path_fini(&work->path);
	bytes_fini(&work->text);
	return fault;
}

/* ---- where a file is ---- */

/* The last component alone, below the directory of a leaf. */
static struct tree_path last_of(const struct tree_path *path)
{
	return (struct tree_path){ .count = 1, .component = { path->component[path->count - 1] } };
}

/* Remembers the directory that a key lies in, which is never taken away again. */
static void learn_leaf(struct work_on *work)
{
	struct store_node node = { 0 };
	struct err err;
	const struct tree_path *path = &work->path;
	if (!tree_find(&work->hand->tries, &work->remote->root, path, path->count - 1, &node,
		       &err) &&
	    node.kind == STORE_DIRECTORY && cap_is_writable(&node.rw))
		remote_keep_leaf(work->remote, work->leaf, &node.rw);
	cap_wipe(&node.rw);
	cap_wipe(&node.ro);
}

/* Stores the cap that git-annex keeps of a key.  FAULT_NOT_FOUND: none. */
static enum fault find_kept(struct work_on *work, struct cap *cap, struct err *err)
{
	bytes_clear(&work->text);
	enum fault fault =
		annex_ask_state(work->request->job, work->request->key, &work->text, err);
	if (!fault && work->text.size == 0)
		return err_set(err, FAULT_NOT_FOUND, "it is not stored here");
	if (!fault)
		fault = cap_parse((char *)work->text.data, work->text.size, cap, err);
	return fault;
}

/* Stores the read cap of what the request means.  FAULT_NOT_FOUND: it is certain that nothing is
 * there. */
static enum fault find(struct work_on *work, struct cap *cap, struct err *err)
{
	struct store_node node = { 0 };
	struct cap leaf;
	const struct tries *tries = &work->hand->tries;
	if (work->remote->keeps_caps && !work->exports)
		return find_kept(work, cap, err);
	bool known = !work->exports && remote_leaf(work->remote, work->leaf, &leaf);
	const struct tree_path last = last_of(&work->path);
	enum fault fault = known ? tree_find(tries, &leaf, &last, 1, &node, err)
				 : tree_find(tries, &work->remote->root, &work->path,
					     work->path.count, &node, err);
	if (!fault && node.kind != STORE_FILE)
		fault = err_set(err, FAULT_NOT_FOUND, "what is there is no file");
	if (!fault)
		*cap = *store_node_cap(&node);
	cap_wipe(&node.rw);
	cap_wipe(&node.ro);
	return fault;
}

/* ---- STORE ---- */

struct source {
	struct spool spool;
	struct stat status;
	struct annex_job *job;
};

static enum fault source_unchanged(void *context, struct err *err)
{
	const struct source *source = context;
	return unchanged_check(source->spool.fd, &source->status, err);
}

static void source_moved(void *context, uint64_t bytes)
{
	const struct source *source = context;
	annex_progress(source->job, bytes);
}

/* A small file is kept in memory, a large one read where it is. */
static enum fault source_open(struct source *source, const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	spool_init(&source->spool, pipe_directory(), PIPE_MEMORY_MAX);
	if (fd < 0 || fstat(fd, &source->status) != 0)
		err_os(err, FAULT_IO, errno, "cannot open the file to be stored");
	else if (!S_ISREG(source->status.st_mode))
		err_set(err, FAULT_USAGE, "the file to be stored is no regular file");
	else if (source->status.st_size > PIPE_MEMORY_MAX) {
		spool_fini(&source->spool);
		spool_adopt(&source->spool, fd, (uint64_t)source->status.st_size);
		return FAULT_NONE;
	} else {
		enum fault fault = pipe_take(fd, &source->spool, err);
		if (!fault && source->spool.size != (uint64_t)source->status.st_size)
			fault = err_set(err, FAULT_CHANGED, "it changed while it was read");
		close(fd);
		return fault;
	}
	if (fd >= 0)
		close(fd);
	return err->fault;
}

static enum fault upload(struct work_on *work, struct cap *cap, struct err *err)
{
	struct source source = { .job = work->request->job };
	struct patience patience = { 0 };
	enum fault fault = source_open(&source, work->request->file, err);
	struct upload_options options = {
		.tries = work->hand->tries,
		.policy = work->remote->policy,
		.encodes = work->remote->setup.encodes,
		.patience = &patience,
		.unchanged = source.spool.fd >= 0 ? source_unchanged : NULL,
		.moved = source_moved,
		.context = &source,
	};
	if (!fault)
		fault = upload_put(&options, &source.spool, cap, err);
	spool_fini(&source.spool);
	return fault;
}

static enum fault link_key(struct work_on *work, const struct cap *cap, struct err *err)
{
	struct cap leaf;
	const struct tree_path last = last_of(&work->path);
	if (remote_leaf(work->remote, work->leaf, &leaf))
		return tree_link(&work->hand->tries, &leaf, &last, cap, err);
	if (tree_link(&work->hand->tries, &work->remote->root, &work->path, cap, err))
		return err->fault;
	learn_leaf(work);
	return FAULT_NONE;
}

/* Links an export, and looks from the root whether it is there: others may have taken a directory
 * above it away meanwhile. */
static enum fault link_export(struct work_on *work, const struct tree_path *path,
			      const struct cap *cap, struct err *err)
{
	struct store_node node = { 0 };
	const struct cap *root = &work->remote->root;
	enum fault fault = tree_link(&work->hand->tries, root, path, cap, err);
	if (!fault)
		fault = tree_find(&work->hand->tries, root, path, path->count, &node, err);
	if (fault == FAULT_NOT_FOUND || (!fault && !cap_equal(store_node_cap(&node), cap)))
		fault = err_set(err, FAULT_RETRY, "somebody else has changed the tree meanwhile");
	cap_wipe(&node.rw);
	cap_wipe(&node.ro);
	return fault;
}

static void keep_cap(const struct work_on *work, const struct cap *cap)
{
	char text[CAP_TEXT_SIZE];
	cap_print(cap, text);
	annex_keep_state(work->request->job, work->request->key, text);
	explicit_bzero(text, sizeof text);
}

enum fault remote_store(void *context, const struct annex_request *request, struct err *err)
{
	struct work_on work;
	struct cap cap = { 0 };
	enum fault fault = begin(&work, context, request, request->name, err);
	if (!fault)
		fault = upload(&work, &cap, err);
	if (!fault && work.exports)
		fault = link_export(&work, &work.path, &cap, err);
	else if (!fault && work.remote->keeps_caps)
		keep_cap(&work, &cap);
	else if (!fault)
		fault = link_key(&work, &cap, err);
	cap_wipe(&cap);
	return end(&work, fault);
}

/* ---- RETRIEVE ---- */

/* A file that is touched only once there is something to put into it, and written front to back:
 * git-annex hashes it as it grows. */
struct sink {
	const struct annex_request *request;
	int fd;
	uint64_t size;
};

static enum fault sink_begin(void *context, struct err *err)
{
	struct sink *sink = context;
	sink->size = 0;
	if (sink->fd >= 0 && lseek(sink->fd, 0, SEEK_SET) < 0)
		return err_os(err, FAULT_IO, errno, "cannot write the file");
	return FAULT_NONE;
}

static enum fault sink_open(struct sink *sink, struct err *err)
{
	if (sink->fd < 0)
		sink->fd =
			open(sink->request->file, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
	return sink->fd >= 0 ? FAULT_NONE : err_os(err, FAULT_IO, errno, "cannot write the file");
}

static enum fault sink_write(void *context, const void *data, size_t size, struct err *err)
{
	struct sink *sink = context;
	enum fault fault = sink_open(sink, err);
	if (!fault)
		fault = dirfd_write(sink->fd, data, size, err);
	sink->size += size;
	if (!fault)
		annex_progress(sink->request->job, sink->size);
	return fault;
}

/* What was there before may have been longer. */
static enum fault sink_end(struct sink *sink, struct err *err)
{
	enum fault fault = sink_open(sink, err);
	if (!fault && ftruncate(sink->fd, (off_t)sink->size) != 0)
		fault = err_os(err, FAULT_IO, errno, "cannot write the file");
	return fault;
}

enum fault remote_retrieve(void *context, const struct annex_request *request, struct err *err)
{
	struct work_on work;
	struct cap cap = { 0 };
	struct sink sink = { .request = request, .fd = -1 };
	enum fault fault = begin(&work, context, request, request->name, err);
	if (!fault)
		fault = find(&work, &cap, err);
	if (!fault) {
		struct single single = {
			.tries = work.hand->tries,
			.secret = work.remote->setup.params,
			.begin = sink_begin,
			.write = sink_write,
			.context = &sink,
		};
		fault = single_read(&single, &cap, err);
	}
	if (!fault)
		fault = sink_end(&sink, err);
	if (sink.fd >= 0 && close(sink.fd) != 0 && !fault)
		fault = err_os(err, FAULT_IO, errno, "cannot write the file");
	cap_wipe(&cap);
	return end(&work, fault);
}

/* ---- PRESENT ---- */

struct present_check {
	struct store_call *call;
	enum fault fault;
	struct err err;
	struct store_health health;
};

static void checked(void *context, const struct store_reply *reply)
{
	struct present_check *checking = context;
	checking->call = NULL;
	checking->fault = reply->fault;
	checking->err = reply->err;
	checking->health = reply->health;
}

static enum fault check_once(const struct remote_hand *hand, const struct cap *cap,
			     struct present_check *checking, struct err *err)
{
	const struct store_check check = { .cap = cap };
	const struct store_then then = { checked, checking };
	*checking = (struct present_check){ 0 };
	checking->call = store_check(hand->wait.store, &check, then, err);
	if (!checking->call)
		return err->fault;
	if (store_wait_end(&hand->wait, &checking->call, err))
		return err->fault;
	if (checking->fault)
		*err = checking->err;
	return checking->fault;
}

/* Whether enough shares are there.  What is linked and lost is absent, when all servers said so. */
static enum fault check(const struct remote_hand *hand, const struct cap *cap, struct err *err)
{
	struct tries tries = hand->tries;
	struct present_check checking = { 0 };
	enum fault fault;
	if (cap_is_literal(cap))
		return FAULT_NONE;
	do {
		fault = check_once(hand, cap, &checking, err);
	} while (fault && tries_again(&tries, err));
	if (fault)
		return fault == FAULT_NOT_FOUND
			       ? err_set(err, FAULT_RETRY,
					 "the gateway does not know what is linked")
			       : fault;
	tries_over(&tries);
	const struct store_health *health = &checking.health;
	if (health->recoverable)
		return FAULT_NONE;
	return err_set(err, health->unsure ? FAULT_RETRY : FAULT_NOT_FOUND,
		       "%u shares of the %u that are needed were found", health->good_shares,
		       health->needed);
}

enum fault remote_present(void *context, const struct annex_request *request, struct err *err)
{
	struct work_on work;
	struct cap cap = { 0 };
	enum fault fault = begin(&work, context, request, request->name, err);
	if (!fault)
		fault = find(&work, &cap, err);
	if (!fault)
		fault = check(work.hand, &cap, err);
	cap_wipe(&cap);
	return end(&work, fault);
}

/* ---- REMOVE, RENAME ---- */

enum fault remote_remove(void *context, const struct annex_request *request, struct err *err)
{
	struct work_on work;
	struct cap leaf;
	enum fault fault = begin(&work, context, request, request->name, err);
	if (fault)
		return end(&work, fault);
	const struct tries *tries = &work.hand->tries;
	const struct tree_path last = last_of(&work.path);
	if (work.remote->keeps_caps && !work.exports)
		annex_keep_state(request->job, request->key, "");
	else if (!work.exports && remote_leaf(work.remote, work.leaf, &leaf))
		fault = tree_unlink(tries, &leaf, &last, err);
	else
		fault = tree_unlink(tries, &work.remote->root, &work.path, err);
	return end(&work, fault);
}

/* The new name comes before the old one goes. */
enum fault remote_rename(void *context, const struct annex_request *request, struct err *err)
{
	struct work_on work;
	struct cap cap = { 0 };
	struct tree_path to = { 0 };
	enum fault fault = begin(&work, context, request, request->name, err);
	if (!fault)
		fault = tree_path_init(&to, request->to, err);
	if (!fault)
		fault = find(&work, &cap, err);
	if (!fault)
		fault = link_export(&work, &to, &cap, err);
	if (!fault && strcmp(request->to, request->name) != 0)
		fault = tree_unlink(&work.hand->tries, &work.remote->root, &work.path, err);
	tree_path_fini(&to);
	cap_wipe(&cap);
	return end(&work, fault);
}

enum fault remote_remove_directory(void *context, const struct annex_request *request,
				   struct err *err)
{
	struct work_on work;
	enum fault fault = begin(&work, context, request, request->to, err);
	if (!fault)
		fault = tree_unlink(&work.hand->tries, &work.remote->root, &work.path, err);
	return end(&work, fault);
}

/* ---- words ---- */

enum fault remote_info(void *context, const struct annex_request *request, struct err *err)
{
	const struct annex_remote *remote = context;
	return bytes_err(
		bytes_printf(request->answer, "gateway\t%s\nnode\t%s\nroot\t%s\nstate\t%s\n",
			     remote->gateway ? remote->gateway : "of the node",
			     remote->node_directory ? remote->node_directory : "none",
			     remote->root_word ? remote->root_word : "a directory of its own",
			     remote->keeps_caps ? "annex" : "directory"),
		err, "words about the remote");
}

/* Where a key is linked: with this and the root any Tahoe client gets at it. */
enum fault remote_whereis(void *context, const struct annex_request *request, struct err *err)
{
	const struct annex_remote *remote = context;
	unsigned leaf;
	if (remote->keeps_caps)
		return err_set(err, FAULT_NOT_FOUND, "the git-annex branch keeps its cap");
	return key_path(request->key, request->answer, &leaf, err);
}
