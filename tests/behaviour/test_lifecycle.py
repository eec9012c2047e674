# ctest: timeout=120
"""From start to end of `talon serve`: what the log says, what systemd hears, what the process keeps to itself, and how
it ends (issue §4: SIGTERM, sd_notify, logs; interfaces.md §2).
"""

import json
import os
import pwd
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import (  # noqa: E402
    ACME, ADMIN, PROVIDER_KEY, Connection, World, WorldCase, chat_body, request, wait_until)

ROOT = os.geteuid() == 0
NOBODY = pwd.getpwnam("nobody")
DRAIN_SECONDS = 30
slow_drain = None
"""A world whose drain runs into its end while the other tests run."""


def setUpModule():
    global slow_drain
    slow_drain = World()
    slow_drain.caller = slow_drain.connect(timeout=DRAIN_SECONDS + 20)
    slow_drain.stream = slow_drain.connect(timeout=DRAIN_SECONDS + 20)
    call(slow_drain.caller, "never")
    call(slow_drain.stream, "never=3;events=6", stream=True)
    wait_until(lambda: slow_drain.simulator.stats()["inflight"] == 2, 20, "two calls at the provider")
    slow_drain.first = slow_drain.stream.read_until(b"\n\n")
    slow_drain.process.terminate()
    slow_drain.told = time.monotonic()


def tearDownModule():
    slow_drain.caller.close()
    slow_drain.stream.close()
    slow_drain.close()


def call(connection, sim, **members):
    connection.send(request("POST", "/v1/chat/completions", chat_body(**members), key=ACME, headers=[("X-Sim", sim)]))


def boots(world):
    """The `boot` records of the operator's log, oldest first."""
    done = world.cli("audit", "export", "--operator", "--format", "ndjson", check=0)
    return [record for record in map(json.loads, done.stdout.splitlines()) if record["kind"] == "boot"]


def event(world, name, /, **fields):
    """The first log line of that event with these fields, or None."""
    return next((line for line in world.log()
                 if line.get("event") == name and all(line.get(key) == value for key, value in fields.items())), None)


