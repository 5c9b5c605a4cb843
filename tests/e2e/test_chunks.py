"""--chunk: large files as immutable directories of numbered chunks, stored side by side."""
import json
import os
import signal
import time

import pytest

from backup_place import OLD, Place, counts
from grid import EmbeddedGateway, uri, wait_for
from tree import content, local_tree, same

KIB = 1 << 10
CHUNK = 64 * KIB
SIZE = 10 * CHUNK + 7
CHUNKS = 11


@pytest.fixture
def source(tmp_path):
    """A directory with a file of eleven chunks, the last of which is a literal, and a small one."""
    (tmp_path / "s").mkdir()
    (tmp_path / "s/large").write_bytes(content(SIZE))
    (tmp_path / "s/small").write_bytes(content(CHUNK, 1))
    return tmp_path / "s"


def edge(grid, directory, name):
    """The child `name` as the gateway lists it: (kind, node)."""
    node = json.loads(grid.web("GET", uri(directory, t="json")))[1]
    return node["children"][name]


def joined(grid, cap):
    """The names of the pieces of a directory, and their bytes in the order of a shell's sort."""
    names = sorted(grid.list(cap), key=os.fsencode)
    return names, b"".join(grid.get(grid.list(cap)[name][1]["ro_uri"]) for name in names)


@pytest.mark.parametrize("options", [(), ("--immutable",), ("--no-direct",)],
                         ids=["mutable", "immutable", "gateway alone"])
def test_a_large_file_is_a_directory_of_chunks(embedded, client, source, options):
    barge = client(embedded)
    alias, cap = embedded.fresh()
    puts = embedded.requests("put")
    run = barge.ok("cp", "-r", source, alias, "--chunk=64K", "--json", *options)
    line = run.entries()["s/large"]
    assert line["bytes"] == SIZE and line["state"] == "done"
    parent = embedded.child(cap, "s")[1]
    kind, node = edge(embedded, parent.get("rw_uri") or parent["ro_uri"], "large")
    assert kind == "dirnode" and not node["mutable"]
    metadata = node["metadata"]
    assert metadata["barge"] == {"chunked": {"size": SIZE, "version": 1}}
    assert metadata["mtime"] == pytest.approx(os.stat(source / "large").st_mtime)
    names, data = joined(embedded, node["ro_uri"])
    assert names == [f"{number:02d}" for number in range(1, CHUNKS + 1)]
    assert data == content(SIZE)
    # The last chunk is a literal; the directory is put like a file by the embedded gateway.
    assert embedded.requests("put") - puts <= CHUNKS - 1 + 3


def test_tahoe_joins_the_pieces(real_grid, client, source, tmp_path):
    alias, _ = real_grid.fresh()
    client(real_grid).ok("cp", "-r", source, alias, "--chunk=64K")
    run = real_grid.command("-d", real_grid.directory, "cp", "-r", alias + "s/large",
                            tmp_path / "pieces")
    assert run.returncode == 0, run.stdout
    pieces = tmp_path / "pieces"
    if (pieces / "large").is_dir():
        pieces = pieces / "large"
    command = f"cat '{pieces}'/* > '{tmp_path}/joined'"
    assert os.system(command) == 0
    assert (tmp_path / "joined").read_bytes() == content(SIZE)


def test_killed_in_the_middle_only_chunks_in_flight_are_sent_again(barge, client, tmp_path):
    grid = EmbeddedGateway(barge, tmp_path / "node", ["put:delay=60"])
    try:
        alias, cap = grid.fresh()
        (tmp_path / "large").write_bytes(content(40 * CHUNK))
        one = client(grid)
        running = one.start("cp", "--chunk=64K", "-j4", tmp_path / "large", alias)
        wait_for(lambda: grid.requests("put") >= 20, 30)
        time.sleep(0.1)
        running.kill()
        one.finish(running)
        before = grid.requests("put")
        grid.restart()
        one.ok("resume", one.job().name)
        assert before < 40
        # Four in flight, those whose slots were not written yet, and the directory.
        assert grid.requests("put") <= 40 - before + 4 + 4 + 1
        assert joined(grid, grid.child(cap, "large")[1]["ro_uri"])[1] == content(40 * CHUNK)
    finally:
        grid.stop()


