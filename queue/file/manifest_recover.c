#include "queue/file/manifest_format.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

/* A manifest being checked block after block, in memory that does not depend on its size. */
struct recovery {
	struct manifest_writer *writer; /* stands behind the last good block */
	struct manifest_start start;
	int read_only;   /* errno of opening it for writing, or 0 */
	uint64_t size;   /* of the file */
	bool trailer;    /* the block at the writer's end is a good trailer */
	uint64_t behind; /* it, when there is one */
	char last_name[MANIFEST_NAME_MAX];
	size_t last_name_size;
	unsigned char payload[FRAME_PAYLOAD_MAX];
};

/* Says why the block cannot follow what came before, or NULL. */
static const char *order_flaw(const struct manifest_writer *writer,
			      const struct manifest_head *head)
{
	if (head->first_id != writer->totals.next_id)
		return "its ids do not follow";
	if (!writer->inside) {
		if (!head->first)
			return "its listing has not begun";
		return (head->id == 0) == (writer->head.listing == 0)
			       ? NULL
			       : "the root is not the first listing";
	}
	const struct manifest_head *open = &writer->head;
	bool same = head->id == open->id && head->parent_id == open->parent_id &&
		    head->listing == open->listing &&
		    head->parent_listing == open->parent_listing &&
		    head->name_size == open->name_size &&
		    memcmp(head->name, open->name, head->name_size) == 0;
	return same ? NULL : "the listing before it has not ended";
}

/* Counts the entries behind the head. */
static enum fault absorb_entries(struct recovery *recovery, struct pack_in *in,
				 const struct manifest_head *head, struct err *err)
{
	struct manifest_writer *writer = recovery->writer;
	struct manifest_entry entry;
	uint64_t next_id = head->first_id;
	for (size_t i = 0; i < head->count; i++) {
		enum fault fault = manifest_entry_get(in, &entry, &next_id, err);
		if (fault != FAULT_NONE)
			return fault;
		if (!manifest_totals_count(&writer->totals, &entry))
			return err_set(err, FAULT_CORRUPT, "there are too many ids");
	}
	if (in->at != in->size)
		return err_set(err, FAULT_CORRUPT, "bytes follow the last entry");
	if (head->first)
		recovery->last_name_size = 0;
	if (head->count > 0) {
		memcpy(recovery->last_name, entry.name, entry.name_size);
		recovery->last_name_size = entry.name_size;
	}
	return FAULT_NONE;
}

/* Moves the writer behind a listing block. */
static enum fault absorb_listing(struct recovery *recovery, const struct frame *frame,
				 struct err *err)
{
	struct manifest_writer *writer = recovery->writer;
	struct pack_in in = { .data = recovery->payload, .size = frame->size };
	struct manifest_head head;
	enum fault fault = manifest_head_get(&in, frame, &head, err);
	if (fault != FAULT_NONE)
		goto out;
	const char *flaw = order_flaw(writer, &head);
	if (flaw) {
		fault = err_set(err, FAULT_CORRUPT, "the block at offset %" PRIu64 ": %s",
				frame->offset, flaw);
		goto out;
	}
	fault = absorb_entries(recovery, &in, &head, err);
	if (fault != FAULT_NONE)
		goto out;
	if (head.name_size > 0)
		memcpy(writer->name, head.name, head.name_size);
	writer->head = head;
	writer->head.name = writer->name;
	writer->inside = !head.last;
	writer->end = frame->next;
	writer->hash = manifest_hash_next(writer->hash, frame->hash);
out:
	pack_in_fini(&in);
	return fault;
}

/* A trailer counts only when its totals are those of the blocks in front of it. */
static enum fault check_trailer(struct recovery *recovery, const struct frame *frame,
				struct err *err)
{
	const struct manifest_writer *writer = recovery->writer;
	struct manifest_totals totals = { 0 };
	uint64_t hash = 0;
	enum fault fault =
		manifest_trailer_get(recovery->payload, frame->size, &totals, &hash, err);
	if (fault != FAULT_NONE)
		return fault;
	/* All members are 64 bits wide: there is no padding to differ. */
	if (writer->inside || hash != writer->hash ||
	    memcmp(&totals, &writer->totals, sizeof totals) != 0)
		return err_set(err, FAULT_CORRUPT,
			       "the manifest's trailer does not agree with what precedes it");
	recovery->trailer = true;
	recovery->behind = frame->next;
	return FAULT_NONE;
}

/*
 * Checks block after block until the file ends, a block is bad, or the trailer is there.  Stores in
 * `end` why it stopped: NOT_FOUND (end of file), CORRUPT (a block that was not written to its
 * end), NONE (the trailer).  A block that is whole and means nothing was not torn by a crash: that
 * is the fault returned.
 */
static enum fault scan(struct recovery *recovery, enum fault *end, struct err *err)
{
	struct manifest_writer *writer = recovery->writer;
	enum fault fault = FAULT_NONE;
	while (fault == FAULT_NONE && !recovery->trailer) {
		struct frame frame;
		fault = frame_read(writer->fd, writer->seed, writer->end, &frame, recovery->payload,
				   err);
		if (fault == FAULT_NOT_FOUND || fault == FAULT_CORRUPT) {
			*end = fault;
			return FAULT_NONE;
		}
		if (fault != FAULT_NONE)
			return fault;
		if (frame.type == MANIFEST_LISTING)
			fault = absorb_listing(recovery, &frame, err);
		else if (frame.type == MANIFEST_TRAILER)
			fault = check_trailer(recovery, &frame, err);
		else
			fault = err_set(err, FAULT_CORRUPT,
					"the block at offset %" PRIu64 " is of an unknown type",
					frame.offset);
	}
	*end = fault;
	return fault;
}

