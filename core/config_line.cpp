#include "core/config_line.h"

#include <cstddef>

#include "core/text.h"

namespace talon::core {
namespace {

bool is_key_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

/// White space at the front, of any kind a web page may leave there. Answers its code points.
int skip_space(std::string_view& text, bool& odd) {
  int count = 0;
  for (;;) {
    const auto [value, length] = decode_utf8(text);
    if (length == 0 || !(is_white_space(value) || value == 0x200b || value == 0xfeff)) return count;
    odd = odd || value != ' ';
    text.remove_prefix(length);
    ++count;
  }
}

/// Whether a value ends on its line: no block scalar, no flow or quoted value that goes on below.
bool ends_here(std::string_view value) {
  bool odd = false;
  skip_space(value, odd);
  if (value.starts_with('|') || value.starts_with('>') || value.starts_with('&') || value.starts_with('*') ||
      value.starts_with('!'))
    return false;
  int depth = 0;
  char quote_mark = '\0';
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (quote_mark != '\0') {
      if (quote_mark == '"' && c == '\\')
        ++i;
      else if (c == quote_mark)
        quote_mark = '\0';
    } else if ((c == '"' || c == '\'') && (i == 0 || value[i - 1] == ' ' || depth > 0)) {
      quote_mark = c;
    } else if (c == '#' && (i == 0 || value[i - 1] == ' ')) {
      break;
    } else if (i == 0 || depth > 0) {
      depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
    }
  }
  return depth <= 0 && quote_mark == '\0';
}

/// `key:` at the front, if there is one; the value is what follows it.
bool split_key(std::string_view text, std::string_view& key, std::string_view& value) {
  std::size_t end = 0;
  if (text.starts_with('"') || text.starts_with('\'')) {
    end = text.find(text[0], 1);
    if (end == std::string_view::npos) return false;
    ++end;
  } else {
    while (end < text.size() && is_key_byte(text[end])) ++end;
  }
  if (end == 0 || end >= text.size() || text[end] != ':') return false;
  if (end + 1 < text.size() && text[end + 1] != ' ' && text[end + 1] != '\t') return false;
  key = text.substr(0, end);
  value = text.substr(end + 1);
  return true;
}

}  // namespace

std::optional<ConfigLine> take_apart(std::string_view text, int number) {
  while (text.ends_with('\r') || text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  ConfigLine line;
  line.number = number;
  line.column = 1 + skip_space(text, line.odd_space);
  if (text.empty() || text.starts_with('#')) {
    line.kind = text.empty() ? ConfigLine::Kind::blank : ConfigLine::Kind::comment;
    line.value = text;
    return line;
  }
  if (text == "-" || text.starts_with("- ")) {
    line.dash = true;
    line.dash_column = line.column;
    text.remove_prefix(1);
    bool ignored = false;
    line.column += 1 + skip_space(text, ignored);
    if (text == "-" || text.starts_with("- ")) return std::nullopt;
  }
  line.has_key = split_key(text, line.key, line.value);
  if (!line.has_key) line.value = text;
  if (!ends_here(line.value)) return std::nullopt;
  return line;
}

bool opens_below(std::string_view value) {
  bool odd = false;
  skip_space(value, odd);
  return value.empty() || value.starts_with('#');
}

}  // namespace talon::core
