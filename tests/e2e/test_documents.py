"""What README.md and the man page say is tried, so that it stays true."""
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grid import HANG
from tree import content

ROOT = Path(__file__).resolve().parents[2]
BARGE = os.environ["BARGE"]
EMPTY = "URI:DIR2-LIT:"


def barge_help(*words):
    return subprocess.run([BARGE, *words], capture_output=True, text=True, check=True).stdout


def block_after(text, heading):
    """The first block of commands below a heading."""
    return re.search(rf"^## {heading}\n.*?^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL).group(1)


def test_the_man_page_has_each_command_and_option():
    page = (ROOT / "docs/barge.1").read_text().replace("\\-", "-")
    commands = re.findall(r"^  barge (\w+)", barge_help("help"), re.MULTILINE)
    assert len(commands) > 10
    for command in commands:
        assert re.search(rf"^\.B barge {command}$", page, re.MULTILINE), command
        for option in re.findall(r"^  .{3} (--[\w-]+)", barge_help(command, "--help"),
                                 re.MULTILINE):
            assert re.search(rf"{option}(?![\w-])", page), f"{command} {option}"


def test_the_man_page_knows_no_option_that_is_not_there():
    page = (ROOT / "docs/barge.1").read_text().replace("\\-", "-")
    commands = re.findall(r"^  barge (\w+)", barge_help("help"), re.MULTILINE)
    known = {option for command in commands
             for option in re.findall(r"^  .{3} (--[\w-]+)", barge_help(command, "--help"),
                                      re.MULTILINE)}
    named = set(re.findall(r"(?:^|[ .\"(])(--[a-z][\w-]+)", page, re.MULTILINE))
    families = {name for name in named if any(o.startswith(name.rstrip("-") + "-") for o in known)}
    assert len(named) > 40 and not named - known - families, named - known - families


def test_the_synopsis_has_each_word_of_the_usage():
    """Sub-commands and their likes stand in both: what is not in capitals, and is no option."""
    page = (ROOT / "docs/barge.1").read_text().replace("\\-", "-")
    lines = page.split(".SH SYNOPSIS\n")[1].split(".SH DESCRIPTION")[0].split(".br\n")
    for command in re.findall(r"^  barge (\w+)", barge_help("help"), re.MULTILINE):
        usage = barge_help(command, "--help").splitlines()[0].replace("[OPTION...]", "")
        words = re.findall(r"(?<![-\w])[a-z]{2,}", usage.partition(f"barge {command}")[2])
        shown = " ".join(line for line in lines if re.match(rf"\.B barge {command}\b", line))
        assert all(re.search(rf"\b{word}\b", shown) for word in words), (command, words, shown)


@pytest.fixture
def home(real_grid, tmp_path):
    """A home as the README supposes one: a node in ~/.tahoe with an alias tahoe:, where backups were
    made, and some photos."""
    node = tmp_path / "home/.tahoe"
    shutil.copytree(real_grid.directory / "private", node / "private")
    shutil.copy(real_grid.directory / "node.url", node)
    snapshots = real_grid.mkdir({"2026-11-20_03:00:00Z": EMPTY, "2026-11-21_03:00:00Z": EMPTY})
    root = real_grid.mkdir({"backup": real_grid.mkdir({"Archives": snapshots, "Latest": EMPTY})})
    with open(node / "private/aliases", "a", encoding="utf-8") as aliases:
        aliases.write(f"tahoe: {root}\n")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "barge").symlink_to(BARGE)
    (programs / "feh").write_text("#!/bin/sh\ncat >/dev/null\n")
    (programs / "feh").chmod(0o755)
    photos = tmp_path / "home/photos"
    photos.mkdir()
    for seed, name in enumerate(("a.jpg", "b.jpg")):
        (photos / name).write_bytes(content(5000, seed))
    return tmp_path / "home", {**os.environ, "HOME": str(tmp_path / "home"),
                               "XDG_STATE_HOME": str(tmp_path / "state"),
                               "PATH": f"{programs}:{os.environ['PATH']}"}


