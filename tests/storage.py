"""Storage servers that are not Tahoe-LAFS, and node directories that know them.

    StorageServer   serves the shares of a real node over HTTPS, with a fault
    announce        what an introducer would say of such servers, as a node keeps it
    NodeCopy        a node directory with the gateway of another one, and other servers
    servers_alone   a node directory with the servers of another one, and no gateway

Source: tahoe-lafs 1.20.0 docs/specifications/http-storage-node-protocol.rst,
allmydata/immutable/layout.py, allmydata/storage/immutable.py.
"""
import base64
import datetime
import functools
import hashlib
import os
import re
import shutil
import ssl
import struct
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cbor2
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from grid import Grid, free_port, wait_for

CONTAINER_HEADER, LEASE = 12, 72  # bytes before a share and of each lease after it
MUTABLE, MUTABLE_HEADER = b"Tahoe mutable container", 468  # what one begins with; with four leases
PATH = re.compile(r"/storage/v1/(?:im)?mutable/([a-z2-7]{26})/(shares|[0-9]+)")
DAMAGES = ["data", "last", "tree", "extension"]
SLOT_DAMAGES = ["slot-signed", "slot-block"]
FAULTS = [*DAMAGES, "short", "cut", "long", "whole", "shifted", "500", "close"]


def base32(data):
    return base64.b32encode(data).decode().lower().rstrip("=")


def as_pin(data):
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


OTHER_PIN = as_pin(b"the key of somebody else")


