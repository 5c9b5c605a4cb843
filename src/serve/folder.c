#include "serve/folder.h"

#include "base/secret.h"
#include "node/node.h"
#include "queue/core/file_io.h"
#include "tahoe/base32.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PATH_SIZE_MAX = 64 * 1024,
	SECRET_LENGTH = 52, /* characters of base32 for CHK_SECRET_MAX bytes */
	SECRET_FILE_MAX = 4096,
	ALIAS_FILE_SIZE = CAP_TEXT_SIZE + 16,
};

static enum fault path_of(const struct folder *folder, const char *name, struct bytes *path,
			  struct err *err)
{
	bytes_init(path, PATH_SIZE_MAX);
	return bytes_err(bytes_printf(path, "%s/%s", folder->directory, name), err, "a path");
}

static enum fault make_directory(const char *path, struct err *err)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_os(err, FAULT_IO, errno, "make %.100s", path);
	return FAULT_NONE;
}

/* Has DIRECTORY/NAME hold `text`, at once or not at all. */
static enum fault file_put(const struct folder *folder, const char *name, const char *text,
			   mode_t mode, struct err *err)
{
	struct bytes path, temporary = { 0 };
	enum fault fault = path_of(folder, name, &path, err);
	if (!fault) {
		bytes_init(&temporary, PATH_SIZE_MAX);
		fault = bytes_err(bytes_printf(&temporary, "%s.new", bytes_text(&path)), err,
				  "a path");
	}
	int fd = -1;
	if (!fault) {
		fd = open(bytes_text(&temporary),
			  O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
		fault = fd < 0 ? err_os(err, FAULT_IO, errno, "make") : FAULT_NONE;
	}
	if (!fault)
		fault = file_write_at(fd, 0, text, strlen(text), err);
	if (fd >= 0 && close(fd) < 0 && !fault)
		fault = err_os(err, FAULT_IO, errno, "close");
	if (!fault && rename(bytes_text(&temporary), bytes_text(&path)) < 0)
		fault = err_os(err, FAULT_IO, errno, "rename");
	if (fault)
		err_wrap(err, "%.100s", bytes_text(&path));
	bytes_fini(&temporary);
	bytes_fini(&path);
	return fault;
}

static bool file_exists(const struct folder *folder, const char *name)
{
	struct bytes path;
	struct stat st;
	const bool exists =
		!path_of(folder, name, &path, NULL) && lstat(bytes_text(&path), &st) == 0;
	bytes_fini(&path);
	return exists;
}

static enum fault lock_take(struct folder *folder, struct err *err)
{
	struct bytes path;
	enum fault fault = path_of(folder, "gateway.lock", &path, err);
	if (!fault) {
		folder->lock_fd =
			open(bytes_text(&path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (folder->lock_fd < 0)
			fault = err_os(err, FAULT_IO, errno, "open %.100s", bytes_text(&path));
		else if (flock(folder->lock_fd, LOCK_EX | LOCK_NB) < 0)
			fault = err_set(err, FAULT_LOCKED, "%.100s: a gateway is running on it",
					folder->directory);
	}
	bytes_fini(&path);
	return fault;
}

static enum fault secret_parse(const struct bytes *text, unsigned char out[CHK_SECRET_MAX])
{
	size_t length = text->size, size;
	while (length > 0 && strchr(" \r\n\t", bytes_text(text)[length - 1]))
		length--;
	if (length != SECRET_LENGTH || !base32_decode(bytes_text(text), length, out, &size))
		return FAULT_CORRUPT;
	return FAULT_NONE;
}

/* Reads private/convergence, or makes it. */
static enum fault secret_load(struct folder *folder, struct err *err)
{
	struct bytes path, text;
	char made[SECRET_LENGTH + 2];
	bytes_init(&text, SECRET_FILE_MAX);
	enum fault fault = path_of(folder, "private/convergence", &path, err);
	if (!fault)
		fault = secret_file_read(bytes_text(&path), SECRET_FILE_TAHOE, &text, err);
	if (!fault && secret_parse(&text, folder->secret))
		fault = err_set(err, FAULT_CORRUPT, "%.100s: not a convergence secret",
				bytes_text(&path));
	if (fault == FAULT_NOT_FOUND) {
		fault = secret_random(folder->secret, sizeof folder->secret, err);
		if (!fault) {
			const size_t length =
				base32_encode(folder->secret, sizeof folder->secret, made);
			made[length] = '\n';
			made[length + 1] = '\0';
			fault = file_put(folder, "private/convergence", made, 0600, err);
		}
		secret_wipe(made, sizeof made);
	}
	bytes_fini(&text);
	bytes_fini(&path);
	return fault;
}

/* Makes the alias "tahoe:" with its directory, unless there is a file of aliases. */
static enum fault alias_make(struct folder *folder, struct err *err)
{
	struct mutable_key key;
	const struct stored_directory empty = { 0 };
	char cap[CAP_TEXT_SIZE], line[ALIAS_FILE_SIZE];
	if (file_exists(folder, "private/aliases"))
		return FAULT_NONE;
	enum fault fault = mutable_key_generate(&key, err);
	if (!fault)
		fault = grid_mkdir(folder->grid, &key, &empty, err);
	if (!fault) {
		cap_print(&key.cap, cap);
		snprintf(line, sizeof line, "tahoe: %s\n", cap);
		fault = file_put(folder, "private/aliases", line, 0600, err);
	}
	mutable_key_wipe(&key);
	secret_wipe(cap, sizeof cap);
	secret_wipe(line, sizeof line);
	return fault;
}

enum fault node_folder_open(struct folder *folder, const char *directory, struct err *err)
{
	struct bytes private;
	*folder = (struct folder){ .directory = directory, .lock_fd = -1, .open = true };
	enum fault fault = make_directory(directory, err);
	if (!fault && file_exists(folder, "tahoe.cfg") && !file_exists(folder, "shares.log"))
		fault = err_set(err, FAULT_EXISTS, "%.100s is the directory of another node",
				directory);
	if (!fault)
		fault = lock_take(folder, err);
	if (!fault)
		fault = path_of(folder, "private", &private, err);
	else
		bytes_init(&private, 0);
	if (!fault)
		fault = make_directory(bytes_text(&private), err);
	bytes_fini(&private);
	if (!fault)
		fault = secret_load(folder, err);
	if (!fault)
		fault = grid_open(directory, folder->secret, &folder->grid, err);
	if (!fault)
		fault = alias_make(folder, err);
	if (fault)
		node_folder_close(folder);
	return fault;
}

void node_folder_close(struct folder *folder)
{
	if (!folder->open)
		return;
	grid_close(folder->grid);
	if (folder->lock_fd >= 0)
		close(folder->lock_fd);
	secret_wipe(folder->secret, sizeof folder->secret);
	*folder = (struct folder){ 0 };
}

uint16_t folder_old_port(const struct folder *folder)
{
	struct node node;
	struct err err;
	if (node_load(&node, folder->directory, &err))
		return 0;
	const char *colon = node.url ? strrchr(node.url, ':') : NULL;
	const unsigned long port = colon ? strtoul(colon + 1, NULL, 10) : 0;
	node_fini(&node);
	return port <= UINT16_MAX ? (uint16_t)port : 0;
}

enum fault folder_publish(const struct folder *folder, uint16_t port, struct err *err)
{
	char text[512];
	snprintf(text, sizeof text,
		 "[node]\nnickname = barge gateway\nweb.port = tcp:%u:interface=127.0.0.1\n\n"
		 "[client]\nshares.needed = 1\nshares.happy = 1\nshares.total = 1\n",
		 port);
	const enum fault fault = file_put(folder, "tahoe.cfg", text, 0600, err);
	if (fault)
		return fault;
	snprintf(text, sizeof text, "http://127.0.0.1:%u/\n", port);
	return file_put(folder, "node.url", text, 0600, err);
}
