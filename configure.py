#!/usr/bin/env python3
"""Writes build.ninja, and runs what a person wants from a fresh clone.

  ./configure.py                     write the build files (no probing, same bytes everywhere)
  ./configure.py --check             fail when they are stale
  ./configure.py --compdb            write compile_commands.json for editors
  ./configure.py demo                install, build, show a whole job with a kill in the middle
  ./configure.py test [--all] [-k E] install, build, test; ends in "N passed, N failed"
  ./configure.py test --mutate FILE...
                                     try the tests by small changes to FILEs (tests/mutate.py)
  ./configure.py bench               run bench/*.py, print JSON

`--no-install`, with demo, test or bench, never installs a package: what is missing is named, and
that is the end.
"""
import argparse
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent
# What a test that includes a stand-in's header is linked without.
STAND_INS = {"tests/unit/fake_http.c": ["src/net/http.c", "src/net/http_call.c"]}
# The client is every unit but the gateway's room; the gateway is what its main needs.
PROGRAMS = {"barge": "src/cli/main.c", "barge-gateway": "src/serve/main.c"}
# A program under a second name, which is how git-annex finds its special remote.
LINKS = {"git-annex-remote-barge": "barge"}

# Debian 12 packages: the only list of them.
BUILD_PACKAGES = """ninja-build pkg-config gcc libc6-dev libcurl4-openssl-dev libxxhash-dev
    libmsgpack-dev libjansson-dev libyajl-dev libssl-dev libutf8proc-dev nettle-dev libgmp-dev
    libmicrohttpd-dev libisal-dev libcbor-dev libyaml-dev libsqlite3-dev""".split()
TEST_PACKAGES = """clang clang-format clang-tidy libcmocka-dev curl rsync git gpg gpg-agent
    git-annex""".split()
if importlib.util.find_spec("ensurepip") is None:
    TEST_PACKAGES.append("python3-venv")
if not Path(sysconfig.get_path("include"), "Python.h").exists():
    TEST_PACKAGES.append("python3-dev")  # netifaces, which Tahoe-LAFS needs, has no wheel

# pkg-config names; msgpack has two (Debian 12: msgpack, upstream since 6.0: msgpack-c).
LIBRARIES = """libcurl libxxhash jansson yajl libcrypto libutf8proc hogweed nettle gmp
    libmicrohttpd libisal libcbor yaml-0.1 sqlite3"""

WARNINGS = """-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
    -Wmissing-prototypes -Wstrict-prototypes -Wcast-qual -Wundef -Wvla -Wformat=2 -Wwrite-strings
    -Wpointer-arith -Werror=format-security -Werror=implicit-function-declaration"""
HARDENING = """-fstack-protector-strong -fstack-clash-protection -fcf-protection=full
    -ftrivial-auto-var-init=zero -fno-delete-null-pointer-checks -fno-strict-overflow
    -fno-strict-aliasing -fexceptions -Wnull-dereference"""
# -g1: lines in stacks are enough, and compiling takes a quarter less.
SANITIZED = "-O1 -g1 -fno-omit-frame-pointer -Wno-maybe-uninitialized -Werror"

# Each mode is one build of everything under build/<mode>/.
MODES = {
    "release": {
        "flags": "-O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fPIE @build/deps.hardening",
        "ldflags": "-pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code"},
    "debug": {"flags": "-Og -g -DBARGE_KILL_POINTS"},
    "asan": {
        "flags": SANITIZED + " -DBARGE_KILL_POINTS -fsanitize=address,undefined"
                 " -fno-sanitize-recover=all",
        "run": "UBSAN_OPTIONS=print_stacktrace=1 $fixed"},
    "tsan": {
        "flags": SANITIZED + " -fsanitize=thread",
        "run": "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1 $fixed"},
    "locks": {"compiler": "clang", "flags": "-O0 -Wthread-safety -Werror"},
}
TESTED_MODES = "release asan tsan".split()  # units run in these
STYLE_CHECKS = "generated format headers layers shape locks tidy hardened".split()

