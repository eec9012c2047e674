"""Provider keys that tenants bring: whose key goes out, what passes back, retries and timeouts, health (acceptance G2–G4,
T13 with a key of one's own; interfaces.md §3)."""

import json
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import ACME, ADMIN, PROVIDER_KEY, WorldCase, chat_body, in_threads, request, wait_until  # noqa: E402


class ByokCase(WorldCase):
    def account(self, world, name="Customer", **members):
        made = world.fetch("POST", "/v1/admin/tenants", {"name": name, "tier": "scale", **members}, key=ADMIN)
        self.assertEqual(made.status, 201, made)
        return made.json()["tenant_id"], made.json()["api_keys"][0]["key"]

    def bring(self, world, tenant, key, secret, provider="openai", **config):
        body = {"api_key": secret, **({"config": config} if config else {})}
        put = world.fetch("POST", f"/v1/tenants/{tenant}/providers/{provider}/keys", body, key=key)
        self.assertEqual(put.status, 201, put)
        return put.json()

    def refused(self, response, status, code):
        self.assertEqual((response.status, response.code), (status, code), response)
        return response

    def calls(self, world):
        """What the provider saw, but for probes."""
        return [one for one in world.simulator.requests() if (one.method, one.target) != ("GET", "/v1/models")]

    def keys_seen(self, world):
        return [one.header("authorization") for one in self.calls(world)]

    def attempts(self, world, response, tenant):
        return world.call_of(response, tenant)["route"]["attempts"]


class WhoseKey(ByokCase):
    def test_an_account_uses_its_own_key_and_nothing_else(self):
        world = self.world()
        tenant, key = self.account(world)
        self.assertEqual(self.refused(world.chat(key=key), 503, "no_provider_configured").header("x-should-retry"), "false")
        self.assertEqual(self.calls(world), [])
        self.bring(world, tenant, key, "sk-of-the-customer-1")
        self.assertEqual(world.chat(key=key).status, 200)
        self.bring(world, tenant, key, "sk-of-the-customer-2")
        self.assertEqual(world.chat(key=key).status, 200)
        self.assertEqual(self.keys_seen(world), ["Bearer sk-of-the-customer-1", "Bearer sk-of-the-customer-2"])
        removed = world.fetch("DELETE", f"/v1/tenants/{tenant}/providers/openai", key=key)
        self.assertEqual(removed.status, 204, removed)
        self.refused(world.chat(key=key), 503, "no_provider_configured")
        self.refused(world.fetch("GET", "/v1/proxy/openai/models", key=key), 503, "no_provider_configured")
        self.assertEqual(len(self.calls(world)), 2)

    def test_a_key_works_where_the_operator_has_none(self):
        world = self.world(environment={"OPENAI_API_KEY": ""})
        self.refused(world.chat(), 503, "no_provider_configured")
        tenant, key = self.account(world)
        self.bring(world, tenant, key, "sk-of-the-customer")
        self.assertEqual(world.chat(key=key).status, 200)
        self.assertEqual(self.keys_seen(world), ["Bearer sk-of-the-customer"])

    def test_the_list_of_models_is_that_of_the_providers_a_tenant_can_call(self):
        world = self.world()
        tenant, key = self.account(world)

        def models(of):
            answer = world.fetch("GET", "/v1/models", key=of)
            self.assertEqual(answer.status, 200, answer)
            return {one["id"] for one in answer.json()["data"]}

        self.assertIn("gpt-4o-mini", models(ACME))
        self.assertEqual(models(key), set())
        self.bring(world, tenant, key, "sk-of-the-customer")
        self.assertEqual(models(key), models(ACME))
        world.fetch("DELETE", f"/v1/tenants/{tenant}/providers/openai", key=key)
        self.assertEqual(models(key), set())

    def test_a_configured_tenant_uses_the_operators_until_it_brings_its_own_and_never_again(self):
        world = self.world()
        self.assertEqual(world.chat().status, 200)
        self.bring(world, "acme", ADMIN, "sk-of-acme")
        self.assertEqual(world.chat().status, 200)
        self.assertEqual(world.fetch("DELETE", "/v1/tenants/acme/providers/openai", key=ADMIN).status, 204)
        self.refused(world.chat(), 503, "no_provider_configured")
        self.assertEqual(self.keys_seen(world), [f"Bearer {PROVIDER_KEY}", "Bearer sk-of-acme"])

    def test_an_account_made_for_the_operators_keys_uses_them(self):
        world = self.world()
        _, key = self.account(world, provider_keys="operator")
        self.assertEqual(world.chat(key=key).status, 200)
        self.assertEqual(self.keys_seen(world), [f"Bearer {PROVIDER_KEY}"])

    def test_keys_for_providers_of_later_versions_are_kept_and_not_used(self):
        world = self.world()
        tenant, key = self.account(world)
        self.bring(world, tenant, key, "sk-ant-of-the-customer", provider="anthropic")
        self.refused(world.chat(key=key), 503, "no_provider_configured")
        self.refused(world.chat(key=key, provider="anthropic"), 503, "no_provider_configured")
        self.assertEqual(world.simulator.count(), 0)

    def test_no_connection_ever_carries_two_keys(self):
        world = self.world()
        brought = {}
        for name in ("One", "Two"):
            tenant, key = self.account(world, name)
            self.bring(world, tenant, key, f"sk-of-{name}-0123456789")
            brought[key] = f"Bearer sk-of-{name}-0123456789"
        brought[ACME] = f"Bearer {PROVIDER_KEY}"
        keys = list(brought)

        def many(index):
            key = keys[index % len(keys)]
            with world.connect() as connection:
                for turn in range(8):
                    body = chat_body(f"{index} {turn} {key}")
                    answer = connection.exchange(request("POST", "/v1/chat/completions", body, key=key))
                    self.assertEqual(answer.status, 200, answer)

        in_threads(12, many)
        by_connection = {}
        seen = self.calls(world)
        self.assertEqual(len(seen), 96)
        for one in seen:
            whose = json.loads(one.body)["messages"][-1]["content"].split()[-1]
            self.assertEqual(one.header("authorization"), brought[whose])
            by_connection.setdefault(one.connection, set()).add(one.header("authorization"))
        self.assertTrue(all(len(used) == 1 for used in by_connection.values()), by_connection)
        self.assertLess(len(by_connection), len(seen))  # they were reused


