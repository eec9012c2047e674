// UsageScan: the `usage` of a JSON answer that is too large to keep, and whether the answer was whole,
// found while it passes. Constant memory: only the text of the top level's `usage` member is kept.
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
  /// As usage_of_json (usage.h).
  [[nodiscard]] std::optional<core::Usage> usage() const;

 private:
  static constexpr std::size_t k_most = 64 * 1024;
  void structural(char c);
  void end_of_string();
  std::size_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
  bool expects_key_ = false;  ///< at depth 1, the next string is a member's name
  bool key_is_usage_ = false;
  bool capturing_ = false;
  bool closed_ = false;
  bool broken_ = false;
  std::string key_;  ///< of the member at depth 1, its first bytes
  std::string captured_;
};

}  // namespace talon::gateway
