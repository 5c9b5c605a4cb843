"""barge backup on Tahoe-LAFS itself: snapshots that share what is unchanged."""
import json
import os
import shutil
import time

import pytest

from backup_place import OLD, Place, check_latest, counts
from grid import file_caps, uri
from tree import content, local_tree, same


@pytest.fixture
def place(real_grid, client, tmp_path):
    return Place(real_grid, client(real_grid), tmp_path / "source")


def test_first_and_null_run(place):
    first = place.backup()
    assert counts(first) == (10, 0, 0, 4, 0, 0)
    check_latest(place)
    before = place.grid.list(place.latest())
    second = place.backup()
    assert counts(second) == (0, 10, 0, 0, 4, 0)
    assert second["bytes_uploaded"] == 0
    assert place.barge.jobs() == []  # what is done leaves no job
    archives = place.archives()
    assert len(archives) == 2 and len(set(archives.values())) == 1
    assert first["snapshot"] in archives and second["snapshot"] == max(archives)
    assert place.grid.list(place.latest()) == before
    check_latest(place)


def test_edges_have_what_tahoe_backup_stores(place):
    place.backup()
    os.link(place.source / "a/f0", place.source / "a/f0 again")
    time.sleep(OLD)
    place.backup()
    at = place.grid.children(place.latest(), "a")
    status = (place.source / "a/f1").lstat()
    metadata = at["f1"][1]["metadata"]
    assert metadata == {"ctime": status.st_ctime, "mtime": status.st_mtime,
                        "st_mode": status.st_mode, "st_ino": status.st_ino,
                        "st_dev": status.st_dev, "st_uid": status.st_uid,
                        "st_gid": status.st_gid}
    assert list(metadata) == ["ctime", "mtime", "st_mode", "st_ino", "st_dev", "st_uid", "st_gid"]
    for name in "f0", "f0 again":
        assert at[name][1]["metadata"]["st_nlink"] == 2
        assert at[name][1]["metadata"]["st_ino"] == (place.source / "a/f0").lstat().st_ino


def test_the_caps_are_those_of_tahoe_backup(place):
    place.backup("--symlinks=skip", code=0)
    alias, cap = place.grid.fresh()
    done = place.grid.command("-d", place.grid.directory, "backup", place.source, alias + "to")
    assert done.returncode == 2, done.stdout  # it skips the symlink
    theirs = place.grid.child(cap, "to/Latest")[1]["ro_uri"]
    assert file_caps(place.grid.url, place.latest()) == file_caps(place.grid.url, theirs)
    assert place.latest() == theirs  # directories too: the metadata is the same


def test_one_file_changed(place):
    place.backup()
    old = place.latest()
    seen = place.grid.tree(old)
    (place.source / "a/b/g1").write_bytes(content(70_001, 9))
    time.sleep(OLD)
    summary = place.backup()
    assert counts(summary) == (1, 9, 0, 3, 1, 0)  # a/b, a, the snapshot; c is shared
    check_latest(place)
    assert place.grid.tree(old) == seen
    assert place.grid.child(old, "c")[1]["ro_uri"] == \
        place.grid.child(place.latest(), "c")[1]["ro_uri"]


def test_a_new_mode_reaches_the_snapshot(place):
    place.backup()
    (place.source / "a/f1").chmod(0o600)
    time.sleep(OLD)
    summary = place.backup()
    assert counts(summary)[3:] == (2, 2, 0)
    at = place.grid.children(place.latest(), "a")
    assert at["f1"][1]["metadata"]["st_mode"] == 0o100600


def test_a_moved_directory_is_shared(place):
    place.backup()
    before = place.grid.child(place.latest(), "a/b")[1]["ro_uri"]
    (place.source / "a/b").rename(place.source / "moved")
    time.sleep(OLD)
    summary = place.backup()
    assert counts(summary)[:3] == (0, 10, 0)  # by their inodes
    assert place.grid.child(place.latest(), "moved")[1]["ro_uri"] == before
    assert counts(place.backup()) == (0, 10, 0, 0, 4, 0)  # by their new paths


def test_a_file_becomes_a_directory_and_back(place):
    place.backup()
    (place.source / "a/f0").unlink()
    (place.source / "a/f0").mkdir()
    (place.source / "a/f0/inside").write_bytes(content(400))
    shutil.rmtree(place.source / "c")
    (place.source / "c").write_bytes(content(401))
    time.sleep(OLD)
    place.backup()
    check_latest(place)
    same(place.tree(), {name: value for name, value in local_tree(place.source).items()})
    shutil.rmtree(place.source / "a/f0")
    (place.source / "a/f0").write_bytes(content(402))
    time.sleep(OLD)
    place.backup()
    check_latest(place)


def test_a_young_file_is_read_again(place):
    (place.source / "young").write_bytes(content(500))
    place.backup()
    assert counts(place.backup())[:2] in {(1, 10), (0, 11)}
    time.sleep(OLD)
    place.backup()
    assert counts(place.backup()) == (0, 11, 0, 0, 4, 0)


