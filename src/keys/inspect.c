#include "chunk/each.h"
#include "keys/chunk_grid.h"
#include "keys/whole.h"

/* One key, and what has been found of it. */
struct inspecting {
	struct chunk_grid grid;
	const struct keys_inspection *wanted;
	const struct chunk_list *list;
	struct mutex lock;
	struct key_report *report GUARDED;
	/* of the list */
	uint64_t missing GUARDED, unknown GUARDED;
	bool linked GUARDED; /* some of it is */
	struct err why GUARDED;
};

static void count(struct inspecting *inspecting, const struct store_health *health)
	REQUIRES(inspecting->lock)
{
	struct key_report *report = inspecting->report;
	inspecting->linked = true;
	report->objects++;
	report->healthy += health->healthy;
	report->repaired += health->repaired;
	if (health->recoverable)
		return;
	inspecting->missing += !health->unsure;
	inspecting->unknown += health->unsure;
	if (health->unsure && !inspecting->why.fault)
		err_set(&inspecting->why, FAULT_UNAVAILABLE,
			"too few shares were found, and not all storage servers have answered");
}

/* Looks at an object; what is not healthy is repaired, if that is wanted. */
static enum fault look(const struct inspecting *inspecting, struct operation *operation,
		       const struct chunk_object *object, struct store_health *health,
		       struct err *err)
{
	const struct cap *cap = &object->cap;
	struct store_check check = { .verify = inspecting->wanted->read };
	enum fault fault = whole_health(operation, cap, &check, health, err);
	check.repair = inspecting->wanted->repair;
	if (!fault && check.repair && !health->healthy && health->recoverable)
		fault = whole_health(operation, cap, &check, health, err);
	if (fault || !check.verify || !health->recoverable)
		return fault;
	/* Shares prove that the cap's bytes are there, not that the cap is this chunk's. */
	fault = chunk_grid_prove(operation, object, err);
	if (fault == FAULT_CORRUPT)
		*health = (struct store_health){ .healthy = false };
	return fault == FAULT_CORRUPT ? FAULT_NONE : fault;
}

static enum fault inspect_one(void *context, uint64_t index, struct err *err)
{
	struct inspecting *inspecting = context;
	struct operation *operation;
	struct store_health health;
	struct chunk_object object = { .hashed = false };
	const struct chunk_key key =
		chunk_list_key(inspecting->list, &inspecting->grid.name->key, index);
	if (operation_begin(inspecting->grid.keys, &operation, err))
		return err->fault;
	enum fault found = chunk_grid_find(&inspecting->grid, operation, &key, &object, err);
	enum fault fault = found ? found : look(inspecting, operation, &object, &health, err);
	operation_end(operation);
	cap_wipe(&object.cap);
	mutex_lock(&inspecting->lock);
	if (!fault)
		count(inspecting, &health);
	else if (found == FAULT_NOT_FOUND)
		inspecting->missing++;
	else if (fault != FAULT_CANCELLED) {
		inspecting->unknown++;
		inspecting->why = *err;
	}
	mutex_unlock(&inspecting->lock);
	return fault == FAULT_CANCELLED ? fault : FAULT_NONE;
}

/* Looks at all of a list.  The key is there if any list is. */
static enum fault inspect_list(struct inspecting *inspecting, struct err *err) UNCHECKED
{
	struct key_report *report = inspecting->report;
	const struct chunk_each each = {
		.one = inspect_one,
		.context = inspecting,
		.to = inspecting->list->count,
		.width = inspecting->wanted->width,
	};
	inspecting->missing = inspecting->unknown = 0;
	inspecting->linked = false;
	enum fault fault = chunk_each(&each, err);
	/* A key that is not stored whole misses nothing by that. */
	const bool none =
		inspecting->list->size == 0 && !inspecting->linked && inspecting->unknown == 0;
	if (fault || none)
		return fault;
	report->lost += inspecting->missing;
	report->unknown += inspecting->unknown;
	if (inspecting->missing + inspecting->unknown == 0)
		report->presence = KEY_PRESENT;
	else if (inspecting->unknown > 0 && inspecting->missing == 0 &&
		 report->presence == KEY_ABSENT)
		report->presence = KEY_UNKNOWN;
	return FAULT_NONE;
}

static enum fault inspect_lists(struct inspecting *inspecting, struct err *err)
{
	const struct chunk_grid *grid = &inspecting->grid;
	const struct chunk_run run = chunk_grid_run(grid);
	struct chunk_log log = { .count = 0 };
	struct chunk_lists lists = { .count = 0 };
	enum fault fault = grid->operations.read_log(grid->operations.context, &log, err);
	if (!fault)
		fault = chunk_lists_make(&run.config, &run.key, &log, run.owner, &lists, err);
	for (size_t i = 0; i < lists.count && !fault; i++) {
		inspecting->list = &lists.list[i];
		fault = inspect_list(inspecting, err);
	}
	chunk_lists_fini(&lists);
	chunk_log_fini(&log);
	return fault;
}

enum fault keys_inspect(struct keys *keys, const char *key, const struct keys_inspection *wanted,
			struct key_report *report, struct err *err) UNCHECKED
{
	struct key_name name;
	struct inspecting inspecting = { .wanted = wanted, .report = report };
	*report = (struct key_report){ .presence = KEY_ABSENT };
	if (key_name_read(key, &name, err))
		return err->fault;
	mutex_init(&inspecting.lock);
	chunk_grid_init(&inspecting.grid, keys, &name, NULL);
	enum fault fault = inspect_lists(&inspecting, err);
	chunk_grid_fini(&inspecting.grid);
	mutex_fini(&inspecting.lock);
	if (!fault && report->presence == KEY_UNKNOWN)
		*err = inspecting.why;
	return fault;
}
