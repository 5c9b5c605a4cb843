"""`barge key`: contents on a grid by their git-annex keys."""
import hashlib

import pytest

from tree import content


def key_of(data):
    return f"SHA256-s{len(data)}--{hashlib.sha256(data).hexdigest()}"


def place(key):
    """Where a key stored whole lies below the root, as docs/formats.md says."""
    digest = hashlib.md5(key.encode()).hexdigest()
    file = key.replace("&", "&a").replace("%", "&s").replace(":", "&c").replace("/", "%")
    return f"keys/{digest[:2]}/{digest[2]}/{file}"


class Store:
    """`barge key ... --root` over a fresh directory."""
    def __init__(self, grid, barge, tmp_path):
        self.grid, self.barge, self.tmp_path = grid, barge, tmp_path
        self.alias, self.cap = grid.fresh()
        self.node = f"--node-directory={grid.directory}"

    def words(self, action, *words):
        return ("key", action, *words, f"--root={self.alias}", self.node)

    def ok(self, action, *words):
        return self.barge.ok(*self.words(action, *words))

    def run(self, action, *words):
        return self.barge.run(*self.words(action, *words))

    def file(self, data):
        path = self.tmp_path / f"file{hashlib.sha256(data).hexdigest()[:8]}"
        path.write_bytes(data)
        return path

    def store(self, data):
        self.ok("store", key_of(data), self.file(data))
        return key_of(data)

    def check(self, key):
        run = self.run("check", key)
        return run.out.strip() or run.code


@pytest.fixture
def keys(embedded, client, tmp_path):
    return Store(embedded, client(embedded), tmp_path)


@pytest.mark.parametrize("size", [0, 55, 56, 65537, (1 << 20) + 1])
def test_there_and_back(keys, tmp_path, size):
    data = content(size)
    key = keys.store(data)
    assert keys.check(key) == "present"
    keys.ok("retrieve", key, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == data
    assert keys.grid.get(keys.grid.child(keys.cap, place(key))[1]["ro_uri"]) == data


def test_what_is_not_there(keys, tmp_path):
    key = key_of(b"nothing")
    assert keys.check(key) == "absent"
    (tmp_path / "back").write_bytes(b"mine")
    run = keys.run("retrieve", key, tmp_path / "back")
    assert run.code == 2 and "the key is not in" in run.err
    assert (tmp_path / "back").read_bytes() == b"mine", "touched though the key is not there"
    keys.ok("remove", key)


def test_removed_and_stored_again(keys):
    key = keys.store(content(1000))
    keys.ok("remove", key)
    keys.ok("remove", key)
    assert keys.check(key) == "absent"
    keys.store(content(1000))
    assert keys.check(key) == "present"


def test_a_longer_file_is_cut_and_a_whole_one_is_not_fetched(keys, tmp_path):
    data = content(200000)
    key, back = keys.store(data), tmp_path / "back"
    back.write_bytes(data[:70000] + b"x" * 300000)
    keys.ok("retrieve", key, back)
    assert back.read_bytes() == data
    before = keys.grid.requests("get")
    keys.ok("retrieve", key, back)
    assert keys.grid.requests("get") == before and back.read_bytes() == data


def test_a_read_cap_reads(keys, tmp_path):
    key = keys.store(content(1000))
    node = keys.grid.list(keys.grid.mkdir({"root": keys.cap}))
    readonly = node["root"][1]["ro_uri"]
    keys.grid.add_alias("read-only", readonly)
    keys.alias = "read-only:"
    keys.ok("retrieve", key, tmp_path / "back")
    assert keys.check(key) == "present"
    for words in (("store", key, tmp_path / "back"), ("remove", key)):
        run = keys.run(*words)
        assert run.code == 2 and "is read-only" in run.err


def test_a_gateway_that_is_away_is_no_answer(gateway, client, tmp_path):
    grid = gateway()
    keys = Store(grid, client(grid), tmp_path)
    key = keys.store(content(100000))
    grid.stop()
    run = keys.run("check", key)
    assert run.code == 69 and run.out == ""


BAD = {
    ("store", "nokey", "f"): "is no key",
    ("store", "WORM--a b", "f"): "is no key",
    ("store", "WORM--a", "missing"): "no such file",
    ("store", "WORM--a", "."): "is not a regular file",
    ("store", "SHA256-s99--a", "f"): "but its key says 99",
    ("store", "WORM--a"): "a key and a file",
    ("shove", "WORM--a"): "does not know 'shove'",
}


@pytest.mark.parametrize("words", BAD)
def test_bad_words(keys, tmp_path, words):
    (tmp_path / "f").write_bytes(b"f")
    run = keys.barge.run(*keys.words(*words), cwd=tmp_path)
    assert run.code == 2 and BAD[words] in run.err


def test_bad_roots(keys, tmp_path):
    cap = keys.grid.put(content(100))
    keys.grid.link(keys.cap, "file", cap)
    top = keys.alias
    for root, words in ((top + "file", "is not a directory"), (top, "holds other things"),
                        (top + "missing", "there is no directory")):
        keys.alias = root
        run = keys.run("check", "WORM--a")
        assert run.code == 2 and words in run.err, root
