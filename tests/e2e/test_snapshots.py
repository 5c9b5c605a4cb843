"""`barge snapshots` and `barge forget`: what a backup has left, listed, counted and thinned out."""
import json
import os
import time

import pytest

from grid import uri
from tree import content

STAMPS = [f"2026-11-{day:02}_01:00:00Z" for day in (1, 2, 8, 9)]
META = {"ctime": 1795299589.5, "mtime": 1795299589.5, "st_mode": 33188, "st_ino": 7, "st_dev": 1,
        "st_uid": 0, "st_gid": 0}


def tree(grid, children, meta=()):
    """Makes immutable directories of {name: cap, or the same again}, with {name: metadata} that is
    not META, wherever the name is; returns the cap."""
    body = {}
    for name, what in children.items():
        cap = tree(grid, what, meta) if isinstance(what, dict) else what
        edge = {"ro_uri": cap, "metadata": {**META, **dict(meta).get(name, {})}}
        body[name] = ["dirnode" if cap.startswith("URI:DIR2") else "filenode", edge]
    return grid.web("POST", "/uri?t=mkdir-immutable", json.dumps(body)).decode()


def archive(grid, snapshots, latest=None):
    """Links {name: cap} as a backup does; returns ("alias:", cap of TO, cap of Archives)."""
    archives = grid.mkdir(snapshots)
    to = {"Archives": archives}
    if latest:
        to["Latest"] = latest
    alias, cap = grid.fresh(to)
    return alias, cap, archives


def names(run):
    return [line["name"] for line in run.lines() if line["event"] == "snapshot"]


def test_snapshots_are_listed_by_time(embedded, client):
    one, two = tree(embedded, {"a": embedded.put(b"1")}), tree(embedded, {})
    alias, to, _ = archive(embedded, {
        STAMPS[1]: two, STAMPS[0]: one, "2008-11-16 10.34 PM": one, "2009-11-16--17.34Z": one,
        "2026-11-31_01:00:00Z": one, "notes": embedded.put(b"x" * 99), "\x1b[2J": one,
        "2026-11-05_01:00:00Z": embedded.put(b"y" * 99)}, latest=two)
    barge = client(embedded)
    before = embedded.counts()["requests"]
    run = barge.ok("snapshots", alias)
    lists = sum(embedded.counts()["requests"].values()) - sum(before.values())
    assert lists <= 4  # the servers, TO, Archives, and the question before
    rows = run.out.split("\n")[:-1]
    assert rows[0].split() == ["NAME", "TIME"]
    assert [row[:20].strip() for row in rows[1:5]] == [
        "2008-11-16 10.34 PM", "2009-11-16--17.34Z", STAMPS[0], STAMPS[1]]
    assert rows[4].endswith("latest") and "latest" not in "".join(rows[:4])
    assert [row.endswith("no snapshot") for row in rows[5:]] == [True] * 4
    lines = barge.ok("snapshots", "--json", alias).lines()
    assert [line["event"] for line in lines] == ["snapshot"] * 4 + ["no snapshot"] * 4
    assert lines[3] == {"event": "snapshot", "name": STAMPS[1], "time": 1793581200, "latest": True,
                        "tags": []}
    assert barge.run("snapshots", "--json", "--caps", alias,
                     secret=True).lines()[3]["cap"] == two
    assert barge.ok("snapshots", "--caps", alias, code=2)
    assert "none of them" in barge.ok("snapshots", archive(embedded, {STAMPS[0]: one})[0]).err


def test_what_is_in_them_is_counted_and_shared_directories_are_listed_once(embedded, client):
    caps = [embedded.put(content(1000, number)) for number in range(4)]
    shared = {"b": caps[1], "deep": {"c": caps[2], "again": caps[1]}}
    snapshots = {
        STAMPS[0]: tree(embedded, {"a": caps[0], "d": shared}),
        STAMPS[1]: tree(embedded, {"a": caps[0], "d": shared}),
        STAMPS[2]: tree(embedded, {"moved": {"d": shared}, "lit": embedded.put(b"12345")}),
        STAMPS[3]: tree(embedded, {"a": caps[3], "d": shared, "e": shared})}
    alias, _, _ = archive(embedded, snapshots, latest=snapshots[STAMPS[3]])
    barge = client(embedded)
    before = embedded.requests("json")
    lines = barge.ok("snapshots", "--json", "-l", alias).lines()
    assert [[line[key] for key in ("files", "directories", "bytes", "new_bytes", "unread")]
            for line in lines] == [[4, 2, 4000, 3000, 0], [4, 2, 4000, 0, 0],
                                   [4, 3, 3005, 5, 0], [7, 4, 7000, 1000, 0]]
    # TO, Archives, three roots that differ, "moved", "d", "deep".
    assert embedded.requests("json") - before == 8
    rows = barge.ok("snapshots", "-l", alias).out.split("\n")
    assert rows[1].split()[3:] == ["4", "2", "4000", "3000"]
    assert rows[4].split()[3:] == ["7", "4", "7000", "1000", "latest"]


