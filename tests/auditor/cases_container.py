"""Tars and folders that are not as they must be: hostile, broken, or made by another program.

All content is genuine; only what carries it is wrong.
"""

import gzip
import io
import os
import socket
import tarfile
import zipfile

import bundlekit as kit
from bundlekit import Member
from case import InFolder, case, globex, period, signed_whole, whole


def members():
    return kit.members_of(whole().all)


def with_member(name, change):
    """The tar with one member changed."""
    return kit.tar([change(member) if member.name == name else member for member in members()])


def with_field(name, offset, value):
    def change(member):
        return Member(member.name, member.data, {offset: value})
    return with_member(name, change)


def with_extra(name, data=b"", fields=None, listed=False):
    """One more member, in its place by name."""
    if listed:
        files = {**whole().values["files"], name.decode(): data}
        return signed_whole(files=lambda _: files)
    everything = members() + [Member(name, data, fields or {})]
    return kit.tar(sorted(everything, key=lambda member: member.name))


def offset_of(name, data=None):
    """Where a member's header stands."""
    position = 0
    for member in members():
        if member.name == name:
            return position
        position += len(member.tar())
    raise KeyError(name)


def headers():
    """Header fields that differ; the content is all there."""
    fields = [
        ("mode 0600", 100, b"0000600\0"), ("mode with a space", 100, b"000644 \0"), ("uid 1000", 108, b"0001750\0"),
        ("gid 1000", 116, b"0001750\0"), ("a time", 136, b"15012345678\0"), ("a checksum without NUL", 148, b"0012345 "),
        ("a wrong checksum", 148, b"000000\0 "), ("a link name", 157, b"/etc/passwd"), ("GNU's magic", 257, b"ustar  \0"),
        ("no magic", 257, bytes(8)), ("another version", 263, b"01"), ("a user name", 265, b"root"), ("a group name", 297, b"root"),
        ("device numbers", 329, b"0000001\0"), ("empty device numbers", 329, bytes(8)), ("a prefix", 345, b"etc"),
        ("something in the last bytes", 500, b"x"), ("something after the name", 40, b"x"),
    ]
    # leaves.bin comes after bundle.json, so that the first header is good.
    result = [case("tar: %s" % name, with_field(b"leaves.bin", offset, value), "file") for name, offset, value in fields]
    result += [case("tar: the first header with %s" % name, with_field(b"README.txt", offset, value), "file")
               for name, offset, value in fields if not name.endswith("magic")]
    result += [case("tar: bundle.json's header with %s" % name, with_field(b"bundle.json", offset, value), "file")
               for name, offset, value in fields]
    result += [case("tar: the first header with GNU's magic", with_field(b"README.txt", 257, b"ustar  \0"), exit=3),
               case("tar: the first header without magic", with_field(b"README.txt", 257, bytes(8)), exit=3)]
    kinds = [("a hard link", b"1"), ("a symbolic link", b"2"), ("a character device", b"3"), ("a block device", b"4"),
             ("a folder", b"5"), ("a pipe", b"6"), ("a contiguous file", b"7"), ("an old file", b"\0"), ("a PAX header", b"x"),
             ("a global PAX header", b"g"), ("a GNU long name", b"L"), ("a GNU sparse file", b"S"), ("no known type", b"Z")]
    for name, kind in kinds:
        # A record file that is none: missing, and everything that needs it is skipped.
        result.append(case("tar: records.jsonl is %s" % name, with_field(b"records.jsonl", 156, kind), "file sums"))
        result.append(case("tar: bundle.json is %s" % name, with_field(b"bundle.json", 156, kind), exit=3))
        result.append(case("tar: %s more" % name, with_extra(b"extra", fields={156: kind, 157: b"../../etc/passwd"}), "file"))
    sizes = [("77777777777, beyond the end", b"77777777777\0"), ("in base 256", b"\x80" + bytes(10) + b"\x01"),
             ("in base 256, negative", b"\xff" * 12), ("with spaces", b"       1000\0"), ("without NUL", b"000000001000"),
             ("with an 8", b"00000000800\0"), ("empty", bytes(12)), ("of ten digits", b"0000001000\0\0"), ("negative", b"-0000000001\0")]
    for name, value in sizes:
        result.append(case("tar: leaves.bin's size %s" % name, with_field(b"leaves.bin", 124, value), "file sums"))
        result.append(case("tar: bundle.json's size %s" % name, with_field(b"bundle.json", 124, value), exit=3))
        result.append(case("tar: the first size %s" % name, with_field(b"README.txt", 124, value), exit=3))
    result.append(case("tar: a member of 8 GiB that is not there", with_extra(b"zz", fields={124: b"77777777777\0"}), "file"))
    return result


