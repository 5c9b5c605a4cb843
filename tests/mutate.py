#!/usr/bin/env python3
"""Tries the tests by small changes to the code: `./configure.py test --mutate FILE...`.

Each change (a comparison turned, a condition negated, a constant moved, a statement dropped) is
made alone, in a clone of the last commit, and the C unit tests that link the file are run in
release; those that no unit test notices are tried with the end-to-end tests named by --with.  A
change that makes no difference to the machine code counts for nothing.  Which changes are made
follows from --seed, so that a run can be repeated.  With --syncs the changes are others: each call
that syncs something is taken out alone.
"""
import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
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
STATEMENT = re.compile(r"^\t+(?:\(void\))?(?:[\w>.\[\]*-]+\(.*\)|[*\w>.\[\]()-]+ [-+|&]?= .*);$")
UNIT_TIME, END_TO_END_TIME = 240, 400  # seconds for one change


@dataclass(frozen=True)
class Change:
    path: str
    line: int  # from 1
    before: str
    after: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.before.strip()}  ->  {self.after.strip() or ';'}"


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
    def __init__(self, place, end_to_end):
        self.root, self.end_to_end = Path(place) / "clone", end_to_end
        subprocess.run(["git", "clone", "-q", "--shared", ROOT, self.root], check=True)
        self.env = dict(os.environ, TMPDIR=str(place))
        programs = [p for mode in ("release", "debug") for p in configure.programs_of(mode)]
        if self.ninja("test-release", *(programs if end_to_end else []), seconds=3600) != "passed":
            sys.exit("the tests fail without any change")

    def run(self, *words, seconds, **options):
        try:
            done = subprocess.run(words, cwd=self.root, env=self.env | options, timeout=seconds,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True)
        except subprocess.TimeoutExpired:
            return "took too long"
        return "passed" if done.returncode == 0 else "failed"

    def ninja(self, *targets, seconds=UNIT_TIME):
        return self.run("ninja", "--quiet", *targets, seconds=seconds)

    def pytest(self):
        builds = [str(self.root / f"build/{mode}/barge") for mode in ("release", "debug")]
        names = ("BARGE", "BARGE_DEBUG", "BARGE_ASAN", "BARGE_TSAN")
        return self.run(configure.venv_python(), "-m", "pytest", "-q", "-x", "-m", "not long",
                        *self.end_to_end, seconds=END_TO_END_TIME,
                        **dict(zip(names, [*builds, builds[1], builds[0]])))

    def code(self, change):
        return subprocess.run(["objdump", "-d", "--no-show-raw-insn", object_of(change.path)],
                              cwd=self.root, capture_output=True, text=True).stdout

    def try_change(self, change):
        """Returns "no code" where it does not compile, "no difference", "units", "end to end", or
        "survived"."""
        path = self.root / change.path
        text, code = path.read_text(), self.code(change)
        lines = text.split("\n")
        lines[change.line - 1] = change.after
        path.write_text("\n".join(lines))
        try:
            if self.ninja(object_of(change.path)) != "passed":
                return "no code"
            if self.code(change) == code:
                return "no difference"
            if self.ninja("test-release") != "passed":
                return "units"
            if self.end_to_end:
                programs = [p for m in ("release", "debug") for p in configure.programs_of(m)]
                if self.ninja(*programs) != "passed" or self.pytest() != "passed":
                    return "end to end"
            return "survived"
        finally:
            path.write_text(text)
            self.ninja(object_of(change.path))


def report(results):
    print(f"\n{'file':40} {'units':>6} {'e2e':>6} {'lived':>6} {'killed':>7}")
    for path in sorted({change.path for change in results}):
        ends = [end for change, end in results.items() if change.path == path]
        units, e2e, lived = (ends.count(end) for end in ("units", "end to end", "survived"))
        share = 100 * (units + e2e) // max(units + e2e + lived, 1)
        print(f"{path:40} {units:6} {e2e:6} {lived:6} {share:6}%")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="+", help="C files, as src/land/arrival.c")
    parser.add_argument("--count", type=int, default=40, help="changes in all (40)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--syncs", action="store_true", help="take out what syncs, all of it")
    parser.add_argument("--with", dest="end_to_end", nargs="*", default=[], metavar="TEST",
                        help="end-to-end tests for what units do not notice")
    args = parser.parse_args()
    forms = syncs_of_line if args.syncs else changes_of_line
    known = [change for path in args.file for change in changes_of(path, forms)]
    count = len(known) if args.syncs else min(args.count, len(known))
    chosen = random.Random(args.seed).sample(known, count)
    results = {}
    with tempfile.TemporaryDirectory(prefix="barge-mutate-") as place:
        os.chmod(place, 0o1777)  # some tests run as another user
        clone = Clone(place, args.end_to_end)
        print(f"{len(chosen)} of {len(known)} changes, seed {args.seed}", flush=True)
        for change in sorted(chosen, key=lambda one: (one.path, one.line)):
            results[change] = clone.try_change(change)
            print(f"{results[change]:14} {change}", flush=True)
    report(results)
    return 1 if "survived" in results.values() else 0


if __name__ == "__main__":
    sys.exit(main())
