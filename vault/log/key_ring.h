// The key files of a vault: made once by `talon init`, read by whoever may read them.
//
// <data dir>/keys/            0700
//   log.key, export.key       Ed25519 seeds, base64, one line, 0600
//   vault.secret              32 random bytes, base64, 0600: keys the seal
//   sealing/                  0700: <n>.key, 32 random bytes, base64, 0600: seals content keys and provider keys at rest
// <data dir>/vault.pub        vkey LF RW… LF, 0644 inside the 0700 directory: what auditors get
// <data dir>/admin.key        one line, 0600
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/random.h"
#include "core/secret.h"
#include "vault/log/minisign.h"
#include "vault/log/note.h"

namespace talon::vault {

struct PublicKeys {
  VerifierKey log_key;
  MinisignKey export_key;
  /// The two lines of vault.pub.
  [[nodiscard]] std::string text() const;
};

/// What a verifier was given to pin: at least one is set.
struct PinnedKeys {
  std::optional<VerifierKey> log_key;
  std::optional<MinisignKey> export_key;
};
/// `--key`: a vkey or RW… when it has that form, else a file with lines of these forms, at most one of
/// each; `untrusted comment:` and empty lines are skipped. Error: Code::usage.
[[nodiscard]] core::Result<PinnedKeys> read_pinned_keys(std::string_view argument);

struct KeyRing {
  std::string vault_name;
  SigningKey log_key;
  SigningKey export_key;
  core::Secret vault_secret;  ///< 32 bytes
  core::Secret sealing_key;   ///< newest, 32 bytes
  [[nodiscard]] PublicKeys public_keys() const;

  [[nodiscard]] static KeyRing generate(std::string vault_name, core::Random& random);
  /// Writes every file (fsynced, 0600 in 0700). Error when one exists.
  [[nodiscard]] core::Result<void> write(const std::filesystem::path& data_dir, core::Random& random) const;
  /// Error: Code::key_missing, key_invalid, vault_permission, naming the file and the remedy.
  [[nodiscard]] static core::Result<KeyRing> load(const std::filesystem::path& data_dir);
};

/// vault.pub of a data directory, without touching the private keys.
[[nodiscard]] core::Result<PublicKeys> load_public_keys(const std::filesystem::path& data_dir);

}  // namespace talon::vault
