"""From one local directory to another, with no gateway and no node directory: the same engine."""
import os
import shutil
import stat
import time

import pytest

from kill_loop import Kill
from fetch_loop import leftovers
from holding import Held
from tree import NAMES, content, local_tree, make_tree, same


@pytest.fixture
def alone(client):
    """A Barge that has no grid."""
    return client(None)


def listed(path):
    """{relative path in bytes: content, None for a directory} of all that is there."""
    found, path = {}, os.fsencode(path)
    for directory, names, files in os.walk(path):
        for name in names:
            found[os.path.relpath(os.path.join(directory, name), path)] = None
        for name in files:
            whole = os.path.join(directory, name)
            with open(whole, "rb") as file:
                found[os.path.relpath(whole, path)] = file.read()
    return found


# --- whole trees --------------------------------------------------------------------------

def test_a_tree(alone, source, tmp_path):
    path, tree = source
    run = alone.ok("cp", "-r", "--json", path, tmp_path / "out")
    copy = tmp_path / "out/reference"
    same(local_tree(copy), tree)
    for name in tree:
        here, there = os.stat(path / name), os.stat(copy / name)
        assert (here.st_mode, here.st_mtime_ns) == (there.st_mode, there.st_mtime_ns), name
    total = run.summary()
    assert total["done"] == total["planned"] == len(tree) + 1
    assert total["bytes"] == sum(what[0] for what in tree.values() if what)
    assert run.entries().keys() == {"reference", *(f"reference/{name}" for name in tree)}
    assert not (alone.home / ".tahoe").exists() and not leftovers(tmp_path)
    assert {path.name for path in alone.job().iterdir()} >= {"manifest", "outcomes"}


def test_names_byte_for_byte(alone, tmp_path):
    names = [b"\xff\xfe", b"latin \xe9", "\u00e9".encode(), "e\u0301".encode(), b"half \xc3",
             b"\xed\xa0\x80", *(name.encode() for name in NAMES)]
    source = os.fsencode(tmp_path / "s")
    os.makedirs(source + b"/dirs")
    for number, name in enumerate(names):
        with open(os.path.join(source, name), "wb") as file:
            file.write(content(100 + number))
        os.mkdir(os.path.join(source, b"dirs", name))
        with open(os.path.join(source, b"dirs", name, name), "wb") as file:
            file.write(content(90))
    run = alone.ok("cp", "-r", "--json", tmp_path / "s", tmp_path / "out")
    assert listed(tmp_path / "out/s") == listed(source)
    assert len(listed(source)) == 3 * len(names) + 1
    paths = {os.fsencode(path) for path in run.entries()}  # json: what is no UTF-8 as \udcXX
    assert {b"s/" + name for name in names} <= paths


def test_empty_directories_and_empty_files(alone, tmp_path):
    (tmp_path / "s/a/b/c").mkdir(parents=True)
    (tmp_path / "s/empty").touch()
    (tmp_path / "s/a/b").chmod(0o500)
    os.utime(tmp_path / "s/a", ns=(1, 1234567890_123456789))
    alone.ok("cp", "-r", tmp_path / "s", tmp_path / "out")
    assert listed(tmp_path / "out/s") == listed(tmp_path / "s")
    assert (tmp_path / "out/s/a").stat().st_mtime_ns == 1234567890_123456789
    assert stat.S_IMODE((tmp_path / "out/s/a/b").stat().st_mode) == 0o500
    alone.ok("cp", "-r", tmp_path / "s/a/b/c", tmp_path / "only")
    assert listed(tmp_path / "only") == {b"c": None}