BUILD_NINJA = """\
# Written by configure.py; read it freely, edit configure.py instead.
ninja_required_version = 1.8
builddir = build

# CC, PKG_CONFIG, CPPFLAGS, CFLAGS and LDFLAGS come from the environment of ninja.
cc = $${{CC:-gcc}}
pkg_config = $${{PKG_CONFIG:-pkg-config}}
std = -std=c17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 -pthread -I. -Isrc
warn = {warnings}
libraries = {libraries}
hardening = {hardening}
# The sanitizers of gcc 12 die at random where the kernel randomizes 32 bits of an address.
fixed = $$(setarch -R true 2>/dev/null && echo setarch -R)

# Looked at each time; another environment than the last one builds everything anew.
rule environment
  command = env | grep -E '^(CC|CPPFLAGS|CFLAGS|LDFLAGS|PKG_CONFIG|PKG_CONFIG_PATH)=' | $
      sort >$out.new; if cmp -s $out.new $out; then rm $out.new; else mv $out.new $out; fi
  description = look at the environment
  restat = 1
# What this machine has: the only place where pkg-config and the compiler are asked.
rule probe
  command = set -e; m=msgpack; $pkg_config --exists $$m || m=msgpack-c; $
      $pkg_config --cflags $libraries $$m >build/deps.cflags; $
      $pkg_config --libs $libraries $$m >build/deps.libs; $
      for flag in $hardening; do $
      if $cc -Werror $$flag -x c -c /dev/null -o /dev/null 2>/dev/null; then echo $$flag; fi; $
      done >build/deps.hardening
  description = probe libraries and compiler flags
rule cc
  command = $cc $std $warn $flags -ffile-prefix-map="$$PWD"=. $$CPPFLAGS $$CFLAGS $$STRICT $
      @build/deps.cflags -MMD -MF $out.d -c $in -o $out
  depfile = $out.d
  deps = gcc
  description = $mode: cc $in
rule link
  command = $cc $flags -pthread $ldflags -Wl,--as-needed $in -o $out @build/deps.libs $more -lm $
      $$LDFLAGS
  description = $mode: link $out
rule name
  command = ln -sf $to $out
  description = $mode: $out is $to
rule test
  command = rm -f $out; CMOCKA_MESSAGE_OUTPUT=TAP $run timeout 300 $in >$out.log 2>&1 </dev/null $
      && touch $out || {{ cat $out.log; exit 1; }}
  description = $mode: test $in
rule header
  command = $cc $std $warn -Werror @build/deps.cflags -MMD -MF $out.d -MT $out $
      -include $in -x c -c /dev/null -o $out
  depfile = $out.d
  deps = gcc
  description = header alone: $in
rule format
  command = clang-format --dry-run -Werror $in && touch $out
  description = format $in
rule tidy
  command = $cc $std @build/deps.cflags -MM -MF $out.d -MT $out $in && $
      clang-tidy --quiet $in -- $std -DBARGE_KILL_POINTS $$(cat build/deps.cflags) >$out.log 2>&1 $
      && touch $out || {{ cat $out.log; exit 1; }}
  depfile = $out.d
  deps = gcc
  description = tidy $in
rule script
  command = $command
  description = $out

build always: phony
build build/environment: environment always
build build/deps.cflags build/deps.libs build/deps.hardening: probe build/environment

{modes}
include src/checks.ninja
build layers: script
  command = python3 tests/layers.py --self-test && python3 tests/layers.py
build shape: script
  command = python3 tests/shape.py --self-test && python3 tests/shape.py
build generated: script
  command = python3 configure.py --check
build locks: phony objects-locks
build hardened: {hardened}
build check: phony {check}
{ending}"""

# Of barge, too, that it links no HTTP server.
HARDENED = """script {programs}
  command = set -e; for program in {programs}; do $
      readelf -hdlW $$program >build/hardened; grep -q 'Type: *DYN' build/hardened; $
      grep -q 'FLAGS.* NOW' build/hardened; grep -q GNU_RELRO build/hardened; $
      ! grep 'GNU_STACK.*E ' build/hardened || exit 1; $
      done; ! readelf -d build/release/barge | grep microhttpd"""

