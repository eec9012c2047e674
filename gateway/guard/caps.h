// What a caller may have, by its name: money on the UTC day of each record's time, plus what calls in flight hold
// (acceptance.md T4), and calls a minute. Admission is one atomic step: settled today + holds + own hold <= cap.
// Kept by name, so that it outlives a reload and covers keys made at run time.
//
// Thread rule: any thread; figures sit behind short locks (by_name.h), never held across a wait. Money is rebuilt from
// the vault at start; a minute begins anew.
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "core/money.h"
#include "core/time.h"
#include "gateway/http/error_envelope.h"
#include "gateway/snapshot.h"
#include "vault/vault.h"

namespace talon::gateway {

class Caps;
struct CallerAccount;

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
  CallerAccount* account_ = nullptr;  ///< stays where it is while this refers to it
  std::mutex* lock_ = nullptr;        ///< of account_
  core::NanoUsd amount_;
};

class Caps {
 public:
  /// What every caller there is in the vault spent today, whether the configuration still names it or not.
  [[nodiscard]] static core::Result<std::unique_ptr<Caps>> rebuild(const vault::Vault& vault, const core::Clock& clock);
  /// The same from figures in hand, as Vault::caller_spend_today gives them. A caller's cap is one over
  /// all logs that its calls went to.
  using SpendToday = std::map<std::pair<core::LogName, std::string>, vault::CallerSpend>;
  [[nodiscard]] static std::unique_ptr<Caps> from_spend(const SpendToday& spend, core::Day today);
  ~Caps();

  /// Without a cap the money is held all the same, and always admitted. Refusal: 402 daily_cost_exceeded with the
  /// members of interfaces.md ("402").
  [[nodiscard]] std::expected<Hold, Refusal> admit(const Caller& caller, core::NanoUsd estimate, core::Instant now);
  /// Held whatever the cap says (shadow mode).
  [[nodiscard]] Hold hold(const Caller& caller, core::NanoUsd estimate, core::Instant now);
  /// One call of the caller's requests per minute, at a monotonic instant. Refusal: 429 rate_limited.
  [[nodiscard]] std::optional<Refusal> admit_rate(const Caller& caller, core::Micros now);

 private:
  struct Impl;
  explicit Caps(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace talon::gateway
