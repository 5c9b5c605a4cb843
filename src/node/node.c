#include "node/node.h"

#include "base/secret.h"
#include "node/node_file.h"
#include "tahoe/base32.h"

#include <strings.h>

enum {
	CONFIG_MAX = 1024 * 1024, /* bytes of tahoe.cfg */
	SMALL_MAX = 4096,         /* bytes of node.url, of private/convergence */
	SHARES_MAX = 256,
};

static bool is_section(const char *line, size_t size, const char *section)
{
	const size_t length = strlen(section);
	return size >= length + 2 && line[0] == '[' && memcmp(line + 1, section, length) == 0 &&
	       line[length + 1] == ']';
}

/* When `line` sets `key`, stores its value. */
static bool sets_key(const char *line, size_t size, const char *key, const char **value,
		     size_t *value_size)
{
	size_t at = 0;
	while (at < size && line[at] != '=' && line[at] != ':')
		at++;
	if (at == size || line[0] == ' ' || line[0] == '\t')
		return false;
	const char *name = line;
	size_t name_size = at;
	node_trim(&name, &name_size);
	if (name_size != strlen(key) || strncasecmp(name, key, name_size) != 0)
		return false;
	*value = line + at + 1;
	*value_size = size - at - 1;
	node_trim(value, value_size);
	return true;
}

/*
 * Finds `key` of `[section]` in the text of an INI file as Python's configparser reads it: "=" or
 * ":" separates, keys in any case, lines that begin with # or ; are comments, the last one wins.
 * Continuation lines and interpolation are not understood.  Stores where the value is in `text`.
 */
static bool config_find(const char *text, const char *section, const char *key, const char **value,
			size_t *size)
{
	bool inside = false, found = false;
	while (*text) {
		const size_t length = strcspn(text, "\n");
		if (text[0] == '[')
			inside = is_section(text, length, section);
		else if (inside && text[0] != '#' && text[0] != ';')
			found |= sets_key(text, length, key, value, size);
		text += length;
		text += *text == '\n';
	}
	return found;
}

/* Reads [client] `key`, 1..max, where it is set. */
static enum fault config_number(const char *text, const char *key, uint32_t max, uint32_t *number,
				struct err *err)
{
	const char *value;
	size_t size;
	if (!config_find(text, "client", key, &value, &size))
		return FAULT_NONE;
	uint32_t result = 0;
	bool valid = size > 0 && size <= 9;
	for (size_t i = 0; i < size && valid; i++) {
		valid = value[i] >= '0' && value[i] <= '9';
		result = result * 10 + (uint32_t)(value[i] - '0');
	}
	if (!valid || result < 1 || result > max)
		return err_set(err, FAULT_USAGE, "tahoe.cfg: %s is not a number from 1 to %u", key,
			       max);
	*number = result;
	return FAULT_NONE;
}

static bool is_word(const char *text, size_t size, const char *const words[])
{
	for (; *words; words++)
		if (strlen(*words) == size && strncasecmp(*words, text, size) == 0)
			return true;
	return false;
}

/* False when the line sets `key` to anything but one of the words. */
static bool line_allows(const char *line, size_t size, const char *key, const char *const words[])
{
	const char *value;
	size_t value_size;
	node_trim(&line, &size);
	return !sets_key(line, size, key, &value, &value_size) || is_word(value, value_size, words);
}

/*
 * Whether storage servers may be talked to directly: not past a node that keeps its user anonymous.
 * A line counts wherever it stands, since Python's configparser takes indented ones and a section
 * of defaults as well.
 * Source: tahoe-lafs 1.20.0 docs/anonymity-configuration.rst, docs/configuration.rst.
 */
static bool is_open(const char *text)
{
	static const char *const yes[] = { "1", "yes", "true", "on", NULL };
	static const char *const no[] = { "0", "no", "false", "off", NULL };
	static const char *const tcp[] = { "tcp", NULL };
	while (*text) {
		size_t size = strcspn(text, "\r\n");
		if (!line_allows(text, size, "tcp", tcp) ||
		    !line_allows(text, size, "reveal-ip-address", yes) ||
		    !line_allows(text, size, "force_foolscap", no))
			return false;
		text += size;
		text += strspn(text, "\r\n");
	}
	return true;
}

