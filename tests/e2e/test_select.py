"""What is chosen by --exclude and its like: against rsync itself, and through whole jobs."""
import json
import os
import random
import shutil
import signal
import subprocess

import pytest

from lying import HoldingGateway, is_put
from runner import LineReader
from tree import below, content, local_tree, same

needs_rsync = pytest.mark.skipif(not shutil.which("rsync"), reason="rsync is not installed")


@pytest.fixture(scope="module")
def forest(tmp_path_factory):
    """A tree for patterns, called "tree": few names, in all combinations."""
    path = tmp_path_factory.mktemp("forest") / "tree"
    rng = random.Random(5)

    def grow(directory, depth):
        directory.mkdir()
        for name in ("a", "b", "ab", "ba", "a.b", "c"):
            kind = rng.random()
            if (kind < 0.45 or depth < 2 and name < "b!") and depth < 3:
                grow(directory / name, depth + 1)
            elif kind < 0.8:
                (directory / name).write_bytes(b"x" * rng.randint(0, 30))
    grow(path, 0)
    for name in (".git/HEAD", "raw/one.cr2", "2024/raw/two.cr2", "2024/one.jpg", "notes.txt",
                 "#hash", ";semi", "- dash", "!", "star*", "back\\slash", "with space/x y",
                 "build/keep/me", "build/drop", "deep/er/and/deeper/file.c", "\u00e4/\u00f6.txt"):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(b"x" * (len(name) * 7 % 31))
    return path


def planned(barge, plan, *words):
    """Plans into a file; returns the paths in it, those of directories with a slash behind."""
    plan.unlink(missing_ok=True)
    barge.ok("plan", "-r", "-o", plan, *words)
    paths, prefix = set(), {0: ""}
    for line in barge.ok("show", "--json", plan).out.splitlines():
        entry = json.loads(line)
        if entry["record"] == "entry":
            path = prefix[entry["directory"]] + entry["name"]
            prefix[entry["id"]] = f"{path}/"
            paths.add(prefix[entry["id"]] if entry["kind"] == "directory" else path)
    return paths


