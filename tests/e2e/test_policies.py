"""What stays at the target, by default, with --no-clobber, --update, --checksum and --always."""
import os

import pytest

from tree import below, content, local_tree, same

OPTIONS = ["--no-clobber", "--update", "--checksum"]


@pytest.fixture
def files(tmp_path):
    """Files of every size that is treated apart, one of them below."""
    top = tmp_path / "d"
    (top / "sub").mkdir(parents=True)
    for number, (name, size) in enumerate({"empty": 0, "literal": 20, "whole": 3000,
                                           "stream": 3 << 20, "sub/below": 500}.items()):
        (top / name).write_bytes(content(size, number + 60))
        os.utime(top / name, ns=(0, 1_700_000_000_123_456_789 + number))
    return top


def change(path, size):
    """Gives a file other bytes of the same length, and its old time."""
    times = os.stat(path)
    path.write_bytes(content(size, 99))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def states(run):
    return {name: line.get("reason") or line["state"] for name, line in run.entries().items()
            if line["kind"] == "file"}


def caps(grid, cap):
    """{path: cap} of the files below "d" """
    found, todo = {}, [("", grid.child(cap, "d")[1]["rw_uri"])]
    while todo:
        prefix, at = todo.pop()
        for name, (kind, node) in grid.list(at).items():
            if kind == "dirnode":
                todo.append((prefix + name + "/", node["rw_uri"]))
            else:
                found[prefix + name] = node["ro_uri"]
    return found


# ---- to a grid ---------------------------------------------------------------------------------

@pytest.mark.parametrize("option", OPTIONS)
def test_what_is_there_as_it_is_stays(embedded, client, files, option):
    alias, cap = embedded.fresh()
    barge = client(embedded)
    barge.ok("cp", "-r", files, alias)
    before, asked = embedded.list(cap), embedded.counts()["requests"]
    run = barge.ok("cp", "-r", "--json", option, files, alias)
    reason = "kept as it is" if option == "--no-clobber" else "unchanged"
    assert all(reason in text for text in states(run).values()), states(run)
    now = embedded.counts()["requests"]
    assert now["put"] == asked["put"] and now["set_children"] == asked["set_children"]
    assert embedded.list(cap) == before
    same(embedded.tree(cap), below("d", local_tree(files)))


def test_no_clobber_keeps_whatever_has_the_name(embedded, client, files):
    there = embedded.mkdir({"whole": embedded.put(b"old")})
    alias, cap = embedded.fresh({"d": there})
    barge = client(embedded)
    barge.ok("cp", "-r", "--no-clobber", files, alias)
    tree = embedded.tree(cap)
    assert embedded.get(embedded.child(cap, "d/whole")[1]["ro_uri"]) == b"old"
    expected = below("d", local_tree(files))
    tree.pop("d/whole"), expected.pop("d/whole")
    same(tree, expected)


def test_update_goes_by_size_and_time(embedded, client, files):
    alias, cap = embedded.fresh()
    barge = client(embedded)
    barge.ok("cp", "-r", files, alias)
    before = caps(embedded, cap)
    change(files / "whole", 3000)                # neither tells
    (files / "literal").write_bytes(content(21)) # the size does
    os.utime(files / "sub/below", ns=(0, 5))     # the time does
    os.utime(files / "stream", ns=(0, 1_700_000_000_123_456_999))  # to a grid's precision
    run = barge.ok("cp", "-r", "--json", "--update", files, alias)
    now = caps(embedded, cap)
    assert {name for name in now if now[name] != before[name]} == {"literal"}
    done = {name for name, state in states(run).items() if state == "done"}
    assert {"d/literal", "d/sub/below"} <= done <= {"d/literal", "d/sub/below", "d/stream"}
    node = embedded.child(cap, "d/sub/below")[1]
    assert node["metadata"]["mtime"] == os.stat(files / "sub/below").st_mtime


def test_checksum_goes_by_content(embedded, client, files):
    alias, cap = embedded.fresh()
    barge = client(embedded)
    barge.ok("cp", "-r", files, alias)
    before = caps(embedded, cap)
    for name, size in ("whole", 3000), ("stream", 3 << 20), ("literal", 20):
        change(files / name, size)
    os.utime(files / "sub/below", ns=(0, 5))
    (files / "new").write_bytes(content(2000, 7))
    run = barge.ok("cp", "-r", "--json", "--checksum", files, alias)
    changed = {"whole", "stream", "literal", "new"}
    now = caps(embedded, cap)
    assert {name for name in now if now[name] != before.get(name)} == changed
    assert {name for name, state in states(run).items() if state == "done"} \
        == {"d/" + name for name in changed} | {"d/sub/below"}  # linked again, with its time
    same(embedded.tree(cap), below("d", local_tree(files)))


