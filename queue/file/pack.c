#include "queue/file/pack.h"

/* First bytes of the items we know.  Source: the MessagePack specification, "Formats". */
enum {
	POSITIVE_FIXINT_LAST = 0x7f,
	FIXARRAY = 0x90,
	FIXSTR = 0xa0,
	FIXSTR_END = 0xc0,
	BIN8 = 0xc4,
	BIN32 = 0xc6,
	UINT8 = 0xcc,
	UINT64 = 0xcf,
	STR8 = 0xd9,
	STR32 = 0xdb,
	ARRAY16 = 0xdc,
	ARRAY32 = 0xdd,
};

/* ---- encoding ---- */

static int append(void *context, const char *data, size_t size)
{
	struct pack_out *out = context;
	if (out->full || size > out->capacity - out->size) {
		out->full = true;
		return -1;
	}
	memcpy(out->data + out->size, data, size);
	out->size += size;
	return 0;
}

static msgpack_packer packer(struct pack_out *out)
{
	msgpack_packer to;
	msgpack_packer_init(&to, out, append);
	return to;
}

void pack_put_array(struct pack_out *out, size_t count)
{
	msgpack_packer to = packer(out);
	msgpack_pack_array(&to, count);
}

void pack_put_uint(struct pack_out *out, uint64_t value)
{
	msgpack_packer to = packer(out);
	msgpack_pack_uint64(&to, value);
}

void pack_put_bytes(struct pack_out *out, const void *data, size_t size)
{
	msgpack_packer to = packer(out);
	msgpack_pack_bin(&to, size);
	if (size > 0)
		msgpack_pack_bin_body(&to, data, size);
}

void pack_put_text(struct pack_out *out, const char *text, size_t size)
{
	msgpack_packer to = packer(out);
	msgpack_pack_str(&to, size);
	if (size > 0)
		msgpack_pack_str_body(&to, text, size);
}

/* ---- decoding ---- */

/* One node as its first bytes describe it. */
struct pack_node {
	size_t head;    /* bytes before its body or children: first byte and length */
	uint64_t body;  /* bytes of its own */
	uint64_t child; /* nodes within */
};

static uint64_t load_be(const unsigned char *at, size_t width)
{
	uint64_t value = 0;
	for (size_t i = 0; i < width; i++)
		value = value << 8 | at[i];
	return value;
}

/* Describes the node at `at`, where at least one byte is left.  Returns false for foreign ones. */
static bool describe_node(const unsigned char *at, size_t left, struct pack_node *node)
{
	unsigned char first = at[0];
	size_t width = 0; /* of the length behind the first byte */
	*node = (struct pack_node){ .head = 1 };
	if (first <= POSITIVE_FIXINT_LAST)
		return true;
	if (first >= FIXARRAY && first < FIXSTR) {
		node->child = first - FIXARRAY;
		return true;
	}
	if (first >= FIXSTR && first < FIXSTR_END) {
		node->body = first - FIXSTR;
		return true;
	}
	if (first >= UINT8 && first <= UINT64) {
		node->body = UINT64_C(1) << (first - UINT8);
		return true;
	}
	if (first >= BIN8 && first <= BIN32)
		width = (size_t)1 << (first - BIN8);
	else if (first >= STR8 && first <= STR32)
		width = (size_t)1 << (first - STR8);
	else if (first == ARRAY16 || first == ARRAY32)
		width = first == ARRAY16 ? 2 : 4;
	if (width == 0 || width > left - 1)
		return false;
	uint64_t length = load_be(at + 1, width);
	node->head += width;
	if (first == ARRAY16 || first == ARRAY32)
		node->child = length;
	else
		node->body = length;
	return true;
}

bool pack_walk(const unsigned char *data, size_t size, size_t *item_size)
{
	uint64_t open[PACK_DEPTH_MAX + 1] = { 1 }; /* nodes still to come at each depth */
	size_t depth = 0, at = 0, nodes = 0;
	for (;;) {
		while (open[depth] == 0 && depth > 0)
			depth--;
		if (open[depth] == 0)
			break;
		open[depth]--;
		struct pack_node node;
		if (at == size || ++nodes > PACK_NODES_MAX ||
		    !describe_node(data + at, size - at, &node))
			return false;
		at += node.head;
		/* A node takes a byte at least, so `child` is held to the bytes left as well. */
		if (node.body > size - at || node.child > size - at)
			return false;
		at += node.body;
		if (node.child == 0)
			continue;
		if (depth == PACK_DEPTH_MAX)
			return false;
		open[++depth] = node.child;
	}
	*item_size = at;
	return true;
}

enum fault pack_next(struct pack_in *in, const msgpack_object **item, struct err *err)
{
	if (in->at == in->size)
		return err_set(err, FAULT_NOT_FOUND, "no item is left");
	size_t size = 0, used = 0;
	if (!pack_walk(in->data + in->at, in->size - in->at, &size))
		return err_set(err, FAULT_CORRUPT, "an item is malformed");
	const char *from = (const char *)(in->data + in->at);
	msgpack_unpack_return rc = msgpack_unpack_next(&in->item, from, size, &used);
	if (rc == MSGPACK_UNPACK_NOMEM_ERROR)
		return err_set(err, FAULT_NOMEM, "no memory to decode an item");
	if (rc != MSGPACK_UNPACK_SUCCESS || used != size)
		return err_set(err, FAULT_CORRUPT, "an item cannot be decoded");
	in->at += size;
	*item = &in->item.data;
	return FAULT_NONE;
}

void pack_in_fini(struct pack_in *in)
{
	msgpack_unpacked_destroy(&in->item);
	*in = (struct pack_in){ 0 };
}

const msgpack_object *pack_array(const msgpack_object *item, size_t count)
{
	bool fits = item->type == MSGPACK_OBJECT_ARRAY && item->via.array.size == count;
	return fits ? item->via.array.ptr : NULL;
}

bool pack_uint(const msgpack_object *item, uint64_t max, uint64_t *value)
{
	if (item->type != MSGPACK_OBJECT_POSITIVE_INTEGER || item->via.u64 > max)
		return false;
	*value = item->via.u64;
	return true;
}

bool pack_bytes(const msgpack_object *item, size_t max, const unsigned char **data, size_t *size)
{
	if (item->type != MSGPACK_OBJECT_BIN || item->via.bin.size > max)
		return false;
	*data = (const unsigned char *)item->via.bin.ptr;
	*size = item->via.bin.size;
	return true;
}

bool pack_text(const msgpack_object *item, size_t max, const char **text, size_t *size)
{
	if (item->type != MSGPACK_OBJECT_STR || item->via.str.size > max)
		return false;
	*text = item->via.str.ptr;
	*size = item->via.str.size;
	return true;
}
