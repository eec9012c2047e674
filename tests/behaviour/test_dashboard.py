"""The dashboard's reads under /api: shapes, the three-state tenant filter, paging, and buckets that add up (acceptance.md V18–V22)."""

import contextlib
import csv
import datetime
import io
import json
import random
import re
import sqlite3
import sys
import unittest
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote, urlencode

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import ACME, ADMIN, GLOBEX, WorldCase  # noqa: E402

SHARED = "talon-gw-shared-key-0123456789"
WITH_SHARED = {"auth": {"api_keys": [{"name": "shared", "key": SHARED}]}}
ODD = "odd/tenant with 100%_ ünïcode"


class Dashboard(WorldCase):
    def get(self, world, path, key=ADMIN, **query):
        target = path + ("?" + urlencode(query) if query else "")
        return world.fetch("GET", target, key=key)

    def ok(self, world, path, **query):
        response = self.get(world, path, **query)
        self.assertEqual(response.status, 200, response)
        return json.loads(response.body, parse_float=Decimal)

    def refused(self, world, status, code, path, **query):
        response = self.get(world, path, **query)
        self.assertEqual((response.status, response.code), (status, code), response)

    def tagged(self, world, tenant=None, session=None, key=SHARED, **members):
        headers = ([("X-Talon-Tenant-Id", quote(tenant))] if tenant else []) + ([("X-Talon-Session-Id", session)] if session else [])
        response = world.chat(key=key, headers=headers, **members)
        self.assertEqual(response.status, 200, response)
        return response

    def pages(self, world, path, **query):
        """All elements of a bare array, page by page along Link."""
        target, elements = path + "?" + urlencode(query), []
        for _ in range(100):
            response = world.fetch("GET", target, key=ADMIN)
            self.assertEqual(response.status, 200, response)
            elements += json.loads(response.body, parse_float=Decimal)
            link = response.header("Link")
            if not link:
                return elements
            target = re.fullmatch(r'<(/[^>]*)>; rel="next"', link)[1]
        self.fail("pages without an end")

    def test_the_index_of_tenants_and_one_of_them_are_what_the_command_line_prints(self):
        world = self.world(WITH_SHARED)
        self.assertEqual(self.ok(world, "/api/tenants"), {"tenants": [], "unattributed": {
            "session_count": 0, "total_cost_usd": 0, "first_seen": None, "last_seen": None}})
        self.refused(world, 404, "not_found", "/api/tenants/acme")
        world.chat()
        self.tagged(world, ODD)
        self.tagged(world)
        index = self.ok(world, "/api/tenants")
        self.assertEqual([row["tenant_id"] for row in index["tenants"]], [ODD, "acme"], "most recent activity first")
        self.assertEqual(index["unattributed"]["session_count"], 1)
        self.assertEqual(index, json.loads(world.cli("tenant", "list", "--json", check=0).stdout, parse_float=Decimal))
        self.assertEqual([row["tenant_id"] for row in self.ok(world, "/api/tenants", q="100%_")["tenants"]], [ODD], "q is literal")
        self.assertEqual(self.ok(world, "/api/tenants", q="1_0")["tenants"], [])
        self.assertEqual(len(self.ok(world, "/api/tenants", limit=1)["tenants"]), 1)
        for tenant, source in (("acme", "config"), (ODD, "tag")):
            row = self.ok(world, "/api/tenants/" + quote(tenant, safe=""))
            self.assertEqual((row["tenant_id"], row["status"], row["tier"], row["source"]), (tenant, "active", None, source))
            self.assertEqual(row, json.loads(world.cli("tenant", "show", tenant, "--json", check=0).stdout, parse_float=Decimal))

    def test_an_account_shows_its_tier_and_status(self):
        world = self.world()
        made = json.loads(world.fetch("POST", "/v1/admin/tenants", {"name": "Initech", "tier": "developer", "provider_keys": "operator"}, key=ADMIN).body)
        tenant, key = made["tenant_id"], made["api_keys"][0]["key"]
        self.assertEqual(world.chat(key=key).status, 200)
        row = self.ok(world, f"/api/tenants/{tenant}")
        self.assertEqual((row["tier"], row["status"], row["source"]), ("developer", "active", "api"))
        world.fetch("POST", f"/v1/admin/tenants/{tenant}/suspend", key=ADMIN)
        self.assertEqual(self.ok(world, f"/api/tenants/{tenant}")["status"], "suspended")
        self.assertEqual(world.tenant(tenant)["status"], "suspended")

    def test_only_an_admin_key_reads_here_and_nothing_unknown_is_taken(self):
        world = self.world(WITH_SHARED)
        for path in ("/api/tenants", "/api/tenants/acme", "/api/costs", "/api/logs", "/api/latency", "/api/sessions", "/api/sessions/x"):
            self.assertEqual(world.fetch("GET", path, key=None).status, 401)
            for key in (ACME, SHARED):
                response = world.fetch("GET", path, key=key)
                self.assertEqual((response.status, response.code), (403, "wrong_key_kind"), response)
            self.refused(world, 400, "invalid_request", path, colour="red")
            self.assertEqual(world.fetch("POST", path, {}, key=ADMIN).status, 405)
        for path, query in (("/api/tenants", {"limit": 0}), ("/api/tenants", {"q": "x" * 129}), ("/api/costs", {"period": "year"}),
                            ("/api/costs", {"period": "today", "from": "2026-05-01"}), ("/api/costs", {"from": "yesterday"}),
                            ("/api/costs", {"project": ""}), ("/api/logs", {"modality": "video"}), ("/api/logs", {"cursor": "zz"}),
                            ("/api/logs", {"limit": 1001}), ("/api/latency", {"period": "year"}), ("/api/sessions", {"order_by": "name"}),
                            ("/api/sessions", {"cursor": "zz"})):
            self.refused(world, 400, "invalid_request", path, **query)
        self.refused(world, 400, "invalid_tenant_id", "/api/logs", tenant="x" * 129)
        self.refused(world, 404, "not_found", "/api/sessions/never")

    def test_costs_are_grouped_and_the_dearest_comes_first(self):
        world = self.world()
        world.chat(model="gpt-4o-mini")
        world.chat(model="gpt-4o")
        costs = self.ok(world, "/api/costs", period="all")
        self.assertEqual(list(costs["by_model"]), ["gpt-4o", "gpt-4o-mini"])
        self.assertTrue(all(cell["pricing_source"].startswith("price-row:") for cell in costs["by_model"].values()))
        self.assertEqual(sum(cell["cost"] for cell in costs["by_model"].values()), costs["total"])
        self.assertEqual(costs["by_provider"], {"openai": {"cost": costs["total"], "requests": 2}})
        self.assertEqual(costs["by_project"], {"default": {"cost": costs["total"], "requests": 2}})
        self.assertEqual(self.ok(world, "/api/costs", period="all", project="default")["by_project"], {})
        self.assertEqual(self.ok(world, "/api/costs", period="all", project="other")["total"], 0)
        midnight = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT00:00:00.000Z")
        self.assertEqual(self.ok(world, "/api/costs", period="today")["from"], midnight)
        week = datetime.date.fromisoformat(self.ok(world, "/api/costs", period="week")["from"][:10])
        self.assertEqual(week.weekday(), 0, "a week begins on Monday")
        self.assertRegex(self.ok(world, "/api/costs", period="month")["from"], r"-01T00:00:00")
        self.assertEqual(self.ok(world, "/api/costs", **{"from": "2020-01-01", "to": "2020-02-01"})["total"], 0)

    def test_a_row_of_the_log_is_its_record(self):
        world = self.world()
        response = world.chat()
        world.chat(sim="status=500")
        failed, row = self.ok(world, "/api/logs")
        record = world.call_of(response)
        self.assertEqual((row["id"], row["session_id"], row["tenant_id"]), (response.evidence_id, record["session"], "acme"))
        self.assertEqual(row["cost_usd"] * 10**9, record["cost"]["nano_usd"])
        self.assertEqual((row["input_units"], row["output_units"]), (record["usage"]["input"], record["usage"]["output"]))
        self.assertEqual((row["model_id"], row["modality"], row["status"], row["project"]), ("openai/gpt-4o-mini", "llm", "success", "default"))
        self.assertEqual(int(row["timestamp"] * 10**6), record["time"])
        self.assertEqual(row["metadata"]["request_id"], record["request_id"])
        self.assertEqual(row["total_latency_ms"] * 1000, record["timing"]["total_us"])
        self.assertEqual((failed["status"], failed["error_message"]), ("error", "provider_error"))
        self.assertEqual(self.ok(world, "/api/logs", modality="stt"), [])
        latency = self.ok(world, "/api/latency")["openai/gpt-4o-mini"]
        self.assertEqual(latency["request_count"], 1, "of those that went well")
        self.assertEqual({latency["latency_percentiles"][part] for part in ("p50", "p95", "p99")}, {row["total_latency_ms"]})

    def test_a_call_without_a_price_has_no_cost_and_not_that_of_a_free_one(self):
        world = self.world(callers=({"name": "free", "tenant_key": ACME, "tenant_id": "acme"},))
        self.assertEqual(world.chat(model="no-such-model").status, 200)
        self.assertEqual(world.chat().status, 200)
        priced, unpriced = self.ok(world, "/api/logs")
        self.assertEqual((unpriced["cost_usd"], unpriced["metadata"]["priced"]), (None, False))
        self.assertGreater(priced["cost_usd"], 0)
        table = list(csv.DictReader(io.StringIO(world.cli("audit", "export", "--all", "--format", "csv", check=0).stdout.decode(), newline="")))
        self.assertEqual([(row["cost_usd"], row["cost_nano_usd"]) == ("", "") for row in table], [True, False])
        file = world.folder / "calls.sqlite"
        world.cli("audit", "export", "--all", "--format", "sqlite", "--output", file, check=0)
        with contextlib.closing(sqlite3.connect(file)) as database:
            self.assertEqual([row[0] is None for row in database.execute("SELECT cost_usd FROM requests ORDER BY timestamp, id")], [True, False])

    def test_a_time_range_takes_its_calls_and_the_sessions_that_began_in_it(self):
        world = self.world(WITH_SHARED)
        for session in ("one", "two", "three"):
            self.assertEqual(world.chat(headers=[("X-Talon-Session-Id", session)]).status, 200)
        started = {row["id"]: row["started_at"] for row in self.ok(world, "/api/sessions")}
        edge = started["two"]
        for order in ("started_at_desc", "started_at_asc", "cost_desc"):
            later = {row["id"] for row in self.ok(world, "/api/sessions", **{"from": edge, "order_by": order})}
            earlier = {row["id"] for row in self.ok(world, "/api/sessions", to=edge, order_by=order)}
            self.assertEqual((later | earlier, later & earlier), ({"one", "two", "three"}, set()))
            self.assertIn("three", later)
            self.assertIn("one", earlier)
        calls = self.ok(world, "/api/logs", **{"from": edge})
        self.assertLess(0, len(calls))
        self.assertEqual(len(calls) + len(self.ok(world, "/api/logs", to=edge)), 3)
        self.assertEqual(self.ok(world, "/api/latency", to="2020-01-01"), {})
        self.assertEqual(self.ok(world, "/api/latency", **{"from": "2020-01-01"})["openai/gpt-4o-mini"]["request_count"], 3)

    def test_percentiles_lie_between_the_nearest_values(self):
        world = self.world()
        for _ in range(5):
            world.chat()
        times = sorted(row["total_latency_ms"] for row in self.ok(world, "/api/logs"))
        shown = self.ok(world, "/api/latency", tenant="acme")["openai/gpt-4o-mini"]["latency_percentiles"]
        self.assertEqual(shown["p50"], times[2])
        self.assertAlmostEqual(shown["p95"], times[3] + (times[4] - times[3]) * Decimal("0.8"), delta=Decimal("0.002"))
        self.assertEqual(self.ok(world, "/api/latency", tenant="nobody"), {})

    def test_a_session_and_its_members(self):
        world = self.world(WITH_SHARED)
        for _ in range(2):
            self.tagged(world, session="call-1")
        world.chat(headers=[("X-Talon-Session-Id", "mine")])
        world.fetch("POST", "/v1/chat/completions", {"model": "gpt-4o-mini", "messages": []}, key=GLOBEX, headers=[("X-Talon-Session-Id", "mine")])
        session = self.ok(world, "/api/sessions/call-1")
        self.assertEqual((session["request_count"], session["tenant_id"], session["providers"], session["modalities"]), (2, None, ["openai"], ["llm"]))
        self.assertEqual(session["by_modality"], {"llm": {"cost": session["total_cost_usd"], "request_count": 2}})
        self.assertEqual(self.ok(world, "/api/sessions/" + session["uid"]), session)
        self.refused(world, 409, "ambiguous_session", "/api/sessions/mine")
        self.assertEqual(self.ok(world, "/api/sessions/mine", tenant="acme")["tenant_id"], "acme")
        # Now it becomes acme's: all of it, everywhere here, and the record stays where it was.
        self.tagged(world, "acme", session="call-1")
        self.assertEqual(self.ok(world, "/api/sessions", tenant=""), [])
        self.assertEqual(self.ok(world, "/api/logs", tenant=""), [])
        self.assertEqual(len(self.ok(world, "/api/logs", tenant="acme")), 4)
        self.assertEqual(self.ok(world, "/api/sessions/call-1")["request_count"], 3)

    def test_buckets_partition_the_whole_whatever_was_called(self):
        seed = random.randrange(2**32)
        chance = random.Random(seed)
        world = self.world(WITH_SHARED)
        tenants = ["acme", "globex", ODD, "unattributed"]
        with self.subTest(seed=seed):
            for _ in range(60):
                session = chance.choice([None, None, "s1", "s2", "s3", "s4"])
                tenant = chance.choice([None, None, *tenants])
                headers = ([("X-Talon-Tenant-Id", quote(tenant))] if tenant else []) + ([("X-Talon-Session-Id", session)] if session else [])
                world.chat(key=SHARED, headers=headers, model=chance.choice(["gpt-4o-mini", "gpt-4o"]),
                           sim=chance.choice([None, None, None, "status=500", "cut=mid"]))
                if chance.random() < 0.2:
                    world.chat(key=chance.choice([ACME, GLOBEX]), headers=[("X-Talon-Session-Id", "s1")])
            buckets = [*tenants, ""]
            index = self.ok(world, "/api/tenants")
            rows = {row["tenant_id"]: row for row in index["tenants"]} | {"": index["unattributed"]}
            everything = self.ok(world, "/api/costs", period="all")
            parts = {bucket: self.ok(world, "/api/costs", period="all", tenant=bucket) for bucket in buckets}
            for part in (everything, *parts.values()):
                for group in ("by_provider", "by_model", "by_project"):
                    self.assertEqual(sum(cell["cost"] for cell in part[group].values()), part["total"], (group, part))
                    self.assertEqual(sum(cell["requests"] for cell in part[group].values()), part["requests"], (group, part))
            self.assertEqual(sum(part["total"] for part in parts.values()), everything["total"])
            self.assertEqual(sum(part["requests"] for part in parts.values()), everything["requests"])
            for path in ("/api/logs", "/api/sessions"):
                whole = self.pages(world, path, limit=7)
                identity = (lambda row: row["id"]) if path == "/api/logs" else (lambda row: row["uid"])
                self.assertEqual(len({identity(row) for row in whole}), len(whole), "no row twice")
                found = []
                for bucket in buckets:
                    some = self.pages(world, path, limit=7, tenant=bucket)
                    self.assertEqual({row["tenant_id"] for row in some} - {bucket or None}, set())
                    found += some
                    cost = sum(row["cost_usd" if path == "/api/logs" else "total_cost_usd"] for row in some)
                    self.assertEqual(cost, parts[bucket]["total"], (path, bucket))
                    self.assertEqual(cost, rows.get(bucket, {"total_cost_usd": 0})["total_cost_usd"], (path, bucket))
                    if path == "/api/sessions":
                        self.assertEqual(len(some), rows.get(bucket, {"session_count": 0})["session_count"], bucket)
                self.assertEqual(sorted(map(identity, found)), sorted(map(identity, whole)), path)
            costs = [row["total_cost_usd"] for row in self.ok(world, "/api/sessions", order_by="cost_desc")]
            self.assertEqual(costs, sorted(costs, reverse=True))
            starts = [row["started_at"] for row in self.ok(world, "/api/sessions", order_by="started_at_asc")]
            self.assertEqual(starts, sorted(starts))
            world.verify()


if __name__ == "__main__":
    unittest.main()
