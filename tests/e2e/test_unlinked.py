"""`barge cp --cap-out FILE`: a new directory that is linked nowhere, its cap in FILE."""
import signal

import pytest

from tree import content, local_tree, same


@pytest.fixture
def files(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/c").write_bytes(content(500, 2))
    (tmp_path / "a").write_bytes(content(3000, 1))
    return tmp_path


def made(grid):
    return grid.requests("mkdir") + grid.requests("put")


@pytest.mark.parametrize("options", [(), ("--immutable",)], ids=["mutable", "immutable"])
def test_a_new_directory(embedded, client, files, options):
    file = files / "cap"
    run = client(embedded).ok("cp", "-r", *options, files / "d", files / "a", f"--cap-out={file}")
    assert "URI:" not in run.out + run.err
    assert file.stat().st_mode & 0o777 == 0o600
    tree = embedded.tree(file.read_text().strip())
    expected = local_tree(files)
    same(tree, {name: expected[name] for name in ("d", "d/c", "a")})


def test_from_the_grid(embedded, client, files):
    alias, _ = embedded.fresh({"f": embedded.put(content(200))})
    client(embedded).ok("cp", "-r", alias, f"--cap-out={files / 'cap'}")
    assert embedded.tree((files / "cap").read_text().strip()).keys() == {"f"}


def test_on_a_real_grid(real_grid, client, files):
    client(real_grid).ok("cp", "-r", files / "d", f"--cap-out={files / 'cap'}")
    assert real_grid.tree((files / "cap").read_text().strip()).keys() == {"d", "d/c"}


def test_what_is_refused_makes_nothing(embedded, client, files):
    barge = client(embedded)
    (files / "there").write_text("kept")
    before = made(embedded)
    for words, text in [
            (("cp", files / "a", f"--cap-out={files}/there"), "is there already"),
            (("cp", files / "none", f"--cap-out={files}/cap"), "No such file or directory"),
            (("cp", files / "d", f"--cap-out={files}/cap"), "without --recursive"),
            (("cp", files / "a", f"--cap-out={files}/none/cap"), "none"),
            (("cp", f"--cap-out={files}/cap"), "few words"),
            (("cp", "-n", files / "a", f"--cap-out={files}/cap"), "--dry-run"),
            (("plan", files / "a", "tahoe:", f"--cap-out={files}/cap"), "does not go with")]:
        run = barge.ok(*words, code=2)
        assert text in run.err, run
    assert made(embedded) == before and not (files / "cap").exists() and not barge.jobs()
    assert (files / "there").read_text() == "kept"


def test_killed_and_gone_on_with(gateway, client, barge_debug, files):
    grid = gateway()
    words = ("cp", "-r", files / "d", files / "a", f"--cap-out={files / 'cap'}")
    barge = client(grid, barge_debug)
    run = barge.run(*words, env={"BARGE_KILL": "directory-start:1"})
    assert run.code == -signal.SIGKILL
    cap = (files / "cap").read_text()
    run = barge.ok(*words)
    assert "continuing job" in run.err and (files / "cap").read_text() == cap
    assert grid.tree(cap.strip()).keys() == {"d", "d/c", "a"}
    run = barge.ok(*words, code=2)
    assert "is there already" in run.err
