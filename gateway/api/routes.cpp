// The route table. Order matters where a fixed segment and a parameter stand in the same place: the
// fixed one comes first.
#include "gateway/api/routes.h"

#include <algorithm>
#include <array>
#include <string>

namespace talon::gateway {
namespace {

using Id = RouteId;
using Kind = RouteKind;

constexpr std::array k_routes = {
    // The data plane.
    Route{Id::chat_completions, Kind::governed, Who::caller, "POST", "/v1/chat/completions", "chat_completions",
          "A chat completion, as OpenAI's; streams with \"stream\": true", "", "Call", 200, "Any"},
    Route{Id::completions, Kind::governed, Who::caller, "POST", "/v1/completions", "completions",
          "A completion, as OpenAI's", "", "Call", 200, "Any"},
    Route{Id::embeddings, Kind::governed, Who::caller, "POST", "/v1/embeddings", "embeddings",
          "Embeddings, as OpenAI's", "", "Call", 200, "Any"},
    Route{Id::proxy, Kind::governed, Who::caller, "*", "/v1/proxy/{provider}/{path…}", "proxy",
          "Any other path of a provider, verbatim and recorded", "*", "*", 200, "*/*"},
    Route{Id::models, Kind::data, Who::caller, "GET", "/v1/models", "models", "What can be asked for here", "", "", 200,
          "ModelList"},

    Route{Id::session_create, Kind::admin, Who::caller, "POST", "/v1/sessions", "session_create",
          "Open a session, or find it: the first tag it gets is its tenant", "", "NewSession?", 201, "Session"},

    // A tenant's own records.
    Route{Id::session_list, Kind::read, Who::reader, "GET", "/v1/sessions", "session_list", "Sessions, newest first",
          "limit cursor tenant", "", 200, "SessionPage"},
    Route{Id::session_show, Kind::read, Who::reader, "GET", "/v1/sessions/{id}", "session_show",
          "One session, by id or uid", "tenant", "", 200, "Session"},
    Route{Id::evidence_list, Kind::read, Who::reader, "GET", "/v1/evidence", "evidence_list",
          "Evidence records, newest first", "limit cursor from to outcome order tenant", "", 200, "EvidencePage"},
    Route{Id::evidence_export, Kind::read, Who::reader, "GET", "/v1/evidence/export", "evidence_export",
          "A bundle that proves a period", "format from to tenant", "", 200, "application/x-tar"},
    Route{Id::evidence_checkpoint, Kind::read, Who::reader, "GET", "/v1/evidence/checkpoint", "evidence_checkpoint",
          "A signed note of the log as it is now", "tenant", "", 200, "text/plain"},
    Route{Id::evidence_show, Kind::read, Who::reader, "GET", "/v1/evidence/{id}", "evidence_show",
          "One record, its exact line and its proof", "tenant", "", 200, "EvidenceDetail"},
    Route{Id::costs, Kind::read, Who::reader, "GET", "/v1/costs", "costs", "What was spent, by caller, model and day",
          "from to tenant", "", 200, "Costs"},

    // Accounts: the operator's side.
    Route{Id::tenant_create, Kind::admin, Who::admin, "POST", "/v1/admin/tenants", "tenant_create",
          "Create a tenant and its first API key", "", "NewTenant", 201, "Tenant"},
    Route{Id::tenant_list, Kind::read, Who::admin, "GET", "/v1/admin/tenants", "tenant_list",
          "Accounts, by when their tenants were first seen", "limit cursor q", "", 200, "TenantPage"},
    Route{Id::tenant_show, Kind::read, Who::admin, "GET", "/v1/admin/tenants/{tenant}", "tenant_show", "One account",
          "", "", 200, "Tenant"},
    Route{Id::tenant_close, Kind::admin, Who::admin, "DELETE", "/v1/admin/tenants/{tenant}", "tenant_close",
          "Close an account; its evidence stays", "", "", 204, ""},
    Route{Id::tenant_tier, Kind::admin, Who::admin, "PATCH", "/v1/admin/tenants/{tenant}/tier", "tenant_tier",
          "Change the tier: up at once, down after the grace period", "", "TierChange", 200, "TierChanged"},
    Route{Id::tenant_suspend, Kind::admin, Who::admin, "POST", "/v1/admin/tenants/{tenant}/suspend", "tenant_suspend",
          "Refuse every request of a tenant from the next one on", "", "Suspension?", 200, "TenantStatus"},
    Route{Id::tenant_resume, Kind::admin, Who::admin, "POST", "/v1/admin/tenants/{tenant}/resume", "tenant_resume",
          "End a suspension", "", "Nothing?", 200, "TenantStatus"},
    Route{Id::reload, Kind::admin, Who::admin, "POST", "/v1/admin/reload", "reload",
          "Read the configuration again and swap it in whole", "", "Nothing?", 200, "Status"},
    Route{Id::drain, Kind::admin, Who::admin, "POST", "/v1/admin/drain", "drain",
          "Take no more requests, finish those that run, end", "", "Nothing?", 200, "Status"},

    // Accounts: the tenant's side.
    Route{Id::provider_list, Kind::read, Who::reader, "GET", "/v1/tenants/{tenant}/providers", "provider_list",
          "Providers that the tenant brought keys for", "", "", 200, "ProviderList"},
    Route{Id::provider_remove, Kind::admin, Who::owner, "DELETE", "/v1/tenants/{tenant}/providers/{provider}",
          "provider_remove", "Remove a provider and its key", "", "", 204, ""},
    Route{Id::provider_key_put, Kind::admin, Who::owner, "POST", "/v1/tenants/{tenant}/providers/{provider}/keys",
          "provider_key_put", "Bring a key of a provider; a second one replaces the first", "", "NewProviderKey", 201,
          "ProviderKey"},
    Route{Id::api_key_create, Kind::admin, Who::owner, "POST", "/v1/tenants/{tenant}/api-keys", "api_key_create",
          "Create an API key, shown once", "", "NewApiKey", 201, "IssuedApiKey"},
    Route{Id::api_key_list, Kind::read, Who::reader, "GET", "/v1/tenants/{tenant}/api-keys", "api_key_list",
          "API keys that are not revoked, newest first", "limit cursor", "", 200, "ApiKeyList"},
    Route{Id::api_key_revoke, Kind::admin, Who::owner, "DELETE", "/v1/tenants/{tenant}/api-keys/{key_id}",
          "api_key_revoke", "Revoke an API key; the next request with it is refused", "", "", 204, ""},
    Route{Id::routing_show, Kind::read, Who::reader, "GET", "/v1/tenants/{tenant}/routing", "routing_show",
          "How the tenant's calls are routed", "", "", 200, "Routing"},
    Route{Id::routing_put, Kind::admin, Who::owner, "PUT", "/v1/tenants/{tenant}/routing", "routing_put",
          "Say how the tenant's calls are routed", "", "Routing", 200, "Routing"},
    Route{Id::features_show, Kind::read, Who::reader, "GET", "/v1/tenants/{tenant}/features", "features_show",
          "The tenant's features", "", "", 200, "Features"},
    Route{Id::features_put, Kind::admin, Who::owner, "PUT", "/v1/tenants/{tenant}/features", "features_put",
          "Switch features off, or on again, within the tier", "", "Features", 200, "Features"},

    // Virtual keys and the dashboard's data.
    Route{Id::virtual_key_issue, Kind::admin, Who::admin, "POST", "/api/virtual_keys", "virtual_key_issue",
          "Issue a virtual key, shown once", "", "NewVirtualKey", 200, "IssuedVirtualKey"},
    Route{Id::virtual_key_list, Kind::read, Who::admin, "GET", "/api/virtual_keys", "virtual_key_list",
          "Virtual keys, newest first", "limit cursor include_revoked", "", 200, "VirtualKeyList"},
    Route{Id::virtual_key_revoke, Kind::admin, Who::admin, "POST", "/api/virtual_keys/{id}/revoke",
          "virtual_key_revoke", "Revoke a virtual key; its row stays", "", "Nothing?", 200, "RevokedVirtualKey"},
    Route{Id::dashboard_tenants, Kind::read, Who::admin, "GET", "/api/tenants", "dashboard_tenants",
          "Tenants that were seen, by most recent activity", "limit cursor q", "", 200, "TenantIndex"},
    Route{Id::dashboard_tenant, Kind::read, Who::admin, "GET", "/api/tenants/{id}", "dashboard_tenant",
          "One tenant: sessions, cost, log", "", "", 200, "TenantDetail"},
    Route{Id::dashboard_costs, Kind::read, Who::admin, "GET", "/api/costs", "dashboard_costs",
          "Cost by provider, model and project", "period from to project tenant", "", 200, "CostSummary"},
    Route{Id::dashboard_logs, Kind::read, Who::admin, "GET", "/api/logs", "dashboard_logs",
          "Admitted calls, newest first", "limit cursor modality project tenant from to", "", 200, "CallLog"},
    Route{Id::dashboard_latency, Kind::read, Who::admin, "GET", "/api/latency", "dashboard_latency",
          "How long calls took, by model", "period from to project tenant", "", 200, "LatencySummary"},
    Route{Id::dashboard_sessions, Kind::read, Who::admin, "GET", "/api/sessions", "dashboard_sessions", "Sessions",
          "limit cursor project tenant from to order_by", "", 200, "SessionRows"},
    Route{Id::dashboard_session, Kind::read, Who::admin, "GET", "/api/sessions/{id}", "dashboard_session",
          "One session, with its modalities and providers", "tenant", "", 200, "SessionRow"},

    // Operations.
    Route{Id::healthz, Kind::operations, Who::anyone, "GET", "/healthz", "healthz", "200 while the process runs", "",
          "", 200, "Status"},
    Route{Id::readyz, Kind::operations, Who::anyone, "GET", "/readyz", "readyz",
          "200 while calls are taken; 503 while draining, or while the vault is full or failed", "", "", 200, "Status"},
    Route{Id::openapi, Kind::operations, Who::anyone, "GET", "/openapi.json", "openapi", "This description", "", "",
          200, "Any"},
};

/// `{name}` takes one segment that is not empty; `{name…}` takes the rest, which may hold slashes.
bool fits(std::string_view pattern, std::string_view path, RouteMatch& match) noexcept {
  while (!pattern.empty()) {
    const auto brace = pattern.find('{');
    const auto fixed = pattern.substr(0, brace);
    if (!path.starts_with(fixed)) return false;
    path.remove_prefix(fixed.size());
    if (brace == std::string_view::npos) return path.empty();
    const auto close = pattern.find('}', brace);
    const bool takes_rest = pattern.substr(brace, close - brace).ends_with("…");
    const auto value = takes_rest ? path : path.substr(0, path.find('/'));
    if (value.empty()) return false;
    (match.first.empty() ? match.first : match.rest) = value;
    path.remove_prefix(value.size());
    pattern.remove_prefix(close + 1);
  }
  return path.empty();
}

/// TRACE would echo credentials, CONNECT would open a tunnel: no route takes them.
constexpr std::string_view k_any_method = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

bool takes(std::string_view route_method, std::string_view method) noexcept {
  if (route_method == "*") return method != "TRACE" && method != "CONNECT";
  return method == route_method || (route_method == "GET" && method == "HEAD");
}

std::string_view allowed(std::string_view route_method) noexcept {
  if (route_method == "*") return k_any_method;
  return route_method == "GET" ? "GET, HEAD" : route_method;
}

/// For each row, what `Allow` says of its path: made once, so that a view of it can be handed out.
const std::array<std::string, k_routes.size()>& allow_lists() {
  static const auto lists = [] {
    std::array<std::string, k_routes.size()> made;
    for (std::size_t i = 0; i < k_routes.size(); ++i) {
      for (const auto& route : k_routes) {
        if (route.pattern != k_routes[i].pattern) continue;
        if (!made[i].empty()) made[i] += ", ";
        made[i] += allowed(route.method);
      }
    }
    return made;
  }();
  return lists;
}

}  // namespace

std::span<const Route> routes() noexcept { return k_routes; }

std::vector<std::string_view> query_members(const Route& route) {
  std::vector<std::string_view> names;
  for (auto rest = route.query; !rest.empty();) {
    names.push_back(rest.substr(0, rest.find(' ')));
    rest.remove_prefix(std::min(rest.size(), names.back().size() + 1));
  }
  return names;
}

RouteMatch match(std::string_view method, std::string_view path) noexcept {
  for (std::size_t first = 0; first < k_routes.size(); ++first) {
    RouteMatch found;
    if (!fits(k_routes[first].pattern, path, found)) continue;
    for (std::size_t i = first; i < k_routes.size(); ++i) {
      const auto& route = k_routes[i];
      if (route.pattern != k_routes[first].pattern || !takes(route.method, method)) continue;
      found.route = &route;
      return found;
    }
    found.allow = allow_lists()[first];
    return found;
  }
  return {};
}

}  // namespace talon::gateway
