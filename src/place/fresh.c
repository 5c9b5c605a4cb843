#include "place/fresh.h"

#include "base/secret.h"
#include "place/make.h"

static enum fault make(const struct tries *tries, struct cap *cap, struct err *err)
{
	return make_mutable(tries, NULL, cap, err)
		       ? err_wrap(err, "making the directory for --cap-out")
		       : FAULT_NONE;
}

static enum fault write_cap(struct outfile *file, const struct cap *cap, struct err *err)
{
	char text[CAP_TEXT_SIZE + 1];
	size_t size = cap_print(cap, text);
	text[size++] = '\n';
	enum fault fault = dirfd_write(file->fd, text, size, err);
	if (!fault)
		fault = outfile_publish(file, err);
	secret_wipe(text, sizeof text);
	return fault;
}

static enum fault open_file(struct outfile *file, const struct place *target, struct err *err)
{
	enum fault fault = outfile_open(file, target->path, false, err);
	if (fault == FAULT_EXISTS)
		return err_set(err, FAULT_USAGE, "--cap-out: '%.120s' is there already",
			       target->path);
	return fault;
}

enum fault fresh_make(const struct tries *tries, const struct place *target, struct cap *cap,
		      struct err *err)
{
	struct outfile file;
	enum fault fault = open_file(&file, target, err);
	if (fault)
		return fault;
	fault = make(tries, cap, err);
	if (!fault)
		fault = write_cap(&file, cap, err);
	outfile_fini(&file);
	return fault;
}

enum fault fresh_begin(struct fresh *fresh, const struct place *target, struct err *err)
{
	enum fault fault = open_file(&fresh->file, target, err);
	if (!fault && mutable_key_generate(&fresh->key, err)) {
		fault = err->fault;
		outfile_fini(&fresh->file);
	}
	return fault;
}

enum fault fresh_publish(struct fresh *fresh, struct err *err)
{
	return write_cap(&fresh->file, &fresh->key.cap, err);
}

void fresh_fini(struct fresh *fresh)
{
	outfile_fini(&fresh->file);
	mutable_key_wipe(&fresh->key);
}
