"""A power cut at any moment: what was called done is there, and the rest can go on."""
import json
import os
import shutil

import pytest

import job_reader
import power
from grid import uri
from tree import below, content, local_tree, same


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return power.build(tmp_path_factory.mktemp("record"))


class Cut:
    """A run that was written down, in which the power may fail at each line."""
    def __init__(self, barge, library, tmp_path, roots):
        self.barge, self.library = barge, library
        self.source, self.record = tmp_path / "s", tmp_path / "record"
        self.roots = [barge.state / "jobs", *roots]
        for root in self.roots:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.source / "d/e").mkdir(parents=True)
        for number in range(4):
            (self.source / f"f{number}").write_bytes(content(900 + number, number))
            (self.source / f"d/g{number}").write_bytes(content(90_000 + number, number))
        (self.source / "d/e/last").write_bytes(b"little")

    def run(self, *words, code=0):
        """Runs barge, and keeps what it did to files."""
        self.record.unlink(missing_ok=True)
        inodes = {root: str(root.stat().st_ino) for root in self.roots}
        self.barge.ok(*words, code=code, env={
            "LD_PRELOAD": str(self.library), "RECORD": str(self.record),
            "RECORD_DIRS": ":".join(os.path.realpath(root) for root in self.roots)})
        self.lines = self.record.read_text().splitlines()
        self.inodes = inodes
        return self.lines

    def disk(self, count):
        return power.Disk(self.lines, count, self.inodes)

    def fail(self, count, rng):
        """Has all be as after a power cut behind so many lines."""
        disk = self.disk(count)
        for root, node in disk.roots.items():
            power.restore(disk.tree(node, rng), root)
        # It may be lost, and what later runs have said in it was not said yet.
        (self.barge.state / "index").unlink(missing_ok=True)
        return disk

    def announcements(self):
        """(number of lines before it, what was said), a JSON line each."""
        for at, line in enumerate(self.lines):
            if line.startswith("say "):
                for one in bytes.fromhex(line[4:]).splitlines():
                    yield at, json.loads(one)


def slots_of(disk, jobs):
    """What the outcomes say when nothing is there but what is durable."""
    (job,) = disk.tree(disk.roots[jobs]).values()
    return job_reader.read_outcomes(job["outcomes"])[1]


def at_path(tree, path):
    for name in path.split("/"):
        tree = tree[name]
    return tree


def test_what_is_said_to_be_done_here_is_durable(client, library, tmp_path):
    barge, out = client(None), tmp_path / "out"
    cut = Cut(barge, library, tmp_path, [out])
    cut.run("cp", "-r", "--json", cut.source, out)
    files = 0
    for at, said in cut.announcements():
        disk = cut.disk(at)
        if said["event"] != "summary":
            assert slots_of(disk, barge.state / "jobs")[said["id"]].state == job_reader.DONE
        if said.get("kind") == "file":
            there = at_path(disk.tree(disk.roots[out]), said["path"])
            assert there == (tmp_path / said["path"]).read_bytes(), said["path"]
            files += 1
    assert files == 9
    end = cut.disk(len(cut.lines))
    power.restore(end.tree(end.roots[out]), out)
    same(local_tree(out / "s"), local_tree(cut.source))


def test_what_is_said_to_be_done_on_a_grid_is_durable(embedded, client, library, tmp_path):
    barge, (alias, _) = client(embedded), embedded.fresh()
    cut = Cut(barge, library, tmp_path, [])
    cut.run("cp", "-r", "--json", cut.source, alias)
    told = [(at, said) for at, said in cut.announcements() if said["event"] != "summary"]
    for at, said in told:
        assert slots_of(cut.disk(at), barge.state / "jobs")[said["id"]].state == job_reader.DONE
    assert len(told) == 9 + 3 + 1


