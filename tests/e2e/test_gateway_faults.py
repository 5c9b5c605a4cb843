"""The embedded gateway when things go wrong: kills, damage, races, --fault."""
import concurrent.futures
import hashlib
import http.client
import json
import os
import random
import subprocess

import pytest

from embedded import Gateway, content
from grid import FOR_EVER, HANG, wait_for

SEGMENT = 1 << 20
LIE = b"problem during download\n"


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


# --- kill -9, damage, races ----------------------------------------------------------------

def test_survives_kill_at_any_time(start):
    answered = {}
    for round_ in range(4):
        gateway = start(f"put:delay={FOR_EVER}@57+")  # so that some have no answer
        for cap, digest in answered.items():
            assert hashlib.sha256(gateway.get(cap).body).digest() == digest

        def put(number):
            data = content(random.choice((100, 5000, 70000, 3 * SEGMENT)), number)
            try:
                return gateway.put(data), hashlib.sha256(data).digest()
            except (OSError, http.client.HTTPException):
                return None
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            futures = [pool.submit(put, round_ * 100 + i) for i in range(60)]
            replies = concurrent.futures.as_completed(futures)
            for _ in range(15 + 10 * round_):
                next(replies)
            gateway.kill()
            answered.update(f.result() for f in futures if f.result())
    assert 60 <= len(answered) < 240


def damage(gateway, cap, data, offset):
    """Flips a bit of the ciphertext of `cap`'s share, the last one in the log."""
    log = gateway.directory / "shares.log"
    size = log.stat().st_size
    overhead = 16 + int(gateway.share_size) - len(data) - 36
    with open(log, "r+b") as file:
        file.seek(size - overhead - len(data) + offset)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


def put_last(gateway, data):
    before = gateway.counts()["stored"]["log_bytes"]
    cap = gateway.put(data)
    gateway.share_size = gateway.counts()["stored"]["log_bytes"] - before - 64 - 16
    return cap


def check(gateway, cap, verify):
    return json.loads(gateway.ok("POST", f"/uri/{cap}?t=check&output=JSON&verify={verify}"))


def test_a_damaged_share_behaves_as_in_tahoe(start):
    gateway = start()
    data = content(SEGMENT + 24)
    cap = put_last(gateway, data)
    assert check(gateway, cap, "true")["results"]["healthy"]
    damage(gateway, cap, data, SEGMENT + 3)
    reply = gateway.get(cap)  # TAHOE fact 2: a perfect transfer with a wrong tail
    assert reply.status == 200 and reply.body == data[:SEGMENT] + LIE
    assert gateway.ask("GET", f"/uri/{cap}", Range=f"bytes={SEGMENT}-").status == 410
    assert check(gateway, cap, "false")["summary"] == "Healthy"
    result = check(gateway, cap, "true")
    assert not result["results"]["healthy"] and result["results"]["count-corrupt-shares"] == 1
    assert gateway.put(data) == cap
    assert not check(gateway, cap, "true")["results"]["recoverable"]
    data = content(SEGMENT // 2)
    cap = put_last(gateway, data)
    damage(gateway, cap, data, 5)
    assert gateway.get(cap).status == 410
    lit = gateway.put(b"x")
    assert check(gateway, lit, "true") == {"storage-index": "", "results": {"healthy": True}}


def test_equal_bodies_at_once_make_losers(start):
    gateway = start("put:delay=5000@1")
    data = content(5000)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda _: gateway.ask("PUT", "/uri", data), range(4)))
    assert sorted(r.status for r in replies) == [200, 500, 500, 500]
    for reply in replies:
        if reply.status == 500:
            assert reply.last_line.startswith("allmydata.interfaces.UploadUnhappinessError: ")
    assert gateway.put(data) == [r.text for r in replies if r.status == 200][0]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(lambda _: gateway.put(data), range(4)))) == 1


# --- faults --------------------------------------------------------------------------------

def fails(call, *arguments, **options):
    """True when the connection broke instead of a complete reply."""
    try:
        call(*arguments, **options)
    except (OSError, http.client.HTTPException):
        return True
    return False