def rsynced(source, empty, *words):
    """The paths that rsync takes.  Barge asks no rule about a source itself."""
    empty.mkdir(exist_ok=True)
    run = subprocess.run(["rsync", "-rn8", "--out-format=%n", f"--filter=+ /{source.name}/", *words,
                          source, f"{empty}/"], stdin=subprocess.DEVNULL, capture_output=True,
                         check=True, env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"})
    return set(run.stdout.decode().splitlines())


# One set of rules a line.
RULES = """\
--exclude=a
--exclude=a/
--exclude=/a
--exclude=/tree/a
--exclude=/tree/a/
--exclude=a/b
--exclude=/tree/a/b
--exclude=*.b
--exclude=*/a
--exclude=/*/a
--exclude=/tree/*/a
--exclude=/tree/*/*/a
--exclude=**/a
--exclude=/**/a
--exclude=**a
--exclude=a**
--exclude=a/**
--exclude=a/***
--exclude=/tree/a/**
--exclude=/tree/a/***
--exclude=/tree/**/b
--exclude=a**b
--exclude=a/**/b
--exclude=?
--exclude=??
--exclude=[ab]
--exclude=[!a]
--exclude=[^a-b]/
--exclude=[[:alpha:]].b
--exclude=a[
--exclude=[
--exclude=star\\*
--exclude=star*
--exclude=back\\slash
--exclude=back\\*
--exclude=back\\\\*
--exclude=\u00e4/*
--exclude=??.txt
--include=*/ --exclude=*
--include=*/ --include=*.b --exclude=*
--include=/tree/build/ --include=/tree/build/keep/*** --exclude=/tree/build/** --exclude=raw/
--include=*.jpg --exclude=/tree/2024/*
--exclude=2024/ --include=*.jpg
--exclude=with?space/x* --exclude=;semi --exclude=#hash
--exclude=+|a --exclude=a --exclude=-|b
--exclude=a --exclude=! --exclude=b
--exclude=!|x --exclude=a
--filter=include|ab --filter=exclude|a* --filter=-|c
--exclude=-|-|dash --exclude=[!|]
--filter=-|a --filter=! --filter=-|c
--exclude-from=RULES
--include-from=RULES --exclude=*.b --exclude=a
--exclude=ab --include-from=RULES --exclude-from=RULES
--exclude-from=CRLF
-0 --exclude-from=NULS
--max-size=10
--min-size=11 --exclude=a
--min-size=5 --max-size=20 --include=a/ --exclude=b/
"""
MATCHLESS = {"--exclude=/a", "--exclude=a[", "--exclude=[", "--exclude=back\\*"}
FILES = {"RULES": "# comment\n; comment\n\n*.cr2\n- raw\n+ ab\n/tree/c\ndeep/er/\n- dash\nlast",
         "CRLF": "a\r\nb\r\n", "NULS": "a\0#c\0raw/\0"}


@needs_rsync
@pytest.mark.parametrize("line", RULES.splitlines())
def test_rules_choose_what_rsync_chooses(embedded, client, forest, tmp_path, line):
    words = [word.replace("|", " ") for word in line.split()]
    for name, text in FILES.items():
        (tmp_path / name).write_bytes(text.encode())
        words = [word.replace(f"from={name}", f"from={tmp_path / name}") for word in words]
    got = planned(client(embedded), tmp_path / "plan", *words, forest, "tahoe:")
    assert got == rsynced(forest, tmp_path / "empty", *words)
    everything = {"tree/"} | {f"tree/{path}{'/' if value is None else ''}"
                              for path, value in local_tree(forest).items()}
    assert (got == everything) == (line in MATCHLESS)


COMPONENTS = ["a", "b", "ab", "*", "**", "***", "?", "[ab]", "[!a]", "a*", "*b", "?b", "*.*", "a**",
              "**b", "a.b", "[a-b]*", "c", "tree", "\\a", "a\\*", "[", "[[:alpha:]]?", "[^a-b.]"]


@needs_rsync
def test_rules_at_random_choose_what_rsync_chooses(embedded, client, forest, tmp_path):
    seed = int(os.environ.get("BARGE_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"BARGE_SEED={seed}")
    rng, barge = random.Random(seed), client(embedded)
    for _ in range(40):
        rules = []
        for _ in range(rng.randint(1, 4)):
            option = rng.choice(["--exclude=", "--include=", "--filter=- ", "--filter=+ "])
            middle = "/".join(rng.choice(COMPONENTS) for _ in range(rng.choice([1, 1, 2, 3])))
            rules.append(option + rng.choice(["", "", "/", "/tree/"]) + middle
                         + rng.choice(["", "", "/"]))
        assert planned(barge, tmp_path / "plan", *rules, forest, "tahoe:") \
            == rsynced(forest, tmp_path / "empty", *rules), rules


def chosen(tree, wanted):
    """What of a local_tree has a path that `wanted` says yes to."""
    return {path: value for path, value in tree.items() if wanted(path)}


# --- what arrives -------------------------------------------------------------------------

@pytest.fixture
def photos(tmp_path):
    path = tmp_path / "photos"
    for name in ("raw/a.cr2", "2024/raw/b.cr2", "2024/b.jpg", "2024/b.tmp", "c.jpg", ".git/HEAD"):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content(2000, len(name)))
    (path / "large").write_bytes(content(200_000))
    (path / "link").symlink_to("c.jpg")
    return path


@pytest.mark.parametrize("options", [(), ("--immutable",)], ids=["mutable", "immutable"])
def test_what_is_left_out_does_not_arrive_and_is_no_loss(embedded, client, photos, options):
    alias, cap = embedded.fresh()
    run = client(embedded).ok("cp", "-r", "--json", *options, "--exclude=/photos/raw/",
                              "--exclude=*.tmp", "--exclude-vcs", "--exclude=link",
                              "--max-size=100K", photos, alias)
    wanted = chosen(local_tree(photos), lambda path: not path.startswith((".git", "raw", "large"))
                    and not path.endswith(".tmp"))
    assert wanted.keys() == {"2024", "2024/raw", "2024/raw/b.cr2", "2024/b.jpg", "c.jpg"}
    same(embedded.tree(cap), below("photos", wanted))
    assert run.summary()["planned"] == 6 and run.summary()["skipped"] == 0


def test_below_a_target_to_be_made_paths_begin_with_the_source(embedded, client, photos):
    alias, cap = embedded.fresh()
    client(embedded).ok("cp", "-r", "--exclude=/photos/raw", "--exclude=/photos/2024/*/",
                        "--exclude=link", photos, f"{alias}new/dir")
    wanted = chosen(local_tree(photos), lambda path: "raw" not in path)
    same(embedded.tree(cap), below("new", below("dir", below("photos", wanted))))


def test_a_source_is_copied_whatever_the_rules_say(embedded, client, photos):
    alias, cap = embedded.fresh()
    client(embedded).ok("cp", "-r", "--exclude=*", photos / "c.jpg", photos / "2024", alias)
    assert embedded.tree(cap).keys() == {"c.jpg", "2024"}


def test_newer_is_after_a_date_or_a_file(embedded, client, photos, tmp_path):
    barge = client(embedded)
    for path in photos.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000), follow_symlinks=False)
    os.utime(photos / "2024/b.jpg", ns=(0, 1_000_000_000_000_000_001))
    os.utime(photos / "2024", (1, 1))
    (tmp_path / "stamp").touch()
    os.utime(tmp_path / "stamp", (1_000_000_000, 1_000_000_000))
    wanted = {"photos/", "photos/raw/", "photos/2024/", "photos/2024/raw/", "photos/.git/",
              "photos/2024/b.jpg"}
    for newer in ("2001-09-09T01:46:40Z", tmp_path / "stamp", "@1000000000"):
        assert planned(barge, tmp_path / "plan", f"--newer={newer}", photos, "tahoe:") == wanted
    assert "photos/c.jpg" in planned(barge, tmp_path / "plan", "--newer=@999999999", photos,
                                     "tahoe:")


