"""Fixtures that every Python test may ask for."""
import os
import pwd
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from grid import TAHOE, EmbeddedGateway, RealGrid, SpreadGrid, wait_for
from kill_loop import Job
from proxy import Proxy
from runner import Barge
from storage import NodeCopy, announced
from tree import make_tree

ROOT = Path(__file__).resolve().parent.parent


# Started in the background by a shell, all of us would have it ignored, and so would barge.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def program(mode):
    """The barge of one build mode; BARGE, BARGE_DEBUG, BARGE_ASAN, BARGE_TSAN name another."""
    variable = "BARGE" if mode == "release" else f"BARGE_{mode.upper()}"
    path = Path(os.environ.get(variable, ROOT / "build" / mode / "barge"))
    for built in path, path.with_name("barge-gateway"):
        if not built.exists():
            pytest.fail(f"{built} is not built; run `ninja build/{mode}/{built.name}`")
    return path


LASTED = {}  # test: seconds so far


def pytest_runtest_logreport(report):
    """Tells the one who runs all tests of each that took long: BARGE_STEPS is a descriptor and the
    seconds."""
    LASTED[report.nodeid] = LASTED.get(report.nodeid, 0) + report.duration
    if report.when == "teardown" and "BARGE_STEPS" in os.environ:
        where, least = map(int, os.environ["BARGE_STEPS"].split())
        seconds = LASTED.pop(report.nodeid)
        if seconds > least:
            os.write(where, f"   {seconds:.0f} s: {report.nodeid}\n".encode())


@pytest.fixture(scope="session")
def barge():
    return program("release")


@pytest.fixture(scope="session")
def barge_debug():
    """With kill points compiled in."""
    return program("debug")


@pytest.fixture(scope="session")
def barge_asan():
    """With kill points, AddressSanitizer and UndefinedBehaviorSanitizer."""
    return program("asan")


@pytest.fixture(scope="session")
def barge_tsan():
    return program("tsan")


@pytest.fixture(scope="session")
def tahoe():
    """The command of the Tahoe-LAFS beside the running Python."""
    return TAHOE


@pytest.fixture(scope="session")
def source(tmp_path_factory):
    """(path, tree) of the reference tree, to be read only."""
    path = tmp_path_factory.mktemp("source") / "reference"
    return path, make_tree(path)


@pytest.fixture(scope="session")
def real_grid(tmp_path_factory):
    """Tahoe-LAFS itself, one node, for the whole session."""
    grid = RealGrid(tmp_path_factory.mktemp("real") / "grid", TAHOE)
    yield grid
    grid.stop()


@pytest.fixture(scope="session")
def spread_grid(tmp_path_factory):
    """Tahoe-LAFS itself, four storage servers, shares 2-of-4, happy 3, for the whole session."""
    grid = SpreadGrid(tmp_path_factory.mktemp("spread") / "grid", 4, (2, 3, 4), TAHOE)
    yield grid
    grid.stop()


@pytest.fixture(scope="session")
def embedded(barge, tmp_path_factory):
    """One embedded gateway without faults for the whole session; ask it for `fresh()` aliases."""
    grid = EmbeddedGateway(barge, tmp_path_factory.mktemp("embedded") / "node")
    yield grid
    grid.stop()


@pytest.fixture
def gateway(barge, tmp_path):
    """Starts embedded gateways of the test's own: gateway("put:500@1", ...)."""
    started = []

    def start(*faults):
        started.append(EmbeddedGateway(barge, tmp_path / f"node{len(started)}", faults))
        return started[-1]
    yield start
    for grid in started:
        grid.stop()


def look_at(made, request):
    """What clients have left behind: no secrets where none belong, and files as they are described."""
    for one in made:
        one.search_files()
        if not request.node.get_closest_marker("alters_state"):
            one.read_jobs()


@pytest.fixture
def client(barge, tmp_path, request):
    """client(grid): a Barge with a home of its own, whose files are looked at in the end."""
    made = []

    def make(grid, program=barge):
        made.append(Barge(program, tmp_path / f"home{len(made)}", grid))
        return made[-1]
    yield make
    look_at(made, request)


@pytest.fixture
def jobs(barge_debug, tmp_path, request):
    """jobs(grid, seed, **kind): a Job under fire, or another kind of one with `of`, which has a
    source, a home and a target of its own."""
    made = []

    def make(grid, seed, of=Job, **kind):
        place = tmp_path / f"job{len(made)}"
        made.append(Barge(barge_debug, place / "home", grid))
        return of(grid, made[-1], place, seed, **kind)
    yield make
    look_at(made, request)


@pytest.fixture
def public():
    """A directory in which everybody may look, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="barge-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def nobody(client, public, barge):
    """nobody(grid or None): a Barge of a user without rights, as nobody when we are root, and
    options for its runs.  It sees a copy of the node directory in `public`."""
    user = pwd.getpwnam("nobody")

    def make(grid):
        program = shutil.copy(barge, public / "barge")
        os.chmod(program, 0o755)
        one = client(grid, program)
        one.state = public / "home/state"
        one.environment["HOME"] = str(public / "home")
        (public / "home").mkdir()
        if grid:
            (public / "node/private").mkdir(parents=True)
            for name in "node.url", "private/aliases":
                shutil.copy(grid.directory / name, public / "node" / name)
                (public / "node" / name).chmod(0o644)
        if os.geteuid() != 0:
            return one, {"cwd": public}
        os.chown(public / "home", user.pw_uid, user.pw_gid)
        return one, {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": public}
    return make


@pytest.fixture
def through(tmp_path):
    """through(grid, cache=None): a node whose gateway is reached through .proxy."""
    made = []

    def make(grid, cache=None):
        wait_for(lambda: announced(grid).count("anonymous-storage-NURLs") ==
                 getattr(grid, "server_count", 1))
        node = NodeCopy(grid, tmp_path / f"through{len(made)}", cache or announced(grid))
        node.proxy = Proxy(grid.url)
        node.proxy.__enter__()
        (node.directory / "node.url").write_text(node.proxy.url)
        made.append(node)
        return node
    yield make
    for node in made:
        node.proxy.__exit__()
