// What a bundle consists of (evidence.md §5): file names and bounds, bundle.json, range.json, and the comments of the
// signature. Writer and verifier share the shapes; what is right is decided by the verifier alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/tenant_id.h"
#include "core/time.h"
#include "vault/log/merkle.h"

namespace talon::vault {

inline constexpr std::string_view k_bundle_format = "talon-bundle/v1";

inline constexpr std::string_view k_readme_file = "README.txt";
inline constexpr std::string_view k_sums_file = "SHA256SUMS";
inline constexpr std::string_view k_signature_file = "SHA256SUMS.minisig";
inline constexpr std::string_view k_manifest_file = "bundle.json";
inline constexpr std::string_view k_checkpoint_file = "checkpoint";
inline constexpr std::string_view k_leaves_file = "leaves.bin";
inline constexpr std::string_view k_range_file = "range.json";
inline constexpr std::string_view k_records_file = "records.jsonl";

/// README.txt, bundle.json, range.json, checkpoint, SHA256SUMS.minisig.
inline constexpr std::uint64_t k_max_small_file = 65'536;
inline constexpr std::uint64_t k_max_sums_file = 64ULL << 20;
inline constexpr std::size_t k_max_path = 100;

/// Segments `[A-Za-z0-9][A-Za-z0-9._-]*` joined by '/', at most 100 bytes.
[[nodiscard]] bool is_bundle_path(std::string_view path) noexcept;

/// bundle.json, its values well typed.
struct Manifest {
  std::optional<std::string> tenant;
  std::string origin;
  std::string key;         ///< vkey in force
  std::string export_key;  ///< RW…
  TreeSize first = 0, last = 0, size = 0;
  Hash root{};
  std::int64_t count = 0;  ///< records in the period
  std::optional<core::Instant> from, to;
  std::string writer;

  [[nodiscard]] bool is_whole_log() const noexcept { return first == 0 && last + 1 == size; }
};

/// The canonical line with its LF.
[[nodiscard]] std::string to_file(const Manifest& manifest);
[[nodiscard]] std::string to_file(const RangeProof& range);

/// The two parts of an origin `<vault>/t/<64 hex>`, or nullopt for another form.
struct OriginParts {
  std::string_view vault, log_hash;
};
[[nodiscard]] std::optional<OriginParts> split_origin(std::string_view origin) noexcept;

/// `talon-bundle/v1 tenant=T origin=O records=F-L size=N root=R`.
[[nodiscard]] std::string trusted_comment(const Manifest& manifest);

/// README.txt: how to check the bundle, what comes out, and what it does not prove. ASCII, LF.
enum class PeriodEnd { closed, open };
[[nodiscard]] std::string readme(const Manifest& manifest, PeriodEnd end);

}  // namespace talon::vault