class Ending(WorldCase):
    def open_call(self, world, sim, **members):
        connection = world.connect()
        self.addCleanup(connection.close)
        call(connection, sim, **members)
        return connection

    def term(self, world, how="drain"):
        world.process.send_signal(signal.SIGTERM)
        wait_until(lambda: event(world, "stopping", how=how), 10, "a log line that says that serve stops")

    def test_sigterm_finishes_what_runs_and_takes_nothing_new(self):
        world = self.world()
        plain = self.open_call(world, "hold")
        stream = self.open_call(world, "hold=3;events=6", stream=True)
        world.simulator.wait_held(2)
        # A request whose head is not whole yet is not running; one that is asked on its connection hears the truth.
        asking = world.connect()
        self.addCleanup(asking.close)
        asking.send(b"GET /readyz HTTP/1.1\r\n")
        calling = world.connect()
        self.addCleanup(calling.close)
        whole = request("POST", "/v1/chat/completions", chat_body(), key=ACME)
        calling.send(whole[:20])
        idle = world.connect()
        self.addCleanup(idle.close)
        self.assertEqual(idle.exchange(request("GET", "/healthz")).status, 200)
        self.term(world)
        self.assertTrue(idle.ended(), "an idle connection is closed")

        asking.send(b"Host: a\r\n\r\n")
        ready = asking.read_response("GET")
        self.assertEqual((ready.status, ready.json()), (503, {"status": "draining"}))
        self.assertTrue(asking.ended(), "no further request on a connection")
        calling.send(whole[20:])
        refused = calling.read_response()
        self.assertEqual((refused.status, refused.code), (503, "draining"))
        self.assertEqual(world.simulator.count(), 2)

        def is_refused():
            try:
                Connection(world.address).close()
                return False
            except ConnectionRefusedError:
                return True

        wait_until(is_refused, 5, "new connections refused")
        self.assertIsNone(world.process.poll(), "it waits for what runs")
        world.simulator.release()
        answer, events = plain.read_response(), stream.read_response()
        self.assertEqual((answer.status, answer.complete, answer.header("connection")), (200, True, "close"))
        self.assertTrue(events.complete)
        self.assertEqual(events.events()[-1], "[DONE]")
        self.assertEqual(world.process.wait(10), 0)
        self.assertEqual(world.log()[-1]["event"], "stopped")
        for response in (answer, events):
            self.assertEqual(world.call_of(response)["decision"]["outcome"], "allowed")
        world.verify()

    def test_the_next_boot_record_says_how_the_last_run_ended(self):
        world = self.world()
        world.chat()
        world.stop()
        world.start()
        self.open_call(world, "never")
        wait_until(lambda: world.simulator.stats()["inflight"] == 1, 20, "a call at the provider")
        world.kill()
        world.start()
        first, after_order, after_kill = boots(world)
        self.assertEqual([record.get("clean", False) for record in (first, after_order, after_kill)], [True, True, False])
        self.assertEqual([record["interrupted"] for record in (first, after_order, after_kill)], [0, 0, 1])
        self.assertEqual(len({record["version"] for record in (first, after_order, after_kill)}), 1)
        world.stop()

    def test_sigint_ends_like_sigterm(self):
        world = self.world(simulator=False)
        world.process.send_signal(signal.SIGINT)
        self.assertEqual(world.process.wait(10), 0)

    def test_a_second_sigterm_ends_streams_in_an_error_and_at_once(self):
        world = self.world()
        stream, plain = self.open_call(world, "never=3;events=6", stream=True), self.open_call(world, "never")
        wait_until(lambda: world.simulator.stats()["inflight"] == 2, 20, "two calls at the provider")
        first = stream.read_until(b"\n\n")
        self.term(world)
        self.assertIsNone(world.process.poll())
        began = time.monotonic()
        self.term(world, how="now")
        self.assertEqual(world.process.wait(10), 0)
        self.assertLess(time.monotonic() - began, 3)
        rest = first + stream.read_to_end()
        self.assertNotIn(b"[DONE]", rest)
        self.assertIn(b'"code":"draining"', rest)
        self.assertFalse(plain.read_to_end().startswith(b"HTTP/1.1 2"))
        world.verify()
        records = world.calls()
        self.assertEqual(len(records), 2, "each call has its record")
        self.assertNotIn("allowed", [record["decision"]["outcome"] for record in records])
        world.start()
        self.assertTrue(boots(world)[-1]["clean"])
        self.assertEqual(len(world.calls()), 2)
        world.stop()

    def test_a_batched_vault_commits_all_before_it_ends(self):
        world = self.world(durability="batched")
        for _ in range(20):
            last = world.chat()
        world.stop()
        self.assertEqual(len(world.calls()), 20)
        self.assertEqual(world.call_of(last)["decision"]["outcome"], "allowed")
        world.start()
        self.assertEqual(boots(world)[-1]["interrupted"], 0)
        self.assertTrue(boots(world)[-1]["clean"])
        world.stop()


class Zz_DrainTimeout(WorldCase):
    """Last by its name: it waits for the rest of the thirty seconds."""

    def test_calls_that_outlast_the_drain_are_ended_and_recorded(self):
        world = slow_drain
        self.assertEqual(world.process.wait(DRAIN_SECONDS + 15), 0, world.log_tail())
        rest = world.first + world.stream.read_to_end()
        self.assertIn(b'"code":"draining"', rest)
        self.assertNotIn(b"[DONE]", rest)
        self.assertFalse(world.caller.read_to_end().startswith(b"HTTP/1.1 2"))
        self.assertEqual(event(world, "drain_timeout")["level"], "warning")
        at = {name: event(world, name)["time"] for name in ("stopping", "drain_timeout", "stopped")}
        seconds = [float(value[14:16]) * 60 + float(value[17:23]) for value in at.values()]
        self.assertAlmostEqual((seconds[1] - seconds[0]) % 3600, DRAIN_SECONDS, delta=2.5)
        self.assertLess((seconds[2] - seconds[1]) % 3600, 3)
        world.verify()
        self.assertEqual(len(world.calls()), 2)


