#include "commit/assembly.h"

#include "base/meta.h"
#include "base/utf8.h"
#include "tahoe/dirnode.h"

enum {
	METADATA_MAX = 512,       /* bytes of one child's metadata */
	NAME_TOTAL_MAX = 1 << 30, /* bytes of all names of a directory */
	SHARES_MAX = 4 << 20,     /* bytes of all shares of one that is stored past the gateway */
};

/* A child that is done, until the listing is read to its end and sorted. */
struct member {
	size_t name; /* offset in `names` */
	uint32_t name_size;
	uint8_t how; /* enum entry_link */
	uint8_t cap_kind, cap_size;
	unsigned char cap[OUTCOME_CAP_MAX];
	unsigned char meta[OUTCOME_META_SIZE];
};

struct assembly_builder {
	const struct assembly_source *source;
	struct assembly *assembly;
	struct bytes names; /* NFC */
	struct member *member;
	size_t count, capacity;
	bool sorted; /* members came in the order of their NFC names */
};

/* Members are sorted only when normalization (NFC) changed the order of the names. */
static int compare_members(const void *a, const void *b, void *names)
{
	const struct member *left = a, *right = b;
	const unsigned char *bytes = names;
	return bytes_compare(bytes + left->name, left->name_size, bytes + right->name,
			     right->name_size);
}

/* Keeps a child that is done.  Name, cap and times are copied: slots are read by batches. */
static enum fault add_member(struct assembly_builder *builder, const struct manifest_entry *entry,
			     const struct outcome *outcome, struct err *err)
{
	if (builder->count == builder->capacity) {
		size_t capacity = builder->capacity ? 2 * builder->capacity : 64;
		struct member *grown = reallocarray(builder->member, capacity, sizeof *grown);
		if (!grown)
			return err_set(err, FAULT_NOMEM, "no memory for a directory");
		builder->member = grown;
		builder->capacity = capacity;
	}
	struct member *member = &builder->member[builder->count];
	*member = (struct member){ .name = builder->names.size,
				   .how = builder->source->merges ? (uint8_t)entry_link_of(outcome)
								  : ENTRY_NEW,
				   .cap_kind = outcome->cap_kind,
				   .cap_size = outcome->cap_size };
	enum fault fault = name_to_nfc(&builder->names, entry->name, entry->name_size);
	if (fault)
		return bytes_err(fault, err, "a child's name");
	member->name_size = (uint32_t)(builder->names.size - member->name);
	memcpy(member->cap, outcome->cap, OUTCOME_CAP_MAX);
	memcpy(member->meta, outcome->meta, OUTCOME_META_SIZE);
	if (builder->count > 0 && compare_members(member - 1, member, builder->names.data) > 0)
		builder->sorted = false;
	builder->count++;
	return FAULT_NONE;
}

/* Takes a child in, or counts it as left out. */
static enum fault add_entry(void *context, const struct manifest_entry *entry,
			    const struct outcome *outcome, struct err *err)
{
	struct assembly_builder *builder = context;
	if (outcome->state == OUTCOME_DONE)
		return add_member(builder, entry, outcome, err);
	builder->assembly->left_out++;
	return FAULT_NONE;
}

/* Reads the listing to its end, and the slots beside it. */
static enum fault read_members(struct assembly_builder *builder, struct err *err)
{
	const struct catalog_visitor visitor = { add_entry, builder };
	const struct assembly_source *source = builder->source;
	enum fault fault = catalog_children(source->reader, source->listing, &visitor, err);
	if (!fault && !builder->sorted)
		qsort_r(builder->member, builder->count, sizeof *builder->member, compare_members,
			builder->names.data);
	return fault;
}

/* Writes a child's metadata; empty where there is none (a directory made at the target, whose slot
 * is all zeros, or a source on a grid that has neither mode nor time). */
static enum fault metadata_of(const struct member *member, struct bytes *out)
{
	struct meta meta = meta_unpack_outcome(member->meta);
	bytes_clear(out);
	if (meta.mode == 0 && (meta.mtime_ns == 0 || !meta_is_time(meta.mtime_ns)))
		return FAULT_NONE;
	const struct edge_metadata metadata = {
		.ctime_ns = meta.ctime_ns,
		.mtime_ns = meta.mtime_ns,
		.mode = meta.mode,
		.uid = meta.uid,
		.gid = meta.gid,
	};
	return edge_metadata_json(out, &metadata);
}

static enum fault add_to_request(struct assembly_request *request, const struct edge_child *child)
{
	request->children++;
	return edge_json_child(&request->json, child);
}

/* Writes one child into everything that has to know it: its request unless it is linked already,
 * the set that is compared with the listing, and the serialized directory where a cap is
 * predicted. */
