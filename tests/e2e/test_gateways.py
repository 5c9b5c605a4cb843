"""Several gateways to one grid: they share the work, and none is trusted for another."""
import json
import os
import signal
import time

import pytest

from grid import HANG, Web, file_caps, wait_for
from kill_loop import cut_off_uploads
from runner import LineReader, text_of
from tree import below, content, local_tree, same

FILES = 60


@pytest.fixture(scope="module")
def second(real_grid):
    """The URL of one more gateway to the real grid, with the same secret."""
    return real_grid.add_gateway()[0]


def make_small_files(path):
    for number in range(FILES):
        folder = path / f"d{number % 4}/e{number % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}").write_bytes(os.urandom(2000))
    return path


@pytest.fixture
def tree(tmp_path):
    """(path, tree) of files and directories that no grid has seen."""
    path = make_small_files(tmp_path / "tree")
    (path / "large").write_bytes(os.urandom(3 << 20))
    return path, local_tree(path)


@pytest.fixture
def small_tree(tmp_path):
    """The same without a large file: its bytes a second can be limited, so that it lasts."""
    path = make_small_files(tmp_path / "tree")
    return path, local_tree(path)


def counted(url, what):
    """A gateway's own count."""
    web = Web(url)
    counters = json.loads(web.ok("GET", "/statistics?t=json"))["counters"]
    web.close()
    return counters.get(what, 0)


def both(real_grid, second):
    return ["-u", real_grid.url, "-u", second]


# --- the work is shared -------------------------------------------------------------------

@pytest.mark.parametrize("options", [(), ("--immutable",)], ids=["mutable", "immutable"])
def test_a_tree_goes_up_through_two(real_grid, second, client, tree, options):
    path, wanted = tree
    alias, cap = real_grid.fresh()
    urls = real_grid.url, second
    before = [counted(url, "uploader.files_uploaded") for url in urls]
    run = client(real_grid).ok("cp", "-r", "-j16", "--json", "-v", "--no-direct", *options,
                               *both(real_grid, second), path, alias)
    same(real_grid.tree(cap), below("tree", wanted))
    sent = [counted(url, "uploader.files_uploaded") - was for url, was in zip(urls, before)]
    assert min(sent) >= 3 and sum(sent) >= FILES, sent
    assert "by the gateway's own secret" in run.err


def test_a_tree_comes_down_through_two(real_grid, second, client, tree, tmp_path):
    path, wanted = tree
    alias, _ = real_grid.fresh()
    barge = client(real_grid)
    barge.ok("cp", "-r", "--immutable", path, alias)
    urls = real_grid.url, second
    before = [counted(url, "downloader.files_downloaded") for url in urls]
    run = barge.ok("cp", "-r", "-j16", "--json", "--no-direct", *both(real_grid, second),
                   alias + "tree", tmp_path / "out")
    same(local_tree(tmp_path / "out/tree"), wanted)
    fetched = [counted(url, "downloader.files_downloaded") - was
               for url, was in zip(urls, before)]
    assert min(fetched) >= 3, fetched
    assert run.summary()["reread"] == 0


def test_a_job_is_proven_through_two(real_grid, second, client, tree):
    path, _ = tree
    alias, _ = real_grid.fresh()
    barge = client(real_grid)
    barge.ok("cp", "-r", path, alias)
    before = counted(second, "downloader.files_downloaded")
    barge.ok("verify", "--no-direct", *both(real_grid, second), barge.jobs()[0].name)
    assert counted(second, "downloader.files_downloaded") > before


def test_merging_through_two(real_grid, second, client, tree):
    path, wanted = tree
    alias, cap = real_grid.fresh()
    barge = client(real_grid)
    barge.ok("cp", "-r", *both(real_grid, second), path, alias)
    (path / "d0/e0/0").write_bytes(content(700))
    (path / "d1/new").write_bytes(content(800))
    barge.ok("cp", "-r", *both(real_grid, second), path, alias)
    same(real_grid.tree(cap), below("tree", local_tree(path)))
    assert local_tree(path).keys() - wanted.keys() == {"d1/new"}


# --- none is trusted for another ----------------------------------------------------------

def test_a_gateway_with_another_secret_is_read_back(real_grid, client, tree, tmp_path):
    path, wanted = tree
    other, process = real_grid.add_gateway(same_secret=False)
    alias, cap = real_grid.fresh()
    barge = client(real_grid)
    before = counted(other, "downloader.files_downloaded")
    run = barge.ok("cp", "-r", "-v", "--immutable", "--no-direct", *both(real_grid, other), path,
                   alias)
    same(real_grid.tree(cap), below("tree", wanted))
    assert "some gateways have another secret" in run.err
    assert counted(other, "downloader.files_downloaded") > before
    strict = barge.run("cp", "-r", "--verify=cap", "--new", "--no-direct",
                       *both(real_grid, other), path, real_grid.fresh()[0])
    assert strict.code != 0 and "another convergence secret" in strict.err
    fetched = barge.ok("cp", "-r", "--json", "--no-direct", *both(real_grid, other), alias + "tree",
                       tmp_path / "out")
    same(local_tree(tmp_path / "out/tree"), wanted)
    # What the other one stored has keys of its secret, so it was read twice.
    own = counted(other, "uploader.files_uploaded")
    assert 0 < fetched.summary()["reread"] <= own < len(file_caps(real_grid.url, cap))
    process.terminate()
    process.wait(HANG)


