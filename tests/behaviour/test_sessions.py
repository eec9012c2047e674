"""Sessions and tags: id spaces, the first tag wins, what came before follows, and it can be proven (acceptance V1–V7, V11–V13)."""

import json
import subprocess
import sys
import unittest
from collections import Counter
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import ACME, ADMIN, GLOBEX, TREE, WorldCase, chat_body, in_threads, request, wait_until  # noqa: E402

SHARED = "talon-gw-shared-key-0123456789"
CONFIG = {"auth": {"api_keys": [{"name": "shared", "key": SHARED}]}}


class Sessions(WorldCase):
    def shared_world(self, **more):
        return self.world(CONFIG, **more)

    def call(self, world, session=None, tag=None, key=SHARED, text="hello", **members):
        headers = [("X-Talon-Session-Id", session)] if session else []
        if tag:
            headers.append(("X-Talon-Tenant-Id", tag))
        response = world.chat(text, key=key, headers=headers, **members)
        return response

    def ok(self, world, *arguments, **more):
        response = self.call(world, *arguments, **more)
        self.assertEqual(response.status, 200, response)
        return response

    def bucket(self, world):
        listed = json.loads(world.cli("tenant", "list", "--json", check=0).stdout, parse_float=Decimal)
        return listed["unattributed"], {row["tenant_id"]: row for row in listed["tenants"]}

    def session(self, world, name, tenant=None, key=ADMIN):
        query = "" if tenant is None else f"?tenant={tenant}"
        return world.fetch("GET", f"/v1/sessions/{name}{query}", key=key)

    def log_records(self, world, *selector):
        done = world.cli("audit", "export", *selector, "--format", "ndjson", check=0)
        return [json.loads(line) for line in done.stdout.splitlines()]

    # --- create and read ---------------------------------------------------------------------------------------------

    def test_a_session_is_created_found_and_counted(self):
        world = self.shared_world()
        made = world.fetch("POST", "/v1/sessions", {"session_id": "call-1", "project": "web", "modality": "stt"}, key=ACME)
        self.assertEqual(made.status, 201, made)
        session = made.json()
        self.assertEqual((session["session_id"], session["tenant_id"], session["project"], session["modalities"]),
                         ("call-1", "acme", "web", ["stt"]))
        self.assertEqual((session["ended_at"], session["total_cost_usd"], session["request_count"]), (None, 0, 0))
        self.assertRegex(session["uid"], r"^ses_[0-7][0-9A-HJKMNP-TV-Z]{25}$")
        self.assertRegex(session["started_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(world.tenant("acme")["session_count"], 1)

        again = world.fetch("POST", "/v1/sessions", {"session_id": "call-1", "project": "other"}, key=ACME)
        self.assertEqual((again.status, again.json()), (200, session))

        response = self.ok(world, "call-1", key=ACME)
        self.ok(world, session["uid"], key=ACME)
        self.assertEqual(response.header("X-Talon-Session-Id"), "call-1")
        shown = self.session(world, session["uid"], key=ACME).json()
        self.assertEqual((shown["session_id"], shown["request_count"], shown["modalities"]), ("call-1", 2, ["llm", "stt"]))
        self.assertEqual(shown, self.session(world, "call-1", key=ACME).json())
        records = [record for record in world.calls() if record["session"] == "call-1"]
        logged = world.fetch("GET", "/api/logs?tenant=acme&project=web", key=ADMIN).json()
        self.assertEqual([call["session_id"] for call in logged], ["call-1", "call-1"])
        self.assertEqual(Decimal(str(shown["total_cost_usd"])) * 10**9, sum(record["cost"]["nano_usd"] for record in records))
        self.assertEqual(world.tenant("acme")["session_count"], 1)
        created = [record for record in world.records() if record["kind"] == "operator"]
        self.assertEqual([(record["action"], record["target"]) for record in created], [("session.create", "call-1")])

        own = world.fetch("POST", "/v1/sessions", b"", key=ACME)
        self.assertEqual(own.status, 201, own)
        self.assertRegex(own.json()["session_id"], r"^ses_[0-7][0-9A-HJKMNP-TV-Z]{25}$")
        self.assertEqual(self.session(world, own.json()["session_id"], key=ACME).json(), own.json())
        world.restart()
        self.assertEqual(self.session(world, "call-1", key=ACME).json(), shown)
        world.verify()

    def test_a_call_without_a_session_is_one_of_its_own(self):
        world = self.shared_world()
        response = self.ok(world, key=ACME)
        self.ok(world, key=ACME)
        self.assertEqual(world.tenant("acme")["session_count"], 2)
        shown = self.session(world, response.header("X-Talon-Session-Id"), key=ACME)
        self.assertEqual((shown.status, shown.json()["request_count"], shown.json()["tenant_id"]), (200, 1, "acme"))
        self.assertEqual(self.session(world, response.header("X-Talon-Session-Id"), key=GLOBEX).status, 404)

    def test_sessions_are_listed_newest_first_page_by_page(self):
        world = self.shared_world()
        for number in range(5):
            self.ok(world, f"s{number}", key=ACME)
            self.ok(world, key=ACME)
            self.ok(world, f"g{number}", key=GLOBEX)
        seen, cursor = [], ""
        for _ in range(20):
            page = world.fetch("GET", f"/v1/sessions?limit=3{cursor}", key=ACME).json()
            seen += page["sessions"]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        self.assertEqual(len(seen), 10)
        self.assertEqual(len({session["uid"] for session in seen}), 10)
        self.assertEqual([session["started_at"] for session in seen], sorted((s["started_at"] for s in seen), reverse=True))
        self.assertEqual({session["tenant_id"] for session in seen}, {"acme"})
        self.assertEqual(sum(Decimal(str(session["total_cost_usd"])) for session in seen),
                         Decimal(str(world.tenant("acme")["total_cost_usd"])))
        everything = world.fetch("GET", "/v1/sessions?limit=1000", key=ADMIN).json()["sessions"]
        self.assertEqual(len(everything), 15)
        self.assertEqual(world.fetch("GET", "/v1/sessions?tenant=", key=ADMIN).json()["sessions"], [])
        for bad in ("limit=0", "limit=x", "limit=1001", "cursor=zzz", "cursor=", "nonsense=1"):
            self.assertEqual(world.fetch("GET", f"/v1/sessions?{bad}", key=ACME).status, 400, bad)
        self.assertEqual(world.fetch("GET", "/v1/sessions", key=SHARED).code, "wrong_key_kind")
        self.assertEqual(world.fetch("POST", "/v1/sessions", {}, key=ADMIN).code, "wrong_key_kind")

    def test_what_is_no_session_is_refused_with_the_member(self):
        world = self.shared_world()
        for body, code in (({"session_id": "x" * 129}, None), ({"tenant_id": "x" * 129}, "invalid_tenant_id"),
                           ({"sessionid": "x"}, "invalid_request"), ({"modality": "video"}, "invalid_request"),
                           ({"session_id": 5}, "invalid_request"), (b"[]", "invalid_request"), (b"{", "invalid_json")):
            response = world.fetch("POST", "/v1/sessions", body, key=SHARED)
            self.assertEqual(response.status, 400, (body, response))
            if code:
                self.assertEqual(response.code, code, body)
        other = world.fetch("POST", "/v1/sessions", {"tenant_id": "globex"}, key=ACME)
        self.assertEqual((other.status, other.code), (403, "tenant_mismatch"))
        self.assertEqual(self.bucket(world)[0]["session_count"], 0)

    # --- spaces ------------------------------------------------------------------------------------------------------

    def test_the_same_id_in_two_spaces_is_two_sessions(self):
        world = self.shared_world()
        self.ok(world, "call-1", key=ACME)
        self.ok(world, "call-1", key=GLOBEX)
        self.ok(world, "call-1", tag="globex")
        self.ok(world, "call-1", key=GLOBEX)
        self.assertEqual(self.session(world, "call-1", key=ACME).json()["request_count"], 1)
        self.assertEqual(self.session(world, "call-1", key=GLOBEX).json()["request_count"], 2)
        self.assertEqual(world.tenant("globex")["session_count"], 2)
        ambiguous = self.session(world, "call-1")
        self.assertEqual((ambiguous.status, ambiguous.code), (409, "ambiguous_session"))
        self.assertEqual(self.session(world, "call-1", tenant="globex").status, 409)
        self.assertEqual(self.session(world, "call-1", tenant="acme").status, 200)
        world.verify()

    def test_a_tenants_key_joins_an_operators_session_that_is_its_tenants(self):
        world = self.shared_world()
        self.ok(world, "call-1", tag="acme")
        self.ok(world, "call-1", key=ACME)
        self.assertEqual(self.session(world, "call-1").json()["request_count"], 2)
        self.ok(world, "call-1", key=GLOBEX)
        self.assertEqual(self.session(world, "call-1", tenant="acme").json()["request_count"], 2)
        world.verify()

    def test_anothers_session_is_as_one_that_never_was(self):
        world = self.shared_world()
        self.ok(world, "secret", key=ACME)
        uid = self.session(world, "secret", key=ACME).json()["uid"]
        for name in ("secret", uid):
            theirs = self.session(world, name, key=GLOBEX).json()["error"]
            never = self.session(world, "never-was", key=GLOBEX).json()["error"]
            theirs.pop("request_id"), never.pop("request_id")
            self.assertEqual(theirs, never)
        self.ok(world, uid, key=GLOBEX)
        self.assertEqual(self.session(world, "secret", key=ACME).json()["request_count"], 1, "it opened one of its own")

    def test_a_scoped_key_that_names_another_tenant_is_refused_naming_both(self):
        world = self.shared_world()
        for headers, members in (([("X-Talon-Tenant-Id", "globex")], {}), ([], {"tenant_id": "globex"})):
            response = world.chat(key=ACME, headers=headers, **members)
            self.assertEqual((response.status, response.code), (403, "tenant_mismatch"), response)
            self.assertIn("acme", response.json()["error"]["message"])
            self.assertIn("globex", response.json()["error"]["message"])
        self.assertEqual(world.simulator.count(), 0)

    # --- first tag wins ----------------------------------------------------------------------------------------------

    def test_the_first_tag_wins_and_earlier_calls_follow(self):
        world = self.shared_world()
        for _ in range(3):
            self.ok(world, "call-1")
        self.ok(world)
        before, _ = self.bucket(world)
        self.assertEqual(before["session_count"], 2)
        tagged = self.ok(world, "call-1", tag="acme")
        later = self.ok(world, "call-1")
        other = self.ok(world, "call-1", tag="globex")
        for response in (tagged, later, other):
            self.assertEqual(response.header("X-Talon-Tenant-Id"), "acme")
        rest, tenants = self.bucket(world)
        self.assertEqual(rest["session_count"], 1)
        self.assertNotIn("globex", tenants)
        shown = world.tenant("acme")
        self.assertEqual((shown["session_count"], shown["request_count"]), (1, 6))
        attributions = [world.call_of(response)["attribution"] for response in (tagged, later, other)]
        self.assertEqual(attributions, ["call", "session", "session"])

        gained = [record for record in world.records("acme") if record["kind"] == "attribution"]
        lost = [record for record in self.log_records(world, "--unattributed") if record["kind"] == "attribution"]
        self.assertEqual([record["event"] for record in gained + lost], ["attributed", "released"])
        self.assertEqual(gained[0]["calls"], lost[0]["calls"])
        self.assertEqual(len(gained[0]["calls"]), 3)
        self.assertEqual(gained[0]["nano_usd"], sum(call["nano_usd"] for call in gained[0]["calls"]))
        self.assertEqual(gained[0]["session"], "call-1")
        self.check_recounts(world, "acme")
        world.restart()
        self.assertEqual(self.ok(world, "call-1", tag="globex").header("X-Talon-Tenant-Id"), "acme")
        self.check_recounts(world, "acme")
        world.verify()

    def check_recounts(self, world, tenant):
        """The ledger of both logs is a recount of what auditors get."""
        def recount(records):
            sums = Counter()
            for record in records:
                sums["nano"] += record.get("cost", {}).get("nano_usd", 0)
                if record["kind"] == "attribution":
                    sums["nano"] += record["nano_usd"] * (1 if record["event"] == "attributed" else -1)
            return Decimal(sums["nano"])

        rest, tenants = self.bucket(world)
        self.assertEqual(recount(world.records(tenant)), Decimal(str(tenants[tenant]["total_cost_usd"])) * 10**9)
        self.assertEqual(recount(self.log_records(world, "--unattributed")), Decimal(str(rest["total_cost_usd"])) * 10**9)

    def test_a_create_with_a_tag_fills_a_session_that_has_none(self):
        world = self.shared_world()
        made = world.fetch("POST", "/v1/sessions", {"session_id": "call-1"}, key=SHARED)
        self.assertEqual((made.status, made.json()["tenant_id"]), (201, None))
        self.ok(world, "call-1")
        filled = world.fetch("POST", "/v1/sessions", {"session_id": "call-1", "tenant_id": "acme"}, key=SHARED)
        self.assertEqual((filled.status, filled.json()["tenant_id"]), (200, "acme"))
        kept = world.fetch("POST", "/v1/sessions", {"session_id": "call-1", "tenant_id": "globex"}, key=SHARED)
        self.assertEqual((kept.status, kept.json()["tenant_id"]), (200, "acme"))
        self.assertEqual(self.bucket(world)[0]["session_count"], 0)
        self.assertEqual(world.tenant("acme")["request_count"], 1)
        self.check_recounts(world, "acme")
        world.verify()

    def test_a_call_under_way_without_a_tenant_counts_for_the_winner(self):
        world = self.shared_world()
        import threading
        done = []
        thread = threading.Thread(target=lambda: done.append(world.chat(key=SHARED, headers=[("X-Talon-Session-Id", "call-1")], sim="hold")))
        thread.start()
        world.simulator.wait_held(1, 30)
        self.ok(world, "call-1", tag="acme")
        world.simulator.release(forever=True)
        thread.join(60)
        self.assertEqual(done[0].status, 200)
        self.assertIsNone(done[0].header("X-Talon-Tenant-Id"))
        self.assertEqual(world.tenant("acme")["request_count"], 2)
        self.assertEqual(self.bucket(world)[0]["session_count"], 0)
        self.check_recounts(world, "acme")
        world.verify()

    def test_a_thousand_parallel_first_tags_have_one_winner(self):
        world = self.shared_world(durability="batched")
        for _ in range(5):
            self.ok(world, "race")
        tenants = [f"t{number}" for number in range(20)]

        def work(index):
            winners = Counter()
            with world.connect(timeout=120) as connection:
                for turn in range(50):
                    tag = tenants[(index + turn) % len(tenants)]
                    response = connection.exchange(request("POST", "/v1/chat/completions", chat_body("x"), key=SHARED, headers=[
                        ("X-Talon-Session-Id", "race"), ("X-Talon-Tenant-Id", tag)]))
                    self.assertEqual(response.status, 200, response)
                    winners[response.header("X-Talon-Tenant-Id")] += 1
            return winners

        winners = sum(in_threads(20, work), Counter())
        self.assertEqual(len(winners), 1, winners)
        winner = next(iter(winners))
        self.assertEqual(world.tenant(winner)["request_count"], 1005)
        rest, known = self.bucket(world)
        self.assertEqual((rest["session_count"], set(known)), (0, {winner}))
        self.check_recounts(world, winner)
        world.restart()
        self.assertEqual(self.ok(world, "race", tag="late").header("X-Talon-Tenant-Id"), winner)
        world.verify()

    def test_the_claim_survives_kill_9(self):
        world = self.shared_world()
        import threading
        self.ok(world, "call-1")
        threading.Thread(target=lambda: self.swallow(world), daemon=True).start()
        world.simulator.wait_held(1, 30)
        world.kill()
        world.simulator.release(forever=True)
        world.start()
        self.assertEqual(self.session(world, "call-1").json()["tenant_id"], "acme", "its intent was durable")
        self.assertEqual(self.ok(world, "call-1", tag="globex").header("X-Talon-Tenant-Id"), "acme")
        self.assertEqual(world.tenant("acme")["request_count"], 3)
        self.check_recounts(world, "acme")
        world.verify()

    def swallow(self, world):
        try:
            world.chat(key=SHARED, headers=[("X-Talon-Session-Id", "call-1"), ("X-Talon-Tenant-Id", "acme")], sim="hold")
        except Exception:  # noqa: BLE001  (the server is killed under it)
            pass

    def test_bundles_with_attributions_verify_everywhere(self):
        world = self.shared_world()
        for _ in range(3):
            self.ok(world, "call-1")
        self.ok(world, "call-1", tag="acme")
        public = world.data_dir / "vault.pub"
        for name, selector in (("acme", ("--tenant", "acme")), ("rest", ("--unattributed",))):
            bundle = world.folder / f"{name}.talon"
            world.cli("audit", "export", *selector, "--output", bundle, check=0)
            verified = world.cli("audit", "verify", bundle, "--key", public, check=0)
            self.assertEqual(verified.exit, 0)
            script = subprocess.run([sys.executable, str(Path(TREE) / "examples/auditor/verify.py"), str(bundle), "--key", str(public)],
                                    capture_output=True, timeout=120)
            self.assertEqual(script.returncode, 0, script)

    # --- a call's own session, named later ---------------------------------------------------------------------------

    def listed(self, world, key, query=""):
        return world.fetch("GET", f"/v1/sessions?limit=1000{query}", key=key).json()["sessions"]

    def check_one(self, world, own, requests, tenant, key=ADMIN):
        """`own` is one session, by list, by id and in the sums."""
        shown = self.session(world, own, key=key)
        self.assertEqual(shown.status, 200, shown)
        shown = shown.json()
        self.assertEqual((shown["session_id"], shown["uid"], shown["request_count"], shown["tenant_id"]),
                         (own, own, requests, tenant))
        rows = [session for session in self.listed(world, ADMIN) if session["session_id"] == own or session["uid"] == own]
        self.assertEqual(rows, [shown])
        calls = [call for call in world.fetch("GET", "/api/logs?limit=1000", key=ADMIN).json() if call["session_id"] == own]
        self.assertEqual([call["tenant_id"] for call in calls], [tenant] * requests)
        self.assertEqual(sum(Decimal(str(call["cost_usd"])) for call in calls), Decimal(str(shown["total_cost_usd"])))
        return shown

    def test_a_call_that_names_the_session_it_was_answered_with_belongs_to_it(self):
        world = self.shared_world()
        first = self.ok(world, key=ACME)
        own = first.header("X-Talon-Session-Id")
        alone = self.check_one(world, own, 1, "acme")
        for requests in (2, 3):
            self.assertEqual(self.ok(world, own, key=ACME).header("X-Talon-Session-Id"), own)
            shown = self.check_one(world, own, requests, "acme", key=ACME)
            self.assertEqual(shown["started_at"], alone["started_at"])
        self.assertEqual(world.tenant("acme")["session_count"], 1)
        self.assertEqual(world.tenant("acme")["request_count"], 3)
        self.assertEqual(len(self.listed(world, ACME)), 1)
        world.verify()
        world.kill()
        world.start()
        self.check_one(world, own, 3, "acme")
        self.ok(world, own, key=ACME)
        self.check_one(world, own, 4, "acme")
        world.verify()

    def test_a_later_tag_of_a_calls_own_session_takes_the_call_along(self):
        world = self.shared_world()
        first = self.ok(world)
        own = first.header("X-Talon-Session-Id")
        other = self.ok(world)
        tagged = self.ok(world, own, tag="acme")
        later = self.ok(world, own)
        self.assertEqual([r.header("X-Talon-Tenant-Id") for r in (tagged, later)], ["acme", "acme"])
        self.check_one(world, own, 3, "acme")
        rest, tenants = self.bucket(world)
        self.assertEqual((rest["session_count"], tenants["acme"]["session_count"]), (1, 1))
        gained = [record for record in world.records("acme") if record["kind"] == "attribution"]
        lost = [record for record in self.log_records(world, "--unattributed") if record["kind"] == "attribution"]
        self.assertEqual([record["event"] for record in gained + lost], ["attributed", "released"])
        self.assertEqual([call["id"] for call in gained[0]["calls"]], [first.header("X-Talon-Evidence-Id")])
        self.assertEqual(gained[0]["calls"], lost[0]["calls"])
        self.check_recounts(world, "acme")
        self.assertEqual(len(self.listed(world, ADMIN, "&tenant=")), 1)
        self.check_one(world, other.header("X-Talon-Session-Id"), 1, None)
        public = world.data_dir / "vault.pub"
        for name, selector in (("acme", ("--tenant", "acme")), ("rest", ("--unattributed",))):
            bundle = world.folder / f"{name}.talon"
            world.cli("audit", "export", *selector, "--output", bundle, check=0)
            world.cli("audit", "verify", bundle, "--key", public, check=0)
            script = subprocess.run([sys.executable, str(Path(TREE) / "examples/auditor/verify.py"), str(bundle), "--key", str(public)],
                                    capture_output=True, timeout=120)
            self.assertEqual(script.returncode, 0, script)
        world.restart()
        self.assertEqual(self.ok(world, own, tag="globex").header("X-Talon-Tenant-Id"), "acme")
        self.check_recounts(world, "acme")
        world.verify()

    def test_an_untagged_calls_own_session_stays_nobodys_until_it_is_tagged(self):
        world = self.shared_world()
        own = self.ok(world).header("X-Talon-Session-Id")
        self.ok(world, own)
        self.check_one(world, own, 2, None)
        self.assertEqual(self.bucket(world)[0]["session_count"], 1)
        world.restart()
        self.ok(world, own, tag="acme")
        self.check_one(world, own, 3, "acme")
        self.check_recounts(world, "acme")
        world.verify()

    def test_a_tagged_calls_own_session_is_its_tenants(self):
        world = self.shared_world()
        own = self.ok(world, tag="acme").header("X-Talon-Session-Id")
        self.assertEqual(self.ok(world, own).header("X-Talon-Tenant-Id"), "acme")
        self.assertEqual(self.ok(world, own, tag="globex").header("X-Talon-Tenant-Id"), "acme")
        self.ok(world, own, key=ACME)
        self.check_one(world, own, 4, "acme")
        self.assertEqual(world.tenant("acme")["session_count"], 1)
        self.ok(world, own, key=GLOBEX)
        self.assertEqual(self.session(world, own, tenant="acme").json()["request_count"], 4)
        self.assertEqual(self.session(world, own).json()["request_count"], 4, "the uid is this one's")
        theirs = self.session(world, own, key=GLOBEX).json()
        self.assertEqual((theirs["request_count"], theirs["tenant_id"]), (1, "globex"))
        self.assertNotEqual(theirs["uid"], own)
        world.verify()

    def test_anothers_call_is_not_taken_in(self):
        world = self.shared_world()
        own = self.ok(world, key=ACME).header("X-Talon-Session-Id")
        loose = self.ok(world).header("X-Talon-Session-Id")
        for name in (own, loose):
            made = world.fetch("POST", "/v1/sessions", {"session_id": name}, key=GLOBEX)
            self.assertEqual((made.status, made.json()["request_count"]), (201, 0), made)
            self.ok(world, name, key=GLOBEX)
            self.assertEqual(self.session(world, name, key=GLOBEX).json()["request_count"], 1)
        shown = self.session(world, own)
        self.assertEqual((shown.status, shown.json()["tenant_id"], shown.json()["request_count"]), (200, "acme", 1))
        self.ok(world, own, key=ACME)
        shown = self.session(world, own).json()
        self.assertEqual((shown["uid"], shown["tenant_id"], shown["request_count"]), (own, "acme", 2))
        self.assertEqual(world.tenant("globex")["session_count"], 2)
        world.verify()

    def test_a_create_that_names_a_calls_own_session_answers_it(self):
        world = self.shared_world()
        own = self.ok(world).header("X-Talon-Session-Id")
        same = world.fetch("POST", "/v1/sessions", {"session_id": own}, key=SHARED)
        self.assertEqual((same.status, same.json()["uid"], same.json()["request_count"]), (200, own, 1), same)
        filled = world.fetch("POST", "/v1/sessions", {"session_id": own, "tenant_id": "acme"}, key=SHARED)
        self.assertEqual((filled.status, filled.json()["tenant_id"], filled.json()["uid"]), (200, "acme", own), filled)
        self.check_one(world, own, 1, "acme")
        self.assertEqual(self.bucket(world)[0]["session_count"], 0)
        self.check_recounts(world, "acme")
        world.verify()

    def held_call(self, world, **more):
        """A call without a session that waits for its provider: its thread, and where its answer will be."""
        import threading
        done = []

        def work():
            try:
                done.append(self.call(world, sim="hold", **more))
            except Exception as error:  # noqa: BLE001  (the server may be killed under it)
                done.append(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        world.simulator.wait_held(1, 30)
        return thread, done

    def own_of(self, world):
        """The session of the one call under way, which a stream's head would tell: its intent is all there is of it."""
        import re
        data = b"".join(path.read_bytes() for path in (world.data_dir).rglob("data.mdb"))
        names = set(re.findall(rb"ses_[0-7][0-9A-HJKMNP-TV-Z]{25}", data))
        self.assertEqual(len(names), 1, names)
        return names.pop().decode()

    def test_a_session_that_is_named_while_its_call_is_under_way_is_one(self):
        for durability in ("strict", "batched"):
            tags = ((None, None), (None, "acme"), ("acme", None), ("acme", "globex"))
            for tag, later in tags if durability == "strict" else tags[1:2]:
                for crash in (False, True):
                    with self.subTest(durability=durability, tag=tag, later=later, crash=crash):
                        self.under_way(durability, tag, later, crash)

    def under_way(self, durability, tag, later, crash):
        world = self.shared_world(durability=durability)
        thread, done = self.held_call(world, tag=tag)
        wait_until(lambda: b"ses_" in b"".join(path.read_bytes() for path in world.data_dir.rglob("data.mdb")), 30)
        own = self.own_of(world)
        second = self.ok(world, own, tag=later)
        tenant = tag or later
        self.assertEqual((second.header("X-Talon-Session-Id"), second.header("X-Talon-Tenant-Id")), (own, tenant))
        early = self.session(world, own).json()
        self.assertEqual((early["uid"], early["request_count"]), (own, 1))
        if crash:
            world.kill()
            world.simulator.release(forever=True)
            thread.join(60)
            world.start()
        else:
            world.simulator.release(forever=True)
            thread.join(60)
            self.assertNotIsInstance(done[0], Exception)
            self.assertEqual((done[0].status, done[0].header("X-Talon-Session-Id")), (200, own))
        self.check_one(world, own, 2, tenant)
        rest, tenants = self.bucket(world)
        self.assertEqual((rest["session_count"], sum(row["session_count"] for row in tenants.values())),
                         (0, 1) if tenant else (1, 0))
        if tenant:
            self.check_recounts(world, tenant)
        self.ok(world, own)
        self.check_one(world, own, 3, tenant)
        world.verify()
        world.stop()

    def test_a_calls_own_session_and_its_calls_join_in_an_export(self):
        import sqlite3
        world = self.shared_world()
        own = self.ok(world).header("X-Talon-Session-Id")
        self.ok(world)
        self.ok(world, own, tag="acme")
        file = world.folder / "out.sqlite"
        world.cli("audit", "export", "--all", "--format", "sqlite", "--output", file, check=0)
        database = sqlite3.connect(file)
        rows = database.execute("SELECT s.id, s.uid, s.tenant_id, s.request_count, count(*), s.total_cost_nano_usd, sum(r.cost_nano_usd), "
                                "count(DISTINCT r.tenant_id) FROM sessions s JOIN requests r ON r.session_id = s.id GROUP BY s.uid").fetchall()
        database.close()
        self.assertEqual(len(rows), 2)
        for row in rows:
            self.assertEqual((row[3], row[5]), (row[4], row[6]), row)
        self.assertEqual([row[1:5] for row in rows if row[0] == own], [(own, "acme", 2, 2)])

    def test_a_uid_is_looked_up_before_ids(self):
        world = self.shared_world()
        self.ok(world, "call-1", key=ACME)
        uid = self.session(world, "call-1", key=ACME).json()["uid"]
        self.ok(world, uid, key=GLOBEX)
        shown = self.session(world, uid).json()
        self.assertEqual((shown["session_id"], shown["tenant_id"]), ("call-1", "acme"))
        for tenant, name in (("acme", "call-1"), ("globex", uid)):
            self.assertEqual(self.session(world, uid, tenant=tenant).json()["session_id"], name)
            self.assertEqual(world.fetch("GET", f"/api/sessions/{uid}?tenant={tenant}", key=ADMIN).json()["id"], name)
        self.assertEqual(world.fetch("GET", f"/api/sessions/{uid}", key=ADMIN).json()["id"], "call-1")

    def test_an_id_in_both_spaces_of_a_tenant_is_answered_with_the_uids(self):
        world = self.shared_world()
        self.ok(world, "call-1", key=GLOBEX)
        self.ok(world, "call-1", tag="globex")
        uids = {session["uid"] for session in self.listed(world, GLOBEX)}
        self.assertEqual(len(uids), 2)
        for path in ("/api/sessions/call-1?tenant=globex", "/v1/sessions/call-1?tenant=globex", "/api/sessions/call-1"):
            refused = world.fetch("GET", path, key=ADMIN)
            self.assertEqual((refused.status, refused.code), (409, "ambiguous_session"))
            message = refused.json()["error"]["message"]
            for uid in uids:
                self.assertIn(uid, message)
            self.assertNotIn("?tenant=", message)

    # --- tags --------------------------------------------------------------------------------------------------------

    def test_the_unattributed_bucket_is_not_a_tenant_of_that_name(self):
        world = self.shared_world()
        self.ok(world, tag="unattributed")
        self.ok(world)
        rest, tenants = self.bucket(world)
        self.assertEqual((rest["session_count"], tenants["unattributed"]["session_count"]), (1, 1))

    def test_the_body_tag_is_as_good_as_the_header_and_never_forwarded(self):
        world = self.shared_world()
        response = self.ok(world, "call-1", tenant_id="acme")
        self.assertEqual(response.header("X-Talon-Tenant-Id"), "acme")
        self.assertNotIn(b"tenant_id", world.simulator.last().body)
        self.assertEqual(self.call(world, tenant_id="x" * 129).code, "invalid_tenant_id")


if __name__ == "__main__":
    unittest.main()
