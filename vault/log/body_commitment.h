// Salted commitments to bodies (evidence.md §1): hash("talon-body/v1" || 00 || salt || body) with
// salt = keyed BLAKE2b-256 (RFC 7693) over "talon-salt/v1" || 00 || id || 00 || name.
// Without the log's content key a commitment says nothing about the body, not even a guessed one.
#pragma once

#include <memory>
#include <string_view>

#include "core/ids.h"
#include "core/secret.h"
#include "vault/log/sha256.h"

namespace talon::vault {

/// A log's content key and its number. Shared by the workers that commit to that log's bodies.
struct ContentKey {
  std::int64_t number = 1;
  core::Secret key;  ///< 32 bytes
};

[[nodiscard]] Hash body_salt(const ContentKey& key, const core::EvidenceId& id, std::string_view body_name);

/// Feeds a body as it passes. One owner.
class BodyCommitment {
 public:
  /// `body_name`: "request", "upstream" or "response".
  BodyCommitment(const ContentKey& key, const core::EvidenceId& id, std::string_view body_name);
  void update(std::string_view bytes) noexcept { hash_.update(bytes); }
  [[nodiscard]] Hash finish() noexcept { return hash_.finish(); }

 private:
  Sha256 hash_;
};

}  // namespace talon::vault
