"""Words are taken as typed, and nothing is needed that they do not ask for."""
import os

import pytest

from tree import content

NAMES = ["a ", " a", " a b  ", "\ta", "a\r", "a\n", "a\xa0"]


# --- a blank is part of a name -------------------------------------------------------------

@pytest.mark.parametrize("name", NAMES)
def test_the_directory_that_was_named_is_copied(client, tmp_path, name):
    for path, data in (("a", b"wrong"), (name, b"right")):
        (tmp_path / path).mkdir()
        (tmp_path / path / "f").write_bytes(data)
    client(None).ok("cp", "-r", name, "out", cwd=tmp_path)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [name]
    assert (tmp_path / "out" / name / "f").read_bytes() == b"right"
    client(None).ok("cp", "-r", "a", name + "out ", cwd=tmp_path)
    assert (tmp_path / (name + "out ") / "a/f").read_bytes() == b"wrong"


@pytest.mark.parametrize("name", NAMES)
def test_names_on_a_grid_are_as_typed_too(embedded, client, tmp_path, name):
    barge = client(embedded)
    alias, _ = embedded.fresh()
    (tmp_path / "a").write_bytes(b"wrong")
    (tmp_path / name).write_bytes(b"right")
    barge.ok("put", "a", alias + "a", cwd=tmp_path)
    barge.ok("put", name, alias + name, cwd=tmp_path)
    assert barge.ok("get", alias + name, "-").raw == b"right"
    barge.ok("get", alias + name, "got ", cwd=tmp_path)
    assert (tmp_path / "got ").read_bytes() == b"right"
    barge.ok("cp", alias + name, tmp_path / "copy", cwd=tmp_path)
    assert (tmp_path / "copy").read_bytes() == b"right"
    assert len(barge.ok("ls", "--json", alias).out.splitlines()) == 2


def test_lines_of_a_list_are_as_typed(client, tmp_path):
    source = tmp_path / "s"
    source.mkdir()
    for name in ("a", *NAMES):
        (source / name).write_bytes(name.encode())
    typed = [name for name in NAMES if "\n" not in name]
    (tmp_path / "list").write_bytes(b"".join(name.encode() + b"\n" for name in typed))
    client(None).ok("cp", "-r", "--files-from=list", "s", "out", cwd=tmp_path)
    assert sorted(path.name for path in (tmp_path / "out/s").iterdir()) == sorted(typed)
    (tmp_path / "list").write_bytes(b"a\r\na \r\n")  # every line ends so: a list of Windows
    client(None).ok("cp", "-r", "--files-from=list", "s", "other", cwd=tmp_path)
    assert sorted(path.name for path in (tmp_path / "other/s").iterdir()) == ["a", "a "]


# --- the home of somebody else -------------------------------------------------------------

@pytest.fixture
def stranger(nobody, embedded, public):
    """(Barge, options of its runs): its HOME may not be looked at."""
    barge, options = nobody(embedded)
    if os.geteuid() != 0:
        pytest.skip("wants a user whose permissions count, and another one")
    (public / "theirs/.tahoe/private").mkdir(parents=True)
    (public / "theirs").chmod(0o700)
    (public / "s").mkdir()
    (public / "s/f").write_bytes(content(1000))
    (public / "out").mkdir()
    for path in (public / "s", public / "s/f", public / "out"):
        os.chown(path, options["user"], options["group"])
    barge.environment["HOME"] = str(public / "theirs")
    return barge, options


def cap_file(embedded, public, options):
    _, cap = embedded.fresh()
    path = public / "home/cap"
    path.write_text(cap + "\n")
    path.chmod(0o600)
    os.chown(path, options["user"], options["group"])
    return path


def test_a_local_copy_needs_nothing_of_a_home(stranger, public):
    barge, options = stranger
    barge.ok("cp", "-r", public / "s", public / "out", node=False, **options)
    assert (public / "out/s/f").read_bytes() == content(1000)
    del barge.environment["HOME"]
    barge.ok("cp", "-r", "--new", public / "s", public / "out", node=False, **options)