def is_mounting(path):
    """Mounts a file system at `path`, if this user may."""
    path.mkdir()
    return os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "none", path], stderr=subprocess.DEVNULL).returncode == 0


def test_another_file_system_is_left_out(embedded, client, photos, tmp_path):
    if not is_mounting(photos / "mounted"):
        pytest.skip("may not mount")
    try:
        (photos / "mounted/file").write_bytes(b"there")
        barge = client(embedded)
        assert "photos/mounted/file" in planned(barge, tmp_path / "plan", photos, "tahoe:")
        got = planned(barge, tmp_path / "plan", "-x", photos, "tahoe:")
    finally:
        subprocess.run(["umount", photos / "mounted"], check=True)
    assert not any("mounted" in path for path in got) and "photos/2024/b.jpg" in got


# --- lists --------------------------------------------------------------------------------

def test_a_list_is_taken_with_the_way_there(embedded, client, photos, tmp_path):
    (tmp_path / "list").write_text("# mine\n2024/b.jpg\n./raw/\n\n2024/raw\n.\n")
    alias, cap = embedded.fresh()
    client(embedded).ok("cp", "-r", f"--files-from={tmp_path / 'list'}", photos, alias)
    wanted = chosen(local_tree(photos), {"raw", "raw/a.cr2", "2024", "2024/b.jpg",
                                         "2024/raw"}.__contains__)
    same(embedded.tree(cap), below("photos", wanted))


def test_names_from_find_come_with_nul(embedded, client, photos):
    (photos / "new\nline").write_bytes(b"odd")
    (photos / "#odd").write_bytes(b"odd")
    found = b"./new\nline\0./c.jpg\0#odd\0"
    alias, cap = embedded.fresh()
    barge = client(embedded)
    run = subprocess.run(barge.words("cp", "-r0", "--files-from=-", photos, alias), input=found,
                         env=barge.environment, capture_output=True)
    assert run.returncode == 0, run.stderr
    assert embedded.tree(cap).keys() == {"photos", "photos/new\nline", "photos/c.jpg",
                                         "photos/#odd"}