def test_what_cannot_be_listed_is_told(embedded, client):
    lost = "URI:DIR2-CHK:" + "a" * 26 + ":" + "a" * 52 + ":1:1:300"
    good = tree(embedded, {"x": {"y": lost}, "z": embedded.put(b"1")})
    alias, _, _ = archive(embedded, {STAMPS[0]: good, STAMPS[1]: lost}, latest=good)
    run = client(embedded).ok("snapshots", "--json", "-l", alias, code=1, env={
        "BARGE_GRID_WAIT": "1"})
    assert [(line["files"], line["unread"]) for line in run.lines()] == [(1, 1), (0, 1)]
    assert "cannot list 'x/y'" in run.err


def test_places_without_a_backup(embedded, client):
    barge = client(embedded)
    alias, cap = embedded.fresh({"Archives": embedded.put(b"1"), "file": embedded.put(b"2")})
    assert "is not a directory" in barge.ok("snapshots", alias, code=2).err
    assert "is not a directory" in barge.ok("snapshots", alias + "file", code=2).err
    alias, cap = embedded.fresh({"sub": embedded.mkdir()})
    assert "no directory 'Archives'" in barge.ok("snapshots", alias + "sub", code=2).err
    assert "No such file" in barge.ok("snapshots", alias + "none", code=2).err
    assert "Unknown alias" in barge.ok("snapshots", "nowhere:x", code=2).err
    alias, _, _ = archive(embedded, {})
    run = barge.ok("snapshots", alias)
    assert run.out == "" and "there are no snapshots" in run.err
    assert barge.ok("forget", "--keep-last=1", alias).out == ""
    assert cap


def test_snapshots_are_forgotten_by_rules(embedded, client):
    roots = {stamp: tree(embedded, {"a": embedded.put(stamp.encode() * 9)}) for stamp in STAMPS}
    keep = {"notes": embedded.mkdir(), "2026-11-31_01:00:00Z": embedded.mkdir()}
    alias, to, archives = archive(embedded, {**roots, **keep}, latest=roots[STAMPS[1]])
    barge = client(embedded)
    assert "which snapshots are to be kept" in barge.ok("forget", alias, code=2).err
    assert len(embedded.list(archives)) == 6
    dry = barge.ok("forget", "-n", "--json", "--keep-weekly=2", alias).lines()
    assert [(line["name"], line["state"], line["kept_by"]) for line in dry[:-1]] == [
        (STAMPS[0], "to be forgotten", []), (STAMPS[1], "kept", ["Latest"]),
        (STAMPS[2], "kept", ["weekly"]), (STAMPS[3], "kept", ["weekly"])]
    assert len(embedded.list(archives)) == 6
    run = barge.ok("forget", "--keep-weekly=2", alias)
    assert run.out.split("\n")[:-1] == [
        f"forgotten {STAMPS[0]}", f"kept {STAMPS[1]} (Latest)", f"kept {STAMPS[2]} (weekly)",
        f"kept {STAMPS[3]} (weekly)"]
    assert "1 snapshots forgotten, 3 kept" in run.err
    assert set(embedded.list(archives)) == {*STAMPS[1:], *keep}
    assert set(embedded.list(to)) == {"Archives", "Latest"}
    again = barge.ok("forget", "--keep-weekly=2", alias, "--json").summary()
    assert (again["forgotten"], again["kept"], again["no_snapshots"]) == (0, 3, 2)
    last = barge.ok("forget", "--keep-last=1", alias, "--json").summary()
    assert (last["forgotten"], last["kept"]) == (1, 2)
    assert set(embedded.list(archives)) == {STAMPS[1], STAMPS[3], *keep}


