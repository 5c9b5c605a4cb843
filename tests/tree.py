"""Trees as tests see them: {"path/of/a/file": (size, sha256), "path/of/a/directory": None}.

make_tree builds the reference tree that every kind of copy must carry.
"""
import hashlib
import os
import random
from pathlib import Path


def content(size, seed=0):
    """The same `size` random bytes every time."""
    return random.Random(size * 1000 + seed).randbytes(size)


NAMES = ["with space", " lead and trail ", "new\nline", "tab\tand\x01control", "quo'te\"s",
         "back\\slash", "\u00fcn\u00efc\u00f6d\u00e9.txt", "\u65e5\u672c\u8a9e", "\U0001f600",
         "percent%41%2F", "plus+amp&eq=#hash?query", "colon:name", "archive.gz", "-dash",
         ".hidden", "C:\\dos", "l" * 255, "\u03ac" * 127]


def make_tree(path, many=3000, large=10 << 20, deep=20):
    """Builds the reference tree at `path`, which must not be there; returns local_tree of it."""
    path = Path(path)
    (path / "names").mkdir(parents=True)
    for number, name in enumerate(NAMES):
        (path / "names" / name).write_bytes(content(40 + 10 * number, 1))
    for name in NAMES[:3]:
        (path / "named" / name).mkdir(parents=True)
        (path / "named" / name / name).write_text(name)
    (path / "sizes").mkdir()
    for size in (0, 1, 54, 55, 56, 57, 1000, 4096, 65535, 65536, 65537, 131072, 131073):
        (path / "sizes" / str(size)).write_bytes(content(size))
    (path / "sizes/again").write_bytes(content(4096))
    (path / "sizes/large").write_bytes(content(large, 2))
    (path / "sizes/large again").write_bytes(content(large, 2))
    (path / "empty/directory").mkdir(parents=True)
    (path / "many").mkdir()
    for number in range(many):  # mostly literal caps: they cost a grid nothing
        size = 100 if number % 50 == 0 else number % 30
        (path / "many" / f"{number:05d}").write_bytes(content(size, number))
    (path / "links").mkdir()
    (path / "links/first").write_bytes(content(5000, 3))
    os.link(path / "links/first", path / "links/second")
    os.link(path / "links/first", path / "third link")
    (path / "executable").write_bytes(b"#!/bin/sh\n" + b"true\n" * 20)
    os.chmod(path / "executable", 0o755)
    os.chmod(path / "sizes/1000", 0o600)
    os.utime(path / "sizes/1000", ns=(1, 981173106_123456789))
    below = path / "deep"
    for level in range(deep):
        below = below / f"level {level}"
    below.mkdir(parents=True)
    (below / "bottom").write_bytes(content(200, 4))
    return local_tree(path)


def summary(data):
    return len(data), hashlib.sha256(data).hexdigest()


def local_tree(path):
    """What is below the directory `path`, or of one file: {"": ...}.  Symlinks are left out."""
    path = Path(path)
    if path.is_file():
        return {"": summary(path.read_bytes())}
    tree = {}
    for directory, names, files in os.walk(path):
        for name in names:
            tree[os.path.relpath(os.path.join(directory, name), path)] = None
        for name in files:
            whole = Path(directory, name)
            if whole.is_file() and not whole.is_symlink():
                tree[os.path.relpath(whole, path)] = summary(whole.read_bytes())
    return {name: value for name, value in tree.items() if not (path / name).is_symlink()}


def below(name, tree):
    """`tree` as it looks from above, when its top is called `name`."""
    return {name: None, **{f"{name}/{path}": value for path, value in tree.items()}}


def same(got, expected):
    """Asserts that two trees are equal, with a message that can be read."""
    missing = sorted(expected.keys() - got.keys())
    more = sorted(got.keys() - expected.keys())
    other = sorted(path for path in got.keys() & expected.keys() if got[path] != expected[path])
    assert not (missing or more or other), \
        f"missing {missing[:9]}, too many {more[:9]}, different {other[:9]}"
