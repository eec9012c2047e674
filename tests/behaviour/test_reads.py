"""A tenant's reads over HTTP: pages, proofs, exports, costs, models; and that the command line says the same (issue,
sections 4 and 5; interfaces.md §4; acceptance T2, T10, V7, V22, X2)."""

import base64
import datetime
import json
import sys
import unittest
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_proof import Checkpoint, canonical, leaf_hash, origin_of, root_from_inclusion, root_of  # noqa: E402
from talon_reads import (  # noqa: E402
    NO_SUCH_ID, SECOND, STATIC, TWO_OF_ACME, WITH_STATIC, ReadCase, costs_of, exact, rfc3339, without_request_id)
from talon_world import ACME, ADMIN, GLOBEX, MODEL, chat_body, request  # noqa: E402


class EvidenceList(ReadCase):
    def pages(self, world, query, limit, between=None):
        records, cursor = [], None
        while True:
            body = self.read(world, f"/v1/evidence?limit={limit}{query}" + (f"&cursor={cursor}" if cursor else "")).json()
            self.assertLessEqual(len(body["records"]), limit)
            records += body["records"]
            cursor = body["next_cursor"]
            if cursor is None:
                return records
            self.assertEqual(len(body["records"]), limit, "only the last page is short")
            if between:
                between()

    def test_pages_follow_each_other_by_cursor_newest_first_or_oldest_first(self):
        world = self.world()
        for _ in range(7):
            self.assertEqual(world.chat().status, 200)
        log = world.records()
        self.assertEqual(len(log), 8)
        for limit in (1, 3, 4, 8, 1000):
            with self.subTest(limit=limit):
                self.assertEqual(self.pages(world, "&order=asc", limit), log)
                self.assertEqual(self.pages(world, "", limit), log[::-1])
                self.assertEqual(self.pages(world, "&order=desc", limit), log[::-1])

    def test_calls_between_two_pages_repeat_and_skip_nothing(self):
        world = self.world()
        for _ in range(5):
            world.chat()
        log = world.records()
        self.assertEqual(self.pages(world, "", 2, between=world.chat), log[::-1])

    def test_the_default_is_50_records(self):
        world = self.world()
        with world.connect() as connection:
            for _ in range(55):
                connection.exchange(request("POST", "/v1/chat/completions", chat_body(), key=ACME))
        body = self.read(world, "/v1/evidence").json()
        self.assertEqual(len(body["records"]), 50)
        self.assertTrue(body["next_cursor"])

    def test_the_records_are_the_exact_lines(self):
        world = self.world()
        world.chat()
        lines = world.cli("audit", "export", "--tenant", "acme", "--format", "ndjson", check=0).stdout.splitlines()
        body = self.read(world, "/v1/evidence?order=asc").body
        self.assertEqual(body, b'{"records":[' + b",".join(lines) + b'],"next_cursor":null}')

    def test_outcome_picks_what_it_names(self):
        world = self.world()
        world.chat()
        world.chat(sim="status=500")
        world.chat(headers=[("X-Talon-Tenant-Id", "globex")])
        for outcome, wanted in (("allowed", 1), ("failed", 1), ("denied", 1), ("cancelled", 0), ("truncated", 0), ("interrupted", 0)):
            with self.subTest(outcome):
                records = self.read(world, f"/v1/evidence?outcome={outcome}").json()["records"]
                self.assertEqual([record["decision"]["outcome"] for record in records], [outcome] * wanted)

    def test_from_is_included_and_to_is_not(self):
        world = self.world()
        for _ in range(5):
            world.chat()
        log = world.records()
        times = [record["time"] for record in log]
        for first, last in ((0, 3), (2, 3), (1, 5), (3, 3)):
            if times[first] == times[last]:
                continue
            with self.subTest(first=first, last=last):
                got = self.read(world, f"/v1/evidence?order=asc&from={rfc3339(times[first])}&to={rfc3339(times[last])}").json()
                self.assertEqual(got["records"], [record for record in log if times[first] <= record["time"] < times[last]])
        today = datetime.datetime.fromtimestamp(times[-1] / 10**6, datetime.timezone.utc).date()
        self.assertEqual(self.read(world, f"/v1/evidence?order=asc&from={today}").json()["records"],
                         [record for record in log if record["time"] >= times[-1] - times[-1] % (86400 * 10**6)])
        self.assertEqual(self.read(world, f"/v1/evidence?to={today - datetime.timedelta(days=2)}").json()["records"], [])
        with_offset = quote(rfc3339(times[2] + 2 * 3600 * 10**6).replace("Z", "+02:00"))
        self.assertEqual(self.read(world, f"/v1/evidence?order=asc&from={with_offset}").json()["records"],
                         [record for record in log if record["time"] >= times[2]])

    def test_a_query_that_cannot_be_meant_is_a_400_that_names_the_parameter(self):
        world = self.world()
        world.chat()
        for query, word in (
            ("limit=0", "limit"), ("limit=-1", "limit"), ("limit=1001", "limit"), ("limit=ten", "limit"), ("limit=", "limit"),
            ("limit=1.5", "limit"), ("limit=99999999999999999999", "limit"), ("limit", "name=value"), ("limit=1&limit=2", "limit"),
            ("limt=1", "limit"), ("Limit=1", "Limit"), ("outcome=good", "outcome"), ("outcome=", "outcome"), ("order=up", "order"),
            ("cursor=", "cursor"), ("cursor=zz", "cursor"), ("cursor=5", "cursor"), ("from=yesterday", "from"), ("to=2026-13-01", "to"),
            ("from=2026-05-01T00:00:00", "from"), ("from=2026-05-02&to=2026-05-01", "from"), ("%zz=1", "escape"), ("=1", "name=value"),
            ("tenant=acme&page=2", "page"), ("caller=x", "caller"),
        ):
            with self.subTest(query):
                response = self.refused(world.fetch("GET", "/v1/evidence?" + query), 400, "invalid_request")
                self.assertIn(word, response.json()["error"]["message"])
        for query in ("limit=1", "limit=1000", "tenant=acme", "", "from=2020-01-01&to=2020-01-01"):
            with self.subTest(query):
                self.read(world, "/v1/evidence?" + query)
        for target in ("/v1/costs?limit=1", f"/v1/evidence/{NO_SUCH_ID}?limit=1", "/v1/evidence/checkpoint?from=2026-01-01",
                       "/v1/evidence/export?limit=5", "/v1/models?limit=5"):
            with self.subTest(target):
                self.refused(world.fetch("GET", target), 400, "invalid_request")


