"""Daily caps: never more admitted than the cap allows, one atomic step each (issue, 5; acceptance T4; house.md invariant 4)."""

import json
import sys
import threading
import unittest
from collections import Counter
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import ACME, GLOBEX, Together, WorldCase, chat_body, request, wait_until  # noqa: E402

CONCURRENT = 200


def capped(acme, globex=None):
    """The two callers with these daily caps."""
    out = []
    for name, key, tenant, cap in (("customer-acme-app1", ACME, "acme", acme), ("customer-globex-bot", GLOBEX, "globex", globex)):
        caller = {"name": name, "tenant_key": key, "tenant_id": tenant}
        out.append(caller if cap is None else {**caller, "policy_overrides": {"max_daily_cost": cap}})
    return out


class Caps(WorldCase):
    def probe_hold(self, **members):
        """The hold of one call as its record says it, in nano-USD: from a world without a cap in the way."""
        world = self.world(callers=capped(50.0))
        response = world.chat(sim="usage=1,1", **members)
        self.assertEqual(response.status, 200, response)
        return world.call_of(response)["cost"]["held_nano_usd"]

    def test_200_concurrent_calls_against_a_small_cap_admit_what_fits(self):
        hold = self.probe_hold(max_tokens=100)
        admissible = 17
        cap = Decimal(hold * admissible + hold // 2) / 10**9
        world = self.world(callers=capped(float(cap)))
        answered, lock = Counter(), threading.Lock()

        def call(_):
            with world.connect(timeout=60) as connection:
                response = connection.exchange(request("POST", "/v1/chat/completions", chat_body(max_tokens=100), key=ACME,
                                                       headers=[("X-Sim", "hold;usage=5,100")]))
            with lock:
                answered[response.status] += 1
            return response

        calls = Together(CONCURRENT, call)
        # All that is admitted waits at the provider: nothing is settled while the others are decided.
        world.simulator.wait_held(admissible, 60)
        wait_until(lambda: answered[402] >= CONCURRENT - admissible, 60, "402 for all others while the admitted wait")
        self.assertEqual(world.simulator.stats()["held"], admissible)
        world.simulator.release(forever=True)
        results = calls.results()
        wanted = CONCURRENT - admissible
        statuses = Counter(response.status for response in results)
        self.assertEqual(statuses, {200: admissible, 402: wanted})
        self.assertEqual(world.simulator.count(), admissible, "the provider saw only the admitted")
        # Denials of one caller within a second are merged into one record, written when the second is over.
        wait_until(lambda: sum(record.get("count", 1) for record in world.calls() if record["decision"]["outcome"] == "denied") == wanted,
                   5, f"records that stand for {wanted} denials")
        records = world.calls()
        allowed = [record for record in records if record["decision"]["outcome"] == "allowed"]
        denials = [record for record in records if record["decision"]["outcome"] == "denied"]
        self.assertEqual(len(allowed), admissible)
        self.assertLessEqual(sum(record["cost"]["nano_usd"] for record in allowed), cap * 10**9)
        for record in denials:
            self.assertEqual(record["decision"]["code"], "daily_cost_exceeded")
        shown = json.loads(world.cli("tenant", "show", "acme", "--json", check=0).stdout, parse_float=Decimal)
        self.assertEqual(Decimal(shown["total_cost_usd"]) * 10**9, sum(record["cost"]["nano_usd"] for record in allowed))

    def test_the_402_says_what_the_guide_says_and_leaves_evidence(self):
        world = self.world(callers=capped(0.0))
        response = world.chat(max_tokens=10)
        self.assertEqual(response.status, 402, response)
        error = response.json()["error"]
        self.assertEqual((error["type"], error["code"]), ("budget_limit_error", "daily_cost_exceeded"))
        self.assertEqual(error["message"], "Daily cost limit of $0.00 for caller customer-acme-app1 would be exceeded")
        self.assertEqual((error["current_usage_usd"], error["budget_limit_usd"], error["held_usd"]), (0, 0, 0))
        self.assertGreater(error["estimate_usd"], 0)
        self.assertRegex(error["resets_at"], r"^\d{4}-\d\d-\d\dT00:00:00Z$")
        self.assertEqual(error["request_id"], response.header("x-request-id"))
        self.assertEqual(response.header("x-should-retry"), "false")
        self.assertEqual(world.simulator.count(), 0)
        record = world.call_of(response)
        self.assertEqual((record["decision"]["outcome"], record["decision"]["code"], record["status"]), ("denied", "daily_cost_exceeded", 402))

    def test_other_callers_go_on(self):
        world = self.world(callers=capped(0.0, 20.0))
        self.assertEqual(world.chat().status, 402)
        self.assertEqual(world.chat(key=GLOBEX).status, 200)

    def test_the_cap_fills_up_call_by_call_and_survives_a_restart(self):
        hold = self.probe_hold(max_tokens=200)
        world = self.world(callers=capped(float(Decimal(hold * 3) / 10**9)))
        statuses = []
        for number in range(8):
            if number == 2:
                world.restart()
            statuses.append(world.chat(max_tokens=200, sim="usage=100,200").status)
        first_denied = statuses.index(402)
        self.assertGreaterEqual(first_denied, 2)
        self.assertTrue(all(status == 402 for status in statuses[first_denied:]), statuses)
        self.assertEqual(world.simulator.count(), first_denied)
        self.assertLessEqual(sum(record.get("cost", {}).get("nano_usd", 0) for record in world.calls()), hold * 3)

    def test_the_hold_follows_the_formula(self):
        # gpt-4o-mini's prices stand in the table; the ratio between holds does not depend on them.
        world = self.world(callers=capped(50.0))

        def held(**members):
            response = world.chat(sim="usage=1,1", **members)
            self.assertEqual(response.status, 200, response)
            body_bytes = len(world.simulator.last().body)
            return world.call_of(response)["cost"]["held_nano_usd"], -(-body_bytes // 3)

        (base, input_tokens), (double, same) = held(max_tokens=100), held(max_tokens=200)
        output_price = (double - base) / 100
        self.assertEqual(input_tokens, same)
        input_price = (base - 100 * output_price) / input_tokens
        self.assertGreater(output_price, input_price)
        for members, output_tokens in (
            ({"max_completion_tokens": 300}, 300),
            ({"max_completion_tokens": 300, "max_tokens": 7}, 300),
            ({"max_tokens": 100, "n": 3}, 300),
            ({"max_tokens": 0}, 0),
            ({}, 4096),
        ):
            with self.subTest(members=members):
                total, input_tokens = held(**members)
                self.assertAlmostEqual(total, input_tokens * input_price + output_tokens * output_price, delta=1)

    def test_every_prompt_and_every_try_of_a_completion_is_held(self):
        def complete(world, **members):
            body = {"model": "gpt-4o-mini", "max_tokens": 100, **members}
            return world.fetch("POST", "/v1/completions", body, sim="usage=1,1")

        free = self.world(callers=capped(50.0))
        one = free.call_of(complete(free, prompt="x"))["cost"]["held_nano_usd"]
        world = self.world(callers=capped(float(Decimal(one * 5) / 10**9)))
        for members in ({"prompt": ["x"] * 20}, {"prompt": "x", "best_of": 20}, {"prompt": [[1]] * 20}, {"prompt": "x", "n": 20}):
            with self.subTest(members=members):
                response = complete(world, **members)
                self.assertEqual((response.status, response.code), (402, "daily_cost_exceeded"), response)
        self.assertEqual(world.simulator.count(), 0)
        self.assertEqual(complete(world, prompt=[1] * 20, best_of=2).status, 200, "one list of tokens is one prompt")

    def test_an_unpriced_model_is_refused_under_a_cap_and_passes_without_one(self):
        world = self.world(callers=capped(50.0))
        response = world.chat(model="my-own-model")
        self.assertEqual((response.status, response.code), (400, "model_unpriced"), response)
        response = world.chat(model="my-own-model", key=GLOBEX)
        self.assertEqual(response.status, 200, response)
        record = world.call_of(response, "globex")
        self.assertIs(record.get("cost", {}).get("priced", False), False)
        self.assertEqual(world.tenant("globex")["unpriced_requests"], 1)
        self.assertEqual(world.simulator.count(), 1)

    def test_a_proxied_call_is_held_like_any_other(self):
        world = self.world(callers=capped(0.0))
        for body in (chat_body(), b"not json", b"{}", b"[]"):
            with self.subTest(body=body):
                response = world.fetch("POST", "/v1/proxy/openai/chat/completions", body)
                self.assertIn((response.status, response.code), ((402, "daily_cost_exceeded"), (400, "model_unpriced")), response)
        self.assertEqual(world.simulator.count(), 0)
        response = world.fetch("GET", "/v1/proxy/openai/models")
        self.assertEqual(response.status, 200, response)
        self.assertEqual(world.call_of(response)["ask"]["endpoint"], "/v1/proxy/{provider}/{path}")

    def test_a_failed_call_costs_nothing_and_gives_its_hold_back(self):
        hold = self.probe_hold(max_tokens=1000)
        world = self.world(callers=capped(float(Decimal(hold) * Decimal("1.5") / 10**9)))
        for _ in range(5):
            self.assertEqual(world.chat(max_tokens=1000, sim="status=500").status, 500)
        response = world.chat(max_tokens=1000, sim="usage=1,1")
        self.assertEqual(response.status, 200, response)

    def test_costs_are_billed_as_the_provider_counts(self):
        world = self.world()
        response = world.chat(sim="usage=1000,500")
        cost = world.call_of(response)["cost"]["nano_usd"]
        # gpt-4o-mini: $0.15 and $0.60 for a million tokens.
        self.assertEqual(cost, 1000 * 150 + 500 * 600)
        self.assertEqual(Decimal(response.header("x-talon-cost-usd")), Decimal(cost) / 10**9)
        costs = world.fetch("GET", "/v1/costs").json()
        self.assertEqual(round(costs["total_usd"] * 1e9), cost)
        self.assertEqual(costs["requests"], 1)


if __name__ == "__main__":
    unittest.main()
