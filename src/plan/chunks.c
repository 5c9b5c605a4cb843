#include "plan/chunks.h"

#include "calls/chunked_file.h"

enum fault chunks_find(struct remote *remote, const struct cap *cap, uint64_t bytes,
		       struct chunked *chunked, struct err *err)
{
	const struct tries tries = remote_tries(remote);
	if (!chunked_file_find(&tries, cap, bytes, chunked, err)) {
		if (chunked->count == 0)
			remote_note_lie(remote);
		return FAULT_NONE;
	}
	const enum fate fate = fate_of(err);
	return fate == FATE_FAILED || fate == FATE_AGAIN ? FAULT_NONE : err->fault;
}

enum fault chunks_judge(struct remote *remote, const struct remote_child *child, struct err *err)
{
	struct chunked chunked = { 0 };
	struct cap cap = { 0 };
	enum fault fault = FAULT_NONE;
	bool is_file = false;
	if (child->chunked == 0)
		return FAULT_NONE;
	if (!remote_was_judged(remote, child, &is_file) &&
	    cap_unpack(child->cap, child->cap_size, child->cap_kind, &cap)) {
		fault = chunks_find(remote, &cap, child->chunked, &chunked, err);
		is_file = chunked.count > 0;
	}
	if (!fault)
		remote_judge(remote, child, is_file);
	chunked_fini(&chunked);
	cap_wipe(&cap);
	return fault;
}
