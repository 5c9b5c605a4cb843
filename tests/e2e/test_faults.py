"""Faults of the gateway, each once: the tree is right in the end, or the entry failed by name.

Never is something called done that the grid does not hold.
"""
import concurrent.futures
import signal
import time

import pytest

from grid import FOR_EVER, EmbeddedGateway, wait_for
from runner import Barge
from tree import below, content, local_tree, same

# What is never answered is given up soon, and what is answered late by a slow machine is not.
SHORT = ("--timeout-connect=5", "--timeout-send=5", "--timeout-wait=5", "--timeout-receive=5")


def make_files(path):
    """A directory: bodies sent whole and streamed, and two directories."""
    (path / "d/e").mkdir(parents=True)
    for number in range(4):
        (path / f"small{number}").write_bytes(content(2000, number))
    (path / "d/streamed").write_bytes(content(400_000))
    (path / "d/e/more").write_bytes(content(100_000))
    return path


@pytest.fixture
def files(tmp_path):
    return make_files(tmp_path / "s")


def above(name):
    """The directories a name lies in."""
    words = name.split("/")
    return ["/".join(words[:count]) for count in range(1, len(words))]


def check(grid, cap, run, path):
    """What is done, with all directories above it, is on the grid with its bytes; what is not is
    named; nothing else is there.  Returns the names of the latter."""
    expected = below(path.name, local_tree(path))
    entries, summary = run.entries(), run.summary()
    assert entries.keys() == expected.keys(), "not every entry was reported"
    there = {name: expected[name] for name in expected
             if all(entries[part]["state"] == "done" for part in [*above(name), name])}
    if summary["linked"]:
        same(grid.tree(cap), there)
    else:
        assert grid.list(cap) == {}
    assert summary["done"] == len(there) and summary["planned"] == len(expected)
    assert (run.code == 0) == (there == expected and summary["linked"]), run
    return [name for name in expected if name not in there]


def carry_out(barge, home, fault, options):
    """One upload past one fault; returns (run, names that failed)."""
    path = make_files(home / "s")
    grid = EmbeddedGateway(barge, home / "node")
    try:
        alias, cap = grid.fresh()
        grid.restart([fault])
        client = Barge(barge, home / "home", grid)
        run = client.run("cp", "-r", "--json", *SHORT, *options, path, alias)
        assert grid.counts()["faults"]["hits"] > 0, "the fault did not happen"
        failed = check(grid, cap, run, path)
        client.search_files()
        return run, failed
    finally:
        grid.stop()


@pytest.fixture(scope="module")
def trial(request, barge, tmp_path_factory):
    """trial(fault, options) -> (run, failed).  Those of the tests selected run side by side, ahead
    of their tests: they spend their time waiting."""
    wanted = []
    for item in request.session.items:
        params = getattr(item, "callspec", None) and item.callspec.params
        if params and item.module is request.module and "options" in params:
            wanted.append((params["fault"], params["options"]))
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        future = {one: pool.submit(carry_out, barge, tmp_path_factory.mktemp("trial"), *one)
                  for one in wanted}
        yield lambda *one: future[one].result()


# The gateway breaks some requests and then behaves: the job must end as if nothing had been.
PASSING = {
    (): ["any:delay=30%50", "put:delay=6500@1", "put:500@1-2", "put:410@1", "put:reset@1",
         "put:unhappy@2", "put:stall@1", "put:truncate@1", "put:wrong-body@1", "put:wrong-cap@1",
         "put:wrong-cap@2", "put:lost-reply@1", "put:500=exceptions.RuntimeError%30",
         "mkdir:500@1", "mkdir:410@1", "mkdir:reset@1", "mkdir:stall@1", "mkdir:lost-reply@1-2",
         "mkdir:truncate@1", "mkdir:wrong-cap@1", "mkdir:unhappy@1",
         "set_children:500@1", "set_children:410@1", "set_children:reset@1",
         "set_children:stall@1", "set_children:lost-reply@1", "set_children:truncate@1",
         "json:500@2", "json:410@2", "json:reset@2", "json:stall@3", "json:truncate@2",
         "json:wrong-body@3", "json:lost-reply@2"],
    ("--immutable",): ["mkdir-immutable:500@1", "mkdir-immutable:lost-reply@1",
                       "mkdir-immutable:wrong-cap@2", "mkdir-immutable:unhappy@1",
                       "mkdir-immutable:stall@1", "mkdir-immutable:truncate@1"],
    ("--verify=check",): ["check:500@1", "check:truncate@1", "check:stall@1"],
}


@pytest.mark.parametrize(("options", "fault"), [pytest.param(options, fault, id=fault)
                                                for options in PASSING
                                                for fault in PASSING[options]])
