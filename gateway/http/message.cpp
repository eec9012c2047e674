// Field names and look-ups. Lists of fields are short (a dozen), so they are searched in order.
#include "gateway/http/message.h"

#include <algorithm>

namespace talon::gateway {
namespace {

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

}  // namespace

bool equal_names(std::string_view a, std::string_view b) noexcept {
  // Most names differ in their size or their first letter.
  return a.size() == b.size() && (a.empty() || lower(a.front()) == lower(b.front())) &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
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