def test_the_commands_of_the_readme_do_what_they_say(real_grid, home):
    """In their order, each in the state in which the ones before it left the grid."""
    place, env = home
    def run(line):
        return subprocess.run(["bash", "-o", "pipefail", "-c", line], cwd=place, env=env, text=True,
                              capture_output=True, timeout=HANG)

    lines = block_after((ROOT / "README.md").read_text(), "A real grid").splitlines()
    assert len(lines) > 15
    for line in lines:
        words = shlex.split(line, comments=True)
        assert words[0] in ("barge", "tar"), line
        command = line.split("  #")[0].split(" # ")[0]
        command = command.replace("URL1", real_grid.url)
        command = command.replace("URL2", real_grid.url.replace("127.0.0.1", "localhost"))
        command = command.replace("/restore", "restored")
        if "JOB" in command:
            job = re.search(r"^[0-9a-f]{8,}", run("barge jobs").stdout, re.MULTILINE).group()
            command = command.replace("JOB", job)
        done = run(command)
        nothing_left = command.strip() == "barge resume" and "no job is unfinished" in done.stderr
        assert done.returncode == 0 or nothing_left, f"{command}: {done.returncode} {done.stderr}"
    assert (place / "restored/photos/a.jpg").read_bytes() == content(5000, 0)


# --- commands on other pages --------------------------------------------------------------

def commands_of(page):
    """Lines of `page` that run barge: indented ones, and those in blocks."""
    text = (ROOT / page).read_text()
    inside, found = False, []
    for line in text.splitlines():
        inside ^= line.startswith("```")
        words = line.strip()
        if (inside or line.startswith("    ")) and re.match(r"([a-z].*&& )?barge [a-z]", words):
            found.append(re.split(r"\s#", words)[0].strip())
    return found


@pytest.fixture
def pages(embedded, tmp_path):
    """Runs lines of documents in a home with all that they name, in their order."""
    home = tmp_path / "home"
    (home / ".tahoe/private").mkdir(parents=True)
    shutil.copy(embedded.directory / "node.url", home / ".tahoe")
    shutil.copy(embedded.directory / "private/convergence", home / ".tahoe/private")
    root = embedded.mkdir({"weekly": embedded.mkdir({}), "src": embedded.mkdir({})})
    (home / ".tahoe/private/aliases").write_text(f"tahoe: {root}\n")
    for name in "photos/raw/a.cr2", "photos/a.jpg", "src/build/keep/b", "src/build/c.o", \
            "home/docs/letter.txt", "home/docs/letters/one.odt", "home/notes.tmp", "stamp":
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(content(100, len(name)))
    os.utime(home / "stamp", (0, 0))
    (home / ".barge-exclude").write_text("*.tmp\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/barge").symlink_to(BARGE)
    env = {**os.environ, "HOME": str(home), "XDG_STATE_HOME": str(tmp_path / "state"),
           "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}

    def run(line, good=(0,)):
        line = line.replace("/restore", "restored").replace("/home", "home")
        done = subprocess.run(["bash", "-o", "pipefail", "-c", line], cwd=home, env=env, text=True,
                              capture_output=True, timeout=HANG)
        assert done.returncode in good, f"{line}: {done.returncode} {done.stderr}"
        return done
    return run


def test_the_examples_of_filters(pages):
    lines = commands_of("docs/filters.md")
    assert len(lines) >= 9
    for line in lines:
        pages(line.replace("exclude='home/", "exclude='/home/"))


def test_the_examples_of_backups(pages):
    lines = [line for line in commands_of("docs/backup.md") if "SRC" not in line]
    assert len(lines) > 12
    pages("barge backup /home tahoe:home")
    for line in lines:
        for then in "2 days ago", "2026-11-20 18:30", "2026-11-20", "2026-11-01":
            line = line.replace(then, f"@{int(time.time()) + 5}")
        # "differs" is status 1: what the source is called, and its own symlinks, are not asked.
        pages(line, (0, 1) if " diff " in line else (0,))


def test_the_examples_of_measuring(pages, embedded):
    lines = commands_of("docs/bench.md")
    assert len(lines) >= 6
    for line in lines:
        if "compare" not in line and "plot" not in line:
            line = line.replace("http://127.0.0.1:3456/", embedded.url)
            line = line.replace("barge bench", "barge bench --duration=0.05 -j1")
            line = re.sub(r"tahoe:(?!.*--sizes)", "tahoe: --sizes=4K", line)
        else:
            line = line.replace("after.json", "before.json")
        if "plot" not in line:
            pages(line)


# --- numbers ------------------------------------------------------------------------------

def numbers_of_help():
    """{option: (from, to)} as --help has them, and what stands in parentheses before."""
    found = {}
    form = re.compile(r"^  .{3} (--[\w-]+)=\S+ +.*?(?: \(([\w:; ]+)\))?"
                      r"(?: \[(?:up to (\w+)|(\w+) to (\w+))\])$", re.MULTILINE)
    for command in re.findall(r"^  barge (\w+)", barge_help("help"), re.MULTILINE):
        for name, usual, most, low, high in form.findall(barge_help(command, "--help")):
            found[name] = (usual, low, most or high)
    return found


def numbers_of_page():
    page = (ROOT / "docs/barge.1").read_text().replace("\\-", "-")
    table = re.search(r"^\.SS Numbers\n.*?^option .*?\n(.*?)^\.fi", page, re.DOTALL | re.MULTILINE)
    rows = [re.split(r"\s{2,}", line) for line in table.group(1).splitlines()]
    return {name: rest for name, *rest in rows}


def test_the_man_page_has_the_numbers_of_each_option():
    told, page = numbers_of_help(), numbers_of_page()
    assert told.keys() == page.keys() and len(page) > 12
    for name, (usual, low, high) in told.items():
        assert page[name][2] == high and (not low or page[name][1] == low), name
        said = re.match(r"\d+\w*$", usual)
        assert not said or page[name][0] == usual, name


def test_the_man_page_has_all_that_a_rehearsal_says():
    row = re.search(r"^\| `action` \| text \| (`copy`.*) \|$",
                    (ROOT / "docs/json.md").read_text(), re.MULTILINE)
    actions = re.findall(r"`(\w+)`", row.group(1))
    page = (ROOT / "docs/barge.1").read_text()
    told = page.split("Only say what would be done", 1)[1].split("left out", 1)[0]
    assert sorted(re.findall(r'^\.BI (\w+) " PATH', told, re.MULTILINE)) == sorted(actions)
    assert f'action " ({", ".join(actions)})' in page


def test_numbers_are_what_the_man_page_says():
    def refused(name, value):
        command = {"--duration": "bench", "--port": "gateway"}.get(name, "cp")
        done = subprocess.run([BARGE, command, f"{name}={value}"], capture_output=True, text=True)
        assert done.returncode == 2
        return f"{name} wants" in done.stderr

    def beside(value, step):
        """The next number, with the unit it has."""
        digits, unit = re.fullmatch(r"([\d.]+)(\w?)", value).groups()
        size = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "d": 86400}.get(unit, 1)
        return f"{int(digits) * size + step}"

    for name, (_, low, high) in numbers_of_page().items():
        assert not refused(name, low) and not refused(name, high), name
        assert refused(name, beside(high, 1)), name
        if low not in ("0", "1"):
            assert refused(name, "0.0001" if "." in low else beside(low, -1)), name
        assert low != "1" or refused(name, "0"), name


