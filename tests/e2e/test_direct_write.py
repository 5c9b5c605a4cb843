"""Small files and immutable directories that go straight to the storage servers."""
import json
import signal
import zlib

import pytest

from grid import HANG, child, uri, wait_for
from storage import (SLOT_FAULTS, WRITE_FAULTS, NodeCopy, WritingServer, announce, announced,
                     servers_alone)
from tree import below, content, local_tree, same

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
    barge, before, left = client(grid), stored_by(grid), incoming(grid)
    total = barge.ok("cp", "-r", "--json", *options, source, alias).summary()
    assert total["level"].startswith(MADE_HERE), total
    assert stored_by(grid) == before, "the gateway was asked to encode"
    same(grid.tree(cap), {"src": None} | {f"src/{path}": what for path, what
                                          in local_tree(source).items()})
    assert set(incoming(grid)) <= set(left)  # a server that stood still may have some
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
    wait_for(lambda: incoming(real_grid))
    running.send_signal(signal.SIGKILL)
    running.wait(HANG)
    barge.ok("cp", "-r", source, alias)
    same(real_grid.tree(cap), {"src": None} | {f"src/{path}": what for path, what
                                               in local_tree(source).items()})
    assert not incoming(real_grid)


@pytest.mark.parametrize("options", [(), ("--immutable",)], ids=["mutable", "immutable"])
def test_a_server_that_stands_still_is_replaced(spread_grid, client, tmp_path, options):
    """A gateway would wait a minute for it with each directory."""
    source, cap = make_tree(tmp_path / "src", f"still{options}", [3000]), tmp_path / "cap"
    node = servers_alone(spread_grid, tmp_path / "node")
    with spread_grid.standing_still(0):
        total = client(node).ok("cp", "-r", "--json", *options, "--timeout-connect=4",
                                f"--cap-out={cap}", source).summary()
    assert total["level"].startswith(MADE_HERE)
    same(spread_grid.tree(cap.read_text().strip()), below("src", local_tree(source)))


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


# --- mutable directories ------------------------------------------------------------------

def keyed(proxy):
    """Requests that make a mutable directory at the gateway."""
    return proxy.count("POST", "t=mkdir-with-children")


@pytest.mark.parametrize("grid_name", ["real_grid", "spread_grid"])
def test_mutable_directories_go_to_the_servers(request, client, through, tmp_path, grid_name):
    """The gateway reads them, writes them and repairs nothing; their keys were told to nobody."""
    grid = request.getfixturevalue(grid_name)
    source = make_tree(tmp_path / "src", f"slots{grid_name}", [0, 56, 3000])
    (source / "empty").mkdir()
    (source / "below" / "\u00fcn\u00ef").mkdir()
    node = through(grid)
    alias, cap = node.fresh()
    barge, before = client(node), grid.mutable_slots()
    total = barge.ok("cp", "-r", "--json", source, f"{alias}new/").summary()
    assert total["level"].startswith(MADE_HERE) and keyed(node.proxy) == 0
    shares = grid.shares[2]
    assert grid.mutable_slots() - before == 5 * shares
    tree = {"new": None, "new/src": None} | {f"new/src/{path}": what for path, what
                                            in local_tree(source).items()}
    same(grid.tree(cap), tree)
    for path in "new/src", "new/src/empty", "new/src/below":
        one = grid.child(cap, path)[1]["rw_uri"]
        check = json.loads(grid.web("POST", uri(one, t="check", verify="true", output="JSON")))
        assert check["results"]["healthy"] and check["results"]["count-shares-good"] == shares
        grid.link(one, "later", grid.put(b"x" * 70))
        check = json.loads(grid.web("POST", uri(one, t="check", verify="true", output="JSON")))
        assert check["results"]["healthy"] and check["results"]["count-shares-good"] == shares
        leases = json.loads(grid.web("POST", uri(one, t="check", **{
            "add-lease": "true", "output": "JSON"})))
        assert leases["results"]["healthy"]
        assert "later" in barge.ok("ls", alias + path).out
    (source / "below" / "more").write_bytes(b"y" * 80)
    barge.ok("cp", "-r", source, f"{alias}new/")
    assert grid.child(cap, "new/src/below/more")[1]["size"] == 80


@pytest.mark.parametrize("point", ["intent-durable:2", "directory-start:2", "directory-made:1",
                                   "direct-slot-sent:1", "direct-slot-sent:3"])
def test_a_killed_job_makes_no_directory_twice(spread_grid, client, through, barge_debug, tmp_path,
                                               point):
    source = make_tree(tmp_path / "src", f"killed{point}", [57])
    node = through(spread_grid)
    alias, cap = node.fresh()
    barge, before = client(node, barge_debug), spread_grid.mutable_slots()
    words = ["cp", "-r", "--json", source, f"{alias}new/"]
    assert barge.run(*words, env={"BARGE_KILL": point}).code == -9
    barge.ok("resume", "--json")
    assert keyed(node.proxy) == 0
    assert spread_grid.mutable_slots() - before == 3 * spread_grid.shares[2]
    same(spread_grid.tree(cap), {"new": None, "new/src": None} | {
        f"new/src/{path}": what for path, what in local_tree(source).items()})


@pytest.fixture
def slots():
    """slots(*faults): a WritingServer that takes mutable directories too for each."""
    started = []

    def start(*faults):
        started.extend(WritingServer(fault, slots=True) for fault in faults)
        return started[-len(faults):]
    yield start
    for server in started:
        server.stop()


def make_only_directories(folder):
    for path in "a/b", "c":
        (folder / path).mkdir(parents=True)
    return folder


@pytest.mark.parametrize("fault", SLOT_FAULTS)
def test_another_server_takes_the_shares_of_a_directory(real_grid, client, through, slots, tmp_path,
                                                        barge_asan, fault):
    """2-of-3 over three of four servers."""
    bad, *good = slots(fault, None, None, None)
    node = through(real_grid, announce(bad, *good))
    encode_as(node, 2, 3, 3)
    alias, _ = node.fresh()
    client(node, barge_asan).ok("cp", "-r", make_only_directories(tmp_path / "src"), alias)
    assert keyed(node.proxy) == 0 and bad.asked
    shares = {}
    for server in good:
        for (index, number), share in server.slot_shares.items():
            shares.setdefault(index, {})[number] = share[:75]
    assert len(shares) == 4
    for one in shares.values():
        assert set(one) == {0, 1, 2} and len(set(one.values())) == 1, "two versions"


@pytest.mark.parametrize("fault", ["401", "never"])
def test_the_gateway_makes_a_directory_that_no_server_takes(real_grid, client, through, slots,
                                                            tmp_path, barge_asan, fault):
    bad = slots(fault, fault)
    node = through(real_grid, announce(*bad))
    alias, cap = node.fresh()
    client(node, barge_asan).ok("cp", "-r", make_only_directories(tmp_path / "src"), alias)
    assert keyed(node.proxy) == 4 and not any(server.slot_shares for server in bad)
    same(real_grid.tree(cap), dict.fromkeys(["src", "src/a", "src/a/b", "src/c"]))
