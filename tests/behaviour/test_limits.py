"""Limits that are no money: rates, requests a month, models, bodies, features, and shadow mode (issue 4, 2; acceptance G6, G7)."""

import json
import sys
import time
import unittest
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from talon_world import ACME, ADMIN, GLOBEX, Together, WorldCase, chat_body, chunked, request, wait_until  # noqa: E402

DEAR = "gpt-4o"
CONCURRENT = 200


def callers(**overrides):
    """The two callers, the first with these overrides."""
    return [
        {"name": "customer-acme-app1", "tenant_key": ACME, "tenant_id": "acme", "policy_overrides": overrides},
        {"name": "customer-globex-bot", "tenant_key": GLOBEX, "tenant_id": "globex"},
    ]


def tiers(**small):
    """A configuration with a tier "small" of these bounds, unbounded otherwise."""
    return {"tiers": {"small": {"rank": 1, "requests_per_month": "unlimited", "requests_per_second": "unlimited", "max_providers": 9,
                                "max_api_keys": 9, **small}}}


class LimitsCase(WorldCase):
    def account(self, world, tier, name="Small Corp"):
        """A tenant of this tier that uses the operator's provider keys: its id and its key."""
        made = world.fetch("POST", "/v1/admin/tenants", {"name": name, "tier": tier, "provider_keys": "operator"}, key=ADMIN)
        self.assertEqual(made.status, 201, made)
        return made.json()["tenant_id"], made.json()["api_keys"][0]["key"]

    def refused(self, response, status, code):
        self.assertEqual((response.status, response.code), (status, code), response)
        return response.json()["error"]

    def decision(self, world, response, tenant="acme"):
        return world.call_of(response, tenant)["decision"]


class Callers(LimitsCase):
    def test_a_callers_requests_a_minute_are_kept_and_others_go_on(self):
        world = self.world(callers=callers(requests_per_minute=3))
        for _ in range(3):
            self.assertEqual(world.chat().status, 200)
        refused = world.chat()
        self.refused(refused, 429, "rate_limited")
        # One every twenty seconds; the calls before took a little of it.
        self.assertIn(int(refused.header("retry-after")), range(15, 21))
        self.assertEqual(refused.header("x-ratelimit-limit-requests"), "3")
        self.assertEqual(refused.header("x-ratelimit-remaining-requests"), "0")
        self.assertRegex(refused.header("x-ratelimit-reset-requests"), r"^(\d+m)?\d+(\.\d+)?s$")
        self.assertEqual(self.decision(world, refused)["code"], "rate_limited")
        self.assertEqual(world.chat(key=GLOBEX).status, 200)
        self.assertEqual(world.simulator.count(), 4)

    def test_only_allowed_models_are_called_and_listed(self):
        world = self.world(callers=callers(allowed_models=["gpt-4o-m*", "text-embedding-3-small"]))
        self.assertEqual(world.chat().status, 200)
        refused = world.chat(model=DEAR)
        self.refused(refused, 403, "model_not_allowed")
        self.assertEqual(refused.header("x-should-retry"), "false")
        self.assertEqual(self.decision(world, refused)["code"], "model_not_allowed")
        proxied = world.fetch("POST", "/v1/proxy/openai/chat/completions", chat_body(model=DEAR))
        self.refused(proxied, 403, "model_not_allowed")
        self.assertEqual(world.simulator.count(), 1)
        listed = [row["id"] for row in world.fetch("GET", "/v1/models").json()["data"]]
        self.assertIn("gpt-4o-mini", listed)
        self.assertNotIn(DEAR, listed)
        everything = [row["id"] for row in world.fetch("GET", "/v1/models", key=GLOBEX).json()["data"]]
        self.assertIn(DEAR, everything)

    def test_a_ceiling_of_models_holds_for_every_caller(self):
        world = self.world({"gateway": {"limits": {"allowed_models": ["gpt-4o-mini*"]}}}, callers=callers(allowed_models=["gpt*"]))
        self.refused(world.chat(model=DEAR), 403, "model_not_allowed")
        self.refused(world.chat(model=DEAR, key=GLOBEX), 403, "model_not_allowed")
        self.assertEqual(world.chat(key=GLOBEX).status, 200)

    def test_a_callers_bodies_are_bounded_whatever_their_framing(self):
        world = self.world(callers=callers(max_body="2KiB"))
        self.assertEqual(world.chat("x" * 1000).status, 200)
        self.refused(world.chat("x" * 3000), 413, "body_too_large")
        body = json.dumps(chat_body("x" * 3000)).encode()
        with world.connect() as connection:
            head = request("POST", "/v1/chat/completions", None, key=ACME, headers=[("Transfer-Encoding", "chunked")], length=False)
            self.refused(connection.exchange(head + chunked(body, sizes=(512,))), 413, "body_too_large")
        self.assertEqual(world.chat("x" * 3000, key=GLOBEX).status, 200)
        self.assertEqual(world.simulator.count(), 2)


