#!/usr/bin/env python3
"""Trees to and from a real grid of ten storage servers, shares 3-of-10: barge that asks the servers,
barge that asks the gateway alone, `tahoe cp`; JSON on stdout.

Parts: 100 files of 4 KiB in 11 directories, up and down again; one file of 64 MiB, up and down
again.  The servers, the gateway and the client share the machine, so the CPU of each is measured:
`gateway_cpu`, and `servers_cpu` of all ten.  New random content for each run.  Needs BARGE, the
program, and build/venv with Tahoe-LAFS; ten nodes take a minute to start and about 1 GB.
"""
import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "sides"), str(HERE.parent / "tests")]
import rounds
from grid import SpreadGrid
from real import Real
from tree import local_tree
from workload import Workload

SERVERS, SHARES = 10, (3, 7, 10)
PARTS = {"small": ((1, 9), (100, 4096), (0, 0)), "large": ((0, 0), (0, 0), (1, 64 << 20))}
TARGETS = {("small", "up"): 3.5, ("small", "down"): 6, ("large", "up"): 1.5, ("large", "down"): 3}


class Spread(Real):
    """Real with ten servers."""
    def make_grid(self, folder):
        return SpreadGrid(folder / "grid", SERVERS, SHARES)

    def measure(self, command, **options):
        servers = [process.pid for process in self.grid.servers]
        before = sum(map(rounds.cpu_of, servers))
        result = super().measure(command, **options)
        return {**result, "servers_cpu": round(sum(map(rounds.cpu_of, servers)) - before, 2)}


class Bench:
    """One part in one direction."""
    def __init__(self, real, workload, direction):
        self.real, self.workload, self.direction = real, workload, direction
        self.target = self.out = self.stored = None
        self.count = 0

    def sides(self):
        commands = {"barge": self.real.barge_cp("-q", *self.real.node),
                    "barge --immutable": self.real.barge_cp("-q", "--immutable", *self.real.node),
                    "barge --no-direct": self.real.barge_cp("-q", "--no-direct", *self.real.node),
                    "tahoe cp": self.real.tahoe_cp()}
        if self.direction == "down":
            del commands["barge --immutable"]
        return {name: lambda command=command: self.run(command)
                for name, command in commands.items()}

    def prepare(self, _side):
        self.count += 1
        if self.direction == "up" or not self.stored:
            self.workload.renew()
            self.target = self.real.grid.fresh()[0]
        if self.direction == "up":
            return
        if not self.stored:
            self.real.measure([*self.real.barge_cp("-q", "--no-direct", *self.real.node),
                               self.workload.top, self.target])
            self.stored = self.target + self.workload.top.name
        self.out = self.workload.folder / f"back{self.count}"

    def run(self, command):
        if self.direction == "up":
            result = self.real.measure([*command, self.workload.top, self.target])
            self.out = self.workload.folder / f"back{self.count}"
            self.real.measure([*self.real.barge_cp("-q", *self.real.node),
                               self.target + self.workload.top.name, self.out])
        else:
            result = self.real.measure([*command, self.stored, self.out])
        assert self.tree_of(self.out) == local_tree(self.workload.top), command
        shutil.rmtree(self.out)
        return result

    def tree_of(self, folder):
        inside = folder / self.workload.top.name
        return local_tree(inside if inside.exists() else folder)


def figures(results):
    shown = rounds.figures(results)
    for name, of in results.items():
        shown[name]["servers_cpu"] = rounds.median(of, "servers_cpu")
    return shown


def client_cpu(results, side):
    """What the machine that copies pays: the program and its gateway."""
    return rounds.median(results[side], "cpu") + rounds.median(results[side], "gateway_cpu")


def measure(real, folder, part, direction, count):
    workload = Workload(folder / f"{part}-{direction}", *PARTS[part])
    bench = Bench(real, workload, direction)
    results = rounds.play(bench.sides(), count, bench.prepare)
    wanted = [(side, "tahoe cp", TARGETS[part, direction] if side == "barge" else None)
              for side in results if side != "tahoe cp"]
    return {"part": part, "direction": direction, "workload": workload.describe(),
            "sides": figures(results), "ratios": rounds.ratios(results, wanted),
            "client_cpu_against_tahoe": {
                side: round(client_cpu(results, side) / client_cpu(results, "tahoe cp"), 3)
                for side in results}}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--part", action="append", choices=PARTS, help="may be repeated")
    args = parser.parse_args()
    barge = os.path.abspath(os.environ.get("BARGE", "build/release/barge"))
    with tempfile.TemporaryDirectory(prefix="barge-spread-") as name:
        folder, before = Path(name), rounds.machine()
        real = Spread(barge, folder)
        try:
            parts = [measure(real, folder, part, direction, args.rounds)
                     for part in args.part or PARTS for direction in ("up", "down")]
            print(json.dumps({
                "figure": "spread", "servers": SERVERS, "shares": SHARES, "parts": parts,
                "machine": before, "load_average_after": rounds.machine()["load_average"],
                "versions": real.versions()}, indent=1))
        finally:
            real.stop()


if __name__ == "__main__":
    main()
