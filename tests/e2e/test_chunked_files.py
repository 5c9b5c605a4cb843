"""Files in chunks, which every command takes for files, and backups store too."""
import json
import signal
import time

import pytest

from backup_place import OLD, Place, counts
from chunked import CHUNK, CHUNKS, KIB, SIZE, marked, pieces_at, sent, slots_written, source, stored
from grid import FOR_EVER, EmbeddedGateway, wait_for
from tree import content, local_tree, same


def test_ls_shows_a_file(embedded, stored):
    barge, alias, _ = stored
    assert barge.ok("ls", alias + "s").out == "large\nsmall\n"
    lines = [json.loads(line) for line in barge.ok("ls", "--json", alias + "s").out.splitlines()]
    assert [(line["name"], line["kind"], line["size"]) for line in lines] == [
        ("large", "file", SIZE), ("small", "file", CHUNK)]
    line = json.loads(barge.ok("ls", "--json", alias + "s/large").out)
    assert (line["name"], line["kind"], line["size"]) == ("large", "file", SIZE)
    assert barge.ok("ls", "-l", alias + "s/large").out.split()[1] == str(SIZE)
    barge.ok("ls", alias + "s/large/", code=2)
    a, b = embedded.put(content(1000, 7)), embedded.put(content(1000, 8))
    assert barge.ok("ls", marked(embedded, {"1": a, "2": b}, 1999)).out == "large/\n"


@pytest.mark.parametrize("options", [(), ("--no-direct",)], ids=["servers", "gateway alone"])
def test_get_writes_one_file(embedded, stored, tmp_path, options):
    barge, alias, _ = stored
    barge.ok("get", alias + "s/large", tmp_path / "got", *options)
    assert (tmp_path / "got").read_bytes() == content(SIZE)
    run = barge.ok("get", alias + "s/large", "-", *options)
    assert run.raw == content(SIZE)


def test_diff_compares_it_with_a_file(embedded, stored, source, tmp_path):
    barge, alias, _ = stored
    barge.ok("diff", source, alias + "s")
    barge.ok("diff", source / "large", alias + "s/large")
    barge.ok("diff", "--verify=read", source / "large", alias + "s/large")
    data = bytearray(content(SIZE))
    data[3 * CHUNK] ^= 1
    (source / "large").write_bytes(data)
    for words in (source, alias + "s"), (source / "large", alias + "s/large"):
        for options in [], ["--verify=read"]:
            run = barge.ok("diff", *words, *options, code=1)
            assert "large" in run.out
    (source / "large").unlink()
    run = barge.ok("diff", "--json", source, alias + "s", code=1)
    line = run.entries()["large"]
    assert line["kind"] == "file"


def proven(run):
    """{path: kind} of what a verification tells as proven."""
    return {path: line["kind"] for path, line in run.entries().items() if line["state"] == "done"}


@pytest.mark.parametrize("level", ["count", "check", "read"])
def test_verify_takes_it_for_a_file(embedded, stored, level):
    barge, alias, _ = stored
    run = barge.ok("verify", alias + "s", f"--verify={level}", "--json")
    assert proven(run) == {"": "directory", "large": "file", "small": "file"}
    assert run.entries()["large"]["bytes"] == SIZE
    run = barge.ok("verify", barge.job().name, f"--verify={level}", "--json")
    assert proven(run)["s/large"] == "file" and run.summary()["failed"] == 0
    assert run.summary()["files"] == 2
    a, b = embedded.put(content(1000, 7)), embedded.put(content(1000, 8))
    run = barge.ok("verify", marked(embedded, {"1": a, "2": b}, 1999), "--json")
    assert proven(run) == {"": "directory", "large": "directory", "large/1": "file",
                           "large/2": "file"}


