// SHA-256 (FIPS 180-4) and the Merkle hashes of RFC 6962 §2.1. With ed25519.cpp the only place in vault/ that knows
// OpenSSL; libsodium's SHA-256 is four times slower where the processor has SHA instructions.
//
// Any thread may call; nothing is allocated.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/evidence_record.h"

namespace talon::vault {

using core::Hash;

[[nodiscard]] Hash sha256(std::string_view bytes) noexcept;
/// hash(00 || data)
[[nodiscard]] Hash leaf_hash(std::string_view data) noexcept;
/// hash(01 || left || right)
[[nodiscard]] Hash node_hash(const Hash& left, const Hash& right) noexcept;

/// Incremental; one owner.
class Sha256 {
 public:
  Sha256() noexcept;
  void update(std::string_view bytes) noexcept;
  /// Ends the hash; the object may only be destroyed or assigned afterwards.
  [[nodiscard]] Hash finish() noexcept;

 private:
  alignas(std::uint64_t) std::array<std::byte, 112> state_;  ///< OpenSSL's, kept out of this header
};

/// The bytes of a hash as text view, for concatenation.
[[nodiscard]] inline std::string_view bytes_of(const Hash& hash) noexcept {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}
[[nodiscard]] std::string to_base64(const Hash& hash);
[[nodiscard]] std::string to_hex(const Hash& hash);
/// nullopt unless this is the one base64 spelling of 32 bytes.
[[nodiscard]] std::optional<Hash> hash_from_base64(std::string_view text);
/// `bytes` are 32, else the answer is all zeros.
[[nodiscard]] Hash hash_from_bytes(std::string_view bytes) noexcept;

}  // namespace talon::vault
