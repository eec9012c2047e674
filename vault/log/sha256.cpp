#include "vault/log/sha256.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <tuple>
#include <utility>

#include "core/text.h"

namespace talon::vault {
namespace {

// Only a machine without memory or an OpenSSL without SHA-256 gets here; there is nothing to return
// that would not look like a hash.
[[noreturn]] void give_up() noexcept {
  std::fputs("talon: OpenSSL cannot compute SHA-256\n", stderr);
  std::abort();
}

/// Fetched once: the implicit fetch of EVP_sha256() and SHA256() costs more than the hash of a node.
const EVP_MD* algorithm() noexcept {
  static const EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  if (fetched == nullptr) give_up();
  return fetched;
}

EVP_MD_CTX* new_context() noexcept {
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  if (context == nullptr) give_up();
  return context;
}

void begin(EVP_MD_CTX* context) noexcept {
  if (EVP_DigestInit_ex2(context, algorithm(), nullptr) != 1) give_up();
}

void add(EVP_MD_CTX* context, const void* bytes, std::size_t size) noexcept {
  if (EVP_DigestUpdate(context, bytes, size) != 1) give_up();
}

Hash end(EVP_MD_CTX* context) noexcept {
  Hash hash;
  if (EVP_DigestFinal_ex(context, reinterpret_cast<unsigned char*>(hash.data()), nullptr) != 1) give_up();
  return hash;
}

struct ThreadContext {
  EVP_MD_CTX* const context = new_context();
  ThreadContext() = default;
  ThreadContext(const ThreadContext&) = delete;
  ThreadContext& operator=(const ThreadContext&) = delete;
  ~ThreadContext() { EVP_MD_CTX_free(context); }
};

/// This thread's context, begun anew: a reused one saves the allocation on every leaf and node.
EVP_MD_CTX* fresh() noexcept {
  thread_local const ThreadContext mine;
  begin(mine.context);
  return mine.context;
}

/// A few contexts that incremental hashes of this thread have left: three bodies a call, no allocation.
struct SpareContexts {
  std::array<EVP_MD_CTX*, 4> kept{};
  std::size_t count = 0;
  SpareContexts() = default;
  SpareContexts(const SpareContexts&) = delete;
  SpareContexts& operator=(const SpareContexts&) = delete;
  ~SpareContexts() {
    while (count > 0) EVP_MD_CTX_free(kept[--count]);
  }
};
SpareContexts& spares() noexcept {
  thread_local SpareContexts mine;
  return mine;
}
EVP_MD_CTX* take_context() noexcept {
  auto& mine = spares();
  return mine.count > 0 ? mine.kept[--mine.count] : new_context();
}
void leave_context(EVP_MD_CTX* context) noexcept {
  auto& mine = spares();
  if (context != nullptr && mine.count < mine.kept.size()) {
    mine.kept[mine.count++] = context;
  } else {
    EVP_MD_CTX_free(context);
  }
}

EVP_MD_CTX* context_of(void* context) noexcept { return static_cast<EVP_MD_CTX*>(context); }

}  // namespace

Hash sha256(std::string_view bytes) noexcept {
  EVP_MD_CTX* const context = fresh();
  add(context, bytes.data(), bytes.size());
  return end(context);
}

Hash leaf_hash(std::string_view data) noexcept {
  constexpr unsigned char k_leaf = 0;
  EVP_MD_CTX* const context = fresh();
  add(context, &k_leaf, 1);
  add(context, data.data(), data.size());
  return end(context);
}

Hash node_hash(const Hash& left, const Hash& right) noexcept {
  std::array<std::byte, 65> node;
  node[0] = std::byte{1};
  std::copy(left.begin(), left.end(), node.begin() + 1);
  std::copy(right.begin(), right.end(), node.begin() + 33);
  EVP_MD_CTX* const context = fresh();
  add(context, node.data(), node.size());
  return end(context);
}

Sha256::Sha256() : context_(take_context()) { begin(context_of(context_)); }
Sha256::~Sha256() { leave_context(context_of(context_)); }
Sha256::Sha256(Sha256&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}
Sha256& Sha256::operator=(Sha256&& other) noexcept {
  std::swap(context_, other.context_);
  return *this;
}

void Sha256::update(std::string_view bytes) noexcept { add(context_of(context_), bytes.data(), bytes.size()); }
Hash Sha256::finish() noexcept { return end(context_of(context_)); }

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
