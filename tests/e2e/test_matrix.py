"""What `cp SRC... DST` means, cell by cell against `tahoe cp`: the same errors in the same words,
and the same trees where there is none."""
import contextlib
import io
import os
import re

import pytest
from allmydata.scripts import cli, runner

from tree import content, local_tree, same

DIRECTIONS = ["local-grid", "grid-local", "grid-grid", "local-local", "mixed-grid", "mixed-local"]

# F, G: files; SAME: one with the name of F; D, E: directories; U..: without a name (a cap, or a
# whole alias); none: missing.  Their words are made by the fixture `words`.
ROWS = ["F", "UF", "UF/", "D", "UD", "ALIAS", "-r D", "-r D/", "-r UD", "-r UD/", "-r ALIAS",
        "F G", "F UF", "UF G", "F SAME", "F D", "-r F D", "-r D UF", "-r UF D", "-r D E", "-r UD G"]
WRONG = ["F/", "G F/", "-r D F/", "none", "F none", "none F/", "D none", "F/none", "FIFO", "FIFO/"]
MIXED = ["F G", "F UF", "F SAME", "-r F E", "D none"]  # the second one is on the grid
AS_GRID_LOCAL = ["UF/", "-r D/", "-r UD/"]  # grid to grid: once is enough
# A name for each, so that one target serves a whole row.
COLUMNS = ["file", "file/", "dir", "dir2/", "new", "new2/", "new3/er"]
BELOW_A_FILE = "file/x"


# --- sources ------------------------------------------------------------------------------

def make_sources(path):
    (path / "d/sub").mkdir(parents=True)
    (path / "e").mkdir()
    (path / "f").write_bytes(content(3000))
    (path / "g").write_bytes(b"short")
    (path / "d/f").write_bytes(content(500))
    (path / "d/sub/x").write_bytes(content(60))
    (path / "e/y").write_bytes(b"y")
    os.mkfifo(path / "fifo")
    (path / "files").mkdir()
    (path / "files/d").write_bytes(b"a file")
    (path / "directories/d/f").mkdir(parents=True)


@pytest.fixture(scope="module")
def words(real_grid, tmp_path_factory):
    """{origin: {word of a row: word of a command line}}, and the directory to be in."""
    here = tmp_path_factory.mktemp("sources")
    make_sources(here)
    caps = {name: real_grid.put((here / name).read_bytes())
            for name in ("f", "g", "d/f", "d/sub/x", "e/y")}
    directory = real_grid.mkdir({"f": caps["d/f"],
                                 "sub": real_grid.mkdir({"x": caps["d/sub/x"]})})
    alias, _ = real_grid.fresh({"f": caps["f"], "g": caps["g"], "d": directory,
                                "e": real_grid.mkdir({"y": caps["e/y"]})})
    names = {"F": "f", "G": "g", "SAME": "d/f", "D": "d", "E": "e", "F/": "f/", "D/": "d/",
             "none": "none", "F/none": "f/none"}
    grid = {**{word: alias + name for word, name in names.items()}, "UF": caps["f"],
            "UF/": caps["f"] + "/", "UD": directory, "UD/": directory + "/", "ALIAS": alias}
    return here, {"local": {**names, "FIFO": "fifo", "FIFO/": "fifo/"}, "grid": grid,
                  "mixed": {**grid, "F": "f", "D": "d"}}


# --- targets ------------------------------------------------------------------------------

class Target:
    """A place with "file", "dir/kept" and "dir2" for one program."""
    def __init__(self, path, grid):
        self.path, self.grid, self.made = path, grid, 0
        self.renew()

    def renew(self):
        self.made += 1
        if self.grid:
            there = self.grid.mkdir({"kept": self.grid.put(b"kept")})
            self.base, self.cap = self.grid.fresh({"file": self.grid.put(b"old"), "dir": there,
                                                   "dir2": self.grid.mkdir()})
        else:
            self.base = f"{self.path}/{self.made}/"
            for name in "dir", "dir2":
                os.makedirs(self.base + name)
            for name, data in ("file", b"old"), ("dir/kept", b"kept"):
                with open(self.base + name, "wb") as file:
                    file.write(data)
        self.before = self.tree()

    def tree(self):
        return self.grid.tree(self.cap) if self.grid else local_tree(self.base)

    def renew_if_changed(self):
        if self.tree() != self.before:
            self.renew()


@pytest.fixture(scope="module")
def targets(real_grid, tmp_path_factory):
    """{"grid" or "local": (target of tahoe, target of barge)}"""
    path = tmp_path_factory.mktemp("targets")
    return {kind: tuple(Target(path / name, grid) for name in ("tahoe", "barge"))
            for kind, grid in (("grid", real_grid), ("local", None))}


# --- programs -----------------------------------------------------------------------------

def tahoe_cp(grid, *words):
    """`tahoe cp` within this process, as starting it takes most of a second; returns (status,
    stderr)."""
    out = io.StringIO()
    options = runner.parse_options(["-d", str(grid.directory), "cp", *words]).subOptions
    options.stdout, options.stderr = io.StringIO(), out
    return cli.dispatch["cp"](options), out.getvalue()


def decisive(text, target):
    """An error without what must differ: caps, the target, what the gateway said."""
    text = re.sub(r"URI:[A-Z0-9-]+:[a-z0-9:]+", "CAP", text).strip().lstrip('"')
    text = text.replace(target, "TO")
    return re.sub(r"(Error examining (?:source|target) '[^']*':).*", r"\1", text, flags=re.DOTALL)


def errors(run):
    """What barge said, without warnings and its own name."""
    lines = [line for line in run.err.splitlines() if not line.startswith("barge: warning: ")]
    assert len(lines) == 1 and lines[0].startswith("barge: "), run
    return lines[0][len("barge: "):]


