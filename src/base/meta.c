#include "base/meta.h"

#include <sys/stat.h>

enum { META_VERSION = 1, META_VERSION_ATTRIBUTES = 2, FIXED_SIZE = 10, LEB_BYTES_MAX = 10 };

enum { META_WRITTEN = 20 }; /* in the slot's form: where owner and group stand otherwise */

static int64_t nanoseconds(struct timespec time)
{
	int64_t ns;
	if (__builtin_mul_overflow((int64_t)time.tv_sec, INT64_C(1000000000), &ns) ||
	    __builtin_add_overflow(ns, (int64_t)time.tv_nsec, &ns))
		return time.tv_sec < 0 ? META_NO_TIME : META_LATE_TIME;
	return ns;
}

struct meta meta_from_stat(const struct stat *st)
{
	return (struct meta){
		.mode = (uint32_t)st->st_mode,
		.uid = (uint32_t)st->st_uid,
		.gid = (uint32_t)st->st_gid,
		.mtime_ns = nanoseconds(st->st_mtim),
		.ctime_ns = nanoseconds(st->st_ctim),
		.dev = (uint64_t)st->st_dev,
		.ino = (uint64_t)st->st_ino,
		.nlink = (uint64_t)st->st_nlink,
	};
}

/* Seven bits a byte, the lowest first; the top bit says that more follow. */
static unsigned char *leb_write(unsigned char *at, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*at++ = (unsigned char)(value | 0x80);
	*at++ = (unsigned char)value;
	return at;
}

/* What is left of packed bytes; `bad` once something was malformed. */
struct meta_cursor {
	const unsigned char *at, *end;
	bool bad;
};

static uint64_t leb_read(struct meta_cursor *cursor, uint64_t max)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < LEB_BYTES_MAX && cursor->at < cursor->end; i++) {
		uint64_t byte = *cursor->at++;
		/* The tenth byte holds bit 63 alone. */
		if (i == LEB_BYTES_MAX - 1 && byte > 1)
			break;
		value |= (byte & 0x7f) << 7 * i;
		if (byte < 0x80) {
			cursor->bad |= value > max;
			return value;
		}
	}
	cursor->bad = true;
	return 0;
}

size_t meta_pack(const struct meta *meta, unsigned char out[META_PACKED_MAX])
{
	/* ctime is mostly mtime or a little later, so that the difference is a byte or a few. */
	uint64_t delta = (uint64_t)meta->ctime_ns - (uint64_t)meta->mtime_ns;
	uint64_t zigzag = delta << 1 ^ (delta >> 63 ? UINT64_MAX : 0);
	out[0] = META_VERSION;
	out[1] = (uint8_t)(meta->flags | (meta->rank > 0 ? META_RANKED : 0u));
	store_le64(out + 2, (uint64_t)meta->mtime_ns);
	unsigned char *at = out + FIXED_SIZE;
	at = leb_write(at, meta->mode);
	at = leb_write(at, meta->uid);
	at = leb_write(at, meta->gid);
	at = leb_write(at, zigzag);
	at = leb_write(at, meta->dev);
	at = leb_write(at, meta->ino);
	at = leb_write(at, meta->nlink);
	if (meta->rank > 0)
		at = leb_write(at, meta->rank);
	return (size_t)(at - out);
}

/* Reads all but the attributes, and stores where they begin. */
static bool unpack(const unsigned char *packed, size_t size, struct meta *meta,
		   const unsigned char **rest)
{
	if (size < FIXED_SIZE ||
	    (packed[0] != META_VERSION && packed[0] != META_VERSION_ATTRIBUTES))
		return false;
	struct meta got = { .flags = packed[1], .mtime_ns = (int64_t)load_le64(packed + 2) };
	struct meta_cursor cursor = { .at = packed + FIXED_SIZE, .end = packed + size };
	got.mode = (uint32_t)leb_read(&cursor, UINT32_MAX);
	got.uid = (uint32_t)leb_read(&cursor, UINT32_MAX);
	got.gid = (uint32_t)leb_read(&cursor, UINT32_MAX);
	uint64_t zigzag = leb_read(&cursor, UINT64_MAX);
	uint64_t delta = zigzag >> 1 ^ (zigzag & 1 ? UINT64_MAX : 0);
	got.ctime_ns = (int64_t)((uint64_t)got.mtime_ns + delta);
	got.dev = leb_read(&cursor, UINT64_MAX);
	got.ino = leb_read(&cursor, UINT64_MAX);
	got.nlink = leb_read(&cursor, UINT64_MAX);
	if (got.flags & META_RANKED)
		got.rank = (uint32_t)leb_read(&cursor, UINT32_MAX);
	cursor.bad |= got.flags & META_RANKED && got.rank == 0;
	if (cursor.bad || (cursor.at == cursor.end) != (packed[0] == META_VERSION))
		return false;
	*meta = got;
	*rest = cursor.at;
	return true;
}

bool meta_unpack(const unsigned char *packed, size_t size, struct meta *meta)
{
	const unsigned char *rest;
	return unpack(packed, size, meta, &rest);
}

void meta_set_merged(unsigned char packed[META_SIZE_MAX]) { packed[1] |= META_MERGED; }

size_t meta_append_attributes(unsigned char packed[META_SIZE_MAX], size_t size,
			      const unsigned char *attributes, size_t attributes_size)
{
	if (attributes_size == 0)
		return size;
	packed[0] = META_VERSION_ATTRIBUTES;
	memcpy(packed + size, attributes, attributes_size);
	return size + attributes_size;
}

size_t meta_attributes(const unsigned char *packed, size_t size, const unsigned char **attributes)
{
	struct meta meta;
	*attributes = (const unsigned char *)"";
	return unpack(packed, size, &meta, attributes) ? size - (size_t)(*attributes - packed) : 0;
}

void meta_pack_outcome(const struct meta *meta, unsigned char out[META_OUTCOME_SIZE])
{
	store_le64(out, (uint64_t)meta->mtime_ns);
	store_le64(out + 8, (uint64_t)meta->ctime_ns);
	store_le32(out + 16, meta->mode);
	store_le32(out + 20, meta->uid);
	store_le32(out + 24, meta->gid);
}

void meta_keep_written(unsigned char packed[META_OUTCOME_SIZE], int64_t ctime_ns)
{
	store_le64(packed + META_WRITTEN, (uint64_t)ctime_ns);
}

int64_t meta_written(const unsigned char packed[META_OUTCOME_SIZE])
{
	return (int64_t)load_le64(packed + META_WRITTEN);
}

struct meta meta_unpack_outcome(const unsigned char packed[META_OUTCOME_SIZE])
{
	return (struct meta){
		.mtime_ns = (int64_t)load_le64(packed),
		.ctime_ns = (int64_t)load_le64(packed + 8),
		.mode = load_le32(packed + 16),
		.uid = load_le32(packed + 20),
		.gid = load_le32(packed + 24),
	};
}