class EvidenceShow(ReadCase):
    def test_every_record_is_proven_in_the_tree_of_a_signed_checkpoint(self):
        world = self.world()
        for _ in range(6):
            world.chat()
        world.chat(key=GLOBEX)
        vkey = (world.data_dir / "vault.pub").read_text().splitlines()[0]
        log = world.records()
        leaves = [leaf_hash(canonical(record)) for record in log]
        for position, record in enumerate(log):
            with self.subTest(position):
                body = self.read(world, f"/v1/evidence/{record['id']}").json()
                self.assertEqual(body["record"], record)
                self.assertEqual(json.loads(body["line"]), record)
                self.assertEqual(body["line"].encode(), canonical(record))
                self.assertEqual(body["leaf_index"], position)
                self.assertEqual(base64.b64decode(body["leaf_hash"]), leaves[position])
                size = body["inclusion"]["tree_size"]
                root = root_from_inclusion(position, size, leaves[position], [base64.b64decode(hash) for hash in body["inclusion"]["hashes"]])
                checkpoint = Checkpoint(body["checkpoint"], vkey)
                self.assertEqual((checkpoint.origin, checkpoint.size, checkpoint.root), (origin_of("gw1", "acme"), size, root))
                self.assertEqual(root, root_of(leaves[:size]))

    def test_an_id_of_another_tenant_answers_as_one_that_never_existed(self):
        world = self.world()
        theirs = world.chat(key=GLOBEX).evidence_id
        genesis = world.records("globex")[0]["id"]
        never = self.refused(world.fetch("GET", f"/v1/evidence/{NO_SUCH_ID}"), 404, "not_found")
        for id in (theirs, genesis, "ev_", "ev_xyz", "x", theirs.lower(), theirs + "0", "..", "%ff", "ev_%0a"):
            with self.subTest(id):
                response = self.refused(world.fetch("GET", f"/v1/evidence/{id}"), 404, "not_found")
                self.assertEqual(without_request_id(response), without_request_id(never))
                self.assertEqual([name for name, _ in response.headers], [name for name, _ in never.headers])
        self.read(world, f"/v1/evidence/{theirs}", key=GLOBEX)

    def test_the_operators_records_are_nobodys(self):
        world = self.world(config=WITH_STATIC)
        untagged = world.chat(key=STATIC).evidence_id
        boot = json.loads(world.cli("audit", "export", "--operator", "--format", "ndjson", check=0).stdout.splitlines()[1])["id"]
        for id in (untagged, boot):
            self.refused(world.fetch("GET", f"/v1/evidence/{id}"), 404, "not_found")
            self.read(world, f"/v1/evidence/{id}", key=ADMIN)


