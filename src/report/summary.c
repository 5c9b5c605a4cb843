#include "report/summary.h"

#include "report/json.h"
#include "report/out.h"
#include "report/progress.h"

#define LLU(number) ((unsigned long long)(number))

/* ---- for people ---- */

/* The one line that says how it ended. */
static enum fault headline(struct bytes *out, const struct recount *counts)
{
	const struct recount_kind *files = &counts->kind[MANIFEST_FILE];
	const struct recount_kind *directories = &counts->kind[MANIFEST_DIRECTORY];
	const struct recount_kind *symlinks = &counts->kind[MANIFEST_SYMLINK];
	const struct recount_kind *all = &counts->all;
	enum fault fault = bytes_printf(
		out, "barge: %llu of %llu entries done (%llu files, %llu directories",
		LLU(all->done), LLU(all->planned), LLU(files->done), LLU(directories->done));
	if (!fault && symlinks->done > 0)
		fault = bytes_printf(out, ", %llu symlinks", LLU(symlinks->done));
	if (!fault)
		fault = bytes_append_text(out, ")");
	if (!fault && all->skipped > 0)
		fault = bytes_printf(out, ", %llu skipped", LLU(all->skipped));
	if (!fault && all->failed > 0)
		fault = bytes_printf(out, ", %llu failed", LLU(all->failed));
	if (!fault && all->left > 0)
		fault = bytes_printf(out, ", %llu left to do", LLU(all->left));
	if (!fault && !counts->plan_complete)
		fault = bytes_append_text(out, ", the plan is not finished");
	return fault ? fault : bytes_append_text(out, "\n");
}

static enum fault speed(struct bytes *out, const struct summary_run *run)
{
	char bytes[QUANTITY_SIZE], rate[QUANTITY_SIZE];
	quantity_bytes(run->bytes, bytes);
	quantity_bytes(quantity_rate(run->bytes, run->ms), rate);
	return bytes_printf(out,
			    "barge: this run: %llu entries, %s in %llu.%llu s (%s/s, %llu/s)\n",
			    LLU(run->done), bytes, LLU(run->ms / 1000), LLU(run->ms / 100 % 10),
			    rate, LLU(quantity_rate(run->done, run->ms)));
}

static enum fault reasons(struct bytes *out, const struct recount *counts)
{
	enum fault fault = FAULT_NONE;
	for (unsigned i = 0; i < RECOUNT_REASONS && !fault; i++)
		if (counts->reason[i] > 0)
			fault = bytes_printf(out, "barge:   %llu %s\n", LLU(counts->reason[i]),
					     outcome_reason_text((uint8_t)i));
	return fault;
}

/* The root is settled as done even when there was nothing to link into it. */
static bool is_linked(const struct recount *counts)
{
	return counts->linked && counts->all.done > 0;
}

static enum fault link_text(struct bytes *out, const struct recount *counts)
{
	if (counts->linked && !is_linked(counts))
		return bytes_append_text(out, "barge: nothing was done, so nothing is linked\n");
	if (counts->linked)
		return bytes_append_text(out, "barge: linked at the target\n");
	if (!counts->root_settled)
		return bytes_append_text(out, "barge: not linked at the target yet\n");
	return bytes_printf(out, "barge: not linked at the target: %s\n",
			    outcome_reason_text(counts->root_reason));
}

/* From grid to grid: what was linked as it is and what was copied. */
static enum fault copied_text(struct bytes *out, const struct recount *counts)
{
	if (counts->linked_files + counts->linked_directories == 0)
		return FAULT_NONE;
	return bytes_printf(
		out,
		"barge: %llu files and %llu directories linked, %llu files and %llu directories "
		"copied\n",
		LLU(counts->linked_files), LLU(counts->linked_directories),
		LLU(counts->kind[MANIFEST_FILE].done - counts->linked_files),
		LLU(counts->kind[MANIFEST_DIRECTORY].done - counts->linked_directories));
}

/* What a backup counts, in the words of tahoe's. */
struct backup_numbers {
	uint64_t files_uploaded, files_reused, files_skipped;
	uint64_t directories_created, directories_reused, directories_skipped;
};

static struct backup_numbers backup_numbers(const struct recount *counts)
{
	const struct recount_kind *file = &counts->kind[MANIFEST_FILE];
	const struct recount_kind *symlink = &counts->kind[MANIFEST_SYMLINK];
	const struct recount_kind *other = &counts->kind[MANIFEST_OTHER];
	const struct recount_kind *directory = &counts->kind[MANIFEST_DIRECTORY];
	const uint64_t reused = counts->linked_files + counts->linked_symlinks;
	return (struct backup_numbers){
		.files_uploaded = file->done + symlink->done - reused,
		.files_reused = reused,
		.files_skipped = file->skipped + file->failed + symlink->skipped + symlink->failed +
				 other->skipped + other->failed,
		.directories_created = directory->done - counts->linked_directories,
		.directories_reused = counts->linked_directories,
		.directories_skipped = directory->skipped + directory->failed,
	};
}

