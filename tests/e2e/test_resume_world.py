"""A job that rests while the world goes on: what had been done is looked at again, a source that is
not there is waited for, and what failed can be taken up again."""
import json
import os
import shutil
import zlib

import pytest

from fetch_loop import leftovers
from grid import wait_for
from holding import Held
from runner import LineReader
from tree import below, content, local_tree, same, summary

SLOW = 8 << 20  # bytes of the file that is under way when a job is killed


class World:
    """A source of a few files and a slow one, and a target: "local", "mutable" or "immutable"."""
    def __init__(self, barge, place, kind):
        self.barge, self.kind, self.grid = barge, kind, barge.grid
        self.source, self.out = place / "src", place / "out"
        for name in "a", "b", "d/x", "d/y", "d/e/z":
            (self.source / name).parent.mkdir(parents=True, exist_ok=True)
            (self.source / name).write_bytes(content(200, seed=zlib.crc32(name.encode())))
        (self.source / "slow").write_bytes(os.urandom(SLOW))
        self.out.mkdir()
        if kind == "local":
            self.alias, self.cap, self.target = None, None, self.out
        else:
            self.alias, self.cap = barge.grid.fresh()
            self.target = self.alias
        options = ["--immutable"] if kind == "immutable" else []
        self.words = ["cp", "-r", "--json", *options, self.source, self.target]

    def kill(self, *options, done=("d", "b")):
        """Begins, and kills it once all but the slow file is done, which is read in part."""
        with Held(self.barge, self.source.parent, "read:2", self.source / "slow", *self.words,
                  *options) as held:
            out, err = LineReader(held.process.stdout), LineReader(held.process.stderr)
            for name in done:
                path = f'"src/{name}"'.encode()
                assert out.wait_for(lambda line, path=path: path in line), err.lines
            if self.kind == "local":
                wait_for(lambda: leftovers(self.out))
            held.kill()

    def tree(self):
        return local_tree(self.out) if self.kind == "local" else self.grid.tree(self.cap)

    def check(self):
        same(self.tree(), {"src": None, **below("src", local_tree(self.source))})


@pytest.fixture(params=["local", "mutable", "immutable"])
def world(request, client, embedded, tmp_path):
    return World(client(None if request.param == "local" else embedded), tmp_path, request.param)


@pytest.fixture
def local(client, tmp_path):
    return World(client(None), tmp_path, "local")


@pytest.fixture
def mutable(client, embedded, tmp_path):
    return World(client(embedded), tmp_path, "mutable")


def text(run):
    return run.err


# --- what was done, and is not so any more ------------------------------------------------

def test_a_source_that_changed_is_done_again(world):
    world.kill()
    (world.source / "d/e/z").write_bytes(b"changed since")
    (world.source / "b").write_bytes(content(200, seed=7))
    run = world.barge.ok(*world.words)
    world.check()
    total = run.summary()
    assert total["again_source_changed"] == 2 and total["again_target_gone"] == 0
    assert {"src/b", "src/d/e/z"} <= run.entries().keys() and "src/a" not in run.entries()
    assert "2 done earlier were done again: changed at the source" in text(run), run


def test_it_is_done_again_after_kills_at_every_step(client, embedded, barge_debug, tmp_path):
    world = World(client(embedded, barge_debug), tmp_path, "mutable")
    world.kill()
    for number, point in enumerate(("slot-written", "directory-start", "directory-made", "settled")):
        (world.source / "d/y").write_bytes(b"%d" % number * 100)
        world.barge.run(*world.words, env={"BARGE_KILL": point})
    world.barge.ok(*world.words)
    world.check()


def test_nothing_is_done_again_without_need(world):
    world.kill()
    run = world.barge.ok(*world.words)
    world.check()
    assert not run.entries().keys() & {"src/a", "src/b", "src/d", "src/d/x"}
    assert "earlier" not in text(run)


def test_what_the_target_lost_is_brought_back(local):
    local.kill()
    shutil.rmtree(local.out / "src/d/e")
    (local.out / "src/a").unlink()
    run = local.barge.ok(*local.words)
    local.check()
    assert run.summary()["again_target_gone"] == 3
    assert "3 done earlier were done again: not at the target any more" in text(run)


