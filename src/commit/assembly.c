#include "commit/assembly.h"

#include "base/meta.h"
#include "base/secret.h"
#include "base/utf8.h"
#include "queue/core/array.h"
#include "queue/split.h"
#include "tahoe/chunked.h"
#include "tahoe/dirnode.h"

enum {
	METADATA_MAX = 8192,      /* bytes of one child's metadata: attributes in base64 */
	NAME_TOTAL_MAX = 1 << 30, /* bytes of all names of a directory */
	SHARES_MAX = 4 << 20,     /* bytes of all shares of one that is stored past the gateway */
	FORM_CHILD_MIN = 24,      /* bytes of a child in a serialized directory, at least, */
	CHILD_USUAL = 320,        /* and in whatever it is written into, without its name, mostly */
};

/* A child that is done, until the listing is read to its end and sorted. */
struct member {
	size_t name; /* offset in `names` */
	uint32_t name_size;
	uint8_t how; /* enum entry_link */
	uint8_t cap_kind, cap_size;
	unsigned char cap[OUTCOME_CAP_MAX];
	unsigned char meta[OUTCOME_META_SIZE];
	uint64_t ino, dev, nlink; /* when it was planned; with reuse */
	uint8_t unreadable;       /* enum outcome_reason: an empty directory in place of it */
	uint64_t chunked;         /* the size of a file that is a directory of chunks; else 0 */
	uint16_t attributes_size; /* extended ones, */
	size_t attributes;        /* at this offset behind the name in `names` */
};

struct assembly_builder {
	const struct assembly_source *source;
	struct assembly *assembly;
	struct bytes names;    /* NFC */
	struct bytes metadata; /* of the child at hand */
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
	if (!array_reserve(&builder->member, builder->count, &builder->capacity,
			   sizeof *builder->member))
		return err_set(err, FAULT_NOMEM, "no memory for a directory");
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
	const unsigned char *attributes;
	size_t attributes_size = meta_attributes(entry->meta, entry->meta_size, &attributes);
	member->attributes = builder->names.size;
	member->attributes_size = (uint16_t)attributes_size;
	fault = bytes_append(&builder->names, attributes, attributes_size);
	if (fault)
		return bytes_err(fault, err, "a child's attributes");
	memcpy(member->cap, outcome->cap, OUTCOME_CAP_MAX);
	memcpy(member->meta, outcome->meta, OUTCOME_META_SIZE);
	struct meta planned;
	if (builder->source->reuse && meta_unpack(entry->meta, entry->meta_size, &planned)) {
		member->ino = planned.ino;
		member->dev = planned.dev;
		member->nlink = entry->kind == MANIFEST_DIRECTORY ? 1 : planned.nlink;
	}
	if (entry_is_chunked(entry->kind, outcome->cap_kind)) {
		member->chunked = outcome->length;
		if (member->how == ENTRY_RELINK) /* it replaces a file */
			member->how = ENTRY_REPLACE;
	}
	if (builder->count > 0 && compare_members(member - 1, member, builder->names.data) > 0)
		builder->sorted = false;
	builder->count++;
	return FAULT_NONE;
}

/* Whether it is a directory whose names a backup could not read: not even they are kept. */
static bool is_unreadable(const struct manifest_entry *entry, const struct outcome *outcome)
{
	return entry->kind == MANIFEST_DIRECTORY && outcome->state == OUTCOME_FAILED &&
	       (outcome->reason == REASON_PERMISSION || outcome->reason == REASON_IO ||
		outcome->reason == REASON_TOO_MANY);
}

/* Takes an empty directory in for one that could not be read. */
static enum fault add_unreadable(struct assembly_builder *builder,
				 const struct manifest_entry *entry, uint8_t reason,
				 struct err *err)
{
	struct outcome empty = { .state = OUTCOME_DONE, .cap_kind = CAP_DIR2_LIT };
	struct meta meta;
	if (meta_unpack(entry->meta, entry->meta_size, &meta))
		meta_pack_outcome(&meta, empty.meta);
	if (add_member(builder, entry, &empty, err))
		return err->fault;
	builder->member[builder->count - 1].unreadable = reason;
	return FAULT_NONE;
}

/* Whether the cap is one that an entry of its kind can have. */
static bool cap_fits(const struct manifest_entry *entry, uint8_t cap_kind)
{
	const struct cap cap = { .kind = cap_kind };
	if (cap_kind >= CAP_UNKNOWN)
		return false;
	return decide_kind_of(entry->kind) == DECIDE_DIRECTORY
		       ? cap_is_directory(&cap)
		       : cap_is_file(&cap) || entry_is_chunked(entry->kind, cap_kind);
}

