"""From grid to grid: what cannot change is linked as it is, what can is made anew, and nothing of a
file is sent.  Mutable files as sources are not looked at here."""
import os
import random
import time

import pytest

import hostile
from grid import EmbeddedGateway, file_caps, read_tree
from kill_loop import PLANNING, Fire, Job, Kill, campaign, grow, new_seed, points
from tree import below, content, same

FIXED_SEED = 20221122


def sent(grid):
    """What was stored so far: (files, directories)."""
    counts = grid.counts()["requests"]
    return counts["put"], counts["mkdir"] + counts["mkdir-immutable"]


@pytest.fixture
def frozen(embedded):
    """The word of a mutable directory that holds an immutable one and two files, and its caps."""
    file, literal = embedded.put(content(3000)), embedded.put(b"short")
    inner = hostile.make(embedded, {"f": file, "l": literal}, "mkdir-immutable")
    tree = hostile.make(embedded, {"inner": inner, "f": file}, "mkdir-immutable")
    caps = {"tree": tree, "file": file, "literal": literal}
    return embedded.fresh(caps)[0], caps


def caps_of(children):
    return {name: node.get("rw_uri") or node["ro_uri"] for name, (_, node) in children.items()}


# --- linked and made ----------------------------------------------------------------------

def test_what_cannot_change_is_linked(embedded, client, frozen):
    word, caps = frozen
    target, cap = embedded.fresh()
    before, gets = sent(embedded), embedded.requests("get")
    words = [word + name for name in caps]
    run = client(embedded).ok("cp", "-r", "--json", *words, target)
    assert sent(embedded) == before and embedded.requests("get") == gets
    assert caps_of(embedded.list(cap)) == caps
    total = run.summary()
    assert (total["linked_files"], total["linked_directories"]) == (2, 1)
    assert total["files"]["done"] == 2 and total["directories"]["done"] == 1 and total["linked"]
    run = client(embedded).ok("cp", "-r", *words, target + "again")
    assert "2 files and 1 directories linked, 0 files and 1 directories copied" in run.err
    assert caps_of(embedded.children(cap, "again")) == caps


def test_mutable_directories_are_made_anew(embedded, client, source):
    path, tree = source
    barge = client(embedded)
    word, origin = embedded.fresh()
    barge.ok("cp", "-r", path, word)
    target, cap = embedded.fresh()
    puts, slots = embedded.requests("put"), embedded.mutable_slots()
    run = barge.ok("cp", "-r", "--json", word + "reference", target)
    directories = 1 + sum(value is None for value in tree.values())
    assert embedded.requests("put") == puts
    assert embedded.mutable_slots() == slots + directories
    assert file_caps(embedded.url, cap) == file_caps(embedded.url, origin)
    same(embedded.tree(cap), below("reference", tree))
    here, there = (embedded.child(one, "reference")[1]["rw_uri"] for one in (origin, cap))
    assert here != there, "the new tree must not be the old one"
    total = run.summary()
    assert total["linked_directories"] == 0 and total["directories"]["done"] == directories
    assert total["linked_files"] == total["files"]["done"] == len(tree) + 1 - directories


def test_mutable_directories_become_immutable_ones(embedded, client, source):
    path, tree = source
    barge = client(embedded)
    word, origin = embedded.fresh()
    barge.ok("cp", "-r", path, word)
    direct, made = embedded.fresh()
    barge.ok("cp", "-r", "--immutable", path / "names", direct)
    target, cap = embedded.fresh()
    puts, slots = embedded.requests("put"), embedded.mutable_slots()
    barge.ok("cp", "-r", "--immutable", word + "reference", target)
    assert (embedded.requests("put"), embedded.mutable_slots()) == (puts, slots)
    same(embedded.tree(cap), below("reference", tree))
    assert embedded.child(cap, "reference")[1]["ro_uri"].startswith("URI:DIR2-CHK:")
    assert file_caps(embedded.url, cap) == file_caps(embedded.url, origin)
    assert file_caps(embedded.url, made).items() <= {
        name.removeprefix("reference/"): one
        for name, one in file_caps(embedded.url, cap).items()}.items()


