"""Changes that somebody without a key makes to a genuine bundle; nothing is signed again.

Each mutation is a function of {path: bytes} (changed in place) that works on any bundle of
some size, ours or one that the binary exported. `fails` for a whole log; `period` where a
bundle of a period answers differently. NotApplicable leaves a mutation out for a bundle.
"""

import base64
import json
import re

import bundlekit as kit
from case import case, globex, period, stranger, vault, whole

MUTATIONS = []      # (name, function, fails of a whole log, fails of a period)


class NotApplicable(Exception):
    pass


def mutation(name, fails, period=None):
    def register(function):
        MUTATIONS.append((name, function, fails, fails if period is None else period))
        return function
    return register


def need(condition):
    if not condition:
        raise NotApplicable


# ------------------------------------------------------------------------- records.jsonl

def lines(files):
    return files["records.jsonl"].split(b"\n")[:-1]


def put_lines(files, value):
    files["records.jsonl"] = b"".join(line + b"\n" for line in value)


def line_mutation(name, fails, period=None):
    """Change the list of lines."""
    def register(function):
        def change(files):
            put_lines(files, function(lines(files)))
        return mutation(name, fails, period)(change)
    return register


def middle_mutation(name, fails, period=None):
    """Change the bytes of one line in the middle."""
    def register(function):
        def change(files):
            all_lines = lines(files)
            need(len(all_lines) >= 4)
            index = len(all_lines) // 2
            new = function(all_lines[index])
            need(new != all_lines[index])
            put_lines(files, all_lines[:index] + [new] + all_lines[index + 1:])
        return mutation(name, fails, period)(change)
    return register


def member_mutation(name, fails, period=None):
    """Change the object of one line in the middle, written canonically again."""
    def register(function):
        return middle_mutation(name, fails, period)(
            lambda line: kit.canonical(function(json.loads(line))))
    return register


CHANGED = "sums leaf root"


@middle_mutation("a letter of a record's id", CHANGED)
def _(line):
    return re.sub(rb'("id":"ev_[^"]*)(.)"', lambda m: m[1] + (b"0" if m[2] != b"0" else b"1") + b'"', line)


@mutation("the newest record's time by a microsecond", CHANGED)
def _(files):
    all_lines = lines(files)
    record = json.loads(all_lines[-1])
    record["time"] += 1
    need(record.get("clock") != record["time"])
    put_lines(files, all_lines[:-1] + [kit.canonical(record)])


@mutation("a digit of a cost", CHANGED)
def _(files):
    data = files["records.jsonl"]
    match = re.search(rb'"nano_usd":([1-9])', data)
    need(match)
    digit = b"2" if match[1] != b"2" else b"3"
    files["records.jsonl"] = data[:match.start(1)] + digit + data[match.end(1):]


@mutation("a denial turned into an admission", CHANGED)
def _(files):
    need(b'"outcome":"denied"' in files["records.jsonl"])
    files["records.jsonl"] = files["records.jsonl"].replace(b'"outcome":"denied"', b'"outcome":"allowed"', 1)


@mutation("a body's commitment replaced by another", CHANGED)
def _(files):
    match = re.search(rb'"response":"([A-Za-z0-9+/]{43}=)"', files["records.jsonl"])
    need(match)
    other = kit.b64(kit.sha256(b"another answer")).encode()
    files["records.jsonl"] = files["records.jsonl"].replace(match[1], other, 1)


@member_mutation("an unknown member added to a record", CHANGED)
def _(record):
    return {**record, "zz": 1}


@member_mutation("v 2", "sums record leaf root")
def _(record):
    return {**record, "v": 2}


@member_mutation("a second genesis by kind", "sums record leaf root")
def _(record):
    return {**record, "kind": "genesis"}


@member_mutation("clock repeats time", "sums record leaf root")
def _(record):
    return {**record, "clock": record["time"]}


@member_mutation("seq as a text", "sums record leaf root")
def _(record):
    return {**record, "seq": str(record["seq"])}


@member_mutation("id in lower case", "sums record leaf root")
def _(record):
    return {**record, "id": record["id"].lower()}