def test_a_slot_is_written_behind_all_that_it_says(client, library, tmp_path):
    """Whatever reaches the disk first: a slot that says done is never ahead of its file's bytes and
    name."""
    barge, out = client(None), tmp_path / "out"
    cut = Cut(barge, library, tmp_path, [out])
    cut.run("cp", "-r", cut.source, out)
    plan, _ = job_reader.read_job(barge.job())
    paths = {}
    for entry in plan.entries.values():
        above = paths.get(entry.directory)
        paths[entry.id] = (above + "/" if above else "") + entry.name.decode()
    outcomes = str((barge.job() / "outcomes").stat().st_ino)
    written = 0
    for at, line in enumerate(cut.lines):
        word, *rest = line.split(" ")
        if word != "write" or rest[0] != outcomes or int(rest[1]) < job_reader.SLOTS:
            continue
        disk, data = cut.disk(at), bytes.fromhex(rest[2])
        for slot in range(0, len(data), job_reader.SLOT):
            task = (int(rest[1]) - job_reader.SLOTS + slot) // job_reader.SLOT
            entry = plan.entries.get(task)
            if entry and data[slot + 10] == job_reader.DONE:
                there = at_path(disk.tree(disk.roots[out]), paths[task])
                if entry.kind == job_reader.FILE:
                    assert there == (tmp_path / paths[task]).read_bytes()
                written += 1
    assert written >= 12


@pytest.mark.parametrize("seed", [0, 1])
def test_a_copy_to_here_goes_on(client, library, tmp_path, seed):
    barge, out = client(None), tmp_path / "out"
    cut = Cut(barge, library, tmp_path, [out])
    words = ("cp", "-r", "--no-preserve", cut.source, out)
    cut.run(*words)
    for at, rng in power.moments(cut.lines, 60, seed):
        cut.fail(at, rng)
        run = barge.run(*words)
        assert run.code == 0, (at, run.err)
        same(local_tree(out / "s"), local_tree(cut.source))


def is_linked(barge):
    """Whether the outcomes, as they are, say that the tree is at the target."""
    for job in barge.jobs():
        data = (job / "outcomes").read_bytes() if (job / "outcomes").exists() else b""
        if len(data) > job_reader.SLOTS + 10:
            return data[job_reader.SLOTS + 10] == job_reader.DONE
    return False


@pytest.mark.parametrize("seed", [0, 1])
def test_a_copy_to_a_grid_goes_on(embedded, client, library, tmp_path, seed):
    barge, (alias, cap) = client(embedded), embedded.fresh()
    cut = Cut(barge, library, tmp_path, [])
    words = ("cp", "-r", cut.source, alias)
    cut.run(*words)
    for at, rng in power.moments(cut.lines, 24, seed):
        cut.fail(at, rng)
        if not is_linked(barge) and "s" in embedded.list(cap):
            embedded.web("DELETE", uri(cap, "s"))  # the last request was not made yet
        run = barge.run(*words)
        assert run.code == 0, (at, run.err)
        same(embedded.tree(cap), below("s", local_tree(cut.source)))


# --- files of each kind, when all is over -------------------------------------------------

def test_all_that_a_copy_keeps_is_durable(embedded, client, library, tmp_path):
    barge, (alias, _), out = client(embedded), embedded.fresh(), tmp_path / "out"
    cut = Cut(barge, library, tmp_path, [out])
    (cut.source / "link").symlink_to("f1")
    os.link(cut.source / "f1", cut.source / "again")
    (tmp_path / "list").write_text("f1\nd/\nnone\n")
    special = tmp_path / "special"
    special.mkdir()
    os.mkfifo(special / "fifo")  # so that the job stays
    ways = [(0, "cp", "-r", "--symlinks=preserve", cut.source, out / "copy"),
            (1, "cp", "-r", "--files-from", tmp_path / "list", cut.source, alias),
            (0, "cp", "-rT", "--symlinks=preserve", cut.source, alias + "links"),
            (0, "cp", "-rT", "--symlinks=preserve", alias + "links", out / "back"),
            (4, "cp", "-rT", "--new", "--always", alias + "links", out / "back"),
            (1, "cp", "-rT", cut.source, alias + "links"),
            (0, "backup", cut.source, alias + "kept"),
            (1, "backup", special, alias + "special"),
            (0, "cp", "-rT", alias + "kept/Latest", out / "restored"),
            (0, "get", alias + "links/f1", out / "one"),
            (0, "get", "-f", alias + "links/f2", out / "one")]
    for code, *way in ways:
        power.check_end(cut.run(*way, code=code))


def test_what_a_key_is_brought_into_is_durable(embedded, client, library, tmp_path):
    barge, out = client(embedded), tmp_path / "out"
    cut = Cut(barge, library, tmp_path, [out])
    alias, _ = embedded.fresh({"store": embedded.mkdir({})})
    where = (f"--root={alias}store", f"--node-directory={embedded.directory}")
    barge.ok("key", "store", "WORM-s900--f0", cut.source / "f0", *where)
    cut.run("key", "retrieve", "WORM-s900--f0", out / "got", *where)
    assert (out / "got").read_bytes() == (cut.source / "f0").read_bytes()
    node = cut.disk(len(cut.lines)).nodes[str((out / "got").stat().st_ino)]
    assert node.changes and all(at < node.synced for at, _ in node.changes)


