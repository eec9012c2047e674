#include "vault/bundle/json_shape.h"

#include <algorithm>
#include <cstdint>

#include "core/text.h"

namespace talon::vault {
namespace {

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

  /// A string with its escapes undone; lone surrogates, which JSON's grammar allows, become '?'.
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
      if (rest_.size() < 4) return false;
      std::uint32_t value = 0;
      for (const char c : rest_.substr(0, 4)) {
        const auto digit =
            std::string_view("0123456789abcdef").find(c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c);
        if (digit == std::string_view::npos) return false;
        value = value << 4 | static_cast<std::uint32_t>(digit);
      }
      rest_.remove_prefix(4);
      // Only ASCII can matter: the words compared with are ASCII.
      text += value < 0x80 ? static_cast<char>(value) : '?';
      return true;
    }
    const auto at = k_letters.find(letter);
    if (at == std::string_view::npos) return false;
    text += k_meanings[at];
    return true;
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
  if (cursor.peek() != '[') return cursor.skip();
  if (!cursor.take('[')) return false;
  if (cursor.take(']')) return true;
  std::vector<std::string> words;
  bool all_strings = true;
  do {
    std::string word;
    if (cursor.peek() != '"') {
      all_strings = false;
      if (!cursor.skip()) return false;
    } else if (!cursor.string(word)) {
      return false;
    }
    words.push_back(std::move(word));
  } while (cursor.take(','));
  const bool ascending = std::adjacent_find(words.begin(), words.end(), std::greater_equal<>()) == words.end();
  if (all_strings && ascending) list = std::move(words);
  return cursor.take(']');
}

bool read_format(JsonCursor& cursor, std::optional<std::string>& format) {
  format.reset();
  if (cursor.peek() != '"') return cursor.skip();
  format.emplace();
  return cursor.string(*format);
}

}  // namespace

std::optional<ManifestShape> read_manifest_shape(std::string_view text) {
  constexpr std::string_view k_byte_order_mark = "\xEF\xBB\xBF";  // readers may ignore it (RFC 8259 §8.1)
  if (!core::count_code_points(text)) return std::nullopt;
  if (text.starts_with(k_byte_order_mark)) text.remove_prefix(k_byte_order_mark.size());
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