@member_mutation("time left out", "sums record leaf root")
def _(record):
    return {name: value for name, value in record.items() if name != "time"}


@member_mutation("another tenant's name in a record", "sums order leaf root")
def _(record):
    return {**record, "tenant": "somebody-else"}


@member_mutation("a record's number raised", "sums order leaf root")
def _(record):
    return {**record, "seq": record["seq"] + 1}


@line_mutation("a record deleted", "sums meta order leaf root")
def _(value):
    return value[:len(value) // 2] + value[len(value) // 2 + 1:]


@line_mutation("a record deleted and the later ones renumbered", "sums meta leaf root")
def _(value):
    index = len(value) // 2
    later = [json.loads(line) for line in value[index + 1:]]
    return value[:index] + [kit.canonical({**record, "seq": record["seq"] - 1}) for record in later]


@line_mutation("the first record deleted", "sums meta order leaf root", "sums meta order leaf root period")
def _(value):
    return value[1:]


@line_mutation("the last record deleted", "sums meta leaf root", "sums meta leaf root period")
def _(value):
    return value[:-1]


@line_mutation("two neighbours swapped", "sums order leaf root")
def _(value):
    index = len(value) // 2
    return value[:index - 1] + [value[index], value[index - 1]] + value[index + 1:]


@line_mutation("all records in reverse order", "sums order leaf root")
def _(value):
    return value[::-1]


@line_mutation("a record twice", "sums meta order leaf root")
def _(value):
    index = len(value) // 2
    return value[:index + 1] + value[index:]


@line_mutation("a record's id given to a second record", "sums order leaf root")
def _(value):
    index = len(value) // 2
    record = json.loads(value[index])
    record["id"] = json.loads(value[index - 1])["id"]
    return value[:index] + [kit.canonical(record)] + value[index + 1:]


@line_mutation("a record back-dated", "sums order leaf root")
def _(value):
    index = len(value) // 2
    record, before = json.loads(value[index]), json.loads(value[index - 1])
    times = sorted({json.loads(line)["time"] for line in value})
    # Only where it stays on the same side of the period's edges: a day holds both.
    need(before["time"] - 1 > times[0] and (before["time"] - 1) // kit.DAY == record["time"] // kit.DAY)
    record["time"] = before["time"] - 1
    record.pop("clock", None)
    return value[:index] + [kit.canonical(record)] + value[index + 1:]


def forged(value):
    record = json.loads(value[-1])
    record.pop("clock", None)
    record.update(seq=record["seq"] + 1, id=kit.evidence_id("forged"))
    return kit.canonical(record)


@line_mutation("a forged record appended", "sums meta leaf root", "sums meta leaf root period")
def _(value):
    return value + [forged(value)]


@line_mutation("a forged record in place of the last", CHANGED)
def _(value):
    record = json.loads(value[-1])
    return value[:-1] + [kit.canonical({**record, "id": kit.evidence_id("forged")})]


SPELLING = "sums canonical"       # nothing else is read from lines that are not canonical


@middle_mutation("a record written with spaces", SPELLING)
def _(line):
    return json.dumps(json.loads(line), sort_keys=True, ensure_ascii=False).encode()


@middle_mutation("a record's members in another order", SPELLING)
def _(line):
    record = json.loads(line)
    return json.dumps(dict(reversed(sorted(record.items()))), ensure_ascii=False, separators=(",", ":")).encode()


@middle_mutation("a member twice in a record", SPELLING)
def _(line):
    return line[:-1] + b',"v":1}'


@middle_mutation("a letter as an escape", SPELLING)
def _(line):
    return line.replace(b'"id":"ev_', b'"id":"\\u0065v_')


@middle_mutation("a carriage return after a record", SPELLING)
def _(line):
    return line + b"\r"


@middle_mutation("a time as a fraction", SPELLING)
def _(line):
    return re.sub(rb'("time":[0-9]+)', rb"\1.0", line)


@middle_mutation("a byte that is not UTF-8", SPELLING)
def _(line):
    return line.replace(b'"kind":"', b'"kind":"\xff')


@middle_mutation("a record cut in its middle", SPELLING)
def _(line):
    return line[:len(line) // 2]


@line_mutation("an empty line", SPELLING)
def _(value):
    return value[:2] + [b""] + value[2:]


@mutation("a byte order mark", SPELLING)
def _(files):
    files["records.jsonl"] = b"\xef\xbb\xbf" + files["records.jsonl"]


@mutation("the last newline gone", SPELLING)
def _(files):
    files["records.jsonl"] = files["records.jsonl"][:-1]


@mutation("a NUL after the last newline", SPELLING)
def _(files):
    files["records.jsonl"] += b"\0"


@mutation("records.jsonl cut in its last line", SPELLING)
def _(files):
    files["records.jsonl"] = files["records.jsonl"][:-20]


@mutation("records.jsonl empty", SPELLING)
def _(files):
    files["records.jsonl"] = b""


@mutation("records.jsonl missing", "file sums")
def _(files):
    del files["records.jsonl"]


# ------------------------------------------------------------------------- leaves.bin, range.json

def rewrite(path, name, fails, period=None):
    """Change the bytes of one file."""
    def register(function):
        def change(files):
            need(path in files)
            new = function(files[path])
            need(new != files[path])
            files[path] = new
        return mutation("%s: %s" % (path, name), fails, period)(change)
    return register


rewrite("leaves.bin", "a bit", "sums leaf")(lambda data: kit.flip(data, 40))
rewrite("leaves.bin", "one hash too few", "sums leaf")(lambda data: data[:-32])
rewrite("leaves.bin", "one hash too many", "sums leaf")(lambda data: data + bytes(32))
rewrite("leaves.bin", "one byte too few", "sums leaf")(lambda data: data[:-1])
rewrite("leaves.bin", "one byte too many", "sums leaf")(lambda data: data + b"\0")
rewrite("leaves.bin", "empty", "sums leaf")(lambda data: b"")
rewrite("leaves.bin", "two hashes swapped", "sums leaf")(lambda data: data[32:64] + data[:32] + data[64:])


@mutation("leaves.bin missing", "file sums")
def _(files):
    del files["leaves.bin"]


@mutation("a record and its leaf changed alike", "sums root")
def _(files):
    value = lines(files)
    record = json.loads(value[-1])
    value[-1] = kit.canonical({**record, "zz": 1})
    put_lines(files, value)
    files["leaves.bin"] = b"".join(kit.leaf(line) for line in value)


def range_mutation(name, fails):
    def register(function):
        def change(files):
            need("range.json" in files)
            value = json.loads(files["range.json"])
            need(value["left"])
            files["range.json"] = kit.canonical(function(value)) + b"\n"
        return mutation("range.json: %s" % name, fails)(change)
    return register


OTHER_HASH = kit.b64(kit.sha256(b"other"))
range_mutation("another hash", "sums root")(lambda v: {**v, "left": [OTHER_HASH] + v["left"][1:]})
range_mutation("a hash more on the left", "sums root")(lambda v: {**v, "left": v["left"] + [OTHER_HASH]})
range_mutation("a hash more on the right", "sums root")(lambda v: {**v, "right": v["right"] + [OTHER_HASH]})
range_mutation("a hash less on the left", "sums root")(lambda v: {**v, "left": v["left"][1:]})
range_mutation("left and right exchanged", "sums root")(lambda v: {"left": v["right"], "right": v["left"] + [OTHER_HASH]})
range_mutation("a hash of 31 bytes", "sums root")(lambda v: {**v, "left": [kit.b64(bytes(31))] + v["left"][1:]})
range_mutation("a third member", "sums root")(lambda v: {**v, "up": []})
range_mutation("without right", "sums root")(lambda v: {"left": v["left"]})
range_mutation("left a text", "sums root")(lambda v: {**v, "left": v["left"][0]})
rewrite("range.json", "with a space", "sums canonical")(lambda data: data.replace(b":", b": ", 1))
rewrite("range.json", "without its newline", "sums canonical")(lambda data: data[:-1])
rewrite("range.json", "a second line", "sums canonical")(lambda data: data * 2)
rewrite("range.json", "larger than 65,536 bytes", "file sums")(lambda data: data + b" " * 65536)


@mutation("range.json missing", "file sums")
def _(files):
    need("range.json" in files)
    del files["range.json"]


@mutation("range.json beside a whole log", "file sums")
def _(files):
    need("range.json" not in files)
    files["range.json"] = b'{"left":[],"right":[]}\n'


# ------------------------------------------------------------------------- checkpoint

def checkpoint_mutation(name, fails):
    """Change (text lines, signature line's name, its bytes) of a checkpoint with one signature."""
    def register(function):
        def change(files):
            text, _, signature = files["checkpoint"].rpartition(b"\n\n")
            dash, name, data = signature[:-1].split(b" ")
            lines, name, data = function(text.split(b"\n"), name, base64.b64decode(data))
            files["checkpoint"] = b"\n".join(lines) + b"\n\n" + b" ".join(
                [dash, name, base64.b64encode(data)]) + b"\n"
        return mutation("checkpoint: %s" % name, fails)(change)
    return register


LIES = "sums meta checkpoint"
checkpoint_mutation("size one more", LIES)(lambda t, n, d: ([t[0], b"%d" % (int(t[1]) + 1), t[2]], n, d))
checkpoint_mutation("size one less", LIES)(lambda t, n, d: ([t[0], b"%d" % (int(t[1]) - 1), t[2]], n, d))
checkpoint_mutation("another root", LIES)(lambda t, n, d: (t[:2] + [OTHER_HASH.encode()], n, d))
checkpoint_mutation("another origin", LIES)(lambda t, n, d: ([t[0][:-1] + (b"0" if t[0][-1:] != b"0" else b"1")] + t[1:], n, d))
checkpoint_mutation("a leading zero", "sums checkpoint")(lambda t, n, d: ([t[0], b"0" + t[1], t[2]], n, d))
checkpoint_mutation("a plus sign", "sums checkpoint")(lambda t, n, d: ([t[0], b"+" + t[1], t[2]], n, d))
checkpoint_mutation("an extension line", "sums checkpoint")(lambda t, n, d: (t + [b"more"], n, d))
checkpoint_mutation("a bit of the signature", "sums checkpoint")(lambda t, n, d: (t, n, kit.flip(d, 20)))
checkpoint_mutation("S + L", "sums checkpoint")(lambda t, n, d: (t, n, d[:4] + kit.plus_order(d[4:])))
checkpoint_mutation("a signature without its last byte", "sums checkpoint")(lambda t, n, d: (t, n, d[:-1]))
checkpoint_mutation("another key's id", "sums checkpoint")(lambda t, n, d: (t, n, kit.flip(d, 0)))
checkpoint_mutation("another key's name", "sums checkpoint")(lambda t, n, d: (t, b"gw2", d))
rewrite("checkpoint", "signature removed", "sums checkpoint")(lambda data: data.rpartition(b"\n\n")[0] + b"\n\n")
rewrite("checkpoint", "signature and empty line removed", "sums checkpoint")(lambda data: data.rpartition(b"\n\n")[0] + b"\n")
rewrite("checkpoint", "a hyphen for the dash", "sums checkpoint")(lambda data: data.replace("\u2014".encode(), b"-"))
rewrite("checkpoint", "carriage returns", "sums checkpoint")(lambda data: data.replace(b"\n", b"\r\n"))
rewrite("checkpoint", "last newline gone", "sums checkpoint")(lambda data: data[:-1])
rewrite("checkpoint", "empty", "sums checkpoint")(lambda data: b"")
rewrite("checkpoint", "larger than 65,536 bytes", "file sums")(lambda data: data + b"x" * 65536)
rewrite("checkpoint", "size 0", "sums checkpoint")(lambda data: b"\n".join([data.split(b"\n")[0], b"0"] + data.split(b"\n")[2:]))
rewrite("checkpoint", "size 2^63 - 1", LIES)(
    lambda data: b"\n".join([data.split(b"\n")[0], b"%d" % (2**63 - 1)] + data.split(b"\n")[2:]))
rewrite("checkpoint", "size 2^63", "sums checkpoint")(
    lambda data: b"\n".join([data.split(b"\n")[0], b"%d" % 2**63] + data.split(b"\n")[2:]))
# Its lines are compared with bundle.json only where the note as a whole can be read.
rewrite("checkpoint", "another origin, and a control character below", "sums checkpoint")(
    lambda data: data.replace(b"/t/", b"/t/0", 1) + b"\x01\n")
rewrite("checkpoint", "another origin, and a byte that is not UTF-8 below", "sums checkpoint")(
    lambda data: data.replace(b"/t/", b"/t/0", 1) + b"\xff\n")
rewrite("checkpoint", "an unknown key's line added", "sums")(
    lambda data: data + kit.note_line("witness.example", b"abcd", bytes(64)))


@mutation("checkpoint missing", "file sums")
def _(files):
    del files["checkpoint"]


# ------------------------------------------------------------------------- bundle.json

def bundle_mutation(name, fails, period=None):
    def register(function):
        def change(files):
            value = json.loads(files["bundle.json"])
            files["bundle.json"] = kit.canonical(function(value)) + b"\n"
        return mutation("bundle.json: %s" % name, fails, period)(change)
    return register


def set_to(name, value):
    return lambda members: kit.put(name, value)(members)


def more(name):
    return lambda members: {**members, name: members[name] + 1}


bundle_mutation("count one more", "sums meta")(more("count"))
# A whole log that claims to be part of a larger one needs range.json.
bundle_mutation("size one more", "file sums minisig meta period", "sums minisig meta")(more("size"))
bundle_mutation("last one more", "file sums minisig meta period", "sums minisig meta")(more("last"))
bundle_mutation("first one more", "file sums minisig meta order period", "sums minisig meta order root")(more("first"))
bundle_mutation("another root", "sums minisig meta")(set_to("root", OTHER_HASH))
bundle_mutation("another origin of this vault", "sums minisig meta record", "sums minisig meta")(
    lambda m: {**m, "origin": m["origin"][:-64] + "0" * 64})
bundle_mutation("another tenant", "sums minisig meta order")(set_to("tenant", "somebody-else"))


@mutation("bundle.json: without tenant", "sums minisig meta order")
def _(files):
    value = json.loads(files["bundle.json"])
    need("tenant" in value)
    files["bundle.json"] = kit.canonical(kit.put("tenant", None)(value)) + b"\n"


bundle_mutation("a stranger's log key", "sums key checkpoint record", "sums key checkpoint")(
    lambda m: {**m, "key": stranger().log_key.vkey(m["key"].split("+")[0])})
bundle_mutation("a stranger's export key", "sums minisig key record", "sums minisig key")(
    set_to("export_key", stranger().rw()))
bundle_mutation("another writer", "sums")(set_to("writer", "talon/9.9.9"))
bundle_mutation("an unknown member", "sums")(set_to("zz", 1))
bundle_mutation("a log key of small order", "sums meta")(
    lambda m: {**m, "key": kit.vkey(m["key"].split("+")[0], bytes(32))})
bundle_mutation("an export key of small order", "sums meta")(set_to("export_key", kit.rw(bytes(32))))
bundle_mutation("size a text", "sums meta")(lambda m: {**m, "size": str(m["size"])})
bundle_mutation("root in hex", "sums meta")(set_to("root", "00" * 32))
bundle_mutation("no writer", "sums meta")(set_to("writer", None))
bundle_mutation("needs empty", "sums meta")(set_to("needs", []))
bundle_mutation("needs a text", "sums meta")(set_to("needs", "rotation"))
bundle_mutation("needs not sorted", "sums meta")(set_to("needs", ["zebra", "ape"]))
bundle_mutation("needs twice the same", "sums meta")(set_to("needs", ["ape", "ape"]))
rewrite("bundle.json", "a space", "sums canonical")(lambda data: data.replace(b":", b": ", 1))
rewrite("bundle.json", "without its newline", "sums canonical")(lambda data: data[:-1])
rewrite("bundle.json", "two newlines", "sums canonical")(lambda data: data + b"\n")
rewrite("bundle.json", "a member twice", "sums canonical")(lambda data: data[:-2] + b',"writer":"x"}\n')
rewrite("bundle.json", "null", "sums canonical")(lambda data: data[:-2] + b',"zz":null}\n')
rewrite("bundle.json", "a fraction", "sums canonical")(lambda data: data[:-2] + b',"zz":1.5}\n')
rewrite("bundle.json", "nested nine deep", "sums canonical")(
    lambda data: data[:-2] + b',"zz":[[[[[[[[1]]]]]]]]}\n')
rewrite("bundle.json", "nested 256 deep", "sums canonical")(
    lambda data: data[:-2] + b',"zz":' + b"[" * 255 + b"]" * 255 + b"}\n")
rewrite("bundle.json", "brackets in a text", "sums")(lambda data: data[:-2] + b',"zz":"' + b'[\\"{' * 300 + b'"}\n')
rewrite("bundle.json", "a lone surrogate", "sums canonical")(lambda data: data[:-2] + b',"zz":"\\ud800"}\n')
rewrite("bundle.json", "needs escaped and not sorted", "sums canonical")(
    lambda data: data.replace(b',"origin"', b',"needs":["\\u00e9","\\u00e8"],"origin"'))
rewrite("bundle.json", "larger than 65,536 bytes", "file")(lambda data: data[:-2] + b',"zz":"' + b"x" * 65536 + b'"}\n')

COULD_NOT_TELL = [      # (name, change of bundle.json): exit 3
    ("cut in its middle", lambda data: data[:len(data) // 2]),
    ("empty", lambda data: b""),
    ("an array", lambda data: b"[" + data[:-1] + b"]\n"),
    ("a newer format", lambda data: data.replace(b"talon-bundle/v1", b"talon-bundle/v2")),
    ("format a number", lambda data: data.replace(b'"talon-bundle/v1"', b"1")),
    ("without format", lambda data: data.replace(b'"format":', b'"formal":')),
    ("a needs that nobody knows", lambda data: data.replace(b',"origin"', b',"needs":["telepathy"],"origin"')),
    ("two needs that nobody knows", lambda data: data.replace(b',"origin"', b',"needs":["ape","zebra"],"origin"')),
    ("an unknown needs and spaces", lambda data: data.replace(b',"origin"', b', "needs": ["telepathy"] ,"origin"')),
    ("not UTF-8", lambda data: data.replace(b'"writer":"', b'"writer":"\xff')),
    ("NaN", lambda data: data[:-2] + b',"zz":NaN}\n'),
    ("a trailing comma", lambda data: data[:-2] + b",}\n"),
    ("words after it", lambda data: data + b"and more\n"),
    ("a byte order mark", lambda data: b"\xef\xbb\xbf" + data),
    ("nested 257 deep", lambda data: data[:-2] + b',"zz":' + b"[" * 256 + b"]" * 256 + b"}\n"),
    ("nested 20,000 deep", lambda data: data[:-2] + b',"zz":' + b"[" * 20000 + b"]" * 20000 + b"}\n"),
    ("a newer format, nested 256 deep", lambda data: data.replace(b"talon-bundle/v1", b"talon-bundle/v2")[:-2]
     + b',"zz":' + b"[" * 255 + b"]" * 255 + b"}\n"),
    ("needs of escaped letters", lambda data: data.replace(b',"origin"', b',"needs":["\\u00e8","\\u00e9"],"origin"')),
    ("needs of a lone surrogate", lambda data: data.replace(b',"origin"', b',"needs":["\\ud800"],"origin"')),
    ("needs sorted by code points", lambda data: data.replace(
        b',"origin"', b',"needs":["\\uffff","\\ud83d\\ude00"],"origin"')),
]


# ------------------------------------------------------------------------- SHA256SUMS, minisig, README

def sums_lines(function):
    return lambda data: b"".join(function(data.splitlines(keepends=True)))


BOTH = "sums minisig"
rewrite("SHA256SUMS", "a line removed", BOTH)(sums_lines(lambda l: l[:-1]))
rewrite("SHA256SUMS", "a line twice", BOTH)(sums_lines(lambda l: l + l[-1:]))
rewrite("SHA256SUMS", "two lines swapped", BOTH)(sums_lines(lambda l: [l[1], l[0]] + l[2:]))
rewrite("SHA256SUMS", "another hash", BOTH)(lambda data: (b"0" if data[:1] != b"0" else b"1") + data[1:])
rewrite("SHA256SUMS", "capital letters", BOTH)(sums_lines(lambda l: [l[0][:64].upper() + l[0][64:]] + l[1:]))
rewrite("SHA256SUMS", "one space", BOTH)(lambda data: data.replace(b"  ", b" ", 1))
rewrite("SHA256SUMS", "the binary mark", BOTH)(lambda data: data.replace(b"  ", b" *", 1))
rewrite("SHA256SUMS", "./ before a name", BOTH)(lambda data: data.replace(b"  README", b"  ./README", 1))
rewrite("SHA256SUMS", "carriage returns", BOTH)(lambda data: data.replace(b"\n", b"\r\n"))
rewrite("SHA256SUMS", "last newline gone", BOTH)(lambda data: data[:-1])
rewrite("SHA256SUMS", "an empty line", BOTH)(lambda data: data + b"\n")
rewrite("SHA256SUMS", "a file that is not there", BOTH)(lambda data: data + b"0" * 64 + b"  zz\n")
rewrite("SHA256SUMS", "empty", BOTH)(lambda data: b"")


def remove(name, fails):
    @mutation("%s missing" % name, fails)
    def _(files):
        del files[name]


remove("SHA256SUMS", "file")
remove("SHA256SUMS.minisig", "file")
remove("README.txt", "file sums")


@mutation("a file that is not listed", "sums")
def _(files):
    files["notes.txt"] = b"read this first\n"


@mutation("a file in a folder that is not listed", "sums")
def _(files):
    files["vault/checkpoint"] = b"x\n"


@mutation("two files exchanged", "sums checkpoint")
def _(files):
    files["README.txt"], files["checkpoint"] = files["checkpoint"], files["README.txt"]


rewrite("README.txt", "a word", "sums")(lambda data: data[:-1] + b".\n")
rewrite("README.txt", "larger than 65,536 bytes", "file sums")(lambda data: data + b"x" * 65536)


def minisig_mutation(name, function):
    """Change (untrusted, signature, trusted, global signature)."""
    def change(files):
        parts = files["SHA256SUMS.minisig"].decode().split("\n")
        values = function(parts[0][19:], base64.b64decode(parts[1]), parts[2][17:], base64.b64decode(parts[3]))
        files["SHA256SUMS.minisig"] = kit.minisig_lines(*values)
    mutation("SHA256SUMS.minisig: %s" % name, "minisig")(change)


minisig_mutation("another untrusted comment", lambda u, s, t, g: (u + "x", s, t, g))
minisig_mutation("another trusted comment", lambda u, s, t, g: (u, s, t + " more", g))
minisig_mutation("a bit of the signature", lambda u, s, t, g: (u, kit.flip(s, 30), t, g))
minisig_mutation("a bit of the comment's signature", lambda u, s, t, g: (u, s, t, kit.flip(g, 30)))
minisig_mutation("the legacy algorithm's letters", lambda u, s, t, g: (u, b"Ed" + s[2:], t, g))
minisig_mutation("another key's id", lambda u, s, t, g: (u, kit.flip(s, 5), t, g))
minisig_mutation("S + L", lambda u, s, t, g: (u, s[:10] + kit.plus_order(s[10:]), t, g))
minisig_mutation("S + L in the comment's signature", lambda u, s, t, g: (u, s, t, kit.plus_order(g)))
minisig_mutation("a signature without its last byte", lambda u, s, t, g: (u, s[:-1], t, g))
for _name, _change in (("a fifth line", lambda data: data + b"more\n"),
                       ("last newline gone", lambda data: data[:-1]),
                       ("carriage returns", lambda data: data.replace(b"\n", b"\r\n")),
                       ("empty", lambda data: b""),
                       ("only two lines", lambda data: b"".join(data.splitlines(keepends=True)[:2])),
                       ("loose base64 bits", lambda data: b"\n".join(
                           kit.loose_bits(line.decode()).encode() if i == 3 else line
                           for i, line in enumerate(data.split(b"\n"))))):
    rewrite("SHA256SUMS.minisig", _name, "minisig")(_change)
rewrite("SHA256SUMS.minisig", "larger than 65,536 bytes", "file")(lambda data: data + b"x" * 65536)


# ------------------------------------------------------------------------- the table

def mutated(files, function):
    """The changed bundle's bytes, or None where the mutation does not apply."""
    files = dict(files)
    try:
        function(files)
    except NotApplicable:
        return None
    return kit.tar(kit.members_of(files))


def edited(files, is_whole, prefix, arguments=None):
    """All mutations of one bundle as cases."""
    result = []
    for name, function, whole_fails, period_fails in MUTATIONS:
        data = mutated(files, function)
        if data is not None:
            result.append(case("%s, edited: %s" % (prefix, name), data, whole_fails if is_whole else period_fails,
                               arguments=arguments))
    for name, change in COULD_NOT_TELL:
        new = change(files["bundle.json"])
        if new != files["bundle.json"]:
            data = kit.tar(kit.members_of({**files, "bundle.json": new}))
            result.append(case("%s, edited: bundle.json: %s" % (prefix, name), data, exit=3, arguments=arguments))
    data = kit.tar(kit.members_of({name: files[name] for name in files if name != "bundle.json"}))
    result.append(case("%s, edited: bundle.json missing" % prefix, data, exit=3, arguments=arguments))
    return result


def exchanged():
    """Genuine pieces in the wrong place: another tenant's log, an older head."""
    acme, other = whole().all, globex().all
    older = kit.build(vault(), kit.acme_log(vault()), size=7).all
    older_for_period = kit.build(vault(), kit.acme_log(vault()), size=12).all

    def with_files(base, source, *names):
        return kit.tar(kit.members_of({**base, **{name: source[name] for name in names}}))

    return [
        case("another tenant's records", with_files(acme, other, "records.jsonl"), "sums meta record order leaf root"),
        case("another tenant's records and leaves", with_files(acme, other, "records.jsonl", "leaves.bin"),
             "sums meta record order root"),
        case("another tenant's checkpoint", with_files(acme, other, "checkpoint"), "sums meta root"),
        case("another tenant's sums and signature", with_files(acme, other, "SHA256SUMS", "SHA256SUMS.minisig"), "sums minisig"),
        case("another tenant's bundle.json", with_files(acme, other, "bundle.json"),
             # size 6, last 5: whole; the genesis has acme's origin
             "sums minisig meta record order"),
        case("an older checkpoint", with_files(acme, older, "checkpoint"), "sums meta root"),
        case("an older checkpoint under a period", with_files(period().all, older_for_period, "checkpoint"), "sums meta root"),
        case("older sums and signature", with_files(acme, older, "SHA256SUMS", "SHA256SUMS.minisig"), "sums minisig"),
        case("older records", with_files(acme, older, "records.jsonl"), "sums meta leaf root"),
        case("older records and leaves", with_files(acme, older, "records.jsonl", "leaves.bin"), "sums meta root"),
        case("an older bundle.json", with_files(acme, older, "bundle.json"), "sums minisig meta"),
        case("two leaves replaced by their parent", kit.tar(kit.members_of({
            **acme, "records.jsonl": acme["records.jsonl"].replace(*parent_of_first_two(acme))})),
            "sums canonical"),
    ]


def parent_of_first_two(files):
    first, second = files["records.jsonl"].split(b"\n")[:2]
    parent = b"\x01" + kit.leaf(first) + kit.leaf(second)
    assert b"\n" not in parent
    return first + b"\n" + second, parent


def cases():
    return (edited(whole().all, True, "whole") + edited(period().all, False, "period") + exchanged())
