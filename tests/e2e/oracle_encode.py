"""Encodes files with the Tahoe-LAFS package itself, without a grid: a child of test_oracle.py.

stdin: a JSON list of {path, k, n, segment, secret (hex)}; stdout: a JSON list of {cap, key (hex),
shares (share_digest of each)}.  A process of its own because Twisted's reactor runs once.
"""
import json
import sys

from allmydata.immutable import encode, layout, upload
from allmydata.util import mathutil
from allmydata import hashtree, uri
from twisted.internet import defer, task

from oracle_share import share_digest


class Server:
    def get_serverid(self):
        return b"one"

    def get_name(self):
        return b"one"


class Recorder:
    """Stands for a storage server's bucket: keeps what is written in order."""
    def __init__(self):
        self.share = bytearray()

    def callRemote(self, method, *args):
        if method == "write":
            offset, data = args
            assert offset == len(self.share)
            self.share += data
        return defer.succeed(None)


async def encoded(case):
    with open(case["path"], "rb") as file:
        data = file.read()
    source = upload.Data(data, convergence=bytes.fromhex(case["secret"]))
    k, n = case["k"], case["n"]
    source.set_default_encoding_parameters(
        {"k": k, "happy": 1, "n": n, "max_segment_size": case["segment"]})
    encrypted = upload.EncryptAnUploadable(source)
    encoder = await encode.Encoder().set_encrypted_uploadable(encrypted)
    chain = len(hashtree.IncompleteHashTree(n).needed_hashes(0, include_leaf=True))
    recorders = [Recorder() for _ in range(n)]
    writers = {i: layout.make_write_bucket_proxy(
        recorders[i], Server(), mathutil.div_ceil(len(data), k), encoder.get_param("block_size"),
        encoder.get_param("num_segments"), chain, encoder.get_uri_extension_size())
        for i in range(n)}
    encoder.set_shareholders(writers, {i: {b"one"} for i in range(n)})
    verifier = await encoder.start()
    key = await encrypted.original.get_encryption_key()
    cap = uri.CHKFileURI(key=key, uri_extension_hash=verifier.uri_extension_hash,
                         needed_shares=k, total_shares=n, size=len(data))
    return {"cap": cap.to_string().decode(), "key": key.hex(),
            "shares": [share_digest(bytes(recorder.share)) for recorder in recorders]}


async def main(_reactor):
    print(json.dumps([await encoded(case) for case in json.load(sys.stdin)]))


task.react(lambda reactor: defer.ensureDeferred(main(reactor)))
