"""What comes of directories that were made to do harm: nothing outside the target, each bad entry
named, the good ones beside them there."""
import os
import re

import pytest

import hostile
from tree import content, local_tree, same, summary

LONGEST = 4096  # bytes of a name in a plan


def shown(path):
    """A path as a line tells it: names longer than a plan holds are cut and end in a hash."""
    names = [os.fsencode(name) for name in path.split("/")]
    cut = [re.sub(rb"~[0-9a-f]{16}$", b"~", name) if len(name) == LONGEST
           else name[:LONGEST - 17] + b"~" if len(name) > LONGEST else name for name in names]
    return b"/".join(cut)


@pytest.fixture
def fetch(client, tmp_path):
    """fetch(case) copies it to tmp_path/box/out, which must get what it says and no more."""
    def fetch_case(case, *options):
        out = tmp_path / "box/out"
        run = client(case.grid).ok("cp", "-r", *options, case.alias, out, "--json",
                                   code=1 if case.bad else 0)
        assert os.listdir(tmp_path / "box") == ["out"]
        assert set(os.listdir(tmp_path)) == {"box", "home0"}
        same(local_tree(out), case.tree)
        same({shown(path): line["state"] for path, line in run.entries().items()},
             {shown(path): state for path, state in case.states().items()})
        total, values = run.summary(), list(case.bad.values())
        assert total["failed"] == values.count("failed")
        assert total["skipped"] == values.count("skipped")
        assert total["done"] == len(case.tree)
        return run
    return fetch_case


# --- names --------------------------------------------------------------------------------

def test_names_of_files(real_grid, fetch, tmp_path):
    case = hostile.names(real_grid, tmp_path / "evil", real_grid.put(content(200)))
    run = fetch(case)
    assert "\x1b" not in run.err, "a name reaches the terminal as it is"
    assert all(line["reason"] for path, line in run.entries().items() if path in case.bad)


def test_names_of_directories(real_grid, fetch, tmp_path):
    inner = hostile.make(real_grid, {"inner": real_grid.put(content(200))})
    fetch(hostile.names(real_grid, tmp_path / "evil", inner, {"inner": summary(content(200))}))


def test_names_in_a_directory_below(real_grid, fetch, tmp_path):
    """Where the empty name and `..` lead to other places than at the top."""
    below = hostile.names(real_grid, tmp_path / "evil", real_grid.put(content(200)))
    case = hostile.Case(real_grid).hold({"sub": below.cap})
    case.tree = {"sub": None, **{f"sub/{path}": value for path, value in below.tree.items()}}
    case.bad = {f"sub/{path}": state for path, state in below.bad.items()}
    fetch(case)


def test_names_in_an_immutable_directory(real_grid, fetch, tmp_path):
    names = [*hostile.GOOD_NAMES, *hostile.bad_names(tmp_path / "evil")]
    file = real_grid.put(content(200))
    case = hostile.Case(real_grid)
    case.hold({"sub": hostile.make(real_grid, {name: file for name in names}, "mkdir-immutable")})
    case.tree = {"sub": None, **{f"sub/{name}": summary(content(200))
                                 for name in hostile.GOOD_NAMES}}
    case.bad = {f"sub/{name}": "failed" for name in names if name not in hostile.GOOD_NAMES}
    fetch(case)


def test_twins_are_one_for_the_gateway(real_grid, fetch):
    fetch(hostile.twins(real_grid))


def test_a_name_that_reads_like_a_path(real_grid, client, tmp_path):
    case = hostile.shadow(real_grid)
    run = client(real_grid).ok("cp", "-r", case.alias, tmp_path / "out", "--json", code=1)
    same(local_tree(tmp_path / "out"), case.tree)
    lines = [line for line in run.lines() if line.get("path") == "a/b"]
    assert sorted(line["state"] for line in lines) == ["done", "failed"]


# --- shapes and kinds ---------------------------------------------------------------------

def test_a_directory_inside_itself(real_grid, fetch):
    run = fetch(hostile.loop(real_grid))
    assert "'self': loop" in run.err and "'reader': loop" in run.err


def test_a_directory_inside_itself_through_another(real_grid, fetch):
    fetch(hostile.ring(real_grid))


def test_a_directory_by_two_names_is_no_loop(real_grid, fetch):
    fetch(hostile.shared(real_grid))


def test_kinds(real_grid, fetch):
    fetch(hostile.kinds(real_grid))


def test_metadata(real_grid, fetch, tmp_path):
    case = hostile.metadata(real_grid)
    fetch(case)
    for path in case.tree:
        assert (tmp_path / "box/out" / path).lstat().st_mode & 0o6000 == 0, path


def test_a_path_longer_than_the_system_takes(real_grid, client, tmp_path):
    case = hostile.deep(real_grid)
    run = client(real_grid).ok("cp", "-r", case.alias, tmp_path / "out", "--json")
    assert run.summary()["directories"]["done"] == 20
    at = os.open(tmp_path / "out", os.O_RDONLY)
    for _ in range(20):
        below = os.open("n" * 255, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    with open(os.open("file", os.O_RDONLY, dir_fd=at), "rb") as file:
        assert file.read() == content(200)
    os.close(at)


# --- what the gateway reads for us --------------------------------------------------------

def test_a_directory_no_gateway_would_write(real_grid, fetch):
    fetch(hostile.crafted(real_grid))


def test_bytes_that_are_no_directory(real_grid, fetch):
    fetch(hostile.garbled(real_grid), "--timeout-wait=0.5")


# --- caps ---------------------------------------------------------------------------------

def test_caps_that_no_server_holds(real_grid, fetch):
    fetch(hostile.lost(real_grid))


def test_caps_with_another_size(real_grid, fetch):
    fetch(hostile.swollen(real_grid))


def test_sizes_that_no_file_has(real_grid, client, fetch, tmp_path):
    case = hostile.poisoned(real_grid)
    run = fetch(case, "--range-size=1M")
    reasons = {path: line["reason"] for path, line in run.entries().items() if path in case.bad}
    assert {path for path, reason in reasons.items() if "no file can have" in reason} == \
        {"a", "b", "z"}
    barge = client(real_grid)
    for words in ("ls", "-l", case.alias), ("ls", "--json", case.alias):
        assert str(2 ** 64 - 1) in barge.ok(*words).out
    barge.ok("diff", case.alias, tmp_path / "box/out", code=1)
    # Linked they cost nothing, and the sum is one that anybody can read.
    alias, _ = real_grid.fresh()
    run = barge.ok("cp", "-r", case.alias, alias, "--json")
    assert run.summary()["done"] == len(case.states())
