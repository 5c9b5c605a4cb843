"""git-annex itself, with git-annex-remote-barge as its special remote."""
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from grid import FOR_EVER, HANG, wait_for
from tree import content

ANNEX = {
    "newest": Path(sys.executable).parent / "git-annex",  # of the requirements
    "debian": Path("/usr/bin/git-annex"),
}


class Annex:
    """Repositories of git-annex in one folder, of one user with a home of its own."""
    def __init__(self, program, barge, place):
        self.place = place
        place.mkdir(parents=True)
        programs = place / "bin"
        programs.mkdir()
        (programs / "git-annex").symlink_to(program)
        (programs / "git-annex-remote-barge").symlink_to(barge)
        self.environment = {
            "PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(place), "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org",
            "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org"}
        for name, value in os.environ.items():
            if name.startswith(("ASAN_", "TSAN_", "UBSAN_")):
                self.environment[name] = value

    def run(self, repository, *words, **options):
        return subprocess.run([str(word) for word in words], cwd=repository, check=False,
                              env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=900, **options)

    def ok(self, repository, *words):
        done = self.run(repository, *words)
        assert done.returncode == 0, done.stdout[-3000:]
        assert "URI:" not in done.stdout, "a cap is shown"
        return done.stdout

    def annex(self, repository, *words):
        return self.ok(repository, "git", "annex", *words)

    def start(self, repository, *words):
        return subprocess.Popen([str(word) for word in words], cwd=repository,
                                env=self.environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                start_new_session=True)

    def kill_when(self, condition, repository, *words):
        """Starts a command, and kills it with all that it has started once there is a condition."""
        started = self.start(repository, *words)
        try:
            wait_for(condition)
        finally:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()

    def repository(self, name="repo"):
        path = self.place / name
        self.ok(self.place, "git", "init", "-q", path)
        self.annex(path, "init", "-q")
        return path

    def remote(self, repository, *words, name="t", encryption="none"):
        return self.annex(repository, "initremote", name, "type=external", "externaltype=barge",
                          f"encryption={encryption}", *words)

    def add(self, repository, files):
        """{name: bytes} -> annexed and committed."""
        for name, data in files.items():
            (repository / name).parent.mkdir(parents=True, exist_ok=True)
            (repository / name).write_bytes(data)
        self.annex(repository, "add", "-q", ".")
        self.ok(repository, "git", "commit", "-q", "-m", "files")

    def creds(self, repository):
        """The root's cap, as git-annex keeps it."""
        text = "".join(p.read_text() for p in (repository / ".git/annex/creds").iterdir())
        return re.search(r"URI:DIR2:\S+", text)[0]


@pytest.fixture
def annex(request, barge, tmp_path):
    """The newest git-annex, or the one that a test has itself parametrized with."""
    program = ANNEX[getattr(request, "param", "newest")]
    if not program.exists() or not shutil.which("git"):
        pytest.skip("git and git-annex are needed")
    return Annex(program, barge, tmp_path / "with blanks in it")


both_versions = pytest.mark.parametrize("annex", list(ANNEX), indirect=True)


def some_files(count, size=2000):
    return {f"dir {i % 3}/file {i}": content(size + i) for i in range(count)}


def contents(repository, files):
    return {name: (repository / name).read_bytes() for name in files}


# --- what git-annex tests itself ----------------------------------------------------------

def run_testremote(annex, repository, *words):
    text = annex.annex(repository, "testremote", *words, "t")
    assert "FAIL" not in text
    return int(re.search(r"All (\d+) tests passed", text)[1])


@both_versions
def test_testremote_on_a_real_grid(real_grid, annex):
    repository = annex.repository()
    annex.remote(repository, f"gateway={real_grid.url}")
    assert run_testremote(annex, repository, "--fast", "--size=20kB") == 125


@pytest.mark.parametrize("annex", ["debian"], indirect=True)
def test_testremote_in_chunks(embedded, annex):
    repository = annex.repository()
    annex.remote(repository, f"gateway={embedded.url}", "chunk=7kB")
    assert run_testremote(annex, repository, "--fast", "--size=20kB") == 125


