"""What a gateway says that lies: listings that no directory has, numbers out of every range."""
import json
import resource
import time

import pytest

from lying import LyingGateway, chunk
from tree import content

KIB, MIB = 1 << 10, 1 << 20


@pytest.fixture
def lying(embedded, tmp_path):
    """lying(lie): a gateway in front of the embedded one."""
    started = []

    def start(lie):
        started.append(LyingGateway(embedded, tmp_path / f"liar{len(started)}", lie))
        return started[-1]
    yield start
    for one in started:
        one.stop()


def about(cap, children):
    """Lies about the listing of `cap` alone: `children` are (name, node) as they are written."""
    body = b'["dirnode",{"mutable":true,"rw_uri":"%s","children":{%s}}]' % (
        cap.encode(), b",".join(b"%s:%s" % child for child in children))
    return lambda method, path: (200, {}, body) if cap in path and "t=json" in path else None


def node_of(cap, size=200, said=b'{"mtime":1000.5}'):
    return b'["filenode",{"ro_uri":"%s","size":%d,"metadata":%s}]' % (cap.encode(), size, said)


# --- names --------------------------------------------------------------------------------

def test_names_of_half_pairs_fail_alone(embedded, lying, client, tmp_path):
    alias, cap = embedded.fresh()
    file = node_of(embedded.put(content(200)))
    names = [br'"\ud800"', br'"\ud801"', br'"\udc00x"', br'"good"', br'"\ud83d\ude00"']
    liar = lying(about(cap, [(name, file) for name in names]))
    barge = client(liar)
    shown = barge.ok("ls", alias).out.splitlines()
    assert sorted(shown) == sorted([r"\xed\xa0\x80", r"\xed\xa0\x81", r"\xed\xb0\x80x", "good",
                                    "\U0001f600"])
    told = [json.loads(line)["name"] for line in barge.ok("ls", "--json", alias).out.splitlines()]
    assert len(set(told)) == 5
    run = barge.ok("cp", "-r", alias, tmp_path / "out", "--json", code=1)
    assert run.summary()["failed"] == 3
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"good", "\U0001f600"}


# --- long tokens --------------------------------------------------------------------------

