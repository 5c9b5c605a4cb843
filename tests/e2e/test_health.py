"""`barge verify` and `barge repair` of what lies on a grid: shares at the storage servers."""
import re
import struct
import time

import pytest

from grid import uri, wait_for
from storage import FAULTS, NodeCopy, StorageServer, announce, announced, flipped_block
from tree import content

LARGE = (1 << 20) + 99


class Stored:
    """Files in a mutable directory, one of them linked twice, and where their shares are."""
    def __init__(self, grid, seed):
        wait_for(lambda: announced(grid).count("anonymous-storage-NURLs") ==
                 getattr(grid, "server_count", 1))
        self.data = {"small": content(3000, seed), "large": content(LARGE, seed)}
        self.caps, self.shares = {}, {}
        for name, one in self.data.items():
            before = set(grid.share_files())
            self.caps[name] = grid.put(one)
            self.shares[name] = sorted(set(grid.share_files()) - before)
        self.alias, self.cap = grid.fresh({
            **self.caps, "again": self.caps["small"], "little": grid.put(b"little")})


@pytest.fixture
def stored(spread_grid, request):
    return Stored(spread_grid, sum(request.node.name.encode()) + 30000)


def flip(path, where=12 + 36 + 100):
    """Behind the headers of container and share: into the data."""
    raw = bytearray(path.read_bytes())
    raw[where] ^= 1
    path.write_bytes(raw)


def failed(run):
    return {path for path, line in run.entries().items() if line["state"] == "failed"}


@pytest.mark.parametrize("level", ["count", "check", "read", "check,read"])
def test_a_healthy_tree(spread_grid, client, stored, level):
    run = client(spread_grid).ok("verify", stored.alias, f"--verify={level}", "--json")
    total = run.summary()
    assert total["files"] == 3 and total["directories"] == 1 and total["level"] == level
    assert total["failed"] == total["unhealthy"] == total["corrupt_shares"] == 0
    assert set(run.entries()) - {"again"} | {"small"} == {"", "small", "large", "little"}
    if level != "read":
        assert total["healthy"] == 3  # a literal has no shares
        line = run.entries()["large"]
        assert line["good_shares"] == line["expected_shares"] == line["happiness"] == 4


def test_missing_shares_are_counted_and_damaged_ones_are_read(spread_grid, client, stored):
    barge = client(spread_grid)
    stored.shares["large"][0].unlink()
    run = barge.ok("verify", stored.alias, "--json", code=1)
    assert failed(run) == {"large"} and run.summary()["unhealthy"] == 1
    line = run.entries()["large"]
    assert (line["good_shares"], line["needed_shares"], line["good_servers"]) == (3, 2, 3)
    assert "1 more make it healthy" in line["detail"]
    for share in stored.shares["small"][:2]:
        flip(share)
    assert failed(barge.ok("verify", stored.alias, "--json", code=1)) == {"large"}
    run = barge.ok("verify", stored.alias, "--verify=check", "--json", code=1)
    assert run.summary()["unhealthy"] == 2 and run.summary()["corrupt_shares"] == 2
    assert run.summary()["unrecoverable"] == 0
    flip(stored.shares["small"][2])
    run = barge.ok("verify", stored.alias, "--verify=check", "--json", code=1)
    assert run.summary()["unrecoverable"] == 1
    assert all(share.exists() for share in stored.shares["small"])  # nothing is ever deleted


def test_a_tree_is_gone_on_with_after_a_kill(spread_grid, client, stored, barge_debug):
    """What was well is not looked at again; what was not is named again."""
    barge = client(spread_grid, barge_debug)
    stored.shares["large"][0].unlink()
    words = ["verify", stored.alias, "-j1", "--json"]
    run = barge.run(*words, env={"BARGE_KILL": "verify-noted:2"})
    assert run.code == -9
    again = barge.ok(*words, code=1)
    assert failed(again) == {"large"} and again.summary()["before"] == 2
    assert again.summary()["files"] == 2 and again.summary()["directories"] == 1
    assert again.summary()["healthy"] == 2 and again.summary()["unhealthy"] == 1
    assert barge.ok(*words, code=1).summary()["before"] == 0  # it was over


def test_a_chunk_of_a_file_is_mended(spread_grid, client, tmp_path):
    barge = client(spread_grid)
    alias, cap = spread_grid.fresh()
    (tmp_path / "large").write_bytes(content(250_000, 31000))
    before = set(spread_grid.share_files())
    barge.ok("cp", "--chunk=100K", tmp_path / "large", alias)
    shares = [path for path in set(spread_grid.share_files()) - before
              if 51_000 < path.stat().st_size < 60_000]
    assert len(shares) == 8  # of the two chunks of that size
    shares[0].unlink()
    run = barge.ok("verify", alias, "--json", code=1)
    line = run.entries()["large"]
    assert (line["state"], line["good_shares"], line["expected_shares"]) == ("failed", 3, 4)
    assert "of 3: " in line["detail"] and run.summary()["unhealthy"] == 1
    run = barge.ok("repair", alias + "large", "--json")
    assert run.summary()["repaired"] == 1 and shares[0].exists()
    assert barge.ok("verify", alias, "--json").summary()["healthy"] == 2


