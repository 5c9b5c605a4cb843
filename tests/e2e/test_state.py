"""Damaged state: what is proven by it is never believed, what can be made good is made good."""
import ctypes
import json
import shutil
import time

import pytest

from grid import wait_for
from runner import LineReader
from tree import below, content, local_tree, same

pytestmark = pytest.mark.alters_state
SLOTS, SLOT = 4096, 128  # where outcomes keep slot 0, and bytes of a slot
MARK = slice(40, 64)  # of a manifest: says that the plan is complete


def xxh3(data):
    library = ctypes.CDLL("libxxhash.so.0")
    library.XXH3_64bits.restype = ctypes.c_uint64
    return library.XXH3_64bits(data, ctypes.c_size_t(len(data))).to_bytes(8, "little")


def flip(path, at, bit=0):
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << bit
    path.write_bytes(data)


def cut(path, size):
    with open(path, "r+b") as file:
        file.truncate(size)


def make_newer(path, copies=(0,)):
    """Gives a file, or copies of its header, format version 99, with a check that agrees."""
    data = bytearray(path.read_bytes())
    for at in copies:
        data[at + 8:at + 10] = (99).to_bytes(2, "little")
        data[at + 32:at + 40] = xxh3(bytes(data[at:at + 32]))
    path.write_bytes(data)


@pytest.fixture
def files(tmp_path):
    path = tmp_path / "s"
    (path / "d/e").mkdir(parents=True)
    for number in range(6):
        (path / f"file{number}").write_bytes(content(2000, number))
        (path / f"d/e/{number}").write_bytes(content(300, number))
    return path


class Job:
    """A job that was killed when it had come so far; its gateway is sound again."""
    def __init__(self, grid, barge, files, stuck, wanted):
        self.grid, self.barge, self.files = grid, barge, files
        self.alias, self.cap = grid.fresh()
        self.slots = grid.mutable_slots()
        grid.restart([stuck])
        process = barge.start("cp", "-r", "--json", files, self.alias)
        reader = LineReader(process.stdout)
        count = iter(range(1, 99))
        assert reader.wait_for(lambda line: wanted(line) and next(count) == self.expected(wanted))
        wait_for(lambda: grid.requests(stuck.split(":")[0]) > 0)
        process.kill()
        process.communicate()
        grid.kill()
        grid.start()

    def expected(self, wanted):
        return 12 if wanted is a_file else 3

    def __truediv__(self, name):
        return self.barge.job() / name

    def id(self, name):
        """The number of an entry's task."""
        for line in self.barge.ok("show", "--json", self / "manifest").out.splitlines():
            entry = json.loads(line)
            if entry.get("name") == name and "kind" in entry:
                return entry["id"]
        raise KeyError(name)

    def resume(self, code=0):
        return self.barge.ok("resume", "--json", self.barge.job().name, code=code)

    def completes(self, directories=3):
        """Goes on; the tree is right, and no directory was made twice.  Returns the run."""
        run = self.resume()
        same(self.grid.tree(self.cap), below("s", local_tree(self.files)))
        assert self.grid.mutable_slots() == self.slots + directories
        return run


def a_file(line):
    return b'"file"' in line and b'"done"' in line


def a_directory(line):
    return b'"directory"' in line and b'"done"' in line


@pytest.fixture
def uploaded(gateway, client, files):
    """All files are done, no directory is."""
    grid = gateway()
    return Job(grid, client(grid), files, "mkdir:delay=60000", a_file)


@pytest.fixture
def committed(gateway, client, files):
    """All is done but the last link."""
    grid = gateway()
    return Job(grid, client(grid), files, "set_children:delay=60000", a_directory)


def test_nothing_damaged(uploaded, committed):
    assert not uploaded.completes().summary()["damaged"]
    puts = committed.grid.requests("put"), committed.grid.requests("mkdir")
    run = committed.completes()
    assert puts == (committed.grid.requests("put"), committed.grid.requests("mkdir"))
    assert not run.entries(), "what was done was done again"


# --- the manifest -------------------------------------------------------------------------

def refuses(job, *message):
    run = job.resume(code=5)
    for part in message:
        assert part in run.err, run
    assert job.grid.list(job.cap) == {}
    return run


def test_a_flipped_bit_in_a_finished_manifest(uploaded):
    manifest = uploaded / "manifest"
    for where in 3, 9, 20, 35, 45, 60, 70, 90, 200, 400, -60, -1:
        flip(manifest, where, where % 8)
        refuses(uploaded, uploaded.barge.job().name[:12])
        assert uploaded.barge.run("show", manifest).code == 5
        flip(manifest, where, where % 8)
    uploaded.completes()


def test_a_finished_manifest_that_was_cut(uploaded):
    manifest = uploaded / "manifest"
    whole = manifest.read_bytes()
    for size in 0, 10, 39, 50, 64, 300, -40, -1:
        cut(manifest, size % len(whole))
        refuses(uploaded, uploaded.barge.job().name[:12])
        assert uploaded.barge.run("show", manifest).code == 5
        manifest.write_bytes(whole)
    uploaded.completes()