static enum fault backup_text(struct bytes *out, const struct report_backup *backup,
			      const struct recount *counts)
{
	const struct backup_numbers n = backup_numbers(counts);
	char fresh[QUANTITY_SIZE], all[QUANTITY_SIZE];
	enum fault fault = bytes_printf(
		out,
		"barge: %llu files uploaded (%llu reused), %llu files skipped, %llu directories "
		"created (%llu reused), %llu directories skipped\n",
		LLU(n.files_uploaded), LLU(n.files_reused), LLU(n.files_skipped),
		LLU(n.directories_created), LLU(n.directories_reused), LLU(n.directories_skipped));
	quantity_bytes(counts->bytes_done - counts->bytes_linked, fresh);
	quantity_bytes(counts->bytes_done, all);
	if (!fault)
		fault = bytes_printf(out, "barge: %s uploaded, of %s\n", fresh, all);
	if (!fault && backup->checked_files + backup->checked_directories > 0)
		fault = bytes_printf(out, "barge: %llu files checked, %llu directories checked\n",
				     LLU(backup->checked_files), LLU(backup->checked_directories));
	if (!fault && backup->unmended > 0)
		fault = bytes_printf(out,
				     "barge: %llu reused keep bad shares, which cannot be mended\n",
				     LLU(backup->unmended));
	return fault;
}

static enum fault backup_link_text(struct bytes *out, const struct report_backup *backup)
{
	return bytes_printf(out, "barge: snapshot %s%s\n", backup->stamp,
			    backup->ended ? "" : " is complete; Latest is not moved yet");
}

/* What a local target could not keep, in one line. */
static enum fault lost_text(struct bytes *out, const struct report_lost *lost)
{
	const struct {
		const char *what;
		uint64_t count;
	} part[] = {
		{ "the mode of", lost->modes },
		{ "the owner of", lost->owners },
		{ "the time of", lost->times },
		{ "on disk (no sync there)", lost->syncs },
		{ "the hard links of", lost->links },
		{ "extended attributes of", lost->attributes },
	};
	enum fault fault = FAULT_NONE;
	bool first = true;
	for (size_t i = 0; i < ARRAY_COUNT(part) && !fault; i++) {
		if (part[i].count == 0)
			continue;
		fault = bytes_printf(out, "%s%s %llu",
				     first ? "barge: the target could not keep: " : ", ",
				     part[i].what, LLU(part[i].count));
		first = false;
	}
	return fault || first ? fault : bytes_append_text(out, "\n");
}

/* What earlier runs did and was not so any more. */
static enum fault again_text(struct bytes *out, const struct report_end *end,
			     const struct recount *counts)
{
	const struct {
		uint64_t count;
		const char *why;
	} again[] = {
		{ end->source_changed, "changed at the source" },
		{ end->written_gone, "not at the target any more" },
	};
	const char *what = counts->all.left > 0 ? "taken up again" : "done again";
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < ARRAY_COUNT(again) && !fault; i++)
		if (again[i].count > 0)
			fault = bytes_printf(out, "barge: %llu done earlier were %s: %s\n",
					     LLU(again[i].count), what, again[i].why);
	if (!fault && end->written_changed > 0)
		fault = bytes_printf(out,
				     "barge: %llu done earlier were changed at the target since\n",
				     LLU(end->written_changed));
	if (!fault && end->retried > 0)
		fault = bytes_printf(
			out, "barge: %llu that had failed or been skipped were taken up again\n",
			LLU(end->retried));
	if (!fault && end->unseen > 0)
		fault = bytes_printf(out, "barge: %llu done earlier could not be looked at again\n",
				     LLU(end->unseen));
	if (!fault && end->appeared > 0)
		fault = bytes_printf(out, "barge: %llu names appeared since the plan; run again\n",
				     LLU(end->appeared));
	return fault;
}

/* Whether the same job has something left to do. */
static bool goes_on(const struct report_end *end, const struct recount *counts)
{
	return end->go_on && (!counts->root_settled ||
			      (end->backup.stamp && counts->linked && !end->backup.ended));
}

/* Whether another run may do what this one could not. */
static bool is_retriable(const struct report_end *end, const struct recount *counts)
{
	return end->retry && counts->root_settled && counts->retriable > counts->unlisted;
}

