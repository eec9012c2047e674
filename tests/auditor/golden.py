#!/usr/bin/env python3
"""Writes tests/golden/bundle: two small bundles and the values on the way to them.

    golden.py           compare the folder with what this program makes
    golden.py --bless   write it

For tests in any language: nothing in it was made by Talon's own code.
"""

import json
import os
import sys

import bundlekit as kit
import case
import cases_signed

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden", "bundle")

README = """# Golden bundles

Made by `tests/auditor/golden.py` from the format's description alone; `--bless` writes them again.
Keys are fixed test keys: their secrets stand in `keys.json`.

| file | content |
|---|---|
| `keys.json` | vault name, Ed25519 seeds (hex), public keys (hex), vkey, minisign key, key ids |
| `vault.pub` | what an auditor pins: vkey, RW... |
| `log.jsonl` | the whole log of tenant acme: 13 canonical lines |
| `whole.talon`, `whole/` | the whole log when it had 5 records, as tar and as folder |
| `period.talon`, `period/` | 2026-05-02 and 2026-05-03 of the log of 13: records 2 to 10, range.json |
| `vectors.json` | see below |

`vectors.json`: `leaves` and `roots` (the root of the first n+1 lines at index n), base64; `ranges`
(range.json of records first to last of the first size lines); `origins` (log name in hex to origin);
`trusted_comments` (tenant to the comment's tenant item); `commitments` (content key, id, body name, body,
salt, commitment); `small_order` (keys to refuse, hex); `canonical` (base64 lines without newline: accept,
and reject with the reason).
"""


def vectors(vault, log):
    lines = [kit.canonical(record) for record in log.records]
    leaves = [kit.leaf(line) for line in lines]
    key = log.content_key
    bodies = [("request", b""), ("request", b'{"model":"gpt-4o-mini"}'), ("upstream", b'{"model":"x"}'), ("response", bytes(range(256)))]
    base = lines[5]
    return {
        "leaves": [kit.b64(leaf) for leaf in leaves],
        "roots": [kit.b64(kit.root(leaves[:size])) for size in range(1, len(leaves) + 1)],
        "ranges": [{"first": first, "last": last, "size": size, **kit.sides(leaves[:size], first, last)}
                   for first, last, size in ((0, 0, 13), (2, 10, 13), (7, 7, 8), (5, 6, 13), (12, 12, 13), (0, 3, 5), (1, 11, 13))],
        "origins": {name.hex(): vault.origin(name) for name in (b"", b"\0", b"acme", "\u00dcn\u00ef".encode())},
        "trusted_comments": {tenant: kit.trusted_comment({"tenant": tenant}).split(" ")[1]
                             for tenant in ("acme", "a b", "\u00dcn\u00ef/c\u00f6de %+", "~._-", "\U0001f600")},
        "commitments": [{"content_key": key.hex(), "id": log.records[1]["id"], "name": name, "body": kit.b64(body),
                         "salt": kit.b64(kit.salt(key, log.records[1]["id"], name)),
                         "commitment": kit.b64(kit.commitment(key, log.records[1]["id"], name, body))} for name, body in bodies],
        "small_order": [public.hex() for public in cases_signed.SMALL_ORDER],
        "canonical": {"accept": [kit.b64(line) for line in lines + unusual(log.records[5])],
                      "reject": [{"why": why, "line": kit.b64(change(base))} for why, change in cases_signed.WRONG_LINES
                                 if len(change(base)) < 2000]},
    }


def unusual(record):
    """Canonical lines that look as if they were not."""
    values = [2**53 - 1, -(2**53 - 1), 0, "", {}, [], False, [[[[[[[1]]]]]]], "\"\\", "/\\u0041\\n", "\u00a0\u2028\ufeff\ufffd",
              "\uffff\U0001f600\U0010ffff", "e\u0301\u00e9", "<>&'`\u202e"]
    return [kit.canonical({**record, "zz": value}) for value in values] + [kit.canonical({**record, "0": 1, "_": 2, "a1": 3})]


def files():
    vault = case.vault()
    log = kit.acme_log(vault)
    whole, period = kit.build(vault, log, size=5), kit.build(vault, log, **kit.PERIOD)
    keys = {"vault": vault.name}
    for name, key in (("log", vault.log_key), ("export", vault.export_key)):
        keys[name] = {"seed": key.seed.hex(), "public": key.public.hex()}
    keys["log"].update(vkey=vault.vkey(), key_id=kit.key_id(vault.name, vault.log_key.public).hex())
    keys["export"].update(minisign=vault.rw(), key_id=kit.sha256(vault.export_key.public)[:8].hex())

    def pretty(value):
        return (json.dumps(value, indent=1, ensure_ascii=True) + "\n").encode()

    result = {"README.md": README.encode(), "keys.json": pretty(keys), "vault.pub": vault.pub(),
              "log.jsonl": b"".join(kit.canonical(record) + b"\n" for record in log.records),
              "whole.talon": whole.tar, "period.talon": period.tar, "vectors.json": pretty(vectors(vault, log))}
    for name, built in (("whole", whole), ("period", period)):
        result.update({"%s/%s" % (name, path): data for path, data in built.all.items()})
    return result


def differences():
    """Paths whose stored bytes are not what this program makes."""
    made, stored = files(), {}
    for folder, _, names in os.walk(FOLDER):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                stored[os.path.relpath(path, FOLDER)] = file.read()
    return sorted(path for path in set(made) | set(stored) if made.get(path) != stored.get(path))


if __name__ == "__main__":
    if sys.argv[1:] == ["--bless"]:
        kit.write_folder(files(), FOLDER)
    changed = differences()
    print("\n".join(changed) or "tests/golden/bundle is as it must be")
    sys.exit(1 if changed else 0)
