"""Real storage servers that are not alike: read-only, small, old, not who they are said to be; and
shares that are damaged, lost or out of reach while a file is read."""
import re
import subprocess

import pytest

from grid import HANG, SpreadGrid, TAHOE, wait_for
from runner import Barge
from storage import MUTABLE, announced, servers_alone
from test_direct_write import incoming, make_tree
from tree import below, content, local_tree, same

MIB = 1 << 20
READ_ONLY, SMALL, OLD = 2, 3, 4  # numbers of servers; the others take whatever comes
SMALL_SIZE = 16 * MIB
NURL = re.compile(r"pb://([\w-]{43})@127\.0\.0\.1:(\d+)/")


def server_of(grid, path):
    """The number of the server that has a share."""
    return int(path.relative_to(grid.base).parts[0].removeprefix("server"))


def first_bytes(path):
    with open(path, "rb") as file:
        return file.read(len(MUTABLE))


def is_immutable(path):
    return first_bytes(path)[:3] == bytes(3)


def is_mutable(path):
    """Not one that a full server could not write the first byte of."""
    return first_bytes(path) == MUTABLE


def holders(grid, before=(), wanted=is_immutable):
    """{storage index: {share number: server}} of the shares that are not in `before`."""
    found = {}
    for path in filter(wanted, set(grid.share_files()) - set(before)):
        found.setdefault(path.parent.name, {})[int(path.name)] = server_of(grid, path)
    return found


def servers_with(found):
    return {server for one in found.values() for server in one.values()}


class MixedGrid(SpreadGrid):
    """Five servers, 2-of-3: two of the usual kind, one that is read-only, one on a file system of
    16 MiB where that can be mounted, and one that speaks Foolscap alone."""
    mounted = None

    def prepare(self, number, directory):
        path = directory / "tahoe.cfg"
        text = path.read_text()
        if number == OLD:
            text = text.replace("[storage]\n", "[storage]\nforce_foolscap = true\n")
        elif number == SMALL:
            text = text.replace("reserved_space = 1G", "reserved_space = 0")
            self.mount(directory / "storage")
        path.write_text(text)

    def mount(self, point):
        point.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_SIZE}", "none", point]
        if subprocess.run(words, capture_output=True).returncode == 0:
            self.mounted = point

    def make_read_only(self):
        """Once it has shares."""
        path = self.base / f"server{READ_ONLY}/tahoe.cfg"
        path.write_text(path.read_text().replace("#readonly =", "readonly = true"))
        self.servers[READ_ONLY].terminate()
        self.servers[READ_ONLY].wait(HANG)
        self.run_again(READ_ONLY)

    def stop(self):
        if self.mounted:
            subprocess.run(["umount", "--lazy", self.mounted], check=True)
            self.mounted = None
        super().stop()

    def move(self, path, number):
        """Has another server hold a share."""
        to = self.base / f"server{number}" / path.relative_to(
            self.base / f"server{server_of(self, path)}")
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(path.read_bytes())
        path.unlink()


@pytest.fixture(scope="module")
def mixed(barge, tmp_path_factory):
    """.kept is a file of which the read-only server has a share; .kept_index is where they lie, and
    .kept_shares are the servers by number."""
    base = tmp_path_factory.mktemp("mixed")
    grid = MixedGrid(base / "grid", 5, (2, 2, 3), TAHOE)
    try:
        client = Barge(barge, base / "home", servers_alone(grid, base / "node", 4))
        grid.kept, grid.kept_shares, number = base / "kept", {}, 0
        while READ_ONLY not in grid.kept_shares.values():
            before, number = grid.share_files(), number + 1
            grid.kept.write_bytes(content(70_000, 400 + number))
            client.ok("put", f"--cap-out={base}/{number}", grid.kept)
            ((grid.kept_index, grid.kept_shares),) = holders(grid, before).items()
        grid.make_read_only()
        yield grid
    finally:
        grid.stop()


@pytest.fixture
def alone(mixed, tmp_path):
    return servers_alone(mixed, tmp_path / "alone", 4)


@pytest.fixture
def ballast(mixed):
    """ballast(): fills the small server, until the end of the test."""
    if not mixed.mounted:
        pytest.skip("no file system can be mounted here")
    path = mixed.mounted / "ballast"

    def fill():
        with open(path, "wb", buffering=0) as file:
            try:
                while file.write(bytes(1 << 16)):
                    pass
            except OSError:
                pass
    yield fill
    path.unlink(missing_ok=True)


