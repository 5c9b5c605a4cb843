"""barge diff: a local tree and one on a grid."""
import os
import shutil

import pytest

import hostile
from grid import EmbeddedGateway
from tree import content

READ = "--verify=read"


def found(run):
    """The lines of a run, without the typed word."""
    return sorted(run.out.splitlines())


def small_tree(path):
    (path / "d/e").mkdir(parents=True)
    (path / "empty").mkdir()
    (path / "small").write_bytes(b"small")
    (path / "nothing").write_bytes(b"")
    (path / "d/middle").write_bytes(content(5000))
    (path / "d/e/large").write_bytes(content(3 << 20))
    return path


@pytest.fixture(params=["embedded", "real_grid"])
def grid(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def stored(grid, client, tmp_path):
    """(grid, barge, path of a tree, the alias and path of the same tree, its cap)."""
    path, barge = small_tree(tmp_path / "t"), client(grid)
    alias, cap = grid.fresh()
    barge.ok("cp", "-r", path, alias)
    return grid, barge, path, alias + "t", grid.child(cap, "t")[1]["rw_uri"]


def test_equal_trees_in_either_order(stored):
    grid, barge, path, there, _ = stored
    for words in (path, there), (there, path):
        run = barge.ok("diff", *words)
        assert run.out == "" and "4 files and 4 directories are the same" in run.err
    assert barge.ok("diff", path / "small", there + "/small").out == ""
    assert barge.ok("diff", path / "d", there + "/d/").out == ""
    summary = barge.ok("diff", "--json", path, there).summary()
    assert summary["same"] == 8 and summary["directories"] == 4
    assert {value for key, value in summary.items()
            if key not in ("event", "same", "directories")} == {0}
    assert len(barge.jobs()) == 1  # that of cp


def test_no_content_is_fetched_where_the_secret_is_known(embedded, client, tmp_path):
    path, barge = small_tree(tmp_path / "t"), client(embedded)
    alias, _ = embedded.fresh()
    barge.ok("cp", "-r", path, alias)
    before = embedded.requests("get")
    barge.ok("diff", READ, path, alias + "t")
    assert embedded.requests("get") == before


def test_each_kind_of_difference(stored):
    grid, barge, path, there, cap = stored
    (path / "small").write_bytes(b"smalL")
    (path / "d/middle").write_bytes(content(5000, 9))
    (path / "d/e/large").write_bytes(content(3 << 20)[:-1])
    (path / "nothing").unlink()
    (path / "nothing").mkdir()
    (path / "empty").rmdir()
    (path / "new").mkdir()
    (path / "new/inside").write_bytes(b"x")
    (path / "d/new\nline").write_bytes(b"x")
    expected = sorted(["differ: small (content)", "differ: d/middle (content)",
                       "differ: d/e/large (size)", "differ: nothing (kind)",
                       "only on the grid: empty", f"only in {path}: new",
                       f"only in {path}: d/new\\nline"])
    for options in (), (READ,):
        run = barge.ok("diff", *options, path, there, code=1)
        assert found(run) == expected
        assert "4 differ, 2 are only in" in run.err and "1 only on the grid" in run.err
    run = barge.ok("diff", "--json", there, path, code=1)
    entries = run.entries()
    assert entries["d/new\nline"] == {"event": "entry", "path": "d/new\nline", "kind": "file",
                                      "state": "only local"}
    assert entries["empty"]["state"] == "only on the grid"
    assert entries["nothing"] == {"event": "entry", "path": "nothing", "kind": "directory",
                                  "state": "differ", "reason": "kind"}
    assert len(entries) == 7 and run.summary()["differ"] == 4


def test_without_the_secret_only_reading_tells(stored, tmp_path):
    grid, barge, path, _, cap = stored
    (tmp_path / "cap").write_text(cap)
    (tmp_path / "cap").chmod(0o600)
    words = ["diff", path, "cap:", "-u", grid.url, f"--cap-file={tmp_path}/cap"]
    run = barge.ok(*words, node=False, code=1)
    assert found(run) == sorted(f"not compared: {name} (same size, content not compared)"
                                for name in ("d/middle", "d/e/large"))
    summary = barge.ok(*words, "--json", node=False, code=1).summary()
    assert summary["not_compared"] == 2 and summary["differ"] == 0
    assert barge.ok(*words, READ, node=False).out == ""
    with open(path / "d/e/large", "r+b") as file:
        file.seek(2 << 20)
        file.write(b"!")
    assert found(barge.ok(*words, READ, node=False, code=1)) == ["differ: d/e/large (content)"]


def test_the_key_of_another_secret_is_no_difference_once_read(embedded, client, tmp_path):
    (tmp_path / "other").write_text("a" * 52 + "\n")
    (tmp_path / "other").chmod(0o600)
    path, barge = small_tree(tmp_path / "t"), client(embedded)
    alias, _ = embedded.fresh()
    barge.ok("cp", "-r", path, alias)
    words = ["diff", f"--convergence-file={tmp_path}/other", path, alias + "t"]
    assert found(barge.ok(*words, code=1)) == ["differ: d/e/large (content)",
                                               "differ: d/middle (content)"]
    assert barge.ok(*words, READ).out == ""


def test_mutable_files_are_compared_by_reading(real_grid, client, tmp_path):
    path, barge = tmp_path / "t", client(real_grid)
    path.mkdir()
    caps = {}
    for name, kind in ("sdmf", "SDMF"), ("mdmf", "MDMF"):
        (path / name).write_bytes(content(20000))
        caps[name] = real_grid.web("PUT", f"/uri?format={kind}", content(20000)).decode()
    alias, cap = real_grid.fresh()
    hostile.set_children(real_grid, cap, {
        name: ["filenode", {"rw_uri": one}] for name, one in caps.items()})
    run = barge.ok("diff", path, alias, code=1)
    assert all(line.startswith("not compared: ") for line in found(run)) and len(found(run)) == 2
    assert barge.ok("diff", READ, path, alias).out == ""
    (path / "sdmf").write_bytes(content(20000, 1))
    (path / "mdmf").write_bytes(content(19999))
    assert [line.split()[:2] for line in found(barge.ok("diff", READ, path, alias, code=1))] \
        == [["differ:", "mdmf"], ["differ:", "sdmf"]]


def test_all_names(stored, client, source):
    grid, barge, _, _, _ = stored
    path = source[0] / "names"
    alias, cap = grid.fresh()
    barge.ok("cp", "-r", path, alias)
    assert barge.ok("diff", path, alias + "names").out == ""


def test_names_are_compared_as_the_grid_keeps_them(embedded, client, tmp_path):
    path, barge = tmp_path / "t", client(embedded)
    path.mkdir()
    (path / "e\u0301").write_bytes(b"accent")
    alias, _ = embedded.fresh()
    barge.ok("cp", "-r", path, alias)
    assert barge.ok("diff", path, alias + "t").out == ""
    # Its twin, and what is no UTF-8, can be on no grid beside it.
    (path / "\u00e9").write_bytes(b"accent")
    (path / "new").write_bytes(b"")
    os.rename(path / "new", os.fsencode(path) + b"/\xff")
    run = barge.ok("diff", path, alias + "t", code=1)
    assert found(run) == [f"only in {path}: \\xff", f"only in {path}: \u00e9"]


def test_symlinks(stored, tmp_path):
    grid, barge, path, there, cap = stored
    (path / "link").symlink_to("small")
    (path / "far").symlink_to("/" + "x" * 300)
    os.mkfifo(path / "fifo")
    run = barge.ok("diff", path, there)
    assert run.out == "" and "3 symlinks and special files" in run.err
    barge.ok("cp", "-r", "--symlinks=preserve", "--specials=skip", path, there[:-1])
    run = barge.ok("diff", path, there)
    assert run.out == "" and "6 files and 4 directories are the same" in run.err
    for name, target in ("link", "d"), ("far", "/" + "y" * 300):
        (path / name).unlink()
        (path / name).symlink_to(target)
    (path / "small").unlink()
    (path / "small").symlink_to("small")
    assert found(barge.ok("diff", path, there, code=1)) \
        == ["differ: far (content)", "differ: link (size)", "differ: small (kind)"]
    # The whole local word may be a symlink.
    (tmp_path / "door").symlink_to(path)
    barge.ok("diff", tmp_path / "door", there, code=1)


def test_a_door_is_never_entered(embedded, client, tmp_path):
    """A local symlink with the name of a directory on the grid."""
    path, barge = small_tree(tmp_path / "t"), client(embedded)
    alias, _ = embedded.fresh()
    barge.ok("cp", "-r", path, alias)
    shutil.move(path / "d", tmp_path / "elsewhere")
    (path / "d").symlink_to("../elsewhere")
    assert found(barge.ok("diff", path, alias + "t", code=1)) == ["differ: d (kind)"]


def test_hostile_names_touch_nothing(real_grid, client, tmp_path):
    case = hostile.names(real_grid, tmp_path / "evil", real_grid.put(b"x" * 100))
    barge = client(real_grid)
    path = tmp_path / "in/side"
    path.mkdir(parents=True)
    (tmp_path / "in/evil").write_bytes(b"x" * 100)
    run = barge.ok("diff", path, case.alias, code=1)
    lines = run.out.splitlines()
    assert len(lines) == len(case.tree) + len(case.bad)
    assert all(line.startswith("only on the grid: ") for line in lines)
    assert "only on the grid: a\\x2fb" in lines and 'only on the grid: ""' in lines
    assert not any(0 < ord(letter) < 32 for letter in run.out.replace("\n", ""))
    # A directory whose path reads like that of a hostile name.
    shadow = hostile.shadow(real_grid)
    (path / "a").mkdir()
    (path / "a/b").write_bytes(content(100))
    assert found(barge.ok("diff", path, shadow.alias, code=1)) == ["only on the grid: a\\x2fb"]


def test_unknown_nodes_loops_and_lost_directories(embedded, client, tmp_path):
    barge, path = client(embedded), tmp_path / "t"
    loop = hostile.loop(embedded)
    (path / "self/self").mkdir(parents=True)
    (path / "file").write_bytes(content(200))
    (path / "self/file").write_bytes(content(200))
    run = barge.ok("diff", path, loop.alias, code=1)
    assert "only on the grid: reader" in found(run)
    assert "only on the grid: self/self/self" in found(run)
    lost = hostile.lost(embedded)
    names = {name for name in embedded.list(lost.cap)}
    other = tmp_path / "other"
    for name in names:
        (other / name).mkdir(parents=True)
    run = barge.run("diff", other, lost.alias, timeout=300)
    assert run.code == 1
    assert any(line.startswith("cannot compare: ") for line in found(run)), run.out


def test_what_cannot_be_read_is_named(stored, nobody, public):
    grid, _, path, there, _ = stored
    barge, options = nobody(grid)
    mine = shutil.copytree(path, public / "mine")
    for one in mine, *mine.rglob("*"):
        os.chown(one, options.get("user", -1), options.get("group", -1))
    (mine / "d").chmod(0)
    (mine / "small").chmod(0)
    try:
        run = barge.ok("diff", "-d", public / "node", mine, there, READ, node=False, code=1,
                       **options)
    finally:
        (mine / "d").chmod(0o700)
    assert [line.split(" (")[0] for line in found(run)] \
        == ["cannot compare: d", "cannot compare: small"]


def test_usage(stored, tmp_path, client):
    grid, barge, path, there, _ = stored
    for words, text in (((path, path), "both words are local"),
                        ((there, there), "both words are on a grid"),
                        ((path / "none", there), "No such file or directory"),
                        ((path, there + "/none"), "No such file or directory"),
                        ((path / "small", there + "/small/"), "ends with a slash"),
                        ((path, there, "--verify=check"), "no other level"),
                        (("/dev/null", there), "neither a file nor a directory"),
                        ((path,), "too few words")):
        run = barge.ok("diff", *words, code=2)
        assert text in run.err, run
    assert found(barge.ok("diff", path / "small", there + "/d", code=1)) \
        == ["differ: small (kind)"]
    run = barge.ok("diff", path / "d/middle", there + "/small", code=1)
    assert found(run) == ["differ: middle (size)"]
    run = barge.run("diff", path, there, "-u", "http://127.0.0.1:1/", "--gateway-wait=0")
    if isinstance(grid, EmbeddedGateway):
        assert run.code == 69, run
    else:  # its storage servers are known, and a directory given by its cap needs no gateway
        assert run.code == 0 and "no connection" in run.err, run


@pytest.mark.long
def test_directories_as_wide_as_memory_is_not(embedded, client, tmp_path):
    path, barge = tmp_path / "t", client(embedded)
    for number in range(70_000):  # more than are sorted in memory
        os.makedirs(path, exist_ok=True)
        (path / f"{number:06d}").touch()
    alias, _ = embedded.fresh()
    barge.ok("cp", "-r", path, alias, timeout=300)
    (path / "069999").unlink()
    run = barge.ok("diff", path, alias + "t", code=1, timeout=300)
    assert found(run) == ["only on the grid: 069999"]
