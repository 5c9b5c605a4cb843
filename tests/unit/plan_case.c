#include "tests/unit/plan_case.h"

#include "queue/catalog_file.h"
#include "queue/file/manifest.h"
#include "tests/unit/facts.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

static const unsigned char job_id[16] = "planned by test";

static void publish(void *context, struct listing_id durable, bool complete)
{
	struct plan_case *c = context;
	assert_false(c->completed);
	assert_true(durable.value >= c->published.value);
	c->published = durable;
	c->completed = complete;
	c->publishes++;
}

static enum fault settle(void *context, uint64_t id, enum outcome_state state,
			 enum outcome_reason reason, struct err *err)
{
	struct plan_case *c = context;
	(void)err;
	size_t used = strlen(c->settled);
	snprintf(c->settled + used, sizeof c->settled - used, "%" PRIu64 " %d %d\n", id, (int)state,
		 (int)reason);
	return FAULT_NONE;
}

void plan_case_init(struct plan_case *c)
{
	const char *tmp = getenv("TMPDIR");
	*c = (struct plan_case){ .boundary = NULL };
	snprintf(c->folder, sizeof c->folder, "%s/plan.XXXXXX",
		 tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	assert_non_null(mkdtemp(c->folder));
	assert_int_equal(chmod(c->folder, 0755), 0);
	snprintf(c->tree, sizeof c->tree, "%s/tree", c->folder);
	snprintf(c->manifest, sizeof c->manifest, "%s/manifest", c->folder);
	assert_int_equal(mkdir(c->tree, 0755), 0);
	c->source = (struct plan_source){ .path = c->tree, .name = "top" };
	c->request = (struct plan_request){
		.directory = c->folder,
		.source = &c->source,
		.source_count = 1,
		.publish = publish,
		.settle = settle,
		.context = c,
		.progress = &c->progress,
	};
}

void plan_case_fini(struct plan_case *c)
{
	char command[256];
	snprintf(command, sizeof command, "chmod -R u+rwX '%s'; rm -rf '%s'", c->folder, c->folder);
	assert_int_equal(system(command), 0);
	free(c->start);
	free(c->boundary);
}

static void path_of(const struct plan_case *c, const char *path, char out[512])
{
	int length = snprintf(out, 512, "%s/%s", c->tree, path);
	assert_in_range(length, 1, 511);
}

void make_file(const struct plan_case *c, const char *path, size_t size)
{
	char whole[512];
	path_of(c, path, whole);
	int fd = open(whole, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	close(fd);
}

void make_directory(const struct plan_case *c, const char *path)
{
	char whole[512];
	path_of(c, path, whole);
	assert_int_equal(mkdir(whole, 0755), 0);
}

void make_symlink(const struct plan_case *c, const char *path, const char *target)
{
	char whole[512];
	path_of(c, path, whole);
	assert_int_equal(symlink(target, whole), 0);
}

unsigned char *read_manifest(const struct plan_case *c, size_t *size)
{
	int fd = open(c->manifest, O_RDONLY | O_CLOEXEC);
	struct stat st;
	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	*size = (size_t)st.st_size;
	unsigned char *data = malloc(*size + 1);
	assert_non_null(data);
	assert_int_equal(read(fd, data, *size), (ssize_t)*size);
	close(fd);
	return data;
}

void cut_manifest(struct plan_case *c, const unsigned char *whole, uint64_t offset)
{
	int fd = open(c->manifest, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, c->start, c->start_size), (ssize_t)c->start_size);
	size_t rest = (size_t)offset - c->start_size;
	assert_int_equal(write(fd, whole + c->start_size, rest), (ssize_t)rest);
	close(fd);
}

static enum fault run(struct plan_case *c, struct manifest_writer *writer)
{
	const struct catalog_files files = { .plan = c->manifest, .sources = c->sources };
	assert_int_equal(catalog_file_open(&files, NULL, &c->request.catalog, &c->err), 0);
	c->request.writer = writer;
	c->published = LISTING_NONE;
	c->publishes = 0;
	c->completed = false;
	enum fault fault = plan_run(&c->request, &c->err);
	manifest_writer_close(writer);
	catalog_close(c->request.catalog);
	return fault;
}

enum fault plan_afresh(struct plan_case *c)
{
	struct manifest_writer *writer;
	(void)!unlink(c->manifest);
	c->request.resume = NULL;
	assert_int_equal(manifest_create(c->manifest, job_id, NULL, 0, &writer, &c->err), 0);
	free(c->start);
	c->start = read_manifest(c, &c->start_size);
	return run(c, writer);
}

enum fault plan_again(struct plan_case *c)
{
	struct manifest_writer *writer;
	struct manifest_resume *resume = calloc(1, sizeof *resume);
	assert_non_null(resume);
	assert_int_equal(manifest_recover(c->manifest, resume, &writer, &c->err), 0);
	assert_non_null(writer);
	c->request.resume = resume;
	enum fault fault = run(c, writer);
	c->request.resume = NULL;
	free(resume);
	return fault;
}

static void print_block(FILE *out, const struct manifest_block *block)
{
	if (block->first)
		fprintf(out, "%" PRIu64 ": %.*s\n", block->id, (int)block->name_size, block->name);
	for (size_t i = 0; i < block->count; i++) {
		const struct manifest_entry *entry = &block->entry[i];
		fprintf(out, " %" PRIu64 " %c", entry->id, "?FDLOI"[entry->kind]);
		if (entry->verdict)
			fprintf(out, "%c%d", "???SF"[entry->verdict], entry -> reason);
		fprintf(out, " %" PRIu64 " %.*s\n", entry->bytes, (int)entry->name_size,
			entry->name);
	}
}

char *plan_text(struct plan_case *c)
{
	struct manifest_reader *reader;
	char *text = NULL;
	size_t size, capacity = 0;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	assert_int_equal(manifest_open(c->manifest, &reader, &c->err), 0);
	struct manifest_block block = { .next = manifest_first(reader) };
	c->boundary_count = 0;
	for (;;) {
		if (c->boundary_count == capacity) {
			capacity = capacity ? 2 * capacity : 64;
			c->boundary = realloc(c->boundary, capacity * sizeof *c->boundary);
			assert_non_null(c->boundary);
		}
		c->boundary[c->boundary_count++] = block.next;
		enum fault fault = manifest_read(reader, block.next, &block, &c->err);
		if (fault == FAULT_NOT_FOUND)
			break;
		assert_int_equal(fault, FAULT_NONE);
		if (block.is_trailer)
			break;
		print_block(out, &block);
	}
	manifest_close(reader);
	fclose(out);
	return text;
}
