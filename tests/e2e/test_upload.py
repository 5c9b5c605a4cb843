"""What arrives at the embedded gateway: names, kinds, bytes, metadata, and nothing twice."""
import os
import shutil
import subprocess
import unicodedata

import pytest

from grid import file_caps
from tree import below, content, local_tree, same

FIELDS = ("mtime", "ctime", "st_mode", "st_uid", "st_gid")


def small_tree(path):
    """A few files and directories for tests that are not about content."""
    (path / "one/two").mkdir(parents=True)
    (path / "a").write_bytes(content(2000))
    (path / "one/b").write_bytes(content(3000))
    (path / "one/two/c").write_bytes(b"little")
    return local_tree(path)


# --- whole trees --------------------------------------------------------------------------

@pytest.mark.parametrize("options", [(), ("--immutable",)], ids=["mutable", "immutable"])
def test_the_tree_arrives(embedded, client, source, options):
    path, tree = source
    alias, cap = embedded.fresh()
    run = client(embedded).ok("cp", "-r", *options, path, alias)
    assert run.out == ""
    same(embedded.tree(cap), below("reference", tree))
    top = embedded.child(cap, "reference")[1]
    assert top["mutable"] is not bool(options)
    assert top["ro_uri"].startswith("URI:DIR2-CHK:" if options else "URI:DIR2-RO:")


def test_edges_carry_what_stat_says(embedded, client, source):
    path, _ = source
    alias, cap = embedded.fresh()
    client(embedded).ok("cp", "-r", path, alias)
    seen = 0
    for name in ("sizes", "names", "links", "."):
        children = embedded.children(cap, os.path.normpath(f"reference/{name}"))
        for child, (_, node) in children.items():
            stat = os.stat(path / name / child)
            expected = dict(zip(FIELDS, (stat.st_mtime, stat.st_ctime, stat.st_mode, stat.st_uid,
                                         stat.st_gid)))
            got = {field: node["metadata"].get(field) for field in FIELDS}
            assert got == expected, child
            seen += 1
    assert seen > 35
    stat = os.stat(path)
    top = embedded.list(cap)["reference"][1]["metadata"]
    assert top["mtime"] == stat.st_mtime and top["st_mode"] == stat.st_mode


def test_the_same_command_again_plans_anew(embedded, client, tmp_path):
    tree = small_tree(tmp_path / "s")
    alias, cap = embedded.fresh()
    barge = client(embedded)
    for number in (1, 2):
        barge.ok("cp", "-r", tmp_path / "s", alias)
        assert len(barge.jobs()) == number
        same(embedded.tree(cap), below("s", tree))
    (tmp_path / "s/a").write_bytes(b"changed meanwhile" * 9)
    (tmp_path / "s/new").mkdir()
    barge.ok("cp", "-r", tmp_path / "s", alias)
    same(embedded.tree(cap), below("s", local_tree(tmp_path / "s")))


def test_equal_content_is_sent_once(gateway, client, tmp_path):
    grid = gateway()
    alias, cap = grid.fresh()
    (tmp_path / "s").mkdir()
    for number in range(40):
        (tmp_path / f"s/small{number}").write_bytes(content(3000))
        (tmp_path / f"s/literal{number}").write_bytes(b"literal")
    for number in range(4):
        (tmp_path / f"s/large{number}").write_bytes(content(1 << 20))
    os.link(tmp_path / "s/large0", tmp_path / "s/hard link")
    client(grid).ok("cp", "-r", "-j", "16", tmp_path / "s", alias)
    assert grid.requests("put") == 2
    assert grid.counts()["made"]["shares"] == 2
    same(grid.tree(cap), below("s", local_tree(tmp_path / "s")))