/* Takes a child in, or counts it as left out. */
static enum fault add_entry(void *context, const struct manifest_entry *entry,
			    const struct outcome *outcome, struct err *err)
{
	struct assembly_builder *builder = context;
	const struct assembly_reuse *reuse = builder->source->reuse;
	if (outcome->state == OUTCOME_DONE) {
		if (!cap_fits(entry, outcome->cap_kind))
			return err_set(err, FAULT_CORRUPT, "a child's slot has no cap of its kind");
		if (reuse && entry->kind != MANIFEST_DIRECTORY)
			reuse->file(reuse->context, entry, outcome);
		return add_member(builder, entry, outcome, err);
	}
	builder->assembly->left_out++;
	return reuse && is_unreadable(entry, outcome)
		       ? add_unreadable(builder, entry, outcome->reason, err)
		       : FAULT_NONE;
}

/* Takes the chunks of a file: their names sort as the bytes do, whoever sorts them. */
static enum fault read_chunks(struct assembly_builder *builder, struct err *err)
{
	const struct split *split = builder->source->chunks;
	const uint64_t count = split_count(split);
	char name[CHUNK_NAME_SIZE];
	enum fault fault = FAULT_NONE;
	for (uint64_t i = 0; i < count && !fault; i++) {
		const struct split_cap *cap = split_cap_of(split, i);
		const struct manifest_entry entry = {
			.kind = MANIFEST_FILE,
			.name = name,
			.name_size = chunk_name(i, count, name),
		};
		struct outcome outcome = { .cap_kind = cap->kind, .cap_size = cap->size };
		memcpy(outcome.cap, cap->bytes, sizeof outcome.cap);
		fault = add_member(builder, &entry, &outcome, err);
		secret_wipe(&outcome, sizeof outcome);
	}
	return fault;
}

/* Reads the listing to its end, and the slots beside it. */
static enum fault read_members(struct assembly_builder *builder, struct err *err)
{
	const struct catalog_visitor visitor = { add_entry, builder };
	const struct assembly_source *source = builder->source;
	if (source->chunks)
		return read_chunks(builder, err);
	enum fault fault = catalog_children(source->reader, source->listing, &visitor, err);
	if (!fault && !builder->sorted)
		qsort_r(builder->member, builder->count, sizeof *builder->member, compare_members,
			builder->names.data);
	return fault;
}

/* Writes a child's metadata; empty where there is none (a directory made at the target, whose slot
 * is all zeros, or a source on a grid that has neither mode nor time). */
static enum fault metadata_of(struct assembly_builder *builder, const struct member *member)
{
	struct bytes *out = &builder->metadata;
	struct meta meta = meta_unpack_outcome(member->meta);
	const char *tags = builder->source->tags ? builder->source->tags : "";
	bytes_clear(out);
	if (meta.mode == 0 && (meta.mtime_ns == 0 || !meta_is_time(meta.mtime_ns))) {
		if (!member->unreadable && !member->chunked && !member->attributes_size && !*tags)
			return FAULT_NONE;
		if (*tags)
			meta.mtime_ns = meta.ctime_ns = META_NO_TIME;
	}
	const struct edge_metadata metadata = {
		.ctime_ns = meta.ctime_ns,
		.mtime_ns = meta.mtime_ns,
		.mode = meta.mode,
		.uid = meta.uid,
		.gid = meta.gid,
		.numbered = builder->source->reuse,
		.ino = member->ino,
		.dev = member->dev,
		.nlink = member->nlink,
		.unreadable = member->unreadable ? outcome_reason_text(member->unreadable) : NULL,
		.chunked = member->chunked,
		.attributes = builder->names.data + member->attributes,
		.attributes_size = member->attributes_size,
		.tags = tags,
		.tags_size = (uint16_t)strlen(tags),
	};
	return edge_metadata_json(out, &metadata);
}

/* Writes a child into its request, unless it is linked already. */
static enum fault write_request(struct assembly_builder *builder, const struct member *member,
				const struct edge_child *child)
{
	if (member->how == ENTRY_KEEP)
		return FAULT_NONE;
	struct assembly_request *request = &builder->assembly->request[member->how];
	request->children++;
	return edge_json_child(&request->json, child);
}

