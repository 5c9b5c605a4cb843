"""What a power cut leaves of files, from what tools/record.c has written down.

A file has all that was written before it was last synced, and of each page of what came later the
beginning, or nothing.  A
directory has the names that it had when it was last synced, and of what came later the beginning.
A rename is there or not, as a whole.
"""
import os
import random
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

RECORD = Path(__file__).resolve().parent / "tools/record.c"


def build(folder):
    """Compiles the library; returns its path."""
    library = Path(folder) / "record.so"
    subprocess.run(["cc", "-w", "-shared", "-fPIC", "-o", library, RECORD], check=True)
    return library


PAGE = 4096


def pages(change):
    """A write as the writes of the pages that it touches, each of which may be lost alone."""
    word, at, data = change
    if word != "write":
        return [change]
    edges = [at, *range(at // PAGE * PAGE + PAGE, at + len(data), PAGE), at + len(data)]
    return [(word, begin, data[begin - at:end - at]) for begin, end in zip(edges, edges[1:])]


def torn(change, rng):
    """A write as it is, or now and then only its beginning."""
    word, at, data = change
    return (word, at, data[:rng.randint(0, len(data))]) if rng.random() < 0.2 else change


class Everything:
    """In place of chance: all that may be on disk is, as after a kill."""
    @staticmethod
    def random():
        return 0.5

    @staticmethod
    def randint(_, most):
        return most


class Node:
    """A file, directory or symlink: what was done to it, each with the number of its line."""
    def __init__(self, is_directory=False):
        self.is_directory, self.target = is_directory, None
        self.changes, self.synced = [], -1

    def lasting(self, rng):
        """The changes that are on disk; with `rng` some of those that may be, too."""
        sure = [change for at, change in self.changes if at < self.synced]
        maybe = [change for at, change in self.changes if at >= self.synced]
        if not rng:
            return sure
        if self.is_directory:
            return sure + maybe[:rng.randint(0, len(maybe))]
        parts = [part for change in maybe for part in pages(change)]
        return sure + [torn(part, rng) for part in parts if rng.random() < 0.6]


class Disk:
    """The directories `roots`, {path: inode}, after the first `count` lines of a record; they were
    empty."""
    def __init__(self, lines, count, roots):
        self.nodes = defaultdict(Node)  # what was there before is made when it is named
        self.roots = {root: self.directory(inode) for root, inode in roots.items()}
        self.said = []
        for at, line in enumerate(lines[:count]):
            word, *rest = line.split(" ")
            getattr(self, word)(at, *rest)

    def directory(self, inode):
        self.nodes[inode].is_directory = True
        return self.nodes[inode]

    def make(self, _, inode):
        self.nodes[inode] = Node()

    def mkdir(self, _, inode):
        self.nodes[inode] = Node(True)

    def target(self, _, inode, text):
        self.nodes[inode].target = bytes.fromhex(text)

    def name(self, at, inode, directory, name):
        self.directory(directory).changes.append((at, ([], name, self.nodes[inode])))

    def unname(self, at, directory, name):
        self.directory(directory).changes.append((at, ([name], None, None)))

    def move(self, at, was_in, old, inode, directory, new):
        assert was_in == directory, "between directories: not modelled"
        self.directory(directory).changes.append((at, ([old], new, self.nodes[inode])))

    def write(self, at, inode, offset, data):
        self.nodes[inode].changes.append((at, ("write", int(offset), bytes.fromhex(data))))

    def truncate(self, at, inode, size):
        self.nodes[inode].changes.append((at, ("truncate", int(size), b"")))

    def sync(self, at, inode):
        self.nodes[inode].synced = at

    def syncfs(self, at):
        for node in self.nodes.values():
            node.synced = at

    def say(self, _, data):
        self.said.append(bytes.fromhex(data))

    @staticmethod
    def content(node, rng):
        data = bytearray()
        for word, at, part in node.lasting(rng):
            if word == "truncate":
                data = data[:at].ljust(at, b"\0")
            else:
                data = data.ljust(at, b"\0")
                data[at:at + len(part)] = part
        return bytes(data)

    def tree(self, node, rng=None):
        """{name: bytes of a file, dict of a directory, str of a symlink}."""
        names = {}
        for gone, name, child in node.lasting(rng):
            for old in gone:
                names.pop(old, None)
            if name is not None:
                names[name] = child
        return {bytes.fromhex(name).decode(): self.tree(child, rng) if child.is_directory else
                os.fsdecode(child.target) if child.target is not None else
                self.content(child, rng) for name, child in names.items() if child}


def restore(tree, path):
    """Makes what `tree` says below the directory `path`, for the owner alone, and nothing else."""
    for old in path.iterdir():
        shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()
    for name, what in tree.items():
        at = path / name
        if isinstance(what, dict):
            at.mkdir(mode=0o700)
            restore(what, at)
        elif isinstance(what, str):
            at.symlink_to(what)
        else:
            at.write_bytes(what)
            at.chmod(0o600)


def moments(lines, count, seed):
    """`count` numbers of lines, and a source of chance for each: before a sync or a name most of
    all, where something is missing the soonest."""
    rng = random.Random(seed)
    keen = [at for at, line in enumerate(lines) if line.split(" ")[0] in ("sync", "move", "name")]
    return [(rng.choice(keen) + rng.randint(0, 1), random.Random(seed + i)) for i in range(count)]


# --- what always holds --------------------------------------------------------------------

LAZY = {"lock", "summary", "summary.new", "index"}  # what may be lost: made anew, or for people


def text(name):
    return bytes.fromhex(name).decode()


def is_temporary(name):
    return name.startswith(".barge-") or name.endswith((".new", ".partial"))


def last_names(directory):
    """{name: (line that gave it, what it leads to)} of a directory as it is."""
    names = {}
    for at, (gone, name, child) in directory.changes:
        for old in gone:
            names.pop(old, None)
        if name is not None:
            names[name] = (at, child)
    return names


def check_names(lines):
    """A name that lasts is given to what is durable.  A job's manifest gets its own behind all other
    names of the job."""
    disk = Disk([], 0, {})
    for at, line in enumerate(lines):
        word, *rest = line.split(" ")
        if word == "move" or (word == "name" and lines[at - 1] != f"make {rest[0]}"):
            inode, name = (rest[2], rest[4]) if word == "move" else (rest[0], rest[2])
            node = disk.nodes[inode]
            lost = [] if node.is_directory else [c for c in node.changes if c[0] >= node.synced]
            assert not lost or is_temporary(text(name)) or text(name) in LAZY, \
                f"line {at}: {text(name)} names what may be lost"
            if text(name) == "manifest":
                above = disk.nodes[rest[3]]
                for other, (since, _) in last_names(above).items():
                    assert since < above.synced or is_temporary(text(other)) \
                        or text(other) in LAZY, f"line {at}: manifest is ahead of {text(other)}"
        getattr(disk, word)(at, *rest)
    return disk


def check_end(lines):
    """What has a name at the end, and the names themselves, are durable."""
    disk = check_names(lines)
    names = [(name, at, node, child) for node in disk.nodes.values() if node.is_directory
             for name, (at, child) in last_names(node).items()]
    for name, at, node, child in names:
        if text(name) in LAZY or is_temporary(text(name)) \
                or (text(name) == "errors.jsonl" and not child.changes):
            continue
        assert at < node.synced, f"the name {text(name)} may be lost"
        late = [] if child.is_directory else [c for c in child.changes if c[0] >= child.synced]
        assert not late, f"{text(name)} ends with what may be lost: {late}"


def check_reopened(lines, inodes):
    """What an earlier run has left is made durable before anything is done by it."""
    for inode in inodes:
        mine = [at for at, line in enumerate(lines) if line.startswith(f"sync {inode}")]
        acted = [at for at, line in enumerate(lines)
                 if line.startswith((f"write {inode} ", "say ", "mkdir ", "make "))]
        assert mine and (not acted or mine[0] < acted[0]), inode
