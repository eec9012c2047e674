"""Every route × every kind of key (interfaces.md §3; issue "What must be seen" 2; acceptance T5, G16).

The list of routes is the running binary's own /openapi.json, which is made from the one route table; what each of them must
answer stands in ROUTES, by hand. A route without an expectation fails the test, and so does an expectation without a route.
# ctest: timeout=600
"""

import json
import os
import statistics
import sys
import time
import unittest
from collections import namedtuple
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import ACME, ADMIN, CALLERS, WorldCase, chat_body, request  # noqa: E402
from test_midnight import LIBFAKETIME  # noqa: E402

STATIC = "static-key-of-ops-0123456789abcdef"
READER = "admin-key-of-scope-read-0123456789"
INITECH = "talon-gw-initech-0123456789"
NOBODY = "tenant_" + "0" * 26
CALLER = "caller key of the configuration"
TENANT_KEY = "tenant key"
SCOPED, UNSCOPED, OPERATORS = "scoped virtual key", "unscoped virtual key", "static key"
FULL, READ_ONLY = "admin key", "admin key of scope read"
NOT_TO_BE = ("revoked tenant key", "revoked virtual key", "closed tenant's key", "closed tenant's virtual key", "garbage", "empty",
             "two keys", "no key")
SUSPENDED = ("suspended tenant's key", "suspended tenant's virtual key", "suspended caller")
EXPIRED = "expired key"

# Who gets what: the table of interfaces.md §3. None: what the route itself answers.
WRONG, MISMATCH = (403, "wrong_key_kind"), (403, "tenant_mismatch")
EVERYWHERE = {**{who: (401, "invalid_key") for who in NOT_TO_BE}, **{who: (403, "tenant_suspended") for who in SUSPENDED},
              EXPIRED: (401, "api_key_expired")}
LENT = {SCOPED: WRONG, UNSCOPED: WRONG, OPERATORS: WRONG}
TABLE = {
    "open": {who: None for who in (*EVERYWHERE, CALLER, TENANT_KEY, *LENT, FULL, READ_ONLY)},
    "data": {**EVERYWHERE, CALLER: None, TENANT_KEY: None, SCOPED: None, UNSCOPED: None, OPERATORS: None, FULL: WRONG, READ_ONLY: WRONG},
    "read": {**EVERYWHERE, **LENT, CALLER: None, TENANT_KEY: None, FULL: None, READ_ONLY: None},
    "own": {**EVERYWHERE, **LENT, CALLER: WRONG, TENANT_KEY: None, FULL: None, READ_ONLY: WRONG},
    "admin read": {**EVERYWHERE, **LENT, CALLER: WRONG, TENANT_KEY: WRONG, FULL: None, READ_ONLY: None},
    "admin": {**EVERYWHERE, **LENT, CALLER: WRONG, TENANT_KEY: WRONG, FULL: None, READ_ONLY: WRONG},
}
# The same keys where the request names another tenant, by path, query or tag.
NAMES_ANOTHER = {
    "data": {**EVERYWHERE, CALLER: MISMATCH, TENANT_KEY: MISMATCH, SCOPED: MISMATCH, UNSCOPED: None, OPERATORS: None, FULL: WRONG,
             READ_ONLY: WRONG},
    "read": {**EVERYWHERE, **LENT, CALLER: MISMATCH, TENANT_KEY: MISMATCH, FULL: None, READ_ONLY: None},
    "own": {**EVERYWHERE, **LENT, CALLER: WRONG, TENANT_KEY: MISMATCH, FULL: None, READ_ONLY: WRONG},
}