INSTALL = """p="$${{DESTDIR}}$${{PREFIX:-/usr/local}}"; set -e; $
      install -Dm755 -t "$$p/bin" {programs}; $
      ln -sf barge "$$p/bin/git-annex-remote-barge"; $
      install -Dm644 docs/barge.1 "$$p/share/man/man1/barge.1"; $
      for one in bash:bash-completion/completions/barge zsh:zsh/site-functions/_barge $
      fish:fish/vendor_completions.d/barge.fish; do $
      build/release/barge completion "$${{one%%:*}}" >build/completion; $
      install -Dm644 build/completion "$$p/share/$${{one#*:}}"; done"""

MODE_NINJA = """\
mode = {mode}
compiler = {compiler}
flags = {flags}
ldflags = {ldflags}
run = {run}
subninja src/units.ninja
"""


def wrap(words, indent="    ", width=96):
    """Joins words with ninja's line continuation where a line would grow too long."""
    lines, line = [], ""
    for word in words:
        if line and len(indent) + len(line) + len(word) + 3 > width:
            lines.append(line)
            line = ""
        line = f"{line} {word}" if line else word
    return f" $\n{indent}".join(lines + [line])


class Tree:
    """The sources, and which objects follow from which includes."""

    def __init__(self, root=ROOT):
        self.root = root
        self.library = self.find("queue/*.c", "queue/*/*.c", "src/*/*.c")
        self.tests = self.find("tests/unit/test_*.c")
        self.benches = self.find("bench/*.c")
        self.tools = self.find("tests/tools/*.c")  # programs for the end-to-end tests
        self.support = [f for f in self.find("tests/unit/*.c") if f not in self.tests]
        self.headers = self.find("queue/*.h", "queue/*/*.h", "src/*/*.h", "tests/unit/*.h",
                                 "bench/*.h")
        self.has_main = set(PROGRAMS.values()) <= set(self.library)
        self.found = set(self.units() + self.headers)
        self.seen = {}

    def find(self, *patterns):
        return sorted(str(p.relative_to(self.root)) for g in patterns for p in self.root.glob(g))

    def units(self):
        return self.library + self.support + self.tests + self.benches + self.tools

    def included(self, path):
        """The project's headers that `path` names, found as the compiler finds them."""
        if path not in self.seen:
            text = (self.root / path).read_text(errors="replace")
            names = re.findall(r'^\s*#\s*include\s+"([^"]+)"', text, re.MULTILINE)
            self.seen[path] = [h for h in (self.resolve(path, n) for n in names) if h]
        return self.seen[path]

    def resolve(self, path, name):
        folders = (os.path.dirname(path), ".", "src")
        tries = (os.path.normpath(f"{folder}/{name}") for folder in folders)
        return next((t for t in tries if t in self.found), None)

    def behind(self, header):
        """The .c files of a header: x.c, and x_*.c when the module is split."""
        stem = header.removesuffix(".h")
        return [c for c in self.library + self.support
                if c == stem + ".c" or c.startswith(stem + "_")]

    def closure(self, start):
        """Every .c that `start` needs to link, through headers and their .c files."""
        todo, done = [start], set()
        while todo:
            path = todo.pop()
            if path not in done:
                done.add(path)
                todo += self.included(path)
                todo += self.behind(path) if path.endswith(".h") else []
        replaced = {path for one, parts in STAND_INS.items() if one in done for path in parts}
        return sorted(p for p in done - replaced if p.endswith(".c"))

    def linked(self, program):
        """The .c files of one of PROGRAMS."""
        if program == "barge-gateway":
            return self.closure(PROGRAMS[program])
        return [c for c in self.library if not c.startswith("src/serve/")]


def obj(path):
    return "$obj/" + path.removesuffix(".c") + ".o"


