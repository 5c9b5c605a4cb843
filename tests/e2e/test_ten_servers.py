"""A grid as people have them: ten storage servers, 3-of-10, which the gateway is not asked for."""
import os
import re
import signal
import subprocess

import pytest

from grid import TAHOE, SpreadGrid, wait_for
from storage import announced
from tree import below, content, local_tree, same

KIB, MIB = 1 << 10, 1 << 20


@pytest.fixture(scope="module")
def ten(tmp_path_factory):
    grid = SpreadGrid(tmp_path_factory.mktemp("ten") / "grid", 10, (3, 7, 10), TAHOE)
    try:
        wait_for(lambda: announced(grid).count("anonymous-storage-NURLs") == 10)
        yield grid
    finally:
        grid.stop()


def make(folder, seed):
    for number in range(12):
        (folder / f"d{number % 3}").mkdir(parents=True, exist_ok=True)
        (folder / f"d{number % 3}/f{number}").write_bytes(content(4096 + number, seed + number))
    (folder / "large").write_bytes(content(9 * MIB, seed))
    return folder


def uploaded(grid):
    return grid.counters().get("uploader.files_uploaded", 0)


def half_made(grid):
    return list(grid.base.glob("server*/storage/shares/incoming/*/*/*"))


def shares_by_file(grid):
    """Storage index -> the share numbers that lie anywhere."""
    found = {}
    for path in grid.share_files():
        found.setdefault(path.parent.name, set()).add(int(path.name))
    return found


@pytest.mark.parametrize("options", [pytest.param((), marks=pytest.mark.long), ("--immutable",)],
                         ids=["mutable", "immutable"])
def test_a_killed_copy_goes_on_at_once_and_tahoe_reads_it(ten, client, tmp_path, options):
    """Killed while shares of small files and of a large one are half made at several servers."""
    source, (alias, cap), before = make(tmp_path / "src", 500 + len(options)), ten.fresh(), uploaded(ten)
    barge, known = client(ten), shares_by_file(ten)
    running = barge.start("cp", "-r", *options, "--bwlimit=2M", source, alias)
    wait_for(lambda: [path for path in half_made(ten) if path.stat().st_size > MIB])
    running.send_signal(signal.SIGKILL)
    running.wait(300)
    assert half_made(ten)
    barge.ok("cp", "-r", *options, source, alias)
    assert not half_made(ten) and uploaded(ten) == before, "the gateway was asked to encode"
    new = {index: numbers for index, numbers in shares_by_file(ten).items() if index not in known}
    assert len(new) >= 13 and all(numbers == set(range(10)) for numbers in new.values())
    same(ten.tree(cap), below("src", local_tree(source)))
    back = tmp_path / "back"
    run_tahoe(ten, "cp", "-r", alias + "src", back)
    same(local_tree(back / "src"), local_tree(source))
    run_tahoe(ten, "get", alias + "src/large", tmp_path / "one")
    assert (tmp_path / "one").read_bytes() == (source / "large").read_bytes()


def run_tahoe(grid, *words):
    done = subprocess.run([TAHOE, "-d", grid.directory, *map(str, words)], timeout=120,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_what_tahoe_stored_is_read_from_any_three_servers(ten, client, tmp_path):
    for name, size in ("small", 3000), ("large", 2 * MIB + 77):
        (tmp_path / name).write_bytes(content(size, 900 + size % 7))
    caps = {name: run_tahoe(ten, "put", tmp_path / name).strip() for name in ("small", "large")}
    index = set()
    for path in ten.share_files():
        if path.name not in "012" and path.stat().st_mtime > os.stat(tmp_path / "small").st_mtime:
            index.add(path.parent.name)
            path.unlink()
    assert len(index) == 2, "both lost seven of their ten shares"
    for name, cap in caps.items():
        assert re.match("URI:CHK:.*:3:10:", cap)
        client(ten).ok("get", "--force", cap, tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == (tmp_path / name).read_bytes()
