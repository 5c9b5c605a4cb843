"""The embedded gateway: its contract over HTTP, its caps, its restarts."""
import base64
import json
import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from allmydata import dirnode, nodemaker, uri
from allmydata.crypto import rsa
from allmydata.mutable.common import derive_mutable_keys
from allmydata.util import base32
from allmydata.web.common import convert_children_json

from embedded import Gateway, content, quote
from grid import HANG

HERE = Path(__file__).resolve().parent
SEGMENT = 1 << 20


@pytest.fixture
def start(barge, tmp_path):
    """Starts gateways on tmp_path/node, all stopped at the end."""
    started = []

    def start_one(*faults, **options):
        started.append(Gateway(barge, tmp_path / "node", *faults, **options))
        return started[-1]
    yield start_one
    for gateway in started:
        gateway.stop()


def expected_caps(directory, tmp_path, contents):
    """CHK caps as the Tahoe-LAFS package makes them."""
    secret = base32.a2b((directory / "private/convergence").read_bytes().strip())
    cases = []
    for number, data in enumerate(contents):
        (tmp_path / f"case{number}").write_bytes(data)
        cases.append({"path": str(tmp_path / f"case{number}"), "k": 1, "n": 1, "segment": SEGMENT,
                      "secret": secret.hex()})
    out = subprocess.run([sys.executable, HERE / "oracle_encode.py"], input=json.dumps(cases),
                         stdout=subprocess.PIPE, text=True, check=True).stdout
    return [answer["cap"] for answer in json.loads(out)]


# --- the node directory --------------------------------------------------------------------

def test_directory_is_a_node_directory(start):
    gateway = start()
    node = gateway.directory
    assert (node / "node.url").read_text() == gateway.url + "\n"
    for option in ("needed", "happy", "total"):
        assert f"shares.{option} = 1\n" in (node / "tahoe.cfg").read_text()
    assert stat.S_IMODE((node / "private").stat().st_mode) == 0o700
    secret = (node / "private/convergence").read_bytes()
    assert len(secret) == 53 and secret.endswith(b"\n") and len(base32.a2b(secret[:-1])) == 32
    assert gateway.json("/")["servers"][0]["connection_status"].startswith("connected")
    assert gateway.json(f"/uri/{gateway.root()}")[1]["children"] == {}


def test_restart_keeps_port_secret_aliases_and_contents(start):
    gateway = start()
    kept = {name: (gateway.directory / name).read_bytes()
            for name in ("node.url", "private/convergence", "private/aliases")}
    data = content(3 * SEGMENT)
    cap = gateway.put(data)
    gateway.post(f"/uri/{gateway.root()}?t=set_children", {"x": ["filenode", {"ro_uri": cap}]})
    gateway.stop()
    gateway = start()
    for name, before in kept.items():
        assert (gateway.directory / name).read_bytes() == before
    assert gateway.ok("GET", f"/uri/{gateway.root()}/x?t=uri") == cap
    assert gateway.get(cap).body == data


def test_one_gateway_a_directory(barge, start):
    gateway = start()
    second = subprocess.run([barge, "gateway", gateway.directory], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, timeout=HANG)
    assert second.returncode != 0 and second.stdout == b""
    assert gateway.ok("GET", "/?t=json")


def test_a_real_node_is_left_alone(barge, tmp_path):
    (tmp_path / "tahoe.cfg").write_text("[node]\nnickname = real\n")
    tried = subprocess.run([barge, "gateway", tmp_path], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, timeout=HANG)
    assert tried.returncode != 0
    assert [p.name for p in tmp_path.iterdir()] == ["tahoe.cfg"]


# --- caps ----------------------------------------------------------------------------------