class Process(WorldCase):
    def limits(self, world):
        lines = Path(f"/proc/{world.pid}/limits").read_text().splitlines()
        line = next(line for line in lines if line.startswith("Max open files"))
        return [int(word) for word in line.split()[3:5]]

    def test_the_soft_limit_of_open_files_is_raised_to_the_hard_one(self):
        world = self.world(start=False, simulator=False)
        hard = min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        world.start(preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard)))
        self.assertEqual(self.limits(world), [hard, hard])

    @unittest.skipUnless(ROOT, "only root sees whose a process is")
    def test_no_other_process_of_its_user_may_look_into_it(self):
        world = self.world(start=False)
        shutil.rmtree(world.data_dir)
        world.data_dir.mkdir(0o700)
        os.chown(world.data_dir, NOBODY.pw_uid, NOBODY.pw_gid)
        world.folder.chmod(0o711)
        world.cli("init", check=0)
        world.start()
        self.assertEqual(world.chat().status, 200)
        place = Path(f"/proc/{world.pid}")
        self.assertIn(f"Uid:\t{NOBODY.pw_uid}\t", (place / "status").read_text())
        # proc(5): the files of a process that is not dumpable belong to root.
        for name in ("environ", "mem", "maps", "status"):
            self.assertEqual((place / name).stat().st_uid, 0, name)
        for name in ("environ", "mem", "maps"):
            done = subprocess.run(["setpriv", f"--reuid={NOBODY.pw_uid}", f"--regid={NOBODY.pw_gid}", "--clear-groups",
                                   "head", "-c", "1", str(place / name)], capture_output=True)
            self.assertNotEqual(done.returncode, 0, name)
            self.assertIn(b"Permission denied", done.stderr)


class Systemd(WorldCase):
    def setUp(self):
        self.heard = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.socket.close)

    def listen(self, world):
        path = world.folder / "notify"
        self.socket.bind(str(path))
        self.socket.setblocking(False)
        world.environment["NOTIFY_SOCKET"] = str(path)

    def hear(self):
        while True:
            try:
                self.heard += self.socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self.heard

    def test_systemd_hears_ready_watchdog_and_stopping(self):
        world = self.world(start=False)
        self.listen(world)
        world.environment["WATCHDOG_USEC"] = "30000000"
        started = subprocess.run(world.command("--data-dir", world.folder / "none", "serve"), env=world.environment,
                                 capture_output=True)
        self.assertEqual((started.returncode, self.hear()), (3, []), "a start that fails is not announced")
        world.start()
        wait_until(lambda: "READY=1" in self.hear(), 10, "READY=1")
        self.assertEqual(self.heard[0], "READY=1")
        self.assertEqual(world.chat().status, 200, "ready means that it serves")
        wait_until(lambda: self.hear().count("WATCHDOG=1") >= 2, 10, "the watchdog fed twice")
        self.assertNotIn("STOPPING=1", self.heard)
        with world.connect() as connection:
            call(connection, "hold")
            world.simulator.wait_held(1)
            world.process.terminate()
            wait_until(lambda: "STOPPING=1" in self.hear(), 10, "STOPPING=1")
            fed = self.heard.count("WATCHDOG=1")
            wait_until(lambda: self.hear().count("WATCHDOG=1") > fed, 10, "the watchdog fed while it drains")
            world.simulator.release()
            self.assertEqual(connection.read_response().status, 200)
        self.assertEqual(world.process.wait(10), 0)

    def test_without_a_watchdog_nothing_feeds_it(self):
        world = self.world(start=False, simulator=False)
        self.listen(world)
        world.start()
        wait_until(lambda: "READY=1" in self.hear(), 10, "READY=1")
        world.stop()
        self.assertEqual(self.hear(), ["READY=1", "STOPPING=1"])