@functools.cache
def identity():
    """The key of all servers: (SSLContext, its pin)."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "storage")])
    now, day = datetime.datetime.now(datetime.timezone.utc), datetime.timedelta(days=1)
    certificate = x509.CertificateBuilder(
        name, name, key.public_key(), 1, now - day, now + day).sign(key, hashes.SHA256())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()) + certificate.public_bytes(serialization.Encoding.PEM))
        file.flush()
        context.load_cert_chain(file.name)
    return context, as_pin(key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))


# --- shares -------------------------------------------------------------------------------

def read_share(path):
    """The share in a container: what is between its header and its leases."""
    raw = path.read_bytes()
    if raw.startswith(MUTABLE):
        (size,) = struct.unpack(">84xQ", raw[:92])
        return bytearray(raw[MUTABLE_HEADER:MUTABLE_HEADER + size])
    (leases,) = struct.unpack(">8xL", raw[:CONTAINER_HEADER])
    return bytearray(raw[CONTAINER_HEADER:len(raw) - LEASE * leases])


def flipped_block(container, form):
    """The container of a mutable share, with a bit of its block turned."""
    share = bytearray(container)
    at = 468  # the share begins behind the container's header and four leases
    (first,) = (struct.unpack_from(">L", share, at + 87) if form == "SDMF" else
                struct.unpack_from(">Q", share, at + 99))
    share[at + first + 20] ^= 1
    return bytes(share)


def place_in(share, what):
    """Where in a share a damage is: in its first byte of data or its last one, in the hash of the
    first segment, or in the extension block; of a mutable one in what is signed or in its block."""
    if what.startswith("slot-"):
        return 20 if what == "slot-signed" else struct.unpack_from(">L", share, 87)[0]
    version, _, size, data, _, tree, end, _, extension = struct.unpack(">9L", share[:36])
    assert version == 1
    inner = (end - tree) // 64 * 32  # bytes of the hashes before those of the segments
    return {"data": data, "last": data + size - 1, "tree": tree + inner,
            "extension": extension + 20}[what]


# --- servers ------------------------------------------------------------------------------

class Handler(BaseHTTPRequestHandler):
    """One connection; `server.owner` is the StorageServer."""
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def setup(self):
        self.server.owner.count_open(1)
        super().setup()

    def finish(self):
        try:
            super().finish()
        finally:
            self.server.owner.count_open(-1)

    def reply(self, status, body=b"", first=None, sent=None):
        """`sent`: end the connection after so many bytes of the body."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if first is not None:
            self.send_header("Content-Range", f"bytes {first}-{first + len(body) - 1}/*")
        self.end_headers()
        fault = self.server.owner.fault
        if fault == "drip" or (fault == "trickle" and first is not None):
            self.trickle(body)
        else:
            self.wfile.write(body[:sent])
        self.close_connection = self.close_connection or sent is not None

    def trickle(self, body):
        """As many bytes a second as the owner says, a tenth of them at a time."""
        owner = self.server.owner
        step = max(1, owner.rate // 10)
        for at in range(0, len(body), step):
            self.wfile.write(body[at:at + step])
            if at + step < len(body) and owner.ended.wait(step / owner.rate):
                break
        self.close_connection = self.close_connection or owner.ended.is_set()

    def do_GET(self):
        owner, found = self.server.owner, PATH.fullmatch(self.path)
        if "/mutable/" in self.path and not owner.slots:
            self.reply(404)
            return
        owner.note(self.path)
        if owner.fault == "hang":
            owner.ended.wait(60)
        if owner.fault in ("hang", "close"):
            self.close_connection = True
        elif owner.fault == "500":
            self.reply(500)
        elif self.headers["Authorization"] != owner.authorization:
            self.reply(401)
        elif not found:
            self.reply(400)
        elif found[2] == "shares":
            self.list_shares(owner.shares(found[1]))
        else:
            self.send_share(owner.shares(found[1]).get(int(found[2])))

    def list_shares(self, shares):
        if self.server.owner.fault == "garbage":
            self.reply(200, b"\xd9\x01\x02\x9f\x00")  # a set without an end
        else:
            self.reply(200, cbor2.dumps(set(shares)))

    def send_share(self, path):
        if not path:
            self.reply(404)
            return
        share = bytearray(path) if isinstance(path, bytes) else read_share(path)
        fault = self.server.owner.fault
        if fault in (SLOT_DAMAGES if "/mutable/" in self.path else DAMAGES):
            share[place_in(share, fault)] ^= 1
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"] or "")
        if not asked or fault == "whole":
            self.reply(200, share)
            return
        first, end = int(asked[1]), int(asked[2]) + 1
        if fault == "held" and "/immutable/" in self.path and first == place_in(share, "data"):
            self.server.owner.ended.wait(60)
        if fault == "shifted":
            first, end = first + 1, end + 1
        if fault == "short":
            end -= 1
        if fault == "long":
            share += bytes(1 << 20)
            end += 1
        body = share[first:end]
        self.reply(206, body, first, len(body) // 2 if fault == "cut" else None)


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # all that connect at once are kept, however late they are taken in
    owner = None

    def handle_error(self, request, client_address):
        """Clients may hang up; anything else is a mistake of ours."""
        self.owner.note_error()


class StorageServer:
    """Serves the shares of a real node, or those with `numbers` only; .asked is what it was asked.
    Those of mutable files only with `slots`; else it knows nothing of them, faults or not.

    Faults: a bit flipped ("data", "last", "tree", "extension": see place_in), a byte less than was
    asked for or one more ("short", "long"), half of what was promised ("cut"), all of a share
    ("whole"), bytes that begin too late ("shifted"), "500", a closed connection ("close"), no
    answer ("hang"), a list of shares that is none ("garbage"), the first block of a share not before
    .ended is set ("held"), `rate` bytes a second of shares ("trickle"), or of all replies ("drip").
    """
    handler = Handler

    def __init__(self, grid, numbers=None, fault=None, rate=2000, slots=False):
        self.folder = grid and grid.directory / "storage/shares"
        self.numbers, self.fault = numbers, fault
        self.rate, self.slots = rate, slots
        self.swissnum, self.id = base32(os.urandom(20)), "v0-" + base32(os.urandom(32))
        self.authorization = "Tahoe-LAFS " + base64.b64encode(self.swissnum.encode()).decode()
        self.asked, self.lock, self.ended = [], threading.Lock(), threading.Event()
        self.errors, self.open = [], 0
        context, self.pin = identity()
        self.listener = Listener(("127.0.0.1", 0), self.handler)
        self.listener.owner = self
        self.listener.socket = context.wrap_socket(self.listener.socket, server_side=True,
                                                   do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.listener.serve_forever, args=(0.05,),
                                       daemon=True)
        self.thread.start()

    furl = None  # of one that is written to

    def shares(self, index):
        """{number: path, or bytes} of the shares with a storage index."""
        found = {int(path.name): path for path in (self.folder / index[:2] / index).glob("*")}
        return {number: path for number, path in found.items()
                if self.numbers is None or number in self.numbers}

    def note(self, path):
        with self.lock:
            self.asked.append(path)

    def count_open(self, change):
        """Counts the connections that are open in .open."""
        with self.lock:
            self.open += change

    def note_error(self):
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            self.errors.append(error)

    def nurl(self, pin=None, swissnum=None):
        port = self.listener.server_address[1]
        return f"pb://{pin or self.pin}@127.0.0.1:{port}/{swissnum or self.swissnum}#v=1"

    def stop(self):
        self.ended.set()
        self.listener.shutdown()
        self.thread.join()
        self.listener.server_close()
        assert not self.errors, self.errors


# --- node directories ---------------------------------------------------------------------

def announce(*servers, **other):
    """The text of introducer_NAME_cache.yaml; `other` as of nurl."""
    return yaml.safe_dump([{
        "ann": {"anonymous-storage-NURLs": [server.nurl(**other)], "nickname": "",
                **({"anonymous-storage-FURL": server.furl} if server.furl else {}),
                "permutation-seed-base32": base32(os.urandom(32)), "service-name": "storage",
                "version": 0},
        "key_s": server.id} for server in servers])


def announced(grid):
    """What a node keeps itself."""
    return (grid.directory / "private/introducer_default_cache.yaml").read_text()


class NodeCopy(Grid):
    """A node directory of its own with the gateway of `grid` and what `cache` announces; without
    the convergence secret, when it is not to be known."""
    def __init__(self, grid, directory, cache, secret=True):
        self.directory, self.url, self.cache = Path(directory), grid.url, cache
        (self.directory / "private").mkdir(parents=True)
        names = ["node.url", "tahoe.cfg", "private/aliases"]
        for name in names + ["private/convergence", "private/secret"] * secret:
            if (grid.directory / name).exists():
                shutil.copy(grid.directory / name, self.directory / name)
        path = self.directory / "private/introducer_default_cache.yaml"
        path.write_text(cache)
        path.chmod(0o600)

    def secrets(self):
        """Also what opens the storage servers, and how it is sent."""
        path = self.directory / "private/convergence"
        plain = [path.read_bytes().strip()] if path.exists() else []
        leases = self.directory / "private/secret"
        plain += [leases.read_bytes().strip()] if leases.exists() else []
        swissnums = [word.encode() for word in re.findall(r"@[0-9.:]+/(\w+)#v=1", self.cache)]
        return [word for word in plain if word] + swissnums + list(map(base64.b64encode, swissnums))


def servers_alone(grid, directory, count=None):
    """What is done with it is done by the storage servers of `grid`: all of them, or the `count`
    that speak HTTPS."""
    wait_for(lambda: announced(grid).count("anonymous-storage-NURLs") ==
             (count or getattr(grid, "server_count", 1)))
    node = NodeCopy(grid, directory, announced(grid))
    (node.directory / "node.url").write_text(f"http://127.0.0.1:{free_port()}/")
    return node


# --- servers that are written to ----------------------------------------------------------

WRITE_PATH = re.compile(r"/storage/v1/immutable/([a-z2-7]{26})(?:/(\d+)(/abort)?)?")
SLOT_PATH = re.compile(r"/storage/v1/mutable/([a-z2-7]{26})/read-test-write")
SLOT_FAULTS = ["close", "500", "401", "garbage", "huge", "never", "lost"]
WRITE_FAULTS = ["full", "taken", "missing", "unfinished", "differs", "garbage", "huge", "500",
                "close"]
MIDDLE_FAULTS = ["taken", "missing", "unfinished", "differs", "huge", "500", "close", "early"]


class WritingHandler(Handler):
    """Also takes shares: allocate, write and abort."""
    def secrets(self):
        lines = self.headers.get_all("X-Tahoe-Authorization") or []
        return {name: base64.b64decode(value) for name, value in map(str.split, lines)}

    def begin(self):
        """Notes the request; returns (index, number, aborts), or None when it is answered."""
        owner, found = self.server.owner, WRITE_PATH.fullmatch(self.path)
        length = int(self.headers["Content-Length"] or 0)
        body = self.rfile.read(length)
        owner.note(f"{self.command} {self.path}")
        if owner.fault == "close" or len(body) < length:
            self.close_connection = True
        elif owner.fault == "500":
            self.reply(500)
        elif self.headers["Authorization"] != owner.authorization or not found:
            self.reply(400)
        else:
            return body, found[1], found[2] and int(found[2]), bool(found[3])
        return None

    def do_POST(self):
        owner, slot = self.server.owner, SLOT_PATH.fullmatch(self.path)
        if slot:
            self.write_slot(slot[1])
            return
        asked = self.begin()
        if not asked:
            return
        question, secrets, index = cbor2.loads(asked[0]), self.secrets(), asked[1]
        assert set(question) == {"share-numbers", "allocated-size"}, question
        assert set(secrets) == {"upload-secret", "lease-renew-secret", "lease-cancel-secret"}
        assert isinstance(question["share-numbers"], (set, frozenset)), question
        have, allocated = owner.allocate(index, question, secrets)
        reply = cbor2.dumps({"already-have": have, "allocated": allocated})
        self.reply(200, {"garbage": b"\xa2" + reply, "huge": reply + bytes(1 << 20)}.get(
            owner.fault, reply))

    def write_slot(self, index):
        """New shares of a mutable directory: all of them, or none."""
        owner = self.server.owner
        question = cbor2.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)))
        if not owner.slots:
            self.reply(404)
            return
        owner.note(f"{self.command} {self.path}")
        assert set(self.secrets()) == {"write-enabler", "lease-renew-secret", "lease-cancel-secret"}
        if owner.fault in ("close", "500", "401"):
            self.close_connection = owner.fault == "close"
            if owner.fault != "close":
                self.reply(int(owner.fault))
            return
        reply = cbor2.dumps(owner.take_slot(index, question))
        self.reply(200, {"garbage": b"\xa2" + reply, "huge": reply + bytes(1 << 20)}.get(
            owner.fault, reply))

    def do_PATCH(self):
        owner, asked = self.server.owner, self.begin()
        if not asked:
            return
        body, index, number, _ = asked
        first, last = map(int, re.fullmatch(r"bytes (\d+)-(\d+)/\*",
                                            self.headers["Content-Range"]).groups())
        assert last - first == len(body) - 1
        status, begin = owner.write(index, number, first, body, self.secrets()["upload-secret"])
        reply = cbor2.dumps({"required": [] if begin is None else [
            {"begin": begin, "end": begin + 1}]})
        self.reply(status, reply + bytes(1 << 20) if owner.fault == "huge" else reply)

    def do_PUT(self):
        owner, asked = self.server.owner, self.begin()
        if asked:
            assert asked[3], self.path
            self.reply(owner.abort(asked[1], asked[2], self.secrets()["upload-secret"]))


