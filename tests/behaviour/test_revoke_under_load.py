"""Revocation and suspension while calls run: none that began after the answer of the change gets through (issue, "What must be
seen", 4; V14, G13, G15)."""

import json
import threading
import time
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import ADMIN, WorldCase, chat_body, request, wait_until  # noqa: E402

CALLERS = 8
TIERS = {"tiers": {"growth": {"requests_per_second": 100000}}}


class Load:
    """CALLERS threads that call with one key until they are stopped; (begun, status, code) of each call."""

    def __init__(self, world, key):
        self.seen, self.over = [], threading.Event()
        data = request("POST", "/v1/chat/completions", json.dumps(chat_body()).encode(), key=key)
        self.threads = [threading.Thread(target=self.run, args=(world, data)) for _ in range(CALLERS)]
        for thread in self.threads:
            thread.start()

    def run(self, world, data):
        while not self.over.is_set():
            with world.connect() as connection:
                while not self.over.is_set():
                    begun = time.monotonic()
                    response = connection.exchange(data)
                    self.seen.append((begun, response.status, response.code if response.status != 200 else None))
                    if response.header("connection") == "close":
                        break

    def wait_for(self, wanted, since=0.0):
        """50 answers with this status to calls that began after `since`."""
        wait_until(lambda: sum(begun > since and status == wanted for begun, status, _ in list(self.seen)) >= 50, 30,
                   f"50 answers with {wanted}")

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


class RevokeUnderLoad(WorldCase):
    def change_under_load(self, world, key, change, status, code):
        load = Load(world, key)
        try:
            load.wait_for(200)
            self.assertIn(change().status, (200, 204))
            answered = time.monotonic()
            load.wait_for(status, since=answered)
        finally:
            load.stop()
        late = [one for one in load.seen if one[0] > answered]
        self.assertTrue(late)
        self.assertEqual({(one[1], one[2]) for one in late}, {(status, code)})

    def account(self, world):
        body = {"name": "Acme", "tier": "growth", "provider_keys": "operator"}
        return world.fetch("POST", "/v1/admin/tenants", body, key=ADMIN).json()

    def test_a_revoked_tenant_key_opens_nothing_after_the_answer(self):
        world = self.world(TIERS, durability="batched")
        made = self.account(world)
        key = made["api_keys"][0]
        target = f"/v1/tenants/{made['tenant_id']}/api-keys/{key['key_id']}"
        self.change_under_load(world, key["key"], lambda: world.fetch("DELETE", target, key=ADMIN), 401, "invalid_key")

    def test_a_revoked_virtual_key_opens_nothing_after_the_answer(self):
        world = self.world(TIERS, durability="batched")
        made = world.fetch("POST", "/api/virtual_keys", {"name": "v", "tenant_id": "acme"}, key=ADMIN).json()
        target = f"/api/virtual_keys/{made['id']}/revoke"
        self.change_under_load(world, made["plaintext"], lambda: world.fetch("POST", target, key=ADMIN), 401, "invalid_key")

    def test_a_suspended_tenant_gets_nothing_after_the_answer_and_all_after_the_resume(self):
        world = self.world(TIERS, durability="batched")
        made = self.account(world)
        key = made["api_keys"][0]["key"]
        base = f"/v1/admin/tenants/{made['tenant_id']}"
        self.change_under_load(world, key, lambda: world.fetch("POST", f"{base}/suspend", key=ADMIN), 403, "tenant_suspended")
        self.assertEqual(world.fetch("POST", f"{base}/resume", key=ADMIN).status, 200)
        self.assertEqual(world.chat(key=key).status, 200)

    def test_a_new_key_works_on_the_next_request(self):
        world = self.world(TIERS)
        made = self.account(world)
        for number in range(9):
            key = world.fetch("POST", f"/v1/tenants/{made['tenant_id']}/api-keys", {"name": f"k{number}"}, key=ADMIN).json()["key"]
            self.assertEqual(world.chat(key=key).status, 200)


if __name__ == "__main__":
    unittest.main()
