#!/usr/bin/env python3
"""Plays a guide against a real `talon serve` and a provider simulator: run.py FILE.guide

    ## a heading                          printed when what follows fails
    > POST /v1/admin/tenants as admin     a request, sent by curl with the key that was kept under this name ("as none": no key)
    + Content-Type: application/json      a header of it; without one curl sends what it sends of itself
    {"name": "Acme Corp"}                 its body; none where the guide shows none
    201                                   the status expected
    {"tenant_id": "tenant_abc123"}        the answer as the guide prints it; compared member by member, nothing more, nothing less
    ~ tenant_id: ^tenant_[0-9a-z]{26}$    a value that must differ from the guide's: its form (a regular expression over its JSON text,
                                          strings without quotes), or for `~ path: *` anything
    * email, limits.x                     members that the guide does not print; nothing is compared below them
    = tenant: tenant_id                   keeps the value for later: {tenant} stands for it in paths, headers, bodies and commands
    @ Authorization: Bearer {x}           the simulator's last request had this field
    @ none                                the simulator received nothing since the last look
    $ talon tenant show acme              a command (bash; talon, $URL, sqlite3 and $DIR are there); its exit status and standard
    0                                     output follow, the output compared as JSON if it is JSON, else line by line

Lists: `path[0].member`; `path[*].member` for every element. An expected text "{name}" is replaced first.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "lib"))

from talon_world import ACME, ADMIN, GLOBEX, World  # noqa: E402

STATIC = "static-key-of-operations-0123456789"


class Mismatch(Exception):
    pass


class Step:
    def __init__(self, heading, line, kind, text):
        self.heading, self.line, self.kind, self.text = heading, line, kind, text
        self.headers, self.body, self.status, self.answer = [], [], None, []
        self.differs, self.adds, self.keeps, self.upstream = [], [], [], []


def parse(path):
    steps, heading = [], ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        mark, rest = line[:2], line[2:].strip()
        if line.startswith("## "):
            heading = line[3:]
        elif line.startswith("#") or not line.strip():
            continue
        elif mark == "> " or mark == "$ ":
            steps.append(Step(heading, number, mark[0], rest))
        elif not steps:
            raise Mismatch(f"{path}:{number}: nothing to belong to")
        elif mark == "+ ":
            steps[-1].headers.append(rest)
        elif mark in ("~ ", "* ", "= ", "@ "):
            {"~": steps[-1].differs, "*": steps[-1].adds, "=": steps[-1].keeps, "@": steps[-1].upstream}[mark[0]].append(rest)
        elif steps[-1].status is None and re.fullmatch(r"\d{1,3}", line):
            steps[-1].status = int(line)
        elif steps[-1].status is None:
            steps[-1].body.append(line)
        else:
            steps[-1].answer.append(line)
    return steps


def leaves(path, value):
    """Every value of a JSON text with its path."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from leaves(f"{path}.{name}" if path else name, inner)
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from leaves(f"{path}[{index}]", inner)
    elif path or value != {}:
        yield path, value


def covers(pattern, path):
    """`pattern` names `path` or something above it; [*] is any index."""
    form = re.escape(pattern).replace(r"\[\*\]", r"\[\d+\]")
    return re.match(form + r"(?![A-Za-z0-9_])", path) is not None


def text_of(value):
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def compare(expected, got, step):
    """Raises Mismatch unless `got` is what the guide prints, but for what the step names."""
    problems = []
    have, want = dict(leaves("", got)), dict(leaves("", expected))
    forms = [entry.partition(":") for entry in step.differs]
    added = [name.strip() for entry in step.adds for name in entry.split(",")]
    for path, value in have.items():
        form = next((form.strip() for name, _, form in forms if covers(name.strip(), path)), None)
        if form is not None:
            if form != "*" and not re.search(form, text_of(value)):
                problems.append(f"{path} is {text_of(value)!r}, not of the form {form}")
        elif path in want:
            if value != want[path] or isinstance(value, bool) != isinstance(want[path], bool):
                problems.append(f"{path} is {text_of(value)!r}; the guide says {text_of(want[path])!r}")
        elif not any(covers(name, path) for name in added):
            problems.append(f"{path} ({text_of(value)!r}) is not in the guide and not named as ours")
    for path in want:
        named = any(covers(name.strip(), path) for name, _, _ in forms)
        if path not in have and not (named and any(covers(path, other) or covers(other, path) for other in have)):
            problems.append(f"{path} is missing; the guide says {text_of(want[path])!r}")
    for name in added:
        if not any(covers(name, path) for path in have):
            problems.append(f"{name} is named as ours and is not there")
    if problems:
        raise Mismatch("\n".join(problems) + f"\nanswer: {json.dumps(got, ensure_ascii=False)}")


