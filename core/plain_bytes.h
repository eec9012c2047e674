// Runs of plain bytes, eight at a time: most of what is quoted or compared is printable ASCII.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace talon::core {

/// One bit pattern in each byte of a word.
inline constexpr std::uint64_t k_each_byte = 0x0101010101010101U;
inline constexpr std::uint64_t k_each_high_bit = 0x8080808080808080U;

/// The eight bytes at `bytes`, in the order of this machine.
[[nodiscard]] inline std::uint64_t load_word(const char* bytes) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

/// Printable ASCII (0x20 to 0x7e) but `"` and `\`: what a JSON string holds as it stands.
[[nodiscard]] constexpr bool is_plain(char c) noexcept { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

/// Whether all eight bytes of the word are plain. Source: Hacker's Delight §6-1.
[[nodiscard]] constexpr bool all_plain(std::uint64_t word) noexcept {
  const auto has_zero = [](std::uint64_t x) { return (x - k_each_byte) & ~x & k_each_high_bit; };
  const std::uint64_t odd = (word & k_each_high_bit) | ((word - k_each_byte * 0x20) & ~word & k_each_high_bit) |
                            has_zero(word ^ k_each_byte * '"') | has_zero(word ^ k_each_byte * '\\') |
                            has_zero(word ^ k_each_byte * 0x7f);
  return odd == 0;
}

/// How many bytes at the front are plain.
[[nodiscard]] inline std::size_t plain_run(std::string_view text) noexcept {
  constexpr std::size_t k_word = sizeof(std::uint64_t);
  std::size_t run = 0;
  while (text.size() - run >= k_word && all_plain(load_word(text.data() + run))) run += k_word;
  // The rest in one look, some of it for the second time.
  if (run != 0 && text.size() - run < k_word && all_plain(load_word(text.data() + text.size() - k_word)))
    return text.size();
  while (run < text.size() && is_plain(text[run])) ++run;
  return run;
}

}  // namespace talon::core