def test_what_somebody_changed_at_the_target_stays(local):
    local.kill()
    (local.out / "src/a").write_bytes(b"mine")
    (local.source / "a").write_bytes(b"theirs")
    (local.out / "src/d/x").write_bytes(b"mine, too")
    run = local.barge.ok(*local.words, code=4)
    assert (local.out / "src/a").read_bytes() == b"mine"
    assert (local.out / "src/d/x").read_bytes() == b"mine, too"
    assert run.entries()["src/a"]["state"] == run.entries()["src/d/x"]["state"] == "failed"
    assert local_tree(local.out)["src/slow"] == summary((local.source / "slow").read_bytes())


def test_another_mode_at_the_target_is_no_other_file(local):
    local.kill()
    (local.out / "src/a").chmod(0o640)
    run = local.barge.ok(*local.words)
    assert "src/a" not in run.entries() and "earlier" not in text(run)
    assert (local.out / "src/a").stat().st_mode & 0o777 == 0o640


def test_a_target_in_the_place_of_a_symlink(local):
    """A directory of the target that became a symlink leads nowhere."""
    local.kill()
    elsewhere = local.out.parent / "elsewhere"
    (local.out / "src/d").rename(elsewhere)
    (local.out / "src/d").symlink_to(elsewhere)
    before = local_tree(elsewhere)
    local.barge.ok(*local.words, code=4)
    assert local_tree(elsewhere) == before


def test_from_a_grid_what_the_target_lost_is_fetched_again(client, embedded, tmp_path):
    barge = client(embedded)
    alias, _ = embedded.fresh({name: embedded.put(content(500, seed))
                               for seed, name in enumerate(("a", "b"))})
    out = tmp_path / "out"
    barge.ok("plan", "-r", alias, out)
    job = barge.job().name
    barge.ok("resume", job, "--max-transfer=100", code=3)
    done = [path for path in out.rglob("*") if path.is_file()]
    assert len(done) >= 1
    done[0].unlink()
    barge.ok("resume", job)
    assert {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()} == {
        "a": content(500, 0), "b": content(500, 1)}


def test_what_update_left_alone_is_looked_at_again(local):
    (local.out / "src").mkdir()
    shutil.copy2(local.source / "a", local.out / "src/a")
    local.kill("--update", done=("a", "b"))
    (local.source / "a").write_bytes(b"changed since")
    local.barge.ok(*local.words, "--update")
    local.check()


# --- a source, or a target, that is not there ---------------------------------------------

def away(path):
    """Takes a tree away, as a disk that is not mounted; returns what puts it back."""
    path.rename(path.with_name("away"))
    return lambda: path.with_name("away").rename(path)


@pytest.mark.parametrize("empty", [False, True])
def test_a_source_that_is_not_there_is_waited_for(world, empty):
    """Missing, or an empty mount point in its place."""
    world.kill()
    before = world.tree()
    back = away(world.source)
    if empty:
        world.source.mkdir()
    run = world.barge.ok(*world.words, code=74)
    assert str(world.source) in run.err and "resume" in run.err, run
    same(world.tree(), before)
    if empty:
        world.source.rmdir()
    back()
    world.barge.ok(*world.words)
    world.check()


def test_a_plan_waits_for_its_source(mutable):
    barge = mutable.barge
    barge.ok("plan", "-r", mutable.source, mutable.target)
    back = away(mutable.source)
    barge.ok("resume", code=74)
    assert mutable.tree() == {}
    back()
    barge.ok("resume")
    mutable.check()


def test_a_plan_file_waits_for_its_source(mutable, tmp_path):
    barge = mutable.barge
    barge.ok("plan", "-r", "-o", tmp_path / "plan", mutable.source, mutable.target)
    back = away(mutable.source)
    barge.ok("run", tmp_path / "plan", code=74)
    back()
    barge.ok("run", tmp_path / "plan")
    mutable.check()


def test_a_source_that_goes_away_while_another_is_read(world, tmp_path):
    """Nothing is called vanished that only cannot be seen, and nothing is linked."""
    second = tmp_path / "then"
    second.mkdir()
    for number in range(5):
        (second / f"{number}").write_bytes(content(2000, number))
    world.words.insert(-1, second)
    with Held(world.barge, tmp_path, "read:1", world.source / "slow", *world.words, "--readers=1",
              "--plan-first") as held:
        world.barge.await_plan()
        back = away(second)
    states = [line.get("state") for line in held.run.lines()]
    assert held.run.code == 74 and "go on with" in held.run.err, held.run
    assert "skipped" not in states and "failed" not in states
    assert world.kind == "local" or world.tree() == {}
    back()
    world.barge.ok(*world.words)
    same({name: what for name, what in world.tree().items() if name.startswith("then")},
         {"then": None, **below("then", local_tree(second))})


