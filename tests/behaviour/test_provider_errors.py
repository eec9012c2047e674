"""Providers that fail, lie or go silent, and clients that leave (issue, section 4; evidence.md §4)."""

import base64
import json
import math
import socket
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import ACME, ResponseError, Together, WorldCase, chat_body, fetch, request, wait_until  # noqa: E402

QUICK = {"gateway": {"providers": {"openai": {"timeout": "1s", "connect_timeout": "1s"}}}}


def unused_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


class Errors(WorldCase):
    def assert_envelope(self, response, status, code):
        self.assertEqual((response.status, response.code), (status, code), response)
        error = response.json()["error"]
        self.assertTrue(error["message"].strip(), error)
        self.assertEqual(error["type"], "api_error")
        self.assertTrue(response.complete)

    def assert_record(self, world, response, outcome, free=True):
        record = world.call_of(response)
        self.assertEqual(record["decision"]["outcome"], outcome, record)
        if free:
            self.assertEqual(record.get("cost", {}).get("nano_usd", 0), 0, record)
        return record


class NoAnswer(Errors):
    def test_a_refused_connection_is_a_502_that_costs_nothing(self):
        world = self.world(provider=f"http://{unused_address()}/v1", simulator=False)
        for members in ({}, {"stream": True}):
            with self.subTest(members=members):
                response = world.chat(**members)
                self.assert_envelope(response, 502, "provider_error")
                record = self.assert_record(world, response, "failed")
                self.assertEqual(record["status"], 502)

    def test_an_unknown_host_is_a_502(self):
        world = self.world(QUICK, provider="http://no-such-host.invalid/v1", simulator=False)
        response = world.chat()
        self.assertIn((response.status, response.code), ((502, "provider_error"), (504, "provider_timeout")), response)
        self.assert_record(world, response, "failed")

    def test_a_connection_that_is_never_accepted_ends_at_the_connect_timeout(self):
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            waiting = []
            for _ in range(4):  # fills the accept queue: further SYNs are dropped
                one = socket.socket()
                one.setblocking(False)
                one.connect_ex(full.getsockname())
                waiting.append(one)
            world = self.world(QUICK, provider=f"http://127.0.0.1:{full.getsockname()[1]}/v1", simulator=False)
            response = world.chat()
            self.assert_envelope(response, 504, "provider_timeout")
            self.assert_record(world, response, "failed")
            for one in waiting:
                one.close()

    def test_a_connection_closed_or_reset_before_the_answer_is_a_502(self):
        world = self.world()
        for sim in ("cut=before", "reset=before", "cut=head", "reset=head", "cut=body"):
            for members in ({}, {"stream": True}):
                with self.subTest(sim=sim, members=members):
                    before = world.simulator.count()
                    response = world.chat(sim=sim, **members)
                    if response.status == 200:  # a stream's head had come: then its end must say it
                        self.assertTrue(members)
                        self.assertIn("error", json.loads(response.events()[-1]))
                        continue
                    self.assert_envelope(response, 502, "provider_error")
                    self.assertEqual(world.simulator.count(), before + 1, "a fresh connection is not tried again")
                    self.assert_record(world, response, "failed" if sim.endswith(("before", "head")) else
                                       world.call_of(response)["decision"]["outcome"], free=False)

    def test_silence_is_a_504_after_the_timeout(self):
        world = self.world(QUICK)
        for sim in ("never", "never=head", "never=mid", "never=end"):
            with self.subTest(sim=sim):
                response = world.chat(sim=sim)
                self.assert_envelope(response, 504, "provider_timeout")
                record = self.assert_record(world, response, "failed", free=False)
                basis = "provider" if sim == "never=end" else "counted"  # usage that came before the silence is charged
                self.assertEqual(record["usage"]["basis"], basis)
        wait_until(lambda: world.simulator.stats()["open"] <= 2, 10, "the silent connections to be closed")

    def test_the_timeout_bounds_silence_and_not_the_answer(self):
        world = self.world(QUICK)
        response = world.chat(stream=True, sim="interval=300;events=5")
        self.assertEqual(response.events()[-1], "[DONE]")
        response = world.chat(sim="trickle=100;step=50")
        self.assertEqual(response.status, 200)
        self.assertEqual(response.json()["object"], "chat.completion")


