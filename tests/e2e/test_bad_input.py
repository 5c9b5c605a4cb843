"""Bad input: a clear message that names the thing, the exit status, and nothing done."""
import http.server
import os
import resource
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from grid import FOR_EVER, wait_for
from tree import below, content, local_tree, same


@pytest.fixture
def files(tmp_path):
    path = tmp_path / "s"
    (path / "d").mkdir(parents=True)
    (path / "a").write_bytes(content(3000))
    (path / "d/b").write_bytes(content(400))
    return path


def refused(barge, grid, words, code, *message):
    """Runs a command that must fail, say all of `message`, and do nothing."""
    asked = grid.requests("put") + grid.requests("mkdir") + grid.requests("set_children")
    run = barge.ok(*words, code=code)
    for part in message:
        assert part in run.err, run
    assert run.out == "" and not barge.jobs()
    assert run.err.startswith("barge: ") and "fault" not in run.err
    assert grid.requests("put") + grid.requests("mkdir") + grid.requests("set_children") == asked
    return run


# --- words --------------------------------------------------------------------------------

def test_sources_that_cannot_be(embedded, client, files):
    alias, _ = embedded.fresh()
    barge = client(embedded)
    os.mkfifo(files / "fifo")
    (files / "nowhere").symlink_to("no such file")
    for words, message in [
            (("cp", files / "missing", alias), ("No such file or directory", "missing")),
            (("cp", files / "a/b", alias), ("No such file or directory", "a/b")),
            (("cp", files / "nowhere", alias), ("No such file or directory", "nowhere")),
            (("cp", files, alias), ("cannot copy directories without --recursive",)),
            (("cp", f"{files}/a/", alias), ("ends with a slash",)),
            (("cp", files / "fifo", alias), ("neither a file nor a directory", "fifo")),
            (("cp", "-r", files / "a", files / "missing", alias), ("missing",)),
            (("cp", "-r", files / "d/b", files / "d", f"{files}/d/../d/b", alias),
             ("cannot copy multiple files with the same name",)),
            (("cp", "-r", files / "d", files / "a", files / "d", alias), ("same name", "'d/b'")),
            (("cp", "", alias), ("empty",)),
            (("plan", files, alias), ("without --recursive",))]:
        refused(barge, embedded, words, 2, *message)


def test_targets_that_cannot_be(embedded, client, files):
    cap = embedded.mkdir({"file": embedded.put(b"1"), "dir": embedded.mkdir()})
    alias, _ = embedded.fresh({"file": embedded.put(b"1"), "dir": embedded.mkdir()})
    read_only = embedded.child(embedded.fresh({"x": cap})[1], "x")[1]["ro_uri"]
    embedded.add_alias("readonly", read_only)
    embedded.add_alias("verifier", cap.replace("URI:DIR2:", "URI:DIR2-Verifier:"))
    embedded.add_alias("afile", embedded.put(content(99)))
    embedded.add_alias("broken", "URI:DIR2:not-a-cap")
    embedded.add_alias("cut", cap[:-1])
    barge = client(embedded)
    source = files / "a"
    for words, message in [
            ((source, "unknown:"), ("nknown alias", "unknown", "create-alias")),
            ((source, "readonly:x"), ("read-only", "readonly:x", "write cap")),
            ((source, "verifier:x"), ("verifier:x",)),
            ((source, "afile:"), ("afile", "directory cap")),
            ((source, "broken:"), ("broken",)),
            ((source, "cut:"), ("cut",)),
            ((source, "URI:DIR2:abc:def/x"), ("malformed cap",)),
            ((source, f"{alias}file/"), ("Error examining target", f"'{alias}file/'")),
            ((source, f"{alias}new/"), ("target is not a directory, but ends with a slash",)),
            ((source, f"{alias}file/below"), ("file",)),
            (("-r", files, f"{alias}file"), ("cannot copy directory into a file",)),
            (("-r", source, files, f"{alias}file"), ("target be a directory",)),
            ((source, source), ("are the same file",)),
            ((source, f"{source}2/"), ("target is not a directory, but ends with a slash",)),
            (("-r", files, files / "d/new"), ("target is inside the source",)),
            ((f"{alias}dir", f"{alias}other"), ("without --recursive",)),
            ((f"{alias}none", f"{alias}other"), ("No such file or directory",)),
            (("-r", f"{alias}dir", f"{alias}dir/new"), ("target is inside the source",))]:
        refused(barge, embedded, ("cp", *words), 2, *message)


