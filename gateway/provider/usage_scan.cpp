// See usage_scan.h. Strings are skipped in bulk: they are most of a large answer.
#include "gateway/provider/usage_scan.h"

#include "gateway/provider/call.h"
#include "gateway/provider/usage.h"

namespace talon::gateway {
namespace {

constexpr std::string_view k_wanted = "usage";

}  // namespace

void UsageScan::feed(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    if (in_string_ && !escaped_) {
      const auto stop = std::min(bytes.find_first_of("\"\\", at), bytes.size());
      const auto text = bytes.substr(at, stop - at);
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
      } else if (c == '\\') {
        escaped_ = true;
      } else {
        end_of_string();
      }
    } else {
      structural(c);
    }
  }
}

void UsageScan::end_of_string() {
  in_string_ = false;
  if (!expects_key_ || depth_ != 1) return;
  expects_key_ = false;
  key_is_usage_ = key_ == k_wanted;
}

void UsageScan::structural(char c) {
  switch (c) {
    case '"':
      in_string_ = true;
      key_.clear();
      broken_ = broken_ || depth_ == 0;
      break;
    case '{':
    case '[':
      broken_ = broken_ || closed_;
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
      if (depth_ == 1) {
        capturing_ = false;
        expects_key_ = true;
      }
      break;
    case ':':
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

std::optional<core::Usage> UsageScan::usage() const {
  if (captured_.empty() || captured_.size() >= k_most) return std::nullopt;
  std::string object = "{\"usage\":" + captured_ + "}";
  const std::size_t size = object.size();
  object.append(k_body_padding, '\0');
  return usage_of_json(std::string_view(object).substr(0, size));
}

}  // namespace talon::gateway