def value_at(value, path):
    for name, index in re.findall(r"([A-Za-z0-9_]+)|\[(\d+)\]", path):
        value = value[name] if name else value[int(index)]
    return value


class Player:
    def __init__(self, world):
        self.world, self.seen = world, 0
        self.kept = {"admin": ADMIN, "acme": ACME, "globex": GLOBEX, "static": STATIC}

    def fill(self, text):
        return re.sub(r"\{([a-z_0-9]+)\}", lambda match: str(self.kept.get(match[1], match[0])), text)

    def play(self, step):
        status, output = self.request(step) if step.kind == ">" else self.command(step)
        if status != step.status:
            raise Mismatch(f"answered {status}, not {step.status}: {output.decode(errors='replace')[:1500]}")
        expected = self.fill("\n".join(step.answer))
        try:
            got = json.loads(output) if output.strip() else None
        except ValueError:
            got = None
        if got is not None and (step.kind == ">" or expected.lstrip()[:1] in "{["):
            compare(json.loads(expected) if expected else {}, got, step)
        elif output.decode().splitlines() != expected.splitlines():
            raise Mismatch(f"printed\n{output.decode(errors='replace')}\nnot\n{expected}")
        for entry in step.keeps:
            name, _, path = entry.partition(":")
            self.kept[name.strip()] = value_at(got, path.strip())
        self.look_upstream(step)

    def request(self, step):
        words = step.text.split()
        key = self.kept[words[3]] if len(words) == 4 and words[3] != "none" else None
        command = ["curl", "-sS", "--max-time", "60", "-X", words[0], "-w", "\n%{http_code}",
                   f"http://{self.world.address}{self.fill(words[1])}"]
        if key:
            command += ["-H", f"Authorization: Bearer {key}"]
        for header in step.headers:
            command += ["-H", self.fill(header)]
        if step.body:
            command += ["--data-binary", self.fill("\n".join(step.body))]
        done = subprocess.run(command, capture_output=True, timeout=90)
        if done.returncode != 0:
            raise Mismatch(f"curl ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
        output, _, status = done.stdout.rpartition(b"\n")
        return int(status), output

    def command(self, step):
        talon = shlex.join(self.world.command())
        script = f"talon() {{ {talon} \"$@\"; }}\n{self.fill(step.text)}"
        environment = {**self.world.environment, "URL": f"http://{self.world.address}", "DIR": str(self.world.folder)}
        done = subprocess.run(["bash", "-c", script], capture_output=True, env=environment, cwd=self.world.folder, timeout=120)
        return done.returncode, done.stdout

    def look_upstream(self, step):
        received = self.world.simulator.requests()
        fresh, self.seen = received[self.seen:], len(received)
        for wanted in step.upstream:
            calls = [one for one in fresh if not one.target.endswith("/models")]  # a probe asks for these of itself
            if wanted == "none":
                if calls:
                    raise Mismatch(f"the provider received {calls[-1].method} {calls[-1].target}")
                continue
            name, _, value = self.fill(wanted).partition(": ")
            if not calls:
                raise Mismatch("the provider received nothing")
            have = [text for field, text in calls[-1].headers if field.lower() == name.lower()]
            if have != [value]:
                raise Mismatch(f"the provider saw {name}: {have}, not {value!r}")


def main():
    path = Path(sys.argv[1])
    steps = parse(path)
    static = {"auth": {"api_keys": [{"name": "ops", "key": STATIC}]}}
    with World(static) as world:
        player = Player(world)
        for step in steps:
            try:
                player.play(step)
            except (Mismatch, KeyError, IndexError, subprocess.TimeoutExpired) as problem:
                print(f"{path}:{step.line}: {step.heading}\n{step.kind} {step.text}\n{problem}", file=sys.stderr)
                print("--- end of the log", world.log_tail(), sep="\n", file=sys.stderr)
                return 1
            print(f"ok  {step.kind} {step.text}")
        world.stop()
        world.verify()
    return 0


if __name__ == "__main__":
    sys.exit(main())