def test_what_is_listed_and_not_there_fails_by_name(embedded, client, photos, tmp_path):
    (tmp_path / "list").write_text("c.jpg\n2024/gone\nno/such/path\nc.jpg/below\nlink\n")
    alias, cap = embedded.fresh()
    run = client(embedded).ok("cp", "-r", "--json", f"--files-from={tmp_path / 'list'}", photos,
                              alias, code=1)
    failed = {path: line["reason"] for path, line in run.entries().items()
              if line["state"] == "failed"}
    reason = "on the list of files and not there"
    assert failed == dict.fromkeys(("photos/2024/gone", "photos/no"), reason)
    assert run.entries()["photos/link"]["state"] == "skipped"
    assert run.summary()["failed"] == 2 and run.summary()["skipped"] == 1
    assert "'photos/2024/gone': on the list of files and not there" in run.err
    assert embedded.tree(cap).keys() == {"photos", "photos/2024", "photos/c.jpg"}


# --- from a grid ------------------------------------------------------------------------

def test_a_download_takes_what_is_chosen(embedded, client, photos, tmp_path):
    alias, _ = embedded.fresh()
    barge = client(embedded)
    barge.ok("cp", "-r", "--exclude=link", photos, alias)
    (tmp_path / "back").mkdir()
    barge.ok("cp", "-r", "--exclude=/photos/raw/", "--exclude=*.tmp", "--exclude-vcs",
             "--max-size=100K", f"{alias}photos", tmp_path / "back")
    wanted = chosen(local_tree(photos), {"2024", "2024/raw", "2024/raw/b.cr2", "2024/b.jpg",
                                         "c.jpg"}.__contains__)
    same(local_tree(tmp_path / "back"), below("photos", wanted))


def test_a_download_takes_what_is_listed(embedded, client, photos, tmp_path):
    alias, _ = embedded.fresh()
    barge = client(embedded)
    barge.ok("cp", "-r", "--exclude=link", photos, alias)
    (tmp_path / "list").write_text("raw/\nraw/gone\n2024/b.jpg\n2024/lost\n")
    (tmp_path / "back").mkdir()
    run = barge.ok("cp", "-r", "--json", f"--files-from={tmp_path / 'list'}", f"{alias}photos",
                   tmp_path / "back", code=1)
    assert {path for path, line in run.entries().items() if line["state"] == "failed"} \
        == {"photos/raw/gone", "photos/2024/lost"}
    wanted = chosen(local_tree(photos), {"raw", "raw/a.cr2", "2024",
                                         "2024/b.jpg"}.__contains__)
    same(local_tree(tmp_path / "back"), below("photos", wanted))


# --- refusals -----------------------------------------------------------------------------

@pytest.mark.parametrize("words, said", [
    (("--filter=merge x",), "a rule is"),
    (("--exclude-from=none",), "--exclude-from=none: cannot open it"),
    (("--newer=tomorrow",), "--newer: \"tomorrow\" is no date"),
    (("--files-from=none",), "--files-from=none: cannot open it"),
    (("--exclude=",), "--exclude: a pattern is missing"),
    (("--exclude=" + 60001 * "x",), "longer than 60000 bytes together"),
])
def test_what_makes_no_sense_is_refused_before_anything_is_done(embedded, client, photos, words,
                                                               said):
    barge = client(embedded)
    run = barge.ok("cp", "-r", *words, photos, "tahoe:", code=2)
    assert said in run.err and not barge.jobs()


def test_a_list_wants_one_directory(embedded, client, photos, tmp_path):
    (tmp_path / "list").write_text("c.jpg\n")
    barge = client(embedded)
    for sources in ((photos, photos / "2024"), (photos / "c.jpg",)):
        run = barge.ok("cp", "-r", f"--files-from={tmp_path / 'list'}", *sources, "tahoe:", code=2)
        assert "--files-from wants one source" in run.err and not barge.jobs()