# --- around the program -------------------------------------------------------------------

def without_numbers(line):
    """A line of the demo as it is in every run."""
    line = re.sub(r"/tmp/(\S+/)?barge-demo-\w+", "/tmp/barge-demo", line)
    line = re.sub(r"\b[0-9a-f]{16}\b", "JOB", line)
    return re.sub(r"[\d.]+( ?[KMG]?i?B)?", "N", line)


def test_the_demo_shows_what_the_readme_says():
    done = subprocess.run([sys.executable, ROOT / "tests/demo.py", BARGE, "150"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=HANG)
    assert done.returncode == 0, done.stdout
    shown = [without_numbers(line) for line in done.stdout.splitlines()]
    sample = re.search(r"What the demo shows.*?^```\n(.*?)^```", (ROOT / "README.md").read_text(),
                       re.DOTALL | re.MULTILINE).group(1)
    for line in filter(None, map(without_numbers, sample.splitlines())):
        assert line in shown, f"{line!r} is not among {shown}"
        shown = shown[shown.index(line) + 1:]


def test_what_is_built_says_what_its_options_need():
    done = subprocess.run([sys.executable, ROOT / "configure.py", "--no-install"],
                          capture_output=True, text=True)
    assert done.returncode == 2 and "demo, test or bench" in done.stderr
    done = subprocess.run([sys.executable, ROOT / "configure.py", "--help"], capture_output=True,
                          text=True)
    mutate = subprocess.run([sys.executable, ROOT / "tests/mutate.py", "--help"],
                            capture_output=True, text=True).stdout
    for page in "README.md", "CONTRIBUTING.md":
        for line in re.findall(r"^\./configure\.py (.*)", (ROOT / page).read_text(), re.MULTILINE):
            for word in re.findall(r"(?:^| )(-{1,2}[a-z][\w-]*|demo|test|bench)", line.split("#")[0]):
                assert word in done.stdout + mutate, f"{page}: {word}"


@pytest.mark.parametrize("script", sorted(p.name for p in (ROOT / "bench").glob("*.py")))
def test_benchmarks_have_the_options_of_their_page(script):
    row = re.search(rf"^\| `{script}` \|.*", (ROOT / "bench/README.md").read_text(), re.MULTILINE)
    told = set(re.findall(r"`(--[\w-]+)", row.group().split("|")[-2]))
    if "argparse" not in (ROOT / "bench" / script).read_text():
        assert not told
        return
    done = subprocess.run([sys.executable, ROOT / "bench" / script, "--help"], capture_output=True,
                          text=True, env={**os.environ, "BARGE": BARGE})
    assert told == set(re.findall(r"^  (--[\w-]+)", done.stdout, re.MULTILINE)), done


def indented_after(text, words):
    """The block of four blanks that stands below the line with `words`, without them."""
    lines = text[text.index(words):].split("\n")[1:]
    block = []
    for line in lines:
        if line.startswith("    ") or (block and not line):
            block.append(line[4:])
        elif block:
            break
    return "\n".join(block).strip() + "\n"


@pytest.fixture
def nightly(embedded, tmp_path):
    """run(command): a line of docs/backup.md in a shell, in a home of its own with an alias tahoe:."""
    node, base = tmp_path / "home/.tahoe", tmp_path / "bin"
    shutil.copytree(embedded.directory / "private", node / "private")
    (node / "node.url").write_text(embedded.url)
    root = embedded.mkdir()
    (node / "private/aliases").write_text(f"tahoe: {root}\n")
    (tmp_path / "home/letter").write_bytes(content(300))
    excludes = tmp_path / "home/.config/barge/backup-excludes"
    excludes.parent.mkdir(parents=True)
    excludes.write_text("*.tmp\n")
    base.mkdir()
    (base / "barge").symlink_to(BARGE)
    environment = {"HOME": str(tmp_path / "home"), "PATH": f"{base}:{os.environ['PATH']}",
                   "LC_ALL": "C.UTF-8"}

    def run(command):
        done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True,
                              timeout=HANG, check=False)
        assert done.returncode == 0, (command, done.stderr)
        return set(embedded.children(root, "home/Archives"))
    return run


