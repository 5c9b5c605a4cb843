"""What commands print, and planning, running, showing, interrupting and going on with jobs."""
import json
import os
import re
import signal
import time

import pytest

from grid import FOR_EVER, HANG, wait_for
from lying import HoldingGateway, is_put
from runner import LineReader, text_of
from tree import below, content, local_tree, same


@pytest.fixture
def files(tmp_path):
    """A directory `s` of five files and two directories."""
    path = tmp_path / "s"
    (path / "d/e").mkdir(parents=True)
    for name in "a", "b", "d/c", "d/e/f":
        (path / name).write_bytes(content(1000, len(name)))
    (path / "d/new\nline").write_bytes(b"x")
    return path


def show(barge, path, *options, **more):
    run = barge.ok("show", "--json", *options, path, **more)
    return [json.loads(line) for line in run.out.splitlines()]



# --- json ---------------------------------------------------------------------------------

def test_json_has_one_line_an_entry_and_adds_up(embedded, client, files):
    (files / "link").symlink_to("a")
    (files / "bad").write_bytes(b"12")
    os.rename(files / "bad", os.fsencode(files) + b"/bad\xff")
    alias, _ = embedded.fresh()
    run = client(embedded).ok("cp", "-r", "--json", files, alias, code=1)
    entries, summary = run.entries(), run.summary()
    assert entries.keys() == {*below("s", local_tree(files)), "s/link"}
    states = [line["state"] for line in entries.values()]
    assert summary["planned"] == len(entries) == 10
    for state in "done", "skipped", "failed":
        assert summary[state] == states.count(state)
    assert summary["done"] == 8 and summary["skipped"] == summary["failed"] == 1
    assert summary["left"] == 0 and summary["linked"] is True and summary["plan_complete"] is True
    assert summary["bytes"] == sum(line["bytes"] for line in entries.values()
                                   if line["state"] == "done") == 4001
    assert entries["s/d/new\nline"]["kind"] == "file" and entries["s/d"]["kind"] == "directory"
    targets = [line for line in run.lines() if line["event"] == "target"]
    assert [line["state"] for line in targets] == ["done"]
    assert run.lines()[-1] == summary, "the summary is not the last line"


def test_what_failed_is_kept_for_later(embedded, client, files):
    (files / "link").symlink_to("a")
    alias, _ = embedded.fresh()
    barge = client(embedded)
    barge.ok("cp", "-r", files, alias, code=1)
    lines = [json.loads(line) for line in
             (barge.job() / "errors.jsonl").read_text().splitlines()]
    assert [(line["path"], line["state"]) for line in lines] == [("s/link", "skipped")]


def test_quiet_says_nothing(embedded, client, files):
    alias, _ = embedded.fresh()
    run = client(embedded).ok("cp", "-r", "-q", files, alias)
    assert run.out == "" and run.err == ""


# --- plan, show, run, resume --------------------------------------------------------------

def test_plan_writes_only_the_manifest_and_resume_carries_it_out(embedded, client, files):
    alias, cap = embedded.fresh()
    barge = client(embedded)
    puts = embedded.requests("put")
    run = barge.ok("plan", "-r", files, alias)
    assert embedded.list(cap) == {} and embedded.requests("put") == puts
    assert "planned 5 files" in run.err
    lines = show(barge, barge.job() / "manifest")
    names = {line["name"] for line in lines if "name" in line and "kind" in line}
    assert names == {"s", "a", "b", "c", "d", "e", "f", "new\nline"}
    barge.ok("resume")
    same(embedded.tree(cap), below("s", local_tree(files)))
    run = barge.ok("resume", code=2)
    assert "no job is unfinished" in run.err


def test_a_plan_in_a_file_is_run_once(embedded, client, files, tmp_path):
    alias, cap = embedded.fresh()
    barge = client(embedded)
    plan = tmp_path / "the.plan"
    barge.ok("plan", "-r", "-o", plan, files, alias)
    assert not (tmp_path / "the.plan.partial").exists()
    barge.search(plan.read_bytes(), "the plan")
    run = barge.ok("run", "--json", plan)
    same(embedded.tree(cap), below("s", local_tree(files)))
    assert run.summary()["planned"] == 8
    requests = embedded.requests("set_children")
    run = barge.ok("run", "--json", plan)
    assert run.summary()["done"] == 8 and embedded.requests("set_children") == requests
    run = barge.ok("plan", "-r", "-o", plan, files, alias, code=2)
    assert "not overwritten" in run.err