def test_a_verification_that_was_killed_looks_at_no_chunk_again(embedded, client, source,
                                                                barge_debug):
    barge = client(embedded, barge_debug)
    alias, _ = embedded.fresh()
    barge.ok("cp", "-r", source, alias, "--chunk=64K")
    words = "verify", alias + "s", "-j1", "--json", "--verify=read"
    assert barge.run(*words, env={"BARGE_KILL": "verify-noted:3"}).code == -signal.SIGKILL
    gets = sent(embedded, "get")
    total = barge.ok(*words).summary()
    assert (total["before"], total["files"], total["directories"]) == (3, 2, 1)
    assert gets() <= 1


def test_chunks_of_one_file_are_looked_at_side_by_side(gateway, client, source):
    """As many as -j says are asked for before any is answered."""
    grid = gateway()
    barge, (alias, _) = client(grid), grid.fresh()
    barge.ok("cp", "-r", source, alias, "--chunk=64K")
    grid.restart([f"check:delay={FOR_EVER}"])
    verify = barge.start("verify", alias + "s/large", "-j8")
    try:
        wait_for(lambda: grid.requests("check") >= 8)
    finally:
        verify.kill()
        verify.wait()
    grid.restart()
    assert proven(barge.ok("verify", alias + "s/large", "-j8", "--json")) == {"": "file"}


def test_a_chunk_that_is_lost_is_named(real_grid, client, source, tmp_path):
    alias, _ = real_grid.fresh()
    barge = client(real_grid)
    (source / "large").write_bytes(content(SIZE, 40))
    before = set(real_grid.share_files())
    barge.ok("cp", "-r", source, alias, "--chunk=100K")
    chunks = [path for path in set(real_grid.share_files()) - before
              if path.stat().st_size > 100 * KIB]
    chunks[0].unlink()
    for words in [alias + "s"], [alias + "s", "--verify=check"], [barge.job().name]:
        run = barge.ok("verify", *words, "--json", code=1)
        line, = [line for line in run.entries().values() if line["state"] == "failed"]
        assert line["path"].endswith("large") and line["kind"] == "file"
        assert "of 7: " in line["detail"] and "chunk" in line["detail"]
    # What is fetched is all or nothing.
    run = barge.ok("get", alias + "s/large", tmp_path / "out", code=1)
    assert "of 7: " in run.err and not (tmp_path / "out").exists()
    # Sent again, it is whole again.
    barge.ok("cp", "-r", source, alias, "--chunk=100K", "--always")
    barge.ok("verify", alias + "s")


# --- backups --------------------------------------------------------------------------------

class ChunkPlace(Place):
    """A directory with files around the size of a chunk, backed up in chunks."""
    def __init__(self, grid, barge, source):
        self.grid, self.barge, self.source = grid, barge, source
        self.alias, self.cap = grid.fresh()
        (self.source / "d").mkdir(parents=True)
        (self.source / "d/large").write_bytes(content(SIZE))
        (self.source / "d/equal").write_bytes(content(CHUNK, 1))
        (self.source / "small").write_bytes(content(100, 2))
        time.sleep(OLD)

    def backup(self, *options, chunk="64K", code=0):
        return super().backup(f"--chunk={chunk}", *options, code=code)

    def pieces(self, *path):
        return pieces_at(self.grid, self.latest(), *path)


@pytest.fixture
def place(embedded, client, tmp_path):
    return ChunkPlace(embedded, client(embedded), tmp_path / "source")


def test_a_backup_in_chunks_shares_them(place, tmp_path):
    first = place.backup()
    assert counts(first) == (3, 0, 0, 2, 0, 0)
    names, data = place.pieces("d", "large")
    assert len(names) == CHUNKS and data == content(SIZE)
    assert place.pieces("d", "equal")[0] is None
    puts = sent(place.grid)
    for chunk in "64K", "100K", "1M":
        assert counts(place.backup(chunk=chunk)) == (0, 3, 0, 0, 2, 0)
    assert puts() == 0 and len(place.pieces("d", "large")[0]) == CHUNKS
    # A file that grows, one that changes and is cut otherwise.
    (place.source / "d/equal").write_bytes(content(CHUNK + 1, 1))
    (place.source / "d/large").write_bytes(content(SIZE, 3))
    time.sleep(OLD)
    assert counts(place.backup(chunk="40K"))[:2] == (2, 1)
    assert len(place.pieces("d", "equal")[0]) == 2 and len(place.pieces("d", "large")[0]) == 17
    # Restored, also as it was.
    barge, alias = place.barge, place.alias
    barge.ok("cp", "-r", alias + "to/Latest", tmp_path / "now")
    same(local_tree(tmp_path / "now/Latest"), local_tree(place.source))
    barge.ok("cp", "-rT", "--at", first["snapshot"], alias + "to", tmp_path / "then")
    assert (tmp_path / "then/d/large").read_bytes() == content(SIZE)


