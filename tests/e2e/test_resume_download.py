"""kill -9 of copies to a local directory, at every named point and at random moments: nothing done
is lost or fetched again, nothing is half there, and nothing of ours stays behind.

BARGE_SEED=N repeats a campaign; without it every run has a seed of its own, which is printed.
"""
import os
import random
import signal
import time

import pytest

from fetch_loop import Fetch, fetch_points, leftovers
from grid import EmbeddedGateway, wait_for
from job_reader import DONE, SLOT, SLOTS
from kill_loop import Fire, Kill, after_lines, campaign, is_stopping, new_seed
from lying import HoldingGateway, is_get_of_a_file
from runner import LineReader
from tree import content, local_tree, same

FIXED_SEED = 20221122
MIB = 1 << 20
LARGE = 40  # MiB


@pytest.fixture(scope="module")
def slow(barge, tmp_path_factory):
    """An embedded gateway whose answers take a while."""
    grid = EmbeddedGateway(barge, tmp_path_factory.mktemp("slow") / "node", ["get:delay=8"])
    yield grid
    grid.stop()


@pytest.fixture
def fetches(barge_debug, client, tmp_path):
    """fetches(grid or None, seed, **kind): a Fetch with a place of its own."""
    made = []

    def make(grid, seed, **kind):
        place = tmp_path / f"fetch{len(made)}"
        made.append(client(grid, barge_debug))
        return Fetch(made[-1], place, seed, grid, **kind)
    return make


# --- kill -9 ------------------------------------------------------------------------------

@pytest.mark.parametrize("origin", ["grid", "local"])
def test_killed_at_every_point(slow, fetches, origin):
    for name in fetch_points():
        job = fetches(slow if origin == "grid" else None, f"{FIXED_SEED} {origin} {name}", files=20)
        assert job.run(Kill(name)).code == -9, job
        if job.rng.random() < 0.5:
            job.run(Kill(name, job.rng.randint(2, 6)))
        job.finish()


@pytest.mark.parametrize(("origin", "wide"), [
    ("grid", 0), pytest.param("grid", 3000, marks=pytest.mark.long), ("local", 0), ("local", 3000)])
def test_killed_at_any_moment(slow, fetches, origin, wide):
    grid, seed = slow if origin == "grid" else None, new_seed()
    print(f"BARGE_SEED={seed}")

    def make(number):
        return fetches(grid, f"{seed} {origin} {wide} {number}", wide=wide)
    whole = make("whole")
    begin = time.monotonic()
    whole.finish()
    fire = Fire(random.Random(f"{seed} {origin} {wide}"), fetch_points(),
                time.monotonic() - begin)
    kills, jobs = campaign(make, fire, 5 if wide else 15)
    print(f"{kills} kills of {jobs} jobs")


@pytest.mark.parametrize("point", ["manifest-block:2", "plan-listing", "plan-published"])
def test_killed_while_it_lists_a_source_without_a_name(embedded, barge_debug, client, tmp_path,
                                                       point):
    """Its children have no directory in the plan but the target's own."""
    caps = {f"{number:05d}": embedded.put(b"%d" % number) for number in range(2000)}
    inner = embedded.mkdir({"f": caps["00000"]})
    alias, _ = embedded.fresh({**caps, "dir": inner, "dir2": inner})
    barge = client(embedded, barge_debug)
    words = ["cp", "-r", alias, tmp_path / "out"]
    assert barge.run(*words, env={"BARGE_KILL": point}).code == -9
    run = barge.run("resume")
    if run.code == 2:
        assert "give the command again" in run.err
        barge.ok(*words)
    assert run.code in (0, 2), run
    assert len(local_tree(tmp_path / "out")) == 2004 and len(barge.jobs()) == 1
    assert not leftovers(tmp_path / "out")


# --- inside a large file ------------------------------------------------------------------

@pytest.fixture
def large(gateway, client, barge_debug, tmp_path):
    """A gateway with a file of 40 MiB, and how it is fetched in ranges of 1 MiB."""
    return Large(gateway(), client, tmp_path)


