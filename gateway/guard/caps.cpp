// Admission against what a caller may have; one short lock for a shard of callers.
#include "gateway/guard/caps.h"

#include <algorithm>
#include <limits>
#include <map>

#include "gateway/guard/by_name.h"
#include "gateway/guard/limits.h"

namespace talon::gateway {

using core::Day;
using core::NanoUsd;

struct CallerAccount {
  Day day;
  NanoUsd spent;  ///< on `day`
  NanoUsd held;
  int flying = 0;  ///< holds that refer to this account
  Gcra minute;

  void turn_to(Day today) noexcept {
    if (today <= day) return;
    day = today;
    spent = NanoUsd();
  }
};

namespace {

/// Sums stay at the end of the range rather than wrap: more than any cap is still more.
NanoUsd add(NanoUsd a, NanoUsd b) noexcept {
  return a.checked_add(b).value_or(NanoUsd(std::numeric_limits<std::int64_t>::max()));
}

Refusal over_limit(const Caller& caller, NanoUsd cap, NanoUsd spent, NanoUsd held, NanoUsd estimate, Day day) {
  const auto resets_at = json_quote(core::to_rfc3339_seconds(core::start_of(Day{day.number + 1})));
  if (!caller.expose_cost) {
    return {{core::Code::daily_cost_exceeded, "The daily cost limit of this key would be exceeded.", {}},
            {{"resets_at", resets_at}},
            {}};
  }
  Refusal refusal{{core::Code::daily_cost_exceeded,
                   "Daily cost limit of " + cap.to_dollars() + " for caller " + caller.name + " would be exceeded",
                   {}}};
  refusal.extras = {{"current_usage_usd", spent.to_decimal()},
                    {"budget_limit_usd", cap.to_decimal()},
                    {"held_usd", held.to_decimal()},
                    {"estimate_usd", estimate.to_decimal()},
                    {"resets_at", resets_at}};
  return refusal;
}

/// Nothing of an older day is worth keeping; a minute's window is at most a minute of generosity.
auto idle_before(Day today) {
  return [today](const CallerAccount& account) { return account.flying == 0 && account.day < today; };
}

}  // namespace

struct Caps::Impl {
  ByName<CallerAccount> accounts;
};

Caps::Caps(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Caps::~Caps() = default;

std::unique_ptr<Caps> Caps::from_spend(const SpendToday& spend, Day today) {
  auto impl = std::make_unique<Impl>();
  for (const auto& [whose, figure] : spend) {
    if (figure.day != today) continue;
    (void)impl->accounts.with(whose.second, idle_before(today), [&](CallerAccount& account) {
      account.turn_to(today);
      account.spent = add(account.spent, figure.spent);
    });
  }
  return std::unique_ptr<Caps>(new Caps(std::move(impl)));
}

core::Result<std::unique_ptr<Caps>> Caps::rebuild(const vault::Vault& vault, const core::Clock& clock) {
  TALON_TRY(spend, vault.caller_spend_today());
  // The vault's day may be ahead of the clock's: its time never runs backwards.
  auto today = core::day_of(clock.now());
  for (const auto& [whose, figure] : spend) today = std::max(today, figure.day);
  return from_spend(spend, today);
}

std::expected<Hold, Refusal> Caps::admit(const Caller& caller, NanoUsd estimate, core::Instant now) {
  const Day today = core::day_of(now);
  Hold hold;
  NanoUsd spent, held;
  Day day;
  bool over = false;
  const auto place = impl_->accounts.with(caller.name, idle_before(today), [&](CallerAccount& account) {
    account.turn_to(today);
    const auto cap = caller.policy.max_daily_cost;
    over = cap && estimate > NanoUsd() && add(add(account.spent, account.held), estimate) > *cap;
    spent = account.spent;
    held = account.held;
    day = account.day;
    if (over) return;
    account.held = add(account.held, estimate);
    ++account.flying;
  });
  if (over) return std::unexpected(over_limit(caller, *caller.policy.max_daily_cost, spent, held, estimate, day));
  hold.account_ = place.state;
  hold.lock_ = &place.shard->lock;
  hold.amount_ = estimate;
  return hold;
}

Hold Caps::hold(const Caller& caller, NanoUsd estimate, core::Instant now) {
  const Day today = core::day_of(now);
  const auto place = impl_->accounts.with(caller.name, idle_before(today), [&](CallerAccount& account) {
    account.turn_to(today);
    account.held = add(account.held, estimate);
    ++account.flying;
  });
  Hold hold;
  hold.account_ = place.state;
  hold.lock_ = &place.shard->lock;
  hold.amount_ = estimate;
  return hold;
}

std::optional<Refusal> Caps::admit_rate(const Caller& caller, core::Micros now) {
  const auto limit = caller.policy.requests_per_minute;
  if (!limit) return std::nullopt;
  const Rate rate{*limit, k_minute};
  Gcra::Answer answer;
  (void)impl_->accounts.with(
      caller.name, [](const CallerAccount&) { return false; },
      [&](CallerAccount& account) { answer = account.minute.take(rate, now); });
  if (answer.admitted) return std::nullopt;
  return over_rate("Caller " + caller.name + " may make " + std::to_string(*limit) + " requests a minute.", rate,
                   answer);
}

void Hold::settle(NanoUsd cost, core::Instant time) noexcept {
  auto* account = std::exchange(account_, nullptr);
  if (account == nullptr) return;
  const auto day = core::day_of(time);
  const std::scoped_lock guard(*lock_);
  --account->flying;
  account->held = account->held.checked_sub(amount_).value_or(NanoUsd());
  account->turn_to(day);
  if (day == account->day) account->spent = add(account->spent, cost);
}

Hold::Hold(Hold&& other) noexcept
    : account_(std::exchange(other.account_, nullptr)), lock_(other.lock_), amount_(other.amount_) {}

Hold& Hold::operator=(Hold&& other) noexcept {
  if (this == &other) return *this;
  settle(NanoUsd(), core::Instant{0});
  account_ = std::exchange(other.account_, nullptr);
  lock_ = other.lock_;
  amount_ = other.amount_;
  return *this;
}

// A day before all others: the hold goes, nothing is spent.
Hold::~Hold() { settle(NanoUsd(), core::Instant{0}); }

}  // namespace talon::gateway
