#include "plan/refusal.h"

#include "base/utf8.h"
#include "queue/entry.h"

#include <limits.h>

const char *refusal_grid(const char *name, size_t size)
{
	if (size == 0)
		return "the name is empty";
	if (size > MANIFEST_NAME_MAX)
		return "the name is longer than 4,096 bytes";
	if (memchr(name, '\0', size))
		return "the name holds a NUL";
	if (memchr(name, '/', size))
		return "the name holds a slash";
	return name_is_utf8(name, size) ? NULL : "the name is not UTF-8";
}

const char *refusal_local(const char *name, size_t size)
{
	if (size > NAME_MAX)
		return "the name is longer than 255 bytes";
	if ((size == 1 && name[0] == '.') || (size == 2 && memcmp(name, "..", 2) == 0))
		return "the name leads out of its directory";
	return refusal_grid(name, size);
}
