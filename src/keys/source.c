#include "keys/source.h"

#include "files/pipe.h"
#include "files/unchanged.h"
#include "upload/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { PIECE_SIZE = 256 * 1024 /* bytes looked at at once */ };

enum fault source_open(struct source *source, const char *path, struct err *err)
{
	*source = (struct source){ .path = path };
	source->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (source->fd < 0 && errno == ENOENT)
		return err_set(err, FAULT_USAGE, "no such file '%.150s'", path);
	if (source->fd < 0)
		return err_os(err, FAULT_IO, errno, "cannot open '%.120s'", path);
	enum fault fault = FAULT_NONE;
	if (fstat(source->fd, &source->status) != 0)
		fault = err_os(err, FAULT_IO, errno, "cannot look at '%.120s'", path);
	else if (!S_ISREG(source->status.st_mode))
		fault = err_set(err, FAULT_USAGE, "'%.150s' is not a regular file", path);
	if (fault)
		source_close(source);
	return fault;
}

void source_close(struct source *source)
{
	if (source->fd >= 0)
		close(source->fd);
	source->fd = -1;
}

/* One part on its way. */
struct putting {
	const struct source *source;
	const struct source_part *part;
};

static enum fault putting_unchanged(void *context, struct err *err)
{
	const struct putting *putting = context;
	return unchanged_check(putting->source->fd, &putting->source->status, err);
}

static void putting_moved(void *context, uint64_t sent)
{
	const struct putting *putting = context;
	keys_progress_tell(putting->part->progress, sent);
}

/* Small parts are kept in memory, others are read where they lie. */
static enum fault make_spool(const struct putting *putting, struct spool *spool, struct err *err)
{
	unsigned char buffer[4096];
	const struct source_part *part = putting->part;
	if (part->size > PIPE_MEMORY_MAX) {
		int fd = fcntl(putting->source->fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return err_os(err, FAULT_IO, errno, "cannot read a file");
		spool_adopt_part(spool, fd, part->offset, part->size);
		return FAULT_NONE;
	}
	enum fault fault = FAULT_NONE;
	spool_init(spool, pipe_directory(), PIPE_MEMORY_MAX);
	for (uint64_t at = 0; !fault && at < part->size;) {
		size_t piece = (size_t)min_u64(part->size - at, sizeof buffer);
		fault = unchanged_read(putting->source->fd, part->offset + at, buffer, piece, err);
		if (!fault)
			fault = spool_append(spool, buffer, piece, err);
		at += piece;
	}
	return fault;
}

enum fault source_put(struct operation *operation, const struct source *source,
		      const struct source_part *part, struct cap *cap, struct err *err)
{
	struct putting putting = { source, part };
	struct spool spool = { .fd = -1 };
	struct upload_options options = {
		.tries = operation->tries,
		.policy = operation->keys->policy,
		.encodes = operation->keys->options.setup->encodes,
		.patience = &operation->keys->patience,
		.unchanged = putting_unchanged,
		.context = &putting,
		.moved = putting_moved,
	};
	enum fault fault = make_spool(&putting, &spool, err);
	if (!fault)
		fault = upload_put(&options, &spool, cap, err);
	if (!fault)
		fault = putting_unchanged(&putting, err);
	spool_fini(&spool);
	if (fault && err->fault != FAULT_CANCELLED)
		err_wrap(err, "'%.100s'", source->path);
	return fault ? err->fault : FAULT_NONE;
}

enum fault source_put_file(struct operation *operation, const char *path,
			   const struct keys_progress *progress, struct cap *cap, struct err *err)
{
	struct source source;
	if (source_open(&source, path, err))
		return err->fault;
	const struct source_part part = { 0, (uint64_t)source.status.st_size, progress };
	enum fault fault = source_put(operation, &source, &part, cap, err);
	if (!fault)
		keys_progress_tell(progress, part.size);
	source_close(&source);
	return fault;
}

enum fault source_put_bytes(struct operation *operation, const void *data, size_t size,
			    struct cap *cap, struct err *err)
{
	struct spool spool;
	struct upload_options options = {
		.tries = operation->tries,
		.policy = operation->keys->policy,
		.encodes = operation->keys->options.setup->encodes,
		.patience = &operation->keys->patience,
	};
	spool_init(&spool, pipe_directory(), PIPE_MEMORY_MAX);
	enum fault fault = spool_append(&spool, data, size, err);
	if (!fault)
		fault = upload_put(&options, &spool, cap, err);
	spool_fini(&spool);
	return fault;
}

/* ---- looking at parts ---- */

enum fault source_hash(const struct source *source, const struct source_part *part,
		       unsigned char hash[CONTENT_HASH_SIZE], struct err *err)
{
	struct content_hash state;
	unsigned char *data = malloc(PIECE_SIZE);
	if (!data)
		return err_set(err, FAULT_NOMEM, "no memory for a file");
	enum fault fault = content_hash_init(&state, err);
	if (!fault)
		content_hash_start(&state);
	for (uint64_t at = 0; !fault && at < part->size;) {
		size_t size = (size_t)min_u64(part->size - at, PIECE_SIZE);
		fault = unchanged_read(source->fd, part->offset + at, data, size, err);
		if (!fault)
			content_hash_update(&state, data, size);
		at += size;
	}
	if (!fault)
		content_hash_final(&state, hash);
	content_hash_fini(&state);
	free(data);
	return fault;
}

enum fault source_equal(const struct source *source, const struct source_part *part, uint64_t other,
			bool *equal, struct err *err)
{
	unsigned char *data = malloc(2 * (size_t)PIECE_SIZE);
	if (!data)
		return err_set(err, FAULT_NOMEM, "no memory for a file");
	enum fault fault = FAULT_NONE;
	*equal = true;
	for (uint64_t at = 0; !fault && *equal && at < part->size;) {
		size_t size = (size_t)min_u64(part->size - at, PIECE_SIZE);
		fault = unchanged_read(source->fd, part->offset + at, data, size, err);
		if (!fault)
			fault = unchanged_read(source->fd, other + at, data + PIECE_SIZE, size,
					       err);
		*equal = !fault && memcmp(data, data + PIECE_SIZE, size) == 0;
		at += size;
	}
	free(data);
	return fault;
}
