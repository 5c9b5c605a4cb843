"""What --dry-run says is what the run does: line by line, for all options, in all directions.

A rehearsal and a run are given the same words at the same target; every entry of the one is
compared with that of the other.
"""
import itertools
import os
import shutil

import pytest

from grid import uri
from tree import content

THEN, LATER, EARLIER = (second * 10**9 for second in (1_700_000_000, 1_700_000_500, 1_600_000_000))
DIRECTIONS = [(source, target) for source in ("local", "grid") for target in ("local", "grid")]


def write(path, data, time=THEN):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, ns=(time, time))


def link(path, target, time=THEN):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
    os.utime(path, ns=(time, time), follow_symlinks=False)


# name: (source, target), each (bytes, time) or None where there is nothing
FILES = {
    "new": ((content(3000, 1), THEN), None),
    "same": ((content(3000, 2), THEN), (content(3000, 2), THEN)),
    "touched": ((content(3000, 3), THEN), (content(3000, 3), LATER)),
    "changed unseen": ((content(3000, 4), THEN), (content(3000, 5), THEN)),
    "older there": ((content(3000, 6), THEN), (content(3000, 7), EARLIER)),
    "newer there": ((content(3000, 8), THEN), (content(3000, 9), LATER)),
    "longer there": ((content(3000, 10), THEN), (content(3001, 10), THEN)),
    "same small": ((b"small", THEN), (b"small", THEN)),
    "other small": ((b"small", THEN), (b"SMALL", THEN)),
    "touched small": ((b"small", THEN), (b"small", LATER)),
    "empty": ((b"", THEN), (b"", THEN)),
    "large": ((content(200_000, 11), THEN), (content(200_000, 11), EARLIER)),
    "large other": ((content(200_000, 12), THEN), (content(200_000, 13), THEN)),
    "x.tmp": ((content(100, 14), THEN), (content(90, 15), THEN)),
    "y.tmp": ((content(100, 16), THEN), None),
    "merged/deep/same": ((content(900, 17), THEN), (content(900, 17), THEN)),
    "merged/deep/new": ((content(900, 18), THEN), None),
    "merged/only there": (None, (content(900, 19), THEN)),
    "added/deep/new": ((content(900, 20), THEN), None),
    "added/x.tmp": ((content(90, 21), THEN), None),
}


def make_source(top):
    for name, (data, _) in FILES.items():
        if data:
            write(top / name, *data)
    write(top / "way", b"a file")              # where there is a directory
    write(top / "blocked/below", b"below")     # where there is a file
    (top / "empty directory").mkdir()
    link(top / "link new", "same")
    link(top / "link same", "same")
    link(top / "link changed", "new")
    link(top / "link for file", "new")         # where there is a file
    write(top / "file for link", b"a file")    # where there is a symlink


def make_target(top):
    for name, (_, data) in FILES.items():
        if data:
            write(top / name, *data)
    write(top / "way/inside", b"inside")
    write(top / "blocked", b"a file")
    link(top / "link same", "same")
    link(top / "link changed", "something else", LATER)
    write(top / "link for file", b"a file")
    link(top / "file for link", "same")


FILTERS = {
    "all": [],
    "left out": ["--exclude=*.tmp", "--exclude=added/deep"],
    "taken in": ["--include=merged/**", "--include=*.tmp", "--exclude=*"],
}


def option_sets():
    """Each subset of what keeps files, with mutable and immutable directories, with each filter."""
    for kept in itertools.product(*([[], [o]] for o in ("--no-clobber", "--update", "--checksum"))):
        for immutable in [], ["--immutable"]:
            for chosen in FILTERS.values():
                yield [*itertools.chain(*kept), *immutable, *chosen, "--symlinks=preserve"]
    yield ["--symlinks=skip", "--no-clobber"]


def plan_of(run):
    lines = [line for line in run.lines() if line["event"] == "plan"]
    plan = {line["path"]: line for line in lines}
    assert len(plan) == len(lines), "an entry was told twice"
    return plan


def said(line):
    """What a line of a rehearsal comes to, as a line of the run has it."""
    state = {"skip": "skipped", "fail": "failed"}.get(line["action"], "done")
    return line["kind"], state, line.get("reason"), line["bytes"]


def compare(plan, run, rehearsal):
    done = {path: (line["kind"], line["state"], line.get("reason"), line["bytes"])
            for path, line in run.entries().items()}
    told = {path: said(line) for path, line in plan.items()}
    for path in done.keys() - told.keys():     # nothing was said: a directory that is there
        assert done[path] == ("directory", "done", None, 0), (path, done[path])
    wrong = {path: (told[path], done.get(path)) for path in told if told[path] != done.get(path)}
    assert not wrong, "said and done differ:\n" + "\n".join(map(str, sorted(wrong.items())))
    target = [line for line in run.lines() if line["event"] == "target"]
    assert [line["state"] for line in target] == ["done"], target
    assert (rehearsal.code == 0) == (run.code == 0), (rehearsal, run)
    assert run.summary()["linked"] if "linked" in run.summary() else True


