"""The build, and the script that runs the tests, tried on a project of some lines."""
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
BUILT = "build/release/barge"
SOURCES = {
    "src/cli/main.c": '#include <stdio.h>\n#ifdef OTHER\n#define WORD "other"\n#else\n'
                      '#define WORD "plain"\n#endif\n'
                      'int main(void)\n{\n\treturn puts(WORD " " __FILE__) < 0;\n}\n',
    "src/serve/main.c": "int main(void) { return 0; }\n",
    "tests/tools/capstool.c": "int main(void) { return 0; }\n",
    "tests/unit/test_nothing.c": "int main(void) { return 0; }\n",
    "tests/e2e/test_small.py": "def test_quick():\n    pass\n\ndef test_slow():\n    pass\n",
    "tests/e2e/conftest.py": """\
import pytest

@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if (item.name, call.when) == ("test_slow", "call"):
        report.duration = 3600
""",
}


def script(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def project(tmp_path):
    """A place with our configure.py and tests/run.py, and little else.  A test there is said to take an
    hour, and the Python is the running one."""
    place = tmp_path / "project"
    for name, text in SOURCES.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    for name in "configure.py", "tests/run.py", "tests/conftest.py", "tests/requirements.txt":
        shutil.copy(ROOT / name, place / name)
    for module in (ROOT / "tests").glob("*.py"):  # what conftest.py takes in
        if not (place / "tests" / module.name).exists():
            (place / "tests" / module.name).symlink_to(module)
    subprocess.run([sys.executable, "configure.py"], cwd=place, check=True)
    return place


def build(place, **environment):
    """Builds, and returns what was done and what the program says."""
    clean = {name: value for name, value in os.environ.items()
             if name not in ("CC", "CPPFLAGS", "CFLAGS", "LDFLAGS", "PKG_CONFIG", "STRICT")}
    done = subprocess.run(["ninja", "-v", BUILT], cwd=place, env=clean | environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    said = subprocess.run([place / BUILT], stdout=subprocess.PIPE, text=True, check=True).stdout
    return done.stdout, said


def is_compiled(output):
    return " -c src/cli/main.c" in output


def test_another_compiler_or_flag_builds_anew(project, tmp_path):
    log = tmp_path / "calls"
    mine = script(tmp_path / "mine", f'echo cc >>{log}; exec gcc "$@"\n')
    pkg_config = script(tmp_path / "pkg", f'echo pkg-config >>{log}; exec pkg-config "$@"\n')
    output, said = build(project)
    assert is_compiled(output) and said.startswith("plain ")
    assert not is_compiled(build(project)[0]), "nothing has changed"
    for variable, value in [("CC", str(mine)), ("CPPFLAGS", "-DOTHER"),
                            ("CFLAGS", "-DNOTHING"), ("LDFLAGS", "-Wl,--build-id=0x12345678"),
                            ("PKG_CONFIG", str(pkg_config))]:
        log.write_text("")
        output, said = build(project, **{variable: value})
        assert is_compiled(output) and f"-o {BUILT}" in output, variable
        assert not is_compiled(build(project, **{variable: value})[0]), variable
        assert {"CC": "cc" in log.read_text(), "CPPFLAGS": said.startswith("other "),
                "CFLAGS": True, "PKG_CONFIG": "pkg-config" in log.read_text(),
                "LDFLAGS": bytes.fromhex("12345678") in (project / BUILT).read_bytes()}[variable], \
            variable
    assert is_compiled(build(project)[0]), "the last flags are gone"


def test_no_program_says_where_it_was_built(project, barge):
    _, said = build(project)
    assert str(project).encode() not in (project / BUILT).read_bytes()
    assert said == "plain src/cli/main.c\n"
    for program in Path(barge), Path(barge).with_name("barge-gateway"):
        assert str(ROOT).encode() not in program.read_bytes()


def run_tests(place, *words, **environment):
    """`./configure.py test`, with this Python; asserts that it leaves nothing behind."""
    python = script(place / "build/venv/bin/python", f'exec {sys.executable} "$@"\n')
    stub = ("import run, sys\nrun.configure.venv_python = lambda: %r\n"
            "sys.exit(run.main())\n" % str(python))
    temporary = place.parent / "temporary"
    temporary.mkdir(exist_ok=True)
    done = subprocess.run([sys.executable, "-c", stub, *words], cwd=place, text=True,
                          env={**os.environ, "TMPDIR": str(temporary),
                               "PYTHONPATH": str(place / "tests"), **environment},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done, list(temporary.iterdir())


def test_a_selection_of_no_test_fails(project):
    done, left = run_tests(project, "-k", "typo")
    lines = done.stdout.splitlines()
    assert done.returncode == 1 and lines[-1] == "0 passed, 1 failed", done.stdout
    assert "FAIL no test matches 'typo'" in lines and left


def test_a_selection_runs_tells_of_what_is_long_and_leaves_nothing(project):
    done, left = run_tests(project, "-k", "test_small")
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and lines[-1] == "2 passed, 0 failed", done.stdout
    assert left == []
    assert [line for line in lines if re.fullmatch("   36.. s: tests/e2e/test_small.py::test_slow", line)]
    assert not [line for line in lines if line.endswith("::test_quick")]


def test_what_fails_gets_a_second_go_alone(project):
    """Once: what fails always has failed, and so have many at once."""
    (project / "tests/e2e/test_chance.py").write_text(
        "import os, pathlib, pytest\n"
        "@pytest.mark.parametrize('number', range(int(os.environ['CHANCES'])))\n"
        "def test_at_first(number):\n"
        "    mark = pathlib.Path(os.environ['MARKS']) / str(number)\n"
        "    assert mark.exists() or mark.mkdir()\n"
        "@pytest.mark.alone\n"
        "def test_last():\n"
        "    assert (pathlib.Path(os.environ['MARKS']) / '0').exists()\n"
        "def test_always():\n"
        "    assert 'ALWAYS' not in os.environ\n")
    told = re.compile(r"failed by chance, and passed alone: \S+\.test_at_first\[0\]\n")
    for chances, always, end in (1, {}, "3 passed, 0 failed"), (1, {"ALWAYS": "1"}, "2 passed, 1 failed"), \
            (4, {}, "2 passed, 4 failed"):
        marks = project / f"marks{end}"
        marks.mkdir()
        done, _ = run_tests(project, "-k", "test_chance",
                            CHANCES=str(chances), MARKS=str(marks), **always)
        lines = done.stdout.splitlines()
        assert lines[-1] == end and done.returncode == (not end.endswith(" 0 failed")), done.stdout
        assert bool(told.search(done.stdout)) == (chances == 1), done.stdout
