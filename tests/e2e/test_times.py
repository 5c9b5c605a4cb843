"""Times at the edges: tiny, before 1970, beyond what we can tell, and what is no time at all."""
import json
import os
import shutil
import tempfile
import urllib.request
from pathlib import Path

import pytest

FAR = 64_000_000_000  # of seconds: the year 3998
TIMES = {"epoch": 0, "tiny": 1, "small": 50_000, "early": -1, "old": -9_000_000_000_000_000_000,
         "late": 9_000_000_000_000_000_000, "plain": 1_600_000_000_250_000_000}


def keeps(path, seconds):
    (path / "probe").touch()
    os.utime(path / "probe", (1, seconds))
    kept = (path / "probe").stat().st_mtime == seconds
    (path / "probe").unlink()
    return kept


@pytest.fixture
def place(tmp_path):
    """A directory where files may have any time."""
    for path in tmp_path, Path("/dev/shm"):
        if path.is_dir() and os.access(path, os.W_OK) and keeps(path, FAR):
            own = Path(tempfile.mkdtemp(prefix="barge-test-", dir=path))
            (own / "s").mkdir()
            yield own
            shutil.rmtree(own)
            return
    pytest.skip("no file system here has such times")


def test_times_go_to_a_grid_and_come_back(embedded, client, place):
    for name, ns in TIMES.items():
        (place / "s" / name).write_bytes(name.encode())
        os.utime(place / "s" / name, ns=(1, ns))
    alias, _ = embedded.fresh()
    barge = client(embedded)
    barge.ok("cp", "-r", place / "s", alias)
    barge.ok("cp", "-r", alias + "s", place / "out")
    for name, ns in TIMES.items():
        back = (place / "out/s" / name).stat().st_mtime_ns
        assert back == ns or abs(ns) > 10**15 and abs(back - ns) < 1000, name  # floats of seconds
    # What was written is what is read: nothing is newer or older.
    run = barge.ok("cp", "-r", "--update", "--json", place / "s", alias)
    assert run.summary()["skipped"] == len(TIMES)


def test_times_that_cannot_be_told_are_counted(embedded, client, place):
    (place / "s/far").write_bytes(b"far")
    os.utime(place / "s/far", (1, FAR))
    alias, cap = embedded.fresh()
    barge = client(embedded)
    run = barge.ok("cp", "-r", place / "s", alias)
    assert "1 entries of the sources have a time" in run.err
    directory = embedded.child(cap, "s")[1]
    metadata = embedded.list(directory["rw_uri"])["far"][1]["metadata"]
    assert "mtime" not in metadata and "st_mode" in metadata
    run = barge.ok("cp", "-r", "--json", place / "s", place / "out")
    assert run.summary()["lost_times"] == 1 and "could not keep" in run.err


@pytest.mark.parametrize("time", ["NaN", "-Infinity", "1e300", '"yesterday"'])
def test_what_is_no_time_in_a_listing_is_counted(real_grid, client, tmp_path, time):
    """Such metadata comes from anybody, and the directory is read all the same."""
    alias, cap = real_grid.fresh()
    child = real_grid.put(b"data")
    body = '{"f": ["filenode", {"ro_uri": %s, "metadata": {"mtime": %s, "st_mode": 33152}}]}' % (
        json.dumps(child), time)
    urllib.request.urlopen(urllib.request.Request(
        f"{real_grid.url}/uri/{cap}?t=set-children".replace(" ", ""), method="POST",
        data=body.encode())).read()
    barge = client(real_grid)
    run = barge.ok("cp", "-r", alias, tmp_path / "out")
    assert "1 entries of the sources have a time" in run.err
    assert (tmp_path / "out/f").read_bytes() == b"data"
    assert (tmp_path / "out/f").stat().st_mode & 0o777 == 0o600
    other, copy = real_grid.fresh()
    barge.ok("cp", "-r", alias, other + "copy")
    metadata = real_grid.list(real_grid.child(copy, "copy")[1]["rw_uri"])["f"][1]["metadata"]
    assert "mtime" not in metadata and metadata["st_mode"] == 33152
