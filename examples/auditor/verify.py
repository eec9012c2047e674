#!/usr/bin/env python3
"""verify.py: check a Talon evidence bundle without Talon.

    python3 verify.py acme.talon --key vault.pub --tenant acme

Needs Python 3.9 or newer and the `openssl` command (3.0 or newer); nothing else,
no network. Get vault.pub from the operator by another way than the bundle:
whoever can change the bundle can also change a key that travels with it.

What is checked, in this order (the words are those of the report):

    file        the files a bundle must have, the form of the tar or folder, sizes
    sums        SHA256SUMS names every file, and every file has the named hash
    minisig     SHA256SUMS is signed by the export key
    meta        bundle.json agrees with itself, the checkpoint and the records
    key         the keys are the ones you gave, and belong to this vault
    checkpoint  the checkpoint is signed by the log key
    canonical   every line has the one allowed spelling
    record      every record has its common members; the genesis names this log and keys
    order       numbers without gap, times never going back, one tenant, no id twice
    leaf        leaves.bin holds the hash of each line (this finds the changed record)
    root        the lines lead to the root hash that the checkpoint signs
    period      the period asked for is complete: the neighbours on both sides are shown

Exit: 0 all checks passed with a pinned key; 1 a check failed; 2 usage; 3 could not
tell (not readable, not a bundle, a newer kind of bundle); 4 consistent, but no key
was given, or it is not the tenant, log or period asked for, or its end is open.

A check whose input is missing, too large, not canonical or already refused is
skipped. Comments that begin with "Decision:" fill places that the format
description leaves open.
"""

import argparse
import base64
import binascii
import datetime
import hashlib
import io
import json
import os
import re
import stat
import subprocess
import sys
import tempfile
import unicodedata
import urllib.parse

MAX_INT = 2**53 - 1            # integers in canonical lines stay within +-MAX_INT
MAX_LINE = 65535               # bytes of a record, without its newline
MAX_DEPTH = 8                  # objects and arrays; the record itself is 1
MAX_NESTING = 256              # the same for bundle.json of a kind that is not known yet
MAX_SMALL = 65536              # README.txt, bundle.json, range.json, checkpoint, SHA256SUMS.minisig
MAX_SUMS = 64 * 1024 * 1024    # SHA256SUMS
CHUNK = 1024 * 1024

SUMS, MINISIG = "SHA256SUMS", "SHA256SUMS.minisig"
REQUIRED = ("README.txt", SUMS, MINISIG, "bundle.json", "checkpoint", "leaves.bin", "records.jsonl")
SMALL_FILES = ("README.txt", "bundle.json", "range.json", "checkpoint", MINISIG)
CHECKS = ("file", "sums", "minisig", "meta", "key", "checkpoint",
          "canonical", "record", "order", "leaf", "root", "period")


class Usage(Exception):
    """Exit 2: the command line, or a key given on it, cannot be used."""


class CouldNotTell(Exception):
    """Exit 3: nothing can be said about the bundle."""


class Bad(Exception):
    """Something in the bundle is not as it must be; the text says what."""


# ---------------------------------------------------------------- hashes and the tree (RFC 6962)

def sha256(data):
    return hashlib.sha256(data).digest()


def leaf_hash(line):
    return sha256(b"\x00" + line)


def node_hash(left, right):
    return sha256(b"\x01" + left + right)


def unbase64(text, length=None):
    """Base64 as in RFC 4648, padded, and no other spelling of the same bytes."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        raise Bad("not base64") from None
    if base64.b64encode(data).decode() != text:
        raise Bad("not the canonical base64 spelling")
    if length is not None and len(data) != length:
        raise Bad("%d bytes instead of %d" % (len(data), length))
    return data


class Tree:
    """The right edge of a growing RFC 6962 tree: perfect subtrees, largest first.

    A tree of n leaves is kept as one subtree for each set bit of n. It may begin with
    subtrees in place of the leaves [0, first) that the bundle does not show.
    """

    def __init__(self, first, left):
        self.size = first
        self.edge = list(zip(left_sizes(first), left))      # (number of leaves, root)

    def append(self, root, leaves=1):
        """Add a leaf hash, or the root of a perfect subtree that fits at this place."""
        self.size += leaves
        while self.edge and self.edge[-1][0] == leaves:
            root = node_hash(self.edge.pop()[1], root)
            leaves *= 2
        self.edge.append((leaves, root))

    def root(self):
        result = None
        for _, subtree in reversed(self.edge):
            result = subtree if result is None else node_hash(subtree, result)
        return result if result is not None else sha256(b"")


def left_sizes(first):
    """Sizes of the perfect subtrees of [0, first): its set bits, highest first."""
    return [1 << bit for bit in reversed(range(first.bit_length())) if first >> bit & 1]


def right_sizes(position, size):
    """Sizes of the perfect subtrees that cover [position, size), from left to right."""
    sizes = []
    while position < size:
        step = 1
        while position % (step * 2) == 0 and position + step * 2 <= size:
            step *= 2
        sizes.append(step)
        position += step
    return sizes


# ---------------------------------------------------------------- Ed25519, through openssl

FIELD = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
# Public keys of small order: for these, signatures can be made without any secret, and
# openssl would accept them. Every encoding, with the sign bit (bit 255) cleared:
SMALL_ORDER = {number.to_bytes(32, "little") for number in (0, 1, FIELD - 1, FIELD, FIELD + 1)} | {
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")}
SPKI_ED25519 = bytes.fromhex("302a300506032b6570032100")     # DER in front of the 32 key bytes


def has_small_order(public_key):
    return public_key[:31] + bytes([public_key[31] & 0x7f]) in SMALL_ORDER


def openssl_verify(public_key, message, signature):
    """One run of `openssl pkeyutl -verify`. It reads files only, never a pipe."""
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        paths = [os.path.join(folder, name) for name in ("key", "message", "signature")]
        for path, data in zip(paths, (SPKI_ED25519 + public_key, message, signature)):
            with open(path, "wb") as file:
                file.write(data)
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", paths[0],
                   "-rawin", "-in", paths[1], "-sigfile", paths[2]]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, check=False)
        except OSError as error:
            raise CouldNotTell("the openssl command cannot be run: %s" % error.strerror) from None
    return done.returncode == 0


def require_openssl():
    """Make sure that openssl can tell a good signature from a bad one (RFC 8032, 7.1, test 2)."""
    key = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    good = bytes.fromhex("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                         "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")
    if not openssl_verify(key, b"\x72", good) or openssl_verify(key, b"\x73", good):
        raise CouldNotTell("this openssl cannot verify Ed25519 signatures; OpenSSL 3.0 or newer is needed")


def signature_is_valid(public_key, message, signature):
    """Ed25519 as in RFC 8032 without cofactor, S < L, and no key of small order."""
    if len(signature) != 64 or int.from_bytes(signature[32:], "little") >= ORDER:
        return False
    return not has_small_order(public_key) and openssl_verify(public_key, message, signature)


# ---------------------------------------------------------------- keys

VKEY_FORM = re.compile(r"[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+=*")
MINISIGN_FORM = re.compile(r"RW[A-Za-z0-9+/]{54}")


class LogKey:
    """A C2SP verifier key, name+hash+base64(01 || key). The base64 may contain '+' itself."""

    def __init__(self, text):
        if not VKEY_FORM.fullmatch(text):
            raise Bad("not a verifier key (name+hash+key)")
        self.text = text
        self.name, identifier, encoded = text.split("+", 2)
        data = unbase64(encoded, 33)
        if data[0] != 1:
            raise Bad("not an Ed25519 key")
        self.public, self.id = data[1:], bytes.fromhex(identifier)
        if self.id != sha256(self.name.encode() + b"\n" + data)[:4]:
            raise Bad("its key hash is not that of the name and key")
        if has_small_order(self.public):
            raise Bad("a key of small order, for which anybody can sign")


class ExportKey:
    """A minisign public key, base64("Ed" || id || key), of Talon's kind: id = hash(key)[0:8]."""

    def __init__(self, text):
        if not MINISIGN_FORM.fullmatch(text):
            raise Bad("not a minisign key (RW...)")
        self.text = text
        data = unbase64(text, 42)
        if data[:2] != b"Ed":
            raise Bad("not an Ed25519 key")
        self.id, self.public = data[2:10], data[10:]
        if has_small_order(self.public):
            raise Bad("a key of small order, for which anybody can sign")
        if self.id != sha256(self.public)[:8]:
            raise Bad("its key id is not the start of the key's hash")


