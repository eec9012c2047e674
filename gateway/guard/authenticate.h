// From header fields to an identity: one hash look-up for the configuration's keys, one for the registry's, no guessing
// by prefix (interfaces.md §3). Pure but for the keyed hash.
#pragma once

#include <expected>
#include <string_view>

#include "core/time.h"
#include "gateway/http/error_envelope.h"
#include "gateway/http/message.h"
#include "gateway/snapshot.h"
#include "vault/registry/registry.h"

namespace talon::gateway {

/// Whose key was presented: exactly one of the two is set.
struct Identity {
  const Caller* caller = nullptr;        ///< the configuration's; lives as long as its snapshot
  const vault::KeyEntry* key = nullptr;  ///< the registry's; lives as long as the registry
};

/// The key that a request carries, `Authorization: Bearer K` or `x-api-key: K`, both only when equal; or 401 invalid_key
/// with a sentence on how to send one.
[[nodiscard]] std::expected<std::string_view, Refusal> presented_key(const Fields& fields);

/// Whose key it is. `digest` is the key's Vault::key_digest. Refusal: 401 api_key_expired; 401 invalid_key for one that is unknown or was revoked, in the same
/// words; a provider's key is told so. Never repeats a letter of the key. Notes the use of a registry key.
[[nodiscard]] std::expected<Identity, Refusal> find_identity(const Snapshot& snapshot, const vault::Registry& registry,
                                                             core::Instant now, const KeyDigest& digest,
                                                             std::string_view key);

/// Both in one.
[[nodiscard]] std::expected<Identity, Refusal> authenticate(const Snapshot& snapshot, const vault::Vault& vault,
                                                            core::Instant now, const Fields& fields);

/// A registry key as a caller of its own: named by its id, under the default policy. `tenant`: that of its
/// KeyEntry::tenant, or none.
[[nodiscard]] Caller registry_caller(const Snapshot& snapshot, const vault::KeyEntry& key,
                                     const std::optional<core::TenantId>& tenant);

}  // namespace talon::gateway
