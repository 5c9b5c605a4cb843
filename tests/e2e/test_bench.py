"""`barge bench`: what it measures, what it says of it, and that nothing stays linked."""
import json
import os
import shutil
import signal
import time

import pytest

from grid import wait_for
from storage import NodeCopy, WritingServer, announce
from test_direct_write import encode_as

QUICK = "--duration=0.2"


def steps(run):
    return [line for line in run.lines() if line["type"] == "step"]


def last(run):
    lines = run.lines()
    assert lines[-1]["type"] == "summary"
    return lines[-1]


def most(verdict):
    return max((share, name) for name, share in verdict.items() if name != "next")[1]


def test_files_and_directories_both_ways(embedded, client):
    alias, cap = embedded.fresh()
    run = client(embedded).ok("bench", alias, "--sizes=4K,100K", QUICK, "-j2", "--json")
    found = {(step["op"], step["size"]): step for step in steps(run)}
    assert set(found) == {(op, size) for op in ("put", "get") for size in (4096, 102400)} | {
        (op, size) for op in ("make", "list") for size in (10, 1000, 10000)}
    for (op, size), step in found.items():
        assert step["in_flight"] == 2 and step["objects"] > 0 and step["errors"] == 0
        assert step["objects_per_second"] > 0
        if op in ("put", "get"):
            assert step["bytes"] == size * step["objects"]
        times = step["latency_us"]
        assert 0 < times["p50"] <= times["p90"] <= times["p99"] <= times["p99.9"] <= times["max"]
        assert 0 < step["first_done"] <= step["last_done"]
        assert step["cpu"] > 0 and step["gateway_cpu"] >= 0
        assert set(step["phases_us"]) == {"making", "connecting", "sending", "waiting",
                                          "receiving", "proving"}
    total = last(run)
    assert total["stored_bytes"] > 0 and total["stored_directories"] > 0 and total["errors"] == 0
    assert embedded.list(cap) == {} and "none is linked" in run.err


def test_content_is_new_each_time(gateway, client):
    """Two equal bodies would be stored once only, and cost nothing."""
    grid = gateway()
    barge = client(grid)
    before = grid.counts()["made"]["shares"]
    first = last(barge.ok("bench", "put", "-u", grid.url, "--sizes=56,70000", "--objects=5",
                          "-j2", "--json", node=False))
    assert first["stored_files"] == 10
    assert grid.counts()["made"]["shares"] - before == 10


@pytest.mark.alone
def test_more_and_more_in_flight_until_nothing_is_gained(gateway, client):
    """A gateway that answers after 50 ms gains from each further request in flight."""
    grid = gateway("put:delay=50")
    run = client(grid).ok("bench", "put", "-u", grid.url, "--sizes=4K", QUICK, "--json",
                          node=False)
    speeds = {step["in_flight"]: step["objects_per_second"] for step in steps(run)}
    assert list(speeds)[:4] == [1, 2, 4, 8]
    assert speeds[1] <= 20 and speeds[4] > speeds[2] > speeds[1]
    total = last(run)
    assert most(total["verdict"]) == "gateway" and "second gateway" in total["verdict"]["next"]


def test_the_table_for_people(embedded, client):
    alias, _ = embedded.fresh()
    run = client(embedded).ok("bench", "mixed", alias, "--sizes=4K", QUICK, "-j2",
                              "--progress=always")
    rows = run.out.splitlines()
    assert rows[0].split()[:5] == ["what", "size", "at", "objects/s", "bytes/s"]
    assert rows[1].split()[:4] == ["mixed", "4.0", "KiB", "2"]
    assert rows[2].startswith("best: mixed 4.0 KiB, 2 in flight: ") and "CPU" in rows[2]
    assert "of the gateway" in rows[2]
    assert "what holds it back: " in run.err and "stored " in run.err


@pytest.mark.alone
def test_a_limit_of_the_rate_is_named(embedded, client):
    run = client(embedded).ok("bench", "put", "-u", embedded.url, "--sizes=64K", "--duration=1.5",
                              "-j2", "--bwlimit=512K", "--json", node=False)
    verdict = last(run)["verdict"]
    assert most(verdict) == "network" and "--bwlimit" in verdict["next"]


def test_errors_and_retries_are_told_apart(gateway, client):
    grid = gateway("put:500@2", "put:500@4")
    run = client(grid).ok("bench", "put", "-u", grid.url, "--sizes=4K", "--objects=20", "-j1",
                          "--json", node=False)
    step, = steps(run)
    assert step["objects"] == 20 and step["errors"] == 0 and step["retries"] == 2


