"""A grid whose gateway is down: what its storage servers can do is done without it."""
import signal
from pathlib import Path

import pytest

from grid import SpreadGrid, TAHOE, count_connected, wait_for
from runner import Barge
from storage import announced
from tree import below, content, local_tree, same


def make(path):
    (path / "sub").mkdir(parents=True)
    (path / "small").write_bytes(content(3000, 21))
    (path / "sub/large").write_bytes(content((1 << 20) + 99, 22))
    (path / "sub/little").write_bytes(b"little")
    return path


@pytest.fixture(scope="module")
def down(tmp_path_factory, barge):
    """Three servers, 2-of-3, and a node directory whose gateway has ended: .source is what lies in
    .alias, whose `src` is an immutable directory with the cap .cap."""
    base = tmp_path_factory.mktemp("down")
    grid = SpreadGrid(base / "grid", 3, (2, 2, 3), TAHOE)
    try:
        wait_for(lambda: announced(grid).count("anonymous-storage-NURLs") == 3)
        grid.source = make(base / "src")
        grid.alias, cap = grid.fresh()
        barge = Barge(barge, base / "home", grid)
        barge.ok("cp", "-r", "--immutable", grid.source, grid.alias)
        grid.cap = grid.child(cap, "src")[1]["ro_uri"]
        grid.running[-1].terminate()
        grid.running[-1].wait(120)
        yield grid
    finally:
        grid.stop()


@pytest.fixture
def cap_file(down, tmp_path):
    path = tmp_path / "cap"
    path.write_text(down.cap)
    path.chmod(0o600)
    return f"--cap-file={path}"


def test_a_tree_comes_by_its_cap(down, client, tmp_path, cap_file):
    run = client(down).ok("cp", "-r", cap_file, "cap:", tmp_path / "out")
    same(local_tree(tmp_path / "out"), local_tree(down.source))
    assert "is done without it" in run.err


@pytest.mark.parametrize("path", ["src", "src/sub", "src/sub/large"])
def test_a_tree_comes_by_a_path(down, client, tmp_path, path):
    client(down).ok("cp", "-r", down.alias + path, tmp_path / "out")
    name = path.split("/")[-1]
    if name == "large":
        assert (tmp_path / "out").read_bytes() == (down.source / "sub/large").read_bytes()
    else:
        same(local_tree(tmp_path / "out" / name),
             local_tree(down.source / "sub" if name == "sub" else down.source))


def test_what_is_not_there_is_not_found(down, client, tmp_path):
    run = client(down).ok("cp", "-r", down.alias + "src/none", tmp_path / "out", code=2)
    assert "No such file or directory" in run.err


def test_it_is_listed_and_verified(down, client, cap_file):
    barge = client(down)
    assert "large" in barge.ok("ls", cap_file, "cap:sub").out
    for level in "count", "check", "read":
        total = barge.ok("verify", cap_file, "cap:", f"--verify={level}", "--json").summary()
        assert total["failed"] == total["unhealthy"] == 0 and total["files"] == 3


def test_missing_shares_are_made_anew(down, client, cap_file):
    """Of the immutable tree: two files, and two directories with shares."""
    barge = client(down)
    total = barge.ok("verify", cap_file, "cap:", "--json").summary()
    lost = [path for path in down.share_files() if path.name == "1"
            and not path.read_bytes().startswith(b"Tahoe mutable")]
    kept = {path: path.read_bytes() for path in lost}
    for path in lost:
        path.unlink()
    run = barge.ok("verify", cap_file, "cap:", "--json", code=1)
    assert run.summary()["unhealthy"] == total["healthy"] == len(lost) == 4
    run = barge.ok("repair", cap_file, "cap:", "--json")
    assert run.summary()["repaired"] == 4 and run.summary()["failed"] == 0
    barge.ok("verify", cap_file, "cap:", "--verify=check")
    again = {path.parent.name: path for path in down.share_files() if path.name == "1"}
    for path, raw in kept.items():  # bit for bit, but for the leases behind it
        assert again[path.parent.name].read_bytes()[12:-72] == raw[12:-72]