def test_twenty_thousand_children(gateway, client, tmp_path):
    grid = gateway()
    alias, cap = grid.fresh()
    (tmp_path / "s").mkdir()
    for number in range(20000):
        (tmp_path / f"s/{number}").write_bytes(b"%d" % number)
    client(grid).ok("cp", "-r", tmp_path / "s", alias)
    children = grid.children(cap, "s")
    assert children.keys() == {str(number) for number in range(20000)}
    assert all(kind == "filenode" for kind, _ in children.values())
    assert grid.get(children["12345"][1]["ro_uri"]) == b"12345"


@pytest.mark.parametrize("options", [("-j", "1"), ("-j", "32", "--threads=3", "--readers=2"),
                                     ("--plan-first",), ("--memory=4M",), ("--verify=read",),
                                     ("--verify=cap,check,read", "--immutable")],
                         ids=" ".join)
def test_any_width(embedded, client, tmp_path, options):
    tree = small_tree(tmp_path / "s")
    for number in range(30):
        (tmp_path / f"s/{number}").write_bytes(content(200_000, number))
    tree = local_tree(tmp_path / "s")
    alias, cap = embedded.fresh()
    client(embedded).ok("cp", "-r", *options, tmp_path / "s", alias)
    same(embedded.tree(cap), below("s", tree))


# --- symlinks, specials, names ------------------------------------------------------------

@pytest.fixture
def odd(tmp_path):
    """A tree with links of all kinds; the tree without them and the one with them followed."""
    path = tmp_path / "odd"
    plain = small_tree(path)
    (path / "to file").symlink_to("a")
    (path / "to directory").symlink_to("one/two")
    followed = dict(plain)
    followed["to file"] = plain["a"]
    followed["to directory"] = None
    followed["to directory/c"] = plain["one/two/c"]
    return path, plain, followed


def test_symlinks_are_left_out_and_counted(embedded, client, odd):
    path, plain, followed = odd
    for options, code, expected in ((), 1, plain), (("--symlinks=skip",), 0, plain), \
            (("--symlinks=fail",), 1, plain), (("--symlinks=follow",), 0, followed):
        alias, cap = embedded.fresh()
        run = client(embedded).ok("cp", "-r", "--json", *options, path, alias, code=code)
        same(embedded.tree(cap), below("odd", expected))
        state = run.entries()["odd/to file"]["state"]
        assert state == {"--symlinks=follow": "done", "--symlinks=fail": "failed"}.get(
            "".join(options), "skipped")


def test_loops_and_links_that_lead_nowhere(embedded, client, odd):
    path, _, followed = odd
    (path / "one/loop").symlink_to("..")
    (path / "self").symlink_to("self")
    (path / "nowhere").symlink_to("no such file")
    alias, cap = embedded.fresh()
    run = client(embedded).ok("cp", "-r", "--json", "--symlinks=follow", path, alias, code=1)
    same(embedded.tree(cap), below("odd", followed))
    entries = run.entries()
    assert {name: entries["odd/" + name]["state"] for name in ("one/loop", "self", "nowhere")} \
        == {"one/loop": "failed", "self": "failed", "nowhere": "failed"}


def test_a_source_that_is_a_symlink_is_followed(embedded, client, odd, tmp_path):
    path, plain, _ = odd
    (tmp_path / "link").symlink_to(path)
    alias, cap = embedded.fresh()
    client(embedded).ok("cp", "-r", "--symlinks=skip", tmp_path / "link", alias)
    same(embedded.tree(cap), below("link", plain))


def test_specials_are_never_opened(embedded, client, tmp_path):
    path = tmp_path / "s"
    plain = small_tree(path)
    os.mkfifo(path / "fifo")
    for options, code, state in ((), 1, "skipped"), (("--specials=skip",), 0, "skipped"), \
            (("--specials=fail",), 1, "failed"):
        alias, cap = embedded.fresh()
        run = client(embedded).ok("cp", "-r", "--json", *options, path, alias, code=code)
        same(embedded.tree(cap), below("s", plain))
        assert run.entries()["s/fifo"]["state"] == state


