"""Suspended and closed accounts: refused from the next request on, by key and by tag, on every route; what runs goes on;
the data stays and the operator reaches it (acceptance G13, G15, V11–V14)."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import ACME, ADMIN, GLOBEX, WorldCase, chat_body, request  # noqa: E402

STATIC = "key-of-the-operators-own-services"


class SuspensionCase(WorldCase):
    def setUp(self):
        self.w = self.world(config={"auth": {"api_keys": [{"name": "ops", "key": STATIC}]}})

    def admin(self, method, target, body=None, status=200):
        answer = self.w.fetch(method, target, body, key=ADMIN)
        self.assertEqual(answer.status, status, answer)
        return answer

    def account(self):
        made = self.admin("POST", "/v1/admin/tenants", {"name": "Customer", "tier": "scale", "provider_keys": "operator"}, 201).json()
        return made["tenant_id"], made["api_keys"][0]["key"]

    def refused(self, response, status, code):
        self.assertEqual((response.status, response.code), (status, code), response)
        return response

    def suspend(self, tenant):
        self.admin("POST", f"/v1/admin/tenants/{tenant}/suspend", {"reason": "unpaid"})

    def resume(self, tenant):
        self.admin("POST", f"/v1/admin/tenants/{tenant}/resume")


class Suspension(SuspensionCase):
    def test_the_next_request_is_refused_on_every_route_and_resuming_restores_all(self):
        tenant, key = self.account()
        self.assertEqual(self.w.chat(key=key).status, 200)
        self.suspend(tenant)
        before = self.w.simulator.count()
        self.refused(self.w.chat(key=key), 403, "tenant_suspended")
        for method, target, body in (("GET", "/v1/evidence", None), ("GET", "/v1/costs", None), ("GET", "/v1/models", None),
                                     ("GET", "/v1/evidence/export", None), ("GET", f"/v1/tenants/{tenant}/providers", None),
                                     ("POST", f"/v1/tenants/{tenant}/api-keys", {"name": "n"}), ("GET", "/v1/proxy/openai/models", None)):
            with self.subTest(target):
                self.refused(self.w.fetch(method, target, body, key=key), 403, "tenant_suspended")
        self.refused(self.w.chat(key=STATIC, headers=[("X-Talon-Tenant-Id", tenant)]), 403, "tenant_suspended")
        self.assertEqual(self.w.simulator.count(), before)
        self.assertEqual(self.w.chat().status, 200)  # others go on
        codes = [one["decision"].get("code") for one in self.w.calls(tenant)]
        self.assertIn("tenant_suspended", codes)
        self.admin("GET", f"/v1/evidence/export?format=ndjson&tenant={tenant}")
        self.resume(tenant)
        self.assertEqual(self.w.chat(key=key).status, 200)
        self.assertEqual(self.w.fetch("GET", "/v1/costs", key=key).status, 200)

    def test_a_configured_tenant_can_be_suspended_and_stays_so_after_a_restart(self):
        self.suspend("acme")
        self.refused(self.w.chat(), 403, "tenant_suspended")
        self.refused(self.w.fetch("GET", "/v1/costs"), 403, "tenant_suspended")
        self.assertEqual(self.w.chat(key=GLOBEX).status, 200)
        self.w.restart()
        self.refused(self.w.chat(), 403, "tenant_suspended")
        self.resume("acme")
        self.assertEqual(self.w.chat().status, 200)

    def test_a_stream_that_runs_goes_on_to_its_end(self):
        with self.w.connect() as connection:
            connection.send(request("POST", "/v1/chat/completions", chat_body("go on", stream=True), key=ACME,
                                    headers=[("X-Sim", "hold=2")]))
            self.w.simulator.wait_held(1)
            self.suspend("acme")
            self.refused(self.w.chat(), 403, "tenant_suspended")
            self.w.simulator.release()
            answer = connection.read_response()
        self.assertEqual(answer.status, 200)
        self.assertIn(b"[DONE]", answer.body)
        self.assertEqual(self.w.call_of(answer)["decision"]["outcome"], "allowed")

    def test_a_closed_accounts_keys_are_unknown_and_its_name_is_refused(self):
        tenant, key = self.account()
        self.assertEqual(self.w.chat(key=key).status, 200)
        self.admin("DELETE", f"/v1/admin/tenants/{tenant}", status=204)
        self.refused(self.w.chat(key=key), 401, "invalid_key")
        self.refused(self.w.chat(key=STATIC, headers=[("X-Talon-Tenant-Id", tenant)]), 403, "tenant_closed")
        self.assertTrue(self.w.calls(tenant))  # the evidence stays


class KeysAtTheDoor(SuspensionCase):
    def test_tenant_keys_and_scoped_virtual_keys_speak_for_their_tenant_only(self):
        tenant, key = self.account()
        scoped = self.admin("POST", "/api/virtual_keys", {"name": "scoped", "tenant_id": tenant}).json()
        for one in (key, scoped["plaintext"]):
            self.assertEqual(self.w.chat(key=one).header("x-talon-tenant-id"), tenant)
            answer = self.refused(self.w.chat(key=one, headers=[("X-Talon-Tenant-Id", "globex")]), 403, "tenant_mismatch")
            self.assertIn(tenant, answer.json()["error"]["message"])
            self.assertIn("globex", answer.json()["error"]["message"])
            self.refused(self.w.chat(key=one, tenant_id="acme"), 403, "tenant_mismatch")
        self.refused(self.w.fetch("GET", "/v1/costs", key=scoped["plaintext"]), 403, "wrong_key_kind")
        self.assertEqual(self.w.fetch("GET", "/v1/costs", key=key).status, 200)

    def test_unscoped_keys_name_any_tenant_and_read_nothing(self):
        lent = self.admin("POST", "/api/virtual_keys", {"name": "lent"}).json()["plaintext"]
        for one in (lent, STATIC):
            self.assertIsNone(self.w.chat(key=one).header("x-talon-tenant-id"))
            self.assertEqual(self.w.chat(key=one, headers=[("X-Talon-Tenant-Id", "globex")]).header("x-talon-tenant-id"), "globex")
            self.refused(self.w.fetch("GET", "/v1/evidence", key=one), 403, "wrong_key_kind")
        self.refused(self.w.chat(key=ADMIN), 403, "wrong_key_kind")

    def test_a_virtual_key_is_told_no_cost_unless_it_was_said(self):
        for said in (False, True):
            lent = self.admin("POST", "/api/virtual_keys", {"name": "lent", "expose_cost": said}).json()["plaintext"]
            self.assertEqual(self.w.chat(key=lent).header("x-talon-cost-usd") is not None, said)
            self.w.chat(key=lent, headers=[("X-Talon-Session-Id", "call-1")])
            opened = self.w.fetch("POST", "/v1/sessions", {"session_id": "call-1"}, key=lent).json()
            self.assertEqual(opened["total_cost_usd"] is not None, said)

    def test_a_revoked_key_is_refused_at_once_in_the_words_of_one_that_never_was(self):
        issued = self.admin("POST", "/api/virtual_keys", {"name": "lent"}).json()
        self.assertEqual(self.w.chat(key=issued["plaintext"]).status, 200)
        self.admin("POST", f"/api/virtual_keys/{issued['id']}/revoke")
        revoked = self.refused(self.w.chat(key=issued["plaintext"]), 401, "invalid_key").json()["error"]
        unknown = self.refused(self.w.chat(key="vk_" + "A" * 32), 401, "invalid_key").json()["error"]
        self.assertEqual({**revoked, "request_id": ""}, {**unknown, "request_id": ""})
        self.assertEqual(self.w.fetch("POST", f"/api/virtual_keys/{issued['id']}/revoke", key=ADMIN).status, 404)


if __name__ == "__main__":
    unittest.main()