@pytest.fixture
def grown(embedded, client, tmp_path):
    """The directory "s" of some kinds of files, here and on the grid: (path, word, barge)."""
    path, barge = tmp_path / "s", client(embedded)
    for name in ("a.jpg", "a.raw", "d/b.jpg", "d/b.raw", "d/e/c.jpg", "raw/only.raw", "big"):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content(5000 if name == "big" else 300, len(name)))
    os.utime(path / "d/b.jpg", (1, 1000000000))
    alias, _ = embedded.fresh()
    barge.ok("cp", "-r", path, alias)
    return path, alias + "s", barge


@pytest.mark.parametrize("rules", [("--exclude=*.raw",), ("--exclude=/d/",), ("--max-size=1000",),
                                   ("--min-size=1000",), ("--include=*/", "--include=*.jpg",
                                                          "--exclude=*"),
                                   ("--newer=2005-01-01",)],
                         ids=" ".join)
def test_downloads_choose_like_uploads(embedded, grown, tmp_path, rules):
    path, word, barge = grown
    alias, cap = embedded.fresh()
    barge.ok("cp", "-r", *rules, path, alias)
    barge.ok("cp", "-r", *rules, word, tmp_path / "down")
    barge.ok("cp", "-r", *rules, path, tmp_path / "local")
    expected = embedded.tree(cap)
    assert 0 < len(expected) < 2 + len(local_tree(path))
    same(local_tree(tmp_path / "down"), expected)
    same(local_tree(tmp_path / "local"), expected)


def test_a_list_of_files_to_download(grown, tmp_path):
    _, word, barge = grown
    (tmp_path / "list").write_text("d/b.jpg\nraw/\nd/none\n")
    run = barge.ok("cp", "-r", f"--files-from={tmp_path}/list", word, tmp_path / "out", "--json",
                   code=1)
    assert local_tree(tmp_path / "out").keys() == {"s", "s/d", "s/d/b.jpg", "s/raw",
                                                   "s/raw/only.raw"}
    assert run.entries()["s/d/none"]["state"] == "failed"


# --- going on -----------------------------------------------------------------------------

@pytest.fixture
def wide(tmp_path):
    """A tree that is in the middle of its plan for a while."""
    path = tmp_path / "wide"
    for directory in range(30):
        (path / f"d{directory:02d}").mkdir(parents=True)
        for number in range(6):
            (path / f"d{directory:02d}/{number}.{'ab'[number % 2]}").write_bytes(
                content(3000, 100 * directory + number))
    return path


RULE = "--exclude=*.b"


def interrupted(barge, *words):
    """Runs cp until something is done, and lets SIGINT end it."""
    grid, place = barge.grid, barge.home / f"holding{len(barge.jobs())}"
    with HoldingGateway(grid, place, 5, is_put) as barge.grid:
        process = barge.start("cp", "-r", "--json", *words)
        lines, err = LineReader(process.stdout), LineReader(process.stderr)
        assert lines.wait_for(lambda line: b'"done"' in line)
        barge.grid.interrupt(process, err)
    barge.grid = grid


def test_a_changed_rule_makes_a_new_job(gateway, client, wide):
    grid = gateway()
    alias, _ = grid.fresh()
    barge = client(grid)
    interrupted(barge, RULE, wide, alias)
    interrupted(barge, "--exclude=*.a", wide, alias)
    interrupted(barge, wide, alias)
    assert len(barge.jobs()) == 3
    first, second, third = barge.jobs()
    for words, job in ((RULE, first), ("--filter=- *.a", second), ("-r", third)):
        run = barge.run("cp", "-r", words, wide, alias)  # the target is there from the second on
        assert f"continuing job {job.name[:16]}" in run.err
    assert len(barge.jobs()) == 3


def test_an_interrupted_job_goes_on_with_its_rules(gateway, client, wide, tmp_path):
    grid = gateway()
    alias, cap = grid.fresh()
    barge = client(grid)
    (tmp_path / "rules").write_text("*.b\n")
    interrupted(barge, f"--exclude-from={tmp_path / 'rules'}", wide, alias)
    (tmp_path / "rules").unlink()
    barge.ok("resume")
    same(grid.tree(cap), below("wide", chosen(local_tree(wide), lambda p: p[-1] != "b")))


