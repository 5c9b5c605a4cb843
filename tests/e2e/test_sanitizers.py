"""A short job from end to end, client and gateway, under AddressSanitizer and ThreadSanitizer."""
import os
import subprocess

import pytest

from grid import EmbeddedGateway
from kill_loop import after_lines
from lying import HoldingGateway, is_put
from runner import Barge, LineReader
from tree import below, content, local_tree, same

MODES = ["asan", "tsan"]


def grow(path):
    """Some 300 entries: directories, duplicates, literals, a hard link, 5 MiB in one file."""
    for number in range(12):
        (path / f"directory {number % 4}/{number}").mkdir(parents=True)
    for number in range(270):
        folder = path / f"directory {number % 4}/{4 * (number % 3) + number % 4}"
        size = (20, 56, 3000, 70_000)[number % 4] if number % 5 else 2000
        (folder / f"file {number}").write_bytes(content(size, number % 60))
    (path / "large").write_bytes(content(5 << 20))
    (path / "large again").write_bytes(content(5 << 20))
    os.link(path / "large", path / "hard link")
    (path / "symlink").symlink_to("large")
    return local_tree(path)


class Sanitized:
    """A program whose reports go to files, and which ends with 99 after one."""
    def __init__(self, program, place):
        self.reports, self.program = place / "reports", place / "barge"
        self.reports.mkdir()
        fixed = subprocess.run(["setarch", "-R", "true"], check=False).returncode == 0
        self.options = f"exitcode=99:log_path={self.reports}/report"
        self.program.write_text(f"""#!/bin/sh
export ASAN_OPTIONS={self.options}:detect_leaks=1
export TSAN_OPTIONS={self.options}:second_deadlock_stack=1
export UBSAN_OPTIONS={self.options}:print_stacktrace=1
exec {"setarch -R " if fixed else ""}'{program}' "$@"
""")
        self.program.chmod(0o755)

    def search(self):
        """Fails with the first report there is."""
        for path in sorted(self.reports.iterdir()):
            pytest.fail(path.read_text(errors="replace")[:6000])


@pytest.fixture(params=MODES)
def sanitized(request, tmp_path):
    program = Sanitized(request.getfixturevalue(f"barge_{request.param}"), tmp_path)
    program.mode = request.param
    return program


@pytest.fixture
def grids(sanitized, tmp_path):
    """grids("put:500@7", ...): a gateway under the sanitizer, which must end well."""
    started = []

    def start(*faults):
        started.append(EmbeddedGateway(sanitized.program, tmp_path / f"node{len(started)}", faults))
        return started[-1]
    yield start
    codes = []
    for grid in started:
        process = grid.process
        grid.stop()
        codes += [process.returncode] if process else []
    sanitized.search()
    assert not any(codes), codes


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "tree"
    return path, grow(path)


def test_a_job_from_end_to_end(sanitized, grids, source, tmp_path):
    grid = grids("put:500@7", "put:lost-reply@20", "put:reset@30", "mkdir:lost-reply@3",
                 "put:delay=5")
    (path, tree), (alias, cap) = source, grid.fresh()
    barge = Barge(sanitized.program, tmp_path / "home", grid)
    barge.ok("cp", "-r", "--symlinks=skip", "--verify=cap,check,read", path, alias)
    same(grid.tree(cap), below("tree", tree))
    (path / "directory 1/new").write_bytes(content(4000, 77))
    barge.ok("cp", "-r", "--symlinks=skip", path, alias)  # a merge
    tree = local_tree(path)
    same(grid.tree(cap), below("tree", tree))
    barge.ok("cp", "-r", "-j", "6", alias + "tree", tmp_path / "out")
    there = local_tree(tmp_path / "out")
    same(there, below("tree", tree) if "tree" in there else tree)
    barge.ok("jobs")
    barge.ok("show", barge.job() / "manifest")


def test_an_interrupted_job_and_a_resumed_one(sanitized, grids, source, tmp_path):
    grid = grids()
    (path, tree), (alias, cap) = source, grid.fresh()
    barge = Barge(sanitized.program, tmp_path / "home", grid)
    words = ["cp", "-r", "--json", "--symlinks=skip", "--immutable", path, alias]
    with HoldingGateway(grid, tmp_path / "holding", 20, is_put) as barge.grid:
        process = barge.start(*words)
        out, err = LineReader(process.stdout), LineReader(process.stderr)
        assert after_lines(out, 20)
        barge.grid.interrupt(process, err)
    barge.grid = grid
    sanitized.search()
    barge.ok("resume", "--json")
    same(grid.tree(cap), below("tree", tree))
    for number in (1, 2):
        with HoldingGateway(grid, tmp_path / f"killed{number}", 20, is_put) as barge.grid:
            process = barge.start("cp", "-r", "--json", "--symlinks=skip", path, alias + "killed")
            out, err = LineReader(process.stdout), LineReader(process.stderr)
            assert after_lines(out, 10 * number)
            barge.grid.wait_for_others()
            process.kill()
            process.wait()
    barge.grid = grid
    barge.ok("resume", "--json", "--threads=2", "--verify=read")
    assert grid.tree(cap).items() >= below("killed", below("tree", tree)).items()


def test_a_job_that_fails_in_part_and_one_that_fails_whole(sanitized, grids, source, tmp_path):
    grid = grids("put:410%20", "get:wrong-body%10")
    (path, _), (alias, cap) = source, grid.fresh()
    barge = Barge(sanitized.program, tmp_path / "home", grid)
    run = barge.ok("cp", "-r", "--json", "--verify=read", path, alias, code=1)
    failed = {line["path"] for line in run.entries().values() if line["state"] != "done"}
    assert failed and not failed & grid.tree(cap).keys()
    grid.kill()
    barge.ok("cp", "-r", path, alias, code=69)
    process = barge.start("cp", "-r", "--gateway-wait=1", path, alias)
    assert barge.finish(process).code == 69
