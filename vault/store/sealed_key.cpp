#include "vault/store/sealed_key.h"

#include <sodium.h>

#include <span>

namespace talon::vault {
namespace {

constexpr std::size_t k_nonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t k_tag = crypto_aead_xchacha20poly1305_ietf_ABYTES;

const unsigned char* bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

}  // namespace

std::string seal_key(const core::Secret& key, const core::LogName& log, const core::Secret& sealing_key,
                     core::Random& random) {
  std::string nonce(k_nonce, '\0');
  random.fill(std::as_writable_bytes(std::span(nonce)));
  const auto plain = key.reveal();
  std::string sealed(plain.size() + k_tag, '\0');
  unsigned long long size = 0;
  crypto_aead_xchacha20poly1305_ietf_encrypt(bytes(sealed), &size, bytes(plain), plain.size(), bytes(log.bytes()),
                                             log.bytes().size(), nullptr, bytes(nonce), bytes(sealing_key.reveal()));
  sealed.resize(static_cast<std::size_t>(size));
  return nonce + sealed;
}

core::Result<core::Secret> open_key(std::string_view sealed, const core::LogName& log,
                                    const core::Secret& sealing_key) {
  const auto refuse = [] {
    return core::fail(core::Code::key_invalid,
                      "a stored content key does not open with keys/sealing; restore both from one backup");
  };
  if (sealed.size() < k_nonce + k_tag) return refuse();
  const auto box = sealed.substr(k_nonce);
  std::string plain(box.size() - k_tag, '\0');
  unsigned long long size = 0;
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(bytes(plain), &size, nullptr, bytes(box), box.size(),
                                                 bytes(log.bytes()), log.bytes().size(), bytes(sealed),
                                                 bytes(sealing_key.reveal())) != 0) {
    return refuse();
  }
  return core::Secret(std::move(plain));
}

}  // namespace talon::vault
