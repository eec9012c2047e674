"""The disk below a world: one that fails when told to (faultfs.cpp), and what LMDB keeps on it (pages, readers).

    disk = FailingDisk(world)          # before world.start()
    disk.fail("sync EIO")              # grammar: faultfs.cpp
    disk.heal()
"""

import os
import struct
import unittest
from pathlib import Path

from talon_simulator import find_binary

NOT_READING = 2**64 - 1
NOT_IN_SANITIZERS = "LD_PRELOAD does not go with a sanitizer: its runtime must come first"


def library():
    given = os.environ.get("TALON_FAULTFS")
    return Path(given) if given else Path(find_binary("TALON_BIN", "talon")).with_name("libfaultfs.so")


class FailingDisk:
    """From here on every `talon` that the world starts writes through faultfs."""

    def __init__(self, world):
        if os.environ.get("TALON_SANITIZE"):
            raise unittest.SkipTest(NOT_IN_SANITIZERS)
        if not library().exists():
            raise FileNotFoundError(f"no {library()}: build faultfs, or set $TALON_FAULTFS")
        self.control = world.folder / "faults"
        self.heal()
        world.environment.update(LD_PRELOAD=str(library()), TALON_FAULT_DIR=str(world.data_dir),
                                 TALON_FAULT_FILE=str(self.control))

    def fail(self, *faults):
        fresh = self.control.with_suffix(".new")
        fresh.write_text("".join(fault + "\n" for fault in faults))
        fresh.chmod(0o644)
        fresh.rename(self.control)

    def heal(self):
        self.fail()


def newest_meta(data_file):
    """(last page, transaction) of the newer of LMDB's two meta pages (mdb.c: MDB_page, MDB_meta; 64-bit)."""
    with open(data_file, "rb") as file:
        pages = [os.pread(file.fileno(), 152, number * 4096) for number in (0, 1)]
    return max((struct.unpack_from("<QQ", page, 136) for page in pages), key=lambda meta: meta[1])


def used_bytes(world):
    """What the store uses of data.mdb; the file itself is longer by what is allocated ahead."""
    return (newest_meta(world.data_dir / "data.mdb")[0] + 1) * 4096


def reading(world, pid):
    """Is process `pid` inside a read transaction now? From LMDB's reader table (lock.mdb, slots of 64 bytes)."""
    table = (world.data_dir / "lock.mdb").read_bytes()
    slots = (struct.unpack_from("<Qi", table, at) for at in range(128, len(table) - 63, 64))
    return any(owner == pid and transaction != NOT_READING for transaction, owner in slots)
