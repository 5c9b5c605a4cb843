"""`barge ls`: what is in a directory on a grid, without surprises for terminals and programs."""
import calendar
import json
import os
import re
import subprocess
import time

import pytest

from grid import uri
from tree import content

HOSTILE = ["new\nline", "\x1b[2Jclear", "a/b", "", "tab\t", "quo\"te", "back\\slash", "\u202eright",
           "\u00fc", "z/"]


def names(run):
    return run.out.split("\n")[:-1]


def test_names_are_sorted_by_bytes_and_directories_end_in_a_slash(embedded, client):
    cap = embedded.put(content(100))
    alias, _ = embedded.fresh({"b": cap, "B": cap, "a": embedded.mkdir({"x": cap}), "a b": cap,
                               "\u00fc": cap, "b1": cap})
    barge = client(embedded)
    assert names(barge.ok("ls", alias)) == ["B", "a/", "a b", "b", "b1", "\u00fc"]
    assert names(barge.ok("ls", alias + "a")) == ["x"] == names(barge.ok("ls", alias + "a/"))
    assert names(barge.ok("ls", alias + "b")) == ["b"]
    alias, _ = embedded.fresh()
    assert barge.ok("ls", alias).raw == b""


def test_the_default_is_tahoe(embedded, client):
    embedded.link(embedded.root(), "of the root", embedded.put(content(70)))
    barge = client(embedded)
    assert "of the root" in names(barge.ok("ls"))
    assert names(barge.ok("ls", "of the root")) == ["of the root"]


def test_hostile_names_stay_on_their_line(real_grid, client):
    cap = real_grid.put(content(100))
    alias, _ = real_grid.fresh({name: cap for name in HOSTILE})
    barge = client(real_grid)
    shown = names(barge.ok("ls", alias))
    assert len(shown) == len(HOSTILE)
    assert set(shown) == {"new\\nline", "\\x1b[2Jclear", "a\\x2fb", '""', "tab\\t", 'quo\\"te',
                          "back\\\\slash", "\\xe2\\x80\\xaeright", "\u00fc", "z\\x2f"}
    lines = barge.ok("ls", "--json", alias).lines()
    assert [line["name"] for line in lines] == sorted(HOSTILE, key=str.encode)


def test_long_lines(real_grid, client):
    file, mutable = real_grid.put(content(12345)), real_grid.web("PUT", "/uri?format=SDMF", b"x")
    directory = real_grid.mkdir()
    alias, cap = real_grid.fresh({"dir": directory})
    real_grid.link(cap, "file", file)
    read_only = real_grid.web("GET", uri(directory, t="readonly-uri")).decode()
    real_grid.link(cap, "ro", read_only)
    real_grid.link(cap, "slot", mutable.decode())
    real_grid.web("POST", uri(cap, t="set_children"), json.dumps(
        {"future": ["unknown", {"ro_uri": "ro.lafs://from_the_future"}],
         "old": ["filenode", {"ro_uri": file, "metadata": {"mtime": 981173106.25,
                                                           "st_mode": 0o100640}}]}))
    barge = client(real_grid)
    zone = {"TZ": "EST5"}
    rows = {line.split()[-1]: line.split()[:-1] for line in names(barge.ok("ls", "-l", alias,
                                                                           env=zone))}
    now = time.time()
    assert rows["file"][:2] == ["-r--", "12345"] and rows["old"] == [
        "-r--", "12345", "2001-02-02T23:05:06"]
    assert rows["dir/"][:2] == ["drwx", "-"] and rows["ro/"][:2] == ["dr-x", "-"]
    assert rows["slot"][:2] == ["-rw-", "?"] and rows["future"][:2] == ["?---", "?"]
    stamp = calendar.timegm(time.strptime(rows["file"][2], "%Y-%m-%dT%H:%M:%S"))
    assert abs(stamp + 5 * 3600 - now) < 600  # when it was linked
    lines = {line["name"]: line for line in barge.ok("ls", "--json", alias).lines()}
    assert lines["old"] == {"name": "old", "kind": "file", "size": 12345, "mutable": False,
                            "mtime": 981173106.25, "mode": 0o640}
    assert lines["future"]["kind"] == "unknown" and "size" not in lines["future"]
    assert lines["slot"]["mutable"] and "size" not in lines["slot"]
    assert lines["dir"]["kind"] == "directory" and lines["dir"]["mutable"]
    shown = barge.ok("ls", "--json", "--caps", alias, secret=True).lines()
    shown = {line["name"]: line for line in shown}
    assert shown["file"]["cap"] == shown["file"]["ro_cap"] == file
    assert shown["dir"]["cap"] == directory and shown["dir"]["ro_cap"] == read_only
    assert shown["ro"]["cap"] == read_only
    slot = barge.ok("ls", "-l", alias + "slot")
    assert slot.out.split()[:2] == ["-rw-", "1"]  # asked alone, its size is known