@pytest.mark.parametrize("count", [1, 2, 9, 20])
def test_a_killed_plan_goes_on_with_its_rules(gateway, client, barge_debug, wide, tmp_path, count):
    """Rules, a list that is gone by then, and a time."""
    grid = gateway()
    alias, cap = grid.fresh()
    barge = client(grid, barge_debug)
    paths = [str(path.relative_to(wide)) for path in sorted(wide.rglob("*")) if "d1" not in
             str(path)]
    (tmp_path / "list").write_text("".join(f"{path}\n" for path in [*paths, "d29/gone"]))
    (tmp_path / "stamp").touch()
    os.utime(tmp_path / "stamp", (1_000_000_000, 1_000_000_000))
    for path in wide.rglob("*5.b"):
        os.utime(path, (999_999_999, 999_999_999))
    words = (f"--files-from={tmp_path / 'list'}", "--exclude=0.*", f"--newer={tmp_path / 'stamp'}",
             "--min-size=100", wide, alias)
    run = barge.run("cp", "-r", *words, env={"BARGE_KILL": f"plan-listing:{count}"})
    assert run.code == -signal.SIGKILL
    for name in "list", "stamp":
        (tmp_path / name).unlink()
    run = barge.ok("resume", "--json", code=1)
    assert [path for path, line in run.entries().items() if line["state"] == "failed"] \
        == ["wide/d29/gone"]
    wanted = chosen(local_tree(wide), lambda path: path in paths and "0." not in path
                    and "5.b" not in path)
    same(grid.tree(cap), below("wide", wanted))


def test_a_plan_is_carried_out_as_it_was_chosen(embedded, client, photos, tmp_path):
    alias, cap = embedded.fresh()
    barge = client(embedded)
    (tmp_path / "list").write_text("2024/\n")
    barge.ok("plan", "-r", "-o", tmp_path / "plan", "--exclude=*.tmp", "--exclude=raw",
             f"--files-from={tmp_path / 'list'}", photos, alias)
    (tmp_path / "list").unlink()
    shown = [json.loads(line) for line in barge.ok("show", "--json", tmp_path / "plan").out
             .splitlines()]
    rules = [line["rule"] for line in shown if line["record"] == "select"]
    assert rules[:2] == ["-*.tmp", "-raw"] and rules[2].startswith("files-from=")
    barge.ok("run", tmp_path / "plan")
    assert embedded.tree(cap).keys() == {"photos", "photos/2024", "photos/2024/b.jpg"}


# --- what backups leave out ---------------------------------------------------------------

TAG = b"Signature: 8a477f597d28d172789f06886806bc55"


def test_of_a_marked_directory_the_marker_is_taken(embedded, client, tmp_path):
    source, barge = tmp_path / "home", client(embedded)
    for name, data in {"cache/CACHEDIR.TAG": TAG + b"\n# by", "cache/a": b"1", "cache/sub/b": b"1",
                       "other/CACHEDIR.TAG": TAG[:-1], "other/a": b"1",
                       "skip/.nobackup": b"", "skip/sub/a": b"1", "skip/CACHEDIR.TAG": b"",
                       "plain/a": b"1"}.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(data)
    (source / "link").mkdir()
    (source / "link/CACHEDIR.TAG").symlink_to(source / "cache/CACHEDIR.TAG")

    def files(*words):
        return {path for path in planned(barge, tmp_path / "p", *words, "--symlinks=preserve",
                                         source, tmp_path / "to") if not path.endswith("/")}
    everything = files()
    assert len(everything) == 10
    marked = everything - {"home/cache/a", "home/cache/sub/b"}
    assert files("--exclude-caches") == marked
    assert files("--exclude-if-present=.nobackup") == everything - {
        "home/skip/sub/a", "home/skip/CACHEDIR.TAG"}
    assert files("--exclude-caches", "--exclude-if-present=.nobackup") == marked - {
        "home/skip/sub/a"}
    assert files("--exclude-if-present=plain") == {"home/plain/a"}
    assert files("--exclude-caches", "--exclude=CACHEDIR.TAG") == {
        path for path in marked if not path.endswith("TAG")}


