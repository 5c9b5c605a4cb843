"""Runs of barge, and what they printed."""
import base64
import functools
import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import job_reader
import json_lines
from grid import HANG, wait_for

# A cap with its secret: long enough not to be the redacted form, nor a word like "URI:CHK".
CAP = re.compile(rb"URI:(?:CHK|DIR2|DIR2-CHK|DIR2-RO|SSK|SSK-RO|MDMF|MDMF-RO|DIR2-MDMF|"
                 rb"DIR2-MDMF-RO):[a-z2-7]{26}|URI:(?:DIR2-)?LIT:[a-z2-7]{8}")


LARGE = 1 << 20  # bytes of a job that the second reader leaves alone


class Run:
    """One finished run: .code, .out and .err (text), .raw (.out as bytes), .seconds."""
    def __init__(self, words, code, out, err, seconds):
        self.words, self.code, self.seconds = words, code, seconds
        self.raw = out
        self.out, self.err = (text.decode("utf-8", "replace") for text in (out, err))

    def __repr__(self):
        return f"status {self.code}: {self.err[-1500:]}"

    def lines(self):
        """stdout as JSON, a list; what a kill cut off is left out."""
        return [json.loads(line) for line in self.out.split("\n")[:-1] if line.strip()]

    def entries(self):
        """{path: line} of the entries that were reported; each of them once."""
        lines = [line for line in self.lines() if line.get("event") == "entry"]
        paths = {line["path"]: line for line in lines}
        assert len(paths) == len(lines), "an entry was reported twice"
        return paths

    def summary(self):
        found = [line for line in self.lines() if line.get("event") == "summary"]
        assert len(found) == 1, self
        return found[0]


@functools.cache
def files_of_the_man_page():
    return (Path(__file__).parent.parent / "docs/barge.1").read_text().split(".SH FILES")[1]


