// Access and query members of the reading endpoints.
#include "gateway/api/read_scope.h"

#include <algorithm>

namespace talon::gateway {
namespace {

using core::Code;

core::Result<std::optional<core::Instant>> edge(const Query& query, std::string_view name, core::PeriodEdge which) {
  const auto value = query.find(name);
  if (!value) return std::nullopt;
  // A '+' of an offset that was not percent-encoded arrives as a space; no instant has one otherwise.
  std::string text(*value);
  std::ranges::replace(text, ' ', '+');
  TALON_TRY(instant, core::parse_period_edge(text, which));
  return instant;
}

std::expected<ReadScope, Refusal> scope_of_admin(std::optional<std::string_view> named, AllLogs all_logs) {
  if (!named) {
    if (all_logs == AllLogs::allowed) return ReadScope{};
    return refuse(Code::invalid_request, "Say whose: ?tenant=ID, or ?tenant= for the calls without a tenant.");
  }
  if (named->empty()) return ReadScope{core::LogName::unattributed(), std::nullopt};
  auto tenant = core::TenantId::parse(*named);
  if (!tenant) return refuse(tenant.error());
  return ReadScope{core::LogName::of(*tenant), *tenant};
}

}  // namespace

std::expected<ReadScope, Refusal> read_scope(const ApiRequest& request, const Query& query, AllLogs all_logs) {
  if (request.fields->find("X-Talon-Tenant-Id"))
    return refuse(Code::invalid_request,
                  "X-Talon-Tenant-Id tags calls to providers; here the key says whose records are read.");
  const auto& caller = *request.caller;
  const auto named = query.find("tenant");
  switch (caller.kind) {
    case KeyKind::admin:
      return scope_of_admin(named, all_logs);
    case KeyKind::static_key:
    case KeyKind::virtual_key:
      return refuse(Code::wrong_key_kind,
                    "This key makes calls and reads no records; use a caller's key, a tenant's or the admin key.");
    case KeyKind::caller:
    case KeyKind::tenant_key:
      break;
  }
  if (named && *named != caller.tenant->bytes()) {
    if (const auto tenant = core::TenantId::parse(*named); !tenant && !named->empty()) return refuse(tenant.error());
    return refuse(Code::tenant_mismatch, "This key belongs to tenant \"" + caller.tenant->bytes() +
                                             "\" and cannot read \"" + std::string(*named) + "\".");
  }
  return ReadScope{core::LogName::of(*caller.tenant), caller.tenant};
}

std::expected<vault::Period, Refusal> read_period(const Query& query) {
  const auto from = edge(query, "from", core::PeriodEdge::from);
  if (!from) return refuse(Code::invalid_request, "The query parameter \"from\": " + from.error().message);
  const auto to = edge(query, "to", core::PeriodEdge::to);
  if (!to) return refuse(Code::invalid_request, "The query parameter \"to\": " + to.error().message);
  if (*from && *to && **from >= **to)
    return refuse(Code::invalid_request, "The period is empty: \"from\" is not before \"to\".");
  return vault::Period{*from, *to};
}

Refusal from_vault(const core::Error& error) {
  switch (error.code) {
    case Code::tenant_unknown:
    case Code::tenant_no_sessions:
      return {{Code::not_found, "No such tenant has been seen.", {}}};
    case Code::evidence_unknown:
    case Code::not_found:
      return {{Code::not_found, "No record with this id is known here.", {}}};
    case Code::invalid_request:
      return {{Code::invalid_request, error.message, {}}};
    default:
      return {{Code::vault_unavailable,
               "The records cannot be read now; the operator of this gateway has to look at its log.",
               {}}};
  }
}

Response json_response(std::string body) {
  Response response;
  response.body = std::move(body);
  return response;
}

}  // namespace talon::gateway
