#include "core/money.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <random>
#include <string>

using talon::core::NanoUsd;

TEST_CASE("money is read exactly") {
  CHECK(NanoUsd::parse("50.00")->nano() == 50'000'000'000);
  CHECK(NanoUsd::parse("0.0000015")->nano() == 1'500);
  CHECK(NanoUsd::parse("0")->nano() == 0);
  CHECK(NanoUsd::parse("-1.5")->nano() == -1'500'000'000);
  CHECK(NanoUsd::parse("0.000000001")->nano() == 1);
  CHECK(NanoUsd::parse("9223372036.854775807")->nano() == std::numeric_limits<std::int64_t>::max());
  CHECK(NanoUsd::parse("-9223372036.854775808")->nano() == std::numeric_limits<std::int64_t>::min());
}

TEST_CASE("what is no plain decimal is refused with a reason") {
  for (const std::string text : {"",
                                 "-",
                                 ".",
                                 ".5",
                                 "5.",
                                 "+5",
                                 "1e3",
                                 "1E-3",
                                 "NaN",
                                 "nan",
                                 ".inf",
                                 "inf",
                                 "$5",
                                 "5 ",
                                 " 5",
                                 "1,000",
                                 "1_000",
                                 "0x10",
                                 "--5",
                                 "007",
                                 "00",
                                 "0.0000000001",
                                 "9223372036.854775808",
                                 "-9223372036.854775809",
                                 "99999999999999999999",
                                 "5.0.0"}) {
    CAPTURE(text);
    const auto money = NanoUsd::parse(text);
    REQUIRE_FALSE(money);
    CHECK(money.error().message.starts_with("an amount of money "));
  }
}

TEST_CASE("money is written as its shortest plain decimal") {
  CHECK(NanoUsd(50'000'000'000).to_decimal() == "50");
  CHECK(NanoUsd(1'350'000).to_decimal() == "0.00135");
  CHECK(NanoUsd(-1'500'000'000).to_decimal() == "-1.5");
  CHECK(NanoUsd(0).to_decimal() == "0");
  CHECK(NanoUsd(std::numeric_limits<std::int64_t>::min()).to_decimal() == "-9223372036.854775808");
}

TEST_CASE("in sentences money has at least two fraction digits and thousands") {
  CHECK(NanoUsd(50'000'000'000).to_dollars() == "$50.00");
  CHECK(NanoUsd(5'000'000'000'000).to_dollars() == "$5,000.00");
  CHECK(NanoUsd(1'350'000).to_dollars() == "$0.00135");
  CHECK(NanoUsd(-1'500'000'000).to_dollars() == "-$1.50");
  CHECK(NanoUsd(1'234'567'890'000'000'000).to_dollars() == "$1,234,567,890.00");
}

TEST_CASE("sums and products that do not fit are said, not wrapped") {
  const NanoUsd most(std::numeric_limits<std::int64_t>::max());
  CHECK_FALSE(most.checked_add(NanoUsd(1)));
  CHECK_FALSE(NanoUsd(std::numeric_limits<std::int64_t>::min()).checked_sub(NanoUsd(1)));
  CHECK_FALSE(most.checked_mul(2));
  CHECK(NanoUsd(2).checked_add(NanoUsd(3)) == NanoUsd(5));
  CHECK(NanoUsd(2).checked_sub(NanoUsd(3)) == NanoUsd(-1));
  CHECK(NanoUsd(150).checked_mul(1000) == NanoUsd(150'000));
}

TEST_CASE("every amount survives being written and read") {
  std::mt19937_64 engine(7);
  for (int i = 0; i < 2000; ++i) {
    const NanoUsd money(static_cast<std::int64_t>(engine() >> (engine() % 64)) * (engine() % 2 == 0 ? 1 : -1));
    CAPTURE(money.nano());
    CHECK(*NanoUsd::parse(money.to_decimal()) == money);
  }
}
