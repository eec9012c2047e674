"""Changes drawn by lot, one to three to a bundle: faults that nobody thought of, and faults that meet.

No answer is known for these; they are for holding two verifiers against each other.
"""

import json

import bundlekit as kit
import cases_edited
from case import vault

PIECES = [b"", b'"', b"\\", b"\n", b"{", b"[]", b"null", b"0", b"-", b" ", b"=", b"A", b"+", b"\x00", b"\r", b"1e1", b"\\u0041", b"9" * 17,
          b',"zz":1', b"\xc2\x85", b"\xc2\xa0", b"\xed\xa0\x80", b"\xe2\x80\xa8", "\u2014 x AAAAAAA=\n".encode()]
FILES = ["records.jsonl"] * 3 + ["bundle.json"] * 2 + ["checkpoint", "range.json", "leaves.bin", "README.txt", "SHA256SUMS", "SHA256SUMS.minisig"]


def values():
    v = vault()
    return [None, 0, 1, -1, 2, 5, 12, 13, 2**53 - 1, 1 - 2**53, "", "x", "genesis", "acme", True, [], {}, ["a"], ["b", "a"], kit.MAY_1,
            kit.b64(bytes(32)), v.rw(), v.vkey(), v.origin(b"acme"), v.origin(b"")]


def changed(lot, genuine):
    """The tar of a bundle ({path: bytes}) after the changes that this lot (a random.Random) draws."""
    files = dict(genuine)
    for _ in range(lot.choice((1, 2, 2, 3))):
        lot.choice((known_mutation, in_bytes, in_bytes, in_json, in_json))(lot, files)
    if lot.random() < 0.3:
        seal_again(files)
    data = bytearray(kit.tar(kit.members_of(files)))
    if lot.random() < 0.15:
        for _ in range(2):
            data[lot.randrange(len(data))] = lot.choice((0, 0x30, 0x37, lot.randrange(256)))
    return bytes(data)


def known_mutation(lot, files):
    name, function, _, _ = lot.choice(cases_edited.MUTATIONS)
    before = dict(files)
    try:
        function(files)
    except Exception:       # made for genuine bundles: after other changes it may not know its way  # noqa: BLE001
        files.clear()
        files.update(before)


def in_bytes(lot, files):
    name = lot.choice(FILES)
    data = bytearray(files.get(name, b"x"))
    for _ in range(lot.choice((1, 1, 2, 4))):
        start = lot.randrange(len(data) + 1)
        end = min(len(data), start + lot.choice((0, 1, 1, lot.randrange(40))))
        data[start:end] = lot.choice((lot.choice(PIECES), bytes([lot.randrange(256)]), data[start:end] * 2))
    files[name] = bytes(data)


def in_json(lot, files):
    """One member of bundle.json, range.json or a record: another value, another name, or gone."""
    name = lot.choice(("bundle.json", "range.json", "records.jsonl"))
    lines = files.get(name, b"").split(b"\n")
    index = lot.randrange(len(lines))
    try:
        value = json.loads(lines[index])
        member = lot.choice(sorted(value))
    except (ValueError, TypeError, IndexError, RecursionError):
        return
    if lot.random() < 0.2:
        member = lot.choice(("from", "to", "needs", "tenant", "clock", "zz", "key", "origin"))
    new = lot.choice(values())
    if isinstance(value, dict):
        lines[index] = kit.canonical(kit.put(member, new)(value))
        files[name] = b"\n".join(lines)


def seal_again(files):
    """Sums and their signature for what stands there now."""
    files["SHA256SUMS"] = kit.checksums({name: files[name] for name in files if not name.startswith("SHA256SUMS")})
    try:
        trusted = kit.trusted_comment(json.loads(files["bundle.json"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return
    files["SHA256SUMS.minisig"] = kit.minisig(vault().export_key, files["SHA256SUMS"], vault().name, trusted)
