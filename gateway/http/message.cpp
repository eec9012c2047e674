// Field names and look-ups. Lists of fields are short (a dozen), so they are searched in order.
#include "gateway/http/message.h"

#include <algorithm>

#include "core/plain_bytes.h"

namespace talon::gateway {
namespace {

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

/// Eight letters at once: bytes may differ in the bit of case where they are letters, and nowhere else.
bool equal_words(std::uint64_t a, std::uint64_t b) noexcept {
  const std::uint64_t differ = a ^ b;
  if (differ == 0) return true;
  // What differs in that bit alone is a letter on both sides or on neither: one side is looked at. No sum of seven
  // bits carries into the next byte.
  const std::uint64_t low = (a | (core::k_each_byte * 0x20)) & ~core::k_each_high_bit;
  const std::uint64_t from_a = low + core::k_each_byte * (0x80 - 'a');
  const std::uint64_t beyond_z = low + core::k_each_byte * (0x7f - 'z');
  const std::uint64_t letters = (from_a ^ beyond_z) & ~a & core::k_each_high_bit;
  return (differ & ~(letters >> 2)) == 0;
}

}  // namespace

bool equal_letters(const char* a, const char* b, std::size_t size) noexcept {
  std::size_t at = 0;
  for (; size - at >= sizeof(std::uint64_t); at += sizeof(std::uint64_t)) {
    if (!equal_words(core::load_word(a + at), core::load_word(b + at))) return false;
  }
  if (at == size) return true;
  if (at != 0) {  // the rest in one look, some of it for the second time
    const std::size_t last = size - sizeof(std::uint64_t);
    return equal_words(core::load_word(a + last), core::load_word(b + last));
  }
  return std::equal(a, a + size, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::string_view> Fields::find(std::string_view name) const noexcept {
  for (const auto& field : fields_) {
    if (equal_names(field.name, name)) return field.value;
  }
  return std::nullopt;
}

std::size_t Fields::count(std::string_view name) const noexcept {
  return static_cast<std::size_t>(
      std::ranges::count_if(fields_, [&](const Field& field) { return equal_names(field.name, name); }));
}

}  // namespace talon::gateway
