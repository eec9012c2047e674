// How API keys are looked up and stored: keyed BLAKE2b-256 (RFC 7693) under the vault secret over
// "talon-key/v1" || 00 || key. A key has at least 128 random bits or is as guessable as its owner chose it; the
// secret keeps even a guessable one from being tried against a stolen table.
#pragma once

#include <string_view>

#include "core/secret.h"
#include "vault/log/sha256.h"

namespace talon::vault {

[[nodiscard]] Hash key_digest(const core::Secret& vault_secret, std::string_view key) noexcept;

}  // namespace talon::vault
