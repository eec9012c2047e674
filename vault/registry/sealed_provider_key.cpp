#include "vault/registry/sealed_provider_key.h"

#include <sodium.h>

#include <span>

#include "core/text.h"
#include "vault/store/bytes.h"

namespace talon::vault {
namespace {

constexpr std::size_t k_nonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t k_tag = crypto_aead_xchacha20poly1305_ietf_ABYTES;

const unsigned char* bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

std::string bound_to(const core::TenantId& tenant, std::string_view provider) {
  std::string data("talon-provider-key/v1\0", 22);
  for (const std::string_view part : {std::string_view(tenant.bytes()), provider}) {
    append_number(data, static_cast<std::uint32_t>(part.size()));
    data += part;
  }
  return data;
}

}  // namespace

std::string seal_provider_key(const core::Secret& key, const core::TenantId& tenant, std::string_view provider,
                              const core::Secret& sealing_key, core::Random& random) {
  std::string nonce(k_nonce, '\0');
  random.fill(std::as_writable_bytes(std::span(nonce)));
  const auto data = bound_to(tenant, provider);
  const auto plain = key.reveal();
  std::string sealed(plain.size() + k_tag, '\0');
  unsigned long long size = 0;
  crypto_aead_xchacha20poly1305_ietf_encrypt(bytes(sealed), &size, bytes(plain), plain.size(), bytes(data), data.size(),
                                             nullptr, bytes(nonce), bytes(sealing_key.reveal()));
  sealed.resize(static_cast<std::size_t>(size));
  return nonce + sealed;
}

core::Result<core::Secret> open_provider_key(std::string_view sealed, const core::TenantId& tenant,
                                             std::string_view provider, const core::Secret& sealing_key) {
  const auto refuse = [&] {
    return core::fail(core::Code::key_invalid, "the stored " + core::terminal_text(provider) + " key of tenant " +
                                                   core::terminal_text(tenant.bytes()) +
                                                   " does not open; give it again, or restore vault and keys from one "
                                                   "backup");
  };
  if (sealed.size() < k_nonce + k_tag) return refuse();
  const auto box = sealed.substr(k_nonce);
  const auto data = bound_to(tenant, provider);
  std::string plain(box.size() - k_tag, '\0');
  unsigned long long size = 0;
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(bytes(plain), &size, nullptr, bytes(box), box.size(), bytes(data),
                                                 data.size(), bytes(sealed), bytes(sealing_key.reveal())) != 0) {
    return refuse();
  }
  return core::Secret(std::move(plain));
}

}  // namespace talon::vault