def test_testremote_in_parts(embedded, annex):
    repository = annex.repository()
    annex.remote(repository, f"gateway={embedded.url}", "parts=7kB")
    assert run_testremote(annex, repository, "--fast", "--size=20kB") == 125


def test_testremote_encrypted_and_with_caps_in_the_branch(embedded, annex, public):
    if not shutil.which("gpg"):
        pytest.skip("gpg is needed")
    annex.environment["GNUPGHOME"] = str(public)  # short: it has sockets
    public.chmod(0o700)
    repository = annex.repository()
    annex.remote(repository, f"gateway={embedded.url}", "state=annex", encryption="shared")
    assert run_testremote(annex, repository, "--fast", "--size=20kB") == 125
    annex.run(annex.place, "gpgconf", "--kill", "gpg-agent")


def test_encrypted_with_parts(embedded, annex, public):
    """What is encrypted has other bytes each time, so it is never put together from parts."""
    if not shutil.which("gpg"):
        pytest.skip("gpg is needed")
    annex.environment["GNUPGHOME"] = str(public)
    public.chmod(0o700)
    repository = annex.repository()
    files = {"large": content(30_000), "small": content(500)}
    annex.add(repository, files)
    annex.remote(repository, f"gateway={embedded.url}", "parts=7kB", encryption="shared")
    annex.annex(repository, "copy", "-q", "--to=t", ".")
    assert "chunks" not in embedded.list(annex.creds(repository))
    annex.annex(repository, "fsck", "-q", "--fast", "--from=t", ".")
    annex.annex(repository, "fsck", "-q", "--from=t", ".")
    annex.annex(repository, "drop", "-q", ".")
    annex.annex(repository, "get", "-q", "--from=t", ".")
    assert contents(repository, files) == files
    annex.annex(repository, "drop", "-q", "--from=t", "large")
    assert annex.annex(repository, "find", "--in=t").split() == ["small"]
    annex.annex(repository, "fsck", "-q", "--fast", "--from=t", ".")
    annex.run(annex.place, "gpgconf", "--kill", "gpg-agent")


def test_all_of_testremote(embedded, annex):
    """All 573, with chunks and encryption: it makes remotes with these of its own.  Of a size below
    1,000 the smallest chunks are a hundredth, not a thousandth."""
    repository = annex.repository()
    annex.remote(repository, f"gateway={embedded.url}")
    made = embedded.mutable_slots()
    assert run_testremote(annex, repository, "--size=900") == 573
    assert embedded.mutable_slots() - made < 40


@pytest.mark.long
@pytest.mark.parametrize("words", [
    ["state=directory"], ["state=annex"], ["state=directory", "chunk=2kB"],
    ["state=annex", "chunk=2kB"], ["state=directory", "parts=2kB"]], ids=" ".join)
@pytest.mark.parametrize("encryption", ["none", "shared"])
def test_all_of_testremote_with_many_chunks(embedded, annex, public, words, encryption):
    if encryption == "shared" and not shutil.which("gpg"):
        pytest.skip("gpg is needed")
    annex.environment["GNUPGHOME"] = str(public)  # short: it has sockets
    public.chmod(0o700)
    repository = annex.repository()
    annex.remote(repository, f"gateway={embedded.url}", *words, encryption=encryption)
    assert run_testremote(annex, repository, "--size=5kB") == 573
    annex.run(annex.place, "gpgconf", "--kill", "gpg-agent")


# --- what people do -----------------------------------------------------------------------

@pytest.mark.parametrize("annex, state", [("newest", "directory"), ("debian", "annex")],
                         indirect=["annex"])
def test_files_go_and_come_back(embedded, annex, state):
    repository = annex.repository()
    files = some_files(7) | {"empty": b"", "large": content(3 << 20), "tiny": b"x"}
    annex.add(repository, files)
    annex.remote(repository, f"gateway={embedded.url}", f"state={state}")
    annex.annex(repository, "copy", "-q", "-J8", "--to=t", ".")
    annex.annex(repository, "fsck", "-q", "--fast", "--from=t", ".")
    annex.annex(repository, "fsck", "-q", "--from=t", "tiny", "empty", "large")
    annex.annex(repository, "drop", "-q", "-J4", ".")
    assert not (repository / "large").exists()
    annex.annex(repository, "get", "-q", "-J8", "--from=t", ".")
    assert contents(repository, files) == files
    annex.annex(repository, "move", "-q", "--from=t", "large")
    text = annex.run(repository, "git", "annex", "fsck", "--fast", "--from=t", "large").stdout
    assert "failed" not in text
    assert annex.annex(repository, "whereis", "--json", "large").count("barge") == 0
    annex.annex(repository, "move", "-q", "--to=t", "large")
    annex.annex(repository, "get", "-q", "large")
    assert (repository / "large").read_bytes() == files["large"]


