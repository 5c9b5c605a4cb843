"""barge cp --caps-only: read caps instead of data."""
import os
import stat

from tree import content, local_tree, same


def store(grid, barge, path):
    """A tree with a literal, a file of ranges, an empty file and a directory; returns its alias."""
    (path / "sub").mkdir(parents=True)
    (path / "small").write_bytes(b"small")
    (path / "empty").write_bytes(b"")
    (path / "sub/large").write_bytes(content(3 << 20))
    (path / "sub/large").chmod(0o755)
    alias, _ = grid.fresh()
    barge.ok("cp", "-r", path, alias)
    return alias


def test_caps_are_what_tahoe_writes(real_grid, client, tmp_path):
    barge = client(real_grid)
    alias = store(real_grid, barge, tmp_path / "s")
    put = real_grid.command("-d", real_grid.directory, "put", "--mutable", tmp_path / "s/small",
                            alias + "s/changes")
    assert put.returncode == 0, put.stdout
    barge.ok("cp", "-r", alias + "s", tmp_path / "ours", "--caps-only", "--range-size=1M")
    run = real_grid.command("-d", real_grid.directory, "cp", "-r", "--caps-only", alias + "s",
                            tmp_path / "theirs")
    assert run.returncode == 0, run.stdout
    same(local_tree(tmp_path / "ours"), local_tree(tmp_path / "theirs"))
    text = (tmp_path / "ours/s/sub/large").read_bytes()
    assert text.startswith(b"URI:CHK:") and not text.endswith(b"\n")
    assert (tmp_path / "ours/s/changes").read_bytes().startswith(b"URI:SSK-RO:")
    for name in "small", "empty", "sub/large", "changes":
        assert stat.S_IMODE(os.stat(tmp_path / "ours/s" / name).st_mode) == 0o600


def test_a_single_file_no_preserve_and_a_second_time(embedded, client, tmp_path):
    barge = client(embedded)
    alias = store(embedded, barge, tmp_path / "s")
    for options in (["--no-preserve"], [], ["--update"]):
        run = barge.ok("cp", alias + "s/sub/large", tmp_path / "cap", "--caps-only", *options,
                       "--json")
        text = (tmp_path / "cap").read_bytes()
        assert text.startswith(b"URI:CHK:")
        assert stat.S_IMODE(os.stat(tmp_path / "cap").st_mode) == 0o600
        assert run.entries()["cap"]["bytes"] == len(text)
    assert run.summary()["reasons"] == {"unchanged at the target": 1}
    (tmp_path / "cap").unlink()
    barge.ok("cp", alias + "s/sub/large", tmp_path / "cap")
    assert (tmp_path / "cap").read_bytes() == content(3 << 20)


def test_it_is_refused_where_it_means_nothing(embedded, client, tmp_path):
    barge = client(embedded)
    alias = store(embedded, barge, tmp_path / "s")
    run = barge.ok("cp", "-r", alias + "s", alias + "copy", "--caps-only", code=2)
    assert "--caps-only writes caps into local files" in run.err
    run = barge.ok("cp", "-r", alias + "s", tmp_path / "s/small", tmp_path / "out", "--caps-only",
                   code=2)
    assert "is local" in run.err
    assert not (tmp_path / "out").exists()


def test_a_planned_job_keeps_to_it(embedded, client, tmp_path):
    barge = client(embedded)
    alias = store(embedded, barge, tmp_path / "s")
    barge.ok("plan", "-r", alias + "s", tmp_path / "out", "--caps-only")
    barge.ok("resume")
    assert (tmp_path / "out/s/small").read_bytes().startswith(b"URI:LIT:")
