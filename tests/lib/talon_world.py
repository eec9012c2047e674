"""A world for behaviour tests: a simulator, a data directory, a talon.yaml and a running `talon serve`.

    class Calls(WorldCase):
        def test_a_call_reaches_the_provider(self):
            world = self.world()
            response = world.chat("hello")
            self.assertEqual(response.status, 200)
            self.assertEqual(world.simulator.count(), 1)

The binary is $TALON_BIN, the simulator $TALON_SIMULATOR (default: build/dev). Everything else a test needs from here:
raw HTTP (talon_http), `wait_until`, `world.cli(...)`, `world.records(tenant)`, `world.kill()`, `world.stop()`.
A failing test prints what was sent and received last and the end of the log.
"""

import collections
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

from talon_http import (  # noqa: F401  (tests take all of it from here)
    PATIENCE, Connection, Response, ResponseError, chunked, deadline_after, fetch, forget, parse_events, remembered,
    request)
from talon_simulator import (  # noqa: F401
    TREE, Received, Simulator, find_binary, stop_process, wait_until)

ACME = "talon-gw-acme-abc"
GLOBEX = "talon-gw-globex-xyz"
ADMIN = "admin-key-of-the-test-world-0123456789"
PROVIDER_KEY = "sk-sim-provider-key-0123456789abcdef"
CALLERS = (
    {"name": "customer-acme-app1", "tenant_key": ACME, "tenant_id": "acme"},
    {"name": "customer-globex-bot", "tenant_key": GLOBEX, "tenant_id": "globex"},
)
MODEL = "gpt-4o-mini"

Result = collections.namedtuple("Result", "exit stdout stderr")
"""What a command left: exit status (negative: killed by that signal), stdout and stderr as bytes."""


def to_yaml(value, depth=0):
    """Block style YAML of plain dicts, lists and scalars; strings in JSON's quotes."""
    pad = "  " * depth
    if isinstance(value, dict) and value:
        return "".join(
            f"{pad}{key}:" + (f"\n{to_yaml(item, depth + 1)}" if _is_nested(item) else f" {to_yaml(item)}\n")
            for key, item in value.items())
    if isinstance(value, (list, tuple)) and value:
        return "".join(f"{pad}-\n{to_yaml(item, depth + 1)}" if _is_nested(item) else f"{pad}- {to_yaml(item)}\n"
                       for item in value)
    return json.dumps(value, ensure_ascii=False)


def _is_nested(value):
    return isinstance(value, (dict, list, tuple)) and len(value) > 0


def merged(base, changes):
    """`base` with `changes` laid over it, dicts member by member; a change of None removes the member."""
    out = dict(base)
    for key, value in changes.items():
        if value is None:
            out.pop(key, None)
        elif isinstance(value, dict) and isinstance(out.get(key), dict):
            out[key] = merged(out[key], value)
        else:
            out[key] = value
    return out


def chat_body(text="hello", **members):
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], **members}


