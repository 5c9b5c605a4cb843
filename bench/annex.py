#!/usr/bin/env python3
"""`git annex copy` of 100 files of 2 KB to git-annex-remote-barge; JSON on stdout.

The grid is a real one-node Tahoe-LAFS on loopback.

    directory   each key is linked below a new root, whose directories are made meanwhile
    annex       the git-annex branch keeps the caps

Needs BARGE, the program, git, and build/venv with Tahoe-LAFS and git-annex.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests")]
from grid import RealGrid
from tree import content

FILES, SIZE, JOBS = 100, 2000, 8


def main():
    tahoe = Path(sys.executable).parent / "tahoe"
    place = Path(tempfile.mkdtemp(prefix="barge-bench-"))
    programs, repository = place / "bin", place / "repo"
    programs.mkdir()
    (programs / "git-annex").symlink_to(tahoe.with_name("git-annex"))
    (programs / "git-annex-remote-barge").symlink_to(Path(os.environ["BARGE"]).resolve())
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(place),
                   "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org",
                   "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org"}

    def run(*words, cwd=repository):
        begin = time.monotonic()
        subprocess.run(["git", *map(str, words)], cwd=cwd, env=environment, check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        return time.monotonic() - begin

    grid, results = RealGrid(place / "grid", tahoe), []
    try:
        run("init", "-q", repository, cwd=place)
        run("annex", "init", "-q")

        def copy(name, remote, files):
            for number in range(FILES):
                path = repository / files / str(number)
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content(SIZE + number) + files.encode())
            run("annex", "add", "-q", ".")
            seconds = run("annex", "copy", "-q", f"-J{JOBS}", f"--to={remote}", files)
            results.append({"what": name, "files": FILES, "seconds": round(seconds, 2),
                            "seconds_a_file": round(seconds / FILES, 4)})
        for state in "annex", "directory":
            run("annex", "initremote", state, "type=external", "externaltype=barge",
                "encryption=none", f"gateway={grid.url}", f"state={state}")
        copy("copy, state=annex", "annex", "a")
        copy("copy, state=directory, new directories", "directory", "b")
    finally:
        grid.stop()
        shutil.rmtree(place, ignore_errors=True)
    print(json.dumps({"bench": "annex", "load": os.getloadavg()[0], "runs": results}, indent=1))


if __name__ == "__main__":
    main()