class Pins:
    """The keys the auditor brings: a log key, an export key, both or none."""

    def __init__(self, argument):
        self.log = self.export = None
        if argument is None:
            return
        try:
            if VKEY_FORM.fullmatch(argument) or MINISIGN_FORM.fullmatch(argument):
                self.add(argument)
            else:
                for line in read_key_file(argument):
                    self.add(line)
        except Bad as error:
            raise Usage("--key %s: %s" % (printable(argument), error)) from None
        if not self.log and not self.export:
            raise Usage("--key %s: no key in it" % printable(argument))

    def add(self, text):
        if text.startswith("RW") and MINISIGN_FORM.fullmatch(text):
            if self.export:
                raise Bad("more than one RW... key")
            self.export = ExportKey(text)
        else:
            if self.log:
                raise Bad("more than one verifier key")
            self.log = LogKey(text)


def read_key_file(path):
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_SMALL + 1)
        if len(data) > MAX_SMALL:
            raise Bad("too large for a file of keys")
        lines = data.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise Bad("not a text file") from None
    except OSError as error:
        raise Bad("cannot be read: %s" % error.strerror) from None
    # Decision: a carriage return at a line's end is forgiven here; mail programs add them.
    lines = [line[:-1] if line.endswith("\r") else line for line in lines]
    return [line for line in lines if line and not line.startswith("untrusted comment:")]


# ---------------------------------------------------------------- canonical lines

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
MEMBER_NAME = re.compile("[a-z0-9_]+")


def canonical(line):
    """The object that a canonical line (without newline) holds, or Bad.

    The rule is: parse, write again in the one allowed spelling, compare the bytes. What two
    parsers could read differently (a name twice, fractions, large numbers) is refused first.
    """
    def members(pairs):
        result = dict(pairs)
        if len(result) != len(pairs):
            raise Bad("a member name stands twice")
        return result

    def integer(text):
        if len(text) > 17 or abs(int(text)) > MAX_INT:
            raise Bad("a number is out of range")
        return int(text)

    def refuse(_text):
        raise Bad("a number is not an integer")

    try:
        text = line.decode("utf-8")
        value = json.loads(text, object_pairs_hook=members, parse_int=integer,
                           parse_float=refuse, parse_constant=refuse)
    except UnicodeDecodeError:
        raise Bad("not UTF-8") from None
    except RecursionError:
        raise Bad("nested too deep") from None
    except ValueError:
        raise Bad("not JSON") from None
    if not isinstance(value, dict):
        raise Bad("not an object")
    check_values(value, 1)
    if json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")) != text:
        raise Bad("not the canonical spelling")
    return value


def check_values(value, depth):
    if isinstance(value, (dict, list)):
        if depth > MAX_DEPTH:
            raise Bad("nested too deep")
        if isinstance(value, dict):
            for name in value:
                if not MEMBER_NAME.fullmatch(name):
                    raise Bad("a member name is not of a-z, 0-9, _")
            value = value.values()
        for item in value:
            check_values(item, depth + 1)
    elif value is None:
        raise Bad("null is not allowed")
    elif isinstance(value, str) and CONTROL.search(value):
        raise Bad("a control character in a text")


def canonical_file(data):
    """A JSON file of the bundle: one canonical line and its newline."""
    if not data.endswith(b"\n"):
        raise Bad("does not end with a newline")
    return canonical(data[:-1])


def is_count(value):
    return type(value) is int and value >= 0          # bool is a subclass of int: not here


def is_hash(value):
    try:
        return isinstance(value, str) and len(unbase64(value, 32)) == 32
    except Bad:
        return False


# ---------------------------------------------------------------- the container: tar or folder

PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")


def is_path(name):
    return len(name) <= 100 and PATH.fullmatch(name) is not None


class Slice(io.RawIOBase):
    """The bytes [start, start + length) of a file."""

    def __init__(self, file, start, length):
        super().__init__()
        self.file, self.position, self.end = file, start, start + length

    def readable(self):
        return True

    def readinto(self, buffer):
        self.file.seek(self.position)
        data = self.file.read(min(len(buffer), self.end - self.position))
        self.position += len(data)
        buffer[:len(data)] = data
        return len(data)


class Bundle:
    """The files of a bundle: sizes, a way to open each, and what is wrong with the container."""

    def __init__(self):
        self.sizes = {}         # name -> bytes
        self.problems = []      # (file name or None, sentence): all of them are `file`
        self.open = None        # name -> binary stream
        self.file = None        # of a tar

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.file:
            self.file.close()

    def has(self, name):
        """Present and within its bound. Larger files are `file` and read by no other check."""
        bound = MAX_SUMS if name == SUMS else MAX_SMALL if name in SMALL_FILES else None
        return name in self.sizes and (bound is None or self.sizes[name] <= bound)

    def read(self, name):
        with self.open(name) as stream:
            return stream.read()

    def hash(self, name):
        digest = hashlib.sha256()
        with self.open(name) as stream:
            for chunk in iter(lambda: stream.read(CHUNK), b""):
                digest.update(chunk)
        return digest.hexdigest()


def open_bundle(path):
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        return open_folder(path)
    if not stat.S_ISREG(mode):
        raise CouldNotTell("neither a file nor a folder")
    return open_tar(path)


