"""barge backup when something goes wrong: kills, lost and damaged databases, bad input."""
import errno
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from datetime import datetime, timedelta

import pytest

from backup_place import OLD, Place, check_latest, counts
from grid import ROOT
from lying import HoldingGateway, is_put
from test_local_errors import refuse  # noqa: F401 (a fixture)
from tree import content, local_tree

STAMP = "%Y-%m-%d_%H:%M:%SZ"


@pytest.fixture
def place(embedded, client, tmp_path):
    return Place(embedded, client(embedded), tmp_path / "source")


@pytest.fixture
def debugged(embedded, client, barge_debug, tmp_path):
    return Place(embedded, client(embedded, barge_debug), tmp_path / "source")


@pytest.mark.parametrize("point", ["plan-listing", "directory-start:2", "backup-linked",
                                   "backup-latest"])
def test_killed_it_goes_on_and_latest_is_whole(debugged, point):
    place = debugged
    place.backup()
    before = place.latest()
    (place.source / "a/new").write_bytes(content(300, 77))
    (place.source / "c/s0").write_bytes(content(301, 77))
    time.sleep(OLD)
    words = ("backup", place.source, place.alias + "to")
    run = place.barge.run(*words, env={"BARGE_KILL": point})
    assert run.code == -signal.SIGKILL, run
    archives = place.archives()
    assert place.latest() == before or (point == "backup-latest" and len(archives) == 2)
    linked = point.startswith("backup")
    assert len(archives) == (2 if linked else 1)
    run = place.barge.ok(*words)
    assert "continuing job" in run.err
    assert len(place.archives()) == 2
    check_latest(place)
    if linked:
        assert "was complete" in run.err
    # What the kill took out of what is known is read again, once.
    assert linked is False or counts(place.backup())[:2] == (0, 11)
    place.backup()
    assert counts(place.backup()) == (0, 11, 0, 0, 4, 0)


@pytest.mark.parametrize("point", ["directory-made", "backup-linked"])
def test_killed_between_its_links_resume_moves_latest_alone(debugged, point):
    place = debugged
    run = place.barge.run("backup", place.source, place.alias + "to", env={"BARGE_KILL": point})
    assert run.code == -signal.SIGKILL
    archives = place.archives()
    # What has changed since is for the next one: a snapshot does not change.
    (place.source / "c/s0").write_bytes(content(302))
    run = place.barge.ok("resume", "--json")
    summary = run.summary()
    assert summary["snapshot"] == max(archives) and summary["latest"] is True
    assert counts(summary) == (10, 0, 0, 4, 0, 0)
    assert f"snapshot {max(archives)}" in run.err and "10 files uploaded" in run.err
    assert place.archives() == archives
    assert place.latest() == archives[max(archives)]
    assert place.barge.run("resume").code == 2  # nothing is left


def test_an_unfinished_job_that_was_overtaken_is_begun_anew(debugged):
    """Its snapshot would be an old one, behind which Latest does not lead."""
    place, words = debugged, ("backup", debugged.source, debugged.alias + "to")
    assert place.barge.run(*words, env={"BARGE_KILL": "slot-synced"}).code == -signal.SIGKILL
    (job,) = place.barge.jobs()
    archives = place.grid.child(place.cap, "to/Archives")[1]["rw_uri"]
    place.grid.web("PUT", f"/uri/{archives}/2037-01-01_00:00:00Z?t=uri", place.grid.mkdir())
    (place.source / "c/new").write_bytes(content(302))
    run = place.barge.ok(*words)
    assert f"job {job.name[:16]}" in run.err and "a new one is begun" in run.err
    assert sorted(place.archives()) == ["2037-01-01_00:00:00Z", "2037-01-01_00:00:01Z"]
    assert not place.barge.jobs()
    check_latest(place)


def test_an_unfinished_job_without_attributes_is_named(debugged):
    """As earlier versions left them: it would lack what this command keeps, so it is left."""
    place = debugged
    words = ("backup", place.source, place.alias + "to")
    place.barge.run(*words, "--no-xattrs", env={"BARGE_KILL": "plan-listing"})
    (job,) = place.barge.jobs()
    time.sleep(1.1)  # a snapshot is called by its second
    run = place.barge.ok(*words)
    assert f"barge resume {job.name[:16]} goes on with it" in run.err
    assert place.barge.jobs() == [job]
    (snapshot,) = place.archives()
    (place.source / "c/s0").write_bytes(content(300, 99))
    place.barge.ok("resume", job.name[:16])
    # It was named first, and is linked last: Latest stays with the newer one.
    assert len(set(place.archives().values())) == 2 and place.latest() == place.archives()[snapshot]