def test_from_a_read_cap(embedded, client, tmp_path):
    inner = embedded.mkdir({"f": embedded.put(content(3000))})
    _, origin = embedded.fresh({"d": inner})
    (tmp_path / "cap").write_text(hostile.read_only(embedded, origin))
    (tmp_path / "cap").chmod(0o600)
    target, cap = embedded.fresh()
    client(embedded).ok("cp", "-r", f"--cap-file={tmp_path}/cap", "cap:", target)
    same(embedded.tree(cap), embedded.tree(origin))
    made = embedded.child(cap, "d")[1]["rw_uri"]
    assert made != inner and made.startswith("URI:DIR2:")


def test_the_metadata_of_edges_is_kept(embedded, client, tmp_path):
    path = tmp_path / "s"
    (path / "d").mkdir(parents=True)
    (path / "d/f").write_bytes(content(3000))
    (path / "run").write_bytes(b"#!/bin/sh\n")
    (path / "run").chmod(0o750)
    for number, name in enumerate(("d/f", "run", "d")):
        os.utime(path / name, (1, 1_000_000_000 + number))
    (path / "d").chmod(0o700)
    word, origin = embedded.fresh()
    target, cap = embedded.fresh()
    barge = client(embedded)
    barge.ok("cp", "-r", path, word)
    barge.ok("cp", "-r", word + "s", word + "s/run", target)
    # Of a directory that is a source itself the gateway tells no edge.
    for name, there in ("s/d",) * 2, ("s/d/f",) * 2, ("s/run",) * 2, ("s/run", "run"):
        before = embedded.child(origin, name)[1]["metadata"]
        after = embedded.child(cap, there)[1]["metadata"]
        for key in "mtime", "st_mode":
            assert after[key] == before[key], there
    assert embedded.child(cap, "s/d")[1]["metadata"]["mtime"] == 1_000_000_002


# --- merging ------------------------------------------------------------------------------

def test_merging_keeps_what_is_there(embedded, client, frozen):
    word, caps = frozen
    inner = embedded.mkdir({"new": caps["file"], "f": caps["file"]})
    origin = embedded.mkdir({"d": embedded.mkdir({"inner": inner, "f": caps["file"]})})
    there = embedded.mkdir({"kept": caps["literal"], "f": embedded.put(b"old")})
    top = embedded.mkdir({"inner": there, "kept": caps["literal"]})
    target, cap = embedded.fresh({"d": top, "unrelated": caps["literal"]})
    embedded.add_alias("origin" + target[:-1], origin)
    slots = embedded.mutable_slots()
    for _ in range(2):
        client(embedded).ok("cp", "-r", f"origin{target}d", target)
        assert embedded.mutable_slots() == slots
        assert embedded.child(cap, "d")[1]["rw_uri"] == top
        assert embedded.child(cap, "d/inner")[1]["rw_uri"] == there
        assert caps_of(embedded.list(there)) == {"kept": caps["literal"], "f": caps["file"],
                                                 "new": caps["file"]}
        assert embedded.tree(cap).keys() == {"unrelated", "d", "d/kept", "d/f", "d/inner",
                                             "d/inner/kept", "d/inner/f", "d/inner/new"}
    # An immutable directory cannot be linked over one that is there: it is merged into that.
    client(embedded).ok("cp", "-r", word + "tree", target + "d")
    assert caps_of(embedded.children(cap, "d"))["tree"] == caps["tree"]
    embedded.link(top, "tree", embedded.mkdir({"mine": caps["literal"]}))
    client(embedded).ok("cp", "-r", word + "tree", target + "d")
    assert caps_of(embedded.children(cap, "d/tree")).keys() == {"mine", "inner", "f"}


