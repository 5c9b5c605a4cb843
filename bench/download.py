#!/usr/bin/env python3
"""A tree from a real one-node Tahoe-LAFS grid on loopback: barge, `tahoe cp`, curl; JSON on stdout.

Parts, each with a tree of its own that `barge cp -r` stores first, which is not timed:

    both          400 files of 4 KiB in 46 directories and 2 files of 32 MiB
    small         the files of 4 KiB in their directories
    large         the files of 32 MiB
    grid-to-grid  the tree of `both`, copied within the grid

`barge` reads files from the storage server; `barge-no-direct` through the gateway, whose secret it
knows, and proves each file by its key; `barge-two-gateways` does so too, and shares its requests
between the node and a gateway beside it; `barge-twice` does not know the secret and reads each file
twice.  curl fetches the files alone by their caps and makes no
directory.  What came is compared with the source after every run, outside the time.  Needs BARGE,
the program, and build/venv with Tahoe-LAFS.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "sides"), str(HERE.parent / "tests")]
import rounds
from grid import file_caps
from real import Real
from tree import local_tree, same, summary
from workload import Workload

PARALLEL = 4  # what DESIGN compares with; a gateway is one thread
SMALL = {"both": 400, "small": 400, "large": 0, "grid-to-grid": 400}
PARTS = list(SMALL)
COPY = "grid-to-grid"
PAIRS = [("barge", "tahoe cp"), ("barge", "curl"), ("barge-no-direct", "tahoe cp"),
         ("barge-no-direct", "curl"), ("barge-two-gateways", "tahoe cp"),
         ("barge-two-gateways", "curl"), ("barge-twice", "tahoe cp"), ("barge-twice", "curl")]
TARGETS = {("small", "barge", "tahoe cp"): 2.0, ("large", "barge", "curl"): 1.0,
           (COPY, "barge", "tahoe cp"): 20.0}
REFUSED = 2  # barge's status of a usage error


class Stored:
    """A tree in the grid as `alias`tree, and as it was before."""
    def __init__(self, real, workload, options):
        self.real, self.workload, self.runs = real, workload, 0
        workload.renew()
        self.before = local_tree(workload.top)
        self.alias, cap = real.grid.fresh()
        real.measure(real.barge_cp("-q", *options, *real.node, workload.top, self.alias))
        self.caps = file_caps(real.grid.url, cap)
        self.cap_file = workload.folder / "cap"
        self.cap_file.touch(0o600)
        self.cap_file.write_text(cap)

    def fresh(self):
        """A name that no earlier run had."""
        self.runs += 1
        return f"run{self.runs}"

    def find(self, *names):
        """The cap below the alias."""
        kind, node = self.real.grid.child(self.cap_file.read_text(), "/".join(names))
        assert kind == "dirnode", kind
        return node.get("rw_uri") or node["ro_uri"]


class Download(Stored):
    """Fetches it."""
    def sides(self):
        return {"barge": self.barge, "barge-no-direct": self.barge_no_direct,
                "barge-two-gateways": self.barge_two_gateways, "barge-twice": self.barge_twice,
                "tahoe cp": self.tahoe, "curl": self.curl}

    def into(self, target, command, **options):
        """Runs a command that makes target/tree; compares."""
        result = self.real.measure(command, **options)
        same(local_tree(target / "tree"), self.before)
        shutil.rmtree(target)
        return result

    def proven(self, direct, reread, *words):
        """Runs barge, which must have read so many files from the server, and so many twice."""
        name = self.fresh()
        target, said = self.workload.folder / name, self.workload.folder / "said"
        command = self.real.barge_cp("-q", "--json", *words, target, state=name)
        with open(said, "wb") as file:
            result = self.into(target, command, out=file)
        last = json.loads(said.read_text().splitlines()[-1])
        assert (last["event"], last["direct"], last["reread"]) == ("summary", direct, reread), last
        return result

    def barge(self):
        return self.proven(len(self.caps), 0, *self.real.node, self.alias + "tree")

    def barge_no_direct(self):
        return self.proven(0, 0, "--no-direct", *self.real.node, self.alias + "tree")

    def barge_two_gateways(self):
        return self.proven(0, 0, "--no-direct", *self.real.two_gateways(), self.alias + "tree")

    def barge_twice(self):
        return self.proven(0, len(self.caps), "-u", self.real.grid.url, "--cap-file", self.cap_file,
                           "cap:tree")

    def tahoe(self):
        target = self.workload.folder / self.fresh()
        return self.into(target, self.real.tahoe_cp(self.alias + "tree", target))

    def curl(self):
        target = self.workload.folder / self.fresh()
        target.mkdir()
        command, places = self.workload.curl_back(self.real.grid.url, self.caps, target, PARALLEL)
        result = self.real.measure(command)
        got = {path.removeprefix("tree/"): summary(place.read_bytes())
               for path, place in places.items()}
        same(got, {path: value for path, value in self.before.items() if value})
        shutil.rmtree(target)
        return result


class Copy(Stored):
    """Copies it within the grid."""
    def sides(self):
        return {"barge": self.barge, "tahoe cp": self.tahoe}

    def barge_words(self, name):
        return self.real.barge_cp("-q", *self.real.node, self.alias + "tree", self.alias + name,
                                  state=name)

    def refusal(self):
        """What barge says when it does not copy within a grid, else None."""
        done = subprocess.run(self.barge_words(self.fresh()), env=self.real.environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, check=False)
        return done.stderr.strip() if done.returncode == REFUSED else None

    def below(self, name, command):
        """Runs a command that makes NAME/tree; compares caps: equal files have equal ones."""
        result = self.real.measure(command)
        same(file_caps(self.real.grid.url, self.find(name)), self.caps)
        return result

    def barge(self):
        name = self.fresh()
        return self.below(name, self.barge_words(name))

    def tahoe(self):
        name = self.fresh()
        return self.below(name, self.real.tahoe_cp(self.alias + "tree", self.alias + name))


def play(part, real, args):
    """The figures of one part."""
    small = SMALL[part]
    workload = Workload(real.folder / part, (5, 8) if small else (0, 0), small=(small, 4096),
                        large=(0 if part == "small" else args.large, 32 << 20))
    kind = Copy if part == COPY else Download
    stored = kind(real, workload, [] if args.mutable else ["--immutable"])
    refusal = stored.refusal() if part == COPY else None
    if refusal:
        return {"skipped": f"barge refuses to copy from grid to grid: {refusal}"}
    sides = {name: run for name, run in stored.sides().items()
             if not args.side or name in args.side}
    print(f"part {part}", file=sys.stderr, flush=True)
    results = rounds.play(sides, args.rounds, lambda _name: None)
    shutil.rmtree(workload.folder)
    targets = [(*pair, TARGETS.get((part, *pair))) for pair in PAIRS]
    return {"workload": workload.describe(), "sides": rounds.figures(results),
            "ratios": rounds.ratios(results, targets)}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--large", type=int, default=2, help="files of 32 MiB")
    parser.add_argument("--mutable", action="store_true", help="store mutable directories")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this one; repeatable")
    parser.add_argument("--side", action="append", help="only this one; repeatable")
    args = parser.parse_args()
    barge = os.path.abspath(os.environ.get("BARGE", "build/release/barge"))
    with tempfile.TemporaryDirectory(prefix="barge-download-") as name:
        before = rounds.machine()
        real = Real(barge, Path(name))
        try:
            figures = {part: play(part, real, args) for part in args.part or PARTS}
            print(json.dumps({
                "figure": "download", "parallel": PARALLEL, "parts": figures,
                "directories": "mutable" if args.mutable else "immutable",
                "machine": before, "load_average_after": rounds.machine()["load_average"],
                "versions": real.versions()}, indent=1))
        finally:
            real.stop()


if __name__ == "__main__":
    main()
