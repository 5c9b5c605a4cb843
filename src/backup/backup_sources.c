#include "backup/backup_parts.h"
#include "place/arrange_look.h"
#include "report/say.h"

static bool is_single(const struct backup *backup) { return backup->places->count == 1; }

static enum fault look_at_place(const struct backup *backup, struct arranged_source *source,
				struct err *err)
{
	const struct place *place = source->place;
	if (!place->local)
		return err_set(
			err, FAULT_USAGE,
			"source '%.100s' is on a grid: a backup is made of local directories",
			place->typed);
	if (look_at_source(NULL, source, err))
		return err->fault;
	if (!source->is_directory)
		return err_set(
			err, FAULT_USAGE,
			"source '%.100s' is a file: a backup is made of directories; barge cp "
			"and barge put store files",
			place->typed);
	if (!is_single(backup) && !place->name[0])
		return err_set(err, FAULT_USAGE, "source '%.100s' has no name beside others",
			       place->typed);
	return FAULT_NONE;
}

enum fault backup_look_at_sources(struct backup *backup, struct err *err)
{
	const struct places *places = backup->places;
	struct arrangement *out = &backup->arrangement;
	enum fault fault = FAULT_NONE;
	out->source = calloc(places->count, sizeof *out->source);
	if (!out->source)
		return err_set(err, FAULT_NOMEM, "no memory for sources");
	for (size_t i = 0; i < places->count && !fault; i++) {
		struct arranged_source *source = &out->source[out->count++];
		source->place = &places->source[i];
		source->name = is_single(backup) ? backup->stamp : places->source[i].name;
		fault = look_at_place(backup, source, err);
	}
	return fault;
}

enum fault backup_arrange(struct backup *backup, struct err *err)
{
	struct arrangement *out = &backup->arrangement;
	out->root = backup->target.archives.kind ? backup->target.archives
						 : backup->place->root; /* for a rehearsal */
	out->made = calloc(2, sizeof *out->made);
	if (out->made && !is_single(backup))
		out->made[out->made_count++] = strdup(backup->stamp);
	return out->made && (is_single(backup) || out->made[0])
		       ? FAULT_NONE
		       : err_set(err, FAULT_NOMEM, "no memory for a backup");
}

void backup_choose_stamp(struct backup *backup)
{
	enum { QUICK_S = 60 }; /* runs that follow each other at once are no news */
	const int64_t behind_s =
		backup_target_stamp(&backup->target, (int64_t)time(NULL), backup->stamp);
	if (behind_s > QUICK_S)
		say(backup->request->engine.output, SAY_WARNING,
		    "the clock is behind: the newest snapshot is %s, %lld seconds from now; this "
		    "one is called %s, so that it stays the last",
		    backup->target.newest_name, (long long)behind_s, backup->stamp);
}
