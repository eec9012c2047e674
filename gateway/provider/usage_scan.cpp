// See usage_scan.h. Strings are skipped in bulk: they are most of a large answer.
#include "gateway/provider/usage_scan.h"

#include <algorithm>
#include <array>

#include "gateway/provider/call.h"
#include "gateway/provider/usage.h"

namespace talon::gateway {
namespace {

constexpr std::string_view k_wanted = "usage";
constexpr std::array<std::string_view, 5> k_content = {"content", "text", "arguments", "refusal", "reasoning_content"};
constexpr std::size_t k_longest_name = 17;

}  // namespace

void UsageScan::feed(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    if (in_string_ && !escaped_) {
      const auto stop = std::min(bytes.find_first_of("\"\\", at), bytes.size());
      const auto text = bytes.substr(at, stop - at);
      text_of_string(text);
      if (expects_key_ && key_.size() <= k_wanted.size()) key_.append(text.substr(0, k_wanted.size() + 1));
      if (capturing_ && captured_.size() < k_most) captured_.append(text);
      at = stop;
      if (at == bytes.size()) return;
    }
    const char c = bytes[at++];
    if (capturing_ && captured_.size() < k_most && !(depth_ == 1 && !in_string_ && (c == ',' || c == '}')))
      captured_ += c;
    if (in_string_) {
      if (escaped_) {
        escaped_ = false;
        escaped(c);
      } else if (c == '\\') {
        escaped_ = true;
        hex_left_ = 0;
        if (expects_key_) key_ += c;  // an escaped name is not ours
        if (!is_value_) name_ += c;
      } else {
        end_of_string();
      }
    } else {
      structural(c);
    }
  }
}

void UsageScan::begin_string() {
  in_string_ = true;
  hex_left_ = 0;
  key_.clear();
  if (!is_value_) name_.clear();
}

/// A stretch without quotes or escapes.
void UsageScan::text_of_string(std::string_view text) {
  if (!is_value_) {
    if (name_.size() <= k_longest_name) name_.append(text.substr(0, k_longest_name + 1));
    return;
  }
  // The digits of an escape are one character, and were counted when they were complete.
  while (hex_left_ > 0 && !text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    unit_ = unit_ * 16 + static_cast<std::uint32_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    // A pair of surrogates is one character of four bytes.
    const bool surrogate = unit_ >= 0xd800 && unit_ <= 0xdfff;
    if (--hex_left_ == 0 && is_content_) content_ += unit_ < 0x80 ? 1 : unit_ < 0x800 || surrogate ? 2 : 3;
  }
  if (is_content_) content_ += static_cast<std::int64_t>(text.size());
}

void UsageScan::escaped(char c) {
  if (c == 'u') {
    hex_left_ = 4;
    unit_ = 0;
  } else if (is_value_ && is_content_) {
    ++content_;
  }
}

void UsageScan::end_of_string() {
  in_string_ = false;
  is_value_ = false;
  if (!expects_key_ || depth_ != 1) return;
  expects_key_ = false;
  key_is_usage_ = key_ == k_wanted;
}

void UsageScan::structural(char c) {
  switch (c) {
    case '"':
      begin_string();
      broken_ = broken_ || depth_ == 0;
      break;
    case '{':
    case '[':
      broken_ = broken_ || closed_;
      seen_ = true;
      is_value_ = false;
      ++depth_;
      if (depth_ == 1) expects_key_ = c == '{';
      break;
    case '}':
    case ']':
      if (depth_ == 0) {
        broken_ = true;
        break;
      }
      if (depth_ == 1) capturing_ = false;
      --depth_;
      closed_ = depth_ == 0;
      break;
    case ',':
      is_value_ = false;
      if (depth_ == 1) {
        capturing_ = false;
        expects_key_ = true;
      }
      break;
    case ':':
      is_value_ = true;
      is_content_ = std::ranges::find(k_content, std::string_view(name_)) != k_content.end();
      if (depth_ == 1 && key_is_usage_) {
        capturing_ = true;
        key_is_usage_ = false;
        captured_.clear();
      }
      break;
    case ' ':
    case '\t':
    case '\r':
    case '\n':
      break;
    default:
      broken_ = broken_ || depth_ == 0;
  }
}

std::optional<std::int64_t> UsageScan::content_bytes() const noexcept {
  return seen_ && !broken_ ? std::optional(content_) : std::nullopt;
}

std::optional<core::Usage> UsageScan::usage() const {
  if (captured_.empty() || captured_.size() >= k_most) return std::nullopt;
  std::string object = "{\"usage\":" + captured_ + "}";
  const std::size_t size = object.size();
  object.append(k_body_padding, '\0');
  return usage_of_json(std::string_view(object).substr(0, size));
}

}  // namespace talon::gateway
