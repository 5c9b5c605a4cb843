"""Files that come straight from the storage servers: proven without the gateway, and from the
gateway wherever a server fails."""
import os
import signal
import time

import pytest

from grid import HANG, Grid, wait_for
from storage import FAULTS, OTHER_PIN, NodeCopy, StorageServer, announce, announced
from tree import content, local_tree, same, summary

KIB, MIB = 1 << 10, 1 << 20
# Whole shares are asked for up to 128 KiB; segments have 1 MiB, or 128 KiB.
SIZES = {"empty": 0, "literal": 55, "little": 56, "small": 3000, "edge": 128 * KIB,
         "over": 128 * KIB + 1, "large": 5 * MIB + 7}
FILES = 5  # that are no literals
PROVEN = "hash tree of the cap, by storage servers"


class Stored:
    """A directory with files of given sizes, and what they are locally."""
    def __init__(self, grid, sizes, seed):
        data = {name: content(size, seed) for name, size in sizes.items()}
        self.caps = {name: grid.put(one) for name, one in data.items()}
        self.alias, self.cap = grid.fresh(self.caps)
        self.tree = {name: summary(one) for name, one in data.items()}


@pytest.fixture(scope="module")
def stored(real_grid):
    wait_for(lambda: "anonymous-storage-NURLs" in announced(real_grid))
    return Stored(real_grid, SIZES, 500)


@pytest.fixture
def node(tmp_path):
    """node(grid, cache, secret=True): a NodeCopy; what it knows is searched for at the end."""
    made = []

    def make(grid, cache, **options):
        made.append(NodeCopy(grid, tmp_path / f"copy{len(made)}", cache, **options))
        return made[-1]
    yield make
    for path in tmp_path.glob("home*/**/*"):
        for secret in [secret for one in made for secret in one.secrets()]:
            assert not path.is_file() or secret not in path.read_bytes(), path


@pytest.fixture
def serve(real_grid):
    """serve(numbers=None, fault=None): a StorageServer with the shares of the real grid."""
    started = []

    def start(**options):
        started.append(StorageServer(real_grid, **options))
        return started[-1]
    yield start
    for server in started:
        server.stop()


class Spread(Grid):
    """A gateway to the real grid whose files have more shares than one, all on the one server."""
    def __init__(self, real_grid, needed, total, segment):
        self.needed, self.total = needed, total
        self.directory = real_grid.base / f"{needed}of{total}"
        port = real_grid.make_node("create-client", self.directory)
        config = self.directory / "tahoe.cfg"
        config.write_text(config.read_text().replace("shares.needed = 1", (
            f"shares.needed = {needed}\n"
            f"shares._max_immutable_segment_size_for_testing = {segment}")).replace(
                "shares.total = 1", f"shares.total = {total}"))
        self.url = f"http://127.0.0.1:{port}/"
        real_grid.run_gateway(self.directory, self.url)
        wait_for(lambda: "anonymous-storage-NURLs" in announced(self))


@pytest.fixture(scope="module", params=[(3, 5, MIB), (2, 3, 128 * KIB)],
                ids=["3-of-5", "2-of-3-old"])
def spread(real_grid, request):
    return Spread(real_grid, *request.param)


def fetch(barge, word, out, *options, code=0):
    """Copies to `out`; returns the summary."""
    return barge.ok("cp", "-r", "--json", *options, word, out, code=code).summary()


def arrives(barge, stored, out, *options):
    """Copies what is stored, which must come whole; returns the summary."""
    total = fetch(barge, stored.alias, out, *options)
    same(local_tree(out), stored.tree)
    return total


def served(grid):
    """How many files a gateway has sent."""
    return grid.counters().get("downloader.files_downloaded", 0)


# --- a real storage server ----------------------------------------------------------------

def test_a_tree_comes_from_the_servers(real_grid, client, stored, tmp_path):
    barge, before = client(real_grid), served(real_grid)
    total = arrives(barge, stored, tmp_path / "a")
    assert total["direct"] == FILES and total["reread"] == 0
    assert total["level"].startswith(PROVEN) and served(real_grid) == before
    total = arrives(barge, stored, tmp_path / "b", "--no-direct")
    assert total["direct"] == total["reread"] == 0 and total["level"].startswith("key")
    assert served(real_grid) == before + FILES


