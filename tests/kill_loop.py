"""A job under fire: barge is killed again and again, resumed, and judged by somebody else.

What the driver believes, it has from outside: the JSON lines it read before each kill, the slots
of docs/formats.md as bytes, the grid read by HTTP, and the number of mutable directories that the
grid stores.  The source of every file that was reported done is removed before the job goes on, so
a file that is sent again cannot pass for one that was not.
"""
import json
import os
import random
import re
import subprocess
import time

from grid import HANG, ROOT, Web, read_tree, uri
from runner import LineReader, Run, text_of
from tree import local_tree, same

SLOTS, SLOT = 4096, 128  # docs/formats.md: where the slots begin, and the size of one
MUTABLE_DIRECTORY = 10  # kind of a cap in a slot
EXISTED = 64  # in a slot's level: something at the target had the name when it was planned
LITERAL = 55  # bytes that need no request
SIZES = (0, 9, 55, 56, 700, 4000, 4000, 20_000, 70_000)


def remove_single(file):
    """Removes a file that has no second name: that one would change with it."""
    if file.exists() and file.stat().st_nlink == 1:
        file.unlink()


def kill_points():
    """All names of kill points in the sources, in a fixed order."""
    names = set()
    for pattern in ("queue/*.c", "src/*/*.c"):
        for path in ROOT.glob(pattern):
            names |= set(re.findall(r'KILL_POINT\("([a-z-]+)"\)', path.read_text()))
    return sorted(names)


UPLOAD_POINTS = [name for name in kill_points() if not
                 name.startswith(("fetch-", "backup-", "direct-", "verify-"))]
PLANNING = ("plan-", "manifest-")
MUTABLE_POINTS = {"intent-durable", "record-written", "record-synced"}


def points(immutable):
    """The kill points that an upload passes."""
    return [name for name in UPLOAD_POINTS if not (immutable and name in MUTABLE_POINTS)]


def new_seed():
    """BARGE_SEED, or another one each time."""
    return int(os.environ.get("BARGE_SEED") or random.SystemRandom().randrange(1 << 32))


def grow(path, rng, files=40, wide=0):
    """Builds a tree of `files` files in 7 directories at `path`: content seen by no grid before,
    but twice in the tree.  `wide` more in one directory are literals: they are planned and settled
    with no request.  Returns local_tree of it."""
    folders = ["", "a", "a/b", "a/b/c", "w i d e", "w i d e/n\u00e9w", "empty"]
    for folder in folders:
        (path / folder).mkdir(parents=True)
    for number in range(files):
        folder = folders[rng.choice((0, 1, 2, 3, 4, 4, 4, 5))]
        (path / folder / f"{number:03d}").write_bytes(rng.randbytes(rng.choice(SIZES)))
    for number in range(wide):
        (path / "w i d e" / f"literal {number:06d}").write_bytes(b"%d" % (number % 9))
    (path / "w i d e/stream").write_bytes(rng.randbytes(3 << 20))
    twice = rng.randbytes(3000)
    for number in range(3):
        (path / folders[number] / "twice").write_bytes(twice)
    os.link(path / "twice", path / "a/hard link")
    (path / "link").symlink_to("twice")
    return local_tree(path)


def unique_members(pairs):
    """Makes a dictionary of a JSON object that names nothing twice."""
    names = [name for name, _ in pairs]
    assert len(set(names)) == len(names), "a name is linked twice"
    return dict(pairs)


def mutable_directories(url, cap):
    """Write caps of the mutable directories below `cap`, one for each link to one."""
    web, found, todo = Web(url), [], [cap]
    while todo:
        reply = web.ok("GET", uri(todo.pop(), t="json"))
        node = json.loads(reply, object_pairs_hook=unique_members)[1]
        for kind, child in node["children"].values():
            if kind == "dirnode":
                todo.append(child.get("rw_uri") or child["ro_uri"])
                found += [child["rw_uri"]] if child["mutable"] else []
    web.close()
    return found