def test_conflicts(embedded, client, frozen):
    word, caps = frozen
    directory = embedded.mkdir({"kept": caps["literal"]})
    target, cap = embedded.fresh({"file": directory, "tree": caps["literal"]})
    run = client(embedded).ok("cp", "-r", "--json", word + "file", word + "tree", word + "literal",
                              target, code=4)
    states = {path: line["state"] for path, line in run.entries().items()}
    assert states["file"] == states["tree"] == "failed" and states["literal"] == "done"
    assert caps_of(embedded.list(cap)) == {"file": directory, "tree": caps["literal"],
                                           "literal": caps["literal"]}


def test_what_cannot_change_is_linked_again(embedded, client, frozen):
    word, caps = frozen
    target, cap = embedded.fresh()
    barge = client(embedded)
    for _ in range(2):
        barge.ok("cp", "-r", "--new", word + "tree", target)
        assert caps_of(embedded.list(cap)) == {"tree": caps["tree"]}


def test_a_directory_is_not_copied_into_itself(embedded, client, frozen):
    _, caps = frozen
    inner = embedded.mkdir({"f": caps["file"]})
    word, cap = embedded.fresh({"d": embedded.mkdir({"inner": inner})})
    before, barge = embedded.tree(cap), client(embedded)
    for source, target in (word + "d", word + "d"), (word + "d", word + "d/new/er"), \
            (word + "d", word + "d/inner"), (word, word + "d/inner"), (word, word), \
            (hostile.read_only(embedded, inner), word + "d/inner/x"):
        run = barge.ok("cp", "-r", source, target, code=2)
        assert "target is inside the source" in run.err
    run = barge.ok("cp", "-r", word + "d", word, code=2)
    assert f"source '{word}d' and target are the same directory" in run.err
    run = barge.ok("cp", "-r", word + "d", word + "d/inner", word, code=2)
    assert "are the same directory" in run.err
    assert embedded.tree(cap) == before and not barge.jobs()
    barge.ok("cp", "-r", word + "d/inner", word + "beside")
    assert embedded.tree(cap).keys() - before.keys() == {"beside", "beside/inner",
                                                         "beside/inner/f"}


# --- shapes and kinds ---------------------------------------------------------------------

def test_a_directory_by_several_paths_is_listed_once(gateway, client):
    grid = gateway()
    both = grid.mkdir({"deeper": grid.mkdir({"f": grid.put(content(3000))})})
    word, origin = grid.fresh({f"{number}": both for number in range(20)})
    target, cap = grid.fresh()
    listed, barge = grid.requests("json"), client(grid)
    barge.ok("plan", "-r", word, target)
    assert grid.requests("json") - listed <= 3 + 3  # the three, and looks at source and target
    barge.ok("resume")
    expected = {}
    for number in range(20):
        expected |= {f"{number}": None, f"{number}/deeper": None,
                     f"{number}/deeper/f": (3000, read_tree(grid.url, both)["deeper/f"][1])}
    same(grid.tree(cap), expected)  # each a directory of its own
    assert len(grid.list(origin)) == 20


@pytest.mark.parametrize("shape", [hostile.loop, hostile.ring, hostile.shared])
def test_loops_end(embedded, client, shape):
    case = shape(embedded)
    target, cap = embedded.fresh()
    run = client(embedded).ok("cp", "-r", "--json", case.alias, target,
                              code=1 if case.bad else 0)
    same(embedded.tree(cap), case.tree)
    same({path: line["state"] for path, line in run.entries().items()}, case.states())


def test_unknown_nodes_are_left_out_by_name(real_grid, client):
    case = hostile.Case(real_grid)
    unknown = {"unknown": ["filenode", {"ro_uri": "ro.x-unknown-format:abc"}],
               "future": ["dirnode", {"ro_uri": "imm.x-unknown-format:abc"}]}
    inner = hostile.make(real_grid, unknown)
    case.hold({**unknown, "f": real_grid.put(content(3000)), "d": inner})
    target, cap = real_grid.fresh()
    run = client(real_grid).ok("cp", "-r", "--json", case.alias, target, code=1)
    states = {path: line["state"] for path, line in run.entries().items()}
    assert states == {"unknown": "skipped", "future": "skipped", "f": "done", "d": "done",
                      "d/unknown": "skipped", "d/future": "skipped"}
    assert real_grid.tree(cap).keys() == {"f", "d"}


