"""`barge key`: contents on a grid by their git-annex keys."""
import hashlib
import subprocess

import pytest

from grid import uri
from tree import content


def key_of(data):
    return f"SHA256-s{len(data)}--{hashlib.sha256(data).hexdigest()}"


def places(key):
    """The directories that a key falls into, in the order in which they are filled, as
    docs/formats.md says."""
    digest = hashlib.md5(key.encode()).hexdigest()
    return [digest[0], digest[:2], f"{digest[:2]}/{digest[2]}"]


def place(key, level=0):
    """Where a key stored whole lies below the root."""
    file = key.replace("&", "&a").replace("%", "&s").replace(":", "&c").replace("/", "%")
    return f"keys/{places(key)[level]}/{file}"


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


def test_what_comes_has_the_mode_that_the_user_wants(keys, tmp_path):
    key = keys.store(content(1000))
    (tmp_path / "mine").write_bytes(b"")
    (tmp_path / "mine").chmod(0o604)
    for name, mode in ("new", 0o640), ("mine", 0o604):
        keys.barge.ok(*keys.words("retrieve", key, tmp_path / name), umask=0o027)
        assert (tmp_path / name).stat().st_mode & 0o7777 == mode


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


# --- the directories that keys fall into ---------------------------------------------------

ROOM = 160  # names in one above the last level


def marked(keys):
    """What the root says that it is."""
    return keys.grid.get(keys.grid.list(keys.cap)["barge-keys"][1]["ro_uri"])


def level_of(keys, key):
    """Which of its directories a key is in."""
    levels = []
    for level in range(3):
        try:
            keys.grid.child(keys.cap, place(key, level))
            levels.append(level)
        except KeyError:
            pass
    return levels


def full(keys, count=ROOM):
    """A directory of so many keys."""
    cap = keys.grid.put(b"full")
    return keys.grid.mkdir({f"WORM--{number}": cap for number in range(count)})


def there_and_gone(keys, tmp_path, data):
    """Everything that can be done with a key."""
    key, back = key_of(data), tmp_path / "back"
    assert keys.check(key) == "present"
    keys.ok("retrieve", key, back)
    assert back.read_bytes() == data
    assert key in keys.ok("list").out.splitlines()
    keys.ok("remove", key)
    assert keys.check(key) == "absent" and level_of(keys, key) == []


@pytest.mark.parametrize("filled", [0, 1, 2])
def test_keys_fall_into_the_first_directory_with_room(keys, tmp_path, filled):
    data = content(1000)
    first, second, third = places(key_of(data))
    keys.grid.link(keys.cap, "keys", keys.grid.mkdir({
        first: full(keys, ROOM if filled > 0 else ROOM - 1),
        second: full(keys, ROOM if filled > 1 else ROOM - 2)}))
    node = keys.grid.child(keys.cap, f"keys/{second}")[1]
    keys.grid.link(node["rw_uri"], third[-1], keys.grid.mkdir())
    key = keys.store(data)
    assert level_of(keys, key) == [filled]
    assert marked(keys) == b"barge keys 2\n"
    there_and_gone(keys, tmp_path, data)


def test_few_keys_make_few_directories(keys):
    before = keys.grid.mutable_slots()
    made = {keys.store(content(number + 1)) for number in range(24)}
    assert keys.grid.mutable_slots() - before <= 17
    assert all(level_of(keys, key) == [0] for key in made)


def test_a_key_is_replaced_where_it_is(keys, tmp_path):
    """Though its directory has no room any more, nor had when it came."""
    first, second, _ = places("WORM--a")
    keys.grid.link(keys.cap, "keys", keys.grid.mkdir({
        first: full(keys), second: keys.grid.mkdir({"WORM--a": keys.grid.put(b"old")})}))
    keys.ok("store", "WORM--a", keys.file(b"new"))
    assert level_of(keys, "WORM--a") == [1]
    node = keys.grid.child(keys.cap, f"keys/{first}")[1]
    keys.grid.web("DELETE", uri(node["rw_uri"], "WORM--0"))  # there is room again
    keys.ok("store", "WORM--a", keys.file(b"newer"))
    assert level_of(keys, "WORM--a") == [1]
    keys.ok("retrieve", "WORM--a", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"newer"


def test_what_is_in_several_directories_goes_from_all(keys):
    key = key_of(b"x")
    first, second, third = places(key)
    cap = keys.grid.put(b"x")
    keys.grid.link(keys.cap, "keys", keys.grid.mkdir({
        first: keys.grid.mkdir({key: cap}),
        second: keys.grid.mkdir({key: cap, third[-1]: keys.grid.mkdir({key: cap})})}))
    assert level_of(keys, key) == [0, 1, 2]
    assert keys.ok("list").out == key + "\n"
    keys.ok("remove", key)
    assert level_of(keys, key) == [] and keys.check(key) == "absent"


def test_a_store_of_the_first_format(keys, tmp_path):
    """All keys lie in the last directory.  New ones need not, which the root has to say."""
    old, new = content(900), content(901)
    _, second, third = places(key_of(old))
    keys.grid.link(keys.cap, "barge-keys", keys.grid.put(b"barge keys 1\n"))
    keys.grid.link(keys.cap, "keys", keys.grid.mkdir({second: keys.grid.mkdir(
        {third[-1]: keys.grid.mkdir({key_of(old): keys.grid.put(old)})})}))
    assert keys.check(key_of(old)) == "present" and keys.check(key_of(new)) == "absent"
    keys.store(old)
    assert level_of(keys, key_of(old)) == [2] and marked(keys) == b"barge keys 1\n"
    keys.store(new)
    assert level_of(keys, key_of(new)) == [0] and marked(keys) == b"barge keys 2\n"
    assert sorted(keys.ok("list").out.split()) == sorted([key_of(old), key_of(new)])
    there_and_gone(keys, tmp_path, old)
    there_and_gone(keys, tmp_path, new)


def test_a_store_of_a_later_format_is_left_alone(keys):
    keys.grid.link(keys.cap, "barge-keys", keys.grid.put(b"barge keys 3\n"))
    run = keys.run("check", key_of(b"x"))
    assert run.code not in (0, 1) and "a format that this program does not know" in run.err


@pytest.mark.parametrize("filled", [0, ROOM - 4])
def test_several_at_once_make_directories(gateway, barge, client, tmp_path, filled):
    """There are none yet, or those that are there are full when some have come.  Each has looked,
    and waits for what it has made, before any of them links: one wins, the others find its."""
    grid = gateway("mkdir:delay=200")
    keys = Store(grid, client(grid), tmp_path)
    names = [name for name in (f"WORM--n{number}" for number in range(400))
             if places(name)[0] == "7"][:10]
    if filled:
        keys.grid.link(keys.cap, "keys", keys.grid.mkdir({"7": full(keys, filled)}))
    path = keys.file(b"several")
    started = [subprocess.Popen([str(word) for word in (
        barge, *keys.words("store", name, path))], stdin=subprocess.DEVNULL,
        env=keys.barge.environment) for name in names]
    assert [one.wait(60) for one in started] == [0] * len(names)
    assert all(len(level_of(keys, name)) == 1 for name in names)
    shown = keys.ok("list").out.split()
    assert set(names) <= set(shown) and len(shown) == len(set(shown))


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
