#include "backup/target.h"

#include "archive/archive.h"
#include "base/digest.h"
#include "base/secret.h"
#include "base/utf8.h"
#include "place/arrange.h"
#include "place/arrange_look.h"
#include "place/link.h"
#include "place/make.h"

#define ARCHIVES ARCHIVE_DIRECTORY
#define LATEST   ARCHIVE_LATEST

/* One listing of TO, and one of Archives. */
struct looking {
	struct backup_target *target;
	const struct place *place;
	const struct tries *tries;
	const char *stamp;
	struct look_path path;
	size_t found;           /* components of it that are there */
	struct store_node node; /* what these lead to */
	struct store_node archives, latest;
};

void backup_target_wipe(struct backup_target *target) { secret_wipe(target, sizeof *target); }

static bool has_name(const struct store_child *child, const char *name)
{
	return child->name_size == strlen(name) && memcmp(child->name, name, child->name_size) == 0;
}

static bool find_parts(void *context, const struct store_child *child)
{
	struct looking *looking = context;
	if (has_name(child, ARCHIVES))
		looking->archives = child->node;
	if (has_name(child, LATEST))
		looking->latest = child->node;
	return true;
}

static bool find_snapshot(void *context, const struct store_child *child)
{
	struct looking *looking = context;
	struct backup_target *target = looking->target;
	int64_t seconds;
	if (looking->stamp && has_name(child, looking->stamp)) {
		target->stamped = true;
		target->stamp_cap = *store_node_cap(&child->node);
	}
	if (child->node.kind != STORE_DIRECTORY ||
	    !stamp_read(child->name, child->name_size, &seconds) ||
	    (target->any && seconds <= target->newest_s))
		return true;
	target->any = true;
	target->newest_s = seconds;
	target->newest = *store_node_cap(&child->node);
	snprintf(target->newest_name, sizeof target->newest_name, "%.*s",
		 (int)min_u64(child->name_size, STAMP_SIZE - 1), child->name);
	return true;
}

/* Lists a directory; each try begins anew. */
static enum fault list(const struct cap *cap, store_child_found *child, struct looking *looking,
		       struct err *err)
{
	const struct store_list wanted = { .cap = cap, .child = child, .context = looking };
	struct tries ours = *looking->tries;
	enum fault fault;
	do {
		looking->target->any = looking->target->stamped = false;
		secret_wipe(&looking->archives, sizeof looking->archives);
		secret_wipe(&looking->latest, sizeof looking->latest);
		fault = store_wait_list(ours.wait, &wanted, NULL, err);
	} while (fault && tries_again(&ours, err));
	if (!fault)
		tries_over(&ours);
	return fault;
}

/* ---- making ---- */

/* Makes Archives and the directories of TO's path above it that are missing, from below; the link
 * into the deepest one that is there comes last. */
static enum fault make_missing(const struct looking *looking, struct err *err)
{
	struct store_name name = { ARCHIVES, strlen(ARCHIVES) };
	struct cap cap = { 0 }, below = { 0 };
	if (link_check_names(looking->path.component + looking->found,
			     looking->path.count - looking->found, err))
		return err->fault;
	enum fault fault = make_mutable(looking->tries, NULL, &cap, err);
	for (size_t i = looking->path.count; i > looking->found && !fault; i--) {
		const struct edge_child child = { .name = name.name,
						  .name_size = name.size,
						  .cap = &below };
		below = cap;
		fault = make_mutable(looking->tries, &child, &cap, err);
		name = looking->path.component[i - 1];
	}
	if (fault)
		err_wrap(err, "making a directory of the target");
	const struct link_new new = { &looking->node.rw, name, looking->place->typed,
				      STORE_REPLACE_NEVER };
	if (!fault)
		fault = link_name(&new, looking->tries, &cap, err);
	cap_wipe(&cap);
	cap_wipe(&below);
	return fault;
}

/* ---- looking ---- */

