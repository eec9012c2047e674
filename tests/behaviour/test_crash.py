# ctest: timeout=900
"""kill -9 under load (issue: "What must be seen", 4; house.md invariants 1, 2 and 4).

$TALON_CRASH_ROUNDS sets the number of rounds (50), $TALON_CRASH_SEED the seed; both are printed when a round fails.
"""

import collections
import json
import os
import random
import sys
import threading
import unittest
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import ACME, WorldCase, chat_body, request, wait_until  # noqa: E402

ROUNDS = int(os.environ.get("TALON_CRASH_ROUNDS", "50"))
SEED = int(os.environ.get("TALON_CRASH_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
CLIENTS = 8

# What the calls of a round look like: (members, X-Sim).
KINDS = (
    ({}, "usage=11,7"),
    ({}, "delay=3;usage=100,50"),
    ({"stream": True}, "interval=1;events=6;usage=13,9"),
    ({"stream": True}, "events=3;usage=5,5"),
    ({}, "huge=2;usage=20,20"),
    ({"stream": True}, "cut=3"),
    ({}, "hold=mid"),
)


class Load:
    """Clients that call without pause. Each call has a `max_tokens` of its own, by which provider, record and reply
    are matched; `ended` holds those whose end a client saw, `begun` those whose evidence id came."""

    def __init__(self, world, first, seed):
        self.world = world
        self.next = first
        self.lock = threading.Lock()
        self.ended = {}
        self.begun = {}
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(random.Random(seed * 1000 + index),), daemon=True)
                        for index in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def run(self, dice):
        while not self.over.is_set():
            try:
                with self.world.connect() as connection:
                    while not self.over.is_set():
                        self.one_call(connection, dice)
            except (OSError, AssertionError):
                # Refused, reset or ended in the middle: what a kill looks like from outside.
                if self.world.process.poll() is not None:
                    return

    def one_call(self, connection, dice):
        members, sim = dice.choice(KINDS)
        with self.lock:
            mark = self.next
            self.next += 1
        connection.socket.sendall(request("POST", "/v1/chat/completions", chat_body(max_tokens=mark, **members), key=ACME,
                                          headers=[("X-Sim", sim)]))
        response = connection.read_head()
        with self.lock:
            self.begun[mark] = response.evidence_id
        connection.read_body(response)
        saw_terminal = "stream" in members and b"data: [DONE]" in response.body
        if response.complete or saw_terminal:
            with self.lock:
                self.ended[mark] = response.evidence_id

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join(60)


class Crash(WorldCase):
    def check_totals(self, world, records):
        """`tenant show` equals a recount of the log."""
        calls = [record for record in records if record["kind"] == "request"]
        cost = sum(record.get("cost", {}).get("nano_usd", 0) for record in calls)
        shown = json.loads(world.cli("tenant", "show", "acme", "--json", check=0).stdout, parse_float=Decimal)
        self.assertEqual(shown["request_count"], len(calls))
        self.assertEqual(shown["session_count"], len(calls))
        self.assertEqual(Decimal(shown["total_cost_usd"]) * 10**9, cost)
        self.assertEqual(shown["log"]["size"], len(records))

    def check_round(self, world, seen, marks, load, received):
        """After the restart: the records of one round against what clients and provider saw. Returns the new records."""
        records = world.records()
        fresh = [record for record in records[seen:] if record["kind"] == "request"]
        by_mark = collections.defaultdict(list)
        for record in fresh:
            by_mark[record["ask"]["max_tokens"]].append(record)
        for mark, found in by_mark.items():
            self.assertEqual(len(found), 1, f"call {mark} has {len(found)} records")
            self.assertIn(mark, marks)
        for mark, evidence in load.ended.items():
            self.assertIn(mark, by_mark, f"a client saw the end of call {mark} ({evidence}), which has no record")
            self.assertEqual(by_mark[mark][0]["id"], evidence)
            self.assertNotEqual(by_mark[mark][0]["decision"]["outcome"], "interrupted")
        for mark, evidence in load.begun.items():
            self.assertIn(mark, by_mark, f"a client got the evidence id of call {mark} ({evidence}), which has no record")
            self.assertEqual(by_mark[mark][0]["id"], evidence)
        for mark in received:
            self.assertIn(mark, by_mark, f"the provider saw call {mark}, which has no record")
        for mark, (record,) in by_mark.items():
            self.assertIn(record["decision"]["outcome"], ("allowed", "interrupted", "truncated", "cancelled"), record)
            if record["decision"]["outcome"] == "interrupted":
                self.assertEqual(record["cost"]["nano_usd"], record["cost"]["held_nano_usd"], "an interrupted call costs its hold")
        return records

    def received_marks(self, world):
        marks = {json.loads(received.body)["max_tokens"] for received in world.simulator.requests()}
        world.simulator.forget()
        return marks

    def test_kill_9_under_load_loses_no_record_that_anyone_saw(self):
        dice = random.Random(SEED)
        world = self.world()
        seen, next_mark, interrupted = len(world.records()), 1, 0
        for number in range(ROUNDS):
            with self.subTest(round=number, seed=SEED):
                if next_mark > 12_000:
                    next_mark = 1
                first = next_mark
                load = Load(world, first, SEED + number)
                target = dice.randrange(5, 60)
                wait_until(lambda: len(load.ended) >= target or load.world.simulator.stats()["held"] >= CLIENTS, 30, "calls of the round")
                world.kill()
                load.end()
                next_mark = load.next
                world.simulator.release()
                world.simulator.wait_idle()
                received = self.received_marks(world)
                self.assertEqual(world.cli("audit", "verify").exit, 0, "the vault as the kill left it")
                world.start()
                records = self.check_round(world, seen, range(first, next_mark), load, received)
                interrupted += sum(record.get("decision", {}).get("outcome") == "interrupted" for record in records[seen:])
                seen = len(records)
                self.check_totals(world, records)
                verified = world.cli("audit", "verify")
                self.assertEqual(verified.exit, 0, verified.stdout.decode() + verified.stderr.decode())
        self.assertGreater(interrupted, 0, "no round interrupted a call: the test did not test")
        world.stop()
        self.check_totals(world, world.records())

    def test_kill_9_in_batched_mode_leaves_a_vault_that_agrees_with_itself(self):
        world = self.world(durability="batched")
        dice = random.Random(SEED)
        seen, next_mark = len(world.records()), 1
        for number in range(max(1, ROUNDS // 10)):
            with self.subTest(round=number, seed=SEED):
                load = Load(world, next_mark, SEED + number)
                target = dice.randrange(20, 80)
                wait_until(lambda: len(load.ended) >= target or world.simulator.stats()["held"] >= CLIENTS, 30, "calls of the round")
                world.kill()
                load.end()
                next_mark = load.next
                world.simulator.release()
                world.simulator.wait_idle()
                world.start()
                records = world.records()
                self.assertGreaterEqual(len(records), seen)
                seen = len(records)
                self.check_totals(world, records)
                self.assertEqual(world.cli("audit", "verify").exit, 0)

    def test_batched_a_call_under_way_is_written_down_before_a_later_one_ends(self):
        """The intent of a short call is left out; that of one that lasts is in the commit that its window ends with."""
        world = self.world(durability="batched")
        with world.connect() as connection:
            connection.send(request("POST", "/v1/chat/completions", chat_body(max_tokens=1000), key=ACME, headers=[("X-Sim", "hold")]))
            world.simulator.wait_held(1)
            self.assertEqual(world.chat("later", sim="delay=50").status, 200)
            self.assertEqual(len(world.calls()), 1)  # waits for what was submitted up to now
            world.kill()
        world.start()
        outcomes = sorted(record["decision"]["outcome"] for record in world.calls())
        self.assertEqual(outcomes, ["allowed", "interrupted"])

    def test_a_call_that_waits_at_the_provider_becomes_interrupted_and_costs_its_hold(self):
        world = self.world()
        with world.connect() as connection:
            connection.send(request("POST", "/v1/chat/completions", chat_body(max_tokens=1000), key=ACME, headers=[("X-Sim", "hold")]))
            world.simulator.wait_held(1)
            world.kill()
        world.start()
        (record,) = world.calls()
        self.assertEqual(record["decision"]["outcome"], "interrupted")
        self.assertGreater(record["cost"]["held_nano_usd"], 0)
        self.assertEqual(record["cost"]["nano_usd"], record["cost"]["held_nano_usd"])
        self.check_totals(world, world.records())

    def test_sigterm_under_load_finishes_what_runs(self):
        world = self.world()
        before = len(world.records())
        load = Load(world, 1, SEED)
        wait_until(lambda: len(load.ended) >= 20 or world.simulator.stats()["held"] >= CLIENTS, 30, "some calls")
        world.simulator.release(forever=True)
        load.over.set()
        world.stop(expect=0)
        load.end()
        records = world.records()[before:]
        self.assertNotIn("interrupted", [record.get("decision", {}).get("outcome") for record in records])
        by_mark = {record["ask"]["max_tokens"]: record for record in records if record["kind"] == "request"}
        for mark, evidence in load.ended.items():
            self.assertEqual(by_mark[mark]["id"], evidence)
        self.assertTrue(self.received_marks(world) <= set(by_mark))
        self.check_totals(world, world.records())
        self.assertEqual(world.cli("audit", "verify").exit, 0)

    def test_a_second_sigterm_ends_at_once_and_the_vault_stays_consistent(self):
        world = self.world()
        with world.connect() as connection:
            connection.send(request("POST", "/v1/chat/completions", chat_body(), key=ACME, headers=[("X-Sim", "hold")]))
            world.simulator.wait_held(1)
            world.process.terminate()
            wait_until(lambda: any("drain" in json.dumps(line) or "stopping" in json.dumps(line) for line in world.log()), 10,
                       "a log line that says that serve stops")
            self.assertIsNone(world.process.poll(), "the first SIGTERM waits for the call")
            world.process.terminate()
            world.process.wait(10)
        self.assertEqual(world.cli("audit", "verify").exit, 0)
        world.start()
        self.assertEqual(len(world.calls()), 1)
        self.check_totals(world, world.records())


if __name__ == "__main__":
    unittest.main()
