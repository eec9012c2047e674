"""Accounts through HTTP: what is wrong with a body or a path is said, with the member's path and what would be right, and
nothing changes (issue "Bad input"); replays by Idempotency-Key; what a tier bounds (acceptance G1, G6, G13, G24).
# ctest: timeout=300
"""

import json
import os
import re
import sys
import unittest
from collections import namedtuple
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import ACME, ADMIN, WorldCase, in_threads  # noqa: E402
from test_midnight import LIBFAKETIME  # noqa: E402

SECOND_ADMIN = "second-admin-key-0123456789abcdef"
MIB = 1 << 20
ABSENT = object()


class AccountCase(WorldCase):
    def admin(self, method, target, body=None, status=200, key=ADMIN, headers=()):
        answer = self.w.fetch(method, target, body, key=key, headers=headers)
        self.assertEqual(answer.status, status, answer)
        return answer.json() if answer.body else None

    def account(self, name="Customer", tier="scale", **members):
        made = self.admin("POST", "/v1/admin/tenants", {"name": name, "tier": tier, **members}, 201)
        return made["tenant_id"], made["api_keys"][0]["key"]

    def everything(self):
        """All that can be listed, to the byte, and the number of records in all logs."""
        tenants = [row["tenant_id"] for row in self.admin("GET", "/v1/admin/tenants?limit=1000")["tenants"]]
        targets = ["/v1/admin/tenants?limit=1000", "/api/virtual_keys", "/v1/sessions?limit=1000"]
        targets += [f"/v1/tenants/{tenant}/{what}" for tenant in tenants for what in ("api-keys", "providers", "routing", "features")]
        bodies = {}
        for target in targets:
            body = self.w.fetch("GET", target, key=ADMIN).body.decode()
            bodies[target] = re.sub(r'"last_(used_at|health_check)":("[^"]*"|null),?|"status":"(active|unhealthy)",?|"models":\[[^]]*\],?', "", body)
        return bodies, self.w.cli("audit", "export", "--all", "--format", "ndjson", check=0).stdout.count(b"\n")

    def refused(self, response, status, code, param=ABSENT):
        self.assertEqual((response.status, response.code), (status, code), response)
        error = response.json()["error"]
        self.assertRegex(error["message"], r"^[A-Z\"].{12,}[.?]$", "a sentence")
        if param is not ABSENT:
            self.assertEqual(error.get("param"), param, response)
        return error


# One member of a body: what it takes, and what is refused as its value.
Member = namedtuple("Member", "kind need bad hint")
"""`kind`: of JSON. `need`: "required", "optional", "nullable", or "refused" in any form. `bad`: values, JSON text as bytes. `hint`: in the sentence."""
LONG, CONTROL, BIDI, LINE = "x" * 129, "a\u0007b", "a\u202eb", "a\u2028b"
BAD_NAMES = (LONG, "é" * 129, CONTROL, "a\nb", "a\u0000b", BIDI, LINE)
NAME = Member("string", "required", ("", "   ", "\u00a0", "\u3000", *BAD_NAMES), "")
NOTE = Member("string", "nullable", BAD_NAMES, "")
BAD_IDS = (LONG, CONTROL, "a\u0000b", BIDI, LINE)
TENANT = Member("string", "nullable", BAD_IDS, "")
TIER = Member("string", "required", ("gold", "Trial", "trial ", ""), "trial, developer, growth or scale")
EMAIL = Member("string", "optional", ("", " ", "nobody", "a@b", "@b.example", "a@", "a@b@c.example", "a b@c.example", "a@b..example",
                                      "a@b.example\r\nBcc: c@d.example", "a@b.example\n", "x" * 250 + "@b.example", "a@-b.example"), "@")