def test_file_caps_are_tahoes(start, tmp_path):
    gateway = start()
    contents = [content(size) for size in (56, 4096, SEGMENT - 1, SEGMENT, SEGMENT + 1,
                                           5 * SEGMENT + 7)]
    caps = [gateway.put(data) for data in contents]
    assert caps == expected_caps(gateway.directory, tmp_path, contents)
    for cap, data in zip(caps, contents):
        assert gateway.get(cap).body == data
        assert gateway.put(data) == cap
    for size in (0, 1, 55):
        data = content(size)
        assert gateway.put(data) == uri.LiteralFileURI(data).to_string().decode()
        assert gateway.get(gateway.put(data)).body == data


def test_immutable_directory_caps_are_tahoes(start, tmp_path):
    gateway = start()
    cap = gateway.put(content(300))
    bodies = [b"{}", b"", json.dumps({"a": ["filenode", {"ro_uri": "URI:LIT:me"}]}).encode()]
    metadata = ['{"mtime": 1.50, "ctime": 2, "st_mode": 33188}', '{"a": [1e3, -0, 1e-7, 1e22]}',
                '{"\\u00e9": "\\u007f\\ud83d\\ude00/\\n", "no": null, "b": {"z": 1, "a": true}}',
                '{"mtime": 1795308148.6211188, "ctime": 123456789.12345678}']
    names = ["a", "e\u0301", "\u00e9t", "b c", "\U0001f600", "z"]
    for count in (1, 4, 6, 200):
        children = ",".join(
            f'"{names[i % 6]}{i}": ["filenode", {{"ro_uri": "{cap}", "metadata": '
            f"{metadata[i % 4]}}}]" for i in reversed(range(count)))
        bodies.append(("{" + children + "}").encode())
    maker = nodemaker.NodeMaker(*[None] * 9)
    packed = [dirnode.pack_children(convert_children_json(maker, body or b"{}"), None,
                                    deep_immutable=True) for body in bodies]
    expected = [uri.LiteralDirectoryURI(uri.LiteralFileURI(p)) for p in packed[:3]]
    expected += [uri.ImmutableDirectoryURI(uri.from_string(c.encode()))
                 for c in expected_caps(gateway.directory, tmp_path, packed[3:])]
    for body, wanted in zip(bodies, expected):
        made = gateway.ok("POST", "/uri?t=mkdir-immutable", body)
        assert made == wanted.to_string().decode()
        listed = gateway.json(f"/uri/{made}")[1]
        assert not listed["mutable"] and "rw_uri" not in listed
        assert len(listed["children"]) == len(json.loads(body or b"{}"))


def test_mutable_directory_follows_from_its_key(start):
    gateway = start()
    private, public = rsa.create_signing_keypair(2048)
    writekey, _, fingerprint = derive_mutable_keys((public, private))
    expected = uri.DirectoryURI(uri.WriteableSSKFileURI(writekey, fingerprint))
    key = base64.urlsafe_b64encode(rsa.der_string_from_signing_key(private)).decode()
    path = f"/uri?t=mkdir-with-children&private-key={quote(key)}"
    made = gateway.post(path, {"a": ["filenode", {"ro_uri": "URI:LIT:me"}]})
    assert made == expected.to_string().decode()
    for _ in range(2):
        again = gateway.ask("POST", path, b'{"b": ["filenode", {"ro_uri": "URI:LIT:mi"}]}')
        assert again.status == 500
        assert again.last_line.startswith("allmydata.mutable.common.UncoordinatedWriteError: ")
        [kind, listed] = gateway.json(f"/uri/{made}")
        assert kind == "dirnode" and list(listed["children"]) == ["a"]
        assert listed["children"]["a"][1]["metadata"] == {}
        gateway.kill()
        gateway = start()
    readonly = expected.get_readonly().to_string().decode()
    assert listed["ro_uri"] == readonly
    assert listed["verify_uri"] == expected.get_verify_cap().to_string().decode()
    assert "rw_uri" not in gateway.json(f"/uri/{readonly}")[1]
    assert gateway.ask("POST", f"/uri/{readonly}?t=set_children", b"{}").status == 500
    assert gateway.counts()["stored"]["directories"] == 2  # and that of the alias
    log = (gateway.directory / "shares.log").read_bytes()
    assert writekey not in log and made.encode() not in log