@pytest.mark.parametrize("what", ["file", "cap", "job"])
def test_what_can_be_named(spread_grid, client, stored, tmp_path, what):
    barge = client(spread_grid)
    stored.shares["large"][0].unlink()
    word = stored.alias + "large"
    if what == "cap":
        spread_grid.add_alias("large", spread_grid.mkdir({"l": stored.caps["large"]}))
        word = "large:l"
    if what == "job":
        (tmp_path / "src").mkdir()
        (tmp_path / "src/large").write_bytes(stored.data["large"])
        barge.ok("cp", "-r", "--no-direct", tmp_path / "src", stored.alias + "job")
        index = stored.shares["large"][0].parent.name
        for share in spread_grid.share_files():  # it may have been stored twice
            if share.parent.name == index and share.name == "1":
                share.unlink()
        word = barge.job().name
    assert barge.ok("verify", word, "--verify=count", "--json", code=1).summary()["unhealthy"] == 1
    run = barge.ok("repair", word)
    told = re.search(r"shares of (\d+) objects checked; before: (\d+) healthy, 1 unhealthy; 1 repairs "
                     r"attempted, 1 successful, 0 failed; now: (\d+) healthy, 0 unhealthy \(0 cannot "
                     r"be recovered now\), 0 corrupt shares", run.err)
    assert told and told[1] == told[3] == str(int(told[2]) + 1), run
    barge.ok("verify", word, "--verify=check")


@pytest.mark.parametrize("form", ["SDMF", "MDMF"])
def test_what_can_change_is_counted_as_by_the_gateway(spread_grid, client, through, form):
    """Healthy, with a share that is missing, of an older version, or damaged: a directory and a
    file.  The gateway is not asked; of one without a share its word counts."""
    grid = spread_grid
    kinds = {"directory": grid.web("POST", f"/uri?t=mkdir&format={form}").decode()}
    before = set(grid.share_files())
    kinds["file"] = grid.web("PUT", f"/uri?format={form}", content(3000, 1)).decode()
    shares = sorted(set(grid.share_files()) - before)
    alias, _ = grid.fresh(kinds)
    old = {path: path.read_bytes() for path in shares}
    grid.web("PUT", uri(kinds["file"]), content(3001, 2))
    new = {path: path.read_bytes() for path in shares}
    node = through(grid)
    barge = client(node)

    def counted(level, *options):
        asked = node.proxy.count("POST")
        run = barge.run("verify", alias, f"--verify={level}", "--json", *options)
        lines = {path: [line.get(key) for key in (
            "state", "good_shares", "needed_shares", "expected_shares", "good_servers",
            "corrupt_shares")] for path, line in run.entries().items()}
        return run.code, lines, node.proxy.count("POST") - asked

    def same_as_the_gateway(level, good, corrupt=0):
        code, lines, asked = counted(level)
        by_gateway = counted(level, "--no-direct")
        assert (code, lines) == by_gateway[:2] and (asked == 0 < by_gateway[2])
        assert lines["file"][1] == good and lines["file"][5] == corrupt
        assert lines["directory"][:4] == ["done", 4, 2, 4] and code == (good < 4)
    for level in "count", "check":
        same_as_the_gateway(level, 4)
    shares[0].write_bytes(old[shares[0]])
    same_as_the_gateway("count", 3)
    shares[0].unlink()
    same_as_the_gateway("count", 3)
    shares[1].write_bytes(flipped_block(new[shares[1]], form))
    same_as_the_gateway("check", 2, 1)
    barge.ok("repair", alias, "--verify=check")
    assert counted("check")[0] == 0


def leases(path):
    """When each lease of a share ends."""
    raw = path.read_bytes()
    (count,) = struct.unpack(">8xL", raw[:12])
    return [struct.unpack(">L", raw[len(raw) - 72 * i + 68:][:4])[0] for i in range(count, 0, -1)]


def test_leases_are_renewed(spread_grid, client, stored):
    for share in stored.shares["small"]:
        raw = bytearray(share.read_bytes())
        raw[-4:] = struct.pack(">L", int(time.time()) + 60)
        share.write_bytes(raw)
    client(spread_grid).ok("verify", stored.alias, "--add-lease")
    for share in stored.shares["small"]:
        (end,) = leases(share)  # the gateway's own, and no second one
        assert end > time.time() + 30 * 86400


@pytest.mark.parametrize("fault", [None, *FAULTS, "garbage"])
def test_a_server_that_lies(real_grid, client, tmp_path, barge_asan, fault):
    """What it has is bad, or it does not answer: then the gateway says how it is."""
    server = StorageServer(real_grid, fault=fault)
    try:
        stored = Stored(real_grid, 40000 + (FAULTS.index(fault) if fault in FAULTS else 99))
        barge = client(NodeCopy(real_grid, tmp_path / "node", announce(server)), barge_asan)
        bad = fault in ("data", "last", "tree", "extension", "short")
        run = barge.ok("verify", stored.alias, "--verify=check", "--json", code=1 if bad else 0)
    finally:
        server.stop()
    assert run.summary()["unhealthy"] == (2 if bad else 0)
    assert len(server.asked) > 0
