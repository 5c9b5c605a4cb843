"""Local targets, and folders of our own, on file systems that lack something, or have other rules."""
import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from fetch_loop import leftovers
from grid import wait_for
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


@contextlib.contextmanager
def held(place, size):
    """Words of the shim with which a file of this size is held up before it is whole on the disk, until
    the end of the block."""
    gate = place / "gate"
    gate.touch()
    try:
        yield f"hold={gate} holdsize={size}"
    finally:
        gate.unlink()


# --- what is lacking ----------------------------------------------------------------------

@pytest.mark.parametrize("words", ["noreplace", "noreplace nolink", "nosyncdir", "notmpfile",
                                   "clock=400", "clock=-400", "seconds=1", "seconds=2"])
def test_everything_arrives(alone, shim, place, words):
    env = shim(place / "out", words)
    for again in range(2):  # the second time everything is there, and replaced
        alone.ok("cp", "-r", "--symlinks=preserve", *["--always"] * again, place / "s",
                 place / "out", env=env)
        same(local_tree(place / "out/s"), local_tree(place / "s"))
        assert not leftovers(place)
        time.sleep(0.02)


@pytest.mark.parametrize("words, lost", [("nochmod", {"lost_modes"}), ("deafchmod", {"lost_modes"}),
                                         ("notimes", {"lost_times"}),
                                         ("nosyncdir", {"lost_syncs"})])
def test_what_cannot_be_kept_is_counted(alone, shim, place, words, lost):
    run = alone.ok("cp", "-r", "--json", "--symlinks=preserve", place / "s", place / "out",
                   env=shim(place / "out", words))
    same(local_tree(place / "out/s"), local_tree(place / "s"))
    total = run.summary()
    assert {name for name in total if name.startswith("lost_") and total[name]} == lost
    assert run.err.count("the target could not keep") == 1


@pytest.mark.parametrize("words", ["noreplace", "noreplace nolink"])
def test_nothing_is_replaced_where_renaming_always_replaces(alone, shim, place, words):
    (place / "out/s/d").mkdir(parents=True)
    with held(place, 70000) as hold:
        process = alone.start("cp", "-r", place / "s", place / "out",
                              env=shim(place / "out", f"{words} {hold}"))
        wait_for(lambda: leftovers(place / "out/s/d"))
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


def test_a_machine_without_proc(alone, shim, place):
    alone.ok("cp", "-r", place / "s", place / "out", "--symlinks=preserve",
             env=shim(place / "out", "noproc"))
    same(local_tree(place / "out/s"), local_tree(place / "s"))


def test_a_state_directory_without_locks(alone, shim, place):
    env = shim(alone.state, "nolock noreplace nolink notmpfile nosyncdir")
    words = ("cp", "-r", "--symlinks=preserve", place / "s", place / "out", "--bwlimit=1K")
    process = alone.start(*words, env=env)
    wait_for(lambda: leftovers(place / "out"))
    assert alone.run(*words, env=env).code == 6
    assert "running" in alone.ok("jobs", env=env).out
    process.kill()
    process.communicate()
    assert "running" not in alone.ok("jobs", env=env).out
    alone.ok(*words[:-1], env=env)
    same(local_tree(place / "out/s"), local_tree(place / "s"))


def test_a_plan_in_a_file_there(alone, shim, place):
    env = shim(place, "noreplace nolink nolock nosyncdir notmpfile")
    alone.ok("plan", "-r", "--symlinks=preserve", "-o", place / "plan", place / "s",
             place / "out", env=env)
    assert alone.run("plan", "-r", "-o", place / "plan", place / "s", place / "out",
                     env=env).code == 2  # the name is taken
    alone.ok("run", place / "plan", env=env)
    same(local_tree(place / "out/s"), local_tree(place / "s"))


# --- names that are the same --------------------------------------------------------------

@pytest.fixture
def alike(tmp_path):
    """Names that differ in case alone: files, files of the same content, symlinks, directories."""
    for name in "s/Dir", "s/dir", "out":
        (tmp_path / name).mkdir(parents=True)
    for name in "README", "readme", "Dir/upper", "dir/lower":
        (tmp_path / "s" / name).write_bytes(name.encode())
    for name in "same", "SAME":
        (tmp_path / "s" / name).write_bytes(b"the same")
    for name in "link", "LINK":
        (tmp_path / "s" / name).symlink_to(name + " leads")
    return tmp_path


def assert_one_of_each(run, place):
    """One of each pair is there whole, and the other is named as what failed."""
    assert run.code == 4, run
    lines = run.entries()
    failed = {path for path, line in lines.items() if line["state"] == "failed"}
    out = {name.name for name in (place / "out/s").iterdir()}
    assert len(out) == 4
    for one, other in ("README", "readme"), ("Dir", "dir"), ("same", "SAME"), ("link", "LINK"):
        assert len({one, other} & out) == 1
        gone, = {one, other} - out
        there, = {one, other} & out
        assert f"s/{gone}" in failed and f"s/{there}" not in failed
        if there in ("README", "readme"):
            assert (place / "out/s" / there).read_bytes() == there.encode()
        if there in ("link", "LINK"):
            assert os.readlink(place / "out/s" / there) == there + " leads"
        if there in ("Dir", "dir"):
            assert len(list((place / "out/s" / there).iterdir())) == 1