class Large:
    def __init__(self, grid, client, tmp_path):
        self.grid, self.barge, self.place, self.kills = grid, client(grid), tmp_path, 0
        self.data, self.out = content(LARGE * MIB, 5), tmp_path / "out"
        self.alias, _ = grid.fresh({"large": grid.put(self.data)})
        self.words = ["cp", "-r", "--json", "--range-size=1M", self.alias, self.out]

    def kill(self, pieces):
        """Lets it fetch so many pieces and kills it once they are noted; returns the temporary file."""
        self.kills, before = self.kills + 1, self.noted()
        with HoldingGateway(self.grid, self.place / f"holding{self.kills}", pieces,
                            is_get_of_a_file) as self.barge.grid:
            process = self.barge.start(*self.words)
            self.barge.grid.wait_for_others()
            wait_for(lambda: self.noted() >= before + pieces)
            process.kill()
            self.barge.finish(process)
        self.barge.grid = self.grid
        assert len(leftovers(self.out)) == 1 and os.listdir(self.out) == leftovers(self.out)
        return self.temporary()

    def noted(self):
        """How many pieces the job knows that it has."""
        outcomes = self.barge.job() / "outcomes" if self.barge.jobs() else None
        data = outcomes.read_bytes() if outcomes and outcomes.exists() else b""
        return data[SLOTS + 10::SLOT].count(DONE)

    def temporary(self):
        return self.out / leftovers(self.out)[0]

    def go_on(self, code=0):
        """Returns (requests, MiB) of going on."""
        before = self.grid.counts()
        run = self.barge.ok("resume", "--json", code=code)
        after = self.grid.counts()
        assert not code or run
        return (after["requests"]["get"] - before["requests"]["get"],
                (after["bytes"]["out"] - before["bytes"]["out"]) / MIB)

    def is_there(self):
        assert (self.out / "large").read_bytes() == self.data
        assert os.listdir(self.out) == ["large"]


def test_a_large_file_goes_on_inside(large):
    large.kill(25)
    gets, sent = large.go_on()
    assert gets == LARGE - 25 and sent < gets + 1
    large.is_there()


def test_a_large_file_killed_again_and_again(large):
    before = large.grid.requests("get")
    for pieces in (1, 4, 9, 9, 9):
        large.kill(pieces)
    large.go_on()
    assert large.grid.requests("get") - before == LARGE
    large.is_there()


def test_a_piece_that_was_damaged_meanwhile_is_fetched_again(large):
    temporary = large.kill(25)
    with open(temporary, "r+b") as file:
        for at in 3 * MIB + 7, 11 * MIB - 1:
            file.seek(at)
            byte = file.read(1)
            file.seek(at)
            file.write(bytes([byte[0] ^ 1]))
    gets, _ = large.go_on()
    assert gets == LARGE - 25 + 2
    large.is_there()


@pytest.mark.parametrize("how", ["cut", "gone", "symlink", "directory"])
def test_a_temporary_file_that_is_not_what_it_was(large, tmp_path, how):
    temporary = large.kill(20)
    if how == "cut":
        os.truncate(temporary, 5 * MIB + 100)
    else:
        temporary.unlink()
    if how == "symlink":
        (tmp_path / "victim").write_bytes(b"mine")
        temporary.symlink_to(tmp_path / "victim")
    if how == "directory":
        temporary.mkdir()
        run = large.barge.run("resume")
        assert run.code in (1, 4) and not (large.out / "large").exists(), run
        return
    gets, _ = large.go_on()
    assert gets >= LARGE - 6
    large.is_there()
    if how == "symlink":
        assert (tmp_path / "victim").read_bytes() == b"mine"


# --- what others do meanwhile -------------------------------------------------------------

def test_a_target_that_somebody_changed_meanwhile_is_a_conflict(embedded, barge_debug, client,
                                                                tmp_path):
    files = {f"f{number}": content(3000, number) for number in range(4)}
    alias, _ = embedded.fresh({name: embedded.put(data) for name, data in files.items()})
    out, barge = tmp_path / "out", client(embedded, barge_debug)
    out.mkdir()
    for name in "f0", "f1", "f2":
        (out / name).write_bytes(b"before")
    time.sleep(1.1)  # the job knows the second in which it began
    run = barge.run("cp", "-r", "-j", "1", alias, out, env={"BARGE_KILL": "plan-published"})
    assert run.code == -9
    time.sleep(1.1)
    (out / "f1").write_bytes(b"somebody's")
    (out / "f3").mkdir()
    run = barge.ok("resume", "--json", code=4)
    assert run.entries()["f1"]["state"] == run.entries()["f3"]["state"] == "failed"
    assert (out / "f1").read_bytes() == b"somebody's" and (out / "f3").is_dir()
    assert (out / "f0").read_bytes() == files["f0"] and (out / "f2").read_bytes() == files["f2"]
    assert not leftovers(out)


