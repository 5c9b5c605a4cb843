#include "backup/backup.h"
#include "cli/command.h"

static struct backup_request wanted(const struct options *options, struct output *output)
{
	return (struct backup_request){
		.options = &options->backup,
		.engine = command_engine(options, output),
		.new_job = options->new_job,
		.dry_run = options->dry_run,
	};
}

enum fault command_backup(const struct options *options, struct output *output, int *status,
			  struct err *err)
{
	const struct backup_request request = wanted(options, output);
	return backup_run(&request, &options->words, status, err);
}

enum fault command_backup_resume(const struct options *options, struct output *output,
				 struct migration *migration, int *status, struct err *err)
{
	const struct backup_request request = wanted(options, output);
	return backup_resume(&request, migration, status, err);
}
