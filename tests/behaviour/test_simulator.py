"""The provider simulator itself: what other tests rely on, seen over direct connections."""

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import (  # noqa: E402
    Connection, ResponseError, Simulator, Together, chat_body, chunked, fetch, request, wait_until)

CHAT = "/v1/chat/completions"


class SimulatorItself(unittest.TestCase):
    def setUp(self):
        self.simulator = Simulator()
        self.addCleanup(self.simulator.stop)

    def chat(self, sim=None, **members):
        return fetch(self.simulator.address, "POST", CHAT, chat_body(**members), headers=[("X-Sim", sim)] if sim else [])

    def test_the_same_question_has_the_same_answer(self):
        self.assertEqual(self.chat().body, self.chat().body)
        self.assertTrue(500 < len(self.chat().body) < 700)

    def test_it_keeps_what_it_received_to_the_byte_and_in_order(self):
        body = bytes(range(256)) * 5
        raw = request("POST", "/v1/any?x=%20", headers=[("B", "2"), ("a", "1"), ("B", "3"), ("Transfer-Encoding", "chunked")]) + chunked(body, (3, 50))
        with Connection(self.simulator.address) as connection:
            connection.exchange(raw)
        received = self.simulator.last()
        self.assertEqual((received.method, received.target, received.body), ("POST", "/v1/any?x=%20", body))
        self.assertEqual(received.headers[1:4], [("B", "2"), ("a", "1"), ("B", "3")])
        self.simulator.forget()
        self.assertEqual(self.simulator.requests(), [])
        self.assertEqual(self.simulator.count(), 1)

    def test_header_model_and_script_say_the_same(self):
        self.assertEqual(self.chat("usage=10,20").json()["usage"]["total_tokens"], 30)
        self.assertEqual(self.chat(model="sim-usage-10-20+delay-1").json()["usage"]["total_tokens"], 30)
        self.simulator.script("usage=10,20", "", "status=429;retry-after=3")
        self.assertEqual(self.chat("usage=1,1").json()["usage"]["total_tokens"], 30)
        self.assertNotEqual(self.chat().json()["usage"]["total_tokens"], 30)
        self.assertEqual((self.chat().status, self.chat().status), (429, 200))
        self.assertEqual(self.chat("no-such-word=1").code, "bad_behaviour")
        self.assertEqual(self.chat(model="sim-no-such").code, "bad_behaviour")

    def test_usage_comes_in_a_stream_only_when_asked_for(self):
        self.assertNotIn(b"usage", self.chat(stream=True).body)
        events = self.chat(stream=True, stream_options={"include_usage": True}).events()
        self.assertEqual((json.loads(events[-2])["choices"], events[-1]), ([], "[DONE]"))
        self.assertTrue(all(json.loads(event)["usage"] is None for event in events[:-2]))

    def test_hold_waits_for_the_release(self):
        calls = Together(5, lambda _: self.chat("hold").status)
        self.simulator.wait_held(5)
        self.assertEqual(self.simulator.stats()["inflight"], 5)
        self.assertEqual(self.simulator.release(count=2), 2)
        wait_until(lambda: self.simulator.stats()["answered"] == 2)
        self.assertEqual(self.simulator.stats()["held"], 3)
        self.simulator.release()
        self.assertEqual(calls.results(), [200] * 5)

    def test_it_notices_a_peer_that_leaves(self):
        with Connection(self.simulator.address) as connection:
            connection.send(request("POST", CHAT, chat_body(stream=True), headers=[("X-Sim", "hold=3")]))
            connection.read_until(b'"content":"The')
            self.simulator.wait_held(1)
        wait_until(lambda: self.simulator.stats()["aborted"] == 1)
        self.assertEqual((self.simulator.stats()["held"], self.simulator.stats()["inflight"]), (0, 0))

    def test_cuts_and_resets_happen_where_they_are_told(self):
        for sim, length in (("cut=0", 0), ("cut=5", 5), ("cut=end", len(self.chat().body) - 1)):
            response = self.chat(sim)
            self.assertEqual((response.complete, len(response.body)), (False, length), sim)
        for sim in ("cut=before", "cut=head", "reset=before", "reset"):
            with self.assertRaises(ResponseError):
                self.chat(sim)
        response = self.chat("cut=2", stream=True)
        self.assertEqual((response.complete, len(response.events())), (False, 2))

    def test_a_kept_connection_dies_after_the_answer_or_with_the_next_request(self):
        raw = request("POST", CHAT, chat_body(), headers=[("X-Sim", "cut=after")])
        with Connection(self.simulator.address) as connection:
            self.assertTrue(connection.exchange(raw).complete)
            self.assertTrue(connection.ended())
        with Connection(self.simulator.address) as connection:
            self.assertTrue(connection.exchange(raw.replace(b"cut=after", b"cut=next")).complete)
            connection.send(raw)
            self.assertTrue(connection.ended())
        self.assertEqual(self.simulator.count(), 2)

    def test_an_early_answer_comes_before_the_body(self):
        with Connection(self.simulator.address) as connection:
            connection.send(request("POST", CHAT, headers=[("X-Sim", "early;status=413"), ("Content-Length", "1000000")]))
            self.assertEqual(connection.read_response().status, 413)

    def test_pipelined_requests_are_answered_in_order(self):
        with Connection(self.simulator.address) as connection:
            connection.send(b"".join(request("POST", CHAT, chat_body(), headers=[("X-Sim", f"usage={index},0;delay={20 - index}")]) for index in range(1, 6)))
            self.assertEqual([connection.read_response().json()["usage"]["prompt_tokens"] for _ in range(5)], [1, 2, 3, 4, 5])


if __name__ == "__main__":
    unittest.main()
