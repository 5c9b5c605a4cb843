"""`barge bench` on real grids that cannot take what it stores: each is named, and nothing stays."""
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from grid import TAHOE, SpreadGrid, wait_for

UNAVAILABLE, USAGE = 69, 2


class FullGrid(SpreadGrid):
    """Its server keeps more space free than any disk has."""
    def prepare(self, number, directory):
        path = directory / "tahoe.cfg"
        path.write_text(path.read_text().replace("reserved_space = 1G",
                                                 "reserved_space = 1000000G"))


@pytest.fixture(scope="module")
def grids(tmp_path_factory):
    """One server: `full` has no space, and `small` are too few for a happiness of two."""
    base = tmp_path_factory.mktemp("grids")
    made = {"full": (FullGrid, (1, 1, 1)), "small": (SpreadGrid, (1, 2, 2))}
    with ThreadPoolExecutor() as pool:
        grids = {name: pool.submit(kind, base / name, 1, shares, TAHOE)
                 for name, (kind, shares) in made.items()}
    try:
        yield {name: grid.result() for name, grid in grids.items()}
    finally:
        for grid in grids.values():
            if not grid.exception():
                grid.result().stop()


def half_made(grid):
    return list(grid.base.glob("server*/storage/shares/incoming/*/*/*"))


@pytest.mark.parametrize("name, said", [("full", "1 servers are full"),
                                        ("small", "on only 1 server(s)")])
@pytest.mark.parametrize("words", [("put",), pytest.param(("get",), marks=pytest.mark.long),
                                   pytest.param(("dir",), marks=pytest.mark.long),
                                   pytest.param(("put", "--no-direct"), marks=pytest.mark.long), ()],
                         ids=lambda words: "-".join(words) or "all")
def test_a_grid_that_takes_no_file(grids, client, name, said, words):
    grid = grids[name]
    alias, cap = grid.fresh()
    before = set(grid.share_files())
    run = client(grid).ok("bench", *words, alias, "--sizes=4K,64K", "--duration=0.2", "-j2",
                          "--json", "--grid-wait=1", code=UNAVAILABLE)
    assert "UploadUnhappinessError" in run.err and said in run.err
    assert " s for the grid: " in run.err
    told, = [line for line in run.lines() if line["type"] in ("step", "summary")]
    assert told["type"] == "summary" and told["stored_files"] == told["stored_directories"] == 0
    assert set(grid.share_files()) == before and grid.list(cap) == {}
    wait_for(lambda: not half_made(grid))


def test_a_place_that_is_read_only(grids, client):
    grid = grids["small"]
    _, cap = grid.fresh()
    grid.add_alias("benchro", json.loads(grid.web("GET", f"/uri/{cap}?t=json"))[1]["ro_uri"])
    before = set(grid.share_files())
    run = client(grid).ok("bench", "put", "benchro:", "--sizes=4K", "--duration=0.2", code=USAGE)
    assert "'benchro:' is read-only" in run.err and "--gateway URL" in run.err and not run.out
    assert set(grid.share_files()) == before and grid.list(cap) == {}
