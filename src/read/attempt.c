#include "read/attempt.h"

#include "base/secret.h"
#include "files/unchanged.h"
#include "measure/activity.h"
#include "queue/split.h"
#include "verify/likeness.h"

#include <unistd.h>

static void describe_copy(struct attempt *attempt)
{
	attempt->size = attempt->copy->size;
	attempt->meta = attempt->source.meta;
}

/* Finds what there is to decide by. */
static enum fault find_slots(struct attempt *attempt, const struct attempt_tools *tools,
			     struct err *err)
{
	const struct task *task = attempt->work->task;
	struct outcome source = { .state = OUTCOME_NONE };
	if (tools->existing && task->existing &&
	    outcomes_read(tools->existing, task->id, 1, &attempt->existing, err))
		return err->fault;
	if (tools->sources && outcomes_read(tools->sources, task->id, 1, &source, err))
		return err->fault;
	attempt->source = decide_source_of(task, &source);
	attempt->there = decide_there_on_grid(task->kind, &attempt->existing);
	secret_wipe(&source, sizeof source);
	return FAULT_NONE;
}

/* Narrows it to the bytes of the part that the work is, of the file that was divided. */
static enum fault narrow(struct attempt *attempt, struct err *err)
{
	const struct split_range range = split_range_of(attempt->work);
	unsigned char meta[OUTCOME_META_SIZE];
	meta_pack_outcome(&attempt->meta, meta);
	if (attempt->size != range.file_size || memcmp(meta, range.meta, sizeof meta) != 0)
		return err_set(err, FAULT_CHANGED, "changed while its chunks were sent");
	attempt->offset = range.offset;
	attempt->size = range.size;
	return FAULT_NONE;
}

enum fault attempt_open(struct attempt *attempt, const struct attempt_tools *tools,
			struct work *work, struct err *err)
{
	attempt->work = work;
	attempt->fd = -1;
	attempt->offset = 0;
	attempt->copy = NULL;
	attempt->existing = (struct outcome){ 0 };
	attempt->is_link = work->task->kind == MANIFEST_SYMLINK;
	if (find_slots(attempt, tools, err) ||
	    (!attempt->is_link && replica_make(tools->replica, work->task, &attempt->copy, err)))
		return err->fault;
	if (attempt->copy) {
		describe_copy(attempt);
		return FAULT_NONE;
	}
	activity_begin(ACTIVITY_READING);
	enum fault fault = attempt->is_link
				   ? source_tree_read_link(tools->tree, work->task, attempt->target,
							   &attempt->status, err)
				   : source_tree_open_file(tools->tree, work->task, &attempt->fd,
							   &attempt->status, err);
	activity_end(ACTIVITY_READING);
	if (fault)
		return err_sort(err, ERR_SOURCE);
	attempt->size = (uint64_t)attempt->status.st_size;
	attempt->meta = meta_from_stat(&attempt->status);
	return work->split ? narrow(attempt, err) : FAULT_NONE;
}

void attempt_close(struct attempt *attempt)
{
	if (attempt->fd >= 0)
		close(attempt->fd);
	attempt->fd = -1;
	secret_wipe(&attempt->existing, sizeof attempt->existing);
}

static enum fault read_copy(const struct spool *copy, uint64_t offset, unsigned char *data,
			    size_t size, struct err *err)
{
	struct spool_piece piece = { .size = size };
	if (spool_read(copy, offset, data, &piece, err))
		return err->fault;
	if (piece.size != size)
		return err_set(err, FAULT_IO, "its copy has become shorter");
	if (size > 0 && piece.data != data)
		memcpy(data, piece.data, size);
	return FAULT_NONE;
}

