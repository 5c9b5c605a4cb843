#include "audit/audit.h"

#include "audit/earlier.h"
#include "audit/probe.h"
#include "verify/children.h"

enum { PATH_SIZE = 65536 }; /* a longer path shows its end */

struct audit {
	const struct audit_request *request;
	struct pool *pool;
	struct catalog_reader *walk;  /* its page is the one at hand */
	struct catalog_reader *aside; /* for children */
	struct audit_counts *counts;
	struct err fatal;               /* ends everything */
	struct listing_id listing;      /* of the page at hand */
	struct listing_id path_listing; /* whose path is at the beginning of `path`; 0: none */
	size_t path_size;               /* bytes of it */
	char path[PATH_SIZE + MANIFEST_NAME_MAX + 2];
};

/* ---- what became of an entry ---- */

/* The path of an entry, for what is told.  That of its directory is kept: neighbours share it. */
static const char *find_path(struct audit *audit, const struct probe *probe)
{
	struct err err;
	char *path = audit->path;
	if (!listing_is(audit->path_listing, probe->listing)) {
		audit->path_listing = probe->listing;
		if (catalog_path(audit->walk, probe->listing, path, PATH_SIZE, &err)) {
			path[0] = '\0'; /* the entry is counted, if without its place */
			audit->path_listing = (struct listing_id){ 0 };
		}
		audit->path_size = strlen(path);
	}
	size_t used = audit->path_size;
	path[used] = '\0';
	if (probe->name)
		snprintf(path + used, sizeof audit->path - used, "%s%.*s", used ? "/" : "",
			 (int)probe->name_size, probe->name);
	return path;
}

void audit_count(struct audit_counts *counts, const struct audit_entry *entry)
{
	const struct store_health *health = entry->health;
	if (!entry->proven)
		counts->failed++;
	else if (entry->is_directory)
		counts->directories++;
	else
		counts->files++;
	counts->bytes = add_saturated(counts->bytes, entry->bytes);
	if (!health)
		return;
	counts->healthy += health->healthy;
	counts->unhealthy += !health->healthy;
	counts->unrecoverable += !health->recoverable;
	counts->repaired += health->repaired;
	counts->corrupt_shares += health->corrupt_shares;
}

void audit_recount(const struct audit_request *request, const struct earlier_object *object,
		   struct audit_counts *counts)
{
	earlier_recount(object, counts);
	if (request->before)
		request->before(request->context, object->is_directory,
				object->is_directory ? 0 : object->bytes);
}

/* Counts an entry and tells how it ended. */
static void audit_tell(struct audit *audit, const struct probe *probe, const struct err *err)
{
	const struct audit_entry entry = {
		.id = probe->id,
		.path = err->fault || audit->request->paths ? find_path(audit, probe) : "",
		.is_directory = probe->is_directory,
		.proven = !err->fault,
		.detail = err->fault ? err->text : "",
		.bytes = err->fault || probe->is_directory ? 0 : probe->length,
		.size = probe->is_directory ? 0 : probe->length,
		.moved = probe->arrived,
		.health = probe_health(probe),
	};
	unsigned char key[EARLIER_KEY_SIZE];
	audit_count(audit->counts, &entry);
	audit->request->ended(audit->request->context, &entry);
	earlier_key(probe->id, key);
	if (entry.proven)
		earlier_note(audit->request->earlier, key, &entry);
}

/* Whether an earlier run has proven an entry, which is counted then. */
static bool was_proven(struct audit *audit, uint64_t id)
{
	unsigned char key[EARLIER_KEY_SIZE];
	earlier_key(id, key);
	const struct earlier_object *object = earlier_find(audit->request->earlier, key);
	if (object)
		audit_recount(audit->request, object, audit->counts);
	return object;
}

/* Takes back one probe.  Returns false when none is under way. */
static bool audit_take_back(struct audit *audit)
{
	struct probe *probe = (struct probe *)pool_take(audit->pool);
	if (!probe)
		return false;
	struct err err = probe->task.err;
	if (err.fault == FAULT_CANCELLED || err.fault == FAULT_UNAVAILABLE) {
		if (!audit->fatal.fault)
			audit->fatal = err;
	} else {
		audit_tell(audit, probe, &err);
	}
	probe_free(probe);
	return true;
}

/* ---- the walk ---- */

/* Submits a probe, once there is room for it. */
static enum fault audit_send(struct audit *audit, struct probe *probe)
{
	probe->secret = audit->request->secret;
	probe->add_lease = audit->request->add_lease;
	probe->repair = audit->request->repair;
	probe->moved = audit->request->moved;
	probe->context = audit->request->context;
	while (!pool_has_room(audit->pool))
		audit_take_back(audit);
	pool_submit(audit->pool, &probe->task);
	return audit->fatal.fault;
}

static bool is_local_fault(enum fault fault) { return fault == FAULT_NOMEM || fault == FAULT_IO; }

