#!/usr/bin/env python3
"""`git annex` with git-annex-remote-barge; JSON on stdout.

    copy         100 files of 2 KB with -J8 to a real one-node Tahoe-LAFS on loopback:
                   annex       the git-annex branch keeps the caps
                   directory   each key is linked below a new root, whose directories are made
    testremote   all 573 tests, of files of --size, against the embedded gateway, in both states; and
                 against git-annex's own remote of type directory, which is a local directory

CPU is that of git-annex and everything that it starts, and of the gateway.

Needs BARGE, the program, git, and build/venv with Tahoe-LAFS and git-annex.
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
from grid import EmbeddedGateway, RealGrid
from tree import content

FILES, SIZE, JOBS = 100, 2000, 8


class Annex:
    """A repository, and programs that git finds."""
    def __init__(self, place, barge, git_annex):
        programs, self.repository = place / "bin", place / "repo"
        programs.mkdir()
        (programs / "git-annex").symlink_to(git_annex)
        (programs / "git-annex-remote-barge").symlink_to(barge)
        self.environment = {
            "PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(place),
            "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org",
            "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org"}
        self.repository.mkdir()
        self.run("init", "-q")
        self.run("annex", "init", "-q")

    def run(self, *words):
        subprocess.run(["git", "-C", self.repository, *map(str, words)], check=True,
                       env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def measure(self, *words, gateways=()):
        return rounds.measure(["git", "-C", str(self.repository), *map(str, words)], gateways,
                              env=self.environment)

    def remote(self, name, url, state):
        self.run("annex", "initremote", name, "type=external", "externaltype=barge",
                 "encryption=none", f"gateway={url}", f"state={state}")

    def copy(self, remote):
        for number in range(FILES):
            path = self.repository / remote / str(number)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content(SIZE + number) + remote.encode())
        self.run("annex", "add", "-q", ".")
        return self.measure("annex", "copy", "-q", f"-J{JOBS}", f"--to={remote}", remote)


def copies(place, annex, tahoe):
    grid, results = RealGrid(place / "grid", tahoe), []
    try:
        for state in "annex", "directory":
            annex.remote(state, grid.url, state)
            result = annex.copy(state)
            result.pop("gateway_cpu")  # of a node, which has servers beside it
            results.append({"what": f"copy, state={state}", "files": FILES, **result,
                            "seconds_a_file": round(result["seconds"] / FILES, 4)})
    finally:
        grid.stop()
    return results


def tests(place, annex, barge, size):
    grid, results = EmbeddedGateway(barge, place / "embedded"), []
    try:
        for state in "directory", "annex":
            annex.remote(f"test{state}", grid.url, state)
            before = grid.counts()["requests"]
            result = annex.measure("annex", "testremote", f"--size={size}", f"test{state}",
                                   gateways=[grid.process.pid])
            requests = {kind: count - before[kind]
                        for kind, count in grid.counts()["requests"].items()
                        if count > before[kind]}
            results.append({"what": f"testremote, state={state}", "size": size, **result,
                            "requests": requests})
    finally:
        grid.stop()
    (place / "local").mkdir()
    annex.run("annex", "initremote", "local", "type=directory", "encryption=none",
              f"directory={place / 'local'}")
    result = annex.measure("annex", "testremote", f"--size={size}", "local")
    return results + [{"what": "testremote, type=directory", "size": size, **result}]


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    options.add_argument("--part", choices=["copy", "testremote"], action="append")
    options.add_argument("--size", default="900", help="of testremote's files")
    chosen = options.parse_args()
    tahoe = Path(sys.executable).parent / "tahoe"
    barge = Path(os.environ["BARGE"]).resolve()
    place = Path(tempfile.mkdtemp(prefix="barge-bench-"))
    parts, results = chosen.part or ["copy", "testremote"], []
    try:
        annex = Annex(place, barge, tahoe.with_name("git-annex"))
        if "copy" in parts:
            results += copies(place, annex, tahoe)
        if "testremote" in parts:
            results += tests(place, annex, barge, chosen.size)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print(json.dumps({"bench": "annex", "load": os.getloadavg()[0], "runs": results}, indent=1))


if __name__ == "__main__":
    main()
