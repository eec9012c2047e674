// Tenants as accounts, the operator's side: /v1/admin/tenants.
#pragma once

#include "gateway/api/change.h"

namespace talon::gateway {

/// POST /v1/admin/tenants. Refusals besides bad bodies: 409 config_managed for an id of the YAML, 409 conflict for one
/// that has an account.
[[nodiscard]] Answer create_tenant(const Change& change);
/// DELETE …/{tenant}: closes the account; 409 config_managed.
[[nodiscard]] Answer close_tenant(const Change& change);
/// PATCH …/{tenant}/tier: up at once; down after grace_period_days (default 0); 409 config_managed.
[[nodiscard]] Answer change_tier(const Change& change);
/// POST …/{tenant}/suspend and /resume. A second one answers the same; a suspension may get another reason.
[[nodiscard]] Answer suspend_tenant(const Change& change);
[[nodiscard]] Answer resume_tenant(const Change& change);

/// GET /v1/admin/tenants?limit&cursor&q: accounts by when their tenants were first seen, then the YAML's tenants without one.
[[nodiscard]] Answer list_tenants(const ApiRequest& request);
/// GET /v1/admin/tenants/{tenant}.
[[nodiscard]] Answer show_tenant(const ApiRequest& request, const core::TenantId& tenant);

}  // namespace talon::gateway
