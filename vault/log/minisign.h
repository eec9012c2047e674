// minisign keys and prehashed signatures (jedisct1.github.io/minisign): base64("Ed" || key id || key),
// signature "ED" over BLAKE2b-512 of the file, trusted comment bound by the global signature.
// Talon's key id is hash(key)[0:8] (evidence.md §3).
#pragma once

#include <string>
#include <string_view>

#include "vault/log/note.h"

namespace talon::vault {

struct MinisignKey {
  std::array<char, 8> id{};
  PublicKey key;
  /// `RW…`, 56 characters. Refuses small-order keys and key ids that are not Talon's.
  [[nodiscard]] static core::Result<MinisignKey> parse(std::string_view text);
  [[nodiscard]] static MinisignKey of(const PublicKey& key);
  [[nodiscard]] std::string text() const;
};

/// The four lines of a .minisig file.
[[nodiscard]] std::string minisign(std::string_view file_bytes, std::string_view untrusted_comment,
                                   std::string_view trusted_comment, const SigningKey& key);

/// Exactly four lines, both comments as given, key id, both signatures.
[[nodiscard]] core::Result<void> verify_minisign(std::string_view signature_file, std::string_view file_bytes,
                                                 std::string_view untrusted_comment, std::string_view trusted_comment,
                                                 const MinisignKey& key);

}  // namespace talon::vault
