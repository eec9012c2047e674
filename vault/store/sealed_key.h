// Content keys at rest: XChaCha20-Poly1305 under the sealing key, the log's name as associated data, so that a key
// moved to another log's row does not open.
#pragma once

#include <string>
#include <string_view>

#include "core/error.h"
#include "core/random.h"
#include "core/secret.h"
#include "core/tenant_id.h"

namespace talon::vault {

/// nonce (24) || ciphertext and tag (48).
[[nodiscard]] std::string seal_key(const core::Secret& key, const core::LogName& log, const core::Secret& sealing_key,
                                   core::Random& random);
/// Error: key_invalid when it was not sealed for this log under this sealing key.
[[nodiscard]] core::Result<core::Secret> open_key(std::string_view sealed, const core::LogName& log,
                                                  const core::Secret& sealing_key);

}  // namespace talon::vault
