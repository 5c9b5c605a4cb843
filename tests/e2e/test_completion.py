"""What shells are given to complete the command line with, and that it is what --help says."""
import os
import re
import subprocess
from pathlib import Path

import pytest

BARGE = os.environ["BARGE"]
ASK = """
compopt() { :; }
source "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_barge
printf '%s\\n' "${COMPREPLY[@]}"
"""


def barge(*words):
    return subprocess.run([BARGE, *words], capture_output=True, text=True)


def commands():
    return re.findall(r"^  barge (\w+)", barge("help").stdout, re.MULTILINE)


def options(command):
    """What is listed by --help, which `barge help` has none of its own for."""
    command = "version" if command == "help" else command
    return set(re.findall(r"^  .{3} (--[\w-]+)", barge(command, "--help").stdout, re.MULTILINE))


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("completion") / "barge.bash"
    path.write_text(barge("completion", "bash").stdout)

    def complete(*words, cwd=None):
        done = subprocess.run(["bash", "--norc", "-c", ASK, "bash", path, "barge", *words],
                              capture_output=True, text=True, cwd=cwd)
        assert done.returncode == 0 and not done.stderr, done
        return set(done.stdout.split())
    return complete


def test_bash_offers_each_command_and_its_options(script):
    assert script("") == set(commands()) and len(commands()) > 10
    assert script("pl") == {"plan"}
    for command in commands():
        assert {word.rstrip("=") for word in script(command, "--")} == options(command), command
    assert script("cp", "--symli") == {"--symlinks="} and script("cp", "--upd") == {"--update"}


def test_bash_offers_choices_and_files(script, tmp_path):
    (tmp_path / "list of files").touch()
    (tmp_path / "other").touch()
    # The shell hands `--name=value` over as three words.
    assert script("cp", "--symlinks", "=") == {"skip", "follow", "fail", "preserve"}
    assert script("cp", "--symlinks", "=", "f") == {"follow", "fail"}
    assert script("cp", "--files-from", "=", "o", cwd=tmp_path) == {"other"}
    assert script("cp", "-r", "li", cwd=tmp_path) == {"list", "of", "files"}  # split by the test


def test_other_shells_have_each_option_too():
    fish, zsh = barge("completion", "fish").stdout, barge("completion", "zsh").stdout
    for command in commands():
        for option in options(command):
            assert re.search(rf"from [a-z ]*\b{command}\b[a-z ]*' -l {option[2:]}\b", fish), option
        block = re.search(rf"^\t{command}\)\n(.*?) ;;$", zsh, re.MULTILINE | re.DOTALL).group(1)
        assert set(re.findall(r"'\*?(--[\w-]+)=?\[", block)) == options(command), command
    assert "-l symlinks -x -a 'skip follow fail preserve'" in fish
    done = barge("completion", "tcsh")
    assert done.returncode == 2 and "bash, zsh or fish" in done.stderr and not done.stdout


def test_they_are_installed(tmp_path):
    root = Path(__file__).resolve().parents[2]
    env = {**os.environ, "DESTDIR": str(tmp_path), "PREFIX": "/usr"}
    subprocess.run(["ninja", "install"], cwd=root, env=env, check=True, capture_output=True)
    found = {str(p.relative_to(tmp_path / "usr")) for p in tmp_path.rglob("*") if p.is_file()}
    assert found == {"bin/barge", "bin/barge-gateway", "bin/git-annex-remote-barge",
                     "share/man/man1/barge.1",
                     "share/bash-completion/completions/barge",
                     "share/zsh/site-functions/_barge",
                     "share/fish/vendor_completions.d/barge.fish"}
