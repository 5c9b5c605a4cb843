#!/usr/bin/env python3
"""How many requests at a time: `barge cp` with -j 1, 2, 4 ... 64, and as it finds out by itself; JSON
on stdout.

Places: a Tahoe-LAFS gateway with one storage server ("tahoe"), the embedded gateway ("embedded"),
the same with an answer that takes 50 ms ("far"), and ten storage servers asked directly
("servers").  Files of 4 KiB go up, and down again, and speeds are files a second of each run's
summary.  A slow number gets fewer files, so that each run takes about --seconds; content is new
each time.  The target is 0.9 of the best fixed number.  Needs BARGE, the program, and build/venv
with Tahoe-LAFS for two of the places.
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

FIXED, TARGET = (1, 2, 4, 8, 16, 32, 64), 0.9
SIZE, IN_FOLDER, FOLDERS_MAX = 4096, 50, 400
DELAY_MS = 50


def open_place(name, barge, folder):
    if name == "tahoe":
        return RealGrid(folder / "grid")
    if name == "servers":
        return SpreadGrid(folder / "grid", 10, (3, 7, 10))
    faults = [f"{kind}:delay={DELAY_MS}" for kind in ("put", "get")] if name == "far" else ()
    return EmbeddedGateway(barge, folder / "node", faults)


class Bench:
    """One place: a pool of folders, of which a run takes as many as it has time for."""
    def __init__(self, barge, grid, folder, seconds):
        self.barge, self.grid, self.folder, self.seconds = barge, grid, folder, seconds
        self.number, self.stored = 0, None

    def renew(self, folders):
        pool = self.folder / "pool"
        shutil.rmtree(pool, ignore_errors=True)
        for name in map(str, range(folders)):
            (pool / name).mkdir(parents=True)
            data = os.urandom(SIZE * IN_FOLDER)
            for at in range(IN_FOLDER):
                (pool / name / f"f{at}").write_bytes(data[at * SIZE:(at + 1) * SIZE])
        return [pool / name for name in map(str, range(folders))]

    def cp(self, in_flight, sources, target):
        self.number += 1
        words = [self.barge, "cp", "-q", "-r", "--json", "-d", self.grid.directory,
                 "--state-dir", self.folder / "state"]
        words += [f"-j{in_flight}"] if in_flight else []
        run = subprocess.run([*words, *sources, target], stdout=subprocess.PIPE, check=True)
        summary = json.loads(run.stdout.splitlines()[-1])
        return summary["files"]["done"] / summary["seconds"]

    def up(self, in_flight, folders):
        sources = self.renew(folders)
        target = f"{self.grid.fresh()[0]}new{self.number}"
        speed = self.cp(in_flight, ["--immutable", *sources], target)
        self.stored = (target, folders) if not self.stored or folders > self.stored[1] \
            else self.stored
        return speed

    def down(self, in_flight, folders):
        target, most = self.stored
        back = self.folder / f"back{self.number}"
        back.mkdir()
        speed = self.cp(in_flight, [f"{target}/{name}" for name in range(min(most, folders))],
                        back)
        shutil.rmtree(back)
        return speed

    def folders_for(self, speed):
        return max(1, min(FOLDERS_MAX, round(speed * self.seconds / IN_FOLDER)))

    def measure(self, run, count):
        """{number: median speed} of the fixed ones and of the default (0)."""
        speeds, guess = {number: [] for number in (*FIXED, 0)}, {}
        for _ in range(count):
            for number in speeds:
                likely = guess.get(number) or max(guess.values(), default=20)
                speed = run(number, self.folders_for(likely))
                guess[number] = speed
                speeds[number].append(round(speed, 1))
                print(f"{run.__name__} {number or 'default'}: {speed:.1f}", file=sys.stderr,
                      flush=True)
        return {number: statistics.median(of) for number, of in speeds.items()}


def measure(barge, folder, name, args):
    grid = open_place(name, barge, folder)
    parts = []
    try:
        bench = Bench(barge, grid, folder, args.seconds)
        for run in bench.up, bench.down:
            speeds = bench.measure(run, args.rounds)
            found = speeds.pop(0)
            best = max(speeds, key=speeds.get)
            parts.append({
                "place": name, "direction": run.__name__, "files_per_second": speeds,
                "best": best, "default": found, "ratio": round(found / speeds[best], 3),
                "target": TARGET, "met": found >= TARGET * speeds[best]})
    finally:
        grid.stop()
    return parts


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8, help="of a run, about")
    parser.add_argument("--place", action="append",
                        choices=("tahoe", "embedded", "far", "servers"), help="may be repeated")
    args = parser.parse_args()
    barge = os.path.abspath(os.environ.get("BARGE", "build/release/barge"))
    before, parts = rounds.machine(), []
    for name in args.place or ("tahoe", "embedded", "far", "servers"):
        with tempfile.TemporaryDirectory(prefix="barge-adaptive-") as folder:
            parts += measure(barge, Path(folder), name, args)
    print(json.dumps({
        "figure": "adaptive", "file_size": SIZE, "parts": parts, "machine": before,
        "load_average_after": rounds.machine()["load_average"],
        "versions": {"barge": rounds.version([barge, "--version"])}}, indent=1))


if __name__ == "__main__":
    main()