def test_without_its_database_a_backup_reads_the_snapshot(place):
    time.sleep(1.2)  # its name is a second: what is older than that is believed
    place.backup()
    place.database().unlink()
    puts = sent(place.grid)
    assert counts(place.backup()) == (0, 3, 0, 0, 2, 0) and puts() == 0


def test_a_rehearsal_of_a_backup_foresees_chunks(place):
    place.backup()
    run = place.barge.ok("backup", "--dry-run", "--chunk=64K", place.source, place.alias + "to")
    assert "copy 0 files" in run.err and "reuse 5 entries" in run.err


def test_snapshots_take_it_for_a_file(place):
    place.backup()
    barge, to = place.barge, place.alias + "to"
    (place.source / "d/large").write_bytes(content(SIZE, 4))
    time.sleep(OLD)
    place.backup()
    total = SIZE + CHUNK + 100
    rows = barge.ok("snapshots", "-l", "--json", to).lines()
    assert [(row["files"], row["directories"], row["bytes"]) for row in rows] == [(3, 1, total)] * 2
    found = barge.ok("snapshots", "find", to, "large").out.split("\n")
    assert found[0] == "d/large" and [line.split()[1] for line in found[1:3]] == [str(SIZE)] * 2
    old, new = sorted(place.archives())
    assert barge.ok("snapshots", "diff", to, old, new, code=1).out == \
        "changed: d/large (content, time)\n"
    run = barge.ok("snapshots", "check", to, "--read-data-subset=100%", "--json")
    summary = run.summary()
    # Twice the large file, its chunks that are no literals, and the other two, once each.
    assert (summary["files"], summary["damaged"], summary["lost"]) == (4, 0, 0)
    assert summary["read"] == 2 * (CHUNKS - 1) + 2


def test_a_backup_that_was_killed_sends_the_other_chunks(barge, client, tmp_path):
    grid = EmbeddedGateway(barge, tmp_path / "node", [f"put:delay={FOR_EVER}@24+"])
    try:
        place = ChunkPlace(grid, client(grid), tmp_path / "source")
        (place.source / "d/large").write_bytes(content(40 * CHUNK))
        words = ("backup", "--chunk=64K", "-j4", place.source, place.alias + "to")
        running = place.barge.start(*words)
        wait_for(lambda: slots_written(place.barge) >= 20)
        running.kill()
        place.barge.finish(running)
        grid.restart()
        run = place.barge.ok(*words)
        assert "continuing job" in run.err
        # Those in flight, two other files and three directories.
        assert grid.requests("put") <= 40 - 18 + 2 + 3
        assert place.pieces("d", "large")[1] == content(40 * CHUNK)
    finally:
        grid.stop()


def test_a_lost_chunk_is_stored_again_by_the_next_backup(real_grid, client, tmp_path):
    place = ChunkPlace(real_grid, client(real_grid), tmp_path / "source")
    (place.source / "d/large").write_bytes(content(3 * CHUNK, 50))
    time.sleep(OLD)
    before = set(real_grid.share_files())
    place.backup()
    chunks = [path for path in set(real_grid.share_files()) - before
              if CHUNK < path.stat().st_size < 2 * CHUNK]
    lost = chunks[0]
    lost.unlink()
    looks = "--check-after=0", "--check-always=0"
    assert place.backup()["files_uploaded"] == 0
    assert place.backup(*looks)["files_uploaded"] == 1
    assert lost.exists()
    assert place.backup(*looks)["files_uploaded"] == 0
