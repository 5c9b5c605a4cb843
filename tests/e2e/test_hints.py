"""What a newcomer gets wrong, and what is said then."""
import os

import pytest

from tree import content


@pytest.fixture
def named(embedded, client):
    """(Barge, an alias's name)."""
    alias, cap = embedded.fresh()
    embedded.link(cap, "f", embedded.put(content(100)))
    return client(embedded), alias[:-1]


def test_an_alias_without_its_colon_is_asked_about(named, tmp_path):
    barge, name = named
    (tmp_path / "f").write_bytes(b"1")
    for command in "ls", "get":
        run = barge.ok(command, name, code=2, cwd=tmp_path)
        assert f"No such file or directory '{name}'; is the alias '{name}:' meant?" in run.err
    run = barge.ok("put", tmp_path / "f", name, code=2)
    assert f"write {name}: for it, or tahoe:{name} for what has that name there" in run.err
    assert name not in os.listdir(tmp_path)


def test_whoever_takes_a_place_on_a_grid_asks_about_the_colon(named, tmp_path):
    barge, name = named
    (tmp_path / "f").write_bytes(b"1")
    node = f"--node-directory={barge.grid.directory}"
    for words in (("verify", name), ("repair", name), ("snapshots", name),
                  ("forget", "--keep-last=1", name), ("bench", name),
                  ("key", "list", "--root", name, node)):
        run = barge.ok(*words, code=2, cwd=tmp_path)
        assert f"; is the alias '{name}:' meant?" in run.err, words
    for words in ("diff", "f", name), ("diff", name, "f"), ("cp", "f", name), ("backup", ".", name):
        run = barge.ok(*words, code=2, cwd=tmp_path)
        assert f"but an alias of that name: write {name}: for it, or ./{name} for" in run.err, words
    assert "; is the alias 'tahoe:' meant?" in barge.ok("verify", "taho", code=2).err
    run = barge.ok("verify", "quite-another", code=2)
    assert "there is no job 'quite-another'; barge jobs lists them\n" in run.err


def test_an_unknown_alias_is_asked_about_by_the_nearest(named):
    barge, name = named
    assert name != "tahoe"
    for typed, meant in [("taho", "tahoe"), ("Tahoe", "tahoe"), ("thaoe", "tahoe"),
                         (name.upper(), name)]:
        run = barge.ok("ls", typed + ":", code=2)
        assert f"barge: Unknown alias '{typed}', please create it with" in run.err
        assert run.err.endswith(f"; did you mean '{meant}:'?\n"), run
    assert barge.ok("ls", "quite-another:", code=2).err.endswith("'tahoe create-alias'.\n")


def test_get_makes_no_file_that_looks_like_a_place_on_a_grid(named, tmp_path):
    barge, name = named
    for target in f"{name}:copy", "other:", "URI:DIR2:aaaa:bbbb":
        run = barge.ok("get", f"{name}:f", target, code=2, cwd=tmp_path)
        assert "barge cp copies within a grid; put ./ before the name of a file" in run.err
    assert os.listdir(tmp_path) == ["home0"]
    barge.ok("get", f"{name}:f", "./other:", cwd=tmp_path)
    assert (tmp_path / "other:").read_bytes() == content(100)


def test_what_is_there_under_the_name_of_an_alias_is_meant(embedded, named):
    barge, name = named
    embedded.link(embedded.root(), name, embedded.put(b"a file of that name" * 10))
    assert barge.ok("ls", name).out == f"{name}\n"
    assert barge.ok("get", name, "-").raw == b"a file of that name" * 10


def test_help_is_in_groups_and_fits(client):
    barge = client(None)
    for command in "cp", "backup", "ls":
        shown = barge.ok(command, "--help", node=False).out
        titles = [line for line in shown.splitlines() if line.endswith(":") and line[0] != " "]
        assert {"how the grid is reached:", "what is told:"} <= set(titles)
    for line in barge.ok("help").out.splitlines():
        assert len(line) <= 110, line