def test_two_at_once_the_second_is_refused(gateway, client, tmp_path):
    grid = gateway()
    place = Place(grid, client(grid), tmp_path / "source")
    with HoldingGateway(grid, tmp_path / "holding", 0, is_put) as holding:
        first = place.barge.start("backup", "-u", holding.url, place.source, place.alias + "to")
        holding.wait_for_others()
        run = place.barge.run("backup", place.source, place.alias + "to")
        assert run.code == 6 and "another backup" in run.err, run
        holding.let_go()
        assert place.barge.finish(first).code == 0
    check_latest(place)


def test_a_file_of_the_future_is_sent_once(place):
    os.utime(place.source / "a/f1", (4e9, 4e9))
    time.sleep(OLD)
    place.backup()
    assert counts(place.backup()) == (0, 10, 0, 0, 4, 0)


def test_a_slash_in_front_of_a_pattern_begins_in_the_snapshot(place, tmp_path):
    """Of one source right behind the time that it is called by, of several at their names."""
    (place.source / "c/a").mkdir()
    for name in "c/a/f1", "o\\ne", "one":
        (place.source / name).write_bytes(b"x")
    (tmp_path / "rules").write_text("- /a\n")
    names = {str(path.relative_to(place.source)) for path in place.source.rglob("*")}
    kept = {name for name in names if not f"{name}/".startswith("a/")}
    for option in "--exclude=/a", "--filter=- /a/", f"--exclude-from={tmp_path / 'rules'}":
        place.backup(option)
        assert set(place.tree()) == kept, option
    place.backup("--exclude=/a/*", "--include=/c/s0", "--exclude=/c/**", "--exclude=/o\\ne")
    assert set(place.tree()) == {"a", "c/s0"} | {name for name in kept - {"o\\ne"}
                                                 if not name.startswith("c/")}
    (tmp_path / "more").mkdir()
    place.barge.ok("backup", f"--exclude=/{place.source.name}/a", place.source, tmp_path / "more",
                   place.alias + "to")
    assert set(place.tree()) == {"more", place.source.name} | \
        {f"{place.source.name}/{name}" for name in kept}


def test_a_damaged_database_is_moved_aside(place):
    place.backup()
    path = place.database()
    path.write_bytes(b"no database" * 1000)
    run = place.barge.ok("backup", place.source, place.alias + "to")
    assert "moved to" in run.err and path.with_name(path.name + ".damaged").exists()
    check_latest(place)
    assert counts(place.backup()) == (0, 10, 0, 0, 4, 0)


def test_caps_of_another_grid_are_not_linked(place, gateway, client):
    """The same directory on a grid that lacks everything below it."""
    place.backup()
    path = place.database()
    other = gateway()
    elsewhere = Place(other, client(other), place.source.parent / "other")
    elsewhere.backup()
    there = elsewhere.database()
    # What is known of one target, under the name of the other.
    for name in there.parent.glob(there.name + "*"):
        name.unlink()
    there.write_bytes(path.read_bytes())
    there.chmod(0o600)
    run = elsewhere.barge.ok("backup", elsewhere.source, elsewhere.alias + "to")
    assert "does not have the last snapshot" in run.err
    check_latest(elsewhere)


def test_what_cannot_be_read_is_named_and_marked(embedded, nobody, public, client, tmp_path):
    barge, options = nobody(embedded)
    place = Place(embedded, barge, public / "source")
    (public / "node/private/aliases").write_text(f"{place.alias} {place.cap}\n")
    barge.grid = None
    for path in [place.source, *place.source.rglob("*")]:
        if not path.is_symlink():
            os.chmod(path, 0o755 if path.is_dir() else 0o644)
    os.chmod(place.source / "a/b", 0o700)
    os.chmod(place.source / "c/s1", 0o600)
    os.mkfifo(place.source / "c/pipe")
    os.makedirs(os.fsencode(place.source) + b"/c/\xff")
    if os.geteuid() != 0:
        os.chmod(place.source / "a/b", 0)
        os.chmod(place.source / "c/s1", 0)
    time.sleep(OLD)
    run = barge.run("backup", f"--node-directory={public / 'node'}", place.source,
                    place.alias + "to", **options)
    assert run.code == 1, run
    for name in "a/b", "c/s1", "c/pipe", r"c/\xff":
        assert name in run.err, name
    assert "6 files uploaded (0 reused), 2 files skipped, 3 directories created (0 reused), 2 " \
        "directories skipped" in run.err
    found = embedded.children(place.latest(), "a")
    assert found["b"][1]["metadata"]["barge"] == {"unreadable": "permission denied"}
    assert embedded.list(found["b"][1]["ro_uri"]) == {}
    assert set(embedded.children(place.latest(), "c")) == {"s0", "s2", "link"}
    # Nor is it given back as if it had been empty.
    for name, code in ("", 1), ("/a/b", 1), ("/c", 0):
        run = client(embedded).ok("cp", "-rqT", f"{place.alias}to/Latest{name}",
                                  tmp_path / f"back{len(name)}", code=code)
        told = "1 directories could not be read when they were backed up, and are empty: "
        assert (told in run.err) == bool(code)


