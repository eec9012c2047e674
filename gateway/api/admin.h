// Endpoints that change things: accounts, keys, providers, routing, features, virtual keys, reload and drain
// (interfaces.md §3–4). Request value → response value, in three steps: the first two decide and parse on the worker, so
// that nobody waits for a request that comes to nothing; the third blocks, so net runs it on its admin thread, one after
// the other: what one of them checked still holds when it writes. Opening a session checks nothing that others change
// (guard/sessions.h has its own lock), and runs on a thread of its own.
//
//   check_admin_head(request);                        // before the body is read
//   auto document = parse_admin_body(request, body);
//   … on the admin thread: answer_admin(…)
#pragma once

#include <expected>
#include <string_view>

#include "gateway/api/json_body.h"
#include "gateway/api/operations.h"
#include "gateway/api/reads.h"
#include "vault/registry/registry.h"

namespace talon::gateway {

class Sessions;
class Tenants;

/// Bodies of admin routes are small.
inline constexpr std::size_t k_max_admin_body = 1 << 20;

struct AdminRequest {
  ApiRequest request;
  std::string_view body;                ///< as received: what a replay is compared by
  const JsonValue* document = nullptr;  ///< of parse_admin_body()
  vault::Registry* registry = nullptr;
  Operations* operations = nullptr;
  // For POST /v1/sessions.
  vault::Vault* vault = nullptr;
  Sessions* sessions = nullptr;
  Tenants* tenants = nullptr;
};

/// 415 for multipart, 400 for a query, and what the key may not do whatever the body says.
[[nodiscard]] std::expected<void, Refusal> check_admin_head(const ApiRequest& request);
/// Refusals: 413, and those of parse_json_body.
[[nodiscard]] std::expected<JsonValue, Refusal> parse_admin_body(const ApiRequest& request, std::string_view body);

/// Who may: interfaces.md §3. A change is durable, and seen by the next request, when this returns.
[[nodiscard]] std::expected<Response, Refusal> answer_admin(const AdminRequest& request);

}  // namespace talon::gateway