def units_ninja(tree):
    lines = ["# Written by configure.py: one build of every unit, read once per mode.",
             "# Keep the values of now: the includer sets them again for the next mode."]
    lines += [f"{v} = ${v}" for v in ("mode", "flags", "ldflags", "run")]
    lines += ["cc = $compiler", "obj = build/$mode", ""]
    lines += [f"build {obj(c)}: cc {c} | build/deps.cflags" for c in tree.units()]
    lines += ["", "build objects-$mode: phony " + wrap(map(obj, tree.units())), ""]
    if tree.has_main:
        lines += [f"build $obj/{program}: link " + wrap(map(obj, tree.linked(program)))
                  for program in PROGRAMS]
        for name, program in LINKS.items():
            lines += [f"build $obj/{name}: name $obj/{program}", f"  to = {program}"]
    programs = [(Path(t).stem, t) for t in tree.tests]
    programs += [("bench_" + Path(b).stem, b) for b in tree.benches]
    programs += [(Path(t).stem, t) for t in tree.tools]
    for name, source in programs:
        lines.append(f"build $obj/{name}: link " + wrap(map(obj, tree.closure(source))))
        if source in tree.tests:
            lines += ["  more = -lcmocka", f"build $obj/{name}.ok: test $obj/{name}"]
    tests = [f"$obj/{Path(t).stem}.ok" for t in tree.tests]
    benches = [f"$obj/{name}" for name, source in programs if source in tree.benches]
    lines += ["", "build test-$mode: phony " + wrap(tests),
              "build bench-$mode: phony " + wrap(benches)]
    return "\n".join(lines) + "\n"


def checks_ninja(tree):
    """Edges that look at one file each, so that only changed files are looked at again."""
    lines, groups = ["# Written by configure.py: checks of single files."], {}
    files = {"header": tree.headers, "format": sorted(tree.units() + tree.headers),
             "tidy": tree.library}
    for rule, inputs in files.items():
        probe = "" if rule == "format" else " | build/deps.cflags"
        also = {"format": " | .clang-format", "tidy": probe + " .clang-tidy"}.get(rule, probe)
        outs = [f"build/{rule}/{path}.ok" for path in inputs]
        lines += [f"build {out}: {rule} {path}{also}" for out, path in zip(outs, inputs)]
        groups[rule] = wrap(outs)
    lines += [f"build headers: phony {groups['header']}", f"build format: phony {groups['format']}",
              f"build tidy: phony {groups['tidy']}"]
    return "\n".join(lines) + "\n"


def build_ninja(tree):
    modes = [MODE_NINJA.format(mode=mode, **{"compiler": "$cc", "ldflags": "", "run": "", **values})
             for mode, values in MODES.items()]
    ending, hardened = ["build all: phony objects-release"], "phony"
    if tree.has_main:
        programs = " ".join(f"build/release/{program}" for program in PROGRAMS)
        hardened = HARDENED.format(programs=programs)
        ending = [f"build all: phony {' '.join(programs_of('release'))}",
                  f"build install: script {programs}",
                  "  command = " + INSTALL.format(programs=programs)]
    return BUILD_NINJA.format(
        warnings=wrap(WARNINGS.split()), hardening=wrap(HARDENING.split()),
        libraries=" ".join(LIBRARIES.split()),
        hardened=hardened, modes="\n".join(modes),
        check=wrap([f"test-{m}" for m in TESTED_MODES] + STYLE_CHECKS),
        ending="\n".join(ending + ["default all", ""])).replace(" = \n", " =\n")


def programs_of(mode):
    return [f"build/{mode}/{program}" for program in [*PROGRAMS, *LINKS]]


def generated():
    tree = Tree()
    return {"build.ninja": build_ninja(tree), "src/units.ninja": units_ninja(tree),
            "src/checks.ninja": checks_ninja(tree)}


def stale_files():
    return {name: text for name, text in generated().items()
            if not (ROOT / name).exists() or (ROOT / name).read_text() != text}


def run(command, **options):
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, **options)


def compdb():
    """One entry a file, of the debug mode: its flags are understood by clangd as well."""
    out = run(["ninja", "-t", "compdb", "cc"], check=True, stdout=subprocess.PIPE).stdout
    entries = [dict(e, command=re.sub(r" \$(CPPFLAGS|CFLAGS|STRICT)", "", e["command"])
                    .replace("${CC:-gcc}", "gcc").replace('"$PWD"', "."))
               for e in json.loads(out) if e["output"].startswith("build/debug/")]
    (ROOT / "compile_commands.json").write_text(json.dumps(entries, indent=1) + "\n")