# --- directories over HTTP -----------------------------------------------------------------

def test_linking_and_its_conflicts(start):
    gateway = start()
    root, cap = gateway.root(), gateway.put(content(100))
    sub = gateway.ok("POST", "/uri?t=mkdir")
    gateway.post(f"/uri/{root}?t=set_children", {"sub": ["dirnode", {"rw_uri": sub}],
                                                 "f": ["filenode", {"ro_uri": "URI:LIT:me"}]})
    both = json.dumps({n: ["filenode", {"ro_uri": cap}] for n in ("f", "new")})
    over = json.dumps({n: ["filenode", {"ro_uri": cap}] for n in ("sub", "new")})
    for rule, body in (("false", both), ("only-files", over)):
        assert gateway.ask("POST", f"/uri/{root}?t=set_children&replace={rule}",
                           body).status == 409
        assert sorted(gateway.json(f"/uri/{root}")[1]["children"]) == ["f", "sub"]
    assert gateway.ok("POST", f"/uri/{root}?t=set_children&replace=only-files",
                      both) == "Okay so I did it."
    listed = gateway.json(f"/uri/{root}")[1]["children"]
    assert listed["f"][1]["ro_uri"] == listed["new"][1]["ro_uri"] == cap
    assert listed["f"][1]["size"] == 100
    times = listed["f"][1]["metadata"]["tahoe"]
    assert abs(times["linkmotime"] - time.time()) < HANG and times["linkcrtime"] < times["linkmotime"]
    assert listed["sub"][1]["rw_uri"] == sub and listed["sub"][0] == "dirnode"
    name = quote("h\u00e9 /%\n..")
    assert gateway.ok("PUT", f"/uri/{root}/sub/{name}?t=uri", cap + "\n") == cap
    assert gateway.ask("PUT", f"/uri/{root}/sub/{name}?t=uri&replace=false", cap).status == 409
    assert gateway.ok("GET", f"/uri/{root}/sub/{name}?t=uri") == cap
    assert list(gateway.json(f"/uri/{sub}")[1]["children"]) == ["h\u00e9 /%\n.."]
    assert gateway.ok("DELETE", f"/uri/{root}/sub/{name}") == cap
    assert gateway.ask("DELETE", f"/uri/{root}/sub/{name}").status == 404
    assert gateway.ok("PUT", f"/uri/{root}/up", content(200), status=201)
    assert gateway.ok("PUT", f"/uri/{root}/up", content(201), status=200)
    assert gateway.get(f"{root}/up").body == content(201)


@pytest.mark.parametrize("method,path,body,status", [
    ("GET", "/uri/{root}/nope", None, 404),
    ("GET", "/uri/{root}/f/x", None, 400),
    ("GET", "/uri/{root}/f/", None, 400),
    ("GET", "/uri/{root}//f", None, 400),
    ("GET", "/uri/{root}/f?t=nonsense", None, 400),
    ("GET", "/uri/{root}/f?t=%zz", None, 400),
    ("GET", "/uri/garbage", None, 400),
    ("GET", "/uri/URI:CHK:{a26}:{a52}:1:1:100", None, 410),
    ("GET", "/uri/URI:DIR2-RO:{a26}:{a52}?t=json", None, 410),
    ("GET", "/nothing", None, 404),
    ("PUT", "/uri?format=SDMF", b"x", 400),
    ("PUT", "/uri/{root}", b"x", 400),
    ("PUT", "/uri/{root}/no/f", b"x", 404),
    ("PUT", "/uri/{root}/x?t=uri", b"not-a-cap", 400),
    ("PUT", "/uri/{root}/x?t=uri&replace=maybe", b"URI:LIT:me", 400),
    ("POST", "/uri?t=nonsense", b"", 400),
    ("POST", "/uri?t=mkdir", b"{}", 400),
    ("POST", "/uri?t=mkdir-immutable", b'{"a": ["dirnode", {"rw_uri": "{root}"}]}', 400),
    ("POST", "/uri?t=mkdir-with-children", b"{", 500),
    ("POST", "/uri/{root}?t=set_children", b"", 500),
    ("POST", "/uri/{root}?t=set_children", b'{"\\ud800": ["filenode", {}]}', 500),
    ("POST", "/uri/URI:DIR2-LIT:?t=set_children", b"{}", 500),
    ("POST", "/uri/x-future?t=check&output=JSON", b"", 405),
    ("PATCH", "/uri/{root}", b"", 501),
])
def test_errors_have_tahoes_status(start, method, path, body, status):
    gateway = start()
    root = gateway.root()
    gateway.ok("PUT", f"/uri/{root}/f?t=uri", "URI:LIT:me")
    path = path.format(root=root, a26="a" * 26, a52="a" * 52)
    reply = gateway.ask(method, path, body and body.replace(b"{root}", root.encode()))
    assert reply.status == status, reply.text
    assert reply.headers["Content-Type"].startswith("text/plain")
    assert root not in reply.text


