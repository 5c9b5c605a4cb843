"""kill -9 at every named point and at random moments: nothing done is lost, nothing is made twice.

BARGE_SEED=N repeats a campaign; without it every run has a seed of its own, which is printed.
"""
import random
import signal
import time

import pytest

from grid import EmbeddedGateway, wait_for
from kill_loop import (PLANNING, Fire, Kill, after_lines, campaign, cut_off_uploads,
                       forget_cut_off_uploads, is_stopping, new_seed, points)
from lying import HoldingGateway, is_put

FIXED_SEED = 20221122
KINDS = {"mutable": {}, "immutable": {"immutable": True}, "merge": {"merge": True},
         "wide": {"immutable": True, "wide": 3000, "files": 15}}
DELAYS = ("put:delay=10", "mkdir:delay=10", "mkdir-immutable:delay=10", "set_children:delay=10")


@pytest.fixture(scope="module")
def slow(barge, tmp_path_factory):
    """An embedded gateway whose answers take a while, so that there is a middle to be killed in."""
    grid = EmbeddedGateway(barge, tmp_path_factory.mktemp("slow") / "node", DELAYS)
    yield grid
    grid.stop()


# --- kill -9 of barge ---------------------------------------------------------------------

@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_every_point(slow, jobs, kind):
    kills = 0
    names = points("immutable" in KINDS[kind])
    if kind in ("wide", "merge"):
        names = [name for name in names if name.startswith(PLANNING) == (kind == "wide")]
    for name in names:
        job = jobs(slow, f"{FIXED_SEED} {kind} {name}", **KINDS[kind])
        assert job.run(Kill(name)).code == -9, job
        if job.rng.random() < 0.5:
            job.run(Kill(name, job.rng.randint(1, 3)))
        job.finish()
        kills += job.kills
    print(f"{kills} kills at {len(names)} points")
    assert kills >= len(names)


def run_campaign(grid, jobs, kind, kills, seed=None, **more):
    """Kills jobs of one kind until there were `kills`."""
    seed = seed or new_seed()
    print(f"BARGE_SEED={seed}")
    start = time.monotonic()

    def make(number):
        return jobs(grid, f"{seed} {kind} {number}", **{**KINDS[kind], **more})
    whole = make("whole")
    begin = time.monotonic()
    whole.finish()
    names = points("immutable" in KINDS[kind])
    fire = Fire(random.Random(f"{seed} {kind}"), names, time.monotonic() - begin)
    total, count = campaign(make, fire, kills)
    print(f"{total} kills of {count} jobs in {time.monotonic() - start:.1f} s")


@pytest.mark.parametrize("kind", ["mutable", "immutable", pytest.param("wide", marks=pytest.mark.long),
                                  "merge"])
def test_killed_at_any_moment(slow, jobs, kind):
    run_campaign(slow, jobs, kind, 20)


@pytest.mark.parametrize("kind", ["mutable", pytest.param("merge", marks=pytest.mark.long)])
def test_killed_with_the_power_cut(slow, jobs, kind):
    run_campaign(slow, jobs, kind, 20, power_cuts=True)


@pytest.mark.parametrize("kind", ["mutable", pytest.param("immutable", marks=pytest.mark.long)])
def test_killed_at_any_moment_on_the_real_grid(real_grid, jobs, kind):
    run_campaign(real_grid, jobs, kind, 12, files=20)


def cut_off_an_upload(grid, path):
    """Leaves at the grid what an upload leaves whose client goes away: a share without its name."""
    before = set(grid.share_files())
    grid.put(path.read_bytes())
    (share,) = set(grid.share_files()) - before
    shares = grid.directory / "storage/shares"
    begun = shares / "incoming" / share.relative_to(shares)
    begun.parent.mkdir(parents=True, exist_ok=True)
    share.rename(begun)
    assert cut_off_uploads(grid) == [begun]


def test_uploads_that_the_grid_keeps_cut_off_are_waited_for(real_grid, jobs):
    job = jobs(real_grid, f"{FIXED_SEED} cut off", immutable=True)
    assert job.run(Kill("plan-published")).code == -9
    cut_off_an_upload(real_grid, next(path for path in job.source.rglob("*") if path.is_file()
                                      and 55 < path.stat().st_size < 100_000))

    def let_it_go(process, _, err):
        assert err.wait_for(lambda line: b"within 30 minutes" in line)
        time.sleep(1)
        assert process.poll() is None, "it did not wait"
        forget_cut_off_uploads(real_grid)
    job.judge(job.run(let_it_go, codes=(0,)).summary())