class WhatPasses(ByokCase):
    def setUp(self):
        self.w = self.world()
        self.tenant, self.key = self.account(self.w)
        self.bring(self.w, self.tenant, self.key, "sk-of-the-customer")

    def test_what_is_kept_at_the_provider_is_open_to_the_keys_owner(self):
        made = self.w.fetch("POST", "/v1/proxy/openai/files", {"name": "a"}, key=self.key)
        self.assertEqual(made.status, 200, made)
        shown = self.w.fetch("GET", f"/v1/proxy/openai/files/{made.json()['id']}", key=self.key)
        self.assertEqual(shown.status, 200, shown)
        self.assertEqual(self.w.fetch("POST", "/v1/proxy/openai/responses", {"model": "m", "previous_response_id": "resp_1"}, key=self.key).status, 200)
        # The operator's key opens none of it.
        self.refused(self.w.fetch("GET", f"/v1/proxy/openai/files/{made.json()['id']}"), 403, "provider_path_not_allowed")

    def test_the_providers_own_words_about_the_key_are_the_owners(self):
        for status in (401, 403, 429):
            with self.subTest(status):
                answer = self.w.chat(key=self.key, sim=f"status={status};retry-after=7;header=OpenAI-Organization:org-mine;header=Set-Cookie:a=b")
                self.assertEqual(answer.status, status)
                self.assertEqual(answer.json()["error"]["type"] is not None, True)
                self.assertIsNone(answer.json()["error"].get("request_id"))  # not our envelope
                self.assertEqual(answer.header("openai-organization"), "org-mine")
                self.assertEqual(answer.header("retry-after"), "7")
                self.assertIsNone(answer.header("set-cookie"))
                self.assertEqual(self.w.call_of(answer, self.tenant)["status"], status)


