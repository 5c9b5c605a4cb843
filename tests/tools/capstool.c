/*
 * Lets tests/e2e/test_oracle.py ask src/tahoe questions: a line on stdin, a line on stdout.
 * Words are separated by one space; bytes are hex with "-" for none.  A fault answers "error NAME".
 */
#include "tahoe/base32.h"
#include "tahoe/chk.h"
#include "tahoe/dirnode.h"
#include "tahoe/edge.h"
#include "tahoe/erasure.h"
#include "tahoe/mutable.h"

#include "base/utf8.h"

#include <assert.h>

enum {
	WORDS_MAX = 4096,
	FILE_MAX = 64 * 1024 * 1024,
};

static char *word[WORDS_MAX];
static size_t word_count;

static void print_hex(const void *data, size_t size)
{
	const unsigned char *at = data;
	for (size_t i = 0; i < size; i++)
		printf("%02x", at[i]);
	if (size == 0)
		putchar('-');
}

static enum fault unhex(const char *text, struct bytes *out)
{
	bytes_init(out, FILE_MAX);
	enum fault fault = bytes_reserve(out, 1);
	if (strcmp(text, "-") == 0)
		return fault;
	for (; text[0] && text[1] && !fault; text += 2) {
		const char pair[] = { text[0], text[1], '\0' };
		const unsigned char byte = (unsigned char)strtoul(pair, NULL, 16);
		fault = bytes_append(out, &byte, 1);
	}
	return fault;
}

static uint64_t number(size_t index) { return strtoull(word[index], NULL, 10); }

/* K N SEGMENT SECRET, from the word at `index` on. */
static enum fault read_params(size_t index, struct chk_params *params)
{
	memset(params, 0, sizeof *params);
	params->k = (uint16_t)number(index);
	params->n = (uint16_t)number(index + 1);
	params->max_segment_size = (uint32_t)number(index + 2);
	struct bytes secret;
	enum fault fault = unhex(word[index + 3], &secret);
	assert(secret.size <= CHK_SECRET_MAX);
	memcpy(params->secret, secret.data, secret.size);
	params->secret_size = secret.size;
	bytes_fini(&secret);
	return fault;
}

static enum fault read_file(const char *path, struct bytes *out)
{
	bytes_init(out, FILE_MAX);
	FILE *file = fopen(path, "rb");
	if (!file)
		return FAULT_IO;
	enum fault fault = bytes_reserve(out, FILE_MAX);
	if (!fault)
		out->size = fread(out->data, 1, FILE_MAX, file);
	fclose(file);
	return fault;
}

static void print_cap(const struct cap *cap)
{
	char text[CAP_TEXT_SIZE];
	cap_print(cap, text);
	fputs(text, stdout);
}

/* cap K N SEGMENT SECRET FILE -> CAP */
static enum fault ask_cap(struct err *err)
{
	struct chk_params params;
	struct bytes data;
	struct cap cap;
	enum fault fault = read_params(1, &params);
	if (!fault)
		fault = read_file(word[5], &data);
	if (!fault)
		fault = chk_cap_of(&params, data.data, data.size, &cap, err);
	if (!fault)
		print_cap(&cap);
	bytes_fini(&data);
	return fault;
}

/* key K N SEGMENT SECRET FILE -> KEY, streamed in uneven pieces */
static enum fault ask_key(struct err *err)
{
	struct chk_params params;
	struct bytes data;
	struct chk_key key;
	unsigned char out[CAP_KEY_SIZE];
	enum fault fault = read_params(1, &params);
	if (!fault)
		fault = read_file(word[5], &data);
	if (!fault)
		fault = chk_key_init(&key, err);
	if (!fault)
		fault = chk_key_start(&key, &params, data.size, err);
	for (size_t at = 0, step = 1; at < data.size && !fault; at += step, step = step * 3 + 1) {
		step = (size_t)min_u64(step, data.size - at);
		fault = chk_key_update(&key, data.data + at, step, err);
	}
	if (!fault)
		fault = chk_key_final(&key, out, err);
	if (!fault)
		print_hex(out, sizeof out);
	chk_key_fini(&key);
	bytes_fini(&data);
	return fault;
}

static enum fault write_piece(void *user, const struct chk_piece *piece, struct err *err)
{
	(void)err;
	FILE *file = ((FILE **)user)[piece->share];
	assert((uint64_t)ftell(file) == piece->offset);
	return fwrite(piece->data, 1, piece->size, file) == piece->size ? FAULT_NONE : FAULT_IO;
}

