// What the registry keeps, as values: accounts, API keys, provider keys, virtual keys (interfaces.md §4, "Shapes").
// Secrets are not among them: a key is stored as its keyed digest, a provider's key sealed (sealed_provider_key.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/money.h"
#include "core/secret.h"
#include "core/tenant_id.h"
#include "core/time.h"
#include "vault/log/sha256.h"
#include "vault/store/tables.h"

namespace talon::vault {

/// Where a tenant comes from: the YAML's callers, the admin API, or only calls that named it.
enum class AccountSource : std::uint8_t { config, api, tag };
enum class AccountStatus : std::uint8_t { active, suspended, closed };
[[nodiscard]] std::string_view word(AccountSource source) noexcept;
[[nodiscard]] std::string_view word(AccountStatus status) noexcept;

/// A tenant's account. Tenants of the YAML and those that only tags named have a row once something about them was
/// changed (suspended, given a provider key); until then they have none and count as active, without a tier.
struct AccountRow {
  core::TenantId id;
  AccountSource source = AccountSource::api;
  AccountStatus status = AccountStatus::active;
  std::string name{}, email{};
  std::string tier{};                           ///< empty: none, and no limits of a tier
  std::optional<std::string> pending_tier{};    ///< a downgrade in its grace period
  std::optional<core::Instant> effective_at{};  ///< when pending_tier becomes the tier
  std::optional<core::NanoUsd> monthly_budget{};
  bool own_provider_keys = true;            ///< never the operator's credentials; false: those until it brings its own
  std::vector<std::string> features_off{};  ///< switched off though the tier has them
  std::string routing{};                    ///< JSON as given; empty: none
  std::string reason{};                     ///< why suspended
  std::optional<core::Instant> suspended_at{}, closed_at{};
  core::Instant created{}, changed{};

  /// The tier in force at an instant: pending_tier from effective_at on.
  [[nodiscard]] const std::string& tier_at(core::Instant now) const noexcept;
};

/// `key_` and a lower-case ULID; names a key without telling it.
[[nodiscard]] std::string key_id_text(const IdBytes& id);
[[nodiscard]] std::optional<IdBytes> parse_key_id(std::string_view text) noexcept;

/// A tenant's `sk-…` key.
struct ApiKeyRow {
  IdBytes id{};
  Hash digest{};
  std::string preview;  ///< "sk-..." and the last six characters
  std::string name;
  core::Instant created;
  std::optional<core::Instant> expires, last_used, revoked;
};

/// A provider's key that a tenant brought.
struct ProviderKeyRow {
  IdBytes id{};
  std::string provider;
  std::string sealed;
  std::int64_t timeout_s = 0;  ///< 0: the provider's own timeout
  std::int64_t max_retries = 0;
  core::Instant created;
  bool healthy = true;
  std::optional<core::Instant> last_check;
  std::vector<std::string> models;  ///< of the newest probe; empty: none yet
};

/// A virtual key, `vk_…`; the operator's, scoped to a tenant or not.
struct VirtualKeyRow {
  IdBytes id{};
  Hash digest{};
  std::string prefix;  ///< its first eight characters
  std::string name, project;
  std::optional<core::TenantId> tenant;
  std::optional<std::string> issued_by;
  bool expose_cost = false;
  core::Instant issued;
  std::optional<core::Instant> last_used, revoked;
};

}  // namespace talon::vault