def test_a_state_directory_that_was_made_is_durable(client, library, tmp_path):
    barge = client(None)
    cut = Cut(barge, library, tmp_path, [])
    shutil.rmtree(barge.state)
    cut.roots = [barge.home]
    power.check_end(cut.run("cp", "-r", cut.source, tmp_path / "out"))
    assert barge.jobs()


def test_plans_are_durable(embedded, client, library, tmp_path):
    barge, (alias, _), plans = client(embedded), embedded.fresh(), tmp_path / "plans"
    cut = Cut(barge, library, tmp_path, [plans])
    power.check_end(cut.run("plan", "-r", "-o", plans / "p", cut.source, alias))
    power.check_end(cut.run("run", plans / "p"))
    power.check_end(cut.run("plan", "-r", "-o", plans / "here", cut.source, tmp_path / "out"))
    power.check_end(cut.run("run", plans / "here"))
    power.check_end(cut.run("plan", "-r", "-o", plans / "q", cut.source, alias + "other"))
    shutil.rmtree(barge.job())  # as on another machine
    lines = cut.run("run", "--json", plans / "q")
    power.check_end(lines)
    # The outcomes have their name for good before anything is done by them.
    named = next(at for at, line in enumerate(lines) if line.startswith("move ")
                 and power.text(line.split(" ")[5]) == "outcomes")
    written = next(at for at, line in enumerate(lines) if at > named and line.startswith("write "))
    assert f"sync {lines[named].split(' ')[4]}" in lines[named:written]


def begun(barge, *words):
    """A job that was ended by its limit when one file was done; returns its files."""
    barge.ok(*words, "--max-transfer=1", "-j1", code=3)
    return [str((barge.job() / name).stat().st_ino) for name in ("outcomes", "manifest", "keys")
            if (barge.job() / name).exists()]


def test_what_an_earlier_run_wrote_is_synced_before_it_counts(embedded, client, library, tmp_path):
    barge, (alias, _) = client(embedded), embedded.fresh()
    cut = Cut(barge, library, tmp_path, [])
    inodes = begun(barge, "cp", "-r", cut.source, alias)
    assert len(inodes) == 3
    lines = cut.run("resume", "--json")
    power.check_reopened(lines, inodes)


@pytest.mark.parametrize("point", ["manifest-block:2", "manifest-trailer"])
def test_a_plan_that_was_cut_off_is_synced_before_it_goes_on(barge, barge_debug, client, library,
                                                             tmp_path, point):
    program, barge, out = barge, client(None, barge_debug), tmp_path / "out"
    cut = Cut(barge, library, tmp_path, [out])
    run = barge.run("cp", "-r", cut.source, out, env={"BARGE_KILL": point})
    assert run.code == -9
    barge.program = program
    manifest = str((barge.job() / "manifest").stat().st_ino)
    power.check_reopened(cut.run("resume", "--json"), [manifest])


def test_a_snapshot_whose_link_was_not_noted_ends_durably(embedded, client, library, tmp_path):
    barge, (alias, _) = client(embedded), embedded.fresh()
    cut = Cut(barge, library, tmp_path, [])
    cut.run("backup", cut.source, alias)
    root = [at for at, line in enumerate(cut.lines) if line.startswith("write ")
            and line.split(" ")[2] == str(job_reader.SLOTS)]
    cut.fail(root[-1], power.Everything)
    outcomes = str((barge.job() / "outcomes").stat().st_ino)
    lines = cut.run("resume")
    noted = next(at for at, line in enumerate(lines)
                 if line.startswith(f"write {outcomes} {job_reader.SLOTS} "))
    assert f"sync {outcomes}" in lines[noted:]


# --- in which order -----------------------------------------------------------------------

def file_of(disk, root, name):
    """What is durable of a file of the one job."""
    jobs = disk.tree(disk.roots[root])
    return next(iter(jobs.values())).get(name, b"") if jobs else b""


