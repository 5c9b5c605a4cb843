#include "verify/likeness.h"

#include "queue/core/file_io.h"
#include "verify/proof.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_SIZE = 256 * 1024 /* bytes read at once */ };

static enum fault find_literal(const struct likeness *likeness, bool *alike, struct err *err)
{
	unsigned char data[CAP_LITERAL_MAX];
	size_t size = (size_t)likeness->size;
	if (likeness->read(likeness->context, 0, data, size, err))
		return err->fault;
	*alike = memcmp(data, likeness->cap->content, size) == 0;
	return FAULT_NONE;
}

static enum fault hash_pieces(const struct likeness *likeness, unsigned char *data,
			      struct proof *proof, struct err *err)
{
	for (uint64_t at = 0; at < likeness->size;) {
		size_t size = (size_t)min_u64(likeness->size - at, PIECE_SIZE);
		if (likeness->cancel &&
		    atomic_load_explicit(likeness->cancel, memory_order_acquire))
			return err_set(err, FAULT_CANCELLED, "asked to stop");
		if (likeness->read(likeness->context, at, data, size, err) ||
		    proof_update(proof, data, size, err))
			return err->fault;
		at += size;
	}
	return FAULT_NONE;
}

/* Runs the bytes through the key of the cap and compares it. */
static enum fault find_keyed(const struct likeness *likeness, bool *alike, struct err *err)
{
	struct proof proof = { 0 };
	unsigned char *data = malloc(PIECE_SIZE);
	enum fault fault = FAULT_NONE;
	if (!data)
		return err_set(err, FAULT_NOMEM, "no memory for comparing");
	if (proof_start(&proof, likeness->cap, likeness->secret, err) ||
	    hash_pieces(likeness, data, &proof, err) ||
	    proof_end(&proof, likeness->cap, alike, err))
		fault = err->fault;
	proof_fini(&proof);
	free(data);
	return fault;
}

enum fault likeness_find(const struct likeness *likeness, bool *alike, struct err *err)
{
	const struct cap *cap = likeness->cap;
	*alike = false;
	if (cap->kind == CAP_LIT && cap->size == likeness->size)
		return find_literal(likeness, alike, err);
	if (cap->kind == CAP_CHK && cap->size == likeness->size && likeness->secret)
		return find_keyed(likeness, alike, err);
	return FAULT_NONE;
}

static enum fault read_file(void *context, uint64_t offset, unsigned char *data, size_t size,
			    struct err *err)
{
	const int *fd = context;
	return file_read_at(*fd, offset, data, size, err);
}

bool likeness_is_at(const struct likeness *likeness, int at, const char *name)
{
	bool alike = false;
	struct stat st;
	struct err err;
	int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return false;
	struct likeness file = *likeness;
	file.read = read_file;
	file.context = &fd;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		file.size = (uint64_t)st.st_size;
		if (likeness_find(&file, &alike, &err))
			alike = false;
	}
	close(fd);
	return alike;
}
