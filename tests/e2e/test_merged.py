"""Directories of one name in one copy are merged, in every direction: killed and gone on with,
read again, left out in part, refused where files collide.  tahoe's own rules: test_matrix.py."""
import contextlib
import os
import shlex

import pytest

import hostile
from fetch_loop import leftovers
from grid import read_tree
from tree import content, local_tree, same

FILES = {"a": ["one", "deep/f", "deep/er/p", "mine/m"], "b": ["two", "deep/g", "deep/er/q", "his/h"]}
DIRECTIONS = ["local-local", "local-grid", "grid-local", "grid-grid", "mixed-local", "mixed-grid"]


class Merge:
    """a/x and b/x, of which either may be on a grid, and one place that both are copied to."""
    def __init__(self, direction, grid, barge, place):
        origin, self.to = direction.split("-")
        self.barge, self.grid, self.place, self.words = barge, grid, place, []
        self.cap, self.out = None, place / "out"
        for number, (top, names) in enumerate(FILES.items()):
            for name in names:
                path = place / top / "x" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content(300, seed=len(top + name) + 50 * number))
            on_grid = origin == "grid" or (origin == "mixed" and top == "b")
            self.words.append(self.store(place / top) + "x" if on_grid else place / top / "x")
        if self.to == "grid":
            self.target, self.cap = grid.fresh()
        else:
            self.target = self.out

    def store(self, path):
        """Puts the directory on the grid; returns its word."""
        def make(path):
            return {one.name: self.grid.mkdir(make(one)) if one.is_dir() else
                    self.grid.put(one.read_bytes()) for one in path.iterdir()}
        return self.grid.fresh(make(path))[0]

    def cp(self, *options, **others):
        return self.barge.ok("cp", "-r", "--json", *options, *self.words, self.target, **others)

    def kill(self, point):
        run = self.barge.run("cp", "-r", *self.words, self.target, env={"BARGE_KILL": point})
        assert run.code == -9, run

    def tree(self):
        return read_tree(self.grid.url, self.cap) if self.cap else local_tree(self.out)

    def check(self):
        wanted = {f"x/{name}": what for top in FILES
                  for name, what in local_tree(self.place / top / "x").items()}
        same(self.tree(), {"x": None, **wanted})


@pytest.fixture
def merge(embedded, client, tmp_path, barge_debug):
    def make(direction):
        grid = None if direction == "local-local" else embedded
        return Merge(direction, embedded, client(grid, barge_debug), tmp_path)
    return make


# --- killed -------------------------------------------------------------------------------

@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_plan_that_was_cut_is_made_anew(merge, direction):
    """Until it is complete nobody knows what collides, so nothing was done by it."""
    one = merge(direction)
    for point in "plan-listing:3", "manifest-synced", "manifest-trailer":
        one.kill(point)
        assert not one.tree() if one.cap else not one.out.exists()
    assert one.cp().summary()["failed"] == 0
    one.check()
    assert len(one.barge.jobs()) == 1 and not leftovers(one.place)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_resume_makes_a_plan_anew_that_was_cut_if_it_can(merge, direction):
    """Of sources on a grid the job has no caps before they are planned."""
    one = merge(direction)
    for point in "plan-listing:3", "manifest-trailer":
        one.kill(point)
        [job] = one.barge.jobs()
        if not direction.startswith("local"):
            run = one.barge.ok("resume", code=2)
            words = [str(word) for word in ("barge", "cp", "-r", *one.words, one.target)]
            if len(shlex.join(words)) <= 160:
                assert shlex.split(run.err.split("give the command again: ")[1]) == words
            else:
                assert f"barge jobs show {job.name[:16]}" in run.err
            continue
        assert one.barge.run("resume", env={"BARGE_KILL": point}).code == -9
        assert one.barge.jobs() == [job]
    if direction.startswith("local"):
        assert one.barge.ok("resume", "--json", job.name).summary()["failed"] == 0
        one.check()
    assert one.cp().summary()["failed"] == 0
    one.check()


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_whole_plan_is_gone_on_with(merge, direction):
    """The job itself says which source each file comes from: it is resumed without the words."""
    one = merge(direction)
    one.kill("plan-published")
    one.barge.run("resume", env={"BARGE_KILL": "slot-written:2"})
    run = one.barge.ok("resume", "--json")
    assert run.summary()["failed"] == 0
    one.check()
    assert one.cp("--json").code == 0
    one.check()


def test_a_saved_plan_is_carried_out(merge):
    one = merge("local-local")
    plan = one.place / "plan"
    one.barge.ok("plan", "-r", "-o", plan, *one.words, one.target)
    (one.place / "a/x/his").mkdir()  # names of the other source that come later
    (one.place / "a/x/his/h").write_bytes(b"not what was planned")
    one.barge.ok("run", plan)
    (one.place / "a/x/his/h").unlink()
    (one.place / "a/x/his").rmdir()
    one.check()