def text_of(plan):
    """The lines of a rehearsal without --json, of names that need no escaping."""
    for path, line in plan.items():
        tail = f": {line['reason']}" if "reason" in line else ""
        yield line["action"], path, tail


def rehearse_and_run(barge, *words):
    """Says, checks that the two ways of saying agree, does, compares; returns the plan."""
    rehearsal = barge.run("cp", "-n", "-r", "--json", *words)
    assert rehearsal.code in (0, 1), rehearsal
    plan = plan_of(rehearsal)
    run = barge.run("cp", "-r", "--json", *words)
    assert run.code in (0, 1, 4), run
    compare(plan, run, rehearsal)
    return plan


class Place:
    """Where sources are, or targets come to stand."""
    def __init__(self, grid, barge, tmp_path):
        self.grid, self.barge, self.base, self.number = grid, barge, tmp_path, 0
        self.filled = None  # the cap of a target on the grid

    def source(self, where, top):
        if where == "local":
            return top
        alias, _ = self.grid.fresh()
        self.barge.ok("cp", "-r", "--symlinks=preserve", top, alias)
        return alias + top.name

    def target(self, where, top):
        """A new target that holds a copy of the directory `top`."""
        if where == "grid":
            if not self.filled:
                alias, self.filled = self.grid.fresh()
                self.barge.ok("cp", "-r", "--symlinks=preserve", top, alias)
            self.number += 1
            alias = f"filled{self.grid.made}x{self.number}"
            self.grid.add_alias(alias, self.grid.copy_directories(self.filled))
            return alias + ":"
        self.number += 1
        out = self.base / f"out{self.number}"
        shutil.copytree(top, out / top.name, symlinks=True)
        return out


@pytest.fixture
def place(embedded, client, tmp_path):
    make_source(tmp_path / "source/s")
    make_target(tmp_path / "target/s")
    return Place(embedded, client(embedded), tmp_path)


@pytest.mark.parametrize("source, target", DIRECTIONS[:-1] + [
    pytest.param("grid", "grid", marks=pytest.mark.long)])
def test_what_is_said_is_done(embedded, client, place, tmp_path, source, target):
    barge = client(embedded)
    words = place.source(source, tmp_path / "source/s")
    for options in option_sets():
        if "--immutable" in options and target == "local":
            continue
        if "--checksum" in options and (source, target) == ("local", "local"):
            continue
        at = place.target(target, tmp_path / "target/s")
        try:
            plan = rehearse_and_run(barge, *options, words, at)
        except AssertionError as error:
            raise AssertionError(f"{source} to {target}, {options}: {error}") from None
        assert plan, options


def test_what_is_refused_is_refused_before(embedded, client, place, tmp_path):
    barge, local = client(embedded), tmp_path / "source/s"
    for option in "--checksum", "--immutable", "--all-or-nothing":
        said, done = (barge.ok("cp", "-r", *dry, option, local, tmp_path / option, code=2)
                      for dry in (["-n"], []))
        assert said.err == done.err and not said.out
    (tmp_path / "cap").write_text(embedded.fresh()[1])
    (tmp_path / "cap").chmod(0o600)
    words = ["-r", "--checksum", "-u", embedded.url, f"--cap-file={tmp_path}/cap", local, "cap:"]
    said, done = (barge.ok("cp", *dry, *words, code=2, node=False) for dry in (["-n"], []))
    assert said.err == done.err and "--convergence-file" in said.err


def test_mutable_files(real_grid, client, tmp_path):
    """As sources, and as what is there; the embedded gateway has none."""
    def mutable(data):
        return real_grid.web("PUT", "/uri?format=SDMF", data).decode()

    def read_only(cap):
        return real_grid.web("GET", uri(cap, t="readonly-uri")).decode()

    barge, data = client(real_grid), content(700, 30)
    for name in "writable", "read only", "immutable", "mutable source":
        write(tmp_path / "s" / name, data)
    alias, cap = real_grid.fresh()
    sources = real_grid.mkdir()
    for name in "writable", "immutable", "read only":
        real_grid.link(sources, name, real_grid.put(data).strip())
    real_grid.link(sources, "mutable source", mutable(data))
    source, source_cap = real_grid.fresh({"s": sources})
    for words in tmp_path / "s", source + "s":
        for options in [], ["--no-clobber"], ["--update"], ["--checksum"], ["--always"]:
            there = real_grid.mkdir()
            real_grid.link(there, "writable", mutable(b"old"))
            real_grid.link(there, "read only", read_only(mutable(b"old")))
            real_grid.link(there, "immutable", real_grid.put(data).strip())
            real_grid.link(there, "mutable source", real_grid.put(data).strip())
            alias, _ = real_grid.fresh({"s": there})
            plan = rehearse_and_run(barge, *options, words, alias)
            kept = "--no-clobber" in options
            assert plan["s/writable"]["action"] == ("skip" if kept else "overwrite")
            assert plan["s/read only"]["action"] == ("skip" if kept else "fail")
            alike = options in ([], ["--checksum"])
            again = "skip" if words == source + "s" else "relink"  # the link there has no mode
            assert plan["s/mutable source"]["action"] == \
                ("skip" if kept else again if alike else "copy")
