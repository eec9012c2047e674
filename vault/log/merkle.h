// RFC 6962 Merkle trees over leaf hashes: appending, roots, and inclusion, consistency and range
// proofs (RFC 6962 §2.1, RFC 9162 §2.1.3–2.1.4; range proofs: evidence.md §5 "range.json").
// Pure functions over values.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "vault/log/sha256.h"

namespace talon::vault {

using TreeSize = std::uint64_t;

/// Root of the empty tree: SHA-256 of nothing.
[[nodiscard]] Hash empty_root() noexcept;

/// The right edge of a growing tree: one root for each set bit of the size, highest first. Appending
/// costs one leaf and, amortised, one node hash.
class Frontier {
 public:
  Frontier() = default;
  /// Error: empty optional-like result is not possible; peaks.size() must equal popcount(size).
  [[nodiscard]] static core::Result<Frontier> restore(TreeSize size, std::vector<Hash> peaks);

  void append(const Hash& leaf);
  /// The root of 2^height leaves at once. Precondition: 2^height divides size().
  void append_subtree(const Hash& root, unsigned height);
  [[nodiscard]] TreeSize size() const noexcept { return size_; }
  [[nodiscard]] Hash root() const noexcept;
  [[nodiscard]] const std::vector<Hash>& peaks() const noexcept { return peaks_; }

 private:
  TreeSize size_ = 0;
  std::vector<Hash> peaks_;
};

/// Root of the perfect subtree [start, start + 2^height): how proofs ask the store for hashes.
/// `start` is a multiple of 2^height and the subtree lies below the tree's size.
using SubtreeRoot = std::function<core::Result<Hash>(TreeSize start, unsigned height)>;

/// Root of the first `size` leaves.
[[nodiscard]] core::Result<Hash> root_of(TreeSize size, const SubtreeRoot& subtree);
[[nodiscard]] core::Result<std::vector<Hash>> inclusion_proof(TreeSize index, TreeSize size,
                                                              const SubtreeRoot& subtree);
[[nodiscard]] core::Result<std::vector<Hash>> consistency_proof(TreeSize old_size, TreeSize size,
                                                                const SubtreeRoot& subtree);

/// `left` and `right` of evidence.md §5 for leaves first … last of a tree of `size`.
struct RangeProof {
  std::vector<Hash> left, right;
};
[[nodiscard]] core::Result<RangeProof> range_proof(TreeSize first, TreeSize last, TreeSize size,
                                                   const SubtreeRoot& subtree);

[[nodiscard]] bool verify_inclusion(TreeSize index, TreeSize size, const Hash& leaf, std::span<const Hash> proof,
                                    const Hash& root) noexcept;
[[nodiscard]] bool verify_consistency(TreeSize old_size, TreeSize size, std::span<const Hash> proof,
                                      const Hash& old_root, const Hash& root) noexcept;

/// Recomputes a root from a range of leaves fed in order and the proof around it. Exact lengths.
class RangeVerifier {
 public:
  /// Wrong length of `left` for `first`: every later answer is nullopt.
  RangeVerifier(TreeSize first, std::vector<Hash> left);
  void append(const Hash& leaf);
  /// The root of `size` leaves, or nullopt when the proof's lengths do not fit.
  [[nodiscard]] std::optional<Hash> root(TreeSize size, std::span<const Hash> right) const;

 private:
  bool fits_ = true;
  Frontier frontier_;
};

}  // namespace talon::vault