def shown_path(annex, repository, name):
    """The first of the paths that whereis shows: area/{X,XX,XX/Y}/FILE."""
    area, places, file = re.search(r"t: (keys|chunks)/{(.*)}/(\S+)",
                                   annex.annex(repository, "whereis", name)).groups()
    assert len(places.split(",")) == 3
    return f"{area}/{places.split(',')[0]}/{file}"


def test_what_comes_has_the_mode_that_the_user_wants(embedded, annex):
    """git-annex takes the right to write away, and leaves the others as they are."""
    repository = annex.repository()
    annex.add(repository, {"a": content(500)})
    annex.remote(repository, f"gateway={embedded.url}")
    annex.annex(repository, "move", "-q", "--to=t", "a")
    done = annex.run(repository, "git", "annex", "get", "-q", "a", umask=0o027)
    assert done.returncode == 0, done.stdout
    assert (repository / "a").stat().st_mode & 0o7777 == 0o440


def test_where_keys_lie(embedded, annex):
    """Any client of Tahoe gets at them: by the paths that whereis shows."""
    repository = annex.repository()
    annex.add(repository, {"a": content(70000)})
    annex.remote(repository, f"gateway={embedded.url}")
    annex.annex(repository, "copy", "-q", "--to=t", "a")
    path = shown_path(annex, repository, "a")
    kind, node = embedded.child(annex.creds(repository), path)
    assert kind == "filenode" and embedded.get(node["ro_uri"]) == content(70000)
    shown = annex.annex(repository, "info", "t")
    assert embedded.url in shown


def test_another_clone_needs_the_root(embedded, annex):
    """What was stored by one clone is fetched by another, once it knows the root by an alias; and
    another root is refused."""
    repository = annex.repository()
    annex.add(repository, {"a": content(5000)})
    annex.remote(repository, f"gateway={embedded.url}")
    annex.annex(repository, "copy", "-q", "--to=t", "a")
    annex.ok(annex.place, "git", "clone", "-q", repository, "clone")
    clone = annex.place / "clone"
    annex.annex(clone, "init", "-q")
    annex.ok(clone, "git", "remote", "rm", "origin")
    done = annex.run(clone, "git", "annex", "enableremote", "t")
    assert done.returncode != 0 and "is not known in this clone" in done.stdout
    embedded.add_alias("rootofannex", annex.creds(repository))
    other, _ = embedded.fresh()
    node = f"node={embedded.directory}"
    done = annex.run(clone, "git", "annex", "enableremote", "t", node, f"root={other}")
    assert done.returncode != 0 and "another directory" in done.stdout
    annex.annex(clone, "enableremote", "t", node, "root=rootofannex:")
    shown = annex.annex(clone, "verifyremote", "t")  # its configuration was made elsewhere
    annex.annex(clone, "verifyremote", "t", "--safe", re.search(r"--safe (\d+)", shown)[1])
    annex.annex(clone, "get", "-q", "--from=t", "a")
    assert (clone / "a").read_bytes() == content(5000)


@pytest.mark.parametrize("words, text", [
    (["gateway=ftp://x/"], "gateway="),
    (["node=relative"], "whole path"),
    (["root=URI:DIR2:aaaa:bbbb"], "has a cap"),
    (["root=plain"], "ALIAS:PATH"),
    (["state=other"], "'directory' or 'annex'"),
    (["colour=red"], "colour"),
    (["parts=much"], "like 50MiB"),
    (["parts=1MiB", "state=annex"], "not state=annex"),
    (["gateway=http://127.0.0.1:9/"], "127.0.0.1:9"),
])
def test_settings_that_cannot_be(annex, words, text):
    repository = annex.repository()
    done = annex.run(repository, "git", "annex", "initremote", "t", "type=external",
                     "externaltype=barge", "encryption=none", *words)
    assert done.returncode != 0 and text in done.stdout and "URI:DIR2:aaaa" not in done.stdout


