#include "tahoe/lease.h"

#include "tests/unit/facts.h"

/* The first two were made by tahoe-lafs 1.20.0 allmydata/util/hashutil.py. */
static void makes_the_secrets_of_tahoe(void **state)
{
	(void)state;
	static const unsigned char renew[DIGEST_SIZE] = {
		0x77, 0xc5, 0xe7, 0xbd, 0xd6, 0xd5, 0x63, 0x6d, 0x15, 0x12, 0x51,
		0xcd, 0x95, 0x32, 0x27, 0x17, 0x4f, 0xa8, 0xf4, 0xb0, 0x2e, 0x23,
		0xfa, 0x6c, 0x7b, 0x50, 0xc1, 0x73, 0x7a, 0x49, 0x33, 0x0f,
	};
	static const unsigned char cancel[DIGEST_SIZE] = {
		0x79, 0xe0, 0xeb, 0x87, 0x93, 0x5e, 0x76, 0x5e, 0x82, 0x4b, 0x77,
		0x1a, 0x85, 0xb9, 0x8a, 0xa8, 0x59, 0xa3, 0xf8, 0x79, 0xb5, 0x23,
		0xca, 0x9a, 0x21, 0x64, 0xc6, 0x23, 0xa3, 0x27, 0xa4, 0x36,
	};
	unsigned char secret[LEASE_SECRET_SIZE], index[LEASE_INDEX_SIZE];
	unsigned char server[LEASE_SERVER_SIZE];
	struct lease_secrets secrets, other;
	for (int i = 0; i < LEASE_SECRET_SIZE; i++)
		secret[i] = (unsigned char)i;
	for (int i = 0; i < LEASE_INDEX_SIZE; i++)
		index[i] = (unsigned char)(100 + i);
	for (int i = 0; i < LEASE_SERVER_SIZE; i++)
		server[i] = (unsigned char)(200 + i);
	lease_secrets_of(secret, index, server, &secrets);
	assert_memory_equal(secrets.renew, renew, sizeof renew);
	assert_memory_equal(secrets.cancel, cancel, sizeof cancel);
	server[0] ^= 1;
	lease_secrets_of(secret, index, server, &other);
	assert_memory_not_equal(secrets.upload, other.upload, DIGEST_SIZE);
	server[0] ^= 1;
	index[0] ^= 1;
	lease_secrets_of(secret, index, server, &other);
	assert_memory_not_equal(secrets.upload, other.upload, DIGEST_SIZE);
	index[0] ^= 1;
	lease_secrets_of(secret, index, server, &other);
	assert_memory_equal(secrets.upload, other.upload, DIGEST_SIZE);
	assert_memory_not_equal(secrets.upload, secrets.renew, DIGEST_SIZE);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(makes_the_secrets_of_tahoe),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
