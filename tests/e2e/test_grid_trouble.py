"""Gateways behind proxies that answer in their place, and grids in trouble.

What everything suffers is waited for; what one object suffers alone is its own failure.
"""
import itertools
import threading
import time

import pytest

from grid import HANG, file_caps
from proxy import NO_SHARES, UNHAPPY, Proxy, Reply, page, traceback
from tree import below, content, local_tree, same

NO_SERVERS = traceback("allmydata.interfaces.NoServersError: client gave us zero servers")
NOT_ENOUGH = traceback("allmydata.mutable.common.NotEnoughServersError: ('Ran out of non-bad "
                       "servers, first_error=None', None)")


@pytest.fixture
def proxy(embedded):
    with Proxy(embedded.url) as made:
        yield made


def make_files(path, count=6, size=3000):
    (path / "d").mkdir(parents=True)
    for number in range(count):
        (path / "d" / f"f{number}").write_bytes(content(size, number))
    return path


TROUBLE = "the grid is in trouble"
AWAY = "does not answer"


def for_a_while(barge, proxy, reply, words, wanted=lambda request: True, until=TROUBLE):
    """Runs a command that ends well.  What is `wanted` is answered with `reply` until it has said
    `until`, however long that takes."""
    proxy.answer = lambda request: reply if wanted(request) else None
    process = barge.start(*words, "-u", proxy.url)
    barge.await_said(process, until)
    proxy.answer = None
    run = barge.finish(process)
    assert run.code == 0, run
    return run


def put(request):
    return request.method == "PUT"


def reading(request):
    return request.method == "GET" and request.path.startswith("/uri/")


# --- something else answers ---------------------------------------------------------------

STRANGERS = {
    "ls": page(502), "get": page(503), "put": page(504), "diff": Reply(429, "text/plain", b"slow"),
    "cp": page(200, "Log in"), "fetch": page(404, "Not Found"), "plan": page(403, "Forbidden"),
    "verify": page(408), "resume": page(302, "Found", Location="/login"),
}


def command(name, barge, embedded, tmp_path):
    """The words of one command that works on something small."""
    path = make_files(tmp_path / "s", 3)
    alias, _ = embedded.fresh()
    if name == "cp":
        return ("cp", "-r", path, alias)
    if name == "put":
        return ("put", path / "d/f0", alias + "f")
    if name == "resume":
        barge.ok("plan", path, alias, "-r")
        return ("resume",)
    barge.ok("cp", "-r", path, alias)
    return {"ls": ("ls", alias + "s/d"), "get": ("get", alias + "s/d/f0", tmp_path / "f"),
            "diff": ("diff", path, alias + "s"), "verify": ("verify", barge.job().name),
            "fetch": ("cp", "-r", alias + "s", tmp_path / "back"),
            "plan": ("plan", "-r", alias + "s", tmp_path / "back")}[name]


@pytest.mark.parametrize(("name", "first"), [(name, True) for name in STRANGERS]
                         + [(name, False) for name in ("cp", "plan", "fetch", "put")])
def test_every_command_waits_for_its_gateway(embedded, client, proxy, tmp_path, name, first):
    """From the first request on, or from the first that is about a cap."""
    barge = client(embedded)
    words = command(name, barge, embedded, tmp_path)
    run = for_a_while(barge, proxy, STRANGERS[name], words,
                      lambda request: first or request.path.startswith("/uri"), AWAY)
    assert "not a Tahoe-LAFS" in run.err, run
    if name == "fetch":
        same(local_tree(tmp_path / "back"), below("s", local_tree(tmp_path / "s")))


def test_what_the_gateway_itself_refuses_is_not_waited_for(embedded, client, proxy):
    alias, _ = embedded.fresh()
    run = client(embedded).ok("ls", "-u", proxy.url, alias + "nothing", code=2)
    assert "No such file" in run.err and AWAY not in run.err
    assert len(set(proxy.requests)) == len(proxy.requests), "it was asked again"


def test_a_gateway_that_is_restarted_behind_its_proxy(embedded, client, proxy, tmp_path):
    path = make_files(tmp_path / "s", 40)
    alias, cap = embedded.fresh()
    run = for_a_while(client(embedded), proxy, page(502), ["cp", "-r", "-j2", "--json", path, alias],
                      lambda _: proxy.count("PUT") > 10, AWAY)
    assert "answers again" in run.err and run.summary()["failed"] == 0
    same(embedded.tree(cap), below("s", local_tree(path)))