def test_a_file_that_vanished_below_a_source_is_no_reason_to_wait(world):
    world.kill()
    (world.source / "slow").unlink()
    run = world.barge.ok(*world.words, code=1)
    assert run.summary()["reasons"] == {"vanished since it was planned": 1}


def test_a_source_that_is_a_file_may_be_replaced(local):
    one = local.source / "slow"
    local.words = ["cp", "--json", local.source / "a", one, local.out]
    with Held(local.barge, local.source.parent, "read:2", one, *local.words) as held:
        assert LineReader(held.process.stdout).wait_for(lambda line: b'"a"' in line)
        held.kill()
    (local.source / "new").write_bytes(b"saved by rename")
    (local.source / "new").rename(one)
    local.barge.ok(*local.words)
    assert (local.out / "slow").read_bytes() == b"saved by rename"


@pytest.mark.parametrize("empty", [False, True])
def test_a_target_that_is_not_there_is_waited_for(local, empty):
    local.kill()
    back = away(local.out)
    if empty:
        local.out.mkdir()
    run = local.barge.ok(*local.words, code=74)
    assert str(local.out) in run.err, run
    assert not local.out.exists() or not list(local.out.iterdir())
    if empty:
        local.out.rmdir()
    back()
    local.barge.ok(*local.words)
    local.check()


# --- what failed --------------------------------------------------------------------------

def retry_command(run):
    """The words of the command that the summary names."""
    return run.summary()["retry"].split()[1:]


def test_what_failed_is_taken_up_again_when_told(world):
    """Also of a job that has ended, whose tree is linked."""
    world.kill()
    kept = world.source.parent / "kept"
    (world.source / "slow").rename(kept)
    (world.source / "new").write_bytes(b"not planned")
    run = world.barge.ok(*world.words, code=1)
    job = world.barge.job().name
    assert f"barge resume --retry {job[:16]}" in text(run)
    (world.source / "new").unlink()
    world.barge.ok("resume", job, code=1)  # without being told it stays as it is
    kept.rename(world.source / "slow")
    run = world.barge.ok("resume", "--retry", "--json", job)
    assert run.summary()["retried"] == 1 and "retry" not in run.summary()
    assert "src/a" not in run.entries() and "src/d" not in run.entries()
    world.check()


def test_jobs_retry_is_the_same(local):
    (local.out / "src/a").mkdir(parents=True)
    run = local.barge.ok(*local.words, code=4)
    assert retry_command(run)[:2] == ["resume", "--retry"]
    (local.out / "src/a").rmdir()
    local.barge.ok("jobs", "retry", local.barge.job().name)
    local.check()


def test_retry_without_a_job_takes_the_newest(local):
    (local.out / "src/d").mkdir(parents=True)
    (local.out / "src/d/x").symlink_to("nowhere")
    local.barge.ok(*local.words, code=4)
    (local.out / "src/d/x").unlink()
    local.barge.ok("resume", "--retry")
    local.check()


def test_a_directory_that_could_not_be_merged_into_is_later(mutable):
    """What failed at a target on a grid keeps what the plan found there."""
    grid, barge = mutable.grid, mutable.barge
    top = grid.mkdir({"here": grid.put(b"here before" * 50)})
    grid.link(mutable.cap, "src", top)
    barge.ok("plan", *mutable.words[1:])
    grid.link(top, "b", grid.put(b"came since" * 50))
    barge.ok("resume", code=4)
    grid.web("DELETE", f"/uri/{top}/b")
    barge.ok("resume", "--retry", barge.job().name)
    assert grid.child(mutable.cap, "src")[1]["rw_uri"] == top
    same(grid.tree(mutable.cap), {"src": None, "src/here": summary(b"here before" * 50),
                                  **below("src", local_tree(mutable.source))})


def test_a_summary_does_not_say_that_no_source_changed_when_one_did(local):
    run = local.barge.ok(*local.words)
    assert "no source changed" in text(run)
    target = local.out.parent / "other"
    run = local.barge.run("cp", "/proc/version", target)
    assert run.code == 0 or "no source changed" not in text(run)
    assert run.code == 0 or "verified:" not in text(run)


# --- temporary files ----------------------------------------------------------------------