def tar_header(name, size):
    """The only header a member may have (POSIX ustar; fixed mode, owner and time)."""
    fields = [(name, 100), (b"0000644", 8), (b"0000000", 8), (b"0000000", 8), (b"%011o" % size, 12),
              (b"%011o" % 0, 12), (b" " * 8, 8), (b"0", 1), (b"", 100), (b"ustar\x0000", 8),
              (b"", 32), (b"", 32), (b"0000000", 8), (b"0000000", 8), (b"", 155), (b"", 12)]
    header = b"".join(value.ljust(width, b"\0") for value, width in fields)
    return header[:148] + b"%06o\0 " % sum(header) + header[156:]


def open_tar(path):
    """Walk the tar once. Every difference from its one allowed spelling is a problem.

    Decisions: a member is known by its name field alone (a prefix is only a problem); what is
    not of type `0` is no file of the bundle, nor is what has a forbidden path; of two members
    with one name the first counts; the walk ends where the tar breaks, or at a zero block.
    """
    bundle, offset, previous, starts = Bundle(), 0, b"", {}
    file = bundle.file = open(path, "rb")
    end = os.fstat(file.fileno()).st_size
    if file.read(512)[257:263] != b"ustar\0":
        file.close()
        raise CouldNotTell("not a Talon bundle: no tar of the ustar kind")

    def problem(sentence, name=None):
        bundle.problems.append((name, sentence))

    while True:
        file.seek(offset)
        header = file.read(512)
        if header == bytes(512):
            if file.read(513) != bytes(512):
                problem("the tar does not end with exactly two zero blocks")
            break
        if len(header) < 512 or not re.fullmatch(rb"[0-7]{11}\0", header[124:136]):
            problem("the tar breaks at byte %d" % offset)
            break
        raw_name = header[:100].split(b"\0", 1)[0]
        name = raw_name.decode("ascii", "replace")
        size, data = int(header[124:135], 8), offset + 512
        if data + size > end:
            problem("the tar breaks: its data passes the end of the file", name)
            break
        if header != tar_header(raw_name, size):
            problem("a tar header is not in the one allowed form", name)
        if raw_name <= previous:
            problem("tar members are not in ascending order of their paths", name)
        if not is_path(name):
            problem("a forbidden path", name)
        elif header[156:157] != b"0":
            problem("not a regular file", name)
        elif name not in starts:
            starts[name], bundle.sizes[name] = data, size
        previous, offset = raw_name, data + (size + 511) // 512 * 512
        file.seek(data + size)
        padding = file.read(offset - data - size)
        if padding.strip(b"\0"):
            problem("the padding after a file is not zero", name)

    bundle.open = lambda name: io.BufferedReader(Slice(file, starts[name], bundle.sizes[name]), CHUNK)
    return bundle


def open_folder(path):
    """The same files in a folder. Links are not followed; empty folders do not matter.

    A file with a forbidden path stays in the list: no line of SHA256SUMS can name it, so
    it fails `sums` as a file that is not listed.
    """
    bundle, folders = Bundle(), [""]
    while folders:
        prefix = folders.pop()
        with os.scandir(os.path.join(path, prefix)) as entries:
            for entry in entries:
                name = prefix + entry.name
                if entry.is_symlink():
                    bundle.problems.append((name, "a link"))
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(name + "/")
                elif not entry.is_file(follow_symlinks=False):
                    bundle.problems.append((name, "not a regular file"))
                else:
                    bundle.sizes[name] = entry.stat(follow_symlinks=False).st_size
    bundle.open = lambda name: open(os.path.join(path, name), "rb")
    return bundle


# ---------------------------------------------------------------- bundle.json

ORIGIN = re.compile(r"(?P<vault>[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*)/t/[0-9a-f]{64}")
KNOWN_MEMBERS = ("format", "tenant", "origin", "key", "export_key", "first", "last", "size", "root",
                 "count", "from", "to", "needs", "writer")


def vault_of(origin):
    match = ORIGIN.fullmatch(origin)
    if not match or len(match["vault"]) > 128 or "t" in match["vault"].split("/"):
        raise Bad("origin is not <vault>/t/<64 hex>")
    return match["vault"]


def require_known_kind(data):
    """Exit 3 unless this is a kind of bundle that this program can judge.

    Read leniently, as any JSON, since a newer kind need not follow the rules below.
    Decisions: JSON as in RFC 8259, UTF-8 without a byte order mark; of a member standing
    twice the last counts; what nests deeper than MAX_NESTING is not read (RFC 8259 allows a
    limit). `pruned` and `rotation` are unknown to this version.
    """
    def refuse(text):
        raise ValueError(text)

    try:
        text = data.decode("utf-8")
        if nesting(text) > MAX_NESTING:
            raise CouldNotTell("bundle.json is nested too deep")
        value = json.loads(text, parse_int=lambda _: 0, parse_float=lambda _: 0, parse_constant=refuse)
    except ValueError:
        raise CouldNotTell("bundle.json is not JSON") from None
    if not isinstance(value, dict):
        raise CouldNotTell("bundle.json is not an object")
    if value.get("format") != "talon-bundle/v1":
        raise CouldNotTell("bundle.json has no format that this version knows (talon-bundle/v1)")
    if "needs" in value and not needs_problem(value["needs"]):
        raise CouldNotTell("this bundle needs a newer verifier: %s" % printable(", ".join(value["needs"])))


