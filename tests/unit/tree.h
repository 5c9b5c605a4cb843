/* A directory of one test's own, with whatever trees in it, removed as a whole. */
#pragma once

#include "queue/core/base.h"

/* Setup and teardown of a test in cmocka. */
int tree_setup(void **state);
int tree_teardown(void **state);

/* Returns the path of `name` in the directory; lives until the next call but seven. */
const char *tree_path(const char *name);

/* Makes a file of `text`, or tells whether there is exactly that. */
void tree_store(const char *name, const char *text);
bool tree_holds(const char *name, const void *data, size_t size);

/* Gives all of the directory to a user who is not root and becomes him, where the test is root's,
 * to whom nothing is refused; and becomes root again. */
void tree_as_user(void);
void tree_as_root(void);

/* Returns how many entries a directory of the tree has. */
size_t tree_count(const char *name);
