#!/usr/bin/env python3
"""The main job, shown: a real tree goes through barge on the embedded gateway.

Planned, uploaded in parallel, killed half-way, resumed, committed bottom-up, verified, fetched back
and compared.  `./configure.py demo` runs it; everything it makes is in one temporary directory.
A second word is how many files of the machine it takes.
"""
import filecmp
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FILES, FOLDERS = 3000, 60
SOURCE = Path("/usr/include")  # there on every machine that has built barge


class Failed(Exception):
    """Something was not as it should be; the text says what."""


def title(text):
    print(f"\n== {text}", flush=True)


def make_tree(root, most):
    """Copies up to `most` real files, and adds what trees in the wild have."""
    count = 0
    for number, (folder, _, names) in enumerate(os.walk(SOURCE)):
        if number == FOLDERS:
            break
        target = root / "include" / Path(folder).relative_to(SOURCE)
        for name in sorted(names):
            path = Path(folder, name)
            if count == most or path.is_symlink() or not path.is_file():
                continue
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target / name)
            count += 1
    (root / "empty directory").mkdir()
    (root / "größte Datei").write_bytes(os.urandom(48 << 20))
    (root / "two\nlines").write_text("a name with a newline\n")
    (root / "run.sh").write_text("#!/bin/sh\necho hello\n")
    (root / "run.sh").chmod(0o755)
    os.link(root / "run.sh", root / "hard link")
    return sum(1 for path in root.rglob("*") if path.is_file())


class Barge:
    def __init__(self, program, folder):
        self.program = str(program)
        self.node = folder / "gateway"
        self.state = folder / "state"

    def command(self, *words):
        return [self.program, *map(str, words), "-d", str(self.node), "--state-dir",
                str(self.state)]

    def show(self, words):
        print("$ barge " + shlex.join(map(str, words)), flush=True)

    def run(self, *words, node=True):
        self.show(words)
        command = self.command(*words)
        if not node:
            command = [self.program, *words, "--state-dir", str(self.state)]
        code = subprocess.run(command, check=False).returncode
        if code != 0:
            raise Failed(f"barge {words[0]} ended with status {code}")

    def start_gateway(self):
        gateway = subprocess.Popen([self.program, "gateway", str(self.node)],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        url = gateway.stdout.readline().strip()
        if not url:
            raise Failed("the embedded gateway did not start")
        print(f"embedded gateway at {url}")
        return gateway

    def kill_half_way(self, words, files):
        """Runs until half the entries are reported durable, then kill -9.  Returns what was done.
        The pipe holds few lines, so the job is never far ahead of what is read here."""
        self.show(words)
        done = {}
        with subprocess.Popen(self.command(*words, "--json"), stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, bufsize=512, pipesize=4096) as job:
            for line in job.stdout:
                if not line.endswith(b"\n"):
                    break  # cut off by the kill
                event = json.loads(line)
                if event["event"] == "entry" and event["state"] == "done":
                    done[event["id"]] = event["path"]
                if len(done) == files // 2:
                    job.send_signal(signal.SIGKILL)
        print(f"-- kill -9 after {len(done)} entries were reported done")
        return done


def compare(left, right):
    """Every name, kind and byte."""
    names = [{str(p.relative_to(root)) for p in root.rglob("*")} for root in (left, right)]
    if names[0] != names[1]:
        raise Failed(f"names differ: {sorted(names[0] ^ names[1])[:5]}")
    files = [name for name in names[0] if (left / name).is_file()]
    same, different, errors = filecmp.cmpfiles(left, right, files, shallow=False)
    if different or errors:
        raise Failed(f"contents differ: {(different + errors)[:5]}")
    print(f"{len(same)} files and {len(names[0]) - len(same) + 1} directories are the same")


def show_job(barge, folder, most):
    tree = folder / "tree"
    files = make_tree(tree, most)
    print(f"a tree of {files} files: headers, one of 48 MiB, odd names, a hard link")

    title("Plan and upload, killed half-way")
    before = barge.kill_half_way(["cp", "-r", tree, "tahoe:"], files)

    title("The same command again goes on")
    barge.run("cp", "-r", tree, "tahoe:")
    job = sorted((barge.state / "jobs").iterdir())[-1].name
    print(f"-- {len(before)} entries done before the kill were not sent again")

    title("Prove it again: read everything back and compare hashes")
    barge.run("verify", job[:16], "--verify=read")

    title("Fetch it back and compare with the source")
    barge.run("cp", "-r", "tahoe:tree", folder / "back")
    compare(tree, folder / "back" / "tree")

    title("Jobs")
    barge.run("jobs", node=False)


def main():
    program = Path(sys.argv[1]).resolve()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="barge-demo-") as name:
        folder = Path(name)
        barge = Barge(program, folder)
        gateway = barge.start_gateway()
        try:
            show_job(barge, folder, int(sys.argv[2]) if len(sys.argv) > 2 else FILES)
        except Failed as trouble:
            print(f"demo failed: {trouble}", file=sys.stderr)
            return 1
        finally:
            gateway.terminate()
            gateway.wait()
    print(f"\nall of it in {time.monotonic() - started:.1f} seconds, and nothing was lost")
    return 0


if __name__ == "__main__":
    sys.exit(main())
