#!/usr/bin/env python3
"""Draws docs/bench.svg: what `barge bench` says of a real grid of ten storage servers on this machine,
shares 3-of-10, that are asked directly.

Needs BARGE, the program, build/venv with Tahoe-LAFS, and gnuplot; takes some minutes and about 1 GB.
"""
import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))
from grid import SpreadGrid

RUN = "ten"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", default=HERE / "bench.svg", type=Path)
    parser.add_argument("--sizes", default="4K,1M")
    parser.add_argument("--duration", default="5")
    args = parser.parse_args()
    barge = os.path.abspath(os.environ.get("BARGE", "build/release/barge"))
    with tempfile.TemporaryDirectory(prefix="barge-bench-") as name:
        folder = Path(name)
        grid = SpreadGrid(folder / "grid", 10, (3, 7, 10))
        try:
            alias = grid.fresh()[0]
            with open(folder / RUN, "wb") as out:
                for kind in "put", "get":
                    subprocess.run(
                        [barge, "bench", kind, alias, "--json", f"--sizes={args.sizes}",
                         f"--duration={args.duration}", "-d", grid.directory],
                        stdout=out, check=True)
        finally:
            grid.stop()
        args.output.unlink(missing_ok=True)
        subprocess.run([barge, "bench", "plot", RUN, "-o", args.output.resolve()], cwd=folder,
                       check=True)


if __name__ == "__main__":
    main()
