// What a configuration may not contradict: the accounts and keys that the registry holds already (interfaces.md §3). The
// other direction, that the API may not contradict the configuration, is answered 409 by the admin routes.
#pragma once

#include "core/error.h"
#include "gateway/snapshot.h"
#include "vault/registry/registry.h"

namespace talon::gateway {

/// `running`: the generation before, nullptr at the start. Error: config_invalid with the place, where a caller is of a
/// tenant whose account was made through the API, where a key of the configuration was issued here, or where accounts
/// are in a tier that the reload takes away. Blocks (LMDB); any thread.
[[nodiscard]] core::Result<void> check_agreement(const Snapshot& next, const Snapshot* running,
                                                 const vault::Registry& registry);

}  // namespace talon::gateway
