"""Where a file's shares are likely to be is asked for at once, and the servers only after that."""

import pytest

from grid import Grid, wait_for
from storage import NodeCopy, StorageServer, WritingServer, announce, announced
from tree import content, local_tree, same, summary

FILES, NEEDED, TOTAL = 60, 3, 5
SIZE = 4000


class Spread(Grid):
    """A gateway to the real grid whose files are 3-of-5, all shares on the one server."""
    def __init__(self, real_grid):
        self.directory = real_grid.base / "numbers"
        port = real_grid.make_node("create-client", self.directory)
        config = self.directory / "tahoe.cfg"
        config.write_text(config.read_text().replace(
            "shares.needed = 1", f"shares.needed = {NEEDED}").replace(
                "shares.total = 1", f"shares.total = {TOTAL}"))
        self.url = f"http://127.0.0.1:{port}/"
        real_grid.run_gateway(self.directory, self.url)
        wait_for(lambda: "anonymous-storage-NURLs" in announced(self))


class Stored:
    def __init__(self, grid):
        data = {f"f{i:02}": content(SIZE, 7000 + i) for i in range(FILES)}
        self.alias, self.cap = grid.fresh({name: grid.put(one) for name, one in data.items()})
        self.tree = {name: summary(one) for name, one in data.items()}


@pytest.fixture(scope="module")
def spread(real_grid):
    return Spread(real_grid)


@pytest.fixture(scope="module")
def stored(spread):
    return Stored(spread)


@pytest.fixture
def serve(real_grid):
    """serve(*sets): a StorageServer for each set of numbers, with those of the real grid."""
    started = []

    def start(*sets):
        started.extend(StorageServer(real_grid, numbers=numbers) for numbers in sets)
        return started[-len(sets):]
    yield start
    for server in started:
        server.stop()


def asked(servers):
    """(questions, shares asked for) of all servers since the last time."""
    paths = [path for server in servers for path in server.asked]
    for server in servers:
        server.asked.clear()
    questions = sum(path.endswith("/shares") for path in paths)
    return questions, len(paths) - questions


def fetch(barge, stored, out):
    total = barge.ok("cp", "-r", "--json", "-j4", stored.alias, out).summary()
    same(local_tree(out), stored.tree)
    assert total["direct"] == FILES
    return total


def test_a_server_that_keeps_its_number_is_asked_for_it(spread, client, serve, stored, tmp_path):
    servers = serve(*({number} for number in range(TOTAL)))
    barge = client(NodeCopy(spread, tmp_path / "node", announce(*servers)))
    fetch(barge, stored, tmp_path / "out")
    questions, shares = asked(servers)
    # Every server has to be known, while several files are on their way.
    assert questions <= 40 and NEEDED * FILES <= shares <= NEEDED * FILES + 5, (questions, shares)


def test_several_shares_a_server(spread, client, serve, stored, tmp_path):
    servers = serve({0, 3}, {1, 2, 4})
    barge = client(NodeCopy(spread, tmp_path / "node", announce(*servers)))
    fetch(barge, stored, tmp_path / "out")
    questions, shares = asked(servers)
    assert questions <= 30 and NEEDED * FILES <= shares <= NEEDED * FILES + 5, (questions, shares)


def test_shares_that_went_by_the_order_of_the_servers(real_grid, client, tmp_path):
    """Those written here lie otherwise for each file, but by a rule."""
    servers = [WritingServer() for _ in range(TOTAL)]
    try:
        node = NodeCopy(real_grid, tmp_path / "node", announce(*servers))
        path = node.directory / "tahoe.cfg"
        path.write_text(path.read_text().replace("needed = 1", f"needed = {NEEDED}").replace(
            "total = 1", f"total = {TOTAL}"))
        source, (alias, _) = tmp_path / "src", node.fresh()
        source.mkdir()
        for i in range(FILES):
            (source / f"f{i:02}").write_bytes(content(SIZE, 7100 + i))
        barge = client(node)
        barge.ok("cp", "-r", source, alias)
        asked(servers)
        total = barge.ok("cp", "-r", "--json", "-j4", alias + "src", tmp_path / "out").summary()
        same(local_tree(tmp_path / "out/src"), local_tree(source))
        questions, shares = asked(servers)
    finally:
        for server in servers:
            server.stop()
    assert total["direct"] == FILES
    assert questions <= 30 and NEEDED * FILES <= shares <= NEEDED * FILES + 5, (questions, shares)


@pytest.mark.parametrize("then", ["others", "fewer", "garbage"])
def test_guesses_that_are_wrong(spread, client, serve, stored, tmp_path, barge_asan, then):
    """Half-way all shares lie elsewhere; or two servers have none; or lists are none."""
    servers = serve(*({number} for number in range(TOTAL)))
    barge = client(NodeCopy(spread, tmp_path / "node", announce(*servers)), barge_asan)
    process = barge.start("cp", "-r", "--json", "--bwlimit=120K", stored.alias, tmp_path / "out")
    wait_for(lambda: sum(len(server.asked) for server in servers) > FILES, pause=0.01)
    if then == "others":
        for number, server in enumerate(servers):
            server.numbers = {(number + 2) % TOTAL}
    else:
        for server in servers[:TOTAL - NEEDED]:
            server.numbers = set()
    if then == "garbage":
        for server in servers[:TOTAL - NEEDED]:
            server.fault = "garbage"
    run = barge.finish(process)
    assert run.code == 0, run.err
    same(local_tree(tmp_path / "out"), stored.tree)
    assert run.summary()["direct"] == FILES
    questions, shares = asked(servers)
    assert questions + shares < 2 * NEEDED * FILES, (questions, shares)
