"""A second reader of a job's folder, written from docs/formats.md and nothing else.

`read_job(folder)` checks every hash, every rule of a file's form, and that the totals and outcomes
fit the tree that the plan describes.  Caps are looked at by kind and size only.
"""
import hashlib
import json
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path

import msgpack
import xxhash

FILE, DIRECTORY, SYMLINK, OTHER, LINKED = range(1, 6)
PLANNED, DONE, SKIPPED, FAILED = range(1, 5)
SETTLED = (DONE, SKIPPED, FAILED)
SLOTS, SLOT = 4096, 128
PREAMBLE = 40
# Each may be there with ".new" behind it.
NAMES = {"manifest", "outcomes", "keys", "sources", "files-from", "summary", "latest",
         "errors.jsonl", "plan", "begun", "lock"}
BEGUN = re.compile(rb"(?:sparse|no-direct)=yes|gateway=https?:.+|allow-plaintext=.+"
                   rb"|(?:node-directory|cap-file|convergence-file)=/.+", re.DOTALL)
CAP_SIZES = {0: {0}, 1: {60}, 2: {60}, 13: {60}, 14: {60}, 3: range(61), 15: range(61),
             **{kind: {48} for kind in (4, 5, 6, 7, 8, 9, 10, 11, 12, 16, 17, 18)}}


class Flaw(AssertionError):
    """What is not as docs/formats.md says."""


def need(good, text):
    if not good:
        raise Flaw(text)


def xxh64(data, seed=0):
    return xxhash.xxh3_64_intdigest(data, seed)


def number(data, at, size):
    return int.from_bytes(data[at:at + size], "little")


# --- preamble and frames ------------------------------------------------------------------

def read_preamble(data, letter):
    """Returns (job id, job seed)."""
    need(data[:8] == b"barge\r\n" + letter, "the magic bytes")
    need(number(data, 8, 2) == 1 and not any(data[10:16]), "version or zeros of the preamble")
    need(number(data, 32, 8) == xxh64(data[:32]), "hash of the preamble")
    return data[16:32], xxh64(data[16:32])


def read_frame(data, at, seed):
    """Returns (type, payload, payload hash, offset behind), or None where it is cut or bad."""
    if at + 24 > len(data) or data[at:at + 4] != b"BGFR" or any(data[at + 5:at + 8]):
        return None
    place = xxh64(data[at:at + 12] + struct.pack("<Q", at), seed)
    size, check, expected = struct.unpack("<IIQ", data[at + 8:at + 24])
    payload = data[at + 24:at + 24 + size]
    if check != place & 0xffffffff or size > 65536 or len(payload) < size \
            or xxh64(payload, place) != expected:
        return None
    return data[at + 4], payload, expected, at + 24 + size


# --- the manifest -------------------------------------------------------------------------