def test_a_root_below_an_alias_is_made(embedded, annex):
    alias, cap = embedded.fresh()
    repository = annex.repository()
    annex.add(repository, {"a": content(500)})
    done = annex.run(repository, "git", "annex", "initremote", "t", "type=external",
                     "externaltype=barge", "encryption=none", f"node={embedded.directory}",
                     f"root={alias}some/../place")
    assert done.returncode != 0 and '".." cannot be a name' in done.stdout
    assert embedded.list(cap) == {}
    annex.remote(repository, f"node={embedded.directory}", f"root={alias}some/place")
    annex.annex(repository, "copy", "-q", "--to=t", "a")
    assert "keys" in embedded.children(cap, "some/place")


# --- trees --------------------------------------------------------------------------------

def test_a_tree_is_exported_and_changed(embedded, annex):
    repository = annex.repository()
    files = {"a b/one": content(3000), "a b/two": content(4000), "three": content(100)}
    annex.add(repository, files)
    (repository / "plain").write_bytes(b"of git alone\n")
    annex.ok(repository, "git", "-c", "annex.largefiles=nothing", "add", "plain")
    annex.ok(repository, "git", "commit", "-q", "-m", "plain")
    annex.remote(repository, f"gateway={embedded.url}", "exporttree=yes")
    annex.annex(repository, "export", "HEAD", "--to=t")
    cap = annex.creds(repository)

    def exported():
        found = {}
        for name in annex.ok(repository, "git", "ls-files", "-z").split("\0")[:-1]:
            found[name] = embedded.get(embedded.child(cap, name)[1]["ro_uri"])
        return found
    assert exported() == files | {"plain": b"of git alone\n"}
    assert sorted(embedded.list(cap)) == ["a b", "plain", "three"]

    annex.ok(repository, "git", "mv", "a b/one", "moved")
    annex.ok(repository, "git", "rm", "-q", "a b/two")
    annex.ok(repository, "git", "rm", "-q", "--cached", "three")
    (repository / "three").unlink()
    annex.add(repository, {"three": content(101), "deep/er/new": content(9)})
    annex.annex(repository, "export", "HEAD", "--to=t")
    assert exported() == {"moved": files["a b/one"], "three": content(101),
                          "deep/er/new": content(9), "plain": b"of git alone\n"}
    assert sorted(embedded.list(cap)) == ["deep", "moved", "plain", "three"]
    annex.annex(repository, "fsck", "-q", "--fast", "--from=t", ".")
    annex.annex(repository, "drop", "-q", "--force", ".")
    annex.annex(repository, "get", "-q", "--from=t", ".")
    assert (repository / "moved").read_bytes() == files["a b/one"]


# --- trouble ------------------------------------------------------------------------------

def stored_below(grid, root, area):
    """How many files an area of the store has."""
    return sum(path.startswith(area) and what is not None for path, what in grid.tree(root).items())


def present(annex, repository, name):
    """The exit status of checkpresentkey: 0 present, 1 absent, 100 unknown."""
    key = annex.ok(repository, "git", "annex", "lookupkey", name).strip()
    return annex.run(repository, "git", "annex", "checkpresentkey", key, "t").returncode


def test_a_root_of_a_later_format_says_nothing(embedded, annex):
    """Nothing is called absent or removed, nor is anything written below it."""
    repository = annex.repository()
    annex.add(repository, {"a": content(500), "b": content(600)})
    annex.remote(repository, f"gateway={embedded.url}")
    annex.annex(repository, "copy", "-q", "--to=t", "a")
    root, later = annex.creds(repository), embedded.put(b"barge keys 3\n")
    assert present(annex, repository, "a") == 0
    embedded.web("PUT", f"/uri/{root}/barge-keys?t=uri&replace=true", later)
    before = embedded.tree(root)
    assert present(annex, repository, "a") == 100 and present(annex, repository, "b") == 100
    for words in (["copy", "--to=t", "b"], ["drop", "a"], ["drop", "--from=t", "a"],
                  ["fsck", "--fast", "--from=t", "a"]):
        done = annex.run(repository, "git", "annex", *words)
        assert done.returncode != 0
        assert "does not know" in done.stdout or words == ["drop", "a"]  # git-annex's own words
    assert embedded.tree(root) == before and (repository / "a").read_bytes() == content(500)