class Tiers(LimitsCase):
    def test_requests_a_second_are_the_tenants_and_its_neighbour_goes_on(self):
        world = self.world(tiers(requests_per_second=5))
        tenant, key = self.account(world, "small")
        statuses, windows = Counter(), []
        refused = None
        # Five at once; the calls take time, in which more become free, so up to a few more pass.
        results = Together(40, lambda _: world.chat(key=key)).results()
        for response in results:
            statuses[response.status] += 1
            if response.status == 429:
                refused = response
            else:
                windows.append(response.header("x-ratelimit-limit-requests"))
        self.assertEqual(set(statuses), {200, 429})
        self.assertGreaterEqual(statuses[200], 5)
        self.assertEqual(set(windows), {"5"})
        self.refused(refused, 429, "rate_limited")
        self.assertEqual(refused.header("retry-after"), "1")
        self.assertEqual(refused.header("x-ratelimit-limit-requests"), "5")
        self.assertEqual(refused.header("x-ratelimit-remaining-requests"), "0")
        wait_until(lambda: any(one["decision"].get("code") == "rate_limited" for one in world.calls(tenant)), 10, "the burst's record")
        self.assertEqual(world.chat().status, 200)
        self.assertIsNone(world.chat().header("x-ratelimit-limit-requests"))
        wait_until(lambda: world.chat(key=key).status == 200, 5, "the tenant's next second")

    def test_whatever_a_tenants_keys_ask_counts_as_a_request_of_its_second(self):
        world = self.world({"tiers": {"scale": {"requests_per_second": 5, "requests_per_month": 1}}})
        tenant, key = self.account(world, "scale")
        seen = 0
        for method, target, body in (("POST", "/v1/sessions", {}), ("GET", "/v1/sessions", None), ("GET", "/v1/costs", None),
                                     ("GET", "/v1/evidence", None), ("GET", "/v1/evidence/checkpoint", None),
                                     ("GET", "/v1/evidence/export", None), ("GET", f"/v1/tenants/{tenant}/api-keys", None),
                                     ("PUT", f"/v1/tenants/{tenant}/routing", {"policy": "fallback"})):
            with self.subTest(f"{method} {target}"):
                data = request(method, target, body, key=key)
                wait_until(lambda: world.fetch("GET", "/v1/costs", key=key).status == 200, 5, "the tenant's next second")
                answers = Together(4, lambda _: self.until_refused(world, data)).results()
                refused = answers[0][-1]
                self.refused(refused, 429, "rate_limited")
                self.assertEqual(refused.header("retry-after"), "1")
                self.assertEqual(refused.header("x-ratelimit-limit-requests"), "5")
                self.assertEqual(refused.header("x-ratelimit-remaining-requests"), "0")
                good = [one for many in answers for one in many if one.status != 429]
                self.assertLessEqual({one.header("x-ratelimit-limit-requests") for one in good}, {"5"})
                seen += len(good)
                # One bucket for all: calls find it as empty.
                self.refused(world.chat(key=key), 429, "rate_limited")
        self.assertGreater(seen, 0)
        # Admin keys and callers without a tier have no rate, and nothing of this counted against the month.
        for _ in range(30):
            self.assertEqual(world.fetch("GET", f"/v1/tenants/{tenant}/api-keys", key=ADMIN).status, 200)
            unbounded = world.fetch("GET", "/v1/costs")
            self.assertEqual(unbounded.status, 200)
            self.assertIsNone(unbounded.header("x-ratelimit-limit-requests"))
        wait_until(lambda: world.chat(key=key).status == 200, 5, "the tenant's next second")

    def until_refused(self, world, data, most=200):
        """The answers to one request made again and again, the first 429 last."""
        answers = []
        with world.connect() as connection:
            while len(answers) < most:
                answers.append(connection.exchange(data))
                if answers[-1].status == 429:
                    return answers
        self.fail(f"{most} answers and none is 429: {answers[-1]}")

    def test_whom_a_key_may_not_ask_about_is_said_before_how_often_it_asked(self):
        world = self.world(tiers(requests_per_second=1))
        (tenant, key), (other, _) = self.account(world, "small"), self.account(world, "small")
        scoped = world.fetch("POST", "/api/virtual_keys", {"name": "lent", "tenant_id": tenant}, key=ADMIN).json()["plaintext"]
        tagged = [("X-Talon-Tenant-Id", other)]
        for method, target, body, headers, who, code in (
                ("GET", f"/v1/tenants/{other}/api-keys", None, (), key, "tenant_mismatch"),
                ("GET", "/v1/tenants/never-seen/providers", None, (), key, "tenant_mismatch"),
                ("GET", f"/v1/costs?tenant={other}", None, (), key, "tenant_mismatch"),
                ("GET", f"/v1/evidence?tenant={other}", None, (), key, "tenant_mismatch"),
                ("GET", f"/v1/evidence/export?tenant={other}", None, (), key, "tenant_mismatch"),
                ("GET", f"/v1/sessions/s?tenant={other}", None, (), key, "tenant_mismatch"),
                ("GET", "/v1/models", None, tagged, key, "tenant_mismatch"),
                ("POST", "/v1/sessions", {"tenant_id": other}, (), key, "tenant_mismatch"),
                ("POST", "/v1/sessions", {}, tagged, key, "tenant_mismatch"),
                ("POST", f"/v1/tenants/{other}/api-keys", {"name": "n"}, (), key, "tenant_mismatch"),
                ("PUT", f"/v1/tenants/{other}/routing", {"policy": "fallback"}, (), key, "tenant_mismatch"),
                ("GET", f"/v1/tenants/{tenant}/features", None, (), scoped, "wrong_key_kind"),
                ("GET", "/v1/costs", None, (), scoped, "wrong_key_kind"),
                ("GET", "/v1/admin/tenants", None, (), key, "wrong_key_kind")):
            with self.subTest(f"{method} {target}"), world.connect() as connection:
                data = request(method, target, body, key=who, headers=headers)
                for _ in range(8):
                    self.refused(connection.exchange(data), 403, code)

    def test_a_request_that_names_another_tenant_costs_its_share_of_the_second(self):
        world = self.world(tiers(requests_per_second=1))
        (_, key), (other, _) = self.account(world, "small"), self.account(world, "small")
        foreign, own = (request("GET", f"/v1/costs{query}", None, key=key) for query in (f"?tenant={other}", ""))

        def measured():
            """What the own request heard right after a foreign one; None: too slow to tell, a second had gone by."""
            wait_until(lambda: world.fetch("GET", "/v1/costs", key=key).status == 200, 5, "the tenant's next second")
            full = time.monotonic() + 1.05
            wait_until(lambda: time.monotonic() > full, 5, "the second after it")
            with world.connect() as connection:
                began = time.monotonic()
                self.refused(connection.exchange(foreign), 403, "tenant_mismatch")
                heard = connection.exchange(own)
                return heard.status if time.monotonic() - began < 0.9 else None

        heard = next(status for status in iter(measured, 0) if status is not None)
        self.assertEqual(heard, 429)

    def test_the_month_ends_at_its_limit_and_refusals_do_not_count(self):
        world = self.world(tiers(requests_per_month=3))
        tenant, key = self.account(world, "small")
        self.assertEqual(world.chat(key=key).status, 200)
        for _ in range(3):
            self.refused(world.chat(key=key, council_mode=True), 403, "feature_not_available")
        self.assertEqual(world.chat(key=key).status, 200)
        self.assertEqual(world.chat(key=key).status, 200)
        refused = world.chat(key=key)
        error = self.refused(refused, 429, "monthly_request_limit_exceeded")
        self.assertEqual((error["limit"], error["current"]), (3, 3))
        self.assertRegex(error["resets_at"], r"^\d{4}-\d\d-01T00:00:00Z$")
        self.assertEqual(refused.header("x-should-retry"), "false")
        self.assertIsNone(refused.header("retry-after"))
        self.assertEqual(self.decision(world, refused, tenant)["code"], "monthly_request_limit_exceeded")
        self.assertEqual(world.simulator.count(), 3)

    def test_200_parallel_calls_at_the_months_edge_do_not_pass_it(self):
        world = self.world(tiers(requests_per_month=17))
        _, key = self.account(world, "small")

        def call(_):
            with world.connect(timeout=60) as connection:
                return connection.exchange(request("POST", "/v1/chat/completions", chat_body(), key=key))

        statuses = Counter(response.status for response in Together(CONCURRENT, call).results())
        self.assertEqual(statuses, {200: 17, 429: CONCURRENT - 17})
        self.assertEqual(world.simulator.count(), 17)

    def test_a_month_survives_kill_9_with_calls_in_flight(self):
        for durability in ("strict", "batched"):
            with self.subTest(durability=durability):
                world = self.world(tiers(requests_per_month=5), durability=durability)
                _, key = self.account(world, "small")
                self.assertEqual(world.chat(key=key).status, 200)
                with world.connect() as first, world.connect() as second:
                    for connection in (first, second):
                        connection.send(request("POST", "/v1/chat/completions", chat_body(), key=key, headers=[("X-Sim", "hold")]))
                    world.simulator.wait_held(2)
                    # Commits keep the order: when a later call's record can be read, these intents are on disk.
                    world.call_of(world.chat(key=GLOBEX), "globex")
                    world.kill()
                world.simulator.release(forever=True)
                world.start()
                self.assertEqual(world.chat(key=key).status, 200)
                self.assertEqual(world.chat(key=key).status, 200)
                self.refused(world.chat(key=key), 429, "monthly_request_limit_exceeded")

    def test_a_feature_outside_the_tier_is_forbidden_and_one_in_it_is_not_built(self):
        world = self.world()
        trial, trial_key = self.account(world, "trial", "Trial Corp")
        _, growth_key = self.account(world, "growth", "Growth Corp")
        for member, value, feature in (("council_mode", True, "council_mode"), ("speculative_mode", {"k": 2}, "speculative_execution")):
            with self.subTest(member=member):
                error = self.refused(world.chat(key=trial_key, **{member: value}), 403, "feature_not_available")
                self.assertEqual((error["tier"], error["feature"]), ("trial", feature))
                self.refused(world.chat(key=growth_key, **{member: value}), 501, "not_supported")
                self.refused(world.chat(**{member: value}), 501, "not_supported")
        # Thompson sampling is in every tier.
        self.refused(world.chat(key=trial_key, routing_policy="thompson-sampling"), 501, "not_supported")
        self.assertEqual(world.chat(key=trial_key, council_mode=False).status, 200)
        self.assertEqual(world.simulator.count(), 1)