Row = namedtuple("Row", "row status body path query fresh", defaults=(200, None, {}, "", False))
"""`row`: of TABLE. `status`: what who may gets, or (status, code). `fresh`: on a tenant of its own, because it changes it.
`query`: what an admin key has to say besides. Parameters of the path are {tenant}'s and those of `subject`, or stand in `path`."""
CHAT = chat_body()
PROXY = {"provider": "openai", "path": "models"}
SHARED = (403, "provider_path_not_allowed")  # with the operator's credential only what keeps no state
ROUTES = {
    "POST /v1/chat/completions": Row("data", body=CHAT),
    "POST /v1/completions": Row("data", body={"model": "gpt-3.5-turbo-instruct", "prompt": "x"}),
    "POST /v1/embeddings": Row("data", body={"model": "text-embedding-3-small", "input": "x"}),
    "GET /v1/proxy/{provider}/{path}": Row("data", path=PROXY),
    "POST /v1/proxy/{provider}/{path}": Row("data", body=CHAT, path={**PROXY, "path": "chat/completions"}),
    "PUT /v1/proxy/{provider}/{path}": Row("data", SHARED, {}, PROXY),
    "PATCH /v1/proxy/{provider}/{path}": Row("data", SHARED, {}, PROXY),
    "DELETE /v1/proxy/{provider}/{path}": Row("data", SHARED, path=PROXY),
    "GET /v1/models": Row("data"),
    "POST /v1/sessions": Row("data", 201, {}),
    "GET /v1/sessions": Row("read", query="tenant"),
    "GET /v1/sessions/{id}": Row("read", path={"id": "session"}, query="tenant"),
    "GET /v1/evidence": Row("read", query="tenant"),
    "GET /v1/evidence/export": Row("read", query="tenant"),
    "GET /v1/evidence/checkpoint": Row("read", query="tenant"),
    "GET /v1/evidence/{id}": Row("read", path={"id": "evidence"}, query="tenant"),
    "GET /v1/costs": Row("read", query="tenant"),
    "POST /v1/admin/tenants": Row("admin", 201, {"name": "New", "tier": "trial"}),
    "GET /v1/admin/tenants": Row("admin read"),
    "GET /v1/admin/tenants/{tenant}": Row("admin read"),
    "DELETE /v1/admin/tenants/{tenant}": Row("admin", 204, fresh=True),
    "PATCH /v1/admin/tenants/{tenant}/tier": Row("admin", 200, {"tier": "trial"}, fresh=True),
    "POST /v1/admin/tenants/{tenant}/suspend": Row("admin", 200, {"reason": "x"}, fresh=True),
    "POST /v1/admin/tenants/{tenant}/resume": Row("admin", 200, fresh=True),
    "POST /v1/admin/reload": Row("admin"),
    "GET /v1/tenants/{tenant}/providers": Row("read"),
    "DELETE /v1/tenants/{tenant}/providers/{provider}": Row("own", 204, path={"provider": "google"}, fresh=True),
    "POST /v1/tenants/{tenant}/providers/{provider}/keys": Row("own", 201, {"api_key": "sk-of-the-customer"}, {"provider": "openai"}, fresh=True),
    "POST /v1/tenants/{tenant}/api-keys": Row("own", 201, {"name": "n"}, fresh=True),
    "GET /v1/tenants/{tenant}/api-keys": Row("read"),
    "DELETE /v1/tenants/{tenant}/api-keys/{key_id}": Row("own", 204, path={"key_id": "key_id"}, fresh=True),
    "GET /v1/tenants/{tenant}/routing": Row("read"),
    "PUT /v1/tenants/{tenant}/routing": Row("own", 200, {"policy": "fallback"}, fresh=True),
    "GET /v1/tenants/{tenant}/features": Row("read"),
    "PUT /v1/tenants/{tenant}/features": Row("own", 200, {"features": {"council_mode": False}}, fresh=True),
    "POST /api/virtual_keys": Row("admin", 200, {"name": "n"}),
    "GET /api/virtual_keys": Row("admin read"),
    "POST /api/virtual_keys/{id}/revoke": Row("admin", 200, path={"id": "virtual"}, fresh=True),
    "GET /api/tenants": Row("admin read"),
    "GET /api/tenants/{id}": Row("admin read", path={"id": "tenant"}),
    "GET /api/costs": Row("admin read"),
    "GET /api/logs": Row("admin read"),
    "GET /api/latency": Row("admin read"),
    "GET /api/sessions": Row("admin read"),
    "GET /api/sessions/{id}": Row("admin read", path={"id": "session"}),
    "GET /healthz": Row("open"),
    "GET /readyz": Row("open"),
    "GET /openapi.json": Row("open"),
    "POST /v1/admin/drain": Row("admin"),  # the last one: the process ends
}