@pytest.mark.parametrize("option", ["--no-clobber", "--update", "--json"])
@pytest.mark.parametrize("origin", ["grid", "local"])
def test_what_somebody_made_meanwhile_is_kept(embedded, barge_debug, client, tmp_path, origin,
                                              option):
    """Also by options that ask for it; and the half file that the kill left goes."""
    (tmp_path / "s").mkdir()
    (tmp_path / "s/f").write_bytes(content(3000))
    barge, word = client(embedded if origin == "grid" else None, barge_debug), tmp_path / "s"
    if origin == "grid":
        word = embedded.fresh({"s": embedded.mkdir({"f": embedded.put(content(3000))})})[0] + "s"
    words = ["cp", "-r", option, word, tmp_path / "out"]
    assert barge.run(*words, env={"BARGE_KILL": "fetch-publish"}).code == -9
    target = tmp_path / "out/s"
    assert len(os.listdir(target)) == 1 == len(leftovers(target))
    time.sleep(1.1)
    (target / "f").write_bytes(b"somebody's")
    run = barge.run(*words)
    assert run.code == (0 if option == "--no-clobber" else 4), run
    assert os.listdir(target) == ["f"] and (target / "f").read_bytes() == b"somebody's"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains_and_says_how_to_go_on(slow, fetches, number, tmp_path):
    job = fetches(slow, f"{FIXED_SEED} signal {number}")
    job.options = ["-j4"]  # so many that the signal finds some left
    with HoldingGateway(slow, tmp_path / "holding", 8, is_get_of_a_file) as job.barge.grid:
        def interrupt(process, lines, err):
            assert after_lines(lines, 8)
            job.barge.grid.wait_for_others()
            process.send_signal(number)
            assert err.wait_for(is_stopping)
            job.barge.grid.let_go()
        run = job.run(interrupt, codes=(3,))
        total = run.summary()
        assert total["left"] > 0 and f"barge resume {job.job().name[:16]}" in run.err
        assert total["go_on"].startswith(f"barge resume {job.job().name[:16]} ")
        assert not leftovers(job.out)
        words = total["go_on"].split()[1:]
        assert job.barge.run(*words, "--json", node=False).code == 0
    same(local_tree(job.out), job.expected)


def test_a_second_signal_ends_it_at_once(gateway, client, tmp_path):
    grid = gateway("get:delay=3600000@3+")
    alias, _ = grid.fresh({f"f{number}": grid.put(content(3000, number)) for number in range(9)})
    barge = client(grid)
    process = barge.start("cp", "-r", "--json", alias, tmp_path / "out")
    lines, err = LineReader(process.stdout), LineReader(process.stderr)
    assert after_lines(lines, 2)
    wait_for(lambda: grid.requests("get") > 2)
    process.send_signal(signal.SIGINT)
    assert err.wait_for(is_stopping)
    assert process.poll() is None, "it did not wait for what is in flight"
    process.send_signal(signal.SIGINT)
    assert process.wait(300) == 3
    grid.restart()
    barge.ok("resume")
    assert sorted(os.listdir(tmp_path / "out")) == [f"f{number}" for number in range(9)]


# --- plans --------------------------------------------------------------------------------

def test_plan_and_resume(embedded, client, tmp_path):
    alias, _ = embedded.fresh({"d": embedded.mkdir({"f": embedded.put(content(3000))}),
                               "g": embedded.put(content(4000))})
    barge, gets = client(embedded), embedded.requests("get")
    run = barge.ok("plan", "-r", alias, tmp_path / "out")
    assert "planned 2 files (7000 bytes), 1 directories" in run.err
    assert not (tmp_path / "out").exists() and embedded.requests("get") == gets
    listings = embedded.requests("json")
    barge.ok("resume")
    assert embedded.requests("json") <= listings + 2, "it was listed again"
    assert local_tree(tmp_path / "out").keys() == {"d", "d/f", "g"}
    assert embedded.requests("get") == gets + 2


@pytest.mark.parametrize("kill", [None, "fetch-publish:2", "slot-synced:2"])
def test_a_plan_in_a_file_is_run(embedded, client, barge_debug, tmp_path, kill):
    files = {f"f{number}": content(3000, number) for number in range(9)}
    alias, _ = embedded.fresh({name: embedded.put(data) for name, data in files.items()})
    barge, plan = client(embedded, barge_debug), tmp_path / "the plan"
    barge.ok("plan", "-r", "-o", plan, alias, tmp_path / "out")
    before = plan.read_bytes()
    if kill:
        assert barge.run("run", "--json", plan, env={"BARGE_KILL": kill}).code == -9
    barge.ok("run", "--json", plan)
    assert plan.read_bytes() == before
    assert {name: (tmp_path / "out" / name).read_bytes()
            for name in os.listdir(tmp_path / "out")} == files


def test_two_cannot_carry_out_one_job(gateway, client, tmp_path):
    grid = gateway()
    alias, _ = grid.fresh({"f": grid.put(content(3000))})
    with HoldingGateway(grid, tmp_path / "holding", 0, is_get_of_a_file) as holding:
        barge = client(holding)
        process = barge.start("cp", "-r", alias, tmp_path / "out")
        holding.wait_for_others()
        run = barge.run("cp", "-r", alias, tmp_path / "out")
        assert run.code not in (0, 1) and (tmp_path / "out").is_dir(), run
        holding.let_go()
        assert barge.finish(process).code == 0


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("origin", ["grid", "local"])
def test_killed_three_hundred_times(slow, fetches, origin):
    seed = new_seed()
    print(f"BARGE_SEED={seed}")
    fire = Fire(random.Random(seed), fetch_points(), 0.5)

    def make(number):
        return fetches(slow if origin == "grid" else None, f"{seed} {origin} {number}",
                       wide=number % 3 * 1000)
    campaign(make, fire, 300)