def test_a_fault_that_passes_leaves_no_trace(trial, fault, options):
    run, failed = trial(fault, options)
    assert run.code == 0 and not failed, run


# Only the one file whose reading back was spoiled may fail.
@pytest.mark.parametrize("options", [("--verify=read",)], ids=["read"])
@pytest.mark.parametrize("fault", ["get:wrong-body@2", "get:truncate@1", "get:lie=20@2",
                                   "get:lie=3000@1", "get:reset@1", "get:500@1", "get:410@1",
                                   "get:stall@1", "get:lost-reply@1"])
def test_reading_back_sees_through_one_bad_reply(trial, fault, options):
    _, failed = trial(fault, options)
    assert len(failed) <= 1


@pytest.mark.parametrize("kind", ["wrong-body", "lie=20", "truncate"])
def test_what_can_never_be_read_back_fails_by_name(gateway, client, files, kind):
    grid = gateway()
    alias, cap = grid.fresh()
    grid.restart([f"get:{kind}"])
    run = client(grid).ok("cp", "-r", "--json", "--verify=read", *SHORT, files, alias, code=1)
    failed = check(grid, cap, run, files)
    assert {name for name in failed if local_tree(files).get(name[2:])} \
        == {"s/" + name for name, value in local_tree(files).items() if value}


@pytest.mark.parametrize("fault", ["put:wrong-cap", "put:wrong-cap@2+"])
def test_wrong_caps_for_ever(gateway, client, files, fault):
    """For the first file the secret is not believed, and reading back decides; for the second
    and later ones the cap is known to be wrong."""
    grid = gateway()
    alias, cap = grid.fresh()
    grid.restart([fault])
    run = client(grid).ok("cp", "-r", "--json", "-j", "1", *SHORT, files, alias, code=1)
    failed = check(grid, cap, run, files)
    files_failed = [name for name in failed if local_tree(files)[name[2:]]]
    assert len(files_failed) == (6 if fault == "put:wrong-cap" else 5), failed
    reasons = {run.entries()[name]["reason"] for name in files_failed}
    assert reasons <= {"proof failed", "refused by the gateway"}, reasons


def test_nothing_that_was_stored_can_be_read_back(gateway, client, files):
    """It may be the grid: no file fails, the job waits and can go on."""
    grid = gateway()
    alias, cap = grid.fresh()
    grid.restart(["get:410"])
    barge = client(grid)
    run = barge.ok("cp", "-r", "--json", *SHORT, "--grid-wait=1", "--verify=read", files, alias,
                   code=69)
    assert run.summary()["failed"] == 0 and grid.list(cap) == {}
    grid.restart()
    barge.ok("resume")
    same(grid.tree(cap), below("s", local_tree(files)))


@pytest.mark.parametrize("kind", ["500=builtins.ValueError", "reset", "truncate"])
def test_a_file_that_is_refused_for_ever_fails_and_the_rest_goes_on(gateway, client, files, kind):
    """The first file is the gateway's only victim: with one request in flight it is retried until
    it is given up, while the others go on."""
    grid = gateway()
    alias, cap = grid.fresh()
    grid.restart([f"put:{kind}@1-40"])
    run = client(grid).run("cp", "-r", "--json", *SHORT, files, alias)
    assert run.code in (0, 1), run
    failed = check(grid, cap, run, files)
    assert all(run.entries()[name]["detail"] for name in failed
               if run.entries()[name]["state"] == "failed"), run.entries()


@pytest.mark.parametrize("kind", ["500", "lost-reply", "wrong-cap"])
def test_directories_that_are_refused_for_ever(gateway, client, files, kind):
    grid = gateway()
    alias, cap = grid.fresh()
    grid.restart([f"mkdir:{kind}"])
    run = client(grid).run("cp", "-r", "--json", *SHORT, files, alias)
    check(grid, cap, run, files)
    if kind == "500":
        assert run.code == 1 and grid.list(cap) == {}
        assert run.summary()["linked"] is False and "nothing is linked" in run.err


def test_the_last_link_refused_for_ever(gateway, client, files):
    grid = gateway()
    alias, cap = grid.fresh()
    grid.restart(["set_children:500"])
    run = client(grid).ok("cp", "-r", "--json", *SHORT, files, alias, code=1)
    assert run.summary()["linked"] is False and grid.list(cap) == {}
    assert "(the last link)" in run.err


def test_lost_replies_make_no_second_directory(gateway, client, files):
    grid = gateway()
    alias, cap = grid.fresh()
    grid.restart(["mkdir:lost-reply%50", "mkdir:stall@2", "set_children:lost-reply@1"])
    before = grid.mutable_slots()
    client(grid).ok("cp", "-r", *SHORT, files, alias)
    same(grid.tree(cap), below("s", local_tree(files)))
    assert grid.mutable_slots() == before + 3


