"""How many requests are in flight is found out, unless -j says it."""
import pytest
from test_verdict import many

pytestmark = pytest.mark.alone


def most_under_way(grid):
    return grid.counts()["under_way"]["most"]


def test_a_gateway_far_away_gets_more_at_once(gateway, client, tmp_path):
    """600 answers of 100 ms: 7.5 s with the eight that are in flight at first."""
    grid = gateway("put:delay=100")
    alias, _ = grid.fresh()
    barge = client(grid)
    barge.ok("cp", "-r", many(tmp_path / "s", 600), alias)
    assert most_under_way(grid) > 12
    grid.restart(["get:delay=100"])
    barge.ok("cp", "-r", f"{alias}s", tmp_path / "out")
    assert most_under_way(grid) > 12


def test_a_number_that_is_given_stays(gateway, client, tmp_path):
    grid = gateway("put:delay=50")
    alias, _ = grid.fresh()
    run = client(grid).ok("cp", "-r", "-j2", "--json", many(tmp_path / "s", 60), alias)
    assert run.summary()["seconds"] >= 1.5  # and no directory was made meanwhile
    assert most_under_way(grid) == 2
