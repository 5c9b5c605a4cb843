"""Directories that are listed from the storage servers: what the gateway says, without it."""
import json
import re

import pytest

from grid import free_port, uri, wait_for
from proxy import Reply
from storage import StorageServer, announce, announced, flipped_block
from tree import content, local_tree, same, summary

NAMES = ["plain", "\u00fcn\u00ef", "e\u0301", "new\nline", "quo\"te\\", "\u6f22\u5b57", "a b", "\U0001f600"]
METADATA = {"mtime": 1699999999.1234567, "ctime": -1.5, "st_mode": 33188, "x": {"y": [1, {"z": "}"}]}}


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


# --- what can change ----------------------------------------------------------------------

def make(grid, form, children):
    """Makes a mutable directory; returns its write cap."""
    cap = grid.web("POST", f"/uri?t=mkdir&format={form}").decode()
    if children:
        edit(grid, cap, children)
    return cap


def edit(grid, cap, children):
    body = {name: [kind, {**caps, "metadata": METADATA}] for name, (kind, caps) in
            ((name, grid.as_child(child)) for name, child in children.items())}
    grid.web("POST", uri(cap, t="set_children"), json.dumps(body))


def readonly(grid, cap):
    return grid.web("GET", uri(cap, t="readonly-uri")).decode()


@pytest.mark.parametrize("grid_name", ["real_grid", "spread_grid"])
@pytest.mark.parametrize("form", ["SDMF", "MDMF"])
def test_mutable_directories(request, client, through, grid_name, form):
    grid = request.getfixturevalue(grid_name)
    node = through(grid)
    barge = client(node)
    small, other = grid.put(content(70, 703)), make(grid, form, {})
    cap = make(grid, form, {})
    assert same_as_the_gateway(barge, node, cap) == ""
    for children in ({"one": small}, {name: small for name in NAMES},
                     {"dir": other, "seen": readonly(grid, other), "sdmf": grid.web(
                         "PUT", "/uri?format=SDMF", b"x").decode()},
                     {f"f{n}": small for n in range(1000)}):
        edit(grid, cap, children)
        told = same_as_the_gateway(barge, node, cap)
    same_as_the_gateway(barge, node, readonly(grid, cap))
    assert len(told.splitlines()) == 1000 + 3 + len(NAMES) + 1


def slots(grid):
    """Containers of mutable shares."""
    return {path for path in grid.share_files()
            if path.read_bytes().startswith(b"Tahoe mutable container")}


@pytest.mark.parametrize("form", ["SDMF", "MDMF"])
def test_a_damaged_share_is_done_without(spread_grid, client, through, form):
    """2 of 4: of which each in turn has one bit wrong, or is an older version."""
    node, grid = through(spread_grid), spread_grid
    barge, before = client(node), slots(grid)
    cap = make(grid, form, {"first": grid.put(content(71, 704))})
    paths = sorted(slots(grid) - before)
    old = {path: path.read_bytes() for path in paths}
    edit(grid, cap, {"second": grid.put(content(72, 704))})
    new = {path: path.read_bytes() for path in paths}
    good, _ = listed(barge, node, cap, "--no-direct")
    assert len(paths) >= 3 and "second" in good
    for path in paths:
        for bad in (old[path], flipped_block(new[path], form)):
            path.write_bytes(bad)
            assert listed(barge, node, cap) == (good, 0)
        path.write_bytes(new[path])


def test_where_the_newest_is_not_whole_the_gateway_is_asked(spread_grid, client, through):
    node, grid = through(spread_grid), spread_grid
    barge, before = client(node), slots(grid)
    cap = make(grid, "SDMF", {"first": grid.put(content(71, 705))})
    paths = sorted(slots(grid) - before)
    old = {path: path.read_bytes() for path in paths}
    edit(grid, cap, {"second": grid.put(content(72, 705))})
    for path in paths[1:]:
        path.write_bytes(old[path])
    out, asked = listed(barge, node, cap)
    assert asked == 1 and out == listed(barge, node, cap, "--no-direct")[0]


