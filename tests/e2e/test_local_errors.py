"""What the system refuses, sorted by what it is about: one file, a whole side, or this process."""
import errno
import json
import os
import random
import resource

import pytest

from holding import build
from tree import below, content, local_tree, same

MIB = 1 << 20
HALF, EVERY_OTHER = 1000, 2000  # tests/tools/refuse.c


@pytest.fixture(scope="session")
def refuse(tmp_path_factory):
    """refuse(rule, ...): the environment in which calls fail (tests/tools/refuse.c)."""
    library = build(tmp_path_factory.mktemp("refuse"))

    def environment(*rules, since=None):
        words = {"LD_PRELOAD": str(library), "REFUSE": ";".join(rules)}
        return {**words, "REFUSE_FROM": str(since)} if since else words
    return environment


@pytest.fixture
def alone(client):
    return client(None)


def make_files(path, count=30):
    path.mkdir()
    for i in range(count):
        (path / f"f{i:02}").write_bytes(content(100 + i))
    return path


def warnings(run):
    return [line for line in run.err.splitlines() if "failed: " in line]


def resumes(barge, source, copy):
    barge.ok("resume")
    assert sorted(p.name for p in copy.iterdir()) == sorted(p.name for p in source.iterdir())


# --- one file ------------------------------------------------------------------------------

@pytest.mark.parametrize("call, number, text", [
    ("rename", errno.EILSEQ, "name is not UTF-8 or not allowed"),
    ("rename", errno.ENAMETOOLONG, "name is not UTF-8 or not allowed"),
    ("rename", errno.EPERM, "cannot be written in '"),
    ("rename", errno.EACCES, "cannot be written in '"),
    ("rename", errno.ETXTBSY, "cannot be written in '"),
])
def test_what_the_target_says_of_one_file_fails_it_by_name(alone, refuse, tmp_path, call, number,
                                                           text):
    source, out = make_files(tmp_path / "s"), tmp_path / "out"
    run = alone.ok("cp", "-r", "--json", source, out, code=1,
                   env=refuse(f"{call}:{number}:{out}:f07"))
    assert len(warnings(run)) == 1 and text in warnings(run)[0], run.err
    assert "cannot be read" not in run.err and os.strerror(number) in warnings(run)[0]
    if "written" in text:
        assert f"'{out}'" in warnings(run)[0]
        assert run.entries()["s/f07"]["target"] == str(out)
    assert run.summary()["done"] == 30 and not (out / "s/f07").exists()


@pytest.mark.parametrize("call, number, text", [
    ("read", errno.EIO, "cannot be read"), ("read", errno.EINVAL, "cannot be read"),
    ("read", errno.ENODEV, "cannot be read"), ("open", errno.EIO, "cannot be read"),
    ("open", errno.EACCES, "permission denied"), ("open", errno.EPERM, "permission denied"),
])
def test_what_the_source_says_of_one_file_fails_it_by_name(alone, refuse, tmp_path, call, number,
                                                           text):
    source, out = make_files(tmp_path / "s"), tmp_path / "out"
    run = alone.ok("cp", "-r", "--json", source, out, code=1,
                   env=refuse(f"{call}:{number}:{source}:f07"))
    assert len(warnings(run)) == 1 and text in warnings(run)[0], run.err
    assert "written" not in run.err and run.summary()["done"] == 30


def test_a_file_larger_than_the_limit_fails_and_the_rest_goes_on(alone, tmp_path):
    source, out = make_files(tmp_path / "s"), tmp_path / "out"
    (source / "large").write_bytes(content(3 * MIB))
    run = alone.ok("cp", "-r", source, out, code=1, preexec_fn=lambda: resource.setrlimit(
        resource.RLIMIT_FSIZE, (2 * MIB, 2 * MIB)))
    assert len(warnings(run)) == 1 and "cannot be written in" in warnings(run)[0], run.err
    assert "File too large" in warnings(run)[0] and len(list((out / "s").iterdir())) == 30


# --- one side ------------------------------------------------------------------------------

@pytest.mark.parametrize("call, number", [
    ("create", errno.EROFS), ("write", errno.ENOSPC), ("write", errno.EDQUOT),
    ("write", errno.EIO), ("create", errno.ENOTCONN), ("sync", errno.EIO),
    ("rename", errno.ESTALE), ("mkdir", errno.EROFS), ("mkdir", errno.ENOSPC),
])
def test_a_target_that_is_full_or_gone_stops_the_job(alone, refuse, tmp_path, call, number):
    source, out = make_files(tmp_path / "s", 200), tmp_path / "out"
    out.mkdir()
    run = alone.ok("cp", "-r", source, out, code=74, env=refuse(f"{call}:{number}:{out}"))
    assert not warnings(run), run.err
    said = [line for line in run.err.splitlines() if os.strerror(number) in line]
    assert len(said) == 1 and f"'{out}' cannot be written" in said[0], run.err
    assert "go on with: barge resume" in run.err
    resumes(alone, source, out / "s")


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOTCONN, errno.ESTALE])
def test_a_source_that_is_gone_stops_the_job(alone, refuse, tmp_path, number):
    source, out = make_files(tmp_path / "s", 100), tmp_path / "out"
    alone.ok("cp", "-r", source, out, code=74, env=refuse(
        f"read:{number}:{source}", f"open:{number}:{source}/f"))
    run = alone.ok("resume", code=74, env=refuse(
        f"read:{number}:{source}", f"list:{number}:{source}", f"open:{number}:{source}"))
    assert f"the source '{source}' cannot be read: {os.strerror(number)}" in run.err, run.err
    assert not warnings(run)
    total = alone.run("resume", "--json").summary()
    assert total["failed"] < 32 and total["done"] + total["failed"] == 101, total


