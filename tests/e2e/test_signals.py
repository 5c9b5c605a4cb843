"""One signal is enough, whatever the program sleeps for; and what cannot be written is no success."""
import os
import re
import signal
import socket
import subprocess
import time

import pytest

from runner import await_signals
from tree import content

NUMBERS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


def start(barge, *words, **options):
    return subprocess.Popen(barge.words(*words), env=barge.environment,
                            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                               "stderr": subprocess.PIPE, **options})


AN_HOUR = "delay=3600000"


def ends(process, number=signal.SIGTERM, seconds=300, first=0.3):
    """Sends one signal; returns the status, and both outputs."""
    await_signals(process)
    time.sleep(first)
    assert process.poll() is None, process.communicate()
    process.send_signal(number)
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise AssertionError("one signal was not enough") from None
    return process.returncode, out, err


# --- what sleeps for somebody else ---------------------------------------------------------

@pytest.mark.parametrize("number", NUMBERS)
def test_a_fifo_that_nobody_writes_to(embedded, client, tmp_path, number):
    os.mkfifo(tmp_path / "p")
    process = start(client(embedded), "put", tmp_path / "p", "--caps-only")
    assert ends(process, number)[0] == 3


def test_a_fifo_is_put_once_it_is_written(embedded, client, tmp_path):
    barge = client(embedded)
    alias, _ = embedded.fresh()
    os.mkfifo(tmp_path / "p")
    process = start(barge, "put", tmp_path / "p", alias + "x")
    data = content(300000)
    time.sleep(0.3)
    with open(tmp_path / "p", "wb") as fifo:
        fifo.write(data[:70000])
        fifo.flush()
        time.sleep(0.3)
        fifo.write(data[70000:])
    assert process.wait(300) == 0, process.communicate()
    process.communicate()
    assert barge.ok("get", alias + "x", "-").raw == data


def test_a_fifo_whose_writer_rests(embedded, client, tmp_path):
    os.mkfifo(tmp_path / "p")
    process = start(client(embedded), "put", tmp_path / "p", "--caps-only")
    with open(tmp_path / "p", "wb") as fifo:
        fifo.write(b"begun")
        fifo.flush()
        assert ends(process)[0] == 3


@pytest.mark.parametrize("words", [
    ("ls", "--cap-file={fifo}", "cap:"), ("ls", "--convergence-file={fifo}"),
    ("show", "{fifo}"), ("run", "{fifo}"),
    ("cp", "-r", "--files-from={fifo}", ".", "x"), ("cp", "{fifo}", "x"),
    ("cp", "-r", "--symlinks=follow", "links", "x"), ("diff", "{fifo}", "a:")])
def test_a_fifo_in_the_place_of_a_file(embedded, client, tmp_path, words):
    os.mkfifo(tmp_path / "p")
    (tmp_path / "links").mkdir()
    (tmp_path / "links/l").symlink_to(tmp_path / "p")
    process = start(client(embedded), *(word.format(fifo=tmp_path / "p") for word in words),
                    cwd=tmp_path)
    try:
        process.wait(1)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
    assert process.wait(300) != 0 or words[0] == "cp"
    process.communicate()


def test_a_fifo_in_the_place_of_the_config_file(client, tmp_path):
    (tmp_path / "barge").mkdir()
    os.mkfifo(tmp_path / "barge/config")
    run = client(None).ok("ls", "tahoe:", code=77, env={"XDG_CONFIG_HOME": tmp_path})
    assert "barge/config is not a regular file" in run.err


def test_standard_input_that_stays_open(embedded, client, tmp_path):
    barge = client(embedded)
    for words in (("put", "-", "--caps-only"), ("cp", "-r", "--files-from=-", tmp_path, "x")):
        process = start(barge, *words, stdin=subprocess.PIPE)
        time.sleep(0.4)
        process.send_signal(signal.SIGTERM)
        assert process.wait(300) in (3, -signal.SIGTERM), words
        process.communicate()


@pytest.mark.parametrize("which", ["stdout", "stderr"])
@pytest.mark.parametrize("words", [("ls", "{alias}"), ("get", "{alias}large", "-"),
                                   ("diff", "{empty}", "{alias}"),
                                   ("cp", "-rnv", "{alias}", "{out}"),
                                   ("cp", "-rv", "--json", "{alias}", "{out}")])
def test_a_pipe_that_nobody_reads(embedded, client, tmp_path, words, which):
    alias, cap = embedded.fresh({f"{number:0200d}": "URI:LIT:" for number in range(1500)})
    barge = client(embedded)
    barge.ok("put", "-", alias + "large", given=content(500000))
    (tmp_path / "empty").mkdir()
    words = [word.format(alias=alias, empty=tmp_path / "empty", out=tmp_path / "out")
             for word in words]
    other = "stderr" if which == "stdout" else "stdout"
    process = start(barge, *words, **{other: subprocess.DEVNULL})
    await_signals(process)
    time.sleep(1)
    if process.poll() is not None:  # it had less to say than a pipe holds
        assert process.communicate()[which == "stderr"] is not None
        return
    process.send_signal(signal.SIGTERM)
    assert process.wait(300) in (0, 1, 3, 74)
    process.communicate()


