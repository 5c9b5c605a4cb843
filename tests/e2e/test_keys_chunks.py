"""`barge key --chunk`: contents in chunks, as git-annex cuts them."""
import contextlib
import json
import resource
import signal
import subprocess

import pytest
import xxhash

from grid import wait_for
from kill_loop import is_stopping
from lying import HoldingGateway, is_get_of_a_file, is_put
from runner import LineReader
from test_keys import Store, key_of, place
from tree import content

CHUNK = 100000  # larger than what is sent from memory


def leaf(key, level=0):
    return place(key, level)[len("keys/"):]


@pytest.fixture
def keys(embedded, client, tmp_path):
    return Store(embedded, client(embedded), tmp_path)


class Chunks:
    """A key store, and what it has of a content in chunks."""
    def __init__(self, keys, data, size=CHUNK):
        self.keys, self.data, self.size = keys, data, size
        self.key, self.path = key_of(data), keys.file(data)
        self.count = max(1, -(-len(data) // size))

    def store(self, *options):
        return self.keys.ok("store", self.key, self.path, f"--chunk={self.size}", *options)

    def name(self, number):
        return f"SHA256-s{len(self.data)}-S{self.size}-C{number}--{self.key.split('--')[1]}"

    def part(self, number):
        return self.data[(number - 1) * self.size:number * self.size]

    def names(self, path):
        """Of what is in a directory of the store."""
        return set(self.keys.grid.children(self.keys.cap, path))

    def own(self):
        return f"chunks/{leaf(self.key)}"

    def unfinished(self):
        """Names of unfinished stores beside the key."""
        return self.names("partial/" + leaf(self.key).rsplit("/", 1)[0])

    def back(self, path, *options):
        self.keys.ok("retrieve", self.key, path, *options)
        return path.read_bytes()


@pytest.mark.parametrize("options", [(), ("--serial",), ("-j1",)])
def test_chunks_there_and_back(keys, tmp_path, options):
    chunks = Chunks(keys, content(5 * CHUNK + 1))
    chunks.store(*options)
    assert chunks.names(chunks.own()) == {"log", str(CHUNK)}
    assert chunks.names(f"{chunks.own()}/{CHUNK}") == {chunks.name(n) for n in range(1, 7)}
    for number in (1, 6):  # by hand, with any Tahoe client
        cap = keys.grid.child(keys.cap, f"{chunks.own()}/{CHUNK}/{chunks.name(number)}")
        assert keys.grid.get(cap[1]["ro_uri"]) == chunks.part(number)
    log = keys.grid.get(keys.grid.child(keys.cap, chunks.own() + "/log")[1]["ro_uri"])
    assert log.endswith(f"s barge:{CHUNK} 6\n".encode())
    assert "partial" not in keys.grid.list(keys.cap) or chunks.unfinished() == set()
    assert keys.check(chunks.key) == "present"
    assert chunks.back(tmp_path / "back") == chunks.data


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1])
def test_few_chunks(keys, tmp_path, size):
    chunks = Chunks(keys, content(size))
    chunks.store()
    assert chunks.names(f"{chunks.own()}/{CHUNK}") == {
        chunks.name(n) for n in range(1, chunks.count + 1)}
    assert chunks.back(tmp_path / "back") == chunks.data


def test_other_sizes_stand_side_by_side_and_all_go(keys, tmp_path):
    chunks, others = Chunks(keys, content(4 * CHUNK)), Chunks(keys, content(4 * CHUNK), 70000)
    chunks.store()
    others.store()
    others.store("--chunk=0")
    assert chunks.names(chunks.own()) == {"log", str(CHUNK), "70000"}
    keys.ok("remove", chunks.key)
    assert keys.check(chunks.key) == "absent"
    assert chunks.names("chunks/" + leaf(chunks.key).rsplit("/", 1)[0]) == set()
    run = keys.run("retrieve", chunks.key, tmp_path / "back")
    assert run.code == 2 and not (tmp_path / "back").exists()
    keys.ok("remove", chunks.key)


