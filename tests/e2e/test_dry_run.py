"""barge cp --dry-run: what would be done, and nothing done."""
import os

import pytest

from grid import read_json
from tree import content, local_tree, same


def lines_of(run):
    return sorted(run.out.splitlines())


def plan_of(run):
    """{path: line} of the JSON lines."""
    lines = run.lines()
    assert all(line["event"] == "plan" for line in lines)
    assert len({line["path"] for line in lines}) == len(lines)
    return {line["path"]: line for line in lines}


def make_source(path):
    (path / "sub").mkdir(parents=True)
    (path / "file").write_bytes(content(1536))
    (path / "sub/a\nb").write_bytes(b"x")
    return path


def nothing_is_left(barge, tmp_path):
    assert barge.jobs() == []
    assert not barge.state.exists()
    assert os.listdir(tmp_path / "tmp") == []


def dry(barge, tmp_path, *words, code=0, **options):
    (tmp_path / "tmp").mkdir(exist_ok=True)
    return barge.ok("cp", "-n", *words, code=code, env={"TMPDIR": str(tmp_path / "tmp")}, **options)


@pytest.mark.parametrize("options", [(), ("--immutable",)], ids=["mutable", "immutable"])
@pytest.mark.parametrize("kind", ["immutable", "read-only"])
def test_onto_a_directory_that_nobody_can_write_to(embedded, client, tmp_path, kind, options):
    """It cannot be merged into: rehearsal and run say so, and nothing of it is sent."""
    barge, source = client(embedded), make_source(tmp_path / "s")
    alias, cap = embedded.fresh()
    if kind == "immutable":
        barge.ok("cp", "-r", "--immutable", source, alias)
    else:
        old = embedded.mkdir({"kept": embedded.put(content(300))})
        embedded.link(cap, "s", read_json(embedded.url, old)[1]["ro_uri"])
    before = embedded.list(cap)
    (source / "file").write_bytes(content(1537))
    (source / "sub/new").write_bytes(content(1538))
    sent = embedded.requests("put") + embedded.requests("mkdir-immutable")
    plan = plan_of(dry(barge, tmp_path, "-r", *options, "--json", source, alias, code=1))
    assert plan.keys() == {"s"} and plan["s"]["action"] == "fail"
    run = barge.ok("cp", "-r", "--json", *options, source, alias, code=4)
    assert run.entries()["s"]["state"] == "failed"
    assert "an immutable or read-only directory is at the target" in run.err
    assert embedded.requests("put") + embedded.requests("mkdir-immutable") == sent
    assert embedded.list(cap) == before
    (tmp_path / "other").write_bytes(content(900))
    barge.ok("cp", "-r", "--new", *options, source, tmp_path / "other", alias, code=4)
    assert embedded.list(cap).keys() == {"s", "other"}  # one name never ends the rest


def test_to_a_grid(embedded, client, tmp_path):
    barge, source = client(embedded), make_source(tmp_path / "s")
    alias, _ = embedded.fresh()
    run = dry(barge, tmp_path, "-r", source, alias + "new")
    assert lines_of(run) == ["copy new/s/file (1.5 KiB)", "copy new/s/sub/a\\nb (1 B)",
                             "mkdir new", "mkdir new/s", "mkdir new/s/sub"]
    assert "nothing was done; would copy 2 files (1.5 KiB), link 0 entries, make 3 directories; " \
        "0 would be skipped, 0 would fail" in run.err
    nothing_is_left(barge, tmp_path)
    assert barge.ok("ls", alias).out == ""


def test_into_what_is_there_on_a_grid(embedded, client, tmp_path):
    maker, barge = client(embedded), client(embedded)
    source = make_source(tmp_path / "s")
    alias, _ = embedded.fresh()
    (tmp_path / "t/s/file").mkdir(parents=True)
    maker.ok("cp", "-r", tmp_path / "t/s", alias)
    run = dry(barge, tmp_path, "-r", source, alias, "--json", code=1)
    plan = plan_of(run)
    assert plan["s/file"]["action"] == "fail"
    assert plan["s/file"]["reason"] == "something else is at the target"
    assert plan["s/sub/a\nb"] == {"event": "plan", "path": "s/sub/a\nb", "kind": "file",
                                  "action": "copy", "bytes": 1}
    assert plan["s/sub"]["action"] == "mkdir" and "s" not in plan
    nothing_is_left(barge, tmp_path)


def test_from_grid_to_grid(embedded, client, tmp_path):
    maker, barge = client(embedded), client(embedded)
    alias, _ = embedded.fresh()
    maker.ok("cp", "-r", make_source(tmp_path / "s"), alias)
    run = dry(barge, tmp_path, "-r", alias + "s", alias + "copy")
    assert lines_of(run) == ["link copy/s/file", "link copy/s/sub/a\\nb", "mkdir copy",
                             "mkdir copy/s", "mkdir copy/s/sub"]
    nothing_is_left(barge, tmp_path)