def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("piece", [16, 64 * KIB])
def test_long_strings_cost_what_they_are_long(embedded, lying, client, piece):
    """The unit tests count the work; here that it is a quadratic amount no more: minutes."""
    alias, cap = embedded.fresh()
    size = 2 * MIB if piece == 16 else 32 * MIB
    ends = b'["dirnode",{"rw_uri":"%s","children":{"x":["filenode",{"metadata":{"y":"' % (
        cap.encode()), b'"}}]}}]\n'

    def pieces():
        yield chunk(ends[0])
        together = max(1, 64 * KIB // piece)
        for _ in range(size // piece // together):
            yield chunk(b"a" * piece) * together
        yield chunk(ends[1])
    liar = lying(lambda method, path: (200, {}, pieces()) if cap in path else None)
    before = cpu_seconds()
    run = client(liar).ok("ls", alias)
    assert run.out == "x\n"
    assert "1 entries have more than 64 KiB of metadata" in run.err
    assert cpu_seconds() - before < 30


def test_too_much_metadata_is_left_out_and_counted(embedded, lying, client, tmp_path):
    alias, cap = embedded.fresh()
    file = embedded.put(content(200))
    long = b'{"mtime":1000.5,"note":"%s"}' % (b"z" * 100 * KIB)
    many = b'{%s"mtime":1000.5}' % b"".join(b'"%06d":1,' % i for i in range(20000))
    liar = lying(about(cap, [(b'"long"', node_of(file, said=long)),
                             (b'"many"', node_of(file, said=many)),
                             (b'"short"', node_of(file))]))
    run = client(liar).ok("cp", "-r", alias, tmp_path / "out")
    assert "2 entries of the sources have more than 64 KiB of metadata" in run.err
    times = {path.name: path.stat().st_mtime for path in (tmp_path / "out").iterdir()}
    assert times["short"] == 1000.5
    assert times["long"] > 1e6 and times["many"] > 1e6


def test_names_above_every_limit_stay_apart(embedded, lying, client, tmp_path):
    alias, cap = embedded.fresh()
    file = node_of(embedded.put(content(200)))
    liar = lying(about(cap, [(b'"%s%d"' % (b"n" * 3 * MIB, i), file) for i in range(2)] +
                       [(b'"good"', file)]))
    run = client(liar).ok("cp", "-r", alias, tmp_path / "out", "--json", code=1)
    assert run.summary()["failed"] == 2
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good"]


def test_an_error_without_end_is_ended(embedded, lying, client, tmp_path):
    """One in chunks of a byte too, of which each moved all that was kept."""
    alias, cap = embedded.fresh()
    sent = []

    def pieces(size):
        for _ in range((64 * MIB) // size):
            sent.append(size)
            yield chunk(b"e" * size) * (64 * KIB // size)
    for size in 1, 64 * KIB:
        sent.clear()
        run = client(lying(lambda method, path: (400, {}, pieces(size)) if cap in path else None)
                     ).ok("ls", alias, code=2)
        assert "status 400, and more than 1048576 bytes about it" in run.err
        assert len(sent) < 500


# --- numbers ------------------------------------------------------------------------------

NUMBERS = [b"-1", b"18446744073709551615", b"18446744073709551616", b"1" * 5000, b"1e308",
           b"-1e308", b"1e999999", b"0.1", b"9" * 100 * KIB]


def test_numbers_out_of_range_are_no_numbers(embedded, lying, client, tmp_path):
    alias, cap = embedded.fresh()
    file = embedded.put(content(200))
    children = [(b'"n%d"' % i, b'["filenode",{"ro_uri":"%s","size":%s,"metadata":{"mtime":%s,'
                 b'"ctime":%s,"st_mode":%s,"st_uid":%s,"tahoe":{"linkmotime":%s}}}]'
                 % (file.encode(), *[number] * 6)) for i, number in enumerate(NUMBERS)]
    liar = lying(about(cap, children))
    barge = client(liar)
    run = barge.ok("cp", "-r", alias, tmp_path / "out", "--json")
    assert run.summary()["files"]["done"] == len(NUMBERS)
    for words in ("ls", "-l", alias), ("ls", "--json", alias):
        assert len(barge.ok(*words).out.splitlines()) == len(NUMBERS)


@pytest.mark.parametrize("after", ["-1", "0", "18446744073709551615", "1" * 400, "soon"])
def test_a_wait_of_no_length(embedded, lying, client, tmp_path, after):
    """The first try is refused with a Retry-After that makes no sense."""
    alias, cap = embedded.fresh()
    refused = []

    def lie(method, path):
        if method == "PUT" and not refused:
            refused.append(path)
            return 503, {"Retry-After": after}, b"later"
        return None
    (tmp_path / "f").write_bytes(content(3000))
    client(lying(lie)).ok("cp", tmp_path / "f", alias, timeout=200)
    assert refused


@pytest.mark.parametrize("headers", [
    {"Content-Length": "18446744073709551616"}, {"Content-Length": "-5"},
    {"Content-Length": "9223372036854775807"}, {"Content-Length": "x"}],
    ids=["over", "negative", "huge", "none"])
def test_replies_of_no_length(embedded, lying, client, tmp_path, headers):
    alias, cap = embedded.fresh()
    file = embedded.put(content(3000))
    embedded.link(cap, "f", file)
    honest = []

    def lie(method, path):
        if file not in path or honest:
            return None
        honest.append(path)
        return 200, headers, content(3000)
    client(lying(lie)).ok("cp", "-r", alias, tmp_path / "out", "--timeout-receive=5")
    assert (tmp_path / "out/f").read_bytes() == content(3000)
    assert honest


@pytest.mark.parametrize("told", [
    "bytes 18446744073709551615-18446744073709551616/5", "bytes -5-10/20", "bytes 5-1/0",
    "bytes 99999999999999999999-0/*", "x", "bytes 0-0/" + "9" * 300])
def test_parts_of_nothing(embedded, lying, client, tmp_path, told):
    alias, cap = embedded.fresh()
    data = content(3 * MIB)
    file = embedded.put(data)
    embedded.link(cap, "f", file)
    lied = []

    def lie(method, path):
        if file not in path or lied:
            return None
        lied.append(path)
        return 206, {"Content-Range": told}, data[:MIB]
    client(lying(lie)).ok("cp", "-r", alias, tmp_path / "out", "--range-size=1M")
    assert (tmp_path / "out/f").read_bytes() == data
    assert lied


def test_headers_without_end_fail_the_file_alone(embedded, lying, client, tmp_path):
    alias, cap = embedded.fresh()
    files = {name: embedded.put(content(3000, i)) for i, name in enumerate("abc")}
    for name, file in files.items():
        embedded.link(cap, name, file)
    liar = lying(lambda method, path: (200, {"X": "y" * 70000}, content(3000))
                 if files["b"] in path else None)
    run = client(liar).ok("cp", "-r", alias, tmp_path / "out", code=1)
    assert "'b': refused by the gateway: the headers are longer than 65536 bytes" in run.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a", "c"}


# --- speed --------------------------------------------------------------------------------

def test_a_gateway_that_trickles_is_left_for_another(embedded, lying, client, tmp_path):
    """By one of two; what it was asked for comes from the other, and so does what follows.  At its
    rate a file takes seven minutes."""
    alias, cap = embedded.fresh()
    data = {f"f{i:02}": content(3 * MIB, i) for i in range(16)}
    files = {name: embedded.put(body) for name, body in data.items()}
    for name, file in files.items():
        embedded.link(cap, name, file)

    def lie(method, path):
        for name, file in files.items():
            if file in path and "t=json" not in path:
                return 200, {}, trickle(data[name])
        return None

    def trickle(body):
        for at in range(0, len(body), 700):
            yield chunk(body[at:at + 700])
            time.sleep(0.1)
    liar = lying(lie)
    run = client(embedded).ok("cp", "-r", "-u", embedded.url, "-u", liar.url, alias,
                              tmp_path / "out", "--json", "--timeout-receive=10", "-j4")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == data
    asked = [word for word in liar.asked if any(file in word for file in files.values())]
    assert 1 <= len(asked) <= 4
