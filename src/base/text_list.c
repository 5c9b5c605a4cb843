#include "base/text_list.h"

#include "base/secret.h"

enum fault text_list_add(struct text_list *list, const char *text, struct err *err)
{
	char **grown = reallocarray(list->text, list->count + 1, sizeof *grown);
	char *copy = strdup(text);
	if (grown)
		list->text = grown;
	if (!grown || !copy) {
		free(copy);
		return err_set(err, FAULT_NOMEM, "out of memory for a list of texts");
	}
	grown[list->count++] = copy;
	return FAULT_NONE;
}

void text_list_fini(struct text_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->text[i])
			secret_wipe(list->text[i], strlen(list->text[i]));
		free(list->text[i]);
	}
	free(list->text);
	*list = (struct text_list){ 0 };
}
