#include "tahoe/caps.h"

#include "base/secret.h"
#include "tahoe/hashes.h"

#include <assert.h>

enum shape {
	SHAPE_NONE,
	SHAPE_CHK,
	SHAPE_LITERAL,
	SHAPE_MUTABLE,
};

/* What a kind is, and the kinds it turns into; CAP_NONE where there is none. */
struct kind {
	const char *prefix;
	enum shape shape;
	bool directory;
	bool writable;
	bool verifier;
	enum cap_kind readonly, check, file, dir;
};

static const struct kind kinds[] = {
	[CAP_NONE] = { .prefix = "" },
	[CAP_CHK] = { "URI:CHK:", SHAPE_CHK, .readonly = CAP_CHK, .check = CAP_CHK_VERIFIER,
		      .dir = CAP_DIR2_CHK },
	[CAP_CHK_VERIFIER] = { "URI:CHK-Verifier:", SHAPE_CHK, .verifier = true,
			       .check = CAP_CHK_VERIFIER, .dir = CAP_DIR2_CHK_VERIFIER },
	[CAP_LIT] = { "URI:LIT:", SHAPE_LITERAL, .readonly = CAP_LIT, .dir = CAP_DIR2_LIT },
	[CAP_SSK] = { "URI:SSK:", SHAPE_MUTABLE, .writable = true, .readonly = CAP_SSK_RO,
		      .check = CAP_SSK_VERIFIER, .dir = CAP_DIR2 },
	[CAP_SSK_RO] = { "URI:SSK-RO:", SHAPE_MUTABLE, .readonly = CAP_SSK_RO,
			 .check = CAP_SSK_VERIFIER, .dir = CAP_DIR2_RO },
	[CAP_SSK_VERIFIER] = { "URI:SSK-Verifier:", SHAPE_MUTABLE, .verifier = true,
			       .check = CAP_SSK_VERIFIER, .dir = CAP_DIR2_VERIFIER },
	[CAP_MDMF] = { "URI:MDMF:", SHAPE_MUTABLE, .writable = true, .readonly = CAP_MDMF_RO,
		       .check = CAP_MDMF_VERIFIER, .dir = CAP_DIR2_MDMF },
	[CAP_MDMF_RO] = { "URI:MDMF-RO:", SHAPE_MUTABLE, .readonly = CAP_MDMF_RO,
			  .check = CAP_MDMF_VERIFIER, .dir = CAP_DIR2_MDMF_RO },
	[CAP_MDMF_VERIFIER] = { "URI:MDMF-Verifier:", SHAPE_MUTABLE, .verifier = true,
				.check = CAP_MDMF_VERIFIER, .dir = CAP_DIR2_MDMF_VERIFIER },
	[CAP_DIR2] = { "URI:DIR2:", SHAPE_MUTABLE, .directory = true, .writable = true,
		       .readonly = CAP_DIR2_RO, .check = CAP_DIR2_VERIFIER, .file = CAP_SSK },
	[CAP_DIR2_RO] = { "URI:DIR2-RO:", SHAPE_MUTABLE, .directory = true, .readonly = CAP_DIR2_RO,
			  .check = CAP_DIR2_VERIFIER, .file = CAP_SSK_RO },
	[CAP_DIR2_VERIFIER] = { "URI:DIR2-Verifier:", SHAPE_MUTABLE, .directory = true,
				.verifier = true, .check = CAP_DIR2_VERIFIER,
				.file = CAP_SSK_VERIFIER },
	[CAP_DIR2_CHK] = { "URI:DIR2-CHK:", SHAPE_CHK, .directory = true, .readonly = CAP_DIR2_CHK,
			   .check = CAP_DIR2_CHK_VERIFIER, .file = CAP_CHK },
	[CAP_DIR2_CHK_VERIFIER] = { "URI:DIR2-CHK-Verifier:", SHAPE_CHK, .directory = true,
				    .verifier = true, .check = CAP_DIR2_CHK_VERIFIER,
				    .file = CAP_CHK_VERIFIER },
	[CAP_DIR2_LIT] = { "URI:DIR2-LIT:", SHAPE_LITERAL, .directory = true,
			   .readonly = CAP_DIR2_LIT, .file = CAP_LIT },
	[CAP_DIR2_MDMF] = { "URI:DIR2-MDMF:", SHAPE_MUTABLE, .directory = true, .writable = true,
			    .readonly = CAP_DIR2_MDMF_RO, .check = CAP_DIR2_MDMF_VERIFIER,
			    .file = CAP_MDMF },
	[CAP_DIR2_MDMF_RO] = { "URI:DIR2-MDMF-RO:", SHAPE_MUTABLE, .directory = true,
			       .readonly = CAP_DIR2_MDMF_RO, .check = CAP_DIR2_MDMF_VERIFIER,
			       .file = CAP_MDMF_RO },
	[CAP_DIR2_MDMF_VERIFIER] = { "URI:DIR2-MDMF-Verifier:", SHAPE_MUTABLE, .directory = true,
				     .verifier = true, .check = CAP_DIR2_MDMF_VERIFIER,
				     .file = CAP_MDMF_VERIFIER },
	[CAP_UNKNOWN] = { .prefix = "" },
};

