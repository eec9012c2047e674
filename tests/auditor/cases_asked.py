"""The same good bundles, asked for in many ways: keys, tenant, log, period, required facts."""

import bundlekit as kit
from case import case, operator_log, period, short_globex_log, signed_whole, stranger, unattributed_log, vault, whole


def ask(name, data, exit, *arguments, fails=""):
    return case("asked: " + name, data, fails, exit, list(arguments))


def keys():
    w, p = (lambda: whole().tar), (lambda: period().tar)
    pinned = [("vault.pub", "{pub}"), ("the verifier key in a file", "{log}"), ("the verifier key itself", "{vkey}"), ("RW... itself", "{rw}"),
              ("minisign's .pub file", "{export}"), ("vault.pub with comments", "{spaced}")]
    other = [("a stranger's vault.pub", "{stranger}"), ("a stranger's verifier key", "{stranger_vkey}"), ("a stranger's RW...", "{stranger_rw}"),
             ("a stranger's verifier key in a file", "{stranger_log}"), ("one right and one wrong key", "{mixed}")]
    unusable = [("an empty file", "{empty}"), ("a file of comments", "{comments}"), ("vault.pub twice in a file", "{twice}"), ("a letter", "{prose}"),
                ("a verifier key of small order", "{small}"), ("an export key of small order", "{small_export}"), ("a wrong key hash", "{bad_id}"),
                ("a minisign key of another id", "{other_id}"), ("a minisign key of another id itself", "{other_id_rw}"),
                ("a file that does not exist", "/nonexistent/vault.pub"), ("an empty argument", ""), ("a folder", "/")]
    result = [ask("key: %s, %s" % (name, what), data, 0, "--key", word)
              for name, word in pinned for what, data in (("whole log", w), ("period", p))]
    result += [ask("key: " + name, w, 1, "--key", word, fails="key") for name, word in other]
    result += [ask("key: " + name, w, 2, "--key", word) for name, word in unusable]
    # Whoever holds the export key alone can fake what only the export key pins; README.txt says so.
    thief = kit.Vault("gw1", "a thief's log key", "talon test export key")
    forged = lambda: kit.build(thief, kit.acme_log(thief)).tar
    result += [
        ask("no key", w, 4), ask("no key, a period", p, 4), ask("no key, self is enough", w, 0, "--require", "self"),
        ask("no key, pinned asked for", w, 4, "--require", "pinned"), ask("key and pinned asked for", w, 0, "--key", "{pub}", "--require", "pinned"),
        ask("no key, both facts", w, 4, "--require", "self,pinned"), ask("key, both facts", w, 0, "--key", "{pub}", "--require", "self,pinned"),
        ask("key, self is enough", w, 0, "--key", "{pub}", "--require", "self"),
        ask("a stranger's key though self is enough", w, 1, "--key", "{stranger}", "--require", "self", fails="key"),
        ask("a later fact: anchored", w, 2, "--key", "{pub}", "--require", "anchored"), ask("a later fact: fresh", w, 2, "--require", "fresh"),
        ask("a later fact: continuous", w, 2, "--require", "pinned,continuous"), ask("an unknown fact", w, 2, "--require", "lucky"),
        ask("an empty list of facts", w, 2, "--require", ""),
        ask("a forgery by the export key's thief, vault.pub", forged, 1, "--key", "{pub}", fails="key"),
        ask("a forgery by the export key's thief, verifier key", forged, 1, "--key", "{vkey}", fails="key"),
        ask("a forgery by the export key's thief, only RW...", forged, 0, "--key", "{rw}"),
        ask("a stranger's bundle without a key", lambda: kit.build(stranger(), kit.acme_log(stranger())).tar, 4),
        ask("a changed bundle without a key", lambda: signed_whole(all=lambda f: {**f, "README.txt": b"x\n"}), 1, fails="sums"),
        ask("an unusable key before a changed bundle", lambda: signed_whole(all=lambda f: {**f, "README.txt": b"x\n"}), 2, "--key", "{empty}"),
        ask("an unusable key before no bundle", lambda: b"hello", 2, "--key", "{empty}"),
    ]
    return result


def logs():
    v = vault()
    w, none, operator = (lambda: whole().tar), (lambda: kit.build(v, unattributed_log()).tar), (lambda: kit.build(v, operator_log()).tar)
    pub = ["--key", "{pub}"]
    return [
        ask("the right tenant", w, 0, *pub, "--tenant", "acme"), ask("another tenant", w, 4, *pub, "--tenant", "globex"),
        ask("the tenant in capitals", w, 4, *pub, "--tenant", "ACME"), ask("the tenant with a space", w, 4, *pub, "--tenant", "acm e"),
        ask("a tenant of the unattributed log", none, 4, *pub, "--tenant", "acme"), ask("a tenant of the operator's log", operator, 4, *pub, "--tenant", "acme"),
        ask("the unattributed log", none, 0, *pub, "--log", "unattributed"), ask("the operator's log", operator, 0, *pub, "--log", "operator"),
        ask("the operator's log, asked of the unattributed", none, 4, *pub, "--log", "operator"),
        ask("the unattributed log, asked of the operator's", operator, 4, *pub, "--log", "unattributed"),
        ask("the unattributed log, asked of a tenant's", w, 4, *pub, "--log", "unattributed"),
        ask("an unknown log", w, 2, *pub, "--log", "everything"), ask("a tenant and a log", w, 2, *pub, "--tenant", "acme", "--log", "operator"),
        ask("an empty tenant", none, 2, *pub, "--tenant", ""), ask("a blank tenant", w, 2, *pub, "--tenant", "  "),
        ask("a tenant of 129 characters", w, 2, *pub, "--tenant", "x" * 129),
        ask("another tenant and no key", w, 4, "--tenant", "globex"),
        ask("another tenant and a changed bundle", lambda: signed_whole(all=lambda f: {**f, "README.txt": b"x\n"}), 1, *pub, "--tenant", "globex", fails="sums"),
        # Composed and decomposed letters are two tenants.
        ask("a tenant that looks the same", lambda: kit.build(v, kit.acme_log(v, "caf\u00e9")).tar, 4, *pub, "--tenant", "cafe\u0301"),
        ask("another tenant's whole bundle under this one's name", lambda: kit.build(v, short_globex_log()).tar, 4, *pub, "--tenant", "acme"),
    ]


