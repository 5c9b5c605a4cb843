#!/usr/bin/env python3
"""Fails when a file includes what its level may not know.

Every room may include itself and rooms of a lower level, never a neighbour.  `--self-test`
proves that violations are seen.
"""
import re
import sys
import tempfile
from pathlib import Path

# Rooms, low to high; docs/design.md draws them.  A room is a folder of src, or a part of queue.
LEVELS = [{"queue/core"}, {"queue/file"}, {"queue", "base"},
          {"files", "net", "select", "tahoe", "report", "snapshot", "chunk"}, {"node", "store", "decide", "measure"},
          {"direct", "calls", "known"},
          {"plan", "recheck", "verify"}, {"read", "commit", "audit", "compare", "options"},
          {"land", "upload", "place"}, {"download", "job", "archive", "keys", "bench"}, {"engine"}, {"backup", "annex"},
          {"cli", "serve"}]
LEVEL = {room: level for level, rooms in enumerate(LEVELS, 1) for room in rooms}

# The embedded gateway is a program of its own and shares only these.
SERVE_MAY = {"queue/core", "queue", "base", "tahoe", "node", "report", "serve"}
# Headers of the system that one room wraps for everybody.
FENCED = {"pthread.h": "queue/core", "threads.h": "queue/core", "curl/curl.h": "net",
          "microhttpd.h": "serve", "cbor.h": "direct", "yaml.h": "node", "isa-l.h": "tahoe",
          "isa-l/erasure_code.h": "tahoe", "sqlite3.h": "known"}

PARTS_OF_QUEUE = {"core", "file"}
# Headers of the queue that are data and interfaces alone: they count as the lowest room.
PLAIN = {"queue/entry.h", "queue/outcome.h", "queue/outcomes.h", "queue/writer.h"}
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')


def room_of(parts):
    """The room of a path given as its parts below the root, or below src."""
    if "/".join(parts) in PLAIN:
        return "queue/core"
    if parts[0] == "queue" and len(parts) > 2 and parts[1] in PARTS_OF_QUEUE:
        return "/".join(parts[:2])
    return parts[0]


def reason_against(room, kind, name):
    """Why a file of `room` may not include `name`; None when it may."""
    if kind == "<":
        owner = FENCED.get(name, room)
        return None if owner == room else f"only {owner} includes <{name}>"
    other = room_of(name.split("/"))
    if "/" not in name or other not in LEVEL:
        return f'"{name}" does not begin with a room'
    if other == room:
        return None
    if room == "serve" and other not in SERVE_MAY:
        return f"serve may not know {other}"
    if other == "queue/file" and room != "queue":
        return "only queue knows the files of a job"
    if LEVEL[other] >= LEVEL[room]:
        return f"{room} (level {LEVEL[room]}) may not know {other} (level {LEVEL[other]})"
    return None


def complaints(root):
    for path in sorted([*root.glob("queue/**/*.[ch]"), *root.glob("src/**/*.[ch]")]):
        parts = path.relative_to(root).parts
        room = room_of(parts if parts[0] == "queue" else parts[1:])
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
        "src/plan/a.c": '"upload/upload.h"', "src/serve/a.c": '"net/http.h"',
        "src/cli/a.c": '"serve/other.h"', "src/report/a.h": "<pthread.h>",
        "src/upload/a.c": "<curl/curl.h>", "src/base/b.c": '"bytes.h"', "src/odd/a.c": '"odd/b.h"',
        "queue/core/a.c": '"queue/file/frame.h"', "queue/file/a.c": '"queue/queue.h"',
        "src/report/b.c": '"queue/file/frame.h"',
        "queue/a.h": "<pthread.h>", "src/base/c.c": '"queue/queue.h"',
    }
    allowed = {
        "queue/b.c": '"queue/core/base.h"', "src/plan/b.c": '"store/store.h"',
        "queue/file/b.c": '"queue/core/base.h"', "src/serve/b.c": '"tahoe/caps.h"',
        "src/net/b.c": "<curl/curl.h>", "queue/core/c.h": "<pthread.h>",
        "src/upload/b.c": "<stdio.h>", "src/engine/b.c": '"queue/queue.h"',
        "queue/c.c": '"queue/file/frame.h"', "queue/file/c.c": '"queue/writer.h"',
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