@pytest.mark.parametrize("how", ["alias", "cap"])
def test_without_the_secret_nothing_is_read_twice(real_grid, client, node, stored, tmp_path, how):
    barge = client(node(real_grid, announced(real_grid), secret=False))
    word, options = stored.alias, []
    if how == "cap":
        (tmp_path / "cap").write_text(stored.cap)
        (tmp_path / "cap").chmod(0o600)
        word, options = "cap:", [f"--cap-file={tmp_path}/cap"]
    total = fetch(barge, word, tmp_path / "a", *options)
    assert total["direct"] == FILES and total["reread"] == 0
    total = fetch(barge, word, tmp_path / "b", "--no-direct", *options)
    assert total["direct"] == 0 and total["reread"] == FILES
    for out in "a", "b":
        same(local_tree(tmp_path / out), stored.tree)


@pytest.mark.parametrize("name", SIZES)
def test_get(real_grid, client, stored, name):
    barge, before = client(real_grid), served(real_grid)
    assert summary(barge.ok("get", stored.alias + name, "-").raw) == stored.tree[name]
    assert served(real_grid) == before
    barge.ok("get", "--no-direct", stored.alias + name, "-")
    assert served(real_grid) == before + (SIZES[name] > 55)


def test_ranges(real_grid, client, stored, tmp_path):
    before = served(real_grid)
    total = arrives(client(real_grid), stored, tmp_path / "out", "--range-size=1M")
    assert total["direct"] == FILES and served(real_grid) == before


def test_a_killed_copy_goes_on(real_grid, client, barge_asan, stored, tmp_path):
    barge, before = client(real_grid, barge_asan), served(real_grid)
    words = ["cp", "--json", "--range-size=1M", stored.alias + "large", tmp_path / "large"]
    assert barge.run(*words, env={"BARGE_KILL": "fetch-piece:3"}).code == -9
    assert not (tmp_path / "large").exists()
    barge.ok("resume", "--json")
    assert summary((tmp_path / "large").read_bytes()) == stored.tree["large"]
    assert served(real_grid) == before


@pytest.mark.parametrize("secret", [True, False], ids=["secret", "none"])
def test_a_flipped_bit_on_the_disk_is_never_delivered(real_grid, client, node, tmp_path, secret):
    before = set(real_grid.share_files())
    bad = real_grid.put(content(2 * MIB + 9, 501 + secret))
    (share,) = set(real_grid.share_files()) - before
    alias, _ = real_grid.fresh({"bad": bad, "good": real_grid.put(content(3000, 501))})
    raw = bytearray(share.read_bytes())
    raw[12 + 36 + 2 * MIB + 1] ^= 1  # container header, share header, into the last segment
    share.write_bytes(raw)
    barge = client(node(real_grid, announced(real_grid), secret=secret))
    run = barge.ok("cp", "-r", "--json", alias, tmp_path / "out", code=1)
    assert {path: line["state"] for path, line in run.entries().items() if path} == {
        "bad": "failed", "good": "done"}
    assert os.listdir(tmp_path / "out") == ["good"]
    assert run.summary()["direct"] == 1
    assert barge.ok("get", alias + "bad", "-", code=1).raw == b""
    share.unlink()


# --- k of n -------------------------------------------------------------------------------

SPREAD_SIZES = {"little": 57, "small": 3001, "middle": 300 * KIB + 2, "large": 5 * MIB + 11}


@pytest.fixture
def scattered(real_grid, spread, request):
    """(Stored, [{number: path} of the shares of each file])."""
    seed, shares = request.node.name, {}
    before = set(real_grid.share_files())
    one = Stored(spread, SPREAD_SIZES, sum(seed.encode()))
    for path in set(real_grid.share_files()) - before:
        if not path.read_bytes().startswith(b"Tahoe mutable"):
            shares.setdefault(path.parent.name, {})[int(path.name)] = path
    assert {len(numbers) for numbers in shares.values()} == {spread.total}
    assert len(shares) == len(SPREAD_SIZES)
    return one, list(shares.values())


