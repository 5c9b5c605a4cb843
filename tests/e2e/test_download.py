"""What arrives from a grid in a local directory: whole, proven, and nowhere else."""
import os
import signal
import stat
import subprocess

import pytest

from grid import FOR_EVER, HANG
from lying import HoldingGateway, is_get_of_a_file
from runner import LineReader
from tree import below, content, local_tree, same


def names_in(path):
    return sorted(os.listdir(path))


def upload(grid, client, path):
    alias, cap = grid.fresh()
    client.ok("cp", "-r", path, alias)
    return alias, cap


# --- whole trees --------------------------------------------------------------------------

def test_the_tree_comes_back(embedded, client, source, tmp_path):
    path, tree = source
    barge = client(embedded)
    alias, _ = upload(embedded, barge, path)
    run = barge.ok("cp", "-r", alias + "reference", tmp_path / "out", "--json")
    same(local_tree(tmp_path / "out"), below("reference", tree))
    entries = run.entries()
    assert entries.keys() == below("reference", tree).keys()
    assert {line["state"] for line in entries.values()} == {"done"}
    total = run.summary()
    assert total["failed"] == total["skipped"] == total["reread"] == 0
    assert total["files"]["done"] == sum(value is not None for value in tree.values())
    assert total["directories"]["done"] == 1 + sum(value is None for value in tree.values())
    assert total["bytes"] == sum(value[0] for value in tree.values() if value)
    for name in ("executable", "sizes/1000", "sizes/large", "sizes", ""):
        here, there = os.stat(path / name), os.stat(tmp_path / "out/reference" / name)
        assert stat.S_IMODE(here.st_mode) == stat.S_IMODE(there.st_mode)
        assert abs(here.st_mtime - there.st_mtime) < 1e-5


def test_contents_of_an_unnamed_root_and_a_second_time(embedded, client, source, tmp_path):
    path, tree = source
    barge = client(embedded)
    alias, _ = upload(embedded, barge, path)
    for _ in range(2):
        barge.ok("cp", "-r", alias, tmp_path / "out")
        same(local_tree(tmp_path / "out"), below("reference", tree))


def test_from_a_real_grid_with_and_without_its_secret(real_grid, client, source, tmp_path):
    path, tree = source
    barge = client(real_grid)
    alias, cap = upload(real_grid, barge, path)
    assert barge.ok("cp", "-r", alias, tmp_path / "a", "--json").summary()["reread"] == 0
    same(local_tree(tmp_path / "a"), below("reference", tree))
    (tmp_path / "cap").write_text(cap)
    (tmp_path / "cap").chmod(0o600)
    run = barge.ok("cp", "-r", "cap:reference/sizes", tmp_path / "b", "--json", "-u",
                   real_grid.url, f"--cap-file={tmp_path}/cap", node=False)
    assert run.summary()["reread"] == 12  # all but those that are literals
    same(local_tree(tmp_path / "b/sizes"), local_tree(path / "sizes"))


def test_what_tahoe_stored(real_grid, client, tmp_path):
    (tmp_path / "s/sub").mkdir(parents=True)
    (tmp_path / "s/file").write_bytes(content(3000))
    (tmp_path / "s/sub/large").write_bytes(content(3 << 20))
    alias, _ = real_grid.fresh()
    done = real_grid.command("-d", real_grid.directory, "cp", "-r", tmp_path / "s", alias)
    assert done.returncode == 0, done.stdout
    run = client(real_grid).ok("cp", "-r", alias + "s", tmp_path / "out", "--json")
    assert run.summary()["reread"] == 0
    same(local_tree(tmp_path / "out/s"), local_tree(tmp_path / "s"))


# --- files and kinds ----------------------------------------------------------------------

def test_single_files(embedded, client, tmp_path):
    cap, barge = embedded.put(content(5000)), client(embedded)
    alias, _ = embedded.fresh({"one": cap})
    (tmp_path / "there").write_bytes(b"before")
    (tmp_path / "dir").mkdir()
    for target, made in (("new", "new"), ("there", "there"), ("dir", "dir/one"),
                         ("deeper/still", "deeper/still")):
        barge.ok("cp", alias + "one", tmp_path / target)
        assert (tmp_path / made).read_bytes() == content(5000)