def test_a_proxy_that_asks_for_time_is_given_it(embedded, client, proxy):
    alias, _ = embedded.fresh()
    count = itertools.count()
    proxy.answer = lambda _: page(503, "Busy", Retry_After=2) if next(count) == 0 else None
    begin = time.monotonic()
    run = client(embedded).ok("ls", "-u", proxy.url, alias)
    assert "it asks to wait 2 s" in run.err and time.monotonic() - begin >= 2
    assert len(proxy.requests) == 3


def test_a_proxy_whose_gateway_stays_away(embedded, client, proxy, tmp_path):
    path = make_files(tmp_path / "s", 40)
    alias, cap = embedded.fresh()
    barge = client(embedded)
    proxy.answer = lambda _: page(502) if proxy.count("PUT") > 10 else None
    run = barge.ok("cp", "-r", "--json", "-u", proxy.url, "--gateway-wait=1", path, alias, code=69)
    assert "barge resume" in run.err and run.summary()["failed"] == 0
    assert embedded.list(cap) == {}
    proxy.answer = None
    barge.ok("resume", "-u", proxy.url)
    same(embedded.tree(cap), below("s", local_tree(path)))


def test_something_that_is_no_gateway_is_told_after_a_while(embedded, client, proxy):
    alias, _ = embedded.fresh()
    proxy.answer = lambda _: page(404, "Not Found")
    run = client(embedded).ok("ls", "-u", proxy.url, alias, code=2)
    assert "not a Tahoe-LAFS gateway" in run.err and proxy.url in run.err
    run = client(embedded).ok("ls", "-u", proxy.url, "--gateway-wait=1", alias, code=69)


# --- the grid is in trouble ---------------------------------------------------------------

@pytest.mark.parametrize("count", [1, 6])
def test_a_grid_that_has_no_room_for_a_while(embedded, client, proxy, tmp_path, count):
    path = make_files(tmp_path / "s", count)
    alias, cap = embedded.fresh()
    run = for_a_while(client(embedded), proxy, UNHAPPY, ["cp", "-r", "--json", path, alias], put)
    assert run.err.count(TROUBLE) == 1 and "the grid is well again" in run.err
    assert "on only 5 server(s) (5 servers are full)" in run.err
    assert run.summary()["failed"] == 0
    assert proxy.count("PUT") < 3 * count + 12  # no storm
    same(embedded.tree(cap), below("s", local_tree(path)))


def test_a_grid_that_has_no_room_for_long(embedded, client, proxy, tmp_path):
    path = make_files(tmp_path / "s")
    alias, cap = embedded.fresh()
    barge = client(embedded)
    proxy.answer = lambda request: UNHAPPY if put(request) else None
    run = barge.ok("cp", "-r", "--json", "-u", proxy.url, "--grid-wait=1", path, alias, code=69)
    assert run.summary()["failed"] == 0 and "barge resume" in run.err
    assert "waited 1 s for the grid" in run.err and embedded.list(cap) == {}
    proxy.answer = None
    barge.ok("resume", "-u", proxy.url)
    same(embedded.tree(cap), below("s", local_tree(path)))


def refused(run):
    """{path: detail} of what has failed."""
    return {name: line["detail"] for name, line in run.entries().items()
            if line["state"] == "failed"}


@pytest.mark.parametrize(("reply", "words"), [
    (UNHAPPY, "servers are full"),
    pytest.param(page(403, "Forbidden"), "status 403", marks=pytest.mark.long)], ids=["grid", "proxy"])
def test_a_file_that_is_refused_while_others_are_taken(embedded, client, proxy, tmp_path, reply,
                                                       words):
    """It fails by name, as others that were begun later went well.  The last file of another job
    that runs meanwhile, too, once it was waited for: something small goes well in its place."""
    path, other = make_files(tmp_path / "s", 8), make_files(tmp_path / "o", 1, 2999)
    (path / "0bad").write_bytes(content(777))  # the first in its listing, and so the first that is sent
    (other / "d/last").write_bytes(content(778))
    alias, cap = embedded.fresh()
    other_alias, other_cap = embedded.fresh()
    was_refused, others = threading.Event(), itertools.count(1)

    def answer(request):
        if request.size == 777:
            was_refused.set()
            return reply
        if request.size == 3000 and next(others) == 1:
            was_refused.wait(HANG)  # what was begun before says nothing; the others begin later
        return UNHAPPY if request.size == 778 else None
    proxy.answer = answer
    barge = client(embedded)
    running = barge.start("cp", "-r", "--json", "-u", proxy.url, "--grid-wait=1", other,
                          other_alias)
    run = client(embedded).ok("cp", "-r", "-j2", "--readers=1", "--json", "-u", proxy.url, path,
                              alias, code=1)
    failed = refused(run)
    assert failed.keys() == {"s/0bad"} and words in failed["s/0bad"]
    assert len(embedded.tree(cap)) == len(below("s", local_tree(path))) - 1
    run = barge.finish(running)
    assert run.code == 1 and refused(run).keys() == {"o/d/last"}
    assert len(embedded.tree(other_cap)) == len(below("o", local_tree(other))) - 1
    assert 1 <= sum(put(one) and one.size == 64 for one in proxy.requests) <= 3


