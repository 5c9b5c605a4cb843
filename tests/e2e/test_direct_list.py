"""Directories that are listed from the storage servers: what the gateway says, without it."""
import json

import pytest

from grid import wait_for
from proxy import Proxy, Reply
from storage import NodeCopy, StorageServer, announce, announced
from tree import content, local_tree, same, summary

NAMES = ["plain", "\u00fcn\u00ef", "e\u0301", "new\nline", "quo\"te\\", "\u6f22\u5b57", "a b", "\U0001f600"]
METADATA = {"mtime": 1699999999.1234567, "ctime": -1.5, "st_mode": 33188, "x": {"y": [1, {"z": "}"}]}}


@pytest.fixture
def through(tmp_path):
    """through(grid, cache=None): a node whose gateway is reached through .proxy."""
    made = []

    def make(grid, cache=None):
        wait_for(lambda: "anonymous-storage-NURLs" in announced(grid))
        node = NodeCopy(grid, tmp_path / f"node{len(made)}", cache or announced(grid))
        node.proxy = Proxy(grid.url)
        node.proxy.__enter__()
        (node.directory / "node.url").write_text(node.proxy.url)
        made.append(node)
        return node
    yield make
    for node in made:
        node.proxy.__exit__()


def immutable(grid, children):
    """Makes an immutable directory of {name: cap}, all with metadata; returns its cap."""
    body = {name: [*grid.as_child(cap)[:1], {"ro_uri": cap, "metadata": METADATA}]
            for name, cap in children.items()}
    return grid.web("POST", "/uri?t=mkdir-immutable", json.dumps(body)).decode()


def listed(barge, node, cap, *options):
    """What `barge ls` says of a directory, and how often it asked the gateway for that."""
    path = node.directory.parent / "cap"
    path.write_text(cap)
    path.chmod(0o600)
    before = node.proxy.count("GET", "/uri/")
    out = barge.ok("ls", "--json", "--caps", f"--cap-file={path}", *options, "cap:",
                   secret=True).out
    return out, node.proxy.count("GET", "/uri/") - before


def same_as_the_gateway(barge, node, cap):
    """It is listed without the gateway, which says the same."""
    told, asked = listed(barge, node, cap)
    by_gateway, asked_then = listed(barge, node, cap, "--no-direct")
    assert told == by_gateway
    assert asked_then > asked, "the gateway was asked"
    return told


def test_immutable_directories(real_grid, client, through):
    node = through(real_grid)
    barge = client(node)
    files = {name: real_grid.put(content(size, 700)) for name, size in
             zip(NAMES, (0, 55, 56, 3000, 70, 80, 90, 100))}
    some = immutable(real_grid, files)
    many = immutable(real_grid, {f"f{n}": files["plain"] for n in range(1000)})
    for cap in immutable(real_grid, {}), some, many, immutable(real_grid, {"d": some}):
        same_as_the_gateway(barge, node, cap)
    assert len(listed(barge, node, many)[0].splitlines()) == 1000


@pytest.mark.parametrize("grid_name", ["real_grid", "spread_grid"])
def test_a_tree_is_planned_and_fetched_without_a_gateway(request, client, through, tmp_path,
                                                         grid_name):
    grid = request.getfixturevalue(grid_name)
    data = {f"f{n}": content(1000 + n, 701) for n in range(3)}
    caps = {name: grid.put(one) for name, one in data.items()}
    below = immutable(grid, caps)
    alias, _ = grid.fresh({"top": immutable(grid, {"below": below, "f": caps["f1"]})})
    node = through(grid)
    before = node.proxy.count("GET")
    total = client(node).ok("cp", "-r", "--json", alias + "top", tmp_path / "out").summary()
    assert total["done"] >= 4
    tree = {"top": None, "top/f": summary(data["f1"]), "top/below": None}
    same(local_tree(tmp_path / "out"),
         tree | {f"top/below/{name}": summary(one) for name, one in data.items()})
    paths = [one.path for one in node.proxy.requests[before:]]
    assert not any("DIR2-CHK" in path for path in paths), paths


@pytest.mark.parametrize("fault", ["data", "last", "tree", "extension", "short", "cut", "long",
                                   "500", "close"])
def test_the_gateway_lists_what_no_server_proves(real_grid, client, through, barge_asan, fault):
    cap = immutable(real_grid, {f"f{n}": real_grid.put(content(60 + n, 702)) for n in range(5)})
    server = StorageServer(real_grid, fault=fault)
    try:
        node = through(real_grid, announce(server))
        out, asked = listed(client(node, barge_asan), node, cap)
        assert asked == 1 and server.asked
        assert out == listed(client(node), node, cap, "--no-direct")[0]
    finally:
        server.stop()


def test_bytes_that_are_no_directory_are_the_gateways_to_judge(real_grid, client, through,
                                                               barge_asan):
    """Whoever stores a file can call it a directory."""
    node = through(real_grid)
    link = b"16:URI:LIT:nbswy3dp,0:,2:{},"
    odd = b"32:1:a," + link + b",32:1:a," + link + b"," + bytes(20)
    good = b"32:1:a," + link + b",32:1:b," + link + b","
    told = ["dirnode", {"children": {}, "mutable": False, "ro_uri": "URI:DIR2-LIT:"}]
    node.proxy.answer = lambda request: (
        Reply(200, "text/plain", json.dumps(told).encode()) if "/uri/" in request.path else None)
    for data, asks in (odd, 1), (good, 0):
        cap = real_grid.put(data).replace("URI:CHK:", "URI:DIR2-CHK:")
        out, asked = listed(client(node, barge_asan), node, cap)
        assert asked == asks and len(out.splitlines()) == (0 if asks else 2)