def test_equal_chunks_are_sent_once(keys, tmp_path):
    chunks = Chunks(keys, bytes(8 * CHUNK) + content(CHUNK, 5))
    puts = keys.grid.requests("put")
    chunks.store("-j8")
    assert keys.grid.requests("put") - puts <= 3  # two chunks, and the log
    assert chunks.back(tmp_path / "back") == chunks.data


def test_what_may_have_other_bytes_is_stored_whole(keys):
    path = keys.file(content(3 * CHUNK))
    keys.ok("store", "URL--x", path, f"--chunk={CHUNK}")
    assert list(keys.grid.list(keys.cap)) == ["barge-keys", "keys"]


# --- cut off, and gone on with ------------------------------------------------------------

def start_and_kill(barge, keys, words, holding, is_far, number=signal.SIGKILL):
    """Runs until the gateway holds something back and is_far(), and ends it by a signal.  After
    SIGINT the gateway goes on."""
    keys.node = f"--node-directory={holding.directory}"
    running = subprocess.Popen(
        [str(word) for word in (barge, *keys.words(*words))], stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=keys.barge.environment)
    keys.node = f"--node-directory={keys.grid.directory}"
    err = LineReader(running.stderr)
    holding.wait_for_others()
    wait_for(is_far)
    running.send_signal(number)
    if number == signal.SIGINT:
        assert err.wait_for(is_stopping)
        holding.let_go()
    assert running.wait(300) == (3 if number == signal.SIGINT else -number)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("options", [(), ("--serial",)])
def test_a_killed_store_is_gone_on_with_from_elsewhere(barge, gateway, client, tmp_path, options,
                                                       number):
    grid = gateway()
    chunks = Chunks(Store(grid, client(grid), tmp_path), content(30 * CHUNK))
    words = ("store", chunks.key, chunks.path, f"--chunk={CHUNK}", *options)

    def linked():
        with contextlib.suppress(KeyError):
            return len(chunks.names(f"partial/{leaf(chunks.key)}-{CHUNK}"))
        return 0
    with HoldingGateway(grid, tmp_path / "holding", 20, is_put) as holding:
        # What comes while others are linked waits for the next one that comes.
        least = 20 - 5 if options else 1
        start_and_kill(barge, chunks.keys, words, holding, lambda: linked() >= least, number)
    assert len(chunks.unfinished()) == 1 and chunks.keys.check(chunks.key) == "absent"
    there, before = linked(), grid.requests("put")
    assert before == 20 or number == signal.SIGINT
    grid.restart()
    chunks.keys.barge = client(grid)  # with a home of its own
    chunks.store(*options)
    assert grid.requests("put") <= 30 - there + 1  # and the log
    assert there >= (least if number == signal.SIGKILL else before - 4)  # in flight
    assert chunks.unfinished() == set()
    assert chunks.back(tmp_path / "back") == chunks.data


def test_a_killed_retrieve_goes_on(barge, gateway, client, tmp_path):
    grid = gateway()
    chunks = Chunks(Store(grid, client(grid), tmp_path), content(30 * CHUNK))
    chunks.store()
    back = tmp_path / "back"
    with HoldingGateway(grid, tmp_path / "holding", 20, is_get_of_a_file) as holding:
        start_and_kill(barge, chunks.keys, ("retrieve", chunks.key, back), holding,
                       lambda: back.stat().st_size // CHUNK >= 20 - 5)
    there = back.stat().st_size // CHUNK
    grid.restart()
    assert chunks.back(back) == chunks.data
    assert grid.requests("get") <= 30 - there


@pytest.mark.parametrize("chunk", [0, CHUNK])
def test_a_wrong_beginning_is_not_kept(keys, tmp_path, chunk):
    chunks, back = Chunks(keys, content(3 * CHUNK), chunk or CHUNK), tmp_path / "back"
    chunks.store(f"--chunk={chunk}")
    back.write_bytes(content(2 * CHUNK, 9) + b"x" * (4 * CHUNK))
    assert chunks.back(back) == chunks.data


def test_a_beginning_of_what_is_whole_is_gone_on_with(keys, tmp_path):
    chunks, back = Chunks(keys, content(20 * CHUNK)), tmp_path / "back"
    chunks.store("--chunk=0")
    back.write_bytes(chunks.data[:15 * CHUNK + 3])
    before = keys.grid.counts()["bytes"]["out"]
    assert chunks.back(back) == chunks.data
    assert keys.grid.counts()["bytes"]["out"] - before < 7 * CHUNK, "all of it was fetched"


def test_chunks_that_wait_for_their_turn_use_the_same_memory(embedded, client, tmp_path):
    chunks = Chunks(Store(embedded, client(embedded), tmp_path), content(4 << 20) * 8, 2 << 20)
    chunks.store()
    faults = []
    for options in (["-j1"], []):
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt
        assert chunks.back(tmp_path / "back", *options) == chunks.data
        faults.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt - before)
        (tmp_path / "back").unlink()
    # Four chunks are 2,048 pages, and all of the file 8,192.
    assert faults[1] - faults[0] < 4500


