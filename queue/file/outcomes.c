#include "queue/file/outcomes.h"

#include "queue/core/thread.h"
#include "queue/file/frame.h"
#include "queue/file/outcomes_format.h"

#include <assert.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_SLOTS = 256 }; /* 32 KiB on the stack, so a block of the manifest takes few reads */

struct outcomes_file {
	struct outcomes outcomes;
	int fd;
	uint64_t seed;
	struct outcomes_header header;
	struct mutex writing;      /* held while a slot changes in the file */
	struct mutex lock;         /* of `broken`; never held together with `writing` */
	struct err broken GUARDED; /* the first sync that failed; fault NONE while all is well */
};

/* ---- slots ---- */

static uint64_t slot_offset(uint64_t id) { return OUTCOMES_HEADER_SIZE + id * OUTCOMES_SLOT_SIZE; }

static bool id_fits(uint64_t id)
{
	return id < (INT64_MAX - OUTCOMES_HEADER_SIZE) / OUTCOMES_SLOT_SIZE - 1;
}

static enum fault broken(struct outcomes_file *file, struct err *err)
{
	mutex_lock(&file->lock);
	struct err first = file->broken;
	mutex_unlock(&file->lock);
	if (first.fault != FAULT_NONE && err)
		*err = first;
	return first.fault;
}

/* Returns how many slots from the first on lie side by side, at most OUTCOMES_BATCH. */
static size_t run_length(const struct outcome *outcome, size_t count)
{
	size_t length = 1;
	while (length < count && length < OUTCOMES_BATCH &&
	       outcome[length].id == outcome[0].id + length)
		length++;
	return length;
}

/* Writes slots that lie side by side. */
static enum fault write_run(struct outcomes_file *file, const struct outcome *outcome,
			    size_t length, struct err *err)
{
	unsigned char slots[OUTCOMES_BATCH * OUTCOMES_SLOT_SIZE];
	const size_t size = length * OUTCOMES_SLOT_SIZE;
	for (size_t i = 0; i < length; i++)
		outcomes_slot_encode(&outcome[i], file->seed, slots + i * OUTCOMES_SLOT_SIZE);
	/* I/O under a lock, on purpose: the file system does not promise that a reader sees 128
	 * bytes all old or all new, and read_again counts on this lock for it. */
	mutex_lock(&file->writing);
	enum fault fault = file_write_at(file->fd, slot_offset(outcome[0].id), slots, size, err);
	mutex_unlock(&file->writing);
	explicit_bzero(slots, size);
	return fault;
}

static enum fault write_slots(struct outcomes *outcomes, const struct outcome *outcome,
			      size_t count, struct err *err)
{
	struct outcomes_file *file = (struct outcomes_file *)outcomes;
	for (size_t i = 0; i < count; i++)
		if (!id_fits(outcome[i].id))
			return err_set(err, FAULT_FULL,
				       "task number too large for the outcomes file");
	enum fault fault = broken(file, err);
	for (size_t done = 0, length; done < count && fault == FAULT_NONE; done += length) {
		length = run_length(outcome + done, count - done);
		fault = write_run(file, outcome + done, length, err);
	}
	return fault;
}

/* Reads `size` bytes; what lies behind the end of the file reads as zeros. */
static enum fault read_zeroed(int fd, uint64_t offset, unsigned char *at, size_t size,
			      struct err *err)
{
	size_t got = 0;
	if (file_read_up_to(fd, offset, at, size, &got, err) != FAULT_NONE)
		return err_wrap(err, "the outcomes");
	memset(at + got, 0, size - got);
	return FAULT_NONE;
}

/* A slot that did not check may have been read while it was being written. */
static enum fault read_again(struct outcomes_file *file, struct outcome *outcome, struct err *err)
{
	unsigned char slot[OUTCOMES_SLOT_SIZE];
	uint64_t id = outcome->id;
	mutex_lock(&file->writing);
	enum fault fault = read_zeroed(file->fd, slot_offset(id), slot, sizeof slot, err);
	mutex_unlock(&file->writing);
	if (fault == FAULT_NONE)
		outcomes_slot_decode(slot, id, file->seed, outcome);
	explicit_bzero(slot, sizeof slot);
	return fault;
}

/* Reads slots without a lock.  One that looks damaged may have been read while it was written, so
 * it is read again under the writer's lock before that is believed. */
