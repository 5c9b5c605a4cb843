#include "tahoe/chunked.h"

size_t chunk_name(uint64_t number, uint64_t count, char name[CHUNK_NAME_SIZE])
{
	const int digits = snprintf(NULL, 0, "%llu", (unsigned long long)count);
	return (size_t)snprintf(name, CHUNK_NAME_SIZE, "%0*llu", digits,
				(unsigned long long)number + 1);
}