class WrongAnswer(Errors):
    def test_every_kind_of_malformed_answer_is_a_502_and_nothing_of_it_comes_through(self):
        world = self.world(QUICK)
        for kind in world.simulator.malformed_kinds():
            with self.subTest(kind):
                response = world.chat(sim=f"malformed={kind}")
                if kind == "length-long":
                    # The answer itself is whole; what follows it must never be taken for the next answer.
                    self.assertIn(response.status, (200, 502), response)
                else:
                    self.assert_envelope(response, 502, "provider_error")
                    self.assertIn(self.outcome(world, response), ("failed", "truncated"))
                self.assertNotIn(b"smuggled", response.body)
                after = world.chat(sim="usage=3,3")
                self.assertEqual((after.status, after.json()["object"]), (200, "chat.completion"), after)

    def outcome(self, world, response):
        return world.call_of(response)["decision"]["outcome"]

    def test_a_malformed_stream_never_ends_well(self):
        world = self.world(QUICK)
        for kind in world.simulator.malformed_kinds():
            if kind == "length-long":
                continue
            with self.subTest(kind):
                response = world.chat(stream=True, sim=f"malformed={kind}")
                if response.status == 200:
                    self.assertIn("error", json.loads(response.events()[-1]), response)
                    self.assertNotIn("[DONE]", response.events()[-1:])
                else:
                    self.assert_envelope(response, 502, "provider_error")

    def test_a_head_that_is_too_large_is_a_502(self):
        world = self.world()
        self.assertEqual(world.chat(sim="huge-head=8").status, 200)
        self.assert_envelope(world.chat(sim="huge-head=64"), 502, "provider_error")

    def test_a_large_body_flows_through_in_bounded_memory(self):
        world = self.world()
        before = world.memory_kib()
        for sim in ("huge=24", "huge=24;chunk=65536", "huge=24;framing=close"):
            with self.subTest(sim):
                response = world.chat(sim=sim)
                self.assertEqual((response.status, response.complete), (200, True), response)
                self.assertEqual(len(response.json()["choices"][0]["message"]["content"]), 24 << 20)
        self.assertLess(world.memory_kib() - before, 100 * 1024)

    def test_a_length_framed_body_that_is_cut_short_is_a_502_or_visibly_cut(self):
        world = self.world()
        response = world.chat(sim="cut=mid")
        self.assert_envelope(response, 502, "provider_error")
        record = world.call_of(response)
        self.assertIn(record["decision"]["outcome"], ("failed", "truncated"))
        self.assertEqual(record["usage"]["basis"], "counted", "cut after sending is counted")
        self.assertGreater(record["cost"]["nano_usd"], 0)
        # Larger than what is buffered: the head has left, so the cut is passed on as a cut.
        for sim in ("huge=3;cut=mid", "huge=3;chunk=9999;cut=mid", "huge=3;reset=mid", "huge=3;framing=close;cut=mid"):
            with self.subTest(sim):
                response = world.chat(sim=sim)
                self.assertEqual(response.status, 200)
                self.assertFalse(response.complete and response.framing != "close", response.framing)
                self.assertEqual(world.call_of(response)["decision"]["outcome"], "truncated")

    def test_an_answer_that_was_cut_is_counted_by_its_content_not_by_its_bytes(self):
        world = self.world()
        for sim, length in (("content=4000;no-usage;cut=2400", 4000), ("content=4000;no-usage;framing=close;cut=2400", 4000)):
            with self.subTest(sim):
                response = world.chat(sim=sim)
                self.assert_envelope(response, 502, "provider_error")
                counted = world.call_of(response)["usage"]
                self.assertEqual(counted["basis"], "counted")
                self.assertLess(counted["output"], 2400 / 4, "the members around the content are not its")
                self.assertGreater(counted["output"], 1800 / 4)
        response = world.chat(sim="cut=head")
        self.assertEqual(world.call_of(response).get("usage", {}).get("output", 0), 0, "nothing came")

    def test_json_that_ends_with_the_connection_is_whole_if_it_parses(self):
        world = self.world()
        response = world.chat(sim="framing=close")
        self.assertEqual((response.status, response.complete), (200, True), response)
        self.assertEqual(world.call_of(response)["decision"]["outcome"], "allowed")
        response = world.chat(sim="framing=close;cut=mid")
        self.assert_envelope(response, 502, "provider_error")

    def test_an_answer_before_the_body_was_read_is_passed_on(self):
        world = self.world()
        response = world.chat("x" * (8 << 20), sim="early;status=413;error-code=too_much")
        self.assertIn((response.status, response.code), ((413, "too_much"), (502, "provider_error")), response)
        self.assertEqual(world.chat().status, 200)

    def test_usage_that_makes_no_sense_is_counted_instead(self):
        world = self.world()
        for kind in ("negative", "text", "float", "huge", "null", "array"):
            with self.subTest(kind):
                response = world.chat(sim=f"bad-usage={kind}")
                self.assertEqual((response.status, response.complete), (200, True), response)
                record = self.assert_record(world, response, "allowed", free=False)
                self.assertIn(record["usage"]["basis"], ("counted", "estimated"), record)
                self.assertGreater(record["cost"]["nano_usd"], 0)
                self.assertLess(record["cost"]["nano_usd"], 10**9)

    def test_an_answer_that_breaks_off_in_its_usage_ends_that_call_alone(self):
        world = self.world()
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}
        text = json.dumps({"choices": [], "usage": usage}).encode()
        for length in range(text.index(b"usage"), len(text)):
            for kind, head in (("application/json", b""), ("text/event-stream", b"data: ")):
                with self.subTest(length=length, kind=kind):
                    body = base64.b64encode(head + text[:length]).decode()
                    world.chat(sim=f"type={kind};body64={body}", **({"stream": True} if head else {}))
                    self.assertIsNone(world.process.poll(), "the gateway goes on")
        self.assertEqual(world.chat().status, 200)

    def test_a_missing_usage_is_counted(self):
        world = self.world()
        for members in ({}, {"stream": True}):
            with self.subTest(members=members):
                response = world.chat(sim="no-usage;content=400", **members)
                usage = world.call_of(response)["usage"]
                self.assertEqual(usage["basis"], "counted")
                self.assertEqual(usage["output"], 100)
                body = world.simulator.last().body
                self.assertLessEqual(abs(usage["input"] - math.ceil(len(body) / 3)), 15)


