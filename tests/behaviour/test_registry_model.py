"""Random sequences of registry operations on several tenants, through HTTP, against a plain model in memory; with restarts and
kill -9 in between. What the gateway answers, lists and lets in must be what the model says. The seed is printed; run one again
with TALON_TEST_SEED.
# ctest: timeout=600
"""

import os
import random
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import ADMIN, WorldCase, chat_body  # noqa: E402

KEY_LIMITS = {"trial": 1, "developer": 3, "growth": 10, "scale": None}
TIERS = list(KEY_LIMITS)
PROVIDERS = ("openai", "anthropic", "google")


class Tenant:
    def __init__(self, made, tier):
        self.id, self.tier, self.status = made["tenant_id"], tier, "active"
        self.keys = {made["api_keys"][0]["key_id"]: made["api_keys"][0]["key"]}
        self.providers = {}


class Model:
    def __init__(self):
        self.tenants, self.virtual = {}, {}
        self.dead = []
        """Keys that were revoked, or whose account was closed: never let in again."""

    def open(self):
        return [tenant for tenant in self.tenants.values() if tenant.status != "closed"]


class RegistryModel(WorldCase):
    def admin(self, method, target, body=None, expect=None):
        response = self.at.fetch(method, target, body, key=ADMIN)
        if expect is not None:
            self.assertEqual(response.status, expect, f"{method} {target} {body}: {response!r}")
        return response

    # --- operations: each does the same to the gateway and to the model ----------------------------------------------

    def create(self):
        tier = self.draw.choice(TIERS)
        made = self.admin("POST", "/v1/admin/tenants", {"name": f"T{self.draw.randrange(10**6)}", "tier": tier}, expect=201).json()
        self.model.tenants[made["tenant_id"]] = Tenant(made, tier)

    def create_key(self):
        tenant = self.draw.choice(self.model.open())
        limit = KEY_LIMITS[tenant.tier]
        full = limit is not None and len(tenant.keys) >= limit
        response = self.admin("POST", f"/v1/tenants/{tenant.id}/api-keys", {"name": "k"}, expect=403 if full else 201)
        if full:
            self.assertEqual(response.code, "api_key_limit_exceeded")
        else:
            tenant.keys[response.json()["key_id"]] = response.json()["key"]

    def revoke_key(self):
        tenant = self.draw.choice(self.model.open())
        if not tenant.keys:
            return
        key_id = self.draw.choice(list(tenant.keys))
        self.admin("DELETE", f"/v1/tenants/{tenant.id}/api-keys/{key_id}", expect=204)
        self.admin("DELETE", f"/v1/tenants/{tenant.id}/api-keys/{key_id}", expect=404)
        self.model.dead.append(tenant.keys.pop(key_id))

    def revoke_anothers_key(self):
        """Under the wrong tenant a key does not exist, and stays."""
        one, other = self.draw.choice(self.model.open()), self.draw.choice(self.model.open())
        if one is not other and other.keys:
            self.admin("DELETE", f"/v1/tenants/{one.id}/api-keys/{self.draw.choice(list(other.keys))}", expect=404)

    def put_provider(self):
        tenant, provider = self.draw.choice(self.model.open()), self.draw.choice(PROVIDERS)
        key = f"sk-own-{tenant.id[-6:]}-{self.draw.randrange(10**9):09d}"
        self.admin("POST", f"/v1/tenants/{tenant.id}/providers/{provider}/keys", {"api_key": key}, expect=201)
        tenant.providers[provider] = key

    def remove_provider(self):
        tenant, provider = self.draw.choice(self.model.open()), self.draw.choice(PROVIDERS)
        self.admin("DELETE", f"/v1/tenants/{tenant.id}/providers/{provider}", expect=204 if provider in tenant.providers else 404)
        tenant.providers.pop(provider, None)

    def suspend(self):
        tenant = self.draw.choice(self.model.open())
        if tenant.status == "active":
            self.admin("POST", f"/v1/admin/tenants/{tenant.id}/suspend", {"reason": "model"}, expect=200)
            tenant.status = "suspended"

    def resume(self):
        tenant = self.draw.choice(self.model.open())
        if tenant.status == "suspended":
            self.admin("POST", f"/v1/admin/tenants/{tenant.id}/resume", expect=200)
            tenant.status = "active"

    def change_tier(self):
        tenant, tier = self.draw.choice(self.model.open()), self.draw.choice(TIERS)
        if tier != tenant.tier:
            answer = self.admin("PATCH", f"/v1/admin/tenants/{tenant.id}/tier", {"tier": tier}, expect=200).json()
            self.assertEqual((answer["tier"], answer["old_tier"]), (tier, tenant.tier))
            tenant.tier = tier

    def close_account(self):
        if self.draw.random() < 0.8:
            return
        tenant = self.draw.choice(self.model.open())
        self.admin("DELETE", f"/v1/admin/tenants/{tenant.id}", expect=204)
        self.admin("DELETE", f"/v1/admin/tenants/{tenant.id}", expect=404)
        tenant.status = "closed"
        self.model.dead += tenant.keys.values()
        for key_id, (key, scope) in list(self.model.virtual.items()):
            if scope == tenant.id and key:
                self.model.dead.append(key)
                self.model.virtual[key_id] = (None, scope)

    def issue_virtual(self):
        scope = self.draw.choice([None, *(tenant.id for tenant in self.model.open())])
        made = self.admin("POST", "/api/virtual_keys", {"name": "v", **({"tenant_id": scope} if scope else {})}, expect=200).json()
        self.model.virtual[made["id"]] = (made["plaintext"], scope)

    def revoke_virtual(self):
        if not self.model.virtual:
            return
        key_id = self.draw.choice(list(self.model.virtual))
        key, scope = self.model.virtual[key_id]
        self.admin("POST", f"/api/virtual_keys/{key_id}/revoke", expect=200 if key else 404)
        if key:
            self.model.dead.append(key)
            self.model.virtual[key_id] = (None, scope)

    def restart(self):
        if self.draw.random() < 0.7:
            return
        if self.draw.random() < 0.5:
            self.at.stop()
        else:
            self.at.kill()
        self.at.start()

    # --- the comparison ----------------------------------------------------------------------------------------------

    def compare(self):
        listed, cursor = {}, ""
        while cursor is not None:
            page = self.admin("GET", f"/v1/admin/tenants?limit=3{'&cursor=' + cursor if cursor else ''}", expect=200).json()
            listed.update({row["tenant_id"]: row for row in page["tenants"]})
            cursor = page["next_cursor"]
        mine = {tenant.id: (tenant.tier, tenant.status) for tenant in self.model.open()}
        theirs = {name: (row["tier"], row["status"]) for name, row in listed.items() if name.startswith("tenant_") and row["status"] != "closed"}
        self.assertEqual(theirs, mine)
        for tenant in self.model.open():
            keys = self.admin("GET", f"/v1/tenants/{tenant.id}/api-keys?limit=1000", expect=200).json()["api_keys"]
            self.assertEqual({row["key_id"] for row in keys}, set(tenant.keys))
            providers = self.admin("GET", f"/v1/tenants/{tenant.id}/providers", expect=200).json()["providers"]
            self.assertEqual({row["provider_id"] for row in providers}, set(tenant.providers))
            for key in tenant.keys.values():
                self.let_in(tenant, key)
        rows = self.admin("GET", "/api/virtual_keys?include_revoked=true&limit=1000", expect=200).json()["keys"]
        self.assertEqual({row["id"]: (row["status"] == "revoked", row["tenant_id"]) for row in rows},
                         {name: (key is None, scope) for name, (key, scope) in self.model.virtual.items()})
        for key, scope in self.model.virtual.values():
            if key and scope:
                self.let_in(self.model.tenants[scope], key)
            elif key:
                self.assertEqual(self.at.chat(key=key).status, 200)
        for key in self.model.dead[-20:]:
            self.assertEqual(self.at.chat(key=key).code, "invalid_key")

    def let_in(self, tenant, key):
        """What a call with the tenant's key must answer, and whose credential the provider sees."""
        before = len(self.at.simulator.requests())
        response = self.at.fetch("POST", "/v1/chat/completions", chat_body(), key=key)
        seen = [one.header("authorization") for one in self.at.simulator.requests()[before:] if one.target.endswith("/chat/completions")]
        if tenant.status == "suspended":
            self.assertEqual((response.status, response.code, seen), (403, "tenant_suspended", []))
        elif "openai" in tenant.providers:
            self.assertEqual((response.status, seen), (200, [f"Bearer {tenant.providers['openai']}"]), response)
        elif response.status != 429:  # the tier's rate; the model has no clock
            self.assertEqual((response.status, response.code, seen), (503, "no_provider_configured", []))

    def test_the_gateway_does_what_a_plain_model_does(self):
        seed = int(os.environ.get("TALON_TEST_SEED", random.SystemRandom().randrange(2**32)))
        print(f"seed {seed}", flush=True)
        self.draw, self.model = random.Random(seed), Model()
        # A rate that the test itself does not meet.
        self.at = self.world({"tiers": {tier: {"requests_per_second": 100000} for tier in TIERS}})
        operations = (self.create_key, self.revoke_key, self.revoke_anothers_key, self.put_provider, self.remove_provider, self.suspend,
                      self.resume, self.change_tier, self.close_account, self.issue_virtual, self.revoke_virtual, self.restart)
        for step in range(240):
            if len(self.model.open()) < 2 or self.draw.random() < 0.05:
                self.create()
            self.draw.choice(operations)()
            if step % 30 == 29:
                self.compare()
        self.at.restart()
        self.compare()
        self.at.verify()


if __name__ == "__main__":
    unittest.main()
