// NanoUsd: money as an integer number of nano-dollars (1 USD = 1,000,000,000).
//
// Nothing in Talon counts money in floating point. Sums saturate never and overflow never
// silently: the checked operations answer nullopt. The range, ±9.2 billion USD, is also bounded
// by |n| < 2^53 where a value is written to a canonical record (evidence.md §1).
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"

namespace talon::core {

class NanoUsd {
 public:
  constexpr NanoUsd() = default;
  constexpr explicit NanoUsd(std::int64_t nano) : nano_(nano) {}

  [[nodiscard]] constexpr std::int64_t nano() const noexcept { return nano_; }

  /// Exact decimal such as "50.00", "0.0000015"; at most 9 fraction digits; no exponent, no sign
  /// but one leading '-'. Error: Code::invalid_request with the reason.
  [[nodiscard]] static Result<NanoUsd> parse(std::string_view decimal);
  /// Shortest plain decimal: "50", "0.00135", "-1.5". Valid as a JSON number.
  [[nodiscard]] std::string to_decimal() const;
  /// For sentences: "$50.00", "$5,000.00", "$0.00135" (at least two fraction digits).
  [[nodiscard]] std::string to_dollars() const;

  [[nodiscard]] std::optional<NanoUsd> checked_add(NanoUsd other) const noexcept;
  [[nodiscard]] std::optional<NanoUsd> checked_sub(NanoUsd other) const noexcept;
  /// Times a count (tokens × price per token in nano). nullopt on overflow.
  [[nodiscard]] std::optional<NanoUsd> checked_mul(std::int64_t count) const noexcept;

  friend constexpr auto operator<=>(NanoUsd, NanoUsd) = default;

 private:
  std::int64_t nano_ = 0;
};

}  // namespace talon::core