MONEY = Member("number", "optional", (-1, -0.01, b"-0", b"1e999", b"1e30", b"99999999999999999999", b"0.0000000001", b"5e3"), "")
DAYS = Member("number", "optional", (0, -1, 1.5, b"1e3", b"36501", b"99999999999999999999", b"-0"), "whole number")
GRACE = Member("number", "optional", (-1, 1.5, b"3651", b"-0"), "whole number")
FLAG = Member("boolean", "optional", (), "")
WHOSE = Member("string", "optional", ("mine", "OWN", ""), "own or operator")
PROVIDER_KEY = Member("string", "required", ("", "short", "sk-with space-1234", "sk-with-\u0007-1234", "sk-é-12345678", "x" * 513), "6 to 512")
TIMEOUT = Member("number", "optional", (0, 601, -1, 1.5, b"1e2"), "1 to 600")
RETRIES = Member("number", "optional", (11, -1, 0.5), "0 to 10")
BASE_URL = Member("string", "refused", (None, "", "http://169.254.169.254/", "https://api.openai.com/v1"), "operator")
POLICY = Member("string", "required", ("fastest", "Fallback", ""), "fallback")
MODALITY = Member("string", "optional", ("video", "LLM"), "llm, stt or tts")
FEATURES = {f"features.{name}": FLAG for name in ("thompson_sampling", "speculative_execution", "council_mode", "budget_enforcement", "audit_logs",
                                                 "on_premise_deployment")}

Route = namedtuple("Route", "method path good members")
ROUTES = (
    Route("POST", "/v1/admin/tenants", {"name": "New", "tier": "trial"},
          {"name": NAME, "tier": TIER, "email": EMAIL, "monthly_budget_usd": MONEY, "provider_keys": WHOSE, "tenant_id": TENANT}),
    Route("DELETE", "/v1/admin/tenants/{tenant}", None, {}),
    Route("PATCH", "/v1/admin/tenants/{tenant}/tier", {"tier": "growth"}, {"tier": TIER, "grace_period_days": GRACE}),
    Route("POST", "/v1/admin/tenants/{tenant}/suspend", {}, {"reason": Member("string", "nullable", ("x" * 257, CONTROL), ""), "notify": FLAG}),
    Route("POST", "/v1/admin/tenants/{tenant}/resume", {}, {}),
    Route("POST", "/v1/admin/reload", {}, {}),
    Route("POST", "/v1/admin/drain", {}, {}),
    Route("DELETE", "/v1/tenants/{tenant}/providers/openai", None, {}),
    Route("POST", "/v1/tenants/{tenant}/providers/openai/keys", {"api_key": "sk-of-the-customer", "config": {}},
          {"api_key": PROVIDER_KEY, "config": Member("object", "optional", (), ""), "config.timeout": TIMEOUT, "config.max_retries": RETRIES,
           "config.base_url": BASE_URL}),
    Route("POST", "/v1/tenants/{tenant}/api-keys", {"name": "n"}, {"name": NAME, "expires_in_days": DAYS}),
    Route("DELETE", "/v1/tenants/{tenant}/api-keys/{key}", None, {}),
    Route("PUT", "/v1/tenants/{tenant}/routing", {"policy": "fallback", "models": {}},
          {"policy": POLICY, "models": Member("object", "optional", (), "")}),
    Route("PUT", "/v1/tenants/{tenant}/features", {"features": {}}, {"features": Member("object", "required", (), ""), **FEATURES}),
    Route("POST", "/api/virtual_keys", {"name": "n"},
          {"name": NAME, "tenant_id": TENANT, "issued_by": NOTE, "project": NOTE, "expose_cost": FLAG}),
    Route("POST", "/api/virtual_keys/{virtual}/revoke", {}, {}),
    Route("POST", "/v1/sessions", {}, {"session_id": TENANT, "tenant_id": TENANT, "project": NOTE, "modality": MODALITY}),
)
OF_EACH_KIND = {"null": b"null", "boolean": b"true", "number": b"7", "string": b'"text"', "array": b"[]", "object": b"{}"}
CODES = {"tenant_id": "invalid_tenant_id", "session_id": "invalid_session_id"}


def written(value):
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def with_member(good, path, value):
    """The body `good` with the member at `path` written as the bytes `value`; both as a dict and as the text."""
    mark = "@@value@@"
    body = json.loads(json.dumps(good or {}))
    inner = body
    *outer, last = path.split(".")
    for name in outer:
        inner = inner.setdefault(name, {})
    inner[last] = mark
    return json.dumps(body).encode().replace(json.dumps(mark).encode(), value)