static enum fault read_some(struct outcomes_file *file, uint64_t first, size_t count,
			    struct outcome *outcome, struct err *err)
{
	unsigned char slots[READ_SLOTS * OUTCOMES_SLOT_SIZE];
	size_t size = count * OUTCOMES_SLOT_SIZE;
	enum fault fault = read_zeroed(file->fd, slot_offset(first), slots, size, err);
	for (size_t i = 0; i < count && fault == FAULT_NONE; i++) {
		outcomes_slot_decode(slots + i * OUTCOMES_SLOT_SIZE, first + i, file->seed,
				     &outcome[i]);
		if (outcome[i].state == OUTCOME_DAMAGED)
			fault = read_again(file, &outcome[i], err);
	}
	explicit_bzero(slots, size);
	return fault;
}

static enum fault read_slots(struct outcomes *outcomes, uint64_t first, size_t count,
			     struct outcome *outcome, struct err *err)
{
	struct outcomes_file *file = (struct outcomes_file *)outcomes;
	enum fault fault = FAULT_NONE;
	if (!id_fits(first) || !id_fits(first + count))
		return err_set(err, FAULT_IO, "task number too large for the outcomes file");
	for (size_t done = 0; done < count && fault == FAULT_NONE; done += READ_SLOTS) {
		size_t some = (size_t)min_u64(count - done, READ_SLOTS);
		fault = read_some(file, first + done, some, outcome + done, err);
	}
	return fault;
}

static enum fault sync_slots(struct outcomes *outcomes, struct err *err)
{
	struct outcomes_file *file = (struct outcomes_file *)outcomes;
	enum fault fault = broken(file, err);
	if (fault != FAULT_NONE)
		return fault;
	struct err failure;
	fault = file_sync(file->fd, &failure);
	if (fault == FAULT_NONE)
		return FAULT_NONE;
	mutex_lock(&file->lock);
	file->broken = failure;
	mutex_unlock(&file->lock);
	if (err)
		*err = failure;
	return fault;
}

/* Returns how many of the `count` slots remain when those of zeros at the end are left off. */
static size_t trim(const unsigned char *slots, size_t count)
{
	size_t size = count * OUTCOMES_SLOT_SIZE;
	while (size > 0 && slots[size - 1] == 0)
		size--;
	return (size + OUTCOMES_SLOT_SIZE - 1) / OUTCOMES_SLOT_SIZE;
}

static enum fault find_end(struct outcomes *outcomes, uint64_t *end, struct err *err)
{
	struct outcomes_file *file = (struct outcomes_file *)outcomes;
	unsigned char slots[READ_SLOTS * OUTCOMES_SLOT_SIZE];
	struct stat stat;
	enum fault fault = FAULT_NONE;
	if (fstat(file->fd, &stat) != 0)
		return err_os(err, FAULT_IO, errno, "cannot look at the outcomes file");
	uint64_t size = max_u64((uint64_t)stat.st_size, OUTCOMES_HEADER_SIZE);
	uint64_t above =
		(size - OUTCOMES_HEADER_SIZE + OUTCOMES_SLOT_SIZE - 1) / OUTCOMES_SLOT_SIZE;
	while (above > 0) {
		size_t count = (size_t)min_u64(above, READ_SLOTS);
		fault = read_zeroed(file->fd, slot_offset(above - count), slots,
				    count * OUTCOMES_SLOT_SIZE, err);
		size_t left = fault == FAULT_NONE ? trim(slots, count) : 0;
		above = above - count + left;
		if (fault != FAULT_NONE || left > 0)
			break;
	}
	explicit_bzero(slots, sizeof slots);
	if (fault == FAULT_NONE)
		*end = above;
	return fault;
}

static void close_file(struct outcomes *outcomes)
{
	struct outcomes_file *file = (struct outcomes_file *)outcomes;
	close(file->fd); /* everything that counts was synced, so its result tells nothing */
	mutex_fini(&file->lock);
	mutex_fini(&file->writing);
	explicit_bzero(file, sizeof *file);
	free(file);
}

static const struct outcomes_backend backend = {
	.write = write_slots,
	.read = read_slots,
	.sync = sync_slots,
	.end = find_end,
	.close = close_file,
};

/* ---- creating ---- */

static struct outcomes_file *file_new(int fd, const struct outcomes_header *header)
{
	struct outcomes_file *file = calloc(1, sizeof *file);
	if (!file)
		return NULL;
	file->outcomes.backend = &backend;
	file->fd = fd;
	file->seed = frame_seed(header->job_id);
	file->header = *header;
	mutex_init(&file->writing);
	mutex_init(&file->lock);
	return file;
}