@pytest.mark.parametrize("words", ["fold", "fold noreplace nolink", "fold seconds=2"])
def test_names_that_are_the_same_there_are_not_mixed_up(alone, shim, alike, words):
    env = shim(alike / "out", words)
    copy = ("cp", "-r", "--json", "--symlinks=preserve", alike / "s", alike / "out")
    run = alone.run(*copy, env=env)
    assert_one_of_each(run, alike)
    assert "are the same name at the target" in run.err or "something of that name" in run.err
    for name in "README", "readme":  # newer, and each would replace what is there
        (alike / "s" / name).write_bytes(name.encode())
    for more in ("--update",), ():
        assert_one_of_each(alone.run(*copy, *more, env=env), alike)


def test_what_an_earlier_run_wrote_is_not_replaced_by_its_like(client, barge_debug, shim, place):
    killed = client(None, barge_debug)
    for name in "README", "readme":
        (place / "s" / name).write_bytes(content(60000) + name.encode())
    env = shim(place / "out", "fold")
    words = ["cp", "-r", "-j1", "--readers=1", place / "s", place / "out"]
    while not any((place / "out/s" / name).exists() for name in ("README", "readme")):
        run = killed.run(*words, env={**env, "BARGE_KILL": "slot-written"})
        assert run.code == -signal.SIGKILL, run
        words = ["resume", "-j1", "--readers=1"]
    assert killed.run("resume", env=env).code == 4
    there, = {path.name for path in (place / "out/s").iterdir()} & {"README", "readme"}
    assert (place / "out/s" / there).read_bytes() == content(60000) + there.encode()


def test_a_file_from_before_is_replaced_by_its_like(alone, shim, place):
    (place / "out/s").mkdir()
    (place / "out/s/A").write_bytes(b"old")
    time.sleep(0.02)
    alone.ok("cp", "-r", "--symlinks=preserve", place / "s", place / "out",
             env=shim(place / "out", "fold"))
    assert (place / "out/s/A").read_bytes() == content(3000, 1)


# --- the clock ----------------------------------------------------------------------------

@pytest.mark.parametrize("ahead", [-400, 0, 400])
def test_a_server_with_a_clock_of_its_own_tells_old_from_new(alone, shim, place, ahead):
    shutil.copytree(place / "s", place / "out/s")
    (place / "out/s/a").write_bytes(b"just before")
    with held(place, 70000) as hold:
        process = alone.start("cp", "-r", "--always", place / "s", place / "out",
                              env=shim(place / "out", f"clock={ahead} {hold}"))
        wait_for(lambda: leftovers(place / "out/s/d"))
        (place / "out/s/d/b").write_bytes(b"an edit")
    assert alone.finish(process).code == 4
    assert (place / "out/s/d/b").read_bytes() == b"an edit"
    assert (place / "out/s/a").read_bytes() == content(3000, 1)


# --- edits --------------------------------------------------------------------------------

def test_an_edit_while_the_new_content_is_fetched_stays(embedded, client, shim, tmp_path):
    data = content(1 << 20, 4)
    alias, _ = embedded.fresh({"doc": embedded.put(data)})
    barge = client(embedded)
    (tmp_path / "out").mkdir()
    for words in (("cp", alias + "doc", tmp_path / "out"), ("get", "--force", alias + "doc",
                                                           tmp_path / "out/doc")):
        (tmp_path / "out/doc").write_bytes(b"old")
        time.sleep(0.02)
        with held(tmp_path, len(data)) as hold:
            process = barge.start(*words, env=shim(tmp_path / "out", hold))
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
def test_a_directory_that_is_moved_away_while_it_is_filled(alone, shim, place, change, last):
    """`last` is on its way when it happens: in the directory, or beside it, when all in it is done."""
    (place / "s" / last).write_bytes(content(3 << 20, 5))
    with held(place, 3 << 20) as hold:
        process = alone.start("cp", "-r", place / "s", place / "out", env=shim(place / "s", hold))
        wait_for(lambda: (place / "out/s/d/b").exists() and leftovers(place / "out"))
        change(place)
    run = alone.finish(process)
    assert run.code == 4, run
    assert "moved away or replaced" in run.err or "not at the target any more" in run.err
    # What goes on looks at the world again, and never calls done what is not there.
    if change is not move_the_target_away:
        run = alone.run("resume", "--bwlimit=10M")
        assert run.code != 0 or (place / "out/s/d/b").exists()


# --- times --------------------------------------------------------------------------------

@pytest.mark.parametrize("words", ["seconds=1", "seconds=2"])
def test_update_knows_how_exactly_times_are_kept(alone, shim, place, words):
    env = shim(place / "out", words)
    copy = ("cp", "-r", "--update", "--json", "--symlinks=preserve", place / "s", place / "out")
    alone.ok(*copy, env=env)
    assert alone.ok(*copy, env=env).summary()["skipped"] == 3
    assert alone.ok(*copy, "--dry-run", env=env).out.count("unchanged") == 3
    os.utime(place / "s/a", ns=(1, 1600000004_000000000))
    assert alone.ok(*copy, env=env).summary()["skipped"] == 2