def test_of_equal_snapshots_the_newest_is_latest(embedded, client):
    root = tree(embedded, {"a": embedded.put(b"1" * 99)})
    alias, _, archives = archive(embedded, {stamp: root for stamp in STAMPS}, latest=root)
    client(embedded).ok("forget", "--keep-last=1", alias)
    assert set(embedded.list(archives)) == {STAMPS[3]}


def test_forgetting_wants_a_write_cap_and_goes_on_after_a_failure(gateway, client):
    grid = gateway("unlink:500@2")
    root = tree(grid, {"a": grid.put(b"1" * 99)})
    alias, to, archives = archive(grid, {stamp: root for stamp in STAMPS}, latest=root)
    grid.add_alias("readonly", grid.web("GET", uri(to, t="readonly-uri")).decode())
    barge = client(grid)
    assert "is read-only" in barge.ok("forget", "--keep-last=1", "readonly:", code=2).err
    assert len(grid.list(archives)) == 4
    barge.ok("forget", "-n", "--keep-last=1", "readonly:")
    assert barge.ok("forget", "--keep-last=1", alias, "--json").summary()["forgotten"] == 3
    assert set(grid.list(archives)) == {STAMPS[3]}


def test_what_cannot_be_forgotten_is_counted_once(gateway, client):
    grid = gateway("unlink:500@2+")
    root = tree(grid, {"a": grid.put(b"1" * 99)})
    alias, _, archives = archive(grid, {stamp: root for stamp in STAMPS}, latest=root)
    run = client(grid).ok("forget", "--keep-last=1", alias, "--json", code=1)
    assert "was unlinked" not in run.err and run.err.count("unlinking") == 2
    summary = run.summary()
    assert (summary["forgotten"], summary["failed"], summary["kept"]) == (1, 2, 1)
    assert set(grid.list(archives)) == set(STAMPS[1:])


def test_forgetting_goes_on_after_a_kill(embedded, client):
    stamps = [f"2026-10-{day:02}_01:00:00Z" for day in range(1, 29)]
    roots = {stamp: tree(embedded, {"a": embedded.put(stamp.encode() * 9)}) for stamp in stamps}
    alias, _, archives = archive(embedded, roots, latest=roots[stamps[-1]])
    barge, words = client(embedded), ("forget", "--keep-last=3", "--keep-weekly=3", alias)
    kept = {line["name"] for line in barge.ok(*words, "-n", "--json").lines()[:-1]
            if line["state"] == "kept"}
    process = barge.start(*words)
    told = [process.stdout.readline() for _ in range(3)]
    process.kill()
    barge.finish(process)
    assert told == [f"forgotten {stamp}\n".encode() for stamp in stamps[:3]]
    assert set(stamps[3:]) >= set(embedded.list(archives)) >= kept
    barge.ok(*words)
    assert set(embedded.list(archives)) == kept and len(kept) == 5


def test_what_tahoe_backup_made(real_grid, client, tmp_path):
    source = tmp_path / "source"
    (source / "sub/deep").mkdir(parents=True)
    (source / "a").write_bytes(content(2000))
    (source / "sub/b").write_bytes(content(3000, 1))
    (source / "sub/deep/c").write_bytes(content(20, 2))
    (source / "a").chmod(0o640)
    (source / "sub/deep").chmod(0o750)
    os.utime(source / "a", ns=(1, 981173106_250000000))
    alias, cap = real_grid.fresh()
    made = []
    for data in (b"", content(500, 3)):
        (source / "sub/b").write_bytes(content(3000, 1) + data)
        done = real_grid.command("-d", real_grid.directory, "backup", source, alias + "to")
        assert done.returncode == 0, done.stdout
        made += set(real_grid.children(cap, "to/Archives")) - set(made)
        if len(made) == 1:  # a name is a second
            real_grid.web("POST", uri(cap, "to", "Archives", t="rename", from_name=made[0],
                                      to_name="2026-01-01_00:00:00Z"))
            made[0] = "2026-01-01_00:00:00Z"
    barge = client(real_grid)
    lines = barge.ok("snapshots", "--json", "-l", alias + "to").lines()
    assert [line["name"] for line in lines] == made
    assert [[line[key] for key in ("files", "directories", "bytes", "new_bytes", "latest")]
            for line in lines] == [[3, 2, 5020, 5020, False], [3, 2, 5520, 3500, True]]
    barge.ok("cp", "-rT", "--at", "2026-01-01T00:00Z", alias + "to", tmp_path / "old")
    assert {path.name: path.stat().st_size for path in (tmp_path / "old").rglob("*")
            if path.is_file()} == {"a": 2000, "b": 3000, "c": 20}
    kept = (tmp_path / "old/a").stat()
    assert (kept.st_mode & 0o7777, kept.st_mtime_ns) == (0o640, 981173106_250000000)
    assert (tmp_path / "old/sub/deep").stat().st_mode & 0o7777 == 0o750
    assert names(barge.ok("forget", "--keep-daily=1", "--json", alias + "to")) == made
    assert set(real_grid.children(cap, "to/Archives")) == {made[1]}
    assert set(real_grid.children(cap, "to")) == {"Archives", "Latest"}