/* ---- opening ---- */

/* Opens the manifest, for reading only where no more is allowed. */
static enum fault open_file(struct recovery *recovery, const char *path, struct err *err)
{
	struct manifest_writer *writer = recovery->writer;
	writer->fd = open(path, O_RDWR | O_CLOEXEC);
	if (writer->fd < 0 && (errno == EACCES || errno == EROFS)) {
		/* A complete plan may be carried out by somebody who must not change it. */
		recovery->read_only = errno;
		writer->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	}
	if (writer->fd < 0)
		return err_os(err, errno == ENOENT ? FAULT_NOT_FOUND : FAULT_IO, errno,
			      "cannot open the manifest '%.120s'", path);
	struct stat status;
	if (fstat(writer->fd, &status) != 0)
		return err_os(err, FAULT_IO, errno, "cannot examine the manifest");
	recovery->size = (uint64_t)status.st_size;
	unsigned char *header;
	enum fault fault = manifest_start_read(writer->fd, &recovery->start, &header, err);
	if (fault != FAULT_NONE)
		return fault;
	free(header);
	writer->seed = recovery->start.seed;
	writer->end = recovery->start.first;
	writer->hash = recovery->start.hash;
	writer->totals.next_id = 1;
	return FAULT_NONE;
}

/* The mark says complete: everything must be there, and nothing behind it. */
static enum fault check_complete(const struct recovery *recovery, enum fault end, struct err *err)
{
	const struct manifest_writer *writer = recovery->writer;
	if (end == FAULT_NOT_FOUND)
		return err_set(err, FAULT_CORRUPT,
			       "the plan was complete, and the manifest ends at offset %" PRIu64,
			       writer->end);
	if (end != FAULT_NONE) {
		err_wrap(err, "the plan was complete, and the manifest is damaged");
		return end;
	}
	if (writer->end != recovery->start.trailer || recovery->behind != recovery->size)
		return err_set(err, FAULT_CORRUPT,
			       "the manifest's trailer is not at its end or not where it was");
	return FAULT_NONE;
}

/* Drops what lies behind the last good block, and makes what is there durable. */
static enum fault cut(struct recovery *recovery, struct err *err)
{
	struct manifest_writer *writer = recovery->writer;
	if (recovery->read_only != 0)
		return err_os(err, FAULT_IO, recovery->read_only,
			      "cannot write to the unfinished manifest");
	if (recovery->size > writer->end && ftruncate(writer->fd, (off_t)writer->end) != 0)
		return err_os(err, FAULT_IO, errno, "cannot cut the manifest");
	/* The dead writer's blocks may be in memory only, so this is needed without a cut too. */
	enum fault fault = file_sync(writer->fd, err);
	if (fault == FAULT_NONE)
		writer->durable = writer->end;
	return fault;
}

/* Says how far the manifest is good. */
static void fill_resume(const struct recovery *recovery, struct manifest_resume *resume)
{
	const struct manifest_writer *writer = recovery->writer;
	memset(resume, 0, sizeof *resume);
	resume->complete = recovery->start.trailer != 0;
	resume->cut = resume->complete ? 0 : recovery->size - writer->end;
	resume->totals = writer->totals;
	resume->inside = writer->inside;
	resume->listing.value = writer->head.listing;
	resume->last_name_size = recovery->last_name_size;
	memcpy(resume->last_name, recovery->last_name, recovery->last_name_size);
}

enum fault manifest_recover(const char *path, struct manifest_resume *resume,
			    struct manifest_writer **writer, struct err *err)
{
	enum fault fault = FAULT_NONE, end = FAULT_NONE;
	struct err detail = { 0 };
	struct recovery *recovery = calloc(1, sizeof *recovery);
	struct manifest_writer *made = calloc(1, sizeof *made);
	if (!recovery || !made) {
		fault = err_set(&detail, FAULT_NOMEM, "no memory to read the manifest");
		goto out;
	}
	made->fd = -1;
	recovery->writer = made;
	fault = open_file(recovery, path, &detail);
	if (fault == FAULT_NONE)
		fault = scan(recovery, &end, &detail);
	if (fault != FAULT_NONE)
		goto out;
	if (recovery->start.trailer != 0) {
		fault = check_complete(recovery, end, &detail);
		/* The mark may be in memory only; a reader without the right to write does no
		 * harm by leaving it so. */
		if (fault == FAULT_NONE && recovery->read_only == 0)
			fault = file_sync(made->fd, &detail);
	} else {
		fault = cut(recovery, &detail);
	}
	if (fault != FAULT_NONE)
		goto out;
	if (made->inside) {
		made->head.first = false;
		manifest_writer_rewind(made);
	}
	fill_resume(recovery, resume);
	*writer = NULL;
	if (recovery->start.trailer == 0) {
		*writer = made;
		made = NULL;
	}
out:
	if (fault != FAULT_NONE && err)
		*err = detail;
	free(recovery);
	manifest_writer_close(made);
	return fault;
}
