"""Grids to test against, and a reader of grids that is not barge.

    EmbeddedGateway   `barge gateway DIR`, with faults, restartable after a kill
    RealGrid          Tahoe-LAFS 1.20: an introducer and one node, 1-of-1
    read_tree         the tree (see tree.py) below a cap, with nothing but HTTP

Runs of barge are in runner.py.  Both grids have .directory (the node directory, for -d), .url, and
the methods of Grid.
"""
import contextlib
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse
from pathlib import Path

from tree import summary

ROOT = Path(__file__).resolve().parent.parent
TAHOE = ROOT / "build/venv/bin/tahoe"
HANG = 240  # seconds after which something is taken to hang, on the slowest of machines
FOR_EVER = 3600_000  # milliseconds of a delay that lasts until the gateway or its client is killed


class Web:
    """One kept-alive connection to a gateway."""
    def __init__(self, url):
        self.address = urllib.parse.urlsplit(url).netloc
        self.connection = None

    def ask(self, method, path, body=None):
        """Returns (status, body).  A connection the gateway closed meanwhile is opened anew."""
        for last in (False, True):
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.address, timeout=HANG)
            try:
                headers = {"Accept": "text/plain, application/octet-stream"}
                if method == "POST":
                    headers["Content-Type"] = "application/octet-stream"
                self.connection.request(method, path, body, headers)
                reply = self.connection.getresponse()
                return reply.status, reply.read()
            except (http.client.HTTPException, OSError):
                self.close()
                if last:
                    raise
        raise AssertionError

    def ok(self, method, path, body=None):
        status, reply = self.ask(method, path, body)
        assert status in (200, 201), (status, reply[-300:])
        return reply

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


def uri(cap, *names, **arguments):
    """The path and query of a cap, or of what lies below it."""
    path = "/uri/" + "/".join(urllib.parse.quote(word, safe="") for word in (cap, *names))
    return path + ("?" + urllib.parse.urlencode(arguments) if arguments else "")


def read_json(url, cap):
    web = Web(url)
    try:
        return json.loads(web.ok("GET", uri(cap, t="json")))
    finally:
        web.close()


def list_directory(url, cap):
    """{name: [kind, {"ro_uri":..., "metadata":...}]} of one directory."""
    kind, node = read_json(url, cap)
    assert kind == "dirnode", kind
    return node["children"]


def child(url, cap, path):
    """[kind, node] of what is at `path` below the directory `cap`; KeyError when it is not."""
    node = None
    for name in path.split("/"):
        node = list_directory(url, cap)[name]
        cap = node[1].get("rw_uri") or node[1]["ro_uri"]
    return node


def read_tree(url, cap):
    """The tree below a directory's cap, each directory and each file fetched by its own cap."""
    web, tree, files, seen = Web(url), {}, {}, set()
    todo = [("", cap)]
    while todo:
        prefix, cap = todo.pop()
        # Equal immutable directories have equal caps.
        assert cap not in seen or "DIR2-" in cap, "a directory is reached twice"
        seen.add(cap)
        kind, node = json.loads(web.ok("GET", uri(cap, t="json")))
        assert kind == "dirnode"
        for name, (kind, at) in node["children"].items():
            assert "/" not in name and name not in ("", ".", "..")
            path, one = prefix + name, at.get("rw_uri") or at["ro_uri"]
            if kind == "dirnode":
                tree[path] = None
                todo.append((path + "/", one))
                continue
            assert kind == "filenode", kind
            if one not in files:
                files[one] = summary(web.ok("GET", uri(one)))
            tree[path] = files[one]
    web.close()
    return tree


def file_caps(url, cap):
    """{path: cap} of all files below a directory."""
    caps, todo, web = {}, [("", cap)], Web(url)
    while todo:
        prefix, cap = todo.pop()
        for name, (kind, at) in json.loads(web.ok("GET", uri(cap, t="json")))[1][
                "children"].items():
            if kind == "dirnode":
                todo.append((prefix + name + "/", at.get("rw_uri") or at["ro_uri"]))
            else:
                caps[prefix + name] = at["ro_uri"]
    web.close()
    return caps


# --- grids --------------------------------------------------------------------------------

