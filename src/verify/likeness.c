#include "verify/likeness.h"

#include "queue/core/file_io.h"
#include "verify/proof.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_SIZE = 256 * 1024 /* bytes read at once */ };

/* The bytes that are compared with one cap: all, or those of a chunk. */
struct likeness_part {
	const struct likeness *of;
	const struct cap *cap;
	uint64_t offset, size;
};

static enum fault find_literal(const struct likeness_part *part, bool *alike, struct err *err)
{
	unsigned char data[CAP_LITERAL_MAX];
	size_t size = (size_t)part->size;
	if (part->of->read(part->of->context, part->offset, data, size, err))
		return err->fault;
	*alike = memcmp(data, part->cap->content, size) == 0;
	return FAULT_NONE;
}

static enum fault hash_pieces(const struct likeness_part *part, unsigned char *data,
			      struct proof *proof, struct err *err)
{
	const struct likeness *likeness = part->of;
	for (uint64_t at = 0; at < part->size;) {
		size_t size = (size_t)min_u64(part->size - at, PIECE_SIZE);
		if (likeness->cancel &&
		    atomic_load_explicit(likeness->cancel, memory_order_acquire))
			return err_set(err, FAULT_CANCELLED, "asked to stop");
		if (likeness->read(likeness->context, part->offset + at, data, size, err) ||
		    proof_update(proof, data, size, err))
			return err->fault;
		at += size;
	}
	return FAULT_NONE;
}

/* Runs the bytes through the hash that was noted, else through the key of the cap, and compares
 * it. */
static enum fault find_hashed(const struct likeness_part *part, bool *alike, struct err *err)
{
	const unsigned char *content = part->of->content;
	struct proof proof = { 0 };
	unsigned char *data = malloc(PIECE_SIZE);
	enum fault fault = FAULT_NONE;
	if (!data)
		return err_set(err, FAULT_NOMEM, "no memory for comparing");
	if (proof_start(&proof, part->cap, content ? NULL : part->of->secret, err) ||
	    hash_pieces(part, data, &proof, err) || proof_end(&proof, part->cap, alike, err))
		fault = err->fault;
	else if (content)
		*alike = proof_has(&proof, content);
	proof_fini(&proof);
	free(data);
	return fault;
}

static enum fault find_part(const struct likeness_part *part, bool *alike, struct err *err)
{
	const struct cap *cap = part->cap;
	*alike = false;
	if ((cap->kind != CAP_LIT && cap->kind != CAP_CHK) || cap->size != part->size)
		return FAULT_NONE;
	if (part->of->content || (cap->kind == CAP_CHK && part->of->secret))
		return find_hashed(part, alike, err);
	return cap->kind == CAP_LIT ? find_literal(part, alike, err) : FAULT_NONE;
}

/* Compares chunk by chunk, up to the first that is not alike. */
static enum fault find_chunks(const struct likeness *likeness, bool *alike, struct err *err)
{
	const struct chunked *chunked = likeness->chunked;
	enum fault fault = FAULT_NONE;
	*alike = chunked->bytes == likeness->size;
	for (size_t i = 0; i < chunked->count && *alike && !fault; i++) {
		const struct likeness_part part = {
			.of = likeness,
			.cap = &chunked->cap[i],
			.offset = i * chunked->chunk_size,
			.size = chunked_size_of(chunked, i),
		};
		fault = find_part(&part, alike, err);
	}
	return fault;
}

enum fault likeness_find(const struct likeness *likeness, bool *alike, struct err *err)
{
	const struct likeness_part whole = { .of = likeness,
					     .cap = likeness->cap,
					     .size = likeness->size };
	return likeness->chunked ? find_chunks(likeness, alike, err)
				 : find_part(&whole, alike, err);
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