static enum fault read_config(struct node *node, const char *text, struct err *err)
{
	/* Defaults: allmydata/client.py. */
	uint32_t k = 3, n = 10, happy = 7, segment = CHK_SEGMENT_SIZE;
	enum fault fault = config_number(text, "shares.needed", SHARES_MAX, &k, err);
	if (!fault)
		fault = config_number(text, "shares.total", SHARES_MAX, &n, err);
	if (!fault)
		fault = config_number(text, "shares.happy", SHARES_MAX, &happy, err);
	if (!fault)
		fault = config_number(text, "shares._max_immutable_segment_size_for_testing",
				      1u << 30, &segment, err);
	if (!fault && k > n)
		fault = err_set(err, FAULT_USAGE, "tahoe.cfg: shares.needed is above shares.total");
	node->params.k = (uint16_t)k;
	node->params.n = (uint16_t)n;
	node->happy = (uint16_t)happy;
	node->is_open = is_open(text);
	node->params.max_segment_size = segment;
	return fault;
}

static enum fault read_secret(struct node *node, const char *text, size_t size, struct err *err)
{
	node_trim(&text, &size);
	if (size > base32_length(CHK_SECRET_MAX) ||
	    !base32_decode(text, size, node->params.secret, &node->params.secret_size))
		return err_set(err, FAULT_USAGE, "private/convergence is not a secret in base32");
	node->has_secret = true;
	return FAULT_NONE;
}

/* One of another size is none: it is wanted for uploads past the gateway alone. */
static enum fault take_lease_secret(struct node *node, const struct bytes *file, struct err *err)
{
	const char *text = bytes_text(file);
	size_t size = file->size, decoded;
	(void)err;
	node_trim(&text, &size);
	node->has_lease_secret = size == base32_length(LEASE_SECRET_SIZE) &&
				 base32_decode(text, size, node->lease_secret, &decoded) &&
				 decoded == LEASE_SECRET_SIZE;
	return FAULT_NONE;
}

static enum fault read_url(struct node *node, const char *text, size_t size, struct err *err)
{
	node_trim(&text, &size);
	if (size == 0)
		return err_set(err, FAULT_USAGE, "node.url is empty");
	const char *slash = text[size - 1] == '/' ? "" : "/";
	if (asprintf(&node->url, "%.*s%s", (int)size, text, slash) >= 0)
		return FAULT_NONE;
	node->url = NULL;
	return err_set(err, FAULT_NOMEM, "no memory for a URL");
}

/* One of the files; what is not there is passed over. */
static enum fault read_part(struct node *node, const char *name, size_t max,
			    enum fault (*reader)(struct node *, const struct bytes *, struct err *),
			    struct err *err)
{
	struct bytes text;
	bytes_init(&text, max);
	enum fault fault = node_file(node->directory, name, &text, err);
	if (!fault)
		fault = reader(node, &text, err);
	bytes_fini(&text);
	return fault == FAULT_NOT_FOUND ? FAULT_NONE : fault;
}

static enum fault take_config(struct node *node, const struct bytes *text, struct err *err)
{
	return read_config(node, bytes_text(text), err);
}

static enum fault take_secret(struct node *node, const struct bytes *text, struct err *err)
{
	return read_secret(node, bytes_text(text), text->size, err);
}

static enum fault take_url(struct node *node, const struct bytes *text, struct err *err)
{
	return read_url(node, bytes_text(text), text->size, err);
}

enum fault node_load(struct node *node, const char *directory, struct err *err)
{
	memset(node, 0, sizeof *node);
	if (node_directory(directory, &node->directory, err))
		return err->fault;
	enum fault fault = read_config(node, "", err);
	if (!fault)
		fault = read_part(node, "tahoe.cfg", CONFIG_MAX, take_config, err);
	if (!fault)
		fault = read_part(node, "node.url", SMALL_MAX, take_url, err);
	if (!fault)
		fault = read_part(node, "private/convergence", SMALL_MAX, take_secret, err);
	if (!fault)
		fault = read_part(node, "private/secret", SMALL_MAX, take_lease_secret, err);
	if (fault)
		node_fini(node);
	return fault;
}

void node_fini(struct node *node)
{
	if (!node)
		return;
	free(node->directory);
	free(node->url);
	secret_wipe(node, sizeof *node);
}