class Grid:
    """What both kinds of grids can do; they set .directory and .url."""
    directory, url = None, None
    made = 0

    def web(self, method, path, body=None):
        web = Web(self.url)
        try:
            return web.ok(method, path, body)
        finally:
            web.close()

    def put(self, data):
        """Uploads without linking; returns the cap."""
        return self.web("PUT", "/uri", data).decode()

    def get(self, cap):
        return self.web("GET", uri(cap))

    def mkdir(self, children=None):
        """Makes a mutable directory of {name: cap}; returns its write cap."""
        body = {name: self.as_child(cap) for name, cap in (children or {}).items()}
        return self.web("POST", "/uri?t=mkdir-with-children", json.dumps(body)).decode()

    def copy_directories(self, cap):
        """Makes the mutable directories below `cap` anew, with the same files; returns the cap of the
        first."""
        children = {}
        for name, (kind, node) in self.list(cap).items():
            where = {"rw_uri": self.copy_directories(node["rw_uri"])} if kind == "dirnode" \
                else {"ro_uri": node["ro_uri"]}
            children[name] = [kind, {**where, "metadata": node["metadata"]}]
        return self.web("POST", "/uri?t=mkdir-with-children", json.dumps(children)).decode()

    def link(self, directory, name, cap):
        """Makes `cap` the child `name` of a mutable directory."""
        self.web("PUT", uri(directory, name, t="uri"), cap)

    @staticmethod
    def as_child(cap):
        kind = "dirnode" if cap.startswith("URI:DIR2") else "filenode"
        where = "rw_uri" if cap.startswith(("URI:DIR2:", "URI:SSK:")) else "ro_uri"
        return [kind, {where: cap}]

    def add_alias(self, name, cap):
        with open(self.directory / "private/aliases", "a", encoding="utf-8") as file:
            file.write(f"{name}: {cap}\n")

    def fresh(self, children=None):
        """Makes a mutable directory with an alias of its own; returns ("alias:", cap)."""
        Grid.made += 1
        name, cap = f"fresh{Grid.made}", self.mkdir(children)
        self.add_alias(name, cap)
        return name + ":", cap

    def tree(self, cap):
        return read_tree(self.url, cap)

    def list(self, cap):
        return list_directory(self.url, cap)

    def child(self, cap, path):
        return child(self.url, cap, path)

    def children(self, cap, path):
        """{name: [kind, node]} of the directory at `path` below `cap`."""
        node = self.child(cap, path)[1]
        return self.list(node.get("rw_uri") or node["ro_uri"])

    def secrets(self):
        """What must appear nowhere: the convergence secret."""
        return [(self.directory / "private/convergence").read_bytes().strip()]


CONNECTED = ("01", "08")  # states of /proc/net/tcp: established, and closed by the other side


class EmbeddedGateway(Grid):
    """`barge gateway DIR`.  Restarted it has its old port; `faults` are specs for --fault."""
    def __init__(self, barge, directory, faults=()):
        self.program, self.directory, self.process = barge, Path(directory), None
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        self.start(faults)

    def start(self, faults=()):
        options = [word for fault in faults for word in ("--fault", fault)]
        self.process, url = start_gateway(self.program, self.directory, *options)
        assert self.url in (None, url), "the port has changed"
        self.url = url

    def restart(self, faults=()):
        self.stop()
        self.start(faults)

    def stop(self):
        """Lets it end, and waits.  Again: does nothing."""
        self.end(signal.SIGTERM)

    def kill(self):
        self.end(signal.SIGKILL)

    def end(self, number):
        if not self.process:
            return
        self.process.send_signal(number)
        self.process.wait(HANG)
        self.process.stdout.close()
        self.process = None

    def counts(self):
        """{"requests": {"put": n, ...}, "made": {"shares", "directories"}, "faults": ...}"""
        return json.loads(self.web("GET", "/barge/status?t=json"))

    def requests(self, kind):
        return self.counts()["requests"][kind]

    def come_to_rest(self):
        """Sleeps until nobody is connected: what was on its way when a client was killed is counted
        then."""
        port = f":{urllib.parse.urlsplit(self.url).port:04X}"

        def is_at_rest():
            rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()]
            return not any(row[1].endswith(port) and row[3] in CONNECTED for row in rows[1:])
        wait_for(is_at_rest)

    def mutable_slots(self):
        """How many mutable directories the grid stores, referenced or not."""
        return self.counts()["stored"]["directories"]

    def root(self):
        """The cap behind the alias `tahoe:`."""
        return (self.directory / "private/aliases").read_text().split()[1]