def lose(shares, numbers):
    for share in shares:
        for number in numbers:
            share[number].unlink()


def test_shares_are_decoded(spread, client, scattered, tmp_path):
    one, shares = scattered
    barge, before = client(spread), tmp_path / "before"
    assert arrives(barge, one, before)["direct"] == len(one.tree)
    lose(shares, [0])
    assert arrives(barge, one, tmp_path / "one lost")["direct"] == len(one.tree)
    lose(shares, range(1, spread.total - spread.needed))
    total = arrives(barge, one, tmp_path / "as few as can be", "--range-size=1M")
    assert total["direct"] == len(one.tree) and total["reread"] == 0
    lose(shares, [spread.total - 1])
    run = barge.ok("cp", "-r", "--json", one.alias, tmp_path / "out", code=1)
    assert run.summary()["failed"] == len(one.tree) and run.summary()["direct"] == 0
    assert "not enough shares" in run.err and local_tree(tmp_path / "out") == {}


def test_one_share_a_server(spread, client, node, serve, scattered, tmp_path):
    """As many of the servers as can be done without answer nothing of use."""
    one, spare = scattered[0], spread.total - spread.needed
    servers = [serve(numbers={number}) for number in range(spread.total)]
    barge = client(node(spread, announce(*servers)))
    for fault in None, "500", "close", "garbage":
        for server in servers[:spare]:
            server.fault = fault
        assert arrives(barge, one, tmp_path / f"out {fault}")["direct"] == len(one.tree), fault
    for server in servers[:spare + 1]:
        server.fault = "garbage"
    assert arrives(barge, one, tmp_path / "too few")["direct"] == 0


@pytest.mark.parametrize("fault", ["data", "last", "short", "shifted"])
def test_one_of_the_servers_lies(spread, client, node, serve, scattered, tmp_path, fault):
    servers = [serve(numbers={number}) for number in range(spread.needed)]
    servers[0].fault = fault
    barge = client(node(spread, announce(*servers)))
    assert arrives(barge, scattered[0], tmp_path / "out")["direct"] == 0
    assert all(server.asked for server in servers)


@pytest.mark.parametrize("fault, rate", [("trickle", 200), ("drip", 0.05)])
def test_one_that_trickles_is_left_for_the_others(spread, client, node, serve, scattered, tmp_path,
                                                  fault, rate):
    """At its rate the large file would take hours; a list of shares minutes."""
    servers = [serve(numbers={number}) for number in range(spread.total)]
    barge = client(node(spread, announce(*servers)))
    servers[0].fault, servers[0].rate = fault, rate
    assert arrives(barge, scattered[0], tmp_path / "out")["direct"] == len(scattered[0].tree)


# --- servers that fail --------------------------------------------------------------------

def test_it_takes_few_requests(real_grid, client, node, serve, stored, tmp_path):
    """One for each of three whole shares; one for a hash tree, and one for each 4 MiB."""
    server = serve()
    barge = client(node(real_grid, announce(server)))
    assert arrives(barge, stored, tmp_path / "out")["direct"] == FILES
    assert len(server.asked) == 3 + 2 + 3, server.asked


def test_another_server_has_the_share(real_grid, client, node, serve, stored, tmp_path):
    empty, full = [serve(numbers=()) for _ in range(3)], serve()
    barge = client(node(real_grid, announce(*empty, full)))
    assert arrives(barge, stored, tmp_path / "out")["direct"] == FILES
    assert full.asked and any(server.asked for server in empty)


