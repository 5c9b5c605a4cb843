"""Where an upload goes: new and existing files and directories, several sources, merging."""
import os

import pytest

from tree import below, content, local_tree, same


@pytest.fixture
def files(tmp_path):
    """Two files, and a directory with one more."""
    (tmp_path / "a").write_bytes(content(3000, 1))
    (tmp_path / "b").write_bytes(b"short")
    (tmp_path / "d").mkdir()
    (tmp_path / "d/c").write_bytes(content(500, 2))
    return tmp_path


def test_a_file_to_a_new_name(embedded, client, files):
    alias, cap = embedded.fresh()
    client(embedded).ok("cp", files / "a", alias + "renamed")
    same(embedded.tree(cap), {"renamed": local_tree(files / "a")[""]})
    stat = os.stat(files / "a")
    metadata = embedded.list(cap)["renamed"][1]["metadata"]
    assert metadata["mtime"] == stat.st_mtime and metadata["st_mode"] == stat.st_mode


def test_a_file_replaces_a_file(embedded, client, files):
    alias, cap = embedded.fresh({"there": embedded.put(b"old"), "other": embedded.put(b"kept")})
    barge = client(embedded)
    for source in "a", "b":
        barge.ok("cp", files / source, alias + "there")
        assert embedded.get(embedded.child(cap, "there")[1]["ro_uri"]) \
            == (files / source).read_bytes()
    assert embedded.get(embedded.child(cap, "other")[1]["ro_uri"]) == b"kept"


@pytest.mark.parametrize("target", ["", "sub", "sub/"])
def test_a_file_into_a_directory(embedded, client, files, target):
    alias, cap = embedded.fresh({"sub": embedded.mkdir()})
    client(embedded).ok("cp", files / "a", alias + target)
    path = (target.rstrip("/") + "/a").lstrip("/")
    same(embedded.tree(cap), {"sub": None, path: local_tree(files / "a")[""]})


def test_several_sources(embedded, client, files):
    alias, cap = embedded.fresh()
    client(embedded).ok("cp", "-r", files / "a", files / "d", files / "b", alias)
    expected = local_tree(files)
    same(embedded.tree(cap), {name: expected[name] for name in ("a", "b", "d", "d/c")})


@pytest.mark.parametrize("options", [(), ("--immutable",)], ids=["mutable", "immutable"])
def test_a_target_that_is_missing_with_all_above_it(embedded, client, files, options):
    alias, cap = embedded.fresh({"x": embedded.mkdir({"kept": embedded.put(b"kept")})})
    before = embedded.mutable_slots()
    client(embedded).ok("cp", "-r", *options, files / "d", alias + "x/new/er/\u00e9/")
    tree = embedded.tree(cap)
    assert tree.pop("x/kept")
    prefix = "x/new/er/\u00e9/d"
    same(tree, {"x": None, "x/new": None, "x/new/er": None, "x/new/er/\u00e9": None,
                prefix: None, prefix + "/c": local_tree(files)["d/c"]})
    assert embedded.mutable_slots() == before + (0 if options else 4)


def test_a_file_below_directories_that_are_missing(embedded, client, files):
    alias, cap = embedded.fresh()
    client(embedded).ok("cp", files / "a", alias + "x/y/z")
    same(embedded.tree(cap), {"x": None, "x/y": None, "x/y/z": local_tree(files / "a")[""]})