/* Whether each source was looked at to the end, and none was another one than before. */
static bool is_unchanged(const struct report_end *end, const struct recount *counts)
{
	return counts->root_settled && counts->retriable == 0 && end->source_changed == 0 &&
	       end->unseen == 0;
}

/* What else is worth a line, where there is something. */
static enum fault remarks(struct bytes *out, const struct summary_run *run,
			  const struct report_end *end, const struct recount *counts)
{
	enum fault fault = FAULT_NONE;
	if (end->level && counts->all.done > 0)
		fault = bytes_printf(out, "barge: verified: %s%s\n", end->level,
				     end->as_read && is_unchanged(end, counts)
					     ? "; no source changed meanwhile"
					     : "");
	if (!fault && end->damaged > 0)
		fault = bytes_printf(out, "barge: %llu damaged outcomes were settled anew\n",
				     LLU(end->damaged));
	if (!fault && end->unreferenced > 0)
		fault = bytes_printf(out,
				     "barge: %llu directories were left on the grid unreferenced\n",
				     LLU(end->unreferenced));
	if (!fault)
		fault = lost_text(out, &end->lost);
	if (!fault && end->held)
		fault = bytes_printf(out, "barge: held back by: %s\n", end->held);
	if (!fault && run->lost > 0)
		fault = bytes_printf(out, "barge: %llu lines could not be written\n",
				     LLU(run->lost));
	if (!fault && end->limit && !counts->root_settled)
		fault = bytes_printf(out, "barge: nothing more was begun: %s is reached\n",
				     end->limit);
	if (!fault && goes_on(end, counts))
		fault = bytes_printf(out, "barge: go on with: %s\n", end->go_on);
	if (!fault && is_retriable(end, counts))
		fault = bytes_printf(out, "barge: take up again what failed with: %s\n",
				     end->retry);
	return fault;
}

enum fault summary_text(struct bytes *out, const struct summary_run *run,
			const struct report_end *end, const struct recount *counts)
{
	enum fault fault = headline(out, counts);
	if (!fault)
		fault = reasons(out, counts);
	if (!fault)
		fault = speed(out, run);
	if (!fault)
		fault = end->backup.stamp ? backup_text(out, &end->backup, counts)
					  : copied_text(out, counts);
	if (!fault)
		fault = again_text(out, end, counts);
	if (!fault && end->backup.stamp && is_linked(counts))
		fault = backup_link_text(out, &end->backup);
	else if (!fault && !end->fetched)
		fault = link_text(out, counts);
	return fault ? fault : remarks(out, run, end, counts);
}

/* ---- for programs ---- */

enum fault summary_begin(struct bytes *out, const char *job)
{
	enum fault fault = bytes_append_text(out, "{\"event\":\"summary\"");
	return fault || !job ? fault : json_member(out, "job", job, strlen(job));
}

enum fault summary_numbers(struct bytes *out, const struct summary_number *number, size_t count)
{
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < count && !fault; i++)
		fault = json_number(out, number[i].key, number[i].value);
	return fault;
}

enum fault summary_seconds(struct bytes *out, uint64_t ms)
{
	return bytes_printf(out, ",\"seconds\":%llu.%03llu", LLU(ms / 1000), LLU(ms % 1000));
}

enum fault summary_put(struct output *output, struct bytes *line,
		       const struct summary_number *number, size_t count, struct err *err)
{
	if (output->options.json) {
		bytes_clear(line);
		enum fault fault = summary_begin(line, NULL);
		if (!fault)
			fault = summary_numbers(line, number, count);
		if (!fault)
			fault = bytes_append_text(line, "}\n");
		if (fault)
			return bytes_err(fault, err, "a summary");
		out_put(output, line->data, line->size);
	}
	out_flush(output);
	return FAULT_NONE;
}

static enum fault kind_json(struct bytes *out, const char *key, const struct recount_kind *kind)
{
	const struct summary_number number[] = {
		{ "planned", kind->planned }, { "done", kind->done }, { "skipped", kind->skipped },
		{ "failed", kind->failed },   { "left", kind->left },
	};
	enum fault fault = json_open(out, key, '{');
	if (!fault)
		fault = summary_numbers(out, number, ARRAY_COUNT(number));
	return fault ? fault : bytes_append_text(out, "}");
}