def store(barge, source, tmp_path, *options):
    """Stores a tree below a mutable directory of its own; returns that one's cap."""
    cap = tmp_path / "cap"
    cap.unlink(missing_ok=True)
    total = barge.ok("cp", "-r", "--json", *options, f"--cap-out={cap}", source).summary()
    assert total["failed"] == 0 and total["level"].startswith("cap: made here"), total
    return cap.read_text().strip()


# --- writing ------------------------------------------------------------------------------

@pytest.mark.parametrize("options", [(), ("--immutable",)], ids=["mutable", "immutable"])
def test_the_read_only_and_the_old_get_nothing(mixed, alone, client, tmp_path, options):
    """Read-only servers take new directories that can change: so does Tahoe-LAFS."""
    before = mixed.share_files()
    source = make_tree(tmp_path / "src", f"unlike{options}", [57, 3000])
    cap = store(client(alone), source, tmp_path, *options)
    found = holders(mixed, before)
    assert found and all(set(one) == {0, 1, 2} for one in found.values())
    assert servers_with(found) == {0, 1, SMALL}
    assert OLD not in servers_with(holders(mixed, before, is_mutable))
    same(mixed.tree(cap), below("src", local_tree(source)))


def test_what_the_read_only_has_counts(mixed, alone, client, tmp_path):
    """Nothing is stored again, and it is read from."""
    barge, stored = client(alone), set(mixed.share_files())
    barge.ok("put", f"--cap-out={tmp_path}/cap", mixed.kept)
    assert set(mixed.share_files()) == stored
    lost = next(path for path in stored if path.parent.name == mixed.kept_index
                and server_of(mixed, path) != READ_ONLY)
    lost.unlink()  # two are the file, and one of them is there
    cap = (tmp_path / "cap").read_text().strip()
    assert barge.ok("get", cap, "-").raw == mixed.kept.read_bytes()


def test_a_full_server_is_done_without(mixed, alone, client, tmp_path, ballast):
    """Directories that can change are written without asking for room: it fails in the middle."""
    ballast()
    before, source = mixed.share_files(), make_tree(tmp_path / "src", "full", [3000, 64 << 10])
    cap = store(client(alone), source, tmp_path)
    found = holders(mixed, before)
    assert found and all(set(one) == {0, 1, 2} for one in found.values())
    assert servers_with(found) == {0, 1}
    found = holders(mixed, before, is_mutable)
    assert found and all(set(one) == {0, 1, 2} for one in found.values())
    assert servers_with(found) <= {0, 1, READ_ONLY}
    same(mixed.tree(cap), below("src", local_tree(source)))


def test_a_server_that_is_full_in_the_middle_is_replaced(mixed, alone, client, tmp_path, ballast):
    path, cap = tmp_path / "f", tmp_path / "cap"
    path.write_bytes(content(16 * MIB, 42))
    barge = client(alone)
    running = barge.start("cp", "--json", "--bwlimit=2M", f"--cap-out={cap}", path)
    small = wait_for(lambda: [share for share in incoming(mixed) if share.is_relative_to(
        mixed.mounted) and share.stat().st_size > MIB])
    ballast()
    run = barge.finish(running)
    assert run.code == 0 and run.summary()["failed"] == 0, run
    assert small and not incoming(mixed), "something half-made is left"
    assert set(holders(mixed)[small[0].parent.name].values()) == {0, 1}
    assert mixed.get(mixed.child(cap.read_text().strip(), "f")[1]["ro_uri"]) == path.read_bytes()


# --- announcements ------------------------------------------------------------------------

def other_pin(text):
    """The first server is said to have the second one's key."""
    first, second = (NURL.findall(text)[i][0] for i in range(2))
    return text.replace(first, second)


def other_port(text):
    """The first two have moved: each is where the other was."""
    first, second = (f"127.0.0.1:{NURL.findall(text)[i][1]}/" for i in range(2))
    return text.replace(first, "HERE").replace(second, first).replace("HERE", second)


@pytest.mark.parametrize(("change", "wrong"), [(other_pin, 1), (other_port, 2)],
                         ids=["pin", "port"])