class Exports(ReadCase):
    def test_the_bundle_is_the_command_lines_to_the_byte_and_verifies(self):
        world = self.world()
        for _ in range(3):
            world.chat()
            world.chat(key=GLOBEX)
        response = self.read(world, "/v1/evidence/export")
        self.assertTrue(response.complete)
        self.assertEqual(response.header("content-type"), "application/x-tar")
        self.assertIn("attachment", response.header("content-disposition"))
        self.assertEqual(self.read(world, "/v1/evidence/export?format=bundle").body, response.body)
        self.assertEqual(world.cli("audit", "export", "--tenant", "acme", check=0).stdout, response.body)
        bundle = world.folder / "over-http.talon"
        bundle.write_bytes(response.body)
        world.cli("audit", "verify", bundle, "--key", world.data_dir / "vault.pub", "--tenant", "acme", check=0)
        self.assertEqual(self.read(world, "/v1/evidence/export?tenant=acme", key=ADMIN).body, response.body)

    def test_the_lines_are_the_command_lines_to_the_byte(self):
        world = self.world(config=WITH_STATIC)
        world.chat()
        world.chat(key=GLOBEX)
        world.chat(key=STATIC)
        for query, key, arguments in (
            ("", ACME, ["--tenant", "acme"]), ("", GLOBEX, ["--tenant", "globex"]), ("&tenant=globex", ADMIN, ["--tenant", "globex"]),
            ("&tenant=", ADMIN, ["--unattributed"]), ("", ADMIN, ["--all"]),
        ):
            with self.subTest(arguments):
                response = self.read(world, "/v1/evidence/export?format=ndjson" + query, key=key)
                self.assertEqual(response.header("content-type"), "application/x-ndjson")
                self.assertEqual(response.body, world.cli("audit", "export", *arguments, "--format", "ndjson", check=0).stdout)
                self.assertEqual(response.body[-1:], b"\n")

    def test_a_period_is_the_command_lines_too(self):
        world = self.world()
        for _ in range(5):
            world.chat()
        times = [record["time"] for record in world.records()]
        begin, end = rfc3339(times[2]), rfc3339(times[4])
        for format in ("bundle", "ndjson"):
            for query, arguments in ((f"from={begin}&to={end}", ["--from", begin, "--to", end]), (f"from={begin}", ["--from", begin]),
                                     (f"to={end}", ["--to", end]), ("from=2020-01-01&to=2020-01-31", ["--from", "2020-01-01", "--to", "2020-01-31"])):
                with self.subTest(format=format, query=query):
                    done = world.cli("audit", "export", "--tenant", "acme", "--format", format, *arguments, check=0)
                    self.assertEqual(self.read(world, f"/v1/evidence/export?format={format}&{query}").body, done.stdout)

    def test_what_cannot_be_exported_is_said_before_a_byte(self):
        world = self.world()
        for query, key, status, code in (
            ("format=csv", ACME, 501, "not_supported"), ("format=sqlite", ACME, 501, "not_supported"), ("format=zip", ACME, 400, "invalid_request"),
            ("from=x", ACME, 400, "invalid_request"), ("tenant=globex", ACME, 403, "tenant_mismatch"), ("tenant=nobody", ADMIN, 404, "not_found"),
            ("format=ndjson&tenant=nobody", ADMIN, 404, "not_found"), ("", ADMIN, 400, "invalid_request"),
        ):
            with self.subTest(query):
                self.refused(world.fetch("GET", "/v1/evidence/export?" + query, key=key), status, code)

    def test_a_large_export_arrives_whole_on_a_connection_that_goes_on(self):
        world = self.world(durability="batched")
        with world.connect() as connection:
            for _ in range(600):
                connection.exchange(request("POST", "/v1/embeddings", {"model": "text-embedding-3-small", "input": "x"}, key=ACME))
            response = connection.exchange(request("GET", "/v1/evidence/export?format=ndjson", key=ACME))
            self.assertEqual(response.body.count(b"\n"), 601)
            self.assertEqual(connection.exchange(request("GET", "/v1/costs", key=ACME)).json()["requests"], 600)


