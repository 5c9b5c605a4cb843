#include "audit/probe.h"

#include "verify/policy.h"

static void probe_go_on(struct probe *probe);

/* ---- the shares ---- */

static void probe_checked(void *context, const struct store_reply *reply)
{
	struct probe *probe = context;
	const struct store_health *health = &reply->health;
	struct err err = reply->err;
	probe->task.call = NULL;
	if (!err.fault && !health->healthy && !health->literal)
		err_set(&err, FAULT_CORRUPT,
			"not healthy: %u of %u shares are good, %u are corrupt",
			health->good_shares, health->expected, health->corrupt_shares);
	if (err.fault) {
		pool_end(&probe->task, &err);
		return;
	}
	probe->left &= ~(unsigned)VERIFY_CHECK;
	probe_go_on(probe);
}

/* ---- a file ---- */

/* Whether what was read is what the outcome says was stored. */
static enum fault compare_read(const struct probe *probe, uint64_t length,
			       const unsigned char *content, struct err *err)
{
	if (length != probe->length)
		return err_set(err, FAULT_CORRUPT, "%llu bytes are there, %llu were stored",
			       (unsigned long long)length, (unsigned long long)probe->length);
	if (memcmp(content, probe->content, CONTENT_HASH_SIZE) != 0)
		return err_set(err, FAULT_CORRUPT, "the bytes are not the ones stored");
	return FAULT_NONE;
}

static bool probe_take(void *context, const void *data, size_t size)
{
	struct probe *probe = context;
	content_hash_update(&probe->hash, data, size);
	probe->received += size;
	if (probe->moved)
		probe->moved(probe->context, size);
	return true;
}

static void probe_got(void *context, const struct store_reply *reply)
{
	struct probe *probe = context;
	unsigned char content[CONTENT_HASH_SIZE];
	struct err err = reply->err;
	probe->task.call = NULL;
	if (!err.fault) {
		content_hash_final(&probe->hash, content);
		err.fault = compare_read(probe, probe->received, content, &err);
	}
	if (err.fault) {
		pool_end(&probe->task, &err);
		return;
	}
	probe->left &= ~(unsigned)VERIFY_READ;
	probe_go_on(probe);
}

static struct store_call *read_file(struct probe *probe, struct err *err)
{
	if (!probe->hash.state && content_hash_init(&probe->hash, err))
		return NULL;
	content_hash_start(&probe->hash);
	probe->received = 0;
	const struct store_get get = {
		.cap = &probe->cap,
		.length = UINT64_MAX,
		.sink = probe_take,
		.context = probe,
	};
	return store_get(probe->task.store, &get, (struct store_then){ probe_got, probe }, err);
}

/* ---- a directory ---- */

static bool probe_child(void *context, const struct store_child *child)
{
	struct probe *probe = context;
	childset_see(&probe->set, child);
	return true;
}

static void probe_listed(void *context, const struct store_reply *reply)
{
	struct probe *probe = context;
	const struct childset *set = &probe->set;
	struct err err = reply->err;
	probe->task.call = NULL;
	if (!err.fault && !childset_matches(set, probe->exact))
		err_set(&err, FAULT_CORRUPT,
			"%llu of its %llu children are there, among %llu that are listed",
			(unsigned long long)set->found, (unsigned long long)set->count,
			(unsigned long long)set->listed);
	if (err.fault) {
		pool_end(&probe->task, &err);
		return;
	}
	probe->left &= ~(unsigned)VERIFY_READ;
	probe_go_on(probe);
}

static struct store_call *list_children(struct probe *probe, struct err *err)
{
	childset_begin(&probe->set);
	const struct store_list wanted = { .cap = &probe->cap,
					   .child = probe_child,
					   .context = probe };
	return store_list(probe->task.store, &wanted, (struct store_then){ probe_listed, probe },
			  err);
}

/* ---- in general ---- */

/* A literal has no shares: its cap holds all of it. */
static void compare_literal(struct probe *probe)
{
	unsigned char content[CONTENT_HASH_SIZE];
	struct err err;
	content_hash_of(probe->cap.content, (size_t)probe->cap.size, content);
	enum fault fault = compare_read(probe, probe->cap.size, content, &err);
	pool_end(&probe->task, fault ? &err : NULL);
}

/* Starts the proof that is still owed; `left` loses one with each that is given. */
static void probe_go_on(struct probe *probe)
{
	struct pool_task *task = &probe->task;
	struct err err;
	if (probe->left & VERIFY_CHECK)
		task->call = store_check(task->store, &probe->cap, true,
					 (struct store_then){ probe_checked, probe }, &err);
	else if ((probe->left & VERIFY_READ) && probe->is_directory)
		task->call = list_children(probe, &err);
	else if (probe->left & VERIFY_READ)
		task->call = read_file(probe, &err);
	else {
		pool_end(task, NULL);
		return;
	}
	if (!task->call)
		pool_end(task, &err);
}

static void probe_start(struct pool_task *task)
{
	struct probe *probe = (struct probe *)task;
	probe->left = probe->levels;
	if (cap_is_literal(&probe->cap) && probe->linked)
		pool_end(&probe->task, NULL);
	else if (cap_is_literal(&probe->cap) && !probe->is_directory)
		compare_literal(probe);
	else
		probe_go_on(probe);
}

struct probe *probe_new(const struct outcome *outcome, unsigned levels, struct err *err)
{
	struct probe *probe = calloc(1, sizeof *probe);
	if (!probe) {
		err_set(err, FAULT_NOMEM, "out of memory");
		return NULL;
	}
	if (!cap_unpack(outcome->cap, outcome->cap_size, outcome->cap_kind, &probe->cap)) {
		free(probe);
		err_set(err, FAULT_CORRUPT, "its slot holds no cap");
		return NULL;
	}
	probe->task.start = probe_start;
	/* What was linked has no known bytes or children here, so all of its shares are checked. */
	probe->linked = outcome->level & OUTCOME_LINKED;
	probe->levels = probe->linked ? VERIFY_CHECK : levels;
	probe->id = outcome->id;
	probe->is_directory = cap_is_directory(&probe->cap);
	probe->exact = !cap_is_mutable(&probe->cap);
	probe->length = outcome->length;
	memcpy(probe->content, outcome->content, sizeof probe->content);
	return probe;
}

void probe_free(struct probe *probe)
{
	if (!probe)
		return;
	childset_fini(&probe->set);
	content_hash_fini(&probe->hash);
	free(probe->name);
	cap_wipe(&probe->cap);
	free(probe);
}
