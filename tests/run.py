#!/usr/bin/env python3
"""Builds and runs every test, group by group: the inside of `./configure.py test`.

Each group prints its seconds; the last line is "N passed, N failed" over all of them.  A check
of the style group counts as one, a fact of a C unit test as one in each mode.
"""
import argparse
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import configure
from configure import ROOT, run

QUIETLY = ["ninja", "--quiet", "-k", "0"]  # all that can be built; only failures are shown


def ninja(*targets):
    # Warnings fail the tests, never somebody's build; and never what pip builds.
    strict = (os.environ.get("CFLAGS", "") + " -Werror").strip()
    return run([*QUIETLY, *targets], env={**os.environ, "CFLAGS": strict}).returncode == 0


def checked(what, good):
    print(f"{'ok  ' if good else 'FAIL'} {what}", flush=True)
    return (1, 0) if good else (0, 1)


def style(_args):
    return [checked(name, ninja(name)) for name in configure.STYLE_CHECKS]


def unit_result(target, built):
    """Counts (passed, failed) facts of one test program from the log it left."""
    # When some target failed, this one counts only if ninja has nothing left to do for it.
    if not built:
        out = run(["ninja", "-n", target], stdout=subprocess.PIPE, text=True).stdout
        built = "no work to do" in out
    log, stamp = ROOT / (target + ".log"), ROOT / target
    stale = stamp.exists() and not built
    text = log.read_text(errors="replace") if log.exists() and not stale else ""
    good = len(re.findall(r"^ok \d+", text, re.MULTILINE))
    bad = len(re.findall(r"^not ok \d+ (?!# SKIP)", text, re.MULTILINE))
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


def end_to_end(args):
    if not any((ROOT / "tests/e2e").rglob("test_*.py")):
        return []
    modes = ("release", "debug", "asan", "tsan")
    targets = [target for mode in modes for target in configure.programs_of(mode)]
    results = [checked("barge in all modes", ninja(*targets))]
    report = ROOT / "build/pytest.xml"
    report.unlink(missing_ok=True)
    command = [configure.venv_python(), "-m", "pytest", "tests/e2e", "-q", "--durations=10",
               f"--junit-xml={report}", "-m", "" if args.all else "not long"]
    command += ["-k", args.expression] if args.expression else []
    env = dict(os.environ, BARGE=str(ROOT / "build/release/barge"))
    env |= {f"BARGE_{mode.upper()}": str(ROOT / f"build/{mode}/barge") for mode in modes[1:]}
    code = run(command, env=env).returncode
    suite = xml.etree.ElementTree.parse(report).getroot().find("testsuite")
    tests, errors, failures, skipped = (int(suite.get(name, 0)) for name in
                                        ("tests", "errors", "failures", "skipped"))
    bad = errors + failures
    nothing_selected = code == 5 and args.expression
    if code != 0 and not nothing_selected:
        bad = max(bad, 1)
    return results + [(max(tests - errors - failures - skipped, 0), bad)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="the long ones too")
    parser.add_argument("-k", dest="expression", help="units and end to end, only what matches")
    args = parser.parse_args()
    groups = [] if args.expression else [("style", style)]
    groups += [(f"units, {mode}", units(mode)) for mode in configure.TESTED_MODES]
    groups += [("end to end", end_to_end)]
    passed = failed = 0
    for name, group in groups:
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
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
