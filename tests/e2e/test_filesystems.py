"""Local targets, and folders of our own, on file systems that lack something, or have other rules."""
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from fetch_loop import leftovers
from tree import content, local_tree, make_tree, same

SHIM = Path(__file__).resolve().parent.parent / "tools/shim.c"


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    """shim(directory, words): the environment in which `directory` is as tools/shim.c says."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        pytest.skip("no C compiler to make the library of")
    library = tmp_path_factory.mktemp("shim") / "shim.so"
    subprocess.run([compiler, "-w", "-shared", "-fPIC", "-o", library, SHIM, "-ldl"], check=True)
    return lambda directory, words: {"LD_PRELOAD": str(library), "SHIM": words,
                                     "SHIM_DIR": os.path.realpath(directory)}


@pytest.fixture
def alone(client):
    """A Barge that has no grid."""
    return client(None)


@pytest.fixture
def place(tmp_path):
    """A source with a directory in it, and an empty target."""
    (tmp_path / "s/d").mkdir(parents=True)
    (tmp_path / "s/a").write_bytes(content(3000, 1))
    (tmp_path / "s/d/b").write_bytes(content(70000, 2))
    (tmp_path / "s/d/link").symlink_to("b")
    for name in "a", "d/b", "d":
        os.utime(tmp_path / "s" / name, ns=(1, 1600000001_123456789))
    (tmp_path / "out").mkdir()
    return tmp_path


# --- what is lacking ----------------------------------------------------------------------

@pytest.mark.parametrize("words", ["noreplace", "noreplace nolink", "nosyncdir", "notmpfile",
                                   "clock=400", "clock=-400", "seconds=1", "seconds=2"])
def test_everything_arrives(alone, shim, place, words):
    env = shim(place / "out", words)
    for again in range(2):  # the second time everything is there, and replaced
        alone.ok("cp", "-r", "--symlinks=preserve", place / "s", place / "out", env=env)
        same(local_tree(place / "out/s"), local_tree(place / "s"))
        assert not leftovers(place)
        time.sleep(0.02)


@pytest.mark.parametrize("words", ["noreplace", "noreplace nolink"])
def test_nothing_is_replaced_where_renaming_always_replaces(alone, shim, place, words):
    (place / "out/s/d").mkdir(parents=True)
    process = alone.start("cp", "-r", "--bwlimit=40K", place / "s", place / "out",
                          env=shim(place / "out", words))
    wait_for(lambda: leftovers(place / "out"))
    (place / "out/s/d/b").write_bytes(b"came meanwhile")
    assert alone.finish(process).code == 4
    assert (place / "out/s/d/b").read_bytes() == b"came meanwhile"


def test_a_pipe_is_stored_without_files_that_have_no_name(embedded, client, shim, tmp_path):
    (tmp_path / "tmp").mkdir()
    data = content(300000, 3)
    env = {"TMPDIR": str(tmp_path / "tmp"), **shim(tmp_path / "tmp", "notmpfile")}
    alias, cap = embedded.fresh()
    client(embedded).ok("put", "-", alias + "piped", given=data, env=env)
    assert embedded.get(embedded.child(cap, "piped")[1]["ro_uri"]) == data
    assert not list((tmp_path / "tmp").iterdir())


# --- the clock ----------------------------------------------------------------------------

def wait_for(what):
    until = time.monotonic() + 20
    while not what():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize("ahead", [-400, 0, 400])
def test_a_server_with_a_clock_of_its_own_tells_old_from_new(alone, shim, place, ahead):
    shutil.copytree(place / "s", place / "out/s")
    (place / "out/s/a").write_bytes(b"just before")
    env = shim(place / "out", f"clock={ahead}")
    process = alone.start("cp", "-r", "--bwlimit=40K", place / "s", place / "out", env=env)
    wait_for(lambda: leftovers(place / "out"))
    (place / "out/s/d/b").write_bytes(b"an edit")
    assert alone.finish(process).code == 4
    assert (place / "out/s/d/b").read_bytes() == b"an edit"
    assert (place / "out/s/a").read_bytes() == content(3000, 1)


# --- edits --------------------------------------------------------------------------------

def test_an_edit_while_the_new_content_is_fetched_stays(embedded, client, tmp_path):
    data = content(1 << 20, 4)
    alias, _ = embedded.fresh({"doc": embedded.put(data)})
    barge = client(embedded)
    (tmp_path / "out").mkdir()
    for words in (("cp", alias + "doc", tmp_path / "out"), ("get", "--force", alias + "doc",
                                                           tmp_path / "out/doc")):
        (tmp_path / "out/doc").write_bytes(b"old")
        time.sleep(0.02)
        process = barge.start(*words, "--bwlimit=1M")
        wait_for(lambda: leftovers(tmp_path / "out"))
        (tmp_path / "out/doc").write_bytes(b"two hours of work")
        assert barge.finish(process).code == 4
        assert (tmp_path / "out/doc").read_bytes() == b"two hours of work"
        assert not leftovers(tmp_path)


# --- directories --------------------------------------------------------------------------

def move_away(place):
    (place / "out/s/d").rename(place / "moved")


def put_another_in_its_place(place):
    move_away(place)
    (place / "out/s/d").mkdir()


def move_the_target_away(place):
    (place / "out").rename(place / "moved")


@pytest.mark.parametrize("change", [move_away, put_another_in_its_place, move_the_target_away])
@pytest.mark.parametrize("last", ["d/z", "z"])
def test_a_directory_that_is_moved_away_while_it_is_filled(alone, place, change, last):
    """`last` is on its way when it happens: in the directory, or beside it, when all in it is done."""
    (place / "s" / last).write_bytes(content(150000, 5))
    process = alone.start("cp", "-r", "--bwlimit=200K", place / "s", place / "out")
    wait_for(lambda: (place / "out/s/d/b").exists() and leftovers(place / "out"))
    change(place)
    run = alone.finish(process)
    assert run.code == 4, run
    assert "moved away or replaced" in run.err or "not at the target any more" in run.err
    # What goes on looks at the world again, and never calls done what is not there.
    if change is not move_the_target_away:
        run = alone.run("resume", "--bwlimit=10M")
        assert run.code != 0 or (place / "out/s/d/b").exists()