@dataclass
class Entry:
    id: int
    kind: int
    verdict: int
    reason: int
    bytes: int
    chunk_size: int
    name: bytes
    meta: bytes
    directory: int

    @property
    def chunks(self):
        cut = self.chunk_size and self.chunk_size < self.bytes
        return -(-self.bytes // self.chunk_size) if cut else 0


@dataclass
class Plan:
    job: bytes
    complete: bool = False
    properties: dict = field(default_factory=dict)
    entries: dict = field(default_factory=dict)   # id: Entry
    listings: dict = field(default_factory=dict)  # id of a directory: offset of its listing
    next_id: int = 1

    def children(self, directory):
        return [entry for entry in self.entries.values() if entry.directory == directory]


def items(payload):
    unpacker = msgpack.Unpacker(raw=True, strict_map_key=False)
    unpacker.feed(payload)
    found = list(unpacker)
    need(unpacker.tell() == len(payload), "bytes behind the last item")
    return found


def read_header(data, plan, seed):
    """Reads the header's frames; returns (offset behind, hash so far)."""
    whole, at, running = b"", 64, seed
    size = number(data, 56, 8)
    while not whole or len(whole) < size:
        frame = read_frame(data, at, seed)
        need(frame and frame[0] == 1, "a frame of the header")
        whole += frame[1]
        running = xxh64(struct.pack("<Q", frame[2]), running)
        at = frame[3]
    need(not size or (len(whole) == size and size > 65536), "size of a long header")
    flat = items(whole)
    need(len(flat) % 2 == 0 and len(flat) <= 512, "properties come in pairs")
    plan.properties = dict(zip((key.decode() for key in flat[::2]), flat[1::2]))
    need(len(plan.properties) == len(flat) // 2, "a key twice")
    need(all(1 <= len(key) <= 63 and "\0" not in key for key in plan.properties), "a key")
    return at, running


def read_entry(item, plan, directory):
    need(isinstance(item, list) and len(item) == 7, "an entry is an array of 7")
    kind, verdict, reason, size, chunk, name, meta = item
    need(kind in range(1, 6) and verdict in (0, 3, 4) and 0 <= reason <= 255, "an entry's numbers")
    need(kind != OTHER or verdict, "kind 4 without a verdict")
    need(verdict or not reason, "a reason without a verdict")
    need(kind == FILE or (size == 0 and chunk == 0), "bytes of what is no file")
    need((0 < len(name) <= 4096 and b"/" not in name and b"\0" not in name)
         or (verdict == FAILED and reason == 8), f"a name: {name!r}")
    need(len(meta) <= 4096, "size of the metadata")
    read_meta(meta)
    entry = Entry(plan.next_id, *item, directory)
    plan.entries[entry.id] = entry
    plan.next_id += 1 + entry.chunks
    need(plan.next_id < 1 << 53, "an id")


def read_meta(meta):
    if not meta:
        return
    need(meta[0] in (1, 2) and meta[1] < 128 and len(meta) >= 10, "version and flags of metadata")
    at = 10
    ranked = meta[1] & 32
    for _ in range(8 if ranked else 7):  # mode, uid, gid, ctime - mtime, dev, ino, nlink; rank
        while meta[at] & 0x80:
            at += 1
        at += 1
    need(not ranked or meta[at - 1], "a rank of 0 is not kept")
    need(at <= 70 and (at == len(meta)) == (meta[0] == 1), "the numbers of metadata")
    names = []
    while at < len(meta):
        size = number(meta, at + 1, 2)
        names.append(meta[at + 3:at + 3 + meta[at]])
        at += 3 + meta[at] + size
    need(at == len(meta) and names == sorted(names), "extended attributes")


def read_block(payload, plan, at, state):
    """`state`: head of the listing that is not ended yet, or None.  Returns the next one."""
    head, *rest = items(payload)
    need(isinstance(head, list) and len(head) == 8, "a head is an array of 8")
    directory, parent, listing, above, first, flags, count, name = head
    need(flags < 4 and count == len(rest) <= 8192 and (count or flags & 2), "flags and count")
    need(first == plan.next_id, f"first id {first}, not {plan.next_id}")
    if state:
        need(not flags & 1 and [directory, parent, listing, above, name] == state, "goes on")
    else:
        need(flags & 1 and listing == at and directory not in plan.listings, "begins")
        plan.listings[directory] = at
        if directory == 0:
            need((parent, above, name) == (0, 0, b""), "the root's head")
        else:
            entry = plan.entries.get(directory)
            need(entry and entry.kind == DIRECTORY and entry.directory == parent
                 and entry.name == name and plan.listings.get(parent) == above < at,
                 f"the listing of directory {directory}")
    for item in rest:
        read_entry(item, plan, directory)
    return None if flags & 2 else [directory, parent, listing, above, name]


def read_trailer(payload, plan, running):
    totals, = items(payload)
    entries = plan.entries.values()
    kinds = [entry.kind for entry in entries]
    verdicts = [entry.verdict for entry in entries]
    files = sum(entry.bytes for entry in entries if not entry.verdict)
    need(totals == [kinds.count(FILE), kinds.count(DIRECTORY) + kinds.count(LINKED),
                    kinds.count(SYMLINK), kinds.count(OTHER), min(files, (1 << 64) - 1),
                    verdicts.count(SKIPPED), verdicts.count(FAILED), plan.next_id, running],
         f"totals: {totals}")


def read_manifest(data):
    job, seed = read_preamble(data, b"M")
    plan, trailer = Plan(job), number(data, 40, 8)
    need(number(data, 48, 8) == (xxh64(data[40:48], seed) if trailer else 0), "the mark's hash")
    at, running = read_header(data, plan, seed)
    state = None
    while at < len(data):
        frame = read_frame(data, at, seed)
        if not frame and not trailer:
            break  # an unfinished plan ends at the first frame that does not check
        need(frame, f"frame at {at}")
        kind, payload, expected, behind = frame
        if kind == 3:
            read_trailer(payload, plan, running)
            need(not state and behind == len(data), "the trailer is not the end")
            need(trailer in (0, at), "the mark leads somewhere else")
            plan.complete = trailer == at
            break
        need(kind == 2, f"type {kind}")
        state = read_block(payload, plan, at, state)
        running = xxh64(struct.pack("<Q", expected), running)
        at = behind
    need(plan.complete or not trailer, "a finished plan without its trailer")
    return plan


# --- outcomes -----------------------------------------------------------------------------

@dataclass
class Slot:
    state: int
    reason: int
    level: int
    attempts: int
    kind: int
    cap: bytes
    content: bytes
    meta: bytes
    length: int


def read_header_copy(data, copy):
    at = 2048 * copy
    part = data[at:at + 2048]
    job, _ = read_preamble(part, b"O")
    need(number(part, 2040, 8) == xxh64(part[:2040], at), f"hash of header copy {copy}")
    size = number(part, 40, 4)
    need(size <= 1024 and not any(part[44:48]) and not any(part[48 + size:2040]), "the binding")
    return job, part[48:48 + size]


def read_slot(data, at, seed, task):
    """Returns the slot, None for one that was not begun."""
    part = data[at:at + SLOT]
    if not any(part):
        return None
    need(number(part, 0, 8) == xxh64(part[8:] + struct.pack("<Q", task), seed), f"slot {task}")
    kind, size, state, attempts, level, reason = part[8:14]
    need(state in (PLANNED, *SETTLED) and reason <= 26 and not any(part[14:16]), f"slot {task}")
    need(not level & 24 and (state != DONE or not reason), f"levels and reason of slot {task}")
    need(size in CAP_SIZES.get(kind, ()) and not any(part[16 + size:76]), f"cap of slot {task}")
    return Slot(state, reason, level, attempts, kind, part[16:16 + size], part[76:92],
                part[92:120], number(part, 120, 8))


def read_outcomes(data):
    """Returns (job id, {task: Slot}, binding)."""
    need(len(data) >= SLOTS, "the header's size")
    first, second = read_header_copy(data, 0), read_header_copy(data, 1)
    need(first == second, "the copies of the header differ")
    job, binding = first
    slots, seed = {}, xxh64(job)
    data += bytes(-len(data) % SLOT)  # what lies behind the end counts as zeros
    for task in range((len(data) - SLOTS) // SLOT):
        slot = read_slot(data, SLOTS + SLOT * task, seed, task)
        if slot:
            slots[task] = slot
    return job, slots, binding


# --- keys ---------------------------------------------------------------------------------

def read_keys(data):
    """Returns (job id or None, {task: DER}); a torn tail is cut."""
    if len(data) < PREAMBLE or not any(data[:PREAMBLE]):
        return None, {}
    job, seed = read_preamble(data, b"K")
    at, keys = PREAMBLE, {}
    while at < len(data):
        frame = read_frame(data, at, seed)
        if not frame:
            break
        kind, payload, _, at = frame
        need(kind == 1 and payload[-1:] == b"\xff" and payload[8:9] == b"\x30", "an intent")
        keys[number(payload, 0, 8)] = payload[8:-1]
    return job, keys


# --- the folder ---------------------------------------------------------------------------

def check_outcomes(plan, slots, binding):
    """The outcomes against the tree."""
    chunks = {entry.id + i + 1: entry for entry in plan.entries.values()
              for i in range(entry.chunks)}
    local = binding.startswith(b"file:")
    for task, slot in slots.items():
        if task == 0 or task in chunks:
            continue
        entry = plan.entries.get(task)
        need(entry or not plan.complete, f"slot {task} has no entry")
        if not entry:
            continue
        if entry.verdict and slot.state in SETTLED:
            need((slot.state, slot.reason) == (entry.verdict, entry.reason),
                 f"slot {task} is not its verdict")
        need((slot.state in (SKIPPED, FAILED)) == bool(slot.reason) or slot.state == PLANNED,
             f"state and reason of slot {task}")
        if slot.state == DONE and not local:
            need(slot.kind, f"slot {task} is done and has no cap")
        moved = slot.state == DONE and entry.kind in (FILE, SYMLINK) \
            and not slot.level & 128 and (local or slot.kind != 13)
        # What an earlier run has linked and could not note is known by its cap, and nothing else.
        moved = moved and (local or slot.level > 0 or any(slot.content))
        need(any(slot.content) == moved, f"content hash of slot {task}")
        need(slot.state != DONE or entry.kind != DIRECTORY or slot.length == 0, f"length of {task}")
    for directory in {0, *(e.id for e in plan.entries.values() if e.kind == DIRECTORY)}:
        slot = slots.get(directory)
        if slot and slot.state == DONE:
            left = [entry.id for entry in plan.children(directory)
                    if not entry.verdict and slots.get(entry.id, slot).state not in SETTLED]
            need(not left, f"directory {directory} is done before {left}")


def counted_state(task, entry, plan, slots):
    """What becomes of an entry when all is counted: nothing below a directory that failed is done."""
    state = slots[task].state if task in slots and slots[task].state in SETTLED else 0
    above = entry.directory
    while not entry.verdict and state not in (SKIPPED, FAILED):
        if above in slots and slots[above].state in (SKIPPED, FAILED):
            return FAILED
        if above == 0:
            break
        above = plan.entries[above].directory
    return entry.verdict or state


def is_asked(reason, plan):
    """Whether an entry was skipped as an option said: unchanged, present, a symlink, special."""
    asked = int(plan.properties.get("asked", b"0") or 0)
    return reason in (20, 21) or (reason == 1 and asked & 1) or (reason == 2 and asked & 2)


def check_summary(text, plan, slots):
    summary = json.loads(text)
    need(set(summary) == {"planned", "done", "skipped", "skipped_asked", "failed", "left",
                          "files_planned", "files_done", "files_asked", "bytes_planned",
                          "bytes_done", "status", "ended"}, "fields of the summary")
    states = [counted_state(task, entry, plan, slots) for task, entry in plan.entries.items()]
    need(summary["planned"] == len(states), "planned in the summary")
    for name, state in ("done", DONE), ("skipped", SKIPPED), ("failed", FAILED):
        need(summary[name] == states.count(state), f"{name} in the summary: {summary}")
    need(summary["left"] == states.count(0), "left in the summary")
    files = [task for task, entry in plan.entries.items() if entry.kind == FILE]
    done = [task for task in files if counted_state(task, plan.entries[task], plan, slots) == DONE]
    asked = [task for task, entry in plan.entries.items()
             if counted_state(task, entry, plan, slots) == SKIPPED
             and is_asked(entry.reason if entry.verdict else slots[task].reason, plan)]
    for name, tasks in (("files_planned", files), ("files_done", done), ("skipped_asked", asked),
                        ("files_asked", set(asked) & set(files))):
        need(summary[name] == len(tasks), f"{name} in the summary: {summary}")


def check_list(data, plan):
    wanted = [part for part in plan.properties["select"].split(b"\0")
              if part.startswith(b"files-from=")]
    need(wanted == [b"files-from=" + hashlib.sha256(data).hexdigest().encode()], "files-from")
    paths = data.split(b"\0")
    need(paths.pop() == b"" and len(set(paths)) == len(paths), "paths of files-from")
    need(paths == sorted(paths, key=lambda path: path.replace(b"/", b"\0")), "order of files-from")


def read_job(folder):
    """Checks all files of a job.  Returns (Plan, {task: Slot}), or None for an empty one."""
    folder = Path(folder)
    names = {path.name for path in folder.iterdir()}
    known = {name.removesuffix(".new") for name in names}
    need(known <= NAMES, f"unknown files: {known - NAMES}")
    texts = {name: (folder / name).read_bytes() for name in names}
    manifest = texts.get("manifest", b"")
    if "begun" in texts:
        words = texts["begun"].split(b"\0")
        need(words.pop() == b"" and all(map(BEGUN.fullmatch, words)), "begun")
    if "plan" in texts:
        elsewhere = Path(texts["plan"].decode())
        need(elsewhere.is_absolute(), "path of the plan")
        manifest = elsewhere.read_bytes() if elsewhere.exists() else b""
    if len(manifest) < 64 or not any(manifest[:PREAMBLE]):
        return None  # killed before there was a header
    plan = read_manifest(manifest)
    need(plan.job.hex() == folder.name, "the manifest is of another job")
    slots = {}
    for name in "sources", "outcomes":
        if name in texts:
            job, slots, binding = read_outcomes(texts[name])
            need(job == plan.job, f"{name} is of another job")
            if name == "sources":
                need(not binding and all(slot.state == PLANNED for slot in slots.values())
                     and (not plan.complete or set(slots) <= set(range(plan.next_id))), "sources")
            else:
                check_outcomes(plan, slots, binding)
        else:
            slots = {}
    if "keys" in texts:
        job, keys = read_keys(texts["keys"])
        need(job in (None, plan.job), "keys is of another job")
        need(all(task == 0 or plan.entries[task].kind == DIRECTORY for task in keys
                 if task == 0 or task in plan.entries), "a key of no directory")
    if "summary" in texts:
        check_summary(texts["summary"], plan, slots)
    if "files-from" in texts:
        check_list(texts["files-from"], plan)
    for line in texts.get("errors.jsonl", b"").split(b"\n")[:-1]:
        need({"time", "id", "path", "kind", "state", "bytes"} <= set(json.loads(line)), "errors")
    need(texts.get("latest", b"") == b"", "latest is empty")
    need(texts.get("lock", b"").strip().isdigit() or not texts.get("lock"), "lock")
    return plan, slots