def test_fault_statuses(start):
    gateway = start("put:500@1", "put:410@2", "put:unhappy@3",
                    "put:500=allmydata.interfaces.NoServersError: none@4")
    data = content(100)
    replies = [gateway.ask("PUT", "/uri", data) for _ in range(5)]
    assert [r.status for r in replies] == [500, 410, 500, 500, 200]
    assert replies[2].last_line.startswith("allmydata.interfaces.UploadUnhappinessError: ")
    assert replies[3].last_line == "allmydata.interfaces.NoServersError: none"
    assert gateway.counts()["faults"]["hits"] == 4


def test_fault_delay_does_not_hold_up_others(start):
    gateway = start("put:delay=5000@1")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(gateway.put, content(100))
        wait_for(lambda: gateway.counts()["requests"]["put"])
        gateway.put(content(200))
        assert not slow.done()
        assert slow.result().startswith("URI:CHK:")


def test_fault_reset_and_lost_reply(start):
    gateway = start("put:reset@1", "put:lost-reply@2", "get:reset@1", "mkdir:lost-reply@1")
    data = content(5000)
    assert fails(gateway.put, data)
    assert gateway.counts()["made"]["shares"] == 0
    assert fails(gateway.put, data)
    assert gateway.counts()["made"]["shares"] == 1
    cap = gateway.put(data)
    assert fails(gateway.get, cap)
    assert gateway.get(cap).body == data
    assert fails(gateway.ok, "POST", "/uri?t=mkdir")
    assert gateway.counts()["made"]["directories"] == 1


def test_fault_stall(start):
    gateway = start("put:stall@1", "get:stall@1")
    data = content(5000)
    assert fails(gateway.ask, "PUT", "/uri", data, timeout=3)
    wait_for(lambda: gateway.counts()["made"]["shares"] == 1)
    cap = gateway.put(data)  # the stalled one is not in the way
    assert fails(gateway.ask, "GET", f"/uri/{cap}", timeout=3)
    wait_for(lambda: gateway.counts()["requests"]["get"] == 1)
    assert gateway.get(cap).body == data
    gateway.stop()  # with both connections still waiting


def test_fault_bodies(start):
    for data in (content(5000), content(3 * SEGMENT)):
        gateway = start("get:truncate@1", "get:wrong-body@2", "get:lie@3", "get:lie=100@4")
        cap = gateway.put(data)
        assert gateway.get(cap).body == data[:len(data) // 2]
        wrong = gateway.get(cap).body
        assert len(wrong) == len(data)
        assert sum(a != b for a, b in zip(wrong, data)) == 1
        assert gateway.get(cap).body == data[:-24] + LIE
        assert fails(gateway.ask, "GET", f"/uri/{cap}", timeout=3)
        wait_for(lambda: gateway.counts()["requests"]["get"] == 4)
        assert gateway.get(cap).body == data
        gateway.stop()


def test_fault_listings(start):
    gateway = start("json:truncate@1", "json:reset@2", "json:wrong-body@3")
    path = f"/uri/{gateway.root()}?t=json"
    cut = gateway.ok("GET", path)
    assert fails(gateway.ask, "GET", path)
    wrong, whole = gateway.ok("GET", path), gateway.ok("GET", path)
    assert whole.startswith(cut) and 0 < len(cut) < len(whole)
    assert len(wrong) == len(whole) and wrong != whole


def test_fault_wrong_cap(start):
    gateway = start("put:wrong-cap@1", "mkdir:wrong-cap@1", "mkdir-immutable:wrong-cap@1")
    data = content(5000)
    wrong, right = gateway.put(data), gateway.put(data)
    assert wrong != right and wrong.startswith("URI:CHK:") and wrong.endswith(":1:1:5000")
    assert gateway.get(wrong).status == 410
    made = gateway.ok("POST", "/uri?t=mkdir")
    assert made.startswith("URI:DIR2:")
    assert gateway.ask("GET", f"/uri/{made}?t=json").status == 410
    assert gateway.ok("POST", "/uri?t=mkdir-immutable", "{}") == "URI:DIR2-LIT:pa"


@pytest.mark.parametrize("spec", ["put", "put:nothing", "pot:500", "put:delay", "put:500@0"])
def test_wrong_fault_specs_are_refused(barge, tmp_path, spec):
    tried = subprocess.run([barge, "gateway", tmp_path / "node", "--fault", spec],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=HANG)
    assert tried.returncode == 2 or tried.returncode == 1
    assert tried.stdout == b"" and not (tmp_path / "node").exists()
