"""A case of the tamper table: a bundle, how it is asked for, and the answer it must get."""

import functools
import os
from dataclasses import dataclass, field
from typing import Callable

import bundlekit as kit


@dataclass
class Case:
    """`make(folder)` writes the bundle and returns its path. `fails` are the failed check ids.
    `arguments` come after the bundle; {pub} and the like stand for key files (see KEY_FILES)."""
    name: str
    make: Callable
    exit: int = 1
    fails: frozenset = frozenset()
    arguments: list = field(default_factory=lambda: ["--key", "{pub}"])


def case(name, data, fails="", exit=None, arguments=None):
    """A case from a tar's bytes, or a {path: bytes} that becomes a folder, or a function of a folder."""
    def make(folder):
        value = data() if callable(data) and not isinstance(data, InFolder) else data
        path = os.path.join(folder, "bundle.talon")
        if isinstance(value, InFolder):
            return value.write(folder)
        if isinstance(value, dict):
            path = os.path.join(folder, "bundle")
            kit.write_folder(value, path)
        else:
            with open(path, "wb") as file:
                file.write(value)
        return path

    failed = frozenset(fails.split())
    result = Case(name, make, (1 if failed else 0) if exit is None else exit, failed)
    if arguments is not None:
        result.arguments = arguments
    return result


class InFolder:
    """A folder bundle that needs more than files: links, devices, empty folders."""

    def __init__(self, files, change):
        self.files, self.change = files, change

    def write(self, folder):
        path = os.path.join(folder, "bundle")
        kit.write_folder(self.files, path)
        self.change(path)
        return path

    def __call__(self):
        return self


@functools.lru_cache(maxsize=None)
def vault():
    return kit.Vault()


@functools.lru_cache(maxsize=None)
def stranger():
    """The same name, all other keys."""
    return kit.Vault("gw1", "a stranger's log key", "a stranger's export key")


@functools.lru_cache(maxsize=None)
def whole():
    return kit.build(vault(), kit.acme_log(vault()))


@functools.lru_cache(maxsize=None)
def period():
    return kit.build(vault(), kit.acme_log(vault()), **kit.PERIOD)


def signed_whole(**change):
    return kit.build(vault(), kit.acme_log(vault()), **change).tar


def signed_period(**change):
    return kit.build(vault(), kit.acme_log(vault()), **{**kit.PERIOD, **change}).tar


def globex():
    return kit.build(vault(), short_globex_log())


def short_globex_log():
    log = kit.Log(vault(), "globex")
    for hour in range(9, 14):
        log.request(kit.MAY_1 + hour * 3600 * 10**6)
    return log


def unattributed_log(size=5):
    log = kit.Log(vault(), None, b"")
    for hour in range(9, 8 + size):
        log.request(kit.MAY_1 + hour * 3600 * 10**6)
    return log


def operator_log():
    log = kit.Log(vault(), None, b"\0")
    log.add("boot", kit.MAY_1 + 9 * 3600 * 10**6, version="0.0.0", clean=True, interrupted=0)
    log.add("operator", kit.MAY_1 + 10 * 3600 * 10**6, actor="root", action="init", target="gw1")
    return log


def key_files():
    """Files that `arguments` may name, and words that they may contain."""
    v, s = vault(), stranger()
    minisign_pub = b"untrusted comment: minisign public key\n" + v.rw().encode() + b"\n"
    small = b"\x01" + bytes(31)
    return {
        "pub": v.pub(), "log": v.vkey().encode() + b"\n", "export": minisign_pub,
        "stranger": s.pub(), "stranger_log": s.vkey().encode() + b"\n", "stranger_export": s.rw().encode() + b"\n",
        "mixed": ("%s\n%s\n" % (v.vkey(), s.rw())).encode(),
        "spaced": b"\nuntrusted comment: from the telephone\n" + v.pub() + b"\n\n",
        "empty": b"", "comments": b"untrusted comment: nothing here\n",
        "twice": v.pub() + v.pub(), "prose": b"Dear auditor,\n" + v.pub(),
        "small": kit.vkey("gw1", small).encode() + b"\n", "small_export": kit.rw(small).encode() + b"\n",
        "other_id": kit.b64(b"Ed" + bytes(8) + v.export_key.public).encode() + b"\n",
        "bad_id": v.vkey().replace("+", "+0", 1).replace("+0" + v.vkey().split("+")[1],
                                                         "+00000000").encode() + b"\n",
    }


def key_words():
    v, s = vault(), stranger()
    return {"vkey": v.vkey(), "rw": v.rw(), "stranger_vkey": s.vkey(), "stranger_rw": s.rw(),
            "other_id_rw": kit.b64(b"Ed" + bytes(8) + v.export_key.public)}