class Barge:
    """Runs barge with a home and a state directory of its own, and no variable from outside.

    What it prints and writes is searched for caps and for `secrets` after every run.
    """
    def __init__(self, program, home, grid=None):
        self.program, self.home, self.grid = program, Path(home), grid
        self.state = self.home / "state"
        self.printed = bytearray()
        self.seen = {}  # (command, kind of line): names of its fields in JSON
        self.home.mkdir(parents=True, exist_ok=True)
        self.environment = {"HOME": str(self.home), "PATH": os.environ["PATH"],
                            "LC_ALL": "C.UTF-8",
                            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", ""),
                            "TSAN_OPTIONS": os.environ.get("TSAN_OPTIONS", "")}

    def words(self, command, *words, node=True):
        """The argument vector: with --state-dir, and -d of the grid, where the command has them."""
        options = []
        if command in ("cp", "backup", "plan", "run", "resume", "verify", "repair", "jobs"):
            options.append(f"--state-dir={self.state}")
        if node and self.grid and command in ("cp", "backup", "plan", "run", "resume", "verify", "bench",
                                              "repair", "ls", "get", "put", "diff", "snapshots", "forget"):
            options.append(f"--node-directory={self.grid.directory}")
        return [self.program, command, *options, *words]

    def start(self, *words, env=(), node=True, stdin=subprocess.DEVNULL, **options):
        """Starts a command; both of its outputs are pipes of bytes."""
        return subprocess.Popen(self.words(*words, node=node), stdin=stdin,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                env={**self.environment, **dict(env)}, **options)

    def finish(self, process, timeout=HANG, given=None):
        """Waits for a started command, which gets the bytes `given`; returns its Run."""
        begin = time.monotonic()
        try:
            out, err = process.communicate(given, timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            err = err if err is not None else text_of(process.said)
            raise AssertionError(f"it hangs: {err[-2000:]}") from None
        err = err if err is not None else text_of(process.said)
        run = Run(process.args, process.returncode, out, err, time.monotonic() - begin)
        self.search(out, "stdout")
        self.search(err, "stderr")
        self.printed += out + err
        return run

    def run(self, *words, timeout=HANG, secret=False, given=None, **options):
        """Runs a command to its end.  `secret`: it may print caps, because it was asked to.
        `given`: bytes for its standard input."""
        if given is not None:
            options["stdin"] = subprocess.PIPE
        process = self.start(*words, **options)
        if not secret:
            run = self.finish(process, timeout, given)
        else:
            out, err = process.communicate(given, timeout=timeout)
            run = Run(process.args, process.returncode, out, err, 0)
        if "--json" in map(os.fsdecode, words):
            self.read_lines(json_lines.command_of(words), run)
        return run

    @staticmethod
    def await_said(process, text):
        """Sleeps until a started command has said `text` on stderr; `finish` has all that it says."""
        if process.stderr:
            process.said, process.stderr = LineReader(process.stderr), None
        assert process.said.wait_for(lambda line: text.encode() in line), process.said.lines

    def await_plan(self):
        """Sleeps until the newest job, which is the first, is planned to its end."""
        wait_for(lambda: any((self.job() / "manifest").read_bytes()[40:56]) if self.jobs() else 0)

    def read_lines(self, command, run):
        """Asserts that each line of JSON is as docs/json.md says, and keeps what was seen."""
        for line in run.lines():
            kind, names = json_lines.check(command, line)
            self.seen.setdefault((command, kind), set()).update(names)

    def ok(self, *words, code=0, **options):
        """Runs a command that must end with `code`."""
        run = self.run(*words, **options)
        assert run.code == code, run
        return run

    def search(self, data, where, binary=()):
        """Asserts that there is no secret in `data`."""
        assert not CAP.search(data), f"a cap in {where}: {CAP.search(data).group()[:20]}"
        for secret in self.grid.secrets() if self.grid else []:
            assert secret not in data, f"the convergence secret in {where}"
        for secret in binary:
            aligned = [secret[at:at + 12] for at in range(3)]  # base64 cuts text in threes
            for form in secret, secret.hex().encode(), *map(base64.b64encode, aligned), \
                    *map(base64.urlsafe_b64encode, aligned):
                assert form not in data, f"a key in {where}"

    @staticmethod
    def binary_secrets(job):
        """The keys of the caps and directories that a job knows."""
        secrets = []
        outcomes = (job / "outcomes").read_bytes() if (job / "outcomes").exists() else b""
        for at in range(4096, len(outcomes), 128):
            if outcomes[at + 9] >= 48:  # not a literal's, which is the file
                secrets.append(outcomes[at + 16:at + 32])
        keys = (job / "keys").read_bytes() if (job / "keys").exists() else b""
        for record in keys.split(b"BGFR")[1:]:
            secrets.append(record[600:624])  # within the RSA key
        return [secret for secret in secrets if len(set(secret)) > 4]

    def search_files(self):
        """Asserts that what is not meant to hold secrets holds none, nor anything that was
        printed, and that nobody else reads the rest."""
        for path in self.state.iterdir() if self.state.exists() else ():
            assert f"$XDG_STATE_HOME/barge/{path.name}" in files_of_the_man_page(), \
                f"{path} is not in the man page"
        for job in self.jobs():
            secrets = self.binary_secrets(job)
            for name in "manifest", "errors.jsonl", "plan", "lock":
                if (job / name).exists():
                    self.search((job / name).read_bytes(), name, secrets)
            self.search(bytes(self.printed), "what was printed", secrets)
            for path in job.iterdir():
                assert path.stat().st_mode & 0o077 == 0, f"{path} can be read by others"

    def read_jobs(self):
        """Asserts that the files of each job are as docs/formats.md says, but for very large ones."""
        for job in self.jobs():
            sizes = [path.stat().st_size for path in job.iterdir() if path.name != "outcomes"]
            if sum(sizes) < LARGE:
                job_reader.read_job(job)

    def jobs(self):
        """Directories of the saved jobs, oldest first."""
        return sorted((self.state / "jobs").iterdir()) if (self.state / "jobs").exists() else []

    def job(self):
        """The directory of the newest job."""
        return self.jobs()[-1]


def await_signals(process):
    """Sleeps until it takes signals itself, or is over: before that they end it like any other."""
    def takes():
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        blocked = int(re.search(r"SigBlk:\s*(\w+)", status).group(1), 16)
        return blocked >> (signal.SIGTERM - 1) & 1 or process.poll() is not None
    wait_for(takes, pause=0.01)


def text_of(reader):
    """All bytes that a LineReader has read, once its pipe has ended."""
    reader.join(HANG)
    return b"".join(reader.lines)


class LineReader(threading.Thread):
    """Collects the lines of a pipe as they come, so that a kill loses none that was written."""
    def __init__(self, pipe):
        super().__init__(daemon=True)
        self.pipe, self.lines, self.changed = pipe, [], threading.Condition()
        self.ended = False
        self.start()

    def run(self):
        for line in self.pipe:
            with self.changed:
                self.lines.append(line)
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def wait_for(self, wanted, seconds=HANG):
        """Sleeps until wanted(line) is true for a line or the pipe ends; returns whether it was."""
        at, end = 0, time.monotonic() + seconds
        with self.changed:
            while True:
                while at < len(self.lines):
                    if wanted(self.lines[at]):
                        return True
                    at += 1
                if self.ended or time.monotonic() > end:
                    return False
                self.changed.wait(end - time.monotonic())