class Shadow(LimitsCase):
    SHADOW = {"gateway": {"mode": "shadow"}}

    def test_denials_for_money_and_models_are_noted_and_let_through(self):
        world = self.world(self.SHADOW, callers=callers(max_daily_cost=0, allowed_models=["gpt-4o-mini"]))
        for members, code in (({}, "daily_cost_exceeded"), ({"model": DEAR}, "model_not_allowed"),
                              ({"model": "no-such-model"}, "model_not_allowed")):
            with self.subTest(code=code, members=members):
                response = world.chat(**members)
                self.assertEqual(response.status, 200, response)
                record = world.call_of(response)
                self.assertEqual((record["decision"]["outcome"], record["decision"].get("shadow"), record["decision"]["code"]),
                                 ("allowed", True, code))
        self.assertEqual(world.simulator.count(), 3)
        self.assertGreater(world.tenant()["total_cost_usd"], 0)
        unbounded = world.chat(key=GLOBEX)
        self.assertNotIn("shadow", self.decision(world, unbounded, "globex"))
        self.assertNotIn("code", self.decision(world, unbounded, "globex"))

    def test_an_unpriced_model_under_a_cap_is_noted_and_never_counted_as_free(self):
        world = self.world(self.SHADOW, callers=callers(max_daily_cost=5))
        response = world.chat(model="no-such-model")
        self.assertEqual(response.status, 200, response)
        record = world.call_of(response)
        self.assertEqual((record["decision"]["shadow"], record["decision"]["code"]), (True, "model_unpriced"))
        self.assertNotIn("priced", record["cost"])

    def test_keys_rates_bodies_and_features_are_enforced_all_the_same(self):
        world = self.world({**self.SHADOW, **tiers(requests_per_month=1)}, callers=callers(requests_per_minute=1, max_body="2KiB"))
        _, key = self.account(world, "small")
        self.refused(world.chat(key="no-key-of-anybody-at-all"), 401, "invalid_key")
        self.refused(world.chat("x" * 3000), 413, "body_too_large")
        self.assertEqual(world.chat().status, 200)
        limited = world.chat()
        self.refused(limited, 429, "rate_limited")
        self.assertNotIn("shadow", self.decision(world, limited))
        self.refused(world.chat(key=key, council_mode=True), 403, "feature_not_available")
        self.assertEqual(world.chat(key=key).status, 200)
        self.refused(world.chat(key=key), 429, "monthly_request_limit_exceeded")
        mismatch = world.chat(key=GLOBEX, headers=[("X-Talon-Tenant-Id", "acme")])
        self.refused(mismatch, 403, "tenant_mismatch")


if __name__ == "__main__":
    unittest.main()
