"""`barge gateway DIR` as the tests start, ask and stop it."""
import http.client
import json
import random
import urllib.parse
from pathlib import Path

from grid import HANG, start_gateway


def content(size, seed=0):
    return random.Random(size * 1000 + seed).randbytes(size)


def quote(name):
    return urllib.parse.quote(name, safe="")


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        self.text = body.decode("utf-8", "replace")
        self.last_line = self.text.rstrip("\n").rpartition("\n")[2]


class Gateway:
    """`barge gateway DIR`, started and stopped."""
    def __init__(self, program, directory, *faults, options=()):
        self.directory = Path(directory)
        words = [word for fault in faults for word in ("--fault", fault)]
        self.process, self.url = start_gateway(program, directory, *options, *words)
        assert self.url.startswith("http://127.0.0.1:")
        self.address = urllib.parse.urlsplit(self.url).netloc

    def ask(self, method, path, body=None, timeout=HANG, **headers):
        connection = http.client.HTTPConnection(self.address, timeout=timeout)
        headers = {"Accept": "text/plain", **{k.replace("_", "-"): v for k, v in headers.items()}}
        try:
            connection.request(method, path, body, headers)
            reply = connection.getresponse()
            return Reply(reply.status, reply.headers, reply.read())
        finally:
            connection.close()

    def ok(self, method, path, body=None, status=200, **headers):
        reply = self.ask(method, path, body, **headers)
        assert reply.status == status, reply.text
        return reply.text

    def put(self, data):
        return self.ok("PUT", "/uri", data)

    def post(self, path, children):
        return self.ok("POST", path, json.dumps(children))

    def get(self, cap):
        return self.ask("GET", f"/uri/{cap}")

    def json(self, path):
        return json.loads(self.ok("GET", f"{path}?t=json"))

    def counts(self):
        return self.json("/barge/status")

    def root(self):
        return (self.directory / "private/aliases").read_text().split()[1]

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        if self.process.returncode is None:
            self.process.terminate()
            assert self.process.wait(HANG) in (0, 3)
            self.process.stdout.close()
