"""Large files that go straight to the storage servers, encoded while they are sent."""
import signal
import threading
import time

import pytest

from grid import HANG, child, wait_for
from storage import (MIDDLE_FAULTS, NodeCopy, WritingServer, announce, announced,
                     servers_alone)
from test_direct_write import MADE_HERE, encode_as, incoming, stored_by
from tree import content, local_tree, same

KIB, MIB = 1 << 10, 1 << 20
SIZES = [64 * KIB + 1, 128 * KIB - 1, 128 * KIB, 128 * KIB + 1, MIB - 1, MIB, MIB + 1,
         3 * MIB + 12345]


def large_file(path, size, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content(size, seed))
    return path


def files(source, cap, grid):
    """What a grid says of a tree, and what there is."""
    same(grid.tree(cap), {"src": None} | {f"src/{path}": what for path, what
                                          in local_tree(source).items()})


# --- real storage servers -----------------------------------------------------------------

@pytest.mark.parametrize("grid_name", ["real_grid", "spread_grid"])
def test_large_files_go_to_the_servers(request, client, tmp_path, grid_name):
    grid = request.getfixturevalue(grid_name)
    wait_for(lambda: announced(grid).count("anonymous-storage-NURLs") ==
             getattr(grid, "server_count", 1))
    source, (alias, cap) = tmp_path / "src", grid.fresh()
    for size in SIZES:
        large_file(source / f"f{size}", size, size)
    (source / "again").write_bytes((source / f"f{SIZES[-1]}").read_bytes())
    before = stored_by(grid)
    total = client(grid).ok("cp", "-r", "--json", source, alias).summary()
    assert total["level"].startswith(MADE_HERE), total
    assert stored_by(grid) == before, "the gateway was asked to encode"
    files(source, cap, grid)
    assert not incoming(grid)
    # The gateway computes the same caps, finds all shares there, and renews their one lease.
    shares = {path: (path.stat().st_ino, path.stat().st_size) for path in grid.share_files()}
    for size in SIZES:
        assert grid.put((source / f"f{size}").read_bytes()) == child(
            grid.url, cap, f"src/f{size}")[1]["ro_uri"]
    after = {path: (path.stat().st_ino, path.stat().st_size) for path in grid.share_files()}
    changed = {path for path in shares if after.get(path) != shares[path]}
    assert not {path for path in after if path not in shares}, "it has placed others"
    assert not any(path.read_bytes()[:4] == bytes([0, 0, 0, 2]) for path in changed)


def test_put_goes_to_the_servers(real_grid, client, tmp_path):
    path, (alias, cap) = large_file(tmp_path / "f", 5 * MIB + 1, 7), real_grid.fresh()
    before = stored_by(real_grid)
    client(real_grid).ok("put", path, alias + "f")
    assert stored_by(real_grid) == before
    assert real_grid.get(child(real_grid.url, cap, "f")[1]["ro_uri"]) == path.read_bytes()


def test_what_is_there_is_not_sent_again(real_grid, client, tmp_path):
    path, (alias, _) = large_file(tmp_path / "f", 3 * MIB, 8), real_grid.fresh()
    barge = client(real_grid)
    barge.ok("cp", path, f"{alias}one")
    before = stored_by(real_grid)
    barge.ok("cp", "--bwlimit=1K", path, f"{alias}two")  # an hour, were it sent
    assert stored_by(real_grid) == before


@pytest.mark.parametrize("grid_name", ["real_grid", "spread_grid"])
@pytest.mark.parametrize("command", ["cp", "put"])
def test_a_killed_upload_goes_on_where_it_was(request, client, tmp_path, grid_name, command):
    """The half-made shares are the very files that are complete in the end."""
    grid = request.getfixturevalue(grid_name)
    path = large_file(tmp_path / "f", 12 * MIB, sum(map(ord, grid_name + command)))
    (alias, cap), barge = grid.fresh(), client(grid)
    running = barge.start(command, "--bwlimit=800K", path, alias + "f")
    half = wait_for(lambda: [path for path in incoming(grid) if path.stat().st_size > MIB])
    running.send_signal(signal.SIGKILL)
    running.wait(HANG)
    inodes = {path.stat().st_ino for path in half}
    assert inodes and not stored_by_name(grid, inodes)
    barge.ok(command, path, alias + "f")
    assert stored_by_name(grid, inodes) == inodes
    assert not incoming(grid)
    assert grid.get(child(grid.url, cap, "f")[1]["ro_uri"]) == path.read_bytes()


def stored_by_name(grid, inodes):
    """Those of the inodes that are complete shares."""
    return inodes & {path.stat().st_ino for path in grid.share_files()}