class ErrorStatus(Errors):
    def test_the_operators_credential_trouble_is_not_the_clients(self):
        world = self.world()
        for status in (401, 403):
            with self.subTest(status=status):
                response = world.chat(sim=f"status={status};error-code=account_secret_word")
                self.assert_envelope(response, 502, "provider_auth_failed")
                self.assertNotIn(b"account_secret_word", response.body)
                self.assert_record(world, response, "failed")

    def test_the_accounts_rate_limit_keeps_only_retry_after(self):
        world = self.world()
        response = world.chat(sim="status=429;retry-after=7;error-code=account_word;header=x-ratelimit-remaining-requests:0")
        self.assertEqual((response.status, response.code), (429, "provider_rate_limited"), response)
        self.assertEqual(response.header("retry-after"), "7")
        self.assertNotIn(b"account_word", response.body)
        self.assertEqual(response.all("x-ratelimit-remaining-requests"), [])
        response = world.chat(sim="status=429;retry-after=86400")
        self.assertEqual(response.all("retry-after"), [], "above a minute it would make clients sleep")
        self.assert_record(world, response, "failed")

    def test_errors_cost_nothing_and_leave_evidence(self):
        world = self.world()
        for status in (400, 404, 409, 422, 500, 502, 503, 529):
            with self.subTest(status=status):
                response = world.chat(sim=f"status={status}")
                self.assertEqual(response.status, status, response)
                record = self.assert_record(world, response, "failed")
                self.assertEqual(record["route"]["attempts"][-1]["status"], status)

    def test_without_a_provider_serve_starts_and_calls_get_503(self):
        world = self.world(environment={"OPENAI_API_KEY": None})
        response = world.chat()
        self.assertEqual((response.status, response.code), (503, "no_provider_configured"), response)
        self.assertEqual(response.header("x-should-retry"), "false")
        self.assertIn("OPENAI_API_KEY", world.log_path.read_text())


