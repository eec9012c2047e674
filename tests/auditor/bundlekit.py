"""Makes genuine evidence bundles from scratch, and wrong ones that are signed all the same.

Test-only, Python standard library and the `openssl` command. Written from the format's
description alone, so that it can contradict both verifiers and the bundle writer.

A bundle is made in stages; each stage's value can be changed by a function given under its
name, and everything above it (hashes, tree, checkpoint, sums, signatures, tar) is then made
from the changed value with the genuine keys:

    records         list of objects: the whole log
    lines           list of bytes, without newlines: the whole log; these are hashed into the tree
    span            (first, last) that the bundle shows
    shown           the lines that the bundle shows (the tree keeps the unchanged ones)
    records.jsonl   bytes
    leaves.bin      bytes
    range           object, or None for a whole log
    range.json      bytes
    head            (origin, size, root) of the checkpoint
    text            the checkpoint's text, bytes
    checkpoint      the signed note, bytes
    bundle          object
    bundle.json     bytes
    README.txt      bytes
    files           {path: bytes}, all that SHA256SUMS names
    SHA256SUMS      bytes
    untrusted, trusted   the two comments, text
    SHA256SUMS.minisig   bytes
    all             {path: bytes}, the complete folder
    members         list of Member: the tar's headers and data
    tar             bytes

    build(vault, acme_log()).tar                                     a good whole log
    build(vault, acme_log(), lines=edit(3, b'"v":1', b'"v":2')).tar  signed, but wrong in one record
"""

import base64
import functools
import hashlib
import json
import os
import subprocess
import tempfile
import urllib.parse
from dataclasses import dataclass, field

ORDER = 2**252 + 27742317777372353535851937790883648493
WRITER = "talon/0.0.0-test"
DAY = 86400 * 10**6
MAY_1 = 1777593600 * 10**6          # 2026-05-01T00:00:00Z


def b64(data):
    return base64.b64encode(data).decode()


def sha256(data):
    return hashlib.sha256(data).digest()


def canonical(value):
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


# ------------------------------------------------------------------------------------- keys

