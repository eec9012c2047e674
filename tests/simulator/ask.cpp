// A one-pass scanner over a request body; see ask.h.
#include "tests/simulator/ask.h"

#include <charconv>
#include <cstdint>
#include <optional>

#include <fmt/format.h>

namespace talon::simulator {
namespace {

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  void blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
      ++at_;
  }
  [[nodiscard]] bool take(char c) {
    blanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  [[nodiscard]] bool done() {
    blanks();
    return at_ == text_.size();
  }
  /// The raw text between the quotes of the string here.
  [[nodiscard]] std::optional<std::string_view> string() {
    if (!take('"')) return std::nullopt;
    const std::size_t start = at_;
    for (;;) {
      const std::size_t hit = text_.find_first_of("\"\\", at_);
      if (hit == std::string_view::npos) return std::nullopt;
      at_ = hit + (text_[hit] == '"' ? 1U : 2U);
      if (text_[hit] == '"') return text_.substr(start, hit - start);
      if (at_ > text_.size()) return std::nullopt;
    }
  }
  /// The raw text of the value here, whatever it is.
  [[nodiscard]] std::optional<std::string_view> value() {
    blanks();
    const std::size_t start = at_;
    std::size_t depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        if (!string()) return std::nullopt;
      } else if (c == '{' || c == '[') {
        ++depth;
        ++at_;
      } else if (c == '}' || c == ']') {
        if (depth == 0) break;
        --depth;
        ++at_;
      } else if (c == ',' && depth == 0) {
        break;
      } else {
        const std::size_t next = text_.find_first_of("\"{}[],", at_ + 1);
        at_ = next == std::string_view::npos ? text_.size() : next;
        if (depth > 0 && at_ < text_.size() && text_[at_] == ',') ++at_;
        continue;
      }
      if (depth == 0) break;
    }
    if (at_ == start || depth != 0) return std::nullopt;
    std::string_view raw = text_.substr(start, at_ - start);
    while (!raw.empty() && static_cast<unsigned char>(raw.back()) <= ' ') raw.remove_suffix(1);
    return raw;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

void append_utf8(std::string& out, std::uint32_t point) {
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0 | (point >> 6));
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else {
    out += static_cast<char>(0xE0 | (point >> 12));
    out += static_cast<char>(0x80 | ((point >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  }
}

/// Surrogate pairs stay apart: names and models of the tests do not use them.
std::string unescape(std::string_view raw) {
  std::string out;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '\\' || i + 1 == raw.size()) {
      out += raw[i];
      continue;
    }
    const char c = raw[++i];
    if (c == 'u' && i + 4 < raw.size()) {
      std::uint32_t point = 0;
      std::from_chars(raw.data() + i + 1, raw.data() + i + 5, point, 16);
      append_utf8(out, point);
      i += 4;
    } else {
      constexpr std::string_view k_from = "nrtbf";
      constexpr std::string_view k_to = "\n\r\t\b\f";
      const std::size_t hit = k_from.find(c);
      out += hit == std::string_view::npos ? c : k_to[hit];
    }
  }
  return out;
}

std::string text_value(std::string_view raw) {
  if (raw.size() < 2 || raw.front() != '"') return {};
  return unescape(raw.substr(1, raw.size() - 2));
}

std::size_t count_items(std::string_view raw) {
  if (raw.empty() || raw.front() != '[') return 1;
  Scanner items(raw.substr(1, raw.size() - 2));
  std::size_t count = 0;
  while (items.value()) {
    ++count;
    if (!items.take(',')) break;
  }
  return count;
}

std::string first_name(std::string_view tools) {
  const std::size_t key = tools.find("\"name\"");
  if (key == std::string_view::npos) return "tool";
  Scanner after(tools.substr(key + 6));
  if (!after.take(':')) return "tool";
  const auto name = after.string();
  return name ? unescape(*name) : "tool";
}

template <class Visit>
bool each_member(std::string_view object, Visit visit) {
  Scanner scan(object);
  if (!scan.take('{')) return false;
  if (scan.take('}')) return scan.done();
  for (;;) {
    const auto key = scan.string();
    if (!key || !scan.take(':')) return false;
    const auto value = scan.value();
    if (!value) return false;
    visit(key->find('\\') == std::string_view::npos ? std::string(*key) : unescape(*key), *value);
    if (scan.take(',')) continue;
    return scan.take('}') && scan.done();
  }
}

}  // namespace

Ask read_ask(std::string_view body) {
  Ask ask;
  ask.is_object = each_member(body, [&](const std::string& key, std::string_view raw) {
    if (key == "model")
      ask.model = text_value(raw);
    else if (key == "stream")
      ask.stream = raw == "true";
    else if (key == "n")
      std::from_chars(raw.data(), raw.data() + raw.size(), ask.choices);
    else if (key == "input")
      ask.inputs = count_items(raw);
    else if (key == "encoding_format")
      ask.base64_vectors = raw == "\"base64\"";
    else if (key == "tools" && raw.size() > 2)
      ask.first_tool = first_name(raw);
    else if (key == "messages")
      ask.has_tool_result = raw.find("\"tool_call_id\"") != std::string_view::npos;
    else if (key == "stream_options") {
      (void)each_member(raw, [&](const std::string& inner, std::string_view value) {
        if (inner == "include_usage") ask.include_usage = value == "true";
      });
    }
  });
  if (ask.choices < 1 || ask.choices > 128) ask.choices = 1;
  return ask;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace talon::simulator
