// Trees against the reference roots of RFC 6962's test vectors and, for every size up to 64, against a plain
// recursive definition; then every proof with one thing wrong. A claimed size alone is not among them: proofs do not
// authenticate it (1 of 3 and 1 of 4 leaves have paths of one shape), the signed checkpoint does.
#include <doctest/doctest.h>

#include <bit>

#include "tests/unit/vault/log_world.h"
#include "vault/log/merkle.h"

using namespace talon;
using namespace talon::vault;
using namespace talon::vault::test;

namespace {

constexpr TreeSize k_largest = 64;

/// MTH of RFC 6962 §2.1, word for word.
Hash reference_root(std::span<const Hash> leaves) {
  if (leaves.empty()) return sha256("");
  if (leaves.size() == 1) return leaves.front();
  const std::size_t k = std::bit_floor(leaves.size() - 1);
  return node_hash(reference_root(leaves.first(k)), reference_root(leaves.subspan(k)));
}

struct Tree {
  std::vector<Hash> leaves;
  explicit Tree(TreeSize size) {
    for (TreeSize i = 0; i < size; ++i) leaves.push_back(leaf_hash("leaf " + std::to_string(i)));
  }
  [[nodiscard]] std::span<const Hash> range(TreeSize first, TreeSize count) const {
    return std::span(leaves).subspan(first, count);
  }
  [[nodiscard]] Hash root(TreeSize size) const { return reference_root(range(0, size)); }
  [[nodiscard]] SubtreeRoot subtree(TreeSize size) const {
    return [this, size](TreeSize start, unsigned height) -> core::Result<Hash> {
      const TreeSize count = TreeSize{1} << height;
      if (start % count != 0 || start + count > size) {
        return core::fail(core::Code::internal_error, "asked for a subtree that is not perfect or not there");
      }
      return reference_root(range(start, count));
    };
  }
};

Hash flipped(Hash hash) {
  hash[7] ^= std::byte{1};
  return hash;
}

std::optional<Hash> range_root(const Tree& tree, TreeSize first, TreeSize last, TreeSize size, std::vector<Hash> left,
                               std::span<const Hash> right) {
  RangeVerifier verifier(first, std::move(left));
  for (TreeSize i = first; i <= last; ++i) verifier.append(tree.leaves[i]);
  return verifier.root(size, right);
}

}  // namespace

