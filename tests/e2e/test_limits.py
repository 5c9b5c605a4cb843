"""What holds a copy back (--bwlimit, --max-transfer, --max-duration), and what -v tells of it."""
import re
import resource
import time

import pytest

from tree import content, local_tree, same

MIB = 1 << 20
LIMIT = "--bwlimit=1M"


def seconds_of(act, *words):
    begin = time.monotonic()
    act(*words)
    return time.monotonic() - begin


def lasts(act, least, most):
    """Asserts that act(LIMIT) never lasts less than `least` seconds, nor more than `most` plus what
    it lasts without a limit.  A machine that rests for a moment rests in one of the two alone: so
    once of ten times."""
    for _ in range(10):
        seconds = seconds_of(act, LIMIT)
        assert seconds > least
        if seconds < most or seconds - seconds_of(act, "--bwlimit=0") < most:
            return
    raise AssertionError(f"{seconds:.1f} s, ten times")


def write_files(path, count, size):
    path.mkdir()
    for i in range(count):
        (path / f"f{i:02}").write_bytes(content(size, i))
    return path


# --- the rate ------------------------------------------------------------------------------

@pytest.mark.parametrize("count, size", [
    (48, 65536), (8, 3 * MIB // 8), pytest.param(1, 3 * MIB, marks=pytest.mark.long)])
def test_a_rate_holds_for_all_transfers_together(embedded, client, tmp_path, count, size):
    barge, source = client(embedded), write_files(tmp_path / "s", count, size)
    alias, _ = embedded.fresh()
    for words in (source, alias), (alias + "s", tmp_path / "out"):
        lasts(lambda limit, at=words: barge.ok("cp", "-r", "--always", *at, limit, "-j8"), 2.5, 4.5)
    same(local_tree(tmp_path / "out/s"), local_tree(source))


def test_what_is_read_back_counts(embedded, client, tmp_path):
    barge, source = client(embedded), write_files(tmp_path / "s", 2, MIB // 2)
    alias, _ = embedded.fresh()
    lasts(lambda limit: barge.ok("cp", "-r", "--always", source, alias, limit, "--verify=read"),
          1.6, 3.5)
    job = barge.job().name
    lasts(lambda limit: barge.ok("verify", job, "--verify=read", "--restart", limit), 0.7, 2.5)


def test_a_rate_holds_between_local_places(client, tmp_path):
    barge, source = client(None), write_files(tmp_path / "s", 4, 3 * MIB // 4)
    (source / "small").write_bytes(content(1000))
    lasts(lambda limit: barge.ok("cp", "-r", "--always", source, tmp_path / "out", limit), 2.5, 4.5)
    same(local_tree(tmp_path / "out/s"), local_tree(source))


@pytest.mark.long
def test_a_pause_of_our_own_is_no_silence_of_the_gateway(embedded, client, tmp_path):
    barge, source = client(embedded), write_files(tmp_path / "s", 2, 12000)
    alias, _ = embedded.fresh()
    short = ("--bwlimit=2K", "--timeout-send=5", "--timeout-receive=5", "-j2")
    run = barge.ok("cp", "-r", "--json", source, alias, *short)
    assert run.seconds > 10
    assert run.summary()["done"] == 3
    run = barge.ok("cp", "-r", "--json", alias + "s", tmp_path / "out", *short)
    assert run.seconds > 10
    same(local_tree(tmp_path / "out/s"), local_tree(source))
    assert embedded_retries(barge) == 0


def embedded_retries(barge):
    """Attempts beyond the first of all entries of the newest job."""
    run = barge.ok("show", barge.job() / "outcomes", "--json", node=False)
    return sum(line.get("attempts", 1) - 1 for line in run.lines() if line.get("attempts"))


def test_one_file_to_and_from_pipes_keeps_the_rate(embedded, client, tmp_path):
    barge = client(embedded)
    alias, _ = embedded.fresh()
    data = content(2 * MIB)
    lasts(lambda limit: barge.ok("put", "-", alias + "x", limit, given=data), 1.6, 3.5)
    lasts(lambda limit: barge.ok("get", alias + "x", "-", limit), 1.6, 3.5)
    assert barge.ok("get", alias + "x", "-").raw == data


def test_a_rate_that_makes_no_sense_is_refused(embedded, client, tmp_path):
    for rate in ("1", "1023", "-1", "fast", "17G", "1.5X", "0.5K"):
        run = client(embedded).ok("cp", tmp_path, "x", f"--bwlimit={rate}", code=2)
        assert "such as 500K or 10M" in run.err


# --- how much one run begins with ----------------------------------------------------------

def run_until_done(barge, first, again, wanted):
    """Runs `first`, then `again` until the status is 0; returns the summaries."""
    runs = [barge.run(*first, "--json")]
    while runs[-1].code == 3 and len(runs) < 20:
        assert wanted in runs[-1].err and "go on with: barge resume" in runs[-1].err
        runs.append(barge.run(*again, "--json"))
    assert runs[-1].code == 0, runs[-1]
    return [run.summary() for run in runs]


@pytest.mark.parametrize("size", [100000, 20000])
def test_a_run_ends_after_so_many_bytes_and_goes_on(embedded, client, tmp_path, size):
    barge, source = client(embedded), write_files(tmp_path / "s", 40, size)
    alias, _ = embedded.fresh()
    limit = f"--max-transfer={10 * size}"
    for target, words in ((alias, (source, alias)),
                          (tmp_path / "out", (alias + "s", tmp_path / "out")),
                          (tmp_path / "copy", (source, tmp_path / "copy"))):
        totals = run_until_done(barge, ("cp", "-r", *words, limit), ("resume", limit),
                                "--max-transfer")
        assert [total["run_bytes"] for total in totals] == [10 * size] * 4, target
        assert [total["left"] > 0 for total in totals] == [True, True, True, False]
        assert "limit" in totals[0] and "limit" not in totals[-1]
    same(local_tree(tmp_path / "out/s"), local_tree(source))
    same(local_tree(tmp_path / "copy/s"), local_tree(source))


def test_a_run_that_fits_its_limit_ends_well(embedded, client, tmp_path):
    barge, source = client(embedded), write_files(tmp_path / "s", 10, 10000)
    alias, _ = embedded.fresh()
    barge.ok("cp", "-r", source, alias, "--max-transfer=100000", "--max-duration=2h")


def test_a_run_ends_after_so_long(embedded, client, tmp_path):
    barge, source = client(embedded), write_files(tmp_path / "s", 80, 50000)
    alias, _ = embedded.fresh()
    slow, limit = "--bwlimit=300K", "--max-duration=4.2"  # all of it takes thirteen
    run = barge.ok("cp", "-r", source, alias, slow, limit, code=3)
    assert "nothing more was begun: --max-duration 4.200 s is reached" in run.err
    run = barge.ok("resume", "--json")
    assert 2 < run.summary()["run_entries"] < 81
    barge.ok("cp", "-r", alias + "s", tmp_path / "out", slow, limit, code=3)
    barge.ok("resume")
    same(local_tree(tmp_path / "out/s"), local_tree(source))


def test_what_is_in_flight_ends(embedded, client, tmp_path):
    # Either may be the first; its bytes take twice as long as anything may be begun.
    barge, source = client(embedded), write_files(tmp_path / "s", 2, 3 << 20)
    alias, _ = embedded.fresh()
    run = barge.ok("cp", "-r", source, alias, "--bwlimit=500K", "--max-duration=3", "-j1",
                   "--json", code=3)
    states = [entry["state"] for entry in run.entries().values()]
    assert states == ["done"] and run.summary()["left"] == 2


# --- what -v says meanwhile ----------------------------------------------------------------

def test_verbose_counts_files_and_directories_as_they_are_done(embedded, client, tmp_path):
    barge, source = client(embedded), write_files(tmp_path / "s", 40, 50000)
    alias, _ = embedded.fresh()
    counts = re.compile(r"(\d+)/(\d+)\+? files, (\d+)/(\d+)\+? directories, ")
    run = barge.ok("cp", "-rv", source, alias, "--bwlimit=300K")
    lines = [[int(part) for part in match.groups()] for match in counts.finditer(run.err)]
    assert 4 < len(lines) < run.seconds * 5 + 2
    assert lines == sorted(lines) and lines[-1] == [40, 40, 1, 1]
    assert not counts.search(barge.ok("cp", "-r", source, tmp_path / "a").err)
    assert not counts.search(barge.ok("cp", "-rv", source, tmp_path / "b",
                                      "--progress=never").err)


# --- open files ----------------------------------------------------------------------------

def few_files(number):
    return {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))}


@pytest.fixture(scope="module")
def wide(embedded, tmp_path_factory):
    """(source, alias of a directory that holds it): more directories than any limit lets open."""
    source = tmp_path_factory.mktemp("wide") / "s"
    for i in range(150):
        path = source / f"a{i % 10}/b{i % 60}/c/d/e/g{i}"
        path.mkdir(parents=True)
        (path / "f").write_bytes(b"%d" % i * 30)
    (source / "large").write_bytes(content(300000))
    return source


@pytest.mark.parametrize("number", [16, 24, 32, 48, 56, 64, 80, 100, 256])
def test_with_few_files_it_is_whole_or_nothing_is_begun(embedded, client, tmp_path, wide, number):
    barge = client(embedded)
    alias, _ = embedded.fresh()
    some = ("--immutable", "--readers=64", "-j64")
    runs = [barge.run("cp", "-r", wide, tmp_path / "copy", **few_files(number)),
            barge.run("cp", "-r", *some, wide, alias + "x", **few_files(number))]
    if runs[-1].code != 0:
        barge.ok("resume")
    runs.append(barge.run("cp", "-r", alias + "x/s", tmp_path / "back", **few_files(number)))
    for run, path in zip(runs, (tmp_path / "copy/s", None, tmp_path / "back/s")):
        assert run.code in (0, 75) and "failed" not in run.err, run
        if run.code == 75:
            assert "open files" in run.err and "ulimit -n" in run.err or number < 32, run
        if path:
            assert run.code == 75 or local_tree(path) == local_tree(wide)
            assert run.code == 0 or not path.exists()
    assert number < 64 or [run.code for run in runs] == [0, 0, 0]


def test_many_readers_and_the_usual_limit(embedded, client, tmp_path, wide):
    barge = client(embedded)
    alias, _ = embedded.fresh()
    barge.ok("cp", "-r", "--immutable", "--readers=64", wide, alias + "x",
             **few_files(1024))
    barge.ok("cp", "-r", "--checksum", "--readers=64", alias + "x/s", tmp_path / "out",
             **few_files(256))
    same(local_tree(tmp_path / "out/s"), local_tree(wide))


def test_the_soft_limit_is_raised(client, tmp_path, wide):
    client(None).ok("cp", "-r", "--readers=64", wide, tmp_path / "out", preexec_fn=lambda: (
        resource.setrlimit(resource.RLIMIT_NOFILE, (24, 512))))


def test_a_job_goes_on_with_few_files(client, tmp_path, wide):
    barge = client(None)
    barge.ok("cp", "-r", "--max-transfer=5000", wide, tmp_path / "out", code=3, **few_files(64))
    barge.ok("resume", **few_files(64))
    same(local_tree(tmp_path / "out/s"), local_tree(wide))