# --- by time ------------------------------------------------------------------------------

def test_a_time_reads_the_newest_snapshot_that_is_not_later(embedded, client, tmp_path):
    caps = {stamp: embedded.put(stamp.encode() * 9) for stamp in STAMPS}
    roots = {stamp: tree(embedded, {"a": cap, "sub": {"b": cap}, stamp: cap})
             for stamp, cap in caps.items()}
    _, to, _ = archive(embedded, {**roots, "notes": embedded.mkdir()}, latest=roots[STAMPS[3]])
    alias, _ = embedded.fresh({"Archives": embedded.mkdir({"x": embedded.mkdir()}), "home": to})
    barge = client(embedded)
    zone = {"TZ": "XYZ-2"}  # two hours east

    def listed(at, word="home"):
        out = barge.ok("ls", "--at", at, alias + word, env=zone).out.split()
        return next(name for name in out if name.startswith("2026"))
    assert listed("2026-11-02") == listed("2026-11-07") == STAMPS[1]
    assert listed("Latest") == STAMPS[3]
    assert listed("2026-11-02T00:59Z") == STAMPS[0]
    assert listed("2026-11-02 03:00") == STAMPS[1]
    assert listed("2026-11-02 02:59") == STAMPS[0]
    assert listed(STAMPS[2]) == STAMPS[2] and listed("@2000000000") == STAMPS[3]
    assert listed("2026-11-08_12:00:00Z", "home/") == STAMPS[2]
    run = barge.ok("ls", "--at", "2026-10-31", alias + "home", code=2)
    assert f"the oldest is {STAMPS[0]}" in run.err
    assert "is no time" in barge.ok("ls", "--at", "soon", alias + "home", code=2).err
    assert "no backup is there" in barge.ok("ls", "--at", "2026-11-02", alias, code=2).err
    assert "No such file" in barge.ok("ls", "--at", "2026-11-02", alias + "home/none", code=2).err
    got = barge.ok("get", "--at", "2026-11-03", alias + "home/sub/b", "-")
    assert got.raw == STAMPS[1].encode() * 9 and f"snapshot {STAMPS[1]}" in got.err

    barge.ok("cp", "-rT", "--at", "2026-11-03", alias + "home/sub/", tmp_path / "sub")
    assert (tmp_path / "sub/b").read_text() == STAMPS[1] * 9
    barge.ok("cp", "-rT", "--at", "2026-11-08", alias + "home", tmp_path / "all")
    assert {path.name for path in (tmp_path / "all").iterdir()} == {"a", "sub", STAMPS[2]}
    barge.ok("diff", "--at", "2026-11-08", tmp_path / "all", alias + "home")
    barge.ok("diff", "--at", "2026-11-07", alias + "home", tmp_path / "all", code=1)
    barge.ok("cp", "-r", "--at", "2026-11-03", alias + "home/a", alias + "copy")
    assert barge.ok("get", alias + "copy", "-").raw == STAMPS[1].encode() * 9
    assert "--at is about" in barge.ok("cp", "-r", "--at", "2026-11-03", tmp_path / "all",
                                       alias + "up", code=2).err


