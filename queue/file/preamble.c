#include "queue/file/preamble.h"

#include <xxhash.h>

/* Layout; docs/formats.md tells the meaning. */
enum {
	AT_VERSION = PREAMBLE_MAGIC_SIZE,
	AT_RESERVED = 10,
	AT_JOB_ID = 16,
	AT_CHECK = 32,
};

void preamble_encode(const struct preamble_kind *kind, const unsigned char job_id[16],
		     unsigned char bytes[PREAMBLE_SIZE])
{
	memset(bytes, 0, PREAMBLE_SIZE);
	memcpy(bytes, kind->magic, PREAMBLE_MAGIC_SIZE);
	store_le16(bytes + AT_VERSION, kind->version);
	memcpy(bytes + AT_JOB_ID, job_id, 16);
	store_le64(bytes + AT_CHECK, XXH3_64bits(bytes, AT_CHECK));
}

enum fault preamble_decode(const struct preamble_kind *kind,
			   const unsigned char bytes[PREAMBLE_SIZE], unsigned char job_id[16],
			   struct err *err)
{
	static const unsigned char reserved[AT_JOB_ID - AT_RESERVED];
	if (memcmp(bytes, kind->magic, PREAMBLE_MAGIC_SIZE) != 0)
		return err_set(err, FAULT_CORRUPT, "not a %s file of barge", kind->name);
	if (load_le64(bytes + AT_CHECK) != XXH3_64bits(bytes, AT_CHECK))
		return err_set(err, FAULT_CORRUPT, "the first bytes of the %s are damaged",
			       kind->name);
	unsigned version = load_le16(bytes + AT_VERSION);
	if (version != kind->version)
		return err_set(err, FAULT_CORRUPT,
			       "the %s has format version %u, this program reads version %u",
			       kind->name, version, (unsigned)kind->version);
	if (memcmp(bytes + AT_RESERVED, reserved, sizeof reserved) != 0)
		return err_set(err, FAULT_CORRUPT, "the first bytes of the %s are damaged",
			       kind->name);
	memcpy(job_id, bytes + AT_JOB_ID, 16);
	return FAULT_NONE;
}
