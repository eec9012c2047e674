// The bundle verifier (evidence.md §6): an auditor's tool. It knows core and vault/log only: no LMDB,
// no network, bounded on hostile input, and nothing but its arguments decides.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/tenant_id.h"
#include "core/time.h"
#include "vault/bundle/writer.h"
#include "vault/log/key_ring.h"

namespace talon::vault {

enum class CheckStatus { pass, fail, skip };

struct Check {
  std::string id;  ///< file, sums, minisig, meta, key, checkpoint, canonical, record, order, leaf, root, period
  CheckStatus status = CheckStatus::skip;
  std::optional<std::string> first_bad;  ///< the record (seq and id) or file
  std::string detail;
};

/// What the auditor asked for.
struct VerifyOptions {
  std::optional<PinnedKeys> pinned;
  std::string key_source = "bundle";  ///< "flag", "local vault" or "bundle"
  std::optional<core::LogName> expected_log;
  Period expected_period;
  bool require_pinned = true;
};

struct VerifyReport {
  std::string verdict;  ///< valid, invalid, unproven
  int exit = 3;
  std::vector<std::string> facts, required;
  std::string pinned_by;              ///< what the fact "pinned" rests on: "log key", "export key", or empty
  std::vector<std::string> unproven;  ///< why the exit is 4: sentences, each with a remedy where there is one
  std::optional<std::string> tenant;
  std::string origin;
  TreeSize first = 0, last = 0, size = 0;
  bool whole = false;
  std::optional<core::Instant> time_first, time_last;
  std::int64_t records = 0;                   ///< in the period
  Period period;                              ///< the bundle's
  bool open_end = false;                      ///< no record stands at or after `period.to`
  std::map<std::string, std::int64_t> kinds;  ///< of all lines, unknown kinds included
  std::string key;                            ///< vkey of the bundle
  std::string key_source;
  std::vector<Check> checks;  ///< in the order of evidence.md §6
  std::vector<std::string> not_proven;
  std::vector<std::string> notes;  ///< unknown members and kinds, unchecked files, open end, period
};

/// Error: only what exits 3 (Code::bundle_unreadable, not_supported); everything else is in the report.
[[nodiscard]] core::Result<VerifyReport> verify_bundle(const std::filesystem::path& path, const VerifyOptions& options);
/// The same for the bytes of a `.talon` in memory.
[[nodiscard]] core::Result<VerifyReport> verify_bundle_bytes(std::string_view talon, const VerifyOptions& options);

}  // namespace talon::vault
