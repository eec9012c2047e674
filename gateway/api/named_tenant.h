// Whom a request names, held against its key before the account's rate is asked (interfaces.md §3: tenant 403, then rate
// 429): a key that may not ask hears so however often it asked.
#pragma once

#include <expected>

#include "gateway/api/json_body.h"
#include "gateway/api/reads.h"

namespace talon::gateway {

/// The refusals that key, route, path, query, tag and a session's body decide alone: 403 wrong_key_kind and
/// tenant_mismatch, 400 for a tenant or a query that is none. Pure; for routes that are no call. `body`: of a change,
/// parsed; nullptr for a read. The endpoints make the same checks, for what they look up.
[[nodiscard]] std::expected<void, Refusal> check_named_tenant(const ApiRequest& request, const JsonValue* body);

}  // namespace talon::gateway
