// PublicKey and SigningKey of note.h: Ed25519, signed by libsodium and verified by OpenSSL.
//
// OpenSSL's verification is the plain one of RFC 8032 (S < L, R compared as bytes, no cofactor), as evidence.md §3 wants
// it. libsodium's refuses an R of small order on top, which only the key's owner can make: with it, a dishonest vault
// could have a bundle that one verifier accepts and another does not.
#include <openssl/evp.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "core/text.h"
#include "vault/log/note.h"
#include "vault/log/sodium_ready.h"

namespace talon::vault {
namespace {

using KeyBytes = std::array<unsigned char, crypto_sign_PUBLICKEYBYTES>;

constexpr KeyBytes little_endian(unsigned char lowest, unsigned char middle, unsigned char highest) {
  KeyBytes bytes{};
  bytes.fill(middle);
  bytes.front() = lowest;
  bytes.back() = highest;
  return bytes;
}

/// The encodings of evidence.md §3, bit 255 cleared: y in {0, 1, p-1, p, p+1} and the two of order 8. With one of
/// them as key, a constant signature verifies for many messages.
constexpr std::array<KeyBytes, 7> k_small_order{{
    little_endian(0x00, 0x00, 0x00),
    little_endian(0x01, 0x00, 0x00),
    little_endian(0xec, 0xff, 0x7f),
    little_endian(0xed, 0xff, 0x7f),
    little_endian(0xee, 0xff, 0x7f),
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
     0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
     0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
}};

const unsigned char* as_bytes(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}

/// seed || public key, as libsodium signs with; wiped when it goes.
struct ExpandedKey {
  std::array<unsigned char, crypto_sign_SECRETKEYBYTES> secret{};
  KeyBytes public_key{};

  explicit ExpandedKey(std::string_view seed) noexcept {
    sodium_ready();
    crypto_sign_seed_keypair(public_key.data(), secret.data(), as_bytes(seed));
  }
  ExpandedKey(const ExpandedKey&) = delete;
  ExpandedKey& operator=(const ExpandedKey&) = delete;
  ~ExpandedKey() { core::wipe(secret.data(), secret.size()); }
};

}  // namespace

core::Result<PublicKey> PublicKey::admit(std::string_view bytes) {
  if (bytes.size() != crypto_sign_PUBLICKEYBYTES) {
    return core::fail(core::Code::key_invalid,
                      "an Ed25519 public key has 32 bytes, this one " + std::to_string(bytes.size()));
  }
  KeyBytes y;
  std::memcpy(y.data(), bytes.data(), y.size());
  y.back() &= 0x7f;
  if (std::find(k_small_order.begin(), k_small_order.end(), y) != k_small_order.end()) {
    return core::fail(core::Code::key_invalid, "this Ed25519 public key is of small order: anyone can sign for it");
  }
  PublicKey key;
  std::memcpy(key.bytes_.data(), bytes.data(), key.bytes_.size());
  return key;
}

bool PublicKey::verifies(std::string_view message, std::string_view signature) const noexcept {
  if (signature.size() != crypto_sign_BYTES) return false;
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, as_bytes(bytes()), bytes_.size()), EVP_PKEY_free);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  return key && context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), as_bytes(signature), signature.size(), as_bytes(message), message.size()) == 1;
}

SigningKey SigningKey::generate(core::Random& random) {
  for (;;) {
    std::string seed(crypto_sign_SEEDBYTES, '\0');
    random.fill(std::as_writable_bytes(std::span(seed)));
    if (auto key = from_seed(core::Secret(std::move(seed)))) return std::move(*key);
  }
}

core::Result<SigningKey> SigningKey::from_seed(core::Secret seed) {
  if (seed.reveal().size() != crypto_sign_SEEDBYTES) {
    return core::fail(core::Code::key_invalid,
                      "an Ed25519 seed has 32 bytes, this one " + std::to_string(seed.reveal().size()));
  }
  const ExpandedKey expanded(seed.reveal());
  TALON_TRY(public_key,
            PublicKey::admit({reinterpret_cast<const char*>(expanded.public_key.data()), expanded.public_key.size()}));
  return SigningKey(std::move(seed), public_key);
}

std::string SigningKey::sign(std::string_view message) const {
  const ExpandedKey expanded(seed_.reveal());
  std::string signature(crypto_sign_BYTES, '\0');
  crypto_sign_detached(reinterpret_cast<unsigned char*>(signature.data()), nullptr, as_bytes(message), message.size(),
                       expanded.secret.data());
  return signature;
}

}  // namespace talon::vault
