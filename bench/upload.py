#!/usr/bin/env python3
"""A tree to a real one-node Tahoe-LAFS grid on loopback: barge, `tahoe cp`, curl; JSON on stdout.

400 files of 4 KiB in 46 directories and 2 files of 32 MiB, new random content for each run.  With
two gateways, one beside the node takes a part of the requests.  curl sends the files alone and
makes no directory.  Each run of barge and of tahoe goes below a new directory and is counted there
afterwards, outside the time.  Needs BARGE, the program, and build/venv with Tahoe-LAFS.
"""
import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "sides"), str(HERE.parent / "tests")]
import rounds
from grid import uri
from real import Real
from workload import Workload

PARALLEL = 4  # what DESIGN compares with; a gateway is one thread
TARGETS = [("barge --immutable", "tahoe cp", 2.5), ("barge --immutable", "curl", 0.9),
           ("barge", "tahoe cp", 2.0), ("barge --immutable, two gateways", "tahoe cp", None),
           ("barge --immutable, two gateways", "curl", None)]


class Bench:
    def __init__(self, real, workload):
        self.real, self.grid, self.workload = real, real.grid, workload
        self.alias, self.cap = None, None

    def prepare(self, side):
        self.workload.renew()
        if side != "curl":
            self.alias, self.cap = self.grid.fresh()

    def count(self):
        """Asserts that the whole tree is below the new directory."""
        lines = self.grid.web("POST", uri(self.cap, t="stream-manifest")).decode().splitlines()
        kinds = [json.loads(line)["type"] for line in lines if '"type": "stats"' not in line]
        files, made = kinds.count("file"), kinds.count("directory") - 1
        wanted = len(self.workload.small) + len(self.workload.large), self.workload.directories
        assert (files, made) == wanted, (files, made, wanted)

    def copy(self, command):
        result = self.real.measure([*command, self.workload.top, self.alias])
        self.count()
        return result

    def upload(self, *options):
        return self.copy(self.real.barge_cp("-q", *options, *self.real.node))

    def two_gateways(self):
        return self.copy(self.real.barge_cp("-q", "--immutable", *self.real.two_gateways()))

    def tahoe(self):
        return self.copy(self.real.tahoe_cp())

    def curl(self):
        return self.real.measure(self.workload.curl(self.grid.url, PARALLEL))

    def sides(self):
        return {"barge": self.upload, "barge --immutable": lambda: self.upload("--immutable"),
                "barge --immutable, two gateways": self.two_gateways, "tahoe cp": self.tahoe,
                "curl": self.curl}


def report(bench, results, before):
    return {
        "figure": "upload", "workload": bench.workload.describe(), "parallel": PARALLEL,
        "sides": rounds.figures(results),
        "ratios": rounds.ratios(results, TARGETS),
        "machine": before, "load_average_after": rounds.machine()["load_average"],
        "versions": bench.real.versions(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--large", type=int, default=2, help="files of 32 MiB")
    parser.add_argument("--side", action="append", help="only this one; may be repeated")
    args = parser.parse_args()
    barge = os.path.abspath(os.environ.get("BARGE", "build/release/barge"))
    with tempfile.TemporaryDirectory(prefix="barge-upload-") as name:
        folder = Path(name)
        workload = Workload(folder / "source", (5, 8), large=(args.large, 32 << 20))
        before = rounds.machine()
        real = Real(barge, folder)
        try:
            bench = Bench(real, workload)
            sides = {name: run for name, run in bench.sides().items()
                     if not args.side or name in args.side}
            results = rounds.play(sides, args.rounds, bench.prepare)
            print(json.dumps(report(bench, results, before), indent=1))
        finally:
            real.stop()


if __name__ == "__main__":
    main()
