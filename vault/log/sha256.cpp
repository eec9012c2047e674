#include "vault/log/sha256.h"

// The functions below EVP: with OpenSSL 3.0 an EVP context allocates and wipes its state anew for every hash, which
// costs as much as hashing a node. They are deprecated for what they cannot do (other providers), not for what they do.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <tuple>
#include <type_traits>

#include "core/text.h"

namespace talon::vault {
namespace {

Hash end(SHA256_CTX& context) noexcept {
  Hash hash;
  SHA256_Final(reinterpret_cast<unsigned char*>(hash.data()), &context);
  return hash;
}

Hash hash_of(std::string_view head, std::string_view data) noexcept {
  SHA256_CTX context;
  SHA256_Init(&context);
  if (!head.empty()) SHA256_Update(&context, head.data(), head.size());
  SHA256_Update(&context, data.data(), data.size());
  return end(context);
}

SHA256_CTX& context_of(std::byte* state) noexcept { return *std::launder(reinterpret_cast<SHA256_CTX*>(state)); }

}  // namespace

Hash sha256(std::string_view bytes) noexcept { return hash_of({}, bytes); }

Hash leaf_hash(std::string_view data) noexcept { return hash_of(std::string_view("\0", 1), data); }

Hash node_hash(const Hash& left, const Hash& right) noexcept {
  std::array<char, 65> node;
  node[0] = 1;
  const auto after_left = std::ranges::copy(bytes_of(left), node.begin() + 1).out;
  std::ranges::copy(bytes_of(right), after_left);
  return hash_of({}, {node.data(), node.size()});
}

Sha256::Sha256() noexcept {
  static_assert(sizeof(SHA256_CTX) <= sizeof(state_) && std::is_trivially_copyable_v<SHA256_CTX>);
  SHA256_Init(new (state_.data()) SHA256_CTX);
}
void Sha256::update(std::string_view bytes) noexcept {
  SHA256_Update(&context_of(state_.data()), bytes.data(), bytes.size());
}
Hash Sha256::finish() noexcept { return end(context_of(state_.data())); }

std::string to_base64(const Hash& hash) { return core::base64_encode(bytes_of(hash)); }
std::string to_hex(const Hash& hash) { return core::hex_encode(bytes_of(hash)); }

std::optional<Hash> hash_from_base64(std::string_view text) {
  const auto bytes = core::base64_decode(text);
  if (!bytes || bytes->size() != std::tuple_size_v<Hash>) return std::nullopt;
  return hash_from_bytes(*bytes);
}

Hash hash_from_bytes(std::string_view bytes) noexcept {
  Hash hash{};
  if (bytes.size() == hash.size()) std::memcpy(hash.data(), bytes.data(), hash.size());
  return hash;
}

}  // namespace talon::vault