Subject = namedtuple("Subject", "tenant key key_id virtual virtual_key session evidence")


class MatrixCase(WorldCase):
    def make_world(self, **changes):
        callers = (*CALLERS, {"name": "initech", "tenant_key": INITECH, "tenant_id": "initech"})
        keys = {"api_keys": [{"name": "ops", "key": STATIC}], "admin_keys": [{"name": "pipeline", "key": READER, "scope": "read"}]}
        self.w = self.world({"auth": {**keys, **changes}}, callers=callers)

    def admin(self, method, target, body=None, status=200):
        answer = self.w.fetch(method, target, body, key=ADMIN)
        self.assertEqual(answer.status, status, answer)
        return answer.json() if answer.body else None

    def account(self, name="Customer"):
        """An account with a second key and a virtual key."""
        made = self.admin("POST", "/v1/admin/tenants", {"name": name, "tier": "scale", "provider_keys": "operator"}, 201)
        tenant, key = made["tenant_id"], made["api_keys"][0]["key"]
        second = self.admin("POST", f"/v1/tenants/{tenant}/api-keys", {"name": "second"}, 201)
        virtual = self.admin("POST", "/api/virtual_keys", {"name": "lent", "tenant_id": tenant})
        return Subject(tenant, key, second["key_id"], virtual["id"], virtual["plaintext"], None, None)

    def used(self, subject):
        """With a session and a call."""
        session = self.w.fetch("POST", "/v1/sessions", {"session_id": f"call-of-{subject.tenant}"}, key=subject.key)
        self.assertEqual(session.status, 201, session)
        call = self.w.chat(key=subject.key)
        self.assertEqual(call.status, 200, call)
        return subject._replace(session=session.json()["uid"], evidence=call.evidence_id)

    def routes(self):
        document = self.w.fetch("GET", "/openapi.json", key=None).json()
        return {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods
                if method in ("get", "put", "post", "delete", "options", "head", "patch", "trace")}

    def check(self, response, expected, route):
        """`expected`: (status, code), or what the route answers to who may."""
        status, code = expected if isinstance(expected, tuple) else (expected, None)
        self.assertEqual(response.status, status, response)
        if not route.startswith("HEAD "):
            self.assertEqual(response.code, code, response)
        self.assertTrue(response.header("x-request-id"), response)