def test_checksum_needs_the_secret(embedded, client, files, tmp_path):
    _, cap = embedded.fresh()
    (tmp_path / "cap").write_text(cap)
    (tmp_path / "cap").chmod(0o600)
    barge = client(embedded)
    words = ["-u", embedded.url, f"--cap-file={tmp_path}/cap"]
    run = barge.ok("cp", "-r", "--checksum", *words, files, "cap:", code=2, node=False)
    assert "--convergence-file" in run.err and embedded.list(cap) == {}
    run = barge.ok("cp", "-r", "--checksum", *words, "cap:", tmp_path / "out", code=2, node=False)
    assert "--convergence-file" in run.err


def test_from_grid_to_grid(embedded, client, files):
    source, _ = embedded.fresh()
    target, cap = embedded.fresh()
    barge = client(embedded)
    barge.ok("cp", "-r", files, source)
    for option in OPTIONS:
        barge.ok("cp", "-r", source + "d", target)
        run = barge.ok("cp", "-r", "--json", option, source + "d", target)
        assert "done" not in states(run).values(), (option, states(run))
    same(embedded.tree(cap), below("d", local_tree(files)))


def test_a_plan_is_carried_out_with_options_of_its_own(embedded, client, files):
    """The plan keeps what it found; what becomes of that is decided when it is carried out."""
    alias, cap = embedded.fresh()
    barge = client(embedded)
    barge.ok("cp", "-r", files, alias)
    before = caps(embedded, cap)
    change(files / "whole", 3000)
    barge.ok("plan", "-r", files, alias)
    run = barge.ok("resume", "--update", "--json")
    assert "done" not in states(run).values() and caps(embedded, cap) == before
    barge.ok("plan", "-r", "--new", files, alias)
    barge.ok("resume", "--checksum")
    assert {name for name, at in caps(embedded, cap).items() if at != before[name]} == {"whole"}


# ---- again, without any option -----------------------------------------------------------------

def sent(grid):
    """How often content was sent, and directories were changed."""
    asked = grid.counts()["requests"]
    return asked["put"] + asked["mkdir"], asked["set_children"]


def test_again_sends_nothing_that_is_there(embedded, client, files):
    alias, cap = embedded.fresh()
    barge = client(embedded)
    barge.ok("cp", "-r", files, alias)
    first = caps(embedded, cap)
    puts, links = sent(embedded)
    run = barge.ok("cp", "-r", "--json", files, alias)
    assert set(states(run).values()) == {"unchanged at the target"}, states(run)
    assert sent(embedded) == (puts, links)
    change(files / "stream", 3 << 20)  # of the same size and time: the content tells
    barge.ok("cp", "-r", files, alias)
    now = caps(embedded, cap)
    assert sent(embedded) == (puts + 1, links + 1)
    assert {name for name in now if now[name] != first[name]} == {"stream"}
    same(embedded.tree(cap), below("d", local_tree(files)))


@pytest.mark.parametrize("option", [[], ["--update"], ["--checksum"]])
def test_other_metadata_are_linked_without_sending(embedded, client, files, option):
    alias, cap = embedded.fresh()
    barge = client(embedded)
    barge.ok("cp", "-r", files, alias)
    first = caps(embedded, cap)
    puts, links = sent(embedded)
    (files / "whole").chmod(0o600)
    (files / "literal").chmod(0o755)
    if not option:
        os.utime(files / "stream", ns=(0, 5))
    run = barge.ok("cp", "-r", "--dry-run", *option, files, alias)
    assert "relink d/whole\n" in run.out
    run = barge.ok("cp", "-r", "--json", *option, files, alias)
    done = {name for name, state in states(run).items() if state == "done"}
    assert done == {"d/whole", "d/literal"} | (set() if option else {"d/stream"})
    assert sent(embedded) == (puts, links + 1) and caps(embedded, cap) == first
    for name in "whole", "literal", "stream":
        metadata, status = embedded.child(cap, "d/" + name)[1]["metadata"], (files / name).stat()
        assert metadata["st_mode"] == status.st_mode and metadata["mtime"] == status.st_mtime
    barge.ok("cp", "-r", *option, files, alias)
    assert sent(embedded) == (puts, links + 1)


