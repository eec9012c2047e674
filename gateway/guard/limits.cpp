#include "gateway/guard/limits.h"

#include <algorithm>
#include <utility>

namespace talon::gateway {
namespace {

using core::Code;
using core::Instant;
using core::Micros;

constexpr std::uint64_t k_count_bits = 48;
constexpr std::uint64_t k_count_mask = (std::uint64_t{1} << k_count_bits) - 1;

/// A number that grows with each month: that of its first day (until 2149, in 16 bits).
std::uint64_t month_of(Instant at) { return static_cast<std::uint64_t>(core::month_start(core::day_of(at)).number); }

Micros micros_up(std::int64_t nanos) { return Micros{(std::max<std::int64_t>(nanos, 0) + 999) / 1000}; }

}  // namespace

Gcra::Answer Gcra::take(Rate rate, Micros now) noexcept {
  // Nanoseconds, so that a million a second still have an interval; at least one, so that time passes.
  const std::int64_t per = rate.per.count * 1000;
  const std::int64_t interval = std::max<std::int64_t>(1, per / std::max<std::int64_t>(1, rate.count));
  const std::int64_t at = now.count * 1000;
  const std::int64_t most = interval * rate.count;
  std::int64_t free_at = free_at_ns_.load(std::memory_order_relaxed);
  for (;;) {
    // Further ahead than this rate can put it: the window of a slower one, which shall not outlast it. (Not just a
    // little: another thread's clock may have been read a moment later.)
    const bool of_a_slower_rate = free_at > at + 2 * most;
    const std::int64_t from = of_a_slower_rate ? at + most - interval : std::max(free_at, at);
    const std::int64_t next = from + interval;
    if (next - at > most) return {false, 0, micros_up(next - at - most), micros_up(from - at)};
    if (free_at_ns_.compare_exchange_weak(free_at, next, std::memory_order_relaxed))
      return {true, (most - (next - at)) / interval, Micros{}, micros_up(next - at)};
  }
}

bool MonthCount::take(Instant now, std::optional<std::int64_t> limit) noexcept {
  const std::uint64_t month = month_of(now);
  std::uint64_t seen = packed_.load(std::memory_order_relaxed);
  for (;;) {
    const std::uint64_t base = (seen >> k_count_bits) < month ? month << k_count_bits : seen;
    const std::uint64_t count = base & k_count_mask;
    if (limit && count >= static_cast<std::uint64_t>(*limit)) return false;
    if (count == k_count_mask) return true;
    if (packed_.compare_exchange_weak(seen, base + 1, std::memory_order_relaxed)) return true;
  }
}

void MonthCount::give_back(Instant then) noexcept {
  std::uint64_t seen = packed_.load(std::memory_order_relaxed);
  // A month that has turned since then has forgotten it.
  while ((seen >> k_count_bits) == month_of(then) && (seen & k_count_mask) > 0) {
    if (packed_.compare_exchange_weak(seen, seen - 1, std::memory_order_relaxed)) return;
  }
}

void MonthCount::start_from(Instant now, std::int64_t count) noexcept {
  packed_.store(month_of(now) << k_count_bits | (static_cast<std::uint64_t>(count) & k_count_mask),
                std::memory_order_relaxed);
}

std::int64_t MonthCount::count(Instant now) const noexcept {
  const std::uint64_t seen = packed_.load(std::memory_order_relaxed);
  return (seen >> k_count_bits) < month_of(now) ? 0 : static_cast<std::int64_t>(seen & k_count_mask);
}

core::Result<TenantMeters*> Meters::of(const core::LogName& log) {
  const std::lock_guard lock(mutex_);
  if (const auto found = meters_.find(log); found != meters_.end()) return found->second.get();
  const auto now = clock_.now();
  TALON_TRY(count, recount_(log, now));
  auto fresh = std::make_unique<TenantMeters>();
  fresh->month.start_from(now, count);
  return meters_.emplace(log, std::move(fresh)).first->second.get();
}

const core::Tier* tier_of(const vault::Account* account, const core::TierTable& tiers, Instant now) {
  return account == nullptr ? nullptr : tier_of(account->row, tiers, now);
}

const core::Tier* tier_of(const vault::AccountRow& row, const core::TierTable& tiers, Instant now) {
  const std::string& name = row.tier_at(now);
  if (name.empty()) return nullptr;
  if (const auto* tier = tiers.find(name)) return tier;
  return tiers.rows().empty() ? nullptr : &tiers.rows().front();
}

std::string reset_text(Micros reset) {
  const std::int64_t millis = (reset.count + 999) / 1000;
  if (millis < 1000) return std::to_string(millis) + "ms";
  std::string text;
  const std::int64_t minutes = millis / 60'000;
  if (minutes > 0) text = std::to_string(minutes) + "m";
  text += std::to_string(millis / 1000 % 60);
  if (const std::int64_t rest = millis % 1000; rest > 0) {
    std::string digits = std::to_string(1000 + rest).substr(1);
    while (digits.ends_with('0')) digits.pop_back();
    text += '.' + digits;
  }
  return text + 's';
}

void add_rate_fields(std::vector<std::pair<std::string, std::string>>& fields, const RateWindow& window) {
  fields.emplace_back("x-ratelimit-limit-requests", std::to_string(window.limit));
  fields.emplace_back("x-ratelimit-remaining-requests", std::to_string(window.remaining));
  fields.emplace_back("x-ratelimit-reset-requests", reset_text(window.reset));
}

Refusal over_rate(std::string message, Rate rate, const Gcra::Answer& answer) {
  Refusal refusal{core::Error{Code::rate_limited, std::move(message), std::nullopt}};
  // Whole seconds, and never "at once" to one who came too early.
  refusal.retry_after_seconds =
      static_cast<int>(std::max<std::int64_t>(1, (answer.wait.count + k_second.count - 1) / k_second.count));
  add_rate_fields(refusal.fields, RateWindow{rate.count, 0, answer.reset});
  return refusal;
}

std::expected<std::optional<RateWindow>, Refusal> admit_rate(TenantMeters& meters, const core::Tier* tier, Micros now) {
  if (tier == nullptr || !tier->requests_per_second) return std::optional<RateWindow>();
  const Rate rate{*tier->requests_per_second, k_second};
  const auto answer = meters.per_second.take(rate, now);
  if (answer.admitted) return std::optional(RateWindow{rate.count, answer.remaining, answer.reset});
  return std::unexpected(over_rate(
      "The tier \"" + tier->name + "\" has " + std::to_string(rate.count) + " requests a second.", rate, answer));
}

std::optional<Refusal> admit_month(TenantMeters& meters, const core::Tier* tier, Instant now) {
  const auto limit = tier == nullptr ? std::nullopt : tier->requests_per_month;
  if (meters.month.take(now, limit)) return std::nullopt;
  Refusal refusal{
      core::Error{Code::monthly_request_limit_exceeded,
                  "The " + std::to_string(*limit) + " requests a month of the tier \"" + tier->name + "\" are used up.",
                  std::nullopt}};
  const auto resets = core::start_of(core::next_month_start(core::day_of(now)));
  refusal.extras = {{"limit", std::to_string(*limit)},
                    {"current", std::to_string(meters.month.count(now))},
                    {"resets_at", json_quote(core::to_rfc3339_seconds(resets))}};
  return refusal;
}

std::optional<Refusal> check_model(const core::CallerPolicy& policy, std::string_view caller,
                                   const std::optional<std::string>& model) {
  if (!policy.allowed_models && !policy.models_ceiling) return std::nullopt;
  if (model && policy.allows_model(*model)) return std::nullopt;
  const std::string what = model ? "The model \"" + *model + "\" is" : "A call that names no model is";
  return Refusal{core::Error{Code::model_not_allowed,
                             what + " not among those that caller " + std::string(caller) + " may use.", std::nullopt}};
}

std::optional<Refusal> check_feature(const vault::Account* account, const core::Tier* tier, core::Feature feature) {
  if (account == nullptr || tier == nullptr) return std::nullopt;
  const std::string name(core::word(feature));
  const bool off = std::ranges::find(account->row.features_off, name) != account->row.features_off.end();
  if (tier->has(feature) && !off) return std::nullopt;
  Refusal refusal{core::Error{Code::feature_not_available,
                              off && tier->has(feature)
                                  ? "The feature \"" + name + "\" is switched off for this tenant."
                                  : "The tier \"" + tier->name + "\" does not have the feature \"" + name + "\".",
                              std::nullopt}};
  refusal.extras = {{"tier", json_quote(tier->name)}, {"feature", json_quote(name)}};
  return refusal;
}

std::int64_t max_body_of(const core::Config& config, const core::CallerPolicy& policy) noexcept {
  return policy.max_body ? std::min(*policy.max_body, config.max_body) : config.max_body;
}

}  // namespace talon::gateway