@pytest.mark.parametrize("options", [(), ("--immutable",)], ids=["mutable", "immutable"])
def test_merging_keeps_what_is_there(embedded, client, files, options):
    (files / "d/new").mkdir()
    (files / "d/new/file").write_bytes(content(100))
    (files / "d/deeper").mkdir()
    (files / "d/deeper/more").mkdir()
    (files / "d/deeper/more/file").write_bytes(content(101))
    deeper = embedded.mkdir({"kept too": embedded.put(b"3")})
    there = embedded.mkdir({"kept": embedded.put(b"1"), "c": embedded.put(b"2"),
                            "deeper": deeper})
    alias, cap = embedded.fresh({"d": there, "unrelated": embedded.put(b"4")})
    barge = client(embedded)
    for code in 0, 4 if options else 0:  # nothing is merged into what cannot change
        barge.ok("cp", "-r", *options, files / "d", alias, code=code)
        expected = {"unrelated": embedded.tree(cap)["unrelated"],
                    "d/kept": embedded.tree(there)["kept"],
                    "d/deeper/kept too": embedded.tree(deeper)["kept too"],
                    **below("d", local_tree(files / "d"))}
        same(embedded.tree(cap), expected)
        assert embedded.child(cap, "d")[1]["rw_uri"] == there, "the directory was replaced"
        assert embedded.child(there, "deeper")[1]["rw_uri"] == deeper


def test_a_directory_in_the_way_of_a_file_is_a_conflict(embedded, client, files):
    in_the_way = embedded.mkdir({"kept": embedded.put(b"1")})
    alias, cap = embedded.fresh({"d": embedded.mkdir({"c": in_the_way})})
    run = client(embedded).ok("cp", "-r", files / "d", alias, code=4)
    assert "'d/c': something else is at the target" in run.err
    assert embedded.child(cap, "d/c/kept")[0] == "filenode"


def test_a_file_in_the_way_of_a_directory_is_a_conflict(embedded, client, files):
    alias, cap = embedded.fresh({"d": embedded.put(b"a file")})
    run = client(embedded).ok("cp", "-r", files / "d", alias, code=4)
    kind, node = embedded.child(cap, "d")
    assert kind == "filenode" and embedded.get(node["ro_uri"]) == b"a file"
    assert "'d': something else is at the target" in run.err


@pytest.mark.parametrize("where", ["", "d/"], ids=["top", "below"])
def test_a_conflict_that_arose_after_planning(embedded, client, files, where):
    """The gateway refuses to put a file over a directory; its listing then tells what is there."""
    (files / "d/other").write_bytes(content(100))
    below_it = embedded.mkdir()
    alias, cap = embedded.fresh({"d": below_it})
    source = files / "a" if where == "" else files / "d"
    barge = client(embedded)
    barge.ok("plan", "-r", source, alias)
    name, parent = ("a", cap) if where == "" else ("c", below_it)
    in_the_way = embedded.mkdir({"kept": embedded.put(b"1")})
    embedded.link(parent, name, in_the_way)
    run = barge.ok("resume", code=4)
    assert "something else is at the target" in run.err
    assert embedded.child(cap, where + name)[1]["rw_uri"] == in_the_way
    assert "other" not in embedded.list(below_it), "a directory is merged whole or not at all"


def test_a_file_that_appeared_after_planning_is_kept(embedded, client, files):
    """What was there when it was planned is replaced; what came later is a conflict."""
    (files / "d/old").write_bytes(content(600))
    below_it = embedded.mkdir({"old": embedded.put(b"before")})
    alias, cap = embedded.fresh({"d": below_it})
    barge = client(embedded)
    barge.ok("plan", "-r", files / "d", alias)
    embedded.link(below_it, "c", embedded.put(b"somebody else's"))
    run = barge.ok("resume", code=4)
    assert "not there when it was planned" in run.err
    assert embedded.get(embedded.child(cap, "d/c")[1]["ro_uri"]) == b"somebody else's"
    assert embedded.get(embedded.child(cap, "d/old")[1]["ro_uri"]) == b"before"
    barge.ok("cp", "--new", "-r", files / "d", alias)
    same(embedded.tree(cap), below("d", local_tree(files / "d")))


def test_a_merge_that_was_killed_behind_its_last_request(embedded, client, barge_debug, files):
    """The repeated request is refused, as its names are there, and the listing says: by us."""
    (files / "d/old").write_bytes(content(600))
    below_it = embedded.mkdir({"old": embedded.put(b"before"), "kept": embedded.put(b"kept")})
    alias, cap = embedded.fresh({"d": below_it})
    barge = client(embedded, barge_debug)
    killed = barge.run("cp", "-r", files / "d", alias, env={"BARGE_KILL": "directory-made"})
    assert killed.code == -9 and set(embedded.list(below_it)) == {"c", "kept", "old"}
    barge.ok("resume")
    tree = embedded.tree(cap)
    assert tree.pop("d/kept")
    same(tree, below("d", local_tree(files / "d")))