def test_a_server_that_is_away_may_have_the_newest(spread_grid, client, through):
    """One of them has another port here than the gateway knows."""
    wait_for(lambda: announced(spread_grid).count("anonymous-storage-NURLs") ==
             spread_grid.server_count)
    cache = re.sub(r"(pb://[^\n]*@127.0.0.1:)\d+(/\w+#v=1)", rf"\g<1>{free_port()}\2",
                   announced(spread_grid), count=1)
    cap = make(spread_grid, "SDMF", {"first": spread_grid.put(content(71, 706))})
    alias, _ = spread_grid.fresh({"d": cap})
    node = through(spread_grid, cache)
    out, asked = listed(client(node), node, cap)
    assert asked == 1 and out == listed(client(node), node, cap, "--no-direct")[0]
    run = client(node).ok("ls", alias + "d/first")
    assert run.err.count("not everything is read past the gateway: a storage server") == 1


def test_paths_are_gone_down_past_the_gateway(spread_grid, client, through, tmp_path):
    """Of every kind of directory; what there is, what there is not, and what is in the way."""
    grid, data = spread_grid, content(3000, 708)
    leaf = immutable(grid, {"f": grid.put(data), "\u00fcn\u00ef": grid.put(b"small")})
    literal = immutable(grid, {"l": grid.put(b"little")})
    below = make(grid, "MDMF", {"leaf": leaf, "literal": literal, "deep": immutable(
        grid, {"leaf": leaf, "none": immutable(grid, {})})})
    alias, _ = grid.fresh({"top": make(grid, "SDMF", {"below": below})})
    node = through(grid)
    barge = client(node)

    def run(*words, code=0):
        before = node.proxy.count("GET", "/uri/")
        run = barge.run(*words, secret="--caps" in words)
        assert run.code == code, run
        return run, node.proxy.count("GET", "/uri/") - before

    def same_as_the_gateway(*words, code=0):
        told, asked = run(*words, code=code)
        by_gateway, asked_then = run(*words, "--no-direct", code=code)
        assert (told.out, told.err) == (by_gateway.out, by_gateway.err)
        assert asked == 0 < asked_then

    for path in ("top", "top/below", "top/below/deep/leaf", "top/below/deep/none",
                 "top/below/deep/leaf/f", "top/below/literal/l", "top//below/leaf/u\u0308ni\u0308"):
        same_as_the_gateway("ls", "--json", "--caps", alias + path)
    for path in ("none", "top/below/none/f", "top/below/leaf/none"):
        same_as_the_gateway("ls", "--json", alias + path, code=2)
    # What a file in the middle of a path means is the gateway's to say.
    assert run("ls", alias + "top/below/leaf/f/g", code=2)[1] == 1
    assert run("get", alias + "top/below/leaf/f", tmp_path / "f")[1] == 0
    assert run("cp", "-r", alias + "top/below/deep", tmp_path / "out")[1] == 0
    assert run("verify", alias + "top/below/deep")[1] == 0
    assert (tmp_path / "f").read_bytes() == data
    same(local_tree(tmp_path / "out"), {"deep": None, "deep/none": None, "deep/leaf": None,
                                        "deep/leaf/f": summary(data),
                                        "deep/leaf/\u00fcn\u00ef": summary(b"small")})


@pytest.mark.parametrize("fault", ["slot-signed", "slot-block", "cut", "long", "garbage",
                                   "500", "close"])
def test_slots_of_a_lying_server(real_grid, client, through, barge_asan, fault):
    cap = make(real_grid, "SDMF", {f"f{n}": real_grid.put(content(60, 707)) for n in range(3)})
    server = StorageServer(real_grid, fault=fault, slots=True)
    try:
        node = through(real_grid, announce(server))
        out, asked = listed(client(node, barge_asan), node, cap)
        assert asked == 1 and any("/mutable/" in path for path in server.asked)
        assert out == listed(client(node), node, cap, "--no-direct")[0]
        server.fault = None
        assert listed(client(node, barge_asan), node, cap) == (out, 0)
    finally:
        server.stop()
