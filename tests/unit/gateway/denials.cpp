// Bursts of refusals become few records.
#include "gateway/guard/denials.h"

#include <doctest/doctest.h>

#include "tests/unit/gateway/world.h"

namespace tg = talon::gateway;
namespace tc = talon::core;
using tc::Code;
using tg::Denials;

namespace {

class Counter final : public tc::Random {
 public:
  void fill(std::span<std::byte> out) noexcept override {
    for (auto& byte : out) byte = std::byte{static_cast<unsigned char>(next_ += 7)};
  }

 private:
  unsigned next_ = 0;
};

struct Desk {
  Denials denials;
  Counter random;
  static constexpr tc::Instant k_clock{1'700'000'000'000'000};

  Denials::Answer deny(std::int64_t ms, std::string caller = "app", Code code = Code::daily_cost_exceeded,
                       std::string_view tenant = "acme") {
    tc::EvidenceRecord record;
    record.log = tc::LogName::of(tg::test::tenant(tenant));
    tc::RequestDetail detail;
    detail.caller = std::move(caller);
    detail.decision = {.outcome = tc::Outcome::denied, .code = code, .shadow = false, .policy = {}, .prices = {}};
    record.detail = std::move(detail);
    const auto answer = denials.denied(record, {ms * 1000}, k_clock, random);
    CHECK(record.id == answer.id);
    return answer;
  }
  auto stranger(std::int64_t ms, Code code = Code::invalid_key) {
    return denials.refused_unknown(code, {ms * 1000}, k_clock, random);
  }
  auto admin(std::int64_t ms, Code code) {
    return denials.refused_unknown(code, {ms * 1000}, k_clock, random, "pipeline");
  }
  auto flush(std::int64_t ms, Denials::Which which = Denials::Which::due) { return denials.flush({ms * 1000}, which); }
};

std::int64_t count_of(const tc::EvidenceRecord& record) {
  if (const auto* detail = std::get_if<tc::RequestDetail>(&record.detail)) return detail->count.value_or(0);
  return std::get<tc::OperatorDetail>(record.detail).count.value_or(0);
}

}  // namespace

TEST_CASE("the first denial is written at once, later ones within a second become one record they share") {
  Desk desk;
  const auto first = desk.deny(0);
  CHECK(first.write_now);
  const auto second = desk.deny(10);
  const auto third = desk.deny(999);
  CHECK_FALSE(second.write_now);
  CHECK_FALSE(third.write_now);
  CHECK(second.id == third.id);
  CHECK(second.id != first.id);
  CHECK(desk.flush(500).empty());
  const auto merged = desk.flush(1000);
  REQUIRE(merged.size() == 1);
  CHECK(merged[0].id == second.id);
  CHECK(count_of(merged[0]) == 2);
  CHECK(desk.flush(5000).empty());
}

TEST_CASE("a denial on its own leaves nothing to merge") {
  Desk desk;
  CHECK(desk.deny(0).write_now);
  CHECK(desk.flush(2000).empty());
  CHECK(desk.deny(2100).write_now);
}

TEST_CASE("after a second a new burst begins, and the old one is not lost") {
  Desk desk;
  static_cast<void>(desk.deny(0));
  const auto merged_id = desk.deny(10).id;
  CHECK(desk.deny(1500).write_now);
  CHECK_FALSE(desk.deny(1600).write_now);
  const auto due = desk.flush(1700);
  REQUIRE(due.size() == 1);
  CHECK(due[0].id == merged_id);
  CHECK(desk.flush(1700, Denials::Which::all).size() == 1);
}

TEST_CASE("callers, codes and tenants have bursts of their own") {
  Desk desk;
  CHECK(desk.deny(0).write_now);
  CHECK(desk.deny(1, "bot").write_now);
  CHECK(desk.deny(2, "app", Code::tenant_mismatch).write_now);
  CHECK(desk.deny(3, "app", Code::daily_cost_exceeded, "globex").write_now);
  CHECK_FALSE(desk.deny(4).write_now);
}

TEST_CASE("an admin key that was refused is told apart from strangers, by its name") {
  Desk desk;
  CHECK(desk.stranger(0).has_value());
  CHECK_FALSE(desk.stranger(1, Code::wrong_key_kind));
  CHECK_FALSE(desk.admin(2, Code::wrong_key_kind));
  CHECK_FALSE(desk.admin(3, Code::wrong_key_kind));
  const auto records = desk.flush(3000, Denials::Which::all);
  REQUIRE(records.size() == 2);
  CHECK(std::get<tc::OperatorDetail>(records[0].detail).actor == "unknown");
  CHECK(count_of(records[0]) == 1);
  CHECK(std::get<tc::OperatorDetail>(records[1].detail).actor == "pipeline");
  CHECK(count_of(records[1]) == 2);
}

TEST_CASE("a merged record carries no bodies, which would be those of one call only") {
  Desk desk;
  static_cast<void>(desk.deny(0));
  tc::EvidenceRecord record;
  record.log = tc::LogName::of(tg::test::tenant("acme"));
  tc::RequestDetail detail;
  detail.caller = "app";
  detail.decision.code = Code::daily_cost_exceeded;
  detail.bodies = tc::Bodies{};
  record.detail = detail;
  static_cast<void>(desk.denials.denied(record, {5}, Desk::k_clock, desk.random));
  const auto merged = desk.flush(0, Denials::Which::all);
  REQUIRE(merged.size() == 1);
  CHECK_FALSE(std::get<tc::RequestDetail>(merged[0].detail).bodies);
}

TEST_CASE("every denial is counted once, over any course of time") {
  Desk desk;
  std::int64_t written = 0, denied = 0;
  for (std::int64_t ms = 0; ms < 20'000; ms += 37, ++denied) {
    if (desk.deny(ms).write_now) ++written;
    if (ms % 5 == 0) {
      for (const auto& record : desk.flush(ms)) written += count_of(record);
    }
  }
  for (const auto& record : desk.flush(20'000, Denials::Which::all)) written += count_of(record);
  CHECK(written == denied);
}

TEST_CASE("strangers are sampled, at most one record a second, and all are counted") {
  Desk desk;
  std::int64_t records = 0, counted = 0;
  for (std::int64_t ms = 0; ms < 3000; ms += 10) {
    if (const auto record = desk.stranger(ms)) {
      ++records;
      counted += count_of(*record);
      CHECK(record->log.is_operator());
      CHECK(std::get<tc::OperatorDetail>(record->detail).target == "invalid_key");
    }
  }
  CHECK(records == 3);
  CHECK(desk.flush(2995).empty());
  for (const auto& record : desk.flush(3000)) counted += count_of(record);
  CHECK(counted == 300);
  CHECK(desk.flush(9000, Denials::Which::all).empty());
  CHECK_FALSE(desk.stranger(3500));  // the flush at 3000 was this second's record
}

TEST_CASE("strangers refused for different reasons are counted apart, and still one record a second is written") {
  Desk desk;
  const auto target = [](const tc::EvidenceRecord& record) {
    return *std::get<tc::OperatorDetail>(record.detail).target;
  };
  REQUIRE(desk.stranger(0));
  for (int i = 0; i < 3; ++i) CHECK_FALSE(desk.stranger(10, Code::wrong_key_kind));
  for (int i = 0; i < 5; ++i) CHECK_FALSE(desk.stranger(20));
  const auto first = desk.stranger(1000);
  REQUIRE(first);
  CHECK(target(*first) == tc::word(Code::wrong_key_kind));
  CHECK(count_of(*first) == 3);
  CHECK(desk.flush(1999).empty());
  const auto second = desk.flush(2000);
  REQUIRE(second.size() == 1);
  CHECK(target(second[0]) == tc::word(Code::invalid_key));
  CHECK(count_of(second[0]) == 6);
  static_cast<void>(desk.stranger(2010));
  static_cast<void>(desk.stranger(2020, Code::wrong_key_kind));
  CHECK(desk.flush(2030).empty());
  CHECK(desk.flush(2040, Denials::Which::all).size() == 2);
}