def test_gateways_of_two_grids_are_refused(embedded, gateway, client, tree):
    path, _ = tree
    other, barge = gateway(), client(embedded)
    alias, cap = embedded.fresh()
    begin = time.monotonic()
    run = barge.ok("cp", "-r", "-u", embedded.url, "-u", other.url, path, alias, code=2)
    assert "must be of one grid" in run.err
    assert embedded.url in run.err and other.url in run.err
    assert time.monotonic() - begin > 5  # it may only have started a moment ago
    assert not barge.jobs() and embedded.tree(cap) == {} and other.requests("put") == 0


def test_words_that_name_no_several_gateways(embedded, client, tmp_path):
    barge = client(embedded)
    for urls, wanted, code in (
            ((embedded.url, embedded.url), "is named twice", 2),
            ((embedded.url, embedded.url.rstrip("/")), "is named twice", 2),
            ((embedded.url, "http://127.0.0.1:1/"), "http://127.0.0.1:1/", 69),
            ((embedded.url, "ftp://127.0.0.1/"), "http", 2),
            ((embedded.url, *(f"http://127.0.0.1:{port}/" for port in range(2, 18))),
             "more than 16 gateways", 2)):
        words = [word for url in urls for word in ("-u", url)]
        run = barge.ok("cp", "-r", *words, "tahoe:", tmp_path / "out", code=code)
        assert wanted in run.err, run
    assert not barge.jobs() and not (tmp_path / "out").exists()
    words = "-u", embedded.url, "-u", "http://127.0.0.1:1/"  # who asks one alone needs no other
    barge.ok("ls", *words, "tahoe:")
    barge.ok("cp", "-nr", *words, "tahoe:", tmp_path / "out")


def test_the_command_that_goes_on_names_all_of_them(real_grid, second, client, small_tree):
    path, wanted = small_tree
    alias, cap = real_grid.fresh()
    barge = client(real_grid)
    running = barge.start("cp", "-r", "--bwlimit=10K", "--json", *both(real_grid, second), path,
                          alias)
    out, err = LineReader(running.stdout), LineReader(running.stderr)
    assert out.wait_for(lambda line: b'"state":"done"' in line)
    running.send_signal(signal.SIGINT)
    running.wait(HANG)
    said = text_of(err).decode()
    assert running.returncode == 3, said
    line = next(line for line in said.splitlines() if "barge resume" in line)
    assert f"-u {real_grid.url} -u {second}" in line
    barge.ok("resume", *both(real_grid, second))
    same(real_grid.tree(cap), below("tree", wanted))


# --- one goes away ------------------------------------------------------------------------

def forget_cut_off_uploads_until(grid, is_over):
    """Removes what has lain there for two looks: others are on their way."""
    seen = set()

    def look():
        now = set(cut_off_uploads(grid))
        for path in seen & now:
            path.unlink(missing_ok=True)
        seen.clear()
        seen.update(now)
        return is_over()
    wait_for(look, pause=2)


@pytest.mark.parametrize("down", [False, pytest.param(True, marks=pytest.mark.long)], ids=["up", "down"])
def test_one_that_is_killed_leaves_its_work_to_the_other(real_grid, client, small_tree, tmp_path,
                                                         down):
    path, wanted = small_tree
    other, process = real_grid.add_gateway()
    alias, cap = real_grid.fresh()
    barge = client(real_grid)
    words = [path, alias]
    if down:
        barge.ok("cp", "-r", path, alias)
        words = [alias + "tree", tmp_path / "out"]
    running = barge.start("cp", "-r", "--bwlimit=10K", "--json", "--no-direct",
                          *both(real_grid, other), *words)
    out, err = LineReader(running.stdout), LineReader(running.stderr)
    assert out.wait_for(lambda line: b'"state":"done"' in line)
    process.kill()
    process.wait()
    if err.wait_for(lambda line: b"within 30 minutes" in line):
        forget_cut_off_uploads_until(real_grid, lambda: running.poll() is not None)
    assert running.wait(HANG) == 0, err.lines
    text_of(out)
    assert f"gateway {other} does not answer".encode() in text_of(err), err.lines
    if down:
        same(local_tree(tmp_path / "out/tree"), wanted)
    else:
        same(real_grid.tree(cap), below("tree", wanted))
