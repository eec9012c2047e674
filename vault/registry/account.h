// Account: what admission needs to know of one tenant, with its provider keys opened. Immutable: a change makes a new
// one, and every worker has it before the change is answered (house.md, "Threads").
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "vault/registry/rows.h"

namespace talon::vault {

/// A provider key in use; the secret wipes itself with the last account that holds it.
struct ProviderCredential {
  IdBytes id{};  ///< its connections are pooled under this; a replaced key has another
  std::string provider;
  core::Secret api_key;
  std::int64_t timeout_s = 0;  ///< 0: the provider's own
  std::int64_t max_retries = 0;
};

struct Account {
  AccountRow row;
  std::vector<ProviderCredential> credentials;
  /// It brings its own keys, or has brought one before: the operator's are never used in their place.
  bool only_own_credentials = false;

  [[nodiscard]] const ProviderCredential* credential(std::string_view provider) const noexcept;
};
/// nullptr: the tenant has no account, only a log.
using AccountRef = std::shared_ptr<const Account>;

}  // namespace talon::vault
