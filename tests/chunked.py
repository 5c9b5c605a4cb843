"""Files in chunks for tests: a source, the same stored on a grid, and what is there."""
import json
import os

import pytest

from grid import EmbeddedGateway, uri
from tree import content

KIB = 1 << 10
CHUNK = 64 * KIB
SIZE = 10 * CHUNK + 7
CHUNKS = 11


@pytest.fixture
def source(tmp_path):
    """A directory with a file of eleven chunks, the last of which is a literal, and a small one."""
    (tmp_path / "s").mkdir()
    (tmp_path / "s/large").write_bytes(content(SIZE))
    (tmp_path / "s/small").write_bytes(content(CHUNK, 1))
    return tmp_path / "s"


@pytest.fixture
def stored(embedded, client, source):
    """A client, an alias and its cap, where the source is stored with its large file in chunks."""
    barge = client(embedded)
    alias, cap = embedded.fresh()
    barge.ok("cp", "-r", source, alias, "--chunk=64K")
    return barge, alias, cap


def edge(grid, directory, name):
    """The child `name` as the gateway lists it: (kind, node)."""
    node = json.loads(grid.web("GET", uri(directory, t="json")))[1]
    return node["children"][name]


def joined(grid, cap):
    """The names of the pieces of a directory, and their bytes in the order of a shell's sort."""
    names = sorted(grid.list(cap), key=os.fsencode)
    return names, b"".join(grid.get(grid.list(cap)[name][1]["ro_uri"]) for name in names)


def pieces_at(grid, cap, *path):
    """The chunks of the file at the path below a directory."""
    for name in path[:-1]:
        node = grid.child(cap, name)[1]
        cap = node.get("rw_uri") or node["ro_uri"]
    kind, node = edge(grid, cap, path[-1])
    return joined(grid, node["ro_uri"]) if kind == "dirnode" else (None, grid.get(node["ro_uri"]))


def marked(grid, children, size, version=1):
    """An alias of a directory whose child `large` says that it is a file of chunks."""
    body = {name: ["dirnode" if cap.startswith("URI:DIR2") else "filenode", {"ro_uri": cap}]
            for name, cap in children.items()}
    pieces = grid.web("POST", "/uri?t=mkdir-immutable", json.dumps(body)).decode()
    mark = {"chunked": {"size": size, "version": version}}
    parent = {"large": ["dirnode", {"ro_uri": pieces, "metadata": {"barge": mark}}]}
    cap = grid.web("POST", "/uri?t=mkdir-with-children", json.dumps(parent)).decode()
    EmbeddedGateway.made += 1
    name = f"marked{EmbeddedGateway.made}"
    grid.add_alias(name, cap)
    return name + ":"


def slots_written(barge):
    """How many entries of the newest job have a slot that says that they are done, or of a file in
    chunks, how many of these."""
    path = barge.jobs() and barge.job() / "outcomes"
    data = path.read_bytes() if path and path.exists() else b""
    return sum(data[at + 10] == 2 for at in range(4096, len(data) - 127, 128))


def sent(grid, kind="put"):
    """Counts requests from here on."""
    before = grid.requests(kind)
    return lambda: grid.requests(kind) - before