def test_several_places(embedded, client):
    cap = embedded.put(content(100))
    alias, _ = embedded.fresh({"f": cap, "d": embedded.mkdir({"x": cap})})
    barge = client(embedded)
    run = barge.ok("ls", alias + "f", alias + "none", alias + "d", alias, code=1)
    assert run.out == f"{alias}f\n\n{alias}d:\nx\n\n{alias}:\nd/\nf\n"
    assert f"No such file or directory '{alias}none'" in run.err
    places = [line["place"] for line in barge.ok("ls", "--json", alias, alias + "d").lines()]
    assert places == [alias, alias, alias + "d"]


def test_what_is_not_there(embedded, client):
    cap = embedded.put(content(100))
    alias, _ = embedded.fresh({"f": cap})
    barge = client(embedded)
    run = barge.ok("ls", alias + "none", code=2)
    assert f"No such file or directory '{alias}none'" in run.err and run.out == ""
    for word, text in ((alias + "f/", "not a directory"), ("nobody:", "nobody"),
                       (b"tahoe:\xff", "UTF-8"), (cap.replace("CHK", "CHK-Verifier"), "URI:CHK:")):
        run = barge.run("ls", word)
        assert run.code == 2 and text in run.err, (word, run)
    assert "--json" in barge.ok("ls", "--caps", alias, code=2).err


def test_a_cap_is_shown_redacted_only(embedded, client):
    cap = embedded.put(content(100))
    _, directory = embedded.fresh({"f": cap})
    barge = client(embedded)
    assert names(barge.ok("ls", directory)) == ["f"]
    assert re.fullmatch("URI:CHK:[0-9a-f]{8}", barge.ok("ls", cap).out.strip())
    assert re.match("URI:CHK:[0-9a-f]{8}:\n", barge.ok("ls", directory, directory).out)


def test_a_large_directory(embedded, client):
    cap = embedded.put(b"a literal")
    children = {f"{number * 7919 % 20000:05d}": cap for number in range(20000)}
    alias, _ = embedded.fresh(children)
    barge = client(embedded)
    assert names(barge.ok("ls", alias)) == sorted(children)
    assert len(barge.ok("ls", "-l", "--json", alias).lines()) == 20000


@pytest.mark.parametrize("fault", ["json:500@1-2", "json:410@1", "json:reset@1", "json:truncate@1",
                                   "json:wrong-body@1"])
def test_trouble_that_passes(gateway, client, fault):
    grid = gateway()
    cap = grid.put(content(100))
    alias, _ = grid.fresh({f"name {number}": cap for number in range(20)})
    grid.restart([fault])
    assert len(names(client(grid).ok("ls", alias))) == 20


def test_trouble_that_stays(gateway, client):
    grid = gateway()
    alias, _ = grid.fresh({"f": grid.put(content(100))})
    grid.restart(["json:truncate"])
    run = client(grid).ok("ls", alias, code=1)
    assert run.out == "" and "listing" in run.err
    grid.stop()
    assert client(grid).ok("ls", alias, code=69).out == ""


def test_output_that_nobody_reads_to_its_end(embedded, client):
    alias, _ = embedded.fresh({f"{number:0200d}": "URI:LIT:" for number in range(1000)})
    barge = client(embedded)
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.Popen(barge.words("ls", alias), stdout=writer, stderr=subprocess.PIPE,
                               env=barge.environment)
    os.close(writer)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 74 and err == b""
    with open("/dev/full", "wb") as full:
        done = subprocess.run(barge.words("ls", alias), stdout=full, stderr=subprocess.PIPE,
                              env=barge.environment, check=False)
    assert done.returncode == 74 and b"No space left" in done.stderr