/* Opens PREFIX0, PREFIX1 and so on for the shares. */
static enum fault open_shares(const char *prefix, unsigned n, FILE *out[])
{
	for (unsigned i = 0; i < n; i++) {
		char path[4096];
		snprintf(path, sizeof path, "%s%u", prefix, i);
		out[i] = fopen(path, "wb");
		if (!out[i])
			return FAULT_IO;
	}
	return FAULT_NONE;
}

static enum fault close_shares(FILE *out[], unsigned n)
{
	enum fault fault = FAULT_NONE;
	for (unsigned i = 0; i < n && out[i]; i++)
		if (fclose(out[i]) != 0)
			fault = FAULT_IO;
	return fault;
}

/* share K N SEGMENT SECRET FILE KEY PREFIX -> CAP, the shares written */
static enum fault ask_share(struct err *err)
{
	struct chk_params params;
	struct bytes data, key;
	struct cap cap;
	struct chk_encoder *encoder = NULL;
	FILE *out[ERASURE_BLOCKS_MAX] = { NULL };
	enum fault fault = read_params(1, &params);
	if (!fault)
		fault = open_shares(word[7], params.n, out);
	if (!fault)
		fault = read_file(word[5], &data);
	if (!fault)
		fault = unhex(word[6], &key);
	if (!fault)
		fault = chk_encoder_new(&encoder, err);
	if (!fault)
		fault = chk_encoder_start(encoder, &params, data.size, key.data, err);
	if (!fault) {
		chk_encoder_set_sink(encoder, write_piece, out);
		fault = chk_encoder_update(encoder, data.data, data.size, err);
	}
	if (!fault)
		fault = chk_encoder_final(encoder, &cap, err);
	if (!fault)
		print_cap(&cap);
	chk_encoder_free(encoder);
	bytes_fini(&data);
	bytes_fini(&key);
	enum fault closed = close_shares(out, ERASURE_BLOCKS_MAX);
	return fault ? fault : closed;
}

static void print_or_none(bool there, const struct cap *cap)
{
	putchar(' ');
	if (there)
		print_cap(cap);
	else
		putchar('-');
}

/* parse TEXT -> KIND CAP READONLY VERIFIER INDEX FLAGS REPACKED */
static enum fault ask_parse(struct err *err)
{
	struct bytes text;
	struct cap cap, other;
	unsigned char packed[CAP_PACKED_SIZE], index[CAP_KEY_SIZE];
	uint8_t size, kind;
	enum fault fault = unhex(word[1], &text);
	if (!fault)
		fault = cap_parse((const char *)text.data, text.size, &cap, err);
	bytes_fini(&text);
	if (fault)
		return fault;
	printf("%d", (int)cap.kind);
	print_or_none(true, &cap);
	print_or_none(cap_to_readonly(&cap, &other), &other);
	print_or_none(cap_to_verifier(&cap, &other), &other);
	char si[64] = "-";
	if (cap_storage_index(&cap, index))
		base32_encode(index, sizeof index, si);
	printf(" %s %s%s%s%s%s", si, cap_is_directory(&cap) ? "d" : "f",
	       cap_is_writable(&cap) ? "w" : "r", cap_is_mutable(&cap) ? "m" : "i",
	       cap_is_literal(&cap) ? "l" : "-", cap_is_verifier(&cap) ? "v" : "-");
	memset(&other, 0, sizeof other);
	const bool fits = cap_pack(&cap, packed, &size, &kind);
	assert(!fits || (cap_unpack(packed, size, kind, &other) && cap_equal(&cap, &other)));
	print_or_none(fits, &other);
	return FAULT_NONE;
}

/* dir K N SEGMENT SECRET [NAME CAP METADATA]... -> CAP BODY */
static enum fault ask_dir(struct err *err)
{
	struct chk_params params;
	struct dirnode dir;
	struct cap cap;
	dirnode_init(&dir, FILE_MAX);
	enum fault fault = read_params(1, &params);
	for (size_t i = 5; i + 2 < word_count && !fault; i += 3) {
		struct bytes name, metadata;
		const bool good = !unhex(word[i], &name) && !unhex(word[i + 2], &metadata);
		fault = good ? cap_parse(word[i + 1], strlen(word[i + 1]), &cap, err) : FAULT_NOMEM;
		const struct dirnode_child child = { bytes_text(&name), name.size, &cap,
						     bytes_text(&metadata), metadata.size };
		if (!fault)
			fault = dirnode_add(&dir, &child, err);
		bytes_fini(&name);
		bytes_fini(&metadata);
	}
	if (!fault)
		fault = dirnode_cap(&dir, &params, &cap, err);
	if (!fault) {
		print_cap(&cap);
		putchar(' ');
		print_hex(dir.body.data, dir.body.size);
	}
	dirnode_fini(&dir);
	return fault;
}