# --- what is missing, or wrong -----------------------------------------------------------

def lost_cap(keys, size):
    """Of a content that nobody has stored."""
    words = keys.grid.put(content(size, 77)).split(":")
    return ":".join(words[:2] + ["a" * 26] + words[3:])


def immutable(grid, children, noted=False):
    """Makes a directory; with what was noted of its children, or without, as older stores are."""
    keep = ("ro_uri", "metadata") if noted else ("ro_uri",)
    body = {name: [kind, {key: node[key] for key in keep if key in node}]
            for name, (kind, node) in children.items()}
    return grid.web("POST", "/uri?t=mkdir-immutable", json.dumps(body)).decode()


def spoil(chunks, number, cap, noted=False):
    """Puts something else in the place of a chunk, or takes it away."""
    grid = chunks.keys.grid
    children = dict(grid.children(chunks.keys.cap, f"{chunks.own()}/{chunks.size}"))
    if cap:
        children[chunks.name(number)][1]["ro_uri"] = cap
    elif number:
        children.pop(chunks.name(number))
    own = dict(grid.children(chunks.keys.cap, chunks.own()))
    own[str(chunks.size)] = ["dirnode", {"ro_uri": immutable(grid, children, noted)}]
    above, name = chunks.own().rsplit("/", 1)
    grid.link(grid.child(chunks.keys.cap, above)[1]["rw_uri"], name, immutable(grid, own))


@pytest.mark.parametrize("lost", ["not linked", "of no content", "of another content"])
def test_a_chunk_that_is_lost_is_taken_from_another_list(keys, tmp_path, lost):
    chunks, others = Chunks(keys, content(4 * CHUNK)), Chunks(keys, content(4 * CHUNK), 150000)
    chunks.store()
    cap = {"not linked": None, "of no content": lost_cap(keys, CHUNK),
           "of another content": keys.grid.put(content(CHUNK - 1, 78))}[lost]
    spoil(chunks, 3, cap)
    back = tmp_path / "back"
    run = keys.run("retrieve", chunks.key, back)
    assert run.code != 0 and "hunk 3" in run.err
    assert back.read_bytes()[:2 * CHUNK] == chunks.data[:2 * CHUNK]
    if lost != "of another content":
        assert keys.check(chunks.key) != "present"
    others.store()
    gets = keys.grid.requests("get")
    assert chunks.back(back) == chunks.data
    assert keys.check(chunks.key) == "present"
    if lost != "of no content":  # which is tried a few times
        assert keys.grid.requests("get") - gets <= 6, "what is there was fetched again"


# --- what was noted of each ---------------------------------------------------------------

def noted_hashes(chunks, path):
    children = chunks.keys.grid.children(chunks.keys.cap, path)
    return {name: node["metadata"]["barge"]["xxh3-128"] for name, (_, node) in children.items()}