def _openssl(arguments, **files):
    with tempfile.TemporaryDirectory(prefix="bundlekit-") as folder:
        for name, data in files.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)
        return subprocess.run(["openssl"] + arguments, cwd=folder, check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout


@functools.lru_cache(maxsize=None)
def _public(seed):
    private = bytes.fromhex("302e020100300506032b657004220420") + seed
    return _openssl(["pkey", "-inform", "DER", "-in", "private", "-pubout", "-outform", "DER"], private=private)[-32:]


@functools.lru_cache(maxsize=None)
def _sign(seed, message):
    private = bytes.fromhex("302e020100300506032b657004220420") + seed
    return _openssl(["pkeyutl", "-sign", "-keyform", "DER", "-inkey", "private", "-rawin", "-in", "message"],
                    private=private, message=message)


class Key:
    """An Ed25519 key made from a seed (32 bytes, or a text whose hash is the seed)."""

    def __init__(self, seed):
        self.seed = seed if isinstance(seed, bytes) else sha256(seed.encode())
        self.public = _public(self.seed)

    def sign(self, message):
        return _sign(self.seed, message)

    def sign_with_neutral_r(self, message):
        """A signature (R, S) with R the neutral element and S = k * a: valid, though nobody signs so."""
        secret = bytearray(hashlib.sha512(self.seed).digest()[:32])
        secret[0] &= 0xf8
        secret[31] = secret[31] & 0x7f | 0x40
        r = b"\x01" + bytes(31)
        k = int.from_bytes(hashlib.sha512(r + self.public + message).digest(), "little")
        return r + (k * int.from_bytes(secret, "little") % ORDER).to_bytes(32, "little")

    def vkey(self, name):
        return vkey(name, self.public)

    def rw(self):
        return rw(self.public)

    def note_line(self, name, text):
        """A C2SP signature line over text."""
        return note_line(name, key_id(name, self.public), self.sign(text))


def key_id(name, public, kind=1):
    return sha256(name.encode() + b"\n" + bytes([kind]) + public)[:4]


def vkey(name, public, kind=1):
    return "%s+%s+%s" % (name, key_id(name, public, kind).hex(), b64(bytes([kind]) + public))


def rw(public):
    return b64(b"Ed" + sha256(public)[:8] + public)


def note_line(name, identifier, signature):
    return ("\u2014 %s %s\n" % (name, b64(identifier + signature))).encode()


class Vault:
    def __init__(self, name="gw1", log_key="talon test log key", export_key="talon test export key"):
        self.name, self.log_key, self.export_key = name, Key(log_key), Key(export_key)

    def vkey(self):
        return self.log_key.vkey(self.name)

    def rw(self):
        return self.export_key.rw()

    def pub(self):
        return ("%s\n%s\n" % (self.vkey(), self.rw())).encode()

    def origin(self, log_name):
        return "%s/t/%s" % (self.name, sha256(log_name).hex())


# ------------------------------------------------------------------------------------- records

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def evidence_id(label):
    number = int.from_bytes(sha256(label.encode())[:16], "big")
    return "ev_" + "".join(CROCKFORD[number >> shift & 31] for shift in range(125, -5, -5))


def salt(content_key, identifier, name):
    message = b"talon-salt/v1\x00" + identifier.encode() + b"\x00" + name.encode()
    return hashlib.blake2b(message, digest_size=32, key=content_key).digest()


def commitment(content_key, identifier, name, body):
    return sha256(b"talon-body/v1\x00" + salt(content_key, identifier, name) + body)


class Log:
    """A log being written: genesis first, then whatever is added."""

    def __init__(self, vault, tenant="acme", name=None, start=MAY_1 + 8 * 3600 * 10**6):
        self.vault, self.tenant = vault, tenant
        self.name = tenant.encode() if name is None else name
        self.content_key = sha256(b"content key of " + self.name)
        self.records = []
        self.add("genesis", start, origin=vault.origin(self.name), key=vault.vkey(), export_key=vault.rw(), writer=WRITER)

    def add(self, kind, time, **members):
        seq = len(self.records)
        record = {"v": 1, "seq": seq, "id": evidence_id("%s %d" % (self.name.hex(), seq)), "time": time, "kind": kind}
        if self.tenant is not None:
            record["tenant"] = self.tenant
        record.update(members)
        self.records.append(record)
        return record

    def request(self, time, nano_usd=1350000, outcome="allowed", **members):
        """A governed call, with every group of members that such a record may have."""
        record = self.add("request", time, request_id="req_%08d" % len(self.records), caller="customer-acme-app1",
                          key_id="caller", attribution="key", status=200,
                          ask={"endpoint": "/v1/chat/completions", "model": "gpt-4o-mini", "max_tokens": 64},
                          decision={"outcome": outcome, "policy": b64(sha256(b"policy")), "prices": b64(sha256(b"prices"))},
                          route={"attempts": [{"provider": "openai", "model": "gpt-4o-mini", "status": 200,
                                               "ttfb_us": 210000, "duration_us": 640000}]},
                          usage={"basis": "provider", "input": 9, "output": 12},
                          cost={"nano_usd": nano_usd, "held_nano_usd": 40000000, "priced": True},
                          timing={"total_us": 641234, "own_us": 812})
        body = {"request": b'{"model":"gpt-4o-mini","seq":%d}' % record["seq"], "response": b'{"ok":true}'}
        record["bodies"] = {"key": 1, **{name: b64(commitment(self.content_key, record["id"], name, data))
                                         for name, data in body.items()}}
        record.update(members)
        return record


def acme_log(vault, tenant="acme"):
    """13 records over four days: the log that most cases begin with."""
    hour = 3600 * 10**6
    log = Log(vault, tenant)
    log.request(MAY_1 + 9 * hour)
    log.request(MAY_1 + 10 * hour + 1)
    log.add("mark", MAY_1 + DAY)
    log.request(MAY_1 + DAY + 7 * hour, clock=MAY_1 + DAY + 7 * hour - 5000000)
    log.request(MAY_1 + DAY + 12 * hour, 0, "denied", status=402)
    log.request(MAY_1 + DAY + 12 * hour, 0, "denied", status=402, count=17)
    log.add("mark", MAY_1 + 2 * DAY)
    log.request(MAY_1 + 2 * DAY + 9 * hour, 77, "cancelled", session="Gespr\u00e4ch \u2603 \U0001f600 \"quoted\" back\\slash")
    log.request(MAY_1 + 2 * DAY + 10 * hour)
    log.add("mark", MAY_1 + 3 * DAY)
    log.request(MAY_1 + 3 * DAY + 8 * hour)
    log.request(MAY_1 + 3 * DAY + 9 * hour)
    return log


# May 2 and 3, 2026: record 2 stands before, 3 to 9 inside, 10 after; of 13.
PERIOD = {"start": MAY_1 + DAY, "end": MAY_1 + 3 * DAY}
PERIOD_ARGUMENTS = ["--from", "2026-05-02", "--to", "2026-05-03"]


def long_log(vault, size, tenant="acme"):
    """size records, one an hour."""
    log = Log(vault, tenant)
    for number in range(1, size):
        log.add("note", MAY_1 + (8 + number) * 3600 * 10**6, number=number)
    return log


# ------------------------------------------------------------------------------------- the tree

def leaf(line):
    return sha256(b"\x00" + line)


def root(leaves):
    """RFC 6962 section 2.1, word for word (slow, and unlike the verifiers' way)."""
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + root(leaves[:k]) + root(leaves[k:]))


