#!/usr/bin/env python3
"""Small files to the embedded gateway: barge with all it does, curl, a bare libcurl loop; JSON on
stdout.

No figure of Tahoe-LAFS: the gateway of `barge gateway` costs next to nothing, so that what barge
itself costs can be seen: plan, reading, hashes, proof of each cap, outcomes, immutable directories.
New random content for each run.  Needs BARGE, the program, and bench_bare_loop beside it.
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
from grid import EmbeddedGateway
from workload import Workload

SIZE, PARALLEL = 4096, 4
TARGETS = [("barge --immutable", "curl", 1.3), ("barge --immutable", "bare loop", 0.6)]


class Bench:
    def __init__(self, barge, folder, workload):
        self.barge, self.folder, self.workload = barge, folder, workload
        self.loop = Path(barge).parent / "bench_bare_loop"
        self.gateway = EmbeddedGateway(barge, folder / "node")
        self.number = 0

    def run(self, command):
        """Measures a command; it must have sent each file once."""
        before = self.gateway.requests("put")
        result = rounds.measure(command, [self.gateway.process.pid])
        assert self.gateway.requests("put") - before == len(self.workload.small)
        return result

    def upload(self):
        self.number += 1
        return self.run([self.barge, "cp", "-q", "-r", "--immutable", "-d",
                         self.gateway.directory, "--state-dir", self.folder / "state",
                         self.workload.top, f"tahoe:run{self.number}"])

    def curl(self):
        return self.run(self.workload.curl(self.gateway.url, PARALLEL))

    def bare(self):
        return self.run([self.loop, self.gateway.url, str(len(self.workload.small)), str(SIZE),
                         str(PARALLEL)])

    def sides(self):
        return {"barge --immutable": self.upload, "curl": self.curl, "bare loop": self.bare}


def report(bench, results, before):
    files = len(bench.workload.small)
    sides = rounds.figures(results)
    for figures in sides.values():
        figures["files_per_second"] = round(files / figures["seconds"])
        figures["cpu_us_per_file"] = round(1e6 * figures["cpu"] / files, 1)
    return {
        "figure": "embedded", "workload": bench.workload.describe(), "parallel": PARALLEL,
        "sides": sides, "ratios": [rounds.ratio(results, *target) for target in TARGETS],
        "machine": before, "load_average_after": rounds.machine()["load_average"],
        "versions": {"barge": rounds.version([bench.barge, "--version"]),
                     "curl": rounds.version(["curl", "--version"])},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", type=int, default=10_000)
    args = parser.parse_args()
    barge = os.path.abspath(os.environ.get("BARGE", "build/release/barge"))
    with tempfile.TemporaryDirectory(prefix="barge-embedded-") as name:
        folder = Path(name)
        workload = Workload(folder / "source", (10, 10), small=(args.files, SIZE))
        before = rounds.machine()
        bench = Bench(barge, folder, workload)
        try:
            results = rounds.play(bench.sides(), args.rounds, workload.renew)
            print(json.dumps(report(bench, results, before), indent=1))
        finally:
            bench.gateway.stop()


if __name__ == "__main__":
    main()
