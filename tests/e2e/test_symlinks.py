"""Symlinks kept as such: on a grid small files that say what they are, and back."""
import json
import os
import stat

import pytest

from tree import content, local_tree, same

KEEP = "--symlinks=preserve"
LONG = "n" * 200 + "/" + "x" * 200  # no literal
TARGETS = {"to file": "file", "to nothing": "no such file", "sub/up": "../file",
           "sub/deep/up": "../../sub/./deep", "sub/long": LONG, "\u00e9": "sub//deep/",
           "sub/deep/\u65e5": "\u65e5\u672c"}


@pytest.fixture
def links(tmp_path):
    """A tree with symlinks that may come back."""
    path = tmp_path / "links"
    (path / "sub/deep").mkdir(parents=True)
    (path / "file").write_bytes(content(3000))
    (path / "sub/small").write_bytes(b"small")
    for number, (name, target) in enumerate(TARGETS.items()):
        (path / name).symlink_to(target)
        os.utime(path / name, ns=(1, (1_000_000_000 + number) * 10**9 + 500_000_000),
                 follow_symlinks=False)
    return path


def targets_below(path):
    """{path: (target, mtime in seconds)} of all symlinks below the directory `path`."""
    found = {}
    for directory, names, files in os.walk(path):
        for name in names + files:
            whole = os.path.join(directory, name)
            if os.path.islink(whole):
                found[os.path.relpath(whole, path)] = (os.readlink(whole),
                                                       os.lstat(whole).st_mtime)
    return found


def same_trees(got, expected):
    same(local_tree(got), local_tree(expected))
    assert targets_below(got) == targets_below(expected)


def names_in(path):
    return sorted(os.listdir(path))


