#!/usr/bin/env python3
"""Fails when a file, a C function or a line grows too long, a header's sections run together, or
two files of the program define different structs of one name.
A function is what lies between a `{` and a `}` in the first column, as clang-format leaves it.
The sections of a header's comment (Place, Ownership, Threads ...) each begin a line of their own,
and what goes on in the next line stands below their text.
`-v` also names what is on its way to be too long.  `--self-test` proves that violations are seen.
"""
import re
import sys
import tempfile
from pathlib import Path

FILE_MAX, FILE_AIM = 600, 400  # lines
FUNCTION_MAX, FUNCTION_AIM = 70, 40  # lines between the braces
COLUMNS = 100  # of C, with tabs of eight: clang-format leaves comments as they are
SKIP = {"build", ".git", "__pycache__", "venv"}
STRUCT = re.compile(r"^struct (\w+) \{", re.MULTILINE)
SECTION = r"(?:Place|Ownership|Threads|Backends|Memory)"
SECTION_LINE = re.compile(rf" \* {SECTION} +\S")
SECTION_INSIDE = re.compile(rf"^ \*.*\S +{SECTION}(?:  +\S|$)"
                            r"|^ \*.*\. +(?:Place|Ownership|Threads) +[a-z]")
SECTION_ON = re.compile(r" \* {12}\S")


def functions(lines):
    """Yields (line number of the brace, count of lines between the braces)."""
    start = None
    for number, line in enumerate(lines, 1):
        if line.rstrip() == "{":
            start = number
        elif line.startswith("}") and start is not None:
            yield start, number - start - 1
            start = None


def longer(root, file_limit, function_limit):
    for path in sorted(p for p in root.rglob("*") if p.suffix in (".c", ".h", ".py")):
        where = path.relative_to(root)
        if SKIP & set(where.parts):
            continue
        lines = path.read_text(errors="replace").splitlines()
        if len(lines) > file_limit:
            yield f"{where}:{len(lines)}: a file of {len(lines)} lines, over {file_limit}"
        if path.suffix == ".py":
            continue
        for number, line in enumerate(lines, 1):
            if len(line.expandtabs(8)) > COLUMNS:
                yield f"{where}:{number}: a line of {len(line.expandtabs(8))} columns"
        for start, count in functions(lines):
            if count > function_limit:
                yield f"{where}:{start}: a function of {count} lines, over {function_limit}"


def unsectioned(root):
    """Yields the lines of a header's first comment whose sections are not on lines of their own."""
    for path in sorted(root.rglob("*.h")):
        where = path.relative_to(root)
        if SKIP & set(where.parts):
            continue
        within = False
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if SECTION_INSIDE.search(line):
                yield f"{where}:{number}: a section begins inside a line"
            if line.startswith(" */"):
                break
            if SECTION_LINE.match(line):
                within = True
            elif line == " *" or line.startswith((" *   ", " * Source:")):
                within = within and bool(SECTION_ON.match(line))
            elif within:
                yield f"{where}:{number}: the line goes on with a section, but not below its text"


def twice_defined(root):
    """Yields structs that two files of queue/ and src/ define: a debugger could not tell them."""
    first = {}
    for path in sorted([*root.glob("queue/**/*.[ch]"), *root.glob("src/**/*.[ch]")]):
        where = path.relative_to(root)
        for name in STRUCT.findall(path.read_text(errors="replace")):
            program = "barge-gateway" if "serve" in where.parts else "barge"
            before = first.setdefault((program, name), where)
            if before != where:
                yield f"{where}:1: struct {name} is defined in {before} too"


def function_of(count):
    return "int f(void)\n{\n" + "\tg();\n" * count + "}\n"


def header_of(*lines):
    return "/*\n" + "".join(f" * {line}".rstrip() + "\n" for line in lines) + " */\n#pragma once\n"


def complaints(root):
    return [*longer(root, FILE_MAX, FUNCTION_MAX), *unsectioned(root), *twice_defined(root)]


def self_test():
    long_table = "static const int t[] = {\n" + "\t1,\n" * (FUNCTION_MAX + 1) + "};\n"
    bad = {"a.c": "\n" * (FILE_MAX + 1), "b.py": "\n" * (FILE_MAX + 1),
           "c.c": function_of(FUNCTION_MAX + 1), "d.h": function_of(1) + "\n"
           + function_of(FUNCTION_MAX + 1),
           "n.c": "/* " + "x" * COLUMNS + " */\n", "o.h": "\t\t/* " + "x" * 80 + " */\n",
           "i.h": header_of("A thing.", "", "Place      here -> there. Threads    one."),
           "j.h": header_of("A thing.", "", "Place      here. Ownership none.  Threads", "one."),
           "k.h": header_of("A thing.", "", "Place      here ->", "there."),
           "src/b/twin.c": "struct twin {\n\tint a;\n};\n"}
    good = {"e.c": "\n" * FILE_MAX, "f.c": function_of(FUNCTION_MAX), "g.c": long_table,
            "p.c": "\t" * 12 + "y();\n",
            "queue/twin.h": "#pragma once\nstruct twin {\n\tint a;\n};\nstruct other;\n",
            "src/serve/twin.c": "struct twin {\n\tint a;\n};\nstruct other {\n\tint b;\n};\n",
            "build/h.c": "\n" * (FILE_MAX + 1), "build/l.h": "/*\n * A. Place      here.\n */\n",
            "m.h": header_of("Threads that run.", "", "Place      here ->", "           there.",
                             "Threads    one.", "", "Threads are named.")}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in (bad | good).items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        lines = complaints(root)
        refused = {line.split(":")[0] for line in lines}
    return [f"self-test: wrong about {name}" for name in sorted(refused ^ set(bad))]


def main():
    root = Path(__file__).resolve().parent.parent
    if "--self-test" in sys.argv[1:]:
        found = self_test()
    else:
        found = complaints(root)
    if "-v" in sys.argv[1:]:
        print(*longer(root, FILE_AIM, FUNCTION_AIM), sep="\n")
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