class StartUpLog(WorldCase):
    def test_the_log_says_what_the_server_goes_by(self):
        world = self.world(start=False, config={"gateway": {"providers": {
            "spare": {"dialect": "openai", "base_url": "http://127.0.0.1:9/v1", "api_key_env": "SPARE_KEY_OF_THE_TEST"}}}})
        world.start()
        self.assertEqual(event(world, "configuration")["file"], str(world.config_path))
        self.assertEqual(event(world, "configuration")["from"], "--config")
        self.assertEqual(event(world, "data_dir")["path"], str(world.data_dir))
        self.assertEqual(event(world, "listening")["address"], world.address)
        on = event(world, "provider", name="openai")
        self.assertEqual((on["on"], on["base_url"]), (True, f"http://{world.simulator.address}/v1"))
        off = event(world, "provider", name="spare")
        self.assertFalse(off["on"])
        self.assertIn("SPARE_KEY_OF_THE_TEST", off["reason"])
        self.assertIs(event(world, "admin")["on"], True)
        self.assertEqual(event(world, "durability")["mode"], "strict")
        self.assertTrue(event(world, "ready"))
        for line in world.log():
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertIn(line["level"], ("info", "warning", "error"))

    def test_the_log_names_the_variable_that_would_turn_the_admin_or_a_provider_on(self):
        world = self.world(start=False, simulator=False, durability="batched", environment={"OPENAI_API_KEY": None},
                           config={"auth": {"admin_key_file": None, "admin_key_env": "TALON_ADMIN_OF_THE_TEST"}})
        world.start()
        self.assertIs(event(world, "admin")["on"], False)
        self.assertEqual(event(world, "durability")["mode"], "batched")
        text = world.log_path.read_text()
        self.assertIn("TALON_ADMIN_OF_THE_TEST", text)
        self.assertIn("OPENAI_API_KEY", text)
        refused = world.chat()
        self.assertEqual((refused.status, refused.code), (503, "no_provider_configured"))
        self.assertEqual(world.fetch("GET", "/readyz", key=None).status, 200)

    def test_the_log_never_holds_a_key(self):
        strange = "sk-proj-strange-key-that-nobody-knows-0123456789"
        static = "static-key-of-the-test-0123456789abcdef"
        callers = [{"name": "app", "tenant_key": ACME, "tenant_id": "acme"}]
        world = self.world(callers=callers, config={"auth": {"api_keys": [{"name": "ops", "key": static}]}})
        for key in (ACME, static, ADMIN, strange, PROVIDER_KEY):
            world.chat(key=key)
            world.fetch("GET", "/v1/models", headers=[("x-api-key", key)], key=None)
            world.fetch("GET", f"/v1/models?key={key}", key=key)
            world.fetch("GET", f"/v1/evidence?tenant=acme&key={key}", key=key)
            world.fetch("POST", f"/v1/proxy/openai/chat/completions?key={key}", chat_body(), key=key)
            world.fetch("GET", f"/{key}", key=key)
            world.fetch("GET", "/v1/models", headers=[("Authorization", f"Basic {key}")], key=None)
            world.fetch("GET", "/v1/models", headers=[("x-api-key", ACME)], key=key)
        for sim in ("status=401", "cut", "malformed=nul", "status=500;error-code=" + strange[:20]):
            world.chat(sim=sim)
        with world.connect() as connection:
            connection.send(f"GET /v1/models HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {ACME}\r\n folded\r\n\r\n".encode())
            self.assertEqual(connection.read_response("GET").status, 400)
        world.stop()
        world.start()
        world.stop()
        files = [world.log_path, *(path for path in world.data_dir.rglob("*") if path.is_file())]
        for path in files:
            content = path.read_bytes()
            for key in (ACME, static, ADMIN, strange, PROVIDER_KEY):
                self.assertNotIn(key.encode(), content, path.name)
                self.assertNotIn(key[:12].encode() + key[12:20].encode(), content, path.name)
        lines = [line for line in world.log() if line["event"] == "request"]
        self.assertGreater(len(lines), 40)
        for line in lines:
            self.assertTrue(line["request_id"].startswith("req_"))
            self.assertTrue(line["evidence_id"] == "" or line["evidence_id"].startswith("ev_"), line)


if __name__ == "__main__":
    unittest.main()
