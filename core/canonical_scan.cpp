#include "core/canonical_scan.h"

#include <array>

#include "core/canonical_json.h"
#include "core/plain_bytes.h"
#include "core/text.h"

namespace talon::core {
namespace {

enum class Byte : std::uint8_t { plain, quote, backslash, high, forbidden };

constexpr std::array<Byte, 256> make_byte_classes() {
  std::array<Byte, 256> classes{};
  for (std::size_t i = 0; i < classes.size(); ++i) {
    classes[i] = i < 0x20 || i == 0x7f ? Byte::forbidden : i >= 0x80 ? Byte::high : Byte::plain;
  }
  classes['"'] = Byte::quote;
  classes['\\'] = Byte::backslash;
  return classes;
}
constexpr auto k_byte_classes = make_byte_classes();

constexpr std::array<bool, 256> make_name_bytes() {
  std::array<bool, 256> bytes{};
  for (std::size_t c = 'a'; c <= 'z'; ++c) bytes[c] = true;
  for (std::size_t c = '0'; c <= '9'; ++c) bytes[c] = true;
  bytes['_'] = true;
  return bytes;
}
constexpr auto k_name_bytes = make_name_bytes();

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

Byte class_of(char c) noexcept { return k_byte_classes[static_cast<unsigned char>(c)]; }

}  // namespace

bool CanonicalScanner::fail_with(const char* rule) noexcept {
  if (rule_ == nullptr) {
    rule_ = rule;
    failed_at_ = at_;
  }
  return false;
}

Error CanonicalScanner::error() const {
  return Error{Code::invalid_json, "not canonical at byte " + std::to_string(failed_at_ - begin_) + ": " + rule_,
               std::nullopt};
}

bool CanonicalScanner::enter(char open) noexcept {
  if (failed()) return false;
  if (peek() != open) return fail_with(open == '{' ? "an object was due" : "an array was due");
  if (depth_ == k_max_depth) return fail_with("objects and arrays nest at most 8 deep");
  ++depth_;
  ++at_;
  return true;
}

bool CanonicalScanner::next(char close, bool& first) noexcept {
  if (failed()) return false;
  if (peek() == close) {
    ++at_;
    --depth_;
    return false;
  }
  if (first) {
    first = false;
    return true;
  }
  if (peek() != ',') return fail_with("a comma or the end of the object or array was due, without white space");
  ++at_;
  return true;
}

bool CanonicalScanner::name(std::string_view& previous) noexcept {
  if (failed()) return false;
  if (peek() != '"') return fail_with("a member name was due");
  const char* const start = at_ + 1;
  const char* at = start;
  while (at != end_ && k_name_bytes[static_cast<unsigned char>(*at)]) ++at;
  if (at == end_ || *at != '"' || at == start) return fail_with("a member name consists of a-z, 0-9 and _");
  const std::string_view name(start, static_cast<std::size_t>(at - start));
  // Most names differ in their first byte: no call for those.
  const bool after = !previous.empty() && name.front() != previous.front()
                         ? static_cast<unsigned char>(name.front()) > static_cast<unsigned char>(previous.front())
                         : name > previous;
  if (!after) {
    return fail_with(name == previous ? "a member name stands twice" : "member names stand in byte order");
  }
  at_ = at + 1;
  if (peek() != ':') return fail_with("a colon was due, without white space");
  ++at_;
  previous = name;
  return true;
}

bool CanonicalScanner::string(std::string_view& raw, bool& escaped) noexcept {
  if (failed()) return false;
  if (peek() != '"') return fail_with("a string was due");
  ++at_;
  const char* const start = at_;
  escaped = false;
  for (;;) {
    while (end_ - at_ >= 8 && all_plain(load_word(at_))) at_ += 8;
    while (at_ != end_ && class_of(*at_) == Byte::plain) ++at_;
    if (at_ == end_) return fail_with("the string does not end");
    switch (class_of(*at_)) {
      case Byte::quote:
        raw = std::string_view(start, static_cast<std::size_t>(at_ - start));
        ++at_;
        return true;
      case Byte::backslash:
        if (end_ - at_ < 2 || (at_[1] != '"' && at_[1] != '\\')) return fail_with("only \\\" and \\\\ are escaped");
        escaped = true;
        at_ += 2;
        break;
      case Byte::high: {
        const auto [value, length] = decode_utf8(std::string_view(at_, static_cast<std::size_t>(end_ - at_)));
        if (length == 0) return fail_with("the text is not valid UTF-8");
        if (is_control(value)) return fail_with("control characters are not allowed");
        at_ += length;
        break;
      }
      default:
        return fail_with("control characters are not allowed");
    }
  }
}

bool CanonicalScanner::integer(std::int64_t& value) noexcept {
  if (failed()) return false;
  const char* at = at_;
  const bool negative = at != end_ && *at == '-';
  if (negative) ++at;
  if (at == end_ || !is_digit(*at)) return fail_with("an integer was due");
  if (*at == '0' && negative) return fail_with("zero has no sign");
  if (*at == '0' && end_ - at > 1 && is_digit(at[1])) return fail_with("an integer has no leading zeros");
  std::int64_t magnitude = 0;
  for (; at != end_ && is_digit(*at); ++at) {
    magnitude = magnitude * 10 + (*at - '0');
    if (magnitude > k_max_integer) return fail_with("an integer's magnitude stays below 2^53");
  }
  if (at != end_ && (*at == '.' || *at == 'e' || *at == 'E'))
    return fail_with("numbers are integers without fraction or exponent");
  at_ = at;
  value = negative ? -magnitude : magnitude;
  return true;
}

bool CanonicalScanner::boolean(bool& value) noexcept {
  if (failed()) return false;
  const std::string_view rest(at_, static_cast<std::size_t>(end_ - at_));
  for (const auto& [text, meaning] : {std::pair<std::string_view, bool>{"true", true}, {"false", false}}) {
    if (rest.starts_with(text)) {
      at_ += text.size();
      value = meaning;
      return true;
    }
  }
  return fail_with("true or false was due");
}

bool CanonicalScanner::skip() noexcept {
  std::string_view raw;
  bool escaped = false;
  bool flag = false;
  bool first = true;
  std::int64_t number = 0;
  switch (peek()) {
    case '"':
      return string(raw, escaped);
    case '{': {
      if (!enter('{')) return false;
      for (std::string_view previous; next('}', first);) {
        if (!name(previous) || !skip()) return false;
      }
      return !failed();
    }
    case '[':
      if (!enter('[')) return false;
      while (next(']', first)) {
        if (!skip()) return false;
      }
      return !failed();
    case 't':
    case 'f':
      return boolean(flag);
    case 'n':
      return fail_with("null is not allowed: optional members are left out");
    case ' ':
    case '\t':
    case '\r':
    case '\n':
      return fail_with("white space is not allowed");
    default:
      if (peek() == '-' || is_digit(peek())) return integer(number);
      return fail_with("a value was due");
  }
}

bool CanonicalScanner::finish() noexcept {
  if (failed()) return false;
  return at_ == end_ || fail_with("nothing may follow the value");
}

std::string unescape(std::string_view raw, bool escaped) {
  if (!escaped) return std::string(raw);
  std::string text;
  text.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] == '\\') ++i;
    text += raw[i];
  }
  return text;
}

}  // namespace talon::core