def test_bad_input_is_refused_before_anything_is_made(place, tmp_path):
    target, barge = place.alias + "to", place.barge
    (tmp_path / "file").write_bytes(b"x")
    for words, text in (((tmp_path / "missing", target), "No such file"),
                        ((tmp_path / "file", target), "is a file"),
                        ((place.alias + "x", target), "on a grid"),
                        ((place.source, tmp_path / "there"), "is a local path"),
                        ((place.source, "nowhere:x"), "nowhere")):
        run = barge.run("backup", *words)
        assert run.code == 2 and text in run.err, run
    assert place.grid.list(place.cap) == {}


def test_what_cannot_be_imported_leaves_no_job(place, tmp_path):
    """The next run, without it, is a new one."""
    (tmp_path / "file").write_bytes(b"x" * 100)
    for name, code in ("missing", 74), ("file", 2):
        place.barge.ok("backup", f"--import-backupdb={tmp_path / name}", place.source,
                       place.alias + "to", code=code)
    assert not place.barge.jobs() and not place.grid.children(place.cap, "to/Archives")


def test_targets_that_no_backup_made_stay(place):
    grid = place.grid
    for name, cap, text in (("Archives", grid.put(b"x" * 100), "is a file"),
                            ("Latest", grid.put(b"x" * 100), "is no snapshot"),
                            ("Latest", grid.mkdir(), "is no snapshot")):
        alias, root = grid.fresh({"to": grid.mkdir({name: cap})})
        run = place.barge.run("backup", place.source, alias + "to")
        assert run.code == 2 and text in run.err, run
        assert set(grid.children(root, "to")) == {name}


def test_a_clock_behind_the_newest_snapshot(place):
    old = place.grid.mkdir()
    archives = place.grid.mkdir({"2037-01-01_00:00:00Z": old})
    alias, cap = place.grid.fresh({"to": place.grid.mkdir({"Archives": archives})})
    run = place.barge.ok("backup", place.source, alias + "to")
    assert "the clock is behind" in run.err
    names = sorted(place.grid.list(archives))
    assert names == ["2037-01-01_00:00:00Z", "2037-01-01_00:00:01Z"]
    assert place.grid.child(cap, "to/Latest")[1]["ro_uri"] == \
        place.grid.list(archives)[names[1]][1]["ro_uri"]