def nesting(text):
    """How deep objects and arrays lie in each other, in a text that is JSON."""
    depth = deepest = 0
    for bracket in re.findall(r"[][{}]", re.sub(r'"(?:[^"\\]|\\.)*"?', "", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(depth, deepest)
    return deepest


def needs_problem(needs):
    if not isinstance(needs, list) or not needs or not all(isinstance(word, str) for word in needs):
        return "needs is not an array of texts"
    # Code point order is the byte order of UTF-8.
    if any(a >= b for a, b in zip(needs, needs[1:])):
        return "needs is not sorted and unrepeated"
    return None


class Meta:
    """bundle.json, each member of the right form; otherwise Bad."""

    def __init__(self, value):
        def need(name, test, what):
            if name not in value:
                raise Bad("%s is missing" % name)
            optional(name, test, what)

        def optional(name, test, what):
            if name in value and not test(value[name]):
                raise Bad("%s is not %s" % (name, what))

        optional("tenant", lambda t: isinstance(t, str) and 1 <= len(t) <= 128, "a text of 1 to 128 characters")
        for name in ("origin", "key", "export_key", "writer"):
            need(name, lambda text: isinstance(text, str), "a text")
        for name in ("first", "last", "size", "count"):
            need(name, is_count, "an integer from 0")
        for name in ("from", "to"):
            optional(name, is_count, "an integer from 0")
        need("root", is_hash, "a hash")
        if "needs" in value and needs_problem(value["needs"]):
            raise Bad(needs_problem(value["needs"]))
        self.tenant, self.origin = value.get("tenant"), value["origin"]
        self.first, self.last, self.size = value["first"], value["last"], value["size"]
        self.count, self.start, self.end = value["count"], value.get("from"), value.get("to")
        self.root, self.writer = unbase64(value["root"]), value["writer"]
        self.vault = vault_of(self.origin)
        try:
            self.key = LogKey(value["key"])
        except Bad as error:
            raise Bad("key: %s" % error) from None
        try:
            self.export_key = ExportKey(value["export_key"])
        except Bad as error:
            raise Bad("export_key: %s" % error) from None
        self.unknown = sorted(set(value) - set(KNOWN_MEMBERS))

    def whole(self):
        return self.first == 0 and self.last == self.size - 1

    def log(self):
        """The log by its kind, for a bundle without tenant: unattributed, operator or None."""
        for name, kind in ((b"", "unattributed"), (b"\0", "operator")):
            if self.tenant is None and self.origin == origin_of(self.vault, name):
                return kind
        return None


def origin_of(vault, log_name):
    return "%s/t/%s" % (vault, sha256(log_name).hex())


# ---------------------------------------------------------------- the checkpoint (C2SP signed note)

CONTROL_BELOW_SPACE = re.compile("[\x00-\x1f]")
MAX_TREE = 2**63 - 1


def split_note(note):
    """(text with its last newline, signature part); the text ends at the last empty line."""
    try:
        if CONTROL_BELOW_SPACE.search(note.decode("utf-8").replace("\n", "")):
            raise Bad("a control character in it")
    except UnicodeDecodeError:
        raise Bad("not UTF-8") from None
    text, separator, signatures = note.rpartition(b"\n\n")
    if not separator:
        raise Bad("no empty line between text and signatures")
    return text + b"\n", signatures


def read_checkpoint(note):
    """(origin, size, root) of a checkpoint. Says nothing about its signatures."""
    lines = split_note(note)[0].decode("utf-8").split("\n")
    if len(lines) != 4:                                   # three lines, each ended: a fourth, empty piece
        raise Bad("its text is not exactly three lines")
    origin, size, root = lines[:3]
    if not origin:
        raise Bad("its first line is empty")
    # Nothing is ever signed for size 0.
    if not re.fullmatch("[1-9][0-9]{0,18}", size) or int(size) > MAX_TREE:
        raise Bad("its second line is not a size")
    return origin, int(size), unbase64(root, 32)


SIGNATURE_LINE = re.compile("\u2014 (?P<name>[^ +]+) (?P<data>[A-Za-z0-9+/]+=*)")


def check_note_signatures(note, key):
    """Bad unless the note is well formed and every line of the key's name and id verifies."""
    text, signatures = split_note(note)
    if not signatures.endswith(b"\n"):
        raise Bad("its last signature line is not ended")
    lines = signatures[:-1].decode("utf-8").split("\n")
    if len(lines) > 16:
        raise Bad("more than 16 signature lines")
    verified = 0
    for line in lines:
        match = SIGNATURE_LINE.fullmatch(line)
        if not match or any(character.isspace() for character in match["name"]):
            raise Bad("a malformed signature line")
        data = unbase64(match["data"])
        if len(data) < 5:
            raise Bad("a signature line that is too short")
        if match["name"] != key.name or data[:4] != key.id:
            continue                                      # some other key's: not ours to judge
        if not signature_is_valid(key.public, text, data[4:]):
            raise Bad("the log key's signature is not valid")
        verified += 1
    if not verified:
        raise Bad("no signature by the log key")


# ---------------------------------------------------------------- the report

class Report:
    """What each check found. `fail` may be called more than once for a check."""

    def __init__(self):
        self.status = {check: "pass" for check in CHECKS}
        self.detail = {check: "" for check in CHECKS}
        self.first_bad = {check: None for check in CHECKS}
        self.pinned = []                # of "log key", "export key"
        self.unchecked = []             # listed files and members that this version does not know
        self.notes = []
        self.meta = None
        self.records = None
        self.open_end = False

    def fail(self, check, detail, first_bad=None):
        if self.status[check] != "fail":
            self.status[check], self.detail[check], self.first_bad[check] = "fail", detail, first_bad

    def skip(self, check, why):
        if self.status[check] == "pass":
            self.status[check], self.detail[check] = "skip", why

    def failed(self):
        return [check for check in CHECKS if self.status[check] == "fail"]


# ---------------------------------------------------------------- the checks, from top to bottom

def verify(bundle, pins):
    """All checks on an opened bundle. Raises CouldNotTell where nothing can be said."""
    report = Report()
    if "bundle.json" not in bundle.sizes:
        raise CouldNotTell("not a Talon bundle: no bundle.json in it")
    for name, sentence in bundle.problems:
        report.fail("file", at(name, sentence), name)
    if not bundle.has("bundle.json"):
        report.fail("file", "bundle.json is larger than %d bytes" % MAX_SMALL, "bundle.json")
        for check in CHECKS[1:]:
            report.skip(check, "bundle.json is too large")
        return report

    bundle_json = bundle.read("bundle.json")
    require_known_kind(bundle_json)
    require_openssl()
    # Beyond this point bundle.json is a JSON object of our format, though perhaps a bad one.
    meta = report.meta = read_meta(bundle_json, report)
    checkpoint, checkpoint_problem = None, "missing or too large"
    if bundle.has("checkpoint"):
        try:
            checkpoint = read_checkpoint(bundle.read("checkpoint"))
        except Bad as error:
            checkpoint_problem = error

    check_files(bundle, meta, report)
    check_sums(bundle, report)
    check_minisig(bundle, meta, report)
    check_key(meta, pins, report)
    check_checkpoint(bundle, meta, checkpoint, checkpoint_problem, report)
    sides, sides_problem = read_sides(bundle, meta, report)
    records = report.records = read_records(bundle, meta, sides, report)
    check_records(meta, records, report)
    check_meta(meta, checkpoint, records, report)
    # After a failed checkpoint the tree is still compared, with what bundle.json says.
    trusted = checkpoint if report.status["checkpoint"] == "pass" else None
    size, root = trusted[1:] if trusted else (meta.size, meta.root) if meta else (None, None)
    check_root(meta, sides, sides_problem, records, size, root, report)
    check_leaves(bundle, meta, sides, records, size, root, report)
    check_period(meta, records, report)
    if pins.log and meta and report.status["key"] == "pass":
        report.pinned.append("log key")
    if pins.export and meta and report.status["key"] == "pass" and report.status["minisig"] == "pass":
        report.pinned.append("export key")
    if pins.log and not pins.export and records and "genesis" not in records.kinds:
        report.notes.append("export key not pinned: SHA256SUMS shows integrity only")
    return report


def read_meta(data, report):
    """bundle.json in full, or None: then all checks that build on it are skipped.

    Decision: one member of a wrong form (a type, a key that is not admissible, an origin
    without a vault name) is enough for None. Members that are well formed but wrong in what
    they say are used as they are, so that other checks can still speak.
    """
    meta, why = None, None
    try:
        value = canonical_file(data)
    except Bad as error:
        report.fail("canonical", "bundle.json: %s" % error, "bundle.json")
        report.skip("meta", "bundle.json is not canonical")
        why = "bundle.json is not canonical"
    else:
        try:
            meta = Meta(value)
            report.unchecked += ["bundle.json: %s" % name for name in meta.unknown]
        except Bad as error:
            report.fail("meta", "bundle.json: %s" % error, "bundle.json")
            why = "bundle.json is not usable"
    if meta is None:
        for check in ("minisig", "key", "checkpoint", "record", "order", "root", "period"):
            report.skip(check, why)
    return meta


def check_files(bundle, meta, report):
    for name in REQUIRED:
        if name not in bundle.sizes:
            report.fail("file", "%s is missing" % name, name)
    for name in SMALL_FILES + (SUMS,):
        if name in bundle.sizes and not bundle.has(name):
            report.fail("file", "%s is larger than allowed" % name, name)
    if meta and meta.whole() and "range.json" in bundle.sizes:
        report.fail("file", "range.json does not belong to a whole log", "range.json")
    if meta and not meta.whole() and "range.json" not in bundle.sizes:
        report.fail("file", "range.json is missing", "range.json")
    known = REQUIRED + ("range.json",)
    report.unchecked += [printable(name) for name in sorted(bundle.sizes) if name not in known]


def check_sums(bundle, report):
    if not bundle.has(SUMS):
        return report.skip("sums", "SHA256SUMS is missing or too large")
    listed, previous = set(), ""
    with bundle.open(SUMS) as lines:
        for number, raw in enumerate(iter(lambda: lines.readline(256), b""), 1):
            match = re.fullmatch(rb"([0-9a-f]{64})  ([!-~]+)\n", raw)
            name = match[2].decode() if match else ""
            if not match or not is_path(name) or name in (SUMS, MINISIG):
                return report.fail("sums", "line %d of SHA256SUMS is malformed" % number, SUMS)
            if name <= previous:
                return report.fail("sums", "line %d of SHA256SUMS is out of order" % number, SUMS)
            listed.add(name)
            previous = name
            if name not in bundle.sizes:
                report.fail("sums", "%s is listed but absent" % name, name)
            elif bundle.hash(name) != match[1].decode():
                report.fail("sums", "%s is not the file that SHA256SUMS names" % name, name)
    for name in sorted(set(bundle.sizes) - listed - {SUMS, MINISIG}):
        report.fail("sums", "%s is not listed in SHA256SUMS" % printable(name), name)


def check_minisig(bundle, meta, report):
    if meta is None:
        return
    if not bundle.has(SUMS) or not bundle.has(MINISIG):
        return report.skip("minisig", "SHA256SUMS or its signature is missing or too large")
    try:
        check_minisign_file(bundle.read(MINISIG), bundle.read(SUMS), meta)
    except Bad as error:
        report.fail("minisig", "SHA256SUMS.minisig: %s" % error, MINISIG)


def check_minisign_file(data, sums, meta):
    """minisign's prehashed form ("ED": the signature covers BLAKE2b-512 of the file)."""
    lines = data.split(b"\n")
    if len(lines) != 5 or lines[4] != b"":
        raise Bad("not exactly four lines")
    if lines[0] != b"untrusted comment: " + meta.vault.encode():
        raise Bad("its untrusted comment is not the vault's name")
    tenant = "" if meta.tenant is None else " tenant=" + urllib.parse.quote(meta.tenant, safe="")
    trusted = "talon-bundle/v1%s origin=%s records=%d-%d size=%d root=%s" % (
        tenant, meta.origin, meta.first, meta.last, meta.size, base64.b64encode(meta.root).decode())
    if lines[2] != b"trusted comment: " + trusted.encode():
        raise Bad("its trusted comment does not say what bundle.json says")
    signature = unbase64(lines[1].decode("latin-1"), 74)
    global_signature = unbase64(lines[3].decode("latin-1"), 64)
    if signature[:2] != b"ED":
        raise Bad("not a prehashed signature")
    key = meta.export_key
    if signature[2:10] != key.id:
        raise Bad("made by another key")
    if not signature_is_valid(key.public, hashlib.blake2b(sums).digest(), signature[10:]):
        raise Bad("the signature of SHA256SUMS is not valid")
    if not signature_is_valid(key.public, signature[10:] + trusted.encode(), global_signature):
        raise Bad("the signature of the trusted comment is not valid")


def check_key(meta, pins, report):
    if meta is None:
        return
    if meta.key.name != meta.vault:
        report.fail("key", "the log key is named %s, the vault %s" % (printable(meta.key.name), meta.vault))
    if pins.log and pins.log.text != meta.key.text:
        report.fail("key", "the bundle's log key is not the one given with --key")
    if pins.export and pins.export.text != meta.export_key.text:
        report.fail("key", "the bundle's export key is not the one given with --key")


def check_checkpoint(bundle, meta, checkpoint, problem, report):
    if meta is None:
        return
    if not bundle.has("checkpoint"):
        return report.skip("checkpoint", "checkpoint is missing or too large")
    try:
        if checkpoint is None:
            raise Bad(problem)
        check_note_signatures(bundle.read("checkpoint"), meta.key)
    except Bad as error:
        report.fail("checkpoint", "checkpoint: %s" % error, "checkpoint")


# ---- records.jsonl: one pass; only counters, the tree's edge and the ids stay in memory

class Sides:
    """range.json: roots of the subtrees left and right of the records that are shown."""

    def __init__(self, left, right):
        self.left, self.right = left, right


def read_sides(bundle, meta, report):
    """(the Sides, None), or (None, why `root` fails), or (None, None) where `root` is skipped.

    Decision: a range.json beside a whole log is `file`, and not read.
    """
    value = None
    if meta and meta.whole():
        return Sides([], []), None
    if bundle.has("range.json"):
        try:
            value = canonical_file(bundle.read("range.json"))
        except Bad as error:
            report.fail("canonical", "range.json: %s" % error, "range.json")
    if meta is None:
        return None, None
    if value is None:
        report.skip("root", "range.json is missing, too large or not canonical")
        return None, None
    lists = [value.get("left"), value.get("right")]
    if len(value) != 2 or not all(isinstance(side, list) and all(is_hash(item) for item in side) for side in lists):
        return None, "range.json is not the two lists of hashes"
    left, right = [[unbase64(item) for item in side] for side in lists]
    if len(left) != len(left_sizes(meta.first)):
        return None, "range.json: left has %d hashes instead of %d" % (len(left), len(left_sizes(meta.first)))
    return Sides(left, right), None


class Records:
    """What the one pass over records.jsonl found, all of its lines being canonical."""

    def __init__(self, tree):
        self.lines = 0
        self.tree = tree                # over all lines; None where the sides are not known
        self.untyped = None             # (sentence, seq) of the first record with a common member of a wrong type
        self.record = None              # of the first other fault of a record
        self.order = None
        self.unlike_leaf = None         # (index, id or None) of the first line unlike its leaf
        self.before = self.inside = self.after = 0      # records by the period's edges
        self.first_time = self.last_time = None
        self.kinds = {}


def lines_of(stream):
    """Yield the lines without their newlines; Bad where one is not ended, or larger than a record may be."""
    for line in iter(lambda: stream.readline(MAX_LINE + 1), b""):
        if not line.endswith(b"\n"):
            raise Bad("longer than %d bytes" % MAX_LINE if len(line) > MAX_LINE else "not ended by a newline")
        yield line[:-1]


def read_records(bundle, meta, sides, report):
    """The Records, or None: then all checks that need the lines are skipped.

    Decision: with one line that is not canonical, records.jsonl as a whole is no input for any
    check but `sums` and `canonical`. An empty file lacks its last newline.
    """
    if "records.jsonl" not in bundle.sizes:
        return None
    records = Records(Tree(meta.first, sides.left) if sides else None)
    first, ids = meta.first if meta else 0, set()
    leaves = bundle.open("leaves.bin") if "leaves.bin" in bundle.sizes else io.BytesIO()
    with bundle.open("records.jsonl") as stream, leaves:
        try:
            for line in lines_of(stream):
                record, leaf, seq = canonical(line), leaf_hash(line), first + records.lines
                if records.tree:
                    records.tree.append(leaf)
                if records.unlike_leaf is None and leaves.read(32) != leaf:
                    records.unlike_leaf = (records.lines, record.get("id"))
                records.lines += 1
                problem = common_members_problem(record)
                if problem and not records.untyped:
                    records.untyped = ("record %d: %s" % (seq, problem), seq)
                if not records.untyped:
                    # This record has its common members, and so had all before it.
                    judge_record(record, seq, meta, ids, records)
            if not records.lines:
                raise Bad("empty")
        except Bad as error:
            report.fail("canonical", "line %d of records.jsonl: %s" % (records.lines + 1, error), first + records.lines)
            return None
    return records


def judge_record(record, seq, meta, ids, records):
    time = record["time"]
    if meta:
        problem = record_problem(record, meta)
        if problem and not records.record:
            records.record = ("record %d: %s" % (seq, problem), seq)
        problem = order_problem(record, seq, records.last_time, meta, ids)
        if problem and not records.order:
            records.order = ("record %d: %s" % (seq, problem), seq)
        if meta.start is not None and time < meta.start:
            records.before += 1
        elif meta.end is not None and time >= meta.end:
            records.after += 1
        else:
            records.inside += 1
    ids.add(record["id"])
    records.kinds[record["kind"]] = records.kinds.get(record["kind"], 0) + 1
    records.first_time = time if records.first_time is None else records.first_time
    records.last_time = time


RECORD_ID = re.compile("ev_[0-7][0-9A-HJKMNP-TV-Z]{25}")


def common_members_problem(record):
    """Types of the members that every record has; other members are not judged here."""
    if not is_count(record.get("v")):
        return "v is not an integer"
    if not is_count(record.get("seq")):
        return "seq is not an integer from 0"
    if not isinstance(record.get("id"), str) or not RECORD_ID.fullmatch(record["id"]):
        return "id is not ev_ and a ULID"
    if not is_count(record.get("time")):
        return "time is not an integer from 0"
    if not is_count(record.get("clock", 0)):
        return "clock is not an integer from 0"
    if not isinstance(record.get("kind"), str):
        return "kind is not a text"
    if not isinstance(record.get("tenant", ""), str):
        return "tenant is not a text"
    return None


def record_problem(record, meta):
    if record["v"] != 1:
        return "v is not 1"
    if record.get("clock") == record["time"]:
        return "clock repeats time"
    if (record["seq"] == 0) != (record["kind"] == "genesis"):
        return "the genesis stands at 0 and nowhere else"
    if record["kind"] == "genesis":
        for name, value in (("origin", meta.origin), ("export_key", meta.export_key.text), ("key", meta.key.text)):
            if record.get(name) != value:
                return "the genesis has another %s than bundle.json" % name
    return None


def order_problem(record, seq, last_time, meta, ids):
    if record["seq"] != seq:
        return "its seq is %d" % record["seq"]
    if last_time is not None and record["time"] < last_time:
        return "it is earlier than the record before it"
    if record.get("tenant") != meta.tenant:
        return "it is another tenant's"
    if record["id"] in ids:
        return "its id stands twice"
    return None


def check_records(meta, records, report):
    """record, order: what the pass found.

    Decision: with one record whose common members have wrong types (that is `record`),
    records.jsonl is no input for `order`, `period` and the count in `meta`.
    """
    if records is None:
        for check in ("record", "order"):
            report.skip(check, "records.jsonl is missing or not canonical")
        return
    if meta is None:
        return                          # both are skipped already
    if records.untyped:
        report.fail("record", *records.untyped)
        report.skip("order", "a record has no usable number, time, tenant or id")
    else:
        if records.record:
            report.fail("record", *records.record)
        if records.order:
            report.fail("order", *records.order)


def check_meta(meta, checkpoint, records, report):
    """Decision: bundle.json is compared with the checkpoint's three lines whenever these can be
    read, even if the signature under them turns out bad."""
    if meta is None:
        return

    def wrong(sentence, *values):
        report.fail("meta", "bundle.json: " + sentence % values, "bundle.json")

    if checkpoint:
        if meta.origin != checkpoint[0]:
            wrong("origin is not the checkpoint's")
        if meta.size != checkpoint[1]:
            wrong("size is %d, the checkpoint's %d", meta.size, checkpoint[1])
        if meta.root != checkpoint[2]:
            wrong("root is not the checkpoint's")
    if meta.tenant is not None and meta.origin != origin_of(meta.vault, meta.tenant.encode()):
        wrong("origin is not that of the tenant")
    if meta.tenant is None and meta.log() is None:
        wrong("without a tenant, origin is neither the unattributed nor the operator's log")
    if not meta.first <= meta.last < meta.size:
        wrong("not first <= last < size")
    if meta.start is not None and meta.end is not None and meta.start >= meta.end:
        wrong("from is not before to")
    if records and records.lines != meta.last - meta.first + 1:
        wrong("records %d to %d, but records.jsonl has %d lines", meta.first, meta.last, records.lines)
    if records and not records.untyped and records.inside != meta.count:
        wrong("count is %d, but %d records lie in the period", meta.count, records.inside)


def check_root(meta, sides, sides_problem, records, size, root, report):
    if records is None:
        return report.skip("root", "records.jsonl is missing or not canonical")
    if sides_problem:
        return report.fail("root", sides_problem, "range.json")
    if meta is None or sides is None:
        return                          # skipped already
    found = root_from(records.tree, sides, size)
    if found is None:
        report.fail("root", "the lines and range.json do not make a tree of %d records" % size)
    elif found != root:
        report.fail("root", "the lines do not lead to the signed root hash")


def root_from(tree, sides, size):
    """Complete a tree with its right side. None unless the right side has exactly its length."""
    sizes = right_sizes(tree.size, size)
    if tree.size > size or len(sizes) != len(sides.right):
        return None
    for leaves, subtree in zip(sizes, sides.right):
        tree.append(subtree, leaves)
    return tree.root()


def check_leaves(bundle, meta, sides, records, size, root, report):
    """leaves.bin proves nothing by itself; it finds the record that was changed."""
    if records is None or "leaves.bin" not in bundle.sizes:
        return report.skip("leaf", "records.jsonl or leaves.bin is missing, or a line is not canonical")
    count, extra = divmod(bundle.sizes["leaves.bin"], 32)
    if not records.unlike_leaf and count == records.lines and not extra:
        return
    index, identifier = records.unlike_leaf or (min(count, records.lines), None)
    seq = index + (meta.first if meta else 0)
    if extra or not leaves_lead_to_root(bundle, meta, sides, size, root):
        report.fail("leaf", "the lines from record %d on are not those of leaves.bin, "
                    "and leaves.bin does not lead to the signed root either" % seq, seq)
    elif records.lines < count:
        report.fail("leaf", "%d lines are missing; the first difference is at record %d"
                    % (count - records.lines, seq), seq)
    elif records.lines > count:
        report.fail("leaf", "%d lines were added; the first difference is at record %d"
                    % (records.lines - count, seq), seq)
    else:
        named = " (%s)" % printable(identifier) if isinstance(identifier, str) else ""
        report.fail("leaf", "record %d%s was changed" % (seq, named), seq)


def leaves_lead_to_root(bundle, meta, sides, size, root):
    if meta is None or sides is None:
        return False
    tree = Tree(meta.first, sides.left)
    with bundle.open("leaves.bin") as leaves:
        for leaf in iter(lambda: leaves.read(32), b""):
            tree.append(leaf)
    return root_from(tree, sides, size) == root


def check_period(meta, records, report):
    """Exactly one neighbour on each side, none only where the log itself ends."""
    if meta is None:
        return
    if records is None or records.untyped:
        return report.skip("period", "records.jsonl is missing or not usable")
    at_start, at_end = meta.first == 0, meta.last == meta.size - 1
    if meta.start is None and not at_start:
        report.fail("period", "no from, but the first record shown is %d" % meta.first, meta.first)
    if meta.end is None and not at_end:
        report.fail("period", "no to, but the last record shown is %d of %d" % (meta.last, meta.size), meta.last)
    if meta.start is not None and records.before != 1 and not (records.before == 0 and at_start):
        report.fail("period", "%d records before from instead of one" % records.before, meta.first)
    if meta.end is not None and records.after != 1 and not (records.after == 0 and at_end):
        report.fail("period", "%d records at or after to instead of one" % records.after, meta.last)
    # Nothing at or after `to` exists yet: later calls may still belong to the period.
    report.open_end = meta.end is not None and at_end and records.after == 0


# ---------------------------------------------------------------- what was asked for, and the answer

class Asked:
    """The command line, understood."""

    def __init__(self, options):
        self.pins = Pins(options.key)
        self.tenant, self.log = options.tenant, options.log
        self.start, self.end = options.start, options.end
        self.require = options.require


def unmet(report, asked):
    """Why a consistent bundle is not what was asked for (exit 4); empty if it is."""
    meta, reasons = report.meta, []
    if asked.tenant is not None and meta.tenant != asked.tenant:
        reasons.append("this is not the log of tenant %s" % printable(asked.tenant))
    if asked.log is not None and meta.log() != asked.log:
        reasons.append("this is not the %s log" % asked.log)
    if (asked.start is not None or asked.end is not None) and (meta.start, meta.end) != (asked.start, asked.end):
        reasons.append("this is not the period asked for")
    if asked.end is not None and report.open_end:
        reasons.append("the end is open: no record at or after its end existed yet, so more may have come since")
    if "pinned" in asked.require and not report.pinned:
        reasons.append("no key was given: whoever made this bundle may have made its keys too. Get vault.pub from "
                       "the operator by another way than this bundle (in person, by telephone, from an earlier "
                       "audit) and give it with --key; --require self does without")
    return reasons


NOT_PROVEN = (
    "that each call was recorded: clients compare their X-Talon-Evidence-Id with the records",
    "that the checkpoint is the newest: keep this bundle and compare it with the next one",
    "what a thief of the current log key could have signed",
    "that the clock was right")
NOT_PROVEN_PERIOD = "the order in time outside the period, if the vault lied with its own key (the whole log shows it)"


def not_proven(report):
    sentences = list(NOT_PROVEN)
    if report.meta and not report.meta.whole():
        sentences.append(NOT_PROVEN_PERIOD)
    return sentences + report.notes


EPOCH = datetime.datetime(1970, 1, 1)


def instant(micros):
    """Microseconds since 1970 as RFC 3339; the bare number beyond the year 9999."""
    if micros is None:
        return None
    try:
        return (EPOCH + datetime.timedelta(microseconds=micros)).isoformat(timespec="microseconds") + "Z"
    except OverflowError:
        return str(micros)


def printable(text):
    """Text from outside, safe on a terminal: no controls, no marks that turn the line around."""
    return "".join(c if c.isprintable() and unicodedata.category(c) != "Cf" else "\\u{%x}" % ord(c) for c in text)


def at(name, sentence):
    return "%s: %s" % (printable(name), sentence) if name is not None else sentence


VERDICTS = {0: "valid", 1: "invalid", 4: "unproven"}


def json_report(report, asked, code):
    """The object that `talon audit verify --json` prints; members after not_proven are additions."""
    meta, records = report.meta, report.records
    return {
        "verdict": VERDICTS[code], "exit": code, "facts": facts(report), "required": asked.require,
        "tenant": meta.tenant if meta else None, "origin": meta.origin if meta else None,
        "range": meta and {"first": meta.first, "last": meta.last, "size": meta.size, "whole": meta.whole()},
        "time": records and {"first": instant(records.first_time), "last": instant(records.last_time)},
        "records": records.inside if records else 0,         # as bundle.json's count: without the neighbours
        "key": meta.key.text if meta else None,
        "key_source": "flag" if asked.pins.log or asked.pins.export else "bundle",
        "checks": [{"id": check, "status": report.status[check], "first_bad": report.first_bad[check],
                    "detail": report.detail[check]} for check in CHECKS],
        "not_proven": not_proven(report),
        "period": meta and {"from": instant(meta.start), "to": instant(meta.end), "open_end": report.open_end},
        "pinned_by": report.pinned, "unmet": unmet(report, asked) if code == 4 else [],
        "kinds": records.kinds if records else {}, "unchecked": report.unchecked}


def facts(report):
    if report.failed():
        return []
    return ["self", "pinned"] if report.pinned else ["self"]


def text_report(report, asked, code, path):
    meta, records, lines = report.meta, report.records, []

    def row(name, text):
        lines.append("  %-11s %s" % (name, text))

    lines.append("Talon bundle %s" % printable(path))
    if meta:
        row("log", "tenant %s" % printable(meta.tenant) if meta.tenant is not None else meta.log() or "unknown")
        row("origin", meta.origin)
        row("records", "%d to %d of %d%s" % (meta.first, meta.last, meta.size, ", the whole log" if meta.whole() else ""))
        if meta.start is not None or meta.end is not None:
            row("period", "from %s until before %s, %d records"
                % (instant(meta.start) or "the beginning", instant(meta.end) or "the end", meta.count))
        if report.open_end:
            row("", "its end is open: no record stood at or after it yet")
    if records and records.first_time is not None:
        row("time", "%s to %s" % (instant(records.first_time), instant(records.last_time)))
    if records and records.kinds:
        row("kinds", ", ".join("%s %d" % (printable(kind), n) for kind, n in sorted(records.kinds.items())))
    if meta:
        row("log key", "%s (%s)" % (meta.key.text, "as given with --key" if "log key" in report.pinned else "from the bundle itself"))
        row("export key", "%s (%s)" % (meta.export_key.text, "as given with --key" if "export key" in report.pinned else "from the bundle itself"))
    lines.append("Checks")
    words = {"pass": "ok", "fail": "FAILED", "skip": "skipped"}
    for check in CHECKS:
        row(check, "%-8s %s" % (words[report.status[check]], printable(report.detail[check])))
    if report.unchecked:
        lines.append("Present, but not known to this version and not checked beyond SHA256SUMS")
        lines.extend("  " + printable(name) for name in report.unchecked)
    lines.append("Not proven by this bundle")
    lines.extend("  " + sentence for sentence in not_proven(report))
    lines.append("")
    if code == 0:
        lines.append("VALID: all checks passed%s." % ("; key: " + " and ".join(report.pinned) if report.pinned else
                                                      ", but no key was given from outside the bundle"))
    elif code == 1:
        lines.append("INVALID: %s." % ", ".join(report.failed()))
    else:
        lines.append("UNPROVEN: the bundle agrees with itself, but")
        lines.extend("  " + reason for reason in unmet(report, asked))
    return "".join((line.rstrip() + "\n") for line in lines)


# ---------------------------------------------------------------- the command line

DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
TIMESTAMP = re.compile("([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})([.]([0-9]{1,6}))?"
                       "([Zz]|([+-])([0-9]{2}):([0-9]{2}))")
DAY = 86400 * 1000000


def micros(text, is_end):
    """A date (UTC day; as an end it includes its day) or an RFC 3339 instant, as microseconds."""
    try:
        if DATE.fullmatch(text):
            moment = datetime.datetime.strptime(text, "%Y-%m-%d")
            value = (moment - EPOCH) // datetime.timedelta(microseconds=1) + (DAY if is_end else 0)
        else:
            match = TIMESTAMP.fullmatch(text)
            if not match:
                raise ValueError
            moment = datetime.datetime.strptime(match[1] + " " + match[2], "%Y-%m-%d %H:%M:%S")
            value = (moment - EPOCH) // datetime.timedelta(microseconds=1)
            value += int((match[4] or "").ljust(6, "0"))
            if match[6]:
                hours, minutes = int(match[7]), int(match[8])
                if hours > 23 or minutes > 59:
                    raise ValueError
                offset = (hours * 60 + minutes) * 60 * 1000000
                value += -offset if match[6] == "+" else offset
    except ValueError:
        raise Usage("%s is not a date (2026-05-31) or an instant (2026-05-31T12:00:00Z)" % printable(text)) from None
    # Decision: nothing before 1970 either; no record can be older.
    if not 0 <= value <= MAX_INT:
        raise Usage("%s is out of range" % printable(text))
    return value


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Usage(message)


class Once(argparse.Action):
    """An option given twice is a mistake, not a silent choice."""

    def __call__(self, parser, namespace, value, option=None):
        if getattr(namespace, self.dest) is not None:
            raise Usage("%s is given twice" % option)
        setattr(namespace, self.dest, value)


def parse(arguments):
    parser = Parser(prog="verify.py", allow_abbrev=False, usage="verify.py BUNDLE [options]",
                    description="Check a Talon evidence bundle (a .talon file or a folder).",
                    epilog="Exit: 0 valid, 1 invalid, 2 usage, 3 could not tell, 4 consistent but not what was required.")
    parser.add_argument("bundle", metavar="BUNDLE")
    parser.add_argument("--key", action=Once, metavar="FILE|VKEY|RW...", help="the vault's public keys, got by another way")
    parser.add_argument("--tenant", action=Once, help="the tenant whose log this must be")
    parser.add_argument("--log", action=Once, choices=("unattributed", "operator"), help="the log of no tenant this must be")
    parser.add_argument("--from", action=Once, dest="start", metavar="DATE", help="the period asked for begins here")
    parser.add_argument("--to", action=Once, dest="end", metavar="DATE",
                        help="a day (included) or an instant (excluded) where it ends")
    parser.add_argument("--require", action=Once, metavar="FACT", help="pinned (default) or self")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--no-local", action="store_true", help="accepted; this program never looks for a vault")
    options = parser.parse_args(arguments)

    if options.tenant is not None and options.log is not None:
        raise Usage("--tenant and --log exclude each other")
    if options.tenant is not None:
        try:
            options.tenant.encode("utf-8")
        except UnicodeEncodeError:
            raise Usage("--tenant is not UTF-8") from None
        if not options.tenant.strip() or len(options.tenant) > 128:
            raise Usage("--tenant is blank or longer than 128 characters")
    options.start = micros(options.start, False) if options.start is not None else None
    options.end = micros(options.end, True) if options.end is not None else None
    if options.start is not None and options.end is not None and options.start >= options.end:
        raise Usage("--from is not before --to")
    options.require = options.require.split(",") if options.require is not None else ["pinned"]
    for fact in options.require:
        if fact in ("anchored", "fresh", "continuous"):
            raise Usage("--require %s is not supported by this version" % fact)
        if fact not in ("self", "pinned"):
            raise Usage("--require %s: unknown fact" % printable(fact))
    return options


def run(arguments):
    """(exit, stdout text, stderr text) of one run."""
    wants_json = "--json" in arguments

    def refusal(code, word, message):
        if wants_json:
            return code, "", json.dumps({"error": {"code": word, "message": message}}) + "\n"
        return code, "", "verify.py: %s\n" % message

    try:
        options = parse(arguments)
        asked = Asked(options)
        with open_bundle(options.bundle) as bundle:
            report = verify(bundle, asked.pins)
    except Usage as error:
        return refusal(2, "usage", "%s" % error)
    except CouldNotTell as error:
        return refusal(3, "could_not_tell", "%s: %s" % (printable(options.bundle), error))
    except OSError as error:
        return refusal(3, "could_not_tell", "%s: %s" % (printable(error.filename or options.bundle), error.strerror))
    code = 1 if report.failed() else 4 if unmet(report, asked) else 0
    if options.json:
        return code, json.dumps(json_report(report, asked, code), ensure_ascii=False) + "\n", ""
    return code, text_report(report, asked, code, options.bundle), ""


def main():
    try:
        code, out, err = run(sys.argv[1:])
        sys.stderr.write(err)
        sys.stdout.buffer.write(out.encode("utf-8", "backslashreplace"))
        sys.stdout.buffer.flush()
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            sys.stderr.write("verify.py: cannot write the report: %s\n" % error.strerror)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)        # what is still buffered has nowhere to go
        code = 3
    return code


if __name__ == "__main__":
    sys.exit(main())
