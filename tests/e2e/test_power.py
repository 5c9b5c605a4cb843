"""A power cut at any moment: what was called done is there, and the rest can go on."""
import json
import os

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
    for at, rng in power.moments(cut.lines, 8, seed):
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
    for at, rng in power.moments(cut.lines, 8, seed):
        cut.fail(at, rng)
        if not is_linked(barge) and "s" in embedded.list(cap):
            embedded.web("DELETE", uri(cap, "s"))  # the last request was not made yet
        run = barge.run(*words)
        assert run.code == 0, (at, run.err)
        same(embedded.tree(cap), below("s", local_tree(cut.source)))