def test_each_file_is_looked_at_again_where_it_came_from(merge):
    one = merge("local-grid")
    one.kill("settled")
    for name in "a/x/mine/m", "b/x/his/h", "b/x/deep/er/q":
        (one.place / name).write_bytes(b"changed since: " + name.encode())
    (one.place / "b/x/deep/new").write_bytes(b"came later")
    (one.place / "b/x/his/new").write_bytes(b"came later")
    assert one.cp().summary()["appeared"] == 2
    for name in "deep/new", "his/new":
        (one.place / "b/x" / name).unlink()
    one.check()


# --- what collides ------------------------------------------------------------------------

@pytest.mark.parametrize("direction", DIRECTIONS)
def test_what_collides_leaves_nothing(merge, direction, embedded):
    one, kinds = merge(direction), ("put", "mkdir", "set_children")
    namesake = one.place / "c/x/deep/er/q"
    namesake.parent.mkdir(parents=True)
    namesake.write_bytes(b"another")
    one.words[0] = one.place / "c/x"
    for options in (), ("--dry-run",):
        asked = [embedded.requests(kind) for kind in kinds]
        run = one.cp("--progress=never", *options, code=2)  # however long it takes
        assert "multiple files with the same name" in run.err and "'x/deep/er/q'" in run.err
        assert len(run.err.splitlines()) == 1 and not run.out
        assert [embedded.requests(kind) for kind in kinds] == asked
        assert not one.barge.jobs() and not one.out.exists()
    namesake.unlink()
    (one.place / "c/x/two").mkdir()
    run = one.cp(code=2)
    assert "multiple things with the same name" in run.err and "'x/two'" in run.err
    assert one.cp("--exclude=x/two").summary()["failed"] == 0


# --- what is left out ---------------------------------------------------------------------

def test_a_source_that_cannot_be_read_in_part(nobody, public):
    """The rest comes, and what does not is named and counted."""
    barge, options = nobody(None)
    for name in "a/x/s/mine", "b/x/s/his", "b/x/other":
        (public / name).parent.mkdir(parents=True, exist_ok=True)
        (public / name).write_bytes(name.encode())
    (public / "out").mkdir(mode=0o777)
    (public / "out").chmod(0o777)
    (public / "b/x/s").chmod(0)
    words = ["cp", "-r", "--json", public / "a/x", public / "b/x", public / "out"]
    run = barge.ok(*words, code=1, **options)
    assert run.summary()["failed"] == 1 and "'x/s/.'" in run.err and "permission" in run.err
    assert {name for name, what in local_tree(public / "out").items() if what} == {
        "x/s/mine", "x/other"}
    (public / "b/x/s").chmod(0o755)
    barge.ok(*words, code=0, **options)
    assert (public / "out/x/s/his").read_bytes() == b"b/x/s/his"


def test_rules_and_markers_are_those_of_each_source(merge):
    one = merge("local-local")
    (one.place / "a/x/deep/.skip").touch()
    (one.place / "b/x/deep/er/q.tmp").touch()
    one.cp("--exclude-if-present=.skip", "--exclude=*.tmp")
    assert {name for name, what in one.tree().items() if what} == {
        "x/one", "x/mine/m", "x/two", "x/his/h", "x/deep/.skip", "x/deep/g", "x/deep/er/q"}


def test_an_immutable_directory_that_merges_is_made_anew(embedded, client):
    files = [embedded.put(content(size)) for size in (100, 200)]
    one, other = (hostile.make(embedded, {name: cap}, "mkdir-immutable")
                  for name, cap in zip("fg", files))
    word, _ = embedded.fresh({"a": embedded.mkdir({"x": one}), "b": embedded.mkdir({"x": other})})
    target, cap = embedded.fresh()
    run = client(embedded).ok("cp", "-r", "--json", word + "a/x", word + "b/x", target)
    assert run.summary()["linked_files"] == 2 and run.summary()["linked_directories"] == 0
    assert set(embedded.tree(cap)) == {"x", "x/f", "x/g"}


def test_the_first_source_says_what_a_directory_is_like(merge):
    one = merge("local-local")
    for top, mode, when in ("a", 0o750, 10**18), ("b", 0o700, 2 * 10**18):
        for name in "x/deep", "x":
            (one.place / top / name).chmod(mode)
            os.utime(one.place / top / name, ns=(when, when))
    one.cp()
    for name in "x/deep", "x":
        status = os.stat(one.out / name)
        assert (status.st_mode & 0o777, status.st_mtime_ns) == (0o750, 10**18)


def test_symlinks_are_no_directories(merge):
    one = merge("local-local")
    (one.place / "b/x/mine").symlink_to("his")
    assert "multiple things" in one.cp(code=2).err
    assert "'x/mine'" in one.cp("--symlinks=preserve", code=2).err
    one.cp("--symlinks=follow")
    assert (one.out / "x/mine/h").exists() and (one.out / "x/mine/m").exists()


def test_a_backup_takes_no_two_of_one_name(merge):
    one = merge("local-grid")
    with contextlib.chdir(one.place):
        run = one.barge.ok("backup", "a/x", "b/x", one.target, code=2)
    assert '"x"' in run.err