def test_large_bodies(embedded, client):
    run = client(embedded).ok("bench", "put", "-u", embedded.url, "--sizes=16M", "--objects=2", "-j1",
                   "--json", node=False)
    step, = steps(run)
    assert step["phases_us"]["making"]["p50"] > 0 and step["bytes"] == 32 << 20


def test_stopped_it_tells_what_was_stored(gateway, client):
    grid = gateway("put:delay=30")
    barge = client(grid)
    process = barge.start("bench", "put", "-u", grid.url, "--sizes=4K", "--duration=60", "-j2",
                          node=False)
    wait_for(lambda: grid.requests("put") > 5)
    process.send_signal(signal.SIGINT)
    run = barge.finish(process, 120)
    assert run.code == 3
    row = run.out.splitlines()[1].split()
    assert "none is linked" in run.err and row[0] == "put"
    assert row[-2:] == ["0", "0"]  # what was in flight is no error


def test_a_real_grid(real_grid, client):
    alias, cap = real_grid.fresh()
    run = client(real_grid).ok("bench", alias, "put", code=2)
    assert "one place" in run.err
    run = client(real_grid).ok("bench", "get", alias, "--sizes=4K", "--objects=8", "-j2", "--json")
    step, = steps(run)
    assert step["objects"] == 8 and last(run)["stored_files"] == 64
    assert real_grid.list(cap) == {}


@pytest.mark.alone
def test_one_slow_server_is_named(real_grid, client, tmp_path):
    """One of four storage servers that take shares of each file."""
    servers = [WritingServer() for _ in range(4)]
    note = servers[2].note
    servers[2].note = lambda path: (time.sleep(0.06), note(path))
    try:
        node = NodeCopy(real_grid, tmp_path / "node", announce(*servers))
        encode_as(node, 1, 4, 4)
        run = client(node).ok("bench", "put", node.fresh()[0], "--sizes=4K", "--duration=1.5",
                              "-j2", "--json")
    finally:
        for server in servers:
            server.stop()
    verdict = last(run)["verdict"]
    assert most(verdict) == "one-server" and f":{servers[2].listener.server_address[1]}/" in verdict["next"]


# --- a plan ---

@pytest.fixture
def plan(embedded, client, tmp_path):
    """plan(*sizes): a plan of files of these sizes in two directories."""
    def make(*sizes):
        (tmp_path / "tree/below").mkdir(parents=True)
        for number, size in enumerate(sizes):
            (tmp_path / "tree/below" / f"f{number}").write_bytes(os.urandom(size))
        client(embedded).ok("plan", "-r", "-o", tmp_path / "a.plan", tmp_path / "tree",
                            embedded.fresh()[0])
        return tmp_path / "a.plan"
    return make


def test_how_long_a_plan_takes(embedded, client, plan):
    barge, alias = client(embedded), embedded.fresh()[0]
    path = plan(*[3000] * 30, *[5000] * 10, 100_000, 10, 0)
    before = embedded.requests("put")
    run = barge.ok("bench", alias, f"--shape={path}", QUICK, "-j2", "--json")
    assert {(step["op"], step["size"]) for step in steps(run)} == {
        ("put", 3500), ("put", 100_000), ("make", 15)}
    assert embedded.requests("put") > before  # the plan itself was not carried out
    told, = [line for line in run.lines() if line["type"] == "shape"]
    assert told["files"] == 43 and told["directories"] == 3 and told["bytes"] == 240_000
    speed = {step["size"]: step["objects_per_second"] for step in steps(run)}
    expected = 40 / speed[3500] + 1 / speed[100_000] + 3 / speed[15]
    assert told["least_seconds"] < expected < told["most_seconds"]
    run = barge.ok("bench", "get", alias, f"--shape={path}", QUICK, "-j2")
    assert "the plan: 43 files, 3 directories, 234.3 KiB: " in run.out


def test_plans_that_tell_nothing(embedded, client, plan, tmp_path):
    barge, path, alias = client(embedded), plan(10, 0), embedded.fresh()[0]
    before = embedded.requests("put")
    for said, words in [
            ("has no file that would be sent", [f"--shape={path}"]),
            ("no such plan", [f"--shape={tmp_path}/none"]),
            ("leave --sizes out", [f"--shape={path}", "--sizes=4K"]),
            ("with put or get", ["mixed", f"--shape={path}"])]:
        assert said in barge.ok("bench", *words, alias, code=2).err
    (tmp_path / "nonsense").write_bytes(os.urandom(5000))
    run = barge.run("bench", f"--shape={tmp_path}/nonsense", alias)
    assert run.code in (2, 5) and "nonsense" in run.err, run
    assert embedded.requests("put") == before


