// Dispatch of the endpoints that answer from vault and snapshot, and the small ones among them.
#include "gateway/api/reads.h"

#include "gateway/api/access.h"
#include "gateway/api/account_keys.h"
#include "gateway/api/accounts.h"
#include "gateway/api/dashboard.h"
#include "gateway/api/evidence_reads.h"
#include "gateway/api/models.h"
#include "gateway/api/openapi.h"
#include "gateway/api/read_scope.h"
#include "gateway/api/render.h"
#include "gateway/api/sessions.h"
#include "gateway/api/virtual_keys.h"
#include "gateway/http/target.h"

namespace talon::gateway {
namespace {

using core::Code;

std::expected<Response, Refusal> costs(const ApiRequest& request) {
  const auto query = Query::parse(request.query, {"tenant", "from", "to"});
  if (!query) return refuse(query.error());
  const auto scope = read_scope(request, *query, AllLogs::refused);
  if (!scope) return std::unexpected(scope.error());
  const auto period = read_period(*query);
  if (!period) return std::unexpected(period.error());
  const auto found = request.vault->costs(*scope->log, *period);
  if (!found) return std::unexpected(from_vault(found.error()));
  return json_response(costs_json(scope->tenant, *found));
}

/// Reads of one tenant's account: access first, then whether there is such a tenant.
using AccountRead = std::expected<Response, Refusal> (*)(const ApiRequest&, const core::TenantId&);
std::expected<Response, Refusal> read_account(const ApiRequest& request, AccountRead read) {
  const auto tenant = tenant_parameter(request);
  if (!tenant) return std::unexpected(tenant.error());
  if (const auto allowed = check_access(request, *tenant); !allowed) return std::unexpected(allowed.error());
  if (const auto query = Query::parse(request.query, query_members(*request.match.route)); !query)
    return refuse(query.error());
  if (const auto known = find_tenant(request, *request.registry, *tenant); !known)
    return std::unexpected(known.error());
  return read(request, *tenant);
}

/// Reads that are the operator's.
using AdminRead = std::expected<Response, Refusal> (*)(const ApiRequest&);
std::expected<Response, Refusal> read_all(const ApiRequest& request, AdminRead read) {
  if (const auto allowed = check_access(request, std::nullopt); !allowed) return std::unexpected(allowed.error());
  return read(request);
}

}  // namespace

std::expected<Response, Refusal> answer_read(const ApiRequest& request) {
  switch (request.match.route->id) {
    case RouteId::models:
      return list_models(request);
    case RouteId::evidence_list:
      return list_evidence(request);
    case RouteId::evidence_show:
      return show_evidence(request);
    case RouteId::evidence_checkpoint:
      return sign_checkpoint(request);
    case RouteId::costs:
      return costs(request);
    case RouteId::session_list:
      return list_sessions(request);
    case RouteId::session_show:
      return show_session(request);
    case RouteId::tenant_list:
      return read_all(request, &list_tenants);
    case RouteId::tenant_show:
      return read_account(request, &show_tenant);
    case RouteId::provider_list:
      return read_account(request, &list_providers);
    case RouteId::api_key_list:
      return read_account(request, &list_api_keys);
    case RouteId::routing_show:
      return read_account(request, &show_routing);
    case RouteId::features_show:
      return read_account(request, &show_features);
    case RouteId::virtual_key_list:
      return read_all(request, &list_virtual_keys);
    case RouteId::dashboard_tenants:
      return read_all(request, &dashboard_tenants);
    case RouteId::dashboard_tenant:
      return read_all(request, &dashboard_tenant);
    case RouteId::dashboard_costs:
      return read_all(request, &dashboard_costs);
    case RouteId::dashboard_logs:
      return read_all(request, &dashboard_logs);
    case RouteId::dashboard_latency:
      return read_all(request, &dashboard_latency);
    case RouteId::dashboard_sessions:
      return read_all(request, &dashboard_sessions);
    case RouteId::dashboard_session:
      return read_all(request, &dashboard_session);
    default:
      return refuse(Code::internal_error, "This route is not answered from the vault.");
  }
}

Response answer_operations(RouteId id, const Readiness& readiness) {
  using State = vault::JournalStats::State;
  if (id == RouteId::healthz) return json_response(R"({"status":"ok"})");
  if (id == RouteId::openapi) return json_response(openapi_json());
  const char* status = "ready";
  if (readiness.vault == State::failed) {
    status = "vault_failed";
  } else if (readiness.vault == State::full) {
    status = "vault_full";
  } else if (readiness.draining) {
    status = "draining";
  }
  const bool ready = readiness.vault == State::ok && !readiness.draining;
  auto response = json_response(std::string(R"({"status":")") + status + "\"}");
  response.status = ready ? 200 : 503;
  return response;
}

}  // namespace talon::gateway
