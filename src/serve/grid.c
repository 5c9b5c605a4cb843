#include "serve/grid.h"

#include "base/secret.h"
#include "serve/grid_slot.h"
#include "serve/problem.h"
#include "tahoe/dirnode.h"

enum { PIECE_SIZE = 256 * 1024 }; /* bytes of a spooled file read at once */

struct grid {
	struct shares *shares;
	struct chk_params params;
	struct chk_key key;
	struct chk_encoder *encoder;
	unsigned char *piece; /* PIECE_SIZE */
};

enum fault grid_open(const char *directory, const unsigned char secret[CHK_SECRET_MAX],
		     struct grid **out, struct err *err)
{
	struct bytes path;
	bytes_init(&path, 64 * 1024);
	struct grid *grid = calloc(1, sizeof *grid);
	if (!grid)
		return err_set(err, FAULT_NOMEM, "out of memory for a grid");
	enum fault fault = FAULT_NONE;
	grid->piece = malloc(PIECE_SIZE);
	if (!grid->piece)
		fault = err_set(err, FAULT_NOMEM, "out of memory for a grid");
	if (!fault)
		fault = bytes_err(bytes_printf(&path, "%s/shares.log", directory), err, "a path");
	if (!fault)
		fault = shares_open(bytes_text(&path), &grid->shares, err);
	if (!fault)
		fault = chk_key_init(&grid->key, err);
	if (!fault)
		fault = chk_encoder_new(&grid->encoder, err);
	bytes_fini(&path);
	if (fault) {
		grid_close(grid);
		return fault;
	}
	grid->params = (struct chk_params){
		.secret_size = CHK_SECRET_MAX, .k = 1, .n = 1, .max_segment_size = CHK_SEGMENT_SIZE
	};
	memcpy(grid->params.secret, secret, CHK_SECRET_MAX);
	*out = grid;
	return FAULT_NONE;
}

void grid_close(struct grid *grid)
{
	if (!grid)
		return;
	shares_close(grid->shares);
	chk_key_fini(&grid->key);
	chk_encoder_free(grid->encoder);
	secret_wipe(&grid->params, sizeof grid->params);
	free(grid->piece);
	free(grid);
}

const struct shares *grid_shares(const struct grid *grid) { return grid->shares; }

/* The convergence key of `body`. */
static enum fault body_key(struct grid *grid, const struct spool *body,
			   unsigned char key[CAP_KEY_SIZE], struct err *err)
{
	enum fault fault = chk_key_start(&grid->key, &grid->params, body->size, err);
	struct spool_piece piece;
	for (uint64_t at = 0; at < body->size && !fault; at += piece.size) {
		piece.size = PIECE_SIZE;
		fault = spool_read(body, at, grid->piece, &piece, err);
		if (!fault)
			fault = chk_key_update(&grid->key, piece.data, piece.size, err);
	}
	return fault ? fault : chk_key_final(&grid->key, key, err);
}

static enum fault share_sink(void *user, const struct chk_piece *piece, struct err *err)
{
	return shares_write(user, piece->data, piece->size, err);
}

/* Encodes `body`, into the log where it is new, and stores the cap. */
static enum fault body_encode(struct grid *grid, const struct spool *body,
			      const unsigned char key[CAP_KEY_SIZE], struct upload *upload,
			      struct err *err)
{
	enum fault fault = chk_encoder_start(grid->encoder, &grid->params, body->size, key, err);
	if (!fault && upload->created)
		chk_encoder_set_sink(grid->encoder, share_sink, grid->shares);
	struct spool_piece piece;
	for (uint64_t at = 0; at < body->size && !fault; at += piece.size) {
		piece.size = PIECE_SIZE;
		fault = spool_read(body, at, grid->piece, &piece, err);
		if (!fault)
			fault = chk_encoder_update(grid->encoder, piece.data, piece.size, err);
	}
	return fault ? fault : chk_encoder_final(grid->encoder, &upload->cap, err);
}

/* Encodes a body and stores the share, unless the log has it already. */
static enum fault put_share(struct grid *grid, const struct spool *body, struct upload *upload,
			    struct err *err)
{
	struct chk_layout layout;
	struct cap read = { .kind = CAP_CHK, .needed = 1, .total = 1, .size = body->size };
	struct share share = { .kind = SHARE_IMMUTABLE };
	enum fault fault = chk_layout_of(&grid->params, body->size, &layout, err);
	if (!fault)
		fault = body_key(grid, body, read.key, err);
	if (fault)
		return fault;
	if (!cap_storage_index(&read, upload->index))
		return problem(err, 500, "builtins.AssertionError: no storage index");
	upload->stored = true;
	upload->created = !shares_find(grid->shares, upload->index, &share);
	if (upload->created) {
		memcpy(share.index, upload->index, CAP_KEY_SIZE);
		share.size = layout.share_size;
		fault = shares_begin(grid->shares, &share, err);
	}
	if (!fault)
		fault = body_encode(grid, body, read.key, upload, err);
	if (!fault && upload->created)
		fault = shares_commit(grid->shares, err);
	if (fault)
		shares_abort(grid->shares);
	cap_wipe(&read);
	return fault;
}

enum fault grid_put(struct grid *grid, const struct spool *body, struct upload *upload,
		    struct err *err)
{
	*upload = (struct upload){ 0 };
	if (body->size > LITERAL_SIZE_MAX)
		return put_share(grid, body, upload, err);
	struct spool_piece piece = { .size = LITERAL_SIZE_MAX };
	const enum fault fault = spool_read(body, 0, grid->piece, &piece, err);
	if (!fault)
		chk_literal(piece.data, piece.size, &upload->cap);
	return fault;
}