def test_other_cap_kinds_and_questions(start):
    gateway = start()
    cap = gateway.put(content(100))
    assert gateway.json("/uri/x-future") == ["unknown", {}]
    [kind, file] = gateway.json(f"/uri/{cap}")
    assert kind == "filenode" and file["size"] == 100 and file["format"] == "CHK"
    assert "metadata" not in file and file["verify_uri"].startswith("URI:CHK-Verifier:")
    made = gateway.post("/uri?t=mkdir-with-children", {"u": ["x", {"ro_uri": "x-future"}]})
    assert gateway.json(f"/uri/{made}")[1]["children"]["u"] == [
        "unknown", {"ro_uri": "ro.x-future", "metadata": {}}]
    assert gateway.get(quote(cap)).body == content(100)
    assert gateway.ok("GET", f"/uri/{made}?t=readonly-uri").startswith("URI:DIR2-RO:")
    html = gateway.ask("GET", "/uri/garbage", Accept="*/*")
    assert html.status == 400 and html.headers["Content-Type"].startswith("text/html")


def test_ranges_and_head(start):
    gateway = start()
    data = content(2 * SEGMENT + 100)
    cap = gateway.put(data)
    for text, part in (("bytes=0-0", data[:1]), (f"bytes={SEGMENT - 5}-{SEGMENT + 4}",
                       data[SEGMENT - 5:SEGMENT + 5]), ("bytes=-7", data[-7:]),
                       (f"bytes={2 * SEGMENT}-", data[2 * SEGMENT:])):
        reply = gateway.ask("GET", f"/uri/{cap}", Range=text)
        assert reply.status == 206 and reply.body == part
        assert reply.headers["Content-Range"].endswith(f"/{len(data)}")
    assert gateway.ask("GET", f"/uri/{cap}", Range="bytes=9-3").body == data
    assert gateway.ask("GET", f"/uri/{cap}", Range=f"bytes={len(data)}-").status == 416
    head = gateway.ask("HEAD", f"/uri/{cap}")
    assert head.headers["Content-Length"] == str(len(data)) and head.body == b""
    absent = cap[:8] + ("b" if cap[8] == "a" else "a") + cap[9:]
    assert gateway.ask("HEAD", f"/uri/{absent}").status == 200  # from the cap alone
    assert gateway.get(absent).status == 410


def test_large_and_chunked_bodies(start):
    gateway = start()
    data = content(40 << 20)
    cap = gateway.put(data)
    assert gateway.ok("PUT", "/uri", iter([data[:100], data[100:5 << 20], data[5 << 20:]])) == cap
    assert gateway.get(cap).body == data
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0])
    assert peak < 40 * 1024  # KiB, the size of the body: it is spooled, the reply streamed
    assert sorted(os.listdir(gateway.directory)) == [
        "gateway.lock", "node.url", "private", "shares.log", "tahoe.cfg"]


