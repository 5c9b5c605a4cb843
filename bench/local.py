#!/usr/bin/env python3
"""Small files from one local directory to another, durably: barge and rsync; JSON on stdout.

Both sync what they wrote before they say so: barge always, rsync with --fsync.  Each run has a
directory of its own, and nothing is removed in between: ext4 looks long for the numbers of files
that were removed lately.  `--place` says on which file system; what is in memory (tmpfs) says
nothing about syncing.
"""
import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "sides")]
import rounds
from workload import Workload

SIZE = 4096
TARGETS = [("barge", "rsync", 2.0)]


class Bench:
    def __init__(self, barge, folder, workload):
        self.barge, self.folder, self.workload, self.number = barge, folder, workload, 0

    def target(self):
        self.number += 1
        return self.folder / f"copy{self.number}"

    def copy(self):
        target = self.target()
        result = rounds.measure([self.barge, "cp", "-q", "-rT", "--state-dir",
                                 self.folder / f"state{self.number}", self.workload.top, target], [])
        assert sum(len(files) for _, _, files in os.walk(target)) == len(self.workload.small)
        return result

    def rsync(self):
        return rounds.measure(["rsync", "-a", "--fsync", f"{self.workload.top}/", self.target()],
                              [])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--place", help="a directory on the file system to be measured")
    args = parser.parse_args()
    barge = os.path.abspath(os.environ.get("BARGE", "build/release/barge"))
    with tempfile.TemporaryDirectory(prefix="barge-local-", dir=args.place) as name:
        workload = Workload(Path(name) / "source", (10, 20), small=(args.files, SIZE))
        workload.renew()
        before = rounds.machine()
        bench = Bench(barge, Path(name), workload)
        results = rounds.play({"barge": bench.copy, "rsync": bench.rsync}, args.rounds,
                              lambda _side: None)
    sides = rounds.figures(results)
    for figures in sides.values():
        figures["cpu_us_per_file"] = round(1e6 * figures["cpu"] / args.files, 1)
    print(json.dumps({
        "figure": "local", "workload": workload.describe(), "sides": sides,
        "ratios": rounds.ratios(results, TARGETS), "machine": before,
        "load_average_after": rounds.machine()["load_average"],
        "versions": {"barge": rounds.version([barge, "--version"]),
                     "rsync": rounds.version(["rsync", "--version"])}}, indent=1))


if __name__ == "__main__":
    main()
