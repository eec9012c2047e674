#include "vault/log/body_commitment.h"

#include <sodium.h>

#include "vault/log/sodium_ready.h"

namespace talon::vault {

using namespace std::string_view_literals;

Hash body_salt(const ContentKey& key, const core::EvidenceId& id, std::string_view body_name) {
  sodium_ready();
  const std::string_view secret = key.key.reveal();
  constexpr std::size_t k_most = 128;  // one allocation
  std::string message;
  message.reserve(k_most);
  message += "talon-salt/v1\0ev_"sv;
  message += id.ulid().text();
  message += '\0';
  message += body_name;
  Hash salt;
  // Cannot fail: the lengths lie within BLAKE2b's bounds.
  crypto_generichash_blake2b(reinterpret_cast<unsigned char*>(salt.data()), salt.size(),
                             reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                             reinterpret_cast<const unsigned char*>(secret.data()), secret.size());
  return salt;
}

BodyCommitment::BodyCommitment(const ContentKey& key, const core::EvidenceId& id, std::string_view body_name) {
  const Hash salt = body_salt(key, id, body_name);
  hash_.update("talon-body/v1\0"sv);
  hash_.update(bytes_of(salt));
}

}  // namespace talon::vault