def test_names_that_cannot_be(embedded, client, files):
    """Those that no grid can have, and those that no tree that is fetched can have."""
    alias, _ = embedded.fresh({"dir": embedded.mkdir()})
    barge, bad = client(embedded), os.fsdecode(b"\xff")
    for words in [("cp", files / "a", f"{alias}x{bad}"), ("cp", f"{alias}x{bad}/y", files),
                  ("cp", "-r", files, f"{alias}dir/{bad}/y"), ("backup", files, f"{alias}x{bad}"),
                  ("put", files / "a", f"{alias}{bad}"), ("ls", f"{alias}{bad}")]:
        refused(barge, embedded, words, 2, "\\xff", "is not UTF-8, as names on a grid are")
    for name in [".", ".."]:
        for words in [("cp", "-r", files, f"{alias}dir/{name}/y"),
                      ("backup", files, f"{alias}new/{name}"),
                      ("backup", files, f"{alias}{name}/new"),
                      ("put", files / "a", f"{alias}dir/{name}")]:
            refused(barge, embedded, words, 2, f'"{name}" cannot be a name')


def test_options_that_cannot_be(embedded, client, files):
    alias, _ = embedded.fresh()
    barge = client(embedded)
    for words, message in [
            (("--no-such-option",), ("no-such-option",)), (("-j", "0"), ("-j", "1024")),
            (("-j", "many"), ("-j", "number")), (("--memory=1",), ("memory",)),
            (("--verify=twice",), ("--verify", "cap, count, check and read")),
            (("--symlinks=eat",), ("--symlinks", "skip|follow|fail")),
            (("--gateway-wait=soon",), ("--gateway-wait",)), (("--output=x",), ("output",))]:
        refused(barge, embedded, ("cp", "-r", *words, files, alias), 2, *message)
    for words in (("cp",), ("cp", files), ("frobnicate",), ("jobs", "show"), ("resume", "a", "b"),
                  ("run", files / "a", "b"), ("gateway",), ("verify",)):
        refused(barge, embedded, words, 2, "barge")
    refused(barge, embedded, ("resume",), 2, "no job is unfinished")
    refused(barge, embedded, ("resume", "abc"), 2, "there is no job 'abc'")
    refused(barge, embedded, ("run", files / "no plan"), 2, "no plan")
    refused(barge, embedded, ("show", files / "none"), 2, "none")


def test_a_file_that_is_no_plan(embedded, client, files):
    barge = client(embedded)
    refused(barge, embedded, ("run", files / "a"), 5, str(files / "a")[-20:])
    refused(barge, embedded, ("show", files / "a"), 5, "manifest")
    short = files / "short"
    for text in b"", b"x" * 39:
        short.write_bytes(text)
        refused(barge, embedded, ("show", short), 5, "too short for a manifest file of barge")


# --- gateways -----------------------------------------------------------------------------

class NotTahoe(http.server.BaseHTTPRequestHandler):
    status, body = 200, b""

    def do_GET(self):
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    do_PUT = do_POST = do_GET

    def log_message(self, *_):
        pass


def answered(embedded, barge, files, alias, status, body):
    handler = type("Handler", (NotTahoe,), {"status": status, "body": body})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/"
        run = refused(barge, embedded, ("cp", "-r", "-u", url, files, alias), 2, url)
        assert "Tahoe" in run.err or f"status {status}" in run.err
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_urls_that_are_not_tahoe(embedded, client, files):
    """Side by side, as some are asked again for ten seconds before they are believed."""
    answers = [(200, b"<!DOCTYPE html><title>It works!</title>"), (404, b"not found"), (200, b"{}"),
               (200, b"[1, 2]"), (302, b""), (200, b""), (403, b"go away")]
    asked = [(client(embedded), embedded.fresh()[0]) for _ in answers]
    with ThreadPoolExecutor(len(answers)) as pool:
        running = [pool.submit(answered, embedded, barge, files, alias, *answer)
                   for (barge, alias), answer in zip(asked, answers)]
    for one in running:
        one.result()


