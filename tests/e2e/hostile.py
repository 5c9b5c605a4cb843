"""Directories as somebody with bad intentions makes them, on a grid, by plain HTTP.

    names         children that would land elsewhere, or nowhere
    twins         two names that Unicode holds for one
    shadow        a name with a slash that reads like the path of another child
    loop, ring    a directory inside itself, at once and through another one
    shared        one directory by two names
    kinds         mutable files, and nodes of no known kind
    metadata      modes, times and types that no file has
    deep          a path that is longer than the system takes
    crafted       an immutable directory whose bytes no gateway would write
    garbled       bytes that are no directory, with the cap of one
    lost          caps of files and directories that no server holds
    poisoned      caps of nothing, with sizes that no file has, or that add up to none
    swollen       caps of real files with another size

Each makes one directory with an alias of its own and returns its Case: what a copy must make of it.
"""
import base64
import json
import os

from grid import uri
from tree import content, summary


class Case:
    """`tree` is what must come (see tree.py), `bad` {path: state} of what must not."""
    def __init__(self, grid):
        self.grid, self.tree, self.bad = grid, {}, {}
        self.alias, self.cap = grid.fresh()

    def states(self):
        """{path: state} of all entries."""
        return {**{path: "done" for path in self.tree}, **self.bad}

    def hold(self, children):
        """Puts {name: cap or [kind, node]} into the directory."""
        set_children(self.grid, self.cap, children)
        return self


def as_children(grid, children):
    return json.dumps({name: grid.as_child(child) if isinstance(child, str) else child
                       for name, child in children.items()})


def set_children(grid, cap, children):
    grid.web("POST", uri(cap, t="set_children"), as_children(grid, children))


def make(grid, children, kind="mkdir-with-children"):
    """A directory without a link to it; its cap."""
    return grid.web("POST", f"/uri?t={kind}", as_children(grid, children)).decode()


# --- names --------------------------------------------------------------------------------

GOOD_NAMES = ["good", "new\nline", "back\\slash", "...", ".. ", "~", "-rf", "C:evil", "l" * 255]


def bad_names(outside):
    """`outside` is an absolute path that must not come to be."""
    return ["../evil", "../../evil", str(outside), "..", ".", "", "/", "./good", "evil/", "a/b",
            "good/../../evil", "nul\0inside", "\0", "../\x1b[31mred", "x" * 256, "x" * 300,
            "x" * 5000, "\u65e5" * 86]


def names(grid, outside, child, inside=None):
    """All names with `child`, the cap of a file, or of a directory that holds `inside`."""
    case = Case(grid)
    for name in GOOD_NAMES:
        case.tree[name] = None if inside else summary(grid.get(child))
        case.tree.update({f"{name}/{path}": value for path, value in (inside or {}).items()})
    case.bad = {name: "failed" for name in bad_names(outside)}
    case.hold({name: child for name in [*GOOD_NAMES, *case.bad]})
    # Whatever the gateway makes of them, these are the names that barge is given.
    assert grid.list(case.cap).keys() == {*GOOD_NAMES, *case.bad}
    return case


def twins(grid):
    """Composed and decomposed: the gateway keeps one of them, and one name is no collision."""
    case = Case(grid)
    data = {name: content(100 + number) for number, name in enumerate(["\u00e9", "e\u0301"])}
    case.hold({name: grid.put(body) for name, body in data.items()})
    kept = grid.list(case.cap)
    assert len(kept) == 1, "the gateway has begun to keep both"
    case.tree = {name: summary(grid.get(node["ro_uri"])) for name, (_, node) in kept.items()}
    return case


def shadow(grid):
    """The file "a/b" beside the directory "a" with a file "b"; both have the path a/b."""
    case = Case(grid)
    good, evil = content(100), content(101)
    case.hold({"a/b": grid.put(evil), "a": make(grid, {"b": grid.put(good)})})
    case.tree = {"a": None, "a/b": summary(good)}
    return case


# --- shapes -------------------------------------------------------------------------------

def read_only(grid, cap):
    """The cap that reads what a write cap writes."""
    return json.loads(grid.web("GET", uri(cap, t="json")))[1]["ro_uri"]


