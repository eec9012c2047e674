#include "core/text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

namespace talon::core {
namespace {

constexpr std::size_t k_record_code_points = 256;
constexpr std::string_view k_replacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view k_hex = "0123456789abcdef";
constexpr std::string_view k_base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> make_base64_values() {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < k_base64.size(); ++i) {
    values[static_cast<unsigned char>(k_base64[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}
constexpr auto k_base64_values = make_base64_values();

std::uint32_t byte_at(std::string_view text, std::size_t i) noexcept { return static_cast<unsigned char>(text[i]); }

}  // namespace

CodePoint decode_utf8(std::string_view text) noexcept {
  if (text.empty()) return {};
  const std::uint32_t lead = byte_at(text, 0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return {};
  std::uint32_t value = lead & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const std::uint32_t byte = byte_at(text, i);
    if ((byte & 0xc0) != 0x80) return {};
    value = value << 6 | (byte & 0x3f);
  }
  if (length == 3 && (value < 0x800 || (value >= 0xd800 && value <= 0xdfff))) return {};
  if (length == 4 && (value < 0x10000 || value > 0x10ffff)) return {};
  return {value, length};
}

std::optional<std::size_t> count_code_points(std::string_view text) noexcept {
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); ++count) {
    const std::size_t length = decode_utf8(text.substr(at)).length;
    if (length == 0) return std::nullopt;
    at += length;
  }
  return count;
}

std::string record_text(std::string_view outside) {
  // The usual case, short and printable ASCII, is its own record text.
  const auto plain = [](char c) { return c >= 0x20 && c < 0x7f; };
  if (outside.size() <= k_record_code_points && std::ranges::all_of(outside, plain)) return std::string(outside);
  std::string out;
  out.reserve(std::min(outside.size(), k_record_code_points * 4));
  std::size_t count = 0;
  for (std::size_t at = 0; at < outside.size() && count < k_record_code_points; ++count) {
    const auto [value, length] = decode_utf8(outside.substr(at));
    if (length == 0 || is_control(value)) {
      out += k_replacement;
    } else {
      out += outside.substr(at, length);
    }
    at += std::max<std::size_t>(length, 1);
  }
  return out;
}

std::string terminal_text(std::string_view outside) {
  std::string out;
  out.reserve(outside.size());
  for (std::size_t at = 0; at < outside.size();) {
    const auto [value, length] = decode_utf8(outside.substr(at));
    if (length == 0) {
      out += "\\x";
      out += hex_encode(outside.substr(at, 1));
    } else if (is_control(value) || is_bidi_mark(value) || is_line_separator(value)) {
      out += "\\u{";
      bool leading = true;
      for (int shift = 20; shift >= 0; shift -= 4) {
        const auto digit = value >> shift & 15;
        leading = leading && digit == 0 && shift != 0;
        if (!leading) out += k_hex[digit];
      }
      out += '}';
    } else {
      out += outside.substr(at, length);
    }
    at += std::max<std::size_t>(length, 1);
  }
  return out;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Words a person typed; a bound keeps hostile ones from costing time.
  constexpr std::size_t k_longest = 128;
  if (a.size() > k_longest || b.size() > k_longest) return std::max(a.size(), b.size());
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::size_t base64_encode_to(char* out, std::string_view bytes) noexcept {
  char* at_out = out;
  std::size_t at = 0;
  for (; at + 3 <= bytes.size(); at += 3) {
    const std::uint32_t group = byte_at(bytes, at) << 16 | byte_at(bytes, at + 1) << 8 | byte_at(bytes, at + 2);
    *at_out++ = k_base64[group >> 18];
    *at_out++ = k_base64[group >> 12 & 63];
    *at_out++ = k_base64[group >> 6 & 63];
    *at_out++ = k_base64[group & 63];
  }
  if (const std::size_t left = bytes.size() - at; left > 0) {
    const std::uint32_t group = byte_at(bytes, at) << 16 | (left > 1 ? byte_at(bytes, at + 1) << 8 : 0U);
    *at_out++ = k_base64[group >> 18];
    *at_out++ = k_base64[group >> 12 & 63];
    *at_out++ = left > 1 ? k_base64[group >> 6 & 63] : '=';
    *at_out++ = '=';
  }
  return static_cast<std::size_t>(at_out - out);
}

std::string base64_encode(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4, '\0');
  base64_encode_to(out.data(), bytes);
  return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  for (std::size_t at = 0; at < text.size(); at += 4) {
    const bool last = at + 4 == text.size();
    const std::size_t padding = !last || text[at + 3] != '=' ? 0U : text[at + 2] != '=' ? 1U : 2U;
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const int value = i >= 4 - padding ? 0 : k_base64_values[byte_at(text, at + i)];
      if (value < 0) return std::nullopt;
      group = group << 6 | static_cast<std::uint32_t>(value);
    }
    // Bits behind the last byte must be zero, or one value would have two spellings.
    if (padding > 0 && (group & (padding == 1 ? 0xffU : 0xffffU)) != 0) return std::nullopt;
    out += static_cast<char>(group >> 16 & 0xff);
    if (padding < 2) out += static_cast<char>(group >> 8 & 0xff);
    if (padding < 1) out += static_cast<char>(group & 0xff);
  }
  return out;
}

std::string hex_encode(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    out += k_hex[byte_at(bytes, i) >> 4];
    out += k_hex[byte_at(bytes, i) & 15];
  }
  return out;
}

std::optional<std::string> hex_decode(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto high = k_hex.find(text[i]);
    const auto low = k_hex.find(text[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

}  // namespace talon::core