def test_the_innermost_backup_on_the_way_is_meant(embedded, client):
    """One that was once made above it, by mistake, hides nothing."""
    inner, outer = (tree(embedded, {"a": embedded.put(text * 99)}) for text in (b"in", b"out"))
    _, to, _ = archive(embedded, {STAMPS[0]: inner})
    alias, _ = embedded.fresh({"Archives": embedded.mkdir({STAMPS[1]: outer}), "home": to})
    barge = client(embedded)
    assert barge.ok("get", "--at", "2026-12-01", alias + "home/a", "-").raw == b"in" * 99
    assert barge.ok("get", "--at", "2026-12-01", alias + "a", "-").raw == b"out" * 99
    run = barge.ok("get", "--at", "2026-12-01", alias + "none/a", "-", code=2)
    assert f"{alias}Archives/{STAMPS[1]}/none/a" in run.err


# --- find and diff ------------------------------------------------------------------------

def test_find_tells_which_snapshots_have_a_name(embedded, client):
    old, new = embedded.put(content(300)), embedded.put(content(400))
    same = {"letter": old, "deep": {"more": {"x.txt": old}}}
    other = {"letter": old, "deep": {"more": {"x.txt": new}}}
    snapshots = {
        STAMPS[0]: tree(embedded, {"a.txt": old, "d": same}),
        STAMPS[1]: tree(embedded, {"a.txt": old, "d": same, "b": new}),
        STAMPS[2]: tree(embedded, {"d": other}),
        STAMPS[3]: tree(embedded, {"a.txt": old, "d": same}, {"a.txt": {"mtime": 981173106}})}
    alias, _, _ = archive(embedded, snapshots)
    barge = client(embedded)
    before = embedded.requests("json")
    lines = barge.ok("snapshots", "find", "--json", alias, "*.txt").lines()
    # TO, Archives, four roots, and of d, deep and more the two forms that there are.
    assert embedded.requests("json") - before == 2 + 4 + 6
    assert [(line["snapshot"], line["path"], line["size"], line["mtime"]) for line in lines] == [
        (STAMPS[0], "a.txt", 300, 1795299589), (STAMPS[1], "a.txt", 300, 1795299589),
        (STAMPS[3], "a.txt", 300, 981173106),
        (STAMPS[0], "d/deep/more/x.txt", 300, 1795299589),
        (STAMPS[1], "d/deep/more/x.txt", 300, 1795299589),
        (STAMPS[2], "d/deep/more/x.txt", 400, 1795299589),
        (STAMPS[3], "d/deep/more/x.txt", 300, 1795299589)]
    text = barge.ok("snapshots", "find", alias, "*.txt", env={"TZ": "UTC"}).out
    assert [line.split() for line in text.split("\n")[:-1]] == [
        ["a.txt"],
        [STAMPS[0], "-", STAMPS[1], "(2)", "300", "2026-11-21", "22:19:49"],
        [STAMPS[3], "300", "2001-02-03", "04:05:06"],
        ["d/deep/more/x.txt"],
        [STAMPS[0], "-", STAMPS[3], "(3)", "300", "2026-11-21", "22:19:49"],
        [STAMPS[2], "400", "2026-11-21", "22:19:49"]]

    def paths(pattern, code=0):
        lines = barge.ok("snapshots", "find", "--json", alias, pattern, code=code).lines()
        return {line["path"] for line in lines}
    assert paths("/b") == {"b"} and paths("more/") == {"d/deep/more"}
    assert paths("d/**/x.txt") == {"d/deep/more/x.txt"} and paths("/x.txt", 1) == set()
    assert "no snapshot has it" in barge.ok("snapshots", "find", alias, "nothing", code=1).err
    assert "usage: barge snapshots" in barge.ok("snapshots", "find", alias, code=2).err