def loop(grid):
    """Inside itself by its write cap and by its read cap, and good entries beside."""
    case, data = Case(grid), content(200)
    node = {"ro_uri": read_only(grid, case.cap)}
    case.hold({"self": case.cap, "reader": ["dirnode", node], "file": grid.put(data)})
    case.tree, case.bad = {"file": summary(data)}, {"self": "failed", "reader": "failed"}
    return case


def ring(grid):
    """The directory holds `down`, which holds it as `up`; both hold a file."""
    case, data = Case(grid), content(200)
    file = grid.put(data)
    down = make(grid, {"up": case.cap, "file": file})
    case.hold({"down": down, "file": file})
    case.tree = {"down": None, "down/file": summary(data), "file": summary(data)}
    case.bad = {"down/up": "failed"}
    return case


def shared(grid):
    """One directory beside itself and inside another one: no loop, so it comes each time."""
    case, data = Case(grid), content(200)
    both = make(grid, {"file": grid.put(data)})
    case.hold({"a": both, "b": both, "c": make(grid, {"d": both})})
    for path in "a", "b", "c", "c/d":
        case.tree[path] = None
    case.tree.update({f"{path}/file": summary(data) for path in ("a", "b", "c/d")})
    return case


# --- kinds --------------------------------------------------------------------------------

def kinds(grid):
    """Mutable files of both formats and sizes, and what no program knows."""
    case = Case(grid)
    for name, kind, size in (("small", "SDMF", 20), ("sdmf", "SDMF", 200000),
                             ("mdmf", "MDMF", 300000), ("empty", "MDMF", 0)):
        data = content(size)
        case.hold({name: grid.web("PUT", f"/uri?format={kind}", data).decode()})
        case.tree[name] = summary(data)
    case.hold({"unknown": ["filenode", {"ro_uri": "ro.x-unknown-format:abc"}],
               "future": ["dirnode", {"ro_uri": "imm.x-unknown-format:abc"}],
               "nothing": ["dirnode", {}]})
    case.bad = {name: "skipped" for name in ("unknown", "future", "nothing")}
    listed = grid.list(case.cap)
    assert all(listed[name][0] == "unknown" for name in case.bad)
    return case


def metadata(grid):
    """Good files and a directory; `special` gives set-user-ID, set-group-ID and sticky bits."""
    case, file = Case(grid), grid.put(content(200))
    odd = {"special": {"st_mode": 0o107777}, "device": {"st_mode": 0o060644},
           "far": {"mtime": 1e300}, "before": {"mtime": -1e18}, "digits": {"mtime": 10 ** 40},
           "text": {"mtime": "now", "st_mode": "0777"}, "nested": {"mtime": {"a": [1] * 50}},
           "negative": {"st_mode": -1, "mtime": -1}, "large": {"st_mode": 1 << 70},
           "nothing": {"mtime": None, "st_mode": None}, "more": {"x" * 5000: "y" * 50000}}
    case.hold({name: ["filenode", {"ro_uri": file, "metadata": said}]
               for name, said in odd.items()})
    node = {"ro_uri": make(grid, {"file": file}, "mkdir-immutable"),
            "metadata": {"st_mode": 0o47500, "mtime": 1e300}}
    case.hold({"directory": ["dirnode", node]})
    case.tree = {name: summary(content(200)) for name in [*odd, "directory/file"]}
    case.tree["directory"] = None
    return case


def deep(grid, levels=20):
    """`levels` names of 255 bytes, and then a file; `tree` is without them."""
    case = Case(grid)
    cap = make(grid, {"file": grid.put(content(200))}, "mkdir-immutable")
    for _ in range(levels - 1):
        cap = make(grid, {"n" * 255: cap}, "mkdir-immutable")
    return case.hold({"n" * 255: cap})


# --- bytes of directories -----------------------------------------------------------------

def netstring(data):
    return b"%d:%s," % (len(data), data)


def packed(name, cap, said=b"{}"):
    """One child in the bytes of a directory."""
    fields = name, cap.encode(), b"", said
    return netstring(b"".join(netstring(field) for field in fields))


def as_directory(grid, data):
    """The cap of a directory whose bytes are `data`, as it is read."""
    assert len(data) > 55
    return grid.put(data).replace("URI:CHK:", "URI:DIR2-CHK:")


