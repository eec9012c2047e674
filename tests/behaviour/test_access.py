"""Who may what, in which order it is checked, and that denials are evidence (interfaces.md §3 and §4; acceptance T5,
T12)."""

import json
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_reads import NO_SUCH_ID, READS, STATIC, WITH_STATIC, ReadCase, without_request_id  # noqa: E402
from talon_world import ACME, ADMIN, CALLERS, GLOBEX, MODEL, chat_body, request, wait_until  # noqa: E402


class WhoMayWhat(ReadCase):
    def test_a_key_reads_what_its_row_says(self):
        world = self.world(config=WITH_STATIC)
        mine = world.chat().evidence_id
        reads = ("/v1/evidence", f"/v1/evidence/{mine}", "/v1/evidence/export", "/v1/evidence/checkpoint", "/v1/costs")
        for target in reads:
            with self.subTest(target):
                self.read(world, target)
                self.read(world, target, key=None, headers=[("x-api-key", ACME)])
                self.read(world, target + "?tenant=acme", key=ADMIN)
                self.refused(world.fetch("GET", target, key=STATIC), 403, "wrong_key_kind")
                self.refused(world.fetch("GET", target + "?tenant=acme", key=STATIC), 403, "wrong_key_kind")
                self.refused(world.fetch("GET", target + "?tenant=globex"), 403, "tenant_mismatch")
                self.refused(world.fetch("GET", target, headers=[("X-Talon-Tenant-Id", "acme")]), 400, "invalid_request")

    def test_the_answer_about_another_tenant_is_the_same_whether_it_exists_or_not(self):
        world = self.world()
        world.chat(key=GLOBEX)
        for target in READS:
            with self.subTest(target):
                known = without_request_id(self.refused(world.fetch("GET", target + "?tenant=globex"), 403, "tenant_mismatch"))
                unknown = without_request_id(self.refused(world.fetch("GET", target + "?tenant=zzzzzz"), 403, "tenant_mismatch"))
                self.assertEqual(json.dumps(known).replace("globex", "zzzzzz"), json.dumps(unknown))
                self.refused(world.fetch("GET", target + "?tenant="), 403, "tenant_mismatch")

    def test_the_admin_key_reads_a_tenant_the_unattributed_bucket_or_asks_to_be_told(self):
        world = self.world(config=WITH_STATIC)
        mine, untagged = world.chat().evidence_id, world.chat(key=STATIC).evidence_id
        self.assertEqual(self.read(world, "/v1/costs?tenant=acme", key=ADMIN).json()["tenant_id"], "acme")
        self.assertIsNone(self.read(world, "/v1/costs?tenant=", key=ADMIN).json()["tenant_id"])
        ids = [record["id"] for record in self.read(world, "/v1/evidence?tenant=", key=ADMIN).json()["records"]]
        self.assertIn(untagged, ids)
        self.assertNotIn(mine, ids)
        self.read(world, f"/v1/evidence/{mine}", key=ADMIN)
        self.read(world, f"/v1/evidence/{untagged}?tenant=", key=ADMIN)
        for target in (f"/v1/evidence/{mine}?tenant=globex", f"/v1/evidence/{mine}?tenant=", f"/v1/evidence/{mine}?tenant=nobody",
                       "/v1/evidence?tenant=nobody", "/v1/costs?tenant=nobody", "/v1/evidence/checkpoint?tenant=nobody"):
            with self.subTest(target):
                self.refused(world.fetch("GET", target, key=ADMIN), 404, "not_found")
        for target in ("/v1/evidence", "/v1/costs", "/v1/evidence/checkpoint", "/v1/evidence/export"):
            with self.subTest(target):
                response = self.refused(world.fetch("GET", target, key=ADMIN), 400, "invalid_request")
                self.assertIn("?tenant=", response.json()["error"]["message"])
        self.refused(world.fetch("GET", "/v1/costs?tenant=%20x", key=ADMIN), 400, "invalid_tenant_id")
        self.refused(world.fetch("GET", "/v1/costs?tenant=" + "x" * 129, key=ADMIN), 400, "invalid_tenant_id")

    def test_the_admin_key_makes_no_calls(self):
        world = self.world()
        for method, target, body in (("POST", "/v1/chat/completions", chat_body()), ("POST", "/v1/completions", {"model": MODEL, "prompt": "x"}),
                                     ("POST", "/v1/embeddings", {"model": MODEL, "input": "x"}), ("GET", "/v1/models", None),
                                     ("GET", "/v1/proxy/openai/models", None), ("POST", "/v1/proxy/openai/chat/completions", chat_body())):
            with self.subTest(target):
                response = self.refused(world.fetch(method, target, body, key=ADMIN), 403, "wrong_key_kind")
                self.assertEqual(response.header("x-should-retry"), "false")
        self.assertEqual(world.simulator.count(), 0)
        self.assertEqual(world.calls(), [])

    def test_without_an_admin_key_nobody_has_that_row(self):
        world = self.world(config={"auth": {"admin_key_file": None}})
        self.refused(world.fetch("GET", "/v1/costs?tenant=acme", key=ADMIN), 401, "invalid_key")
        made = (world.data_dir / "admin.key").read_text().split()[0]
        self.refused(world.fetch("GET", "/v1/costs?tenant=acme", key=made), 401, "invalid_key")
        self.assertIn({"event": "admin", "on": False}, [{key: line.get(key) for key in ("event", "on")} for line in world.log()])

    def test_without_a_known_key_every_route_is_a_401_that_says_how_to_send_one(self):
        world = self.world()
        routes = [("GET", target) for target in READS + ("/v1/models", "/v1/proxy/openai/models", "/v1/proxy/nobody/x")]
        routes += [("POST", "/v1/chat/completions"), ("POST", "/v1/completions"), ("POST", "/v1/embeddings")]
        for method, target in routes:
            for headers in ([], [("Authorization", "Basic YTpi")], [("Authorization", "Bearer")], [("Authorization", "Bearer ")],
                            [("Authorization", f"Bearer {ACME}x")], [("x-api-key", "")], [("x-api-key", ACME.upper())],
                            [("Authorization", f"Bearer {ACME}"), ("x-api-key", GLOBEX)]):
                with self.subTest(target=target, headers=headers):
                    response = self.refused(world.fetch(method, target, key=None, headers=headers), 401, "invalid_key")
                    self.assertEqual(response.header("www-authenticate"), "Bearer")
                    self.assertEqual(response.header("x-should-retry"), "false")
                    self.assertEqual(response.json()["error"]["type"], "authentication_error")
                    self.assertIn("Authorization: Bearer", response.json()["error"]["message"])
                    self.assertIsNone(response.evidence_id)
        for shape in ("sk-proj-abcdef", "sk-ant-abcdef"):
            self.assertIn("provider", world.chat(key=shape).json()["error"]["message"])
        # One key, sent both ways, is one key.
        self.read(world, "/v1/costs", headers=[("x-api-key", ACME)])
        self.assertEqual(world.simulator.count(), 0)

    def test_what_is_not_built_is_not_there(self):
        world = self.world()
        for target in ("/", "/v1", "/v1/", "/v1/nothing", "/v1/responses", "/v1/messages", "/v1/audio/speech",
                       "/v1/tenants/acme/usage", "/v1/tenants/acme/budget", "/v1/admin", "/v1/admin/tenants/", "/api", "/api/budgets",
                       "/api/tenants/", "/metrics", "/openapi.yaml", "/dashboard", "/dashboard/", "/v1/usage", "/v1/chat/completions/",
                       "/v1/evidence/", "/v1/evidence/a/b", "/v1/costs/breakdown", "/V1/costs", "//v1/costs", "/v1/proxy", "/v1/proxy/openai"):
            for key in (None, ACME, ADMIN):
                with self.subTest(target=target, key=key):
                    self.refused(world.fetch("GET", target, key=key), 404, "not_found")

    def test_a_method_that_a_path_does_not_take_is_a_405_with_allow(self):
        world = self.world()
        for target in READS + ("/v1/models", "/healthz", "/readyz"):
            for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
                with self.subTest(target=target, method=method):
                    response = self.refused(world.fetch(method, target, key=None), 405, "method_not_allowed")
                    self.assertEqual(response.header("allow"), "GET, HEAD")
        for target in ("/v1/chat/completions", "/v1/completions", "/v1/embeddings"):
            for method in ("GET", "PUT", "DELETE"):
                with self.subTest(target=target, method=method):
                    self.assertEqual(self.refused(world.fetch(method, target), 405, "method_not_allowed").header("allow"), "POST")
        response = self.refused(world.fetch("TRACE", "/v1/proxy/openai/models"), 405, "method_not_allowed")
        self.assertNotIn("TRACE", response.header("allow"))
        head = world.fetch("HEAD", "/v1/evidence")
        self.assertEqual((head.status, head.body), (200, b""))

    def test_the_checks_come_in_their_order(self):
        world = self.world(
            config={**WITH_STATIC, "server": {"max_body": "4KiB"}},
            callers=({**CALLERS[0], "policy_overrides": {"max_daily_cost": 0}}, CALLERS[1]))
        large, broken, call = b"x" * 5000, b'{"model":', json.dumps(chat_body()).encode()
        other, bad = [("X-Talon-Tenant-Id", "globex")], "no-such-key"
        for what, response, status, code in (
            ("route before key", world.fetch("POST", "/v1/nothing", large, key=bad), 404, "not_found"),
            ("route before method", world.fetch("BREW", "/v1/nothing", key=ACME), 404, "not_found"),
            ("method before key", world.fetch("PUT", "/v1/chat/completions", large, key=bad), 405, "method_not_allowed"),
            ("key before size", world.fetch("POST", "/v1/chat/completions", large, key=bad), 401, "invalid_key"),
            ("key before JSON", world.fetch("POST", "/v1/chat/completions", broken, key=bad), 401, "invalid_key"),
            ("size before JSON", world.fetch("POST", "/v1/chat/completions", large, headers=other), 413, "body_too_large"),
            ("JSON before tenant", world.fetch("POST", "/v1/chat/completions", broken, headers=other), 400, "invalid_json"),
            ("tenant before money", world.fetch("POST", "/v1/chat/completions", call, headers=other), 403, "tenant_mismatch"),
            ("money", world.fetch("POST", "/v1/chat/completions", call), 402, "daily_cost_exceeded"),
        ):
            with self.subTest(what):
                self.refused(response, status, code)
        self.assertEqual(world.simulator.count(), 0)

    def test_a_query_on_a_route_that_reads_none_is_refused(self):
        world = self.world()
        for target in ("/v1/chat/completions?api-version=1", "/v1/embeddings?x", "/v1/completions?key=1"):
            self.refused(world.fetch("POST", target, chat_body()), 400, "invalid_request")
        self.assertEqual(world.simulator.count(), 0)