def bad_bodies(route):
    """(what, bytes, status, code, param, hint) of everything that is wrong with a body for any route, and for this one."""
    good = json.dumps(route.good or {}).encode()
    inside = good[1:-1] + (b", " if len(good) > 2 else b"")
    nested = b'{"a":' * 20 + b"1" + b"}" * 20
    yield from (
        ("an array", b"[]", 400, "invalid_request", ABSENT, "JSON object"),
        ("an array of bodies", b"[" + good + b"]", 400, "invalid_request", ABSENT, "JSON object"),
        ("a text", b'"x"', 400, "invalid_request", ABSENT, "JSON object"),
        ("null", b"null", 400, "invalid_request", ABSENT, "JSON object"),
        ("a form", b"name=x&tier=trial", 400, "invalid_json", ABSENT, ""),
        ("half a body", good[:-1], 400, "invalid_json", ABSENT, ""),
        ("two bodies", good + good, 400, "invalid_json", ABSENT, ""),
        ("a comment", good + b"// x", 400, "invalid_json", ABSENT, ""),
        ("a byte order mark", b"\xef\xbb\xbf" + good, 400, "invalid_json", ABSENT, ""),
        ("single quotes", b"{'name':'x'}", 400, "invalid_json", ABSENT, ""),
        ("bytes that are no UTF-8", b"{" + inside + b'"colour":"\xff\xfe"}', 400, "invalid_json", ABSENT, ""),
        ("half a surrogate pair", b"{" + inside + b'"colour":"\\ud800"}', 400, "invalid_json", ABSENT, ""),
        ("a raw control character", b"{" + inside + b'"colour":"a\x01b"}', 400, "invalid_json", ABSENT, ""),
        ("NaN", b"{" + inside + b'"colour":NaN}', 400, "invalid_json", ABSENT, "NaN"),
        ("Infinity", b"{" + inside + b'"colour":-Infinity}', 400, "invalid_json", ABSENT, "Infinity"),
        ("a nesting without end", b"{" + inside + b'"colour":' + b"[" * 10000 + b"]" * 10000 + b"}", 400, ("invalid_request", "invalid_json"),
         ABSENT, "deep"),
        ("a deep nesting", b"{" + inside + b'"colour":' + nested + b"}", 400, "invalid_request", ABSENT, "deep"),
        ("too many values", b"{" + inside + b'"colour":[' + b"1," * 5000 + b"1]}", 400, "invalid_request", ABSENT, "4,000"),
        ("an unknown member", b"{" + inside + b'"colour":"red"}', 400, "invalid_request", "colour", "known"),
        ("an unknown member that is null", b"{" + inside + b'"colour":null}', 400, "invalid_request", "colour", "known"),
        ("a member without a name", b"{" + inside + b'"":1}', 400, "invalid_request", "", "known"),
        ("a member twice", b"{" + inside + b'"colour":1,"colour":1}', 400, "invalid_request", "colour", "twice"),
        ("a member twice, once with escapes", b"{" + inside + b'"colour":1,"c\\u006flour":1}', 400, "invalid_request", "colour", "twice"),
        ("1 MiB and a byte", good + b" " * (MIB + 1 - len(good)), 413, "body_too_large", ABSENT, "1 MiB"),
    )
    if any(member.need == "required" for member in route.members.values()):
        yield "nothing", b"", 400, "invalid_json", ABSENT, "JSON object"
        yield "white space", b" \r\n", 400, "invalid_json", ABSENT, "JSON object"
    for path, member in route.members.items():
        last = path.split(".")[-1]
        outer = path[:-len(last)]
        usual = OF_EACH_KIND[member.kind]
        for kind, value in OF_EACH_KIND.items():
            if kind != member.kind and not (kind == "null" and member.need in ("nullable", "refused")):
                yield f"{path} is {kind}", with_member(route.good, path, value), 400, "invalid_request", path, "must be"
        for value in member.bad:
            code = CODES.get(path, "invalid_request")
            yield f"{path} is {value!r:.40}", with_member(route.good, path, written(value)), 400, code, path, member.hint
        other = outer + last.capitalize()
        hint = f'did you mean "{last}"' if member.need != "refused" else "known"
        yield f"{path} is written {other}", with_member(route.good, other, usual), 400, "invalid_request", other, hint
        if not outer:
            once = json.dumps({key: value for key, value in (route.good or {}).items() if key != path}).encode()[1:-1]
            twice = b'"' + path.encode() + b'":' + json.dumps((route.good or {}).get(path, 1)).encode()
            yield (f"{path} twice", b"{" + twice + b"," + twice + (b"," if once else b"") + once + b"}", 400, "invalid_request", path, "twice")
            if member.need == "required":
                yield f"{path} is missing", b"{" + once + b"}", 400, "invalid_request", path, "missing"
        else:
            yield (f"{path} twice", with_member(route.good, outer[:-1], b'{"%s":1,"%s":1}' % ((last.encode(),) * 2)), 400, "invalid_request", path,
                   "twice")
            yield f"{outer}colour", with_member(route.good, f"{outer}colour", b"1"), 400, "invalid_request", f"{outer}colour", "known"


