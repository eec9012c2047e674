// Daily caps of callers: spent on the UTC day of each record's time, plus what calls in flight hold
// (acceptance.md T4). Admission is one atomic step: settled today + holds + own hold ≤ cap.
//
// Thread rule: any thread; each caller's figures sit behind their own short lock, never held across
// a wait. Rebuilt from the vault at start.
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "core/money.h"
#include "core/time.h"
#include "gateway/http/error_envelope.h"
#include "gateway/snapshot.h"
#include "vault/vault.h"

namespace talon::gateway {

class Caps;

// The day turns with the first admission or record of the next one and never back; what is held then
// counts on the new day, what was spent stays behind.

/// Money held for one call; settled or released exactly once (released when dropped unsettled, which
/// only happens to calls that never reached the journal).
class Hold {
 public:
  Hold() = default;
  Hold(Hold&& other) noexcept;
  Hold& operator=(Hold&& other) noexcept;
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold();
  [[nodiscard]] core::NanoUsd amount() const noexcept { return amount_; }
  /// The record was sequenced at `time` with `cost`: the cost counts on that day and the hold is gone.
  void settle(core::NanoUsd cost, core::Instant time) noexcept;

 private:
  friend class Caps;
  Caps* caps_ = nullptr;
  std::size_t caller_ = 0;
  core::NanoUsd amount_;
};

class Caps {
 public:
  /// Spent today per caller from the vault (records of callers that are no longer configured are ignored).
  [[nodiscard]] static core::Result<std::unique_ptr<Caps>> rebuild(const Snapshot& snapshot, const vault::Vault& vault,
                                                                   const core::Clock& clock);
  /// The same from figures in hand, as Vault::caller_spend_today gives them. A caller's cap is one over
  /// all logs that its calls went to.
  using SpendToday = std::map<std::pair<core::LogName, std::string>, vault::CallerSpend>;
  [[nodiscard]] static std::unique_ptr<Caps> from_spend(const Snapshot& snapshot, const SpendToday& spend,
                                                        core::Day today);
  ~Caps();

  /// Without a cap the money is held all the same, and always admitted. Refusal: 402 daily_cost_exceeded with the members of interfaces.md ("402").
  [[nodiscard]] std::expected<Hold, Refusal> admit(const Caller& caller, core::NanoUsd estimate, core::Instant now);

 private:
  friend class Hold;
  struct Impl;
  explicit Caps(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace talon::gateway
