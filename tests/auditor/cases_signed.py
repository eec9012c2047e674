"""Wrong bundles that are signed with the genuine keys, and right ones that look unusual.

A change without a key mostly dies at a signature or a sum, so a parse rule behind it is never
reached. Here everything above the change is made anew, as a faulty or dishonest vault would.
The twins show the other side: what must be accepted.
"""

import json

import bundlekit as kit
from bundlekit import always, at, edit, put, replace
from case import (case, globex, operator_log, period, signed_period, signed_whole,
                  stranger, unattributed_log, vault, whole)

SMALL_ORDER = [bytes(32), b"\x01" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f", b"\xed" + b"\xff" * 30 + b"\x7f",
               b"\xee" + b"\xff" * 30 + b"\x7f",
               bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
               bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")]


def signed(name, fails, **change):
    return case("whole, signed: %s" % name, lambda: signed_whole(**change), fails)


def signed_part(name, fails, **change):
    return case("period, signed: %s" % name, lambda: signed_period(**change), fails)


# ------------------------------------------------------------------------- lines

def with_member(text):
    """Put raw text as a further member behind the last one of a line ("v" sorts last)."""
    return lambda line: line[:-1] + b"," + text + b"}"


def padded(line, size):
    """The same line with a further member, exactly size bytes long."""
    return with_member(b'"zz":"' + b"x" * (size - len(line) - 8) + b'"')(line)


# Lines that are no canonical lines, by what makes them so.
WRONG_LINES = [
    ("a space", replace(b'"v":1', b'"v": 1')), ("a leading space", lambda line: b" " + line),
    ("a trailing space", lambda line: line + b" "), ("a tab", lambda line: line + b"\t"),
    ("a carriage return", lambda line: line + b"\r"),
    ("a byte order mark", lambda line: b"\xef\xbb\xbf" + line),
    ("an empty line", always(b"")), ("an array", always(b"[1]")), ("a text", always(b'"text"')),
    ("a number", always(b"1")), ("null", always(b"null")), ("no JSON", always(b"hello")),
    ("two objects", lambda line: line + line), ("half an object", lambda line: line[:-1]),
    ("members not in order", lambda line: b'{"zz":1,' + line[1:]),
    ("a member twice", with_member(b'"v":1')), ("an equal member twice inside", with_member(b'"zz":{"a":1,"a":1}')),
    ("a null member", with_member(b'"zz":null')), ("a null in an array", with_member(b'"zz":[null]')),
    ("a fraction", with_member(b'"zz":1.5')), ("1.0", with_member(b'"zz":1.0')), ("1e3", with_member(b'"zz":1e3')),
    ("-0", with_member(b'"zz":-0')), ("01", with_member(b'"zz":01')), ("+1", with_member(b'"zz":+1')),
    ("2^53", with_member(b'"zz":9007199254740992')), ("-2^53", with_member(b'"zz":-9007199254740992')),
    ("a number of 400 digits", with_member(b'"zz":1' + b"0" * 399)),
    ("NaN", with_member(b'"zz":NaN')), ("Infinity", with_member(b'"zz":-Infinity')),
    ("an escaped letter", with_member(b'"zz":"\\u0061"')), ("an escaped slash", with_member(b'"zz":"\\/"')),
    ("an escaped newline", with_member(b'"zz":"\\n"')), ("an escaped NUL", with_member(b'"zz":"\\u0000"')),
    ("an escaped surrogate pair", with_member(b'"zz":"\\ud83d\\ude00"')),
    ("an escaped lone surrogate", with_member(b'"zz":"\\ud800"')),
    ("a lone surrogate in UTF-8", with_member(b'"zz":"\xed\xa0\x80"')),
    ("an overlong slash", with_member(b'"zz":"\xc0\xaf"')),
    ("a sequence cut short", with_member(b'"zz":"\xe2\x98"')), ("a byte FF", with_member(b'"zz":"\xff"')),
    ("beyond U+10FFFF", with_member(b'"zz":"\xf4\x90\x80\x80"')),
    ("a raw tab in a text", with_member(b'"zz":"a\tb"')), ("a raw NUL in a text", with_member(b'"zz":"\0"')),
    ("DEL in a text", with_member(b'"zz":"\x7f"')), ("U+0085 in a text", with_member("\"zz\":\"\u0085\"".encode())),
    ("a capital member name", with_member(b'"zZ":1')), ("a dash in a member name", with_member(b'"z-z":1')),
    ("an empty member name", lambda line: b'{"":1,' + line[1:]),
    ("a member name that is not ASCII", with_member("\"z\u00e9\":1".encode())),
    ("nine deep", with_member(b'"zz":' + b"[" * 8 + b"1" + b"]" * 8)), ("nine deep with objects", with_member(
        b'"zz":' + b'{"a":' * 8 + b"1" + b"}" * 8)),
    ("nested 30,000 deep", with_member(b'"zz":' + b"[" * 30000 + b"]" * 30000)),
    ("65,536 bytes", lambda line: padded(line, 65536)), ("three MiB", lambda line: padded(line, 3 << 20)),
]


def spelled():
    """The tree, the leaves and the signatures all agree with the wrong line."""
    return [signed("a line with %s" % name, "canonical", lines=at(4, change)) for name, change in WRONG_LINES] + [
        signed("an over-long last line", "canonical", lines=at(-1, lambda line: padded(line, 70000))),
        signed("the last newline missing", "canonical", **{"records.jsonl": lambda data: data[:-1]}),
        signed_part("a line with a space", "canonical", lines=edit(4, b'"v":1', b'"v": 1')),
        signed("an empty line at the end", "canonical", lines=at(-1, always(b""))),
        signed("records.jsonl empty", "canonical", **{"records.jsonl": always(b"")}),
        signed("only a newline", "canonical", **{"records.jsonl": always(b"\n")}),
        signed("canonical wins over leaf", "canonical", lines=edit(4, b'"v":1', b'"v": 1'),
               **{"leaves.bin": lambda data: kit.flip(data, 5)}),
        signed("canonical wins over a record before it", "canonical", records=at(3, put("v", 2)), lines=edit(4, b'"v":1', b'"v": 1')),
        signed_part("canonical wins over the form of range.json", "canonical", lines=edit(4, b'"v":1', b'"v": 1'), range=put("left", None)),
        signed_part("canonical wins over the period", "canonical", lines=edit(4, b'"v":1', b'"v": 1'), span=always((3, 10))),
        signed("canonical wins over the number of lines", "canonical", **{"records.jsonl": lambda data: data + b"\n"}),
    ]


# ------------------------------------------------------------------------- records

def recorded():
    def with_put(name, value, index=5):
        return {"records": at(index, put(name, value))}

    def genesis(name, value):
        return with_put(name, value, 0)

    fresh = kit.evidence_id("fresh")
    wrong = [
        ("v 2", with_put("v", 2)), ("v 0", with_put("v", 0)), ("v negative", with_put("v", -1)), ("v a text", with_put("v", "1")), ("v true", with_put("v", True)),
        ("no v", with_put("v", None)),
        ("seq a text", with_put("seq", "5")), ("no seq", with_put("seq", None)), ("seq negative", with_put("seq", -5)),
        ("no id", with_put("id", None)), ("id a number", with_put("id", 5)), ("id empty", with_put("id", "")),
        ("id without ev_", with_put("id", fresh[3:])), ("id one too long", with_put("id", fresh + "0")),
        ("id one too short", with_put("id", fresh[:-1])), ("id beyond 128 bits", with_put("id", "ev_8" + fresh[4:])),
        ("id with a letter I", with_put("id", fresh[:-1] + "I")), ("id in lower case", with_put("id", fresh.lower())),
        ("no time", with_put("time", None)), ("time a text", with_put("time", "5")), ("time negative", with_put("time", -5)),
        ("time true", with_put("time", True)),
        ("clock a text", with_put("clock", "5")), ("clock negative", with_put("clock", -1)),
        ("no kind", with_put("kind", None)), ("kind a number", with_put("kind", 5)),
        ("tenant a number", with_put("tenant", 5)), ("tenant an array", with_put("tenant", ["acme"])),
        ("a second genesis", with_put("kind", "genesis")), ("no genesis at 0", genesis("kind", "mark")),
        ("the genesis of another origin", genesis("origin", vault().origin(b"globex"))),
        ("the genesis of another log key", genesis("key", stranger().vkey())),
        ("the genesis of another export key", genesis("export_key", stranger().rw())),
        ("a genesis without origin", genesis("origin", None)), ("a genesis without key", genesis("key", None)),
        ("a genesis without export key", genesis("export_key", None)),
        ("a genesis whose key is a number", genesis("key", 5)),
    ]
    time = 4 * kit.DAY
    order = [
        ("a gap in seq", with_put("seq", 6)), ("seq repeated", with_put("seq", 4)), ("seq huge", with_put("seq", 2**53 - 1)),
        ("time going back", with_put("time", kit.MAY_1 + kit.DAY)),
        ("time jumping ahead and back", with_put("time", kit.MAY_1 + time)),
        ("another tenant", with_put("tenant", "globex")), ("no tenant", with_put("tenant", None)),
        ("an empty tenant", with_put("tenant", "")), ("a tenant in capitals", with_put("tenant", "Acme")),
        ("an id twice", with_put("id", kit.evidence_id("%s 3" % b"acme".hex()))),
        ("all numbers from 100", {"lines": lambda lines: [
            line.replace(b'"seq":', b'"seq":10', 1) if i else line for i, line in enumerate(lines)]}),
    ]

    def clock_repeats(record):
        return {**record, "clock": record["time"]}

    return [signed("record: " + name, "record", **change) for name, change in wrong] + [
        signed("order: " + name, "order", **change) for name, change in order] + [
        signed("record: clock repeats time", "record", records=at(5, clock_repeats)),
        signed("record and order: seq 0 in the middle", "record order", **with_put("seq", 0)),
        signed("record and order: the genesis has number 1", "record order", **genesis("seq", 1)),
        signed("record wins over order", "record", records=lambda records: at(5, put("tenant", "globex"))(
            at(6, put("id", None))(records))),
        signed("record wins over an order fault before it", "record", records=lambda records: at(5, put("tenant", "globex"))(
            at(6, put("kind", 5))(records))),
        signed("record and order: a wrong v is no wrong type", "record order", records=lambda records: at(5, put("tenant", "globex"))(
            at(6, put("v", 2))(records))),
        signed("record wins over the count", "record", records=at(5, put("time", "5")), bundle=put("count", 12)),
        signed_part("record wins over the period", "record", records=at(5, put("time", -5)), span=always((3, 10))),
        signed("canonical wins over record and order", "canonical", records=lambda records: at(5, put("tenant", "globex"))(
            at(6, put("v", 2))(records)), lines=edit(7, b'"v":1', b'"v": 1')),
        signed("a whole log of another tenant under this name", "meta", bundle=put("tenant", "acme2"),
               records=lambda records: [{**record, "tenant": "acme2"} for record in records]),
        signed_part("record: v 2", "record", **with_put("v", 2)),
        signed_part("order: another tenant", "order", **with_put("tenant", "globex")),
        signed_part("the neighbour outside the period is another tenant's", "order", **with_put("tenant", "globex", 2)),
        # Outside the shown range nothing can be seen: a twin, not a fault.
        signed_part("a fault outside the records shown", "", **with_put("v", 2, 12)),
    ]


# ------------------------------------------------------------------------- checkpoint

def checkpoints():
    v = vault()
    origin, root = v.origin(b"acme"), kit.b64(kit.root([kit.leaf(kit.canonical(r)) for r in kit.acme_log(v).records]))

    def text(*lines):
        return {"text": always("".join(line + "\n" for line in lines).encode())}

    def note(change):
        """change(text, genuine line) -> note"""
        return {"checkpoint": lambda data: change(*split(data))}

    def split(data):
        body, _, line = data.rpartition(b"\n\n")
        return body + b"\n", line

    other = kit.b64(kit.sha256(b"other"))
    cosignature = kit.note_line("witness.example", b"wxyz", bytes(72))
    sixteen = b"".join(kit.note_line("witness-%d.example" % i, b"%04d" % i, bytes(64)) for i in range(16))
    fifteen = b"".join(sixteen.splitlines(keepends=True)[:15])
    bad = [
        ("a leading zero", text(origin, "013", root)), ("a plus sign", text(origin, "+13", root)),
        ("a trailing space", text(origin, "13 ", root)), ("Arabic digits", text(origin, "\u0661\u0663", root)),
        ("full-width digits", text(origin, "\uff11\uff13", root)), ("a negative size", text(origin, "-13", root)),
        ("a fraction", text(origin, "13.0", root)), ("hex", text(origin, "0xd", root)), ("no size", text(origin, "", root)),
        ("size 0", text(origin, "0", root)), ("a size of 400 digits", text(origin, "1" + "0" * 399, root)),
        ("size 2^64 + 13", text(origin, str(2**64 + 13), root)),
        ("an extension line", text(origin, "13", root, "more")), ("only two lines", text(origin, "13")),
        ("an empty line inside", text(origin, "13", root, "", "x")),
        ("the root in hex", text(origin, "13", "00" * 32)), ("the root without padding", text(origin, "13", root.rstrip("="))),
        ("a root of 31 bytes", text(origin, "13", kit.b64(bytes(31)))), ("a root of 33 bytes", text(origin, "13", kit.b64(bytes(33)))),
        ("loose base64 bits", text(origin, "13", kit.loose_bits(root))),
        ("the other base64 alphabet", text(origin, "13", ("-" + root[1:]))), ("a space after the root", text(origin, "13", root + " ")),
        ("an empty origin", text("", "13", root)), ("a tab in the text", text(origin + "\t", "13", root)),
        ("a carriage return in the text", text(origin + "\r", "13", root)),
        ("a text that is not UTF-8", {"text": lambda data: b"\xff" + data}),
        ("no newline at the end of the text", note(lambda t, line: t + line)),
        ("a good and a bad line of the key", note(lambda t, line: t + b"\n" + line + kit.note_line(
            "gw1", kit.key_id("gw1", v.log_key.public), bytes(64)))),
        ("a bad and a good line of the key", note(lambda t, line: t + b"\n" + kit.note_line(
            "gw1", kit.key_id("gw1", v.log_key.public), bytes(64)) + line)),
        ("a short line of the key and a good one", note(lambda t, line: t + b"\n" + line + kit.note_line(
            "gw1", kit.key_id("gw1", v.log_key.public), bytes(63)))),
        ("only a witness", note(lambda t, line: t + b"\n" + cosignature)),
        ("the right key under another name", note(lambda t, line: t + b"\n" + v.log_key.note_line("gw2", t))),
        ("the export key's signature", note(lambda t, line: t + b"\n" + v.export_key.note_line("gw1", t))),
        ("a stranger's signature under the key's id", note(lambda t, line: t + b"\n" + kit.note_line(
            "gw1", kit.key_id("gw1", v.log_key.public), stranger().log_key.sign(t)))),
        ("17 lines", note(lambda t, line: t + b"\n" + line + sixteen)),
        ("an empty line among the signatures", note(lambda t, line: t + b"\n" + line + b"\n" + cosignature)),
        ("a line without dash", note(lambda t, line: t + b"\n" + line + b"more\n")),
        ("a line without name", note(lambda t, line: t + b"\n" + line + kit.note_line("", b"abcd", bytes(64)))),
        ("a line with two spaces", note(lambda t, line: t + b"\n" + line.replace(b"gw1 ", b"gw1  "))),
        ("a plus in another line's name", note(lambda t, line: t + b"\n" + line + kit.note_line("a+b", b"abcd", bytes(64)))),
        ("a no-break space in another line's name", note(lambda t, line: t + b"\n" + line + kit.note_line("a\u00a0b", b"abcd", bytes(64)))),
        ("another line of four bytes", note(lambda t, line: t + b"\n" + line + kit.note_line("a", b"abcd", b""))),
        ("another line with loose base64", note(lambda t, line: t + b"\n" + line + (
            "\u2014 a %s\n" % kit.loose_bits(kit.b64(bytes(68)))).encode())),
        ("a tab in another line", note(lambda t, line: t + b"\n" + line + kit.note_line("a\tb", b"abcd", bytes(64)))),
        ("the last line not ended", note(lambda t, line: t + b"\n" + line[:-1])),
        ("spaces after the signature", note(lambda t, line: t + b"\n" + line[:-1] + b" \n")),
        ("S + L", note(lambda t, line: t + b"\n" + kit.note_line(
            "gw1", kit.key_id("gw1", v.log_key.public), kit.plus_order(v.log_key.sign(t))))),
        ("a minisign signature of it", note(lambda t, line: t + b"\n" + kit.note_line(
            "gw1", kit.key_id("gw1", v.log_key.public), v.log_key.sign(kit.hashlib.blake2b(t).digest())))),
    ]
    good = [
        ("a cosignature beside it", note(lambda t, line: t + b"\n" + line + cosignature)),
        ("a cosignature before it", note(lambda t, line: t + b"\n" + cosignature + line)),
        ("16 lines", note(lambda t, line: t + b"\n" + fifteen + line)),
        ("the key's line twice", note(lambda t, line: t + b"\n" + line + line)),
        # Only the key's owner can make it; R is compared as bytes, whatever its order.
        ("a signature whose R is of small order", note(lambda t, line: t + b"\n" + kit.note_line(
            "gw1", kit.key_id("gw1", v.log_key.public), v.log_key.sign_with_neutral_r(t)))),
        ("a line of five bytes", note(lambda t, line: t + b"\n" + line + kit.note_line("a", b"abcd", b"e"))),
        ("a line of the key's name and another id", note(lambda t, line: t + b"\n" + line + kit.note_line("gw1", b"abcd", bytes(64)))),
        ("a line of the key's id and another name", note(lambda t, line: t + b"\n" + line + kit.note_line(
            "gw2", kit.key_id("gw1", v.log_key.public), bytes(64)))),
    ]
    return [signed("checkpoint: " + name, "checkpoint", **change) for name, change in bad] + [
        signed("twin: checkpoint with " + name, "", **change) for name, change in good] + [
        signed("checkpoint of a smaller size than bundle.json", "meta root", **text(origin, "12", root)),
        signed("checkpoint of a larger size than bundle.json", "meta root", **text(origin, "14", root)),
        signed("checkpoint of a size beyond 2^53", "meta root", **text(origin, str(2**60), root)),
        signed("checkpoint of another root than bundle.json", "meta root", **text(origin, "13", other)),
        signed("checkpoint of another origin than bundle.json", "meta", **text(v.origin(b"globex"), "13", root)),
        signed("checkpoint and bundle.json of another root", "root", head=lambda h: (h[0], h[1], kit.sha256(b"other"))),
        signed("checkpoint and bundle.json of another size", "file period", head=lambda h: (h[0], 14, h[2])),
        signed("checkpoint, bundle.json and genesis of another origin", "meta", head=lambda h: (v.origin(b"globex"),) + h[1:],
             records=at(0, put("origin", v.origin(b"globex")))),
        signed_part("checkpoint and bundle.json of another size", "root", head=lambda h: (h[0], 15, h[2])),
        # For 14, the last hash on the right stands for two records instead of one and leads to the
        # same root: hashes do not prove a size, only the signature does, and here the vault lied.
        signed_part("twin: a false size that fits the hashes, signed", "", head=lambda h: (h[0], 14, h[2])),
    ]


# ------------------------------------------------------------------------- bundle.json

def bundles():
    v = vault()
    hashed = kit.sha256(b"acme").hex()

    def member(name, value):
        return {"bundle": put(name, value)}

    def origin(value):
        return {"bundle": put("origin", value), "trusted": always("x"), "untrusted": always("gw1")}

    bad_key = v.vkey().split("+", 2)
    forms = [
        ("tenant empty", member("tenant", "")), ("tenant of 129 characters", member("tenant", "x" * 129)),
        ("tenant a number", member("tenant", 5)), ("origin a number", member("origin", 5)),
        ("origin without /t/", origin("gw1/" + hashed)), ("origin in capital hex", origin("gw1/t/" + hashed.upper())),
        ("origin with a short hash", origin("gw1/t/" + hashed[:-1])), ("origin with a capital vault", origin("GW1/t/" + hashed)),
        ("origin with a segment t", origin("gw1/t/t/" + hashed)), ("origin without vault", origin("/t/" + hashed)),
        ("origin with an empty segment", origin("gw1//x/t/" + hashed)), ("origin with a vault of 129 bytes", origin("g" * 129 + "/t/" + hashed)),
        ("origin with more behind", origin("gw1/t/" + hashed + "/")), ("no origin", member("origin", None)),
        ("key a number", member("key", 5)), ("no key", member("key", None)),
        ("key with another hash", member("key", "+".join([bad_key[0], "00000000", bad_key[2]]))),
        ("key with a capital hash", member("key", "+".join([bad_key[0], "ABCDEF00", bad_key[2]]))),
        ("key of another type", member("key", kit.vkey("gw1", v.log_key.public, 4))),
        ("key of 31 bytes", member("key", kit.vkey("gw1", v.log_key.public[:-1]))),
        ("key of 33 bytes", member("key", kit.vkey("gw1", v.log_key.public + b"x"))),
        ("key without name", member("key", kit.vkey("", v.log_key.public))),
        ("key with a space in its name", member("key", kit.vkey("gw 1", v.log_key.public))),
        ("export_key a number", member("export_key", 5)), ("no export_key", member("export_key", None)),
        ("export_key of another id", member("export_key", kit.b64(b"Ed" + bytes(8) + v.export_key.public))),
        ("export_key of another algorithm", member("export_key", kit.b64(b"ED" + kit.sha256(v.export_key.public)[:8] + v.export_key.public))),
        ("export_key too short", member("export_key", v.rw()[:-4])), ("export_key a verifier key", member("export_key", v.vkey())),
        ("key a minisign key", member("key", v.rw())),
        ("first a text", member("first", "0")), ("first negative", member("first", -1)), ("no first", member("first", None)),
        ("last true", member("last", True)), ("no last", member("last", None)), ("last negative", member("last", -1)),
        ("size a text", member("size", "13")), ("no size", member("size", None)), ("size an array", member("size", [13])),
        ("root in hex", member("root", "00" * 32)), ("root of 31 bytes", member("root", kit.b64(bytes(31)))),
        ("root a number", member("root", 5)), ("no root", member("root", None)),
        ("count a text", member("count", "13")), ("no count", member("count", None)), ("count negative", member("count", -1)),
        ("from a text", member("from", "2026-05-01")), ("to a text", member("to", "2026-05-31")),
        ("to negative", member("to", -1)),
        ("no writer", member("writer", None)), ("writer a number", member("writer", 5)),
        ("needs empty", member("needs", [])), ("needs a text", member("needs", "rotation")), ("needs an object", member("needs", {})),
        ("needs not sorted", member("needs", ["zebra", "ape"])), ("needs twice the same", member("needs", ["ape", "ape"])),
        ("needs of numbers", member("needs", [1])),
    ]
    spelling = [
        ("a space", replace(b":", b": ")), ("no newline", lambda data: data[:-1]), ("two lines", lambda data: data + b"\n"),
        ("a member twice", lambda data: data[:-2] + b',"writer":"x"}\n'), ("null", lambda data: data[:-2] + b',"zz":null}\n'),
        ("a fraction", replace(b'"first":0', b'"first":0.0')), ("2^53", lambda data: data[:-2] + b',"zz":9007199254740992}\n'),
        ("an escape", replace(b"talon-bundle", b"\\u0074alon-bundle")), ("a carriage return", lambda data: data[:-1] + b"\r\n"),
        ("nine deep", lambda data: data[:-2] + b',"zz":[[[[[[[[1]]]]]]]]}\n'),
        ("another order", lambda data: b'{"writer":"x",' + data[1:].replace(b',"writer":"talon/0.0.0-test"', b"")),
    ]
    cannot = [("needs rotation", ["rotation"]), ("needs pruned", ["pruned"]), ("needs both", ["pruned", "rotation"]),
              ("needs a later word", ["telepathy"]), ("needs an empty word", [""])]
    other_log = kit.Vault("gw2")
    late = kit.MAY_1 + 30 * kit.DAY
    return [signed("bundle.json: " + name, "meta", **change) for name, change in forms] + [
        signed("bundle.json: " + name, "canonical", **{"bundle.json": change}) for name, change in spelling] + [
        case("whole, signed: bundle.json: %s" % name, lambda words=words: signed_whole(**member("needs", words)), exit=3)
        for name, words in cannot] + [
        signed("a key of small order (%d) that anybody signs for" % i, "meta", **universal(public))
        for i, public in enumerate(SMALL_ORDER)] + [
        signed("a key of small order with its sign bit set", "meta", **universal(b"\x01" + bytes(30) + b"\x80")),
        signed("an export key of small order", "meta", bundle=put("export_key", kit.rw(SMALL_ORDER[1]))),
        signed("count one less", "meta", **member("count", 12)), signed_part("count of all lines", "meta", **member("count", 9)),
        signed("size 0", "file meta period", **member("size", 0)),
        signed("last one less", "file meta period", **member("last", 11)),
        signed("first one more", "file meta order period", **member("first", 1)),
        signed("first larger than last", "file meta order period", **member("first", 13)),
        signed_part("first larger than last", "meta order root", **member("first", 11)),
        signed("numbers near 2^53", "file meta period", **member("size", 2**53 - 1)),
        signed("another tenant of the same vault", "meta order", **member("tenant", "globex")),
        signed("no tenant in a tenant's log", "meta order", **member("tenant", None)),
        case("unattributed, signed: under a tenant's name", lambda: kit.build(
            v, unattributed_log(), bundle=put("tenant", "acme")).tar, "meta order"),
        case("unattributed, signed: records with an empty tenant", lambda: kit.build(v, unattributed_log(), records=lambda records: [
            {**record, "tenant": ""} for record in records]).tar, "order"),
        case("another vault's name in the key", lambda: kit.build(v, kit.acme_log(v), bundle=put("key", other_log.vkey()),
             records=at(0, put("key", other_log.vkey())), checkpoint=lambda note: other_key_note(note, other_log)).tar, "key", arguments=["--key", other_log.vkey()]),
        signed_part("from and to equal", "meta period", **member("from", kit.PERIOD["end"])),
        signed_part("from after to", "meta period", **member("from", kit.PERIOD["end"] + 1)),
        signed_part("from a microsecond later", "meta period", **member("from", kit.PERIOD["start"] + 1)),
        signed_part("to a microsecond later", "meta period", **member("to", kit.PERIOD["end"] + 1)),
        # Nothing stands in that microsecond: the same records answer for this period too.
        signed_part("twin: from a microsecond earlier", "", **member("from", kit.PERIOD["start"] - 1)),
        signed_part("twin: to a microsecond earlier", "", **member("to", kit.PERIOD["end"] - 1)),
        signed("twin: from before the beginning", "", **member("from", kit.MAY_1)),
        signed("twin: to after the end (open)", "", **member("to", late)),
        signed("twin: from at the genesis", "", **member("from", kit.MAY_1 + 8 * 3600 * 10**6)),
        signed("from after the genesis: one before", "meta", **member("from", kit.MAY_1 + 8 * 3600 * 10**6 + 1)),
        signed("twin: an empty writer", "", **member("writer", "")),
        # Without its members, nothing is compared with bundle.json.
        signed("bundle.json: no writer, and a record of v 2", "meta", records=at(5, put("v", 2)), **member("writer", None)),
        signed("bundle.json: no writer, and a record of another tenant", "meta", records=at(5, put("tenant", "globex")),
               **member("writer", None)),
        signed("bundle.json: no writer, and another root", "meta", bundle=lambda b: put("writer", None)(
            put("root", kit.b64(bytes(32)))(b))),
        signed("bundle.json: no writer, and a line with a space", "meta canonical", lines=edit(4, b'"v":1', b'"v": 1'),
               **member("writer", None)),
        signed("bundle.json: no writer, and another leaf", "meta leaf", **{"leaves.bin": lambda data: kit.flip(data, 5)},
               **member("writer", None)),
        signed("bundle.json: a space, and a record of v 2", "canonical", records=at(5, put("v", 2)),
               **{"bundle.json": replace(b":", b": ")}),
        signed_part("bundle.json: from negative, and a neighbour left out", "meta", span=always((3, 10)), **member("from", -1)),
        signed_part("bundle.json: no writer, and no range.json", "meta", range=always(None), **member("writer", None)),
        signed_part("bundle.json: no writer, and range.json without left", "meta", range=put("left", None), **member("writer", None)),
        signed_part("bundle.json: no writer, and range.json with a space", "meta canonical", **{
            "range.json": replace(b":", b": ")}, **member("writer", None)),
        signed("twin: an unknown member", "", **member("zz", {"deep": [1, 2, {"er": "yes"}]})),
        signed("twin: an empty unknown text", "", **member("comment", "")),
    ]


def universal(public):
    """A key for which R = identity (or the key's own point) and S = 0 is a signature of some messages."""
    name = kit.vkey("gw1", public)
    signature = b"\x01" + bytes(63)
    return {"records": at(0, put("key", name)), "bundle": put("key", name),
            "checkpoint": lambda note: note.rpartition(b"\n\n")[0] + b"\n\n" + kit.note_line(
                "gw1", kit.key_id("gw1", public), signature)}


def other_key_note(note, other):
    text = note.rpartition(b"\n\n")[0] + b"\n"
    return text + b"\n" + other.log_key.note_line("gw2", text)


# ------------------------------------------------------------------------- periods, range.json, leaves.bin

def parts():
    other = kit.b64(kit.sha256(b"other"))

    def count_of(first, last):
        """Show other neighbours; bundle.json tells the truth about it."""
        return {"span": always((first, last))}

    def sides(change):
        return {"range": change}

    ranges = [
        ("another hash left", sides(lambda r: {**r, "left": [other]})), ("another hash right", sides(lambda r: {**r, "right": [other] + r["right"][1:]})),
        ("a hash too few right", sides(lambda r: {**r, "right": r["right"][:-1]})), ("a hash too many right", sides(lambda r: {**r, "right": r["right"] + [other]})),
        ("no hash left", sides(lambda r: {**r, "left": []})), ("a hash too many left", sides(lambda r: {**r, "left": r["left"] + [other]})),
        ("right in reverse", sides(lambda r: {**r, "right": r["right"][::-1]})),
        ("right joined to one subtree", sides(lambda r: {**r, "right": [other]})),
        ("without left", sides(put("left", None))), ("a third member", sides(put("up", []))),
        ("left a text", sides(put("left", other))), ("a number among the hashes", sides(put("left", [5]))),
        ("a hash of 31 bytes", sides(put("left", [kit.b64(bytes(31))]))),
        ("a hash of 65 bytes", sides(put("left", [kit.b64(bytes(65))]))), ("loose base64", sides(lambda r: {**r, "left": [kit.loose_bits(r["left"][0])]})),
        ("an object for right", sides(put("right", {}))),
    ]
    spelling = [("a space", replace(b":", b": ")), ("no newline", lambda data: data[:-1]), ("an array", always(b"[]\n")),
                ("empty", always(b"")), ("no JSON", always(b"left\n")), ("null", replace(b'"right":[', b'"right":[null,')),
                ("a list for each of 10,000 levels", always(b'{"left":' + b"[" * 10000 + b"]" * 10000 + b',"right":[]}\n'))]
    leaves = [("a bit", lambda data: kit.flip(data, 5)), ("one hash less", lambda data: data[:-32]), ("one hash more", lambda data: data + data[:32]),
              ("one byte less", lambda data: data[:-1]), ("empty", always(b"")), ("in reverse", lambda data: b"".join(
                  data[i:i + 32] for i in range(len(data) - 32, -1, -32)))]
    return [signed_part("range.json: " + name, "root", **change) for name, change in ranges] + [
        signed_part("range.json: " + name, "canonical", **{"range.json": change}) for name, change in spelling] + [
        signed("leaves.bin: " + name, "leaf", **{"leaves.bin": change}) for name, change in leaves] + [
        signed_part("leaves.bin: " + name, "leaf", **{"leaves.bin": change}) for name, change in leaves] + [
        signed("range.json beside a whole log", "file", range=always({"left": [], "right": []})),
        signed("a wrong range.json beside a whole log", "file", range=always({"left": [other], "right": []})),
        signed("range.json beside a whole log, not canonical", "file", range=always({"left": [], "right": []}),
               **{"range.json": replace(b":", b": ")}),
        signed_part("no range.json", "file", range=always(None)),
        signed_part("no neighbour before", "period", **count_of(3, 10)),
        signed_part("two neighbours before", "period", **count_of(1, 10)),
        signed_part("no neighbour after", "period", **count_of(2, 9)),
        signed_part("two neighbours after", "period", **count_of(2, 11)),
        signed_part("the first record of the period left out", "period", span=always((4, 10))),
        signed_part("all from the beginning", "period", **count_of(0, 10)),
        signed_part("all to the end", "period", **count_of(2, 12)),
        signed_part("no from", "meta period", bundle=put("from", None)), signed_part("no to", "meta period", bundle=put("to", None)),
        case("whole, signed: the newest record held back", lambda: signed_whole(span=always((0, 11))), "period"),
        case("whole, signed: the genesis held back", lambda: signed_whole(span=always((1, 12))), "period"),
        case("from only, signed: the newest record held back", lambda: signed_whole(start=kit.PERIOD["start"], span=always((2, 11))), "period"),
        case("to only, signed: the genesis held back", lambda: signed_whole(end=kit.PERIOD["end"], span=always((1, 10))), "period"),
        signed("lines shown that the tree does not hold", "root", shown=at(5, replace(b'"status":402', b'"status":403'))),
        signed_part("lines shown that the tree does not hold", "root", shown=at(5, replace(b'"v":1', b'"v":1,"zz":1'))),
    ]


# ------------------------------------------------------------------------- SHA256SUMS and its signature

def summed():
    def sums(change):
        return {"SHA256SUMS": lambda data: b"".join(change(data.splitlines(keepends=True)))}

    v = vault()
    zero = b"0" * 64
    wrong = [
        ("capital hex", sums(lambda l: [l[0][:64].upper() + l[0][64:]] + l[1:])), ("one space", sums(lambda l: [l[0].replace(b"  ", b" ")] + l[1:])),
        ("the binary mark", sums(lambda l: [l[0].replace(b"  ", b" *")] + l[1:])), ("not in order", sums(lambda l: [l[1], l[0]] + l[2:])),
        ("a line twice", sums(lambda l: l[:1] + l)), ("a file not listed", sums(lambda l: l[:-1])), ("a file that is absent", sums(lambda l: l + [zero + b"  zz\n"])),
        ("another hash", sums(lambda l: [zero + l[0][64:]] + l[1:])), ("no last newline", {"SHA256SUMS": lambda data: data[:-1]}),
        ("itself listed", sums(lambda l: l[:1] + [zero + b"  SHA256SUMS\n"] + l[1:])),
        ("its signature listed", sums(lambda l: l[:1] + [zero + b"  SHA256SUMS.minisig\n"] + l[1:])),
        ("./ before a name", sums(lambda l: [l[0].replace(b"  ", b"  ./")] + l[1:])), ("a path upwards", sums(lambda l: [zero + b"  ../x\n"] + l)),
        ("an absolute path", sums(lambda l: [zero + b"  /etc/passwd\n"] + l)), ("a backslash", sums(lambda l: l + [b"\\" + zero + b"  z\\n\n"])),
        ("carriage returns", sums(lambda l: [line[:-1] + b"\r\n" for line in l])), ("an empty line", sums(lambda l: l + [b"\n"])),
        ("a comment", sums(lambda l: [b"# sums\n"] + l)), ("short hashes", sums(lambda l: [l[0][2:]] + l[1:])), ("empty", sums(lambda l: [])),
        ("a name of 101 bytes", sums(lambda l: l + [zero + b"  " + b"z" * 101 + b"\n"])), ("a megabyte without newline", sums(lambda l: l + [b"0" * 10**6])),
    ]

    def comment(change):
        return {"trusted": change}

    def signature(change):
        return {"SHA256SUMS.minisig": change}

    def remade(key, algorithm=b"ED", prehash=True, identifier=None):
        def change(data):
            lines = data.decode().split("\n")
            sums_now = kit.checksums({name: value for name, value in whole().all.items() if not name.startswith("SHA256SUMS")})
            made = key.sign(kit.hashlib.blake2b(sums_now).digest() if prehash else sums_now)
            trusted = lines[2][17:]
            return kit.minisig_lines(lines[0][19:], algorithm + (identifier or kit.sha256(key.public)[:8]) + made, trusted,
                                     key.sign(made + trusted.encode()))
        return signature(change)

    unsigned = [
        ("another untrusted comment", {"untrusted": always("gw2")}), ("no vault in the untrusted comment", {"untrusted": always("")}),
        ("minisign's own untrusted comment", {"untrusted": always("signature from minisign secret key")}),
        ("a word more", comment(lambda c: c + " more")), ("a trailing space", comment(lambda c: c + " ")),
        ("another tenant", comment(replace("tenant=acme", "tenant=globex"))), ("no tenant", comment(replace(" tenant=acme", ""))),
        ("another origin", comment(replace("/t/", "/t/0"))), ("another range", comment(replace("records=0-12", "records=0-11"))),
        ("another size", comment(replace("size=13", "size=14"))), ("another root", comment(replace("root=", "root=A"))),
        ("the items in another order", comment(lambda c: " ".join([c.split()[0]] + c.split()[:0:-1]))),
        ("another format", comment(replace("talon-bundle/v1", "talon-bundle/v2"))),
        ("the trusted comment not signed", signature(lambda data: data.replace(b"records=0-12", b"records=0-13"))),
        ("the legacy algorithm", remade(v.export_key, b"Ed", False)), ("not prehashed", remade(v.export_key, b"ED", False)),
        ("prehashed under the legacy letters", remade(v.export_key, b"Ed", True)),
        ("made by the log key", remade(v.log_key)), ("made by a stranger under the key's id", remade(
            stranger().export_key, identifier=kit.sha256(v.export_key.public)[:8])),
        ("another id", remade(v.export_key, identifier=bytes(8))),
    ]
    extra = {"files": lambda files: {**files, "notes/letter.txt": b"Dear auditor\n", "vault/checkpoint": b"later kind\n"}}
    return [signed("SHA256SUMS: " + name, "sums", **change) for name, change in wrong] + [
        signed("SHA256SUMS.minisig: " + name, "minisig", **change) for name, change in unsigned] + [
        signed("twin: unknown files that are listed", "", **extra),
        signed("twin: a listed name of 100 bytes", "", files=lambda files: {**files, "a/" + "z" * 98: b""}),
        signed("an unknown file whose hash is wrong", "sums", all=lambda files: {**files, "notes/letter.txt": b"Dear!\n"},
               files=lambda files: {**files, "notes/letter.txt": b"Dear auditor\n"}),
        signed("README.txt of 65,537 bytes", "file", **{"README.txt": always(b"x" * 65537)}),
        signed("twin: README.txt of 65,536 bytes", "", **{"README.txt": always(b"x" * 65536)}),
        signed("bundle.json of 65,537 bytes", "file", bundle=lambda b: filled(b, 65537)),
        signed("twin: bundle.json of 65,536 bytes", "", bundle=lambda b: filled(b, 65536)),
        signed("no README.txt", "file", files=lambda files: {n: d for n, d in files.items() if n != "README.txt"}),
        signed("no leaves.bin", "file", files=lambda files: {n: d for n, d in files.items() if n != "leaves.bin"}),
        signed("no checkpoint", "file", files=lambda files: {n: d for n, d in files.items() if n != "checkpoint"}),
        signed("no records.jsonl", "file", files=lambda files: {n: d for n, d in files.items() if n != "records.jsonl"}),
    ]


def filled(bundle, size):
    rest = size - len(kit.canonical({**bundle, "zz": ""})) - 1
    return {**bundle, "zz": "x" * rest}


# ------------------------------------------------------------------------- what must be accepted

def twins():
    v = vault()
    result = [case("twin: whole log", lambda: whole().tar), case("twin: period", lambda: period().tar),
              case("twin: another tenant", lambda: globex().tar),
              case("twin: unattributed log", lambda: kit.build(v, unattributed_log()).tar),
              case("twin: operator's log", lambda: kit.build(v, operator_log()).tar),
              case("twin: whole log in a folder", lambda: whole().all), case("twin: period in a folder", lambda: period().all)]
    for size in (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33):
        result.append(case("twin: a log of %d" % size, lambda size=size: kit.build(v, kit.long_log(v, size)).tar))
    hour = 3600 * 10**6
    for size in (8, 13, 16, 21):
        for first, last in ((0, 0), (0, 3), (1, 1), (3, 4), (4, 7), (5, size - 2), (5, size - 1), (size - 1, size - 1)):
            # Records stand at 8:00, 9:00 ...; a period from record first to record last.
            start, end = kit.MAY_1 + (8 + first) * hour, kit.MAY_1 + (9 + last) * hour
            result.append(case("twin: records %d to %d of %d" % (first, last, size), lambda size=size, start=start, end=end: kit.build(
                v, kit.long_log(v, size), start, end).tar))
    for tenant in ("\u00dcn\u00ef/c\u00f6de %+", "a b", "%61cme", "\u2603" * 128, "x" * 128, "..", "-", "~._-", "\U0001f600", "A/t/B"):
        result.append(case("twin: tenant %s" % json.dumps(tenant)[:40], lambda tenant=tenant: kit.build(v, kit.acme_log(v, tenant)).tar,
                           arguments=["--key", "{pub}", "--tenant=%s" % tenant]))
    for name in ("talon-7f3k9q2m", "gw.example-1", "a/b_c/d.e", "x" * 128, "tt/t1", "0"):
        other = kit.Vault(name)
        result.append(case("twin: vault %s" % name[:40], lambda other=other: kit.build(other, kit.acme_log(other)).tar,
                           arguments=["--key", other.vkey()]))
    good = {
        "an unknown kind": {"records": at(5, put("kind", "telepathy"))}, "an empty unknown kind": {"records": at(5, put("kind", "k"))},
        "unknown members": {"records": at(5, put("zz", [{}, [], "", False, True, 0, -1]))},
        "the largest numbers": {"records": at(5, put("zz", [2**53 - 1, -(2**53 - 1)]))},
        "the largest time": {"records": at(12, put("time", 2**53 - 1))},
        "U+2028, U+FEFF, U+FFFD, U+FFFF, U+10FFFF, U+00A0": {"records": at(5, put("zz", "\u2028\ufeff\ufffd\uffff\U0010ffff\u00a0"))},
        "quotes and backslashes": {"records": at(5, put("zz", "\"\\\\\"\\u0041\\n/"))},
        "a line of 65,535 bytes": {"lines": at(5, lambda line: padded(line, 65535))},
        "eight deep": {"records": at(5, put("zz", [[[[[[[1]]]]]]]))},
        "equal times": {"records": lambda records: [{**r, "time": records[-1]["time"]} for r in map(put("clock", None), records)]},
        "the first and the last ULID": {"records": lambda records: at(3, put("id", "ev_7" + "Z" * 25))(at(2, put("id", "ev_0" + "0" * 25))(records))},
        "a clock behind and ahead": {"records": lambda records: at(3, put("clock", 0))(at(2, put("clock", 2**53 - 1))(records))},
    }
    result += [case("whole, twin: %s" % name, lambda change=change: signed_whole(**change)) for name, change in good.items()]
    result.append(case("period, twin: a line of 65,535 bytes", lambda: signed_period(lines=at(5, lambda line: padded(line, 65535)))))
    log = kit.acme_log(v)
    late, early = kit.MAY_1 + 9 * kit.DAY, kit.MAY_1 - 9 * kit.DAY
    result += [
        case("twin: from only", lambda: kit.build(v, log, start=kit.PERIOD["start"]).tar),
        case("twin: to only", lambda: kit.build(v, log, end=kit.PERIOD["end"]).tar),
        case("twin: a period before the log", lambda: kit.build(v, log, early, early + kit.DAY).tar),
        case("twin: a period after the log", lambda: kit.build(v, log, late, late + kit.DAY).tar),
        case("twin: a period without records inside", lambda: kit.build(
            v, log, kit.MAY_1 + 11 * hour, kit.MAY_1 + 12 * hour).tar),
        case("twin: an open end", lambda: kit.build(v, log, start=kit.PERIOD["start"], end=late).tar),
        case("twin: a shorter log of the same tenant", lambda: kit.build(v, log, size=7).tar),
        case("twin: made by a stranger, pinned to the stranger", lambda: kit.build(stranger(), kit.acme_log(stranger())).tar,
             arguments=["--key", "{stranger}"]),
        case("a stranger's bundle", lambda: kit.build(stranger(), kit.acme_log(stranger())).tar, "key"),
    ]
    return result


def cases():
    return spelled() + recorded() + checkpoints() + bundles() + parts() + summed() + twins()
