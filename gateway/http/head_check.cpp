// One pass over the head's bytes; every byte is classified by a table look-up, no line is copied.
#include "gateway/http/head_check.h"

#include <array>
#include <cstdint>
#include <cstring>

#include "gateway/http/message.h"

namespace talon::gateway {
namespace {

enum ByteClass : std::uint8_t { k_token = 1, k_value = 2, k_target = 4, k_host = 8 };

// RFC 9110 §5.6.2 (token), §5.5 (field-value), RFC 3986 §3.2.2 (host and port).
constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> table{};
  for (unsigned c = 0; c < 256; ++c) {
    const auto is_one_of = [c](std::string_view set) {
      return c < 0x80 && set.find(static_cast<char>(c)) != std::string_view::npos;
    };
    const bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    unsigned classes = 0;
    if (alphanumeric || is_one_of("!#$%&'*+-.^_`|~")) classes |= k_token;
    if (c == '\t' || (c >= 0x20 && c != 0x7f)) classes |= k_value;
    if (c >= 0x21 && c <= 0x7e) classes |= k_target;
    if (alphanumeric || is_one_of("-._~%!$&'()*+,;=:[]")) classes |= k_host;
    table[c] = static_cast<std::uint8_t>(classes);
  }
  return table;
}
constexpr auto k_classes = make_classes();

bool is(char c, ByteClass wanted) noexcept { return (k_classes[static_cast<unsigned char>(c)] & wanted) != 0; }

bool all(std::string_view text, ByteClass wanted) noexcept {
  for (const char c : text) {
    if (!is(c, wanted)) return false;
  }
  return true;
}

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_digits(std::string_view text) noexcept {
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
  }
  return !text.empty();
}

constexpr std::size_t k_longest_content_length = 18;  // digits; fits 64 bits with room

/// What the fields say about framing and host; each answer is nullptr or the rule that is broken.
class FieldRules {
 public:
  const char* field(std::string_view name, std::string_view value) {
    if (equal_names(name, "content-length")) return content_length(value);
    if (equal_names(name, "transfer-encoding")) return transfer_encoding(value);
    if (equal_names(name, "host")) {
      ++hosts_;
      if (!all(value, k_host)) return "The Host field is not a host name with an optional port.";
    }
    return nullptr;
  }

  [[nodiscard]] const char* end(int minor_version, bool is_request) const {
    if (chunked_ && minor_version == 0) return "HTTP/1.0 has no Transfer-Encoding.";
    if (chunked_ && has_length_) return "Content-Length and Transfer-Encoding were both sent.";
    if (is_request && hosts_ > 1) return "More than one Host field was sent.";
    if (is_request && minor_version == 1 && hosts_ == 0) return "The Host field is missing.";
    return nullptr;
  }

 private:
  const char* content_length(std::string_view value) {
    if (has_length_) return "More than one Content-Length was sent.";
    has_length_ = true;
    if (!is_digits(value) || value.size() > k_longest_content_length) return "Content-Length is not one plain number.";
    return nullptr;
  }
  const char* transfer_encoding(std::string_view value) {
    if (chunked_) return "More than one Transfer-Encoding was sent.";
    chunked_ = true;
    if (value != "chunked") return "The only Transfer-Encoding understood is \"chunked\".";
    return nullptr;
  }

  bool has_length_ = false;
  bool chunked_ = false;
  int hosts_ = 0;
};

/// Takes lines off the head; a line ends in CRLF and holds no other CR, LF or control.
class Lines {
 public:
  explicit Lines(std::string_view raw) : rest_(raw) {}