def test_ignoring_timestamps_reads_everything(place):
    place.backup()
    before = place.latest()
    assert counts(place.backup()) == (0, 10, 0, 0, 4, 0)
    assert counts(place.backup("--ignore-timestamps")) == (10, 0, 0, 0, 4, 0)
    assert place.latest() == before
    assert counts(place.backup()) == (0, 10, 0, 0, 4, 0)


def test_without_its_database_the_newest_snapshot_is_read(place):
    time.sleep(1.2)  # its name is a second: what is older than that is believed
    place.backup()
    place.database().unlink()
    assert counts(place.backup()) == (0, 10, 0, 0, 4, 0)
    place.database().unlink()
    (place.source / "a/f1").write_bytes(content(303, 5))
    time.sleep(OLD)
    assert counts(place.backup()) == (1, 9, 0, 2, 2, 0)
    check_latest(place)
    place.database().unlink()
    assert counts(place.backup("--paranoid"))[:2] == (10, 0)


def test_after_tahoe_backup_nothing_is_sent_again(place):
    (place.source / "c/link").unlink()
    for name in "a/f0", "a/b/g0", "c/s0":  # or tahoe reuses directories with what they said once
        (place.source / name).write_bytes(os.urandom(300))
    time.sleep(1.2)
    database = place.grid.directory / "private/backupdb.sqlite"
    done = place.grid.command("-d", place.grid.directory, "backup", place.source,
                              place.alias + "to")
    assert done.returncode == 0, done.stdout
    theirs = place.latest()
    assert counts(place.backup()) == (0, 9, 0, 0, 4, 0)
    assert place.latest() == theirs
    # Without its snapshot its database says as much of files.
    place.database().unlink()
    summary = place.backup("--paranoid", f"--import-backupdb={database}")
    assert counts(summary)[:2] == (0, 9)
    assert place.latest() == theirs
    run = place.barge.run("backup", f"--import-backupdb={place.source}/a/f1", place.source,
                          place.alias + "to")
    assert run.code == 2 and "not the database of tahoe backup" in run.err


def test_what_was_lost_is_stored_again(place):
    for number in range(3):
        (place.source / f"a/b/g{number}").write_bytes(os.urandom(70_000))
    time.sleep(OLD)
    before = set(place.grid.share_files())
    place.backup()
    shares = [path for path in set(place.grid.share_files()) - before
              if 70_000 < path.stat().st_size < 75_000]
    assert len(shares) == 3
    assert place.backup()["files_checked"] == 0  # it is too young to be asked for
    shares[0].unlink()
    summary = place.backup("--check-after=0", "--check-always=0")
    assert counts(summary) == (1, 9, 0, 0, 4, 0)
    assert (summary["files_checked"], summary["directories_checked"]) == (6, 4)
    assert shares[0].exists()
    check_latest(place)


def damage(path):
    """Turns a bit in the data of a share."""
    data = bytearray(path.read_bytes())
    data[300] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("way", [(), ("--no-direct",)], ids=["servers", "gateway"])
def test_bad_shares_of_what_is_reused(spread_grid, client, tmp_path, way):
    """Looked for, all are there; read, they are mended where enough are good, else it fails."""
    place = Place(spread_grid, client(spread_grid), tmp_path / "source")
    for number in range(3):
        (place.source / f"a/b/g{number}").write_bytes(os.urandom(70_000))
    time.sleep(OLD)
    before = set(spread_grid.share_files())
    place.backup()
    caps = file_caps(spread_grid.url, place.latest())
    shares = {}
    for path in set(spread_grid.share_files()) - before:
        if 35_000 < path.stat().st_size < 37_000:
            shares.setdefault(path.parent, []).append(path)
    by_file = {}
    for path, of in shares.items():
        by_file.setdefault(path.name, []).extend(of)
    one, other, well = (sorted(of) for of in by_file.values())
    assert len(one) == len(other) == len(well) == 4
    damage(one[0])
    for path in other[:3]:
        damage(path)
    always = "--check-after=0", "--check-always=0", *way
    summary = place.backup(*always)
    assert counts(summary) == (0, 10, 0, 0, 4, 0) and summary["files_checked"] == 6
    run = place.barge.ok("backup", "--json", "--verify=check", *always, place.source,
                         place.alias + "to", code=1)
    assert counts(run.summary())[:3] == (0, 9, 1), run.out
    (lost,) = [line for line in run.lines() if line.get("state") == "failed"]
    assert "it cannot be recovered" in lost["detail"]
    assert run.summary()["unmended"] == (1 if way else 0) and run.summary()["latest"]
    if way:
        return  # a gateway mends nothing where a bad share is: it is kept, and told
    # What is missing comes back, too; and nothing bad is left but what is not used any more.
    name = lost["path"].partition("/")[2]
    well[0].unlink()
    (place.source / name).write_bytes(os.urandom(70_000))
    time.sleep(OLD)
    summary = place.backup("--verify=check", *always)
    assert counts(summary)[:3] == (1, 9, 0) and summary["unmended"] == 0
    for path, cap in caps.items():
        if path.startswith("a/b/g") and path != name:
            found = json.loads(spread_grid.web("POST", uri(cap, t="check", verify="true",
                                                           output="JSON")))
            assert found["results"]["healthy"], found
