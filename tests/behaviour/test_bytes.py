"""What is forwarded arrives as it was sent, in both directions (issue: "What must be seen", 3)."""

import base64
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import (  # noqa: E402
    ACME, MODEL, PROVIDER_KEY, Connection, WorldCase, chat_body, chunked, fetch, parse_events, request)

M = b'"model":"gpt-4o-mini"'
MESSAGES = b'"messages":[{"role":"user","content":"hi"}]'

# Odd, but legal JSON (RFC 8259), each an object with a model.
CORPUS = {
    "plain": b"{" + M + b"," + MESSAGES + b"}",
    "white space of all kinds": b" \t\r\n{ \t\r\n" + M.replace(b":", b" \t:\r\n ") + b" ,\n" + MESSAGES + b"\r\n}\t \r\n",
    "model last": b"{" + MESSAGES + b"," + M + b"}",
    "escaped member name": b'{"\\u006dodel":"gpt-4o-mini",' + MESSAGES + b"}",
    "escaped model": b'{"model":"\\u0067pt\\u002D4o-mini",' + MESSAGES + b"}",
    "escaped solidus": b"{" + M + b',"x":"a\\/b",' + MESSAGES + b"}",
    "all short escapes": b"{" + M + b',"x":"\\"\\\\\\/\\b\\f\\n\\r\\t",' + MESSAGES + b"}",
    "escaped NUL": b"{" + M + b',"x":"\\u0000",' + MESSAGES + b"}",
    "lone surrogates": b"{" + M + b',"x":"\\ud800","y":"\\udc00\\ud800",' + MESSAGES + b"}",
    "surrogate pair": b"{" + M + b',"x":"\\ud83d\\ude00",' + MESSAGES + b"}",
    "noncharacters and astral text": ("{" + M.decode() + ',"x":"\ufffe\uffff\U0010ffff😀é\u0085\u2028\u2029\ufeff",').encode() + MESSAGES + b"}",
    "right-to-left and combining text": ("{" + M.decode() + ',"x":"\u202eabc\u202c e\u0301",').encode() + MESSAGES + b"}",
    "DEL and C1 controls raw": b"{" + M + b',"x":"\x7f\xc2\x80\xc2\x9f",' + MESSAGES + b"}",
    "thirty-digit integer": b"{" + M + b',"x":123456789012345678901234567890,' + MESSAGES + b"}",
    "number beyond double": b"{" + M + b',"x":1e400,"y":-1E+999,' + MESSAGES + b"}",
    "many digits": b"{" + M + b',"x":0.' + b"1" * 400 + b"," + MESSAGES + b"}",
    "minus zero": b"{" + M + b',"x":-0,"y":-0.0,"z":0e0,"w":1E-2,' + MESSAGES + b"}",
    "empty names and values": b"{" + M + b',"":"","a":{},"b":[],"c":[{}],' + MESSAGES + b"}",
    "duplicate members that nobody reads": b"{" + M + b',"x":1,"x":2,"x":{"y":1,"y":2},' + MESSAGES + b"}",
    "members named like Talon's inside others": b"{" + M + b',"metadata":{"tenant_id":"zz","provider":"q","model":"m","stream":"s"},' + MESSAGES + b"}",
    "unknown members": b"{" + M + b',"zzz":[1,[2,[3,[4]]]],"future":{"a":null},' + MESSAGES + b"}",
    "deep nesting": b"{" + M + b',"x":' + b"[" * 200 + b"]" * 200 + b"," + MESSAGES + b"}",
    "stream false, written out": b"{" + M + b',"stream": false ,"stream_options":null,' + MESSAGES + b"}",
    "max_tokens null": b"{" + M + b',"max_tokens":null,"n":1,' + MESSAGES + b"}",
    "tools": b"{" + M + b',"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],"tool_choice":"auto",' + MESSAGES + b"}",
    "no messages": b"{" + M + b"}",
    "large": b"{" + M + b',"messages":[{"role":"user","content":"' + b"0123456789abcdef" * 20000 + b'"}]}',
}


