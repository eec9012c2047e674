// Reading JSON in place: simdjson's first stage finds where every token begins (and refuses bad UTF-8,
// raw controls in strings and unclosed strings, at gigabytes per second); a cursor walks those places,
// checks brackets, commas and colons on the way, and never copies. Values that nobody reads stay raw
// text, judged only in so far as their tokens look like JSON (a 30-digit number or `NaN` passes).
//
// Why not on-demand's own objects: edits need byte offsets, and trailing garbage or crossed brackets in
// parts that nobody visits must be seen too.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace talon::gateway {

enum class JsonFault : std::uint8_t {
  none,
  empty,
  not_utf8,
  raw_control,
  unclosed_string,
  malformed,
  too_deep,
  too_large
};
/// "it is nested more than 256 deep", for sentences.
[[nodiscard]] std::string_view describe(JsonFault fault) noexcept;

/// Where the tokens of `text` begin. The answer lives until this thread's next call: the memory is one
/// per thread, kept between calls while it is small.
struct JsonTokens {
  JsonFault fault = JsonFault::none;
  std::span<const std::uint32_t> starts;
};
[[nodiscard]] JsonTokens json_tokens(std::string_view text);

inline constexpr int k_max_json_depth = 256;

/// The text between the quotes, escapes undone. nullopt: a broken escape or half a surrogate pair.
[[nodiscard]] std::optional<std::string> unescape_json(std::string_view raw);
/// How many bytes unescape_json would give; half pairs count as U+FFFD.
[[nodiscard]] std::size_t unescaped_size(std::string_view raw) noexcept;
/// A JSON integer that fits; nullopt for anything else, fractions and exponents included.
[[nodiscard]] std::optional<std::int64_t> parse_json_integer(std::string_view raw) noexcept;

/// A position among the tokens; cheap to copy.
class JsonCursor {
 public:
  JsonCursor(std::string_view text, std::span<const std::uint32_t> starts) noexcept : text_(text), starts_(starts) {}

  [[nodiscard]] bool at_end() const noexcept { return index_ == starts_.size(); }
  /// The token's first byte; '\0' at the end.
  [[nodiscard]] char peek() const noexcept { return at_end() ? '\0' : text_[starts_[index_]]; }
  [[nodiscard]] std::size_t offset() const noexcept { return at_end() ? text_.size() : starts_[index_]; }
  [[nodiscard]] JsonFault fault() const noexcept { return fault_; }

  /// Takes a punctuation token.
  bool take(char wanted) noexcept {
    if (peek() != wanted) return fail(JsonFault::malformed);
    ++index_;
    return true;
  }
  /// Takes a string; `raw` is what stands between the quotes.
  bool string(std::string_view& raw) noexcept {
    if (peek() != '"') return fail(JsonFault::malformed);
    const auto token = scalar_text();
    if (token.size() < 2 || token.back() != '"') return fail(JsonFault::malformed);
    raw = token.substr(1, token.size() - 2);
    ++index_;
    return true;
  }
  /// The raw text of the number, literal or string that stands here; empty at the end, where a cut text may break off.
  [[nodiscard]] std::string_view scalar_text() const noexcept {
    if (at_end()) return {};
    auto end = index_ + 1 < starts_.size() ? starts_[index_ + 1] : text_.size();
    const auto begin = starts_[index_];
    while (end > begin + 1 && is_space(text_[end - 1])) --end;
    return text_.substr(begin, end - begin);
  }

  /// Called as on_key(raw key, cursor at its value) for each member of each object inside; answers
  /// whether members inside that value are of interest too.
  struct IgnoreKeys {
    bool operator()(std::string_view, const JsonCursor&) const noexcept { return true; }
  };
  /// Passes over one value; `end` is the offset behind it. `depth`: of the value's parent.
  template <class OnKey = IgnoreKeys>
  bool skip(std::size_t& end, int depth = 0, OnKey&& on_key = {});
  bool skip() {
    std::size_t end = 0;
    return skip(end);
  }

  /// Walks an object that stands here: member(raw key, key offset) is called with the cursor before the
  /// value and must take it; false stops the walk.
  template <class Member>
  bool object(Member&& member);

  bool fail(JsonFault fault) noexcept {
    if (fault_ == JsonFault::none) fault_ = fault;
    return false;
  }

 private:
  static bool is_space(char c) noexcept { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
  /// Letters, digits, sign and point: a number, a literal, or what a provider may make of it.
  bool scalar(std::size_t& end) noexcept;

  std::string_view text_;
  std::span<const std::uint32_t> starts_;
  std::size_t index_ = 0;
  JsonFault fault_ = JsonFault::none;
};

template <class Member>
bool JsonCursor::object(Member&& member) {
  if (!take('{')) return false;
  if (peek() == '}') return take('}');
  for (;;) {
    const auto key_at = offset();
    std::string_view key;
    if (!string(key) || !take(':') || !member(key, key_at)) return false;
    if (peek() == '}') return take('}');
    if (!take(',')) return false;
  }
}

template <class OnKey>
bool JsonCursor::skip(std::size_t& end, int depth, OnKey&& on_key) {
  std::bitset<k_max_json_depth + 1> is_object;  // by depth
  const int outside = depth;
  bool value_due = true;
  for (;;) {
    if (value_due) {
      const char c = peek();
      if (c == '{' || c == '[') {
        if (++depth > k_max_json_depth) return fail(JsonFault::too_deep);
        const bool object = c == '{';
        is_object[static_cast<std::size_t>(depth)] = object;
        ++index_;
        if (peek() == (object ? '}' : ']')) {
          value_due = false;
          continue;
        }
        if (!object) continue;
      } else {
        if (!scalar(end)) return false;
        if (depth == outside) return true;
        value_due = false;
        continue;
      }
    } else {
      const char c = peek();
      const bool object = is_object[static_cast<std::size_t>(depth)];
      if (c == (object ? '}' : ']')) {
        end = offset() + 1;
        ++index_;
        if (--depth == outside) return true;
        continue;
      }
      if (!take(',')) return false;
      value_due = true;
      if (!object) continue;
    }
    // A member's name stands here.
    std::string_view key;
    if (!string(key) || !take(':')) return false;
    value_due = true;
    if (!on_key(key, static_cast<const JsonCursor&>(*this))) {
      if (!skip(end, depth, IgnoreKeys{})) return false;
      value_due = false;
    }
  }
}

}  // namespace talon::gateway
