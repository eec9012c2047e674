#include "core/ids.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace talon::core {
namespace {

constexpr std::string_view k_alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t k_length = 26;
constexpr std::size_t k_time_characters = 10;

}  // namespace

Ulid Ulid::make(Instant at, Random& random) noexcept {
  Ulid ulid;
  auto millis = static_cast<std::uint64_t>(std::max<std::int64_t>(at.micros, 0) / 1000);
  for (std::size_t i = k_time_characters; i-- > 0;) {
    ulid.chars_[i] = k_alphabet[millis & 31];
    millis >>= 5;
  }
  std::array<std::byte, 10> entropy{};
  random.fill(entropy);
  // 80 bits are two groups of 5 bytes, each exactly 8 characters.
  for (std::size_t group = 0; group < 2; ++group) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < 5; ++i) bits = bits << 8 | std::to_integer<std::uint64_t>(entropy[group * 5 + i]);
    for (std::size_t i = 8; i-- > 0;) {
      ulid.chars_[k_time_characters + group * 8 + i] = k_alphabet[bits & 31];
      bits >>= 5;
    }
  }
  return ulid;
}

Result<Ulid> Ulid::parse(std::string_view text) {
  const bool well_formed =
      text.size() == k_length && text[0] >= '0' && text[0] <= '7' &&
      std::ranges::all_of(text, [](char c) { return k_alphabet.find(c) != std::string_view::npos; });
  if (!well_formed) {
    return fail(Code::invalid_request,
                "a ULID is 26 characters of 0-9 and A-Z without I, L, O and U, the first of them 0-7");
  }
  Ulid ulid;
  std::ranges::copy(text, ulid.chars_.begin());
  return ulid;
}

Result<EvidenceId> EvidenceId::parse(std::string_view text) {
  if (!text.starts_with("ev_")) return fail(Code::invalid_request, "an evidence id begins with \"ev_\"");
  auto ulid = Ulid::parse(text.substr(3));
  if (!ulid) return fail(Code::invalid_request, "an evidence id is \"ev_\" and a ULID: " + ulid.error().message);
  return EvidenceId(*ulid);
}

}  // namespace talon::core
