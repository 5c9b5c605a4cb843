"""`barge verify JOB`: what a job stored, proven again, whatever its sources are now."""
import json
import shutil
import subprocess

import pytest

from grid import uri
from tree import content

LEVELS = ["read", "check", "check,read"]


def make(path):
    (path / "sub").mkdir(parents=True)
    (path / "large").write_bytes(content((1 << 20) + 20, 3))
    (path / "sub/file").write_bytes(content(3000))
    (path / "sub/little").write_bytes(b"little")
    return path


def job_of(barge):
    return barge.job().name


@pytest.mark.parametrize("options", [(), ("--immutable",)], ids=["mutable", "immutable"])
def test_a_whole_job_is_proven(embedded, client, source, options):
    path, tree = source
    barge = client(embedded)
    alias, _ = embedded.fresh()
    barge.ok("cp", "-r", *options, path, alias)
    for level in LEVELS:
        run = barge.ok("verify", job_of(barge), f"--verify={level}", "--json")
        total = run.summary()
        assert total["level"] == level and total["failed"] == total["left_out"] == 0
        assert total["done"] == len(tree) + 2  # the tree's top, and the directory at the target
        assert len(run.entries()) == total["done"]
        assert ("read back in" in run.err) == ("read" in level)


def test_sources_and_what_else_is_at_the_target_do_not_matter(embedded, client, tmp_path):
    barge = client(embedded)
    alias, cap = embedded.fresh({"was there": embedded.put(content(100))})
    barge.ok("cp", "-r", make(tmp_path / "s"), alias)
    shutil.rmtree(tmp_path / "s")
    embedded.web("POST", uri(cap, t="set_children"),
                 json.dumps({"came later": embedded.as_child(embedded.put(b"x" * 60))}))
    run = barge.ok("verify", job_of(barge))
    assert "3 files and 3 directories proven, 0 not" in run.err


def test_a_child_that_was_taken_away(embedded, client, tmp_path):
    barge = client(embedded)
    alias, cap = embedded.fresh()
    barge.ok("cp", "-r", make(tmp_path / "s"), alias)
    sub = embedded.child(cap, "s/sub")[1]["rw_uri"]
    embedded.web("DELETE", uri(sub, "file"))
    run = barge.ok("verify", job_of(barge), "--json", code=1)
    assert run.entries()["s/sub"]["state"] == "failed"
    assert run.entries()["s/sub/file"]["state"] == "done"
    assert run.summary()["failed"] == 1


@pytest.mark.parametrize("fault", ["get:truncate", "get:wrong-body", "get:lie=10"])
def test_a_gateway_that_lies(gateway, client, tmp_path, fault):
    grid = gateway()
    barge = client(grid)
    barge.ok("cp", "-r", make(tmp_path / "s"), "tahoe:")
    grid.restart([fault])
    run = barge.ok("verify", job_of(barge), "--json", code=1)
    failed = {path for path, line in run.entries().items() if line["state"] == "failed"}
    assert failed == {"s/large", "s/sub/file"}
    barge.ok("verify", job_of(barge), "--verify=check")


def test_a_flipped_bit_on_a_real_grid(real_grid, client, tmp_path):
    barge = client(real_grid)
    alias, cap = real_grid.fresh()
    before = set(real_grid.share_files())
    barge.ok("cp", "-r", make(tmp_path / "s"), alias)
    for level in LEVELS:
        barge.ok("verify", job_of(barge), f"--verify={level}")
    new = set(real_grid.share_files()) - before
    (share,) = [path for path in new if path.stat().st_size > 1 << 20]
    raw = bytearray(share.read_bytes())
    raw[12 + 36 + (1 << 20) + 10] ^= 1
    share.write_bytes(raw)
    large = real_grid.child(cap, "s/large")[1]["ro_uri"]
    assert len(real_grid.get(large)) == (1 << 20) + 20  # 200, and a lie
    for level in LEVELS:
        run = barge.ok("verify", job_of(barge), f"--verify={level}", "--json", code=1)
        assert run.entries()["s/large"]["state"] == "failed"
        assert run.summary()["failed"] == 1
    assert share.exists()  # nothing is ever deleted