def test_a_gateway_and_a_cap_that_are_named_are_enough(stranger, embedded, public):
    barge, options = stranger
    given = ("-u", embedded.url, f"--cap-file={cap_file(embedded, public, options)}")
    barge.ok("cp", "-r", public / "s", "cap:", *given, node=False, **options)
    assert "s" in barge.ok("ls", "cap:", *given, node=False, **options).out
    assert barge.ok("get", "cap:s/f", "-", *given, node=False, **options).raw == content(1000)
    barge.ok("put", public / "s/f", "cap:g", *given, node=False, **options)
    barge.ok("diff", public / "s", "cap:s", "--verify=read", *given, node=False, **options)
    del barge.environment["HOME"]
    assert "g" in barge.ok("ls", "cap:", *given, node=False, **options).out


def test_what_is_needed_of_it_is_said(stranger, embedded, public):
    barge, options = stranger
    run = barge.ok("ls", "-u", embedded.url, "t:", node=False, code=2, **options)
    assert "Unknown alias 't'" in run.err
    run = barge.ok("ls", f"--cap-file={cap_file(embedded, public, options)}", "cap:", node=False,
                   code=74, **options)
    assert f"{public}/theirs/.tahoe/tahoe.cfg cannot be opened: Permission denied" in run.err


def test_a_config_file_that_is_there_and_may_not_be_read_is_told(stranger, public):
    barge, options = stranger
    (public / "config/barge").mkdir(parents=True)
    (public / "config/barge/config").write_text("no-preserve = yes\n")
    (public / "config/barge/config").chmod(0o600)
    words = ("cp", "-r", public / "s", public / "out")
    run = barge.ok(*words, node=False, code=74, env={"XDG_CONFIG_HOME": str(public / "config")},
                   **options)
    assert "config cannot be opened: Permission denied" in run.err
    (public / "config/barge").chmod(0o700)
    barge.ok(*words, node=False, env={"XDG_CONFIG_HOME": str(public / "config")}, **options)


# --- as many as a command line has ---------------------------------------------------------

def test_thousands_of_sources_are_one_job(client, embedded, tmp_path):
    names = [f"holiday-picture-number-{number}.jpeg" for number in range(1500)]
    (tmp_path / "s").mkdir()
    for name in names:
        (tmp_path / "s" / name).write_bytes(name.encode() if name.endswith("7.jpeg") else b"")
    barge, alone = client(embedded), client(None)
    alias, _ = embedded.fresh()
    barge.ok("cp", *names, alias, cwd=tmp_path / "s")
    assert len(barge.ok("ls", alias).out.splitlines()) == 1500
    (tmp_path / "out").mkdir()
    alone.ok("plan", *names, "../out", "-o", tmp_path / "plan", cwd=tmp_path / "s")
    alone.ok("run", tmp_path / "plan")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == {
        name: (tmp_path / "s" / name).read_bytes() for name in names}
    assert alone.ok("show", tmp_path / "plan").out.count("holiday") >= 1500


# --- what was probably meant ---------------------------------------------------------------

@pytest.mark.parametrize("words, hint", [
    (("cp", "--recursve", "a", "b"), "there is no option --recursve, is it --recursive; "
                                     "barge cp --help lists them"),
    (("cp", "--zzzzzz", "a", "b"), "there is no option --zzzzzz; barge cp --help lists them"),
    (("resum",), "there is no command 'resum', is it resume; barge help lists them"),
    (("help", "verfiy"), "there is no command 'verfiy', is it verify")])
def test_a_slip_of_the_hand_is_told_what_is_near(client, words, hint):
    assert hint in client(None).ok(*words, code=2).err


def test_an_alias_without_its_colon_is_asked_about(client, embedded, tmp_path):
    alias, cap = embedded.fresh()
    name = alias.rstrip(":")
    (tmp_path / "s").mkdir()
    barge = client(embedded)
    for words in ("s", name), (name, "out"):
        run = barge.ok("cp", "-r", *words, cwd=tmp_path, code=2)
        assert f"an alias of that name: write {name}: for it, or ./{name}" in run.err
    assert sorted(path.name for path in tmp_path.iterdir() if path.name in (name, "out")) == []
    barge.ok("cp", "-r", "s", f"./{name}", cwd=tmp_path)  # whoever means it
    barge.ok("cp", "-r", "s", name, cwd=tmp_path)
    assert (tmp_path / name / "s").is_dir() and not embedded.list(cap)


def test_sizes_take_small_letters(client, tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s/large").write_bytes(bytes(3000))
    (tmp_path / "s/small").write_bytes(bytes(2048))
    client(None).ok("cp", "-r", "--max-size=2k", "s", "out", cwd=tmp_path)
    assert [path.name for path in (tmp_path / "out/s").iterdir()] == ["small"]