enum fault attempt_read(const struct attempt *attempt, uint64_t offset, unsigned char *data,
			size_t size, struct err *err)
{
	if (attempt->is_link) {
		memcpy(data, attempt->target + offset, size);
		return FAULT_NONE;
	}
	if (attempt->copy)
		return read_copy(attempt->copy, offset, data, size, err);
	activity_begin(ACTIVITY_READING);
	enum fault fault = unchanged_read(attempt->fd, attempt->offset + offset, data, size, err);
	activity_end(ACTIVITY_READING);
	return fault ? err_sort(err, ERR_SOURCE) : FAULT_NONE;
}

enum fault attempt_check(const struct attempt *attempt, struct err *err)
{
	if (attempt->copy || attempt->is_link)
		return FAULT_NONE;
	enum fault fault = unchanged_check(attempt->fd, &attempt->status, err);
	return fault ? err_sort(err, ERR_SOURCE) : FAULT_NONE;
}

enum fault attempt_pass(const struct attempt *attempt, const struct attempt_pass *pass,
			struct err *err)
{
	for (uint64_t offset = 0; offset < attempt->size; offset += BODY_PIECE_SIZE) {
		struct body_piece *piece = pass->room(pass->context);
		if (!piece)
			return err_set(err, FAULT_CANCELLED, "nobody wants the rest of it");
		if (atomic_load_explicit(pass->cancel, memory_order_acquire))
			return err_set(err, FAULT_CANCELLED, "stopped in the middle of it");
		piece->offset = offset;
		piece->size = (size_t)min_u64(attempt->size - offset, BODY_PIECE_SIZE);
		if (attempt_read(attempt, offset, piece->data, piece->size, err) ||
		    pass->take(pass->context, piece, err))
			return err->fault;
	}
	return attempt_check(attempt, err);
}

static enum fault read_compared(void *context, uint64_t offset, unsigned char *data, size_t size,
				struct err *err)
{
	return attempt_read(context, offset, data, size, err);
}

/* Finds the chunks of what has the name at the target, where it is a file in chunks that may be
 * alike. */
static enum fault find_chunks(const struct attempt *attempt, const struct cap *cap,
			      struct replica *replica, struct chunked *chunked, struct err *err)
{
	*chunked = (struct chunked){ 0 };
	if (cap->kind != CAP_DIR2_CHK || attempt->existing.length != attempt->size)
		return FAULT_NONE;
	return replica_chunks(replica, cap, attempt->size, chunked, err);
}

/* Stores whether the bytes are those of what has the name at the target. */
static enum fault attempt_compare(struct attempt *attempt, const struct attempt_means *means,
				  bool *alike, struct err *err)
{
	const struct outcome *slot = &attempt->existing;
	struct chunked chunked;
	struct cap cap;
	*alike = false;
	if (!cap_unpack(slot->cap, slot->cap_size, slot->cap_kind, &cap))
		return FAULT_NONE;
	enum fault fault = find_chunks(attempt, &cap, means->replica, &chunked, err);
	const struct likeness likeness = {
		.cap = &cap,
		.chunked = chunked.count > 0 ? &chunked : NULL,
		.secret = means->secret,
		.size = attempt->size,
		.read = read_compared,
		.context = attempt,
		.cancel = means->cancel,
	};
	if (!fault)
		fault = likeness_find(&likeness, alike, err);
	if (!fault && *alike)
		fault = attempt_check(attempt, err);
	chunked_fini(&chunked);
	cap_wipe(&cap);
	return fault;
}

enum fault attempt_decide(struct attempt *attempt, const struct decide_policy *policy,
			  const struct attempt_means *means, struct err *err)
{
	const struct decide_known nothing = { .state = OUTCOME_NONE };
	struct decide_there *there = &attempt->there;
	bool alike;
	attempt->decision = decide(policy, &attempt->source, there, &nothing);
	if (attempt->decision.action != DECIDE_COMPARE)
		return FAULT_NONE;
	if (attempt_compare(attempt, means, &alike, err))
		return err->fault;
	there->content = alike ? DECIDE_SAME : DECIDE_DIFFERENT;
	attempt->decision = decide(policy, &attempt->source, there, &nothing);
	return FAULT_NONE;
}
