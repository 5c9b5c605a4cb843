#include "tests/unit/catalog_memory.h"

/* The contract on the catalog in memory: what the file backend does is what the interface says. */

int main(void)
{
	static const struct catalog_contract memory_backend = { .make = catalog_memory_new };
	return catalog_contract_run(&memory_backend);
}
