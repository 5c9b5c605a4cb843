"""Runs of barge that are held at a call of the system (tests/tools/refuse.c) while something
happens.

    with Held(barge, tmp_path, "read:2", path, "cp", "-r", ...) as held:
        ...                      what happens before it reads from `path` for the second time
    run = held.run
"""
import os
import subprocess
from pathlib import Path

from grid import wait_for

REFUSE = Path(__file__).resolve().parent.parent / "tools/refuse.c"


def build(folder):
    """Compiles the library; returns its path."""
    library = Path(folder) / "refuse.so"
    if not library.exists():
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-w", "-o", library,
                        REFUSE, "-ldl"], check=True)
    return library


class Held:
    """Held at a call, "read:2" the second one (as refuse.c names them), of what has a path that
    begins with `prefix`; goes on at the end of the block, and is waited for."""
    def __init__(self, barge, place, call, prefix, *words):
        self.barge, self.words, self.run = barge, words, None
        self.at = Path(place) / "held"
        self.environment = {"LD_PRELOAD": str(build(place)), "HOLD": f"{call}:{prefix}",
                            "HOLD_AT": str(self.at)}

    def __enter__(self):
        self.process = self.barge.start(*self.words, env=self.environment)
        wait_for(lambda: self.at.exists() or self.process.poll() is not None)
        assert self.process.poll() is None, self.barge.finish(self.process)
        return self

    def __exit__(self, *error):
        self.at.unlink()
        if self.process.returncode is None:
            self.run = self.barge.finish(self.process)

    def kill(self):
        self.process.kill()
        self.process.wait()
