"""What heads say: ids, cost, retries; and the tags that a call may carry: tenant and session (interfaces.md §3 and §4;
acceptance V2, V4, V5, V7, V11, V13)."""

import json
import sys
import unittest
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote, unquote

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import ACME, ADMIN, CALLERS, GLOBEX, MODEL, WorldCase, chat_body, request  # noqa: E402

STATIC = "static-key-of-ops-0123456789abcdef"
WITH_STATIC = {"auth": {"api_keys": [{"name": "ops", "key": STATIC}]}}
CHAT = "/v1/chat/completions"
ODD = ("ACME GmbH & Söhne/1", "unattributed", "a%20b", "%", "../../etc", "日本語", "x" * 128, "😀" * 128, "a\"b\\c", "null", "'; drop", "A", "a", "é",
       "e\u0301")
BAD = ("x" * 129, "é" * 129, " a", "a ", "\u00a0a", "a\tb", "a\nb", "a\x00b", "a\x7fb", "a\u0085b", "a\u202eb", "a\u2066b", "a\u2028b", "")


def percent(text):
    return quote(text, safe="")


class HeaderCase(WorldCase):
    def refused(self, response, status, code):
        self.assertEqual((response.status, response.code), (status, code), response)
        return response


class Ids(HeaderCase):
    def test_every_response_has_one_request_id_of_our_own(self):
        world = self.world()
        seen = set()
        answers = [
            world.chat(), world.chat(stream=True), world.chat(sim="status=500"), world.chat(sim="status=401"), world.chat(sim="reset"),
            world.chat(key="wrong"), world.chat(key=ADMIN), world.chat(headers=[("X-Talon-Tenant-Id", "globex")]),
            world.fetch("POST", CHAT, b"{"), world.fetch("GET", "/nothing"), world.fetch("PUT", CHAT), world.fetch("GET", "/healthz", key=None),
            world.fetch("GET", "/readyz", key=None), world.fetch("GET", "/v1/evidence"), world.fetch("GET", "/v1/evidence/export"),
            world.fetch("GET", "/v1/evidence/checkpoint"), world.fetch("GET", "/v1/costs"), world.fetch("HEAD", "/v1/costs"),
            world.fetch("GET", "/v1/models"), world.fetch("GET", "/v1/proxy/openai/models"), world.fetch("GET", "/v1/proxy/openai/files"),
            world.fetch("GET", "/v1/costs", headers=[("X-Request-Id", "req_mine")]), world.fetch("GET", "/v1/costs", host=None),
            world.fetch("GET", "/v1/costs", headers=[("Content-Length", "x")]), world.fetch("GET", "/v1/costs?x=1"),
            world.fetch("POST", CHAT, b"x" * 100, headers=[("Content-Length", str(33 << 20))], length=False),
            world.chat(headers=[("X-Large", "x" * 40000)]), world.chat(sim="header=X-Request-Id:req_theirs"),
        ]
        for answer in answers:
            with self.subTest(answer.raw_head[:200]):
                ids = answer.all("x-request-id")
                self.assertEqual(len(ids), 1)
                self.assertRegex(ids[0], r"\Areq_[0-7][0-9A-HJKMNP-TV-Z]{25}\Z")
                self.assertNotIn(ids[0], seen)
                seen.update(ids)
                if answer.status >= 400 and answer.body and answer.code != "bad" and b'"request_id"' in answer.body:
                    self.assertEqual(answer.json()["error"]["request_id"], ids[0])

    def test_a_governed_call_names_record_session_tenant_provider_model_and_its_exact_cost(self):
        world = self.world()
        for body, sim, nano in ((chat_body(), "usage=1000,500", 450000), (chat_body(), "usage=1,0", 150), (chat_body(), "usage=1,1", 750),
                                (chat_body(), "usage=7000000,9000000", 6450000000), ({**chat_body(), "model": "gpt-4o"}, "usage=10,1", 35000)):
            with self.subTest(sim):
                response = world.fetch("POST", CHAT, body, sim=sim)
                record = world.call_of(response)
                self.assertEqual(response.header("x-talon-session-id"), record["session"])
                self.assertEqual(response.header("x-talon-tenant-id"), "acme")
                self.assertEqual(response.header("x-talon-provider"), "openai")
                self.assertEqual(response.header("x-talon-model"), body["model"])
                self.assertEqual(record["cost"]["nano_usd"], nano)
                text = response.header("x-talon-cost-usd")
                self.assertRegex(text, r"\A(0|[1-9][0-9]*)(\.[0-9]*[1-9])?\Z", "shortest plain decimal")
                self.assertEqual(Decimal(text) * 10**9, nano)
                self.assertEqual(response.header("x-talon-upstream-request-id"), "req_sim")
                self.assertEqual(record["request_id"], response.header("x-request-id"))
                for name in ("evidence", "session", "tenant"):
                    self.assertEqual(len(response.all(f"x-talon-{name}-id")), 1)

    def test_errors_of_the_provider_carry_them_too(self):
        world = self.world()
        for sim in ("status=500", "status=401", "status=429", "reset", "malformed=garbage"):
            with self.subTest(sim):
                response = world.chat(sim=sim)
                record = world.call_of(response)
                self.assertEqual((response.header("x-talon-session-id"), response.header("x-talon-tenant-id"), response.header("x-talon-provider"),
                                  response.header("x-talon-model")), (record["session"], "acme", "openai", MODEL))

    def test_an_unpriced_call_says_no_cost(self):
        world = self.world()
        response = world.chat(model="a-model-without-price")
        self.assertEqual((response.status, response.header("x-talon-cost-usd")), (200, None), response)
        self.assertEqual(response.header("x-talon-model"), "a-model-without-price")

    def test_a_model_that_is_no_field_text_is_percent_encoded(self):
        world = self.world()
        for model in ("modèle", "a b", "x\r\nSet-Cookie: a=b", "\"quoted\""):
            with self.subTest(model):
                response = world.chat(model=model)
                self.assertEqual(response.status, 200, response)
                self.assertEqual(response.all("set-cookie"), [])
                self.assertEqual(unquote(response.header("x-talon-model")), model)

    def test_a_denial_says_which_call_it_was(self):
        world = self.world(callers=({**CALLERS[0], "policy_overrides": {"max_daily_cost": 0}},))
        response = self.refused(world.chat(headers=[("X-Talon-Session-Id", "s/1")]), 402, "daily_cost_exceeded")
        record = world.call_of(response)
        self.assertEqual((record["session"], response.header("x-talon-session-id")), ("s/1", "s%2F1"))
        self.assertEqual((response.header("x-talon-tenant-id"), response.header("x-talon-provider"), response.header("x-talon-model")),
                         ("acme", "openai", MODEL))
        done = world.cli("tenant", "show", "acme", "--json")
        self.assertEqual((done.exit, done.stdout), (1, b""), "a session opens at admission")
        anonymous = self.refused(world.fetch("GET", "/v1/proxy/openai/files"), 403, "provider_path_not_allowed")
        self.assertIsNone(anonymous.header("x-talon-session-id"))
        self.assertNotIn("session", world.call_of(anonymous))

    def test_clients_are_told_where_trying_again_is_no_use(self):
        capped = ({**CALLERS[0], "policy_overrides": {"max_daily_cost": 0}}, CALLERS[1])
        world = self.world(callers=capped)
        for response, status, retry in (
            (world.chat(key="wrong"), 401, "false"), (world.chat(), 402, "false"), (world.chat(headers=[("X-Talon-Tenant-Id", "b")]), 403, "false"),
            (world.chat(key=ADMIN), 403, "false"), (world.chat(key=GLOBEX, sim="status=429"), 429, None), (world.chat(key=GLOBEX, sim="reset"), 502, None),
            (world.chat(key=GLOBEX, sim="status=500"), 500, None), (world.chat(key=GLOBEX), 200, None), (world.fetch("POST", CHAT, b"{"), 400, None),
            (world.fetch("GET", "/nothing"), 404, None),
        ):
            with self.subTest(status):
                self.assertEqual((response.status, response.header("x-should-retry")), (status, retry), response)
        off = self.world(environment={"OPENAI_API_KEY": None})
        self.assertEqual(self.refused(off.chat(), 503, "no_provider_configured").header("x-should-retry"), "false")


