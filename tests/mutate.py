#!/usr/bin/env python3
"""Tries the tests by small changes to the code: `./configure.py test --mutate FILE...`.

Each change (a comparison turned, a condition negated, a constant moved, a statement dropped) is
made alone, in a clone of the last commit: only its object is compiled, and the C unit tests that
link it are linked and run in release, until one fails: first those named after the file, then
those that noticed other changes of it, then those that link the least.  What they write goes to
memory where there is /dev/shm.  What no unit test notices is tried with the three nearest linked
with the leak sanitizer, and then with the end-to-end tests named by --with.

A change that makes no difference to the object counts for nothing, and neither does one of an
assertion, of the wiping of memory or of the end of a lock, without which a right program does the
same, nor one that stands in tests/equivalent.txt: four fields between tabs, the file, the line
before and after, and why nobody could see a difference.  Which changes are made follows from --seed
and the file, so that a run can be repeated.  With --syncs the changes are others: each call that
syncs something is taken out alone.
"""
import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
import configure

TURNED = {"==": "!=", "!=": "==", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "&&": "||",
          "||": "&&", "+": "-", "-": "+"}
OPERATOR = re.compile(r" (==|!=|<=|>=|<|>|&&|\|\||\+|-) ")
NUMBER = re.compile(r"(?<![\w.])(\d+)(?![\w.])")
CONDITION = re.compile(r"^\t+(?:\} else )?(?:if|while) \((.*)\)(?: \{)?$")
SYNC = re.compile(r"\b(?:f(?:data)?sync|syncfs|file_sync\w*|(?:outcomes|manifest)_sync)\(")
# What a right program does as well without: assertions, wiping memory, destroying locks.
UNSEEN = re.compile(r"\b(assert|explicit_bzero|\w+_wipe|mutex_fini|cond_fini)\(")
STATEMENT = re.compile(r"^\t+(?:\(void\))?(?:[\w>.\[\]*-]+\(.*\)|[*\w>.\[\]()-]+ [-+|&]?= .*);$")
END_TO_END_TIME = 400  # seconds for one change
MEMORY = Path("/dev/shm")
EQUIVALENT = ROOT / "tests/equivalent.txt"


@dataclass(frozen=True)
class Change:
    path: str
    line: int  # from 1
    before: str
    after: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.before.strip()}  ->  {self.after.strip()}"

    def words(self):
        """What a line of EQUIVALENT names: it holds wherever in the file the line stands."""
        return self.path, self.before.strip(), self.after.strip()


def masked(text):
    """The text with comments, strings and directives as blanks of the same length."""
    blank = lambda found: re.sub(r"[^\n]", " ", found.group())
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|^#[^\n]*'
    return re.sub(pattern, blank, text, flags=re.DOTALL | re.MULTILINE)


def moved(number):
    return f"0{int(number, 8) + 1:o}" if number[0] == "0" and number != "0" else str(int(number) + 1)


def changes_of_line(line, code):
    """All changed forms of a line whose comments and strings are blank in `code`."""
    for found in OPERATOR.finditer(code):
        yield line[:found.start(1)] + TURNED[found.group(1)] + line[found.end(1):]
    for found in NUMBER.finditer(code):
        yield line[:found.start()] + moved(found.group()) + line[found.end():]
    found = CONDITION.match(code.rstrip())
    if found and found.group(1).count("(") == found.group(1).count(")"):
        yield line[:found.start(1)] + "!(" + line[found.start(1):found.end(1)] + ")" \
            + line[found.end(1):]
    if STATEMENT.match(code.rstrip()):
        yield re.match(r"\t+", line).group() + ";"


def syncs_of_line(line, code):
    """The line without a call that syncs something, which is believed to have succeeded."""
    for found in SYNC.finditer(code):
        end, depth = found.end(), 1
        while depth and end < len(code):
            depth += {"(": 1, ")": -1}.get(code[end], 0)
            end += 1
        if not depth:
            yield line[:found.start()] + "0" + line[end:]


def changes_of(path, forms=changes_of_line):
    """The changes of what stands inside functions of a file; `forms` of a line."""
    text = (ROOT / path).read_text()
    inside = False
    for number, (line, code) in enumerate(zip(text.split("\n"), masked(text).split("\n")), 1):
        if inside and not code.startswith("}"):
            yield from (Change(path, number, line, after) for after in forms(line, code))
        inside = code.startswith("{") or (inside and not code.startswith("}"))


def object_of(path):
    return configure.obj(path).replace("$obj", "build/release")


