"""A short mixed load through the real binary; also what the ThreadSanitizer build runs."""

import json
import random
import resource
import sys
import unittest
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import ACME, GLOBEX, WorldCase, chat_body, in_threads, request  # noqa: E402

KINDS = (
    ({}, "usage=11,7", 200),
    ({"stream": True}, "events=4;usage=5,5", 200),
    ({"stream": True}, "interval=1;events=4;usage=6,6", 200),
    ({}, "delay=2;usage=3,3", 200),
    ({}, "cut=after", 200),
    ({}, "cut=next", 200),
    ({}, "status=500", 500),
    ({}, "huge=2", 200),
    ({}, "cut=mid", 502),
)


class Load(WorldCase):
    def mixed(self, durability):
        world = self.world(durability=durability)

        def client(index):
            dice = random.Random(index)
            key = (ACME, GLOBEX)[index % 2]
            wrong = []
            for _ in range(3):
                with world.connect() as connection:
                    for _ in range(10):
                        members, sim, expected = dice.choice(KINDS)
                        response = connection.exchange(request("POST", "/v1/chat/completions", chat_body(**members), key=key, headers=[("X-Sim", sim)]))
                        if response.status != expected or not response.complete:
                            wrong.append((sim, response))
                        if response.header("connection") == "close":
                            break
                    else:
                        # A reader beside the writers: reads see every call whose response has ended.
                        seen = connection.exchange(request("GET", f"/v1/evidence/{response.evidence_id}", key=key), "GET")
                        if seen.status != 200:
                            wrong.append(("evidence", seen))
            return wrong

        for wrong in in_threads(8, client):
            self.assertEqual(wrong, [])
        for tenant in ("acme", "globex"):
            records = world.calls(tenant)
            shown = json.loads(world.cli("tenant", "show", tenant, "--json", check=0).stdout, parse_float=Decimal)
            self.assertEqual(shown["request_count"], len(records))
            self.assertEqual(Decimal(shown["total_cost_usd"]) * 10**9, sum(record.get("cost", {}).get("nano_usd", 0) for record in records))
        world.stop()
        world.verify()

    def test_a_strict_vault_and_its_totals_agree_after_a_mixed_load(self):
        self.mixed("strict")

    def test_a_batched_vault_and_its_totals_agree_after_a_mixed_load(self):
        self.mixed("batched")

    def test_a_thousand_streams_stay_open_at_once_and_none_is_lost(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        count = 1000
        world = self.world()
        asked = request("POST", "/v1/chat/completions", chat_body(stream=True), key=ACME, headers=[("X-Sim", "events=4;hold=2")])
        streams = [world.connect() for _ in range(count)]
        try:
            for stream in streams:
                stream.send(asked)
            world.simulator.wait_held(count)
            world.simulator.release(forever=True)
            ends = [stream.read_response().events()[-1] for stream in streams]
        finally:
            for stream in streams:
                stream.close()
        self.assertEqual(ends, ["[DONE]"] * count)
        self.assertEqual(len(world.calls()), count)


if __name__ == "__main__":
    unittest.main()