class Checkpoints(ReadCase):
    def test_the_checkpoint_signs_the_tree_of_the_lines(self):
        world = self.world()
        world.chat()
        world.chat()
        vkey = (world.data_dir / "vault.pub").read_text().splitlines()[0]
        response = self.read(world, "/v1/evidence/checkpoint")
        self.assertTrue(response.header("content-type").startswith("text/plain"), response)
        checkpoint = Checkpoint(response.body.decode(), vkey)
        lines = self.read(world, "/v1/evidence/export?format=ndjson").body.splitlines()
        self.assertEqual((checkpoint.origin, checkpoint.size), (origin_of("gw1", "acme"), 3))
        self.assertEqual(checkpoint.root, root_of([leaf_hash(line) for line in lines]))
        self.assertEqual(world.cli("audit", "checkpoint", "--tenant", "acme", check=0).stdout, response.body)
        self.assertEqual(self.read(world, "/v1/evidence/checkpoint?tenant=acme", key=ADMIN).body, response.body)
        shown = world.tenant()["log"]
        self.assertEqual((shown["origin"], shown["size"], base64.b64decode(shown["root_hash"])), (checkpoint.origin, 3, checkpoint.root))


class Costs(ReadCase):
    def spend(self, world):
        world.chat(sim="usage=1000,500")
        world.chat(sim="usage=7,3", key=SECOND)
        world.chat(sim="usage=10,1", model="gpt-4o", key=SECOND)
        world.chat(model="a-model-without-price")
        world.chat(sim="status=500")
        world.chat(stream=True)
        world.fetch("POST", "/v1/embeddings", {"model": "text-embedding-3-small", "input": "x"})
        world.fetch("GET", "/v1/proxy/openai/models")
        world.chat(sim="usage=5,5", key=GLOBEX)
        world.chat(headers=[("X-Talon-Tenant-Id", "globex")])  # denied: no request of the sums

    def check_sums(self, costs):
        parts = [costs["by_caller"].values(), costs["by_provider"].values(), costs["by_model"].values(), costs["by_day"]]
        for part in parts:
            self.assertEqual(sum(cell["cost_usd"] for cell in part), costs["total_usd"])
            self.assertEqual(sum(cell["requests"] for cell in part), costs["requests"])

    def test_every_breakdown_sums_up_to_the_total_and_the_total_is_the_recount(self):
        world = self.world(callers=TWO_OF_ACME)
        self.spend(world)
        costs = costs_of(self.read(world, "/v1/costs"))
        self.check_sums(costs)
        recount = sum(Decimal(call.get("cost", {}).get("nano_usd", 0)) for call in world.calls()) / 10**9
        self.assertEqual(costs["total_usd"], recount)
        self.assertGreater(costs["total_usd"], 0)
        self.assertEqual((costs["tenant_id"], costs["currency"], costs["requests"]), ("acme", "USD", 8))
        self.assertEqual((costs["today_usd"], costs["month_usd"]), (recount, recount))
        self.assertEqual(set(costs["by_caller"]), {"customer-acme-app1", "customer-acme-app2"})
        self.assertEqual(costs["by_caller"]["customer-acme-app2"]["requests"], 2)
        self.assertEqual(costs["by_model"][MODEL]["cost_usd"] - Decimal("0.00045") - Decimal(7 * 150 + 3 * 600) / 10**9,
                         Decimal(21 * 150 + 30 * 600) / 10**9, "the stream's share")
        self.assertEqual(costs["by_model"]["a-model-without-price"]["cost_usd"], 0)
        self.assertEqual(costs_of(self.read(world, "/v1/costs?tenant=acme", key=ADMIN)), costs)
        theirs = exact(self.read(world, "/v1/costs", key=GLOBEX))
        self.check_sums(theirs)
        self.assertEqual((theirs["requests"], theirs["total_usd"]), (1, Decimal(5 * 150 + 5 * 600) / 10**9))

    def test_from_and_to_choose_days(self):
        world = self.world(callers=TWO_OF_ACME)
        self.spend(world)
        whole = exact(self.read(world, "/v1/costs"))
        today = datetime.date.fromisoformat(whole["by_day"][0]["day"])
        yesterday, tomorrow = today - datetime.timedelta(days=1), today + datetime.timedelta(days=1)
        for query in (f"from={today}", f"to={tomorrow}", f"from={yesterday}&to={tomorrow}"):
            with self.subTest(query):
                costs = exact(self.read(world, "/v1/costs?" + query))
                self.check_sums(costs)
                self.assertEqual((costs["total_usd"], costs["requests"]), (whole["total_usd"], whole["requests"]))
        for query in (f"to={yesterday}", f"from={tomorrow}", "from=2020-01-01&to=2020-12-31"):
            with self.subTest(query):
                costs = exact(self.read(world, "/v1/costs?" + query))
                self.check_sums(costs)
                self.assertEqual((costs["total_usd"], costs["requests"], costs["by_day"]), (0, 0, []))
                self.assertEqual(costs["today_usd"], whole["today_usd"], "today is today whatever was asked")

    def test_a_tenant_that_never_called_costs_nothing(self):
        world = self.world()
        costs = exact(self.read(world, "/v1/costs"))
        self.assertEqual((costs["total_usd"], costs["requests"], costs["by_day"], costs["by_model"]), (0, 0, [], {}))


