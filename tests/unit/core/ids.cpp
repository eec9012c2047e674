#include "core/ids.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>

using namespace talon::core;  // NOLINT: a test of this namespace

namespace {
class FixedRandom final : public Random {
 public:
  explicit FixedRandom(int byte) : byte_(static_cast<std::byte>(byte)) {}
  void fill(std::span<std::byte> out) noexcept override { std::ranges::fill(out, byte_); }

 private:
  std::byte byte_;
};
}  // namespace

TEST_CASE("a ULID holds 48 bits of milliseconds and 80 bits of randomness") {
  FixedRandom zeros(0);
  FixedRandom ones(0xff);
  // The example of the ULID specification: 01ARZ3NDEK is 1469922850259 ms.
  CHECK(Ulid::make(Instant{1'469'922'850'259'999}, zeros).text() == "01ARZ3NDEK0000000000000000");
  CHECK(Ulid::make(Instant{1'469'922'850'259'000}, ones).text() == "01ARZ3NDEKZZZZZZZZZZZZZZZZ");
  CHECK(Ulid::make(Instant{-5}, zeros).text() == "00000000000000000000000000");
}

TEST_CASE("fresh ids differ and read back") {
  SystemRandom random;
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto id = EvidenceId::make(Instant{1'777'636'800'000'000}, random);
    CHECK(seen.insert(id.text()).second);
    CHECK(*EvidenceId::parse(id.text()) == id);
  }
}

TEST_CASE("only the canonical spelling of an id is one") {
  CHECK(EvidenceId::parse("ev_01ARZ3NDEKTSV4RRFFQ69G5FAV"));
  for (const std::string text :
       {"", "ev_", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "EV_01ARZ3NDEKTSV4RRFFQ69G5FAV", "ev_01arz3ndektsv4rrffq69g5fav",
        "ev_81ARZ3NDEKTSV4RRFFQ69G5FAV", "ev_01ARZ3NDEKTSV4RRFFQ69G5FAI", "ev_01ARZ3NDEKTSV4RRFFQ69G5FAVX",
        "ev_01ARZ3NDEKTSV4RRFFQ69G5FA"}) {
    CAPTURE(text);
    CHECK_FALSE(EvidenceId::parse(text));
  }
}
