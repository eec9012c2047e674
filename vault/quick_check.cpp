// The checks of a start, without starting: for `talon doctor`, while serve runs or not.
#include <algorithm>

#include "vault/journal/recovery.h"
#include "vault/vault_impl.h"

namespace talon::vault {

core::Result<QuickCheck> Vault::check() const {
  TALON_TRY(keys, impl_->key_ring());
  TALON_TRY(state, recover_state(*impl_->environment, *keys));
  QuickCheck found{.rows = state.sealed.rows, .logs = state.logs.size(), .newest = std::nullopt};
  for (const auto& log : state.logs) {
    if (log.next_seq > 0) found.newest = std::max(found.newest.value_or(log.newest), log.newest);
  }
  return found;
}

}  // namespace talon::vault
