"""kill -9 between any two steps of a creation leaves all of it or nothing: the account with its key, its log and its operator
record, or no trace; and who sends the same Idempotency-Key again gets one account, not two (issue "Bad input").
# ctest: timeout=600
"""

import collections
import json
import os
import random
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import ADMIN, ResponseError, WorldCase, fetch, request, wait_until  # noqa: E402

ROUNDS = 30
MAKERS = 3


class Made:
    """One customer as its maker knows it; None: not answered."""

    def __init__(self, name):
        self.name = name
        self.tenant = self.key = self.key_id = None
        self.second = self.provider = self.virtual = None

    def body(self):
        return {"name": self.name, "tier": "scale", "email": f"{self.name}@corp.example", "monthly_budget_usd": 5}


class Creation(WorldCase):
    def test_an_account_is_whole_or_absent_whenever_the_process_dies(self):
        seed = int(os.environ.get("TALON_TEST_SEED", random.SystemRandom().randrange(2**32)))
        print(f"seed {seed}", flush=True)
        draw = random.Random(seed)
        self.w = self.world()
        everyone, cut = [], 0
        for turn in range(ROUNDS):
            with self.subTest(seed=seed, round=turn):
                made = self.create_until_killed(turn, draw)
                self.w.start()
                rows = self.rows()
                everyone += made
                self.check_answered(made, rows)
                cut += self.retry_unanswered(made, rows)
                self.check_whole(everyone, made)
        self.check_whole(everyone, everyone)
        self.assertGreater(cut, 0, "no round cut a creation: nothing was tested")
        self.w.stop()
        self.w.verify()
        print(f"{len(everyone)} creations, {cut} of them cut", flush=True)

    # --- making, and the end of it -----------------------------------------------------------------------------------

    def create_until_killed(self, turn, draw):
        """Makers create as fast as they are answered, until the process is killed amid it."""
        made, answers, address = [], collections.deque(), self.w.address

        def post(target, body, name=None):
            headers = [("Idempotency-Key", name)] if name else []
            response = fetch(address, "POST", target, body, key=ADMIN, headers=headers)
            self.assertIn(response.status, (200, 201), response)
            answers.append(response.status)
            return response.json()

        def maker(number):
            for count in range(10**6):
                one = Made(f"m{turn}-{number}-{count}")
                made.append(one)
                try:
                    account = post("/v1/admin/tenants", one.body(), one.name)
                    one.key_id, one.key = account["api_keys"][0]["key_id"], account["api_keys"][0]["key"]
                    one.tenant = account["tenant_id"]
                    one.second = post(f"/v1/tenants/{one.tenant}/api-keys", {"name": "second"})["key_id"]
                    post(f"/v1/tenants/{one.tenant}/providers/google/keys", {"api_key": "AIza-of-the-customer"})
                    one.provider = "google"
                    one.virtual = post("/api/virtual_keys", {"name": "v", "tenant_id": one.tenant})["id"]
                except (OSError, ResponseError):
                    return  # the process died

        makers = [threading.Thread(target=maker, args=(number,), daemon=True) for number in range(MAKERS)]
        for one in makers:
            one.start()
        wanted = draw.randrange(1, 40)
        wait_until(lambda: len(answers) >= wanted, 30, f"{wanted} answers")
        until = time.monotonic() + draw.random() * 0.004  # anywhere in the steps of the next one
        while time.monotonic() < until:
            pass
        self.w.kill()
        for one in makers:
            one.join(60)
            self.assertFalse(one.is_alive())
        return made

    # --- what is there afterwards ------------------------------------------------------------------------------------

    def admin(self, target):
        response = self.w.fetch("GET", target, key=ADMIN)
        self.assertEqual(response.status, 200, response)
        return response.json()

    def listed(self, path, member):
        """All pages of a list."""
        rows, cursor = [], ""
        while cursor is not None:
            page = self.admin(f"{path}?limit=1000{'&cursor=' + cursor if cursor else ''}")
            rows += page[member]
            cursor = page["next_cursor"]
        return rows

    def rows(self):
        """The accounts that are listed, by name; a name is there once."""
        rows = [row for row in self.listed("/v1/admin/tenants", "tenants") if row["source"] == "api"]
        names = collections.Counter(row["name"] for row in rows)
        self.assertEqual([name for name, count in names.items() if count > 1], [])
        return {row["name"]: row for row in rows}

    def check_answered(self, made, rows):
        """Who had an answer has what it said, and the key opens."""
        for one in made:
            if one.tenant:
                self.assertEqual(rows[one.name]["tenant_id"], one.tenant)
                mine = self.w.fetch("GET", f"/v1/tenants/{one.tenant}/api-keys", key=one.key)
                self.assertEqual(mine.status, 200, mine)
                self.assertIn(one.key_id, [row["key_id"] for row in mine.json()["api_keys"]])

    def retry_unanswered(self, made, rows):
        """The same again, by those who had no answer: made now, or told that it was."""
        cut = [one for one in made if not one.tenant]
        for one in cut:
            again = self.w.fetch("POST", "/v1/admin/tenants", one.body(), key=ADMIN, headers=[("Idempotency-Key", one.name)])
            there = one.name in rows
            self.assertEqual((again.status, again.header("idempotent-replay")), (200, "true") if there else (201, None), again)
            body = again.json()
            one.tenant, one.key_id = body["tenant_id"], body["api_keys"][0]["key_id"]
            if there:
                self.assertEqual(one.tenant, rows[one.name]["tenant_id"])
                self.assertIsNone(body["api_keys"][0]["key"])
        return len(cut)

    def check_whole(self, everyone, closely):
        """Registry and logs tell the same of each account; `closely`: of those, key by key."""
        done = self.w.cli("audit", "export", "--all", "--format", "ndjson", check=0)
        logs = collections.defaultdict(list)
        for record in map(json.loads, done.stdout.splitlines()):
            if record["kind"] == "operator" and record.get("tenant"):
                logs[record["tenant"]].append(record)
            elif record["kind"] == "genesis" and record.get("tenant"):
                logs[record["tenant"]] += []
        rows = self.rows()
        self.assertEqual(set(rows), {one.name for one in everyone})
        self.assertEqual({row["tenant_id"] for row in rows.values()}, set(logs) - {"acme", "globex"}, "no log without its account")
        lent = collections.defaultdict(set)
        for row in self.listed("/api/virtual_keys", "keys"):
            lent[row["tenant_id"]].add(row["id"])
        with self.w.connect() as connection:
            for one in closely:
                self.check_one(one, logs[one.tenant], lent[one.tenant], connection)
        verified = json.loads(self.w.cli("audit", "verify", "--json", check=0).stdout)
        self.assertEqual((verified["verdict"], verified["problems"]), ("valid", []))

    def check_one(self, one, records, lent, connection):
        def listed(what):
            response = connection.exchange(request("GET", f"/v1/tenants/{one.tenant}/{what}", key=ADMIN))
            self.assertEqual(response.status, 200, response)
            return response.json()

        by_action = collections.defaultdict(list)
        for record in records:
            by_action[record["action"]].append(record)
        created = by_action["tenant.create"]
        self.assertEqual(len(created), 1, records)
        self.assertEqual((records[0]["action"], created[0]["target"]), ("tenant.create", one.tenant))
        told = {change["member"]: change.get("after") for change in created[0]["changes"]}
        self.assertEqual((told["name"], told["tier"], told["key_id"]), (one.name, "scale", one.key_id))
        keys = {row["key_id"] for row in listed("api-keys")["api_keys"]}
        self.assertEqual(keys, {one.key_id} | {record["target"] for record in by_action["key.create"]})
        providers = {row["provider_id"] for row in listed("providers")["providers"]}
        self.assertEqual(len(providers), len(by_action["provider.put"]))
        self.assertEqual(lent, {record["target"] for record in by_action["virtual_key.issue"]})
        if one.second:
            self.assertIn(one.second, keys)
        if one.provider:
            self.assertEqual(providers, {"google"})
        if one.virtual:
            self.assertEqual(lent, {one.virtual})


if __name__ == "__main__":
    unittest.main()