def compare(barge, grid, words, targets):
    """One cell of the matrix; `targets` are the words for tahoe and barge.  Returns whether both
    copied."""
    theirs, ours = targets
    status, said = tahoe_cp(grid, *words, theirs)
    code = 2 if status else 0
    run = barge.ok("cp", *words, ours, code=code)
    if status:
        assert decisive(errors(run), ours) == decisive(said, theirs)
    assert code == 0 or run.out == ""
    return code == 0


def columns(row, target):
    if row in WRONG:
        return ["file", "dir", "new2/"]
    if target == "grid":
        return COLUMNS + [BELOW_A_FILE]
    # tahoe does not make the directory of a file
    return COLUMNS[:-1] if row in ("F", "UF", "UF/") else COLUMNS


def rows(direction):
    origin, target = direction.split("-")
    if origin == "mixed":
        return MIXED
    if origin == "local":
        return [row for row in ROWS + WRONG if not re.search("U[DF]|ALIAS", row)]
    return [row for row in ROWS + WRONG if "FIFO" not in row and
            not (target == "grid" and row in AS_GRID_LOCAL)]


@pytest.mark.parametrize(("direction", "row"), [(direction, row) for direction in DIRECTIONS
                                                for row in rows(direction)])
def test_row(real_grid, client, words, targets, direction, row):
    here, by_origin = words
    origin, target = direction.split("-")
    line = [by_origin[origin].get(word, word) for word in row.split()]
    (theirs, ours), barge, copied = targets[target], client(real_grid), []
    try:
        with contextlib.chdir(here):
            for column in columns(row, target):
                copied.append(compare(barge, real_grid, line,
                                      (theirs.base + column, ours.base + column)))
        same(ours.tree(), theirs.tree() if any(copied) else ours.before)
        assert any(copied) or not barge.jobs()
    finally:
        theirs.renew_if_changed()
        ours.renew_if_changed()


# --- where barge differs on purpose: docs/cp.md -------------------------------------------

def test_what_tahoe_merges_or_spoils_is_refused(real_grid, client, words, targets):
    here, by_origin = words
    before = local_tree(here)
    target, named = targets["grid"][1], by_origin["grid"]
    twice = "cannot copy multiple things with the same name into the same target directory: "
    for line, said in [
            (("-r", "d", "files/d", target.base + "new"), twice + "'d'"),
            (("-r", named["D"], "files/d", target.base + "dir"), twice + "'d'"),
            (("-r", "d", "directories/d", target.base + "new"), twice + "'d/f'"),
            (("-r", named["D"], "directories/d", target.base + "dir"), twice + "'d/f'"),
            (("-r", "d", "d/new"), "target is inside the source 'd'"),
            (("-r", "d", "."), "target is inside the source 'd'"),
            (("f", "."), "source 'f' and target are the same file"),
            (("f", named["UF"]), "target 'URI:CHK:")]:
        assert errors(client(real_grid).ok("cp", *line, code=2, cwd=here)).startswith(said)
    same(target.tree(), target.before)
    same(local_tree(here), before)


# --- directories of one name --------------------------------------------------------------

MERGED = {"a": {"x/one": b"1", "x/deep/f": b"22"},
          "b": {"x/two": content(2000), "x/deep/er/g": b"4", "y": b"6"},
          "c": {"x/deep/f": b"other", "x/last": b"8"}}
# Words of sources below the place that holds a, b, c; ~a is what is in a, without a name.
MERGES = {"local": ["a/x/ b/x", "a/x c/x"], "grid": ["~a ~b", "b/y ~b"], "mixed": ["a/x ~b"]}
COLLIDING = "a/x c/x", "b/y ~b"


@pytest.fixture(scope="module")
def merged(real_grid, tmp_path_factory):
    """merged(word, on a grid): a word of a command line for one of MERGES."""
    here = tmp_path_factory.mktemp("merged")
    for top, files in MERGED.items():
        for name, data in files.items():
            (here / top / name).parent.mkdir(parents=True, exist_ok=True)
            (here / top / name).write_bytes(data)

    def store(path):
        return real_grid.mkdir({one.name: store(one) if one.is_dir() else
                                real_grid.put(one.read_bytes()) for one in path.iterdir()})
    below = {path.name: store(path) for path in here.iterdir()}
    alias, _ = real_grid.fresh(below)

    def word_of(word, grid):
        if word.startswith("~"):
            return below[word[1:]]
        return alias + word if grid else str(here / word)
    return word_of


@pytest.mark.parametrize("target", ["grid", "local"])
@pytest.mark.parametrize("origin", ["local", "grid", "mixed"])
def test_directories_of_one_name_are_merged(real_grid, client, merged, targets, origin, target):
    """In one copy, whichever come from a grid; at any depth only files collide."""
    (theirs, ours), barge = targets[target], client(real_grid)
    try:
        for number, row in enumerate(MERGES[origin]):
            words = [merged(word, origin == "grid" or (origin == "mixed" and at % 2 == 1))
                     for at, word in enumerate(row.split())]
            to = "dir" if number == 0 else f"new{number}"
            status, said = tahoe_cp(real_grid, "-r", *words, theirs.base + to)
            run = barge.ok("cp", "-r", *words, ours.base + to, code=2 if status else 0)
            assert bool(status) == (row in COLLIDING)
            if status:  # tahoe has made directories by then
                assert f"barge: {said.strip()}: '" in run.err
                assert not any(name.startswith(to) for name in ours.tree())
            else:
                same({name: what for name, what in ours.tree().items() if name.startswith(to)},
                     {name: what for name, what in theirs.tree().items() if name.startswith(to)})
    finally:
        theirs.renew_if_changed()
        ours.renew_if_changed()
