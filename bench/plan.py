#!/usr/bin/env python3
"""Planning a large tree against `find -printf` with sizes, in one run, alternating; JSON on stdout.

`barge plan` writes and syncs a whole manifest; find writes its lines to a file.  The tree has 100
empty files a directory in two levels of directories.  A first round of each warms the caches and
does not count.  Needs BARGE, the program, and free inodes.
"""
import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PER_DIRECTORY = 100
TARGET_RATIO = 1.5
TARGET_RSS = 64 << 20
START_SECONDS = 20


def make_tree(root, entries):
    """Makes files until `entries`, directories not counted."""
    for first in range(0, entries, PER_DIRECTORY):
        number = first // PER_DIRECTORY
        folder = root / f"d{number // 100:04d}" / f"e{number % 100:02d}"
        folder.mkdir(parents=True)
        handle = os.open(folder, os.O_RDONLY)
        for i in range(min(PER_DIRECTORY, entries - first)):
            os.mknod(f"file-{i * 7919 % 1000:04d}.txt", 0o100644, dir_fd=handle)
        os.close(handle)


def start_gateway(barge, node):
    """The plan's target: planning only looks whether it is there."""
    process = subprocess.Popen([barge, "gateway", node], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + START_SECONDS
    while not ((node / "node.url").exists() and (node / "private/aliases").exists()):
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            sys.exit("the gateway did not start")
        time.sleep(0.05)
    return process


def measure(command, **streams):
    """Seconds and peak memory of one command.  The peak of the Python that forks it is a floor."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **streams)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - begun
    if process.returncode != 0:
        sys.exit(f"{command[0]} ended with {process.returncode}")
    return seconds, usage.ru_maxrss * 1024


class Bench:
    def __init__(self, barge, folder):
        self.barge, self.folder = barge, folder
        self.tree, self.node = folder / "tree", folder / "node"
        self.peak = 0

    def plan(self):
        output = self.folder / "manifest"
        output.unlink(missing_ok=True)
        command = [self.barge, "plan", "-q", "-r", "-d", self.node, "--state-dir",
                   self.folder / "state", "-o", output, self.tree, "tahoe:bench"]
        seconds, peak = measure(command, stdout=subprocess.DEVNULL)
        self.peak = max(self.peak, peak)
        return seconds

    def find(self):
        with open(self.folder / "found", "wb") as out:
            return measure(["find", self.tree, "-printf", "%s %p\\n"], stdout=out)[0]


def version(command):
    return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()[0]


def report(bench, entries, times):
    medians = {name: statistics.median(values) for name, values in times.items()}
    ratio = medians["barge plan"] / medians["find"]
    return {
        "figure": "planning", "entries": entries, "seconds": times, "medians": medians,
        "spread": {name: max(values) - min(values) for name, values in times.items()},
        "ratio": round(ratio, 3), "target_ratio": TARGET_RATIO,
        "peak_rss": bench.peak, "target_rss": TARGET_RSS,
        "manifest_bytes": (bench.folder / "manifest").stat().st_size,
        "met": ratio <= TARGET_RATIO and bench.peak <= TARGET_RSS,
        "machine": {"cpus": os.cpu_count(), "kernel": platform.release(),
                    "arch": platform.machine()},
        "versions": {"barge": version([bench.barge, "--version"]),
                     "find": version(["find", "--version"])},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    barge = os.environ.get("BARGE", "build/release/barge")
    folder = Path(tempfile.mkdtemp(prefix="barge-plan-"))
    gateway = None
    try:
        bench = Bench(os.path.abspath(barge), folder)
        make_tree(bench.tree, args.entries)
        gateway = start_gateway(bench.barge, bench.node)
        sides = {"barge plan": bench.plan, "find": bench.find}
        for run in sides.values():
            run()
        times = {name: [] for name in sides}
        for _ in range(args.rounds):
            for name, run in sides.items():
                times[name].append(round(run(), 4))
        print(json.dumps(report(bench, args.entries, times), indent=1))
    finally:
        if gateway:
            gateway.terminate()
            gateway.wait()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