def test_show_prints_outcomes_and_caps_only_when_asked(embedded, client, files):
    alias, cap = embedded.fresh()
    barge = client(embedded)
    barge.ok("cp", "-r", files, alias)
    lines = show(barge, barge.job() / "outcomes")
    assert sum(line.get("state") == "done" for line in lines) == 9
    barge.ok("show", barge.job() / "outcomes")
    barge.ok("show", barge.job() / "manifest")
    lines = show(barge, barge.job() / "outcomes", "--caps", secret=True)
    shown = {line["cap"] for line in lines if "cap" in line}
    assert embedded.child(cap, "s")[1]["rw_uri"] in shown
    assert embedded.child(cap, "s/a")[1]["ro_uri"] in shown


def test_jobs_are_listed_shown_and_removed(embedded, client, files):
    alias, _ = embedded.fresh()
    barge = client(embedded)
    assert barge.ok("jobs").out == ""
    barge.ok("cp", "-r", files, alias)
    barge.ok("plan", "-r", files, alias)
    done, planned = (path.name for path in barge.jobs())
    listed = [json.loads(line) for line in barge.ok("jobs", "list", "--json").out.splitlines()]
    assert [(line["id"], line["state"]) for line in listed] \
        == [(planned, "unfinished"), (done, "finished")]
    assert [line["planned"] for line in listed] == [8, 8] and listed[1]["done"] == 8
    head, first, second = barge.ok("jobs").out.splitlines()
    assert head.split()[:3] == ["JOB", "AGE", "COMMAND"]
    assert planned.startswith(first.split()[0]) and done.startswith(second.split()[0])
    assert first.split()[0] != second.split()[0] and len(second.split()[0]) >= 8
    columns = re.split(r"\s{2,}", second)
    assert columns[4:6] == ["5/5", "0"], head
    assert f"{files} -> {alias}" in second
    shown = barge.ok("jobs", "show", done, "--json").out
    assert '"planned":8' in shown.replace(" ", "") and '"linked":true' in shown.replace(" ", "")
    barge.ok("jobs", "remove", done)
    assert [path.name for path in barge.jobs()] == [planned]
    run = barge.ok("jobs", "show", "ffff", code=2)
    assert "there is no job 'ffff'" in run.err


def test_what_is_there_already_is_not_told_as_not_done(client, files, tmp_path):
    """A copy again, and one that an option had leave something out."""
    barge = client(None)
    (files / "link").symlink_to("nowhere")

    def row():
        head, *rows = (re.split(r"\s{2,}", line) for line in barge.ok("jobs").out.splitlines())
        return dict(zip(head, rows[0]))
    for _ in range(2):
        barge.ok("cp", "-r", "--symlinks=skip", files, tmp_path / "to")
    assert (row()["FILES"], row()["NOT DONE"]) == ("5/5", "0"), row()
    listed = json.loads(barge.ok("jobs", "--json").out.splitlines()[0])
    assert (listed["skipped_asked"], listed["files_asked"]) == (6, 5)
    barge.ok("cp", "-r", files, tmp_path / "to", code=1)
    assert (row()["FILES"], row()["NOT DONE"]) == ("5/5", "1"), row()
    (barge.job() / "summary").write_text('{"planned":8,"done":0,"skipped":8,"failed":0,"left":0,'
                                         '"bytes_planned":9,"bytes_done":0,"status":1,"ended":9}')
    assert (row()["FILES"], row()["NOT DONE"]) == ("5/5", "1"), "counted anew"
    (barge.job() / "summary").unlink()


def test_what_failed_is_shown_and_finished_jobs_are_pruned(embedded, client, files):
    alias, _ = embedded.fresh()
    barge = client(embedded)
    (files / "link").symlink_to("nowhere")
    barge.ok("cp", "-r", files, alias, code=1)
    failed = barge.job()
    barge.ok("cp", "-r", "--symlinks=skip", files, alias + "again/")
    shown = barge.ok("jobs", "show", failed.name).out
    assert f'path={files.name}/link kind=symlink reason="symlink, not followed"' in shown
    assert f"log path={failed / 'errors.jsonl'}" in shown
    entries = [json.loads(line) for line in
               barge.ok("jobs", "show", "--json", failed.name).out.splitlines()]
    assert [line["path"] for line in entries if line["record"] == "entry"] == [f"{files.name}/link"]
    assert json.loads((failed / "summary").read_text())["status"] == 1

    barge.ok("jobs", "prune")  # not that old
    assert len(barge.jobs()) == 2
    assert "1 finished jobs removed" in barge.ok("jobs", "prune", "--older=0").err
    assert barge.jobs() == [failed]
    (failed / "summary").unlink()  # of a version that kept none: what failed stays all the same
    barge.ok("jobs", "prune", "--older", "0")
    assert barge.jobs() == [failed]
    barge.ok("jobs", "prune", failed.name, code=2)


