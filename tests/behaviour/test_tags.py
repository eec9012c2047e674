"""Tenants that appear by tag: how many, and what a refused one leaves behind (interfaces.md §3, limits.tenants)."""

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import WorldCase  # noqa: E402

SHARED = "talon-gw-shared-key-0123456789"
FOUR = {"auth": {"api_keys": [{"name": "shared", "key": SHARED}]}, "gateway": {"limits": {"tenants": 4}}}


class Tags(WorldCase):
    def tagged(self, world, tenant):
        return world.chat(key=SHARED, headers=[("X-Talon-Tenant-Id", tenant)])

    def known(self, world):
        listed = json.loads(world.cli("tenant", "list", "--json", check=0).stdout)
        return {row["tenant_id"] for row in listed["tenants"]}

    def test_tags_beyond_the_limit_are_refused_and_open_no_log(self):
        world = self.world(FOUR)
        self.assertEqual([self.tagged(world, f"t{number}").status for number in range(4)], [200] * 4)
        for tenant in ("t4", "t5"):
            response = self.tagged(world, tenant)
            self.assertEqual((response.status, response.code), (403, "tenant_limit_exceeded"), response)
            self.assertTrue(response.evidence_id)
        self.assertEqual(world.simulator.count(), 4)
        self.assertEqual(self.tagged(world, "t0").status, 200, "who is known goes on")
        self.assertEqual(world.chat().status, 200, "a configured tenant is not counted")
        world.restart()
        self.assertEqual(self.tagged(world, "t3").status, 200)
        self.assertEqual(self.tagged(world, "t6").code, "tenant_limit_exceeded", "those of the earlier run count")
        self.assertFalse(self.known(world) & {"t4", "t5", "t6"})
        for tenant in ("t4", "t6"):
            self.assertNotEqual(world.cli("tenant", "show", tenant).exit, 0)
        exported = world.cli("audit", "export", "--all", "--format", "ndjson", check=0).stdout
        lines = [json.loads(line) for line in exported.splitlines()]
        denials = [line for line in lines if line.get("decision", {}).get("code") == "tenant_limit_exceeded"]
        self.assertEqual(sum(line.get("count", 1) for line in denials), 3)
        self.assertFalse([line for line in denials if "tenant" in line], "they stand in the unattributed log")
        world.verify()


if __name__ == "__main__":
    unittest.main()