def names():
    """Paths that must not be: `file`, and no other check sees the member."""
    wrong = [b"../evil", b"/etc/passwd", b"a/../b", b"a//b", b"./a", b"a/", b"a/.", b"a/.b", b".hidden", b"-x", b"_x", b"a b",
             b"a\\b", b"a\nb", b"C:x", b"caf\xc3\xa9", b"\xff", b"a*", b"\x1b[31mred", b"a/-b", b"~root", b"a'b"]
    result = [case("tar: path %r" % name, with_extra(name, b"x"), "file") for name in wrong]
    renamed = [b"./README.txt", b"/README.txt", b"../README.txt"]
    for name in renamed:
        data = kit.tar([Member(name if m.name == b"README.txt" else m.name, m.data) for m in members()])
        result.append(case("tar: README.txt as %r" % name, data, "file sums"))
    result += [
        case("tar: a member without name", kit.tar([Member(b"", b"x")] + members()), "file"),
        case("tar: README.txt twice", kit.tar(members()[:1] + members()), "file"),
        case("tar: records.jsonl twice", kit.tar(members() + members()[-1:]), "file"),
        case("tar: records.jsonl again with other content", kit.tar(members() + [Member(b"records.jsonl", b"{}\n")]), "file"),
        case("tar: bundle.json again with other content", kit.tar(twice(b"bundle.json", b'{"format":"x"}\n')), "file"),
        case("tar: a file in capitals beside it", with_extra(b"README.TXT", b"x"), "sums"),
        case("tar: a file that is not listed", with_extra(b"zz/notes.txt", b"x"), "sums"),
        case("tar: a listed file more (twin)", lambda: with_extra(b"zz/notes.txt", b"x", listed=True)),
        case("tar: two members exchanged", kit.tar([members()[1], members()[0]] + members()[2:]), "file"),
        case("tar: in reverse order", kit.tar(members()[::-1]), "file"),
        case("tar: bundle.json at the end", kit.tar([m for m in members() if m.name != b"bundle.json"] + [
            m for m in members() if m.name == b"bundle.json"]), "file"),
    ]
    return result


def twice(name, other):
    result = []
    for member in members():
        result.append(member)
        if member.name == name:
            result.append(Member(name, other))
    return result


