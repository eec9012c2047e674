#include "core/money.h"

#include <algorithm>

namespace talon::core {
namespace {

constexpr std::int64_t k_nano_per_usd = 1'000'000'000;
constexpr std::size_t k_fraction_digits = 9;

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

std::unexpected<Error> refuse(std::string reason) {
  return fail(Code::invalid_request, "an amount of money " + std::move(reason));
}

/// The magnitude, exact also for the smallest value.
std::uint64_t magnitude(std::int64_t nano) noexcept {
  return nano < 0 ? ~static_cast<std::uint64_t>(nano) + 1 : static_cast<std::uint64_t>(nano);
}

/// Nine fraction digits without trailing zeros, but at least `least`.
std::string fraction_of(std::uint64_t nano, std::size_t least) {
  std::string digits = std::to_string(nano % static_cast<std::uint64_t>(k_nano_per_usd));
  digits.insert(0, k_fraction_digits - digits.size(), '0');
  while (digits.size() > least && digits.back() == '0') digits.pop_back();
  return digits;
}

}  // namespace

Result<NanoUsd> NanoUsd::parse(std::string_view decimal) {
  std::string_view rest = decimal;
  const bool negative = rest.starts_with('-');
  if (negative) rest.remove_prefix(1);
  const auto point = rest.find('.');
  const std::string_view whole = rest.substr(0, point);
  const std::string_view fraction = point == std::string_view::npos ? std::string_view{} : rest.substr(point + 1);
  const bool digits_only = std::ranges::all_of(whole, is_digit) && std::ranges::all_of(fraction, is_digit);
  if (!digits_only || whole.empty() || (point != std::string_view::npos && fraction.empty())) {
    return refuse("is a plain decimal such as 50.00, without exponent, sign or currency");
  }
  if (whole.size() > 1 && whole.front() == '0') return refuse("has no leading zeros");
  if (fraction.size() > k_fraction_digits) return refuse("has at most 9 digits after the point");

  // Counted downwards, because the negative range is the larger one.
  std::int64_t nano = 0;
  const auto append = [&nano](char digit) {
    return !__builtin_mul_overflow(nano, 10, &nano) && !__builtin_sub_overflow(nano, digit - '0', &nano);
  };
  bool fits = std::ranges::all_of(whole, append) && std::ranges::all_of(fraction, append);
  for (std::size_t i = fraction.size(); fits && i < k_fraction_digits; ++i) fits = append('0');
  if (fits && !negative) fits = !__builtin_sub_overflow(std::int64_t{0}, nano, &nano);
  if (!fits) return refuse("must lie between -9223372036.854775808 and 9223372036.854775807");
  return NanoUsd(nano);
}

std::string NanoUsd::to_decimal() const {
  const std::uint64_t size = magnitude(nano_);
  std::string out = nano_ < 0 ? "-" : "";
  out += std::to_string(size / static_cast<std::uint64_t>(k_nano_per_usd));
  if (const std::string fraction = fraction_of(size, 0); !fraction.empty()) out += '.' + fraction;
  return out;
}

std::string NanoUsd::to_dollars() const {
  const std::uint64_t size = magnitude(nano_);
  std::string whole = std::to_string(size / static_cast<std::uint64_t>(k_nano_per_usd));
  for (std::size_t at = whole.size(); at > 3; at -= 3) whole.insert(at - 3, 1, ',');
  return (nano_ < 0 ? "-$" : "$") + whole + '.' + fraction_of(size, 2);
}

std::optional<NanoUsd> NanoUsd::checked_add(NanoUsd other) const noexcept {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(nano_, other.nano_, &sum)) return std::nullopt;
  return NanoUsd(sum);
}

std::optional<NanoUsd> NanoUsd::checked_sub(NanoUsd other) const noexcept {
  std::int64_t difference = 0;
  if (__builtin_sub_overflow(nano_, other.nano_, &difference)) return std::nullopt;
  return NanoUsd(difference);
}

std::optional<NanoUsd> NanoUsd::checked_mul(std::int64_t count) const noexcept {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(nano_, count, &product)) return std::nullopt;
  return NanoUsd(product);
}

}  // namespace talon::core