def missing_packages(packages):
    query = ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *packages]
    out = run(query, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    present = {line.split()[0] for line in out.splitlines() if line.endswith(" installed")}
    return [p for p in packages if p not in present]


def install(packages, no_install):
    """Installs what is missing.  Ends the program when it may not or cannot."""
    if not shutil.which("dpkg-query"):
        print("not a Debian system; these packages, or their like, are needed:", *packages)
        return
    missing = missing_packages(packages)
    if not missing:
        return
    apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y",
           "-o", "DPkg::Lock::Timeout=300"]
    if os.geteuid() != 0:
        apt.insert(0, "sudo")
    if no_install or not shutil.which(apt[0]):
        sys.exit("missing packages: " + " ".join(missing) + "\ninstall them with: apt-get install "
                 "--no-install-recommends " + " ".join(missing))
    print("installing", *missing, flush=True)
    get = [*apt, "install", "--no-install-recommends", *missing]
    # Lists that are absent or too old show as a failure, and only then is an update needed.
    # Through sudo the terminal is asked for a password, so standard input stays as it is.
    if subprocess.run(get).returncode != 0:
        subprocess.run([*apt, "update"], check=False)
        if subprocess.run(get).returncode != 0:
            sys.exit("could not install: " + " ".join(missing))


def ninja(*targets):
    return run(["ninja", *targets]).returncode == 0


def venv_python():
    """Makes build/venv unless it already holds what the requirements name."""
    requirements, venv = ROOT / "tests/requirements.txt", ROOT / "build/venv"
    python, stamp = venv / "bin/python", venv / "requirements.sha256"
    needs = f"{sys.version} {venv} {requirements.read_text()}"  # a moved venv is a broken one
    wanted = hashlib.sha256(needs.encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        print("making build/venv, with Tahoe-LAFS; this takes a minute or two", flush=True)
        run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
        run([str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check",
             "-r", str(requirements)], check=True)
        run([str(venv / "bin/tahoe"), "--version"], check=True, stdout=subprocess.DEVNULL)
        stamp.write_text(wanted)
    return str(python)


def test(args):
    if args.mutate:
        return run([sys.executable, "tests/mutate.py", *args.mutate]).returncode
    command = [sys.executable, "tests/run.py"] + (["--all"] if args.all else [])
    return run(command + (["-k", args.expression] if args.expression else [])).returncode


def demo(_args):
    if not ninja(*programs_of("release")):
        return 1
    return subprocess.run([sys.executable, "tests/demo.py", "build/release/barge"],
                          cwd=ROOT).returncode


def bench(_args):
    if not ninja(*programs_of("release"), "bench-release"):
        return 1
    env = dict(os.environ, BARGE=str(ROOT / "build/release/barge"))
    codes = [run([venv_python(), str(p.relative_to(ROOT))], env=env).returncode
             for p in sorted((ROOT / "bench").glob("*.py"))]
    return 1 if any(codes) else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", nargs="?", choices=("demo", "test", "bench"))
    parser.add_argument("--all", action="store_true", help="test: the long ones too")
    parser.add_argument("-k", dest="expression", help="test: only what matches")
    parser.add_argument("--mutate", nargs=argparse.REMAINDER, metavar="FILE",
                        help="test: by changes; what follows is for tests/mutate.py")
    for flag in ("--no-install", "--check", "--compdb"):
        parser.add_argument(flag, action="store_true")
    args = parser.parse_args()
    if args.no_install and not args.verb:
        parser.error("--no-install goes with demo, test or bench")
    if args.check:
        stale = stale_files()
        sys.exit(f"stale: {' '.join(stale)}; run ./configure.py" if stale else 0)
    if args.verb:
        tests = TEST_PACKAGES if args.verb in ("test", "bench") else []
        install(BUILD_PACKAGES + tests, args.no_install)
        return {"demo": demo, "test": test, "bench": bench}[args.verb](args)
    for name, text in stale_files().items():
        (ROOT / name).write_text(text)
    if args.compdb:
        compdb()
    return 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