def test_after_a_kill_an_unhappy_upload_is_no_verdict(gateway, jobs):
    """Not even where the grid is not waited for: half-made shares are, for longer."""
    faults = "put:unhappy@1-4", "mkdir-immutable:unhappy@1-2"
    grid = gateway("put:unhappy@1-40")
    fresh = jobs(grid, f"{FIXED_SEED} fresh", immutable=True, files=2)
    fresh.options = ["--grid-wait=0"]
    assert fresh.barge.ok(*fresh.words(), code=69).summary()["failed"] == 0
    grid.restart(faults)
    killed = jobs(grid, f"{FIXED_SEED} killed", immutable=True, files=2)
    killed.options = ["--grid-wait=0"]
    killed.count_puts = False  # those that are refused are sent again
    assert killed.run(Kill("plan-published")).code == -9
    killed.finish()
    assert grid.counts()["faults"]["hits"] == 4 + 2


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", KINDS)
def test_killed_five_hundred_times(slow, jobs, kind):
    run_campaign(slow, jobs, kind, 125, FIXED_SEED)
    run_campaign(slow, jobs, kind, 250)
    run_campaign(slow, jobs, kind, 125, power_cuts=True)


# --- kill -9 of the gateway ---------------------------------------------------------------

HELD = (*DELAYS, "put:delay=3600000@6+")  # what is answered is not enough to come to an end


@pytest.mark.parametrize("kind", ["mutable", "immutable", "merge"])
def test_the_gateway_is_killed_and_comes_back(gateway, jobs, kind):
    grid = gateway(*HELD)
    job = jobs(grid, f"{FIXED_SEED} {kind} gateway", **KINDS[kind])

    def kill_gateway(process, lines, _):
        assert after_lines(lines, 3)
        for faults in HELD, DELAYS:
            wait_for(lambda: grid.requests("put") >= 6)
            grid.kill()
            assert process.poll() is None, "it did not wait for the gateway"
            grid.start(faults)
    job.count_puts = False  # what had no answer is sent again
    run = job.run(kill_gateway, codes=(0,))
    job.judge(run.summary())


def test_a_gateway_that_stays_away_is_69_and_resumable(gateway, jobs):
    grid = gateway(*HELD)
    job = jobs(grid, f"{FIXED_SEED} away")
    job.options = ["--gateway-wait=1"]

    def kill_gateway(process, lines, _):
        assert after_lines(lines, 3)
        wait_for(lambda: grid.requests("put") >= 6)
        grid.kill()
        process.wait(300)
        grid.start(DELAYS)
    run = job.run(kill_gateway, codes=(69,))
    assert "barge resume" in run.err
    job.finish()


# --- signals ------------------------------------------------------------------------------

@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("kind", ["mutable", "immutable", "merge"])
def test_a_signal_drains_and_says_how_to_go_on(slow, jobs, kind, number, tmp_path):
    job = jobs(slow, f"{FIXED_SEED} {kind} signal {number}", **KINDS[kind])
    count = job.rng.randint(1, 20)
    with HoldingGateway(slow, tmp_path / "holding", count, is_put) as job.barge.grid:
        def interrupt(process, lines, err):
            assert after_lines(lines, count)
            job.barge.grid.wait_for_others()
            process.send_signal(number)
            assert err.wait_for(is_stopping)
            assert process.poll() is None, "it did not wait for what is in flight"
            job.barge.grid.let_go()
        run = job.run(interrupt, codes=(3,))
    job.barge.grid = slow
    summary = run.summary()
    assert summary["left"] > 0 and f"barge resume {job.job().name[:16]}" in run.err
    assert summary["planned"] == (summary["done"] + summary["skipped"] + summary["failed"]
                                  + summary["left"])
    assert sum(line["state"] == "done" for line in job.done.values()) <= summary["done"]
    job.finish()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_it_at_once(gateway, jobs, number):
    grid = gateway(*HELD)
    job = jobs(grid, f"{FIXED_SEED} twice {number}")

    def interrupt_twice(process, lines, err):
        assert after_lines(lines, 3)
        wait_for(lambda: grid.requests("put") >= 6)
        process.send_signal(number)
        assert err.wait_for(is_stopping)
        assert process.poll() is None, "it did not wait for what is in flight"
        process.send_signal(number)
        process.wait(300)  # of the hour that the replies take
        grid.kill()
        grid.start()
    job.count_puts = False  # counted from zero again
    job.run(interrupt_twice, codes=(3,))
    job.finish()


# --- plans --------------------------------------------------------------------------------

def test_a_killed_plan_is_made_again_and_run_to_its_end(slow, jobs):
    names = [name for name in points(False) if name.startswith(PLANNING)]
    for name in names:
        job = jobs(slow, f"{FIXED_SEED} plan {name}", files=15, wide=1500)
        plan = job.place / "the plan"
        words = ["plan", "-r", "--symlinks=skip", job.source, job.target, "-o", plan]
        run = job.barge.run(*words, env={"BARGE_KILL": name})
        assert run.code == -9, (name, run)
        assert not plan.exists(), name
        job.barge.ok(*words)
        job.command = ["run", "--json", plan]
        job.run(Kill(lines=9))
        job.run(Kill("slot-synced", 2))
        job.finish()