def test_to_a_local_target_that_is_missing(embedded, client, tmp_path):
    maker, barge = client(embedded), client(embedded)
    alias, _ = embedded.fresh()
    maker.ok("cp", "-r", make_source(tmp_path / "s"), alias)
    for place in alias + "s", tmp_path / "s":
        run = dry(barge, tmp_path, "-r", place, tmp_path / "out/deep")
        assert lines_of(run) == ["copy s/file (1.5 KiB)", "copy s/sub/a\\nb (1 B)", "mkdir s",
                                 "mkdir s/sub"]
        assert not (tmp_path / "out").exists()
    assert lines_of(dry(barge, tmp_path, alias + "s/file", tmp_path / "one")) == \
        ["copy one (1.5 KiB)"]
    nothing_is_left(barge, tmp_path)


def test_what_a_local_target_keeps_is_what_the_run_keeps(embedded, client, tmp_path):
    maker, barge = client(embedded), client(embedded)
    alias, _ = embedded.fresh()
    source = make_source(tmp_path / "s")
    (source / "sub/newer").write_bytes(b"new")
    (source / "blocked").mkdir()
    (source / "blocked/below").write_bytes(b"1")
    (source / "in the way").write_bytes(b"2")
    maker.ok("cp", "-r", source, alias)
    out = tmp_path / "out"
    maker.ok("cp", "-r", alias + "s", out)
    (out / "s/sub/newer").write_bytes(b"other")
    (out / "s/blocked/below").unlink()
    (out / "s/blocked").rmdir()
    (out / "s/blocked").write_bytes(b"a file")
    (out / "s/in the way").unlink()
    (out / "s/in the way").mkdir()
    before = local_tree(out)
    for place in alias + "s", source:
        for option in [], ["--update"], ["--always"], ["--no-clobber"]:
            if place == source and option in ([], ["--update"]):
                continue  # a grid keeps times to the microsecond
            plan = plan_of(dry(barge, tmp_path, "-r", place, out, "--json", *option, code=1))
            kept = {"--always": ("copy", "copy"), "--no-clobber": ("skip", "skip")} \
                .get("".join(option), ("skip", "copy"))
            assert (plan["s/file"]["action"], plan["s/sub/newer"]["action"]) == kept
            assert plan["s/blocked"]["action"] == plan["s/blocked/below"]["action"] == "fail"
            assert plan["s/in the way"]["action"] == "fail"
            assert not {"s", "s/sub"} & plan.keys()
    same(local_tree(out), before)
    nothing_is_left(barge, tmp_path)
    run = maker.run("cp", "-r", alias + "s", out, "--json", "--update")
    real = {path: line for path, line in run.entries().items() if line["state"] != "done"}
    told = {path: line for path, line in
            plan_of(dry(barge, tmp_path, "-r", alias + "s", out, "--json", code=1)).items()
            if line["action"] == "fail"}
    assert {path for path, line in real.items() if line["state"] == "failed"} == told.keys()
    assert {path: line["reason"] for path, line in real.items() if path in told} == \
        {path: line["reason"] for path, line in told.items()}


def test_skipping_that_nobody_asked_for_and_that_somebody_did(client, tmp_path):
    barge, source = client(None), make_source(tmp_path / "s")
    (source / "link").symlink_to("file")
    run = dry(barge, tmp_path, "-r", source, tmp_path / "out", code=1)
    assert "skip s/link: symlink" in run.out
    run = dry(barge, tmp_path, "-r", source, tmp_path / "out", "--symlinks=skip")
    assert "1 would be skipped" in run.err
    out = tmp_path / "there"
    barge.ok("cp", "-r", source, out, "--symlinks=skip")
    run = dry(barge, tmp_path, "-r", source, out, "--symlinks=skip", "--update")
    assert "would copy 0 files" in run.err


def test_errors_come_as_ever(embedded, client, tmp_path):
    barge = client(embedded)
    alias, _ = embedded.fresh()
    run = dry(barge, tmp_path, tmp_path / "nothing", alias, code=2)
    assert "No such file or directory" in run.err and run.out == ""
    nothing_is_left(barge, tmp_path)


def test_an_unfinished_job_stays_what_it_is(embedded, client, tmp_path):
    barge, source = client(embedded), make_source(tmp_path / "s")
    (source / "other").write_bytes(content(2000))
    alias, _ = embedded.fresh()
    barge.ok("cp", "-r", source, alias, "--max-transfer=1", code=3)
    before = {path.name: path.read_bytes() for path in barge.job().iterdir()}
    run = dry(barge, tmp_path, "-r", source, alias)
    assert "copy s/file (1.5 KiB)" in run.out
    assert {path.name: path.read_bytes() for path in barge.job().iterdir()} == before
