#include "options/nearest.h"

#include "base/near.h"

const struct option_row *nearest_option(const char *name, size_t size, enum command command)
{
	const struct option_row *nearest = NULL;
	size_t best = NEAR_NOT;
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_table[i];
		const bool own = command == COMMAND_NONE || row->commands & 1u << command;
		const size_t far = own ? near_word(name, size, row->name) : NEAR_NOT;
		if (far < best) {
			best = far;
			nearest = row;
		}
	}
	return nearest;
}

enum command nearest_command(const char *word)
{
	enum command nearest = COMMAND_NONE;
	size_t best = NEAR_NOT;
	for (int i = COMMAND_NONE + 1; i < COMMAND_COUNT; i++) {
		size_t far = near_word(word, strlen(word), command_table[i].name);
		if (far < best) {
			best = far;
			nearest = (enum command)i;
		}
	}
	return nearest;
}
