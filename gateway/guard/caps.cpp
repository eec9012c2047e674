// Admission against daily caps, one lock for each caller.
#include "gateway/guard/caps.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <mutex>
#include <unordered_map>

namespace talon::gateway {
namespace {

using core::Day;
using core::NanoUsd;

/// Sums stay at the end of the range rather than wrap: more than any cap is still more.
NanoUsd add(NanoUsd a, NanoUsd b) noexcept {
  return a.checked_add(b).value_or(NanoUsd(std::numeric_limits<std::int64_t>::max()));
}

struct Account {
  std::mutex lock;
  Day day;
  NanoUsd spent;  ///< on `day`
  NanoUsd held;

  void turn_to(Day today) noexcept {
    if (today <= day) return;
    day = today;
    spent = NanoUsd();
  }
};

Refusal over_limit(const Caller& caller, NanoUsd cap, NanoUsd spent, NanoUsd held, NanoUsd estimate, Day day) {
  Refusal refusal{{core::Code::daily_cost_exceeded,
                   "Daily cost limit of " + cap.to_dollars() + " for caller " + caller.name + " would be exceeded",
                   {}}};
  refusal.extras = {{"current_usage_usd", spent.to_decimal()},
                    {"budget_limit_usd", cap.to_decimal()},
                    {"held_usd", held.to_decimal()},
                    {"estimate_usd", estimate.to_decimal()},
                    {"resets_at", json_quote(core::to_rfc3339_seconds(core::start_of(Day{day.number + 1})))}};
  return refusal;
}

}  // namespace

struct Caps::Impl {
  std::deque<Account> accounts;  // by caller index; a deque, because a lock does not move
};

Caps::Caps(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Caps::~Caps() = default;

std::unique_ptr<Caps> Caps::from_spend(const Snapshot& snapshot, const SpendToday& spend, Day today) {
  auto impl = std::make_unique<Impl>();
  impl->accounts.resize(snapshot.callers.size());
  std::unordered_map<std::string_view, NanoUsd> by_name;
  for (const auto& [whose, figure] : spend) {
    if (figure.day != today) continue;
    auto& sum = by_name[whose.second];
    sum = add(sum, figure.spent);
  }
  for (const auto& caller : snapshot.callers) {
    auto& account = impl->accounts[caller.index];
    account.day = today;
    const auto found = by_name.find(caller.name);
    if (caller.kind != KeyKind::admin && found != by_name.end()) account.spent = found->second;
  }
  return std::unique_ptr<Caps>(new Caps(std::move(impl)));
}

core::Result<std::unique_ptr<Caps>> Caps::rebuild(const Snapshot& snapshot, const vault::Vault& vault,
                                                  const core::Clock& clock) {
  TALON_TRY(spend, vault.caller_spend_today());
  // The vault's day may be ahead of the clock's: its time never runs backwards.
  auto today = core::day_of(clock.now());
  for (const auto& [whose, figure] : spend) today = std::max(today, figure.day);
  return from_spend(snapshot, spend, today);
}

std::expected<Hold, Refusal> Caps::admit(const Caller& caller, NanoUsd estimate, core::Instant now) {
  auto& account = impl_->accounts[caller.index];
  const std::scoped_lock guard(account.lock);
  account.turn_to(core::day_of(now));
  const auto wanted = add(add(account.spent, account.held), estimate);
  if (const auto cap = caller.policy.max_daily_cost; cap && estimate > NanoUsd() && wanted > *cap) {
    return std::unexpected(over_limit(caller, *cap, account.spent, account.held, estimate, account.day));
  }
  account.held = add(account.held, estimate);
  Hold hold;
  hold.caps_ = this;
  hold.caller_ = caller.index;
  hold.amount_ = estimate;
  return hold;
}

void Hold::settle(NanoUsd cost, core::Instant time) noexcept {
  auto* caps = std::exchange(caps_, nullptr);
  if (caps == nullptr) return;
  auto& account = caps->impl_->accounts[caller_];
  const auto day = core::day_of(time);
  const std::scoped_lock guard(account.lock);
  account.held = account.held.checked_sub(amount_).value_or(NanoUsd());
  account.turn_to(day);
  if (day == account.day) account.spent = add(account.spent, cost);
}

Hold::Hold(Hold&& other) noexcept
    : caps_(std::exchange(other.caps_, nullptr)), caller_(other.caller_), amount_(other.amount_) {}

Hold& Hold::operator=(Hold&& other) noexcept {
  if (this == &other) return *this;
  settle(NanoUsd(), core::Instant{0});
  caps_ = std::exchange(other.caps_, nullptr);
  caller_ = other.caller_;
  amount_ = other.amount_;
  return *this;
}

// A day before all others: the hold goes, nothing is spent.
Hold::~Hold() { settle(NanoUsd(), core::Instant{0}); }

}  // namespace talon::gateway
