// A tenant's provider key at rest: XChaCha20-Poly1305 under the vault's sealing key, bound to its tenant and provider by
// the associated data, so that a row moved to another tenant or provider does not open.
#pragma once

#include <string>
#include <string_view>

#include "core/error.h"
#include "core/random.h"
#include "core/secret.h"
#include "core/tenant_id.h"

namespace talon::vault {

/// nonce (24) || ciphertext || tag (16). Associated data: "talon-provider-key/v1" 00, then the tenant's bytes and the
/// provider's, each behind its length in four bytes, big-endian.
[[nodiscard]] std::string seal_provider_key(const core::Secret& key, const core::TenantId& tenant,
                                            std::string_view provider, const core::Secret& sealing_key,
                                            core::Random& random);
/// Error: key_invalid when it was not sealed for this tenant and provider under this sealing key.
[[nodiscard]] core::Result<core::Secret> open_provider_key(std::string_view sealed, const core::TenantId& tenant,
                                                           std::string_view provider, const core::Secret& sealing_key);

}  // namespace talon::vault
