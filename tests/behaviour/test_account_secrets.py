"""Keys of accounts are shown once, in the answer that makes them, and are nowhere else: no list, log, record, export, replay,
error or vault file has them (acceptance T6, V8, V10, G1, G2)."""

import json
import re
import unittest
from pathlib import Path

from test_secrets import forms
from talon_world import ADMIN, WorldCase, chat_body

OWN_KEYS = {"openai": "sk-own-openai-Zx7providerkey3uvw", "google": "AIza-own-google-Kq2providerkey8rst", "second": "sk-own-second-Bn5providerkey1opq"}


class AccountSecrets(WorldCase):
    def setUp(self):
        self.issued, self.collected = dict(OWN_KEYS), {}

    def call(self, world, method, target, body=None, key=ADMIN, shows=None, **more):
        """`shows`: the path of the key that this answer, and no other, shows."""
        response = world.fetch(method, target, body, key=key, **more)
        data = response.raw_head + response.body
        if shows:
            value = response.json()
            for step in shows:
                value = value[step]
            self.issued[f"{method} {target} #{len(self.issued)}"] = value
            data = data.replace(value.encode(), b"(shown)")
        self.collected[f"{method} {target} #{len(self.collected)}"] = data
        return response

    def test_no_key_of_an_account_is_seen_twice(self):
        world = self.world({"tiers": {"growth": {"requests_per_second": 100000}}})
        body = {"name": "Acme Corp", "tier": "growth", "email": "admin@acme.example"}
        once = [("Idempotency-Key", "first-of-acme")]
        made = self.call(world, "POST", "/v1/admin/tenants", body, headers=once, shows=("api_keys", 0, "key"))
        self.assertEqual(made.status, 201, made)
        tenant, key = made.json()["tenant_id"], made.json()["api_keys"][0]["key"]
        replay = self.call(world, "POST", "/v1/admin/tenants", body, headers=once)
        self.assertEqual((replay.status, replay.json()["api_keys"][0]["key"], replay.header("idempotent-replay")), (200, None, "true"))
        base = f"/v1/tenants/{tenant}"
        for provider in ("openai", "google"):
            put = self.call(world, "POST", f"{base}/providers/{provider}/keys", {"api_key": OWN_KEYS[provider]}, key=key)
            self.assertEqual(put.status, 201, put)
        self.assertEqual(self.call(world, "POST", f"{base}/providers/openai/keys", {"api_key": OWN_KEYS["second"]}, key=key).status, 201)
        more = self.call(world, "POST", f"{base}/api-keys", {"name": "two", "expires_in_days": 1}, key=key, shows=("key",))
        self.assertEqual(more.status, 201, more)
        scoped = self.call(world, "POST", "/api/virtual_keys", {"name": "v", "tenant_id": tenant}, shows=("plaintext",))
        self.call(world, "POST", "/api/virtual_keys", {"name": "w"}, shows=("plaintext",))
        self.use(world, tenant, base, key)
        self.misuse(world, base, key)
        self.call(world, "POST", f"/api/virtual_keys/{scoped.json()['id']}/revoke")
        self.call(world, "DELETE", f"{base}/api-keys/{more.json()['key_id']}", key=key)
        self.call(world, "POST", f"/v1/admin/tenants/{tenant}/suspend", {"reason": "a test"})
        self.use(world, tenant, base, key)
        self.command_line(world, tenant)
        world.stop()
        self.command_line(world, tenant)
        self.collected["the log of serve"] = world.log_path.read_bytes()
        for path in world.data_dir.rglob("*"):
            if path.is_file():
                self.collected[f"file {path.name}"] = path.read_bytes()
        self.assertGreater(len(self.issued), 6)
        for place, data in self.collected.items():
            for name, secret in self.issued.items():
                self.search(place, data, name, secret)

    def search(self, place, data, name, secret):
        # The last six characters are the preview, the first eight of a virtual key its prefix: the middle is nobody's to see.
        middle = secret[8:-6].encode()
        for form in (*forms(secret), middle):
            at = data.find(form)
            self.assertLess(at, 0, f"{name} in {place}: …{data[max(0, at - 200):at + 60]!r}")

    def use(self, world, tenant, base, key):
        for one in list(self.issued.values()):
            for more in ({}, {"stream": True}):
                self.call(world, "POST", "/v1/chat/completions", chat_body(**more), key=one)
            for target in ("/v1/models", "/v1/evidence", "/v1/costs", "/v1/evidence/export?format=ndjson", f"{base}/api-keys",
                           f"{base}/providers", "/v1/admin/tenants", "/api/virtual_keys"):
                self.call(world, "GET", target, key=one)
        for target in ("/v1/admin/tenants", f"/v1/admin/tenants/{tenant}", f"{base}/api-keys", f"{base}/providers", "/api/virtual_keys",
                       f"/api/tenants/{tenant}", f"/api/logs?tenant={tenant}", f"/v1/evidence?tenant={tenant}"):
            self.call(world, "GET", target)

    def misuse(self, world, base, key):
        for secret in self.issued.values():
            for wrong in (secret[:-1], secret + "x", secret.upper(), secret.lower()):
                self.call(world, "GET", "/v1/costs", key=wrong)
            for body in ({"api_key": secret, "api_kye": secret}, {"api_key": [secret]}, {secret: 1}, {"api_key": secret + "\n"},
                         {"api_key": secret, "config": {"base_url": f"http://{secret}.example"}}):
                refused = self.call(world, "POST", f"{base}/providers/openai/keys", body, key=key)
                if secret not in body:  # the name of a member is repeated to who wrote it
                    self.assertEqual(refused.status, 400, refused)
                else:
                    self.collected.popitem()
            self.call(world, "DELETE", f"{base}/api-keys/{secret}", key=key)
            self.call(world, "POST", f"/api/virtual_keys/{secret}/revoke")

    def command_line(self, world, tenant):
        for arguments in (["tenant", "list", "--json"], ["tenant", "show", tenant, "--json"], ["audit", "list", "--tenant", tenant, "--json"],
                          ["audit", "list", "--operator", "--json"], ["audit", "export", "--all", "--format", "ndjson"],
                          ["audit", "export", "--tenant", tenant], ["audit", "export", "--all", "--format", "csv"],
                          ["audit", "export", "--all", "--format", "sqlite", "--output", "-"], ["config", "show"], ["audit", "verify"]):
            done = world.cli(*arguments)
            self.collected[f"talon {arguments} #{len(self.collected)}"] = done.stdout + done.stderr

    def test_a_secret_from_a_file_is_not_in_the_environment_and_no_core_can_be_dumped(self):
        world = self.world()
        environment = Path(f"/proc/{world.pid}/environ").read_bytes()
        self.assertNotIn(ADMIN.encode(), environment)
        self.assertIn(b"OPENAI_API_KEY", environment, "what was given by the environment is there: the test can see")
        limits = Path(f"/proc/{world.pid}/limits").read_text()
        self.assertRegex(limits, r"Max core file size\s+0\s+0\s", "no core dump")
        status = Path(f"/proc/{world.pid}/status").read_text()
        self.assertTrue(re.search(r"^Pid:", status, re.M))

    def test_what_is_stored_of_a_provider_key_opens_nowhere_else(self):
        """The sealed bytes of one tenant's key in another tenant's row: the unit tests move them; here, that the file alone is not enough."""
        world = self.world()
        made = self.call(world, "POST", "/v1/admin/tenants", {"name": "A", "tier": "trial"}, shows=("api_keys", 0, "key")).json()
        put = self.call(world, "POST", f"/v1/tenants/{made['tenant_id']}/providers/openai/keys", {"api_key": OWN_KEYS["openai"]})
        self.assertEqual(json.loads(put.body)["status"], "active")
        world.stop()
        for path in (world.data_dir / "keys" / "sealing").glob("*.key"):
            path.write_text("A" * 43 + "=\n")
        started = world.cli("serve", timeout=20)
        self.assertNotEqual(started.exit, 0, "another sealing key must not go unseen")


if __name__ == "__main__":
    unittest.main()