@pytest.mark.alters_state
def test_what_an_old_job_came_to_is_counted(embedded, client, files):
    alias, _ = embedded.fresh()
    barge = client(embedded)
    barge.ok("cp", "-r", files, alias)
    (barge.job() / "summary").write_text("{}")
    assert json.loads(barge.ok("jobs", "--json").out)["status"] == 0
    assert " 5/5 " in barge.ok("jobs").out
    (barge.job() / "outcomes").unlink()
    assert "8/8" not in barge.ok("jobs").out


def test_plan_first_tells_the_totals_before_anything_is_sent(gateway, client, files):
    grid = gateway("put:500")
    alias, _ = grid.fresh()
    barge = client(grid)
    process = barge.start("cp", "-r", "--plan-first", files, alias)
    wait_for(lambda: grid.requests("put") > 0)
    lines = show(barge, barge.job() / "manifest")
    assert lines[0]["complete"] is True
    process.send_signal(signal.SIGINT)
    barge.finish(process)


# --- signals ------------------------------------------------------------------------------

@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains_and_the_job_goes_on(gateway, client, tmp_path, number):
    path = tmp_path / "s"
    path.mkdir()
    for name in range(60):
        (path / f"{name:02d}").write_bytes(content(3000, name))
    grid = gateway()
    alias, cap = grid.fresh()
    barge = client(grid)
    with HoldingGateway(grid, tmp_path / "holding", 5, is_put) as holding:
        process = barge.start("cp", "-r", "--json", "-u", holding.url, path, alias)
        reader = LineReader(process.stdout)
        assert reader.wait_for(lambda line: b'"done"' in line)
        process.send_signal(number)
        barge.await_said(process, "stopping")
        holding.let_go()
        error = text_of(process.said).decode()
        assert process.wait(HANG) == 3, error
    assert "go on with: barge resume" in error and grid.list(cap) == {}
    lines = [json.loads(line) for line in text_of(reader).splitlines()]
    done = {line["path"] for line in lines if line["event"] == "entry" and line["state"] == "done"}
    assert 0 < len(done) < 60
    assert lines[-1]["event"] == "summary" and lines[-1]["done"] == len(done)
    puts = grid.requests("put")
    command = re.search(r"go on with: barge (resume .*)", error).group(1).split()
    command = [grid.url if word == holding.url else word for word in command]
    grid.restart()
    run = barge.ok(*command, "--json", node=False)
    same(grid.tree(cap), below("s", local_tree(path)))
    assert not done & run.entries().keys(), "what was done was done again"
    assert len(done) <= puts and grid.requests("put") <= 60 - len(done)


def test_the_second_signal_ends_it_at_once(gateway, client, tmp_path):
    path = tmp_path / "s"
    path.mkdir()
    (path / "a").write_bytes(content(3000))
    grid = gateway(f"put:delay={FOR_EVER}@1")
    alias, cap = grid.fresh()
    barge = client(grid)
    process = barge.start("cp", "-r", path, alias)
    wait_for(lambda: grid.requests("put") > 0)
    process.send_signal(signal.SIGINT)
    assert b"once more" in process.stderr.readline()
    time.sleep(0.2)
    assert process.poll() is None, "it did not wait for what is in flight"
    process.send_signal(signal.SIGINT)
    assert process.wait(HANG) == 3
    last = process.communicate()[1].decode()
    assert re.search(r"ended at once; go on with: barge resume \w{16}", last), last
    grid.kill()
    grid.start()
    barge.ok("cp", "-r", path, alias)
    assert len(barge.jobs()) == 1, "the same command goes on with the job"
    same(grid.tree(cap), below("s", local_tree(path)))


def test_the_same_command_goes_on_and_new_starts_afresh(gateway, client, files):
    grid = gateway()
    alias, cap = grid.fresh()
    barge = client(grid)
    barge.ok("plan", "-r", files, alias)
    barge.ok("cp", "-r", "--new", files, alias)
    assert len(barge.jobs()) == 2
    grid.restart([f"put:delay={FOR_EVER}"])
    process = barge.start("cp", "-r", "--always", "-j", "1", files, alias)
    wait_for(lambda: grid.requests("put") > 0)
    process.kill()
    process.communicate()
    grid.kill()
    grid.start()
    run = barge.ok("cp", "-r", "--always", "-j", "7", files, alias)
    assert "continuing job" in run.err and len(barge.jobs()) == 3
    same(grid.tree(cap), below("s", local_tree(files)))
