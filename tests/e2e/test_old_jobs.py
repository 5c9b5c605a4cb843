"""What earlier jobs cost: a new one opens none of those that are known to be others, or over."""
import re

import pytest

from grid import wait_for
from tree import content


@pytest.fixture
def old(client, tmp_path):
    """(Barge, words of a copy that was made often); jobs of other words stand there, too."""
    source = tmp_path / "s"
    source.mkdir()
    (source / "a").write_bytes(b"content")
    (source / "link").symlink_to("a")
    barge = client(None)
    barge.ok("plan", "-r", source, tmp_path / "unfinished")
    barge.ok("cp", "-r", source, tmp_path / "failed", code=1)  # a symlink is skipped
    words = "cp", source / "a", tmp_path / "copy"
    for _ in range(6):
        barge.ok(*words)
    return barge, words


def close_all(barge):
    """Has the jobs be such that whoever opens one refuses to go on."""
    for job in barge.jobs():
        job.chmod(0o755)


def test_old_jobs_are_not_opened(old, tmp_path):
    barge, words = old
    barge.ok("cp", words[1], tmp_path / "other")
    close_all(barge)
    run = barge.ok(*words, code=77)
    assert barge.job().name in run.err, "what has just ended is looked at once"
    barge.job().chmod(0o700)
    barge.ok(*words)
    barge.ok("cp", words[1], tmp_path / "third")
    (barge.state / "index").unlink()
    barge.ok(*words, code=77)
    for job in barge.jobs():
        job.chmod(0o700)


def test_what_is_not_to_be_pruned_is_opened_once(old):
    barge, words = old
    barge.ok(*words)
    assert "7 finished jobs removed" in barge.ok("jobs", "prune", "--older=0").err
    close_all(barge)
    assert "0 finished jobs removed" in barge.ok("jobs", "prune", "--older=0").err
    for job in barge.jobs():
        job.chmod(0o700)
    listed = [re.split(r"\s{2,}", line)[3] for line in barge.ok("jobs").out.splitlines()[1:]]
    assert sorted(listed) == ["finished", "unfinished"]


def test_a_job_taken_up_again_and_killed_is_found(gateway, client, tmp_path):
    """It was over, and known to be; then its source changed."""
    source = tmp_path / "s"
    source.mkdir()
    for name in range(30):
        (source / f"{name:02d}").write_bytes(content(3000, name))
    grid = gateway()
    alias, _ = grid.fresh()
    barge = client(grid)
    (source / "link").symlink_to("00")
    barge.ok("cp", "-r", source, alias, code=1)
    first = barge.job().name
    barge.ok("cp", "-r", "--new", source, alias + "more/", code=1)  # learns that it is over
    barge.ok("cp", "-r", source, alias + "more/", code=1)
    for name in range(30):
        (source / f"{name:02d}").write_bytes(content(3000, name + 50))
    grid.restart(["put:delay=3600000@2+"])
    process = barge.start("resume", first, "-j1")
    wait_for(lambda: grid.requests("put") > 0)
    process.kill()
    process.communicate()
    grid.restart()
    run = barge.ok("cp", "-r", source, alias, code=1)
    assert f"continuing job {first[:16]}" in run.err and len(barge.jobs()) == 3
