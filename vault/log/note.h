// Keys and signed notes: C2SP signed-note and tlog-checkpoint, Ed25519 (RFC 8032, no cofactor).
// A checkpoint is a note over "origin\nsize\nbase64(root)\n" (evidence.md §2). Pure values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/random.h"
#include "core/secret.h"
#include "core/tenant_id.h"
#include "vault/log/merkle.h"

namespace talon::vault {

/// An admissible Ed25519 public key: 32 bytes, none of the small-order encodings of evidence.md §3.
class PublicKey {
 public:
  [[nodiscard]] static core::Result<PublicKey> admit(std::string_view bytes);
  [[nodiscard]] std::string_view bytes() const noexcept { return {bytes_.data(), bytes_.size()}; }
  /// Plain RFC 8032 verification: S < L, R compared as bytes.
  [[nodiscard]] bool verifies(std::string_view message, std::string_view signature) const noexcept;
  friend bool operator==(const PublicKey&, const PublicKey&) = default;

 private:
  std::array<char, 32> bytes_{};
};

/// An Ed25519 seed and its public key. Wiped when it goes.
class SigningKey {
 public:
  [[nodiscard]] static SigningKey generate(core::Random& random);
  /// `seed`: 32 bytes.
  [[nodiscard]] static core::Result<SigningKey> from_seed(core::Secret seed);
  [[nodiscard]] const core::Secret& seed() const noexcept { return seed_; }
  [[nodiscard]] const PublicKey& public_key() const noexcept { return public_key_; }
  /// 64 bytes.
  [[nodiscard]] std::string sign(std::string_view message) const;

 private:
  SigningKey(core::Secret seed, PublicKey public_key) : seed_(std::move(seed)), public_key_(public_key) {}
  core::Secret seed_;
  PublicKey public_key_;
};

/// `name+hex8+base64(01 || key)`. Base64 may hold '+': only the first two '+' part the fields.
struct VerifierKey {
  std::string name;
  PublicKey key;
  [[nodiscard]] static core::Result<VerifierKey> parse(std::string_view text);
  [[nodiscard]] std::string text() const;
  /// SHA-256(name || 0A || 01 || key)[0:4].
  [[nodiscard]] std::array<char, 4> id() const;
};

struct Checkpoint {
  std::string origin;
  TreeSize size = 0;
  Hash root{};
  [[nodiscard]] std::string text() const;  ///< the signed text, three lines
};

/// Origin of a log: `<vault>/t/<hex of hash(log name)>`.
[[nodiscard]] std::string origin_of(std::string_view vault_name, const core::LogName& log);
/// Segments `[a-z0-9][a-z0-9._-]*` joined by '/', at most 128 bytes, none of them `t`.
[[nodiscard]] core::Result<void> check_vault_name(std::string_view name);

/// The signed part of a note: all up to the LF before its last empty line. Checks form (UTF-8, no
/// control characters, at most 65,536 bytes), no signature.
[[nodiscard]] core::Result<std::string_view> signed_text(std::string_view note);
/// Exactly the three lines of Checkpoint::text(). Says nothing about who signed it.
[[nodiscard]] core::Result<Checkpoint> read_checkpoint_text(std::string_view text);

/// The whole note: text, blank line, one signature line under key name `vault_name`.
[[nodiscard]] std::string sign_checkpoint(const Checkpoint& checkpoint, std::string_view vault_name,
                                          const SigningKey& key);
/// Strict: exactly three text lines, 1–16 well-formed signature lines, every line with the key's
/// name and id verifies, at least one there; others are ignored.
[[nodiscard]] core::Result<Checkpoint> open_checkpoint(std::string_view note, const VerifierKey& key);

}  // namespace talon::vault
