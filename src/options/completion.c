#include "options/completion.h"

#include "options/options_table.h"

#include <ctype.h>

static bool is_of(const struct option_row *row, int command)
{
	return row->commands & 1u << command;
}

/* Whether the argument is one of some words: they are in lower case, between bars. */
static bool has_choices(const struct option_row *row)
{
	if (!row->argument || !strchr(row->argument, '|'))
		return false;
	for (const char *at = row->argument; *at; at++)
		if (isupper((unsigned char)*at))
			return false;
	return true;
}

static void print_choices(const struct option_row *row, FILE *out)
{
	for (const char *at = row->argument; *at; at++)
		fputc(*at == '|' ? ' ' : *at, out);
}

/* Writes a help text inside single quotes, without what zsh would take for its own. */
static void print_quoted(const char *text, FILE *out)
{
	for (; *text; text++)
		if (*text == '\'')
			fputs("'\\''", out);
		else
			fputc(*text == '[' || *text == ']' || *text == ':' ? ' ' : *text, out);
}

/* ---- bash ---- */

static void bash_options(int command, FILE *out)
{
	fprintf(out, "\t%s) options='", command_table[command].name);
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_table[i];
		if (is_of(row, command))
			fprintf(out, "--%s%s ", row->name, row->argument ? "=" : "");
	}
	fputs("' ;;\n", out);
}

/* The shell takes `--name=value` apart into three words. */
static void bash_write(FILE *out)
{
	fputs("# bash completion of barge, written by `barge completion bash`\n"
	      "_barge()\n{\n"
	      "\tlocal word=${COMP_WORDS[COMP_CWORD]} option= options= choices=\n"
	      "\tif [[ $word == = ]]; then option=${COMP_WORDS[COMP_CWORD-1]} word=\n"
	      "\telif [[ ${COMP_WORDS[COMP_CWORD-1]} == = ]]; then "
	      "option=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
	      "\tif [[ $COMP_CWORD -eq 1 ]]; then\n\t\tCOMPREPLY=($(compgen -W '",
	      out);
	for (int i = COMMAND_NONE + 1; i < COMMAND_COUNT; i++)
		fprintf(out, "%s ", command_table[i].name);
	fputs("' -- \"$word\"))\n\t\treturn\n\tfi\n\tcase ${COMP_WORDS[1]} in\n", out);
	for (int i = COMMAND_NONE + 1; i < COMMAND_COUNT; i++)
		bash_options(i, out);
	fputs("\tesac\n\tcase $option in\n", out);
	for (size_t i = 0; i < option_count; i++)
		if (has_choices(&option_table[i])) {
			fprintf(out, "\t--%s) choices='", option_table[i].name);
			print_choices(&option_table[i], out);
			fputs("' ;;\n", out);
		}
	fputs("\tesac\n"
	      "\tif [[ $choices ]]; then\n\t\tCOMPREPLY=($(compgen -W \"$choices\" -- \"$word\"))\n"
	      "\telif [[ ! $option && $word == -* ]]; then\n"
	      "\t\tCOMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
	      "\t\t[[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace\n"
	      "\telse\n\t\tcompopt -o filenames\n"
	      "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n\tfi\n}\n"
	      "complete -F _barge barge\n",
	      out);
}

/* ---- zsh ---- */

static void zsh_option(const struct option_row *row, FILE *out)
{
	fprintf(out, " \\\n\t\t\t'%s--%s%s[",
		row->type == OPTION_LIST || row->type == OPTION_RULE ? "*" : "", row->name,
		row->argument ? "=" : "");
	print_quoted(row->help, out);
	fputc(']', out);
	if (row->argument && has_choices(row)) {
		fputs(":value:(", out);
		print_choices(row, out);
		fputc(')', out);
	} else if (row->argument) {
		fputs(":value:_files", out);
	}
	fputc('\'', out);
	if (row->letter) {
		fprintf(out, " \\\n\t\t\t'-%c%s[", row->letter, row->argument ? "+" : "");
		print_quoted(row->help, out);
		fprintf(out, "]%s'", row->argument ? ":value:_files" : "");
	}
}

static void zsh_write(FILE *out)
{
	fputs("#compdef barge\n# zsh completion of barge, written by `barge completion zsh`\n"
	      "_barge()\n{\n\tif (( CURRENT == 2 )); then\n\t\tlocal -a commands=(",
	      out);
	for (int i = COMMAND_NONE + 1; i < COMMAND_COUNT; i++) {
		fprintf(out, "\n\t\t\t'%s:", command_table[i].name);
		print_quoted(command_table[i].help, out);
		fputc('\'', out);
	}
	fputs(")\n\t\t_describe command commands\n\t\treturn\n\tfi\n\tcase $words[2] in\n", out);
	for (int i = COMMAND_NONE + 1; i < COMMAND_COUNT; i++) {
		fprintf(out, "\t%s)\n\t\t_arguments -s", command_table[i].name);
		for (size_t k = 0; k < option_count; k++)
			if (is_of(&option_table[k], i))
				zsh_option(&option_table[k], out);
		fputs(" \\\n\t\t\t'*:word:_files' ;;\n", out);
	}
	fputs("\tesac\n}\n_barge \"$@\"\n", out);
}

/* ---- fish ---- */

static void fish_option(const struct option_row *row, FILE *out)
{
	fputs("complete -c barge -n '__fish_seen_subcommand_from", out);
	for (int i = COMMAND_NONE + 1; i < COMMAND_COUNT; i++)
		if (is_of(row, i))
			fprintf(out, " %s", command_table[i].name);
	fprintf(out, "' -l %s", row->name);
	if (row->letter)
		fprintf(out, " -s %c", row->letter);
	if (row->argument && has_choices(row)) {
		fputs(" -x -a '", out);
		print_choices(row, out);
		fputc('\'', out);
	} else if (row->argument) {
		fputs(" -r", out);
	}
	fputs(" -d '", out);
	print_quoted(row->help, out);
	fputs("'\n", out);
}

static void fish_write(FILE *out)
{
	fputs("# fish completion of barge, written by `barge completion fish`\n", out);
	for (int i = COMMAND_NONE + 1; i < COMMAND_COUNT; i++) {
		fprintf(out, "complete -c barge -n __fish_use_subcommand -f -a %s -d '",
			command_table[i].name);
		print_quoted(command_table[i].help, out);
		fputs("'\n", out);
	}
	for (size_t i = 0; i < option_count; i++)
		fish_option(&option_table[i], out);
}

bool completion_write(const char *shell, FILE *out)
{
	if (strcmp(shell, "bash") == 0)
		bash_write(out);
	else if (strcmp(shell, "zsh") == 0)
		zsh_write(out);
	else if (strcmp(shell, "fish") == 0)
		fish_write(out);
	else
		return false;
	return true;
}