/* Adds a child to the set that is compared with the listing. */
static enum fault add_to_set(struct assembly_builder *builder, const struct member *member,
			     const struct edge_child *child)
{
	struct assembly *assembly = builder->assembly;
	const struct cap none = { .kind = CAP_NONE };
	assembly->how[member - builder->member] = member->how;
	if (member->how == ENTRY_REPLACE &&
	    !childset_add(&assembly->replacing, child->name, child->name_size, &none))
		return FAULT_NOMEM;
	return childset_add(&assembly->set, child->name, child->name_size, child->cap)
		       ? FAULT_NONE
		       : FAULT_NOMEM;
}

/* Writes a child into the serialized directory. */
static enum fault write_form(struct dirnode *dirnode, const struct edge_child *child,
			     struct err *err)
{
	const struct dirnode_child link = {
		.name = child->name,
		.name_size = child->name_size,
		.cap = child->cap,
		.metadata = child->metadata ? child->metadata : "{}",
		.metadata_size = child->metadata ? child->metadata_size : 2,
	};
	return dirnode_add(dirnode, &link, err);
}

/* What a child is written into. */
enum part { PART_FORM = 1, PART_SET = 2, PART_REQUEST = 4 };

/* Writes one child into all `parts` that have to know it. */
static enum fault write_child(struct assembly_builder *builder, const struct member *member,
			      struct dirnode *dirnode, unsigned parts, struct err *err)
{
	struct bytes *metadata = &builder->metadata;
	struct cap cap;
	if (!cap_unpack(member->cap, member->cap_size, member->cap_kind, &cap))
		return err_set(err, FAULT_CORRUPT, "a child's slot holds no cap");
	enum fault fault = metadata_of(builder, member);
	const struct edge_child child = {
		.name = (const char *)builder->names.data + member->name,
		.name_size = member->name_size,
		.cap = &cap,
		.metadata = metadata->size ? bytes_text(metadata) : NULL,
		.metadata_size = metadata->size,
	};
	if (!fault && parts & PART_SET)
		fault = add_to_set(builder, member, &child);
	if (!fault && parts & PART_REQUEST)
		fault = write_request(builder, member, &child);
	if (fault)
		bytes_err(fault, err, "the body of a directory");
	else if (parts & PART_FORM)
		fault = write_form(dirnode, &child, err);
	cap_wipe(&cap);
	return fault;
}

/* Makes room for all children at once: what grows by doubling is there twice for a moment. */
static enum fault make_room(const struct assembly_builder *builder, struct bytes *out)
{
	uint64_t usual = builder->names.size + (uint64_t)builder->count * CHILD_USUAL;
	return bytes_reserve(out, (size_t)min_u64(usual, ASSEMBLY_MAX - out->size));
}

static enum fault write_children(struct assembly_builder *builder, struct dirnode *dirnode,
				 unsigned parts, struct err *err)
{
	enum fault fault = FAULT_NONE;
	if (parts & PART_FORM)
		fault = make_room(builder, &dirnode->body);
	if (!fault && parts & PART_REQUEST && !builder->source->merges)
		fault = make_room(builder, &builder->assembly->request[ENTRY_NEW].json);
	if (fault)
		return bytes_err(fault, err, "the body of a directory");
	for (size_t i = 0; i < builder->count && !fault; i++)
		fault = write_child(builder, &builder->member[i], dirnode, parts, err);
	return fault;
}

/* Whether a mutable directory may be small enough for shares; its form tells, which is not written
 * for one of so many children. */
static bool may_sign(const struct assembly_builder *builder)
{
	return slot_shares_size(builder->source->params, builder->count * FORM_CHILD_MIN) <=
	       SHARES_MAX;
}

/* Makes the shares of a mutable directory, unless it is large. */
static enum fault sign(struct assembly_builder *builder, const struct dirnode *dirnode,
		       struct err *err)
{
	const struct assembly_source *source = builder->source;
	const struct bytes *form = &dirnode->body;
	if (slot_shares_size(source->params, form->size) > SHARES_MAX)
		return FAULT_NONE;
	return slot_shares_new(source->key, source->params, form->data, form->size,
			       &builder->assembly->slot, err);
}

