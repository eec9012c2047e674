// Limits that are no money: rates, requests a month, models, features, tiers. Decisions are functions over values and
// injected time; live counters are atomics, so that workers share them without a lock.
//
//   auto window = admit_rate(*seat->meters, tier, clock.monotonic());   // 429 rate_limited
//   auto over   = admit_month(*seat->meters, tier, clock.now());        // 429 monthly_request_limit_exceeded
//
// A month is counted from the log's roll-ups when a tenant is first met (Meters::of) and from admissions after that, so
// it survives a crash: every admitted call has its record by the next start (evidence.md §4).
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/config.h"
#include "core/tier.h"
#include "core/time.h"
#include "gateway/http/error_envelope.h"
#include "gateway/http/message.h"
#include "vault/registry/account.h"

namespace talon::gateway {

inline constexpr core::Micros k_second{1'000'000};
inline constexpr core::Micros k_minute{60'000'000};

/// So many in so long; as many may come at once.
struct Rate {
  std::int64_t count = 1;
  core::Micros per = k_second;
};

/// The generic cell rate algorithm (ITU-T I.371): one number, the instant at which all is free again.
class Gcra {
 public:
  struct Answer {
    bool admitted = false;
    std::int64_t remaining = 0;  ///< more at once, after this one
    core::Micros wait;           ///< refused: until one is admitted
    core::Micros reset;          ///< until as many as ever are
  };
  Gcra() = default;
  Gcra(const Gcra& other) noexcept : free_at_ns_(other.free_at_ns_.load(std::memory_order_relaxed)) {}
  Gcra& operator=(const Gcra&) = delete;
  /// One atomic step. `now` is monotonic. A rate that changed holds from the next one on.
  [[nodiscard]] Answer take(Rate rate, core::Micros now) noexcept;

 private:
  std::atomic<std::int64_t> free_at_ns_{std::numeric_limits<std::int64_t>::min() / 2};
};

/// Admissions of a UTC month; never goes back to an earlier one.
class MonthCount {
 public:
  /// One atomic step. False: `limit` is reached, nothing counted. nullopt: no limit, counted all the same.
  [[nodiscard]] bool take(core::Instant now, std::optional<std::int64_t> limit) noexcept;
  /// What was taken at `then` came to nothing.
  void give_back(core::Instant then) noexcept;
  void start_from(core::Instant now, std::int64_t count) noexcept;
  [[nodiscard]] std::int64_t count(core::Instant now) const noexcept;

 private:
  std::atomic<std::uint64_t> packed_{0};  ///< month since 1970 << 48 | count: both change in one step
};

/// The live counters of one tenant.
struct TenantMeters {
  Gcra per_second;
  MonthCount month;
};

/// Meters of all tenants met in this run; their addresses stay. Thread-safe; of() blocks when a tenant is new.
class Meters {
 public:
  /// How many calls of a log the month holds that lies around an instant.
  using Recount = std::function<core::Result<std::int64_t>(const core::LogName& log, core::Instant now)>;
  Meters(Recount recount, const core::Clock& clock) : recount_(std::move(recount)), clock_(clock) {}
  [[nodiscard]] core::Result<TenantMeters*> of(const core::LogName& log);

 private:
  Recount recount_;
  const core::Clock& clock_;
  std::mutex mutex_;
  std::unordered_map<core::LogName, std::unique_ptr<TenantMeters>> meters_;  ///< under mutex_
};

/// The tier in force; nullptr for a tenant without an account or tier. A tier that is no longer in the table is the
/// lowest of it: nothing is unbounded by mistake.
[[nodiscard]] const core::Tier* tier_of(const vault::Account* account, const core::TierTable& tiers, core::Instant now);
[[nodiscard]] const core::Tier* tier_of(const vault::AccountRow& row, const core::TierTable& tiers, core::Instant now);

/// What the client is told of its requests per second.
struct RateWindow {
  std::int64_t limit = 0, remaining = 0;
  core::Micros reset;
};
/// x-ratelimit-{limit,remaining,reset}-requests, as OpenAI writes them ("1s", "6m0s", "120ms").
void add_rate_fields(std::vector<std::pair<std::string, std::string>>& fields, const RateWindow& window);
[[nodiscard]] std::string reset_text(core::Micros reset);
/// 429 rate_limited with Retry-After and the fields above.
[[nodiscard]] Refusal over_rate(std::string message, Rate rate, const Gcra::Answer& answer);

/// nullopt: the tier has no such bound (or there is none).
[[nodiscard]] std::expected<std::optional<RateWindow>, Refusal> admit_rate(TenantMeters& meters, const core::Tier* tier,
                                                                           core::Micros now);
/// Counts one request of the month. Refusal: 429 with `limit`, `current`, `resets_at`.
[[nodiscard]] std::optional<Refusal> admit_month(TenantMeters& meters, const core::Tier* tier, core::Instant now);
/// 403 model_not_allowed. `model` nullopt: the call names none.
[[nodiscard]] std::optional<Refusal> check_model(const core::CallerPolicy& policy, std::string_view caller,
                                                 const std::optional<std::string>& model);
/// 403 feature_not_available with `tier` and `feature`: not in the tier, or switched off by the tenant. `account` and
/// `tier` nullptr: there is nothing it lacks.
[[nodiscard]] std::optional<Refusal> check_feature(const vault::Account* account, const core::Tier* tier,
                                                   core::Feature feature);
/// The largest body a caller may send.
[[nodiscard]] std::int64_t max_body_of(const core::Config& config, const core::CallerPolicy& policy) noexcept;

}  // namespace talon::gateway
