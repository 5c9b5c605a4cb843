#!/usr/bin/env python3
"""How many requests at a time: `barge cp` with -j 1, 2, 4 ... 64, and as it finds out by itself; JSON
on stdout, a table on stderr.

Places: a Tahoe-LAFS gateway with one storage server ("tahoe"), the embedded gateway ("embedded"),
the same with an answer that takes 50 ms ("far"), and ten storage servers asked directly
("servers").  Files of 4 KiB go up, and down again; speeds are files a second of each run's summary,
its start included, so finding out counts.  Content is new each time.

A short run of each says how much there is to do: as many files as the best fixed number does in
--seconds, for it, for the default and for all that are at least half as fast; slower ones get fewer.
Then each runs once, and the two best fixed numbers and the default run --rounds times more, by
turns: these runs alone count, because the best of seven that ran once is the luckiest one.  The
default's median is compared with the better median of the two; "noise" is how far the runs of one
number lie apart (the median of the three).  "result" is met (0.9 of the best, or more), within the
noise, or missed.

Memory is a better place for the files than a disk (TMPDIR=/dev/shm).  On a machine that does other
things these should weigh less: where the kernel groups by session, `nice` counts within one only,
and /proc/PID/autogroup has the weight of a session.

Needs BARGE, the program, and build/venv with Tahoe-LAFS for two of the places.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "sides"), str(HERE.parent / "tests")]
import rounds
from grid import EmbeddedGateway, RealGrid, SpreadGrid

FIXED, FOUND, TARGET = (1, 2, 4, 8, 16, 32, 64), "default", 0.9
SIZE, IN_FOLDER, FOLDERS_MAX = 4096, 50, 800
FINALISTS = 2  # fixed numbers
DELAY_MS = 50
TRIAL = 0.3        # of --seconds, for the short run
MORE_SECONDS = 45  # that may be spent on storing what is read
PLACES = ("tahoe", "embedded", "far", "servers")


def open_place(name, barge, folder):
    if name == "tahoe":
        return RealGrid(folder / "grid")
    if name == "servers":
        return SpreadGrid(folder / "grid", 10, (3, 7, 10))
    faults = [f"{kind}:delay={DELAY_MS}" for kind in ("put", "get")] if name == "far" else ()
    return EmbeddedGateway(barge, folder / "node", faults)


class Pool:
    """Folders of files whose content is another each time that they are asked for."""
    def __init__(self, folder):
        self.folder, self.made = folder, 0

    def renew(self, folders):
        for at in range(folders):
            folder = self.folder / str(at)
            if at >= self.made:
                folder.mkdir(parents=True)
            for number in range(IN_FOLDER):
                with open(folder / f"f{number}", "r+b" if at < self.made else "wb") as file:
                    file.write(os.urandom(32 if at < self.made else SIZE))
        self.made = max(self.made, folders)
        return [self.folder / str(at) for at in range(folders)]


class Bench:
    """One place; a run takes a number of requests in flight and of folders."""
    def __init__(self, barge, grid, folder):
        self.barge, self.folder = barge, folder
        self.node, self.alias = grid.directory, grid.fresh()[0]
        self.pool, self.number, self.sources = Pool(folder / "pool"), 0, []
        self.stored, self.most = "", 0  # a target, and how many folders are in it

    def cp(self, in_flight, *words):
        command = [self.barge, "cp", "-q", "-r", "--json", "-d", self.node, "--state-dir",
                   self.folder / "state", *words]
        command += [] if in_flight == FOUND else [f"-j{in_flight}"]
        run = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        summary = json.loads(run.stdout.splitlines()[-1])
        return round(summary["files"]["done"] / summary["seconds"], 1)

    def ready_up(self, folders):
        self.sources = self.pool.renew(folders)

    def up(self, in_flight, folders):
        self.number += 1
        target = f"{self.alias}new{self.number}"
        speed = self.cp(in_flight, "--immutable", *self.sources, target)
        if folders > self.most:
            self.stored, self.most = target, folders
        return speed

    def ready_down(self, _):
        shutil.rmtree(self.folder / "back", ignore_errors=True)
        (self.folder / "back").mkdir()

    def down(self, in_flight, folders):
        return self.cp(in_flight, *[f"{self.stored}/{at}" for at in range(folders)],
                       self.folder / "back")

    def store(self, folders):
        """Has so many folders stored, for those who read."""
        if folders > self.most:
            self.ready_up(folders)
            self.up(FOUND, folders)


def folders_for(speed, seconds, most=FOLDERS_MAX):
    return max(1, min(most, round(speed * seconds / IN_FOLDER)))


def try_out(run, ready, seconds, most):
    """{number: speed} of a short run of each; what the one before did says how much is done."""
    speeds, likely = {}, 100
    for number in (*FIXED, FOUND):
        folders = folders_for(likely, seconds * TRIAL, most)
        ready(folders)
        likely = speeds[number] = run(number, folders)
    return speeds


def work_of(tried, seconds, most):
    """{number: folders}: as many for all that are about as fast as the best."""
    best = max(tried[number] for number in FIXED)
    return {number: folders_for(best if 2 * speed >= best or number == FOUND else speed, seconds,
                                most)
            for number, speed in tried.items()}


def best_of(speeds, count):
    """The best of the fixed numbers, best first."""
    return sorted((number for number in FIXED if number in speeds), key=speeds.get,
                  reverse=True)[:count]


def judge(seen, results):
    """What one run of each, and the runs of the finalists, come to."""
    median = {number: statistics.median(runs) for number, runs in results.items()}
    noise = statistics.median((max(runs) - min(runs)) / median[number]
                              for number, runs in results.items())
    best = best_of(median, 1)[0]
    ratio = median[FOUND] / median[best]
    result = "met" if ratio >= TARGET else "within the noise" \
        if max(results[FOUND]) >= median[best] else "missed"
    return {"files_per_second": {**seen, **median}, "runs": results, "noise": round(noise, 3),
            "best": best, "default": median[FOUND], "ratio": round(ratio, 3), "target": TARGET,
            "result": result}


def direction(bench, name, args, up_speed):
    run, ready = (bench.up, bench.ready_up) if name == "up" else (bench.down, bench.ready_down)
    most = FOLDERS_MAX if name == "up" else bench.most
    tried = try_out(run, ready, args.seconds, most)
    work = work_of(tried, args.seconds, FOLDERS_MAX)
    if name == "down":
        bench.store(min(max(work.values()), folders_for(up_speed, MORE_SECONDS)))
        work = {number: min(folders, bench.most) for number, folders in work.items()}
    sides = {number: lambda number=number: run(number, work[number]) for number in work}

    def play(numbers, count):
        return rounds.play({number: sides[number] for number in numbers}, count,
                           lambda number: ready(work[number]))

    seen = {number: runs[0] for number, runs in play(sides, 1).items()}
    results = play([*best_of(seen, FINALISTS), FOUND], args.rounds)
    return {"direction": name,
            "files": {number: folders * IN_FOLDER for number, folders in work.items()},
            **judge(seen, results)}


def measure(barge, folder, name, args):
    grid = open_place(name, barge, folder)
    try:
        bench = Bench(barge, grid, folder)
        up = direction(bench, "up", args, 0)
        down = direction(bench, "down", args, up["default"])
    finally:
        grid.stop()
    return [{"place": name, **part} for part in (up, down)]


def table(parts):
    numbers = (*FIXED, FOUND)
    print(f"{'':<14}", *(f"{number:>8}" for number in numbers), " ratio noise", file=sys.stderr)
    for part in parts:
        print(f"{part['place'] + ' ' + part['direction']:<14}",
              *(f"{part['files_per_second'][number]:8.1f}" for number in numbers),
              f"{part['ratio']:6.2f} {part['noise']:5.2f} ", part["result"], file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3, help="of a run, about")
    parser.add_argument("--place", action="append", choices=PLACES, help="may be repeated")
    args = parser.parse_args()
    barge = os.path.abspath(os.environ.get("BARGE", "build/release/barge"))
    before, parts = rounds.machine(), []
    for name in args.place or PLACES:
        with tempfile.TemporaryDirectory(prefix="barge-adaptive-") as folder:
            parts += measure(barge, Path(folder), name, args)
    table(parts)
    print(json.dumps({
        "figure": "adaptive", "file_size": SIZE, "seconds": args.seconds, "parts": parts,
        "machine": before, "load_average_after": rounds.machine()["load_average"],
        "versions": {"barge": rounds.version([barge, "--version"])}}, indent=1))


if __name__ == "__main__":
    main()