# --- two runs -----------------------------------------------------------------------------

def line(op="put", size=4096, in_flight=1, speed=100.0, spread=1.0):
    times = {"p50": 10, "p90": 20, "p99": 30, "p99.9": 40, "max": 50}
    phases = ("making", "connecting", "sending", "waiting", "receiving", "proving")
    return json.dumps({
        "type": "step", "op": op, "size": size, "in_flight": in_flight, "objects": 10,
        "bytes": 10 * size, "errors": 0, "retries": 0, "seconds": 1.0,
        "objects_per_second": speed, "bytes_per_second": speed * size, "spread": spread,
        "first_done": 0.1, "last_done": 1.0, "cpu": 0.1, "latency_us": times,
        "phases_us": {phase: times for phase in phases}, "verdict": {}}) + "\n"


def second(objects, op="put", size=4096):
    return json.dumps({"type": "second", "op": op, "size": size, "in_flight": 1, "seconds": 0.5,
                       "objects": objects, "bytes": objects * size, "verdict": "gateway"}) + "\n"


@pytest.fixture
def barge_alone(client):
    return client(None)


def test_runs_are_compared(barge_alone, tmp_path):
    a, b = tmp_path / "a.json", tmp_path / "b.json"
    a.write_text(line(speed=100) + line("get", speed=100) + line("get", size=5, speed=100))
    b.write_text(line(speed=101) + line("get", speed=150) + line("get", size=5, speed=50))
    rows = barge_alone.ok("bench", "compare", a, b).out.splitlines()
    assert len(rows) == 3
    assert rows[0].endswith("no difference beyond the noise") and "(+- 1.0)" in rows[0]
    assert rows[1].endswith("+50.0 %: quicker") and rows[2].endswith("-50.0 %: slower")
    results = [row["result"] for row in barge_alone.ok("bench", "compare", a, b, "--json").lines()]
    assert results == ["no difference beyond the noise", "quicker", "slower"]


def test_more_than_nothing_is_no_share_of_it(barge_alone, tmp_path):
    (tmp_path / "a").write_text(line(speed=0))
    (tmp_path / "b").write_text(line(speed=100))
    words = "bench", "compare", tmp_path / "a", tmp_path / "b"
    assert barge_alone.ok(*words).out.endswith(" objects/s: quicker\n")
    row, = barge_alone.ok(*words, "--json").lines()
    assert row["result"] == "quicker" and "percent" not in row


def test_a_run_is_compared_with_itself(embedded, client, tmp_path):
    barge = client(embedded)
    run = barge.ok("bench", "put", "-u", embedded.url, "--sizes=4K", QUICK, "-j1", "--json",
                   node=False)
    (tmp_path / "a.json").write_bytes(run.raw)
    rows = barge.ok("bench", "compare", "a.json", "a.json", cwd=tmp_path).out.splitlines()
    assert len(rows) == 1 and rows[0].endswith("no difference beyond the noise")


