// Daily caps: one atomic step for each admission.
#include "gateway/guard/caps.h"

#include <doctest/doctest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "tests/unit/gateway/world.h"

namespace tg = talon::gateway;
using talon::core::Day;
using talon::core::Instant;
using talon::core::NanoUsd;
using tg::test::usd;

namespace {

constexpr Day k_today{20'000};
const Instant k_noon{talon::core::start_of(k_today).micros + talon::core::k_micros_per_day / 2};
const Instant k_tomorrow{talon::core::start_of(Day{k_today.number + 1}).micros + 5};

struct Till {
  std::shared_ptr<const tg::Snapshot> snapshot;
  std::unique_ptr<tg::Caps> caps;
  explicit Till(std::optional<NanoUsd> cap = usd("1"), const tg::Caps::SpendToday& spend = {})
      : snapshot(tg::test::world({.callers = {{"capped", "k1", "acme", cap}, {"other", "k2", "acme", usd("1")}}})),
        caps(tg::Caps::from_spend(spend, k_today)) {}
  auto admit(std::string_view estimate, Instant now = k_noon, std::size_t caller = 0) const {
    return caps->admit(snapshot->callers[caller], usd(estimate), now);
  }
};

}  // namespace

TEST_CASE("a call is admitted while spent, held and its own estimate fit the cap, to the last nano-dollar") {
  const Till till;
  auto first = till.admit("0.6");
  REQUIRE(first);
  CHECK(first->amount() == usd("0.6"));
  CHECK_FALSE(till.admit("0.400000001"));
  CHECK(till.admit("0.4"));  // and released again: the hold was dropped
  first->settle(usd("0.1"), k_noon);
  CHECK(till.admit("0.9"));
  CHECK_FALSE(till.admit("0.900000001"));
}

TEST_CASE("the refusal says what interfaces.md promises") {
  const Till till(usd("50"),
                  {{{talon::core::LogName::of(tg::test::tenant("acme")), "capped"}, {k_today, usd("49.99")}}});
  const auto held = till.admit("0.005");
  const auto refused = till.admit("0.02");
  REQUIRE_FALSE(refused);
  const auto body = nlohmann::json::parse(tg::to_response(refused.error(), "req_1").body);
  CHECK(body == nlohmann::json::parse(R"({"error":{"type":"budget_limit_error","code":"daily_cost_exceeded",
      "message":"Daily cost limit of $50.00 for caller capped would be exceeded","current_usage_usd":49.99,"budget_limit_usd":50,"held_usd":0.005,
      "estimate_usd":0.02,"resets_at":"2024-10-05T00:00:00Z","request_id":"req_1"}})"));
}

TEST_CASE("a cap of zero refuses every priced call and lets free ones pass") {
  const Till till(NanoUsd{});
  CHECK_FALSE(till.admit("0.000000001"));
  CHECK(till.admit("0"));
}

TEST_CASE("a call that costs nothing passes also when the cap is spent") {
  const Till till;
  till.admit("1")->settle(usd("3"), k_noon);
  CHECK(till.admit("0"));
  CHECK_FALSE(till.admit("0.000000001"));
}

TEST_CASE("without a cap nothing is refused, whatever the sum") {
  const Till till(std::nullopt);
  const auto a = till.admit("9000000000");
  const auto b = till.admit("9000000000");
  CHECK(a);
  CHECK(b);
}

TEST_CASE("callers of one tenant have caps of their own") {
  const Till till;
  const auto held = till.admit("1");
  CHECK_FALSE(till.admit("0.1", k_noon, 0));
  CHECK(till.admit("1", k_noon, 1));
}

TEST_CASE("spending of today counts after a start, over all logs; that of other days and callers does not") {
  const auto log = [](std::string_view tenant) { return talon::core::LogName::of(tg::test::tenant(tenant)); };
  const Till till(usd("1"), {{{log("acme"), "capped"}, {k_today, usd("0.3")}},
                             {{log("globex"), "capped"}, {k_today, usd("0.3")}},
                             {{log("old"), "capped"}, {Day{k_today.number - 1}, usd("5")}},
                             {{log("acme"), "gone"}, {k_today, usd("5")}}});
  CHECK(till.admit("0.4"));
  CHECK_FALSE(till.admit("0.400000001"));
}

TEST_CASE("at midnight spending starts anew, and what is in flight still counts") {
  const Till till;
  till.admit("0.5")->settle(usd("0.5"), k_noon);
  auto flying = till.admit("0.4");
  REQUIRE(flying);
  CHECK_FALSE(till.admit("0.7", k_tomorrow));
  CHECK(till.admit("0.6", k_tomorrow));
  // Its record was sequenced tomorrow: the cost is tomorrow's.
  flying->settle(usd("0.4"), k_tomorrow);
  CHECK(till.admit("0.6", k_tomorrow));
  CHECK_FALSE(till.admit("0.600000001", k_tomorrow));
}

TEST_CASE("a record of yesterday that settles today leaves today alone") {
  const Till till;
  auto flying = till.admit("0.4");
  CHECK(till.admit("0.1", k_tomorrow));
  flying->settle(usd("0.4"), k_noon);
  CHECK(till.admit("1", k_tomorrow));
}

TEST_CASE("a clock that steps back over midnight does not bring a spent day back") {
  const Till till;
  till.admit("1", k_tomorrow)->settle(usd("1"), k_tomorrow);
  CHECK_FALSE(till.admit("0.1", k_noon));
}

TEST_CASE("a hold counts once, however it is moved") {
  const Till till;
  auto a = *till.admit("0.7");
  tg::Hold b = std::move(a);
  CHECK_FALSE(till.admit("0.4"));
  tg::Hold c;
  c = std::move(b);
  CHECK_FALSE(till.admit("0.4"));
  c = *till.admit("0.2");
  CHECK(till.admit("0.8"));
  c.settle(usd("0.2"), k_noon);
  c.settle(usd("0.2"), k_noon);
  CHECK(till.admit("0.8"));
  CHECK_FALSE(till.admit("0.800000001"));
}

// Property: whatever the interleaving, what is settled and held never passes the cap.
TEST_CASE("concurrent admissions never exceed the cap") {
  const Till till(usd("0.1"));
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::atomic<std::int64_t> admitted{0}, refused{0}, most{0};
  std::atomic<std::int64_t> owed{0};  // settled + held, as an outsider can see it: never more than the truth
  const auto work = [&](unsigned thread) {
    std::mt19937 random(seed + thread);
    for (int i = 0; i < 500; ++i) {
      const NanoUsd estimate(1 + static_cast<std::int64_t>(random() % 1'000'000));
      auto hold = till.caps->admit(till.snapshot->callers[0], estimate, k_noon);
      if (!hold) {
        ++refused;
        continue;
      }
      ++admitted;
      const auto now = owed += estimate.nano();
      auto seen = most.load();
      while (now > seen && !most.compare_exchange_weak(seen, now)) {
      }
      const NanoUsd cost(static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(estimate.nano() + 1)));
      owed -= estimate.nano() - cost.nano();
      hold->settle(cost, k_noon);
    }
  };
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) threads.emplace_back(work, t);
  for (auto& thread : threads) thread.join();
  CHECK(admitted > 0);
  CHECK(refused > 0);
  CHECK(owed <= usd("0.1").nano());
  CHECK(most <= usd("0.1").nano());
}
