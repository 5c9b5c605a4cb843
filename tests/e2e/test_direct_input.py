"""What a node directory may say of the way to the storage servers, right or wrong: which way is
taken then, what is said, and the status."""
import os

import pytest
import yaml

from grid import free_port, wait_for
from storage import OTHER_PIN, NodeCopy, announced
from test_direct import served
from test_direct_write import stored_by
from tree import content

CACHE = "private/introducer_default_cache.yaml"
BROKEN = "warning: everything is read through the gateway: "
NO_LIST = (f"{CACHE} is not a list of announcements (start the node again so that it writes it "
           "anew, or use --no-direct)")
ALL = "everything goes by the gateway: "
HIDDEN = ALL + ("the node hides its address or keeps to Foolscap (tcp, reveal-IP-address or "
                "force_foolscap in its tahoe.cfg)")
OLD = ALL + "none of the storage servers that the node knows is announced with an HTTPS address"
STORED = "what is stored is encoded by the gateway: "
NO_FURL = STORED + "no storage server is announced with a FURL, which leases are made for"
NO_LEASES = STORED + "private/secret of the node directory is missing or is no secret of 32 bytes"
NO_SECRET = STORED + "private/convergence of the node directory is missing"
BOMB = "- &a0 [x, x]\n" + "".join(
    f"- &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 60))


def write(name, text):
    return lambda directory: (directory / name).write_bytes(text.encode("latin-1"))


def remove(name):
    return lambda directory: (directory / name).unlink()


def config(section, line):
    """Sets one line of tahoe.cfg."""
    def change(directory):
        path, key = directory / "tahoe.cfg", line.split(" = ")[0]
        lines = [one for one in path.read_text().split("\n") if not one.startswith(key + " = ")]
        at = lines.index(f"[{section}]") if f"[{section}]" in lines else None
        lines[at + 1 if at is not None else len(lines):] = (
            [line, *lines[at + 1:]] if at is not None else [f"[{section}]", line])
        path.write_text("\n".join(lines) + "\n")
    return change


def both(*changes):
    return lambda directory: [change(directory) for change in changes]


def announce_as(**members):
    """Has the announcement say something else, or nothing where that is None."""
    def change(directory):
        announcements = yaml.safe_load((directory / CACHE).read_text())
        for one in announcements:
            for name, value in members.items():
                name = name.replace("_", "-")
                old = one["ann"].pop(name, None)
                if value is not None:
                    one["ann"][name] = value(old) if callable(value) else value
        (directory / CACHE).write_text(yaml.safe_dump(announcements))
    return change


def nurls(change):
    return announce_as(anonymous_storage_NURLs=lambda old: list(map(change, old)))


# name: (what is wrong, whether the servers are read from, and written to, what is said)
CASES = {
    "nothing": (lambda _: None, True, True, None),
    # announcements
    "no YAML": (write(CACHE, "- ["), False, False, BROKEN),
    "a mapping": (write(CACHE, "ann: {}"), False, False, NO_LIST),
    "NUL": (write(CACHE, "\0"), False, False, NO_LIST),
    "no text": (write(CACHE, "- \xff\xfe\xfd"), False, False, NO_LIST),
    "deep": (write(CACHE, "[" * 100_000), False, False, NO_LIST),
    "too large": (write(CACHE, "#" * (17 << 20)), False, False, NO_LIST),
    "aliases of aliases": (write(CACHE, BOMB), False, False, None),
    "in circles": (write(CACHE, "- &a {ann: *a, key_s: *a}\n- *a\n"), False, False, None),
    "none": (write(CACHE, "[]\n"), False, False, None),
    "no file": (remove(CACHE), False, False, None),
    "writable by all": (lambda directory: (directory / CACHE).chmod(0o666), False, False, BROKEN),
    "no servers.yaml": (write("private/servers.yaml", "storage: [a]\n"), False, False, (
        "private/servers.yaml does not describe storage servers (correct it, or use --no-direct)")),
    "old protocol": (announce_as(anonymous_storage_NURLs=None), False, False, OLD),
    "other versions": (nurls(lambda one: one.replace("#v=1", "#v=2")), False, False, OLD),
    "by Tor": (nurls(lambda one: one.replace("pb://", "pb+tor://")), False, False, OLD),
    "hostile NURLs": (announce_as(anonymous_storage_NURLs=["", "pb://@:/", {"a": 1}, ["x"], 7,
                                                          "\u001b[2J", "A" * 70_000]),
                      False, False, OLD),
    "NURLs that are no list": (announce_as(anonymous_storage_NURLs="x"), False, False, OLD),
    "stale": (nurls(lambda one: one.replace(one.split(":")[2].split("/")[0], str(free_port()))),
              False, False, None),
    "another key": (nurls(lambda one: f"pb://{OTHER_PIN}@" + one.split("@")[1]),
                    False, False, None),
    "another swissnum": (nurls(lambda one: one.split("/")[0] + "//" + one.split("/")[2]
                               + f"/{'a' * 43}#v=1"), False, False, None),
    "no FURL": (announce_as(anonymous_storage_FURL=None), True, False, NO_FURL),
    "a hostile FURL": (announce_as(anonymous_storage_FURL="pb://short@tcp:x"),
                       True, False, NO_FURL),
    # secrets
    "no lease secret": (remove("private/secret"), True, False, NO_LEASES),
    "an empty lease secret": (write("private/secret", "\n"), True, False, NO_LEASES),
    "a short lease secret": (write("private/secret", "a" * 26), True, False, NO_LEASES),
    "a long lease secret": (write("private/secret", "a" * 104), True, False, NO_LEASES),
    "no base32": (write("private/secret", "!" * 52), True, False, NO_LEASES),
    "no convergence secret": (remove("private/convergence"), True, False, NO_SECRET),
    # encoding
    "happy > n": (config("client", "shares.happy = 2"), True, False, (
        STORED + "shares.happy is above shares.total in tahoe.cfg")),
    "happy > servers": (both(config("client", "shares.happy = 2"),
                             config("client", "shares.total = 2")), True, False, (
        STORED + "fewer storage servers are announced with an HTTPS address than shares.happy "
        "wants")),
    # anonymity
    "Tor": (config("connections", "tcp = tor"), False, False, HIDDEN),
    "no address": (config("node", "reveal-IP-address = false"), False, False, HIDDEN),
    "Foolscap alone": (config("client", "force_foolscap = true"), False, False, HIDDEN),
}


@pytest.fixture(scope="module")
def stored(real_grid):
    """(the cap of a file, its bytes)"""
    wait_for(lambda: "anonymous-storage-NURLs" in announced(real_grid))
    data = content(3000, 71)
    return real_grid.put(data), data


@pytest.mark.parametrize("case", CASES)
def test_what_is_not_done_by_the_servers_is_done_by_the_gateway(real_grid, client, stored, tmp_path,
                                                               case):
    change, reads, writes, message = CASES[case]
    alias, cap = real_grid.fresh({"old": stored[0]})
    node = NodeCopy(real_grid, tmp_path / "node", announced(real_grid))
    change(node.directory)
    barge, before = client(node), (stored_by(real_grid), served(real_grid))
    (tmp_path / "f").write_bytes(os.urandom(3000))
    up = barge.ok("cp", tmp_path / "f", f"{alias}new")
    written = stored_by(real_grid) - before[0]
    before = served(real_grid)
    down = barge.ok("cp", f"{alias}old", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == stored[1]
    assert (served(real_grid) - before, written) == (not reads, not writes)
    assert real_grid.get(real_grid.child(cap, "new")[1]["ro_uri"]) == (tmp_path / "f").read_bytes()
    for run, concerned in (up, True), (down, not reads):
        said = [line for line in run.err.splitlines() if "the gateway: " in line
                and "not everything" not in line]  # which is said when a server fails
        assert len(said) == bool(message and concerned), run.err
        assert not said or message in said[0]
        assert "\x1b" not in run.err


@pytest.mark.parametrize(("change", "message"), [
    (config("client", "shares.needed = 2"), "tahoe.cfg: shares.needed is above shares.total"),
    (config("client", "shares.needed = 0"),
     "tahoe.cfg: shares.needed is not a number from 1 to 256"),
    (config("client", "shares.total = 257"),
     "tahoe.cfg: shares.total is not a number from 1 to 256"),
    (config("client", "shares.happy = many"),
     "tahoe.cfg: shares.happy is not a number from 1 to 256"),
    (write("private/convergence", "!"), "private/convergence is not a secret in base32"),
    (write("node.url", "\n"), "node.url is empty"),
], ids=["k > n", "k = 0", "n = 257", "happy is a word", "convergence", "no URL"])
def test_what_no_node_would_run_with_is_refused(real_grid, client, tmp_path, change, message):
    alias, _ = real_grid.fresh()
    node = NodeCopy(real_grid, tmp_path / "node", announced(real_grid))
    change(node.directory)
    (tmp_path / "f").write_bytes(b"x")
    run = client(node).ok("cp", tmp_path / "f", alias, code=2)
    assert run.err.rstrip("\n").endswith(message), run.err