class Models(ReadCase):
    def test_the_list_is_the_price_tables_for_the_providers_that_are_on(self):
        world = self.world(config=WITH_STATIC)
        body = self.read(world, "/v1/models").json()
        ids = [model["id"] for model in body["data"]]
        self.assertEqual(body["object"], "list")
        self.assertIn(MODEL, ids)
        self.assertEqual(len(ids), len(set(ids)))
        self.assertEqual({model["owned_by"] for model in body["data"]}, {"openai"})
        self.assertEqual({model["object"] for model in body["data"]}, {"model"})
        self.assertNotIn(b"sim-account", self.read(world, "/v1/models").body, "never the account's own list")
        self.assertEqual(self.read(world, "/v1/models", key=STATIC).json(), body)
        self.assertEqual(world.simulator.count(), 0)

    def test_without_a_provider_the_list_is_empty(self):
        world = self.world(environment={"OPENAI_API_KEY": None})
        self.assertEqual(self.read(world, "/v1/models").json(), {"object": "list", "data": []})

    def test_a_tag_is_held_against_the_key_as_on_every_data_route(self):
        world = self.world(config=WITH_STATIC)
        self.read(world, "/v1/models", headers=[("X-Talon-Tenant-Id", "acme")])
        self.read(world, "/v1/models", key=STATIC, headers=[("X-Talon-Tenant-Id", "globex")])
        self.refused(world.fetch("GET", "/v1/models", headers=[("X-Talon-Tenant-Id", "globex")]), 403, "tenant_mismatch")
        self.refused(world.fetch("GET", "/v1/models", headers=[("X-Talon-Tenant-Id", "%ff")]), 400, "invalid_tenant_id")


