// Who may call an endpoint that is not the data plane, and about whom: the table of interfaces.md §3 and the `who` of a
// route. Accounts of the registry, tenants of the YAML and those that only calls named, seen as one.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "core/tier.h"
#include "gateway/api/reads.h"
#include "vault/registry/registry.h"

namespace talon::gateway {

/// A parameter of the path, `match.first` or `match.rest`, decoded. Refusal: 400 for a broken escape, with its name as
/// error.param.
[[nodiscard]] std::expected<std::string, Refusal> path_parameter(const ApiRequest& request, std::string_view encoded);

/// The path's {tenant}. Refusals: those of path_parameter, 400 invalid_tenant_id.
[[nodiscard]] std::expected<core::TenantId, Refusal> tenant_parameter(const ApiRequest& request);

/// The part of check_access that key and route decide, before the body is read: 400 for X-Talon-Tenant-Id, 403
/// wrong_key_kind.
[[nodiscard]] std::expected<void, Refusal> check_key_kind(const ApiRequest& request);
/// `tenant`: whom the path names, if it names one. Refusals: 400 for X-Talon-Tenant-Id, which tags calls; 403
/// wrong_key_kind; 403 tenant_mismatch, the same whether that tenant exists or not.
[[nodiscard]] std::expected<void, Refusal> check_access(const ApiRequest& request,
                                                        const std::optional<core::TenantId>& tenant);

/// Who a change is recorded under.
[[nodiscard]] vault::Actor actor_of(const Caller& caller);

/// Whether the YAML's callers name it.
[[nodiscard]] bool is_configured(const Snapshot& snapshot, const core::TenantId& tenant);

/// A tenant's row: the stored one, or one with defaults for a tenant that has none yet. Refusal: 404 for a tenant that
/// does not exist or was closed.
struct KnownTenant {
  vault::AccountRow row;
  bool stored = false;
};
[[nodiscard]] std::expected<KnownTenant, Refusal> find_tenant(const ApiRequest& request,
                                                              const vault::Registry& registry,
                                                              const core::TenantId& tenant);

/// The tier in force; nullptr: none, which has no limits and all features.
[[nodiscard]] const core::Tier* tier_of(const ApiRequest& request, const vault::AccountRow& row);
/// In the tier and not switched off.
[[nodiscard]] bool has_feature(const core::Tier* tier, const vault::AccountRow& row, core::Feature feature);
/// 403 feature_not_available with tier and feature, for one that is not in the tier or was switched off.
[[nodiscard]] Refusal feature_refusal(const core::Tier& tier, core::Feature feature);

/// An error of the registry as the client may see it. `what`: "tenant", "API key" — for 404.
[[nodiscard]] Refusal from_registry(const core::Error& error, std::string_view what);

}  // namespace talon::gateway