/* children [NAME CAP METADATA]... -> JSON in hex */
static enum fault ask_children(struct err *err)
{
	struct bytes out;
	bytes_init(&out, FILE_MAX);
	enum fault fault = edge_json_open(&out);
	for (size_t i = 1; i + 2 < word_count && !fault; i += 3) {
		struct bytes name, metadata;
		struct cap cap;
		const bool good = !unhex(word[i], &name) && !unhex(word[i + 2], &metadata);
		fault = good ? cap_parse(word[i + 1], strlen(word[i + 1]), &cap, err) : FAULT_NOMEM;
		const struct edge_child child = { bytes_text(&name), name.size, &cap,
						  metadata.size ? bytes_text(&metadata) : NULL,
						  metadata.size };
		if (!fault)
			fault = edge_json_child(&out, &child);
		bytes_fini(&name);
		bytes_fini(&metadata);
	}
	if (!fault)
		fault = edge_json_close(&out);
	if (!fault)
		print_hex(out.data, out.size);
	bytes_fini(&out);
	return fault;
}

/* metadata CTIME-NS MTIME-NS MODE UID GID -> JSON */
static enum fault ask_metadata(struct err *err)
{
	const struct edge_metadata metadata = { .ctime_ns = strtoll(word[1], NULL, 10),
						.mtime_ns = strtoll(word[2], NULL, 10),
						.mode = (uint32_t)number(3),
						.uid = (uint32_t)number(4),
						.gid = (uint32_t)number(5) };
	struct bytes out;
	bytes_init(&out, FILE_MAX);
	enum fault fault = bytes_err(edge_metadata_json(&out, &metadata), err, "metadata");
	fputs(bytes_text(&out), stdout);
	bytes_fini(&out);
	return fault;
}

/* float VALUE, as strtod reads it -> the text of edge_float */
static enum fault ask_float(struct err *err)
{
	(void)err;
	char text[EDGE_FLOAT_SIZE];
	edge_float(strtod(word[1], NULL), text);
	fputs(text, stdout);
	return FAULT_NONE;
}

/* mutable -> CAP KEY-TEXT; mutable KEY-TEXT -> the same for that key */
static enum fault ask_mutable(struct err *err)
{
	struct mutable_key key;
	enum fault fault;
	if (word_count > 1)
		fault = mutable_key_from_text(word[1], strlen(word[1]), &key, err);
	else
		fault = mutable_key_generate(&key, err);
	if (fault)
		return fault;
	char text[MUTABLE_KEY_TEXT_SIZE];
	mutable_key_text(&key, text);
	print_cap(&key.cap);
	printf(" %s", text);
	return FAULT_NONE;
}

/* nfc NAME -> NAME in NFC, and whether it was */
static enum fault ask_nfc(struct err *err)
{
	struct bytes name, out;
	bytes_init(&out, FILE_MAX);
	enum fault fault = unhex(word[1], &name);
	if (!fault)
		fault = bytes_err(name_to_nfc(&out, name.data, name.size), err, "name");
	if (!fault) {
		print_hex(out.data, out.size);
		printf(" %d", name_is_nfc(name.data, name.size));
	}
	bytes_fini(&name);
	bytes_fini(&out);
	return fault;
}

static const struct {
	const char *name;
	enum fault (*ask)(struct err *err);
	size_t words; /* at least, the name included */
} questions[] = {
	{ "cap", ask_cap, 6 },           { "key", ask_key, 6 },     { "share", ask_share, 8 },
	{ "parse", ask_parse, 2 },       { "dir", ask_dir, 5 },     { "children", ask_children, 1 },
	{ "metadata", ask_metadata, 6 }, { "float", ask_float, 2 }, { "mutable", ask_mutable, 1 },
	{ "nfc", ask_nfc, 2 },
};

static enum fault answer(struct err *err)
{
	for (size_t i = 0; i < ARRAY_COUNT(questions); i++)
		if (strcmp(word[0], questions[i].name) == 0 && word_count >= questions[i].words)
			return questions[i].ask(err);
	return err_set(err, FAULT_USAGE, "no such question");
}

int main(void)
{
	char *line = NULL;
	size_t capacity = 0;
	while (getline(&line, &capacity, stdin) > 0) {
		line[strcspn(line, "\n")] = '\0';
		word_count = 0;
		for (char *rest = line; rest && word_count < WORDS_MAX;)
			word[word_count++] = strsep(&rest, " ");
		struct err err = { .fault = FAULT_NONE };
		enum fault fault = answer(&err);
		if (fault)
			printf("error %s: %s", fault_name(fault), err.text);
		putchar('\n');
		fflush(stdout);
	}
	free(line);
	return 0;
}