PORTS = set()  # which were given away: who has one may listen there only later


def free_port():
    """A port nobody listens on, below those the kernel gives to anybody.  Processes that run tests
    side by side (BARGE_SIDE, 0 to 3) have ports of their own."""
    side = os.environ.get("BARGE_SIDE")
    first, last = (20000, 32700) if side is None else (20000 + 3000 * int(side),
                                                       23000 + 3000 * int(side))
    while True:
        port = random.SystemRandom().randrange(first, last)
        if port in PORTS:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            PORTS.add(port)
            return port


def start_gateway(program, directory, *options):
    """Starts an embedded gateway; returns its process and its URL.  It keeps the port that it gets
    here when it is new: one that the kernel gives to nobody while the gateway is away."""
    is_new = not (Path(directory) / "node.url").exists()
    for _ in range(5 if is_new else 1):  # somebody may have taken the port meanwhile
        words = [program, "gateway", directory, *options]
        process = subprocess.Popen(words + [f"--port={free_port()}"] * is_new,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True)
        said = process.stdout.readline().split()
        if said:
            return process, said[-1]
        process.stdout.close()
    raise AssertionError(f"the gateway ended with {process.wait()}")


def wait_for(what, seconds=HANG, pause=0.05):
    """Returns the first true value of what(); OSError counts as false."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            value = what()
        except (OSError, http.client.HTTPException):
            value = None
        if value:
            return value
        time.sleep(pause)
    raise TimeoutError(what)


# Seconds for nodes to find each other; then they are begun again, as who has tried in vain to connect
# waits longer and longer.
PATIENCE = 60, 120, 240, 480


def listening():
    """Options of a node that others connect to."""
    port = free_port()
    return ["--listen=tcp", f"--port=tcp:{port}:interface=127.0.0.1",
            f"--location=tcp:127.0.0.1:{port}"]


def await_tub(directory, seconds=HANG):
    """Sleeps until others can connect to the node."""
    port = re.search(r"tub.port = tcp:([0-9]+)", (directory / "tahoe.cfg").read_text())[1]
    wait_for(lambda: socket.create_connection(("127.0.0.1", port), 5).close() is None, seconds)


def count_connected(url):
    """How many storage servers a gateway has."""
    web = Web(url)
    servers = json.loads(web.ok("GET", "/?t=json"))["servers"]
    web.close()
    return sum(server["connection_status"].lower().startswith("connected") for server in servers)


def is_connected(url):
    return count_connected(url) > 0


class RealGrid(Grid):
    """An introducer and one node, client and server in one process: shares 1-of-1, happy 1."""
    shares = 1, 1, 1  # needed, happy, total

    def __init__(self, base, tahoe=TAHOE):
        self.tahoe, self.base, self.running = tahoe, Path(base), []
        self.introducer, self.directory = self.base / "introducer", self.base / "node"
        for self.patience in PATIENCE:
            try:
                self.begin()
                break
            except TimeoutError:
                if self.patience == PATIENCE[-1]:
                    raise

    def begin(self):
        self.base.mkdir(parents=True, exist_ok=True)
        try:
            self.create()
        except BaseException:
            self.stop()
            raise

    def command(self, *words, **options):
        """Runs tahoe; returns its CompletedProcess, whatever its status."""
        environment = dict(os.environ, HOME=str(self.base), PYTHONWARNINGS="ignore")
        return subprocess.run([self.tahoe, *words], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env=environment, check=False, **options)

    def make(self, command, directory, *words):
        done = self.command(command, *words, directory)
        assert done.returncode == 0, done.stdout

    def run(self, directory):
        log = open(directory / "stdout.log", "wb")
        with log:
            self.running.append(subprocess.Popen(
                [self.tahoe, "run", "--allow-stdin-close", directory], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env=dict(os.environ, HOME=str(self.base))))

    def create(self):
        self.create_introducer()
        web = self.make_node("create-node", self.directory, *listening())
        self.run(self.directory)
        self.url = f"http://127.0.0.1:{web}/"
        self.await_servers(1)

    def await_servers(self, count):
        wait_for(lambda: count_connected(self.url) == count, self.patience)

    def create_introducer(self):
        self.make("create-introducer", self.introducer, *listening())
        self.run(self.introducer)
        wait_for((self.introducer / "private/introducer.furl").exists, self.patience)
        await_tub(self.introducer, self.patience)

    def make_node(self, command, directory, *words):
        """Returns the port of its gateway."""
        web, furl = free_port(), (self.introducer / "private/introducer.furl").read_text().strip()
        needed, happy, total = self.shares
        self.make(command, directory, f"--webport=tcp:{web}:interface=127.0.0.1",
                  f"--introducer={furl}", f"--shares-needed={needed}", f"--shares-happy={happy}",
                  f"--shares-total={total}", *words)
        return web

    def add_gateway(self, same_secret=True):
        """Starts one more gateway, without storage; returns its URL and its process."""
        directory = self.base / f"gateway{len(self.running)}"
        web = self.make_node("create-client", directory)
        if same_secret:
            secret = directory / "private/convergence"
            secret.write_bytes((self.directory / "private/convergence").read_bytes())
        url = f"http://127.0.0.1:{web}/"
        return url, self.run_gateway(directory, url)

    def run_gateway(self, directory, url):
        """Runs one more node until it is connected, once more where it does not get there; returns its
        process."""
        for patience in PATIENCE:
            self.run(directory)
            try:
                wait_for(lambda: is_connected(url), patience)
                break
            except TimeoutError:
                self.end_process(self.running.pop())
                if patience == PATIENCE[-1]:
                    raise
        return self.running[-1]

    @staticmethod
    def end_process(process):
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def share_files(self):
        """Paths of all shares in the storage folder."""
        return [path for path in (self.directory / "storage/shares").glob("*/*/*")
                if "incoming" not in path.parts]

    def mutable_slots(self):
        def is_mutable(path):
            with open(path, "rb") as file:
                return file.read(24) == b"Tahoe mutable container "
        return sum(map(is_mutable, self.share_files()))

    def counters(self):
        """Tahoe's own counts, such as "uploader.files_uploaded"."""
        return json.loads(self.web("GET", "/statistics?t=json"))["counters"]

    def stop(self):
        for process in self.running:
            process.terminate()
        for process in self.running:
            self.end_process(process)
        self.running = []
        shutil.rmtree(self.base, ignore_errors=True)


