"""A copy to a local directory under fire: killed, gone on with, and judged by what lies there.

What was reported done must be there, whole, at once and for good: the same file, not one fetched
again.  The source of a file that was done is removed where it is a local one, and where it is
on a grid the gateway counts the requests.
"""
import os
import random
import time

from kill_loop import (LITERAL, SLOT, SLOTS, Kill, count_at_rest, grow, kill_points, remove_single,
                       wait)
from runner import LineReader, Run, text_of
from tree import below, local_tree, same, summary

PASSED = ("plan-", "manifest-", "slot-", "settled", "fetch-publish", "fetch-named")
SETTLED = (2, 3, 4)  # states in a slot
STREAM = "src/w i d e/stream"  # where grow puts its largest file


def fetch_points():
    """The kill points that a copy of files without chunks passes."""
    return [name for name in kill_points() if name.startswith(PASSED)]


def leftovers(path):
    """Temporary files of barge below a directory."""
    return [name for name in local_tree(path) if os.path.basename(name).startswith(".barge-")]


class Fetch:
    """One tree, its local target, and all runs that carry it there.  `grid` None: from a local
    directory."""
    def __init__(self, barge, place, seed, grid=None, **kind):
        self.barge, self.place, self.grid, self.seed = barge, place, grid, seed
        self.rng = random.Random(seed)
        self.source, self.out = place / "src", place / "out"
        tree = grow(self.source, self.rng, kind.get("files", 40), kind.get("wide", 0))
        self.mtimes = {f"src/{name}": (self.source / name).stat().st_mtime_ns
                       for name, what in tree.items() if what}
        self.word, self.options = self.source, []
        if grid:
            alias, _ = grid.fresh()
            barge.ok("cp", "-r", "--symlinks=skip", self.source, alias)
            self.word = alias + "src"
        self.jobs_before = len(barge.jobs())
        self.expected = below("src", tree)
        self.make_target()
        self.log, self.done, self.inodes, self.kills = [], {}, {}, 0

    def __repr__(self):
        return f"seed {self.seed!r}, kills {self.log}"

    def make_target(self):
        """A file that is replaced, and two that stay."""
        (self.out / "src/a/b").mkdir(parents=True)
        (self.out / STREAM).parent.mkdir()
        for name in STREAM, "src/a/b/here before", "beside":
            (self.out / name).write_bytes(b"here before")
        self.expected["src/a/b/here before"] = self.expected["beside"] = summary(b"here before")

    # --- runs ---

    def words(self):
        return ["cp", "-r", "--json", "--symlinks=skip", *self.options, self.word, self.out]

    def job(self):
        begun = [path for path in self.barge.jobs()[self.jobs_before:]
                 if (path / "manifest").exists()]
        assert len(begun) <= 1, (self, "the job was planned anew")
        return begun[0] if begun else None

    def is_settled(self):
        job = self.job()
        data = (job / "outcomes").read_bytes() if job and (job / "outcomes").exists() else b""
        return len(data) > SLOTS + SLOT and data[SLOTS + 10] in SETTLED

    def go_on(self):
        job = self.job()
        # Before its sources on a grid are all in the plan, a job cannot be resumed by name.
        planned = self.done or not self.grid
        if job and (self.is_settled() or planned and self.rng.random() < 0.4):
            return ["resume", "--json", job.name]
        return self.words()

    def gets(self):
        return count_at_rest(self.grid, "get") if self.grid else 0

    def files_left(self):
        return sum(1 for name, what in self.expected.items()
                   if what and what[0] > LITERAL and name not in self.done)

    def run(self, act=Kill(), codes=(0, -9)):
        """One run, while which act(process, readers of stdout and stderr) is called."""
        left, gets, begin = self.files_left(), self.gets(), time.monotonic()
        self.log.append(act)
        environment = act.environment() if isinstance(act, Kill) else {}
        process = self.barge.start(*self.go_on(), env=environment)
        out, err = LineReader(process.stdout), LineReader(process.stderr)
        act(process, out, err)
        run = Run(process.args, wait(process, err), *map(text_of, (out, err)),
                  time.monotonic() - begin)
        self.log[-1] = f"{act} -> {run.code}"
        assert run.code in codes, (self, run)
        fetched = self.gets() - gets
        assert fetched <= left, (self, f"{fetched} fetched, {left} were left")
        self.kills += run.code == -9
        self.learn(run)
        return run

    def learn(self, run):
        for path, line in run.entries().items():
            assert path not in self.done, (self, f"reported again: {line}")
            self.done[path] = line
            if line["kind"] == "file" and line["state"] == "done":
                assert (self.out / path).is_file(), (self, f"done and not there: {path}")
                self.inodes[path] = (self.out / path).stat().st_ino
        there = local_tree(self.out)
        for path, line in self.done.items():
            if line["state"] == "done":
                assert there.get(path, "") == self.expected[path], (self, path)
        for path, number in self.inodes.items():
            assert (self.out / path).stat().st_ino == number, (self, f"made again: {path}")
        # Under its own name a file is whole, or the one from before.
        for path, what in there.items():
            if "/.barge-" not in path:
                assert what == self.expected[path] or path == STREAM, (self, path)
        if not self.grid:
            self.remove_done_sources()

    def remove_done_sources(self):
        for path in self.inodes:
            remove_single(self.place / path)

    # --- the verdict ---

    def finish(self):
        run = self.run()
        assert run.code == 0, (self, run)
        same(local_tree(self.out), self.expected)
        assert not leftovers(self.place), self
        for path, mtime in self.mtimes.items():
            found = (self.out / path).stat().st_mtime_ns
            # A grid keeps seconds as a double.
            assert abs(found - mtime) < (1000 if self.grid else 1), (self, path)
        total = run.summary()
        assert total["left"] == total["failed"] == total["damaged"] == 0, (self, total)
        assert total["skipped"] == (0 if self.grid else 1), (self, total)