  /// nullptr and a line, or the broken rule.
  const char* next(std::string_view& line) {
    std::size_t end = 0;
    while (rest_.size() - end >= sizeof(std::uint64_t) && all_plain(rest_.data() + end)) end += sizeof(std::uint64_t);
    while (end < rest_.size() && is(rest_[end], k_value)) ++end;
    if (end == rest_.size()) return "The head has no end.";
    switch (rest_[end]) {
      case '\r':
        if (end + 1 < rest_.size() && rest_[end + 1] == '\n') break;
        return "A carriage return stands alone in the head; lines end in CRLF.";
      case '\n':
        return "A line feed stands alone in the head; lines end in CRLF.";
      case '\0':
        return "The head contains a NUL byte.";
      default:
        return "The head contains a control character.";
    }
    line = rest_.substr(0, end);
    rest_.remove_prefix(end + 2);
    return nullptr;
  }
  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }

 private:
  /// Eight bytes at once: none below 0x20 and none 0x7f. Tabs make it say no; the table decides then.
  static bool all_plain(const char* bytes) noexcept {
    constexpr std::uint64_t k_ones = 0x0101010101010101, k_high = 0x8080808080808080;
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof word);
    const std::uint64_t is_delete = word ^ (k_ones * 0x7f);
    // Hacker's Delight 6-1: a byte is below n iff its high bit is set in (word − n·ones) & ~word. A borrow can only
    // make it say no too often.
    return ((((word - k_ones * 0x20) & ~word) | ((is_delete - k_ones) & ~is_delete)) & k_high) == 0;
  }
  std::string_view rest_;
};

const char* version(std::string_view text, int& minor_version) {
  if (text != "HTTP/1.1" && text != "HTTP/1.0") return "The HTTP version is not 1.0 or 1.1.";
  minor_version = text.back() - '0';
  return nullptr;
}

const char* request_line(std::string_view line, int& minor_version) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return "The request line is not \"METHOD TARGET HTTP/1.1\".";
  const auto method = line.substr(0, first);
  const auto target = line.substr(first + 1, last - first - 1);
  if (method.empty() || !all(method, k_token)) return "The method is not a token.";
  if (target.empty() || !all(target, k_target))
    return "The target contains characters outside 0x21-0x7E; percent-encode them.";
  return version(line.substr(last + 1), minor_version);
}

const char* status_line(std::string_view line, int& minor_version) {
  constexpr std::size_t k_version = 8;  // "HTTP/1.1"
  if (const auto* rule = version(line.substr(0, k_version), minor_version)) return rule;
  line.remove_prefix(k_version);
  const bool well_formed = line.size() >= 4 && line[0] == ' ' && line[1] >= '1' && line[1] <= '5' &&
                           is_digits(line.substr(1, 3)) && (line.size() == 4 || line[4] == ' ');
  return well_formed ? nullptr : "The status line has no status of three digits.";
}

const char* check(std::string_view raw, bool is_request) {
  Lines lines(raw);
  FieldRules rules;
  std::string_view line;
  int minor_version = 1;
  if (const auto* rule = lines.next(line)) return rule;
  if (const auto* rule = is_request ? request_line(line, minor_version) : status_line(line, minor_version)) return rule;
  for (;;) {
    if (const auto* rule = lines.next(line)) return rule;
    if (line.empty()) break;
    if (line.front() == ' ' || line.front() == '\t')
      return "A field line begins with white space (folded lines are not accepted).";
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return "A field line has no colon.";
    const auto name = line.substr(0, colon);
    if (name.empty()) return "A field has no name.";
    if (!all(name, k_token)) {
      return name.back() == ' ' || name.back() == '\t' ? "White space stands before the colon of a field."
                                                       : "A field name is not a token.";
    }
    if (const auto* rule = rules.field(name, trim(line.substr(colon + 1)))) return rule;
  }
  if (!lines.at_end()) return "Bytes follow the end of the head.";
  return rules.end(minor_version, is_request);
}

}  // namespace

core::Result<void> check_request_head(std::string_view raw) {
  if (const auto* rule = check(raw, true)) return core::fail(core::Code::invalid_request, rule);
  return {};
}

core::Result<void> check_response_head(std::string_view raw) {
  if (const auto* rule = check(raw, false))
    return core::fail(core::Code::provider_error, std::string("The provider's answer is malformed. ") + rule);
  return {};
}

}  // namespace talon::gateway