def test_diff_tells_what_differs_and_enters_nothing_that_is_equal(embedded, client):
    old, new = embedded.put(content(300)), embedded.put(content(400))
    equal = {"deep": {"x": old}}
    link = {"st_mode": 0o120777}
    snapshots = {
        STAMPS[0]: tree(embedded, {
            "gone": {"x": old}, "same": equal, "d": {"file": old, "kind": old, "link": old},
            "touched": old, "mode": old}, {"link": link}),
        STAMPS[1]: tree(embedded, {
            "come": {"y": new}, "same": equal, "d": {"file": new, "kind": {"z": old}, "link": new},
            "touched": old, "mode": old}, {
            "touched": {"mtime": 7}, "link": link, "mode": {"st_mode": 0o100600, "st_uid": 5}})}
    alias, _, _ = archive(embedded, snapshots, latest=snapshots[STAMPS[1]])
    barge = client(embedded)
    before = embedded.requests("json")
    run = barge.ok("snapshots", "diff", alias, *STAMPS[:2], code=1)
    assert run.out.split("\n")[:-1] == [
        "added: come/", "removed: gone/", "changed: mode (mode, owner)", "changed: touched (time)",
        "changed: d/file (content)", "changed: d/kind/ (kind)", "changed: d/link (content)"]
    assert embedded.requests("json") - before == 2 + 2 + 2
    assert f"1 added, 1 removed, 5 changed from {STAMPS[0]} to {STAMPS[1]}" in run.err
    run = barge.ok("snapshots", "diff", "--json", alias, "2026-11-02", "2026-11-01", code=1)
    assert run.entries()["come"] == {"event": "entry", "path": "come", "kind": "directory",
                                     "state": "removed"}
    assert run.entries()["d/link"]["kind"] == "symlink"
    assert run.entries()["d/kind"] == {"event": "entry", "path": "d/kind", "kind": "file",
                                       "state": "changed", "reason": "kind"}
    assert run.summary() == {"event": "summary", "added": 1, "removed": 1, "changed": 5,
                             "unread": 0}
    assert barge.ok("snapshots", "diff", alias, STAMPS[1], "Latest").out == ""
    assert "oldest" in barge.ok("snapshots", "diff", alias, "2026-10-01", "Latest", code=2).err


# --- hard links ---------------------------------------------------------------------------

@pytest.fixture
def linked(embedded, tmp_path):
    """(a tree with files of several names, where a backup of it is, a cap of that)."""
    source = tmp_path / "source"
    (source / "d/locked").mkdir(parents=True)
    (source / "a").write_bytes(content(3000))
    os.link(source / "a", source / "b")
    os.link(source / "a", source / "d/locked/c")
    (source / "same").write_bytes(content(3000))
    (source / "tiny").write_bytes(b"1")
    os.link(source / "tiny", source / "d/tiny")
    os.utime(source / "a", ns=(1, 981173106_250000000))
    os.utime(source / "d", ns=(1, 981173106_000000000))
    os.utime(source / "d/locked", ns=(1, 981173105_000000000))
    (source / "d/locked").chmod(0o555)
    alias, _ = embedded.fresh()
    yield source, alias + "to"
    (source / "d/locked").chmod(0o755)


def inodes(path):
    return {str(file.relative_to(path)): file.stat().st_ino for file in sorted(path.rglob("*"))
            if file.is_file()}


def check_links(path):
    found = inodes(path)
    assert found["a"] == found["b"] == found["d/locked/c"] != found["same"]
    assert found["tiny"] == found["d/tiny"]
    assert (path / "a").stat().st_nlink == 3 and (path / "a").stat().st_size == 3000
    assert (path / "a").stat().st_mtime_ns == 981173106_250000000
    assert (path / "d").stat().st_mtime_ns == 981173106_000000000
    assert (path / "d/locked").stat().st_mtime_ns == 981173105_000000000
    assert (path / "d/locked").stat().st_mode & 0o7777 == 0o555


def test_files_of_several_names_are_one_again(embedded, client, linked, tmp_path):
    source, to = linked
    barge = client(embedded)
    barge.ok("backup", source, to)
    run = barge.ok("cp", "-rT", "--json", to + "/Latest", tmp_path / "back")
    assert run.summary()["lost_links"] == 0
    check_links(tmp_path / "back")
    barge.ok("cp", "-rT", to + "/Latest", tmp_path / "back")  # again, over what is there
    check_links(tmp_path / "back")
    barge.ok("cp", "-rT", "--no-preserve", to + "/Latest", tmp_path / "plain")
    assert len(set(inodes(tmp_path / "plain").values())) == 6
    (tmp_path / "back/d/locked").chmod(0o755)


