"""Starts tests/simulator and asks it what it received; tests/simulator/README.md says what it can do."""

import base64
import json
import os
import select
import subprocess
import time
from pathlib import Path

from talon_http import deadline_after, fetch

TREE = Path(__file__).resolve().parent.parent.parent


def find_binary(variable, name):
    given = os.environ.get(variable)
    path = Path(given) if given else TREE / "build" / "dev" / name
    if not path.exists():
        raise FileNotFoundError(f"no {name} at {path}: build it, or set ${variable}")
    return str(path)


def wait_until(predicate, seconds=20.0, what="the condition"):
    """Polls until `predicate` returns something true and returns that. AssertionError at the deadline."""
    deadline = deadline_after(seconds)
    pause = 0.002
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {seconds} s (last value: {value!r})")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def stop_process(process, seconds=5.0):
    """SIGTERM, and SIGKILL when that does not help. Returns the exit status."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


class Received:
    """A request as the simulator saw it."""

    def __init__(self, kept):
        self.method = kept["method"]
        self.target = kept["target"]
        self.headers = [tuple(pair) for pair in kept["headers"]]
        self.body = base64.b64decode(kept["body_base64"])
        self.connection = kept["connection"]
        self.number = kept["number"]
        self.time_us = kept["time_us"]

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name):
        return next(iter(self.all(name)), None)

    def __repr__(self):
        return f"<{self.number} {self.method} {self.target} {self.headers} {self.body[:300]!r}>"


class Simulator:
    def __init__(self, keep=True, unix=None):
        arguments = [find_binary("TALON_SIMULATOR", "simulator")]
        arguments += ["--keep"] if keep else []
        arguments += ["--unix", str(unix)] if unix else []
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        ready, _, _ = select.select([self.process.stdout], [], [], 20)
        line = self.process.stdout.readline() if ready else ""
        if not line.startswith("listening "):
            stop_process(self.process)
            raise RuntimeError(f"the simulator did not start: {line!r}")
        self.address = line.split()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        stop_process(self.process)
        self.process.stdout.close()

    def ask(self, method, target, body=None):
        response = fetch(self.address, method, "/__sim/" + target, body)
        if response.status != 200:
            raise AssertionError(f"the simulator answers {response!r} to {method} {target}")
        return json.loads(response.body)

    def requests(self):
        return [Received(kept) for kept in self.ask("GET", "requests")["requests"]]

    def last(self):
        return self.requests()[-1]

    def forget(self):
        self.ask("DELETE", "requests")

    def count(self):
        return self.ask("GET", "count")["count"]

    def stats(self):
        return self.ask("GET", "stats")

    def script(self, *lines):
        """The next provider requests are answered as these lines say, one each."""
        self.ask("POST", "script", "\n".join(line or " " for line in lines).encode())

    def release(self, count=None, forever=False):
        query = "&".join(([f"count={count}"] if count is not None else []) + (["forever=1"] if forever else []))
        return self.ask("POST", "release" + (f"?{query}" if query else ""))["released"]

    def wait_held(self, count, seconds=20.0):
        wait_until(lambda: self.stats()["held"] >= count, seconds, f"{count} held answers at the simulator")

    def wait_idle(self, seconds=20.0):
        wait_until(lambda: self.stats()["inflight"] == 0, seconds, "an idle simulator")

    def malformed_kinds(self):
        return self.ask("GET", "malformed")["kinds"]
