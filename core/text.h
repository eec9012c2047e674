// UTF-8 checks, and text from outside made safe for records and terminals.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace talon::core {

/// One decoded code point; `length` 0 = the text is empty or does not begin with a valid sequence.
struct CodePoint {
  char32_t value = 0;
  std::size_t length = 0;
};
/// Decodes the first code point (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF).
[[nodiscard]] CodePoint decode_utf8(std::string_view text) noexcept;

/// U+0000-001F and U+007F-009F: never in a record's strings.
[[nodiscard]] constexpr bool is_control(char32_t c) noexcept { return c < 0x20 || (c >= 0x7f && c <= 0x9f); }
/// Marks that reorder text on a screen: U+061C, U+200E-200F, U+202A-202E, U+2066-2069.
[[nodiscard]] constexpr bool is_bidi_mark(char32_t c) noexcept {
  return c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}
/// U+2028 and U+2029.
[[nodiscard]] constexpr bool is_line_separator(char32_t c) noexcept { return c == 0x2028 || c == 0x2029; }
/// Unicode White_Space.
[[nodiscard]] constexpr bool is_white_space(char32_t c) noexcept {
  return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/// Number of code points, or nullopt when not valid UTF-8 (no surrogates, no overlong forms).
[[nodiscard]] std::optional<std::size_t> count_code_points(std::string_view text) noexcept;

/// Outside text as records hold it (evidence.md §1): U+FFFD for each forbidden character
/// (U+0000-001F, U+007F-009F) and for each single byte that is not part of a valid sequence, then
/// cut to 256 code points. Its result is a fixed point: record_text(record_text(x)) == record_text(x).
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
/// The same into `out`, which has room for 4 characters for each begun 3 bytes; how many were written.
std::size_t base64_encode_to(char* out, std::string_view bytes) noexcept;
/// nullopt for any spelling but the one base64_encode gives (padding, stray bits, white space).
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);
/// Lower case.
[[nodiscard]] std::string hex_encode(std::string_view bytes);
/// nullopt for any spelling but the one hex_encode gives (upper case, odd length).
[[nodiscard]] std::optional<std::string> hex_decode(std::string_view text);

}  // namespace talon::core