@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_server_spoils_comes_from_the_gateway(real_grid, client, node, serve, stored,
                                                     tmp_path, fault, barge_asan):
    server, before = serve(fault=fault), served(real_grid)
    barge = client(node(real_grid, announce(server), secret=False), barge_asan)
    total = arrives(barge, stored, tmp_path / "out")
    assert server.asked and total["direct"] == 0 and total["reread"] == FILES
    assert served(real_grid) >= before + FILES
    server.fault = None
    total = arrives(barge, stored, tmp_path / "sound")
    assert total["direct"] == FILES and total["reread"] == 0


MANY = 20


@pytest.fixture(scope="module")
def many(real_grid):
    return Stored(real_grid, {f"f{number}": 3000 + number for number in range(MANY)}, 503)


@pytest.mark.parametrize("fault", ["500", "close", "whole", "long", "data", "short", "extension",
                                   pytest.param("hang", marks=pytest.mark.long)])
def test_a_server_that_fails_is_left_alone(real_grid, client, node, serve, many, tmp_path, fault):
    server = serve(fault=fault)
    barge = client(node(real_grid, announce(server)))
    assert arrives(barge, many, tmp_path / "out", "-j4")["direct"] == 0
    # As many as are in flight at once; a share that is no good is not yet the server's fault.
    allowed = 8 if fault in ("data", "short", "extension") else 4
    assert 1 <= len(server.asked) <= allowed, server.asked


def test_nobody_waits_for_a_silent_server_after_an_interrupt(real_grid, client, node, serve, many,
                                                             tmp_path):
    server = serve(fault="hang")
    barge = client(node(real_grid, announce(server)))
    running = barge.start("cp", "-r", many.alias, tmp_path / "out")
    wait_for(lambda: server.asked)
    begin = time.monotonic()
    running.send_signal(signal.SIGINT)
    assert running.wait(HANG) == 3
    assert time.monotonic() - begin < 15


def test_a_server_that_trickles_is_left_for_the_gateway(real_grid, client, node, serve, stored,
                                                        tmp_path):
    server, before = serve(fault="trickle", rate=200), served(real_grid)
    barge = client(node(real_grid, announce(server)))
    assert arrives(barge, stored, tmp_path / "out")["direct"] < FILES
    assert served(real_grid) > before and server.asked


def test_a_rate_of_our_own_makes_no_server_slow(real_grid, client, node, serve, tmp_path):
    """Less than a server has to bring, for longer than it is given."""
    server, one = serve(), Stored(real_grid, {"a": 50 * KIB}, 506)
    barge = client(node(real_grid, announce(server)))
    assert arrives(barge, one, tmp_path / "out", "--bwlimit=10K")["direct"] == 1


@pytest.mark.parametrize("fault", ["500", "close"])
def test_a_server_that_fails_is_not_asked_again(real_grid, client, node, serve, tmp_path, fault):
    """Neither for segments of the old size."""
    server, large = serve(fault=fault), Stored(real_grid, {"large": 2 * MIB}, 504)
    barge = client(node(real_grid, announce(server)))
    assert arrives(barge, large, tmp_path / "out")["direct"] == 0
    assert len(server.asked) == 1, server.asked


@pytest.mark.parametrize("secret", [True, False], ids=["secret", "none"])
def test_what_changed_on_the_disk_is_seen(real_grid, client, node, serve, tmp_path, secret):
    """The second range comes first, and is read from the disk once the first is there."""
    data = content(2 * MIB, 505)
    server, alias = serve(fault="held"), real_grid.fresh({"f": real_grid.put(data)})[0]
    barge = client(node(real_grid, announce(server), secret=secret))
    running = barge.start("cp", "-r", "--range-size=1M", alias, tmp_path / "out")

    def second_range_is_there():
        place = next(iter((tmp_path / "out").glob(".barge-*")), None)
        return place and place.read_bytes()[MIB:] == data[MIB:] and place
    with open(wait_for(second_range_is_there), "r+b") as file:
        file.seek(MIB + 5)
        file.write(bytes([data[MIB + 5] ^ 1]))
    server.ended.set()
    run = barge.finish(running)
    assert run.code == 0, run.err
    assert (tmp_path / "out/f").read_bytes() == data


