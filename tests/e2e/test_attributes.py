"""Extended attributes and access lists: kept in the metadata of edges, and given back."""
import os
import struct
import time

import pytest

from backup_place import OLD, Place, counts
from test_filesystems import shim  # noqa: F401 (a fixture)

ACCESS = "system.posix_acl_access"


def access_list(user=1234):
    """u::rw-, u:USER:rwx, g::r--, m::rwx, o::---"""
    nobody = 0xffffffff
    entries = (1, 6, nobody), (2, 7, user), (4, 4, nobody), (16, 7, nobody), (32, 0, nobody)
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def attributes(path):
    return {name: os.getxattr(path, name) for name in os.listxattr(path)
            if name.startswith(("user.", "system.posix_acl"))}


@pytest.fixture
def place(embedded, client, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    try:
        os.setxattr(source, "user.probe", b"")
        os.removexattr(source, "user.probe")
        os.setxattr(source, "system.posix_acl_default", access_list())
        os.removexattr(source, "system.posix_acl_default")
    except OSError:
        pytest.skip("this file system has no extended attributes or access lists")
    return Place(embedded, client(embedded), source)


def dress(place):
    os.setxattr(place.source / "a/f0", "user.comment", b"\0\xff some bytes")
    os.setxattr(place.source / "a/f0", "user.empty", b"")
    os.setxattr(place.source / "a/f1", ACCESS, access_list())
    os.setxattr(place.source / "a/b", "user.of directory", b"x" * 3000)
    os.setxattr(place.source / "c", "system.posix_acl_default", access_list(4321))
    (place.source / "c/s0").chmod(0o400)
    os.setxattr(place.source / "c/s0", "user.read only", b"1")
    time.sleep(OLD)


def same_attributes(source, target):
    for path in source.rglob("*"):
        if not path.is_symlink():
            there = target / path.relative_to(source)
            assert attributes(there) == attributes(path), path
            assert there.stat().st_mode == path.stat().st_mode, path


def restore(place, target, *options, code=0, **how):
    return place.barge.ok("cp", "-rT", "--json", *options, place.alias + "to/Latest", target,
                          code=code, **how).summary()


def test_a_backup_keeps_them_and_a_restore_gives_them_back(place, tmp_path):
    dress(place)
    place.backup()
    restore(place, tmp_path / "back")
    same_attributes(place.source, tmp_path / "back")
    restore(place, tmp_path / "plain", "--no-preserve")
    assert attributes(tmp_path / "plain/a/f0") == attributes(tmp_path / "plain/a/b") == {}


def test_a_changed_attribute_makes_its_directory_anew(place):
    dress(place)
    place.backup()
    assert counts(place.backup()) == (0, 10, 0, 0, 4, 0)
    place.database().unlink()  # what the newest snapshot says is enough
    assert counts(place.backup()) == (0, 10, 0, 0, 4, 0)
    os.setxattr(place.source / "a/f0", "user.comment", b"another")
    uploaded, reused, _, created, shared, _ = counts(place.backup())
    assert (uploaded + reused, created, shared) == (10, 2, 2)
    edge = place.grid.children(place.latest(), "a")["f0"][1]["metadata"]
    assert list(edge)[-1] == "barge" and list(edge["barge"]) == ["attributes"]


def test_those_of_the_source_itself_are_on_the_links_of_the_snapshot(place, tmp_path):
    os.setxattr(place.source, "user.of the root", b"itself")
    os.setxattr(place.source, "system.posix_acl_default", access_list(77))
    snapshot = place.backup()["snapshot"]
    found = [place.grid.child(place.cap, name)[1]["metadata"]
             for name in ("to/Latest", f"to/Archives/{snapshot}")]
    assert found[0]["barge"]["attributes"] and found[0]["barge"] == found[1]["barge"]
    for number, name in enumerate(("Latest", f"Archives/{snapshot}")):
        place.barge.ok("cp", "-rT", place.alias + "to/" + name, tmp_path / f"back {number}")
        assert attributes(tmp_path / f"back {number}") == attributes(place.source)


def test_one_file_comes_with_its_own(place, tmp_path):
    dress(place)
    place.backup()
    place.barge.ok("cp", place.alias + "to/Latest/a/f0", tmp_path / "one")
    assert attributes(tmp_path / "one") == attributes(place.source / "a/f0")


def test_without_them_the_snapshot_is_as_that_of_tahoe_backup(place, tmp_path):
    dress(place)
    place.backup("--no-xattrs")
    assert "barge" not in place.grid.children(place.latest(), "a")["f0"][1]["metadata"]
    restore(place, tmp_path / "back")
    assert attributes(tmp_path / "back/a/f0") == {}


def test_more_than_is_kept_is_told(place, tmp_path):
    os.setxattr(place.source / "a/f2", "user.a", b"1")
    os.setxattr(place.source / "a/f2", "user.b", b"x" * 3839)
    done = place.barge.ok("backup", place.source, place.alias + "to", code=1)
    assert "1 entries have extended attributes that are not all kept" in done.err
    assert "f2 is the first" in done.err
    restore(place, tmp_path / "back")
    assert attributes(tmp_path / "back/a/f2") == {"user.a": b"1"}


@pytest.mark.parametrize("option, kept", [
    ((), ()), (("-X",), ("user.a",)), (("-A",), (ACCESS,)), (("-XA",), ("user.a", ACCESS))])
def test_cp_keeps_what_it_is_asked_for(place, tmp_path, option, kept):
    name = place.source / "a/f0"
    os.setxattr(name, "user.a", b"1")
    os.setxattr(name, ACCESS, access_list())
    place.barge.ok("cp", "-rT", "--symlinks=preserve", *option, place.source, place.alias + "copy")
    place.barge.ok("cp", "-rT", place.alias + "copy", tmp_path / "back")
    assert set(attributes(tmp_path / "back/a/f0")) == set(kept)
    place.barge.ok("cp", "-rT", "--symlinks=preserve", *option, place.source, tmp_path / "local")
    assert set(attributes(tmp_path / "local/a/f0")) == set(kept)


def test_what_cannot_be_set_is_counted(place, tmp_path, shim):
    dress(place)
    place.backup()
    back = tmp_path / "back"
    back.mkdir()
    words = "cp", "-rT", place.alias + "to/Latest", back
    run = place.barge.ok(*words, "--json", code=1, env=shim(back, "noxattr"))
    names = [f"back/{name}" for name in ("a/b", "a/f0", "a/f1", "c", "c/s0")]
    assert run.summary()["lost_attributes"] == 5
    assert sorted(line["path"] for line in run.lines() if line["event"] == "remark") == names
    for name in names:
        assert f"'{name}': the target could not keep all of its extended attributes" in run.err
    assert (back / "a/f0").read_bytes() == (place.source / "a/f0").read_bytes()
    # The bits of the group were what the list let in at most: without it they are others'.
    assert (place.source / "a/f1").stat().st_mode & 0o777 == 0o670
    assert (back / "a/f1").stat().st_mode & 0o777 == 0o600
