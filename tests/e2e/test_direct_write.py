"""Small files and immutable directories that go straight to the storage servers."""
import signal
import time
import zlib

import pytest

from grid import child, wait_for
from storage import WRITE_FAULTS, NodeCopy, WritingServer, announce, announced
from tree import content, local_tree, same

KIB = 1 << 10
MADE_HERE = "cap: made here"
SIZES = [0, 55, 56, 57, 3000, 4096, 64 * KIB - 1, 64 * KIB]


def make_tree(folder, seed, sizes=SIZES):
    """Files of all sizes in two directories."""
    for place in "", "below":
        (folder / place).mkdir(parents=True, exist_ok=True)
        for size in sizes:
            (folder / place / f"f{size}").write_bytes(content(size, zlib.crc32(f"{seed}{place}".encode())))
    return folder


def stored_by(grid):
    """How many files and immutable directories a gateway has encoded."""
    return grid.counters().get("uploader.files_uploaded", 0)


def incoming(grid):
    """Half-made shares."""
    return [path for path in grid.base.glob("*/storage/shares/incoming/*/*/*")]


# --- real storage servers -----------------------------------------------------------------

@pytest.mark.parametrize("grid_name", ["real_grid", "spread_grid"])
@pytest.mark.parametrize("options", [(), ("--immutable",)], ids=["mutable", "immutable"])
def test_a_tree_goes_to_the_servers(request, client, tmp_path, grid_name, options):
    grid = request.getfixturevalue(grid_name)
    wait_for(lambda: announced(grid).count("anonymous-storage-NURLs") ==
             getattr(grid, "server_count", 1))
    source, (alias, cap) = make_tree(tmp_path / "src", f"{grid_name}{options}"), grid.fresh()
    barge, before = client(grid), stored_by(grid)
    total = barge.ok("cp", "-r", "--json", *options, source, alias).summary()
    assert total["level"].startswith(MADE_HERE), total
    assert stored_by(grid) == before, "the gateway was asked to encode"
    same(grid.tree(cap), {"src": None} | {f"src/{path}": what for path, what
                                          in local_tree(source).items()})
    assert not incoming(grid)
    # The gateway computes the same caps.
    for size in SIZES:
        assert grid.put((source / f"f{size}").read_bytes()) == child(
            grid.url, cap, f"src/f{size}")[1]["ro_uri"]


def test_what_is_there_is_not_sent_again(spread_grid, client, tmp_path):
    source, (alias, _) = make_tree(tmp_path / "src", "again"), spread_grid.fresh()
    barge = client(spread_grid)
    barge.ok("cp", "-r", source, f"{alias}one")
    shares = {path: path.stat().st_mtime_ns for path in spread_grid.share_files()}
    barge.ok("cp", "-r", source, f"{alias}two")
    after = {path: path.stat().st_mtime_ns for path in spread_grid.share_files()}
    new = [path for path in after if path not in shares]
    assert all(path.read_bytes().startswith(b"Tahoe mutable container") for path in new)


def test_a_killed_upload_goes_on_at_once(real_grid, client, tmp_path):
    """Half-made shares are the job's own: nobody waits 30 minutes for them."""
    source, (alias, cap) = make_tree(tmp_path / "src", "killed", [64 * KIB]), real_grid.fresh()
    barge = client(real_grid)
    running = barge.start("cp", "-r", "--bwlimit=16K", source, alias)
    wait_for(lambda: incoming(real_grid), 30)
    running.send_signal(signal.SIGKILL)
    running.wait(20)
    begin = time.monotonic()
    barge.ok("cp", "-r", source, alias)
    assert time.monotonic() - begin < 30
    same(real_grid.tree(cap), {"src": None} | {f"src/{path}": what for path, what
                                               in local_tree(source).items()})
    assert not incoming(real_grid)


def test_a_server_that_stands_still_is_replaced(spread_grid, client, tmp_path):
    source, (alias, cap) = make_tree(tmp_path / "src", "still", [3000]), spread_grid.fresh()
    spread_grid.servers[0].send_signal(signal.SIGSTOP)
    try:
        total = client(spread_grid).ok("cp", "-r", "--json", "--immutable", source, f"{alias}x",
                                       timeout=150).summary()
    finally:
        spread_grid.servers[0].send_signal(signal.SIGCONT)
    assert total["level"].startswith(MADE_HERE)
    same(spread_grid.tree(spread_grid.child(cap, "x/src")[1]["ro_uri"]), local_tree(source))