def test_always_sends(embedded, client, files, tmp_path):
    alias, cap = embedded.fresh()
    barge = client(embedded)
    barge.ok("cp", "-r", files, alias)
    puts, _ = sent(embedded)
    run = barge.ok("cp", "-r", "--json", "--always", files, alias)
    assert set(states(run).values()) == {"done"} and sent(embedded)[0] == puts + 3
    barge.ok("cp", "-r", alias + "d", tmp_path / "out")
    gets = embedded.requests("get")
    barge.ok("cp", "-r", "--always", alias + "d", tmp_path / "out")
    assert embedded.requests("get") == gets + 3
    run = barge.ok("cp", "-r", "--always", "--update", files, alias, code=2)
    assert "--always" in run.err


def test_again_from_grid_to_grid(embedded, client, files):
    source, _ = embedded.fresh()
    target, cap = embedded.fresh()
    barge = client(embedded)
    barge.ok("cp", "-r", files, source)
    barge.ok("cp", "-r", source + "d", target)
    before = sent(embedded)
    run = barge.ok("cp", "-r", "--json", source + "d", target)
    assert set(states(run).values()) == {"unchanged at the target"}
    assert sent(embedded) == before


def test_again_to_a_local_target_goes_by_size_and_time(embedded, client, files, tmp_path):
    alias, _ = embedded.fresh()
    barge = client(embedded)
    barge.ok("cp", "-r", files, alias)
    barge.ok("cp", "-r", alias + "d", tmp_path / "out")
    gets = embedded.requests("get")
    run = barge.ok("cp", "-r", "--json", alias + "d", tmp_path / "out")
    assert set(states(run).values()) == {"unchanged at the target"}
    assert embedded.requests("get") == gets
    os.utime(tmp_path / "out/d/whole", ns=(0, 5))
    (tmp_path / "out/d/sub/below").write_bytes(b"short")
    barge.ok("cp", "-r", alias + "d", tmp_path / "out")
    assert embedded.requests("get") == gets + 2
    same(local_tree(tmp_path / "out"), below("d", local_tree(files)))


# ---- to a local target -------------------------------------------------------------------------

def test_checksum_at_a_local_target(embedded, client, files, tmp_path):
    alias, _ = embedded.fresh()
    barge = client(embedded)
    barge.ok("cp", "-r", files, alias)
    out = tmp_path / "out"
    barge.ok("cp", "-r", alias + "d", out)
    inodes = {path: path.stat().st_ino for path in out.rglob("*") if path.is_file()}
    for name, size in ("whole", 3000), ("stream", 3 << 20), ("literal", 20):
        change(out / "d" / name, size)
    (out / "d/empty").unlink()
    os.utime(out / "d/sub/below", ns=(0, 5))
    gets = embedded.requests("get")
    run = barge.ok("cp", "-r", "--json", "--checksum", alias + "d", out)
    changed = {"whole", "stream", "literal", "empty"}
    assert {name for name, state in states(run).items() if state == "done"} \
        == {"d/" + name for name in changed}
    assert embedded.requests("get") == gets + 2
    assert (out / "d/sub/below").stat().st_ino == inodes[out / "d/sub/below"]
    same(local_tree(out), below("d", local_tree(files)))


def test_checksum_within_a_grid(embedded, client, files):
    """What is new, or another file of the same size and time, is linked; the rest is left alone."""
    (one, _), (two, cap) = embedded.fresh(), embedded.fresh()
    barge = client(embedded)
    barge.ok("cp", "-r", files, one)
    barge.ok("cp", "-r", one + "d", two)
    change(files / "whole", 3000)
    change(files / "literal", 20)
    (files / "new").write_bytes(content(2000, 7))
    barge.ok("cp", "-r", files, one)
    before = caps(embedded, cap)
    run = barge.ok("cp", "-r", "--json", "--checksum", one + "d", two)
    now = caps(embedded, cap)
    assert {name for name in now if now[name] != before.get(name)} == {"whole", "literal", "new"}
    assert {name for name, state in states(run).items() if state == "done"} \
        == {"d/whole", "d/literal", "d/new"}
    same(embedded.tree(cap), below("d", local_tree(files)))


def test_update_of_the_files_a_grid_got_them_from(embedded, client, files):
    """Their times have nine digits behind the point, those on a grid some seven."""
    alias, _ = embedded.fresh()
    barge = client(embedded)
    barge.ok("cp", "-r", files, alias)
    run = barge.ok("cp", "-r", "--json", "--update", alias + "d", files.parent)
    assert all("unchanged" in state for state in states(run).values()), states(run)


def test_checksum_between_local_places_is_refused(client, embedded, files, tmp_path):
    run = client(embedded).ok("cp", "-r", "--checksum", files, tmp_path / "out", code=2)
    assert "grid" in run.err and not (tmp_path / "out/d").exists()