class Matrix(MatrixCase):
    def test_every_route_answers_every_key_as_the_table_says(self):
        self.make_world()
        self.assertEqual(self.routes(), set(ROUTES), "each route has its row in ROUTES, and each row its route")
        subjects, keys = self.make_keys()
        before = self.state_of_all(subjects)
        cells = 0
        for route, row in ROUTES.items():
            whos = list(keys)
            if route.endswith("/drain"):
                whos.sort(key=lambda who: who == FULL)
            for who in whos:
                cells += self.cell(route, row, who, subjects, keys)
            if row.row in NAMES_ANOTHER:
                for who in keys:
                    cells += self.naming_another(route, row, who, subjects, keys)
        self.assertEqual(self.w.process.wait(30), 0, "drained")
        self.w.start()
        self.assertEqual(self.state_of_all(subjects), before, "what was refused changed nothing")
        self.w.stop()
        self.w.verify()
        print(f"{cells} cells", flush=True)

    def make_keys(self):
        """By kind of key: whose it is, and the fields that carry it."""
        own, other, closed, suspended = (self.used(self.account(name)) for name in ("Own", "Other", "Closed", "Suspended"))
        yaml = self.used(Subject("acme", ACME, "key_" + "0" * 26, "key_" + "0" * 26, None, None, None))
        yaml_suspended = self.used(Subject("initech", INITECH, None, None, None, None, None))
        expiring = self.admin("POST", f"/v1/tenants/{own.tenant}/api-keys", {"name": "short", "expires_in_days": 1}, 201)["key"]
        revoked = self.admin("POST", f"/v1/tenants/{own.tenant}/api-keys", {"name": "revoked"}, 201)
        revoked_virtual = self.admin("POST", "/api/virtual_keys", {"name": "revoked", "tenant_id": own.tenant})
        unscoped = self.admin("POST", "/api/virtual_keys", {"name": "lent"})["plaintext"]
        self.admin("DELETE", f"/v1/tenants/{own.tenant}/api-keys/{revoked['key_id']}", status=204)
        self.admin("POST", f"/api/virtual_keys/{revoked_virtual['id']}/revoke")
        self.admin("DELETE", f"/v1/admin/tenants/{closed.tenant}", status=204)
        for tenant in (suspended.tenant, "initech"):
            self.admin("POST", f"/v1/admin/tenants/{tenant}/suspend")

        def bearer(key):
            return [("Authorization", f"Bearer {key}")]

        keys = {
            CALLER: (yaml, bearer(ACME)), TENANT_KEY: (own, bearer(own.key)), SCOPED: (own, bearer(own.virtual_key)),
            UNSCOPED: (own, bearer(unscoped)), OPERATORS: (own, bearer(STATIC)), FULL: (own, bearer(ADMIN)), READ_ONLY: (own, bearer(READER)),
            "revoked tenant key": (own, bearer(revoked["key"])), "revoked virtual key": (own, bearer(revoked_virtual["plaintext"])),
            "closed tenant's key": (closed, bearer(closed.key)), "closed tenant's virtual key": (closed, bearer(closed.virtual_key)),
            "garbage": (own, bearer("sk-" + "A" * 43)), "empty": (own, [("x-api-key", "")]), "no key": (own, []),
            "two keys": (own, [("x-api-key", own.key), ("Authorization", f"Bearer {other.key}")]),
            "suspended tenant's key": (suspended, bearer(suspended.key)),
            "suspended tenant's virtual key": (suspended, bearer(suspended.virtual_key)), "suspended caller": (yaml_suspended, bearer(INITECH)),
        }
        if not os.environ.get("TALON_SANITIZE"):  # a sanitizer's runtime and a preloaded clock do not go together
            self.assertIsNotNone(LIBFAKETIME, "libfaketime is missing; Debian's package libfaketime has it")
            self.w.stop()
            self.w.environment.update({"LD_PRELOAD": str(LIBFAKETIME), "FAKETIME": "+2d", "FAKETIME_DONT_FAKE_MONOTONIC": "1"})
            self.w.start()
            keys[EXPIRED] = (own, bearer(expiring))
        for row in TABLE.values():
            self.assertEqual(set(keys) | {EXPIRED}, set(row), "each row of TABLE says something of each kind of key")
        return {"own": own, "other": other, "yaml": yaml, "suspended": suspended, "closed": closed}, keys

    def target(self, route, row, subject, **more):
        """The route's path for `subject`."""
        target = route.split(" ", 1)[1]
        values = {"tenant": subject.tenant}
        for name, value in row.path.items():
            values[name] = getattr(subject, value) if value in Subject._fields else value
        for name, value in {**values, **more}.items():
            target = target.replace("{" + name + "}", str(value))
        self.assertNotIn("{", target)
        return target

    def subject_of(self, row, who, expected, subjects, keys):
        """Whom the request is about, and the fields with its key. What changes something does it to an account of its own."""
        subject, fields = keys[who]
        if not row.fresh or expected is not None:
            return subject, fields
        subject = self.account()
        self.admin("POST", f"/v1/tenants/{subject.tenant}/providers/google/keys", {"api_key": "AIza-of-the-customer"}, 201)
        return subject, [("Authorization", f"Bearer {subject.key}")] if who == TENANT_KEY else fields

    def cell(self, route, row, who, subjects, keys):
        expected = TABLE[row.row][who]
        subject, fields = self.subject_of(row, who, expected, subjects, keys)
        target = self.target(route, row, subject)
        if row.query and who in (FULL, READ_ONLY):
            target += f"?{row.query}={subject.tenant}"
        expected = row.status if expected is None else expected
        method = route.split(" ", 1)[0]
        methods = [method, "HEAD"] if method == "GET" else [method]
        for one in methods:
            with self.subTest(route=route, method=one, key=who):
                self.check(self.w.fetch(one, target, row.body, key=None, headers=fields), expected, f"{one} ")
        if row.row not in ("data", "open") and not isinstance(expected, tuple) and not route.endswith("/drain"):
            with self.subTest(route=route, key=who, tag="does not belong here"):
                tag = [*fields, ("X-Talon-Tenant-Id", subject.tenant)]
                self.check(self.w.fetch(method, target, row.body, key=None, headers=tag), (400, "invalid_request"), route)
        return len(methods)

    def naming_another(self, route, row, who, subjects, keys):
        """An account that exists, one that does not, and, by tag, those that are not to be used: nobody can tell the first two
        apart by what is refused."""
        method, path = route.split(" ", 1)
        expected = NAMES_ANOTHER[row.row][who]
        if expected is None and row.row != "data" or who in SUSPENDED:
            return 0  # an admin key names whom it likes: that was the cell itself; whether a suspended key names others is nobody's matter
        subject, fields = keys[who]
        answers = []
        for other in (subjects["other"].tenant, NOBODY):
            headers, target = list(fields), self.target(route, row, subject)
            if row.row == "data":
                headers.append(("X-Talon-Tenant-Id", other))
            elif "{tenant}" in path:
                target = self.target(route, row, subject, tenant=other)
            else:
                target += f"?tenant={other}"
            with self.subTest(route=route, key=who, names=other):
                response = self.w.fetch(method, target, row.body, key=None, headers=headers)
                self.check(response, row.status if expected is None else expected, route)
                answers.append(same_but(response, other))
        if expected is not None and len(answers) == 2:
            with self.subTest(route=route, key=who, about="the two answers"):
                self.assertEqual(*answers)
        if expected is None:
            for name, code in (("suspended", "tenant_suspended"), ("closed", "tenant_closed")):
                with self.subTest(route=route, key=who, names=name):
                    tag = [*fields, ("X-Talon-Tenant-Id", subjects[name].tenant)]
                    self.check(self.w.fetch(method, target, row.body, key=None, headers=tag), (403, code), route)
        return len(answers)

    def state_of_all(self, subjects):
        state = {}
        for name in ("own", "other", "yaml"):
            tenant = subjects[name].tenant
            for what in ("", "/providers", "/api-keys", "/routing", "/features"):
                target = f"/v1/tenants/{tenant}{what}" if what else f"/v1/admin/tenants/{tenant}"
                body = self.admin("GET", target)
                for key in body.get("api_keys", []) if what else []:
                    key.pop("last_used_at")
                for provider in body.get("providers", []) if what == "/providers" else []:
                    provider.pop("last_health_check", None), provider.pop("status"), provider.pop("models")
                state[name + what] = body
        return state


