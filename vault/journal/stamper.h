// The one clock of the vault: `time` never decreases across all logs (evidence.md §1).
#pragma once

#include <optional>

#include "core/time.h"

namespace talon::vault {

struct Stamp {
  core::Instant time;
  std::optional<core::Instant> clock;  ///< what the clock read, where that is not `time`
};

/// time = max(now, last time). now is the clock; but while the clock runs more than 60 s ahead of (its reading at start
/// or at the last step taken + the monotonic time since), now is that sum: a clock set wrong does not drag the log into
/// the future. A smaller step, or one backwards, is taken. One thread.
class Stamper {
 public:
  /// `last`: the newest time in the vault.
  Stamper(const core::Clock& clock, core::Instant last);
  [[nodiscard]] Stamp stamp() noexcept;
  /// What stamp() would answer; changes nothing.
  [[nodiscard]] core::Instant now() const noexcept;

 private:
  const core::Clock* clock_;
  core::Instant last_;
  core::Instant anchor_;           ///< the clock at start or at the last step taken
  core::Micros anchor_monotonic_;  ///< the monotonic clock then
};

}  // namespace talon::vault