class Retries(ByokCase):
    def setUp(self):
        self.w = self.world()
        self.tenant, self.key = self.account(self.w)

    def test_what_may_pass_is_tried_again_and_counted(self):
        self.bring(self.w, self.tenant, self.key, "sk-of-the-customer", max_retries=5)
        self.await_probe()
        self.w.simulator.script(*(f"status={status};retry-after=0" for status in (408, 409, 429, 500, 503)), "")
        answer = self.w.chat(key=self.key)
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual([one.get("status") for one in self.attempts(self.w, answer, self.tenant)], [408, 409, 429, 500, 503, 200])
        self.assertEqual(len(self.w.calls(self.tenant)), 1)

    def test_the_last_answer_is_the_clients(self):
        self.bring(self.w, self.tenant, self.key, "sk-of-the-customer", max_retries=1)
        self.await_probe()
        self.w.simulator.script("status=500;error-code=first", "status=503;error-code=second", "")
        answer = self.w.chat(key=self.key)
        self.assertEqual((answer.status, answer.code), (503, "second"))
        self.assertEqual(len(self.attempts(self.w, answer, self.tenant)), 2)

    def test_what_would_fail_again_or_may_have_been_done_is_not_tried_again(self):
        self.bring(self.w, self.tenant, self.key, "sk-of-the-customer", max_retries=3)
        self.await_probe()
        for behaviour, status in (("status=400", 400), ("status=401", 401), ("status=404", 404), ("cut=head", 502), ("cut=before;close", 502)):
            with self.subTest(behaviour):
                before = len(self.calls(self.w))
                answer = self.w.chat(key=self.key, sim=behaviour)
                self.assertEqual(answer.status, status, answer)
                # A pooled connection that ends without a byte is no answer: once more on a fresh one.
                self.assertLessEqual(len(self.calls(self.w)) - before, 2 if behaviour.startswith("cut") else 1)

    def test_retry_after_is_kept_to(self):
        self.bring(self.w, self.tenant, self.key, "sk-of-the-customer", max_retries=1)
        self.await_probe()
        self.w.simulator.script("status=429;retry-after=2", "")
        self.assertEqual(self.w.chat(key=self.key).status, 200)
        first, second = self.calls(self.w)[-2:]
        self.assertGreaterEqual(second.time_us - first.time_us, 2_000_000)
        # Longer than the call may take: the answer is the client's at once.
        self.bring(self.w, self.tenant, self.key, "sk-of-the-customer", max_retries=1, timeout=5)
        began = time.monotonic()
        self.assertEqual(self.w.chat(key=self.key, sim="status=429;retry-after=50").status, 429)
        self.assertLess(time.monotonic() - began, 5)

    def test_a_client_that_leaves_ends_the_retries(self):
        self.bring(self.w, self.tenant, self.key, "sk-of-the-customer", max_retries=9)
        self.await_probe()
        connection = self.w.connect()
        connection.send(request("POST", "/v1/chat/completions", chat_body("bye"), key=self.key,
                                headers=[("X-Sim", "status=503;retry-after=3")]))
        wait_until(lambda: self.calls(self.w), 20, "the first try")
        connection.close()
        wait_until(lambda: [one for one in self.w.calls(self.tenant) if one["decision"]["outcome"] == "cancelled"], 20, "the record")
        self.assertEqual(len(self.calls(self.w)), 1)

    def test_silence_longer_than_the_keys_timeout_is_504(self):
        self.bring(self.w, self.tenant, self.key, "sk-of-the-customer", timeout=1, max_retries=2)
        self.await_probe()
        answer = self.refused(self.w.chat(key=self.key, sim="never"), 504, "provider_timeout")
        self.assertEqual(len(self.attempts(self.w, answer, self.tenant)), 1)

    def test_the_operators_provider_is_tried_again_as_configured(self):
        world = self.world(config={"gateway": {"providers": {"openai": {"max_retries": 2}}}})
        world.simulator.script("status=500", "status=502", "")
        answer = world.chat()
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(len(self.attempts(world, answer, "acme")), 3)

    def test_a_provider_that_takes_no_connection_is_tried_again(self):
        world = self.world(provider="http://127.0.0.1:9/v1", config={"gateway": {"providers": {"openai": {"max_retries": 1}}}})
        answer = self.refused(world.chat(), 502, "provider_error")
        self.assertEqual([one.get("error") for one in self.attempts(world, answer, "acme")], ["provider_error"] * 2)

    def await_probe(self):
        """The probe of a new key would take a line of the script."""
        wait_until(lambda: [one for one in self.w.simulator.requests() if one.target == "/v1/models"], 20, "the probe")
        self.w.simulator.wait_idle()


class HealthOfKeys(ByokCase):
    def provider(self, world, tenant, key):
        listed = world.fetch("GET", f"/v1/tenants/{tenant}/providers", key=key)
        self.assertEqual(listed.status, 200, listed)
        return listed.json()["providers"][0]

    def test_a_new_key_is_probed_and_what_calls_are_answered_decides_afterwards(self):
        world = self.world()
        tenant, key = self.account(world)
        self.bring(world, tenant, key, "sk-of-the-customer")
        wait_until(lambda: self.provider(world, tenant, key).get("last_health_check"), 20, "the probe")
        shown = self.provider(world, tenant, key)
        self.assertEqual(shown["status"], "active")
        self.assertTrue(shown["models"])
        probes = [one for one in world.simulator.requests() if one.target == "/v1/models"]
        self.assertEqual([one.header("authorization") for one in probes], ["Bearer sk-of-the-customer"])
        self.assertEqual(world.chat(key=key, sim="status=401").status, 401)
        wait_until(lambda: self.provider(world, tenant, key)["status"] == "unhealthy", 20, "unhealthy")
        self.assertEqual(world.chat(key=key).status, 200)
        wait_until(lambda: self.provider(world, tenant, key)["status"] == "active", 20, "active again")

    def test_a_key_that_the_provider_refuses_is_unhealthy(self):
        world = self.world()
        tenant, key = self.account(world)
        world.simulator.script("status=401")
        self.bring(world, tenant, key, "sk-wrong")
        wait_until(lambda: self.provider(world, tenant, key)["status"] == "unhealthy", 20, "unhealthy")


if __name__ == "__main__":
    unittest.main()