/* Has the directory proven whose listing begins with this page, if it is done. */
static enum fault audit_directory(struct audit *audit, const struct catalog_page *page)
{
	struct err *fatal = &audit->fatal;
	struct outcome slot;
	struct err err;
	if (outcomes_read(audit->request->catalog->outcomes, page->id, 1, &slot, fatal))
		return fatal->fault;
	const struct probe lost = { .id = page->id,
				    .listing = page->listing,
				    .is_directory = true };
	if (slot.state == OUTCOME_DAMAGED) {
		err_set(&err, FAULT_CORRUPT, "its outcome is damaged");
		audit_tell(audit, &lost, &err);
		return FAULT_NONE;
	}
	if (slot.state != OUTCOME_DONE) {
		audit->counts->left_out += page->id != 0;
		return FAULT_NONE;
	}
	if (cap_is_file(&(struct cap){ .kind = slot.cap_kind }))
		return FAULT_NONE; /* the target is a file, which has an entry of its own */
	if (was_proven(audit, page->id))
		return FAULT_NONE;
	struct probe *probe = probe_new(&slot, MANIFEST_DIRECTORY, audit->request->levels, &err);
	explicit_bzero(&slot, sizeof slot);
	if (probe) {
		probe->listing = page->listing;
		if (!children_gather(audit->aside, page->listing, &probe->set, &err))
			return audit_send(audit, probe);
		probe_free(probe);
	}
	if (is_local_fault(err.fault))
		*fatal = err;
	else
		audit_tell(audit, &lost, &err);
	return fatal->fault;
}

/* Sends a probe for a file, or tells at once why there can be none. */
static enum fault audit_file(struct audit *audit, const struct manifest_entry *entry,
			     const struct outcome *slot)
{
	struct err err;
	struct probe *probe = NULL;
	char *name = strndup(entry->name, entry->name_size);
	const struct probe lost = {
		.id = entry->id,
		.listing = audit->listing,
		.name = name,
		.name_size = entry->name_size,
	};
	if (!name)
		err_set(&err, FAULT_NOMEM, "out of memory");
	else if (slot->state == OUTCOME_DAMAGED)
		err_set(&err, FAULT_CORRUPT, "its outcome is damaged");
	else
		probe = probe_new(slot, entry->kind, audit->request->levels, &err);
	if (probe) {
		probe->listing = audit->listing;
		probe->name = name;
		probe->name_size = entry->name_size;
		return audit_send(audit, probe);
	}
	if (is_local_fault(err.fault))
		audit->fatal = err;
	else
		audit_tell(audit, &lost, &err);
	free(name);
	return audit->fatal.fault;
}

/* A directory that is to be proven comes with its own listing. */
static enum fault audit_one(void *context, const struct manifest_entry *entry,
			    const struct outcome *slot, struct err *err)
{
	struct audit *audit = context;
	(void)err;
	if (entry->kind == MANIFEST_DIRECTORY && !entry->verdict)
		return FAULT_NONE;
	if (slot->state == OUTCOME_DONE && was_proven(audit, entry->id))
		return FAULT_NONE;
	if (slot->state == OUTCOME_DONE || slot->state == OUTCOME_DAMAGED)
		return audit_file(audit, entry, slot);
	audit->counts->left_out++;
	return FAULT_NONE;
}

/* Walks the plan to its end, or to where an unfinished plan ends. */
static void audit_walk(struct audit *audit)
{
	const struct catalog_visitor visitor = { audit_one, audit };
	struct catalog_page page;
	struct err err;
	while (!audit->fatal.fault && !pool_stopped(audit->pool, &audit->fatal)) {
		enum fault fault = catalog_next(audit->walk, &page, &err);
		if (!fault && page.is_end)
			return;
		audit->listing = page.listing;
		if (!fault && page.first && audit_directory(audit, &page))
			return;
		if (!fault)
			fault = catalog_visit(audit->walk, &page, &visitor, &err);
		if (fault && !audit->fatal.fault)
			audit->fatal = err;
	}
}

enum fault audit_run(struct audit *audit, struct audit_counts *counts, struct err *err)
{
	*counts = (struct audit_counts){ 0 };
	audit->counts = counts;
	audit_walk(audit);
	while (audit_take_back(audit)) {
	}
	if (audit->fatal.fault)
		*err = audit->fatal;
	return audit->fatal.fault;
}

struct pool_options audit_pool(const struct audit_request *request)
{
	return (struct pool_options){
		.open = request->open,
		.context = request->context,
		.in_flight = request->in_flight,
		.away = request->away,
		.health = request->health,
	};
}

enum fault audit_new(const struct audit_request *request, struct audit **out, struct err *err)
{
	struct audit *audit = calloc(1, sizeof *audit);
	if (!audit)
		return err_set(err, FAULT_NOMEM, "out of memory");
	audit->request = request;
	const struct pool_options pool = audit_pool(request);
	enum fault fault = catalog_reader_new(request->catalog, &audit->walk, err);
	if (!fault)
		fault = catalog_reader_new(request->catalog, &audit->aside, err);
	if (!fault)
		fault = pool_new(&pool, &audit->pool, err);
	if (fault)
		audit_free(audit);
	else
		*out = audit;
	return fault;
}

void audit_stop(struct audit *audit) { pool_stop(audit->pool); }

void audit_free(struct audit *audit)
{
	if (!audit)
		return;
	pool_free(audit->pool);
	catalog_reader_free(audit->walk);
	catalog_reader_free(audit->aside);
	free(audit);
}