def unfinish(manifest):
    """Makes the plan an unfinished one, as a kill before its end leaves it."""
    data = bytearray(manifest.read_bytes())
    data[MARK] = bytes(24)
    manifest.write_bytes(data)


@pytest.mark.parametrize("size", [-30, -150, -400])
def test_an_unfinished_manifest_cut_above_the_written_slots(gateway, client, files, size):
    grid = gateway()
    alias, cap = grid.fresh()
    barge = client(grid)
    barge.ok("plan", "-r", files, alias)
    manifest = barge.job() / "manifest"
    unfinish(manifest)
    cut(manifest, manifest.stat().st_size + size)
    run = barge.ok("resume")
    assert "the walk goes on" in run.err
    same(grid.tree(cap), below("s", local_tree(files)))


@pytest.mark.parametrize("size", [-150, -400])
def test_an_unfinished_manifest_cut_below_a_written_slot(uploaded, size):
    manifest = uploaded / "manifest"
    unfinish(manifest)
    cut(manifest, manifest.stat().st_size + size)
    refuses(uploaded, "lost entries that were already carried out")


@pytest.mark.parametrize("name", ["manifest", "outcomes", "keys"])
def test_a_newer_version(uploaded, name):
    make_newer(uploaded / name, (0, 2048) if name == "outcomes" else (0,))
    refuses(uploaded, "99", "1")


# --- outcomes -----------------------------------------------------------------------------

def test_outcomes_of_another_job(uploaded):
    mine = uploaded.barge.job()
    alias, _ = uploaded.grid.fresh()
    uploaded.barge.ok("cp", "-r", uploaded.files, alias)
    shutil.copy(uploaded.barge.job() / "outcomes", mine / "outcomes")
    run = uploaded.barge.ok("resume", mine.name, code=5)
    assert "another job" in run.err and mine.name[:12] in run.err


@pytest.mark.parametrize("copy", [0, 1])
def test_one_bad_header_is_repaired(uploaded, copy):
    outcomes = uploaded / "outcomes"
    before = outcomes.read_bytes()
    for where in 2, 9, 20, 33, 60, 2000, 2045:
        flip(outcomes, 2048 * copy + where)
        damaged = outcomes.read_bytes()
        uploaded.barge.ok("show", outcomes)
        uploaded.barge.ok("jobs", "show", uploaded.barge.job().name)
        uploaded.barge.ok("jobs")
        assert outcomes.read_bytes() == damaged  # whoever only looks changes nothing
        flip(outcomes, 2048 * copy + where)
        assert outcomes.read_bytes() == before
    flip(outcomes, 2048 * copy + 50)
    run = uploaded.completes()
    assert "header was damaged; it was repaired" in run.err
    assert outcomes.read_bytes()[:SLOTS] == before[:SLOTS]


def test_both_headers_bad(uploaded):
    for copy in 0, 1:
        flip(uploaded / "outcomes", 2048 * copy + 60)
    refuses(uploaded, "header")
    assert uploaded.barge.run("show", uploaded / "outcomes").code == 5


@pytest.mark.parametrize("where", [0, 10, 40, 127])
def test_a_bad_slot_of_a_file_is_done_again(uploaded, where):
    number = uploaded.id("file2")
    flip(uploaded / "outcomes", SLOTS + SLOT * number + where)
    run = uploaded.completes()
    assert run.summary()["damaged"] == 1
    assert [name for name, line in run.entries().items() if line["kind"] == "file"] \
        == ["s/file2"]


def test_a_bad_slot_below_a_directory_that_is_done(committed):
    """The directory's listing settles it, without sending it again."""
    for name in "file3", "5":
        flip(committed / "outcomes", SLOTS + SLOT * committed.id(name) + 20)
    puts = committed.grid.requests("put")
    run = committed.completes()
    assert committed.grid.requests("put") == puts
    assert run.summary()["damaged"] == 2
    assert run.entries().keys() == {"s/file3", "s/d/e/5"}


def test_a_bad_slot_of_a_directory_goes_through_its_intent(committed):
    flip(committed / "outcomes", SLOTS + SLOT * committed.id("s") + 20)
    run = committed.completes()
    assert run.summary()["damaged"] == 1 and run.summary()["unreferenced"] == 0


def test_bad_slots_of_directories_below_others(committed):
    for name in "s", "d", "e":
        flip(committed / "outcomes", SLOTS + SLOT * committed.id(name) + 90, 7)
    assert committed.completes().summary()["damaged"] == 3


def test_all_slots_bad(committed):
    outcomes = committed / "outcomes"
    data = bytearray(outcomes.read_bytes())
    for at in range(SLOTS + SLOT, len(data), SLOT):
        data[at + 16] ^= 4
    outcomes.write_bytes(data)
    committed.completes()


# --- keys ---------------------------------------------------------------------------------

def test_a_bad_record_in_keys(uploaded):
    keys = uploaded / "keys"
    whole = keys.read_bytes()
    assert len(whole) > 1000
    for where in 3, 45, 200, len(whole) - 5:
        flip(keys, where)
        refuses(uploaded, "keys")
        keys.write_bytes(whole)
    uploaded.completes()