def same_but(response, echoed):
    """What can be compared of two refusals: all but ids of requests and records, the date, the id that was sent, and whether
    strangers are slow by now (then their connection ends)."""
    differ = {"x-request-id", "x-talon-evidence-id", "date", *(["connection"] if response.status == 401 else [])}
    body = response.body.decode()
    if response.code:
        body = json.loads(body)
        body["error"].pop("request_id")
        body = json.dumps(body)
    headers = [(name.lower(), value.replace(echoed, "ECHO")) for name, value in response.headers if name.lower() not in differ]
    return response.status, headers, body.replace(echoed, "ECHO")


class Methods(MatrixCase):
    def test_a_method_that_a_path_has_not_is_a_405_that_names_those_it_has(self):
        self.make_world()
        has = {}
        for route in self.routes():
            method, path = route.split(" ", 1)
            has.setdefault(path, set()).update({"GET": ("GET", "HEAD")}.get(method, (method,)))
        has["/v1/proxy/{provider}/{path}"] |= {"HEAD", "OPTIONS"}
        for path, methods in has.items():
            target = path.replace("{", "").replace("}", "")
            for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
                if method in methods:
                    continue
                for key in (None, ACME, ADMIN):  # before the key is looked at
                    with self.subTest(path=path, method=method, key=key):
                        response = self.w.fetch(method, target, key=key)
                        self.check(response, (405, "method_not_allowed"), f"{method} ")
                        self.assertEqual(set(response.header("allow").split(", ")), methods)

    def test_without_an_admin_key_the_admins_routes_do_not_exist(self):
        self.make_world(admin_key_file=None, admin_keys=None)
        nothing = self.w.fetch("GET", "/v1/nothing", key=None)
        for route, row in ROUTES.items():
            path = route.split(" ", 1)[1].replace("{", "").replace("}", "")
            for method in {route.split(" ", 1)[0], "GET", "PUT"}:
                for key in (None, ACME, ADMIN):
                    with self.subTest(route=route, method=method, key=key):
                        response = self.w.fetch(method, path, row.body, key=key)
                        if row.row.startswith("admin"):
                            self.assertEqual(same_but(response, "-"), same_but(nothing, "-"))
                        else:
                            self.assertNotEqual(response.code, "not_found") if key is None else None


