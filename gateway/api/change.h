// A request that changes something, as its endpoint gets it: body parsed, path decoded, access checked.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "gateway/api/access.h"
#include "gateway/api/admin.h"
#include "gateway/api/idempotency.h"
#include "gateway/api/json_body.h"
#include "gateway/api/read_scope.h"

namespace talon::gateway {

struct Change {
  const AdminRequest& admin;
  std::optional<core::TenantId> tenant;  ///< whom the path names
  const JsonValue& body;                 ///< an object; {} where none was sent
  std::string last;                      ///< the path's second parameter, or the first of a path without {tenant}

  [[nodiscard]] const ApiRequest& request() const noexcept { return admin.request; }
  [[nodiscard]] vault::Registry& registry() const noexcept { return *admin.registry; }
  [[nodiscard]] const core::Config& config() const noexcept { return admin.request.snapshot->loaded.config; }
  [[nodiscard]] core::Instant now() const noexcept { return admin.request.clock->now(); }
  [[nodiscard]] vault::Actor actor() const { return actor_of(*admin.request.caller); }
  /// The tenant's row; 404 as find_tenant.
  [[nodiscard]] std::expected<KnownTenant, Refusal> known() const {
    return find_tenant(request(), registry(), *tenant);
  }
  /// Every worker drops what it keeps of the tenant.
  void tell(const core::TenantId& whom) const { admin.operations->tenant_changed(whom); }
};

using Answer = std::expected<Response, Refusal>;

[[nodiscard]] inline Response answer_with(int status, std::string body) {
  auto response = json_response(std::move(body));
  response.status = status;
  return response;
}
/// 204.
[[nodiscard]] inline Response nothing_left() {
  Response response;
  response.status = 204;
  response.content_type.clear();
  return response;
}

}  // namespace talon::gateway
