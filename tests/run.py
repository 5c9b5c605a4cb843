#!/usr/bin/env python3
"""Builds and runs every test, group by group: the inside of `./configure.py test`.

Each group says when it begins and how long it took; what takes longer than ten seconds, a build or a
test, has a line of its own.  Then what was skipped is named, and what passed at the second go
only, and the last line is "N passed, N failed" over all of them.  A check of the style group counts
as one, a fact of a C unit test as one in each mode.  Temporary files are in one directory that goes
at the end, unless something failed.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import configure
from configure import ROOT, run

SKIPPED = []  # "test: reason"
SECOND = []  # tests that passed at the second go only
SECOND_MAX = 3  # of them: where more fail it is no chance
LONG = 10  # seconds
STEPS = os.dup(1)  # where pytest tells of long tests at once


def ninja(*targets):
    """Builds all that can be built.  Shows what fails, and of the rest how far it is."""
    # Warnings fail the tests, never somebody's build; and never what pip builds.
    env = {**os.environ, "STRICT": "-Werror", "NINJA_STATUS": "[%f of %t] "}
    told = time.monotonic()
    with subprocess.Popen(["ninja", "-k", "0", *targets], env=env, cwd=ROOT, text=True,
                          errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as process:
        for line in process.stdout:
            is_step = line.startswith("[") or line.startswith("ninja: no work")
            if not is_step or time.monotonic() - told > LONG:
                told = time.monotonic()
                print("   " + line if is_step else line, end="", flush=True)
    return process.returncode == 0


def checked(what, good):
    print(f"{'ok  ' if good else 'FAIL'} {what}", flush=True)
    return (1, 0) if good else (0, 1)


def style(_args):
    return [checked(name, ninja(name)) for name in configure.STYLE_CHECKS]


def unit_result(target, built):
    """Counts (passed, failed) facts of one test program from the log it left."""
    log, stamp, program = ROOT / (target + ".log"), ROOT / target, target.removesuffix(".ok")
    # When some target failed, this one counts only if it is that of the program as it is now.
    if not built:
        built = ninja(program) and stamp.exists() \
            and stamp.stat().st_mtime >= (ROOT / program).stat().st_mtime
    stale = stamp.exists() and not built
    text = log.read_text(errors="replace") if log.exists() and not stale else ""
    skipped = re.findall(r"^(?:not )?ok \d+ .*# SKIP.*", text, re.MULTILINE)
    SKIPPED.extend(f"{target}: {line}" for line in skipped)
    good = len(re.findall(r"^ok \d+", text, re.MULTILINE)) \
        - sum(line.startswith("ok") for line in skipped)
    bad = len(re.findall(r"^not ok \d+ (?!.*# SKIP)", text, re.MULTILINE))
    if built and not bad and re.search(r"^1\.\.\d+$", text, re.MULTILINE):
        return good, 0
    print("FAIL", target, flush=True)
    return good, max(bad, 1)


def units(mode):
    def group(args):
        names = [Path(t).stem for t in configure.Tree().tests]
        words = set(re.findall(r"\w+", args.expression or "")) - {"and", "or", "not"}
        targets = [f"build/{mode}/{n}.ok" for n in names
                   if not args.expression or any(w in n for w in words)]
        built = not targets or ninja(*targets)
        return [unit_result(target, built) for target in targets]
    return group


def named(case):
    return f"{case.get('classname')}.{case.get('name')}"


class Pytest:
    """Some of the end-to-end tests, in a process of its own; what it says is shown at its end."""
    def __init__(self, number, files, args, env, marks, again=False):
        self.again = lambda: Pytest(number, files, args, env, marks, again=True)
        self.report = ROOT / f"build/pytest{number}.xml"
        self.log = ROOT / f"build/pytest{number}.log"
        self.report.unlink(missing_ok=True)
        self.may_be_empty, self.failed = bool(args.expression) or marks == "alone", []
        cache = ROOT / f"build/pytest_cache{number}"  # knows what has failed
        command = [configure.venv_python(), "-m", "pytest", *files, "-q", "--durations=10",
                   f"--junit-xml={self.report}", "-o", f"cache_dir={cache}",
                   "-m", marks if args.all else f"{marks} and not long"]
        command += ["-k", args.expression] if args.expression else []
        if again:
            command += ["--last-failed", "--last-failed-no-failures=none"]
        else:
            shutil.rmtree(cache, ignore_errors=True)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, env={**env, "BARGE_STEPS": f"{STEPS} {LONG}",
                                                          "BARGE_SIDE": str(number)},
                                            cwd=ROOT, stdout=log, stdin=subprocess.DEVNULL,
                                            stderr=subprocess.STDOUT, pass_fds=[STEPS])

    def result(self):
        """Waits, and returns (passed, failed)."""
        code = self.process.wait()
        print(self.log.read_text(errors="replace"), flush=True)
        if not self.report.exists():
            return 0, 1
        suite = xml.etree.ElementTree.parse(self.report).getroot().find("testsuite")
        SKIPPED.extend(f"{named(case)}: {skip.get('message')}"
                       for case in suite.iter("testcase") for skip in case.iter("skipped"))
        self.failed = [named(case) for case in suite.iter("testcase")
                       if case.find("failure") is not None or case.find("error") is not None]
        tests, errors, failures, skipped = (int(suite.get(name, 0)) for name in
                                            ("tests", "errors", "failures", "skipped"))
        bad = errors + failures
        if code != 0 and not (code == 5 and self.may_be_empty):
            bad = max(bad, 1)
        return max(tests - errors - failures - skipped, 0), bad


# What these took, in seconds, when each was one of three at once on two cores; of the others their
# size tells.
SECONDS = {
    "test_kill.py": 180, "test_matrix.py": 140, "test_direct.py": 120, "test_grid_trouble.py": 120,
    "test_annex.py": 110, "test_gateways.py": 100, "test_grid_to_grid.py": 95,
    "test_limits.py": 95, "test_faults.py": 90, "test_direct_large.py": 85,
    "test_bench_grids.py": 75, "test_direct_servers.py": 70, "test_resume_download.py": 70,
    "test_direct_write.py": 60, "test_get_put.py": 60, "test_rehearsal.py": 60,
    "test_backup.py": 55, "test_ten_servers.py": 50, "test_hostile.py": 40}
BYTES_A_SECOND = 600


def shared_out(files, count):
    """Divides the files into `count` shares that take about as long."""
    def weight(path):
        return SECONDS.get(path.name, path.stat().st_size / BYTES_A_SECOND)
    shares = [[0, []] for _ in range(count)]
    for path in sorted(files, key=weight, reverse=True):
        least = min(shares, key=lambda share: share[0])
        least[0] += weight(path)
        least[1].append(path)
    return [sorted(share) for _, share in shares if share]


def end_to_end(args):
    """The files are divided between three processes where there is more than one processor: most
    tests wait for something.  Then come those that are to be alone, and once more, alone as well,
    the few that failed: what fails on a busy machine only is named, and no reason to refuse."""
    files = sorted((ROOT / "tests/e2e").rglob("test_*.py"))
    if not files:
        return []
    modes = ("release", "debug", "asan", "tsan")
    targets = [target for mode in modes for target in configure.programs_of(mode)]
    targets += ["build/release/capstool"]  # test_oracle.py's
    built = ninja(*targets)
    results = [] if args.expression and built else [checked("barge in all modes", built)]
    env = dict(os.environ, BARGE=str(ROOT / "build/release/barge"))
    env |= {f"BARGE_{mode.upper()}": str(ROOT / f"build/{mode}/barge") for mode in modes[1:]}
    runs = [Pytest(i, share, args, env, "not alone")
            for i, share in enumerate(shared_out(files, 3 if (os.cpu_count() or 1) > 1 else 1))]
    counts = [one.result() for one in runs]
    runs.append(Pytest(len(runs), files, args, env, "alone"))
    counts.append(runs[-1].result())
    if sum(bad for _, bad in counts) <= SECOND_MAX:
        counts = [second_go(one, *count) for one, count in zip(runs, counts)]
    return results + counts


def second_go(first, good, bad):
    """Returns the counts of one that had `good` and `bad`, after what failed was tried again."""
    if bad == 0 or len(first.failed) != bad:
        return good, bad
    again = first.again()
    passed, failed = again.result()
    SECOND.extend(name for name in first.failed if name not in again.failed and passed)
    return good + passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="the long ones too")
    parser.add_argument("-k", dest="expression", help="units and end to end, only what matches")
    args = parser.parse_args()
    groups = [] if args.expression else [("style", style)]
    groups += [(f"units, {mode}", units(mode)) for mode in configure.TESTED_MODES]
    groups += [("end to end", end_to_end)]
    passed = failed = 0
    place = tempfile.mkdtemp(prefix="barge-")
    os.chmod(place, 0o1777)  # some tests run as another user
    os.environ["TMPDIR"] = place
    for name, group in groups:
        print(f"-- {name}", flush=True)
        start = time.monotonic()
        try:
            results = group(args)
        except Exception as error:  # a group that breaks has failed; the others still run
            print(f"FAIL {name}: {error!r}", flush=True)
            results = [(0, 1)]
        good, bad = (sum(column) for column in zip((0, 0), *results))
        passed, failed = passed + good, failed + bad
        print(f"== {name}: {good} passed, {bad} failed, {time.monotonic() - start:.1f} s",
              flush=True)
    if args.expression and passed + failed == 0:
        print(f"FAIL no test matches '{args.expression}'", flush=True)
        failed = 1
    if failed:
        print(f"temporary files are left in {place}", flush=True)
    else:
        shutil.rmtree(place, ignore_errors=True)
    for line in SKIPPED:
        print("skipped:", line, flush=True)
    for name in SECOND:
        print("failed by chance, and passed alone:", name, flush=True)
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