def test_names_a_grid_may_have(embedded, client):
    file = embedded.put(content(3000))
    names = ["..", ".", "a\\b", "new\nline", " ", "\u65e5\u672c", "-rf", "x" * 255, "%41",
             "\x1b[31m"]
    word, origin = embedded.fresh({name: file for name in names})
    target, cap = embedded.fresh()
    run = client(embedded).run("cp", "-r", "--json", word, target)
    done = {path for path, line in run.entries().items() if line["state"] == "done"}
    assert run.code == (0 if len(done) == len(names) else 1), run
    assert caps_of(embedded.list(cap)) == {name: file for name in done}
    assert done >= set(names) - {"..", "."} and len(embedded.list(origin)) == len(names)


def test_ten_thousand_children(embedded, client):
    rng = random.Random(5)
    caps = {f"{number:06d}": embedded.put(rng.randbytes(20)) for number in range(10_000)}
    word, _ = embedded.fresh(caps)
    target, cap = embedded.fresh({"000005": embedded.put(b"old"), "kept": embedded.put(b"kept")})
    client(embedded).ok("cp", "-r", word, target)
    got = caps_of(embedded.list(cap))
    got.pop("kept")
    assert got == caps


# --- with local sources beside ------------------------------------------------------------

@pytest.mark.parametrize("options", [(), ("--immutable",)], ids=["mutable", "immutable"])
def test_sources_of_both_kinds(embedded, client, frozen, tmp_path, options):
    word, caps = frozen
    (tmp_path / "here/sub").mkdir(parents=True)
    (tmp_path / "here/sub/f").write_bytes(content(700))
    target, cap = embedded.fresh()
    client(embedded).ok("cp", "-r", *options, word + "tree", tmp_path / "here", word + "file",
                        target + "new")
    tree = embedded.tree(cap)
    assert tree.keys() == {"new", "new/file", "new/here", "new/here/sub", "new/here/sub/f",
                           "new/tree", "new/tree/f", "new/tree/inner", "new/tree/inner/f",
                           "new/tree/inner/l"}
    assert tree["new/here/sub/f"][0] == 700
    assert caps_of(embedded.children(cap, "new"))["tree"] == caps["tree"]


def test_against_tahoe(real_grid, client, tmp_path):
    """What Tahoe made and what Tahoe reads, through a copy that is barge's."""
    (tmp_path / "s/sub").mkdir(parents=True)
    (tmp_path / "s/file").write_bytes(content(3000))
    (tmp_path / "s/sub/large").write_bytes(content(3 << 20))
    word, origin = real_grid.fresh()
    target, cap = real_grid.fresh()
    node = real_grid.directory
    assert real_grid.command("-d", node, "cp", "-r", tmp_path / "s", word).returncode == 0
    uploads = real_grid.counters().get("uploader.files_uploaded", 0)
    run = client(real_grid).ok("cp", "-r", "--json", word + "s", target)
    assert real_grid.counters().get("uploader.files_uploaded", 0) == uploads
    assert run.summary()["linked_files"] == 2
    assert file_caps(real_grid.url, cap) == file_caps(real_grid.url, origin)
    done = real_grid.command("-d", node, "cp", "-r", target, tmp_path / "back")
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "back/s/sub/large").read_bytes() == content(3 << 20)