def test_a_file_is_stored(down, client, tmp_path):
    barge, data = client(down), content(5000, 23)
    (tmp_path / "f").write_bytes(data)
    barge.ok("put", f"--cap-out={tmp_path}/cap", tmp_path / "f")
    cap = (tmp_path / "cap").read_text().strip()
    assert cap.startswith("URI:CHK:") and cap.endswith(":2:3:5000")


@pytest.fixture
def gateway(down):
    """gateway(): starts that of `down` again, until the end of the test."""
    started = []

    def start():
        down.run(down.directory)
        started.append(down.running.pop())
        wait_for(lambda: count_connected(down.url) == down.server_count)
    yield start
    for process in started:
        process.terminate()
        process.wait(120)


def test_trees_are_stored(down, client, tmp_path, gateway, barge_debug):
    """Also of a directory and of files that are all in their caps; a real gateway reads them."""
    barge, source = client(down), make(tmp_path / "tree")
    (source / "empty").mkdir()
    (source / "none").write_bytes(b"")
    words = {name: [f"--cap-out={tmp_path / name}", *options, source] for name, options in {
        "mutable": [], "immutable": ["--immutable"], "killed": [], "file": []}.items()}
    words["file"][-1] = source / "small"
    release, barge.program = barge.program, barge_debug
    kill = {"BARGE_KILL": "direct-slot-sent:11"}  # of twelve: the root's second share is written
    assert barge.run("cp", "-r", *words["killed"], env=kill).code == -signal.SIGKILL
    barge.program = release
    caps = {}
    for name, one in words.items():
        run = barge.ok("cp", "-r", "--json", *one)
        assert run.summary()["failed"] == 0
        caps[name] = (tmp_path / name).read_text().strip()
        assert caps[name].startswith("URI:DIR2:")
    gateway()
    for name, cap in caps.items():
        tree = below("tree", local_tree(source))
        same(down.tree(cap), {"small": tree["tree/small"]} if name == "file" else tree)
    assert down.child(caps["immutable"], "tree")[1]["ro_uri"].startswith("URI:DIR2-CHK:")
    assert down.child(caps["immutable"], "tree/empty")[1]["ro_uri"] == "URI:DIR2-LIT:"
    down.link(caps["killed"], "more", caps["file"])  # the gateway can write to it


def test_what_needs_it_says_so_at_once(down, client, tmp_path):
    barge = client(down)
    run = barge.ok("cp", "-r", "--no-direct", down.alias + "src", tmp_path / "out", code=69)
    assert "no connection" in run.err


# --- servers that end in the middle -------------------------------------------------------

def traffic(server):
    """Bytes that a server has read and written since it began."""
    lines = Path(f"/proc/{server.pid}/io").read_text().split()
    return int(lines[1]) + int(lines[3])


class Killer:
    """Kills the server with most to do just now, and brings it back."""
    def __init__(self, grid):
        self.grid, self.number = grid, None

    def kill(self):
        servers = self.grid.servers
        before = list(map(traffic, servers))
        wait_for(lambda: sum(map(traffic, servers)) - sum(before) > 1 << 20)
        self.number = max(range(3), key=lambda i: traffic(servers[i]) - before[i])
        servers[self.number].kill()
        servers[self.number].wait()

    def bring_back(self):
        if self.number is None:
            return
        number, self.number = self.number, None
        self.grid.run_again(number)


@pytest.fixture
def killer(down):
    one = Killer(down)
    yield one
    one.bring_back()


@pytest.fixture(scope="module")
def large(down, barge, tmp_path_factory):
    """A file of 12 MiB, and a file with the cap of the directory that it was stored in as `f`."""
    base = tmp_path_factory.mktemp("large")
    (base / "f").write_bytes(content(12 << 20, 24))
    Barge(barge, base / "home", down).ok("cp", f"--cap-out={base}/cap", base / "f")
    return base / "f", base / "cap"


