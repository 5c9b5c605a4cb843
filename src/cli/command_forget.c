#include "archive/visit.h"
#include "base/escape.h"
#include "cli/command.h"
#include "queue/retry.h"
#include "report/json.h"
#include "report/out.h"
#include "report/say.h"
#include "report/status.h"
#include "report/summary.h"
#include "snapshot/tags.h"

/* What keeps a snapshot, beside the rules: their bits stand above those of the rules.  Behind the
 * reasons, that it could not be unlinked. */
enum { BY_LATEST = RETENTION_RULES, BY_TAG, BY_NO_TAG, REASONS, BY_FAULT = REASONS };

enum { LINE_SIZE_MAX = 64 << 20 };

static const char *const rule_word[] = {
	[RETENTION_LAST] = "last",
	[RETENTION_DAILY] = "daily",
	[RETENTION_WEEKLY] = "weekly",
	[RETENTION_MONTHLY] = "monthly",
	[RETENTION_YEARLY] = "yearly",
	[BY_LATEST] = "Latest",
	[BY_TAG] = "tag",
	[BY_NO_TAG] = "other tags",
};

struct forgetting {
	const struct options *options;
	struct output *output;
	struct visit visit;
	struct bytes line;
	unsigned *kept; /* of each snapshot: bits of what keeps it */
	uint64_t forgotten, stayed, failed;
};

/* ---- lines ---- */

static const char *state_word(const struct forgetting *forgetting, unsigned kept)
{
	return kept ? "kept" : forgetting->options->dry_run ? "to be forgotten" : "forgotten";
}

/* The rules that keep it, between `before` and `behind` each. */
static enum fault put_rules(struct bytes *out, unsigned kept, const char *quote)
{
	enum fault fault = FAULT_NONE;
	bool first = true;
	for (int rule = 0; rule < REASONS && !fault; rule++) {
		if (!(kept & 1u << rule))
			continue;
		fault = bytes_printf(out, "%s%s%s%s", first ? "" : ",", quote, rule_word[rule],
				     quote);
		first = false;
	}
	return fault;
}

static enum fault put_text(struct forgetting *forgetting, const struct stamp *stamp, unsigned kept)
{
	struct bytes *out = &forgetting->line;
	enum fault fault = bytes_printf(out, "%s ", state_word(forgetting, kept));
	if (!fault)
		fault = escape_name(out, stamp->name, stamp->size);
	if (!fault && kept)
		fault = bytes_append_text(out, " (");
	if (!fault)
		fault = put_rules(out, kept, "");
	return fault ? fault : bytes_append_text(out, kept ? ")\n" : "\n");
}

static enum fault put_object(struct forgetting *forgetting, const struct archive_snapshot *snapshot,
			     unsigned kept)
{
	const struct stamp *stamp = &snapshot->stamp;
	struct bytes *out = &forgetting->line;
	const char *word = state_word(forgetting, kept);
	enum fault fault = bytes_append_text(out, "{\"event\":\"snapshot\"");
	if (!fault)
		fault = json_member(out, "name", stamp->name, stamp->size);
	if (!fault)
		fault = bytes_printf(out, ",\"time\":%lld", (long long)stamp->seconds);
	if (!fault)
		fault = tags_json(out, snapshot->tags);
	if (!fault)
		fault = json_member(out, "state", word, strlen(word));
	if (!fault)
		fault = json_open(out, "kept_by", '[');
	if (!fault)
		fault = put_rules(out, kept, "\"");
	return fault ? fault : bytes_append_text(out, "]}\n");
}

/* Tells of a snapshot as soon as its fate is sure: whoever ends the program has the names. */
static enum fault tell_snapshot(struct forgetting *forgetting,
				const struct archive_snapshot *snapshot, unsigned kept,
				struct err *err)
{
	struct bytes *line = &forgetting->line;
	bytes_clear(line);
	enum fault fault = forgetting->options->output.json
				   ? put_object(forgetting, snapshot, kept)
				   : put_text(forgetting, &snapshot->stamp, kept);
	if (fault)
		return bytes_err(fault, err, "a line");
	out_put(forgetting->output, line->data, line->size);
	out_flush(forgetting->output);
	return FAULT_NONE;
}

