#!/usr/bin/env python3
"""A key of 256 MiB in chunks of 8 MiB, stored, gone on with and retrieved; JSON on stdout.

    store --serial      as git-annex does it: one chunk after another
    store               -j 4, the default
    resume --serial,    of a store that was ended after half of the chunks; `sent` counts the bodies
    resume              that went to the gateway
    retrieve -j1, retrieve

once with a gateway that answers at once, once with one that answers each request 50 ms late.  It is
the embedded gateway, which costs next to nothing: no figure of Tahoe-LAFS.  New random content for
each store.  Needs BARGE, the program.
"""
import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "sides"), str(HERE.parent / "tests")]
import rounds
from grid import EmbeddedGateway, wait_for

MIB = 1 << 20
CHUNK = 8 * MIB
RATIOS = [("store", "store --serial"), ("resume", "resume --serial"),
          ("retrieve", "retrieve -j1"), ("resume", "store")]


class Bench:
    def __init__(self, barge, folder, size, delay):
        self.barge, self.folder, self.size = barge, folder, size
        faults = [f"any:delay={delay}"] if delay else []
        self.gateway = EmbeddedGateway(barge, folder / "node", faults)
        self.file, self.back, self.key = folder / "file", folder / "back", None

    def command(self, action, path, *options):
        return [self.barge, "key", action, self.key, path, "--root=tahoe:", "-d",
                self.gateway.directory, *options]

    def puts(self):
        return self.gateway.requests("put")

    def renew(self, name):
        """New content for a store; for a resume half of it is stored already."""
        if name.startswith("retrieve"):
            self.back.unlink(missing_ok=True)
            return
        digest = hashlib.sha256()
        with open(self.file, "wb") as file:
            for _ in range(self.size // MIB):
                piece = os.urandom(MIB)
                digest.update(piece)
                file.write(piece)
        self.key = f"SHA256-s{self.size}--{digest.hexdigest()}"
        if name.startswith("resume"):
            self.store_half()

    def store_half(self):
        before = self.puts()
        running = subprocess.Popen(self.command("store", self.file, f"--chunk={CHUNK}"),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        wait_for(lambda: self.puts() - before >= self.size // CHUNK // 2, pause=0.002)
        running.send_signal(signal.SIGINT)
        running.wait()

    def store(self, *options):
        before = self.puts()
        result = rounds.measure(self.command("store", self.file, f"--chunk={CHUNK}", *options),
                                [self.gateway.process.pid])
        return {**result, "sent": self.puts() - before}

    def retrieve(self, *options):
        result = rounds.measure(self.command("retrieve", self.back, *options),
                                [self.gateway.process.pid])
        assert self.back.stat().st_size == self.size
        return result

    def sides(self):
        return {"store --serial": lambda: self.store("--serial"), "store": self.store,
                "retrieve -j1": lambda: self.retrieve("-j1"), "retrieve": self.retrieve,
                "resume --serial": lambda: self.store("--serial"), "resume": self.store}


def play(bench, times):
    """Always in one order: what is retrieved was stored just before."""
    results = {name: [] for name in bench.sides()}
    for number in range(times):
        for name, side in bench.sides().items():
            bench.renew(name)
            os.sync()
            results[name].append(side())
            print(f"round {number + 1}: {name}: {results[name][-1]}", file=sys.stderr, flush=True)
    return results


def run(barge, size, delay, times):
    with tempfile.TemporaryDirectory(prefix="barge-keys-") as name:
        bench = Bench(barge, Path(name), size, delay)
        try:
            results = play(bench, times)
        finally:
            bench.gateway.stop()
    sides = rounds.figures(results)
    for figures in sides.values():
        figures["mib_per_second"] = round(size / MIB / figures["seconds"], 1)
        if "sent" in figures["runs"][0]:
            figures["sent"] = rounds.median(figures["runs"], "sent")
    return {"delay_ms": delay, "sides": sides,
            "ratios": rounds.ratios(results, [(*pair, None) for pair in RATIOS])}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=256, help="MiB")
    args = parser.parse_args()
    barge = os.path.abspath(os.environ.get("BARGE", "build/release/barge"))
    before, began = rounds.machine(), time.time()
    parts = [run(barge, args.size * MIB, delay, args.rounds) for delay in (0, 50)]
    print(json.dumps({
        "figure": "keys", "size": args.size * MIB, "chunk": CHUNK, "parts": parts,
        "machine": before, "load_average_after": rounds.machine()["load_average"],
        "seconds": round(time.time() - began), "versions": {
            "barge": rounds.version([barge, "--version"])}}, indent=1))


if __name__ == "__main__":
    main()