# --- servers with faults ------------------------------------------------------------------

@pytest.fixture
def servers():
    """servers(*faults): a WritingServer for each."""
    started = []

    def start(*faults):
        started.extend(WritingServer(fault) for fault in faults)
        return started[-len(faults):]
    yield start
    for server in started:
        server.stop()


def encode_as(node, needed, happy, total):
    """Has the node encode in another way."""
    path = node.directory / "tahoe.cfg"
    text = path.read_text()
    for name, value in ("needed", needed), ("happy", happy), ("total", total):
        text = text.replace(f"shares.{name} = 1\n", f"shares.{name} = {value}\n")
    path.write_text(text)


@pytest.mark.parametrize("fault", WRITE_FAULTS)
def test_another_server_takes_what_one_does_not(real_grid, client, servers, tmp_path, fault,
                                                barge_asan):
    """2-of-3 over three of four servers."""
    bad, *good = servers(fault, None, None, None)
    node = NodeCopy(real_grid, tmp_path / "node", announce(bad, *good))
    encode_as(node, 2, 3, 3)
    alias, _ = node.fresh()
    source, before = make_tree(tmp_path / "src", fault, [3000, 4000, 5000]), stored_by(real_grid)
    total = client(node, barge_asan).ok("cp", "-r", "--json", source, alias).summary()
    assert total["level"].startswith(MADE_HERE) and stored_by(real_grid) == before
    assert not bad.stored and bad.asked
    assert sum(len(server.stored) for server in good) == 3 * 6
    assert not any(server.begun for server in good)


@pytest.mark.parametrize("fault", WRITE_FAULTS)
def test_the_gateway_takes_what_no_server_does(real_grid, client, servers, tmp_path, fault,
                                               barge_asan):
    bad = servers(fault, fault)
    node = NodeCopy(real_grid, tmp_path / "node", announce(*bad))
    (alias, cap), before = node.fresh(), stored_by(real_grid)
    source = make_tree(tmp_path / "src", f"none{fault}", [3000])
    client(node, barge_asan).ok("cp", "-r", source, alias)
    assert stored_by(real_grid) == before + 2
    assert not any(server.stored for server in bad)
    same(real_grid.tree(cap), {"src": None} | {f"src/{path}": what for path, what
                                               in local_tree(source).items()})


def test_nothing_half_made_is_left_in_the_gateways_way(real_grid, client, servers, tmp_path):
    """Room at one server of two that are needed: it is given back before the gateway is asked."""
    one, other = servers(None, "unfinished")
    node = NodeCopy(real_grid, tmp_path / "node", announce(one, other))
    encode_as(node, 1, 2, 2)
    alias, _ = node.fresh()
    source = make_tree(tmp_path / "src", "half", [3000])
    client(node).ok("cp", "-r", "--verify=read", source, alias)
    assert not other.begun and not other.stored
    assert any(path.endswith("/abort") for path in other.asked)


def test_without_a_lease_secret_the_gateway_encodes(real_grid, client, servers, tmp_path):
    (server,) = servers(None)
    node = NodeCopy(real_grid, tmp_path / "node", announce(server))
    (node.directory / "private/secret").unlink()
    (alias, _), before = node.fresh(), stored_by(real_grid)
    client(node).ok("cp", "-r", make_tree(tmp_path / "src", "none", [3000]), alias)
    assert stored_by(real_grid) == before + 2 and not server.stored


def test_no_direct_asks_the_gateway_alone(real_grid, client, tmp_path):
    (alias, _), before = real_grid.fresh(), stored_by(real_grid)
    source = make_tree(tmp_path / "src", "gateway", [3000])
    client(real_grid).ok("cp", "-r", "--no-direct", source, alias)
    assert stored_by(real_grid) == before + 2


def test_put_goes_to_the_servers(real_grid, client, tmp_path):
    data, (alias, cap), before = content(5000, 7), real_grid.fresh(), stored_by(real_grid)
    (tmp_path / "f").write_bytes(data)
    client(real_grid).ok("put", tmp_path / "f", alias + "f")
    assert stored_by(real_grid) == before
    assert real_grid.get(child(real_grid.url, cap, "f")[1]["ro_uri"]) == data