def test_the_hash_of_each_chunk_stands_beside_it(keys, tmp_path):
    chunks = Chunks(keys, content(3 * CHUNK + 5) + bytes(2 * CHUNK))  # the last one in its cap
    chunks.store()
    assert noted_hashes(chunks, f"{chunks.own()}/{CHUNK}") == {
        chunks.name(n): xxhash.xxh3_128_hexdigest(chunks.part(n))
        for n in range(1, chunks.count + 1)}
    assert chunks.back(tmp_path / "back") == chunks.data


def test_chunks_that_were_stored_without_a_hash(keys, tmp_path):
    chunks = Chunks(keys, content(4 * CHUNK))
    chunks.store()
    spoil(chunks, 0, None)
    back = tmp_path / "back"
    back.write_bytes(chunks.data[:2 * CHUNK])
    gets = keys.grid.requests("get")
    assert chunks.back(back) == chunks.data and keys.grid.requests("get") - gets <= 3
    assert keys.ok("verify", chunks.key, "--verify=read").out == f"healthy {chunks.key}\n"
    chunks.store()
    assert chunks.back(tmp_path / "again") == chunks.data


@pytest.mark.parametrize("options", [(), ("-j1",)])
def test_a_chunk_that_is_another_is_found_by_its_hash(keys, tmp_path, options):
    chunks, others = Chunks(keys, content(4 * CHUNK)), Chunks(keys, content(4 * CHUNK), 150000)
    chunks.store()
    spoil(chunks, 3, keys.grid.put(content(CHUNK, 78)), noted=True)  # as long, and well stored
    back = tmp_path / "back"
    run = keys.run("retrieve", chunks.key, back, *options)
    assert run.code == 1 and "hunk 3" in run.err and "XXH3-128" in run.err
    assert back.read_bytes()[:2 * CHUNK] == chunks.data[:2 * CHUNK]
    run = keys.run("retrieve", chunks.key, back, *options)
    assert run.code == 1, "what came of it was taken for right"
    assert keys.ok("verify", chunks.key).out == f"healthy {chunks.key}\n"
    run = keys.run("verify", chunks.key, "--verify=read")
    assert run.code == 1 and run.out == f"lost {chunks.key}\n"
    others.store()
    assert chunks.back(back, *options) == chunks.data


def test_what_was_noted_tells_where_the_secret_is_not_known(keys, tmp_path):
    chunks, back = Chunks(keys, content(4 * CHUNK)), tmp_path / "back"
    chunks.store()
    cap = tmp_path / "cap"
    cap.write_text(keys.cap)
    cap.chmod(0o600)
    keys.node, keys.alias = f"--gateway={keys.grid.url}", "cap:"
    gets = keys.grid.requests("get")
    assert chunks.back(back, f"--cap-file={cap}") == chunks.data
    assert keys.grid.requests("get") - gets <= 4 + 2, "it was read twice"
    with open(back, "r+b") as file:
        file.truncate(3 * CHUNK)
    gets = keys.grid.requests("get")
    assert chunks.back(back, f"--cap-file={cap}") == chunks.data
    assert keys.grid.requests("get") - gets <= 1 + 2, "what is there was read again"


def test_a_log_that_names_what_is_not_there(keys, tmp_path):
    chunks = Chunks(keys, content(4 * CHUNK))
    log = keys.grid.put(f"1.5s barge:{CHUNK} 4\n2s barge:5000 70\n".encode())
    key, top = leaf(chunks.key, 2).split("/"), keys.grid.mkdir({"log": log})
    keys.grid.link(keys.cap, "chunks", keys.grid.mkdir(
        {key[0]: keys.grid.mkdir({key[1]: keys.grid.mkdir({key[2]: top})})}))
    keys.grid.link(keys.cap, "keys", keys.grid.mkdir())
    assert keys.check(chunks.key) == "absent"
    run = keys.run("retrieve", chunks.key, tmp_path / "back")
    assert run.code == 2 and "not" in run.err and not (tmp_path / "back").exists()
    chunks.store()
    assert chunks.back(tmp_path / "back") == chunks.data