@pytest.mark.parametrize("kind", ["mkdir", "set_children"])
@pytest.mark.parametrize("trouble", [NO_SERVERS, NOT_ENOUGH], ids=["none", "few"])
def test_directories_wait_as_well(embedded, client, proxy, tmp_path, kind, trouble):
    path = make_files(tmp_path / "s", 2)
    alias, cap = embedded.fresh()
    for_a_while(client(embedded), proxy, trouble, ["cp", "-r", path, alias],
                lambda request: kind in request.path)
    same(embedded.tree(cap), below("s", local_tree(path)))


def test_immutable_directories_wait_as_well(embedded, client, proxy, tmp_path):
    path = make_files(tmp_path / "s", 2)
    alias, cap = embedded.fresh()
    for_a_while(client(embedded), proxy, UNHAPPY, ["cp", "-r", "--immutable", path, alias],
                lambda request: "mkdir-immutable" in request.path)
    same(embedded.tree(cap), below("s", local_tree(path)))


def test_what_is_put_waits_and_says_why_it_failed(embedded, client, proxy, tmp_path):
    alias, _ = embedded.fresh()
    barge = client(embedded)
    (tmp_path / "f").write_bytes(content(5000))
    for_a_while(barge, proxy, UNHAPPY, ["put", tmp_path / "f", alias + "f"], put)
    (tmp_path / "f").write_bytes(content(5001))
    proxy.answer = lambda request: UNHAPPY if put(request) else None
    run = barge.ok("put", "-u", proxy.url, "--grid-wait=1", tmp_path / "f", alias + "g", code=69)
    assert "UploadUnhappinessError: shares could be placed or found on only 5 server(s)" in run.err
    assert "5 servers are full" in run.err


def test_a_file_alone_that_is_refused_while_something_small_is_taken(embedded, client, proxy,
                                                                     tmp_path):
    """It is the file's own fault (1), not the grid's (69), for whoever stores one alone."""
    alias, _ = embedded.fresh()
    barge = client(embedded)
    (tmp_path / "f").write_bytes(content(5000))
    node = f"--node-directory={embedded.directory}"
    put_f = "put", tmp_path / "f", alias + "f"
    keep = "key", "store", "URL--f", tmp_path / "f", node, "--root", alias
    for command, reply, words in ((put_f, UNHAPPY, "servers are full"),
                                  (keep, traceback("some.Error: odd"), "status 500"),
                                  (put_f, Reply(413, "text/plain", b"long"), "status 413")):
        proxy.answer = lambda request, reply=reply: reply if request.size == 5000 else None
        run = barge.ok(*command, "-u", proxy.url, "--grid-wait=1", code=1)
        assert words in run.err, run
    assert barge.ok("ls", alias).out == ""


def stored(embedded, client, tmp_path, count=6):
    """A tree on the grid: (client, its alias, the caps of its files)."""
    path = make_files(tmp_path / "s", count)
    alias, cap = embedded.fresh()
    barge = client(embedded)
    barge.ok("cp", "-r", path, alias)
    return barge, alias, file_caps(embedded.url, cap)


def key_of(cap):
    return cap.split(":")[2]


def test_a_grid_that_cannot_be_read_for_a_while(embedded, client, proxy, tmp_path):
    barge, alias, _ = stored(embedded, client, tmp_path)
    run = for_a_while(barge, proxy, NO_SHARES, ["cp", "-r", alias + "s", tmp_path / "back"], reading)
    assert "the grid is in trouble: status 410" in run.err and "well again" in run.err
    same(local_tree(tmp_path / "back"), below("s", local_tree(tmp_path / "s")))
    for_a_while(barge, proxy, NO_SHARES, ["cp", "-r", "--json", alias + "s", tmp_path / "again"],
                lambda request: reading(request) and "json" not in request.path)
    same(local_tree(tmp_path / "again"), below("s", local_tree(tmp_path / "s")))


