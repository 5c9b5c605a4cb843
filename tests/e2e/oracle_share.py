"""What two encoders of the same file have to agree on: all of a share, the order of one list left out."""
import hashlib
import struct

CHAIN_ENTRY = 34  # an index of two bytes and a hash


def share_digest(share):
    """SHA-256 of a CHK share with the entries of its hash chain sorted: they stand in any order."""
    version, = struct.unpack(">L", share[:4])
    assert version in (1, 2)
    fields = struct.unpack(">8L" if version == 1 else ">8Q", share[4:36 if version == 1 else 68])
    chain, end = fields[6], fields[7]
    entries = sorted(share[at:at + CHAIN_ENTRY] for at in range(chain, end, CHAIN_ENTRY))
    return hashlib.sha256(share[:chain] + b"".join(entries) + share[end:]).hexdigest()
