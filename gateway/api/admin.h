// Endpoints that change things: accounts, keys, providers, routing, features, virtual keys, reload and drain
// (interfaces.md §3–4). Request value → response value; blocking, so net runs them on its admin thread, one after the
// other: what one of them checked still holds when it writes.
#pragma once

#include <expected>
#include <string_view>

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
  std::string_view body;
  vault::Registry* registry = nullptr;
  Operations* operations = nullptr;
  // For POST /v1/sessions.
  vault::Vault* vault = nullptr;
  Sessions* sessions = nullptr;
  Tenants* tenants = nullptr;
};

/// Who may: interfaces.md §3. A change is durable, and seen by the next request, when this returns.
[[nodiscard]] std::expected<Response, Refusal> answer_admin(const AdminRequest& request);

}  // namespace talon::gateway
