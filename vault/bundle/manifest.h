// bundle.json as a verifier meets it: all its members are there in the right form, or none is and `problem` says why
// (the check `meta`). Checks that take one of them as input are skipped then. What is well formed but wrong in what it
// says stays, so that other checks can still speak.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/canonical_json.h"
#include "vault/bundle/layout.h"
#include "vault/log/minisign.h"
#include "vault/log/note.h"

namespace talon::vault {

struct ReadManifest {
  bool is_read = false;     ///< bundle.json is canonical
  bool has_tenant = false;  ///< the member stands there, well typed or not
  std::optional<std::string> tenant;
  std::optional<std::string> origin;
  std::optional<OriginParts> origin_parts;  ///< views into `origin`: not movable once set
  std::optional<VerifierKey> key;
  std::optional<std::string> key_text, export_key_text;
  std::optional<MinisignKey> export_key;
  std::optional<TreeSize> first, last, size;
  std::optional<Hash> root;
  std::optional<std::int64_t> count;
  bool has_from = false, has_to = false;
  std::optional<core::Instant> from, to;
  std::vector<std::string> unknown_members;
  std::optional<std::string> problem;  ///< the first member that is missing or ill formed, as a sentence

  ReadManifest() = default;
  ReadManifest(const ReadManifest&) = delete;
  ReadManifest& operator=(const ReadManifest&) = delete;

  [[nodiscard]] bool is_usable() const noexcept { return is_read && !problem; }
  /// Whose log it is, or that it is no tenant's.
  [[nodiscard]] bool knows_tenant() const noexcept { return is_read && has_tenant == tenant.has_value(); }
  [[nodiscard]] bool has_range() const noexcept { return first && last && size; }
  /// Precondition: has_range().
  [[nodiscard]] bool is_whole_log() const noexcept { return *first == 0 && *last + 1 == *size; }
  /// The comment the signature must carry; nullopt when a part of it is missing.
  [[nodiscard]] std::optional<std::string> trusted_comment() const;
};

/// `object` is bundle.json, canonical.
void read_manifest(const core::CanonicalObject& object, ReadManifest& manifest);

/// range.json: exactly `left` and `right`, arrays of hashes.
[[nodiscard]] core::Result<RangeProof> read_range(std::string_view canonical_line);

}  // namespace talon::vault