class TwoCallersOfOneTenant(ReadCase):
    def test_they_share_the_totals_and_keep_their_own_caps_and_rows(self):
        world = self.world(callers=TWO_OF_ACME[:2] + ({**TWO_OF_ACME[2], "policy_overrides": {"max_daily_cost": 0.003}},))
        first = [world.chat(sim="usage=100,10") for _ in range(3)]
        second = [world.chat(sim="usage=1000,4000", key=SECOND, max_tokens=4500) for _ in range(3)]
        self.assertEqual([response.status for response in first], [200] * 3)
        self.assertEqual([response.status for response in second], [200, 402, 402], "the cap is this caller's")
        self.assertEqual(world.chat(sim="usage=100,10").status, 200, "and only this caller's")
        self.assertIn("customer-acme-app2", second[1].json()["error"]["message"])
        costs = costs_of(self.read(world, "/v1/costs"))
        self.assertEqual(costs_of(self.read(world, "/v1/costs", key=SECOND)), costs, "both see the tenant")
        rows = {name: (cell["cost_usd"], cell["requests"]) for name, cell in costs["by_caller"].items()}
        one = Decimal(100 * 150 + 10 * 600) / 10**9
        self.assertEqual(rows, {"customer-acme-app1": (4 * one, 4), "customer-acme-app2": (Decimal("0.00255"), 1)})
        self.assertEqual(costs["total_usd"], 4 * one + Decimal("0.00255"))
        shown = world.tenant()
        self.assertEqual((shown["session_count"], shown["request_count"]), (5, 5))
        ids = {record["id"] for record in self.read(world, "/v1/evidence").json()["records"]}
        self.assertTrue({response.evidence_id for response in first + second} <= ids | {second[2].evidence_id})


class TheCommandLineSaysTheSame(ReadCase):
    def agree(self, world, id, over_http):
        self.assertEqual(world.cli("audit", "list", "--tenant", "acme", "--json", check=0).stdout.rstrip(b"\n"), over_http["list"])
        self.assertEqual(world.cli("audit", "list", "--tenant", "acme", "--json", "--limit", "2", "--reverse", "--outcome", "allowed",
                                   check=0).stdout.rstrip(b"\n"), over_http["two"])
        self.assertEqual(world.cli("audit", "show", id, "--json", check=0).stdout.rstrip(b"\n"), over_http["show"])
        self.assertEqual(world.cli("audit", "checkpoint", "--tenant", "acme", check=0).stdout, over_http["checkpoint"])

    def test_lists_and_records_are_the_same_bytes_while_serve_runs_and_after(self):
        world = self.world()
        ids = [world.chat().evidence_id for _ in range(4)]
        world.chat(sim="status=500")
        over_http = {
            "list": self.read(world, "/v1/evidence").body, "two": self.read(world, "/v1/evidence?limit=2&order=asc&outcome=allowed").body,
            "show": self.read(world, f"/v1/evidence/{ids[1]}").body, "checkpoint": self.read(world, "/v1/evidence/checkpoint").body,
        }
        self.agree(world, ids[1], over_http)
        shown, costs = world.tenant(), self.read(world, "/v1/costs").json()
        self.assertEqual((shown["total_cost_usd"], shown["spend_today_usd"], shown["spend_month_usd"], shown["request_count"]),
                         (costs["total_usd"], costs["today_usd"], costs["month_usd"], costs["requests"]))
        self.assertEqual((shown["first_seen"], shown["last_seen"]), (costs["from"], json.loads(
            world.cli("tenant", "list", "--json", check=0).stdout)["tenants"][0]["last_seen"]))
        world.stop()
        self.agree(world, ids[1], over_http)
        self.assertEqual(world.tenant(), shown)

    def test_batched_reads_see_every_call_whose_response_has_ended(self):
        world = self.world(durability="batched")
        with world.connect() as caller, world.connect() as reader:
            for turn in range(1, 31):
                id = caller.exchange(request("POST", "/v1/chat/completions", chat_body(), key=ACME)).evidence_id
                response = reader.exchange(request("GET", f"/v1/evidence/{id}", key=ACME))
                self.assertEqual(response.status, 200, response)
                self.assertEqual(reader.exchange(request("GET", "/v1/costs", key=ACME)).json()["requests"], turn)
                newest = reader.exchange(request("GET", "/v1/evidence?limit=1", key=ACME)).json()["records"][0]
                self.assertEqual(newest["id"], id)
                if turn % 6 == 0:
                    self.assertEqual(json.loads(world.cli("audit", "show", id, "--json", check=0).stdout)["record"]["id"], id)
                    id = caller.exchange(request("POST", "/v1/chat/completions", chat_body(), key=GLOBEX)).evidence_id
                    self.assertEqual(world.calls("globex")[-1]["id"], id)
                    self.assertEqual(world.tenant("globex")["request_count"], turn // 6)


if __name__ == "__main__":
    unittest.main()