def test_more_sizes_than_are_kept(keys):
    chunks = Chunks(keys, content(4 * CHUNK))
    chunks.store()
    own = dict(keys.grid.children(keys.cap, chunks.own()))
    own |= {str(size): own[str(CHUNK)] for size in range(1, 65)}
    above, name = chunks.own().rsplit("/", 1)
    keys.grid.link(keys.grid.child(keys.cap, above)[1]["rw_uri"], name, immutable(keys.grid, own))
    run = keys.run("store", chunks.key, chunks.path, "--chunk=70000")
    assert run.code != 0 and "remove it first" in run.err
    assert chunks.names(chunks.own()) == set(own)
    keys.ok("remove", chunks.key)
    assert keys.check(chunks.key) == "absent"


def test_an_upload_that_nobody_logged_is_found(keys, tmp_path):
    chunks = Chunks(keys, content(4 * CHUNK))
    chunks.store()
    whole = keys.grid.mkdir({name: node["ro_uri"] for name, (_, node) in keys.grid.children(
        keys.cap, f"{chunks.own()}/{CHUNK}").items()})
    keys.ok("remove", chunks.key)
    key = leaf(chunks.key, 2).split("/")
    keys.grid.link(keys.cap, "partial", keys.grid.mkdir(
        {key[0]: keys.grid.mkdir({key[1]: keys.grid.mkdir({f"{key[2]}-{CHUNK}": whole})})}))
    assert keys.check(chunks.key) == "absent"
    assert keys.ok("check", chunks.key, f"--chunk={CHUNK}").out == "present\n"
    assert keys.check(chunks.key) == "present", "it was not noted"
    assert chunks.names("partial/" + "/".join(key[:2])) == set()


def test_what_unfinished_stores_left_goes_too(keys):
    chunks = Chunks(keys, content(4 * CHUNK))
    chunks.store()
    key = leaf(chunks.key, 2).split("/")
    keys.grid.link(keys.cap, "partial", keys.grid.mkdir({key[0]: keys.grid.mkdir(
        {key[1]: keys.grid.mkdir({f"{key[2]}-5": keys.grid.mkdir(),
                                  f"{key[2]}x-5": keys.grid.mkdir()})})}))
    keys.ok("remove", chunks.key)
    assert chunks.names("partial/" + "/".join(key[:2])) == {f"{key[2]}x-5"}


# --- who cannot be asked, what cannot be meant -------------------------------------------

def test_chunks_behind_a_gateway_that_is_away_are_unknown(gateway, client, tmp_path):
    grid = gateway()
    chunks = Chunks(Store(grid, client(grid), tmp_path), content(3 * CHUNK))
    chunks.store()
    grid.restart(["check:500"])
    run = chunks.keys.run("check", chunks.key)
    assert run.code not in (0, 1) and run.out == ""
    grid.stop()
    run = chunks.keys.run("check", chunks.key)
    assert run.code == 69 and run.out == ""


@pytest.mark.parametrize("size", ["foo", "-1", ".5MB", "1MiBx", "10q", "1MiB junk"])
def test_bad_sizes_are_told_in_git_annexs_words(keys, size):
    run = keys.run("store", "WORM--a", "f", f"--chunk={size}")
    assert run.code == 2 and f"bad configuration chunk={size}" in run.err


def test_too_many_chunks(keys):
    data = content(70000)
    run = keys.run("store", key_of(data), keys.file(data), "--chunk=1")
    assert run.code == 2 and "choose larger ones" in run.err
    assert keys.grid.list(keys.cap) == {}


def test_a_read_cap_reads_chunks_and_stores_none(keys, tmp_path):
    chunks = Chunks(keys, content(3 * CHUNK))
    chunks.store()
    node = keys.grid.list(keys.grid.mkdir({"root": keys.cap}))
    keys.grid.add_alias("chunks-read-only", node["root"][1]["ro_uri"])
    keys.alias = "chunks-read-only:"
    assert chunks.back(tmp_path / "back") == chunks.data
    puts = keys.grid.requests("put")
    for words in (("store", chunks.key, chunks.path, "--chunk=70000"), ("remove", chunks.key)):
        run = keys.run(*words)
        assert run.code == 2 and "is read-only" in run.err
    assert keys.grid.requests("put") == puts