def test_a_grid_that_cannot_be_read_for_long(embedded, client, proxy, tmp_path):
    barge, alias, _ = stored(embedded, client, tmp_path)
    wanted = {"broken": False}

    def answer(request):
        wanted["broken"] |= reading(request) and "json" not in request.path
        return NO_SHARES if wanted["broken"] and reading(request) else None
    proxy.answer = answer
    run = barge.ok("cp", "-r", "--json", "-u", proxy.url, "--grid-wait=1", alias + "s",
                   tmp_path / "back", code=69)
    assert run.summary()["failed"] == 0 and "barge resume" in run.err
    proxy.answer = None
    barge.ok("resume", "-u", proxy.url)
    same(local_tree(tmp_path / "back"), below("s", local_tree(tmp_path / "s")))


def test_one_lost_file_is_no_trouble_of_the_grid(embedded, client, proxy, tmp_path):
    """Not even when nothing else is left to be read: what could be read is looked at again."""
    barge, alias, caps = stored(embedded, client, tmp_path)
    lost = key_of(caps["s/d/f3"])
    proxy.answer = lambda request: NO_SHARES if lost in request.path else None
    job = barge.job().name
    run = barge.ok("cp", "-r", "--json", "-u", proxy.url, alias + "s", tmp_path / "back", code=1)
    assert run.summary()["failed"] == 1 and run.entries()["s/d/f3"]["state"] == "failed"
    run = barge.ok("verify", "-u", proxy.url, "--json", job, code=1)
    assert [name for name, line in run.entries().items() if line["state"] == "failed"] == ["s/d/f3"]


def test_one_lost_directory_is_no_trouble_of_the_grid(embedded, client, proxy, tmp_path):
    make_files(tmp_path / "s/one", 1)
    make_files(tmp_path / "s/two", 1)
    alias, cap = embedded.fresh()
    barge = client(embedded)
    barge.ok("cp", "-r", tmp_path / "s", alias)
    directory = embedded.list(embedded.list(cap)["s"][1]["rw_uri"])["one"][1]
    lost = [key_of(directory[kind]) for kind in ("rw_uri", "ro_uri")]
    proxy.answer = lambda request: NO_SHARES if any(key in request.path for key in lost) else None
    run = barge.ok("cp", "-r", "--json", "-u", proxy.url, alias + "s", tmp_path / "back", code=1)
    assert run.entries()["s/one"]["state"] == "failed", run.entries()
    assert (tmp_path / "back/s/two/d/f0").read_bytes() == content(3000, 0)


def test_one_file_alone_waits(embedded, client, proxy, tmp_path):
    """There is nothing to compare with: it may be the grid."""
    barge, _, caps = stored(embedded, client, tmp_path, 1)
    cap = caps["s/d/f0"]
    proxy.answer = lambda request: NO_SHARES if reading(request) else None
    run = barge.ok("get", "-u", proxy.url, "--grid-wait=1", cap, tmp_path / "f", code=69)
    assert "waited 1 s for the grid" in run.err
    for_a_while(barge, proxy, NO_SHARES, ["get", cap, tmp_path / "f"], reading)
    assert (tmp_path / "f").read_bytes() == content(3000, 0)


def test_verify_waits_for_the_grid(embedded, client, proxy, tmp_path):
    barge, _, _ = stored(embedded, client, tmp_path)
    job = barge.job().name
    for_a_while(barge, proxy, NO_SHARES, ["verify", job], reading)
    gone = (b'{"storage-index": "a", "summary": "", "results": {"healthy": false, "recoverable": '
            b'false, "count-shares-good": 0, "count-shares-expected": 1}}')
    for_a_while(barge, proxy, Reply(200, "text/plain", gone), ["verify", "--verify=check", job],
                lambda one: "t=check" in one.path)


@pytest.mark.parametrize("options", [(), ("--no-direct",)], ids=["direct", "gateway"])
def test_real_storage_that_takes_no_shares_for_a_while(real_grid, client, tmp_path, options):
    path = make_files(tmp_path / "s", 4)
    for number in range(4):
        (path / "d" / f"f{number}").write_bytes(content(3000 + len(options), 900 + number))
    alias, cap = real_grid.fresh()
    incoming = real_grid.directory / "storage/shares/incoming"
    aside = incoming.with_name("aside")
    incoming.rename(aside)
    incoming.write_bytes(b"")  # nothing can be made in it
    barge = client(real_grid)
    process = barge.start("cp", "-r", "--json", "--immutable", *options, path, alias)
    try:
        barge.await_said(process, TROUBLE)
    finally:
        incoming.unlink()
        aside.rename(incoming)
    run = barge.finish(process)
    assert run.code == 0 and run.summary()["failed"] == 0, run
    assert "UploadUnhappinessError" in run.err
    same(real_grid.tree(cap), below("s", local_tree(path)))
