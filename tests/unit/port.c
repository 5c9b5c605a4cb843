#include "tests/unit/port.h"

#include "tests/unit/facts.h"

static const char words[] = "problem during download\n";

static const unsigned char *content_of(const struct port *port, const struct cap *cap)
{
	for (size_t i = 0; i < PORT_FILES; i++)
		if (cap_equal(&port->cap[i], cap))
			return port->content[i];
	fail_msg("a GET of no file");
	return NULL;
}

/* Which GET of its offset this is, from 1. */
static unsigned count_gets(struct port *port, const struct fake_call *call)
{
	unsigned same = 0;
	for (size_t i = 0; i < port->gets; i++)
		same += port->get[i].offset == call->offset;
	return same;
}

static enum port_lie lie_of(struct port *port, const struct fake_call *call)
{
	unsigned number = count_gets(port, call) + 1;
	for (size_t i = 0; i < port->rules; i++) {
		const struct port_rule *rule = &port->rule[i];
		if (rule->offset == call->offset && number >= rule->first && number <= rule->last)
			return rule->lie;
	}
	return PORT_TRUTH;
}

/* Gives bytes to the sink in parts. */
static bool send(const struct fake_call *call, const unsigned char *data, size_t size)
{
	for (size_t at = 0; at < size; at += 300)
		if (!call->sink(call->context, data + at, (size_t)min_u64(300, size - at)))
			return false;
	return true;
}

static void answer(struct port *port, struct fake_call *call, enum port_lie lie,
		   struct store_reply *reply)
{
	unsigned char bytes[PORT_SIZE + 1] = { 0 };
	bool whole = call->length == UINT64_MAX;
	size_t size = whole ? PORT_SIZE : (size_t)call->length;
	assert_true(call->offset + size <= PORT_SIZE);
	memcpy(bytes, content_of(port, &call->cap) + call->offset, size);
	if (lie == PORT_FLIP)
		bytes[(port->gets * 37 + size / 2) % size] ^= 1;
	if (lie == PORT_SPLICE && size > 7)
		memcpy(bytes + size - 7, words, 7);
	size_t sent = lie == PORT_SHORT  ? size - 1
		      : lie == PORT_LONG ? size + 1
		      : lie == PORT_FAIL ? size / 2
					 : size;
	if (lie == PORT_GONE)
		fake_fail(reply, FAULT_UNAVAILABLE, "connection refused");
	else if (!send(call, bytes, sent))
		fake_fail(reply, FAULT_CANCELLED, "refused");
	else if (lie == PORT_FAIL)
		fake_fail(reply, FAULT_RETRY, "the reply broke off");
}

/* Whether an older call is to be answered first. */
static bool is_early(struct port *port, const struct fake_call *call)
{
	size_t before = port->gets + atomic_load(&port->fake.cancelled);
	return port->oldest_first && call->number > before + 1;
}

static bool script(void *context, struct fake_call *call, struct store_reply *reply)
{
	struct port *port = context;
	if (call->operation == FAKE_PROBE)
		return true;
	assert_int_equal(call->operation, FAKE_GET);
	mutex_lock(&port->lock);
	enum port_lie lie = lie_of(port, call);
	bool waits = is_early(port, call) || (lie == PORT_HOLD && !atomic_load(&port->released));
	if (!waits) {
		assert_true(port->gets < PORT_GETS);
		answer(port, call, lie, reply);
		port->get[port->gets].offset = call->offset;
		port->get[port->gets++].length = call->length;
		if (port->gets == port->cancel_after)
			atomic_store(&port->cancel, true);
	}
	mutex_unlock(&port->lock);
	return !waits;
}

static void moved(void *context, uint64_t bytes)
{
	struct port *port = context;
	atomic_fetch_add(&port->moved, bytes);
}

static void gave_up(void *context, const struct err *err)
{
	(void)context;
	fail_msg("gave up: %s", err->text);
}

