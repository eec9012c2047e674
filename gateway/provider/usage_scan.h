// UsageScan: the `usage` of a JSON answer that is too large to keep, or was cut, how much content it had, and whether it
// was whole, found while it passes. Constant memory: only the text of the top level's `usage` member is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/evidence_record.h"

namespace talon::gateway {

class UsageScan {
 public:
  void feed(std::string_view bytes);
  /// One JSON object or array has opened and closed again, and nothing but white space followed. Weaker
  /// than parsing, but nothing that was cut off passes.
  [[nodiscard]] bool whole() const noexcept { return closed_ && !broken_; }
  /// Bytes of text that the model wrote, as read_stream_event counts them: in members named content, text, arguments,
  /// refusal or reasoning_content, escapes undone. nullopt: no JSON.
  [[nodiscard]] std::optional<std::int64_t> content_bytes() const noexcept;
  /// As usage_of_json (usage.h).
  [[nodiscard]] std::optional<core::Usage> usage() const;

 private:
  static constexpr std::size_t k_most = 64 * 1024;
  void structural(char c);
  void begin_string();
  void end_of_string();
  void text_of_string(std::string_view text);
  void escaped(char c);
  std::size_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
  bool expects_key_ = false;  ///< at depth 1, the next string is a member's name
  bool key_is_usage_ = false;
  bool capturing_ = false;
  bool closed_ = false;
  bool broken_ = false;
  bool seen_ = false;        ///< an object or array has begun
  bool is_value_ = false;    ///< the next string, or the one that runs, stands behind a colon
  bool is_content_ = false;  ///< and its member is content
  int hex_left_ = 0;         ///< digits of a \u escape still to come
  std::uint32_t unit_ = 0;
  std::int64_t content_ = 0;
  std::string name_;  ///< the last string that was no value, its first bytes: a name if a colon follows
  std::string key_;   ///< of the member at depth 1, its first bytes
  std::string captured_;
};

}  // namespace talon::gateway
