#include "decide/decide.h"

#include "queue/outcome.h"
#include "tahoe/caps.h"
#include "tahoe/edge.h"

static const struct decision conflict = { .action = DECIDE_FAIL, .reason = REASON_CONFLICT };
static const struct decision lost = { .action = DECIDE_FAIL, .reason = REASON_LOST };
static const struct decision unchanged = { .action = DECIDE_SKIP, .reason = REASON_UNCHANGED };

static bool is_writable(uint8_t cap_kind)
{
	return cap_is_writable(&(struct cap){ .kind = cap_kind });
}

static bool is_mutable(uint8_t cap_kind)
{
	return cap_is_mutable(&(struct cap){ .kind = cap_kind });
}

/* Whether the cap of an immutable file tells if bytes are its own.  That of a file in chunks leads
 * to those of its chunks, which do. */
static bool tells_content(uint8_t cap_kind)
{
	const struct cap cap = { .kind = cap_kind };
	return cap_kind == CAP_DIR2_CHK ||
	       (cap_is_file(&cap) && !cap_is_verifier(&cap) && !cap_is_mutable(&cap));
}

bool decide_is_linkable(const struct decide_policy *policy, const struct decide_source *source)
{
	return !policy->to_local && source->cap_kind != CAP_NONE && !is_mutable(source->cap_kind);
}

/* What brings the source where nothing keeps it from coming. */
static struct decision send(const struct decide_policy *policy, const struct decide_source *source)
{
	if (source->lost)
		return lost;
	bool linked = decide_is_linkable(policy, source);
	return (struct decision){ .action = linked ? DECIDE_LINK : DECIDE_COPY };
}

/* Whether comparing contents can find out anything: there is a cap on one side that tells. */
static bool is_comparable(const struct decide_policy *policy, const struct decide_source *source,
			  const struct decide_there *there)
{
	if (source->lost)
		return false;
	if (!policy->to_local)
		return tells_content(there->cap_kind);
	return source->kind == DECIDE_FILE && tells_content(source->cap_kind);
}

/* Whether a file system with this tick may have made the one of the other. */
static bool is_near(int64_t a, int64_t b, int64_t tick_ns)
{
	uint64_t apart = a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a;
	return apart == 0 || apart < (uint64_t)tick_ns;
}

/* Times on a grid are floats of 0.2 us. */
static bool is_same_time(const struct decide_policy *policy, const struct decide_source *source,
			 const struct decide_there *there)
{
	const struct meta *meta = &source->meta;
	bool grid = meta->flags & META_GRID;
	if (!there->timed || (grid && !(meta->flags & META_HAS_MTIME)))
		return false;
	if (policy->to_local && is_near(meta->mtime_ns, there->mtime_ns, policy->tick_ns))
		return true;
	return (grid || !policy->to_local) &&
	       edge_seconds(meta->mtime_ns) == edge_seconds(there->mtime_ns);
}

static bool is_unchanged(const struct decide_policy *policy, const struct decide_source *source,
			 const struct decide_there *there)
{
	bool sized = there->kind == DECIDE_SYMLINK || there->bytes == source->bytes;
	return sized && !is_mutable(source->cap_kind) && !is_mutable(there->cap_kind) &&
	       is_same_time(policy, source, there);
}

/* Whether the link on a grid says of the file what the source does. */
static bool is_described(const struct decide_source *source, const struct decide_there *there)
{
	const struct meta *meta = &source->meta;
	const bool timed = meta_has_mtime(meta) && meta_is_time(meta->mtime_ns);
	const bool moded = meta_has_mode(meta) && meta->mode != 0;
	if (timed != there->timed || moded != (there->mode != 0))
		return false;
	if (timed && edge_seconds(meta->mtime_ns) != edge_seconds(there->mtime_ns))
		return false;
	return !moded ||
	       (meta->mode == there->mode && meta->uid == there->uid && meta->gid == there->gid);
}

/* The bytes that are there stay. */
static struct decision keep_content(const struct decide_policy *policy,
				    const struct decide_source *source,
				    const struct decide_there *there)
{
	if (policy->to_local || !tells_content(there->cap_kind) || is_described(source, there))
		return unchanged;
	return (struct decision){ .action = DECIDE_RELINK, .replaces = true };
}

/* Whether what is there at a local target is no later than the plan. */
static bool is_seen(const struct decide_policy *policy, const struct decide_there *there)
{
	return !policy->to_local || there->changed_ns <= policy->planned_ns;
}

/* The source takes the place of what is there, unless that came after the plan. */
static struct decision replace(const struct decide_policy *policy,
			       const struct decide_source *source, const struct decide_there *there)
{
	struct decision decision = send(policy, source);
	if (is_writable(there->cap_kind) && decision.action != DECIDE_FAIL)
		decision.action = DECIDE_OVERWRITE;
	decision.replaces =
		decision.action != DECIDE_FAIL && (there->own || is_seen(policy, there));
	return decision;
}