@pytest.mark.parametrize("words, kind", [
    (("ls", "{alias}"), "json"), (("get", "{alias}x", "-"), "get"),
    (("get", "{alias}x", "{out}"), "get"),
    (("put", "{file}", "{alias}y"), "put"),
    (("diff", "{source}", "{alias}"), "json"),
    (("plan", "-r", "{alias}", "{out}", "-o", "{out}.plan"), "json"),
    (("cp", "-r", "{alias}", "{out}"), "json"),
    (("cp", "-r", "{source}", "{alias}"), "json"),
    (("cp", "-rn", "{alias}", "{out}"), "json"),
    (("verify", "{job}", "--verify=read"), "get"),
    (("verify", "{job}", "--verify=check"), "check"),
])
def test_a_gateway_that_does_not_answer(gateway, client, tmp_path, words, kind):
    grid = gateway()
    alias, _ = grid.fresh()
    barge = client(grid)
    barge.ok("put", "-", alias + "x", given=content(5000))
    (tmp_path / "source").mkdir()
    (tmp_path / "file").write_bytes(content(4000))
    barge.ok("cp", tmp_path / "file", alias)
    grid.restart([f"{kind}:{AN_HOUR}"])
    words = [word.format(alias=alias, out=tmp_path / "out", file=tmp_path / "file",
                         source=tmp_path / "source", job=barge.job().name) for word in words]
    code, _, err = ends(start(barge, *words))
    assert code == 3, err


def test_a_file_that_is_still_read_is_broken_off(embedded, client, tmp_path):
    """All of it would take a quarter of an hour."""
    with open(tmp_path / "f", "wb") as file:
        file.truncate(1 << 30)
    words = "cp", "--bwlimit=1M", tmp_path / "f", embedded.fresh()[0] + "x"
    code, _, err = ends(start(client(embedded), *words), seconds=120)
    assert code == 3 and b"0 of 1 entries done" in err


def test_the_gateway_program_ends_with_clients_connected(gateway):
    grid = gateway(f"put:{AN_HOUR}")
    host, port = re.search(r"//([0-9.]+):(\d+)", grid.url).groups()
    with socket.create_connection((host, int(port))), \
            socket.create_connection((host, int(port))) as half:
        half.sendall(b"PUT /uri HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nbegun")
        time.sleep(0.3)
        grid.process.terminate()
        assert grid.process.wait(300) in (0, 3)


# --- standard output -----------------------------------------------------------------------

@pytest.fixture(scope="module")
def told(barge, embedded, tmp_path_factory):
    """(Barge, commands that print a result) of a grid and a job with something to print."""
    from runner import Barge
    place = tmp_path_factory.mktemp("told")
    one = Barge(barge, place / "home", embedded)
    alias, _ = embedded.fresh()
    (place / "s").mkdir()
    (place / "s/f").write_bytes(content(3000))
    one.ok("cp", "-r", place / "s", alias)
    job = one.job()
    return one, {
        "help": ("help",), "help of one": ("cp", "--help"), "version": ("--version",),
        "jobs": ("jobs",), "jobs show": ("jobs", "show", job.name),
        "show": ("show", job / "manifest"), "show json": ("show", "--json", job / "outcomes"),
        "ls": ("ls", alias), "ls json": ("ls", "--json", alias), "get": ("get", alias + "s/f", "-"),
        "diff": ("diff", place, alias), "diff json": ("diff", "--json", place / "s", alias + "s"),
        "cp -n": ("cp", "-rn", place / "s", place / "new"),
        "cp json": ("cp", "-r", "--json", "--new", place / "s", place / "copy"),
        "verify json": ("verify", "--json", job.name),
        "caps": ("put", place / "s/f", "--caps-only"),
    }


COMMANDS = ["help", "help of one", "version", "jobs", "jobs show", "show", "show json", "ls",
            "ls json", "get", "diff", "diff json", "cp -n", "cp json", "verify json", "caps"]


def words_of(one, words):
    return [one.program, *words] if words[0].startswith("-") else one.words(*words)


@pytest.mark.parametrize("name", COMMANDS)
def test_results_that_cannot_be_written_are_no_success(told, name):
    one, commands = told
    words = words_of(one, commands[name])
    with open("/dev/full", "wb") as full:
        run = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, env=one.environment,
                             timeout=300, check=False)
    assert run.returncode == 74, run
    assert run.stderr.count(b"No space left on device") == 1, run.stderr
    run = subprocess.run(words, stderr=subprocess.PIPE, env=one.environment, timeout=300,
                         check=False, preexec_fn=lambda: os.close(1))
    assert run.returncode == 74, run
    reader, writer = os.pipe()
    os.close(reader)
    run = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, env=one.environment,
                         timeout=300, check=False)
    os.close(writer)
    assert run.returncode == 74, run
    run = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=one.environment,
                         timeout=300, check=False)
    assert run.returncode in (0, 1) and run.stdout, run
