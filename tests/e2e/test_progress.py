"""The progress line, on a terminal of its own, and what else is said while a command runs."""
import contextlib
import fcntl
import os
import re
import signal
import struct
import subprocess
import termios
import threading

import pytest

from grid import wait_for
from runner import Barge
from tree import content

MIB = 1 << 20


class Terminal:
    """A terminal that a command writes its messages to; .rows are the progress lines so far."""
    def __init__(self, columns=200):
        self.ours, self.theirs = os.openpty()
        self.shown, self.columns = bytearray(), columns
        self.resize(columns)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def resize(self, columns):
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def read(self):
        with contextlib.suppress(OSError):
            while data := os.read(self.ours, 65536):
                self.shown.extend(data)

    def start(self, words, barge):
        """Starts a command there; nobody else holds the terminal open."""
        with open(os.devnull, "wb") as nowhere:
            return subprocess.Popen(words, stderr=self.theirs, stdout=nowhere,
                                    stdin=subprocess.DEVNULL, env=barge.environment)

    @property
    def rows(self):
        found = [row.split(b"\r")[0].decode() for row in bytes(self.shown).split(b"\r\x1b[K")]
        return [row for row in found if row and not row.startswith("barge: ")]

    def end(self, process, code=0):
        """Waits for it; returns the rows."""
        try:
            assert process.wait(300) == code, self.shown.decode()
        finally:
            os.close(self.theirs)
            self.reader.join(60)
            os.close(self.ours)
        return self.rows

    def kill_once(self, process, seen):
        """Waits until seen(rows), while it runs, and kills it; returns the rows."""
        wait_for(lambda: seen(self.rows) or process.poll() is not None)
        process.kill()
        return self.end(process, -signal.SIGKILL)


def percents(rows):
    return [int(row.split("%")[0].split()[-1]) for row in rows if "%" in row and "~" not in row]


def words_of(barge, grid, command, *words):
    node = () if command != "key" else (f"--node-directory={grid.directory}",)
    return barge.words(command, *words, *node)


# --- bytes move inside large files -------------------------------------------------------

SIZE = MIB


class Large:
    """A large file here, and others on a grid, by name and by key."""
    def __init__(self, grid, barge, path):
        self.grid, self.barge, self.path = grid, barge, path
        (self.alias, _), (self.empty, _), (self.keys, _) = grid.fresh(), grid.fresh(), grid.fresh()
        (path / "tree").mkdir()
        self.file = path / "tree/large"
        self.key, self.there, self.bare = f"URL-s{SIZE}--new", f"URL-s{SIZE}--there", "URL--bare"
        self.renew()
        barge.ok("cp", self.file, self.alias + "there")
        self.job = barge.job().name
        self.renew()
        for key in self.there, self.bare:
            self.check("key", "store", key, self.file, "--root", self.keys)

    def renew(self):
        """Gives the file content that nobody has yet."""
        self.file.write_bytes(os.urandom(SIZE))

    def words(self, command, *words):
        node = [f"--node-directory={self.grid.directory}"] if command == "key" else []
        return [*self.barge.words(command, *words), *node]

    def check(self, *words):
        subprocess.run(self.words(*words), env=self.barge.environment, check=True)


@pytest.fixture(scope="module")
def large(embedded, barge, tmp_path_factory):
    path = tmp_path_factory.mktemp("large")
    return Large(embedded, Barge(barge, path / "home", embedded), path)


COMMANDS = {
    "put": lambda at: ("put", at.file, at.alias + "new"),
    "get": lambda at: ("get", at.alias + "there", at.path / "got"),
    "get to a pipe": lambda at: ("get", at.alias + "there", "-"),
    "cp up": lambda at: ("cp", at.file, at.alias + "up"),
    "cp up in chunks": lambda at: ("cp", "--chunk=128K", "-j1", at.file, at.alias + "chunks"),
    "cp down": lambda at: ("cp", at.alias + "there", at.path / "down"),
    "cp here": lambda at: ("cp", at.file, at.path / "here"),
    "backup": lambda at: ("backup", at.path / "tree", at.alias + "to"),
    "verify a file": lambda at: ("verify", "--verify=read", at.alias + "there"),
    "verify a job": lambda at: ("verify", "--verify=read", at.job),
    "key store": lambda at: ("key", "store", at.key, at.file, "--root", at.empty),
    "key retrieve": lambda at: ("key", "retrieve", at.there, at.path / "key", "--root", at.keys),
    "key without a size": lambda at: ("key", "retrieve", at.bare, at.path / "bare", "--root", at.keys),
}
UNKNOWN_AT_FIRST = "key store", "key retrieve", "key without a size", "verify a file"


@pytest.mark.parametrize("name", COMMANDS)
def test_bytes_count_as_they_move(large, name):
    large.renew()
    terminal = Terminal()
    words = [*large.words(*COMMANDS[name](large)), "--bwlimit=200K"]  # it takes five seconds

    def is_seen(rows):
        return any(0 < one < 100 for one in percents(rows)) and any("ETA" in row for row in rows)
    rows = terminal.kill_once(terminal.start(words, large.barge), is_seen)
    assert rows and all("B/s" in row for row in rows), terminal.shown
    seen = percents(rows)
    assert seen == sorted(seen) and is_seen(rows), rows
    known = rows if name not in UNKNOWN_AT_FIRST else rows[2:]
    assert all("/1 files" in row for row in known), rows