@pytest.mark.parametrize(("url", "code", "message"), [
    ("http://192.0.2.1:3456/", 77, "192.0.2.1"), ("http://example.invalid/", 77, "example.invalid"),
    ("http://127.0.0.1@example.invalid/", 2, "user name"), ("ftp://127.0.0.1/", 2, "http"),
    ("nonsense:/", 2, "http://HOST:PORT/"), ("http://127.0.0.1:1/", 69, "127.0.0.1:1")])
def test_urls_that_are_refused(embedded, client, files, url, code, message):
    alias, _ = embedded.fresh()
    refused(client(embedded), embedded, ("cp", "-r", "-u", url, files, alias), code, message)


@pytest.mark.parametrize("words", [
    ("ls", "-u", "URL", "-u", "URL"), ("ls", "--gateway=URL"), ("cp", "-u", "URL", "FILE", "HERE"),
    ("ls", "--gatway=URL"), ("URL",), ("help", "URL"), ("ls", "URL"), ("get", "URL", "x"),
    ("cp", "-r", "FILE", "URL"), ("cp", "-r", "URL", "HERE"), ("put", "FILE", "URL"),
    ("diff", "FILE", "URL"), ("ls", "--cap-file=URL"), ("ls", "-d", "URL"), ("verify", "URL"),
    ("resume", "URL"), ("ls", "--allow-plaintext=URL", "--progress=URL"), ("gateway", "URL/x"),
    ("get", "--convergence-file=URL", "tahoe:x", "x"), ("jobs", "show", "URL")],
    ids=lambda words: " ".join(words))
def test_a_password_in_a_url_is_never_shown(embedded, client, files, tmp_path, words):
    barge, url = client(embedded), "http://me:s3cret@127.0.0.1:1/" + "x" * 100
    filled = [word.replace("URL", url).replace("FILE", str(files / "a"))
              .replace("HERE", str(tmp_path / "there")) for word in words]
    run = barge.run(*filled, *(["--json"] if words[0] == "ls" else []), cwd=tmp_path)
    assert run.code not in (0, 1) and "s3cret" not in run.err + run.out, run


def test_a_password_in_files_and_variables_is_never_shown(embedded, client, tmp_path):
    barge, url = client(embedded), "http://me:s3cret@127.0.0.1:1/"
    for name, text in (("config", f"gateway = {url}\n"), ("config", f"gateway {url}\n"),
                       ("config", f"{url}\n"), ("node.url", url), ("aliases", f"x: {url}\n"),
                       ("aliases", f"{url}\n"), ("variable", "")):
        node, home = tmp_path / "node", tmp_path / "config-home"
        for path in node / "private", home / "barge":
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(parents=True)
        (node / "node.url").write_text(url if name == "node.url" else embedded.url)
        (node / "private/aliases").write_text(text if name == "aliases" else "")
        environment = {"XDG_CONFIG_HOME": str(home)}
        if name == "config":
            (home / "barge/config").write_text(text)
            (home / "barge/config").chmod(0o600)
        if name == "variable":
            environment["BARGE_GATEWAY"] = url
        run = barge.run("ls", "-d", node, "x:", node=False, env=environment)
        assert run.code == 2 and "s3cret" not in run.err + run.out, (name, run)


def test_proof_by_cap_needs_the_secret(embedded, client, files, tmp_path):
    alias, _ = embedded.fresh()
    node = tmp_path / "node without secret"
    (node / "private").mkdir(parents=True)
    shutil.copy(embedded.directory / "private/aliases", node / "private")
    (node / "node.url").write_text(embedded.url)
    barge = client(embedded)
    run = barge.ok("cp", "-r", "-d", node, "--verify=cap", files, alias, node=False, code=2)
    assert "--convergence-file" in run.err and "--verify=read" in run.err
    run = barge.ok("cp", "-r", "--new", "-d", node, files, alias, node=False)
    assert "verified: read" in run.err
    (tmp_path / "secret").write_text("a" * 52)
    (tmp_path / "secret").chmod(0o600)
    run = barge.ok("cp", "-r", "--new", f"--convergence-file={tmp_path / 'secret'}", files, alias)
    assert "verified: read" in run.err and "not the gateway's" in run.err


# --- permissions --------------------------------------------------------------------------