class WritingServer(StorageServer):
    """Keeps shares in memory: .stored is {(index, number): bytes}, .begun {(index, number):
    [upload secret, size, bytes so far]}; .written counts the bytes that were sent, .writes the times.

    Faults beside those of a StorageServer: room for nothing ("full"), somebody else writes all of
    it ("taken"), room that is gone again ("missing"), writes that are never enough ("unfinished"),
    contradict others ("differs") or are enough too soon ("early"), a reply that is none ("garbage")
    or too large ("huge").  `after`: no fault before so many writes.
    """
    handler = WritingHandler

    def __init__(self, fault=None, after=0, slots=False):
        self.after, self.writes, self.written, self.late = after, 0, 0, None
        self.slot_shares = {}  # {(index, number): bytes} of mutable directories
        super().__init__(None, fault=fault, slots=slots)
        self.stored, self.begun, self.tub = {}, {}, base32(os.urandom(20))

    @property
    def fault(self):
        return self.late if self.writes >= self.after else None

    @fault.setter
    def fault(self, value):
        self.late = value

    @property
    def furl(self):
        return f"pb://{self.tub}@tcp:127.0.0.1:{self.listener.server_address[1]}/none"

    def shares(self, index):
        return {number: data for (one, number), data in self.stored.items() if one == index}

    def allocate(self, index, question, secrets):
        have, allocated = set(self.shares(index)), set()
        for number in question["share-numbers"] - have:
            if (index, number) in self.begun or self.fault in ("full", "taken"):
                continue
            self.begun[index, number] = [secrets["upload-secret"], question["allocated-size"],
                                         bytearray()]
            allocated.add(number)
        return have, allocated

    def take_slot(self, index, question):
        """Returns the answer to a read-test-write.  Faults: it never writes, or ("lost") says so."""
        vectors, (read,) = question["test-write-vectors"], question["read-vector"]
        there = {number: [data[read["offset"]:read["offset"] + read["size"]]]
                 for (one, number), data in self.slot_shares.items() if one == index}
        for vector in vectors.values():
            assert vector["test"] == [{"offset": 0, "size": 1, "specimen": b""}]
            assert vector["new-length"] is None and len(vector["write"]) == 1
        success = not set(vectors) & set(there) and self.fault != "never"
        for number, vector in vectors.items() if success else ():
            assert vector["write"][0]["offset"] == 0
            self.slot_shares[index, number] = vector["write"][0]["data"]
        return {"success": success and self.fault != "lost", "data": there}

    def write(self, index, number, first, body, secret):
        """Returns (status, where the first byte that is required is)."""
        with self.lock:
            self.writes += 1
            self.written += len(body)
        if self.fault in ("taken", "missing", "unfinished", "differs", "early"):
            return {"taken": 401, "missing": 404, "unfinished": 200, "differs": 409,
                    "early": 201}[self.fault], 0
        owner, size, data = self.begun.get((index, number), (None, None, None))
        if owner is None:
            return 404, None
        if owner != secret:
            return 401, None
        assert first <= len(data), "a share with a hole"
        known = data[first:first + len(body)]
        if known != body[:len(known)]:
            return 409, None
        data[first:first + len(body)] = body
        if len(data) < size:
            return 200, len(data)
        assert len(data) == size
        del self.begun[index, number]
        self.stored[index, number] = bytes(data)
        return 201, None

    def abort(self, index, number, secret):
        owner = self.begun.get((index, number), (None,))[0]
        if owner == secret:
            del self.begun[index, number]
        return 200 if owner == secret else 404
