// The registry's rows against each other and against the keys: for `talon audit verify` of the live vault.
#pragma once

#include <string>
#include <vector>

#include "vault/log/key_ring.h"
#include "vault/store/environment.h"

namespace talon::vault {

/// Reads every row: it decodes, stands where it belongs, its tenant is the log's, its key is in force exactly if it
/// should be, and a sealed provider key opens. A server may change rows meanwhile. At most 20 sentences on what is
/// wrong. Error: only what keeps it from reading.
[[nodiscard]] core::Result<std::vector<std::string>> audit_registry(const Environment& environment,
                                                                    const KeyRing& keys);

}  // namespace talon::vault