def test_a_file_that_changed_between_two_runs_is_sent_anew(barge, client, tmp_path):
    grid = EmbeddedGateway(barge, tmp_path / "node", ["put:delay=60"])
    try:
        alias, cap = grid.fresh()
        large = tmp_path / "large"
        large.write_bytes(content(40 * CHUNK))
        one = client(grid)
        running = one.start("cp", "--chunk=64K", large, alias)
        wait_for(lambda: grid.requests("put") >= 20, 30)
        running.kill()
        one.finish(running)
        grid.restart()
        large.write_bytes(content(30 * CHUNK + 5, 2))
        one.ok("resume", one.job().name)
        node = grid.child(cap, "large")[1]
        assert joined(grid, node["ro_uri"])[1] == content(30 * CHUNK + 5, 2)
    finally:
        grid.stop()


def test_chunks_alike_are_sent_once(embedded, client, tmp_path):
    (tmp_path / "zeros").write_bytes(bytes(20 * CHUNK))
    alias, cap = embedded.fresh()
    puts = embedded.requests("put")
    client(embedded).ok("cp", "--chunk=64K", tmp_path / "zeros", alias)
    assert embedded.requests("put") - puts <= 2
    assert joined(embedded, embedded.child(cap, "zeros")[1]["ro_uri"])[1] == bytes(20 * CHUNK)


def test_bad_sizes_are_refused(embedded, client, source):
    alias, _ = embedded.fresh()
    for size in ("0", "1K", "12x", "", "-1"):
        run = client(embedded).ok("cp", source / "large", alias, f"--chunk={size}", code=2)
        assert "--chunk" in run.err


# --- back again -----------------------------------------------------------------------------

@pytest.mark.parametrize("options", [(), ("--no-direct",)], ids=["servers", "gateway alone"])
def test_it_comes_back_as_one_file(embedded, client, source, tmp_path, options):
    barge = client(embedded)
    alias, _ = embedded.fresh()
    os.chmod(source / "large", 0o640)
    barge.ok("cp", "-r", source, alias, "--chunk=64K")
    run = barge.ok("cp", "-r", alias + "s", tmp_path / "out", "--json", *options)
    assert [line["bytes"] for path, line in run.entries().items() if path.endswith("large")] == [SIZE]
    same(local_tree(tmp_path / "out/s"), local_tree(source))
    assert os.stat(tmp_path / "out/s/large").st_mode & 0o777 == 0o640
    assert int(os.stat(tmp_path / "out/s/large").st_mtime) == int(os.stat(source / "large").st_mtime)


def test_from_grid_to_grid_it_is_linked_and_stays_a_file(embedded, client, source, tmp_path):
    barge = client(embedded)
    alias, _ = embedded.fresh()
    other, _ = embedded.fresh()
    barge.ok("cp", "-r", source, alias, "--chunk=64K")
    puts = embedded.requests("put")
    barge.ok("cp", "-r", alias + "s", other)
    assert embedded.requests("put") == puts
    barge.ok("cp", "-r", other + "s", tmp_path / "out")
    same(local_tree(tmp_path / "out/s"), local_tree(source))


def test_killed_in_the_middle_it_fetches_the_rest(barge, client, tmp_path):
    grid = EmbeddedGateway(barge, tmp_path / "node")
    try:
        alias, cap = grid.fresh()
        (tmp_path / "s").mkdir()
        (tmp_path / "s/large").write_bytes(content(40 * CHUNK))
        one = client(grid)
        one.ok("cp", "-r", tmp_path / "s", alias, "--chunk=64K")
        grid.restart(["get:delay=60"])
        running = one.start("cp", "-r", "--no-direct", alias + "s", tmp_path / "out")
        wait_for(lambda: grid.requests("get") >= 20, 30)
        running.kill()
        one.finish(running)
        before = grid.requests("get")
        grid.restart()
        one.ok("resume", one.job().name)
        assert before < 40
        same(local_tree(tmp_path / "out/s"), local_tree(tmp_path / "s"))
    finally:
        grid.stop()


