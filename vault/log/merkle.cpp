#include "vault/log/merkle.h"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

namespace talon::vault {
namespace {

/// The split of RFC 6962 §2.1: the largest power of two below n, n > 1.
TreeSize split(TreeSize n) noexcept { return std::bit_floor(n - 1); }

unsigned height_of(TreeSize power_of_two) noexcept { return static_cast<unsigned>(std::countr_zero(power_of_two)); }

/// Root of leaves [start, start + n), n > 0: perfect subtrees joined from the right.
core::Result<Hash> range_root(TreeSize start, TreeSize n, const SubtreeRoot& subtree) {
  if (std::has_single_bit(n)) return subtree(start, height_of(n));
  const TreeSize half = split(n);
  TALON_TRY(left, subtree(start, height_of(half)));
  TALON_TRY(right, range_root(start + half, n - half, subtree));
  return node_hash(left, right);
}

/// SUBPROOF(m, D[n], b) of RFC 6962 §2.1.2 over leaves [start, start + n).
core::Result<void> subproof(TreeSize m, TreeSize start, TreeSize n, bool complete, const SubtreeRoot& subtree,
                            std::vector<Hash>& proof) {
  if (m == n) {
    if (complete) return {};
    TALON_TRY(root, range_root(start, n, subtree));
    proof.push_back(root);
    return {};
  }
  const TreeSize half = split(n);
  if (m <= half) {
    TALON_TRY_VOID(subproof(m, start, half, complete, subtree, proof));
    TALON_TRY(right, range_root(start + half, n - half, subtree));
    proof.push_back(right);
    return {};
  }
  TALON_TRY_VOID(subproof(m - half, start + half, n - half, false, subtree, proof));
  TALON_TRY(left, subtree(start, height_of(half)));
  proof.push_back(left);
  return {};
}

/// Height of the perfect subtree that a range proof's `right` continues with at `at` < `size`.
unsigned right_height(TreeSize at, TreeSize size) noexcept {
  const auto aligned = static_cast<unsigned>(std::countr_zero(at));
  const auto fits = static_cast<unsigned>(std::bit_width(size - at)) - 1;
  return std::min(aligned, fits);
}

/// One step up of RFC 9162 §2.1.3.2: drops the bits of a right edge that has no sibling.
void shift_past_edge(TreeSize& index, TreeSize& last) noexcept {
  while ((index & 1) == 0 && index != 0) {
    index >>= 1;
    last >>= 1;
  }
}

core::Error out_of_range(std::string_view what) {
  return core::Error{core::Code::internal_error, std::string(what) + " lies outside the tree", std::nullopt};
}

}  // namespace

Hash empty_root() noexcept { return sha256({}); }

core::Result<Frontier> Frontier::restore(TreeSize size, std::vector<Hash> peaks) {
  if (peaks.size() != static_cast<std::size_t>(std::popcount(size))) {
    return core::fail(core::Code::vault_corrupt, "a stored frontier has " + std::to_string(peaks.size()) +
                                                     " hashes, which do not fit its size " + std::to_string(size));
  }
  Frontier frontier;
  frontier.size_ = size;
  frontier.peaks_ = std::move(peaks);
  return frontier;
}

void Frontier::append(const Hash& leaf) { append_subtree(leaf, 0); }

void Frontier::append_subtree(const Hash& root, unsigned height) {
  Hash merged = root;
  for (TreeSize rest = size_ >> height; (rest & 1) != 0; rest >>= 1) {
    merged = node_hash(peaks_.back(), merged);
    peaks_.pop_back();
  }
  peaks_.push_back(merged);
  size_ += TreeSize{1} << height;
}

Hash Frontier::root() const noexcept {
  if (peaks_.empty()) return empty_root();
  Hash root = peaks_.back();
  for (std::size_t i = peaks_.size() - 1; i-- > 0;) root = node_hash(peaks_[i], root);
  return root;
}

core::Result<Hash> root_of(TreeSize size, const SubtreeRoot& subtree) {
  if (size == 0) return empty_root();
  return range_root(0, size, subtree);
}

core::Result<std::vector<Hash>> inclusion_proof(TreeSize index, TreeSize size, const SubtreeRoot& subtree) {
  if (index >= size) return core::fail(out_of_range("leaf " + std::to_string(index)));
  std::vector<Hash> from_root;
  TreeSize start = 0;
  for (TreeSize n = size; n > 1;) {
    const TreeSize half = split(n);
    const bool in_left = index - start < half;
    TALON_TRY(sibling, in_left ? range_root(start + half, n - half, subtree) : range_root(start, half, subtree));
    from_root.push_back(sibling);
    if (!in_left) start += half;
    n = in_left ? half : n - half;
  }
  return std::vector<Hash>(from_root.rbegin(), from_root.rend());
}

core::Result<std::vector<Hash>> consistency_proof(TreeSize old_size, TreeSize size, const SubtreeRoot& subtree) {
  if (old_size > size) return core::fail(out_of_range("size " + std::to_string(old_size)));
  std::vector<Hash> proof;
  if (old_size == 0 || old_size == size) return proof;
  TALON_TRY_VOID(subproof(old_size, 0, size, true, subtree, proof));
  return proof;
}

core::Result<RangeProof> range_proof(TreeSize first, TreeSize last, TreeSize size, const SubtreeRoot& subtree) {
  if (first > last || last >= size) return core::fail(out_of_range("record " + std::to_string(last)));
  RangeProof proof;
  TreeSize start = 0;
  for (TreeSize bit = std::bit_floor(first); bit != 0; bit >>= 1) {
    if ((first & bit) == 0) continue;
    TALON_TRY(root, subtree(start, height_of(bit)));
    proof.left.push_back(root);
    start += bit;
  }
  for (TreeSize at = last + 1; at < size;) {
    const unsigned height = right_height(at, size);
    TALON_TRY(root, subtree(at, height));
    proof.right.push_back(root);
    at += TreeSize{1} << height;
  }
  return proof;
}

bool verify_inclusion(TreeSize index, TreeSize size, const Hash& leaf, std::span<const Hash> proof,
                      const Hash& root) noexcept {
  if (index >= size) return false;
  TreeSize at = index;
  TreeSize last = size - 1;
  Hash hash = leaf;
  for (const Hash& sibling : proof) {
    if (last == 0) return false;
    if ((at & 1) != 0 || at == last) {
      hash = node_hash(sibling, hash);
      shift_past_edge(at, last);
    } else {
      hash = node_hash(hash, sibling);
    }
    at >>= 1;
    last >>= 1;
  }
  return last == 0 && hash == root;
}

bool verify_consistency(TreeSize old_size, TreeSize size, std::span<const Hash> proof, const Hash& old_root,
                        const Hash& root) noexcept {
  if (old_size > size) return false;
  if (old_size == size) return proof.empty() && old_root == root;
  if (old_size == 0) return proof.empty() && old_root == empty_root();
  if (proof.empty()) return false;
  // A complete old tree is its own first element (RFC 9162 §2.1.4.2 step 2).
  const bool complete = std::has_single_bit(old_size);
  const Hash& start = complete ? old_root : proof.front();
  TreeSize at = old_size - 1;
  TreeSize last = size - 1;
  while ((at & 1) != 0) {
    at >>= 1;
    last >>= 1;
  }
  Hash old_hash = start;
  Hash hash = start;
  for (const Hash& sibling : proof.subspan(complete ? 0 : 1)) {
    if (last == 0) return false;
    if ((at & 1) != 0 || at == last) {
      old_hash = node_hash(sibling, old_hash);
      hash = node_hash(sibling, hash);
      shift_past_edge(at, last);
    } else {
      hash = node_hash(hash, sibling);
    }
    at >>= 1;
    last >>= 1;
  }
  return last == 0 && old_hash == old_root && hash == root;
}

RangeVerifier::RangeVerifier(TreeSize first, std::vector<Hash> left) {
  auto restored = Frontier::restore(first, std::move(left));
  fits_ = restored.has_value();
  if (fits_) frontier_ = std::move(*restored);
}

void RangeVerifier::append(const Hash& leaf) { frontier_.append(leaf); }

std::optional<Hash> RangeVerifier::root(TreeSize size, std::span<const Hash> right) const {
  if (!fits_ || frontier_.size() > size) return std::nullopt;
  Frontier whole = frontier_;
  for (const Hash& subtree : right) {
    if (whole.size() >= size || whole.size() == 0) return std::nullopt;
    whole.append_subtree(subtree, right_height(whole.size(), size));
  }
  if (whole.size() != size) return std::nullopt;
  return whole.root();
}

}  // namespace talon::vault