/* Whether what stands below TO is what backups make. */
static enum fault check_parts(const struct place *place, const struct looking *looking,
			      struct err *err)
{
	const struct store_node *archives = &looking->archives, *latest = &looking->latest;
	const bool has_archives = archives->rw.kind != CAP_NONE || archives->ro.kind != CAP_NONE;
	const bool has_latest = latest->rw.kind != CAP_NONE || latest->ro.kind != CAP_NONE;
	if (has_archives && archives->kind != STORE_DIRECTORY)
		return err_set(err, FAULT_USAGE,
			       "'%.80s/" ARCHIVES
			       "' is a file, and no directory of snapshots: move "
			       "it away",
			       place->typed);
	if (has_archives && !cap_is_writable(&archives->rw))
		return err_set(err, FAULT_USAGE,
			       "'%.80s/" ARCHIVES "' is read-only: no snapshot can be added",
			       place->typed);
	if (has_latest && (latest->kind != STORE_DIRECTORY || cap_is_writable(&latest->rw)))
		return err_set(err, FAULT_USAGE,
			       "'%.80s/" LATEST "' is no snapshot, and stays: move it away",
			       place->typed);
	return FAULT_NONE;
}

/* Looks at TO, which is there. */
static enum fault look_inside(struct looking *looking, struct err *err)
{
	struct backup_target *target = looking->target;
	if (list(&target->directory, find_parts, looking, err) ||
	    check_parts(looking->place, looking, err))
		return err->fault;
	target->archives = looking->archives.rw;
	target->latest = *store_node_cap(&looking->latest);
	return target->archives.kind == CAP_NONE
		       ? FAULT_NONE
		       : list(&target->archives, find_snapshot, looking, err);
}

/* Looks how much of TO and Archives is there. */
static enum fault look_once(struct looking *looking, struct err *err)
{
	looking->found = looking->path.count;
	if (look_deepest(looking->place, &looking->path, looking->tries, &looking->found,
			 &looking->node, err) ||
	    arrange_check_root(looking->place, &looking->node, err))
		return err->fault;
	if (looking->found < looking->path.count)
		return FAULT_NONE;
	looking->target->directory = looking->node.rw;
	return look_inside(looking, err);
}

enum fault backup_target_look(const struct backup_look *look, struct backup_target *target,
			      struct err *err)
{
	*target = (struct backup_target){ .any = false };
	struct looking *looking = calloc(1, sizeof *looking);
	if (!looking)
		return err_set(err, FAULT_NOMEM, "no memory for the target");
	looking->target = target;
	looking->place = look->place;
	looking->tries = look->tries;
	looking->stamp = look->stamp;
	enum fault fault = look_split(look->place, &looking->path, err);
	if (!fault)
		fault = look_once(looking, err);
	if (!fault && look->makes && target->archives.kind == CAP_NONE) {
		fault = make_missing(looking, err);
		if (!fault)
			fault = look_once(looking, err);
	}
	secret_wipe(looking, sizeof *looking);
	free(looking);
	return fault;
}

/* ---- names and links ---- */

int64_t backup_target_stamp(const struct backup_target *target, int64_t now_s,
			    char stamp[STAMP_SIZE])
{
	const bool late = target->any && target->newest_s >= now_s;
	if (!stamp_write(late ? target->newest_s + 1 : now_s, stamp))
		(void)!stamp_write(0, stamp);
	return late ? target->newest_s - now_s : 0;
}

enum fault backup_target_move_latest(const struct backup_target *target, const struct cap *cap,
				     const struct bytes *metadata, const struct tries *tries,
				     struct err *err)
{
	char name[] = LATEST;
	const struct link link = { .directory = target->directory,
				   .name = name,
				   .name_size = strlen(LATEST),
				   .typed = LATEST,
				   .replace = STORE_REPLACE_ALWAYS };
	return link_make(&link, tries, cap, metadata, err);
}

void backup_target_identity(const struct backup_target *target, char identity[BACKUP_IDENTITY_SIZE])
{
	unsigned char index[CAP_KEY_SIZE] = { 0 }, hash[DIGEST_SIZE];
	(void)!cap_storage_index(&target->directory, index);
	digest_of(index, sizeof index, hash);
	for (size_t i = 0; i < DIGEST_SIZE; i++)
		snprintf(identity + 2 * i, 3, "%02x", hash[i]);
}