TEST_CASE("roots are those of RFC 6962's reference implementation") {
  const std::vector<std::string_view> data{
      "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"};
  const std::vector<std::string_view> roots{"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                                            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                                            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                                            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                                            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                                            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                                            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                                            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  Frontier frontier;
  CHECK(frontier.root() == sha256(""));
  for (std::size_t i = 0; i < data.size(); ++i) {
    frontier.append(leaf_hash(*core::hex_decode(data[i])));
    CHECK(to_hex(frontier.root()) == roots[i]);
  }
}

TEST_CASE("a growing frontier has the root of the definition at every size, also when restored") {
  const Tree tree(k_largest);
  Frontier frontier;
  for (TreeSize n = 0; n < k_largest; ++n) {
    CHECK(frontier.root() == tree.root(n));
    CHECK(root_of(n, tree.subtree(n)).value() == tree.root(n));
    const auto restored = Frontier::restore(n, frontier.peaks());
    REQUIRE(restored.has_value());
    CHECK(restored->root() == frontier.root());
    frontier.append(tree.leaves[n]);
  }
  CHECK_FALSE(Frontier::restore(3, {Hash{}}).has_value());
  CHECK_FALSE(Frontier::restore(0, {Hash{}}).has_value());
}

TEST_CASE("every inclusion proof verifies, and none with one thing changed") {
  const Tree tree(k_largest);
  for (TreeSize size = 1; size <= k_largest; ++size) {
    const Hash root = tree.root(size);
    for (TreeSize index = 0; index < size; ++index) {
      const auto made = inclusion_proof(index, size, tree.subtree(size));
      REQUIRE(made.has_value());
      std::vector<Hash> proof = *made;
      const Hash& leaf = tree.leaves[index];
      REQUIRE(verify_inclusion(index, size, leaf, proof, root));
      bool accepted = verify_inclusion(index, size, flipped(leaf), proof, root) ||
                      verify_inclusion(index, size, leaf, proof, flipped(root)) ||
                      verify_inclusion(size, size, leaf, proof, root);
      for (TreeSize other = 0; other < size; ++other) {
        if (other != index) accepted |= verify_inclusion(other, size, leaf, proof, root);
      }
      for (auto& hash : proof) {
        hash = flipped(hash);
        accepted |= verify_inclusion(index, size, leaf, proof, root);
        hash = flipped(hash);
      }
      proof.push_back(leaf);
      accepted |= verify_inclusion(index, size, leaf, proof, root);
      proof.pop_back();
      if (!proof.empty()) {
        proof.pop_back();
        accepted |= verify_inclusion(index, size, leaf, proof, root);
      }
      CHECK_FALSE(accepted);
    }
  }
  CHECK_FALSE(inclusion_proof(3, 3, tree.subtree(3)).has_value());
}

TEST_CASE("every consistency proof verifies, and none with one thing changed") {
  const Tree tree(k_largest);
  for (TreeSize size = 1; size <= k_largest; ++size) {
    for (TreeSize old_size = 1; old_size <= size; ++old_size) {
      const auto made = consistency_proof(old_size, size, tree.subtree(size));
      REQUIRE(made.has_value());
      std::vector<Hash> proof = *made;
      const Hash old_root = tree.root(old_size), root = tree.root(size);
      REQUIRE(verify_consistency(old_size, size, proof, old_root, root));
      bool accepted = verify_consistency(old_size, size, proof, flipped(old_root), root) ||
                      verify_consistency(old_size, size, proof, old_root, flipped(root));
      for (TreeSize other = 1; other <= size; ++other) {
        if (other != old_size) accepted |= verify_consistency(other, size, proof, old_root, root);
      }
      for (auto& hash : proof) {
        hash = flipped(hash);
        accepted |= verify_consistency(old_size, size, proof, old_root, root);
        hash = flipped(hash);
      }
      proof.push_back(root);
      accepted |= verify_consistency(old_size, size, proof, old_root, root);
      proof.pop_back();
      if (!proof.empty()) {
        proof.pop_back();
        accepted |= verify_consistency(old_size, size, proof, old_root, root);
      }
      CHECK_FALSE(accepted);
    }
  }
  CHECK(verify_consistency(0, 5, {}, empty_root(), tree.root(5)));
  CHECK_FALSE(verify_consistency(6, 5, {}, tree.root(6), tree.root(5)));
  CHECK_FALSE(consistency_proof(6, 5, tree.subtree(5)).has_value());
}

TEST_CASE("every range of every tree leads to its root with its proof alone") {
  constexpr TreeSize k_largest_range = 33;
  const Tree tree(k_largest_range);
  for (TreeSize size = 1; size <= k_largest_range; ++size) {
    const Hash root = tree.root(size);
    for (TreeSize first = 0; first < size; ++first) {
      for (TreeSize last = first; last < size; ++last) {
        const auto proof = range_proof(first, last, size, tree.subtree(size));
        REQUIRE(proof.has_value());
        CHECK(proof->left.size() == static_cast<std::size_t>(std::popcount(first)));
        CHECK(range_root(tree, first, last, size, proof->left, proof->right) == root);

        auto longer = proof->right;
        longer.push_back(root);
        CHECK_FALSE(range_root(tree, first, last, size, proof->left, longer));
        if (!proof->right.empty()) {
          auto shorter = proof->right;
          shorter.pop_back();
          CHECK_FALSE(range_root(tree, first, last, size, proof->left, shorter));
        }
        auto left = proof->left;
        left.push_back(root);
        CHECK_FALSE(range_root(tree, first, last, size, left, proof->right));
      }
    }
  }
  CHECK_FALSE(range_proof(2, 1, 5, tree.subtree(5)).has_value());
  CHECK_FALSE(range_proof(2, 5, 5, tree.subtree(5)).has_value());
}

TEST_CASE("an error while reading hashes ends a proof") {
  const SubtreeRoot broken = [](TreeSize, unsigned) -> core::Result<Hash> {
    return core::fail(core::Code::vault_corrupt, "torn");
  };
  CHECK(root_of(5, broken).error().code == core::Code::vault_corrupt);
  CHECK(inclusion_proof(2, 5, broken).error().code == core::Code::vault_corrupt);
  CHECK(consistency_proof(2, 5, broken).error().code == core::Code::vault_corrupt);
  CHECK(range_proof(1, 2, 5, broken).error().code == core::Code::vault_corrupt);
}