def test_hard_links_come_after_a_kill(embedded, client, barge_debug, linked, tmp_path):
    source, to = linked
    barge = client(embedded, barge_debug)
    barge.ok("backup", source, to)
    for number, point in enumerate(("fetch-named:2", "fetch-link:1", "fetch-linked:2")):
        back = tmp_path / f"back{number}"
        killed = barge.run("cp", "-rT", to + "/Latest", back, env={"BARGE_KILL": point})
        assert killed.code == -9, killed
        barge.ok("cp", "-rT", to + "/Latest", back)
        check_links(back)
        assert not [path for path in back.rglob(".barge-*")]
        (back / "d/locked").chmod(0o755)


# --- with barge's own backups -------------------------------------------------------------

def test_the_way_of_a_tree_through_its_backups(embedded, client, tmp_path):
    source = tmp_path / "source"
    (source / "d/e").mkdir(parents=True)
    (source / "a").write_bytes(content(1000))
    (source / "d/e/b").write_bytes(content(2000, 1))
    os.symlink("d/e/b", source / "link")
    alias, _ = embedded.fresh()
    to, barge, stamps = alias + "to", client(embedded), []
    for number in range(3):
        if number == 1:
            (source / "a").write_bytes(content(1500, 2))
            (source / "d/new").write_bytes(content(700, 3))
        stamps.append(barge.ok("backup", "--json", source, to).summary()["snapshot"])
    lines = barge.ok("snapshots", "--json", "-l", to).lines()
    assert [line["name"] for line in lines] == stamps
    assert [[line[key] for key in ("files", "directories", "bytes", "new_bytes", "latest")]
            for line in lines] == [[3, 2, 3005, 3005, False], [4, 2, 4205, 2200, False],
                                   [4, 2, 4205, 0, True]]
    run = barge.ok("snapshots", "diff", to, stamps[0], "Latest", code=1)
    assert set(run.out.split("\n")[:-1]) == {
        "changed: a (content, time)", "added: d/new", "changed: d/ (time)"}
    assert barge.ok("snapshots", "diff", to, *stamps[1:]).out == ""
    found = barge.ok("snapshots", "find", "--json", to, "/a").lines()
    assert [(line["snapshot"], line["size"]) for line in found] == [
        (stamps[0], 1000), (stamps[1], 1500), (stamps[2], 1500)]
    barge.ok("cp", "-rT", "--at", stamps[0], to, tmp_path / "old")
    assert (tmp_path / "old/a").read_bytes() == content(1000)
    assert os.readlink(tmp_path / "old/link") == "d/e/b" and not (tmp_path / "old/d/new").exists()
    assert barge.ok("forget", "--keep-last=1", "--json", to).summary()["forgotten"] == 2
    barge.ok("cp", "-rT", to + "/Latest", tmp_path / "new")
    assert (tmp_path / "new/d/new").read_bytes() == content(700, 3)
    assert (tmp_path / "new/link").is_symlink()
    barge.ok("cp", "-rT", "--symlinks=skip", to + "/Latest", tmp_path / "file")
    assert (tmp_path / "file/link").read_text() == "d/e/b"
    barge.ok("backup", source, to)
    assert len(barge.ok("snapshots", "--json", to).lines()) == 2


# --- check --------------------------------------------------------------------------------

def test_check_names_what_cannot_be_had(real_grid, client, tmp_path):
    source = tmp_path / "source"
    (source / "d").mkdir(parents=True)
    for number, name in enumerate(("gone", "d/bad", "d/well", "again")):
        (source / name).write_bytes(content(20_000 * (number % 3 + 1), number % 3))
    (source / "tiny").write_bytes(b"1")
    before = set(real_grid.share_files())
    alias, _ = real_grid.fresh()
    to, barge = alias + "to", client(real_grid)
    barge.ok("backup", source, to)
    barge.ok("backup", source, to)
    run = barge.ok("snapshots", "check", to)
    # "again" is "gone" once more; the root, "d", and what was said of nothing twice.
    assert run.out == "" and "3 files and 2 directories checked, 0 files read; 0 damaged" in run.err
    shares = {path.stat().st_size // 20_000: path for path in
              set(real_grid.share_files()) - before if path.stat().st_size > 20_000}
    shares[1].unlink()
    data = bytearray(shares[2].read_bytes())
    data[300] ^= 1
    shares[2].write_bytes(data)
    run = barge.ok("snapshots", "check", "--json", to, code=1)
    assert [(line["path"], line["state"]) for line in run.lines()[:-1]] in (
        [("gone", "lost")], [("again", "lost")])
    assert run.summary()["lost"] == 1 and run.summary()["damaged"] == 0
    run = barge.ok("snapshots", "check", "--read-data-subset=100%", to, "Latest", code=1)
    assert "lost: d/bad (0 shares of 1 are there, 1 are needed)" in run.out.split("\n")
    assert "3 files read" in run.err
    assert barge.ok("snapshots", "check", "--read-data-subset=101", to, code=2)
    assert barge.ok("snapshots", "--read-data-subset=5%", to, code=2)


