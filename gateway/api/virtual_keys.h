// Virtual keys: /api/virtual_keys. The command line never issues one (it would stay in the shell's history).
#pragma once

#include "gateway/api/change.h"

namespace talon::gateway {

/// POST: the plaintext is in this answer alone. 409 conflict for a scope whose account is closed.
[[nodiscard]] Answer issue_virtual_key(const Change& change);
/// POST …/{id}/revoke: its row stays; 404 for one that is unknown or revoked already.
[[nodiscard]] Answer revoke_virtual_key(const Change& change);
/// GET ?include_revoked=true|false, newest first.
[[nodiscard]] Answer list_virtual_keys(const ApiRequest& request);

}  // namespace talon::gateway