def test_all_below_is_listed(embedded, client):
    """As ls -R prints it; a directory that was entered from itself is told of, and no more."""
    file, deep = embedded.put(content(100)), embedded.mkdir()
    middle = embedded.mkdir({"deep": deep, "f": file})
    alias, cap = embedded.fresh({"b": middle, "a\n": embedded.mkdir(), "z": file})
    barge = client(embedded)
    run = barge.ok("ls", "-R", alias)
    assert run.out == (f"{alias}:\na\\n/\nb/\nz\n\n{alias}a\\n:\n\n{alias}b:\ndeep/\nf\n\n"
                       f"{alias}b/deep:\n")
    places = [(line["place"], line["name"]) for line in
              barge.ok("ls", "-R", "--json", alias + "b", alias + "z").lines()]
    assert places == [(alias + "b", "deep"), (alias + "b", "f"), (alias + "z", "z")]
    embedded.link(deep, "up", middle)
    embedded.link(middle, "top", cap)
    run = barge.ok("ls", "-R", alias, code=1)
    assert f"{alias}b/deep:\nup/\n" in run.out and "\nz\n" in run.out
    for path in "b/deep/up", "b/top":
        assert f"'{alias}{path}' is a directory above itself" in run.err
    embedded.link(deep, "gone", "URI:DIR2-CHK:" + "a" * 26 + ":" + "a" * 52 + ":1:1:100")
    assert f"{alias}b/deep/gone" in barge.ok("ls", "-R", alias + "b", code=1).err


def test_rights_below_are_those_of_the_directory_itself(embedded, client):
    """However it was come to."""
    deep = embedded.mkdir()
    read_only = embedded.web("GET", uri(deep, t="readonly-uri")).decode()
    middle = embedded.mkdir({"deep": deep, "ro": embedded.mkdir({"seen": deep})})
    alias, _ = embedded.fresh({"a": middle})
    barge = client(embedded)
    assert "\ndrwx - " in barge.ok("ls", "-lR", alias).out.split(f"{alias}a:", 1)[1]
    caps = {line["name"]: line for line in
            barge.ok("ls", "-R", "--json", "--caps", alias, secret=True).lines()}
    assert caps["deep"]["cap"] == deep and caps["deep"]["ro_cap"] == read_only


def test_places_in_json_are_not_escaped(embedded, client):
    name = 'a "b" \\ c\nd'
    alias, _ = embedded.fresh({name: embedded.mkdir({"d": embedded.mkdir({"x": "URI:LIT:"})})})
    barge = client(embedded)
    lines = barge.ok("ls", "-R", "--json", alias).lines()
    assert [line["place"] for line in lines] == [alias, f"{alias}{name}", f"{alias}{name}/d"]
    lines = barge.ok("ls", "-R", "--json", alias + name).lines()
    assert [line["place"] for line in lines] == [f"{alias}{name}", f"{alias}{name}/d"]


def test_sizes_for_people(embedded, client):
    alias, _ = embedded.fresh({"a": embedded.put(content(1023)), "b": embedded.put(content(1536)),
                               "c": embedded.put(content(3 << 20)), "d": embedded.mkdir()})
    barge = client(embedded)
    sizes = [line.split()[1] for line in barge.ok("ls", "-lh", alias).out.splitlines()]
    assert sizes == ["1023", "1.5K", "3.0M", "-"]
    assert barge.ok("ls", "-h", alias).out == "a\nb\nc\nd/\n"
    assert "usage: barge cp" in barge.ok("cp", "-h").out


def test_several_words_are_headed_as_ls_does(embedded, client, tmp_path):
    """Files first, each as it was typed; then the directories."""
    file = embedded.put(content(100))
    alias, _ = embedded.fresh({"d": embedded.mkdir({"x": file}), "e": embedded.mkdir({"y": file}),
                               "f": file})
    for name in "d", "e":
        (tmp_path / name).mkdir()
    for name in "d/x", "e/y", "f":
        (tmp_path / name).touch()
    words = "d", "f", "e", "d/x"
    theirs = subprocess.run(["ls", "-U", *words], cwd=tmp_path, stdout=subprocess.PIPE, text=True,
                            check=True).stdout
    ours = client(embedded).ok("ls", *(alias + word for word in words)).out
    assert ours.replace(alias, "") == theirs
    assert client(embedded).ok("ls", alias + "f", alias + "d/x").out == f"{alias}f\n{alias}d/x\n"