class CostOfAStream(HeaderCase):
    def test_who_wants_it_gets_it_in_a_comment_before_done_and_nobody_else(self):
        world = self.world()
        plain = world.chat(stream=True, sim="usage=1000,500")
        self.assertNotIn(b"talon", plain.body)
        self.assertIsNone(plain.header("x-talon-cost-usd"), "the head leaves before the cost is known")
        for wanted in ("cost", "Cost"):
            response = world.chat(stream=True, sim="usage=1000,500", headers=[("X-Talon-Want", wanted)])
            self.assertTrue(response.body.endswith(b": talon-cost-usd 0.00045\n\ndata: [DONE]\n\n"), response.body[-200:])
            self.assertEqual(response.body.replace(b": talon-cost-usd 0.00045\n\n", b""), plain.body)
            self.assertEqual(response.events()[-1], "[DONE]")
            self.assertEqual(world.call_of(response)["cost"]["nano_usd"], 450000)
        other = world.chat(stream=True, sim="usage=1000,500", headers=[("X-Talon-Want", "nothing")])
        self.assertEqual(other.body, plain.body)
        unpriced = world.chat(stream=True, model="a-model-without-price", headers=[("X-Talon-Want", "cost")])
        self.assertNotIn(b"talon-cost", unpriced.body)