def test_to_a_server_with_another_key_nothing_is_sent(spread_grid, client, tmp_path, change, wrong):
    """Neither to be stored there nor to be read."""
    node = servers_alone(spread_grid, tmp_path / "node")
    cache = node.directory / "private/introducer_default_cache.yaml"
    cache.write_text(change(cache.read_text()))
    config = node.directory / "tahoe.cfg"
    config.write_text(config.read_text().replace("shares.happy = 3", "shares.happy = 2"))
    before, barge = spread_grid.share_files(), client(node)
    source = make_tree(tmp_path / "src", change.__name__, [3000, 70_000])
    cap = store(barge, source, tmp_path, "--immutable")
    assert len(servers_with(holders(spread_grid, before))) == 4 - wrong
    barge.ok("cp", "-r", fixed(spread_grid, cap, tmp_path / "fixed"), "cap:", tmp_path / "out")
    same(local_tree(tmp_path / "out"), local_tree(source))


def fixed(grid, cap, path):
    """The option that names the immutable directory below a cap."""
    ((_, node),) = grid.list(cap).values()
    path.write_text(node["ro_uri"])
    path.chmod(0o600)
    return f"--cap-file={path}"


def test_what_only_an_old_server_has_comes_from_the_gateway(mixed, alone, client, tmp_path):
    before, data = mixed.share_files(), content(3000, 43)
    cap = mixed.put(data)
    for path in set(mixed.share_files()) - set(before):
        if server_of(mixed, path) != OLD:
            mixed.move(path, OLD)
    alias, _ = mixed.fresh({"f": cap})
    total = client(mixed).ok("cp", "-r", "--json", alias, tmp_path / "out").summary()
    assert (tmp_path / "out/f").read_bytes() == data and total["direct"] == 0
    assert client(alone).ok("get", cap, "-", code=69).raw == b""


# --- reading ------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def stored(spread_grid, barge, tmp_path_factory):
    """(node, option that names a directory with f, the bytes of f, its shares by number)."""
    base, data, before = tmp_path_factory.mktemp("read"), content(12 * MIB, 44), \
        spread_grid.share_files()
    (base / "d").mkdir()
    (base / "d/f").write_bytes(data)
    node = servers_alone(spread_grid, base / "node")
    cap = store(Barge(barge, base / "home", node), base / "d", base, "--immutable")
    shares = {int(one.name): one for one in set(spread_grid.share_files()) - set(before)
              if one.stat().st_size > MIB}
    assert len(shares) == 4
    return node, fixed(spread_grid, cap, base / "fixed"), data, shares


@pytest.fixture
def reading(stored, client, tmp_path):
    """reading(): a client and a process of it that fetches f slowly to tmp_path / "out", and has
    begun."""
    node, option, _, shares = stored
    kept = {path: path.read_bytes() for path in shares.values()}
    barge = client(node)

    def begin():
        process = barge.start("cp", "--json", "--bwlimit=3M", option, "cap:f", tmp_path / "out")
        wait_for(lambda: any(one.read_bytes()[:MIB].count(0) < MIB // 2
                             for one in tmp_path.glob(".barge-*")))
        return barge, process
    yield begin
    for path, raw in kept.items():
        path.write_bytes(raw)


def damage_the_end(path):
    """Of its data, whose last segments are yet to be read."""
    raw = bytearray(path.read_bytes())
    for at in range(5 * MIB, 6 * MIB, 1000):
        raw[at] ^= 1
    path.write_bytes(raw)


@pytest.mark.parametrize("bad", [(0, 1), (3, 0)])
def test_shares_that_go_bad_while_they_are_read(stored, reading, tmp_path, bad):
    """One is damaged and one is gone: the other two of the four are the file."""
    _, _, data, shares = stored
    barge, process = reading()
    damage_the_end(shares[bad[0]])
    shares[bad[1]].unlink()
    run = barge.finish(process)
    assert run.code == 0 and (tmp_path / "out").read_bytes() == data, run
    assert run.summary()["direct"] == 1


def test_servers_that_stand_still_while_they_are_read(spread_grid, stored, reading, tmp_path):
    _, _, data, shares = stored
    barge, process = reading()
    with spread_grid.standing_still(*[server_of(spread_grid, shares[number]) for number in (0, 1)]):
        run = barge.finish(process)
    assert run.code == 0 and (tmp_path / "out").read_bytes() == data, run
    assert run.summary()["direct"] == 1
