// The dashboard's data under /api (interfaces.md §4; acceptance.md V18–V22): read with an admin key, bare arrays page
// by Link. `tenant` has three states: left out is everything, empty the calls without a tenant, a value that tenant.
//
// Calls are admitted ones; each counts for the tenant that its session has now. day = since 00:00 UTC, week = since
// Monday, month = since the 1st.
#pragma once

#include <expected>

#include "gateway/api/reads.h"

namespace talon::gateway {

/// GET /api/tenants
[[nodiscard]] std::expected<Response, Refusal> dashboard_tenants(const ApiRequest& request);
/// GET /api/tenants/{id}
[[nodiscard]] std::expected<Response, Refusal> dashboard_tenant(const ApiRequest& request);
/// GET /api/costs
[[nodiscard]] std::expected<Response, Refusal> dashboard_costs(const ApiRequest& request);
/// GET /api/logs
[[nodiscard]] std::expected<Response, Refusal> dashboard_logs(const ApiRequest& request);
/// GET /api/latency: of the newest 200,000 calls of the period.
[[nodiscard]] std::expected<Response, Refusal> dashboard_latency(const ApiRequest& request);
/// GET /api/sessions
[[nodiscard]] std::expected<Response, Refusal> dashboard_sessions(const ApiRequest& request);
/// GET /api/sessions/{id}: an id or a uid. 409 ambiguous_session when the id stands in several spaces.
[[nodiscard]] std::expected<Response, Refusal> dashboard_session(const ApiRequest& request);

}  // namespace talon::gateway