class Sessions(HeaderCase):
    def call(self, world, session=None, key=ACME, **more):
        headers = [("X-Talon-Session-Id", session)] if session is not None else []
        return world.chat(key=key, headers=headers, **more)

    def test_a_session_id_groups_calls_and_a_call_without_one_is_a_session_of_its_own(self):
        world = self.world()
        for expected, session in ((1, "call-1"), (1, "call-1"), (2, None), (3, None), (4, "call-2"), (4, "call-1"), (5, "Call-1")):
            response = self.call(world, session)
            self.assertEqual(response.status, 200, response)
            record = world.call_of(response)
            self.assertEqual(record["session"], response.header("x-talon-session-id"))
            if session:
                self.assertEqual(record["session"], session)
            else:
                self.assertRegex(record["session"], r"\Ases_[0-9A-Z]{26}\Z")
            self.assertEqual(world.tenant()["session_count"], expected)
        self.assertEqual(world.tenant()["request_count"], 7)
        world.restart()
        self.call(world, "call-1")
        self.assertEqual(world.tenant()["session_count"], 5, "known after a restart")
        self.call(world, "call-1", stream=True)
        self.call(world, "call-1", sim="status=500")
        self.assertEqual((world.tenant()["session_count"], world.tenant()["request_count"]), (5, 10))
        world.verify()

    def test_the_same_id_of_two_tenants_is_two_sessions(self):
        world = self.world(config=WITH_STATIC)
        for key in (ACME, GLOBEX, STATIC, ACME):
            self.assertEqual(self.call(world, "shared", key=key).status, 200)
        counts = {row["tenant_id"]: row["session_count"] for row in json.loads(world.cli("tenant", "list", "--json", check=0).stdout)["tenants"]}
        self.assertEqual(counts, {"acme": 1, "globex": 1})
        self.assertEqual(json.loads(world.cli("tenant", "show", "--unattributed", "--json", check=0).stdout)["session_count"], 1)

    def test_an_odd_session_id_comes_back_percent_encoded(self):
        world = self.world()
        for session in ODD:
            with self.subTest(session):
                response = self.call(world, percent(session))
                self.assertEqual(response.status, 200, response)
                self.assertEqual(unquote(response.header("x-talon-session-id")), session)
                self.assertEqual(world.call_of(response)["session"], session)
        for session in BAD + ("\ufffd" * 129,):
            with self.subTest(session):
                self.refused(self.call(world, percent(session)), 400, "invalid_session_id")
        for raw in ("%ff", "%", "%2", "%zz", "a%00b"):
            self.refused(self.call(world, raw), 400, "invalid_session_id")
        self.refused(world.chat(headers=[("X-Talon-Session-Id", "a"), ("X-Talon-Session-Id", "b")]), 400, "invalid_session_id")
        self.assertEqual(world.simulator.count(), len(ODD))