@pytest.fixture(scope="module")
def deep(embedded, barge, tmp_path_factory):
    """A Barge, and a directory on a grid with six files, half of them in a directory of their own,
    which is looked at last."""
    path = tmp_path_factory.mktemp("deep")
    (path / "tree/a").mkdir(parents=True)
    for name in "a/1", "a/2", "a/3", "b", "c", "d":
        (path / "tree" / name).write_bytes(os.urandom(100_000))
    client = Barge(barge, path / "home", embedded)
    there = embedded.fresh()[0] + "tree"
    client.ok("cp", "-rT", path / "tree", there)
    return client, there


def files_of(row):
    """(3, 6) of "3/6 files"; a total that still grows is None."""
    done, known, grows = re.search(r"(\d+)/(\d+)(\+?) files", row).groups()
    return int(done), None if grows else int(known)


def test_verify_of_a_tree_has_a_total_once_everything_is_listed(deep):
    barge, there = deep
    terminal = Terminal()
    rows = terminal.end(terminal.start(
        barge.words("verify", "--verify=read", "-j1", "--bwlimit=75K", there), barge))
    totals = [files_of(row)[1] for row in rows[1:]]
    assert totals[0] is None and totals[-1] == 6, rows
    seen = percents(rows)
    assert seen == sorted(seen) and seen[-1] > 60 and "ETA" in rows[-1], rows