static enum fault write_child(struct assembly_builder *builder, const struct member *member,
			      struct dirnode *dirnode, struct bytes *metadata, struct err *err)
{
	struct assembly *assembly = builder->assembly;
	struct cap cap;
	const char *name = (const char *)builder->names.data + member->name;
	if (!cap_unpack(member->cap, member->cap_size, member->cap_kind, &cap))
		return err_set(err, FAULT_CORRUPT, "a child's slot holds no cap");
	enum fault fault = metadata_of(member, metadata);
	const struct edge_child child = {
		.name = name,
		.name_size = member->name_size,
		.cap = &cap,
		.metadata = metadata->size ? bytes_text(metadata) : NULL,
		.metadata_size = metadata->size,
	};
	assembly->how[member - builder->member] = member->how;
	if (!fault && member->how != ENTRY_KEEP)
		fault = add_to_request(&assembly->request[member->how], &child);
	if (!fault && !childset_add(&assembly->set, name, member->name_size, &cap))
		fault = FAULT_NOMEM;
	if (fault) {
		bytes_err(fault, err, "the body of a directory");
	} else if (builder->source->params) {
		const struct dirnode_child link = {
			.name = name,
			.name_size = member->name_size,
			.cap = &cap,
			.metadata = metadata->size ? bytes_text(metadata) : "{}",
			.metadata_size = metadata->size ? metadata->size : 2,
		};
		fault = dirnode_add(dirnode, &link, err);
	}
	cap_wipe(&cap);
	return fault;
}

/* Predicts the cap of an immutable directory, and makes its shares where they are wanted. */
static enum fault predict(struct assembly_builder *builder, struct dirnode *dirnode,
			  struct err *err)
{
	const struct assembly_source *source = builder->source;
	struct assembly *assembly = builder->assembly;
	const uint64_t size = dirnode->body.size;
	const bool encodes = source->encodes && size > LITERAL_SIZE_MAX &&
			     chk_shares_size(source->params, size) <= SHARES_MAX;
	if (encodes ? dirnode_shares(dirnode, source->params, &assembly->cap, &assembly->shares,
				     err)
		    : dirnode_cap(dirnode, source->params, &assembly->cap, err))
		return err->fault;
	assembly->predicted = true;
	assembly->size = size;
	if (encodes) {
		assembly->form = dirnode->body;
		dirnode_init(dirnode, ASSEMBLY_MAX);
	}
	return FAULT_NONE;
}

static enum fault open_requests(struct assembly *assembly)
{
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < ARRAY_COUNT(assembly->request) && !fault; i++)
		fault = edge_json_open(&assembly->request[i].json);
	return fault;
}

static enum fault close_requests(struct assembly *assembly)
{
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < ARRAY_COUNT(assembly->request) && !fault; i++)
		fault = edge_json_close(&assembly->request[i].json);
	return fault;
}

/* Writes requests, set and prediction from the sorted members. */
static enum fault write_body(struct assembly_builder *builder, struct err *err)
{
	struct assembly *assembly = builder->assembly;
	struct dirnode dirnode;
	struct bytes metadata;
	assembly->how = calloc(builder->count + 1, sizeof *assembly->how);
	if (!assembly->how)
		return err_set(err, FAULT_NOMEM, "no memory for a directory");
	dirnode_init(&dirnode, ASSEMBLY_MAX);
	bytes_init(&metadata, METADATA_MAX);
	enum fault fault = bytes_err(open_requests(assembly), err, "a request");
	for (size_t i = 0; i < builder->count && !fault; i++)
		fault = write_child(builder, &builder->member[i], &dirnode, &metadata, err);
	if (!fault)
		fault = bytes_err(close_requests(assembly), err, "a request");
	if (!fault && builder->source->params)
		fault = predict(builder, &dirnode, err);
	childset_seal(&assembly->set);
	dirnode_fini(&dirnode);
	bytes_fini(&metadata);
	return fault;
}

enum fault assembly_build(const struct assembly_source *source, struct assembly *assembly,
			  struct err *err)
{
	struct assembly_builder builder = { .source = source,
					    .assembly = assembly,
					    .sorted = true };
	*assembly = (struct assembly){ 0 };
	for (size_t i = 0; i < ARRAY_COUNT(assembly->request); i++)
		bytes_init(&assembly->request[i].json, ASSEMBLY_MAX);
	bytes_init(&builder.names, NAME_TOTAL_MAX);
	enum fault fault = read_members(&builder, err);
	if (!fault)
		fault = write_body(&builder, err);
	bytes_fini(&builder.names);
	if (builder.member)
		explicit_bzero(builder.member, builder.capacity * sizeof *builder.member);
	free(builder.member);
	if (fault)
		assembly_fini(assembly);
	return fault;
}

bool assembly_has(const struct assembly *assembly, enum entry_link how)
{
	for (size_t i = 0; i < assembly->set.count; i++) {
		const struct childset_member *member = &assembly->set.member[i];
		if (!member->found && assembly->how[member->number] == how)
			return false;
	}
	return true;
}

void assembly_fini(struct assembly *assembly)
{
	free(assembly->how);
	for (size_t i = 0; i < ARRAY_COUNT(assembly->request); i++)
		bytes_fini(&assembly->request[i].json);
	childset_fini(&assembly->set);
	cap_wipe(&assembly->cap);
	bytes_fini(&assembly->form);
	chk_shares_free(assembly->shares);
	explicit_bzero(assembly, sizeof *assembly);
}
