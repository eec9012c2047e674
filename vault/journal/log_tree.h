// A log's growing tree as the journal keeps it: the frontier of RFC 6962, and each hash that becomes a tile's hash
// (the root of 256^level leaves) on the way.
#pragma once

#include <vector>

#include "vault/log/merkle.h"

namespace talon::vault {

class LogTree {
 public:
  LogTree() = default;
  /// `peaks`: one for each set bit of `size`, highest first.
  LogTree(TreeSize size, std::vector<Hash> peaks) : size_(size), peaks_(std::move(peaks)) {}

  /// Calls `node(level, n, hash)` for each perfect subtree of 256^level leaves, level ≥ 1, that this leaf completes.
  template <class Node>
  void append(Hash hash, Node node) {
    unsigned height = 0;
    for (TreeSize rest = size_; (rest & 1) != 0; rest >>= 1) {
      hash = node_hash(peaks_.back(), hash);
      peaks_.pop_back();
      if (++height % 8 == 0) node(height / 8, size_ >> height, hash);
    }
    peaks_.push_back(hash);
    ++size_;
  }
  [[nodiscard]] TreeSize size() const noexcept { return size_; }
  [[nodiscard]] const std::vector<Hash>& peaks() const noexcept { return peaks_; }

 private:
  TreeSize size_ = 0;
  std::vector<Hash> peaks_;
};

}  // namespace talon::vault