def test_nothing_is_known_while_the_gateway_is_away(gateway, annex):
    grid, repository = gateway(), annex.repository()
    files = {"a": content(5000), "b": content(6000)}
    annex.add(repository, files)
    annex.remote(repository, f"gateway={grid.url}")
    annex.annex(repository, "copy", "-q", "--to=t", "a")
    assert present(annex, repository, "a") == 0 and present(annex, repository, "b") == 1
    grid.stop()
    assert present(annex, repository, "a") == 100 and present(annex, repository, "b") == 100
    assert annex.run(repository, "git", "annex", "drop", "a").returncode != 0
    assert annex.run(repository, "git", "annex", "copy", "--to=t", "b").returncode != 0
    assert annex.run(repository, "git", "annex", "drop", "--from=t", "a").returncode != 0
    assert contents(repository, files) == files
    annex.annex(repository, "info", "-q", "t")  # asks nobody
    grid.start()
    annex.annex(repository, "copy", "-q", "--to=t", "b")
    annex.annex(repository, "drop", "-q", "a", "b")


def test_syncing_passes_over_a_gateway_that_is_away(gateway, annex):
    grid, repository = gateway(), annex.repository()
    annex.add(repository, {"a": content(5000)})
    annex.remote(repository, f"gateway={grid.url}")
    grid.stop()
    assert "put a" not in annex.annex(repository, "push")
    grid.start()
    assert "put a" in annex.annex(repository, "push")
    annex.annex(repository, "drop", "-q", "a")


def test_what_cannot_be_fetched_leaves_the_file_alone(embedded, annex):
    """A file that is partly there, of another remote, is not touched before there is more."""
    repository = annex.repository()
    annex.add(repository, {"a": content(5000)})
    annex.remote(repository, f"gateway={embedded.url}")
    key = annex.ok(repository, "git", "annex", "lookupkey", "a").strip()
    annex.ok(repository, "git", "annex", "drop", "-q", "--force", "a")
    annex.ok(repository, "git", "annex", "setpresentkey", key,
             annex.annex(repository, "info", "--json", "t").split('"uuid":"')[1][:36], "1")
    partly = repository / ".git/annex/tmp" / key
    partly.parent.mkdir(exist_ok=True)
    partly.write_bytes(content(5000)[:1000])
    done = annex.run(repository, "git", "annex", "get", "--from=t", "a")
    assert done.returncode != 0
    assert partly.read_bytes() == content(5000)[:1000]


def test_a_remote_that_is_killed_in_the_middle(gateway, annex):
    """Everything that was said to be stored is there, and the same command ends the work."""
    grid, repository = gateway(), annex.repository()
    files = some_files(14)
    annex.add(repository, files)
    annex.remote(repository, f"gateway={grid.url}")
    root = annex.creds(repository)
    grid.restart([f"put:delay={FOR_EVER}@7+"])
    annex.kill_when(lambda: stored_below(grid, root, "keys/") >= 6,
                    repository, "git", "annex", "copy", "-J4", "--to=t", ".")
    grid.restart()
    annex.annex(repository, "copy", "-q", "-J4", "--to=t", ".")
    assert grid.requests("put") <= 14 - 6, "what was stored is stored anew"
    annex.annex(repository, "drop", "-q", ".")
    annex.annex(repository, "get", "-q", "-J4", ".")
    assert contents(repository, files) == files


