"""What one connection may do to others, and what the record says when a client leaves: shared buffers and budgets,
requests that are not whole, expectations and query parameters nobody knows.
"""

import json
import signal
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import (  # noqa: E402
    ACME, GLOBEX, PATIENCE, WorldCase, chat_body, chunked, request, wait_until)

CHAT = "/v1/chat/completions"
CHUNKED = [("Transfer-Encoding", "chunked")]


def head_only(announced, key=ACME):
    return request("POST", CHAT, key=key, headers=[("Content-Length", str(announced))])


class Buffers(WorldCase):
    def test_a_request_abandoned_in_the_middle_leaves_nothing_to_the_next(self):
        world = self.world()
        body = json.dumps(chat_body("whole")).encode()
        beginnings = (
            b"POST " + CHAT.encode() + b" HTTP/1.1\r\nHost: a\r\nX-Long: " + b"a" * 3000,
            request("POST", CHAT, key=ACME, headers=CHUNKED) + b"ff\r\n" + body,
            request("POST", CHAT, key=ACME, headers=CHUNKED) + b"5\r\nabcde\r\n1",
            head_only(100_000) + body,
        )
        whole = request("POST", CHAT, key=ACME, headers=CHUNKED) + chunked(body)
        for number, beginning in enumerate(beginnings):
            with self.subTest(number=number):
                for _ in range(3):
                    with world.connect() as leaving:
                        leaving.send(beginning)
                        leaving.finish_sending()
                        leaving.read_to_end()
                    with world.connect() as connection:
                        response = connection.exchange(whole, "POST")
                    self.assertEqual(response.status, 200, response)
        self.assertEqual({received.body for received in world.simulator.requests()}, {body})

    def test_bodies_that_are_announced_but_do_not_come_take_no_room_from_others(self):
        world = self.world()
        for _ in range(17):
            connection = world.connect()
            self.addCleanup(connection.close)
            connection.send(head_only(32 << 20, key=GLOBEX) + b"{")
        self.assertEqual(world.fetch("GET", "/v1/costs", key=GLOBEX).status, 200)
        self.assertEqual(world.chat("x" * 100_000).status, 200)


class Ending(WorldCase):
    def test_a_drain_does_not_wait_for_requests_that_do_not_become_whole(self):
        world = self.world(simulator=False)
        head, body = world.connect(), world.connect()
        self.addCleanup(head.close)
        self.addCleanup(body.close)
        head.send(b"POST " + CHAT.encode())
        body.send(head_only(100) + b"{")
        self.assertEqual(world.fetch("GET", "/healthz").status, 200)
        began = time.monotonic()
        world.process.send_signal(signal.SIGTERM)
        self.assertEqual(world.process.wait(20 * PATIENCE), 0)
        self.assertLess(time.monotonic() - began, 7 * PATIENCE)
        for connection in (head, body):
            answer = connection.read_response()
            self.assertEqual((answer.status, answer.code), (503, "draining"))


class Leaving(WorldCase):
    def cancelled(self, world):
        return wait_until(lambda: [call for call in world.calls() if call["decision"]["outcome"] == "cancelled"], 20,
                          "the record of a cancelled call")[0]

    def test_who_leaves_before_an_answer_began_got_no_status_and_no_body(self):
        world = self.world()
        with world.connect() as connection:
            connection.send(request("POST", CHAT, chat_body(), key=ACME, headers=[("X-Sim", "never")]))
            wait_until(lambda: world.simulator.stats()["inflight"] == 1, 20, "a call at the provider")
        record = self.cancelled(world)
        self.assertNotIn("status", record)
        self.assertNotIn("response", record["bodies"])
        self.assertIn("request", record["bodies"])
        self.assertNotIn("code", record["decision"])
        self.assertNotIn("error", record["route"]["attempts"][-1])
        line = wait_until(lambda: [line for line in world.log() if line.get("outcome") == "cancelled"], 10, "its log line")[0]
        self.assertNotIn("status", line)

    def test_who_leaves_a_stream_has_the_status_it_saw_and_no_error(self):
        world = self.world()
        with world.connect() as connection:
            connection.send(request("POST", CHAT, chat_body(stream=True), key=ACME, headers=[("X-Sim", "never=3;events=6")]))
            connection.read_until(b"\n\n")
        record = self.cancelled(world)
        self.assertEqual(record["status"], 200)
        self.assertIn("response", record["bodies"])
        self.assertNotIn("code", record["decision"])


class Unknown(WorldCase):
    def test_query_parameters_nobody_knows_are_refused(self):
        world = self.world()
        for method, path in (("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/v1/models"), ("GET", "/v1/costs"), ("POST", CHAT)):
            with self.subTest(path=path):
                body = chat_body() if method == "POST" else None
                response = world.fetch(method, path + "?x=1", body)
                self.assertEqual((response.status, response.code), (400, "invalid_request"))
                self.assertEqual(world.fetch(method, path, body).status, 200)
        self.assertEqual(world.simulator.count(), 1)

    def test_an_unknown_expectation_is_refused(self):
        world = self.world()
        response = world.chat(headers=[("Expect", "200-ok")])
        self.assertEqual((response.status, response.code), (417, "invalid_request"))
        self.assertTrue(response.header("x-request-id"))
        self.assertEqual(world.simulator.count(), 0)


if __name__ == "__main__":
    unittest.main()
