#include "annex/line.h"

enum { JOB_DIGITS_MAX = 18 };

/* Takes "J NUMBER " off the text.  False: it is no such tag. */
static bool take_tag(char **text, struct annex_line *line)
{
	char *at = *text + 2;
	size_t digits = strspn(at, "0123456789");
	if (strncmp(*text, "J ", 2) != 0 || digits == 0 || digits > JOB_DIGITS_MAX ||
	    at[digits] != ' ')
		return false;
	line->tagged = true;
	line->job = strtoull(at, NULL, 10);
	*text = at + digits + 1;
	return true;
}

bool annex_line_cut(char *text, size_t size, bool tags, struct annex_line *line)
{
	*line = (struct annex_line){ 0 };
	if (memchr(text, 0, size))
		return false;
	if (tags && text[0] == 'J' && text[1] == ' ' && !take_tag(&text, line))
		return false;
	line->word = text;
	char *blank = strchr(text, ' ');
	if (blank) {
		*blank = 0;
		line->rest = blank + 1;
	}
	return *line->word != 0;
}

bool annex_line_parameters(const struct annex_line *line, size_t count,
			   char *parameter[ANNEX_PARAMETERS_MAX])
{
	char *at = line->rest;
	if (count == 0)
		return !at || !*at;
	for (size_t i = 0; i + 1 < count; i++) {
		char *blank = at ? strchr(at, ' ') : NULL;
		if (!blank)
			return false;
		*blank = 0;
		parameter[i] = at;
		at = blank + 1;
	}
	parameter[count - 1] = at;
	return at;
}