const unsigned char *outcomes_job_id(const struct outcomes *outcomes)
{
	return ((const struct outcomes_file *)outcomes)->header.job_id;
}

const void *outcomes_binding(const struct outcomes *outcomes, size_t *size)
{
	const struct outcomes_file *file = (const struct outcomes_file *)outcomes;
	*size = file->header.binding_size;
	return file->header.binding;
}

static enum fault write_header(int fd, const struct outcomes_header *header, struct err *err)
{
	unsigned char bytes[OUTCOMES_HEADER_SIZE];
	for (unsigned i = 0; i < 2; i++)
		outcomes_header_encode(header, i, bytes + i * OUTCOMES_COPY_SIZE);
	enum fault fault = file_write_at(fd, 0, bytes, sizeof bytes, err);
	return fault ? fault : file_sync(fd, err);
}

/* Gives the finished file its name, which must not be taken; a half-written one never has it. */
static enum fault publish(const char *fresh, const char *path, struct err *err)
{
	if (file_rename_new(AT_FDCWD, fresh, path) != 0)
		return err_os(err, errno == EEXIST ? FAULT_EXISTS : FAULT_IO, errno,
			      "cannot create the outcomes file");
	return file_sync_parent(path, err);
}

/* The file appears under its name only once its header is durable. */
static enum fault create_file(const char *path, const struct outcomes_header *header, int *fd,
			      struct err *err)
{
	enum fault fault;
	char *fresh = NULL;
	*fd = -1;
	if (asprintf(&fresh, "%s.new", path) < 0)
		return err_set(err, FAULT_NOMEM, "out of memory");
	*fd = open(fresh, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*fd < 0)
		fault = err_os(err, FAULT_IO, errno, "cannot create the outcomes file");
	else if ((fault = write_header(*fd, header, err)) == FAULT_NONE)
		fault = publish(fresh, path, err);
	if (fault != FAULT_NONE && *fd >= 0)
		unlink(fresh);
	free(fresh);
	return fault;
}

enum fault outcomes_create(const char *path, const unsigned char job_id[16], const void *binding,
			   size_t binding_size, struct outcomes **outcomes, struct err *err)
{
	if (binding_size > OUTCOME_BINDING_MAX)
		return err_set(err, FAULT_TOO_LARGE, "the binding of the outcomes is too long");
	struct outcomes_header header = { .version = OUTCOMES_VERSION,
					  .binding_size = (uint32_t)binding_size };
	memcpy(header.job_id, job_id, sizeof header.job_id);
	if (binding_size > 0)
		memcpy(header.binding, binding, binding_size);
	int fd;
	struct outcomes_file *made = NULL;
	enum fault fault = create_file(path, &header, &fd, err);
	if (fault == FAULT_NONE && !(made = file_new(fd, &header)))
		fault = err_set(err, FAULT_NOMEM, "out of memory");
	if (fault == FAULT_NONE)
		*outcomes = &made->outcomes;
	else if (fd >= 0)
		close(fd);
	explicit_bzero(&header, sizeof header);
	return fault;
}

/* ---- opening ---- */

struct opening {
	int fd;
	enum outcomes_copy state[2]; /* of the copies of the header */
	struct outcomes_header header;
};

/* Decides what two copies say together.  Stores the one that counts in `header`. */
static enum fault judge_header(const enum outcomes_copy *state, const struct outcomes_header *copy,
			       struct outcomes_header *header, struct err *err)
{
	bool newer[2], good[2];
	for (int i = 0; i < 2; i++) {
		newer[i] = state[i] == OUTCOMES_COPY_NEWER;
		good[i] = state[i] == OUTCOMES_COPY_GOOD;
	}
	if (newer[0] && newer[1])
		return err_set(err, FAULT_CORRUPT,
			       "the outcomes file has version %u and this program knows %d",
			       (unsigned)copy[0].version, OUTCOMES_VERSION);
	if (!good[0] && !good[1])
		return err_set(err, FAULT_CORRUPT,
			       "both copies of the header of the outcomes file are damaged");
	if (good[0] && good[1] && memcmp(&copy[0], &copy[1], sizeof copy[0]) != 0)
		return err_set(err, FAULT_CORRUPT,
			       "the two header copies of the outcomes file contradict each other");
	*header = good[0] ? copy[0] : copy[1];
	return FAULT_NONE;
}