# --- the real ones ------------------------------------------------------------------------

@pytest.fixture(params=["mkfs.ext2 -q -F -I 128", "mkfs.vfat", "mkfs.ext4 -q -O casefold"])
def mounted(request, tmp_path):
    """(directory, whether it folds names) on a file system of its own, where one may be mounted."""
    words = request.param.split()
    image, point = tmp_path / "image", tmp_path / "mounted"
    if os.geteuid() != 0 or not shutil.which(words[0]):
        pytest.skip(f"no {words[0]}, or not root")
    with open(image, "wb") as file:
        file.truncate(16 << 20)
    point.mkdir()
    subprocess.run([*words, image], check=True, capture_output=True)
    if subprocess.run(["mount", "-o", "loop", image, point], capture_output=True).returncode:
        pytest.skip("it cannot be mounted here")
    (point / "out").mkdir()
    if "casefold" in words:
        subprocess.run(["chattr", "+F", point / "out"], check=True)
    yield point / "out", words[0] == "mkfs.vfat" or "casefold" in words
    subprocess.run(["umount", point], check=True)


def test_a_real_file_system(alone, mounted, place):
    out, folds = mounted
    (place / "s/d/link").unlink()
    (place / "s/README").write_bytes(b"README")
    copy = ("cp", "-r", "--update", "--json", place / "s", out)
    alone.ok(*copy)
    same(local_tree(out / "s"), local_tree(place / "s"))
    assert alone.ok(*copy).summary()["skipped"] == 3
    (place / "s/readme").write_bytes(b"readme")
    run = alone.run(*copy)
    assert run.code == (4 if folds else 0)
    assert (out / "s/README").read_bytes() == b"README"


# --- what is durable before it has its name -----------------------------------------------

def is_local(path):
    kind = subprocess.run(["stat", "-f", "-c", "%T", path], stdout=subprocess.PIPE, check=True)
    return kind.stdout.decode().strip() in ("ext2/ext3", "xfs", "btrfs")


@pytest.fixture
def many(place):
    """400 small files, and how a copy of them went: (place, read the order)."""
    shutil.rmtree(place / "s")
    (place / "s").mkdir()
    for i in range(400):
        (place / f"s/{i:03}").write_bytes(content(100 + i, i))
    (place / "meminfo").write_text("MemTotal: 1 kB\nDirty: 0 kB\nWriteback: 0 kB\n")

    def order():
        return [line.split() for line in (place / "order").read_text().splitlines()]
    return place, order


def in_order(events):
    """Asserts that each file was synced after its last change and before its name; returns how many
    files were synced by themselves."""
    durable, dressed, named, alone = set(), set(), set(), set()
    for what, inode in events:
        if what == "dress":
            dressed.add(inode)
            durable.discard(inode)
        elif what == "fsync":
            durable.add(inode)
            alone.add(inode)
        elif what == "syncfs":
            durable |= dressed
        else:
            assert inode in durable, "a name for what may be lost"
            named.add(inode)
    assert len(named) == 400
    return len(alone)


def test_many_files_are_synced_at_once(alone, shim, many):
    place, order = many
    if not is_local(place):
        pytest.skip("syncfs is not trusted here")
    words = f"order={place}/order meminfo={place}/meminfo"
    alone.ok("cp", "-r", place / "s", place / "out", env=shim(place / "out", words))
    same(local_tree(place / "out/s"), local_tree(place / "s"))
    assert ["syncfs", "0"] in order() and in_order(order()) < 400
    # Where others have much to write, it is not worth it.
    (place / "meminfo").write_text("MemTotal: 1 kB\nDirty: 99000 kB\nWriteback: 0 kB\n")
    (place / "order").unlink()
    shutil.rmtree(place / "out/s")
    alone.ok("cp", "-r", "--new", place / "s", place / "out", env=shim(place / "out", words))
    assert ["syncfs", "0"] not in order() and in_order(order()) == 400


def test_an_error_of_the_file_system_is_looked_for_in_each_file(alone, shim, many):
    place, order = many
    if not is_local(place):
        pytest.skip("syncfs is not trusted here")
    words = f"badsyncfs order={place}/order meminfo={place}/meminfo"
    alone.ok("cp", "-r", place / "s", place / "out", env=shim(place / "out", words))
    same(local_tree(place / "out/s"), local_tree(place / "s"))
    assert order().count(["syncfs", "0"]) == 1
    durable = [(what, inode) for what, inode in order() if what != "syncfs"]
    assert in_order(durable) == 400
    # And where it was one of them, that one has no name.
    shutil.rmtree(place / "out/s")
    run = alone.run("cp", "-r", "--new", place / "s", place / "out",
                    env=shim(place / "out", words + " badsize=499"))
    assert run.code != 0 and not (place / "out/s/399").exists(), run
