#include "gateway/guard/slowing.h"

#include <doctest/doctest.h>

#include <cstring>
#include <string>

namespace {

using namespace talon;
using namespace std::chrono_literals;
using gateway::Slowing;

class FixedRandom final : public core::Random {
 public:
  void fill(std::span<std::byte> out) noexcept override { std::memset(out.data(), 7, out.size()); }
};

TEST_CASE("the first failures of an address are answered at once, those beyond wait longer and longer up to a second") {
  FixedRandom random;
  Slowing slowing(random);
  const core::Micros now{5'000'000};
  for (int i = 0; i < Slowing::k_burst; ++i) REQUIRE(slowing.failed("\x7f\0\0\1", now) == 0ms);
  auto last = 0ms;
  for (int i = 0; i < 100; ++i) {
    const auto wait = slowing.failed("\x7f\0\0\1", now);
    CHECK(wait >= last);
    CHECK(wait <= 1'000ms);
    last = wait;
  }
  CHECK(last == 1'000ms);
}

TEST_CASE("a pause is forgiven, however long somebody tried before") {
  FixedRandom random;
  Slowing slowing(random);
  for (int i = 0; i < 100'000; ++i) static_cast<void>(slowing.failed("peer", core::Micros{1'000}));
  CHECK(slowing.failed("peer", core::Micros{1'000}) == 1'000ms);
  const std::int64_t whole = Slowing::k_burst * Slowing::k_interval.count + Slowing::k_longest.count;
  CHECK(slowing.failed("peer", core::Micros{1'000 + whole}) == 0ms);
}

TEST_CASE("one address does not slow another") {
  FixedRandom random;
  Slowing slowing(random);
  for (int i = 0; i < 10'000; ++i) static_cast<void>(slowing.failed("one", core::Micros{1}));
  int slow = 0;
  for (int i = 0; i < 1'000; ++i) slow += slowing.failed("other" + std::to_string(i), core::Micros{1}) > 0ms ? 1 : 0;
  CHECK(slow <= 4);  // those that share its counter
}

}  // namespace