class BadInput(AccountCase):
    def setUp(self):
        self.w = self.world()
        self.tenant, self.key = self.account()
        self.virtual = self.admin("POST", "/api/virtual_keys", {"name": "lent", "tenant_id": self.tenant})["id"]
        self.second = self.admin("POST", f"/v1/tenants/{self.tenant}/api-keys", {"name": "second"}, 201)["key_id"]
        self.admin("POST", f"/v1/tenants/{self.tenant}/providers/openai/keys", {"api_key": "sk-of-the-customer-0"}, 201)

    def target(self, path):
        return path.replace("{tenant}", self.tenant).replace("{key}", self.second).replace("{virtual}", self.virtual)

    def test_a_bad_body_is_refused_with_the_members_path_and_nothing_changes(self):
        before = self.everything()
        cases = 0
        for route in ROUTES:
            key = ACME if route.path == "/v1/sessions" else ADMIN
            for what, body, status, code, param, hint in bad_bodies(route):
                with self.subTest(route=f"{route.method} {route.path}", body=what):
                    response = self.w.fetch(route.method, self.target(route.path), body, key=key)
                    error = self.refused(response, status, code if isinstance(code, str) else response.code, param)
                    self.assertIn(response.code, code)
                    self.assertIn(hint, error["message"])
                    self.assertLess(len(response.body), 1500, "what was sent is not sent back whole")
                cases += 1
            with self.subTest(route=f"{route.method} {route.path}", body="multipart"):
                headers = [("Content-Type", "multipart/form-data; boundary=x")]
                self.refused(self.w.fetch(route.method, self.target(route.path), b"--x--", key=key, headers=headers), 415, "unsupported_media_type")
            with self.subTest(route=f"{route.method} {route.path}", query="unknown"):
                response = self.w.fetch(route.method, self.target(route.path) + "?colour=red", route.good, key=key)
                self.assertIn("colour", self.refused(response, 400, "invalid_request")["message"])
        self.assertEqual(self.everything(), before)
        self.assertEqual(self.w.fetch("GET", "/readyz", key=None).status, 200, "not drained")
        print(f"{cases} bodies", flush=True)

    def test_a_bad_path_is_refused_and_nothing_changes(self):
        before = self.everything()
        broken = {"%zz": "invalid_request", "%": "invalid_request", "%4": "invalid_request", "%ff": "invalid_request", "%c3%28": "invalid_request"}
        tenants = {**broken, "%00": "invalid_tenant_id", "a%00b": "invalid_tenant_id", "a%0ab": "invalid_tenant_id", "%20a": "invalid_tenant_id",
                   "a%20": "invalid_tenant_id", "x" * 129: "invalid_tenant_id", "%C3%A9" * 129: "invalid_tenant_id", "%E2%80%AE": "invalid_tenant_id"}
        for route in ROUTES:
            for place in re.findall(r"\{(tenant|key|virtual)\}|/(openai)", route.path):
                name = place[0] or place[1]
                bad = dict(tenants) if name == "tenant" else dict(broken)
                param = {"tenant": "tenant", "key": "key_id", "virtual": "id", "openai": "provider"}[name]
                for text, code in bad.items():
                    with self.subTest(route=route.path, place=name, text=text[:20]):
                        target = self.target(route.path.replace("{" + name + "}" if place[0] else name, text))
                        self.refused(self.w.fetch(route.method, target, route.good, key=ADMIN), 400, code, param)
                # Well formed, and nobody's: an escaped slash is a character like any other, a dot segment no way up.
                unknown = ["a%2Fb", "..", "%2e%2e", "x%252f", self.tenant.upper(), "no-such"]
                if name != "tenant":
                    unknown += ["%00", "x" * 4000, "key_" + "0" * 26, "key_" + "0" * 25, self.tenant]
                for text in unknown:
                    with self.subTest(route=route.path, place=name, text=text[:20]):
                        target = self.target(route.path.replace("{" + name + "}" if place[0] else name, text))
                        response = self.w.fetch(route.method, target, route.good, key=ADMIN)
                        if name == "openai" and route.path.endswith("/keys"):
                            error = self.refused(response, 400, "invalid_request", "provider")
                            self.assertIn("openai, anthropic, google", error["message"])
                        else:
                            self.refused(response, 404, "not_found")
                for text in ("a/b", "", "/", "a?b"):
                    with self.subTest(route=route.path, place=name, text=text):
                        target = self.target(route.path.replace("{" + name + "}" if place[0] else name, text))
                        response = self.w.fetch(route.method, target, route.good, key=ADMIN)
                        self.assertIn((response.status, response.code), ((404, "not_found"), (405, "method_not_allowed"), (400, "invalid_request")))
        self.assertEqual(self.everything(), before)

    def test_keys_that_are_refused_are_not_repeated(self):
        for secret in ("sk-very secret-0123456789", "sk-0123456789-" + "s" * 600, "sk-0123456789-é-secret"):
            response = self.w.fetch("POST", f"/v1/tenants/{self.tenant}/providers/openai/keys", {"api_key": secret}, key=ADMIN)
            self.refused(response, 400, "invalid_request", "api_key")
            self.assertNotIn(secret[:12].encode(), response.body)
            self.assertNotIn(secret[:12], self.w.log_path.read_text())

    def test_what_is_right_at_the_edge_is_taken(self):
        for body in ({"name": "x" * 128, "tier": "trial"}, {"name": "é" * 128, "tier": "trial"}, {"name": "  spaced  ", "tier": "trial"},
                     {"name": "A", "tier": "trial", "monthly_budget_usd": 0}, {"name": "A", "tier": "trial", "monthly_budget_usd": 0.0001},
                     {"name": "A", "tier": "trial", "email": "a.b+c@sub.b.example"}, {"name": "A", "tier": "trial", "tenant_id": "é" * 128},
                     {"name": "A", "tier": "trial", "tenant_id": "a/b ü%"}, {"name": "A", "tier": "trial", "tenant_id": None}):
            with self.subTest(body):
                made = self.admin("POST", "/v1/admin/tenants", body, 201)
                self.assertEqual(made["name"], body["name"].strip())
                path = "".join(f"%{byte:02X}" for byte in made["tenant_id"].encode())
                shown = self.admin("GET", f"/v1/admin/tenants/{path}")
                self.assertEqual(shown["tenant_id"], made["tenant_id"])
                self.assertEqual(shown["monthly_budget_usd"], body.get("monthly_budget_usd"))
        body = json.dumps({"name": "A", "tier": "trial"}).encode()
        self.assertEqual(self.w.fetch("POST", "/v1/admin/tenants", body + b" " * (MIB - len(body)), key=ADMIN).status, 201)
        for days in (1, 36500):
            self.admin("POST", f"/v1/tenants/{self.tenant}/api-keys", {"name": "n", "expires_in_days": days}, 201)
        self.admin("POST", f"/v1/tenants/{self.tenant}/providers/openai/keys", {"api_key": "x" * 512, "config": {"timeout": 600, "max_retries": 10}}, 201)

    def test_a_body_without_its_content_type_is_read_as_json(self):
        for kind in (None, "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"):
            headers = [("Content-Type", kind)] if kind else []
            self.admin("POST", "/v1/admin/tenants", {"name": "A", "tier": "trial"}, 201, headers=headers)

    def test_a_tenant_id_is_taken_once_and_those_of_the_configuration_never(self):
        self.admin("POST", "/v1/admin/tenants", {"name": "A", "tier": "trial", "tenant_id": "mine"}, 201)
        before = self.everything()
        self.refused(self.w.fetch("POST", "/v1/admin/tenants", {"name": "B", "tier": "trial", "tenant_id": "mine"}, key=ADMIN), 409, "conflict")
        for method, target, body in (("POST", "/v1/admin/tenants", {"name": "B", "tier": "trial", "tenant_id": "acme"}),
                                     ("DELETE", "/v1/admin/tenants/acme", None), ("PATCH", "/v1/admin/tenants/acme/tier", {"tier": "scale"})):
            error = self.refused(self.w.fetch(method, target, body, key=ADMIN), 409, "config_managed")
            self.assertIn(str(self.w.config_path), error["message"])
        self.assertEqual(self.everything(), before)

    def test_the_id_of_a_closed_account_is_not_given_to_another(self):
        made = self.admin("POST", "/v1/admin/tenants", {"name": "A", "tier": "growth", "tenant_id": "left"}, 201)
        self.admin("GET", "/v1/evidence", key=made["api_keys"][0]["key"])
        self.admin("DELETE", "/v1/admin/tenants/left", status=204)
        before = self.everything()
        error = self.refused(self.w.fetch("POST", "/v1/admin/tenants", {"name": "B", "tier": "growth", "tenant_id": "left"}, key=ADMIN), 409, "conflict")
        self.assertIn("closed", error["message"])
        self.assertEqual(self.everything(), before)