def test_what_is_no_file_is_left_out_by_name(alone, tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s/file").write_bytes(b"file")
    (tmp_path / "s/link").symlink_to("file")
    (tmp_path / "s/away").symlink_to("/etc")
    os.mkfifo(tmp_path / "s/fifo")
    run = alone.ok("cp", "-r", "--json", tmp_path / "s", tmp_path / "out", code=1)
    states = {path: line["state"] for path, line in run.entries().items()}
    assert states == {"s": "done", "s/file": "done", "s/link": "skipped", "s/away": "skipped",
                      "s/fifo": "skipped"}
    assert os.listdir(tmp_path / "out/s") == ["file"]
    alone.ok("cp", "-r", "--symlinks=skip", "--specials=skip", tmp_path / "s", tmp_path / "out")
    (tmp_path / "s/away").unlink()
    alone.ok("cp", "-r", "--symlinks=follow", "--specials=skip", tmp_path / "s", tmp_path / "two")
    assert (tmp_path / "two/s/link").read_bytes() == b"file"
    assert not (tmp_path / "two/s/link").is_symlink()


def test_no_preserve(alone, tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s/f").write_bytes(b"f")
    (tmp_path / "s/f").chmod(0o4751)
    os.utime(tmp_path / "s/f", (1, 1))
    words = ["cp", "-r", tmp_path / "s"]
    alone.ok(*words, tmp_path / "kept")
    begin = time.time()
    for mask, mode in (0o022, 0o644), (0o077, 0o600):
        alone.ok(*words, "--no-preserve", tmp_path / f"not{mask}", umask=mask)
        made = (tmp_path / f"not{mask}/s/f").stat()
        assert stat.S_IMODE(made.st_mode) == mode and made.st_mtime > begin - 5
        assert stat.S_IMODE((tmp_path / f"not{mask}/s").stat().st_mode) == mode | mode >> 2 & 0o111
    kept = (tmp_path / "kept/s/f").stat()
    assert stat.S_IMODE(kept.st_mode) == 0o751 and kept.st_mtime == 1


# --- what is at the target ----------------------------------------------------------------

@pytest.fixture
def there(tmp_path):
    """A source of three files, and a target with two of them: one the same, one older."""
    for name in "s", "out/s":
        (tmp_path / name).mkdir(parents=True)
    for name in "same", "older", "missing":
        (tmp_path / "s" / name).write_bytes(name.encode() * 9)
    (tmp_path / "out/s/kept").write_bytes(b"kept")
    (tmp_path / "out/s/older").write_bytes(b"before")
    shutil.copy2(tmp_path / "s/same", tmp_path / "out/s/same")
    return tmp_path


def states(run):
    return {path.removeprefix("s/"): line["state"] for path, line in run.entries().items()
            if line["kind"] == "file"}


def test_replacing(alone, there):
    run = alone.ok("cp", "-r", "--json", "--always", there / "s", there / "out")
    assert set(states(run).values()) == {"done"}
    assert {name.name: name.read_bytes() for name in (there / "out/s").iterdir()} == {
        "same": b"same" * 9, "older": b"older" * 9, "missing": b"missing" * 9, "kept": b"kept"}


@pytest.mark.parametrize(("option", "older"), [("--no-clobber", b"before"),
                                               ("--recursive", b"older" * 9),
                                               ("--update", b"older" * 9)])
def test_keeping(alone, there, option, older):
    inode = (there / "out/s/same").stat().st_ino
    run = alone.ok("cp", "-r", "--json", option, there / "s", there / "out")
    assert states(run) == {"same": "skipped", "missing": "done",
                           "older": "skipped" if option == "--no-clobber" else "done"}
    assert run.summary()["skipped_asked"] == run.summary()["skipped"]
    assert (there / "out/s/older").read_bytes() == older
    assert (there / "out/s/missing").read_bytes() == b"missing" * 9
    assert (there / "out/s/same").stat().st_ino == inode
    if option == "--update":
        run = alone.ok("cp", "-r", "--json", option, there / "s", there / "out")
        assert set(states(run).values()) == {"skipped"} and run.summary()["run_bytes"] == 0


def test_what_is_in_the_way_stays(alone, tmp_path):
    for name in "s/dir", "s/door", "out/s/file", "elsewhere":
        (tmp_path / name).mkdir(parents=True)
    for name in "s/dir/f", "s/file", "s/link", "s/other", "s/door/f":
        (tmp_path / name).write_bytes(b"new")
    (tmp_path / "out/s/dir").write_bytes(b"a file")
    (tmp_path / "out/s/link").symlink_to("other")
    (tmp_path / "out/s/door").symlink_to("../../elsewhere")
    run = alone.ok("cp", "-r", "--json", tmp_path / "s", tmp_path / "out", code=4)
    # Four, and the files below two of them.
    assert run.summary()["reasons"] == {"something else is at the target": 6}
    assert run.summary()["files"]["done"] == 1
    assert (tmp_path / "out/s/dir").read_bytes() == b"a file"
    assert (tmp_path / "out/s/link").is_symlink() and (tmp_path / "out/s/door").is_symlink()
    assert os.listdir(tmp_path / "elsewhere") == [] == os.listdir(tmp_path / "out/s/file")
    assert not leftovers(tmp_path / "out")


# --- words --------------------------------------------------------------------------------

def test_several_sources(alone, tmp_path):
    for name in "a", "b":
        (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / name / "inner/f").write_bytes(name.encode())
    (tmp_path / "file").write_bytes(b"file")
    (tmp_path / "alias to b").symlink_to("b")
    alone.ok("cp", "-r", tmp_path / "a", tmp_path / "file", tmp_path / "alias to b",
             tmp_path / "out/er")
    assert listed(tmp_path / "out/er") == {
        b"a": None, b"a/inner": None, b"a/inner/f": b"a", b"file": b"file", b"alias to b": None,
        b"alias to b/inner": None, b"alias to b/inner/f": b"b"}


def test_single_files(alone, tmp_path):
    (tmp_path / "f").write_bytes(content(5000))
    (tmp_path / "there").write_bytes(b"before")
    (tmp_path / "dir").mkdir()
    for target, made in (("new", "new"), ("there", "there"), ("dir", "dir/f"),
                         ("deeper/still", "deeper/still")):
        alone.ok("cp", tmp_path / "f", tmp_path / target)
        assert (tmp_path / made).read_bytes() == content(5000)
    alone.ok("cp", "f", "beside", cwd=tmp_path)
    assert (tmp_path / "beside").read_bytes() == content(5000)


def test_a_target_inside_the_source_is_refused(alone, tmp_path):
    (tmp_path / "s/sub").mkdir(parents=True)
    (tmp_path / "s/f").write_bytes(b"mine")
    (tmp_path / "link").symlink_to("s")
    (tmp_path / "up").symlink_to(".")
    before = listed(tmp_path / "s")
    for words in (("s", "s/new"), ("s", "s"), ("s", "s/sub"), ("s", "link/sub/new"),
                  ("link", "s/new"), ("up/s", "s/new"), ("s/", "up/s/sub/x"), (".", "s/new"),
                  ("s", ".")):
        run = alone.ok("cp", "-r", *words, code=2, cwd=tmp_path)
        assert "target is inside the source" in run.err, words
    for words in (("s/f", "s/f"), ("s/f", "s"), ("link/f", "up/s/f")):
        run = alone.ok("cp", *words, code=2, cwd=tmp_path)
        assert "are the same file" in run.err, words
    os.link(tmp_path / "s/f", tmp_path / "hard")
    assert "are the same file" in alone.ok("cp", "hard", "s/f", code=2, cwd=tmp_path).err
    assert listed(tmp_path / "s") == before and not alone.jobs()


# --- sources that change ------------------------------------------------------------------

def test_a_file_that_is_replaced_after_planning(alone, tmp_path):
    (tmp_path / "s").mkdir()
    for number in range(4):
        (tmp_path / f"s/f{number}").write_bytes(content(3000, number))
    alone.ok("plan", "-r", tmp_path / "s", tmp_path / "out")
    (tmp_path / "s/f1").unlink()
    (tmp_path / "s/f2").write_bytes(content(3000, 22))
    (tmp_path / "new").write_bytes(b"another")
    (tmp_path / "new").rename(tmp_path / "s/f3")
    run = alone.run("resume", "--json")
    states = {path: line["state"] for path, line in run.entries().items()}
    assert run.code == 1 and states["s/f0"] == "done" and states["s/f1"] != "done", run
    for number in 0, 2, 3:  # what is there is what the source was at one time, whole
        copy, source = tmp_path / f"out/s/f{number}", tmp_path / f"s/f{number}"
        assert copy.exists() == (states[f"s/f{number}"] == "done")
        assert not copy.exists() or copy.read_bytes() == source.read_bytes()


def test_a_file_that_changes_while_it_is_read(alone, tmp_path):
    """Each version is of one byte all over: a mixture of two is told by a look."""
    (tmp_path / "s").mkdir()
    (tmp_path / "s/changing").write_bytes(bytes([1]) * (40 << 20))
    (tmp_path / "s/quiet").write_bytes(b"quiet")
    with Held(alone, tmp_path, "read:3", tmp_path / "s/changing", "cp", "-r", "--json",
              tmp_path / "s", tmp_path / "out") as held:
        with open(tmp_path / "s/changing", "r+b") as file:
            file.write(bytes([2]) * (40 << 20))
    assert (tmp_path / "out/s/quiet").read_bytes() == b"quiet"
    copy = tmp_path / "out/s/changing"
    assert held.run.code == (0 if copy.exists() else 1), held.run
    assert not copy.exists() or set(copy.read_bytes()) == {2}
    assert not leftovers(tmp_path / "out")


def test_what_may_not_be_read_fails_and_the_rest_goes_on(nobody, public):
    (public / "s/closed").mkdir(parents=True)
    (public / "s/secret").write_bytes(b"secret")
    (public / "s/open").write_bytes(b"open")
    (public / "out").mkdir()
    (public / "out").chmod(0o777)
    for name in "secret", "closed":
        (public / "s" / name).chmod(0)
    one, options = nobody(None)
    run = one.ok("cp", "-r", "--json", public / "s", public / "out", code=1, **options)
    reasons = {path: line.get("reason") for path, line in run.entries().items()}
    assert reasons == {"s": None, "s/open": None, "s/secret": "permission denied",
                       "s/closed": "permission denied"}
    assert os.listdir(public / "out/s") in (["open"], ["open", "closed"], ["closed", "open"])
    (public / "s/closed").chmod(0o755)


# --- more than a little, and killed -------------------------------------------------------

def test_ten_thousand_files_in_one_directory(alone, tmp_path):
    (tmp_path / "s").mkdir()
    for number in range(10_000):
        (tmp_path / f"s/{number:05d}").write_bytes(b"%d" % number)
    alone.ok("cp", "-r", tmp_path / "s", tmp_path / "out", timeout=280)
    assert local_tree(tmp_path / "out/s") == local_tree(tmp_path / "s")


@pytest.mark.parametrize("jobs", ["1", "16"])
def test_jobs(alone, tmp_path, jobs):
    tree = make_tree(tmp_path / "s", many=100, large=3 << 20, deep=3)
    alone.ok("cp", "-r", "-j", jobs, tmp_path / "s", tmp_path / "out")
    same(local_tree(tmp_path / "out/s"), tree)


@pytest.mark.parametrize("point", ["fetch-publish", "fetch-named", "slot-synced", "settled"])
def test_a_large_file_killed_and_resumed(alone, barge_debug, tmp_path, point):
    (tmp_path / "s").mkdir()
    (tmp_path / "s/large").write_bytes(content(20 << 20))
    alone.program = barge_debug
    assert alone.run("cp", "-r", "--json", tmp_path / "s", tmp_path / "out",
                     env=Kill(point).environment()).code == -9
    alone.ok("resume")
    assert (tmp_path / "out/s/large").read_bytes() == content(20 << 20)
    assert not leftovers(tmp_path / "out")


def test_plan_run_and_jobs(alone, tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s/f").write_bytes(content(3000))
    run = alone.ok("plan", "-r", "-o", tmp_path / "plan", tmp_path / "s", tmp_path / "out")
    assert "planned 1 files (3000 bytes), 1 directories" in run.err
    assert not (tmp_path / "out").exists()
    alone.ok("run", tmp_path / "plan")
    assert (tmp_path / "out/s/f").read_bytes() == content(3000)
    assert str(tmp_path / "out") in alone.ok("jobs").out


# --- holes --------------------------------------------------------------------------------

def with_holes(path):
    """A file of 9 MiB, most of it holes, which end and begin at odd places."""
    path.parent.mkdir(exist_ok=True)
    with open(path, "wb") as file:
        for at in 0, 100_000, 3 << 20, (5 << 20) - 3:
            file.seek(at)
            file.write(content(5000, at))
        file.truncate(9 << 20)
    return path


def room(path):
    return path.stat().st_blocks * 512


@pytest.fixture
def takes_holes(tmp_path):
    """Skips where the file system of the tests makes none."""
    if room(with_holes(tmp_path / "h/probe")) > 1 << 20:
        pytest.skip("this file system makes no holes")


def test_holes_stay_holes(alone, tmp_path, takes_holes):
    source = with_holes(tmp_path / "s/sparse")
    (tmp_path / "s/zeros").write_bytes(bytes(9 << 20))
    os.sync()
    alone.ok("cp", "-r", tmp_path / "s", tmp_path / "out")
    copy, zeros = tmp_path / "out/s/sparse", tmp_path / "out/s/zeros"
    assert copy.read_bytes() == source.read_bytes() and room(copy) < 1 << 20
    assert zeros.read_bytes() == bytes(9 << 20) and room(zeros) >= 9 << 20
    alone.ok("cp", "-rT", "--sparse", tmp_path / "s", tmp_path / "thin")
    assert (tmp_path / "thin/zeros").read_bytes() == bytes(9 << 20)
    assert room(tmp_path / "thin/zeros") < 1 << 20


def test_holes_of_what_comes_from_a_grid(embedded, client, tmp_path, takes_holes):
    source = with_holes(tmp_path / "s/sparse")
    barge, (alias, _) = client(embedded), embedded.fresh()
    barge.ok("cp", "-rT", tmp_path / "s", alias + "s")
    for options in [], ["-S"], ["-S", "--range-size=1M"]:
        out = tmp_path / f"out{len(options)}"
        barge.ok("cp", "-rT", *options, alias + "s", out)
        assert (out / "sparse").read_bytes() == source.read_bytes()
        assert (room(out / "sparse") < 1 << 20) == bool(options)


def test_resume_alone_makes_the_holes_and_finds_the_grid(embedded, barge_debug, client, tmp_path,
                                                         takes_holes):
    """Once more for a plan in a file: it is run as the run that was killed was told to."""
    source = with_holes(tmp_path / "s/sparse")
    barge, (alias, _) = client(embedded, barge_debug), embedded.fresh()
    barge.ok("cp", "-rT", tmp_path / "s", alias + "s")
    barge.ok("plan", "-rT", "-o", tmp_path / "plan", alias + "s", tmp_path / "out2")
    for words in ["cp", "-rT", "-S", alias + "s", tmp_path / "out1"], ["run", "-S", tmp_path / "plan"]:
        assert barge.run(*words, env={"BARGE_KILL": "fetch-publish"}).code == -9
        barge.ok("resume", node=False)
    for out in "out1", "out2":
        copy = tmp_path / out / "sparse"
        assert copy.read_bytes() == source.read_bytes() and room(copy) < 1 << 20


def sparse(path, size, *places):
    """A file of `size` bytes with 5,000 of data at each place, and holes else."""
    path.parent.mkdir(exist_ok=True)
    with open(path, "wb") as file:
        file.truncate(size)
        for at in places:
            file.seek(at)
            file.write(content(5000, at))
    return path


def test_holes_at_any_place(alone, tmp_path, takes_holes):
    size = 8 << 20
    sources = [sparse(tmp_path / "s/begins", size + 5, size - 4995),
               sparse(tmp_path / "s/ends", size - 5, 0),
               sparse(tmp_path / "s/both", size, 3 << 20),
               sparse(tmp_path / "s/nothing else", size),
               sparse(tmp_path / "s/small", 60_000, 50_000),  # read and written whole
               sparse(tmp_path / "s/small that ends", 60_000, 0)]
    alone.ok("cp", "-r", tmp_path / "s", tmp_path / "out")
    for source in sources:
        copy = tmp_path / "out/s" / source.name
        assert copy.read_bytes() == source.read_bytes(), source.name
        assert room(copy) <= room(source) + (12 << 10), source.name  # runs of 16 KiB become holes


def test_a_file_with_holes_that_changes_while_it_is_read(alone, tmp_path, takes_holes):
    source = with_holes(tmp_path / "s/sparse")
    with Held(alone, tmp_path, "write:1", tmp_path / "out/s/.barge-", "cp", "-r", tmp_path / "s",
              tmp_path / "out") as held:
        with open(source, "r+b") as file:
            file.seek(500_000)  # in what was read already
            file.write(b"where there was a hole")
    assert held.run.code == 0
    copy = tmp_path / "out/s/sparse"
    assert copy.read_bytes() == source.read_bytes() and room(copy) < 1 << 20
    assert not leftovers(tmp_path / "out")


def test_holes_after_a_kill(embedded, client, alone, barge_debug, tmp_path, takes_holes):
    source = with_holes(tmp_path / "s/sparse")
    barge, (alias, _) = client(embedded), embedded.fresh()
    barge.ok("cp", "-rT", tmp_path / "s", alias + "s")
    alone.program = barge.program = barge_debug
    for who, point, words in ((alone, "fetch-publish:1", (tmp_path / "s",)),
                              (barge, "fetch-piece:4", ("-S", "--range-size=1M", alias + "s"))):
        out = tmp_path / point
        assert who.run("cp", "-rT", *words, out, env={"BARGE_KILL": point}).code == -9
        who.ok("resume", "-S")
        assert (out / "sparse").read_bytes() == source.read_bytes()
        assert room(out / "sparse") < 1 << 20 and not leftovers(out)
