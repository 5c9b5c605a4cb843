#include "tests/unit/land_case.h"

#include "base/digest.h"
#include "queue/file/manifest.h"
#include "queue/file/outcomes.h"
#include "tests/unit/catalog_case.h"
#include "tests/unit/facts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const unsigned char job_id[16] = "job of a target";

static void write_listings(struct land_case *h)
{
	static const char *const name[] = { "", "d", "e" };
	struct manifest_writer *writer;
	struct err err;
	assert_int_equal(manifest_create(tree_path("manifest"), job_id, NULL, 0, &writer, &err), 0);
	for (size_t i = 0; i < LAND_CASE_DIRECTORIES; i++) {
		struct manifest_entry entry = { .kind = MANIFEST_DIRECTORY,
						.name = name[(i + 1) % LAND_CASE_DIRECTORIES],
						.name_size = 1 };
		struct listing_id above = i ? h->listing[i - 1] : LISTING_NONE;
		assert_int_equal(manifest_begin(writer, i, i ? i - 1 : 0, above, name[i],
						strlen(name[i]), &h->listing[i], &err),
				 0);
		if (i + 1 < LAND_CASE_DIRECTORIES)
			assert_int_equal(manifest_add(writer, &entry, &err), 0);
		assert_int_equal(manifest_end(writer, &err), 0);
	}
	assert_int_equal(manifest_finish(writer, &err), 0);
	manifest_writer_close(writer);
}

void land_case_init(struct land_case *h)
{
	struct err err;
	*h = (struct land_case){ .root = -1 };
	write_listings(h);
	assert_int_equal(outcomes_create(tree_path("slots"), job_id, NULL, 0, &h->slots, &err), 0);
	h->catalog = catalog_case_open(tree_path("manifest"), tree_path("slots"));
	assert_int_equal(mkdir(tree_path("out"), 0755), 0);
	h->path = strdup(tree_path("out"));
	h->root = open(tree_path("out"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(h->root >= 0);
	assert_int_equal(target_tree_new(h->catalog, h->root, 0, &h->target_tree, &err), 0);
	fake_queue_init(&h->queue);
	h->queue.chunks = h->slots;
	h->options = (struct arrivals_options){
		.job = "0123456789abcdef",
		.catalog = h->catalog,
		.root = h->path,
		.policy = { .to_local = true, .planned_ns = INT64_MAX },
		.preserve = true,
		.mask = 022,
		.losses = &h->losses,
	};
}

void land_case_start(struct land_case *h)
{
	struct err err;
	assert_null(h->arrivals);
	assert_int_equal(arrivals_new(&h->options, &h->arrivals, &err), 0);
}

void land_case_settle(struct land_case *h)
{
	arrivals_free(h->arrivals);
	h->arrivals = NULL;
}

void land_case_fini(struct land_case *h)
{
	land_case_settle(h);
	tree_free(h->target_tree);
	fake_queue_fini(&h->queue);
	outcomes_close(h->slots);
	catalog_close(h->catalog);
	close(h->root);
	free(h->path);
}

struct fake_task *land_case_file(struct land_case *h, enum land_case_directory directory,
				 const char *name, uint64_t bytes, const struct meta *meta)
{
	const struct meta none = { .flags = META_GRID };
	const struct task task = {
		.id = 100 + 100 * h->queue.count,
		.directory = directory,
		.listing = h->listing[directory],
		.bytes = bytes,
		.kind = MANIFEST_FILE,
		.name = name,
		.name_size = strlen(name),
	};
	struct fake_task *added = fake_add(&h->queue, &task, SEGMENT_TRANSFERS);
	added->task.meta = added->meta;
	added->task.meta_size = meta_pack(meta ? meta : &none, added->meta);
	return added;
}

struct work *land_case_work(struct land_case *h)
{
	return fake_works(&h->queue, SEGMENT_TRANSFERS, NULL);
}

struct arrival *land_case_begin(struct land_case *h)
{
	struct work *work = land_case_work(h);
	struct tree_dir *target_dir;
	struct err err;
	assert_int_equal(tree_open(h->target_tree, work->task->listing, &target_dir, &err), 0);
	return arrival_begin(h->arrivals, work, target_dir, NULL);
}

void land_case_write(struct arrival *arrival, const void *data, size_t size)
{
	struct err err;
	assert_int_equal(arrival_open(arrival, &err), 0);
	assert_int_equal(dirfd_write(arrival->fd, data, size, &err), 0);
	arrival->outcome.length = size;
	content_hash_of(data, size, arrival->outcome.content);
}

struct land_case land_case;

int land_case_setup(void **state)
{
	tree_setup(state);
	land_case_init(&land_case);
	return 0;
}

int land_case_teardown(void **state)
{
	land_case_fini(&land_case);
	return tree_teardown(state);
}