def wait(process, err):
    """Returns the status of a process that ends in good time."""
    try:
        return process.wait(HANG)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"it hangs: {err.lines[-9:]}") from None


def count_at_rest(grid, kind):
    """Requests of a kind that a gateway has had, once it has all that a killed run has sent."""
    grid.come_to_rest()
    return grid.requests(kind)


def cut_off_uploads(grid):
    """Shares that Tahoe began to write and has not given their names."""
    return [path for path in (grid.directory / "storage/shares/incoming").rglob("*")
            if path.is_file()]


def forget_cut_off_uploads(grid):
    """Does what Tahoe does 30 minutes after the last byte of an upload whose client is gone: until
    then every upload of the same content ends in UploadUnhappinessError."""
    time.sleep(0.1)
    for path in cut_off_uploads(grid):
        path.unlink(missing_ok=True)


class Kill:
    """How one run is to end: at the n-th passage of a point, after some seconds, when so many
    lines say that something is done, or by itself."""
    def __init__(self, point=None, count=1, seconds=None, lines=None):
        self.point, self.count, self.seconds, self.lines = point, count, seconds, lines

    def __repr__(self):
        if self.point:
            return f"{self.point}:{self.count}"
        if self.lines:
            return f"{self.lines} lines"
        return f"{self.seconds:.4f} s" if self.seconds is not None else "none"

    def environment(self):
        return {"BARGE_KILL": f"{self.point}:{self.count}"} if self.point else {}

    def __call__(self, process, out, _err):
        if self.lines:
            after_lines(out, self.lines)
        elif self.seconds is not None:
            try:
                process.wait(self.seconds)
            except subprocess.TimeoutExpired:
                pass
        else:
            return
        process.kill()


def after_lines(lines, count):
    """Sleeps until a LineReader has `count` lines of entries that are done, or all there are."""
    seen = []

    def is_last(line):
        seen.append(b'"state":"done"' in line)
        return sum(seen) >= count
    return lines.wait_for(is_last)


def is_stopping(line):
    """Whether barge says so that it has got a signal: of two at once it would get but one."""
    return b"stopping" in line