class World:
    """`config` is laid over the usual configuration; `provider` names another upstream base_url than the simulator."""

    def __init__(self, config=None, callers=CALLERS, durability="strict", provider=None, simulator=True, start=True,
                 keep=True, environment=None):
        self.folder = Path(tempfile.mkdtemp(prefix="talon-world-"))
        self.simulator = None
        self.process = None
        self.addresses = []
        self.log_path = self.folder / "serve.log"
        try:
            self.simulator = Simulator(keep=keep) if simulator else None
            base_url = provider or (f"http://{self.simulator.address}/v1" if self.simulator else "http://127.0.0.1:9/v1")
            self.data_dir = self.folder / "data"
            self.config_path = self.folder / "talon.yaml"
            admin = self.folder / "admin.key"
            admin.touch(0o600)
            admin.write_text(ADMIN + "\n")
            self.config = merged({
                "data_dir": str(self.data_dir),
                "server": {"listen": ["127.0.0.1:0"]},
                "auth": {"admin_key_file": str(admin)},
                "gateway": {
                    "default_provider": "openai",
                    "providers": {"openai": {"dialect": "openai", "base_url": base_url, "api_key_env": "OPENAI_API_KEY"}},
                    "callers": [dict(caller) for caller in callers],
                },
                "vault": {"durability": durability},
            }, config or {})
            self.write_config()
            clean = {key: value for key, value in os.environ.items()
                     if not key.startswith(("TALON_DATA", "TALON_CONFIG", "TALON_ADMIN", "XDG_")) and not key.endswith("_API_KEY")}
            self.environment = merged({**clean, "OPENAI_API_KEY": PROVIDER_KEY}, environment or {})
            made = self.cli("init", "--name", "gw1")
            if made.exit != 0:
                raise AssertionError(f"talon init: exit {made.exit}: {made.stderr.decode(errors='replace')}")
            if start:
                self.start()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- the process -------------------------------------------------------------------------------------------------

    def write_config(self):
        self.config_path.touch(0o600)
        self.config_path.write_text(to_yaml(self.config), encoding="utf-8")

    def command(self, *arguments):
        return [find_binary("TALON_BIN", "talon"), "--config", str(self.config_path), *map(str, arguments)]

    def cli(self, *arguments, timeout=120, input=None, check=None):
        """Runs `talon …` on this world's data directory. `check`: the exit status it must have."""
        done = subprocess.run(self.command(*arguments), capture_output=True, env=self.environment, input=input,
                              timeout=timeout * PATIENCE, cwd=self.folder)
        if check is not None and done.returncode != check:
            raise AssertionError(f"talon {' '.join(map(str, arguments))}: exit {done.returncode}, not {check}\n"
                                 f"stdout: {done.stdout.decode(errors='replace')[-2000:]}\n"
                                 f"stderr: {done.stderr.decode(errors='replace')[-2000:]}")
        return Result(done.returncode, done.stdout, done.stderr)

    def start(self, seconds=30.0, preexec=None):
        """Starts `talon serve` and waits until its log says ready. The log file goes on from earlier starts."""
        offset = self.log_path.stat().st_size if self.log_path.exists() else 0
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command("serve"), env=self.environment, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, cwd=self.folder, preexec_fn=preexec)

        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"talon serve ended with {self.process.returncode}:\n{self.log_tail()}")
            lines = self.log(offset)
            self.addresses = [line["address"] for line in lines if line.get("event") == "listening"]
            return any(line.get("event") == "ready" for line in lines)

        wait_until(ready, seconds, "the log line with event ready")
        if not self.addresses:
            raise AssertionError(f"no log line with event listening before ready:\n{self.log_tail()}")

    @property
    def address(self):
        return self.addresses[0]

    @property
    def pid(self):
        return self.process.pid

    def stop(self, expect=0, seconds=40.0):
        """SIGTERM; waits for the end and checks the exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"talon serve does not stop:\n{self.log_tail()}") from None
        if expect is not None and status != expect:
            raise AssertionError(f"talon serve ended with {status}, not {expect}:\n{self.log_tail()}")
        return status

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def restart(self):
        self.stop()
        self.start()

    def close(self):
        if self.process and self.process.poll() is None:
            stop_process(self.process)
        if self.simulator:
            self.simulator.stop()
        if os.environ.get("TALON_KEEP_WORLDS"):
            print(f"kept: {self.folder}", file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    # --- the log -----------------------------------------------------------------------------------------------------

    def log(self, offset=0):
        """The complete JSON lines of the log from byte `offset` on; other lines are passed over."""
        lines = []
        with open(self.log_path, "rb") as file:
            file.seek(offset)
            data = file.read()
        for line in data[:data.rfind(b"\n") + 1].splitlines():
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                lines.append(value)
        return lines

    def log_tail(self, lines=30):
        if not self.log_path.exists():
            return "(no log)"
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])

    def memory_kib(self, field="RssAnon"):
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1])
        raise AssertionError(f"no {field} of process {self.pid}")

    # --- calls -------------------------------------------------------------------------------------------------------

    def connect(self, **more):
        return Connection(self.address, **more)

    def fetch(self, method, target, body=None, key=ACME, sim=None, headers=(), **more):
        """One request on its own connection. `sim`: how the simulator is to behave (X-Sim)."""
        extra = list(headers) + ([("X-Sim", sim)] if sim else [])
        return fetch(self.address, method, target, body, key=key, headers=extra, **more)

    def chat(self, text="hello", key=ACME, sim=None, headers=(), **members):
        return self.fetch("POST", "/v1/chat/completions", chat_body(text, **members), key=key, sim=sim, headers=headers)

    # --- evidence ----------------------------------------------------------------------------------------------------

    def records(self, tenant="acme"):
        """The tenant's log as the CLI exports it: every record, oldest first."""
        done = self.cli("audit", "export", "--tenant", tenant, "--format", "ndjson", check=0)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def calls(self, tenant="acme"):
        return [record for record in self.records(tenant) if record["kind"] == "request"]

    def call_of(self, response, tenant="acme"):
        """The record of the call that `response` ended."""
        wanted = response.evidence_id
        found = [record for record in self.calls(tenant) if record["id"] == wanted]
        if len(found) != 1:
            raise AssertionError(f"{len(found)} records with id {wanted} in the log of {tenant}; response {response!r}")
        return found[0]

    def tenant(self, tenant="acme"):
        return json.loads(self.cli("tenant", "show", tenant, "--json", check=0).stdout)

    def verify(self):
        """Verifies the live vault, all logs."""
        return self.cli("audit", "verify", check=0)


class WorldCase(unittest.TestCase):
    """Makes worlds, ends them, and prints what they saw when the test fails."""

    maxDiff = 4000

    def world(self, *arguments, **more):
        world = World(*arguments, **more)
        self._worlds.append(world)
        self.addCleanup(self._end, world)
        return world

    def _end(self, world):
        self._tails.append(world.log_tail())
        world.close()

    def run(self, result=None):
        self._worlds, self._tails = [], []
        forget()
        if result is None:
            return super().run(result)
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            print(f"\n--- {self.id()}: last exchanges", *remembered()[-8:], sep="\n", file=sys.stderr)
            for tail in self._tails:
                print("--- end of the log", tail, sep="\n", file=sys.stderr)
        return result


class Together:
    """Runs work(0) … work(count - 1) at once, one thread each; `results()` waits and raises the first error."""

    def __init__(self, count, work):
        self._results, self._errors = [None] * count, []
        gate = threading.Barrier(count)

        def one(index):
            try:
                gate.wait(60)
                self._results[index] = work(index)
            except BaseException as error:  # noqa: BLE001  (handed to the test by results())
                self._errors.append(error)

        self._threads = [threading.Thread(target=one, args=(index,), daemon=True) for index in range(count)]
        for thread in self._threads:
            thread.start()

    def results(self, seconds=120):
        deadline = deadline_after(seconds)
        for thread in self._threads:
            thread.join(max(0.1, deadline - time.monotonic()))
        if any(thread.is_alive() for thread in self._threads):
            raise AssertionError("threads of the test did not end")
        if self._errors:
            raise self._errors[0]
        return self._results


def in_threads(count, work):
    """The results of work(0) … work(count - 1), run at once."""
    return Together(count, work).results()
