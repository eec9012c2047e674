#include "vault/bundle/json_shape.h"

#include <algorithm>
#include <cstdint>

#include "core/text.h"

namespace talon::vault {
namespace {

/// Inside a member of bundle.json. Deeper is not read (RFC 8259 §9 allows a limit), by no verifier.
constexpr std::size_t k_max_nesting = 255;

/// A cursor over JSON text. Every function leaves it behind what it took, or answers false. Nesting costs one byte of
/// a string a level, never stack.
class JsonCursor {
 public:
  explicit JsonCursor(std::string_view text) : rest_(text) {}

  [[nodiscard]] char peek() {
    space();
    return rest_.empty() ? '\0' : rest_.front();
  }
  [[nodiscard]] bool take(char c) {
    if (peek() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  [[nodiscard]] bool at_end() {
    space();
    return rest_.empty();
  }

  /// A string with its escapes undone. Lone surrogates, which JSON's grammar allows, are kept as three bytes each, so
  /// that bytes sort as code points do.
  [[nodiscard]] bool string(std::string& text) {
    text.clear();
    if (!take('"')) return false;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') {
        text += c;
      } else if (!escape(text)) {
        return false;
      }
    }
    return false;
  }

  /// Any value.
  [[nodiscard]] bool skip() {
    std::string open;  // the brackets we are in
    std::string ignored;
    for (;;) {
      // A value is due.
      const char bracket = peek();
      if ((bracket == '{' || bracket == '[') && open.size() == k_max_nesting) return false;
      if (take('{')) {
        if (!take('}')) {
          open += '}';
          if (!string(ignored) || !take(':')) return false;
          continue;
        }
      } else if (take('[')) {
        if (!take(']')) {
          open += ']';
          continue;
        }
      } else if (!scalar()) {
        return false;
      }
      // A value has ended.
      while (!open.empty() && take(open.back())) open.pop_back();
      if (open.empty()) return true;
      if (!take(',')) return false;
      if (open.back() == '}' && (!string(ignored) || !take(':'))) return false;
    }
  }

 private:
  void space() {
    const auto start = std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size());
    rest_.remove_prefix(start);
  }

  [[nodiscard]] bool escape(std::string& text) {
    constexpr std::string_view k_letters = "\"\\/bfnrt";
    constexpr std::string_view k_meanings = "\"\\/\b\f\n\r\t";
    if (rest_.empty()) return false;
    const char letter = rest_.front();
    rest_.remove_prefix(1);
    if (letter == 'u') {
      auto value = code_unit();
      if (!value) return false;
      const auto is_low = [](std::uint32_t unit) { return unit >= 0xdc00 && unit <= 0xdfff; };
      if (*value >= 0xd800 && *value <= 0xdbff && rest_.starts_with("\\u")) {
        const std::string_view before = rest_;
        rest_.remove_prefix(2);
        const auto low = code_unit();
        if (!low) return false;
        if (is_low(*low)) {
          value = 0x10000 + ((*value - 0xd800) << 10) + (*low - 0xdc00);
        } else {
          rest_ = before;
        }
      }
      put(*value, text);
      return true;
    }
    const auto at = k_letters.find(letter);
    if (at == std::string_view::npos) return false;
    text += k_meanings[at];
    return true;
  }

  /// Four hexadecimal digits.
  [[nodiscard]] std::optional<std::uint32_t> code_unit() {
    if (rest_.size() < 4) return std::nullopt;
    std::uint32_t value = 0;
    for (const char c : rest_.substr(0, 4)) {
      const auto digit =
          std::string_view("0123456789abcdef").find(c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c);
      if (digit == std::string_view::npos) return std::nullopt;
      value = value << 4 | static_cast<std::uint32_t>(digit);
    }
    rest_.remove_prefix(4);
    return value;
  }

  static void put(std::uint32_t value, std::string& text) {
    const auto tail = [&](unsigned shift) { text += static_cast<char>(0x80 | (value >> shift & 0x3f)); };
    if (value < 0x80) {
      text += static_cast<char>(value);
    } else if (value < 0x800) {
      text += static_cast<char>(0xc0 | value >> 6);
      tail(0);
    } else if (value < 0x10000) {
      text += static_cast<char>(0xe0 | value >> 12);
      tail(6);
      tail(0);
    } else {
      text += static_cast<char>(0xf0 | value >> 18);
      tail(12);
      tail(6);
      tail(0);
    }
  }

  [[nodiscard]] bool scalar() {
    std::string ignored;
    if (peek() == '"') return string(ignored);
    for (const std::string_view word : {"true", "false", "null"}) {
      if (rest_.starts_with(word)) {
        rest_.remove_prefix(word.size());
        return true;
      }
    }
    return number();
  }

  std::size_t digits() {
    const auto count = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    rest_.remove_prefix(count);
    return count;
  }

  [[nodiscard]] bool number() {
    if (rest_.starts_with('-')) rest_.remove_prefix(1);
    const bool zero = rest_.starts_with('0');
    const auto whole = digits();
    if (whole == 0 || (zero && whole > 1)) return false;
    if (rest_.starts_with('.')) {
      rest_.remove_prefix(1);
      if (digits() == 0) return false;
    }
    if (rest_.starts_with('e') || rest_.starts_with('E')) {
      rest_.remove_prefix(1);
      if (rest_.starts_with('+') || rest_.starts_with('-')) rest_.remove_prefix(1);
      return digits() != 0;
    }
    return true;
  }

  std::string_view rest_;
};

/// The value of `needs`. False: not JSON. `list` is empty when it is JSON but not what `needs` may be.
bool read_needs(JsonCursor& cursor, std::optional<std::vector<std::string>>& list) {
  list.reset();
  JsonCursor items = cursor;
  if (!cursor.skip()) return false;
  if (!items.take('[') || items.take(']')) return true;
  std::vector<std::string> words;
  do {
    std::string word;
    if (!items.string(word) || (!words.empty() && word <= words.back())) return true;
    words.push_back(std::move(word));
  } while (items.take(','));
  list = std::move(words);
  return true;
}

bool read_format(JsonCursor& cursor, std::optional<std::string>& format) {
  format.reset();
  if (cursor.peek() != '"') return cursor.skip();
  format.emplace();
  return cursor.string(*format);
}

}  // namespace

std::optional<ManifestShape> read_manifest_shape(std::string_view text) {
  if (!core::count_code_points(text)) return std::nullopt;
  JsonCursor cursor(text);
  ManifestShape shape;
  if (!cursor.take('{')) return std::nullopt;
  if (!cursor.take('}')) {
    do {
      std::string name;
      if (!cursor.string(name) || !cursor.take(':')) return std::nullopt;
      const bool is_json = name == "format"  ? read_format(cursor, shape.format)
                           : name == "needs" ? read_needs(cursor, shape.needs)
                                             : cursor.skip();
      if (!is_json) return std::nullopt;
    } while (cursor.take(','));
    if (!cursor.take('}')) return std::nullopt;
  }
  if (!cursor.at_end()) return std::nullopt;
  return shape;
}

}  // namespace talon::vault
