#include "core/tenant_id.h"

#include <algorithm>
#include <cstdint>

#include "core/text.h"

namespace talon::core {
namespace {

constexpr std::size_t k_max_code_points = 128;

constexpr bool is_unreserved(unsigned char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '~' || c == '-';
}

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::unexpected<Error> refuse(std::string reason) {
  return fail(Code::invalid_tenant_id, "a tenant id " + std::move(reason));
}

}  // namespace

Result<TenantId> TenantId::parse(std::string_view text) {
  if (text.empty()) return refuse("must not be empty");
  // A bound before the loop: what is longer than this in bytes is longer in code points as well.
  if (text.size() > k_max_code_points * 4) return refuse("has at most 128 characters");
  std::size_t count = 0;
  bool at_end_space = false;
  for (std::size_t at = 0; at < text.size();) {
    const auto [c, length] = decode_utf8(text.substr(at));
    if (length == 0) return refuse("must be valid UTF-8");
    if (is_control(c)) return refuse("must not contain control characters");
    if (is_bidi_mark(c)) return refuse("must not contain characters that change the writing direction");
    if (is_line_separator(c)) return refuse("must not contain line separators");
    at_end_space = is_white_space(c);
    if (at_end_space && count == 0) return refuse("must not begin with white space");
    at += length;
    ++count;
  }
  if (at_end_space) return refuse("must not end with white space");
  if (count > k_max_code_points) return refuse("has at most 128 characters");
  return TenantId(std::string(text));
}

std::string TenantId::percent_encoded() const { return percent_encode(bytes_); }

void append_percent_encoded(std::string& out, std::string_view text) {
  static constexpr std::string_view k_digits = "0123456789ABCDEF";
  const bool as_it_is =
      std::ranges::all_of(text, [](char ch) { return is_unreserved(static_cast<unsigned char>(ch)); });
  if (as_it_is) {
    out += text;
    return;
  }
  for (const char ch : text) {
    const auto byte = static_cast<unsigned char>(ch);
    if (is_unreserved(byte)) {
      out += ch;
    } else {
      out += '%';
      out += k_digits[byte >> 4];
      out += k_digits[byte & 15];
    }
  }
}

std::string percent_encode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  append_percent_encoded(out, text);
  return out;
}

Result<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 1 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return fail(Code::invalid_request, "'%' must be followed by two hexadecimal digits");
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

}  // namespace talon::core
