"""openapi.json says what is answered: real answers of every route that reads or manages are held against its schemas."""

import json
import re
import sys
import unittest
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import ACME, ADMIN, TREE, WorldCase  # noqa: E402

KINDS = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def is_a(kind, value):
    if kind in ("number", "integer"):
        return isinstance(value, int if kind == "integer" else (int, float)) and not isinstance(value, bool)
    return isinstance(value, KINDS[kind])


def problems(document, schema, value, at="answer"):
    """What of JSON Schema the document uses: $ref, type, enum, pattern, minLength, properties, required, items."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(is_a(kind, value) for kind in kinds):
        return [f"{at} is {value!r}, not {kinds}"]
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{at} is {value!r}, not one of {schema['enum']}")
    if isinstance(value, str) and (not re.search(schema.get("pattern", ""), value) or len(value) < schema.get("minLength", 0)):
        found.append(f"{at} is {value!r}")
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            found += problems(document, schema["items"], item, f"{at}[{index}]")
    if isinstance(value, dict):
        known = schema.get("properties", {})
        found += [f"{at}.{name} is missing" for name in schema.get("required", []) if name not in value]
        for name, inner in value.items():
            more = schema.get("additionalProperties", True)
            if name in known:
                found += problems(document, known[name], inner, f"{at}.{name}")
            elif more is False:
                found.append(f"{at}.{name} is not described")
            elif isinstance(more, dict):
                found += problems(document, more, inner, f"{at}.{name}")
    return found


class OpenApi(WorldCase):
    def setUp(self):
        self.w = self.world({"auth": {"api_keys": [{"name": "ops", "key": "static-key-of-operations-0123456789"}]}})
        self.document = self.w.fetch("GET", "/openapi.json", key=None).json()
        self.seen = set()

    def ask(self, method, pattern, body=None, key=ADMIN, query="", **parts):
        """One request; its answer must be as the document says."""
        target = re.sub(r"\{(\w+)\}", lambda match: quote(parts[match[1]], safe=""), pattern) + query
        answer = self.w.fetch(method, target, body, key=key)
        operation = self.document["paths"][pattern][method.lower()]
        self.assertIn(str(answer.status), operation["responses"], answer)
        self.seen.add((method, pattern))
        content = operation["responses"][str(answer.status)].get("content", {})
        if not content:
            self.assertEqual(answer.body, b"")
        elif "application/json" in content:
            value = json.loads(answer.body)
            self.assertEqual(problems(self.document, content["application/json"]["schema"], value), [])
            return value
        else:
            self.assertIn(answer.header("content-type").split(";")[0], content)
        return None

    def test_every_answer_is_as_it_is_described(self):
        served = json.loads((TREE / "openapi.json").read_text())
        self.assertEqual(self.document, served)
        first = self.w.chat(headers=[("X-Talon-Session-Id", "call-1")])
        self.w.chat(model="no-such-model", key="static-key-of-operations-0123456789")
        self.w.chat(sim="status=500")

        tenants, tenant = "/v1/admin/tenants", "/v1/admin/tenants/{tenant}"
        made = self.ask("POST", tenants, {"name": "Größe & Co", "tier": "growth", "provider_keys": "operator"})
        of, key = {"tenant": made["tenant_id"]}, made["api_keys"][0]["key"]
        account = "/v1/tenants/{tenant}/"
        self.ask("POST", account + "providers/{provider}/keys", {"api_key": "sk-own-key-0123"}, key=key, provider="openai", **of)
        self.ask("GET", account + "providers", key=key, **of)
        issued = self.ask("POST", account + "api-keys", {"name": "second"}, key=key, **of)
        self.ask("GET", account + "api-keys", key=key, **of)
        self.ask("DELETE", account + "api-keys/{key_id}", key=key, key_id=issued["key_id"], **of)
        for part, body in (("routing", {"policy": "fallback", "models": {}}), ("features", {"features": {"council_mode": False}})):
            self.ask("GET", account + part, key=key, **of)
            self.ask("PUT", account + part, body, key=key, **of)
        self.assertEqual(self.w.chat(key=key).status, 200)
        self.ask("PATCH", tenant + "/tier", {"tier": "scale"}, **of)
        self.ask("PATCH", tenant + "/tier", {"tier": "trial", "grace_period_days": 30}, **of)
        self.ask("GET", tenant, **of)
        self.ask("POST", tenant + "/suspend", {"reason": "Payment failure"}, **of)
        self.ask("POST", tenant + "/resume", **of)
        self.ask("GET", tenants)

        issued = self.ask("POST", "/api/virtual_keys", {"name": "v", "tenant_id": "acme", "project": "web"})
        self.ask("GET", "/api/virtual_keys", query="?include_revoked=true")
        self.ask("POST", "/api/virtual_keys/{id}/revoke", id=issued["id"])

        session = self.ask("POST", "/v1/sessions", {"project": "web"}, key=ACME)
        self.ask("GET", "/v1/sessions", key=ACME)
        self.ask("GET", "/v1/sessions/{id}", key=ACME, id=session["session_id"])
        self.ask("GET", "/v1/models", key=ACME)
        for pattern in ("/v1/evidence", "/v1/evidence/export", "/v1/evidence/checkpoint", "/v1/costs"):
            self.ask("GET", pattern, key=ACME)
        self.ask("GET", "/v1/evidence/{id}", key=ACME, id=first.evidence_id)

        for pattern in ("/api/tenants", "/api/costs", "/api/logs", "/api/latency", "/api/sessions"):
            self.ask("GET", pattern)
        for name in ("acme", made["tenant_id"]):
            self.ask("GET", "/api/tenants/{id}", id=name)
        self.ask("GET", "/api/sessions/{id}", id="call-1")

        self.ask("DELETE", account + "providers/{provider}", key=key, provider="openai", **of)
        self.ask("DELETE", tenant, **of)
        self.ask("POST", "/v1/admin/reload")
        for pattern in ("/healthz", "/readyz", "/openapi.json"):
            self.ask("GET", pattern, key=None)
        self.ask("POST", "/v1/admin/drain")

        every = {(method.upper(), pattern) for pattern, operations in self.document["paths"].items() for method in operations
                 if method in ("get", "post", "put", "patch", "delete")}
        # What providers answer is theirs to describe.
        passed_on = {(method, pattern) for method, pattern in every if pattern.startswith("/v1/proxy/")} | {
            ("POST", "/v1/chat/completions"), ("POST", "/v1/completions"), ("POST", "/v1/embeddings")}
        self.assertEqual(every - passed_on - self.seen, set(), "described and not asked for here")


if __name__ == "__main__":
    unittest.main()
