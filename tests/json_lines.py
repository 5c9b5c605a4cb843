"""docs/json.md as a table, and lines held against it: `barge cp --json` prints what it says."""
import os
import re
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs/json.md"
NUMBERS = {"count", "bytes", "number", "ns", "unix", "rate", "seconds"}
PATTERNS = {"hex": r"[0-9a-f]+", "mode": r"[0-7]+", "utc": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"}


def read_page(text):
    """{command: {kind of line: {field: type}}}; a kind is ("event", "entry"), or None for lines
    that have no such word."""
    tables, fields = {}, None
    for line in text.splitlines():
        if line.startswith("## "):
            commands = re.findall(r"`([^`]+)`", line)
            fields = None
        elif line.startswith("### "):
            kind = re.search(r'`"(\w+)":"([^"]+)"`', line)
            fields = {}
            for command in commands:
                tables.setdefault(command, {})[kind.groups() if kind else None] = fields
        elif fields is not None and line.startswith("| `"):
            names, kind = (cell.strip() for cell in line.split("|")[1:3])
            for name in re.findall(r"`([^`]+)`", names):
                assert name not in fields, f"{commands}: {name} twice"
                fields[name] = kind
    tables["jobs show"] |= tables["jobs"]
    return tables


TABLES = read_page(PAGE.read_text())


def command_of(words):
    """The heading under which the lines of a command line are."""
    plain = [os.fsdecode(word) for word in words if not os.fsdecode(word).startswith("-")]
    two = " ".join(plain[:2])
    return "resume" if two == "jobs retry" else two if two in TABLES else plain[0]


def kind_of(line):
    return next(((word, line[word]) for word in ("event", "record", "type") if word in line), None)


def flat(line, known):
    """The line's fields by their names on the page: those of an object behind a point, as `name.*`
    where the page has that."""
    for name, value in line.items():
        if f"{name}.*" in known:
            yield from ((f"{name}.*", below) for below in value.values())
        elif isinstance(value, dict):
            yield from ((f"{name}.{below}", one) for below, one in value.items())
        else:
            yield name, value


def fits(kind, value):
    if kind in NUMBERS:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole or (kind in ("seconds", "rate") and isinstance(value, float))
    if kind == "bool" or kind in ("list", "object"):
        return isinstance(value, {"bool": bool, "list": list, "object": dict}[kind])
    return isinstance(value, str) and re.fullmatch(PATTERNS.get(kind, ".*"), value, re.DOTALL)


def check(command, line):
    """Asserts that the page has the line as it is; returns (its kind, the names of its fields)."""
    kind = kind_of(line)
    known = TABLES.get(command, {}).get(kind)
    assert known is not None, f"docs/json.md has no line {kind} of {command}: {line}"
    found = list(flat({k: v for k, v in line.items() if not kind or k != kind[0]}, known))
    for name, value in found:
        assert name in known, f"docs/json.md lacks {name} of {command} {kind}: {line}"
        assert fits(known[name].rstrip("?"), value) or name == "verdict.*", \
            f"{name} of {command} {kind} is no {known[name]}: {value!r}"
    names = {name for name, _ in found}
    missing = {name for name, type_ in known.items() if not type_.endswith("?")} - names
    missing -= {name for name in missing if name.endswith(".*")}
    if line.get("state") != "damaged" or command != "show":
        assert not missing, f"{command} {kind} has not {missing}: {line}"
    return kind, names