class CutStreams(Errors):
    def test_a_cut_stream_ends_in_an_error_event_and_never_in_done(self):
        world = self.world(QUICK)
        for sim, code in (
            ("cut=3", "provider_error"), ("reset=3", "provider_error"), ("cut=mid", "provider_error"), ("never=3", "provider_timeout"),
            ("no-done;cut=end", "provider_error"), ("no-done;framing=close", "provider_error"), ("framing=close;cut=4", "provider_error"),
            ("trickle=0;step=50;cut=777", "provider_error"),
        ):
            with self.subTest(sim):
                response = world.chat(stream=True, sim=sim)
                self.assertEqual(response.status, 200, response)
                events = response.events()
                self.assertNotIn("[DONE]", events)
                error = json.loads(events[-1])["error"]
                self.assertEqual(error["code"], code)
                self.assertGreater(len(events), 1, "what had come was passed on")
                for event in events[:-1]:
                    json.loads(event)
                record = world.call_of(response)
                self.assertEqual(record["decision"]["outcome"], "truncated")
                # A cut call that had reported its usage is charged what it reported.
                self.assertEqual(record["usage"]["basis"], "provider" if sim.startswith("no-done") else "counted")
                self.assertGreater(record["cost"]["nano_usd"], 0)

    def test_the_cut_chunked_body_after_done_does_no_harm(self):
        world = self.world()
        response = world.chat(stream=True, sim="cut=end")
        self.assertEqual(response.events()[-1], "[DONE]", response)
        self.assertEqual(world.call_of(response)["decision"]["outcome"], "allowed")

    def test_a_stream_without_done_that_ends_cleanly_is_passed_on_as_it_is(self):
        world = self.world()
        response = world.chat(stream=True, sim="no-done")
        self.assertTrue(response.complete)
        self.assertNotIn(b"error", response.body)
        self.assertEqual(world.call_of(response)["usage"]["basis"], "provider")

    def test_an_error_event_of_the_provider_reaches_the_client(self):
        world = self.world()
        response = world.chat(stream=True, sim="error-event=4;no-done;cut=4")
        self.assertIn("simulated error in the stream", response.body.decode())
        self.assertNotIn("[DONE]", response.events())

    def test_the_first_event_is_not_kept_until_the_second(self):
        world = self.world()
        with world.connect() as connection:
            connection.send(request("POST", "/v1/chat/completions", chat_body(stream=True), key=ACME, headers=[("X-Sim", "hold=2")]))
            connection.read_head()
            world.simulator.wait_held(1)
            seen = connection.read_until(b'"content":"The')
            self.assertIn(b"assistant", seen)
            world.simulator.release()


class StaleConnections(Errors):
    def test_a_pooled_connection_that_the_provider_closed_is_replaced_unseen(self):
        world = self.world()
        for sim in ("cut=after", "reset=after", "cut=next", "reset=next"):
            for members in ({}, {"stream": True}):
                with self.subTest(sim=sim, members=members):
                    self.assertEqual(world.chat(sim=sim).status, 200)
                    response = world.chat(sim="usage=5,5", **members)
                    self.assertEqual((response.status, response.complete), (200, True), response)
                    self.assert_record(world, response, "allowed", free=False)

    def test_it_is_retried_once_and_on_a_fresh_connection_only(self):
        world = self.world()
        # One connection in the pool that dies with the next request; the fresh one dies too.
        world.simulator.script("cut=next", "cut=before", "")
        self.assertEqual(world.chat().status, 200)
        response = world.chat()
        self.assert_envelope(response, 502, "provider_error")
        self.assertEqual(world.simulator.count(), 2)

    def test_many_dead_pooled_connections_do_not_fail_a_call(self):
        world = self.world()
        world.simulator.script(*["hold;cut=next"] * 8)
        calls = Together(8, lambda _: world.chat().status)
        world.simulator.wait_held(8)
        world.simulator.release()
        self.assertEqual(calls.results(), [200] * 8)
        for _ in range(8):
            self.assertEqual(world.chat().status, 200)

    def test_an_answer_that_began_is_never_retried(self):
        world = self.world()
        for sim in ("cut=head", "cut=mid", "reset=5"):
            with self.subTest(sim):
                self.assertEqual(world.chat().status, 200)  # a pooled connection
                before = world.simulator.count()
                self.assertEqual(world.chat(sim=sim).status, 502)
                self.assertEqual(world.simulator.count(), before + 1)


