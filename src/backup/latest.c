#include "backup/latest.h"

enum { METADATA_MAX = 8192 }; /* bytes of the link's metadata */

/* Takes what lstat said of the snapshot's source, and its attributes. */
static void take_meta(const struct manifest_entry *entry, struct backup_snapshot *snapshot)
{
	const unsigned char *attributes;
	if (!meta_unpack(entry->meta, entry->meta_size, &snapshot->planned))
		snapshot->planned = (struct meta){ .mode = 0 };
	snapshot->attributes_size = meta_attributes(entry->meta, entry->meta_size, &attributes);
	if (snapshot->attributes_size > 0)
		memcpy(snapshot->attributes, attributes, snapshot->attributes_size);
}

enum fault backup_snapshot_read(const struct migration *migration, struct backup_snapshot *snapshot,
				struct err *err)
{
	struct catalog_reader *reader;
	struct catalog_page page;
	struct outcome *slot = &snapshot->slot;
	if (catalog_reader_new(migration->catalog, &reader, err))
		return err->fault;
	enum fault fault = catalog_next(reader, &page, err);
	if (!fault && (page.is_end || page.count == 0))
		fault = err_set(err, FAULT_NOT_FOUND, "nothing is planned yet");
	if (!fault)
		fault = outcomes_read(migration->catalog->outcomes, page.entry[0].id, 1, slot, err);
	if (!fault)
		take_meta(&page.entry[0], snapshot);
	catalog_reader_free(reader);
	if (!fault && (slot->state != OUTCOME_DONE ||
		       !cap_unpack(slot->cap, slot->cap_size, slot->cap_kind, &snapshot->cap)))
		fault = err_set(err, FAULT_CORRUPT, "the snapshot's slot holds no cap");
	return fault;
}

/* Writes the metadata that the snapshot's own link has. */
static enum fault write_metadata(const struct backup_snapshot *snapshot, struct bytes *out)
{
	const struct meta at = meta_unpack_outcome(snapshot->slot.meta);
	const struct edge_metadata metadata = {
		.ctime_ns = at.ctime_ns,
		.mtime_ns = at.mtime_ns,
		.mode = at.mode,
		.uid = at.uid,
		.gid = at.gid,
		.numbered = true,
		.ino = snapshot->planned.ino,
		.dev = snapshot->planned.dev,
		.attributes = snapshot->attributes,
		.attributes_size = (uint16_t)snapshot->attributes_size,
	};
	return at.mode ? edge_metadata_json(out, &metadata) : bytes_append_text(out, "{}");
}

enum fault backup_latest(const struct backup_latest_link *link, const struct tries *tries,
			 bool *moved, struct err *err)
{
	const struct backup_target *target = link->target;
	const struct cap *cap = &link->snapshot->cap;
	struct bytes metadata;
	int64_t own_s;
	*moved = false;
	if (!target->stamped || !cap_equal(&target->stamp_cap, cap))
		return err_set(err, FAULT_EXISTS,
			       "what is called %s in Archives is not this snapshot: begin anew "
			       "with --new",
			       link->stamp);
	if (target->any && stamp_read(link->stamp, strlen(link->stamp), &own_s) &&
	    own_s < target->newest_s)
		return FAULT_NONE;
	bytes_init(&metadata, METADATA_MAX);
	enum fault fault =
		bytes_err(write_metadata(link->snapshot, &metadata), err, "the link of Latest");
	if (!fault)
		fault = backup_target_move_latest(target, cap, &metadata, tries, err);
	*moved = !fault;
	bytes_fini(&metadata);
	return fault;
}