enum fault grid_put_directory(struct grid *grid, const struct stored_directory *directory,
			      struct upload *upload, struct err *err)
{
	struct bytes body;
	struct spool spool;
	bytes_init(&body, DIRECTORY_BODY_MAX);
	enum fault fault = directory_pack(directory, NULL, &body, err);
	spool_borrow(&spool, body.data, body.size);
	if (!fault)
		fault = grid_put(grid, &spool, upload, err);
	spool_fini(&spool);
	bytes_fini(&body);
	if (!fault && !cap_to_directory(&upload->cap, &upload->cap))
		fault = problem(err, 500, "builtins.AssertionError: no directory cap");
	return fault;
}

enum fault grid_mkdir(struct grid *grid, const struct mutable_key *key,
		      const struct stored_directory *directory, struct err *err)
{
	struct share share;
	unsigned char index[CAP_KEY_SIZE];
	if (!cap_storage_index(&key->cap, index) || shares_find(grid->shares, index, &share))
		return problem(err, 500,
			       "allmydata.mutable.common.UncoordinatedWriteError: somebody wrote "
			       "to this slot before us");
	return slot_write(grid->shares, &key->cap, 1, directory, err);
}

enum fault grid_may_write(const struct cap *cap, struct err *err)
{
	if (!cap_is_directory(cap))
		return problem(err, 400, "not a directory");
	if (cap_is_writable(cap))
		return FAULT_NONE;
	if (cap_is_mutable(cap))
		return problem(err, 500, "allmydata.interfaces.NotWriteableError: read-only");
	return problem(err, 500,
		       "builtins.AttributeError: 'ImmutableDirectoryNode' cannot be changed");
}

enum fault grid_update(struct grid *grid, const struct cap *cap,
		       const struct stored_directory *directory, struct err *err)
{
	struct share share;
	enum fault fault = grid_may_write(cap, err);
	if (!fault)
		fault = slot_find(grid->shares, cap, &share, err);
	return fault ? fault : slot_write(grid->shares, cap, share.sequence + 1, directory, err);
}

enum fault grid_list(struct grid *grid, const struct cap *cap, struct stored_directory *directory,
		     struct err *err)
{
	struct download_reply *download = NULL;
	struct bytes body;
	bytes_init(&body, DIRECTORY_BODY_MAX);
	enum fault fault = FAULT_NONE;
	if (!cap_is_directory(cap) || cap_is_verifier(cap))
		fault = problem(err, 400, "not a directory that can be read");
	if (!fault)
		fault = grid_open_file(grid, cap, &download, err);
	const size_t size = fault ? 0 : (size_t)download_size(download);
	if (!fault && size > 0)
		fault = bytes_err(bytes_reserve(&body, size), err, "a directory");
	while (!fault && body.size < size) {
		size_t part = size - body.size;
		fault = download_read(download, body.size, body.data + body.size, &part, err);
		body.size += fault ? 0 : part;
	}
	if (!fault)
		fault = directory_unpack(body.data, body.size,
					 cap_is_writable(cap) ? cap->key : NULL, directory, err);
	if (fault == FAULT_CORRUPT)
		fault = problem(err, 410,
				"allmydata.mutable.common.UnrecoverableFileError: the directory "
				"cannot be read");
	bytes_fini(&body);
	download_free(download);
	return fault;
}

enum fault grid_open_file(struct grid *grid, const struct cap *cap,
			  struct download_reply **download, struct err *err)
{
	struct cap file;
	struct share share;
	if (!cap_to_file(cap, &file) || cap_is_verifier(cap))
		return problem(err, 500, "builtins.AssertionError: this cap cannot be read");
	enum fault fault = FAULT_NONE;
	unsigned char index[CAP_KEY_SIZE];
	if (cap_is_literal(&file))
		fault = download_of_memory(file.content, (size_t)file.size, download, err);
	else if (cap_is_mutable(&file))
		fault = slot_open(grid->shares, &file, download, err);
	else if (!cap_storage_index(&file, index) || !shares_find(grid->shares, index, &share) ||
		 share.kind != SHARE_IMMUTABLE)
		fault = problem(err, 410,
				"allmydata.interfaces.NoSharesError: no shares (need 1). Last "
				"failure: None");
	else
		fault = download_of_share(grid->shares, &share, &file, download, err);
	cap_wipe(&file);
	return fault;
}

enum fault grid_check(struct grid *grid, const struct cap *cap, bool verify,
		      struct check_result *result, struct err *err)
{
	struct share share;
	struct download_reply *download = NULL;
	*result = (struct check_result){ .literal = cap_is_literal(cap) };
	if (result->literal)
		return FAULT_NONE;
	if (!cap_storage_index(cap, result->index))
		return problem(err, 405, "this object cannot be checked");
	result->is_mutable = cap_is_mutable(cap);
	result->found = shares_find(grid->shares, result->index, &share);
	if (!result->found)
		return FAULT_NONE;
	result->sequence = share.sequence;
	if (!verify)
		return FAULT_NONE;
	struct err detail;
	enum fault fault;
	if (result->is_mutable)
		fault = slot_check(grid->shares, &share, &detail);
	else
		fault = download_of_share(grid->shares, &share, cap, &download, &detail);
	if (!fault && download)
		fault = download_verify(download, &detail);
	download_free(download);
	result->corrupt = fault == FAULT_CORRUPT;
	if (fault && !result->corrupt && err)
		*err = detail;
	return result->corrupt ? FAULT_NONE : fault;
}