@pytest.fixture(params=["embedded", "real_grid"])
def grid(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("how", [(), ("--immutable",)])
def test_there_and_back(grid, client, links, tmp_path, how):
    barge = client(grid)
    alias, cap = grid.fresh()
    run = barge.ok("cp", "-r", "--json", KEEP, *how, links, alias)
    total = run.summary()
    assert total["failed"] == total["skipped"] == 0
    assert run.entries()["links/to file"]["kind"] == "symlink"
    assert total["symlinks"]["done"] == len(TARGETS)
    assert f"(2 files, 3 directories, {len(TARGETS)} symlinks)" in run.err, run
    barge.ok("verify", barge.job().name, "--verify=read")
    for name, target in TARGETS.items():
        kind, node = grid.child(cap, "links/" + name)
        assert kind == "filenode"
        assert grid.get(node["ro_uri"]) == target.encode()
        assert node["metadata"]["st_mode"] == stat.S_IFLNK | 0o777
        assert node["ro_uri"].startswith("URI:CHK:" if target == LONG else "URI:LIT:")
    run = barge.ok("cp", "-r", "--json", KEEP, alias + "links", tmp_path / "out")
    assert run.entries()["links/sub/long"]["kind"] == "symlink"
    same_trees(tmp_path / "out/links", links)


def test_tahoe_sees_small_files(real_grid, client, links, tmp_path):
    alias, _ = real_grid.fresh()
    client(real_grid).ok("cp", "-r", KEEP, links, alias)
    done = real_grid.command("-d", real_grid.directory, "cp", "-r", alias + "links",
                             tmp_path / "out")
    assert done.returncode == 0, done.stdout
    for name, target in TARGETS.items():
        assert (tmp_path / "out/links" / name).read_bytes() == target.encode()
    assert not targets_below(tmp_path / "out")


def test_they_are_files_unless_asked_for(embedded, client, links, tmp_path):
    alias, _ = embedded.fresh()
    client(embedded).ok("cp", "-r", KEEP, links, alias)
    client(embedded).ok("cp", "-r", alias + "links", tmp_path / "out")
    assert not targets_below(tmp_path / "out")
    for name, target in TARGETS.items():
        file = tmp_path / "out/links" / name
        assert file.read_bytes() == target.encode()
        assert stat.S_IMODE(file.stat().st_mode) & 0o111 == 0
    client(embedded).ok("get", alias + "links/to file", tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == b"file"
    assert stat.S_IMODE((tmp_path / "got").lstat().st_mode) & 0o133 == 0


def test_from_grid_to_grid_they_keep_the_mark(embedded, client, links, tmp_path):
    barge = client(embedded)
    one, _ = embedded.fresh()
    barge.ok("cp", "-r", KEEP, links, one)
    for options in (), (KEEP,):
        other, _ = embedded.fresh()
        barge.ok("cp", "-r", *options, one, other)
        out = tmp_path / f"out{len(options)}"
        barge.ok("cp", "-r", KEEP, other + "links", out)
        same_trees(out / "links", links)


def test_between_local_places_any_target_is_kept(client, embedded, links, tmp_path):
    (links / "absolute").symlink_to("/etc/passwd")
    (links / "sub/out").symlink_to("../../../elsewhere")
    for _ in range(2):
        client(embedded).ok("cp", "-r", KEEP, links, tmp_path / "out")
        same_trees(tmp_path / "out/links", links)


def test_targets_that_lead_out_are_refused(embedded, client, links, tmp_path):
    bad = {"absolute": "/etc/passwd", "out": "../../x", "round": "sub/../../../x",
           "behind": "to nothing/..", "sub/out": "../../../x"}
    for name, target in bad.items():
        (links / name).symlink_to(target)
    barge = client(embedded)
    alias, _ = embedded.fresh()
    barge.ok("cp", "-r", KEEP, links, alias)
    run = barge.ok("cp", "-r", "--json", KEEP, alias + "links", tmp_path / "a/out", code=1)
    entries = run.entries()
    assert {name for name, line in entries.items() if line["state"] != "done"} \
        == {"links/" + name for name in bad}
    assert "target" in entries["links/absolute"]["reason"], entries["links/absolute"]
    for name in bad:
        (links / name).unlink()
    same_trees(tmp_path / "a/out/links", links)
    assert names_in(tmp_path / "a") == ["out"]


def test_the_limit_is_the_target_directory(embedded, client, tmp_path):
    (tmp_path / "s/sub").mkdir(parents=True)
    (tmp_path / "s/l").symlink_to("../x")
    (tmp_path / "s/sub/l").symlink_to("../x")
    barge = client(embedded)
    alias, cap = embedded.fresh()
    barge.ok("cp", "-r", KEEP, tmp_path / "s", alias)
    # out/s/l may lead to out/x; contents have no such level, whether out is there or not.
    barge.ok("cp", "-r", KEEP, alias + "s", tmp_path / "out")
    assert os.readlink(tmp_path / "out/s/l") == "../x"
    inner = embedded.child(cap, "s")[1]["rw_uri"]
    embedded.add_alias("inner", inner)
    (tmp_path / "there").mkdir()
    for target in "there", "not/there":
        barge.ok("cp", "-r", KEEP, "inner:", tmp_path / target, code=1)
        assert names_in(tmp_path / target) == ["sub"]
        assert os.readlink(tmp_path / target / "sub/l") == "../x"


def forged(grid, children):
    """A directory whose {name: body} all say that they are symlinks."""
    body = {name: ["filenode", {"ro_uri": grid.put(data),
                                "metadata": {"st_mode": stat.S_IFLNK | 0o777, "mtime": 1.5}}]
            for name, data in children.items()}
    cap = grid.web("POST", "/uri?t=mkdir-with-children", json.dumps(body)).decode()
    return grid.fresh({"d": cap})


def test_what_says_it_is_one_and_is_none(embedded, client, tmp_path):
    bad = {"empty": b"", "nul": b"a\0b", "long": b"x" * 4096, "huge": content(200_000)}
    alias, _ = forged(embedded, {**bad, "good": b"x" * 4095})
    words = ["cp", "-r", "--json", KEEP, alias + "d", tmp_path / "out"]
    entries = client(embedded).ok(*words, code=1).entries()
    assert {name for name, line in entries.items() if line["state"] == "failed"} \
        == {"d/" + name for name in bad}
    assert names_in(tmp_path / "out/d") == ["good"]


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_killed_job_goes_on_with_them(embedded, client, barge_debug, links, tmp_path, way):
    """`barge resume` is told nothing of symlinks."""
    barge, (alias, _) = client(embedded, barge_debug), embedded.fresh()
    words = (links, alias + "there") if way == "up" else (alias + "there", tmp_path / "back")
    if way == "down":
        barge.ok("cp", "-rT", KEEP, links, alias + "there")
    run = barge.run("cp", "-rT", KEEP, *words, env={"BARGE_KILL": "slot-synced:1"})
    assert run.code == -9
    barge.ok("resume")
    if way == "up":
        barge.ok("cp", "-rT", KEEP, alias + "there", tmp_path / "back")
    same_trees(tmp_path / "back", links)


def test_nothing_is_written_through_a_symlink(embedded, client, tmp_path):
    """One run brings a symlink `d`, the next one a directory `d` with a file."""
    (tmp_path / "elsewhere").mkdir()
    one, _ = forged(embedded, {"d": b"../elsewhere", "f": b"elsewhere"})
    barge = client(embedded)
    (tmp_path / "out/d").mkdir(parents=True)
    barge.ok("cp", "-r", KEEP, one + "d", tmp_path / "out/x")
    assert os.readlink(tmp_path / "out/x/d/f") == "elsewhere"
    (tmp_path / "out/x/d/elsewhere").mkdir()
    file = embedded.put(content(100))
    two, _ = embedded.fresh({"d": embedded.mkdir({"f": embedded.mkdir({"evil": file})})})
    barge.ok("cp", "-r", KEEP, two + "d", tmp_path / "out/x", code=4)
    assert names_in(tmp_path / "out/x/d/elsewhere") == []


def test_what_is_in_the_way(embedded, client, tmp_path):
    alias, _ = forged(embedded, {"link": b"new", "file": b"new", "dir": b"new"})
    out = tmp_path / "out/d"
    (out / "dir").mkdir(parents=True)
    (out / "file").write_bytes(b"before")
    (out / "link").symlink_to("file")
    run = client(embedded).ok("cp", "-r", "--json", KEEP, alias + "d", tmp_path / "out", code=4)
    assert {name for name, line in run.entries().items() if line["state"] == "failed"} \
        == {"d/dir", "d/file"}
    assert os.readlink(out / "link") == "new" and os.lstat(out / "link").st_mtime == 1.5
    assert (out / "file").read_bytes() == b"before" and names_in(out / "dir") == []
    assert names_in(out) == ["dir", "file", "link"]
    # An ordinary file does not replace a symlink either, and --update looks at the time alone.
    client(embedded).ok("cp", "-r", alias + "d", tmp_path / "out", code=4)
    (out / "link").unlink()
    (out / "link").symlink_to("other")
    os.utime(out / "link", (1.5, 1.5), follow_symlinks=False)
    client(embedded).run("cp", "-r", "--new", "--update", KEEP, alias + "d", tmp_path / "out")
    assert os.readlink(out / "link") == "other"


@pytest.mark.parametrize("point", ["fetch-publish", "fetch-named"])
def test_a_kill_around_its_name(embedded, client, links, tmp_path, barge_asan, point):
    alias, _ = embedded.fresh()
    client(embedded).ok("cp", "-r", KEEP, links, alias)
    barge = client(embedded, barge_asan)
    words = ["cp", "-r", KEEP, alias + "links", tmp_path / "out"]
    for number in 2, 4:
        assert barge.run(*words, env={"BARGE_KILL": f"{point}:{number}"}).code == -9
    barge.ok(*words)
    same_trees(tmp_path / "out/links", links)
    assert not [name for _, _, files in os.walk(tmp_path / "out") for name in files
                if name.startswith(".barge-")]