def test_a_marker_counts_on_a_grid_too(embedded, client, tmp_path):
    inner = embedded.mkdir({"x": embedded.put(b"1"), ".nobackup": embedded.put(b"")})
    alias, _ = embedded.fresh({"d": embedded.mkdir({"skip": inner, "y": embedded.put(b"2")})})
    client(embedded).ok("cp", "-r", "--exclude-if-present=.nobackup", alias + "d", tmp_path / "to")
    assert {str(path.relative_to(tmp_path / "to")) for path in (tmp_path / "to").rglob("*")} == {
        "d", "d/y", "d/skip", "d/skip/.nobackup"}


def test_what_a_marker_leaves_out_has_not_appeared(embedded, client, tmp_path):
    """A directory that changes while the job runs is looked at again; by the same rules."""
    source = tmp_path / "s"
    (source / "cache").mkdir(parents=True)
    (source / "cache/CACHEDIR.TAG").write_bytes(TAG)
    (source / "a").write_bytes(content(300))
    alias, _ = embedded.fresh()
    barge = client(embedded)
    plan = tmp_path / "p"
    barge.ok("plan", "-r", "--exclude-caches", "-o", plan, source, alias)
    (source / "cache/later").write_bytes(b"1")
    run = barge.ok("run", plan)
    assert "appeared" not in run.err


def test_the_excludes_of_a_backup_are_those_of_tahoe_backup(real_grid, client, tmp_path):
    source = tmp_path / "s"
    for name in ("a.o", "dd/b.o", "dd/[x", "\u00e9", "+ y", ".git/HEAD", "dd/.hgignore", "keep"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(b"1")
    words = ["--exclude", "*.o", "--exclude=?", "--exclude=+ y", "--exclude", "[x",
             "--exclude-vcs"]
    alias, cap = real_grid.fresh()
    done = real_grid.command("-d", real_grid.directory, "backup", *words, source, alias + "to")
    assert done.returncode == 0, done.stdout
    client(real_grid).ok("backup", *words, source, alias + "ours")
    theirs, ours = (real_grid.tree(real_grid.child(cap, to + "/Latest")[1]["ro_uri"])
                    for to in ("to", "ours"))
    assert set(theirs) == {"dd", "keep"}
    same(ours, theirs)


def test_globs_of_names_are_those_of_tahoe_backup(real_grid, client, tmp_path):
    """The same file of patterns: the same names in the tree."""
    source = tmp_path / "s"
    for name in ("a.o", "b.c", "deep/a.o", "deep/[x", "deep/x", "\u00e9", "no/way/in", "w x", "^",
                 "-", "d/\u00e9\u00e9", "b\\c", "+ y", "#c", "!", "tmp/a", "a/b", "Ab"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(b"1")
    for lines in ("*.o\nno\n  w x  \nb\\c\n\n", "?\n+ y\na/b\n[x\n", "[!a-z]\n#c\nA*\ntmp/\n",
                  "[^a]*\n!\n"):
        (tmp_path / "globs").write_text(lines)
        alias, cap = real_grid.fresh()
        done = real_grid.command("-d", real_grid.directory, "backup", "--exclude-from-utf-8",
                                 tmp_path / "globs", source, alias + "to")
        assert done.returncode == 0, done.stdout
        theirs = real_grid.tree(real_grid.child(cap, "to/Latest")[1]["ro_uri"])
        ours = planned(client(real_grid), tmp_path / "p", "--exclude-from-utf-8",
                       tmp_path / "globs", source, alias)
        assert {path[2:].strip("/") for path in ours} - {""} == set(theirs), lines


def test_on_a_grid_nothing_is_mounted(embedded, client, tmp_path):
    """What a backup says of devices is of another machine."""
    (tmp_path / "s/d").mkdir(parents=True)
    (tmp_path / "s/d/a").write_bytes(b"1")
    alias, _ = embedded.fresh()
    barge = client(embedded)
    barge.ok("backup", tmp_path / "s", alias)
    barge.ok("cp", "-rTx", alias + "Latest", tmp_path / "to")
    assert (tmp_path / "to/d/a").read_bytes() == b"1"