def marked(grid, children, size, version=1):
    """An alias of a directory whose child `large` says that it is a file of chunks."""
    body = {name: ["dirnode" if cap.startswith("URI:DIR2") else "filenode", {"ro_uri": cap}]
            for name, cap in children.items()}
    pieces = grid.web("POST", "/uri?t=mkdir-immutable", json.dumps(body)).decode()
    mark = {"chunked": {"size": size, "version": version}}
    parent = {"large": ["dirnode", {"ro_uri": pieces, "metadata": {"barge": mark}}]}
    cap = grid.web("POST", "/uri?t=mkdir-with-children", json.dumps(parent)).decode()
    EmbeddedGateway.made += 1
    name = f"marked{EmbeddedGateway.made}"
    grid.add_alias(name, cap)
    return name + ":"


LIES = {
    "another size": lambda a, b, d: ({"1": a, "2": b}, 1999),
    "no size": lambda a, b, d: ({"1": a, "2": b}, 0),
    "a size beyond all": lambda a, b, d: ({"1": a, "2": b}, (1 << 63) - 1),
    "no number 1": lambda a, b, d: ({"2": a, "3": b}, 2000),
    "a number with a gap": lambda a, b, d: ({"1": a, "3": b}, 2000),
    "names too long": lambda a, b, d: ({"01": a, "02": b}, 2000),
    "one alone": lambda a, b, d: ({"1": a}, 1000),
    "a directory among them": lambda a, b, d: ({"1": a, "2": d}, 2000),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_mark_that_lies_is_a_directory(embedded, client, tmp_path, lie):
    a, b = embedded.put(content(1000, 7)), embedded.put(content(1000, 8))
    directory = embedded.web("POST", "/uri?t=mkdir-immutable", json.dumps(
        {"x": ["filenode", {"ro_uri": a}]})).decode()
    children, size = LIES[lie](a, b, directory)
    alias = marked(embedded, children, size)
    run = client(embedded).ok("cp", "-r", alias, tmp_path / "out")
    assert (tmp_path / "out/large").is_dir()
    assert set(os.listdir(tmp_path / "out/large")) == set(children)
    assert size == 0 or "are files in chunks, and are not" in run.err


def test_a_mark_of_a_later_version_is_none(embedded, client, tmp_path):
    a, b = embedded.put(content(1000, 7)), embedded.put(content(1000, 8))
    barge = client(embedded)
    barge.ok("cp", "-r", marked(embedded, {"1": a, "2": b}, 2000, 2), tmp_path / "later")
    assert (tmp_path / "later/large").is_dir()
    barge.ok("cp", "-r", marked(embedded, {"1": a, "2": b}, 2000), tmp_path / "now")
    assert (tmp_path / "now/large").read_bytes() == content(1000, 7) + content(1000, 8)


# --- again onto a grid ----------------------------------------------------------------------

def sent(grid, kind="put"):
    """Counts requests from here on."""
    before = grid.requests(kind)
    return lambda: grid.requests(kind) - before


def pieces_at(grid, cap, *path):
    """The chunks of the file at the path below a directory."""
    for name in path[:-1]:
        node = grid.child(cap, name)[1]
        cap = node.get("rw_uri") or node["ro_uri"]
    kind, node = edge(grid, cap, path[-1])
    return joined(grid, node["ro_uri"]) if kind == "dirnode" else (None, grid.get(node["ro_uri"]))


@pytest.fixture
def stored(embedded, client, source):
    """A client, an alias and its cap, where the source is stored with its large file in chunks."""
    barge = client(embedded)
    alias, cap = embedded.fresh()
    barge.ok("cp", "-r", source, alias, "--chunk=64K")
    return barge, alias, cap


@pytest.mark.parametrize("options", [["--chunk=64K"], ["--chunk=100K"], [], ["--checksum"],
                                     ["--update"], ["-n", "--chunk=64K"]],
                         ids=lambda options: " ".join(options) or "whole")
def test_the_same_content_sends_nothing(embedded, stored, source, options):
    barge, alias, cap = stored
    puts = sent(embedded)
    run = barge.ok("cp", "-r", source, alias, "--json", *options)
    line = run.entries().get("s/large", {"state": "skipped", "bytes": SIZE}) # none with -n
    assert line["state"] == "skipped" and line["bytes"] == SIZE
    assert puts() == 0
    assert len(pieces_at(embedded, cap, "s", "large")[0]) == CHUNKS


CHANGES = {
    "in chunks": ("--chunk=64K", CHUNKS),
    "in others": ("--chunk=100K", 7),
    "whole": ("", 0),
    "shorter than a chunk": ("--chunk=1M", 0),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_content_is_replaced(embedded, stored, source, tmp_path, change):
    barge, alias, cap = stored
    option, chunks = CHANGES[change]
    data = bytearray(content(SIZE))
    data[3 * CHUNK] ^= 1
    (source / "large").write_bytes(data)
    puts = sent(embedded)
    barge.ok("cp", "-r", source, alias, *[option][:len(option)])
    names, there = pieces_at(embedded, cap, "s", "large")
    assert there == data and len(names or []) == chunks
    if change == "in chunks":
        assert puts() <= 2 + CHUNKS
    barge.ok("cp", "-r", alias + "s", tmp_path / "out")
    same(local_tree(tmp_path / "out/s"), local_tree(source))


def test_a_whole_file_becomes_chunks(embedded, client, source):
    barge = client(embedded)
    alias, cap = embedded.fresh()
    barge.ok("cp", "-r", source, alias)
    barge.ok("cp", "-r", source, alias, "--chunk=64K")
    assert pieces_at(embedded, cap, "s", "large")[0] is None
    barge.ok("cp", "-r", source, alias, "--chunk=64K", "--always")
    names, data = pieces_at(embedded, cap, "s", "large")
    assert len(names) == CHUNKS and data == content(SIZE)


def test_new_metadata_are_linked_without_sending(embedded, stored, source, tmp_path):
    barge, alias, _ = stored
    os.chmod(source / "large", 0o600)
    puts = sent(embedded)
    barge.ok("cp", "-r", source, alias, "--chunk=64K")
    assert puts() == 0
    barge.ok("cp", "-r", alias + "s", tmp_path / "out")
    same(local_tree(tmp_path / "out/s"), local_tree(source))
    assert os.stat(tmp_path / "out/s/large").st_mode & 0o777 == 0o600


def test_rehearsals_say_what_runs_do(embedded, stored, source, tmp_path):
    barge, alias, _ = stored
    run = barge.ok("cp", "-r", source, alias, "--chunk=64K", "--dry-run")
    assert "skip s/large" in run.out
    run = barge.ok("cp", "-r", source, alias, "--chunk=64K", "--dry-run", "--always")
    assert "copy s/large (640" in run.out
    run = barge.ok("cp", "-r", alias + "s", tmp_path / "out", "--dry-run", "--json")
    lines = {line["path"]: line for line in map(json.loads, run.out.splitlines())
             if line["event"] == "plan"}
    assert (lines["s/large"]["kind"], lines["s/large"]["bytes"]) == ("file", SIZE)
    barge.ok("cp", "-r", alias + "s", tmp_path / "out")
    for options in ["--checksum"], []:
        run = barge.ok("cp", "-r", alias + "s", tmp_path / "out", "--dry-run", *options)
        assert "skip s/large" in run.out
        gets = sent(embedded, "get")
        run = barge.ok("cp", "-r", alias + "s", tmp_path / "out", "--json", *options)
        assert run.entries()["s/large"]["state"] == "skipped" and gets() <= 1


def test_single_files_and_exact_targets(embedded, stored, source, tmp_path):
    barge, alias, cap = stored
    barge.ok("cp", alias + "s/large", tmp_path / "one")
    assert (tmp_path / "one").read_bytes() == content(SIZE)
    changed = tmp_path / "changed"
    for number, options in enumerate([[], ["-T"], ["--chunk=64K"], ["-T", "--chunk=100K"]]):
        changed.write_bytes(content(SIZE, 10 + number))
        barge.ok("cp", changed, alias + "s/large", *options)
        assert pieces_at(embedded, cap, "s", "large")[1] == content(SIZE, 10 + number)
        barge.ok("cp", source / "large", alias + "s/large", "--chunk=64K")
        assert pieces_at(embedded, cap, "s", "large")[0]
    run = barge.ok("cp", "-r", source, alias + "s/large", code=2)
    assert "cannot copy directory into a file" in run.err
    barge.ok("cp", source / "small", alias + "s/large/x", code=2)


def test_a_directory_in_the_way_of_chunks_is_a_conflict(embedded, client, source):
    barge = client(embedded)
    alias, cap = embedded.fresh()
    (source / "large").rename(source / "kept")
    (source / "large").mkdir()
    (source / "large/inner").write_bytes(b"x" * 100)
    barge.ok("cp", "-r", source, alias)
    (source / "large/inner").unlink()
    (source / "large").rmdir()
    (source / "kept").rename(source / "large")
    barge.ok("cp", "-r", source, alias, "--chunk=64K", code=4)
    s = embedded.child(cap, "s")[1]["rw_uri"]
    assert "inner" in embedded.list(embedded.child(s, "large")[1]["rw_uri"])


def test_a_mark_that_lies_is_not_replaced(embedded, client, tmp_path):
    a, b = embedded.put(content(1000, 7)), embedded.put(content(1000, 8))
    alias = marked(embedded, {"1": a, "2": b}, 1999)
    (tmp_path / "large").write_bytes(content(5000))
    barge = client(embedded)
    barge.ok("cp", tmp_path / "large", alias, code=4)
    barge.ok("cp", "-T", tmp_path / "large", alias + "large", code=2)


def test_killed_between_link_and_slot_it_goes_on(embedded, client, barge_debug, tmp_path):
    """A whole file was replaced by chunks, which nobody has written down."""
    alias, cap = embedded.fresh()
    large = tmp_path / "large"
    large.write_bytes(content(SIZE, 3))
    barge = client(embedded, barge_debug)
    barge.ok("cp", large, alias)
    large.write_bytes(content(SIZE))
    run = barge.run("cp", "--chunk=64K", large, alias, env={"BARGE_KILL": "directory-made"})
    assert run.code == -signal.SIGKILL
    assert pieces_at(embedded, cap, "large")[1] == content(SIZE)
    barge.ok("resume", barge.job().name)
    assert pieces_at(embedded, cap, "large")[1] == content(SIZE)


# --- looked at ------------------------------------------------------------------------------

def test_ls_shows_a_file(embedded, stored):
    barge, alias, _ = stored
    assert barge.ok("ls", alias + "s").out == "large\nsmall\n"
    lines = [json.loads(line) for line in barge.ok("ls", "--json", alias + "s").out.splitlines()]
    assert [(line["name"], line["kind"], line["size"]) for line in lines] == [
        ("large", "file", SIZE), ("small", "file", CHUNK)]
    line = json.loads(barge.ok("ls", "--json", alias + "s/large").out)
    assert (line["name"], line["kind"], line["size"]) == ("large", "file", SIZE)
    assert barge.ok("ls", "-l", alias + "s/large").out.split()[1] == str(SIZE)
    barge.ok("ls", alias + "s/large/", code=2)
    a, b = embedded.put(content(1000, 7)), embedded.put(content(1000, 8))
    assert barge.ok("ls", marked(embedded, {"1": a, "2": b}, 1999)).out == "large/\n"


@pytest.mark.parametrize("options", [(), ("--no-direct",)], ids=["servers", "gateway alone"])
def test_get_writes_one_file(embedded, stored, tmp_path, options):
    barge, alias, _ = stored
    barge.ok("get", alias + "s/large", tmp_path / "got", *options)
    assert (tmp_path / "got").read_bytes() == content(SIZE)
    run = barge.ok("get", alias + "s/large", "-", *options)
    assert run.raw == content(SIZE)


def test_diff_compares_it_with_a_file(embedded, stored, source, tmp_path):
    barge, alias, _ = stored
    barge.ok("diff", source, alias + "s")
    barge.ok("diff", source / "large", alias + "s/large")
    barge.ok("diff", "--verify=read", source / "large", alias + "s/large")
    data = bytearray(content(SIZE))
    data[3 * CHUNK] ^= 1
    (source / "large").write_bytes(data)
    for words in (source, alias + "s"), (source / "large", alias + "s/large"):
        for options in [], ["--verify=read"]:
            run = barge.ok("diff", *words, *options, code=1)
            assert "large" in run.out
    (source / "large").unlink()
    run = barge.ok("diff", "--json", source, alias + "s", code=1)
    line = run.entries()["large"]
    assert line["kind"] == "file"


def proven(run):
    """{path: kind} of what a verification tells as proven."""
    return {path: line["kind"] for path, line in run.entries().items() if line["state"] == "done"}


@pytest.mark.parametrize("level", ["count", "check", "read"])
def test_verify_takes_it_for_a_file(embedded, stored, level):
    barge, alias, _ = stored
    run = barge.ok("verify", alias + "s", f"--verify={level}", "--json")
    assert proven(run) == {"": "directory", "large": "file", "small": "file"}
    assert run.entries()["large"]["bytes"] == SIZE
    run = barge.ok("verify", barge.job().name, f"--verify={level}", "--json")
    assert proven(run)["s/large"] == "file" and run.summary()["failed"] == 0
    assert run.summary()["files"] == 2
    a, b = embedded.put(content(1000, 7)), embedded.put(content(1000, 8))
    run = barge.ok("verify", marked(embedded, {"1": a, "2": b}, 1999), "--json")
    assert proven(run) == {"": "directory", "large": "directory", "large/1": "file",
                           "large/2": "file"}


def test_a_chunk_that_is_lost_is_named(real_grid, client, source, tmp_path):
    alias, _ = real_grid.fresh()
    barge = client(real_grid)
    (source / "large").write_bytes(content(SIZE, 40))
    before = set(real_grid.share_files())
    barge.ok("cp", "-r", source, alias, "--chunk=100K")
    chunks = [path for path in set(real_grid.share_files()) - before
              if path.stat().st_size > 100 * KIB]
    chunks[0].unlink()
    for words in [alias + "s"], [alias + "s", "--verify=check"], [barge.job().name]:
        run = barge.ok("verify", *words, "--json", code=1)
        line, = [line for line in run.entries().values() if line["state"] == "failed"]
        assert line["path"].endswith("large") and line["kind"] == "file"
        assert "of 7: " in line["detail"] and "chunk" in line["detail"]
    # What is fetched is all or nothing.
    run = barge.ok("get", alias + "s/large", tmp_path / "out", code=1)
    assert "of 7: " in run.err and not (tmp_path / "out").exists()
    # Sent again, it is whole again.
    barge.ok("cp", "-r", source, alias, "--chunk=100K", "--always")
    barge.ok("verify", alias + "s")


# --- backups --------------------------------------------------------------------------------

class ChunkPlace(Place):
    """A directory with files around the size of a chunk, backed up in chunks."""
    def __init__(self, grid, barge, source):
        self.grid, self.barge, self.source = grid, barge, source
        self.alias, self.cap = grid.fresh()
        (self.source / "d").mkdir(parents=True)
        (self.source / "d/large").write_bytes(content(SIZE))
        (self.source / "d/equal").write_bytes(content(CHUNK, 1))
        (self.source / "small").write_bytes(content(100, 2))
        time.sleep(OLD)

    def backup(self, *options, chunk="64K", code=0):
        return super().backup(f"--chunk={chunk}", *options, code=code)

    def pieces(self, *path):
        return pieces_at(self.grid, self.latest(), *path)


@pytest.fixture
def place(embedded, client, tmp_path):
    return ChunkPlace(embedded, client(embedded), tmp_path / "source")


def test_a_backup_in_chunks_shares_them(place, tmp_path):
    first = place.backup()
    assert counts(first) == (3, 0, 0, 2, 0, 0)
    names, data = place.pieces("d", "large")
    assert len(names) == CHUNKS and data == content(SIZE)
    assert place.pieces("d", "equal")[0] is None
    puts = sent(place.grid)
    for chunk in "64K", "100K", "1M":
        assert counts(place.backup(chunk=chunk)) == (0, 3, 0, 0, 2, 0)
    assert puts() == 0 and len(place.pieces("d", "large")[0]) == CHUNKS
    # A file that grows, one that changes and is cut otherwise.
    (place.source / "d/equal").write_bytes(content(CHUNK + 1, 1))
    (place.source / "d/large").write_bytes(content(SIZE, 3))
    time.sleep(OLD)
    assert counts(place.backup(chunk="40K"))[:2] == (2, 1)
    assert len(place.pieces("d", "equal")[0]) == 2 and len(place.pieces("d", "large")[0]) == 17
    # Restored, also as it was.
    barge, alias = place.barge, place.alias
    barge.ok("cp", "-r", alias + "to/Latest", tmp_path / "now")
    same(local_tree(tmp_path / "now/Latest"), local_tree(place.source))
    barge.ok("cp", "-rT", "--at", first["snapshot"], alias + "to", tmp_path / "then")
    assert (tmp_path / "then/d/large").read_bytes() == content(SIZE)


def test_without_its_database_a_backup_reads_the_snapshot(place):
    place.backup()
    place.database().unlink()
    puts = sent(place.grid)
    assert counts(place.backup()) == (0, 3, 0, 0, 2, 0) and puts() == 0


def test_a_rehearsal_of_a_backup_foresees_chunks(place):
    place.backup()
    run = place.barge.ok("backup", "--dry-run", "--chunk=64K", place.source, place.alias + "to")
    assert "copy 0 files" in run.err and "reuse 5 entries" in run.err


def test_snapshots_take_it_for_a_file(place):
    place.backup()
    barge, to = place.barge, place.alias + "to"
    (place.source / "d/large").write_bytes(content(SIZE, 4))
    time.sleep(OLD)
    place.backup()
    total = SIZE + CHUNK + 100
    rows = barge.ok("snapshots", "-l", "--json", to).lines()
    assert [(row["files"], row["directories"], row["bytes"]) for row in rows] == [(3, 1, total)] * 2
    found = barge.ok("snapshots", "find", to, "large").out.split("\n")
    assert found[0] == "d/large" and [line.split()[1] for line in found[1:3]] == [str(SIZE)] * 2
    old, new = sorted(place.archives())
    assert barge.ok("snapshots", "diff", to, old, new, code=1).out == \
        "changed: d/large (content, time)\n"
    run = barge.ok("snapshots", "check", to, "--read-data-subset=100%", "--json")
    summary = run.summary()
    # Twice the large file, its chunks that are no literals, and the other two, once each.
    assert (summary["files"], summary["damaged"], summary["lost"]) == (4, 0, 0)
    assert summary["read"] == 2 * (CHUNKS - 1) + 2


def test_a_backup_that_was_killed_sends_the_other_chunks(barge, client, tmp_path):
    grid = EmbeddedGateway(barge, tmp_path / "node", ["put:delay=60"])
    try:
        place = ChunkPlace(grid, client(grid), tmp_path / "source")
        (place.source / "d/large").write_bytes(content(40 * CHUNK))
        words = ("backup", "--chunk=64K", "-j4", place.source, place.alias + "to")
        running = place.barge.start(*words)
        wait_for(lambda: grid.requests("put") >= 20, 30)
        time.sleep(0.1)
        running.kill()
        place.barge.finish(running)
        before = grid.requests("put")
        grid.restart()
        run = place.barge.ok(*words)
        assert "continuing job" in run.err and before < 40
        # Four in flight, slots not written yet, two other files and three directories.
        assert grid.requests("put") <= 40 - before + 4 + 4 + 2 + 3
        assert place.pieces("d", "large")[1] == content(40 * CHUNK)
    finally:
        grid.stop()


def test_a_lost_chunk_is_stored_again_by_the_next_backup(real_grid, client, tmp_path):
    place = ChunkPlace(real_grid, client(real_grid), tmp_path / "source")
    (place.source / "d/large").write_bytes(content(SIZE, 50))
    time.sleep(OLD)
    before = set(real_grid.share_files())
    place.backup()
    chunks = [path for path in set(real_grid.share_files()) - before
              if CHUNK < path.stat().st_size < 2 * CHUNK and path.stat().st_size != 0]
    lost = chunks[0]
    lost.unlink()
    looks = "--check-after=0", "--check-always=0"
    assert place.backup()["files_uploaded"] == 0
    assert place.backup(*looks)["files_uploaded"] == 1
    assert lost.exists()
    assert place.backup(*looks)["files_uploaded"] == 0