def test_several_sources_are_directories_of_the_snapshot(place, tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more/one").write_bytes(content(200))
    time.sleep(OLD)
    words = ("backup", place.source, tmp_path / "more", place.alias + "to")
    place.barge.ok(*words)
    assert set(place.grid.list(place.latest())) == {"source", "more"}
    run = place.barge.ok(*words)
    assert "0 files uploaded (11 reused)" in run.err


def test_a_dry_run_tells_what_the_run_does(place):
    target = place.alias + "to"

    def rehearse(*options):
        run = place.barge.ok("backup", "--dry-run", *options, place.source, target)
        return sorted(line.split(" ", 1)[0] for line in run.out.splitlines()), run.err

    assert rehearse()[0] == ["copy"] * 10 + ["mkdir"] * 4
    assert place.grid.list(place.cap) == {} and place.barge.jobs() == []
    place.backup()
    archives = place.archives()
    assert rehearse()[0] == ["reuse"] * 14
    (place.source / "c/s0").write_bytes(content(300, 55))
    os.mkfifo(place.source / "pipe")
    time.sleep(OLD)
    run = place.barge.ok("backup", "--dry-run", place.source, target, code=1)
    words = sorted(line.split(" ", 1)[0] for line in run.out.splitlines())
    assert words == ["copy"] + ["fail"] + ["mkdir"] * 2 + ["reuse"] * 11
    assert place.archives() == archives
    assert counts(place.backup(code=1)) == (1, 9, 1, 2, 2, 0)


KILLS = ["plan-listing:1", "plan-listing:3", "plan-published:2", "manifest-complete", "slot-synced",
         "transfer-stored:1", "transfer-stored:3", "slot-written:2", "settled", "directory-start:1",
         "directory-start:3", "directory-made", "backup-linked", "backup-latest"]


def test_killed_at_any_moment_latest_is_whole(debugged):
    """Latest is a tree as it was when some run began, whatever became of that run."""
    place, rng, killed, whole = debugged, random.Random(7), [], set()
    words = ("backup", place.source, place.alias + "to", "--new")

    def source():
        return {name: value for name, value in local_tree(place.source).items()
                if name != "c/link"}

    trees = [source()]
    lasts = place.barge.ok(*words).seconds
    points = [None if number % 3 == 2 else point for number, point in enumerate(KILLS)]
    for number, point in enumerate(points + KILLS[2::3]):
        (place.source / f"c/s{number % 3}").write_bytes(content(300, rng.random()))
        (place.source / f"a/new {number}").write_bytes(content(301, rng.random()))
        trees.append(source())
        if point:
            code = place.barge.run(*words, env={"BARGE_KILL": point}).code
            killed += [point] if code else []
        else:  # at some moment, or not at all, as it comes
            process = place.barge.start(*words)
            time.sleep(rng.uniform(0, lasts))
            process.kill()
            code = place.barge.finish(process).code
        assert code in (0, -signal.SIGKILL)
        for cap in {place.latest(), *place.archives().values()} - whole:
            tree = place.grid.tree(cap)
            del tree["c/link"]
            assert tree in trees
            whole.add(cap)
    assert len(killed) >= 10, killed
    place.barge.ok(*words)
    check_latest(place)


def test_a_full_disk_costs_what_is_known_alone(place, refuse):
    """The database cannot grow: the snapshot is linked, and the next run reads more."""
    place.backup()
    (place.source / "c/s0").write_bytes(content(300, 66))
    time.sleep(OLD)
    run = place.barge.ok("backup", place.source, place.alias + "to", env=refuse(
        f"write:{errno.ENOSPC}:{place.barge.state / 'known'}:.sqlite"))
    assert "could not be kept" in run.err
    check_latest(place)
    assert counts(place.backup())[:2] == (1, 9)
    assert counts(place.backup()) == (0, 10, 0, 0, 4, 0)


def test_a_disk_that_fills_in_mid_run_costs_the_rest(gateway, client, refuse, tmp_path):
    """What was kept before stays: the next run reads the others alone."""
    grid = gateway()
    place = Place(grid, client(grid), tmp_path / "source")
    for number in range(30):
        (place.source / f"many {number:02}").write_bytes(content(400, number))
    time.sleep(OLD)
    place.backup()
    for number in range(30):
        (place.source / f"many {number:02}").write_bytes(content(401, number))
    time.sleep(OLD)
    rule = f"write:{errno.ENOSPC}:{place.barge.state / 'known'}:.sqlite"
    full = tmp_path / "full"
    with HoldingGateway(grid, tmp_path / "holding", 15, is_put) as holding:
        process = place.barge.start("backup", "-j1", "-u", holding.url, place.source, place.alias + "to",
                                    env=refuse(rule, since=full))
        holding.wait_for_others()
        full.write_bytes(b"")
        holding.let_go()
        run = place.barge.finish(process)
    assert run.code == 0 and "could not be kept" in run.err, run
    check_latest(place)
    assert counts(place.backup())[:2] == (30, 10)
    assert counts(place.backup()) == (0, 40, 0, 0, 4, 0)


@pytest.mark.parametrize("table", ["about", "directory"])
def test_damage_that_is_seen_in_mid_run(place, table):
    """It opens, and one of its tables is nonsense."""
    place.backup()
    path = place.database()
    with sqlite3.connect(path) as database:
        page, = database.execute("SELECT rootpage FROM sqlite_master WHERE name = ?",
                                 (table,)).fetchone()
        size, = database.execute("PRAGMA page_size").fetchone()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    with open(path, "r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    run = place.barge.ok("backup", place.source, place.alias + "to")
    assert "moved aside (.damaged)" in run.err
    assert path.with_name(path.name + ".damaged").exists() and not path.exists()
    check_latest(place)
    run = place.barge.ok("backup", place.source, place.alias + "to")
    assert "nothing is known here" in run.err  # the newest snapshot is read
    assert counts(place.backup()) == (0, 10, 0, 0, 4, 0)


DAY = 24 * 60 * 60


@pytest.fixture(scope="module")
def clock(tmp_path_factory):
    """clock(seconds): the environment in which the time of day is so much later."""
    library = tmp_path_factory.mktemp("clock") / "clock.so"
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-o", library,
                    ROOT / "tests/tools/clock.c", "-ldl"], check=True)
    return lambda seconds: {"LD_PRELOAD": str(library), "CLOCK_SHIFT": str(int(seconds))}