def test_verify_of_a_tree_says_about_how_far_it_is_before_all_is_listed(embedded, barge, tmp_path):
    for number in range(10):
        (tmp_path / f"tree/{number}").mkdir(parents=True)
        for name in "abc":
            (tmp_path / f"tree/{number}/{name}").write_bytes(os.urandom(30_000))
    client = Barge(barge, tmp_path / "home", embedded)
    there = embedded.fresh()[0] + "tree"
    client.ok("cp", "-rT", tmp_path / "tree", there)
    terminal = Terminal()
    rows = terminal.end(terminal.start(
        client.words("verify", "--verify=read", "-j1", "--bwlimit=150K", there), client))
    grows = [row for row in rows[1:] if files_of(row)[1] is None]
    about = [int(re.search(r"~(\d+)%", row)[1]) for row in grows]
    assert len(about) > 3 and about == sorted(about) and about[-1] > 50, rows
    real = [files_of(row)[0] * 100 // 30 for row in grows]
    assert all(abs(a - b) < 15 for a, b in zip(about, real)), rows


def test_verify_that_goes_on_counts_what_was_found_before(deep):
    barge, there = deep
    words = barge.words("verify", "--verify=read", "-j1", "--bwlimit=75K", there)
    terminal = Terminal()
    terminal.kill_once(terminal.start(words, barge),
                       lambda rows: any(files_of(row)[0] >= 3 for row in rows[1:]))
    terminal = Terminal()
    rows = terminal.end(terminal.start(words, barge))
    assert files_of(rows[1])[0] >= 3 and files_of(rows[-1])[1] == 6, rows
    assert percents(rows)[0] >= 50 and percents(rows)[-1] > 60, rows


def test_verify_comes_to_its_end_also_where_files_are_not_proven(gateway, client, tmp_path):
    (tmp_path / "s").mkdir()
    for name in "abc":
        (tmp_path / "s" / name).write_bytes(content(MIB, ord(name)))
    grid = gateway()
    barge, there = client(grid), grid.fresh()[0] + "s"
    barge.ok("cp", "-rT", tmp_path / "s", there)
    job = barge.job().name

    def last_row(subject, code):
        run = barge.ok("verify", "-v", "--verify=read", "--no-direct", subject, code=code)
        return re.findall(r"barge: \d+%, .* files, .*", run.err)[-1]
    for subject, directories in (there, "1/1"), (job, "2/2"):  # of a job the alias's own, too
        row = last_row(subject, 0)
        assert f"3/3 files, {directories} directories" in row, row
        assert row.startswith("barge: 100%, 3.0 MiB/3.0 MiB, "), row
    grid.restart(["get:wrong-body"])
    for subject in there, job:
        row = last_row(subject, 1)
        assert row.startswith("barge: 100%, ") and "0/3 files" in row and "3 failed" in row, row


# --- what is shown -----------------------------------------------------------------------

def test_the_line_fits_the_terminal_also_after_a_resize(embedded, client, tmp_path):
    """What is taken away is one row of the terminal, however narrow it is."""
    (tmp_path / "files").mkdir()
    for number in range(30):
        (tmp_path / f"files/f{number:02d}").write_bytes(content(50000, number))
    barge, terminal = client(embedded), Terminal(30)
    process = terminal.start(barge.words("cp", "-r", tmp_path / "files", embedded.fresh()[0],
                                         "--bwlimit=20K"), barge)  # it would take a minute
    for columns in 30, 55, 20:
        terminal.resize(columns)
        # Some lines may have been under way.
        wait_for(lambda: [len(row) for row in terminal.rows[-2:]] == [columns - 1] * 2)
    process.kill()
    terminal.end(process, -signal.SIGKILL)


def test_a_resumed_job_begins_where_it_was(embedded, client, tmp_path):
    (tmp_path / "files").mkdir()
    for number in range(40):
        (tmp_path / f"files/{number:02d}").write_bytes(content(50_000, number + 700))
    barge, first, second = client(embedded), Terminal(), Terminal()
    alias, _ = embedded.fresh()
    process = first.start(barge.words("cp", "-r", tmp_path / "files", alias, "--bwlimit=200K"),
                          barge)
    first.kill_once(process, lambda rows: any(percent >= 40 for percent in percents(rows)))
    done = int(re.search(r"(\d+)/40 files", first.rows[-1]).group(1))
    rows = second.end(second.start(barge.words("cp", "-r", tmp_path / "files", alias,
                                               "--bwlimit=300K"), barge))
    assert int(re.search(r"(\d+)/40 files", rows[0]).group(1)) >= done > 0
    assert percents(rows)[0] >= 40 - 10, "what was on its way may be sent again"
    assert percents(rows)[-1] >= 80


def test_what_is_waited_for_is_said(gateway, client, tmp_path):
    (tmp_path / "file").write_bytes(content(5000))
    grid = gateway("put:reset@1", "put:unhappy@2-3")
    barge, terminal = client(grid), Terminal()
    process = terminal.start(barge.words("cp", tmp_path / "file", grid.fresh()[0] + "a"), barge)
    waiting = [row for row in terminal.end(process) if row.startswith("waiting up")]
    assert re.match(r"waiting up to 3[01] min for 1 upload that was cut off; ", waiting[0])


def test_a_gateway_that_is_away_is_said(gateway, client, tmp_path):
    grid = gateway("put:delay=3600000")
    (tmp_path / "file").write_bytes(content(5000))
    barge, terminal = client(grid), Terminal()
    process = terminal.start(barge.words("cp", tmp_path / "file", grid.fresh()[0] + "a"), barge)
    wait_for(lambda: grid.requests("put") > 0)
    grid.kill()
    wait_for(lambda: any(row.startswith("waiting for the gateway; ") for row in terminal.rows))
    grid.start()
    terminal.end(process)


# --- each file, and the log --------------------------------------------------------------

STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


def test_verbose_names_each_file_with_a_time(embedded, client, tmp_path):
    (tmp_path / "s/d").mkdir(parents=True)
    for name in "a", "d/b\n":
        (tmp_path / "s" / name).write_bytes(content(2048, len(name) + 900))
    barge = client(embedded)
    alias, _ = embedded.fresh()
    named = {f"barge: TIME done: 's/{path}'{size}" for path, size in
             (("a", " (2.0 KiB)"), (r"d/b\n", " (2.0 KiB)"), ("d", ""))}
    for words in ("cp", "-r"), ("cp", "-r", "--json", "--always"):
        said = barge.ok(*words, "-v", tmp_path / "s", alias).err
        assert named <= set(re.sub(STAMP, "TIME", said).splitlines()), said
    said = barge.ok("verify", "-v", "--json", "--verify=count", alias).err
    assert " done: 's/a' (2.0 KiB)" in said
    run = barge.ok("put", "-v", tmp_path / "s/a", alias + "put")
    assert re.search(rf"^barge: {STAMP} done: '{tmp_path}/s/a' \(2\.0 KiB\)$", run.err, re.M)
    run = barge.ok("get", "-v", alias + "put", tmp_path / "got")
    assert re.search(rf"^barge: {STAMP} done: '{alias}put' \(2\.0 KiB\)$", run.err, re.M)
    assert "done:" not in barge.ok("cp", "-r", "--always", tmp_path / "s", alias).err


def test_the_log_has_what_was_said(embedded, client, tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s/a").write_bytes(content(100, 901))
    (tmp_path / "s/link").symlink_to("a")
    log, barge = tmp_path / "log", client(embedded)
    alias, _ = embedded.fresh()
    first = barge.ok("cp", "-r", "-v", f"--log-file={log}", tmp_path / "s", alias, code=1)
    second = barge.ok("ls", "--log-file", log, alias + "none", code=2)
    lines = log.read_text().splitlines()
    assert all(re.match(STAMP + " barge: ", line) for line in lines)
    assert [re.sub("^" + STAMP + " ", "", line) for line in lines] \
        == (first.err + second.err).splitlines()
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_log_that_cannot_be_written(embedded, client, tmp_path):
    barge = client(embedded)
    run = barge.ok("ls", f"--log-file={tmp_path}/none/log", embedded.fresh()[0], code=74)
    assert "cannot open the log" in run.err and run.out == ""
    run = barge.ok("ls", "--log-file=/dev/full", embedded.fresh()[0] + "none", code=2)
    assert run.err.count("cannot write the log: No space left") == 1