def test_nothing_half_made_is_left_by_a_job_that_is_stopped(real_grid, client, tmp_path):
    path, (alias, _) = large_file(tmp_path / "f", 12 * MIB, 9), real_grid.fresh()
    for command in "cp", "put":
        running = client(real_grid).start(command, "--bwlimit=400K", path, alias + "f")
        wait_for(lambda: incoming(real_grid))
        running.send_signal(signal.SIGTERM)
        assert running.wait(HANG) != 0
        assert not incoming(real_grid)


def test_a_server_that_stands_still_in_the_middle_is_done_without(spread_grid, client, tmp_path):
    path, cap = large_file(tmp_path / "f", 16 * MIB, 10), tmp_path / "cap"
    barge = client(servers_alone(spread_grid, tmp_path / "node"))
    running = barge.start("cp", "--json", "--bwlimit=8M", f"--cap-out={cap}", path)
    wait_for(lambda: incoming(spread_grid))
    with spread_grid.standing_still(1):
        run = barge.finish(running)
    assert run.code == 0, run
    stored = spread_grid.child(cap.read_text().strip(), "f")[1]["ro_uri"]
    assert spread_grid.get(stored) == path.read_bytes()


# --- servers with faults ------------------------------------------------------------------

@pytest.fixture
def servers():
    """servers((fault, after), ...): a WritingServer for each."""
    started = []

    def start(*kinds):
        started.extend(WritingServer(*(kind or ())) for kind in kinds)
        return started[-len(kinds):]
    yield start
    for server in started:
        server.stop()


def shares_of(servers):
    """How many shares are complete; none is half-made."""
    assert not any(server.begun for server in servers)
    return sum(len(server.stored) for server in servers)


@pytest.mark.parametrize("fault", MIDDLE_FAULTS)
def test_another_server_takes_what_one_does_not(real_grid, client, servers, tmp_path, fault,
                                                barge_asan):
    """2-of-3 over three of four servers, one of which fails in the middle of its share."""
    bad, *good = servers((fault, 2), None, None, None)
    node = NodeCopy(real_grid, tmp_path / "node", announce(bad, *good))
    encode_as(node, 2, 3, 3)
    (alias, _), before = node.fresh(), stored_by(real_grid)
    for number in range(2):
        large_file(tmp_path / f"src/f{number}", 9 * MIB, number)
    total = client(node, barge_asan).ok("cp", "-r", "--json", tmp_path / "src", alias).summary()
    assert total["level"].startswith(MADE_HERE) and stored_by(real_grid) == before
    assert shares_of(good) == 2 * 3


@pytest.mark.parametrize("fault", MIDDLE_FAULTS)
def test_a_server_is_done_without_where_others_are_enough(real_grid, client, servers, tmp_path,
                                                          fault, barge_asan):
    bad, *good = servers((fault, 1), None, None)
    node = NodeCopy(real_grid, tmp_path / "node", announce(bad, *good))
    encode_as(node, 2, 2, 3)
    (alias, _), before = node.fresh(), stored_by(real_grid)
    client(node, barge_asan).ok("cp", large_file(tmp_path / "f", 9 * MIB, 1), alias)
    assert stored_by(real_grid) == before and not bad.stored
    assert shares_of(good) == 2 and all(server.stored for server in good)


def test_fewer_shares_than_are_needed_are_no_file(real_grid, client, servers, tmp_path):
    """3-of-3, and one server would be enough: the third share needs a place all the same."""
    bad, *good = servers(("500", 1), None, None)
    node = NodeCopy(real_grid, tmp_path / "node", announce(bad, *good))
    encode_as(node, 3, 1, 3)
    (alias, _), before = node.fresh(), stored_by(real_grid)
    client(node).ok("cp", large_file(tmp_path / "f", 9 * MIB, 5), alias)
    assert stored_by(real_grid) == before and shares_of(good) == 3


@pytest.mark.parametrize("fault", MIDDLE_FAULTS)
@pytest.mark.parametrize("command", ["cp", "put"])
def test_the_gateway_takes_what_no_server_does(real_grid, client, servers, tmp_path, fault, command,
                                               barge_asan):
    bad = servers((fault, 1), (fault, 1))
    node = NodeCopy(real_grid, tmp_path / "node", announce(*bad))
    (alias, cap), before = node.fresh(), stored_by(real_grid)
    path = large_file(tmp_path / "f", 9 * MIB, sum(map(ord, fault + command)))
    client(node, barge_asan).ok(command, path, alias + "f")
    assert stored_by(real_grid) == before + 1
    assert not any(server.stored for server in bad)
    assert real_grid.get(child(real_grid.url, cap, "f")[1]["ro_uri"]) == path.read_bytes()