static void make_files(struct port *port)
{
	struct chk_params theirs;
	port->secret = (struct chk_params){ .secret = "ours",
					    .secret_size = 32,
					    .k = 1,
					    .n = 1,
					    .max_segment_size = CHK_SEGMENT_SIZE };
	theirs = port->secret;
	theirs.secret[0] = 'x';
	for (size_t file = 0; file < PORT_FILES; file++)
		for (size_t i = 0; i < PORT_SIZE; i++)
			port->content[file][i] = (unsigned char)((i * 31 >> 3) + 7 * file);
	memcpy(port->content[PORT_ENDING] + PORT_SIZE - 7, words, 7);
	port->cap[PORT_CHANGING] = (struct cap){ .kind = CAP_SSK_RO, .key = "changing" };
	for (size_t file = 0; file < PORT_FILES; file++)
		if (file != PORT_CHANGING)
			assert_int_equal(chk_cap_of(file == PORT_OURS ? &port->secret : &theirs,
						    port->content[file], PORT_SIZE,
						    &port->cap[file], NULL),
					 0);
}

void port_open(struct port *port)
{
	struct err err;
	memset(port, 0, sizeof *port);
	mutex_init(&port->lock);
	make_files(port);
	harbour_init(&port->harbour);
	harbour_start(&port->harbour);
	port->fake = (struct fake){ .script = script, .context = port };
	const struct lanes_options lanes = {
		.open = fake_open_store,
		.gave_up = gave_up,
		.context = &port->fake,
		.threads = 1,
		.slots = { [ERRAND_TRANSFER] = 4, [ERRAND_DIRECTORY] = 1 },
		.away_ms = 60000,
	};
	assert_int_equal(lanes_new(&lanes, &port->lanes, &err), 0);
	port->downloads = (struct downloads){
		.lanes = port->lanes,
		.arrivals = port->harbour.arrivals,
		.site = port->harbour.site,
		.outcomes = port->harbour.slots,
		.secret = &port->secret,
		.cancel = &port->cancel,
		.moved = moved,
		.context = port,
	};
}

void port_close(struct port *port)
{
	lanes_free(port->lanes);
	harbour_fini(&port->harbour);
	mutex_fini(&port->lock);
}

struct fake_task *port_task(struct port *port, enum port_file file, const char *name, bool chunked)
{
	uint64_t size = file == PORT_CHANGING ? 0 : PORT_SIZE;
	struct fake_task *task = harbour_file(&port->harbour, HARBOUR_ROOT, name, size, NULL);
	task->task.chunk_size = chunked ? PORT_CHUNK : 0;
	return task;
}

void port_fetch(struct port *port, enum port_file file)
{
	struct outcome source = { .state = OUTCOME_PLANNED };
	size_t count;
	struct work *work = fake_works(&port->harbour.queue, SEGMENT_TRANSFERS, &count);
	assert_true(cap_pack(&port->cap[file], source.cap, &source.cap_size, &source.cap_kind));
	for (size_t i = 0; i < count; i++)
		download_take(&port->downloads, &work[i], &source);
	fake_queue_wait(&port->harbour.queue);
}

void port_fetch_all(struct port *port, enum port_file file)
{
	const struct fake_task *task = &port->harbour.queue.task[0];
	for (int i = 0; !task->settled; i++) {
		assert_in_range(i, 0, 9);
		port_fetch(port, file);
	}
}

size_t port_gets_at(struct port *port, uint64_t offset)
{
	size_t count = 0;
	mutex_lock(&port->lock);
	for (size_t i = 0; i < port->gets; i++)
		count += port->get[i].offset == offset;
	mutex_unlock(&port->lock);
	return count;
}

bool port_has(const struct port *port, enum port_file file, const char *name)
{
	char path[100];
	snprintf(path, sizeof path, "out/%s", name);
	return tree_holds(path, port->content[file], PORT_SIZE) && tree_count("out") == 1;
}
