"""Modes and owners of what was at a local target before: kept, where the source says nothing."""
import os
import shutil
import stat

import pytest

from tree import content


@pytest.fixture
def alone(client):
    """A Barge that has no grid."""
    return client(None)


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


@pytest.fixture
def private(tmp_path):
    """(target, directory, file): a directory and a file of their owner's alone."""
    directory = tmp_path / "out/priv"
    directory.mkdir(parents=True)
    (directory / "key").write_bytes(b"old")
    (directory / "key").chmod(0o600)
    directory.chmod(0o700)
    if os.geteuid() == 0:
        os.chown(directory / "key", 1234, 2345)
    return tmp_path / "out", directory, directory / "key"


def assert_private(directory, key, text):
    assert (mode(directory), mode(key), key.read_bytes()) == (0o700, 0o600, text)
    if os.geteuid() == 0:
        assert (key.stat().st_uid, key.stat().st_gid) == (1234, 2345)


def test_what_comes_without_modes_opens_nothing(embedded, client, private):
    out, directory, key = private
    alias, _ = embedded.fresh({"priv": embedded.mkdir({"key": embedded.put(b"new")})})
    client(embedded).ok("cp", "-r", alias, out)
    assert_private(directory, key, b"new")
    client(embedded).ok("get", "--force", alias + "priv/key", key)
    assert_private(directory, key, b"new")


def test_no_preserve_leaves_modes_alone(alone, private, tmp_path):
    _, directory, key = private
    (tmp_path / "s/priv/new").mkdir(parents=True)
    (tmp_path / "s/priv/key").write_bytes(b"from a source")
    (tmp_path / "s/priv/new/file").write_bytes(b"new")
    (tmp_path / "s/priv/new/file").chmod(0o777)
    alone.ok("cp", "-r", "--no-preserve", tmp_path / "s/priv", tmp_path / "out")
    assert_private(directory, key, b"from a source")
    mask = os.umask(0)
    os.umask(mask)
    assert mode(directory / "new") == 0o777 & ~mask
    assert mode(directory / "new/file") == 0o666 & ~mask


def test_a_mode_of_the_source_counts_and_the_owner_stays(alone, private, tmp_path):
    _, directory, key = private
    (tmp_path / "s/priv").mkdir(parents=True)
    (tmp_path / "s/priv").chmod(0o1777)
    (tmp_path / "s/priv/key").write_bytes(b"open")
    (tmp_path / "s/priv/key").chmod(0o4644)
    alone.ok("cp", "-r", tmp_path / "s/priv", tmp_path / "out")
    assert (mode(directory), mode(key)) == (0o1777, 0o644)
    if os.geteuid() == 0:
        assert key.stat().st_uid == 1234


def test_a_directory_for_a_group_stays_one(alone, tmp_path):
    (tmp_path / "s/d").mkdir(parents=True)
    (tmp_path / "out/s/d").mkdir(parents=True)
    (tmp_path / "out/s").chmod(0o2775)
    (tmp_path / "s").chmod(0o750)
    alone.ok("cp", "-r", tmp_path / "s", tmp_path / "out")
    assert mode(tmp_path / "out/s") == 0o2750


# --- directories that may not be written --------------------------------------------------

@pytest.fixture
def closed(public, nobody):
    """(barge, options, place): a source "s", and a target "out/s" of the user's own whose
    directories are read-only."""
    barge, options = nobody(None)
    for name in "s/d/e", "out/s/d":
        (public / name).mkdir(parents=True)
    for number, name in enumerate(["a", "d/b", "d/e/c"]):
        (public / "s" / name).write_bytes(content(30000, number))
    for name in "out/s/d", "out/s":
        (public / name).chmod(0o555)
    if "user" in options:
        for path in public, *public.rglob("*"):
            os.chown(path, options["user"], options["group"])
    yield barge, options, public
    for path in [public / "out", *(public / "out").rglob("*")]:
        if path.is_dir():
            path.chmod(0o700)


@pytest.mark.parametrize("preserve", [True, False])
def test_what_is_the_users_own_is_opened_for_the_time_being(closed, preserve):
    barge, options, place = closed
    (place / "s").chmod(0o755)
    (place / "s/d").chmod(0o555)
    words = ("cp", "-r", *([] if preserve else ["--no-preserve"]), place / "s", place / "out")
    barge.ok(*words, **options)
    assert (place / "out/s/d/e/c").read_bytes() == content(30000, 2)
    assert mode(place / "out/s/d") == 0o555
    assert mode(place / "out/s") == (0o755 if preserve else 0o555)
    assert mode(place / "out/s/d/e") & 0o700 == 0o700


def test_a_kill_leaves_it_to_the_next_run_to_close_them(closed, barge_debug):
    barge, options, place = closed
    shutil.copy(barge_debug, barge.program)
    words = ("cp", "-r", "--no-preserve", place / "s", place / "out")
    # Of two files at most one is not below `d`.
    assert barge.run(*words, env={"BARGE_KILL": "fetch-publish:2"}, **options).code == -9
    assert mode(place / "out/s/d") & 0o200
    barge.ok("resume", "--no-preserve", **options)
    assert (place / "out/s/d/e/c").read_bytes() == content(30000, 2)
    assert (mode(place / "out/s"), mode(place / "out/s/d")) == (0o555, 0o555)
    assert mode(place / "out/s/d/e") & 0o1700 == 0o700


def test_what_is_somebody_elses_stays_shut(closed):
    barge, options, place = closed
    if "user" not in options:
        pytest.skip("only root can have directories of somebody else")
    os.chown(place / "out/s/d", 0, 0)
    barge.ok("cp", "-r", "--no-preserve", place / "s", place / "out", code=1, **options)
    assert mode(place / "out/s/d") == 0o555 and not (place / "out/s/d/b").exists()
    assert (place / "out/s/a").exists()
    shutil.rmtree(place / "out/s/d")