def test_names_that_are_not_utf8_fail_by_name(embedded, client, tmp_path):
    path = tmp_path / "s"
    plain = small_tree(path)
    with open(os.fsencode(path) + b"/bad\xff", "wb"):
        pass
    os.mkdir(os.fsencode(path) + b"/one/dir\xc3\x28")
    alias, cap = embedded.fresh()
    run = client(embedded).ok("cp", "-r", "--json", path, alias, code=1)
    same(embedded.tree(cap), below("s", plain))
    failed = {line["path"]: line["reason"] for line in run.entries().values()
              if line["state"] == "failed"}
    assert len(failed) == 2 and set(failed.values()) \
        == {"name is not UTF-8 or not allowed at the target"}, failed
    assert "s/bad" in run.err


def test_names_equal_after_normalization_fail_by_name(embedded, client, tmp_path):
    path = tmp_path / "s"
    plain = small_tree(path)
    composed = "caf\u00e9"
    decomposed = unicodedata.normalize("NFD", composed)
    (path / composed).write_bytes(b"1")
    (path / decomposed).write_bytes(b"2")
    (path / "alone e\u0301").write_bytes(b"3")
    alias, cap = embedded.fresh()
    run = client(embedded).ok("cp", "-r", "--json", path, alias, code=1)
    entries = run.entries()
    bad = [line for line in entries.values() if line["state"] == "failed"]
    assert bad and all("normalization" in line["reason"] for line in bad)
    arrived = embedded.tree(cap)
    assert "s/alone \u00e9" in arrived
    if f"s/{composed}" in arrived:  # then it is the file that says it is done
        assert arrived[f"s/{composed}"] == local_tree(path)[composed]
        assert entries[f"s/{composed}"]["state"] == "done"
    assert plain.items() <= {name[2:]: value for name, value in arrived.items()}.items()


def test_all_or_nothing_withholds_the_last_link(embedded, client, odd):
    path, plain, _ = odd
    alias, cap = embedded.fresh()
    barge = client(embedded)
    run = barge.ok("cp", "-r", "--json", "--all-or-nothing", path, alias, code=1)
    assert embedded.list(cap) == {}
    assert run.summary()["linked"] is False
    barge.ok("cp", "-r", "--all-or-nothing", "--symlinks=skip", path, alias)
    same(embedded.tree(cap), below("odd", plain))


def test_a_deep_directory_and_a_path_beyond_the_kernels_limit(embedded, client, tmp_path):
    top = os.open(tmp_path, os.O_RDONLY)
    fd = top
    for _ in range(30):
        os.mkdir("n" * 200, dir_fd=fd)
        fd = os.open("n" * 200, os.O_RDONLY, dir_fd=fd)
    with os.fdopen(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=fd), "wb") as file:
        file.write(content(100))
    alias, cap = embedded.fresh()
    client(embedded).ok("cp", "-r", "--immutable", tmp_path / ("n" * 200), alias)
    caps = file_caps(embedded.url, cap)
    assert list(caps) == ["/".join(["n" * 200] * 30) + "/file"]
    assert embedded.get(*caps.values()) == content(100)
    subprocess.run(["rm", "-rf", tmp_path / ("n" * 200)], check=True)


def test_an_entry_too_many_fails_its_directory_by_name(embedded, client, tmp_path):
    path = tmp_path / "s"
    small_tree(path)
    (path / "many").mkdir()
    for number in range(11):
        (path / f"many/{number}").touch()
    alias, cap = embedded.fresh()
    run = client(embedded).ok("cp", "-r", "--json", "--max-dir-entries=10", path, alias, code=1)
    assert "max-dir-entries" in run.err
    assert run.entries()["s/many"]["state"] == "failed"
    assert "retry" not in run.summary() and "--retry" not in run.err  # that takes a new plan
    shutil.rmtree(path / "many")
    same(embedded.tree(cap), below("s", local_tree(path)))
