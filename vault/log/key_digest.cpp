#include "vault/log/key_digest.h"

#include <sodium.h>

namespace talon::vault {

Hash key_digest(const core::Secret& vault_secret, std::string_view key) noexcept {
  static constexpr std::string_view k_domain{"talon-key/v1\0", 13};
  const auto bytes = [](std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); };
  crypto_generichash_state state;
  crypto_generichash_init(&state, bytes(vault_secret.reveal()), vault_secret.reveal().size(), sizeof(Hash));
  crypto_generichash_update(&state, bytes(k_domain), k_domain.size());
  crypto_generichash_update(&state, bytes(key), key.size());
  Hash digest;
  crypto_generichash_final(&state, reinterpret_cast<unsigned char*>(digest.data()), digest.size());
  sodium_memzero(&state, sizeof state);
  return digest;
}

}  // namespace talon::vault
