#include "base/spool.h"

#include "queue/core/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

void spool_init(struct spool *spool, const char *directory, size_t memory_max)
{
	*spool = (struct spool){ .directory = directory, .fd = -1 };
	bytes_init(&spool->memory, memory_max);
}

void spool_adopt(struct spool *spool, int fd, uint64_t size)
{
	spool_init(spool, NULL, 0);
	spool->fd = fd;
	spool->size = size;
}

void spool_adopt_part(struct spool *spool, int fd, uint64_t offset, uint64_t size)
{
	spool_adopt(spool, fd, size);
	spool->base = offset;
}

void spool_borrow(struct spool *spool, const void *data, size_t size)
{
	spool_init(spool, NULL, 0);
	spool->borrowed = data;
	spool->size = size;
}

void spool_fini(struct spool *spool)
{
	if (spool->view)
		munmap(spool->view, spool->base + spool->size);
	if (spool->fd >= 0)
		close(spool->fd);
	bytes_fini(&spool->memory);
	spool->view = NULL;
	spool->fd = -1;
	spool->size = 0;
}

void spool_clear(struct spool *spool)
{
	spool_fini(spool);
	spool->borrowed = NULL;
}

enum fault spool_cut(struct spool *spool, uint64_t size, struct err *err)
{
	if (size >= spool->size)
		return FAULT_NONE;
	if (spool->fd >= 0 && ftruncate(spool->fd, (off_t)size) != 0)
		return err_os(err, FAULT_IO, errno, "cannot shorten a body");
	if (spool->fd < 0)
		spool->memory.size = (size_t)size;
	spool->size = size;
	return FAULT_NONE;
}

void spool_expect(struct spool *spool, uint64_t size)
{
	if (size > 0 && size <= spool->memory.max && bytes_reserve(&spool->memory, size))
		return; /* appending will say so */
}

/* Moves what memory holds into a file without a name. */
static enum fault spool_spill(struct spool *spool, struct err *err)
{
	if (file_open_unnamed(spool->directory, &spool->fd, err))
		return err->fault;
	enum fault fault = file_write_at(spool->fd, 0, spool->memory.data, spool->memory.size, err);
	bytes_fini(&spool->memory);
	return fault;
}

enum fault spool_append(struct spool *spool, const void *data, size_t size, struct err *err)
{
	enum fault fault = FAULT_NONE;
	if (spool->fd < 0 && size <= spool->memory.max - spool->memory.size)
		fault = bytes_err(bytes_append(&spool->memory, data, size), err, "a body");
	else if (spool->fd < 0)
		fault = spool_spill(spool, err);
	if (!fault && spool->fd >= 0)
		fault = file_write_at(spool->fd, spool->size, data, size, err);
	if (!fault)
		spool->size += size;
	return fault;
}

enum fault spool_read(const struct spool *spool, uint64_t offset, void *buffer,
		      struct spool_piece *piece, struct err *err)
{
	const uint64_t left = offset < spool->size ? spool->size - offset : 0;
	const size_t size = (size_t)min_u64(piece->size, left);
	const unsigned char *memory = spool->borrowed ? spool->borrowed : spool->memory.data;
	*piece = (struct spool_piece){ .data = buffer, .size = size };
	if (spool->fd >= 0)
		return file_read_at(spool->fd, spool->base + offset, buffer, size, err);
	piece->data = size > 0 ? memory + offset : buffer;
	return FAULT_NONE;
}

enum fault spool_view(struct spool *spool, const char **data, size_t *size, struct err *err)
{
	*size = (size_t)spool->size;
	if (spool->fd < 0) {
		*data = spool->borrowed ? spool->borrowed : bytes_text(&spool->memory);
		return FAULT_NONE;
	}
	/* From the file's first byte: only pages can be mapped. */
	const size_t mapped = (size_t)(spool->base + spool->size);
	void *view = mmap(NULL, mapped, PROT_READ, MAP_PRIVATE, spool->fd, 0);
	if (view == MAP_FAILED)
		return err_os(err, FAULT_NOMEM, errno, "map a body");
	spool->view = view;
	*data = (const char *)view + spool->base;
	return FAULT_NONE;
}