/* Writes the copy of the header that is not good anew, from the one that is, which stays whatever
 * becomes of it: so nothing is synced. */
static enum fault repair(const struct opening *opening, unsigned *repaired, struct err *err)
{
	const enum outcomes_copy *state = opening->state;
	if (state[0] == OUTCOMES_COPY_GOOD && state[1] == OUTCOMES_COPY_GOOD)
		return FAULT_NONE;
	unsigned bad = state[0] == OUTCOMES_COPY_GOOD ? 1 : 0;
	unsigned char bytes[OUTCOMES_COPY_SIZE];
	outcomes_header_encode(&opening->header, bad, bytes);
	enum fault fault = file_write_at(opening->fd, (uint64_t)bad * OUTCOMES_COPY_SIZE, bytes,
					 sizeof bytes, err);
	if (fault == FAULT_NONE && repaired)
		++*repaired;
	return fault;
}

/* Decides by both copies, and looks whether the file is of job `job_id`, or of any (NULL). */
static enum fault read_header(struct opening *opening, const unsigned char *job_id, struct err *err)
{
	unsigned char bytes[OUTCOMES_HEADER_SIZE];
	struct outcomes_header copy[2];
	enum outcomes_copy *state = opening->state;
	enum fault fault = file_read_at(opening->fd, 0, bytes, sizeof bytes, err);
	for (unsigned i = 0; i < 2 && fault == FAULT_NONE; i++)
		state[i] =
			outcomes_header_decode(bytes + (size_t)i * OUTCOMES_COPY_SIZE, i, &copy[i]);
	bool none = fault || (state[0] == OUTCOMES_COPY_BAD && state[1] == OUTCOMES_COPY_BAD);
	if (none && !job_id)
		return err_set(err, FAULT_USAGE, "it is no outcomes file");
	if (fault == FAULT_NONE)
		fault = judge_header(state, copy, &opening->header, err);
	if (fault == FAULT_NONE && job_id &&
	    memcmp(opening->header.job_id, job_id, sizeof opening->header.job_id) != 0)
		fault = err_set(err, FAULT_CORRUPT, "the outcomes file belongs to another job");
	return fault;
}

/*
 * What a killed run wrote and did not sync is made durable before it is believed.  Pages whose
 * write-back once failed are clean and wrong in the cache: they are dropped, so that what is read
 * is what the disk has.
 */
static enum fault settle_cache(int fd, struct err *err)
{
	enum fault fault = file_sync(fd, err);
	if (!fault)
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return fault;
}

static enum fault opening_begin(const char *path, int flags, struct opening *opening,
				struct err *err)
{
	*opening = (struct opening){ .fd = open(path, flags | O_NOFOLLOW | O_CLOEXEC) };
	return opening->fd >= 0 ? FAULT_NONE
				: err_os(err, errno == ENOENT ? FAULT_NOT_FOUND : FAULT_IO, errno,
					 "cannot open the outcomes file");
}

/* Makes outcomes of the file, or gives it up after `fault`. */
static enum fault opening_end(struct opening *opening, enum fault fault, struct outcomes **outcomes,
			      struct err *err)
{
	struct outcomes_file *opened = fault ? NULL : file_new(opening->fd, &opening->header);
	if (!fault && !opened)
		fault = err_set(err, FAULT_NOMEM, "out of memory");
	if (fault)
		close(opening->fd);
	else
		*outcomes = &opened->outcomes;
	explicit_bzero(opening, sizeof *opening);
	return fault;
}

enum fault outcomes_open(const char *path, const unsigned char job_id[16],
			 struct outcomes **outcomes, unsigned *repaired, struct err *err)
{
	struct opening opening;
	enum fault fault = opening_begin(path, O_RDWR, &opening, err);
	if (fault)
		return fault;
	fault = settle_cache(opening.fd, err);
	if (!fault)
		fault = read_header(&opening, job_id, err);
	if (!fault)
		fault = repair(&opening, repaired, err);
	return opening_end(&opening, fault, outcomes, err);
}

enum fault outcomes_look(const char *path, const unsigned char *job_id, struct outcomes **outcomes,
			 struct err *err)
{
	struct opening opening;
	enum fault fault = opening_begin(path, O_RDONLY | O_NONBLOCK, &opening, err);
	return fault ? fault
		     : opening_end(&opening, read_header(&opening, job_id, err), outcomes, err);
}
