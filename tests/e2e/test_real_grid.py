"""Against Tahoe-LAFS itself: what it reads is what was sent, and its caps are ours."""
import os
import subprocess

import pytest

from grid import file_caps
from kill_loop import is_stopping
from lying import HoldingGateway, is_put
from runner import CAP, LineReader
from tree import below, content, local_tree, same


def fetch(grid, alias, target):
    """Reads a directory back with `tahoe cp -r`; returns the tree that arrived."""
    done = grid.command("-d", grid.directory, "cp", "-r", alias, target)
    assert done.returncode == 0, done.stdout
    return local_tree(target)


@pytest.mark.parametrize("options", [(), pytest.param(("--immutable",), marks=pytest.mark.long)],
                         ids=["mutable", "immutable"])
def test_tahoe_reads_the_tree(real_grid, client, source, tmp_path, options):
    path, tree = source
    alias, _ = real_grid.fresh()
    slots = real_grid.mutable_slots()
    run = client(real_grid).ok("cp", "-r", *options, path, alias)
    assert "verified: cap" in run.err
    directories = 1 + sum(value is None for value in tree.values())
    assert real_grid.mutable_slots() - slots == (0 if options else directories)
    same(fetch(real_grid, alias, tmp_path / "back"), below("reference", tree))


def test_caps_are_those_of_curl(real_grid, client, source):
    path, _ = source
    alias, cap = real_grid.fresh()
    client(real_grid).ok("cp", "-r", "--immutable", path / "sizes", path / "names", alias)
    ours = file_caps(real_grid.url, cap)
    assert len(ours) > 30
    for name, ours_of_it in ours.items():
        done = subprocess.run(["curl", "-sS", "-f", "-H", "Expect:", "-T", path / name,
                               real_grid.url + "uri"], stdout=subprocess.PIPE, check=True)
        assert done.stdout.decode() == ours_of_it, name


def test_an_immutable_directory_is_the_one_tahoe_makes(real_grid, client, tmp_path):
    """The cap that barge computes ahead is checked against every reply; the same tree sent again
    must be the same cap."""
    (tmp_path / "s/d").mkdir(parents=True)
    (tmp_path / "s/d/a").write_bytes(content(500))
    caps = set()
    for _ in range(2):
        alias, cap = real_grid.fresh()
        client(real_grid).ok("cp", "-r", "--immutable", tmp_path / "s", alias)
        caps.add(real_grid.child(cap, "s")[1]["ro_uri"])
    assert len(caps) == 1 and caps.pop().startswith("URI:DIR2-CHK:")


def test_merging_into_what_is_there(real_grid, client, tmp_path):
    path = tmp_path / "d"
    (path / "deeper/new").mkdir(parents=True)
    (path / "c").write_bytes(content(300))
    (path / "deeper/file").write_bytes(content(301))
    deeper = real_grid.mkdir({"kept too": real_grid.put(b"3")})
    there = real_grid.mkdir({"kept": real_grid.put(b"1"), "c": real_grid.put(b"2"),
                             "deeper": deeper})
    alias, cap = real_grid.fresh({"d": there})
    barge = client(real_grid)
    for number in range(2):
        (path / f"new {number}").write_bytes(content(302, number))
        barge.ok("cp", "-r", path, alias)
        same(real_grid.tree(cap), {
            "d/kept": real_grid.tree(there)["kept"],
            "d/deeper/kept too": real_grid.tree(deeper)["kept too"],
            **below("d", local_tree(path))})
        assert real_grid.child(cap, "d")[1]["rw_uri"] == there
        assert real_grid.child(there, "deeper")[1]["rw_uri"] == deeper


def test_a_conflict_is_told_and_changes_nothing(real_grid, client, tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/c").write_bytes(content(300))
    alias, cap = real_grid.fresh({"d": real_grid.mkdir({"c": real_grid.mkdir()})})
    client(real_grid).ok("cp", "-r", tmp_path / "d", alias, code=4)
    assert real_grid.child(cap, "d/c")[0] == "dirnode"


def test_equal_content_in_flight_is_sent_once(real_grid, client, tmp_path):
    """Tahoe fails one of two equal bodies in flight with UploadUnhappinessError."""
    (tmp_path / "s").mkdir()
    for number in range(30):
        (tmp_path / f"s/{number}").write_bytes(content(200_000, number % 2))
    alias, cap = real_grid.fresh()
    before = real_grid.counters().get("uploader.files_uploaded", 0)
    client(real_grid).ok("cp", "-r", "-j", "8", "--no-direct", tmp_path / "s", alias)
    assert real_grid.counters().get("uploader.files_uploaded", 0) == before + 2
    same(real_grid.tree(cap), below("s", local_tree(tmp_path / "s")))


def newest_share(grid, size):
    shares = [path for path in grid.share_files() if path.stat().st_size >= size]
    return max(shares, key=lambda path: path.stat().st_mtime_ns)


def test_a_flipped_bit_on_the_server_is_caught(real_grid, client, tmp_path):
    """The share of a file is damaged in its last segment.  A PUT of the same bytes answers 200 and
    the old cap, and repairs nothing: only reading back tells."""
    segment = 128 * 1024
    path = tmp_path / "s"
    path.mkdir()
    (path / "damaged").write_bytes(content(8 * segment + 20, 77))
    alias, cap = real_grid.fresh()
    barge = client(real_grid)
    barge.ok("cp", "-r", path, alias)
    share = newest_share(real_grid, 8 * segment)
    # Container header 12, share header 36, then the blocks: the last byte of the last one.
    with open(share, "r+b") as file:
        file.seek(12 + 36 + 8 * segment + 19)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))
    (path / "sound").write_bytes(content(8 * segment + 20, 78))
    alias, cap = real_grid.fresh()
    barge.ok("cp", "-r", "--new", path, alias)  # receipt is all that `cap` proves
    alias, cap = real_grid.fresh()
    run = barge.ok("cp", "-r", "--new", "--json", "--verify=read", path, alias, code=1)
    entries = run.entries()
    assert entries["s/damaged"]["state"] == "failed" and "'s/damaged'" in run.err
    assert entries["s/sound"]["state"] == "done"
    assert real_grid.tree(cap).keys() == {"s", "s/sound"}
    share.unlink()


def test_the_node_logs_no_key(real_grid, client, tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s/a").write_bytes(content(300))
    alias, _ = real_grid.fresh()
    client(real_grid).ok("cp", "-r", tmp_path / "s", alias)
    for log in real_grid.directory.glob("logs/*.log*"):
        text = log.read_bytes()
        assert b"private-key=M" not in text and not CAP.search(text), log


def test_the_state_directory_survives_its_own_resume(real_grid, client, tmp_path):
    """A job interrupted by a signal on the real grid goes on and ends as if it had not been."""
    path = tmp_path / "s"
    (path / "d").mkdir(parents=True)
    for number in range(40):
        (path / f"d/{number}").write_bytes(content(50_000, number))
    alias, cap = real_grid.fresh()
    barge = client(real_grid)
    with HoldingGateway(real_grid, tmp_path / "holding", 5, is_put) as barge.grid:
        process = barge.start("cp", "-r", "--json", path, alias)
        lines, err = LineReader(process.stdout), LineReader(process.stderr)
        assert lines.wait_for(lambda line: b"entry" in line)
        barge.grid.wait_for_others()
        process.terminate()
        assert err.wait_for(is_stopping)
        barge.grid.let_go()
        assert process.wait(300) == 3
    barge.grid = real_grid
    assert real_grid.list(cap) == {}
    barge.ok("resume")
    same(real_grid.tree(cap), below("s", local_tree(path)))
