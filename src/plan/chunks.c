#include "plan/chunks.h"

#include "base/secret.h"
#include "queue/retry.h"
#include "tahoe/chunked.h"

enum { CHUNKS_MAX = 1 << 16 /* that a file is ever divided into */ };

void found_chunks_fini(struct found_chunks *found)
{
	if (found->chunk)
		secret_wipe(found->chunk, found->count * sizeof *found->chunk);
	free(found->chunk);
	*found = (struct found_chunks){ 0 };
}

/* Whether the child can be chunk `number` of `count`, of `size` bytes. */
static bool is_chunk(const struct remote *remote, size_t number, size_t count, uint64_t size)
{
	const struct remote_child *child = remote_child(remote, number);
	char name[CHUNK_NAME_SIZE];
	const size_t name_size = chunk_name(number, count, name);
	return child->kind == STORE_FILE &&
	       (child->cap_kind == CAP_CHK || child->cap_kind == CAP_LIT) && child->bytes == size &&
	       child->name_size == name_size &&
	       memcmp(remote_name(remote, child), name, name_size) == 0;
}

/* Returns the size of the chunks, where the directory turned to is a file of `bytes` bytes; or 0.
 */
static uint64_t chunk_size_of(const struct remote *remote, uint64_t bytes)
{
	const size_t count = remote_count(remote);
	if (count < 2 || count > CHUNKS_MAX)
		return 0;
	const uint64_t size = remote_child(remote, 0)->bytes;
	if (size == 0 || size > bytes || (bytes - 1) / size + 1 != count)
		return 0;
	for (size_t i = 0; i < count; i++)
		if (!is_chunk(remote, i, count, min_u64(size, bytes - i * size)))
			return 0;
	return size;
}

static struct outcome chunk_of(const struct remote_child *child)
{
	struct outcome chunk = { .state = OUTCOME_PLANNED,
				 .cap_kind = child->cap_kind,
				 .cap_size = child->cap_size };
	memcpy(chunk.cap, child->cap, sizeof child->cap);
	return chunk;
}

enum fault chunks_find(struct remote *remote, const struct cap *cap, uint64_t bytes,
		       struct found_chunks *found, struct err *err)
{
	*found = (struct found_chunks){ 0 };
	if (remote_open(remote, cap, err)) {
		const enum fate fate = fate_of(err);
		return fate == FATE_FAILED || fate == FATE_AGAIN ? FAULT_NONE : err->fault;
	}
	const uint64_t size = chunk_size_of(remote, bytes);
	if (size == 0) {
		remote_note_lie(remote);
		return FAULT_NONE;
	}
	found->count = remote_count(remote);
	found->chunk = calloc(found->count, sizeof *found->chunk);
	if (!found->chunk)
		return err_set(err, FAULT_NOMEM, "no memory for the chunks of a file");
	for (size_t i = 0; i < found->count; i++)
		found->chunk[i] = chunk_of(remote_child(remote, i));
	found->size = size;
	return FAULT_NONE;
}
