"""`barge get` and `barge put`: one file, whole and proven, also through pipes."""
import json
import os
import signal
import stat
import subprocess
import time

import pytest

from grid import FOR_EVER, HANG, wait_for
from lying import HoldingGateway, is_put
from runner import await_signals
from tree import content

SIZES = [0, 1, 55, 56, 1000, 65535, 65536, 65537, 1 << 20, (3 << 20) + 1]


def leftovers(path):
    return [name for name in os.listdir(path) if name.startswith(".barge")]


def without_secret(grid, client, tmp_path):
    """A client that knows the gateway's aliases but not its convergence secret."""
    hidden = tmp_path / "hidden-convergence"
    if not hidden.exists():
        (grid.directory / "private/convergence").rename(hidden)
    barge = client(grid)
    barge.grid = None
    return barge, f"--node-directory={grid.directory}"


# --- there and back -----------------------------------------------------------------------

@pytest.mark.parametrize("size", SIZES)
def test_through_pipes(embedded, client, size):
    alias, _ = embedded.fresh()
    barge = client(embedded)
    run = barge.ok("put", "-", alias + "x", given=content(size))
    assert run.raw == b"" and run.err == ""
    assert barge.ok("get", alias + "x", "-").raw == content(size)


def test_files_with_their_times_and_modes(embedded, client, tmp_path):
    alias, cap = embedded.fresh()
    source, barge = tmp_path / "source", client(embedded)
    source.write_bytes(content(100000))
    source.chmod(0o640)
    os.utime(source, (1, 981173106.25))
    barge.ok("put", source, alias + "there")
    metadata = embedded.list(cap)["there"][1]["metadata"]
    assert metadata["mtime"] == 981173106.25 and metadata["st_mode"] == 0o100640
    barge.ok("get", alias + "there", cwd=tmp_path)
    assert (tmp_path / "there").read_bytes() == content(100000)
    assert (tmp_path / "there").stat().st_mtime == 981173106.25
    assert stat.S_IMODE((tmp_path / "there").stat().st_mode) == 0o640
    before = time.time()
    barge.ok("put", "-", alias + "there", given=b"anew")
    metadata = embedded.list(cap)["there"][1]["metadata"]
    assert metadata["mtime"] >= before - 1 and "st_mode" not in metadata
    assert not leftovers(tmp_path)


