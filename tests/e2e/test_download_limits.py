"""Downloads where something runs out, is in the way, is damaged, or is a lot."""
import os
import subprocess

import pytest

import hostile
from fetch_loop import leftovers
from grid import HANG, uri
from tree import content, local_tree

MIB = 1 << 20


def names_in(path):
    return sorted(os.listdir(path))


# --- much ---------------------------------------------------------------------------------

def test_ten_thousand_files_in_one_directory_both_ways(embedded, client, tmp_path):
    (tmp_path / "s").mkdir()
    for number in range(10_000):  # literals, but for some
        (tmp_path / f"s/{number:05d}").write_bytes(content(200 if number % 20 == 0 else 9, number))
    alias, _ = embedded.fresh()
    barge, gets = client(embedded), embedded.requests("get")
    barge.ok("cp", "-r", tmp_path / "s", alias)
    barge.ok("cp", "-r", alias + "s", tmp_path / "out")
    assert local_tree(tmp_path / "out/s") == local_tree(tmp_path / "s")
    assert embedded.requests("get") - gets == 500


@pytest.mark.parametrize("jobs", ["1", "16"])
def test_jobs(gateway, client, tmp_path, jobs):
    grid = gateway("get:delay=20")
    files = {f"f{number:02d}": content(4000 + number, number) for number in range(40)}
    files["large"] = content(5 * MIB, 1)
    alias, _ = grid.fresh({name: grid.put(data) for name, data in files.items()})
    run = client(grid).ok("cp", "-r", "-j", jobs, "--range-size=1M", "--json", alias,
                          tmp_path / "out")
    assert {name: (tmp_path / "out" / name).read_bytes()
            for name in names_in(tmp_path / "out")} == files
    assert run.summary()["files"]["done"] == 41 and grid.requests("get") == 45
    assert jobs != "1" or run.seconds > 40 * 0.02


# --- a target that takes nothing ----------------------------------------------------------

def a_grid_with_files(grid, count=6):
    alias, _ = grid.fresh({f"f{number}": grid.put(content(3000, number))
                           for number in range(count)})
    return alias


def test_a_target_without_write_permission(embedded, nobody, public):
    alias = a_grid_with_files(embedded)
    (public / "out").mkdir()
    one, options = nobody(embedded)
    run = one.ok("cp", "-r", "--json", "-d", public / "node", alias, public / "out", node=False,
                 code=1, **options)
    assert run.summary()["failed"] == 6 and names_in(public / "out") == []
    assert all("ermission denied" in line["detail"] for line in run.entries().values())
    run = one.run("cp", "-r", "-d", public / "node", alias, public / "out/new", node=False,
                  **options)
    assert run.code == 74 and "ermission denied" in run.err, run


def mounted(words, script):
    """`words` behind a shell that mounts in a name space of its own; skips where that is not
    allowed."""
    if subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"],
                      capture_output=True, check=False).returncode != 0:
        pytest.skip("no mounting here")
    return ["unshare", "--mount", "sh", "-ec", script + '\n"$@"', "sh", *words]


def in_mount(barge, script, *words):
    """Runs barge below such a shell."""
    return subprocess.run(mounted(barge.words(*words), script), env=barge.environment,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=HANG,
                          check=False)


def test_a_read_only_file_system(embedded, client, tmp_path):
    alias, barge = a_grid_with_files(embedded), client(embedded)
    out = tmp_path / "out"
    out.mkdir()
    script = f"mount --bind '{out}' '{out}'; mount -o remount,ro,bind '{out}'"
    done = in_mount(barge, script, "cp", "-r", alias, out)
    assert done.returncode in (1, 74) and "Read-only file system" in done.stderr, done
    assert names_in(out) == []
    barge.ok("cp", "-r", "--new", alias, out)
    assert len(names_in(out)) == 6


# --- a full disk --------------------------------------------------------------------------

def test_a_full_disk_and_then_space(gateway, client, barge_debug, tmp_path):
    """All in one name space: the disk is full, nothing half has its name, space comes, it goes on
    where it was."""
    grid = gateway()
    files = {f"f{number}": content(300_000, number) for number in range(8)}
    files["large"] = content(6 * MIB, 1)
    alias, _ = grid.fresh({name: grid.put(data) for name, data in files.items()})
    barge, out = client(grid, barge_debug), tmp_path / "out"
    out.mkdir()
    words = barge.words("cp", "-r", "--json", "--range-size=1M", alias, out)
    script = f"""
        mount -t tmpfs -o size=4m none '{out}'
        status=0; "$@" > '{tmp_path}/first' 2> '{tmp_path}/err' || status=$?
        echo $status; cd '{out}'; ls -A | grep -v '^.barge-' | xargs -r sha256sum; cd /
        echo; mount -o remount,size=40m '{out}'
    """
    tail = f"""
        cd '{out}'; ls -A | xargs sha256sum
    """
    done = subprocess.run([*mounted(words, script)[:-len(words) - 2],
                           script + '"$@" >/dev/null\n' + tail, "sh", *words],
                          env=barge.environment, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=HANG, check=False)
    assert done.returncode == 0, done
    first, second = done.stdout.split("\n\n")
    status, *whole = first.splitlines()
    assert status == "74", (tmp_path / "err").read_text()
    assert "No space left" in (tmp_path / "err").read_text()
    sums = {name: digest for name, (_, digest) in as_summaries(files).items()}
    got = dict(reversed(line.split("  ")) for line in whole)
    assert got.items() <= sums.items(), "a file is not whole"
    assert dict(reversed(line.split("  ")) for line in second.splitlines()) == sums
    assert grid.requests("get") <= len(files) + 5 + 8, "more than those in flight were fetched again"