/* A file, or at a local target a symlink, has the name, and the entry could take its place. */
static struct decision against_file(const struct decide_policy *policy,
				    const struct decide_source *source,
				    const struct decide_there *there)
{
	if (there->own)
		return replace(policy, source, there);
	if (policy->no_clobber)
		return (struct decision){ .action = DECIDE_SKIP, .reason = REASON_PRESENT };
	if (policy->checksum && is_comparable(policy, source, there)) {
		if (there->content == DECIDE_SAME)
			return keep_content(policy, source, there);
		if (there->content == DECIDE_UNCOMPARED)
			return (struct decision){ .action = DECIDE_COMPARE };
	}
	/* What came later may be what a run that was killed has just named: its bytes say. */
	if (policy->update && !policy->checksum && is_seen(policy, there) &&
	    is_unchanged(policy, source, there))
		return keep_content(policy, source, there);
	if (is_mutable(there->cap_kind) && !is_writable(there->cap_kind))
		return conflict;
	return replace(policy, source, there);
}

static struct decision decide_file(const struct decide_policy *policy,
				   const struct decide_source *source,
				   const struct decide_there *there)
{
	uint8_t kind = policy->to_local ? source->kind : DECIDE_FILE;
	if (there->kind == DECIDE_NOTHING)
		return send(policy, source);
	return there->kind == kind ? against_file(policy, source, there) : conflict;
}

static struct decision decide_directory(const struct decide_source *source,
					const struct decide_there *there)
{
	switch (there->kind) {
	case DECIDE_NOTHING:
		if (source->whole && source->lost)
			return lost;
		return (struct decision){ .action = source->whole ? DECIDE_LINK : DECIDE_MKDIR };
	case DECIDE_DIRECTORY:
		return (struct decision){ .action = DECIDE_MERGE };
	case DECIDE_FIXED:
		return (struct decision){ .action = DECIDE_FAIL, .reason = REASON_FIXED };
	default:
		return conflict;
	}
}

/* Nothing is known of it. */
static struct decision decide_new(const struct decide_policy *policy,
				  const struct decide_source *source,
				  const struct decide_there *there)
{
	switch (source->kind) {
	case DECIDE_FILE:
	case DECIDE_SYMLINK:
		return decide_file(policy, source, there);
	case DECIDE_DIRECTORY:
		return decide_directory(source, there);
	default:
		return (struct decision){ .action = DECIDE_FAIL, .reason = REASON_SPECIAL };
	}
}

/* The directory it stands in is done, so it was done, skipped or failed itself. */
static struct decision decide_lost(const struct decide_policy *policy,
				   const struct decide_source *source,
				   const struct decide_there *there)
{
	bool alike = source->kind == DECIDE_DIRECTORY ? there->kind == DECIDE_DIRECTORY
						      : there->kind == DECIDE_FILE;
	if (!policy->to_local || source->kind == DECIDE_DIRECTORY)
		return alike ? (struct decision){ .action = DECIDE_DONE } : lost;
	return decide_new(policy, source, there);
}

/* What is done counts as long as it is what was brought, and that is still there.  A source that is
 * gone leaves a copy that is good. */
static struct decision decide_done(const struct decide_known *known)
{
	bool again = known->source == DECIDE_CHANGED || known->written == DECIDE_CHANGED ||
		     known->written == DECIDE_GONE;
	return (struct decision){ .action = again ? DECIDE_REOPEN : DECIDE_DONE };
}

/* What was left as it is at the target is, as long as that is there, and as what came of the
 * comparison holds. */
static struct decision decide_skipped(const struct decide_known *known)
{
	bool compared = known->reason == REASON_UNCHANGED;
	bool left = compared || known->reason == REASON_PRESENT;
	if ((left && known->written == DECIDE_GONE) ||
	    (compared && known->source == DECIDE_CHANGED))
		return (struct decision){ .action = DECIDE_REOPEN };
	return (struct decision){ .action = DECIDE_SKIP, .reason = known->reason };
}

/* An earlier backup has stored the source, as it is, and nothing at the target has its name. */
static struct decision decide_stored(const struct decide_known *known)
{
	return (struct decision){ .action = known->stored == DECIDE_DUE ? DECIDE_CHECK
									: DECIDE_KEEP };
}

struct decision decide(const struct decide_policy *policy, const struct decide_source *source,
		       const struct decide_there *there, const struct decide_known *known)
{
	const bool stored = known->stored != DECIDE_NOT_STORED && known->stored != DECIDE_BROKEN;
	switch (known->state) {
	case OUTCOME_DONE:
		return decide_done(known);
	case OUTCOME_SKIPPED:
		return decide_skipped(known);
	case OUTCOME_FAILED:
		return (struct decision){ .action = DECIDE_FAIL, .reason = known->reason };
	case OUTCOME_DAMAGED:
		return decide_lost(policy, source, there);
	default:
		return stored && there->kind == DECIDE_NOTHING ? decide_stored(known)
							       : decide_new(policy, source, there);
	}
}

bool decision_is_end(const struct decision *decision)
{
	return decision->action == DECIDE_SKIP || decision->action == DECIDE_FAIL;
}

const char *decide_conflict_text(const struct decide_there *there)
{
	switch (there->kind) {
	case DECIDE_FILE:
		return is_mutable(there->cap_kind)
			       ? "a mutable file has the name, and its cap grants no writing"
			       : "a file is in the way";
	case DECIDE_SYMLINK:
		return "a symlink is in the way";
	case DECIDE_DIRECTORY:
		return "a directory is in the way";
	default:
		return "something that is no regular file is in the way";
	}
}