def test_a_mutable_file(real_grid, client, tmp_path):
    mutable = real_grid.web("PUT", "/uri?format=SDMF", b"may change").decode()
    alias, _ = real_grid.fresh({"slot": mutable})
    client(real_grid).ok("cp", alias + "slot", tmp_path / "slot")
    assert (tmp_path / "slot").read_bytes() == b"may change"


def test_usage_is_settled_before_anything_is_done(embedded, client, tmp_path):
    cap, barge = embedded.put(content(100)), client(embedded)
    alias, _ = embedded.fresh({"f": cap, "d": embedded.mkdir({"f": cap})})
    (tmp_path / "file").write_bytes(b"before")
    (tmp_path / "dir").mkdir()
    out = tmp_path / "out"
    cases = [
        ((alias + "none", out), "No such file or directory"),
        ((alias + "d", out), "without --recursive"),
        (("-r", alias + "d", tmp_path / "file"), "cannot copy directory into a file"),
        ((alias + "f", str(out) + "/"), "ends with a slash"),
        ((alias + "f/", out), "not a directory, but ends with a slash"),
        ((alias + "f", alias + "f", tmp_path / "file"), "target be a directory"),
        ((alias + "f", alias + "d/f", tmp_path / "dir"), "same name"),
        (("nobody:x", out), "nobody"),
    ]
    for words, text in cases:
        run = barge.ok("cp", *words, code=2)
        assert text in run.err, run
    assert names_in(tmp_path / "dir") == [] and not out.exists()
    assert (tmp_path / "file").read_bytes() == b"before"


# --- local conflicts ----------------------------------------------------------------------

def test_what_is_in_the_way_stays(embedded, client, tmp_path):
    cap = embedded.put(content(100))
    alias, _ = embedded.fresh({"dir": embedded.mkdir({"f": cap}), "file": cap, "link": cap,
                               "other": cap, "door": embedded.mkdir({"f": cap})})
    out = tmp_path / "out"
    (out / "file").mkdir(parents=True)
    (out / "dir").write_bytes(b"a file")
    (tmp_path / "elsewhere").mkdir()
    (out / "link").symlink_to("other")
    (out / "door").symlink_to("../elsewhere")
    run = client(embedded).ok("cp", "-r", alias, out, "--json", code=4)
    total = run.summary()
    # Four, and the files below two of them.
    assert total["reasons"] == {"something else is at the target": 6}
    assert total["files"]["done"] == 1 and total["done"] == 1
    assert (out / "dir").read_bytes() == b"a file" and (out / "link").is_symlink()
    assert (out / "other").read_bytes() == content(100)
    assert names_in(tmp_path / "elsewhere") == [] == names_in(out / "file")


# --- gateways that fail or lie ------------------------------------------------------------

def a_grid_with_files(gateway, *faults):
    grid = gateway()
    grid.restart(faults)
    caps = {f"f{number}": grid.put(content(3000, number)) for number in range(6)}
    alias, _ = grid.fresh(caps)
    return grid, alias


@pytest.mark.parametrize("fault", ["get:410@2", "get:500@1-3", "get:reset@2", "get:truncate@3",
                                   "get:wrong-body@1", "get:lie=10@2", "json:500@3",
                                   "get:delay=300"])
def test_trouble_that_passes(gateway, client, tmp_path, fault):
    grid, alias = a_grid_with_files(gateway, fault)
    client(grid).ok("cp", "-r", alias, tmp_path / "out")
    for number in range(6):
        assert (tmp_path / f"out/f{number}").read_bytes() == content(3000, number)
    assert len(names_in(tmp_path / "out")) == 6


@pytest.mark.parametrize("secret", [True, False], ids=["key", "twice"])
@pytest.mark.parametrize("fault", ["get:truncate", "get:lie=10"])
def test_a_lie_is_never_accepted(gateway, client, tmp_path, fault, secret):
    grid, alias = a_grid_with_files(gateway, fault)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/f1").write_bytes(b"before")
    if not secret:
        (grid.directory / "private/convergence").rename(tmp_path / "hidden")
    barge = client(grid)
    barge.grid = grid if secret else None
    run = barge.run("cp", "-r", f"--node-directory={grid.directory}", alias, tmp_path / "out",
                    "--json", node=False)
    assert run.code == 1, run
    assert run.summary()["failed"] == 6 and run.summary()["files"]["done"] == 0
    assert names_in(tmp_path / "out") == ["f1"]
    assert (tmp_path / "out/f1").read_bytes() == b"before"


