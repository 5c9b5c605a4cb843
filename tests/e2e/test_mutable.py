"""Mutable files, on Tahoe-LAFS itself: copied as sources, overwritten in place as targets."""
import pytest

from grid import uri
from tree import content, local_tree, same, summary

FORMATS = ["SDMF", "MDMF"]


def put_mutable(grid, data, kind="SDMF"):
    """Makes a mutable file; returns its write cap."""
    return grid.web("PUT", f"/uri?format={kind}", data).decode()


def read_only(grid, cap):
    return grid.web("GET", uri(cap, t="readonly-uri")).decode()


def add(grid, directory, name, cap):
    """Links a cap; tree.link would have tahoe judge its kind, which costs a round trip."""
    grid.link(directory, name, cap)


# ---- as sources --------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("size", [0, 20, 3000, 1 << 17, 3 << 20])
def test_a_mutable_file_becomes_an_immutable_copy(real_grid, client, kind, size):
    data = content(size, size)
    source, source_cap = real_grid.fresh()
    add(real_grid, source_cap, "m", put_mutable(real_grid, data, kind))
    target, target_cap = real_grid.fresh()
    client(real_grid).ok("cp", source + "m", target + "copy")
    node = real_grid.child(target_cap, "copy")[1]
    assert node["ro_uri"].startswith("URI:CHK:" if size > 55 else "URI:LIT:")
    assert node["ro_uri"] == real_grid.put(data).strip() and real_grid.get(node["ro_uri"]) == data


def test_mutable_files_among_others(real_grid, client, tmp_path):
    (tmp_path / "local").write_bytes(content(700, 7))
    mutable = [put_mutable(real_grid, content(100 + number, number)) for number in range(5)]
    inside = real_grid.mkdir({"plain": real_grid.put(content(99, 9)), "read": read_only(
        real_grid, mutable[4])})
    source, source_cap = real_grid.fresh({"d": inside})
    for number in range(4):
        add(real_grid, inside, f"m{number}", mutable[number])
    add(real_grid, inside, "again", mutable[0])
    target, target_cap = real_grid.fresh()
    client(real_grid).ok("cp", "-r", source + "d", tmp_path / "local", target)
    tree = real_grid.tree(target_cap)
    assert tree == {**{"d/" + name: real_grid.tree(inside)[name]
                       for name in ("plain", "read", "again", "m0", "m1", "m2", "m3")},
                    "d": None, "local": tree["local"]}
    for kind, node in real_grid.children(target_cap, "d").values():
        assert kind == "filenode" and not node["mutable"]


def test_the_metadata_are_those_of_the_link(real_grid, client, tmp_path):
    (tmp_path / "f").write_bytes(content(400, 1))
    source, source_cap = real_grid.fresh()
    barge = client(real_grid)
    barge.ok("cp", tmp_path / "f", source + "f")
    was = real_grid.child(source_cap, "f")[1]["metadata"]
    # The link's metadata stay when another cap is linked there.
    real_grid.link(source_cap, "f", put_mutable(real_grid, content(400, 2)))
    target, target_cap = real_grid.fresh()
    barge.ok("cp", source + "f", target + "f")
    node = real_grid.child(target_cap, "f")[1]
    assert node["ro_uri"].startswith("URI:CHK:")
    for key in "mtime", "st_mode":
        assert node["metadata"][key] == was[key]


def test_a_mutable_file_that_is_gone_fails_by_name(real_grid, client):
    source, source_cap = real_grid.fresh({"good": real_grid.put(content(800, 3))})
    before = set(real_grid.share_files())
    add(real_grid, source_cap, "bad", put_mutable(real_grid, content(900, 4)))
    share, = set(real_grid.share_files()) - before
    share.unlink()
    target, target_cap = real_grid.fresh()
    run = client(real_grid).ok("cp", "-r", source, target, code=1)
    assert "'bad'" in run.err and set(real_grid.list(target_cap)) == {"good"}


# ---- as targets --------------------------------------------------------------------------------

@pytest.fixture
def files(tmp_path):
    """A directory of files of every size that is treated apart."""
    top = tmp_path / "d"
    (top / "sub").mkdir(parents=True)
    for number, size in enumerate((0, 10, 2000, 1 << 17, 3 << 20)):
        (top / f"f{size}").write_bytes(content(size, number + 40))
    (top / "sub/same").write_bytes(content(2000, 42))
    (top / "new").write_bytes(content(2000, 42))
    return top


@pytest.mark.parametrize("kind", FORMATS)
def test_mutable_files_at_the_target_are_overwritten(real_grid, client, files, kind):
    target, cap = real_grid.fresh()
    there, sub = real_grid.mkdir(), real_grid.mkdir()
    add(real_grid, cap, "d", there)
    add(real_grid, there, "sub", sub)
    slots = {path.name: put_mutable(real_grid, b"old" * 100, kind)
             for path in files.iterdir() if path.is_file() and path.name != "new"}
    for name, slot in slots.items():
        add(real_grid, there, name, slot)
    slots["sub/same"] = put_mutable(real_grid, b"old", kind)
    add(real_grid, sub, "same", slots["sub/same"])
    barge = client(real_grid)
    run = barge.ok("cp", "-r", "--json", files, target)
    for name, slot in slots.items():
        assert real_grid.child(there, name)[1]["rw_uri"] == slot
        assert real_grid.get(slot) == (files / name).read_bytes(), name
    assert real_grid.get(real_grid.child(there, "new")[1]["ro_uri"]) == content(2000, 42)
    assert all(entry["state"] == "done" for entry in run.entries().values())
    barge.ok("verify", "--verify=read", barge.job().name)


