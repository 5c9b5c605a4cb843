#include "direct/secret_line.h"

#include "tests/unit/facts.h"

static void a_secret_stands_in_base64(void **state)
{
	unsigned char secret[DIGEST_SIZE];
	char line[SECRET_LINE_SIZE];
	(void)state;
	memset(line, 'x', sizeof line);
	for (unsigned i = 0; i < DIGEST_SIZE; i++)
		secret[i] = (unsigned char)i;
	secret_line(line, "upload-secret", secret);
	assert_string_equal(line, "X-Tahoe-Authorization: upload-secret "
				  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_secret_stands_in_base64) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
