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
};

/// Who may: interfaces.md §3. Unknown or malformed query members: 400. Ids of others: 404.
[[nodiscard]] std::expected<Response, Refusal> answer_read(const ApiRequest& request);

/// `GET /v1/evidence/export`: the head first, then the bytes through `sink` (an error of the sink ends it).
struct ExportPlan {
  Response head;  ///< body empty
  std::function<core::Result<void>(const vault::ByteSink&)> run;
};
[[nodiscard]] std::expected<ExportPlan, Refusal> plan_export(const ApiRequest& request);

}  // namespace talon::gateway
