// simdjson's first stage, and the small readers around the cursor. simdjson stays in this source.
#include "gateway/provider/json_cursor.h"

#include <array>
#include <charconv>
#include <memory>

#include <simdjson.h>

namespace talon::gateway {
namespace {

constexpr std::size_t k_kept_capacity = std::size_t{1} << 20;  // bytes of text; four of index for each
constexpr std::size_t k_first_capacity = std::size_t{16} << 10;

/// One thread's index memory.
class Indexer {
 public:
  JsonTokens read(std::string_view text) {
    if (text.empty()) return {JsonFault::empty, {}};
    const bool fits = implementation_ && text.size() <= implementation_->capacity();
    const bool hoards =
        implementation_ && implementation_->capacity() > k_kept_capacity && text.size() <= k_kept_capacity;
    if ((!fits || hoards) && !allocate(text.size())) return {JsonFault::too_large, {}};
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
    switch (implementation_->stage1(bytes, text.size(), simdjson::stage1_mode::regular)) {
      case simdjson::SUCCESS:
        break;
      case simdjson::EMPTY:
        return {JsonFault::empty, {}};
      case simdjson::UTF8_ERROR:
        return {JsonFault::not_utf8, {}};
      case simdjson::UNESCAPED_CHARS:
        return {JsonFault::raw_control, {}};
      case simdjson::UNCLOSED_STRING:
        return {JsonFault::unclosed_string, {}};
      default:
        return {JsonFault::malformed, {}};
    }
    return {JsonFault::none, {implementation_->structural_indexes.get(), implementation_->n_structural_indexes}};
  }

 private:
  bool allocate(std::size_t size) {
    implementation_.reset();
    const auto capacity = std::max(k_first_capacity, size + size / 2);
    constexpr std::size_t k_no_depth = 1;  // only the second stage, which is never run, keeps a stack
    return simdjson::get_active_implementation()->create_dom_parser_implementation(
               capacity, k_no_depth, implementation_) == simdjson::SUCCESS;
  }

  std::unique_ptr<simdjson::internal::dom_parser_implementation> implementation_;
};

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// The four digits behind `\u`; −1 when they are not.
std::int32_t code_unit(std::string_view digits) noexcept {
  if (digits.size() < 4) return -1;
  std::int32_t unit = 0;
  for (const char c : digits.substr(0, 4)) {
    const int value = hex_value(c);
    if (value < 0) return -1;
    unit = unit * 16 + value;
  }
  return unit;
}

/// The code point of the escape that `raw` begins with (at its backslash), and how long that escape is.
struct Escape {
  std::int32_t point = -1;  ///< −1: broken; lone surrogates are given as they are
  std::size_t length = 2;
};
Escape read_escape(std::string_view raw) noexcept {
  if (raw.size() < 2) return {-1, raw.size()};
  switch (raw[1]) {
    case '"':
      return {'"', 2};
    case '\\':
      return {'\\', 2};
    case '/':
      return {'/', 2};
    case 'b':
      return {'\b', 2};
    case 'f':
      return {'\f', 2};
    case 'n':
      return {'\n', 2};
    case 'r':
      return {'\r', 2};
    case 't':
      return {'\t', 2};
    case 'u':
      break;
    default:
      return {};
  }
  const auto high = code_unit(raw.substr(2));
  if (high < 0) return {};
  if (high >= 0xd800 && high <= 0xdbff && raw.size() >= 12 && raw[6] == '\\' && raw[7] == 'u') {
    const auto low = code_unit(raw.substr(8));
    if (low >= 0xdc00 && low <= 0xdfff) return {0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00), 12};
  }
  return {high, 6};
}

bool is_surrogate(std::int32_t point) noexcept { return point >= 0xd800 && point <= 0xdfff; }

void append_utf8(std::string& out, std::int32_t point) {
  const auto put = [&out](std::int32_t byte) { out += static_cast<char>(byte); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xc0 | (point >> 6));
    put(0x80 | (point & 63));
  } else if (point < 0x10000) {
    put(0xe0 | (point >> 12));
    put(0x80 | ((point >> 6) & 63));
    put(0x80 | (point & 63));
  } else {
    put(0xf0 | (point >> 18));
    put(0x80 | ((point >> 12) & 63));
    put(0x80 | ((point >> 6) & 63));
    put(0x80 | (point & 63));
  }
}

constexpr std::array<bool, 256> make_scalar_bytes() {
  std::array<bool, 256> table{};
  for (const char c : std::string_view("0123456789+-.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr auto k_scalar_bytes = make_scalar_bytes();

}  // namespace

std::string_view describe(JsonFault fault) noexcept {
  switch (fault) {
    case JsonFault::empty:
      return "it is empty";
    case JsonFault::not_utf8:
      return "it is not valid UTF-8";
    case JsonFault::raw_control:
      return "a string contains a control character that is not escaped";
    case JsonFault::unclosed_string:
      return "a string is not closed";
    case JsonFault::too_deep:
      return "it is nested more than 256 deep";
    case JsonFault::too_large:
      return "it is too large to be read";
    case JsonFault::none:
    case JsonFault::malformed:
      break;
  }
  return "brackets, commas or values are out of place";
}

JsonTokens json_tokens(std::string_view text) {
  thread_local Indexer indexer;
  return indexer.read(text);
}

bool JsonCursor::scalar(std::size_t& end) noexcept {
  if (at_end()) return fail(JsonFault::malformed);
  const auto token = scalar_text();
  if (token.front() == '"') {
    if (token.size() < 2 || token.back() != '"') return fail(JsonFault::malformed);
  } else {
    for (const char c : token) {
      if (!k_scalar_bytes[static_cast<unsigned char>(c)]) return fail(JsonFault::malformed);
    }
  }
  end = starts_[index_] + token.size();
  ++index_;
  return true;
}

std::optional<std::string> unescape_json(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  for (;;) {
    const auto backslash = raw.find('\\');
    out += raw.substr(0, backslash);
    if (backslash == std::string_view::npos) return out;
    raw.remove_prefix(backslash);
    const auto escape = read_escape(raw);
    if (escape.point < 0 || is_surrogate(escape.point)) return std::nullopt;
    append_utf8(out, escape.point);
    raw.remove_prefix(escape.length);
  }
}

std::size_t unescaped_size(std::string_view raw) noexcept {
  std::size_t size = 0;
  for (;;) {
    const auto backslash = raw.find('\\');
    if (backslash == std::string_view::npos) return size + raw.size();
    size += backslash;
    raw.remove_prefix(backslash);
    const auto [point, length] = read_escape(raw);
    size += point < 0 ? length : point < 0x80 ? 1u : point < 0x800 ? 2u : point < 0x10000 ? 3u : 4u;
    raw.remove_prefix(length);
  }
}

std::optional<std::int64_t> parse_json_integer(std::string_view raw) noexcept {
  const auto digits = raw.substr(raw.starts_with('-') ? 1 : 0);
  if (digits.empty() || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
  std::int64_t value = 0;
  const auto* end = raw.data() + raw.size();
  const auto [stop, error] = std::from_chars(raw.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

}  // namespace talon::gateway
