// The one pass over records.jsonl: canonical form, the common members, order, times and leaf hashes, each record seen
// once and none kept. Memory: one buffer, and 16 bytes for each record (its id, to find repeated ones), which is less
// than the file itself takes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "vault/bundle/bundle_files.h"
#include "vault/bundle/check_list.h"
#include "vault/bundle/manifest.h"

namespace talon::vault {

/// Where the lines stop being what leaves.bin lists.
struct LeafDifference {
  TreeSize position = 0;  ///< from the first line on
  std::string record;     ///< how the line there names itself; empty where one of the two has ended
};

struct RecordPass {
  std::optional<Finding> canonical;  ///< when set, nothing below means anything
  TreeSize lines = 0;
  std::optional<Finding> record, order;
  bool typed = true;  ///< the common members of all records have their types; else `record` tells, and `order` and the
                      ///< counts below mean nothing
  TreeSize before_from = 0, in_period = 0, at_or_after_to = 0;
  std::optional<core::Instant> first_time, last_time;
  bool has_genesis = false;
  std::map<std::string, std::int64_t> kinds;  ///< at most k_max_kinds names, the rest as "(others)"
  std::optional<LeafDifference> leaf;         ///< only when leaves.bin is there
  std::optional<RangeVerifier> tree;          ///< only when a range proof was given
};

inline constexpr std::size_t k_max_kinds = 64;

/// `range`: nullopt when there is none to be trusted; empty vectors for a whole log. Error: only when a file cannot
/// be read.
[[nodiscard]] core::Result<RecordPass> pass_over_records(const BundleFiles& files, const BundleEntry& records,
                                                         const BundleEntry* leaves, const ReadManifest& manifest,
                                                         const std::optional<RangeProof>& range);

/// The root that leaves.bin itself leads to, or nullopt when the lengths do not fit.
[[nodiscard]] core::Result<std::optional<Hash>> root_of_leaves(const BundleFiles& files, const BundleEntry& leaves,
                                                               TreeSize first, TreeSize size, const RangeProof& range);

}  // namespace talon::vault