@pytest.mark.parametrize("size", [0, 30, 5000, 2 << 20])
def test_one_file_onto_a_mutable_one(real_grid, client, tmp_path, size):
    (tmp_path / "f").write_bytes(content(size, 5))
    slot = put_mutable(real_grid, b"something that was there before")
    target, cap = real_grid.fresh()
    add(real_grid, cap, "m", slot)
    client(real_grid).ok("cp", tmp_path / "f", target + "m")
    assert real_grid.get(slot) == content(size, 5)
    assert real_grid.child(cap, "m")[1]["rw_uri"] == slot


def test_a_mutable_file_named_by_its_cap(real_grid, client, tmp_path):
    (tmp_path / "f").write_bytes(content(5000, 6))
    slot = put_mutable(real_grid, b"before")
    barge = client(real_grid)
    barge.ok("cp", tmp_path / "f", slot)
    assert real_grid.get(slot) == content(5000, 6)
    immutable = real_grid.put(content(6000, 7))
    barge.ok("cp", immutable, slot)  # neither has a name
    assert real_grid.get(slot) == content(6000, 7)
    other = put_mutable(real_grid, content(99, 8))
    barge.ok("cp", other, slot)
    assert real_grid.get(slot) == content(99, 8)
    barge.ok("verify", "--verify=read", barge.job().name)


def test_an_immutable_file_of_the_grid_into_a_mutable_one(real_grid, client):
    source, _ = real_grid.fresh({"f": real_grid.put(content(4000, 9))})
    slot = put_mutable(real_grid, b"before")
    target, cap = real_grid.fresh()
    add(real_grid, cap, "f", slot)
    client(real_grid).ok("cp", source + "f", target)
    assert real_grid.get(slot) == content(4000, 9)
    assert real_grid.child(cap, "f")[1]["rw_uri"] == slot


def test_a_mutable_file_that_may_only_be_read(real_grid, client, tmp_path):
    (tmp_path / "d").mkdir()
    for name in "a", "b":
        (tmp_path / "d" / name).write_bytes(content(800, 10))
    slot = put_mutable(real_grid, b"kept")
    there = real_grid.mkdir({"a": read_only(real_grid, slot)})
    target, _ = real_grid.fresh({"d": there})
    barge = client(real_grid)
    run = barge.ok("cp", "-r", tmp_path / "d", target, code=4)
    assert "'d/a'" in run.err and "grants no writing" in run.err
    assert real_grid.get(slot) == b"kept" and "b" in real_grid.list(there)
    run = barge.ok("cp", tmp_path / "d/a", target + "d/a", code=2)
    assert "grants no writing" in run.err
    run = barge.ok("cp", tmp_path / "d/a", read_only(real_grid, slot), code=2)
    assert "grants no writing" in run.err
    run = barge.ok("cp", tmp_path / "d/a", real_grid.put(content(99)), code=2)
    assert "cannot change" in run.err


def test_a_run_killed_while_overwriting_goes_on(real_grid, client, barge_debug, tmp_path):
    (tmp_path / "f").write_bytes(content(3 << 20, 11))
    slot = put_mutable(real_grid, b"before")
    target, cap = real_grid.fresh()
    add(real_grid, cap, "f", slot)
    barge = client(real_grid, barge_debug)
    barge.run("cp", tmp_path / "f", target, env={"BARGE_KILL": "transfer-stored"})
    barge.ok("resume")
    assert real_grid.get(slot) == content(3 << 20, 11)
    assert real_grid.child(cap, "f")[1]["rw_uri"] == slot


# --- read from the storage servers -----------------------------------------------------------

def reads(node):
    """How often the gateway was asked for contents of what can change."""
    return sum("SSK" in one.path or "MDMF" in one.path for one in node.proxy.requests
               if one.method == "GET" and "t=json" not in one.path)


@pytest.mark.parametrize("grid_name", ["real_grid", "spread_grid"])
def test_mutable_files_are_read_past_the_gateway(request, client, through, tmp_path, grid_name):
    grid = request.getfixturevalue(grid_name)
    data = {f"{kind}{size}": content(size, 710) for kind, sizes in
            {"SDMF": (0, 200000), "MDMF": (70, 5000000)}.items() for size in sizes}
    alias, _ = grid.fresh({name: put_mutable(grid, one, name[:4]) for name, one in data.items()})
    node = through(grid)
    barge = client(node)
    run = barge.ok("cp", "-r", alias, tmp_path / "out")
    same(local_tree(tmp_path / "out"), {name: summary(one) for name, one in data.items()})
    barge.ok("get", alias + "MDMF5000000", tmp_path / "one")
    assert (tmp_path / "one").read_bytes() == data["MDMF5000000"]
    assert reads(node) == 0 and "past the gateway" not in run.err


def test_what_is_too_large_to_be_kept_is_read_by_the_gateway(real_grid, client, through, tmp_path):
    data = content((8 << 20) + 1, 711)
    alias, _ = real_grid.fresh({"m": put_mutable(real_grid, data, "MDMF")})
    node = through(real_grid)
    run = client(node).ok("get", alias + "m", tmp_path / "m")
    assert (tmp_path / "m").read_bytes() == data and reads(node) > 0
    assert run.err.count("past the gateway: it is too large") == 1
