"""--chunk: large files as immutable directories of numbered chunks, stored side by side."""
import json
import os
import signal

import pytest

from chunked import (CHUNK, CHUNKS, SIZE, edge, joined, marked, pieces_at, sent, slots_written,
                     source, stored)
from grid import FOR_EVER, EmbeddedGateway, wait_for
from tree import content, local_tree, same

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


def test_a_gateway_of_tahoe_replaces_it(real_grid, client, source):
    alias, cap = real_grid.fresh()
    barge = client(real_grid)
    size = 2 * CHUNK + 7
    (source / "large").write_bytes(content(size))
    barge.ok("cp", "-r", source, alias, "--chunk=64K")
    for number, options in enumerate((["--chunk=64K"], [], ["--chunk=100K"])):
        (source / "large").write_bytes(content(size, 60 + number))
        (source / "new").write_bytes(b"new %d" % number)
        barge.ok("cp", "-r", source, alias, *options)
        assert pieces_at(real_grid, cap, "s", "large")[1] == content(size, 60 + number)
        assert barge.ok("ls", alias + "s").out == "large\nnew\nsmall\n"
    os.chmod(source / "large", 0o600)
    run = barge.ok("cp", "-r", source, alias, "--chunk=64K", "--json")
    assert run.entries()["s/large"]["state"] == "done"
    node = edge(real_grid, real_grid.child(cap, "s")[1]["rw_uri"], "large")[1]
    assert node["metadata"]["st_mode"] & 0o777 == 0o600


def test_killed_in_the_middle_only_chunks_in_flight_are_sent_again(barge, client, tmp_path):
    grid = EmbeddedGateway(barge, tmp_path / "node", [f"put:delay={FOR_EVER}@21+"])
    try:
        alias, cap = grid.fresh()
        (tmp_path / "large").write_bytes(content(40 * CHUNK))
        one = client(grid)
        running = one.start("cp", "--chunk=64K", "-j4", tmp_path / "large", alias)
        wait_for(lambda: slots_written(one) >= 20)
        running.kill()
        one.finish(running)
        before = grid.requests("put")
        grid.restart()
        one.ok("resume", one.job().name)
        assert before <= 24
        assert grid.requests("put") <= 40 - 20 + 1, "more than those in flight and the directory"
        assert joined(grid, grid.child(cap, "large")[1]["ro_uri"])[1] == content(40 * CHUNK)
    finally:
        grid.stop()


def test_a_file_that_changed_between_two_runs_is_sent_anew(barge, client, tmp_path):
    grid = EmbeddedGateway(barge, tmp_path / "node", [f"put:delay={FOR_EVER}@21+"])
    try:
        alias, cap = grid.fresh()
        large = tmp_path / "large"
        large.write_bytes(content(40 * CHUNK))
        one = client(grid)
        running = one.start("cp", "--chunk=64K", large, alias)
        wait_for(lambda: slots_written(one) >= 10)
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


def test_from_grid_to_grid_it_replaces_what_is_there(embedded, stored, source, tmp_path):
    barge, alias, _ = stored
    other, cap = embedded.fresh()
    (tmp_path / "before/s").mkdir(parents=True)
    (tmp_path / "before/s/large").write_bytes(b"whole before")
    barge.ok("cp", "-r", tmp_path / "before/s", other)
    for state in "done", "skipped":
        run = barge.ok("cp", "-r", alias + "s", other, "--json")
        assert run.entries()["s/large"]["state"] == state
        assert pieces_at(embedded, cap, "s", "large")[1] == content(SIZE)
    (source / "large").write_bytes(content(SIZE, 5))
    barge.ok("cp", "-r", source, alias, "--chunk=100K")
    barge.ok("cp", "-r", alias + "s", other)
    assert pieces_at(embedded, cap, "s", "large")[1] == content(SIZE, 5)
    barge.ok("cp", "-r", source, alias, "--always")
    barge.ok("cp", "-r", alias + "s", other)
    assert pieces_at(embedded, cap, "s", "large") == (None, content(SIZE, 5))


def test_with_caps_only_it_is_one_cap(embedded, stored, tmp_path):
    barge, alias, cap = stored
    node = edge(embedded, embedded.child(cap, "s")[1]["rw_uri"], "large")[1]
    barge.ok("cp", "-r", "--caps-only", alias + "s", tmp_path / "caps")
    barge.ok("cp", "--caps-only", alias + "s/large", tmp_path / "cap")
    for path in tmp_path / "caps/s/large", tmp_path / "cap":
        assert path.read_text() == node["ro_uri"]


def test_killed_in_the_middle_it_fetches_the_rest(barge, client, tmp_path):
    grid = EmbeddedGateway(barge, tmp_path / "node")
    try:
        alias, cap = grid.fresh()
        (tmp_path / "s").mkdir()
        (tmp_path / "s/large").write_bytes(content(40 * CHUNK))
        one = client(grid)
        one.ok("cp", "-r", tmp_path / "s", alias, "--chunk=64K")
        grid.restart([f"get:delay={FOR_EVER}@21+"])
        running = one.start("cp", "-r", "--no-direct", alias + "s", tmp_path / "out")
        wait_for(lambda: grid.requests("get") > 20)
        running.kill()
        one.finish(running)
        before = grid.requests("get")
        grid.restart()
        one.ok("resume", one.job().name)
        assert before < 40
        same(local_tree(tmp_path / "out/s"), local_tree(tmp_path / "s"))
    finally:
        grid.stop()


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


def test_put_replaces_it(embedded, stored, tmp_path):
    barge, alias, cap = stored
    barge.ok("put", "-", alias + "s/large", given=b"x" * 100)
    assert pieces_at(embedded, cap, "s", "large") == (None, b"x" * 100)
    a, b = embedded.put(content(1000, 7)), embedded.put(content(1000, 8))
    lie = marked(embedded, {"1": a, "2": b}, 1999) + "large"
    assert "is a directory" in barge.ok("put", "-", lie, given=b"x" * 100, code=4).err


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
