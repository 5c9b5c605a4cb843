"""What a copy, a backup or a key command says held it back, with each bottleneck made on purpose.

The disk is not asked to sync, but where it is the bottleneck: it may be slower than what is made slow."""
import os
import time

import pytest

from storage import NodeCopy, WritingServer, announce
from test_bench import most
from test_direct_write import encode_as
from test_filesystems import shim  # noqa: F401 (a fixture)
from test_keys import key_of
from tree import content

pytestmark = pytest.mark.alone


@pytest.fixture
def client(client, shim):  # noqa: F811
    """As everywhere, but for the disk."""
    def make(grid):
        barge = client(grid)
        barge.environment |= shim("/", "nosync")
        return barge
    return make


def many(folder, count, size=3000, seed=0):
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"f{number}").write_bytes(content(size, seed * 100000 + number))
    return folder


def verdict(run):
    return run.summary()["verdict"]


@pytest.mark.parametrize("count, size, delay", [(120, 3000, 100), (20, 200000, 300)])
def test_a_gateway_that_takes_its_time(gateway, client, tmp_path, count, size, delay):
    grid = gateway(f"put:delay={delay}")
    alias, _ = grid.fresh()
    found = verdict(client(grid).ok("cp", "-r", "--json", many(tmp_path / "s", count, size), alias))
    assert most(found) == "gateway" and found["gateway"] > 0.6
    assert "second gateway" in found["next"]


def test_people_hear_of_it_where_it_took_long(gateway, client, tmp_path):
    grid = gateway("get:delay=100", "put:delay=100")
    alias, cap = grid.fresh()
    barge = client(grid)
    source = many(tmp_path / "s", 140)
    run = barge.ok("cp", "-r", "-j3", source, alias)
    line, = [line for line in run.err.splitlines() if "held back by" in line]
    assert line.startswith("barge: held back by: gateway ") and "second gateway (-u)" in line
    assert "held back" not in barge.ok("cp", "-r", source, alias).err


def test_downloads_wait_for_it_too(gateway, client, tmp_path):
    grid = gateway("get:delay=100")
    alias, _ = grid.fresh()
    barge = client(grid)
    barge.ok("cp", "-r", many(tmp_path / "s", 120), alias)
    found = verdict(barge.ok("cp", "-r", "--json", f"{alias}s", tmp_path / "out"))
    assert most(found) == "gateway"


def test_a_backup_says_it_as_well(gateway, client, tmp_path):
    grid = gateway("put:delay=100")
    alias, _ = grid.fresh()
    found = verdict(client(grid).ok("backup", "--json", many(tmp_path / "s", 120), alias))
    assert most(found) == "gateway"


def test_verifying(gateway, client, tmp_path):
    """A job, and what lies below a directory."""
    grid = gateway("check:delay=100", "get:delay=100")
    alias, _ = grid.fresh()
    barge = client(grid)
    barge.ok("cp", "-r", many(tmp_path / "s", 60), alias)
    for words in (("verify", barge.job().name),
                  ("verify", "--verify=read", f"{alias}s")):
        found = verdict(barge.ok(*words, "--json"))
        assert most(found) == "gateway" and "second gateway" in found["next"]


def test_a_key(gateway, client, tmp_path):
    grid = gateway("put:delay=700")
    barge, data, key = client(grid), content(5000), key_of(content(5000))
    (tmp_path / "file").write_bytes(data)
    where = (f"--root={grid.fresh()[0]}", f"--node-directory={grid.directory}", "--json")
    line, = barge.ok("key", "store", key, tmp_path / "file", *where).lines()
    assert (line["event"], line["action"], line["key"]) == ("key", "store", key)
    assert most(line["verdict"]) == "gateway"
    line, = barge.ok("key", "check", key, *where).lines()
    assert line["presence"] == "present"


@pytest.mark.parametrize("kind", ["up", "local"])
def test_a_limit_of_the_rate(embedded, client, tmp_path, kind):
    target = embedded.fresh()[0] if kind == "up" else tmp_path / "out"
    run = client(embedded).ok("cp", "-r", "--json", "--bwlimit=512K",
                              many(tmp_path / "s", 12, 60000), target)
    found = verdict(run)
    assert most(found) == "network" and "--bwlimit" in found["next"]


@pytest.mark.parametrize("words, side, name", [
    ("slowread=20 nosync", "s", "reading"),
    ("slowopen=40 nosync", "s", "scanning"),
    ("slowsync=60", "out", "local-disk")])
def test_a_slow_disk(client, shim, tmp_path, words, side, name):  # noqa: F811
    (tmp_path / "out").mkdir()
    source = tmp_path / "s"
    if name == "scanning":
        for number in range(25):
            many(source / f"d{number}", 1, seed=number)
    else:
        many(source, 300 if name == "reading" else 30)
    env = shim(tmp_path / side, words)
    found = verdict(client(None).ok("cp", "-r", "--json", source, tmp_path / "out", env=env))
    assert most(found) == name, found


def test_one_slow_server_of_ten(real_grid, client, tmp_path):
    servers = [WritingServer() for _ in range(10)]
    note = servers[2].note
    servers[2].note = lambda path: (time.sleep(0.2), note(path))
    try:
        node = NodeCopy(real_grid, tmp_path / "node", announce(*servers))
        encode_as(node, 3, 10, 10)
        found = verdict(client(node).ok("cp", "-r", "--json", "--immutable",
                                        many(tmp_path / "s", 60), node.fresh()[0] + "x"))
    finally:
        for server in servers:
            server.stop()
    assert most(found) == "one-server", found
    assert f":{servers[2].listener.server_address[1]}/" in found["next"]


def test_one_core(client, tmp_path):
    """Holes are read and hashed without a disk; so many that the beginning does not count."""
    (tmp_path / "s").mkdir()
    for number in range(2):
        with open(tmp_path / f"s/f{number}", "wb") as file:
            file.truncate(1 << 32)
    core = min(os.sched_getaffinity(0))
    found = verdict(client(None).ok("cp", "-r", "--json", tmp_path / "s", tmp_path / "out",
                                    preexec_fn=lambda: os.sched_setaffinity(0, [core])))
    assert most(found) == "own-cpu", found