def crafted(grid):
    """A name twice, one name in two forms of Unicode, and a mutable file in an immutable
    directory: what the gateway shows of it is what comes."""
    case = Case(grid)
    caps = [grid.put(content(100, number)) for number in range(4)]
    slot = read_only(grid, grid.web("PUT", "/uri?format=SDMF", b"may change").decode())
    data = b"".join(map(packed, [b"twice", b"twice", "\u00e9".encode(), "e\u0301".encode()], caps))
    directory = as_directory(grid, data + packed(b"slot", slot))
    kept = grid.list(directory)
    assert kept.keys() == {"twice", "\u00e9"}
    case.tree = {"sub": None, **{f"sub/{name}": summary(grid.get(node["ro_uri"]))
                                 for name, (_, node) in kept.items()}}
    return case.hold({"sub": ["dirnode", {"ro_uri": directory}]})


def garbled(grid):
    """Tahoe-LAFS 1.20 never answers a request for their listings: give a short --timeout-wait."""
    case, file = Case(grid), grid.put(content(200))
    slot = grid.web("PUT", "/uri?format=SDMF", b"no directory").decode()
    literal = base64.b32encode(b"12:no netstring").decode().lower().rstrip("=")
    caps = {"random": as_directory(grid, content(3000)),
            "not UTF-8": as_directory(grid, packed(b"\xff\xfe", file)),
            "literal": f"URI:DIR2-LIT:{literal}",
            "slot": read_only(grid, slot).replace("URI:SSK-RO:", "URI:DIR2-RO:")}
    case.hold({name: ["dirnode", {"ro_uri": cap}] for name, cap in caps.items()})
    case.hold({"good": file})
    case.tree, case.bad = {"good": summary(content(200))}, {name: "failed" for name in caps}
    return case


# --- caps ---------------------------------------------------------------------------------

def random_key(size):
    return base64.b32encode(os.urandom(size)).decode().lower().rstrip("=")


def lost(grid):
    """Caps of every kind that nothing was ever stored for, and two good entries beside."""
    case, data = Case(grid), content(200)
    def key():
        return f"{random_key(16)}:{random_key(32)}"
    case.hold({"file": f"URI:CHK:{key()}:1:1:1000", "huge": f"URI:CHK:{key()}:1:1:{1 << 62}",
               "slot": f"URI:SSK:{key()}",
               "slots": ["filenode", {"ro_uri": f"URI:MDMF-RO:{key()}"}],
               "directory": f"URI:DIR2:{key()}", "frozen": f"URI:DIR2-CHK:{key()}:1:1:500"})
    case.bad = {name: "failed" for name in grid.list(case.cap)}
    case.hold({"good": make(grid, {"file": grid.put(data)})})
    case.tree = {"good": None, "good/file": summary(data)}
    return case


def poisoned(grid):
    """Sizes that no file has, or that come to more than a number holds, before and behind good
    entries."""
    case, data = Case(grid), content(3000)
    sizes = {"a": 2 ** 64 - 1, "b": 2 ** 63, "c": 2 ** 63 - 1, "d": 2 ** 62, "e": 2 ** 62,
             "f": 2 ** 62, "g": 2 ** 62, "m": 10 ** 18, "z": 2 ** 64 - 1}
    case.hold({name: f"URI:CHK:{random_key(16)}:{random_key(32)}:1:1:{size}"
               for name, size in sizes.items()})
    case.bad = {name: "failed" for name in sizes}
    file = grid.put(data)
    case.hold({"honest": file, "sub": make(grid, {"file": file})})
    case.tree = {"honest": summary(data), "sub": None, "sub/file": summary(data)}
    return case


def swollen(grid):
    """Other sizes than the cap was made for.

    1 TiB is left out: the gateway makes hash trees of the size it is told, gigabytes, for minutes.
    """
    case, data = Case(grid), content(5000)
    cap = grid.put(data)
    head, _, size = cap.rpartition(":")
    assert size == "5000"
    case.hold({"exact": cap, "more": f"{head}:5001", "less": f"{head}:4999",
               "none": f"{head}:0", "much": f"{head}:{1 << 30}"})
    case.tree = {"exact": summary(data)}
    case.bad = {name: "failed" for name in ("more", "less", "none", "much")}
    return case