def units():
    text = (ROOT / "docs/backup.md").read_text()
    return {f"barge-backup.{kind}": indented_after(text, f"barge-backup.{kind}`:")
            for kind in ("service", "timer")}


def test_the_units_for_systemd_are_such(tmp_path):
    analyze = shutil.which("systemd-analyze")
    if not analyze:
        pytest.skip("no systemd-analyze to ask")
    for name, text in units().items():
        assert text.startswith("[Unit]\n"), text
        (tmp_path / name).write_text(re.sub(r"^(Exec\w+)=barge ", rf"\1={BARGE} ", text,
                                            flags=re.MULTILINE))
    done = subprocess.run([analyze, "--user", "verify", *sorted(tmp_path.glob("barge-backup.*"))],
                          capture_output=True, text=True, timeout=HANG, check=False,
                          env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)})
    ours = [line for line in done.stderr.splitlines() if "barge-backup" in line]
    assert done.returncode == 0 and not ours, done.stderr
    (when,) = re.findall(r"^OnCalendar=(.*)$", units()["barge-backup.timer"], re.MULTILINE)
    assert subprocess.run([analyze, "calendar", when], capture_output=True, check=False).returncode == 0


def test_the_nightly_examples_do_what_they_say(nightly, tmp_path):
    service = units()["barge-backup.service"].replace("\\\n", " ")
    first = None
    for key in "ExecStart", "ExecStartPost":
        (command,) = re.findall(rf"^{key}=(.*)$", service, re.MULTILINE)
        archives = nightly(command.replace("%h", str(tmp_path / "home")))
        first = first or archives
        assert len(archives) == 1 and archives == first
    (line,) = indented_after((ROOT / "docs/backup.md").read_text(), "With cron").splitlines()
    fields = line.split(None, 5)
    assert all(re.fullmatch(r"\*|\d+", field) for field in fields[:5]) and "%" not in fields[5]
    time.sleep(1.1)
    assert nightly(fields[5]) - first