def test_a_large_file_is_mended_piece_by_piece(down, client, large):
    """A share that is missing comes again bit for bit; one that is damaged stays, and gets another
    in a place of its own."""
    barge = client(down)
    words = [f"--cap-file={large[1]}", "cap:f", "--verify=check", "--json"]
    shares = {path.name: path for path in down.share_files()
              if (12 << 20) // 2 < path.stat().st_size < 12 << 20}
    kept = shares["1"].read_bytes()
    assert len(shares) == 3
    shares["1"].unlink()
    assert barge.ok("verify", *words, code=1).summary()["unhealthy"] == 1
    total = barge.ok("repair", *words).summary()
    assert (total["repaired"], total["failed"], total["corrupt_shares"]) == (1, 0, 0)
    (again,) = [path for path in down.share_files()
                if path.parent.name == shares["1"].parent.name and path.name == "1"]
    assert again.read_bytes()[12:-72] == kept[12:-72]
    with open(shares["0"], "r+b") as share:  # in the blocks of its last segment
        share.seek(6 << 20)
        byte = share.read(1)
        share.seek(6 << 20)
        share.write(bytes([byte[0] ^ 1]))
    line = barge.ok("verify", *words, code=1).entries()[""]
    assert (line["good_shares"], line["corrupt_shares"]) == (2, 1)
    total = barge.ok("repair", *words).summary()
    assert (total["repaired"], total["failed"], total["corrupt_shares"]) == (1, 0, 1)
    line = barge.ok("verify", *words).entries()[""]
    assert (line["good_shares"], line["corrupt_shares"]) == (3, 1)
    assert shares["0"].exists()  # nothing is ever deleted


def test_a_damaged_share_is_read_past(down, client, cap_file, tmp_path):
    """Of files small and large, and of directories: each share in turn, in its last segment.  The
    one that is damaged is looked for, and done without."""
    barge = client(down)
    shares = [path for path in down.share_files()
              if not path.read_bytes().startswith(b"Tahoe mutable")]
    words = ["cp", "-r", cap_file, "cap:"]
    total = barge.ok("verify", cap_file, "cap:", "--json").summary()
    assert total["healthy"] == 4
    for number in "0", "1", "2":
        kept = {path: path.read_bytes() for path in shares if path.name == number}
        for path, raw in kept.items():
            at = 12 + 36 + 20 if len(raw) < 1 << 19 else 12 + 36 + (1 << 19) + 20
            path.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1:])
        out = tmp_path / number
        barge.ok(*words, out)
        same(local_tree(out), local_tree(down.source))
        for path, raw in kept.items():
            path.write_bytes(raw)


def test_a_server_is_killed_while_it_is_read_from(down, client, large, tmp_path, killer):
    path, cap = large
    barge = client(down)
    running = barge.start("cp", "--json", "--bwlimit=4M", f"--cap-file={cap}", "cap:f",
                          tmp_path / "out")
    killer.kill()
    run = barge.finish(running)
    assert run.code == 0 and (tmp_path / "out").read_bytes() == path.read_bytes(), run


def test_a_server_is_killed_while_it_is_written_to(down, client, tmp_path, killer):
    """Two of three are happy enough, and a share less is what repair is for."""
    barge, path = client(down), tmp_path / "g"
    path.write_bytes(content(12 << 20, 25))
    running = barge.start("cp", "--json", "--bwlimit=4M", f"--cap-out={tmp_path}/cap", path)
    killer.kill()
    run = barge.finish(running)
    assert run.code == 0 and run.summary()["failed"] == 0, run
    killer.bring_back()  # it may have what is newer, of a directory that can change
    barge.ok("cp", f"--cap-file={tmp_path}/cap", "cap:g", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == path.read_bytes()
