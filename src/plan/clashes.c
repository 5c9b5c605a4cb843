#include "plan/clashes.h"

#include "base/bytes.h"

/* A form that several names have. */
struct clash {
	size_t offset, size; /* in the text */
};

struct clashes {
	struct names *forms;
	struct clash *clash; /* sorted */
	size_t count, capacity;
	char *text;
	size_t text_size, text_capacity;
};

struct clashes *clashes_new(const char *folder)
{
	struct clashes *clashes = calloc(1, sizeof *clashes);
	if (!clashes)
		return NULL;
	clashes->forms = names_new(folder);
	if (clashes->forms)
		return clashes;
	clashes_free(clashes);
	return NULL;
}

void clashes_free(struct clashes *clashes)
{
	if (!clashes)
		return;
	names_free(clashes->forms);
	free(clashes->clash);
	free(clashes->text);
	free(clashes);
}

void clashes_clear(struct clashes *clashes)
{
	names_clear(clashes->forms);
	clashes->count = clashes->text_size = 0;
}

enum fault clashes_add(struct clashes *clashes, const struct name *form, struct err *err)
{
	return names_add(clashes->forms, form, err);
}

/* Makes room for one more clash of `size` bytes. */
static bool reserve(struct clashes *clashes, size_t size)
{
	if (clashes->count == clashes->capacity) {
		size_t capacity = clashes->capacity ? 2 * clashes->capacity : 16;
		struct clash *clash = realloc(clashes->clash, capacity * sizeof *clash);
		if (!clash)
			return false;
		clashes->clash = clash;
		clashes->capacity = capacity;
	}
	if (clashes->text_size + size > clashes->text_capacity) {
		size_t capacity = 2 * (clashes->text_size + size);
		char *text = realloc(clashes->text, capacity);
		if (!text)
			return false;
		clashes->text = text;
		clashes->text_capacity = capacity;
	}
	return true;
}

static bool is_last(const struct clashes *clashes, const struct name *form)
{
	if (clashes->count == 0)
		return false;
	const struct clash *last = &clashes->clash[clashes->count - 1];
	return last->size == form->size &&
	       memcmp(clashes->text + last->offset, form->bytes, form->size) == 0;
}

/* Notes a form, once. */
static enum fault note(struct clashes *clashes, const struct name *form, struct err *err)
{
	if (is_last(clashes, form))
		return FAULT_NONE;
	if (!reserve(clashes, form->size))
		return err_set(err, FAULT_NOMEM, "no memory for names that are equal in NFC");
	clashes->clash[clashes->count++] =
		(struct clash){ .offset = clashes->text_size, .size = form->size };
	memcpy(clashes->text + clashes->text_size, form->bytes, form->size);
	clashes->text_size += form->size;
	return FAULT_NONE;
}

/* Walks the sorted forms and the sorted names side by side: a form that comes twice, or that is a
 * name itself, is a clash. */
static enum fault merge(struct clashes *clashes, struct names *names, struct err *err)
{
	struct name form, name;
	enum fault fault = names_next(names, &name, err);
	while (!fault) {
		fault = names_next(clashes->forms, &form, err);
		if (fault || !form.bytes)
			break;
		while (!fault && name.bytes &&
		       bytes_compare(name.bytes, name.size, form.bytes, form.size) < 0)
			fault = names_next(names, &name, err);
		if (!fault &&
		    (form.repeated || (name.bytes && bytes_compare(name.bytes, name.size,
								   form.bytes, form.size) == 0)))
			fault = note(clashes, &form, err);
	}
	return fault;
}

enum fault clashes_find(struct clashes *clashes, struct names *names, struct err *err)
{
	if (!names_count(clashes->forms))
		return FAULT_NONE;
	enum fault fault = names_sort(clashes->forms, err);
	if (!fault)
		fault = merge(clashes, names, err);
	return fault ? fault : names_rewind(names, err);
}

bool clashes_any(const struct clashes *clashes) { return clashes->count; }

/* A form that is looked for, and the text of the others. */
struct wanted_form {
	struct bytes_view form;
	const char *text;
};

static int compare_wanted_form(const void *key, const void *element)
{
	const struct wanted_form *wanted = key;
	const struct clash *clash = element;
	return bytes_compare(wanted->form.data, wanted->form.size, wanted->text + clash->offset,
			     clash->size);
}

bool clashes_has(const struct clashes *clashes, const char *form, size_t size)
{
	const struct wanted_form wanted = { { form, size }, clashes->text };
	if (!clashes_any(clashes))
		return false;
	return bsearch(&wanted, clashes->clash, clashes->count, sizeof *clashes->clash,
		       compare_wanted_form);
}