class Replays(AccountCase):
    def setUp(self):
        self.w = self.world({"auth": {"admin_keys": [{"name": "second", "key": SECOND_ADMIN}]}})
        self.tenant, self.key = self.account("Own")
        self.creations = (("/v1/admin/tenants", {"name": "A", "tier": "trial"}, 201), (f"/v1/tenants/{self.tenant}/api-keys", {"name": "n"}, 201),
                          ("/api/virtual_keys", {"name": "v"}, 200))

    def post(self, target, body, text, key=ADMIN):
        return self.w.fetch("POST", target, body, key=key, headers=[("Idempotency-Key", text)])

    def without_key(self, body):
        """The answer with null where the key was."""
        body = json.loads(json.dumps(body))
        holder, name = (body["api_keys"][0], "key") if "api_keys" in body else (body, "key" if "key" in body else "plaintext")
        self.assertTrue(holder[name] is None or len(holder[name]) >= 35, body)
        holder[name] = None
        return body

    def replayed(self, response, first):
        self.assertEqual((response.status, response.header("idempotent-replay")), (200, "true"), response)
        self.assertEqual(response.json(), self.without_key(first.json()))

    def test_a_replay_answers_the_same_without_the_key_and_makes_nothing_also_after_a_crash(self):
        first = {}
        for target, body, status in self.creations:
            first[target] = self.post(target, body, "once")
            self.assertEqual(first[target].status, status, first[target])
            self.assertIsNone(first[target].header("idempotent-replay"))
        before = self.everything()
        for turn in range(2):
            for target, body, _ in self.creations:
                with self.subTest(target, turn=turn):
                    self.replayed(self.post(target, body, "once"), first[target])
                    self.refused(self.post(target, {**body, "name": "other"}, "once"), 409, "idempotency_conflict")
            self.w.kill()
            self.w.start()
        bodies, records = self.everything()
        self.assertEqual(bodies, before[0])
        self.assertLessEqual(records, before[1] + 3, "the two starts, and whatever a crash says")

    def test_a_key_is_the_senders_on_one_route_for_one_tenant(self):
        other, _ = self.account("Other")
        made = [self.post(target, body, "shared") for target, body, _ in self.creations]
        made.append(self.post(f"/v1/tenants/{other}/api-keys", {"name": "n"}, "shared"))
        made.append(self.post(f"/v1/tenants/{self.tenant}/api-keys", {"name": "n"}, "shared", key=self.key))
        made.append(self.post("/v1/admin/tenants", {"name": "A", "tier": "trial"}, "shared", key=SECOND_ADMIN))
        for response in made:
            self.assertIn(response.status, (200, 201), response)
            self.assertIsNone(response.header("idempotent-replay"), response)

    def test_what_was_refused_takes_no_key(self):
        for body in ({"name": "", "tier": "trial"}, b"{"):
            self.assertEqual(self.post("/v1/admin/tenants", body, "later").status, 400)
        self.assertEqual(self.post("/v1/admin/tenants", {"name": "A", "tier": "trial"}, "later").status, 201)

    def test_a_key_is_1_to_255_visible_characters(self):
        before = self.everything()
        for text in ("", "a b", "é", "x" * 256, "a\tb"):
            for target, body, _ in self.creations:
                with self.subTest(target, text=text[:10]):
                    self.refused(self.post(target, body, text), 400, "invalid_request")
        twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "a")]
        self.refused(self.w.fetch("POST", "/v1/admin/tenants", {"name": "A", "tier": "trial"}, key=ADMIN, headers=twice), 400, "invalid_request")
        self.assertEqual(self.everything(), before)
        self.assertEqual(self.post("/v1/admin/tenants", {"name": "A", "tier": "trial"}, "!" + "~" * 254).status, 201)

    def test_of_many_at_once_one_creates(self):
        answers = in_threads(16, lambda _: self.post("/v1/admin/tenants", {"name": "Race", "tier": "trial"}, "race"))
        first = [answer for answer in answers if answer.status == 201]
        self.assertEqual(len(first), 1, answers)
        for answer in answers:
            if answer is not first[0]:
                self.replayed(answer, first[0])
        self.assertEqual(len(self.admin("GET", "/v1/admin/tenants?q=Race")["tenants"]), 1)

    def test_a_key_is_free_again_after_a_day(self):
        if os.environ.get("TALON_SANITIZE"):
            self.skipTest("a sanitizer's runtime and a preloaded clock do not go together")
        self.assertIsNotNone(LIBFAKETIME, "libfaketime is missing; Debian's package libfaketime has it")
        body = {"name": "A", "tier": "trial"}
        first = self.post("/v1/admin/tenants", body, "daily")
        for ahead, created in (("+23h", False), ("+25h", True)):
            self.w.stop()
            self.w.environment.update({"LD_PRELOAD": str(LIBFAKETIME), "FAKETIME": ahead, "FAKETIME_DONT_FAKE_MONOTONIC": "1"})
            self.w.start()
            again = self.post("/v1/admin/tenants", body, "daily")
            with self.subTest(ahead):
                self.replayed(again, first) if not created else self.assertEqual(again.status, 201, again)