def test_a_clock_that_goes_backwards(place, clock):
    first = place.backup()["snapshot"]
    (place.source / "c/s0").write_bytes(content(300, 88))
    time.sleep(OLD)
    run = place.barge.ok("backup", "--json", place.source, place.alias + "to", env=clock(-DAY))
    second = run.summary()["snapshot"]
    assert "the clock is behind" in run.err and second > first
    assert datetime.strptime(second, STAMP) - datetime.strptime(first, STAMP) == timedelta(seconds=1)
    check_latest(place)
    assert place.tree()["c/s0"] == local_tree(place.source)["c/s0"]
    # The same again: what changed was read while its times were those of a day to come.
    assert counts(place.backup(env=clock(-DAY)))[2:] == (0, 0, 4, 0)
    check_latest(place)
    place.backup()
    assert counts(place.backup()) == (0, 10, 0, 0, 4, 0)


def test_what_is_old_is_asked_for(place, clock):
    """Not below 30 days, always from 60 on; and what was asked for is young again."""
    def checked(days):
        summary = place.backup(env=clock(days * DAY))
        assert counts(summary) == (0, 10, 0, 0, 4, 0)
        return summary["files_checked"], summary["directories_checked"]

    place.backup()
    assert checked(29) == (0, 0)
    assert checked(61) == (6, 4)  # the others are literals
    assert checked(90) == (0, 0)
    files, directories = checked(120)
    assert files <= 6 and directories <= 4


def test_rows_that_nothing_refers_to_are_pruned(place, clock):
    def rows():
        with sqlite3.connect(place.database()) as database:
            names = database.execute("SELECT path.path, file.name FROM file JOIN path ON"
                                     " file.path = path.id").fetchall()
            counted = [database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                       for table in ("path", "directory")]
        database.close()
        return {os.fsdecode(path + b"/" + name)[len(str(place.source)) + 1:]
                for path, name in names}, *counted

    place.backup()
    everything = {str(path.relative_to(place.source)) for path in place.source.rglob("*")
                  if path.is_symlink() or path.is_file()}
    assert rows() == (everything, 3, 4)
    shutil.rmtree(place.source / "a/b")
    (place.source / "c/s0").unlink()
    left = everything - {"c/s0", "a/b/g0", "a/b/g1", "a/b/g2"}
    place.backup(env=clock(100 * DAY))
    assert rows() == (everything, 3, 7)
    assert counts(place.backup(env=clock(110 * DAY))) == (0, 6, 0, 0, 3, 0)
    summary = place.backup(env=clock(125 * DAY))
    assert counts(summary) == (0, 6, 0, 0, 3, 0)  # literals, too, are known still
    assert rows() == (left, 2, 3)
    check_latest(place)


def test_what_is_known_costs_no_request(place):
    """Of any number of files and directories; what is asked for is the target, and two links."""
    def asked():
        place.backup()
        before = place.grid.counts()["requests"]
        assert counts(place.backup())[0:4:3] == (0, 0)
        after = place.grid.counts()["requests"]
        return {kind: after[kind] - before[kind] for kind in after if after[kind] != before[kind]}

    few = asked()
    assert few["set_children"] == 2 and few["check"] == 1 and "put" not in few, few
    for number in range(30):
        (place.source / f"more {number}").mkdir()
        (place.source / f"more {number}/file").write_bytes(content(200, number))
    time.sleep(OLD)
    assert asked() == few


def test_the_database_has_any_number_of_readers(place):
    place.backup()
    (place.source / "c/s0").write_bytes(content(300, 91))
    time.sleep(OLD)
    with sqlite3.connect(place.database(), isolation_level=None) as reader:
        reader.execute("BEGIN")
        seen = reader.execute("SELECT * FROM file").fetchall()
        run = place.barge.ok("backup", "--json", place.source, place.alias + "to")
        assert counts(run.summary())[:2] == (1, 9) and "could not be kept" not in run.err
        assert reader.execute("SELECT * FROM file").fetchall() == seen
    reader.close()
    assert counts(place.backup()) == (0, 10, 0, 0, 4, 0)


def test_leases_of_all_that_is_reused_are_renewed(place):
    place.backup()
    asked = place.grid.requests("check")
    summary = place.backup("--renew-leases")
    assert counts(summary) == (0, 10, 0, 0, 4, 0)
    assert (summary["files_checked"], summary["directories_checked"]) == (6, 4)
    # And once for the last snapshot, to know that it is this grid.
    assert place.grid.requests("check") - asked == 11