def test_get_reads_once_what_the_server_proves(real_grid, client, node, serve, many):
    server = serve()
    barge = client(node(real_grid, announce(server), secret=False))
    for asked, options in ((1, []), (1, ["--no-direct"])):
        got = barge.ok("get", *options, many.alias + "f7", "-")
        assert summary(got.raw) == many.tree["f7"] and len(server.asked) == asked


# --- announcements ------------------------------------------------------------------------

@pytest.mark.parametrize(("other", "asked"), [({"pin": OTHER_PIN}, False),
                                              ({"swissnum": "a" * 32}, True)],
                         ids=["pin", "swissnum"])
def test_a_server_that_is_not_the_announced_one(real_grid, client, node, serve, many, tmp_path,
                                                other, asked):
    """To one with another key nothing is sent."""
    server = serve()
    barge = client(node(real_grid, announce(server, **other)))
    assert arrives(barge, many, tmp_path / "out", "-j4")["direct"] == 0
    assert bool(server.asked) == asked and len(server.asked) <= 4


def test_nobody_listens(real_grid, client, node, serve, stored, tmp_path):
    server = serve()
    cache = announce(server)
    server.stop()
    barge = client(node(real_grid, cache))
    assert arrives(barge, stored, tmp_path / "out")["direct"] == 0


@pytest.mark.parametrize("cache", ["- [", "ann: {}", "\0"], ids=["yaml", "mapping", "nul"])
def test_a_damaged_file_is_warned_of(real_grid, client, node, stored, tmp_path, cache):
    barge = client(node(real_grid, cache))
    run = barge.ok("cp", "-r", "--json", stored.alias, tmp_path / "out")
    same(local_tree(tmp_path / "out"), stored.tree)
    assert "warning: everything is read through the gateway: " in run.err
    assert "introducer_default_cache.yaml is not a list" in run.err
    assert run.summary()["direct"] == 0
    run = barge.ok("cp", "-r", "--no-direct", stored.alias, tmp_path / "silent")
    assert "introducer_default_cache.yaml" not in run.err


@pytest.mark.parametrize("cache", ["", "[]"], ids=["empty", "none"])
def test_no_servers(real_grid, client, node, stored, tmp_path, cache):
    barge = client(node(real_grid, cache))
    run = barge.ok("cp", "-r", "--json", stored.alias, tmp_path / "out")
    assert run.summary()["direct"] == 0 and "warning" not in run.err


@pytest.mark.parametrize("words, open_", [
    ("[connections]\ntcp = tcp\n", True), ("[connections]\ntcp = tor\n", False),
    ("[node]\nreveal-IP-address = false\n", False), ("[storage]\nforce_foolscap = true\n", False)])
def test_a_node_that_hides_its_address_is_never_gone_past(real_grid, client, node, serve, stored,
                                                          tmp_path, words, open_):
    server, (alias, _) = serve(), real_grid.fresh()
    copy = node(real_grid, announce(server))
    config = copy.directory / "tahoe.cfg"
    config.write_text(config.read_text() + "\n" + words)
    barge = client(copy)
    runs = [barge.ok("cp", "-r", "--json", stored.alias, tmp_path / "out"),
            barge.ok("cp", "-r", "--json", tmp_path / "out", alias)]
    barge.ok("verify", barge.job().name)
    barge.ok("ls", stored.alias)
    barge.ok("get", stored.alias + "large", tmp_path / "large")
    assert (runs[0].summary()["direct"] > 0) == open_
    assert bool(server.asked) == open_


def test_what_opens_a_server_is_told_to_nobody(real_grid, client, node, serve, stored, tmp_path):
    """What is printed is searched after each run, the state directory by `node`."""
    cache = announced(real_grid) + announce(serve(fault="500"), serve(fault="data"))
    copy = node(real_grid, cache)
    assert len(copy.secrets()) == 2 + 2 * 3
    barge = client(copy)
    barge.ok("cp", "-r", "-v", "--json", stored.alias, tmp_path / "out")
    barge.ok("get", "-v", stored.alias + "large", tmp_path / "large")
    assert list(barge.state.glob("jobs/*/*"))
