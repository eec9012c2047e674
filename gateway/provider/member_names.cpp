// The tables of names, and folding.
#include "gateway/provider/member_names.h"

#include <algorithm>
#include <array>

#include "gateway/provider/json_cursor.h"

namespace talon::gateway {
namespace {

constexpr std::array<std::string_view, k_members> k_names = {
    "model",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "n",
    "prompt",
    "best_of",
    "tenant_id",
    "provider",
    "routing_policy",
    "council_mode",
    "speculative_mode",
};

constexpr std::array k_state_names = {
    "previous_response_id", "conversation", "conversation_id", "file_id",   "file_ids",     "vector_store_ids",
    "vector_store_id",      "container",    "container_id",    "thread_id", "assistant_id",
};

constexpr std::size_t k_longest_name = 32;
constexpr std::size_t k_longest_escape = 6;

/// A name in lower case, as the loosest reader would compare it. Go's encoding/json also takes U+017F for
/// an s and U+212A for a k (simple case folding), so those fold here too.
class Folded {
 public:
  explicit Folded(std::string_view name) noexcept {
    for (std::size_t i = 0; i < name.size(); ++i) {
      char c = name[i];
      if (c >= 'A' && c <= 'Z') {
        c = static_cast<char>(c + ('a' - 'A'));
      } else if ((c & 0x80) != 0) {
        if (name.substr(i).starts_with("\xc5\xbf")) {
          c = 's';
          i += 1;
        } else if (name.substr(i).starts_with("\xe2\x84\xaa")) {
          c = 'k';
          i += 2;
        }
      }
      if (size_ == text_.size()) {
        size_ = 0;  // longer than any name of ours
        return;
      }
      text_[size_++] = c;
    }
  }
  [[nodiscard]] std::string_view text() const noexcept { return {text_.data(), size_}; }

 private:
  std::array<char, k_longest_name> text_{};
  std::size_t size_ = 0;
};

/// Calls match(exact name, folded name) unless the name is too long to be one of ours. False: broken escape.
template <class Match>
bool with_name(std::string_view raw, Match&& match) {
  const bool escaped = raw.find('\\') != std::string_view::npos;
  if (raw.size() > k_longest_name * (escaped ? k_longest_escape : 1)) return true;
  if (!escaped) {
    match(raw, Folded(raw));
    return true;
  }
  const auto name = unescape_json(raw);
  if (!name) return false;
  match(std::string_view(*name), Folded(*name));
  return true;
}

/// Could a name that begins like this be one of those whose first letters are `letters`? Most are told
/// apart here; an escape or a letter beyond ASCII has to be looked at.
bool may_begin(std::string_view raw, std::string_view letters) noexcept {
  if (raw.empty()) return false;
  const char first = raw.front();
  return first == '\\' || (first & 0x80) != 0 ||
         letters.find(static_cast<char>(first | 0x20)) != std::string_view::npos;
}

}  // namespace

std::string_view name_of(Member member) noexcept { return k_names[static_cast<std::size_t>(member)]; }

NamedMember classify(std::string_view raw) {
  NamedMember result;
  if (!may_begin(raw, "msntprcb") && raw.find('\\') == std::string_view::npos) return result;
  const bool readable = with_name(raw, [&result](std::string_view name, const Folded& folded) {
    const auto* const found = std::ranges::find(k_names, folded.text());
    if (found == k_names.end()) return;
    result.member = static_cast<Member>(found - k_names.begin());
    result.spelling = name == *found ? Spelling::exact : Spelling::variant;
  });
  if (!readable) result.spelling = Spelling::broken;
  return result;
}

bool is_named(std::string_view raw, std::string_view wanted, Spelling& spelling) {
  bool found = false;
  const bool readable = with_name(raw, [&](std::string_view name, const Folded& folded) {
    found = folded.text() == wanted;
    spelling = name == wanted ? Spelling::exact : Spelling::variant;
  });
  if (!readable) spelling = Spelling::broken;
  return found || !readable;
}

const char* provider_state_name(std::string_view raw) {
  constexpr std::size_t k_shortest = 7;
  if (raw.size() < k_shortest || !may_begin(raw, "pcfvta")) return nullptr;
  const char* state = nullptr;
  // A name with a broken escape is none that a provider could read.
  static_cast<void>(with_name(raw, [&state](std::string_view, const Folded& folded) {
    for (const char* name : k_state_names) {
      if (folded.text() == name) state = name;
    }
  }));
  return state;
}

bool holds_client_schema(std::string_view raw) noexcept {
  return raw == "parameters" || raw == "schema" || raw == "input_schema" || raw == "metadata";
}

}  // namespace talon::gateway
