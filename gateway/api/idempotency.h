// Idempotency-Key on routes that create: what was answered is kept for 24 hours, in the same commit as what it created,
// and answered again without the key.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "gateway/api/admin.h"

namespace talon::gateway {

/// What a client's Idempotency-Key stands for here; nullopt: it sent none.
struct ReplayKey {
  std::string key;  ///< whose (the actor), which (method and path), and the client's text
  vault::Hash body{};
};
/// Refusal: 400 unless it is 1 to 255 visible ASCII characters.
[[nodiscard]] std::expected<std::optional<ReplayKey>, Refusal> replay_key(const AdminRequest& request);

/// 200 with what was kept, and `Idempotent-Replay: true`; nullopt: nothing is kept, go on. Refusal: 409
/// idempotency_conflict for another body.
[[nodiscard]] std::expected<std::optional<Response>, Refusal> replay(const AdminRequest& request,
                                                                     const std::optional<ReplayKey>& key);

}  // namespace talon::gateway