@pytest.mark.parametrize("tail", [b"BGFR\1\0\0", bytes(300)], ids=["begun", "zeros"])
def test_a_torn_tail_of_keys_is_cut(uploaded, tail):
    """It was never acted upon."""
    with open(uploaded / "keys", "ab") as file:
        file.write(tail)
    uploaded.completes()


# --- a download ---------------------------------------------------------------------------

class Download:
    """A download that was killed when 3 of its 6 files were reported done."""
    def __init__(self, grid, barge, out):
        self.grid, self.barge, self.out = grid, barge, out
        self.files = {f"f{number}": content(2000, number) for number in range(6)}
        alias, _ = grid.fresh({name: grid.put(data) for name, data in self.files.items()})
        grid.restart(["get:delay=60000@4+"])
        process = barge.start("cp", "-r", "--json", alias, out)
        reader = LineReader(process.stdout)
        done = []

        def is_third(line):
            if b'"done"' in line:
                done.append(json.loads(line))
            return len(done) == 3
        assert reader.wait_for(is_third)
        process.kill()
        process.communicate()
        grid.kill()
        grid.start()
        self.done = {line["path"]: line["id"] for line in done}
        self.left = {name for name in self.files if name not in self.done}
        entries = [json.loads(line) for line in
                   barge.ok("show", "--json", self / "manifest").out.splitlines()]
        self.ids = {entry["name"]: entry["id"] for entry in entries if "kind" in entry}

    def __truediv__(self, name):
        return self.barge.job() / name

    def resume(self, code=0):
        return self.barge.ok("resume", "--json", self.barge.job().name, code=code)

    def there(self):
        return {path.name: path.read_bytes() for path in self.out.iterdir()}


@pytest.fixture
def download(gateway, client, tmp_path):
    grid = gateway()
    return Download(grid, client(grid), tmp_path / "out")


def test_a_download_goes_on(download):
    run = download.resume()
    assert run.entries().keys() == download.left and download.there() == download.files
    assert download.grid.requests("get") == 3


@pytest.mark.parametrize("where", [0, 10, 20, 40, 127])
def test_a_bad_slot_of_a_file_that_was_fetched(download, where):
    """It is fetched again, and takes the place of what is there, which is the same."""
    name = next(iter(download.done))
    flip(download / "outcomes", SLOTS + SLOT * download.done[name] + where)
    run = download.resume()
    assert run.summary()["damaged"] == 1
    assert run.entries().keys() == download.left | {name}
    assert download.there() == download.files


def test_a_bad_slot_of_a_file_that_somebody_changed(download):
    name = next(iter(download.done))
    time.sleep(1.1)
    (download.out / name).write_bytes(b"mine now")
    flip(download / "outcomes", SLOTS + SLOT * download.done[name] + 40)
    run = download.resume(code=4)
    assert run.entries()[name]["state"] == "failed"
    assert download.there() == {**download.files, name: b"mine now"}


@pytest.mark.parametrize("where", [0, 10, 20, 40, 127])
def test_a_bad_slot_of_a_source(download, where):
    """Its cap is lost, and no other is taken for it."""
    name = sorted(download.left)[0]
    flip(download / "sources", SLOTS + SLOT * download.ids[name] + where)
    run = download.resume(code=1)
    assert run.entries()[name]["state"] == "failed"
    there = {key: data for key, data in download.there().items() if not key.startswith(".barge-")}
    assert there == {key: data for key, data in download.files.items() if key != name}


def test_sources_of_another_job(download, tmp_path):
    mine = download.barge.job()
    alias, _ = download.grid.fresh({f"f{number}": download.grid.put(b"evil" * 500)
                                    for number in range(6)})
    download.barge.ok("cp", "-r", alias, tmp_path / "other")
    shutil.copy(download.barge.job() / "sources", mine / "sources")
    run = download.barge.ok("resume", mine.name, code=5)
    assert "another job" in run.err
    there = download.there()
    assert {name: there[name] for name in download.done} == {
        name: download.files[name] for name in download.done}
    assert not [data for data in there.values() if data.startswith(b"evil")]


@pytest.mark.parametrize("name", ["manifest", "outcomes", "sources"])
def test_a_newer_version_of_a_download(download, name):
    make_newer(download / name, (0,) if name == "manifest" else (0, 2048))
    run = download.resume(code=5)
    assert "99" in run.err and "1" in run.err


def test_a_flipped_bit_in_the_manifest_of_a_download(download):
    manifest, before = download / "manifest", download.there()
    for where in 3, 9, 20, 35, 45, 60, 70, 90, 200, -60, -1:
        flip(manifest, where, where % 8)
        download.resume(code=5)
        assert download.there() == before
        flip(manifest, where, where % 8)
    download.resume()
    assert download.there() == download.files


def test_sources_that_are_gone(download):
    (download / "sources").unlink()
    run = download.barge.run("resume", download.barge.job().name)
    assert run.code in (2, 5), run
    assert not [name for name, data in download.there().items()
                if not name.startswith(".barge-") and data != download.files[name]]