def test_no_temporary_file_stays_of_what_vanished(local):
    local.kill()
    assert leftovers(local.out)
    (local.source / "slow").unlink()
    local.barge.ok(*local.words, code=1)
    assert not leftovers(local.out)


def test_jobs_tells_of_temporary_files_and_remove_takes_its_own(local):
    local.kill()
    (mine,) = leftovers(local.out)
    first = local.barge.job().name
    others = local.out / "src/.barge-0123456789abcdef-7"
    others.write_bytes(b"another job's")
    near = local.out / f"{mine}.kept"
    near.write_bytes(b"not a name that a job gives")
    listed = json.loads(local.barge.ok("jobs", "--json").out)
    assert listed["id"] == first and listed["temporary_files"] == 1
    run = local.barge.ok("jobs", "remove", first)
    assert "1 temporary files" in run.err
    assert others.exists() and near.exists() and not (local.out / mine).exists()


def test_a_job_is_removed_though_its_target_is_not_there(local):
    local.kill()
    away(local.out)
    run = local.barge.ok("jobs", "remove", local.barge.job().name)
    assert "not looked for" in run.err and not local.barge.jobs()


# --- what is refused ----------------------------------------------------------------------

def test_a_refusal_leaves_no_job_behind(mutable, tmp_path):
    barge, url = mutable.barge, f"--gateway={mutable.grid.url}"
    no_secret = {"node": False, "code": 2}
    cap_file, cap_out = tmp_path / "cap", tmp_path / "made"
    cap_file.write_text(mutable.cap)
    cap_file.chmod(0o600)
    at = [url, f"--cap-file={cap_file}"]
    barge.ok("cp", "-r", "--checksum", mutable.source, mutable.out, code=2)
    barge.ok("cp", "-r", "--immutable", mutable.source, mutable.out, code=2)
    barge.ok("cp", "-r", "--checksum", *at, mutable.source, "cap:", **no_secret)
    barge.ok("cp", "-r", "--verify=cap", *at, mutable.source, "cap:", **no_secret)
    barge.ok("cp", "-r", "--verify=cap", url, f"--cap-out={cap_out}", mutable.source, **no_secret)
    barge.ok("cp", "-r", mutable.source, tmp_path / "none", mutable.target, code=2)
    assert not barge.jobs() and not cap_out.exists() and not list(mutable.out.iterdir())
    assert barge.ok("jobs").out == ""


def test_a_plan_that_cannot_be_run_leaves_no_job_behind(mutable, tmp_path):
    barge = mutable.barge
    barge.ok("plan", "-r", "-o", tmp_path / "plan", mutable.source, mutable.cap)
    barge.ok("jobs", "remove", barge.job().name)
    barge.ok("run", tmp_path / "plan", code=2)  # its target was a cap, which plans do not keep
    assert not barge.jobs() and (tmp_path / "plan").exists()


# --- names that came later ----------------------------------------------------------------

def test_names_that_appeared_since_the_plan_are_named(world):
    world.kill("--exclude=*.tmp")
    for name in "new", "d/e/new", "d/e/not.tmp":
        (world.source / name).write_bytes(b"new")
    (world.source / "d/more").mkdir()
    (world.source / "d/more/below").write_bytes(b"counted with its directory")
    run = world.barge.ok(*world.words, "--exclude=*.tmp")
    assert run.summary()["appeared"] == 3
    assert "3 names appeared since the plan" in text(run)
    for name in "new", "d/e/new", "d/e/not.tmp":
        (world.source / name).unlink()
    shutil.rmtree(world.source / "d/more")
    world.check()


def test_nothing_appeared_where_nothing_did(world):
    run = world.barge.ok(*world.words)
    assert run.summary()["appeared"] == 0 and "appeared" not in text(run)


def test_what_somebody_relinked_on_a_grid_is_a_conflict(mutable):
    """Where the job merges into its directory again, it does not take it for its own."""
    grid, barge = mutable.grid, mutable.barge
    mutable.kill()
    kept = mutable.source.parent / "kept"
    (mutable.source / "slow").rename(kept)
    barge.ok(*mutable.words, code=1)
    kept.rename(mutable.source / "slow")
    top, others = grid.child(mutable.cap, "src")[1]["rw_uri"], grid.put(b"somebody's" * 30)
    grid.web("PUT", f"/uri/{top}/a?t=uri&replace=true", others)
    barge.ok("resume", "--retry", barge.job().name, code=4)  # and that is not waited with
    assert grid.child(top, "a")[1]["ro_uri"] == others
