"""src/tahoe against the Tahoe-LAFS package: caps, keys, shares, directories, bit for bit."""
import base64
import json
import os
import random
import re
import subprocess
import sys
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from oracle_share import share_digest

from allmydata import dirnode, nodemaker, uri
from allmydata.crypto import rsa
from allmydata.mutable.common import derive_mutable_keys
from allmydata.util import base32
from allmydata.web.common import convert_children_json

ROOT = Path(__file__).resolve().parents[2]
SEGMENT = 1 << 20
SECRETS = [b"", b"s", bytes(range(32))]
SIZES = [56, 57, 4096, 131071, 131072, 131073, SEGMENT - 1, SEGMENT, SEGMENT + 1, 3 * SEGMENT,
         3 * SEGMENT + 12345]


class Tool:
    """tests/tools/capstool.c, a question a line."""
    def __init__(self):
        target = "build/release/capstool"
        subprocess.run(["ninja", "--quiet", target], cwd=ROOT, check=True)
        self.process = subprocess.Popen([ROOT / target], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n")

    def close(self):
        self.process.stdin.close()
        assert self.process.wait() == 0


@pytest.fixture(scope="module")
def tool():
    tool = Tool()
    yield tool
    tool.close()


def hexed(data):
    return data.hex() or "-"


def params(case):
    return case["k"], case["n"], case["segment"], case["secret"] or "-"


def make_case(folder, size, k=1, n=1, segment=SEGMENT, secret=SECRETS[2]):
    path = folder / f"{size}"
    if not path.exists():
        path.write_bytes(random.Random(size).randbytes(size))
    return {"path": str(path), "k": k, "n": n, "segment": segment, "secret": secret.hex()}


def encode_all(cases):
    done = subprocess.run([sys.executable, Path(__file__).with_name("oracle_encode.py")],
                          input=json.dumps(cases), stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def test_literal_caps(tool, tmp_path):
    for size in (0, 1, 5, 54, 55):
        case = make_case(tmp_path, size)
        data = Path(case["path"]).read_bytes()
        expected = uri.LiteralFileURI(data).to_string().decode()
        assert tool.ask("cap", *params(case), case["path"]) == expected


def test_caps_and_shares_of_1_of_1(tool, tmp_path):
    cases = [make_case(tmp_path, size) for size in SIZES]
    cases += [make_case(tmp_path, size, secret=secret, segment=segment)
              for size in (56, 131073, SEGMENT + 1) for secret in SECRETS[:2]
              for segment in (4096, 131072)]
    for case, expected in zip(cases, encode_all(cases)):
        check_encoding(tool, tmp_path, case, expected)


def check_encoding(tool, folder, case, expected):
    """Compares key, cap and every share."""
    assert tool.ask("cap", *params(case), case["path"]) == expected["cap"]
    key = tool.ask("key", *params(case), case["path"])
    assert key == expected["key"]
    answer = tool.ask("share", *params(case), case["path"], key, folder / "share")
    assert answer == expected["cap"]
    shares = [share_digest((folder / f"share{i}").read_bytes()) for i in range(case["n"])]
    assert shares == expected["shares"]


def test_caps_and_shares_of_any_k_and_n(tool, tmp_path):
    cases = [make_case(tmp_path, size, k, n, segment, SECRETS[size % 3])
             for k, n in ((3, 10), (1, 3), (2, 2), (7, 20))
             for size in (56, 57, 131072, 131073, SEGMENT + 1, 3 * SEGMENT + 12345)
             for segment in (SEGMENT, 131072)]
    cases += [make_case(tmp_path, size, k, n, segment) for k, n in ((25, 100), (101, 256), (1, 256))
              for size, segment in ((56, SEGMENT), (131073, 131072), (SEGMENT + 1, SEGMENT))]
    for case, expected in zip(cases, encode_all(cases)):
        check_encoding(tool, tmp_path, case, expected)


def random_caps(rng):
    key, fingerprint = rng.randbytes(16), rng.randbytes(32)
    chk = uri.CHKFileURI(key, fingerprint, rng.randint(1, 9), rng.randint(9, 256),
                         rng.choice([56, 2**32, 2**63]))
    lit = uri.LiteralFileURI(rng.randbytes(rng.randint(0, 55)))
    files = [chk, lit, uri.WriteableSSKFileURI(key, fingerprint),
             uri.WriteableMDMFFileURI(key, fingerprint)]
    directories = [uri.ImmutableDirectoryURI(chk), uri.LiteralDirectoryURI(lit),
                   uri.DirectoryURI(files[2]), uri.MDMFDirectoryURI(files[3])]
    caps = files + directories
    caps += [c.get_readonly() for c in (files[2], files[3], directories[2], directories[3])]
    return caps + [v for v in (c.get_verify_cap() for c in caps) if v]


def expected_parse(cap):
    directory = isinstance(cap, uri._DirectoryBaseURI)
    verifier = "Verifier" in type(cap).__name__
    literal = isinstance(cap, (uri.LiteralFileURI, uri.LiteralDirectoryURI))
    mutable = bool(cap.is_mutable()) if not verifier else b"CHK" not in cap.to_string()
    readonly = "-" if verifier else cap.get_readonly().to_string().decode()
    check = cap.get_verify_cap() if not verifier else cap
    index = base32.b2a(check.get_storage_index()).decode() if check else "-"
    flags = ("d" if directory else "f") + ("w" if not verifier and not cap.is_readonly() else "r")
    flags += ("m" if mutable else "i") + ("l" if literal else "-") + ("v" if verifier else "-")
    text = cap.to_string().decode()
    return [text, readonly, check.to_string().decode() if check else "-", index, flags, text]


def test_all_kinds_of_caps(tool):
    rng = random.Random(7)
    kinds = set()
    for _ in range(50):
        for cap in random_caps(rng):
            kind, *rest = tool.ask("parse", cap.to_string().hex()).split(" ")
            assert rest == expected_parse(cap), cap
            kinds.add(int(kind))
    assert kinds == set(range(1, 19))


def read_by_tahoe(text):
    """The cap, or None where Tahoe-LAFS does not know it or would write it otherwise."""
    try:
        known = uri.from_string(text)
    except UnicodeError:
        return None
    return known if known.to_string() == text and not isinstance(known, uri.UnknownURI) else None


def test_damaged_caps_are_unknown_or_refused(tool):
    """What is read is what Tahoe-LAFS reads; what it reads is refused only where no such file can
    be."""
    rng, ends = random.Random(8), Counter()
    for cap in random_caps(rng):
        good = cap.to_string()
        for _ in range(40):
            bad = bytearray(good)
            bad[rng.randrange(len(bad))] = rng.choice(b"abcz27:-.URIaA01 \x00\xff")
            bad = bytes(bad)
            answer, known = tool.ask("parse", bad.hex()), read_by_tahoe(bad)
            if answer.startswith("error"):
                numbers = re.search(rb":(\d+):(\d+):\d+$", bad)
                assert not known or int(numbers[1]) > int(numbers[2]), (bad, answer)
                ends["refused"] += 1
            elif answer.startswith("19 "):
                assert not known, bad
                ends["unknown"] += 1
            else:
                assert known and answer.split(" ")[1] == known.to_string().decode(), bad
                ends["read"] += 1
    assert min(ends[end] for end in ("refused", "unknown", "read")) > 20, ends


NAMES = ["a", "b", "\"quoted\" \\ name", "line\nfeed\ttab", "é", "日本", "\U0001f600", "a/b", "..",
         "", "\x7f", "\x01", "\u2028", "z" * 300, "B", "_", "\ufb01"]


def immutable_children(rng, count):
    children = {}
    for i in range(count):
        name = NAMES[i] if i < len(NAMES) else f"file {i} {rng.random()}"
        cap = rng.choice([c for c in random_caps(rng)[:6] if not c.is_mutable()])
        metadata = [rng.randrange(2**61), rng.randrange(2**61), rng.randrange(2**16),
                    rng.randrange(2**32), rng.randrange(2**32)]
        children[name] = (cap.to_string().decode(), metadata)
    return children


@pytest.mark.parametrize("count", [0, 1, 2, len(NAMES), 300])
def test_immutable_directories(tool, tmp_path, count):
    children = immutable_children(random.Random(count), count)
    words, unsorted = [], []
    for name in sorted(children):
        cap, numbers = children[name]
        metadata = tool.ask("metadata", *numbers)
        words += [hexed(name.encode()), cap, metadata.encode().hex()]
    body_json = bytes.fromhex(tool.ask("children", *words)) if words else b"{}"
    maker = nodemaker.NodeMaker(*[None] * 9)
    packed = dirnode.pack_children(convert_children_json(maker, body_json), None,
                                   deep_immutable=True)
    case = make_case(tmp_path, 0)
    path = tmp_path / "packed"
    path.write_bytes(packed)
    cap, body = tool.ask("dir", *params(case), *words).split(" ")
    assert bytes.fromhex(body if body != "-" else "") == packed
    if len(packed) <= 55:
        inner = uri.LiteralFileURI(packed)
        assert cap == uri.LiteralDirectoryURI(inner).to_string().decode()
    else:
        [expected] = encode_all([dict(case, path=str(path))])
        inner = uri.from_string(expected["cap"].encode())
        assert cap == uri.ImmutableDirectoryURI(inner).to_string().decode()


def test_empty_directory(tool, tmp_path):
    assert tool.ask("dir", *params(make_case(tmp_path, 0))) == "URI:DIR2-LIT: -"


def test_children_for_mutable_directories(tool):
    rng = random.Random(3)
    caps = [c for c in random_caps(rng) if "Verifier" not in type(c).__name__]
    words = []
    for i, cap in enumerate(caps):
        words += [hexed(NAMES[i].encode()), cap.to_string().decode(), "-"]
    sent = json.loads(bytes.fromhex(tool.ask("children", *words)))
    expected = {}
    for i, cap in enumerate(caps):
        node = "dirnode" if isinstance(cap, uri._DirectoryBaseURI) else "filenode"
        slot = "ro_uri" if cap.is_readonly() else "rw_uri"
        expected[NAMES[i]] = [node, {slot: cap.to_string().decode()}]
    assert sent == expected


def test_metadata_is_what_python_prints(tool, tmp_path):
    rng = random.Random(11)
    for _ in range(3000):
        times = [rng.choice([rng.randrange(2 * 10**18), rng.randrange(10**9),
                             rng.randrange(-10**18, 0), rng.randrange(2 * 10**9) * 10**9])
                 for _ in range(2)]
        seconds = [t // 10**9 + 1e-9 * (t % 10**9) for t in times]
        expected = {"ctime": seconds[0], "mtime": seconds[1], "st_mode": 33188, "st_uid": 0,
                    "st_gid": 4294967295}
        text = tool.ask("metadata", *times, 33188, 0, 4294967295)
        assert text == json.dumps(expected)
        assert text == json.dumps(json.loads(text))
    path = tmp_path / "file"
    path.write_bytes(b"")
    for _ in range(300):
        os.utime(path, ns=(0, rng.randrange(2 * 10**18)))
        stat = path.stat()
        text = tool.ask("metadata", stat.st_ctime_ns, stat.st_mtime_ns, 0, 0, 0)
        assert json.loads(text)["mtime"] == stat.st_mtime
        assert json.loads(text)["ctime"] == stat.st_ctime


def test_floats_are_what_python_prints(tool):
    rng = random.Random(12)
    values = [0.0, -0.0, 0.1, 1e15, 1e16, 123456789012345678.0, 1e-4, 1e-5, 0.00012345, 1e22, 5e-324,
              1.7976931348623157e308, 2.0**53, 1 / 3, -2.5, 9999999999999998.0, 100.0, 1e100]
    values += [rng.uniform(0, 2e9) for _ in range(3000)]
    values += [rng.choice((1, -1)) * rng.random() * 10.0**rng.randint(-300, 300)
               for _ in range(3000)]
    for value in values:
        assert tool.ask("float", value.hex()) == repr(value)


def test_keys_of_mutable_directories(tool):
    def expected(der):
        private, public = rsa.create_signing_keypair_from_string(der)
        writekey, _, fingerprint = derive_mutable_keys((public, private))
        assert rsa.der_string_from_signing_key(private) == der
        return uri.DirectoryURI(uri.WriteableSSKFileURI(writekey, fingerprint)).to_string().decode()

    seen = set()
    for _ in range(8):
        cap, text = tool.ask("mutable").split(" ")
        assert cap == expected(base64.urlsafe_b64decode(text))
        assert tool.ask("mutable", text) == f"{cap} {text}"
        assert tool.ask("mutable", text.rstrip("=")) == f"{cap} {text}"
        seen.add(cap)
    assert len(seen) == 8
    private, _ = rsa.create_signing_keypair(2048)
    der = rsa.der_string_from_signing_key(private)
    assert tool.ask("mutable", base64.urlsafe_b64encode(der).decode()).split(" ")[0] == expected(der)
    for bad in (der[:-1], der + b"\0", der[:40] + b"\xff" + der[41:], b""):
        word = base64.urlsafe_b64encode(bad).decode() or "="
        answer = tool.ask("mutable", word)
        assert answer.startswith("error corrupt") or bad[40:41] == b"\xff", answer


def test_names_are_normalized_as_tahoe_does(tool):
    rng = random.Random(13)
    alphabet = ["a", "e", "\u0301", "\u0323", "é", "\u1100", "\u1161", "\u11a8", "\uac00", "\u212b",
                "\ufb01", "\u0344", "\u0f73", "日", "\U0001d15e", "\U0001f600", "\u0958"]
    for _ in range(2000):
        name = "".join(rng.choice(alphabet) for _ in range(rng.randint(0, 8)))
        expected = unicodedata.normalize("NFC", name)
        answer = tool.ask("nfc", hexed(name.encode())).split(" ")
        assert answer == [hexed(expected.encode()), str(int(expected == name))], ascii(name)
    for bad in (b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"a\xe2\x82"):
        assert tool.ask("nfc", bad.hex()).startswith("error usage")