def periods():
    v, pub = vault(), ["--key", "{pub}"]
    log = kit.acme_log(v)
    w, p = (lambda: whole().tar), (lambda: period().tar)
    from_only, to_only = (lambda: kit.build(v, log, start=kit.PERIOD["start"]).tar), (lambda: kit.build(v, log, end=kit.PERIOD["end"]).tar)
    open_end = lambda: kit.build(v, log, start=kit.PERIOD["start"], end=kit.MAY_1 + 9 * kit.DAY).tar
    exact = lambda: kit.build(v, log, start=kit.PERIOD["start"] + 123456, end=kit.PERIOD["end"]).tar
    f, t = ["--from", "2026-05-02"], ["--to", "2026-05-03"]
    good = [
        ("days", f + t), ("instants", ["--from", "2026-05-02T00:00:00Z", "--to", "2026-05-04T00:00:00Z"]),
        ("instants with offsets", ["--from", "2026-05-02T02:00:00+02:00", "--to", "2026-05-03T18:30:00-05:30"]),
        ("instants with decimals", ["--from", "2026-05-02T00:00:00.000000Z", "--to", "2026-05-04T00:00:00.0Z"]),
        ("small letters", ["--from", "2026-05-02t00:00:00z", "--to", "2026-05-03"]), ("nothing asked", []),
    ]
    wrong = [("another day", ["--from", "2026-05-01"] + t), ("another end", f + ["--to", "2026-05-04"]), ("only from", f), ("only to", t),
             ("a microsecond later", ["--from", "2026-05-02T00:00:00.000001Z"] + t), ("the end as an instant of its day", f + ["--to", "2026-05-03T00:00:00Z"])]
    usage = [("no date", ["--from", "yesterday"]), ("month 13", ["--from", "2026-13-01"]), ("day 31 of April", ["--to", "2026-04-31"]), ("one digit", ["--from", "2026-5-2"]),
             ("seven decimals", ["--from", "2026-05-02T00:00:00.0000001Z"]), ("no offset", ["--from", "2026-05-02T00:00:00"]), ("a space for the T", ["--from", "2026-05-02 00:00:00Z"]),
             ("hour 25", ["--from", "2026-05-02T25:00:00Z"]), ("an offset of 24 hours", ["--from", "2026-05-02T00:00:00+24:00"]), ("empty", ["--from", ""]), ("Arabic digits", ["--from", "\u0662\u0660\u0662\u0666-05-02"]),
             ("from = to", ["--from", "2026-05-02T00:00:00Z", "--to", "2026-05-02T00:00:00Z"]), ("from after to", ["--from", "2026-05-04"] + t),
             ("beyond 2^53", ["--to", "2300-01-01"]), ("words after it", ["--from", "2026-05-02x"]), ("29 February 2026", ["--from", "2026-02-29"])]
    return [ask("period: " + name, p, 0, *pub, *arguments) for name, arguments in good] + [
        ask("period: " + name, p, 4, *pub, *arguments) for name, arguments in wrong] + [
        ask("period: " + name, p, 2, *pub, *arguments) for name, arguments in usage] + [
        ask("period: asked of a whole log", w, 4, *pub, *f, *t), ask("period: from asked of a whole log", w, 4, *pub, *f),
        ask("period: from only", from_only, 0, *pub, *f), ask("period: to only", to_only, 0, *pub, *t),
        ask("period: both asked of from only", from_only, 4, *pub, *f, *t), ask("period: from asked of to only", to_only, 4, *pub, *f),
        ask("period: an exact instant", exact, 0, *pub, "--from", "2026-05-02T00:00:00.123456Z", *t),
        ask("period: an open end", open_end, 4, *pub, *f, "--to", "2026-05-09"), ask("period: an open end, not asked for", open_end, 0, *pub),
        ask("period: an open end, wrong period", open_end, 4, *pub, *f, *t),
    ]


def lines():
    w, pub = (lambda: whole().tar), ["--key", "{pub}"]
    return [ask("an unknown option", w, 2, *pub, "--quickly"), ask("an option without its value", w, 2, "--key"),
            ask("a later option: --since", w, 2, *pub, "--since", "{pub}"), ask("a later option: --policy", w, 2, *pub, "--policy", "{pub}"),
            ask("a later option: --max-age", w, 2, *pub, "--max-age", "1h")]


def cases():
    return keys() + logs() + periods() + lines()