class SpreadGrid(RealGrid):
    """An introducer, storage servers that are nothing else, and one gateway without storage."""
    def __init__(self, base, servers, shares, tahoe=TAHOE):
        self.server_count, self.shares, self.servers = servers, shares, []
        super().__init__(base, tahoe)

    def create(self):
        self.servers = []
        self.create_introducer()
        furl = (self.introducer / "private/introducer.furl").read_text().strip()
        for number in range(self.server_count):
            server = self.base / f"server{number}"
            self.make("create-node", server, "--webport=none", f"--introducer={furl}",
                      *listening())
            self.prepare(number, server)
            self.run(server)
            self.servers.append(self.running[-1])
        web = self.make_node("create-client", self.directory)
        self.run(self.directory)
        self.url = f"http://127.0.0.1:{web}/"
        self.await_servers(self.server_count)

    @contextlib.contextmanager
    def standing_still(self, *numbers):
        """Has servers answer nothing until the end of the block; then the gateway has all of them
        again, as other tests expect."""
        for number in numbers:
            self.servers[number].send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for number in numbers:
                self.servers[number].send_signal(signal.SIGCONT)
            self.await_servers(self.server_count)

    def run_again(self, number):
        """Starts a server that has ended, and waits until it listens."""
        directory = self.base / f"server{number}"
        self.run(directory)
        self.servers[number] = self.running[-1]
        await_tub(directory)

    def prepare(self, number, directory):
        """What is special about a server; called before it runs."""

    def share_files(self):
        return [path for path in self.base.glob("server*/storage/shares/*/*/*")
                if "incoming" not in path.parts]
