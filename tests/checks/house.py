#!/usr/bin/env python3
"""The walls of the house: who may include whom, and who keeps the heavy headers.

    core <- vault <- gateway <- cli     (an arrow reads "is used by")

Reads #include lines only. A source "sees" a heavy header when it includes it itself or through headers of the tree.
Run without arguments: first the self-test, then the tree. CONTRIBUTING.md explains the rules to people.
"""
import pathlib
import re
import sys
import tempfile

ROOMS = ["core", "vault", "gateway", "cli"]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)

# header prefix -> (pattern of the files that may name it, what to say)
PLACES = [
    (r"lmdb\.h$", r"vault/store/", "LMDB is opened by vault/store alone"),
    (r"sqlite3\.h$", r"vault/export/sqlite\.cpp", "SQLite is written by vault/export/sqlite.cpp alone"),
    (r"openssl/", r"gateway/net/|vault/log/(sha256|ed25519)\.cpp", "OpenSSL lives in gateway/net and two sources of vault/log"),
    (r"boost/asio", r"gateway/net/|gateway/exchange\.(h|cpp)|cli/serve\.cpp", "only gateway/net, gateway/exchange and cli/serve.cpp know Asio"),
    (r"boost/beast", r"gateway/http/", "Beast's parser lives in gateway/http"),
    (r"CLI/|CLI11", r"cli/", "flags are parsed in cli"),
    (r"yaml-cpp/", r"core/|vault/config_files", "YAML is read in core, over text"),
    (r"systemd/", r"gateway/net/|cli/", "systemd is spoken to by gateway/net and cli"),
    (r"(sys/socket|netinet/.*|arpa/inet|netdb|sys/un|sys/epoll)\.h$|netinet/", r"gateway/net/|cli/serve\.cpp", "sockets are opened by gateway/net alone"),
    (r"(fstream|iostream|cstdio|thread|mutex|shared_mutex|condition_variable|unistd\.h|fcntl\.h|sys/stat\.h)$", r"(?!core/)", "core has no I/O and no threads"),
]
NOWHERE = {"regex": "std::regex is unusable here (0.5 MB/s)", "format": "libstdc++ 12 has no <format>; use fmt", "print": "libstdc++ 12 has no <print>; use fmt"}
# Kept out of headers. Asio may show in the headers of gateway/net: connections are its types.
SOURCES_ONLY = re.compile(r"^(boost/|simdjson|nlohmann/|yaml-cpp/|CLI/|lmdb\.h|sqlite3\.h|openssl/|sodium|fmt/)")
# heavy header -> how many sources of the rooms may see it
KEEPERS = {r"^CLI/": 1, r"^boost/beast": 1, r"^boost/asio": 8, r"^nlohmann/": 8, r"^yaml-cpp/": 2}
# What a folder may reach inside its own room: an auditor's tool needs no database.
CONFINED = {r"vault/log/": r"core/|vault/log/", r"vault/bundle/(verif|read)": r"core/|vault/log/|vault/bundle/"}


def includes(path):
    text = path.read_text(encoding="utf-8", errors="replace")
    for match in INCLUDE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match[1], match[2]


def problems(root):
    found = []
    direct = {}  # file -> [(line, quoted, target)]
    for room in ROOMS:
        for path in sorted((root / room).rglob("*")):
            if path.suffix in (".h", ".cpp"):
                direct[path.relative_to(root).as_posix()] = list(includes(path))

    for name, lines in direct.items():
        room = name.split("/")[0]
        for line, quote, target in lines:
            def say(text):
                found.append(f"{name}:{line}: {target}: {text}")
            target_room = target.split("/")[0]
            if target_room in ROOMS and "/" in target:
                if quote != '"':
                    say('headers of the tree are included with quotes')
                if ROOMS.index(target_room) > ROOMS.index(room):
                    say(f"{room} must not know {target_room}; it is used by it")
                for own, allowed in CONFINED.items():
                    if re.match(own, name) and not re.match(allowed, target):
                        say("an auditor's tool must build without this")
                continue
            if quote == '"':
                say("write the path from the root of the tree, such as \"core/money.h\"")
            if target in NOWHERE:
                say(NOWHERE[target])
            for header, place, text in PLACES:
                if re.match(header, target) and not re.match(place, name):
                    say(text)
            if name.endswith(".h"):
                asio_at_home = name.startswith("gateway/net/") and target.startswith("boost/asio")
                if SOURCES_ONLY.match(target) and not asio_at_home and not name.endswith("_fwd.h"):
                    say("heavy headers stay in source files")

    seen = {}

    def sees(name, trail=()):
        if name not in seen:
            external = set()
            for _, _, target in direct.get(name, []):
                if target in direct:
                    if target not in trail:
                        external |= sees(target, trail + (name,))
                else:
                    external.add(target)
            seen[name] = external
        return seen[name]

    for header, most in KEEPERS.items():
        keepers = [n for n in direct if n.endswith(".cpp") and any(re.match(header, t) for t in sees(n))]
        if len(keepers) > most:
            found.append(f"{header.strip('^/')}: seen by {len(keepers)} sources, {most} may: {', '.join(keepers)}")
    return found


def self_test():
    def of(files):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            return problems(root)

    good = {"core/money.h": "#include <cstdint>\n", "vault/vault.h": '#include "core/money.h"\n',
            "vault/store/table.cpp": "#include <lmdb.h>\n", "gateway/net/stream.h": "#include <boost/asio/awaitable.hpp>\n",
            "cli/serve.cpp": '#include "gateway/net/stream.h"\n'}
    assert of(good) == [], of(good)
    for name, text in [("core/a.cpp", '#include "vault/vault.h"'), ("vault/b.cpp", '#include "gateway/x.h"'), ("gateway/c.cpp", '#include "cli/x.h"'),
                       ("vault/d.cpp", "#include <lmdb.h>"), ("gateway/e.cpp", "# include <lmdb.h>"), ("vault/f.cpp", "#include <sys/socket.h>"),
                       ("core/g.h", "#include <fmt/core.h>"), ("core/h.cpp", "#include <fstream>"), ("gateway/i.cpp", "#include <regex>"),
                       ("vault/j.cpp", '#include "store/table.h"'), ("vault/log/k.cpp", '#include "vault/store/table.h"'),
                       ("gateway/http/l.cpp", "#include <boost/asio/buffer.hpp>"), ("vault/m.cpp", "#include <core/money.h>")]:
        assert len(of({**good, name: text + "\n"})) == 1, (name, text, of({**good, name: text + "\n"}))
    # the count goes through headers of the tree
    many = {f"gateway/net/s{i}.cpp": '#include "gateway/net/stream.h"\n' for i in range(9)}
    assert any("boost/asio" in p for p in of({**good, **many}))


if __name__ == "__main__":
    self_test()
    result = problems(pathlib.Path(__file__).resolve().parents[2])
    print("\n".join(result) or "every wall stands")
    sys.exit(1 if result else 0)