def test_files_of_the_job_that_cannot_be_written_are_named_as_such(alone, refuse, tmp_path):
    source, out = make_files(tmp_path / "s"), tmp_path / "out"
    run = alone.ok("cp", "-r", source, out, code=74, env=refuse(
        f"write:{errno.ENOSPC}:{alone.state}:outcomes"))
    assert "/outcomes.new': No space left on device" in run.err, run.err
    assert not warnings(run)


def test_a_target_that_may_not_be_written_is_told_with_its_path(nobody, public):
    if os.geteuid() != 0:
        pytest.skip("wants a directory of somebody else")
    barge, options = nobody(None)
    source = make_files(public / "s", 3)
    (public / "out/s").mkdir(parents=True)
    run = barge.ok("cp", "-r", source, public / "out", code=1, **options)
    told = [line for line in warnings(run) if "'s/" in line]
    assert len(told) == 3 and "cannot be read" not in run.err, run.err
    assert all(f"cannot be written in '{public}/out'" in line for line in told)
    reasons = [json.loads(line) for line in (barge.job() / "errors.jsonl").read_text().splitlines()]
    assert {line["reason"] for line in reasons} == {"cannot be written"}


# --- single files --------------------------------------------------------------------------

def test_one_file_that_cannot_be_written_is_told_with_its_path(embedded, client, refuse, tmp_path):
    barge = client(embedded)
    alias, _ = embedded.fresh()
    barge.ok("put", "-", alias + "x", given=content(300000))
    full = refuse(f"write:{errno.ENOSPC}:{tmp_path}")
    run = barge.ok("get", alias + "x", tmp_path / "got", code=74, env=full)
    assert f"'{tmp_path}/got' cannot be written" in run.err and "No space left" in run.err, run.err
    assert not (tmp_path / "got").exists()
    (tmp_path / "s").mkdir()
    run = barge.ok("plan", "-r", tmp_path / "s", alias, "-o", tmp_path / "p", code=74,
                   env=refuse(f"create:{errno.EROFS}:{tmp_path}/p"))
    assert f"'{tmp_path}/p" in run.err and "Read-only" in run.err, run.err
    for words, given in ((("get", alias + "x", "-"), b""),
                         (("put", "-", alias + "y"), content(300000))):
        run = barge.ok(*words, code=74, given=given, env={**full, "TMPDIR": str(tmp_path)})
        assert f"a temporary file in '{tmp_path}'" in run.err, run.err


# --- what is no error ----------------------------------------------------------------------

def test_short_and_interrupted_calls_change_nothing(embedded, client, refuse, tmp_path):
    """Every read and write moves half of what it was given, and every other one is interrupted."""
    barge, (alias, _) = client(embedded), embedded.fresh()
    source, out = make_files(tmp_path / "s", 5), tmp_path / "out"
    (source / "large").write_bytes(content(3 * MIB + 7))
    env = refuse(*(f"{call}:{number}:{place}" for place in (source, out, barge.state)
                   for call in ("read", "write", "sync")
                   for number in (EVERY_OTHER + errno.EINTR, HALF) if call != "sync" or number > HALF))
    barge.ok("cp", "-r", source, alias, env=env)
    barge.ok("cp", "-r", "--max-transfer=1", "-j1", alias + "s", out, code=3, env=env)
    barge.ok("resume", env=env)
    barge.ok("cp", "-r", source, out / "local", env=env)
    barge.ok("get", alias + "s/large", out / "one", env=env)
    same(local_tree(out / "s"), local_tree(source))
    same(local_tree(out / "local"), below("s", local_tree(source)) if (out / "local/s").exists()
         else local_tree(source))
    assert (out / "one").read_bytes() == (source / "large").read_bytes()


# --- memory --------------------------------------------------------------------------------

def test_any_allocation_may_fail(embedded, client, refuse, tmp_path):
    """It ends with a status and a sentence, and the job can go on."""
    barge, source = client(embedded), make_files(tmp_path / "s", 3)
    statuses, rng = set(), random.Random(5)
    for number in sorted(rng.sample(range(1, 600), 10)):
        alias, cap = embedded.fresh()
        run = barge.run("cp", "-r", source, alias, env={**refuse(), "STARVE": str(number)})
        assert run.code in (0, 1, 2, 69, 74, 75), (number, run)
        assert run.code == 0 or "barge: " in run.err, (number, run)
        statuses.add(run.code)
        if run.code != 0:
            barge.ok("cp", "-r", source, alias)
            same(embedded.tree(cap), below("s", local_tree(source)))
    assert 75 in statuses and len(statuses) > 1, statuses


def test_the_parser_of_listings_survives_without_memory(embedded, client, refuse):
    """It is not ours, and believes every allocation; the listing is asked for once more."""
    barge, (alias, cap) = client(embedded), embedded.fresh()
    embedded.link(cap, "a name", embedded.put(content(100)))
    runs = [barge.run("ls", alias, env={**refuse(), "STARVE": str(number)})
            for number in range(1, 60)]
    assert {run.code for run in runs} == {0, 75}, runs
    for run in runs:
        assert run.err.startswith("barge: ") if run.code else run.out == "a name\n", run
    assert all(run.code == 0 for run in runs[-10:]), "there are fewer allocations"
