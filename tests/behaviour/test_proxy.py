"""`/v1/proxy` with the operator's credential upstream: what is open, what is not, and what crosses (acceptance T13;
interfaces.md §3 and §4)."""

import base64
import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import ACME, GLOBEX, MODEL, PROVIDER_KEY, WorldCase, chat_body, fetch, request  # noqa: E402

PROXY = "/v1/proxy/openai"
UPLOAD = (b"--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n"
          b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n\x00\xff\x01\r\n--b--\r\n")
MULTIPART = [("Content-Type", "multipart/form-data; boundary=b")]

OPEN = (
    ("POST", "/chat/completions", chat_body(), []),
    ("POST", "/completions", {"model": "gpt-3.5-turbo-instruct", "prompt": "x"}, []),
    ("POST", "/embeddings", {"model": "text-embedding-3-small", "input": "x"}, []),
    ("POST", "/responses", {"model": MODEL, "input": "x"}, []),
    ("POST", "/moderations", {"input": "x"}, []),
    ("POST", "/images/generations", {"prompt": "x"}, []),
    ("POST", "/audio/speech", {"model": "tts-1", "input": "x", "voice": "alloy"}, []),
    ("POST", "/audio/transcriptions", UPLOAD, MULTIPART),
    ("GET", "/models", None, []),
    ("HEAD", "/models", None, []),
)
CLOSED = (
    ("GET", "/files"), ("POST", "/files"), ("GET", "/files/file-1"), ("DELETE", "/files/file-1"), ("GET", "/files/file-1/content"),
    ("GET", "/threads"), ("POST", "/threads"), ("GET", "/threads/thread-1"), ("DELETE", "/threads/thread-1"),
    ("GET", "/chat/completions"), ("GET", "/chat/completions/chatcmpl-1"), ("DELETE", "/chat/completions/chatcmpl-1"),
    ("GET", "/responses/resp_1"), ("DELETE", "/responses/resp_1"), ("POST", "/responses/resp_1/cancel"), ("GET", "/responses/resp_1/input_items"),
    ("POST", "/conversations"), ("GET", "/conversations/conv_1"), ("POST", "/vector_stores"), ("GET", "/vector_stores"), ("POST", "/assistants"),
    ("GET", "/assistants"), ("POST", "/batches"), ("GET", "/batches"), ("POST", "/uploads"), ("GET", "/fine_tuning/jobs"),
    ("POST", "/fine_tuning/jobs"), ("GET", "/models/gpt-4o"), ("DELETE", "/models/ft:gpt-4o:acme"), ("POST", "/models"), ("GET", "/containers"),
    ("GET", "/organization/costs"), ("GET", "/organization/usage/completions"), ("GET", "/organization/admin_api_keys"), ("GET", "/dashboard/billing/usage"),
    ("GET", "/usage"), ("GET", "/evals"), ("GET", "/me"), ("POST", "/realtime/sessions"), ("PUT", "/chat/completions"), ("OPTIONS", "/chat/completions"),
    ("POST", "/Chat/Completions"), ("POST", "/chat/completions/"), ("POST", "/chat%2Dcompletions"), ("POST", "/chat/%63ompletions"), ("GET", "/models;x"),
    ("GET", "/v1/models"), ("GET", "/anything"),
)


class ProxyCase(WorldCase):
    def refused(self, response, status, code):
        self.assertEqual((response.status, response.code), (status, code), response)
        return response


class WhatIsOpen(ProxyCase):
    def test_stateless_inference_and_the_list_of_models_pass(self):
        world = self.world()
        for method, path, body, headers in OPEN:
            with self.subTest(path):
                world.simulator.forget()
                response = world.fetch(method, PROXY + path, body, headers=headers)
                self.assertEqual(response.status, 200, response)
                received = world.simulator.last()
                self.assertEqual((received.method, received.target), (method, "/v1" + path))
                self.assertEqual(received.header("authorization"), f"Bearer {PROVIDER_KEY}")
                self.assertEqual(world.call_of(response)["ask"]["endpoint"], "/v1/proxy/{provider}/{path}")
                if isinstance(body, bytes):
                    self.assertEqual(received.body, body)

    def test_everything_else_is_refused_and_never_reaches_the_provider(self):
        world = self.world()
        for method, path in CLOSED:
            with self.subTest(method=method, path=path):
                body = b"{}" if method in ("POST", "PUT") else None
                response = self.refused(world.fetch(method, PROXY + path, body), 403, "provider_path_not_allowed")
                self.assertTrue(response.evidence_id)
                self.assertEqual(response.header("x-should-retry"), "false")
        self.assertEqual(world.simulator.count(), 0)

    def test_what_the_provider_keeps_for_one_tenant_no_tenant_can_reach(self):
        world = self.world()
        # The provider does keep state: asked directly, it gives it to whoever has the account's key.
        id = fetch(world.simulator.address, "POST", "/v1/files", {"purpose": "assistants"}).json()["id"]
        self.assertEqual(fetch(world.simulator.address, "GET", f"/v1/files/{id}").status, 200)
        for key in (ACME, GLOBEX):
            for method, path in (("GET", f"/files/{id}"), ("GET", "/files"), ("DELETE", f"/files/{id}")):
                response = self.refused(world.fetch(method, PROXY + path, key=key), 403, "provider_path_not_allowed")
                self.assertNotIn("purpose", response.body.decode())

    def test_a_body_that_names_state_at_the_provider_is_refused_wherever_the_name_stands(self):
        world = self.world()
        responses = {"model": MODEL, "input": "x"}
        content = [{"type": "file", "file": {"file_id": "file-1"}}]
        for name, path, body in (
            ("previous_response_id", "/responses", {**responses, "previous_response_id": "resp_1"}),
            ("background", "/responses", {**responses, "background": True}),
            ("conversation", "/responses", {**responses, "conversation": {"id": "conv_1"}}),
            ("conversation", "/responses", {**responses, "conversation": "conv_1"}),
            ("file_id", "/responses", {**responses, "input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]}),
            ("file_id", "/chat/completions", {"model": MODEL, "messages": [{"role": "user", "content": content}]}),
            ("vector_store_ids", "/responses", {**responses, "tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]}),
            ("container", "/responses", {**responses, "tools": [{"type": "code_interpreter", "container": "cntr_1"}]}),
        ):
            for text in (json.dumps(body), json.dumps(body).replace(f'"{name}"', f'"\\u{ord(name[0]):04x}{name[1:]}"')):
                with self.subTest(name=name, text=text):
                    response = self.refused(world.fetch("POST", PROXY + path, text.encode()), 403, "provider_path_not_allowed")
                    self.assertIn(name, response.json()["error"]["message"])
        # The typed route has the same credential, and so the same rule.
        self.refused(world.fetch("POST", "/v1/chat/completions", {"model": MODEL, "messages": [{"role": "user", "content": content}]}),
                     403, "provider_path_not_allowed")
        self.assertEqual(world.simulator.count(), 0)
        # A call that is worked on before it is answered leaves nothing to ask for.
        self.assertEqual(world.fetch("POST", PROXY + "/responses", {**responses, "background": False}).status, 200)
        # As a word of the text it names nothing.
        self.assertEqual(world.fetch("POST", PROXY + "/responses", {**responses, "input": "file_id container conversation"}).status, 200)

    def test_a_json_route_takes_only_an_object(self):
        world = self.world()
        for body in (b"not json", b"[]", b'"x"', b'{"model":"x"', b'{"a":1}{"previous_response_id":"r"}', b"\xff{}", b""):
            with self.subTest(body):
                response = world.fetch("POST", PROXY + "/responses", body)
                self.refused(response, 400, "invalid_json")
        self.assertEqual(world.simulator.count(), 0)

    def test_an_unknown_provider_is_not_found_and_one_that_is_off_says_so(self):
        world = self.world()
        self.refused(world.fetch("GET", "/v1/proxy/nobody/models"), 404, "not_found")
        self.refused(world.fetch("GET", "/v1/proxy/OpenAI/models"), 404, "not_found")
        off = self.world(environment={"OPENAI_API_KEY": None})
        response = self.refused(off.fetch("GET", PROXY + "/models"), 503, "no_provider_configured")
        self.assertEqual(response.header("x-should-retry"), "false")


class Targets(ProxyCase):
    def test_a_path_that_could_mean_two_things_is_a_400(self):
        world = self.world()
        for path in ("/../files", "/chat/../files", "/./models", "/models/.", "/models/..", "/chat//completions", "//models", "//", "/%2e%2e/files",
                     "/.%2E/files", "/chat%2fcompletions", "/chat%2Fcompletions", "/chat%5ccompletions", "/chat\\completions", "/models%00", "/%2e/models",
                     "/models%zz", "/models%2", "/..;/files", "/..;x=1/files", "/%252e%252e%2ffiles"):
            with self.subTest(path):
                for method, body in (("GET", None), ("POST", b"{}")):
                    self.refused(world.fetch(method, PROXY + path, body), 400, "invalid_request")
        # Decoded once these are names, not segments; they are not in the list either.
        self.refused(world.fetch("GET", PROXY + "/%252e%252e/files"), 403, "provider_path_not_allowed")
        self.assertEqual(world.simulator.count(), 0)

    def test_the_query_is_kept_as_it_was_but_for_key(self):
        world = self.world()
        for query, kept in (
            ("limit=2&order=desc", "limit=2&order=desc"), ("a=%20+b&c=%C3%BC", "a=%20+b&c=%C3%BC"), ("flag&x=&=y&&z", None),
            ("key=AIzaSecret", ""), ("a=1&key=s&b=2", "a=1&b=2"), ("key=s&a=1", "a=1"), ("a=1&key=s", "a=1"), ("KEY=s&Key=t&a=1", "a=1"),
            ("%6bey=s&a=1", "a=1"), ("ke%79=s", ""), ("key&a=1", "a=1"), ("monkey=1&keys=2&x=key", "monkey=1&keys=2&x=key"),
            ("tenant_id=globex", "tenant_id=globex"), ("u=http://a/../b//c", "u=http://a/../b//c"),
        ):
            with self.subTest(query):
                response = world.fetch("GET", f"{PROXY}/models?{query}")
                self.assertEqual(response.status, 200, response)
                target = world.simulator.last().target
                if kept is None:
                    self.assertTrue(target.startswith("/v1/models?flag&x=&=y&"), target)
                else:
                    self.assertEqual(target, "/v1/models" + (f"?{kept}" if kept else ""))


class WhatCrosses(ProxyCase):
    STAYS = ("Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Proxy-Authenticate", "TE", "Trailer", "Upgrade", "Cookie", "Cookie2",
             "OpenAI-Organization", "OpenAI-Project", "api-key", "x-goog-api-key", "X-Talon-Session-Id", "X-Talon-Want", "X-Talon-Anything", "X-Hop",
             "X-Other-Hop")

    def test_what_is_of_one_hop_of_the_account_or_of_talon_stays_behind(self):
        world = self.world()
        values = {"Connection": "keep-alive, X-Hop ,x-other-hop", "TE": "trailers", "Upgrade": "h2c", "Proxy-Authorization": "Basic secret-marker"}
        headers = [(name, values.get(name, "secret-marker")) for name in self.STAYS]
        headers += [("X-Custom", "kept"), ("User-Agent", "test/1"), ("Accept", "application/json"), ("OpenAI-Beta", "assistants=v2"),
                    ("Content-Type", "application/json"), ("Idempotency-Key", "i-1"), ("X-Talonted", "kept")]
        for method, target, body in (("POST", "/v1/chat/completions", chat_body()), ("POST", PROXY + "/chat/completions", chat_body()),
                                     ("GET", PROXY + "/models", None)):
            with self.subTest(target):
                response = world.fetch(method, target, body, headers=headers)
                self.assertEqual(response.status, 200, response)
                received = world.simulator.last()
                for name in self.STAYS + ("X-Api-Key",):
                    self.assertEqual(received.all(name), [], name)
                self.assertNotIn("secret-marker", repr(received.headers))
                self.assertNotIn(ACME, repr(received.headers))
                self.assertEqual(received.all("authorization"), [f"Bearer {PROVIDER_KEY}"])
                self.assertEqual(received.all("host"), [world.simulator.address])
                for name, value in (("X-Custom", "kept"), ("User-Agent", "test/1"), ("OpenAI-Beta", "assistants=v2"), ("Idempotency-Key", "i-1"),
                                    ("X-Talonted", "kept")):
                    self.assertEqual(received.all(name), [value], name)

    def test_the_accounts_headers_do_not_come_back(self):
        world = self.world()
        dropped = {
            "OpenAI-Organization": "org-secret", "OpenAI-Project": "proj-secret", "x-ratelimit-limit-requests": "500", "x-ratelimit-remaining-tokens": "1",
            "X-RateLimit-Reset-Requests": "1s", "anthropic-ratelimit-requests-limit": "5", "anthropic-organization-id": "org-2", "Set-Cookie": "a=b",
            "Set-Cookie2": "c=d", "Keep-Alive": "timeout=5", "Proxy-Authenticate": "Basic", "Upgrade": "h2c", "Trailer": "X", "X-Talon-Cost-Usd": "99",
            "X-Talon-Tenant-Id": "globex", "X-Talon-Evidence-Id": "ev_forged", "RateLimit-Policy": "x", "X-Request-Id": "req_theirs",
        }
        sim = ";".join(f"header={name}:{value}" for name, value in dropped.items()) + ";header=X-Kept:yes;header=openai-processing-ms:5"
        for method, target, body in (("POST", PROXY + "/chat/completions", chat_body()), ("POST", "/v1/chat/completions", chat_body(stream=True)),
                                     ("GET", PROXY + "/models", None), ("POST", PROXY + "/chat/completions", chat_body())):
            for status in ("", ";status=400"):
                with self.subTest(target=target, status=status):
                    response = world.fetch(method, target, body, sim=sim + status)
                    self.assertEqual(response.status, 400 if status else 200, response)
                    for name, value in dropped.items():
                        self.assertNotIn(value, response.all(name), name)
                    self.assertEqual(response.header("x-talon-tenant-id"), "acme")
                    self.assertEqual((response.header("x-kept"), response.header("openai-processing-ms")), ("yes", "5"))
                    self.assertEqual(len(response.all("x-request-id")), 1)

    def test_the_accounts_trouble_is_not_shown(self):
        world = self.world()
        body = base64.b64encode(b'{"error":{"message":"org-secret: You exceeded your quota of 500"}}').decode()
        extra = f";body64={body};header=x-ratelimit-limit-requests:500;header=openai-organization:org-secret;header=www-authenticate:Bearer"
        for method, target, ask in (("GET", PROXY + "/models", None), ("POST", PROXY + "/chat/completions", chat_body()),
                                    ("POST", PROXY + "/chat/completions", chat_body(stream=True)), ("POST", "/v1/embeddings", {"model": MODEL, "input": "x"})):
            for sim, status, code, retry in (("status=401", 502, "provider_auth_failed", None), ("status=403", 502, "provider_auth_failed", None),
                                             ("status=429", 429, "provider_rate_limited", None),
                                             ("status=429;retry-after=20", 429, "provider_rate_limited", "20"),
                                             ("status=429;retry-after=3600", 429, "provider_rate_limited", None),
                                             ("status=429;retry-after=-1", 429, "provider_rate_limited", None)):
                with self.subTest(target=target, sim=sim):
                    response = self.refused(world.fetch(method, target, ask, sim=sim + extra), status, code)
                    self.assertNotIn("org-secret", repr(response.headers) + response.body.decode())
                    self.assertNotIn("500", response.body.decode())
                    self.assertEqual(response.header("retry-after"), retry)
                    self.assertEqual(response.header("x-ratelimit-limit-requests"), None)
                    record = world.call_of(response)
                    self.assertEqual((record["decision"]["code"], record.get("cost", {}).get("nano_usd", 0)), (code, 0))

    def test_other_errors_pass_with_their_bodies(self):
        world = self.world()
        for status in (400, 404, 409, 413, 422, 500, 503):
            with self.subTest(status):
                response = world.fetch("POST", PROXY + "/chat/completions", chat_body(), sim=f"status={status};error-code=their_own_word")
                self.assertEqual((response.status, response.json()["error"]["code"]), (status, "their_own_word"))
                self.assertEqual(world.call_of(response)["decision"]["code"], "provider_error")

    def test_no_body_member_is_read_as_talons(self):
        world = self.world()
        body = json.dumps({"tenant_id": "globex", "provider": "nobody", "routing_policy": "x", **chat_body()}).encode()
        response = world.fetch("POST", PROXY + "/chat/completions", body)
        self.assertEqual(response.status, 200, response)
        self.assertEqual(world.simulator.last().body, body)
        self.assertEqual(response.header("x-talon-tenant-id"), "acme")
        self.refused(world.fetch("POST", PROXY + "/chat/completions", body, headers=[("X-Talon-Tenant-Id", "globex")]), 403, "tenant_mismatch")

    def test_a_connection_serves_on_after_every_kind_of_answer(self):
        world = self.world()
        with world.connect() as connection:
            for method, path, body in (("GET", "/files", None), ("POST", "/chat/completions", chat_body()), ("GET", "/../x", None), ("GET", "/models", None),
                                       ("POST", "/files", b"{}"), ("POST", "/chat/completions", chat_body(stream=True)), ("GET", "/models", None)):
                response = connection.exchange(request(method, PROXY + path, body, key=ACME))
                self.assertTrue(response.complete, response)


if __name__ == "__main__":
    unittest.main()
