"""How many requests are in flight is found out, unless -j says it."""
from test_verdict import many


def seconds(run):
    return run.summary()["seconds"]


def test_a_gateway_far_away_gets_more_at_once(gateway, client, tmp_path):
    """600 answers of 100 ms: 7.5 s with eight in flight."""
    grid = gateway("put:delay=100", "get:delay=100")
    alias, _ = grid.fresh()
    barge = client(grid)
    source = many(tmp_path / "s", 600)
    assert seconds(barge.ok("cp", "-r", "--json", source, alias)) < 4.5
    assert seconds(barge.ok("cp", "-r", "--json", f"{alias}s", tmp_path / "out")) < 4.5


def test_a_number_that_is_given_stays(gateway, client, tmp_path):
    grid = gateway("put:delay=50")
    alias, _ = grid.fresh()
    barge = client(grid)
    source = many(tmp_path / "s", 60)
    assert seconds(barge.ok("cp", "-r", "-j2", "--json", source, alias)) >= 1.5
