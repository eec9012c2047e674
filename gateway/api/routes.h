// The one route table: dispatch, `405 Allow`, who may call what, openapi.json and the isolation matrix are read from it
// (interfaces.md §3–4). A new endpoint is a new row: its id, the row, and a case where its kind is answered.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace talon::gateway {

/// Where a route is answered.
enum class RouteKind : std::uint8_t {
  governed,    ///< a call to a provider: chat, completions, embeddings, proxy
  data,        ///< data plane, answered here: models
  read,        ///< answer_read(), on the reader thread
  admin,       ///< answer_admin(), on the admin thread: what changes something; sessions open on one of their own
  operations,  ///< answer_operations(), on a worker
};

/// Who may: one row of the table in interfaces.md §3. What the endpoints check; net needs it only for routes that are
/// not there without an admin key, or that move to `admin_listen`.
enum class Who : std::uint8_t {
  anyone,  ///< open without a key
  caller,  ///< the data plane: every key but an admin's
  reader,  ///< the tenant's own caller and tenant keys, and admin keys
  owner,   ///< the tenant's own tenant keys, and admin keys of scope full
  admin,   ///< admin keys; those of scope read only with GET. Without an admin key: 404
};

enum class RouteId : std::uint8_t {
  chat_completions,
  completions,
  embeddings,
  proxy,
  models,
  evidence_list,
  evidence_show,
  evidence_export,
  evidence_checkpoint,
  costs,
  session_create,
  session_list,
  session_show,
  tenant_create,
  tenant_list,
  tenant_show,
  tenant_close,
  tenant_tier,
  tenant_suspend,
  tenant_resume,
  reload,
  drain,
  provider_list,
  provider_remove,
  provider_key_put,
  api_key_create,
  api_key_list,
  api_key_revoke,
  routing_show,
  routing_put,
  features_show,
  features_put,
  virtual_key_issue,
  virtual_key_list,
  virtual_key_revoke,
  dashboard_tenants,
  dashboard_tenant,
  dashboard_costs,
  dashboard_logs,
  dashboard_latency,
  dashboard_sessions,
  dashboard_session,
  healthz,
  readyz,
  openapi,
};

struct Route {
  RouteId id;
  RouteKind kind;
  Who who;
  std::string_view method;   ///< "GET" (also serves HEAD), "POST", "*" for any
  std::string_view pattern;  ///< "/v1/evidence/{id}", "/v1/proxy/{provider}/{path…}"
  std::string_view name;     ///< operationId: "tenant_create"
  std::string_view summary;  ///< one line, for openapi.json
  std::string_view query{};  ///< its query members, with spaces between: "limit cursor"
  std::string_view
      body{};  ///< schema of its JSON body (openapi_schemas.json); "NewApiKey?" for a body that may be absent
  int status = 200;
  std::string_view answer{};  ///< schema of its answer, or a media type ("text/plain"); empty for 204
};

[[nodiscard]] std::span<const Route> routes() noexcept;
/// The words of Route::query.
[[nodiscard]] std::vector<std::string_view> query_members(const Route& route);

struct RouteMatch {
  const Route* route = nullptr;  ///< nullptr: no such path (404), or the path with other methods (allow)
  std::string_view allow;        ///< "GET, HEAD" when the path exists but not the method (405)
  std::string_view first, rest;  ///< percent-encoded path parameters
};
/// Rows with the same pattern are one path; the first pattern that fits a path decides.
[[nodiscard]] RouteMatch match(std::string_view method, std::string_view path) noexcept;

}  // namespace talon::gateway