def test_a_flipped_bit_on_a_real_grid(real_grid, client, tmp_path):
    good, bad = content((1 << 20) + 20, 7), content(2000, 8)
    before = set(real_grid.share_files())
    cap = real_grid.put(good)
    (share,) = set(real_grid.share_files()) - before
    alias, _ = real_grid.fresh({"bad": cap, "good": real_grid.put(bad)})
    raw = bytearray(share.read_bytes())
    at = 12 + 36 + (1 << 20) + 10  # container header, share header, into the last segment
    raw[at] ^= 1
    share.write_bytes(raw)
    assert len(real_grid.get(cap)) == len(good)  # the gateway answers 200, and lies
    run = client(real_grid).ok("cp", "-r", alias, tmp_path / "out", "--json", code=1)
    assert run.entries()["bad"]["state"] == "failed"
    assert names_in(tmp_path / "out") == ["good"]
    run = client(real_grid).run("cp", "-r", "-u", real_grid.url, alias, tmp_path / "twice",
                                f"--node-directory={tmp_path}", node=False)
    assert run.code == 2  # no alias there: the next line reads without a secret
    (tmp_path / "cap").write_text(alias_cap(real_grid, alias))
    (tmp_path / "cap").chmod(0o600)
    client(real_grid).ok("cp", "-r", "-u", real_grid.url, f"--cap-file={tmp_path}/cap", "cap:",
                         tmp_path / "twice", node=False, code=1)
    assert names_in(tmp_path / "twice") == ["good"]


def alias_cap(grid, alias):
    lines = (grid.directory / "private/aliases").read_text().splitlines()
    return dict(line.split(": ") for line in lines)[alias.rstrip(":")]


def test_a_gateway_that_is_down(gateway, client, tmp_path):
    grid, alias = a_grid_with_files(gateway)
    grid.stop()
    client(grid).ok("cp", "-r", alias, tmp_path / "out", code=69)
    assert not (tmp_path / "out").exists()


def test_a_gateway_that_goes_away(gateway, client, tmp_path):
    grid, alias = a_grid_with_files(gateway, f"get:delay={FOR_EVER}@2+")
    barge = client(grid)
    process = barge.start("cp", "-r", "-j", "1", "--json", "--gateway-wait=1", alias,
                          tmp_path / "out")
    assert process.stdout.readline()
    grid.kill()
    assert barge.finish(process).code == 69
    for name in names_in(tmp_path / "out"):
        assert (tmp_path / "out" / name).read_bytes() == content(3000, int(name[1:]))


def test_interrupted(gateway, client, tmp_path):
    grid, alias = a_grid_with_files(gateway)
    barge = client(grid)
    with HoldingGateway(grid, tmp_path / "holding", 1, is_get_of_a_file) as holding:
        process = barge.start("cp", "-r", "-j", "1", "--json", "-u", holding.url, alias,
                              tmp_path / "out")
        lines = LineReader(process.stdout)
        assert lines.wait_for(lambda line: b'"state":"done"' in line)
        process.send_signal(signal.SIGINT)
        barge.await_said(process, "stopping")
        holding.let_go()
        assert process.wait(HANG) == 3
    got = names_in(tmp_path / "out")
    assert 1 <= len(got) < 6 and not any(name.startswith(".barge") for name in got)
    run = barge.ok("cp", "-r", "--json", alias, tmp_path / "out")
    assert len(run.entries()) == 6 - len(got) and len(barge.jobs()) == 1
    assert len(names_in(tmp_path / "out")) == 6


def test_a_file_that_is_too_large_for_the_target(embedded, client, tmp_path):
    """That is this file's fault: the other arrives."""
    alias, _ = embedded.fresh({"large": embedded.put(content(3 << 20)),
                               "small": embedded.put(content(300))})
    barge = client(embedded)
    words = barge.words("cp", "-r", alias, tmp_path / "out")
    done = subprocess.run(["prlimit", "--fsize=1000000", *words], env=barge.environment,
                          capture_output=True, check=False)
    assert done.returncode == 1, done.stderr
    assert names_in(tmp_path / "out") == ["small"]
