#include "backup/backup_parts.h"
#include "backup/probe.h"
#include "backup/rebuild.h"
#include "base/secret.h"
#include "report/say.h"

static void tell_known(const struct backup *backup, enum known_state state, const char *path)
{
	if (state == KNOWN_DAMAGED)
		say(backup->request->engine.output, SAY_WARNING,
		    "what is known of earlier backups was damaged; it was moved to '%s.damaged', "
		    "and a new file is begun",
		    path);
}

/* Begins anew where the grid has not what it had after the last backup: it is another one. */
static enum fault check_grid(struct backup *backup, const char *path, struct err *err)
{
	const struct tries tries = backup_tries(backup);
	struct known_cap last;
	struct cap cap;
	bool found = true;
	if (!known_noted_cap(backup->known, KNOWN_PROBE, &last) ||
	    !cap_unpack(last.cap, last.size, last.kind, &cap))
		return FAULT_NONE;
	enum fault fault = backup_probe(&cap, &tries, &found, err);
	cap_wipe(&cap);
	secret_wipe(&last, sizeof last);
	if (fault || found)
		return fault;
	say(backup->request->engine.output, SAY_WARNING,
	    "this grid does not have the last snapshot that is known: what is known is not "
	    "believed, "
	    "and moved to '%s.damaged'",
	    path);
	return known_begin_anew(backup->known, err);
}

enum fault backup_learn(struct backup *backup, struct err *err)
{
	const struct backup_options *options = backup->request->options;
	const struct text_list *path = &backup->migration.path, *name = &backup->migration.name;
	const bool single = backup->migration.made.count == 0;
	struct known_cap last;
	uint64_t directories;
	struct err broken;
	if (known_is_broken(backup->known, &broken) || !backup->target.any || options->paranoid ||
	    options->ignore_timestamps || known_noted_cap(backup->known, KNOWN_PROBE, &last))
		return FAULT_NONE;
	const struct backup_rebuild rebuild = {
		.ask = { .wait = *backup->wait, .tries = setup_tries(backup->setup, NULL) },
		.known = backup->known,
		.root = &backup->target.newest,
		.stored_s = backup->target.newest_s,
		.params = backup->setup->params,
		.path = (const char *const *)path->text,
		.name = single ? NULL : (const char *const *)name->text,
		.count = path->count,
	};
	say(backup->request->engine.output, SAY_INFO,
	    "nothing is known here of earlier backups: snapshot %s is read (--paranoid: not "
	    "believed)",
	    backup->target.newest_name);
	enum fault fault = backup_rebuild(&rebuild, &directories, err);
	if (!fault)
		say(backup->request->engine.output, SAY_INFO,
		    "%llu directories of snapshot %s were read", (unsigned long long)directories,
		    backup->target.newest_name);
	return fault;
}

enum fault backup_import(struct backup *backup, struct err *err)
{
	const char *path = backup->request->options->import_backupdb;
	uint64_t count;
	if (!path)
		return FAULT_NONE;
	enum fault fault = known_import(backup->known, path, &count, err);
	if (!fault)
		say(backup->request->engine.output, SAY_INFO, "%llu files of '%s' are known now",
		    (unsigned long long)count, path);
	return fault;
}

enum fault backup_open_known(struct backup *backup, struct err *err)
{
	char identity[BACKUP_IDENTITY_SIZE];
	enum known_state state;
	char *base = NULL, *folder = NULL, *path = NULL;
	backup_target_identity(&backup->target, identity);
	enum fault fault = job_state_dir(backup->request->engine.state_dir, &base, err);
	if (!fault && (asprintf(&folder, "%s/known", base) < 0 ||
		       asprintf(&path, "%s/%.32s.sqlite", folder, identity) < 0))
		fault = err_set(err, FAULT_NOMEM, "no memory for what is known");
	if (!fault)
		fault = job_make_directories(folder, err);
	if (!fault)
		fault = known_open(path, &backup->known, &state, err);
	if (!fault)
		tell_known(backup, state, path);
	if (!fault)
		fault = check_grid(backup, path, err);
	free(base);
	free(folder);
	free(path);
	return fault;
}
