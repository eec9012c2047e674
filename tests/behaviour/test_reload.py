# ctest: timeout=120
"""Reloading: the new configuration is checked whole and swapped as one generation; what runs keeps the old one, and a
bad file changes nothing (issue §4 "Surfaces around it").
"""

import json
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import (  # noqa: E402
    ACME, ADMIN, CALLERS, GLOBEX, WorldCase, chat_body, in_threads, merged, request, wait_until)

NEW = "talon-gw-initech-0123456789"


class Reloading(WorldCase):
    def reload(self, world, expect="reloaded"):
        """SIGHUP; waits for what the log says of it and returns that line."""
        offset = world.log_path.stat().st_size
        world.process.send_signal(signal.SIGHUP)
        found = []

        def told():
            found[:] = [line for line in world.log(offset) if line.get("event") in ("reloaded", "reload_failed")]
            return found

        wait_until(told, 20, "a log line about the reload")
        self.assertEqual(found[0]["event"], expect, found[0])
        return found[0]

    def change(self, world, changes):
        world.config = merged(world.config, changes)
        world.write_config()

    def with_callers(self, *callers):
        return {"gateway": {"callers": [dict(caller) for caller in callers]}}

    def test_a_reload_asked_for_while_the_process_starts_waits_until_it_serves(self):
        # A long configuration, so that there is a time in which it is being read.
        world = self.world(self.with_callers(*({"name": f"c{n}", "tenant_key": f"talon-gw-caller-{n:016}", "tenant_id": f"t{n}"}
                                               for n in range(2000))), start=False)
        used_before_main = []

        def has_begun():
            """It blocks SIGHUP; or it is past the start of main(), where SIGBUS gets its handler, by more than that takes."""
            with open(f"/proc/{world.process.pid}/status", encoding="ascii") as status:
                masks = {line.split(":")[0]: int(line.split()[1], 16) for line in status if line.startswith(("SigBlk", "SigCgt"))}
            used = int(Path(f"/proc/{world.process.pid}/schedstat").read_text(encoding="ascii").split()[0])  # nanoseconds
            if masks["SigCgt"] >> (signal.SIGBUS - 1) & 1 and not used_before_main:
                used_before_main.append(used)
            return masks["SigBlk"] >> (signal.SIGHUP - 1) & 1 or (used_before_main and used - used_before_main[0] > 50e6)

        with open(world.log_path, "ab") as log:
            world.process = subprocess.Popen(world.command("serve"), env=world.environment, stdin=subprocess.DEVNULL, stdout=log,
                                             stderr=log, cwd=world.folder)
        deadline = time.monotonic() + 20
        while not has_begun():
            self.assertLess(time.monotonic(), deadline, "serve does not begin")
        world.process.send_signal(signal.SIGHUP)
        wait_until(lambda: world.process.poll() is not None or any(line.get("event") == "reloaded" for line in world.log()), 30,
                   "the reload")
        self.assertIsNone(world.process.poll(), world.log_tail())
        events = [line.get("event") for line in world.log()]
        self.assertLess(events.index("ready"), events.index("reloaded"))

    def test_a_new_caller_works_and_a_removed_one_is_refused_on_the_next_request(self):
        world = self.world()
        kept = world.connect()
        self.addCleanup(kept.close)
        self.assertEqual(kept.exchange(request("GET", "/v1/costs", key=GLOBEX)).status, 200)
        self.assertEqual(world.chat(key=NEW).status, 401)
        self.change(world, self.with_callers(CALLERS[0], {"name": "initech", "tenant_key": NEW, "tenant_id": "initech"}))
        self.reload(world)
        self.assertEqual(world.chat(key=NEW).status, 200)
        self.assertEqual(world.chat(key=ACME).status, 200)
        self.assertEqual(world.chat(key=GLOBEX).status, 401)
        # Also on a connection that was open before.
        self.assertEqual(kept.exchange(request("GET", "/v1/costs", key=GLOBEX)).status, 401)
        self.assertEqual([record["caller"] for record in world.calls("initech")], ["initech"])
        world.stop()
        world.verify()

    def test_a_stream_runs_across_a_reload_and_ends_well(self):
        world = self.world()
        stream = world.connect()
        self.addCleanup(stream.close)
        stream.send(request("POST", "/v1/chat/completions", chat_body(stream=True), key=GLOBEX, headers=[("X-Sim", "hold=3;events=6;usage=9,4")]))
        response = stream.read_head()
        wait_until(lambda: world.simulator.stats()["inflight"] == 1, 20, "the call at the provider")
        # Its caller and its provider's place go away meanwhile.
        self.change(world, merged(self.with_callers(CALLERS[0]), {"gateway": {"providers": {"openai": {"base_url": "http://127.0.0.1:9/v1"}}}}))
        self.reload(world)
        self.assertEqual(world.chat(key=GLOBEX).status, 401)
        self.assertEqual(world.chat(key=ACME).code, "provider_error")
        world.simulator.release()
        stream.read_body(response)
        self.assertTrue(response.complete)
        self.assertEqual(response.events()[-1], "[DONE]")
        call = world.call_of(response, "globex")
        self.assertEqual((call["decision"]["outcome"], call["caller"]), ("allowed", CALLERS[1]["name"]))
        world.stop()
        world.verify()

    def test_a_bad_file_changes_nothing_and_says_all_that_is_wrong(self):
        world = self.world()
        good = world.config_path.read_text()
        for name, text, words in (
                ("unknown members", good.replace("default_provider:", "default_provder:").replace("durability:", "durabilty:"),
                 ("default_provder", "durabilty")),
                ("no YAML", good + "\n\t: [", ("talon.yaml",)),
                ("a missing secret", good.replace(str(world.folder / "admin.key"), str(world.folder / "gone.key")), ("gone.key",))):
            with self.subTest(name):
                world.config_path.write_text(text)
                line = self.reload(world, "reload_failed")
                for word in words:
                    self.assertIn(word, line["message"])
                asked = world.fetch("POST", "/v1/admin/reload", key=ADMIN)
                self.assertEqual(asked.status // 100, 4, asked)
                for word in words:
                    self.assertIn(word, asked.json()["error"]["message"])
                self.assertEqual(world.chat(key=ACME).status, 200)
                self.assertEqual(world.chat(key=GLOBEX).status, 200)
        world.config_path.unlink()
        self.assertIn("talon.yaml", self.reload(world, "reload_failed")["message"])
        self.assertEqual(world.chat().status, 200)

    def test_what_needs_a_restart_is_refused_by_name(self):
        world = self.world()
        for changes, member in (({"server": {"listen": ["127.0.0.1:1"]}}, "server.listen"),
                                ({"server": {"admin_listen": ["127.0.0.1:0"]}}, "server.admin_listen"),
                                ({"vault": {"durability": "batched"}}, "vault.durability"),
                                ({"data_dir": "/tmp"}, "data_dir")):
            with self.subTest(member):
                before = world.config
                self.change(world, merged(changes, self.with_callers(CALLERS[0])))
                self.assertIn(f'"{member}" cannot change', self.reload(world, "reload_failed")["message"])
                self.assertEqual(world.chat(key=GLOBEX).status, 200, "nothing of the file was taken")
                world.config = before
        world.write_config()
        self.reload(world)

    def test_what_a_caller_spent_counts_on_after_a_reload(self):
        capped = {**CALLERS[0], "policy_overrides": {"max_daily_cost": "0.001"}}
        world = self.world(callers=(capped, CALLERS[1]))
        # 0.15 and 0.60 dollars a million tokens: this call spends most of the cap.
        self.assertEqual(world.chat(max_tokens=10, sim="usage=6000,10").status, 200)
        refused = world.chat(max_tokens=300)
        self.assertEqual(refused.code, "daily_cost_exceeded", refused)
        self.change(world, self.with_callers(CALLERS[1], capped))
        self.reload(world)
        again = world.chat(max_tokens=300)
        self.assertEqual(again.code, "daily_cost_exceeded", "the callers changed places; the money stays with the name")
        self.assertEqual(again.json()["error"]["current_usage_usd"], refused.json()["error"]["current_usage_usd"])
        self.change(world, self.with_callers(CALLERS[1], {**capped, "policy_overrides": {"max_daily_cost": "1"}}))
        self.reload(world)
        self.assertEqual(world.chat(max_tokens=300).status, 200)

    def test_reload_over_http_answers_when_every_worker_has_it(self):
        world = self.world()
        self.assertEqual(world.fetch("POST", "/v1/admin/reload", key=ACME).code, "wrong_key_kind")
        self.assertEqual(world.fetch("POST", "/v1/admin/reload", key=None).status, 401)
        for turn in range(6):
            there = turn % 2 == 0
            callers = (CALLERS[0], {"name": "initech", "tenant_key": NEW, "tenant_id": "initech"})[:2 if there else 1]
            self.change(world, self.with_callers(*callers))
            answer = world.fetch("POST", "/v1/admin/reload", key=ADMIN)
            self.assertEqual((answer.status, answer.json()), (200, {"status": "reloaded"}))
            self.assertEqual({world.chat(key=NEW).status for _ in range(4)}, {200 if there else 401})
        acts = [json.loads(line) for line in world.cli("audit", "export", "--operator", "--format", "ndjson", check=0).stdout.splitlines()]
        self.assertEqual([record["action"] for record in acts if record["kind"] == "operator" and record.get("action") == "config.reload"],
                         ["config.reload"] * 6)

    def test_a_reload_is_recorded_in_the_operators_log(self):
        world = self.world()
        self.reload(world)
        self.change(world, {"gateway": {"default_provider": "nobody"}})
        self.reload(world, "reload_failed")
        done = world.cli("audit", "export", "--operator", "--format", "ndjson", check=0)
        acts = [record for record in map(json.loads, done.stdout.splitlines()) if record.get("action") == "config.reload"]
        self.assertEqual([record["actor"] for record in acts], ["SIGHUP"])

    def test_reloads_under_load_lose_no_call(self):
        world = self.world()
        stop = []

        def work(index):
            if index == 0:
                for turn in range(12):
                    self.change(world, {"gateway": {"hold": {"max_output_tokens": 4000 + turn}}})
                    self.reload(world)
                stop.append(True)
                return []
            wrong = []
            with world.connect() as connection:
                while not stop:
                    response = connection.exchange(request("POST", "/v1/chat/completions", chat_body(stream=index % 2 == 0), key=(ACME, GLOBEX)[index % 2],
                                                           headers=[("X-Sim", "events=3;usage=2,2")]))
                    if response.status != 200 or not response.complete:
                        wrong.append(response)
                        break
            return wrong

        for wrong in in_threads(5, work):
            self.assertEqual(wrong, [])
        world.stop()
        world.verify()


class Draining(WorldCase):
    def test_drain_over_http_is_sigterms_drain(self):
        world = self.world()
        stream = world.connect()
        self.addCleanup(stream.close)
        stream.send(request("POST", "/v1/chat/completions", chat_body(stream=True), key=ACME, headers=[("X-Sim", "hold=2;events=4;usage=1,1")]))
        response = stream.read_head()
        self.assertEqual(world.fetch("POST", "/v1/admin/drain", key=ACME).code, "wrong_key_kind")
        answer = world.fetch("POST", "/v1/admin/drain", key=ADMIN)
        self.assertEqual((answer.status, answer.json()), (200, {"status": "draining"}))
        world.simulator.release()
        stream.read_body(response)
        self.assertEqual(response.events()[-1], "[DONE]")
        self.assertEqual(world.process.wait(20), 0)
        world.verify()
        outcomes = [record["decision"]["outcome"] for record in world.calls()]
        self.assertEqual(sorted(outcomes), ["allowed", "denied"], "the stream, and who had no right to ask")


if __name__ == "__main__":
    unittest.main()