static enum fault sum_up(struct forgetting *forgetting, struct err *err)
{
	typedef unsigned long long llu;
	const struct archive *archive = &forgetting->visit.archive;
	const struct summary_number number[] = {
		{ "kept", forgetting->stayed },
		{ "forgotten", forgetting->forgotten },
		{ "failed", forgetting->failed },
		{ "no_snapshots", archive->count - archive->known },
	};
	if (summary_put(forgetting->output, &forgetting->line, number, ARRAY_COUNT(number), err))
		return err->fault;
	say(forgetting->output, SAY_INFO, "%llu snapshots %s, %llu kept",
	    (llu)forgetting->forgotten, state_word(forgetting, 0), (llu)forgetting->stayed);
	if (archive->count > archive->known)
		say(forgetting->output, SAY_INFO,
		    "%zu entries of '%.100s' are no snapshots, and stay",
		    archive->count - archive->known, archive->typed);
	return FAULT_NONE;
}

/* ---- unlinking ---- */

/* What somebody else has unlinked, or an earlier run, is forgotten too. */
static enum fault unlink_one(struct forgetting *forgetting, const struct stamp *stamp,
			     struct err *err)
{
	struct tries tries = forgetting->visit.session.tries;
	const struct cap *directory = &forgetting->visit.archive.directory;
	const struct store_name name = { stamp->name, stamp->size };
	enum fault fault;
	do
		fault = store_wait_unlink(tries.wait, directory, &name, err);
	while (fault && fault != FAULT_NOT_FOUND && tries_again(&tries, err));
	if (fault && err->fault != FAULT_NOT_FOUND)
		return err_wrap(err, "unlinking '%.40s'", stamp->name);
	tries_over(&tries);
	return FAULT_NONE;
}

static enum fault settle_one(struct forgetting *forgetting, size_t index, struct err *err)
{
	const struct archive_snapshot *snapshot = &forgetting->visit.archive.snapshot[index];
	unsigned *kept = &forgetting->kept[index];
	if (*kept) {
		forgetting->stayed++;
		return tell_snapshot(forgetting, snapshot, *kept, err);
	}
	if (!forgetting->options->dry_run && unlink_one(forgetting, &snapshot->stamp, err)) {
		if (err->fault != FAULT_RETRY)
			return err->fault;
		say_err(forgetting->output, err);
		*kept = 1u << BY_FAULT;
		forgetting->failed++;
		return FAULT_NONE;
	}
	forgetting->forgotten++;
	return tell_snapshot(forgetting, snapshot, 0, err);
}

/* Looks which names are still there: the gateway's word that they are gone is no proof. */
static enum fault look_again(struct forgetting *forgetting, struct err *err)
{
	struct archive now;
	const struct archive *before = &forgetting->visit.archive;
	if (forgetting->forgotten == 0 || forgetting->options->dry_run)
		return FAULT_NONE;
	if (archive_open(&forgetting->visit.to, &forgetting->visit.session.tries, &now, err))
		return err_wrap(err, "looking at what is left");
	for (size_t i = 0, j = 0; i < before->known && j < now.known;) {
		int order = stamp_compare(&before->snapshot[i].stamp, &now.snapshot[j].stamp);
		if (order == 0 && !forgetting->kept[i]) {
			say(forgetting->output, SAY_ERROR, "'%.40s' was unlinked, and is there",
			    before->snapshot[i].stamp.name);
			forgetting->forgotten--;
			forgetting->failed++;
		}
		i += order <= 0;
		j += order >= 0;
	}
	archive_fini(&now);
	return FAULT_NONE;
}

/* ---- the rules ---- */