class IdsOfOthers(MatrixCase):
    """Inside one's own space, an id that is another tenant's answers as one that never existed."""

    ROUNDS = 60
    # Medians over interleaved requests. What would tell the two apart would be a disk read or a hash of a password: many times
    # the 0.2 ms that such an answer takes. A generous ratio on top of a generous millisecond does not fail on a busy machine.
    RATIO, ALLOWANCE = 2.0, 0.001

    def setUp(self):
        self.make_world()
        self.own, self.other = self.used(self.account("Own")), self.used(self.account("Other"))

    def pairs(self):
        """(what, method, target with {id}, body, another's id, ids that never were)"""
        never = "0123456789ABCDEFGHJKMNPQRS"
        own, other = self.own.tenant, self.other
        untagged = self.w.chat(key=STATIC, headers=[("X-Talon-Session-Id", "session-of-the-operator")])
        self.assertEqual(untagged.status, 200)
        return (
            ("evidence", "GET", "/v1/evidence/{id}", None, other.evidence, "ev_" + never),
            ("evidence without a tenant", "GET", "/v1/evidence/{id}", None, untagged.evidence_id, "ev_" + never),
            ("session by its uid", "GET", "/v1/sessions/{id}", None, other.session, "ses_" + never),
            ("session by its id", "GET", "/v1/sessions/{id}", None, f"call-of-{other.tenant}", f"call-of-{NOBODY}"),
            ("session of the operator", "GET", "/v1/sessions/{id}", None, "session-of-the-operator", "session-of-the-nobodys"),
            ("call that is a session", "GET", "/v1/sessions/{id}", None, "ses_" + other.evidence[3:], "ses_" + never),
            ("API key", "DELETE", f"/v1/tenants/{own}/api-keys/{{id}}", None, other.key_id, "key_" + "0" * 26),
            ("virtual key as an API key", "DELETE", f"/v1/tenants/{own}/api-keys/{{id}}", None, other.virtual, "key_" + "0" * 26),
        )

    def test_they_answer_as_ids_that_never_existed(self):
        for what, method, target, body, others, never in self.pairs():
            with self.subTest(what), self.w.connect() as connection:
                seen, took = {}, {others: [], never: []}
                for turn in range(self.ROUNDS):
                    for one in (others, never) if turn % 2 else (never, others):
                        data = request(method, target.replace("{id}", one), body, key=self.own.key)
                        began = time.perf_counter()
                        response = connection.exchange(data)
                        took[one].append(time.perf_counter() - began)
                        self.assertEqual((response.status, response.code), (404, "not_found"), response)
                        self.assertIsNone(response.evidence_id)
                        seen[one] = same_but(response, one)
                self.assertEqual(seen[others], seen[never])
                slow, fast = sorted((statistics.median(times) for times in took.values()), reverse=True)
                self.assertLess(slow, fast * self.RATIO + self.ALLOWANCE, took)
        # And they are still there.
        self.assertEqual(self.w.fetch("GET", f"/v1/evidence/{self.other.evidence}", key=self.other.key).status, 200)
        self.assertEqual(self.w.fetch("GET", f"/v1/sessions/{self.other.session}", key=self.other.key).status, 200)
        kept = self.admin("GET", f"/v1/tenants/{self.other.tenant}/api-keys")["api_keys"]
        self.assertIn(self.other.key_id, [key["key_id"] for key in kept])

    def test_tenants_of_others_answer_as_tenants_that_never_existed_and_as_fast(self):
        for target in ("/v1/tenants/{id}/api-keys", "/v1/costs?tenant={id}"):
            with self.subTest(target), self.w.connect() as connection:
                seen, took = {}, {self.other.tenant: [], NOBODY: []}
                for turn in range(self.ROUNDS):
                    for one in (self.other.tenant, NOBODY) if turn % 2 else (NOBODY, self.other.tenant):
                        data = request("GET", target.replace("{id}", one), key=self.own.key)
                        began = time.perf_counter()
                        response = connection.exchange(data)
                        took[one].append(time.perf_counter() - began)
                        self.assertEqual((response.status, response.code), MISMATCH, response)
                        seen[one] = same_but(response, one)
                self.assertEqual(seen[self.other.tenant], seen[NOBODY])
                slow, fast = sorted((statistics.median(times) for times in took.values()), reverse=True)
                self.assertLess(slow, fast * self.RATIO + self.ALLOWANCE, took)

    def test_a_session_id_of_another_tenant_opens_a_session_of_ones_own(self):
        shown = self.w.fetch("GET", f"/v1/sessions/{self.other.session}", key=self.other.key).json()
        for one in (self.other.session, f"call-of-{self.other.tenant}", "ses_0123456789ABCDEFGHJKMNPQRS"):
            with self.subTest(one):
                made = self.w.fetch("POST", "/v1/sessions", {"session_id": one}, key=self.own.key)
                self.assertEqual(made.status, 201, made)
                self.assertEqual((made.json()["session_id"], made.json()["tenant_id"]), (one, self.own.tenant))
                self.assertNotEqual(made.json()["uid"], shown["uid"])
                call = self.w.chat(key=self.own.key, headers=[("X-Talon-Session-Id", one)])
                self.assertEqual((call.status, call.header("x-talon-session-id"), call.header("x-talon-tenant-id")), (200, one, self.own.tenant))
        self.assertEqual(self.w.fetch("GET", f"/v1/sessions/{self.other.session}", key=self.other.key).json(), shown)

    def test_lists_and_cursors_hold_nothing_of_others(self):
        for path in ("/v1/evidence", "/v1/sessions", "/v1/tenants/{}/api-keys"):
            theirs = self.w.fetch("GET", f"{path.format(self.other.tenant)}?limit=1", key=self.other.key)
            cursor = theirs.json()["next_cursor"]
            for query in ("", f"?cursor={cursor}" if cursor else ""):
                with self.subTest(path + query):
                    response = self.w.fetch("GET", path.format(self.own.tenant) + query, key=self.own.key)
                    for secret in (self.other.tenant, self.other.session, self.other.evidence, self.other.key_id):
                        self.assertNotIn(secret.encode(), response.body)


if __name__ == "__main__":
    unittest.main()