def test_a_directory_of_20000(start):
    gateway = start()
    children = {f"name {i}": ["filenode", {"ro_uri": "URI:LIT:me", "metadata": {"n": i}}]
                for i in range(20000)}
    for cap in (gateway.post("/uri?t=mkdir-immutable", children),
                gateway.post("/uri?t=mkdir-with-children", children)):
        listed = gateway.json(f"/uri/{cap}")[1]["children"]
        assert {n: c[1]["metadata"]["n"] for n, c in listed.items()} == {
            f"name {i}": i for i in range(20000)}


def raw(gateway, text):
    with socket.create_connection(gateway.address.split(":"), timeout=HANG) as connection:
        connection.sendall(text.encode("latin-1"))
        return connection.makefile("rb").read()


def test_what_tahoe_answers_without_a_status_line(start):
    gateway = start()
    assert raw(gateway, "GET /uri/%FF HTTP/1.1\r\nHost: x\r\n\r\n") == b""
    assert raw(gateway, f"GET /uri/{'a' * 20000} HTTP/1.1\r\nHost: x\r\n\r\n") == b""
    assert gateway.ok("GET", "/?t=json")


def test_counts(start):
    gateway = start()
    cap = gateway.put(content(100))
    gateway.get(cap)
    gateway.get(cap)
    gateway.ok("POST", "/uri?t=mkdir")
    gateway.ok("POST", f"/uri/{cap}?t=check&output=JSON")
    counts = gateway.counts()
    assert {k: v for k, v in counts["requests"].items() if v} == {
        "put": 1, "get": 2, "mkdir": 1, "check": 1, "other": 1}
    assert counts["replies"]["2xx"] == 5 and counts["made"] == {"shares": 1, "directories": 1}
    assert counts["bytes"]["in"] == 100
    path = f"/uri/{gateway.root()}"
    gateway.ok("POST", f"{path}?t=set_children", "{}")
    gateway.ok("PUT", f"{path}/x?t=uri", cap)
    gateway.json(path)
    gateway.ok("DELETE", f"{path}/x")
    gateway.ok("POST", "/uri?t=mkdir-immutable", "{}")
    gateway.ask("HEAD", f"/uri/{cap}")
    later = gateway.counts()["requests"]
    assert {k: v - counts["requests"][k] for k, v in later.items()} == {
        "put": 0, "get": 0, "head": 1, "mkdir": 0, "mkdir-immutable": 1, "set_children": 1,
        "link": 1, "unlink": 1, "json": 1, "check": 0, "other": 1}
    under_way = gateway.counts()["under_way"]  # the one that asks, and at most the one before
    assert under_way["now"] in (1, 2) and under_way["most"] >= under_way["now"]
    assert gateway.ask("GET", "/barge/status", Accept="*/*").headers["Content-Type"].startswith(
        "text/html")
    assert gateway.json("/statistics")["counters"]["uploader.files_uploaded"] == 1


# --- a real client -------------------------------------------------------------------------

def tree_of(root):
    return {str(p.relative_to(root)): None if p.is_dir() else p.read_bytes()
            for p in sorted(root.rglob("*"))}


def test_tahoes_own_client(start, tahoe, tmp_path):
    gateway = start()
    source = tmp_path / "source"
    (source / "empty").mkdir(parents=True)
    (source / "d \u00e9/deeper").mkdir(parents=True)
    for name, size in (("a", 0), ("d \u00e9/b c", 55), ("d \u00e9/deeper/c", 56),
                       ("large", SEGMENT + 1)):
        (source / name).write_bytes(content(size))

    def run(*words):
        return subprocess.run([tahoe, "-d", gateway.directory, *words], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=True, timeout=HANG).stdout
    run("cp", "-r", str(source), "tahoe:")
    assert run("ls", "tahoe:source").split("\n")[:4] == ["a", "d \u00e9", "empty", "large"]
    run("cp", "-r", "tahoe:source", str(tmp_path / "back"))
    [made] = (tmp_path / "back").iterdir()
    assert tree_of(made) == tree_of(source)
    run("mkdir", "tahoe:x")
    run("unlink", "tahoe:x")
    assert "Healthy" in run("check", "--raw", "tahoe:source/large")