/* Predicts the cap of an immutable directory, and makes its shares where they are wanted. */
static enum fault predict(struct assembly_builder *builder, struct dirnode *dirnode,
			  struct err *err)
{
	const struct assembly_source *source = builder->source;
	struct assembly *assembly = builder->assembly;
	const uint64_t size = dirnode->body.size;
	const bool literal = size <= LITERAL_SIZE_MAX;
	const bool encodes =
		source->encodes && !literal && chk_shares_size(source->params, size) <= SHARES_MAX;
	if (encodes ? dirnode_shares(dirnode, source->params, &assembly->cap, &assembly->shares,
				     err)
		    : dirnode_cap(dirnode, source->params, &assembly->cap, err))
		return err->fault;
	assembly->predicted = true;
	assembly->size = size;
	assembly->by_form = encodes || (source->encodes && literal);
	if (assembly->by_form)
		assembly->form = dirnode->body;
	else
		bytes_fini(&dirnode->body); /* before there is a request as large */
	bytes_init(&dirnode->body, ASSEMBLY_MAX);
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

/* Asks whether the directory is there, which takes its serialized form and nothing else. */
static enum fault look_for_like(struct assembly_builder *builder, struct dirnode *dirnode,
				struct err *err)
{
	const struct assembly_reuse *reuse = builder->source->reuse;
	struct assembly *assembly = builder->assembly;
	if (write_children(builder, dirnode, PART_FORM, err))
		return err->fault;
	digest_of(dirnode->body.data, dirnode->body.size, assembly->hash);
	assembly->reused = reuse->is_there(reuse->context, assembly->hash);
	return FAULT_NONE;
}

/* Writes set and requests, and the form where nobody asked for it before.  An immutable directory
 * that has shares needs no request: its form is put as a file, whoever takes it. */
static enum fault write_parts(struct assembly_builder *builder, struct dirnode *dirnode,
			      bool formed, struct err *err)
{
	struct assembly *assembly = builder->assembly;
	const bool signs = builder->source->key && may_sign(builder);
	const bool predicts = builder->source->params && !builder->source->key;
	unsigned parts = PART_SET | (predicts ? (formed ? 0 : PART_FORM) : PART_REQUEST) |
			 (signs ? PART_FORM : 0);
	assembly->how = calloc(builder->count + 1, sizeof *assembly->how);
	if (!assembly->how)
		return err_set(err, FAULT_NOMEM, "no memory for a directory");
	enum fault fault = bytes_err(open_requests(assembly), err, "a request");
	if (!fault)
		fault = write_children(builder, dirnode, parts, err);
	if (!fault && signs)
		fault = sign(builder, dirnode, err);
	if (!fault && predicts)
		fault = predict(builder, dirnode, err);
	if (!fault && predicts && !assembly->by_form)
		fault = write_children(builder, dirnode, PART_REQUEST, err);
	return fault ? fault : bytes_err(close_requests(assembly), err, "a request");
}

static enum fault open_form(const struct assembly_source *source, struct dirnode *dirnode,
			    struct err *err)
{
	if (source->key)
		return dirnode_init_mutable(dirnode, ASSEMBLY_MAX, source->key->cap.key, err);
	dirnode_init(dirnode, ASSEMBLY_MAX);
	return FAULT_NONE;
}

/* Writes requests, set and prediction from the sorted members, unless the directory is there. */
static enum fault write_body(struct assembly_builder *builder, struct err *err)
{
	struct assembly *assembly = builder->assembly;
	const struct assembly_source *source = builder->source;
	const bool asks = source->reuse && !source->merges;
	struct dirnode dirnode;
	enum fault fault = open_form(source, &dirnode, err);
	if (!fault && asks)
		fault = look_for_like(builder, &dirnode, err);
	if (!fault && !assembly->reused)
		fault = write_parts(builder, &dirnode, asks, err);
	childset_seal(&assembly->set);
	childset_seal(&assembly->replacing);
	dirnode_fini(&dirnode);
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
	bytes_init(&builder.metadata, METADATA_MAX);
	enum fault fault = read_members(&builder, err);
	if (!fault)
		fault = write_body(&builder, err);
	bytes_fini(&builder.names);
	bytes_fini(&builder.metadata);
	if (builder.member)
		explicit_bzero(builder.member, builder.capacity * sizeof *builder.member);
	free(builder.member);
	if (fault)
		assembly_fini(assembly);
	return fault;
}

bool assembly_replaces(const struct assembly *assembly, const char *name, size_t name_size)
{
	const struct cap none = { .kind = CAP_NONE };
	return childset_has(&assembly->replacing, name, name_size, &none);
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
	childset_fini(&assembly->replacing);
	cap_wipe(&assembly->cap);
	bytes_fini(&assembly->form);
	chk_shares_free(assembly->shares);
	slot_shares_free(assembly->slot);
	explicit_bzero(assembly, sizeof *assembly);
}
