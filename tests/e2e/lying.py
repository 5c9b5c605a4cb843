"""A gateway that is another one's until it is asked for what it lies about."""
import re
import shutil
import signal
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from grid import HANG, Grid, wait_for
from kill_loop import is_stopping


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def answer(self):
        owner = self.server.owner
        owner.asked.append(f"{self.command} {self.path}")
        lie = owner.lie(self.command, self.path)
        if lie is None:
            self.pass_on(owner.grid.url)
        else:
            self.tell(*lie)

    def pass_on(self, url):
        size = int(self.headers.get("Content-Length") or 0)
        kept = {name: self.headers[name] for name in ("Range", "Content-Type", "Accept")
                if name in self.headers}
        request = urllib.request.Request(url.rstrip("/") + self.path, method=self.command,
                                         data=self.rfile.read(size) if size else None,
                                         headers=kept)
        try:
            reply = urllib.request.urlopen(request, timeout=HANG)
        except urllib.error.HTTPError as error:
            reply = error
        with reply:
            body = reply.read()
            names = "Content-Type", "Content-Range"
            self.tell(reply.status, {name: reply.headers[name] for name in names
                                     if name in reply.headers}, body)

    def tell(self, status, headers, body):
        """`body`: bytes, or pieces of a reply that is sent in chunks."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        whole = isinstance(body, bytes)
        if not whole:
            self.send_header("Transfer-Encoding", "chunked")
        elif "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if whole:
            self.wfile.write(body)
            self.close_connection |= "Content-Length" in headers
            return
        for piece in body:
            self.wfile.write(piece)
        self.wfile.write(b"0\r\n\r\n")

    do_GET = do_PUT = do_POST = answer


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # all that connect at once are kept, however late they are taken in
    owner = None

    def handle_error(self, request, client_address):
        """Clients hang up on lies."""


class LyingGateway(Grid):
    """`lie(method, path)` returns None, or (status, headers, body) to be told instead of what the
    gateway of `grid` says; .asked is what it was asked."""
    def __init__(self, grid, directory, lie):
        self.grid, self.directory, self.lie, self.asked = grid, Path(directory), lie, []
        self.listener = Listener(("127.0.0.1", 0), Handler)
        self.listener.owner = self
        self.url = f"http://127.0.0.1:{self.listener.server_address[1]}/"
        (self.directory / "private").mkdir(parents=True)
        for name in "tahoe.cfg", "private/aliases", "private/convergence":
            if (grid.directory / name).exists():
                shutil.copy(grid.directory / name, self.directory / name)
        (self.directory / "node.url").write_text(self.url)
        self.thread = threading.Thread(target=self.listener.serve_forever, args=(0.05,))
        self.thread.start()

    def stop(self):
        self.listener.shutdown()
        self.thread.join()
        self.listener.server_close()


class HoldingGateway(LyingGateway):
    """Passes everything on; but of the requests that `held(method, path)` means only the first
    `count`, until it is told to let the others go.  At the end those are not passed on any more.

        with HoldingGateway(grid, directory, 5, is_put) as holding:
            holding.wait_for_others()
            holding.let_go()
    """
    def __init__(self, grid, directory, count, held):
        self.going, self.left, self.held, self.waiting = threading.Event(), count, held, 0
        self.lock, self.ended = threading.Lock(), False
        super().__init__(grid, directory, self.hold)

    def hold(self, method, path):
        if self.held(method, path):
            with self.lock:
                self.left -= 1
                waits = self.left < 0
                self.waiting += waits
            if waits:
                self.going.wait()
                if self.ended:
                    raise ConnectionAbortedError

    def wait_for_others(self):
        """Sleeps until a request is held."""
        wait_for(lambda: self.waiting > 0)

    def let_go(self):
        self.going.set()

    def interrupt(self, process, err):
        """Sends SIGINT to a command while a request of it is held, lets that go once `err`, a
        LineReader of its stderr, has it that it stops, and waits until it has ended so."""
        self.wait_for_others()
        process.send_signal(signal.SIGINT)
        assert err.wait_for(is_stopping)
        self.let_go()
        assert process.wait(300) == 3, err.lines

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended = True
        self.let_go()
        self.stop()


def is_put(method, _):
    return method == "PUT"


def is_get_of_a_file(method, path):
    return method == "GET" and re.search("URI(:|%3A)CHK", path) and "t=json" not in path


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)