class Tags(HeaderCase):
    def test_a_static_key_tags_by_header_or_by_body_and_the_body_crosses_without_it(self):
        world = self.world(config=WITH_STATIC)
        clean = b'{"model":"gpt-4o-mini", "messages":[]}'
        for tenant in ODD:
            with self.subTest(tenant):
                by_header = world.fetch("POST", CHAT, clean, key=STATIC, headers=[("X-Talon-Tenant-Id", percent(tenant))])
                self.assertEqual(world.simulator.last().body, clean)
                tagged = b'{"model":"gpt-4o-mini", "tenant_id":' + json.dumps(tenant).encode() + b',"messages":[]}'
                by_body = world.fetch("POST", CHAT, tagged, key=STATIC)
                self.assertEqual(json.loads(world.simulator.last().body), json.loads(clean))
                by_both = world.fetch("POST", CHAT, tagged, key=STATIC, headers=[("X-Talon-Tenant-Id", percent(tenant))])
                for response in (by_header, by_body, by_both):
                    self.assertEqual(response.status, 200, response)
                    self.assertEqual(unquote(response.header("x-talon-tenant-id")), tenant)
                    self.assertTrue(response.header("x-talon-tenant-id").isascii())
                records = [record for record in world.records(tenant) if record["kind"] == "request"]
                self.assertEqual([record["id"] for record in records], [response.evidence_id for response in (by_header, by_body, by_both)])
                self.assertEqual({(record["tenant"], record["caller"], record["attribution"]) for record in records}, {(tenant, "ops", "call")})
                shown = json.loads(world.cli("tenant", "show", tenant, "--json", check=0).stdout)
                self.assertEqual((shown["tenant_id"], shown["request_count"]), (tenant, 3))
        listed = json.loads(world.cli("tenant", "list", "--json", check=0).stdout)
        self.assertEqual({row["tenant_id"] for row in listed["tenants"]}, set(ODD))
        self.assertEqual(listed["unattributed"]["session_count"], 0, "a tenant that is called unattributed is another")
        over_http = world.fetch("GET", "/v1/evidence/export?tenant=" + percent(ODD[0]), key=ADMIN)
        self.assertEqual(over_http.body, world.cli("audit", "export", "--tenant", ODD[0], check=0).stdout)
        self.assertIn(percent(ODD[0]), over_http.header("content-disposition"))
        world.verify()

    def test_a_static_key_without_a_tag_is_unattributed(self):
        world = self.world(config=WITH_STATIC)
        response = world.chat(key=STATIC)
        self.assertEqual((response.status, response.header("x-talon-tenant-id")), (200, None), response)
        self.assertEqual(json.loads(world.cli("tenant", "list", "--json", check=0).stdout)["tenants"], [])
        self.assertEqual(json.loads(world.cli("tenant", "show", "--unattributed", "--json", check=0).stdout)["request_count"], 1)

    def test_an_id_that_no_tenant_can_have_is_a_400(self):
        world = self.world(config=WITH_STATIC)
        for tenant in BAD:
            with self.subTest(tenant):
                self.refused(world.chat(key=STATIC, headers=[("X-Talon-Tenant-Id", percent(tenant))]), 400, "invalid_tenant_id")
                self.refused(world.chat(key=STATIC, tenant_id=tenant), 400, "invalid_tenant_id")
                self.assertEqual(world.cli("tenant", "show", tenant).exit if "\x00" not in tenant else 2, 2)
        for raw in ("%ff", "%c3%28", "%", "%2", "%zz", "%ed%a0%80", "%f4%90%80%80", "%c0%af"):
            with self.subTest(raw):
                self.refused(world.chat(key=STATIC, headers=[("X-Talon-Tenant-Id", raw)]), 400, "invalid_tenant_id")
        self.refused(world.chat(key=STATIC, headers=[("X-Talon-Tenant-Id", "a"), ("X-Talon-Tenant-Id", "b")]), 400, "invalid_tenant_id")
        self.refused(world.chat(key=STATIC, tenant_id="a", headers=[("X-Talon-Tenant-Id", "b")]), 400, "invalid_request")
        self.assertEqual(world.simulator.count(), 0)

    def test_a_callers_key_names_its_own_tenant_or_none(self):
        world = self.world()
        self.assertEqual(world.chat(headers=[("X-Talon-Tenant-Id", "acme")]).status, 200)
        self.assertEqual(world.chat(tenant_id="acme").status, 200)
        self.assertNotIn(b"tenant_id", world.simulator.last().body)
        self.assertEqual({call["attribution"] for call in world.calls()}, {"key"})
        world.simulator.forget()
        count = world.simulator.count()
        for headers, members in (([("X-Talon-Tenant-Id", "globex")], {}), ([], {"tenant_id": "globex"}), ([("X-Talon-Tenant-Id", "nobody")], {}),
                                 ([("X-Talon-Tenant-Id", "Acme")], {}), ([("X-Talon-Tenant-Id", "acme%2520")], {}),
                                 ([("X-Talon-Tenant-Id", "globex")], {"tenant_id": "globex"})):
            for target in (CHAT, "/v1/completions", "/v1/embeddings"):
                with self.subTest(target=target, headers=headers, members=members):
                    body = {"model": MODEL, "messages": [], "prompt": "x", "input": "x", **members}
                    response = self.refused(world.fetch("POST", target, body, headers=headers), 403, "tenant_mismatch")
                    named = unquote(headers[0][1]) if headers else "globex"
                    self.assertIn("acme", response.json()["error"]["message"])
                    self.assertIn(named, response.json()["error"]["message"])
                    self.assertEqual(response.header("x-talon-tenant-id"), "acme")
        self.refused(world.fetch("GET", "/v1/proxy/openai/models", headers=[("X-Talon-Tenant-Id", "globex")]), 403, "tenant_mismatch")
        self.assertEqual(world.simulator.count(), count, "nothing was forwarded")
        self.assertEqual(world.calls("globex"), [])

    def test_off_the_data_routes_a_tag_is_a_400(self):
        world = self.world(config=WITH_STATIC)
        for key in (ACME, ADMIN):
            for target in ("/v1/evidence", "/v1/costs", "/v1/evidence/export", "/v1/evidence/checkpoint",
                           "/v1/evidence/ev_01ARZ3NDEKTSV4RRFFQ69G5FAV"):
                with self.subTest(target=target, key=key):
                    self.refused(world.fetch("GET", target + ("?tenant=acme" if key == ADMIN else ""), key=key,
                                             headers=[("X-Talon-Tenant-Id", "acme")]), 400, "invalid_request")

    def test_our_own_members_are_taken_out_and_their_namesakes_stay(self):
        world = self.world()
        for member, crosses in (('"provider":"openai"', False), ('"metadata":{"tenant_id":"globex","provider":"x"}', True), ('"\\u0074enant_id":"acme"', False)):
            with self.subTest(member):
                body = ('{"model":"gpt-4o-mini",' + member + ',"messages":[]}').encode()
                response = world.fetch("POST", CHAT, body)
                self.assertEqual(response.status, 200, response)
                if crosses:
                    self.assertEqual(world.simulator.last().body, body)
                else:
                    self.assertEqual(json.loads(world.simulator.last().body), {"model": MODEL, "messages": []})
        for member in ('"tenant_id":7', '"provider":{"order":["x"]}'):
            self.refused(world.fetch("POST", CHAT, ('{"model":"gpt-4o-mini",' + member + ',"messages":[]}').encode()), 400, "invalid_request")
        for member in ("routing_policy", "council_mode", "speculative_mode"):
            with self.subTest(member):
                response = world.chat(**{member: "x"})
                self.assertIn((response.status, response.code), ((501, "not_supported"),), response)

    def test_a_provider_may_be_named_if_it_is_there(self):
        world = self.world()
        self.refused(world.chat(provider="nobody"), 400, "invalid_request")
        self.refused(world.chat(provider=""), 400, "invalid_request")
        self.assertEqual(world.simulator.count(), 0)

    def test_a_trace_is_passed_on_and_recorded(self):
        world = self.world()
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        response = world.chat(headers=[("traceparent", f"00-{trace}-00f067aa0ba902b7-01")])
        self.assertEqual(world.call_of(response)["trace"], trace)
        self.assertIn(trace, world.simulator.last().header("traceparent"))
        with world.connect() as connection:
            bad = connection.exchange(request("POST", CHAT, chat_body(), key=ACME, headers=[("traceparent", "00-" + "0" * 32 + "-00f067aa0ba902b7-01")]))
        self.assertNotIn("trace", world.call_of(bad))


if __name__ == "__main__":
    unittest.main()
