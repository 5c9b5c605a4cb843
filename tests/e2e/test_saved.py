"""Sources that change between the plan and their turn to be read."""
import json
import os

import pytest

from holding import Held
from tree import content

MIB = 1 << 20


@pytest.fixture(params=["local", "grid"])
def place(request, embedded, client, tmp_path):
    """(Barge, target, read(path) -> (bytes, mtime in seconds)) at either kind of target."""
    if request.param == "local":
        out = tmp_path / "out"
        out.mkdir()
        return client(None), out, lambda path: ((out / path).read_bytes(),
                                                (out / path).stat().st_mtime)
    barge = client(embedded)
    alias, _ = embedded.fresh()

    def read(path):
        line = json.loads(barge.ok("ls", "--json", alias + path).out.splitlines()[0])
        return barge.ok("get", alias + path, "-").raw, line["mtime"]
    return barge, alias, read


def copy_while(barge, source, target, change, code=0):
    """Copies, and changes what comes later while the first file is read."""
    (source / "a").write_bytes(content(6 * MIB))
    with Held(barge, source.parent, "read:1", source / "a", "cp", "-r", "--json", "-j1",
              "--readers=1", source, target) as held:
        barge.await_plan()
        change(source / "z")
    assert held.run.code == code, held.run
    return held.run


def save(path, data, mtime):
    new = path.with_name(".saved")
    new.write_bytes(data)
    os.utime(new, (mtime, mtime))
    new.rename(path)


@pytest.mark.parametrize("size", [40, 300000])
def test_a_file_saved_by_rename_is_copied_as_the_new_one(place, tmp_path, size):
    barge, target, read = place
    source = tmp_path / "s"
    source.mkdir()
    (source / "z").write_bytes(b"old" * 100)
    data = content(size, 1)
    run = copy_while(barge, source, target, lambda path: save(path, data, 1234567890))
    assert read("s/z") == (data, 1234567890) and run.summary()["failed"] == 0
    if isinstance(target, str):
        barge.ok("verify", barge.job().name, "--verify=read")


@pytest.mark.parametrize("change", [
    lambda path: path.write_bytes(content(9000, 2)), lambda path: os.truncate(path, 10)])
def test_a_file_written_in_place_is_copied_as_it_is_then(place, tmp_path, change):
    barge, target, read = place
    source = tmp_path / "s"
    source.mkdir()
    (source / "z").write_bytes(content(3000))
    copy_while(barge, source, target, change)
    assert read("s/z")[0] == (source / "z").read_bytes()


def become_directory(path):
    path.unlink()
    path.mkdir()


def become_symlink(path):
    path.unlink()
    path.symlink_to("a")


@pytest.mark.parametrize("change", [become_directory, become_symlink])
def test_what_is_no_file_any_more_fails_by_name(place, tmp_path, change):
    barge, target, _ = place
    source = tmp_path / "s"
    source.mkdir()
    (source / "z").write_bytes(content(3000))
    run = copy_while(barge, source, target, change, code=1)
    entry = run.entries()["s/z"]
    assert entry["state"] == "failed" and "regular file" in entry["detail"], entry
    assert run.summary()["failed"] == 1 and run.entries()["s/a"]["state"] == "done"
