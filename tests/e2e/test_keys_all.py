"""`barge key log`, `list`, `verify` and `repair`, and what docs/keys.md shows."""
import os
import re
import subprocess
from pathlib import Path

import pytest

from test_keys import Store, key_of, place
from test_keys_chunks import CHUNK, Chunks, lost_cap, spoil
from tree import content

DOCS = Path(__file__).parents[2] / "docs/keys.md"


@pytest.fixture
def keys(embedded, client, tmp_path):
    return Store(embedded, client(embedded), tmp_path)


def listed(run):
    return run.out.splitlines()


def test_the_log(keys):
    chunks, others = Chunks(keys, content(3 * CHUNK)), Chunks(keys, content(3 * CHUNK), 70000)
    chunks.store()
    others.store()
    lines = listed(keys.ok("log", chunks.key))
    assert sorted(line.split("s ", 1)[1] for line in lines) == [
        f"barge:{CHUNK} 3", "barge:70000 5"]
    run = keys.run("log", keys.store(content(5)))
    assert run.code == 2 and "is not in chunks" in run.err


def test_all_keys_are_listed_once(keys):
    chunks = Chunks(keys, content(2 * CHUNK))
    chunks.store()
    chunks.store("--chunk=0")
    wanted = {chunks.key, "URL--http://x/a%b&c:d"}
    keys.ok("store", "URL--http://x/a%b&c:d", chunks.path)
    for number in range(7):
        wanted.add(keys.store(content(number + 1)))
    above = place(chunks.key).rsplit("/", 1)[0]
    keys.grid.link(keys.grid.child(keys.cap, above)[1]["rw_uri"], "no key", keys.grid.put(b"x"))
    lines = listed(keys.ok("list"))
    assert len(lines) == len(wanted) and set(lines) == wanted


def test_an_empty_store_lists_nothing(keys):
    assert keys.ok("list").out == ""
    assert keys.ok("verify").out == ""


def test_verify_tells_what_is_lost(keys):
    whole = keys.store(content(70000))
    chunks = Chunks(keys, content(4 * CHUNK))
    chunks.store()
    run = keys.ok("verify")
    assert sorted(listed(run)) == sorted([f"healthy {whole}", f"healthy {chunks.key}"])
    spoil(chunks, 2, lost_cap(keys, CHUNK))
    run = keys.run("verify", chunks.key)
    assert run.code == 1 and listed(run) == [f"lost {chunks.key}"]
    run = keys.run("verify", "--verify=read")
    assert run.code == 1 and set(listed(run)) == {f"healthy {whole}", f"lost {chunks.key}"}
    chunks.store("--chunk=70000")  # there again, but for those chunks
    run = keys.run("verify", chunks.key)
    assert run.code == 1 and listed(run) == [f"degraded {chunks.key}"]
    run = keys.run("verify", key_of(b"never stored"))
    assert run.code == 1 and listed(run) == [f"lost {key_of(b'never stored')}"]


def test_what_cannot_be_asked_is_unknown(gateway, client, tmp_path):
    grid = gateway()
    keys = Store(grid, client(grid), tmp_path)
    key = keys.store(content(70000))
    grid.restart(["check:500"])
    run = keys.run("verify", key)
    assert run.code == 69 and listed(run) == [f"unknown {key}"]


def test_repair_makes_missing_shares_anew(spread_grid, client, tmp_path):
    keys = Store(spread_grid, client(spread_grid), tmp_path)
    chunks = Chunks(keys, content(3 * CHUNK, 3))
    before = set(spread_grid.share_files())
    chunks.store()
    new = sorted(set(spread_grid.share_files()) - before)
    slots = {}
    for path in new:
        slots.setdefault(Path(path).parent.name, []).append(Path(path))
    cap = keys.grid.child(keys.cap, f"{chunks.own()}/{CHUNK}/{chunks.name(2)}")[1]["ro_uri"]
    index = storage_index(keys, cap)
    slots[index][0].unlink()
    run = keys.run("verify", chunks.key)
    assert run.code == 1 and listed(run) == [f"degraded {chunks.key}"]
    assert listed(keys.ok("repair", chunks.key)) == [f"repaired {chunks.key}"]
    assert listed(keys.ok("verify", chunks.key)) == [f"healthy {chunks.key}"]


def storage_index(keys, cap):
    """As the gateway says it."""
    text = keys.grid.web("POST", f"/uri/{cap.replace(':', '%3A')}?t=check&output=json").decode()
    return re.search(r'"storage-index": "([a-z2-7]+)"', text)[1]


def test_what_the_docs_show(embedded, barge, tahoe, tmp_path):
    """Every command of docs/keys.md, with small chunks."""
    blocks = re.findall(r"```sh\n(.*?)```", DOCS.read_text(), re.S)
    assert len(blocks) >= 5
    home, bin_, films = tmp_path / "home", tmp_path / "bin", tmp_path / "films"
    for path in (home, bin_, films):
        path.mkdir()
    (home / ".tahoe").symlink_to(embedded.directory)
    for name, program in (("barge", barge), ("tahoe", tahoe)):
        (bin_ / name).symlink_to(program)
    embedded.add_alias("media", embedded.mkdir())
    data = {f"film {n}.mkv": content(1_200_000, n) for n in range(2)}
    for name, text in data.items():
        (films / name).write_bytes(text)
    script = "set -eu\n" + "\n".join(blocks).replace("32MiB", "100000").replace(
        "33554432", "100000")
    done = subprocess.run(["bash", "-c", script], cwd=films, check=False, timeout=120,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, env={
                              "HOME": str(home), "PATH": f"{bin_}:{os.environ['PATH']}"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("healthy SHA256") >= 4
    assert (films / "back.mkv").read_bytes() == data["film 1.mkv"]
