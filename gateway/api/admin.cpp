// From a request to its change: form first, then who may, then the members (interfaces.md §3, order of checks).
#include "gateway/api/admin.h"

#include "gateway/api/account_keys.h"
#include "gateway/api/accounts.h"
#include "gateway/api/change.h"
#include "gateway/api/sessions.h"
#include "gateway/api/virtual_keys.h"
#include "gateway/http/target.h"

namespace talon::gateway {
namespace {

using core::Code;

bool is_multipart(const Fields& fields) {
  constexpr std::string_view k_multipart = "multipart/";
  const auto type = fields.find("Content-Type").value_or("");
  return type.size() >= k_multipart.size() && equal_names(type.substr(0, k_multipart.size()), k_multipart);
}

Answer reload(const Change& change) {
  BodyReader in(change.body);
  if (auto problem = in.problem()) return std::unexpected(*std::move(problem));
  if (const auto done = change.admin.operations->reload(); !done) {
    const auto& error = done.error();
    Refusal refusal{{Code::invalid_request, "Nothing was changed: " + error.message, {}}};
    if (!error.place || error.place->file.empty()) return std::unexpected(std::move(refusal));
    const auto& [file, line, column] = *error.place;
    refusal.extras.emplace_back("file", json_quote(file));
    if (line > 0) refusal.extras.emplace_back("line", std::to_string(line));
    // A list of problems names each one's place itself.
    if (!error.message.starts_with(file)) {
      const auto where = line > 0 ? file + ':' + std::to_string(line) : file;
      refusal.error.message = "Nothing was changed: " + where + ": " + error.message;
    }
    return std::unexpected(std::move(refusal));
  }
  const auto recorded = change.registry().record_act("config.reload", change.config().file, change.actor());
  if (!recorded) return std::unexpected(from_registry(recorded.error(), "act"));
  return json_response(R"({"status":"reloaded"})");
}

Answer drain(const Change& change) {
  BodyReader in(change.body);
  if (auto problem = in.problem()) return std::unexpected(*std::move(problem));
  // Recorded first: afterwards nothing is.
  const auto recorded = change.registry().record_act("server.drain", {}, change.actor());
  if (!recorded) return std::unexpected(from_registry(recorded.error(), "act"));
  change.admin.operations->drain();
  return json_response(R"({"status":"draining"})");
}

Answer dispatch(const Change& change) {
  switch (change.request().match.route->id) {
    case RouteId::tenant_create:
      return create_tenant(change);
    case RouteId::tenant_close:
      return close_tenant(change);
    case RouteId::tenant_tier:
      return change_tier(change);
    case RouteId::tenant_suspend:
      return suspend_tenant(change);
    case RouteId::tenant_resume:
      return resume_tenant(change);
    case RouteId::reload:
      return reload(change);
    case RouteId::drain:
      return drain(change);
    case RouteId::provider_key_put:
      return put_provider_key(change);
    case RouteId::provider_remove:
      return remove_provider(change);
    case RouteId::api_key_create:
      return create_api_key(change);
    case RouteId::api_key_revoke:
      return revoke_api_key(change);
    case RouteId::routing_put:
      return put_routing(change);
    case RouteId::features_put:
      return put_features(change);
    case RouteId::virtual_key_issue:
      return issue_virtual_key(change);
    case RouteId::virtual_key_revoke:
      return revoke_virtual_key(change);
    default:
      return refuse(Code::internal_error, "This route changes nothing.");
  }
}

}  // namespace

std::expected<void, Refusal> check_admin_head(const ApiRequest& request) {
  if (is_multipart(*request.fields))
    return refuse(Code::unsupported_media_type, "This route takes a JSON object, not multipart.");
  if (const auto query = Query::parse(request.query, {}); !query) return refuse(query.error());
  // A session is opened by whoever makes calls, and a tag is welcome there.
  if (request.match.route->who == Who::caller) return {};
  return check_key_kind(request);
}

std::expected<JsonValue, Refusal> parse_admin_body(const ApiRequest& request, std::string_view body) {
  if (body.size() > k_max_admin_body) return refuse(Code::body_too_large, "The body of this route is at most 1 MiB.");
  const auto schema = request.match.route->body;
  const bool optional = schema.empty() || schema.ends_with('?');
  return parse_json_body(body, optional ? BodyNeed::optional : BodyNeed::required);
}

std::expected<Response, Refusal> answer_admin(const AdminRequest& admin) {
  const auto& request = admin.request;
  const auto& route = *request.match.route;
  Change change{admin, std::nullopt, *admin.document, {}};
  if (route.id == RouteId::session_create) return create_session(change);
  auto last = request.match.first;
  if (route.pattern.find("{tenant}") != std::string_view::npos) {
    auto tenant = tenant_parameter(request);
    if (!tenant) return std::unexpected(tenant.error());
    change.tenant = *std::move(tenant);
    last = request.match.rest;
  }
  auto decoded = path_parameter(request, last);
  if (!decoded) return std::unexpected(decoded.error());
  change.last = *std::move(decoded);
  if (const auto allowed = check_access(request, change.tenant); !allowed) return std::unexpected(allowed.error());
  return dispatch(change);
}

}  // namespace talon::gateway
