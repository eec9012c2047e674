// From header fields to a caller: one hash look-up for all kinds of key, no guessing by prefix
// (interfaces.md §3). Pure but for the keyed hash.
#pragma once

#include <expected>
#include <string_view>

#include "gateway/http/error_envelope.h"
#include "gateway/http/message.h"
#include "gateway/snapshot.h"

namespace talon::gateway {

/// `Authorization: Bearer K` or `x-api-key: K`; both only when equal. Refusal: 401 invalid_key with a
/// sentence on how to send a key; a provider's key is told so. Never repeats a letter of the key.
[[nodiscard]] std::expected<const Caller*, Refusal> authenticate(const Snapshot& snapshot, const vault::Vault& vault,
                                                                 const Fields& fields);

/// The key that a request carries, or the 401. First half of authenticate().
[[nodiscard]] std::expected<std::string_view, Refusal> presented_key(const Fields& fields);
/// Whose key it is, or the 401. Second half; `digest` is the key's Vault::key_digest.
[[nodiscard]] std::expected<const Caller*, Refusal> find_caller(const Snapshot& snapshot, const KeyDigest& digest,
                                                                std::string_view key);

}  // namespace talon::gateway