def ends():
    """Where the tar ends."""
    data = whole().tar
    size = len(whole().all["bundle.json"])
    header = offset_of(b"bundle.json")
    after = header + 512 + size                       # the end of bundle.json's data
    last = len(data) - 1024
    compressed = gzip.compress(data, mtime=0)
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr(zipfile.ZipInfo("bundle.json"), whole().all["bundle.json"])
    records = whole().all["records.jsonl"]
    cut = [
        ("empty", b"", 3, ""), ("100 bytes", data[:100], 3, ""), ("one block", data[:512], 3, ""),
        ("before bundle.json", data[:header], 3, ""), ("in bundle.json's header", data[:header + 300], 3, ""),
        ("after bundle.json's header", data[:header + 512], 3, ""), ("one byte before bundle.json's end", data[:after - 1], 3, ""),
        ("at bundle.json's end", data[:after], 1, "file sums"), ("after bundle.json's padding", data[:(after + 511) // 512 * 512], 1, "file sums"),
        ("in the header of records.jsonl", data[:offset_of(b"records.jsonl") + 200], 1, "file sums"),
        ("in the middle of records.jsonl", data[:offset_of(b"records.jsonl") + 512 + len(records) // 2], 1, "file sums"),
        ("at the end of records.jsonl", data[:offset_of(b"records.jsonl") + 512 + len(records)], 1, "file"),
        ("without its zero blocks", data[:last], 1, "file"), ("with one zero block", data[:last + 512], 1, "file"),
        ("with one and a half zero blocks", data[:last + 700], 1, "file"), ("without its last byte", data[:-1], 1, "file"),
        ("with a third zero block", data + bytes(512), 1, "file"), ("padded to 10,240 bytes' multiple", data + bytes(-len(data) % 10240 or 10240), 1, "file"),
        ("with a byte more", data + b"\0", 1, "file"), ("with words behind", data + b"more", 1, "file"),
        ("with another bundle behind", data + globex().tar, 1, "file"),
        ("with a member behind the zero blocks", data + Member(b"zz", b"x").tar(), 1, "file"),
        ("with something in the second zero block", data[:-1] + b"x", 1, "file"),
        ("with a zero block in the middle", data[:header] + bytes(512) + data[header:], 3, ""),
        ("with a zero block after bundle.json", data[:(after + 511) // 512 * 512] + bytes(1024), 1, "file sums"),
        ("with padding that is not zero", with_member(b"README.txt", lambda m: Member(m.name, m.data, padding=b"\0" * (
            -len(m.data) % 512 - 1) + b"x")), 1, "file"),
        ("compressed", compressed, 3, ""), ("a zip", zipped.getvalue(), 3, ""), ("words", b"hello\n" * 1000, 3, ""),
        ("zeros", bytes(10240), 3, ""), ("only zero blocks behind a magic", bytes(257) + b"ustar\0" + bytes(1024 - 263), 3, ""),
        ("without members", kit.tar([Member(b"README.txt", b"x")]), 3, ""),
        ("a compression bomb", gzip.compress(bytes(10**7), mtime=0), 3, ""),
        ("by another tar program", by_tarfile(tarfile.USTAR_FORMAT), 1, "file"), ("by another tar program with PAX headers", by_tarfile(tarfile.PAX_FORMAT), 1, "file"),
        ("by GNU tar", by_tarfile(tarfile.GNU_FORMAT), 3, ""),
        ("shifted by a byte", b"x" + data, 3, ""),
    ]
    return [case("tar: %s" % name, value, fails, exit) for name, value, exit, fails in cut]


def by_tarfile(form):
    """As Python's tarfile writes it, path order kept; owner and padding at the end differ."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=form) as archive:
        for member in members():
            info = tarfile.TarInfo(member.name.decode())
            info.size = len(member.data)
            archive.addfile(info, io.BytesIO(member.data))
    return output.getvalue()


def folders():
    good, part = dict(whole().all), dict(period().all)

    def without(name):
        return {path: data for path, data in good.items() if path != name}

    def link(name, target):
        return lambda path: os.symlink(target, os.path.join(path, name))

    def device_like(name):
        return lambda path: os.mkfifo(os.path.join(path, name))

    def own_socket(path):
        here = os.getcwd()
        os.chdir(path)                  # the name of a socket must be short
        try:
            server = socket.socket(socket.AF_UNIX)
            server.bind("extra")
            server.close()
        finally:
            os.chdir(here)

    def moved(name):
        """The file elsewhere, a link to it in its place."""
        def change(path):
            os.rename(os.path.join(path, name), path + "." + name)
            os.symlink(path + "." + name, os.path.join(path, name))
        return change

    def hard_link(path):
        os.link(os.path.join(path, "records.jsonl"), path + ".other-name")

    def folder_instead(name):
        return lambda path: os.mkdir(os.path.join(path, name))

    def empty_folders(path):
        os.makedirs(os.path.join(path, "empty", ".deep", "er"))

    return [
        case("folder: records.jsonl missing", without("records.jsonl"), "file sums"),
        case("folder: bundle.json missing", without("bundle.json"), exit=3),
        case("folder: empty", InFolder({}, lambda path: os.makedirs(path, exist_ok=True)), exit=3),
        case("folder: a file that is not listed", {**good, "notes.txt": b"x"}, "sums"),
        case("folder: a hidden file", {**good, ".DS_Store": b"x"}, "sums"),
        case("folder: a name with a space", {**good, "a b": b"x"}, "sums"),
        case("folder: a name that is not ASCII", {**good, "caf\u00e9": b"x"}, "sums"),
        case("folder: a name with a newline", {**good, "a\nb": b"x"}, "sums"),
        case("folder: a file in a hidden folder", {**good, ".git/config": b"x"}, "sums"),
        case("folder: a path of more than 100 bytes", {**good, "a" * 60 + "/" + "b" * 60: b"x"}, "sums"),
        case("folder: a record changed", {**good, "records.jsonl": good["records.jsonl"].replace(b'"count":17', b'"count":18')}, "sums leaf root"),
        case("folder: range.json missing", {name: data for name, data in part.items() if name != "range.json"}, "file sums"),
        case("folder: a link beside", InFolder(good, link("extra", "/etc/passwd")), "file"),
        case("folder: a link to nothing", InFolder(good, link("extra", "nothing")), "file"),
        case("folder: a link to a folder", InFolder(good, link("extra", "/")), "file"),
        case("folder: a link to itself", InFolder(good, link("extra", ".")), "file"),
        case("folder: records.jsonl is a link", InFolder(good, moved("records.jsonl")), "file sums"),
        case("folder: checkpoint is a link", InFolder(good, moved("checkpoint")), "file sums"),
        case("folder: bundle.json is a link", InFolder(good, moved("bundle.json")), exit=3),
        case("folder: a pipe beside", InFolder(good, device_like("extra")), "file"),
        case("folder: records.jsonl is a pipe", InFolder(without("records.jsonl"), device_like("records.jsonl")), "file sums"),
        case("folder: bundle.json is a pipe", InFolder(without("bundle.json"), device_like("bundle.json")), exit=3),
        case("folder: a socket beside", InFolder(good, own_socket), "file"),
        case("folder: records.jsonl is a folder", InFolder(without("records.jsonl"), folder_instead("records.jsonl")), "file sums"),
        case("folder: bundle.json is a folder", InFolder(without("bundle.json"), folder_instead("bundle.json")), exit=3),
        case("folder: empty folders inside (twin)", InFolder(good, empty_folders)),
        case("folder: a hard link elsewhere (twin)", InFolder(good, hard_link)),
    ]


def not_a_bundle():
    def pipe(folder):
        path = os.path.join(folder, "bundle.talon")
        os.mkfifo(path)
        return path

    def missing(folder):
        return os.path.join(folder, "nothing.talon")

    def linked(folder):
        path = os.path.join(folder, "bundle.talon")
        with open(path + ".real", "wb") as file:
            file.write(whole().tar)
        os.symlink(path + ".real", path)
        return path

    def named(name, make, exit):
        result = case(name, b"", exit=exit)
        result.make = make
        return result

    return [named("a path that does not exist", missing, 3), named("a pipe in place of a file", pipe, 3),
            named("a link to a good bundle (twin)", linked, 0)]


def cases():
    return headers() + names() + ends() + folders() + not_a_bundle()