def test_a_cap_file_others_may_read(embedded, client, files, tmp_path):
    (tmp_path / "cap").write_text(embedded.mkdir())
    (tmp_path / "cap").chmod(0o644)
    refused(client(embedded), embedded,
            ("cp", "-r", f"--cap-file={tmp_path / 'cap'}", files, "cap:"), 77, "cap", "chmod go=")
    (tmp_path / "cap").write_text("not a cap")
    (tmp_path / "cap").chmod(0o600)
    refused(client(embedded), embedded,
            ("cp", "-r", f"--cap-file={tmp_path / 'cap'}", files, "cap:"), 2, "--cap-file")


@pytest.mark.parametrize("what", ["jobs", "job", "outcomes", "keys", "manifest"])
def test_state_that_others_may_read(embedded, client, files, what):
    alias, _ = embedded.fresh()
    barge = client(embedded)
    barge.ok("cp", "-r", files, alias)
    barge.ok("plan", "-r", files, alias)
    job = barge.job() if what in ("manifest", "outcomes") else barge.jobs()[0]
    path = {"jobs": job.parent, "job": job}.get(what, job / what)
    mode = path.stat().st_mode & 0o777
    path.chmod(mode | 0o044)
    for words in (("resume", job.name), ("jobs", "show", job.name)):
        run = barge.ok(*words, code=77)
        assert f"'{path}'" in run.err and "chmod go-rwx" in run.err
    path.chmod(mode)


def test_a_state_directory_others_may_write(embedded, client, files):
    alias, _ = embedded.fresh()
    barge = client(embedded)
    barge.state.mkdir()
    barge.state.chmod(0o777)
    run = barge.ok("cp", "-r", files, alias, code=77)
    assert str(barge.state) in run.err and "chmod go-w" in run.err


def test_what_may_not_be_read_fails_and_the_rest_goes_on(embedded, nobody, public):
    """As a user without rights; when we are root, as nobody."""
    alias, cap = embedded.fresh()
    path, node = public / "s", public / "node"
    (path / "closed").mkdir(parents=True)
    (path / "closed/in it").write_bytes(b"1")
    (path / "unreadable").write_bytes(content(100))
    (path / "large unreadable").write_bytes(content(300_000))
    (path / "readable").write_bytes(content(200))
    for name in "unreadable", "large unreadable", "closed":
        (path / name).chmod(0)
    one, options = nobody(embedded)
    run = one.ok("cp", "-r", "--json", "-d", node, path, alias, node=False, code=1,
                 **options)
    same(embedded.tree(cap), {"s": None, "s/readable": local_tree(path)["readable"]}
         if os.geteuid() == 0 else embedded.tree(cap))
    reasons = {name: line["reason"] for name, line in run.entries().items()
               if line["state"] == "failed"}
    assert reasons == {f"s/{name}": "permission denied"
                       for name in ("unreadable", "large unreadable", "closed")}
    (path / "closed").chmod(0o755)


# --- a full disk --------------------------------------------------------------------------

@pytest.mark.parametrize("size", [100, 4000, 8192, 12000, 20000])
def test_a_full_disk_stops_the_job_and_it_goes_on(gateway, client, tmp_path, size):
    path = tmp_path / "s"
    path.mkdir()
    for number in range(300):
        (path / f"{number}").write_bytes(content(100, number))
    grid = gateway()
    alias, cap = grid.fresh()
    barge = client(grid)

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    run = barge.ok("cp", "-r", "--json", path, alias, code=74, preexec_fn=limit)
    assert "File too large" in run.err or "No space" in run.err, run
    done = {name for name, line in run.entries().items() if line["state"] == "done"}
    assert len(done) < 300 and grid.list(cap) == {}
    run = barge.ok("cp", "-r", "--json", path, alias)
    same(grid.tree(cap), below("s", local_tree(path)))
    assert not done & run.entries().keys()


# --- a job that is running ----------------------------------------------------------------

def test_a_job_that_is_running(gateway, client, files):
    grid = gateway()
    alias, _ = grid.fresh()
    grid.restart([f"put:delay={FOR_EVER}"])
    barge = client(grid)
    process = barge.start("cp", "-r", files, alias)
    wait_for(lambda: grid.requests("put") > 0)
    for words in (("resume", barge.job().name), ("cp", "-r", files, alias),
                  ("jobs", "remove", barge.job().name), ("resume",)):
        run = barge.ok(*words, code=6)
        assert "running already" in run.err and str(process.pid) in run.err
    assert "running" in barge.ok("jobs").out
    process.kill()
    process.communicate()
    grid.kill()
