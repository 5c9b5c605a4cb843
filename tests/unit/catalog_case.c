#include "tests/unit/catalog_case.h"

#include "tests/unit/facts.h"

struct catalog *catalog_case_open(const char *plan, const char *outcomes)
{
	const struct catalog_files files = { .plan = plan, .outcomes = outcomes };
	struct catalog *catalog = NULL;
	assert_int_equal(catalog_file_open(&files, NULL, &catalog, NULL), FAULT_NONE);
	return catalog;
}
