#include "cli/command.h"

struct migration_request command_wanted(const struct options *options, const struct places *places)
{
	return (struct migration_request){
		.state_dir = options->state_dir,
		.command = options_command_name(options->command),
		.planning = &options->planning,
		.places = places,
	};
}

struct engine_request command_engine(const struct options *options, struct output *output)
{
	return (struct engine_request){
		.connection = &options->connection,
		.planning = &options->planning,
		.transfer = &options->transfer,
		.output = output,
		.state_dir = options->state_dir,
	};
}