class ClientsThatLeave(Errors):
    def test_a_client_that_leaves_a_stream_cancels_the_provider_and_is_billed_as_counted(self):
        world = self.world()
        with world.connect() as connection:
            connection.send(request("POST", "/v1/chat/completions", chat_body(stream=True, max_tokens=4000), key=ACME,
                                    headers=[("X-Sim", "content=400;events=10;hold=5")]))
            head = connection.read_head()
            world.simulator.wait_held(1)
            for _ in range(5):
                connection.read_until(b"\n\n")
        wait_until(lambda: world.simulator.stats()["aborted"] == 1, 20, "the provider call to be cancelled")
        wait_until(lambda: len(world.calls()) == 1, 20, "the record")
        record = world.call_of(head)
        self.assertEqual(record["decision"]["outcome"], "cancelled", record)
        usage = record["usage"]
        # One event with the role and four with 40 bytes of content each: max(5 events, 160 bytes / 4).
        self.assertEqual((usage["basis"], usage["output"]), ("counted", 40))
        body = world.simulator.last().body
        self.assertTrue(math.ceil((len(body) - 60) / 3) <= usage["input"] <= math.ceil(len(body) / 3), (usage, len(body)))
        self.assertEqual(record["cost"]["nano_usd"], usage["input"] * 150 + 40 * 600)
        self.assertLess(record["cost"]["nano_usd"], record["cost"]["held_nano_usd"])

    def test_events_count_when_they_are_more_than_their_bytes_say(self):
        world = self.world()
        with world.connect() as connection:
            connection.send(request("POST", "/v1/chat/completions", chat_body(stream=True), key=ACME,
                                    headers=[("X-Sim", "content=30;events=30;hold=21")]))
            head = connection.read_head()
            world.simulator.wait_held(1)
            for _ in range(21):
                connection.read_until(b"\n\n")
        wait_until(lambda: len(world.calls()) == 1, 20, "the record")
        self.assertIn(world.call_of(head)["usage"]["output"], (20, 21))

    def test_a_client_that_leaves_before_the_answer_cancels_the_provider(self):
        world = self.world()
        for leave in ("close", "abort"):
            with self.subTest(leave):
                before = world.simulator.stats()["aborted"]
                connection = world.connect()
                connection.send(request("POST", "/v1/chat/completions", chat_body(), key=ACME, headers=[("X-Sim", "hold")]))
                world.simulator.wait_held(1)
                getattr(connection, leave)()
                wait_until(lambda: world.simulator.stats()["aborted"] == before + 1, 20, "the provider call to be cancelled")
                record = wait_until(lambda: [call for call in world.calls() if call["decision"]["outcome"] == "cancelled"][before:], 20,
                                    "the cancelled record")[0]
                self.assertEqual(record["usage"]["basis"], "counted")
                self.assertEqual(record["usage"]["output"], 0)

    def test_a_cancelled_call_gives_its_hold_back(self):
        world = self.world(callers=({"name": "a", "tenant_key": ACME, "tenant_id": "acme", "policy_overrides": {"max_daily_cost": 0.01}},))
        # Each holds more than half of the cap ($0.0060): a second one fits only after the first gave its hold back.
        for number in range(4):
            with world.connect() as connection:
                connection.send(request("POST", "/v1/chat/completions", chat_body(max_tokens=10_000), key=ACME, headers=[("X-Sim", "hold")]))
                world.simulator.wait_held(1)
                self.assertEqual(world.chat(max_tokens=10_000).status, 402)
            wait_until(lambda: sum(call["decision"]["outcome"] == "cancelled" for call in world.calls()) == number + 1, 20, "cancelled")
        self.assertEqual(world.chat(max_tokens=10_000).status, 200)

    def test_a_client_that_does_not_read_stops_the_provider_and_not_the_others(self):
        world = self.world()
        self.assertEqual(world.chat().status, 200)
        before = world.memory_kib()
        slow = world.connect(receive_buffer=4096)
        with slow:
            slow.send(request("POST", "/v1/chat/completions", chat_body(), key=ACME, headers=[("X-Sim", "huge=100")]))
            slow.read_head()
            for _ in range(20):
                self.assertEqual(world.chat().status, 200)
            # The system's roots may come in meanwhile, a few MiB, more with a sanitizer.
            self.assertLess(world.memory_kib(), before + 60 * 1024, "what the client does not read is not piled up")


class Operations(Errors):
    def test_health_and_readiness_answer_without_a_key(self):
        world = self.world(simulator=False)
        for target in ("/healthz", "/readyz"):
            self.assertEqual(fetch(world.address, "GET", target).status, 200)

    def test_readyz_says_503_while_draining(self):
        world = self.world()
        with world.connect() as busy, world.connect() as probe:
            busy.send(request("POST", "/v1/chat/completions", chat_body(), key=ACME, headers=[("X-Sim", "hold")]))
            world.simulator.wait_held(1)
            self.assertEqual(probe.exchange(request("GET", "/readyz")).status, 200)
            world.process.terminate()

            def draining():
                try:
                    return probe.exchange(request("GET", "/readyz")).status == 503
                except (OSError, ResponseError):
                    return True  # an idle connection may be closed when draining begins

            wait_until(draining, 10, "503 or a closed connection")
            world.simulator.release()
            self.assertEqual(busy.read_response().status, 200)
        self.assertEqual(world.process.wait(40), 0)


if __name__ == "__main__":
    unittest.main()
