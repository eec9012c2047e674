"""A configuration may not contradict the accounts and keys that the registry holds; both rules of a tier are one rule."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import ADMIN, WorldCase, merged  # noqa: E402

MINI = {"tiers": {"mini": {"rank": 50, "requests_per_second": 1000, "requests_per_month": 1000, "max_api_keys": 1, "max_providers": 1}}}


class Contradictions(WorldCase):
    def admin(self, world, method, target, body=None, status=200):
        answer = world.fetch(method, target, body, key=ADMIN)
        self.assertEqual(answer.status, status, answer)
        return answer.json() if answer.body else None

    def with_caller(self, world, tenant, key):
        callers = [*world.config["gateway"]["callers"], {"name": "late", "tenant_key": key, "tenant_id": tenant}]
        return merged(world.config, {"gateway": {"callers": callers}})

    def refused(self, world, config, *words):
        """By a reload, which changes nothing, and by a start."""
        before = world.config
        world.config = config
        world.write_config()
        error = self.admin(world, "POST", "/v1/admin/reload", status=400)["error"]
        for word in words:
            self.assertIn(word, error["message"])
        self.assertEqual(world.chat().status, 200)
        world.stop()
        done = world.cli("serve", check=1)
        for word in words:
            self.assertIn(word, done.stderr.decode())
        world.config = before
        world.write_config()
        world.start()

    def test_a_caller_of_an_accounts_tenant_is_refused(self):
        world = self.world()
        self.admin(world, "POST", "/v1/admin/tenants", {"name": "Yam", "tier": "growth", "tenant_id": "yam"}, status=201)
        self.refused(world, self.with_caller(world, "yam", "talon-gw-late-0123456789"), '"yam"', '"late"', "created through the API", "talon.yaml:")
        self.admin(world, "DELETE", "/v1/admin/tenants/yam", status=204)
        self.refused(world, self.with_caller(world, "yam", "talon-gw-late-0123456789"), '"yam"', "closed")

    def test_an_issued_key_cannot_be_a_callers_too(self):
        world = self.world()
        made = self.admin(world, "POST", "/v1/admin/tenants", {"name": "Yam", "tier": "growth", "provider_keys": "operator"}, status=201)
        key = made["api_keys"][0]
        self.refused(world, self.with_caller(world, "other", key["key"]), '"late"', key["key_id"], "two names")
        self.assertEqual(world.chat(key=key["key"]).status, 200)
        self.assertNotIn(key["key"], world.log_path.read_text())

    def test_a_tier_with_accounts_in_it_cannot_be_taken_away_by_a_reload(self):
        world = self.world(MINI)
        made = self.admin(world, "POST", "/v1/admin/tenants", {"name": "Small", "tier": "mini", "provider_keys": "operator"}, status=201)
        account, without = f"/v1/admin/tenants/{made['tenant_id']}", {**world.config}
        del without["tiers"]
        with_tier, world.config = world.config, without
        world.write_config()
        error = self.admin(world, "POST", "/v1/admin/reload", status=400)["error"]
        self.assertIn('"mini"', error["message"])
        self.assertIn(made["tenant_id"], error["message"])
        # A start has to go on: then it is the lowest tier, here as there.
        world.restart()
        limits = self.admin(world, "GET", account)["limits"]
        self.assertEqual(limits, self.admin(world, "POST", "/v1/admin/tenants", {"name": "Trial", "tier": "trial"}, status=201)["limits"])
        key = made["api_keys"][0]["key"]
        answer = world.fetch("POST", f"/v1/tenants/{made['tenant_id']}/api-keys", {"name": "second"}, key=key)
        self.assertEqual((answer.status, answer.json()["error"]["code"]), (403, "api_key_limit_exceeded"))
        world.config = with_tier
        world.write_config()
        self.admin(world, "POST", "/v1/admin/reload")
        self.admin(world, "PATCH", account + "/tier", {"tier": "growth"})
        world.config = without
        world.write_config()
        self.admin(world, "POST", "/v1/admin/reload")


if __name__ == "__main__":
    unittest.main()