def sides(leaves, first, last):
    """The object of range.json for [first, last] of these leaves."""
    left, position = [], 0
    for bit in reversed(range(64)):
        if first >> bit & 1:
            left.append(b64(root(leaves[position:position + (1 << bit)])))
            position += 1 << bit
    right, position = [], last + 1
    while position < len(leaves):
        k = max(k for k in range(64) if position % (1 << k) == 0 and position + (1 << k) <= len(leaves))
        right.append(b64(root(leaves[position:position + (1 << k)])))
        position += 1 << k
    return {"left": left, "right": right}


# ------------------------------------------------------------------------------------- the bundle

@dataclass
class Member:
    """A tar member. `fields` overrides header fields by (offset, bytes); the checksum follows
    unless it is among them. `padding` and `header` replace what would be made."""
    name: bytes
    data: bytes
    fields: dict = field(default_factory=dict)
    padding: bytes = None
    header: bytes = None

    def tar(self):
        header = bytearray(512)
        for offset, value in {0: self.name, 100: b"0000644\0", 108: b"0000000\0", 116: b"0000000\0",
                              124: b"%011o\0" % len(self.data), 136: b"00000000000\0", 148: b" " * 8, 156: b"0",
                              257: b"ustar\x0000", 329: b"0000000\0", 337: b"0000000\0", **self.fields}.items():
            header[offset:offset + len(value)] = value
        if 148 not in self.fields:
            header[148:156] = b"%06o\0 " % sum(header)
        padding = b"\0" * (-len(self.data) % 512) if self.padding is None else self.padding
        return (bytes(header) if self.header is None else self.header) + self.data + padding


def tar(members):
    return b"".join(member.tar() for member in members) + bytes(1024)


def members_of(files):
    return [Member(name.encode(), files[name]) for name in sorted(files, key=str.encode)]


def read_tar(data):
    """{path: bytes} of a well-formed bundle; for mutating bundles that somebody else made."""
    files, offset = {}, 0
    while data[offset:offset + 512] != bytes(512):
        size = int(data[offset + 124:offset + 135], 8)
        files[data[offset:offset + 100].split(b"\0", 1)[0].decode()] = data[offset + 512:offset + 512 + size]
        offset += 512 + (size + 511) // 512 * 512
    return files


def checksums(files):
    return b"".join(b"%s  %s\n" % (sha256(files[name]).hex().encode(), name.encode())
                    for name in sorted(files, key=str.encode))


def minisig(key, data, untrusted, trusted):
    signature = key.sign(hashlib.blake2b(data).digest())
    return minisig_lines(untrusted, b"ED" + sha256(key.public)[:8] + signature, trusted,
                         key.sign(signature + trusted.encode()))


def minisig_lines(untrusted, signature, trusted, global_signature):
    return ("untrusted comment: %s\n%s\ntrusted comment: %s\n%s\n" % (
        untrusted, b64(signature), trusted, b64(global_signature))).encode()


README = b"""A Talon evidence bundle, made by a test.

  minisign -V -H -P RW... -m SHA256SUMS && sha256sum -c --strict SHA256SUMS
"""


class Built:
    """All stages' values under their names; .tar and .all are what is wanted mostly."""

    def __init__(self, values, vault):
        self.values, self.vault = values, vault
        self.tar, self.all = values["tar"], values["all"]


def select(records, start, end):
    """(first, last): the records of a period with one neighbour on each side."""
    inside = [i for i, record in enumerate(records)
              if (start is None or record["time"] >= start) and (end is None or record["time"] < end)]
    before = [i for i, record in enumerate(records) if start is not None and record["time"] < start]
    after = [i for i, record in enumerate(records) if end is not None and record["time"] >= end]
    shown = inside + before[-1:] + after[:1]
    return min(shown), max(shown)