class Clone:
    """The last commit, built in a place of its own."""
    def __init__(self, place, scratch, files, end_to_end):
        self.root, self.end_to_end = Path(place) / "clone", end_to_end
        self.update()
        self.env = dict(os.environ, TMPDIR=str(scratch))
        tree = configure.Tree(self.root)
        linked = {Path(test).stem: tree.closure(test) for test in tree.tests}
        self.tests = {path: [test for test in linked if path in linked[test]] for path in files}
        self.closure = {test: len(linked[test]) for test in linked}
        self.noticed = defaultdict(Counter)  # of a file: how many changes a test noticed
        tests = sorted(set().union(*self.tests.values()))
        built = [f"build/release/{test}" for test in tests]
        if end_to_end:
            built += [p for mode in ("release", "debug") for p in configure.programs_of(mode)]
        if self.run("ninja", "--quiet", *built, *map(object_of, files), seconds=3600) != "passed":
            sys.exit("it does not build without any change")
        self.command = {out: self.command_of(out) for out in [*built, *map(object_of, files)]}
        self.seconds = {}  # of a test without a change, once it was run

    def update(self):
        """Makes the clone what the last commit is; one of an earlier run keeps its objects."""
        if not self.root.exists():
            subprocess.run(["git", "clone", "-q", "--shared", ROOT, self.root], check=True)
        # What is as it was keeps its time, also in a clone that was copied.
        subprocess.run(["git", "update-index", "-q", "--refresh"], cwd=self.root)
        for words in (["fetch", "-q", ROOT, "HEAD"], ["checkout", "-q", "-f", "FETCH_HEAD"]):
            subprocess.run(["git", *words], cwd=self.root, check=True)

    def command_of(self, out):
        return subprocess.run(["ninja", "-t", "commands", "-s", out], cwd=self.root, check=True,
                              capture_output=True, text=True).stdout.strip()

    def limit(self, test):
        """Seconds after which a test hangs, by what it takes without a change; 0: it fails."""
        if test not in self.seconds:
            begun = time.monotonic()
            passes = self.run(f"./build/release/{test}", seconds=300) == "passed"
            self.seconds[test] = time.monotonic() - begun if passes else -2
            if not passes:
                print(f"left out, as it fails without any change: {test}", flush=True)
        return 10 + 5 * self.seconds[test]

    def run(self, *words, seconds, **options):
        try:
            done = subprocess.run(words, cwd=self.root, env=self.env | options, timeout=seconds,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return "took too long"
        return "passed" if done.returncode == 0 else "failed"

    def make(self, out, **options):
        return self.run("sh", "-c", self.command[out], seconds=300, **options) == "passed"

    def put(self, path, text):
        """Changes a file, and makes its object.  Returns whether it compiles."""
        (self.root / path).write_text(text)
        return self.make(object_of(path))

    def pytest(self):
        builds = [str(self.root / f"build/{mode}/barge") for mode in ("release", "debug")]
        names = ("BARGE", "BARGE_DEBUG", "BARGE_ASAN", "BARGE_TSAN")
        return self.run(configure.venv_python(), "-m", "pytest", "-q", "-x", "-m", "not long",
                        *self.end_to_end, seconds=END_TO_END_TIME,
                        **dict(zip(names, [*builds, builds[1], builds[0]])))

    def code(self, path):
        """Code and data of an object, without what only debuggers read."""
        stripped = self.root / "build/stripped.o"
        subprocess.run(["objcopy", "--strip-debug", object_of(path), stripped], cwd=self.root,
                       check=True)
        return stripped.read_bytes()

    def in_order(self, path):
        """The tests of a file, those first that are likely to notice a change soon."""
        stem = Path(path).stem
        def rank(test):
            name = test.removeprefix("test_")
            near = [name == stem, name.startswith(stem + "_") or stem.startswith(name + "_"),
                    name.split("_")[0] == stem.split("_")[0], True].index(True)
            return near, -self.noticed[path][test], self.closure[test]
        return sorted(self.tests[path], key=rank)

    def unit_that_notices(self, path, seconds):
        """The first test that fails, or None after `seconds` of tests."""
        end = time.monotonic() + seconds
        for test in self.in_order(path):
            if time.monotonic() > end:
                return None
            limit = self.limit(test)
            if limit <= 0:
                continue
            if not self.make(f"build/release/{test}") \
                    or self.run(f"./build/release/{test}", seconds=limit) != "passed":
                self.noticed[path][test] += 1
                return test
        return None

    def leaking(self, path):
        """Which of the nearest tests fail when they are linked with the leak sanitizer."""
        failed = set()
        for test in self.in_order(path)[:3]:
            if (limit := self.limit(test)) <= 0:
                continue
            if not self.make(f"build/release/{test}", LDFLAGS="-fsanitize=leak") \
                    or self.run(f"./build/release/{test}", seconds=limit) != "passed":
                failed.add(test)
        return failed

    def try_change(self, change, seconds):
        """Returns "no code" where it does not compile, "no difference", "units", "leaks", "end to
        end", or "survived"; and which unit test."""
        path = change.path
        text, code = (self.root / path).read_text(), self.code(path)
        lines = text.split("\n")
        lines[change.line - 1] = change.after
        changed = "\n".join(lines)
        try:
            if not self.put(path, changed):
                return "no code", ""
            if self.code(path) == code:
                return "no difference", ""
            if test := self.unit_that_notices(path, seconds):
                return "units", test
            leaks = self.leaking(path)
            if leaks and self.put(path, text) and (leaks := leaks - self.leaking(path)):
                return "leaks", min(leaks)
            if self.end_to_end and self.put(path, changed):
                programs = [p for m in ("release", "debug") for p in configure.programs_of(m)]
                built = self.run("ninja", "--quiet", *programs, seconds=300)
                if built != "passed" or self.pytest() != "passed":
                    return "end to end", ""
            return "survived", ""
        finally:
            self.put(path, text)


def known_equivalent():
    lines = EQUIVALENT.read_text().splitlines() if EQUIVALENT.exists() else []
    return {tuple(line.split("\t")[:3]) for line in lines if line and line[0] != "#"}


def report(results):
    print(f"\n{'file':40} {'units':>6} {'leaks':>6} {'e2e':>6} {'lived':>6} {'equiv.':>6} "
          f"{'killed':>7}")
    sums = Counter()
    for path in [*sorted({change.path for change in results}), "all"]:
        ends = sums if path == "all" else \
            Counter(end for change, end in results.items() if change.path == path)
        killed, lived = ends["units"] + ends["leaks"] + ends["end to end"], ends["survived"]
        share = 100 * killed // max(killed + lived, 1)
        print(f"{path:40} {ends['units']:6} {ends['leaks']:6} {ends['end to end']:6} {lived:6} "
              f"{ends['equivalent']:6} {share:6}%")
        sums += ends if path != "all" else Counter()


def chosen_of(path, args):
    """The changes of a file that are tried."""
    changes = list(changes_of(path, syncs_of_line if args.syncs else changes_of_line))
    if args.lines:
        return [change for change in changes if change.line in args.lines]
    if args.syncs:
        return changes
    some = random.Random(f"{args.seed} {path}").sample(changes, min(args.each, len(changes)))
    return sorted(some, key=lambda change: change.line)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="+", help="C files, as src/land/arrival.c")
    parser.add_argument("--each", type=int, default=20, metavar="N",
                        help="at most N changes of each file (20)")
    parser.add_argument("--seed", type=int, default=1, help="another choice of changes")
    parser.add_argument("--lines", type=lambda words: {int(word) for word in words.split(",")},
                        metavar="N,N", help="all changes of these lines instead")
    parser.add_argument("--seconds", type=float, default=60, metavar="N",
                        help="time for the unit tests of one change (60)")
    parser.add_argument("--keep", metavar="DIR", help="where the clone stays, for other runs")
    parser.add_argument("--syncs", action="store_true", help="take out what syncs, all of it")
    parser.add_argument("--with", dest="end_to_end", nargs="*", default=[], metavar="TEST",
                        help="end-to-end tests for what units do not notice")
    args = parser.parse_args()
    chosen = [change for path in args.file for change in chosen_of(path, args)]
    equivalent, results = known_equivalent(), {}
    scratch = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="barge-mutate-") as place, \
            tempfile.TemporaryDirectory(prefix="barge-mutate-", dir=scratch) as fast:
        os.chmod(place, 0o1777)  # some tests run as another user
        os.chmod(fast, 0o1777)
        clone = Clone(args.keep or place, fast, args.file, args.end_to_end)
        print(f"{len(chosen)} changes, seed {args.seed}", flush=True)
        for change in chosen:
            if change.words() in equivalent or UNSEEN.search(change.before):
                results[change], test = "equivalent", ""
            else:
                results[change], test = clone.try_change(change, args.seconds)
            print(f"{results[change]:14} {change}" + (f"  ({test})" if test else ""), flush=True)
    report(results)
    return 1 if "survived" in results.values() else 0


if __name__ == "__main__":
    sys.exit(main())
