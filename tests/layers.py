#!/usr/bin/env python3
"""Fails when a file includes what its level may not know.

Every room may include itself and rooms of a lower level, never a neighbour.  `--self-test`
proves that violations are seen.
"""
import re
import sys
import tempfile
from pathlib import Path

LEVELS = [{"queue"}, {"base"}, {"tahoe"}, {"net"}, {"store"}, {"verify"},
          {"plan", "read", "pool", "commit", "fetch", "audit"}, {"report"}, {"cli", "serve"}]
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}

# The embedded gateway is a program of its own and shares only these.
SERVE_MAY = {"queue", "base", "tahoe", "serve"}
# The one edge between neighbours: the command that starts the gateway.
EXCEPTIONS = {("cli", "serve/serve.h")}
# Headers of the system that one room wraps for everybody.
FENCED = {"pthread.h": "queue", "threads.h": "queue", "curl/curl.h": "net",
          "microhttpd.h": "serve", "cbor.h": "store", "yaml.h": "tahoe", "isa-l.h": "tahoe",
          "isa-l/erasure_code.h": "tahoe"}

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')


def reason_against(room, kind, name):
    """Why a file of `room` may not include `name`; None when it may."""
    if kind == "<":
        owner = FENCED.get(name, room)
        return None if owner == room else f"only {owner} includes <{name}>"
    if (room, name) in EXCEPTIONS:
        return None
    other = name.split("/")[0]
    if "/" not in name or other not in LEVEL:
        return f'"{name}" does not begin with a room'
    if other == room:
        return None
    if room == "serve" and other not in SERVE_MAY:
        return f"serve may not know {other}"
    if LEVEL[other] >= LEVEL[room]:
        return f"{room} (level {LEVEL[room]}) may not know {other} (level {LEVEL[other]})"
    return None


def complaints(root):
    for path in sorted([*root.glob("queue/*.[ch]"), *root.glob("src/**/*.[ch]")]):
        parts = path.relative_to(root).parts
        room = parts[0] if parts[0] == "queue" else parts[1]
        where = "/".join(parts)
        if room not in LEVEL:
            yield f"{where}:1: {room} has no level in tests/layers.py"
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            reason = match and reason_against(room, *match.groups())
            if reason:
                yield f"{where}:{number}: {reason}"


def self_test():
    """Each file below must be refused or accepted as its first word says."""
    cases = {
        "queue/a.c": '"base/bytes.h"', "src/base/a.c": '"tahoe/caps.h"',
        "src/plan/a.c": '"pool/pool.h"', "src/serve/a.c": '"net/http.h"',
        "src/cli/a.c": '"serve/other.h"', "src/report/a.h": "<pthread.h>",
        "src/pool/a.c": "<curl/curl.h>", "src/base/b.c": '"bytes.h"', "src/odd/a.c": '"odd/b.h"',
    }
    allowed = {
        "queue/b.c": '"queue/base.h"', "src/plan/b.c": '"store/store.h"',
        "src/cli/b.c": '"serve/serve.h"', "src/serve/b.c": '"tahoe/caps.h"',
        "src/net/b.c": "<curl/curl.h>", "queue/c.h": "<pthread.h>", "src/pool/b.c": "<stdio.h>",
    }
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, target in (cases | allowed).items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(f"\n#include {target}\n")
        refused = {line.split(":")[0] for line in complaints(root)}
    wrong = refused ^ set(cases)
    return [f"self-test: wrong about {name}" for name in sorted(wrong)]


def main():
    root = Path(__file__).resolve().parent.parent
    found = self_test() if "--self-test" in sys.argv[1:] else list(complaints(root))
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
