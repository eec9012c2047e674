// What the bundle writer needs from a log: lines, times and subtree hashes. The store implements it
// over LMDB; tests over a vector.
#pragma once

#include <functional>
#include <string_view>

#include "core/evidence_record.h"
#include "vault/log/merkle.h"

namespace talon::vault {

/// One log as it stood at `size()`; what is read later never exceeds it. One thread.
class LogSource {
 public:
  virtual ~LogSource() = default;
  [[nodiscard]] virtual TreeSize size() const = 0;
  /// Calls `line` for first … last in order with the exact stored bytes. The store reads in slices and
  /// holds no transaction while `line` runs.
  [[nodiscard]] virtual core::Result<void> lines(
      TreeSize first, TreeSize last, const std::function<core::Result<void>(std::string_view)>& line) const = 0;
  /// Calls `leaf` for the leaf hashes of first … last in order, as the log's tree has them.
  [[nodiscard]] virtual core::Result<void> leaves(TreeSize first, TreeSize last,
                                                  const std::function<core::Result<void>(const Hash&)>& leaf) const {
    return lines(first, last, [&leaf](std::string_view line) { return leaf(leaf_hash(line)); });
  }
  [[nodiscard]] virtual core::Result<core::Instant> time_of(TreeSize seq) const = 0;
  [[nodiscard]] virtual core::Result<Hash> subtree_root(TreeSize start, unsigned height) const = 0;
};

}  // namespace talon::vault