static enum fault counts_json(struct bytes *out, const struct recount *counts)
{
	const struct recount_kind *all = &counts->all;
	const struct summary_number number[] = {
		{ "planned", all->planned },
		{ "done", all->done },
		{ "skipped", all->skipped },
		{ "skipped_asked", counts->all.asked },
		{ "failed", all->failed },
		{ "left", all->left },
		{ "bytes_planned", counts->bytes_planned },
		{ "bytes", counts->bytes_done },
		{ "linked_files", counts->linked_files },
		{ "linked_directories", counts->linked_directories },
	};
	enum fault fault = summary_numbers(out, number, ARRAY_COUNT(number));
	if (!fault)
		fault = kind_json(out, "files", &counts->kind[MANIFEST_FILE]);
	if (!fault)
		fault = kind_json(out, "directories", &counts->kind[MANIFEST_DIRECTORY]);
	if (!fault)
		fault = kind_json(out, "symlinks", &counts->kind[MANIFEST_SYMLINK]);
	if (!fault)
		fault = kind_json(out, "others", &counts->kind[MANIFEST_OTHER]);
	return fault;
}

static enum fault reasons_json(struct bytes *out, const struct recount *counts)
{
	enum fault fault = json_open(out, "reasons", '{');
	for (unsigned i = 0; i < RECOUNT_REASONS && !fault; i++)
		if (counts->reason[i] > 0)
			fault = json_number(out, outcome_reason_text((uint8_t)i),
					    counts->reason[i]);
	return fault ? fault : bytes_append_text(out, "}");
}

static enum fault run_json(struct bytes *out, const struct summary_run *run,
			   const struct report_end *end, const struct recount *counts)
{
	const struct summary_number number[] = {
		{ "run_entries", run->done },
		{ "run_bytes", run->bytes },
		{ "bytes_per_second", quantity_rate(run->bytes, run->ms) },
		{ "entries_per_second", quantity_rate(run->done, run->ms) },
		{ "damaged", end->damaged },
		{ "unreferenced", end->unreferenced },
		{ "reread", end->reread },
		{ "direct", end->direct },
		{ "lost_modes", end->lost.modes },
		{ "lost_owners", end->lost.owners },
		{ "lost_times", end->lost.times },
		{ "lost_syncs", end->lost.syncs },
		{ "lost_links", end->lost.links },
		{ "lost_attributes", end->lost.attributes },
		{ "again_source_changed", end->source_changed },
		{ "again_target_gone", end->written_gone },
		{ "again_target_changed", end->written_changed },
		{ "retried", end->retried },
		{ "unseen", end->unseen },
		{ "appeared", end->appeared },
		{ "lines_lost", run->lost },
	};
	enum fault fault = summary_seconds(out, run->ms);
	if (!fault)
		fault = summary_numbers(out, number, ARRAY_COUNT(number));
	if (!fault && end->level)
		fault = json_member(out, "level", end->level, strlen(end->level));
	if (!fault)
		fault = json_bool(out, "plan_complete", counts->plan_complete);
	if (!fault)
		fault = json_bool(out, "linked", is_linked(counts));
	if (!fault && end->held_json)
		fault = bytes_printf(out, ",\"verdict\":%s", end->held_json);
	if (!fault && end->limit && !counts->root_settled)
		fault = json_member(out, "limit", end->limit, strlen(end->limit));
	if (!fault && goes_on(end, counts))
		fault = json_member(out, "go_on", end->go_on, strlen(end->go_on));
	if (!fault && is_retriable(end, counts))
		fault = json_member(out, "retry", end->retry, strlen(end->retry));
	return fault;
}

static enum fault backup_json(struct bytes *out, const struct report_backup *backup,
			      const struct recount *counts)
{
	const struct backup_numbers n = backup_numbers(counts);
	const struct summary_number number[] = {
		{ "files_uploaded", n.files_uploaded },
		{ "files_reused", n.files_reused },
		{ "files_skipped", n.files_skipped },
		{ "directories_created", n.directories_created },
		{ "directories_reused", n.directories_reused },
		{ "directories_skipped", n.directories_skipped },
		{ "bytes_uploaded", counts->bytes_done - counts->bytes_linked },
		{ "files_checked", backup->checked_files },
		{ "directories_checked", backup->checked_directories },
		{ "unmended", backup->unmended },
	};
	enum fault fault = json_member(out, "snapshot", backup->stamp, strlen(backup->stamp));
	if (!fault)
		fault = json_bool(out, "latest", backup->ended);
	return fault ? fault : summary_numbers(out, number, ARRAY_COUNT(number));
}

enum fault summary_json(struct bytes *out, const struct summary_run *run,
			const struct report_end *end, const struct recount *counts)
{
	enum fault fault = summary_begin(out, run->job);
	if (!fault)
		fault = counts_json(out, counts);
	if (!fault)
		fault = reasons_json(out, counts);
	if (!fault)
		fault = run_json(out, run, end, counts);
	if (!fault && end->backup.stamp)
		fault = backup_json(out, &end->backup, counts);
	return fault ? fault : bytes_append_text(out, "}\n");
}