class Job:
    """One tree, its target, and all runs that carry it there."""
    def __init__(self, grid, barge, place, seed, **kind):
        self.grid, self.barge, self.seed, self.rng = grid, barge, seed, random.Random(seed)
        self.immutable, self.merge = kind.get("immutable", False), kind.get("merge", False)
        self.source = place / "src"
        self.place = place
        self.tree = grow(self.source, self.rng, kind.get("files", 40), kind.get("wide", 0))
        self.log, self.done, self.kills = [], {}, 0
        self.slots, self.linked = {}, None
        self.options, self.command, self.count_puts = [], None, hasattr(grid, "requests")
        self.power_cuts = kind.get("power_cuts", False)
        self.aim()

    def __repr__(self):
        return f"seed {self.seed!r}, kills {self.log}"

    # --- the target ---

    def aim(self):
        """Makes a directory in the grid to copy to, for a merge with something in it."""
        before = {}
        if self.merge:
            old = self.grid.put(self.rng.randbytes(300))
            inner = self.grid.mkdir({"here before": old, "000": old})
            before = {"src": self.grid.mkdir({"a": self.grid.mkdir({"b": inner}), "old": old})}
        self.alias, self.cap = self.grid.fresh(before)
        self.target = self.alias if self.merge else self.alias + "new/deep"
        self.prefix = "src" if self.merge else "new/deep/src"
        self.expected = read_tree(self.grid.url, self.cap)
        parts = self.prefix.split("/")
        for size in range(1, len(parts) + 1):
            self.expected["/".join(parts[:size])] = None
        self.expected |= {f"{self.prefix}/{name}": what for name, what in self.tree.items()}
        self.referenced = set(mutable_directories(self.grid.url, self.cap))
        self.stored = self.grid.mutable_slots()

    def words(self):
        kind = ["--immutable"] if self.immutable else []
        return ["cp", "-r", "--json", "--symlinks=skip", *kind, *self.options, self.source,
                self.target]

    def go_on(self):
        """The command for the next run.  The same one plans anew once the job is finished, so it
        is given only while the tree is not there."""
        if self.command:
            return self.command
        job = self.job()
        if job and (self.is_complete() or self.rng.random() < 0.4):
            return ["resume", "--json", job.name]
        return self.words()

    def job(self):
        """The directory of the job, None until it has a manifest; a second one is a failure."""
        begun = [path for path in self.barge.jobs()
                 if (path / "manifest").exists() or (path / "plan").exists()]
        assert len(begun) <= 1, (self, "the job was planned anew")
        return begun[0] if begun else None

    # --- runs ---

    def puts(self):
        return count_at_rest(self.grid, "put") if self.count_puts else 0

    def contents_left(self):
        """How many different contents belong to files that were not reported done."""
        left = {what for name, what in self.tree.items()
                if what and what[0] > LITERAL and f"{self.prefix}/{name}" not in self.done}
        return len(left)

    def run(self, act=Kill(), codes=(0, -9)):
        """One run, while which act(process, readers of stdout and stderr) is called: a Kill, or
        anything.  Its lines are learnt; returns it."""
        self.log.append(act)
        left, puts, begin = self.contents_left(), self.puts(), time.monotonic()
        environment = act.environment() if isinstance(act, Kill) else {}
        process = self.barge.start(*self.go_on(), env=environment)
        out, err = LineReader(process.stdout), LineReader(process.stderr)
        try:
            act(process, out, err)
        except BaseException:
            process.kill()
            process.wait()
            raise
        run = Run(process.args, wait(process, err), *map(text_of, (out, err)),
                  time.monotonic() - begin)
        self.log[-1] = f"{act} -> {run.code}"
        self.barge.search(run.out.encode(), "stdout")
        self.barge.search(run.err.encode(), "stderr")
        assert run.code in codes, (self, run)
        sent = self.puts() - puts
        assert sent <= left, (self, f"{sent} sent, {left} were left")
        self.learn(run)
        return run

    def learn(self, run):
        for path, line in run.entries().items():
            assert path not in self.done, (self, f"reported again: {line}")
            self.done[path] = line
        self.look_at_slots()
        self.kills += run.code == -9
        self.remove_done_sources()
        self.look_at_link()
        if run.code == -9 and self.power_cuts and self.rng.random() < 0.5:
            self.lose_what_was_not_synced()

    def look_at_slots(self):
        """A slot that was reported never changes, and says what was reported."""
        if not self.done:
            return
        data = (self.job() / "outcomes").read_bytes()
        for path, line in self.done.items():
            slot = data[SLOTS + SLOT * line["id"]:][:SLOT]
            assert self.slots.setdefault(path, slot) == slot, (self, f"another slot: {path}")
            assert slot[10] == {"done": 2, "skipped": 3, "failed": 4}[line["state"]], (self, path)

    def lose_what_was_not_synced(self):
        """Does what a power cut may do to outcomes that were not reported, and to the ends of files
        that were growing: zeros."""
        job = self.job()
        if not job or not (job / "manifest").exists():
            return
        self.log.append("power cut")
        reported = {line["id"] for line in self.done.values()}
        with open(job / "outcomes", "r+b") as file:
            data = file.read()
            for task in range((len(data) - SLOTS) // SLOT):
                at = SLOTS + SLOT * task
                # What was merged into or replaced had a synced slot before this one: that would
                # come back, not zeros, and what it held is not known here.
                if self.merge and (data[at + 8] == MUTABLE_DIRECTORY or data[at + 12] & EXISTED):
                    continue
                if task not in reported and data[at + 10] > 1 and self.rng.random() < 0.5:
                    file.seek(at)
                    file.write(bytes(SLOT))
        for name in ("manifest", "keys"):
            growing = name == "keys" or not any((job / name).read_bytes()[40:56])
            if growing and (job / name).exists() and self.rng.random() < 0.5:
                with open(job / name, "ab") as file:
                    file.write(bytes(self.rng.randint(1, 5000)))

    def remove_done_sources(self):
        for path, line in self.done.items():
            file = self.place / path[len(self.prefix) - 3:]
            if line["kind"] == "file" and line["state"] == "done":
                remove_single(file)

    # --- what is in the grid ---

    def is_complete(self):
        """Whether all is there: a new tree with its link, a merge with its last directory."""
        if not self.merge:
            return self.linked is not None
        children = self.grid.list(self.grid.child(self.cap, "src")[1]["rw_uri"])
        return (children.keys() >= {name for name in self.tree if "/" not in name}
                and read_tree(self.grid.url, self.cap) == self.expected)

    def look_at_link(self):
        """A new tree appears as a whole, and stays what it is."""
        children = self.grid.list(self.cap)
        if self.merge or not children:
            assert self.merge or self.linked is None, (self, "the link is gone")
            return
        node = children["new"][1]
        cap = node.get("rw_uri") or node["ro_uri"]
        assert self.linked in (None, cap), (self, "linked anew")
        if self.linked is None:
            same(read_tree(self.grid.url, self.cap), self.expected)
        self.linked = cap

    def finish(self):
        """The last run, left alone, and the verdict."""
        run = self.run()
        assert run.code == 0, (self, run)
        self.judge(run.summary())

    def judge(self, summary):
        try:
            same(read_tree(self.grid.url, self.cap), self.expected)
        except AssertionError as error:
            raise AssertionError(f"{self}: {error}") from None
        assert all(path in self.expected or line["state"] == "skipped"
                   for path, line in self.done.items()), self
        now = mutable_directories(self.grid.url, self.cap)
        assert len(set(now)) == len(now), (self, "a directory is linked twice")
        assert self.referenced <= set(now), (self, "a directory that was there is another")
        made, stored = len(now) - len(self.referenced), self.grid.mutable_slots() - self.stored
        assert made == stored, (self, f"{stored} mutable directories for {made} planned ones")
        assert made == (0 if self.immutable else self.new_directories()), (self, made)
        assert summary["planned"] == summary["done"] + summary["skipped"] + summary["failed"]
        assert (summary["left"], summary["failed"], summary["skipped"]) == (0, 0, 1), self
        assert summary["unreferenced"] == 0 and summary["damaged"] == 0, (self, summary)
        assert summary["planned"] >= len(self.tree) + 2, self

    def new_directories(self):
        """How many directories of the plan were not in the grid before."""
        inside = 1 + sum(what is None for what in self.tree.values())
        return inside - 3 if self.merge else inside + 2


class Fire:
    """Chooses kills: named points and moments, within what a whole job takes."""
    def __init__(self, rng, names, seconds):
        self.rng, self.names, self.seconds = rng, names, seconds

    def at(self, number):
        """The kill for the `number`-th run of a job, from 0.  A plan is made once, as a rule."""
        draw = self.rng.random()
        if draw < 0.5:
            planning = number == 0 or self.rng.random() < 0.1
            names = [name for name in self.names
                     if planning or not name.startswith(PLANNING)]
            return Kill(self.rng.choice(names), self.rng.choice((1, 1, 1, 2, 3, 5)))
        if draw < 0.7:
            return Kill(lines=self.rng.randint(1, 12))
        if draw < 0.85:  # while it recovers, connects or begins to plan
            return Kill(seconds=self.rng.uniform(0.001, 0.03))
        return Kill(seconds=self.rng.uniform(0, self.seconds / (1 + number)))


def campaign(make_job, fire, kills):
    """Jobs under fire until there were `kills`; returns (kills, jobs).

    make_job(number) returns a new Job.  A job is killed up to eight times before it is left alone;
    as good as all of them are killed at least once.
    """
    total = jobs = 0
    while total < kills:
        assert jobs < 20 + 5 * kills, f"{total} kills only"
        job = make_job(jobs)
        jobs += 1
        for number in range(fire.rng.randint(3, 8)):
            if job.run(fire.at(number)).code == 0:
                break
        job.finish()
        total += job.kills
    return total, jobs