def build(vault, log, start=None, end=None, size=None, **change):
    """A bundle of the log's first `size` records, whole or of a period. See the top of this file."""
    values = {}

    def stage(name, value):
        values[name] = change.pop(name)(value) if name in change else value
        return values[name]

    genuine = [dict(record) for record in log.records[:size]]
    records = stage("records", [dict(record) for record in genuine])
    lines = stage("lines", [canonical(record) for record in records])
    leaves = [leaf(line) for line in lines]
    first, last = stage("span", select(genuine, start, end))
    shown = stage("shown", lines[first:last + 1])
    whole = (first, last) == (0, len(lines) - 1)
    stage("records.jsonl", b"".join(line + b"\n" for line in shown))
    stage("leaves.bin", b"".join(leaf(line) for line in shown))
    ranges = stage("range", None if whole else sides(leaves, first, last))
    range_json = stage("range.json", None if ranges is None else canonical(ranges) + b"\n")

    origin, tree_size, tree_root = stage("head", (vault.origin(log.name), len(lines), root(leaves)))
    text = stage("text", ("%s\n%d\n%s\n" % (origin, tree_size, b64(tree_root))).encode())
    stage("checkpoint", text + b"\n" + vault.log_key.note_line(vault.name, text))

    inside = [record for record in genuine[first:last + 1] if (start is None or record["time"] >= start)
              and (end is None or record["time"] < end)]
    bundle = {"format": "talon-bundle/v1", "tenant": log.tenant, "origin": origin, "key": vault.vkey(),
              "export_key": vault.rw(), "first": first, "last": last, "size": tree_size, "root": b64(tree_root),
              "count": len(inside), "from": start, "to": end, "writer": WRITER}
    bundle = stage("bundle", {name: value for name, value in bundle.items() if value is not None})
    stage("bundle.json", canonical(bundle) + b"\n")
    stage("README.txt", README)

    names = ["README.txt", "bundle.json", "checkpoint", "leaves.bin", "records.jsonl"]
    files = {name: values[name] for name in names}
    if range_json is not None:
        files["range.json"] = range_json
    files = stage("files", files)
    sums = stage("SHA256SUMS", checksums(files))
    untrusted = stage("untrusted", str(bundle.get("origin")).partition("/t/")[0])
    trusted = stage("trusted", trusted_comment(bundle))
    signature = stage("SHA256SUMS.minisig", minisig(vault.export_key, sums, untrusted, trusted))
    everything = stage("all", {**files, "SHA256SUMS": sums, "SHA256SUMS.minisig": signature})
    stage("tar", tar(stage("members", members_of(everything))))
    assert not change, "no such stage: %s" % ", ".join(change)
    return Built(values, vault)


def trusted_comment(bundle):
    tenant = " tenant=" + urllib.parse.quote(str(bundle["tenant"]), safe="") if "tenant" in bundle else ""
    return "talon-bundle/v1%s origin=%s records=%s-%s size=%s root=%s" % (
        tenant, *(bundle.get(name) for name in ("origin", "first", "last", "size", "root")))


def write_folder(files, folder):
    for name, data in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)


# ------------------------------------------------------------------------------------- small changes

def replace(old, new, count=1):
    """Bytes to bytes; the old ones must be there."""
    def change(data):
        assert old in data, (old, data)
        return data.replace(old, new, count)
    return change


def put(name, value):
    """Set a member of an object; None removes it."""
    def change(members):
        members = {**members, name: value}
        if value is None:
            del members[name]
        return members
    return change


def at(index, change):
    """Apply a change to one item of a list."""
    return lambda items: [change(item) if i == index % len(items) else item for i, item in enumerate(items)]


def edit(index, old, new):
    return at(index, replace(old, new))


def always(value):
    return lambda _: value


def flip(data, offset, mask=1):
    data = bytearray(data)
    data[offset] ^= mask
    return bytes(data)


def plus_order(signature):
    """The same signature with S + L: valid to a verifier that forgets to bound S."""
    s = int.from_bytes(signature[32:], "little") + ORDER
    return signature[:32] + s.to_bytes(32, "little")


def loose_bits(text):
    """Another base64 spelling of the same bytes: set an unused bit before the padding."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    body = text.rstrip("=")
    assert body != text
    return body[:-1] + alphabet[alphabet.index(body[-1]) | 1] + "=" * (len(text) - len(body))
