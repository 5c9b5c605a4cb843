#include "tahoe/chunked.h"

#include "base/secret.h"

size_t chunk_name(uint64_t number, uint64_t count, char name[CHUNK_NAME_SIZE])
{
	const int digits = snprintf(NULL, 0, "%llu", (unsigned long long)count);
	return (size_t)snprintf(name, CHUNK_NAME_SIZE, "%0*llu", digits,
				(unsigned long long)number + 1);
}

/* Returns the number that the name says, from 1, or 0 where it is none of a chunk. */
static size_t number_of(const char *name, size_t size)
{
	size_t number = 0;
	for (size_t i = 0; i < size; i++) {
		if (name[i] < '0' || name[i] > '9' || number > CHUNKED_COUNT_MAX)
			return 0;
		number = 10 * number + (size_t)(name[i] - '0');
	}
	return number > CHUNKED_COUNT_MAX ? 0 : number;
}

void chunked_fini(struct chunked *chunked)
{
	if (chunked->cap)
		secret_wipe(chunked->cap, chunked->capacity * sizeof *chunked->cap);
	free(chunked->cap);
	*chunked = (struct chunked){ 0 };
}

void chunked_begin(struct chunked *chunked, uint64_t bytes)
{
	chunked_fini(chunked);
	chunked->bytes = bytes;
}

/* Makes room for chunk `number`, from 1.  They are moved by hand: realloc leaves secrets behind. */
static bool make_room(struct chunked *chunked, size_t number)
{
	if (number <= chunked->capacity)
		return true;
	size_t capacity = chunked->capacity ? chunked->capacity : 16;
	while (capacity < number)
		capacity *= 2;
	struct cap *grown = calloc(capacity, sizeof *grown);
	if (!grown)
		return false;
	if (chunked->cap) {
		memcpy(grown, chunked->cap, chunked->capacity * sizeof *grown);
		secret_wipe(chunked->cap, chunked->capacity * sizeof *grown);
	}
	free(chunked->cap);
	chunked->cap = grown;
	chunked->capacity = capacity;
	return true;
}

bool chunked_add(struct chunked *chunked, const char *name, size_t name_size, const struct cap *cap)
{
	const size_t number = number_of(name, name_size);
	if (chunked->count == 0)
		chunked->name_size = name_size;
	chunked->refuted |= number == 0 || name_size != chunked->name_size ||
			    (cap->kind != CAP_CHK && cap->kind != CAP_LIT);
	if (chunked->refuted)
		return true;
	if (!make_room(chunked, number))
		return false;
	chunked->cap[number - 1] = *cap;
	chunked->count++; /* a number twice leaves one out */
	return true;
}

/* Whether all numbers are there, in the digits that they have, and of sizes that make the file. */
static bool is_whole(const struct chunked *chunked)
{
	char last[CHUNK_NAME_SIZE];
	const size_t count = chunked->count;
	if (chunked->refuted || count < 2 ||
	    chunked->name_size != chunk_name(count - 1, count, last))
		return false;
	const uint64_t size = chunked->cap[0].size;
	if (size == 0 || (chunked->bytes - 1) / size + 1 != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (chunked->cap[i].kind == CAP_NONE ||
		    chunked->cap[i].size != min_u64(size, chunked->bytes - i * size))
			return false;
	return true;
}

bool chunked_end(struct chunked *chunked)
{
	if (is_whole(chunked)) {
		chunked->chunk_size = chunked->cap[0].size;
		return true;
	}
	chunked_fini(chunked);
	return false;
}

uint64_t chunked_size_of(const struct chunked *chunked, size_t number)
{
	return min_u64(chunked->chunk_size, chunked->bytes - number * chunked->chunk_size);
}
