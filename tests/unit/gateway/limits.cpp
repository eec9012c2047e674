// Rates, months, models and features: pure decisions with injected time.
#include "gateway/guard/limits.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "gateway/guard/caps.h"
#include "tests/unit/gateway/world.h"

namespace tg = talon::gateway;
using talon::core::Day;
using talon::core::Instant;
using talon::core::Micros;

namespace {

constexpr Micros k_start{5'000'000'000};
Micros at(std::int64_t micros) { return {k_start.count + micros}; }

Instant noon(std::int32_t day) { return {talon::core::start_of(Day{day}).micros + talon::core::k_micros_per_day / 2}; }
const Instant k_may = noon(20'580);   // 2026-05-07
const Instant k_june = noon(20'610);  // 2026-06-06

talon::core::Tier tier(std::optional<std::int64_t> month, std::optional<std::int64_t> second) {
  talon::core::Tier made;
  made.name = "small";
  made.requests_per_month = month;
  made.requests_per_second = second;
  return made;
}

std::string field(const tg::Response& response, std::string_view name) {
  for (const auto& [key, value] : response.fields) {
    if (key == name) return value;
  }
  return "(none)";
}

class FixedClock final : public talon::core::Clock {
 public:
  [[nodiscard]] Instant now() const noexcept override { return k_may; }
  [[nodiscard]] Micros monotonic() const noexcept override { return k_start; }
};

}  // namespace

TEST_CASE("a rate admits one period's worth at once, then one each interval") {
  tg::Gcra gcra;
  const tg::Rate ten{10, tg::k_second};
  for (int i = 0; i < 10; ++i) {
    const auto answer = gcra.take(ten, at(0));
    CHECK(answer.admitted);
    CHECK(answer.remaining == 9 - i);
    CHECK(answer.reset.count == 100'000 * (i + 1));
  }
  const auto refused = gcra.take(ten, at(0));
  CHECK_FALSE(refused.admitted);
  CHECK(refused.wait.count == 100'000);
  CHECK(refused.reset.count == 1'000'000);
  CHECK_FALSE(gcra.take(ten, at(99'999)).admitted);
  CHECK(gcra.take(ten, at(100'000)).admitted);
  CHECK_FALSE(gcra.take(ten, at(100'000)).admitted);
  CHECK(gcra.take(ten, at(10'000'000)).remaining == 9);  // a long pause saves up no more than one period
}

TEST_CASE("a refusal costs nothing of the rate") {
  tg::Gcra gcra;
  const tg::Rate one{1, tg::k_second};
  CHECK(gcra.take(one, at(0)).admitted);
  for (int i = 0; i < 1000; ++i) CHECK_FALSE(gcra.take(one, at(999'999)).admitted);
  CHECK(gcra.take(one, at(1'000'000)).admitted);
}

TEST_CASE("rates that do not divide a second neither drift nor stand still") {
  tg::Gcra gcra;
  int admitted = 0;
  for (std::int64_t micros = 0; micros < 10'000'000; micros += 1000)
    admitted += gcra.take({3, tg::k_second}, at(micros)).admitted;
  CHECK(admitted == 32);  // 3 at once, then 3 a second: the last of ten seconds is not over
  tg::Gcra fast;
  CHECK(fast.take({1'000'000'000, tg::k_minute}, at(0)).admitted);
}

TEST_CASE("a window of a slower rate does not outlast the change to a faster one") {
  tg::Gcra gcra;
  CHECK(gcra.take({1, tg::k_minute}, at(0)).admitted);
  CHECK(gcra.take({10, tg::k_second}, at(1)).admitted);
}

TEST_CASE("threads together get no more than the rate") {
  tg::Gcra gcra;
  std::atomic<int> admitted{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) admitted += gcra.take({100, tg::k_second}, at(0)).admitted;
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(admitted == 100);
}

TEST_CASE("a month's count is passed by nobody, however many ask at once") {
  tg::MonthCount month;
  month.start_from(k_may, 50);
  std::atomic<int> admitted{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) admitted += month.take(k_may, 150);
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(admitted == 100);
  CHECK(month.count(k_may) == 150);
}

TEST_CASE("a new month begins at nothing, and a clock that steps back does not bring the old one back") {
  tg::MonthCount month;
  CHECK(month.take(k_may, 1));
  CHECK_FALSE(month.take(k_may, 1));
  CHECK(month.count(k_june) == 0);
  CHECK(month.take(k_june, 1));
  CHECK_FALSE(month.take(k_may, 1));
  CHECK_FALSE(month.take(k_june, 1));
}

TEST_CASE("what came to nothing is given back, in its own month only") {
  tg::MonthCount month;
  CHECK(month.take(k_may, 1));
  month.give_back(k_may);
  CHECK(month.take(k_may, 1));
  CHECK(month.take(k_june, 1));
  month.give_back(k_may);
  CHECK(month.count(k_june) == 1);
}

TEST_CASE("without a limit a month is counted all the same, for the day a limit comes") {
  tg::TenantMeters meters;
  for (int i = 0; i < 3; ++i) CHECK_FALSE(tg::admit_month(meters, nullptr, k_may));
  const auto limited = tier(3, std::nullopt);
  CHECK(tg::admit_month(meters, &limited, k_may));
}

TEST_CASE("the monthly refusal says what was promised") {
  tg::TenantMeters meters;
  meters.month.start_from(k_may, 7);
  const auto limited = tier(5, std::nullopt);
  const auto refused = tg::admit_month(meters, &limited, k_may);
  REQUIRE(refused);
  const auto response = tg::to_response(*refused, "req_1");
  CHECK(response.status == 429);
  CHECK(field(response, "x-should-retry") == "false");
  CHECK(field(response, "Retry-After") == "(none)");
  const auto error = nlohmann::json::parse(response.body)["error"];
  CHECK(error["code"] == "monthly_request_limit_exceeded");
  CHECK(error["limit"] == 5);
  CHECK(error["current"] == 7);
  CHECK(error["resets_at"] == "2026-06-01T00:00:00Z");
}

TEST_CASE("the refusal of a rate has Retry-After and the tenant's window in OpenAI's form") {
  tg::TenantMeters meters;
  const auto limited = tier(std::nullopt, 2);
  const auto first = tg::admit_rate(meters, &limited, at(0));
  REQUIRE((first && *first));
  CHECK((*first)->limit == 2);
  CHECK((*first)->remaining == 1);
  REQUIRE(tg::admit_rate(meters, &limited, at(0)));
  const auto refused = tg::admit_rate(meters, &limited, at(0));
  REQUIRE_FALSE(refused);
  const auto response = tg::to_response(refused.error(), "req_1");
  CHECK(response.status == 429);
  CHECK(field(response, "Retry-After") == "1");
  CHECK(field(response, "x-ratelimit-limit-requests") == "2");
  CHECK(field(response, "x-ratelimit-remaining-requests") == "0");
  CHECK(field(response, "x-ratelimit-reset-requests") == "1s");
  CHECK(field(response, "x-should-retry") == "(none)");
}

TEST_CASE("a tier without a bound, and no tier, have no window") {
  tg::TenantMeters meters;
  const auto free = tier(std::nullopt, std::nullopt);
  CHECK_FALSE(*tg::admit_rate(meters, &free, at(0)));
  CHECK_FALSE(*tg::admit_rate(meters, nullptr, at(0)));
}

TEST_CASE("durations are written as OpenAI writes them") {
  CHECK(tg::reset_text({0}) == "0ms");
  CHECK(tg::reset_text({1}) == "1ms");
  CHECK(tg::reset_text({120'000}) == "120ms");
  CHECK(tg::reset_text({1'000'000}) == "1s");
  CHECK(tg::reset_text({1'500'000}) == "1.5s");
  CHECK(tg::reset_text({8'640'000}) == "8.64s");
  CHECK(tg::reset_text({360'000'000}) == "6m0s");
}

TEST_CASE("requests a minute are the caller's, by its name, over a reload") {
  const auto caps = tg::Caps::from_spend({}, Day{20'000});
  tg::Caller caller;
  caller.name = "a";
  caller.policy.requests_per_minute = 3;
  for (int i = 0; i < 3; ++i) CHECK_FALSE(caps->admit_rate(caller, at(0)));
  tg::Caller same = caller;  // of the next generation
  same.index = 7;
  const auto refused = caps->admit_rate(same, at(0));
  REQUIRE(refused);
  CHECK(refused->error.code == talon::core::Code::rate_limited);
  CHECK(refused->retry_after_seconds == 20);
  tg::Caller other = caller;
  other.name = "b";
  CHECK_FALSE(caps->admit_rate(other, at(0)));
  CHECK_FALSE(caps->admit_rate(caller, at(20'000'000)));
  other.policy.requests_per_minute.reset();
  for (int i = 0; i < 100; ++i) CHECK_FALSE(caps->admit_rate(other, at(0)));
}

TEST_CASE("a model must match the caller's patterns and the ceiling's; without patterns every call passes") {
  talon::core::CallerPolicy policy;
  CHECK_FALSE(tg::check_model(policy, "a", std::nullopt));
  policy.allowed_models = {"gpt-4o*", "o1"};
  CHECK_FALSE(tg::check_model(policy, "a", "gpt-4o-mini"));
  CHECK_FALSE(tg::check_model(policy, "a", "o1"));
  REQUIRE(tg::check_model(policy, "a", "o1-mini"));
  CHECK(tg::check_model(policy, "a", "o1-mini")->error.code == talon::core::Code::model_not_allowed);
  CHECK(tg::check_model(policy, "a", std::nullopt));
  policy.models_ceiling = {"gpt*"};
  CHECK(tg::check_model(policy, "a", "o1"));
  CHECK_FALSE(tg::check_model(policy, "a", "gpt-4o"));
}

TEST_CASE("a feature that the tier lacks, or that was switched off, is refused with tier and feature") {
  using talon::core::Feature;
  talon::vault::Account account{.row = talon::vault::AccountRow{tg::test::tenant("acme")}, .credentials = {}};
  account.row.tier = "developer";
  const auto& tiers = talon::core::TierTable::built_in();
  const auto* developer = tg::tier_of(&account, tiers, k_may);
  REQUIRE(developer != nullptr);
  CHECK(developer->name == "developer");
  CHECK_FALSE(tg::check_feature(&account, developer, Feature::thompson_sampling));
  const auto refused = tg::check_feature(&account, developer, Feature::council_mode);
  REQUIRE(refused);
  const auto error = nlohmann::json::parse(tg::to_response(*refused, "req_1").body)["error"];
  CHECK(error["code"] == "feature_not_available");
  CHECK(error["tier"] == "developer");
  CHECK(error["feature"] == "council_mode");
  account.row.features_off = {"thompson_sampling"};
  CHECK(tg::check_feature(&account, developer, Feature::thompson_sampling));
  CHECK_FALSE(tg::check_feature(nullptr, nullptr, Feature::council_mode));
}

TEST_CASE("a tier that is no longer in the table bounds like the lowest; a tenant without one is not bounded") {
  talon::vault::Account account{.row = talon::vault::AccountRow{tg::test::tenant("acme")}, .credentials = {}};
  const auto& tiers = talon::core::TierTable::built_in();
  CHECK(tg::tier_of(&account, tiers, k_may) == nullptr);
  CHECK(tg::tier_of(nullptr, tiers, k_may) == nullptr);
  account.row.tier = "gone";
  CHECK(tg::tier_of(&account, tiers, k_may)->name == "trial");
  account.row.tier = "scale";
  account.row.pending_tier = "growth";
  account.row.effective_at = k_june;
  CHECK(tg::tier_of(&account, tiers, k_may)->name == "scale");
  CHECK(tg::tier_of(&account, tiers, k_june)->name == "growth");
}

TEST_CASE("a tenant's meters are one for the whole run, and begin with what the log holds") {
  int recounts = 0;
  const FixedClock clock;
  tg::Meters meters(
      [&](const talon::core::LogName&, Instant) -> talon::core::Result<std::int64_t> { return 40 + ++recounts; },
      clock);
  const auto log = talon::core::LogName::of(tg::test::tenant("acme"));
  auto* first = *meters.of(log);
  CHECK(first->month.count(k_may) == 41);
  CHECK(*meters.of(log) == first);
  CHECK(recounts == 1);
}
