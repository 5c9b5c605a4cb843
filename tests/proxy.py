"""A reverse proxy in front of a gateway, which a test has answer in the gateway's place.

    with Proxy(grid.url) as proxy:
        proxy.answer = lambda request: PAGE_502 if request.method == "PUT" else None

`answer` is asked for each request, and gives a Reply, or None: the request goes on to the gateway.
"""
import collections
import http.client
import http.server
import threading
import urllib.parse

from grid import HANG

Request = collections.namedtuple("Request", "method path size")
Reply = collections.namedtuple("Reply", "status type body headers", defaults=({},))


def page(status, words="Bad Gateway", **headers):
    """What a proxy says by itself."""
    body = f"<html><head><title>{status} {words}</title></head></html>"
    return Reply(status, "text/html", body.encode(), {k.replace("_", "-"): v
                                                      for k, v in headers.items()})


def traceback(error):
    """What Tahoe-LAFS says when it fails with `error`, the last line of its traceback."""
    return Reply(500, "text/plain;charset=utf-8",
                 f"Traceback (most recent call last):\n  File \"x.py\"\n{error}\n".encode())


UNHAPPY = traceback("allmydata.interfaces.UploadUnhappinessError: server selection failed for "
                    "<Tahoe2ServerSelector for upload b'abcde'>: shares could be placed or found "
                    "on only 5 server(s). We were asked to place shares on at least 7 server(s) "
                    "(placed 5 shares, sent 10 queries to 10 servers, 5 queries placed some "
                    "shares, 5 placed none (of which 5 placed none due to the server being full "
                    "and 0 placed none due to an error)), merged=sh0: abc")
NO_SHARES = Reply(410, "text/plain;charset=utf-8", b"NotEnoughSharesError: This indicates that "
                  b"some servers were unavailable.\n\nThe full error message is:\nran out of "
                  b"shares")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def go(self):
        proxy = self.server.proxy
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, len(body))
        with proxy.lock:
            proxy.requests.append(request)
        reply = proxy.answer and proxy.answer(request)
        if not reply:
            reply = self.ask(proxy.upstream, body)
        self.send_response(reply.status)
        for name, value in {"Content-Type": reply.type, **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def ask(self, upstream, body):
        dropped = {"host", "connection", "expect"}
        connection = http.client.HTTPConnection(upstream, timeout=HANG)
        try:
            connection.request(self.command, self.path, body, {
                name: value for name, value in self.headers.items() if name.lower() not in dropped})
            reply = connection.getresponse()
            kept = {name: reply.headers[name] for name in ("Content-Range", "ETag")
                    if name in reply.headers}
            return Reply(reply.status, reply.headers["Content-Type"] or "text/plain", reply.read(),
                         kept)
        except (http.client.HTTPException, OSError):
            return page(502)
        finally:
            connection.close()

    do_GET = do_PUT = do_POST = go


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # all that connect at once are kept, however late they are taken in

    def handle_error(self, *_):
        pass  # the client was killed, which is its business


class Proxy:
    def __init__(self, url):
        self.upstream = urllib.parse.urlsplit(url).netloc
        self.answer = None
        self.requests = []
        self.lock = threading.Lock()
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.proxy = self
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))

    def count(self, method, part=""):
        with self.lock:
            return sum(one.method == method and part in one.path for one in self.requests)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
