"""docs/json.md, the other way round: each field that it has is printed by somebody.

That nothing is printed which it has not is looked at wherever a test reads lines (runner.py).
"""
import base64
import json
import os
import resource

import json_lines
from test_filesystems import shim  # noqa: F401 (a fixture)
from tree import content

STAMPS = [f"2026-11-{day:02}_01:00:00Z" for day in (1, 2, 3)]
LOST = "URI:CHK:" + "a" * 26 + ":" + "a" * 52 + ":1:1:300"
LOST_CHUNK = LOST.replace("a" * 26, "b" * 25 + "a")
LOST_DIRECTORY = LOST.replace("CHK", "DIR2-CHK")


def edge(cap, **metadata):
    kind = "dirnode" if cap.startswith("URI:DIR2") else "filenode"
    return [kind, {"ro_uri": cap, "metadata": metadata}]


def directory(grid, **children):
    return grid.web("POST", "/uri?t=mkdir-immutable", json.dumps(children)).decode()


def no_large_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))


def make_source(path):
    (path / "d").mkdir(parents=True)
    (path / "a").write_bytes(content(900))
    (path / "d/b").write_bytes(content(80_000))
    (path / "link").symlink_to("a")
    (path / "followed").symlink_to(".")
    return path


# What is found is looked at, and not the status: that is for the tests of each command.

def copies(barge, grid, tmp_path):
    source = make_source(tmp_path / "s")
    alias, _ = grid.fresh()
    barge.run("cp", "-r", "--json", "--max-transfer=100", "-j1", source, alias)
    barge.run("jobs", "--json")
    barge.run("resume", "--json")
    barge.run("cp", "-r", "--json", "--symlinks=follow", "--new", source, alias)
    barge.run("cp", "-rn", "--json", source, alias)
    barge.run("jobs", "show", "--json", barge.job().name)
    barge.run("verify", "--json", barge.job().name)
    barge.run("cp", "-r", "--json", "--all-or-nothing", "--new", source, alias + "n")
    barge.run("ls", "--json", alias, alias + "s")
    barge.run("ls", "--json", "--caps", alias, secret=True)
    (source / "a").write_bytes(b"other")
    (source / "new").touch()
    barge.run("diff", "--json", source, alias + "s")
    barge.run("cp", "-r", "--json", alias + "s", tmp_path / "back",
             preexec_fn=no_large_files)
    barge.run("resume", "--retry", "--json", barge.job().name)
    killed(barge, alias + "s", tmp_path / "half")
    # An access list that is none cannot be set.
    name, value = b"system.posix_acl_access", b"not an access list"
    packed = bytes([len(name)]) + len(value).to_bytes(2, "little") + name + value
    bad = edge(grid.put(content(300)), mtime=1.0, st_mode=0o100644,
               barge={"attributes": base64.b64encode(packed).decode()})
    alias, _ = grid.fresh({"bad": directory(grid, a=bad)})
    barge.run("cp", "-r", "--json", alias + "bad", tmp_path / "bad")


def killed(barge, source, target):
    """A job as a kill leaves it, with a temporary file at its local target."""
    barge.run("cp", "-rT", "--json", "--max-transfer=1", "-j1", source, target)
    (target / f".barge-{barge.job().name[:16]}-2").touch()
    barge.run("jobs", "--json")


def plans(barge, grid, tmp_path):
    source, plan = make_source(tmp_path / "p"), tmp_path / "p.plan"
    os.mkfifo(source / "fifo")
    alias, _ = grid.fresh()
    barge.run("plan", "-r", "--json", "--symlinks=follow", "--exclude=*.o", "--chunk=64K", "-o",
             plan, source, alias + "made")
    barge.run("show", "--json", plan, node=False)
    barge.run("run", "--json", plan)
    barge.run("jobs", "--json")
    for job in barge.jobs():
        barge.run("show", "--json", job / "outcomes", node=False)
        barge.run("show", "--json", "--caps", job / "outcomes", node=False, secret=True)


