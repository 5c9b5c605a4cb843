"""kill -9 at every named point and at random moments: nothing done is lost, nothing is made twice.

BARGE_SEED=N repeats a campaign; without it every run has a seed of its own, which is printed.
"""
import itertools
import random
import signal
import socket
import time
import urllib.parse

import pytest

from grid import EmbeddedGateway
from kill_loop import (PLANNING, Fire, Kill, after_lines, campaign, cut_off_uploads,
                       forget_cut_off_uploads, new_seed, points)

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


@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_any_moment(slow, jobs, kind):
    run_campaign(slow, jobs, kind, 20)


@pytest.mark.parametrize("kind", ["mutable", "merge"])
def test_killed_with_the_power_cut(slow, jobs, kind):
    run_campaign(slow, jobs, kind, 20, power_cuts=True)


@pytest.mark.parametrize("kind", ["mutable", pytest.param("immutable", marks=pytest.mark.long)])
def test_killed_at_any_moment_on_the_real_grid(real_grid, jobs, kind):
    run_campaign(real_grid, jobs, kind, 12, files=20)


def cut_off_an_upload(grid, paths):
    """Sends files and goes away before the replies, until the grid keeps one of them half-made."""
    address = urllib.parse.urlsplit(grid.url)
    # Where in the upload the connection ends depends on the machine.
    delays = itertools.cycle((0.003, 0.006, 0.002, 0.01, 0.004, 0.015))
    for path, delay in zip(paths, delays):
        data = path.read_bytes()
        with socket.create_connection((address.hostname, address.port)) as connection:
            connection.sendall(b"PUT /uri HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
                               % len(data) + data)
            time.sleep(delay)
        time.sleep(0.2)
        if cut_off_uploads(grid):
            return
    pytest.fail("all uploads came to their end")


def test_uploads_that_the_grid_keeps_cut_off_are_waited_for(real_grid, jobs):
    job = jobs(real_grid, f"{FIXED_SEED} cut off", immutable=True)
    assert job.run(Kill("plan-published")).code == -9
    large = [path for path in job.source.rglob("*") if path.is_file()
             and 55 < path.stat().st_size < 100_000]
    cut_off_an_upload(real_grid, large)

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

@pytest.mark.parametrize("kind", ["mutable", "immutable", "merge"])
def test_the_gateway_is_killed_and_comes_back(gateway, jobs, kind):
    grid = gateway(*DELAYS)
    job = jobs(grid, f"{FIXED_SEED} {kind} gateway", **KINDS[kind])

    def kill_gateway(process, lines, _):
        for count in (3, 25):
            assert after_lines(lines, count)
            grid.kill()
            grid.start(DELAYS)
        assert process.poll() is None, "it did not wait for the gateway"
    job.count_puts = False  # what had no answer is sent again
    run = job.run(kill_gateway, codes=(0,))
    job.judge(run.summary())


def test_a_gateway_that_stays_away_is_69_and_resumable(gateway, jobs):
    grid = gateway(*DELAYS)
    job = jobs(grid, f"{FIXED_SEED} away")
    job.options = ["--gateway-wait=1"]

    def kill_gateway(process, lines, _):
        after_lines(lines, 3)
        grid.kill()
        process.wait(30)
        grid.start(DELAYS)
    run = job.run(kill_gateway, codes=(69,))
    assert "barge resume" in run.err
    job.finish()


# --- signals ------------------------------------------------------------------------------

@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("kind", ["mutable", "immutable", "merge"])
def test_a_signal_drains_and_says_how_to_go_on(slow, jobs, kind, number):
    job = jobs(slow, f"{FIXED_SEED} {kind} signal {number}", **KINDS[kind])

    def interrupt(process, lines, _):
        after_lines(lines, job.rng.randint(1, 20))
        process.send_signal(number)
    run = job.run(interrupt, codes=(3,))
    job.late_puts = 0  # what was in flight was waited for
    summary = run.summary()
    assert summary["left"] > 0 and f"barge resume {job.job().name[:16]}" in run.err
    assert summary["planned"] == (summary["done"] + summary["skipped"] + summary["failed"]
                                  + summary["left"])
    assert sum(line["state"] == "done" for line in job.done.values()) <= summary["done"]
    job.finish()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_it_at_once(gateway, jobs, number):
    grid = gateway("put:delay=60000@9+")
    job = jobs(grid, f"{FIXED_SEED} twice {number}")

    def interrupt_twice(process, lines, _):
        assert after_lines(lines, 3)
        time.sleep(0.1)  # all of what can be in flight is
        process.send_signal(number)
        time.sleep(0.2)
        assert process.poll() is None, "it did not wait for what is in flight"
        process.send_signal(number)
        process.wait(20)  # of the minute that the replies take
    job.run(interrupt_twice, codes=(3,))
    grid.kill()
    grid.start()
    job.count_puts = False  # counted from zero again
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