def test_merging_again_costs_one_request_a_directory(embedded, client, files):
    """Directories that are there are not asked for, and nothing is refused."""
    (files / "d/sub/sub").mkdir(parents=True)
    (files / "d/sub/sub/f").write_bytes(content(100))
    alias, cap = embedded.fresh()
    barge = client(embedded)
    barge.ok("cp", "-r", files / "d", alias)
    before = embedded.requests("set_children")
    barge.ok("cp", "-r", "--always", files / "d", alias)
    assert embedded.requests("set_children") == before + 2  # d and d/sub/sub
    same(embedded.tree(cap), below("d", local_tree(files / "d")))


def test_what_was_linked_meanwhile_by_somebody_else_is_kept(embedded, client, files):
    below_it = embedded.mkdir()
    alias, cap = embedded.fresh({"d": below_it})
    barge = client(embedded)
    barge.ok("plan", "-r", files / "d", alias)
    embedded.link(below_it, "late", embedded.put(b"late"))
    barge.ok("resume")
    same(embedded.tree(cap), {**below("d", local_tree(files / "d")),
                              "d/late": embedded.tree(below_it)["late"]})


def test_an_alias_that_moved_after_planning_is_a_conflict(embedded, client, files):
    alias, cap = embedded.fresh()
    barge = client(embedded)
    barge.ok("plan", "-r", files / "d", alias)
    embedded.add_alias(alias[:-1], embedded.mkdir())
    run = barge.ok("resume", code=4)
    assert "alias has moved" in run.err and embedded.list(cap) == {}


def test_a_target_named_by_a_cap_file(embedded, client, files):
    _, cap = embedded.fresh()
    (files / "cap").write_text(cap + "\n")
    (files / "cap").chmod(0o600)
    client(embedded).ok("cp", "-r", f"--cap-file={files / 'cap'}", files / "d", "cap:here")
    same(embedded.tree(cap), below("here", below("d", local_tree(files / "d"))))


def test_a_cap_in_argv_is_warned_about(embedded, client, files):
    _, cap = embedded.fresh()
    run = client(embedded).ok("cp", files / "a", cap + "/named")
    assert "warning" in run.err and "--cap-file" in run.err
    assert embedded.get(embedded.child(cap, "named")[1]["ro_uri"]) == (files / "a").read_bytes()


def test_the_source_becomes_the_target_in_every_direction(embedded, client, files):
    alias, cap = embedded.fresh({"there": embedded.mkdir({"kept": embedded.put(b"kept")})})
    barge, expected = client(embedded), local_tree(files / "d")

    def inside(name):
        return embedded.tree(embedded.child(cap, name)[1]["ro_uri"])

    for _ in range(2):  # the same when it is there
        barge.ok("cp", "-rT", files / "d", alias + "x")
        same(inside("x"), expected)
        barge.ok("cp", "-rT", alias + "x", files / "back")
        same(local_tree(files / "back"), expected)
        barge.ok("cp", "-rT", alias + "x", alias + "y")
        same(inside("y"), expected)
        barge.ok("cp", "-rT", files / "d", files / "copy/here/")
        same(local_tree(files / "copy/here"), expected)
    barge.ok("cp", "-rT", files / "d", alias + "there")
    same(inside("there"), {**expected, "kept": inside("there")["kept"]})
    barge.ok("cp", "-T", files / "a", alias + "there/kept")
    same(inside("there"), {**expected, "kept": local_tree(files / "a")[""]})
    done = barge.ok("cp", "-T", files / "a", alias + "there", code=2)
    assert "is a directory: it cannot become a file" in done.err
    # Without -T it is another job, with another meaning.
    barge.ok("cp", "-r", files / "d", alias + "x")
    assert "x/d/c" in embedded.tree(cap)