def test_a_file_in_parts_goes_on_where_it_was_cut_off(gateway, annex):
    """Parts of ours: they go side by side, and only those that are missing are sent."""
    grid, repository = gateway(), annex.repository()
    files = {"large": content(24 * 50000), "other": content(24 * 50000, 7), "small": content(40000)}
    annex.add(repository, files)
    annex.remote(repository, f"gateway={grid.url}", "parts=50kB")
    root = annex.creds(repository)
    grid.restart(["put:delay=300@1-23", f"put:delay={FOR_EVER}@24+"])  # never all of them
    annex.kill_when(lambda: stored_below(grid, root, "partial/") >= 5,
                    repository, "git", "annex", "copy", "--to=t", "large")
    grid.restart()
    annex.annex(repository, "copy", "-q", "--to=t", "large")
    sent = grid.requests("put")
    annex.annex(repository, "copy", "-q", "--to=t", "other")
    whole = grid.requests("put") - sent
    assert 24 <= whole and sent <= whole - 5, "what was stored is stored anew"
    annex.annex(repository, "copy", "-q", "--to=t", "small")
    path = shown_path(annex, repository, "large")
    assert path.startswith("chunks/") and "log" in grid.children(root, path)
    assert shown_path(annex, repository, "small").startswith("keys/")
    annex.annex(repository, "drop", "-q", ".")
    annex.annex(repository, "get", "-q", ".")
    assert contents(repository, files) == files
    annex.annex(repository, "drop", "-q", "--from=t", "--force", "large")
    assert present(annex, repository, "large") == 1


@pytest.mark.parametrize("state", ["directory", "annex"])
def test_a_file_in_chunks_goes_on_where_it_was_cut_off(gateway, annex, state):
    """git-annex's own chunks: it asks for the first that is missing, and sends from there."""
    grid, repository = gateway(), annex.repository()
    files = {"large": content(12 * 50000)}
    annex.add(repository, files)
    annex.remote(repository, f"gateway={grid.url}", f"state={state}", "chunk=50kB")
    grid.restart([f"put:delay={FOR_EVER}@6+"])
    annex.kill_when(lambda: grid.requests("put") > 5,
                    repository, "git", "annex", "copy", "--to=t", "large")
    grid.restart()
    annex.annex(repository, "copy", "-q", "--to=t", "large")
    assert grid.requests("put") <= 12 - 5 + 1, "what was stored is stored anew"
    annex.annex(repository, "drop", "-q", "large")
    annex.annex(repository, "get", "-q", "large")
    assert contents(repository, files) == files


def test_two_processes_at_once(embedded, annex):
    repository, files = annex.repository(), some_files(9)
    annex.add(repository, files)
    annex.remote(repository, f"gateway={embedded.url}")
    started = [annex.start(repository, "git", "annex", "copy", "-J3", "--to=t", f"dir {i}")
               for i in range(3)]
    assert [one.wait(HANG) for one in started] == [0, 0, 0]
    annex.annex(repository, "fsck", "-q", "--fast", "--from=t", ".")
    annex.annex(repository, "drop", "-q", ".")
    annex.annex(repository, "get", "-q", ".")
    assert contents(repository, files) == files


# --- where its time goes ------------------------------------------------------------------

def test_what_held_it_back_is_told(gateway, annex):
    """With --debug while it works, and by `git annex info` afterwards; a short session leaves what
    the one before has said."""
    grid, repository = gateway("put:delay=1500"), annex.repository()
    annex.add(repository, some_files(5))
    annex.remote(repository, f"gateway={grid.url}", "state=annex")
    assert "last session" not in annex.annex(repository, "info", "t")
    done = annex.run(repository, "git", "annex", "copy", "--debug", "--to=t", ".")
    shown = done.stdout  # also all that git-annex says to us, with the cap that it keeps
    told = re.findall(r"DEBUG held back by: gateway (\d+) %.* of (\d+) s with requests, in a session "
                      r"of \d+ s: a node folder \(node=\)", shown)
    assert done.returncode == 0 and 1 <= len(told) <= 2, shown[-3000:]
    assert int(told[0][0]) > 60 and int(told[0][1]) >= 3
    grid.restart()
    annex.annex(repository, "fsck", "-q", "--fast", "--from=t", ".")
    info = annex.annex(repository, "info", "t")
    last = re.search(r"last session: \d{4}-\d\d-\d\d \d\d:\d\d, gateway (\d+) %.* of (\d+) s with "
                     r"requests", info)
    assert last and int(last[1]) > 60 and int(last[2]) >= int(told[-1][1])