/* Applies the rules to the snapshots that --tag asks for, as if there were no others. */
static void apply_to_tagged(struct forgetting *forgetting, int64_t *seconds, unsigned *kept)
{
	const struct archive *archive = &forgetting->visit.archive;
	const struct options *options = forgetting->options;
	const struct text_list *tag = &options->backup.tag;
	size_t count = 0;
	for (size_t i = 0; i < archive->known; i++) {
		const struct archive_snapshot *snapshot = &archive->snapshot[i];
		const bool other = tag->count > 0 && !tags_match(snapshot->tags, tag);
		forgetting->kept[i] =
			(other ? 1u << BY_NO_TAG : 0) | (snapshot->latest ? 1u << BY_LATEST : 0) |
			(tags_match(snapshot->tags, &options->keep_tag) ? 1u << BY_TAG : 0);
		if (!other)
			seconds[count++] = snapshot->stamp.seconds;
	}
	retention_apply(&options->retention, seconds, count, kept);
	for (size_t i = 0, at = 0; i < archive->known; i++)
		if (!(forgetting->kept[i] & 1u << BY_NO_TAG))
			forgetting->kept[i] |= kept[at++];
}

static enum fault apply_rules(struct forgetting *forgetting, struct err *err)
{
	const size_t count = forgetting->visit.archive.known;
	int64_t *seconds = calloc(count + 1, sizeof *seconds);
	unsigned *kept = calloc(count + 1, sizeof *kept);
	forgetting->kept = calloc(count + 1, sizeof *forgetting->kept);
	enum fault fault = FAULT_NONE;
	if (seconds && kept && forgetting->kept)
		apply_to_tagged(forgetting, seconds, kept);
	else
		fault = err_set(err, FAULT_NOMEM, "no memory for a list of snapshots");
	free(seconds);
	free(kept);
	return fault;
}

/* Refuses rules that keep nothing of what they are about: a tag that no snapshot has is most likely
 * misspelled. */
static enum fault check_any_kept(const struct forgetting *forgetting, struct err *err)
{
	const struct archive *archive = &forgetting->visit.archive;
	bool asked = false;
	for (size_t i = 0; i < archive->known; i++) {
		if (forgetting->kept[i] & 1u << BY_NO_TAG)
			continue;
		if (forgetting->kept[i] & ~(1u << BY_LATEST))
			return FAULT_NONE;
		asked = true;
	}
	return asked ? err_set(err, FAULT_USAGE,
			       "no snapshot in '%.100s' has what --keep-tag asks for; nothing is "
			       "forgotten",
			       archive->typed)
		     : FAULT_NONE;
}

static enum fault command_forget_run(struct forgetting *forgetting, int *status, struct err *err)
{
	const struct archive *archive = &forgetting->visit.archive;
	if (!cap_is_writable(&archive->directory) && !forgetting->options->dry_run)
		return err_set(err, FAULT_USAGE,
			       "'%.120s' is read-only; a write cap is needed to forget snapshots",
			       archive->typed);
	enum fault fault = apply_rules(forgetting, err);
	if (!fault)
		fault = check_any_kept(forgetting, err);
	for (size_t i = 0; i < archive->known && !fault; i++)
		fault = settle_one(forgetting, i, err);
	if (!fault)
		fault = look_again(forgetting, err);
	if (!fault)
		fault = sum_up(forgetting, err);
	*status = forgetting->failed > 0 ? STATUS_PARTLY : STATUS_DONE;
	return fault;
}

enum fault command_forget(const struct options *options, struct output *output, int *status,
			  struct err *err)
{
	struct forgetting forgetting = { .options = options, .output = output };
	char tags[TAGS_SIZE];
	if (tags_join(&options->backup.tag, tags, err) || tags_join(&options->keep_tag, tags, err))
		return err->fault;
	if (retention_is_empty(&options->retention) && options->keep_tag.count == 0)
		return err_set(err, FAULT_USAGE,
			       "which snapshots are to be kept?  Give --keep-last, --keep-daily, "
			       "--keep-weekly, --keep-monthly, --keep-yearly or --keep-tag");
	if (visit_begin(&options->connection, output, options->words.text[0], &forgetting.visit,
			err))
		return err->fault;
	bytes_init(&forgetting.line, LINE_SIZE_MAX);
	enum fault fault = command_forget_run(&forgetting, status, err);
	bytes_fini(&forgetting.line);
	free(forgetting.kept);
	visit_end(&forgetting.visit);
	return fault;
}