def test_a_plan_cut_off_names_the_remedy(client, tmp_path):
    (tmp_path / "s").mkdir()
    for number in range(30):
        (tmp_path / f"s/{number}").write_bytes(b"1")
    barge = client(None)
    words = "-r", tmp_path / "s", tmp_path / "out"
    barge.ok("plan", *words)
    plan = barge.job() / "manifest"
    whole = plan.read_bytes()
    for cut in 1, 30, 200, len(whole) - 150, len(whole) - 10, len(whole):
        plan.write_bytes(whole[:-cut])
        run = barge.ok("resume", barge.job().name, code=5)
        assert "; the same command with --new begins anew" in run.err
    barge.ok("cp", "--new", *words)
    barge.ok("plan", "-o", tmp_path / "the.plan", *words)
    whole = (tmp_path / "the.plan").read_bytes()
    for left, wanted in (100, "; write it anew"), (len(whole) - 10, "; write the plan anew"):
        os.truncate(tmp_path / "the.plan", left)
        run = barge.ok("run", tmp_path / "the.plan", code=5)
        assert wanted + " with barge plan" in run.err
        (tmp_path / "the.plan").write_bytes(whole)


@pytest.mark.parametrize(("words", "hint"), [
    (("sync", "a", "tahoe:"), "'sync': barge cp -rT SRC DST sends what is new"),
    (("rm", "tahoe:a"), "'rm': tahoe unlink does that; barge takes away snapshots only"),
    (("restore", "latest"), "'restore': barge cp -r ALIAS:BACKUP/Latest DIR brings"),
    (("copy", "a", "tahoe:"), "'copy', is it cp;"),
    (("cp", "-a", "a", "tahoe:"), "-a: modes and times are kept anyway, -X and -A keep more;"),
    (("cp", "-rP", "a", "tahoe:"), "-P: a terminal has a progress line anyway"),
    (("cp", "-rlc", "a", "tahoe:"), "-l: --symlinks=preserve keeps symlinks"),
    (("cp", "-c", "a", "tahoe:"), "-c: --checksum compares contents"),
    (("cp", "--max-age", "1d", "a", "tahoe:"), "--max-age: --newer=DATE leaves out"),
    (("copyto", "a", "tahoe:b"), "'copyto': barge cp SRC ALIAS:PATH names the target"),
    (("cp", "--delete", "a", "tahoe:"), "--delete: nothing is deleted at a target;"),
    (("cp", "--transfers=8", "a", "tahoe:"), ": -j N says how many are under way at once;"),
])
def test_words_of_other_programs_are_answered(client, words, hint):
    run = client(None).ok(*words, code=2, node=False)
    assert "barge: there is no " in run.err and hint in run.err and "lists them\n" in run.err


def test_cp_takes_no_standard_input_or_output(named, tmp_path):
    barge, name = named
    (tmp_path / "-").write_bytes(b"a file of that name")
    run = barge.ok("cp", "-", f"{name}:new", code=2, cwd=tmp_path)
    assert "barge put - ALIAS:PATH stores standard input; ./- is a file" in run.err
    run = barge.ok("cp", f"{name}:f", "-", code=2, cwd=tmp_path)
    assert "barge get ALIAS:PATH - writes to standard output; ./- is a file" in run.err
    barge.ok("cp", "./-", f"{name}:new", cwd=tmp_path)
    assert barge.ok("get", f"{name}:new", "-").raw == b"a file of that name"


def test_somebody_without_a_node_is_told_of_the_option(client, tmp_path):
    for words in ("cp", "-d", tmp_path / "none", tmp_path, "tahoe:"), ("ls", "-d", tmp_path / "none"):
        assert f"barge: no node directory {tmp_path / 'none'}\n" in client(None).ok(*words, code=2).err
    run = client(None).ok("cp", tmp_path, "tahoe:", code=2, node=False)
    assert run.err.endswith("; the node directory has none, and -d DIR names another.\n")


def test_a_key_store_is_made_as_its_error_says(embedded, client, tmp_path):
    barge, (alias, _) = client(embedded), embedded.fresh()
    (tmp_path / "empty").mkdir()
    (tmp_path / "f").write_bytes(b"content")
    words = ("key", "store", "URL--f", tmp_path / "f", "--root", alias + "keys",
             f"--node-directory={embedded.directory}")
    assert "copy an empty one there with barge cp -rT\n" in barge.ok(*words, code=2).err
    barge.ok("cp", "-rT", tmp_path / "empty", alias + "keys")
    barge.ok(*words)
