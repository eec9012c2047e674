#include "gateway/api/named_tenant.h"

#include "gateway/api/access.h"
#include "gateway/api/read_scope.h"
#include "gateway/guard/attribute.h"
#include "gateway/http/target.h"

namespace talon::gateway {
namespace {

/// A tag, and the body's `tenant_id` where a session is made. A member that is no tenant's id is the body's problem.
std::expected<void, Refusal> check_tag(const ApiRequest& request, const JsonValue* body) {
  std::optional<std::string> named;
  if (body != nullptr) {
    BodyReader in(*body);
    if (const auto tenant = in.optional_tenant("tenant_id")) named = tenant->bytes();
  }
  if (const auto who = attribute(*request.caller, *request.fields, named, {}); !who)
    return std::unexpected(who.error());
  return {};
}

}  // namespace

std::expected<void, Refusal> check_named_tenant(const ApiRequest& request, const JsonValue* body) {
  const Route& route = *request.match.route;
  if (route.who == Who::caller) return check_tag(request, body);
  if (route.pattern.find("{tenant}") != std::string_view::npos) {
    const auto tenant = tenant_parameter(request);
    if (!tenant) return std::unexpected(tenant.error());
    return check_access(request, *tenant);
  }
  if (route.who != Who::reader) return check_access(request, std::nullopt);
  const auto query = Query::parse(request.query, query_members(route));
  if (!query) return refuse(query.error());
  if (const auto scope = read_scope(request, *query, AllLogs::allowed); !scope) return std::unexpected(scope.error());
  return {};
}

}  // namespace talon::gateway
