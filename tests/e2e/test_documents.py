"""What README.md and the man page say is tried, so that it stays true."""
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tree import content

ROOT = Path(__file__).resolve().parents[2]
BARGE = os.environ["BARGE"]
EMPTY = "URI:DIR2-LIT:"


def barge_help(*words):
    return subprocess.run([BARGE, *words], capture_output=True, text=True, check=True).stdout


def block_after(text, heading):
    """The first block of commands below a heading."""
    return re.search(rf"^## {heading}\n.*?^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL).group(1)


def test_the_man_page_has_each_command_and_option():
    page = (ROOT / "docs/barge.1").read_text().replace("\\-", "-")
    commands = re.findall(r"^  barge (\w+)", barge_help("help"), re.MULTILINE)
    assert len(commands) > 10
    for command in commands:
        assert re.search(rf"^\.B barge {command}$", page, re.MULTILINE), command
        for option in re.findall(r"^  .{3} (--[\w-]+)", barge_help(command, "--help"),
                                 re.MULTILINE):
            assert re.search(rf"{option}(?![\w-])", page), f"{command} {option}"


def test_the_man_page_knows_no_option_that_is_not_there():
    page = (ROOT / "docs/barge.1").read_text().replace("\\-", "-")
    commands = re.findall(r"^  barge (\w+)", barge_help("help"), re.MULTILINE)
    known = {option for command in commands
             for option in re.findall(r"^  .{3} (--[\w-]+)", barge_help(command, "--help"),
                                      re.MULTILINE)}
    named = set(re.findall(r"(?:^|[ .\"(])(--[a-z][\w-]+)", page, re.MULTILINE))
    families = {name for name in named if any(o.startswith(name.rstrip("-") + "-") for o in known)}
    assert len(named) > 40 and not named - known - families, named - known - families


@pytest.fixture
def home(real_grid, tmp_path):
    """A home as the README supposes one: a node in ~/.tahoe with an alias tahoe:, where backups were
    made, and some photos."""
    node = tmp_path / "home/.tahoe"
    shutil.copytree(real_grid.directory / "private", node / "private")
    shutil.copy(real_grid.directory / "node.url", node)
    snapshots = real_grid.mkdir({"2026-11-20_03:00:00Z": EMPTY, "2026-11-21_03:00:00Z": EMPTY})
    root = real_grid.mkdir({"backup": real_grid.mkdir({"Archives": snapshots, "Latest": EMPTY})})
    with open(node / "private/aliases", "a", encoding="utf-8") as aliases:
        aliases.write(f"tahoe: {root}\n")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "barge").symlink_to(BARGE)
    (programs / "feh").write_text("#!/bin/sh\ncat >/dev/null\n")
    (programs / "feh").chmod(0o755)
    photos = tmp_path / "home/photos"
    photos.mkdir()
    for seed, name in enumerate(("a.jpg", "b.jpg")):
        (photos / name).write_bytes(content(5000, seed))
    return tmp_path / "home", {**os.environ, "HOME": str(tmp_path / "home"),
                               "XDG_STATE_HOME": str(tmp_path / "state"),
                               "PATH": f"{programs}:{os.environ['PATH']}"}


def test_the_commands_of_the_readme_do_what_they_say(real_grid, home):
    """In their order, each in the state in which the ones before it left the grid."""
    place, env = home
    def run(line):
        return subprocess.run(["bash", "-o", "pipefail", "-c", line], cwd=place, env=env, text=True,
                              capture_output=True, timeout=60)

    lines = block_after((ROOT / "README.md").read_text(), "A real grid").splitlines()
    assert len(lines) > 15
    for line in lines:
        words = shlex.split(line, comments=True)
        assert words[0] in ("barge", "tar"), line
        command = line.split("  #")[0].split(" # ")[0]
        command = command.replace("URL1", real_grid.url)
        command = command.replace("URL2", real_grid.url.replace("127.0.0.1", "localhost"))
        command = command.replace("/restore", "restored")
        if "JOB" in command:
            job = re.search(r"^[0-9a-f]{8,}", run("barge jobs").stdout, re.MULTILINE).group()
            command = command.replace("JOB", job)
        done = run(command)
        nothing_left = command.strip() == "barge resume" and "no job is unfinished" in done.stderr
        assert done.returncode == 0 or nothing_left, f"{command}: {done.returncode} {done.stderr}"
    assert (place / "restored/photos/a.jpg").read_bytes() == content(5000, 0)