class Tiers(AccountCase):
    API_KEYS = {"trial": 1, "developer": 3, "growth": 10}
    PROVIDERS = {"trial": 3, "developer": 5, "growth": 10, "scale": 20}

    def setUp(self):
        self.names = [f"p{number:02}" for number in range(21)]
        more = {name: {"dialect": "openai", "base_url": "http://127.0.0.1:9/v1"} for name in self.names}
        self.w = self.world({"gateway": {"providers": more}})

    def limit(self, response, code, tier, limit):
        error = self.refused(response, 403, code)
        self.assertEqual((error["tier"], error["limit"], error["current"]), (tier, limit, limit))

    def test_a_tier_has_so_many_api_keys(self):
        for tier, most in self.API_KEYS.items():
            with self.subTest(tier):
                tenant, key = self.account(tier=tier)
                target = f"/v1/tenants/{tenant}/api-keys"
                made = [self.admin("POST", target, {"name": "n"}, 201, key=key)["key_id"] for _ in range(most - 1)]
                before = self.everything()
                self.limit(self.w.fetch("POST", target, {"name": "n"}, key=key), "api_key_limit_exceeded", tier, most)
                self.limit(self.w.fetch("POST", target, {"name": "n"}, key=ADMIN), "api_key_limit_exceeded", tier, most)
                self.assertEqual(self.everything()[0], before[0])
                if made:
                    self.admin("DELETE", f"{target}/{made[0]}", status=204)
                    self.admin("POST", target, {"name": "n"}, 201, key=key)
        tenant, key = self.account(tier="scale")
        for _ in range(25):
            self.admin("POST", f"/v1/tenants/{tenant}/api-keys", {"name": "n"}, 201, key=key)

    def test_a_tier_has_so_many_providers_and_a_second_key_of_one_is_no_second_provider(self):
        for tier, most in self.PROVIDERS.items():
            with self.subTest(tier):
                tenant, key = self.account(tier=tier)
                for name in self.names[:most]:
                    self.admin("POST", f"/v1/tenants/{tenant}/providers/{name}/keys", {"api_key": "sk-of-the-customer"}, 201, key=key)
                over = f"/v1/tenants/{tenant}/providers/{self.names[most]}/keys"
                self.limit(self.w.fetch("POST", over, {"api_key": "sk-of-the-customer"}, key=key), "provider_limit_exceeded", tier, most)
                self.admin("POST", f"/v1/tenants/{tenant}/providers/{self.names[0]}/keys", {"api_key": "sk-replaced-1"}, 201, key=key)
                self.admin("DELETE", f"/v1/tenants/{tenant}/providers/{self.names[0]}", status=204, key=key)
                self.admin("POST", over, {"api_key": "sk-of-the-customer"}, 201, key=key)

    def test_many_at_once_do_not_pass_the_limit(self):
        tenant, key = self.account(tier="growth")
        answers = in_threads(24, lambda _: self.w.fetch("POST", f"/v1/tenants/{tenant}/api-keys", {"name": "n"}, key=key))
        self.assertEqual(sorted(answer.status for answer in answers), [201] * 9 + [403] * 15)
        self.assertEqual(len(self.admin("GET", f"/v1/tenants/{tenant}/api-keys")["api_keys"]), 10)

    def test_after_a_downgrade_the_keys_there_are_work_and_no_new_one_is_made(self):
        tenant, key = self.account(tier="developer", provider_keys="operator")
        second = self.admin("POST", f"/v1/tenants/{tenant}/api-keys", {"name": "n"}, 201)["key"]
        self.admin("PATCH", f"/v1/admin/tenants/{tenant}/tier", {"tier": "trial"})
        for one in (key, second):
            self.assertEqual(self.w.chat(key=one).status, 200)
        error = self.refused(self.w.fetch("POST", f"/v1/tenants/{tenant}/api-keys", {"name": "n"}, key=key), 403, "api_key_limit_exceeded")
        self.assertEqual((error["limit"], error["current"]), (1, 2))

    def test_evidence_is_read_by_tiers_that_have_it_and_written_for_all(self):
        tenant, key = self.account(tier="developer", provider_keys="operator")
        call = self.w.chat(key=key)
        targets = ("/v1/evidence", f"/v1/evidence/{call.evidence_id}", "/v1/evidence/export", "/v1/evidence/checkpoint")
        for target in targets:
            error = self.refused(self.w.fetch("GET", target, key=key), 403, "feature_not_available")
            self.assertEqual((error["tier"], error["feature"]), ("developer", "audit_logs"))
            self.assertEqual(self.w.fetch("GET", f"{target}?tenant={tenant}", key=ADMIN).status, 200)
            self.assertEqual(self.w.fetch("GET", target.replace(call.evidence_id, self.w.chat().evidence_id), key=ACME).status, 200)
        for target in ("/v1/costs", "/v1/sessions"):
            self.assertEqual(self.w.fetch("GET", target, key=key).status, 200)
        self.admin("PATCH", f"/v1/admin/tenants/{tenant}/tier", {"tier": "growth"})
        for target in targets:
            self.assertEqual(self.w.fetch("GET", target, key=key).status, 200)
        self.assertEqual(self.w.call_of(call, tenant)["status"], 200)


if __name__ == "__main__":
    unittest.main()