def test_a_server_that_dies_in_the_middle_is_replaced(real_grid, client, servers, tmp_path):
    mortal, *good = servers(None, None, None, None)
    node = NodeCopy(real_grid, tmp_path / "node", announce(mortal, *good))
    encode_as(node, 2, 3, 3)
    alias, _ = node.fresh()
    barge = client(node)
    running = barge.start("cp", "--bwlimit=20M", large_file(tmp_path / "f", 30 * MIB, 2), alias)
    wait_for(lambda: sum(server.writes for server in good) > 3)
    threading.Thread(target=mortal.listener.server_close).start()
    mortal.fault = "close"
    assert barge.finish(running).code == 0
    assert shares_of(good) == 3


def test_the_rest_alone_is_sent_after_a_kill(real_grid, client, servers, tmp_path):
    started = servers(None, None, None)
    node = NodeCopy(real_grid, tmp_path / "node", announce(*started))
    encode_as(node, 2, 3, 3)
    (alias, _), barge = node.fresh(), client(node)
    path = large_file(tmp_path / "f", 20 * MIB, 3)
    running = barge.start("cp", "--bwlimit=4M", path, alias)
    wait_for(lambda: all(server.writes >= 2 for server in started))
    running.send_signal(signal.SIGKILL)
    running.wait(HANG)
    wait_for(lambda: not any(server.open for server in started))  # all that came is taken in
    there = sum(len(data) for server in started for _, _, data in server.begun.values())
    before = sum(server.written for server in started)
    assert there > 3 * MIB
    barge.ok("cp", path, alias)
    sent = sum(server.written for server in started) - before
    whole = sum(len(data) for server in started for data in server.stored.values())
    assert shares_of(started) == 3
    assert whole - there <= sent <= whole - there + 3 * 100, "a header of each share"


def test_more_shares_than_requests_at_a_time(real_grid, client, servers, tmp_path):
    """30-of-200 at three servers."""
    started = servers(None, None, None)
    node = NodeCopy(real_grid, tmp_path / "node", announce(*started))
    encode_as(node, 30, 3, 200)
    (alias, _), before = node.fresh(), stored_by(real_grid)
    for name, size in ("large", 3 * MIB), ("small", 3000):
        path = large_file(tmp_path / name, size, 4)
        client(node).ok("cp", path, alias + name)
    assert stored_by(real_grid) == before and shares_of(started) == 2 * 200
    started[0].stored.clear()  # any 30 of them are the file
    for name in "large", "small":
        client(node).ok("cp", alias + name, tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == (tmp_path / name).read_bytes()
        (tmp_path / "back").unlink()


def test_a_full_server_is_not_asked_for_each_file(real_grid, client, servers, tmp_path):
    full, other = servers(("full",), None)
    node = NodeCopy(real_grid, tmp_path / "node", announce(full, other))
    alias, _ = node.fresh()
    for number in range(40):
        large_file(tmp_path / f"src/f{number}", 70000, number)
    client(node).ok("cp", "-r", "-j1", tmp_path / "src", alias)
    assert len(other.stored) == 40 and not full.stored
    asked = sum(path.startswith("POST") for path in full.asked)
    assert asked == 1, full.asked


def test_memory_is_bounded_however_many_files_there_are(real_grid, client, servers, tmp_path):
    started = servers(None, None, None)
    node = NodeCopy(real_grid, tmp_path / "node", announce(*started))
    encode_as(node, 3, 3, 10)
    (alias, _), barge = node.fresh(), client(node)
    for number in range(8):
        large_file(tmp_path / f"src/f{number}", 5 * MIB, number)
    running, peak = barge.start("cp", "-q", "-r", tmp_path / "src", alias), 0
    while running.poll() is None:
        peak = max(peak, peak_of(running.pid))
        time.sleep(0.02)
    run = barge.finish(running)
    assert run.code == 0 and shares_of(started) == 8 * 10, run
    print(f"peak {peak >> 20} MiB")
    assert 20 * MIB < peak < 110 * MIB, "64 MiB of them are bodies"


def peak_of(pid):
    """Bytes of resident memory at most, so far."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            return int(file.read().split("VmHWM:")[1].split()[0]) << 10
    except (OSError, IndexError):
        return 0


def test_a_copy_of_a_mutable_file_goes_to_the_servers(real_grid, client, tmp_path):
    """From grid to grid it is read, and stored as an immutable one."""
    data = content(200 * KIB, 11)
    cap = real_grid.web("PUT", "/uri?format=sdmf", data).decode()
    source, _ = real_grid.fresh({"f": cap})
    (alias, made), before = real_grid.fresh(), stored_by(real_grid)
    client(real_grid).ok("cp", f"{source}f", f"{alias}f")
    assert stored_by(real_grid) == before
    stored = child(real_grid.url, made, "f")[1]["ro_uri"]
    assert stored.startswith("URI:CHK:") and real_grid.get(stored) == data