def test_no_entry_outlives_the_slot_of_its_source(embedded, client, library, tmp_path):
    barge, (alias, _), out = client(embedded), embedded.fresh(), tmp_path / "out"
    cut = Cut(barge, library, tmp_path, [out])
    barge.ok("cp", "-rT", cut.source, alias + "s")
    shutil.rmtree(barge.job())
    cut.run("cp", "-rT", alias + "s", out)
    seen = 0
    for at, line in enumerate(cut.lines):
        disk = cut.disk(at + 1)
        plan = file_of(disk, barge.state / "jobs", "manifest") if line.startswith("sync ") else b""
        if len(plan) > 64:
            entries = job_reader.read_manifest(plan).entries
            _, sources, _ = job_reader.read_outcomes(file_of(disk, barge.state / "jobs", "sources"))
            assert set(entries) <= set(sources)
            seen = max(seen, len(entries))
    assert seen > 10


def test_no_slot_is_ahead_of_its_entry(client, library, tmp_path):
    """Nor is what the plan says of a directory that could not be listed behind the plan."""
    barge, out = client(None), tmp_path / "out"
    cut = Cut(barge, library, tmp_path, [out])
    for number in range(30):
        (cut.source / "d" / f"many{number}").touch()
    cut.run("cp", "-r", "--max-dir-entries=20", cut.source, out, code=1)
    outcomes = str((barge.job() / "outcomes").stat().st_ino)
    told = 0
    for at, line in enumerate(cut.lines):
        word, inode, *rest = line.split(" ")
        if word == "write" and inode == outcomes and int(rest[0]) >= job_reader.SLOTS:
            plan = job_reader.read_manifest(file_of(cut.disk(at), barge.state / "jobs", "manifest"))
            task = (int(rest[0]) - job_reader.SLOTS) // job_reader.SLOT
            assert task == 0 or task in plan.entries, f"line {at}: slot {task}"
            told += 1
    assert told > 2
    for at in range(len(cut.lines)):
        plan = file_of(cut.disk(at), barge.state / "jobs", "manifest")
        if len(plan) > 64 and job_reader.read_manifest(plan).complete:
            plan, slots = job_reader.read_manifest(plan), slots_of(cut.disk(at), barge.state / "jobs")
            (large,) = (e.id for e in plan.entries.values() if e.name == b"d")
            assert large in slots
            return
    raise AssertionError("the plan was never complete")


def test_what_is_there_is_known_before_the_plan_is_whole(embedded, client, library, tmp_path):
    barge, (alias, _) = client(embedded), embedded.fresh()
    cut = Cut(barge, library, tmp_path, [])
    barge.ok("cp", "-rT", cut.source, alias + "s")
    shutil.rmtree(barge.job())
    cut.run("cp", "-rT", "--always", cut.source, alias + "s")
    for at in range(len(cut.lines)):
        plan = file_of(cut.disk(at), barge.state / "jobs", "manifest")
        if len(plan) > 64 and job_reader.read_manifest(plan).complete:
            slots = slots_of(cut.disk(at), barge.state / "jobs")
            assert set(job_reader.read_manifest(plan).entries) <= set(slots)
            return
    raise AssertionError("the plan was never complete")


@pytest.mark.parametrize("change", ["source", "target", "retry"])
def test_what_is_taken_up_again_is_noted_before_it_is_done(client, library, tmp_path, change):
    barge, out = client(None), tmp_path / "out"
    cut = Cut(barge, library, tmp_path, [out])
    if change == "retry":  # with directories that were done
        os.mkfifo(cut.source / "d/e/fifo")
        barge.ok("cp", "-r", cut.source, out, code=1)
        (cut.source / "d/e/last").write_bytes(b"other")
    else:
        begun(barge, "cp", "-r", cut.source, out)
        (done,) = [path for path in (out / "s").rglob("*") if path.is_file()
                   and not path.name.startswith(".")]
        if change == "source":
            (cut.source / done.relative_to(out / "s")).write_bytes(b"other")
        else:
            done.unlink()
    outcomes = str((barge.job() / "outcomes").stat().st_ino)
    lines = cut.run("resume", *["--retry"] * (change == "retry"), code=change == "retry")
    noted = [at for at, line in enumerate(lines) if line.startswith(f"write {outcomes} ")
             and bytes.fromhex(line.split(" ")[3])[10] == job_reader.PLANNED]
    made = next(at for at, line in enumerate(lines) if line.startswith("write ")
                and not line.startswith(f"write {outcomes} ") and at > noted[0])
    synced = [at for at, line in enumerate(lines) if line == f"sync {outcomes}"]
    assert noted and any(noted[-1] < at < made for at in synced)