def test_pictures(barge_alone, tmp_path):
    (tmp_path / "a.json").write_text(line() + line(in_flight=2) + line("get"))
    run = barge_alone.ok("bench", "plot", tmp_path / "a.json", "-o", tmp_path / "a.gif", code=2)
    assert ".svg or .png" in run.err
    wanted = tmp_path / "it's.svg"
    if not shutil.which("gnuplot"):
        run = barge_alone.ok("bench", "plot", tmp_path / "a.json", "-o", wanted, code=2)
        assert "gnuplot, which is not installed" in run.err and not wanted.exists()
        return
    barge_alone.ok("bench", "plot", tmp_path / "a.json", "-o", wanted)
    assert b"<svg" in wanted.read_bytes() and b">seconds<" not in wanted.read_bytes()
    with open(tmp_path / "a.json", "a") as file:
        file.write(second(100) + second(300) + second(50, "get"))
    barge_alone.ok("bench", "plot", tmp_path / "a.json", "-o", wanted)
    assert b">seconds<" in wanted.read_bytes()
    barge_alone.ok("bench", "plot", tmp_path / "a.json", "-o", tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_gnuplot_is_given_what_it_draws(barge_alone, tmp_path):
    """A program of that name takes down what it was told."""
    programs = tmp_path / "programs"
    programs.mkdir()
    told = programs / "gnuplot"
    told.write_text(f"#!/bin/sh\n/bin/cat >{tmp_path}/script\n: >{tmp_path}/a.svg\n")
    told.chmod(0o755)
    (tmp_path / "a.json").write_text(line(speed=123) + line(in_flight=2, speed=234) + line("get")
                                     + second(100) + second(300) + second(50, "get"))
    barge_alone.ok("bench", "plot", tmp_path / "a.json", "-o", tmp_path / "a.svg",
                   env={"PATH": f"{programs}:{os.environ['PATH']}"})
    script = (tmp_path / "script").read_text()
    assert script.startswith("set terminal svg") and f"set output '{tmp_path}/a.svg'" in script
    assert "\n1 0.480 123.000 0.010" in script and "2 0.914 234.000" in script
    assert script.count("plot $run0 index 0") == 2 and "index 1" in script
    assert "\n0.500 200.000\n1.000 600.000\n\n\n0.500 100.000\nEND" in script
    assert "plot $seconds0 index 0" in script


# --- bad input ----------------------------------------------------------------------------

@pytest.mark.parametrize("words, said", [
    ((), "name ALIAS:PATH or --gateway URL"),
    (("put",), "name ALIAS:PATH or --gateway URL"),
    (("a:", "b:"), "one place is measured at a time"),
    (("a:", "--sizes=0"), "56 is the least"),
    (("a:", "--sizes=55"), "56 is the least"),
    (("a:", "--sizes="), "--sizes wants SIZE"),
    (("a:", "--sizes=4K,"), "'' is no size"),
    (("a:", "--sizes=4K,x"), "'x' is no size"),
    (("a:", "--sizes=2G"), "1G is the most"),
    (("a:", "-j65"), "64 requests in flight are the most"),
    (("a:", "-o", "x"), "barge bench plot"),
    (("a:", "--duration=0"), "--duration"),
    (("a:", "--objects=0"), "--objects"),
    (("compare", "a"), "compare A B"),
    (("plot", "a"), "where does the picture go?"),
    (("plot", "-o", "a.svg"), "up to 16 runs are drawn"),
    (("compare", "/nowhere", "/nowhere"), "cannot open '/nowhere'"),
])
def test_words_that_make_no_sense(barge_alone, words, said):
    run = barge_alone.ok("bench", *words, code=2)
    assert said in run.err and run.out == ""


@pytest.mark.parametrize("text, said", [
    ("", "no result of barge bench in it"),
    ("hello\n", "line 1: that is no result"),
    (line() + '{"type":"step","op":"put"}\n', "line 2: that is no result"),
    (line() + second(5).replace("0.5", "0"), "line 2: that is no result"),
    (line(speed=1e16), "line 1: that is no result"),
    ('{"type":"summary"}\n', "no result of barge bench in it"),
])
def test_nonsense_in_a_file_of_results(barge_alone, tmp_path, text, said):
    (tmp_path / "good").write_text(line())
    (tmp_path / "bad").write_text(text)
    run = barge_alone.ok("bench", "compare", tmp_path / "good", tmp_path / "bad", code=2)
    assert said in run.err and "bad" in run.err and run.out == ""


def test_runs_with_nothing_in_common(barge_alone, tmp_path):
    (tmp_path / "a").write_text(line())
    (tmp_path / "b").write_text(line(in_flight=2))
    run = barge_alone.ok("bench", "compare", tmp_path / "a", tmp_path / "b", code=2)
    assert "no step in common" in run.err


def test_a_place_that_cannot_be_written_to(embedded, client):
    alias, cap = embedded.fresh()
    read_only = json.loads(embedded.web("GET", f"/uri/{cap}?t=json"))[1]["ro_uri"]
    embedded.add_alias("benchro", read_only)
    barge = client(embedded)
    before = embedded.counts()["made"]["shares"]
    assert "is read-only" in barge.ok("bench", "benchro:", QUICK, code=2).err
    assert "No such file" in barge.ok("bench", alias + "not/there", QUICK, code=2).err
    embedded.link(cap, "file", embedded.put(os.urandom(100)))  # not stored by another test
    assert "is not a directory" in barge.ok("bench", alias + "file", QUICK, code=2).err
    assert embedded.counts()["made"]["shares"] - before == 1


def test_a_grid_that_takes_nothing(gateway, client):
    """As one that is too small for its happiness, or has no space."""
    grid = gateway("put:unhappy")
    run = client(grid).run("bench", "put", "-u", grid.url, "--sizes=4K", QUICK, "--json",
                           "--grid-wait=1", node=False)
    assert run.code in (1, 69) and not steps(run)
    assert last(run)["stored_files"] == 0 and last(run)["errors"] > 0
    assert "UploadUnhappiness" in run.err or "happ" in run.err or "servers" in run.err, run
    assert grid.counts()["made"]["shares"] == 0


def test_no_gateway(barge_alone):
    run = barge_alone.ok("bench", "-u", "http://127.0.0.1:9/", code=69)
    assert "127.0.0.1:9" in run.err and run.out == ""