def as_summaries(files):
    return {name: hostile.summary(data) for name, data in files.items()}


# --- damage -------------------------------------------------------------------------------

SIZE = MIB + 20


def damaged(grid, offset):
    """Stores a file, and flips a bit of its only share; returns its cap."""
    before = set(grid.share_files())
    cap = grid.put(os.urandom(SIZE))
    (share,) = set(grid.share_files()) - before
    raw = bytearray(share.read_bytes())
    raw[12 + 36 + offset] ^= 1  # behind the headers of the container and the share
    share.write_bytes(raw)
    return cap


@pytest.mark.parametrize("secret", [True, False], ids=["secret", "no secret"])
@pytest.mark.parametrize("options", [(), ("--range-size=1M",)], ids=["whole", "ranges"])
def test_a_damaged_share_is_reported_and_never_delivered(real_grid, client, tmp_path, secret,
                                                         options):
    places = {"first byte": 0, "first segment": 1000, "middle": MIB // 2, "last segment": MIB + 2,
              "last byte": SIZE - 1}
    good = real_grid.put(content(2000, 8))
    _, cap = real_grid.fresh({"good": good, **{name: damaged(real_grid, offset)
                                               for name, offset in places.items()}})
    (tmp_path / "cap").write_text(cap)
    (tmp_path / "cap").chmod(0o600)
    for name in "out/last byte", "out/middle":
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"before")
    node = ["-d", real_grid.directory] if secret else ["-u", real_grid.url]
    run = client(real_grid).ok("cp", "-r", "--json", *options, *node, f"--cap-file={tmp_path}/cap",
                               "cap:", tmp_path / "out", node=False, code=1)
    states = {path: line["state"] for path, line in run.entries().items()}
    assert states == {"good": "done", **{name: "failed" for name in places}}
    assert local_tree(tmp_path / "out") == {
        "good": hostile.summary(content(2000, 8)),
        **{name: hostile.summary(b"before") for name in ("last byte", "middle")}}
    assert run.summary()["files"]["done"] == 1


# --- names and several sources ------------------------------------------------------------

def test_a_path_that_is_too_long_here(embedded, client, tmp_path):
    """A name may have 255 bytes, not characters; a path what it likes."""
    file = embedded.put(content(3000))
    alias, cap = embedded.fresh({"\u65e5" * 86: file, "\u65e5" * 85: file, "x" * 256: file,
                                 "d": embedded.mkdir({"y" * 256: embedded.mkdir({"f": file}),
                                                      "z": file})})
    run = client(embedded).ok("cp", "-r", "--json", alias, tmp_path / "out", code=1)
    assert local_tree(tmp_path / "out").keys() == {"\u65e5" * 85, "d", "d/z"}
    assert run.summary()["failed"] == 3
    assert len(embedded.list(cap)) == 4


@pytest.mark.parametrize("target", ["local", "grid"])
def test_sources_of_both_kinds(embedded, client, tmp_path, target):
    (tmp_path / "here/sub").mkdir(parents=True)
    (tmp_path / "here/sub/f").write_bytes(content(700))
    (tmp_path / "alone").write_bytes(content(60))
    x = embedded.mkdir({"f": embedded.put(content(3000)), "e": embedded.mkdir()})
    alias, _ = embedded.fresh({"x": x, "g": embedded.put(content(900))})
    other, cap = embedded.fresh()
    there = tmp_path / "out" if target == "local" else other
    words = ["cp", "-r", alias + "x", tmp_path / "here", alias + "g", tmp_path / "alone", there]
    barge = client(embedded)
    run = barge.ok(*words, "--json")
    tree = local_tree(there) if target == "local" else embedded.tree(cap)
    assert tree == {"x": None, "x/e": None, "x/f": hostile.summary(content(3000)), "here": None,
                    "here/sub": None, "here/sub/f": hostile.summary(content(700)),
                    "g": hostile.summary(content(900)), "alone": hostile.summary(content(60))}
    assert run.entries().keys() == tree.keys()
    barge.ok(*words)


@pytest.mark.parametrize("point", ["plan-listing", "fetch-publish:2", "fetch-named:3", "settled"])
def test_sources_of_both_kinds_killed(embedded, client, barge_debug, tmp_path, point):
    (tmp_path / "here/sub").mkdir(parents=True)
    for number in range(5):
        (tmp_path / f"here/sub/{number}").write_bytes(content(700, number))
    x = embedded.mkdir({f"{number}": embedded.put(content(3000, number)) for number in range(5)})
    alias, _ = embedded.fresh({"x": x, "f": embedded.put(content(900))})
    barge = client(embedded, barge_debug)
    words = ["cp", "-r", alias, tmp_path / "here", tmp_path / "out"]
    assert barge.run(*words, env={"BARGE_KILL": point}).code == -9
    barge.ok(*words)
    assert len(local_tree(tmp_path / "out")) == 1 + 5 + 1 + 2 + 5
    assert not leftovers(tmp_path / "out")


def test_an_edge_without_metadata(embedded, client, tmp_path):
    """What a grid does not say is made as the user's umask has it."""
    cap = embedded.put(content(3000))
    alias, made = embedded.fresh({"plain": cap})
    embedded.web("PUT", uri(made, "linked", t="uri"), cap)
    client(embedded).ok("cp", "-r", alias, tmp_path / "out", umask=0o027)
    for name in "plain", "linked":
        assert (tmp_path / "out" / name).stat().st_mode & 0o777 == 0o640


def test_verify_is_about_grids(embedded, client, tmp_path):
    barge = client(embedded)
    barge.ok("cp", "-r", a_grid_with_files(embedded), tmp_path / "out")
    assert "local target" in barge.ok("verify", barge.job().name, code=2).err