static const struct kind *kind_of(const struct cap *cap)
{
	assert((size_t)cap->kind < ARRAY_COUNT(kinds));
	return &kinds[cap->kind];
}

bool cap_is_directory(const struct cap *cap) { return kind_of(cap)->directory; }

bool cap_is_file(const struct cap *cap)
{
	return kind_of(cap)->shape != SHAPE_NONE && !kind_of(cap)->directory;
}

bool cap_is_writable(const struct cap *cap) { return kind_of(cap)->writable; }

bool cap_is_mutable(const struct cap *cap) { return kind_of(cap)->shape == SHAPE_MUTABLE; }

bool cap_is_literal(const struct cap *cap) { return kind_of(cap)->shape == SHAPE_LITERAL; }

bool cap_is_verifier(const struct cap *cap) { return kind_of(cap)->verifier; }

bool cap_is_chk(const struct cap *cap) { return kind_of(cap)->shape == SHAPE_CHK; }

const char *cap_prefix(enum cap_kind kind)
{
	return (size_t)kind < ARRAY_COUNT(kinds) ? kinds[kind].prefix : "";
}

void cap_wipe(struct cap *cap) { secret_wipe(cap, sizeof *cap); }

bool cap_equal(const struct cap *a, const struct cap *b)
{
	if (a->kind != b->kind)
		return false;
	switch (kind_of(a)->shape) {
	case SHAPE_CHK:
		return a->needed == b->needed && a->total == b->total && a->size == b->size &&
		       secret_equal(a->key, b->key, CAP_KEY_SIZE) &&
		       secret_equal(a->hash, b->hash, CAP_HASH_SIZE);
	case SHAPE_MUTABLE:
		return secret_equal(a->key, b->key, CAP_KEY_SIZE) &&
		       secret_equal(a->hash, b->hash, CAP_HASH_SIZE);
	default:
		return a->kind == CAP_NONE ||
		       (a->size == b->size && secret_equal(a->content, b->content, a->size));
	}
}

/* Replaces the key by the first 16 bytes of T(tag, key). */
static void derive_key(struct cap *cap, const char *tag)
{
	unsigned char hash[DIGEST_SIZE];
	hash_tagged(tag, cap->key, CAP_KEY_SIZE, hash);
	memcpy(cap->key, hash, CAP_KEY_SIZE);
	secret_wipe(hash, sizeof hash);
}

bool cap_to_readonly(const struct cap *cap, struct cap *out)
{
	const struct kind *kind = kind_of(cap);
	if (kind->readonly == CAP_NONE)
		return false;
	struct cap result = *cap;
	if (kind->writable)
		derive_key(&result, TAG_READKEY);
	result.kind = kind->readonly;
	*out = result;
	cap_wipe(&result);
	return true;
}

bool cap_to_verifier(const struct cap *cap, struct cap *out)
{
	const struct kind *kind = kind_of(cap);
	if (kind->check == CAP_NONE)
		return false;
	struct cap result = *cap;
	if (kind->writable)
		derive_key(&result, TAG_READKEY);
	if (!kind->verifier)
		derive_key(&result,
			   kind->shape == SHAPE_CHK ? TAG_STORAGE_INDEX : TAG_MUTABLE_INDEX);
	result.kind = kind->check;
	*out = result;
	cap_wipe(&result);
	return true;
}

bool cap_storage_index(const struct cap *cap, unsigned char out[CAP_KEY_SIZE])
{
	struct cap verifier;
	if (!cap_to_verifier(cap, &verifier))
		return false;
	memcpy(out, verifier.key, CAP_KEY_SIZE);
	return true;
}

bool cap_to_file(const struct cap *cap, struct cap *out)
{
	const struct kind *kind = kind_of(cap);
	if (!kind->directory && kind->shape == SHAPE_NONE)
		return false;
	struct cap result = *cap;
	if (kind->directory)
		result.kind = kind->file;
	*out = result;
	cap_wipe(&result);
	return true;
}

bool cap_to_directory(const struct cap *cap, struct cap *out)
{
	const struct kind *kind = kind_of(cap);
	if (!kind->directory && kind->dir == CAP_NONE)
		return false;
	struct cap result = *cap;
	if (!kind->directory)
		result.kind = kind->dir;
	*out = result;
	cap_wipe(&result);
	return true;
}
