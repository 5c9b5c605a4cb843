#!/usr/bin/env python3
"""Backups by barge and by `tahoe backup`: the first one of a tree, and another when nothing has
changed; JSON on stdout.

    real     400 files of 4 KiB in 46 directories, to a real one-node Tahoe-LAFS grid on loopback
    growth   1,000, 10,000, ... files of 1,000 bytes, ten in a directory, to the embedded gateway,
             which says what the programs themselves cost, and nothing of Tahoe-LAFS

New random content for each first run, to a new target, with nothing known beforehand.  After the
second run the target is looked at, outside the time: two snapshots that are the same.  In `growth`
a side is left out from the size on at which it would take longer than the limit.  Needs BARGE, the
program, and build/venv with Tahoe-LAFS.
"""
import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "sides"), str(HERE.parent / "tests")]
import rounds
from grid import TAHOE, EmbeddedGateway
from real import Real
from workload import Workload

IN_DIRECTORY, SMALL = 10, 1000
TICK = 2.1  # seconds after which times are believed, and a snapshot's name is a new one
TARGET = 10  # times as fast as `tahoe backup`, when nothing has changed


class Sides:
    """Both programs on one grid."""
    def __init__(self, barge, folder, grid, pids):
        self.barge, self.folder, self.grid, self.pids = barge, Path(folder), grid, pids
        self.environment = {"HOME": str(folder), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8",
                            "PYTHONWARNINGS": "ignore"}

    def command(self, side, top, to):
        node = ["-d", self.grid.directory]
        if side == "barge":
            return [self.barge, "backup", "-q", "--state-dir", self.folder / "state", *node, top, to]
        return [TAHOE, *node, "backup", top, to]

    def forget(self):
        """From now on neither knows what it has stored."""
        shutil.rmtree(self.folder / "state", ignore_errors=True)
        for path in (self.grid.directory / "private").glob("backupdb.sqlite*"):
            path.unlink()

    def run(self, side, workload):
        """{"first", "null"}, as rounds.measure has them."""
        # The embedded gateway makes no directory below one that is missing, as tahoe asks for.
        alias, cap = self.grid.fresh({"to": self.grid.mkdir({"Archives": self.grid.mkdir()})})
        command, results = self.command(side, workload.top, alias + "to"), {}
        for what in "first", "null":
            time.sleep(TICK)
            results[what] = rounds.measure(command, self.pids, self.environment)
        archives = self.grid.children(cap, "to/Archives")
        caps = {node["ro_uri"] for _, node in archives.values()}
        assert len(archives) == 2 and len(caps) == 1, archives
        return results


def by_run(results):
    """{"first": {side: [...]}, "null": {side: [...]}} of {side: [{"first", "null"}]}."""
    return {what: {side: [run[what] for run in runs] for side, runs in results.items() if runs}
            for what in ("first", "null")}


def compare(results):
    """Figures and ratios of both runs, by seconds and by the CPU of the programs themselves."""
    compared = {}
    for what, runs in by_run(results).items():
        compared[what] = {"sides": rounds.figures(runs)}
        if len(runs) == 2:
            target = TARGET if what == "null" else None
            compared[what]["ratios"] = rounds.ratios(runs, [("barge", "tahoe backup", target)])
            barge, tahoe = (rounds.median(runs[side], "cpu") for side in ("barge", "tahoe backup"))
            compared[what]["cpu_times"] = round(tahoe / max(barge, 0.001), 1)
    return compared


def play(sides, workload, names, count):
    def prepare(_side):
        workload.renew()
        sides.forget()
    return rounds.play({name: lambda name=name: sides.run(name, workload) for name in names},
                       count, prepare)


def measure_real(barge, folder, count):
    workload = Workload(folder / "source", (5, 8))
    real = Real(barge, folder)
    try:
        sides = Sides(barge, folder, real.grid, real.gateways)
        return {"workload": workload.describe(), "versions": real.versions(),
                **compare(play(sides, workload, ("barge", "tahoe backup"), count))}
    finally:
        real.stop()


def tree_of(folder, files):
    """A workload of about one directory for ten files; never more than a hundred side by side."""
    directories = max(1, files // IN_DIRECTORY)
    middles = max(1, round(directories ** 0.5))
    return Workload(folder, (middles, max(1, directories // middles - 1)), (files, SMALL))


def measure_size(barge, folder, files, names, count):
    workload = tree_of(folder / "source", files)
    gateway = EmbeddedGateway(barge, folder / "node")
    try:
        sides = Sides(barge, folder, gateway, [gateway.process.pid])
        return workload.describe(), play(sides, workload, names, count)
    finally:
        gateway.stop()


def measure_growth(barge, folder, most, limit, count):
    names, files, sizes = ["barge", "tahoe backup"], 1000, []
    while files <= most and names:
        place = folder / str(files)
        place.mkdir()
        described, results = measure_size(barge, place, files, names, count)
        shutil.rmtree(place)
        sizes.append({"workload": described, **compare(results)})
        slow = [name for name in names if IN_DIRECTORY * max(
            run["first"]["seconds"] for run in results[name]) > limit]
        names = [name for name in names if name not in slow]
        files *= 10
    return {"limit": limit, "sizes": sizes}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--part", action="append", choices=("real", "growth"))
    parser.add_argument("--files", type=int, default=100_000, help="of the largest tree")
    parser.add_argument("--limit", type=float, default=600, help="seconds that one run may take")
    args = parser.parse_args()
    barge = os.path.abspath(os.environ.get("BARGE", "build/release/barge"))
    figures = {"figure": "backup", "machine": rounds.machine()}
    with tempfile.TemporaryDirectory(prefix="barge-backup-") as name:
        folder = Path(name)
        if "real" in (args.part or ["real"]):
            (folder / "real").mkdir()
            figures["real"] = measure_real(barge, folder / "real", args.rounds)
        if "growth" in (args.part or ["growth"]):
            figures["growth"] = measure_growth(barge, folder, args.files, args.limit, args.rounds)
    figures["load_average_after"] = rounds.machine()["load_average"]
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
