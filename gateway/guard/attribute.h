// Whose call it is: tenant, session and how we know (interfaces.md §3). Pure.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "core/evidence_record.h"
#include "core/tenant_id.h"
#include "gateway/http/error_envelope.h"
#include "gateway/http/message.h"
#include "gateway/snapshot.h"

namespace talon::gateway {

struct Attributed {
  core::LogName log = core::LogName::unattributed();
  std::optional<core::TenantId> tenant;
  core::Attribution attribution = core::Attribution::key;
  std::string session;          ///< in the log's own space
  bool client_session = false;  ///< the client named it; otherwise the call is a session of its own
};

/// Fields read: `X-Talon-Tenant-Id` and `X-Talon-Session-Id`, each UTF-8, percent-decoded once (a session
/// id keeps the rules of a tenant id). Field and body that name two tenants: 400.
/// `body_tenant`: the body's own member, if it was read. A caller key that names another tenant: 403
/// tenant_mismatch naming both in the caller's own words; the admin key: 403 wrong_key_kind.
/// `fallback_session`: used when the client names none.
[[nodiscard]] std::expected<Attributed, Refusal> attribute(const Caller& caller, const Fields& fields,
                                                           const std::optional<std::string>& body_tenant,
                                                           std::string fallback_session);

}  // namespace talon::gateway
