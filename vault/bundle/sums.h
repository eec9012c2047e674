// SHA256SUMS: its exact form, the exact set of files, every hash (evidence.md §5, check `sums`).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vault/bundle/bundle_files.h"
#include "vault/bundle/check_list.h"

namespace talon::vault {

struct SumsResult {
  std::optional<Finding> finding;
  std::vector<std::string> unchecked;  ///< listed and intact, but nothing else is known about them
  std::size_t more_unchecked = 0;      ///< beyond those named
};

/// `text` is SHA256SUMS. Error: only when a file cannot be read.
[[nodiscard]] core::Result<SumsResult> check_sums(const BundleFiles& files, std::string_view text);

}  // namespace talon::vault
