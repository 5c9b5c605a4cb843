"""What becomes of results that cannot be written: status 74 and a message, for every command."""
import hashlib
import os
import re
import subprocess

import pytest

from runner import Barge
from tree import content


class Things:
    """Whatever the commands below read: a tree, a job, a plan, a snapshot, a key."""
    def __init__(self, grid, barge, path):
        self.grid, self.barge = grid, barge
        self.alias, self.empty = grid.fresh()[0], grid.fresh()[0]
        self.source, self.plan, self.node = path / "s", path / "the.plan", path / "node"
        self.source.mkdir()
        (self.source / "a").write_bytes(content(100))
        self.key = f"SHA256-s3--{hashlib.sha256(b'key').hexdigest()}"
        barge.ok("cp", "-r", self.source, self.alias)
        self.job = barge.job().name
        barge.ok("plan", "-r", "-o", self.plan, self.source, self.alias + "planned/")
        barge.ok("backup", self.source, self.alias + "to")
        barge.ok("plan", "-r", self.source, self.alias + "resumed/")
        self.resumed = barge.job().name


# For each command words that have it write something to standard output.
WORDS = {
    "cp": lambda at: ("-r", "--json", at.source, at.alias + "copied/"),
    "backup": lambda at: ("--json", at.source, at.alias + "to"),
    "plan": lambda at: ("-r", "--json", at.source, at.alias + "more/"),
    "run": lambda at: ("--json", at.plan),
    "resume": lambda at: ("--json", at.resumed),
    "verify": lambda at: ("--json", at.job),
    "repair": lambda at: ("--json", at.alias),
    "ls": lambda at: (at.alias,),
    "get": lambda at: (at.alias + "s/a", "-"),
    "put": lambda at: ("--caps-only", at.source / "a"),
    "diff": lambda at: (at.source, at.alias + "to"),
    "bench": lambda at: ("put", at.alias, "--sizes=56", "--objects=1", "-j1", "--json"),
    "snapshots": lambda at: (at.alias + "to",),
    "forget": lambda at: ("--keep-last=1", at.alias + "to"),
    "key": lambda at: ("check", at.key, "--root", at.empty),
    "jobs": lambda at: (),
    "show": lambda at: (at.barge.jobs()[0] / "manifest",),
    "gateway": lambda at: (at.node,),
    "completion": lambda at: ("bash",),
    "help": lambda at: (),
    "version": lambda at: (),
}


@pytest.fixture(scope="module")
def things(embedded, barge, tmp_path_factory):
    path = tmp_path_factory.mktemp("stdout")
    return Things(embedded, Barge(barge, path / "home", embedded), path)


def test_every_command_is_tried(barge):
    overview = subprocess.run([barge, "help"], capture_output=True, check=True, text=True).stdout
    assert set(re.findall(r"^  barge (\S+)", overview, re.M)) == set(WORDS)


def lose_results(things, command, how, words):
    """Runs it with a standard output that takes nothing; returns its status and its messages."""
    words = things.barge.words(command, *words)
    if command == "key":
        words.append(f"--node-directory={things.grid.directory}")
    closing = ["sh", "-c", 'exec "$0" "$@" >&-'] if how == "closed" else []
    with open("/dev/full", "wb") as full:
        run = subprocess.run([*closing, *words], env=things.barge.environment, stdout=full,
                             stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60,
                             check=False)
    return run.returncode, run.stderr.decode()


@pytest.mark.parametrize("how", ["full", "closed"])
@pytest.mark.parametrize("command", WORDS)
def test_lost_results_are_no_success(things, command, how):
    code, said = lose_results(things, command, how, WORDS[command](things))
    assert code == 74, said
    assert "cannot write" in said and "standard output" in said
    assert os.strerror({"full": 28, "closed": 9}[how]) in said


def test_a_command_without_results_needs_no_output(things, tmp_path):
    for command, *words in (("cp", "-r", things.source, things.alias + "silent/"),
                            ("get", things.alias + "s/a", tmp_path / "back")):
        code, said = lose_results(things, command, "closed", words)
        assert code == 0, said
