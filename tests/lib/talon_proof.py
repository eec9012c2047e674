"""Proofs checked without Talon: leaf hashes, inclusion proofs (RFC 9162 §2.1.3.2) and signed notes (C2SP), with hashlib
and the openssl command. For tests that do not take the binary's word for it."""

import base64
import hashlib
import json
import subprocess
import tempfile
from pathlib import Path

SPKI_OF_ED25519 = bytes.fromhex("302a300506032b6570032100")


def leaf_hash(line):
    return hashlib.sha256(b"\x00" + line).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(leaves):
    """The root of a list of leaf hashes."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(root_of(leaves[:split]), root_of(leaves[split:]))


def root_from_inclusion(index, size, leaf, path):
    """The root that the proof leads to; AssertionError when its length is wrong."""
    if not 0 <= index < size:
        raise AssertionError(f"index {index} in a tree of {size}")
    here, last, root = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise AssertionError("the proof is too long")
        if here % 2 == 1 or here == last:
            root = node_hash(sibling, root)
            while here % 2 == 0 and here != 0:
                here, last = here // 2, last // 2
        else:
            root = node_hash(root, sibling)
        here, last = here // 2, last // 2
    if last != 0:
        raise AssertionError("the proof is too short")
    return root


def canonical(value):
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def origin_of(vault, tenant):
    return f"{vault}/t/{hashlib.sha256(tenant.encode()).hexdigest()}"


class Checkpoint:
    """A signed note, taken apart and its signature verified against `vkey`."""

    def __init__(self, note, vkey):
        text, mark, signatures = note.partition("\n\n")
        if not mark:
            raise AssertionError(f"not a signed note: {note!r}")
        lines = text.split("\n")
        if len(lines) != 3:
            raise AssertionError(f"{len(lines)} text lines: {note!r}")
        self.origin, self.size, self.root = lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True)
        name, key_id, key = vkey.split("+", 2)
        key = base64.b64decode(key, validate=True)
        if key[0] != 1 or len(key) != 33:
            raise AssertionError(f"not an Ed25519 vkey: {vkey}")
        begin = f"— {name} "
        found = [line for line in signatures.split("\n") if line.startswith(begin)]
        if len(found) != 1:
            raise AssertionError(f"{len(found)} signatures by {name}: {note!r}")
        blob = base64.b64decode(found[0][len(begin):], validate=True)
        if blob[:4].hex() != key_id:
            raise AssertionError(f"signed by key {blob[:4].hex()}, not {key_id}")
        if not ed25519_verifies(key[1:], (text + "\n").encode(), blob[4:]):
            raise AssertionError(f"the signature does not verify: {note!r}")


def ed25519_verifies(key, message, signature):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name, data in (("key", SPKI_OF_ED25519 + key), ("message", message), ("signature", signature)):
            (folder / name).write_bytes(data)
        done = subprocess.run(
            ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key", "-rawin", "-in", "message",
             "-sigfile", "signature"], cwd=folder, capture_output=True)
        return done.returncode == 0
