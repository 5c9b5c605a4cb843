"""`barge-gateway`, a program of its own, and `barge gateway`, which becomes it."""
import os
import shutil
import signal
import subprocess

import pytest

from embedded import Gateway
from grid import HANG


@pytest.fixture
def program(barge):
    return barge.with_name("barge-gateway")


def run(*words, **options):
    return subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=HANG, **options)


def needed(path):
    return run("readelf", "-dW", path).stdout


def test_the_client_links_no_http_server(barge, program):
    assert "libcurl" in needed(barge) and "microhttpd" not in needed(barge)
    assert "microhttpd" in needed(program) and "libcurl" not in needed(program)


def test_help_and_version(program):
    told = run(program, "--help")
    assert told.returncode == 0 and told.stderr == ""
    for word in ("DIR", "--port=N", "--fault=SPEC", "--quiet", "--verbose", "lost-reply", "WHEN"):
        assert word in told.stdout
    version = run(program, "--version")
    assert version.returncode == 0 and version.stdout.startswith("barge-gateway 0.")


def test_barge_points_to_the_grammar_of_faults(barge):
    told = run(barge, "gateway", "--help")
    assert told.returncode == 0 and "--fault=SPEC" in told.stdout and "--port=N" in told.stdout
    assert "`barge-gateway --help` explains what a SPEC is" in told.stdout


@pytest.mark.parametrize("words, said", [
    ((), "too few words"), (("a", "b"), "too many words"), (("--odd", "a"), "--odd"),
    (("-x", "a"), "-x"), (("--port",), "--port wants a value"), (("--port=0", "a"), "--port wants"),
    (("--port=65536", "a"), "--port wants"), (("--port=8x", "a"), "--port wants"),
    (("--help=1", "a"), "--help"), (("--fault=odd", "a"), "odd"),
])
def test_what_it_cannot_read_is_usage(program, tmp_path, words, said):
    tried = run(program, *words, cwd=tmp_path)
    assert tried.returncode == 2 and tried.stdout == ""
    assert tried.stderr.startswith("barge: ") and said in tried.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("of_barge", [True, False])
def test_what_is_given_arrives(barge, program, tmp_path, of_barge):
    """Both ways: faults, the port of before by number, a directory that looks like an option."""
    words = [barge, "gateway"] if of_barge else [program]
    first = Gateway(barge, tmp_path / "-n")
    port = first.address.rpartition(":")[2]
    first.stop()
    words += ["--quiet", f"--port={port}", "--fault=put:500@1", "--fault", "put:410@2", "--", "-n"]
    gateway = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True)
    try:
        assert gateway.stdout.readline() == f"http://127.0.0.1:{port}/\n"
        assert os.readlink(f"/proc/{gateway.pid}/exe") == str(program.resolve())
        assert [first.ask("PUT", "/uri", b"x" * 60).status for _ in range(3)] == [500, 410, 200]
    finally:
        gateway.send_signal(signal.SIGINT)
        told = gateway.communicate(timeout=HANG)
    assert gateway.returncode == 0 and told[1].count("\n") == 1 and "stopping" in told[1]


def test_said_on_stderr(program, tmp_path):
    gateway = subprocess.Popen([program, tmp_path / "node"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    url = gateway.stdout.readline().strip()
    told = gateway.stderr.readline()
    gateway.terminate()
    gateway.communicate(timeout=HANG)
    assert told == (f"barge: gateway for trying and testing at {url}, node directory "
                    f"'{tmp_path / 'node'}': barge cp -d DIRECTORY -r TREE tahoe:\n")


def test_a_client_alone_says_what_is_missing(barge, program, tmp_path):
    alone = shutil.copy(barge, tmp_path / "barge")
    tried = run(alone, "gateway", tmp_path / "node", env={"PATH": str(tmp_path / "bin")})
    assert tried.returncode == 2 and tried.stdout == ""
    assert "no barge-gateway beside barge or in a directory of PATH" in tried.stderr
    assert "ninja install" in tried.stderr and not (tmp_path / "node").exists()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/barge-gateway").symlink_to(program)
    found = run(alone, "gateway", "--fault=odd", tmp_path / "node",
                env={"PATH": str(tmp_path / "bin")})
    assert found.returncode == 2 and "odd" in found.stderr and "PATH" not in found.stderr


def test_one_that_cannot_be_started_is_local(barge, tmp_path):
    alone = shutil.copy(barge, tmp_path / "barge")
    (tmp_path / "barge-gateway").write_text("no program")
    tried = run(alone, "gateway", tmp_path / "node")
    assert tried.returncode == 74 and "cannot start barge-gateway" in tried.stderr
