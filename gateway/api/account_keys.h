// A tenant's keys and settings: /v1/tenants/{tenant}/…
#pragma once

#include "gateway/api/change.h"

namespace talon::gateway {

/// POST …/providers/{p}/keys: 403 provider_limit_exceeded for one more provider than the tier has.
[[nodiscard]] Answer put_provider_key(const Change& change);
/// DELETE …/providers/{p}.
[[nodiscard]] Answer remove_provider(const Change& change);
/// POST …/api-keys: 403 api_key_limit_exceeded. Keys that have expired do not count.
[[nodiscard]] Answer create_api_key(const Change& change);
/// DELETE …/api-keys/{id}: another tenant's id answers as one that never existed.
[[nodiscard]] Answer revoke_api_key(const Change& change);
/// PUT …/routing.
[[nodiscard]] Answer put_routing(const Change& change);
/// PUT …/features: members left out keep their value; 403 feature_not_available for what the tier does not have.
[[nodiscard]] Answer put_features(const Change& change);

// The reads. `tenant` is the path's, its access checked.
[[nodiscard]] Answer list_providers(const ApiRequest& request, const core::TenantId& tenant);
[[nodiscard]] Answer list_api_keys(const ApiRequest& request, const core::TenantId& tenant);
[[nodiscard]] Answer show_routing(const ApiRequest& request, const core::TenantId& tenant);
[[nodiscard]] Answer show_features(const ApiRequest& request, const core::TenantId& tenant);

}  // namespace talon::gateway