def backups(barge, grid, tmp_path):
    good, bad = grid.put(content(500)), edge(LOST)
    one = directory(grid, a=edge(good, mtime=1.0, st_mode=0o100644), gone=edge(good))
    chunks = directory(grid, **{"1": edge(grid.put(content(5000))), "2": edge(LOST_CHUNK)})
    large = edge(chunks, barge={"chunked": {"size": 5300, "version": 1}})
    two = directory(grid, large=large, a=edge(grid.put(content(400)), mtime=1.0, st_mode=0o100644), bad=bad,
                    unread=edge(LOST_DIRECTORY))
    archives = grid.mkdir(dict(zip(STAMPS, (one, two, one))) | {"notes": good})
    alias, _ = grid.fresh({"Archives": archives, "Latest": one})
    barge.run("backup", "--json", make_source(tmp_path / "b"), alias)
    barge.run("snapshots", "--json", "-l", alias)
    barge.run("snapshots", "--json", "--caps", alias, secret=True)
    barge.run("snapshots", "find", "--json", alias, "a")
    barge.run("snapshots", "diff", "--json", alias, *STAMPS[:2])
    barge.run("snapshots", "check", "--json", alias, STAMPS[1])
    barge.run("forget", "--json", "--keep-last=1", alias)


def faults(barge, grid, tmp_path):
    """Where the gateway refuses some of it."""
    source = make_source(tmp_path / "f")
    (source / "link").unlink()
    (source / "followed").unlink()
    barge.run("cp", "-r", "--json", source, "tahoe:")
    barge.run("verify", "--json", "--verify=read", "tahoe:")
    barge.run("repair", "--json", "tahoe:")


def damage(barge, grid, tmp_path):
    """A slot that cannot be believed."""
    copy = tmp_path / "outcomes"
    data = bytearray((barge.job() / "outcomes").read_bytes())
    data[4096 + 128 + 20] ^= 1
    copy.write_bytes(data)
    barge.run("show", "--json", copy, node=False)


def remarks(barge, grid, tmp_path, lacking):
    """An attribute that the target cannot keep."""
    (alias, _), there, dull = grid.fresh(), tmp_path / "dressed", tmp_path / "dull"
    there.mkdir()
    dull.mkdir()
    (there / "f").write_bytes(content(80))
    os.setxattr(there / "f", "user.a", b"1")
    barge.run("cp", "-rTX", there, alias + "d")
    barge.run("cp", "-rT", "--json", alias + "d", dull, env=lacking(dull, "noxattr"))


def benches(barge, grid, tmp_path):
    alias, _ = grid.fresh()
    run = barge.run("bench", "put", "--json", "--sizes=4K", "--duration=2", "-j1", alias)
    (tmp_path / "one.json").write_text(run.out)
    barge.run("plan", "-r", "-o", tmp_path / "one.plan", tmp_path / "s", alias)
    barge.run("bench", "put", "--json", f"--shape={tmp_path}/one.plan", "--objects=4", "-j1", alias)
    barge.run("bench", "compare", "--json", tmp_path / "one.json", tmp_path / "one.json", node=False)


def keys(barge, grid, tmp_path):
    (tmp_path / "key").write_bytes(content(77))
    root = f"--root={grid.fresh()[0]}"
    key = "SHA1-s77--ab"
    for words in [("store", key, tmp_path / "key", "--chunk=40"), ("check", key), ("log", key),
                  ("list",), ("verify",)]:
        barge.run("key", *words, root, f"--node-directory={grid.directory}", "--json")


def test_each_field_of_the_page_is_printed(embedded, gateway, client, shim, tmp_path):
    barge = client(embedded)
    remarks(barge, embedded, tmp_path, shim)
    for scene in copies, keys, benches, plans, backups, damage:
        scene(barge, embedded, tmp_path)
    grid = gateway("put:500@1-3", "get:wrong-body")
    other = client(grid)
    faults(other, grid, tmp_path)
    seen = {}
    for (command, kind), names in [*barge.seen.items(), *other.seen.items()]:
        seen.setdefault(id(json_lines.TABLES[command][kind]), set()).update(names)
    unseen = {(command, kind, name) for command, kinds in json_lines.TABLES.items()
              for kind, fields in kinds.items() for name in fields
              if name not in seen.get(id(fields), ())}
    assert not unseen, "never printed: " + "; ".join(map(str, sorted(unseen, key=str)))