class DenialsAreEvidence(ReadCase):
    def test_each_kind_of_failure_leaves_its_record(self):
        world = self.world(callers=({**CALLERS[0], "policy_overrides": {"max_daily_cost": 1}}, CALLERS[1]))
        for response, status, outcome, code in (
            (world.chat(max_tokens=10**7), 402, "denied", "daily_cost_exceeded"),
            (world.chat(headers=[("X-Talon-Tenant-Id", "globex")]), 403, "denied", "tenant_mismatch"),
            (world.fetch("GET", "/v1/costs?tenant=globex"), 403, None, None),  # merged with the one before
            (world.fetch("GET", "/v1/proxy/openai/files"), 403, "denied", "provider_path_not_allowed"),
            (world.chat(sim="status=401"), 502, "failed", "provider_auth_failed"),
            (world.chat(sim="status=429"), 429, "failed", "provider_rate_limited"),
            (world.chat(sim="status=503"), 503, "failed", "provider_error"),
            (world.chat(sim="reset"), 502, "failed", "provider_error"),
        ):
            with self.subTest(status=status, code=code):
                self.assertEqual(response.status, status, response)
                self.assertTrue(response.evidence_id, response)
                if outcome:
                    record = world.call_of(response)
                    self.assertEqual((record["decision"]["outcome"], record["decision"]["code"], record["status"]), (outcome, code, status))
                    self.assertEqual(record["caller"], "customer-acme-app1")
        self.assertEqual(world.calls("globex"), [], "nothing of it is in the other's log")

    def test_what_was_refused_before_a_tenant_spoke_of_money_leaves_none(self):
        world = self.world()
        for response in (world.fetch("POST", "/v1/chat/completions", b"{"), world.fetch("POST", "/v1/chat/completions", {"messages": []}),
                         world.fetch("GET", "/v1/evidence?limit=0"), world.fetch("GET", f"/v1/evidence/{NO_SUCH_ID}")):
            self.assertIn(response.status, (400, 404), response)
            self.assertIsNone(response.evidence_id)
        self.assertEqual(world.calls(), [])
        self.assertEqual({line["evidence_id"] for line in self.request_lines(world, 4)}, {""}, "an id in the log has a record")

    def test_the_log_names_the_record_of_each_call(self):
        world = self.world()
        answers = [world.chat(), world.chat(sim="status=500"), world.chat(headers=[("X-Talon-Tenant-Id", "globex")])]
        self.assertEqual([(line["request_id"], line["evidence_id"]) for line in self.request_lines(world, 3)],
                         [(answer.header("x-request-id"), answer.evidence_id) for answer in answers])

    def request_lines(self, world, count):
        return wait_until(lambda: [lines for lines in [[line for line in world.log() if line.get("event") == "request"]] if len(lines) >= count],
                          10, f"{count} lines about requests")[0]

    def test_a_burst_is_one_record_at_once_and_one_with_the_count_of_the_others(self):
        world = self.world()
        with world.connect() as connection:
            burst = [connection.exchange(request("POST", "/v1/chat/completions", chat_body(), key=ACME, headers=[("X-Talon-Tenant-Id", "globex")]))
                     for _ in range(40)]
        self.assertEqual({response.status for response in burst}, {403})
        self.assertEqual(world.call_of(burst[0])["decision"]["code"], "tenant_mismatch", "the first is there at once")

        def counted():
            denials = [record for record in world.calls() if record["decision"]["outcome"] == "denied"]
            return denials if sum(record.get("count", 1) for record in denials) == 40 else None

        denials = wait_until(counted, 10, "records that account for 40 denials")
        self.assertLess(len(denials), 10, "merged")
        self.assertTrue(all(record.get("count", 1) >= 1 for record in denials))
        self.assertEqual({response.evidence_id for response in burst}, {record["id"] for record in denials}, "each answer names its record")

    def test_strangers_are_counted_and_sampled_into_the_operators_log(self):
        world = self.world()
        began = time.monotonic()
        with world.connect() as connection:
            for turn in range(50):
                self.assertEqual(connection.exchange(request("GET", "/v1/costs", key=f"stranger-{turn}")).status, 401)

        def sampled():
            lines = world.cli("audit", "export", "--operator", "--format", "ndjson", check=0).stdout.splitlines()
            records = [record for record in map(json.loads, lines) if record.get("action") == "refused"]
            return records if sum(record["count"] for record in records) == 50 else None

        records = wait_until(sampled, 10, "a count of 50 strangers")
        self.assertLessEqual(len(records), 2 + int(time.monotonic() - began))
        self.assertEqual({record["target"] for record in records}, {"invalid_key"})
        self.assertEqual(len(world.records()), 1, "no tenant's log grew")


if __name__ == "__main__":
    unittest.main()
