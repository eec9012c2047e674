"""Midnight UTC with calls in flight (issue, 5; evidence.md §1 `mark`; acceptance T4): a cost counts on the day of its
record, a live hold on the current day. The server's wall clock starts a few seconds before midnight (libfaketime) and
runs at its own pace; nothing else is changed about it."""

import json
import os
import sys
import threading
import unittest
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import ACME, WorldCase, chat_body, request, wait_until  # noqa: E402

LIBFAKETIME = next((path for path in sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)
SECONDS_BEFORE = 6
DAY = 86_400_000_000


class Midnight(WorldCase):
    def setUp(self):
        if os.environ.get("TALON_SANITIZE"):
            self.skipTest("a sanitizer's runtime and a preloaded clock do not go together")
        self.assertIsNotNone(LIBFAKETIME, "libfaketime is missing; Debian's package libfaketime has it")

    def capped_world(self, cap, **more):
        callers = [{"name": "app", "tenant_key": ACME, "tenant_id": "acme", "policy_overrides": {"max_daily_cost": cap}}]
        return self.world(callers=callers, **more)

    def test_costs_holds_and_marks_across_midnight(self):
        probe = self.capped_world(50.0)
        hold = probe.call_of(probe.chat(max_tokens=1000, sim="usage=1,1"))["cost"]["held_nano_usd"]

        # Room for two holds and a half.
        world = self.capped_world(float(Decimal(hold) * Decimal("2.5") / 10**9), start=False)
        # A later day than today's: the vault, made just now, does not go back in time.
        day = datetime.now(timezone.utc).date() + timedelta(days=2)
        old, new, after = (str(day + timedelta(days=days)) for days in range(3))
        world.environment.update({
            "LD_PRELOAD": str(LIBFAKETIME),
            "FAKETIME": f"@{old} 23:59:{60 - SECONDS_BEFORE}",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
            "TZ": "UTC",
        })
        world.start()
        # Settled on the old day, at nearly its hold.
        first = world.chat(max_tokens=1000, sim="usage=21,1000")
        self.assertEqual(first.status, 200, first)
        in_flight = []

        def stays():
            with world.connect(timeout=90) as connection:
                in_flight.append(connection.exchange(request("POST", "/v1/chat/completions", chat_body(max_tokens=1000), key=ACME,
                                                             headers=[("X-Sim", "hold;usage=21,1000")])))

        thread = threading.Thread(target=stays)
        thread.start()
        try:
            world.simulator.wait_held(1)
            # Spent one, held one: no room for a third on the old day.
            denied = world.chat(max_tokens=1000, sim="usage=1,1")
            self.assertEqual((denied.status, denied.code), (402, "daily_cost_exceeded"), denied)
            self.assertEqual(json.loads(denied.body)["error"]["resets_at"], f"{new}T00:00:00Z")

            marks = wait_until(lambda: [record for record in world.records() if record["kind"] == "mark"], 60,
                               "the mark at midnight")
            # The old day's cost is gone; the live hold counts on the new day: room for one more, not for two.
            second = world.chat(max_tokens=1000, sim="usage=21,1000")
            self.assertEqual(second.status, 200, second)
            third = world.chat(max_tokens=1000, sim="usage=1,1")
            self.assertEqual(third.status, 402, third)
            self.assertEqual(json.loads(third.body)["error"]["resets_at"], f"{after}T00:00:00Z")
        finally:
            world.simulator.release(forever=True)
            thread.join(90)
        self.assertEqual(in_flight[0].status, 200, in_flight[0])

        records = world.records()
        self.assertEqual(len(marks), 1)
        place = records.index(marks[0])
        midnight = marks[0]["time"] - marks[0]["time"] % DAY
        self.assertTrue(all(record["time"] < midnight for record in records[:place]), "nothing of the new day before the mark")
        self.assertTrue(all(record["time"] >= midnight for record in records[place:]))
        by_day = {}
        for record in records:
            cost = record.get("cost", {}).get("nano_usd", 0)
            by_day[record["time"] // DAY] = by_day.get(record["time"] // DAY, 0) + cost
        costs = world.fetch("GET", f"/v1/costs?from={old}&to={new}", key=ACME)
        self.assertEqual(costs.status, 200, costs)
        shown = {row["day"]: Decimal(row["cost_usd"]) * 10**9 for row in json.loads(costs.body, parse_float=Decimal)["by_day"]}
        self.assertEqual(shown[old], by_day[midnight // DAY - 1])
        self.assertEqual(shown[new], by_day[midnight // DAY])
        self.assertGreater(by_day[midnight // DAY], by_day[midnight // DAY - 1], "the call in flight counts on the new day")
        world.stop()
        self.assertEqual(world.verify().exit, 0)


if __name__ == "__main__":
    unittest.main()