def test_usage_and_gateway(gateway, client, tmp_path):
    grid = gateway()
    barge = client(grid)
    barge.ok("cp", "-r", make(tmp_path / "s"), "tahoe:")
    assert "receipt" in barge.ok("verify", job_of(barge), "--verify=cap", code=2).err
    for words in ["cp", "-r", tmp_path / "s", "tahoe:n"], ["put", tmp_path / "s/large", "tahoe:n"]:
        assert "for barge verify" in barge.ok(*words, "--verify=count", code=2).err
    barge.ok("verify", code=2)
    barge.ok("verify", "0" * 32, code=2)
    grid.stop()
    barge.ok("verify", job_of(barge), code=69)


@pytest.mark.parametrize("command", ["verify", "repair"])
def test_a_job_knows_the_way_to_its_grid(embedded, client, tmp_path, command):
    """As for resume; what is given counts."""
    barge = client(embedded)
    alias, _ = embedded.fresh()
    barge.ok("cp", "-r", make(tmp_path / "s"), alias)
    run = barge.ok(command, job_of(barge), "--json", node=False)
    assert run.summary()["done"] == 6 and run.summary()["failed"] == 0
    other = tmp_path / "other"
    other.mkdir()
    run = barge.ok(command, job_of(barge), f"--node-directory={other}", node=False, code=2)
    assert "no gateway" in run.err


@pytest.mark.parametrize("number", [2, 9])
def test_interrupted_it_goes_on(gateway, client, tmp_path, number):
    """What was found well before is not looked at again, unless that is asked for."""
    grid = gateway()
    barge = client(grid)
    barge.ok("cp", "-r", make(tmp_path / "s"), "tahoe:")
    grid.restart(["get:stall"])
    process = barge.start("verify", job_of(barge), "--json", "--timeout-receive=3600")
    told = [json.loads(process.stdout.readline()) for _ in range(4)]  # all but two files
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    process.send_signal(number)
    run = barge.finish(process)
    assert run.code == {2: 3, 9: -9}[number]
    assert number == 9 or "the same command goes on from here" in run.err
    grid.restart([])
    run = barge.ok("verify", job_of(barge), "--json")
    assert {line["path"] for line in told} | set(run.entries()) == {
        "", "s", "s/sub", "s/large", "s/sub/file", "s/sub/little"}
    assert len(run.entries()) == 2 and "4 objects were found well" in run.err
    assert run.summary()["before"] == 4 and run.summary()["done"] == 6
    run = barge.ok("verify", job_of(barge), "--json")  # it was over, so this begins anew
    assert run.summary()["before"] == 0 and len(run.entries()) == run.summary()["done"] == 6


def test_looked_at_again_when_asked(gateway, client, tmp_path, barge_debug):
    """Other levels are another run; records that do not check are none."""
    grid = gateway()
    barge = client(grid, barge_debug)
    barge.ok("cp", "-r", make(tmp_path / "s"), "tahoe:")

    def killed(*words):
        run = barge.run("verify", job_of(barge), *words, env={"BARGE_KILL": "verify-noted:5"})
        assert run.code == -9
        (record,) = (barge.state / "verify").iterdir()
        assert record.stat().st_mode & 0o777 == 0o600 and record.stat().st_size == 32 + 5 * 32
        return record
    killed()
    assert barge.ok("verify", job_of(barge), "--restart", "--json").summary()["before"] == 0
    record = killed()
    assert barge.ok("verify", job_of(barge), "--verify=check", "--json").summary()["before"] == 0
    for at, left in (4 * 32 + 3, 3), (32 + 20, 0), (9, 0):
        raw = bytearray(record.read_bytes())
        raw[at] ^= 1
        record.write_bytes(raw[:-1])
        run = barge.ok("verify", job_of(barge), "--json")
        assert (run.summary()["before"], run.summary()["done"]) == (left, 6)
        assert not record.exists() and killed() == record
