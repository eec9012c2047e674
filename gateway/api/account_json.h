// Accounts and keys as JSON (interfaces.md §4, "Shapes", and the guides). Pure: values in, one object out.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/config.h"
#include "core/tier.h"
#include "vault/registry/rows.h"

namespace talon::gateway {

/// Its first API key in the answer that created it; `key` is shown there alone, and null in a replay.
struct FirstKey {
  const vault::ApiKeyRow* row = nullptr;
  std::optional<std::string_view> key;
};
/// `tier`: the one in force, nullptr for none.
void append_account(std::string& out, const vault::AccountRow& row, const core::Tier* tier, core::Instant now,
                    const std::optional<FirstKey>& first = std::nullopt);

/// PATCH …/tier. `wanted`: the tier asked for; `row` is what it led to.
[[nodiscard]] std::string tier_changed_json(const vault::AccountRow& row, std::string_view old_name,
                                            const core::Tier* old_tier, const core::Tier& wanted);
/// Suspend and resume.
[[nodiscard]] std::string tenant_status_json(const vault::AccountRow& row);

/// POST …/api-keys. `key` nullopt: a replay.
[[nodiscard]] std::string issued_api_key_json(const vault::ApiKeyRow& row, std::optional<std::string_view> key);
/// One row of API keys.
void append_api_key(std::string& out, const vault::ApiKeyRow& row);

/// POST …/providers/{p}/keys. `timeout_s`: in force when the tenant named none.
[[nodiscard]] std::string provider_key_json(const core::TenantId& tenant, const vault::ProviderKeyRow& row,
                                            std::int64_t timeout_s);

/// One row of virtual keys; `stale_days` of its project.
void append_virtual_key(std::string& out, const vault::VirtualKeyRow& row, core::Instant now, std::int64_t stale_days);

}  // namespace talon::gateway
