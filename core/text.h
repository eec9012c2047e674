// UTF-8 checks, and text from outside made safe for records and terminals.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace talon::core {

/// Number of code points, or nullopt when not valid UTF-8 (no surrogates, no overlong forms).
[[nodiscard]] std::optional<std::size_t> count_code_points(std::string_view text) noexcept;

/// Outside text as records hold it (evidence.md §1): U+FFFD for each forbidden character
/// (U+0000-001F, U+007F-009F) and for each single byte that is not part of a valid sequence, then
/// cut to 256 code points.
[[nodiscard]] std::string record_text(std::string_view outside);

/// For terminals: controls, bidi marks and invalid bytes as \u{…} or \x…; the rest unchanged.
[[nodiscard]] std::string terminal_text(std::string_view outside);

/// The nearest of `known` within a small edit distance, for "did you mean".
template <class Range>
[[nodiscard]] std::string_view nearest(std::string_view word, const Range& known);

[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

template <class Range>
std::string_view nearest(std::string_view word, const Range& known) {
  std::string_view best;
  std::size_t best_distance = word.size() / 3 + 2;
  for (const auto& candidate : known) {
    const std::string_view text{candidate};
    if (const auto distance = edit_distance(word, text); distance < best_distance) {
      best = text;
      best_distance = distance;
    }
  }
  return best;
}

/// RFC 4648 base64, padded.
[[nodiscard]] std::string base64_encode(std::string_view bytes);
/// nullopt for any spelling but the one base64_encode gives (padding, stray bits, white space).
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);
[[nodiscard]] std::string hex_encode(std::string_view bytes);
[[nodiscard]] std::optional<std::string> hex_decode(std::string_view text);

}  // namespace talon::core
