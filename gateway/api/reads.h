// Endpoints that answer from the vault: evidence, costs, models. Blocking (short LMDB transactions, disk):
// net runs them on its reader thread, never on a worker. Request value → response value.
#pragma once

#include <expected>
#include <functional>
#include <string_view>

#include "core/time.h"
#include "gateway/api/routes.h"
#include "gateway/http/error_envelope.h"
#include "gateway/http/message.h"
#include "gateway/snapshot.h"
#include "vault/registry/registry.h"
#include "vault/vault.h"

namespace talon::gateway {

struct ApiRequest {
  const Snapshot* snapshot = nullptr;
  const vault::Vault* vault = nullptr;
  const core::Clock* clock = nullptr;
  const Caller* caller = nullptr;
  RouteMatch match;
  std::string_view query;
  const Fields* fields = nullptr;
  const vault::Registry* registry = nullptr;  ///< nullptr: no accounts, only the configuration's tenants and logs
};

/// Who may: interfaces.md §3. Unknown or malformed query members, and X-Talon-Tenant-Id on a tenant's
/// read: 400. Ids of others: 404. RouteId::models without a tag touches no disk and may be answered on a worker.
///
/// `?tenant=` with the admin key: a value is that tenant, empty is the calls without a tenant. Left out:
/// any log for /v1/evidence/{id}, all logs for an ndjson export; the others ask for it (400), because a
/// page, a sum or a proof is of one log. With a caller's key it may only name the caller's own tenant
/// (403 tenant_mismatch, the same whether the other exists or not).
[[nodiscard]] std::expected<Response, Refusal> answer_read(const ApiRequest& request);

/// `GET /v1/evidence/export`: the head first, then the bytes through `sink` (an error of the sink ends it).
/// What can be refused is refused before the head; `run` may outlive the request, not the vault.
struct ExportPlan {
  Response head;  ///< body empty
  std::function<core::Result<void>(const vault::ByteSink&)> run;
};
[[nodiscard]] std::expected<ExportPlan, Refusal> plan_export(const ApiRequest& request);

/// For /healthz (always 200 while a worker answers) and /readyz (503 while draining, full or failed).
struct Readiness {
  bool draining = false;
  vault::JournalStats::State vault = vault::JournalStats::State::ok;
};
/// openapi.json; {"status":"ok"}, {"status":"ready"}; 503 with "draining", "vault_full" or "vault_failed".
[[nodiscard]] Response answer_operations(RouteId id, const Readiness& readiness);

}  // namespace talon::gateway