def test_tar_both_ways(embedded, client, tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(50):
        (tmp_path / f"in/{number}").write_bytes(content(7000, number))
    alias, _ = embedded.fresh()
    barge = client(embedded)
    with subprocess.Popen(["tar", "c", "-C", tmp_path, "in"], stdout=subprocess.PIPE) as tar:
        process = barge.start("put", "-", alias + "x.tar", stdin=tar.stdout)
        assert barge.finish(process).code == 0
    process = barge.start("get", alias + "x.tar", "-")
    listing = subprocess.run(["tar", "t"], stdin=process.stdout, capture_output=True, check=True)
    assert process.wait(HANG) == 0
    process.stdout.close()
    process.stderr.close()
    assert len(listing.stdout.splitlines()) == 51


def test_thirty_megabytes_through_a_pipe_leave_nothing_behind(real_grid, client, tmp_path):
    alias, _ = real_grid.fresh()
    data, barge = content(30 << 20), client(real_grid)
    place = {"TMPDIR": str(tmp_path / "tmp")}
    (tmp_path / "tmp").mkdir()
    barge.ok("put", "-", alias + "x", given=data, env=place)
    assert barge.ok("get", alias + "x", "-", env=place).raw == data
    assert os.listdir(tmp_path / "tmp") == []


def test_the_same_without_the_secret(real_grid, client, tmp_path):
    alias, cap = real_grid.fresh()
    (tmp_path / "cap").write_text(cap)
    (tmp_path / "cap").chmod(0o600)
    barge, where = client(real_grid), ["-u", real_grid.url, f"--cap-file={tmp_path}/cap"]
    for size in (10, 5000, 2 << 20):
        run = barge.ok("put", "-v", *where, "-", "cap:x", given=content(size), node=False)
        assert size < 56 or "read back" in run.err
        run = barge.ok("get", *where, "cap:x", "-", node=False)
        assert run.raw == content(size)
    assert alias and barge.ok("put", "--verify=cap", *where, "-", "cap:x", given=b"",
                              node=False, code=2).err.count("--convergence-file") == 1


def test_what_tahoe_stored_and_what_it_reads(real_grid, client, tmp_path):
    alias, cap = real_grid.fresh()
    mutable = real_grid.web("PUT", "/uri?format=SDMF", b"may change").decode()
    real_grid.link(cap, "slot", mutable)
    barge = client(real_grid)
    assert barge.ok("get", alias + "slot", "-").raw == b"may change"
    barge.ok("put", "-", alias + "x", given=content(3000))
    done = real_grid.command("-d", real_grid.directory, "get", alias + "x", tmp_path / "x")
    assert done.returncode == 0 and (tmp_path / "x").read_bytes() == content(3000)
    run = barge.ok("put", "-", alias + "slot", given=b"no", code=4)
    assert "mutable" in run.err and real_grid.get(mutable) == b"may change"


# --- get ----------------------------------------------------------------------------------

def test_a_directory_is_no_name_of_a_file(embedded, client, tmp_path):
    alias, _ = embedded.fresh({"f": embedded.put(content(100))})
    (tmp_path / "f").mkdir()
    for words in ((alias + "f", "."), (alias + "f", "f"), (alias + "f",), ("-f", alias + "f", "f")):
        run = client(embedded).ok("get", *words, cwd=tmp_path, code=4)
        assert "is a directory; name the file in it" in run.err
    assert not list((tmp_path / "f").iterdir())


def test_nothing_is_replaced_without_force(embedded, client, tmp_path):
    alias, _ = embedded.fresh({"f": embedded.put(content(5000))})
    barge, target = client(embedded), tmp_path / "f"
    target.write_bytes(b"before")
    assert "--force" in barge.ok("get", alias + "f", target, code=4).err
    assert barge.ok("get", alias + "f", code=4, cwd=tmp_path).out == ""
    assert target.read_bytes() == b"before"
    barge.ok("get", "-f", alias + "f", target)
    assert target.read_bytes() == content(5000)
    (tmp_path / "dir").mkdir()
    (tmp_path / "link").symlink_to("f")
    for name in ("dir", "link"):
        barge.ok("get", "--force", alias + "f", tmp_path / name, code=4)
    assert (tmp_path / "link").is_symlink() and not leftovers(tmp_path)


def test_what_get_refuses(embedded, client, tmp_path):
    cap = embedded.put(content(100))
    alias, _ = embedded.fresh({"f": cap, "d": embedded.mkdir({"f": cap})})
    barge = client(embedded)
    cases = [((alias + "none", "-"), "No such file or directory"),
             ((alias + "d", "-"), "is a directory"), ((alias, "-"), "is a directory"),
             ((alias + "f/", "-"), "ends with a slash"), ((cap,), "has no name"),
             ((alias + "f", tmp_path / "none/f"), "No such file or directory")]
    for words, text in cases:
        run = barge.ok("get", *words, code=2, cwd=tmp_path)
        assert text in run.err and run.raw == b"", run
    assert barge.ok("get", cap, "-").raw == content(100)
    assert not leftovers(tmp_path)


TROUBLE = ["get:410@1", "get:500@1-2", "get:reset@1", "get:truncate@1", "get:wrong-body@1",
           "get:lie=10@1", "json:500@2"]


@pytest.mark.parametrize("fault", TROUBLE)
@pytest.mark.parametrize("secret", [True, False], ids=["key", "twice"])
def test_trouble_that_passes(gateway, client, tmp_path, fault, secret):
    grid = gateway()
    alias, _ = grid.fresh({"f": grid.put(content(300000))})
    grid.restart([fault])
    barge, where = client(grid), "-q"
    if not secret:
        barge, where = without_secret(grid, client, tmp_path)
    assert barge.ok("get", where, alias + "f", "-", node=secret).raw == content(300000)
    barge.ok("get", where, alias + "f", tmp_path / "f", node=secret)
    assert (tmp_path / "f").read_bytes() == content(300000)


LONG = pytest.mark.long  # the same rule as in the short ones, at five seconds each


@pytest.mark.parametrize("fault", [pytest.param("get:truncate", marks=LONG), "get:lie=10",
                                   "get:reset"])
@pytest.mark.parametrize("secret", [True, False], ids=["key", "twice"])
def test_a_lie_reaches_neither_pipe_nor_file(gateway, client, tmp_path, fault, secret):
    grid = gateway()
    alias, _ = grid.fresh({"f": grid.put(content(300000))})
    grid.restart([fault])
    barge, where = client(grid), ["-q"]
    if not secret:
        barge, directory = without_secret(grid, client, tmp_path)
        where.append(directory)
    (tmp_path / "f").write_bytes(b"before")
    assert barge.ok("get", *where, alias + "f", "-", node=secret, code=1).raw == b""
    barge.ok("get", *where, "-f", alias + "f", tmp_path / "f", node=secret, code=1)
    barge.ok("get", *where, alias + "f", tmp_path / "new", node=secret, code=1)
    assert (tmp_path / "f").read_bytes() == b"before"
    assert not (tmp_path / "new").exists() and not leftovers(tmp_path)


def test_a_lost_file_alone_on_a_real_grid(real_grid, client, tmp_path):
    """All servers say that they have nothing of it: this is not waited for."""
    before = set(real_grid.share_files())
    cap = real_grid.put(content(3000, 78))
    (share,) = set(real_grid.share_files()) - before
    share.unlink()
    run = client(real_grid).ok("get", "--no-direct", cap, tmp_path / "f", code=1)
    assert "not enough shares" in run.err


def test_a_flipped_bit_on_a_real_grid(real_grid, client, tmp_path):
    good = content((1 << 20) + 20, 77)
    before = set(real_grid.share_files())
    cap = real_grid.put(good)
    (share,) = set(real_grid.share_files()) - before
    alias, directory = real_grid.fresh({"bad": cap})
    barge = client(real_grid)
    assert barge.ok("get", alias + "bad", "-").raw == good
    raw = bytearray(share.read_bytes())
    raw[12 + 36 + (1 << 20) + 10] ^= 1  # container header, share header, into the last segment
    share.write_bytes(raw)
    assert len(real_grid.get(cap)) == len(good)  # the gateway answers 200, and lies
    assert barge.ok("get", alias + "bad", "-", code=1).raw == b""
    (tmp_path / "cap").write_text(directory)
    (tmp_path / "cap").chmod(0o600)
    where = ["-u", real_grid.url, f"--cap-file={tmp_path}/cap", "cap:bad"]
    assert barge.ok("get", *where, "-", node=False, code=1).raw == b""
    barge.ok("get", *where, tmp_path / "bad", node=False, code=1)
    assert not (tmp_path / "bad").exists()


def test_a_reader_that_has_had_enough(embedded, client):
    alias, _ = embedded.fresh({"f": embedded.put(content(3 << 20))})
    barge = client(embedded)
    process = barge.start("get", alias + "f", "-")
    assert process.stdout.read(10) == content(3 << 20)[:10]
    process.stdout.close()
    assert process.wait(HANG) == 74
    assert process.stderr.read() == b""
    process.stderr.close()


def test_a_signal_while_nobody_reads(embedded, client):
    alias, _ = embedded.fresh({"f": embedded.put(content(3 << 20))})
    process = client(embedded).start("get", alias + "f", "-")
    assert process.stdout.read(10)  # all is proven, and the pipe is full
    process.send_signal(signal.SIGINT)
    assert process.wait(HANG) == 3
    process.stdout.close()
    process.stderr.close()


def test_full_disks(embedded, client, tmp_path):
    alias, _ = embedded.fresh({"f": embedded.put(content(3 << 20))})
    barge = client(embedded)
    for words in (("get", alias + "f", tmp_path / "f"), ("get", alias + "f", "-"),
                  ("put", "-", alias + "new")):
        done = subprocess.run(["prlimit", "--fsize=1000000", *barge.words(*words)],
                              input=content(3 << 20), capture_output=True, check=False,
                              env=dict(barge.environment, TMPDIR=str(tmp_path)))
        assert done.returncode == 74 and done.stdout == b"", done.stderr
    assert sorted(os.listdir(tmp_path)) == ["home0"]
    assert barge.ok("ls", alias).out == "f\n"


def test_a_gateway_that_goes_away(gateway, client, tmp_path):
    grid = gateway()
    alias, _ = grid.fresh({"f": grid.put(content(3000))})
    held = [f"get:delay={FOR_EVER}"]
    grid.restart(held)
    barge = client(grid)
    process = barge.start("get", "--gateway-wait=1", alias + "f", tmp_path / "f")
    wait_for(lambda: grid.requests("get") == 1)
    grid.kill()
    assert barge.finish(process).code == 69
    assert not (tmp_path / "f").exists() and not leftovers(tmp_path)
    grid.start(held)
    process = barge.start("get", alias + "f", "-")
    wait_for(lambda: grid.requests("get") == 1)
    grid.kill()
    grid.start()
    assert barge.finish(process).raw == content(3000)


@pytest.mark.parametrize("number,code", [(signal.SIGINT, 3), (signal.SIGKILL, -9)])
def test_get_is_ended(gateway, client, tmp_path, number, code):
    grid = gateway()
    alias, _ = grid.fresh({"f": grid.put(content(3000))})
    grid.restart([f"get:delay={FOR_EVER}"])
    process = client(grid).start("get", alias + "f", tmp_path / "f")
    wait_for(lambda: grid.requests("get") == 1)
    process.send_signal(number)
    assert process.wait(HANG) == code
    process.stdout.close()
    process.stderr.close()
    assert not (tmp_path / "f").exists()
    assert number == signal.SIGKILL or not leftovers(tmp_path)


# --- put ----------------------------------------------------------------------------------

def test_what_is_there_is_replaced_unless_it_is_a_directory(embedded, client, tmp_path):
    one = embedded.put(content(100, 1))
    alias, alias_cap = embedded.fresh({"f": one, "d": embedded.mkdir({"f": one})})
    barge = client(embedded)
    barge.ok("put", "-", alias + "f", given=content(100, 2))
    assert embedded.get(embedded.list(alias_cap)["f"][1]["ro_uri"]) == content(100, 2)
    for word, code, text in ((alias + "d", 4, "is a directory"), (alias, 4, "is a directory"),
                             (alias + "d/", 2, "ends with a slash"),
                             (alias + "none/f", 2, "barge cp"), (alias + "f/x", 4, "a file is in the way"),
                             (one, 4, "file's cap"), ("nobody:x", 2, "nobody")):
        run = barge.ok("put", "-", word, given=b"x" * 100, code=code)
        assert text in run.err, run
    assert barge.ok("ls", alias).out == "d/\nf\n"
    for word, code in ((tmp_path, 2), (tmp_path / "none", 2)):
        barge.ok("put", word, alias + "x", code=code)


def test_a_read_only_directory(real_grid, client):
    directory = real_grid.mkdir()
    read_only = json.loads(real_grid.web("GET", f"/uri/{directory}?t=json"))[1]["ro_uri"]
    alias, _ = real_grid.fresh({"ro": read_only})
    run = client(real_grid).ok("put", "-", alias + "ro/x", given=b"x" * 100, code=2)
    assert "read-only" in run.err
    assert real_grid.list(directory) == {}


def test_names_are_normalized(real_grid, client):
    alias, cap = real_grid.fresh({"e\u0301": real_grid.mkdir()})
    barge = client(real_grid)
    barge.ok("put", "-", alias + "u\u0308", given=b"x" * 100)
    assert "\u00fc" in real_grid.list(cap)
    barge.ok("put", "-", alias + "u\u0308", given=b"y" * 100)
    assert barge.ok("get", alias + "u\u0308", "-").raw == b"y" * 100
    barge.ok("put", "-", alias + "e\u0301", given=b"x", code=4)


def test_a_literal_costs_no_upload(gateway, client):
    grid = gateway()
    alias, _ = grid.fresh()
    grid.restart(["put:500"])
    client(grid).ok("put", "-", alias + "x", given=b"x" * 55)
    client(grid).ok("put", "-", alias + "x", given=b"x" * 56, code=1)
    assert grid.requests("put") > 0


def test_the_cap_only_where_it_was_asked_for(embedded, client, tmp_path):
    barge, cap = client(embedded), embedded.put(content(5000))
    alias, _ = embedded.fresh()
    run = barge.ok("put", "-", given=content(5000), code=2)
    assert "--caps-only" in run.err
    run = barge.run("put", "--caps-only", "-", given=content(5000), secret=True)
    assert run.raw == cap.encode() + b"\n" and run.err == ""
    barge.ok("put", f"--cap-out={tmp_path}/cap", "-", alias + "x", given=content(5000))
    assert (tmp_path / "cap").read_text() == cap + "\n"
    assert stat.S_IMODE((tmp_path / "cap").stat().st_mode) == 0o600
    barge.ok("put", f"--cap-out={tmp_path}/cap", "-", given=content(6000), code=4)
    assert (tmp_path / "cap").read_text() == cap + "\n"
    barge.ok("put", f"--cap-out={tmp_path}/other", "-", alias, given=content(6000), code=4)
    assert not (tmp_path / "other").exists() and not leftovers(tmp_path)


@pytest.mark.parametrize("fault", ["put:500@1", "put:reset@1", "put:lost-reply@1", "put:unhappy@1",
                                   "put:wrong-cap@2", "set_children:500@1", "json:500@1",
                                   "set_children:lost-reply@1", "json:truncate@2"])
@pytest.mark.parametrize("secret", [True, False], ids=["cap", "read"])
def test_put_gets_over_trouble(gateway, client, tmp_path, fault, secret):
    grid = gateway()
    alias, cap = grid.fresh()
    grid.restart([fault])
    barge, where = client(grid), "-q"
    if not secret:
        barge, where = without_secret(grid, client, tmp_path)
    source = tmp_path / "source"
    source.write_bytes(content(300000))
    barge.ok("put", where, source, alias + "x", node=secret)
    barge.ok("put", where, "-", alias + "y", given=content(200000), node=secret)
    assert grid.get(grid.list(cap)["x"][1]["ro_uri"]) == content(300000)
    assert grid.get(grid.list(cap)["y"][1]["ro_uri"]) == content(200000)


@pytest.mark.parametrize("secret", [True, False], ids=["cap", "read"])
def test_what_cannot_be_proven_is_not_linked(gateway, client, tmp_path, secret):
    grid = gateway()
    alias, cap = grid.fresh()
    grid.restart(["put:wrong-cap", "get:wrong-body"])
    barge, where = client(grid), "-q"
    if not secret:
        barge, where = without_secret(grid, client, tmp_path)
    barge.ok("put", where, "-", alias + "x", given=content(200000), node=secret, code=1)
    assert grid.list(cap) == {} and grid.requests("set_children") == 0


def test_all_levels(embedded, client):
    alias, _ = embedded.fresh()
    before = embedded.counts()["requests"]
    client(embedded).ok("put", "--verify=cap,check,read", "-", alias + "x", given=content(2000, 9))
    after = embedded.counts()["requests"]
    assert after["check"] == before["check"] + 1 and after["get"] == before["get"] + 1


def test_a_link_that_is_not_there_is_no_success(gateway, client):
    """What the gateway says about a link is looked at."""
    grid = gateway()
    alias, _ = grid.fresh()
    grid.restart(["json:500@2+"])
    run = client(grid).ok("put", "-", alias + "x", given=b"", code=1)
    assert "linking" in run.err


def test_put_of_a_file_that_changes(gateway, client, tmp_path):
    grid = gateway()
    alias, cap = grid.fresh()
    source, barge = tmp_path / "source", client(grid)
    source.write_bytes(content(3 << 20))
    with HoldingGateway(grid, tmp_path / "holding", 0, is_put) as holding:
        process = barge.start("put", "-u", holding.url, source, alias + "x")
        holding.wait_for_others()
        with open(source, "r+b") as file:
            file.write(b"changed")
        holding.let_go()
        run = barge.finish(process)
    assert run.code == 74 and "changed" in run.err
    assert grid.list(cap) == {}


def test_put_is_ended_while_it_waits_for_input(embedded, client):
    alias, cap = embedded.fresh()
    process = client(embedded).start("put", "-", alias + "x", stdin=subprocess.PIPE)
    process.stdin.write(b"some")
    process.stdin.flush()
    await_signals(process)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert process.wait(HANG) == 3
    for pipe in (process.stdin, process.stdout, process.stderr):
        pipe.close()
    assert embedded.list(cap) == {}


def test_a_fifo_is_a_pipe(embedded, client, tmp_path):
    alias, _ = embedded.fresh()
    os.mkfifo(tmp_path / "fifo")
    barge = client(embedded)
    process = barge.start("put", tmp_path / "fifo", alias + "x")
    with open(tmp_path / "fifo", "wb") as fifo:
        fifo.write(content(200000))
    assert barge.finish(process).code == 0
    assert barge.ok("get", alias + "x", "-").raw == content(200000)
