// From header fields to a caller: one hash look-up for all kinds of key, no guessing by prefix
// (interfaces.md §3). Pure but for the keyed hash.
#pragma once

#include "gateway/http/error_envelope.h"
#include "gateway/http/message.h"
#include "gateway/snapshot.h"

namespace talon::gateway {

/// `Authorization: Bearer K` or `x-api-key: K`; both only when equal. Refusal: 401 invalid_key with a
/// sentence on how to send a key; a provider's key is told so. Never repeats a letter of the key.
[[nodiscard]] std::expected<const Caller*, Refusal> authenticate(const Snapshot& snapshot, const vault::Vault& vault, const Fields& fields);

}  // namespace talon::gateway