class RequestBytes(WorldCase):
    def test_odd_but_legal_json_arrives_at_the_provider_unchanged(self):
        world = self.world()
        with world.connect() as connection:
            for name, body in CORPUS.items():
                with self.subTest(name):
                    world.simulator.forget()
                    response = connection.exchange(request("POST", "/v1/chat/completions", body, key=ACME))
                    self.assertEqual(response.status, 200, response)
                    received = world.simulator.requests()
                    self.assertEqual(len(received), 1)
                    self.assertEqual(received[0].body, body)

    def test_odd_but_legal_json_passes_the_proxy_route_unchanged(self):
        world = self.world()
        with world.connect() as connection:
            for name, body in {**CORPUS, "talon members are the provider's here": b'{"tenant_id":"acme","provider":"x",' + M + b"}"}.items():
                with self.subTest(name):
                    world.simulator.forget()
                    response = connection.exchange(request("POST", "/v1/proxy/openai/chat/completions", body, key=ACME))
                    self.assertEqual(response.status, 200, response)
                    self.assertEqual(world.simulator.last().body, body)
                    self.assertEqual(world.simulator.last().target, "/v1/chat/completions")

    def test_every_route_forwards_its_body(self):
        world = self.world()
        for route, body in {
            "/v1/completions": {"model": "gpt-3.5-turbo-instruct", "prompt": "x", "max_tokens": 5},
            "/v1/embeddings": {"model": "text-embedding-3-small", "input": ["a", "b"]},
        }.items():
            with self.subTest(route):
                raw = json.dumps(body, indent=3).encode()
                response = world.fetch("POST", route, raw)
                self.assertEqual(response.status, 200, response)
                self.assertEqual(world.simulator.last().body, raw)
                self.assertEqual(world.simulator.last().target, route)

    def test_the_query_of_a_proxied_call_arrives_unchanged(self):
        world = self.world()
        query = "a=1&b=%2F%20&&c&d==&e=%c3%a9"
        response = world.fetch("POST", f"/v1/proxy/openai/chat/completions?{query}", chat_body())
        self.assertEqual(response.status, 200, response)
        self.assertEqual(world.simulator.last().target, f"/v1/chat/completions?{query}")

    def test_a_stream_asks_for_usage_and_changes_nothing_else(self):
        world = self.world()
        body = b'{ "stream" : true,\r\n"unknown":[1.0,{"z":1e400}], ' + M + b" , " + MESSAGES + b" }"
        response = world.fetch("POST", "/v1/chat/completions", body)
        self.assertEqual(response.status, 200, response)
        sent = world.simulator.last().body
        self.assertIs(json.loads(sent)["stream_options"]["include_usage"], True)
        # Every byte of the client's text is still there, in order: one insertion, nothing else.
        common = len(sent) - len(body)
        self.assertGreater(common, 0)
        self.assertTrue(any(sent[:cut] + sent[cut + common:] == body for cut in range(len(body) + 1)), sent)

    def test_stream_options_that_are_there_keep_their_other_members(self):
        world = self.world()
        for options in ({}, {"include_usage": False}, {"include_obfuscation": False}, {"include_usage": False, "future": [1]}):
            with self.subTest(options=options):
                response = world.chat(stream=True, stream_options=options)
                self.assertEqual(response.status, 200, response)
                sent = json.loads(world.simulator.last().body)["stream_options"]
                self.assertEqual(sent, {**options, "include_usage": True})

    def test_a_chunked_request_arrives_with_its_bytes(self):
        world = self.world()
        for sizes in ((1,), (7, 100), (65536,)):
            with self.subTest(sizes=sizes), world.connect() as connection:
                body = CORPUS["large"] if sizes == (65536,) else CORPUS["unknown members"]
                head = request("POST", "/v1/chat/completions", key=ACME, headers=[("Transfer-Encoding", "chunked")])
                response = connection.exchange(head + chunked(body, sizes, extension=b";x=y", trailer=b"X-T: 1\r\n"))
                self.assertEqual(response.status, 200, response)
                self.assertEqual(world.simulator.last().body, body)
                self.assertIsNone(world.simulator.last().header("x-t"))
                # The connection goes on after the trailer.
                self.assertEqual(connection.exchange(request("POST", "/v1/chat/completions", chat_body(), key=ACME)).status, 200)

    def test_a_request_in_single_bytes_is_understood(self):
        world = self.world()
        with world.connect() as connection:
            for byte in request("POST", "/v1/chat/completions", chat_body(), key=ACME):
                connection.socket.sendall(bytes([byte]))
            self.assertEqual(connection.read_response().status, 200)

    def test_expect_100_continue_is_answered_before_the_body(self):
        world = self.world()
        raw = request("POST", "/v1/chat/completions", chat_body(), key=ACME, headers=[("Expect", "100-continue")])
        head, body = raw.split(b"\r\n\r\n", 1)
        with world.connect() as connection:
            connection.send(head + b"\r\n\r\n")
            self.assertTrue(connection.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 "))
            connection.send(body)
            self.assertEqual(connection.read_response().status, 200)
        self.assertIsNone(world.simulator.last().header("expect"))

    def test_expect_100_continue_with_a_wrong_key_is_refused_without_the_body(self):
        world = self.world()
        raw = request("POST", "/v1/chat/completions", chat_body(), key="nobody", headers=[("Expect", "100-continue")])
        with world.connect() as connection:
            connection.send(raw.split(b"\r\n\r\n", 1)[0] + b"\r\n\r\n")
            response = connection.read_response()
            self.assertEqual((response.status, response.informational), (401, []))
        self.assertEqual(world.simulator.count(), 0)


class Headers(WorldCase):
    def test_the_provider_gets_its_own_key_and_nothing_of_the_hop(self):
        world = self.world()
        response = world.chat(headers=[
            ("X-Custom", "kept"), ("x-custom", "twice"), ("Cookie", "a=b"), ("OpenAI-Organization", "org-x"),
            ("OpenAI-Project", "p"), ("api-key", "zz"), ("x-goog-api-key", "zz"), ("X-Talon-Want", "cost"),
            ("Connection", "keep-alive, X-Hop"), ("X-Hop", "1"), ("Keep-Alive", "timeout=5"), ("TE", "trailers"),
            ("Upgrade", "h2c"), ("Proxy-Authorization", "Basic eA=="), ("Proxy-Connection", "keep-alive"),
            ("OpenAI-Beta", "assistants=v2"), ("X-Stainless-Lang", "js")])
        self.assertEqual(response.status, 200, response)
        received = world.simulator.last()
        self.assertEqual(received.all("authorization"), [f"Bearer {PROVIDER_KEY}"])
        self.assertEqual(received.all("x-custom"), ["kept", "twice"])
        self.assertEqual(received.header("openai-beta"), "assistants=v2")
        self.assertEqual(received.header("x-stainless-lang"), "js")
        self.assertEqual(received.all("host"), [world.simulator.address])
        for gone in ("cookie", "openai-organization", "openai-project", "api-key", "x-goog-api-key", "x-talon-want", "x-hop",
                     "keep-alive", "te", "upgrade", "proxy-authorization", "proxy-connection", "x-api-key"):
            self.assertEqual(received.all(gone), [], gone)
        self.assertNotIn(ACME, str(received.headers))

    def test_a_key_in_x_api_key_does_not_cross(self):
        world = self.world()
        response = world.fetch("POST", "/v1/chat/completions", chat_body(), key=None, headers=[("x-api-key", ACME)])
        self.assertEqual(response.status, 200, response)
        self.assertNotIn(ACME, str(world.simulator.last().headers))

    def test_response_headers_of_the_account_do_not_come_back(self):
        world = self.world()
        account = ["Set-Cookie:a=b", "openai-organization:org-sim", "openai-project:proj-sim", "x-ratelimit-limit-requests:10000",
                   "x-ratelimit-remaining-tokens:5", "X-Talon-Cost-Usd:99", "X-Kept:yes", "openai-processing-ms:12"]
        response = world.chat(sim=";".join("header=" + header for header in account))
        self.assertEqual(response.status, 200, response)
        for gone in ("set-cookie", "openai-organization", "openai-project"):
            self.assertEqual(response.all(gone), [], gone)
        self.assertNotIn("10000", response.all("x-ratelimit-limit-requests"))
        self.assertNotIn("5", response.all("x-ratelimit-remaining-tokens"))
        self.assertNotIn("99", response.all("x-talon-cost-usd"))
        self.assertEqual(response.header("x-kept"), "yes")
        self.assertEqual(response.all("x-talon-upstream-request-id"), ["req_sim"])
        self.assertEqual(len(response.all("x-request-id")), 1)
        self.assertNotEqual(response.header("x-request-id"), "req_sim")
        self.assertEqual(response.header("x-talon-tenant-id"), "acme")


class ResponseBytes(WorldCase):
    def direct(self, world, target, body, sim):
        return fetch(world.simulator.address, "POST", target, body, headers=[("X-Sim", sim)] if sim else [])

    def test_a_response_comes_back_unchanged_whatever_its_framing(self):
        world = self.world()
        for sim in ("", "framing=chunked", "framing=close", "chunk=10", "framing=length;trickle=0;step=100",
                    "info=103", "info=100", "close", "cut=after", "huge=3", "huge=3;chunk=4096", "content=1",
                    "usage=0,0", "no-usage", "status=201", "bad-usage=text"):
            for target in ("/v1/chat/completions", "/v1/proxy/openai/chat/completions"):
                with self.subTest(sim=sim, target=target):
                    direct = self.direct(world, "/v1/chat/completions", chat_body(), sim)
                    response = world.fetch("POST", target, chat_body(), sim=sim)
                    self.assertEqual((response.status, response.complete), (direct.status, True), response)
                    self.assertEqual(response.body, direct.body)
                    self.assertEqual(response.header("content-type"), direct.header("content-type"))

    def test_odd_response_bodies_come_back_unchanged(self):
        world = self.world()
        for name, body in {
            "odd JSON": b' {"a" :1e400,"a":2,\r\n"\\u0000":"\\ud800","choices":[],"usage" : {"prompt_tokens":1,"completion_tokens":2} }\n',
            "not JSON": b"<html>\xff\xfe not json</html>",
            "not UTF-8": bytes(range(256)),
            "empty": b"",
        }.items():
            with self.subTest(name):
                response = world.chat(sim="body64=" + base64.b64encode(body).decode())
                self.assertEqual((response.status, response.complete), (200, True), response)
                self.assertEqual(response.body, body)

    def test_an_error_of_the_provider_comes_back_with_its_body(self):
        world = self.world()
        for status in (400, 404, 422, 500, 503):
            with self.subTest(status=status):
                response = world.chat(sim=f"status={status};error-code=some_code")
                self.assertEqual(response.status, status, response)
                self.assertEqual(response.body, self.direct(world, "/v1/chat/completions", chat_body(), f"status={status};error-code=some_code").body)

    def test_a_stream_comes_back_without_the_chunk_that_was_asked_for_here(self):
        world = self.world()
        for sim in ("", "events=1", "events=50;interval=1", "trickle=0;step=3", "line-end=crlf", "line-end=cr", "framing=close",
                    "chunk=5", "usage=7,9", "no-usage"):
            with self.subTest(sim=sim):
                body = chat_body(stream=True)
                direct = self.direct(world, "/v1/chat/completions", body, sim)
                response = world.fetch("POST", "/v1/chat/completions", body, sim=sim)
                self.assertEqual((response.status, response.complete), (200, True), response)
                # A provider that is asked for usage writes `usage:null` into the other chunks.
                self.assertEqual(response.body.replace(b',"usage":null', b""), direct.body)
                self.assertEqual(response.events()[-1], "[DONE]")

    def test_a_stream_whose_client_asked_for_usage_comes_back_unchanged(self):
        world = self.world()
        for target in ("/v1/chat/completions", "/v1/completions"):
            with self.subTest(target=target):
                body = {**chat_body(stream=True, stream_options={"include_usage": True}), "prompt": "x"}
                body["model"] = MODEL if "chat" in target else "gpt-3.5-turbo-instruct"
                direct = self.direct(world, target, body, "usage=7,9")
                response = world.fetch("POST", target, body, sim="usage=7,9")
                self.assertEqual(response.body, direct.body)
                self.assertEqual(json.loads(response.events()[-2])["usage"]["total_tokens"], 16)
                usage = world.call_of(response)["usage"]
                self.assertEqual((usage["basis"], usage["input"], usage["output"]), ("provider", 7, 9))

    def test_a_proxied_stream_is_never_touched(self):
        world = self.world()
        for options in (None, {"include_usage": True}):
            with self.subTest(options=options):
                body = chat_body(stream=True, **({"stream_options": options} if options else {}))
                raw = json.dumps(body).encode()
                direct = self.direct(world, "/v1/chat/completions", raw, "")
                response = world.fetch("POST", "/v1/proxy/openai/chat/completions", raw)
                self.assertEqual(response.body, direct.body)
                self.assertEqual(world.simulator.last().body, raw)

    def test_a_cost_comment_comes_only_when_wanted(self):
        world = self.world()
        plain = world.chat(stream=True)
        wanted = world.chat(stream=True, headers=[("X-Talon-Want", "cost")])
        comments = [line for line in wanted.body.split(b"\n") if line.startswith(b":")]
        self.assertEqual([line for line in plain.body.split(b"\n") if line.startswith(b":")], [])
        self.assertEqual(len(comments), 1, wanted)
        self.assertLess(wanted.body.index(comments[0]), wanted.body.index(b"data: [DONE]"))
        self.assertEqual(parse_events(wanted.body), parse_events(plain.body))


class Wire(WorldCase):
    def test_pipelined_requests_are_answered_in_order(self):
        world = self.world()
        delays = (150, 0, 80, 0, 20)
        with world.connect() as connection:
            connection.send(b"".join(
                request("POST", "/v1/chat/completions", chat_body(max_tokens=10 + index), key=ACME,
                        headers=[("X-Sim", f"delay={delay};usage={index + 1},{index + 1}")])
                for index, delay in enumerate(delays)))
            seen = [connection.read_response().json()["usage"]["prompt_tokens"] for _ in delays]
        self.assertEqual(seen, [1, 2, 3, 4, 5])
        self.assertEqual([json.loads(received.body)["max_tokens"] for received in world.simulator.requests()], [10, 11, 12, 13, 14])

    def test_a_pipelined_stream_does_not_mix_with_the_next_answer(self):
        world = self.world()
        with world.connect() as connection:
            connection.send(request("POST", "/v1/chat/completions", chat_body(stream=True), key=ACME, headers=[("X-Sim", "interval=5")])
                            + request("GET", "/healthz") + request("POST", "/v1/chat/completions", chat_body(), key=ACME))
            first, second, third = (connection.read_response(method) for method in ("POST", "GET", "POST"))
        self.assertEqual(first.events()[-1], "[DONE]")
        self.assertEqual(second.status, 200)
        self.assertEqual(third.json()["object"], "chat.completion")

    def test_an_http_1_0_client_gets_no_chunks_and_an_end_by_close(self):
        world = self.world()
        for members in ({}, {"stream": True}):
            with self.subTest(members=members), world.connect() as connection:
                connection.send(request("POST", "/v1/chat/completions", chat_body(**members), key=ACME, version="HTTP/1.0", host=None))
                response = connection.read_response()
                self.assertEqual(response.status, 200, response)
                self.assertEqual(response.all("transfer-encoding"), [])
                self.assertTrue(connection.ended())
                if members:
                    self.assertEqual(response.events()[-1], "[DONE]")
                else:
                    self.assertEqual(response.json()["object"], "chat.completion")

    def test_an_http_1_0_client_may_keep_its_connection_for_a_length_framed_answer(self):
        world = self.world()
        raw = request("POST", "/v1/chat/completions", chat_body(), key=ACME, version="HTTP/1.0", host=None, headers=[("Connection", "keep-alive")])
        with world.connect() as connection:
            response = connection.exchange(raw)
            self.assertEqual(response.status, 200)
            if (response.header("connection") or "").lower() == "keep-alive":
                self.assertEqual(connection.exchange(raw).status, 200)
            else:
                self.assertTrue(connection.ended())

    def test_head_has_the_head_of_get_and_no_body(self):
        world = self.world()
        for target in ("/healthz", "/v1/models"):
            with self.subTest(target), world.connect() as connection:
                connection.send(request("HEAD", target, key=ACME) + request("GET", target, key=ACME))
                head, full = connection.read_response("HEAD"), connection.read_response("GET")
                self.assertEqual((head.status, full.status), (200, 200))
                self.assertEqual(head.header("content-type"), full.header("content-type"))
                self.assertEqual(head.body, b"")

    def test_head_on_the_proxy_route_reaches_the_provider_and_ends_without_a_body(self):
        world = self.world()
        with world.connect() as connection:
            connection.send(request("HEAD", "/v1/proxy/openai/models", key=ACME) + request("GET", "/healthz"))
            response = connection.read_response("HEAD")
            self.assertIn(response.status, (200, 403, 405), response)
            self.assertEqual(connection.read_response("GET").status, 200)

    def test_connection_close_is_obeyed(self):
        world = self.world()
        with world.connect() as connection:
            response = connection.exchange(request("POST", "/v1/chat/completions", chat_body(), key=ACME, headers=[("Connection", "close")]))
            self.assertEqual(response.status, 200)
            self.assertEqual((response.header("connection") or "").lower(), "close")
            self.assertTrue(connection.ended())

    def test_a_unix_socket_serves_like_a_port(self):
        folder = self.world(start=False).folder
        path = f"unix:{folder}/talon.sock"
        world = self.world({"server": {"listen": [path, "127.0.0.1:0"]}})
        unix = next(address for address in world.addresses if address.startswith("unix:"))
        with Connection(unix) as connection:
            self.assertEqual(connection.exchange(request("POST", "/v1/chat/completions", chat_body(), key=ACME)).status, 200)

    def test_provider_connections_are_kept_and_used_again(self):
        world = self.world()
        with world.connect() as connection:
            for _ in range(10):
                self.assertEqual(connection.exchange(request("POST", "/v1/chat/completions", chat_body(), key=ACME)).status, 200)
        self.assertEqual(len({received.connection for received in world.simulator.requests()}), 1)
