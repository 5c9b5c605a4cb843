#include "tests/unit/harbour.h"

#include "base/digest.h"
#include "tests/unit/facts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const unsigned char job_id[16] = "job of a harbour";

static void write_listings(struct harbour *h)
{
	static const char *const name[] = { "", "d", "e" };
	struct manifest_writer *writer;
	struct err err;
	assert_int_equal(manifest_create(h->manifest, job_id, NULL, 0, &writer, &err), 0);
	for (size_t i = 0; i < HARBOUR_DIRECTORIES; i++) {
		struct manifest_entry entry = { .kind = MANIFEST_DIRECTORY,
						.name = name[(i + 1) % HARBOUR_DIRECTORIES],
						.name_size = 1 };
		uint64_t above = i ? h->listing[i - 1] : 0;
		assert_int_equal(manifest_begin(writer, i, i ? i - 1 : 0, above, name[i],
						strlen(name[i]), &h->listing[i], &err),
				 0);
		if (i + 1 < HARBOUR_DIRECTORIES)
			assert_int_equal(manifest_add(writer, &entry, &err), 0);
		assert_int_equal(manifest_end(writer, &err), 0);
	}
	assert_int_equal(manifest_finish(writer, &err), 0);
	manifest_writer_close(writer);
}

void harbour_init(struct harbour *h)
{
	struct err err;
	*h = (struct harbour){ .root = -1 };
	snprintf(h->manifest, sizeof h->manifest, "%s", tree_path("manifest"));
	write_listings(h);
	assert_int_equal(outcomes_create(tree_path("slots"), job_id, NULL, 0, &h->slots, &err), 0);
	assert_int_equal(mkdir(tree_path("out"), 0755), 0);
	h->root = open(tree_path("out"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(h->root >= 0);
	assert_int_equal(site_new(h->manifest, h->root, &h->site, &err), 0);
	fake_queue_init(&h->queue);
	h->queue.chunks = h->slots;
	h->options = (struct arrivals_options){
		.job = "0123456789abcdef",
		.created = UINT32_MAX,
		.preserve = true,
		.mask = 022,
		.broken = h->queue.lease.broken,
		.context = &h->queue,
	};
}

void harbour_start(struct harbour *h)
{
	struct err err;
	assert_null(h->arrivals);
	assert_int_equal(arrivals_new(&h->options, &h->arrivals, &err), 0);
}

void harbour_settle(struct harbour *h)
{
	arrivals_free(h->arrivals);
	h->arrivals = NULL;
}

void harbour_fini(struct harbour *h)
{
	harbour_settle(h);
	site_free(h->site);
	fake_queue_fini(&h->queue);
	outcomes_close(h->slots);
	close(h->root);
}

struct fake_task *harbour_file(struct harbour *h, enum harbour_directory directory,
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

struct work *harbour_work(struct harbour *h)
{
	return fake_works(&h->queue, SEGMENT_TRANSFERS, NULL);
}

struct arrival *harbour_begin(struct harbour *h)
{
	struct work *work = harbour_work(h);
	struct spot *spot;
	struct err err;
	assert_int_equal(site_open(h->site, work->task->listing, &spot, &err), 0);
	return arrival_begin(h->arrivals, work, spot);
}

void harbour_write(struct arrival *arrival, const void *data, size_t size)
{
	struct err err;
	assert_int_equal(arrival_open(arrival, &err), 0);
	assert_int_equal(beneath_write(arrival->fd, data, size, &err), 0);
	arrival->outcome.length = size;
	content_hash_of(data, size, arrival->outcome.content);
}