@pytest.mark.parametrize("level", ["read", "check"])
def test_verify_proves_what_was_linked(real_grid, client, level):
    before = set(real_grid.share_files())
    file = real_grid.put(content(3000, random.randrange(1 << 30)))
    (share,) = set(real_grid.share_files()) - before
    inner = hostile.make(real_grid, {"f": file}, "mkdir-immutable")
    word, _ = real_grid.fresh({"d": inner, "f": file, "l": real_grid.put(b"short"),
                               "m": real_grid.mkdir({"f": file})})
    target, _ = real_grid.fresh()
    barge = client(real_grid)
    barge.ok("cp", "-r", word, target)
    run = barge.ok("verify", barge.job().name, f"--verify={level}")
    assert "3 files and 3 directories proven, 0 not" in run.err, run
    raw = bytearray(share.read_bytes())
    raw[12 + 36 + 100] ^= 1
    share.write_bytes(raw)
    run = barge.ok("verify", barge.job().name, f"--verify={level}", code=1)
    assert "1 files and 3 directories proven, 2 not" in run.err, run


# --- killed and resumed -------------------------------------------------------------------

class Across(Job):
    """A job whose source is on the grid.  The sources of what was done cannot be removed, but
    then no file is ever sent."""
    def aim(self):
        super().aim()
        alias, self.origin = self.grid.fresh()
        self.barge.ok("cp", "-r", "--symlinks=skip", self.source, alias)
        self.before = len(self.barge.jobs())
        self.source = alias + "src"
        self.origin_files = file_caps(self.grid.url, self.origin)
        self.stored, self.puts_before = self.grid.mutable_slots(), self.grid.requests("put")

    def job(self):
        begun = [path for path in self.barge.jobs()[self.before:]
                 if (path / "manifest").exists()]
        assert len(begun) <= 1, (self, "the job was planned anew")
        return begun[0] if begun else None

    def go_on(self):
        """A job is resumed by name once all its sources are in the plan."""
        job = self.job()
        if job and (self.is_complete() or self.done and self.rng.random() < 0.4):
            return ["resume", "--json", job.name]
        return self.words()

    def words(self):
        return ["cp", "-r", "--json", *(["--immutable"] if self.immutable else []), self.source,
                self.target]

    def remove_done_sources(self):
        assert self.grid.requests("put") == self.puts_before, (self, "a file was sent")

    def judge(self, summary):
        summary["skipped"] += 1  # the symlink, which no grid has
        summary["planned"] += 1
        super().judge(summary)
        files = file_caps(self.grid.url, self.cap)
        for path, cap in self.origin_files.items():
            assert files[self.prefix.removesuffix("src") + path] == cap, (self, path)


KINDS = {"mutable": {}, "immutable": {"immutable": True}, "merge": {"merge": True}}


@pytest.fixture(scope="module")
def slow(barge, tmp_path_factory):
    delays = ("mkdir:delay=10", "mkdir-immutable:delay=10", "set_children:delay=10",
              "json:delay=3")
    grid = EmbeddedGateway(barge, tmp_path_factory.mktemp("slow") / "node", delays)
    yield grid
    grid.stop()


@pytest.mark.parametrize("kind", ["mutable", "immutable",
                                  pytest.param("merge", marks=pytest.mark.long)])
def test_killed_at_every_point(slow, jobs, kind):
    kills = 0
    names = [name for name in points("immutable" in KINDS[kind])
             if kind == "mutable" or not name.startswith(PLANNING)]
    for name in names:
        job = jobs(slow, f"{FIXED_SEED} {kind} {name}", of=Across, files=12, **KINDS[kind])
        job.run(Kill(name))
        job.finish()
        kills += job.kills
    assert kills >= len(names) - 2, kills  # no file is sent, nothing is transferred


@pytest.mark.parametrize("kind", ["mutable", pytest.param("immutable", marks=pytest.mark.long), "merge"])
def test_killed_at_any_moment(slow, jobs, kind):
    seed = new_seed()
    print(f"BARGE_SEED={seed}")

    def make(number):
        return jobs(slow, f"{seed} {kind} {number}", of=Across, files=20, **KINDS[kind])
    whole = make("whole")
    begin = time.monotonic()
    whole.finish()
    fire = Fire(random.Random(f"{seed} {kind}"), points("immutable" in KINDS[kind]),
                time.monotonic() - begin)
    kills, count = campaign(make, fire, 8)
    print(f"{kills} kills of {count} jobs")