# --- a gateway that goes away --------------------------------------------------------------

def test_no_gateway_at_the_start(gateway, client, files):
    grid = gateway()
    alias, _ = grid.fresh()
    grid.stop()
    run = client(grid).ok("cp", "-r", files, alias, code=69)
    assert grid.url.rstrip("/") in run.err


@pytest.mark.parametrize("fault", ["json:truncate@1", "json:500@1", "json:stall@1", "other:500@1",
                                   "other:reset@1", "other:truncate@1", "json:lost-reply@1-2"])
def test_a_reply_that_is_lost_at_the_start(gateway, client, files, fault):
    grid = gateway()
    alias, cap = grid.fresh()
    grid.restart([fault])
    client(grid).ok("cp", "-r", *SHORT, files, alias)
    assert grid.counts()["faults"]["hits"] > 0
    same(grid.tree(cap), below("s", local_tree(files)))


@pytest.mark.parametrize("fault", ["json:truncate", "json:500", "other:500"])
def test_a_gateway_that_cannot_be_understood_at_the_start(gateway, client, files, fault):
    """Nothing is known to be wrong with the state, or with the target: it may go better later."""
    grid = gateway()
    alias, _ = grid.fresh()
    grid.restart([fault])
    barge = client(grid)
    run = barge.ok("cp", "-r", *SHORT, files, alias, code=69)
    assert not barge.jobs() and ("target" in run.err or "gateway" in run.err)


def test_a_gateway_that_comes_back_in_time(gateway, client, tmp_path):
    path = tmp_path / "s"
    path.mkdir()
    for number in range(80):
        (path / f"{number}").write_bytes(content(3000, number))
    grid = gateway()
    alias, cap = grid.fresh()
    grid.restart([f"put:delay={FOR_EVER}@11+"])
    barge = client(grid)
    process = barge.start("cp", "-r", "--json", "--gateway-wait=600", path, alias)
    wait_for(lambda: grid.requests("put") > 10)
    grid.kill()
    barge.await_said(process, "does not answer")
    grid.start()
    run = barge.finish(process)
    assert run.code == 0 and "answers again" in run.err, run
    assert check(grid, cap, run, path) == []


def test_a_gateway_that_goes_away_while_the_target_is_looked_at(gateway, client, tmp_path):
    path = tmp_path / "s"
    for number in range(10):
        (path / f"d{number}").mkdir(parents=True)
        (path / f"d{number}/file").write_bytes(content(300, number))
    grid = gateway()
    alias, cap = grid.fresh()
    barge = client(grid)
    barge.ok("cp", "-r", path, alias)
    grid.restart([f"json:delay={FOR_EVER}@4+"])
    process = barge.start("cp", "-r", "--gateway-wait=600", path, alias)
    wait_for(lambda: grid.requests("json") >= 4)
    grid.kill()
    barge.await_said(process, "does not answer")
    grid.start()
    run = barge.finish(process)
    assert run.code == 0, run
    same(grid.tree(cap), below("s", local_tree(path)))


def test_a_gateway_that_does_not_come_back(gateway, client, tmp_path):
    path = tmp_path / "s"
    path.mkdir()
    for number in range(80):
        (path / f"{number}").write_bytes(content(3000, number))
    grid = gateway()
    alias, cap = grid.fresh()
    grid.restart([f"put:delay={FOR_EVER}@11+"])
    barge = client(grid)
    process = barge.start("cp", "-r", "--json", "--gateway-wait=1", path, alias)
    wait_for(lambda: grid.requests("put") > 10)
    grid.kill()
    run = barge.finish(process)
    assert run.code == 69 and "go on with: barge resume" in run.err, run
    before = {name for name, line in run.entries().items() if line["state"] == "done"}
    assert not [line for line in run.entries().values() if line["state"] == "failed"]
    grid.start()
    run = barge.ok("resume", "--json")
    same(grid.tree(cap), below("s", local_tree(path)))
    assert not before & run.entries().keys()


def test_a_gateway_that_dies_while_it_answers_nothing(gateway, client, files):
    """Stopped, not dead: connections stand, and nothing comes back."""
    grid = gateway()
    alias, cap = grid.fresh()
    grid.restart(["put:delay=3000@1"])
    barge = client(grid)
    process = barge.start("cp", "-r", "--json", *SHORT, "--gateway-wait=600", files, alias)
    wait_for(lambda: grid.requests("put") >= 1)
    grid.process.send_signal(signal.SIGSTOP)
    time.sleep(6)  # longer than it waits for one reply
    grid.process.send_signal(signal.SIGCONT)
    run = barge.finish(process)
    assert run.code == 0, run
    assert check(grid, cap, run, files) == []
