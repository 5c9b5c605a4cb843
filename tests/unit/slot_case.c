#include "tests/unit/slot_case.h"

static struct mutable_key key;
static char key_text[MUTABLE_KEY_TEXT_SIZE];

int slot_key_new(void **state)
{
	struct err err;
	(void)state;
	if (mutable_key_generate(&key, &err))
		return -1;
	mutable_key_text(&key, key_text);
	return 0;
}

const char *slot_key_text(void) { return key_text; }

static void hear(void *context, const struct err *why)
{
	struct slot_case *slot = context;
	slot->told = *why;
	slot->times++;
}

static struct slot_shares *shares_of(const void *data, size_t size, uint16_t k, uint16_t n)
{
	const struct chk_params params = { .k = k, .n = n };
	struct slot_shares *shares = NULL;
	struct err err;
	assert_int_equal(slot_shares_new(&key, &params, data, size, &shares, &err), FAULT_NONE);
	return shares;
}

void open_slot(struct slot_case *slot, uint16_t k, uint16_t n, size_t size)
{
	memset(slot, 0, sizeof *slot);
	slot->size = size;
	for (size_t i = 0; i < size; i++)
		slot->data[i] = (unsigned char)(i ^ i >> 8);
	memcpy(slot->other_data, slot->data, size);
	slot->other_data[0] ^= 1;
	slot->shares = shares_of(slot->data, size, k, n);
	slot->other = shares_of(slot->other_data, size, k, n);
	if (slot_compare(&slot->shares->version, &slot->other->version) > 0) {
		struct slot_shares *older = slot->other;
		slot->other = slot->shares;
		slot->shares = older;
		slot->data[0] ^= 1;
		slot->other_data[0] ^= 1;
	}
	slot->directory = key.cap;
	assert_true(cap_to_file(&key.cap, &slot->file));
	const struct direct_options options = {
		.happy = n < 4 ? n : 4,
		.needed = k,
		.told = hear,
		.told_context = slot,
	};
	fake_servers_open(&slot->fake, &key.cap, &options);
	slot->fake.contents = slot->data;
	slot->fake.size = size;
}

void close_slot(struct slot_case *slot)
{
	fake_servers_close(&slot->fake);
	slot_shares_free(slot->shares);
	slot_shares_free(slot->other);
}

struct slot_shares *slot_version_new(const struct slot_case *slot, unsigned char number)
{
	const struct slot_shares *like = slot->shares;
	unsigned char data[SLOT_MAX];
	memcpy(data, slot->data, slot->size);
	data[slot->size - 1] ^= number;
	return shares_of(data, slot->size, (uint16_t)like->version.needed, (uint16_t)like->count);
}

void give_slot(struct slot_case *slot, const struct slot_shares *shares, unsigned rank,
	       unsigned number)
{
	fake_servers_give(&slot->fake, rank, number, shares->data + number * shares->share_size,
			  shares->share_size);
}

void give_slot_all(struct slot_case *slot)
{
	for (unsigned i = 0; i < slot->shares->count; i++)
		give_slot(slot, slot->shares, i, i);
}
