// BodyBudget: request bodies of all workers together are bounded (house.md, invariant 7). A body that
// fits in its connection's first buffer does not count: connections are bounded too.
//
// Thread rule: any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace talon::gateway {

class BodyBudget {
 public:
  static constexpr std::int64_t k_bytes = 512LL << 20;

  /// False: the bound is reached; nothing was taken.
  [[nodiscard]] bool take(std::int64_t bytes) noexcept {
    if (used_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= k_bytes) return true;
    give_back(bytes);
    return false;
  }
  void give_back(std::int64_t bytes) noexcept { used_.fetch_sub(bytes, std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> used_{0};
};

/// What one body has taken; given back when it goes.
class BodyShare {
 public:
  explicit BodyShare(BodyBudget& budget) noexcept : budget_(budget) {}
  ~BodyShare() { clear(); }
  BodyShare(const BodyShare&) = delete;
  BodyShare& operator=(const BodyShare&) = delete;

  /// Grows the share to at least `bytes`. False: the budget is used up.
  [[nodiscard]] bool reach(std::int64_t bytes) noexcept {
    if (bytes <= taken_) return true;
    if (!budget_.take(bytes - taken_)) return false;
    taken_ = bytes;
    return true;
  }
  void clear() noexcept {
    if (taken_ > 0) budget_.give_back(taken_);
    taken_ = 0;
  }

 private:
  BodyBudget& budget_;
  std::int64_t taken_ = 0;
};

}  // namespace talon::gateway
