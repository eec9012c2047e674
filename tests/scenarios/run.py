#!/usr/bin/env python3
"""Types the commands of one scenario file and compares what they print and how they exit; README.md has the form."""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
import talon_world  # noqa: E402


class Step:
    def __init__(self, line, command):
        self.line, self.command = line, command
        self.stdout, self.stderr, self.exit = [], [], 0


def read_scenario(path):
    """The steps in order: ("file", name, text), ("serve",) or a Step."""
    steps, lines, at = [], path.read_text(encoding="utf-8").split("\n"), 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if line.startswith("-- ") and line.endswith(" --"):
            end = lines.index("--", at)
            steps.append(("file", line[3:-3], "\n".join(lines[at:end]) + "\n"))
            at = end + 1
        elif line == "@serve":
            steps.append(("serve",))
        elif line.startswith("$ "):
            steps.append(Step(at, line[2:]))
        elif line.startswith("#") or line == "":
            continue
        elif not steps or not isinstance(steps[-1], Step):
            raise SystemExit(f"{path}:{at}: expected output without a command: {line}")
        elif line.startswith("2> "):
            steps[-1].stderr.append(line[3:])
        elif line.startswith("= "):
            steps[-1].exit = int(line[2:])
        else:
            steps[-1].stdout.append(line)
    return steps


def matches(expected, actual):
    """Do the expected lines describe the actual ones? `...` alone stands for any lines, `[...]` for any text."""
    if not expected:
        return not actual
    if expected[0] == "...":
        return any(matches(expected[1:], actual[skip:]) for skip in range(len(actual) + 1))
    if not actual:
        return False
    pattern = ".*".join(re.escape(part) for part in expected[0].split("[...]"))
    return re.fullmatch(pattern, actual[0]) is not None and matches(expected[1:], actual[1:])


def lines_of(output):
    text = output.decode("utf-8", "replace")
    return text.split("\n")[:-1] if text.endswith("\n") else (text.split("\n") if text else [])


def run_step(step, folder, environment):
    done = subprocess.run(["bash", "-c", step.command], cwd=folder, env=environment, capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=120)
    stdout, stderr = lines_of(done.stdout), lines_of(done.stderr)
    wrong = []
    if done.returncode != step.exit:
        wrong.append(f"exit {done.returncode}, expected {step.exit}")
    if not matches(step.stdout, stdout):
        wrong.append("standard output is not what was expected")
    if step.stderr and not matches(step.stderr, stderr):
        wrong.append("standard error is not what was expected")
    if wrong:
        print(f"line {step.line}: $ {step.command}\n  " + "\n  ".join(wrong))
        for name, expected, actual in (("stdout", step.stdout, stdout), ("stderr", step.stderr, stderr)):
            print(f"  expected {name}:\n" + "".join(f"    {line}\n" for line in expected), end="")
            print(f"  {name}:\n" + "".join(f"    {line}\n" for line in actual), end="")
    return not wrong


def main():
    path = Path(sys.argv[1])
    binary = Path(talon_world.find_binary("TALON_BIN", "talon")).resolve()
    world, good, ran = None, True, 0
    with tempfile.TemporaryDirectory(prefix="talon-scenario-") as folder:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("TALON_", "XDG_"))}
        environment.update(PATH=f"{binary.parent}:{environment['PATH']}", HOME=folder, LC_ALL="C.UTF-8",
                           TREE=os.environ.get("TALON_SOURCE_DIR", str(path.resolve().parent.parent.parent)))
        try:
            for step in read_scenario(path):
                if isinstance(step, Step):
                    good = run_step(step, folder, environment) and good
                    ran += 1
                elif step[0] == "file":
                    (Path(folder) / step[1]).write_text(step[2], encoding="utf-8")
                else:
                    world = talon_world.World()
                    environment.update(URL=f"http://{world.address}", TALON_DATA_DIR=str(world.data_dir),
                                       ACME=talon_world.ACME, GLOBEX=talon_world.GLOBEX, ADMIN=talon_world.ADMIN)
        finally:
            if world:
                world.close()
    print(f"{path.name}: {ran} commands, {'as told' if good else 'NOT as told'}")
    return 0 if good and ran else 1


if __name__ == "__main__":
    sys.exit(main())
