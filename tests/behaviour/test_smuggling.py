# ctest: timeout=600
"""Requests that mean two things, heads and bodies that never end, and crowds of idle connections (issue, 8)."""

import os
import resource
import select
import socket
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import (  # noqa: E402
    ACME, PATIENCE, Connection, ResponseError, WorldCase, chat_body, chunked, in_threads, request, wait_until)

BODY = b'{"model":"gpt-4o-mini","messages":[]}'
LENGTH = b"%d" % len(BODY)
KEY = b"Authorization: Bearer " + ACME.encode() + b"\r\n"
SMUGGLED = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n" + KEY + b"X-Smuggled: 1\r\nContent-Length: " + LENGTH + b"\r\n\r\n" + BODY


def raw(lines, body=BODY, line=b"POST /v1/chat/completions HTTP/1.1", host=b"Host: x\r\n", key=KEY):
    return line + b"\r\n" + host + key + lines + b"\r\n" + body


CHUNKED = chunked(BODY, (5,))
CL = b"Content-Length: " + LENGTH + b"\r\n"
TE = b"Transfer-Encoding: chunked\r\n"

# name -> the whole request. All: 400, connection closed, nothing forwarded, what follows not read as a request.
TABLE = {
    "two equal Content-Length": raw(CL + CL),
    "two different Content-Length": raw(CL + b"Content-Length: 3\r\n"),
    "Content-Length list": raw(b"Content-Length: " + LENGTH + b", " + LENGTH + b"\r\n"),
    "Content-Length with plus": raw(b"Content-Length: +" + LENGTH + b"\r\n"),
    "Content-Length negative": raw(b"Content-Length: -1\r\n"),
    "Content-Length hex": raw(b"Content-Length: 0x25\r\n"),
    "Content-Length with inner space": raw(b"Content-Length: 3 7\r\n"),
    "Content-Length empty": raw(b"Content-Length: \r\n"),
    "Content-Length beyond 64 bits": raw(b"Content-Length: 18446744073709551653\r\n"),
    "Content-Length quoted": raw(b'Content-Length: "37"\r\n'),
    "Content-Length with a full-width digit": raw("Content-Length: 3７\r\n".encode()),
    "Content-Length and chunked": raw(CL + TE, CHUNKED),
    "chunked and Content-Length": raw(TE + CL, CHUNKED),
    "chunked twice": raw(TE + TE, CHUNKED),
    "chunked, chunked": raw(b"Transfer-Encoding: chunked, chunked\r\n", CHUNKED),
    "gzip, chunked": raw(b"Transfer-Encoding: gzip, chunked\r\n", CHUNKED),
    "chunked, identity": raw(b"Transfer-Encoding: chunked, identity\r\n", CHUNKED),
    "identity": raw(b"Transfer-Encoding: identity\r\n" + CL),
    "xchunked": raw(b"Transfer-Encoding: xchunked\r\n", CHUNKED),
    "chunked with a parameter": raw(b"Transfer-Encoding: chunked;q=1\r\n", CHUNKED),
    "chunked quoted": raw(b'Transfer-Encoding: "chunked"\r\n', CHUNKED),
    "chunked with a vertical tab": raw(b"Transfer-Encoding: \x0bchunked\r\n", CHUNKED),
    "empty Transfer-Encoding": raw(b"Transfer-Encoding: \r\n" + CL),
    "Transfer-Encoding with a space before the colon": raw(b"Transfer-Encoding : chunked\r\n", CHUNKED),
    "Transfer-Encoding behind a fold": raw(b"X-A: b\r\n Transfer-Encoding: chunked\r\n" + CL),
    "Transfer-Encoding folded": raw(b"Transfer-Encoding:\r\n chunked\r\n", CHUNKED),
    "Transfer-Encoding on HTTP/1.0": raw(TE, CHUNKED, b"POST /v1/chat/completions HTTP/1.0"),
    "obs-fold with a tab": raw(b"X-A: b\r\n\tc\r\n" + CL),
    "first header line folded": b"POST /v1/chat/completions HTTP/1.1\r\n Host: x\r\n" + KEY + CL + b"\r\n" + BODY,
    "no Host": raw(CL, host=b""),
    "two Hosts": raw(CL, host=b"Host: a\r\nHost: b\r\n"),
    "two equal Hosts": raw(CL, host=b"Host: a\r\nHost: a\r\n"),
    "Host with a space before the colon": raw(CL, host=b"Host : a\r\n"),
    "header name with a space": raw(b"Bad Name: x\r\n" + CL),
    "header name empty": raw(b": x\r\n" + CL),
    "header name with a control": raw(b"X\x01Y: x\r\n" + CL),
    "header name not ASCII": raw("Xé: x\r\n".encode() + CL),
    "header line without a colon": raw(b"NoColon\r\n" + CL),
    "NUL in a value": raw(b"X-A: a\x00b\r\n" + CL),
    "bare CR in a value": raw(b"X-A: a\rb\r\n" + CL),
    "bare CR hides a header": raw(b"X-A: a\rTransfer-Encoding: chunked\r\n" + CL),
    "bare LF line ends": raw(CL).replace(b"\r\n", b"\n", 4),
    "all line ends bare LF": raw(CL).replace(b"\r\n", b"\n"),
    "control in the target": raw(CL, line=b"POST /v1/chat\x01/completions HTTP/1.1"),
    "space in the target": raw(CL, line=b"POST /v1/chat completions HTTP/1.1"),
    "tab in the target": raw(CL, line=b"POST /v1/chat\tcompletions HTTP/1.1"),
    "DEL in the target": raw(CL, line=b"POST /v1/chat\x7f HTTP/1.1"),
    "8-bit byte in the target": raw(CL, line=b"POST /v1/chat\xe9 HTTP/1.1"),
    "two spaces after the method": raw(CL, line=b"POST  /v1/chat/completions HTTP/1.1"),
    "no version": raw(CL, line=b"POST /v1/chat/completions"),
    "version 2.0": raw(CL, line=b"POST /v1/chat/completions HTTP/2.0"),
    "version 1.10": raw(CL, line=b"POST /v1/chat/completions HTTP/1.10"),
    "version lower case": raw(CL, line=b"POST /v1/chat/completions http/1.1"),
    "method with a control": raw(CL, line=b"PO\x01ST /v1/chat/completions HTTP/1.1"),
    "empty request line parts": b" / HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS on the plain port": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40) + b"\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "chunk size not hex": raw(TE, b"zz\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunk size empty": raw(TE, b"\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunk size negative": raw(TE, b"-5\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunk size with 0x": raw(TE, b"0x%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n"),
    "chunk size beyond 64 bits": raw(TE, b"10000000000000025\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunk data longer than its size": raw(TE, b"5\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunk ends in bare LF": raw(TE, b"%x\n" % len(BODY) + BODY + b"\n0\n\n"),
}

# Legal though unusual: served.
LEGAL = {
    "header names in any case": raw(b"cOnTeNt-LeNgTh: " + LENGTH + b"\r\n"),
    "no space after the colon": raw(b"Content-Length:" + LENGTH + b"\r\n"),
    "blanks around a value": raw(b"Content-Length: \t " + LENGTH + b" \t\r\n"),
    "chunked in capitals": raw(b"Transfer-Encoding: CHUNKED\r\n", CHUNKED),
    "chunk extensions and trailers": raw(TE, chunked(BODY, (9,), b';a="b c";d', b"X-T: 1\r\n")),
    "empty line before the request": b"\r\n" + raw(CL),
    "empty header value": raw(b"X-Empty:\r\n" + CL),
    "8-bit header value": raw("X-Latin: é\r\n".encode("latin-1") + CL),
    "leading zeros in the length": raw(b"Content-Length: 00" + LENGTH + b"\r\n"),
}


class Smuggling(WorldCase):
    def test_requests_that_could_mean_two_things_are_refused_and_the_connection_closed(self):
        world = self.world()
        for name, data in TABLE.items():
            with self.subTest(name), world.connect() as connection:
                connection.send(data + SMUGGLED)
                try:
                    response = connection.read_response()
                    self.assertEqual(response.status, 400, response)
                    self.assertEqual(response.code, "invalid_request" if response.code != "invalid_json" else "invalid_json")
                    self.assertEqual((response.header("connection") or "").lower(), "close")
                except ResponseError as error:
                    # The rest of our bytes may have met a closed socket: a reset is the same refusal.
                    self.assertTrue(connection.closed, error)
                self.assertTrue(connection.ended(), "closed after the refusal")
        self.assertEqual(world.simulator.requests(), [], "nothing reached the provider")
        self.assertEqual(world.chat().status, 200)

    def test_legal_oddities_are_served(self):
        world = self.world()
        for name, data in LEGAL.items():
            with self.subTest(name), world.connect() as connection:
                response = connection.exchange(data, "POST")
                self.assertIn(response.status, (200, 400) if name.startswith(("leading zeros", "chunked in capitals")) else (200,), response)

    def test_a_head_beyond_its_bound_is_refused(self):
        world = self.world()
        for filler in ([("X-Big", "a" * 40_000)], [(f"X-{index}", "a" * 100) for index in range(400)]):
            with world.connect() as connection:
                connection.send(request("POST", "/v1/chat/completions", chat_body(), key=ACME, headers=filler))
                response = connection.read_response()
                self.assertIn(response.status, (400, 413, 431), response)
                self.assertTrue(connection.ended())
        self.assertEqual(world.chat(headers=[("X-Big", "a" * 16_000)]).status, 200)
        self.assertEqual(world.simulator.count(), 1)

    def test_an_endless_head_is_cut_off_at_the_bound(self):
        world = self.world()
        with world.connect() as connection:
            connection.socket.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
            sent = 0
            try:
                while sent < 4 << 20:
                    sent += connection.socket.send(b"X-A: " + b"a" * 1000 + b"\r\n")
            except OSError:
                pass
            self.assertLess(sent, 4 << 20)

    def test_a_body_beyond_its_bound_is_a_413_before_it_is_read(self):
        world = self.world({"server": {"max_body": "1MiB"}})
        with world.connect() as connection:
            connection.send(raw(b"Content-Length: 1048577\r\n", b""))
            response = connection.read_response()
            self.assertEqual((response.status, response.code), (413, "body_too_large"), response)
        with world.connect() as connection:
            connection.socket.sendall(raw(TE, b""))
            piece = b"10000\r\n" + b"a" * 65536 + b"\r\n"
            try:
                for _ in range(64):
                    connection.socket.sendall(piece)
            except OSError:
                pass
            try:
                self.assertEqual(connection.read_response().status, 413)
            except ResponseError:
                self.assertTrue(connection.closed)
        self.assertEqual(world.simulator.count(), 0)

    def test_a_body_of_33_mib_is_refused_by_default(self):
        world = self.world()
        with world.connect() as connection:
            connection.send(raw(b"Content-Length: %d\r\n" % (33 << 20), b""))
            self.assertEqual(connection.read_response().status, 413)

    def test_bodies_without_a_known_key_are_never_read(self):
        world = self.world()
        for key in (b"", b"Authorization: Bearer nobody\r\n"):
            with world.connect() as connection:
                connection.send(raw(b"Content-Length: 30000000\r\n", b"", key=key))
                response = connection.read_response()
                self.assertEqual((response.status, response.code), (401, "invalid_key"), response)
                self.assertIn("Bearer", response.header("www-authenticate") or "")
        self.assertEqual(world.simulator.count(), 0)

    def test_two_keys_in_one_request_are_refused(self):
        world = self.world()
        response = world.chat(headers=[("x-api-key", "another")])
        self.assertEqual((response.status, response.code), (401, "invalid_key"), response)

    def test_paths_of_the_proxy_route_cannot_climb(self):
        world = self.world()
        for path in ("../models", "chat/../models", "chat//completions", "/chat/completions", "chat%2fcompletions", "chat%2Fcompletions",
                     "%2e%2e/models", ".%2e/models", "./models", "chat/completions/..", "chat%5Ccompletions\\..", "%252e%252e/models/.."):
            with self.subTest(path):
                response = world.fetch("POST", f"/v1/proxy/openai/{path}", chat_body())
                self.assertIn(response.status, (400, 403), response)
        self.assertEqual(world.simulator.count(), 0)


class SlowClients(WorldCase):
    def test_slow_heads_and_bodies_are_ended_and_hurt_nobody(self):
        world = self.world()
        limit = 100 * PATIENCE
        begun = time.monotonic()
        full = request("POST", "/v1/chat/completions", chat_body("x" * 4000), key=ACME)
        head_end = full.index(b"\r\n\r\n") + 4
        # Each drips one byte a second: a head, a body, the head's last line for ever, and a body that never starts.
        drips = {
            "slow head": full[:head_end - 2],
            "slow body": full[head_end:head_end + 3000],
            "head that never ends": b"X-A: a\r\n" * 500,
            "nothing after the head": b"",
        }
        starts = {"slow head": b"", "slow body": full[:head_end], "head that never ends": b"GET /healthz HTTP/1.1\r\nHost: x\r\n",
                  "nothing after the head": full[:head_end]}
        open_ones = {}
        for name, start in starts.items():
            connection = world.connect()
            self.addCleanup(connection.close)
            connection.send(start or full[:1])
            open_ones[name] = connection
        ended, at = {}, 0
        while len(ended) < len(starts) and time.monotonic() - begun < limit:
            for name, connection in open_ones.items():
                if name in ended:
                    continue
                readable, _, _ = select.select([connection.socket], [], [], 0)
                if readable:
                    try:
                        ended[name] = connection.read_response().status
                    except ResponseError:
                        ended[name] = "closed"
                    continue
                try:
                    connection.socket.send(drips[name][at:at + 1])
                except OSError:
                    ended[name] = "closed"
            at += 1
            # Others are served meanwhile; this also paces the drip, so that nothing here waits for the clock alone.
            self.assertEqual(world.chat().status, 200)
            select.select([], [], [], 0.5)
        self.assertEqual(set(ended), set(starts), f"ended within {limit:.0f} s: {ended}")
        for name, how in ended.items():
            self.assertIn(how, (408, "closed"), name)

    def test_ten_thousand_idle_connections_do_not_hurt_the_working_ones(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        count = min(10_000, hard - 500)
        world = self.world()
        for _ in range(20):
            self.assertEqual(world.chat().status, 200)
        memory = world.memory_kib()
        idle = []
        try:
            for _ in range(count):
                one = socket.socket()
                one.connect((world.address.rsplit(":", 1)[0], int(world.address.rsplit(":", 1)[1])))
                idle.append(one)
            # A third of them has spoken once and idles between requests.
            for one in idle[::3]:
                one.sendall(request("GET", "/healthz"))
            for one in idle[::3]:
                one.settimeout(20 * PATIENCE)
                self.assertTrue(one.recv(4096).startswith(b"HTTP/1.1 200"))
            statuses = in_threads(8, lambda _: [world.chat().status for _ in range(10)])
            self.assertEqual(statuses, [[200] * 10] * 8)
            self.assertEqual(world.chat(stream=True, sim="interval=1").events()[-1], "[DONE]")
            grown = world.memory_kib() - memory
            # AddressSanitizer pads each allocation.
            bound = 64 * 1024 * (2 if os.environ.get("TALON_SANITIZE") else 1)
            self.assertLess(grown, bound, f"{count} idle connections cost {grown} KiB")
        finally:
            for one in idle:
                one.close()
        self.assertEqual(world.chat().status, 200)

    def test_clients_that_leave_at_any_moment_leave_a_true_log(self):
        world = self.world()
        stop = threading.Event()

        def leaver(index):
            for number in range(25):
                connection = Connection(world.address)
                connection.send(request("POST", "/v1/chat/completions", chat_body(max_tokens=index * 100 + number + 1, stream=number % 2 == 0),
                                        key=ACME, headers=[("X-Sim", "usage=9,9")]))
                # Some leave before the answer, some in the commit wait, some after a part of the answer.
                if number % 5 == 3:
                    connection.socket.recv(64)
                (connection.abort if number % 3 else connection.close)()
            return stop.is_set()

        in_threads(8, leaver)
        self.assertEqual(world.chat().status, 200)
        world.simulator.wait_idle()
        provider = {received.body for received in world.simulator.requests()}
        world.stop()
        records = world.calls()
        marks = [record["ask"].get("max_tokens") for record in records]
        self.assertEqual(len(marks), len(set(marks)), "one record for a call")
        self.assertGreaterEqual(len(records), len(provider), "each call that the provider saw has its record")
        for record in records:
            self.assertIn(record["decision"]["outcome"], ("allowed", "cancelled"), record)
        world.verify()


class PipelineBounds(WorldCase):
    def test_a_client_that_pipelines_without_reading_is_slowed_down_and_not_piled_up(self):
        world = self.world()
        memory = world.memory_kib()
        with world.connect(receive_buffer=4096) as connection:
            connection.socket.setblocking(False)
            data = request("GET", "/v1/models", key=ACME) * 200
            sent = 0
            for _ in range(2000):
                _, writable, _ = select.select([], [connection.socket], [], 0.5)
                if not writable:
                    break
                try:
                    sent += connection.socket.send(data)
                except OSError:
                    break
                if sent > 64 << 20:
                    break
            self.assertLess(sent, 64 << 20, "the gateway stops reading a client that does not read")
        self.assertLess(world.memory_kib() - memory, 32 * 1024)
        wait_until(lambda: world.chat().status == 200, 10, "service to go on")


if __name__ == "__main__":
    unittest.main()
