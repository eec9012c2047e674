// A bundle with its small files read: what the checks of evidence.md §6 share. What is missing, over its bound or not
// canonical is simply not there, and the checks that need it are skipped.
#pragma once

#include <optional>
#include <string>

#include "vault/bundle/bundle_files.h"
#include "vault/bundle/check_list.h"
#include "vault/bundle/manifest.h"

namespace talon::vault {

struct OpenedBundle {
  explicit OpenedBundle(const BundleFiles& bundle_files) : files(bundle_files) {}

  const BundleFiles& files;
  ReadManifest manifest;  ///< without members when bundle.json is not canonical
  std::optional<std::string> sums, signature, note;
  std::optional<Checkpoint> claimed;  ///< what the checkpoint's text says, whoever signed it
  std::optional<RangeProof> range;    ///< empty for a whole log
  bool has_range_file = false;        ///< range.json is there, within its bound, and belongs there
  std::optional<Finding> range_form;  ///< range.json is canonical, but not a range proof
};

/// Why this is not for this version to judge (exit 3): bundle.json's text is no JSON object, of another format, or needs
/// what is not known here.
[[nodiscard]] core::Result<void> check_readable(std::string_view manifest_text);

/// Reads the small files and settles `file`, and `canonical` for bundle.json and range.json. Precondition: bundle.json
/// is within its bound. Error: only when a file cannot be read.
[[nodiscard]] core::Result<void> read_small_files(std::string_view manifest_text, OpenedBundle& bundle,
                                                  CheckList& checks);

/// `minisig`, `key` and `checkpoint`; `meta` but for what counts lines.
void check_minisig(const OpenedBundle& bundle, CheckList& checks);
void check_meta(const OpenedBundle& bundle, CheckList& checks);
void check_key(const OpenedBundle& bundle, const std::optional<PinnedKeys>& pinned, CheckList& checks);
/// The checkpoint, when its signatures are right.
[[nodiscard]] std::optional<Checkpoint> check_checkpoint(const OpenedBundle& bundle, CheckList& checks);

}  // namespace talon::vault