def test_tags_are_kept_on_the_link_and_choose(embedded, client, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "one").write_bytes(b"x" * 100)
    alias, cap = embedded.fresh()
    barge = client(embedded)
    given = ("--tag=night,a", "--tag=a"), ("--tag", "day"), (), ("--tag=night",)
    stamps = [barge.ok("backup", "--json", *tags, source, alias + "to").summary()["snapshot"]
              for tags in given]
    kept = [["a", "night"], ["day"], [], ["night"]]
    edges = embedded.children(cap, "to/Archives")
    assert [edges[stamp][1]["metadata"].get("barge") for stamp in stamps] == \
        [{"tags": ",".join(tags)} if tags else None for tags in kept]
    assert "barge" not in embedded.child(cap, "to/Latest")[1]["metadata"]

    def listed(*options):
        lines = barge.ok("snapshots", "--json", *options, alias + "to").lines()
        return [(stamps.index(line["name"]), line["tags"]) for line in lines]

    assert listed() == list(enumerate(kept))
    assert listed("--tag=night") == [(0, kept[0]), (3, kept[3])]
    assert listed("--tag=night,a") == [(0, kept[0])]
    assert listed("--tag=day", "--tag=a,night") == [(0, kept[0]), (1, kept[1])]
    assert "tags: a,night" in barge.ok("snapshots", alias + "to").out
    assert barge.run("snapshots", "--tag=a b", alias + "to").code == 2
    assert barge.run("snapshots", "find", "--tag=a", alias + "to", "one").code == 2

    def forgotten(*options, dry=("--dry-run",)):
        lines = barge.ok("forget", "--json", *dry, *options, alias + "to").lines()
        return {stamps.index(line["name"]): line["kept_by"] for line in lines
                if line["event"] == "snapshot"}

    assert forgotten("--keep-tag=night,a") == {0: ["tag"], 1: [], 2: [], 3: ["Latest"]}
    assert forgotten("--keep-tag=nihgt", "--keep-last=1") == {0: [], 1: [], 2: [],
                                                              3: ["last", "Latest"]}
    run = barge.ok("forget", "--keep-tag=nihgt", alias + "to", code=2)
    assert run.out == "" and "has what --keep-tag asks for" in run.err
    assert forgotten("--tag=night", "--keep-last=1") == {
        0: [], 1: ["other tags"], 2: ["other tags"], 3: ["last", "Latest"]}
    forgotten("--tag=night,a", "--tag=day", "--keep-tag=day", dry=())
    assert listed() == [(number, kept[number]) for number in (1, 2, 3)]
    assert barge.run("forget", alias + "to", "--tag=night").code == 2


def test_several_sources_and_a_resumed_run_keep_their_tags(embedded, client, barge_debug, tmp_path):
    for name in "one", "two":
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(b"x" * 100)
    alias, cap = embedded.fresh()
    words = "backup", "--tag=both", tmp_path / "one", tmp_path / "two", alias + "to"
    barge = client(embedded, barge_debug)
    assert barge.run(*words, env={"BARGE_KILL": "plan-listing"}).code == -9
    barge.ok("resume")
    (edge,) = embedded.children(cap, "to/Archives").values()
    assert edge[1]["metadata"]["barge"] == {"tags": "both"} and "ctime" not in edge[1]["metadata"]
    # Other tags are another backup: the one that was killed is not gone on with.
    assert barge.run(*words, env={"BARGE_KILL": "plan-listing"}).code == -9
    time.sleep(1.1)
    words = words[0], "--tag=other", *words[2:]
    run = barge.ok(*words)
    assert "continuing" not in run.err
    assert sorted(edge[1]["metadata"]["barge"]["tags"]
                  for edge in embedded.children(cap, "to/Archives").values()) == ["both", "other"]
