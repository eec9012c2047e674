// Dispatch of the endpoints that answer from vault and snapshot, and the small ones among them.
#include "gateway/api/reads.h"

#include "gateway/api/evidence_reads.h"
#include "gateway/api/models.h"
#include "gateway/api/read_scope.h"
#include "gateway/api/render.h"

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
    default:
      return refuse(Code::internal_error, "This route is not answered from the vault.");
  }
}

Response answer_operations(RouteId id, const Readiness& readiness) {
  using State = vault::JournalStats::State;
  if (id == RouteId::healthz) return json_response(R"({"status":"ok"})");
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
